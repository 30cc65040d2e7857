"""Blocks of a network: states that must be solved together, and the sums that hold among them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from cxaxis.cell.reduction_network import (
    N_PROBE,
    PROBE_SEED,
    ROUNDING,
    Network,
    ReductionError,
    probe,
    symbolic,
)
from cxaxis.core.arrays import FloatArray


@dataclass(frozen=True, kw_only=True)
class Block:
    """States that must be solved together.

    Attributes
    ----------
    states
        In the order of the network.
    equations
        State -> its rate, with every rule that holds a state of the block written out.
    laws
        Sums that hold: state -> whole-numbered weight, and the value of the sum.
    """

    states: tuple[str, ...]
    equations: Mapping[str, Any] = field(repr=False)
    laws: tuple[tuple[Mapping[str, int], Any], ...]


def blocks_for(network: Network, outputs: Iterable[str]) -> tuple[Block, ...]:
    """Return the blocks that the outputs need, each after those it depends on.

    Parameters
    ----------
    network
        The equations.
    outputs
        States or rules.
    """
    from scipy.sparse import csr_array
    from scipy.sparse.csgraph import connected_components

    names = network.states
    rest = probe(network)
    needs: dict[str, list[str]] = {name: [] for name in names}
    for other in names:
        moved = probe(network, nudged=other)
        for name in names:
            if np.abs(moved[name] - rest[name]).max() > ROUNDING:
                needs[name].append(other)
    index = {name: i for i, name in enumerate(names)}
    pairs = [(index[a], index[b]) for a in names for b in needs[a]]
    graph = csr_array(
        (np.ones(len(pairs)), tuple(np.array(pairs).T)), shape=(len(names), len(names))
    )
    label = connected_components(graph, directed=True, connection="strong")[1]
    groups: dict[int, tuple[str, ...]] = {}
    for name in names:
        groups[label[index[name]]] = (*groups.get(label[index[name]], ()), name)
    order: list[tuple[str, ...]] = []

    def visit(group: tuple[str, ...]) -> None:
        if group in order:
            return
        for name in group:
            for other in needs[name]:
                if other not in group:
                    visit(groups[label[index[other]]])
        order.append(group)

    for output in outputs:
        for state in sorted(network.reach(output)):
            visit(groups[label[index[state]]])
    return tuple(_block(network, group) for group in order)


def _block(network: Network, group: tuple[str, ...]) -> Block:
    sympy = symbolic()

    within = frozenset(group)
    equations = {
        name: sympy.expand(network.expanded(network.rates[name], within)) for name in group
    }
    held = [item for item in network.sums if within.issuperset(item[0])]
    laws = [
        (weights, sum(w * network.start[state] for state, w in weights.items()))
        for weights in _conserved(equations)
    ]
    return Block(states=group, equations=equations, laws=tuple(held + laws))


def _conserved(equations: Mapping[str, Any]) -> list[Mapping[str, int]]:
    """Return the sums of states that the equations leave as they are."""
    sympy = symbolic()

    symbols = sorted({s for e in equations.values() for s in e.free_symbols}, key=str)
    rng = np.random.default_rng(PROBE_SEED)
    points = np.exp(rng.uniform(-0.7, 0.7, (len(symbols), N_PROBE)))
    call = sympy.lambdify(symbols, list(equations.values()), "numpy")
    flows = np.column_stack([np.broadcast_to(item, (N_PROBE,)) for item in call(*points)])
    size = np.abs(flows).max()
    strength, directions = np.linalg.svd(flows)[1:]
    null = directions[np.count_nonzero(strength > ROUNDING * strength.max()) :]
    laws: list[Mapping[str, int]] = []
    for row in _echelon(null):
        whole = np.rint(row)
        if np.abs(row - whole).max() > 1e-6 or np.abs(flows @ whole).max() > ROUNDING * size:
            msg = f"a conserved sum of {', '.join(equations)} has no whole-numbered weights."
            raise ReductionError(msg)
        laws.append({n: int(w) for n, w in zip(equations, whole, strict=True) if w})
    return laws


def _echelon(rows: FloatArray) -> FloatArray:
    """Return the reduced echelon form, largest pivots first."""
    table = rows.copy()
    for i in range(len(table)):
        pivot = int(np.argmax(np.abs(table[i])))
        table[i] /= table[i, pivot]
        for k in range(len(table)):
            if k != i:
                table[k] -= table[k, pivot] * table[i]
    return table
