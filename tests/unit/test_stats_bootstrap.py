"""Paired bootstrap and the many-at-once Cox solver."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cxaxis.core.errors import ModelValueError
from cxaxis.core.streams import rng_for
from cxaxis.stats.bootstrap import paired_bootstrap, pool_hazard_ratio, resampled_patients
from cxaxis.stats.survival import cox_hazard_ratio
from cxaxis.stats.two_group_cox import log_hazard_ratios


def _pool(n: int, log_hr: float, seed: int = 3, *, grid_day: float = 0.0):
    """Exponential survival, median about a year, same frailty and luck in both arms."""
    rng = rng_for(seed, "test_pool")
    luck, frailty = rng.exponential(size=n), np.exp(0.6 * rng.standard_normal(n))
    control = luck * 500 / frailty
    treated = luck * 500 / (frailty * np.exp(log_hr))
    times = [np.minimum(side, 1095.0) for side in (control, treated)]
    if grid_day:
        times = [np.ceil(side / grid_day) * grid_day for side in times]
    return times[0], control <= 1095, times[1], treated <= 1095


def _stacked(pool):
    return (
        np.concatenate([pool[0], pool[2]]),
        np.concatenate([pool[1], pool[3]]),
        np.repeat([False, True], len(pool[0])),
    )


@pytest.mark.parametrize("grid_day", [0.0, 30.0], ids=["few ties", "heavy ties"])
def test_every_weighted_fit_equals_a_reference_fit_to_the_copied_rows(grid_day):
    time, event, treated = _stacked(_pool(60, -0.3, grid_day=grid_day))
    weights = rng_for(5, "w").integers(0, 4, size=(8, len(time)))
    found = log_hazard_ratios(time, event, treated, weights)
    for row, log_hr in zip(weights, found, strict=True):
        copied = np.repeat(np.arange(len(time)), row)
        reference = cox_hazard_ratio(time[copied], event[copied], treated[copied])
        assert log_hr == pytest.approx(np.log(reference.hr), abs=1e-6)


small = st.lists(
    st.tuples(st.integers(1, 12), st.booleans(), st.booleans(), st.integers(0, 3)),
    min_size=2,
    max_size=25,
)


@given(small)
@settings(max_examples=25)
def test_the_solver_agrees_with_the_reference_on_when_a_ratio_exists(rows):
    time, event, treated, weight = (np.array(column) for column in zip(*rows, strict=True))
    found = log_hazard_ratios(time.astype(float), event, treated, weight[np.newaxis])[0]
    copied = np.repeat(np.arange(len(time)), weight)
    reference = (
        cox_hazard_ratio(time[copied], event[copied], treated[copied]) if len(copied) else None
    )
    assert np.isfinite(found) == (reference is not None)
    if reference is not None:
        assert found == pytest.approx(np.log(reference.hr), abs=1e-6)


def test_an_arm_identical_to_control_has_ratio_one_with_no_width():
    time, event, _, _ = _pool(80, 0.0)
    ratio = pool_hazard_ratio(time, event, time, event, n_boot=200, seed=1, purpose="zero")
    assert (ratio.low, ratio.hr, ratio.high) == pytest.approx((1, 1, 1), abs=1e-9)


def test_pairing_narrows_the_interval():
    pool = _pool(200, -0.2)
    paired = pool_hazard_ratio(*pool, n_boot=300, seed=1, purpose="os")
    unpaired = cox_hazard_ratio(*_stacked(pool))
    assert paired.hr == pytest.approx(unpaired.hr, rel=1e-6)
    assert paired.high < 1
    assert (paired.high - paired.low) < 0.3 * (unpaired.high - unpaired.low)


def test_the_fast_interval_is_the_general_paired_bootstrap():
    pool = _pool(40, -0.4)
    both = _stacked(pool)

    def log_hr(patients):
        rows = np.concatenate([patients, patients + 40])
        return np.log(cox_hazard_ratio(*(column[rows] for column in both)).hr)

    slow = paired_bootstrap(log_hr, 40, n_boot=30, seed=9, purpose="os")
    fast = pool_hazard_ratio(*pool, n_boot=30, seed=9, purpose="os")
    assert np.log([fast.hr, fast.low, fast.high]) == pytest.approx(
        [slow.estimate, slow.low, slow.high], abs=1e-6
    )


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
    assert pool_hazard_ratio(time, none, time, none, n_boot=10, seed=1, purpose="os") is None


def test_arms_with_different_patients_are_refused():
    one, two = np.ones(1), np.ones(2)
    with pytest.raises(ModelValueError, match="same patients"):
        pool_hazard_ratio(one, one > 0, two, two > 0, seed=1, purpose="os")
    with pytest.raises(ModelValueError, match="events must be boolean"):
        pool_hazard_ratio(two, two, two, two, seed=1, purpose="os")
