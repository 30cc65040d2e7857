"""What readings say of the rival wirings, in words."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Final

import numpy as np

from cxaxis.cell.noise import Series, SeriesFit
from cxaxis.core.arrays import BoolArray

if TYPE_CHECKING:
    import pandas as pd

TOLD_APART: Final = 2.0
"""Log units of likelihood within which two wirings count as not told apart."""
SEEN_SD: Final = 0.05
"""A wiring that moves no reading by more than this many standard deviations is not seen."""
OTHER_NUMBER: Final = 0.05
"""A wiring that moves the receptors at rest by more than this share is said to."""
DEFAULT: Final = "default"


def verdict_of(name: str, difference: float, shift: float, *, first: bool) -> str:
    """Return what readings say of a wiring, in words.

    Parameters
    ----------
    name
        The wiring.
    difference
        Its log-likelihood less that of the best.
    shift
        How far it moves any reading from the default, in standard deviations.
    first
        Whether it is the best.
    """
    if name != DEFAULT and shift < SEEN_SD:
        return "not seen by these readings: says the same as the default"
    if first:
        return "best"
    if difference > -TOLD_APART:
        return "cannot be told apart from the best"
    return f"less likely than the best, by {-difference:.1f} log units"


def notes_of(
    series: Sequence[Series],
    fits: Sequence[SeriesFit],
    summary: pd.DataFrame,
    counting: BoolArray,
    draws: int,
) -> Iterator[str]:
    """Yield how the readings were compared, and what they cannot say.

    Parameters
    ----------
    series, fits
        The series, and each beside the best wiring.
    summary
        One row per wiring, with ``wiring`` and ``verdict``.
    counting
        Which readings counted.
    draws
        How many draws of the parameters the likelihoods are averaged over.
    """
    for s, fit in zip(series, fits, strict=True):
        yield _series_note(s, fit)
        if poor := _poor_fit(s, fit):
            yield poor
    if not counting.all():
        yield (
            f"{int((~counting).sum())} readings are 1 by definition (a fold at its own start) and "
            "count for nothing."
        )
    unseen = summary["verdict"].str.startswith("not seen")
    if unseen.any():
        names = ", ".join(summary.loc[unseen, "wiring"])
        yield f"These readings cannot tell from the default: {names}."
    close = summary["verdict"].str.startswith("cannot be told")
    if close.any():
        names = ", ".join(summary.loc[close, "wiring"])
        yield (
            f"Within {TOLD_APART:g} log units of the best, so cannot be told apart from it: "
            f"{names}."
        )
    others = (
        f"averaged over {draws} draws of the calibrated parameters"
        if draws
        else "at the tabled values of all parameters"
    )
    yield f"Only these wirings are compared, one change at a time, {others}."


def number_notes(at_rest: Mapping[str, float], context: str) -> Iterator[str]:
    """Yield which wirings also change how many receptors a cell rests with.

    Parameters
    ----------
    at_rest
        CXCR4 of the cell at rest under each wiring, molecules; the default among them.
    context
        Kind of cell.
    """
    usual = at_rest[DEFAULT]
    for name, number in at_rest.items():
        if abs(number - usual) > OTHER_NUMBER * usual:
            yield (
                f"{name} also changes how much CXCR4 {context} rests with, from {usual:.0f} to "
                f"{number:.0f} molecules: part of its distance may be that number, not the "
                "mechanism."
            )


def _series_note(series: Series, fit: SeriesFit) -> str:
    n = len(series.positions)
    scale = "logarithmic" if series.logarithmic else "linear"
    sd = float(np.sqrt(np.mean(fit.sd**2)))
    width = f"{100 * sd:.2g} %" if series.logarithmic else f"{sd:.3g}"
    source = {
        "given": f"sd as given ({width})",
        "replicates": f"sd from replicates ({width})",
        "fitted": f"sd fitted ({width} under the best wiring)",
    }[series.sd_source]
    factor = f", factor fitted ({fit.factor:.3g} per unit of the model)" if series.scaled else ""
    unit = "fold or share" if series.unit == "1" else series.unit
    return f"{series.readout} ({unit}): {n} readings, {scale} scale, {source}{factor}."


def _poor_fit(series: Series, fit: SeriesFit) -> str:
    """Return a warning if even the best wiring misses the readings; empty if not."""
    n = len(series.positions)
    if series.sd is not None:
        from scipy.stats import chi2

        spare = n - int(series.scaled)
        if spare > 0 and chi2.sf(float((fit.residuals**2).sum()), spare) < 1e-3:
            typical = float(np.sqrt(np.mean(fit.residuals**2)))
            return (
                f"Even the best wiring misses {series.readout}, by {typical:.1f} sd as a rule: the "
                "ranking says which wiring misses least, not which is right."
            )
        return ""
    values = series.compared(series.measured)
    if n > 2 and float(np.mean(fit.sd**2)) >= float(np.var(values)) > 0:
        return (
            f"Even the best wiring describes {series.readout} no better than its mean would: the "
            "ranking says little."
        )
    return ""
