"""Isotopes and tracers: physics that fits, numbers that rest on something, damage that is found."""

import dataclasses
import math
from types import MappingProxyType

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cxaxis.core.errors import Finding, UserInputError
from cxaxis.knowledge.drugs import load_drugs
from cxaxis.knowledge.evidence import load_evidence
from cxaxis.knowledge.isotopes import (
    ISOTOPE_COLUMNS,
    QUANTITY_UNITS,
    Isotope,
    load_isotopes,
    read_isotopes,
)
from cxaxis.knowledge.isotopes import cited_evidence as cited_by_isotope
from cxaxis.knowledge.readings import basis_faults, interval_faults, unit_factor
from cxaxis.knowledge.tables import read_bytes
from cxaxis.knowledge.tracer_records import MAY_BE_NEGATIVE, PROPERTY_UNITS
from cxaxis.knowledge.tracers import cited_evidence, load_tracers, read_tracer

SHIPPED = load_evidence()
ANY_ROW = next(iter(SHIPPED.values()))


def row_of_evidence(identity, value="1", unit="1", *, status="seen", role="parameter"):
    return dataclasses.replace(
        ANY_ROW, id=identity, value=value, unit=unit, status=status, role=role, low="", high=""
    )


EVIDENCE = {
    row.id: row
    for row in (
        row_of_evidence("IMG901", "12.7", "h"),
        row_of_evidence("IMG902", "0.175", "1"),
        row_of_evidence("IMG903", "62.7", "uM"),
        row_of_evidence("IMG904", "171 / 245", "keV"),
        row_of_evidence("IMG905", "417", "GBq/umol"),
        row_of_evidence("IMG906", "16.2", "%ID/g", role="fitted"),
        row_of_evidence("IMG907", "40", "%ID/g", role="held_out"),
        row_of_evidence("IMG908", "3", "nM", status="recalled"),
        row_of_evidence("IMG909", "1", "qualitative", role="context"),
    )
}

ISOTOPES = (
    "\t".join(ISOTOPE_COLUMNS) + "\n"
    "cu64\thalf_life\t\t12.7\t12.6\t12.8\th\tseen\tIMG901\t\n"
    "cu64\tpositron_yield\t\t0.175\t\t\t1\tseen\tIMG902\t\n"
    "in111\thalf_life\t\t2.8\t\t\td\tassumed\t\tassumed: for the test\n"
    "in111\tphoton_energy\t1\t171\t\t\tkeV\tseen\tIMG904\t\n"
    "in111\tphoton_yield\t1\t0.907\t\t\t1\tseen\tIMG904\t\n"
)

TRACER = """\
id: cu64_amd3100
name: 64Cu-AMD3100
class: cyclam
modality: PET
isotope: cu64
parent_drug: plerixafor
binds: [CXCR4]
sees_mouse_receptor: {answer: "yes", status: seen, evidence: [IMG909]}
properties:
  affinity_cxcr4:
    value: 62.7
    unit: uM
    measure: kd
    status: disputed
    evidence: [IMG903]
    note: printed so
    rivals:
      - {value: 62.7, unit: nM, measure: kd, status: assumed, note: "assumed: a slip"}
  molar_activity: {value: 417, unit: GBq/umol, low: 99, high: 500, status: seen, evidence: [IMG905]}
  tumour_uptake: {value: 16.2, unit: "%/g", status: seen, evidence: [IMG906]}
held_out: [IMG907]
human_use: {stage: trial, date: 2018-07-10, evidence: [IMG909]}
regulatory:
  - {status: none, indication: none}
"""


def isotopes_in(tmp_path, text=ISOTOPES):
    path = tmp_path / "isotopes.tsv"
    path.write_text(text, encoding="utf-8")
    return path, *read_isotopes(path, evidence=EVIDENCE)


def tracer_in(tmp_path, text=TRACER, name="cu64_amd3100.yaml", drugs=("plerixafor",)):
    _, isotopes, findings = isotopes_in(tmp_path)
    assert findings == ()
    path = tmp_path / name
    path.write_text(text, encoding="utf-8")
    return path, *read_tracer(path, evidence=EVIDENCE, isotopes=isotopes, drugs=drugs)


# Isotopes


