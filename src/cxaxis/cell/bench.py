"""The virtual bench: an assay done on one kind of cell, as a tidy table with units."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from cxaxis.cell.assay_wells import Experiment
from cxaxis.cell.assays import ASSAYS, Assay
from cxaxis.cell.bench_checks import (
    Request,
    drawn_parameters,
    parted,
    request_findings,
    wiring_given,
    wiring_text,
)
from cxaxis.cell.bench_drugs import DOSE_SETTING, with_drug
from cxaxis.cell.course import dish
from cxaxis.cell.dose_fits import CXCL12, DRUG, DoseFit, fit_doses
from cxaxis.cell.readouts import READOUTS, Readout
from cxaxis.cell.wells import WellReading, read_wells
from cxaxis.core.errors import Finding, error, raise_on_errors
from cxaxis.engine.choice import POPULATION
from cxaxis.knowledge.antagonist_classes import AntagonistClass, antagonist_class
from cxaxis.knowledge.cell_contexts import cell_context
from cxaxis.models.wiring import Wiring
from cxaxis.runs.progress import NullProgress, Progress

if TYPE_CHECKING:
    import pandas as pd

__all__ = [
    "ASSAYS",
    "READOUTS",
    "Assay",
    "AssayRun",
    "Readout",
    "parted",
    "planned_wells",
    "request_findings_of",
    "run_assay",
    "wiring_given",
    "wiring_text",
]

TABLE_COLUMNS: Final = (
    *("assay", "context", "wiring", "condition", "readout", "drug", "cxcl12_nM", "drug_nM"),
    *("time_s", "value", "unit"),
)
NOTHING: Final[Mapping[str, float]] = MappingProxyType({})


@dataclass(frozen=True, kw_only=True)
class AssayRun:
    """One assay on one kind of cell.

    Attributes
    ----------
    assay
        Id of the assay, a key of `ASSAYS`.
    context
        Id of the kind of cell.
    wiring
        Rival mechanisms chosen.
    table
        One row per reading: the columns `TABLE_COLUMNS`, and ``low`` and ``high`` (5 and 95 %
        of the draws) if parameters were drawn. Time 0 is when CXCL12 is added; where an
        ``extreme`` is read, ``time_s`` says when it came. ``drug`` is ``none`` without a drug.
    fits
        Dose-response curves of an assay that is read once per dose; empty otherwise. They run
        along the drug where it has more doses than CXCL12, along CXCL12 else.
    settings
        Inputs that the user set, or the class of drug brought: a single dose is one of them.
    values
        Parameters that the user set, or the class of drug brought, in the units of the table.
    n_draws
        How many draws of the parameters stand behind ``low`` and ``high``.
    drug
        Id of the class of drug, None without.
    engine
        Name of the engine that simulated it.
    """

    assay: str
    context: str
    wiring: Wiring
    table: pd.DataFrame = field(repr=False)
    fits: tuple[DoseFit, ...] = field(repr=False, default=())
    settings: Mapping[str, float] = field(default_factory=dict)
    values: Mapping[str, float] = field(default_factory=dict)
    n_draws: int = 0
    drug: str | None = None
    engine: str = POPULATION

    def course(self, readout: str, *, condition: str = "control") -> pd.DataFrame:
        """Return the rows of one readout under one condition, in order of doses and time."""
        rows = self.table
        chosen = rows[(rows["readout"] == readout) & (rows["condition"] == condition)]
        return chosen.sort_values(["drug_nM", "cxcl12_nM", "time_s"], kind="stable")

    def dose_table(self) -> pd.DataFrame:
        """Return one row per readout and condition of an assay that is read once per dose.

        Returns
        -------
        Columns ``readout``, ``condition``, ``along`` (the column of doses that the curve runs
        along) with ``cxcl12_nM`` and ``drug_nM`` (the other one's dose; along itself not a
        number), ``ec50_nM``, ``low_nM`` and ``high_nM`` with what they are in ``interval``
        (``95 % of the fit``, or ``5-95 % of draws``), ``slope``,
        ``optimum_nM`` (of a bell), ``least`` and ``most`` of the readings, ``unit``, ``note``.
        """
        from cxaxis.cell.bench_summary import dose_table_of

        return dose_table_of(self.table, self.fits, n_draws=self.n_draws)

    def summary(self) -> pd.DataFrame:
        """Return one row per condition, readout and doses: where it starts, peaks and ends.

        Columns as in `cxaxis.cell.bench_summary.summary_of`; of a second pulse or a wash, what
        follows it.
        """
        from cxaxis.cell.bench_summary import summary_of

        return summary_of(self.table, ASSAYS[self.assay].breaks_s)


def run_assay(
    assay: str,
    *,
    context: str | None = None,
    wiring: Wiring | None = None,
    cxcl12_nM: Sequence[float] | None = None,
    settings: Mapping[str, float] = NOTHING,
    values: Mapping[str, float] | None = None,
    times_s: Sequence[float] | None = None,
    readouts: Sequence[str] | None = None,
    conditions: Sequence[str] | None = None,
    draws: int = 0,
    drug: str | None = None,
    drug_nM: Sequence[float] | None = None,
    progress: Progress | None = None,
    engine: str = POPULATION,
) -> AssayRun:
    """Do an assay.

    Parameters
    ----------
    assay
        A key of `ASSAYS`, such as ``calcium``.
    context
        Kind of cell, such as ``cxcr4_only``; by default the assay's own.
    wiring
        Rival mechanisms; the defaults if omitted.
    cxcl12_nM
        Concentrations of CXCL12 added at time 0, nM, non-negative; of the lower well in a
        transwell.
    settings
        Inputs of the cell, in the units of the model: shares of inhibition, oxygen (nM), genes
        relative to this kind of cell, and ``antagonist_nM`` and ``neutraliser_nM`` in the
        medium.
    values
        Parameters by id, in the units of the table.
    times_s
        Times of reading, s after CXCL12, increasing.
    readouts
        Keys of `READOUTS`; by default the assay's own.
    conditions
        Which of the assay's conditions to do; all by default.
    draws
        How many draws of the calibrated parameters give the spread.
    drug
        Class of a drug in the medium, from an hour before CXCL12 on, such as ``competitive``;
        an id of `cxaxis.knowledge.antagonist_classes`. It brings its inputs and parameters,
        unless ``settings`` or ``values`` hold them.
    drug_nM
        Concentrations of the drug, nM, non-negative; each is combined with each of CXCL12.
    progress
        What counts the simulated cells.
    engine
        Name of the engine, see `cxaxis.engine.choice`.

    Raises
    ------
    UserInputError
        With everything that is wrong with the request at once.
    SimulationFailedError
        If the solver fails.
    """
    request = _request(
        assay,
        context=context,
        wiring=wiring,
        cxcl12_nM=cxcl12_nM,
        settings=settings,
        values=values,
        times_s=times_s,
        readouts=readouts,
        conditions=conditions,
        draws=draws,
        drug=drug,
        drug_nM=drug_nM,
    )
    raise_on_errors([*request_findings(request)])
    chosen = ASSAYS[assay]
    medicine = None if drug is None else antagonist_class(drug)
    settings, held = _brought(request, medicine)
    kind = cell_context(context or chosen.context)
    reading = [READOUTS[name] for name in readouts or chosen.readouts]
    wells = _wells(request, chosen, reading, medicine)
    asked = set(chosen.cxcl12_nM if cxcl12_nM is None else map(float, cxcl12_nM))

    def read(parameters: Mapping[str, float], progress: Progress) -> list[WellReading]:
        cell = dish(kind, wiring=request.wiring, values={**parameters, **held}, engine=engine)
        rows = read_wells(chosen, cell, wells, reading, settings=settings, advance=progress.advance)
        return [row for row in rows if row.cxcl12_nM in asked]

    with progress or NullProgress() as counted:
        found = read(NOTHING, counted)
        spread = [
            np.array([row.value for row in read(parameters, counted)])
            for parameters in drawn_parameters(draws)
        ]
    table = _table(found, chosen.id, kind.id, request.wiring, drug)
    if spread:
        low, high = np.nanquantile(np.stack(spread), (0.05, 0.95), axis=0)
        table = table.assign(low=low, high=high)
    floors = {item.id: item.least for item in reading}
    along = DRUG if table[DRUG].nunique() > table[CXCL12].nunique() else CXCL12
    return AssayRun(
        assay=assay,
        context=kind.id,
        wiring=request.wiring,
        table=table,
        fits=(
            fit_doses(table, spread, least=floors, along=along) if chosen.drawing == "dose" else ()
        ),
        settings=settings,
        values=held,
        n_draws=len(spread),
        drug=drug,
        engine=engine,
    )


def request_findings_of(assay: str, **request: Any) -> list[Finding]:
    """Return everything that is wrong with the arguments of `run_assay`, running nothing."""
    return [*request_findings(_request(assay, **request))]


def _request(
    assay: str,
    *,
    context: str | None = None,
    wiring: Wiring | None = None,
    values: Mapping[str, float] | None = None,
    settings: Mapping[str, float] = NOTHING,
    cxcl12_nM: Sequence[float] | None = None,
    times_s: Sequence[float] | None = None,
    readouts: Sequence[str] | None = None,
    conditions: Sequence[str] | None = None,
    draws: int = 0,
    drug: str | None = None,
    drug_nM: Sequence[float] | None = None,
) -> Request:
    return Request(
        assay=assay,
        context=context,
        wiring=wiring or Wiring(),
        cxcl12_nM=cxcl12_nM,
        settings=settings,
        values=values or NOTHING,
        times_s=times_s,
        readouts=readouts,
        conditions=conditions,
        draws=draws,
        drug=drug,
        drug_nM=drug_nM,
    )


def _brought(
    request: Request, medicine: AntagonistClass | None
) -> tuple[dict[str, float], dict[str, float]]:
    """Return the inputs and the parameters of a request, those of its class of drug among them."""
    if medicine is None:
        return dict(request.settings), dict(request.values)
    doses = list(map(float, request.drug_nM or ()))
    alone = {DOSE_SETTING[medicine.species]: doses[0]} if len(doses) == 1 else {}
    return (
        {**medicine.settings, **alone, **request.settings},
        {**medicine.values, **request.values},
    )


def planned_wells(
    assay: str,
    *,
    cxcl12_nM: Sequence[float] | None = None,
    conditions: Sequence[str] | None = None,
    draws: int = 0,
    drug_nM: Sequence[float] | None = None,
) -> int:
    """Return how many cells an assay simulates at most, for a progress bar."""
    if assay not in ASSAYS:
        return 0
    chosen = ASSAYS[assay]
    doses = len(chosen.cxcl12_nM if cxcl12_nM is None else cxcl12_nM) + 1
    doses *= 1 if drug_nM is None else len(drug_nM)
    return doses * len(conditions or chosen.conditions) * (1 + max(draws, 0))


def _wells(
    request: Request,
    assay: Assay,
    readouts: Sequence[Readout],
    medicine: AntagonistClass | None,
) -> list[Experiment]:
    """Return the wells of a request, those of the vehicle added where a readout needs them."""
    doses = [*map(float, assay.cxcl12_nM if request.cxcl12_nM is None else request.cxcl12_nM)]
    if 0.0 not in doses and any(item.relative == "vehicle" for item in readouts):
        doses = [0.0, *doses]
    times_s = [*map(float, assay.times_s if request.times_s is None else request.times_s)]
    wells = list(assay.wells(doses, times_s, request.settings))
    if medicine is not None:
        wells = with_drug(wells, medicine, list(map(float, request.drug_nM or ())))
    if request.conditions is None:
        return wells
    for condition in request.conditions:
        if not any(well.condition == condition for well in wells):
            message = f"{condition} needs readings later than {times_s[-1]:g} s."
            raise_on_errors([error("CELL008", "--times-s", message)])
    return [well for well in wells if well.condition in request.conditions]


def _table(
    rows: Sequence[WellReading], assay: str, context: str, wiring: Wiring, drug: str | None
) -> pd.DataFrame:
    import pandas as pd

    frame = pd.DataFrame(
        {
            "assay": assay,
            "context": context,
            "wiring": wiring_text(wiring),
            "condition": [row.condition for row in rows],
            "readout": [row.readout for row in rows],
            "drug": drug or "none",
            "cxcl12_nM": [row.cxcl12_nM for row in rows],
            "drug_nM": [row.drug_nM for row in rows],
            "time_s": [row.time_s for row in rows],
            "value": [row.value for row in rows],
            "unit": [row.unit for row in rows],
        }
    )
    return frame[list(TABLE_COLUMNS)]
