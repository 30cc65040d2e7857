"""Ratios of sums of powers: what they can be, and that a fit finds them."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cxaxis.cell.reduction_fit import FLOOR, PowerRatio, first_guess, fitted, misfit


def test_a_hill_term_is_a_ratio_of_two_powers():
    # x^2 / (3^2 + x^2): levels 0 and 1, weights 9 and x^2.
    ratio = PowerRatio(
        offsets=np.array([np.log(9.0), 0.0]),
        powers=np.array([[0.0], [2.0]]),
        levels=np.array([0.0, 1.0]),
    )
    x = np.array([0.01, 3.0, 100.0])
    assert ratio.at(np.log(x)[:, None]) == pytest.approx(x**2 / (9 + x**2), rel=1e-12)


def test_rescaling_changes_the_numbers_and_not_the_function():
    rng = np.random.default_rng(1)
    ratio = PowerRatio(
        offsets=rng.normal(size=4), powers=rng.normal(size=(4, 3)), levels=rng.random(4)
    )
    logs = rng.normal(size=(50, 3))
    middle, half = np.array([0.3, -2.0, 1.0]), np.array([2.0, 0.5, 4.0])
    other = ratio.rescaled(middle, half)
    assert other.at(logs * half + middle) == pytest.approx(ratio.at(logs), rel=1e-12)
    back = other.unscaled(middle, half)
    assert back.at(logs) == pytest.approx(ratio.at(logs), rel=1e-12)


@given(seed=st.integers(0, 10_000), spread=st.floats(0.1, 30.0))
def test_a_ratio_stays_between_its_lowest_and_highest_level(seed, spread):
    rng = np.random.default_rng(seed)
    ratio = PowerRatio(
        offsets=spread * rng.normal(size=5),
        powers=spread * rng.normal(size=(5, 2)),
        levels=rng.random(5),
    )
    found = ratio.at(rng.uniform(-3, 3, (40, 2)))
    assert np.all(found >= ratio.levels.min() - 1e-12)
    assert np.all(found <= ratio.levels.max() + 1e-12)


def test_a_fit_finds_a_product_of_saturations():
    rng = np.random.default_rng(5)
    logs = rng.uniform(-1, 1, (600, 2))
    x, y = np.exp(3 * logs.T)
    share = x / (1 + x) * y**2 / (4 + y**2)
    start = first_guess(logs, share, 6, np.random.default_rng(1))
    before = misfit(start.at(logs), share)
    after = misfit(fitted(logs, share, start, n_step=120).at(logs), share)
    assert before.absolute > 0.2
    assert after.absolute < 0.02
    assert after.relative < 0.1


def test_misfit_leaves_small_outputs_out_of_the_relative_error():
    share = np.array([0.001, 0.5])
    found = np.array([0.003, 0.55])
    assert misfit(found, share).absolute == pytest.approx(0.05)
    assert misfit(found, share).relative == pytest.approx(0.1)
    assert 0 < FLOOR < 0.02
