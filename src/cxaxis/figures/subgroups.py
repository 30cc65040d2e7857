"""A forest plot of subgroups: hazard ratios, counts and tests of interaction, row by row."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Polygon
from matplotlib.ticker import FixedFormatter, FixedLocator, NullLocator
from matplotlib.transforms import blended_transform_factory

from cxaxis.core.errors import ModelValueError
from cxaxis.figures.style import INK, MUTED, RULE, house_style, light_grid
from cxaxis.stats.subgroups import SubgroupRatio, Subgroups

_ROW_INCH = 0.25
_WIDTH_INCH = 9.4
_FOOT_INCH = 0.66
_HEAD_INCH = 0.66
# Left edges (labels, ratio) and right edges (counts, p) of the text columns, and the plot
# between them, as shares of the width of the figure.
_LABEL_AT, _LEVEL_AT, _TREATED_AT, _CONTROL_AT = 0.012, 0.03, 0.315, 0.42
_PLOT_AT, _PLOT_TO = 0.445, 0.735
_RATIO_AT, _P_AT = 0.75, 0.988
# An interval may leave the axis; it then ends in an arrow.
_WIDEST = 8.0
_TICKS = (0.125, 0.25, 0.5, 0.7, 1.0, 1.4, 2.0, 4.0, 8.0)


def subgroup_forest(
    everyone: SubgroupRatio,
    factors: Sequence[Subgroups],
    *,
    treated: str,
    control: str,
    end_point: str,
) -> Axes:
    """Draw hazard ratios of all patients and of every subgroup, with interaction p-values.

    Parameters
    ----------
    everyone
        All patients, drawn as a diamond on top with a line down through the subgroups.
    factors
        At least one factor.
    treated, control
        Names of the arms.
    end_point
        What an event is, such as ``death``.

    Returns
    -------
    The axes of a new figure; the area of a square grows with the events of its subgroup.

    Raises
    ------
    ModelValueError
        If there is no factor.
    """
    if not factors:
        msg = "a subgroup forest needs at least one factor."
        raise ModelValueError(msg)
    n_row = 2 + sum(len(item.levels) + 1 for item in factors)
    height_inch = _FOOT_INCH + _HEAD_INCH + _ROW_INCH * n_row
    with house_style():
        axes = Figure(figsize=(_WIDTH_INCH, height_inch)).add_axes(
            (
                _PLOT_AT,
                _FOOT_INCH / height_inch,
                _PLOT_TO - _PLOT_AT,
                _ROW_INCH * n_row / height_inch,
            )
        )
        limits = _limits([everyone, *(entry for item in factors for entry in item.levels)])
        axes.set(ylim=(0, n_row), xscale="log", xlim=limits)
        top = n_row - 0.5
        heads = (
            "",
            "Events / patients\ntreated",
            "\ncontrol",
            "Hazard ratio (95 %)",
            "Interaction p",
        )
        _write_row(axes, top + 0.15, heads, MUTED, label_at=_LABEL_AT)
        axes.plot([_LABEL_AT, _P_AT], [n_row - 1] * 2, color=INK, linewidth=0.8, **_across(axes))
        _draw_level(axes, top - 1, everyone, limits, most=everyone, diamond=True)
        height = top - 1
        for item in factors:
            height -= 1
            p = "not tested" if item.p_interaction is None else _p_words(item.p_interaction)
            axes.plot(
                [_LABEL_AT, _P_AT], [height + 0.5] * 2, color=RULE, linewidth=0.6, **_across(axes)
            )
            _write_row(axes, height, (item.factor, "", "", "", p), INK, label_at=_LABEL_AT)
            for entry in item.levels:
                height -= 1
                _draw_level(axes, height, entry, limits, most=everyone)
        axes.axvline(1.0, color=INK, linewidth=0.8, linestyle=(0, (2, 2)), zorder=0)
        if everyone.ratio is not None:
            axes.plot(
                [everyone.ratio.hr] * 2, [0, n_row - 1.5], color=MUTED, linewidth=0.8, zorder=0
            )
        ticks = [tick for tick in _TICKS if limits[0] <= tick <= limits[1]]
        axes.xaxis.set_major_locator(FixedLocator(ticks))
        axes.xaxis.set_major_formatter(FixedFormatter([f"{tick:g}" for tick in ticks]))
        axes.xaxis.set_minor_locator(NullLocator())
        axes.set_xlabel(
            f"Hazard ratio of {end_point}, treated against control\n"
            "(no unit, log scale; below 1: fewer events when treated)"
        )
        axes.text(
            _LABEL_AT,
            1.0 - 0.1 / height_inch,
            f"Treated: {treated}\nControl: {control}",
            va="top",
            transform=axes.figure.transFigure,
            fontsize=9,
        )
        axes.set_yticks([])
        axes.spines["left"].set_visible(False)
        light_grid(axes, axis="x")
    return axes


def _draw_level(
    axes: Axes,
    height: float,
    entry: SubgroupRatio,
    limits: tuple[float, float],
    *,
    most: SubgroupRatio,
    diamond: bool = False,
) -> None:
    numbers = "no estimate"
    if entry.ratio is not None:
        hr, low, high = entry.ratio.hr, entry.ratio.low, entry.ratio.high
        numbers = f"{hr:.2f} ({low:.2f}–{high:.2f})"
        ends = max(low, limits[0]), min(high, limits[1])
        if diamond:
            corners = [(ends[0], height), (hr, height + 0.3), (ends[1], height), (hr, height - 0.3)]
            axes.add_patch(Polygon(corners, closed=True, color=INK, linewidth=0))
        else:
            axes.plot(ends, [height] * 2, color=INK, linewidth=1.3, solid_capstyle="butt")
            events = entry.events_control + entry.events_treated
            all_events = max(most.events_control + most.events_treated, 1)
            if limits[0] <= hr <= limits[1]:
                size = 2.5 + 7.0 * math.sqrt(events / all_events)
                axes.plot(hr, height, marker="s", markersize=size, color=INK)
        for end, reached, marker in ((ends[0], low, "<"), (ends[1], high, ">")):
            if end != reached:
                axes.plot(end, height, marker=marker, markersize=5, color=INK, clip_on=False)
    cells = (
        entry.label,
        f"{entry.events_treated} / {entry.n_treated}",
        f"{entry.events_control} / {entry.n_control}",
        numbers,
        "",
    )
    _write_row(axes, height, cells, INK, label_at=_LABEL_AT if diamond else _LEVEL_AT)


def _limits(rows: Sequence[SubgroupRatio]) -> tuple[float, float]:
    ends = [end for row in rows if row.ratio is not None for end in (row.ratio.low, row.ratio.high)]
    low, high = min([0.7, *ends]) / 1.06, max([1.4, *ends]) * 1.06
    return max(low, 1.0 / _WIDEST), min(high, _WIDEST)


def _p_words(p: float) -> str:
    return "< 0.001" if p < 0.001 else f"{p:.3f}" if p < 0.1 else f"{p:.2f}"


def _write_row(
    axes: Axes, height: float, cells: tuple[str, str, str, str, str], ink: str, *, label_at: float
) -> None:
    places = (label_at, _TREATED_AT, _CONTROL_AT, _RATIO_AT, _P_AT)
    sides = ("left", "right", "right", "left", "right")
    for text, place, side in zip(cells, places, sides, strict=True):
        axes.text(place, height, text, color=ink, ha=side, va="center", fontsize=9, **_across(axes))


def _across(axes: Axes) -> dict[str, Any]:
    """Return how to place an artist across the whole figure at a row of the axes."""
    return {
        "transform": blended_transform_factory(axes.figure.transFigure, axes.transData),
        "clip_on": False,
    }
