"""Sparse Gaussian elimination as formulas: the pattern is settled before anything is compiled.

The matrix is that of a Rosenbrock step, ``I / (gamma h) - J``. Its diagonal is never
structurally zero and, for steps that resolve the solution, dominates; pivots are therefore
taken from the diagonal, in an order that keeps the factors sparse. A step for which this was
wrong shows in a solution that misses its equations (`Kernels.check`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from cxaxis.engine.expressions import Graph, Node

Entry = tuple[int, int]


@dataclass(frozen=True)
class Factors:
    """The factors of a matrix, entry by entry.

    Attributes
    ----------
    order
        Rows in the order of elimination.
    entries
        Node of every entry of the factors by row and column; the diagonal holds the
        inverses of the pivots.
    """

    order: tuple[int, ...]
    entries: Mapping[Entry, Node]


def elimination_order(pattern: set[Entry], n: int) -> tuple[int, ...]:
    """Return the order of diagonal pivots that greedily creates the least fill (Markowitz).

    Parameters
    ----------
    pattern
        Entries that are not zero; the diagonal is taken to be there.
    n
        Size of the matrix.
    """
    rows: list[set[int]] = [{i} for i in range(n)]
    columns: list[set[int]] = [{i} for i in range(n)]
    for i, j in pattern:
        rows[i].add(j)
        columns[j].add(i)
    left = set(range(n))
    order = []
    while left:
        pivot = min(left, key=lambda k: ((len(rows[k]) - 1) * (len(columns[k]) - 1), k))
        order.append(pivot)
        left.discard(pivot)
        beside = rows[pivot] - {pivot}
        for i in columns[pivot] - {pivot}:
            for j in beside - rows[i]:
                rows[i].add(j)
                columns[j].add(i)
            rows[i].discard(pivot)
        for j in beside:
            columns[j].discard(pivot)
    return tuple(order)


def factorise(graph: Graph, matrix: Mapping[Entry, Node], n: int) -> Factors:
    """Return the factors of ``matrix``, whose missing entries are zero, as formulas."""
    order = elimination_order(set(matrix), n)
    rows: list[dict[int, Node]] = [{} for _ in range(n)]
    columns: list[set[int]] = [set() for _ in range(n)]
    for (i, j), node in matrix.items():
        rows[i][j] = node
        columns[j].add(i)
    entries: dict[Entry, Node] = {}
    done: set[int] = set()
    for k in order:
        done.add(k)
        inverse = graph.divide(graph.one, rows[k][k])
        entries[k, k] = inverse
        beside = [(j, node) for j, node in rows[k].items() if j not in done]
        entries.update({(k, j): node for j, node in beside})
        for i in sorted(columns[k] - done):
            multiplier = graph.multiply(rows[i][k], inverse)
            entries[i, k] = multiplier
            for j, node in beside:
                product = graph.multiply(multiplier, node)
                rows[i][j] = graph.subtract(rows[i].get(j, graph.zero), product)
                columns[j].add(i)
    return Factors(order=order, entries=entries)


def solution(
    graph: Graph, factors: Factors, entry: Mapping[Entry, Node], right: Sequence[Node]
) -> list[Node]:
    """Return the unknowns of the system as formulas of stored entries and the right side.

    Parameters
    ----------
    entry
        Where each entry of the factors can be read.
    right
        The right-hand side, one node a row.
    """
    place = {row: k for k, row in enumerate(factors.order)}
    lower: list[list[int]] = [[] for _ in right]
    upper: list[list[int]] = [[] for _ in right]
    for i, j in factors.entries:
        if place[j] < place[i]:
            lower[i].append(j)
        elif place[j] > place[i]:
            upper[i].append(j)
    x = list(right)
    for i in factors.order:
        for j in sorted(lower[i], key=place.__getitem__):
            x[i] = graph.subtract(x[i], graph.multiply(entry[i, j], x[j]))
    for i in reversed(factors.order):
        for j in sorted(upper[i], key=place.__getitem__, reverse=True):
            x[i] = graph.subtract(x[i], graph.multiply(entry[i, j], x[j]))
        x[i] = graph.multiply(x[i], entry[i, i])
    return x
