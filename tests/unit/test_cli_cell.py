"""``cxaxis cell``: the lists, an assay printed and written, and each mistake."""

import csv

import pytest

from cli_support import command_of, snapshot
from cxaxis.cell.assays import ASSAYS
from cxaxis.knowledge.cell_contexts import load_cell_contexts

QUICK = ("--cxcl12-nM", "10,100", "--times-s", "0,30,60,300,660,700")


@pytest.fixture
def cxaxis(monkeypatch, capsys, tmp_path):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "160")
    return command_of(monkeypatch, capsys)


def first_words(text):
    return {line.split()[0] for line in text.splitlines() if line.split()}


def test_the_list_names_every_assay_and_every_kind_of_cell(cxaxis):
    answer = cxaxis("cell", "list")
    assert (answer.code, answer.err) == (0, "")
    assert {*ASSAYS, *load_cell_contexts()} <= first_words(answer.out)
    assert "C071" in answer.out


@pytest.mark.parametrize(
    ("what", "named"),
    [
        ("readouts", "surface_cxcr4"),
        ("inputs", "pertussis_toxin"),
        ("mechanisms", "heterodimer=blunts_gi"),
        ("contexts", "eca109"),
        ("drugs", "slow_off_inverse_agonist"),
    ],
)
def test_each_list_can_be_asked_for_alone(cxaxis, what, named):
    answer = cxaxis("cell", "list", what)
    assert answer.code == 0
    assert named in first_words(answer.out)
    assert "second pulse" not in answer.out


def test_the_inputs_say_since_when_they_hold(cxaxis):
    lines = cxaxis("cell", "list", "inputs").out.splitlines()
    lines = {line.split()[0]: line for line in lines if line.split()}
    assert "16 h before" in lines["pertussis_toxin"]
    assert "rest" in lines["hif1a_gene"]
    assert "relative to the kind of cell" in lines["cxcr4_gene"]


def test_an_assay_prints_peaks_with_units_and_what_would_refute_it(cxaxis):
    answer = cxaxis("cell", "assay", "calcium", *QUICK)
    assert (answer.code, answer.err) == (0, "")
    for told in ("Peak", "30 s", "nM", "pertussis_toxin", "second_pulse", "C071", "refuted by"):
        assert told in answer.out
    assert "not measured" in answer.out
    assert "default mechanisms" in answer.out


def test_a_dose_response_prints_half_effective_doses(cxaxis):
    answer = cxaxis(
        "cell", "assay", "dose_response", "--readout", "pERK", "--readout", "camp_share"
    )
    assert answer.code == 0
    assert "EC50, nM" in answer.out
    assert len([line for line in answer.out.splitlines() if " to " in line]) >= 2


