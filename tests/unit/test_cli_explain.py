"""``cxaxis explain`` and ``cxaxis cite`` as a user meets them."""

import pytest

from cli_support import command_of
from cxaxis.claims.committed import JUDGEMENTS_FILE, judgements_text
from cxaxis.claims.judge import outcome
from cxaxis.claims.records import Judgement, Measured
from cxaxis.knowledge.expectations import load_expectations


@pytest.fixture
def cxaxis(monkeypatch, capsys):
    return command_of(monkeypatch, capsys)


@pytest.fixture
def committed(monkeypatch, tmp_path):
    """Stand a ledger of one judgement where the committed one is read."""
    row = load_expectations()["registry_agrees"]
    item = Judgement(
        check="registry_C172",
        claims=("C172",),
        kind="data",
        grade="",
        role="held_out",
        cost="fast",
        unit=row.unit,
        outcome=outcome([Measured(0.25, row.unit)], row),
        control=outcome([Measured(1.0, row.unit)], row),
    )
    (tmp_path / JUDGEMENTS_FILE).write_text(judgements_text([item]), encoding="utf-8")
    monkeypatch.setattr("cxaxis.claims.committed.generated_folder", lambda: tmp_path)


def words(text):
    """Return the text with every run of space as one: lines are wrapped."""
    return " ".join(text.split())


@pytest.mark.usefixtures("committed")
def test_a_claim_shows_the_committed_verdict(cxaxis):
    answer = cxaxis("explain", "c172")
    assert answer.code == 0
    assert "verdict contradicted" in words(answer.out)
    assert "measured 0.25" in words(answer.out)
    assert "result committed; --run measures it afresh" in words(answer.out)
    assert "would have to rise by 0.75 (300 %) to reach the bound 1" in words(answer.out)


@pytest.mark.usefixtures("committed")
def test_run_measures_the_fast_checks_afresh(cxaxis):
    answer = cxaxis("explain", "C172", "--run", "-j", "1")
    assert answer.code == 0
    assert "measured 0.5" in words(answer.out)
    assert "result measured now" in words(answer.out)


@pytest.mark.usefixtures("committed")
def test_markdown_has_a_heading_for_every_part(cxaxis):
    answer = cxaxis("explain", "C172", "--format", "md")
    assert answer.code == 0
    assert answer.out.startswith("# C172\n")
    for title in ("## Verdict", "## Checks", "## Caveats", "## What would change the verdict"):
        assert f"\n{title}\n" in answer.out


def test_what_has_no_verdict_needs_no_ledger(cxaxis):
    answer = cxaxis("explain", "DRG016")
    assert answer.code == 0
    assert "role fitted" in words(answer.out)


def test_an_unknown_id_is_one_error_with_the_nearest_names(cxaxis):
    answer = cxaxis("explain", "plerixafr")
    assert (answer.code, answer.out) == (2, "")
    assert answer.err.count("error") == 1
    assert "explain plerixafr  error  EXPL001  nothing has the id 'plerixafr'" in answer.err
    assert "plerixafor (drug)" in answer.err


def test_only_claims_and_checks_can_be_measured(cxaxis):
    answer = cxaxis("explain", "DRG016", "--run")
    assert (answer.code, answer.out) == (2, "")
    assert "EXPL002" in answer.err
    assert "DRG016 is of kind evidence" in answer.err


def test_citations_are_printed(cxaxis):
    answer = cxaxis("cite")
    assert answer.code == 0
    assert "@article{wu_x_2021," in answer.out


def test_citations_are_written_once(cxaxis, tmp_path):
    target = tmp_path / "used.bib"
    answer = cxaxis("cite", "-o", target)
    assert (answer.code, answer.out.strip()) == (0, str(target))
    text = target.read_text("utf-8")
    again = cxaxis("cite", "-o", target)
    assert again.code == 2
    assert "CITE001" in again.err
    assert target.read_text("utf-8") == text


def test_a_directory_that_is_no_run_is_refused(cxaxis, tmp_path):
    answer = cxaxis("cite", tmp_path)
    assert answer.code == 2
    assert "RUN007" in answer.err


def test_a_walk_is_for_patients_alone(cxaxis):
    answer = cxaxis("explain", "DRG016", "--to", "death_hazard")
    assert (answer.code, answer.out) == (2, "")
    assert "EXPL004" in answer.err


def test_a_walk_to_an_unknown_quantity_names_the_nearest(cxaxis):
    answer = cxaxis("explain", "VP00017", "--to", "deth_hazard")
    assert (answer.code, answer.out) == (2, "")
    assert "EXPL003" in answer.err
    assert "death_hazard" in answer.err
