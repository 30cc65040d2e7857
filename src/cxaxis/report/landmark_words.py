"""Control arms of a run against published landmarks, fitted and held out, misses included."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import pandas as pd

from cxaxis.figures.style import days_per_month
from cxaxis.knowledge.landmarks import Landmark, load_landmarks
from cxaxis.report.result_tables import PageTable
from cxaxis.report.run_results import protocol_of
from cxaxis.report.source import TrialRun
from cxaxis.stats.proportions import Proportion, exact_proportion
from cxaxis.trial.comparisons import OBJECTIVE
from cxaxis.trial.protocol import Protocol

#: Drugs of control arms -> what tells one control arm from another; others make an arm a test arm.
_KINDS: Final[Mapping[str, str]] = {
    "radiotherapy": "radiotherapy",
    "surgery": "surgery",
    "cisplatin": "",
    "carboplatin": "",
    "fluorouracil": "fluorouracil",
    "paclitaxel": "taxane",
    **dict.fromkeys(
        ("camrelizumab", "nivolumab", "pembrolizumab", "tislelizumab", "toripalimab"), "pd1"
    ),
}
_ARMS: Final[Mapping[tuple[str, frozenset[str]], str]] = {
    ("resectable_escc", frozenset({"surgery"})): "surgery_alone",
    ("metastatic_escc", frozenset({"fluorouracil"})): "first_line_pf",
    ("metastatic_escc", frozenset({"fluorouracil", "pd1"})): "first_line_pf_pd1",
    ("metastatic_escc", frozenset({"taxane"})): "first_line_tp",
    ("metastatic_escc", frozenset({"taxane", "pd1"})): "first_line_tp_pd1",
}
ROLES: Final[Mapping[str, str]] = {
    "fit": "fitted",
    "check": "fitted, the same patients in other words",
    "predict": "held out",
}
_QUANTITIES: Final[Mapping[str, tuple[str, str]]] = {
    "alive_at": ("alive", "OS"),
    "pfs_at": ("alive without progression", "PFS"),
    "dfs_at": ("alive without recurrence, of those resected", "DFS"),
}


@dataclass(frozen=True, kw_only=True)
class Compared:
    """Comparisons with published landmarks.

    Attributes
    ----------
    words
        What is compared and how many are met.
    tables
        One per arm of the run that was a published control arm.
    """

    words: str
    tables: tuple[PageTable, ...]


def compared_with_landmarks(
    run: TrialRun, landmarks: Mapping[str, Landmark] | None = None
) -> Compared:
    """Hold the arms of a run against the landmarks of the same treatment in the same setting.

    Parameters
    ----------
    run
        The run.
    landmarks
        By id; the packaged ones if omitted.
    """
    protocol = protocol_of(run)
    known = load_landmarks() if landmarks is None else landmarks
    tables, met, total, beyond = [], dict.fromkeys(ROLES, 0), dict.fromkeys(ROLES, 0), 0
    for arm, name in () if protocol is None else control_arms(protocol).items():
        rows = []
        for landmark in (one for one in known.values() if one.arm == name):
            found = reading_of(run.tables, arm, landmark)
            if found is None:
                beyond += 1
                continue
            inside = landmark.low <= 100 * found.share <= landmark.high
            met[landmark.use] += inside
            total[landmark.use] += 1
            rows.append(_row(landmark, found, inside=inside))
        if rows:
            tables.append(_table(run.summary.labels.get(arm, arm), rows))
    return Compared(words=_words(met, total, beyond), tables=tuple(tables))


def control_arms(protocol: Protocol) -> dict[str, str]:
    """Return the arms of a protocol that were published control arms, with the latter's name."""
    found = {}
    for arm in protocol.arms:
        drugs = [item.drug for item in (*protocol.backbone, *arm.regimens)]
        if not drugs or not set(drugs) <= set(_KINDS):
            continue
        kinds = frozenset(_KINDS[drug] for drug in drugs) - {""}
        if "radiotherapy" in kinds:
            setting = protocol.population.setting
            name = {
                ("resectable_escc", True): "neoadjuvant_crt",
                ("locally_advanced_escc", False): "definitive_crt",
            }.get((setting, "surgery" in kinds))
        else:
            name = _ARMS.get((protocol.population.setting, kinds))
        if name is not None:
            found[arm.id] = name
    return found


