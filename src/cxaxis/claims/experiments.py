"""Experiments that checks share: an untreated course, a dosed volunteer, a treated patient.

Each is done once for a context and its changes. Patients are typical: every parameter at the
value of the world's population, so that an effect is the mechanism's and not the sampling's.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from cxaxis.claims.context import CheckContext, WorldFailedError
from cxaxis.cohort.population import typical_agents, typical_patient
from cxaxis.core.arrays import FloatArray
from cxaxis.core.outcomes import PatientOutcome
from cxaxis.engine.choice import engine_named
from cxaxis.engine.doses import DoseTable
from cxaxis.engine.protocol import ParameterTable, SimulationResult
from cxaxis.knowledge.drug_records import Dose, Regimen
from cxaxis.patient.course import (
    DISTANT_ORGANS,
    ORGANS,
    PATIENT_TOLERANCES,
    Diagnosis,
    at_rest,
    to_diagnosis,
)
from cxaxis.patient.regimen import Body, dose_rows

DISTANT: Final = DISTANT_ORGANS
HOURS_PER_DAY: Final = 24.0
VOLUNTEER_WEIGHT_KG: Final = 70.0
VOLUNTEER_HEIGHT_CM: Final = 175.0
TYPICAL_HEIGHT_CM: Final = 166.0
NEVER_CONTROLLED: Final = 1e-300
# The start, the ends of two and four weeks and of radiotherapy, and what comes after.
TREATED_DAYS: Final = (0.0, 14.0, 28.0, 38.0, 60.0, 84.0, 180.0)
_TREATED_OUTPUTS: Final = (
    "tumour_log",
    "death_hazard",
    "disease_hazard",
    "positive_share",
    "cxcr4_occupancy",
    "fibroblasts",
    "matrix",
    "vessels",
    "myeloid",
    "cd8",
    "treg",
    "cd8_activity",
    "kill_immune",
    "foxm1_sensitivity",
    "reach",
    "tumour_cxcl12_cxcr4",
    "amount(tumour_antagonist_cxcr4)",
    "amount(marrow_antagonist_cxcr4)",
    "amount(blood_antagonist_cxcr4)",
)
_TOLERANCES: Final = PATIENT_TOLERANCES


@dataclass(frozen=True, kw_only=True)
class UntreatedCourse:
    """A typical patient from inception to the size of diagnosis.

    Attributes
    ----------
    growth_drive
        Factor of CXCR4 signalling on the rate of division.
    days
        From inception to diagnosis.
    hazard
        Expected founders by organ at diagnosis.
    free_cxcl12_nM, bound_cxcr4_nM, bound_ackr3_nM, free_cxcr4_nM
        In the tumour at diagnosis.
    signal
        CXCR4 signal that the tumour's surroundings hear, 0 to 1.
    """

    growth_drive: float
    days: float
    hazard: dict[str, float]
    free_cxcl12_nM: float
    bound_cxcr4_nM: float
    bound_ackr3_nM: float
    free_cxcr4_nM: float
    signal: float


def untreated(ctx: CheckContext) -> UntreatedCourse:
    """Return the untreated course of the typical patient.

    Raises
    ------
    WorldFailedError
        If the simulation fails or the tumour never reaches the size of diagnosis.
    """
    return ctx.once("untreated", lambda: _untreated(ctx))


def _untreated(ctx: CheckContext) -> UntreatedCourse:
    at_rest = grown(ctx)
    diagnosis = diagnosed(ctx)
    table = diagnosis.patients
    return UntreatedCourse(
        growth_drive=float(at_rest.of("growth_drive")[0, -1]),
        days=float(diagnosis.days_from_inception[0]),
        hazard={organ: float(table.column(f"{organ}_hazard")[0]) for organ in ORGANS},
        free_cxcl12_nM=float(at_rest.of("tumour_cxcl12")[0, -1]),
        bound_cxcr4_nM=float(at_rest.of("tumour_cxcl12_cxcr4")[0, -1]),
        bound_ackr3_nM=float(at_rest.of("tumour_cxcl12_ackr3")[0, -1]),
        free_cxcr4_nM=float(at_rest.of("tumour_cxcr4")[0, -1]),
        signal=float(at_rest.of("stroma_now")[0, -1]),
    )


_GROWN_OUTPUTS: Final = (
    "growth_drive",
    "stroma_now",
    "tumour_cxcl12",
    "tumour_cxcl12_cxcr4",
    "tumour_cxcl12_ackr3",
    "tumour_cxcr4",
    "positive_share",
    "progenitors",
    "vessels",
    "oxygen",
    "hypoxia",
    "lymphatics",
    "cd8",
    "pdc",
    "node_homing",
    "node_homing_negative",
    "liver_homing",
    "liver_homing_negative",
    "liver_positive_arriving",
    "liver_heading_drive",
)


def grown(ctx: CheckContext) -> SimulationResult:
    """Return what the typical patient's tumour is like on the day it is found."""
    return ctx.once(
        "grown",
        lambda: simulated(ctx, diagnosed(ctx).patients, DoseTable(), (0.0,), _GROWN_OUTPUTS),
    )


