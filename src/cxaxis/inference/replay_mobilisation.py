"""A replayed mobilisation trial in drawn populations, each fitted to the marrow's numbers anew.

A draw takes every parameter from its spread, then moves the release of CD34+ cells and the
effects of G-CSF until volunteers and patients on G-CSF come out as measured, and the stem cells
that patients have left until the placebo arm of a phase III trial does. Arms with a drug enter
nowhere.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cache
from typing import TYPE_CHECKING, Final

import numpy as np

from cxaxis.cohort.overrides import with_values
from cxaxis.cohort.population import agent_rows, draw_theta, typical_agents
from cxaxis.core.arrays import FloatArray
from cxaxis.core.errors import ModelValueError, SimulationFailedError
from cxaxis.core.outcomes import Outcome
from cxaxis.core.streams import SEED_LIMIT, rng_for
from cxaxis.engine.doses import Dose, DoseTable
from cxaxis.engine.population import PopulationEngine
from cxaxis.engine.protocol import Engine, ParameterTable
from cxaxis.inference.marrow_fit import (
    BENCH,
    DISEASES,
    FITTED,
    REFERENCE,
    Disease,
    drawn_patients,
    fit_release,
)
from cxaxis.knowledge.drug_records import Drug, Regimen
from cxaxis.knowledge.drugs import load_drugs
from cxaxis.knowledge.evidence import load_evidence
from cxaxis.knowledge.parameters import Parameters, load_parameters
from cxaxis.models.agents import slot_of
from cxaxis.models.build import Model, build
from cxaxis.patient.course import PATIENT_TOLERANCES, at_rest
from cxaxis.patient.mobilisation import LEAST_RISE, PER_MICROLITRE, Collection, apheresis_yield
from cxaxis.patient.regimen import Body, dose_rows
from cxaxis.stats.bootstrap import resampled_patients
from cxaxis.trial.pool import AXIS_SLOTS
from cxaxis.trial.replays import MobilisationReplay, PublishedCount, filgrastim

if TYPE_CHECKING:
    import pandas as pd

STUDY: Final = "mobilisation_study_factor"
#: Measured numbers that every draw is fitted to, and how close it must come, as a log ratio.
ANCHORS: Final = ("DRG021", "DRG026", "DRG027")
CLOSE: Final = 0.1
HEIGHT_CM: Final = 170.0
BOOTSTRAPS: Final = 200
_LEAST_PEOPLE: Final = 4
#: Slots of what blocks the receptor or takes its ligand.
_AXIS: Final = tuple(AXIS_SLOTS)


@dataclass(frozen=True, kw_only=True)
class MobilisationTask:
    """One drawn population under both arms of a mobilisation replay. Picklable.

    Attributes
    ----------
    name, replay
        The replay.
    draw, seed
        Number of the population, and seed of what is not known.
    n_patient
        Virtual people, positive.
    """

    name: str
    replay: MobilisationReplay
    draw: int
    seed: int
    n_patient: int


@dataclass(frozen=True, kw_only=True)
class _Arm:
    """Counts of one arm.

    Attributes
    ----------
    times_day
        Shape ``(n_time,)``.
    count
        CD34+ cells per microlitre, shape ``(n_patient, n_time)``.
    collected_per_kg
        CD34+ cells up to and with each session, shape ``(n_patient, n_session)``.
    """

    times_day: FloatArray
    count: FloatArray
    collected_per_kg: FloatArray

    def at(self, day: float) -> FloatArray:
        """Return the count on a day that was read, shape ``(n_patient,)``."""
        return np.asarray(self.count[:, int(np.argmin(np.abs(self.times_day - day)))])


def mobilisation_rows(task: MobilisationTask) -> pd.DataFrame:
    """Return what one drawn population says of each published result.

    Columns as in `cxaxis.trial.replay_draws.DRAWS`. A population that cannot be brought to the
    measured numbers, or whose marrow never rests, gives no number.
    """
    import pandas as pd

    items = task.replay.published
    found = [(np.nan, np.nan, 0)] * len(items)
    try:
        arms = _arms(task)
    except SimulationFailedError:
        arms = None
    if arms is not None:
        for k, item in enumerate(items):
            values = _values(item, arms[item.arm], task.replay)
            found[k] = _summary(item, values, task)
    rows = [(task.name, k, task.draw, *values) for k, values in enumerate(found)]
    return pd.DataFrame(rows, columns=["REPLAY", "ITEM", "DRAW", "CENTRE", "SD", "NPAT"])


def _arms(task: MobilisationTask) -> dict[str, _Arm] | None:
    engine = PopulationEngine()
    fitted = fitted_draw(task.seed, task.draw)
    if fitted is None:
        return None
    seed = int(rng_for(task.replay.seed, "replay_people", task.draw).integers(SEED_LIMIT))
    disease = next((item for item in DISEASES if item.name == task.replay.people), None)
    same_study = disease is not None and any(
        item.row == disease.placebo for item in task.replay.published
    )
    # The reserve of a trial that is fitted holds the effect of its study; another study has none.
    factor = fitted.study_factor
    rows = with_values(fitted.parameters, {STUDY: factor})
    if disease is not None:
        basis = rows if same_study else fitted.parameters
        reserve = _reserve(basis, disease, engine, task, seed=seed)
        if reserve is None:
            return None
        rows = with_values(rows, {disease.reserve: reserve})
    model = build(BENCH, rows)
    people = _at_rest(
        model, *drawn_patients(model, rows, disease, task.n_patient, seed=seed), engine
    )
    if people is None:
        return None
    values = {name: row.value for name, row in rows.items()}
    return {
        arm: _followed(task.replay, arm, model, people, values, rows, engine)
        for arm in ("control", "active")
    }


@dataclass(frozen=True, kw_only=True)
class FittedDraw:
    """A population whose marrow meets the measured numbers.

    Attributes
    ----------
    parameters
        Rows with drawn and fitted values, and a study factor of 1.
    study_factor
        How much more than average a further study mobilises.
    """

    parameters: Parameters
    study_factor: float


@cache
def fitted_draw(seed: int, draw: int) -> FittedDraw | None:
    """Return a drawn population after the fit, None if it cannot come within `CLOSE`."""
    tabled = load_parameters()
    theta = draw_theta(tabled, seed=seed, draw=draw)
    model = build(BENCH, tabled)
    used = {*model.bindings.values(), *_around(tabled)}
    # The fit starts at the tabled values of what it moves.
    kept = {name: theta[name] for name in used if name not in (*FITTED, REFERENCE, STUDY)}
    rows = Parameters(
        {
            name: replace(row, value=kept.get(name, row.value))
            for name, row in {**tabled, STUDY: replace(tabled[STUDY], value=1.0)}.items()
        }
    )
    evidence = load_evidence()
    targets = np.array([float(evidence[row].value) for row in ANCHORS])
    try:
        values, found = fit_release(rows, targets, PopulationEngine())
    except (SimulationFailedError, np.linalg.LinAlgError):
        return None
    if not np.all(np.abs(np.log(found / targets)) < CLOSE):
        return None
    try:
        parameters = with_values(rows, values)
    except ModelValueError:
        return None
    return FittedDraw(parameters=parameters, study_factor=theta[STUDY])


def _around(rows: Parameters) -> set[str]:
    """Return rows of collection, which no model reads, and of the agents' templates."""
    own = {"apheresis_blood_volumes", "apheresis_efficiency", "blood_volume_per_weight"}
    model = build(BENCH, rows)
    drugs = [drug for drug in load_drugs().values() if slot_of(drug) in _AXIS]
    return own.union(*(set(agent_rows(model, rows, [drug]).values()) for drug in drugs))


