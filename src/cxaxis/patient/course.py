"""The course of patients: untreated from inception to diagnosis, then under treatment.

Occult spread before diagnosis is simulated once and is the same in every arm; treatment
changes only what comes after (C100, C101 and the decision on seeding before diagnosis).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from cxaxis.core.arrays import BoolArray, FloatArray
from cxaxis.core.outcomes import Outcome, PatientOutcome
from cxaxis.engine.doses import DoseTable
from cxaxis.engine.protocol import Engine, ParameterTable, SimulationResult, Tolerances
from cxaxis.models.build import Model

DEPOSITS: Final = {
    "node": ("node_1", "node_2", "node_3"),
    "liver": ("liver_1", "liver_2"),
    "lung": ("lung_1", "lung_2"),
    "bone": ("bone_1", "bone_2"),
    "elsewhere": ("elsewhere_1", "elsewhere_2"),
}
ORGANS: Final = tuple(DEPOSITS)
DISTANT_ORGANS: Final = tuple(organ for organ in ORGANS if organ != "node")
SLOTS: Final = tuple(slot for slots in DEPOSITS.values() for slot in slots)
AGGREGATES: Final = tuple(f"{organ}_aggregate" for organ in ORGANS)
DISTANT_SLOTS: Final = tuple(slot for organ in DISTANT_ORGANS for slot in DEPOSITS[organ])

# Receptors, ligands and scavenging settle within days, the cells that the niche feeds within
# months.
RECEPTORS_SETTLE_DAYS: Final = 30.0
MARROW_SETTLES_DAYS: Final = 240.0
# Between this share of that time and its end nothing may move by more than a tenth: feedback of
# counts on their makers that is too strong swings for ever, and no such person reaches a clinic.
_ALMOST: Final = 0.97
_SETTLED: Final = 0.1
# Nine tumours of ten are found within the first of these.
UNTREATED_DAYS: Final = (365.25 * 3.0, 365.25 * 15.0)
_RECEPTORS: Final = ("tumour_", "marrow_", "blood_")
_MARROW_STATES: Final = (
    "filgrastim_effect",
    "cd34_blood_ratio",
    "cd34_pool_ratio",
    "neutrophil_ratio",
    "neutrophil_reserve_ratio",
    "lymphocyte_ratio",
    "lymphocyte_pool_ratio",
    "treg_ratio",
    "treg_pool_ratio",
    "dividing_neutrophils",
    "maturing_neutrophils_1",
    "maturing_neutrophils_2",
    "maturing_neutrophils_3",
    "b_precursor_ratio",
)
# Diagnosis is the day on which the tumour has this size, and hazards of death count from there.
_AT_DIAGNOSIS: Final = {
    "found": 1.0,
    "tumour_log": 0.0,
    "disease_hazard": 0.0,
    "treatment_hazard": 0.0,
    "background_hazard": 0.0,
}


#: Outputs that stains of the primary's cells are read from.
BIOPSY: Final = ("cxcr4_per_positive_cell", "positive_share")

# Over three years of treatment hazards, sizes and counts are then right to 1e-4 of their scale; a
# tighter tolerance costs time and shows nothing.
PATIENT_TOLERANCES: Final = Tolerances(relative=1e-4, absolute=1e-4)

# What else a treated patient is compared with as it was at diagnosis.
_UNTREATED_LEVELS: Final = ("tumour_cxcl12", "cd8_activity")


@dataclass(frozen=True, kw_only=True)
class Rest:
    """Patients before the tumour is there to matter: marrow, blood and receptors at rest.

    Attributes
    ----------
    patients
        One row per patient: the parameters given and the start of every state and flag.
    outcomes
        How the simulation ended, one per patient.
    """

    patients: ParameterTable
    outcomes: tuple[PatientOutcome, ...]


@dataclass(frozen=True, kw_only=True)
class Diagnosis:
    """Patients at diagnosis, before any treatment.

    Attributes
    ----------
    patients
        One row per patient: the parameters given, every state at diagnosis, and the
        untreated signals; ready to be simulated under treatment from day 0.
    days_from_inception
        Time from the first focus to diagnosis, days, not a number for a tumour that never
        grows to the size of diagnosis, shape ``(n_patient,)``.
    cells
        Cells of each deposit at diagnosis, by slot, and of each aggregate of the founders beyond
        the slots, shape ``(n_patient,)`` each.
    biopsy
        What a biopsy of the primary is made of (`BIOPSY`), shape ``(n_patient,)`` each.
    outcomes
        How the untreated simulation ended, one per patient.
    """

    patients: ParameterTable
    days_from_inception: FloatArray
    cells: dict[str, FloatArray]
    biopsy: dict[str, FloatArray]
    outcomes: tuple[PatientOutcome, ...]


def signals_of(model: Model) -> tuple[str, ...]:
    """Return the signals that are split into what a drug can change and what it cannot."""
    return tuple(
        name.removesuffix("_untreated")
        for name in sorted(model.inputs)
        if name.endswith("_untreated")
    )


def _unheard(model: Model) -> dict[str, float]:
    """Return what nothing hears before diagnosis, set so that the time after it is sound as well.

    The untreated course is followed past diagnosis, to find its day: with all of the axis's effect
    causal no signal jumps there, and a half keeps every share within (0, 1).
    """
    return {**{f"{name}_untreated": 0.5 for name in signals_of(model)}, "phi": 1.0}


def outputs_for(model: Model, names: Sequence[str]) -> list[str]:
    """Return outputs that read back as starting values: species as amounts."""
    species = set(model.species)
    return [f"amount({name})" if name in species else name for name in names]


def worst_of(
    *runs: Sequence[PatientOutcome],
) -> tuple[PatientOutcome, ...]:
    """Return the first failure of each patient over several runs, else how the last one ended."""
    return tuple(
        next((item for item in items if item.outcome.is_failure), items[-1])
        for items in zip(*runs, strict=True)
    )


def at_rest(
    model: Model,
    patients: ParameterTable,
    engine: Engine,
    tolerances: Tolerances | None = None,
) -> Rest:
    """Return patients with marrow, blood and receptors at rest and every start value given.

    Each marrow is at rest around its own untreated retention, which is found here.

    Parameters
    ----------
    model
        A model with a marrow, such as ``patient`` or ``marrow_bench``.
    patients
        Constants of each patient.
    engine
        Any engine.
    tolerances
        Error control; `PATIENT_TOLERANCES` if omitted.
    """
    chosen = tolerances or PATIENT_TOLERANCES
    every = (*model.states, *model.flags)
    moving = [
        name
        for name in model.states
        if name in _MARROW_STATES or (name in model.species and name.startswith(_RECEPTORS))
    ]

    def run(table: ParameterTable, days: float, names: Sequence[str]) -> SimulationResult:
        return engine.simulate(
            model.sbml,
            table,
            DoseTable(),
            np.array([0.0, _ALMOST * days, days]),
            [*outputs_for(model, names), "marrow_retention"],
            tolerances=chosen,
        )

    # The tumour waits: in a world where it grows fast it would be found while the marrow settles.
    waiting = {"tumour_present": 0.0} if "tumour_present" in model.flags else {}
    unsettled = patients.with_columns(untreated_marrow_retention=1.0, **waiting)
    first = run(unsettled, RECEPTORS_SETTLE_DAYS, every)
    retention = first.of("marrow_retention")[:, -1]
    own = unsettled.with_columns(untreated_marrow_retention=retention)
    second = run(own, MARROW_SETTLES_DAYS, moving)
    columns = {name: first.values[:, 0, k] for k, name in enumerate(every)}
    columns |= {name: second.values[:, -1, k] for k, name in enumerate(moving)}
    counts = [k for k, name in enumerate(moving) if name in _MARROW_STATES]
    swings = _swings(second.values[:, -2, counts], second.values[:, -1, counts])
    columns["untreated_marrow_retention"] = np.where(
        swings, np.nan, second.of("marrow_retention")[:, -1]
    )
    columns |= {name: np.ones(patients.n_patient) for name in waiting}
    return Rest(
        patients=patients.with_columns(**columns),
        outcomes=worst_of(first.outcomes, second.outcomes, _unsettled(second.outcomes, swings)),
    )


def _swings(before: FloatArray, after: FloatArray) -> BoolArray:
    """Return whose counts, relative to rest, have not come to it but rise and fall without end."""
    moved = np.abs(after - before) > _SETTLED * np.maximum(1.0, np.maximum(after, before))
    return np.asarray(moved.any(axis=1))


def _unsettled(outcomes: Sequence[PatientOutcome], swings: BoolArray) -> tuple[PatientOutcome, ...]:
    return tuple(
        replace(item, outcome=Outcome.UNSETTLED, message="blood counts swing without end")
        if swinging
        else item
        for item, swinging in zip(outcomes, swings.tolist(), strict=True)
    )


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
        Error control; `PATIENT_TOLERANCES` if omitted.
    """
    chosen = tolerances or PATIENT_TOLERANCES
    signals = signals_of(model)
    untreated = _unheard(model)
    untreated |= {"untreated_tumour_cxcl12": 1.0, "untreated_cd8_activity": 1.0}
    rest = at_rest(model, patients, engine, chosen)
    start = rest.patients.with_columns(**untreated)
    days, grown = _found_days(model, start, engine, chosen)
    found = np.isfinite(days)
    kept = (*model.states, *model.flags)
    cells = [f"{name}_cells" for name in (*SLOTS, *AGGREGATES)]
    at_diagnosis = engine.simulate(
        model.sbml,
        start,
        DoseTable(),
        np.where(found, days, RECEPTORS_SETTLE_DAYS)[:, None],
        [
            *outputs_for(model, kept),
            *(f"{name}_signal" for name in signals),
            *_UNTREATED_LEVELS,
            *cells,
            *BIOPSY,
        ],
        tolerances=chosen,
    )
    last = at_diagnosis.values[:, -1]
    columns: dict[str, FloatArray | float] = dict(zip(kept, last.T, strict=False))
    columns |= _AT_DIAGNOSIS | {"phi": patients.column("phi")}
    columns |= {f"{name}_untreated": at_diagnosis.of(f"{name}_signal")[:, -1] for name in signals}
    columns |= {f"untreated_{name}": at_diagnosis.of(name)[:, -1] for name in _UNTREATED_LEVELS}
    return Diagnosis(
        patients=start.with_columns(**columns),
        days_from_inception=days,
        cells={name.removesuffix("_cells"): at_diagnosis.of(name)[:, -1] for name in cells},
        biopsy={name: at_diagnosis.of(name)[:, -1] for name in BIOPSY},
        outcomes=worst_of(rest.outcomes, grown, at_diagnosis.outcomes),
    )


