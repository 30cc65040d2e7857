"""The hazard ratio had nobody switched: inverse probability of censoring weights.

Patients of the control arm who switch are censored on that day; those who progressed and did not
switch stand for them, each with one over the chance of not having switched (Robins and Finkelstein
2000, recalled). The chance comes from a logistic regression (statsmodels) among those who
progressed, on the day of progression and what else is given; the weighted Cox regression with
robust standard errors from lifelines. The weights count as known, which makes the interval
somewhat too wide. It rests on no unmeasured cause of both switching and death, and on somebody
who progressed and stayed.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from cxaxis.core.arrays import BoolArray, FloatArray
from cxaxis.core.errors import ModelValueError
from cxaxis.stats.checks import checked_durations, checked_flags, checked_level
from cxaxis.stats.survival import HazardRatio, has_finite_hazard_ratio

#: Patients on either side that a regression needs for each of its covariates.
LEAST_PER_COVARIATE: Final = 10


@dataclass(frozen=True, kw_only=True)
class SwitchFreeRatio:
    """Treated against control had nobody switched.

    Attributes
    ----------
    ratio
        Weighted Cox hazard ratio; None where it cannot be estimated, for `reason`.
    reason
        Empty where there is a ratio.
    progressed, switched
        Patients of control who were seen to progress, and those of them who switched.
    covariates
        What the chance of switching was regressed on.
    largest_weight
        Largest weight of a patient who stayed; 1 where nobody switched.
    effective_stayers
        Number of equally weighted patients that those who stayed after progression are worth.
    """

    ratio: HazardRatio | None
    reason: str
    progressed: int
    switched: int
    covariates: tuple[str, ...]
    largest_weight: float
    effective_stayers: float


def switch_free_hazard_ratio(
    duration_day: ArrayLike,
    event: ArrayLike,
    treated: ArrayLike,
    *,
    progression_day: ArrayLike,
    switch_day: ArrayLike,
    covariates: Mapping[str, ArrayLike] | None = None,
    level: float = 0.95,
) -> SwitchFreeRatio:
    """Return the hazard ratio of treated against control had nobody switched.

    Parameters
    ----------
    duration_day, event, treated
        Follow-up in days, whether it ended with the event, and the arm, each ``(n_patient,)``.
    progression_day
        Day on which a patient of control was seen to progress, not a number without.
    switch_day
        Day of the switch, not a number without; that of the progression it followed.
    covariates
        Numbers at baseline, ``(n_patient,)`` each, used as far as the patients suffice.
    level
        Confidence level, in (0, 1).

    Raises
    ------
    ModelValueError
        If the data are unusable, or a switch follows no progression.
    """
    duration, happened = checked_durations(duration_day, event)
    arm = checked_flags(treated, "treated", len(duration))
    alpha = 1.0 - checked_level(level)
    progression = np.asarray(progression_day, dtype=np.float64)
    switch = np.asarray(switch_day, dtype=np.float64)
    progressed = ~arm & np.isfinite(progression) & (progression <= duration)
    switched = progressed & np.isfinite(switch)
    if np.any(np.isfinite(switch) & ~arm & (switch != progression)):
        msg = "a switch comes on the day of the progression it follows; a patient has another day."
        raise ModelValueError(msg)
    stayed = progressed & ~switched
    names: tuple[str, ...] = ()
    chance = np.zeros(len(duration))
    reason = ""
    if switched.any() and not stayed.any():
        reason = "everybody who progressed switched: nobody is left to stand for them"
    elif switched.any():
        names, chance = _chances(progressed, switched, progression, covariates or {})
    weight = np.where(stayed, 1.0 / (1.0 - chance), 1.0)
    kept = weight[stayed]
    ratio = None
    if not reason:
        ratio = _weighted_cox(
            duration, happened, arm, progressed, switched, progression, weight, alpha
        )
        reason = "" if ratio is not None else "too few events in one arm"
    return SwitchFreeRatio(
        ratio=ratio,
        reason=reason,
        progressed=int(progressed.sum()),
        switched=int(switched.sum()),
        covariates=names,
        largest_weight=float(kept.max()) if len(kept) else 1.0,
        effective_stayers=float(kept.sum() ** 2 / (kept**2).sum()) if len(kept) else 0.0,
    )


def _chances(
    progressed: BoolArray,
    switched: BoolArray,
    progression: FloatArray,
    covariates: Mapping[str, ArrayLike],
) -> tuple[tuple[str, ...], FloatArray]:
    """Return the covariates used and each progressed patient's chance to switch."""
    import statsmodels.api as sm
    from statsmodels.tools.sm_exceptions import PerfectSeparationError, PerfectSeparationWarning

    all_columns = {"progression_day": progression} | {
        name: np.asarray(values, dtype=np.float64) for name, values in covariates.items()
    }
    varying = {
        name: values[progressed]
        for name, values in all_columns.items()
        if np.ptp(values[progressed]) > 0
    }
    outcome = switched[progressed].astype(np.float64)
    rarer = min(outcome.sum(), len(outcome) - outcome.sum())
    used = tuple(varying)[: int(rarer // LEAST_PER_COVARIATE)]
    scaled = [(varying[name] - varying[name].mean()) / varying[name].std() for name in used]
    found = np.zeros(len(progression))
    design = np.column_stack([np.ones(len(outcome)), *scaled])
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", PerfectSeparationWarning)
            fitted = sm.GLM(outcome, design, family=sm.families.Binomial()).fit()
    except (PerfectSeparationError, PerfectSeparationWarning):
        # A covariate that tells who switches leaves nobody comparable; the plain share is left.
        used, found[progressed] = (), outcome.mean()
        return used, found
    found[progressed] = np.asarray(fitted.fittedvalues)
    return used, found


def _weighted_cox(
    duration: FloatArray,
    happened: BoolArray,
    arm: BoolArray,
    progressed: BoolArray,
    switched: BoolArray,
    progression: FloatArray,
    weight: FloatArray,
    alpha: float,
) -> HazardRatio | None:
    from lifelines import CoxPHFitter

    # Up to progression everybody counts once; after it those who stayed stand for the others.
    end = np.where(progressed, progression, duration)
    stayed = progressed & ~switched
    later = stayed & (duration > progression)
    hit = happened & np.where(progressed, duration <= progression, True)
    number = np.arange(len(duration))
    rows = pd.DataFrame(
        {
            "start": np.concatenate([np.zeros(len(end)), progression[later]]),
            "stop": np.concatenate([end, duration[later]]),
            "event": np.concatenate([hit, happened[later]]),
            "treated": np.concatenate([arm, arm[later]]).astype(np.float64),
            "weight": np.concatenate([np.ones(len(end)), weight[later]]),
            "patient": np.concatenate([number, number[later]]),
        }
    )
    rows = rows[rows["stop"] > rows["start"]]
    followed = np.where(switched, progression, duration)
    if not has_finite_hazard_ratio(
        followed, happened & ~switched, arm, np.zeros(len(arm), dtype=np.int64)
    ):
        return None
    fitter = CoxPHFitter(alpha=alpha)
    fitter.fit(
        rows,
        duration_col="stop",
        event_col="event",
        entry_col="start",
        weights_col="weight",
        cluster_col="patient",
        robust=True,
    )
    log_low, log_high = fitter.confidence_intervals_.iloc[0]
    return HazardRatio(
        hr=float(np.exp(fitter.params_.iloc[0])),
        low=float(np.exp(log_low)),
        high=float(np.exp(log_high)),
    )
