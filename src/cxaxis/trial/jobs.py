"""What a run is made of before it starts: its set-up, and the blocks of work that follow."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from cxaxis.cohort.overrides import with_values
from cxaxis.cohort.sample import Cohort
from cxaxis.core.arrays import IntArray
from cxaxis.engine.choice import POPULATION
from cxaxis.engine.protocol import Tolerances
from cxaxis.knowledge.drugs import load_drugs
from cxaxis.knowledge.parameters import Parameters, load_parameters
from cxaxis.knowledge.wirings import Wirings, load_wirings
from cxaxis.models.build import Model, build
from cxaxis.models.wiring import PATIENT_WIRINGS, wiring_from
from cxaxis.patient.course import PATIENT_TOLERANCES
from cxaxis.runs.blocks import Block, BlockStore, blocks_of
from cxaxis.runs.executor import check_workers
from cxaxis.trial.analysis import follow_up
from cxaxis.trial.block_rows import PoolBlock, block_tables
from cxaxis.trial.conduct import crossover_plan
from cxaxis.trial.pool import ArmPlan, Schedule, schedule_of
from cxaxis.trial.protocol import Protocol, arm_regimens
from cxaxis.trial.schemas import PHI, UNCERTAINTY
from cxaxis.trial.uncertainty import DrawTask, PhiTask, draw_rows, phi_rows


@dataclass(frozen=True, kw_only=True)
class Setup:
    """Everything that is decided before the first patient is simulated."""

    protocol: Protocol
    parameters: Parameters
    model: Model
    plans: tuple[ArmPlan, ...]
    schedule: Schedule
    tolerances: Tolerances
    engine: str

    @property
    def control(self) -> ArmPlan:
        """The arm the others are compared with."""
        return next(p for p in self.plans if p.id == self.protocol.control)

    def others(self, names: tuple[str, ...] = ()) -> tuple[ArmPlan, ...]:
        """Return the named arms, or all, without the control."""
        wanted = names or tuple(p.id for p in self.plans)
        return tuple(p for p in self.plans if p.id in wanted and p.id != self.protocol.control)


def arm_plans(protocol: Protocol) -> tuple[ArmPlan, ...]:
    """Return the arms of a protocol as the pool needs them."""
    drugs = load_drugs()
    return tuple(
        ArmPlan(id=arm.id, regimens=arm_regimens(protocol, arm, drugs)) for arm in protocol.arms
    )


def set_up(
    protocol: Protocol,
    values: Mapping[str, float],
    tolerances: Tolerances | None,
    engine: str = POPULATION,
) -> Setup:
    """Return the set-up of a protocol with some parameter values set by hand."""
    parameters = with_values(load_parameters(), values)
    plans = arm_plans(protocol)
    return Setup(
        protocol=protocol,
        parameters=parameters,
        model=build("patient", parameters, wiring_from(protocol.wiring)),
        plans=plans,
        schedule=_schedule(protocol, plans, max(plan.last_axis_day for plan in plans)),
        tolerances=tolerances or PATIENT_TOLERANCES,
        engine=engine,
    )


#: What a course costs on one processor, a drawn population beside its courses (its patients are
#: screened), and the start of a process before its first course; seconds, measured once.
_COURSE_S: Final = 0.01
_DRAW_S: Final = 0.4
_START_S: Final = 10.0


@dataclass(frozen=True, kw_only=True)
class Job:
    """One block of work and the store it is written to. Picklable."""

    store: BlockStore
    block: Block
    payload: PoolBlock | PhiTask | DrawTask
    model: Model | None = None
    schedule: Schedule | None = None
    tolerances: Tolerances | None = None
    engine: str = POPULATION

    @property
    def size(self) -> int:
        """Patient courses in this job."""
        if isinstance(self.payload, PoolBlock):
            return len(self.payload.cohort) * (1 + (self.payload.crossover is not None))
        arms = 1 + len(self.payload.plans)
        if isinstance(self.payload, PhiTask):
            return arms * len(self.payload.cohort)
        return arms * self.payload.n_patient


def processes_for(jobs: Sequence[Job], workers: int | None) -> int:
    """Return how many processes to share jobs among; the results do not depend on it.

    Parameters
    ----------
    jobs
        What is left to do.
    workers
        Processes asked for, at least 1; None takes the processors that there are, but no more
        than have work worth starting for. One process keeps every processor busy too, where
        blocks are large: the engine shares a block among threads.
    """
    if workers is not None:
        return workers
    draws = sum(isinstance(job.payload, DrawTask) for job in jobs)
    work_s = sum(job.size for job in jobs) * _COURSE_S + draws * _DRAW_S
    return max(1, min(check_workers(None), int(work_s / _START_S)))


def run_job(job: Job) -> str:
    """Compute one job and store it; top-level so that worker processes can import it."""
    payload = job.payload
    if isinstance(payload, PhiTask):
        tables = {PHI.name: phi_rows(payload)}
    elif isinstance(payload, DrawTask):
        tables = {UNCERTAINTY.name: draw_rows(payload)}
    else:
        assert job.model is not None
        assert job.schedule is not None
        tables = block_tables(
            job.model, payload, job.schedule, tolerances=job.tolerances, engine=job.engine
        )
    job.store.write(job.block, tables)
    return job.block.name


def pool_jobs(setup: Setup, cohort: Cohort, arms: IntArray, store: BlockStore) -> list[Job]:
    """Return the blocks of the pool: every patient under every arm."""
    jobs = []
    _, last_day, _ = follow_up(setup.protocol, cohort)
    crossover = crossover_plan(setup.protocol, setup.plans)
    for index, plan in enumerate(setup.plans):
        for block in blocks_of(plan.id, len(cohort)):
            part = np.arange(block.start, block.stop)
            payload = PoolBlock(
                plan=plan,
                cohort=cohort.rows(part),
                allocated_here=tuple(bool(arms[i] == index) for i in part),
                last_day=tuple(last_day[part].tolist()),
                crossover=crossover if plan is setup.control else None,
            )
            jobs.append(
                Job(
                    store=store,
                    block=block,
                    payload=payload,
                    model=setup.model,
                    schedule=setup.schedule,
                    tolerances=setup.tolerances,
                    engine=setup.engine,
                )
            )
    return jobs


def _schedule(
    protocol: Protocol, plans: Sequence[ArmPlan], pharmacology_until_day: float
) -> Schedule:
    operations = {plan.surgery_day for plan in plans}
    return schedule_of(
        horizon_day=protocol.horizon_day,
        first_visit_day=protocol.visits.first_day,
        visit_every_day=protocol.visits.every_day,
        pharmacology_until_day=pharmacology_until_day,
        surgery_days=sorted(day for day in operations if day is not None),
        surveillance=protocol.visits.surveillance,
    )


def _outcomes_only(setup: Setup) -> Schedule:
    return _schedule(setup.protocol, setup.plans, 0.0)


def phi_jobs(setup: Setup, cohort: Cohort, store: BlockStore) -> list[Job]:
    """Return one block for each causal share of the sweep."""
    more = setup.protocol.uncertainty
    some = cohort.rows(np.arange(min(more.phi_patients, len(cohort))))
    return [
        Job(
            store=store,
            block=Block(group="phi-sweep", index=k, start=k, stop=k + 1),
            payload=PhiTask(
                phi=phi,
                model=setup.model,
                cohort=some,
                control=setup.control,
                plans=setup.others(),
                schedule=_outcomes_only(setup),
                seed=setup.protocol.seed,
                tolerances=setup.tolerances,
                engine=setup.engine,
            ),
        )
        for k, phi in enumerate(more.phi_values)
    ]


def draw_jobs(setup: Setup, store: BlockStore) -> list[Job]:
    """Return one block for each population drawn from what is not known."""
    more = setup.protocol.uncertainty
    every = load_wirings()
    wirings = Wirings({name: every[name] for name in PATIENT_WIRINGS})
    return [
        Job(
            store=store,
            block=Block(group="prior-draw", index=k, start=k, stop=k + 1),
            payload=DrawTask(
                draw=k,
                parameters=setup.parameters,
                wirings=wirings,
                control=setup.control,
                plans=setup.others(more.arms),
                schedule=_outcomes_only(setup),
                n_patient=more.patients_per_draw,
                setting=setup.protocol.population.setting,
                enrichment=setup.protocol.enrichment,
                seed=setup.protocol.seed,
                tolerances=setup.tolerances,
                engine=setup.engine,
                populations=more.populations,
            ),
        )
        for k in range(more.draws)
    ]
