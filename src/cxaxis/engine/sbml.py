"""From SBML to a `System`: states, rates, held values, events and read-outs.

Species that change are states in amounts, so that a compartment whose size changes keeps what
is in it. Formulas mean the amount divided by the size, unless the species says otherwise.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from itertools import combinations
from typing import Any

from cxaxis.engine.expressions import Graph, Node
from cxaxis.engine.reading import Reading, infusion_name, start_name
from cxaxis.engine.refusals import UnsupportedModelError, element_findings, open_model, place
from cxaxis.engine.system import Event, Held, State, System, Target


def read_system(
    sbml: str,
    *,
    given: frozenset[str] = frozenset(),
    infused: frozenset[str] = frozenset(),
) -> System:
    """Return the system of equations of an SBML model.

    Parameters
    ----------
    sbml
        A whole SBML document of any level and version.
    given
        Ids whose value at time 0 comes per patient: constants, compartments, species (as
        amounts) and quantities with a rate rule. Their initial assignments are set aside.
        Those that may be given appear in ``System.settable``; others are passed over.
    infused
        Ids that receive infusions: species that are not constant, or quantities with a rate
        rule. The held value ``infusion_into_<id>`` (amount per time, 0 at first) is added to
        the rate of each; others are passed over.

    Raises
    ------
    UnsupportedModelError
        With a finding for everything that is invalid or not simulated.
    """
    # The document owns the model and must outlive the reading.
    document, model = open_model(sbml)
    findings = list(element_findings(model))
    try:
        reading = Reading(model, given, infused, findings)
        system = _system(reading, model)
    except RecursionError:
        raise UnsupportedModelError(findings) from None
    _note_unset(reading, system)
    if any(finding.code == "SBML103" for finding in findings):
        # What has no value may well get it from an algebraic rule.
        findings = [finding for finding in findings if finding.code != "SBML105"]
    if findings:
        raise UnsupportedModelError(findings)
    del document
    return system


def _system(reading: Reading, model: Any) -> System:
    events = tuple(_events(reading, model))
    _note_rivals(reading, events)
    return System(
        graph=reading.graph,
        states=tuple(_states(reading)),
        held=tuple(_held(reading)),
        events=events,
        readable=_readable(reading),
        doseable={name: i for i, name in enumerate(reading.states) if _takes_doses(reading, name)},
        infused={name: reading.held.index(infusion_name(name)) for name in reading.infused},
        settable=_settable(reading),
    )


def _states(reading: Reading) -> Iterator[State]:
    for name in reading.states:
        own = reading.start(name)
        start = reading.leaves[start_name(name)] if name in reading.given else own
        if start is None or _is_nan(reading, start):
            reading.complain_of_no_value(reading.quantities[name])
            start = reading.formulas.nan
        yield State(
            name=name,
            rate=reading.rate(name),
            start=start,
            is_amount=reading.quantities[name].kind == "species",
        )


def _held(reading: Reading) -> Iterator[Held]:
    for name in reading.held:
        quantity = reading.quantities.get(name)
        if quantity is None:
            # An infusion that has not begun, or a starting value that patients bring.
            value = 0.0 if name.startswith(infusion_name("")) else math.nan
            yield Held(name=name, value=value)
            continue
        start = None if name in reading.given else reading.start(name)
        yield Held(name=name, value=quantity.value if start is None else math.nan, start=start)


def _takes_doses(reading: Reading, name: str) -> bool:
    quantity = reading.quantities[name]
    return quantity.kind == "species" or quantity.rate is not None


def _settable(reading: Reading) -> dict[str, int]:
    """Return the place of constants, and of the starting values of states that are given."""
    result: dict[str, int] = {}
    for name, quantity in reading.quantities.items():
        if name in reading.states:
            if name in reading.given:
                result[name] = reading.held.index(start_name(name))
        elif name in reading.leaves and quantity.kind != "stoichiometry":
            # A formula would overrule what a patient brings.
            overruled = name not in reading.given and reading.start(name) is not None
            if not overruled:
                result[name] = reading.held.index(name)
    return result


def _readable(reading: Reading) -> dict[str, Node]:
    result: dict[str, Node] = {}
    for name, quantity in reading.quantities.items():
        if quantity.kind == "species":
            result[name] = reading.concentration(name)
            result[f"amount({name})"] = reading.amount(name)
        elif name in reading.leaves or quantity.assignment or not math.isnan(quantity.value):
            result[name] = reading.value(name)
    for name, reaction in reading.reactions.items():
        law = reaction.getKineticLaw()
        if law is not None and law.getMath() is not None:
            result[name] = reading.value(name)
    return result


# Events


def _note_rivals(reading: Reading, events: Sequence[Event]) -> None:
    """Note pairs of events that may fall due together, one taking back the other's trigger.

    Where their priorities are equal the standard has chance decide which of them happens.
    """
    graph = reading.graph
    fleeting = [each for each in events if each.priority is not None and not each.persistent]
    needs = {
        each.name: {n for n in graph.reachable([each.trigger]) if _decides(graph, n)}
        for each in fleeting
    }
    for event, other in combinations(fleeting, 2):
        numbers = {graph.term(node).op for node in (event.priority, other.priority) if node}
        ordered = event.priority != other.priority and numbers == {"constant"}
        together = needs[event.name] & needs[other.name]
        if together and not ordered and _disturbs(reading, event, other):
            with reading.within(f"event {event.name!r}", "SBML"):
                reading.complain(
                    "SBML112",
                    f"rivals event {other.name!r}: they fall due together, the first takes "
                    "back the trigger of the second, and chance would decide",
                )


def _decides(graph: Graph, node: Node) -> bool:
    return graph.term(node).op in ("less", "less_equal", "equal", "not_equal")


def _disturbs(reading: Reading, event: Event, other: Event) -> bool:
    """Whether one of two events assigns what the trigger of the other depends on."""
    return any(
        not reading.graph.leaves([b.trigger]).isdisjoint(
            _leaf(reading, t) for t, _ in a.assignments
        )
        for a, b in ((event, other), (other, event))
    )


def _leaf(reading: Reading, target: Target) -> Node:
    graph = reading.graph
    return graph.state(target.index) if target.kind == "state" else graph.held(target.index)


def _events(reading: Reading, model: Any) -> Iterator[Event]:
    for i, event in enumerate(model.getListOfEvents()):
        name = event.getId() or f"event {i + 1}"
        trigger = event.getTrigger()
        if trigger is None or trigger.getMath() is None:
            # Without a condition it never happens.
            continue
        with reading.within(f"event {name!r}", place(event)):
            yield _event(reading, event, name)


def _event(reading: Reading, event: Any, name: str) -> Event:
    trigger = event.getTrigger()
    delay = _optional(reading, event.getDelay())
    values_at_trigger = bool(event.getUseValuesFromTriggerTime())
    new = {
        each.getVariable(): reading.formulas.number(each.getMath(), reading.value)
        for each in event.getListOfEventAssignments()
        if each.getMath() is not None
    }
    return Event(
        name=name,
        trigger=reading.formulas.condition(trigger.getMath(), reading.value),
        starts_true=bool(trigger.getInitialValue()),
        persistent=bool(trigger.getPersistent()),
        delay=delay,
        priority=_optional(reading, event.getPriority()),
        values_at_trigger=values_at_trigger,
        assignments=tuple(_assignments(reading, new, delay is not None and values_at_trigger)),
    )


def _optional(reading: Reading, element: Any) -> Node | None:
    if element is None or element.getMath() is None:
        return None
    return reading.formulas.number(element.getMath(), reading.value)


def _assignments(
    reading: Reading, new: dict[str, Node], early: bool
) -> Iterator[tuple[Target, Node]]:
    """Yield what is assigned, concentrations as amounts of the size before the event."""
    graph = reading.graph
    for name, node in new.items():
        quantity = reading.quantities[name]
        value = node
        if quantity.kind == "species" and not quantity.in_amounts:
            size = reading.value(quantity.compartment)
            if early and _moves(reading, graph.leaves([size])):
                reading.complain(
                    "SBML111",
                    f"assigns the concentration of {name!r} after a delay, in a compartment "
                    "whose size may have changed by then",
                )
            value = graph.multiply(node, size)
        kind = "state" if name in reading.states else "held"
        places = reading.states if kind == "state" else reading.held
        yield Target(kind=kind, index=places.index(name)), value


def _moves(reading: Reading, leaves: Iterable[Node]) -> bool:
    """Whether any of some leaves may differ between two moments."""
    still = {
        reading.leaves[name]
        for name in reading.held
        if name not in reading.quantities or not reading.quantities[name].by_events
    }
    return not still.issuperset(leaves)


# What is missing


def _note_unset(reading: Reading, system: System) -> None:
    """Note every value that is needed and neither written nor given."""
    nodes = [node for state in system.states for node in (state.rate, state.start)]
    nodes += [held.start for held in system.held if held.start is not None]
    for event in system.events:
        nodes += [event.trigger, *(node for _, node in event.assignments)]
        nodes += [node for node in (event.delay, event.priority) if node is not None]
    needed = reading.graph.leaves(nodes)
    for i, held in enumerate(system.held):
        quantity = reading.quantities.get(held.name)
        unset = math.isnan(held.value) and held.start is None and held.name not in reading.given
        if unset and quantity is not None and reading.graph.held(i) in needed:
            reading.complain_of_no_value(quantity)


def _is_nan(reading: Reading, node: Node) -> bool:
    term = reading.graph.term(node)
    return term.op == "constant" and math.isnan(term.value)
