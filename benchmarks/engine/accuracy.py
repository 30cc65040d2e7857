"""Achieved error, and what a solver costs at a given achieved error."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from benchmarks.engine.problems import Problem
from cxaxis.core.arrays import FloatArray


def patient_errors(problem: Problem, values: FloatArray, reference: FloatArray) -> FloatArray:
    """Return the largest error of each patient, as a share of the peak of the state.

    Readings at time 0 are given, not computed, and are left out; so are states whose peak in
    the patient lies below ``problem.least_peak``.

    Parameters
    ----------
    values, reference
        Shape ``(n_patient, n_time, n_state)``.

    Returns
    -------
    Shape ``(n_patient,)``; infinite for a patient with a missing value.
    """
    late = problem.times > 0
    peak = np.abs(reference).max(axis=1, keepdims=True)
    judged = peak >= problem.least_peak
    with np.errstate(invalid="ignore"):
        shares = np.abs(values - reference) / np.where(judged, peak, 1.0)
    shares = np.where(judged, shares, 0.0)[:, late]
    return np.asarray(np.nan_to_num(shares.max(axis=(1, 2)), nan=np.inf))


@dataclass(frozen=True)
class Point:
    """One tolerance: cost and error of a solver.

    Attributes
    ----------
    rtol
        Relative tolerance asked for.
    us
        Processor time per patient, us.
    median, worst
        Achieved error of the median and the worst patient.
    """

    rtol: float
    us: float
    median: float
    worst: float


def cost_at(points: Sequence[Point], error: float, *, worst: bool = False) -> float | None:
    """Return the time per patient at which a solver achieves an error, us.

    Times are interpolated between tolerances, logarithm against logarithm. An error counts as
    achieved at a tolerance only if every tighter one achieves it too.

    Returns
    -------
    None where the error lies outside what was measured.
    """
    ordered = sorted(points, key=lambda p: p.rtol)
    errors = np.array([p.worst if worst else p.median for p in ordered])
    times = np.array([p.us for p in ordered])
    # From tight to loose, never falling: a lucky loose tolerance does not count.
    errors = np.maximum.accumulate(errors)
    keep = np.isfinite(errors) & (errors > 0)
    errors, times = errors[keep], times[keep]
    if not len(errors) or not errors[0] <= error <= errors[-1]:
        return None
    # Of equal errors the loosest tolerance is the cheapest way to it.
    last = np.append(errors[1:] > errors[:-1], True)
    return float(np.exp(np.interp(np.log(error), np.log(errors[last]), np.log(times[last]))))
