"""Two levels of chance, never mixed; draws keyed by patient and purpose."""

from dataclasses import replace

import numpy as np
import pytest

from cxaxis.cohort.overrides import parse_assignments, with_values
from cxaxis.cohort.population import (
    central_theta,
    death_draws,
    draw_patients,
    draw_theta,
    event_draws,
    extinction_level,
    patient_values,
    shifted,
)
from cxaxis.core.errors import UserInputError
from cxaxis.knowledge.parameters import Parameters, load_parameters
from cxaxis.patient.course import DEPOSITS
from science_support import parameters_with, patient_model

ROWS = parameters_with()
CENTRAL = central_theta(ROWS)


def without_omega():
    return Parameters({name: replace(row, omega=0.0) for name, row in ROWS.items()})


def test_with_no_difference_between_patients_all_are_the_tabled_one():
    table = draw_patients(patient_model(), without_omega(), CENTRAL, range(5), seed=1)
    for constant, row in patient_model().bindings.items():
        expected = ROWS[row].value * patient_model().factors[constant]
        assert table.column(constant) == pytest.approx(np.full(5, expected), rel=1e-12), constant


def test_patients_are_never_drawn_from_what_is_not_known():
    """Spread set to anything changes no patient; omega set to zero changes no population."""
    wide = Parameters({name: replace(row, spread=5.0) for name, row in ROWS.items()})
    one, two = (
        draw_patients(patient_model(), rows, CENTRAL, range(4), seed=1) for rows in (ROWS, wide)
    )
    assert np.array_equal(one.values, two.values)
    assert draw_theta(without_omega(), seed=1, draw=0) == draw_theta(ROWS, seed=1, draw=0)


def test_rows_without_omega_are_the_same_in_every_patient_of_a_population():
    theta = draw_theta(ROWS, seed=2, draw=7)
    table = draw_patients(patient_model(), ROWS, theta, range(6), seed=2)
    for constant, row in patient_model().bindings.items():
        distinct = len(set(table.column(constant)))
        assert distinct == (1 if ROWS[row].omega == 0 else 6), constant


def test_populations_differ_by_draw_and_by_seed_and_repeat():
    first = draw_theta(ROWS, seed=1, draw=0)
    assert draw_theta(ROWS, seed=1, draw=0) == first
    for other in (draw_theta(ROWS, seed=1, draw=1), draw_theta(ROWS, seed=2, draw=0)):
        fixed = {name for name, row in ROWS.items() if row.spread == 0}
        same = {name for name in ROWS if other[name] == first[name]}
        assert same == fixed


def test_populations_are_drawn_with_the_widened_spread():
    """Without widening every deviation shrinks to the stated spread, and none is drawn anew."""
    plain = Parameters({name: replace(row, tau=0.0) for name, row in ROWS.items()})
    wide, narrow = (draw_theta(rows, seed=3, draw=2) for rows in (ROWS, plain))
    for name, row in ROWS.items():
        if row.scale == "log" and row.spread > 0:
            share = np.log(narrow[name] / row.value) / np.log(wide[name] / row.value)
            assert share == pytest.approx(row.spread / row.widened_spread), name
    at_home = {name for name, row in ROWS.items() if row.widening == 0}
    assert {name for name in ROWS if wide[name] == narrow[name]} == at_home
    assert "phi" in at_home


def test_a_row_added_to_the_table_shifts_no_other_draw():
    more = Parameters({**ROWS, "new_row": replace(ROWS["phi"], id="new_row")})
    grown = draw_theta(more, seed=1, draw=3)
    assert {k: v for k, v in grown.items() if k != "new_row"} == draw_theta(ROWS, seed=1, draw=3)


def test_the_causal_share_is_uniform():
    draws = np.array([draw_theta({"phi": ROWS["phi"]}, seed=5, draw=k)["phi"] for k in range(2000)])
    assert draws.min() >= 0
    assert draws.max() <= 1
    assert draws.mean() == pytest.approx(0.5, abs=3 * np.sqrt(1 / 12 / 2000))
    assert draws.std() == pytest.approx(np.sqrt(1 / 12), rel=0.05)


def test_log_rows_spread_around_their_median_by_omega():
    row = ROWS["cxcr4_per_tumour_cell"]
    values = np.log(patient_values(row, row.value, range(3000), seed=9) / row.value)
    assert np.median(values) == pytest.approx(0.0, abs=3 * 1.25 * row.omega / np.sqrt(3000))
    assert values.std() == pytest.approx(row.omega, rel=3 / np.sqrt(2 * 3000))