def _found_days(
    model: Model, start: ParameterTable, engine: Engine, tolerances: Tolerances
) -> tuple[FloatArray, tuple[PatientOutcome, ...]]:
    """Return the day on which each patient is found, NaN if never, and how the courses ended.

    Most are found within a few years; only the others are followed for longer. Beyond that day a
    tumour simply grows on: T cells act from then on, and nothing is read.
    """
    start = start.with_columns(host_lacks_t_cells=1.0)
    days = np.full(start.n_patient, np.nan)
    outcomes: dict[int, PatientOutcome] = {}
    waiting = np.arange(start.n_patient)
    for horizon in UNTREATED_DAYS:
        if not len(waiting):
            break
        grown = engine.simulate(
            model.sbml,
            start.rows(waiting),
            DoseTable(),
            np.array([horizon]),
            ["found", "found_day"],
            tolerances=tolerances,
        )
        found = grown.of("found")[:, -1] > 0.5
        days[waiting[found]] = grown.of("found_day")[found, -1]
        outcomes |= dict(zip(waiting.tolist(), grown.outcomes, strict=True))
        failed = np.array([item.outcome.is_failure for item in grown.outcomes])
        waiting = waiting[~found & ~failed]
    return days, tuple(outcomes[patient] for patient in range(start.n_patient))