def at_diagnosis(ctx: CheckContext, quantity: str) -> float:
    """Return a quantity of the typical patient on the day the tumour is found.

    Parameters
    ----------
    quantity
        One of those that `grown` reads.
    """
    return float(grown(ctx).of(quantity)[0, -1])


def diagnosed(ctx: CheckContext) -> Diagnosis:
    """Return the typical patient at diagnosis."""

    def make() -> Diagnosis:
        patient = typical_patient(ctx.model, ctx.theta)
        solver = engine_named(ctx.engine)
        diagnosis = to_diagnosis(ctx.model, patient, solver, tolerances=_TOLERANCES)
        insist(diagnosis.outcomes)
        if not np.isfinite(diagnosis.days_from_inception).all():
            msg = "the tumour never reaches the size of diagnosis."
            raise WorldFailedError(msg)
        return diagnosis

    return ctx.once("diagnosed", make)


@dataclass(frozen=True)
class TreatedCourse:
    """The course of one patient under treatment, read on `TREATED_DAYS`."""

    result: SimulationResult

    def on(self, day: float, quantity: str) -> float:
        """Return a quantity on one of the days that are read."""
        return float(self.result.of(quantity)[0, TREATED_DAYS.index(day)])


def treated(
    ctx: CheckContext, regimens: Sequence[tuple[str, str]], **columns: float
) -> TreatedCourse:
    """Return the typical patient's course under treatment, from the day the tumour is found.

    Every course is read on the same days, so that one serves many checks.

    Parameters
    ----------
    regimens
        Drug and name of its regimen; none is a course without treatment.
    columns
        What this patient has otherwise than the typical one, in the model's units. The last
        clonogen never dies unless ``control_draw`` is among them: a cured tumour has no size to
        compare.
    """
    chosen = {"control_draw": NEVER_CONTROLLED, **columns}

    def make() -> TreatedCourse:
        drugs = ctx.knowledge.drugs
        given = [(drugs[drug], drugs[drug].regimens[name]) for drug, name in regimens]
        agents = typical_agents(
            ctx.model, ctx.knowledge.parameters, ctx.theta, [drug for drug, _ in given]
        )
        patient = diagnosed(ctx).patients.with_columns(**{**agents, **chosen})
        body = Body(weight_kg=ctx.theta["body_weight"], height_cm=TYPICAL_HEIGHT_CM)
        doses = [
            row for drug, regimen in given for row in dose_rows(drug, regimen, body, patient=0)
        ]
        table = DoseTable(tuple(doses))
        return TreatedCourse(simulated(ctx, patient, table, TREATED_DAYS, _TREATED_OUTPUTS))

    return ctx.once(("treated", tuple(regimens), tuple(sorted(columns.items()))), make)


