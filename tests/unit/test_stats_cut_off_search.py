"""Cut-off search and selective printing against patients simulated, a closed form, and limits."""

import itertools
import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import norm

from cxaxis.core.errors import ModelValueError
from cxaxis.core.streams import rng_for
from cxaxis.stats.crude_decomposition import (
    ASSUMED,
    Assumptions,
    StageLink,
    decompose_published,
    decompose_studies,
    stage_factor,
)
from cxaxis.stats.cut_off_search import (
    Reporting,
    corrected_study,
    printed_effect,
    true_effect_behind,
)
from cxaxis.stats.study_effects import PublishedPool, StudyEffect

SEARCH = Reporting(n_cut_offs=5)
LINK = StageLink(
    odds_ratio=2.63,
    odds_ratio_low=1.79,
    odds_ratio_high=4.0,
    stage_hr=2.5,
    stage_hr_low=2.0,
    stage_hr_high=3.1,
    share_advanced_low=0.4,
)
CHEN = PublishedPool(label="ten studies", ratio=2.0, low=1.63, high=2.45, n_study=10)


def printed(log_ratio, reporting, *, events=60.0):
    return printed_effect(
        log_ratio, events=events, reporting=reporting, seed=1, n_simulation=20_000
    )


@given(effect=st.floats(-1, 1), events=st.floats(10, 500))
def test_a_cut_off_fixed_beforehand_adds_nothing(effect, events):
    assert printed(effect, Reporting(), events=events).log_ratio == pytest.approx(effect, abs=1e-9)


def test_under_no_effect_one_cut_off_is_significant_as_often_as_the_level_says():
    # The adverse half of a two-sided test at 5 %.
    assert printed(0.0, Reporting()).share_significant == pytest.approx(0.025, abs=0.004)


def test_the_best_of_all_cut_offs_is_significant_in_two_of_five_series():
    # Altman 1994 (J Natl Cancer Inst 86:829) gives about 40 % two-sided for the middle 80 %.
    everywhere = Reporting(n_cut_offs=81, least_share_high=0.1, most_share_high=0.9)
    assert 2 * printed(0.0, everywhere).share_significant == pytest.approx(0.40, abs=0.03)


def test_more_cut_offs_and_fewer_events_inflate_more():
    gains = [printed(0.0, Reporting(n_cut_offs=k)).log_ratio for k in (1, 3, 5, 9, 21)]
    assert gains == sorted(gains)
    assert gains[1] > 0.1
    by_size = [printed(0.0, SEARCH, events=events).log_ratio for events in (30, 60, 120)]
    # The gain is a number of standard errors.
    assert by_size[0] == pytest.approx(by_size[1] * math.sqrt(2), rel=1e-6)
    assert by_size[1] == pytest.approx(by_size[2] * math.sqrt(2), rel=1e-6)


def test_the_limit_distribution_matches_patients():
    """Series of exponential survival, every patient followed to death, best of five cut-offs."""
    rng = rng_for(2, "patients")
    n, n_series, effect = 150, 400, math.log(1.6)
    shares = np.linspace(SEARCH.least_share_high, SEARCH.most_share_high, 5)
    score, variance = [], []
    for _ in range(n_series):
        marker = np.argsort(np.argsort(rng.random(n))) / n
        rate = np.exp(effect * (marker >= 1 - SEARCH.middle_share_high))
        order = np.argsort(rng.exponential(1 / rate))
        high = (marker[order, None] >= 1 - shares).astype(float)
        at_risk = np.cumsum(high[::-1], axis=0)[::-1] / np.arange(n, 0, -1)[:, None]
        u, v = (high - at_risk).sum(axis=0), (at_risk * (1 - at_risk)).sum(axis=0)
        best = np.argmax(u / np.sqrt(v))
        score.append(u[best])
        variance.append(v[best])
    by_patients = sum(score) / sum(variance)
    expected = printed(effect, SEARCH, events=n).log_ratio
    assert by_patients == pytest.approx(expected, abs=0.04)
    assert expected > effect + 0.03


@pytest.mark.parametrize("effect", [0.0, 0.3])
def test_selection_alone_is_the_mean_of_a_weighted_normal(effect):
    events, weight = 60.0, 0.4
    reporting = Reporting(weight_not_significant=weight)
    share = reporting.middle_share_high
    se = 1 / math.sqrt(events * share * (1 - share))
    step = norm.ppf(0.975) - effect / se
    kept = weight * norm.cdf(step) + norm.sf(step)
    expected = effect + se * (1 - weight) * norm.pdf(step) / kept
    found = printed(effect, reporting, events=events)
    assert found.log_ratio == pytest.approx(expected, abs=0.01)
    assert found.share_printed == pytest.approx(kept, abs=0.01)


