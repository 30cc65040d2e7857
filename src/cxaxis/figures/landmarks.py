"""Published shares of control arms beside what a population predicts of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from cxaxis.core.errors import ModelValueError
from cxaxis.figures.style import ARM_COLOURS, INK, house_style, light_grid, new_axes

_ROW_INCH = 0.19
_BAR, _CORE = 0.62, 0.24
_MODEL, _MISS = ARM_COLOURS[0], ARM_COLOURS[1]


@dataclass(frozen=True, kw_only=True)
class LandmarkLine:
    """One landmark; all shares in per cent.

    Attributes
    ----------
    label
        Study, arm and quantity.
    observed, low, high
        Published share with its interval.
    predicted_low, predicted_high
        Middle 80 % of what is predicted of a new study.
    model_low, model_high
        Middle 80 % of the model's own share.
    """

    label: str
    observed: float
    low: float
    high: float
    predicted_low: float
    predicted_high: float
    model_low: float
    model_high: float

    @property
    def is_hit(self) -> bool:
        """Whether the published share lies within what is predicted."""
        return self.predicted_low <= self.observed <= self.predicted_high


@dataclass(frozen=True, kw_only=True)
class LandmarkGroup:
    """Landmarks under one heading, first on top; at least one."""

    title: str
    lines: Sequence[LandmarkLine]


def landmark_intervals(groups: Sequence[LandmarkGroup]) -> Axes:
    """Draw published shares as points over bars of what is predicted.

    Raises
    ------
    ModelValueError
        If there is no group, or one of them is empty.
    """
    if not groups or not all(group.lines for group in groups):
        msg = "a drawing of landmarks needs groups with at least one line each."
        raise ModelValueError(msg)
    n_row = sum(len(group.lines) + 1 for group in groups)
    with house_style():
        axes = new_axes(width_inch=8.6, height_inch=0.9 + _ROW_INCH * n_row)
        places, names, at = [], [], float(n_row)
        for group in groups:
            at -= 1
            title = axes.text(0.0, at, group.title, va="center", weight="bold", fontsize=8.5)
            title.set_in_layout(False)
            for line in group.lines:
                at -= 1
                _draw(axes, at, line)
                places.append(at)
                names.append(line.label)
        axes.set_yticks(places, names, fontsize=8)
        axes.tick_params(axis="y", length=0)
        axes.set_ylim(-0.7, n_row - 0.3)
        axes.set_xlim(0.0, 100.0)
        axes.set_xlabel("Patients (%)")
        axes.spines["left"].set_visible(False)
        light_grid(axes, axis="x")
        legend = axes.legend(
            handles=_legend(), loc="lower right", bbox_to_anchor=(1.0, 1.0), ncols=4
        )
        legend.set_in_layout(False)
    return axes


def _draw(axes: Axes, at: float, line: LandmarkLine) -> None:
    wide = line.predicted_high - line.predicted_low
    axes.barh(at, wide, left=line.predicted_low, height=_BAR, color=_MODEL, alpha=0.22)
    own = line.model_high - line.model_low
    axes.barh(at, own, left=line.model_low, height=_CORE, color=_MODEL, alpha=0.75)
    colour = INK if line.is_hit else _MISS
    axes.plot([line.low, line.high], [at, at], color=colour, linewidth=1.0)
    marker = "o" if line.is_hit else "D"
    axes.plot(line.observed, at, marker=marker, markersize=4.2, color=colour, linestyle="none")


def _legend() -> list[Patch | Line2D]:
    def point(marker: str, colour: str, label: str) -> Line2D:
        return Line2D([], [], marker=marker, color=colour, markersize=4.2, linewidth=1, label=label)

    return [
        Patch(color=_MODEL, alpha=0.75, linewidth=0, label="model, 80 %"),
        Patch(color=_MODEL, alpha=0.22, linewidth=0, label="new study, 80 %"),
        point("o", INK, "published, 95 %"),
        point("D", _MISS, "published, missed"),
    ]
