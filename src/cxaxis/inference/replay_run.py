"""Draw after draw of replayed trials, in memory or in a directory that resumes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from cxaxis._version import __version__
from cxaxis.core.errors import ModelValueError
from cxaxis.core.hashing import sha256_of
from cxaxis.inference.marrow_fit import BENCH, DISEASES
from cxaxis.inference.replay_mobilisation import ANCHORS, MobilisationTask, mobilisation_rows
from cxaxis.knowledge.evidence import load_evidence
from cxaxis.knowledge.parameters import load_parameters
from cxaxis.models.build import build
from cxaxis.patient.course import PATIENT_TOLERANCES
from cxaxis.runs.blocks import Block, BlockStore
from cxaxis.runs.dask_executor import check_scheduler
from cxaxis.runs.directory import open_run
from cxaxis.runs.executor import check_workers, run_blocks
from cxaxis.runs.progress import Progress
from cxaxis.runs.tables import data_dictionary, write_table
from cxaxis.trial.harm_plan import harm_wirings
from cxaxis.trial.protocol import Protocol, arm_regimens
from cxaxis.trial.replay_antitumour import TRIALS, ReplayTask, antitumour_rows
from cxaxis.trial.replay_draws import DRAWS
from cxaxis.trial.replays import MobilisationReplay, Replay

if TYPE_CHECKING:
    import pandas as pd

KIND: Final = "replay"


@dataclass(frozen=True, kw_only=True)
class ReplayPlan:
    """What is simulated. Picklable.

    Attributes
    ----------
    replays
        Each under both of its arms.
    draws, n_patient
        Populations, and virtual patients of each replay in each.
    seed
        Of what is not known; every replay meets the same populations.
    """

    replays: tuple[Replay, ...]
    draws: int
    n_patient: int
    seed: int

    @property
    def courses_per_draw(self) -> int:
        """Patient courses of one draw."""
        return 2 * len(self.replays) * self.n_patient


def replay_plan(replays: Sequence[Replay], *, draws: int, patients: int, seed: int) -> ReplayPlan:
    """Return the plan for some replays.

    Raises
    ------
    ModelValueError
        If there are no replays, or ``draws`` or ``patients`` is not positive.
    """
    if not replays or draws < 1 or patients < 1:
        msg = (
            f"replays, draws and patients must be at least 1, got {len(replays)}, {draws} and "
            f"{patients}."
        )
        raise ModelValueError(msg)
    return ReplayPlan(replays=tuple(replays), draws=draws, n_patient=patients, seed=seed)


@dataclass(frozen=True, kw_only=True)
class ReplayJob:
    """One draw of every replay, and the store it is written to. Picklable."""

    plan: ReplayPlan
    draw: int
    store: BlockStore | None = None

    @property
    def block(self) -> Block:
        """Place of the draw in a store."""
        return Block(group="draw", index=self.draw, start=self.draw, stop=self.draw + 1)


def run_replay_job(job: ReplayJob) -> tuple[int, pd.DataFrame]:
    """Compute one draw and store it; top-level so that worker processes can import it."""
    rows = _together([_draw_rows(job.plan, replay, job.draw) for replay in job.plan.replays])
    if job.store is not None:
        job.store.write(job.block, {DRAWS.name: rows})
    return job.draw, rows


def _draw_rows(plan: ReplayPlan, replay: Replay, draw: int) -> pd.DataFrame:
    if isinstance(replay.content, MobilisationReplay):
        return mobilisation_rows(
            MobilisationTask(
                name=replay.name,
                replay=replay.content,
                draw=draw,
                seed=plan.seed,
                n_patient=plan.n_patient,
            )
        )
    return antitumour_rows(
        ReplayTask(
            name=replay.name,
            protocol=replay.content,
            draw=draw,
            seed=plan.seed,
            n_patient=plan.n_patient,
        )
    )


def key_parts(plan: ReplayPlan) -> dict[str, Any]:
    """Return everything that decides the draws of a plan, as JSON content.

    What was published is not among it, but for the numbers that the marrow is fitted to.
    """
    rows, evidence = load_parameters(), load_evidence()
    fitted = (*ANCHORS, *(item.placebo for item in DISEASES))
    weights = {
        name: [[item.option, item.prior_weight] for item in options]
        for name, options in harm_wirings().items()
    }
    return {
        "replays": {item.name: item.content.sha256 for item in plan.replays},
        "regimens_sha256": sha256_of({item.name: _regimens(item) for item in plan.replays}),
        "sbml": {name: build(name).sha256 for name in (BENCH, "patient")},
        "parameters_sha256": sha256_of(
            {name: [row.value, row.widened_spread, row.omega] for name, row in rows.items()}
        ),
        "wirings_sha256": sha256_of(weights),
        "fitted": {name: [evidence[name].value, evidence[name].unit] for name in fitted},
        "draws": plan.draws,
        "patients": plan.n_patient,
        "trials": TRIALS,
        "seed": plan.seed,
        "relative_tolerance": PATIENT_TOLERANCES.relative,
        "absolute_tolerance": PATIENT_TOLERANCES.absolute,
    }


def _regimens(replay: Replay) -> list[Any]:
    content = replay.content
    if isinstance(content, Protocol):
        from cxaxis.knowledge.drugs import load_drugs

        given = [arm_regimens(content, arm, load_drugs()) for arm in content.arms]
    else:
        given = [content.regimens(arm) for arm in ("control", "active")]
    return [[[drug.id, regimen.model_dump(mode="json")] for drug, regimen in arm] for arm in given]


def input_key(plan: ReplayPlan) -> str:
    """Return the hash of everything that decides the draws of a plan."""
    return sha256_of(key_parts(plan))


def planned_courses(plan: ReplayPlan) -> int:
    """Return how many patient courses a plan has, for a progress bar."""
    return plan.draws * plan.courses_per_draw


def run_replays(
    plan: ReplayPlan,
    *,
    out: Path | None = None,
    workers: int | None = 1,
    progress: Progress | None = None,
    scheduler: str | None = None,
) -> pd.DataFrame:
    """Return the rows of every draw, by draw and then replay.

    Parameters
    ----------
    plan
        What is simulated.
    out
        Run directory; absent, empty or an interrupted run of the same key. Nothing is written if
        omitted.
    workers
        Processes; None for every processor. The result does not depend on it.
    progress
        Advanced by patient courses.
    scheduler
        Of a Dask cluster, see `cxaxis.runs.dask_executor`. The result does not depend on it.

    Raises
    ------
    UserInputError
        If the directory or scheduler cannot be used, or ``workers`` is below 1.
    """
    n_worker = check_workers(workers)
    check_scheduler(scheduler)
    if out is None:
        jobs = [ReplayJob(plan=plan, draw=draw) for draw in range(plan.draws)]
        return _together([rows for _, rows in _done(jobs, n_worker, progress, scheduler)])
    with open_run(out, {**key_parts(plan), "package_version": __version__}) as run:
        store = run.block_store([DRAWS])
        jobs = [ReplayJob(plan=plan, draw=draw, store=store) for draw in range(plan.draws)]
        missing = [job for job in jobs if not store.is_finished(job.block)]
        if progress is not None:
            progress.advance((len(jobs) - len(missing)) * plan.courses_per_draw)
        _done(missing, n_worker, progress, scheduler)
        rows: pd.DataFrame = store.load_blocks([job.block for job in jobs])[DRAWS.name]
        write_table(rows, run.path / DRAWS.file_name, DRAWS)
        run.write_json("data_dictionary.json", data_dictionary([DRAWS]))
        run.finish(
            kind=KIND,
            title="Published trials, predicted",
            seed=plan.seed,
            counts={"draws": plan.draws, "undefined": int(rows["CENTRE"].isna().sum())},
            tables=[DRAWS.name],
        )
        return rows


def _done(
    jobs: Sequence[ReplayJob],
    workers: int,
    progress: Progress | None,
    scheduler: str | None,
) -> list[tuple[int, pd.DataFrame]]:
    results = run_blocks(
        jobs,
        run_replay_job,
        workers=workers,
        progress=progress,
        size=lambda job: job.plan.courses_per_draw,
        scheduler=scheduler,
    )
    return sorted(results, key=lambda item: item[0])


def _together(parts: Sequence[pd.DataFrame]) -> pd.DataFrame:
    import pandas as pd

    return pd.concat(parts, ignore_index=True)
