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


def comparisons(graph: Graph, conditions: Sequence[Node]) -> tuple[Node, ...]:
    """Return the comparisons within conditions that can turn as a course goes on.

    An equality holds for a moment only; what it compares is watched for crossing too.
    """
    found: dict[Node, None] = {}
    for node in graph.reachable(conditions):
        op, args, _ = graph.term(node)
        if op in COMPARISONS and _moves(graph, node):
            found[node] = None
            if op in ("equal", "not_equal"):
                found[graph.compare("less", *args)] = None
    return tuple(found)


def _moves(graph: Graph, node: Node) -> bool:
    """Return whether a formula changes between events."""
    return any(graph.term(leaf).op in ("time", "state") for leaf in graph.leaves([node]))


def with_clocks(system: System) -> System:
    """Return the system with a state for every comparison that would be stepped over.

    Such are what time alone moves unevenly, and what swings while the states that it depends
    on do not: for ``sin(10 * time) < 0`` or ``sin(x) > 0.5``, steps would grow beyond the
    period. The state follows what is compared.
    """
    graph = system.graph
    clocks = []
    for node in comparisons(graph, [event.trigger for event in system.events]):
        gap = graph.subtract(*graph.term(node).args)
        if _escapes(graph, gap):
            pace = _total_derivative(system, gap)
            clocks.append(State(name=f"(clock of comparison {node})", rate=pace, start=graph.zero))
    return replace(system, states=(*system.states, *clocks)) if clocks else system


def _escapes(graph: Graph, gap: Node) -> bool:
    """Return whether a formula may turn twice while steps are long."""
    swings = any(graph.term(n).op in SWINGING for n in graph.reachable([gap]))
    timed = graph.derivative(gap, graph.time()) != graph.zero
    return (swings and _moves(graph, gap)) or (timed and even_pace(graph, gap) is None)


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

    These are comparisons and roundings of what changes evenly with time: ``time >= start``,
    ``time - 7 * floor(time / 7) < 1``. A time that has passed, or is no number, means none.
    """
    time = graph.time()
    for node in graph.reachable(roots):
        op, args, _ = graph.term(node)
        if op in COMPARISONS:
            gap = graph.subtract(*args)
            pace = even_pace(graph, gap)
            if pace is not None:
                jumps = any(graph.term(n).op in ROUNDINGS for n in graph.reachable([gap]))
                # From time zero the result is exact, but holds only if nothing jumps between.
                origin = time if jumps else graph.zero
                (there,) = graph.substituted([gap], {time: origin})
                yield graph.subtract(origin, graph.divide(there, pace))
        elif op in ROUNDINGS:
            pace = even_pace(graph, args[0])
            if pace is not None:
                above = graph.add(graph.unary("floor", args[0]), graph.one)
                below = graph.subtract(graph.unary("ceil", args[0]), graph.one)
                rises = graph.compare("less", graph.zero, pace)
                way = graph.subtract(graph.select(rises, above, below), args[0])
                yield graph.add(time, graph.divide(way, pace))


def even_pace(graph: Graph, node: Node) -> Node | None:
    """Return how fast a formula of time and held values changes, if that never changes."""
    kinds = {graph.term(leaf).op for leaf in graph.leaves([node])}
    if "time" not in kinds or "state" in kinds:
        return None
    pace = graph.derivative(node, graph.time())
    kinds = {graph.term(leaf).op for leaf in graph.leaves([pace])}
    return None if pace == graph.zero or kinds - {"held"} else pace


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
