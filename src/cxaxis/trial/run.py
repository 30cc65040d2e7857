"""Run a virtual trial: cohort, allocation, pool, uncertainty, tables. Resumable, sealed by key."""

from __future__ import annotations

import tempfile
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from cxaxis._version import __version__
from cxaxis.cohort.overrides import with_values
from cxaxis.cohort.sample import Cohort, sample_cohort
from cxaxis.core.arrays import IntArray
from cxaxis.core.errors import UserInputError, error
from cxaxis.core.hashing import sha256_of
from cxaxis.engine.protocol import Tolerances
from cxaxis.knowledge.drug_records import Drug
from cxaxis.knowledge.drugs import load_drugs
from cxaxis.knowledge.parameters import Parameters, load_parameters
from cxaxis.knowledge.wirings import load_wirings
from cxaxis.models.build import Model, build
from cxaxis.models.wiring import wiring_from
from cxaxis.runs.blocks import Block, BlockStore, blocks_of
from cxaxis.runs.directory import RunDirectory, open_run
from cxaxis.runs.executor import check_workers, run_blocks
from cxaxis.runs.log import timed
from cxaxis.runs.manifest import read_manifest, run_key
from cxaxis.runs.progress import NullProgress, Progress
from cxaxis.runs.tables import data_dictionary, empty_frame, read_table, write_table
from cxaxis.trial.allocation import allocate
from cxaxis.trial.analysis import adsl_of, allocated_adtte, summarise
from cxaxis.trial.pool import ArmPlan, PoolBlock, Schedule, block_tables, schedule_of
from cxaxis.trial.protocol import Protocol, arm_regimens, read_protocol
from cxaxis.trial.schemas import (
    BLOCK_SCHEMAS,
    PARAMETERS,
    PHI,
    RUN_SCHEMAS,
    UNCERTAINTY,
)
from cxaxis.trial.uncertainty import DrawTask, PhiTask, draw_rows, phi_rows

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, kw_only=True)
class Trial:
    """A finished run on disk.

    Attributes
    ----------
    path
        The run directory.
    """

    path: Path
    _keep: Any = field(default=None, repr=False, compare=False)

    def table(self, name: str) -> pd.DataFrame:
        """Return one table of the run, such as ``adsl`` or ``pool``."""
        return read_table(self.path / f"{name}.parquet")

    @property
    def adsl(self) -> pd.DataFrame:
        """One row per patient."""
        return self.table("adsl")

    @property
    def adtte(self) -> pd.DataFrame:
        """Times to event of the allocated trial."""
        return self.table("adtte")

    def read_summary(self) -> dict[str, Any]:
        """Return ``summary.json``."""
        import json

        summary: dict[str, Any] = json.loads((self.path / "summary.json").read_text("utf-8"))
        return summary

    def summary(self) -> pd.DataFrame:
        """Return the headline table: one row per arm, medians in months."""
        import pandas as pd

        rows = []
        for arm in self.read_summary()["arms"]:
            ratio, held = arm["hr_os"] or {}, arm["occupancy"] or {}
            rows.append(
                {
                    "arm": arm["arm"],
                    "n": arm["n"],
                    "deaths": arm["os"]["events"],
                    "os_median_month": arm["os"]["median_month"],
                    "pfs_median_month": arm["pfs"]["median_month"],
                    "hr_os": ratio.get("hr"),
                    "hr_os_low": ratio.get("low"),
                    "hr_os_high": ratio.get("high"),
                    "p_logrank": ratio.get("p_logrank"),
                    "occupancy_trough": held.get("trough_mean"),
                }
            )
        return pd.DataFrame(rows)

    def _repr_html_(self) -> str:
        return str(self.summary().to_html(index=False))


