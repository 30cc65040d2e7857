"""Every drug against closed forms, its label, and the balance of what was given."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.linalg import expm

from cxaxis.engine.protocol import Tolerances
from cxaxis.models.agents import rows_of_agent, template_of
from pharmacy_support import (
    ANTAGONISTS,
    BODY,
    CHECKPOINTS,
    DOSED,
    DRUGS,
    ML_MIN,
    WEIGHT_KG,
    amount,
    bench,
    constant,
    course,
    every_regimen,
    given,
    half_life_h,
    mg_per_L,
)
from science_support import bolus, infusion, parameters_with

# No fluid of tumour to speak of.
DRUG_ALONE = {"tumour_fluid": 1e-12}
PLERIXAFOR = amount("plerixafor", 240, "ug/kg")

POOLS = {
    "antagonist": ("depot", "unabsorbed", "central", "peripheral", "tumour", "cleared"),
    "neutraliser": ("central", "tumour", "cleared"),
    "checkpoint": ("central", "peripheral", "deep", "cleared"),
    "cisplatin": ("pump", "withheld", "central", "peripheral", "bound", "cleared"),
    "carboplatin": ("pump", "withheld", "central", "cleared"),
    "fluorouracil": ("pump", "withheld", "central", "cleared"),
    "paclitaxel": ("pump", "withheld", "central", "tissue", "deep", "cleared"),
    "chloroquine": ("depot", "unabsorbed", "central", "peripheral", "cleared"),
    "filgrastim": ("depot", "unabsorbed", "central", "cleared"),
}


def place_of(drug):
    """The part of the model that takes the drug: the first word of where its dose goes."""
    return next(iter(DRUGS[drug].target.values())).rsplit("_", 1)[0]


def amounts(drug):
    return [f"amount({place_of(drug)}_{pool})" for pool in POOLS[place_of(drug)]]


def given_by(doses, days):
    """What the doses have brought by each day, infusions in part."""
    total = np.zeros_like(days)
    for dose in doses:
        since = days - dose.time
        share = np.clip(since / dose.duration, 0, 1) if dose.duration else since >= 0
        total += dose.amount * share
    return total


# Balance, and what holds for every agent


@pytest.mark.parametrize(("drug", "regimen"), list(every_regimen()))
def test_no_drug_is_made_or_lost(drug, regimen):
    """With default tolerances, after each of the first doses of every regimen."""
    doses = given(drug, regimen, n=3)
    days = np.array([0.003, 0.3, 1.1, 8.7, 22.4, 45.0])
    result = course(drug, days, amounts(drug), doses, tolerances=Tolerances())
    pools = result.values[0]
    assert pools.sum(axis=1) == pytest.approx(given_by(doses, days), rel=2e-6)
    assert (pools >= -1e-6 * pools.sum(axis=1, keepdims=True)).all()


@pytest.mark.parametrize("drug", DOSED)
@pytest.mark.parametrize("factor", [0.01, 100.0])
def test_extreme_doses_and_bodies_give_finite_levels(drug, factor):
    doses = [
        bolus(target, factor * 1e4, day) for target in DRUGS[drug].target.values() for day in (0, 1)
    ]
    days = np.array([0.01, 1.5, 30.0])
    bodies = {
        "body_weight": WEIGHT_KG * np.array([factor, 1.0, factor]),
        "creatinine_clearance": 100 * ML_MIN * np.array([factor, factor, 1 / factor]),
        "neutrophil_ratio": np.array([factor, 1.0, 1 / factor]),
    }
    result = course(drug, days, amounts(drug), doses, tolerances=Tolerances(), **bodies)
    assert np.isfinite(result.values).all()
    assert (result.values > -1e-6 * factor * 1e4).all()


@pytest.mark.parametrize("drug", [*ANTAGONISTS, "olaptesed", *CHECKPOINTS])
def test_every_constant_of_a_slot_has_a_row_for_every_agent(drug):
    rows = parameters_with()
    found = rows_of_agent(DRUGS[drug], bench().bindings, rows)
    assert found
    assert set(found.values()) <= set(rows)


@pytest.mark.parametrize("drug", ["msx_122", "ctce_9908", "alx_0651", "burixafor", "ulocuplumab"])
def test_agents_without_human_kinetics_take_their_class_at_a_wide_spread(drug):
    rows = parameters_with()
    found = rows_of_agent(DRUGS[drug], bench().bindings, rows)
    assert found["cl_antagonist"] == f"cl_{template_of(DRUGS[drug])}"
    assert rows[found["cl_antagonist"]].spread == 1.0


# Drugs at CXCR4


def two_compartments(drug, hours, dose):
    """Plasma level after a dose to the depot, from the matrix exponential; nM."""
    names = ("ka", "f", "v", "v_peripheral", "q", "cl")
    ka, f, v, vp, q, cl = (constant(f"{name}_antagonist", drug) for name in names)
    v, vp = v * WEIGHT_KG, vp * WEIGHT_KG
    rates = np.array([[-ka, 0, 0], [ka * f, -(cl + q) / v, q / vp], [0, q / v, -q / vp]])
    start = np.array([dose, 0.0, 0.0])
    return np.array([(expm(rates * hour / 24) @ start)[1] / v for hour in hours])


@pytest.mark.parametrize("drug", ANTAGONISTS)
def test_one_dose_follows_the_two_compartment_solution(drug):
    hours = np.array([0.1, 0.5, 1, 4, 12, 48])
    result = course(
        drug,
        hours / 24,
        ["antagonist_central"],
        [bolus("antagonist_depot", 1e4)],
        **DRUG_ALONE,
    )
    assert result.of("antagonist_central")[0] == pytest.approx(
        two_compartments(drug, hours, 1e4), rel=1e-6
    )


@pytest.fixture(scope="module")
def plerixafor_day():
    """240 ug/kg under the skin, over a day in minutes: hours and mg/L."""
    minutes = np.arange(0, 1441)
    doses = given("plerixafor", "label_240_ug_kg_daily", n=1)
    result = course("plerixafor", minutes / 1440, ["antagonist_central"], doses)
    return minutes / 60, mg_per_L(result.of("antagonist_central")[0], "plerixafor")


def test_plerixafor_peaks_falls_and_adds_up_as_on_the_label(plerixafor_day):
    """DRG006, DRG009, DRG112, DRG113. Found: 0.79 mg/L at 37 min, 4.2 h, 4.58 mg h/L."""
    hours, level = plerixafor_day
    assert 0.6 <= level.max() <= 1.2
    assert 0.5 <= hours[level.argmax()] <= 1.0
    late = hours > 8
    assert 3 <= half_life_h(hours[late] / 24, level[late]) <= 5
    assert np.trapezoid(level, hours) == pytest.approx(5.07, rel=0.2)


def test_apparent_clearance_of_plerixafor_is_that_decided():
    """CL/F 3.6 L/h at 70 kg; what is tabled is the true clearance."""
    clearance = constant("cl_antagonist", "plerixafor") / 24
    assert clearance / constant("f_antagonist", "plerixafor") == pytest.approx(3.6, rel=0.01)


@pytest.mark.parametrize(
    ("regimen", "low", "high"),
    [("infusion_400_ug_kg_day", 0.22, 0.33), ("infusion_80_ug_kg_h", 1.1, 1.6)],
)
def test_infusions_settle_where_apparent_clearance_puts_them(regimen, low, high):
    """The expected band was reckoned with apparent clearances, hence the share absorbed.

    Found: 0.373 and 1.79 mg/L in plasma, 0.324 and 1.56 mg/L so reckoned.
    """
    result = course(
        "plerixafor",
        [6.9],
        ["antagonist_central", "antagonist_tumour"],
        given("plerixafor", regimen),
        **DRUG_ALONE,
    )
    level = mg_per_L(result.of("antagonist_central")[0, 0], "plerixafor")
    assert low <= level * constant("f_antagonist", "plerixafor") <= high
    # All of an infusion arrives: rate over true clearance.
    dose = given("plerixafor", regimen)[0]
    settled = dose.amount / dose.duration / constant("cl_antagonist", "plerixafor")
    assert result.of("antagonist_central")[0, 0] == pytest.approx(settled, rel=1e-6)
    free = constant("fu_antagonist", "plerixafor") * settled
    assert result.of("antagonist_tumour")[0, 0] == pytest.approx(free, rel=1e-6)


def test_kidney_moves_the_area_of_plerixafor_as_on_the_label():
    """DRG013-DRG015: 7, 32 and 39 % more. Found: 15, 28 and 40 %."""
    clearance = np.array([100.0, 65.0, 40.0, 20.0])
    days = np.linspace(0, 1, 1441)
    doses = given("plerixafor", "label_240_ug_kg_daily", n=1)
    level = course(
        "plerixafor",
        days,
        ["antagonist_central"],
        doses,
        creatinine_clearance=clearance * ML_MIN,
    ).of("antagonist_central")
    area = np.trapezoid(level, days, axis=1)
    assert area[1:] / area[0] - 1 == pytest.approx([0.07, 0.32, 0.39], abs=0.1)


def test_daily_plerixafor_blocks_for_half_of_the_day():
    """At Kd 84 nM: occupancy about a half on average, a tenth before a dose.

    Found: 0.51, 0.13, and 12.4 hours above one half.
    """
    days = np.linspace(10, 11, 1441)
    doses = [bolus("antagonist_depot", PLERIXAFOR, day) for day in range(11)]
    level = course("plerixafor", days, ["antagonist_central"], doses).of("antagonist_central")[0]
    free = constant("fu_antagonist", "plerixafor") * level[:-1]
    held = free / (free + parameters_with()["kd_antagonist_cxcr4"].value)
    assert held.mean() == pytest.approx(0.5, abs=0.05)
    assert held.min() == pytest.approx(0.1, abs=0.04)
    assert 10 <= 24 * (held > 0.5).mean() <= 16


def test_volume_goes_with_weight_and_clearance_with_a_power_of_it():
    weights = np.array([35.0, 70.0, 140.0])
    result = course(
        "plerixafor",
        [0.0, 60.0],
        ["antagonist_volume", "amount(antagonist_cleared)", "antagonist_central"],
        [infusion("antagonist_central", 6e5, 60.0)],
        body_weight=weights,
    )
    volume = result.of("antagonist_volume")[:, 0]
    assert volume / volume[1] == pytest.approx(weights / 70)
    level = result.of("antagonist_central")[:, 1]
    assert level[1] / level == pytest.approx((weights / 70) ** 0.75, rel=1e-6)


def test_free_drug_fills_the_tumour_with_the_exchange_rate():
    """At constant plasma level the tumour follows 1 - exp(-k t) to its penetration."""
    days = np.array([0.01, 0.05, 0.2, 2.0])
    for drug in ("plerixafor", "ulocuplumab"):
        names = ("k_tumour_exchange", "tumour_penetration", "fu", "v")
        k, penetration, free, v = (constant(f"{name}_antagonist", drug) for name in names)
        result = course(
            drug,
            days,
            ["antagonist_tumour"],
            [bolus("antagonist_central", 1e4)],
            cl_antagonist=0.0,
            q_antagonist=0.0,
            tumour_fluid=1e-6,
        )
        expected = penetration * free * 1e4 / (v * WEIGHT_KG) * (1 - np.exp(-k * days))
        assert result.of("antagonist_tumour")[0] == pytest.approx(expected, rel=1e-5)


def test_ly2510924_settles_within_three_days_and_hardly_accumulates():
    """DRG287: accumulation below 1.17, steady after three daily doses."""
    days = np.linspace(0, 4, 5761)
    doses = given("ly2510924", "daily_20_mg", n=4)
    level = course("ly2510924", days, ["antagonist_central"], doses).of("antagonist_central")[0]
    areas = [np.trapezoid(level[(days >= k) & (days <= k + 1)]) for k in range(4)]
    assert areas[3] / areas[0] < 1.17
    assert areas[3] / areas[2] == pytest.approx(1, abs=0.01)


def test_motixafortide_leaves_plasma_within_hours_and_mavorixafor_within_weeks():
    """DRG132, DRG411, DRG413. Found: 2.2 h and 82 h."""
    days = np.linspace(0, 1, 1441)
    level = course(
        "motixafortide", days, ["antagonist_central"], given("motixafortide", "label_1_25_mg_kg")
    ).of("antagonist_central")[0]
    assert 0.25 <= 24 * days[level.argmax()] <= 1.17
    assert half_life_h(days[300:900], level[300:900]) == pytest.approx(2, rel=0.2)
    days = np.linspace(0, 20, 2001)
    doses = given("mavorixafor", "label_400_mg_daily", n=1)
    level = course("mavorixafor", days, ["antagonist_central"], doses).of("antagonist_central")[0]
    assert 0.5 <= 24 * days[level.argmax()] <= 4
    assert half_life_h(days[days > 5], level[days > 5]) == pytest.approx(82, rel=0.05)


def test_a_share_of_a_dose_by_mouth_is_never_absorbed():
    result = course(
        "msx_122",
        [30.0],
        ["amount(antagonist_unabsorbed)"],
        given("msx_122", "placeholder_100_mg_daily", n=1),
    )
    dose = amount("msx_122", 100, "mg")
    lost = (1 - constant("f_antagonist", "msx_122")) * dose
    assert result.values[0, 0, 0] == pytest.approx(lost, rel=1e-6)


def test_the_trap_leaves_with_its_half_life():
    """DRG085: 38 h."""
    days = np.array([0.5, 2.0, 7.0])
    doses = [bolus("neutraliser_central", 100.0)]
    level = course("olaptesed", days, ["neutraliser_central"], doses, **DRUG_ALONE)
    assert half_life_h(days, level.of("neutraliser_central")[0]) == pytest.approx(38, rel=0.01)


# Cytotoxic drugs


def test_a_prescription_reaches_plasma_but_for_what_is_withheld():
    factor = np.array([1.0, 0.6, 0.0])
    for drug in ("cisplatin", "carboplatin", "fluorouracil", "paclitaxel"):
        withheld, waiting = (
            course(
                drug,
                [0.05],
                [f"amount({drug}_withheld)", f"amount({drug}_pump)"],
                [bolus(f"{drug}_pump", 1e5)],
                chemo_dose_factor=factor,
            )
            .values[:, 0]
            .T
        )
        assert withheld == pytest.approx(1e5 * (1 - factor), rel=1e-4, abs=1)
        assert (waiting < 1e-4 * 1e5).all()


def test_fluorouracil_at_low_dose_is_linear_with_clearance_vmax_over_km():
    volume = constant("v_fluorouracil") * WEIGHT_KG
    rate = constant("vmax_fluorouracil") / constant("km_fluorouracil") / volume
    days = np.array([0.005, 0.01, 0.02, 0.04])
    low = 1e-4 * constant("km_fluorouracil") * volume
    result = course(
        "fluorouracil", days, ["fluorouracil_central"], [bolus("fluorouracil_central", low)]
    )
    expected = low / volume * np.exp(-rate * days)
    assert result.of("fluorouracil_central")[0] == pytest.approx(expected, rel=3e-4)


def test_fluorouracil_saturates_as_the_implicit_solution_says():
    """Km ln(C0/C) + C0 - C = Vmax t / V at any dose."""
    volume = constant("v_fluorouracil") * WEIGHT_KG
    vmax, km = constant("vmax_fluorouracil"), constant("km_fluorouracil")
    start = 5 * km
    days = np.array([0.005, 0.02, 0.04])
    doses = [bolus("fluorouracil_central", start * volume)]
    level = course("fluorouracil", days, ["fluorouracil_central"], doses)
    found = level.of("fluorouracil_central")[0]
    assert km * np.log(start / found) + start - found == pytest.approx(
        vmax * days / volume, rel=1e-6
    )


def test_four_days_of_fluorouracil_reach_the_area_that_toxicity_knows():
    """DRG165, DRG166: 20 to 30 mg h/L a cycle. Found: 30.8."""
    days = np.linspace(0, 5, 2001)
    doses = given("fluorouracil", "definitive_1000_mg_m2_day", n=1)
    level = course("fluorouracil", days, ["fluorouracil_central"], doses)
    area = np.trapezoid(mg_per_L(level.of("fluorouracil_central")[0], "fluorouracil"), 24 * days)
    assert 20 <= area <= 35


def test_cisplatin_follows_the_two_compartment_solution():
    names = ("v_cisplatin", "v_peripheral_cisplatin", "cl_cisplatin", "q_cisplatin")
    v, vp, cl, q = (constant(name) for name in names)
    v, vp = v * WEIGHT_KG, vp * WEIGHT_KG
    rates = np.array([[-(cl + q) / v, q / vp], [q / v, -q / vp]])
    days = np.array([0.005, 0.02, 0.1, 0.3])
    result = course("cisplatin", days, ["cisplatin_central"], [bolus("cisplatin_central", 1e5)])
    expected = [(expm(rates * day) @ [1e5, 0.0])[0] / v for day in days]
    assert result.of("cisplatin_central")[0] == pytest.approx(expected, rel=1e-6)


def test_bound_platinum_forms_and_leaves_as_its_study_says():
    """DRG150, DRG151: 0.017 per litre of what is cleared, half-life 50 h."""
    days = np.linspace(0, 60, 60_001)
    result = course(
        "cisplatin",
        days,
        ["cisplatin_central", "cisplatin_bound"],
        [bolus("cisplatin_central", 1e5)],
        body_weight=57.0,
    )
    central, bound = np.trapezoid(result.values[0], 24 * days, axis=0)
    clearance = constant("cl_cisplatin") / 24 * (57 / 70) ** 0.75
    assert clearance == pytest.approx(35.5, rel=0.01)
    assert bound * 0.014 / (clearance * central) == pytest.approx(0.017, rel=0.05)
    late = (days > 2) & (days < 20)
    level = result.of("cisplatin_bound")[0]
    assert half_life_h(days[late], level[late]) == pytest.approx(50, rel=0.02)


def test_area_under_adducts_is_that_of_cisplatin_and_a_share_of_carboplatins():
    days = np.linspace(0, 60, 60_001)
    potency = {"cisplatin": 1.0, "carboplatin": constant("adduct_potency_carboplatin")}
    for drug, share in potency.items():
        central, adducts = (
            course(
                drug,
                days,
                [f"{drug}_central", "platinum_adducts"],
                [infusion(f"{drug}_pump", 1e5, 1.0, 0.5)],
            )
            .values[0]
            .T
        )
        assert np.trapezoid(adducts, days) == pytest.approx(
            share * np.trapezoid(central, days), rel=1e-4
        )


@pytest.mark.parametrize("clearance", [20.0, 60.0, 100.0, 150.0])
@pytest.mark.parametrize("weight", [40.0, 110.0])
def test_calverts_formula_reaches_the_area_prescribed(clearance, weight):
    body = type(BODY)(weight_kg=weight, height_cm=165, creatinine_clearance_mL_min=clearance)
    days = np.linspace(0, 7, 20_001)
    level = course(
        "carboplatin",
        days,
        ["carboplatin_central"],
        given("carboplatin", "preoperative_auc_2_weekly", body, n=1),
        body_weight=weight,
        creatinine_clearance=clearance * ML_MIN,
    ).of("carboplatin_central")[0]
    # mg/L is ug/mL; a day has 1440 minutes.
    area = np.trapezoid(mg_per_L(level, "carboplatin"), 1440 * days) / 1000
    assert area == pytest.approx(2.0, rel=1e-3)


def test_carboplatin_at_usual_filtration_leaves_within_hours():
    """DRG280, DRG282: 4.4 L/h, half-life 3 h. Found at 60 mL/min: 5.1 L/h, 2.4 h."""
    days = np.array([0.1, 0.3])
    level = course(
        "carboplatin",
        days,
        ["carboplatin_central", "carboplatin_clearance"],
        [bolus("carboplatin_central", 1e5)],
        creatinine_clearance=60 * ML_MIN,
    )
    assert half_life_h(days, level.of("carboplatin_central")[0]) == pytest.approx(3, rel=0.25)
    assert 3.55 <= level.of("carboplatin_clearance")[0, 0] / 24 <= 5.25


def paclitaxel_clearance(dose_mg_m2, hours):
    """Dose over area, L/h/m2."""
    nmol = amount("paclitaxel", dose_mg_m2, "mg/m2")
    days = np.linspace(0, 8, 16_001)
    doses = [infusion("paclitaxel_pump", nmol, hours / 24)]
    level = course("paclitaxel", days, ["paclitaxel_central"], doses).of("paclitaxel_central")[0]
    return nmol / np.trapezoid(level, 24 * days) / BODY.surface_m2


def test_paclitaxel_is_cleared_as_on_the_label_and_less_the_faster_it_comes():
    """DRG277: 12.2 L/h/m2 over three hours, 21.7 over 24. Found: 12.1 and 21.7."""
    assert paclitaxel_clearance(175, 3) == pytest.approx(12.2, rel=0.25)
    assert paclitaxel_clearance(175, 24) == pytest.approx(21.7, rel=0.25)
    assert paclitaxel_clearance(50, 1) > 1.2 * paclitaxel_clearance(175, 1)


def test_paclitaxel_stays_above_the_toxic_level_for_a_day_and_falls_slowly():
    """DRG171, DRG278: level of 0.05 uM, half-life 20 h, 13 to 53 h over schedules."""
    days = np.linspace(0, 4, 4001)
    doses = given("paclitaxel", "palliative_175_mg_m2", n=1)
    level = course("paclitaxel", days, ["paclitaxel_central"], doses).of("paclitaxel_central")[0]
    assert 15 <= 96 * (level > 50).mean() <= 45
    assert 13 <= half_life_h(days[days > 2], level[days > 2]) <= 53


# Chloroquine, filgrastim


def test_chloroquine_fills_a_huge_volume_and_leaves_over_months():
    """DRG225, DRG227: 129 mL/min of blood, half-life of 30 to 60 days. Found: 54 days."""
    days = np.linspace(0, 400, 4001)
    doses = given("chloroquine", "placeholder_150_mg_daily", n=1)
    level = course("chloroquine", days, ["chloroquine_central"], doses)
    found = level.of("chloroquine_central")[0]
    late = days > 60
    assert 30 <= half_life_h(days[late], found[late]) / 24 <= 60
    assert constant("cl_chloroquine") / ML_MIN == pytest.approx(129, rel=0.01)


def test_chloroquine_weakens_stemness_with_exposure_and_never_beyond_its_share():
    outputs = ["chloroquine_exposure", "chloroquine_stemness"]
    doses = [bolus("chloroquine_central", 1e9, 1.0)]
    exposure, stemness = course("chloroquine", [0.5, 1.0001], outputs, doses).values[0].T
    assert exposure[0] == stemness[0] == 0
    assert exposure[1] > 0.9
    assert stemness[1] == pytest.approx(constant("chloroquine_stemness_effect"), rel=0.1)


def filgrastim_peak(ug_per_kg, **columns):
    days = np.linspace(0, 1, 721)
    doses = [bolus("filgrastim_depot", amount("filgrastim", ug_per_kg, "ug/kg"))]
    level = course("filgrastim", days, ["filgrastim_central"], doses, **columns)
    ng_per_mL = 1e3 * mg_per_L(level.of("filgrastim_central")[0], "filgrastim")
    return ng_per_mL.max(), 24 * days[ng_per_mL.argmax()]


def test_filgrastim_peaks_as_on_the_label_far_from_in_proportion():
    """DRG436, DRG437: 49 and 4 ng/mL, 2 to 8 h. Found: 44 and 4.8 ng/mL."""
    high, high_h = filgrastim_peak(11.5)
    low, low_h = filgrastim_peak(3.45)
    assert high == pytest.approx(49, rel=0.25)
    assert low == pytest.approx(4, rel=0.25)
    assert 2 <= low_h <= high_h <= 8
    assert high / low > 2 * 11.5 / 3.45


def test_neutrophils_take_filgrastim_up():
    """The more of them the lower the peak; none at all leaves marrow and kidney."""
    peaks = [filgrastim_peak(10, neutrophil_ratio=ratio)[0] for ratio in (0.0, 1.0, 10.0)]
    assert peaks[0] > peaks[1] > 1.5 * peaks[2] > 0


# Antibodies against PD-1


def first_interval(drug, regimen, days):
    outputs = ["checkpoint_central", "checkpoint_clearance", "pd1_blockade"]
    return course(drug, days, outputs, given(drug, regimen))


LABELLED = {
    "pembrolizumab": "palliative_200_mg",
    "nivolumab": "palliative_240_mg",
    "camrelizumab": "palliative_200_mg",
    "toripalimab": "palliative_240_mg",
    "tislelizumab": "palliative_200_mg",
}


@pytest.mark.parametrize("drug", CHECKPOINTS)
def test_pd1_is_held_at_every_labelled_dose_whatever_the_exposure(drug):
    """A third of the dose holds nearly as much of PD-1 as the dose itself."""
    days = np.linspace(0.1, 126, 500)
    doses = given(drug, LABELLED[drug])
    thirds = [replace(dose, amount=dose.amount / 3) for dose in doses]
    full = course(drug, days, ["pd1_blockade"], doses).of("pd1_blockade")[0]
    third = course(drug, days, ["pd1_blockade"], thirds).of("pd1_blockade")[0]
    assert full.min() > 0.9
    assert (full - third).mean() < 0.1


@pytest.mark.parametrize(
    ("drug", "start", "end"),
    [
        ("pembrolizumab", 0.252, 0.195),
        ("toripalimab", 0.358, 0.228),
        ("tislelizumab", 0.153, 0.153),
    ],
)
def test_clearance_falls_over_months_under_drug(drug, start, end):
    """DRG195, DRG213, DRG216, at the weights of the studies; and only after the first dose."""
    weight = {"pembrolizumab": 76.8, "toripalimab": 70.0, "tislelizumab": 65.0}[drug]
    doses = [
        bolus("checkpoint_central", amount(drug, 200, "mg"), day) for day in range(100, 800, 21)
    ]
    result = course(
        drug, [0.0, 99.0, 500.0], ["checkpoint_clearance"], doses, body_weight=weight
    ).of("checkpoint_clearance")[0]
    assert result[0] == result[1] == pytest.approx(start, rel=0.01)
    assert result[2] == pytest.approx(end, rel=0.03)


def test_tislelizumab_is_exposed_as_in_its_first_study():
    """DRG221: 77 mg/L and 675 mg day/L after the first 200 mg. Found: 63 and 576."""
    days = np.linspace(0, 21, 2101)
    result = first_interval("tislelizumab", "palliative_200_mg", days)
    level = mg_per_L(result.of("checkpoint_central")[0], "tislelizumab")[:-1]
    assert level.max() == pytest.approx(77.2, rel=0.25)
    assert np.trapezoid(level, days[:-1]) == pytest.approx(674.7, abs=173.6)


def test_camrelizumab_leaves_the_faster_the_less_was_given():
    """DRG209: half-life of 3 to 11 days after 1 to 10 mg/kg. Found: 3.0 and 11."""
    days = np.linspace(0, 40, 4001)
    half_lives, areas = [], []
    for dose in (1.0, 10.0):
        doses = [bolus("checkpoint_central", amount("camrelizumab", dose, "mg/kg"))]
        level = course("camrelizumab", days, ["checkpoint_central"], doses)
        found = level.of("checkpoint_central")[0]
        window = (days > 1) & (days < (7 if dose == 1 else 28))
        half_lives.append(half_life_h(days[window], found[window]) / 24)
        areas.append(np.trapezoid(found, days) / dose)
    assert half_lives == pytest.approx([3, 11], rel=0.2)
    assert areas[1] > 1.5 * areas[0]


def test_two_compartment_antibodies_leave_the_third_one_empty():
    days = [30.0]
    for drug in set(CHECKPOINTS) - {"tislelizumab"}:
        result = course(drug, days, ["checkpoint_deep"], given(drug, LABELLED[drug], n=1))
        assert result.values[0, 0, 0] == 0
