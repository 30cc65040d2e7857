"""Directional derivatives of formulas: one forward pass, shared by all formulas of a graph."""

from __future__ import annotations

from collections.abc import Mapping

from cxaxis.engine.expressions import Graph, Leaf, Node


class Direction:
    """Directional derivatives: those of leaves are given, those of formulas follow."""

    def __init__(self, graph: Graph, leaves: Mapping[Leaf, Node]) -> None:
        self._graph = graph
        self._known = dict(leaves)

    def of(self, node: Node) -> Node:
        """Return the derivative of ``node``; of a choice that of the branch chosen."""
        graph = self._graph
        if node not in self._known:
            for each in graph.reachable([node]):
                if each not in self._known:
                    self._known[each] = self._of_term(each)
        return self._known[node]

    def _of_term(self, node: Node) -> Node:
        graph = self._graph
        op, args, _ = graph.term(node)
        if graph.is_condition(node) or op in ("floor", "ceil"):
            return graph.zero
        if op == "select":
            return graph.select(args[0], self._known[args[1]], self._known[args[2]])
        if all(self._known[arg] == graph.zero for arg in args):
            return graph.zero
        return graph.total(
            graph.multiply(slope, self._known[arg]) for arg, slope in graph.slopes(node)
        )
