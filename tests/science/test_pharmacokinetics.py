"""Drug kinetics of the patient model against their closed forms."""

import numpy as np
import pytest

from cxaxis.engine.protocol import Tolerances
from cxaxis.knowledge.drugs import load_drugs
from cxaxis.patient.readouts import hours_above, occupancy
from cxaxis.patient.regimen import Body, dose_amount
from science_support import bolus, in_model_units, infusion, patient_model, run, table

MODEL = patient_model()
WEIGHT = 70.0
DOSE = dose_amount(
    load_drugs()["plerixafor"], 240, "ug/kg", Body(weight_kg=WEIGHT, height_cm=170), duration_day=0
)
KA = in_model_units(MODEL, "ka_plerixafor")
CL = in_model_units(MODEL, "cl_plerixafor")
V = in_model_units(MODEL, "v_plerixafor") * WEIGHT
FU = in_model_units(MODEL, "fu_plerixafor")
KD = in_model_units(MODEL, "marrow_kd_antagonist_cxcr4")
# Nothing else takes up drug: no receptor, and no fluid of tumour to speak of.
DRUG_ALONE = {"cxcr4_per_tumour_cell": 0.0, "cxcr4_per_host_cell": 0.0, "tumour_fluid": 1e-12}


def bateman(hours, *, dose=DOSE):
    """Total plasma concentration after one subcutaneous dose, nM; 0 before it."""
    day = np.maximum(hours, 0.0) / 24.0
    ke = CL / V
    return dose / V * KA / (KA - ke) * (np.exp(-ke * day) - np.exp(-KA * day))


def steady_state(hours, *, every_hours=24.0):
    """The same, after infinitely many doses, over one interval: the superposed Bateman sum."""
    day, interval = hours / 24.0, every_hours / 24.0
    ke = CL / V
    slow = np.exp(-ke * day) / (1.0 - np.exp(-ke * interval))
    fast = np.exp(-KA * day) / (1.0 - np.exp(-KA * interval))
    return DOSE / V * KA / (KA - ke) * (slow - fast)


def test_tabled_kinetics_are_those_of_the_closed_form():
    assert pytest.approx(3.6) == CL / 24
    assert pytest.approx(0.42) == FU
    assert pytest.approx(84.0) == KD
    assert pytest.approx(240e-6 * 70 / 502.79 * 1e9) == DOSE


def test_one_subcutaneous_dose_follows_the_bateman_function():
    hours = np.array([0.1, 0.25, 0.5, 1, 2, 4, 8, 12, 24, 48])
    result = run(
        MODEL,
        table(body_weight=WEIGHT, **DRUG_ALONE),
        hours / 24,
        ["plerixafor_central"],
        [bolus("plerixafor_depot", DOSE)],
    )
    assert result.of("plerixafor_central")[0] == pytest.approx(bateman(hours), rel=1e-6)


@pytest.fixture(scope="module")
def steady_day():
    """Half a month of 240 ug/kg daily without CXCL12 in the marrow; the last day in minutes."""
    minutes = np.arange(0, 24 * 60 + 1, 5)
    result = run(
        MODEL,
        table(body_weight=WEIGHT, marrow_cxcl12_production=0.0),
        14 + minutes / 1440,
        ["plerixafor_central", "marrow_antagonist_cxcr4", "marrow_cxcr4", "marrow_cxcl12_cxcr4"],
        [bolus("plerixafor_depot", DOSE, day) for day in range(16)],
    )
    held = occupancy(*(result.values[0, :, i] for i in (1, 2, 3)))
    return minutes / 60, held, result.of("plerixafor_central")[0]


def closed_form_occupancy(hours):
    free = FU * steady_state(hours)
    return free / (free + KD)


def day_mean(hours, level):
    return np.trapezoid(level, hours) / 24


def test_daily_occupancy_matches_the_closed_form(steady_day):
    hours, held, _ = steady_day
    expected = closed_form_occupancy(hours)
    assert day_mean(hours, held) == pytest.approx(day_mean(hours, expected), rel=0.02)
    assert held.min() == pytest.approx(expected.min(), rel=0.02)
    assert np.abs(held - expected).max() < 0.02


def test_daily_occupancy_is_intermittent(steady_day):
    """240 ug/kg daily holds half of the receptors on average and an eighth before a dose.

    Found: mean 0.511, trough 0.121, 12.4 hours a day above one half, at 70 kg.
    """
    hours, held, _ = steady_day
    assert day_mean(hours, held) == pytest.approx(0.49, abs=0.03)
    assert held.min() == pytest.approx(0.11, abs=0.015)
    assert held.max() > 0.8


