"""Draw after draw of `cxaxis.trial.harm`, in memory or in a directory that resumes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from cxaxis._version import __version__
from cxaxis.engine.choice import engine_named
from cxaxis.runs.blocks import Block, BlockStore
from cxaxis.runs.dask_executor import check_scheduler
from cxaxis.runs.directory import open_run
from cxaxis.runs.executor import check_workers, run_blocks
from cxaxis.runs.progress import Progress
from cxaxis.runs.tables import Column, TableSchema, data_dictionary, write_table
from cxaxis.trial.harm import HarmSummary, harm_rows, summarised
from cxaxis.trial.harm_plan import HarmPlan, key_parts

if TYPE_CHECKING:
    import pandas as pd

KIND: Final = "harm"
HARM: Final = TableSchema(
    name="harm",
    meaning="Counterfactual ratio of death rates of each agent in each drawn population",
    columns=(
        Column(name="DRAW", type="int32", unit="", meaning="Number of the draw"),
        Column(name="ARM", type="string", unit="", meaning="Agent beside the backbone"),
        Column(name="PHI", type="float64", unit="", meaning="Causal share of this draw"),
        Column(
            name="WIRING", type="string", unit="", meaning="Options that differ from the default"
        ),
        Column(
            name="LOGHR",
            type="float64",
            unit="",
            meaning="Log ratio of expected deaths per expected person-time, agent over control",
            nullable=True,
        ),
        Column(
            name="SE",
            type="float64",
            unit="",
            meaning="Standard error of LOGHR over the patients of the draw, paired bootstrap",
            nullable=True,
        ),
        Column(
            name="LOGHR_ASIDE",
            type="float64",
            unit="",
            meaning="LOGHR if nobody died of treatment in either arm",
            nullable=True,
        ),
        Column(
            name="DEATHS",
            type="float64",
            unit="",
            meaning="Share of patients expected to die under control by the end of follow-up",
            nullable=True,
        ),
        Column(name="NPAT", type="int32", unit="", meaning="Patients under both arms"),
    ),
)


@dataclass(frozen=True, kw_only=True)
class HarmJob:
    """One draw, and the store it is written to. Picklable."""

    plan: HarmPlan
    draw: int
    store: BlockStore | None = None

    @property
    def block(self) -> Block:
        """Place of the draw in a store."""
        return Block(group="draw", index=self.draw, start=self.draw, stop=self.draw + 1)


def run_harm_job(job: HarmJob) -> tuple[int, pd.DataFrame]:
    """Compute one draw and store it; top-level so that worker processes can import it."""
    rows = harm_rows(job.plan, job.draw)
    if job.store is not None:
        job.store.write(job.block, {HARM.name: rows})
    return job.draw, rows


def planned_courses(plan: HarmPlan) -> int:
    """Return how many patient courses a plan has, for a progress bar."""
    return plan.draws * plan.courses_per_draw


def run_harm(
    plan: HarmPlan,
    *,
    out: Path | None = None,
    workers: int | None = 1,
    progress: Progress | None = None,
    scheduler: str | None = None,
) -> pd.DataFrame:
    """Return the rows of every draw, by draw and then agent.

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
    engine_named(plan.engine)
    if out is None:
        jobs = [HarmJob(plan=plan, draw=draw) for draw in range(plan.draws)]
        return _together([rows for _, rows in _done(jobs, n_worker, progress, scheduler)])
    with open_run(out, {**key_parts(plan), "package_version": __version__}) as run:
        store = run.block_store([HARM])
        jobs = [HarmJob(plan=plan, draw=draw, store=store) for draw in range(plan.draws)]
        missing = [job for job in jobs if not store.is_finished(job.block)]
        if progress is not None:
            progress.advance((len(jobs) - len(missing)) * plan.courses_per_draw)
        _done(missing, n_worker, progress, scheduler)
        rows: pd.DataFrame = store.load_blocks([job.block for job in jobs])[HARM.name]
        write_table(rows, run.path / HARM.file_name, HARM)
        run.write_json("summary.json", summary_json(plan, summarised(rows)))
        run.write_json("data_dictionary.json", data_dictionary([HARM]))
        run.finish(
            kind=KIND,
            title="Prior-predictive chance of harm",
            seed=plan.seed,
            counts={"draws": plan.draws, "undefined": int(rows["LOGHR"].isna().sum())},
            tables=[HARM.name],
        )
        return rows


def _done(
    jobs: Sequence[HarmJob],
    workers: int,
    progress: Progress | None,
    scheduler: str | None,
) -> list[tuple[int, pd.DataFrame]]:
    results = run_blocks(
        jobs,
        run_harm_job,
        workers=workers,
        progress=progress,
        size=lambda job: job.plan.courses_per_draw,
        scheduler=scheduler,
    )
    return sorted(results, key=lambda item: item[0])


def _together(parts: Sequence[pd.DataFrame]) -> pd.DataFrame:
    import pandas as pd

    return pd.concat(parts, ignore_index=True)


def summary_json(plan: HarmPlan, summaries: Sequence[HarmSummary]) -> dict[str, Any]:
    """Return the summaries as JSON content; None for what is not a number."""
    rows = []
    for item in summaries:
        content = asdict(item) | {"quantiles": item.quantiles.tolist()}
        rows.append({"regimen": plan.regimens[item.agent], **_plain(content)})
    return {"backbone": plan.backbone, "draws": plan.draws, "agents": rows}


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_plain(item) for item in value]
    # Not a number is no JSON.
    return None if isinstance(value, float) and value != value else value
