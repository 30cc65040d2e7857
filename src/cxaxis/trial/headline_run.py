"""Cell after cell of the headline grid, in memory or in a directory that resumes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from cxaxis._version import __version__
from cxaxis.engine.choice import engine_named
from cxaxis.runs.blocks import Block, BlockStore
from cxaxis.runs.dask_executor import check_scheduler
from cxaxis.runs.directory import open_run
from cxaxis.runs.executor import check_workers, run_blocks
from cxaxis.runs.progress import Progress
from cxaxis.runs.tables import Column, TableSchema, data_dictionary, write_table
from cxaxis.trial.headline import headline_rows
from cxaxis.trial.headline_plan import HeadlinePlan, key_parts

if TYPE_CHECKING:
    import pandas as pd

KIND: Final = "headline"


def _numbers(code: str, event: str) -> tuple[Column, ...]:
    return (
        Column(
            name=f"{code}_LOGHR",
            type="float64",
            unit="",
            meaning=f"Log ratio of expected {event} per expected person-time, arm over control",
            nullable=True,
        ),
        Column(
            name=f"{code}_SE",
            type="float64",
            unit="",
            meaning=f"Standard error of {code}_LOGHR over the patients of the draw, paired "
            "bootstrap",
            nullable=True,
        ),
        Column(
            name=f"{code}_EVENTS",
            type="float64",
            unit="",
            meaning=f"Share of patients with {event} under control by the end of follow-up, "
            "expected",
            nullable=True,
        ),
    )


HEADLINE: Final = TableSchema(
    name="headline",
    meaning="Counterfactual hazard ratios of each agent beside each backbone in each population",
    columns=(
        Column(name="BACKBONE", type="string", unit="", meaning="What all arms are given"),
        Column(name="DRAW", type="int32", unit="", meaning="Number of the population"),
        Column(name="ARM", type="string", unit="", meaning="Arm of the example protocol"),
        Column(name="PHI", type="float64", unit="", meaning="Causal share of this draw"),
        Column(
            name="WIRING", type="string", unit="", meaning="Options that differ from the default"
        ),
        *_numbers("OS", "deaths"),
        *_numbers("DMFS", "distant metastases or deaths"),
        Column(name="NPAT", type="int32", unit="", meaning="Patients under both arms"),
    ),
)


@dataclass(frozen=True, kw_only=True)
class HeadlineJob:
    """One cell of the grid, and the store it is written to. Picklable."""

    plan: HeadlinePlan
    backbone: str
    draw: int
    store: BlockStore | None = None

    @property
    def block(self) -> Block:
        """Place of the cell in a store."""
        return Block(group=self.backbone, index=self.draw, start=self.draw, stop=self.draw + 1)

    @property
    def size(self) -> int:
        """Patient courses of the cell."""
        return (1 + len(self.plan.backbone(self.backbone).arms)) * self.plan.n_patient


def run_headline_job(job: HeadlineJob) -> tuple[str, pd.DataFrame]:
    """Compute one cell and store it; top-level so that worker processes can import it."""
    rows = headline_rows(job.plan, job.backbone, job.draw)
    if job.store is not None:
        job.store.write(job.block, {HEADLINE.name: rows})
    return job.block.name, rows


def headline_jobs(
    plan: HeadlinePlan,
    *,
    draws: Sequence[int] | None = None,
    store: BlockStore | None = None,
) -> list[HeadlineJob]:
    """Return the cells of a grid by backbone and then draw; all draws if omitted."""
    return [
        HeadlineJob(plan=plan, backbone=item.id, draw=draw, store=store)
        for item in plan.backbones
        for draw in (range(plan.draws) if draws is None else draws)
    ]


def planned_courses(plan: HeadlinePlan) -> int:
    """Return how many patient courses a grid has, for a progress bar."""
    return sum(job.size for job in headline_jobs(plan))


def run_headline(
    plan: HeadlinePlan,
    *,
    out: Path | None = None,
    draws: Sequence[int] | None = None,
    workers: int | None = 1,
    progress: Progress | None = None,
    scheduler: str | None = None,
) -> pd.DataFrame:
    """Return the rows of every cell, by backbone, draw and arm.

    Parameters
    ----------
    plan
        What is simulated.
    out
        Run directory; absent, empty or an interrupted run of the same key. Nothing is written if
        omitted.
    draws
        Some of the draws, without a directory alone; all if omitted.
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
    engine_named(plan.engine)
    if out is None:
        jobs = headline_jobs(plan, draws=draws)
        return _together(jobs, _done(jobs, n_worker, progress, scheduler))
    with open_run(out, {**key_parts(plan), "package_version": __version__}) as run:
        store = run.block_store([HEADLINE])
        jobs = headline_jobs(plan, store=store)
        missing = [job for job in jobs if not store.is_finished(job.block)]
        if progress is not None:
            progress.advance(sum(job.size for job in jobs) - sum(job.size for job in missing))
        _done(missing, n_worker, progress, scheduler)
        rows: pd.DataFrame = store.load_blocks([job.block for job in jobs])[HEADLINE.name]
        write_table(rows, run.path / HEADLINE.file_name, HEADLINE)
        run.write_json("data_dictionary.json", data_dictionary([HEADLINE]))
        run.finish(
            kind=KIND,
            title="Hazard ratios of eight agents beside three backbones",
            seed=plan.seed,
            counts={"draws": plan.draws, "undefined": int(rows["OS_LOGHR"].isna().sum())},
            tables=[HEADLINE.name],
        )
        return rows


def _done(
    jobs: Sequence[HeadlineJob],
    workers: int,
    progress: Progress | None,
    scheduler: str | None,
) -> dict[str, pd.DataFrame]:
    results = run_blocks(
        jobs,
        run_headline_job,
        workers=workers,
        progress=progress,
        size=lambda job: job.size,
        scheduler=scheduler,
    )
    return dict(results)


def _together(jobs: Sequence[HeadlineJob], done: dict[str, pd.DataFrame]) -> pd.DataFrame:
    import pandas as pd

    return pd.concat([done[job.block.name] for job in jobs], ignore_index=True)
