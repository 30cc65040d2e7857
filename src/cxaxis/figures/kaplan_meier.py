"""Kaplan-Meier curves with confidence bands, censor ticks and a table of numbers at risk."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.transforms import ScaledTranslation, Transform, blended_transform_factory

from cxaxis.core.arrays import FloatArray
from cxaxis.core.errors import ModelValueError
from cxaxis.figures.style import (
    BAND_ALPHA,
    INK,
    MUTED,
    ArmStyle,
    days_per_month,
    figure_of,
    house_style,
    light_grid,
    month_ticks,
    new_axes,
    require_columns,
)
from cxaxis.stats.survival import kaplan_meier as estimate
from cxaxis.stats.survival import number_at_risk

_ROW_POINTS = 11.0
_FIRST_ROW_POINTS = 41.0


def kaplan_meier(
    adtte: pd.DataFrame,
    arms: Sequence[ArmStyle],
    *,
    paramcd: str,
    y_label: str,
    horizon_day: float,
    axes: Axes | None = None,
) -> Axes:
    """Draw the survival curves of every arm, with numbers at risk under the time axis.

    Parameters
    ----------
    adtte
        Time-to-event table: ``TRT01P`` (arm id), ``PARAMCD``, ``AVAL`` (days), ``EVENT``
        (boolean).
    arms
        Arms to draw, control first.
    paramcd
        End point, such as ``OS``.
    y_label
        Name of the end point without unit; the axis is in percent.
    horizon_day
        End of the time axis, days, positive.
    axes
        Axes to draw into; by default those of a new figure.

    Returns
    -------
    The axes: steps with a pointwise 95 % band (log-log, Greenwood), ticks at censorings,
    time in months.

    Raises
    ------
    ModelValueError
        If a column is missing or no patient has the end point.
    """
    require_columns(list(adtte.columns), ["TRT01P", "PARAMCD", "AVAL", "EVENT"], "adtte")
    rows = adtte[adtte["PARAMCD"] == paramcd]
    if rows.empty:
        msg = f"table 'adtte' has no rows with PARAMCD {paramcd!r}."
        raise ModelValueError(msg)
    with house_style():
        axes = axes or new_axes(height_inch=3.1 + 0.5 * len(arms))
        last = horizon_day / days_per_month()
        followed: list[tuple[ArmStyle, FloatArray]] = []
        for arm in arms:
            mine = rows[rows["TRT01P"] == arm.arm]
            duration = mine["AVAL"].to_numpy(dtype=np.float64)
            followed.append((arm, duration))
            if len(duration):
                _draw_curve(axes, arm, duration, mine["EVENT"].to_numpy())
        axes.axhline(50, color=MUTED, linewidth=0.6, linestyle=(0, (2, 3)), zorder=0)
        axes.set(xlim=(0, last), ylim=(0, 101), ylabel=f"{y_label} (%)")
        axes.set_xlabel("Time since allocation (months)", labelpad=2)
        axes.set_xticks(month_ticks(last))
        light_grid(axes)
        axes.legend(loc="lower left", bbox_to_anchor=(0.0, 1.0), borderaxespad=0.2)
        _write_counts(axes, followed, month_ticks(last), "Number at risk")
    return axes


def _draw_curve(axes: Axes, arm: ArmStyle, duration: FloatArray, event: object) -> None:
    curve = estimate(duration, np.asarray(event))
    month = curve.time_day / days_per_month()
    axes.fill_between(
        month,
        100 * curve.low,
        100 * curve.high,
        step="post",
        color=arm.colour,
        alpha=BAND_ALPHA,
        linewidth=0,
    )
    axes.step(
        month,
        100 * curve.survival,
        where="post",
        color=arm.colour,
        linestyle=arm.dashes,
        label=arm.label,
    )
    censored = curve.n_censored > 0
    axes.plot(
        month[censored],
        100 * curve.survival[censored],
        linestyle="none",
        marker="|",
        markersize=5,
        markeredgewidth=0.8,
        color=arm.colour,
        clip_on=False,
    )


def _write_counts(
    axes: Axes,
    followed: Sequence[tuple[ArmStyle, FloatArray]],
    ticks: Sequence[float],
    heading: str,
) -> None:
    """Write a heading and, per arm, its name and its counts under the ticks."""
    points = _FIRST_ROW_POINTS
    _write(axes, 0.0, points, heading, size=8.5, weight="bold", align="left")
    for arm, duration in followed:
        points += _ROW_POINTS + 3.5
        axes.add_line(_swatch(axes, arm, points))
        _write(axes, 0.05, points, arm.label, size=8.5, align="left")
        points += _ROW_POINTS
        at_risk = number_at_risk(duration, np.array(ticks) * days_per_month())
        for tick, count in zip(ticks, at_risk, strict=True):
            _write(axes, tick, points, str(count), size=8.5, in_months=True)


def _write(
    axes: Axes,
    x: float,
    points: float,
    text: str,
    *,
    size: float,
    weight: str = "normal",
    align: str = "center",
    in_months: bool = False,
) -> None:
    place = axes.get_xaxis_transform() if in_months else axes.transAxes
    axes.text(
        x,
        0.0,
        text,
        transform=_lowered(axes, place, points),
        ha=align,
        va="center",
        fontsize=size,
        fontweight=weight,
        color=INK,
        clip_on=False,
    )


def _swatch(axes: Axes, arm: ArmStyle, points: float) -> Line2D:
    place = blended_transform_factory(axes.transAxes, axes.transAxes)
    return Line2D(
        [0.0, 0.04],
        [0.0, 0.0],
        transform=_lowered(axes, place, points),
        color=arm.colour,
        linestyle=arm.dashes,
        clip_on=False,
    )


def _lowered(axes: Axes, transform: Transform, points: float) -> Transform:
    return transform + ScaledTranslation(0.0, -points / 72.0, figure_of(axes).dpi_scale_trans)
