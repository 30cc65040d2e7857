"""Whether small studies find more than large ones, and what would be left without that.

Three views of one worry. Egger's regression asks whether the effect grows with the standard
error. The precision-effect estimates (PET, PEESE) read off what a study without error would
find. The selection model assumes that a study without an adverse result at two-sided P < 0.05
was published with a lower weight, and estimates effect and weight together.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal

import numpy as np
from scipy.optimize import brentq, minimize
from scipy.stats import chi2, norm
from scipy.stats import t as student
from statsmodels.regression.linear_model import WLS

from cxaxis.core.arrays import FloatArray
from cxaxis.core.errors import ModelValueError
from cxaxis.stats.study_effects import StudyEffect

Against = Literal["standard_error", "variance"]

SIGNIFICANT_Z: Final = float(norm.ppf(0.975))
_LEAST_STUDIES: Final = 3


@dataclass(frozen=True, kw_only=True)
class PrecisionRegression:
    """Weighted regression of the log hazard ratio on a measure of its error.

    Attributes
    ----------
    against
        ``standard_error`` (Egger, PET) or ``variance`` (PEESE).
    slope, slope_p_value
        How the effect grows with the error. Against the standard error this is Egger's
        intercept, and its two-sided P value is Egger's test.
    ratio, low, high
        Hazard ratio of a study without error, with its 95 % limits.
    log_ratio, se
        The same on the log scale.
    one_sided_p_value
        Of a log ratio of 0 against a positive one.
    """

    against: Against
    slope: float
    slope_p_value: float
    ratio: float
    low: float
    high: float
    log_ratio: float
    se: float
    one_sided_p_value: float


@dataclass(frozen=True, kw_only=True)
class SelectionFit:
    """Effect and publication weight fitted together by maximum likelihood.

    Attributes
    ----------
    ratio, low, high
        Hazard ratio of all studies made, with its 95 % profile-likelihood limits.
    log_ratio
        Natural logarithm of `ratio`.
    tau2
        Variance between studies on the log scale.
    weight
        How likely a study without an adverse result at P < 0.05 was to be published, relative
        to one with it; below 1 means selection.
    weight_fitted
        Whether `weight` was estimated rather than given.
    p_value
        Of the likelihood-ratio test against no selection; None where the weight was given.
    """

    ratio: float
    low: float
    high: float
    log_ratio: float
    tau2: float
    weight: float
    weight_fitted: bool
    p_value: float | None


def precision_regression(
    studies: Sequence[StudyEffect], *, against: Against = "standard_error"
) -> PrecisionRegression:
    """Return the regression of effect on error, weighted by the inverse variance.

    Parameters
    ----------
    studies
        At least three, not all of the same size.
    against
        ``standard_error`` gives Egger's test and PET, ``variance`` gives PEESE.

    Raises
    ------
    ModelValueError
        If there are too few studies, or all have the same standard error.
    """
    _require_studies(studies)
    effect, se = _arrays(studies)
    if np.ptp(se) <= 1e-9 * se.max():
        msg = "all studies have the same standard error: there is nothing to regress on."
        raise ModelValueError(msg)
    error = se if against == "standard_error" else se**2
    fit: Any = WLS(effect, np.column_stack([np.ones_like(se), error]), weights=1.0 / se**2).fit()
    log_ratio, slope = (float(value) for value in fit.params)
    log_se = float(fit.bse[0])
    df = len(studies) - 2
    reach = float(student.ppf(0.975, df)) * log_se
    # Studies that lie exactly on a line leave no error to divide by.
    exact = log_se <= 1e-12
    return PrecisionRegression(
        against=against,
        slope=slope,
        slope_p_value=float(slope == 0.0) if exact else float(fit.pvalues[1]),
        ratio=math.exp(log_ratio),
        low=math.exp(log_ratio - reach),
        high=math.exp(log_ratio + reach),
        log_ratio=log_ratio,
        se=log_se,
        one_sided_p_value=(
            float(log_ratio <= 0.0) if exact else float(student.sf(log_ratio / log_se, df))
        ),
    )


def pet_peese(studies: Sequence[StudyEffect]) -> PrecisionRegression:
    """Return PET, or PEESE where PET finds an adverse effect (one-sided P < 0.05).

    Raises
    ------
    ModelValueError
        As `precision_regression`.
    """
    pet = precision_regression(studies, against="standard_error")
    if pet.one_sided_p_value < 0.05:
        return precision_regression(studies, against="variance")
    return pet


def fit_selection(studies: Sequence[StudyEffect], *, weight: float | None = None) -> SelectionFit:
    """Return the effect under the one-step selection model of Vevea and Hedges.

    Parameters
    ----------
    studies
        At least three.
    weight
        Publication weight of the studies without an adverse result at P < 0.05, positive. By
        default it is estimated, which needs studies on both sides of that step.

    Raises
    ------
    ModelValueError
        If there are too few studies, the weight is not positive, or it is to be estimated from
        studies that all lie on one side: then give a weight.
    """
    _require_studies(studies)
    if weight is not None and not 0.0 < weight < math.inf:
        msg = f"weight must be positive, got {weight!r}."
        raise ModelValueError(msg)
    effect, se = _arrays(studies)
    significant = effect / se >= SIGNIFICANT_Z
    if weight is None and significant.all() | (~significant).all():
        msg = (
            "every study lies on one side of P = 0.05, so the weight of the others cannot be "
            "estimated. Give a weight."
        )
        raise ModelValueError(msg)

    def loss(point: FloatArray) -> float:
        mean, tau, log_weight = point
        spread = np.hypot(se, tau)
        below = norm.cdf((SIGNIFICANT_Z * se - mean) / spread)
        kept = np.log(math.exp(log_weight) * below + 1.0 - below)
        weighed = np.where(significant, 0.0, log_weight)
        return -float(np.sum(norm.logpdf(effect, mean, spread) + weighed - kept))

    scale = max(float(np.std(effect)), float(se.min()))
    reach = 10.0 * scale

    def best(mean: float | None, held_weight: float | None) -> tuple[float, FloatArray]:
        """Return the least loss and its mean, tau and log weight, holding what is given."""
        middle = float(np.average(effect, weights=1.0 / se**2))
        means = (float(effect.min()) - reach, float(effect.max()) + reach)
        weights = (math.log(1e-4), math.log(1e4))
        if held_weight is not None:
            weights = (math.log(held_weight), math.log(held_weight))
        if mean is not None:
            means, middle = (mean, mean), mean
        # Two starts for the spread: the likelihood may have an optimum at zero and one beyond.
        fits = [
            minimize(
                loss,
                np.array([middle, tau, sum(weights) / 2.0]),
                method="L-BFGS-B",
                bounds=[means, (0.0, reach), weights],
            )
            for tau in (0.0, scale)
        ]
        fit = min(fits, key=lambda item: float(item.fun))
        return float(fit.fun), np.asarray(fit.x, dtype=np.float64)

    least, (log_ratio, tau, log_weight) = best(None, weight)
    limit = float(chi2.ppf(0.95, 1)) / 2.0

    def beyond(mean: float) -> float:
        return best(mean, weight)[0] - least - limit

    p_value = None
    if weight is None:
        p_value = float(chi2.sf(2.0 * max(best(None, 1.0)[0] - least, 0.0), 1))
    return SelectionFit(
        ratio=math.exp(log_ratio),
        low=math.exp(_crossing(beyond, float(log_ratio), -scale)),
        high=math.exp(_crossing(beyond, float(log_ratio), scale)),
        log_ratio=float(log_ratio),
        tau2=float(tau) ** 2,
        weight=math.exp(log_weight),
        weight_fitted=weight is None,
        p_value=p_value,
    )


def _crossing(beyond: Callable[[float], float], start: float, step: float) -> float:
    """Return where the profile leaves its region, searching from the optimum in one direction."""
    far = start + step
    for _ in range(12):
        if beyond(far) > 0:
            return float(brentq(beyond, start, far, xtol=1e-4))
        far = start + 2.0 * (far - start)
    return math.copysign(math.inf, step)


def _arrays(studies: Sequence[StudyEffect]) -> tuple[FloatArray, FloatArray]:
    return (
        np.array([study.log_ratio for study in studies]),
        np.array([study.se for study in studies]),
    )


def _require_studies(studies: Sequence[StudyEffect]) -> None:
    if len(studies) < _LEAST_STUDIES:
        msg = f"this needs at least {_LEAST_STUDIES} studies, got {len(studies)}."
        raise ModelValueError(msg)
