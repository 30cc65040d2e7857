"""The body without tumour: volunteers of any agent, at rest and after doses."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

import numpy as np

from cxaxis.cohort.population import central_theta, typical_agents
from cxaxis.engine.doses import ALL_PATIENTS, Dose
from cxaxis.engine.population import PopulationEngine
from cxaxis.engine.protocol import ParameterTable, SimulationResult, Tolerances
from cxaxis.inference.marrow_fit import VOLUNTEER, typical_person
from cxaxis.knowledge.drugs import load_drugs
from cxaxis.knowledge.parameters import load_parameters
from cxaxis.models.build import Model, build
from cxaxis.patient.mobilisation import doses_for_everybody, first_dose, marrow_at_rest
from science_support import run

ENGINE = PopulationEngine()
USUAL = Tolerances()
WEIGHT_KG = VOLUNTEER.weight_kg


@cache
def body_model() -> Model:
    return build("marrow_bench", load_parameters())


@cache
def volunteer(drug: str = "plerixafor", *changes: tuple[str, float]) -> ParameterTable:
    """A person of 70 kg at rest, a drug's values in its slot; changes in units of the model."""
    model, rows = body_model(), load_parameters()
    person = typical_person(model, rows, weight_kg=WEIGHT_KG).with_columns(**dict(changes))
    rested = marrow_at_rest(model, person, ENGINE)
    own = typical_agents(model, rows, central_theta(rows), [load_drugs()[drug]])
    kept = {name for name, _ in changes}
    return rested.with_columns(**{name: own[name] for name in own if name not in kept})


def regimen_doses(drug: str, regimen: str, *, first: bool = True) -> tuple[Dose, ...]:
    record = load_drugs()[drug]
    given = record.regimens[regimen]
    return doses_for_everybody(record, first_dose(given) if first else given, VOLUNTEER)


def bolus(target: str, amount_nmol: float, day: float = 0.0) -> Dose:
    return Dose(patient=ALL_PATIENTS, time=day, target=target, amount=amount_nmol)


def course(
    people: ParameterTable,
    days: Sequence[float] | np.ndarray,
    outputs: Sequence[str],
    doses: Sequence[Dose] = (),
    *,
    tolerances: Tolerances = USUAL,
) -> SimulationResult:
    return run(body_model(), people, days, outputs, doses, tolerances=tolerances)
