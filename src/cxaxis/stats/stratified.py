"""Stratified Cox models with covariates and the stratified log-rank test, thin over libraries.

Every stratum has its own baseline hazard; patients are compared within strata alone.
Conventions as in `cxaxis.stats.survival`: durations in days, events boolean, two-sided 95 %
intervals unless a level is given.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from scipy.stats import chi2

from cxaxis.core.arrays import BoolArray, FloatArray, IntArray
from cxaxis.core.errors import ModelValueError
from cxaxis.stats.checks import checked_durations, checked_labels, checked_level
from cxaxis.stats.survival import FIT_OPTIONS, LogRank

EFRON: Final = "efron"
# A log hazard ratio beyond this, per unit of a covariate scaled to unit spread, means that the
# likelihood rises for ever: some covariate separates those with the event from those without.
_MOST_SCALED_LOG_HR: Final = 15.0


@dataclass(frozen=True, kw_only=True)
class CoxTerm:
    """One covariate of a Cox model.

    Attributes
    ----------
    name
        The covariate.
    log_hr
        Log hazard ratio per unit of the covariate.
    standard_error
        Of the log hazard ratio, from the inverse information.
    hr, low, high
        Hazard ratio per unit with its Wald interval; dimensionless.
    p
        Two-sided Wald p-value of no effect.
    """

    name: str
    log_hr: float
    standard_error: float
    hr: float
    low: float
    high: float
    p: float


@dataclass(frozen=True, kw_only=True)
class CoxModel:
    """A fitted Cox model.

    Attributes
    ----------
    terms
        One per covariate, in the order given.
    log_likelihood
        Log partial likelihood at its maximum.
    ties
        Rule for tied event times, always ``efron``.
    n, events, n_strata
        Patients, events and strata.
    """

    terms: tuple[CoxTerm, ...]
    log_likelihood: float
    ties: Literal["efron"]
    n: int
    events: int
    n_strata: int

    def of(self, name: str) -> CoxTerm:
        """Return the term of a covariate.

        Raises
        ------
        ModelValueError
            If the model has no such covariate.
        """
        for term in self.terms:
            if term.name == name:
                return term
        known = ", ".join(term.name for term in self.terms)
        msg = f"the model has no covariate {name!r}. It has: {known}."
        raise ModelValueError(msg)

    def linear_predictor(self, covariates: Mapping[str, ArrayLike]) -> FloatArray:
        """Return the log relative hazard of patients, shape ``(n_patient,)``.

        Zero is a patient whose covariates are all zero, in any stratum.
        """
        parts = [
            term.log_hr * np.asarray(covariates[term.name], dtype=np.float64) for term in self.terms
        ]
        return np.asarray(np.sum(parts, axis=0), dtype=np.float64)


def stratified_cox(
    duration_day: ArrayLike,
    event: ArrayLike,
    covariates: Mapping[str, ArrayLike],
    *,
    strata: ArrayLike | None = None,
    ties: str = EFRON,
    level: float = 0.95,
) -> CoxModel:
    """Fit a Cox model with covariates, one baseline hazard per stratum.

    Parameters
    ----------
    duration_day
        Follow-up of each patient, shape ``(n_patient,)``, days, non-negative.
    event
        Whether follow-up ended with the event, boolean, same shape.
    covariates
        Name to values, finite numbers or booleans, same shape; at least one.
    strata
        Label of each patient's stratum, same shape; one stratum if omitted. Several factors
        go through `crossed`.
    ties
        Rule for tied event times. Efron's is the only one the library behind this has.
    level
        Confidence level of the Wald intervals, in (0, 1).

    Raises
    ------
    ModelValueError
        If another ties rule is asked for, the data are unusable, a covariate is constant or
        not finite, there is no event, or the likelihood has no finite maximum.
    """
    if ties != EFRON:
        msg = (
            f"ties={ties!r} is not available: tied event times are handled by Efron's rule "
            f"alone. Leave ties out or write ties={EFRON!r}."
        )
        raise ModelValueError(msg)
    duration, happened = checked_durations(duration_day, event)
    alpha = 1.0 - checked_level(level)
    values = _covariate_table(covariates, len(duration))
    layer = _stratum_codes(strata, len(duration))
    if not happened.any():
        msg = f"a Cox model needs events; none of {len(duration)} patients has one."
        raise ModelValueError(msg)
    fitter = _fitted(duration, happened, values, layer, alpha)
    spread = values.std(axis=0, ddof=0).to_numpy()
    runaway = np.abs(fitter.params_.to_numpy()) * spread > _MOST_SCALED_LOG_HR
    if runaway.any():
        raise ModelValueError(_no_maximum(list(values.columns[runaway]), happened))
    told = fitter.summary
    bounds = [name for name in told.columns if name.startswith("exp(coef) ")]
    return CoxModel(
        terms=tuple(
            CoxTerm(
                name=name,
                log_hr=float(told.loc[name, "coef"]),
                standard_error=float(told.loc[name, "se(coef)"]),
                hr=float(told.loc[name, "exp(coef)"]),
                low=float(told.loc[name, bounds[0]]),
                high=float(told.loc[name, bounds[1]]),
                p=float(told.loc[name, "p"]),
            )
            for name in values.columns
        ),
        log_likelihood=float(fitter.log_likelihood_),
        ties=EFRON,
        n=len(duration),
        events=int(happened.sum()),
        n_strata=len(np.unique(layer)),
    )


def stratified_log_rank(
    duration_day: ArrayLike, event: ArrayLike, group: ArrayLike, strata: ArrayLike
) -> LogRank | None:
    """Test whether groups share one hazard within every stratum.

    Parameters
    ----------
    duration_day
        Follow-up of each patient, shape ``(n_patient,)``, days, non-negative.
    event
        Whether follow-up ended with the event, boolean, same shape.
    group
        Label of each patient's group, same shape, two groups or more.
    strata
        Label of each patient's stratum, same shape.

    Returns
    -------
    The log-rank test with observed and expected events and their hypergeometric variance
    summed over strata, or ``None`` when the data hold no information: no event while two
    groups of one stratum were at risk.

    Raises
    ------
    ModelValueError
        If the data are unusable, there are fewer than two groups, or some group is never at
        risk beside another.
    """
    duration, happened = checked_durations(duration_day, event)
    labels = checked_labels(group, len(duration), "group")
    names, code = np.unique(labels, return_inverse=True)
    if len(names) < 2:
        msg = f"a log-rank test compares two groups or more, got only {names[0]!r}."
        raise ModelValueError(msg)
    layer = _stratum_codes(strata, len(duration))
    if not any(
        _informative(duration[layer == s], happened[layer == s], code[layer == s])
        for s in np.unique(layer)
    ):
        return None
    from statsmodels.duration.survfunc import survdiff

    try:
        statistic, _ = survdiff(duration, happened.astype(np.int64), code, strata=layer)
    except np.linalg.LinAlgError as err:
        msg = (
            f"of the groups {', '.join(map(str, names))} one is never at risk beside another in "
            "its stratum; leave it out or merge strata."
        )
        raise ModelValueError(msg) from err
    df = len(names) - 1
    return LogRank(chi2=float(statistic), df=df, p=float(chi2.sf(statistic, df)))


def crossed(*factors: ArrayLike) -> IntArray:
    """Return one stratum code per combination of the factors' labels, shape ``(n_patient,)``.

    Raises
    ------
    ModelValueError
        If there is no factor, or the factors differ in length.
    """
    tables = [np.asarray(factor) for factor in factors]
    shapes = {table.shape for table in tables}
    if len(shapes) != 1 or len(next(iter(shapes))) != 1:
        msg = f"factors to cross need one label per patient each, got shapes {sorted(shapes)}."
        raise ModelValueError(msg)
    frame = pd.DataFrame({str(k): table for k, table in enumerate(tables)})
    codes = frame.groupby(list(frame.columns), dropna=False).ngroup()
    return np.asarray(codes, dtype=np.int64)


def _informative(duration: FloatArray, happened: BoolArray, code: IntArray) -> bool:
    """Return whether some event fell while two groups of one stratum were at risk."""
    last_seen = np.sort([duration[code == k].max() for k in np.unique(code)])
    return len(last_seen) > 1 and bool(np.any(duration[happened] <= last_seen[-2]))


def _stratum_codes(strata: ArrayLike | None, length: int) -> IntArray:
    if strata is None:
        return np.zeros(length, dtype=np.int64)
    labels = checked_labels(strata, length, "strata")
    return np.asarray(np.unique(labels, return_inverse=True)[1], dtype=np.int64)


def _covariate_table(covariates: Mapping[str, ArrayLike], length: int) -> pd.DataFrame:
    if not covariates:
        msg = "a Cox model needs at least one covariate."
        raise ModelValueError(msg)
    columns = {}
    for name, given in covariates.items():
        numbers = np.asarray(given)
        if numbers.dtype.kind not in "biuf":
            msg = f"covariate {name!r} must be numbers, got {numbers.dtype}; code its levels."
            raise ModelValueError(msg)
        column = numbers.astype(np.float64)
        if column.shape != (length,):
            msg = f"covariate {name!r} has shape {column.shape}, durations have ({length},)."
            raise ModelValueError(msg)
        if not np.all(np.isfinite(column)):
            missing = int(np.sum(~np.isfinite(column)))
            msg = (
                f"covariate {name!r} is not finite for {missing} of {length} patients. Leave those "
                "patients out or fill the values in, and say so."
            )
            raise ModelValueError(msg)
        if column.min() == column.max():
            msg = f"covariate {name!r} is {column[0]:g} for every patient; leave it out."
            raise ModelValueError(msg)
        columns[str(name)] = column
    return pd.DataFrame(columns)


def _fitted(
    duration: FloatArray, happened: BoolArray, values: pd.DataFrame, layer: IntArray, alpha: float
) -> Any:
    from lifelines import CoxPHFitter
    from lifelines.exceptions import ConvergenceError, ConvergenceWarning

    # Column names that no covariate can have.
    table = values.assign(**{"\0duration": duration, "\0event": happened})
    by: dict[str, Any] = {}
    if np.any(layer != layer[0]):
        table, by = table.assign(**{"\0stratum": layer}), {"strata": ["\0stratum"]}
    fitter = CoxPHFitter(alpha=alpha)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", ConvergenceWarning)
            fitter.fit(
                table,
                duration_col="\0duration",
                event_col="\0event",
                fit_options=FIT_OPTIONS,
                **by,
            )
    except (ConvergenceError, ConvergenceWarning) as err:
        raise ModelValueError(_no_maximum(list(values.columns), happened)) from err
    return fitter


def _no_maximum(names: list[str], happened: BoolArray) -> str:
    return (
        f"the Cox likelihood of {len(happened)} patients with {int(happened.sum())} events has no "
        f"finite maximum in {', '.join(names)}: covariates repeat each other, or one separates the "
        "patients with the event from those without. Drop covariates, merge their levels, or drop "
        "sparse strata."
    )
