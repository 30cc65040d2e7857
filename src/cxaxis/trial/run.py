"""Run a virtual trial: cohort, allocation, pool, uncertainty, tables. Resumable, sealed by key."""

from __future__ import annotations

import tempfile
from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from cxaxis._version import __version__
from cxaxis.cohort.sample import Cohort
from cxaxis.cohort.virtual import margins_sha256
from cxaxis.core.arrays import IntArray
from cxaxis.core.errors import UserInputError, error
from cxaxis.core.hashing import sha256_of
from cxaxis.engine.choice import POPULATION, engine_named
from cxaxis.engine.protocol import Tolerances
from cxaxis.knowledge.drug_records import Drug
from cxaxis.knowledge.evidence import Evidence, Reference, load_evidence, load_references
from cxaxis.knowledge.parameters import Parameters, load_parameters
from cxaxis.knowledge.posteriors import load_outcome_posterior
from cxaxis.runs.dask_executor import check_scheduler
from cxaxis.runs.directory import RunDirectory, RunState, inspect_run, open_run
from cxaxis.runs.executor import check_workers, run_blocks
from cxaxis.runs.log import timed
from cxaxis.runs.manifest import read_manifest, run_key
from cxaxis.runs.progress import NullProgress, Progress
from cxaxis.runs.tables import data_dictionary, empty_frame, read_table, write_table
from cxaxis.trial.allocation import allocate
from cxaxis.trial.analysis import adsl_of, allocated_adtte, summarise
from cxaxis.trial.conduct import conduct_table, conducted_pool
from cxaxis.trial.design_results import design_summary
from cxaxis.trial.interims import trial_looks
from cxaxis.trial.jobs import (
    Job,
    Setup,
    draw_jobs,
    phi_jobs,
    pool_jobs,
    processes_for,
    run_job,
    set_up,
)
from cxaxis.trial.populations import (
    allocation_strata,
    check_entrants,
    entry_table,
    given_screenings,
    sample_entrants,
)
from cxaxis.trial.protocol import SEAL_SUFFIX, Protocol, read_protocol
from cxaxis.trial.schemas import (
    BLOCK_SCHEMAS,
    PARAMETERS,
    PHI,
    RUN_SCHEMAS,
    UNCERTAINTY,
)
from cxaxis.trial.seals import SealState, state_of

if TYPE_CHECKING:
    import pandas as pd

#: Hashes of what a run rests on beside its protocol, as a seal keeps them.
BASIS: Final = ("sbml_sha256", "parameters_sha256", "regimens_sha256")


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


def _key_parts(
    setup: Setup, cohort: Cohort | None, seal: SealState | None = None
) -> dict[str, Any]:
    rows = {
        name: [row.value, row.widened_spread, row.omega] for name, row in setup.parameters.items()
    }
    regimens = {
        plan.id: [
            [drug.id, _molar_mass(drug), r.model_dump(mode="json")] for drug, r in plan.regimens
        ]
        for plan in setup.plans
    }
    given = "sampled"
    if cohort is not None:
        given = sha256_of([cohort.seed, list(cohort.indices), cohort.table.values.tolist()])
    sealed = {} if seal is None else {"seal_sha256": seal.seal.sha256}
    fitted = {}
    if setup.protocol.uncertainty.populations == "control_arms":
        draws = {str(draw): dict(values) for draw, values in load_outcome_posterior().items()}
        fitted = {"posterior_sha256": sha256_of(draws)}
    population = setup.protocol.population
    if population.margins_of is not None and cohort is None:
        margins = margins_sha256(population.setting, population.margins_of)
        sealed |= {"margins_sha256": margins}
    return {
        "protocol_sha256": setup.protocol.sha256,
        **sealed,
        **fitted,
        "sbml_sha256": setup.model.sha256,
        "parameters_sha256": sha256_of(rows),
        "regimens_sha256": sha256_of(regimens),
        "cohort": given,
        "seed": setup.protocol.seed,
        "relative_tolerance": setup.tolerances.relative,
        "absolute_tolerance": setup.tolerances.absolute,
        "engine": setup.engine,
        "package_version": __version__,
    }


def basis_of(protocol: Protocol) -> dict[str, str]:
    """Return the hashes of the model, parameters and regimens that a run would rest on."""
    return _basis(_key_parts(set_up(protocol, {}, None), None))