@dataclass(frozen=True, kw_only=True)
class _Job:
    """One block of work and the store it is written to. Picklable."""

    store: BlockStore
    block: Block
    payload: PoolBlock | PhiTask | DrawTask
    model: Model | None = None
    schedule: Schedule | None = None
    tolerances: Tolerances | None = None

    @property
    def size(self) -> int:
        """Patient courses in this job."""
        if isinstance(self.payload, PoolBlock):
            return len(self.payload.cohort)
        arms = 1 + len(self.payload.plans)
        if isinstance(self.payload, PhiTask):
            return arms * len(self.payload.cohort)
        return arms * self.payload.n_patient


def run_job(job: _Job) -> str:
    """Compute one job and store it; top-level so that worker processes can import it."""
    payload = job.payload
    if isinstance(payload, PhiTask):
        tables = {PHI.name: phi_rows(payload)}
    elif isinstance(payload, DrawTask):
        tables = {UNCERTAINTY.name: draw_rows(payload)}
    else:
        assert job.model is not None
        assert job.schedule is not None
        tables = block_tables(job.model, payload, job.schedule, tolerances=job.tolerances)
    job.store.write(job.block, tables)
    return job.block.name


@dataclass(frozen=True, kw_only=True)
class _Setup:
    """Everything that is decided before the first patient is simulated."""

    protocol: Protocol
    parameters: Parameters
    model: Model
    plans: tuple[ArmPlan, ...]
    schedule: Schedule
    tolerances: Tolerances

    @property
    def control(self) -> ArmPlan:
        return next(p for p in self.plans if p.id == self.protocol.control)

    def others(self, names: tuple[str, ...] = ()) -> tuple[ArmPlan, ...]:
        wanted = names or tuple(p.id for p in self.plans)
        return tuple(p for p in self.plans if p.id in wanted and p.id != self.protocol.control)


def _set_up(
    protocol: Protocol, values: Mapping[str, float], tolerances: Tolerances | None
) -> _Setup:
    drugs = load_drugs()
    parameters = with_values(load_parameters(), values)
    plans = tuple(
        ArmPlan(id=arm.id, regimens=arm_regimens(protocol, arm, drugs)) for arm in protocol.arms
    )
    return _Setup(
        protocol=protocol,
        parameters=parameters,
        model=build("patient", parameters, wiring_from(protocol.wiring)),
        plans=plans,
        schedule=schedule_of(
            horizon_day=protocol.horizon_day,
            first_visit_day=protocol.visits.first_day,
            visit_every_day=protocol.visits.every_day,
            pharmacology_until_day=max(plan.last_cxcr4_day for plan in plans),
        ),
        tolerances=tolerances or Tolerances(),
    )


def _key_parts(setup: _Setup, cohort: Cohort | None) -> dict[str, Any]:
    rows = {name: [row.value, row.spread, row.omega] for name, row in setup.parameters.items()}
    regimens = {
        plan.id: [
            [drug.id, _molar_mass(drug), r.model_dump(mode="json")] for drug, r in plan.regimens
        ]
        for plan in setup.plans
    }
    given = "sampled"
    if cohort is not None:
        given = sha256_of([cohort.seed, list(cohort.indices), cohort.table.values.tolist()])
    return {
        "protocol_sha256": setup.protocol.sha256,
        "sbml_sha256": setup.model.sha256,
        "parameters_sha256": sha256_of(rows),
        "regimens_sha256": sha256_of(regimens),
        "cohort": given,
        "seed": setup.protocol.seed,
        "relative_tolerance": setup.tolerances.relative,
        "absolute_tolerance": setup.tolerances.absolute,
        "engine": "reference",
        "package_version": __version__,
    }


def _molar_mass(drug: Drug) -> float | None:
    return None if drug.molar_mass is None else drug.molar_mass.g_per_mol


def check_cohort(protocol: Protocol, cohort: Cohort) -> None:
    """Raise `UserInputError` if a cohort does not fill the protocol's arms."""
    if len(cohort) != protocol.n_patient:
        message = (
            f"has {len(cohort)} patients, the protocol asks for {protocol.n_patient}. "
            "Sample that many, or change patients_per_ratio_unit."
        )
        raise UserInputError([error("TRIAL001", "cohort", message)])


