"""A report in a folder: every table twice, a dictionary of every column, nothing overwritten."""

from __future__ import annotations

import csv
import json

import pandas as pd
import pytest

from cxaxis.core.errors import UserInputError
from cxaxis.report.export import export_report
from cxaxis.report.page import report
from cxaxis.runs.tables import read_table
from cxaxis.trial.result_schemas import RESULT_SCHEMAS
from synthetic_run import write_run


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    return write_run(tmp_path_factory.mktemp("runs") / "run", n_per_arm=20)


@pytest.fixture(scope="module")
def folder(source, tmp_path_factory):
    made = tmp_path_factory.mktemp("reports") / "report"
    export_report(source, made)
    return made


def test_the_page_is_that_of_the_run_directory(source, folder, tmp_path):
    page = report(source, tmp_path / "page.html")
    assert (folder / "report.html").read_bytes() == page.read_bytes()


def test_every_table_is_there_twice_and_says_the_same(source, folder):
    names = {path.stem for path in (folder / "tables").glob("*.parquet")}
    assert names == {path.stem for path in (folder / "tables").glob("*.csv")}
    assert names >= {path.stem for path in source.glob("*.parquet")}
    assert names >= {schema.name for schema in RESULT_SCHEMAS}
    for name in names:
        table = read_table(folder / "tables" / f"{name}.parquet")
        text = pd.read_csv(folder / "tables" / f"{name}.csv", float_precision="round_trip")
        assert list(text.columns) == list(table.columns)
        assert len(text) == len(table)
        for column in table.select_dtypes("float64"):
            pd.testing.assert_series_equal(
                text[column].astype(float), table[column], check_exact=True
            )


def test_the_dictionary_has_every_column_with_its_meaning(folder):
    told = json.loads((folder / "data_dictionary.json").read_text())["tables"]
    with (folder / "data_dictionary.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    for path in (folder / "tables").glob("*.csv"):
        columns = path.read_text(encoding="utf-8").split("\n", 1)[0].split(",")
        assert [column["name"] for column in told[path.stem]["columns"]] == columns
        assert [row["column"] for row in rows if row["table"] == path.stem] == columns
    meant = [row for row in rows if row["table"] in {schema.name for schema in RESULT_SCHEMAS}]
    assert all(row["meaning"] for row in meant)


def test_the_same_run_gives_the_same_bytes(source, folder, tmp_path):
    export_report(source, tmp_path / "again")
    for path in folder.rglob("*"):
        if path.is_file():
            assert (tmp_path / "again" / path.relative_to(folder)).read_bytes() == path.read_bytes()


def test_nothing_is_overwritten(source, folder, tmp_path):
    before = (folder / "report.html").read_bytes()
    with pytest.raises(UserInputError, match="REPT007"):
        export_report(source, folder)
    assert (folder / "report.html").read_bytes() == before
    file = tmp_path / "file.html"
    file.write_text("mine")
    with pytest.raises(UserInputError, match="this is a file"):
        export_report(source, file)
    assert file.read_text() == "mine"


def test_an_empty_folder_may_be_filled(source, tmp_path):
    assert export_report(source, tmp_path) == tmp_path / "report.html"
