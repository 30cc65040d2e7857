"""A replayed antitumour trial in drawn populations: patients under both arms, trials among them."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Final

import numpy as np

from cxaxis.cohort.population import draw_theta
from cxaxis.cohort.sample import Cohort, ScreeningError, sample_eligible
from cxaxis.cohort.settings import Setting
from cxaxis.core.arrays import BoolArray, FloatArray
from cxaxis.core.streams import SEED_LIMIT, rng_for
from cxaxis.engine.choice import POPULATION
from cxaxis.engine.protocol import Tolerances
from cxaxis.knowledge.drugs import load_drugs
from cxaxis.knowledge.parameters import load_parameters
from cxaxis.patient.course import PATIENT_TOLERANCES
from cxaxis.patient.recist import best_overall_response
from cxaxis.stats.replicated_tests import replicated_tests
from cxaxis.trial.analysis import DAYS_PER_YEAR
from cxaxis.trial.pool import ArmCourse, ArmPlan, Schedule, schedule_of, simulate_arm
from cxaxis.trial.protocol import Protocol, arm_regimens
from cxaxis.trial.rival_mechanisms import (
    patient_wiring,
    switch_rows,
    switch_values,
    switched_model,
)

if TYPE_CHECKING:
    import pandas as pd

#: Trials drawn from the patients of each population.
TRIALS: Final = 200
_OBJECTIVE: Final = ("CR", "PR")
_END_POINTS: Final = {"hr_pfs": "PFS", "hr_os": "OS"}


@dataclass(frozen=True, kw_only=True)
class ReplayTask:
    """One drawn population under both arms of a replayed trial. Picklable.

    Attributes
    ----------
    name, protocol
        The replay.
    draw, seed
        Number of the population, and seed of what is not known and of the patients: replays that
        share both meet the same populations and patients.
    n_patient
        Patients of the population, positive.
    """

    name: str
    protocol: Protocol
    draw: int
    seed: int
    n_patient: int
    tolerances: Tolerances = PATIENT_TOLERANCES
    engine: str = POPULATION


def schedule_of_replay(protocol: Protocol) -> Schedule:
    """Return when outcomes are read."""
    return schedule_of(
        horizon_day=protocol.horizon_day,
        first_visit_day=protocol.visits.first_day,
        visit_every_day=protocol.visits.every_day,
        pharmacology_until_day=0.0,
    )


def antitumour_rows(task: ReplayTask) -> pd.DataFrame:
    """Return what one drawn population says of each published result.

    Columns as in `cxaxis.trial.replay_draws.DRAWS`. A population without enough eligible
    patients, or trials without events, give no number.
    """
    import pandas as pd

    items = task.protocol.published or ()
    found = [(np.nan, np.nan, 0)] * len(items)
    courses = _courses(task)
    if courses is not None:
        control, active = courses
        sound = np.flatnonzero(_sound(control) & _sound(active))
        if len(sound):
            trials = _Trials.drawn(task, sound)
            found = [
                (*_summary(_values(item.quantity, trials, control, active)), len(sound))
                for item in items
            ]
    rows = [(task.name, k, task.draw, *values) for k, values in enumerate(found)]
    return pd.DataFrame(rows, columns=["REPLAY", "ITEM", "DRAW", "CENTRE", "SD", "NPAT"])


@lru_cache(maxsize=1)
def _cohort(
    seed: int, draw: int, n: int, setting: Setting, tolerances: Tolerances, engine: str
) -> Cohort | None:
    """Return the patients of a drawn population, None if hardly anyone is eligible.

    Kept for the next replay, which meets the same patients: finding them takes longer than
    following them.
    """
    rows = load_parameters()
    wiring = patient_wiring(seed=seed, draw=draw)
    theta = {**draw_theta(rows, seed=seed, draw=draw), **switch_values(wiring)}
    try:
        return sample_eligible(
            switched_model(),
            {**rows, **switch_rows()},
            theta,
            n,
            seed=int(rng_for(seed, "replay_patients", draw).integers(SEED_LIMIT)),
            setting=setting,
            tolerances=tolerances,
            engine=engine,
        )
    except ScreeningError:
        return None


def _courses(task: ReplayTask) -> tuple[ArmCourse, ArmCourse] | None:
    """Return the patients of a population under control and the other arm."""
    setting = task.protocol.population.setting
    cohort = _cohort(task.seed, task.draw, task.n_patient, setting, task.tolerances, task.engine)
    if cohort is None:
        return None
    model = switched_model()
    drugs, schedule = load_drugs(), schedule_of_replay(task.protocol)
    arms = sorted(task.protocol.arms, key=lambda arm: arm.id != task.protocol.control)
    control, active = (
        simulate_arm(
            model,
            cohort,
            ArmPlan(id=arm.id, regimens=arm_regimens(task.protocol, arm, drugs)),
            schedule,
            tolerances=task.tolerances,
            engine=task.engine,
        )
        for arm in arms
    )
    return control, active


def _sound(course: ArmCourse) -> BoolArray:
    return np.array([not item.outcome.is_failure for item in course.result.outcomes])


@dataclass(frozen=True, kw_only=True)
class _Trials:
    """Trials of the published size among the patients of a population.

    Attributes
    ----------
    patient
        Position of each participant, drawn with replacement, shape ``(n_trial, n)``.
    treated
        Whether under the other arm, same shape.
    last_day
        End of each participant's follow-up, same shape.
    """

    patient: np.ndarray
    treated: BoolArray
    last_day: FloatArray

    @classmethod
    def drawn(cls, task: ReplayTask, sound: np.ndarray) -> _Trials:
        plan = task.protocol
        units = plan.population.patients_per_ratio_unit
        sizes = dict(zip(plan.arm_ids, (units * ratio for ratio in plan.ratios), strict=True))
        n_control = sizes.pop(plan.control)
        (n_active,) = sizes.values()
        shape = (TRIALS, n_control + n_active)
        rng = rng_for(plan.seed, "replay_trials", task.draw)
        entry = rng.uniform(0.0, 1.0, shape) * plan.enrolment.accrual_day
        rate = plan.enrolment.dropout_per_year / DAYS_PER_YEAR
        lost = rng.standard_exponential(shape) / rate if rate > 0 else np.full(shape, np.inf)
        return cls(
            patient=rng.choice(sound, size=shape),
            treated=np.broadcast_to(np.arange(shape[1]) >= n_control, shape),
            last_day=np.minimum(plan.horizon_day - entry, lost),
        )

    def of(self, control: np.ndarray, active: np.ndarray) -> np.ndarray:
        """Return what each participant shows under the arm allocated."""
        return np.asarray(np.where(self.treated, active[self.patient], control[self.patient]))


def _values(quantity: str, trials: _Trials, control: ArmCourse, active: ArmCourse) -> FloatArray:
    """Return the result of each trial, shape ``(n_trial,)``."""
    if quantity == "response_difference":
        responded = trials.of(_responded(control), _responded(active)).astype(np.float64)
        arm = trials.treated[0]
        return np.asarray(responded[:, arm].mean(axis=1) - responded[:, ~arm].mean(axis=1))
    code = _END_POINTS[quantity]
    day = trials.of(control.event_day[code], active.event_day[code])
    seen = day <= trials.last_day
    everyone = np.ones_like(seen)
    tests = replicated_tests(np.minimum(day, trials.last_day), seen, trials.treated, everyone)
    return tests.log_hr


def _responded(course: ArmCourse) -> BoolArray:
    """Return who had an objective response, shape ``(n_patient,)``."""
    visits = course.schedule.visits_day
    alive = visits[None, :] <= course.event_day["OS"][:, None]
    best = best_overall_response(course.course.seen.response, visits, alive=alive)
    return np.isin(best.astype(str), _OBJECTIVE)


def _summary(values: FloatArray) -> tuple[float, float]:
    """Return mean and standard deviation of what is a number; not numbers with fewer than two."""
    known = values[np.isfinite(values)]
    if len(known) < 2:
        return np.nan, np.nan
    return float(known.mean()), float(known.std(ddof=1))
