"""The pool: every virtual patient under every arm.

Only the pool knows counterfactuals. An allocated trial takes one arm of each patient; see
`cxaxis.trial.allocation`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from cxaxis.cohort.laboratory import Laboratory
from cxaxis.cohort.population import draw_agents
from cxaxis.cohort.sample import Cohort
from cxaxis.core.arrays import BoolArray, FloatArray
from cxaxis.engine.choice import POPULATION, engine_named
from cxaxis.engine.doses import DoseTable
from cxaxis.engine.protocol import ParameterTable, SimulationResult, Tolerances
from cxaxis.knowledge.drug_records import Drug, Regimen
from cxaxis.knowledge.parameters import load_parameters
from cxaxis.models.agents import slot_of
from cxaxis.models.build import Model
from cxaxis.patient.course import PATIENT_TOLERANCES
from cxaxis.patient.pathology import Specimen
from cxaxis.patient.recist import surveillance_days
from cxaxis.patient.regimen import Body, dose_rows
from cxaxis.trial.events import Course, Surgery, event_days
from cxaxis.trial.operations import SURGERY
from cxaxis.trial.sightings import (
    BURDEN,
    HAZARD_OUTPUTS,
    NODES,
    OPERATION,
    Sighting,
    controlled,
    course_of,
    death_days,
    operation_reading_days,
    specimens,
)

#: Slots of the drugs that act on CXCR4 or its ligand, and where each is read in plasma.
AXIS_SLOTS: Final = {"antagonist": "antagonist_central", "neutraliser": "neutraliser_central"}
OUTCOME_STEP_DAY: Final = 7.0
PHARMACOLOGY_STEP_DAY: Final = 0.25
# One day of steady state is read every half hour, for hours above half occupancy.
INTENSIVE_DAY: Final = 14.0
INTENSIVE_STEP_DAY: Final = 1.0 / 48.0
RECEPTORS: Final = ("antagonist_cxcr4", "antagonist_cxcl12_cxcr4", "cxcr4", "cxcl12_cxcr4")
#: What is read on `Schedule.pharmacology_day`.
PHARMACOLOGY: Final = (
    *AXIS_SLOTS.values(),
    "cd34_blood",
    *(f"{where}_{state}" for where in ("tumour", "marrow") for state in RECEPTORS),
)


@dataclass(frozen=True, kw_only=True)
class Schedule:
    """When things are read; the same for every arm of a trial.

    Attributes
    ----------
    visits_day
        Tumour assessments, baseline first.
    outcome_day
        Times at which hazard and burden are read, visits and both sides of operations included.
    pharmacology_day
        Times at which drug, receptors and CD34+ cells are read; empty without such a drug.
    """

    visits_day: FloatArray
    outcome_day: FloatArray
    pharmacology_day: FloatArray

    @property
    def times_day(self) -> FloatArray:
        """All times, ascending."""
        return np.union1d(self.outcome_day, self.pharmacology_day)


def schedule_of(
    *,
    horizon_day: float,
    first_visit_day: float,
    visit_every_day: float,
    pharmacology_until_day: float,
    surgery_days: Sequence[float] = (),
    surveillance: bool = False,
) -> Schedule:
    """Return the reading times of a trial.

    Parameters
    ----------
    horizon_day, first_visit_day, visit_every_day
        End of the trial, and its visits beside day 0.
    pharmacology_until_day
        Day up to which drug and receptors are read; 0 for never.
    surgery_days
        Days of the operations that arms plan.
    surveillance
        Whether visits after the last operation are those of
        `cxaxis.patient.recist.surveillance_days`.
    """
    visits = np.concatenate(
        [[0.0], np.arange(first_visit_day, horizon_day + 1e-9, visit_every_day)]
    )
    if surveillance and surgery_days:
        last = max(surgery_days)
        later = surveillance_days(start_day=last, horizon_day=horizon_day)
        visits = np.concatenate([visits[visits <= last], later])
    beside = [day for operation in surgery_days for day in operation_reading_days(operation)]
    weekly = np.arange(0.0, horizon_day, OUTCOME_STEP_DAY)
    until = min(pharmacology_until_day, horizon_day)
    dense = np.arange(0.0, until + 1e-9, PHARMACOLOGY_STEP_DAY) if until > 0 else np.array([])
    if until >= INTENSIVE_DAY + 1.0:
        steps = np.arange(1, round(1.0 / INTENSIVE_STEP_DAY)) * INTENSIVE_STEP_DAY
        fine = INTENSIVE_DAY + steps[np.mod(steps, PHARMACOLOGY_STEP_DAY) > 1e-9]
        dense = np.union1d(dense, fine)
    return Schedule(
        visits_day=visits,
        outcome_day=np.union1d(np.union1d(visits, weekly), [*beside, horizon_day]),
        pharmacology_day=dense,
    )


@dataclass(frozen=True, kw_only=True)
class ArmPlan:
    """An arm as the pool needs it."""

    id: str
    regimens: tuple[tuple[Drug, Regimen], ...]

    @property
    def drugs(self) -> tuple[Drug, ...]:
        """Drugs of the arm, each once."""
        return tuple({drug.id: drug for drug, _ in self.regimens}.values())

    @property
    def axis_slot(self) -> str | None:
        """Slot of the arm's drug against CXCR4, else of that against CXCL12, else None."""
        slots = {slot_of(drug) for drug in self.drugs}
        return next((slot for slot in AXIS_SLOTS if slot in slots), None)

    @property
    def surgery_day(self) -> float | None:
        """Day of the arm's first operation, None without one."""
        days = [
            regimen.dose_days()[0] for drug, regimen in self.regimens if drug.drug_class == SURGERY
        ]
        return min(days, default=None)

    @property
    def last_axis_day(self) -> float:
        """Day on which dosing against CXCR4 or CXCL12 ends, 0 without such a drug."""
        ends = [
            regimen.dose_days()[-1] + max(regimen.duration_day, regimen.every_day)
            for drug, regimen in self.regimens
            if slot_of(drug) in AXIS_SLOTS
        ]
        return max(ends, default=0.0)


