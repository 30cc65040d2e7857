"""Dose-response curves: half-effective concentrations with their intervals."""

from __future__ import annotations

import math
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

import numpy as np

from cxaxis.core.arrays import FloatArray
from cxaxis.core.errors import ModelValueError

if TYPE_CHECKING:
    import pandas as pd

CXCL12: Final = "cxcl12_nM"
DRUG: Final = "drug_nM"
LEAST_DOSES: Final = 5
# An answer that has lost this share of its height at the highest dose is a bell.
LEAST_FALL: Final = 0.2
# Where the whole answer is less than this share of its level, no dose is half-effective.
LEAST_CHANGE: Final = 1e-3
NOTHING: Final[Mapping[str, float]] = MappingProxyType({})
_SLOPES: Final = (0.2, 6.0)


@dataclass(frozen=True, kw_only=True)
class HillFit:
    """A Hill curve through one dose-response.

    Attributes
    ----------
    ec50_nM
        Half-effective concentration; not a number if there is none.
    low_nM, high_nM
        Its interval: 95 % of the fit.
    slope
        Hill coefficient.
    bottom, top
        Answer far below and far above the half-effective dose, in the unit of the readout.
    optimum_nM
        Dose of the largest answer where a higher one answers less; not a number otherwise.
    note
        Why there is no number, or what to mind; empty if nothing.
    """

    ec50_nM: float
    low_nM: float
    high_nM: float
    slope: float
    bottom: float
    top: float
    optimum_nM: float = math.nan
    note: str = ""

    def at(self, doses_nM: FloatArray) -> FloatArray:
        """Return the answer at concentrations, same shape, nM."""
        return _hill(doses_nM, self.bottom, self.top, math.log10(self.ec50_nM), self.slope)


def fit_hill(
    doses_nM: FloatArray, answer: FloatArray, *, least: float = 1e-12, of: str = "CXCL12"
) -> HillFit:
    """Fit a Hill curve by least squares.

    Parameters
    ----------
    doses_nM
        Concentrations, shape ``(n,)``, non-negative.
    answer
        Answers, same shape; a fall is fitted as well as a rise.
    least
        Answers that differ by no more than this are no answer, positive.
    of
        What the doses are of, for the notes.

    Returns
    -------
    HillFit
        The interval is that of the fit: answers of a model have no noise, so it says how far
        they are from a Hill curve, and nothing on what is not known of the cell.

    Raises
    ------
    ModelValueError
        If the shapes differ.
    """
    from scipy.optimize import OptimizeWarning, curve_fit
    from scipy.stats import t

    if doses_nM.shape != answer.shape:
        msg = f"doses and answers must match, got {doses_nM.shape} and {answer.shape}."
        raise ModelValueError(msg)
    sound = np.isfinite(answer)
    doses, values = doses_nM[sound], answer[sound]
    positive = doses[doses > 0]
    if len(np.unique(positive)) < LEAST_DOSES:
        return _nothing(f"fewer than {LEAST_DOSES} doses")
    reach = float(values.max() - values.min())
    if reach <= LEAST_CHANGE * float(np.abs(values).max()) or reach <= least:
        return _nothing(f"no answer to {of}")
    order = np.argsort(doses)
    doses, values = doses[order], values[order]
    start, end = float(values[0]), float(values[-1])
    away = np.abs(values - start)
    if away[-1] < (1 - LEAST_FALL) * away.max():
        optimum = float(doses[away.argmax()])
        return replace(_nothing(f"a bell: more {of} answers less"), optimum_nM=optimum)
    half_way = int(np.abs(values - 0.5 * (start + end)).argmin())
    guess = max(float(doses[half_way]), float(positive.min()))
    pad = 2.0 * reach
    lowest, highest = math.log10(positive.min()) - 2, math.log10(positive.max()) + 2
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", OptimizeWarning)
            best, covariance = curve_fit(
                _scaled_hill,
                doses,
                (values - start) / reach,
                p0=[0.0, (end - start) / reach or 1.0, math.log10(guess), 1.0],
                bounds=(
                    [-pad / reach, -pad / reach - 1, lowest, _SLOPES[0]],
                    [pad / reach, pad / reach + 1, highest, _SLOPES[1]],
                ),
                maxfev=20_000,
            )
    except RuntimeError:
        return _nothing("no Hill curve fits")
    bottom, top, log_ec50, slope = (float(item) for item in best)
    free = max(len(doses) - len(best), 1)
    error = math.sqrt(max(float(covariance[2, 2]), 0.0)) * float(t.ppf(0.975, free))
    error = min(error, 3.0) if math.isfinite(error) else 3.0
    outside = not math.log10(positive.min()) <= log_ec50 <= math.log10(positive.max())
    return HillFit(
        ec50_nM=10**log_ec50,
        low_nM=10 ** (log_ec50 - error),
        high_nM=10 ** (log_ec50 + error),
        slope=slope,
        bottom=start + reach * bottom,
        top=start + reach * top,
        note="beyond the doses given" if outside else "",
    )


