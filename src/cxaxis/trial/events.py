"""The days of a course's events: from what visits, pathologists and deaths show to end points.

Days count from randomisation; an event that has not come is at infinity, and a patient outside
the analysis set of an end point has no day (not a number).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

import numpy as np

from cxaxis.core.arrays import BoolArray, FloatArray
from cxaxis.core.errors import ModelValueError
from cxaxis.core.streams import rng_for
from cxaxis.patient.readouts import first_true_day
from cxaxis.patient.recist import Assessment

END_POINTS: Final = {
    "OS": "Overall survival",
    "PFS": "Progression-free survival",
    "LRC": "Locoregional control",
    "DMFS": "Distant-metastasis-free survival",
    "DFS": "Disease-free survival",
    "EFS": "Event-free survival",
}
CAUSES: Final = ("disease", "treatment", "other")
DEATH: Final = "Death"
EVENTS: Final = {
    "PFS": "Progression",
    "LRC": "Locoregional progression",
    "DMFS": "Distant metastasis",
    "DFS": "Recurrence",
    "EFS": "Progression, no resection or recurrence",
}


@dataclass(frozen=True, kw_only=True)
class Surgery:
    """How planned operations went.

    Attributes
    ----------
    day
        Day of the planned operation.
    operated
        Whether it was done, shape ``(n_patient,)``; death before it counts as not done.
    complete
        Whether it left nothing behind (R0), same shape.
    """

    day: float
    operated: BoolArray
    complete: BoolArray

    @property
    def cleared(self) -> BoolArray:
        """Operated on, and nothing left behind."""
        return self.operated & self.complete


@dataclass(frozen=True, kw_only=True)
class Course:
    """What was seen of patients, as end points need it.

    Attributes
    ----------
    visits_day
        Days of the assessments, baseline first, shape ``(n_visit,)``.
    seen
        RECIST at these visits. After an operation the first visit after it is the new baseline,
        so recurrence is read in ``after_surgery``.
    death_day
        Infinite for those alive at the end, shape ``(n_patient,)``.
    surgery
        None where none was planned.
    after_surgery, after_surgery_day
        RECIST and days of the visits from the operation on; the first is the new baseline.
    """

    visits_day: FloatArray
    seen: Assessment
    death_day: FloatArray
    surgery: Surgery | None = None
    after_surgery: Assessment | None = None
    after_surgery_day: FloatArray = field(default_factory=lambda: np.array([]))

    def __post_init__(self) -> None:
        if (self.surgery is None) != (self.after_surgery is None):
            msg = "a course with surgery has assessments after it, and one without has none."
            raise ModelValueError(msg)


def _before(day: FloatArray, death_day: FloatArray) -> FloatArray:
    """Return the day of what is seen while alive, else infinity."""
    return np.where(day < death_day, day, np.inf)


def _first_seen(course: Course, kind: str) -> FloatArray:
    """Return when a kind of progression is first seen, before or after surgery.

    A patient who was operated on is not assessed against the first baseline any more.
    """
    flags = np.asarray(getattr(course.seen, kind))
    first = first_true_day(course.visits_day, flags)
    surgery, after = course.surgery, course.after_surgery
    if surgery is None or after is None:
        return first
    later = first_true_day(course.after_surgery_day, np.asarray(getattr(after, kind)))
    staying = np.where(surgery.operated, later, first)
    return np.where(first <= surgery.day, first, staying)


def event_days(course: Course, *, horizon_day: float = np.inf) -> dict[str, FloatArray]:
    """Return the day of each end point's event, shape ``(n_patient,)`` each.

    Parameters
    ----------
    course
        What was seen.
    horizon_day
        Events after it are not seen: infinite.

    Returns
    -------
    ``OS``: death. ``PFS``: progression or death. ``LRC``: locoregional progression; death ends
    the follow-up without being its event. ``DMFS``: distant metastasis or death. With surgery
    also ``EFS``: progression before surgery, an operation not done or not complete on the day it
    was planned for, recurrence, death; and ``DFS``: recurrence or death among those whose tumour
    was taken out whole, not a number for the others.
    """
    death = course.death_day
    progression = _before(_first_seen(course, "progressed"), death)
    found = {
        "OS": death,
        "PFS": np.minimum(progression, death),
        "LRC": _before(_first_seen(course, "locoregional"), death),
        "DMFS": np.minimum(_before(_first_seen(course, "distant"), death), death),
    }
    surgery, after = course.surgery, course.after_surgery
    if surgery is not None and after is not None:
        recurrence = _before(first_true_day(course.after_surgery_day, after.progressed), death)
        free = np.minimum(recurrence, death)
        found["DFS"] = np.where(surgery.cleared, free, np.nan)
        failed = np.where(surgery.cleared, np.inf, surgery.day)
        found["EFS"] = np.minimum(np.minimum(found["PFS"], failed), free)
    return {
        code: np.where(np.isnan(day), np.nan, np.where(day <= horizon_day, day, np.inf))
        for code, day in found.items()
    }


def descriptions(
    code: str, event_day: FloatArray, death_day: FloatArray, *, cause: np.ndarray | None = None
) -> np.ndarray:
    """Return in words what ended each patient's time to an end point.

    Parameters
    ----------
    code
        End point.
    event_day, death_day
        Days, infinite where not seen, shape ``(n_patient,)``; not a number outside the set.
    cause
        Cause of each death, as `causes_of_death` gives it; not told if omitted.
    """
    died = np.full(len(death_day), DEATH, dtype=object)
    if cause is not None:
        died = np.array([f"{DEATH}: {word}" if word else DEATH for word in cause], dtype=object)
    is_death = np.isfinite(event_day) & (event_day == death_day)
    ended = np.where(np.isfinite(death_day), "Death without the event", "End of follow-up")
    told = np.where(np.isfinite(event_day), EVENTS.get(code, DEATH), ended)
    return np.where(np.isnan(event_day), "Not in the analysis set", np.where(is_death, died, told))


def causes_of_death(
    days: FloatArray,
    hazards: Mapping[str, FloatArray],
    death_day: FloatArray,
    draw: FloatArray,
) -> np.ndarray:
    """Return what each patient died of, empty for those alive.

    A cause has the share that its hazard has of the whole hazard of the step in which death
    falls; the draw picks one. A hazard that jumps, as at an operation, then counts in full.

    Parameters
    ----------
    days
        Times, ascending, shape ``(n_time,)``.
    hazards
        Accumulated hazard by cause, shape ``(n_patient, n_time)`` each.
    death_day
        Infinite for those alive, shape ``(n_patient,)``.
    draw
        Uniform in [0, 1), same shape; see `cause_draws`.
    """
    names = np.array([*hazards, ""], dtype=object)
    steps = np.stack([np.diff(curve, axis=1) for curve in hazards.values()], axis=-1)
    dead = np.isfinite(death_day)
    last = steps.shape[1] - 1
    step = np.clip(np.searchsorted(days, np.where(dead, death_day, 0.0), side="left") - 1, 0, last)
    parts = np.maximum(np.nan_to_num(steps[np.arange(len(death_day)), step]), 0.0)
    edges = np.cumsum(parts, axis=1)
    level = draw[:, None] * edges[:, -1:]
    # Which part of the step's hazard the draw falls into.
    chosen = np.minimum((edges <= level).sum(axis=1), len(hazards) - 1)
    return np.asarray(names[np.where(dead & (edges[:, -1] > 0), chosen, len(hazards))])


def cause_draws(patients: Sequence[int], *, seed: int) -> FloatArray:
    """Return the uniform draw that picks each patient's cause of death, ``(n_patient,)``."""
    return np.array([rng_for(seed, "patient", i, "death_cause").uniform() for i in patients])