def test_a_sound_table_becomes_nuclides(tmp_path):
    path, isotopes, findings = isotopes_in(tmp_path)
    assert findings == ()
    copper, indium = isotopes["cu64"], isotopes["in111"]
    assert (copper.symbol, copper.emissions, copper.where) == ("64Cu", ("positron",), f"{path}:2")
    assert copper.half_life_h == pytest.approx(12.7)
    assert copper.positron_yield == 0.175
    assert (indium.emissions, indium.positron_yield) == (("photon",), 0)
    assert indium.half_life_h == pytest.approx(2.8 * 24)
    assert indium.photon_lines == ((171, 0.907),)
    assert cited_by_isotope(copper) == {"IMG901", "IMG902"}


@pytest.mark.parametrize(
    ("old", "new", "code", "line", "words"),
    [
        ("positron_yield", "positron_yeld", "ISOT002", 3, ["Did you mean positron_yield"]),
        ("energy\t1", "energy\t", "ISOT003", 5, ["line is empty"]),
        ("half_life\t\t12", "half_life\t2\t12", "ISOT003", 2, ["line is '2'"]),
        ("\t0.175\t", "\tmany\t", "ISOT004", 3, ["'many'", "positive number"]),
        ("\t0.175\t", "\t-0.175\t", "ISOT004", 3, ["'-0.175'"]),
        ("\t0.175\t", "\t1.5\t", "ISOT004", 3, ["at most 1"]),
        ("\t12.6\t12.8", "\t12.9\t12.8", "ISOT004", 2, ["low 12.9 is above the value 12.7"]),
        ("\t12.8\t", "\t12.5\t", "ISOT004", 2, ["high 12.5 is below"]),
        ("\th\t", "\tkeV\t", "ISOT005", 2, ["unit is 'keV'", "such as h"]),
        ("\th\t", "\thq\t", "ISOT005", 2, ["unit is 'hq'"]),
        ("\th\tseen", "\th\tsen", "ISOT006", 2, ["Did you mean seen"]),
        ("IMG902", "IMG999", "ISOT007", 3, ["unknown evidence 'IMG999'"]),
        ("IMG902", "IMG907", "ISOT007", 3, ["held_out"]),
        ("\t0.175\t", "\t0.18\t", "ISOT008", 3, ["is 0.18, which", "IMG902 (0.175)"]),
        ("IMG902", "", "ISOT008", 3, ["cites no evidence"]),
        ("assumed: for", "for", "ISOT008", 4, ["'assumed: '"]),
        (
            "in111\tphoton_yield\t1\t0.907\t\t\t1\tseen\tIMG904\t\n",
            "",
            "ISOT009",
            5,
            ["no photon_yield"],
        ),
        ("cu64\thalf_life\t\t12.7\t12.6\t12.8\th\tseen\tIMG901\t\n", "", "ISOT009", 2, ["half_"]),
    ],
)
def test_each_fault_of_a_nuclide_is_named_with_its_line(tmp_path, old, new, code, line, words):
    assert old in ISOTOPES
    path, _, findings = isotopes_in(tmp_path, ISOTOPES.replace(old, new, 1))
    (finding,) = findings
    assert (finding.code, finding.where) == (code, f"{path}:{line}"), str(finding)
    assert all(word in finding.message for word in words), finding.message


def test_a_row_with_another_id_or_twice_the_same_quantity_is_found(tmp_path):
    row = "cu64\tpositron_yield\t\t0.175\t\t\t1\tseen\tIMG902\t\n"
    path, _, (finding,) = isotopes_in(tmp_path, ISOTOPES + row.replace("cu64", "Cu-64"))
    assert (finding.code, finding.where) == ("ISOT001", f"{path}:7")
    assert "id is 'Cu-64'. Write element and mass number, such as f18." in finding.message
    path, _, (finding,) = isotopes_in(tmp_path, ISOTOPES + row)
    assert (finding.code, finding.where) == ("TABLE007", f"{path}:7")


def test_a_nuclide_without_any_yield_is_found(tmp_path):
    text = ISOTOPES + "y90\thalf_life\t\t64\t\t\th\tassumed\t\tassumed: for the test\n"
    path, isotopes, (finding,) = isotopes_in(tmp_path, text)
    assert (finding.code, finding.where) == ("ISOT009", f"{path}:7")
    assert "no yield is given" in finding.message
    assert not isotopes["y90"].sound