def test_deviations_act_on_the_scale_of_the_row():
    row = ROWS["phi"]
    assert shifted(replace(row, scale="log"), 2.0, np.log(3.0)) == pytest.approx(6.0)
    assert shifted(replace(row, scale="linear"), 2.0, 3.0) == pytest.approx(5.0)
    assert shifted(replace(row, scale="logit"), 0.5, np.log(3.0)) == pytest.approx(0.75)


def test_a_patient_has_its_draws_whoever_else_is_drawn():
    whole = draw_patients(patient_model(), ROWS, CENTRAL, range(10), seed=4)
    some = draw_patients(patient_model(), ROWS, CENTRAL, [7, 2], seed=4)
    assert np.array_equal(some.values, whole.values[[7, 2]])
    assert np.array_equal(death_draws([7, 2], seed=4), death_draws(range(10), seed=4)[[7, 2]])


def test_founders_of_an_organ_arrive_one_after_another():
    draws = event_draws(range(400), seed=3)
    for slots in DEPOSITS.values():
        levels = np.array([draws[f"{slot}_draw"] for slot in slots])
        assert (np.diff(levels, axis=0) > 0).all()
        # Sums of unit exponentials: the k-th has mean k.
        for k, level in enumerate(levels, start=1):
            assert level.mean() == pytest.approx(k, abs=4 * np.sqrt(k / 400))


def test_extinction_levels_lie_between_zero_and_one_with_their_distribution():
    chance = (np.arange(10_000) + 0.5) / 10_000
    level = extinction_level(chance)
    assert 0 < level.min() < level.max() < 1
    # P(level < x) = (1 - exp(-x)) / (1 - exp(-1)).
    for x in (0.2, 0.5, 0.9):
        exact = (1 - np.exp(-x)) / (1 - np.exp(-1))
        assert (level < x).mean() == pytest.approx(exact, abs=1e-3)


def test_values_set_by_hand_replace_the_row_and_say_so():
    rows = with_values(load_parameters(), {"kd_antagonist_cxcr4": 27.0, "cxcr4_per_host_cell": 0})
    assert rows["kd_antagonist_cxcr4"].value == 27.0
    assert rows["kd_antagonist_cxcr4"].note.startswith("set by hand")
    assert rows["cxcr4_per_host_cell"].value == 0
    assert load_parameters()["kd_antagonist_cxcr4"].value == 84.0


def test_all_values_that_cannot_be_set_are_reported_at_once():
    values = {
        "kd_antagonist_cxr4": 1.0,
        "birth_rate": -1.0,
        "share_male": 1.5,
        "phi": float("nan"),
    }
    with pytest.raises(UserInputError) as caught:
        with_values(load_parameters(), values)
    text = str(caught.value)
    assert len(caught.value.findings) == 4
    assert "Did you mean kd_antagonist_cxcr4" in text
    for part in ("must not be negative", "between 0 and 1", "finite"):
        assert part in text


@pytest.mark.parametrize(
    ("name", "value", "reason"),
    [
        ("phi", 1.5, "is a share and must lie from 0 to 1, got 1.5. Now it is 0.5"),
        ("phi", -0.1, "from 0 to 1"),
        ("fu_igg", 2.0, "from 0 to 1"),
        ("creatinine_clearance", 0.0, "must be above 0, be it by little, got 0. Now it is 81 in"),
        ("body_weight", 0.0, "above 0"),
        ("kd_antagonist_cxcr4", 0.0, "above 0"),
        ("weight_reference", -70.0, "must not be negative"),
    ],
)
def test_a_value_that_no_patient_can_have_is_refused_with_its_range(name, value, reason):
    with pytest.raises(UserInputError) as caught:
        with_values(load_parameters(), {name: value})
    (finding,) = caught.value.findings
    assert finding.where == f"--set {name}={value:g}"
    assert reason in finding.message


def test_extreme_values_can_be_set():
    """A hundredth and a hundred times of what a row says, and the ends of a share."""
    rows = load_parameters()
    for name, row in rows.items():
        with_values(rows, {name: row.value})
        if row.scale == "log" and not name.endswith("_fraction"):
            for factor in (0.01, 100.0):
                with_values(rows, {name: factor * row.value})
    for phi in (0.0, 1.0):
        assert with_values(rows, {"phi": phi})["phi"].value == phi


def test_assignments_are_read_from_text():
    assert parse_assignments(["phi=0.3", " birth_rate = 1e-1"]) == {"phi": 0.3, "birth_rate": 0.1}
    with pytest.raises(UserInputError) as caught:
        parse_assignments(["phi", "birth_rate=fast"])
    assert len(caught.value.findings) == 2
