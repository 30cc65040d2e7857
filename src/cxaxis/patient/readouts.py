"""What clinicians would read from a course: sizes, RECIST, progression, death, occupancy."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from cxaxis.core.arrays import BoolArray, FloatArray

# RECIST 1.1: a fifth above the smallest sum so far and at least 5 mm, or a new lesion; a
# lesion counts from 10 mm.
PROGRESSION_FACTOR = 1.2
PROGRESSION_LEAST_MM = 5.0
RESPONSE_FACTOR = 0.7
VISIBLE_MM = 10.0
HOURS_PER_DAY = 24.0


def diameter_mm(cells: FloatArray, *, cells_per_mL: FloatArray | float) -> FloatArray:
    """Return the diameter of the sphere that holds ``cells``, mm, same shape."""
    volume_mm3 = cells / cells_per_mL * 1e3
    return np.asarray(np.cbrt(6.0 * volume_mm3 / np.pi))


def cells_of_diameter(diameter: FloatArray, *, cells_per_mL: FloatArray | float) -> FloatArray:
    """Return the cells of a sphere of ``diameter`` mm; inverse of `diameter_mm`."""
    return np.asarray(np.pi / 6.0 * diameter**3 * 1e-3 * cells_per_mL)


@dataclass(frozen=True, kw_only=True)
class Assessment:
    """RECIST assessment of patients over their visits.

    Attributes
    ----------
    sum_mm
        Sum of the diameters of all visible lesions, shape ``(n_patient, n_visit)``.
    progressed
        Whether progression is present at a visit or was before, same shape.
    locoregional
        Whether the primary or nodes have progressed, same shape.
    distant
        Whether a distant lesion is visible, same shape.
    response
        ``CR``, ``PR``, ``SD`` or ``PD`` at each visit, same shape.
    """

    sum_mm: FloatArray
    progressed: BoolArray
    locoregional: BoolArray
    distant: BoolArray
    response: np.ndarray


def _grown(sum_mm: FloatArray) -> BoolArray:
    """Return where a sum has grown past the smallest one before, and stays so."""
    nadir = np.minimum.accumulate(sum_mm, axis=-1)
    grown = (sum_mm >= PROGRESSION_FACTOR * nadir) & (sum_mm - nadir >= PROGRESSION_LEAST_MM)
    return np.asarray(np.logical_or.accumulate(grown, axis=-1))


def _new_lesion(lesions_mm: FloatArray) -> BoolArray:
    """Return where a lesion is visible that was not at the first visit, and stays so."""
    visible = lesions_mm >= VISIBLE_MM
    new = (visible & ~visible[..., :1]).any(axis=1)
    return np.asarray(np.logical_or.accumulate(new, axis=-1))


def assess(primary_mm: FloatArray, nodes_mm: FloatArray, distant_mm: FloatArray) -> Assessment:
    """Assess patients by RECIST 1.1; the first visit is the baseline.

    Parameters
    ----------
    primary_mm
        Diameter of the primary, killed cells included, shape ``(n_patient, n_visit)``, mm.
    nodes_mm, distant_mm
        Diameters of the deposits, shape ``(n_patient, n_lesion, n_visit)``, mm.
    """
    shown_primary = np.where(primary_mm >= VISIBLE_MM, primary_mm, 0.0)
    shown_nodes = np.where(nodes_mm >= VISIBLE_MM, nodes_mm, 0.0).sum(axis=1)
    shown_distant = np.where(distant_mm >= VISIBLE_MM, distant_mm, 0.0).sum(axis=1)
    regional = shown_primary + shown_nodes
    total = regional + shown_distant
    locoregional = _grown(regional) | _new_lesion(nodes_mm)
    distant = _new_lesion(distant_mm)
    progressed = locoregional | distant | _grown(total)
    baseline = total[:, :1]
    response = np.where(
        progressed,
        "PD",
        np.where(total == 0, "CR", np.where(total <= RESPONSE_FACTOR * baseline, "PR", "SD")),
    )
    return Assessment(
        sum_mm=total,
        progressed=progressed,
        locoregional=locoregional,
        distant=distant,
        response=response,
    )


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