def test_an_assay_is_written_once_and_never_overwritten(cxaxis, tmp_path):
    answer = cxaxis("cell", "assay", "calcium", *QUICK, "-o", "out")
    assert answer.code == 0
    written = snapshot(tmp_path / "out")
    assert set(written) == {f"calcium_cxcr4_only.{end}" for end in ("csv", "png", "svg")}
    assert written["calcium_cxcr4_only.png"].startswith(b"\x89PNG")
    with (tmp_path / "out" / "calcium_cxcr4_only.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert {row["unit"] for row in rows} == {"nM"}
    assert {row["condition"] for row in rows} == {"control", "pertussis_toxin", "second_pulse"}
    again = cxaxis("cell", "assay", "calcium", *QUICK, "-o", "out")
    assert (again.code, again.out) == (2, "")
    assert "is not overwritten. Give another directory with -o." in again.err
    assert snapshot(tmp_path / "out") == written


def test_settings_parameters_and_mechanisms_reach_the_cell(cxaxis):
    answer = cxaxis(
        *("cell", "assay", "calcium", *QUICK, "--condition", "control"),
        *("--set", "cxcr4_gene=0.2", "--set", "k_plc=0", "--wiring", "heterodimer=blunts_gi"),
    )
    assert answer.code == 0
    assert "heterodimer=blunts_gi" in answer.out
    assert "cxcr4_gene = 0.2" in answer.out
    assert "k_plc = 0" in answer.out
    assert "pertussis_toxin" not in answer.out.split("Speaks to")[0]


def test_a_drug_is_printed_with_its_doses_and_written_under_its_name(cxaxis, tmp_path):
    drug = ("--drug", "competitive", "--drug-nM", "0,1000", "--condition", "control")
    answer = cxaxis("cell", "assay", "calcium", *QUICK, *drug, "-o", "out")
    assert (answer.code, answer.err) == (0, "")
    for told in ("Drug, nM", "neutral competitive antagonist (competitive) at 0, 1000 nM"):
        assert told in " ".join(answer.out.split())
    with (tmp_path / "out" / "calcium_cxcr4_only_competitive.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert {(row["drug"], row["drug_nM"]) for row in rows} == {
        ("competitive", "0.0"),
        ("competitive", "1000.0"),
    }


def test_a_dose_response_in_the_drug_prints_where_half_is_blocked(cxaxis):
    answer = cxaxis(
        *("cell", "assay", "dose_response", "--readout", "calcium_nM", "--cxcl12-nM", "10"),
        *("--drug", "competitive", "--drug-nM", "0,10,30,100,300,1000"),
    )
    assert answer.code == 0
    assert "Half at drug, nM" in answer.out


def test_measurements_stand_beside_one_dose_of_a_drug(cxaxis, tmp_path):
    lines = ["readout,value,unit,time_s,cxcl12_nM", "calcium,100,nM,0,100"]
    (tmp_path / "mine.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    drug = ("--drug", "competitive", "--drug-nM", "0,10")
    answer = cxaxis("cell", "assay", "calcium", *QUICK, *drug, "--data", "mine.csv")
    assert answer.code == 2
    assert "readings of a file stand beside one dose" in answer.err


def test_measurements_reach_the_comparison(cxaxis, tmp_path, monkeypatch):
    lines = ["readout,value,unit,time_s,cxcl12_nM", "calcium,100,nM,0,100", "calcium,300,nM,30,100"]
    (tmp_path / "mine.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    seen = []

    def note(run, readings, *, output, stem, draws):
        seen.append((run.assay, output, stem, draws))
        return [tmp_path / "residuals.csv"]

    monkeypatch.setattr("cxaxis.cli.cell_compare.overlay_data", note)
    answer = cxaxis("cell", "assay", "calcium", *QUICK, "--data", "mine.csv")
    assert (answer.code, answer.err) == (0, "")
    assert seen == [("calcium", None, "calcium_cxcr4_only", 0)]
    assert "residuals.csv" in answer.out


def test_a_bad_file_of_measurements_is_told_with_the_other_mistakes(cxaxis, tmp_path):
    (tmp_path / "mine.csv").write_text("readout,value\ncalcium,1\n", encoding="utf-8")
    answer = cxaxis("cell", "assay", "calcum", "--data", "mine.csv")
    assert answer.code == 2
    assert "CELL002" in answer.err
    assert "mine.csv" in answer.err


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("calcum",), "there is no assay 'calcum'. Did you mean calcium"),
        (("calcium", "--context", "eca110"), "Did you mean eca109"),
        (("calcium", "--cxcl12-nM", "1,two"), "'two' is no number"),
        (("calcium", "--cxcl12-nM", "-1"), "-1 is no concentration"),
        (("calcium", "--cxcl12-nM", ""), "is empty"),
        (("calcium", "--times-s", "60,0"), "must increase"),
        (("calcium", "--readout", "perk"), "Did you mean pERK?"),
        (("calcium", "--wiring", "heterodimer=both"), "Options: none"),
        (("calcium", "--set", "cxcr4_gene"), "is not ID=NUMBER"),
        (("calcium", "--set", "cxcr4_gen=0.2"), "Did you mean cxcr4_gene"),
        (("calcium", "--draws", "many"), "'many' is no whole number"),
        (("calcium", "--drug", "nanobodi", "--drug-nM", "1"), "Did you mean nanobody?"),
        (("calcium", "--drug", "nanobody"), "needs its concentrations"),
        (("calcium", "--drug-nM", "1"), "is the dose of no drug"),
        (("calcium", "--drug", "nanobody", "--drug-nM", "x"), "'x' is no number"),
        (("calcium", "--drug", "nanobody", "--drug-nM=-1"), "-1 is no concentration"),
    ],
)
def test_each_mistake_is_one_line_with_its_cure(cxaxis, words, told):
    answer = cxaxis("cell", "assay", *words)
    assert (answer.code, answer.out) == (2, "")
    assert told in answer.err
    assert len(answer.err.strip().splitlines()) == 1


def test_all_mistakes_are_told_at_once_and_nothing_is_written(cxaxis, tmp_path):
    answer = cxaxis(
        *("cell", "assay", "calcium", "--cxcl12-nM", "x", "--wiring", "a=b", "--set", "zz=1"),
        *("--times-s", "5,5", "--draws", "-1", "-o", "out"),
    )
    assert answer.code == 2
    assert len(answer.err.strip().splitlines()) == 5
    assert not (tmp_path / "out").exists()


def test_a_list_that_there_is_not(cxaxis):
    answer = cxaxis("cell", "list", "readout")
    assert answer.code == 2
    assert "Did you mean readouts?" in answer.err
