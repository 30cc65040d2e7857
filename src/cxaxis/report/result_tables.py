"""Tables of results as the page shows them: captions, headers and texts."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from cxaxis.figures.style import days_per_month
from cxaxis.report.words import NO_ESTIMATE, count_of, p_value, percent, ratio
from cxaxis.trial.events import END_POINTS
from cxaxis.trial.results import TrialResults

_RESPONSES = {
    "ORR": "complete or partial response",
    "CR": "complete response",
    "R0": "R0 resection",
    "PCR": "pathological complete response",
    "MPR": "major pathological response",
}
_MODELS = {
    "marker": "CXCR4 stain alone",
    "stage": "stage alone",
    "both": "CXCR4 stain and stage",
    "gain": "gain over stage alone",
}


@dataclass(frozen=True, kw_only=True)
class PageTable:
    """A table of the page.

    Attributes
    ----------
    title
        Short name, for the heading and for readers who do not see the page.
    caption
        What it holds and how it was made.
    columns
        Headers; the first column heads its row.
    rows
        Texts.
    """

    title: str
    caption: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


def outcome_tables(results: TrialResults, labels: Mapping[str, str]) -> list[PageTable]:
    """Return the tables of what the allocated trial and the pool show, those with rows."""
    made = (
        _ratios(results.tables["hazard_ratios"], labels),
        _means(results.tables["restricted_means"], labels),
        _needed(results.tables["number_needed"], labels),
        _responses(results.tables["response_rates"], labels),
        _individual(results.tables["individual_summary"], labels),
        _concordance(results.tables["concordance"], labels),
        _looks(results.tables["interim_looks"]),
    )
    return [table for table in made if table.rows]


def variance_table(results: TrialResults, labels: Mapping[str, str]) -> PageTable | None:
    """Return the split of the spread over draws, None without draws."""

    def row(item: Any) -> tuple[str, ...]:
        value = _fixed(item.VARIANCE, 5)
        if item.NOTE and pd.isna(item.VARIANCE):
            value = f"not told apart: {item.NOTE}"
        limits = "" if pd.isna(item.LOW) else f"{item.LOW:.5f}–{item.HIGH:.5f}"
        sd = "" if pd.isna(item.SD) else f"{item.SD:.3f}"
        return labels.get(item.ARM, item.ARM), item.MEANING, value, limits, sd

    table = PageTable(
        title="Where the spread comes from",
        caption=(
            "Variance of the log ratio of death rates over draws of what is not known. Sampling of "
            "patients within a draw is estimated by bootstrap of this run's pool, whose effect may "
            "be smaller than that of a draw, and taken off; parameters and wiring "
            "follow from an analysis of variance with the wirings as groups."
        ),
        columns=("Arm", "Source", "Variance", "95 % limits", "Standard deviation"),
        rows=_rows(results.tables["variance_split"], row),
    )
    return table if table.rows else None


def _ratios(frame: pd.DataFrame, labels: Mapping[str, str]) -> PageTable:
    return PageTable(
        title="Hazard ratios",
        caption=(
            "Cox regression (Efron's rule for ties, Wald 95 % interval) and two-sided log-rank "
            "test of the allocated trial, without strata and within the strata of the protocol. "
            "Not adjusted for the number of end points and arms."
        ),
        columns=("End point", "Arm", "Strata", "Hazard ratio (95 % CI)", "Log-rank p", "Events"),
        rows=_rows(
            frame,
            lambda item: (
                END_POINTS.get(item.PARAMCD, item.PARAMCD),
                labels.get(item.ARM, item.ARM),
                item.STRATA or "none",
                NO_ESTIMATE if pd.isna(item.HR) else ratio(item.HR, item.LOW, item.HIGH),
                p_value(None if pd.isna(item.PLOGRANK) else item.PLOGRANK),
                str(item.EVENTS),
            ),
        ),
    )


def _means(frame: pd.DataFrame, labels: Mapping[str, str]) -> PageTable:
    def row(item: Any) -> tuple[str, ...]:
        month = [x / days_per_month() for x in (item.HORIZON, item.MEANCTL, item.MEAN)]
        gap = [x / days_per_month() for x in (item.DIFF, item.LOW, item.HIGH)]
        return (
            END_POINTS.get(item.PARAMCD, item.PARAMCD),
            labels.get(item.ARM, item.ARM),
            *(f"{x:.1f}" for x in month),
            f"{gap[0]:+.1f} ({gap[1]:+.1f} to {gap[2]:+.1f})",
        )

    return PageTable(
        title="Restricted mean survival",
        caption=(
            "Mean event-free time up to the last day on which both curves are known, months; area "
            "under the Kaplan-Meier curve with Greenwood's variance."
        ),
        columns=("End point", "Arm", "Up to", "Control", "Arm's mean", "Difference (95 % CI)"),
        rows=_rows(frame, row),
    )


def _needed(frame: pd.DataFrame, labels: Mapping[str, str]) -> PageTable:
    return PageTable(
        title="Number needed to treat",
        caption=(
            "Overall survival of the two marginal curves at a landmark and the number of patients "
            "to treat for one more alive; undefined where the interval crosses no effect."
        ),
        columns=("Arm", "Month", "Alive, control", "Alive, arm", "Number needed"),
        rows=_rows(
            frame,
            lambda item: (
                labels.get(item.ARM, item.ARM),
                f"{item.DAY / days_per_month():.0f}",
                percent(item.SHARECTL),
                percent(item.SHARETRT),
                item.TOLD,
            ),
        ),
    )


def _responses(frame: pd.DataFrame, labels: Mapping[str, str]) -> PageTable:
    def row(item: Any) -> tuple[str, ...]:
        gap = "reference"
        if not pd.isna(item.DIFF):
            parts = (100 * item.DIFF, 100 * item.DIFFLOW, 100 * item.DIFFHIGH)
            gap = f"{parts[0]:+.1f} ({parts[1]:+.1f} to {parts[2]:+.1f})"
        return (
            _RESPONSES.get(item.RESPONSE, item.RESPONSE),
            f"of {item.OF}",
            labels.get(item.ARM, item.ARM),
            count_of(item.RESPOND, item.N),
            f"{100 * item.LOW:.0f}–{100 * item.HIGH:.0f} %",
            gap,
        )

    return PageTable(
        title="Response rates",
        caption=(
            "Clopper-Pearson 95 % intervals; differences from control in percentage points with "
            "Newcombe's hybrid score interval. Patients without a look count as no response."
        ),
        columns=("Response", "Share", "Arm", "Patients", "95 % CI", "Difference, points (95 % CI)"),
        rows=_rows(frame, row),
    )


def _individual(frame: pd.DataFrame, labels: Mapping[str, str]) -> PageTable:
    def row(item: Any) -> tuple[str, ...]:
        gain = (item.COUNTERFACTUAL_MEAN_DAY, item.COUNTERFACTUAL_LOW_DAY)
        return (
            labels.get(item.ARM, item.ARM),
            str(item.N),
            str(item.COUNTERFACTUAL_GAINED),
            str(item.COUNTERFACTUAL_LOST),
            str(item.COUNTERFACTUAL_SAME),
            f"{gain[0]:+.1f} ({gain[1]:+.1f} to {item.COUNTERFACTUAL_HIGH_DAY:+.1f})",
        )

    return PageTable(
        title="Effects on single patients (counterfactual)",
        caption=(
            "Counterfactual, from the pool: each patient's survival under the arm less that under "
            "control with the same chance, within follow-up. No trial sees both lives; these are "
            "not results of the allocated trial."
        ),
        columns=("Arm", "Patients", "Longer", "Shorter", "The same", "Mean gain, days (95 % CI)"),
        rows=_rows(frame, row),
    )


def _concordance(frame: pd.DataFrame, labels: Mapping[str, str]) -> PageTable:
    return PageTable(
        title="Prognosis by CXCR4 and stage",
        caption=(
            "Harrell's C-index for overall survival in the control arm; one half is chance. Cox "
            "weights are of the same patients and so a little too good; bootstrap 95 % intervals."
        ),
        columns=("Arm", "Model", "C-index (95 % CI)", "Patients", "Deaths"),
        rows=_rows(
            frame,
            lambda item: (
                labels.get(item.ARM, item.ARM),
                _MODELS.get(item.MODEL, item.MODEL),
                ratio(item.C, item.LOW, item.HIGH, digits=3),
                str(item.N),
                str(item.EVENTS),
            ),
        ),
    )


def _looks(frame: pd.DataFrame) -> PageTable:
    return PageTable(
        title="Interim looks",
        caption=(
            "Looks planned by the protocol. The statistic is positive in favour of the arm; months "
            "count from the first possible entry. A decision here stops nothing in this run: "
            "follow-up goes on to the horizon, so that the other tables are of the full data."
        ),
        columns=("Look", "Month", "Patients", "Events", "z", "Boundary", "Futility", "Decision"),
        rows=_rows(
            frame,
            lambda item: (
                str(item.LOOK),
                f"{item.DAY / days_per_month():.1f}",
                str(item.N),
                str(item.EVENTS),
                f"{item.Z:.2f}",
                _fixed(item.BOUNDARY, 2),
                _fixed(item.FUTILITY, 2),
                item.DECISION,
            ),
        ),
    )


def _fixed(value: float, digits: int) -> str:
    return "–" if np.isnan(value) else f"{value:.{digits}f}"


def _rows(frame: pd.DataFrame, text: Callable[[Any], Sequence[str]]) -> tuple[tuple[str, ...], ...]:
    return tuple(tuple(text(item)) for item in frame.itertuples(index=False))
