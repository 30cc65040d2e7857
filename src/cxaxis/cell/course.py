"""One cell of a dish through the phases of an experiment.

A cell first rests for days in its own medium, so that receptors settle between surface and inside.
Then phases follow one another: each may renew the medium, add to it and change the inputs of the
model (an inhibitor, oxygen), and each starts from the state in which the last one ended. Time 0
is the end of rest.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache
from types import MappingProxyType
from typing import Any, Final

import numpy as np

from cxaxis.core.arrays import FloatArray
from cxaxis.core.errors import ModelValueError
from cxaxis.core.ids import did_you_mean
from cxaxis.core.outcomes import require_success
from cxaxis.engine.choice import POPULATION, engine_named
from cxaxis.engine.doses import DoseTable
from cxaxis.engine.protocol import ParameterTable, SimulationResult, Tolerances
from cxaxis.knowledge.cell_contexts import CellContext
from cxaxis.knowledge.parameters import Parameters, load_parameters
from cxaxis.models.build import Model, build
from cxaxis.models.wiring import Wiring

REST_S: Final = 6 * 86400.0
# Amounts of one cell are 1e-14 to 1e-10 nmol: the absolute tolerance follows them.
CELL_TOLERANCES: Final = Tolerances(relative=1e-7, absolute=1e-18)
MEDIUM_SPECIES: Final = (
    "cxcl12",
    "cxcl12_matrix",
    "cxcl12_cut",
    "antagonist",
    "neutraliser",
    "cxcl12_neutraliser",
)
"""What fresh medium takes away; places that hold ligand on the matrix are freed, not lost."""


@dataclass(frozen=True, kw_only=True)
class Phase:
    """A stretch of an experiment.

    Attributes
    ----------
    times_s
        When outputs are read, seconds from the start of the phase, increasing; the last is the
        end of the phase. At 0 the reading is taken after what is added.
    add_nM
        Species of the medium raised at the start, nM of medium, non-negative.
    settings
        Inputs of the model from here on, in its own units (seconds, nM, shares).
    fresh_medium
        Whether the medium is renewed before anything is added.
    """

    times_s: tuple[float, ...]
    add_nM: Mapping[str, float] = field(default_factory=dict)
    settings: Mapping[str, float] = field(default_factory=dict)
    fresh_medium: bool = False


@dataclass(frozen=True, kw_only=True)
class CellCourse:
    """Outputs of one cell.

    Attributes
    ----------
    times_s
        Seconds from the end of rest, shape ``(n_time,)``.
    values
        Output -> course, shape ``(n_time,)``; species in nM of their compartment.
    """

    times_s: FloatArray
    values: Mapping[str, FloatArray] = field(repr=False)

    def of(self, name: str) -> FloatArray:
        """Return one output, shape ``(n_time,)``.

        Raises
        ------
        ModelValueError
            If it was not asked for.
        """
        if name not in self.values:
            msg = f"{name!r} was not among the outputs. {did_you_mean(name, self.values)}"
            raise ModelValueError(msg)
        return self.values[name]


@dataclass(frozen=True, kw_only=True)
class Dish:
    """A cell model with the values of one cell.

    Attributes
    ----------
    model
        The cell model.
    values
        Constants that differ from the table, switches of the wiring among them, in the units of
        the model.
    engine
        Name of the engine that simulates it, see `cxaxis.engine.choice`.
    """

    model: Model
    values: Mapping[str, float]
    engine: str = POPULATION
    _memo: dict[Any, Any] = field(default_factory=dict, repr=False, compare=False)

    def changed(self, **values: float) -> Dish:
        """Return a dish with constants set to other values, in the units of the model.

        Raises
        ------
        ModelValueError
            For a name that the model does not have, naming the nearest.
        """
        for name in values:
            if name not in self.model.units:
                msg = f"the cell has no {name!r}. {did_you_mean(name, self.model.units)}"
                raise ModelValueError(msg)
        return replace(self, values={**self.values, **values}, _memo={})

    def scaled(self, **factors: float) -> Dish:
        """Return a dish with tabled constants multiplied."""
        return self.changed(
            **{name: self.value_of(name) * factor for name, factor in factors.items()}
        )

    def value_of(self, name: str) -> float:
        """Return a constant in the units of the model.

        Raises
        ------
        ModelValueError
            If it is neither set here nor a parameter of the table.
        """
        if name in self.values:
            return float(self.values[name])
        if name not in self.model.bindings:
            msg = f"{name!r} has no tabled value. {did_you_mean(name, self.model.bindings)}"
            raise ModelValueError(msg)
        return _tabled(self.model, name)

    def rest(self) -> Mapping[str, float]:
        """Return every state at the end of rest; of species the amount (nmol)."""
        if "rest" not in self._memo:
            states = _advance(self, {}, {}, (REST_S,), ())[1]
            self._memo["rest"] = MappingProxyType(states)
        return self._memo["rest"]  # type: ignore[no-any-return]


def dish(
    context: CellContext,
    *,
    wiring: Wiring | None = None,
    parameters: Parameters | None = None,
    values: Mapping[str, float] | None = None,
    engine: str = POPULATION,
) -> Dish:
    """Return a dish of cells of one kind.

    Parameters
    ----------
    context
        The kind of cell; only its receptor, arrestin and ligand numbers and its settings move.
    wiring
        Rival mechanisms; the defaults if omitted.
    parameters
        Parameter rows; the packaged table by default.
    values
        Further parameters by id, in the units of the table, such as a draw from a posterior.
    engine
        Name of the engine.

    Raises
    ------
    ModelValueError
        For a value that the cell model does not have.
    """
    rows = load_parameters() if parameters is None else parameters
    model = _packaged() if parameters is None else build("cell", rows)
    drawn = {
        constant: value * model.factors[constant]
        for row, value in (values or {}).items()
        for constant in model.constants_of(row)
    }
    chosen = wiring or Wiring()
    numbers = _numbers(context, rows)
    if chosen != Wiring():
        numbers |= _genes(model, numbers, chosen, engine)
    bare = Dish(model=model, values={}, engine=engine)
    return bare.changed(**{**drawn, **numbers, **_switches(model, chosen)})


def _numbers(context: CellContext, rows: Parameters) -> dict[str, float]:
    """Return the constants that make a cell one of a kind."""
    cxcr4, ackr3 = rows["cxcr4_per_tumour_cell"].value, rows["ackr3_per_tumour_cell"].value
    return {
        # An empty cell keeps a trace, so that shares of its receptors stay defined.
        "cxcr4_per_tumour_cell": max(context.cxcr4_per_cell, 1e-9),
        "ackr3_per_tumour_cell": max(context.ackr3_per_cell, 1e-9),
        "cxcr4_gene": context.cxcr4_per_cell / cxcr4,
        "ackr3_gene": context.ackr3_per_cell / ackr3,
        "arrestin_per_cell": context.arrestin_per_cell,
        "cxcl12_gene": context.cxcl12_gene,
        "isoform_alpha": 1.0,
        **context.settings,
    }


def _switches(model: Model, wiring: Wiring) -> dict[str, float]:
    return {name: value for name, value in wiring.switches().items() if name in model.units}


def _genes(
    model: Model, numbers: Mapping[str, float], wiring: Wiring, engine: str
) -> dict[str, float]:
    """Return the genes with which a cell of another wiring rests at the same receptor numbers.

    A kind of cell is known by its counts, and a mechanism that makes more receptor at rest would
    otherwise be judged by that alone.
    """
    totals = {"cxcr4_gene": "cxcr4_total", "ackr3_gene": "ackr3_total"}
    usual, other = (
        _advance(
            Dish(model=model, values={**numbers, **switches}, engine=engine),
            {},
            {},
            (REST_S,),
            tuple(totals.values()),
        )[0][0]
        for switches in ({}, _switches(model, wiring))
    )
    return {
        gene: numbers[gene] * float(usual[i] / other[i])
        for i, gene in enumerate(totals)
        if numbers[gene] > 0
    }


def run_phases(cell: Dish, phases: Sequence[Phase], outputs: Sequence[str]) -> CellCourse:
    """Simulate rest and then the phases, one after the other.

    Parameters
    ----------
    cell
        The dish.
    phases
        At least one.
    outputs
        Quantities of the cell model.

    Returns
    -------
    CellCourse
        Readings of all phases in order. Where one phase ends and the next begins at the same
        time, both readings stand: before and after what is added.

    Raises
    ------
    ModelValueError
        For an unknown output, input or species, a negative concentration, or times that do not
        increase.
    SimulationFailedError
        If the solver fails.
    """
    for phase in phases:
        _check(cell.model, phase)
    states: Mapping[str, float] = cell.rest()
    settings: dict[str, float] = {}
    clock: list[FloatArray] = []
    found: list[FloatArray] = []
    start = 0.0
    for phase in phases:
        settings |= phase.settings
        states = _prepared(cell, states, phase)
        values, states = _advance(cell, settings, states, phase.times_s, tuple(outputs))
        clock.append(start + np.asarray(phase.times_s, dtype=np.float64))
        found.append(values)
        start += phase.times_s[-1]
    table = np.concatenate(found)
    return CellCourse(
        times_s=np.concatenate(clock),
        values=MappingProxyType({name: table[:, i] for i, name in enumerate(outputs)}),
    )


def _check(model: Model, phase: Phase) -> None:
    for name, level in phase.add_nM.items():
        if name not in MEDIUM_SPECIES:
            msg = f"{name!r} cannot be added to the medium. {did_you_mean(name, MEDIUM_SPECIES)}"
            raise ModelValueError(msg)
        if not np.isfinite(level) or level < 0:
            msg = f"the concentration of {name} must be 0 nM or more, got {level:g}."
            raise ModelValueError(msg)
    for name in phase.settings:
        if name not in model.units:
            msg = f"the cell has no input {name!r}. {did_you_mean(name, model.units)}"
            raise ModelValueError(msg)


def _prepared(cell: Dish, states: Mapping[str, float], phase: Phase) -> Mapping[str, float]:
    """Return the states with the medium renewed and the phase's additions in it."""
    after = dict(states)
    if phase.fresh_medium:
        after["matrix_site"] = after.get("matrix_site", 0.0) + after.get("cxcl12_matrix", 0.0)
        after |= {name: 0.0 for name in MEDIUM_SPECIES if name in after}
    for name, level in phase.add_nM.items():
        after[name] = after[name] + level * cell.value_of("medium")
    return after


