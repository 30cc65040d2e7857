"""What is seen of simulated patients: lesions at visits, operations, specimens and deaths.

Turns the outputs of a simulation into what `cxaxis.trial.events` needs. The model knows neither
visits nor deaths: it goes on after the day on which a patient's accumulated hazard passes the
patient's draw, and what it says of later days is of nobody.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np

from cxaxis.cohort.laboratory import Laboratory
from cxaxis.core.arrays import BoolArray, FloatArray
from cxaxis.core.errors import ModelValueError
from cxaxis.patient.course import AGGREGATES, DEPOSITS, SLOTS
from cxaxis.patient.pathology import Specimen, durable_control
from cxaxis.patient.readouts import crossing_day, diameter_mm
from cxaxis.patient.recist import (
    NODE,
    Assessment,
    Lesions,
    assess,
    read_sizes,
    reading_errors,
)
from cxaxis.trial.events import Course, Surgery, cause_draws, causes_of_death

PRIMARY: Final = "primary"
# An aggregate is what founders beyond the slots have grown into; the earliest of them make up
# nearly all of it, so that its size is about that of one deposit.
LESIONS: Final = (PRIMARY, *SLOTS, *AGGREGATES)
LESION_ORGANS: Final = (
    PRIMARY,
    *(organ for organ, slots in DEPOSITS.items() for _ in slots),
    *DEPOSITS,
)
_SINGLE: Final = tuple(name not in AGGREGATES for name in LESIONS)
NODES: Final = DEPOSITS["node"]

# An operation is read a quarter of a day before and after it: the dose itself is given at its day.
BESIDE_OPERATION_DAY: Final = 0.25

BURDEN: Final = (
    "tumour_cells",
    "killed_cells",
    *(f"{name}_cells" for name in (*SLOTS, *AGGREGATES)),
)
HAZARDS: Final[Mapping[str, tuple[str, ...]]] = {
    "disease": ("disease_hazard",),
    "treatment": ("treatment_hazard", "operative_hazard"),
    "other": ("background_hazard",),
}
HAZARD_OUTPUTS: Final = tuple(name for names in HAZARDS.values() for name in names)
OPERATION: Final = ("operated", "tumour_present", *(f"{slot}_present" for slot in SLOTS))


def operation_reading_days(day: float) -> tuple[float, float]:
    """Return the days just before and just after an operation at which it is read."""
    return day - BESIDE_OPERATION_DAY, day + BESIDE_OPERATION_DAY


@dataclass(frozen=True, kw_only=True)
class Sighting:
    """Outputs of a simulation, and whose they are.

    Attributes
    ----------
    times_day
        Ascending, shape ``(n_time,)``.
    outputs
        By name, shape ``(n_patient, n_time)`` each: `BURDEN` and `HAZARD_OUTPUTS`, and with
        surgery `OPERATION`.
    cells_per_mL
        Of tumour tissue, shape ``(n_patient,)``.
    laboratory
        Patients, population and seed.
    """

    times_day: FloatArray
    outputs: Mapping[str, FloatArray]
    cells_per_mL: FloatArray
    laboratory: Laboratory

    def at(self, days: FloatArray | float) -> np.ndarray:
        """Return the positions of ``days`` among the times.

        Raises
        ------
        ModelValueError
            If a day was not read.
        """
        wanted = np.atleast_1d(np.asarray(days, dtype=float))
        found = np.searchsorted(self.times_day, wanted)
        sure = np.minimum(found, len(self.times_day) - 1)
        if not np.array_equal(self.times_day[sure], wanted):
            absent = wanted[self.times_day[sure] != wanted]
            msg = f"day {absent[0]:g} was not read. Add it to the times of the simulation."
            raise ModelValueError(msg)
        return sure

    def read(self, name: str, days: FloatArray | float) -> FloatArray:
        """Return an output at ``days``, never negative; 0 where a failed course has none."""
        values = np.nan_to_num(self.outputs[name][:, self.at(days)])
        return np.asarray(np.maximum(values, 0.0))

    def deposit_mm(self, name: str, days: FloatArray | float) -> FloatArray:
        """Return the diameter of a deposit at ``days``, mm, shape ``(n_patient, n_day)``."""
        per_mL = self.cells_per_mL[:, None]
        return diameter_mm(self.read(f"{name}_cells", days), cells_per_mL=per_mL)

    def sizes_mm(self, days: FloatArray) -> FloatArray:
        """Return the true sizes of `LESIONS` at ``days``, ``(n_patient, n_lesion, n_day)``.

        Killed cells that have not been cleared count: a scan cannot tell them.
        """
        bulk = self.read("tumour_cells", days) + self.read("killed_cells", days)
        sizes = [diameter_mm(bulk, cells_per_mL=self.cells_per_mL[:, None])]
        for name, organ in zip(LESIONS[1:], LESION_ORGANS[1:], strict=True):
            deposit_mm = self.deposit_mm(name, days)
            in_node = organ == NODE
            sizes.append(self.laboratory.node_short_axis_mm(deposit_mm) if in_node else deposit_mm)
        return np.stack(sizes, axis=1)


def assessments(
    sighting: Sighting,
    visits_day: FloatArray,
    *,
    noise: float | None = None,
    baseline_day: float | None = None,
) -> tuple[FloatArray, Assessment]:
    """Return days and RECIST of the visits.

    Parameters
    ----------
    sighting
        The outputs.
    visits_day
        All visits of the trial, ascending; the n-th reading error belongs to the n-th of them.
    noise
        Log standard deviation of a reading; the population's if omitted, 0 for true sizes.
    baseline_day
        Day of a new baseline, read without error; visits before it are left out. None keeps
        the first visit as the baseline.
    """
    lab = sighting.laboratory
    sd = lab.theta["recist_reading_noise"] if noise is None else noise
    errors = reading_errors(lab.patients, LESIONS, len(visits_day), seed=lab.seed)
    days = visits_day
    measured = read_sizes(sighting.sizes_mm(days), errors, noise=sd)
    if baseline_day is not None:
        later = days > baseline_day
        days = np.concatenate([[baseline_day], days[later]])
        first = sighting.sizes_mm(np.array([baseline_day]))
        measured = np.concatenate([first, measured[..., later]], axis=-1)
    return days, assess(Lesions(size_mm=measured, organs=LESION_ORGANS, single=_SINGLE))


def death_days(sighting: Sighting, death_draw: FloatArray) -> tuple[FloatArray, np.ndarray]:
    """Return the day and the cause of each patient's death, infinite and empty for the living.

    Parameters
    ----------
    death_draw
        Accumulated hazard at which each patient dies, shape ``(n_patient,)``.
    """
    parts = {
        cause: np.asarray(sum(sighting.outputs[name] for name in names), dtype=float)
        for cause, names in HAZARDS.items()
    }
    times = sighting.times_day
    whole = np.asarray(sum(parts.values()), dtype=float)
    day = crossing_day(times, whole, death_draw)
    lab = sighting.laboratory
    return day, causes_of_death(times, parts, day, cause_draws(lab.patients, seed=lab.seed))


def operation(sighting: Sighting, day: float, death_day: FloatArray) -> Surgery:
    """Return how an operation planned for ``day`` went.

    It was done if the model says so and the patient lived to see it; it was complete if it left
    no cell of the primary behind.
    """
    _, after = operation_reading_days(day)
    done = sighting.read("operated", after)[:, 0] > 0.5
    return Surgery(
        day=day,
        operated=np.asarray(done & (death_day >= day)),
        complete=np.asarray(sighting.read("tumour_cells", after)[:, 0] == 0.0),
    )


def course_of(
    sighting: Sighting,
    visits_day: FloatArray,
    death_day: FloatArray,
    *,
    surgery_day: float | None = None,
    noise: float | None = None,
) -> Course:
    """Return what was seen of patients, with or without a planned operation."""
    _, seen = assessments(sighting, visits_day, noise=noise)
    if surgery_day is None:
        return Course(visits_day=visits_day, seen=seen, death_day=death_day)
    _, after = operation_reading_days(surgery_day)
    later_day, later = assessments(sighting, visits_day, noise=noise, baseline_day=after)
    return Course(
        visits_day=visits_day,
        seen=seen,
        death_day=death_day,
        surgery=operation(sighting, surgery_day, death_day),
        after_surgery=later,
        after_surgery_day=later_day,
    )


def specimens(
    sighting: Sighting, day: float, *, dissected: BoolArray, examined_spread: float
) -> Specimen:
    """Return the pathologist's report on an operation of ``day``, as if all had been operated on.

    Parameters
    ----------
    day
        Day of the operation; day 0 is read for the extent of the bed.
    dissected
        Whether the operation takes each of `NODES`, shape ``(n_patient, n_node)``.
    examined_spread
        See `cxaxis.patient.pathology.nodes_examined`.
    """
    before, after = operation_reading_days(day)
    deposits = np.stack([sighting.deposit_mm(slot, before)[:, 0] for slot in NODES], axis=1)
    return sighting.laboratory.specimen(
        viable_cells=sighting.read("tumour_cells", before)[:, 0],
        bed_cells=sighting.read("tumour_cells", 0.0)[:, 0],
        cells_left=sighting.read("tumour_cells", after)[:, 0],
        node_deposit_mm=deposits,
        dissected=dissected,
        nodes=NODES,
        examined_spread=examined_spread,
    )


def controlled(sighting: Sighting, day: float) -> BoolArray:
    """Return whether no clonogen is left in the primary, slots or aggregates, ``(n_patient,)``."""
    present = {slot: sighting.read(f"{slot}_present", day)[:, 0] for slot in SLOTS}
    # An aggregate is a mean number: below one clonogen there is more likely none.
    one_clonogen = 1.0 / sighting.laboratory.theta["clonogenic_fraction"]
    for name in AGGREGATES:
        present[name] = (sighting.read(f"{name}_cells", day)[:, 0] >= one_clonogen).astype(float)
    return durable_control(sighting.read("tumour_present", day)[:, 0], present)
