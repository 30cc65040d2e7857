"""A meta-analysis drawn: its studies and pools as a forest, its small studies as a funnel."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Polygon
from matplotlib.ticker import FixedFormatter, FixedLocator, NullLocator
from matplotlib.transforms import blended_transform_factory
from numpy.typing import ArrayLike

from cxaxis.core.errors import ModelValueError
from cxaxis.figures.style import (
    BAND_ALPHA,
    CONTROL_COLOUR,
    INK,
    MUTED,
    RULE,
    house_style,
    light_grid,
    new_axes,
)

_TICKS = (0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 20.0)
_FINE_TICKS = (0.3, 0.5, 0.7, 1.0, 1.5, 2.0, 3.0, 5.0)
_FINE_SPAN = 12.0
_ROW_INCH = 0.25
_WIDTH_INCH = 10.2
# Left edges of the text columns, as shares of the width of the figure.
_LABEL_AT, _N_AT, _CUT_OFF_AT = 0.012, 0.265, 0.285
_PLOT_AT, _PLOT_TO = 0.58, 0.795
_RATIO_AT, _WEIGHT_AT = 0.805, 0.988


@dataclass(frozen=True, kw_only=True)
class ForestLine:
    """One study or one pool.

    Attributes
    ----------
    label
        Study, or what the pool is.
    hr, low, high
        Hazard ratio with its limits, positive; all ``None`` where no interval was found.
    instead
        What stands in place of the numbers where no interval was found.
    n
        Patients, None where not known.
    cut_off
        What counted as high; empty for a pool.
    weight
        Share in the pool, in [0, 1]; None for what is not pooled.
    diamond
        Whether the line is a pool.
    muted
        Whether the numbers are assumed or not pooled, and drawn in grey.
    """

    label: str
    hr: float | None = None
    low: float | None = None
    high: float | None = None
    instead: str = "no interval found"
    n: int | None = None
    cut_off: str = ""
    weight: float | None = None
    diamond: bool = False
    muted: bool = False


@dataclass(frozen=True, kw_only=True)
class ForestSection:
    """Lines under one heading, set off from the next by a rule.

    Attributes
    ----------
    title
        What the lines have in common.
    lines
        At least one.
    """

    title: str
    lines: Sequence[ForestLine]


def meta_analysis_forest(
    sections: Sequence[ForestSection], *, x_label: str = "Hazard ratio, marker high against low"
) -> Axes:
    """Draw studies and pools under their headings, with n, cut-off, numbers and weight.

    Parameters
    ----------
    sections
        At least one, none empty, first on top.
    x_label
        Name of the ratio without unit.

    Raises
    ------
    ModelValueError
        If a section is empty, or a ratio or limit is not positive.
    """
    if not sections or not all(section.lines for section in sections):
        msg = "a forest plot needs sections with at least one line each."
        raise ModelValueError(msg)
    n_row = sum(len(section.lines) + 1 for section in sections) + 1
    height_inch = 0.75 + _ROW_INCH * n_row
    with house_style():
        figure = Figure(figsize=(_WIDTH_INCH, height_inch))
        bottom = 0.62 / height_inch
        axes = figure.add_axes(
            (_PLOT_AT, bottom, _PLOT_TO - _PLOT_AT, _ROW_INCH * n_row / height_inch)
        )
        axes.set_ylim(0, n_row)
        _write_row(axes, n_row - 0.5, ("Study", "n", "High means", "HR (95 %)", "Weight"), MUTED)
        axes.plot(*_across(n_row - 1), color=INK, linewidth=0.8, **_in_figure(axes))
        bounds = [1.0]
        height = float(n_row - 1)
        for section in sections:
            height -= 1
            if section is not sections[0]:
                axes.plot(*_across(height + 1), color=RULE, linewidth=0.8, **_in_figure(axes))
            axes.text(
                _LABEL_AT,
                height + 0.5,
                section.title,
                va="center",
                weight="bold",
                # A long heading runs across the plot and its lines.
                bbox={"facecolor": "white", "edgecolor": "none", "pad": 1.0},
                **_in_figure(axes),
            )
            for line in section.lines:
                height -= 1
                bounds += _draw_line(axes, height + 0.5, line)
        axes.axvline(1.0, color=INK, linewidth=0.8, linestyle=(0, (2, 2)), zorder=0)
        low, high = min(0.8, min(bounds) / 1.1), max(1.25, max(bounds) * 1.1)
        _ratio_axis(axes, low, high)
        axes.set_xlabel(f"{x_label} (no unit, log scale)")
        axes.set_yticks([])
        axes.spines["left"].set_visible(False)
        light_grid(axes, axis="x")
    return axes


def funnel(
    hazard_ratio: ArrayLike,
    standard_error: ArrayLike,
    *,
    centre: float,
    labels: Sequence[str] = (),
    axes: Axes | None = None,
) -> Axes:
    """Draw the studies by size, with the region where 95 % should lie about a common effect.

    Parameters
    ----------
    hazard_ratio
        One per study, shape ``(n_study,)``, positive.
    standard_error
        Of the log hazard ratio, same shape, positive.
    centre
        Pooled hazard ratio, positive.
    labels
        Names beside the points; none by default.
    axes
        Axes to draw into; by default those of a new figure.

    Raises
    ------
    ModelValueError
        If there is no study, the shapes differ, or a number is not positive.
    """
    ratio = np.asarray(hazard_ratio, dtype=np.float64)
    error = np.asarray(standard_error, dtype=np.float64)
    if ratio.ndim != 1 or ratio.shape != error.shape or len(ratio) == 0:
        msg = f"a funnel needs one error per ratio, got shapes {ratio.shape} and {error.shape}."
        raise ModelValueError(msg)
    if labels and len(labels) != len(ratio):
        msg = f"{len(labels)} labels do not fit {len(ratio)} studies."
        raise ModelValueError(msg)
    _require_positive([*ratio, *error, centre])
    deepest = float(error.max()) * 1.12
    with house_style():
        axes = axes or new_axes(height_inch=3.6)
        depth = np.linspace(0.0, deepest, 60)
        left, right = centre * np.exp(-1.96 * depth), centre * np.exp(1.96 * depth)
        axes.fill_betweenx(depth, left, right, color=CONTROL_COLOUR, alpha=BAND_ALPHA, linewidth=0)
        axes.axvline(centre, color=MUTED, linewidth=1.2, label=f"pooled, {centre:.2f}")
        axes.axvline(1.0, color=INK, linewidth=0.8, linestyle=(0, (2, 2)), label="no effect")
        axes.plot(ratio, error, "o", color=INK, markersize=5, linestyle="none")
        for name, x, y in zip(labels, ratio, error, strict=False):
            axes.annotate(name, (x, y), xytext=(6, 0), textcoords="offset points", va="center")
        low, high = min(0.5, ratio.min(), left[-1]) / 1.05, max(2.0, ratio.max(), right[-1]) * 1.05
        # Room for the name beside the point furthest to the right.
        high *= 1.25 if labels else 1.0
        _ratio_axis(axes, low, high)
        axes.set_ylim(deepest, 0.0)
        axes.set_xlabel("Hazard ratio, marker high against low (no unit, log scale)")
        axes.set_ylabel("Standard error of the log ratio (no unit)")
        light_grid(axes)
        axes.legend(loc="lower left", bbox_to_anchor=(0.0, 1.0), ncols=2, borderaxespad=0.2)
    return axes


def _draw_line(axes: Axes, height: float, line: ForestLine) -> list[float]:
    """Draw one line of the forest; return what the ratio axis must hold."""
    colour = MUTED if line.muted else INK
    numbers = line.instead
    held: list[float] = []
    if line.hr is not None and line.low is not None and line.high is not None:
        _require_positive([line.hr, line.low, line.high])
        held = [line.low, line.high]
        numbers = f"{line.hr:.2f} ({line.low:.2f}–{line.high:.2f})"
        if line.diamond:
            corners = [
                (line.low, height),
                (line.hr, height + 0.28),
                (line.high, height),
                (line.hr, height - 0.28),
            ]
            axes.add_patch(Polygon(corners, closed=True, color=colour, linewidth=0))
        else:
            axes.plot(held, [height, height], color=colour, linewidth=1.4)
            size = 5.0 if line.weight is None else 3.0 + 6.0 * math.sqrt(line.weight)
            axes.plot(
                line.hr,
                height,
                marker="s",
                markersize=size,
                color=colour,
                markerfacecolor="white" if line.muted else colour,
            )
    weight = "" if line.weight is None else f"{100 * line.weight:.0f} %"
    n = "" if line.n is None else f"{line.n}"
    _write_row(axes, height, (line.label, n, line.cut_off, numbers, weight), colour)
    return held


def _write_row(axes: Axes, height: float, cells: tuple[str, str, str, str, str], ink: str) -> None:
    places = (_LABEL_AT, _N_AT, _CUT_OFF_AT, _RATIO_AT, _WEIGHT_AT)
    sides = ("left", "right", "left", "left", "right")
    for text, place, side in zip(cells, places, sides, strict=True):
        axes.text(
            place, height, text, color=ink, ha=side, va="center", fontsize=9, **_in_figure(axes)
        )


def _ratio_axis(axes: Axes, low: float, high: float) -> None:
    axes.set_xscale("log")
    axes.set_xlim(low, high)
    ticks = [
        tick for tick in (_FINE_TICKS if high / low < _FINE_SPAN else _TICKS) if low <= tick <= high
    ]
    axes.xaxis.set_major_locator(FixedLocator(ticks))
    axes.xaxis.set_major_formatter(FixedFormatter([f"{tick:g}" for tick in ticks]))
    axes.xaxis.set_minor_locator(NullLocator())


def _across(height: float) -> tuple[list[float], list[float]]:
    return [_LABEL_AT, _WEIGHT_AT], [height, height]


def _in_figure(axes: Axes) -> dict[str, Any]:
    """Return how to place an artist across the whole figure at a row of the axes."""
    figure = axes.figure
    return {
        "transform": blended_transform_factory(figure.transFigure, axes.transData),
        "clip_on": False,
    }


def _require_positive(values: Sequence[float]) -> None:
    if not all(value > 0 and math.isfinite(value) for value in values):
        msg = "hazard ratios, limits and errors must be positive and finite."
        raise ModelValueError(msg)
