"""Expectations and what claims wait for: strict tables."""

import pytest

from cxaxis.core.errors import UserInputError
from cxaxis.knowledge.expectations import (
    EXPECTATION_COLUMNS,
    load_expectations,
    read_expectations,
)
from cxaxis.knowledge.waits import WAIT_COLUMNS, load_waits, read_waits

ROW = {
    "id": "cd34_peak_time",
    "kind": "simulation",
    "grade": "quantitative",
    "quantity": "time of the peak",
    "low": "6",
    "high": "9",
    "unit": "hour",
    "source": "DRG016",
    "path": "plerixafor_central > cd34_blood",
    "note": "",
}


def read(file, **changes):
    row = ROW | changes
    text = "\t".join(EXPECTATION_COLUMNS) + "\n"
    text += "\t".join(row[column] for column in EXPECTATION_COLUMNS) + "\n"
    file.write_text(text, encoding="utf-8")
    return read_expectations(file, evidence={"DRG016": None}, references={"peled_2014": None})


def test_a_good_row_is_read(tmp_path):
    rows, findings = read(tmp_path / "e.tsv")
    assert findings == ()
    assert (rows["cd34_peak_time"].low, rows["cd34_peak_time"].high) == (6.0, 9.0)
    assert rows["cd34_peak_time"].path == ("plerixafor_central", "cd34_blood")


@pytest.mark.parametrize(
    ("changes", "code", "told"),
    [
        ({"id": "CD34 peak"}, "EXPE001", "'CD34 peak'"),
        ({"kind": "simulated"}, "EXPE002", "Did you mean simulation"),
        ({"grade": ""}, "EXPE003", "grade is empty"),
        ({"path": ""}, "EXPE003", "path is empty"),
        ({"quantity": ""}, "EXPE004", "quantity is empty"),
        ({"low": "10"}, "EXPE005", "Give the lower end first"),
        ({"low": "", "high": ""}, "EXPE005", "must be able to fail"),
        ({"low": "six"}, "EXPE005", "'six'"),
        ({"source": ""}, "EXPE006", "source is empty"),
        ({"source": "DRG999"}, "EXPE006", "DRG999"),
        ({"unit": "houurs"}, "EXPE007", "'houurs'"),
    ],
)
def test_each_fault_is_one_finding_with_place_value_and_cure(tmp_path, changes, code, told):
    path = tmp_path / "e.tsv"
    rows, (finding,) = read(path, **changes)
    assert (finding.code, finding.where) == (code, f"{path}:2")
    assert told in finding.message
    assert rows == {}


@pytest.mark.parametrize(
    ("line", "code"),
    [
        ("C999\tcell\tsomething", "WAIT001"),
        ("C001\tcells\tsomething", "WAIT002"),
        ("C001\tcell\t", "WAIT003"),
    ],
)
def test_a_bad_wait_is_one_finding(tmp_path, line, code):
    path = tmp_path / "w.tsv"
    path.write_text("\t".join(WAIT_COLUMNS) + f"\n{line}\n", encoding="utf-8")
    waits, (finding,) = read_waits(path, claims={"C001"})
    assert (finding.code, finding.where) == (code, f"{path}:2")
    assert waits == {}


def test_shipped_tables_are_sound():
    assert load_expectations()
    assert load_waits()


@pytest.mark.parametrize("load", [load_expectations, load_waits])
def test_a_missing_table_is_told(tmp_path, load):
    with pytest.raises(UserInputError, match="cannot be read"):
        load(tmp_path / "none.tsv")
