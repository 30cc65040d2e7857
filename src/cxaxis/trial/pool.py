"""The pool: every virtual patient under every arm, simulated block by block.

Only the pool knows counterfactuals. An allocated trial takes one arm of each patient; see
`cxaxis.trial.allocation`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from cxaxis.cohort.sample import Cohort
from cxaxis.core.arrays import FloatArray
from cxaxis.engine.choice import POPULATION, engine_named
from cxaxis.engine.doses import DoseTable
from cxaxis.engine.protocol import SimulationResult, Tolerances
from cxaxis.knowledge.drug_records import Drug, Regimen
from cxaxis.models.build import Model
from cxaxis.patient.course import DEPOSITS, DISTANT_SLOTS, SLOTS
from cxaxis.patient.readouts import (
    Assessment,
    assess,
    crossing_day,
    diameter_mm,
    first_true_day,
    occupancy,
)
from cxaxis.patient.regimen import Body, dose_rows

if TYPE_CHECKING:
    import pandas as pd

ENDPOINTS: Final = {
    "OS": "Overall survival",
    "PFS": "Progression-free survival",
    "LRC": "Locoregional control",
    "DMFS": "Distant-metastasis-free survival",
}
CXCR4_DRUG_TARGETS: Final = frozenset({"plerixafor_depot", "plerixafor_central"})
OUTCOME_STEP_DAY: Final = 7.0
PHARMACOLOGY_STEP_DAY: Final = 0.25
# One day of steady state is read every half hour, for hours above half occupancy.
INTENSIVE_DAY: Final = 14.0
INTENSIVE_STEP_DAY: Final = 1.0 / 48.0
PER_MICROLITRE: Final = 1e-6

_BURDEN = ("tumour_cells", "killed_cells", *(f"{slot}_cells" for slot in SLOTS))
_RECEPTORS = ("antagonist_cxcr4", "cxcr4", "cxcl12_cxcr4")
_PHARMACOLOGY = (
    "plerixafor_central",
    "cd34_blood",
    *(f"{where}_{state}" for where in ("tumour", "marrow") for state in _RECEPTORS),
)


@dataclass(frozen=True, kw_only=True)
class Schedule:
    """When things are read; the same for every arm of a trial.

    Attributes
    ----------
    visits_day
        Tumour assessments, baseline first.
    outcome_day
        Times at which hazard and burden are read, visits included.
    pharmacology_day
        Times at which drug, receptors and CD34+ cells are read; empty without such a drug.
    """

    visits_day: FloatArray
    outcome_day: FloatArray
    pharmacology_day: FloatArray

    @property
    def times_day(self) -> FloatArray:
        """All times, ascending."""
        return np.union1d(self.outcome_day, self.pharmacology_day)


def schedule_of(
    *,
    horizon_day: float,
    first_visit_day: float,
    visit_every_day: float,
    pharmacology_until_day: float,
) -> Schedule:
    """Return the reading times of a trial."""
    visits = np.concatenate(
        [[0.0], np.arange(first_visit_day, horizon_day + 1e-9, visit_every_day)]
    )
    weekly = np.arange(0.0, horizon_day, OUTCOME_STEP_DAY)
    until = min(pharmacology_until_day, horizon_day)
    dense = np.arange(0.0, until + 1e-9, PHARMACOLOGY_STEP_DAY) if until > 0 else np.array([])
    if until >= INTENSIVE_DAY + 1.0:
        steps = np.arange(1, round(1.0 / INTENSIVE_STEP_DAY)) * INTENSIVE_STEP_DAY
        fine = INTENSIVE_DAY + steps[np.mod(steps, PHARMACOLOGY_STEP_DAY) > 1e-9]
        dense = np.union1d(dense, fine)
    return Schedule(
        visits_day=visits,
        outcome_day=np.union1d(np.union1d(visits, weekly), [horizon_day]),
        pharmacology_day=dense,
    )


@dataclass(frozen=True, kw_only=True)
class ArmPlan:
    """An arm as the pool needs it."""

    id: str
    regimens: tuple[tuple[Drug, Regimen], ...]

    @property
    def has_cxcr4_drug(self) -> bool:
        """Whether a drug of the arm binds CXCR4."""
        return any(drug.target[r.route] in CXCR4_DRUG_TARGETS for drug, r in self.regimens)

    @property
    def last_cxcr4_day(self) -> float:
        """Day on which CXCR4 blockade by prescription ends, 0 without one."""
        ends = [
            regimen.dose_days()[-1] + max(regimen.duration_day, regimen.every_day)
            for drug, regimen in self.regimens
            if drug.target[regimen.route] in CXCR4_DRUG_TARGETS
        ]
        return max(ends, default=0.0)


@dataclass(frozen=True, kw_only=True)
class ArmCourse:
    """Patients under one arm: event days (infinite when not seen) and read-outs.

    Attributes
    ----------
    event_day
        Per end point, shape ``(n_patient,)``, days; infinite if not before the horizon.
    assessment
        RECIST at ``schedule.visits_day``.
    result
        The simulation, for pharmacology and outcomes.
    """

    event_day: dict[str, FloatArray]
    assessment: Assessment
    result: SimulationResult
    schedule: Schedule


def doses_of(plan: ArmPlan, cohort: Cohort) -> DoseTable:
    """Return the dose rows of a cohort under an arm, in nmol and Gy."""
    rows = []
    weights, heights = cohort.covariates["weight_kg"], cohort.covariates["height_cm"]
    for position, (weight, height) in enumerate(zip(weights, heights, strict=True)):
        body = Body(weight_kg=float(weight), height_cm=float(height))
        for drug, regimen in plan.regimens:
            rows += list(dose_rows(drug, regimen, body, patient=position))
    return DoseTable(tuple(rows))


def simulate_arm(
    model: Model,
    cohort: Cohort,
    plan: ArmPlan,
    schedule: Schedule,
    *,
    phi: float | None = None,
    tolerances: Tolerances | None = None,
    engine: str = POPULATION,
) -> ArmCourse:
    """Simulate a cohort under one arm.

    Parameters
    ----------
    phi
        Causal share to use instead of the cohort's own.
    tolerances
        Error control; the engine's default if omitted.
    engine
        Name of the engine, see `cxaxis.engine.choice`.
    """
    table = cohort.table if phi is None else cohort.table.with_columns(phi=phi)
    outputs = ["death_hazard", *_BURDEN]
    if len(schedule.pharmacology_day):
        outputs += _PHARMACOLOGY
    times = schedule.times_day
    result = engine_named(engine).simulate(
        model.sbml,
        table,
        doses_of(plan, cohort),
        times,
        outputs,
        tolerances=tolerances or Tolerances(),
    )
    assessment = _assessment(cohort, result, np.isin(times, schedule.visits_day))
    death = crossing_day(times, result.of("death_hazard"), cohort.covariates["death_draw"])
    visits = schedule.visits_day
    horizon = float(times[-1])

    def before_death(flags: Any) -> FloatArray:
        day = first_true_day(visits, flags)
        return np.where(day < death, day, np.inf)

    progression = before_death(assessment.progressed)
    event_day = {
        "OS": death,
        "PFS": np.minimum(progression, death),
        "LRC": before_death(assessment.locoregional),
        "DMFS": np.minimum(before_death(assessment.distant), death),
    }
    return ArmCourse(
        event_day={k: np.where(v <= horizon, v, np.inf) for k, v in event_day.items()},
        assessment=assessment,
        result=result,
        schedule=schedule,
    )


def _assessment(cohort: Cohort, result: SimulationResult, at_visit: np.ndarray) -> Assessment:
    per_mL = (cohort.table.column("tumour_cell_density") / 1e3)[:, None]

    def size(cells: FloatArray) -> FloatArray:
        return diameter_mm(np.maximum(cells, 0.0), cells_per_mL=per_mL)

    def read(name: str) -> FloatArray:
        return np.nan_to_num(result.of(name)[:, at_visit])

    return assess(
        size(read("tumour_cells") + read("killed_cells")),
        np.stack([size(read(f"{slot}_cells")) for slot in DEPOSITS["node"]], axis=1),
        np.stack([size(read(f"{slot}_cells")) for slot in DISTANT_SLOTS], axis=1),
    )


@dataclass(frozen=True, kw_only=True)
class PoolBlock:
    """A block of patients under one arm, with the arm that each was allocated to."""

    plan: ArmPlan
    cohort: Cohort
    allocated_here: tuple[bool, ...]


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
    return {
        "pool": _pool_rows(labels, block.plan.id, course),
        "outcome": _outcome_rows(labels, block.plan.id, course),
        **_visit_rows(labels, here, block.plan.id, course),
        **_pharmacology_rows(labels, here, block.plan, course),
    }


def _failed(course: ArmCourse) -> np.ndarray:
    return np.array([item.outcome.is_failure for item in course.result.outcomes])


def _pool_rows(labels: np.ndarray, arm: str, course: ArmCourse) -> pd.DataFrame:
    import pandas as pd

    horizon = float(course.schedule.times_day[-1])
    failed = _failed(course)
    # Death ends the follow-up of locoregional control without being its event.
    end = np.minimum(course.event_day["OS"], horizon)
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
                    "EVNTDESC": _descriptions(code, course, seen, failed),
                }
            )
        )
    return pd.concat(frames, ignore_index=True)


def _descriptions(code: str, course: ArmCourse, seen: np.ndarray, failed: np.ndarray) -> np.ndarray:
    death = course.event_day["OS"]
    cause = {"OS": "Death", "PFS": "Progression", "LRC": "Locoregional progression"}
    told = cause.get(code, "Distant metastasis")
    events = np.where(course.event_day[code] == death, "Death", told)
    over = np.where(np.isfinite(death), "Death without the event", "End of follow-up")
    open_ended = np.where(failed, "Simulation failed", over)
    return np.where(seen, events, open_ended)


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
    labels: np.ndarray, here: np.ndarray, arm: str, course: ArmCourse
) -> dict[str, pd.DataFrame]:
    visits = course.schedule.visits_day
    alive = visits[None, :] <= course.event_day["OS"][here][:, None]
    alive &= ~_failed(course)[here][:, None]
    seen = course.assessment
    return {
        "adtr": _long(labels[here], arm, visits, alive, PARAMCD="SUMDIAM", AVAL=seen.sum_mm[here]),
        "adrs": _long(labels[here], arm, visits, alive, AVALC=seen.response[here].astype(str)),
    }


def _pharmacology_rows(
    labels: np.ndarray, here: np.ndarray, plan: ArmPlan, course: ArmCourse
) -> dict[str, pd.DataFrame]:
    import pandas as pd

    schedule = course.schedule
    days = schedule.pharmacology_day
    if not plan.has_cxcr4_drug:
        here, days = here[:0], np.array([])
    at = np.isin(schedule.times_day, days)
    alive = days[None, :] <= course.event_day["OS"][here][:, None]
    alive &= ~_failed(course)[here][:, None]

    def read(name: str) -> FloatArray:
        if not len(days):
            return np.empty((len(here), 0))
        return np.asarray(np.maximum(course.result.of(name)[here][:, at], 0.0))

    def bound(where: str) -> FloatArray:
        return occupancy(*(read(f"{where}_{state}") for state in _RECEPTORS))

    daily = alive & (np.mod(days, 1.0) == 0)[None, :]
    who = labels[here]
    return {
        "adpc": _long(who, plan.id, days, alive, PARAMCD="PLERIX", AVAL=read("plerixafor_central")),
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
