"""One study's log hazard ratio with its standard error, and how to come by them.

The rules for a study that prints no interval are those of Parmar (1998) and Tierney (2007):
the log-rank statistic has the variance ``V = events x share_high x share_low``, the log hazard
ratio is ``z / sqrt(V)`` and its standard error ``1 / sqrt(V)``.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from statistics import NormalDist
from typing import Final

from cxaxis.core.errors import ModelValueError

_STANDARD_NORMAL: Final = NormalDist()


@dataclass(frozen=True, kw_only=True)
class StudyEffect:
    """The effect that one study found.

    Attributes
    ----------
    label
        Names the study; unique among the studies pooled together.
    log_ratio
        Natural logarithm of the hazard ratio, marker high against low; positive is adverse.
    se
        Standard error of `log_ratio`, positive.
    """

    label: str
    log_ratio: float
    se: float

    def __post_init__(self) -> None:
        if not (math.isfinite(self.log_ratio) and math.isfinite(self.se) and self.se > 0):
            msg = (
                f"{self.label}: a study needs a finite log ratio and a positive standard error, "
                f"got {self.log_ratio!r} and {self.se!r}."
            )
            raise ModelValueError(msg)

    @property
    def ratio(self) -> float:
        """The hazard ratio."""
        return math.exp(self.log_ratio)

    def limits(self, level: float = 0.95) -> tuple[float, float]:
        """Return the limits of the hazard ratio at a confidence level in (0, 1)."""
        reach = normal_quantile(level) * self.se
        return math.exp(self.log_ratio - reach), math.exp(self.log_ratio + reach)

    def inverted(self) -> StudyEffect:
        """Return the study with its comparison turned round: low against high."""
        return replace(self, log_ratio=-self.log_ratio)


@dataclass(frozen=True, kw_only=True)
class PublishedPool:
    """A pooled hazard ratio as printed, whose study table is not at hand.

    Attributes
    ----------
    label
        Names the publication.
    ratio, low, high
        Hazard ratio and 95 % limits.
    n_study
        Studies pooled.
    """

    label: str
    ratio: float
    low: float
    high: float
    n_study: int

    def __post_init__(self) -> None:
        if not 0.0 < self.low < self.ratio < self.high < math.inf or self.n_study < 1:
            msg = (
                f"{self.label}: need 0 < low < ratio < high and a study, got {self.low!r}, "
                f"{self.ratio!r}, {self.high!r} of {self.n_study!r}."
            )
            raise ModelValueError(msg)

    @property
    def study_se(self) -> float:
        """Standard error of one study, were all of one size: that of the pool times sqrt(k)."""
        return (
            math.log(self.high / self.low) / (2.0 * normal_quantile(0.95)) * math.sqrt(self.n_study)
        )


def normal_quantile(level: float) -> float:
    """Return how many standard errors a two-sided interval reaches to each side.

    Raises
    ------
    ModelValueError
        If ``level`` is not in (0, 1).
    """
    if not 0.0 < level < 1.0:
        msg = f"level must lie strictly between 0 and 1, got {level!r}."
        raise ModelValueError(msg)
    return _STANDARD_NORMAL.inv_cdf(0.5 + level / 2.0)


def effect_from_interval(
    label: str, *, ratio: float, low: float, high: float, level: float = 0.95
) -> StudyEffect:
    """Return the effect behind a printed hazard ratio and its interval.

    Parameters
    ----------
    label
        Names the study.
    ratio, low, high
        Hazard ratio and limits, ``0 < low <= ratio <= high`` and ``low < high``.
    level
        Confidence level of the interval.

    Raises
    ------
    ModelValueError
        If the three do not stand in that order.
    """
    if not 0.0 < low <= ratio <= high < math.inf or low == high:
        msg = f"{label}: need 0 < low <= ratio <= high, got {low!r}, {ratio!r}, {high!r}."
        raise ModelValueError(msg)
    se = math.log(high / low) / (2.0 * normal_quantile(level))
    return StudyEffect(label=label, log_ratio=math.log(ratio), se=se)


def effect_from_p_value(
    label: str, *, p_value: float, events: float, share_high: float, adverse: bool
) -> StudyEffect:
    """Return the effect behind the two-sided P value of a log-rank or Cox test.

    Parameters
    ----------
    label
        Names the study.
    p_value
        Two-sided, in (0, 1). Where a study prints only that P lies below a number, that number
        gives the smallest effect that fits.
    events
        Events in both groups together, positive.
    share_high
        Share of the patients whose marker is high, in (0, 1).
    adverse
        Whether the group with the high marker fared worse.

    Raises
    ------
    ModelValueError
        If a number lies outside its range.
    """
    if not 0.0 < p_value < 1.0:
        msg = f"{label}: p_value must lie strictly between 0 and 1, got {p_value!r}."
        raise ModelValueError(msg)
    se = standard_error_from_events(label, events=events, share_high=share_high)
    size = _STANDARD_NORMAL.inv_cdf(1.0 - p_value / 2.0) * se
    return StudyEffect(label=label, log_ratio=size if adverse else -size, se=se)


def standard_error_from_events(label: str, *, events: float, share_high: float) -> float:
    """Return the standard error of a log hazard ratio near 1 from the number of events.

    Raises
    ------
    ModelValueError
        If ``events`` is not positive or ``share_high`` not in (0, 1).
    """
    if not (events > 0 and math.isfinite(events)) or not 0.0 < share_high < 1.0:
        msg = (
            f"{label}: events must be positive and share_high strictly between 0 and 1, "
            f"got {events!r} and {share_high!r}."
        )
        raise ModelValueError(msg)
    return 1.0 / math.sqrt(events * share_high * (1.0 - share_high))


def events_behind(se: float, *, share_high: float) -> float:
    """Return how many events carry a standard error: the inverse of the rule above.

    Raises
    ------
    ModelValueError
        If ``se`` is not positive or ``share_high`` not in (0, 1).
    """
    if not (se > 0 and math.isfinite(se)) or not 0.0 < share_high < 1.0:
        msg = (
            "se must be positive and share_high strictly between 0 and 1, "
            f"got {se!r} and {share_high!r}."
        )
        raise ModelValueError(msg)
    return 1.0 / (se**2 * share_high * (1.0 - share_high))
