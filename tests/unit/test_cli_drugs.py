"""``cxaxis drug``: standings that cannot be misread, and numbers with their ground."""

import pytest

from cli_support import command_of
from cxaxis.knowledge.drugs import load_drugs
from cxaxis.knowledge.registry import STANDING_WORDS


@pytest.fixture
def cxaxis(monkeypatch, capsys, tmp_path):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "160")
    return command_of(monkeypatch, capsys)


def test_the_list_says_which_drugs_a_protocol_may_give(cxaxis):
    answer = cxaxis("drug", "list")
    assert (answer.code, answer.err) == (0, "")
    first_lines = {
        line.split()[0]: line.split() for line in answer.out.splitlines() if line.strip()
    }
    for drug in load_drugs().values():
        assert ("yes" if drug.target else "no") in first_lines[drug.id]
        assert (", ".join(drug.binds) or "-") in first_lines[drug.id]


def test_a_designation_never_reads_as_approval(cxaxis):
    answer = cxaxis("drug", "show", "ctce_9908")
    standings = [line for line in answer.out.splitlines() if line.startswith(" Standing")]
    assert f"{STANDING_WORDS['orphan']} (2005-07): Osteogenic sarcoma." in standings[0]
    assert len(standings) == 2
    for line in standings:
        assert line.split(maxsplit=1)[1].startswith((STANDING_WORDS["orphan"], "in trial, not"))


def test_the_card_shows_each_number_with_unit_status_and_evidence(cxaxis):
    answer = cxaxis("drug", "show", "motixafortide")
    rows = [line.split() for line in answer.out.splitlines()]
    assert ["kd_cxcr4", "0.0079", "nM", "seen", "DRG056"] in rows
    assert ["ic50_cxcr4", "1.4", "nM", "derived", "DRG057"] in rows
    assert "ic50_cxcr4: Geometric middle of 0.42 to 4.5 nM" in answer.out
    assert "subcutaneous into antagonist_depot" in answer.out
    assert "Action" in answer.out
    assert "inverse agonist" in answer.out


def test_what_is_assumed_says_so(cxaxis):
    answer = cxaxis("drug", "show", "alx_0651")
    rows = [line.split() for line in answer.out.splitlines()]
    assert ["clearance", "6", "L/h", "assumed", "-"] in rows
    assert any(row[:1] == ["placeholder_1_mg_kg"] and row[-1] == "assumed" for row in rows)


@pytest.mark.parametrize(
    ("drug", "words"),
    [
        ("paclitaxel", "5 x every 7 d, over 1 h"),
        ("burixafor", "once, over 15 min"),
        ("fluorouracil", "2 x every 28 d, over 4 d"),
        ("radiotherapy", "28 x every 1 d, not at weekends"),
    ],
)
def test_a_schedule_is_told_in_the_units_of_the_ward(cxaxis, drug, words):
    assert words in cxaxis("drug", "show", drug).out


@pytest.mark.parametrize("drug", ["paclitaxel", "ulocuplumab", "motixafortide"])
@pytest.mark.parametrize("columns", [40, 60, 80, 100])
def test_a_card_fits_the_terminal(cxaxis, monkeypatch, drug, columns):
    monkeypatch.setenv("COLUMNS", str(columns))
    answer = cxaxis("drug", "show", drug)
    assert answer.code == 0
    assert max(map(len, answer.out.splitlines())) <= columns
