"""Survival curves, medians, tests and hazard ratios, thin over lifelines.

Conventions, the same everywhere: durations in days; an event is a boolean, true when the
end point was reached; two-sided 95 % intervals unless a level is given.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from scipy.stats import norm

from cxaxis.core.arrays import BoolArray, FloatArray, IntArray
from cxaxis.core.errors import ModelValueError
from cxaxis.stats.checks import (
    checked_durations,
    checked_flags,
    checked_labels,
    checked_level,
)

_HALF_WITH_ROUNDING = 0.5 + 1e-12
# The library's own stopping rule leaves errors of 1e-3 in the ratio of very small samples.
FIT_OPTIONS = {"precision": 1e-16, "r_precision": 1e-14}


@dataclass(frozen=True, kw_only=True)
class KaplanMeier:
    """A product-limit survival curve, one entry per time.

    Attributes
    ----------
    time_day
        Times in days, ascending, shape ``(n_time,)``.
    survival
        Share still free of the event just after each time, in [0, 1]. Not a number beyond
        the last follow-up of a curve that has not reached zero: nothing is known there.
    low, high
        Pointwise band: Greenwood variance on the log(-log) scale. Not a number where the
        curve is zero or unknown.
    at_risk
        Patients under observation just before each time.
    n_event, n_censored
        Events and censorings since the previous entry, this time included.
    level
        Confidence level of the band.
    """

    time_day: FloatArray
    survival: FloatArray
    low: FloatArray
    high: FloatArray
    at_risk: IntArray
    n_event: IntArray
    n_censored: IntArray
    level: float


@dataclass(frozen=True, kw_only=True)
class Median:
    """A median time with its confidence limits, in days; ``None`` where it is not reached."""

    median_day: float | None
    low_day: float | None
    high_day: float | None


@dataclass(frozen=True, kw_only=True)
class LogRank:
    """Result of a log-rank test.

    Attributes
    ----------
    chi2
        Test statistic.
    df
        Degrees of freedom, the number of groups less one.
    p
        Two-sided p-value.
    """

    chi2: float
    df: int
    p: float


@dataclass(frozen=True, kw_only=True)
class HazardRatio:
    """A hazard ratio with its Wald interval; dimensionless."""

    hr: float
    low: float
    high: float


@dataclass(frozen=True, kw_only=True)
class RestrictedMean:
    """Mean event-free time up to a horizon, in days, with a normal interval."""

    mean_day: float
    low_day: float
    high_day: float
    horizon_day: float


def kaplan_meier(
    duration_day: ArrayLike,
    event: ArrayLike,
    *,
    times: ArrayLike | None = None,
    level: float = 0.95,
) -> KaplanMeier:
    """Estimate a survival curve by the product limit.

    Parameters
    ----------
    duration_day
        Follow-up of each patient, shape ``(n_patient,)``, days, non-negative.
    event
        Whether follow-up ended with the event, boolean, same shape.
    times
        Times at which to read the curve, days, ascending; by default day 0 and every
        observed time.
    level
        Confidence level of the band, in (0, 1).

    Returns
    -------
    The curve with its log(-log) Greenwood band and the numbers at risk.

    Raises
    ------
    ModelValueError
        If events are not boolean, durations are not finite and non-negative, shapes
        differ, there is no patient, or ``times`` descend.
    """
    duration, happened = checked_durations(duration_day, event)
    alpha = 1.0 - checked_level(level)
    from lifelines import KaplanMeierFitter

    fitter = KaplanMeierFitter(alpha=alpha).fit(duration, happened)
    grid = fitter.survival_function_.index.to_numpy(dtype=np.float64)
    survival = fitter.survival_function_.iloc[:, 0].to_numpy(dtype=np.float64)
    band = fitter.confidence_interval_.to_numpy(dtype=np.float64)
    # At zero the log(-log) transform has no value; a band of zero width would claim certainty.
    band[survival <= 0.0] = np.nan

    wanted = grid if times is None else np.atleast_1d(np.asarray(times, dtype=np.float64))
    if np.any(np.diff(wanted) < 0) or not np.all(np.isfinite(wanted)):
        msg = "times must be finite and ascending."
        raise ModelValueError(msg)
    row = np.clip(np.searchsorted(grid, wanted, side="right") - 1, 0, None)
    unknown = (wanted > duration.max()) & (survival[-1] > 0.0)
    return KaplanMeier(
        time_day=wanted,
        survival=np.where(unknown, np.nan, survival[row]),
        low=np.where(unknown, np.nan, band[row, 0]),
        high=np.where(unknown, np.nan, band[row, 1]),
        at_risk=number_at_risk(duration, wanted),
        n_event=_since_previous(duration[happened], wanted),
        n_censored=_since_previous(duration[~happened], wanted),
        level=level,
    )


def number_at_risk(duration_day: ArrayLike, times: ArrayLike) -> IntArray:
    """Return how many patients are still followed just before each time.

    Parameters
    ----------
    duration_day
        Follow-up of each patient, shape ``(n_patient,)``, days.
    times
        Times, shape ``(n_time,)``, days.

    Returns
    -------
    Counts of ``duration_day >= times``, shape ``(n_time,)``.
    """
    ordered = np.sort(np.asarray(duration_day, dtype=np.float64))
    before = np.searchsorted(ordered, np.asarray(times, dtype=np.float64), side="left")
    return np.asarray(len(ordered) - before, dtype=np.int64)


def median_survival(duration_day: ArrayLike, event: ArrayLike, *, level: float = 0.95) -> Median:
    """Return the median time and its Brookmeyer-Crowley limits.

    The median is the first time at which the Kaplan-Meier curve is at or below one half;
    the limits are where the log(-log) Greenwood band crosses one half. A curve or limit
    that stays above one half gives ``None``: not reached.

    Parameters
    ----------
    duration_day
        Follow-up of each patient, shape ``(n_patient,)``, days, non-negative.
    event
        Whether follow-up ended with the event, boolean, same shape.
    level
        Confidence level, in (0, 1).

    Raises
    ------
    ModelValueError
        As `kaplan_meier`.
    """
    curve = kaplan_meier(duration_day, event, level=level)
    return Median(
        median_day=_first_at_half(curve.time_day, curve.survival),
        low_day=_first_at_half(curve.time_day, curve.low),
        high_day=_first_at_half(curve.time_day, curve.high),
    )


def median_follow_up(duration_day: ArrayLike, event: ArrayLike) -> float | None:
    """Return the median follow-up in days by the reverse Kaplan-Meier method.

    Censoring is the event and the end point censors: the follow-up patients would have
    had, had none of them reached the end point. ``None`` when more than half did reach it
    before the others could be followed long enough.

    Raises
    ------
    ModelValueError
        As `kaplan_meier`.
    """
    duration, happened = checked_durations(duration_day, event)
    return median_survival(duration, ~happened).median_day


def log_rank(duration_day: ArrayLike, event: ArrayLike, group: ArrayLike) -> LogRank | None:
    """Test whether groups share one hazard.

    Parameters
    ----------
    duration_day
        Follow-up of each patient, shape ``(n_patient,)``, days, non-negative.
    event
        Whether follow-up ended with the event, boolean, same shape.
    group
        Label of each patient's group, same shape, two groups or more.

    Returns
    -------
    The unweighted, unstratified log-rank test (hypergeometric variance), or ``None`` when
    the data hold no information: no event while two groups were at risk.

    Raises
    ------
    ModelValueError
        If the data are unusable (see `kaplan_meier`) or there are fewer than two groups.
    """
    duration, happened = checked_durations(duration_day, event)
    labels = checked_labels(group, len(duration), "group")
    names, code = np.unique(labels, return_inverse=True)
    if len(names) < 2:
        msg = f"log_rank compares two groups or more, got only {names[0]!r}."
        raise ModelValueError(msg)
    last_seen = np.sort([duration[code == k].max() for k in range(len(names))])
    if not np.any(duration[happened] <= last_seen[-2]):
        return None
    from lifelines.statistics import multivariate_logrank_test

    result = multivariate_logrank_test(duration, code, happened)
    return LogRank(chi2=float(result.test_statistic), df=len(names) - 1, p=float(result.p_value))


def cox_hazard_ratio(
    duration_day: ArrayLike,
    event: ArrayLike,
    treated: ArrayLike,
    *,
    strata: ArrayLike | None = None,
    level: float = 0.95,
) -> HazardRatio | None:
    """Return the Cox hazard ratio of treated against control; ties by Efron's rule.

    Parameters
    ----------
    duration_day
        Follow-up of each patient, shape ``(n_patient,)``, days, non-negative.
    event
        Whether follow-up ended with the event, boolean, same shape.
    treated
        True for the treated arm, false for control, boolean, same shape.
    strata
        Label of each patient's stratum, same shape; each has its own baseline hazard.
    level
        Confidence level of the Wald interval, in (0, 1).

    Returns
    -------
    The ratio with its interval, or ``None`` when no finite estimate exists: no event, an
    arm without patients, or an arm without an event while the other was at risk.

    Raises
    ------
    ModelValueError
        If the data are unusable (see `kaplan_meier`) or the likelihood has no maximum that
        can be found.
    """
    duration, happened = checked_durations(duration_day, event)
    arm = checked_flags(treated, "treated", len(duration))
    alpha = 1.0 - checked_level(level)
    layer = (
        np.zeros(len(duration), dtype=np.int64)
        if strata is None
        else np.unique(checked_labels(strata, len(duration), "strata"), return_inverse=True)[1]
    )
    if not has_finite_hazard_ratio(duration, happened, arm, layer):
        return None
    from lifelines import CoxPHFitter
    from lifelines.exceptions import ConvergenceError, ConvergenceWarning

    table = pd.DataFrame(
        {"duration": duration, "event": happened, "treated": arm.astype(np.float64), "s": layer}
    )
    by: dict[str, Any] = {"strata": ["s"]} if strata is not None else {}
    if strata is None:
        table = table.drop(columns="s")
    fitter = CoxPHFitter(alpha=alpha)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", ConvergenceWarning)
            fitter.fit(
                table, duration_col="duration", event_col="event", fit_options=FIT_OPTIONS, **by
            )
    except (ConvergenceError, ConvergenceWarning) as err:
        msg = (
            f"the Cox likelihood of {len(duration)} patients with {int(happened.sum())} events "
            "did not converge; follow more patients or drop sparse strata."
        )
        raise ModelValueError(msg) from err
    log_hr = float(fitter.params_.iloc[0])
    half_width = float(norm.ppf(1.0 - alpha / 2.0)) * float(fitter.standard_errors_.iloc[0])
    return HazardRatio(
        hr=float(np.exp(log_hr)),
        low=float(np.exp(log_hr - half_width)),
        high=float(np.exp(log_hr + half_width)),
    )


def has_finite_hazard_ratio(
    duration: FloatArray, event: BoolArray, treated: BoolArray, strata: IntArray
) -> bool:
    """Return whether the two-group Cox likelihood has a finite maximum.

    It has if some treated patient had the event while a control of the same stratum was at
    risk, and the other way round; else the likelihood rises towards 0 or infinity.
    """
    lowered = raised = False
    for name in np.unique(strata):
        here = strata == name
        arm, time, hit = treated[here], duration[here], event[here]
        if arm.all() or not arm.any():
            continue
        raised = raised or bool(np.any(time[arm & hit] <= time[~arm].max()))
        lowered = lowered or bool(np.any(time[~arm & hit] <= time[arm].max()))
    return lowered and raised


def restricted_mean_survival(
    duration_day: ArrayLike, event: ArrayLike, *, horizon_day: float, level: float = 0.95
) -> RestrictedMean:
    """Return the area under the Kaplan-Meier curve up to a horizon.

    Parameters
    ----------
    duration_day
        Follow-up of each patient, shape ``(n_patient,)``, days, non-negative.
    event
        Whether follow-up ended with the event, boolean, same shape.
    horizon_day
        Upper limit of the area, days, positive.
    level
        Confidence level of the normal interval (Greenwood variance of the area), in (0, 1).

    Raises
    ------
    ModelValueError
        If the data are unusable (see `kaplan_meier`), or if the curve is unknown at the
        horizon because follow-up ended earlier with patients still event-free.
    """
    if not (np.isfinite(horizon_day) and horizon_day > 0):
        msg = f"horizon_day must be positive, got {horizon_day!r}."
        raise ModelValueError(msg)
    curve = kaplan_meier(duration_day, event, level=level)
    last = float(curve.time_day[-1])
    if horizon_day > last and curve.survival[-1] > 0:
        msg = (
            f"horizon_day {horizon_day:g} lies beyond the last follow-up, day {last:g}; "
            "choose a horizon no later than that."
        )
        raise ModelValueError(msg)
    inside = curve.time_day < horizon_day
    edges = np.append(curve.time_day[inside], horizon_day)
    pieces = curve.survival[inside] * np.diff(edges)
    mean = float(pieces.sum())
    # Area still to come after each time, weighted as in Greenwood's formula.
    to_come = np.cumsum(pieces[::-1])[::-1]
    died = curve.n_event[inside].astype(np.float64)
    survived = curve.at_risk[inside] - died
    share = np.divide(
        died,
        curve.at_risk[inside] * survived,
        out=np.zeros_like(died),
        where=survived > 0,
    )
    half_width = float(norm.ppf(0.5 + level / 2.0)) * float(np.sqrt(np.sum(to_come**2 * share)))
    return RestrictedMean(
        mean_day=mean,
        low_day=mean - half_width,
        high_day=mean + half_width,
        horizon_day=float(horizon_day),
    )


def _first_at_half(time: FloatArray, curve: FloatArray) -> float | None:
    reached = np.flatnonzero(curve <= _HALF_WITH_ROUNDING)
    return float(time[reached[0]]) if len(reached) else None


def _since_previous(observed: FloatArray, times: FloatArray) -> IntArray:
    up_to = np.searchsorted(np.sort(observed), times, side="right")
    return np.asarray(np.diff(up_to, prepend=0), dtype=np.int64)
