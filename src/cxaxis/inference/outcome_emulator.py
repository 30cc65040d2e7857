"""What a population would give, without simulating it: a quadratic in its unit deviations.

A pool of populations was simulated; each gives a share of patients for every landmark, such as
those alive at 12 months. The emulator writes ``logit(share)`` as a quadratic in the fitted
parameters and in the most influential of the others, all as standard normal deviates of the
prior, with a ridge penalty chosen by cross-validation. What it leaves unexplained, beyond the
chance of the pool's few patients, enters the likelihood as an error with its covariance.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from scipy.special import logit

from cxaxis.core.arrays import BoolArray, FloatArray, IntArray
from cxaxis.core.errors import ModelValueError

#: Other parameters that the emulator follows.
N_OTHER: Final = 12
N_FOLD: Final = 8
#: Penalties tried, and how much more a quadratic term is penalised than a linear one.
PENALTIES: Final = tuple(float(10.0**power) for power in np.arange(-1.0, 4.01, 0.5))
QUADRATIC_FACTORS: Final = (1.0, 3.0, 10.0)
#: Shares are held off 0 and 1, where a pool of some tens of patients knows no logit.
LEAST_SHARE: Final = 0.01
LEAST_ERROR_SD: Final = 0.05
_SHRINK: Final = 0.1
_TINY: Final = 1e-12


@dataclass(frozen=True, kw_only=True)
class OutcomeEmulator:
    """Logits of the shares as a quadratic in unit deviations of the parameters.

    Attributes
    ----------
    fitted_ids, other_ids
        Parameters it follows: ``n_fitted`` that are fitted, then ``n_other`` that keep their
        prior.
    landmark_ids
        Landmarks, ``n_landmark``.
    intercept, linear, quadratic
        Coefficients, shapes ``(n_landmark,)``, ``(n_landmark, n_input)`` and
        ``(n_landmark, n_input, n_input)``, the last symmetric.
    r2
        Cross-validated share of the variance of the logit that it explains.
    error_covariance
        Of what it leaves unexplained, without the pool's own sampling noise, logit units.
    monte_carlo_sd
        Root mean square of that noise, logit units.
    residual, noise_sd
        Logit of the share of each population less what it is emulated to be by those of other
        folds, and its Monte-Carlo error, shape ``(n_population, n_landmark)``; not a number where
        there is no share.
    n_population
        Populations that it was fitted to.
    """

    fitted_ids: tuple[str, ...]
    other_ids: tuple[str, ...]
    landmark_ids: tuple[str, ...]
    intercept: FloatArray
    linear: FloatArray
    quadratic: FloatArray
    r2: FloatArray
    error_covariance: FloatArray
    monte_carlo_sd: FloatArray
    residual: FloatArray
    noise_sd: FloatArray
    n_population: int

    @property
    def error_sd(self) -> FloatArray:
        """Standard deviation of the unexplained part of each landmark, logit units."""
        return np.sqrt(np.diag(self.error_covariance))

    def logit_share(self, fitted: FloatArray, other: FloatArray) -> FloatArray:
        """Return the logit of every share, shape ``(n, n_landmark)``.

        Parameters
        ----------
        fitted, other
            Unit deviations, shapes ``(n, n_fitted)`` and ``(n, n_other)``.
        """
        z = np.concatenate([fitted, other], axis=1)
        bent = np.einsum("ni,lij,nj->nl", z, self.quadratic, z, optimize=True)
        return np.asarray(self.intercept + z @ self.linear.T + bent)

    def given_other(self, other: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray]:
        """Return the quadratic in the fitted parameters alone, at given values of the others.

        Parameters
        ----------
        other
            Unit deviations, shape ``(n, n_other)``.

        Returns
        -------
        Intercept ``(n, n_landmark)``, linear ``(n, n_landmark, n_fitted)`` and quadratic
        coefficients ``(n_landmark, n_fitted, n_fitted)``; the last do not depend on the others.
        """
        n = len(self.fitted_ids)
        bent = np.einsum("ni,lij,nj->nl", other, self.quadratic[:, n:, n:], other, optimize=True)
        crossed = 2.0 * np.einsum("lfo,no->nlf", self.quadratic[:, :n, n:], other, optimize=True)
        intercept = self.intercept + other @ self.linear[:, n:].T + bent
        return intercept, self.linear[:, :n] + crossed, self.quadratic[:, :n, :n]


def fit_emulator(
    unit_theta: FloatArray,
    share: FloatArray,
    share_se: FloatArray,
    *,
    parameter_ids: Sequence[str],
    landmark_ids: Sequence[str],
    fitted_ids: Sequence[str],
    n_other: int = N_OTHER,
    nearby: BoolArray | None = None,
    fold: IntArray | None = None,
) -> OutcomeEmulator:
    """Return the emulator of a pool.

    Parameters
    ----------
    unit_theta
        Standard normal deviates of the populations' parameters, shape
        ``(n_population, n_parameter)``.
    share, share_se
        Proportions of every landmark and their Monte-Carlo errors, shape
        ``(n_population, n_landmark)``. A population in which a share is no number, such as one
        without patients in a setting, is left out for that landmark.
    parameter_ids, landmark_ids
        Names of the columns.
    fitted_ids
        Parameters to fit, among `parameter_ids`.
    n_other
        Most others to follow; those that explain most of what the fitted ones leave.
    nearby
        Populations from whose residuals the error is read, such as those drawn near the answer;
        all of them if omitted.
    fold
        In which of `N_FOLD` folds a population is held out, shape ``(n_population,)``; in turn if
        omitted. Populations that share parameters belong in one.

    Raises
    ------
    ModelValueError
        If a fitted parameter is not in the pool, or a landmark has a share in fewer than
        ``2 N_FOLD`` populations.
    """
    missing = sorted(set(fitted_ids) - set(parameter_ids))
    if missing:
        msg = f"the pool does not hold the fitted parameters {', '.join(missing)}."
        raise ModelValueError(msg)
    known = np.asarray(np.isfinite(share + share_se), dtype=np.bool_)
    fewest = int(known.sum(axis=0).min(initial=len(known)))
    if fewest < 2 * N_FOLD:
        msg = f"a landmark has a share in only {fewest} of {len(known)} populations of the pool."
        raise ModelValueError(msg)
    held = np.where(known, np.clip(share, LEAST_SHARE, 1.0 - LEAST_SHARE), np.nan)
    target = np.asarray(logit(held))
    noise = share_se / (held * (1.0 - held))
    place = {name: k for k, name in enumerate(parameter_ids)}
    first = [place[name] for name in fitted_ids]
    rest = [k for k in range(len(parameter_ids)) if k not in first and unit_theta[:, k].std() > 0]
    folds = np.arange(len(known)) % N_FOLD if fold is None else np.asarray(fold) % N_FOLD
    other = _most_telling(unit_theta, first, rest, target, n_other, folds)
    inputs = unit_theta[:, [*first, *other]]
    coefficients, residual = _ridge(inputs, target, folds)
    near = np.ones(len(known), dtype=np.bool_) if nearby is None else nearby
    # A landmark that few populations nearby have a share of is judged by all.
    judged = np.where((known & near[:, None]).sum(axis=0) >= N_FOLD, near[:, None], True) & known
    covariance = _model_error(residual, noise, judged)
    n_input = inputs.shape[1]
    linear = coefficients[:, 1 : 1 + n_input]
    quadratic = _as_matrices(coefficients[:, 1 + n_input :], n_input)
    # The squares entered less their mean of 1.
    intercept = coefficients[:, 0] - np.einsum("lii->l", quadratic)
    return OutcomeEmulator(
        fitted_ids=tuple(fitted_ids),
        other_ids=tuple(parameter_ids[k] for k in other),
        landmark_ids=tuple(landmark_ids),
        intercept=intercept,
        linear=linear,
        quadratic=quadratic,
        r2=1.0 - np.nanmean(residual**2, axis=0) / np.nanvar(target, axis=0).clip(_TINY),
        error_covariance=covariance,
        monte_carlo_sd=np.sqrt(_mean_where(noise**2, judged)),
        residual=residual,
        noise_sd=noise,
        n_population=int(known.any(axis=1).sum()),
    )


def _features(z: FloatArray) -> FloatArray:
    """Return 1, the inputs, then every product of two (squares less 1)."""
    rows, columns = np.triu_indices(z.shape[1])
    products = z[:, rows] * z[:, columns] - (rows == columns)
    return np.concatenate([np.ones((len(z), 1)), z, products], axis=1)


def _as_matrices(products: FloatArray, n_input: int) -> FloatArray:
    rows, columns = np.triu_indices(n_input)
    matrices = np.zeros((len(products), n_input, n_input))
    matrices[:, rows, columns] = products / 2.0
    return matrices + matrices.transpose(0, 2, 1)


def _most_telling(
    z: FloatArray, first: list[int], rest: list[int], target: FloatArray, n: int, fold: IntArray
) -> list[int]:
    """Return the columns of `rest` that correlate most with what `first` leaves unexplained."""
    if not rest or n == 0:
        return []
    _, residual = _ridge(z[:, first], target, fold)
    known = np.isfinite(residual)
    told = np.zeros(len(rest))
    for k in range(target.shape[1]):
        left, others = residual[known[:, k], k], z[known[:, k]][:, rest]
        others = (others - others.mean(axis=0)) / others.std(axis=0).clip(_TINY)
        # Squared correlation, weighed by how much is left to explain.
        told += ((others.T @ (left - left.mean())) / len(left)) ** 2
    order = np.argsort(-told, kind="stable")[:n]
    return [rest[k] for k in sorted(order)]


def _ridge(inputs: FloatArray, target: FloatArray, fold: IntArray) -> tuple[FloatArray, FloatArray]:
    """Return coefficients ``(n_landmark, n_feature)`` and out-of-fold residuals.

    Penalties are chosen for each landmark by the same folds. Landmarks that the same populations
    have a share of are solved together; a residual is no number where there is no share.
    """
    features = _features(inputs)
    coefficients = np.zeros((target.shape[1], features.shape[1]))
    residual = np.full_like(target, np.nan)
    known = np.isfinite(target)
    patterns = {known[:, k].tobytes(): known[:, k] for k in range(target.shape[1])}
    for rows in patterns.values():
        mine = np.flatnonzero((known == rows[:, None]).all(axis=0))
        block = np.ix_(rows, mine)
        coefficients[mine], residual[block] = _ridge_whole(
            features[rows], target[block], fold[rows], n_linear=1 + inputs.shape[1]
        )
    return coefficients, residual


def _ridge_whole(
    features: FloatArray, target: FloatArray, fold: IntArray, *, n_linear: int
) -> tuple[FloatArray, FloatArray]:
    best = np.full(target.shape[1], np.inf)
    coefficients = np.zeros((target.shape[1], features.shape[1]))
    kept = np.zeros_like(target)
    for factor in QUADRATIC_FACTORS:
        scale = np.ones(features.shape[1])
        scale[n_linear:] = 1.0 / np.sqrt(factor)
        scaled = features * scale
        out = np.zeros((len(PENALTIES), *target.shape))
        for k in range(N_FOLD):
            held = fold == k
            found = _ridge_path(scaled[~held], target[~held])
            out[:, held] = target[held] - scaled[held] @ found
        error = (out**2).mean(axis=1)
        whole = _ridge_path(scaled, target)
        for landmark, at in enumerate(error.argmin(axis=0)):
            if error[at, landmark] < best[landmark]:
                best[landmark] = error[at, landmark]
                coefficients[landmark] = whole[at, :, landmark] * scale
                kept[:, landmark] = out[at, :, landmark]
    return coefficients, kept


def _ridge_path(features: FloatArray, target: FloatArray) -> FloatArray:
    """Return the coefficients at every penalty, the intercept free of it.

    Shape ``(n_penalty, n_feature, n_landmark)``.
    """
    means, centre = features[:, 1:].mean(axis=0), target.mean(axis=0)
    left, size, right = np.linalg.svd(features[:, 1:] - means, full_matrices=False)
    turned = left.T @ (target - centre)
    found = np.empty((len(PENALTIES), features.shape[1], target.shape[1]))
    for k, penalty in enumerate(PENALTIES):
        slopes = right.T @ ((size / (size**2 + penalty))[:, None] * turned)
        found[k, 1:] = slopes
        found[k, 0] = centre - means @ slopes
    return found


def _model_error(residual: FloatArray, noise: FloatArray, judged: BoolArray) -> FloatArray:
    """Return the covariance of the residuals with the pool's own noise taken off.

    ``judged`` says where residuals count; two landmarks correlate over what both have.
    """
    variance = _mean_where(residual**2, judged)
    sd = np.sqrt(np.maximum(variance - _mean_where(noise**2, judged), LEAST_ERROR_SD**2))
    scaled = np.where(judged, residual, 0.0) / np.sqrt(variance).clip(_TINY)
    shared = judged.astype(np.float64).T @ judged
    correlation = (scaled.T @ scaled) / np.sqrt(np.outer(np.diag(shared), np.diag(shared)))
    correlation *= 1.0 - _SHRINK
    np.fill_diagonal(correlation, 1.0)
    return np.asarray(correlation * np.outer(sd, sd))


def _mean_where(values: FloatArray, chosen: BoolArray) -> FloatArray:
    return np.asarray(np.where(chosen, values, 0.0).sum(axis=0) / chosen.sum(axis=0))
