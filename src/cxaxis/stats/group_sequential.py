"""Boundaries of group-sequential tests: what may be looked at early, at which price.

The statistics at the looks are normal with the correlation of a process with independent
increments. The integration over the looks is that of `gsdesign`; the roots are found by scipy.

References: Armitage, McPherson and Rowe (1969); Lan and DeMets (1983); Jennison and Turnbull
(2000).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal, TypeAlias

import numpy as np
from numpy.typing import ArrayLike
from scipy.optimize import brentq
from scipy.special import ndtr, ndtri

from cxaxis.core.arrays import FloatArray
from cxaxis.core.errors import ModelValueError

Spending = Literal["obrien_fleming", "pocock"]
#: Points, weights and densities of the statistic where the trial goes on.
_Grid: TypeAlias = tuple[FloatArray, FloatArray, FloatArray]

#: Fineness of the integration grid; what is crossed is what was spent to eight decimals.
_GRID: Final = 18
#: Beyond it a boundary is never crossed: the chance is below 1e-15.
FARTHEST_Z: Final = 8.0


@dataclass(frozen=True, kw_only=True)
class Boundaries:
    """Boundaries of the standardised statistic at each look, the final one last.

    Attributes
    ----------
    fractions
        Information at each look as a share of that at the final one.
    z
        Critical values, positive; a two-sided test stops beyond ``z`` or below ``-z``.
    alpha_spent
        Cumulative chance under the null to have crossed, both sides together if there are two.
    """

    fractions: tuple[float, ...]
    z: tuple[float, ...]
    alpha_spent: tuple[float, ...]

    @property
    def nominal_p(self) -> tuple[float, ...]:
        """One-sided p-value at each boundary."""
        return tuple(float(ndtr(-value)) for value in self.z)


def alpha_spent(
    fraction: ArrayLike, *, alpha: float, spending: Spending = "obrien_fleming", sides: int = 2
) -> FloatArray:
    """Return how much of alpha may be spent up to a share of the information.

    Parameters
    ----------
    fraction
        Share of the final information, at least 0; all is spent from 1 on.
    alpha
        Chance of a false rejection over the whole trial, in (0, 1), both sides together if there
        are two.
    spending
        The spending function of Lan and DeMets that resembles the boundary of O'Brien and Fleming,
        ``2 (1 - Phi(z / sqrt(t)))``, or of Pocock, ``alpha ln(1 + (e - 1) t)``.
    sides
        1 or 2; with two, each side spends half of alpha.

    Returns
    -------
    Cumulative alpha, same shape as ``fraction``.

    Raises
    ------
    ModelValueError
        If a number lies outside its range.
    """
    share = np.clip(np.asarray(fraction, dtype=float), 0.0, 1.0)
    side = alpha / _checked(alpha, sides)
    if spending == "pocock":
        spent = side * np.log1p((np.e - 1.0) * share)
    else:
        with np.errstate(divide="ignore"):
            spent = 2.0 * ndtr(ndtri(side / 2.0) / np.sqrt(share))
    return np.asarray(sides * spent, dtype=float)


def spending_boundaries(
    fractions: Sequence[float],
    *,
    alpha: float,
    spending: Spending = "obrien_fleming",
    sides: int = 2,
    spent: Sequence[float] | None = None,
) -> Boundaries:
    """Return the boundaries that spend alpha as a function says.

    Parameters
    ----------
    fractions
        Information at each look as a share of that at the last one: increasing, in (0, 1], and
        the last is 1.
    alpha, spending, sides
        See `alpha_spent`.
    spent
        Cumulative alpha at each look, in place of that function at ``fractions``; for a trial
        whose looks were planned at other shares than came. Never above ``alpha``.

    Raises
    ------
    ModelValueError
        If a number lies outside its range.
    """
    information = _checked_fractions(fractions)
    allowed = np.asarray(
        alpha_spent(information, alpha=alpha, spending=spending, sides=sides)
        if spent is None
        else spent,
        dtype=float,
    )
    if allowed.shape != information.shape or np.any(allowed > alpha * (1.0 + 1e-9)):
        msg = f"spent must hold {len(information)} numbers of at most alpha {alpha:g}."
        raise ModelValueError(msg)
    bounds: list[float] = []
    grid: _Grid | None = None
    for look, total in enumerate(allowed):
        increment = float(total - (allowed[look - 1] if look else 0.0))
        bounds.append(_bound(information, grid, increment, look, sides))
        if look < len(allowed) - 1:
            grid = _grid_at(information, grid, bounds[-1], look, sides, 0.0)
    return Boundaries(
        fractions=tuple(information.tolist()),
        z=tuple(bounds),
        alpha_spent=tuple(allowed.tolist()),
    )


def crossing_probabilities(
    fractions: Sequence[float],
    z: Sequence[float],
    *,
    sides: int = 2,
    drift: float = 0.0,
) -> FloatArray:
    """Return the chance to cross for the first time at each look.

    Parameters
    ----------
    fractions
        See `spending_boundaries`.
    z
        Critical value at each look.
    sides
        1 or 2.
    drift
        Expected statistic at the last look; 0 under the null. A log hazard ratio at 1:1 has
        ``-log(hr) sqrt(events) / 2``.

    Returns
    -------
    Chances, one for each look; their sum is the power, or the size under the null.

    Raises
    ------
    ModelValueError
        If a number lies outside its range.
    """
    information = _checked_fractions(fractions)
    _checked(0.5, sides)
    if len(z) != len(information):
        msg = f"z must hold {len(information)} numbers, one for each look, got {len(z)}."
        raise ModelValueError(msg)
    found = []
    before: _Grid | None = None
    for look, bound in enumerate(z):
        crossed = _beyond(information, before, bound, look, drift)
        if sides == 2:
            crossed += _below(information, before, -bound, look, drift)
        found.append(crossed)
        before = _grid_at(information, before, bound, look, sides, drift)
    return np.array(found)


def _bound(
    information: FloatArray, before: _Grid | None, increment: float, look: int, sides: int
) -> float:
    """Return the critical value of a look that spends ``increment`` more under the null."""

    def excess(z: float) -> float:
        # Without drift both sides are alike.
        return sides * _beyond(information, before, z, look, 0.0) - increment

    if excess(FARTHEST_Z) >= 0.0:
        return FARTHEST_Z
    return float(brentq(excess, -FARTHEST_Z if sides == 1 else 0.0, FARTHEST_Z, xtol=1e-10))


def _grid_at(
    information: FloatArray,
    before: _Grid | None,
    bound: float,
    look: int,
    sides: int,
    drift: float,
) -> _Grid:
    """Return the density of the statistic at a look where neither it nor one before crossed."""
    from gsdesign import h1, hupdate

    low = -bound if sides == 2 else -np.inf
    here = information[look]
    grid: _Grid
    if before is None:
        grid = h1(_GRID, drift, here, low, bound)
    else:
        grid = hupdate(_GRID, drift, here, low, bound, drift, information[look - 1], before)
    return grid


def _beyond(
    information: FloatArray, before: _Grid | None, bound: float, look: int, drift: float
) -> float:
    """Return the chance to be above a bound at a look and not to have crossed before."""
    here = information[look]
    if before is None:
        return float(ndtr(drift * np.sqrt(here) - bound))
    points, _, density = before
    previous = information[look - 1]
    step = here - previous
    reached = points * np.sqrt(previous) + drift * step - bound * np.sqrt(here)
    return float(density @ ndtr(reached / np.sqrt(step)))


def _below(
    information: FloatArray, before: _Grid | None, bound: float, look: int, drift: float
) -> float:
    """Return the chance to be below a bound at a look and not to have crossed before."""
    mirrored = None if before is None else (-before[0], before[1], before[2])
    return _beyond(information, mirrored, -bound, look, -drift)


def _checked(alpha: float, sides: int) -> int:
    if not 0.0 < alpha < 1.0:
        msg = f"alpha must lie in (0, 1), got {alpha!r}."
        raise ModelValueError(msg)
    if sides not in (1, 2):
        msg = f"sides must be 1 or 2, got {sides!r}."
        raise ModelValueError(msg)
    return sides


def _checked_fractions(fractions: Sequence[float]) -> FloatArray:
    information = np.asarray(fractions, dtype=float)
    rising = information.ndim == 1 and len(information) > 0 and bool((information > 0).all())
    if not rising or np.any(np.diff(information) <= 0) or abs(information[-1] - 1.0) > 1e-12:
        msg = f"fractions must rise within (0, 1] and end at 1, got {list(fractions)}."
        raise ModelValueError(msg)
    return information
