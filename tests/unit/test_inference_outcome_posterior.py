"""The sampler against weighted prior draws, which need no sampler; and what it gives unasked."""

from importlib.util import find_spec

import numpy as np
import pytest

from cxaxis.inference.outcome_likelihood import STUDY_SCALE, logits
from cxaxis.inference.outcome_posterior import cases_of, effective_size, prior_places
from outcome_support import in_a_process, sampled, synthetic_problem

needs_sampler = pytest.mark.skipif(
    find_spec("blackjax") is None, reason="needs the extra 'fit': jax and blackjax"
)


@needs_sampler
def test_it_draws_from_the_posterior():
    problem = synthetic_problem()
    places = prior_places(problem, 200_000, seed=7, purpose="importance")
    cases = cases_of(problem, np.full((1, 1), 0.5))
    eta = np.stack(
        [logits(problem, place, cases.intercept[0], cases.linear[0]) for place in places]
    )
    weight = (problem.counts * eta - problem.numbers * np.logaddexp(0.0, eta)).sum(axis=1)
    weight = np.exp(weight - weight.max())
    weight /= weight.sum()
    assert 1 / (weight**2).sum() > 2000
    fitted, spread, divergent = in_a_process(sampled, 100, 3, False)
    mean = weight @ places[:, :2]
    sd = np.sqrt(weight @ (places[:, :2] - mean) ** 2)
    assert fitted.mean(axis=0) == pytest.approx(mean, abs=0.06)
    assert fitted.std(axis=0) == pytest.approx(sd, rel=0.1)
    assert spread.mean() == pytest.approx(weight @ np.exp(places[:, 2]), rel=0.1)
    assert divergent < 0.002


@needs_sampler
def test_without_data_the_prior_comes_back():
    fitted, spread, _ = in_a_process(sampled, 100, 4, True)
    assert fitted.mean(axis=0) == pytest.approx([0.0, 0.0], abs=0.06)
    assert fitted.std(axis=0) == pytest.approx([1.0, 1.0], rel=0.05)
    assert spread.mean() == pytest.approx(STUDY_SCALE * np.sqrt(2 / np.pi), rel=0.1)


@needs_sampler
def test_a_seed_gives_the_same_bytes():
    first, second = (in_a_process(sampled, 4, 5, False) for _ in range(2))
    assert first[0].tobytes() == second[0].tobytes()
    other, _, _ = in_a_process(sampled, 4, 6, False)
    assert not np.array_equal(first[0], other)


def test_independent_draws_count_in_full():
    rng = np.random.default_rng(2)
    free = rng.standard_normal((50, 40, 1))
    assert effective_size(free)[0] == pytest.approx(2000, rel=0.2)
    stuck = np.repeat(rng.standard_normal((50, 4, 1)), 10, axis=1)
    assert effective_size(stuck)[0] < 600
