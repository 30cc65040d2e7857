"""The shipped drug files: complete, consistent, and no surer than what they rest on."""

import math

import pytest

from cxaxis.core.units import conversion_factor
from cxaxis.knowledge.antagonist_classes import load_antagonist_classes
from cxaxis.knowledge.drugs import load_drugs
from cxaxis.knowledge.evidence import load_evidence
from cxaxis.knowledge.parameters import load_parameters
from cxaxis.knowledge.readings import ASSUMED
from cxaxis.knowledge.registry import load_registry
from cxaxis.models.build import build

DRUGS = load_drugs()
EVIDENCE = load_evidence()
CHECKPOINT = {"camrelizumab", "nivolumab", "pembrolizumab", "tislelizumab", "toripalimab"}


def test_every_drug_of_the_reviews_trials_has_a_file():
    assert {entry.drug for entry in load_registry().values()} <= set(DRUGS)


def test_the_partners_of_a_trial_in_escc_have_files():
    assert {
        *CHECKPOINT,
        "carboplatin",
        "chloroquine",
        "cisplatin",
        "filgrastim",
        "fluorouracil",
        "mavorixafor",
        "paclitaxel",
        "radiotherapy",
    } <= set(DRUGS)


def test_every_drug_can_be_given_by_a_route_with_a_regimen():
    for drug in DRUGS.values():
        assert drug.waits_for is None, drug.id
        assert {regimen.route for regimen in drug.regimens.values()} <= set(drug.target), drug.id
        assert drug.regimens, drug.id


@pytest.mark.parametrize("drug", [name for name in DRUGS if DRUGS[name].molar_mass])
def test_every_dose_of_a_drug_goes_to_a_species_of_the_model(drug):
    species = set(build("pharmacy_bench").species)
    assert set(DRUGS[drug].target.values()) <= species


def test_drugs_at_cxcr4_share_a_place_and_so_do_antibodies_against_pd_1():
    antagonists = {d.id for d in DRUGS.values() if "CXCR4" in d.binds}
    assert len(antagonists) == 10
    for names, places in (
        (antagonists, {"antagonist_depot", "antagonist_central"}),
        (CHECKPOINT, {"checkpoint_central"}),
    ):
        for name in names:
            assert set(DRUGS[name].target.values()) <= places, name


def test_cytotoxic_prescriptions_pass_a_pump_that_may_withhold():
    for name in ("cisplatin", "carboplatin", "fluorouracil", "paclitaxel"):
        assert set(DRUGS[name].target.values()) == {f"{name}_pump"}


def test_the_class_of_the_review_follows_from_the_mechanism():
    classes = {
        "cxcr4_antagonist_small_molecule": "non_peptide",
        "cxcr4_antagonist_peptide": "small_peptide",
        "cxcr4_antibody": "antibody",
        "cxcl12_analogue": "modified_cxcl12",
    }
    for drug in DRUGS.values():
        assert drug.review_class == classes.get(drug.drug_class, "other"), drug.id


def test_agents_of_the_axis_and_no_others_have_an_action():
    for drug in DRUGS.values():
        assert bool(drug.action) == bool({"CXCR4", "CXCL12"} & set(drug.binds)), drug.id


def test_every_number_rests_on_evidence_or_says_that_it_is_assumed():
    numbers = [
        (drug.id, name, item) for drug in DRUGS.values() for name, item in drug.properties.items()
    ]
    assert len(numbers) > 60
    for drug, name, item in numbers:
        rests = all(EVIDENCE[row].role != "held_out" for row in item.evidence)
        assert rests, (drug, name)
        assert item.evidence or item.note.startswith(ASSUMED), (drug, name)
    for drug in DRUGS.values():
        for name, regimen in drug.regimens.items():
            assert regimen.evidence or regimen.note.startswith(ASSUMED), (drug.id, name)


@pytest.mark.parametrize(
    ("drug", "status", "date"),
    [
        ("motixafortide", "approved", "2023-09-11"),
        ("mavorixafor", "approved", "2024-04"),
        ("ctce_9908", "orphan", "2005-07"),
        ("olaptesed", "orphan", "2014-09-23"),
    ],
)
def test_standings_are_what_regulators_said(drug, status, date):
    assert (status, date) in {(item.status, item.date) for item in DRUGS[drug].regulatory}


def test_agents_of_the_axis_are_approved_for_mobilisation_or_whim_alone():
    axis = {drug.id for drug in DRUGS.values() if drug.action}
    approved = {
        drug for drug in axis if any(item.status == "approved" for item in DRUGS[drug].regulatory)
    }
    assert approved == {"mavorixafor", "motixafortide", "plerixafor"}


def test_motixafortide_leaves_its_receptor_with_a_half_life_of_5_7_h():
    numbers = DRUGS["motixafortide"].properties
    koff_per_s = numbers["koff_cxcr4"].value
    assert math.log(2) / koff_per_s / 3600 == pytest.approx(5.7, abs=0.05)
    kd_M = numbers["kd_cxcr4"].value * conversion_factor(numbers["kd_cxcr4"].unit, "mol/L")
    assert koff_per_s / kd_M == pytest.approx(4.3e6, rel=0.02)


def test_checkpoint_antibodies_are_cleared_like_antibodies():
    for name in CHECKPOINT - {"camrelizumab"}:
        item = DRUGS[name].properties["clearance"]
        assert 0.15 <= item.value * conversion_factor(item.unit, "L/day") <= 0.25, name


def test_carboplatin_is_given_by_calverts_formula():
    carboplatin = DRUGS["carboplatin"]
    dose = carboplatin.regimens["preoperative_auc_2_weekly"].dose
    target = carboplatin.properties["target_auc"]
    assert (dose.value, dose.unit) == (target.value, "mg.min/mL")
    assert target.unit == "mg*min/mL"


def test_drugs_bind_in_the_patient_as_their_class_does_in_the_cell():
    """Affinity and rate of leaving of a class that names them are those of its agents."""
    rows = load_parameters()
    compared = 0
    for group in load_antagonist_classes().values():
        for agent in group.agents:
            for name, value in group.values.items():
                own = name.replace("antagonist", agent)
                if own in rows:
                    assert rows[own].value == value, own
                    compared += 1
    assert compared >= 8