def run_trial(
    protocol: str | Path | Protocol,
    *,
    out: Path | str | None = None,
    cohort: Cohort | None = None,
    values: Mapping[str, float] | None = None,
    workers: int | None = 1,
    progress: Progress | None = None,
    tolerances: Tolerances | None = None,
) -> Trial:
    """Run a virtual trial.

    Parameters
    ----------
    protocol
        A protocol, the path of its YAML file, or the name of a packaged example.
    out
        Run directory; absent, empty or an interrupted run of the same key. A temporary
        directory that lives as long as the returned `Trial` if omitted.
    cohort
        Patients to use; sampled with the protocol's seed if omitted.
    values
        Parameter values set by hand, by id, in the unit of the row.
    workers
        Processes; None for every processor. The result does not depend on it.
    progress
        Advanced by patient courses.

    Raises
    ------
    UserInputError
        If the protocol, a value or the directory cannot be used. Nothing is written then.
    """
    plan = protocol if isinstance(protocol, Protocol) else read_protocol(protocol)
    setup = _set_up(plan, values or {}, tolerances)
    if cohort is not None:
        check_cohort(plan, cohort)
    n_worker = check_workers(workers)
    keep = None
    if out is None:
        keep = tempfile.TemporaryDirectory(prefix="cxaxis-trial-")
        out = Path(keep.name) / "run"
    with open_run(Path(out), _key_parts(setup, cohort)) as run:
        _compute(run, setup, cohort, n_worker, progress or NullProgress())
        return Trial(path=run.path, _keep=keep)


def key_of_run(protocol: str | Path | Protocol) -> str:
    """Return the key that a run of a protocol with packaged values would have."""
    plan = protocol if isinstance(protocol, Protocol) else read_protocol(protocol)
    return run_key(_key_parts(_set_up(plan, {}, None), None))


def stored_run_key(path: Path) -> str:
    """Return the key of the complete run in a directory."""
    return read_manifest(path).run_key


def planned_courses(protocol: Protocol) -> int:
    """Return how many patient courses a run simulates, for a progress bar."""
    arms, more = len(protocol.arms), protocol.uncertainty
    swept = len(more.phi_values) * min(more.phi_patients, protocol.n_patient) * arms
    compared = 1 + (len(more.arms) or arms - 1)
    return protocol.n_patient * arms + swept + more.draws * compared * more.patients_per_draw


def _compute(
    run: RunDirectory, setup: _Setup, given: Cohort | None, workers: int, progress: Progress
) -> None:
    protocol = setup.protocol
    cohort = given
    if cohort is None:
        with timed(run.log_path, "cohort"):
            cohort = sample_cohort(
                protocol.n_patient,
                protocol.seed,
                parameters=setup.parameters,
                model=setup.model,
                tolerances=setup.tolerances,
            )
    arms = _allocation(protocol, cohort)
    pool_store = run.block_store(BLOCK_SCHEMAS)
    jobs = _pool_jobs(setup, cohort, arms, pool_store)
    phi_jobs = _phi_jobs(setup, cohort, run.block_store([PHI]))
    draw_jobs = _draw_jobs(setup, run.block_store([UNCERTAINTY]))
    missing = [j for j in (*phi_jobs, *draw_jobs, *jobs) if not j.store.is_finished(j.block)]
    progress.advance(
        sum(j.size for j in (*phi_jobs, *draw_jobs, *jobs)) - sum(j.size for j in missing)
    )
    with timed(run.log_path, "simulation", workers=workers):
        for _ in run_blocks(
            missing, run_job, workers=workers, progress=progress, size=lambda job: job.size
        ):
            pass
    with timed(run.log_path, "analysis"):
        tables = pool_store.load_blocks([job.block for job in jobs])
        tables["phi"] = _loaded(phi_jobs, PHI)
        tables["uncertainty"] = _loaded(draw_jobs, UNCERTAINTY)
        tables["adsl"] = adsl_of(protocol, cohort, arms)
        tables["adtte"] = allocated_adtte(tables["pool"], protocol, cohort, arms)
        tables["parameters"] = parameter_table(setup.parameters)
        for schema in RUN_SCHEMAS:
            write_table(tables[schema.name], run.path / schema.file_name, schema)
        read_back = {s.name: read_table(run.path / s.file_name, s) for s in RUN_SCHEMAS}
        run.write_json("protocol.json", protocol.canonical())
        run.write_json("data_dictionary.json", data_dictionary(RUN_SCHEMAS))
        run.write_json("summary.json", summarise(protocol, read_back))
    counts = Counter(tables["outcome"]["OUTCOME"].tolist())
    screened = {f"cohort_{name}": int(count) for name, count in cohort.screened.items()}
    run.finish(
        kind="trial",
        title=protocol.title,
        seed=protocol.seed,
        counts={**dict(sorted(counts.items())), **screened},
        tables=[schema.name for schema in RUN_SCHEMAS],
    )


