"""Protocol files: every mistake found at once, with file, line, key, value and cure."""

import re
from importlib import resources

import pytest

from cxaxis.core.errors import UserInputError
from cxaxis.knowledge.drugs import load_drugs
from cxaxis.knowledge.wirings import load_wirings
from cxaxis.models.wiring import wiring_options
from cxaxis.trial.protocol import arm_regimens, example_names, read_protocol
from cxaxis.trial.run import key_of_run
from cxaxis.trial.uncertainty import draw_wiring, options_text

TEXT = (resources.files("cxaxis") / "examples" / "crt_plerixafor_small.yaml").read_text("utf-8")


def findings_of(tmp_path, *replacements):
    """Findings of the example with some text replaced, as lines."""
    text = TEXT
    for old, new in replacements:
        assert old in text
        text = text.replace(old, new, 1)
    path = tmp_path / "protocol.yaml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(UserInputError) as caught:
        read_protocol(path)
    for finding in caught.value.findings:
        assert "protocol.yaml:" in finding.where
    return [str(finding) for finding in caught.value.findings]


def line_of(part):
    return next(i for i, line in enumerate(TEXT.splitlines(), start=1) if part in line)


@pytest.mark.parametrize(
    ("old", "new", "line", "words"),
    [
        ("drug: plerixafor", "drug: plerixafr", "drug: plerixafor", ["plerixafr", "mean pler"]),
        ("value: 240", "value: -240", "value: 240", ["-240", "dose"]),
        ("unit: ug/kg}", "unit: ug/acre}", "unit: ug/kg}", ["ug/acre"]),
        ("unit: ug/kg}", "unit: Gy}", "unit: ug/kg}", ["Gy", "Use one of"]),
        ("id: plerixafor_daily", "id: control", "id: plerixafor_daily", ["control", "Rename"]),
        ("patients_per_ratio_unit: 12", "patients_per_ratio_unit: 0", "patients_per", ["0"]),
        ("horizon_day: 366", "horizon_day: 0", "horizon_day", ["horizon_day", "0"]),
        ("control: control", "control: contrl", "control: control", ["contrl", "control?"]),
        ("route: subcutaneous", "route: oral", "route: subcutaneous", ["oral", "subcutaneous"]),
        ("seed: 20261122", "sed: 20261122", "seed: 20261122", ["sed"]),
        ("regimen: definitive_50_4_gy", "regimen: definitive_50_gy", "definitive_50_4", ["50_4"]),
        ("first_day: 84", "first_day: 400", "first_day", ["400", "366"]),
        ("endpoints: [OS,", "endpoints: [OS, OS,", "endpoints", ["endpoints", "twice"]),
    ],
)
def test_a_mistake_is_named_with_its_line_value_and_cure(tmp_path, old, new, line, words):
    found = findings_of(tmp_path, (old, new))
    named = [text for text in found if f"protocol.yaml:{line_of(line)} " in text]
    assert named, found
    for word in words:
        assert any(word in text for text in named), (word, found)


def test_all_mistakes_are_found_at_once(tmp_path):
    found = findings_of(
        tmp_path,
        ("value: 240", "value: -240"),
        ("horizon_day: 366", "horizon_day: 0"),
        ("patients_per_ratio_unit: 12", "patients_per_ratio_unit: 0"),
    )
    assert len(found) >= 3


def test_a_drug_that_waits_for_a_model_is_one_finding_that_says_what_can_be_given(tmp_path):
    drugs = dict(load_drugs())
    absent = drugs["plerixafor"].model_copy(update={"target": {}, "waits_for": "a marrow"})
    path = tmp_path / "protocol.yaml"
    path.write_text(TEXT, encoding="utf-8")
    with pytest.raises(UserInputError) as caught:
        read_protocol(path, drugs={**drugs, "plerixafor": absent})
    first = caught.value.findings[0]
    assert (first.code, first.where) == ("PROT020", f"{path}:{line_of('drug: plerixafor')}")
    for word in ("'plerixafor'", "waits for a marrow", "Use one of: "):
        assert word in first.message
    assert ", plerixafor" not in first.message
    given = TEXT.count("drug: plerixafor")
    assert [item.code for item in caught.value.findings] == ["PROT020"] * given


