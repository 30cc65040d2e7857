"""What inputs are worth knowing, against decisions whose value can be written down."""

import numpy as np
import pytest
from scipy.stats import norm

from cxaxis.core.errors import ModelValueError
from cxaxis.stats.information_value import information_value, needed_draws


def inputs(n, k, seed=1):
    rng = np.random.default_rng(seed)
    return {f"p{i}": rng.standard_normal(n) for i in range(k)}, rng


def value_of(answer, numbers, labels=None, *, target=0.0, within_variance=0.0):
    return information_value(
        answer,
        numbers,
        labels or {},
        target=target,
        within_variance=within_variance,
        seed=5,
        n_permutation=400,
    )


def test_value_and_share_are_those_of_the_normal_model():
    """With answer a x + b y and target 0: knowing x is worth a / sqrt(2 pi)."""
    numbers, _ = inputs(4000, 3)
    answer = 0.6 * numbers["p0"] + 0.3 * numbers["p1"]
    found = value_of(answer, numbers)
    first, second, none = found.inputs
    assert [item.name for item in found.inputs] == ["p0", "p1", "p2"]
    assert first.share == pytest.approx(0.36 / 0.45, abs=0.04)
    assert second.share == pytest.approx(0.09 / 0.45, abs=0.04)
    assert none.share == pytest.approx(0.0, abs=0.01)
    assert first.value == pytest.approx(0.6 * norm.pdf(0), rel=0.08)
    assert found.perfect == pytest.approx(np.sqrt(0.45) * norm.pdf(0), rel=0.05)
    assert first.p_any < 0.01
    assert found.reliable


def test_a_curved_influence_is_seen():
    numbers, _ = inputs(500, 2)
    found = value_of(numbers["p1"] ** 2, numbers)
    assert found.inputs[0].name == "p1"
    assert found.inputs[0].share > 0.6


def test_a_label_explains_what_its_groups_differ_by():
    numbers, rng = inputs(2000, 1)
    on = rng.random(2000) < 0.5
    answer = np.where(on, -0.5, 0.5) + 0.5 * rng.standard_normal(2000)
    found = value_of(answer, numbers, {"switch": on})
    assert found.inputs[0].name == "switch"
    assert found.inputs[0].share == pytest.approx(0.5, abs=0.04)
    # Without it the decision is worth nothing, with it half the draws gain a half.
    assert found.inputs[0].value == pytest.approx(0.25, rel=0.1)


def test_what_no_input_explains_is_chance_most_of_the_time():
    """Few draws of many inputs: the best looks good, its p-value for all does not."""
    small = 0
    for seed in range(60):
        numbers, rng = inputs(30, 20, seed)
        found = information_value(
            rng.standard_normal(30),
            numbers,
            {},
            target=0.0,
            within_variance=0.0,
            seed=seed,
            n_permutation=100,
        )
        assert not found.reliable
        assert found.n_needed > 30
        small += found.inputs[0].p_any <= 0.05
    assert small <= 8


def test_a_clear_decision_gains_nothing():
    numbers, _ = inputs(300, 2)
    found = value_of(0.1 * numbers["p0"] - 3.0, numbers)
    assert found.go
    assert found.p_wrong == 0.0
    assert found.perfect == 0.0
    assert found.inputs[0].name == "p0"
    assert found.inputs[0].value == 0.0
    assert not value_of(0.1 * numbers["p0"] + 3.0, numbers).go


def test_sampling_within_draws_is_not_worth_knowing():
    numbers, rng = inputs(3000, 1)
    answer = 0.3 * numbers["p0"] + 0.6 * rng.standard_normal(3000)
    found = value_of(answer, numbers, within_variance=0.36)
    assert found.perfect == pytest.approx(0.3 * norm.pdf(0), rel=0.1)


def test_needed_draws_grow_with_inputs_and_find_what_they_should():
    assert needed_draws(10) < needed_draws(300) < 500
    assert needed_draws(10, share=0.3) < needed_draws(10)
    n = needed_draws(5)
    hits = 0
    for seed in range(100):
        numbers, rng = inputs(n, 5, seed)
        answer = np.sqrt(0.1) * numbers["p2"] + np.sqrt(0.9) * rng.standard_normal(n)
        best = value_of(answer, numbers).inputs[0]
        hits += best.name == "p2" and best.p_any <= 0.05
    assert hits / 100 == pytest.approx(0.8, abs=0.12)


def test_unusable_numbers_are_refused():
    with pytest.raises(ModelValueError, match="10 finite answers"):
        value_of(np.zeros(5), {"p": np.arange(5)})
    with pytest.raises(ModelValueError, match="an input that varies"):
        value_of(np.arange(20.0), {"p": np.ones(20)})
    with pytest.raises(ModelValueError, match="'p' needs 20"):
        value_of(np.arange(20.0), {"p": np.ones(19)})
    with pytest.raises(ModelValueError, match="in \\(0, 1\\)"):
        needed_draws(0)
