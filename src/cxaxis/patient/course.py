"""The course of patients: untreated from inception to diagnosis, then under treatment.

Occult spread before diagnosis is simulated once and is the same in every arm; treatment
changes only what comes after (C100, C101 and the decision on seeding before diagnosis).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from cxaxis.core.arrays import FloatArray
from cxaxis.core.outcomes import PatientOutcome
from cxaxis.engine.doses import DoseTable
from cxaxis.engine.protocol import Engine, ParameterTable, SimulationResult, Tolerances
from cxaxis.models.build import Model

SIGNALS = ("tumour", "marrow", "ackr3", "node", "liver", "lung", "bone")
DEPOSITS = {
    "node": ("node_1", "node_2", "node_3"),
    "liver": ("liver_1", "liver_2"),
    "lung": ("lung_1", "lung_2"),
    "bone": ("bone_1", "bone_2"),
}
SLOTS = tuple(slot for slots in DEPOSITS.values() for slot in slots)
DISTANT_SLOTS = tuple(slot for organ in ("liver", "lung", "bone") for slot in DEPOSITS[organ])
FLAGS = ("tumour_present", *(f"{slot}_present" for slot in SLOTS))

# Receptors, ligand and scavenging settle within days of any start.
SETTLING_DAYS = 60.0
# Rounding may leave a flag or a hazard a hair off; the size at diagnosis is exact by definition.
RESET_AT_DIAGNOSIS = {"tumour_log": 0.0, "death_hazard": 0.0}


@dataclass(frozen=True, kw_only=True)
class Diagnosis:
    """Patients at diagnosis, before any treatment.

    Attributes
    ----------
    patients
        One row per patient: the parameters given, every state at diagnosis, and the
        untreated signals; ready to be simulated under treatment from day 0.
    days_from_inception
        Time from the first focus to diagnosis, days, shape ``(n_patient,)``.
    cells
        Cells of each deposit at diagnosis, by slot, shape ``(n_patient,)`` each.
    outcomes
        How the untreated simulation ended, one per patient.
    """

    patients: ParameterTable
    days_from_inception: FloatArray
    cells: dict[str, FloatArray]
    outcomes: tuple[PatientOutcome, ...]


def _amounts_of(model: Model, names: Sequence[str]) -> list[str]:
    """Return outputs that read back as starting values: species as amounts."""
    species = set(model.species)
    return [f"amount({name})" if name in species else name for name in names]


def settled(
    model: Model, patients: ParameterTable, engine: Engine, tolerances: Tolerances
) -> tuple[ParameterTable, SimulationResult]:
    """Return patients with receptors and ligands at rest and their untreated signals set."""
    moving = [name for name in model.species if name.startswith(("tumour_", "marrow_"))]
    signals = [f"{name}_signal" for name in SIGNALS]
    # What displaced ligand does is measured from the untreated signal, which is found only here:
    # untreated, no ligand is displaced.
    result = engine.simulate(
        model.sbml,
        patients.with_columns(switch_ackr3_survival=0.0),
        DoseTable(),
        np.array([SETTLING_DAYS]),
        [*_amounts_of(model, moving), *signals, "growth_drive"],
        tolerances=tolerances,
    )
    last = result.values[:, -1]
    columns = {name: last[:, i] for i, name in enumerate(moving)}
    columns |= {f"untreated_{name}": result.of(name)[:, -1] for name in signals}
    return patients.with_columns(**columns), result


def days_to_diagnosis(
    *,
    birth_rate_per_day: FloatArray,
    growth_drive: FloatArray,
    crowding_exponent: FloatArray,
    loss_factor: FloatArray,
    log_cells_at_inception: FloatArray,
) -> FloatArray:
    """Return the days from inception to the size of diagnosis, exact for untreated growth.

    With ``L`` the log of cells relative to diagnosis, ``dL/dt = r (1 - f exp(theta L))``;
    ``exp(-theta L) - f`` decays at rate ``theta r``, and diagnosis is ``L = 0``.
    """
    rate = birth_rate_per_day * growth_drive
    start = np.exp(-crowding_exponent * log_cells_at_inception)
    # A population that is born beyond the size of diagnosis has no such day: not a number.
    with np.errstate(invalid="ignore", divide="ignore"):
        left = np.log((start - loss_factor) / (1.0 - loss_factor))
        return np.asarray(left / (crowding_exponent * rate))


def to_diagnosis(
    model: Model,
    patients: ParameterTable,
    engine: Engine,
    *,
    tolerances: Tolerances | None = None,
) -> Diagnosis:
    """Simulate the untreated course of patients from inception to diagnosis.

    Parameters
    ----------
    model
        The patient model.
    patients
        Every constant of the model and the patient's draws, as `draw_patients` gives them.
    engine
        Any engine.
    tolerances
        Error control; the engine's default if omitted.
    """
    chosen = tolerances or Tolerances()
    # The share phi divides a change from the untreated signal; untreated there is none.
    resting, rest = settled(model, patients.with_columns(phi=1.0), engine, chosen)
    days = days_to_diagnosis(
        birth_rate_per_day=patients.column("birth_rate"),
        growth_drive=rest.of("growth_drive")[:, -1],
        crowding_exponent=patients.column("crowding_exponent"),
        loss_factor=patients.column("loss_factor_at_diagnosis"),
        log_cells_at_inception=np.log(
            patients.column("cells_at_inception") / patients.column("cells_at_diagnosis")
        ),
    )
    solvable = np.isfinite(days) & (days > 0)
    grown = engine.simulate(
        model.sbml,
        resting,
        DoseTable(),
        np.where(solvable, days, SETTLING_DAYS)[:, None],
        [*_amounts_of(model, model.states), *FLAGS, *(f"{slot}_cells" for slot in SLOTS)],
        tolerances=chosen,
    )
    last = grown.values[:, -1]
    columns: dict[str, FloatArray | float] = {
        name: last[:, i] for i, name in enumerate((*model.states, *FLAGS))
    }
    columns |= RESET_AT_DIAGNOSIS
    columns["phi"] = patients.column("phi")
    outcomes = tuple(
        first if first.outcome.is_failure else second
        for first, second in zip(rest.outcomes, grown.outcomes, strict=True)
    )
    return Diagnosis(
        patients=resting.with_columns(**columns),
        days_from_inception=days,
        cells={slot: grown.of(f"{slot}_cells")[:, -1] for slot in SLOTS},
        outcomes=outcomes,
    )
