"""``cxaxis drug compare``: what it refuses, what it prints and what it writes."""

import numpy as np
import pandas as pd
import pytest

from cli_support import command_of, snapshot
from cxaxis.cli.drug_compare import number
from cxaxis.cli.drug_request import AROUND, FILES, checked_request, parsed_grid
from cxaxis.core.errors import UserInputError
from cxaxis.knowledge.drugs import load_drugs
from cxaxis.models.agents import slot_of
from cxaxis.patient.compare import COMPARED_SLOTS
from cxaxis.patient.drug_readings import READINGS, SERIES


@pytest.fixture
def cxaxis(monkeypatch, capsys, tmp_path):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "160")
    return command_of(monkeypatch, capsys)


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["plerixafr"], ["CMP001", "Did you mean plerixafor"]),
        (["nox-a21"], ["CMP001", "nox-a12"]),
        (["cisplatin"], ["CMP002", "binds neither CXCR4 nor CXCL12"]),
        (["filgrastim"], ["CMP002", "--with filgrastim"]),
        (["plerixafor", "AMD3100"], ["CMP003", "twice"]),
        (["plerixafor", "--regimen", "plerixafor=label"], ["CMP004", "label_240_ug_kg_daily"]),
        (["plerixafor", "--regimen", "motixafortide=label_1_25_mg_kg"], ["CMP004", "plerixafor"]),
        (["plerixafor", "--regimen", "weekly"], ["CMP004", "DRUG=NAME"]),
        (["plerixafor", "--dose-grid", "80,x,-3"], ["CMP005", "'x', '-3'"]),
        (["plerixafor", "--dose-grid", "80,,240"], ["CMP005", "'nothing'"]),
        (["plerixafor", "--dose-grid", "1,inf"], ["CMP005", "'inf'"]),
        (["plerixafor", "motixafortide", "--dose-grid", "80,160"], ["CMP006", "mg/kg"]),
        (["plerixafor", "--with", "cisplatin"], ["CMP007", "filgrastim"]),
        (["plerixafor", "--days", "0"], ["CMP008", "--days"]),
        (["plerixafor", "--draws", "-1", "--patients", "9999"], ["--draws", "--patients"]),
        (["plerixafor", "--seed", "-1"], ["CMP008", "--seed"]),
        (["plerixafor", "--draws", "two"], ["'two' is no whole number"]),
        ([], ["DRUG"]),
    ],
)
def test_a_wrong_request_is_told_at_once_and_nothing_is_written(cxaxis, tmp_path, words, told):
    answer = cxaxis("drug", "compare", *words, "-o", "out")
    assert (answer.code, answer.out) == (2, "")
    for text in told:
        assert text in answer.err
    assert snapshot(tmp_path) == {}


def test_several_faults_are_told_together(cxaxis):
    answer = cxaxis("drug", "compare", "zzz", "surgery", "--dose-grid", ",", "--days", "1e9")
    assert answer.code == 2
    for code in ("CMP001", "CMP002", "CMP005", "CMP008"):
        assert code in answer.err


def test_what_stands_there_is_not_overwritten(cxaxis, tmp_path):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / FILES[0]).write_text("mine")
    (tmp_path / "file").write_text("")
    for place in ("out", "file"):
        answer = cxaxis("drug", "compare", "plerixafor", "--out", place)
        assert answer.code == 2
        assert "CMP009" in answer.err
    assert (tmp_path / "out" / FILES[0]).read_text() == "mine"


def test_a_grid_is_read_ascending_and_once():
    assert parsed_grid("240,80,240,0") == (0.0, 80.0, 240.0)
    assert parsed_grid(None) is None
    assert parsed_grid(AROUND) == AROUND
    with pytest.raises(UserInputError):
        parsed_grid(",".join(map(str, range(30))))


def test_a_grid_alone_spans_two_decades_around_each_dose():
    request = checked_request(["plerixafor", "olaptesed"], None, AROUND, None)
    found = [(item.drug.id, item.plan.dose.value) for item in request.treatments]
    assert found[:5] == [("plerixafor", dose) for dose in (24, 80, 240, 720, 2400)]
    assert [dose for _, dose in found[5:]] == [60, 200, 600, 1800, 6000]
    assert request.usual == {"plerixafor": 240, "olaptesed": 600}


