"""The emulator, on a pool whose logits are a known quadratic."""

import numpy as np
import pytest

from cxaxis.core.errors import ModelValueError
from cxaxis.core.streams import rng_for
from cxaxis.inference.outcome_emulator import LEAST_ERROR_SD, fit_emulator
from outcome_support import (
    FITTED,
    LANDMARKS,
    PARAMETERS,
    synthetic_emulator,
    synthetic_pool,
    true_logits,
)


def test_a_quadratic_is_found_exactly():
    emulator = synthetic_emulator()
    z = 0.7 * rng_for(1, "elsewhere").standard_normal((50, len(PARAMETERS)))
    found = emulator.logit_share(z[:, :2], z[:, 2:3])
    assert found == pytest.approx(true_logits(z), abs=0.1)
    assert emulator.r2.min() > 0.99
    assert emulator.error_sd.max() < 0.1


def test_it_follows_the_other_parameter_that_matters():
    assert synthetic_emulator().other_ids == ("c",)


def test_the_condition_on_the_others_is_the_same_quadratic():
    emulator = synthetic_emulator(n_other=2)
    rng = rng_for(2, "condition")
    fitted, other = rng.standard_normal((5, 2)), rng.standard_normal((5, 2))
    intercept, linear, quadratic = emulator.given_other(other)
    again = (
        intercept
        + np.einsum("nlf,nf->nl", linear, fitted)
        + np.einsum("ni,lij,nj->nl", fitted, quadratic, fitted)
    )
    assert again == pytest.approx(emulator.logit_share(fitted, other))


def test_noise_of_few_patients_is_not_taken_for_a_fault_of_the_emulator():
    noisy = synthetic_emulator(n=1500, n_patient=100)
    assert noisy.monte_carlo_sd.min() > 0.15
    assert noisy.error_sd.max() < noisy.monte_carlo_sd.min()
    assert noisy.error_sd.min() >= LEAST_ERROR_SD


def test_what_is_not_followed_stands_in_the_error():
    blind = synthetic_emulator(n=800, n_other=0)
    # The first landmark has 0.5 c, which nothing else carries.
    assert blind.error_sd[0] == pytest.approx(0.5, rel=0.15)
    assert blind.error_sd[0] > 3 * blind.error_sd[1]


def test_failed_populations_are_left_out():
    z, share, error = synthetic_pool()
    share = share.copy()
    share[:7] = np.nan
    # A setting without patients: one landmark is missing in more populations.
    share[:200, 1] = np.nan
    found = fit_emulator(
        z, share, error, parameter_ids=PARAMETERS, landmark_ids=LANDMARKS, fitted_ids=FITTED
    )
    assert found.n_population == 393
    again = fit_emulator(
        z[7:],
        share[7:, [0, 2]],
        error[7:, [0, 2]],
        parameter_ids=PARAMETERS,
        landmark_ids=("one", "three"),
        fitted_ids=FITTED,
    )
    assert found.linear[[0, 2]] == pytest.approx(again.linear)
    assert found.r2[1] > 0.98
    # The covariance can be drawn from.
    np.linalg.cholesky(found.error_covariance)


def test_an_unknown_fitted_parameter_is_named():
    z, share, error = synthetic_pool(40)
    with pytest.raises(ModelValueError, match="nothing_here"):
        fit_emulator(
            z,
            share,
            error,
            parameter_ids=PARAMETERS,
            landmark_ids=LANDMARKS,
            fitted_ids=("nothing_here",),
        )


def test_too_few_populations_are_refused():
    z, share, error = synthetic_pool(10)
    with pytest.raises(ModelValueError, match="only 10 of 10"):
        fit_emulator(
            z, share, error, parameter_ids=PARAMETERS, landmark_ids=LANDMARKS, fitted_ids=FITTED
        )
