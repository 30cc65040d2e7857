"""Margins and plausible ranges: what ships, and what is refused."""

import pytest

from cxaxis.cohort.settings import SETTINGS
from cxaxis.core.errors import UserInputError
from cxaxis.knowledge.evidence import load_evidence
from cxaxis.knowledge.margins import MARGIN_COLUMNS, MARGIN_SETTINGS, load_margins
from cxaxis.knowledge.plausible import PLAUSIBLE_COLUMNS, PLAUSIBLE_QUANTITIES, load_plausible

MARGIN = ("male", "metastatic_escc", "sex", "share", "M", "0.878", "escort", "596", "CLI134")
RANGE = ("plausible_age", "age_year", "18", "95", "year", "CLI032", "adults")


def refused(tmp_path, load, columns, cells, changes):
    row = dict(zip(columns, cells, strict=True)) | changes
    path = tmp_path / "table.tsv"
    path.write_text("\t".join(columns) + "\n" + "\t".join(row.values()) + "\n", encoding="utf-8")
    try:
        load(path)
    except UserInputError as failure:
        return [item.code for item in failure.findings]
    return []


def test_every_setting_has_margins_and_none_rests_on_what_is_held_out():
    evidence, margins = load_evidence(), load_margins().values()
    assert {item.setting for item in margins} == set(SETTINGS) == set(MARGIN_SETTINGS)
    for item in margins:
        assert {evidence[row].role for row in item.evidence} <= {"parameter", "fitted", "context"}
        assert item.evidence or item.source


def test_a_margin_says_what_its_evidence_says():
    evidence, margins = load_evidence(), load_margins()
    for name, row in (("escort_male", "CLI134"), ("keynote_cps_10", "CLI122")):
        assert margins[name].value == pytest.approx(evidence[row].number / 100)
    assert margins["neocrtec_age_mean"].value == evidence["CLI085"].number


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"id": "Male share"}, "MARG001"),
        ({"study": ""}, "MARG001"),
        ({"setting": "early"}, "MARG002"),
        ({"statistic": "mode"}, "MARG002"),
        ({"status": "guessed"}, "MARG002"),
        ({"role": "held_out"}, "MARG002"),
        ({"covariate": "shoe_size"}, "MARG003"),
        ({"covariate": "age_year"}, "MARG003"),
        ({"level": ""}, "MARG004"),
        ({"value": "87.8"}, "MARG005"),
        ({"n": "many"}, "MARG006"),
        ({"evidence": ""}, "MARG007"),
        ({"source": "somewhere"}, "MARG007"),
        ({"evidence": "CLI999"}, "MARG008"),
        ({"evidence": "CLI016"}, "MARG008"),
    ],
)
def test_a_wrong_margin_is_one_clear_finding(tmp_path, changes, code):
    cells = (*MARGIN, "seen", "fitted", "", "")
    assert refused(tmp_path, load_margins, MARGIN_COLUMNS, cells, changes)[:1] == [code]
    assert refused(tmp_path, load_margins, MARGIN_COLUMNS, cells, {}) == []


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"id": "Age"}, "PLAU001"),
        ({"quantity": "shoe_size"}, "PLAU002"),
        ({"low": "96"}, "PLAU003"),
        ({"high": ""}, "PLAU003"),
        ({"note": ""}, "PLAU004"),
        ({"evidence": "CLI016"}, "PLAU005"),
    ],
)
def test_a_wrong_range_is_one_clear_finding(tmp_path, changes, code):
    assert refused(tmp_path, load_plausible, PLAUSIBLE_COLUMNS, RANGE, changes)[:1] == [code]
    assert refused(tmp_path, load_plausible, PLAUSIBLE_COLUMNS, RANGE, {}) == []


def test_every_quantity_has_one_range():
    quantities = [item.quantity for item in load_plausible().values()]
    assert sorted(quantities) == sorted(PLAUSIBLE_QUANTITIES)
