"""What is read from a course: sizes, the days of events, occupancy and hours above a level."""

from __future__ import annotations

import numpy as np

from cxaxis.core.arrays import BoolArray, FloatArray

# A deposit from 1 cm stages a patient: what a clinician is sure of on a scan.
VISIBLE_MM = 10.0
HOURS_PER_DAY = 24.0


def diameter_mm(cells: FloatArray, *, cells_per_mL: FloatArray | float) -> FloatArray:
    """Return the diameter of the sphere that holds ``cells``, mm, same shape."""
    volume_mm3 = cells / cells_per_mL * 1e3
    return np.asarray(np.cbrt(6.0 * volume_mm3 / np.pi))


def cells_of_diameter(diameter: FloatArray, *, cells_per_mL: FloatArray | float) -> FloatArray:
    """Return the cells of a sphere of ``diameter`` mm; inverse of `diameter_mm`."""
    return np.asarray(np.pi / 6.0 * diameter**3 * 1e-3 * cells_per_mL)


def crossing_day(days: FloatArray, hazard: FloatArray, draw: FloatArray) -> FloatArray:
    """Return the day on which an accumulated hazard passes each patient's draw.

    Parameters
    ----------
    days
        Shape ``(n_time,)``.
    hazard
        Accumulated hazard, non-decreasing in time, shape ``(n_patient, n_time)``.
    draw
        Shape ``(n_patient,)``.

    Returns
    -------
    Days, infinite where the draw is not reached, shape ``(n_patient,)``; linear in between.
    """
    passed = np.full(len(draw), np.inf)
    for i, (curve, level) in enumerate(zip(hazard, draw, strict=True)):
        if not np.isfinite(curve).all() or curve[-1] <= level:
            continue
        j = int(np.searchsorted(curve, level, side="right"))
        if j == 0:
            passed[i] = days[0]
        else:
            share = (level - curve[j - 1]) / (curve[j] - curve[j - 1])
            passed[i] = days[j - 1] + share * (days[j] - days[j - 1])
    return passed


def first_true_day(days: FloatArray, flags: BoolArray) -> FloatArray:
    """Return the first day on which each row is true, infinite if never."""
    any_true = flags.any(axis=-1)
    return np.where(any_true, days[np.argmax(flags, axis=-1)], np.inf)


def occupancy(drug_bound: FloatArray, free: FloatArray, ligand_bound: FloatArray) -> FloatArray:
    """Return the share of surface CXCR4 held by drug, 0 where there is no receptor."""
    total = drug_bound + free + ligand_bound
    return np.divide(drug_bound, total, out=np.zeros_like(total), where=total > 0)


def hours_above(days: FloatArray, level: FloatArray, threshold: float) -> FloatArray:
    """Return the hours per day for which ``level`` exceeds ``threshold``, linear in between.

    Parameters
    ----------
    days
        Times of a window, shape ``(n_time,)``.
    level
        Shape ``(n_patient, n_time)``.

    Returns
    -------
    Hours per day of the window, shape ``(n_patient,)``.
    """
    excess = level - threshold
    left, right = excess[:, :-1], excess[:, 1:]
    both = (left > 0) & (right > 0)
    one = (left > 0) ^ (right > 0)
    size = np.abs(right - left)
    share = np.divide(np.maximum(left, right), size, out=np.zeros_like(size), where=size > 0)
    above = np.where(both, 1.0, np.where(one, share, 0.0)) * np.diff(days)
    return np.asarray(above.sum(axis=1) / (days[-1] - days[0]) * HOURS_PER_DAY)
