"""The ledger at a glance: how many claims of each group got which verdict."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Patch
from matplotlib.ticker import MaxNLocator

from cxaxis.core.errors import ModelValueError
from cxaxis.figures.style import INK, MUTED, figure_of, house_style, light_grid

_ROW_INCH = 0.31
_WIDTH_INCH = 9.2
_LEGEND_COLUMNS = 3
_LEGEND_ROW_INCH = 0.23
_BAR_HEIGHT = 0.74


@dataclass(frozen=True, kw_only=True)
class StackPart:
    """One kind of segment, the same in every bar.

    Attributes
    ----------
    key
        Name in the counts.
    label
        Name shown to readers.
    colour
        Fill.
    ink
        Colour of the count printed on it.
    hatch
        Pattern, so that parts stay apart without colour; empty for none.
    """

    key: str
    label: str
    colour: str
    ink: str
    hatch: str = ""


def stacked_counts(
    counts: Mapping[str, Mapping[str, int]], parts: Sequence[StackPart], *, x_label: str
) -> Axes:
    """Draw one horizontal bar of counts for each group, first on top, every segment numbered.

    Parameters
    ----------
    counts
        Group, then the `StackPart.key`, to a count of zero or more; a key may be absent.
    parts
        Segments from left to right; the legend gives the sum of each.
    x_label
        What is counted.

    Raises
    ------
    ModelValueError
        If there is no group or no part, or a group counts something that is no part.
    """
    keys = [part.key for part in parts]
    if not counts or not parts:
        msg = "a stacked bar needs at least one group and one part."
        raise ModelValueError(msg)
    for group, row in counts.items():
        unknown = [key for key in row if key not in keys]
        if unknown:
            msg = f"{group!r} counts {', '.join(unknown)}, which no part shows."
            raise ModelValueError(msg)
    n_legend_row = -(-len(parts) // _LEGEND_COLUMNS)
    head_inch = 0.18 + _LEGEND_ROW_INCH * n_legend_row
    height_inch = head_inch + 0.62 + _ROW_INCH * len(counts)
    with house_style():
        figure = Figure(figsize=(_WIDTH_INCH, height_inch))
        axes = figure.add_axes(
            (0.245, 0.55 / height_inch, 0.735, _ROW_INCH * len(counts) / height_inch)
        )
        light_grid(axes, axis="x")
        for rank, group_counts in enumerate(counts.values()):
            _bar(axes, rank, group_counts, parts)
        axes.set_yticks(range(len(counts)), list(counts))
        axes.tick_params(axis="y", length=0)
        axes.set_ylim(len(counts) - 0.5, -0.5)
        axes.set_xlim(0, 1.06 * max(1, *(sum(row.values()) for row in counts.values())))
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        axes.set_xlabel(x_label)
        _legend(axes, counts, parts)
    return axes


def _bar(axes: Axes, row: int, group: Mapping[str, int], parts: Sequence[StackPart]) -> None:
    left = 0
    for part in parts:
        count = group.get(part.key, 0)
        if not count:
            continue
        axes.barh(
            row,
            count,
            left=left,
            height=_BAR_HEIGHT,
            color=part.colour,
            edgecolor=INK,
            linewidth=0.5,
            hatch=part.hatch,
        )
        axes.text(
            left + count / 2,
            row,
            str(count),
            ha="center",
            va="center_baseline",
            fontsize=8.5,
            color=part.ink,
            # A pattern behind a digit would make it hard to read.
            bbox={"boxstyle": "square,pad=0.12", "facecolor": part.colour, "edgecolor": "none"}
            if part.hatch
            else None,
        )
        left += count
    axes.annotate(
        str(left),
        (left, row),
        xytext=(5, 0),
        textcoords="offset points",
        ha="left",
        va="center_baseline",
        fontsize=8.5,
        color=MUTED,
    )


def _legend(
    axes: Axes, counts: Mapping[str, Mapping[str, int]], parts: Sequence[StackPart]
) -> None:
    handles = []
    for part in parts:
        total = sum(row.get(part.key, 0) for row in counts.values())
        handles.append(
            Patch(
                facecolor=part.colour,
                edgecolor=INK,
                linewidth=0.5,
                hatch=part.hatch,
                label=f"{part.label} ({total})",
            )
        )
    figure_of(axes).legend(
        handles=handles,
        loc="upper left",
        bbox_to_anchor=(0.005, 0.995),
        ncols=_LEGEND_COLUMNS,
        frameon=False,
        handlelength=1.8,
        handleheight=1.0,
        columnspacing=2.2,
        labelspacing=0.4,
        borderaxespad=0.2,
    )
