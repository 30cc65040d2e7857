"""The likelihood of control arms: its limits, and what a study effect moves."""

import numpy as np
import pytest
from scipy.stats import binom

from cxaxis.core.errors import ModelValueError
from cxaxis.inference.outcome_likelihood import (
    STUDY_SCALE,
    Observed,
    log_density,
    logits,
    outcome_problem,
    unpacked,
)
from cxaxis.inference.outcome_posterior import cases_of, prior_places
from outcome_support import synthetic_emulator, synthetic_problem


@pytest.fixture(scope="module")
def problem():
    return synthetic_problem()


def at(problem, place, **changed):
    cases = cases_of(problem, np.zeros((1, 1)))
    given = {"counts": cases.counts[0], "weights": cases.weights[0], **changed}
    return float(
        log_density(problem, place, intercept=cases.intercept[0], linear=cases.linear[0], **given)
    )


def test_the_likelihood_is_the_binomial_one(problem):
    cases = cases_of(problem, np.zeros((1, 1)))
    first, second = prior_places(problem, 2, seed=3, purpose="test")
    counts = np.array([70.0, 60.0, 40.0])

    def binomial(place):
        p = 1 / (1 + np.exp(-logits(problem, place, cases.intercept[0], cases.linear[0])))
        return binom.logpmf(counts, problem.numbers, p).sum()

    nothing = np.zeros(3)
    told = [
        at(problem, p, counts=counts) - at(problem, p, weights=nothing) for p in (first, second)
    ]
    assert told[0] - told[1] == pytest.approx(binomial(first) - binomial(second))


def test_without_weight_only_the_prior_is_left(problem):
    place = np.zeros(problem.size)
    place[problem.n_fitted] = np.log(STUDY_SCALE)
    moved = place.copy()
    moved[0] = 2.0
    nothing = np.zeros(3)
    fall = at(problem, place, weights=nothing) - at(problem, moved, weights=nothing)
    assert fall == pytest.approx(2.0)


def test_a_better_study_does_better_in_good_and_bad_outcomes(problem):
    cases = cases_of(problem, np.zeros((1, 1)))
    place = np.zeros(problem.size)
    better = place.copy()
    study = problem.effects.index(("s1", "survival"))
    better[problem.n_fitted + 1 + study] = 1.0
    change = logits(problem, better, cases.intercept[0], cases.linear[0]) - logits(
        problem, place, cases.intercept[0], cases.linear[0]
    )
    # With the logarithm of the spread at 0 the spread is 1; the second outcome is a bad one.
    assert change == pytest.approx([1.0, -1.0, 0.0])


def test_the_parts_fill_the_vector(problem):
    parts = unpacked(problem, np.zeros((4, problem.size)))
    sizes = (parts.fitted, parts.effects, parts.drifts, parts.errors)
    assert [part.shape[1] for part in sizes] == [2, 2, 2, 3]
    assert 1 + sum(part.shape[1] for part in sizes) == problem.size


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"id": "unknown"}, "unknown"),
        ({"n": 0.0}, "one"),
        ({"share": 1.2}, "one"),
    ],
)
def test_impossible_landmarks_are_named(changed, message):
    known = {"id": "one", "study": "s", "n": 10.0, "share": 0.5, "good": True}
    with pytest.raises(ModelValueError, match=message):
        outcome_problem(synthetic_emulator(), [Observed(**{**known, **changed}, family="survival")])