def test_an_empty_arm_is_refused(tmp_path):
    start = TEXT.index("    regimens:\n")
    end = TEXT.index("  - id: plerixafor_infusion")
    found = findings_of(tmp_path, (TEXT[start:end], ""))
    assert any("is empty" in text and "plerixafor_daily" in text for text in found)


def test_text_that_is_no_yaml_is_refused(tmp_path):
    path = tmp_path / "protocol.yaml"
    for text in ("title: [unclosed", "just words", "- a\n- b\n", ""):
        path.write_text(text, encoding="utf-8")
        with pytest.raises(UserInputError, match=r"protocol\.yaml"):
            read_protocol(path)


def test_an_unknown_example_names_the_known_ones():
    with pytest.raises(UserInputError, match="crt_plerixafor"):
        read_protocol("crt_plerixafr")


@pytest.mark.parametrize("name", example_names())
def test_examples_are_valid_and_read_back_from_their_canonical_form(name):
    protocol = read_protocol(name)
    again = type(protocol).model_validate(protocol.canonical())
    assert again == protocol
    assert again.sha256 == protocol.sha256
    assert read_protocol(f"examples/{name}.yaml") == protocol


def test_an_arm_gets_the_backbone_and_its_own():
    protocol = read_protocol("crt_plerixafor")
    drugs = load_drugs()
    for arm in protocol.arms:
        given = [drug.id for drug, _ in arm_regimens(protocol, arm, drugs)]
        assert given[:3] == ["radiotherapy", "cisplatin", "fluorouracil"]
        assert given[3:] == [item.drug for item in arm.regimens]


def test_the_demonstration_is_50_4_gray_with_400_ug_per_kg_day_beside_the_label():
    protocol = read_protocol("crt_plerixafor")
    assert protocol.n_patient == 600
    assert protocol.horizon_day == 1096
    doses = [arm.regimens[0].dose for arm in protocol.arms if arm.regimens]
    assert [(dose.value, dose.unit) for dose in doses] == [(240, "ug/kg"), (400, "ug/kg/day")]


def test_wirings_are_drawn_with_their_prior_weights():
    wirings = load_wirings()
    draws = [draw_wiring(wirings, seed=3, draw=k) for k in range(1500)]
    for name in wiring_options():
        for row in wirings[name]:
            weight = row.prior_weight
            share = sum(getattr(wiring, name) == row.option for wiring in draws) / 1500
            assert share == pytest.approx(weight, abs=3.5 * (weight * (1 - weight) / 1500) ** 0.5)
    texts = {options_text(wiring) for wiring in draws}
    assert "default" in texts
    assert "niche_release=on, ackr3_survival=on" in {text[:39].strip(", ") for text in texts}


def test_a_wiring_of_the_cell_alone_is_refused_in_a_trial(tmp_path):
    changed = ("endpoints:", "wiring: {heterodimer: blunts_gi}\nendpoints:")
    (line,) = findings_of(tmp_path, changed)
    assert "PROT010" in line
    assert "'heterodimer' is of the cell model alone" in line


def operated(tmp_path, *replacements):
    """Findings of the protocol with operations, some text replaced; empty if it can be used."""
    text = (resources.files("cxaxis") / "examples" / "neoadjuvant_cross.yaml").read_text("utf-8")
    for old, new in replacements:
        assert old in text
        text = text.replace(old, new, 1)
    path = tmp_path / "protocol.yaml"
    path.write_text(text, encoding="utf-8")
    try:
        read_protocol(path)
    except UserInputError as caught:
        return [(item.code, item.message) for item in caught.findings]
    return []


