"""Damaged tables get findings, never another exception."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cxaxis.core.errors import Finding, Severity
from cxaxis.knowledge.antagonist_classes import read_antagonist_classes
from cxaxis.knowledge.audits import read_audits
from cxaxis.knowledge.caveats import read_caveats, read_contradictions
from cxaxis.knowledge.cell_contexts import load_cell_contexts, read_cell_contexts
from cxaxis.knowledge.cell_fit import load_cell_fit, read_points, read_priors, read_readouts
from cxaxis.knowledge.cell_observations import read_cell_observations
from cxaxis.knowledge.claims import (
    load_claims,
    load_review_references,
    read_claims,
    read_review_references,
)
from cxaxis.knowledge.drugs import load_drugs
from cxaxis.knowledge.evidence import load_evidence, load_references, read_evidence
from cxaxis.knowledge.expectations import read_expectations
from cxaxis.knowledge.hazard_ratios import read_hazard_ratios
from cxaxis.knowledge.ihc_cutoffs import read_ihc_cutoffs
from cxaxis.knowledge.landmarks import read_landmarks
from cxaxis.knowledge.parameters import load_parameters, read_parameters
from cxaxis.knowledge.registry import read_registry
from cxaxis.knowledge.relevance import read_relevance_rules
from cxaxis.knowledge.tables import read_bytes
from cxaxis.knowledge.waits import read_waits

REFERENCES = load_references()
EVIDENCE = load_evidence(references=REFERENCES)
NUMBERED = load_review_references(references=REFERENCES)
CONTEXTS = load_cell_contexts()
CLASSES = {
    "evidence": EVIDENCE,
    "drugs": load_drugs(evidence=EVIDENCE),
    "parameters": load_parameters(evidence=EVIDENCE),
}
PARAMETERS = load_parameters(evidence=EVIDENCE)
READOUTS = load_cell_fit().readouts
CLAIMS = load_claims(review_references=NUMBERED)
REST = {"claims": CLAIMS, "evidence": EVIDENCE, "references": REFERENCES}
READERS = {
    "review_references.tsv": lambda path: read_review_references(path, references=REFERENCES),
    "claims.tsv": lambda path: read_claims(path, review_references=range(1, 122)),
    "caveats.tsv": lambda path: read_caveats(path, **REST),
    "contradictions.tsv": lambda path: read_contradictions(path, **REST),
    "registry.tsv": lambda path: read_registry(path, **REST),
    "evidence.tsv": lambda path: read_evidence(path, references=REFERENCES),
    "parameters.tsv": lambda path: read_parameters(path, evidence=EVIDENCE),
    "relevance_rules.tsv": read_relevance_rules,
    "audits.tsv": lambda path: read_audits(path, claims=CLAIMS, review_references=NUMBERED),
    "expectations.tsv": lambda path: read_expectations(
        path, evidence=EVIDENCE, references=REFERENCES
    ),
    "waits.tsv": lambda path: read_waits(path, claims=CLAIMS),
    "antagonist_classes.tsv": lambda path: read_antagonist_classes(path, **CLASSES),
    "cell_contexts.tsv": lambda path: read_cell_contexts(path, evidence=EVIDENCE),
    "cell_observations.tsv": lambda path: read_cell_observations(
        path, evidence=EVIDENCE, contexts=CONTEXTS
    ),
    "cell_readouts.tsv": read_readouts,
    "cell_points.tsv": lambda path: read_points(
        path, readouts=READOUTS, contexts=CONTEXTS, evidence=EVIDENCE
    ),
    "cell_priors.tsv": lambda path: read_priors(path, parameters=PARAMETERS),
    "hazard_ratios.tsv": lambda path: read_hazard_ratios(
        path, evidence=EVIDENCE, references=REFERENCES
    ),
    "ihc_cutoffs.tsv": lambda path: read_ihc_cutoffs(path, evidence=EVIDENCE),
    "landmarks.tsv": lambda path: read_landmarks(path, evidence=EVIDENCE),
}
# The first lines are enough to damage, and quick to read; the rules must be complete.
LINES = {
    name: read_bytes(None, name)[1]
    .rstrip(b"\n")
    .split(b"\n")[: None if name == "relevance_rules.tsv" else 12]
    for name in READERS
}

TEXT = st.one_of(
    st.text(max_size=30),
    st.sampled_from(
        ["", ";", ";;", "C999", "NCT1", "1e999", "nan", "-1", "٣", "1/0", "m**9", "a//b", "(", "²"]
    ),
)


@pytest.fixture(scope="module")
def file(tmp_path_factory):
    return tmp_path_factory.mktemp("damage") / "table.tsv"


def errors_of(name, file, lines):
    file.write_bytes(b"\n".join(lines) + b"\n")
    _, findings = READERS[name](file)
    assert all(isinstance(item, Finding) and str(file) in item.where for item in findings)
    assert all(item.message and "\n" not in item.where for item in findings)
    return [item for item in findings if item.severity is Severity.ERROR]


@pytest.mark.parametrize("name", READERS)
def test_undamaged_lines_have_no_error(name, file):
    assert errors_of(name, file, LINES[name]) == []


@pytest.mark.parametrize("name", READERS)
@given(data=st.data())
def test_a_cell_replaced_by_anything(name, file, data):
    lines = list(LINES[name])
    at = data.draw(st.integers(0, len(lines) - 1))
    cells = lines[at].split(b"\t")
    column = data.draw(st.integers(0, len(cells) - 1))
    cells[column] = data.draw(TEXT).encode()
    lines[at] = b"\t".join(cells)
    errors_of(name, file, lines)


@pytest.mark.parametrize("name", READERS)
@given(data=st.data())
def test_bytes_strewn_in(name, file, data):
    content = b"\n".join(LINES[name])
    start = data.draw(st.integers(0, len(content)))
    stop = data.draw(st.integers(start, min(len(content), start + 200)))
    content = content[:start] + data.draw(st.binary(max_size=20)) + content[stop:]
    errors_of(name, file, [content])


@pytest.mark.parametrize("name", READERS)
@given(data=st.data())
def test_a_row_that_stands_twice_or_lost_a_cell_is_found(name, file, data):
    lines = list(LINES[name])
    at = data.draw(st.integers(1, len(lines) - 1))
    assert errors_of(name, file, [*lines, lines[at]]) != []
    shorter = lines[at].split(b"\t")
    del shorter[data.draw(st.integers(0, len(shorter) - 1))]
    lines[at] = b"\t".join(shorter)
    assert errors_of(name, file, lines) != []


@given(data=st.data())
def test_an_interval_that_runs_backwards_is_found(file, data):
    lines = list(LINES["contradictions.tsv"])
    header = lines[0].split(b"\t")
    low = data.draw(st.floats(-1e6, 1e6))
    high = data.draw(st.floats(-1e6, 1e6).filter(lambda item: item < low))
    cells = lines[4].split(b"\t")
    cells[header.index(b"low")] = repr(low).encode()
    cells[header.index(b"high")] = repr(high).encode()
    lines[4] = b"\t".join(cells)
    assert "CONT011" in {item.code for item in errors_of("contradictions.tsv", file, lines)}


@given(digits=st.integers(0, 20).filter(lambda item: item != 8), data=st.data())
def test_a_trial_number_of_another_length_is_found(file, digits, data):
    lines = list(LINES["registry.tsv"])
    header = lines[0].split(b"\t")
    number = data.draw(st.text("0123456789", min_size=digits, max_size=digits))
    cells = lines[2].split(b"\t")
    cells[header.index(b"nct")] = f"NCT{number}".encode()
    lines[2] = b"\t".join(cells)
    assert "REGI010" in {item.code for item in errors_of("registry.tsv", file, lines)}