@given(
    effect=st.floats(-0.2, 1.0),
    events=st.floats(20, 300),
    searching=st.floats(0, 1),
    weight=st.floats(0.3, 1),
)
def test_what_is_printed_leads_back_to_the_truth(effect, events, searching, weight):
    reporting = replace(SEARCH, share_searching=searching, weight_not_significant=weight)
    how = {"events": events, "reporting": reporting, "seed": 3, "n_simulation": 2_000}
    shown = printed_effect(effect, **how).log_ratio
    assert shown >= effect - 0.1
    assert true_effect_behind(shown, **how) == pytest.approx(effect, abs=0.06)


def test_the_same_seed_gives_the_same_number_and_another_another():
    first, again = (printed(0.2, SEARCH) for _ in range(2))
    assert first == again
    other = printed_effect(0.2, events=60.0, reporting=SEARCH, seed=2, n_simulation=20_000)
    assert other != first


def test_a_study_loses_the_gain_of_the_search_and_keeps_its_error():
    study = StudyEffect(label="a", log_ratio=math.log(2), se=0.3)
    corrected = corrected_study(study, reporting=SEARCH, seed=1)
    assert corrected.se == study.se
    assert 1.5 < corrected.ratio < 1.95
    alone = corrected_study(study, reporting=Reporting(), seed=1)
    assert alone.ratio == pytest.approx(2.0)


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"n_cut_offs": 4}, "odd number, got 4"),
        ({"n_cut_offs": 0}, "odd number, got 0"),
        ({"least_share_high": 0.9}, "got 0.9 to 0.8"),
        ({"most_share_high": 1.0}, "got 0.35 to 1.0"),
        ({"share_searching": 1.2}, "share_searching"),
        ({"weight_not_significant": 0.0}, "weight_not_significant"),
    ],
)
def test_reporting_must_make_sense(wrong, said):
    with pytest.raises(ModelValueError, match=said):
        replace(SEARCH, **wrong)


def test_search_and_selection_alone_may_print_more_than_was_printed():
    strong = Reporting(n_cut_offs=21, weight_not_significant=0.01)
    assert printed(0.0, strong).log_ratio > math.log(1.2)
    how = {"reporting": strong, "seed": 1}
    assert true_effect_behind(math.log(1.2), events=60.0, **how) < 0
    with pytest.raises(ModelValueError, match="Assume fewer cut-offs"):
        true_effect_behind(math.log(1.2), events=2.0, **how)


def test_stage_alone_gives_a_factor_of_about_one_point_two():
    # Odds 2.63 x 0.4 / 0.6 make 63.7 % advanced against 40 %.
    assert stage_factor(2.63, 2.5, 0.4) == pytest.approx((1 + 0.6368 * 1.5) / 1.6, abs=1e-4)
    assert stage_factor(1.0, 2.5, 0.4) == pytest.approx(1.0)
    assert stage_factor(2.63, 1.0, 0.4) == pytest.approx(1.0)
    middle, low, high = LINK.factor()
    assert 1 < low < middle < high < 2.5


@given(odds=st.floats(1.0, 20), hazard=st.floats(1.0, 10), share=st.floats(0.05, 0.95))
def test_stage_carries_less_than_its_own_hazard_ratio(odds, hazard, share):
    assert 1 - 1e-12 <= stage_factor(odds, hazard, share) <= hazard + 1e-12


def test_the_steps_take_off_one_thing_after_another():
    steps = decompose_published(CHEN, LINK, n_simulation=8_000)
    assert [step.name for step in steps] == [
        "crude",
        "without_cut_off_search",
        "without_selection",
        "without_stage",
    ]
    assert (steps[0].ratio, steps[0].factor) == (2.0, 1.0)
    product = math.prod(step.factor for step in steps)
    assert steps[0].ratio / product == pytest.approx(steps[-1].ratio)
    for before, after in itertools.pairwise(steps):
        assert after.ratio < before.ratio
        assert after.low < after.ratio < after.high
    for step in steps[1:]:
        assert step.least < step.ratio < step.most


def test_with_nothing_searched_or_withheld_stage_alone_leaves_about_one_point_six():
    honest = Assumptions(middle=Reporting(), mild=Reporting(), strong=Reporting())
    steps = decompose_published(CHEN, LINK, assumed=honest, n_simulation=2_000)
    assert [step.ratio for step in steps[:3]] == pytest.approx([2.0] * 3)
    assert steps[-1].ratio == pytest.approx(1.64, abs=0.01)


def test_a_table_of_studies_goes_the_same_way_as_the_pool_it_would_print():
    studies = [
        StudyEffect(label=f"s{k}", log_ratio=math.log(ratio), se=CHEN.study_se)
        for k, ratio in enumerate((1.3, 1.7, 2.0, 2.0, 2.4, 2.9))
    ]
    steps = decompose_studies(studies, LINK, n_simulation=4_000)
    ratios = [step.ratio for step in steps]
    assert ratios == sorted(ratios, reverse=True)
    assert ratios[0] == pytest.approx(2.0, abs=0.05)
    assert math.prod(step.factor for step in steps) == pytest.approx(ratios[0] / ratios[-1])
    assert ASSUMED.strong.weight_not_significant < ASSUMED.middle.weight_not_significant
