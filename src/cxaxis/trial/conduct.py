"""Who is given what and when: ends of treatment, and switches after progression.

A protocol with a crossover is simulated twice under control: without any switch, which shows when
each patient progresses, and again with the doses that those who switch are given from that visit
on. The pool keeps both, the second under the id of `crossed_arm`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from cxaxis.cohort.sample import Cohort
from cxaxis.core.arrays import FloatArray
from cxaxis.core.errors import ModelValueError
from cxaxis.core.ids import patient_index
from cxaxis.core.streams import rng_for
from cxaxis.engine.choice import POPULATION
from cxaxis.engine.doses import Dose, DoseTable
from cxaxis.engine.protocol import Tolerances
from cxaxis.knowledge.drug_records import Drug, Regimen
from cxaxis.models.build import Model
from cxaxis.trial.events import EVENTS
from cxaxis.trial.pool import ArmCourse, ArmPlan, Schedule, Switch, doses_of, simulate_arm

if TYPE_CHECKING:
    import pandas as pd

    from cxaxis.trial.protocol import Protocol

END_OF_TREATMENT: Final = "End of treatment"
#: Stands between two ids of arms; no id of an arm holds it.
_INTO: Final = ">"


@dataclass(frozen=True, kw_only=True)
class CrossoverPlan:
    """What patients of control are given after progression. Picklable.

    Attributes
    ----------
    arm
        Under which the pool keeps patients of control who may switch.
    added
        What the arm they switch to adds to the backbone.
    share
        Share of those who progress that switch.
    seed
        Of the trial.
    """

    arm: str
    added: tuple[tuple[Drug, Regimen], ...]
    share: float
    seed: int


def crossed_arm(control: str, to: str) -> str:
    """Return the id under which the pool keeps patients of control who may switch."""
    return f"{control}{_INTO}{to}"


def crossover_plan(protocol: Protocol, plans: Sequence[ArmPlan]) -> CrossoverPlan | None:
    """Return the crossover of a protocol, None without one."""
    if protocol.crossover is None:
        return None
    to = next(plan for plan in plans if plan.id == protocol.crossover.to)
    if any(plan.surgery_day is not None for plan in plans):
        msg = "a switch beside operations is not simulated: it would move or cancel them."
        raise ModelValueError(msg)
    return CrossoverPlan(
        arm=crossed_arm(protocol.control, to.id),
        added=to.regimens[len(protocol.backbone) :],
        share=protocol.crossover.share,
        seed=protocol.seed,
    )


def would_switch(indices: Sequence[int], *, share: float, seed: int) -> np.ndarray:
    """Return who switches once progression is seen, shape ``(n_patient,)``.

    Parameters
    ----------
    indices
        Of the patients; the answer depends on the index and the seed alone.
    share
        Of those who progress, above 0 and at most 1.
    """
    draws = [rng_for(seed, "patient", i, "crossover").uniform() for i in indices]
    return np.array(draws) < share


def switch_days(course: ArmCourse, cohort: Cohort, plan: CrossoverPlan) -> FloatArray:
    """Return the day of each patient's switch, infinite for those who stay, ``(n_patient,)``.

    It is the visit that shows progression, while alive and before the end of the trial.
    """
    progression, death = course.event_day["PFS"], course.event_day["OS"]
    until = np.minimum(death, float(course.schedule.times_day[-1]))
    chosen = would_switch(cohort.indices, share=plan.share, seed=plan.seed)
    failed = np.array([item.outcome.is_failure for item in course.result.outcomes])
    return np.where((progression < until) & chosen & ~failed, progression, np.inf)


def switched_doses(
    control: ArmPlan, added: Sequence[tuple[Drug, Regimen]], cohort: Cohort, day: FloatArray
) -> DoseTable:
    """Return what patients are given who leave control on a day of their own.

    Control's doses end there, an infusion under way with the part already given; those of
    ``added`` start there, their days counted from it.
    """
    rows = []
    for dose in doses_of(control, cohort).rows:
        left = float(day[dose.patient]) - dose.time
        if left <= 0:
            continue
        given = min(1.0, left / dose.duration) if dose.duration > 0 else 1.0
        rows.append(
            Dose(
                patient=dose.patient,
                time=dose.time,
                target=dose.target,
                amount=dose.amount * given,
                duration=dose.duration * given,
            )
        )
    for dose in doses_of(ArmPlan(id="added", regimens=tuple(added)), cohort).rows:
        start = float(day[dose.patient])
        if np.isfinite(start):
            rows.append(
                Dose(
                    patient=dose.patient,
                    time=start + dose.time,
                    target=dose.target,
                    amount=dose.amount,
                    duration=dose.duration,
                )
            )
    return DoseTable(tuple(rows))


def simulate_switches(
    model: Model,
    cohort: Cohort,
    control: ArmPlan,
    course: ArmCourse,
    crossover: CrossoverPlan,
    schedule: Schedule,
    *,
    tolerances: Tolerances | None = None,
    engine: str = POPULATION,
) -> tuple[ArmCourse, FloatArray]:
    """Return the course of a cohort under control with its switches, and the day of each.

    Parameters
    ----------
    course
        The same patients under control without a switch; up to the switch both are the same bit
        for bit.
    """
    day = switch_days(course, cohort, crossover)
    if not np.isfinite(day).any():
        return course, day
    switch = Switch(
        day=day,
        doses=switched_doses(control, crossover.added, cohort, day),
        before=course.result,
    )
    both = ArmPlan(id=crossover.arm, regimens=(*control.regimens, *crossover.added))
    after = simulate_arm(
        model, cohort, both, schedule, switch=switch, tolerances=tolerances, engine=engine
    )
    return after, day


def end_of_treatment_day(plan: ArmPlan) -> float:
    """Return the day on which an arm's planned drugs end: the last dose and what it covers."""
    ends = [
        regimen.dose_days()[-1] + max(regimen.duration_day, regimen.every_day)
        for _, regimen in plan.regimens
    ]
    return max(ends, default=0.0)


