"""From a prescription to nmol, Gy and days."""

import numpy as np
import pytest

from cxaxis.core.errors import ModelValueError
from cxaxis.knowledge.drugs import load_drugs
from cxaxis.patient.regimen import Body, dose_amount, dose_rows
from cxaxis.trial.pool import doses_of
from science_support import demonstration, eligible, plan_of

DRUGS = load_drugs()
BODY = Body(weight_kg=70.0, height_cm=175.0, creatinine_clearance_mL_min=80.0)


@pytest.mark.parametrize(
    ("drug", "value", "unit", "days", "expected"),
    [
        ("plerixafor", 240, "ug/kg", 0, 240e-6 * 70 / 502.79 * 1e9),
        ("plerixafor", 0.24, "mg/kg", 0, 240e-6 * 70 / 502.79 * 1e9),
        ("plerixafor", 20, "mg", 0, 20e-3 / 502.79 * 1e9),
        ("plerixafor", 400, "ug/kg/day", 28, 28 * 400e-6 * 70 / 502.79 * 1e9),
        ("plerixafor", 80, "ug/kg/h", 7, 7 * 24 * 80e-6 * 70 / 502.79 * 1e9),
        ("olaptesed", 600, "mg/week", 14, 1.2 / DRUGS["olaptesed"].molar_mass.g_per_mol * 1e9),
        ("cisplatin", 75, "mg/m2", 0.08, 75e-3 * BODY.surface_m2 / 300.05 * 1e9),
        ("fluorouracil", 1000, "mg/m2/day", 4, 4.0 * BODY.surface_m2 / 130.08 * 1e9),
        ("carboplatin", 2, "mg.min/mL", 0, 2 * (80 + 25) * 1e-3 / 371.25 * 1e9),
        ("carboplatin", 210, "mg", 0, 210e-3 / 371.25 * 1e9),
        ("radiotherapy", 1.8, "Gy", 0, 1.8),
        ("plerixafor", 0, "ug/kg", 0, 0.0),
    ],
)
def test_a_dose_becomes_nanomoles_or_gray(drug, value, unit, days, expected):
    found = dose_amount(DRUGS[drug], value, unit, BODY, duration_day=days)
    assert found == pytest.approx(expected, rel=1e-12)


def test_body_surface_is_mostellers():
    assert BODY.surface_m2 == pytest.approx(np.sqrt(70 * 175 / 3600))


def test_a_dose_by_area_needs_the_creatinine_clearance():
    body = Body(weight_kg=70.0, height_cm=175.0)
    with pytest.raises(ModelValueError, match="needs the creatinine clearance"):
        dose_amount(DRUGS["carboplatin"], 2, "mg.min/mL", body, duration_day=0)
    assert dose_amount(DRUGS["carboplatin"], 210, "mg", body, duration_day=0) > 0


def test_a_dose_by_area_grows_with_filtration_and_not_with_size():
    def dose(clearance, weight):
        body = Body(weight_kg=weight, height_cm=175.0, creatinine_clearance_mL_min=clearance)
        return dose_amount(DRUGS["carboplatin"], 5, "mg.min/mL", body, duration_day=0)

    assert dose(100.0, 50.0) == dose(100.0, 90.0)
    assert dose(100.0, 70.0) / dose(25.0, 70.0) == pytest.approx(125 / 50)


def test_a_unit_that_is_no_dose_is_refused():
    with pytest.raises(ModelValueError):
        dose_amount(DRUGS["plerixafor"], 1.0, "ug/acre", BODY, duration_day=0)


def test_a_drug_without_molar_mass_cannot_become_nanomoles():
    with pytest.raises(ModelValueError, match="no molar mass"):
        dose_amount(DRUGS["radiotherapy"], 1.0, "mg", BODY, duration_day=0)


def test_a_drug_without_a_place_in_a_model_gives_no_doses():
    drug = DRUGS["plerixafor"].model_copy(update={"target": {}, "waits_for": "a marrow"})
    regimen = drug.regimens["label_240_ug_kg_daily"]
    with pytest.raises(ModelValueError, match=r"no model takes plerixafor.* waits for a marrow"):
        list(dose_rows(drug, regimen, BODY, patient=0))


def test_50_4_gray_are_28_weekday_fractions():
    drug = DRUGS["radiotherapy"]
    rows = list(dose_rows(drug, drug.regimens["definitive_50_4_gy"], BODY, patient=3))
    days = np.array([row.time for row in rows])
    assert len(rows) == 28
    assert sum(row.amount for row in rows) == pytest.approx(50.4)
    assert (days % 7 < 5).all()
    assert days[-1] == 37
    assert {(row.target, row.patient, row.duration) for row in rows} == {("rt", 3, 0.0)}


def test_the_route_decides_the_target():
    drug = DRUGS["plerixafor"]
    by_route = {
        name: {row.target for row in dose_rows(drug, drug.regimens[name], BODY, patient=0)}
        for name in ("label_240_ug_kg_daily", "infusion_400_ug_kg_day")
    }
    assert by_route == {
        "label_240_ug_kg_daily": {"antagonist_depot"},
        "infusion_400_ug_kg_day": {"antagonist_central"},
    }


def test_an_arm_doses_every_patient_by_its_own_body():
    cohort = eligible(6, 21)
    rows = doses_of(demonstration().plans[1], cohort).rows
    weights = cohort.covariates["weight_kg"]
    assert len(set(weights)) == 6
    for position, weight in enumerate(weights):
        given = [r.amount for r in rows if r.target == "antagonist_depot" and r.patient == position]
        assert len(given) == 52
        assert given == pytest.approx([240e-6 * weight / 502.79 * 1e9] * 52)
    assert len([r for r in rows if r.target == "rt"]) == 6 * 28


def test_an_arm_knows_when_blockade_ends():
    control, daily, infused = demonstration().plans
    slots = (control.axis_slot, daily.axis_slot, infused.axis_slot)
    assert slots == (None, "antagonist", "antagonist")
    assert (control.last_axis_day, daily.last_axis_day, infused.last_axis_day) == (0, 52, 52)
    assert plan_of("control").regimens == control.regimens
