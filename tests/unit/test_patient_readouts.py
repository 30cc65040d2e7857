"""Sizes, hazard crossings, first days, occupancy and hours above a level."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cxaxis.patient.readouts import (
    cells_of_diameter,
    crossing_day,
    diameter_mm,
    first_true_day,
    hours_above,
    occupancy,
)


def test_a_linear_hazard_is_crossed_exactly():
    days = np.array([0.0, 10.0, 25.0, 100.0])
    hazard = np.outer([0.01, 0.02, 0.005], days)
    found = crossing_day(days, hazard, np.array([0.123, 0.4, 0.51]))
    assert found == pytest.approx([12.3, 20.0, np.inf])


def test_a_hazard_that_is_flat_or_missing_is_not_crossed():
    days = np.array([0.0, 1.0, 2.0])
    hazard = np.array([[0.0, 0.0, 0.0], [0.0, np.nan, np.nan], [0.5, 0.6, 0.7]])
    assert crossing_day(days, hazard, np.array([0.1, 0.1, 0.2])).tolist() == [np.inf, np.inf, 0.0]


@given(
    rates=st.lists(st.floats(1e-4, 1.0), min_size=3, max_size=8),
    share=st.floats(0.01, 0.99),
)
def test_the_hazard_at_the_crossing_day_is_the_draw(rates, share):
    days = np.arange(len(rates) + 1.0)
    hazard = np.concatenate([[0.0], np.cumsum(rates)])
    draw = share * hazard[-1]
    day = crossing_day(days, hazard[None, :], np.array([draw]))[0]
    assert np.interp(day, days, hazard) == pytest.approx(draw, rel=1e-9)


def test_the_first_true_day_is_infinite_where_never_true():
    flags = np.array([[False, True, True], [False, False, False], [True, False, False]])
    assert first_true_day(np.array([0.0, 84.0, 168.0]), flags).tolist() == [84.0, np.inf, 0.0]


def test_occupancy_is_the_share_held_by_drug_and_zero_without_receptor():
    found = occupancy(
        np.array([1.0, 0.0, 3.0]), np.array([1.0, 0.0, 0.0]), np.array([2.0, 0.0, 0.0])
    )
    assert found.tolist() == [0.25, 0.0, 1.0]


def test_hours_above_are_exact_on_a_triangle_wave():
    """Between 0 and 1 with a period of one day, a triangle is above a level for 24 (1 - level)."""
    days = np.linspace(0, 3, 3 * 48 + 1)
    wave = 1 - np.abs(2 * np.mod(days, 1.0) - 1)
    for level in (0.05, 0.3, 0.5, 0.77):
        found = hours_above(days, np.stack([wave, wave + 10, wave - 10]), level)
        assert found == pytest.approx([24 * (1 - level), 24.0, 0.0])


def test_hours_above_interpolates_within_a_step():
    found = hours_above(np.array([0.0, 1.0]), np.array([[0.0, 1.0], [1.0, 0.0]]), 0.75)
    assert found == pytest.approx([6.0, 6.0])


@given(diameter=st.floats(0.1, 200), density=st.floats(1e6, 1e10))
def test_cells_and_diameter_are_inverse(diameter, density):
    cells = cells_of_diameter(np.array([diameter]), cells_per_mL=density)
    assert diameter_mm(cells, cells_per_mL=density) == pytest.approx([diameter], rel=1e-9)


def test_a_millilitre_of_tumour_is_a_sphere_of_12_4_millimetres():
    assert diameter_mm(np.array([1e8]), cells_per_mL=1e8) == pytest.approx([12.407], rel=1e-4)
