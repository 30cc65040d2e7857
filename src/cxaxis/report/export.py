"""A report in a folder of its own: the page, every table as Parquet and CSV, a dictionary."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from cxaxis.core.errors import UserInputError, error
from cxaxis.report.page import PAGE_NAME, render
from cxaxis.report.run_results import results_of
from cxaxis.report.source import read_trial_run
from cxaxis.runs.files import write_json_durably, write_text_durably
from cxaxis.runs.tables import (
    TableSchema,
    data_dictionary,
    read_schema,
    read_table,
    write_table,
)
from cxaxis.trial.result_schemas import RESULT_SCHEMAS

if TYPE_CHECKING:
    import pandas as pd

DICTIONARY_NAME = "data_dictionary"
TABLE_FOLDER = "tables"
_DICTIONARY_COLUMNS = ("table", "table_meaning", "column", "type", "unit", "nullable", "meaning")


def export_report(source: Path, folder: Path) -> Path:
    """Write the report of a run into a new folder.

    ``report.html``, every table of the run and of the results as ``tables/<name>.parquet`` and
    ``tables/<name>.csv``, and ``data_dictionary.json`` and ``.csv`` with every column, its unit
    and its meaning. Of the same run, the same bytes.

    Parameters
    ----------
    source
        Directory of a complete trial run.
    folder
        Absent or empty; nothing is ever overwritten.

    Returns
    -------
    Path of the page.

    Raises
    ------
    UserInputError
        With every finding of the run directory, or if the folder holds something or cannot be
        written. Nothing is written then.
    """
    check_new_folder(folder)
    run = read_trial_run(source)
    results = results_of(run)
    schemas = {name: read_schema(source / f"{name}.parquet") for name in run.manifest.tables}
    frames = {
        name: run.tables[name] if name in run.tables else read_table(source / f"{name}.parquet")
        for name in schemas
    }
    schemas |= {schema.name: schema for schema in RESULT_SCHEMAS}
    frames |= dict(results.tables)
    page = render(run, results)
    write_tables(folder, frames, schemas)
    try:
        # Last, so that a folder with a page has every table.
        write_text_durably(folder / PAGE_NAME, page)
    except OSError as err:
        message = f"the report cannot be written ({err.strerror}). Give another folder with -o."
        raise UserInputError([error("REPT006", str(folder), message)]) from err
    return folder / PAGE_NAME


def write_tables(
    folder: Path, frames: Mapping[str, pd.DataFrame], schemas: Mapping[str, TableSchema]
) -> None:
    """Write tables as Parquet and CSV, with a data dictionary, into a folder.

    Parameters
    ----------
    folder
        Made if absent.
    frames, schemas
        By name of the table.

    Raises
    ------
    UserInputError
        If the folder cannot be written.
    """
    try:
        tables = folder / TABLE_FOLDER
        tables.mkdir(parents=True, exist_ok=True)
        for name, schema in schemas.items():
            write_table(frames[name], tables / schema.file_name, schema)
            write_text_durably(tables / f"{name}.csv", csv_text(frames[name], schema))
        write_json_durably(folder / f"{DICTIONARY_NAME}.json", data_dictionary(schemas.values()))
        write_text_durably(folder / f"{DICTIONARY_NAME}.csv", _dictionary_text(schemas.values()))
    except OSError as err:
        message = f"the tables cannot be written ({err.strerror}). Give another folder with -o."
        raise UserInputError([error("REPT006", str(folder), message)]) from err


def check_new_folder(folder: Path) -> None:
    """Raise `UserInputError` unless a folder is absent or empty."""
    if not folder.exists():
        return
    if not folder.is_dir():
        message = "this is a file. Give a folder that is absent or empty."
    elif any(folder.iterdir()):
        message = "the folder holds something, and is not overwritten. Give a new one with -o."
    else:
        return
    raise UserInputError([error("REPT007", str(folder), message)])


def csv_text(frame: pd.DataFrame, schema: TableSchema) -> str:
    """Return a table as CSV: columns in file order, numbers in full, nothing for a missing value.

    The first line has the names of the columns; their units stand in the data dictionary.
    """
    text: str = frame[list(schema.column_names)].to_csv(index=False, lineterminator="\n")
    return text


def _dictionary_text(schemas: Iterable[TableSchema]) -> str:
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(_DICTIONARY_COLUMNS)
    for schema in schemas:
        for column in schema.columns:
            writer.writerow(
                [
                    *(schema.name, schema.meaning, column.name, column.type, column.unit),
                    *(str(column.nullable).lower(), column.meaning),
                ]
            )
    return out.getvalue()
