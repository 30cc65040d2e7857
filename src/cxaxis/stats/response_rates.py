"""Response rates with exact intervals, and the difference between two arms."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from cxaxis.core.arrays import BoolArray
from cxaxis.core.errors import ModelValueError
from cxaxis.stats.proportions import Proportion, exact_proportion


@dataclass(frozen=True, kw_only=True)
class RateDifference:
    """Difference of two independent response rates.

    Attributes
    ----------
    treated, control
        The rates with their Clopper-Pearson intervals.
    n_treated, n_control
        Patients in each arm.
    difference, low, high
        Treated less control with the limits of Newcombe's hybrid score interval; in [-1, 1].
    level
        Confidence level of all intervals.
    """

    treated: Proportion
    control: Proportion
    n_treated: int
    n_control: int
    difference: float
    low: float
    high: float
    level: float


def response_rate(responded: ArrayLike, *, level: float = 0.95) -> Proportion:
    """Return the share of responders with its Clopper-Pearson interval.

    Parameters
    ----------
    responded
        Whether each patient responded, boolean, shape ``(n_patient,)``; a patient who was not
        evaluable has not.
    level
        Confidence level, in (0, 1).

    Raises
    ------
    ModelValueError
        If the values are not boolean, there is no patient, or the level is no level.
    """
    flags = checked_flags(responded, "responded")
    return exact_proportion(int(flags.sum()), len(flags), level=level)


def response_rate_difference(
    control: ArrayLike, treated: ArrayLike, *, level: float = 0.95
) -> RateDifference:
    """Compare the response rates of two arms.

    Newcombe's hybrid score interval (1998) has limits for every count, none and all included.

    Parameters
    ----------
    control, treated
        Whether each patient of the arm responded, boolean, one-dimensional.
    level
        Confidence level, in (0, 1).

    Raises
    ------
    ModelValueError
        As `response_rate`.
    """
    from statsmodels.stats.proportion import confint_proportions_2indep

    without, given = checked_flags(control, "control"), checked_flags(treated, "treated")
    rates = [response_rate(flags, level=level) for flags in (given, without)]
    low, high = confint_proportions_2indep(
        int(given.sum()),
        len(given),
        int(without.sum()),
        len(without),
        method="newcomb",
        compare="diff",
        alpha=1.0 - level,
    )
    return RateDifference(
        treated=rates[0],
        control=rates[1],
        n_treated=len(given),
        n_control=len(without),
        difference=rates[0].share - rates[1].share,
        low=float(low),
        high=float(high),
        level=level,
    )


def checked_flags(values: ArrayLike, name: str) -> BoolArray:
    """Return values as a non-empty list of booleans.

    Raises
    ------
    ModelValueError
        If they are no such list.
    """
    flags = np.asarray(values)
    if flags.dtype != np.bool_ or flags.ndim != 1 or len(flags) == 0:
        msg = (
            f"{name} must be a non-empty list of booleans, got {flags.dtype} of shape "
            f"{flags.shape}. From categories write `np.isin(best, ['CR', 'PR'])`."
        )
        raise ModelValueError(msg)
    return flags
