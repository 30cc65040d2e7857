"""The headline against what is not known: fixed causal shares, and drawn populations."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from cxaxis.cohort.calibrated import posterior_draw
from cxaxis.cohort.population import Theta, draw_theta
from cxaxis.cohort.sample import Cohort, ScreeningError, sample_eligible
from cxaxis.cohort.settings import LOCALLY_ADVANCED, Setting
from cxaxis.core.arrays import FloatArray
from cxaxis.core.streams import rng_for
from cxaxis.engine.choice import POPULATION
from cxaxis.engine.protocol import Tolerances
from cxaxis.knowledge.parameters import Parameter
from cxaxis.knowledge.wirings import Wirings
from cxaxis.models.build import Model, build
from cxaxis.models.wiring import Wiring, wiring_from
from cxaxis.stats.bootstrap import log_rate_ratios, pool_rate_ratio
from cxaxis.trial.biomarkers import enters
from cxaxis.trial.pool import ArmPlan, Schedule, simulate_arm
from cxaxis.trial.protocol_parts import Enrichment, Populations

if TYPE_CHECKING:
    import pandas as pd

BOOTSTRAPS = 1000


@dataclass(frozen=True, kw_only=True)
class PhiTask:
    """The first patients of the pool under every arm at one causal share."""

    phi: float
    model: Model
    cohort: Cohort
    control: ArmPlan
    plans: tuple[ArmPlan, ...]
    schedule: Schedule
    seed: int
    tolerances: Tolerances
    engine: str = POPULATION


def phi_rows(task: PhiTask) -> pd.DataFrame:
    """Return the death-rate ratio of each arm at the task's causal share."""
    import pandas as pd

    horizon = float(task.schedule.times_day[-1])

    def deaths(plan: ArmPlan) -> FloatArray:
        course = simulate_arm(
            task.model,
            task.cohort,
            plan,
            task.schedule,
            phi=task.phi,
            tolerances=task.tolerances,
            engine=task.engine,
        )
        return course.event_day["OS"]

    control = deaths(task.control)
    rows = []
    for plan in task.plans:
        treated = deaths(plan)
        limits: tuple[float, float, float] = (np.nan, np.nan, np.nan)
        ratio = pool_rate_ratio(
            np.minimum(control, horizon),
            np.isfinite(control),
            np.minimum(treated, horizon),
            np.isfinite(treated),
            n_boot=BOOTSTRAPS,
            seed=task.seed,
            purpose=f"phi/{task.phi!r}/{plan.id}",
        )
        if ratio is not None:
            limits = (ratio.hr, ratio.low, ratio.high)
        rows.append((task.phi, plan.id, *limits, len(task.cohort)))
    return pd.DataFrame(rows, columns=["PHI", "ARM", "HR", "LOW", "HIGH", "NPAT"])


@dataclass(frozen=True, kw_only=True)
class DrawTask:
    """One population drawn from what is not known, under control and the arms compared with it."""

    draw: int
    parameters: Mapping[str, Parameter]
    wirings: Wirings
    control: ArmPlan
    plans: tuple[ArmPlan, ...]
    schedule: Schedule
    n_patient: int
    seed: int
    tolerances: Tolerances
    setting: Setting = LOCALLY_ADVANCED
    engine: str = POPULATION
    enrichment: Enrichment | None = None
    populations: Populations = "prior"


def drawn_population(
    parameters: Mapping[str, Parameter], *, seed: int, draw: int, populations: Populations
) -> Theta:
    """Return population ``draw`` of the prior or of the fit to control arms.

    Of the latter draws have their own seed; ``seed`` is that of the prior's.

    Raises
    ------
    UserInputError
        If the fit is not there, or has no such draw.
    """
    if populations == "control_arms":
        return posterior_draw(parameters, draw)
    return draw_theta(parameters, seed=seed, draw=draw)


def draw_wiring(wirings: Wirings, *, seed: int, draw: int) -> Wiring:
    """Return a wiring drawn with its prior weights."""
    chosen = {}
    for name in wirings:
        options = wirings[name]
        weights = [option.prior_weight for option in options]
        pick = rng_for(seed, "wiring", draw, name).choice(len(options), p=weights)
        chosen[name] = options[int(pick)].option
    return wiring_from(chosen)


def options_text(wiring: Wiring) -> str:
    """Return the options of a wiring that differ from the default, or ``default``."""
    default = asdict(Wiring())
    changed = [f"{k}={v}" for k, v in asdict(wiring).items() if v != default[k]]
    return ", ".join(changed) or "default"


def draw_rows(task: DrawTask) -> pd.DataFrame:
    """Return the log ratio of death rates of each arm in one drawn population.

    A population without enough eligible patients, or whose patients fail, gives no number.
    """
    import pandas as pd

    theta = drawn_population(
        task.parameters, seed=task.seed, draw=task.draw, populations=task.populations
    )
    wiring = draw_wiring(task.wirings, seed=task.seed, draw=task.draw)
    model = build("patient", task.parameters, wiring)
    values = dict.fromkeys((plan.id for plan in task.plans), np.nan)
    n = 0
    try:
        cohort = sample_eligible(
            model,
            task.parameters,
            theta,
            task.n_patient,
            seed=task.seed,
            setting=task.setting,
            tolerances=task.tolerances,
            engine=task.engine,
            entry=None if task.enrichment is None else partial(enters, task.enrichment),
        )
    except ScreeningError:
        cohort = None
    if cohort is not None:
        n = len(cohort)
        values = _log_ratios(task, model, cohort)
    return pd.DataFrame(
        [(task.draw, arm, theta["phi"], options_text(wiring), v, n) for arm, v in values.items()],
        columns=["DRAW", "ARM", "PHI", "WIRING", "LOGHR", "NPAT"],
    )


def _log_ratios(task: DrawTask, model: Model, cohort: Cohort) -> dict[str, float]:
    horizon = float(task.schedule.times_day[-1])
    courses = {
        plan.id: simulate_arm(
            model, cohort, plan, task.schedule, tolerances=task.tolerances, engine=task.engine
        )
        for plan in (task.control, *task.plans)
    }
    sound = _sound(list(courses.values()))
    control = courses[task.control.id].event_day["OS"][sound]
    everyone = np.ones((1, int(sound.sum())))
    ratios = {}
    for plan in task.plans:
        day = np.concatenate([control, courses[plan.id].event_day["OS"][sound]])
        ratio = log_rate_ratios(np.minimum(day, horizon), np.isfinite(day), everyone)
        ratios[plan.id] = float(ratio[0])
    return ratios


def _sound(courses: Sequence[Any]) -> np.ndarray:
    """Return which patients were simulated to the end under every arm."""
    failed = [[o.outcome.is_failure for o in course.result.outcomes] for course in courses]
    return np.asarray(~np.any(failed, axis=0))
