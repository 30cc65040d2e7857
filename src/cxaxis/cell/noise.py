"""How far readings lie from what a model says, and how likely they are under it.

Readings of one readout on one scale form a series. A series is compared on a logarithmic scale
or on a linear one, with a standard deviation that is given, taken from replicates or fitted, and
where the laboratory's scale is its own a factor is fitted; both fits are in closed form.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal

import numpy as np

from cxaxis.cell.measurements import Measurement
from cxaxis.cell.readouts import READOUTS
from cxaxis.core.arrays import BoolArray, FloatArray, IntArray

SdSource = Literal["given", "replicates", "fitted"]

# Readings over more than this range, or with a zero among them, are compared linearly.
LEAST_OF_LARGEST: Final = 1e-3
# No laboratory reads better than this share of what it reads; a fitted sd stays above it.
LEAST_SD: Final = 0.01
# Fewer spare replicates than these say too little of the spread.
LEAST_SPARE: Final = 3


@dataclass(frozen=True, kw_only=True)
class Series:
    """Readings that share a scale, a factor and a standard deviation.

    Attributes
    ----------
    readout, unit, scaled
        As of the measurements.
    positions
        Where the readings stand among all.
    measured
        The readings, shape ``(n,)``.
    logarithmic
        Whether they are compared on a logarithmic scale.
    sd
        Standard deviations on that scale, shape ``(n,)``; None if one is fitted.
    sd_source
        Where they come from.
    least_sd
        What a fitted standard deviation stays above, on that scale.
    """

    readout: str
    unit: str
    scaled: bool
    positions: IntArray
    measured: FloatArray
    logarithmic: bool
    sd: FloatArray | None
    sd_source: SdSource
    least_sd: float

    @property
    def n_fitted(self) -> int:
        """How many numbers are fitted: the factor and the standard deviation."""
        return int(self.scaled) + int(self.sd is None)

    def compared(self, readings: FloatArray) -> FloatArray:
        """Return readings on the scale of comparison."""
        return np.log(readings) if self.logarithmic else readings


@dataclass(frozen=True, kw_only=True)
class SeriesFit:
    """A series beside what one model says.

    Attributes
    ----------
    factor
        What the model is multiplied by; 1 unless fitted.
    predicted
        What the model says, times the factor, shape ``(n,)``.
    residuals
        Measured less predicted, in standard deviations, shape ``(n,)``.
    sd
        Standard deviations on the scale of comparison, shape ``(n,)``.
    log_likelihood
        Natural logarithm of the Gaussian likelihood of the series.
    """

    factor: float
    predicted: FloatArray
    residuals: FloatArray
    sd: FloatArray
    log_likelihood: float


def series_of(
    rows: Sequence[Measurement], predicted: Sequence[FloatArray], counting: BoolArray
) -> list[Series]:
    """Return the series of the readings, in the order in which they first occur.

    Parameters
    ----------
    rows
        The readings.
    predicted
        What each model says of every reading: the scale of comparison must suit all of them, or
        their likelihoods could not be set against each other.
    counting
        Which readings count; the others are left out.
    """
    members: dict[tuple[str, str, bool], list[int]] = {}
    for position, row in enumerate(rows):
        if counting[position]:
            members.setdefault((row.readout, row.unit, row.scaled), []).append(position)
    return [_series(key, np.array(places), rows, predicted) for key, places in members.items()]


def _series(
    key: tuple[str, str, bool],
    positions: IntArray,
    rows: Sequence[Measurement],
    predicted: Sequence[FloatArray],
) -> Series:
    readout, unit, scaled = key
    mine = [rows[place] for place in positions]
    measured = np.array([row.value for row in mine])
    logarithmic = _is_natural_log(readout, scaled) and all(
        _suits_log(readings) for readings in (measured, *(p[positions] for p in predicted))
    )
    values = np.log(measured) if logarithmic else measured
    sd, source = _sds(mine, values, logarithmic=logarithmic)
    least = LEAST_SD if logarithmic else LEAST_SD * float(np.abs(measured).max())
    return Series(
        readout=readout,
        unit=unit,
        scaled=scaled,
        positions=positions,
        measured=measured,
        logarithmic=logarithmic,
        sd=sd,
        sd_source=source,
        least_sd=least or LEAST_SD,
    )


def _is_natural_log(readout: str, scaled: bool) -> bool:
    """Return whether readings vary in proportion: concentrations, counts, folds."""
    item = READOUTS[readout]
    return not scaled and (item.unit != "1" or item.relative == "rest" or item.growth)


def _suits_log(readings: FloatArray) -> bool:
    return bool((readings > LEAST_OF_LARGEST * readings.max()).all() and readings.max() > 0)


def _sds(
    rows: Sequence[Measurement], values: FloatArray, *, logarithmic: bool
) -> tuple[FloatArray | None, SdSource]:
    given = np.array([np.nan if row.sd is None else row.sd for row in rows])
    if np.isfinite(given).any():
        if logarithmic:
            given = np.sqrt(np.log1p((given / np.array([row.value for row in rows])) ** 2))
        # A line without one has the usual one of its series.
        usual = float(np.sqrt(np.nanmean(given**2)))
        return np.where(np.isfinite(given), given, usual), "given"
    groups: dict[tuple[object, ...], list[float]] = {}
    for row, value in zip(rows, values, strict=True):
        key = (row.assay, row.context, row.condition.text, row.cxcl12_nM, row.time_s)
        groups.setdefault(key, []).append(float(value))
    spare = sum(len(group) - 1 for group in groups.values())
    squares = sum(float(np.square(np.subtract(g, np.mean(g))).sum()) for g in groups.values())
    if spare >= LEAST_SPARE and squares > 0:
        return np.full(len(values), math.sqrt(squares / spare)), "replicates"
    return None, "fitted"


def fit_series(series: Series, predicted: FloatArray) -> SeriesFit:
    """Return a series beside what a model says of its readings.

    Parameters
    ----------
    series
        The series.
    predicted
        What the model says of its readings, shape ``(n,)``, on the scale of the model.
    """
    weights = np.ones(len(predicted)) if series.sd is None else series.sd**-2.0
    factor = _factor(series, predicted, weights) if series.scaled else 1.0
    scaled = factor * predicted
    away = series.compared(series.measured) - series.compared(scaled)
    if series.sd is None:
        sd = np.full(len(away), max(float(np.sqrt(np.mean(away**2))), series.least_sd))
    else:
        sd = series.sd
    residuals = away / sd
    terms = -0.5 * residuals**2 - np.log(sd) - 0.5 * math.log(2 * math.pi)
    return SeriesFit(
        factor=factor,
        predicted=scaled,
        residuals=residuals,
        sd=sd,
        log_likelihood=float(terms.sum()),
    )


def _factor(series: Series, predicted: FloatArray, weights: FloatArray) -> float:
    """Return the factor of least squares; a laboratory's scale is never upside down."""
    power = float((weights * predicted**2).sum())
    if power <= 0:
        return 0.0
    return max(float((weights * predicted * series.measured).sum()) / power, 0.0)


def mean_of_likelihoods(logs: Sequence[float]) -> float:
    """Return the logarithm of the mean of likelihoods, from their logarithms."""
    values = np.asarray(logs, dtype=np.float64)
    top = float(values.max())
    return top + math.log(float(np.exp(values - top).mean())) if math.isfinite(top) else top


def posterior(logs: Mapping[str, float], priors: Mapping[str, float]) -> dict[str, float]:
    """Return the probability of each rival from its log-likelihood and its prior weight.

    Parameters
    ----------
    logs
        Log-likelihood by rival.
    priors
        Prior weight by rival, positive; they need not sum to 1.
    """
    top = max(logs.values())
    shares = {name: priors[name] * math.exp(log - top) for name, log in logs.items()}
    total = sum(shares.values())
    return {name: share / total for name, share in shares.items()}
