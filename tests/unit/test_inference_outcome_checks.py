"""The checks of the fit: each holds where it should, and can fail."""

from importlib.util import find_spec

import numpy as np
import pytest
from scipy.special import logit

from cxaxis.core.streams import rng_for
from cxaxis.inference.outcome_checks import Predictive, compared, coverage, predictive
from cxaxis.inference.outcome_likelihood import Observed, outcome_problem
from cxaxis.inference.outcome_posterior import Chains, prior_places
from outcome_support import OBSERVED, check_results, in_a_process, synthetic_problem

needs_sampler = pytest.mark.skipif(
    find_spec("blackjax") is None, reason="needs the extra 'fit': jax and blackjax"
)


@pytest.fixture(scope="module")
def results():
    return in_a_process(check_results, 200, 11)


@needs_sampler
def test_the_truth_ranks_evenly_among_posterior_draws(results):
    for item in results[1]:
        assert sum(item.counts) == 200
        assert item.p_value > 0.001


@needs_sampler
def test_landmarks_narrow_what_they_see(results):
    first, second = results[0]
    assert first.is_learned
    assert first.effective > 1000
    assert second.sd < 1


@needs_sampler
def test_fitted_landmarks_lie_within_their_predictive(results):
    assert all(item.is_inside_95 for item in results[3])


@needs_sampler
def test_a_left_out_study_is_predicted_by_the_others(results):
    assert [(item.study, item.n_landmark) for item in results[2]] == [("s1", 2), ("s2", 1)]
    for item in results[2]:
        assert item.n_inside_80 <= item.n_inside_95 <= item.n_landmark
        assert np.isfinite([item.log_score, item.prior_log_score]).all()


def many(share, *, spread, n=400):
    """Return landmarks of one study each, and a predictive centred at one half."""
    landmarks = [
        Observed(id=f"l{k}", study=f"s{k}", n=n, share=float(x), good=True, family="survival")
        for k, x in enumerate(share)
    ]
    centre = np.zeros((2000, len(landmarks)))
    return landmarks, Predictive(logit=centre, spread=np.full(2000, spread))


def test_eighty_of_a_hundred_new_studies_lie_within_eighty_per_cent():
    rng = rng_for(3, "new studies")
    eta = 0.4 * rng.standard_normal(400)
    share = rng.binomial(400, 1 / (1 + np.exp(-eta))) / 400
    records = compared(*many(share, spread=0.4), seed=2)
    inside, ratio = coverage(records)
    assert inside == pytest.approx(0.8, abs=0.06)
    # The population is known here, so that the reference is the interval itself.
    assert ratio == pytest.approx(1.0, abs=0.1)


def test_too_narrow_a_predictive_misses():
    rng = rng_for(3, "new studies")
    share = 1 / (1 + np.exp(-0.4 * rng.standard_normal(400)))
    inside, _ = coverage(compared(*many(share, spread=0.01), seed=2))
    assert inside < 0.4


def test_an_uncertain_population_widens_the_interval():
    landmarks, narrow = many([0.5], spread=0.2)
    wide = Predictive(
        logit=rng_for(4, "wide").standard_normal((2000, 1)), spread=np.full(2000, 0.2)
    )
    first, second = (compared(landmarks, drawn, seed=1)[0] for drawn in (narrow, wide))
    assert second.width_ratio > 2 * first.width_ratio
    assert second.log_score < first.log_score


def chains_at(places):
    n = len(places)
    return Chains(
        places=places[:, None],
        acceptance=np.ones(n),
        divergent=np.zeros(n),
        turned_early=0.0,
    )


def test_a_landmark_that_was_not_fitted_has_the_emulators_error():
    problem = synthetic_problem(OBSERVED[:2])
    places = prior_places(problem, 4000, seed=5, purpose="test")
    places[:, : problem.n_fitted] = 0.0
    drawn = predictive(problem, chains_at(places), np.zeros((4000, 1)), OBSERVED, seed=6)
    drift = np.abs(np.array([0.5 * 0.2, 0.5 * 0.2, np.hypot(0.5 * 0.2, 0.5)]))
    expected = np.hypot(problem.emulator.error_sd, drift)
    assert drawn.logit.std(axis=0) == pytest.approx(expected, rel=0.06)
    again = outcome_problem(problem.emulator, OBSERVED)
    assert np.cov((drawn.logit).T)[0, 2] == pytest.approx(
        (again.error_root @ again.error_root.T)[0, 2] - 0.5 * 0.5 * 0.04, abs=0.02
    )


def test_the_model_itself_replaces_the_emulator():
    problem = synthetic_problem()
    places = np.zeros((3, problem.size))
    told = logit(np.full((3, 3), 0.25))
    drawn = predictive(
        problem, chains_at(places), np.zeros((3, 1)), OBSERVED, seed=1, simulated=told
    )
    assert drawn.logit == pytest.approx(told)
