"""The wells of an assay simulated: pretreatment, the phases, and what is read from them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Final

import numpy as np

from cxaxis.cell.assay_wells import Experiment
from cxaxis.cell.assays import Assay, Medium, Reading
from cxaxis.cell.course import Dish, Phase, run_phases
from cxaxis.cell.readouts import Readout, related
from cxaxis.core.arrays import FloatArray

# How long before the start a treatment begins, s; what is not named here holds during rest.
LEADS_S: Final[Mapping[str, float]] = MappingProxyType(
    {
        "pertussis_toxin": 16 * 3600.0,
        "mek_inhibition": 3600.0,
        "akt_inhibition": 3600.0,
        "src_inhibition": 3600.0,
        "jak_inhibition": 3600.0,
        "jnk_inhibition": 3600.0,
        "calcium_chelation": 3600.0,
        "chloroquine": 3600.0,
        "antagonist_nM": 3600.0,
        "neutraliser_nM": 3600.0,
        "forskolin": 600.0,
        "cxcl12_gradient": 0.0,
        "cytotoxic": 0.0,
    }
)
WASH_LEAD_S: Final = 3600.0
# Medium without serum has no proteases that cut CXCL12.
SERUM_FREE: Final[Mapping[str, float]] = MappingProxyType({"k_loss_cxcl12": 0.0})
MEDIUM_SETTINGS: Final[Mapping[str, str]] = MappingProxyType(
    {"antagonist_nM": "antagonist", "neutraliser_nM": "neutraliser"}
)
"""Settings that are added to the medium, and the species that they raise."""
GENES: Final = ("cxcr4_gene", "ackr3_gene", "cxcl12_gene")
"""Settings that are relative to the kind of cell."""


@dataclass(frozen=True, kw_only=True)
class WellReading:
    """One row of the table of an assay, before the spread is known."""

    condition: str
    readout: str
    cxcl12_nM: float
    drug_nM: float
    time_s: float
    value: float
    unit: str


@dataclass(frozen=True, kw_only=True)
class _Course:
    """Outputs of one well from the start on, and the last reading before it."""

    times_s: FloatArray
    after: Mapping[str, FloatArray]
    before: Mapping[str, FloatArray]


def read_wells(
    assay: Assay,
    cell: Dish,
    wells: Sequence[Experiment],
    readouts: Sequence[Readout],
    *,
    settings: Mapping[str, float],
    advance: Callable[[], None],
) -> list[WellReading]:
    """Simulate wells of one kind of cell and read them.

    Parameters
    ----------
    assay
        Says which medium cells meet and which readings are kept.
    cell
        The dish.
    wells
        The experiments; for readouts relative to vehicle, those without CXCL12 among them.
    readouts
        What is read.
    settings
        Inputs set by the user.
    advance
        Called after each well.

    Returns
    -------
    Rows by well, readout and time, in this order, the same for every draw of parameters.
    """
    quantities = tuple(dict.fromkeys(name for item in readouts for name in item.quantities))
    rested: dict[tuple[tuple[str, float], ...], Dish] = {}
    vehicles: dict[tuple[str, float, str], FloatArray] = {}
    rows: dict[int, list[WellReading]] = {}
    # Vehicles first: the others refer to them.
    for place, well in sorted(enumerate(wells), key=lambda item: item[1].cxcl12_nM > 0):
        given = {**settings, **well.settings}
        at_rest = tuple(sorted((k, v) for k, v in given.items() if k not in LEADS_S))
        if at_rest not in rested:
            rested[at_rest] = cell.changed(**_absolute(cell, dict(at_rest)))
        course = _simulate(rested[at_rest], cell, well, given, quantities, medium=assay.medium)
        rows[place] = []
        for item in readouts:
            values = item.read(cell, course.after, course.times_s)
            if item.relative == "vehicle":
                if well.cxcl12_nM == 0:
                    vehicles[well.condition, well.drug_nM, item.id] = values
                values = related(values, vehicles[well.condition, well.drug_nM, item.id])
            elif item.relative == "start":
                values = related(values, values[0])
            elif item.relative == "rest":
                values = related(values, item.read(cell, course.before, np.zeros(1))[0])
            rows[place] += _kept(well, item, course.times_s, values, assay.reading)
        advance()
    return [row for place in sorted(rows) for row in rows[place]]


def _absolute(cell: Dish, settings: Mapping[str, float]) -> dict[str, float]:
    """Return settings as the model takes them: genes by what this kind of cell has of them."""
    values = {
        name: value * float(cell.values[name]) if name in GENES else value
        for name, value in settings.items()
    }
    others = [name for name in values if name.startswith("isoform_") and name != "isoform_alpha"]
    if others and "isoform_alpha" not in values:
        values["isoform_alpha"] = 1.0 - sum(values[name] for name in others)
    return values


def _simulate(
    rested: Dish,
    cell: Dish,
    well: Experiment,
    given: Mapping[str, float],
    quantities: Sequence[str],
    *,
    medium: Medium,
) -> _Course:
    lead = _lead_phases(given, medium)
    now = {name: value for name, value in given.items() if LEADS_S.get(name) == 0.0}
    first, *later = (
        replace(phase, settings=_absolute(cell, phase.settings)) for phase in well.phases
    )
    start = replace(first, settings={**now, **first.settings})
    course = run_phases(rested, [*lead, start, *later], quantities)
    n_lead = len(lead)
    begin_s = sum(phase.times_s[-1] for phase in lead)
    return _Course(
        times_s=course.times_s[n_lead:] - begin_s,
        after={name: course.of(name)[n_lead:] for name in quantities},
        before={name: course.of(name)[n_lead - 1 : n_lead] for name in quantities},
    )


def _lead_phases(given: Mapping[str, float], medium: Medium) -> list[Phase]:
    """Return the pretreatment, each treatment from its own lead on; one reading per phase."""
    leads_s = {LEADS_S[name] for name in given if LEADS_S.get(name, 0.0) > 0} | {WASH_LEAD_S}
    starts = sorted(leads_s, reverse=True)
    phases = []
    for begin_s, end_s in zip(starts, [*starts[1:], 0.0], strict=True):
        begun = {name: value for name, value in given.items() if LEADS_S.get(name) == begin_s}
        fresh = begin_s == WASH_LEAD_S
        phases.append(
            Phase(
                times_s=(begin_s - end_s,),
                settings={
                    **(SERUM_FREE if fresh and medium == "serum_free" else {}),
                    **{k: v for k, v in begun.items() if k not in MEDIUM_SETTINGS},
                },
                add_nM={MEDIUM_SETTINGS[k]: v for k, v in begun.items() if k in MEDIUM_SETTINGS},
                fresh_medium=fresh and medium != "own",
            )
        )
    return phases


def _kept(
    well: Experiment, item: Readout, times_s: FloatArray, values: FloatArray, reading: Reading
) -> Iterator[WellReading]:
    """Yield the rows that an assay keeps of one course."""
    if reading == "every":
        kept = list(zip(times_s, values, strict=True))
    elif reading == "extreme":
        away = np.abs(np.nan_to_num(values - values[0]))
        kept = [(times_s[away.argmax()], values[away.argmax()])]
    elif reading == "mean" and len(times_s) > 1:
        span = times_s[-1] - times_s[0]
        kept = [(times_s[-1], np.trapezoid(values, times_s) / span)]
    else:
        kept = [(times_s[-1], values[-1])]
    for time_s, value in kept:
        yield WellReading(
            condition=well.condition,
            readout=item.id,
            cxcl12_nM=float(well.cxcl12_nM),
            drug_nM=float(well.drug_nM),
            time_s=float(time_s),
            value=float(value),
            unit=item.unit,
        )
