"""Patients one by one: the best change of their lesions, and what happened to them when."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from cxaxis.core.errors import ModelValueError
from cxaxis.figures.style import (
    ARM_COLOURS,
    CONTROL_COLOUR,
    INK,
    RULE,
    ArmStyle,
    days_per_month,
    house_style,
    light_grid,
    month_ticks,
    require_columns,
)

#: Best response -> (colour, words); the order of the legend.
RESPONSES: Final[Mapping[str, tuple[str, str]]] = {
    "CR": (ARM_COLOURS[2], "complete"),
    "PR": (ARM_COLOURS[0], "partial"),
    "SD": ("#9aa1a8", "stable"),
    "PD": (ARM_COLOURS[1], "progression"),
    "NED": (ARM_COLOURS[4], "no disease seen"),
    "NE": (RULE, "not evaluable"),
}
# The bounds of RECIST 1.1 on the sum of the target lesions, %.
RESPONSE_PERCENT: Final = -30.0
PROGRESSION_PERCENT: Final = 20.0
MOST_PERCENT: Final = 100.0
LANES_SHOWN: Final = 24
_MOST_SPACED: Final = 80
# A panel of fewer lanes keeps the room of so many, for its labels.
_LEAST_LANES: Final = 6


def waterfall(
    changes: pd.DataFrame, arms: Sequence[ArmStyle], *, n_allocated: Mapping[str, int]
) -> Figure:
    """Draw the best change of the target lesions, one bar per patient, one panel per arm.

    Parameters
    ----------
    changes
        ``TRT01P``, ``PCHG`` (%, at least -100) and ``BESTRESP``, one row per patient.
    arms
        Arms to draw, control first.
    n_allocated
        Patients allocated to each arm; those without a bar are told.

    Returns
    -------
    A figure whose bars are coloured by best response and end at +100 %.

    Raises
    ------
    ModelValueError
        If a column is missing or there is no patient.
    """
    require_columns(list(changes.columns), ["TRT01P", "PCHG", "BESTRESP"], "changes")
    shown = [arm for arm in arms if (changes["TRT01P"] == arm.arm).any()]
    if not shown:
        msg = "no patient has a change of target lesions; a waterfall plot needs one."
        raise ModelValueError(msg)
    seen = set(changes["BESTRESP"])
    with house_style():
        figure = Figure(figsize=(6.4, 0.75 + 1.9 * len(shown)), layout="constrained")
        panels = np.atleast_1d(figure.subplots(len(shown), 1, sharey=True))
        top = float(np.clip(changes["PCHG"].max(), PROGRESSION_PERCENT + 5, MOST_PERCENT)) + 8
        for axes, arm in zip(panels, shown, strict=True):
            axes.set_ylim(-103, top)
            _draw_bars(axes, arm, changes[changes["TRT01P"] == arm.arm], n_allocated)
        figure.legend(
            handles=[
                Patch(color=colour, label=words)
                for name, (colour, words) in RESPONSES.items()
                if name in seen
            ],
            loc="outside upper left",
            ncols=len(seen),
            title="Best response by RECIST 1.1",
            alignment="left",
            handlelength=1.0,
        )
    return figure


def _draw_bars(
    axes: Axes, arm: ArmStyle, rows: pd.DataFrame, n_allocated: Mapping[str, int]
) -> None:
    ordered = rows.sort_values("PCHG", ascending=False, kind="stable")
    change = ordered["PCHG"].to_numpy(dtype=np.float64)
    colours = [RESPONSES.get(name, RESPONSES["NE"])[0] for name in ordered["BESTRESP"]]
    place = np.arange(len(change)) + 0.5
    # A change of nothing would have no bar to carry its colour.
    height = np.where(np.abs(change) < 1.0, 1.0, np.minimum(change, MOST_PERCENT))
    # Gaps between many narrow bars would only shimmer.
    spaced = len(change) <= _MOST_SPACED
    axes.bar(
        place,
        height,
        width=0.86 if spaced else 1.0,
        color=colours,
        edgecolor=colours,
        linewidth=0.0 if spaced else 0.4,
    )
    beyond = change > MOST_PERCENT
    if beyond.any():  # The layout cannot place an unclipped line without points.
        axes.plot(
            place[beyond],
            np.full(int(beyond.sum()), MOST_PERCENT + 4),
            marker="^",
            markersize=4,
            linestyle="none",
            color=INK,
            clip_on=False,
        )
    axes.axhline(0.0, color=INK, linewidth=0.8)
    for bound in (RESPONSE_PERCENT, PROGRESSION_PERCENT):
        axes.axhline(bound, color=INK, linewidth=0.8, linestyle=(0, (3, 2)), zorder=3)
    total = n_allocated.get(arm.arm, len(change))
    axes.set(xlim=(0, len(change)), ylabel="Best change of\ntarget lesions (%)")
    axes.set_yticks(
        [tick for tick in (-100, -60, -30, 0, 20, 60, 100) if tick < axes.get_ylim()[1]]
    )
    axes.set_xticks([])
    axes.spines["bottom"].set_visible(False)
    beyond_words = f"; ▲ {int(beyond.sum())} beyond +100 %" if beyond.any() else ""
    axes.set_xlabel(
        f"Patients by best change: {len(change)} of {total} measured again{beyond_words}",
        color=INK,
    )
    axes.set_title(arm.label, loc="left", color=arm.colour, fontsize=9.5, weight="bold")


def swimmer(
    lanes: pd.DataFrame,
    arms: Sequence[ArmStyle],
    *,
    horizon_day: float,
    most_lanes: int = LANES_SHOWN,
) -> Figure:
    """Draw what happened to each patient as a lane in time, one panel per arm.

    Parameters
    ----------
    lanes
        What `cxaxis.trial.patient_courses.patient_lanes` returns.
    arms
        Arms to draw, control first.
    horizon_day
        End of the time axis, days, positive.
    most_lanes
        Patients shown of each arm, at least 2; of more, those evenly spaced by length of
        follow-up, shortest and longest included.

    Returns
    -------
    A figure with lanes from allocation to death or end of follow-up, the longest on top.

    Raises
    ------
    ModelValueError
        If a column is missing, no patient belongs to an arm, or ``most_lanes`` is below 2.
    """
    needed = ["TRT01P", "ENDDY", "DIED", "RESPDY", "RESPENDY", "PROGDY", "OPERDY"]
    require_columns(list(lanes.columns), needed, "lanes")
    if most_lanes < 2:
        msg = f"most_lanes must be at least 2, got {most_lanes!r}."
        raise ModelValueError(msg)
    chosen = [
        (arm, rows, _evenly(rows, most_lanes))
        for arm in arms
        if len(rows := lanes[lanes["TRT01P"] == arm.arm])
    ]
    if not chosen:
        msg = "no patient belongs to one of the arms; a swimmer plot needs one."
        raise ModelValueError(msg)
    last = horizon_day / days_per_month()
    heights = [max(len(shown), _LEAST_LANES) for _, _, shown in chosen]
    with house_style():
        figure = Figure(
            figsize=(6.4, 1.5 + 0.135 * sum(heights) + 0.35 * len(chosen)), layout="constrained"
        )
        panels = figure.subplots(
            len(chosen), 1, sharex=True, squeeze=False, gridspec_kw={"height_ratios": heights}
        )[:, 0]
        for axes, (arm, rows, shown) in zip(panels, chosen, strict=True):
            _draw_lanes(axes, arm, shown)
            axes.set(xlim=(0, last * 1.02), ylim=(-0.8, len(shown) - 0.2), yticks=[])
            axes.set_xticks(month_ticks(last))
            axes.set_ylabel(f"Patients: {len(shown)} of {len(rows)}")
            axes.set_title(arm.label, loc="left", color=arm.colour, fontsize=9.5, weight="bold")
            axes.spines["left"].set_visible(False)
            light_grid(axes, axis="x")
        panels[-1].set_xlabel("Time since allocation (months)")
        figure.legend(handles=_lane_legend(lanes), loc="outside upper left", ncols=3)
    return figure


def _evenly(rows: pd.DataFrame, most: int) -> pd.DataFrame:
    """Return at most so many lanes, shortest first, evenly spaced by rank."""
    ordered = rows.sort_values("ENDDY", kind="stable")
    if len(ordered) <= most:
        return ordered
    return ordered.iloc[np.round(np.linspace(0, len(ordered) - 1, most)).astype(int)]


_MARKS: Final[Mapping[str, tuple[str, str, str, str]]] = {
    # Column of the day -> marker, colour, face, words.
    "OPERDY": ("D", INK, INK, "operation"),
    "PROGDY": ("o", INK, "white", "first progression"),
}


def _draw_lanes(axes: Axes, arm: ArmStyle, lanes: pd.DataFrame) -> None:
    month = {
        name: lanes[name].to_numpy(dtype=np.float64) / days_per_month()
        for name in ("ENDDY", "RESPDY", "RESPENDY", "PROGDY", "OPERDY")
    }
    height = np.arange(len(lanes), dtype=np.float64)
    died = lanes["DIED"].to_numpy(dtype=bool)
    axes.barh(height, month["ENDDY"], height=0.62, color=arm.colour, alpha=0.30, linewidth=0)
    responded = np.isfinite(month["RESPDY"])
    axes.barh(
        height[responded],
        (month["RESPENDY"] - month["RESPDY"])[responded],
        left=month["RESPDY"][responded],
        height=0.62,
        color=arm.colour,
        linewidth=0,
    )
    for name, (marker, edge, face, _) in _MARKS.items():
        axes.plot(
            month[name],
            height,
            marker=marker,
            markersize=4.2,
            markeredgecolor=edge,
            markerfacecolor=face,
            markeredgewidth=0.8,
            linestyle="none",
        )
    for flags, marker, size in ((died, "x", 4.5), (~died, ">", 4.0)):
        if not flags.any():
            # The layout cannot place an unclipped line without points.
            continue
        axes.plot(
            month["ENDDY"][flags] + 0.004 * axes.get_xlim()[1],
            height[flags],
            marker=marker,
            markersize=size,
            markeredgewidth=1.1,
            color=INK,
            linestyle="none",
            clip_on=False,
        )


def _lane_legend(lanes: pd.DataFrame) -> list[Patch | Line2D]:
    handles: list[Patch | Line2D] = [
        Patch(color=CONTROL_COLOUR, alpha=0.30, label="in follow-up"),
    ]
    if lanes["RESPDY"].notna().any():
        handles.append(Patch(color=CONTROL_COLOUR, label="in response (CR or PR)"))
    for name, (marker, edge, face, words) in _MARKS.items():
        if lanes[name].notna().any():
            handles.append(
                Line2D(
                    [],
                    [],
                    marker=marker,
                    color=INK,
                    markeredgecolor=edge,
                    markerfacecolor=face,
                    markersize=4.2,
                    linestyle="none",
                    label=words,
                )
            )
    for flag, marker, words in ((True, "x", "death"), (False, ">", "alive at end of follow-up")):
        if (lanes["DIED"] == flag).any():
            handles.append(
                Line2D(
                    [], [], marker=marker, color=INK, markersize=4.5, linestyle="none", label=words
                )
            )
    return handles
