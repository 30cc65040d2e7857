"""Drug files: strict keys, possible schedules, units that fit."""

from itertools import pairwise
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cxaxis.core.errors import ModelValueError, UserInputError
from cxaxis.core.units import is_unit
from cxaxis.knowledge.dose_units import parse_dose_unit
from cxaxis.knowledge.drug_properties import PROPERTY_UNITS, PropertyName
from cxaxis.knowledge.drug_records import dose_days
from cxaxis.knowledge.drugs import cited_evidence, load_drugs, read_drug
from cxaxis.knowledge.evidence import Evidence

GOOD = """\
id: plerixafor
name: Plerixafor
synonyms: [AMD3100]
class: cxcr4_antagonist_small_molecule
molar_mass: {value: 502.79, unit: g/mol, evidence: [DRG001]}
target:
  subcutaneous: plerixafor_depot
  intravenous: plerixafor_central
dose_units: [ug/kg, ug/kg/day]
regimens:
  daily:
    dose: {value: 240, unit: ug/kg}
    route: subcutaneous
    start_day: 0
    every_day: 1
    n_doses: 4
    duration_day: 0
    evidence: [DRG002]
regulatory:
  - status: approved
    date: 2008
    indication: stem-cell mobilisation
    evidence: [DRG002]
review_class: non_peptide
binds: [CXCR4]
action: [competitive]
properties:
  half_life: {value: 4, unit: h, evidence: [DRG009], status: seen}
  kd_cxcr4:
    value: 84
    unit: nM
    evidence: [DRG046]
    status: recalled
  volume: {value: 0.2, unit: L/kg, status: assumed, note: "assumed: extracellular fluid"}
"""


def row_of_evidence(identity, role="parameter", value="1", unit="1", status="seen"):
    return Evidence(
        id=identity,
        quantity="q",
        value=value,
        low="",
        high="",
        unit=unit,
        system="human",
        species="human",
        tissue="cell_free",
        assay="binding",
        setting="in_vitro",
        directness="direct",
        reference="r",
        seen="page",
        status=status,
        role=role,
        note="",
        where="evidence.tsv:2",
    )


EVIDENCE = {
    item.id: item
    for item in (
        row_of_evidence("DRG001", value="502.79", unit="g/mol"),
        row_of_evidence("DRG002"),
        row_of_evidence("DRG009", value="240", unit="min"),
        row_of_evidence("DRG046", value="84", unit="nM", status="recalled"),
        row_of_evidence("DRG040", role="held_out"),
    )
}


def write(tmp_path, text, name="plerixafor.yaml"):
    path = tmp_path / name
    path.write_text(text, encoding="utf-8")
    return path


def load(tmp_path):
    return load_drugs(tmp_path, evidence=EVIDENCE)


def faults(tmp_path):
    with pytest.raises(UserInputError) as caught:
        load(tmp_path)
    return caught.value.findings


def test_a_good_file_becomes_a_record(tmp_path):
    path = write(tmp_path, GOOD)
    drug = load(tmp_path)["plerixafor"]
    assert drug.drug_class == "cxcr4_antagonist_small_molecule"
    assert drug.molar_mass.g_per_mol == pytest.approx(502.79)
    assert drug.target["subcutaneous"] == "plerixafor_depot"
    assert drug.regimens["daily"].dose.value == 240
    assert drug.regimens["daily"].dose_days() == (0, 1, 2, 3)
    assert drug.regulatory[0].date == "2008"
    assert cited_evidence(drug) == {"DRG001", "DRG002", "DRG009", "DRG046"}
    assert drug.properties["kd_cxcr4"].value == 84
    assert drug.action == ("competitive",)
    assert drug.where == f"{path}:1"


