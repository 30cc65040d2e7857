"""What every name of an SBML model stands for, as nodes of one graph."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from cxaxis.core.errors import Finding, error
from cxaxis.engine.expressions import Graph, Node
from cxaxis.engine.formulas import Formulas, names_in
from cxaxis.engine.quantities import Quantity, infusable, quantities_of, written_stoichiometry
from cxaxis.engine.refusals import CURES, place


def infusion_name(target: str) -> str:
    """Return the name of the held infusion rate into ``target``."""
    return f"infusion_into_{target}"


def start_name(state: str) -> str:
    """Return the name of the held starting value of ``state``, where patients have their own."""
    return f"start({state})"


class Reading:
    """A model being read: its leaves, and the nodes of its values, rates and starting values.

    Attributes
    ----------
    graph, formulas
        Owner of the nodes, and the translator that makes them.
    quantities
        By id, in the order of the document.
    states, held
        Names in the order of the vectors of the system.
    findings
        What has been found unsupported so far.
    """

    def __init__(
        self, model: Any, given: frozenset[str], infused: frozenset[str], findings: list[Finding]
    ) -> None:
        self.graph = Graph()
        self.findings = findings
        self.quantities = quantities_of(model)
        self.reactions = {each.getId(): each for each in model.getListOfReactions()}
        functions = {each.getId(): each.getMath() for each in model.getListOfFunctionDefinitions()}
        self.formulas = Formulas(self.graph, functions, self.rate_along, self._complain)
        self.infused = [name for name in sorted(infused) if infusable(self.quantities, name)]
        self.given = given
        self._element = ("the model", "SBML")
        self._known: dict[tuple[str, str], Node] = {}
        self._open: list[tuple[str, str]] = []
        self.states = [q.name for q in self.quantities.values() if self._is_state(q)]
        self.held = [q.name for q in self.quantities.values() if self._is_held(q)]
        self.held += [infusion_name(name) for name in self.infused]
        self.held += [start_name(name) for name in self.states if name in given]
        self.leaves = {name: self.graph.state(i) for i, name in enumerate(self.states)}
        self.leaves |= {name: self.graph.held(i) for i, name in enumerate(self.held)}
        self._name_of = {leaf: name for name, leaf in self.leaves.items()}
        self._parts = self._parts_in_reactions()
        self._read_in_order()

    # What changes and what stays

    def _is_state(self, quantity: Quantity) -> bool:
        return quantity.role == "state" or quantity.name in self.infused

    def _is_held(self, quantity: Quantity) -> bool:
        if quantity.role != "held" or quantity.name in self.infused:
            return False
        varied = quantity.by_events or quantity.initial is not None
        return varied or quantity.kind != "stoichiometry"

    def _parts_in_reactions(self) -> dict[str, list[tuple[str, float, Any]]]:
        """Return reaction, sign and species reference of every part that a species takes."""
        parts: dict[str, list[tuple[str, float, Any]]] = {}
        for name, reaction in self.reactions.items():
            sides = ((-1.0, reaction.getListOfReactants()), (1.0, reaction.getListOfProducts()))
            for sign, references in sides:
                for reference in references:
                    parts.setdefault(reference.getSpecies(), []).append((name, sign, reference))
        return parts

    def _read_in_order(self) -> None:
        """Read what formulas need before the formulas, so that long chains stay shallow."""
        laws = {
            name: names_in(reaction.getKineticLaw().getMath())
            for name, reaction in self.reactions.items()
            if reaction.getKineticLaw() is not None and reaction.getKineticLaw().getMath()
        }
        rules = {
            name: names_in(quantity.assignment)
            for name, quantity in self.quantities.items()
            if quantity.assignment is not None
        }
        for name in in_order({**laws, **rules}):
            self.value(name)
        starts = {
            name: names_in(quantity.initial)
            for name, quantity in self.quantities.items()
            if quantity.initial is not None and quantity.assignment is None
        }
        for name in in_order({**laws, **rules, **starts}):
            if name in starts:
                self.start(name)

    # Values

    def value(self, name: str) -> Node:
        """Return what ``name`` means in a formula."""
        quantity = self.quantities.get(name)
        if name in self.reactions:
            return self._once("reaction", name, lambda: self._law(name))
        if quantity is None:
            self._complain("SBML107", f"{name!r}, which the model does not define")
            return self.formulas.nan
        if quantity.assignment is not None:
            return self._once("assignment rule of", name, lambda: self._assigned(quantity))
        leaf = self.leaves.get(name)
        if leaf is None:
            return self._number(quantity)
        if quantity.kind != "species" or quantity.in_amounts:
            return leaf
        return self.graph.divide(leaf, self.value(quantity.compartment))

    def concentration(self, name: str) -> Node:
        """Return the concentration of a species; its amount in a point without a size."""
        quantity = self.quantities[name]
        size = self.quantities[quantity.compartment]
        no_size = math.isnan(size.value) and not (size.assignment or size.rate or size.initial)
        if quantity.in_amounts and not (no_size and size.name not in self.given):
            return self.graph.divide(self.value(name), self.value(quantity.compartment))
        return self.value(name)

    def amount(self, name: str) -> Node:
        """Return the amount of a species."""
        quantity = self.quantities[name]
        if name in self.leaves:
            return self.leaves[name]
        if quantity.in_amounts:
            return self.value(name)
        return self.graph.multiply(self.value(name), self.value(quantity.compartment))

    def _assigned(self, quantity: Quantity) -> Node:
        with self.within(f"the assignment rule of {quantity.name!r}", quantity.where):
            return self.formulas.number(quantity.assignment, self.value)

    def _number(self, quantity: Quantity) -> Node:
        if math.isnan(quantity.value):
            self.complain_of_no_value(quantity)
        return self.graph.constant(quantity.value)

    def _law(self, name: str) -> Node:
        reaction = self.reactions[name]
        law = reaction.getKineticLaw()
        with self.within(f"reaction {name!r}", place(reaction)):
            if law is None or law.getMath() is None:
                self._complain("SBML105", "no kinetic law, so that its rate is unknown", "has")
                return self.formulas.nan
            own = {
                each.getId(): each for each in map(law.getParameter, range(law.getNumParameters()))
            }

            def scope(inner: str) -> Node:
                if inner not in own:
                    return self.value(inner)
                if not own[inner].isSetValue():
                    self._complain("SBML105", f"no value for its parameter {inner!r}", "has")
                    return self.formulas.nan
                return self.graph.constant(own[inner].getValue())

            return self.formulas.number(law.getMath(), scope)

    # Rates

    def rate(self, name: str) -> Node:
        """Return the rate of change of a state."""
        return self._once("rate of", name, lambda: self._rate(self.quantities[name]))

    def rate_along(self, node: Node) -> Node:
        """Return the rate of change of any node along the course of the model."""
        graph = self.graph
        parts = []
        for leaf, slope in sorted(graph.gradient(node).items()):
            if leaf == graph.time():
                parts.append(slope)
            elif self._name_of[leaf] in self.states:
                parts.append(graph.multiply(slope, self.rate(self._name_of[leaf])))
        return graph.total(parts)

    def _rate(self, quantity: Quantity) -> Node:
        graph = self.graph
        name = quantity.name
        total = self._reacting(quantity)
        if quantity.rate is not None:
            with self.within(f"the rate rule of {name!r}", quantity.where):
                total = self.formulas.number(quantity.rate, self.value)
            if quantity.kind == "species" and not quantity.in_amounts:
                size = self.value(quantity.compartment)
                growth = graph.multiply(self.value(name), self.rate_along(size))
                total = graph.add(graph.multiply(total, size), growth)
        if name in self.infused:
            total = graph.add(total, self.leaves[infusion_name(name)])
        return total

    def _reacting(self, quantity: Quantity) -> Node:
        graph = self.graph
        if quantity.kind != "species" or quantity.fixed:
            return graph.zero
        numbers: dict[str, Node] = {}
        for reaction, sign, reference in self._parts.get(quantity.name, []):
            with self.within(f"reaction {reaction!r}", place(reference)):
                number = graph.multiply(graph.constant(sign), self._stoichiometry(reference))
            numbers[reaction] = graph.add(numbers.get(reaction, graph.zero), number)
        total = graph.total(
            graph.multiply(number, self.value(reaction))
            for reaction, number in numbers.items()
            if number != graph.zero
        )
        return graph.multiply(total, self.value(quantity.factor)) if quantity.factor else total

    def _stoichiometry(self, reference: Any) -> Node:
        if reference.isSetStoichiometryMath():
            return self.formulas.number(reference.getStoichiometryMath().getMath(), self.value)
        if reference.getId() in self.quantities:
            return self.value(reference.getId())
        number = written_stoichiometry(reference)
        if math.isnan(number):
            self._complain(
                "SBML105", f"no stoichiometry for species {reference.getSpecies()!r}", "has"
            )
        return self.graph.constant(number)

    # Starting values

    def start(self, name: str) -> Node | None:
        """Return the model's own starting value of a leaf; None if it is its written number."""
        quantity = self.quantities.get(name)
        if quantity is None:
            return None
        by_patient = name in self.given and quantity.kind != "species"
        if quantity.role == "held" and by_patient and name not in self.infused:
            return None
        if quantity.initial is not None:
            return self._once("starting value of", name, lambda: self._initial(quantity))
        known = not math.isnan(quantity.value)
        if quantity.kind == "species" and not quantity.value_is_amount and known:
            size = self.at_start(self.value(quantity.compartment))
            return self.graph.multiply(self.graph.constant(quantity.value), size)
        return self.graph.constant(quantity.value) if name in self.states else None

    def at_start(self, node: Node) -> Node:
        """Return a node at time 0, as a formula of held values that have none."""
        by: dict[Node, Node] = {}
        for leaf in self.graph.leaves([node]):
            start = self.graph.zero
            if leaf != self.graph.time():
                own = self.start(self._name_of[leaf])
                start = leaf if own is None else own
            by[leaf] = start
        return self.graph.substituted([node], by)[0]

    def _initial(self, quantity: Quantity) -> Node:
        with self.within(f"the initial assignment of {quantity.name!r}", quantity.where):
            node = self.formulas.number(quantity.initial, self.value)
            if quantity.kind == "species" and not quantity.in_amounts:
                node = self.graph.multiply(node, self.value(quantity.compartment))
            return self.at_start(node)

    # Findings

    @contextmanager
    def within(self, element: str, where: str) -> Iterator[None]:
        """Name the element that complaints are about."""
        before = self._element
        self._element = (element, where)
        try:
            yield
        except RecursionError:
            self.complain("SBML113", "has a formula nested too deeply to be read")
            raise
        finally:
            self._element = before

    def complain_of_no_value(self, quantity: Quantity) -> None:
        """Note that a quantity that is needed has no value."""
        with self.within(f"{quantity.kind} {quantity.name!r}", quantity.where):
            self._complain("SBML105", "no value", "has")

    def complain(self, code: str, message: str) -> None:
        """Note something about the element being read; ``message`` is a clause after its name."""
        element, where = self._element
        finding = error(code, where, f"{element} {message}. {CURES[code]}")
        if finding not in self.findings:
            self.findings.append(finding)

    def _complain(self, code: str, what: str, verb: str = "uses") -> None:
        self.complain(code, f"{verb} {what}")

    def _once(self, kind: str, name: str, build: Callable[[], Node]) -> Node:
        """Build a node once; a node that needs itself is a circle."""
        key = (kind, name)
        if key in self._known:
            return self._known[key]
        if key in self._open:
            circle = [*self._open[self._open.index(key) :], key]
            self.complain("SBML109", "needs itself: " + ", ".join(f"{k} {n!r}" for k, n in circle))
            return self.formulas.nan
        self._open.append(key)
        try:
            self._known[key] = build()
        finally:
            self._open.pop()
        return self._known[key]


def in_order(needs: Mapping[str, Collection[str]]) -> list[str]:
    """Return the keys of ``needs``, each after those of the keys that it needs; circles anyhow."""
    done: dict[str, None] = {}
    begun: set[str] = set()
    for first in needs:
        waiting = [first]
        while waiting:
            name = waiting[-1]
            ahead = [] if name in begun else [n for n in sorted(needs[name]) if n in needs]
            begun.add(name)
            ahead = [n for n in ahead if n not in begun]
            if ahead:
                waiting.extend(ahead)
            else:
                done.setdefault(waiting.pop())
    return list(done)