def test_a_photon_line_needs_energy_and_yield(tmp_path):
    text = ISOTOPES + "in111\tphoton_energy\t2\t245\t\t\tkeV\tassumed\t\tassumed: so\n"
    path, _, (finding,) = isotopes_in(tmp_path, text)
    assert (finding.code, finding.where) == ("ISOT009", f"{path}:7")
    assert "line 2 has no photon_yield" in finding.message


# Tracers


def test_a_sound_file_becomes_a_tracer_with_both_sides_of_its_dispute(tmp_path):
    path, tracer, findings = tracer_in(tmp_path)
    assert findings == ()
    affinity = tracer.properties["affinity_cxcr4"]
    assert [item.value_in("nM") for item in affinity.readings] == pytest.approx([62700, 62.7])
    assert tracer.properties["molar_activity"].value_in("Ci/umol") == pytest.approx(11.27, rel=1e-3)
    assert (tracer.isotope, tracer.parent_drug, tracer.where) == ("cu64", "plerixafor", f"{path}:1")
    assert cited_evidence(tracer) == {"IMG903", "IMG905", "IMG906", "IMG909"}


@pytest.mark.parametrize(
    ("old", "new", "code", "line", "words"),
    [
        ("parent_drug:", "parent_drg:", "TRAC003", 6, ["unknown key 'parent_drg'"]),
        ("isotope: cu64\n", "", "TRAC003", 1, ["key 'isotope' is missing"]),
        ("class: cyclam", "class: bicyclam", "TRAC003", 3, ["bicyclam"]),
        ("[CXCR4]", "[CXCR5]", "TRAC003", 7, ["binds.0", "CXCR5"]),
        ("[CXCR4]", "[CXCR4, CXCR4]", "TRAC003", 7, ["twice"]),
        ("[CXCR4]", "[]", "TRAC003", 7, ["is empty"]),
        ("molar_activity", "molar_activty", "TRAC003", 19, ["Did you mean molar_activity"]),
        ("low: 99", "low: 450", "TRAC003", 19, ["low 450 is above the value 417"]),
        ("high: 500", "high: 410", "TRAC003", 19, ["high 410 is below"]),
        ("    rivals:\n      - {value: 62.7, unit: nM, measure: kd, status: assumed, "
         'note: "assumed: a slip"}\n', "", "TRAC003", 10, ["no rivals"]),
        ("status: disputed", "status: recalled", "TRAC003", 10, ["has rivals"]),
        ("date: 2018-07-10", "date: 2018-13-10", "TRAC003", 22, ["'2018-13-10' is no date"]),
        ("date: 2018-07-10, ", "", "TRAC003", 22, ["needs date and evidence"]),
        ("stage: trial", "stage: none", "TRAC003", 22, ["stage is none"]),
        ('answer: "yes", status: seen', 'answer: "yes"', "TRAC003", 8, ["without status"]),
        ('answer: "yes"', "answer: unknown", "TRAC003", 8, ["answer is unknown"]),
        ("id: cu64", "id: cu65", "TRAC002", 1, ["'cu65_amd3100'", "'cu64_amd3100'"]),
        ("isotope: cu64", "isotope: cu65", "TRAC004", 5, ["unknown isotope", "mean cu64"]),
        ("isotope: cu64", "isotope: none", "TRAC004", 5, ["PET needs an isotope"]),
        ("isotope: cu64", "isotope: in111", "TRAC004", 5, ["positron emitter", "emits photon"]),
        ("modality: PET", "modality: SPECT", "TRAC004", 5, ["SPECT needs a photon emitter"]),
        ("isotope: cu64", "isotope: cu64\nlabel: dye", "TRAC004", 6, ["label is for optical"]),
        ("parent_drug: pl", "parent_drug: p", "TRAC005", 6, ["Did you mean plerixafor"]),
        ("[CXCR4]", "[ACKR3]", "TRAC006", 10, ["binds does not name CXCR4"]),
        ("unit: uM", "unit: mg", "TRAC006", 12, ["unit 'mg' is none of affinity_cxcr4"]),
        ("unit: uM", "unit: (", "TRAC006", 12, ["unit '('"]),
        ("value: 16.2", "value: -16.2", "TRAC006", 20, ["value is -16.2", "positive"]),
        ("    measure: kd\n", "", "TRAC006", 10, ["measure is for affinities", "Add measure"]),
        ("[IMG905]", "[IMG995]", "TRAC007", 19, ["molar_activity", "unknown evidence"]),
        ("[IMG906]", "[IMG907]", "TRAC007", 20, ["held_out and may only be predicted"]),
        ("[IMG905]", "[]", "TRAC008", 19, ["is seen, but cites no evidence"]),
        ("value: 417", "value: 418", "TRAC008", 19, ["is 418 GBq/umol", "IMG905 (417 GBq/umol)"]),
        ("value: 16.2", "value: 16.3", "TRAC008", 20, ["IMG906 (16.2 %ID/g)"]),
        ("    value: 62.7", "    value: 62", "TRAC008", 10, ["IMG903 (62.7 uM)"]),
        ('"assumed: a slip"', "a slip", "TRAC008", 18, ["rivals.0", "'assumed: '"]),
        ("    note: printed so\n", "", "TRAC008", 10, ["Say what is disputed"]),
        (", evidence: [IMG909]}\nprop", "}\nprop", "TRAC008", 8, ["is seen, but cites no"]),
        ("held_out: [IMG907]", "held_out: [IMG906]", "TRAC009", 21, ["role fitted"]),
        ("held_out: [IMG907]", "held_out: [IMG97]", "TRAC009", 21, ["unknown evidence 'IMG97'"]),
        ("held_out: [IMG907]", "held_out: [IMG907, IMG907]", "TRAC009", 21, ["twice"]),
        ("stage: trial", "stage: registered", "TRAC010", 22, ["holds no approval"]),
        ("status: none, ind", "status: approved, ind", "TRAC010", 22, ["holds an approval"]),
    ],
)  # fmt: skip
def test_each_fault_of_a_tracer_is_named_with_its_line(tmp_path, old, new, code, line, words):
    assert old in TRACER
    path, tracer, findings = tracer_in(tmp_path, TRACER.replace(old, new, 1))
    assert tracer is None
    (finding,) = findings
    assert (finding.code, finding.where) == (code, f"{path}:{line}"), str(finding)
    assert all(word in finding.message for word in words), finding.message