def test_hours_above_half_occupancy_match_the_closed_form(steady_day):
    hours, held, _ = steady_day
    minute = np.linspace(0, 24, 200_001)
    exact = 24 * (closed_form_occupancy(minute) > 0.5).mean()
    found = hours_above(hours / 24, held[None, :], 0.5)[0]
    assert found == pytest.approx(exact, abs=0.1)


def test_steady_state_repeats_itself_and_equals_the_superposed_doses(steady_day):
    hours, _, central = steady_day
    # The start of the day is just before the dose, where the sum jumps in slope, not value.
    assert central == pytest.approx(steady_state(hours), rel=2e-3)
    assert central[0] == pytest.approx(central[-1], rel=1e-4)


def test_volumes_follow_the_weight_of_each_patient():
    """The same amount gives concentrations inverse to weight, whoever was simulated before."""
    weights = np.array([50.0, 100.0, 50.0])
    result = run(
        MODEL,
        table(body_weight=weights, cl_plerixafor=0.0, **DRUG_ALONE),
        [0.0, 0.01],
        ["plerixafor_central", "plerixafor_volume", "neutraliser_volume"],
        [bolus("plerixafor_central", 1e4)],
    )
    assert result.of("plerixafor_volume")[:, 1] == pytest.approx(
        in_model_units(MODEL, "v_plerixafor") * weights
    )
    assert result.of("neutraliser_volume")[:, 1] == pytest.approx(
        in_model_units(MODEL, "v_neutraliser") * weights
    )
    level = result.of("plerixafor_central")[:, 1]
    assert level[0] == level[2]
    assert level[0] / level[1] == pytest.approx(2.0, rel=1e-6)


def test_infusion_settles_at_rate_over_clearance():
    rate = 400e-6 * WEIGHT / 502.79 * 1e9
    result = run(
        MODEL,
        table(body_weight=WEIGHT, **DRUG_ALONE),
        [10.0],
        ["plerixafor_central", "plerixafor_tumour"],
        [infusion("plerixafor_central", 20 * rate, 20.0)],
    )
    assert result.of("plerixafor_central")[0, 0] == pytest.approx(rate / CL, rel=1e-6)
    assert result.of("plerixafor_tumour")[0, 0] == pytest.approx(FU * rate / CL, rel=1e-6)


_DRUG_POOLS = (
    "plerixafor_depot",
    "plerixafor_central",
    "plerixafor_tumour",
    "plerixafor_cleared",
    "tumour_antagonist_cxcr4",
    "marrow_antagonist_cxcr4",
)


@pytest.mark.parametrize("many_receptors", [1.0, 1000.0])
def test_plerixafor_is_neither_made_nor_lost(many_receptors):
    """Mass balance with default tolerances, also when receptors hold a large share."""
    host = in_model_units(MODEL, "cxcr4_per_host_cell") * many_receptors
    rate = 300.0
    given_bolus = [bolus("plerixafor_depot", DOSE, day) for day in range(4)]
    times = np.array([0.01, 0.5, 1.0, 2.2, 3.5, 8.0])
    result = run(
        MODEL,
        table(body_weight=WEIGHT, cxcr4_per_host_cell=host),
        times,
        [f"amount({name})" for name in _DRUG_POOLS],
        [*given_bolus, infusion("plerixafor_central", rate * 2, 2.0, 1.0)],
        tolerances=Tolerances(),
    )
    given = DOSE * np.array([1, 1, 1, 3, 4, 4]) + rate * np.clip(times - 1.0, 0, 2)
    assert result.values[0].sum(axis=1) == pytest.approx(given, rel=1e-6)
    if many_receptors > 1:
        assert result.of("amount(marrow_antagonist_cxcr4)").max() > 0.01 * DOSE


def test_total_concentration_is_linear_in_the_doses():
    """The response to two doses together is the sum of the responses to each."""
    hours = np.array([1.0, 7.0, 13.0, 30.0])
    patients = table(body_weight=WEIGHT, **DRUG_ALONE)
    first, second = bolus("plerixafor_depot", DOSE), bolus("plerixafor_central", 2 * DOSE, 0.25)
    drip = infusion("plerixafor_central", DOSE, 0.5, 0.1)

    def course(*doses):
        return run(MODEL, patients, hours / 24, ["plerixafor_central"], doses).values[0, :, 0]

    together = course(first, second, drip)
    assert together == pytest.approx(course(first) + course(second) + course(drip), rel=1e-6)
    tripled = course(bolus("plerixafor_depot", 3 * DOSE))
    assert tripled == pytest.approx(3 * course(first), rel=1e-6)