def test_the_label_is_the_default_and_a_regimen_can_be_chosen():
    request = checked_request(
        ["AMD3100", "nox-a12"], ["NOX-A12=bolus_300_mg_twice_weekly"], None, None
    )
    assert [item.regimen for item in request.treatments] == [
        "label_240_ug_kg_daily",
        "bolus_300_mg_twice_weekly",
    ]


def test_every_agent_of_the_axis_can_be_compared():
    able = [drug.id for drug in load_drugs().values() if slot_of(drug) in COMPARED_SLOTS]
    assert len(able) == 11
    assert [drug.id for drug in checked_request(able, None, None, None).drugs] == able


@pytest.mark.parametrize(
    ("value", "text"),
    [(float("nan"), "-"), (0.0, "0"), (2e-5, "<0.001"), (12345.6, "12,300"), (0.5, "0.5")],
)
def test_numbers_have_three_digits(value, text):
    assert number(value) == text


@pytest.mark.parametrize("grid", [["--dose-grid", "0,24,240"], ["--dose-grid"]])
def test_tables_and_files_of_a_grid(cxaxis, tmp_path, grid):
    words = ["AMD3100", *([] if len(grid) > 1 else ["NOX-A12"]), *grid]
    answer = cxaxis("drug", "compare", *words, "--draws", "4", "--days", "2", "-o", "out")
    assert (answer.code, answer.err) == (0, "")
    assert answer.out.splitlines()[-len(FILES) :] == [f"out/{name}" for name in FILES]
    for item in READINGS:
        for part in [*item.words.split(", "), item.unit]:
            assert part in answer.out
    readings = pd.read_csv(tmp_path / "out" / FILES[0])
    courses = pd.read_csv(tmp_path / "out" / FILES[1])
    assert set(readings["reading"]) == {item.id for item in READINGS}
    assert set(courses["series"]) == {item.id for item in SERIES}
    assert not readings.duplicated(["drug", "dose", "interval", "reading"]).any()
    quantiles = readings[["q2.5", "q10", "q50", "q90", "q97.5"]].dropna().to_numpy()
    assert (np.diff(quantiles, axis=1) >= 0).all()
    ours = readings[readings["drug"] == "plerixafor"]
    held = ours[ours["reading"] == "tumour_occupancy_mean"].sort_values("dose")
    for column in ("typical", "q50"):
        assert (np.diff(held[column]) > 0).all()
    assert (tmp_path / "out" / FILES[2]).read_bytes().startswith(b"\x89PNG")
    assert "<svg" in (tmp_path / "out" / FILES[3]).read_text("utf-8")


def test_patients_and_g_csf_stand_apart(cxaxis, tmp_path):
    answer = cxaxis(
        *("drug", "compare", "motixafortide", "msx_122", "--with", "g-csf", "--days", "1"),
        *("--draws", "2", "--patients", "3", "-o", "out"),
    )
    assert (answer.code, answer.err) == (0, "")
    assert "filgrastim alone" in answer.out
    assert "in part template" in answer.out
    assert "18 assumed" in answer.out
    readings = pd.read_csv(tmp_path / "out" / FILES[0])
    assert set(readings["interval"]) == {"unknown", "patients"}
    assert set(readings["drug"].dropna()) == {"motixafortide", "msx_122"}
    peak = readings[(readings["reading"] == "cd34_peak") & (readings["interval"] == "unknown")]
    by_drug = peak.set_index(peak["drug"].fillna("alone"))["typical"]
    assert by_drug["motixafortide"] > by_drug["alone"]


def test_the_tabled_values_alone_have_no_interval(cxaxis):
    answer = cxaxis("drug", "compare", "plerixafor", "--draws", "0", "--days", "1")
    assert answer.code == 0
    assert " to " not in answer.out.split("Cells of the blood")[1].split("From the model")[0]


def test_the_same_seed_gives_the_same_files(cxaxis, tmp_path):
    for place in ("a", "b"):
        words = ["--draws", "3", "--days", "1", "-o", place]
        assert cxaxis("drug", "compare", "burixafor", *words).code == 0
    assert snapshot(tmp_path / "a") == snapshot(tmp_path / "b")
