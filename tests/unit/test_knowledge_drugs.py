"""Drug files: strict keys, possible schedules, units that fit."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cxaxis.core.errors import ModelValueError, UserInputError
from cxaxis.knowledge.dose_units import parse_dose_unit
from cxaxis.knowledge.drug_records import dose_days
from cxaxis.knowledge.drugs import cited_evidence, load_drugs
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
"""


def row_of_evidence(identity, role="parameter"):
    return Evidence(
        id=identity,
        quantity="q",
        value="1",
        low="",
        high="",
        unit="1",
        system="human",
        reference="r",
        seen="page",
        status="seen",
        role=role,
        note="",
        where="evidence.tsv:2",
    )


EVIDENCE = {
    item.id: item
    for item in (
        row_of_evidence("DRG001"),
        row_of_evidence("DRG002"),
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
    assert cited_evidence(drug) == {"DRG001", "DRG002"}
    assert drug.where == f"{path}:1"


@pytest.mark.parametrize(
    ("old", "new", "code", "line", "words"),
    [
        ("n_doses: 4", "n_dose: 4", "DRUG003", 16, ["regimens.daily.n_dose", "mean n_doses"]),
        ("synonyms:", "synonym:", "DRUG003", 3, ["'synonym'", "Did you mean synonyms?"]),
        ("name: Plerixafor\n", "", "DRUG003", 1, ["key 'name' is missing"]),
        ("value: 240", "value: -240", "DRUG003", 12, ["dose.value is -240", "greater than"]),
        ("value: 240", "value: '240'", "DRUG003", 12, ["dose.value is '240'", "number"]),
        ("n_doses: 4", "n_doses: 0", "DRUG003", 16, ["n_doses is 0"]),
        ("n_doses: 4", "n_doses: 4.5", "DRUG003", 16, ["n_doses is 4.5", "integer"]),
        ("class: cxcr4_a", "class: cxcr5_a", "DRUG003", 4, ["class is 'cxcr5_", "cxcl12_neut"]),
        ("unit: ug/kg}", "unit: ug/stone}", "DRUG003", 12, ["'ug/stone'", "mg/m2/day"]),
        ("unit: ug/kg}", "unit: ug/kg/day}", "DRUG003", 11, ["is a rate", "duration_day is 0"]),
        ("unit: ug/kg}", "unit: mg}", "DRUG005", 12, ["'mg' is not among dose_units"]),
        ("[ug/kg, ug", "[Gy, ug/kg, ug", "DRUG005", 9, ["'Gy'", "drugs in mass"]),
        ("duration_day: 0", "duration_day: 2", "DRUG003", 11, ["longer than every_day", "overlap"]),
        ("route: subc", "route: sub_c", "DRUG003", 13, ["route is 'sub_c", "'intravenous'"]),
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
    ],
)
def test_each_fault_is_named_with_its_line(tmp_path, old, new, code, line, words):
    assert old in GOOD
    path = write(tmp_path, GOOD.replace(old, new, 1))
    (finding,) = faults(tmp_path)
    assert (finding.code, finding.where) == (code, f"{path}:{line}"), str(finding)
    for word in words:
        assert word in finding.message


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
