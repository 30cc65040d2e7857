"""Comparisons of two arms, and the worth of a marker, read from the tables of an allocated trial.

Thin over `cxaxis.stats`: which rows, which column, which patients. Nothing here reads the pool.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from cxaxis.core.errors import ModelValueError

if TYPE_CHECKING:
    import pandas as pd

    from cxaxis.stats.concordance import ScoreConcordance
    from cxaxis.stats.number_needed import NumberNeeded
    from cxaxis.stats.response_rates import RateDifference
    from cxaxis.stats.stratified import CoxModel
    from cxaxis.stats.survival import LogRank

#: Best responses that count as a response.
OBJECTIVE: Final = ("CR", "PR")
MARKER: Final = "CXCR4H"


@dataclass(frozen=True, kw_only=True)
class StratifiedComparison:
    """An arm against control within the strata of the trial.

    Attributes
    ----------
    cox
        Cox model with a term ``treated`` and one per covariate; ties by Efron's rule.
    log_rank
        Stratified log-rank test, ``None`` without information.
    """

    cox: CoxModel
    log_rank: LogRank | None


def response_comparison(
    adsl: pd.DataFrame, adrs: pd.DataFrame, *, control: str, arm: str
) -> RateDifference:
    """Compare the shares of patients whose best response is complete or partial.

    Of all patients allocated: one without a best response, or not evaluable, has not responded.

    Raises
    ------
    ModelValueError
        If an arm has no patient.
    """
    from cxaxis.stats.response_rates import response_rate_difference

    best = adrs[(adrs["PARAMCD"] == "BESTRESP") & adrs["AVALC"].isin(OBJECTIVE)]
    responded = adsl["USUBJID"].isin(best["USUBJID"]).to_numpy(dtype=bool)
    sides = []
    for name in (control, arm):
        here = (adsl["TRT01P"] == name).to_numpy(dtype=bool)
        if not here.any():
            msg = f"arm {name!r} has no patient in adsl."
            raise ModelValueError(msg)
        sides.append(responded[here])
    return response_rate_difference(*sides)


def landmark_comparison(
    adtte: pd.DataFrame,
    *,
    control: str,
    arm: str,
    landmark_day: float,
    seed: int,
    paramcd: str = "OS",
    n_boot: int = 1000,
) -> NumberNeeded:
    """Return the number needed to treat for one more patient event-free at a landmark.

    Parameters
    ----------
    adtte
        Table of the run.
    control, arm
        Arm ids.
    landmark_day
        Day at which the marginal curves are read, within the follow-up of both arms.
    seed
        Seed of the bootstrap.
    paramcd
        End point.
    n_boot
        Replicates, positive.

    Raises
    ------
    ModelValueError
        If an arm has no patient with the end point, or a curve is unknown at the landmark.
    """
    from cxaxis.stats.number_needed import number_needed_to_treat

    sides = []
    for name in (control, arm):
        rows = _rows(adtte, paramcd, (name,))
        sides += [rows["AVAL"].to_numpy(dtype=np.float64), rows["EVENT"].to_numpy()]
    return number_needed_to_treat(
        *sides,
        landmark_day=landmark_day,
        seed=seed,
        purpose=f"landmark/{arm}/{paramcd}/{landmark_day:g}",
        n_boot=n_boot,
    )


def stratified_comparison(
    adsl: pd.DataFrame,
    adtte: pd.DataFrame,
    *,
    control: str,
    arm: str,
    strata: Sequence[str],
    covariates: Sequence[str] = (),
    paramcd: str = "OS",
) -> StratifiedComparison:
    """Compare an arm with control within strata, adjusted for covariates.

    Parameters
    ----------
    adsl, adtte
        Tables of the run.
    control, arm
        Arm ids.
    strata
        Columns of ``adsl``, at least one; every combination has its own baseline hazard.
    covariates
        Numeric columns of ``adsl``.
    paramcd
        End point.

    Raises
    ------
    ModelValueError
        If a column is missing, there is no stratum, an arm has no patient with the end point, or
        the likelihood has no maximum.
    """
    from cxaxis.stats.stratified import crossed, stratified_cox, stratified_log_rank

    missing = [name for name in (*strata, *covariates) if name not in adsl.columns]
    if missing or not strata:
        msg = f"adsl has no column {', '.join(missing)}." if missing else "name the strata."
        raise ModelValueError(msg)
    for name in (control, arm):
        _rows(adtte, paramcd, (name,))
    rows = _rows(adtte, paramcd, (control, arm)).merge(
        adsl[["USUBJID", *dict.fromkeys((*strata, *covariates))]], on="USUBJID", validate="1:1"
    )
    duration, event = rows["AVAL"].to_numpy(dtype=np.float64), rows["EVENT"].to_numpy()
    treated = (rows["TRT01P"] == arm).to_numpy(dtype=bool)
    layer = crossed(*(rows[name].to_numpy() for name in strata))
    return StratifiedComparison(
        cox=stratified_cox(
            duration,
            event,
            {"treated": treated, **{name: rows[name].to_numpy() for name in covariates}},
            strata=layer,
        ),
        log_rank=stratified_log_rank(duration, event, treated, layer),
    )


def marker_concordance(
    adsl: pd.DataFrame,
    adtte: pd.DataFrame,
    *,
    arm: str,
    seed: int,
    marker: str = MARKER,
    paramcd: str = "OS",
    n_boot: int = 200,
) -> ScoreConcordance:
    """Return the C-index of a marker alone, of stage alone, and of both together, in one arm.

    Parameters
    ----------
    adsl, adtte
        Tables of the run.
    arm
        Arm whose patients are looked at; control, for a marker of prognosis.
    seed
        Seed of the bootstrap.
    marker
        Numeric column of ``adsl``, higher for a worse prognosis.
    paramcd
        End point.
    n_boot
        Replicates, positive.

    Raises
    ------
    ModelValueError
        If the column is missing, the arm has no patient with the end point, or a Cox model has
        no maximum.
    """
    from cxaxis.stats.concordance import concordance_with_stage

    if marker not in adsl.columns:
        msg = f"adsl has no column {marker!r}."
        raise ModelValueError(msg)
    rows = _rows(adtte, paramcd, (arm,)).merge(
        adsl[["USUBJID", marker, "STAGE"]], on="USUBJID", validate="1:1"
    )
    return concordance_with_stage(
        rows["AVAL"].to_numpy(dtype=np.float64),
        rows["EVENT"].to_numpy(),
        rows[marker].to_numpy(dtype=np.float64),
        rows["STAGE"].to_numpy(str),
        seed=seed,
        purpose=f"concordance/{arm}/{marker}/{paramcd}",
        n_boot=n_boot,
    )


def _rows(adtte: pd.DataFrame, paramcd: str, arms: Sequence[str]) -> pd.DataFrame:
    rows = adtte[(adtte["PARAMCD"] == paramcd) & adtte["TRT01P"].isin(list(arms))]
    if rows.empty:
        msg = f"adtte has no {paramcd} of {' or '.join(map(repr, arms))}."
        raise ModelValueError(msg)
    return rows
