"""Claims, caveats and contradictions: what ships, and each fault named with its cure."""

import re
from collections import Counter
from types import SimpleNamespace

import pytest

from cxaxis.core.errors import Severity, UserInputError
from cxaxis.knowledge.caveats import (
    CAVEAT_COLUMNS,
    CAVEAT_TYPES,
    CONTRADICTION_COLUMNS,
    load_caveats,
    load_contradictions,
    read_caveats,
    read_contradictions,
)
from cxaxis.knowledge.claims import (
    CLAIM_COLUMNS,
    CLAIM_KINDS,
    CLAIM_SCALES,
    CLAIM_SECTIONS,
    REVIEW_REFERENCE_COLUMNS,
    load_claims,
    load_review_references,
    read_claims,
    read_review_references,
    select_claims,
)

CLAIM = {
    "id": "C127",
    "section": "Prognosis",
    "kind": "prognosis",
    "statement": "High CXCR4 shortens survival",
    "quantity": "20 vs 76 months",
    "references": "100;101",
    "entities": "CXCR4;OS",
    "test": "medians",
    "scale": "population",
}
CAVEAT = {
    "id": "CAV001",
    "claims": "C127",
    "type": "misattributed",
    "caveat": "The medians are of another series.",
    "correction": "",
    "basis": "kaifi_2005;CLI017",
    "status": "seen",
}
READING = {
    "id": "CON001",
    "topic": "cxcr4_prognosis",
    "claims": "C127",
    "side": "adverse",
    "study": "kaifi_2005",
    "n": "136",
    "assay": "IHC",
    "cut_off": "",
    "measure": "hazard ratio",
    "effect": "1.49",
    "low": "1.24",
    "high": "1.8",
    "unit": "1",
    "direction": "adverse",
    "evidence": "CLI017",
    "status": "seen",
    "note": "",
}
LISTED = {"number": "100", "reference": "gockel_2006", "title": "Expression of CXCR4"}
KNOWN = SimpleNamespace(
    claims={"C127", "C133"},
    evidence={"CLI017": None, "CLI018": None},
    references={"kaifi_2005": None, "gockel_2006": None},
)


def write(path, columns, *rows):
    lines = ["\t".join(columns), *("\t".join(row[column] for column in columns) for row in rows)]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def claims_of(path, row):
    return read_claims(write(path, CLAIM_COLUMNS, row), review_references=(100, 101))


def caveats_of(path, row):
    return read_caveats(write(path, CAVEAT_COLUMNS, row), **vars(KNOWN))


def readings_of(path, row):
    return read_contradictions(write(path, CONTRADICTION_COLUMNS, row), **vars(KNOWN))


def listed_of(path, row):
    path = write(path, REVIEW_REFERENCE_COLUMNS, row)
    return read_review_references(path, references=KNOWN.references)


@pytest.mark.parametrize(
    ("read", "row"),
    [(claims_of, CLAIM), (caveats_of, CAVEAT), (readings_of, READING), (listed_of, LISTED)],
)
def test_a_good_row_is_read(tmp_path, read, row):
    rows, findings = read(tmp_path / "table.tsv", row)
    assert findings == ()
    (item,) = rows.values()
    assert item.where == f"{tmp_path / 'table.tsv'}:2"


