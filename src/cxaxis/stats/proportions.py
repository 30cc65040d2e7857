"""Shares of a count with their exact intervals."""

from __future__ import annotations

from dataclasses import dataclass

from scipy.stats import beta

from cxaxis.core.errors import ModelValueError


@dataclass(frozen=True, kw_only=True)
class Proportion:
    """A share with its interval, dimensionless in [0, 1].

    Attributes
    ----------
    share
        Counted over all.
    low, high
        Limits.
    """

    share: float
    low: float
    high: float


def exact_proportion(count: int, n: int, *, level: float = 0.95) -> Proportion:
    """Return a share with its Clopper-Pearson interval.

    Parameters
    ----------
    count
        How many have the property, 0 to ``n``.
    n
        How many were looked at, positive.
    level
        Confidence level, in (0, 1).

    Raises
    ------
    ModelValueError
        If the count does not lie between 0 and ``n``, ``n`` is not positive, or the level is
        no level.
    """
    if n < 1 or not 0 <= count <= n:
        msg = f"a count must lie between 0 and a positive n, got {count} of {n}."
        raise ModelValueError(msg)
    if not 0.0 < level < 1.0:
        msg = f"level must lie strictly between 0 and 1, got {level!r}."
        raise ModelValueError(msg)
    tail = (1.0 - level) / 2.0
    low = 0.0 if count == 0 else float(beta.ppf(tail, count, n - count + 1))
    high = 1.0 if count == n else float(beta.ppf(1.0 - tail, count + 1, n - count))
    return Proportion(share=count / n, low=low, high=high)
