"""The bench of the drugs, its slots filled with any agent, and doses as prescribed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cache

import numpy as np

from cxaxis.core.units import conversion_factor
from cxaxis.engine.doses import ALL_PATIENTS, Dose
from cxaxis.engine.protocol import SimulationResult, Tolerances
from cxaxis.knowledge.drugs import load_drugs
from cxaxis.models.agents import rows_of_agent, slot_of
from cxaxis.models.build import Model, build
from cxaxis.patient.regimen import Body, dose_amount, dose_rows
from science_support import TIGHT, in_model_units, parameters_with, run, table

WEIGHT_KG = 70.0
CLEARANCE_ML_MIN = 100.0
BODY = Body(weight_kg=WEIGHT_KG, height_cm=170.0, creatinine_clearance_mL_min=CLEARANCE_ML_MIN)
ML_MIN = 1.44
"""One mL/min in litres a day."""

DRUGS = load_drugs()
DOSED = tuple(drug.id for drug in DRUGS.values() if drug.molar_mass is not None)
ANTAGONISTS = tuple(name for name in DOSED if slot_of(DRUGS[name]) == "antagonist")
CHECKPOINTS = tuple(name for name in DOSED if slot_of(DRUGS[name]) == "checkpoint")


@cache
def bench() -> Model:
    return build("pharmacy_bench", parameters_with())


def constant(name: str, drug: str | None = None) -> float:
    """The tabled value of a constant, in the units of the model, when a drug fills its slot."""
    filling = {} if drug is None else filling_of(drug)
    return filling[name] if name in filling else in_model_units(bench(), name)


def filling_of(drug: str) -> dict[str, float]:
    """The constants that a drug sets in its slot; none for a drug with a place of its own."""
    if slot_of(DRUGS[drug]) is None:
        return {}
    model, rows = bench(), parameters_with()
    return {
        name: rows[row].value * conversion_factor(rows[row].unit, model.units[name])
        for name, row in rows_of_agent(DRUGS[drug], model.bindings, rows).items()
    }


def amount(drug: str, value: float, unit: str, *, duration_day: float = 0.0) -> float:
    return dose_amount(DRUGS[drug], value, unit, BODY, duration_day=duration_day)


def given(drug: str, regimen: str, body: Body = BODY, *, n: int | None = None) -> list[Dose]:
    """The first doses of a named regimen, for every patient."""
    rows = dose_rows(DRUGS[drug], DRUGS[drug].regimens[regimen], body, patient=ALL_PATIENTS)
    return list(rows)[:n]


def course(
    drug: str,
    days: np.ndarray | Sequence[float],
    outputs: Sequence[str],
    doses: Sequence[Dose],
    *,
    tolerances: Tolerances = TIGHT,
    **columns: float | np.ndarray,
) -> SimulationResult:
    """Simulate with a drug in its slot; 70 kg and 100 mL/min unless said otherwise."""
    standard = {"body_weight": WEIGHT_KG, "creatinine_clearance": CLEARANCE_ML_MIN * ML_MIN}
    patients = table(**(standard | filling_of(drug) | columns))
    return run(bench(), patients, days, outputs, doses, tolerances=tolerances)


def mg_per_L(nanomolar: np.ndarray, drug: str) -> np.ndarray:
    return nanomolar * DRUGS[drug].molar_mass.g_per_mol * 1e-6


def half_life_h(days: np.ndarray, level: np.ndarray) -> float:
    """Half-life of a straight decline on the log scale."""
    return float(24 * np.log(2) / -np.polyfit(days, np.log(level), 1)[0])


def every_regimen() -> Iterator[tuple[str, str]]:
    for name in DOSED:
        yield from ((name, regimen) for regimen in DRUGS[name].regimens)
