"""Many one-covariate Cox fits at once: what a bootstrap of a hazard ratio needs.

The partial likelihood of one binary covariate depends on the data only through the numbers
at risk and failing in each group, so that every replicate of a bootstrap is a row of
integer weights and all rows are solved together. Ties follow Efron's rule with weights
read as copies of a patient, which equals a fit to the copied-out data.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from cxaxis.core.arrays import BoolArray, FloatArray, IntArray
from cxaxis.core.errors import ModelValueError

_TOLERANCE = 1e-11
_MAX_STEPS = 100


@dataclass(frozen=True, kw_only=True)
class _RiskSets:
    """One term per (replicate, failure): sizes of the two groups in its Efron denominator."""

    replicate: IntArray
    treated: FloatArray
    control: FloatArray
    treated_failures: FloatArray
    solvable: BoolArray


def log_hazard_ratios(
    duration_day: FloatArray, event: BoolArray, treated: BoolArray, weights: IntArray
) -> FloatArray:
    """Return the Cox log hazard ratio of each weighted copy of the data; ties by Efron.

    Parameters
    ----------
    duration_day
        Follow-up, shape ``(n_row,)``, days.
    event
        Whether follow-up ended with the event, shape ``(n_row,)``.
    treated
        Group of each row, shape ``(n_row,)``.
    weights
        How often each row counts in each replicate, non-negative integers, shape
        ``(n_replicate, n_row)``.

    Returns
    -------
    Log hazard ratios of treated against control, shape ``(n_replicate,)``; not a number
    where no finite estimate exists.

    Raises
    ------
    ModelValueError
        If the weights have another shape or are negative.
    """
    if weights.ndim != 2 or weights.shape[1] != len(duration_day) or np.any(weights < 0):
        msg = f"weights must be non-negative with shape (n, {len(duration_day)})."
        raise ModelValueError(msg)
    sets = _risk_sets(duration_day, event, treated, weights)
    n_replicate = len(weights)
    log_hr = np.zeros(n_replicate)
    for _ in range(_MAX_STEPS):
        hazard = np.exp(log_hr)[sets.replicate] * sets.treated
        share = hazard / (hazard + sets.control)
        expected = np.bincount(sets.replicate, share, minlength=n_replicate)
        information = np.bincount(sets.replicate, share * (1.0 - share), minlength=n_replicate)
        score = np.where(sets.solvable, sets.treated_failures - expected, 0.0)
        step = score / np.where(sets.solvable, information, 1.0)
        # The information changes at most e-fold per unit of log hazard ratio, so that this
        # damped step never passes the maximum: convergence from any start, quadratic near it.
        log_hr += np.sign(step) * np.log1p(np.abs(step))
        if np.max(np.abs(step), initial=0.0) < _TOLERANCE:
            break
    return np.where(sets.solvable, log_hr, np.nan)


def _risk_sets(
    duration: FloatArray, event: BoolArray, treated: BoolArray, weights: IntArray
) -> _RiskSets:
    times = np.unique(duration[event])
    at_risk = {arm: _weight_from(times, duration, weights, treated == arm) for arm in (True, False)}
    failing = {
        arm: _weight_at(times, duration, weights, event & (treated == arm)) for arm in (True, False)
    }
    failures = failing[True] + failing[False]
    solvable = np.any((failing[True] > 0) & (at_risk[False] > 0), axis=1) & np.any(
        (failing[False] > 0) & (at_risk[True] > 0), axis=1
    )
    flat = failures.ravel()
    cell = np.repeat(np.arange(len(flat)), flat)
    nth = np.arange(len(cell)) - np.repeat(np.cumsum(flat) - flat, flat)
    gone = nth / flat[cell]
    return _RiskSets(
        replicate=cell // max(len(times), 1),
        treated=at_risk[True].ravel()[cell] - gone * failing[True].ravel()[cell],
        control=at_risk[False].ravel()[cell] - gone * failing[False].ravel()[cell],
        treated_failures=failing[True].sum(axis=1).astype(np.float64),
        solvable=solvable,
    )


def _weight_from(
    times: FloatArray, duration: FloatArray, weights: IntArray, rows: BoolArray
) -> IntArray:
    """Return the weight of ``rows`` with a duration of at least each time."""
    order = np.argsort(duration[rows], kind="stable")
    chosen = weights[:, rows][:, order]
    total = np.zeros((len(weights), chosen.shape[1] + 1), dtype=np.int64)
    total[:, :-1] = np.cumsum(chosen[:, ::-1], axis=1)[:, ::-1]
    return total[:, np.searchsorted(duration[rows][order], times, side="left")]


def _weight_at(
    times: FloatArray, duration: FloatArray, weights: IntArray, rows: BoolArray
) -> IntArray:
    """Return the weight of ``rows`` with a duration equal to each time."""
    counts = np.zeros((len(times), len(weights)), dtype=np.int64)
    np.add.at(counts, np.searchsorted(times, duration[rows]), weights[:, rows].T)
    return counts.T
