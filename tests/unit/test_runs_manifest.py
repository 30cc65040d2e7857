"""A manifest is read back as written, or refused with the reason."""

from __future__ import annotations

import json

import pandas as pd
import pytest
from tests.runs_support import schemas

from cxaxis.core.errors import ModelValueError, UserInputError
from cxaxis.runs.manifest import (
    Manifest,
    TableRecord,
    check_tables,
    is_manifest,
    read_manifest,
    run_key,
    table_records,
    write_manifest,
)
from cxaxis.runs.tables import write_table

PARTS = {"seed": 3, "wiring": {"egress": "shared"}}


def manifest(**changes):
    fields = {
        "kind": "trial",
        "title": "Chemoradiotherapy, with and without",
        "seed": 3,
        "run_key": run_key(PARTS),
        "key_parts": PARTS,
        "counts": {"completed": 400},
        "tables": {"adsl": TableRecord(rows=400, sha256="0" * 64)},
    }
    return Manifest(**{**fields, **changes})


def test_a_manifest_is_read_back_as_written(tmp_path):
    path = write_manifest(tmp_path, manifest())
    assert read_manifest(tmp_path) == manifest()
    assert is_manifest(path)
    assert json.loads(path.read_text())["complete"] is True


def test_counts_in_another_order_give_the_same_bytes(tmp_path):
    first = write_manifest(tmp_path, manifest(counts={"a": 1, "b": 2})).read_bytes()
    assert write_manifest(tmp_path, manifest(counts={"b": 2, "a": 1})).read_bytes() == first


def test_the_run_key_depends_on_content_not_on_order():
    assert run_key({"a": 1, "b": {"c": 2, "d": 3}}) == run_key({"b": {"d": 3, "c": 2}, "a": 1})
    assert run_key({"a": 1}) != run_key({"a": "1"})


def test_a_key_that_is_not_the_hash_of_its_parts_is_refused():
    with pytest.raises(ModelValueError, match="run_key"):
        manifest(run_key="0" * 64)


def test_a_directory_without_a_manifest_is_not_a_complete_run(tmp_path):
    with pytest.raises(UserInputError, match="not a complete run"):
        read_manifest(tmp_path)


@pytest.mark.parametrize(
    ("edit", "words"),
    [
        (lambda text: text[:-20], "cannot be read"),
        (lambda text: "[]", "schema_version is None"),
        (lambda text: text.replace('"schema_version": 1', '"schema_version": 9'), "is 9"),
        (lambda text: text.replace('"seed": 3', '"seed": 4'), "run_key"),
        (lambda text: text.replace('"rows": 400', '"rows": "many"'), "'rows' should be int"),
        (lambda text: text.replace('"completed": 400', '"completed": true'), "'completed'"),
        (lambda text: text.replace('"counts"', '"count"'), "'counts' should be dict"),
    ],
)
def test_an_edited_manifest_is_refused_with_the_reason(tmp_path, edit, words):
    path = write_manifest(tmp_path, manifest())
    path.write_text(edit(path.read_text()))
    with pytest.raises(UserInputError, match=words):
        read_manifest(tmp_path)


def test_a_table_changed_or_lost_after_the_run_is_found(tmp_path):
    _, flags = schemas()
    for name in ("flags", "more"):
        frame = pd.DataFrame({"ITEM": ["a", "b"], "FLAG": [0, 1]})
        write_table(frame, tmp_path / f"{name}.parquet", flags)
    record = manifest(tables=table_records(tmp_path, ["more", "flags"]))
    assert record.tables["flags"].rows == 2
    assert check_tables(tmp_path, record) == []
    write_table(pd.DataFrame({"ITEM": ["a"], "FLAG": [1]}), tmp_path / "flags.parquet", flags)
    (tmp_path / "more.parquet").unlink()
    assert [finding.message.split(".")[0] for finding in check_tables(tmp_path, record)] == [
        "the table was changed after the run",
        "the table is missing",
    ]
