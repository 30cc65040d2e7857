"""What the virtual bench reads where a laboratory did."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

import numpy as np

from cxaxis.cell.assays import ASSAYS, CONTROL, Assay
from cxaxis.cell.bench import run_assay
from cxaxis.cell.measurements import Measurement
from cxaxis.core.arrays import FloatArray
from cxaxis.core.errors import UserInputError, error
from cxaxis.engine.choice import POPULATION
from cxaxis.models.wiring import Wiring

if TYPE_CHECKING:
    import pandas as pd

# Readings between the last of an assay and a later one of the laboratory.
_MORE_TIMES: Final = 40


@dataclass(frozen=True, kw_only=True)
class Prediction:
    """What the model says where a laboratory measured.

    Attributes
    ----------
    readings
        One for each measurement, shape ``(n,)``, on the scale of the model.
    curves
        The same experiments in between: ``assay, context, condition, readout, cxcl12_nM,
        time_s, value``.
    """

    readings: FloatArray
    curves: pd.DataFrame = field(repr=False)


@dataclass(frozen=True, kw_only=True)
class _Group:
    """Measurements that one run of an assay reads."""

    assay: Assay
    context: str
    settings: Mapping[str, float]
    times_s: tuple[float, ...]
    positions: tuple[int, ...]


def predicted(
    rows: Sequence[Measurement],
    wiring: Wiring,
    *,
    settings: Mapping[str, float],
    values: Mapping[str, float],
    engine: str = POPULATION,
) -> Prediction:
    """Return what the bench reads at each measurement.

    Parameters
    ----------
    rows
        The measurements.
    wiring
        Rival mechanisms.
    settings
        Inputs of the cell beside those of each measurement, which win.
    values
        Parameters by id, in the units of the table.
    engine
        Name of the engine, see `cxaxis.engine.choice`.

    Raises
    ------
    UserInputError
        If an assay cannot be done as a measurement says.
    """
    import pandas as pd

    readings = np.full(len(rows), np.nan)
    curves = []
    for group in _groups(rows):
        mine = [rows[place] for place in group.positions]
        try:
            run = run_assay(
                group.assay.id,
                context=group.context,
                wiring=wiring,
                cxcl12_nM=sorted({row.cxcl12_nM for row in mine}),
                settings={**settings, **group.settings},
                values=values,
                times_s=group.times_s,
                readouts=list(dict.fromkeys(row.readout for row in mine)),
                conditions=list(dict.fromkeys(row.condition.name for row in mine)),
                engine=engine,
            )
        except UserInputError as err:
            raise UserInputError(
                [error(item.code, mine[0].where, item.message) for item in err.findings]
            ) from err
        courses = {
            key: (part["time_s"].to_numpy(), part["value"].to_numpy(), part)
            for key, part in run.table.groupby(["condition", "readout", "cxcl12_nM"], sort=False)
        }
        drawn: dict[tuple[str, str, float], str] = {}
        for place, row in zip(group.positions, mine, strict=True):
            key = (row.condition.name, row.readout, row.cxcl12_nM)
            times_s, course, _ = courses[key]
            nearest = 0 if len(times_s) == 1 else int(np.abs(times_s - row.time_s).argmin())
            readings[place] = course[nearest]
            drawn[key] = row.condition.text
        for key, text in drawn.items():
            curves.append(courses[key][2].assign(condition=text))
    columns = ["assay", "context", "condition", "readout", "cxcl12_nM", "time_s", "value"]
    return Prediction(readings=readings, curves=pd.concat(curves, ignore_index=True)[columns])


def cxcr4_at_rest(
    context: str, wiring: Wiring, values: Mapping[str, float], *, engine: str = POPULATION
) -> float:
    """Return the CXCR4 of a cell at rest in its medium, molecules."""
    run = run_assay(
        "surface",
        context=context,
        wiring=wiring,
        cxcl12_nM=[0.0],
        values=values,
        times_s=[0.0, 1.0],
        readouts=["total_cxcr4"],
        conditions=[CONTROL],
        engine=engine,
    )
    return float(run.table["value"].iloc[0])


def _groups(rows: Sequence[Measurement]) -> Iterator[_Group]:
    """Yield the runs that the measurements need, in the order in which they first occur."""
    members: dict[tuple[object, ...], list[int]] = {}
    for place, row in enumerate(rows):
        treatment = tuple(sorted(row.condition.settings.items()))
        # An assay that keeps one reading of a course is done anew for each duration.
        until_s = None if ASSAYS[row.assay].reading == "every" else row.time_s
        members.setdefault((row.assay, row.context, treatment, until_s), []).append(place)
    for places in members.values():
        first = rows[places[0]]
        assay = ASSAYS[first.assay]
        yield _Group(
            assay=assay,
            context=first.context,
            settings=first.condition.settings,
            times_s=_times(assay, {rows[place].time_s for place in places}),
            positions=tuple(places),
        )


def _times(assay: Assay, wanted_s: set[float]) -> tuple[float, ...]:
    """Return the times of the assay up to the last wanted one, and those wanted."""
    last_s = max(wanted_s) or next(time for time in assay.times_s if time > 0)
    times_s = {0.0, last_s, *wanted_s, *(time for time in assay.times_s if time < last_s)}
    if last_s > assay.times_s[-1]:
        times_s |= set(np.linspace(assay.times_s[-1], last_s, _MORE_TIMES).tolist())
    # The solver gains nothing from readings a rounding error apart.
    return tuple(_apart(sorted(times_s), wanted_s))


def _apart(times_s: Sequence[float], wanted_s: set[float]) -> Iterator[float]:
    last_s = -np.inf
    for k, time_s in enumerate(times_s):
        following = times_s[k + 1] if k + 1 < len(times_s) else np.inf
        too_near = time_s - last_s < 1e-6 or (
            following - time_s < 1e-6 and following in wanted_s and time_s not in wanted_s
        )
        if time_s == 0 or not too_near:
            yield time_s
            last_s = time_s