def _allocation(protocol: Protocol, cohort: Cohort) -> IntArray:
    columns = [np.asarray(cohort.covariates[name]).astype(str) for name in protocol.strata]
    strata = (
        ["/".join(parts) for parts in zip(*columns, strict=True)] if columns else [""] * len(cohort)
    )
    return allocate(strata, protocol.ratios, seed=protocol.seed)


def _pool_jobs(setup: _Setup, cohort: Cohort, arms: IntArray, store: BlockStore) -> list[_Job]:
    jobs = []
    for index, plan in enumerate(setup.plans):
        for block in blocks_of(plan.id, len(cohort)):
            part = np.arange(block.start, block.stop)
            payload = PoolBlock(
                plan=plan,
                cohort=cohort.rows(part),
                allocated_here=tuple(bool(arms[i] == index) for i in part),
            )
            jobs.append(
                _Job(
                    store=store,
                    block=block,
                    payload=payload,
                    model=setup.model,
                    schedule=setup.schedule,
                    tolerances=setup.tolerances,
                )
            )
    return jobs


def _outcomes_only(setup: _Setup) -> Schedule:
    protocol = setup.protocol
    return schedule_of(
        horizon_day=protocol.horizon_day,
        first_visit_day=protocol.visits.first_day,
        visit_every_day=protocol.visits.every_day,
        pharmacology_until_day=0.0,
    )


def _phi_jobs(setup: _Setup, cohort: Cohort, store: BlockStore) -> list[_Job]:
    more = setup.protocol.uncertainty
    some = cohort.rows(np.arange(min(more.phi_patients, len(cohort))))
    return [
        _Job(
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
            ),
        )
        for k, phi in enumerate(more.phi_values)
    ]


def _draw_jobs(setup: _Setup, store: BlockStore) -> list[_Job]:
    more = setup.protocol.uncertainty
    wirings = load_wirings()
    return [
        _Job(
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
                seed=setup.protocol.seed,
                tolerances=setup.tolerances,
            ),
        )
        for k in range(more.draws)
    ]


def _loaded(jobs: list[_Job], schema: Any) -> pd.DataFrame:
    if not jobs:
        return empty_frame(schema)
    frame: pd.DataFrame = jobs[0].store.load_blocks([job.block for job in jobs])[schema.name]
    return frame


def parameter_table(parameters: Parameters) -> pd.DataFrame:
    """Return the parameters as the run's ``parameters`` table."""
    import pandas as pd

    return pd.DataFrame(
        [
            (
                row.id,
                row.value,
                row.unit,
                row.scale,
                row.spread,
                row.omega,
                row.status,
                row.species,
                row.relevance,
                ";".join(row.evidence),
                row.note,
            )
            for row in parameters.values()
        ],
        columns=list(PARAMETERS.column_names),
    )