def _basis(key_parts: Mapping[str, Any]) -> dict[str, str]:
    return {name: key_parts[name] for name in BASIS}


def _molar_mass(drug: Drug) -> float | None:
    return None if drug.molar_mass is None else drug.molar_mass.g_per_mol


def changed_values(cohort: Cohort) -> dict[str, float]:
    """Return the parameters of a cohort's population that are not as tabled."""
    rows = load_parameters()
    return {k: v for k, v in cohort.theta.items() if k in rows and v != rows[k].value}


def check_cohort(protocol: Protocol, cohort: Cohort, values: Mapping[str, float]) -> None:
    """Raise `UserInputError` if a cohort does not fill the arms, or values come beside it."""
    if values:
        message = (
            f"{', '.join(values)}: these patients have their parameters already. "
            "Set values when the cohort is sampled."
        )
        raise UserInputError([error("TRIAL002", "values", message)])
    if len(cohort) != protocol.n_patient:
        message = (
            f"has {len(cohort)} patients, the protocol asks for {protocol.n_patient}. "
            "Sample that many, or change patients_per_ratio_unit."
        )
        raise UserInputError([error("TRIAL001", "cohort", message)])
    check_entrants(protocol, cohort)


def run_trial(
    protocol: str | Path | Protocol,
    *,
    out: Path | str | None = None,
    cohort: Cohort | None = None,
    values: Mapping[str, float] | None = None,
    workers: int | None = 1,
    progress: Progress | None = None,
    tolerances: Tolerances | None = None,
    engine: str = POPULATION,
    seal: SealState | None = None,
    scheduler: str | None = None,
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
        Processes; None for as many as are worth starting. The result does not depend on it.
    progress
        Advanced by patient courses.
    tolerances
        Error control; the engine's default if omitted.
    engine
        Name of the engine, see `cxaxis.engine.choice`.
    seal
        Of a protocol given as such; that of a file or example is found beside it. The run carries
        it, and says whether the protocol changed afterwards.
    scheduler
        Of a Dask cluster, see `cxaxis.runs.dask_executor`. The result does not depend on it.

    Raises
    ------
    UserInputError
        If the protocol, a value, the directory or the scheduler cannot be used. Nothing is
        written then.
    """
    plan = protocol if isinstance(protocol, Protocol) else read_protocol(protocol)
    sealed = seal if isinstance(protocol, Protocol) else state_of(plan, protocol)
    check_workers(workers)
    check_scheduler(scheduler)
    if out is not None and inspect_run(Path(out)).state in (RunState.COMPLETE, RunState.FOREIGN):
        open_run(Path(out), {})
    given = dict(values or {})
    if cohort is not None:
        check_cohort(plan, cohort, given)
        given = changed_values(cohort)
    # An engine that cannot be had is told before anything is written.
    engine_named(engine)
    setup = set_up(plan, given, tolerances, engine)
    keep = None
    if out is None:
        keep = tempfile.TemporaryDirectory(prefix="cxaxis-trial-")
        out = Path(keep.name) / "run"
    with open_run(Path(out), _key_parts(setup, cohort, sealed)) as run:
        _compute(run, setup, cohort, workers, progress or NullProgress(), sealed, scheduler)
        return Trial(path=run.path, _keep=keep)


def key_of_run(protocol: str | Path | Protocol, *, engine: str = POPULATION) -> str:
    """Return the key that a run of a protocol with packaged values would have."""
    plan = protocol if isinstance(protocol, Protocol) else read_protocol(protocol)
    seal = None if isinstance(protocol, Protocol) else state_of(plan, protocol)
    return run_key(_key_parts(set_up(plan, {}, None, engine), None, seal))


def stored_run_key(path: Path) -> str:
    """Return the key of the complete run in a directory."""
    return read_manifest(path).run_key


def planned_courses(protocol: Protocol) -> int:
    """Return how many patient courses a run simulates, for a progress bar."""
    arms, more = len(protocol.arms), protocol.uncertainty
    swept = len(more.phi_values) * min(more.phi_patients, protocol.n_patient) * arms
    compared = 1 + (len(more.arms) or arms - 1)
    pooled = protocol.n_patient * (arms + (protocol.crossover is not None))
    return pooled + swept + more.draws * compared * more.patients_per_draw


def _compute(
    run: RunDirectory,
    setup: Setup,
    given: Cohort | None,
    workers: int | None,
    progress: Progress,
    seal: SealState | None,
    scheduler: str | None,
) -> None:
    protocol = setup.protocol
    cohort, screenings = given, given_screenings(protocol, given)
    if cohort is None:
        with timed(run.log_path, "cohort"):
            cohort, screenings = sample_entrants(setup)
    arms = _allocation(protocol, cohort)
    pool_store = run.block_store(BLOCK_SCHEMAS)
    jobs = pool_jobs(setup, cohort, arms, pool_store)
    phi_blocks = phi_jobs(setup, cohort, run.block_store([PHI]))
    draw_blocks = draw_jobs(setup, run.block_store([UNCERTAINTY]))
    missing = [j for j in (*phi_blocks, *draw_blocks, *jobs) if not j.store.is_finished(j.block)]
    progress.advance(
        sum(j.size for j in (*phi_blocks, *draw_blocks, *jobs)) - sum(j.size for j in missing)
    )
    shared = processes_for(missing, workers if scheduler is None else check_workers(workers))
    with timed(run.log_path, "simulation", workers=shared, scheduler=scheduler):
        for _ in run_blocks(
            missing,
            run_job,
            workers=shared,
            progress=progress,
            size=lambda job: job.size,
            scheduler=scheduler,
        ):
            pass
    with timed(run.log_path, "analysis"):
        tables = pool_store.load_blocks([job.block for job in jobs])
        tables["phi"] = _loaded(phi_blocks, PHI)
        tables["uncertainty"] = _loaded(draw_blocks, UNCERTAINTY)
        tables["adsl"] = adsl_of(protocol, cohort, arms)
        counted = conducted_pool(tables["pool"], protocol, setup.plans)
        tables["adtte"] = allocated_adtte(counted, protocol, cohort, arms)
        tables["conduct"] = conduct_table(
            protocol, setup.plans, tables["pool"], entry_table(protocol, cohort, arms)
        )
        tables["parameters"] = parameter_table(setup.parameters)
        for schema in RUN_SCHEMAS:
            write_table(tables[schema.name], run.path / schema.file_name, schema)
        read_back = {s.name: read_table(run.path / s.file_name, s) for s in RUN_SCHEMAS}
        run.write_json("protocol.json", protocol.canonical())
        run.write_json("data_dictionary.json", data_dictionary(RUN_SCHEMAS))
        if seal is not None:
            run.write_json(f"protocol.json{SEAL_SUFFIX}", seal.seal.model_dump(mode="json"))
        basis = _basis(_key_parts(setup, None))
        summary = summarise(protocol, read_back)
        summary["design"] = design_summary(protocol, setup.plans, screenings, read_back)
        looks = trial_looks(read_back["adtte"], read_back["adsl"], protocol)
        if looks is not None:
            summary["interim_looks"] = [asdict(look) for look in looks]
        run.write_json(
            "summary.json", {**summary, "seal": None if seal is None else seal.entry(basis)}
        )
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
    strata = allocation_strata(protocol, cohort.covariates)
    return allocate(strata, protocol.ratios, seed=protocol.seed)


def _loaded(jobs: list[Job], schema: Any) -> pd.DataFrame:
    if not jobs:
        return empty_frame(schema)
    frame: pd.DataFrame = jobs[0].store.load_blocks([job.block for job in jobs])[schema.name]
    return frame


def _source(row: Evidence, references: Mapping[str, Reference]) -> str:
    """Return the citation of an evidence row and whether it was seen, recalled or derived."""
    return f"{references[row.reference].citation} [{row.status}]"


def parameter_table(parameters: Parameters) -> pd.DataFrame:
    """Return the parameters as the run's ``parameters`` table."""
    import pandas as pd

    references = load_references()
    evidence = load_evidence(references=references)

    return pd.DataFrame(
        [
            (
                row.id,
                row.value,
                row.unit,
                row.scale,
                row.spread,
                row.widened_spread,
                row.omega,
                row.status,
                row.species,
                row.relevance,
                ";".join(row.evidence),
                "; ".join(dict.fromkeys(_source(evidence[i], references) for i in row.evidence)),
                row.note,
            )
            for row in parameters.values()
        ],
        columns=list(PARAMETERS.column_names),
    )