@pytest.mark.parametrize(
    ("old", "new", "code", "line", "words"),
    [
        ("n_doses: 4", "n_dose: 4", "DRUG003", 16, ["regimens.daily.n_dose", "mean n_doses"]),
        ("synonyms:", "synonym:", "DRUG003", 3, ["'synonym'", "Did you mean synonyms?"]),
        ("name: Plerixafor\n", "", "DRUG003", 1, ["key 'name' is missing"]),
        ("value: 240", "value: -240", "DRUG003", 12, ["dose.value is -240. Give 0 or more."]),
        ("value: 240", "value: '240'", "DRUG003", 12, ["dose.value is '240'", "finite number"]),
        ("n_doses: 4", "n_doses: 0", "DRUG003", 16, ["n_doses is 0"]),
        ("n_doses: 4", "n_doses: 4.5", "DRUG003", 16, ["n_doses is 4.5. Write a whole number"]),
        (
            "class: cxcr4_a",
            "class: cxcr5_a",
            "DRUG003",
            4,
            ["class is 'cxcr5_", "mean cxcr4_a", " | cxcl12_neut"],
        ),
        ("unit: ug/kg}", "unit: ug/stone}", "DRUG003", 12, ["'ug/stone'", "mg/m2/day"]),
        ("unit: ug/kg}", "unit: ug/kg/day}", "DRUG003", 11, ["is a rate", "duration_day is 0"]),
        ("unit: ug/kg}", "unit: mg}", "DRUG005", 12, ["'mg' is not among dose_units"]),
        ("[ug/kg, ug", "[Gy, ug/kg, ug", "DRUG005", 9, ["'Gy'", "drugs in mass"]),
        ("duration_day: 0", "duration_day: 2", "DRUG003", 11, ["longer than every_day", "overlap"]),
        (
            "route: subc",
            "route: sub_c",
            "DRUG003",
            13,
            ["route is 'sub_c", "Use subcutaneous | intravenous"],
        ),
        ("route: subcutaneous", "route: oral", "DRUG006", 13, ["'oral' has no target"]),
        ("unit: g/mol", "unit: Dalton/L", "DRUG003", 5, ["molar_mass.unit", "g/mol or kg/mol"]),
        (", evidence: [DRG001]", "", "DRUG003", 5, ["neither evidence nor note"]),
        ("molar_mass: {value: 502.79, unit: g/mol, evidence: [DRG001]}\n", "", "DRUG004", 1, []),
        ("depot", "Depot", "DRUG003", 7, ["'plerixafor_Depot' is no id"]),
        ("evidence: [DRG002]\nreg", "evidence: [DRG999]\nreg", "DRUG007", 18, ["'DRG999'"]),
        ("evidence: [DRG002]\nreg", "evidence: [DRG040]\nreg", "DRUG007", 18, ["held_out"]),
        ("date: 2008", "date: last year", "DRUG003", 21, ["'last year' is no date"]),
        ("[ug/kg, ug/kg/day]", "[]", "DRUG003", 9, ["dose_units: is empty"]),
        ("id: plerixafor", "id: amd3100", "DRUG002", 1, ["'amd3100'", "'plerixafor'"]),
        ("  daily:", "  Daily dose:", "DRUG003", 11, ["'Daily dose' is no id"]),
        ("  intravenous:", "  intravenos:", "DRUG003", 8, ["unknown key 'target.intravenos'"]),
        ("    evidence: [DRG002]\nreg", "reg", "DRUG003", 11, ["neither evidence nor note"]),
        ("evidence: [DRG002]\nreg", "note: usual\nreg", "DRUG014", 11, ["cites no", "'assumed: '"]),
        (
            "review_class: non_p",
            "review_class: p",
            "DRUG003",
            24,
            ["mean non_peptide or", "Use non_peptide | small"],
        ),
        ("binds: [CXCR4]", "binds: [cxcr4]", "DRUG003", 25, ["'cxcr4' is no gene symbol"]),
        ("binds: [CXCR4]", "binds: [PDCD1]", "DRUG013", 26, ["binds neither CXCL12 nor CXCR4"]),
        ("action: [competitive]\n", "", "DRUG013", 25, ["without an action", "ligand_trap"]),
        ("[competitive]", "[compettitive]", "DRUG003", 26, ["Did you mean competitive?"]),
        ("  half_life:", "  half_time:", "DRUG003", 28, ["unknown key", "mean half_life"]),
        ("4, unit: h,", "4, unit: hourz,", "DRUG003", 28, ["'hourz' is no unit", "L/kg"]),
        ("4, unit: h,", "4, unit: h**h,", "DRUG003", 28, ["'h**h' is no unit"]),
        ("4, unit: h,", "4, unit: nM,", "DRUG010", 28, ["has unit 'nM'. Use h,"]),
        (
            "value: 4,",
            "value: 5,",
            "DRUG011",
            28,
            ["is 5 h", "DRG009 (240 min)", "Make them equal"],
        ),
        ("[DRG009], status", "[DRG099], status", "DRUG007", 28, ["unknown evidence 'DRG099'"]),
        ("[DRG009], status", "[DRG040], status", "DRUG007", 28, ["'DRG040' is held_out"]),
        ("[DRG009], status", "[], status", "DRUG011", 28, ["is seen, but cites no evidence"]),
        ("status: recalled", "status: seen", "DRUG011", 30, ["is seen, but DRG046 is not"]),
        ("status: recalled", "status: derived", "DRUG011", 30, ["no note", "how it was made"]),
        ("status: recalled", "status: guessed", "DRUG003", 33, ["Use seen | recalled | derived"]),
        ("value: 84", "value: 0", "DRUG003", 30, ["value is 0. Give a number above 0."]),
        ("value: 502.79", "value: 503", "DRUG011", 5, ["molar_mass is 503 g/mol", "502.79 g/mol"]),
        ('note: "assumed: e', 'note: "e', "DRUG011", 34, ["does not begin with 'assumed: '"]),
    ],
)
def test_each_fault_is_named_with_its_line(tmp_path, old, new, code, line, words):
    assert old in GOOD
    path = write(tmp_path, GOOD.replace(old, new, 1))
    (finding,) = faults(tmp_path)
    assert (finding.code, finding.where) == (code, f"{path}:{line}"), str(finding)
    for word in words:
        assert word in finding.message