def seen_switches(protocol: Protocol, pool: pd.DataFrame) -> pd.DataFrame:
    """Return when patients under control progress and switch, by subject.

    Parameters
    ----------
    pool
        See `cxaxis.trial.schemas.POOL`.

    Returns
    -------
    Index ``USUBJID``; ``PROGDY`` (first progression seen, days, not a number without one) and
    ``CROSSDY`` (switch, likewise) of every patient of the pool.
    """
    import pandas as pd

    rows = pool[(pool["ARM"] == protocol.control) & (pool["PARAMCD"] == "PFS")]
    seen = rows["EVENT"] & (rows["EVNTDESC"] == EVENTS["PFS"])
    seen &= rows["AVAL"] < protocol.horizon_day
    day = rows["AVAL"].where(seen)
    chosen = np.zeros(len(rows), dtype=bool)
    if protocol.crossover is not None:
        indices = [patient_index(label) for label in rows["USUBJID"]]
        chosen = would_switch(indices, share=protocol.crossover.share, seed=protocol.seed)
    return pd.DataFrame(
        {"PROGDY": day.to_numpy(), "CROSSDY": day.where(chosen).to_numpy()},
        index=pd.Index(rows["USUBJID"], name="USUBJID"),
    )


def conducted_pool(
    pool: pd.DataFrame, protocol: Protocol, plans: Sequence[ArmPlan]
) -> pd.DataFrame:
    """Return the pool as the protocol's design and estimand count it.

    Under control patients are as with their switches. While on treatment, what comes after the
    end of the planned drugs and the window, or after a switch, is censored there.
    """
    if protocol.crossover is None and protocol.estimand == "treatment_policy":
        return pool
    rows = pool
    switches = None
    if protocol.crossover is not None:
        switches = seen_switches(protocol, pool)["CROSSDY"]
        rows = pool[pool["ARM"] != protocol.control].copy()
        crossed = crossed_arm(protocol.control, protocol.crossover.to)
        rows["ARM"] = rows["ARM"].where(rows["ARM"] != crossed, protocol.control)
    if protocol.estimand == "while_on_treatment":
        rows = _while_on_treatment(rows, protocol, plans, switches)
    return rows


def _while_on_treatment(
    rows: pd.DataFrame,
    protocol: Protocol,
    plans: Sequence[ArmPlan],
    switches: pd.Series | None,
) -> pd.DataFrame:
    last = rows["ARM"].map(last_counted_days(protocol, plans))
    if switches is not None:
        switched = rows["USUBJID"].map(switches).where(rows["ARM"] == protocol.control)
        last = last.where(last <= switched.fillna(np.inf), switched)
    later = rows["AVAL"] > last
    return rows.assign(
        AVAL=rows["AVAL"].where(~later, last),
        EVENT=rows["EVENT"] & ~later,
        CNSR=rows["CNSR"].where(~later, 1).astype(np.int8),
        EVNTDESC=rows["EVNTDESC"].where(~later, END_OF_TREATMENT),
    )


def last_counted_days(protocol: Protocol, plans: Sequence[ArmPlan]) -> Mapping[str, float]:
    """Return by arm the day up to which events count while on treatment."""
    window = protocol.on_treatment_window_day or 0.0
    return {plan.id: end_of_treatment_day(plan) + window for plan in plans}


def conduct_table(
    protocol: Protocol,
    plans: Sequence[ArmPlan],
    pool: pd.DataFrame,
    about: pd.DataFrame,
) -> pd.DataFrame:
    """Return the ``conduct`` table, see `cxaxis.trial.schemas.CONDUCT`.

    Parameters
    ----------
    about
        One row per patient: ``USUBJID, TRT01P, BASKET, LASTDY, LOST``.
    """
    ends = {plan.id: end_of_treatment_day(plan) for plan in plans}
    found = about.assign(ENDTRTDY=about["TRT01P"].map(ends))
    switches = seen_switches(protocol, pool)
    in_control = about["TRT01P"] == protocol.control
    for name in ("PROGDY", "CROSSDY"):
        day = about["USUBJID"].map(switches[name])
        found[name] = day.where(in_control & (day <= about["LASTDY"]))
    columns = ["USUBJID", "TRT01P", "BASKET", "ENDTRTDY", "LASTDY", "LOST", "PROGDY", "CROSSDY"]
    return found[columns]