@dataclass(frozen=True, kw_only=True)
class _People:
    """People at rest, and how cells are collected from each."""

    table: ParameterTable
    collection: Collection


def _at_rest(
    model: Model, table: ParameterTable, collection: Collection, engine: Engine
) -> _People | None:
    """Return the people whose marrow comes to rest; None if hardly any does."""
    rest = at_rest(model, table, engine, PATIENT_TOLERANCES)
    kept = [k for k, item in enumerate(rest.outcomes) if item.outcome is Outcome.COMPLETED]
    if len(kept) < _LEAST_PEOPLE:
        return None

    def part(values: FloatArray | float) -> FloatArray:
        return np.asarray(np.broadcast_to(values, (table.n_patient,))[kept])

    return _People(
        table=rest.patients.rows(kept),
        collection=Collection(
            blood_volumes=part(collection.blood_volumes),
            efficiency=part(collection.efficiency),
            blood_litre_per_kg=part(collection.blood_litre_per_kg),
        ),
    )


def _followed(
    replay: MobilisationReplay,
    arm: str,
    model: Model,
    people: _People,
    values: Mapping[str, float],
    rows: Parameters,
    engine: Engine,
) -> _Arm:
    given = replay.regimens(arm)
    drugs = [drug for drug, _ in given if slot_of(drug) in _AXIS]
    table = people.table.with_columns(**typical_agents(model, rows, values, drugs))
    times = replay.times_day
    count = _counts(model, table, given, times, engine)
    sessions = np.searchsorted(times, replay.sessions_day)
    collected = apheresis_yield(count[:, sessions], people.collection)
    return _Arm(
        times_day=times,
        count=count * PER_MICROLITRE,
        collected_per_kg=np.cumsum(collected, axis=1),
    )


