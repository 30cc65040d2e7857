"""Marrow and blood: what holds cells, what lets them go, and what chemotherapy does to them."""

from functools import cache

import numpy as np
import pytest

from cxaxis.core.outcomes import Outcome
from cxaxis.engine.doses import DoseTable
from cxaxis.engine.population import PopulationEngine
from cxaxis.inference.marrow_fit import (
    DISEASES,
    anchors,
    fit_reserve,
    reference_retention,
    simulated_arm,
)
from cxaxis.knowledge.evidence import load_evidence
from cxaxis.knowledge.parameters import load_parameters
from cxaxis.patient.course import at_rest
from cxaxis.patient.mobilisation import (
    HOURS_PER_DAY,
    Collection,
    MobilisationPlan,
    apheresis_yield,
    count_summary,
    weighted_quantiles,
)
from cxaxis.stats.proportions import exact_proportion
from marrow_support import body_model, bolus, course, regimen_doses, volunteer

HOURS = np.arange(0.0, 97.0)
PER_uL = 1e-6
LABEL = ("plerixafor", "label_240_ug_kg_daily")
RATIOS = (
    "cd34_blood_ratio",
    "cd34_pool_ratio",
    "neutrophil_ratio",
    "neutrophil_reserve_ratio",
    "lymphocyte_ratio",
    "treg_ratio",
    "b_precursor_ratio",
    "leukocyte_ratio",
)
ENGINE = PopulationEngine()


def evidence_value(row):
    return float(load_evidence()[row].value)


@cache
def after_plerixafor(*outputs):
    return course(volunteer(), HOURS / HOURS_PER_DAY, outputs, regimen_doses(*LABEL))


def test_an_untreated_marrow_stays_as_it_is():
    result = course(volunteer(), [0.0, 10.0, 300.0], RATIOS)
    for name in RATIOS:
        assert result.of(name)[0] == pytest.approx(np.ones(3), abs=2e-3), name


def test_the_reference_of_retention_is_that_of_the_tabled_person():
    found = reference_retention(body_model(), load_parameters(), ENGINE)
    assert load_parameters()["marrow_retention_reference"].value == pytest.approx(found, abs=5e-3)


def test_resting_cxcl12_of_marrow_and_plasma_is_as_read():
    """Plasma 0.25 nM; the marrow three times as much, within 1.5 to 10."""
    result = course(volunteer(), [0.0], ["marrow_cxcl12", "blood_cxcl12"])
    plasma = result.of("blood_cxcl12")[0, 0]
    assert plasma == pytest.approx(0.25, rel=0.1)
    assert 1.5 < result.of("marrow_cxcl12")[0, 0] / plasma < 10


def test_fitted_counts_of_volunteers_and_of_patients_on_g_csf():
    targets = [evidence_value(row) for row in ("DRG021", "DRG026", "DRG027")]
    assert anchors(body_model(), load_parameters(), ENGINE) == pytest.approx(targets, rel=0.03)


def test_the_course_after_one_injection():
    """Peak at 6-10 h, at most half of it at 24 h, at most four times the rest at 36 h."""
    count = after_plerixafor("cd34_blood").of("cd34_blood")[0] * PER_uL
    assert count[0] == pytest.approx(evidence_value("DRG020"), rel=0.01)
    assert 6 <= count.argmax() <= 10
    assert count[24] <= count.max() / 2
    assert count[36] <= 4 * count[0]


def test_repeated_doses_work_alike():
    doses = [bolus("antagonist_depot", 1.1e4, day) for day in range(3)]
    count = course(volunteer(), np.arange(0, 3, 1 / 24), ["cd34_blood"], doses).of("cd34_blood")[0]
    peaks = [count[24 * day : 24 * (day + 1)].max() for day in range(3)]
    assert peaks == pytest.approx([peaks[0]] * 3, rel=0.25)


def test_blockade_and_g_csf_together_give_less_than_their_product():
    rest = evidence_value("DRG020")
    alone, before, both = anchors(body_model(), load_parameters(), ENGINE)
    assert both > before > rest
    assert both < 0.5 * before * alone / rest


def test_every_kind_of_cell_follows_one_law_at_its_own_pace():
    result = after_plerixafor("cd34_blood_ratio", "neutrophil_ratio", "lymphocyte_ratio")
    peak = {name: result.of(name)[0].max() for name in result.names}
    hour = {name: int(result.of(name)[0].argmax()) for name in result.names}
    assert peak["cd34_blood_ratio"] > peak["neutrophil_ratio"] > 1.3
    assert hour["lymphocyte_ratio"] < hour["neutrophil_ratio"] <= hour["cd34_blood_ratio"]
    treg = after_plerixafor("treg_ratio").of("treg_ratio")[0]
    assert treg.max() > peak["lymphocyte_ratio"]


def test_leukocytes_rise_in_blood_after_an_injection_and_come_back():
    ratio = after_plerixafor("leukocyte_ratio").of("leukocyte_ratio")[0]
    assert 1 <= ratio.argmax() <= 24
    assert ratio.max() > 1.3
    assert ratio[96] == pytest.approx(1.0, abs=0.05)


