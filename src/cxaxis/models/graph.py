"""Which quantity of a built model acts directly on which, read from its SBML.

A quantity depends directly on whatever stands in its assignment, its initial assignment, its rate
rule, the kinetic law of a reaction that changes it, or an event that sets it. Time is left out, and
so are compartments in kinetic laws: there a volume turns an amount into a concentration, which is
no mechanism.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from itertools import pairwise
from types import MappingProxyType
from typing import Any, Final, Literal

from cxaxis.core.errors import ModelValueError
from cxaxis.core.ids import did_you_mean
from cxaxis.models.build import Model

EquationKind = Literal["assignment", "initial", "rate", "reaction", "event"]

_MOVING_KINDS: Final = frozenset({"rate", "reaction", "event"})


@dataclass(frozen=True, kw_only=True)
class Equation:
    """One place of the model that gives quantities their value or changes it.

    Attributes
    ----------
    kind
        ``assignment`` (at all times), ``initial`` (at the start), ``rate`` (change in time),
        ``reaction`` or ``event``.
    targets
        Quantities that it sets or changes.
    uses
        Quantities that stand in it; a target among them where it acts on itself.
    text
        The equation as text.
    """

    kind: EquationKind
    targets: tuple[str, ...]
    uses: frozenset[str]
    text: str


def equations(model: Model) -> tuple[Equation, ...]:
    """Return every equation of a model, in the order of its SBML, reactions and events last."""
    return _equations(model.sbml)


@cache
def _equations(text: str) -> tuple[Equation, ...]:
    import libsbml

    sbml = libsbml.readSBMLFromString(text).getModel()
    return (
        *_initial(sbml),
        *_rules(sbml),
        *_reactions(sbml),
        *_events(sbml),
    )


def equations_of(model: Model, quantity: str) -> tuple[Equation, ...]:
    """Return the equations that set or change a quantity."""
    return tuple(item for item in equations(model) if quantity in item.targets)


def dependencies(model: Model) -> Mapping[str, frozenset[str]]:
    """Return the quantities that each quantity of a model depends on directly.

    Parameters
    ----------
    model
        A built model.

    Returns
    -------
    By quantity, in the model's order: those that act on it directly, itself left out; empty for
    a constant.
    """
    found: dict[str, set[str]] = {name: set() for name in model.units}
    for item in equations(model):
        for target in item.targets:
            found[target] |= item.uses - {target}
    return MappingProxyType({name: frozenset(uses) for name, uses in found.items()})


def dependents(graph: Mapping[str, frozenset[str]]) -> Mapping[str, frozenset[str]]:
    """Return the quantities on which each quantity acts directly.

    Parameters
    ----------
    graph
        What each quantity depends on, from `dependencies`.
    """
    found: dict[str, set[str]] = {name: set() for name in graph}
    for target, uses in graph.items():
        for name in uses:
            found[name].add(target)
    return MappingProxyType({name: frozenset(targets) for name, targets in found.items()})


def is_chain(graph: Mapping[str, frozenset[str]], path: Iterable[str]) -> bool:
    """Return whether each quantity of a path acts directly on the next."""
    return all(start in graph.get(end, frozenset()) for start, end in pairwise(path))


def shortest_path(model: Model, start: str, end: str) -> tuple[str, ...]:
    """Return a shortest chain of quantities, each acting directly on the next.

    Parameters
    ----------
    model
        A built model.
    start, end
        Quantities of the model. Of several shortest chains, the first by name at the earliest
        step is taken.

    Returns
    -------
    The chain with both ends, empty if ``start`` does not act on ``end``.

    Raises
    ------
    ModelValueError
        For an unknown quantity, naming the nearest.
    """
    graph = dependencies(model)
    for name in (start, end):
        if name not in graph:
            msg = f"unknown quantity {name!r} of {model.name}. {did_you_mean(name, graph)}"
            raise ModelValueError(msg)
    onward = dependents(graph)
    came_from: dict[str, str] = {start: start}
    waiting = deque([start])
    while waiting and end not in came_from:
        here = waiting.popleft()
        for name in sorted(onward[here] - came_from.keys()):
            came_from[name] = here
            waiting.append(name)
    if end not in came_from:
        return ()
    chain = [end]
    while chain[-1] != start:
        chain.append(came_from[chain[-1]])
    return tuple(reversed(chain))


def governing_constants(model: Model) -> Mapping[str, frozenset[str]]:
    """Return the constants that enter each quantity of a model.

    A constant enters a quantity if it acts on it directly, or through quantities that do not
    change either, such as an association rate made of a dissociation rate and a constant.

    Parameters
    ----------
    model
        A built model.

    Returns
    -------
    By quantity: constants that no equation sets, inputs and switches among them; coefficients of
    the cell's response functions, which have no meaning one by one, left out.
    """
    graph = dependencies(model)
    made_of = _settled(equations(model), graph)
    return MappingProxyType(
        {name: _constants(graph[name], made_of) - model.coefficients for name in graph},
    )


def path_constants(model: Model, path: Iterable[str]) -> Mapping[str, frozenset[str]]:
    """Return the constants that enter each step of a path.

    A constant enters a step if it stands, directly or through quantities that do not change, in
    an equation by which one quantity acts on the next. Those of other equations of the same
    quantities do not count.

    Parameters
    ----------
    model
        A built model.
    path
        Quantities, each acting directly on the next.

    Returns
    -------
    By quantity of the path: the constants of the step that ends there; for the first, itself and
    what it is made of, if it does not change. Coefficients of the cell's response functions are
    left out.
    """
    every = equations(model)
    made_of = _settled(every, dependencies(model))
    steps = list(path)
    found = {name: _constants({name}, made_of) - model.coefficients for name in steps[:1]}
    for start, end in pairwise(steps):
        uses = {
            name
            for item in every
            if end in item.targets and start in item.uses
            for name in item.uses
        }
        found[end] = _constants(uses, made_of) - model.coefficients
    return MappingProxyType(found)


def _settled(
    every: Iterable[Equation], graph: Mapping[str, frozenset[str]]
) -> Mapping[str, frozenset[str]]:
    """Return the quantities that never change, each with what it is made of."""
    moving = {target for item in every if item.kind in _MOVING_KINDS for target in item.targets}
    onward = dependents(graph)
    waiting = list(moving)
    while waiting:
        reached = [name for name in onward[waiting.pop()] if name not in moving]
        moving.update(reached)
        waiting += reached
    return {name: uses for name, uses in graph.items() if name not in moving}


def _constants(names: Iterable[str], made_of: Mapping[str, frozenset[str]]) -> frozenset[str]:
    """Return the constants among quantities, and those that settled quantities are made of."""
    found: set[str] = set()
    for name in names:
        if name in made_of:
            found |= _constants(made_of[name], made_of) if made_of[name] else {name}
    return frozenset(found)


def _initial(sbml: Any) -> Iterator[Equation]:
    for index in range(sbml.getNumInitialAssignments()):
        item = sbml.getInitialAssignment(index)
        symbol = item.getSymbol()
        yield Equation(
            kind="initial",
            targets=(symbol,),
            uses=_names(item.getMath(), sbml),
            text=f"{symbol} at the start = {_formula(item.getMath())}",
        )


def _rules(sbml: Any) -> Iterator[Equation]:
    for index in range(sbml.getNumRules()):
        rule = sbml.getRule(index)
        variable = rule.getVariable()
        left = f"d {variable} / dt" if rule.isRate() else variable
        yield Equation(
            kind="rate" if rule.isRate() else "assignment",
            targets=(variable,),
            uses=_names(rule.getMath(), sbml),
            text=f"{left} = {_formula(rule.getMath())}",
        )


def _reactions(sbml: Any) -> Iterator[Equation]:
    for index in range(sbml.getNumReactions()):
        reaction = sbml.getReaction(index)
        left = [reaction.getReactant(i) for i in range(reaction.getNumReactants())]
        right = [reaction.getProduct(i) for i in range(reaction.getNumProducts())]
        law = reaction.getKineticLaw().getMath()
        sides = " -> ".join(_side(side) for side in (left, right))
        yield Equation(
            kind="reaction",
            targets=tuple(
                name
                for name in dict.fromkeys(item.getSpecies() for item in (*left, *right))
                if not _is_fixed(sbml.getSpecies(name))
            ),
            uses=_law_names(reaction, sbml),
            text=f"{reaction.getId()}: {sides}; rate {_formula(law)}",
        )


def _is_fixed(species: Any) -> bool:
    return bool(species.getConstant() or species.getBoundaryCondition())


def _side(participants: list[Any]) -> str:
    terms = []
    for item in participants:
        number = item.getStoichiometry()
        terms.append(item.getSpecies() if number == 1 else f"{number:g} {item.getSpecies()}")
    return " + ".join(terms) or "nothing"


def _events(sbml: Any) -> Iterator[Equation]:
    for index in range(sbml.getNumEvents()):
        event = sbml.getEvent(index)
        when = event.getTrigger().getMath()
        for number in range(event.getNumEventAssignments()):
            item = event.getEventAssignment(number)
            yield Equation(
                kind="event",
                targets=(item.getVariable(),),
                uses=_names(when, sbml) | _names(item.getMath(), sbml),
                text=f"{item.getVariable()} = {_formula(item.getMath())} when {_formula(when)}",
            )


def _formula(math: Any) -> str:
    import libsbml

    settings = libsbml.L3ParserSettings()
    settings.setParseUnits(False)
    return str(libsbml.formulaToL3StringWithSettings(math, settings))


def _names(math: Any, sbml: Any) -> frozenset[str]:
    """Return the quantities of a formula; time and functions are none, a reaction is its law."""
    import libsbml

    if math.getType() == libsbml.AST_NAME:
        name = math.getName()
        reaction = sbml.getReaction(name)
        if reaction is None:
            return frozenset({name})
        return _law_names(reaction, sbml)
    parts = (_names(math.getChild(i), sbml) for i in range(math.getNumChildren()))
    return frozenset().union(*parts)


def _law_names(reaction: Any, sbml: Any) -> frozenset[str]:
    """Return the quantities of a kinetic law without compartments."""
    fluids = {sbml.getCompartment(i).getId() for i in range(sbml.getNumCompartments())}
    return _names(reaction.getKineticLaw().getMath(), sbml) - fluids
