"""Drugs side by side: a panel for each course, one colour for each drug."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import numpy as np
import pandas as pd
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.ticker import LogLocator, NullFormatter, StrMethodFormatter

from cxaxis.core.errors import ModelValueError
from cxaxis.figures.style import (
    ARM_COLOURS,
    ARM_DASHES,
    BAND_ALPHA,
    CONTROL_COLOUR,
    INK,
    house_style,
    light_grid,
    require_columns,
)

N_COLUMN: Final = 4
_COLUMNS: Final = ("drug", "with", "dose", "series", "hour", "typical", "q10", "q90")
_DAY_H: Final = 24.0
_MOST_TICKS: Final = 7
_FAINT: Final = 0.45
#: Decades below the highest level that a logarithmic axis shows.
_DECADES: Final = 6.0


def drug_figure(
    courses: pd.DataFrame,
    *,
    labels: Mapping[str, str],
    usual: Mapping[str, float],
    panels: Mapping[str, str],
) -> Figure:
    """Draw courses over hours: one panel a series, one colour a drug.

    Parameters
    ----------
    courses
        One row for each drug, dose, series and time: ``drug`` (empty for what is given besides,
        alone), ``with``, ``dose``, ``series``, ``hour``, ``typical``, and the ends of the 80 %
        interval ``q10`` and ``q90``, not numbers where there is none.
    labels
        Drug to the name shown to readers.
    usual
        Drug to the dose drawn thick with its interval; other doses are drawn thin.
    panels
        Series to the title of its panel, with the unit; all are drawn.

    Raises
    ------
    ModelValueError
        If a column is missing or a panel has no rows.
    """
    require_columns(list(courses.columns), _COLUMNS, "courses")
    if missing := sorted(set(panels) - set(courses["series"])):
        msg = f"table 'courses' has no rows of {', '.join(missing)}."
        raise ModelValueError(msg)
    n_row = -(-(len(panels) + 1) // N_COLUMN)
    with house_style():
        figure = Figure(figsize=(13.0, 0.4 + 2.5 * n_row), layout="constrained")
        grid = figure.subplots(n_row, N_COLUMN, squeeze=False)
        places = list(grid.flat)
        for axes, (series, title) in zip(places, panels.items(), strict=False):
            _panel(axes, courses[courses["series"] == series], labels, usual)
            axes.set_title(title, loc="left")
        for axes in places[len(panels) :]:
            axes.set_axis_off()
        for axes in places[max(len(panels) - N_COLUMN, 0) : len(panels)]:
            axes.set_xlabel("Time since the first dose (hours)")
        _legend(places[len(panels)], courses, labels)
    return figure


def _panel(
    axes: Axes,
    rows: pd.DataFrame,
    labels: Mapping[str, str],
    usual: Mapping[str, float],
) -> None:
    for rank, drug in enumerate(labels):
        mine = rows[rows["drug"] == drug]
        colour, dashes = _look(rank)
        for dose, course in mine.groupby("dose"):
            hour = course["hour"].to_numpy()
            chosen = float(str(dose)) == usual[drug]
            if chosen and course["q10"].notna().any():
                axes.fill_between(
                    hour, course["q10"], course["q90"], color=colour, alpha=BAND_ALPHA, linewidth=0
                )
            axes.plot(
                hour,
                course["typical"],
                color=colour,
                linestyle=dashes,
                linewidth=1.8 if chosen else 0.8,
                alpha=1.0 if chosen else _FAINT,
            )
    alone = rows[rows["drug"] == ""]
    if alone["typical"].notna().any():
        axes.plot(alone["hour"], alone["typical"], color=CONTROL_COLOUR)
    series = str(rows["series"].iloc[0])
    drawn = rows[["typical", "q10", "q90"]].to_numpy(dtype=float)
    positive = drawn[np.isfinite(drawn) & (drawn > 0)]
    if "occupancy" in series:
        axes.set_ylim(-1, 101)
        axes.axhline(50, color=INK, linewidth=0.8, linestyle=(0, (2, 2)))
    elif len(positive):
        high = float(positive.max())
        low = max(float(positive.min()), high * 10.0**-_DECADES)
        logarithmic = series.startswith("plasma_n") or high / low > 30.0
        if logarithmic:
            axes.set_yscale("log")
            axes.set_ylim(low / 1.5, high * 1.5)
            axes.yaxis.set_major_locator(LogLocator(numticks=8))
            axes.yaxis.set_major_formatter(StrMethodFormatter("{x:g}"))
            axes.yaxis.set_minor_formatter(NullFormatter())
        else:
            axes.set_ylim(bottom=0)
    first, last = float(rows["hour"].min()), float(rows["hour"].max())
    axes.set_xlim(first, last)
    step = next(
        (s for s in (6, 12, 24, 48, 96, 168, 336) if (last - first) / s <= _MOST_TICKS), 720
    )
    axes.set_xticks(np.arange(np.ceil(first / step) * step, last + 1e-6, step))
    light_grid(axes)


def _look(rank: int) -> tuple[str, tuple[float, tuple[float, ...]]]:
    return (
        ARM_COLOURS[rank % len(ARM_COLOURS)],
        ARM_DASHES[rank // len(ARM_COLOURS) % len(ARM_DASHES)],
    )


def _legend(axes: Axes, courses: pd.DataFrame, labels: Mapping[str, str]) -> None:
    besides = next((str(name) for name in courses["with"] if name), "")
    handles: list[Artist] = []
    names: list[str] = []
    for rank, label in enumerate(labels.values()):
        colour, dashes = _look(rank)
        handles.append(Line2D([], [], color=colour, linestyle=dashes, linewidth=1.8))
        names.append(label)
    if besides:
        handles.append(Line2D([], [], color=CONTROL_COLOUR))
        names.append(f"{besides} alone")
    if courses.groupby("drug")["dose"].nunique().max() > 1:
        handles.append(Line2D([], [], color=INK, linewidth=0.8, alpha=_FAINT))
        names.append("other doses")
    if courses["q10"].notna().any():
        handles.append(Patch(color=INK, alpha=BAND_ALPHA, linewidth=0))
        names.append("80 % interval of what is not known")
    axes.legend(
        handles,
        names,
        loc="upper left",
        borderaxespad=0.0,
        title=f"All with {besides}" if besides else None,
        alignment="left",
    )