TARGET = "target:\n  subcutaneous: plerixafor_depot\n  intravenous: plerixafor_central\n"
WAITING = "waits_for: peptide kinetics\n"


def test_a_drug_without_a_place_in_a_model_says_what_it_waits_for(tmp_path):
    write(tmp_path, GOOD.replace(TARGET, WAITING))
    drug = load(tmp_path)["plerixafor"]
    assert drug.target == {}
    assert drug.waits_for == "peptide kinetics"


def test_a_mass_may_be_unknown_where_no_model_needs_it(tmp_path):
    mass = "molar_mass: {value: 502.79, unit: g/mol, evidence: [DRG001]}\n"
    write(tmp_path, GOOD.replace(TARGET, WAITING).replace(mass, ""))
    assert load(tmp_path)["plerixafor"].molar_mass is None


@pytest.mark.parametrize(
    ("new", "line", "words"),
    [
        (WAITING + TARGET, 6, ["has a target and waits for 'peptide kinetics'"]),
        ("", 1, ["neither target nor waits_for"]),
    ],
)
def test_a_drug_has_a_target_or_waits_never_both_or_neither(tmp_path, new, line, words):
    path = write(tmp_path, GOOD.replace(TARGET, new))
    (finding,) = faults(tmp_path)
    assert (finding.code, finding.where) == ("DRUG009", f"{path}:{line}")
    for word in words:
        assert word in finding.message


def test_an_assumed_schedule_needs_no_evidence_but_a_reason(tmp_path):
    cited = "    evidence: [DRG002]\nreg"
    write(tmp_path, GOOD.replace(cited, '    note: "assumed: a round dose"\nreg'))
    assert load(tmp_path)["plerixafor"].regimens["daily"].evidence == ()


def test_a_property_agrees_with_its_source_in_another_unit(tmp_path):
    write(tmp_path, GOOD)
    half_life = load(tmp_path)["plerixafor"].properties["half_life"]
    assert (half_life.value, half_life.unit) == (4, "h")
    assert EVIDENCE["DRG009"].value == "240"