def _counts(
    model: Model,
    table: ParameterTable,
    given: tuple[tuple[Drug, Regimen], ...],
    times_day: FloatArray,
    engine: Engine,
) -> FloatArray:
    """Return CD34+ cells per litre, shape ``(n_patient, n_time)``; NaN where it failed."""
    doses: list[Dose] = []
    for position, weight in enumerate(table.column("body_weight")):
        body = Body(weight_kg=float(weight), height_cm=HEIGHT_CM)
        for drug, regimen in given:
            doses += dose_rows(drug, regimen, body, patient=position)
    result = engine.simulate(
        model.sbml,
        table,
        DoseTable(tuple(doses)),
        times_day,
        ("cd34_blood",),
        tolerances=PATIENT_TOLERANCES,
    )
    failed = np.array([item.outcome.is_failure for item in result.outcomes])
    return np.where(failed[:, np.newaxis], np.nan, result.of("cd34_blood"))


def _reserve(
    rows: Parameters, disease: Disease, engine: Engine, task: MobilisationTask, *, seed: int
) -> float | None:
    """Return the reserve that meets the placebo arm, whose share is drawn from its counts.

    Counts and yields are proportional to the reserve, so one simulation tells the answer.
    """
    model = build(BENCH, rows)
    people = _at_rest(
        model, *drawn_patients(model, rows, disease, task.n_patient, seed=seed), engine
    )
    if people is None:
        return None
    plan = disease.plan
    given = (filgrastim(len(plan.morning_days)),)
    count = _counts(model, people.table, given, plan.session_days, engine)
    total = apheresis_yield(count, people.collection).sum(axis=1)
    total = total[np.isfinite(total)]
    row = load_evidence()[disease.placebo]
    reached, n = _counts_of(row.unit)
    rng = rng_for(task.seed, "replay_placebo", disease.name, task.draw)
    share = float(rng.beta(reached + 0.5, n - reached + 0.5))
    if len(total) < _LEAST_PEOPLE:
        return None
    return (
        rows[disease.reserve].value * disease.target_per_kg / float(np.quantile(total, 1.0 - share))
    )


def _counts_of(unit: str) -> tuple[int, int]:
    """Return the counts that stand in the unit of a share, such as ``% (89/150)``."""
    count, _, n = unit.partition("(")[2].partition(")")[0].partition("/")
    return int(count), int(n)


def _values(item: PublishedCount, arm: _Arm, replay: MobilisationReplay) -> FloatArray:
    """Return the quantity in each person, those left out or not simulated not among them."""
    kept = np.isfinite(arm.count).all(axis=1)
    if item.quantity == "share_at_target" and item.sessions and replay.target_per_kg:
        reached = arm.collected_per_kg[:, item.sessions - 1] >= replay.target_per_kg
        return reached[kept].astype(np.float64)
    if item.quantity == "fold_between" and item.between_day:
        before, after = (arm.at(day) for day in item.between_day)
        if item.below_per_microlitre is not None:
            kept &= before < item.below_per_microlitre
        return np.asarray((after / before)[kept])
    rest, peak = arm.count[:, 0], arm.count.max(axis=1)
    if item.quantity == "peak_per_microlitre":
        return np.asarray(peak[kept])
    if item.quantity == "peak_fold":
        return np.asarray((peak / rest)[kept])
    raised = arm.count > LEAST_RISE * rest[:, np.newaxis]
    last = arm.count.shape[1] - 1 - np.argmax(raised[:, ::-1], axis=1)
    return np.where(raised.any(axis=1), arm.times_day[last], 0.0)[kept]


def _summary(
    item: PublishedCount, values: FloatArray, task: MobilisationTask
) -> tuple[float, float, int]:
    """Return centre, scatter over trials of the published size, and people."""
    n = len(values)
    if n == 0:
        return np.nan, np.nan, 0
    if item.quantity == "share_at_target":
        return float(values.mean()), 0.0, n
    linear = item.quantity == "days_raised"
    average = np.mean if item.average == "mean" else np.median
    scale = (lambda x: x) if linear else np.log
    scatter = 0.0
    if item.patients is not None and n > 1:
        copies = resampled_patients(
            n, n_boot=BOOTSTRAPS, seed=task.replay.seed, purpose=f"replay/{task.draw}"
        )
        spread = float(np.std(scale(average(values[copies], axis=1)), ddof=1))
        # What n virtual people scatter, at the size of the published group.
        scatter = spread * float(np.sqrt(n / item.patients))
    return float(scale(average(values))), scatter, n
