"""Spread, profile and draws, on a linear problem whose answers are known."""

from dataclasses import dataclass, field

import numpy as np
import pytest

from cxaxis.inference.uncertainty import covariance, draw, profile

# Two parameters with a prior and a free factor; the points see x0 well, x1 poorly.
MATRIX = np.array([[2.0, 0.0, 1.0], [-1.0, 0.1, 1.0], [0.5, 0.0, -1.0], [1.0, -0.1, 0.5]])
PRIORS = np.array([[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]])


@dataclass
class Linear:
    """Residuals ``measured - matrix z``, then the priors."""

    with_prior: tuple[int, ...] = (0, 1)
    point_ids: tuple[str, ...] = ("a", "b", "c", "d")
    on_log_scale: tuple[bool, ...] = (False,) * 4
    measured: np.ndarray = field(default_factory=lambda: np.zeros(4))
    noise_sd: np.ndarray = field(default_factory=lambda: np.ones(4))

    @property
    def bounds(self):
        return np.array([-3.0, -3.0, -30.0]), np.array([3.0, 3.0, 30.0])

    def residuals(self, z, *, measured=None, prior_centre=None):
        values = self.measured if measured is None else measured
        centre = 0.0 if prior_centre is None else prior_centre
        return np.concatenate([values - MATRIX @ z, z[:2] - centre])


JACOBIAN = np.vstack([-MATRIX, PRIORS])


def test_the_spread_is_that_of_the_normal_equations():
    expected = np.linalg.inv(MATRIX.T @ MATRIX + PRIORS.T @ PRIORS)
    assert covariance(JACOBIAN) == pytest.approx(expected)


def test_a_profile_ends_where_the_likelihood_says():
    # Without the parameter's own prior the others are free: an interval of 1.96 sd.
    kept = np.vstack([MATRIX, PRIORS[1]])
    sd = np.sqrt(np.linalg.inv(kept.T @ kept)[0, 0])
    found = profile(Linear(), np.zeros(3), JACOBIAN, 0)
    assert found.identifiable == "yes"
    assert found.high == pytest.approx(1.96 * sd, rel=1e-3)
    assert found.low == pytest.approx(-1.96 * sd, rel=1e-3)


def test_what_no_point_sees_stays_open():
    found = profile(Linear(), np.zeros(3), JACOBIAN, 1)
    assert found.identifiable == "no"
    assert np.isnan(found.low)
    assert found.rise_high < 3.84


def test_a_bound_leaves_one_side_open():
    place = np.array([2.9, 0.0, 0.0])
    measured = MATRIX @ place
    found = profile(Linear(measured=measured), place, JACOBIAN, 0)
    assert found.identifiable == "one side"
    assert np.isnan(found.high)


def test_draws_have_the_covariance_of_the_posterior():
    places = np.array(
        [draw(Linear(), np.zeros(3), JACOBIAN, index=k, seed=1).place for k in range(4000)]
    )
    expected = covariance(JACOBIAN)
    assert np.cov(places.T) == pytest.approx(expected, abs=0.06 * expected.max())


def test_a_draw_depends_on_its_number_alone():
    one, same = (draw(Linear(), np.zeros(3), JACOBIAN, index=7, seed=1) for _ in range(2))
    other = draw(Linear(), np.zeros(3), JACOBIAN, index=8, seed=1)
    assert one.place == pytest.approx(same.place, abs=0)
    assert not np.allclose(one.place, other.place)
