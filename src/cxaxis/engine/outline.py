"""Long functions that a model calls again and again, written once.

A model's functions are inlined where they are read, so that everything that looks at formulas
sees plain ones. Just before code is written, this module takes long calls out again: their
bodies become functions that all calls share which differ in what they are called with, and in
where in the held values their coefficients begin. Derivatives go through a call by its slopes,
which such a function gives together with its value.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from cxaxis.engine.expressions import CONDITIONS, Graph, Node

# Steps that a body must have for a call to be worth its while.
SMALLEST_BODY = 40


def outlined(graph: Graph, roots: Sequence[Node]) -> list[Node]:
    """Return ``roots`` with long calls of the model's functions as calls of shared ones."""
    hints = graph.made_of
    new: dict[Node, Node] = {}
    bodies: dict[Node, tuple[Node, Node]] = {}
    for node in graph.reachable(roots):
        args = tuple(new[arg] for arg in graph.term(node).args)
        call = _call(graph, node, new, bodies) if node in hints else None
        new[node] = graph.rebuilt(node, args) if call is None else call
    return [new[root] for root in roots]


def _call(
    graph: Graph, node: Node, new: dict[Node, Node], bodies: dict[Node, tuple[Node, Node]]
) -> Node | None:
    """Return the call that stands for a node made by a function; None if it is short."""
    moving = _moving(graph, graph.made_of[node])
    if not moving or not _is_long(graph, node, moving):
        return None
    by = {arg: graph.argument(k) for k, arg in enumerate(moving)}
    (body,) = graph.substituted([node], by)
    if body not in bodies:
        bodies[body] = _based(graph, body)
    shared, base = bodies[body]
    if any(graph.term(leaf).op in ("time", "state") for leaf in graph.leaves([shared])):
        return None
    return graph.call(shared, base, [new[arg] for arg in moving])


def _moving(graph: Graph, arguments: Iterable[Node]) -> list[Node]:
    """Return the arguments that are not coefficients, each once."""
    return [
        arg
        for arg in dict.fromkeys(arguments)
        if graph.term(arg).op not in ("held", "constant") and not graph.is_condition(arg)
    ]


def _is_long(graph: Graph, node: Node, moving: Sequence[Node]) -> bool:
    """Whether a node is many steps away from its arguments."""
    ends = set(moving)
    seen: set[Node] = set()
    waiting = [node]
    while waiting and len(seen) < SMALLEST_BODY:
        each = waiting.pop()
        if each not in seen and each not in ends and graph.term(each).args:
            seen.add(each)
            waiting.extend(graph.term(each).args)
    return len(seen) >= SMALLEST_BODY


def _based(graph: Graph, body: Node) -> tuple[Node, Node]:
    """Return a body whose held values are counted from the first of them, and that one."""
    held = {leaf: int(graph.term(leaf).value) for leaf in _held(graph, body)}
    first = min(held.values(), default=0)
    by = {leaf: graph.held(index - first) for leaf, index in held.items()}
    return graph.substituted([body], by)[0], graph.held(first)


def _held(graph: Graph, body: Node) -> list[Node]:
    return [leaf for leaf in graph.leaves([body]) if graph.term(leaf).op == "held"]


def slopes_by_argument(graph: Graph, body: Node, count: int) -> list[Node]:
    """Return the derivatives of a shared function's body by its ``count`` arguments.

    They are gathered from the result backwards, which is short where there are few results
    and many steps.
    """
    nodes = graph.reachable([body])
    weight = dict.fromkeys(nodes, graph.zero)
    weight[body] = graph.one
    for node in reversed(nodes):
        op, args, _ = graph.term(node)
        if weight[node] == graph.zero or op in ("floor", "ceil", *CONDITIONS):
            continue
        if op == "select":
            condition, a, b = args
            weight[a] = graph.add(weight[a], graph.select(condition, weight[node], graph.zero))
            weight[b] = graph.add(weight[b], graph.select(condition, graph.zero, weight[node]))
        elif args:
            for arg, slope in graph.slopes(node):
                weight[arg] = graph.add(weight[arg], graph.multiply(weight[node], slope))
    return [weight.get(graph.argument(k), graph.zero) for k in range(count)]
