"""The table of observations refuses what could not be read, traced or lost."""

import pytest

from cxaxis.core.errors import UserInputError
from cxaxis.knowledge.cell_contexts import load_cell_contexts
from cxaxis.knowledge.cell_observations import (
    CELL_OBSERVATION_COLUMNS,
    load_cell_observations,
    read_cell_observations,
)
from cxaxis.knowledge.evidence import load_evidence

EVIDENCE = load_evidence()
CONTEXTS = load_cell_contexts()
GOOD = {
    "id": "calcium_seen",
    "quantity": "calcium peak",
    "output": "calcium_free",
    "feature": "rise_left_at",
    "dose_nM": "100",
    "minutes": "2;3",
    "setting": "forskolin=1",
    "context": "cxcr4_only",
    "against": "",
    "low": "-0.3",
    "high": "0.15",
    "unit": "1",
    "role": "fitted",
    "source": "MOL128",
    "control": "pertussis_toxin=1;k_plc=0",
    "outcome": "inside",
    "note": "",
}


def read(tmp_path, **changes):
    path = tmp_path / "observations.tsv"
    cells = {**GOOD, **changes}
    lines = [CELL_OBSERVATION_COLUMNS, [cells[name] for name in CELL_OBSERVATION_COLUMNS]]
    path.write_text("".join("\t".join(line) + "\n" for line in lines))
    return read_cell_observations(path, evidence=EVIDENCE, contexts=CONTEXTS)


def test_a_sound_row_is_read(tmp_path):
    rows, findings = read(tmp_path)
    assert findings == ()
    row = rows["calcium_seen"]
    assert row.minutes == (2.0, 3.0)
    assert row.control == {"pertussis_toxin": 1.0, "k_plc": 0.0}
    assert (row.low, row.high, row.dose_nM) == (-0.3, 0.15, 100.0)


def test_an_open_end_is_infinite(tmp_path):
    assert read(tmp_path, low="")[0]["calcium_seen"].low == float("-inf")


@pytest.mark.parametrize(
    ("changes", "code", "cure"),
    [
        ({"control": ""}, "CELLOBS001", "control is empty"),
        ({"feature": "peak_tim"}, "CELLOBS002", "peak_time"),
        ({"minutes": ""}, "CELLOBS003", "rise_left_at needs it"),
        ({"dose_nM": "-1"}, "CELLOBS004", "0 or more"),
        ({"minutes": "2;x"}, "CELLOBS004", "numbers of 0 or more"),
        ({"high": "much"}, "CELLOBS004", "open end"),
        ({"setting": "forskolin"}, "CELLOBS005", "name=number"),
        ({"control": "k_plc=none"}, "CELLOBS005", "name=number"),
        ({"low": "", "high": ""}, "CELLOBS006", "at least one end"),
        ({"high": "-0.4"}, "CELLOBS006", "above low"),
        ({"unit": "flurb"}, "CELLOBS006", "Give a unit"),
        ({"context": "cxcr4_onl"}, "CELLOBS007", "cxcr4_only"),
        ({"against": "nobody"}, "CELLOBS007", "against"),
        ({"role": "guessed"}, "CELLOBS008", "held_out"),
        ({"outcome": "near"}, "CELLOBS009", "inside"),
        ({"outcome": "outside"}, "CELLOBS009", "Only a held-out row"),
        ({"source": ""}, "CELLOBS010", "Name the evidence"),
        ({"source": "MOL12"}, "CELLOBS010", "unknown evidence"),
        ({"role": "held_out"}, "CELLOBS011", "the role of its source"),
        ({"source": "MOL481"}, "CELLOBS011", "'held_out'"),
    ],
)
def test_what_is_wrong_is_said_once_and_with_a_cure(tmp_path, changes, code, cure):
    rows, findings = read(tmp_path, **changes)
    assert "calcium_seen" not in rows
    assert code in {item.code for item in findings}
    assert any(cure in item.message for item in findings)


def test_the_loader_raises_with_every_finding(tmp_path):
    path = tmp_path / "observations.tsv"
    path.write_text("id\n")
    with pytest.raises(UserInputError, match="is missing"):
        load_cell_observations(path)


def test_the_shipped_rows_rest_on_the_roles_of_the_dossier():
    for row in load_cell_observations().values():
        assert {EVIDENCE[item].role for item in row.source} == {row.role}