@pytest.mark.xfail(
    strict=True,
    raises=AssertionError,
    reason="1.5-fold where two- to fourfold was seen: the sensitivities of the kinds are assumed",
)
def test_predicted_rise_of_all_leukocytes_is_within_what_was_seen():
    """Held out (DRG114): nothing of the model is set by it."""
    seen = load_evidence()["DRG114"]
    ratio = after_plerixafor("leukocyte_ratio").of("leukocyte_ratio")[0]
    assert float(seen.low) <= ratio.max() <= float(seen.high)


def test_plasma_cxcl12_rises_under_blockade_and_returns():
    level = after_plerixafor("blood_cxcl12").of("blood_cxcl12")[0]
    assert level[1:12].min() > 1.05 * level[0]
    assert level[96] == pytest.approx(level[0], rel=0.02)


def test_cells_that_recirculate_are_conserved():
    """Without renewal CD34+ cells only change places; lymphocytes never do otherwise."""
    outputs = {
        "cd34": ("cd34_blood_ratio", "cd34_pool_ratio"),
        "lymphocyte": ("lymphocyte_ratio", "lymphocyte_pool_ratio"),
        "treg": ("treg_ratio", "treg_pool_ratio"),
    }
    people = volunteer("plerixafor", ("k_renewal_cd34", 0.0))
    doses = [bolus("antagonist_depot", 3e4, day) for day in range(4)]
    for kind, (blood, pool) in outputs.items():
        result = course(people, [0.0, 0.4, 1.0, 5.0], [blood, pool], doses)
        cells = people.column(f"{kind}_baseline")[0] * result.of(blood)[0]
        cells = cells + people.column(f"{kind}_pool_baseline")[0] * result.of(pool)[0]
        assert np.ptp(result.of(blood)[0]) > 0.1, kind
        assert cells == pytest.approx(np.full(4, cells[0]), rel=1e-5), kind


@pytest.mark.parametrize("lost", ["marrow_cxcl12_secretion", "cxcr4_per_host_cell"])
def test_without_ligand_or_receptor_the_niche_empties_and_no_drug_moves_cells(lost):
    people = volunteer("plerixafor", (lost, 0.0))
    rest = course(people, [0.0], ["b_precursor_ratio", "cd34_pool_ratio", "neutrophil_ratio"])
    assert rest.of("b_precursor_ratio")[0, 0] < 0.02
    assert rest.of("cd34_pool_ratio")[0, 0] < 0.02
    assert rest.of("neutrophil_ratio")[0, 0] < 0.95
    moved = course(people, HOURS / 24, ["cd34_blood_ratio"], regimen_doses(*LABEL))
    ratio = moved.of("cd34_blood_ratio")[0]
    assert ratio.max() <= max(1.05 * ratio[0], 1e-3)


def test_lasting_blockade_thins_the_b_cell_niche_and_raises_infections():
    days = [0.0, 28.0]
    outputs = ["b_precursor_ratio", "infection_rate", "infection_death_rate"]
    held = course(
        volunteer(),
        days,
        outputs,
        regimen_doses("plerixafor", "infusion_400_ug_kg_day"),
    )
    assert held.of("b_precursor_ratio")[0, 1] < 0.85
    assert held.of("infection_rate")[0, 1] > held.of("infection_rate")[0, 0]
    assert held.of("infection_death_rate")[0, 1] < held.of("infection_rate")[0, 1]


CYTOTOXIC = (
    *regimen_doses("cisplatin", "definitive_75_mg_m2"),
    *regimen_doses("fluorouracil", "definitive_1000_mg_m2_day"),
)


def test_chemotherapy_lowers_neutrophils_for_a_while():
    """Nadir in the second week or about it, back within six weeks of one cycle."""
    days = np.arange(0.0, 43.0)
    count = course(volunteer(), days, ["neutrophils_blood"], CYTOTOXIC).of("neutrophils_blood")[0]
    assert 7 <= count.argmin() <= 16
    assert count.min() < 0.6 * count[0]
    assert count[42] == pytest.approx(count[0], rel=0.1)


def test_g_csf_shortens_the_nadir():
    days = np.arange(0.0, 30.0)
    support = [bolus("filgrastim_depot", 16.0, 2.0 + day) for day in range(10)]
    plain, helped = (
        course(volunteer(), days, ["neutrophils_blood"], [*CYTOTOXIC, *more]).of(
            "neutrophils_blood"
        )[0]
        for more in ((), support)
    )
    assert helped.min() > plain.min()
    assert (helped < 0.7 * helped[0]).sum() < (plain < 0.7 * plain[0]).sum()


