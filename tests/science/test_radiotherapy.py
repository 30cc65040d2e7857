"""Killing: the exact survival of one fraction, of many, oxygen, stem-like cells, chemotherapy."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cxaxis.knowledge.drugs import load_drugs
from cxaxis.patient.course import PATIENT_TOLERANCES
from science_support import (
    bolus,
    found_patient,
    in_model_units,
    patient_model,
    run,
    some_patients,
)

MODEL = patient_model()
ALPHA = in_model_units(MODEL, "alpha_tumour")
BETA = ALPHA / in_model_units(MODEL, "alpha_beta_ratio")
DELIVERY = in_model_units(MODEL, "k_delivery")
REPAIR = in_model_units(MODEL, "k_repair")
# Sublethal damage that a fraction leaves unrepaired while it is given (Lea-Catcheside).
G = DELIVERY / (DELIVERY + REPAIR)
# Neither growth, T cells, oxygen nor the last clonogen's death hides the killing, and stem-like
# cells die like the others.
KILLING_ALONE = {
    "birth_rate": 0.0,
    "apoptosis_rate": 0.0,
    "kill_per_cd8": 0.0,
    "control_draw": 0.0,
    "hypoxic_radioresistance": 0.0,
    "stem_radiation_ratio": 1.0,
    "stem_chemotherapy_ratio": 1.0,
}


def log_survival(fractions, *, until=None, **changes):
    """Logarithm of the surviving share of cells after ``[(day, gray), ...]``."""
    end = max(day for day, _ in fractions) + 3.0 if until is None else until
    log = run(
        MODEL,
        found_patient(**{**KILLING_ALONE, **changes}),
        [0.0, end],
        ["tumour_log"],
        [bolus("rt", gray, day) for day, gray in fractions],
    ).of("tumour_log")[0]
    return log[1] - log[0]


@pytest.mark.parametrize("gray", [0.5, 1.8, 2.0, 6.0])
def test_one_fraction_kills_as_the_linear_quadratic_formula_says(gray):
    exact = -(ALPHA * gray + G * BETA * gray**2)
    assert log_survival([(0.0, gray)]) == pytest.approx(exact, rel=1e-6)


def test_without_repair_a_fraction_has_the_full_quadratic_term():
    survival = log_survival([(0.0, 2.0)], k_repair=0.0)
    assert survival == pytest.approx(-(ALPHA * 2 + BETA * 4), rel=1e-6)


def test_infinitely_slow_delivery_leaves_the_linear_term():
    survival = log_survival([(0.0, 2.0)], k_delivery=0.5, until=60.0)
    expected = -(ALPHA * 2 + 0.5 / (0.5 + REPAIR) * BETA * 4)
    assert survival == pytest.approx(expected, rel=1e-6)
    assert survival == pytest.approx(-ALPHA * 2, rel=0.015)


def test_survival_multiplies_over_28_fractions():
    weekdays = [day for day in range(38) if day % 7 < 5]
    assert len(weekdays) == 28
    exact = -28 * (ALPHA * 1.8 + G * BETA * 1.8**2)
    found = log_survival([(day, 1.8) for day in weekdays])
    assert found == pytest.approx(exact, rel=1e-6)


def test_two_fractions_an_hour_apart_share_unrepaired_damage():
    """What the first fraction leaves adds 2 beta d1 d2 times its unrepaired part."""
    gap = 1.0 / 24
    alone = -2 * (ALPHA * 2 + G * BETA * 4)
    # Damage left by a delivery that decays with k_d and repairs with k_r, met by the second.
    left = DELIVERY / (DELIVERY - REPAIR) * np.exp(-REPAIR * gap)
    shared = -2 * BETA * 2 * 2 * left * DELIVERY / (DELIVERY + REPAIR)
    found = log_survival([(0.0, 2.0), (gap, 2.0)])
    assert found == pytest.approx(alone + shared, rel=1e-5)


@settings(max_examples=8)
@given(total=st.floats(4, 40), n=st.integers(1, 10))
def test_the_same_dose_in_more_fractions_kills_less(total, n):
    few = log_survival([(day, total / n) for day in range(n)])
    many = log_survival([(day, total / (n + 1)) for day in range(n + 1)])
    assert few < many < 0


def regimen_doses(name):
    """Fractions of a named regimen of radiotherapy, and its total dose in Gy."""
    regimen = load_drugs()["radiotherapy"].regimens[name]
    days = regimen.dose_days()
    return [bolus("rt", regimen.dose.value, day) for day in days], regimen.dose.value * len(days)


def test_sixty_gray_kills_more_than_fifty_and_that_more_than_forty_one():
    """In every patient, by the last fraction and counting the days that more fractions take."""
    least = []
    for name, gray in (
        ("preoperative_41_4_gy", 41.4),
        ("definitive_50_4_gy", 50.4),
        ("definitive_60_gy", 60.0),
    ):
        doses, total = regimen_doses(name)
        assert total == pytest.approx(gray)
        patients = some_patients().patients.with_columns(control_draw=0.0)
        log = run(
            MODEL, patients, np.arange(60.0), ["tumour_log"], doses, tolerances=PATIENT_TOLERANCES
        ).of("tumour_log")
        least.append(log.min(axis=1))
    assert (least[0] > least[1]).all()
    assert (least[1] > least[2]).all()
    # In the typical patient each Gray beyond 41.4 goes on killing at about the clinical slope.
    assert 0.1 < (least[0][0] - least[2][0]) / (60.0 - 41.4) < 0.6


# Oxygen


def test_oxygen_moves_the_linear_term_as_hypoxia_says():
    resistance = in_model_units(MODEL, "hypoxic_radioresistance")
    poor = {
        "hypoxic_radioresistance": resistance,
        "k_vessel_repair": 0.0,
        "vessel_damage": 0.0,
        "vessels": 0.1,
    }
    patient = found_patient(**{**KILLING_ALONE, **poor})
    short, usual = run(MODEL, patient, [0.0], ["hypoxia", "hypoxia_reference"]).values[0, 0]
    assert short > usual
    factor = (1 - resistance * short) / (1 - resistance * usual)
    exact = -(factor * ALPHA * 2 + G * BETA * 4)
    assert log_survival([(0.0, 2.0)], **poor) == pytest.approx(exact, rel=1e-6)
    assert log_survival([(0.0, 2.0)], **poor) > log_survival([(0.0, 2.0)])


# Stem-like cells


def test_stem_like_cells_die_of_radiation_at_their_own_ratio():
    ratio = in_model_units(MODEL, "stem_radiation_ratio")
    alone = {**KILLING_ALONE, "stem_radiation_ratio": ratio, "k_differentiate": 0.0}
    found = run(
        MODEL,
        found_patient(**alone),
        [0.0, 10.0],
        ["stem_share", "tumour_log"],
        [bolus("rt", 2.0, day) for day in range(8)],
    )
    share, log = found.of("stem_share")[0], found.of("tumour_log")[0]
    stem = np.diff(np.log(share) + log)[0]
    bulk = np.diff(np.log(1 - share) + log)[0]
    assert bulk == pytest.approx(-8 * (ALPHA * 2 + G * BETA * 4), rel=1e-5)
    assert stem / bulk == pytest.approx(ratio, rel=1e-5)
    assert 0 < ratio < 1


# Chemotherapy


def test_platinum_adducts_make_radiation_kill_more():
    """The linear term rises by the radiosensitisation times adducts, held constant here."""
    adducts = 200.0
    per_nM = in_model_units(MODEL, "radiosensitisation_cisplatin")
    frozen = {"k_adduct_repair": 0.0, "platinum_adducts": adducts, "kill_per_adduct": 0.0}
    found = log_survival([(0.0, 1.8)], **frozen)
    exact = -(ALPHA * (1 + per_nM * adducts) * 1.8 + G * BETA * 1.8**2)
    assert found == pytest.approx(exact, rel=1e-6)


# Nothing but the area of the drug bears on what it kills: no protection, vessels as at diagnosis.
REACHED = {
    **KILLING_ALONE,
    "phi": 0.0,
    "stroma_protection": 0.0,
    "k_vessel_repair": 0.0,
    "vessels": 1.0,
}


def test_cisplatin_kills_by_the_area_under_its_course():
    """Survival is exp(-kill x dose / CL): adducts keep the area of plasma."""
    amount = 1e5
    found = run(
        MODEL,
        found_patient(**REACHED),
        [0.0, 200.0],
        ["tumour_log", "foxm1_sensitivity", "reach"],
        [bolus("cisplatin_central", amount)],
    )
    start, finish = found.of("tumour_log")[0]
    assert found.of("reach")[0] == pytest.approx([1.0, 1.0], rel=1e-9)
    patient = found_patient()
    scale = (
        patient.column("body_weight")[0] / in_model_units(MODEL, "weight_reference")
    ) ** in_model_units(MODEL, "allometric_clearance")
    area = amount / (in_model_units(MODEL, "cl_cisplatin") * scale)
    kill = in_model_units(MODEL, "kill_per_adduct") * found.of("foxm1_sensitivity")[0, 0]
    assert finish - start == pytest.approx(-kill * area, rel=1e-4)


@pytest.mark.parametrize(
    ("what", "column"),
    [("stroma", "stroma_protection"), ("stem-like cells", "stem_chemotherapy_ratio")],
)
def test_chemotherapy_spares_what_is_protected(what, column):
    values = {"stroma_protection": [0.0, 0.8], "stem_chemotherapy_ratio": [1.0, 0.2]}[column]
    # A stroma denser than the reference protects more than the reference does.
    patients = found_patient(
        **{**REACHED, "k_differentiate": 0.0, "matrix": 3.0, "k_matrix": 0.0, column: values}
    )
    log = run(MODEL, patients, [0.0, 60.0], ["tumour_log"], [bolus("cisplatin_central", 2e5)]).of(
        "tumour_log"
    )
    killed = log[:, 0] - log[:, 1]
    assert 0 < killed[1] < killed[0], what


# Vessels


def test_vessels_lose_the_stated_share_per_gray_and_come_back():
    damage = in_model_units(MODEL, "vessel_damage")
    repair = in_model_units(MODEL, "k_vessel_repair")
    # Nothing but repair: the vessels aimed at are one, without a host part.
    bare = {
        **KILLING_ALONE,
        "vegf_effect": 0.0,
        "progenitor_effect": 0.0,
        "vessel_size_exponent": 0.0,
        "host_share_of_repair": 0.0,
        "vessels": 1.0,
    }
    days = np.array([1.0, 20.0, 80.0])
    found = run(
        MODEL,
        found_patient(**bare | {"k_vessel_repair": 0.0}),
        [1.0],
        ["vessels"],
        [bolus("rt", 10.0)],
    )
    assert found.values[0, 0, 0] == pytest.approx(np.exp(-damage * 10), rel=1e-6)
    back = run(MODEL, found_patient(**bare), days, ["vessels"], [bolus("rt", 10.0)]).of("vessels")
    lost = 1 - back[0]
    assert lost[1:] / lost[0] == pytest.approx(np.exp(-repair * (days[1:] - 1)), rel=1e-4)
