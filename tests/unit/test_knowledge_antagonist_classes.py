"""The classes of drug: the shipped table, and each cell of it damaged."""

import pytest

from cxaxis.core.errors import UserInputError
from cxaxis.knowledge.antagonist_classes import (
    ANTAGONIST_CLASS_COLUMNS,
    DRUG_INPUTS,
    antagonist_class,
    load_antagonist_classes,
    read_antagonist_classes,
)
from cxaxis.knowledge.drugs import load_drugs
from cxaxis.knowledge.evidence import load_evidence
from cxaxis.knowledge.parameters import load_parameters
from cxaxis.models.build import build

KNOWN = {
    "evidence": load_evidence(),
    "drugs": load_drugs(),
    "parameters": load_parameters(),
}
CLASSES = load_antagonist_classes()
SOUND = {
    "id": "clasp",
    "name": "a drug that clasps",
    "species": "antagonist",
    "settings": "drug_shape_preference=0;drug_gi_coupling=0.5",
    "values": "kd_antagonist_cxcr4=2",
    "agents": "plerixafor",
    "status": "assumed",
    "evidence": "DRG046",
    "note": "by hand",
}


def read(tmp_path, **changes):
    path = tmp_path / "antagonist_classes.tsv"
    cells = SOUND | changes
    lines = [
        "\t".join(ANTAGONIST_CLASS_COLUMNS),
        "\t".join(cells[c] for c in ANTAGONIST_CLASS_COLUMNS),
    ]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return read_antagonist_classes(path, **KNOWN)


def test_the_shipped_table_has_every_class():
    assert {
        *("competitive", "allosteric", "slow_off_inverse_agonist", "partial_agonist"),
        *("arrestin_biased", "gi_biased", "bivalent_antibody", "nanobody", "ligand_analogue"),
        "ligand_trap",
    } == set(CLASSES)
    assert CLASSES["ligand_trap"].species == "neutraliser"
    assert CLASSES["competitive"].values == {}


def test_every_drug_on_cxcr4_or_its_ligand_has_one_class():
    of_class = [name for item in CLASSES.values() for name in item.agents]
    on_axis = [drug.id for drug in KNOWN["drugs"].values() if {"CXCR4", "CXCL12"} & {*drug.binds}]
    assert sorted(of_class) == sorted(on_axis)


def test_a_class_does_to_the_receptor_what_its_drugs_say():
    said = {
        "allosteric": "allosteric",
        "slow_off_inverse_agonist": "inverse_agonist",
        "arrestin_biased": "biased",
        "nanobody": "inverse_agonist",
        "ligand_analogue": "ligand_analogue",
        "ligand_trap": "ligand_trap",
    }
    for name, action in said.items():
        for agent in CLASSES[name].agents:
            assert action in KNOWN["drugs"][agent].action, agent


def test_the_inputs_are_those_of_the_cell_model_and_the_values_its_parameters():
    model = build("cell")
    assert set(DRUG_INPUTS) <= set(model.inputs)
    assert {name for name in model.inputs if name.startswith("drug_")} == set(DRUG_INPUTS)
    for item in CLASSES.values():
        assert set(item.values) <= set(model.bindings.values()), item.id
        assert item.species in model.species


def test_a_sound_row_is_read(tmp_path):
    classes, findings = read(tmp_path)
    assert findings == ()
    assert classes["clasp"].settings == {"drug_shape_preference": 0.0, "drug_gi_coupling": 0.5}
    assert classes["clasp"].values == {"kd_antagonist_cxcr4": 2.0}
    assert classes["clasp"].agents == ("plerixafor",)
    assert classes["clasp"].where.endswith("antagonist_classes.tsv:2")


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"species": "drug"}, "ANTC001"),
        ({"settings": "drug_is_alosteric=1"}, "ANTC002"),
        ({"settings": "drug_is_allosteric=2"}, "ANTC002"),
        ({"settings": "drug_shape_preference=-1"}, "ANTC002"),
        ({"settings": "drug_shape_preference"}, "ANTC002"),
        ({"values": "kd_antagonist_cxcr5=2"}, "ANTC003"),
        ({"values": "kd_antagonist_cxcr4=0"}, "ANTC003"),
        ({"agents": "plerixaphor"}, "ANTC004"),
        ({"status": "guessed"}, "ANTC005"),
        ({"note": ""}, "ANTC006"),
        ({"evidence": "DRG999"}, "ANTC007"),
    ],
)
def test_a_damaged_cell_is_one_finding_with_its_line(tmp_path, changes, code):
    classes, findings = read(tmp_path, **changes)
    assert [item.code for item in findings] == [code]
    assert "antagonist_classes.tsv:2" in findings[0].where
    assert not classes


def test_held_out_evidence_may_not_make_a_class(tmp_path):
    held = next(row.id for row in KNOWN["evidence"].values() if row.role == "held_out")
    _, findings = read(tmp_path, evidence=held)
    assert [item.code for item in findings] == ["ANTC007"]


def test_an_unknown_class_names_the_nearest_and_a_drug_its_class():
    with pytest.raises(UserInputError, match="Did you mean nanobody"):
        antagonist_class("nanobodies")
    with pytest.raises(UserInputError, match="plerixafor is of class competitive"):
        antagonist_class("plerixafor")
    assert antagonist_class("nanobody").agents == ("alx_0651",)