@dataclass(frozen=True, kw_only=True)
class Resection:
    """Operations of an arm, and what a pathologist said of the specimens.

    Attributes
    ----------
    surgery
        When, whether done, whether complete.
    specimen
        Report on each patient; it has a meaning for those operated on alone.
    controlled
        Whether no clonogen was left anywhere after the operation, which nobody can see, shape
        ``(n_patient,)``.
    """

    surgery: Surgery
    specimen: Specimen
    controlled: BoolArray


@dataclass(frozen=True, kw_only=True)
class ArmCourse:
    """Patients under one arm: event days (infinite when not seen) and read-outs.

    Attributes
    ----------
    event_day
        Per end point, shape ``(n_patient,)``, days; infinite if not before the horizon, not a
        number for patients outside the analysis set of the end point.
    death_cause
        What each patient died of, empty for those alive at the end, shape ``(n_patient,)``.
    course
        What was seen at ``schedule.visits_day``.
    resection
        None where no operation was planned.
    result
        The simulation, for pharmacology and outcomes.
    """

    event_day: dict[str, FloatArray]
    death_cause: np.ndarray
    course: Course
    resection: Resection | None
    result: SimulationResult
    schedule: Schedule


def doses_of(plan: ArmPlan, cohort: Cohort) -> DoseTable:
    """Return the dose rows of a cohort under an arm, in nmol and Gy."""
    rows = []
    measures = (cohort.covariates[name] for name in ("weight_kg", "height_cm", "crcl_mL_min"))
    for position, (weight, height, filtration) in enumerate(zip(*measures, strict=True)):
        body = Body(
            weight_kg=float(weight),
            height_cm=float(height),
            creatinine_clearance_mL_min=float(filtration),
        )
        for drug, regimen in plan.regimens:
            rows += list(dose_rows(drug, regimen, body, patient=position))
    return DoseTable(tuple(rows))