def _advance(
    cell: Dish,
    settings: Mapping[str, float],
    states: Mapping[str, float],
    times_s: Sequence[float],
    outputs: Sequence[str],
) -> tuple[FloatArray, dict[str, float]]:
    """Return the outputs at the times and every state at the last of them."""
    model = cell.model
    # Always the same columns: a set of names that was not met before has to be compiled for.
    columns = {**_constants(model.sbml), **cell.values, **settings, **states}
    species = set(model.species)
    every = [f"amount({name})" if name in species else name for name in model.states]
    result: SimulationResult = engine_named(cell.engine).simulate(
        model.sbml,
        ParameterTable(tuple(columns), np.array([list(columns.values())], dtype=np.float64)),
        DoseTable(),
        np.asarray(times_s, dtype=np.float64),
        [*outputs, *every],
        tolerances=CELL_TOLERANCES,
    )
    require_success(["the cell"], result.outcomes)
    values = result.values[0]
    at_end = dict(zip(model.states, values[-1, len(outputs) :].tolist(), strict=True))
    return values[:, : len(outputs)], at_end


def _tabled(model: Model, constant: str) -> float:
    """Return the value that a constant or compartment of the model was built with."""
    return _constants(model.sbml)[constant]


@lru_cache(maxsize=8)
def _constants(sbml: str) -> Mapping[str, float]:
    """Return the constants and compartments that have a number rather than a formula."""
    import libsbml

    document = libsbml.readSBMLFromString(sbml)
    tree = document.getModel()
    values = {item.getId(): item.getSize() for item in tree.getListOfCompartments()}
    values |= {item.getId(): item.getValue() for item in tree.getListOfParameters()}
    ruled = {item.getVariable() for item in tree.getListOfRules()}
    ruled |= {item.getSymbol() for item in tree.getListOfInitialAssignments()}
    return MappingProxyType({name: value for name, value in values.items() if name not in ruled})


@lru_cache(maxsize=1)
def _packaged() -> Model:
    """Return the cell of the packaged table; its switches are constants, set for each dish."""
    return build("cell")
