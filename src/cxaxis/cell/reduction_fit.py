"""Response functions as ratios of sums of powers, fitted.

The steady share of a form of a receptor or kinase is a ratio of two sums of products of powers of
what drives it. A response function has that form, with powers that are fitted: the mean of levels
between 0 and 1, each weighed by a product of powers of its drivers. So it is smooth, lies between 0
and 1 everywhere, and falls off as a power where the cell does.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from cxaxis.core.arrays import FloatArray

# Below this share errors count as shares of it, above it as shares of the output.
FLOOR: Final = 0.004
# Draws every number of a fit towards 0, so that the many sets that fit alike do not drift apart.
_RIDGE: Final = 2e-3


@dataclass(frozen=True, kw_only=True)
class PowerRatio:
    """A mean of levels, weighed by products of powers.

    Attributes
    ----------
    offsets
        Logarithm of each weight where the logarithms of all drivers are 0, ``(n_term,)``.
    powers
        Power of each driver in each weight, ``(n_term, n_driver)``.
    levels
        Level of each term, 0 to 1, ``(n_term,)``.
    """

    offsets: FloatArray
    powers: FloatArray
    levels: FloatArray

    @property
    def n_term(self) -> int:
        """Number of terms."""
        return len(self.offsets)

    def at(self, logs: FloatArray) -> FloatArray:
        """Return the function at logarithms of its drivers, shape ``(n, n_driver)``."""
        weights = _weights(logs, self.offsets, self.powers)
        return np.asarray(weights @ self.levels, dtype=np.float64)

    def rescaled(self, middle: FloatArray, half: FloatArray) -> PowerRatio:
        """Return the function of ``logs`` that this one is of ``(logs - middle) / half``."""
        powers = self.powers / half
        offsets = self.offsets - powers @ middle
        # Only differences of weights count: keep them of the size of 1 amid the range.
        return PowerRatio(
            offsets=offsets - (offsets + powers @ middle).mean(), powers=powers, levels=self.levels
        )

    def unscaled(self, middle: FloatArray, half: FloatArray) -> PowerRatio:
        """Return the function of ``(logs - middle) / half`` that this one is of ``logs``."""
        return PowerRatio(
            offsets=self.offsets + self.powers @ middle,
            powers=self.powers * half,
            levels=self.levels,
        )


def _weights(logs: FloatArray, offsets: FloatArray, powers: FloatArray) -> FloatArray:
    logs = logs @ powers.T + offsets
    weights = np.exp(logs - logs.max(axis=1, keepdims=True))
    return np.asarray(weights / weights.sum(axis=1, keepdims=True), dtype=np.float64)


def _vector(fit: PowerRatio) -> FloatArray:
    levels = np.clip(fit.levels, 1e-12, 1 - 1e-12)
    return np.concatenate([fit.offsets, fit.powers.ravel(), np.log(levels / (1 - levels))])


def _ratio(vector: FloatArray, n_term: int) -> PowerRatio:
    from scipy.special import expit

    n_driver = len(vector) // n_term - 2
    return PowerRatio(
        offsets=vector[:n_term],
        powers=vector[n_term : n_term * (1 + n_driver)].reshape(n_term, n_driver),
        levels=np.asarray(expit(vector[n_term * (1 + n_driver) :]), dtype=np.float64),
    )


def first_guess(
    scaled: FloatArray, share: FloatArray, n_term: int, rng: np.random.Generator
) -> PowerRatio:
    """Return terms whose levels span the output, along the drivers that it follows.

    Parameters
    ----------
    scaled
        Drivers, shape ``(n, n_driver)``.
    share
        The output, shape ``(n,)``.
    n_term
        Number of terms.
    rng
        Spreads the terms.
    """
    logit = np.log(share / (1 - np.minimum(share, 1 - 1e-9)))
    centred = scaled - scaled.mean(axis=0)
    slope = np.linalg.lstsq(centred, logit - logit.mean(), rcond=None)[0]
    along = slope / max(float(np.linalg.norm(slope)), 1e-9)
    steps = np.linspace(-3, 3, n_term)
    powers = steps[:, None] * along[None, :] + 0.4 * rng.standard_normal((n_term, len(along)))
    ends = np.linspace(logit.min(), logit.max() + 0.3, n_term)
    return PowerRatio(
        offsets=np.zeros(n_term), powers=powers, levels=np.asarray(1 / (1 + np.exp(-ends)))
    )


def fitted(
    scaled: FloatArray, share: FloatArray, start: PowerRatio, *, n_step: int, n_round: int = 3
) -> PowerRatio:
    """Return the ratio that fits an output, from a start.

    Errors count relative to the output, below `FLOOR` relative to that; points that stay far off
    weigh more from round to round, since the largest error is what counts.

    Parameters
    ----------
    scaled
        Drivers, shape ``(n, n_driver)``.
    share
        The output, shape ``(n,)``.
    start
        Where to begin.
    n_step
        Largest number of steps a round.
    n_round
        Number of rounds.
    n_round
        Number of rounds.
    """
    weight = np.ones(len(share))
    fit = start
    for _ in range(n_round):
        fit = _round(scaled, share, fit, weight / (share + FLOOR), n_step)
        error = np.abs(fit.at(scaled) - share) / (share + FLOOR)
        weight = weight * np.sqrt(0.3 + error / np.sqrt(np.mean(error**2) + 1e-30))
        weight = weight / weight.mean()
    return fit


def _round(
    scaled: FloatArray, share: FloatArray, start: PowerRatio, weight: FloatArray, n_step: int
) -> PowerRatio:
    from scipy.optimize import least_squares

    n_term, n_driver = start.n_term, scaled.shape[1]
    ridge = _RIDGE * np.eye(n_term * (2 + n_driver))

    def miss(vector: FloatArray) -> FloatArray:
        found = _ratio(vector, n_term).at(scaled)
        return np.concatenate([weight * (found - share), _RIDGE * vector])

    def slopes(vector: FloatArray) -> FloatArray:
        fit = _ratio(vector, n_term)
        weights = _weights(scaled, fit.offsets, fit.powers)
        found = weights @ fit.levels
        by_offset = weights * (fit.levels[None, :] - found[:, None]) * weight[:, None]
        by_power = (by_offset[:, :, None] * scaled[:, None, :]).reshape(len(scaled), -1)
        by_level = weights * (fit.levels * (1 - fit.levels))[None, :] * weight[:, None]
        return np.vstack([np.hstack([by_offset, by_power, by_level]), ridge])

    found = least_squares(miss, _vector(start), slopes, method="lm", max_nfev=n_step)
    return _ratio(found.x, n_term)


@dataclass(frozen=True, kw_only=True)
class Misfit:
    """How far a response function is from the cell.

    Attributes
    ----------
    absolute
        Largest difference, as a share of full scale.
    relative
        Largest difference relative to the output, where that exceeds 2 % of full scale.
    """

    absolute: float
    relative: float

    @property
    def worst(self) -> float:
        """The larger of the relative misfit and three times the absolute one."""
        return max(self.relative, 3 * self.absolute)


def misfit(found: FloatArray, share: FloatArray) -> Misfit:
    """Return the misfit of one output."""
    off = np.abs(found - share)
    counts = share > 0.02
    relative = float((off[counts] / share[counts]).max()) if counts.any() else 0.0
    return Misfit(absolute=float(off.max()), relative=relative)
