"""Cohorts on disk: a run directory with one table and what it was sampled with."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from cxaxis._version import __version__
from cxaxis.cohort.overrides import with_values
from cxaxis.cohort.population import central_theta
from cxaxis.cohort.sample import Cohort, sample_cohort
from cxaxis.cohort.settings import LOCALLY_ADVANCED, SETTING_WORDS, SETTINGS, Setting
from cxaxis.cohort.virtual import (
    ALL_STUDIES,
    margins_record,
    margins_sha256,
    sample_virtual,
)
from cxaxis.cohort.weights import targets_of
from cxaxis.core.errors import Finding, ModelValueError, UserInputError, error, raise_on_errors
from cxaxis.core.hashing import sha256_of
from cxaxis.core.ids import did_you_mean
from cxaxis.core.streams import SEED_LIMIT
from cxaxis.engine.choice import POPULATION
from cxaxis.engine.protocol import ParameterTable
from cxaxis.knowledge.parameters import load_parameters
from cxaxis.models.build import build
from cxaxis.runs.directory import open_run
from cxaxis.runs.executor import check_workers
from cxaxis.runs.manifest import check_tables, read_manifest
from cxaxis.runs.tables import Column, ColumnType, TableSchema, read_table, write_table

if TYPE_CHECKING:
    import pandas as pd

    from cxaxis.runs.progress import Progress

ABOUT_NAME: Final = "cohort.json"
MOST_PATIENTS: Final = 1_000_000
_PREFIX: Final = "value_"
_KINDS: Final[dict[str, ColumnType]] = {"f": "float64", "i": "int64", "U": "string", "b": "bool"}
# Found only where the setting asks for it.
_MAY_LACK: Final = ("life_expectancy_day",)
_UNITS: Final = {
    "age_year": "year",
    "weight_kg": "kg",
    "height_cm": "cm",
    "crcl_mL_min": "mL/min",
    "serum_cxcl12_ng_per_mL": "ng/mL",
    "diameter_mm": "mm",
    "days_from_inception": "day",
    "life_expectancy_day": "day",
}


def _frame(cohort: Cohort) -> pd.DataFrame:
    import pandas as pd

    values = {
        f"{_PREFIX}{name}": cohort.table.values[:, i] for i, name in enumerate(cohort.table.names)
    }
    return pd.DataFrame(
        {"subject": cohort.labels, "index": cohort.indices, **cohort.covariates, **values}
    )


def _schema(cohort: Cohort) -> TableSchema:
    columns = [
        Column(name="subject", type="string", unit="", meaning="Virtual patient"),
        Column(name="index", type="int64", unit="", meaning="Index among those screened"),
    ]
    for name, values in cohort.covariates.items():
        kind = _KINDS[np.asarray(values).dtype.kind]
        columns.append(
            Column(
                name=name,
                type=kind,
                unit=_UNITS.get(name, ""),
                meaning="Covariate at diagnosis",
                nullable=name in _MAY_LACK,
            )
        )
    for name in cohort.table.names:
        meaning = "Value of the model at diagnosis, in the model's unit"
        columns.append(Column(name=f"{_PREFIX}{name}", type="float64", unit="", meaning=meaning))
    return TableSchema(
        name="cohort", meaning="Virtual patients at diagnosis", columns=tuple(columns)
    )


def request_findings(
    *,
    n: int,
    seed: int,
    setting: str = LOCALLY_ADVANCED,
    margins: str | None = None,
    pool: int | None = None,
) -> Iterator[Finding]:
    """Yield what makes a number of patients, a seed, setting, margins or pool unfit."""
    if setting not in SETTINGS:
        yield error("COH005", "--setting", f"is {setting!r}. {did_you_mean(setting, SETTINGS)}")
    elif margins is not None:
        try:
            targets_of(setting, None if margins == ALL_STUDIES else margins)
        except ModelValueError as failure:
            yield error("COH006", "--margins", str(failure))
    if pool is not None and margins is None:
        yield error("COH007", "--pool", "is given without --margins. Add it, or drop --pool.")
    elif pool is not None and not n <= pool <= MOST_PATIENTS:
        yield error("COH007", "--pool", f"is {pool}. Give from {n} to {MOST_PATIENTS} patients.")
    if n < 1:
        yield error("COH001", "--n", f"is {n}. A cohort needs at least 1 patient.")
    if n > MOST_PATIENTS:
        yield error("COH001", "--n", f"is {n}. Give at most {MOST_PATIENTS} patients.")
    if not 0 <= seed < SEED_LIMIT:
        yield error("COH002", "--seed", f"is {seed}. Give a number from 0 to 2**63 - 1.")


def sample_to_directory(
    out: Path,
    *,
    n: int,
    seed: int,
    values: Mapping[str, float],
    setting: Setting = LOCALLY_ADVANCED,
    margins: str | None = None,
    pool: int | None = None,
    workers: int | None = 1,
    progress: Progress | None = None,
    engine: str = POPULATION,
) -> Cohort:
    """Sample a cohort and write it to a run directory.

    Parameters
    ----------
    out
        Run directory; absent, empty or an interrupted run of the same key.
    n, seed, values
        Patients, seed, and parameter values set by hand.
    setting
        Which stages are eligible.
    margins
        Study whose margins the patients are selected to, ``all`` for those of every study of the
        setting; None takes patients as they come.
    pool
        Patients from whom they are selected, see `cxaxis.cohort.virtual.sample_virtual`.
    workers, progress, engine
        As of `cxaxis.cohort.sample.sample_cohort`.

    Raises
    ------
    UserInputError
        If ``n``, ``seed`` or a value cannot be used, or the directory is not free.
    """
    raise_on_errors(
        [*request_findings(n=n, seed=seed, setting=setting, margins=margins, pool=pool)]
    )
    parameters = with_values(load_parameters(), values)
    model = build("patient", parameters)
    n_worker = check_workers(workers)
    key_parts: dict[str, Any] = {
        "n": n,
        "seed": seed,
        "sbml_sha256": model.sha256,
        "parameters_sha256": sha256_of({k: [p.value, p.omega] for k, p in parameters.items()}),
        "engine": engine,
        "setting": setting,
        "margins": "" if margins is None else margins_sha256(setting, margins),
        "pool": pool or 0,
        "package_version": __version__,
    }
    with open_run(out, key_parts) as run:
        options: dict[str, Any] = {
            "parameters": parameters,
            "model": model,
            "workers": n_worker,
            "progress": progress,
            "engine": engine,
        }
        record = None
        if margins is None:
            cohort = sample_cohort(n, seed, setting=setting, **options)
        else:
            drawn = sample_virtual(n, seed, setting=setting, study=margins, pool=pool, **options)
            cohort, record = drawn.cohort, margins_record(drawn)
        schema = _schema(cohort)
        write_table(_frame(cohort), run.path / schema.file_name, schema)
        about = {
            "seed": seed,
            "screened": dict(cohort.screened),
            "theta": dict(central_theta(parameters)),
            "setting": setting,
            "margins": record,
        }
        run.write_json(ABOUT_NAME, about)
        run.finish(
            kind="cohort",
            title=f"{n} patients with {SETTING_WORDS[setting]} ESCC",
            seed=seed,
            counts={k: int(v) for k, v in cohort.screened.items()},
            tables=[schema.name],
        )
    return cohort


def read_cohort(directory: Path) -> Cohort:
    """Read a cohort that `sample_to_directory` wrote.

    Raises
    ------
    UserInputError
        If the directory is no complete cohort or a file of it was changed.
    """
    manifest = read_manifest(directory)
    if manifest.kind != "cohort":
        message = (
            f"this is a run of kind {manifest.kind!r}, no cohort. Give a directory that "
            "`cxaxis cohort sample` wrote."
        )
        raise UserInputError([error("COH003", str(directory), message)])
    raise_on_errors(check_tables(directory, manifest))
    frame = read_table(directory / "cohort.parquet")
    screened, theta = _read_about(directory / ABOUT_NAME)
    names = [c for c in frame.columns if c.startswith(_PREFIX)]
    covariates = [c for c in frame.columns if c not in (*names, "subject", "index")]
    return Cohort(
        indices=tuple(int(i) for i in frame["index"]),
        table=ParameterTable(
            tuple(name.removeprefix(_PREFIX) for name in names), frame[names].to_numpy()
        ),
        covariates={c: _plain(frame[c]) for c in covariates},
        screened=screened,
        seed=manifest.seed,
        theta=theta,
    )


@dataclass(frozen=True, kw_only=True)
class StoredMargins:
    """What a cohort directory says of margins.

    Attributes
    ----------
    setting
        Clinical setting of the cohort.
    record
        As of `cxaxis.cohort.virtual.margins_record`; None for patients taken as they came.
    """

    setting: Setting
    record: Mapping[str, Any] | None


def read_margins(directory: Path) -> StoredMargins:
    """Return the margins of a cohort that `sample_to_directory` wrote.

    Raises
    ------
    UserInputError
        If the file is missing or was changed.
    """
    path = directory / ABOUT_NAME
    try:
        about = json.loads(path.read_text("utf-8"))
        setting = about.get("setting", LOCALLY_ADVANCED)
        if setting not in SETTINGS:
            raise ValueError(setting)
        return StoredMargins(setting=setting, record=about.get("margins"))
    except (OSError, ValueError, AttributeError) as err:
        message = "the file is missing or was changed. Sample the cohort again."
        raise UserInputError([error("COH004", str(path), message)]) from err


def _read_about(path: Path) -> tuple[dict[str, int], dict[str, float]]:
    """Return how many were screened, by reason, and the population."""
    try:
        about = json.loads(path.read_text("utf-8"))
        return (
            {str(name): int(count) for name, count in about["screened"].items()},
            {str(name): float(value) for name, value in about["theta"].items()},
        )
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as err:
        message = "the file is missing or was changed. Sample the cohort again."
        raise UserInputError([error("COH004", str(path), message)]) from err


def _plain(column: pd.Series) -> np.ndarray:
    values = column.to_numpy()
    return values.astype(str) if values.dtype.kind in "OUT" else values
