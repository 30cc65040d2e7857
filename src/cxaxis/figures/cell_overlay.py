"""A laboratory's readings over the curves of the cell model, and how likely each wiring is."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure, SubFigure
from matplotlib.lines import Line2D

from cxaxis.figures.cell import axis_label, plain
from cxaxis.figures.style import (
    ARM_COLOURS,
    CONTROL_COLOUR,
    INK,
    MUTED,
    RULE,
    SOLID,
    Dashes,
    house_style,
    light_grid,
    require_columns,
)

POINT_COLUMNS: Final = (
    *("wiring", "context", "condition", "readout", "cxcl12_nM", "time_s", "measured"),
    *("low", "high", "unit"),
)
CURVE_COLUMNS: Final = (
    *("wiring", "context", "condition", "readout", "cxcl12_nM", "time_s", "value", "unit"),
)
SUMMARY_COLUMNS: Final = ("wiring", "difference", "verdict")
OTHER: Final[Dashes] = (0, (3, 1.6))
_Key: TypeAlias = tuple[str, str, float | None]
_MARKS: Final = ("o", "s", "^", "D", "v", "P", "X")
_PANEL_INCH: Final = (3.3, 2.35)
_CLOCKS: Final = ((300.0, 1.0, "s"), (10_800.0, 60.0, "min"), (345_600.0, 3600.0, "h"))
_DAY: Final = (86_400.0, "days")


@dataclass(frozen=True, kw_only=True)
class _Look:
    """How one experiment is drawn."""

    colour: str
    mark: str
    words: str


def overlay_figure(
    points: pd.DataFrame,
    curves: pd.DataFrame,
    summary: pd.DataFrame,
    *,
    solid: str,
    dashed: str,
    words: Mapping[str, str],
    caption: str,
) -> Figure:
    """Draw readings with one standard deviation over curves, and log-likelihoods by wiring.

    Parameters
    ----------
    points
        Readings: the columns `POINT_COLUMNS`.
    curves
        What wirings say in between: the columns `CURVE_COLUMNS`.
    summary
        One row per wiring, the best first: the columns `SUMMARY_COLUMNS`.
    solid, dashed
        Wirings whose curves are drawn; the second only if it is another.
    words
        Readout -> what it is.
    caption
        Line below.

    Raises
    ------
    ModelValueError
        If a column is missing.
    """
    require_columns(list(points.columns), POINT_COLUMNS, "points")
    require_columns(list(curves.columns), CURVE_COLUMNS, "curves")
    require_columns(list(summary.columns), SUMMARY_COLUMNS, "summary")
    readings = points[points["wiring"] == solid]
    panels = {
        (str(mine["readout"].iloc[0]), str(mine["unit"].iloc[0])): mine
        for _, mine in readings.groupby(["readout", "unit"], sort=False)
    }
    across = min(len(panels), 2)
    down = -(-len(panels) // across)
    width = max(_PANEL_INCH[0] * across + 0.2, 5.6)
    upper, lower = _PANEL_INCH[1] * down + 0.75, 0.21 * len(summary) + 0.75
    told = "\n".join(textwrap.wrap(caption, int(width * 16)))
    foot = 0.16 * (told.count("\n") + 1) + 0.08
    with house_style():
        figure = Figure(figsize=(width, upper + lower + foot), layout="constrained")
        parts = figure.subfigures(3, 1, height_ratios=[upper, lower, foot], squeeze=False)
        top, middle, bottom = parts[:, 0]
        looks = _looks(panels)
        grid = _grid(top, len(panels), across)
        for axes, ((readout, unit), mine) in zip(grid, panels.items(), strict=True):
            between = curves[(curves["readout"] == readout) & (curves["unit"] == unit)]
            _panel(axes, mine, between, {dashed: OTHER, solid: SOLID}, looks)
            # On a scale of the laboratory's own a share of the protein is no longer meant.
            name = words.get(readout, readout)
            axes.set_ylabel(axis_label(name if unit == "1" else name.split(",")[0], unit))
        _key(top, looks, solid, dashed)
        _likelihoods(middle.subplots(), summary)
        bottom.text(0.01, 0.95, told, fontsize=7.5, color=MUTED, va="top")
    return figure


def _grid(figure: SubFigure, count: int, across: int) -> list[Axes]:
    panels = list(figure.subplots(-(-count // across), across, squeeze=False).flat)
    for axes in panels[count:]:
        axes.set_visible(False)
    return panels[:count]


def _experiment(row: Any, *, by_dose: bool) -> _Key:
    return str(row.context), str(row.condition), None if by_dose else float(row.cxcl12_nM)


def _looks(panels: Mapping[Any, pd.DataFrame]) -> dict[_Key, _Look]:
    """Return colour, marker and words of each experiment: cells, treatment and dose."""
    keys: list[_Key] = []
    for readings in panels.values():
        by_dose = _by_dose(readings)
        keys += [_experiment(row, by_dose=by_dose) for row in readings.itertuples(index=False)]
    keys = list(dict.fromkeys(keys))
    keys.sort(key=lambda key: key[1] != "control")
    several_cells = len({key[0] for key in keys}) > 1
    several_doses = len({key[2] for key in keys}) > 1
    colours = [CONTROL_COLOUR if len(keys) > 1 else ARM_COLOURS[0], *ARM_COLOURS]
    looks = {}
    for place, (context, condition, dose) in enumerate(keys):
        parts = [
            plain(context) if several_cells else "",
            plain(condition),
            f"{dose:.3g} nM" if several_doses and dose is not None else "",
        ]
        looks[context, condition, dose] = _Look(
            colour=colours[place % len(colours)],
            mark=_MARKS[place % len(_MARKS)],
            words=", ".join(part for part in parts if part),
        )
    return looks


def _by_dose(readings: pd.DataFrame) -> bool:
    """Return whether the readings are a dose-response rather than courses."""
    return bool(readings["cxcl12_nM"].nunique() > max(readings["time_s"].nunique(), 2))


def _panel(
    axes: Axes,
    readings: pd.DataFrame,
    curves: pd.DataFrame,
    lines: Mapping[str, Dashes],
    looks: Mapping[_Key, _Look],
) -> None:
    by_dose = _by_dose(readings)
    if by_dose:
        column, scale, label = "cxcl12_nM", 1.0, "CXCL12 (nM)"
        _dose_axis(axes, sorted(readings["cxcl12_nM"].unique()))
    else:
        column = "time_s"
        scale, unit = _clock(float(readings["time_s"].max()))
        label = f"Time after the start ({unit})"
    for key, look in looks.items():
        if (key[2] is None) != by_dose:
            continue
        mine, between = (_of(table, key) for table in (readings, curves))
        if mine.empty:
            continue
        for wiring, dashes in lines.items():
            course = between[between["wiring"] == wiring].sort_values(column)
            if by_dose:
                course = _at_times_of(course, mine)
            axes.plot(
                course[column] / scale,
                course["value"],
                color=look.colour,
                linestyle=dashes,
                linewidth=1.5 if dashes == SOLID else 1.2,
            )
        measured = mine["measured"].to_numpy(dtype=float)
        away = np.abs(np.stack([measured - mine["low"], mine["high"] - measured]))
        axes.errorbar(
            mine[column] / scale,
            measured,
            yerr=away,
            linestyle="none",
            marker=look.mark,
            markersize=4,
            color=look.colour,
            elinewidth=0.8,
            capsize=1.5,
            markeredgecolor="white",
            markeredgewidth=0.5,
        )
    axes.set_xlabel(label)
    if axes.dataLim.y0 > 0:
        axes.set_ylim(bottom=0)
    light_grid(axes)


def _dose_axis(axes: Axes, doses_nM: Sequence[float]) -> None:
    """Mark powers of ten, and a dose of 0 at the left end where there is one."""
    positive = [dose for dose in doses_nM if dose > 0]
    least, most = min(positive), max(positive)
    if len(positive) < len(doses_nM):
        axes.set_xscale("symlog", linthresh=least, linscale=0.5)
    else:
        axes.set_xscale("log")
    decades = [10.0**k for k in range(-6, 7) if least <= 10.0**k <= most]
    ticks = decades if len(decades) > 1 else positive
    axes.set_xticks([0.0, *ticks] if len(positive) < len(doses_nM) else ticks)
    axes.xaxis.set_major_formatter(lambda value, _: f"{value:g}")
    axes.minorticks_off()


def _of(table: pd.DataFrame, key: _Key) -> pd.DataFrame:
    context, condition, dose = key
    same = (table["context"] == context) & (table["condition"] == condition)
    return table[same if dose is None else same & (table["cxcl12_nM"] == dose)]


def _at_times_of(course: pd.DataFrame, readings: pd.DataFrame) -> pd.DataFrame:
    """Return of each dose the value nearest to when it was measured."""
    when = readings.groupby("cxcl12_nM")["time_s"].last()
    kept = course[course["cxcl12_nM"].isin(when.index)]
    away = (kept["time_s"] - kept["cxcl12_nM"].map(when)).abs()
    return kept.loc[away.groupby(kept["cxcl12_nM"]).idxmin()] if len(kept) else kept


def _clock(last_s: float) -> tuple[float, str]:
    """Return the length of the time unit that suits, s, and its name."""
    return next(((scale, unit) for most, scale, unit in _CLOCKS if last_s <= most), _DAY)


def _key(
    figure: SubFigure,
    looks: Mapping[_Key, _Look],
    solid: str,
    dashed: str,
) -> None:
    handles = [
        Line2D([], [], color=item.colour, marker=item.mark, markersize=4, label=item.words)
        for item in looks.values()
    ]
    if dashed != solid:
        handles.append(Line2D([], [], color=INK, label=f"{_named(solid)} (lines)"))
        handles.append(Line2D([], [], color=INK, linestyle=OTHER, label=f"{_named(dashed)}"))
    columns = 2 if max(len(str(item.get_label())) for item in handles) > 24 else 3
    figure.legend(handles=handles, loc="outside upper left", ncols=min(len(handles), columns))


def _named(wiring: str) -> str:
    return "default wiring" if wiring == "default" else wiring.replace(";", ", ")


def _likelihoods(axes: Axes, summary: pd.DataFrame) -> None:
    """Draw how far each wiring lies below the best, hollow where the readings cannot see it."""
    names = [_named(str(name)) for name in summary["wiring"]]
    below = summary["difference"].to_numpy(dtype=float)
    unseen = summary["verdict"].str.startswith("not seen").to_numpy()
    places: Sequence[int] = range(len(names))
    least = float(below.min())
    axes.axvspan(-2.0, 0.0, color=RULE, alpha=0.5, linewidth=0)
    axes.hlines(places, below, 0.0, color=MUTED, linewidth=0.8)
    for place in places:
        axes.plot(
            below[place],
            place,
            marker="o",
            markersize=5,
            color=ARM_COLOURS[0] if not unseen[place] else MUTED,
            markerfacecolor="white" if unseen[place] else ARM_COLOURS[0],
            clip_on=False,
        )
    if least < -20:
        axes.set_xscale("symlog", linthresh=2.0)
        ticks = [-float(10**k) for k in range(8) if 10**k <= -least and k != 0]
        axes.set_xticks([*reversed(ticks), -2.0, 0.0])
        axes.xaxis.set_major_formatter(lambda value, _: f"{value:g}")
    axes.set_xlim(min(1.15 * least, -4.0), 0.0)
    axes.set_ylim(len(names) - 0.4, -0.6)
    axes.set_yticks(list(places), names, fontsize=8)
    axes.tick_params(axis="y", length=0)
    axes.set_xlabel("Log-likelihood below the best wiring")
    axes.minorticks_off()
