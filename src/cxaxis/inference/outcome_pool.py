"""The pool of the calibration: many populations, and what each says of the landmarks.

Populations are drawn from the prior of every parameter, or have some parameters set (draws of an
earlier posterior). Each population has patients of its own, so that the luck of a few dozen
patients is noise between populations and never a common error. A run is a directory of one block
for each population: it resumes, and its bytes do not depend on the number of workers.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from cxaxis._version import __version__
from cxaxis.cohort.population import draw_theta
from cxaxis.core.errors import CxaxisError
from cxaxis.core.hashing import sha256_of
from cxaxis.core.streams import SEED_LIMIT, rng_for
from cxaxis.engine.choice import POPULATION
from cxaxis.inference.outcome_courses import (
    ARMS,
    landmark_shares,
    patient_model,
    population_parameters,
)
from cxaxis.inference.outcome_records import PoolArrays, load_pool, save_pool, to_z
from cxaxis.knowledge.landmarks import Landmark, load_landmarks
from cxaxis.knowledge.parameters import Parameter, load_parameters
from cxaxis.patient.course import PATIENT_TOLERANCES
from cxaxis.runs.blocks import Block, BlockStore
from cxaxis.runs.directory import RunState, inspect_run, open_run
from cxaxis.runs.executor import check_workers, run_blocks
from cxaxis.runs.manifest import read_manifest
from cxaxis.runs.progress import Progress
from cxaxis.runs.tables import Column, TableSchema, write_table

if TYPE_CHECKING:
    import pandas as pd

KIND: Final = "control_arms_pool"
POOL_FILE: Final = "pool.npz"
#: Seed of the prior's populations.
POOL_SEED: Final = 201
N_PATIENT: Final = 24
#: Populations drawn from the prior.
N_PRIOR: Final = 800
SHARES: Final = TableSchema(
    name="control_arm_shares",
    meaning="What one population says of one published landmark",
    columns=(
        Column(name="DRAW", type="int32", unit="", meaning="Number of the population"),
        Column(name="LANDMARK", type="string", unit="", meaning="Landmark of the control arms"),
        Column(
            name="SHARE", type="float64", unit="", meaning="Share the model expects", nullable=True
        ),
        Column(
            name="SE",
            type="float64",
            unit="",
            meaning="Standard error of SHARE from having few patients",
            nullable=True,
        ),
    ),
)


@dataclass(frozen=True, kw_only=True)
class PoolPlan:
    """Which populations are simulated.

    Attributes
    ----------
    draws
        Numbers of the populations: draw d is `cxaxis.cohort.population.draw_theta` with ``seed``
        and d, in which what ``fixed`` says of d then takes the place of what was drawn.
    fixed
        Values of parameters, in their units, by draw.
    n_patient
        Patients of each setting.
    seed
        Of populations and patients.
    patients_of
        Word that tells the patients of this pool from those of others with the same seed.
    """

    draws: tuple[int, ...]
    fixed: Mapping[int, Mapping[str, float]] = field(default_factory=dict)
    n_patient: int = N_PATIENT
    seed: int = POOL_SEED
    engine: str = POPULATION
    patients_of: str = ""

    def patient_seed(self, draw: int) -> int:
        """Return the seed of the patients of population ``draw``."""
        word = (self.patients_of,) if self.patients_of else ()
        rng = rng_for(self.seed, "control_arm_patients", *word, draw)
        return int(rng.integers(SEED_LIMIT))

    def theta(self, parameters: Mapping[str, Parameter], draw: int) -> dict[str, float]:
        """Return population ``draw``, in the units of the rows."""
        drawn = draw_theta(parameters, seed=self.seed, draw=draw)
        return {**drawn, **self.fixed.get(draw, {})}


def prior_plan(n: int = N_PRIOR) -> PoolPlan:
    """Return the plan of ``n`` populations drawn from the prior of every parameter."""
    return PoolPlan(draws=tuple(range(n)))


@dataclass(frozen=True, kw_only=True)
class PoolJob:
    """One population, and the store it is written to. Picklable."""

    plan: PoolPlan
    draw: int
    store: BlockStore

    @property
    def block(self) -> Block:
        """Place of the population in the store."""
        return Block(group="population", index=self.draw, start=self.draw, stop=self.draw + 1)


def run_pool_job(job: PoolJob) -> int:
    """Simulate one population and store it; top-level so that worker processes can import it."""
    job.store.write(job.block, {SHARES.name: pool_rows(job.plan, job.draw)})
    return job.draw


def pool_rows(
    plan: PoolPlan, draw: int, landmarks: Sequence[Landmark] | None = None
) -> pd.DataFrame:
    """Return what population ``draw`` says of each landmark, in the columns of `SHARES`.

    A population that brings forth no such patients, or cannot be simulated, has no number.
    """
    import pandas as pd

    chosen = tuple(load_landmarks().values()) if landmarks is None else tuple(landmarks)
    theta = plan.theta(load_parameters(), draw)
    try:
        share, error = landmark_shares(
            theta,
            chosen,
            n_patient=plan.n_patient,
            seed=plan.patient_seed(draw),
            engine=plan.engine,
        )
    except CxaxisError:
        # A corner of the prior, such as shares of stages above one together.
        share = error = np.full(len(chosen), np.nan)
    return pd.DataFrame(
        {
            "DRAW": np.full(len(chosen), draw),
            "LANDMARK": [item.id for item in chosen],
            "SHARE": share,
            "SE": error,
        }
    )


def key_parts(plan: PoolPlan) -> dict[str, Any]:
    """Return everything that decides the numbers of a plan, as JSON content."""
    rows = load_parameters()
    given = {
        name: [[drug.id, regimen.model_dump(mode="json")] for drug, regimen in arm.plan.regimens]
        for name, arm in ARMS.items()
    }
    timed = {
        name: [arm.first_visit_day, arm.visit_every_day, arm.horizon_day]
        for name, arm in ARMS.items()
    }
    points = {
        item.id: [item.arm, item.quantity, item.time_month] for item in load_landmarks().values()
    }
    return {
        "package_version": __version__,
        "sbml_sha256": patient_model().sha256,
        "parameters_sha256": sha256_of(
            {name: [row.value, row.widened_spread, row.omega] for name, row in rows.items()}
        ),
        "arms_sha256": sha256_of([given, timed]),
        "landmarks_sha256": sha256_of(points),
        "populations": len(plan.draws),
        "draws_sha256": sha256_of(list(plan.draws)),
        "fixed_sha256": sha256_of({str(k): dict(v) for k, v in plan.fixed.items()}),
        "patients": plan.n_patient,
        "seed": plan.seed,
        "engine": plan.engine,
        "relative_tolerance": PATIENT_TOLERANCES.relative,
        "absolute_tolerance": PATIENT_TOLERANCES.absolute,
        **({"patients_of": plan.patients_of} if plan.patients_of else {}),
    }


def run_pool(
    plan: PoolPlan,
    out: Path,
    *,
    workers: int | None = 1,
    progress: Progress | None = None,
) -> PoolArrays:
    """Simulate the populations of a plan in a run directory, or read it if it is complete.

    Parameters
    ----------
    plan
        Which populations.
    out
        Run directory; absent, empty, or a run of the same plan, interrupted or complete.
    workers
        Processes; None for every processor. The result does not depend on it.
    progress
        Advanced by populations.

    Raises
    ------
    UserInputError
        If the directory cannot be used, or holds a run of another plan; or ``workers`` is
        below 1.
    """
    n_worker = check_workers(workers)
    parts = key_parts(plan)
    if inspect_run(out).state is RunState.COMPLETE and dict(read_manifest(out).key_parts) == parts:
        return load_pool(out / POOL_FILE)
    with open_run(out, parts) as run:
        store = run.block_store([SHARES])
        jobs = [PoolJob(plan=plan, draw=draw, store=store) for draw in plan.draws]
        missing = [job for job in jobs if not store.is_finished(job.block)]
        if progress is not None:
            progress.advance(len(jobs) - len(missing))
        for _ in run_blocks(missing, run_pool_job, workers=n_worker, progress=progress):
            pass
        rows = store.load_blocks([job.block for job in jobs])[SHARES.name]
        write_table(rows, run.path / SHARES.file_name, SHARES)
        arrays = pool_arrays(plan, rows)
        save_pool(arrays, run.path / POOL_FILE)
        run.finish(
            kind=KIND,
            title="Control arms over populations",
            seed=plan.seed,
            counts={
                "populations": len(plan.draws),
                "without_number": int(np.isnan(arrays.share).all(axis=1).sum()),
            },
            tables=[SHARES.name],
        )
    return arrays


def finished_arrays(plan: PoolPlan, out: Path) -> PoolArrays:
    """Return the populations of a running or interrupted pool that are finished so far."""
    store = BlockStore(directory=out / "blocks", schemas=(SHARES,))
    jobs = [PoolJob(plan=plan, draw=draw, store=store) for draw in plan.draws]
    done = [job for job in jobs if store.is_finished(job.block)]
    rows = store.load_blocks([job.block for job in done])[SHARES.name]
    return pool_arrays(replace(plan, draws=tuple(job.draw for job in done)), rows)


def pool_arrays(plan: PoolPlan, rows: pd.DataFrame) -> PoolArrays:
    """Return the arrays of a plan's populations from the rows of their blocks, in plan order."""
    parameters = load_parameters()
    ids = population_parameters(patient_model(), parameters)
    landmark_ids = tuple(dict.fromkeys(str(name) for name in rows["LANDMARK"]))
    shape = (len(plan.draws), len(landmark_ids))
    share = rows["SHARE"].to_numpy(dtype=np.float64, na_value=np.nan).reshape(shape)
    error = rows["SE"].to_numpy(dtype=np.float64, na_value=np.nan).reshape(shape)
    scores = np.empty((shape[0], len(ids)))
    for place, draw in enumerate(plan.draws):
        theta = plan.theta(parameters, draw)
        scores[place] = [float(to_z(parameters[name], theta[name])) for name in ids]
    return PoolArrays(
        parameter_ids=ids,
        unit_theta=scores,
        landmark_ids=landmark_ids,
        share=share,
        share_se=error,
        population_draw=np.array(plan.draws, dtype=np.int64),
        wiring=np.full(shape[0], "default"),
    )
