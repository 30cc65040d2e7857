"""Studies beside a trial from the command line: tables on the screen and in a folder."""

from __future__ import annotations

import pytest

from cli_support import command_of
from synthetic_run import write_run


@pytest.fixture
def cxaxis(monkeypatch, capsys, tmp_path):
    monkeypatch.chdir(tmp_path)
    return command_of(monkeypatch, capsys)


def test_histology_prints_and_writes_its_tables(cxaxis, tmp_path):
    answer = cxaxis("trial", "histology", "-o", tmp_path / "out")
    assert answer.code == 0
    assert "squamous cell carcinoma alone" in answer.out
    assert {path.name for path in (tmp_path / "out" / "tables").glob("*.csv")} == {
        "histology_mix.csv",
        "histology_expression.csv",
        "histology_ratios.csv",
    }
    assert (tmp_path / "out" / "data_dictionary.csv").exists()
    again = cxaxis("trial", "histology", "-o", tmp_path / "out")
    assert (again.code, "REPT007" in again.err) == (2, True)


def test_screening_of_few_people_and_prognosis_of_nothing_are_refused(cxaxis):
    few = cxaxis("trial", "screening", "--n", 3)
    assert (few.code, "STUD001" in few.err) == (2, True)
    nobody = cxaxis("trial", "prognosis", "--n", 0)
    assert (nobody.code, "error" in nobody.err) == (2, True)
    absent = cxaxis("trial", "prognosis", "nosuch")
    assert (absent.code, "nosuch  error" in absent.err) == (2, True)


def test_prognosis_of_a_run_is_that_of_its_control_arm(cxaxis, tmp_path):
    run = write_run(tmp_path / "run", n_per_arm=20)
    answer = cxaxis("trial", "prognosis", run)
    # The made-up run holds no stain.
    assert (answer.code, "no C-index" in answer.out) == (0, True)


def test_a_report_goes_into_a_new_folder(cxaxis, tmp_path):
    run = write_run(tmp_path / "run", n_per_arm=20)
    answer = cxaxis("trial", "report", run, "-o", tmp_path / "report")
    assert answer.code == 0
    assert (tmp_path / "report" / "report.html").exists()
    again = cxaxis("trial", "report", run, "-o", tmp_path / "report")
    assert (again.code, "not overwritten" in again.err) == (2, True)
