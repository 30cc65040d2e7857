"""What the emulator misses at a draw is found again where it was put in."""

import numpy as np
import pytest

from cxaxis.core.errors import ModelValueError
from cxaxis.core.streams import rng_for
from cxaxis.inference.outcome_emulator import LEAST_ERROR_SD
from cxaxis.inference.outcome_offsets import (
    covariances,
    learned_offsets,
    positive,
    unknown_offsets,
)
from cxaxis.inference.outcome_posterior import cases_of
from outcome_support import synthetic_problem

SHARED = np.array([[0.64, 0.4, 0.0], [0.4, 0.49, 0.1], [0.0, 0.1, 0.36]])
LOCAL = np.diag([0.09, 0.04, 0.06])
NOISE_SD = 0.3


def made(n_round, n_draw=400):
    """Return offsets, and residuals with their noise."""
    rng = rng_for(3, "offsets", n_round)
    offset = rng.multivariate_normal(np.zeros(3), SHARED, n_draw)
    local = rng.multivariate_normal(np.zeros(3), LOCAL, (n_round, n_draw))
    noise = NOISE_SD * rng.standard_normal((n_round, n_draw, 3))
    return offset, offset + local + noise, np.full((n_round, n_draw, 3), NOISE_SD)


def test_covariances_come_back():
    _, residual, noise = made(4, 4000)
    shared, local = covariances(residual, noise)
    assert shared == pytest.approx(SHARED, abs=0.04)
    assert local == pytest.approx(LOCAL, abs=0.03)


def test_rounds_close_in_on_the_offset():
    left = []
    for n_round in (1, 2, 6):
        offset, residual, noise = made(n_round)
        found = learned_offsets(residual, noise)
        left.append(np.sqrt(((found.mean - offset) ** 2).mean()))
        assert left[-1] < np.sqrt((offset**2).mean())
    assert left[0] > left[1] > left[2]


def test_what_is_left_is_as_large_as_it_says():
    offset, residual, noise = made(3, 2000)
    found = learned_offsets(residual, noise)
    local = rng_for(4, "nearby").multivariate_normal(np.zeros(3), LOCAL, 2000)
    error = offset + local - found.mean
    scaled = np.linalg.solve(np.linalg.cholesky(found.covariance), error[..., None])[..., 0]
    assert (scaled**2).mean(axis=0) == pytest.approx(np.ones(3), abs=0.12)


def test_a_landmark_without_a_number_is_told_by_those_beside_it():
    offset, residual, noise = made(3)
    residual[:, :100, 0] = np.nan
    found = learned_offsets(residual, noise)
    blind, seeing = found.covariance[:100, 0, 0].mean(), found.covariance[100:, 0, 0].mean()
    assert seeing < blind < SHARED[0, 0] + LOCAL[0, 0]
    # The first and second go together.
    assert np.corrcoef(found.mean[:100, 0], offset[:100, 0])[0, 1] > 0.5


def test_published_values_play_no_part_and_nothing_simulated_leaves_the_emulators_error():
    free = unknown_offsets(SHARED, 5)
    assert not free.mean.any()
    assert free.covariance[3] == pytest.approx(SHARED)
    assert len(free.rows(np.array([1, 1]))) == 2


def test_offsets_move_what_a_chain_is_given():
    problem = synthetic_problem()
    other = np.zeros((2, 1))
    n = len(problem.emulator.landmark_ids)
    known = unknown_offsets(problem.emulator.error_covariance / 4.0, 2)
    moved = cases_of(
        problem,
        other,
        offsets=type(known)(mean=np.full((2, n), 0.7), covariance=known.covariance),
    )
    plain = cases_of(problem, other)
    assert moved.intercept - plain.intercept == pytest.approx(np.full((2, n), 0.7))
    assert moved.error_root * 2.0 == pytest.approx(plain.error_root)
    assert plain.error_root[0] == pytest.approx(problem.error_root)


def test_a_covariance_is_made_positive():
    fixed = positive(np.array([[1.0, 2.0], [2.0, 1.0]]))
    assert np.linalg.eigvalsh(fixed).min() == pytest.approx(LEAST_ERROR_SD**2)


def test_too_few_residuals_and_wrong_shapes_are_refused():
    _, residual, noise = made(2, 20)
    residual[:, :15, 1] = np.nan
    with pytest.raises(ModelValueError, match="in only 5 draws"):
        learned_offsets(residual, noise)
    with pytest.raises(ModelValueError, match="one shape"):
        learned_offsets(residual[0], noise[0])
