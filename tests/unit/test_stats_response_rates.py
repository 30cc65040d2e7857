"""Response rates, their difference, and the number needed to treat."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from statsmodels.stats.proportion import proportion_confint

from cxaxis.core.errors import ModelValueError
from cxaxis.core.streams import rng_for
from cxaxis.stats.number_needed import number_needed_to_treat
from cxaxis.stats.response_rates import response_rate, response_rate_difference
from cxaxis.stats.survival import kaplan_meier


def _of(count: int, n: int) -> np.ndarray:
    return np.arange(n) < count


@given(n=st.integers(1, 300), share=st.floats(0, 1), level=st.sampled_from([0.8, 0.9, 0.95]))
def test_exact_intervals_are_those_of_the_library(n, share, level):
    count = round(share * n)
    found = response_rate(_of(count, n), level=level)
    expected = proportion_confint(count, n, alpha=1 - level, method="beta")
    assert (found.low, found.high) == pytest.approx(expected, abs=1e-12)


def test_the_difference_of_a_published_example():
    # Newcombe, Statistics in Medicine 1998, example (a): 56 of 70 against 48 of 80.
    found = response_rate_difference(_of(48, 80), _of(56, 70))
    assert found.difference == pytest.approx(0.2)
    assert (found.low, found.high) == pytest.approx((0.0524, 0.3339), abs=5e-5)


def test_rates_of_nothing_and_everything_have_limits():
    found = response_rate_difference(_of(0, 10), _of(10, 10))
    assert found.difference == 1.0
    assert 0.5 < found.low < found.high == pytest.approx(1.0)


def test_swapping_the_arms_turns_the_difference_round():
    one, other = (
        response_rate_difference(a, b)
        for a, b in ((_of(3, 20), _of(9, 22)), (_of(9, 22), _of(3, 20)))
    )
    assert (one.difference, one.low) == pytest.approx((-other.difference, -other.high))


def test_counts_in_place_of_flags_are_refused():
    with pytest.raises(ModelValueError, match="responded must be a non-empty list of booleans"):
        response_rate([1, 0, 1])
    with pytest.raises(ModelValueError, match="treated must be"):
        response_rate_difference(_of(1, 2), [])


def _arms(hazard_control: float, hazard_treated: float, n: int = 300):
    rng = rng_for(5, "number_needed")
    death = [rng.exponential(size=n) / hazard for hazard in (hazard_control, hazard_treated)]
    lost = rng.uniform(200, 2000, size=(2, n))
    return [
        item
        for days, censor in zip(death, lost, strict=True)
        for item in (np.minimum(days, censor), days <= censor)
    ]


def test_the_number_is_the_inverse_difference_of_the_marginal_curves():
    arms = _arms(1 / 400, 1 / 1000)
    found = number_needed_to_treat(*arms, landmark_day=365.0, seed=1, purpose="test", n_boot=200)
    read = [kaplan_meier(*arms[k : k + 2], times=[365.0]).survival[0] for k in (0, 2)]
    assert (found.control, found.treated) == pytest.approx(tuple(read))
    assert found.difference == pytest.approx(read[1] - read[0])
    assert found.needed == pytest.approx(1 / found.difference)
    assert found.low == pytest.approx(1 / found.high_difference)
    assert found.high == pytest.approx(1 / found.low_difference)
    # exp(-365/1000) less exp(-365/400) is 0.29.
    assert found.low < 1 / 0.2927 < found.high
    assert not found.harms
    assert found.told().startswith("number needed to treat 3.")


def test_a_worse_arm_has_a_number_needed_to_harm():
    found = number_needed_to_treat(
        *_arms(1 / 1000, 1 / 400), landmark_day=365.0, seed=1, purpose="test", n_boot=200
    )
    assert found.harms
    assert found.difference < 0 < found.low < found.needed < found.high
    assert "harm" in found.told()


def test_an_interval_across_no_effect_has_no_number_and_says_so():
    found = number_needed_to_treat(
        *_arms(1 / 500, 1 / 500), landmark_day=365.0, seed=1, purpose="test", n_boot=200
    )
    assert found.low_difference < 0 < found.high_difference
    assert not found.is_defined
    assert (found.needed, found.low, found.high) == (None, None, None)
    assert "crosses no effect" in found.told()


def test_the_interval_is_as_wide_as_greenwood_says():
    arms = _arms(1 / 400, 1 / 1000)
    found = number_needed_to_treat(*arms, landmark_day=365.0, seed=1, purpose="test", n_boot=400)
    half = found.high_difference - found.low_difference
    shares = np.exp(-365 / np.array([400, 1000]))
    # Censoring before a year is rare: the binomial variance is a close lower bound.
    least = 2 * 1.96 * np.sqrt(np.sum(shares * (1 - shares) / 300))
    assert least * 0.95 < half < least * 1.25


def test_a_landmark_beyond_follow_up_is_refused():
    arms = [np.array([10.0, 20.0]), np.array([True, False])] * 2
    with pytest.raises(ModelValueError, match="beyond the last follow-up of an arm, day 20"):
        number_needed_to_treat(*arms, landmark_day=30.0, seed=1, purpose="test", n_boot=10)
    with pytest.raises(ModelValueError, match="event must be boolean"):
        number_needed_to_treat(
            arms[0], [1, 0], *arms[2:], landmark_day=5.0, seed=1, purpose="test", n_boot=10
        )
