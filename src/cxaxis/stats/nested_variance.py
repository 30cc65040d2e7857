"""The spread of an answer over draws, split into what was sampled, drawn and wired.

Every draw has its own parameters and one wiring, and its answer is estimated from a finite number
of patients. By the law of total variance the spread between draws is the sampling variance within
a draw, plus the variance of the expectation between parameters of one wiring, plus that between
wirings. The last two follow from a one-way analysis of variance with random groups of unequal size
(Searle, Casella and McCulloch 1992, chapter 3); the interval of the wirings' share is that of
Thomas and Hultquist (1978).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import ArrayLike

from cxaxis.core.arrays import FloatArray, IntArray
from cxaxis.core.errors import ModelValueError

#: Draws beyond the number of wirings below which the two are not told apart.
LEAST_FREEDOM: Final = 10


@dataclass(frozen=True, kw_only=True)
class NestedVariance:
    """Components of variance, in the square of the answer's unit.

    Attributes
    ----------
    total
        Variance of the estimated answers over draws.
    patients
        Sampling of patients within a draw, as given.
    population
        What is left: parameters and wiring together, at least 0.
    population_low, population_high
        95 % limits from the chi-squared limits of ``total``, at least 0. They hold for answers
        that are normal over draws.
    parameters, wiring
        Parts of ``population``, at least 0; None where they cannot be told apart.
    wiring_low, wiring_high
        95 % limits of the wirings' share of the variance, 0 to 1; None likewise.
    n_draw, n_wiring
        Draws with an answer, and wirings among them.
    reason
        Why parameters and wiring cannot be told apart; empty where they can.
    """

    total: float
    patients: float
    population: float
    population_low: float
    population_high: float
    parameters: float | None
    wiring: float | None
    wiring_low: float | None
    wiring_high: float | None
    n_draw: int
    n_wiring: int
    reason: str


def nested_variance(
    answer: ArrayLike, wiring: ArrayLike, *, within_variance: ArrayLike
) -> NestedVariance:
    """Split the variance of an answer over draws.

    Parameters
    ----------
    answer
        Estimate of each draw, such as a log hazard ratio, shape ``(n_draw,)``, finite.
    wiring
        Label of each draw's wiring, same shape.
    within_variance
        Sampling variance of each estimate, same shape or one number, at least 0.

    Raises
    ------
    ModelValueError
        If there are fewer than two draws or a number is unusable.
    """
    values, labels = np.asarray(answer, dtype=np.float64), np.asarray(wiring)
    if values.ndim != 1 or labels.shape != values.shape or len(values) < 2:
        msg = f"needs two draws or more with a wiring each, got {values.shape}, {labels.shape}."
        raise ModelValueError(msg)
    within = np.broadcast_to(np.asarray(within_variance, dtype=np.float64), values.shape)
    if not (np.isfinite(values).all() and np.isfinite(within).all() and (within >= 0).all()):
        msg = "answers and sampling variances must be finite, and the latter at least 0."
        raise ModelValueError(msg)
    from scipy.stats import chi2

    n = len(values)
    names, code = np.unique(labels.astype(str), return_inverse=True)
    total, patients = float(values.var(ddof=1)), float(within.mean())
    low, high = (n - 1) * total / np.asarray(chi2.ppf([0.975, 0.025], n - 1))
    reason = _confounded(n, len(names))
    found = None if reason else _components(values, code, len(names))
    return NestedVariance(
        total=total,
        patients=patients,
        population=max(0.0, total - patients),
        population_low=max(0.0, float(low) - patients),
        population_high=max(0.0, float(high) - patients),
        parameters=None if found is None else max(0.0, found.inside - patients),
        wiring=None if found is None else found.between,
        wiring_low=None if found is None else found.low,
        wiring_high=None if found is None else found.high,
        n_draw=n,
        n_wiring=len(names),
        reason=reason,
    )


def shrunk_draws(answer: ArrayLike, *, within_variance: ArrayLike) -> FloatArray:
    """Return the draws pulled towards their mean until sampling no longer adds to their spread.

    Estimates of draws scatter more than what they estimate. These keep the mean, and have the
    variance ``total - patients`` of `nested_variance`; all are equal where sampling explains
    everything.

    Parameters
    ----------
    answer, within_variance
        As in `nested_variance`.
    """
    values = np.asarray(answer, dtype=np.float64)
    split = nested_variance(values, np.zeros(len(values)), within_variance=within_variance)
    factor = np.sqrt(split.population / split.total) if split.total > 0 else 0.0
    return np.asarray(values.mean() + factor * (values - values.mean()))


def _confounded(n_draw: int, n_wiring: int) -> str:
    """Return why parameters and wiring cannot be told apart, nothing if they can."""
    if n_wiring < 2:
        return "every draw has the same wiring"
    if n_draw - n_wiring < LEAST_FREEDOM:
        return (
            f"{n_draw} draws of {n_wiring} wirings leave {n_draw - n_wiring} repeats, "
            f"{LEAST_FREEDOM} are needed"
        )
    return ""


@dataclass(frozen=True, kw_only=True)
class _Components:
    """Variance between and inside groups, and limits of the former's share."""

    between: float
    inside: float
    low: float
    high: float


def _components(values: FloatArray, code: IntArray, n_group: int) -> _Components:
    from scipy.stats import f

    n = len(values)
    freedom = n - n_group
    size = np.bincount(code)
    mean = np.bincount(code, weights=values) / size
    between = float((size * (mean - values.mean()) ** 2).sum()) / (n_group - 1)
    inside = float(((values - mean[code]) ** 2).sum()) / freedom
    usual = (n - float((size**2).sum()) / n) / (n_group - 1)
    low = high = 1.0 if between > 0 else 0.0
    if inside > 0:
        # Thomas and Hultquist compare the harmonic mean of the sizes with unweighted means.
        harmonic = n_group / float((1.0 / size).sum())
        ratio = harmonic * float(mean.var(ddof=1)) / inside
        limits = ratio / np.asarray(f.ppf([0.975, 0.025], n_group - 1, freedom))
        low, high = (max(0.0, float((x - 1.0) / (x - 1.0 + harmonic))) for x in limits)
    return _Components(
        between=max(0.0, (between - inside) / usual), inside=inside, low=low, high=high
    )
