"""Survival statistics against published numbers, hand computations and exact limits."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import norm

from cxaxis.core.errors import ModelValueError
from cxaxis.stats.survival import (
    cox_hazard_ratio,
    kaplan_meier,
    log_rank,
    median_follow_up,
    median_survival,
    number_at_risk,
    restricted_mean_survival,
)

# Freireich et al., Blood 1963: weeks in remission, 6-mercaptopurine against placebo.
MERCAPTOPURINE = "6 6 6 6+ 7 9+ 10 10+ 11+ 13 16 17+ 19+ 20+ 22 23 25+ 32+ 32+ 34+ 35+"
PLACEBO = "1 1 2 2 3 4 4 5 5 8 8 8 8 11 11 12 12 15 17 22 23"


def _arm(text: str) -> tuple[np.ndarray, np.ndarray]:
    words = text.split()
    return (
        np.array([float(word.rstrip("+")) for word in words]),
        np.array([not word.endswith("+") for word in words]),
    )


@pytest.fixture
def freireich():
    time_treated, event_treated = _arm(MERCAPTOPURINE)
    time_placebo, event_placebo = _arm(PLACEBO)
    return (
        np.concatenate([time_treated, time_placebo]),
        np.concatenate([event_treated, event_placebo]),
        np.repeat([False, True], [21, 21]),
    )


def test_log_rank_of_the_leukaemia_trial_is_the_published_one(freireich):
    result = log_rank(*freireich)
    assert result.chi2 == pytest.approx(16.79, abs=0.005)
    assert result.p == pytest.approx(4.17e-5, rel=1e-3)
    assert result.df == 1


def test_cox_ratio_of_the_leukaemia_trial_with_efron_ties_is_the_published_one(freireich):
    ratio = cox_hazard_ratio(*freireich)
    # coef 1.572, se 0.412 in the usual reference packages (Breslow would give 1.509).
    assert math.log(ratio.hr) == pytest.approx(1.5721, abs=5e-5)
    assert (ratio.low, ratio.high) == pytest.approx((2.147, 10.81), rel=1e-3)


def test_medians_and_log_log_limits_of_the_leukaemia_trial_are_the_published_ones():
    treated = median_survival(*_arm(MERCAPTOPURINE))
    placebo = median_survival(*_arm(PLACEBO))
    assert (treated.median_day, treated.low_day, treated.high_day) == (23.0, 13.0, None)
    assert (placebo.median_day, placebo.low_day, placebo.high_day) == (8.0, 4.0, 11.0)


def test_survival_of_the_leukaemia_trial_at_published_times():
    curve = kaplan_meier(*_arm(MERCAPTOPURINE), times=[6, 10, 22, 23, 36])
    assert curve.survival[:4] == pytest.approx([0.857, 0.753, 0.538, 0.448], abs=5e-4)
    assert np.isnan(curve.survival[4])
    assert np.isnan(curve.high[4])
    assert curve.at_risk.tolist() == [21, 15, 7, 6, 0]


def test_kaplan_meier_with_ties_by_hand():
    # Six patients; two die on day 2, one is censored that day, one dies on day 5.
    curve = kaplan_meier([2, 2, 2, 5, 7, 9], [True, True, False, True, False, False])
    assert curve.time_day.tolist() == [0, 2, 5, 7, 9]
    assert curve.survival == pytest.approx([1, 4 / 6, 4 / 6 * 2 / 3, 4 / 9, 4 / 9])
    assert curve.at_risk.tolist() == [6, 6, 3, 2, 1]
    assert curve.n_event.tolist() == [0, 2, 1, 0, 0]
    assert curve.n_censored.tolist() == [0, 1, 0, 1, 1]
    greenwood = 2 / (6 * 4) + 1 / (3 * 2)
    width = norm.ppf(0.975) * math.sqrt(greenwood) / abs(math.log(4 / 9))
    assert curve.low[2] == pytest.approx((4 / 9) ** math.exp(width))
    assert curve.high[2] == pytest.approx((4 / 9) ** math.exp(-width))


def test_log_rank_with_ties_by_hand():
    # Day 1: one event in each arm of 2+2; day 2: one event, arm b, of 1+1.
    # Observed a = 1, expected a = 1 + 1/2; variance 2*(1/2)^2*(2/3) + 1/4.
    result = log_rank([1, 3, 1, 2], [True, False, True, True], ["a", "a", "b", "b"])
    variance = 2 * 0.25 * (2 / 3) + 0.25
    assert result.chi2 == pytest.approx(0.25 / variance)


def test_cox_ratio_with_ties_by_hand():
    # Day 1: one event in each arm, two at risk in each. Efron: score
    # 1 - 2h/(2h+2) - (1.5h)/(1.5h+1.5), zero at h = 1; day 2 adds an event of control with
    # one treated at risk: 1 - 2h/(1+h) - h/(1+h) = 0 has the root h = 1/2.
    ratio = cox_hazard_ratio([1, 3, 1, 2], [True, False, True, True], [True, True, False, False])
    assert ratio.hr == pytest.approx(0.5, rel=1e-6)


def test_strata_compare_patients_within_strata_only():
    # Treated live longer in each stratum, but the frail stratum is mostly treated.
    time = np.array([1.0, 2, 2.5, 3, 4, 10, 11, 12, 13, 20, 21])
    treated = np.array([0, 0, 1, 1, 1, 0, 0, 0, 1, 0, 1], dtype=bool)
    frail = np.array(["frail"] * 5 + ["fit"] * 6)
    event = np.ones(11, dtype=bool)
    crude = cox_hazard_ratio(time, event, treated)
    # The fit stratum has a control dying after a treated one, which bounds its estimate.
    adjusted = cox_hazard_ratio(time, event, treated, strata=frail)
    assert adjusted.hr < 1
    assert adjusted.hr < crude.hr


@pytest.mark.parametrize(
    ("time", "event", "treated"),
    [
        ([1, 2, 3, 4], [False] * 4, [True, True, False, False]),
        ([1, 2, 3, 4], [True] * 4, [True] * 4),
        ([1, 2, 3, 4], [True] * 4, [True, True, False, False]),
        ([1, 2, 3, 4], [True, False, False, False], [True, False, False, True]),
    ],
    ids=["no event", "one arm", "complete separation", "events in one arm"],
)
def test_no_hazard_ratio_where_none_exists(time, event, treated):
    assert cox_hazard_ratio(time, event, treated) is None


def test_the_last_control_event_after_all_treated_left_gives_no_information():
    # Without the tie at day 2 the treated event would be the only one with both at risk.
    assert cox_hazard_ratio([2, 3, 4], [True, True, True], [True, False, False]) is None
    assert cox_hazard_ratio([2, 2, 4], [True, True, True], [True, False, False]) is not None


def test_log_rank_without_information_is_none():
    assert log_rank([1, 2], [False, False], ["a", "b"]) is None
    assert log_rank([1, 5], [False, True], ["a", "b"]) is None


def test_durations_passed_as_events_are_refused():
    with pytest.raises(ModelValueError, match=r"event must be boolean, got float64.*cnsr == 0"):
        kaplan_meier([1.0, 2.0], [1.0, 2.0])
    with pytest.raises(ModelValueError, match="treated must be boolean"):
        cox_hazard_ratio([1.0, 2.0], [True, False], [0, 1])


@pytest.mark.parametrize(
    ("duration", "event", "words"),
    [
        ([], np.array([], dtype=bool), "non-empty"),
        ([1.0, -1.0], [True, True], "got -1.0 at row 1"),
        ([np.nan], [True], "got nan at row 0"),
        ([1.0, 2.0], [True], "one per patient"),
    ],
)
def test_unusable_durations_are_named(duration, event, words):
    with pytest.raises(ModelValueError, match=words):
        kaplan_meier(duration, event)


def test_one_group_is_refused_by_the_log_rank_test():
    with pytest.raises(ModelValueError, match="two groups or more"):
        log_rank([1.0, 2.0], [True, True], ["a", "a"])


def test_a_curve_above_one_half_has_no_median():
    median = median_survival([1, 2, 3, 4], [True, False, False, False])
    assert median.median_day is None


def test_the_band_claims_no_certainty_once_everyone_died():
    curve = kaplan_meier([1, 2], [True, True])
    assert curve.survival[-1] == 0
    assert np.isnan(curve.low[-1])
    assert np.isnan(curve.high[-1])


def test_follow_up_by_reverse_kaplan_meier_ignores_deaths():
    # All alive patients followed 100 days; early deaths do not shorten follow-up.
    time = np.array([5.0, 6, 7, 100, 100, 100])
    assert median_follow_up(time, time < 50) == 100.0


def test_restricted_mean_by_hand():
    # One of four dies on day 2, one on day 6: area to day 10 is 2 + 4*3/4 + 4*1/2.
    result = restricted_mean_survival([2, 6, 10, 10], [True, True, False, False], horizon_day=10)
    assert result.mean_day == pytest.approx(7.0)
    # Greenwood: (3 + 2)^2/(4*3) + 2^2/(3*2)
    half = norm.ppf(0.975) * math.sqrt(25 / 12 + 4 / 6)
    assert (result.low_day, result.high_day) == pytest.approx((7 - half, 7 + half))


def test_restricted_mean_beyond_follow_up_is_refused():
    with pytest.raises(ModelValueError, match="beyond the last follow-up, day 3"):
        restricted_mean_survival([1, 3], [True, False], horizon_day=4)


def test_restricted_mean_without_events_is_the_horizon():
    result = restricted_mean_survival([9, 9], [False, False], horizon_day=8)
    assert (result.low_day, result.mean_day, result.high_day) == (8, 8, 8)


samples = st.lists(
    st.tuples(st.integers(1, 30), st.booleans(), st.booleans()), min_size=6, max_size=40
)


@settings(max_examples=25)
@given(samples)
def test_swapping_the_arms_inverts_the_ratio(rows):
    time, event, treated = (np.array(column) for column in zip(*rows, strict=True))
    ratio = cox_hazard_ratio(time, event, treated)
    mirrored = cox_hazard_ratio(time, event, ~treated)
    if ratio is None:
        assert mirrored is None
    else:
        assert mirrored.hr == pytest.approx(1 / ratio.hr, rel=1e-5)
        assert mirrored.low == pytest.approx(1 / ratio.high, rel=1e-4)


@settings(max_examples=25)
@given(samples)
def test_a_curve_never_rises_and_stays_in_its_band(rows):
    time, event, _ = (np.array(column) for column in zip(*rows, strict=True))
    curve = kaplan_meier(time, event)
    assert curve.survival[0] == 1.0
    assert np.all(np.diff(curve.survival) <= 1e-12)
    known = np.isfinite(curve.low)
    assert np.all(curve.low[known] <= curve.survival[known] + 1e-12)
    assert np.all(curve.survival[known] <= curve.high[known] + 1e-12)
    assert curve.n_event.sum() + curve.n_censored.sum() == len(time)
    assert curve.at_risk[0] == len(time)
    assert number_at_risk(time, [31])[0] == 0


@settings(max_examples=25)
@given(samples, st.floats(0.1, 50))
def test_the_ratio_does_not_depend_on_the_time_unit(rows, factor):
    time, event, treated = (np.array(column) for column in zip(*rows, strict=True))
    ratio = cox_hazard_ratio(time, event, treated)
    scaled = cox_hazard_ratio(time * factor, event, treated)
    assert (ratio is None) == (scaled is None)
    if ratio is not None:
        assert scaled.hr == pytest.approx(ratio.hr, rel=1e-6)
