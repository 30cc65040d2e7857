"""``cxaxis claims``: what a reader sees of a claim."""

import sys

import pytest

from cxaxis.cli.main import main


@pytest.fixture
def cxaxis(monkeypatch, capsys):
    def run(*arguments):
        monkeypatch.setattr(sys, "argv", ["cxaxis", *arguments])
        with pytest.raises(SystemExit) as stop:
            main()
        said = capsys.readouterr()
        return stop.value.code, said.out, said.err

    return run


def words(text):
    """Return the text with every run of space as one: lines are wrapped."""
    return " ".join(text.split())


def test_all_claims_are_listed(cxaxis):
    code, out, _ = cxaxis("claims", "list")
    assert code == 0
    assert "210 of 210 claims" in out
    assert "C001" in out
    assert "C210" in out


def test_the_list_is_narrowed_by_every_condition(cxaxis):
    code, out, _ = cxaxis("claims", "list", "--section", "table", "--kind", "drug")
    assert code == 0
    assert "C162" in out
    assert "C163" not in out
    code, out, _ = cxaxis("claims", "list", "--id", "C127", "--id", "C133", "--scale", "population")
    assert "2 of 210 claims" in out


def test_words_that_name_nothing_are_all_told(cxaxis):
    code, out, err = cxaxis("claims", "list", "--kind", "drugs", "--scale", "cells")
    assert (code, out) == (2, "")
    assert "--kind  error  CLAIM008  'drugs' names no kind. Did you mean drug?" in err
    assert "--scale" in err


def test_a_claim_is_shown_with_all_that_bears_on_it(cxaxis):
    code, out, _ = cxaxis("claims", "show", "c127")
    text = words(out)
    assert code == 0
    for part in (
        "C127 In one series",
        "section Prognosis",
        "scale population",
        "tested by cohort medians",
        "100. Expression of chemokine receptor CXCR4",
        "doi:10.1186/1471-2407-6-290 [gockel_2006]",
        "misattributed: The medians are those of Kaifi 2005",
        "corrected Kaifi 2005: median survival 20 months",
        "CLI017 (median OS: 20 months, kaifi_2005)",
        "Contradiction: survival 20 76 months",
        "Gockel 2006 did not find CXCR4 independent:",
    ):
        assert part in text
    assert max(map(len, out.splitlines())) <= 100


@pytest.mark.parametrize("claim", ["C152", "C156"])
def test_a_designation_is_shown_as_one(cxaxis, claim):
    _, out, _ = cxaxis("claims", "show", claim)
    assert "standing orphan designation, which is not an approval (20" in words(out)
    assert "standing approved" not in words(out)


def test_the_misprinted_number_stands_beside_the_right_one(cxaxis):
    _, out, _ = cxaxis("claims", "show", "C172")
    assert "printed NCT0135965, Acute myeloid leukemia" in words(out)
    assert "found NCT01359657, relapsed or refractory multiple myeloma" in words(out)


def test_an_unknown_claim_is_told_with_the_nearest(cxaxis):
    code, out, err = cxaxis("claims", "show", "C271")
    assert (code, out) == (2, "")
    assert "claims show C271  error  CLAIM008  no claim 'C271'. Did you mean" in err


def test_a_claim_without_references_or_caveats_says_so(cxaxis):
    _, out, _ = cxaxis("claims", "show", "C020")
    assert "none cited" in out
    assert "Caveats: none recorded" in out
