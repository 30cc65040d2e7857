"""Courses over time by arm: receptor occupancy with troughs, CD34+ cells, tumour burden."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from cxaxis.core.arrays import FloatArray, IntArray
from cxaxis.core.errors import ModelValueError
from cxaxis.core.units import conversion_factor
from cxaxis.figures.style import (
    BAND_ALPHA,
    INK,
    MUTED,
    ArmStyle,
    days_per_month,
    house_style,
    light_grid,
    month_ticks,
    new_axes,
    require_columns,
)

_LEAST_TROUGH_DEPTH = 0.02


def quantiles_over_time(
    table: pd.DataFrame, *, day: str = "ADY", value: str = "AVAL", shares: Sequence[float]
) -> pd.DataFrame:
    """Return quantiles over patients at each day.

    Parameters
    ----------
    table
        One row per patient and day.
    day, value
        Columns of the time (days) and the quantity.
    shares
        Quantiles wanted, in [0, 1].

    Returns
    -------
    A table indexed by day, ascending, one column per share and the column ``n`` (patients).
    """
    grouped = table.groupby(day, sort=True)[value]
    result = grouped.quantile(np.array(shares)).unstack()
    result["n"] = grouped.count()
    return result


def troughs(level: FloatArray, *, least_depth: float = _LEAST_TROUGH_DEPTH) -> IntArray:
    """Return the positions of the troughs of a course: its local minima.

    Parameters
    ----------
    level
        The course, shape ``(n_time,)``.
    least_depth
        How far the course must fall from the peak before a trough, and rise after it.

    Returns
    -------
    Indices, ascending. A steady course has none.
    """
    found: list[int] = []
    low, high = 0, 0
    falling = False
    for k in range(1, len(level)):
        if falling:
            if level[k] <= level[low]:
                low = k
            elif level[k] >= level[low] + least_depth:
                found.append(low)
                falling, high = False, k
        elif level[k] >= level[high]:
            high = k
        elif level[k] <= level[high] - least_depth:
            falling, low = True, k
    return np.array(found, dtype=np.int64)


def occupancy_over_time(
    adpd: pd.DataFrame,
    arms: Sequence[ArmStyle],
    *,
    paramcd: str = "OCCTUM",
    window_day: tuple[float, float],
    y_label: str = "CXCR4 blocked in tumour",
    in_hours: bool = False,
    axes: Axes | None = None,
) -> Axes:
    """Draw the occupancy of every arm: median and 5-95 % of patients, troughs marked.

    Parameters
    ----------
    adpd
        Pharmacodynamic table: ``TRT01P``, ``PARAMCD``, ``ADY`` (days), ``AVAL`` (fraction).
    arms
        Arms to draw; one without rows is left out.
    paramcd
        Which occupancy, ``OCCTUM`` or ``OCCHOST``.
    window_day
        First and last day shown.
    y_label
        Name of the quantity without unit; the axis is in percent.
    in_hours
        Whether time is drawn in hours since the first day shown, for a window of a dose or
        two; in days since the start of treatment otherwise.
    axes
        Axes to draw into; by default those of a new figure.

    Raises
    ------
    ModelValueError
        If a column is missing, the window is empty or nothing was sampled in it.
    """
    require_columns(list(adpd.columns), ["TRT01P", "PARAMCD", "ADY", "AVAL"], "adpd")
    first, last = window_day
    if not first < last:
        msg = f"window_day must ascend, got {window_day}."
        raise ModelValueError(msg)
    rows = adpd[(adpd["PARAMCD"] == paramcd) & adpd["ADY"].between(first, last)]
    if rows.empty:
        msg = f"table 'adpd' has no {paramcd!r} rows from day {first:g} to day {last:g}."
        raise ModelValueError(msg)
    origin, scale = (first, conversion_factor("day", "hour")) if in_hours else (0.0, 1.0)
    with house_style():
        axes = axes or new_axes(height_inch=3.5)
        marked = False
        for arm in arms:
            mine = rows[rows["TRT01P"] == arm.arm]
            if mine.empty:
                continue
            course = quantiles_over_time(mine, shares=(0.05, 0.5, 0.95))
            middle = course[0.5].to_numpy()
            time = scale * (course.index.to_numpy() - origin)
            _band_and_line(axes, arm, time, 100 * course[[0.05, 0.5, 0.95]])
            at = troughs(middle)
            marked = marked or len(at) > 0
            axes.plot(
                time[at],
                100 * middle[at],
                linestyle="none",
                marker="v",
                markersize=4,
                color=arm.colour,
                clip_on=False,
            )
        axes.axhline(50, color=INK, linewidth=0.8, linestyle=(0, (2, 2)))
        axes.set(ylim=(-1, 101), ylabel=f"{y_label} (%)")
        axes.set_xlim(scale * (first - origin), scale * (last - origin))
        if in_hours:
            axes.set_xticks(np.arange(0.0, scale * (last - origin) + 1e-6, 6.0))
            axes.set_xlabel(f"Time since the start of day {first:g} (hours)")
        else:
            axes.set_xlabel("Time since start of treatment (days)")
        light_grid(axes)
        _legend_above(axes, extra="trough" if marked else None)
    return axes


def circulating_cd34(
    adpd: pd.DataFrame, arms: Sequence[ArmStyle], *, axes: Axes | None = None
) -> Axes:
    """Draw the CD34+ cells in blood of every arm: median and 5-95 % of patients.

    Parameters
    ----------
    adpd
        Pharmacodynamic table: ``TRT01P``, ``PARAMCD`` (rows ``CD34``), ``ADY`` (days),
        ``AVAL`` (cells per microlitre).
    arms
        Arms to draw; one without rows is left out.
    axes
        Axes to draw into; by default those of a new figure.

    Raises
    ------
    ModelValueError
        If a column is missing or there is no ``CD34`` row.
    """
    require_columns(list(adpd.columns), ["TRT01P", "PARAMCD", "ADY", "AVAL"], "adpd")
    rows = adpd[adpd["PARAMCD"] == "CD34"]
    if rows.empty:
        msg = "table 'adpd' has no 'CD34' rows."
        raise ModelValueError(msg)
    with house_style():
        axes = axes or new_axes(height_inch=3.5)
        for arm in arms:
            mine = rows[rows["TRT01P"] == arm.arm]
            if not mine.empty:
                course = quantiles_over_time(mine, shares=(0.05, 0.5, 0.95))
                _band_and_line(axes, arm, course.index.to_numpy(), course[[0.05, 0.5, 0.95]])
        axes.set_xlim(float(rows["ADY"].min()), float(rows["ADY"].max()))
        axes.set_ylim(bottom=0)
        axes.set_xlabel("Time since start of treatment (days)")
        axes.set_ylabel("CD34+ cells in blood (per µL)")
        light_grid(axes)
        _legend_above(axes)
    return axes


def tumour_burden(
    adtr: pd.DataFrame,
    arms: Sequence[ArmStyle],
    *,
    least_patients: int = 5,
    axes: Axes | None = None,
) -> Axes:
    """Draw the sum of diameters of every arm: median and quartiles of those assessed.

    Parameters
    ----------
    adtr
        Tumour table: ``TRT01P``, ``PARAMCD``, ``ADY`` (days), ``AVAL`` (mm).
    arms
        Arms to draw; one without rows is left out.
    least_patients
        Visits with fewer patients are left out: their quartiles say little.
    axes
        Axes to draw into; by default those of a new figure.

    Raises
    ------
    ModelValueError
        If a column is missing or no visit has enough patients.
    """
    require_columns(list(adtr.columns), ["TRT01P", "PARAMCD", "ADY", "AVAL"], "adtr")
    rows = adtr[adtr["PARAMCD"] == "SUMDIAM"]
    with house_style():
        axes = axes or new_axes(height_inch=3.5)
        last, drawn = 0.0, False
        for arm in arms:
            mine = rows[rows["TRT01P"] == arm.arm]
            if mine.empty:
                continue
            course = quantiles_over_time(mine, shares=(0.25, 0.5, 0.75))
            course = course[course["n"] >= least_patients]
            if course.empty:
                continue
            month = course.index.to_numpy() / days_per_month()
            last, drawn = max(last, float(month[-1])), True
            _band_and_line(axes, arm, month, course[[0.25, 0.5, 0.75]], marker="o")
        if not drawn:
            msg = f"table 'adtr' has no visit with at least {least_patients} patients assessed."
            raise ModelValueError(msg)
        axes.set_xlim(0, max(last, 1e-9) * 1.02)
        axes.set_ylim(bottom=0)
        axes.set_xticks(month_ticks(last))
        axes.set_xlabel("Time since allocation (months)")
        axes.set_ylabel("Sum of visible diameters (mm)")
        light_grid(axes)
        _legend_above(axes)
    return axes


def _band_and_line(
    axes: Axes, arm: ArmStyle, x: FloatArray, course: pd.DataFrame, *, marker: str = ""
) -> None:
    low, middle, high = (course[column].to_numpy() for column in course.columns)
    axes.fill_between(x, low, high, color=arm.colour, alpha=BAND_ALPHA, linewidth=0)
    axes.plot(
        x,
        middle,
        color=arm.colour,
        linestyle=arm.dashes,
        marker=marker,
        markersize=3.5,
        label=arm.label,
    )


def _legend_above(axes: Axes, *, extra: str | None = None) -> None:
    if extra is not None:
        axes.plot([], [], linestyle="none", marker="v", markersize=4, color=MUTED, label=extra)
    axes.legend(loc="lower left", bbox_to_anchor=(0.0, 1.0), ncols=1, borderaxespad=0.2)
