"""Number needed to treat from the marginal Kaplan-Meier curves of two arms at a landmark."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from cxaxis.core.arrays import BoolArray, FloatArray, IntArray
from cxaxis.core.errors import ModelValueError
from cxaxis.stats.bootstrap import paired_bootstrap
from cxaxis.stats.checks import checked_durations
from cxaxis.stats.survival import kaplan_meier


@dataclass(frozen=True, kw_only=True)
class NumberNeeded:
    """Patients to treat for one more to be event-free at a landmark.

    Attributes
    ----------
    landmark_day
        Day at which the curves are read.
    control, treated
        Event-free shares at the landmark, in [0, 1].
    difference, low_difference, high_difference
        Treated less control with its percentile bootstrap interval.
    needed, low, high
        The inverse of the size of the difference, and of its limits, smallest number first.
        ``None`` where the interval of the difference holds zero: the numbers would run through
        infinity, so that none is defined.
    harms
        Whether the numbers are patients treated for one more *event*; false if undefined.
    level
        Confidence level.
    """

    landmark_day: float
    control: float
    treated: float
    difference: float
    low_difference: float
    high_difference: float
    needed: float | None
    low: float | None
    high: float | None
    harms: bool
    level: float

    @property
    def is_defined(self) -> bool:
        """Whether the interval of the difference lies on one side of no effect."""
        return self.needed is not None

    def told(self) -> str:
        """Return the number in words, and where there is none, why."""
        shares = (
            f"{100 * self.difference:+.1f} points ({100 * self.low_difference:+.1f} to "
            f"{100 * self.high_difference:+.1f}) event-free at day {self.landmark_day:g}"
        )
        if self.needed is None or self.low is None or self.high is None:
            return f"undefined: the interval crosses no effect, {shares}"
        kind = "harm" if self.harms else "treat"
        number = f"{self.needed:.1f} ({self.low:.1f} to {self.high:.1f})"
        return f"number needed to {kind} {number}: {shares}"


def number_needed_to_treat(
    control_duration_day: ArrayLike,
    control_event: ArrayLike,
    treated_duration_day: ArrayLike,
    treated_event: ArrayLike,
    *,
    landmark_day: float,
    seed: int,
    purpose: str,
    n_boot: int = 1000,
    level: float = 0.95,
) -> NumberNeeded:
    """Return the number needed to treat at a landmark, for two allocated arms.

    The curves are marginal: over all patients of an arm, whatever their covariates. Patients of
    the trial are resampled together, each with the arm it was allocated to.

    Parameters
    ----------
    control_duration_day, treated_duration_day
        Follow-up of the patients of each arm, days, non-negative.
    control_event, treated_event
        Whether it ended with the event, boolean, one per duration.
    landmark_day
        Day at which the curves are read, positive, within the follow-up of both arms.
    seed, purpose
        Random stream of the bootstrap.
    n_boot
        Replicates, positive.
    level
        Confidence level, in (0, 1).

    Raises
    ------
    ModelValueError
        If the data are unusable, a curve is unknown at the landmark, or is in more than 5 % of
        the replicates.
    """
    sides = [
        checked_durations(control_duration_day, control_event),
        checked_durations(treated_duration_day, treated_event),
    ]
    if not (np.isfinite(landmark_day) and landmark_day > 0):
        msg = f"landmark_day must be positive, got {landmark_day!r}."
        raise ModelValueError(msg)
    control, treated = (_share_at(*side, landmark_day) for side in sides)
    duration = np.concatenate([days for days, _ in sides])
    happened = np.concatenate([flags for _, flags in sides])
    arm = np.repeat([False, True], [len(days) for days, _ in sides])

    def difference(rows: IntArray) -> float:
        given = arm[rows]
        return _survival_at(duration, happened, rows[given], landmark_day) - _survival_at(
            duration, happened, rows[~given], landmark_day
        )

    found = paired_bootstrap(
        difference, len(duration), n_boot=n_boot, seed=seed, purpose=purpose, level=level
    )
    defined = min(found.low, found.estimate) > 0 or max(found.high, found.estimate) < 0
    ends = sorted(1.0 / abs(end) for end in (found.low, found.high)) if defined else [None, None]
    return NumberNeeded(
        landmark_day=float(landmark_day),
        control=control,
        treated=treated,
        difference=found.estimate,
        low_difference=found.low,
        high_difference=found.high,
        needed=1.0 / abs(found.estimate) if defined else None,
        low=ends[0],
        high=ends[1],
        harms=defined and found.estimate < 0,
        level=level,
    )


def _share_at(duration: FloatArray, happened: BoolArray, day: float) -> float:
    share = float(kaplan_meier(duration, happened, times=[day]).survival[0])
    if np.isnan(share):
        msg = (
            f"landmark_day {day:g} lies beyond the last follow-up of an arm, day "
            f"{duration.max():g}; choose an earlier one."
        )
        raise ModelValueError(msg)
    return share


def _survival_at(
    duration: FloatArray, happened: BoolArray, rows: IntArray, landmark_day: float
) -> float:
    """Return the product limit at a day; not a number where it is unknown."""
    # The same estimate as `kaplan_meier`, from a library that is quick enough to resample.
    from scipy.stats import CensoredData, ecdf

    days, flags = duration[rows], happened[rows]
    if len(rows) == 0:
        return float("nan")
    curve = ecdf(CensoredData.right_censored(days, ~flags)).sf
    share = float(curve.evaluate([landmark_day])[0])
    return float("nan") if landmark_day > days.max() and curve.probabilities[-1] > 0 else share
