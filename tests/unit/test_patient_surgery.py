"""Surgery as a record: one dose is one operation, and clinical pathways are protocols."""

import pytest

from cxaxis.core.errors import ModelValueError
from cxaxis.knowledge.dose_units import PROCEDURE_UNITS, parse_dose_unit
from cxaxis.knowledge.drugs import load_drugs
from cxaxis.patient.regimen import Body, dose_rows
from cxaxis.trial.protocol import arm_regimens, read_protocol

DRUGS = load_drugs()
SURGERY = DRUGS["surgery"]
LAST_FRACTION_DAY = 30
WEEK = 7


def body(**changes):
    return Body(weight_kg=62.0, height_cm=166.0, **changes)


def arms(name):
    """Return the regimens of each arm of a packaged protocol by drug id."""
    protocol = read_protocol(name)
    return {
        arm.id: {drug.id: regimen for drug, regimen in arm_regimens(protocol, arm, DRUGS)}
        for arm in protocol.arms
    }


@pytest.mark.parametrize("name", list(SURGERY.regimens))
def test_an_operation_is_one_dose_of_1_whoever_is_operated_on(name):
    regimen = SURGERY.regimens[name]
    rows = list(dose_rows(SURGERY, regimen, body(), patient=3))
    assert [(row.patient, row.target, row.amount) for row in rows] == [(3, "resection", 1.0)]
    assert rows[0].time == regimen.start_day
    assert rows[0].duration == 0


def test_procedures_have_units_of_their_own():
    for unit in PROCEDURE_UNITS.values():
        parsed = parse_dose_unit(unit)
        assert (parsed.amount_unit, parsed.per, parsed.is_rate) == (unit, "", False)
    with pytest.raises(ModelValueError, match="resections"):
        parse_dose_unit("resections")


def test_surgery_follows_the_last_fraction_by_six_to_eight_weeks():
    days = DRUGS["radiotherapy"].regimens["preoperative_41_4_gy"].dose_days()
    assert days[-1] == LAST_FRACTION_DAY
    wait = SURGERY.regimens["resection_after_41_4_gy"].start_day - days[-1]
    assert 6 * WEEK <= wait <= 8 * WEEK


def test_the_neoadjuvant_protocol_compares_what_trials_compared():
    given = arms("neoadjuvant_cross")
    trimodal = {"radiotherapy", "carboplatin", "paclitaxel", "surgery"}
    assert set(given["chemoradiotherapy_surgery"]) == trimodal
    assert set(given["surgery_alone"]) == {"surgery"}
    assert set(given["plerixafor_infusion"]) == trimodal | {"plerixafor"}
    blockade = given["plerixafor_infusion"]["plerixafor"]
    assert blockade.start_day == 0
    assert blockade.duration_day == LAST_FRACTION_DAY + 1 + 2 * WEEK


def test_first_line_is_in_metastatic_disease_and_has_no_surgery():
    assert read_protocol("first_line_pembrolizumab").population.setting == "metastatic_escc"
    given = arms("first_line_pembrolizumab")
    assert set(given["chemotherapy"]) == {"cisplatin", "fluorouracil"}
    assert all("surgery" not in regimens for regimens in given.values())
    assert given["pembrolizumab"]["pembrolizumab"].n_doses == 35


def test_adjuvant_treatment_starts_after_recovery_and_lasts_a_year():
    protocol = read_protocol("adjuvant_nivolumab")
    arm = next(arm for arm in protocol.arms if arm.id == "nivolumab")
    days = sorted(
        day
        for drug, regimen in arm_regimens(protocol, arm, DRUGS)
        if drug.id == "nivolumab"
        for day in regimen.dose_days()
    )
    operation = arms("adjuvant_nivolumab")["observation"]["surgery"].start_day
    assert 4 * WEEK <= days[0] - operation <= 16 * WEEK
    assert len(days) == 17
    assert days[-1] + 28 - days[0] == pytest.approx(365, abs=10)
