"""Drugs at CXCL12 and CXCR4 side by side: plasma, receptors, ligand and cells of the blood.

Everything works on people that are given, one row each of every constant of `MODEL`; who they
are is drawn elsewhere. The first of them has no spread: its values are those told as typical.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Final, Literal

import numpy as np

from cxaxis.core.arrays import FloatArray
from cxaxis.core.errors import SimulationFailedError
from cxaxis.core.outcomes import PatientOutcome
from cxaxis.engine.doses import ALL_PATIENTS, Dose, DoseTable
from cxaxis.engine.protocol import Engine, ParameterTable, Tolerances
from cxaxis.knowledge.drug_records import Drug, Regimen
from cxaxis.models.agents import slot_of
from cxaxis.models.build import Model
from cxaxis.patient.course import PATIENT_TOLERANCES, Rest, at_rest, worst_of
from cxaxis.patient.drug_readings import FLUIDS, PLACES, READINGS, SERIES, DrugCourse
from cxaxis.patient.mobilisation import (
    HOURS_PER_DAY,
    LEVELS,
    PER_MICROLITRE,
    MobilisationPlan,
    weighted_quantiles,
)
from cxaxis.patient.readouts import occupancy
from cxaxis.patient.regimen import Body, dose_rows

#: A body with marrow, blood and the receptors of a tumour at diagnosis.
MODEL: Final = "drug_bench"
#: Slots whose agents can be compared.
COMPARED_SLOTS: Final = ("antagonist", "neutraliser")
_RECEPTOR_STATES: Final = ("cxcr4", "cxcl12_cxcr4", "antagonist_cxcr4", "antagonist_cxcl12_cxcr4")
_PERCENT: Final = 100.0
#: Minutes after a dose, or after the end of an infusion, at which a level is read besides the
#: full hours: a peak lies there.
_EARLY_MINUTES: Final = (1.0, 5.0, 10.0, 15.0, 20.0, 30.0, 45.0)
_NG_PER_ML_OF_NM: Final = 1e-3
_TOLERANCES: Final = PATIENT_TOLERANCES


@dataclass(frozen=True, kw_only=True)
class Panel:
    """People at rest on whom every drug is tried.

    Attributes
    ----------
    kind
        ``unknown``: one volunteer in worlds that differ in what is not known; ``patients``:
        patients of one world.
    people
        Every constant and starting value, one row each; the first row has no spread.
    bodies
        Body of each, or a single one for all.
    agents
        Drug -> what it sets in its slot, by constant, shape ``(n_person,)`` each.
    outcomes
        How the way to rest ended, one a person.
    """

    kind: Literal["unknown", "patients"]
    people: ParameterTable = field(repr=False)
    bodies: tuple[Body, ...] = field(repr=False)
    agents: Mapping[str, Mapping[str, FloatArray]] = field(repr=False)
    outcomes: tuple[PatientOutcome, ...] = field(repr=False)


@dataclass(frozen=True, kw_only=True)
class AddOn:
    """What is given besides every drug.

    Attributes
    ----------
    drug, plan
        Agent with a place of its own in the model, and how it is given.
    lead_in_hours
        Full hours by which it comes before the first dose of the drug.
    """

    drug: Drug
    plan: Regimen
    lead_in_hours: float


@dataclass(frozen=True, kw_only=True)
class Treatment:
    """One drug at one dose, or the add-on alone.

    Attributes
    ----------
    drug
        Agent of a slot; None for the add-on alone.
    regimen
        Id of the regimen whose schedule is followed.
    plan
        The regimen with the dose that is given; None for the add-on alone.
    add_on
        What is given besides; None for nothing.
    """

    drug: Drug | None
    regimen: str
    plan: Regimen | None
    add_on: AddOn | None = None

    @property
    def name(self) -> str:
        """Ids of what is given, joined by a plus sign."""
        given = [item.id for item in (self.drug, self.add_on and self.add_on.drug) if item]
        return " + ".join(given)

    @property
    def dose(self) -> str:
        """The dose as prescribed, such as ``240 ug/kg``; a dash without a drug."""
        return "-" if self.plan is None else f"{self.plan.dose.value:g} {self.plan.dose.unit}"

    @property
    def lead_in_hours(self) -> float:
        """Hours of the add-on before the first dose of the drug."""
        return self.add_on.lead_in_hours if self.add_on else 0.0


@dataclass(frozen=True, kw_only=True)
class Spread:
    """One number without spread, and its quantiles over a panel.

    Attributes
    ----------
    typical
        Value of the first person.
    quantiles
        At `cxaxis.patient.mobilisation.LEVELS` over the others, shape ``(5,)``; None where
        there are no others.
    """

    typical: float
    quantiles: FloatArray | None


@dataclass(frozen=True, kw_only=True)
class Compared:
    """One treatment on one panel.

    Attributes
    ----------
    treatment
        What was given.
    kind
        That of the panel.
    readings
        By id, in the order of `READINGS`.
    hours
        Times of the courses, h from the first dose of the drug, shape ``(n_time,)``.
    typical
        Course of the first person by series, relative to rest where the series says so, shape
        ``(n_time,)`` each.
    quantiles
        The same over the others, shape ``(5, n_time)`` each; empty where there are no others.
    failed
        People whose simulation failed; they are left out.
    """

    treatment: Treatment
    kind: str
    readings: Mapping[str, Spread] = field(repr=False)
    hours: FloatArray = field(repr=False)
    typical: Mapping[str, FloatArray] = field(repr=False)
    quantiles: Mapping[str, FloatArray] = field(repr=False)
    failed: int


def rested(
    model: Model,
    people: ParameterTable,
    engine: Engine,
    *,
    tolerances: Tolerances = _TOLERANCES,
) -> Rest:
    """Return people at rest, everybody around their own untreated signals.

    The stroma is taken as the tumour's own at diagnosis in everybody, so that without a drug
    nothing moves.

    Parameters
    ----------
    model
        The model named `MODEL`.
    people
        Every constant of each.
    engine
        Any engine.
    tolerances
        Error control.

    """
    pace = {name: people.column(name) for name in ("k_fibroblasts", "k_matrix")}
    still = people.with_columns(**dict.fromkeys(pace, 0.0))
    rest = at_rest(model, still, engine, tolerances)
    signal = engine.simulate(
        model.sbml, rest.patients, DoseTable(), np.array([0.0]), ["stroma_now"]
    ).of("stroma_now")[:, 0]
    settled = rest.patients.with_columns(
        **pace, stroma_untreated=signal, stroma_signal_reference=signal
    )
    return Rest(patients=settled, outcomes=rest.outcomes)


def lead_in_of_growth_factor() -> float:
    """Return the hours by which G-CSF precedes a drug where stem cells are collected, h."""
    plan = MobilisationPlan(target_per_kg=0.0, sessions=1)
    return float(np.round(plan.evening_days[0] * HOURS_PER_DAY))


def treated_hours(plan: Regimen, days: float) -> float:
    """Return the end of the last full interval between doses within some days, h.

    The end of a dose that runs on, or of a first interval that is longer, is that of the course.
    """
    length = max(plan.every_day, plan.duration_day)
    ends = [day - plan.start_day + length for day in plan.dose_days()]
    return max([end for end in ends if end <= days], default=days) * HOURS_PER_DAY


def reading_hours(treatment: Treatment, days: float) -> FloatArray:
    """Return the times at which a course is read, h from the first dose, shape ``(n_time,)``.

    Full hours from the first dose of anything on, and the minutes in which a peak may lie.
    """
    last = days * HOURS_PER_DAY
    hours = [*np.arange(-treatment.lead_in_hours, np.floor(last) + 1.0), last]
    if treatment.plan is not None:
        plan = treatment.plan
        for day in plan.dose_days():
            start = (day - plan.start_day) * HOURS_PER_DAY
            end = start + plan.duration_day * HOURS_PER_DAY
            hours += [end, *(start + minute / 60.0 for minute in _EARLY_MINUTES)]
        hours.append(treated_hours(plan, days))
    # Adding zero turns -0 into 0.
    return np.unique(np.round([hour for hour in hours if hour <= last], 6) + 0.0)


def drug_course(
    model: Model,
    panel: Panel,
    treatment: Treatment,
    engine: Engine,
    *,
    days: float,
    tolerances: Tolerances = _TOLERANCES,
) -> DrugCourse:
    """Simulate a panel under one treatment.

    Parameters
    ----------
    model
        The model named `MODEL`.
    panel
        People at rest (`rested`).
    treatment
        What is given.
    engine
        Any engine.
    days
        Length of the course from the first dose of the drug, positive.
    tolerances
        Error control.

    Raises
    ------
    SimulationFailedError
        If the person without spread cannot be simulated.
    """
    hours = reading_hours(treatment, days)
    drug = treatment.drug
    people = panel.people
    central = []
    if drug is not None:
        people = people.with_columns(**panel.agents[drug.id])
        central = [f"{slot_of(drug)}_central"]
    receptors = [f"{place}_{state}" for place in PLACES for state in _RECEPTOR_STATES]
    ligands = [
        f"{place}_{state}"
        for place in FLUIDS.values()
        for state in ("cxcl12", "cxcl12_neutraliser")
    ]
    result = engine.simulate(
        model.sbml,
        people,
        DoseTable(_doses(panel, treatment)),
        (hours + treatment.lead_in_hours) / HOURS_PER_DAY,
        [*central, *receptors, *ligands, "cd34_blood", "leukocytes_blood"],
        tolerances=tolerances,
    )
    outcomes = worst_of(panel.outcomes, result.outcomes)
    _require_first(outcomes)
    failed = np.array([item.outcome.is_failure for item in outcomes])

    def level(name: str) -> FloatArray:
        return np.where(failed[:, None], np.nan, result.of(name))

    values: dict[str, FloatArray] = {}
    in_plasma = level(central[0]) if central else np.full(result.values.shape[:2], np.nan)
    values["plasma_nM"] = in_plasma
    mass = drug.molar_mass.g_per_mol if drug is not None and drug.molar_mass else np.nan
    values["plasma_ng_per_mL"] = in_plasma * (mass * _NG_PER_ML_OF_NM)
    for place in PLACES:
        free, ligand, held, both = (level(f"{place}_{state}") for state in _RECEPTOR_STATES)
        values[f"{place}_occupancy"] = _PERCENT * occupancy(held + both, free, ligand)
        values[f"{place}_cxcr4"] = free + ligand + held + both
    for fluid, place in FLUIDS.items():
        free, caught = (level(f"{place}_{state}") for state in ("cxcl12", "cxcl12_neutraliser"))
        values[f"{fluid}_cxcl12_free"] = free
        values[f"{fluid}_cxcl12_total"] = free + caught
    values["cd34"] = level("cd34_blood") * PER_MICROLITRE
    values["leukocytes"] = level("leukocytes_blood") * PER_MICROLITRE
    last = days * HOURS_PER_DAY
    return DrugCourse(
        hours=hours,
        treated_hours=treated_hours(treatment.plan, days) if treatment.plan else last,
        values=MappingProxyType(values),
        failed=int(failed.sum()),
    )


def compared(
    model: Model,
    panel: Panel,
    treatment: Treatment,
    engine: Engine,
    *,
    days: float,
    tolerances: Tolerances = _TOLERANCES,
) -> Compared:
    """Simulate a panel under one treatment and read what is compared; as `drug_course`."""
    course = drug_course(model, panel, treatment, engine, days=days, tolerances=tolerances)
    relative = {item.id for item in SERIES if item.relative}
    shown = {
        name: level / level[:, :1] if name in relative else level
        for name, level in course.values.items()
    }
    alone = panel.people.n_patient == 1
    return Compared(
        treatment=treatment,
        kind=panel.kind,
        readings={item.id: _spread(item.of(course)) for item in READINGS},
        hours=course.hours,
        typical={name: level[0] for name, level in shown.items()},
        quantiles={} if alone else {name: _quantiles(level[1:]) for name, level in shown.items()},
        failed=course.failed,
    )


def _spread(values: FloatArray) -> Spread:
    others = values[1:]
    return Spread(
        typical=float(values[0]),
        quantiles=weighted_quantiles(others, np.ones(len(others))) if len(others) else None,
    )


def _quantiles(level: FloatArray) -> FloatArray:
    """Return the quantiles of a course at each time, shape ``(5, n_time)``."""
    known = level[np.isfinite(level).all(axis=1)]
    if not len(known):
        return np.full((len(LEVELS), level.shape[1]), np.nan)
    # As `weighted_quantiles`: each stands in the middle of its own share.
    return np.asarray(np.quantile(known, LEVELS, axis=0, method="hazen"))


def _require_first(outcomes: Sequence[PatientOutcome]) -> None:
    if outcomes[0].outcome.is_failure:
        msg = f"the typical person cannot be simulated: {outcomes[0].message}."
        raise SimulationFailedError(msg)


def _doses(panel: Panel, treatment: Treatment) -> tuple[Dose, ...]:
    """Return what everybody is given, from the start of the simulation."""
    add_on, lead_in_day = treatment.add_on, treatment.lead_in_hours / HOURS_PER_DAY
    given: list[tuple[Drug, Regimen, float]] = []
    if add_on is not None:
        given.append((add_on.drug, add_on.plan, -add_on.plan.start_day))
    if treatment.drug is not None and treatment.plan is not None:
        given.append((treatment.drug, treatment.plan, lead_in_day - treatment.plan.start_day))
    bodies: Iterable[tuple[int, Body]] = (
        [(ALL_PATIENTS, panel.bodies[0])] if len(panel.bodies) == 1 else enumerate(panel.bodies)
    )
    return tuple(
        replace(dose, time=dose.time + delay)
        for who, body in bodies
        for drug, plan, delay in given
        for dose in dose_rows(drug, plan, body, patient=who)
    )