def reading_of(
    tables: Mapping[str, pd.DataFrame], arm: str, landmark: Landmark
) -> Proportion | None:
    """Return what an arm of a run says of a landmark, None where it says nothing.

    Shares at a time are read from the Kaplan-Meier curve with its 95 % band; responses are of all
    allocated, pathological ones of those operated on, with exact intervals.
    """
    from cxaxis.stats.survival import kaplan_meier

    if landmark.quantity in _QUANTITIES and landmark.time_month is not None:
        adtte = tables["adtte"]
        code = _QUANTITIES[landmark.quantity][1]
        rows = adtte[(adtte["PARAMCD"] == code) & (adtte["TRT01P"] == arm)]
        day = landmark.time_month * days_per_month()
        if rows.empty:
            return None
        curve = kaplan_meier(rows["AVAL"].to_numpy(), rows["EVENT"].to_numpy(bool), times=[day])
        share, low, high = (float(x[0]) for x in (curve.survival, curve.low, curve.high))
        return None if np.isnan(share) else Proportion(share=share, low=low, high=high)
    if landmark.quantity == "response":
        adsl, adrs = tables["adsl"], tables["adrs"]
        best = adrs[(adrs["PARAMCD"] == "BESTRESP") & adrs["AVALC"].isin(OBJECTIVE)]
        patients = adsl.loc[adsl["TRT01P"] == arm, "USUBJID"]
        return _share(int(patients.isin(best["USUBJID"]).sum()), len(patients))
    if landmark.quantity == "pcr":
        mine = tables["adpath"][tables["adpath"]["TRT01P"] == arm]
        return _share(int(mine["PCR"].astype(bool).sum()), len(mine))
    return None


def _share(count: int, n: int) -> Proportion | None:
    return exact_proportion(count, n) if n else None


def _row(landmark: Landmark, found: Proportion, *, inside: bool) -> tuple[str, ...]:
    words = {name: told for name, (told, _) in _QUANTITIES.items()}
    words |= {"response": "complete or partial response", "pcr": "pathological complete response"}
    when = "" if landmark.time_month is None else f" at {landmark.time_month:g} months"
    limits = "" if np.isnan(found.low) else f" ({100 * found.low:.0f}–{100 * found.high:.0f})"
    return (
        ROLES[landmark.use],
        f"{words[landmark.quantity]}{when}",
        f"{landmark.study}, {landmark.analysis_set}",
        f"{landmark.value:.0f} ({landmark.low:.0f}–{landmark.high:.0f})",
        f"{100 * found.share:.0f}{limits}",
        "inside" if inside else "outside",
        ", ".join(landmark.evidence),
    )


def _table(label: str, rows: Sequence[tuple[str, ...]]) -> PageTable:
    order = list(ROLES.values())
    return PageTable(
        title=f"Published landmarks, {label}",
        caption=(
            f"{label}: share of patients, %, with 95 % interval. Fitted: rows that a calibration "
            "may use; held out: rows that none may. Inside: this run's estimate lies in the "
            "published interval. Stage, age and era of the published patients differ from those "
            "of this run."
        ),
        columns=("Role", "Quantity", "Published in", "Published", "This run", "", "Evidence"),
        rows=tuple(sorted(rows, key=lambda row: order.index(row[0]))),
    )


def _words(met: Mapping[str, int], total: Mapping[str, int], beyond: int) -> str:
    if not any(total.values()):
        return (
            "No arm of this trial is a published control arm with landmarks, or follow-up is too "
            "short for them."
        )
    counts = "; ".join(
        f"{ROLES[use]}: {met[use]} of {n} inside the published interval"
        for use, n in total.items()
        if n
    )
    left = "" if not beyond else f" {beyond} more cannot be read from this run."
    told = counts[0].upper() + counts[1:]
    return f"Arms that were control arms of published trials, held against them. {told}.{left}"
