"""Cells that a drug brings into blood: courses, collection by apheresis, a trial, a table.

Everything works on patients that are given, one row each of every constant of a model with a
marrow (``patient`` or ``marrow_bench``); who they are is drawn elsewhere.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from cxaxis.core.arrays import BoolArray, FloatArray
from cxaxis.core.outcomes import require_success
from cxaxis.engine.doses import ALL_PATIENTS, Dose, DoseTable
from cxaxis.engine.protocol import Engine, ParameterTable, SimulationResult, Tolerances
from cxaxis.knowledge.drug_records import Drug, Regimen
from cxaxis.models.build import Model
from cxaxis.patient.course import PATIENT_TOLERANCES, at_rest
from cxaxis.patient.regimen import Body, dose_rows

HOURS_PER_DAY: Final = 24.0
PER_MICROLITRE: Final = 1e-6
_TOLERANCES: Final = PATIENT_TOLERANCES
#: A count that has not risen by a tenth has no peak.
LEAST_RISE: Final = 1.1


def marrow_at_rest(
    model: Model,
    patients: ParameterTable,
    engine: Engine,
    *,
    tolerances: Tolerances = _TOLERANCES,
) -> ParameterTable:
    """Return patients with marrow and blood at rest; see `cxaxis.patient.course.at_rest`.

    Raises
    ------
    SimulationFailedError
        If any patient cannot be simulated.
    """
    rest = at_rest(model, patients, engine, tolerances)
    require_success([str(index) for index in range(patients.n_patient)], rest.outcomes)
    return rest.patients


def cd34_at(
    model: Model,
    people: ParameterTable,
    doses: Sequence[Dose],
    hours: FloatArray,
    engine: Engine,
    *,
    tolerances: Tolerances = _TOLERANCES,
) -> FloatArray:
    """Return CD34+ cells per microlitre of blood at some hours, shape ``(n_patient, n_time)``."""
    result = _simulated(
        model, people, doses, hours / HOURS_PER_DAY, ("cd34_blood",), engine, tolerances
    )
    return np.asarray(result.of("cd34_blood") * PER_MICROLITRE)


@dataclass(frozen=True, kw_only=True)
class CountSummary:
    """One count of blood after a drug, one value for each person.

    Attributes
    ----------
    rest, peak
        Count before the drug and at its highest, per microlitre, shape ``(n_patient,)``.
    peak_hour
        Time of the peak, h; not a number where the count hardly rises.
    hours_above_half
        Hours with more than half of the rise; 0 where the count hardly rises.
    """

    rest: FloatArray
    peak: FloatArray
    peak_hour: FloatArray
    hours_above_half: FloatArray

    @property
    def fold(self) -> FloatArray:
        """Peak over rest, shape ``(n_patient,)``."""
        return np.asarray(self.peak / self.rest)


def count_summary(hours: FloatArray, count: FloatArray) -> CountSummary:
    """Summarise the course of a count.

    Parameters
    ----------
    hours
        Evenly spaced times from the dose, h, shape ``(n_time,)``; the first is the rest.
    count
        Cells per litre, shape ``(n_patient, n_time)``.
    """
    rest, peak = count[:, 0], count.max(axis=1)
    risen = peak > LEAST_RISE * rest
    above = (count - rest[:, None]) >= (peak - rest)[:, None] / 2.0
    spacing = hours[1] - hours[0]
    return CountSummary(
        rest=rest * PER_MICROLITRE,
        peak=peak * PER_MICROLITRE,
        peak_hour=np.where(risen, hours[count.argmax(axis=1)], np.nan),
        hours_above_half=np.where(risen, above.sum(axis=1) * spacing, 0.0),
    )


def first_dose(regimen: Regimen) -> Regimen:
    """Return a regimen cut to its first dose, on day 0."""
    return replace_regimen(regimen, n_doses=1, start_day=0.0, weekdays_only=False)


def replace_regimen(regimen: Regimen, **changes: float | bool) -> Regimen:
    """Return a regimen with some of its fields replaced, checked again."""
    return Regimen.model_validate({**regimen.model_dump(), **changes})


def doses_for_everybody(drug: Drug, regimen: Regimen, body: Body) -> tuple[Dose, ...]:
    """Return the dose rows of a regimen for every patient of a table, all of one body."""
    return tuple(
        replace(dose, patient=ALL_PATIENTS) for dose in dose_rows(drug, regimen, body, patient=0)
    )


@dataclass(frozen=True, kw_only=True)
class MobilisationRow:
    """What one agent is predicted to bring into blood; a quantile row is over the draws.

    Attributes
    ----------
    agent, regimen
        Ids.
    cd34_rest, cd34_peak, cd34_fold, cd34_peak_hour, cd34_hours, leukocyte_fold
        Quantiles at `LEVELS`: count per microlitre before and at the peak, fold rise, time of
        the peak in h, hours above half of the rise, fold rise of all leukocytes.
    risen
        Share of draws in which CD34+ cells rise by at least a tenth.
    """

    agent: str
    regimen: str
    cd34_rest: FloatArray
    cd34_peak: FloatArray
    cd34_fold: FloatArray
    cd34_peak_hour: FloatArray
    cd34_hours: FloatArray
    leukocyte_fold: FloatArray
    risen: float


#: Quantiles of a row: the ends of the 95 % and 80 % intervals around the median.
LEVELS: Final = (0.025, 0.1, 0.5, 0.9, 0.975)


@dataclass(frozen=True, kw_only=True)
class MobilisingAgent:
    """What is given for one row of the table.

    Attributes
    ----------
    agent, regimen
        Ids for the row.
    columns
        Constants of the agent's slot in each draw, shape ``(n_draw,)`` each; none for an agent
        with a place of its own.
    doses
        What is given, from day 0.
    """

    agent: str
    regimen: str
    columns: Mapping[str, FloatArray]
    doses: tuple[Dose, ...]


def mobilisation_table(
    model: Model,
    people: ParameterTable,
    agents: Sequence[MobilisingAgent],
    engine: Engine,
    *,
    hours: FloatArray,
    weights: FloatArray | None = None,
    tolerances: Tolerances = _TOLERANCES,
) -> tuple[MobilisationRow, ...]:
    """Return what each agent brings into blood, over people that stand for draws.

    Parameters
    ----------
    model
        A model with a marrow.
    people
        One row per draw of the parameters, at rest (`marrow_at_rest`).
    agents
        What is given, one row of the table each.
    engine
        Any engine.
    hours
        Evenly spaced times, h, the first 0, shape ``(n_time,)``.
    weights
        How much each draw counts, non-negative, shape ``(n_draw,)``; all the same if omitted.
    tolerances
        Error control.

    Raises
    ------
    SimulationFailedError
        If any draw cannot be simulated.
    """
    counted = np.ones(people.n_patient) if weights is None else weights
    return tuple(
        _mobilisation_row(model, people, agent, engine, hours, counted, tolerances)
        for agent in agents
    )


def _mobilisation_row(
    model: Model,
    people: ParameterTable,
    agent: MobilisingAgent,
    engine: Engine,
    hours: FloatArray,
    weights: FloatArray,
    tolerances: Tolerances,
) -> MobilisationRow:
    result = _simulated(
        model,
        people.with_columns(**agent.columns),
        agent.doses,
        hours / HOURS_PER_DAY,
        ("cd34_blood", "leukocytes_blood"),
        engine,
        tolerances,
    )
    cd34 = count_summary(hours, result.of("cd34_blood"))
    leukocytes = count_summary(hours, result.of("leukocytes_blood"))
    return MobilisationRow(
        agent=agent.agent,
        regimen=agent.regimen,
        cd34_rest=weighted_quantiles(cd34.rest, weights),
        cd34_peak=weighted_quantiles(cd34.peak, weights),
        cd34_fold=weighted_quantiles(cd34.fold, weights),
        cd34_peak_hour=weighted_quantiles(cd34.peak_hour, weights),
        cd34_hours=weighted_quantiles(cd34.hours_above_half, weights),
        leukocyte_fold=weighted_quantiles(leukocytes.fold, weights),
        risen=float(np.average(np.isfinite(cd34.peak_hour), weights=weights)),
    )


def weighted_quantiles(values: FloatArray, weights: FloatArray) -> FloatArray:
    """Return quantiles at `LEVELS` of what is a number; not numbers where nothing counts.

    Parameters
    ----------
    values, weights
        Shape ``(n_draw,)``; weights are non-negative.
    """
    known = np.isfinite(values) & (weights > 0)
    if not known.any():
        return np.full(len(LEVELS), np.nan)
    order = np.argsort(values[known])
    sorted_values, counted = values[known][order], weights[known][order]
    # Each draw stands in the middle of its own share.
    place = (np.cumsum(counted) - counted / 2.0) / counted.sum()
    return np.asarray(np.interp(LEVELS, place, sorted_values))


@dataclass(frozen=True, kw_only=True)
class Collection:
    """How stem cells are collected from blood.

    Attributes
    ----------
    blood_volumes
        Blood volumes passed in a session, positive, a number or shape ``(n_patient,)``.
    efficiency
        Share of passing CD34+ cells that is kept, 0 to 1, likewise.
    blood_litre_per_kg
        Blood volume by weight, likewise.
    """

    blood_volumes: FloatArray | float
    efficiency: FloatArray | float
    blood_litre_per_kg: FloatArray | float


def apheresis_yield(cd34_per_litre: FloatArray, collection: Collection) -> FloatArray:
    """Return the CD34+ cells per kg that sessions at these counts collect.

    Parameters
    ----------
    cd34_per_litre
        Count in blood during each session, shape ``(n_patient, n_session)``.
    collection
        How it is done.

    Returns
    -------
    Cells per kg of body weight, same shape. The session itself does not lower the count: the
    marrow holds a thousand times what blood holds.
    """
    per_kg = (
        np.asarray(collection.blood_volumes)
        * np.asarray(collection.efficiency)
        * np.asarray(collection.blood_litre_per_kg)
    )
    return np.asarray(cd34_per_litre * np.reshape(per_kg, (-1, 1)))


@dataclass(frozen=True, kw_only=True)
class MobilisationPlan:
    """G-CSF every morning, perhaps a drug the evening before each apheresis.

    Attributes
    ----------
    target_per_kg
        CD34+ cells per kg that count as success.
    sessions
        Apheresis sessions at most, one a day.
    lead_in_days
        Mornings of G-CSF before the day of the first session.
    evening_hour, session_hour
        Time of the drug and of the session, in hours from the morning dose.
    """

    target_per_kg: float
    sessions: int
    lead_in_days: int = 4
    evening_hour: float = 14.0
    session_hour: float = 0.5

    @property
    def session_days(self) -> FloatArray:
        """Times of the sessions, days from the first G-CSF, shape ``(n_session,)``."""
        first = self.lead_in_days + self.session_hour / HOURS_PER_DAY
        return first + np.arange(self.sessions, dtype=np.float64)

    @property
    def evening_days(self) -> FloatArray:
        """Times of the drug, the evening before each session, shape ``(n_session,)``."""
        first = self.lead_in_days - 1.0 + self.evening_hour / HOURS_PER_DAY
        return first + np.arange(self.sessions, dtype=np.float64)

    @property
    def morning_days(self) -> FloatArray:
        """Times of G-CSF, shape ``(lead_in_days + n_session,)``."""
        return np.arange(self.lead_in_days + self.sessions, dtype=np.float64)


@dataclass(frozen=True, kw_only=True)
class MobilisationTrial:
    """What an arm of a mobilisation trial collected.

    Attributes
    ----------
    cd34_per_microlitre
        Count at each session, shape ``(n_patient, n_session)``.
    collected_per_kg
        Cells per kg collected up to and with each session, same shape.
    reached
        Whether the target was reached within the sessions, shape ``(n_patient,)``.
    """

    cd34_per_microlitre: FloatArray
    collected_per_kg: FloatArray
    reached: BoolArray

    @property
    def share_reached(self) -> float:
        """Share of patients who reached the target."""
        return float(self.reached.mean())


def virtual_mobilisation_trial(
    model: Model,
    patients: ParameterTable,
    engine: Engine,
    *,
    plan: MobilisationPlan,
    collection: Collection,
    filgrastim: Sequence[tuple[str, FloatArray]],
    drug: Sequence[tuple[str, FloatArray]] = (),
    tolerances: Tolerances = _TOLERANCES,
) -> MobilisationTrial:
    """Return what an arm collects.

    Parameters
    ----------
    model
        A model with a marrow.
    patients
        Patients at rest, one row each.
    engine
        Any engine.
    plan
        Schedule and target.
    collection
        How cells are collected.
    filgrastim, drug
        Target states of one dose and its amount in each patient, nmol, shape ``(n_patient,)``;
        no drug in the control arm.
    tolerances
        Error control.

    Raises
    ------
    SimulationFailedError
        If any patient cannot be simulated.
    """
    doses = [
        Dose(patient=patient, time=float(day), target=target, amount=float(amounts[patient]))
        for given, days in ((filgrastim, plan.morning_days), (drug, plan.evening_days))
        for target, amounts in given
        for day in days
        for patient in range(patients.n_patient)
    ]
    result = _simulated(
        model, patients, doses, plan.session_days, ("cd34_blood",), engine, tolerances
    )
    count = result.of("cd34_blood")
    collected = np.cumsum(apheresis_yield(count, collection), axis=1)
    return MobilisationTrial(
        cd34_per_microlitre=count * PER_MICROLITRE,
        collected_per_kg=collected,
        reached=collected[:, -1] >= plan.target_per_kg,
    )


def _simulated(
    model: Model,
    patients: ParameterTable,
    doses: Sequence[Dose],
    times_day: Sequence[float] | FloatArray,
    outputs: Sequence[str],
    engine: Engine,
    tolerances: Tolerances,
) -> SimulationResult:
    result = engine.simulate(
        model.sbml,
        patients,
        DoseTable(tuple(doses)),
        np.asarray(times_day, dtype=np.float64),
        outputs,
        tolerances=tolerances,
    )
    require_success([str(index) for index in range(patients.n_patient)], result.outcomes)
    return result
