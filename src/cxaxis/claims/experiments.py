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
from cxaxis.cohort.population import typical_patient
from cxaxis.core.arrays import FloatArray
from cxaxis.core.outcomes import PatientOutcome
from cxaxis.engine.choice import engine_named
from cxaxis.engine.doses import DoseTable
from cxaxis.engine.protocol import ParameterTable, SimulationResult, Tolerances
from cxaxis.knowledge.drug_records import Dose, Regimen
from cxaxis.patient.course import Diagnosis, settled, to_diagnosis
from cxaxis.patient.regimen import Body, dose_rows

ORGANS: Final = ("node", "liver", "lung", "bone")
DISTANT: Final = ("liver", "lung", "bone")
HOURS_PER_DAY: Final = 24.0
VOLUNTEER_WEIGHT_KG: Final = 70.0
VOLUNTEER_HEIGHT_CM: Final = 175.0
_TOLERANCES: Final = Tolerances()


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
        In the tumour at rest.
    signal
        CXCR4 signal of the tumour, 0 to 1.
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
    at_rest = rest(ctx)
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
        signal=float(at_rest.of("tumour_signal")[0, -1]),
    )


REST_DAYS: Final = 60.0
_REST_OUTPUTS: Final = (
    "growth_drive",
    "tumour_signal",
    "tumour_cxcl12",
    "tumour_cxcl12_cxcr4",
    "tumour_cxcl12_ackr3",
    "tumour_cxcr4",
    "marrow_cxcl12",
    "marrow_cxcl12_cxcr4",
)


def rest(ctx: CheckContext) -> SimulationResult:
    """Return receptors and ligands at rest, untreated and with the full causal share."""

    def make() -> SimulationResult:
        patient = typical_patient(ctx.model, ctx.theta).with_columns(
            phi=1.0, switch_ackr3_survival=0.0
        )
        return simulated(ctx, patient, DoseTable(), (REST_DAYS,), _REST_OUTPUTS)

    return ctx.once("rest", make)


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


def volunteer(
    ctx: CheckContext,
    drug: str,
    *,
    dose: Dose,
    route: str,
    hours: FloatArray,
    outputs: Sequence[str],
    duration_day: float = 0.0,
    n_doses: int = 1,
) -> SimulationResult:
    """Return a healthy volunteer of 70 kg after a drug, the marrow at rest before it.

    Parameters
    ----------
    drug
        Id of a drug with a place in the model.
    dose, route, duration_day, n_doses
        As prescribed; doses are a day apart.
    hours
        Times to read, h, ascending, shape ``(n_time,)``.
    outputs
        Quantities of the patient model.
    """
    return ctx.once(
        ("volunteer", drug, dose, route, tuple(hours), tuple(outputs), duration_day, n_doses),
        lambda: _volunteer(ctx, drug, dose, route, hours, outputs, duration_day, n_doses),
    )


def _volunteer(
    ctx: CheckContext,
    drug: str,
    dose: Dose,
    route: str,
    hours: FloatArray,
    outputs: Sequence[str],
    duration_day: float,
    n_doses: int,
) -> SimulationResult:
    patient = typical_patient(ctx.model, ctx.theta).with_columns(
        body_weight=VOLUNTEER_WEIGHT_KG, phi=1.0
    )
    resting, before = settled(ctx.model, patient, engine_named(ctx.engine), _TOLERANCES)
    insist(before.outcomes)
    body = Body(weight_kg=VOLUNTEER_WEIGHT_KG, height_cm=VOLUNTEER_HEIGHT_CM)
    regimen = Regimen.model_validate(
        {
            "dose": dose.model_dump(),
            "route": route,
            "n_doses": n_doses,
            "duration_day": duration_day,
            "note": "given to a volunteer of the ledger",
        }
    )
    doses = dose_rows(ctx.knowledge.drugs[drug], regimen, body, patient=0)
    times = np.asarray(hours) / HOURS_PER_DAY
    return simulated(ctx, resting, DoseTable(tuple(doses)), times, outputs)


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
