"""Designs in a protocol: what is refused, with its line and cure, and what the rest means."""

from importlib import resources
from typing import get_args

import numpy as np
import pytest

from cli_support import PROTOCOL
from cxaxis.core.errors import ModelValueError, UserInputError
from cxaxis.knowledge.drugs import load_drugs
from cxaxis.trial.biomarkers import BIOMARKERS, CALLS, enters, strata_of
from cxaxis.trial.protocol import Protocol, read_protocol
from cxaxis.trial.protocol_parts import Enrichment, Stratum, whole_parts
from cxaxis.trial.schemas import ADSL, STAIN_CALLS

#: Of the tiny protocol, as hashed before there were designs.
FIRST_HASH = "3499e25e4d213187ca1ccd032c670840095c1de008543464ec7f7b637175f761"
BANDS = "biomarker_strata: [{biomarker: CXCL12H, bands: [[0, 100], [100, 300]]}]"
LOOKS = "interim: {events: 2, information_fractions: [0.5], futility_z: [0.0]}"
SOUND = (
    "allocation: {control: 0.5, daily: 0.5}",
    "allocation: {control: 0.333, daily: 0.667}",
    "strata: [stage, sex, ihc_uchi_2016_cxcr4, ihc_uchi_2016_cxcl12]",
    BANDS,
    "biomarker_strata: [{biomarker: SERUMX12, bands: [[2.5, null], [0, 2.5]]}]",
    LOOKS,
    "interim: {events: 2, look_days: [8, 10], sides: 1, alpha: 0.025, end_point: PFS, arm: daily}",
    "enrichment: {biomarker: CXCR4H, above: 100}",
    "enrichment: {biomarker: CXCR4GR, call: high}",
    "crossover: {to: daily}",
    "baskets: [{id: distant, setting: metastatic_escc, patients_per_ratio_unit: 2}]",
    "estimand: while_on_treatment",
    "replay: false",
)
# what is added as line 27, the code and the words of the one message about it
FAULTS = {
    "shares below one": ("allocation: {control: 0.5, daily: 0.4}", "PROT028", ("sums to 0.9",)),
    "shares above one": ("allocation: {control: 0.5, daily: 0.6}", "PROT028", ("sums to 1.1",)),
    "no share": ("allocation: {control: 1, daily: 0}", "PROT028", ("daily is 0", "above 0")),
    "negative share": ("allocation: {control: 2, daily: -1}", "PROT028", ("daily is -1",)),
    "share of no arm": (
        "allocation: {control: 0.5, daily: 0.25, dayly: 0.25}",
        "PROT028",
        ("'dayly', no arm", "daily?"),
    ),
    "arm without share": ("allocation: {control: 1}", "PROT028", ("lacks daily",)),
    "stratum twice": ("strata: [stage, stage]", "PROT024", ("stage twice", "Remove")),
    "one stain cut twice": (
        "strata: [ihc_gockel_2006_cxcr4_any, ihc_gockel_2006_cxcr4_strong]",
        "PROT024",
        ("any and ihc_gockel_2006_cxcr4_strong overlap", "CXCR4"),
    ),
    "bands that overlap": (
        BANDS.replace("[[0, 100]", "[[0, 150]"),
        "PROT024",
        ("[0, 150] and [100, 300] overlap", "0 to 300"),
    ),
    "bands with a gap": (BANDS.replace("[0, 100]", "[0, 90]"), "PROT024", ("from 90 to 100",)),
    "bands that end early": (BANDS.replace("300", "250"), "PROT024", ("above 250 there is none",)),
    "band outside": (BANDS.replace("300", "400"), "PROT026", ("[100, 400] is outside", "0 to 300")),
    "bands of nothing": (BANDS.replace("CXCL12H", "CXCL12"), "PROT025", ("CXCL12H",)),
    "cut-off above the range": (
        "enrichment: {biomarker: CXCR4H, above: 350}",
        "PROT026",
        ("above is 350", "0 to 300"),
    ),
    "cut-off below the range": (
        "enrichment: {biomarker: SCX4, above: -0.1}",
        "PROT026",
        ("above is -0.1", "0 to 1"),
    ),
    "cut-off that leaves nobody": (
        "enrichment: {biomarker: CXCR4H, above: 300}",
        "PROT026",
        ("leaves patients above",),
    ),
    "cut-off of a call": (
        "enrichment: {biomarker: CXCR4GR, above: 10}",
        "PROT025",
        ("call of a stain", "call: high"),
    ),
    "call of a number": ("enrichment: {biomarker: CXCR4H, call: high}", "PROT025", ("above:",)),
    "no biomarker": ("enrichment: {biomarker: CXCR4, above: 1}", "PROT025", ("CXCR4H",)),
    "look at the end": (
        LOOKS.replace("[0.5]", "[1.0]"),
        "PROT027",
        ("has 1", "before the end", "below 1"),
    ),
    "look after the end": (
        "interim: {events: 2, look_days: [8, 20]}",
        "PROT027",
        ("has 20", "horizon_day 14", "before the end"),
    ),
    "looks out of order": (
        "interim: {events: 2, information_fractions: [0.5, 0.25]}",
        "PROT027",
        ("0.5, 0.25 do not increase",),
    ),
    "no looks": ("interim: {events: 2}", "PROT027", ("needs its looks once",)),
    "look that sees nothing": (
        "interim: {events: 2, look_days: [3], end_point: PFS}",
        "PROT027",
        ("has 3", "visits.first_day 7", "PFS"),
    ),
    "futility of other looks": (
        LOOKS.replace("[0.0]", "[0.0, 1.0]"),
        "PROT027",
        ("2 numbers for 1",),
    ),
    "looks at no end point": (
        LOOKS.replace("{", "{end_point: LRC, "),
        "PROT027",
        ("LRC is not among endpoints",),
    ),
    "looks at no arm": (LOOKS.replace("{", "{arm: dayly, "), "PROT027", ("'dayly'", "daily?")),
    "looks at the control": (LOOKS.replace("{", "{arm: control, "), "PROT027", ("the control",)),
    "events that cannot come": (LOOKS.replace("2,", "3,", 1), "PROT027", ("more than the 2",)),
    "baskets that overlap": (
        "baskets: [{id: early, setting: resectable_escc, patients_per_ratio_unit: 2}]",
        "PROT030",
        ("'early'", "II or III", "could enter both"),
    ),
    "crossing to nowhere": ("crossover: {to: dayly}", "PROT031", ("'dayly', no arm", "daily?")),
    "crossing to control": ("crossover: {to: control}", "PROT031", ("'control', the control",)),
    "unsealed replay": ("replay: true", "PROT032", ("not sealed", "cxaxis trial seal")),
}


