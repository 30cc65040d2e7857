"""Models, patients and arms for the tests of what the models do."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

import numpy as np

from cxaxis.cohort.overrides import with_values
from cxaxis.cohort.population import central_theta, draw_patients, typical_patient
from cxaxis.cohort.sample import Cohort, sample_eligible
from cxaxis.core.outcomes import require_success
from cxaxis.engine.doses import ALL_PATIENTS, Dose, DoseTable
from cxaxis.engine.population import PopulationEngine
from cxaxis.engine.protocol import Engine, ParameterTable, SimulationResult, Tolerances
from cxaxis.knowledge.drugs import load_drugs
from cxaxis.knowledge.parameters import Parameters, load_parameters
from cxaxis.models.build import Model, build
from cxaxis.models.wiring import PATIENT_WIRINGS, Wiring, switches_of
from cxaxis.patient.course import PATIENT_TOLERANCES, Diagnosis, to_diagnosis
from cxaxis.trial.jobs import Setup, set_up
from cxaxis.trial.pool import ArmPlan
from cxaxis.trial.protocol import Prescription, Protocol, read_protocol, resolve

# Tight enough that a closed form is compared with the model, not with the solver.
TIGHT = Tolerances(relative=1e-9, absolute=1e-11)

#: Every harm switch of the patient, off.
NO_HARM = {switch: 0.0 for name in PATIENT_WIRINGS for switch in switches_of(name)}
#: What tests change that no row binds: a person with T cells and no harm.
SETTINGS = {**NO_HARM, "host_is_mouse": 0.0, "host_lacks_t_cells": 0.0}
N_DRAWN = 7


@cache
def parameters_with(*changes: tuple[str, float]) -> Parameters:
    return with_values(load_parameters(), dict(changes))


@cache
def patient_model(*changes: tuple[str, float], wiring: Wiring | None = None) -> Model:
    return build("patient", parameters_with(*changes), wiring)


@cache
def bench_model() -> Model:
    return build("receptor_bench", parameters_with())


def in_model_units(model: Model, constant: str) -> float:
    """The tabled value of a model constant, in the unit of the model."""
    return parameters_with()[model.bindings[constant]].value * model.factors[constant]


def table(**columns: float | Sequence[float] | np.ndarray) -> ParameterTable:
    """A parameter table; numbers are repeated for every patient."""
    arrays = np.broadcast_arrays(*(np.atleast_1d(c).astype(float) for c in columns.values()))
    return ParameterTable(tuple(columns), np.column_stack(arrays))


def bolus(target: str, amount: float, time: float = 0.0, patient: int = ALL_PATIENTS) -> Dose:
    return Dose(patient=patient, time=time, target=target, amount=amount)


def infusion(target: str, amount: float, duration: float, time: float = 0.0) -> Dose:
    return Dose(patient=ALL_PATIENTS, time=time, target=target, amount=amount, duration=duration)


def run(
    model: Model,
    patients: ParameterTable,
    times: Sequence[float] | np.ndarray,
    outputs: Sequence[str],
    doses: Sequence[Dose] = (),
    *,
    tolerances: Tolerances = TIGHT,
    engine: Engine | None = None,
) -> SimulationResult:
    """Simulate, and insist on success."""
    result = (engine or PopulationEngine()).simulate(
        model.sbml,
        patients,
        DoseTable(tuple(doses)),
        np.asarray(times, dtype=float),
        outputs,
        tolerances=tolerances,
    )
    require_success([str(i) for i in range(patients.n_patient)], result.outcomes)
    return result


@cache
def eligible(
    n: int, seed: int, *changes: tuple[str, float], wiring: Wiring | None = None
) -> Cohort:
    """The first eligible patients of the tabled population, some of its values changed."""
    rows = parameters_with(*changes)
    model = patient_model(*changes, wiring=wiring)
    return sample_eligible(model, rows, central_theta(rows), n, seed=seed)


def typical(**changes: float | Sequence[float] | np.ndarray) -> ParameterTable:
    """The typical patient before any tumour, once for each set of changes."""
    base = typical_patient(patient_model(), central_theta(parameters_with()))
    return variants(base.with_columns(**SETTINGS), **changes)


def variants(
    patients: ParameterTable, **changes: float | Sequence[float] | np.ndarray
) -> ParameterTable:
    """One patient repeated, with columns changed; only columns that there are."""
    unknown = set(changes) - set(patients.names)
    assert not unknown, unknown
    n = max((np.size(value) for value in changes.values()), default=1)
    rows = patients if patients.n_patient == n or n == 1 else patients.rows([0] * n)
    return rows.with_columns(**{name: np.asarray(value) for name, value in changes.items()})


def diagnosed(
    *, tolerances: Tolerances = PATIENT_TOLERANCES, **changes: float | Sequence[float] | np.ndarray
) -> Diagnosis:
    """The typical patient grown to diagnosis, once for each set of changes; insist on success."""
    patients = typical(**changes)
    found = to_diagnosis(patient_model(), patients, PopulationEngine(), tolerances=tolerances)
    require_success([str(i) for i in range(patients.n_patient)], found.outcomes)
    return found


@cache
def some_patients() -> Diagnosis:
    """The typical patient and `N_DRAWN` drawn ones at diagnosis, every start value given."""
    model, rows = patient_model(), parameters_with()
    one = typical()
    drawn = draw_patients(model, rows, central_theta(rows), range(N_DRAWN), seed=8)
    drawn = drawn.with_columns(**SETTINGS)
    columns = {name: np.append(one.column(name), drawn.column(name)) for name in one.names}
    found = to_diagnosis(model, table(**columns), PopulationEngine())
    require_success([str(i) for i in range(N_DRAWN + 1)], found.outcomes)
    return found


def found_patient(**changes: float | Sequence[float] | np.ndarray) -> ParameterTable:
    """The typical patient on the day of diagnosis, once for each set of changes."""
    return variants(some_patients().patients.rows([0]), **changes)


@cache
def demonstration() -> Setup:
    """The demonstration trial's set-up."""
    return set_up(read_protocol("crt_plerixafor_small"), {}, None)


