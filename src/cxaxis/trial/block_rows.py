"""The tables of a block: patients of the pool under one arm, row by row."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from cxaxis.cohort.sample import Cohort
from cxaxis.core.arrays import FloatArray
from cxaxis.engine.choice import POPULATION
from cxaxis.engine.protocol import Tolerances
from cxaxis.models.build import Model
from cxaxis.patient.readouts import occupancy
from cxaxis.patient.recist import best_overall_response
from cxaxis.runs.tables import empty_frame
from cxaxis.trial.conduct import CrossoverPlan, simulate_switches
from cxaxis.trial.events import Course, descriptions
from cxaxis.trial.pool import AXIS_SLOTS, RECEPTORS, ArmCourse, ArmPlan, Schedule, simulate_arm
from cxaxis.trial.schemas import ADPATH

if TYPE_CHECKING:
    import pandas as pd

PER_MICROLITRE: Final = 1e-6


@dataclass(frozen=True, kw_only=True)
class PoolBlock:
    """A block of patients under one arm.

    Attributes
    ----------
    allocated_here
        Whether each was allocated to this arm.
    last_day
        Last day of each one's follow-up: what comes later the trial does not see.
    crossover
        What those are given who switch, None for an arm without switches.
    """

    plan: ArmPlan
    cohort: Cohort
    allocated_here: tuple[bool, ...]
    last_day: tuple[float, ...]
    crossover: CrossoverPlan | None = None


def block_tables(
    model: Model,
    block: PoolBlock,
    schedule: Schedule,
    *,
    tolerances: Tolerances | None = None,
    engine: str = POPULATION,
) -> dict[str, pd.DataFrame]:
    """Simulate one block and return its tables, keyed as `cxaxis.trial.schemas.BLOCK_SCHEMAS`."""
    course = simulate_arm(
        model, block.cohort, block.plan, schedule, tolerances=tolerances, engine=engine
    )
    here = np.flatnonzero(block.allocated_here)
    labels = np.array(block.cohort.labels)
    last_day = np.array(block.last_day)
    kept, lived = {block.plan.id: course}, course
    until = np.full(len(labels), np.inf)
    if block.crossover is not None:
        lived, until = simulate_switches(
            model,
            block.cohort,
            block.plan,
            course,
            block.crossover,
            schedule,
            tolerances=tolerances,
            engine=engine,
        )
        kept[block.crossover.arm] = lived
    return {
        "pool": _stacked([_pool_rows(labels, arm, each) for arm, each in kept.items()]),
        "outcome": _stacked([_outcome_rows(labels, arm, each) for arm, each in kept.items()]),
        **_visit_rows(labels, here, last_day, block.plan.id, lived),
        **_path_rows(labels, here, last_day, block.plan.id, lived),
        # After a switch the drugs are those of another arm.
        **_pharmacology_rows(labels, here, until, block.plan, course),
    }


def _stacked(frames: Sequence[pd.DataFrame]) -> pd.DataFrame:
    import pandas as pd

    return frames[0] if len(frames) == 1 else pd.concat(frames, ignore_index=True)


def _failed(course: ArmCourse) -> np.ndarray:
    return np.array([item.outcome.is_failure for item in course.result.outcomes])


def _pool_rows(labels: np.ndarray, arm: str, course: ArmCourse) -> pd.DataFrame:
    import pandas as pd

    horizon = float(course.schedule.times_day[-1])
    failed = _failed(course)
    # Death ends the follow-up of locoregional control without being its event.
    death = course.event_day["OS"]
    end = np.minimum(death, horizon)
    frames = []
    for code, day in course.event_day.items():
        seen = np.isfinite(day) & ~failed
        frames.append(
            pd.DataFrame(
                {
                    "USUBJID": labels,
                    "ARM": arm,
                    "PARAMCD": code,
                    "AVAL": np.where(failed, np.nan, np.minimum(day, end)),
                    "CNSR": (~seen).astype(np.int8),
                    "EVENT": seen,
                    "EVNTDESC": np.where(
                        failed,
                        "Simulation failed",
                        descriptions(code, day, death, cause=course.death_cause),
                    ),
                }
            )
        )
    return pd.concat(frames, ignore_index=True)


def _outcome_rows(labels: np.ndarray, arm: str, course: ArmCourse) -> pd.DataFrame:
    import pandas as pd

    outcomes = course.result.outcomes
    return pd.DataFrame(
        {
            "USUBJID": labels,
            "ARM": arm,
            "OUTCOME": [o.outcome.value for o in outcomes],
            "TIME_DAY": [o.time for o in outcomes],
            "STATE": [o.state for o in outcomes],
            "MESSAGE": [o.message for o in outcomes],
            "ADVICE": [o.advice for o in outcomes],
        }
    )


def _long(
    labels: np.ndarray, arm: str, days: FloatArray, keep: np.ndarray, **columns: Any
) -> pd.DataFrame:
    """Return one row per patient and day where ``keep``, patients first."""
    import pandas as pd

    patient, day = np.nonzero(keep)
    return pd.DataFrame(
        {
            "USUBJID": labels[patient],
            "TRT01P": arm,
            "ADY": days[day],
            **{
                name: values[patient, day] if isinstance(values, np.ndarray) else values
                for name, values in columns.items()
            },
        }
    )


def _visit_rows(
    labels: np.ndarray, here: np.ndarray, last_day: FloatArray, arm: str, course: ArmCourse
) -> dict[str, pd.DataFrame]:
    import pandas as pd

    visits = course.schedule.visits_day
    came = visits[None, :] <= np.minimum(course.event_day["OS"], last_day)[:, None]
    came &= ~_failed(course)[:, None]
    sum_mm, response = _seen(course.course)
    best = best_overall_response(response, visits, alive=came & _before_surgery(course.course))
    who = labels[here]
    told = _long(who, arm, visits, came[here], PARAMCD="OVRLRESP", AVALC=response[here].astype(str))
    once = _long(
        who,
        arm,
        visits[:1],
        came[here][:, :1],
        PARAMCD="BESTRESP",
        AVALC=best[here].astype(str)[:, None],
    )
    return {
        "adtr": _long(who, arm, visits, came[here], PARAMCD="SUMDIAM", AVAL=sum_mm[here]),
        "adrs": pd.concat([told, once], ignore_index=True),
    }


def _before_surgery(course: Course) -> np.ndarray:
    """Return which visits come before a patient's operation, ``(n_patient, n_visit)``."""
    if course.surgery is None:
        return np.ones(course.seen.response.shape, dtype=bool)
    earlier = course.visits_day <= course.surgery.day
    return np.asarray(earlier[None, :] | ~course.surgery.operated[:, None])


