"""The verdict follows from the numbers: trial, pool, and why the two differ."""

from __future__ import annotations

import math

import pytest
from scipy.stats import norm

from cxaxis.report.readings import Luck, PoolReading
from cxaxis.report.source import AllocatedRatio, ArmSummary, EndPoint, PoolRatio, Summary
from cxaxis.report.verdict import (
    change_words,
    deaths_needed,
    findings_of,
    in_short,
    smallest_detectable_ratio,
    two_answers,
)
from cxaxis.stats.bootstrap import BootstrapInterval


def _arm(name: str, hr: AllocatedRatio | None, events: int = 100) -> ArmSummary:
    end_point = EndPoint(
        events=events, median_month=20.0, median_low_month=15.0, median_high_month=None
    )
    return ArmSummary(
        arm=name,
        label=name.upper(),
        n=200,
        median_follow_up_month=30.0,
        os=end_point,
        pfs=end_point,
        hr_os=hr,
        hr_pfs=hr,
        occupancy=None,
        cd34_peak_per_uL=None,
    )


def _summary(*arms: ArmSummary) -> Summary:
    return Summary(title="t", control="c", horizon_day=1000, arms=(_arm("c", None), *arms))


def test_an_interval_that_includes_one_shows_no_difference():
    hr = AllocatedRatio(hr=0.93, low=0.71, high=1.22, p_logrank=0.6)
    (sentence,) = findings_of(_summary(_arm("x", hr)))
    assert "no difference in overall survival established" in sentence
    assert "0.93, 95 % CI 0.71 to 1.22, log-rank p = 0.60" in sentence
    assert "fewer" not in sentence


@pytest.mark.parametrize(
    ("low", "high", "words"), [(0.5, 0.9, "fewer deaths"), (1.1, 1.9, "more deaths")]
)
def test_benefit_and_harm_are_said_with_the_assumptions(low, high, words):
    hr = AllocatedRatio(hr=math.sqrt(low * high), low=low, high=high, p_logrank=0.0004)
    (sentence,) = findings_of(_summary(_arm("x", hr)))
    assert words in sentence
    assert "given the assumptions" in sentence
    assert "p < 0.001" in sentence
    assert "no difference" not in sentence


def test_a_ratio_that_does_not_exist_is_said():
    (sentence,) = findings_of(_summary(_arm("x", None)))
    assert "cannot be compared" in sentence


def test_several_comparisons_are_said_to_be_unadjusted():
    hr = AllocatedRatio(hr=1.0, low=0.8, high=1.2, p_logrank=0.9)
    last = findings_of(_summary(_arm("x", hr), _arm("y", hr)))[-1]
    assert "Neither they nor the end points are adjusted" in last
    assert findings_of(_summary()) == ["The trial has one arm, so that nothing is compared."]


def test_the_detectable_ratio_is_the_one_schoenfelds_formula_gives_80_percent_power():
    hr = smallest_detectable_ratio(200, share_treated=0.5)
    power = norm.cdf(-math.log(hr) * math.sqrt(200 / 4) - norm.ppf(0.975))
    assert power == pytest.approx(0.8, abs=1e-5)
    assert smallest_detectable_ratio(0, share_treated=0.5) is None


def test_the_deaths_needed_invert_the_detectable_ratio():
    needed = deaths_needed(0.8)
    assert smallest_detectable_ratio(round(needed), share_treated=0.5) == pytest.approx(
        0.8, abs=1e-3
    )
    assert deaths_needed(1 / 0.8) == pytest.approx(needed)
    assert deaths_needed(1.0) is None


def _pooled(hr: float) -> PoolRatio:
    return PoolRatio(arm="x", hr_os=hr, low=hr * 0.98, high=hr * 1.02, n=600)


def _both(allocated: float, pool: float) -> Summary:
    hr = AllocatedRatio(hr=allocated, low=allocated * 0.75, high=allocated * 1.34, p_logrank=0.2)
    return _summary(_arm("x", hr)).model_copy(update={"pool": (_pooled(pool),)})


def test_in_short_names_the_trial_and_then_the_model():
    text = in_short(_both(1.28, 0.995))
    assert text.startswith("The trial establishes no difference in overall survival.")
    assert "−0.5 % (X)" in text
    assert "practically none" in text
    assert "practically none" not in in_short(_both(0.9, 0.8))
    assert "finds a difference" in in_short(_both(2.0, 1.3))
    assert change_words(1.2) == "+20.0 %"


READING = PoolReading(
    arm="x",
    n=600,
    deaths_control=357,
    deaths_treated=356,
    averted=1,
    caused=0,
    days_gained=BootstrapInterval(estimate=1.8, low=0.8, high=3.4, n_boot=9, n_undefined=0),
)
LUCK = Luck(arm="x", n_control=200, n_arm=200, deaths_control=110, deaths_arm=129, hr=1.24)


def test_opposite_directions_are_explained_by_the_luck_of_allocation():
    ((label, text),) = two_answers(_both(1.28, 0.995), [READING], [LUCK])
    assert label == "X"
    assert "opposite directions, by chance" in text
    assert "129 of the 200 patients allocated to this arm and 110 of the 200" in text
    assert "357 die under control and 356 under this arm (averted: 1, caused: 0)" in text
    needed = deaths_needed(0.995)
    assert 1.2e6 < needed < 1.3e6
    assert "about 1 200 000 deaths" in text.replace("\u00a0", " ")


def test_equal_directions_are_not_called_opposite():
    ((_, text),) = two_answers(_both(0.9, 0.8), [READING], [LUCK])
    assert "opposite" not in text
    assert "deaths to find" not in text


def test_a_pool_without_an_estimate_says_nothing():
    empty = PoolRatio(arm="x", hr_os=None, low=None, high=None, n=0)
    summary = _both(1.1, 0.9).model_copy(update={"pool": (empty,)})
    assert two_answers(summary, [], []) == []
    assert in_short(summary) == "The trial establishes no difference in overall survival."