def test_an_optical_tracer_names_its_dye_and_carries_no_isotope(tmp_path):
    text = TRACER.replace("modality: PET", "modality: optical_fluorescence")
    _, _, (isotope, label) = tracer_in(tmp_path, text)
    assert "carries no isotope" in isotope.message
    assert "label is missing" in label.message
    sound = text.replace("isotope: cu64", "isotope: none\nlabel: IRDye 800CW")
    _, tracer, findings = tracer_in(tmp_path, sound)
    assert (tracer.isotope, findings) == (None, ())


def test_a_seen_number_needs_evidence_that_was_seen(tmp_path):
    old = "molar_activity: {value: 417, unit: GBq/umol, low: 99, high: 500, status: seen,"
    new = "affinity_unlabelled: {value: 3, unit: nM, measure: ki, status: seen,"
    text = TRACER.replace(f"{old} evidence: [IMG905]}}", f"{new} evidence: [IMG908]}}")
    _, _, (finding,) = tracer_in(tmp_path, text)
    assert "is seen, but IMG908 is not" in finding.message


def test_findings_of_all_files_come_at_once(tmp_path):
    folder = tmp_path / "tracers"
    folder.mkdir()
    (folder / "cu64_amd3100.yaml").write_text(TRACER.replace("PET", "CT"), encoding="utf-8")
    (folder / "zeta.yaml").write_text("not: [closed\n", encoding="utf-8")
    known = MappingProxyType(EVIDENCE)
    with pytest.raises(UserInputError) as caught:
        load_tracers(folder, evidence=known, isotopes={}, drugs=())
    names = [item.where.rsplit("/", 1)[1].split(":")[0] for item in caught.value.findings]
    assert names == ["cu64_amd3100.yaml", "zeta.yaml"]