@dataclass(frozen=True, kw_only=True)
class DoseFit:
    """The dose-response of one readout under one condition.

    Attributes
    ----------
    condition, readout
        What was measured.
    hill
        The curve through the values of the table.
    draws_low_nM, draws_high_nM
        5 and 95 % of the half-effective dose (of the optimum of a bell) over the draws that
        have one; not a number without draws.
    along
        Column of the doses that the curve runs along, `CXCL12` or `DRUG`.
    beside_nM
        Dose of the other of the two, nM.
    """

    condition: str
    readout: str
    hill: HillFit
    draws_low_nM: float = math.nan
    draws_high_nM: float = math.nan
    along: str = CXCL12
    beside_nM: float = 0.0


def fit_doses(
    table: pd.DataFrame,
    spread: Sequence[FloatArray] = (),
    *,
    least: Mapping[str, float] = NOTHING,
    along: str = CXCL12,
) -> tuple[DoseFit, ...]:
    """Fit the dose-response of every readout, condition and dose of what is beside.

    Parameters
    ----------
    table
        One row per condition, readout and doses: ``condition``, ``readout``, ``cxcl12_nM``,
        ``drug_nM`` (none if left out), ``value``.
    spread
        For each draw of the parameters the values of all rows, shape ``(n_row,)``.
    least
        Readout -> differences that are no answer. What is small beside the answers of other
        conditions is none either.
    along
        Which doses the curves run along, `CXCL12` or `DRUG`.

    Returns
    -------
    Fits in the order in which the table names readouts and conditions.
    """
    fits = []
    rows = table.reset_index(drop=True)
    largest = rows["value"].abs().groupby(rows["readout"]).max().to_dict()
    if DRUG not in rows:
        rows[DRUG] = 0.0
    beside, of = (DRUG, "CXCL12") if along == CXCL12 else (CXCL12, "the drug")
    for (readout, condition, _), group in rows.groupby(
        ["readout", "condition", beside], sort=False
    ):
        doses = group[along].to_numpy(dtype=np.float64)
        places = group.index.to_numpy()
        floor = max(LEAST_CHANGE * largest[readout], least.get(str(readout), 0.0), 1e-12)
        drawn = [_dose_of(fit_hill(doses, values[places], least=floor, of=of)) for values in spread]
        known = [dose for dose in drawn if math.isfinite(dose)]
        low, high = np.quantile(known, (0.05, 0.95)) if known else (math.nan, math.nan)
        fits.append(
            DoseFit(
                condition=str(condition),
                readout=str(readout),
                hill=fit_hill(doses, group["value"].to_numpy(dtype=np.float64), least=floor, of=of),
                draws_low_nM=float(low),
                draws_high_nM=float(high),
                along=along,
                beside_nM=float(group[beside].iloc[0]),
            )
        )
    return tuple(fits)


def _dose_of(fit: HillFit) -> float:
    return fit.optimum_nM if math.isnan(fit.ec50_nM) else fit.ec50_nM


def _nothing(note: str) -> HillFit:
    none = math.nan
    return HillFit(
        ec50_nM=none, low_nM=none, high_nM=none, slope=none, bottom=none, top=none, note=note
    )


def _hill(
    doses: FloatArray, bottom: float, top: float, log_ec50: float, slope: float
) -> FloatArray:
    with np.errstate(divide="ignore"):
        ratio = (np.log(np.asarray(doses, dtype=np.float64)) - math.log(10) * log_ec50) * slope
    # A dose of 0 has the logarithm minus infinity, and the share 0.
    return bottom + (top - bottom) / (1.0 + np.exp(np.clip(-ratio, -700, 700)))


def _scaled_hill(
    doses: FloatArray, bottom: float, top: float, log_ec50: float, slope: float
) -> FloatArray:
    return _hill(doses, bottom, top, log_ec50, slope)