@pytest.mark.parametrize(
    ("read", "row", "column", "value", "code", "told"),
    [
        (claims_of, CLAIM, "id", "C12", "CLAIM001", "C and three digits"),
        (claims_of, CLAIM, "section", "Prognoses", "CLAIM002", "Did you mean Prognosis"),
        (claims_of, CLAIM, "kind", "prognostic", "CLAIM003", "Did you mean prognosis"),
        (claims_of, CLAIM, "scale", "populations", "CLAIM004", "Did you mean population"),
        (claims_of, CLAIM, "statement", "", "CLAIM005", "statement is empty"),
        (claims_of, CLAIM, "test", "", "CLAIM006", "test is empty"),
        (claims_of, CLAIM, "references", "100;102", "CLAIM007", "unknown review reference '102'"),
        (claims_of, CLAIM, "references", "100;100", "CLAIM007", "'100' is listed twice"),
        (claims_of, CLAIM, "references", "100;", "CLAIM007", "unknown review reference ''"),
        (caveats_of, CAVEAT, "id", "CAVEAT1", "CAVE001", "CAV and three digits"),
        (
            caveats_of,
            CAVEAT,
            "claims",
            "C217",
            "CAVE002",
            "unknown claim 'C217'. Did you mean C127",
        ),
        (caveats_of, CAVEAT, "claims", "", "CAVE002", "claims is empty"),
        (caveats_of, CAVEAT, "claims", "C127;C127", "CAVE002", "'C127' is listed twice"),
        (caveats_of, CAVEAT, "type", "misatributed", "CAVE003", "Did you mean misattributed"),
        (caveats_of, CAVEAT, "caveat", "", "CAVE004", "caveat is empty"),
        (caveats_of, CAVEAT, "basis", "kaifi_2006", "CAVE005", "Did you mean kaifi_2005"),
        (caveats_of, CAVEAT, "basis", "CLI071", "CAVE005", "Did you mean CLI01"),
        (caveats_of, CAVEAT, "basis", "", "CAVE005", "basis is empty"),
        (caveats_of, CAVEAT, "basis", "CLI017;", "CAVE005", "semicolon"),
        (caveats_of, CAVEAT, "status", "known", "CAVE006", "seen | recalled | derived"),
        (readings_of, READING, "id", "CON1", "CONT001", "CON and three digits"),
        (readings_of, READING, "topic", "CXCR4 prognosis", "CONT002", "'CXCR4 prognosis'"),
        (readings_of, READING, "claims", "C999", "CONT003", "unknown claim 'C999'"),
        (readings_of, READING, "side", "", "CONT004", "side is empty"),
        (readings_of, READING, "study", "kaifi_2006", "CONT005", "Did you mean kaifi_2005"),
        (readings_of, READING, "direction", "worse", "CONT006", "adverse | favourable"),
        (readings_of, READING, "status", "", "CONT007", "status is empty"),
        (readings_of, READING, "evidence", "CLI071", "CONT008", "Did you mean CLI01"),
        (readings_of, READING, "n", "-3", "CONT009", "'-3'"),
        (readings_of, READING, "n", "136.5", "CONT009", "'136.5'"),
        (readings_of, READING, "effect", "1,49", "CONT010", "'1,49'"),
        (readings_of, READING, "low", "1.9", "CONT011", "high is '1.8'"),
        (readings_of, READING, "effect", "2", "CONT011", "outside 1.24 to 1.8"),
        (readings_of, READING, "effect", "1.2", "CONT011", "outside 1.24 to 1.8"),
        (readings_of, READING, "unit", "moths", "CONT012", "'moths'"),
        (readings_of, READING, "unit", "", "CONT012", "unit is empty"),
        (listed_of, LISTED, "number", "0", "REVW001", "'0'"),
        (listed_of, LISTED, "reference", "gockel_2007", "REVW002", "Did you mean gockel_2006"),
        (listed_of, LISTED, "title", "", "REVW003", "title is empty"),
    ],
)
def test_each_fault_is_one_finding_with_place_value_and_cure(
    tmp_path, read, row, column, value, code, told
):
    path = tmp_path / "table.tsv"
    _, findings = read(path, row | {column: value})
    (finding,) = findings
    assert (finding.code, finding.severity) == (code, Severity.ERROR)
    assert finding.where == f"{path}:2"
    assert told in finding.message
    assert (row | {column: value})[next(iter(row))] in finding.message


def test_all_faults_of_a_file_come_at_once(tmp_path):
    path = write(tmp_path / "claims.tsv", CLAIM_COLUMNS, CLAIM | {"kind": "x", "scale": "y"}, CLAIM)
    with pytest.raises(UserInputError) as caught:
        load_claims(path, review_references=(100, 101))
    assert Counter(item.code for item in caught.value.findings) == {
        "CLAIM003": 1,
        "CLAIM004": 1,
        "TABLE007": 1,
    }


def test_words_may_stand_as_a_basis(tmp_path):
    rows, findings = caveats_of(tmp_path / "c.tsv", CAVEAT | {"basis": "general knowledge;CLI018"})
    assert findings == ()
    assert rows["CAV001"].basis == ("general knowledge", "CLI018")


def test_a_number_of_the_review_stands_for_one_reference(tmp_path):
    rows = (LISTED, LISTED | {"number": "101"})
    path = write(tmp_path / "r.tsv", REVIEW_REFERENCE_COLUMNS, *rows)
    with pytest.raises(UserInputError) as caught:
        load_review_references(path, references=KNOWN.references)
    (finding,) = caught.value.findings
    assert finding.code == "REVW002"
    assert f"{path}:2" in finding.message


def test_a_direction_needs_no_number(tmp_path):
    bare = dict.fromkeys(("effect", "low", "high", "unit", "n"), "")
    rows, findings = readings_of(tmp_path / "c.tsv", READING | bare)
    assert findings == ()
    assert (rows["CON001"].effect, rows["CON001"].n) == (None, None)
    _, findings = readings_of(tmp_path / "c.tsv", READING | bare | {"unit": "months"})
    assert [item.code for item in findings] == ["CONT012"]


# The tables that ship with the package


@pytest.fixture(scope="module")
def claims():
    return load_claims()


@pytest.fixture(scope="module")
def caveats():
    return load_caveats()


@pytest.fixture(scope="module")
def contradictions():
    return load_contradictions()


def test_every_claim_and_every_reference_of_the_review_is_there(claims):
    assert list(claims) == [f"C{number:03d}" for number in range(1, 211)]
    assert list(load_review_references()) == list(range(1, 122))
    assert {item.section for item in claims.values()} == set(CLAIM_SECTIONS)
    assert {item.kind for item in claims.values()} == set(CLAIM_KINDS)
    assert {item.scale for item in claims.values()} == set(CLAIM_SCALES)