def test_an_empty_folder_is_a_finding(tmp_path):
    with pytest.raises(UserInputError) as caught:
        load_tracers(tmp_path, evidence=EVIDENCE, isotopes={}, drugs=())
    (finding,) = caught.value.findings
    assert (finding.code, finding.where) == ("TRAC001", str(tmp_path))


# Readings


@pytest.mark.parametrize("unit", ["", "9", "m**9", "9**9**9", "a//b", "nM ", "(", "٣", "h" * 99])
def test_what_is_no_plain_unit_has_no_factor(unit):
    assert unit_factor(unit, "h") is None


@given(value=st.floats(1e-6, 1e6), low=st.floats(1e-6, 1e6), high=st.floats(1e-6, 1e6))
def test_an_interval_is_sound_if_and_only_if_it_holds_the_value(value, low, high):
    assert (list(interval_faults(value, low, high)) == []) == (low <= value <= high)


@given(factor=st.floats(0.1, 10))
def test_a_number_agrees_with_its_evidence_in_any_unit_and_only_then(factor):
    faults = list(basis_faults(12.7 * 60 * factor, "min", "seen", "", ["IMG901"], EVIDENCE))
    assert (faults == []) == math.isclose(factor, 1, rel_tol=1e-6)


def test_a_derived_number_may_differ_from_what_it_cites_but_says_how():
    cited = ["IMG908"]
    assert list(basis_faults(2, "nM", "derived", "two thirds", cited, EVIDENCE)) == []
    (fault,) = basis_faults(2, "nM", "derived", "", cited, EVIDENCE)
    assert "Say how it was made" in fault


# What ships


def test_the_nuclides_obey_physics():
    isotopes = load_isotopes()
    assert {"f18", "ga68", "cu64", "zr89", "i125", "in111", "lu177", "y90"} <= set(isotopes)
    for isotope in isotopes.values():
        assert isotope.sound
        known = {quantity: row for (quantity, _), row in isotope.readings.items()}
        yields = isotope.positron_yield + (
            known["beta_yield"].value if "beta_yield" in known else 0
        )
        assert yields <= 1
        if isotope.positron_yield:
            mean, end = (
                known[f"positron_{kind}_energy"].value_in("keV") for kind in ("mean", "endpoint")
            )
            # An allowed spectrum has its mean between three and five tenths of its end point.
            assert 0.3 < mean / end < 0.5, isotope.id
    ranges = [
        (isotope.readings["positron_mean_energy", 0].value_in("keV"), reading.value_in("mm"))
        for isotope in isotopes.values()
        if (reading := isotope.readings.get(("positron_mean_range", 0))) is not None
    ]
    by_energy = [millimetres for _, millimetres in sorted(ranges)]
    assert by_energy == sorted(by_energy), "faster positrons go farther"


def test_half_lives_stand_in_their_known_order():
    isotopes = load_isotopes()
    order = sorted(isotopes, key=lambda name: isotopes[name].half_life_h)
    assert order == ["ga68", "f18", "cu64", "y90", "in111", "zr89", "lu177", "i125"]
    # Copper-64 gives 5.5 times fewer positrons a decay than fluorine-18.
    ratio = isotopes["f18"].positron_yield / isotopes["cu64"].positron_yield
    assert ratio == pytest.approx(5.5, rel=0.02)


def test_the_tracers_of_the_review_and_todays_reference_are_there():
    tracers = load_tracers()
    assert {
        "i125_12g5",
        "in111_ac_tz14011",
        "cu64_amd3100",
        "gluc_cxcl12",
        "irdye800_cxcl12",
        "f18_mcfb",
        "ga68_pentixafor",
        "ga68_nota_pentixafor",
    } <= set(tracers)
    assert tracers["cu64_amd3100"].parent_drug in load_drugs()
    assert all(tracer.human_use.stage != "registered" for tracer in tracers.values())
    assert all(tracer.binds == ("CXCR4", "ACKR3") for tracer in tracers.values() if tracer.label)


def test_the_disputed_affinity_carries_both_units():
    affinity = load_tracers()["cu64_amd3100"].properties["affinity_cxcr4"]
    printed, rival = affinity.readings
    assert printed.status == "disputed"
    assert printed.value_in("nM") / rival.value_in("nM") == pytest.approx(1000)


