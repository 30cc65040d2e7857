"""Chance of success of a trial, drawn against the causal share."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.ticker import PercentFormatter

from cxaxis.figures.style import (
    BAND_ALPHA,
    INK,
    ArmStyle,
    house_style,
    light_grid,
    new_axes,
    require_columns,
)


def power_against_phi(
    table: pd.DataFrame, arms: Sequence[ArmStyle], *, alpha: float, axes: Axes | None = None
) -> Axes:
    """Draw the chance to reject in favour of each arm as a function of the causal share.

    Parameters
    ----------
    table
        ``ARM, PHI`` (causal share, 0 to 1), ``POWER, LOW, HIGH`` (shares, 0 to 1).
    arms
        Styles of the arms to draw; those without rows are left out.
    alpha
        Two-sided level of the test; half of it is drawn, which is the power without effect.
    axes
        Axes to draw into; by default those of a new figure.

    Raises
    ------
    ModelValueError
        If the table lacks a column.
    """
    require_columns(list(table.columns), ["ARM", "PHI", "POWER", "LOW", "HIGH"], "power_by_phi")
    with house_style():
        axes = axes or new_axes()
        for style in arms:
            rows = table[table["ARM"] == style.arm].sort_values("PHI")
            if rows.empty:
                continue
            phi = rows["PHI"].to_numpy(dtype=np.float64)
            low, middle, high = (
                rows[name].to_numpy(dtype=np.float64) for name in ("LOW", "POWER", "HIGH")
            )
            axes.fill_between(phi, low, high, color=style.colour, alpha=BAND_ALPHA, linewidth=0)
            axes.plot(
                phi, middle, color=style.colour, linestyle=style.dashes, marker="o", markersize=4,
                label=style.label,
            )  # fmt: skip
        axes.axhline(alpha / 2.0, color=INK, linewidth=0.8, linestyle=(0, (2, 2)), zorder=0)
        axes.set_ylim(0.0, 1.0)
        axes.set_xlim(-0.02, 1.02)
        axes.yaxis.set_major_formatter(PercentFormatter(1.0))
        axes.set_xlabel("Causal share of the hazard ratio (no unit)")
        axes.set_ylabel("Power")
        light_grid(axes)
        if axes.get_legend_handles_labels()[0]:
            axes.legend(loc="lower left", bbox_to_anchor=(0.0, 1.0), ncols=1, borderaxespad=0.2)
    return axes