@dataclass(frozen=True, kw_only=True)
class Switch:
    """Patients who leave the doses of an arm on a day of their own.

    Attributes
    ----------
    day
        Day of the switch, shape ``(n_patient,)``, infinite for those who stay.
    doses
        What everybody is given in the end, before and after the switch.
    before
        Their course without any switch.
    """

    day: FloatArray
    doses: DoseTable
    before: SimulationResult

    def joined(self, after: SimulationResult) -> SimulationResult:
        """Return a course that is bit for bit the one before up to the day of the switch."""
        early = after.times[None, :] <= self.day[:, None]
        stays = np.isinf(self.day)
        pairs = zip(stays, self.before.outcomes, after.outcomes, strict=True)
        return replace(
            after,
            values=np.where(early[:, :, None], self.before.values, after.values),
            outcomes=tuple(first if stay else later for stay, first, later in pairs),
        )


def simulate_arm(
    model: Model,
    cohort: Cohort,
    plan: ArmPlan,
    schedule: Schedule,
    *,
    phi: float | None = None,
    switch: Switch | None = None,
    tolerances: Tolerances | None = None,
    engine: str = POPULATION,
) -> ArmCourse:
    """Simulate a cohort under one arm.

    Parameters
    ----------
    phi
        Causal share to use instead of the cohort's own.
    switch
        Who is given other doses than the plan's, and from when; the plan names all drugs.
    tolerances
        Error control; `PATIENT_TOLERANCES` if omitted.
    engine
        Name of the engine, see `cxaxis.engine.choice`.
    """
    table = cohort.table if phi is None else cohort.table.with_columns(phi=phi)
    agents = draw_agents(
        model, load_parameters(), cohort.theta, plan.drugs, cohort.indices, seed=cohort.seed
    )
    table = table.with_columns(**agents)
    planned = plan.surgery_day
    outputs = [*HAZARD_OUTPUTS, *BURDEN]
    if planned is not None:
        outputs += OPERATION
    if len(schedule.pharmacology_day):
        outputs += PHARMACOLOGY
    times = schedule.times_day
    result = engine_named(engine).simulate(
        model.sbml,
        table,
        doses_of(plan, cohort) if switch is None else switch.doses,
        times,
        outputs,
        tolerances=tolerances or PATIENT_TOLERANCES,
    )
    if switch is not None:
        result = switch.joined(result)
    sighting = Sighting(
        times_day=times,
        outputs={name: result.of(name) for name in outputs},
        cells_per_mL=table.column("tumour_cell_density") / 1e3,
        laboratory=Laboratory(theta=cohort.theta, patients=cohort.indices, seed=cohort.seed),
    )
    death, cause = death_days(sighting, cohort.covariates["death_draw"])
    course = course_of(sighting, schedule.visits_day, death, surgery_day=planned)
    return ArmCourse(
        event_day=event_days(course, horizon_day=float(times[-1])),
        death_cause=cause,
        course=course,
        resection=None if course.surgery is None else _resection(sighting, course.surgery, table),
        result=result,
        schedule=schedule,
    )


def _resection(sighting: Sighting, surgery: Surgery, table: ParameterTable) -> Resection:
    share = table.column("dissected_share")
    dissected = [table.column(f"{node}_dissection_draw") < share for node in NODES]
    _, after = operation_reading_days(surgery.day)
    return Resection(
        surgery=surgery,
        specimen=specimens(
            sighting,
            surgery.day,
            dissected=np.stack(dissected, axis=1),
            examined_spread=load_parameters()["nodes_examined"].omega,
        ),
        controlled=controlled(sighting, after),
    )