def test_grade_4_neutropenia_cuts_later_doses_and_brings_infections():
    days = np.arange(0.0, 60.0)
    people = volunteer()
    frail = people.with_columns(
        slope_platinum=20 * load_parameters()["slope_platinum"].value,
        slope_fluorouracil=20 * load_parameters()["slope_fluorouracil"].value,
    )
    outputs = ["neutrophils_blood", "chemo_dose_factor", "infection_rate"]
    mild, hard = (course(who, days, outputs, CYTOTOXIC) for who in (people, frail))
    severe = load_parameters()["severe_neutropenia"].value * 1e9
    assert mild.of("neutrophils_blood").min() > severe > hard.of("neutrophils_blood").min()
    assert mild.of("chemo_dose_factor")[0] == pytest.approx(np.ones(60))
    floor = load_parameters()["dose_floor"].value
    assert floor <= hard.of("chemo_dose_factor")[0, -1] < 0.9
    assert hard.of("infection_rate").max() > 10 * mild.of("infection_rate").max()


def test_a_host_whose_cells_do_not_see_the_drug_is_not_mobilised():
    people = volunteer().with_columns(host_is_mouse=1.0, mouse_kd_ratio_antagonist=1e4)
    count = course(people, HOURS / 24, ["cd34_blood"], regimen_doses(*LABEL)).of("cd34_blood")[0]
    assert count.max() < 1.1 * count[0]


@cache
def arm(name, *, plerixafor):
    disease = next(item for item in DISEASES if item.name == name)
    return simulated_arm(body_model(), load_parameters(), disease, ENGINE, plerixafor=plerixafor)


@pytest.mark.parametrize("disease", DISEASES, ids=lambda item: item.name)
def test_fitted_placebo_arms_of_phase_three(disease):
    share = evidence_value(disease.placebo) / 100
    assert arm(disease.name, plerixafor=False).share_reached == pytest.approx(share, abs=0.02)
    reserve, reached = fit_reserve(load_parameters(), disease, share, ENGINE)
    assert reached == pytest.approx(share, abs=0.005)
    assert load_parameters()[disease.reserve].value == pytest.approx(reserve, rel=0.05)


@pytest.mark.parametrize(("name", "count", "n"), [("lymphoma", 89, 150), ("myeloma", 106, 148)])
def test_predicted_plerixafor_arms_of_phase_three(name, count, n):
    """Held out: 59.3 and 71.6 %. Found: 61 and 74 %, both within their binomial intervals."""
    seen = exact_proportion(count, n)
    assert seen.low < arm(name, plerixafor=True).share_reached < seen.high


@pytest.mark.parametrize("disease", DISEASES, ids=lambda item: item.name)
def test_no_patient_collects_less_for_having_had_the_drug(disease):
    with_drug, without = (arm(disease.name, plerixafor=given) for given in (True, False))
    assert (with_drug.collected_per_kg >= without.collected_per_kg * (1 - 1e-6)).all()


def test_yield_is_count_times_volume_times_efficiency():
    """20 per microlitre, 3 volumes of 70 mL/kg, 45 % kept: 1.89 million per kg."""
    collection = Collection(blood_volumes=3.0, efficiency=0.45, blood_litre_per_kg=0.07)
    assert apheresis_yield(np.array([[20e6]]), collection) == pytest.approx(np.array([[1.89e6]]))


def test_a_plan_gives_the_drug_ten_hours_before_each_session():
    plan = MobilisationPlan(target_per_kg=5e6, sessions=4)
    assert (plan.session_days - plan.evening_days) * 24 == pytest.approx(np.full(4, 10.5))
    assert len(plan.morning_days) == 8


def test_a_count_that_does_not_move_has_no_peak():
    flat = count_summary(np.arange(5.0), np.full((1, 5), 2e6))
    assert np.isnan(flat.peak_hour[0])
    assert flat.hours_above_half[0] == 0
    triangle = count_summary(np.arange(5.0), np.array([[1.0, 2.0, 3.0, 2.0, 1.0]]) * 1e6)
    assert triangle.peak_hour[0] == 2
    assert triangle.fold[0] == pytest.approx(3)
    assert triangle.hours_above_half[0] == 3


def test_weighted_quantiles_leave_out_what_does_not_count():
    values, weights = np.array([1.0, 2.0, 3.0, 100.0, np.nan]), np.array([1.0, 1.0, 1.0, 0.0, 1.0])
    assert weighted_quantiles(values, weights)[2] == pytest.approx(2.0)
    assert np.isnan(weighted_quantiles(values, np.zeros(5))).all()


def test_a_marrow_that_swings_without_end_is_no_person():
    """Too strong an answer of the marrow to the count, and the count never comes to rest."""
    people = volunteer().with_columns(neutrophil_feedback=3.0)
    rest = at_rest(body_model(), people, ENGINE)
    (outcome,) = rest.outcomes
    assert outcome.outcome is Outcome.UNSETTLED
    assert "swing" in outcome.message
    (later,) = ENGINE.simulate(
        body_model().sbml, rest.patients, DoseTable(), np.array([10.0]), ["cd34_blood"]
    ).outcomes
    assert later.outcome.is_failure


def test_a_marrow_that_empties_slowly_does_come_to_rest():
    people = volunteer().with_columns(cxcr4_per_host_cell=0.0)
    (outcome,) = at_rest(body_model(), people, ENGINE).outcomes
    assert outcome.outcome is Outcome.COMPLETED
