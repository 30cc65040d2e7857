"""One cell of the headline grid: one drawn population, one backbone, every agent beside it.

Both end points are read with the moment of death averaged out. A patient's day of distant
metastasis is what visits would show of one who lives on; that patient is free of it until then
with the chance to be alive. All arms share patients, their chances and the one control.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

import numpy as np
from scipy.special import exprel

from cxaxis.cohort.sample import Cohort, ScreeningError, sample_eligible
from cxaxis.core.arrays import BoolArray, FloatArray
from cxaxis.core.streams import SEED_LIMIT, rng_for
from cxaxis.knowledge.parameters import load_parameters
from cxaxis.stats.bootstrap import resampled_patients
from cxaxis.trial.events import event_days
from cxaxis.trial.harm import Outlook, log_ratio, outlook_of
from cxaxis.trial.headline_plan import BackbonePlan, HeadlinePlan, population
from cxaxis.trial.pool import ArmCourse, ArmPlan, simulate_arm
from cxaxis.trial.rival_mechanisms import (
    patient_wiring,
    switch_rows,
    switch_values,
    switched_model,
)
from cxaxis.trial.sightings import HAZARD_OUTPUTS, operation_reading_days
from cxaxis.trial.uncertainty import options_text

if TYPE_CHECKING:
    import pandas as pd

BOOTSTRAPS: Final = 200
ENDPOINTS: Final = ("OS", "DMFS")
#: Columns of `headline_rows`; their meaning stands in `cxaxis.trial.headline_run.HEADLINE`.
COLUMNS: Final = (
    *("BACKBONE", "DRAW", "ARM", "PHI", "WIRING"),
    *(f"{code}_{what}" for code in ENDPOINTS for what in ("LOGHR", "SE", "EVENTS")),
    "NPAT",
)
_NOTHING: Final = (np.nan, np.nan, np.nan)


def free_outlook(times_day: FloatArray, hazard: FloatArray, event_day: FloatArray) -> Outlook:
    """Return the outlook of patients for death or an event of which the day is known.

    Parameters
    ----------
    times_day
        Ascending, shape ``(n_time,)``.
    hazard
        Accumulated hazard of death, shape ``(n_patient, n_time)``, non-decreasing.
    event_day
        Day of the event in those alive, one of ``times_day`` or infinite, shape ``(n_patient,)``.
    """
    steps = np.diff(times_day)
    alive = np.exp(-hazard)
    days = alive[:, :-1] * exprel(-np.diff(hazard, axis=1)) * steps
    before = times_day[np.newaxis, :-1] < event_day[:, np.newaxis]
    seen = event_day <= times_day[-1]
    return Outlook(
        deaths=np.where(seen, 1.0, 1.0 - alive[:, -1]),
        person_days=np.asarray(np.where(before, days, 0.0).sum(axis=1)),
    )


def headline_rows(plan: HeadlinePlan, backbone: str, draw: int) -> pd.DataFrame:
    """Return the log hazard ratios of every arm in one drawn population beside one backbone.

    A population without enough eligible patients gives no number; patients whose simulation
    failed are left out of the pair of arms.
    """
    import pandas as pd

    here = plan.backbone(backbone)
    wiring = patient_wiring(seed=plan.seed, draw=draw)
    theta = {
        **population(plan.source, seed=plan.seed, draw=draw),
        **switch_values(wiring),
    }
    cohort = _cohort(plan, here, theta, draw)
    found: dict[str, tuple[float, ...]] = {}
    if cohort is not None:
        control = _followed(plan, here, cohort, here.control)
        for arm in here.arms:
            treated = _followed(plan, here, cohort, arm.plan)
            found[arm.plan.id] = _compared(control, treated, f"{backbone}/{draw}", plan.seed)
    about = (float(theta["phi"]), options_text(wiring))
    nothing = (*_NOTHING, *_NOTHING, 0)
    return pd.DataFrame(
        [
            (backbone, draw, arm.plan.id, *about, *found.get(arm.plan.id, nothing))
            for arm in here.arms
        ],
        columns=list(COLUMNS),
    )


def _cohort(
    plan: HeadlinePlan, here: BackbonePlan, theta: dict[str, float], draw: int
) -> Cohort | None:
    # New patients in every draw: else all draws would share the luck of a dozen.
    keys = ("headline_patients", here.id, draw)
    try:
        return sample_eligible(
            switched_model(),
            {**load_parameters(), **switch_rows()},
            theta,
            plan.n_patient,
            seed=int(rng_for(plan.seed, *keys).integers(SEED_LIMIT)),
            setting=here.setting,
            tolerances=plan.tolerances,
            engine=plan.engine,
        )
    except ScreeningError:
        return None


@dataclass(frozen=True, kw_only=True)
class _Followed:
    """Outlook of patients for each of `ENDPOINTS`, and who was simulated to the end."""

    outlooks: tuple[Outlook, ...]
    sound: BoolArray


def _followed(plan: HeadlinePlan, here: BackbonePlan, cohort: Cohort, arm: ArmPlan) -> _Followed:
    course = simulate_arm(
        switched_model(),
        cohort,
        arm,
        here.schedule,
        tolerances=plan.tolerances,
        engine=plan.engine,
    )
    times = here.schedule.times_day
    parts = (course.result.of(name) for name in HAZARD_OUTPUTS)
    hazard = np.asarray(sum(parts), dtype=float)
    return _Followed(
        outlooks=(
            outlook_of(times, hazard),
            free_outlook(times, hazard, distant_day(course, here.horizon_day)),
        ),
        sound=np.array([not item.outcome.is_failure for item in course.result.outcomes]),
    )


def distant_day(course: ArmCourse, horizon_day: float) -> FloatArray:
    """Return when visits would show distant metastasis in patients who live on.

    Parameters
    ----------
    course
        Patients under one arm.
    horizon_day
        Later visits are not made.

    Returns
    -------
    Days, infinite where none shows it, shape ``(n_patient,)``.
    """
    living = replace(course.course, death_day=np.full_like(course.course.death_day, np.inf))
    if living.surgery is not None:
        _, after = operation_reading_days(living.surgery.day)
        place = int(np.searchsorted(course.schedule.times_day, after))
        operated = course.result.of("operated")[:, place] > 0.5
        living = replace(living, surgery=replace(living.surgery, operated=operated))
    return event_days(living, horizon_day=horizon_day)["DMFS"]


def _compared(control: _Followed, treated: _Followed, purpose: str, seed: int) -> tuple[float, ...]:
    """Return what stands in the columns of the end points and in NPAT."""
    patients = np.flatnonzero(control.sound & treated.sound)
    n = len(patients)
    if n == 0:
        return (*_NOTHING, *_NOTHING, 0)
    copies = None
    if n > 1:
        # The same for every agent, so that agents differ by what they do.
        chosen = resampled_patients(n, n_boot=BOOTSTRAPS, seed=seed, purpose=f"headline/{purpose}")
        copies = patients[chosen]
    cells: list[float] = []
    for first, second in zip(control.outlooks, treated.outlooks, strict=True):
        error = np.nan
        if copies is not None:
            error = float(np.std(log_ratio(first, second, copies), ddof=1))
        cells += [
            float(log_ratio(first, second, patients[np.newaxis])[0]),
            error,
            float(first.deaths[patients].mean()),
        ]
    return (*cells, n)
