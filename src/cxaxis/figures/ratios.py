"""Hazard ratios drawn: forest, against the causal share, and over prior draws."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.ticker import FixedFormatter, FixedLocator, MaxNLocator, NullLocator
from numpy.typing import ArrayLike

from cxaxis.core.errors import ModelValueError
from cxaxis.figures.style import (
    ARM_COLOURS,
    BAND_ALPHA,
    CONTROL_COLOUR,
    INK,
    MUTED,
    ArmStyle,
    house_style,
    light_grid,
    new_axes,
    require_columns,
)

_TICKS = (0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 0.7, 1.0, 1.4, 2.0, 5.0, 10.0, 20.0, 50.0, 100.0)
_FINE_TICKS = (0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 1.0, 1.2, 1.4, 1.7, 2.0, 2.5, 3.0)
_FINEST_TICKS = (0.6, 0.7, 0.8, 0.9, 1.0, 1.1, 1.2, 1.3, 1.5)


@dataclass(frozen=True, kw_only=True)
class ForestRow:
    """One line of a forest plot.

    Attributes
    ----------
    label
        What is compared.
    hr, low, high
        Hazard ratio with its limits, positive; all ``None`` where there is no estimate.
    colour
        Colour of the mark.
    heading
        Whether the row is only the name of the group below it.
    digits
        Decimals of the numbers beside the mark.
    """

    label: str
    hr: float | None = None
    low: float | None = None
    high: float | None = None
    colour: str = INK
    heading: bool = False
    digits: int = 2


def forest(
    rows: Sequence[ForestRow],
    *,
    x_label: str = "Hazard ratio against control",
    axes: Axes | None = None,
) -> Axes:
    """Draw hazard ratios with their limits, first row on top, numbers on the right.

    Parameters
    ----------
    rows
        At least one row.
    x_label
        Name of the ratio without unit.
    axes
        Axes to draw into; by default those of a new figure.

    Raises
    ------
    ModelValueError
        If there is no row, or a ratio or limit is not positive.
    """
    if not rows:
        msg = "a forest plot needs at least one row."
        raise ModelValueError(msg)
    with house_style():
        axes = axes or new_axes(height_inch=0.95 + 0.28 * len(rows))
        bounds = [1.0]
        for height, row in enumerate(reversed(rows)):
            if row.heading:
                axes.text(
                    0.0,
                    height,
                    row.label,
                    transform=axes.get_yaxis_transform(),
                    va="center",
                    bbox={"facecolor": "white", "edgecolor": "none", "pad": 1.5},
                )
                continue
            numbers = "no estimate"
            if row.hr is not None and row.low is not None and row.high is not None:
                _require_positive([row.hr, row.low, row.high])
                axes.plot([row.low, row.high], [height, height], color=row.colour, linewidth=1.5)
                axes.plot(row.hr, height, marker="s", markersize=6, color=row.colour)
                numbers = (
                    f"{row.hr:.{row.digits}f} ({row.low:.{row.digits}f}–{row.high:.{row.digits}f})"
                )
                bounds += [row.low, row.high]
            axes.text(
                1.02,
                height,
                numbers,
                transform=axes.get_yaxis_transform(),
                va="center",
                fontsize=9,
            )
        axes.axvline(1.0, color=INK, linewidth=0.8, linestyle=(0, (2, 2)), zorder=0)
        names = ["" if row.heading else row.label for row in reversed(rows)]
        axes.set_yticks(range(len(rows)), names)
        axes.tick_params(axis="y", length=0)
        axes.spines["left"].set_visible(False)
        axes.set_ylim(-0.6, len(rows) - 0.4)
        axes.set_xscale("log")
        axes.set_xlim(*_ratio_limits(bounds))
        _ratio_ticks(axes.xaxis, *axes.get_xlim())
        axes.set_xlabel(f"{x_label} (no unit, log scale)")
        light_grid(axes, axis="x")
    return axes


def hazard_ratio_against_phi(
    table: pd.DataFrame, arms: Sequence[ArmStyle], *, axes: Axes | None = None
) -> Axes:
    """Draw the death-rate ratio of every arm as a function of the causal share.

    Parameters
    ----------
    table
        ``arm``, ``phi`` (causal share, 0 to 1), ``hr_os``, ``low``, ``high``.
    arms
        Arms to draw; one without rows (control) is left out.
    axes
        Axes to draw into; by default those of a new figure.

    Raises
    ------
    ModelValueError
        If a column is missing, there is no row, or a ratio or limit is not positive.
    """
    require_columns(list(table.columns), ["arm", "phi", "hr_os", "low", "high"], "phi")
    known = table.dropna(subset=["hr_os", "low", "high"])
    if known.empty:
        msg = "table 'phi' has no row with a hazard ratio."
        raise ModelValueError(msg)
    _require_positive(known[["hr_os", "low", "high"]].to_numpy().ravel())
    with house_style():
        axes = axes or new_axes(height_inch=3.2)
        for arm in arms:
            mine = known[known["arm"] == arm.arm].sort_values("phi")
            if mine.empty:
                continue
            share = mine["phi"].to_numpy(dtype=np.float64)
            axes.fill_between(
                share, mine["low"], mine["high"], color=arm.colour, alpha=BAND_ALPHA, linewidth=0
            )
            axes.plot(
                share,
                mine["hr_os"],
                color=arm.colour,
                linestyle=arm.dashes,
                marker="o",
                markersize=3.5,
                label=arm.label,
            )
        axes.axhline(1.0, color=INK, linewidth=0.8, linestyle=(0, (2, 2)), zorder=0)
        axes.set_xlim(0, 1)
        axes.set_yscale("log")
        axes.set_ylim(*_ratio_limits([1.0, known["low"].min(), known["high"].max()]))
        _ratio_ticks(axes.yaxis, *axes.get_ylim())
        axes.set_xlabel("Causal share φ of the CXCR4 hazard (no unit)")
        axes.set_ylabel("Death-rate ratio\nagainst control (no unit, log scale)")
        light_grid(axes)
        axes.legend(loc="lower left", bbox_to_anchor=(0.0, 1.0), ncols=1, borderaxespad=0.2)
    return axes


def prior_predictive_histogram(
    hazard_ratio: ArrayLike, *, label: str = "", axes: Axes | None = None
) -> Axes:
    """Draw the death-rate ratios of prior draws, those above 1 (harm) apart.

    Parameters
    ----------
    hazard_ratio
        One ratio per draw, shape ``(n_draw,)``, positive.
    label
        Arm the draws belong to, shown above the axes.
    axes
        Axes to draw into; by default those of a new figure.

    Raises
    ------
    ModelValueError
        If there is no draw or a ratio is not positive.
    """
    draws = np.asarray(hazard_ratio, dtype=np.float64)
    if draws.ndim != 1 or len(draws) == 0:
        msg = f"hazard_ratio must be a non-empty list, got shape {draws.shape}."
        raise ModelValueError(msg)
    _require_positive(draws)
    with house_style():
        axes = axes or new_axes(height_inch=3.0)
        low, high = _ratio_limits([1.0, draws.min(), draws.max()])
        width = math.log(high / low) / 30
        # Edges on a grid through 1, so that no bar mixes benefit and harm.
        edges = np.exp(
            width
            * np.arange(math.floor(math.log(low) / width), math.ceil(math.log(high) / width) + 1)
        )
        edges[np.argmin(np.abs(edges - 1.0))] = 1.0
        for chosen, colour, name in (
            (
                draws[draws <= 1.0],
                CONTROL_COLOUR,
                f"at or below 1: {int(np.sum(draws <= 1.0))} draws",
            ),
            (
                draws[draws > 1.0],
                ARM_COLOURS[1],
                f"above 1 (harm): {int(np.sum(draws > 1.0))} draws",
            ),
        ):
            axes.hist(chosen, bins=list(edges), color=colour, alpha=0.75, label=name)
        axes.axvline(1.0, color=INK, linewidth=0.8, linestyle=(0, (2, 2)))
        axes.axvline(float(np.median(draws)), color=MUTED, linewidth=1.2, label="median")
        axes.set_xscale("log")
        axes.set_xlim(low, high)
        _ratio_ticks(axes.xaxis, low, high)
        axes.set_xlabel("Death-rate ratio against control (no unit, log scale)")
        axes.set_ylabel("Prior draws (count)")
        axes.yaxis.set_major_locator(MaxNLocator(integer=True))
        axes.legend(
            loc="lower left",
            bbox_to_anchor=(0.0, 1.0),
            borderaxespad=0.2,
            title=label or None,
            alignment="left",
        )
    return axes


def _require_positive(values: ArrayLike) -> None:
    numbers = np.asarray(values, dtype=np.float64)
    if not np.all(numbers > 0) or not np.all(np.isfinite(numbers)):
        msg = "hazard ratios and their limits must be positive and finite."
        raise ModelValueError(msg)


def _ratio_limits(bounds: Sequence[float]) -> tuple[float, float]:
    # At least 0.8 to 1.25, so that noise near 1 does not look like an effect.
    margin = 1.08
    return min(0.8, min(bounds) / margin), max(1.25, max(bounds) * margin)


def _ratio_ticks(axis: Axis, low: float, high: float) -> None:
    span = high / low
    grid = _FINEST_TICKS if span < 1.7 else _FINE_TICKS if span < 4 else _TICKS
    ticks = [tick for tick in grid if low <= tick <= high]
    axis.set_major_locator(FixedLocator(ticks))
    axis.set_major_formatter(FixedFormatter([f"{tick:g}" for tick in ticks]))
    axis.set_minor_locator(NullLocator())
