"""Linear-quadratic killing: the exact survival of one fraction, of many, and fractionation."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from science_support import bolus, in_model_units, patient_model, run, table

MODEL = patient_model()
ALPHA = in_model_units(MODEL, "alpha_tumour")
BETA = ALPHA / in_model_units(MODEL, "alpha_beta_ratio")
DELIVERY = in_model_units(MODEL, "k_delivery")
REPAIR = in_model_units(MODEL, "k_repair")
# Sublethal damage that a fraction leaves unrepaired while it is given (Lea-Catcheside).
G = DELIVERY / (DELIVERY + REPAIR)
# Neither growth nor the last clonogen's death hides the killing.
KILLING_ALONE = {"birth_rate": 0.0, "control_draw": 0.0}


def log_survival(fractions, *, until=None, **changes):
    """Logarithm of the surviving share of clonogens after ``[(day, gray), ...]``."""
    end = max(day for day, _ in fractions) + 3.0 if until is None else until
    result = run(
        MODEL,
        table(**{**KILLING_ALONE, **changes}),
        [0.0, end],
        ["tumour_log"],
        [bolus("rt", gray, day) for day, gray in fractions],
    )
    start, finish = result.of("tumour_log")[0]
    return finish - start


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
    assert survival == pytest.approx(-ALPHA * 2, rel=0.01)


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


@settings(max_examples=15)
@given(total=st.floats(4, 40), n=st.integers(1, 10))
def test_the_same_dose_in_more_fractions_kills_less(total, n):
    few = log_survival([(day, total / n) for day in range(n)])
    many = log_survival([(day, total / (n + 1)) for day in range(n + 1)])
    assert few < many < 0


def test_platinum_adducts_make_radiation_kill_more():
    """The linear term rises by the radiosensitisation times adducts, held constant here."""
    adducts = 200.0
    per_nM = in_model_units(MODEL, "radiosensitisation_cisplatin")
    frozen = {"k_adduct_repair": 0.0, "platinum_adducts": adducts, "kill_per_adduct": 0.0}
    found = log_survival([(0.0, 1.8)], **frozen)
    exact = -(ALPHA * (1 + per_nM * adducts) * 1.8 + G * BETA * 1.8**2)
    assert found == pytest.approx(exact, rel=1e-6)


def test_chemotherapy_kills_by_the_area_under_its_course():
    """Survival after cisplatin is exp(-kill x dose / CL): adducts keep the area of plasma."""
    amount = 1e5
    result = run(
        MODEL,
        table(**KILLING_ALONE),
        [0.0, 200.0],
        ["tumour_log"],
        [bolus("cisplatin_central", amount)],
    )
    start, finish = result.of("tumour_log")[0]
    area = amount / in_model_units(MODEL, "cl_cisplatin")
    assert finish - start == pytest.approx(
        -in_model_units(MODEL, "kill_per_adduct") * area, rel=1e-5
    )


def test_killed_cells_are_counted_until_they_clear():
    """Living and killed cells together fall only by clearing."""
    result = run(
        MODEL,
        table(**KILLING_ALONE, k_clear_killed=0.0),
        [0.0, 5.0, 30.0],
        ["tumour_ratio", "killed_ratio"],
        [bolus("rt", 2.0, day) for day in range(20)],
    )
    total = result.values[0].sum(axis=1)
    assert total == pytest.approx(total[0], rel=1e-6)
    assert result.of("killed_ratio")[0, -1] > 0.5 * total[0]


def test_vessels_lose_the_stated_share_per_gray_and_come_back():
    damage = in_model_units(MODEL, "vessel_damage")
    repair = in_model_units(MODEL, "k_vessel_repair")
    still = run(MODEL, table(k_vessel_repair=0.0), [1.0], ["vessels"], [bolus("rt", 10.0)]).of(
        "vessels"
    )
    assert still[0, 0] == pytest.approx(np.exp(-damage * 10), rel=1e-6)
    # Without a host part of repair, vessels come back with the repair rate alone.
    days = np.array([1.0, 20.0, 80.0])
    back = run(
        MODEL,
        table(host_share_of_repair=0.0),
        days,
        ["vessels"],
        [bolus("rt", 10.0)],
    ).of("vessels")[0]
    lost = 1 - back
    assert lost[1:] / lost[0] == pytest.approx(np.exp(-repair * (days[1:] - 1)), rel=1e-4)
