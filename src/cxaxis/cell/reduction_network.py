"""The equations of a model as symbols: what the reduction works on.

A network is read from SBML: how fast each state changes, the quantities in between, the starting
values. Sums that nothing changes (receptor held at the surface) are found and become constants,
and the states fall into blocks that can be solved one after the other.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from importlib import import_module
from typing import Any, Final

import numpy as np

from cxaxis.core.arrays import FloatArray
from cxaxis.core.errors import CxaxisError

# Rounding leaves this much of the largest term where terms cancel.
ROUNDING: Final = 1e-9
PROBE_SEED: Final = 20
N_PROBE: Final = 96


def symbolic() -> Any:
    """Return the library of symbols, which only the making of response functions needs."""
    return import_module("sympy")


class ReductionError(CxaxisError):
    """A model has no closed form of the kind that the reduction writes."""


@dataclass(frozen=True, kw_only=True)
class Network:
    """The equations of a model.

    Attributes
    ----------
    rates
        State -> its change per second (nM/s for species), in states, rules and constants.
    rules
        Quantity -> its formula, in states, rules and constants.
    start
        State -> its starting value, in constants and rules.
    constants
        Value of every constant as the model was built.
    sums
        Sums of states that are held: state -> weight, and the value of the sum.
    """

    rates: Mapping[str, Any] = field(repr=False)
    rules: Mapping[str, Any] = field(repr=False)
    start: Mapping[str, Any] = field(repr=False)
    constants: Mapping[str, float] = field(repr=False)
    sums: tuple[tuple[Mapping[str, int], Any], ...] = ()
    _memo: dict[str, Any] = field(default_factory=dict, repr=False, compare=False)

    @cached_property
    def states(self) -> tuple[str, ...]:
        """Every state."""
        return tuple(self.rates)

    def expanded(self, formula: Any, within: frozenset[str] | None = None) -> Any:
        """Return a formula with its rules written out.

        Parameters
        ----------
        formula
            In states, rules and constants.
        within
            Write out only rules that depend on one of these states; None writes out all.
        """
        todo = {
            symbol: self._written_out(symbol.name, within)
            for symbol in formula.free_symbols
            if symbol.name in self.rules and (within is None or self.reach(symbol.name) & within)
        }
        return formula.xreplace(todo) if todo else formula

    def _written_out(self, rule: str, within: frozenset[str] | None) -> Any:
        key = f"{rule}|{'*' if within is None else ','.join(sorted(within))}"
        if key not in self._memo:
            self._memo[key] = self.expanded(self.rules[rule], within)
        return self._memo[key]

    def reach(self, name: str) -> frozenset[str]:
        """Return the states that a quantity depends on, through rules."""
        if name in self.rates:
            return frozenset((name,))
        if name not in self.rules:
            return frozenset()
        key = f"reach|{name}"
        if key not in self._memo:
            found: set[str] = set()
            for symbol in self.rules[name].free_symbols:
                found |= self.reach(symbol.name)
            self._memo[key] = frozenset(found)
        return self._memo[key]  # type: ignore[no-any-return]

    def states_in(self, formula: Any) -> frozenset[str]:
        """Return the states that a formula depends on, through rules."""
        return frozenset().union(*(self.reach(symbol.name) for symbol in formula.free_symbols))


def read_network(sbml: str, replaced: Mapping[str, str] | None = None) -> Network:
    """Return the equations of a model.

    Parameters
    ----------
    sbml
        SBML Level 3, species as concentrations.
    replaced
        Constant or held state -> formula that stands for it from here on, such as
        ``{"k_activate_gi": "k_activate_gi * gi_arrestin_bias"}``; new names become constants.

    Raises
    ------
    ReductionError
        If the model has a construct that has no place in a closed form, such as an event.
    """
    import libsbml

    sympy = symbolic()

    document = libsbml.readSBMLFromString(sbml)
    options = libsbml.ConversionProperties()
    options.addOption("expandFunctionDefinitions", True)
    document.convert(options)
    model = document.getModel()
    if model.getNumEvents():
        msg = "a model with events has no response function. Give a bench without events."
        raise ReductionError(msg)

    def formula(node: Any) -> Any:
        text = libsbml.formulaToL3String(node).replace("^", "**")
        # A unit after a number is of no concern here.
        text = re.sub(r"(\d)\s+(?:dimensionless|item|\w+)\b(?!\s*\()", r"\1", text)
        names = set(re.findall(r"[A-Za-z_]\w*", text)) - {"exp", "ln", "log", "sqrt"}
        return sympy.sympify(text, locals={name: sympy.Symbol(name) for name in names})

    species = {item.getId(): item for item in model.getListOfSpecies()}
    rules = {
        rule.getVariable(): formula(rule.getMath())
        for rule in model.getListOfRules()
        if rule.isAssignment()
    }
    change: dict[str, Any] = {name: sympy.S(0) for name in species if name not in rules}
    for reaction in model.getListOfReactions():
        rules[reaction.getId()] = formula(reaction.getKineticLaw().getMath())
        for sign, sides in ((-1, reaction.getListOfReactants()), (1, reaction.getListOfProducts())):
            for side in sides:
                place = sympy.Symbol(species[side.getSpecies()].getCompartment())
                flow = sympy.Symbol(reaction.getId()) / place
                change[side.getSpecies()] += sign * int(side.getStoichiometry()) * flow
    change |= {
        rule.getVariable(): formula(rule.getMath())
        for rule in model.getListOfRules()
        if rule.isRate()
    }
    first = {
        item.getSymbol(): formula(item.getMath()) for item in model.getListOfInitialAssignments()
    }
    for name in change:
        if name not in first:
            held = species.get(name)
            value = model.getParameter(name).getValue() if held is None else _start_of(held)
            first[name] = sympy.nsimplify(value) if value == int(value) else sympy.Float(value)
    constants = {
        item.getId(): item.getValue()
        for item in model.getListOfParameters()
        if item.getId() not in rules and item.getId() not in change
    }
    constants |= {item.getId(): item.getSize() for item in model.getListOfCompartments()}
    for name in list(first):
        if name in constants:
            rules[name] = first.pop(name)
            del constants[name]
    return _with_replaced(
        Network(rates=change, rules=rules, start=first, constants=constants), replaced or {}
    )


def _start_of(species: Any) -> float:
    if not species.isSetInitialConcentration():
        return 0.0
    return float(species.getInitialConcentration())


def _with_replaced(network: Network, replaced: Mapping[str, str]) -> Network:
    """Return the network with formulas put in the place of constants and of held states."""
    sympy = symbolic()

    swap = {
        sympy.Symbol(name): sympy.sympify(text, locals=_symbols(text))
        for name, text in replaced.items()
    }
    held = {name for name in replaced if name in network.rates}
    for name in held:
        if np.abs(probe(network)[name]).max() > ROUNDING:
            msg = f"{name} changes with time and cannot be an input. Hold it in the bench."
            raise ReductionError(msg)

    def changed(items: Mapping[str, Any]) -> dict[str, Any]:
        return {key: item.xreplace(swap) for key, item in items.items() if key not in held}

    new = {s.name for item in swap.values() for s in item.free_symbols} - set(network.constants)
    kept = Network(
        rates=changed(network.rates),
        rules=changed(network.rules),
        start=changed(network.start),
        constants={**network.constants, **dict.fromkeys(sorted(new), 1.0)},
    )
    return constant_sums_held(_without_empty(kept))


def _without_empty(network: Network) -> Network:
    """Return the network without empty states that nothing fills and without fixed numbers."""
    sympy = symbolic()

    while True:
        empty = [
            name
            for name, value in network.start.items()
            if value == 0 and np.abs(probe(network, zero=name)[name]).max() < ROUNDING
        ]
        fixed = {name: rule for name, rule in network.rules.items() if rule.is_number}
        spent = not any(
            symbol.name in fixed
            for items in (network.rates, network.rules)
            for formula in items.values()
            for symbol in formula.free_symbols
        )
        if spent and not empty:
            return network
        swap = {sympy.Symbol(name): sympy.S(0) for name in empty}
        swap |= {sympy.Symbol(name): rule for name, rule in fixed.items()}
        network = Network(
            rates={k: v.xreplace(swap) for k, v in network.rates.items() if k not in empty},
            rules={
                **{key: rule.xreplace(swap) for key, rule in network.rules.items()},
                **dict.fromkeys(empty, sympy.S(0)),
            },
            start={k: v.xreplace(swap) for k, v in network.start.items() if k not in empty},
            constants=network.constants,
        )


def _symbols(text: str) -> dict[str, Any]:
    sympy = symbolic()

    return {name: sympy.Symbol(name) for name in re.findall(r"[A-Za-z_]\w*", text)}


def constant_sums_held(network: Network) -> Network:
    """Return the network with every rule that is a constant sum of states put at its start.

    Such a sum is the receptor at the surface, which the bench holds.
    """
    sympy = symbolic()

    rules = dict(network.rules)
    sums = []
    moves = probe(network)
    for name, rule in network.rules.items():
        within = sorted(network.states_in(rule))
        if len(within) < 2:
            continue
        full = network.expanded(rule)
        weights = {state: full.diff(sympy.Symbol(state)) for state in within}
        if any(not weight.is_Integer for weight in weights.values()):
            continue
        flow = np.sum([int(w) * moves[state] for state, w in weights.items()], axis=0)
        if np.abs(flow).max() < ROUNDING:
            start = sum(weight * network.start[state] for state, weight in weights.items())
            rules[name] = sympy.simplify(network.expanded(sympy.sympify(start)))
            sums.append(({state: int(w) for state, w in weights.items()}, rules[name]))
    return Network(
        rates=network.rates,
        rules=rules,
        start=network.start,
        constants=network.constants,
        sums=tuple(sums),
    )


def probe(
    network: Network, *, zero: str | None = None, nudged: str | None = None
) -> Mapping[str, FloatArray]:
    """Return every rate at random states and constants of the size of 1.

    Parameters
    ----------
    network
        The equations.
    zero, nudged
        A state to put at zero; a state to raise by a third.
    """
    rng = np.random.default_rng(PROBE_SEED)
    names = (*network.states, *network.constants)
    points = dict(zip(names, np.exp(rng.uniform(-0.7, 0.7, (len(names), N_PROBE))), strict=True))
    if zero is not None:
        points[zero] = np.zeros(N_PROBE)
    if nudged is not None:
        points[nudged] = points[nudged] * 4 / 3
    values = Values(network.rules, points)
    return {
        state: np.broadcast_to(values.of(rate), (N_PROBE,)) * 1.0
        for state, rate in network.rates.items()
    }


class Values(dict[str, Any]):
    """Values by name; those of rules are worked out when asked for."""

    def __init__(self, rules: Mapping[str, Any], points: Mapping[str, Any]) -> None:
        super().__init__(points)
        self._rules = rules
        self |= {"exp": np.exp, "log": np.log, "sqrt": np.sqrt}

    def __missing__(self, name: str) -> Any:
        self[name] = self.of(self._rules[name])
        return self[name]

    def of(self, formula: Any) -> Any:
        """Return the value of a formula, which is text of the model's own."""
        return eval(_code(formula), {"__builtins__": {}}, self)


@lru_cache(maxsize=4096)
def _code(formula: Any) -> Any:
    return compile(str(formula), "<formula>", "eval")
