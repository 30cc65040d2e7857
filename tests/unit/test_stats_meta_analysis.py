"""Pooling against formulas written out, a published meta-analysis, and limits."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import norm

from cxaxis.core.errors import ModelValueError
from cxaxis.core.streams import rng_for
from cxaxis.stats.meta_analysis import leave_one_out, pool
from cxaxis.stats.small_study import fit_selection, pet_peese, precision_regression
from cxaxis.stats.study_effects import (
    PublishedPool,
    StudyEffect,
    effect_from_interval,
    effect_from_p_value,
    events_behind,
    standard_error_from_events,
)

# Thirteen trials of BCG vaccine (Colditz 1994. JAMA 271:698): tuberculosis and no tuberculosis,
# vaccinated and not.
BCG = (
    (4, 119, 11, 128),
    (6, 300, 29, 274),
    (3, 228, 11, 209),
    (62, 13536, 248, 12619),
    (33, 5036, 47, 5761),
    (180, 1361, 372, 1079),
    (8, 2537, 10, 619),
    (505, 87886, 499, 87892),
    (29, 7470, 45, 7232),
    (17, 1699, 65, 1600),
    (186, 50448, 141, 27197),
    (5, 2493, 3, 2338),
    (27, 16886, 29, 17825),
)

effects = st.lists(st.tuples(st.floats(-2, 2), st.floats(0.05, 1.0)), min_size=2, max_size=12).map(
    lambda pairs: [
        StudyEffect(label=f"s{k}", log_ratio=effect, se=se) for k, (effect, se) in enumerate(pairs)
    ]
)


def study(label, ratio, se):
    return StudyEffect(label=label, log_ratio=math.log(ratio), se=se)


def bcg_trials():
    trials = []
    for k, (a, b, c, d) in enumerate(BCG):
        log_ratio = math.log((a / (a + b)) / (c / (c + d)))
        se = math.sqrt(1 / a - 1 / (a + b) + 1 / c - 1 / (c + d))
        trials.append(StudyEffect(label=f"trial {k + 1}", log_ratio=log_ratio, se=se))
    return trials


def drawn(n, *, mean, tau, weight, stream):
    """Studies as they are printed: those without an adverse result with the weight given."""
    rng = rng_for(5, "selection", stream)
    kept = []
    while len(kept) < n:
        se = rng.uniform(0.1, 0.5)
        effect = rng.normal(mean, math.hypot(se, tau))
        if effect / se >= norm.ppf(0.975) or rng.random() < weight:
            kept.append(StudyEffect(label=f"s{len(kept)}", log_ratio=effect, se=se))
    return kept


def test_the_published_pool_of_the_bcg_trials():
    result = pool(bcg_trials())
    older = result.random_dersimonian_laird
    # As printed: 0.49 (0.34 to 0.70).
    assert (round(older.ratio, 2), round(older.low, 2), round(older.high, 2)) == (0.49, 0.34, 0.70)
    # Known to more digits from the R package metafor.
    assert older.log_ratio == pytest.approx(-0.7141, abs=1e-4)
    assert older.tau2 == pytest.approx(0.3088, abs=1e-4)
    assert result.fixed.log_ratio == pytest.approx(-0.4303, abs=1e-4)
    assert result.fixed.se == pytest.approx(0.0405, abs=1e-4)
    assert result.heterogeneity.q == pytest.approx(152.2330, abs=1e-3)
    assert result.heterogeneity.tau2 == pytest.approx(0.3181, abs=1e-3)
    assert result.heterogeneity.i2 == pytest.approx(0.9212, abs=1e-4)


def test_eggers_test_of_the_bcg_trials():
    found = precision_regression(bcg_trials())
    # metafor prints t = -1.4013, P = 0.1887 and a limit of -0.1909 for this regression.
    assert found.slope_p_value == pytest.approx(0.1887, abs=1e-4)
    assert found.log_ratio == pytest.approx(-0.1909, abs=1e-4)


def test_two_studies_by_hand():
    one, other = study("a", 2.0, 0.2), study("b", 1.0, 0.4)
    weights = np.array([1 / 0.04, 1 / 0.16])
    mean = weights @ [math.log(2), 0.0] / weights.sum()
    result = pool([one, other])
    assert result.fixed.log_ratio == pytest.approx(mean)
    assert result.fixed.low == pytest.approx(
        math.exp(mean - norm.ppf(0.975) / math.sqrt(weights.sum()))
    )
    q = weights @ (np.array([math.log(2), 0.0]) - mean) ** 2
    assert result.heterogeneity.q == pytest.approx(q)
    # Paule and Mandel: with the variance added, the statistic equals its expectation.
    added = 1 / (np.array([0.04, 0.16]) + result.random.tau2)
    middle = added @ [math.log(2), 0.0] / added.sum()
    assert added @ (np.array([math.log(2), 0.0]) - middle) ** 2 == pytest.approx(1.0, abs=1e-4)


@given(effect=st.floats(-2, 2), se=st.floats(0.01, 2))
def test_one_study_is_its_own_pool(effect, se):
    alone = StudyEffect(label="alone", log_ratio=effect, se=se)
    result = pool([alone])
    assert result.fixed == result.random
    assert (result.fixed.low, result.fixed.high) == pytest.approx(alone.limits())
    assert result.heterogeneity.tau2 == 0
    assert result.prediction is None


@given(effect=st.floats(-2, 2), se=st.floats(0.05, 1), n=st.integers(2, 9))
def test_studies_that_agree_have_no_variance_between_them(effect, se, n):
    result = pool([StudyEffect(label=f"s{k}", log_ratio=effect, se=se) for k in range(n)])
    assert result.heterogeneity.tau2 == 0
    assert result.heterogeneity.i2 == 0
    assert result.random.log_ratio == pytest.approx(effect, abs=1e-9)
    assert result.random.se == pytest.approx(se / math.sqrt(n))


@given(studies=effects)
def test_turning_every_comparison_round_inverts_the_pool(studies):
    one = pool(studies)
    other = pool([item.inverted() for item in studies])
    for mine, theirs in ((one.fixed, other.fixed), (one.random, other.random)):
        assert theirs.ratio == pytest.approx(1 / mine.ratio, rel=1e-6)
        assert theirs.low == pytest.approx(1 / mine.high, rel=1e-6)
    assert other.heterogeneity.q == pytest.approx(one.heterogeneity.q, rel=1e-6, abs=1e-9)


@given(studies=effects)
def test_a_pool_lies_among_its_studies_and_its_weights_add_up(studies):
    result = pool(studies)
    values = [item.log_ratio for item in studies]
    for pooled in (result.fixed, result.random, result.random_dersimonian_laird):
        assert min(values) - 1e-9 <= pooled.log_ratio <= max(values) + 1e-9
        assert sum(pooled.weights) == pytest.approx(1)
    # The variance between studies evens the weights out.
    assert max(result.random.weights) <= max(result.fixed.weights) + 1e-9
    assert result.random.high / result.random.low >= result.fixed.high / result.fixed.low - 1e-9


def test_dropping_the_largest_study_moves_its_weight_to_the_others():
    studies = [study("large", 1.0, 0.1), study("a", 2.0, 0.4), study("b", 2.2, 0.4)]
    whole = pool(studies)
    without = dict(leave_one_out(studies))
    assert list(without) == ["large", "a", "b"]
    assert whole.fixed.weights[0] > 0.8
    assert without["large"].fixed.weights == pytest.approx((0.5, 0.5))
    assert without["large"].fixed.ratio > 1.9 > 1.3 > whole.fixed.ratio
    assert without["a"].fixed.ratio < whole.fixed.ratio


def test_one_sign_swapped_changes_the_answer():
    studies = [study("a", 2.0, 0.2), study("b", 1.8, 0.2), study("c", 2.1, 0.2)]
    assert pool(studies).random.low > 1
    swapped = pool([studies[0].inverted(), *studies[1:]])
    assert swapped.random.low < 1
    assert swapped.heterogeneity.i2 > 0.7


@pytest.mark.parametrize(
    ("studies", "what"),
    [([], "at least one"), ([study("a", 2, 0.1), study("a", 2, 0.1)], "stand twice: a")],
)
def test_what_cannot_be_pooled(studies, what):
    with pytest.raises(ModelValueError, match=what):
        pool(studies)


def test_an_interval_gives_back_its_standard_error():
    found = effect_from_interval("x", ratio=2.0, low=1.63, high=2.45)
    assert found.ratio == pytest.approx(2.0)
    assert found.limits() == pytest.approx((1.63, 2.45), rel=0.003)
    with pytest.raises(ModelValueError, match="low <= ratio"):
        effect_from_interval("x", ratio=2.0, low=2.5, high=3.0)


def test_a_p_value_and_the_events_give_the_interval():
    # 100 deaths, half of the patients high: V = 25, and P = 0.05 means z = 1.96.
    found = effect_from_p_value("x", p_value=0.05, events=100, share_high=0.5, adverse=True)
    assert found.se == pytest.approx(0.2)
    assert found.limits()[0] == pytest.approx(1.0)
    assert found.ratio == pytest.approx(math.exp(0.392), rel=1e-3)
    other = effect_from_p_value("x", p_value=0.05, events=100, share_high=0.5, adverse=False)
    assert other.ratio == pytest.approx(1 / found.ratio)
    assert events_behind(0.2, share_high=0.5) == pytest.approx(100)


@pytest.mark.parametrize(("events", "share"), [(0, 0.5), (10, 0.0), (10, 1.0), (math.inf, 0.5)])
def test_events_and_shares_must_make_sense(events, share):
    with pytest.raises(ModelValueError):
        standard_error_from_events("x", events=events, share_high=share)


def test_a_published_pool_tells_the_size_of_its_studies():
    found = PublishedPool(label="x", ratio=2.0, low=1.63, high=2.45, n_study=10)
    one = found.study_se
    again = pool([study(f"s{k}", 2.0, one) for k in range(10)])
    assert again.fixed.high / again.fixed.low == pytest.approx(2.45 / 1.63)
    with pytest.raises(ModelValueError):
        PublishedPool(label="x", ratio=2.0, low=2.63, high=2.45, n_study=10)


def test_a_line_of_effect_on_error_is_found_and_its_end_read_off():
    errors = [0.1, 0.15, 0.2, 0.3, 0.4]
    studies = [
        StudyEffect(label=f"{error}", log_ratio=0.1 + 1.5 * error, se=error) for error in errors
    ]
    found = precision_regression(studies)
    assert found.slope == pytest.approx(1.5)
    assert found.log_ratio == pytest.approx(0.1)
    square = precision_regression(
        [StudyEffect(label=f"{e}", log_ratio=0.1 + 2 * e**2, se=e) for e in errors],
        against="variance",
    )
    assert square.log_ratio == pytest.approx(0.1)


def test_the_precision_estimate_is_peese_only_where_pet_finds_something():
    strong = drawn(40, mean=0.8, tau=0.0, weight=1.0, stream="strong")
    assert pet_peese(strong).against == "variance"
    nothing = drawn(40, mean=0.0, tau=0.0, weight=1.0, stream="nothing")
    assert pet_peese(nothing).against == "standard_error"


@pytest.mark.parametrize("call", [precision_regression, fit_selection, pet_peese])
def test_small_study_effects_need_three_studies(call):
    with pytest.raises(ModelValueError, match="at least 3"):
        call([study("a", 2, 0.1), study("b", 2, 0.2)])


def test_equal_sizes_leave_nothing_to_regress_on():
    with pytest.raises(ModelValueError, match="same standard error"):
        precision_regression([study(f"s{k}", 2, 0.1) for k in range(3)])


def test_without_selection_the_model_is_the_plain_pool():
    studies = [study("a", 2.0, 0.1), study("b", 2.0, 0.2), study("c", 2.0, 0.3)]
    found = fit_selection(studies, weight=1.0)
    plain = pool(studies).fixed
    assert found.ratio == pytest.approx(plain.ratio, rel=1e-3)
    # Wider, for the variance between studies is not known here.
    assert 0.95 * plain.low < found.low < plain.low
    assert plain.high < found.high < 1.05 * plain.high


def test_selection_that_was_put_in_is_found_again():
    kept = drawn(300, mean=0.2, tau=0.1, weight=0.25, stream="kept")
    found = fit_selection(kept)
    assert found.low < math.exp(0.2) < found.high
    assert 0.15 < found.weight < 0.4
    assert found.p_value < 1e-6
    assert pool(kept).random.low > found.high


def test_no_selection_is_not_found():
    found = fit_selection(drawn(300, mean=0.2, tau=0.1, weight=1.0, stream="all"))
    assert found.p_value > 0.01
    assert found.low < math.exp(0.2) < found.high


def test_stronger_selection_assumed_leaves_less():
    studies = [study("a", 1.9, 0.2), study("b", 2.2, 0.3), study("c", 2.6, 0.4)]
    left = [fit_selection(studies, weight=weight).ratio for weight in (1.0, 0.5, 0.1)]
    assert left[0] > left[1] > left[2]


def test_a_weight_is_not_estimated_from_one_side():
    with pytest.raises(ModelValueError, match="Give a weight"):
        fit_selection([study("a", 2, 0.1), study("b", 2, 0.1), study("c", 2, 0.1)])
