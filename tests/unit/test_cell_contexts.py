"""The kinds of cell: the shipped table, and each cell of it damaged."""

import pytest

from cxaxis.core.errors import UserInputError
from cxaxis.knowledge.cell_contexts import (
    CELL_CONTEXT_COLUMNS,
    cell_context,
    load_cell_contexts,
    read_cell_contexts,
)
from cxaxis.knowledge.evidence import load_evidence

EVIDENCE = load_evidence()
SOUND = {
    "id": "line",
    "name": "some line",
    "cxcr4_per_cell": "20000",
    "ackr3_per_cell": "0",
    "arrestin_per_cell": "500000",
    "cxcl12_gene": "1",
    "settings": "endothelial=1;oxygen=9300",
    "status": "assumed",
    "evidence": "MOL057",
    "note": "by hand",
}


def read(tmp_path, **changes):
    path = tmp_path / "cell_contexts.tsv"
    cells = SOUND | changes
    lines = ["\t".join(CELL_CONTEXT_COLUMNS), "\t".join(cells[c] for c in CELL_CONTEXT_COLUMNS)]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return read_cell_contexts(path, evidence=EVIDENCE)


def test_the_shipped_table_has_every_kind_of_cell_and_tells_extrapolations():
    contexts = load_cell_contexts()
    assert {
        *("cxcr4_only", "ackr3_only", "double", "eca109", "ec9706", "normal_oesophageal"),
        *("endothelial", "t_cell", "calibration_line", "tumour_cell"),
    } <= set(contexts)
    assert contexts["ackr3_only"].cxcr4_per_cell == 0
    assert contexts["cxcr4_only"].ackr3_per_cell == 0
    for name in ("eca109", "ec9706"):
        assert "extrapolation" in contexts[name].note
        assert contexts[name].status == "assumed"
    cancer, normal = contexts["eca109"], contexts["normal_oesophageal"]
    assert cancer.cxcr4_per_cell > 5 * normal.cxcr4_per_cell


def test_a_sound_row_is_read(tmp_path):
    contexts, findings = read(tmp_path)
    assert findings == ()
    assert contexts["line"].cxcr4_per_cell == 20000
    assert contexts["line"].settings == {"endothelial": 1.0, "oxygen": 9300.0}
    assert contexts["line"].evidence == ("MOL057",)
    assert contexts["line"].where.endswith("cell_contexts.tsv:2")


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"cxcr4_per_cell": "many"}, "CCTX001"),
        ({"ackr3_per_cell": "-1"}, "CCTX001"),
        ({"settings": "endothelial"}, "CCTX002"),
        ({"settings": "endothelial=yes"}, "CCTX002"),
        ({"status": "guessed"}, "CCTX003"),
        ({"note": ""}, "CCTX004"),
        ({"evidence": "MOL999"}, "CCTX005"),
    ],
)
def test_a_damaged_cell_is_one_finding_with_its_line(tmp_path, changes, code):
    contexts, findings = read(tmp_path, **changes)
    assert [item.code for item in findings] == [code]
    assert "cell_contexts.tsv:2" in findings[0].where
    assert not contexts


def test_held_out_evidence_may_not_set_a_kind_of_cell(tmp_path):
    held = next(row.id for row in EVIDENCE.values() if row.role == "held_out")
    _, findings = read(tmp_path, evidence=held)
    assert [item.code for item in findings] == ["CCTX005"]


def test_an_unknown_kind_of_cell_names_the_nearest():
    with pytest.raises(UserInputError, match="Did you mean eca109"):
        cell_context("eca_109")