def test_every_number_rests_on_evidence_or_is_assumed_with_a_reason():
    evidence = load_evidence()
    for tracer in load_tracers(evidence=evidence).values():
        assert cited_evidence(tracer) <= set(evidence)
        assert not cited_evidence(tracer) & set(tracer.held_out)
        for item in tracer.properties.values():
            for reading in item.readings:
                assert reading.evidence or reading.note.startswith("assumed: ")


def test_the_twin_without_trapping_binds_better_and_its_uptake_is_only_predicted():
    tracers = load_tracers()
    twin, reference = tracers["ga68_nota_pentixafor"], tracers["ga68_pentixafor"]
    ratio = reference.properties["affinity_cxcr4"].value / twin.properties["affinity_cxcr4"].value
    assert ratio == pytest.approx(1.4, rel=0.01)
    assert "tumour_uptake" not in twin.properties
    assert "IMG051" in twin.held_out


def test_names_and_units_of_properties_and_quantities_fit():
    assert all(unit_factor(unit, unit) == 1 for unit in PROPERTY_UNITS.values())
    assert all(unit_factor(unit, unit) == 1 for unit in QUANTITY_UNITS.values())
    assert set(PROPERTY_UNITS) >= MAY_BE_NEGATIVE


# Damage

ODD = st.one_of(
    st.text(max_size=20),
    st.sampled_from(
        ["", ";", "none", "nan", "1e999", "-1", "٣", "9**9**9", "a//b", "{", "[", "&a", "*a", "²",
         "IMG999", "IMG907", "\t", "yes", "true", "- ", ": ", "!!python/object:os.system x"]
    ),
)  # fmt: skip

COPPER = Isotope(id="cu64", readings=MappingProxyType({}), sound=False, where="isotopes.tsv:2")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("damage")


def findings_of_tracer(folder, content):
    path = folder / "cu64_amd3100.yaml"
    path.write_bytes(content)
    isotopes, _ = read_isotopes(evidence=EVIDENCE)
    tracer, findings = read_tracer(
        path, evidence=EVIDENCE, isotopes=isotopes, drugs=("plerixafor",)
    )
    assert all(isinstance(item, Finding) and str(path) in item.where for item in findings)
    assert (tracer is None) == bool(findings)


@given(data=st.data())
def test_an_edited_tracer_gives_findings_or_a_sound_record(folder, data):
    lines = TRACER.encode().split(b"\n")
    for _ in range(data.draw(st.integers(1, 3))):
        at = data.draw(st.integers(0, len(lines) - 1))
        start = data.draw(st.integers(0, len(lines[at])))
        stop = data.draw(st.integers(start, len(lines[at])))
        lines[at] = lines[at][:start] + data.draw(ODD).encode() + lines[at][stop:]
    findings_of_tracer(folder, b"\n".join(lines))


@given(data=st.data())
def test_bytes_strewn_into_a_tracer_give_findings_or_a_sound_record(folder, data):
    content = TRACER.encode()
    start = data.draw(st.integers(0, len(content)))
    stop = data.draw(st.integers(start, min(len(content), start + 200)))
    findings_of_tracer(folder, content[:start] + data.draw(st.binary(max_size=20)) + content[stop:])


@given(data=st.data())
def test_an_edited_table_of_nuclides_gives_findings_or_sound_records(folder, data):
    lines = read_bytes(None, "isotopes.tsv")[1].split(b"\n")[:12]
    at = data.draw(st.integers(0, len(lines) - 1))
    cells = lines[at].split(b"\t")
    column = data.draw(st.integers(0, len(cells) - 1))
    cells[column] = data.draw(st.one_of(ODD.map(str.encode), st.binary(max_size=10)))
    lines[at] = b"\t".join(cells)
    path = folder / "isotopes.tsv"
    path.write_bytes(b"\n".join(lines) + b"\n")
    isotopes, findings = read_isotopes(path, evidence=SHIPPED)
    assert all(isinstance(item, Finding) and str(path) in item.where for item in findings)
    for isotope in isotopes.values():
        if isotope.sound:
            assert isotope.half_life_h > 0
            assert isotope.emissions
