"""Experiments in mice drawn: volumes by arm, and ratios to control over what is not known."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator

from cxaxis.core.arrays import FloatArray
from cxaxis.core.errors import ModelValueError
from cxaxis.figures.style import (
    BAND_ALPHA,
    INK,
    MUTED,
    RULE,
    ArmStyle,
    house_style,
    light_grid,
    require_columns,
)

_SHARES = (0.025, 0.1, 0.5, 0.9, 0.975)
_TICKS = (0.05, 0.1, 0.2, 0.5, 1.0, 2.0)
_EVERY_DAYS = 3.0


def draw_volumes(axes: Axes, courses: pd.DataFrame, styles: Sequence[ArmStyle]) -> None:
    """Draw the mean volume of each arm with its standard error, on a log scale.

    Parameters
    ----------
    axes
        Axes to draw on.
    courses
        ``arm, mouse, day, volume_mm3``.
    styles
        Arms to draw, in order.

    Raises
    ------
    ModelValueError
        If a column is missing or an arm has no mice.
    """
    require_columns(list(courses.columns), ("arm", "mouse", "day", "volume_mm3"), "courses")
    for style in styles:
        of_arm = courses[courses["arm"] == style.arm]
        if of_arm.empty:
            msg = f"no mice in arm {style.arm!r}."
            raise ModelValueError(msg)
        read = of_arm[np.isclose(of_arm["day"] % _EVERY_DAYS, 0.0)]
        by_day = read.groupby("day")["volume_mm3"]
        mean, error = by_day.mean(), by_day.sem().fillna(0.0)
        axes.errorbar(
            mean.index.to_numpy(),
            mean.to_numpy(),
            yerr=error.to_numpy(),
            color=style.colour,
            linestyle=style.dashes,
            capsize=2.0,
            elinewidth=0.9,
            label=style.label,
        )
    axes.set_yscale("log")
    axes.set_xlabel("Days after inoculation")
    axes.set_ylabel("Volume by calipers (mm³)")
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axes.yaxis.set_minor_locator(NullLocator())
    axes.legend(loc="upper left")
    light_grid(axes)


def draw_ratios(
    axes: Axes,
    ratios: Mapping[str, FloatArray],
    bands: Mapping[str, tuple[float, float]],
    colours: Mapping[str, str],
) -> None:
    """Draw medians with 80 and 95 % of the draws, and the bands they are compared with.

    Parameters
    ----------
    axes
        Axes to draw on.
    ratios
        Label of an arm -> ratios to control, positive, shape ``(n_draw,)``; top to bottom.
    bands
        Label -> limits of a band; an arm may have none.
    colours
        Label -> colour.
    """
    for row, (label, values) in enumerate(ratios.items()):
        low, inner_low, middle, inner_high, high = np.quantile(values, _SHARES)
        if label in bands:
            left, right = bands[label]
            axes.barh(row, right - left, left=left, height=0.62, color=MUTED, alpha=BAND_ALPHA)
        axes.plot([low, high], [row, row], color=colours[label], linewidth=1.2)
        axes.plot([inner_low, inner_high], [row, row], color=colours[label], linewidth=4.0)
        axes.plot([middle], [row], marker="o", markersize=6, color=INK)
    axes.axvline(1.0, color=RULE, linewidth=1.0, zorder=0)
    axes.set_xscale("log")
    axes.xaxis.set_major_locator(FixedLocator(_TICKS))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axes.set_yticks(range(len(ratios)), list(ratios))
    axes.set_ylim(len(ratios) - 0.4, -0.6)
    axes.set_xlabel("Volume over control; grey: assumed band")
    light_grid(axes, axis="x")


def xenograft_figure(
    courses: pd.DataFrame,
    styles: Sequence[ArmStyle],
    ratios: Mapping[str, FloatArray],
    bands: Mapping[str, tuple[float, float]],
) -> Figure:
    """Return volumes by arm beside ratios over draws.

    Parameters
    ----------
    courses, styles
        See `draw_volumes`.
    ratios, bands
        See `draw_ratios`; labels that are those of a style take its colour.
    """
    known = {style.label: style.colour for style in styles}
    colours = {label: known.get(label, INK) for label in ratios}
    with house_style():
        figure = Figure(figsize=(9.0, 3.5), layout="constrained")
        left, right = figure.subplots(1, 2)
        draw_volumes(left, courses, styles)
        draw_ratios(right, ratios, bands, colours)
    return figure
