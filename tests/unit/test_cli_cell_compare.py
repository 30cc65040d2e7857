"""``cxaxis cell compare`` and ``cell assay --data``: what is printed, written and refused."""

import csv
from importlib import resources

import pytest

from cli_support import command_of
from cxaxis.cell.measurements import read_measurements
from cxaxis.models.wiring import Wiring

EXAMPLES = sorted(
    item.name.removesuffix(".csv")
    for item in (resources.files("cxaxis") / "examples" / "cell").iterdir()
)
ONE_RIVAL = ("--wiring", "stat3_through_src=on")
DATA = """readout,value,unit,time_min,cxcl12_nM,condition,sd
pSTAT3,30,au,0,100,,6
pSTAT3,190,au,5,100,,6
pSTAT3,130,au,10,100,,6
pSTAT3,185,au,5,100,pertussis_toxin,6
pSTAT3,136,au,10,100,pertussis_toxin,6
"""


@pytest.fixture
def cxaxis(monkeypatch, capsys, tmp_path):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "160")
    (tmp_path / "my.csv").write_text(DATA)
    return command_of(monkeypatch, capsys)


def table(path):
    with path.open(newline="") as lines:
        return list(csv.DictReader(lines))


def test_the_wirings_are_printed_with_likelihoods_and_how_they_were_made(cxaxis):
    answer = cxaxis("cell", "compare", "--data", "my.csv", *ONE_RIVAL)
    assert (answer.code, answer.err) == (0, "")
    lines = {line.split()[0]: line for line in answer.out.splitlines() if line.split()}
    assert "best" in lines["default"]
    assert "less likely than the best" in lines["stat3_through_src=on"]
    assert "factor fitted" in answer.out
    assert "sd as given" in answer.out


def test_with_a_directory_tables_and_figure_are_written_and_never_overwritten(cxaxis, tmp_path):
    asked = ("cell", "compare", "--data", "my.csv", *ONE_RIVAL, "-o", "out")
    assert cxaxis(*asked).code == 0
    out = tmp_path / "out"
    names = {path.name for path in out.iterdir()}
    ends = ("residuals.csv", "wirings.csv", "curves.csv", "data.png", "data.svg")
    assert names == {f"my_{end}" for end in ends}
    points = table(out / "my_residuals.csv")
    assert len(points) == 2 * 5
    for row in points:
        residual = float(row["measured"]) - float(row["predicted"])
        assert float(row["residual"]) == pytest.approx(residual)
        assert float(row["residual_sd"]) == pytest.approx(residual / 6)
    assert table(out / "my_wirings.csv")[0]["wiring"] == "default"
    again = cxaxis(*asked)
    assert again.code == 2
    assert again.err.count("is not overwritten") == 5


def test_an_assay_takes_measurements_beside_it(cxaxis, tmp_path, monkeypatch):
    two = (Wiring(), Wiring(stat3_through_src="on"))
    monkeypatch.setattr("cxaxis.cell.likelihood.one_at_a_time", lambda: iter(two))
    answer = cxaxis(
        *("cell", "assay", "phospho", "--readout", "pSTAT3", "--times-s", "0,300,600"),
        *("--data", "my.csv", "-o", "out"),
    )
    assert answer.code == 0
    assert "less likely than the best" in answer.out
    assert (tmp_path / "out" / "phospho_cxcr4_only_data.png").stat().st_size > 10_000


def test_everything_wrong_with_options_and_file_is_said_at_once(cxaxis, tmp_path):
    (tmp_path / "bad.csv").write_text(DATA.replace("190,au", "190,kg").replace("130", "high"))
    answer = cxaxis(
        *("cell", "compare", "--data", "bad.csv", "--context", "cxr4_only", "--assay", "phosfo"),
        *("--wiring", "stat3=on", "--wiring", "niche_release=on", "--draws", "-1", "-o", "my.csv"),
    )
    assert (answer.code, answer.out) == (2, "")
    told = ("cxcr4_only", "phospho", "bad.csv:3", "bad.csv:4", "no wiring 'stat3'", "the patient")
    for words in (*told, "--draws", "this is a file"):
        assert words in answer.err
    assert "Traceback" not in answer.err


def test_a_missing_file_is_one_message(cxaxis):
    answer = cxaxis("cell", "compare", "--data", "mine.csv")
    assert answer.code == 2
    assert answer.err.count("\n") == 1
    assert "Beside it: my.csv" in answer.err


@pytest.mark.parametrize("name", EXAMPLES)
def test_every_example_is_sound_and_says_that_it_is_invented(name):
    path = resources.files("cxaxis") / "examples" / "cell" / f"{name}.csv"
    data = read_measurements(path)
    assert len(data.rows) >= 10
    assert all(row.source.startswith("synthetic") for row in data.rows)
    assert path.read_text().startswith("# Not measured")


def test_an_example_is_found_by_its_bare_name(cxaxis):
    answer = cxaxis("cell", "compare", "--data", "camp_doses", *ONE_RIVAL)
    assert answer.code == 0
    assert "separated by semicolons" in answer.out
    assert "not seen by these readings" in answer.out
