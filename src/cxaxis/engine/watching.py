"""What has to be watched so that nothing that happens is stepped over.

Triggers turn where one of their comparisons turns. Where that depends on time alone, and
evenly, the moment is known in advance; where it depends on time in another way, a clock is
added to the states, whose error control then keeps the steps short enough to see it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from cxaxis.engine.expressions import Graph, Node
from cxaxis.engine.system import State, System

COMPARISONS = ("less", "less_equal", "equal", "not_equal")
ROUNDINGS = ("floor", "ceil")
SWINGING = ("sin", "cos", "tan")
BRANCHING = ("absolute", "minimum", "maximum", "select")
# Branches of one comparison beyond which its times are not told in advance.
MOST_BRANCHES = 16


def watched(system: System) -> tuple[Node, ...]:
    """Return the comparisons that are looked at in every step.

    Those within triggers that can turn as a course goes on, and those within rates that time
    alone turns at moments not known in advance.
    """
    graph = system.graph
    rates = [state.rate for state in system.states]
    timed = (
        node
        for node in _comparisons(graph, rates)
        if _kinds(graph, node) <= {"time", "held"} and not _turns(graph, _gap(graph, node))
    )
    triggers = _comparisons(graph, [event.trigger for event in system.events])
    return tuple(dict.fromkeys([*triggers, *timed]))


def _comparisons(graph: Graph, roots: Sequence[Node]) -> Iterator[Node]:
    """Yield the comparisons that can turn; an equality is watched for crossing too."""
    for node in graph.reachable(roots):
        op, args, _ = graph.term(node)
        if op in COMPARISONS and _kinds(graph, node) & {"time", "state"}:
            yield node
            if op in ("equal", "not_equal"):
                yield graph.compare("less", *args)


def _gap(graph: Graph, comparison: Node) -> Node:
    return graph.subtract(*graph.term(comparison).args)


def _kinds(graph: Graph, node: Node) -> set[str]:
    """Return what a formula depends on: time, state, held."""
    return {graph.term(leaf).op for leaf in graph.leaves([node])}


def with_clocks(system: System) -> System:
    """Return the system with a state for every comparison that would be stepped over.

    Such are what time alone moves unevenly, and what swings while the states that it depends
    on do not: for ``sin(10 * time) < 0`` or ``sin(x) > 0.5``, steps would grow beyond the
    period. The state follows what is compared.
    """
    graph = system.graph
    clocks = []
    for node in watched(system):
        gap = _gap(graph, node)
        if _escapes(graph, gap):
            pace = _total_derivative(system, gap)
            clocks.append(State(name=f"(clock of comparison {node})", rate=pace, start=graph.zero))
    return replace(system, states=(*system.states, *clocks)) if clocks else system


def _escapes(graph: Graph, gap: Node) -> bool:
    """Return whether a formula may turn twice while steps are long."""
    swings = any(graph.term(n).op in SWINGING for n in graph.reachable([gap]))
    timed = graph.derivative(gap, graph.time()) != graph.zero
    known = bool(_turns(graph, gap))
    return swings or (timed and not known)


def _total_derivative(system: System, node: Node) -> Node:
    graph = system.graph
    slopes = graph.gradient(node)
    pace = slopes.get(graph.time(), graph.zero)
    for i, state in enumerate(system.states):
        slope = slopes.get(graph.state(i), graph.zero)
        pace = graph.add(pace, graph.multiply(slope, state.rate))
    return pace


def switches(graph: Graph, roots: Sequence[Node]) -> Iterator[Node]:
    """Yield the times at which formulas jump, as far as they can be told in advance.

    These are comparisons of what changes with time alone, evenly or as a square or an absolute
    value does, and roundings: ``time >= start``, ``abs(time - 50) < 1``,
    ``time - 7 * floor(time / 7) < 1``. A time that has passed, or is no number, means none.
    """
    for node in graph.reachable(roots):
        op, args, _ = graph.term(node)
        if op in COMPARISONS:
            yield from _turns(graph, _gap(graph, node))
        elif op in ROUNDINGS:
            yield from _jumps(graph, args[0])


def _jumps(graph: Graph, node: Node) -> list[Node]:
    """Return the next time at which a formula is a whole number."""
    pace = _even_pace(graph, node)
    if pace is None:
        return []
    above = graph.add(graph.unary("floor", node), graph.one)
    below = graph.subtract(graph.unary("ceil", node), graph.one)
    rises = graph.compare("less", graph.zero, pace)
    way = graph.subtract(graph.select(rises, above, below), node)
    return [graph.add(graph.time(), graph.divide(way, pace))]


def _turns(graph: Graph, gap: Node) -> list[Node]:
    """Return the times at which a formula of time is zero, if they can be told in advance.

    Each branch of an absolute value, a smaller, a larger or a choice is taken to hold
    throughout; a time that belongs to a branch that does not hold does no harm.
    """
    found = []
    for branch in _branches(graph, gap):
        turns = _turns_of_branch(graph, branch)
        if turns is None:
            return []
        found += turns
    return found


def _branches(graph: Graph, gap: Node, most: int = MOST_BRANCHES) -> list[Node]:
    for node in graph.reachable([gap]):
        op, args, _ = graph.term(node)
        if op not in BRANCHING or not _kinds(graph, node) & {"time"}:
            continue
        either = (args[0], graph.negate(args[0])) if op == "absolute" else args[-2:]
        whole = [graph.substituted([gap], {node: each})[0] for each in either]
        if most < 2 * len(whole):
            return [gap]
        return [leaf for each in whole for leaf in _branches(graph, each, most // 2)]
    return [gap]


def _turns_of_branch(graph: Graph, gap: Node) -> list[Node] | None:
    """Return the roots of a formula of time; None where they are not known in advance."""
    time = graph.time()
    if "time" not in _kinds(graph, gap):
        return [] if "state" not in _kinds(graph, gap) else None
    pace = _even_pace(graph, gap)
    if pace is not None:
        rounds = any(graph.term(n).op in ROUNDINGS for n in graph.reachable([gap]))
        # From time zero the result is exact, but holds only if nothing jumps between.
        origin = time if rounds else graph.zero
        (there,) = graph.substituted([gap], {time: origin})
        return [graph.subtract(origin, graph.divide(there, pace))]
    slope = graph.derivative(gap, time)
    bend = _even_pace(graph, slope)
    if "state" in _kinds(graph, gap) or bend is None:
        return None
    # a t**2 + b t + c, with a = bend / 2.
    c, b = graph.substituted([gap, slope], {time: graph.zero})
    under = graph.subtract(
        graph.multiply(b, b), graph.multiply(graph.constant(2.0), graph.multiply(bend, c))
    )
    root = graph.unary("sqrt", under)
    return [graph.divide(graph.subtract(each, b), bend) for each in (root, graph.negate(root))]


def _even_pace(graph: Graph, node: Node) -> Node | None:
    """Return how fast a formula of time and held values changes, if that never changes."""
    kinds = _kinds(graph, node)
    if "time" not in kinds or "state" in kinds:
        return None
    pace = graph.derivative(node, graph.time())
    return None if pace == graph.zero or _kinds(graph, pace) - {"held"} else pace


def residual(graph: Graph, condition: Node) -> Node:
    """Return a number that is positive where a condition holds and negative where it does not."""
    op, args, _ = graph.term(condition)
    if op in ("less", "less_equal"):
        return graph.subtract(args[1], args[0])
    if op == "and":
        return graph.minimum(*(residual(graph, a) for a in args))
    if op == "not":
        return graph.negate(residual(graph, args[0]))
    return graph.select(condition, graph.one, graph.constant(-1.0))