def test_end_points_of_the_operated_want_an_operation_in_every_arm(tmp_path):
    assert operated(tmp_path) == []
    alone = "{drug: surgery, regimen: primary_resection}"
    instead = "{drug: cisplatin, regimen: palliative_80_mg_m2}"
    ((code, message),) = operated(tmp_path, (alone, instead))
    assert code == "PROT022"
    for word in ("EFS", "DFS", "surgery_alone"):
        assert word in message


def test_a_patient_has_one_operation(tmp_path):
    alone = "{drug: surgery, regimen: primary_resection}"
    both = f"{alone}\n      - {{drug: surgery, regimen: resection_after_41_4_gy}}"
    ((code, message),) = operated(tmp_path, (alone, both))
    assert code == "PROT021"
    assert "surgery_alone" in message


def test_two_drugs_for_one_place_are_told_for_every_arm_with_its_line(tmp_path):
    """In the backbone once, not again for each arm; other mistakes stand beside."""
    second = "  - {drug: motixafortide, regimen: label_1_25_mg_kg}\n"
    infused = "        route: intravenous\n        start_day: 0\n        duration_day: 52\n"
    found = findings_of(
        tmp_path,
        ("        n_doses: 52\n", f"        n_doses: 52\n    {second}"),
        (infused, f"{infused}    {second}"),
        ("seed: 20261122", "seed: -1"),
    )
    daily, infusion, seed = found
    places = (line_of("n_doses: 52") + 1, line_of("duration_day: 52") + 2)
    for line, place in zip((daily, infusion), places, strict=True):
        assert re.search(rf"protocol\.yaml:{place} .*PROT023", line)
    for line, arm in ((daily, "plerixafor_daily"), (infusion, "plerixafor_infusion")):
        for word in (f"arm {arm!r}", "motixafortide", "plerixafor", "antagonist", "Give one"):
            assert word in line
    assert "seed" in seed


@pytest.mark.parametrize(
    ("agents", "told"),
    [
        (["motixafortide"], ["plerixafor_daily", "plerixafor_infusion"]),
        (["pembrolizumab"], []),
        (["pembrolizumab", "nivolumab"], ["the backbone"]),
        (["olaptesed"], []),
        (["plerixafor"], []),
    ],
)
def test_a_backbone_fills_places_of_every_arm(tmp_path, agents, told):
    """A trap, an antagonist and a checkpoint antibody have a place each; a drug may come twice."""
    drugs = load_drugs()
    lines = [
        f"  - {{drug: {name}, regimen: {next(iter(drugs[name].regimens))}}}" for name in agents
    ]
    text = TEXT.replace("\narms:\n", "\n".join(["", *lines, "", "arms:", ""]), 1)
    path = tmp_path / "protocol.yaml"
    path.write_text(text, encoding="utf-8")
    try:
        read_protocol(path)
        found = ()
    except UserInputError as caught:
        found = caught.findings
    assert {item.code for item in found} <= {"PROT023"}
    messages = [item.message for item in found]
    assert len(messages) == len(told)
    for words, message in zip(told, messages, strict=True):
        assert words in message


def test_margins_of_an_unknown_study_are_refused_and_absent_ones_leave_the_hash(tmp_path):
    line = "patients_per_ratio_unit: 12"
    found = findings_of(tmp_path, (line, f"{line}\n  margins: taiwan_registri"))
    assert any("PROT0" in text and "taiwan_registry?" in text for text in found), found
    hashes, keys = set(), set()
    for words, study in ((None, None), ("true", "all"), ("taiwan_registry", "taiwan_registry")):
        path = tmp_path / "sound.yaml"
        more = "" if words is None else f"\n  margins: {words}"
        path.write_text(TEXT.replace(line, line + more, 1), encoding="utf-8")
        plan = read_protocol(path)
        assert plan.population.margins_of == study
        assert ("margins" in plan.canonical()["population"]) == (study is not None)
        hashes.add(plan.sha256)
        keys.add(key_of_run(plan))
    assert len(hashes) == len(keys) == 3
