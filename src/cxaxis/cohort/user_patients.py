"""A user's own patients: read through a column map, checked as a whole, kept in a directory."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

import numpy as np

from cxaxis.cell.laboratory_csv import TextRow, TextTable, column_name, is_missing, number
from cxaxis.cohort.user_columns import USER_COLUMNS, UserColumn
from cxaxis.cohort.user_map import ColumnMap, read_cells, read_map
from cxaxis.core.errors import Finding, UserInputError, error, raise_on_errors
from cxaxis.core.hashing import sha256_of
from cxaxis.core.ids import did_you_mean
from cxaxis.runs.directory import open_run
from cxaxis.runs.manifest import check_tables, read_manifest
from cxaxis.runs.tables import Column, TableSchema, read_table, write_table

if TYPE_CHECKING:
    import pandas as pd

KIND: Final = "own_patients"
TABLE: Final = "patients"


@dataclass(frozen=True, kw_only=True)
class OwnPatients:
    """A user's patients.

    Attributes
    ----------
    subjects
        Labels, each once.
    covariates
        By name, shape ``(n_patient,)``: numbers with NaN, categories with an empty text where
        nothing is known.
    notes
        How the file was read where that is not a matter of course.
    """

    subjects: tuple[str, ...]
    covariates: Mapping[str, np.ndarray]
    notes: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.subjects)

    def missing(self) -> dict[str, int]:
        """Return how many patients lack each covariate."""
        return {name: int((~known(values)).sum()) for name, values in self.covariates.items()}


def known(values: np.ndarray) -> np.ndarray:
    """Return where a covariate is known, shape ``(n_patient,)``."""
    if values.dtype.kind == "f":
        return np.asarray(np.isfinite(values))
    return np.asarray(values != "")


def read_own_patients(path: Path, chosen: ColumnMap) -> OwnPatients:
    """Read a CSV file through a map.

    Raises
    ------
    UserInputError
        With every finding on every line at once: columns that are not there, numbers that are
        none or lie outside their range, words that are no category, patients named twice.
    """
    named = {covariate: column_name(item.column) for covariate, item in chosen.columns.items()}
    numeric = tuple(
        column for covariate, column in named.items() if not USER_COLUMNS[covariate].categories
    )
    table, findings = read_cells(path, numeric=numeric)
    found = [*findings, *_column_findings(table, chosen, named)]
    present = {c: column for c, column in named.items() if column in table.columns}
    covariates: dict[str, np.ndarray] = {}
    for covariate, column in present.items():
        item = USER_COLUMNS[covariate]
        cells: list[float | str] = []
        for row in table.rows:
            value = _cell(row, column, item, chosen)
            if isinstance(value, Finding):
                found.append(value)
                value = "" if item.categories else np.nan
            cells.append(value)
        covariates[covariate] = np.array(cells, dtype=str if item.categories else float)
    subjects, repeated = _subjects(table, chosen)
    raise_on_errors([*found, *repeated])
    return OwnPatients(subjects=subjects, covariates=covariates, notes=table.notes)


def _cell(row: TextRow, column: str, item: UserColumn, chosen: ColumnMap) -> float | str | Finding:
    text = row.get(column)
    # A lone sign is how a stain is written, and how a gap is.
    sign = item.categories and text in ("+", "-")
    if not sign and is_missing(text):
        return "" if item.categories else np.nan
    mapped = chosen.columns[item.covariate]
    if item.categories:
        for category, words in item.categories.items():
            own = (word.lower() for word in mapped.words.get(category, ()))
            if text.lower() in (*own, *words):
                return category
        message = (
            f"{column} is {text!r}, which is none of {', '.join(item.categories)}. Add the word "
            f"to columns.{item.covariate}.words of the map, or leave the cell empty."
        )
        return error("OWN005", row.where, message)
    value = number(text)
    if value is None:
        message = f"{column} is {text!r}, no number. Write digits, or leave the cell empty."
        return error("OWN005", row.where, message)
    scaled = value * mapped.factor
    if not item.low <= scaled <= item.high:
        message = (
            f"{column} is {scaled:g} {item.unit}, outside {item.low:g} to {item.high:g}. Check the "
            f"cell, or give columns.{item.covariate} the factor that turns it into {item.unit}."
        )
        return error("OWN006", row.where, message)
    return scaled


def _column_findings(
    table: TextTable, chosen: ColumnMap, named: Mapping[str, str]
) -> Iterator[Finding]:
    columns = [*named.values()]
    if chosen.subject is not None:
        columns.append(column_name(chosen.subject))
    for column in columns:
        if column not in table.columns:
            hint = did_you_mean(column, [name for name in table.columns if name])
            message = f"has no column {column!r}, which the map names. {hint}"
            yield error("OWN004", table.header_where, message)


def _subjects(table: TextTable, chosen: ColumnMap) -> tuple[tuple[str, ...], list[Finding]]:
    if chosen.subject is None:
        return tuple(f"row {k + 1}" for k in range(len(table.rows))), []
    column, findings = column_name(chosen.subject), []
    seen: dict[str, str] = {}
    for row in table.rows:
        name = row.get(column)
        if not name:
            message = f"{column} is empty. Name the patient, or drop subject from the map."
            findings.append(error("OWN007", row.where, message))
        elif name in seen:
            message = f"patient {name!r} stands at {seen[name]} already. Keep one line a patient."
            findings.append(error("OWN007", row.where, message))
        seen.setdefault(name, row.where)
    return tuple(row.get(column) for row in table.rows), findings


def _schema(covariates: Mapping[str, np.ndarray]) -> TableSchema:
    columns = [Column(name="subject", type="string", unit="", meaning="Patient, as in the file")]
    for name in covariates:
        item = USER_COLUMNS[name]
        columns.append(
            Column(
                name=name,
                type="string" if item.categories else "float64",
                unit=item.unit,
                meaning="As in the user's file, after the map",
                nullable=True,
            )
        )
    return TableSchema(name=TABLE, meaning="A user's own patients", columns=tuple(columns))


def import_to_directory(path: Path, map_path: Path, out: Path) -> OwnPatients:
    """Read a CSV file through a map file and keep its patients in a run directory.

    Raises
    ------
    UserInputError
        If the map or the file cannot be used, or the directory is not free.
    """
    import pandas as pd

    chosen = read_map(map_path)
    patients = read_own_patients(path, chosen)
    content = {
        name: ["" if v != v else str(v) for v in values.tolist()]
        for name, values in patients.covariates.items()
    }
    key = {"kind": KIND, "content_sha256": sha256_of([list(patients.subjects), content])}
    with open_run(out, key) as run:
        schema = _schema(patients.covariates)
        frame = pd.DataFrame({"subject": patients.subjects})
        for name, values in patients.covariates.items():
            told = [
                value if here else None for value, here in zip(values, known(values), strict=True)
            ]
            frame[name] = pd.Series(told, dtype=float if values.dtype.kind == "f" else object)
        write_table(frame, run.path / schema.file_name, schema)
        missing = {f"missing_{name}": count for name, count in patients.missing().items()}
        run.finish(
            kind=KIND,
            title=f"{len(patients)} patients of {path.name}",
            seed=0,
            counts={"patients": len(patients), **missing},
            tables=[schema.name],
        )
    return patients


def read_imported(directory: Path) -> OwnPatients:
    """Read patients that `import_to_directory` kept.

    Raises
    ------
    UserInputError
        If the directory holds no such patients or a file of it was changed.
    """
    manifest = read_manifest(directory)
    if manifest.kind != KIND:
        message = (
            f"this is a run of kind {manifest.kind!r}, no patients of yours. Give a directory that "
            "`cxaxis cohort import` wrote."
        )
        raise UserInputError([error("OWN008", str(directory), message)])
    raise_on_errors(check_tables(directory, manifest))
    frame: pd.DataFrame = read_table(directory / f"{TABLE}.parquet")
    covariates = {
        name: np.asarray(
            frame[name].fillna("").astype(str)
            if USER_COLUMNS[name].categories
            else frame[name].astype(float)
        )
        for name in frame.columns
        if name != "subject"
    }
    covariates = {
        name: values.astype(str) if USER_COLUMNS[name].categories else values
        for name, values in covariates.items()
    }
    return OwnPatients(subjects=tuple(frame["subject"].astype(str)), covariates=covariates)
