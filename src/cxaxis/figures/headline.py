"""The headline drawn: hazard ratios against the causal share, one panel a backbone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pandas as pd
from matplotlib.figure import Figure

from cxaxis.core.errors import ModelValueError
from cxaxis.figures.ratios import hazard_ratio_against_phi
from cxaxis.figures.style import ArmStyle, house_style

_WIDTH_INCH = 3.3
_HEIGHT_INCH = 4.4


def shares_figure(panels: Mapping[str, pd.DataFrame], styles: Sequence[ArmStyle]) -> Figure:
    """Return hazard ratios against the causal share, panels side by side on one scale.

    Parameters
    ----------
    panels
        Title -> table as `cxaxis.figures.ratios.hazard_ratio_against_phi` takes it.
    styles
        Arms to draw; the legend is shared.

    Raises
    ------
    ModelValueError
        If there is no panel, or a table cannot be drawn.
    """
    if not panels:
        msg = "the figure needs at least one panel."
        raise ModelValueError(msg)
    with house_style():
        figure = Figure(figsize=(_WIDTH_INCH * len(panels), _HEIGHT_INCH), layout="constrained")
        every = [
            hazard_ratio_against_phi(table, styles, axes=figure.add_subplot(1, len(panels), place))
            for place, table in enumerate(panels.values(), start=1)
        ]
        low, high = (
            pick(axes.get_ylim()[side] for axes in every) for side, pick in ((0, min), (1, max))
        )
        ticks = max((axes.get_yticks() for axes in every), key=len)
        handles, labels = every[0].get_legend_handles_labels()
        for axes, title in zip(every, panels, strict=True):
            legend = axes.get_legend()
            if legend is not None:
                legend.remove()
            axes.set_title(title, loc="left")
            axes.set_yticks(ticks, [f"{tick:g}" for tick in ticks])
            axes.set_ylim(low, high)
            axes.set_xlabel("Causal share φ (no unit)")
            if axes is not every[0]:
                axes.set_ylabel("")
        every[0].set_ylabel("Hazard ratio of death (no unit, log scale)")
        figure.legend(handles, labels, loc="outside lower center", ncols=4)
    return figure
