"""Readings of cited works: what supports what, and what a bad row is told."""

from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cxaxis.core.errors import UserInputError
from cxaxis.knowledge.audits import (
    AUDIT_COLUMNS,
    RELATION_FAMILIES,
    RELATIONS,
    Statement,
    load_audits,
    read_audits,
    support,
)
from cxaxis.knowledge.claims import load_claims

CLAIM = Statement(subject="TGFB1", relation="raises", object="CXCR4", context="tumour cells")
ROW = {
    "id": "AUD001",
    "claim": "C052",
    "number": "59",
    "sentence": "TGF-beta controls CXCR4.",
    "place": "Regulation",
    "subject": "TGFB1",
    "relation": "raises",
    "object": "CXCR4",
    "context": "tumour cells",
    "found_subject": "TGFB1",
    "found_relation": "lowers",
    "found_object": "CXCL12",
    "found_context": "stromal cells",
    "read": "abstract",
    "source": "a page",
    "locator": "abstract",
    "reason": "another molecule and the other way",
}
KNOWN = {
    "claims": {"C052": SimpleNamespace(id="C052", references=(59,))},
    "review_references": {59: None, 60: None},
}


def found(**changes):
    return Statement(**({**CLAIM.__dict__} | changes))


@pytest.mark.parametrize(
    ("finding", "expected"),
    [
        (None, "not_read"),
        (found(), "supports"),
        (found(subject="tgfb1"), "supports"),
        (found(context="any"), "supports"),
        (found(context="stromal cells"), "other_context"),
        (found(relation="lowers"), "opposes"),
        (found(relation="lowers", context="stromal cells"), "silent"),
        (found(relation="unchanged"), "opposes"),
        (found(relation="binds"), "silent"),
        (found(object="CXCL12"), "silent"),
        (found(subject="HIF-1"), "silent"),
    ],
)
def test_support_follows_from_the_two_statements(finding, expected):
    assert support(CLAIM, finding) == expected


def test_every_relation_stands_in_one_family():
    assert sorted(word for family in RELATION_FAMILIES for word in family) == sorted(RELATIONS)


@given(st.sampled_from(RELATIONS), st.sampled_from(RELATIONS))
def test_another_relation_never_supports(claimed, shown):
    claim, finding = found(relation=claimed), found(relation=shown)
    assert (support(claim, finding) == "supports") == (claimed == shown)


def read(path, *rows):
    lines = [
        "\t".join(AUDIT_COLUMNS),
        *("\t".join(row[column] for column in AUDIT_COLUMNS) for row in rows),
    ]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return read_audits(path, **KNOWN)


def test_a_good_row_is_read(tmp_path):
    audits, findings = read(tmp_path / "a.tsv", ROW)
    assert findings == ()
    assert support(audits["AUD001"].claimed, audits["AUD001"].found) == "silent"


@pytest.mark.parametrize(
    ("changes", "code", "told"),
    [
        ({"id": "A1"}, "AUDI001", "AUD012"),
        ({"claim": "C999"}, "AUDI002", "'C999'"),
        ({"number": "60"}, "AUDI003", "C052 cites 59"),
        ({"number": "x"}, "AUDI003", "reference list"),
        ({"subject": ""}, "AUDI004", "subject is empty"),
        ({"relation": "rises"}, "AUDI005", "Did you mean raises"),
        ({"read": "abstracts"}, "AUDI005", "Did you mean abstract"),
        ({"reason": ""}, "AUDI006", "reason is empty"),
        ({"found_object": ""}, "AUDI006", "found_object is empty"),
        ({"source": ""}, "AUDI006", "source is empty"),
    ],
)
def test_each_fault_is_one_finding_with_place_value_and_cure(tmp_path, changes, code, told):
    path = tmp_path / "a.tsv"
    audits, (finding,) = read(path, ROW | changes)
    assert (finding.code, finding.where) == (code, f"{path}:2")
    assert told in finding.message
    assert audits == {}


def test_a_work_that_was_not_read_has_no_finding_to_show(tmp_path):
    path = tmp_path / "a.tsv"
    _, findings = read(path, ROW | {"read": "title"})
    assert {item.code for item in findings} == {"AUDI006"}
    assert len(findings) == 4


def test_one_work_is_read_once_for_one_claim(tmp_path):
    _, (finding,) = read(tmp_path / "a.tsv", ROW, ROW | {"id": "AUD002"})
    assert finding.code == "AUDI007"


def test_a_missing_table_is_told(tmp_path):
    with pytest.raises(UserInputError, match="cannot be read"):
        load_audits(tmp_path / "none.tsv")


def test_every_citation_of_every_claim_was_looked_for():
    read_pairs = {(item.claim, item.number) for item in load_audits().values()}
    cited = {(claim.id, number) for claim in load_claims().values() for number in claim.references}
    assert read_pairs == cited


def test_a_title_is_not_a_reading():
    assert all(
        (item.found is not None) == (item.read in {"abstract", "full_text"})
        for item in load_audits().values()
    )
