"""Assays of the virtual bench drawn: courses, dose-responses, panels of folds."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from cxaxis.core.arrays import FloatArray
from cxaxis.core.errors import ModelValueError
from cxaxis.figures.style import (
    ARM_COLOURS,
    ARM_DASHES,
    BAND_ALPHA,
    CONTROL_COLOUR,
    INK,
    MUTED,
    SOLID,
    Dashes,
    house_style,
    light_grid,
    require_columns,
)

COLUMNS: Final = ("condition", "readout", "cxcl12_nM", "time_s", "value", "unit")
UNMEASURED: Final = "Model, not measured."
# Above so many doses their colours run from light to dark instead of apart.
MOST_APART: Final = 4
MOST_ACROSS: Final = 4
# Labels of doses that fit a panel beside a 0.
MOST_TICKS: Final = 4
_PANEL_INCH: Final = (2.5, 1.95)
_CLOCKS: Final = ((300.0, 1.0, "s"), (10_800.0, 60.0, "min"), (345_600.0, 3600.0, "h"))
_DAY: Final = (86_400.0, "days")
_UNITS: Final = {"1": "", "item": "", "item/hour": "per hour", "1/day": "per day"}


@dataclass(frozen=True, kw_only=True)
class DoseCurve:
    """A curve drawn through the doses of one panel.

    Attributes
    ----------
    readout, condition
        Which panel and which line.
    cxcl12_nM, value
        The curve, shape ``(n,)`` each.
    mark_nM
        Dose marked on the axis (half-effective, or the optimum of a bell); none if not a number.
    mark_words
        What the mark is.
    """

    readout: str
    condition: str
    cxcl12_nM: FloatArray = field(repr=False)
    value: FloatArray = field(repr=False)
    mark_nM: float
    mark_words: str


def axis_label(words: str, unit: str) -> str:
    """Return the label of an axis, broken where it is long."""
    shown = _UNITS.get(unit, unit)
    text = f"{words} ({shown})" if shown else words
    return "\n".join(textwrap.wrap(text, 23, break_long_words=False))


def course_figure(
    table: pd.DataFrame,
    *,
    words: Mapping[str, str],
    caption: str,
    colour_by: str = "dose",
    clock: str = "after CXCL12",
) -> Figure:
    """Draw courses over time, a panel for each readout.

    Parameters
    ----------
    table
        Readings: the columns `COLUMNS`, and ``low`` and ``high`` for a band.
    words
        Readout -> what it is.
    caption
        Line below: cells, mechanisms and what else was set.
    colour_by
        ``dose``: colours are doses and each condition has its own column of panels;
        ``condition``: colours are conditions and dashes are doses.
    clock
        What time is counted from.

    Raises
    ------
    ModelValueError
        If a column is missing or there is no row.
    """
    _require_rows(table)
    readouts, conditions = _levels(table, "readout"), _levels(table, "condition")
    doses = sorted(_levels(table, "cxcl12_nM"))
    faceted = colour_by == "dose" and len(conditions) > 1
    scale, unit = _clock(float(table["time_s"].max()))
    with house_style():
        cells = [(r, c) for r in readouts for c in (conditions if faceted else [""])]
        across = len(conditions) if faceted else min(len(readouts), MOST_ACROSS)
        if not faceted and len(readouts) in {3, 5, 6, 9}:
            across = min(len(readouts), 3)
        figure, grid = _grid(len(cells), across, share_rows=faceted)
        looks = _looks(doses if colour_by == "dose" else conditions, first_grey=colour_by != "dose")
        told_apart = doses if len(doses) > 1 else conditions
        dashes: dict[Any, Dashes] = {
            item: ARM_DASHES[i % len(ARM_DASHES)] for i, item in enumerate(told_apart)
        }
        for axes, (readout, facet) in zip(grid, cells, strict=False):
            rows = table[table["readout"] == readout]
            rows = rows[rows["condition"] == facet] if faceted else rows
            for (condition, dose), course in rows.groupby(["condition", "cxcl12_nM"], sort=False):
                by_dose = colour_by == "dose"
                told = dose if len(doses) > 1 else condition
                _line(
                    axes,
                    course,
                    scale,
                    colour=looks[dose if by_dose else condition],
                    dashes=SOLID if by_dose else dashes[told],
                )
            axes.set_ylabel(axis_label(words.get(readout, readout), str(rows["unit"].iloc[0])))
            if faceted:
                axes.set_title(plain(facet), fontsize=9, color=INK)
            axes.set_xlim(0, float(table["time_s"].max()) / scale)
            light_grid(axes)
        for axes in grid:
            _from_zero(axes)
        if faceted:
            _quieten(grid, across)
        _label_below(grid, across, f"Time {clock} ({unit})")
        if colour_by == "dose":
            handles = _keys({f"{dose:g}": looks[dose] for dose in doses}, [SOLID] * len(doses))
            title = "CXCL12 (nM)"
        else:
            lines = [dashes.get(c, SOLID) for c in conditions]
            handles = _keys({plain(c): looks[c] for c in conditions}, lines)
            if len(doses) > 1:
                tells = {f"{dose:g} nM CXCL12": MUTED for dose in doses}
                handles += _keys(tells, [dashes[dose] for dose in doses])
            title = f"{doses[0]:g} nM CXCL12" if len(doses) == 1 and doses[0] else ""
        _finish(figure, handles, title=title, caption=caption)
    return figure


def dose_figure(
    table: pd.DataFrame,
    *,
    words: Mapping[str, str],
    caption: str,
    curves: Sequence[DoseCurve] = (),
    dose_words: str = "CXCL12 (nM)",
) -> Figure:
    """Draw answers against the dose of CXCL12, a panel for each readout.

    A dose of 0 stands at the left end of the axis. The dose of the first condition is marked.

    Parameters
    ----------
    table
        One reading per readout, condition and dose; columns as in `course_figure`.
    words
        Readout -> what it is.
    caption
        Line below.
    curves
        Curves through the points; without one the points are joined.
    dose_words
        Label of the dose axis.

    Raises
    ------
    ModelValueError
        If a column is missing, there is no row, or every dose is 0.
    """
    _require_rows(table)
    readouts, conditions = _levels(table, "readout"), _levels(table, "condition")
    doses = np.array(sorted(_levels(table, "cxcl12_nM")))
    if not (doses > 0).any():
        msg = "a dose-response needs a dose above 0."
        raise ModelValueError(msg)
    least = float(doses[doses > 0].min())
    zero = least / 4.0
    with house_style():
        figure, grid = _grid(len(readouts), min(len(readouts), 3))
        looks = _looks(conditions, first_grey=False)
        for axes, readout in zip(grid, readouts, strict=False):
            rows = table[table["readout"] == readout]
            axes.set_xscale("log")
            for condition, answers in rows.groupby("condition", sort=False):
                colour = looks[condition]
                place = answers["cxcl12_nM"].to_numpy(dtype=float)
                x = np.where(place > 0, place, zero)
                y = answers["value"].to_numpy(dtype=float)
                mine = [c for c in curves if (c.readout, c.condition) == (readout, condition)]
                if "low" in answers:
                    axes.fill_between(
                        x,
                        answers["low"],
                        answers["high"],
                        color=colour,
                        alpha=BAND_ALPHA,
                        linewidth=0,
                    )
                fitted = mine and np.isfinite(mine[0].value).any()
                dashes = ARM_DASHES[conditions.index(str(condition)) % len(ARM_DASHES)]
                axes.plot(
                    x,
                    y,
                    linestyle="none" if fitted else dashes,
                    marker="o",
                    markersize=3.2,
                    color=colour,
                )
                for curve in mine:
                    axes.plot(curve.cxcl12_nM, curve.value, color=colour, linestyle=dashes)
                    if condition == conditions[0]:
                        _mark_dose(axes, curve, colour)
            axes.set_ylabel(axis_label(words.get(readout, readout), str(rows["unit"].iloc[0])))
            _dose_axis(axes, doses, zero)
            _from_zero(axes)
            light_grid(axes)
        _label_below(grid, min(len(readouts), 3), dose_words)
        dashed = [ARM_DASHES[i % len(ARM_DASHES)] for i in range(len(conditions))]
        handles = _keys({plain(c): looks[c] for c in conditions}, dashed)
        _finish(figure, handles if len(conditions) > 1 else [], title="", caption=caption)
    return figure


def fold_panel(table: pd.DataFrame, *, words: Mapping[str, str], caption: str) -> Figure:
    """Draw folds as a panel of coloured cells: readouts down, conditions across.

    Parameters
    ----------
    table
        One fold per readout and condition; columns as in `course_figure`.
    words
        Readout -> what it is.
    caption
        Line below.

    Raises
    ------
    ModelValueError
        If a column is missing or there is no row.
    """
    _require_rows(table)
    readouts = _levels(table, "readout")
    conditions = [c for c in _levels(table, "condition") if c != "control"] or ["control"]
    folds = table.pivot_table(
        index="readout", columns="condition", values="value", sort=False, dropna=False
    ).reindex(index=readouts, columns=conditions)
    values = folds.to_numpy(dtype=float)
    with house_style():
        size = (2.6 + 0.52 * len(conditions), 1.7 + 0.36 * len(readouts))
        figure = Figure(figsize=size, layout="constrained")
        axes = figure.add_subplot()
        with np.errstate(divide="ignore", invalid="ignore"):
            shade = np.log2(values)
        reach = max(1.0, float(np.nanmax(np.abs(np.where(np.isfinite(shade), shade, 0.0)))))
        image = axes.imshow(shade, cmap="RdBu_r", vmin=-reach, vmax=reach, aspect="auto")
        for row, column in np.ndindex(*values.shape):
            value = values[row, column]
            told = f"{value:.2f}" if np.isfinite(value) else "-"
            dark = np.isfinite(shade[row, column]) and abs(shade[row, column]) > 0.6 * reach
            ink = "white" if dark else INK
            axes.text(column, row, told, ha="center", va="center", fontsize=8, color=ink)
        names = [plain(c) for c in conditions]
        axes.set_xticks(range(len(names)), names, rotation=45, ha="right", rotation_mode="anchor")
        axes.tick_params(axis="x", length=0)
        axes.set_yticks(range(len(readouts)), [words.get(name, name) for name in readouts])
        axes.tick_params(axis="y", length=0)
        for spine in axes.spines.values():
            spine.set_visible(False)
        bar = figure.colorbar(image, ax=axes, shrink=0.9, pad=0.02)
        bar.set_label("log2 of the fold")
        bar.outline.set_visible(False)
        _finish(figure, [], title="", caption=caption)
    return figure


def plain(text: str) -> str:
    """Return a condition as words."""
    known = {"hre": "HRE", "ackr3": "ACKR3", "cxcr4": "CXCR4"}
    return " ".join(
        known.get(part, part.replace("mir", "miR-") if part.startswith("mir") else part)
        for part in text.split("_")
    )


def _require_rows(table: pd.DataFrame) -> None:
    require_columns(list(table.columns), COLUMNS, "assay")
    if table.empty:
        msg = "table 'assay' has no row."
        raise ModelValueError(msg)


def _levels(table: pd.DataFrame, column: str) -> list[Any]:
    return list(dict.fromkeys(table[column]))


def _clock(last_s: float) -> tuple[float, str]:
    """Return the length of the time unit that suits, s, and its name."""
    return next(((scale, unit) for most, scale, unit in _CLOCKS if last_s <= most), _DAY)


def _grid(count: int, across: int, *, share_rows: bool = False) -> tuple[Figure, list[Axes]]:
    down = -(-count // across)
    width, height = _PANEL_INCH
    if across == 1:
        width = 4.6
    figure = Figure(figsize=(width * across + 0.3, height * down + 0.9), layout="constrained")
    grid = figure.subplots(down, across, squeeze=False, sharey="row" if share_rows else False)
    panels = list(grid.flat)
    for axes in panels[count:]:
        axes.set_visible(False)
    return figure, panels[:count]


def _quieten(grid: Sequence[Axes], across: int) -> None:
    """Leave the label of the values to the first panel of a row, the titles to the first row."""
    for place, axes in enumerate(grid):
        if place % across:
            axes.set_ylabel("")
        if place >= across:
            axes.set_title("")


def _label_below(grid: Sequence[Axes], across: int, text: str) -> None:
    """Label the lowest panel of each column."""
    for axes in grid[-across:]:
        axes.set_xlabel(text)


def _looks(levels: Sequence[Any], *, first_grey: bool) -> dict[Any, str]:
    """Return a colour for each level; many numbers run from light to dark."""
    if len(levels) > MOST_APART and not isinstance(levels[0], str):
        shades = mpl.colormaps["viridis_r"](np.linspace(0.12, 1.0, len(levels)))
        return dict(zip(levels, map(mpl.colors.to_hex, shades), strict=True))
    colours = [CONTROL_COLOUR, *ARM_COLOURS] if first_grey else list(ARM_COLOURS)
    return {level: colours[i % len(colours)] for i, level in enumerate(levels)}


def _line(axes: Axes, course: pd.DataFrame, scale: float, *, colour: str, dashes: object) -> None:
    time = course["time_s"].to_numpy(dtype=float) / scale
    if "low" in course:
        axes.fill_between(
            time, course["low"], course["high"], color=colour, alpha=BAND_ALPHA, linewidth=0
        )
    marker = "o" if len(time) == 1 else ""
    axes.plot(time, course["value"], color=colour, linestyle=dashes, marker=marker)


def _from_zero(axes: Axes) -> None:
    """Begin the axis of the values at 0 unless they all lie far from it."""
    low, high = axes.get_ylim()
    if 0 < low < 0.5 * high:
        axes.set_ylim(bottom=0.0)


def _dose_axis(axes: Axes, doses: FloatArray, zero: float) -> None:
    """Mark powers of ten (each dose if they span too little), and a dose of 0."""
    least, most = float(doses[doses > 0].min()), float(doses.max())
    decades = 10.0 ** np.arange(-4, 6)
    ticks = [float(t) for t in decades if least <= t <= most]
    if len(ticks) < 2:
        ticks = [float(t) for t in doses if t > 0]
    with_zero = bool((doses == 0).any())
    if with_zero and len(ticks) > MOST_TICKS:
        ticks = ticks[1::2]
    names = [f"{t:g}" for t in ticks]
    axes.set_xticks([zero, *ticks] if with_zero else ticks, ["0", *names] if with_zero else names)
    axes.set_xlim((zero if with_zero else least) / 1.6, most * 1.6)
    axes.minorticks_off()


def _mark_dose(axes: Axes, curve: DoseCurve, colour: str) -> None:
    if not np.isfinite(curve.mark_nM):
        return
    axes.axvline(curve.mark_nM, color=colour, linewidth=0.7, linestyle=(0, (1.5, 1.5)), zorder=0)
    dose = f"{curve.mark_nM:.2g}" if curve.mark_nM < 100 else f"{curve.mark_nM:.0f}"
    axes.text(
        curve.mark_nM,
        1.02,
        f"{curve.mark_words} {dose}",
        transform=axes.get_xaxis_transform(),
        ha="center",
        va="bottom",
        fontsize=7.5,
        color=colour,
    )


def _keys(names: Mapping[str, str], dashes: Sequence[Dashes]) -> list[Line2D]:
    return list(_lines(names, dashes))


def _lines(names: Mapping[str, str], dashes: Sequence[Dashes]) -> Iterator[Line2D]:
    for (name, colour), dash in zip(names.items(), dashes, strict=True):
        yield Line2D([], [], color=colour, linestyle=dash, label=name)


def _finish(figure: Figure, handles: Sequence[Line2D], *, title: str, caption: str) -> None:
    """Put the key above the panels and the caption below them."""
    width = figure.get_size_inches()[0]
    if handles:
        least = 0.95 if max(len(str(item.get_label())) for item in handles) < 8 else 1.6
        columns = max(1, min(len(handles), int(width / least)))
        figure.legend(
            handles=list(handles), title=title or None, loc="outside upper left", ncols=columns
        )
    told = "\n".join(textwrap.wrap(f"{caption} {UNMEASURED}", int(width * 17)))
    lines = told.count("\n") + 1
    height = figure.get_size_inches()[1]
    foot = (0.14 * lines + 0.06) / height
    figure.set_layout_engine("constrained", rect=(0.0, foot, 1.0, 1.0 - foot))
    figure.text(0.01, 0.04 / height, told, fontsize=7.5, color=MUTED, ha="left", va="bottom")