def _seen(course: Course) -> tuple[FloatArray, np.ndarray]:
    """Return sums and responses at the visits; after an operation by the new baseline."""
    sum_mm, response = course.seen.sum_mm, course.seen.response
    after = course.after_surgery
    if after is None:
        return sum_mm, response
    first = _before_surgery(course)
    # The new baseline stands first and is no visit.
    n_later = len(course.after_surgery_day) - 1
    later_mm, later = sum_mm.copy(), response.copy()
    if n_later:
        later_mm[:, -n_later:] = after.sum_mm[:, 1:]
        later[:, -n_later:] = after.response[:, 1:]
    return np.where(first, sum_mm, later_mm), np.where(first, response, later)


def _path_rows(
    labels: np.ndarray, here: np.ndarray, last_day: FloatArray, arm: str, course: ArmCourse
) -> dict[str, pd.DataFrame]:
    import pandas as pd

    found = course.resection
    if found is None:
        return {"adpath": empty_frame(ADPATH)}
    seen = found.surgery.operated & (found.surgery.day <= last_day) & ~_failed(course)
    done = here[seen[here]]
    report = found.specimen
    return {
        "adpath": pd.DataFrame(
            {
                "USUBJID": labels[done],
                "TRT01P": arm,
                "ADY": found.surgery.day,
                "MARGIN": report.margin[done].astype(str),
                "YPT0": report.yp_t0[done],
                "YPN": report.yp_n[done].astype(np.int8),
                "NODEPOS": report.positive_nodes[done].astype(np.int32),
                "NODEEXAM": report.nodes_examined[done].astype(np.int32),
                "RESIDUAL": report.residual_share[done],
                "TRG": report.regression_grade[done].astype(str),
                "PCR": report.complete_response[done],
                "MPR": report.major_response[done],
                "CLEARED": found.controlled[done],
            }
        )
    }


def _pharmacology_rows(
    labels: np.ndarray, here: np.ndarray, until: FloatArray, plan: ArmPlan, course: ArmCourse
) -> dict[str, pd.DataFrame]:
    import pandas as pd

    schedule = course.schedule
    days = schedule.pharmacology_day
    slot = plan.axis_slot
    if slot is None:
        here, days = here[:0], np.array([])
    at = np.isin(schedule.times_day, days)
    alive = days[None, :] <= np.minimum(course.event_day["OS"], until)[here][:, None]
    alive &= ~_failed(course)[here][:, None]

    def read(name: str) -> FloatArray:
        if not len(days):
            return np.empty((len(here), 0))
        return np.asarray(np.maximum(course.result.of(name)[here][:, at], 0.0))

    def bound(where: str) -> FloatArray:
        held, beside_ligand, free, liganded = (read(f"{where}_{state}") for state in RECEPTORS)
        return occupancy(held + beside_ligand, free, liganded)

    daily = alive & (np.mod(days, 1.0) == 0)[None, :]
    who = labels[here]
    return {
        "adpc": _long(
            who,
            plan.id,
            days,
            alive,
            PARAMCD="AXISDRUG",
            AVAL=read(AXIS_SLOTS[slot or "antagonist"]),
        ),
        "adpd": pd.concat(
            [
                _long(who, plan.id, days, alive, PARAMCD=code, AVAL=bound(where), AVALU="fraction")
                for code, where in (("OCCTUM", "tumour"), ("OCCHOST", "marrow"))
            ]
            + [
                _long(
                    who,
                    plan.id,
                    days,
                    daily | _first_day(alive, days),
                    PARAMCD="CD34",
                    AVAL=read("cd34_blood") * PER_MICROLITRE,
                    AVALU="1/uL",
                )
            ],
            ignore_index=True,
        ),
    }


def _first_day(alive: np.ndarray, days: FloatArray) -> np.ndarray:
    """Return the readings of the first day, where the CD34+ peak after one dose lies."""
    return np.asarray(alive & (days <= 1.0)[None, :])