@pytest.fixture(scope="module")
def read(tmp_path_factory):
    """Return a function that reads a protocol from text, as ``trial.yaml``."""
    drugs = load_drugs()
    path = tmp_path_factory.mktemp("designs") / "trial.yaml"

    def of(text):
        path.write_text(text, encoding="utf-8")
        return read_protocol(path, drugs=drugs)

    return of


def test_a_protocol_that_says_nothing_new_keeps_its_hash(read):
    protocol = read(PROTOCOL)
    assert protocol.sha256 == FIRST_HASH
    later = {"allocation", "biomarker_strata", "baskets", "enrichment", "crossover", "interim"}
    assert not (later | {"replay"}) & set(protocol.canonical())


@pytest.mark.parametrize("line", SOUND)
def test_a_sound_design_is_read_and_reads_back(line, read):
    protocol = read(f"{PROTOCOL}{line}\n")
    again = Protocol.model_validate(protocol.canonical())
    assert again == protocol
    assert again.sha256 == protocol.sha256
    plain = read(PROTOCOL)
    assert (protocol.sha256 == plain.sha256) == (line == "replay: false")


@pytest.mark.parametrize("case", FAULTS)
def test_a_fault_of_a_design_is_one_message_with_line_and_cure(case, read):
    line, code, words = FAULTS[case]
    with pytest.raises(UserInputError) as refusal:
        read(f"{PROTOCOL}{line}\n")
    (finding,) = refusal.value.findings
    assert (finding.where.rpartition(":")[2], finding.code) == ("27", code)
    for word in words:
        assert word in finding.message


