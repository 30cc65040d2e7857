"""The flow of patients through a trial as boxes and arrows."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from cxaxis.core.errors import ModelValueError
from cxaxis.figures.style import INK, MUTED, RULE, ArmStyle, house_style

_LINE: Final = 0.17
_PAD: Final = 0.11
_GAP: Final = 0.34
# Room for half a line at the sides.
_EDGE: Final = 0.03
_ARM_WIDTH: Final = 2.35
_BETWEEN: Final = 0.28
_CHARACTERS_PER_INCH: Final = 16.0


@dataclass(frozen=True, kw_only=True)
class FlowBox:
    """One box: lines of text, the first in bold."""

    lines: tuple[str, ...]


def flow_chart(
    trunk: Sequence[FlowBox],
    excluded: FlowBox | None,
    arms: Sequence[tuple[ArmStyle, Sequence[FlowBox]]],
) -> Figure:
    """Draw the boxes of a trial's flow: one column down to randomisation, then one per arm.

    Parameters
    ----------
    trunk
        Boxes before allocation, top to bottom, at least one.
    excluded
        Box beside the first of them; None for none.
    arms
        Style and boxes of each arm, at least one arm, each with as many boxes.

    Raises
    ------
    ModelValueError
        If there is no box, or the arms differ in their number.
    """
    if not trunk or not arms or len({len(boxes) for _, boxes in arms}) != 1:
        msg = "a flow needs a box before allocation, and as many boxes in every arm."
        raise ModelValueError(msg)
    width = max(len(arms) * (_ARM_WIDTH + _BETWEEN) - _BETWEEN, 5.4) + 2 * _EDGE
    down = [_wrapped(box, _ARM_WIDTH) for box in trunk]
    aside = None if excluded is None else _wrapped(excluded, _ARM_WIDTH)
    columns = [[_wrapped(box, _ARM_WIDTH) for box in boxes] for _, boxes in arms]
    levels = [max(_height(column[k]) for column in columns) for k in range(len(columns[0]))]
    side = 0.0 if aside is None else _height(aside) + 0.1
    height = sum(map(_height, down)) + _GAP * len(down) + sum(levels) + _GAP * len(levels) + side
    with house_style():
        figure = Figure(figsize=(width, height))
        axes = figure.add_axes((0.0, 0.0, 1.0, 1.0))
        axes.set_xlim(0, width)
        axes.set_ylim(height, 0)
        axes.set_axis_off()
        y = 0.06
        middle = width / 2
        for rank, lines in enumerate(down):
            _box(axes, middle - _ARM_WIDTH / 2, y, _ARM_WIDTH, lines, INK)
            bottom = y + _height(lines)
            y = bottom + _GAP
            if rank == 0 and aside is not None:
                # The excluded leave the trunk on its right, between the first two boxes.
                level = bottom + 0.05 + _height(aside) / 2
                left = min(middle + 0.25, width - _ARM_WIDTH - _EDGE)
                _box(axes, left, bottom + 0.05, _ARM_WIDTH, aside, MUTED)
                _line(axes, [middle, left], [level, level])
                y += side
            if rank + 1 < len(down):
                _line(axes, [middle, middle], [bottom, y])
        branch = y - _GAP / 2
        _line(axes, [middle, middle], [y - _GAP, branch])
        start = (width - len(arms) * (_ARM_WIDTH + _BETWEEN) + _BETWEEN) / 2
        for rank, ((style, _), column) in enumerate(zip(arms, columns, strict=True)):
            left = start + rank * (_ARM_WIDTH + _BETWEEN)
            centre, top = left + _ARM_WIDTH / 2, y
            _line(axes, [middle, centre, centre], [branch, branch, top])
            for k, lines in enumerate(column):
                _box(axes, left, top, _ARM_WIDTH, lines, style.colour)
                if k + 1 < len(column):
                    end = top + levels[k] + _GAP
                    _line(axes, [centre, centre], [top + _height(lines), end])
                top += levels[k] + _GAP
    return figure


def _wrapped(box: FlowBox, width: float) -> tuple[str, ...]:
    most = int((width - 2 * _PAD) * _CHARACTERS_PER_INCH)
    return tuple(
        part
        for line in box.lines
        for part in textwrap.wrap(line, most, subsequent_indent="   ") or [""]
    )


def _height(lines: Sequence[str]) -> float:
    return len(lines) * _LINE + 2 * _PAD


def _box(
    axes: Axes, left: float, top: float, width: float, lines: Sequence[str], colour: str
) -> None:
    from matplotlib.patches import Rectangle

    axes.add_patch(
        Rectangle(
            (left, top), width, _height(lines), facecolor="white", edgecolor=colour, linewidth=1.2
        )
    )
    for rank, line in enumerate(lines):
        axes.text(
            left + _PAD,
            top + _PAD + (rank + 0.5) * _LINE,
            line,
            va="center",
            ha="left",
            fontsize=8.2,
            fontweight="bold" if rank == 0 else "normal",
            color=INK,
        )


def _line(axes: Axes, x: Sequence[float], y: Sequence[float]) -> None:
    axes.plot(x, y, color=RULE, linewidth=1.3, zorder=0)
