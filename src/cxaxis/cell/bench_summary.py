"""The table of an assay in short: where each course starts, peaks and ends."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from cxaxis.cell.dose_fits import CXCL12, DRUG
from cxaxis.core.arrays import FloatArray

if TYPE_CHECKING:
    import pandas as pd

    from cxaxis.cell.dose_fits import DoseFit

# A change below this share of the largest reading is the solver's.
LEAST_CHANGE: Final = 1e-4


NOTHING: Final[Mapping[str, float]] = MappingProxyType({})


def summary_of(table: pd.DataFrame, breaks_s: Mapping[str, float] = NOTHING) -> pd.DataFrame:
    """Return one row per readout, condition and doses.

    Parameters
    ----------
    table
        Readings of one assay.
    breaks_s
        Condition -> time from which its courses are summarised, s; the start by default.

    Returns
    -------
    Columns ``readout``, ``condition``, ``cxcl12_nM``, ``drug_nM`` (if the table has it),
    ``start`` (first reading), ``peak`` (the reading farthest from the first), ``peak_time_s``,
    ``half_time_s`` (when half of the way to the peak was first done), ``end`` (last reading) and
    ``unit``; of an assay that is read once per dose the three readings are one. Times are not a
    number where nothing changes.
    """
    import pandas as pd

    doses = [name for name in ("cxcl12_nM", "drug_nM") if name in table]
    keys = ["readout", "condition", "unit", *doses]
    rows: list[Mapping[str, Any]] = []
    for (readout, condition, unit, *levels), course in table.groupby(keys, sort=False):
        group = course[course["time_s"] >= breaks_s.get(str(condition), 0.0)]
        times_s = group["time_s"].to_numpy(dtype=np.float64)
        values = group["value"].to_numpy(dtype=np.float64)
        peak = _peak(values)
        moved = abs(values[peak] - values[0]) > LEAST_CHANGE * abs(values).max()
        rows.append(
            {
                "readout": readout,
                "condition": condition,
                **dict(zip(doses, levels, strict=True)),
                "start": values[0],
                "peak": values[peak],
                "peak_time_s": times_s[peak] if moved else float("nan"),
                "half_time_s": _half_time_s(times_s, values, peak) if moved else float("nan"),
                "end": values[-1],
                "unit": unit,
            }
        )
    return pd.DataFrame(rows)


def dose_table_of(
    table: pd.DataFrame, fits: Sequence[DoseFit], *, n_draws: int = 0
) -> pd.DataFrame:
    """Return one row per dose-response; see `cxaxis.cell.bench.AssayRun.dose_table`."""
    import pandas as pd

    rows: list[Mapping[str, Any]] = []
    for item in fits:
        fit = item.hill
        beside = DRUG if item.along == CXCL12 else CXCL12
        mine = table[(table["readout"] == item.readout) & (table["condition"] == item.condition)]
        if beside in mine:
            mine = mine[mine[beside] == item.beside_nM]
        low, high = fit.low_nM, fit.high_nM
        if n_draws:
            low, high = item.draws_low_nM, item.draws_high_nM
        rows.append(
            {
                "readout": item.readout,
                "condition": item.condition,
                "along": item.along,
                CXCL12: math.nan if item.along == CXCL12 else item.beside_nM,
                DRUG: math.nan if item.along == DRUG else item.beside_nM,
                "ec50_nM": fit.ec50_nM,
                "low_nM": low,
                "high_nM": high,
                "interval": "5-95 % of draws" if n_draws else "95 % of the fit",
                "slope": fit.slope,
                "optimum_nM": fit.optimum_nM,
                "least": mine["value"].min(),
                "most": mine["value"].max(),
                "unit": mine["unit"].iloc[0],
                "note": fit.note,
            }
        )
    return pd.DataFrame(rows)


def _peak(values: FloatArray) -> int:
    away = np.nan_to_num(np.abs(values - values[0]), nan=-1.0)
    return int(away.argmax())


def _half_time_s(times_s: FloatArray, values: FloatArray, peak: int) -> float:
    way = (values[: peak + 1] - values[0]) / (values[peak] - values[0])
    first = int((way >= 0.5).argmax())
    before, after = way[first - 1], way[first]
    share = (0.5 - before) / (after - before)
    return float(times_s[first - 1] + share * (times_s[first] - times_s[first - 1]))
