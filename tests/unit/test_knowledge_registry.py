"""The registry: numbers with eight digits, and standings that nobody can mistake."""

from types import SimpleNamespace

import pytest

from cxaxis.core.errors import Severity, UserInputError
from cxaxis.knowledge.registry import (
    REGISTRY_COLUMNS,
    STANDING_WORDS,
    STANDINGS,
    is_nct_number,
    load_registry,
    read_registry,
)

ENTRY = {
    "id": "REG001",
    "claims": "C172",
    "place": "Table 1",
    "drug": "ulocuplumab",
    "nct_printed": "NCT01120457",
    "nct": "NCT01120457",
    "condition_printed": "AML",
    "condition": "acute myeloid leukaemia",
    "condition_agrees": "yes",
    "phase_printed": "1",
    "phase": "1",
    "trial_state": "completed",
    "trial_date": "2014-11",
    "standing_printed": "",
    "standing": "in_trial",
    "standing_date": "",
    "evidence": "becker_2014",
    "status": "seen",
    "note": "",
}
KNOWN = SimpleNamespace(
    claims={"C172"}, evidence={"DRG252": None}, references={"becker_2014": None}
)


def read(path, **changes):
    row = ENTRY | changes
    text = "\t".join(REGISTRY_COLUMNS) + "\n"
    text += "\t".join(row[column] for column in REGISTRY_COLUMNS) + "\n"
    path.write_text(text, encoding="utf-8")
    return read_registry(path, **vars(KNOWN))


def test_a_good_row_is_read(tmp_path):
    entries, findings = read(tmp_path / "r.tsv")
    assert findings == ()
    assert entries["REG001"].nct == "NCT01120457"


@pytest.mark.parametrize(
    ("text", "good"),
    [
        ("NCT01359657", True),
        ("NCT0135965", False),
        ("NCT013596577", False),
        ("nct01359657", False),
        ("NCT0135965O", False),
        ("NCT0135965\u0667", False),
        (" NCT01359657", False),
        ("NCT01359657\n", False),
        ("", False),
    ],
)
def test_a_trial_number_is_nct_and_eight_digits(text, good):
    assert is_nct_number(text) is good


def test_a_number_misprinted_by_the_review_is_a_warning_and_the_row_is_kept(tmp_path):
    path = tmp_path / "r.tsv"
    entries, (finding,) = read(path, nct_printed="NCT0135965", nct="NCT01359657")
    assert (finding.code, finding.severity) == ("REGI011", Severity.WARNING)
    assert finding.where == f"{path}:2"
    assert "'NCT0135965', which has 7 digits" in finding.message
    assert "NCT01359657" in finding.message
    assert entries["REG001"].nct_printed == "NCT0135965"


def test_the_same_number_in_the_corrected_column_is_an_error(tmp_path):
    path = tmp_path / "r.tsv"
    entries, findings = read(path, nct_printed="NCT0135965", nct="NCT0135965")
    assert [(item.code, item.severity) for item in findings] == [
        ("REGI010", Severity.ERROR),
        ("REGI011", Severity.WARNING),
    ]
    assert "7 digits" in findings[0].message
    assert entries == {}
    with pytest.raises(UserInputError):
        load_registry(path)


@pytest.mark.parametrize(
    ("changes", "code", "told"),
    [
        ({"id": "R1"}, "REGI001", "REG and three digits"),
        ({"claims": "C127"}, "REGI002", "Did you mean C172"),
        ({"place": "Table 2"}, "REGI003", "Did you mean Table 1"),
        ({"drug": "BMS-936564"}, "REGI004", "'BMS-936564'"),
        ({"condition": ""}, "REGI005", "condition is empty"),
        ({"condition_agrees": "maybe"}, "REGI006", "yes | no | unread"),
        ({"standing_printed": "aproved"}, "REGI006", "Did you mean approved?"),
        ({"phase": "I"}, "REGI006", "phase is 'I'"),
        ({"trial_state": "complete"}, "REGI006", "Did you mean completed"),
        ({"trial_date": "2014-13"}, "REGI007", "'2014-13'"),
        ({"evidence": "becker_2015"}, "REGI008", "Did you mean becker_2014"),
        ({"status": "sure"}, "REGI009", "'sure'"),
        ({"nct": ""}, "REGI010", "prints 'NCT01120457'"),
        ({"standing": "designated"}, "REGI012", "none | orphan | in_trial | approved"),
        ({"standing": "orphan"}, "REGI012", "became 'orphan'"),
        ({"standing": "approved"}, "REGI012", "became 'approved'"),
        ({"standing": "none", "standing_date": "2005"}, "REGI012", "no date"),
    ],
)
def test_each_fault_is_one_finding_with_place_value_and_cure(tmp_path, changes, code, told):
    path = tmp_path / "r.tsv"
    entries, (finding,) = read(path, **changes)
    assert (finding.code, finding.severity) == (code, Severity.ERROR)
    assert finding.where == f"{path}:2"
    assert told in finding.message
    assert entries == {}


@pytest.mark.parametrize("standing", [item for item in STANDINGS if item != "approved"])
def test_no_other_standing_reads_as_an_approval(standing):
    words = STANDING_WORDS[standing]
    assert words != STANDING_WORDS["approved"]
    # The word stands there, if at all, behind a denial.
    assert words.replace("not an approval", "").replace("not approved", "").count("appro") == 0


# The table that ships with the package


@pytest.fixture(scope="module")
def entries():
    return load_registry()


def test_every_trial_number_of_table_1_is_there(entries):
    printed = {item.nct_printed for item in entries.values() if item.place == "Table 1"} - {""}
    assert printed == {
        "NCT01339039",
        "NCT01288573",
        "NCT00591682",
        "NCT01018979",
        "NCT01458288",
        "NCT01010880",
        "NCT00976378",
        "NCT01194934",
        "NCT01120457",
        "NCT0135965",
        "NCT01374503",
    }
    assert all(is_nct_number(item.nct) for item in entries.values() if item.nct)
    numbers = [item.nct for item in entries.values() if item.nct]
    assert len(numbers) == len(set(numbers))


def test_the_short_number_is_the_myeloma_trial(entries):
    (entry,) = [item for item in entries.values() if item.nct_printed == "NCT0135965"]
    assert entry.nct == "NCT01359657"
    assert "multiple myeloma" in entry.condition
    assert "leukemia" in entry.condition_printed


def test_standings_are_what_regulators_said(entries):
    by_drug = {}
    for item in entries.values():
        by_drug.setdefault(item.drug, set()).add(item.standing)
    assert by_drug["plerixafor"] == {"approved", "in_trial"}
    assert by_drug["ctce_9908"] == {"orphan", "in_trial"}
    assert by_drug["olaptesed"] == {"orphan", "in_trial"}
    assert by_drug["motixafortide"] == {"approved"}
    for item in entries.values():
        if item.standing == "orphan":
            assert "not an approval" in item.standing_words
            assert item.standing_date in item.standing_words
