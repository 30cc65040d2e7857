"""References and evidence: each fault named with file, line, id, value and cure."""

import pytest

from cxaxis.core.errors import UserInputError
from cxaxis.knowledge.evidence import (
    EVIDENCE_COLUMNS,
    REFERENCE_COLUMNS,
    citation_findings,
    load_evidence,
    load_references,
    read_evidence,
)

GOOD_REFERENCE = {
    "id": "peled_2014",
    "citation": "Peled 2014. Clin Cancer Res 20:469",
    "year": "2014",
    "identifier": "doi:10.1158/1078-0432.CCR-13-1302",
    "note": "",
}
GOOD_EVIDENCE = {
    "id": "DRG046",
    "quantity": "affinity",
    "value": "84",
    "low": "27",
    "high": "651",
    "unit": "nM",
    "system": "human",
    "species": "human",
    "tissue": "blood_or_marrow",
    "assay": "binding",
    "setting": "in_vitro",
    "directness": "direct",
    "reference": "peled_2014",
    "seen": "https://example.org/peled",
    "status": "seen",
    "role": "parameter",
    "note": "",
}


def write(path, columns, *rows):
    lines = ["\t".join(columns), *("\t".join(row[column] for column in columns) for row in rows)]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


@pytest.fixture
def references(tmp_path):
    return load_references(write(tmp_path / "references.tsv", REFERENCE_COLUMNS, GOOD_REFERENCE))


def faults(call):
    with pytest.raises(UserInputError) as caught:
        call()
    return caught.value.findings


def test_a_good_reference_is_read(references):
    assert references["peled_2014"].year == 2014
    assert references["peled_2014"].where.endswith("references.tsv:2")


@pytest.mark.parametrize(
    ("column", "value", "code", "words"),
    [
        ("id", "Peled-2014", "REF001", ["'Peled-2014'", "lower-case"]),
        ("citation", "", "REF002", ["peled_2014", "empty", "Say who"]),
        ("year", "14", "REF003", ["peled_2014", "'14'", "four digits"]),
        ("identifier", "10.1158/x", "REF004", ["peled_2014", "'10.1158/x'", "doi:10..."]),
    ],
)
def test_a_bad_reference_cell_is_named(tmp_path, column, value, code, words):
    bad = GOOD_REFERENCE | {column: value}
    path = write(tmp_path / "r.tsv", REFERENCE_COLUMNS, bad)
    (finding,) = faults(lambda: load_references(path))
    assert (finding.code, finding.where) == (code, f"{path}:2")
    for word in words:
        assert word in finding.message


def test_evidence_keeps_words_and_lists_as_text(tmp_path, references):
    rows = [
        GOOD_EVIDENCE,
        GOOD_EVIDENCE | {"id": "MOL022", "value": "1500 / 1000", "low": "", "high": ""},
    ]
    evidence = load_evidence(
        write(tmp_path / "e.tsv", EVIDENCE_COLUMNS, *rows), references=references
    )
    assert list(evidence) == ["DRG046", "MOL022"]
    assert evidence["DRG046"].number == 84.0
    assert evidence["MOL022"].value == "1500 / 1000"
    assert evidence["MOL022"].number is None


@pytest.mark.parametrize(
    ("changes", "code", "words"),
    [
        ({"id": "XYZ1"}, "EVID001", ["'XYZ1'", "DRG, MOL, TIS, CLI, IMG or ANN"]),
        ({"quantity": ""}, "EVID002", ["DRG046", "quantity is empty"]),
        ({"reference": "peled_2041"}, "EVID003", ["'peled_2041'", "Did you mean peled_2014?"]),
        ({"reference": ""}, "EVID003", ["reference is empty", "references.tsv"]),
        ({"status": "sen"}, "EVID004", ["'sen'", "Did you mean seen?"]),
        ({"role": "heldout"}, "EVID005", ["'heldout'", "held_out"]),
        ({"seen": ""}, "EVID006", ["seen is empty", "recalled"]),
        ({"status": "recalled"}, "EVID006", ["https://example.org/peled", "leave the cell empty"]),
        ({"low": "700"}, "EVID007", ["low is '700'", "'651'"]),
        ({"species": "humn"}, "EVID008", ["species is 'humn'", "Did you mean human?"]),
        ({"tissue": ""}, "EVID008", ["tissue is empty", "escc | oesophagus"]),
        ({"assay": "bindng"}, "EVID008", ["'bindng'", "Did you mean binding"]),
        ({"setting": "vitro"}, "EVID008", ["'vitro'", "Did you mean in_vitro"]),
        ({"directness": "yes"}, "EVID008", ["'yes'", "direct | indirect | analogy"]),
        ({"species": "rat", "setting": "in_vivo_human"}, "EVID009", ["species is 'rat'"]),
        ({"tissue": "cell_free", "setting": "in_vivo_animal"}, "EVID009", ["living body"]),
        ({"assay": "animal_model"}, "EVID009", ["setting is 'in_vitro'", "in_vivo_animal"]),
        ({"assay": "physical_constant"}, "EVID009", ["'in_vitro'", "constant is physical"]),
        ({"setting": "physical"}, "EVID009", ["assay is 'binding'", "or protocol"]),
    ],
)
def test_a_bad_evidence_cell_is_named(tmp_path, references, changes, code, words):
    path = write(tmp_path / "e.tsv", EVIDENCE_COLUMNS, GOOD_EVIDENCE | changes)
    (finding,) = faults(lambda: load_evidence(path, references=references))
    assert (finding.code, finding.where) == (code, f"{path}:2")
    for word in words:
        assert word in finding.message


def test_all_findings_come_at_once(tmp_path, references):
    rows = [
        GOOD_EVIDENCE | {"status": "x", "role": "y"},
        GOOD_EVIDENCE | {"id": "bad", "quantity": ""},
    ]
    path = write(tmp_path / "e.tsv", EVIDENCE_COLUMNS, *rows)
    findings = faults(lambda: load_evidence(path, references=references))
    assert [item.code for item in findings] == ["EVID004", "EVID005", "EVID001", "EVID002"]


def test_citations_must_be_known_once_and_not_held_out(tmp_path, references):
    rows = [GOOD_EVIDENCE, GOOD_EVIDENCE | {"id": "DRG028", "role": "held_out"}]
    evidence, _ = read_evidence(
        write(tmp_path / "e.tsv", EVIDENCE_COLUMNS, *rows), references=references
    )
    found = list(
        citation_findings(
            ["DRG046", "DRG046", "DRG028", "DRG064"],
            evidence,
            where="parameters.tsv:7",
            citer="kd_plerixafor",
            code="PARAM010",
        )
    )
    assert {item.where for item in found} == {"parameters.tsv:7"}
    twice, held_out, unknown = (item.message for item in found)
    assert "'DRG046' is listed twice" in twice
    assert "'DRG028' is held_out and may only be predicted" in held_out
    assert "unknown evidence 'DRG064'. Did you mean DRG046" in unknown
    assert all("kd_plerixafor" in item.message for item in found)
