"""Percentile intervals from resampled patients.

A virtual patient appears in the counterfactual pool once under every arm. The unit that is
resampled is therefore the patient with all arms together; resampling rows would treat
twins as strangers and give an interval that is far too wide or has no meaning.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from cxaxis.core.arrays import BoolArray, FloatArray, IntArray
from cxaxis.core.errors import ModelValueError
from cxaxis.core.streams import rng_for
from cxaxis.stats.survival import HazardRatio


@dataclass(frozen=True, kw_only=True)
class BootstrapInterval:
    """An estimate with its percentile interval.

    Attributes
    ----------
    estimate
        The statistic of all patients, each once.
    low, high
        Percentile limits, in the unit of the statistic.
    n_boot
        Replicates drawn.
    n_undefined
        Replicates left out because the statistic was not a number there.
    """

    estimate: float
    low: float
    high: float
    n_boot: int
    n_undefined: int


def resampled_patients(n_patient: int, *, n_boot: int, seed: int, purpose: str) -> IntArray:
    """Return patient indices drawn with replacement, shape ``(n_boot, n_patient)``.

    Raises
    ------
    ModelValueError
        If there is no patient or no replicate.
    """
    if n_patient < 1 or n_boot < 1:
        msg = f"a bootstrap needs patients and replicates, got {n_patient} and {n_boot}."
        raise ModelValueError(msg)
    rng = rng_for(seed, "bootstrap", purpose)
    return rng.integers(0, n_patient, size=(n_boot, n_patient), dtype=np.int64)


def paired_bootstrap(
    statistic: Callable[[IntArray], float],
    n_patient: int,
    *,
    n_boot: int,
    seed: int,
    purpose: str,
    level: float = 0.95,
) -> BootstrapInterval:
    """Resample patients and return the percentile interval of a statistic.

    Parameters
    ----------
    statistic
        Takes patient indices (with repeats) and returns a number computed from the rows of
        those patients in every arm; not a number where it is undefined.
    n_patient
        Number of patients.
    n_boot
        Number of replicates, positive.
    seed, purpose
        Random stream; another purpose gives independent draws.
    level
        Share of replicates inside the interval, in (0, 1).

    Raises
    ------
    ModelValueError
        If the statistic is undefined in more than 5 % of replicates: a percentile of the
        rest would be biased.
    """
    draws = resampled_patients(n_patient, n_boot=n_boot, seed=seed, purpose=purpose)
    replicates = np.array([statistic(draw) for draw in draws], dtype=np.float64)
    return _interval(float(statistic(np.arange(n_patient))), replicates, level)


def counted_bootstrap(
    estimate: float,
    statistic: Callable[[FloatArray], FloatArray],
    n_patient: int,
    *,
    n_boot: int,
    seed: int,
    purpose: str,
    level: float = 0.95,
) -> BootstrapInterval:
    """Return the interval of `paired_bootstrap` for a statistic of all replicates at once.

    Parameters
    ----------
    estimate
        The statistic of all patients, each once.
    statistic
        Takes how often each patient counts in each replicate, whole numbers of shape
        ``(n_boot, n_patient)``, and returns one number per replicate; not a number where it is
        undefined.
    n_patient, n_boot, seed, purpose, level
        As `paired_bootstrap` has them; the patients drawn are the same.

    Raises
    ------
    ModelValueError
        If the statistic is undefined in more than 5 % of replicates.
    """
    draws = resampled_patients(n_patient, n_boot=n_boot, seed=seed, purpose=purpose)
    replicates = statistic(_copies(draws).astype(np.float64))
    return _interval(estimate, replicates, level)


def pool_rate_ratio(
    control_duration_day: ArrayLike,
    control_event: ArrayLike,
    treated_duration_day: ArrayLike,
    treated_event: ArrayLike,
    *,
    n_boot: int = 1000,
    seed: int,
    purpose: str,
    level: float = 0.95,
) -> HazardRatio | None:
    """Return the counterfactual event-rate ratio of a pool with its paired bootstrap interval.

    Row ``i`` of the control arrays and row ``i`` of the treated arrays are the same virtual
    patient under the two arms. The ratio is events per person-time, treated over control: the
    hazard ratio if hazards are constant, and an average of it if not. A Cox ratio is not used
    here: it sees ranks alone, so that twins whose deaths differ by minutes would give a ratio
    below one by half the inverse of the number of patients.

    Parameters
    ----------
    control_duration_day, treated_duration_day
        Time to event or end of follow-up, shape ``(n_patient,)``, days.
    control_event, treated_event
        Whether it was the event, boolean, shape ``(n_patient,)``.
    n_boot
        Number of replicates, positive.
    seed, purpose
        Random stream; use the arm id and end point as purpose.
    level
        Share of replicates inside the interval, in (0, 1).

    Returns
    -------
    The ratio and its limits, or ``None`` when either arm has no event, or has none in more
    than 5 % of the replicates.

    Raises
    ------
    ModelValueError
        If shapes differ or events are not boolean.
    """
    duration = _stacked(control_duration_day, treated_duration_day)
    event = _stacked_events(control_event, treated_event)
    if duration.shape != event.shape:
        msg = f"durations have shape {duration.shape}, events {event.shape}; one per patient."
        raise ModelValueError(msg)
    n_patient = len(duration) // 2
    estimate = float(log_rate_ratios(duration, event, np.ones((1, n_patient)))[0])
    if not np.isfinite(estimate):
        return None
    draws = resampled_patients(n_patient, n_boot=n_boot, seed=seed, purpose=purpose)
    try:
        interval = _interval(estimate, log_rate_ratios(duration, event, _copies(draws)), level)
    except ModelValueError:
        return None
    return HazardRatio(
        hr=float(np.exp(estimate)),
        low=float(np.exp(interval.low)),
        high=float(np.exp(interval.high)),
    )


def log_rate_ratios(duration_day: FloatArray, event: BoolArray, weights: ArrayLike) -> FloatArray:
    """Return the log ratio of event rates, treated over control, for weighted copies of a pool.

    Parameters
    ----------
    duration_day, event
        Control patients first, then the same patients treated, shape ``(2 * n_patient,)``.
    weights
        How often each patient counts in each replicate, shape ``(n_replicate, n_patient)``.

    Returns
    -------
    Shape ``(n_replicate,)``; not a number where an arm has no event. Equal arms give exactly 0.
    """
    times = np.asarray(weights, dtype=np.float64)
    n = times.shape[1]
    deaths = times @ np.column_stack([event[:n], event[n:]]).astype(np.float64)
    follow_up = times @ np.column_stack([duration_day[:n], duration_day[n:]])
    with np.errstate(divide="ignore", invalid="ignore"):
        log_rate = np.log(deaths) - np.log(follow_up)
        ratio = log_rate[:, 1] - log_rate[:, 0]
    return np.where(np.isfinite(ratio), ratio, np.nan)


def _interval(estimate: float, replicates: FloatArray, level: float) -> BootstrapInterval:
    if not 0.0 < level < 1.0:
        msg = f"level must lie strictly between 0 and 1, got {level!r}."
        raise ModelValueError(msg)
    defined = replicates[np.isfinite(replicates)]
    undefined = len(replicates) - len(defined)
    if undefined > 0.05 * len(replicates):
        msg = (
            f"the statistic is undefined in {undefined} of {len(replicates)} replicates; "
            "a percentile of the rest would be biased. Use more patients or longer follow-up."
        )
        raise ModelValueError(msg)
    low, high = np.quantile(defined, [0.5 - level / 2.0, 0.5 + level / 2.0])
    return BootstrapInterval(
        estimate=estimate,
        low=float(low),
        high=float(high),
        n_boot=len(replicates),
        n_undefined=undefined,
    )


def _copies(draws: IntArray) -> IntArray:
    """Return how often each patient was drawn, shape ``(n_replicate, n_patient)``."""
    n_replicate, n_patient = draws.shape
    offset = np.arange(n_replicate)[:, np.newaxis] * n_patient
    counts = np.bincount((draws + offset).ravel(), minlength=n_replicate * n_patient)
    return counts.reshape(n_replicate, n_patient)


def _stacked(control: ArrayLike, treated: ArrayLike) -> FloatArray:
    first, second = (np.asarray(side, dtype=np.float64) for side in (control, treated))
    if first.ndim != 1 or first.shape != second.shape or len(first) == 0:
        msg = (
            f"the arms hold the same patients in the same order, got shapes {first.shape} and "
            f"{second.shape}."
        )
        raise ModelValueError(msg)
    return np.concatenate([first, second])


def _stacked_events(control: ArrayLike, treated: ArrayLike) -> BoolArray:
    first, second = np.asarray(control), np.asarray(treated)
    if first.dtype != np.bool_ or second.dtype != np.bool_:
        msg = f"events must be boolean, got {first.dtype} and {second.dtype}."
        raise ModelValueError(msg)
    return np.concatenate([first, second])
