"""Paired bootstrap of patients and the rate ratio of a pool."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cxaxis.core.errors import ModelValueError
from cxaxis.core.streams import rng_for
from cxaxis.stats.bootstrap import (
    log_rate_ratios,
    paired_bootstrap,
    pool_rate_ratio,
    resampled_patients,
)
from cxaxis.stats.survival import cox_hazard_ratio


def _pool(n: int, log_hr: float, seed: int = 3):
    """Exponential survival, median about a year, same frailty and luck in both arms."""
    rng = rng_for(seed, "test_pool")
    luck, frailty = rng.exponential(size=n), np.exp(0.6 * rng.standard_normal(n))
    control = luck * 500 / frailty
    treated = luck * 500 / (frailty * np.exp(log_hr))
    times = [np.minimum(side, 1095.0) for side in (control, treated)]
    return times[0], control <= 1095, times[1], treated <= 1095


def _stacked(pool):
    return (
        np.concatenate([pool[0], pool[2]]),
        np.concatenate([pool[1], pool[3]]),
        np.repeat([False, True], len(pool[0])),
    )


def test_the_ratio_is_deaths_per_person_time_by_hand():
    control, treated = np.array([10.0, 20.0, 30.0]), np.array([20.0, 40.0, 60.0])
    died, one_saved = np.array([True, True, True]), np.array([True, True, False])
    ratio = pool_rate_ratio(control, died, treated, one_saved, n_boot=50, seed=1, purpose="hand")
    assert ratio.hr == pytest.approx((2 / 120) / (3 / 60))


def test_weights_count_patients_as_often_as_they_say():
    pool = _pool(30, -0.3)
    duration, event, _ = _stacked(pool)
    weights = rng_for(5, "w").integers(0, 4, size=(6, 30))
    found = log_rate_ratios(duration, event, weights)
    for row, log_ratio in zip(weights, found, strict=True):
        copied = np.repeat(np.arange(30), row)
        rate = [
            side_event[copied].sum() / side_day[copied].sum()
            for side_day, side_event in ((pool[0], pool[1]), (pool[2], pool[3]))
        ]
        assert log_ratio == pytest.approx(np.log(rate[1] / rate[0]))


def test_an_arm_identical_to_control_has_ratio_exactly_one_with_no_width():
    time, event, _, _ = _pool(80, 0.0)
    ratio = pool_rate_ratio(time, event, time, event, n_boot=200, seed=1, purpose="zero")
    assert (ratio.low, ratio.hr, ratio.high) == (1.0, 1.0, 1.0)


def test_twins_whose_deaths_differ_by_minutes_have_a_ratio_of_one():
    time, event, _, _ = _pool(100, 0.0)
    minutes = rng_for(8, "minutes").uniform(-5, 5, size=100) / 1440
    later = np.where(event, time + minutes, time)
    ratio = pool_rate_ratio(time, event, later, event, n_boot=1000, seed=1, purpose="minutes")
    assert ratio.hr == pytest.approx(1.0, abs=1e-3)
    assert ratio.low <= 1.0 <= ratio.high
    # A ratio that sees ranks alone would be off by a multiple of that.
    always_later = np.where(event, time + 1 / 1440, time)
    ranks = cox_hazard_ratio(*_stacked((time, event, always_later, event)))
    assert ranks.hr < 1.0 - 1e-3


def test_large_exponential_arms_agree_with_the_cox_ratio():
    rng = rng_for(4, "exponential")
    luck = rng.exponential(500, size=4000)
    sides = [np.minimum(luck / hazard, 1095.0) for hazard in (1.0, 0.7)]
    events = [luck / hazard <= 1095.0 for hazard in (1.0, 0.7)]
    ratio = pool_rate_ratio(
        sides[0], events[0], sides[1], events[1], n_boot=100, seed=1, purpose="large"
    )
    cox = cox_hazard_ratio(*_stacked((sides[0], events[0], sides[1], events[1])))
    assert ratio.hr == pytest.approx(cox.hr, rel=0.03)
    assert ratio.hr == pytest.approx(0.7, rel=0.03)


def test_pairing_narrows_the_interval():
    pool = _pool(200, -0.2)
    paired = pool_rate_ratio(*pool, n_boot=300, seed=1, purpose="os")
    unpaired = cox_hazard_ratio(*_stacked(pool))
    assert paired.high < 1
    assert (paired.high - paired.low) < 0.3 * (unpaired.high - unpaired.low)


def test_the_fast_interval_is_the_general_paired_bootstrap():
    pool = _pool(40, -0.4)

    def log_ratio(patients):
        rates = [
            side_event[patients].sum() / side_day[patients].sum()
            for side_day, side_event in ((pool[0], pool[1]), (pool[2], pool[3]))
        ]
        return np.log(rates[1] / rates[0])

    slow = paired_bootstrap(log_ratio, 40, n_boot=30, seed=9, purpose="os")
    fast = pool_rate_ratio(*pool, n_boot=30, seed=9, purpose="os")
    assert np.log([fast.hr, fast.low, fast.high]) == pytest.approx(
        [slow.estimate, slow.low, slow.high]
    )


days = st.floats(1.0, 1000.0)


@given(
    st.lists(st.tuples(days, days), min_size=1, max_size=20),
    st.floats(0.1, 10.0),
)
@settings(max_examples=30)
def test_swapping_arms_inverts_the_ratio_and_the_unit_of_time_drops_out(rows, unit):
    control, treated = (np.array(side) for side in zip(*rows, strict=True))
    died = np.ones(len(rows), dtype=bool)
    ones = np.ones((1, len(rows)))
    events = np.concatenate([died, died])
    there = log_rate_ratios(np.concatenate([control, treated]), events, ones)
    back = log_rate_ratios(np.concatenate([treated, control]), events, ones)
    scaled = log_rate_ratios(unit * np.concatenate([control, treated]), events, ones)
    assert there == pytest.approx(-back, abs=1e-12)
    assert there == pytest.approx(scaled, abs=1e-9)


def test_the_seed_and_the_purpose_alone_set_the_draws():
    draws = [
        resampled_patients(9, n_boot=5, seed=seed, purpose=purpose)
        for seed, purpose in [(1, "os"), (1, "os"), (2, "os"), (1, "pfs")]
    ]
    assert np.array_equal(draws[0], draws[1])
    assert not np.array_equal(draws[0], draws[2])
    assert not np.array_equal(draws[0], draws[3])


def test_bootstrap_of_a_mean_has_its_known_standard_error():
    values = rng_for(2, "values").standard_normal(400)
    interval = paired_bootstrap(
        lambda rows: values[rows].mean(), 400, n_boot=4000, seed=4, purpose="mean"
    )
    width = 2 * 1.96 * values.std() / 20
    assert interval.high - interval.low == pytest.approx(width, rel=0.05)
    assert interval.estimate == pytest.approx(values.mean())


def test_a_statistic_that_is_often_undefined_is_refused():
    with pytest.raises(ModelValueError, match="undefined in 20 of 20"):
        paired_bootstrap(lambda _: np.nan, 5, n_boot=20, seed=1, purpose="nothing")


def test_a_pool_without_events_has_no_ratio():
    time, none = np.full(5, 9.0), np.zeros(5, dtype=bool)
    assert pool_rate_ratio(time, none, time, none, n_boot=10, seed=1, purpose="os") is None


def test_arms_with_different_patients_are_refused():
    one, two = np.ones(1), np.ones(2)
    with pytest.raises(ModelValueError, match="same patients"):
        pool_rate_ratio(one, one > 0, two, two > 0, seed=1, purpose="os")
    with pytest.raises(ModelValueError, match="events must be boolean"):
        pool_rate_ratio(two, two, two, two, seed=1, purpose="os")
