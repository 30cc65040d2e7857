"""The reference engine: libroadrunner, one patient after another.

Slow and well tried. Doses are exact stops at which the solver restarts. An infusion is a
rate added to its target through a constant of the model that this engine puts there.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property, lru_cache
from importlib.util import find_spec
from typing import Any, Final

import numpy as np

from cxaxis.core.arrays import FloatArray
from cxaxis.core.errors import UserInputError, error
from cxaxis.core.outcomes import Outcome, PatientOutcome
from cxaxis.engine.doses import DoseTable, stops_of
from cxaxis.engine.protocol import (
    NEGATIVE_AMOUNT_LIMIT,
    ParameterTable,
    SimulationResult,
    Tolerances,
    checked_times,
    require_known,
)
from cxaxis.engine.refusals import naming_columns

# Models with more rules are compiled without optimising unless asked for: the patient (500 rules)
# takes libroadrunner eight minutes so, and its rates are then computed 18 times faster; without,
# it takes one. The cell (170) takes a second.
MANY_RULES: Final = 300
# What LLVM does by default when it optimises.
USUAL_OPTIMISATION: Final = 2
# First step after every start and dose, in the model's time unit. CVODE's own guess starts
# several decades lower and costs a sixth of the run in ramping up.
FIRST_STEP = 1e-6


@dataclass(frozen=True, kw_only=True)
class _Symbols:
    """The ids of a model by what may be done with them."""

    species: frozenset[str]
    rates: frozenset[str]
    constants: frozenset[str]
    computed: frozenset[str]
    compartments: frozenset[str]
    switched: Mapping[str, float]

    @cached_property
    def doseable(self) -> frozenset[str]:
        return self.species | self.rates

    @property
    def settable(self) -> frozenset[str]:
        return self.species | self.rates | self.constants | self.compartments

    @property
    def readable(self) -> frozenset[str]:
        return self.settable | self.computed


def _read_symbols(model: Any) -> _Symbols:
    rules = [model.getRule(i) for i in range(model.getNumRules())]
    rates = {rule.getVariable() for rule in rules if rule.isRate()}
    computed = {rule.getVariable() for rule in rules if rule.isAssignment()}
    parameters = {model.getParameter(i).getId() for i in range(model.getNumParameters())}
    return _Symbols(
        species=frozenset(model.getSpecies(i).getId() for i in range(model.getNumSpecies())),
        rates=frozenset(rates),
        constants=frozenset(parameters - rates - computed),
        computed=frozenset(computed),
        compartments=frozenset(
            model.getCompartment(i).getId() for i in range(model.getNumCompartments())
        ),
        switched={name: model.getParameter(name).getValue() for name in _event_targets(model)},
    )


def _event_targets(model: Any) -> list[str]:
    """Return the parameters without a rule that events change."""
    assigned = {
        event.getEventAssignment(j).getVariable()
        for event in (model.getEvent(i) for i in range(model.getNumEvents()))
        for j in range(event.getNumEventAssignments())
    }
    return sorted(
        name
        for name in assigned
        if model.getParameter(name) is not None and model.getRule(name) is None
    )


def infusion_constant(target: str) -> str:
    """Return the id of the constant that holds the infusion rate into ``target``."""
    return f"infusion_into_{target}"


def with_infusions(sbml: str, targets: frozenset[str]) -> str:
    """Return the model with a constant-rate input into each target (a species or a rate rule)."""
    import libsbml

    if not targets:
        return sbml
    document = libsbml.readSBMLFromString(sbml)
    model = document.getModel()
    for target in sorted(targets):
        rate = model.createParameter()
        rate.setId(infusion_constant(target))
        rate.setValue(0.0)
        rate.setConstant(False)
        species = model.getSpecies(target)
        if species is None:
            rule = model.getRateRuleByVariable(target)
            total = libsbml.ASTNode(libsbml.AST_PLUS)
            total.addChild(rule.getMath().deepCopy())
            total.addChild(libsbml.parseL3Formula(infusion_constant(target)))
            rule.setMath(total)
        else:
            reaction = model.createReaction()
            reaction.setId(f"J_{infusion_constant(target)}")
            reaction.setReversible(False)
            product = reaction.createProduct()
            product.setSpecies(target)
            product.setStoichiometry(1.0)
            product.setConstant(True)
            law = reaction.createKineticLaw()
            law.setMath(libsbml.parseL3Formula(infusion_constant(target)))
    return str(libsbml.writeSBMLToString(document))


def with_values(sbml: str, values: Mapping[str, float]) -> str:
    """Return the model that starts from given values.

    Parameters
    ----------
    sbml
        The model.
    values
        Value by id of a constant, a compartment or a state; of species the amount.
    """
    import libsbml

    document = libsbml.readSBMLFromString(sbml)
    model = document.getModel()
    for name, value in values.items():
        model.removeInitialAssignment(name)
        item = model.getElementBySId(name)
        if isinstance(item, libsbml.Species):
            item.unsetInitialConcentration()
            item.setInitialAmount(value)
        elif isinstance(item, libsbml.Compartment):
            item.setSize(value)
        else:
            item.setValue(value)
    return str(libsbml.writeSBMLToString(document))


@contextmanager
def _compiler(*, many_rules: bool, optimises: bool) -> Iterator[None]:
    """Have libroadrunner optimise or not; its settings are global and are put back."""
    import roadrunner

    config = roadrunner.Config
    level = USUAL_OPTIMISATION if optimises else 0
    by_level = {config.LLVM_BACKEND: config.LLJIT, config.LLJIT_OPTIMIZATION_LEVEL: level}
    settings = by_level if many_rules else {}
    before = {key: config.getValue(key) for key in settings}
    for key, value in settings.items():
        config.setValue(key, value)
    try:
        yield
    finally:
        for key, value in before.items():
            config.setValue(key, value)


class _Loaded:
    """One compiled model, reused by all patients of a batch and by later batches."""

    def __init__(self, sbml: str, infused: frozenset[str], *, optimises: bool) -> None:
        import libsbml

        # CVODE prints its troubles even when they are caught; they reach the outcome instead.
        for level in ("ERROR", "WARNING"):
            os.environ.setdefault(f"SUNLOGGER_{level}_FILENAME", os.devnull)
        import roadrunner

        roadrunner.Logger.setLevel(roadrunner.Logger.LOG_FATAL)
        roadrunner.Logger.disableLogging()
        document = libsbml.readSBMLFromString(sbml)
        self.symbols = _read_symbols(document.getModel())
        require_known("dose target", sorted(infused), self.symbols.doseable)
        many_rules = document.getModel().getNumRules() > MANY_RULES
        with _compiler(many_rules=many_rules, optimises=optimises):
            self.runner = roadrunner.RoadRunner(with_infusions(sbml, infused))
        kinds = roadrunner.SelectionRecord
        self.start_selection = kinds.TIME | kinds.RATE | kinds.FLOATING | kinds.COMPARTMENT
        sbml_model = document.getModel()
        ids = list(self.runner.model.getCompartmentIds())
        sizes = self.runner.model.getCompartmentInitVolumes().tolist()
        # Compartments that no expression sizes: their place in the model and their size there.
        self.sizes = {
            name: (ids.index(name), sizes[ids.index(name)])
            for name in ids
            if sbml_model.getInitialAssignmentBySymbol(name) is None
        }
        model = self.runner.model
        self.global_index = {name: i for i, name in enumerate(model.getGlobalParameterIds())}
        self.state_ids = tuple(
            model.getStateVectorId(i)
            for i in range(model.getNumFloatingSpecies() + model.getNumRateRules())
        )

    def set_tolerances(self, tolerances: Tolerances) -> None:
        # A single number would be scaled by each state's starting value, down to 1e-33 for
        # states that start near zero; the vector form is taken as it is.
        integrator = self.runner.integrator
        integrator.setValue("relative_tolerance", tolerances.relative)
        integrator.setValue("initial_time_step", FIRST_STEP)
        integrator.setValue("absolute_tolerance", [tolerances.absolute] * len(self.state_ids))


@lru_cache(maxsize=8)
def _load(sbml: str, infused: frozenset[str], *, optimises: bool) -> _Loaded:
    return _Loaded(sbml, infused, optimises=optimises)


def _selection(output: str, symbols: _Symbols) -> str:
    if output.startswith("amount(") and output.endswith(")"):
        name = output[len("amount(") : -1]
        require_known("species", [name], symbols.species)
        return name
    require_known("output", [output], symbols.readable)
    return f"[{output}]" if output in symbols.species else output


class ReferenceEngine:
    """libroadrunner (CVODE) behind the `Engine` protocol.

    Parameters
    ----------
    optimises
        Whether models of more than `MANY_RULES` rules are optimised when compiled; others are.

    Raises
    ------
    UserInputError
        If libroadrunner is not installed, with the cure.
    """

    name = "reference"

    def __init__(self, *, optimises: bool = False) -> None:
        self._optimises = optimises
        if find_spec("roadrunner") is None:
            message = (
                "libroadrunner is not installed: it comes with the extra 'test'. Install it with "
                f"{sys.executable} -m pip install 'cxaxis[test]', or use the population engine."
            )
            raise UserInputError([error("ENG001", "engine reference", message)])

    def simulate(
        self,
        sbml: str,
        parameters: ParameterTable,
        doses: DoseTable,
        times: FloatArray,
        outputs: Sequence[str],
        *,
        tolerances: Tolerances | None = None,
    ) -> SimulationResult:
        """Simulate every patient; see `cxaxis.engine.protocol.Engine.simulate`."""
        chosen = tolerances or Tolerances()
        infused = frozenset(d.target for d in doses.rows if d.duration > 0)
        loaded = _load(sbml, infused, optimises=self._optimises)
        symbols = loaded.symbols
        require_known("dose target", (dose.target for dose in doses.rows), symbols.doseable)
        require_known("parameter", parameters.names, symbols.settable)
        selections = [_selection(output, symbols) for output in outputs]
        n_patient = parameters.n_patient
        table = checked_times(times, n_patient)
        clock = np.broadcast_to(table, (n_patient, table.shape[1]))
        loaded.set_tolerances(chosen)
        values = np.full((parameters.n_patient, clock.shape[1], len(outputs)), np.nan)
        outcomes = tuple(
            _run_patient(loaded, parameters, doses, clock[row], selections, row, values[row])
            for row in range(parameters.n_patient)
        )
        return SimulationResult(
            times=np.asarray(times, dtype=np.float64),
            names=tuple(outputs),
            values=values,
            outcomes=naming_columns(outcomes, parameters),
            tolerances=chosen,
        )


def _start(loaded: _Loaded, parameters: ParameterTable, row: int) -> None:
    """Bring the model to time 0 of one patient, whatever was run before."""
    runner = loaded.runner
    values = parameters.values[row]
    doseable = loaded.symbols.doseable
    is_global = [name in loaded.global_index for name in parameters.names]
    index = [
        loaded.global_index[n] for n, ok in zip(parameters.names, is_global, strict=True) if ok
    ]
    globals_here = values[np.array(is_global, dtype=bool)].tolist()

    runner.resetAll()
    # What an event changed keeps its last value through a reset.
    for name, value in loaded.symbols.switched.items():
        runner.setValue(name, value)
    runner.model.setGlobalParameterValues(index, globals_here)
    given = dict(zip(parameters.names, values.tolist(), strict=True))
    # Starting amounts are concentrations times the size that a compartment starts with.
    runner.model.setCompartmentInitVolumes(
        [place for place, _ in loaded.sizes.values()],
        [given.get(name, size) for name, (_, size) in loaded.sizes.items()],
    )
    # Sizes that are expressions follow the constants only when asked to.
    runner.reset(loaded.start_selection)
    for name in sorted(loaded.symbols.compartments.intersection(given).difference(loaded.sizes)):
        runner.setValue(name, given[name])
    # Starting values that are expressions follow the constants just set; the constants
    # themselves and the states given for this patient come after.
    runner.reset()
    runner.model.setGlobalParameterValues(index, globals_here)
    for name, value in zip(parameters.names, values, strict=True):
        if name in doseable and name not in loaded.global_index:
            runner.setValue(name, value)


def _run_patient(
    loaded: _Loaded,
    parameters: ParameterTable,
    doses: DoseTable,
    clock: FloatArray,
    selections: list[str],
    row: int,
    into: FloatArray,
) -> PatientOutcome:
    runner = loaded.runner
    _start(loaded, parameters, row)
    runner.timeCourseSelections = selections
    stops = stops_of(doses.of_patient(row), float(clock[-1]))
    edges = [stop.time for stop in stops if stop.time > 0] + [float(clock[-1])]
    now = 0.0
    written = 0
    if clock[0] == 0:
        into[0] = runner.getSelectedValues()
        written = 1
    try:
        for stop in stops:
            if stop.time == 0:
                _apply(runner, stop.boluses, stop.rates)
        upcoming = {stop.time: stop for stop in stops}
        for edge in edges:
            inside = clock[written : np.searchsorted(clock, edge, side="right")]
            if edge > now:
                _advance(runner, now, edge, inside, into[written : written + len(inside)])
            written += len(inside)
            now = edge
            if edge in upcoming and edge < clock[-1]:
                _apply(runner, upcoming[edge].boluses, upcoming[edge].rates)
    except RuntimeError as err:
        return _failure(loaded, str(err))
    return _judge(loaded, now, into)


def _apply(
    runner: Any, boluses: tuple[tuple[str, float], ...], rates: tuple[tuple[str, float], ...]
) -> None:
    for target, amount in boluses:
        runner.setValue(target, runner.getValue(target) + amount)
    for target, rate in rates:
        runner.setValue(infusion_constant(target), rate)


def _advance(runner: Any, start: float, end: float, inside: FloatArray, into: FloatArray) -> None:
    """Integrate one segment and record its output times."""
    points = [start, *inside.tolist()]
    if points[-1] < end:
        points.append(end)
    table = np.asarray(runner.simulate(times=points))
    into[:] = table[1 : 1 + len(inside)]


def _judge(loaded: _Loaded, time: float, values: FloatArray) -> PatientOutcome:
    if not np.isfinite(values).all():
        return PatientOutcome(outcome=Outcome.NON_FINITE, time=time)
    amounts = loaded.runner.model.getFloatingSpeciesAmounts()
    if len(amounts) and amounts.min() < NEGATIVE_AMOUNT_LIMIT:
        names = loaded.runner.model.getFloatingSpeciesIds()
        return PatientOutcome(
            outcome=Outcome.NEGATIVE_STATE, time=time, state=names[int(np.argmin(amounts))]
        )
    return PatientOutcome(outcome=Outcome.COMPLETED, time=time)


def _failure(loaded: _Loaded, message: str) -> PatientOutcome:
    runner = loaded.runner
    states = np.array([runner.getValue(name) for name in loaded.state_ids])
    rates = np.array([runner.getValue(f"{name}'") for name in loaded.state_ids])
    outcome = Outcome.STEP_TOO_SMALL if np.isfinite(states).all() else Outcome.NON_FINITE
    if "CV_TOO_MUCH_WORK" in message:
        outcome = Outcome.STEP_LIMIT
    # The floor keeps a state near zero from always being the fastest.
    pace = np.abs(rates) / (np.abs(states) + 1e-9)
    wild = np.flatnonzero(~np.isfinite(rates) | ~np.isfinite(states))
    stiffest = wild[0] if len(wild) else int(np.argmax(pace))
    return PatientOutcome(
        outcome=outcome,
        time=float(runner.model.getTime()),
        state=loaded.state_ids[stiffest],
        message=message[:200],
    )