def test_a_claim_carries_the_numbers_and_works_it_rests_on(claims):
    claim = claims["C127"]
    assert claim.references == (100,)
    assert load_review_references()[100].reference == "gockel_2006"
    assert "20" in claim.quantity
    assert "76" in claim.quantity
    assert claims["C128"].quantity == "n=1055"


def test_selections_narrow_and_combine(claims):
    assert len(select_claims(claims)) == 210
    of_table = select_claims(claims, sections=["table 1"], kinds=["TRIAL"])
    assert {item.section for item in of_table} == {"Table 1"}
    assert {item.kind for item in of_table} == {"trial"}
    assert select_claims(claims, sections=["signal"])[0].id == "C065"
    assert [item.id for item in select_claims(claims, ids=["c127", "C001"])] == ["C001", "C127"]
    assert select_claims(claims, ids=["C127"], scales=["molecule"]) == ()


def test_words_that_select_nothing_are_all_named(claims):
    with pytest.raises(UserInputError) as caught:
        select_claims(claims, sections=[""], kinds=["drugs"], scales=["cells"], ids=["C211"])
    assert [item.where for item in caught.value.findings] == [
        "--section",
        "--kind",
        "--scale",
        "--id",
    ]
    assert "Did you mean drug?" in caught.value.findings[1].message


def test_the_medians_of_20_and_76_months_are_given_back_to_their_series(caveats, contradictions):
    of_claim = [item for item in caveats.values() if item.claims == ("C127",)]
    assert "misattributed" in {item.type for item in of_claim}
    assert any("Kaifi 2005" in item.correction for item in of_claim)
    rows = [item for item in contradictions.values() if item.topic == "survival_20_76_months"]
    assert {item.study for item in rows} >= {"kaifi_2005", "gockel_2006", "wu_x_2021"}
    assert {item.effect for item in rows if item.study == "kaifi_2005"} == {20, 76}


def test_designations_shown_as_approvals_are_corrected(caveats):
    regulatory = [item for item in caveats.values() if item.type == "regulatory"]
    assert {claim for item in regulatory for claim in item.claims} >= {"C148", "C152", "C156"}
    for item in regulatory:
        if {"C152", "C156"} & set(item.claims):
            assert "orphan designation" in item.correction
            assert "not approved" in item.correction


def test_each_kind_of_caveat_is_used(caveats):
    assert {item.type for item in caveats.values()} == set(CAVEAT_TYPES)


# Claims that the review gets wrong, loosely or no longer right, by the sources read.
QUALIFIED = (
    "C003",
    "C004",
    "C022",
    "C046",
    "C048",
    "C052",
    "C054",
    "C056",
    "C062",
    "C066",
    "C070",
    "C087",
    "C092",
    "C094",
    "C095",
    "C096",
    "C100",
    "C102",
    "C103",
    "C104",
    "C109",
    "C116",
    "C127",
    "C128",
    "C129",
    "C130",
    "C131",
    "C133",
    "C134",
    "C141",
    "C143",
    "C148",
    "C152",
    "C156",
    "C157",
    "C158",
    "C160",
    "C161",
    "C163",
    "C167",
    "C172",
    "C174",
    "C175",
    "C181",
    "C185",
    "C186",
    "C187",
    "C199",
    "C200",
)


def test_every_correction_is_tied_to_its_claim(caveats):
    tied = {claim for item in caveats.values() for claim in item.claims}
    assert set(QUALIFIED) - tied == set()


def test_both_sides_of_the_disputes_are_rows(contradictions):
    sides = {}
    for item in contradictions.values():
        sides.setdefault(item.topic, set()).add(item.direction)
    assert sides["cxcr4_prognosis"] == {"adverse", "none"}
    assert sides["ackr3_prognosis"] == {"adverse", "none"}
    assert sides["cxcr4_ihc_positivity"] == {"level"}
    assert sides["survival_20_76_months"] == {"adverse", "favourable", "none"}
    assert sides["cxcl12_protein_rna"] >= {"higher", "lower"}
    assert sides["cxcr4_bulk_rna"] == {"adverse", "favourable"}
    assert sides["cxcl12_spread"] == {"adverse", "favourable"}
    assert len(sides) == 7
    positive = [
        item.effect for item in contradictions.values() if item.topic == "cxcr4_ihc_positivity"
    ]
    assert (min(positive), max(positive)) == (45.1, 94.1)


def test_the_claims_are_told_in_british_words(claims, caveats):
    text = " ".join(
        [
            *(f"{item.statement} {item.test}" for item in claims.values()),
            *(f"{item.caveat} {item.correction}" for item in caveats.values()),
        ]
    )
    assert re.findall(r"\b(?:tumors?|esophag\w*|leukemia|hematopo\w*|signaling)\b", text) == []