def protocol_with(**changes: Any) -> Protocol:
    """The small demonstration protocol with some keys replaced."""
    canonical = read_protocol("crt_plerixafor_small").canonical()
    return Protocol.model_validate({**canonical, **changes})


def small_protocol(**changes: Any) -> Protocol:
    """Three patients an arm for four months, with a little of everything a run does."""
    small: dict[str, Any] = {
        "population": {"setting": "locally_advanced_escc", "patients_per_ratio_unit": 3},
        "visits": {"first_day": 42.0, "every_day": 42.0},
        "horizon_day": 120.0,
        "enrolment": {"accrual_day": 30.0, "dropout_per_year": 0.5},
        "uncertainty": {
            "draws": 1,
            "patients_per_draw": 4,
            "arms": ["plerixafor_infusion"],
            "phi_values": [0.0],
            "phi_patients": 4,
        },
    }
    return protocol_with(**(small | changes))


def plan_of(name: str, *prescriptions: Mapping[str, Any], backbone: bool = True) -> ArmPlan:
    """An arm: the demonstration's backbone and more."""
    regimens = demonstration().control.regimens if backbone else ()
    drugs = load_drugs()
    added = tuple(resolve(Prescription(**item), drugs) for item in prescriptions)
    return ArmPlan(id=name, regimens=(*regimens, *added))


def daily_plerixafor(ug_per_kg: float, *, n_doses: int = 52) -> dict[str, Any]:
    return {
        "drug": "plerixafor",
        "dose": {"value": ug_per_kg, "unit": "ug/kg"},
        "route": "subcutaneous",
        "n_doses": n_doses,
    }


def infused_plerixafor(ug_per_kg_day: float, *, duration_day: float = 52.0) -> dict[str, Any]:
    return {
        "drug": "plerixafor",
        "dose": {"value": ug_per_kg_day, "unit": "ug/kg/day"},
        "route": "intravenous",
        "duration_day": duration_day,
    }