def test_free_plerixafor_fills_the_tumour_with_the_exchange_rate():
    """At constant plasma level the tumour follows 1 - exp(-k t)."""
    days = np.array([0.005, 0.02, 0.05, 0.2])
    k = in_model_units(MODEL, "k_tumour_exchange")
    result = run(
        MODEL,
        table(
            body_weight=WEIGHT,
            cl_plerixafor=0.0,
            cxcr4_per_tumour_cell=0.0,
            cxcr4_per_host_cell=0.0,
        ),
        days,
        ["plerixafor_tumour"],
        [bolus("plerixafor_central", 1e4)],
    )
    expected = FU * 1e4 / V * (1 - np.exp(-k * days))
    # The tumour's own uptake takes a thousandth out of plasma.
    assert result.of("plerixafor_tumour")[0] == pytest.approx(expected, rel=1e-3)


def test_fluorouracil_at_low_dose_is_linear_with_clearance_vmax_over_km():
    volume = in_model_units(MODEL, "fluorouracil_volume")
    rate = (
        in_model_units(MODEL, "vmax_fluorouracil") / in_model_units(MODEL, "km_fluorouracil")
    ) / volume
    days = np.array([0.005, 0.01, 0.02, 0.04])
    low = 1e-4 * in_model_units(MODEL, "km_fluorouracil") * volume
    result = run(
        MODEL,
        table(body_weight=WEIGHT),
        days,
        ["fluorouracil_central"],
        [bolus("fluorouracil_central", low)],
    )
    expected = low / volume * np.exp(-rate * days)
    assert result.of("fluorouracil_central")[0] == pytest.approx(expected, rel=2e-4)


def test_fluorouracil_saturates_as_the_implicit_solution_says():
    """Km ln(C0/C) + C0 - C = Vmax t / V at any dose."""
    volume = in_model_units(MODEL, "fluorouracil_volume")
    vmax = in_model_units(MODEL, "vmax_fluorouracil")
    km = in_model_units(MODEL, "km_fluorouracil")
    start = 5 * km
    days = np.array([0.005, 0.02, 0.04])
    level = run(
        MODEL,
        table(body_weight=WEIGHT),
        days,
        ["fluorouracil_central"],
        [bolus("fluorouracil_central", start * volume)],
    ).of("fluorouracil_central")[0]
    assert km * np.log(start / level) + start - level == pytest.approx(
        vmax * days / volume, rel=1e-6
    )


def cisplatin_rates():
    v1, v2 = (
        in_model_units(MODEL, f"cisplatin_{name}") for name in ("volume", "peripheral_volume")
    )
    cl, q = in_model_units(MODEL, "cl_cisplatin"), in_model_units(MODEL, "q_cisplatin")
    k10, k12, k21 = cl / v1, q / v1, q / v2
    total = k10 + k12 + k21
    root = np.sqrt(total**2 - 4 * k10 * k21)
    return (total + root) / 2, (total - root) / 2, k21, v1


def test_cisplatin_follows_the_two_compartment_solution():
    fast, slow, k21, volume = cisplatin_rates()
    days = np.array([0.005, 0.02, 0.1, 0.3])
    result = run(
        MODEL,
        table(body_weight=WEIGHT),
        days,
        ["cisplatin_central"],
        [bolus("cisplatin_central", 1e5)],
    )
    expected = (
        1e5
        / volume
        * (
            (fast - k21) / (fast - slow) * np.exp(-fast * days)
            + (k21 - slow) / (fast - slow) * np.exp(-slow * days)
        )
    )
    assert result.of("cisplatin_central")[0] == pytest.approx(expected, rel=1e-6)


def test_area_under_cisplatin_is_dose_over_clearance_and_under_adducts_alike():
    """Adducts relax to the plasma level: over all time both have the same area, dose / CL."""
    days = np.linspace(0, 60, 60_001)
    result = run(
        MODEL,
        table(body_weight=WEIGHT),
        days,
        ["cisplatin_central", "platinum_adducts"],
        [infusion("cisplatin_central", 1e5, 1.0, 0.5)],
    )
    area = np.trapezoid(result.values[0], days, axis=0)
    assert area == pytest.approx(1e5 / in_model_units(MODEL, "cl_cisplatin"), rel=1e-3)


def test_neutraliser_leaves_with_its_elimination_rate():
    k = in_model_units(MODEL, "k_elimination_neutraliser")
    volume = in_model_units(MODEL, "v_neutraliser") * WEIGHT
    days = np.array([0.5, 2.0, 7.0])
    result = run(
        MODEL,
        table(
            body_weight=WEIGHT,
            tumour_fluid=1e-12,
            marrow_cxcl12_production=0.0,
            cxcl12_secretion_fibroblast=0.0,
            cxcl12_secretion_tumour_cell=0.0,
        ),
        days,
        ["neutraliser_central"],
        [bolus("neutraliser_central", 100.0)],
    )
    expected = 100.0 / volume * np.exp(-k * days)
    assert result.of("neutraliser_central")[0] == pytest.approx(expected, rel=1e-6)