def test_the_faults_of_a_design_come_at_once_beside_those_of_types(read):
    lines = [
        "allocation: {control: 0.5, daily: 0.4}",
        "strata: [sex, sex]",
        "enrichment: {biomarker: CXCR4H, above: 350}",
        "interim: {events: 2, look_days: [8, 20]}",
        "replay: true",
    ]
    wrong = PROTOCOL.replace("first_day: 7", "first_day: 20").replace("seed: 3", "seed: x")
    wrong = wrong.replace("ratio_unit: 1", "ratio_unit: 0").replace("[OS, PFS]", "[OS, PFS, DFS]")
    with pytest.raises(UserInputError) as refusal:
        read("\n".join([wrong, *lines, ""]))
    found = [(item.where.rpartition(":")[2], item.code) for item in refusal.value.findings]
    codes = ["PROT003", "PROT009", "PROT022", "PROT003"]
    codes += ["PROT028", "PROT024", "PROT026", "PROT027", "PROT032"]
    assert [code for _, code in found] == codes
    assert [int(line) for line, _ in found] == sorted(int(line) for line, _ in found)


def test_shares_and_ratios_are_not_both_given(read):
    text = PROTOCOL.replace("id: daily\n", "id: daily\n    ratio: 2\n")
    assert read(text).ratios == (1, 2)
    with pytest.raises(UserInputError, match="ratio is 2, but allocation"):
        read(f"{text}allocation: {{control: 0.5, daily: 0.5}}\n")


def test_an_operation_after_the_last_visit_hides_what_comes_after_it(read):
    text = (resources.files("cxaxis") / "examples" / "neoadjuvant_cross.yaml").read_text("utf-8")
    late = text.replace("first_day: 70", "first_day: 30").replace("every_day: 91", "every_day: 40")
    late = late.replace("surveillance: true", "surveillance: false").replace("1826", "90")
    with pytest.raises(UserInputError) as refusal:
        read(late)
    assert [item.code for item in refusal.value.findings] == ["PROT029", "PROT029"]
    for finding in refusal.value.findings:
        assert "on day 77, after the last visit on day 70" in finding.message
        assert "EFS or DFS" in finding.message


@pytest.mark.parametrize(
    ("shares", "parts"),
    [
        ({"a": 0.5, "b": 0.5}, {"a": 1, "b": 1}),
        ({"a": 0.333, "b": 0.667}, {"a": 1, "b": 2}),
        ({"a": 0.25, "b": 0.25, "c": 0.5}, {"a": 1, "b": 1, "c": 2}),
        ({"a": 0.4, "b": 0.4}, None),
        ({"a": 1.5, "b": -0.5}, None),
        ({}, None),
    ],
)
def test_shares_are_whole_parts_of_one(shares, parts):
    assert whole_parts(shares) == parts


def test_shares_decide_how_many_patients_an_arm_gets(read):
    text = f"{PROTOCOL}allocation: {{daily: 0.75, control: 0.25}}\n"
    protocol = read(text)
    assert (protocol.arm_ids, protocol.ratios) == (("control", "daily"), (1, 3))
    assert protocol.n_patient == 4
    wrong = Protocol.model_validate({**protocol.canonical(), "allocation": {"daily": 1.0}})
    with pytest.raises(ModelValueError, match="every arm a share"):
        _ = wrong.ratios


def test_biomarkers_are_columns_of_the_subjects_and_strata_know_every_stain():
    columns = set(ADSL.column_names)
    assert set(BIOMARKERS) | set(CALLS) <= columns
    assert set(get_args(Stratum)) == {"stage", "sex", "cxcr4_ihc", *STAIN_CALLS}


def test_patients_fall_into_bands_and_enter_above_a_cut_off(read):
    covariates = {
        "stage": np.array(["II", "III", "II", "II"]),
        "cxcl12_h_score": np.array([0.0, 99.9, 100.0, 300.0]),
        "ihc_uchi_2016_cxcr4": np.array(["high", "low", "low", "high"]),
    }
    protocol = read(f"{PROTOCOL}strata: [stage]\n{BANDS}\n")
    assert strata_of(protocol, covariates) == ["II/0", "III/0", "II/1", "II/1"]
    assert strata_of(read(PROTOCOL), covariates) == [""] * 4
    above = enters(Enrichment(biomarker="CXCL12H", above=100.0), covariates)
    assert above.tolist() == [False, False, False, True]
    called = enters(Enrichment(biomarker="CXCR4GR", call="high"), covariates)
    assert called.tolist() == [True, False, False, True]
    assert enters(None, covariates).all()