@dataclass(frozen=True, kw_only=True)
class Gift:
    """A drug as a volunteer gets it.

    Attributes
    ----------
    drug
        Id of a drug with a place in the model.
    dose, route, duration_day
        As prescribed.
    start_day
        Day of the first dose, from 0.
    n_doses
        Doses, a day apart.
    """

    drug: str
    dose: Dose
    route: str
    duration_day: float = 0.0
    start_day: float = 0.0
    n_doses: int = 1


def volunteer(
    ctx: CheckContext, gifts: Sequence[Gift], hours: FloatArray, outputs: Sequence[str]
) -> SimulationResult:
    """Return a healthy volunteer of 70 kg on some drugs, the marrow at rest before them.

    Parameters
    ----------
    gifts
        What is given.
    hours
        Times to read from day 0, h, ascending, shape ``(n_time,)``.
    outputs
        Quantities of the patient model.
    """
    told = tuple((item.drug, item.dose.value, item.start_day, item.n_doses) for item in gifts)
    return ctx.once(
        ("volunteer", told, tuple(hours), tuple(outputs)),
        lambda: _volunteer(ctx, gifts, hours, outputs),
    )


def resting(ctx: CheckContext) -> ParameterTable:
    """Return a healthy volunteer of 70 kg at rest: every start value, one row."""

    def make() -> ParameterTable:
        person = typical_patient(ctx.model, ctx.theta).with_columns(
            body_weight=VOLUNTEER_WEIGHT_KG, phi=1.0
        )
        rest = at_rest(ctx.model, person, engine_named(ctx.engine), _TOLERANCES)
        insist(rest.outcomes)
        return rest.patients

    return ctx.once("resting", make)


def _volunteer(
    ctx: CheckContext, gifts: Sequence[Gift], hours: FloatArray, outputs: Sequence[str]
) -> SimulationResult:
    drugs = [ctx.knowledge.drugs[item.drug] for item in gifts]
    agents = typical_agents(ctx.model, ctx.knowledge.parameters, ctx.theta, drugs)
    body = Body(weight_kg=VOLUNTEER_WEIGHT_KG, height_cm=VOLUNTEER_HEIGHT_CM)
    doses = [
        row
        for gift, drug in zip(gifts, drugs, strict=True)
        for row in dose_rows(drug, _regimen(gift), body, patient=0)
    ]
    times = np.asarray(hours) / HOURS_PER_DAY
    person = resting(ctx).with_columns(**agents)
    return simulated(ctx, person, DoseTable(tuple(doses)), times, outputs)


def _regimen(gift: Gift) -> Regimen:
    return Regimen.model_validate(
        {
            "dose": gift.dose.model_dump(),
            "route": gift.route,
            "start_day": gift.start_day,
            "n_doses": gift.n_doses,
            "duration_day": gift.duration_day,
            "note": "given to a volunteer of the ledger",
        }
    )


def simulated(
    ctx: CheckContext,
    patients: ParameterTable,
    doses: DoseTable,
    times_day: Sequence[float] | FloatArray,
    outputs: Sequence[str],
) -> SimulationResult:
    """Simulate the patient model of a world, and insist that it worked."""
    result = engine_named(ctx.engine).simulate(
        ctx.model.sbml,
        patients,
        doses,
        np.asarray(times_day, dtype=np.float64),
        outputs,
        tolerances=_TOLERANCES,
    )
    insist(result.outcomes)
    return result


def insist(outcomes: Sequence[PatientOutcome]) -> None:
    """Raise `WorldFailedError` if any simulation failed."""
    failed = [item for item in outcomes if item.outcome.is_failure]
    if failed:
        msg = f"{len(failed)} of {len(outcomes)} simulations failed: {failed[0].message}"
        raise WorldFailedError(msg)