@pytest.mark.parametrize(("text", "sound"), [("100", True), ("101", False)])
def test_a_fraction_in_per_cent_ends_at_a_hundred(tmp_path, text, sound):
    new = f'fraction_bound: {{value: {text}, unit: "%", status: assumed, note: "assumed: all"}}'
    write(tmp_path, GOOD.replace("properties:\n", f"properties:\n  {new}\n"))
    if sound:
        assert load(tmp_path)["plerixafor"].properties["fraction_bound"].value == 100
    else:
        (finding,) = faults(tmp_path)
        assert finding.code == "DRUG010"
        assert "a fraction above 1" in finding.message


def test_every_property_has_a_dimension():
    assert set(PROPERTY_UNITS) == set(get_args(PropertyName))
    assert all(is_unit(unit) for units in PROPERTY_UNITS.values() for unit in units)


@given(data=st.data())
def test_damaged_files_give_findings_at_lines_never_another_exception(data):
    lines = GOOD.encode().split(b"\n")
    at = data.draw(st.integers(0, len(lines) - 1))
    lines[at] = data.draw(
        st.one_of(
            st.just(b""),
            st.binary(max_size=20),
            st.text(max_size=20).map(str.encode),
            st.sampled_from([*lines, b"  - a", b"target: 3", b"properties: [1]", b"binds: {a: 1}"]),
        )
    )
    with TemporaryDirectory() as folder:
        path = Path(folder) / "plerixafor.yaml"
        path.write_bytes(b"\n".join(lines))
        drug, findings = read_drug(path, evidence=EVIDENCE)
    assert (drug is None) == bool(findings)
    for item in findings:
        assert item.where.startswith(f"{path}:")
        assert "Input should" not in item.message


def test_findings_of_all_files_come_at_once(tmp_path):
    write(tmp_path, GOOD.replace("n_doses: 4", "n_doses: 0"))
    write(tmp_path, "not: [closed\n", name="zeta.yaml")
    write(tmp_path, GOOD.replace("name:", "nom:"), name="alpha.yaml")
    findings = faults(tmp_path)
    assert {item.where.rsplit("/", 1)[1].split(":")[0] for item in findings} == {
        "plerixafor.yaml",
        "zeta.yaml",
        "alpha.yaml",
    }


def test_an_empty_folder_is_a_finding(tmp_path):
    (finding,) = faults(tmp_path)
    assert (finding.code, finding.where) == ("DRUG001", str(tmp_path))


def test_weekday_fractions_skip_saturday_and_sunday():
    days = dose_days(start_day=0, every_day=1, n_doses=28, weekdays_only=True)
    assert len(days) == 28
    assert days[4:6] == (4, 7)
    assert days[-1] == 37


@given(
    start=st.integers(0, 20),
    n=st.integers(1, 60),
)
def test_weekday_doses_are_on_weekdays_ascending_and_without_gaps(start, n):
    days = dose_days(start_day=start, every_day=1, n_doses=n, weekdays_only=True)
    assert len(days) == n
    assert all(day % 7 < 5 for day in days)
    assert all(b - a in {1, 3} for a, b in pairwise(days))
    assert 0 <= days[0] - start <= 2


def test_doses_at_an_interval_start_where_they_should():
    assert dose_days(start_day=1, every_day=3.5, n_doses=3) == (1, 4.5, 8)


@pytest.mark.parametrize(
    ("text", "amount", "per", "time"),
    [
        ("mg", "mg", "", ""),
        ("ug/kg", "ug", "kg", ""),
        ("mg/m2/day", "mg", "m2", "day"),
        ("ug/kg/h", "ug", "kg", "h"),
        ("mg/week", "mg", "", "week"),
        ("mg.min/mL", "mg", "area", ""),
        ("Gy", "Gy", "", ""),
    ],
)
def test_dose_units_are_taken_apart(text, amount, per, time):
    unit = parse_dose_unit(text)
    assert (unit.amount_unit, unit.per, unit.per_time) == (amount, per, time)
    assert unit.is_rate == (time != "")


@pytest.mark.parametrize("text", ["", "Gy/day", "mg/day/kg", "kg", "mg/m^2", "mg/kg/min"])
def test_other_dose_units_are_refused_with_examples(text):
    with pytest.raises(ModelValueError, match="mg/m2/day"):
        parse_dose_unit(text)
