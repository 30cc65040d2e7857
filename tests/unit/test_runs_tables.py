"""Tables keep their units, refuse lossy values and have the same bytes for the same content."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest

from cxaxis.core.errors import ModelValueError, UserInputError
from cxaxis.core.units import is_unit
from cxaxis.runs.tables import (
    Column,
    TableSchema,
    count_rows,
    data_dictionary,
    empty_frame,
    read_schema,
    read_table,
    write_table,
)


def column(name, kind, unit="", *, nullable=False):
    return Column(name=name, type=kind, unit=unit, meaning=f"the {name}", nullable=nullable)


SCHEMA = TableSchema(
    name="visits",
    meaning="One row per visit.",
    columns=(
        column("USUBJID", "string"),
        column("ADY", "float64", "day"),
        column("AVAL", "float64", "nM", nullable=True),
        column("CNSR", "int8"),
        column("GRADE", "int32", nullable=True),
        column("EVENT", "bool"),
        column("NOTE", "string", nullable=True),
    ),
)


def visits():
    return pd.DataFrame(
        {
            "USUBJID": ["VP00001", "VP00002", "Œsophage µ"],
            "ADY": [0.0, 0.1 + 0.2, 1e-300],
            "AVAL": [1.5, np.nan, np.inf],
            "CNSR": np.array([0, 1, 1], dtype=np.int8),
            "GRADE": pd.array([2, None, 4], dtype="Int32"),
            "EVENT": [True, False, False],
            "NOTE": [None, "", "late"],
        }
    )


def test_values_types_and_missing_values_survive_a_round_trip(tmp_path):
    path = tmp_path / "visits.parquet"
    write_table(visits(), path, SCHEMA)
    back = read_table(path, SCHEMA)
    pd.testing.assert_frame_equal(back, visits(), check_exact=True)


def test_units_and_meanings_survive_a_round_trip(tmp_path):
    path = tmp_path / "visits.parquet"
    write_table(visits(), path, SCHEMA)
    assert read_schema(path) == SCHEMA
    assert read_schema(path).units["AVAL"] == "nM"
    # Any Parquet reader finds the unit, without this package.
    assert pq.read_schema(path).field("ADY").metadata[b"unit"] == b"day"
    assert pq.read_schema(path).field("USUBJID").metadata[b"unit"] == b""


def test_the_file_holds_no_trace_of_the_frame_it_came_from(tmp_path):
    frame = visits()
    write_table(frame, tmp_path / "a", SCHEMA)
    shuffled = frame[list(reversed(frame.columns))].set_index(pd.Index([7, 8, 9]))
    shuffled["USUBJID"] = shuffled["USUBJID"].astype("category")
    shuffled["CNSR"] = shuffled["CNSR"].astype("int64")
    shuffled["AVAL"] = shuffled["AVAL"].astype("Float64")
    shuffled["NOTE"] = pd.array([None, "", "late"], dtype="string")
    write_table(shuffled, tmp_path / "b", SCHEMA)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()
    assert b"pandas" not in (tmp_path / "a").read_bytes()


def test_bytes_do_not_depend_on_how_the_rows_were_put_together(tmp_path):
    whole = pd.concat([visits()] * 4, ignore_index=True)
    parts = pd.concat([whole.iloc[:5], whole.iloc[5:]])
    write_table(whole, tmp_path / "a", SCHEMA)
    write_table(parts, tmp_path / "b", SCHEMA)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()
    write_table(whole.iloc[::-1], tmp_path / "b", SCHEMA)
    assert (tmp_path / "a").read_bytes() != (tmp_path / "b").read_bytes()


def test_a_table_without_rows_keeps_its_columns(tmp_path):
    path = tmp_path / "visits.parquet"
    write_table(empty_frame(SCHEMA), path, SCHEMA)
    back = read_table(path, SCHEMA)
    assert count_rows(path) == 0
    assert list(back.columns) == list(SCHEMA.column_names)
    assert [str(kind) for kind in back.dtypes] == [str(kind) for kind in visits().dtypes]


@pytest.mark.parametrize(
    ("name", "values", "words"),
    [
        ("CNSR", [0, 1, 300], "does not fit int8"),
        ("CNSR", [0, 0.5, 1], "does not fit int8"),
        ("CNSR", np.array([0, 0.5, 1], dtype=object), "does not fit int8"),
        ("CNSR", [True, False, True], "expected int8"),
        ("CNSR", [0, None, 1], "1 of 3 values of 'CNSR' are missing"),
        ("ADY", ["1", "2", "3"], "expected float64"),
        ("ADY", [0.0, 1.0, np.nan], "1 of 3 values of 'ADY' are missing"),
        ("EVENT", [0, 1, 1], "expected bool"),
        ("USUBJID", [1, 2, 3], "expected string"),
        ("USUBJID", ["a", 2, "c"], "does not fit string"),
    ],
)
def test_a_value_that_would_change_is_refused_and_no_file_appears(tmp_path, name, values, words):
    frame = visits()
    frame[name] = values
    with pytest.raises(ModelValueError, match=words):
        write_table(frame, tmp_path / "visits.parquet", SCHEMA)
    assert list(tmp_path.iterdir()) == []


def test_columns_must_be_exactly_those_of_the_schema(tmp_path):
    frame = visits().drop(columns="ADY").assign(EXTRA=1)
    with pytest.raises(ModelValueError, match=r"missing columns \['ADY'\].*\['EXTRA'\]"):
        write_table(frame, tmp_path / "visits.parquet", SCHEMA)


def test_a_reader_that_expects_another_unit_is_told(tmp_path):
    path = tmp_path / "visits.parquet"
    write_table(visits(), path, SCHEMA)
    other = TableSchema(
        name="visits",
        meaning="One row per visit.",
        columns=(*SCHEMA.columns[:2], column("AVAL", "float64", "uM"), column("X", "bool")),
    )
    with pytest.raises(UserInputError) as caught:
        read_table(path, other)
    text = str(caught.value)
    assert "'AVAL' is float64 [nM], expected float64 [uM]" in text
    assert "'X' is missing" in text
    assert "'EVENT' is unknown" in text


def test_absent_broken_and_foreign_files_are_told_apart(tmp_path):
    with pytest.raises(UserInputError, match="does not exist"):
        read_table(tmp_path / "none.parquet")
    (tmp_path / "broken.parquet").write_bytes(b"PAR1 but no more")
    with pytest.raises(UserInputError, match="cannot be read"):
        read_table(tmp_path / "broken.parquet")
    visits().to_parquet(tmp_path / "foreign.parquet")
    with pytest.raises(UserInputError, match="not written by cxaxis"):
        read_table(tmp_path / "foreign.parquet")


def test_a_folder_name_with_an_equals_sign_is_not_a_column(tmp_path):
    folder = tmp_path / "seed=7"
    folder.mkdir()
    write_table(visits(), folder / "visits.parquet", SCHEMA)
    assert "seed" not in read_table(folder / "visits.parquet").columns


def test_the_data_dictionary_names_every_column_with_unit_and_meaning():
    book = json.loads(json.dumps(data_dictionary([SCHEMA])))
    columns = book["tables"]["visits"]["columns"]
    assert [entry["name"] for entry in columns] == list(SCHEMA.column_names)
    assert columns[2] == {
        "name": "AVAL",
        "type": "float64",
        "unit": "nM",
        "meaning": "the AVAL",
        "nullable": True,
    }
    assert all(is_unit(entry["unit"]) for entry in columns if entry["unit"])
    with pytest.raises(ModelValueError, match="two tables"):
        data_dictionary([SCHEMA, SCHEMA])


def test_schemas_that_make_no_sense_are_refused():
    with pytest.raises(ModelValueError, match="no name twice"):
        TableSchema(name="t", meaning="m", columns=(column("A", "bool"), column("A", "bool")))
    with pytest.raises(ModelValueError, match="at least one column"):
        TableSchema(name="t", meaning="m", columns=())
    with pytest.raises(ModelValueError, match="Known: string"):
        column("A", "float16")
    with pytest.raises(ModelValueError, match="cannot have the unit"):
        column("A", "string", "day")
