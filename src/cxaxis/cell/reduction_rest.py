"""Rest of the bench at many points at once, exact but for rounding.

Blocks are solved in order. The roots of a pivot's equation are looked for over eighteen decades:
where there is one everywhere, the block has one rest, and what it does cannot depend on its past.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, Final

import numpy as np

from cxaxis.cell.reduction_algebra import Program, Split, eliminate, residual, split
from cxaxis.cell.reduction_blocks import Block, blocks_for
from cxaxis.cell.reduction_network import (
    Network,
    ReductionError,
    Values,
    read_network,
    symbolic,
)
from cxaxis.cell.reduction_sampling import SETTINGS
from cxaxis.core.arrays import FloatArray
from cxaxis.knowledge.response_box import ResponseInput, ResponseOutput
from cxaxis.models.build import Model
from cxaxis.models.wiring import Wiring

# Where a pivot (nM) is looked for, and in how many steps before the root is narrowed down.
PIVOT_RANGE: Final = (1e-12, 1e6)
_N_GRID: Final = 109
_N_HALVING: Final = 52
TRIAL: Final = "trial_"


@dataclass(frozen=True, kw_only=True)
class RestBlock:
    """One block, ready to be worked out.

    Attributes
    ----------
    pivot
        The state to be searched for, or None.
    rules
        Assignments that give the block's states, in quantities of earlier blocks.
    left
        What is left of the pivot's equation at ``trial_<pivot>``.
    states
        State -> formula.
    block, parts
        The equations.
    """

    pivot: str | None
    rules: Mapping[str, Any] = field(repr=False)
    left: Any = field(repr=False)
    states: Mapping[str, Any] = field(repr=False)
    block: Block = field(repr=False)
    parts: Split = field(repr=False)


@dataclass(frozen=True, kw_only=True)
class Rest:
    """The rest of a bench as algebra.

    Attributes
    ----------
    network
        The equations in the inputs of the response functions.
    inputs, outputs
        Of the response functions.
    blocks
        In the order in which they are solved.
    shares
        Output -> formula of its share.
    """

    network: Network = field(repr=False)
    inputs: Mapping[str, ResponseInput] = field(repr=False)
    outputs: Mapping[str, ResponseOutput] = field(repr=False)
    blocks: tuple[RestBlock, ...]
    shares: Mapping[str, Any] = field(repr=False)


def rest_of(
    model: Model,
    inputs: Mapping[str, ResponseInput],
    outputs: Mapping[str, ResponseOutput],
) -> Rest:
    """Return the rest of a bench in the inputs of the response functions.

    What an experiment may set and the response functions may not (toxins, inhibitors) stays at
    the value that it has in the source.

    Raises
    ------
    ReductionError
        If the equations of the bench cannot be solved in this way.
    """
    sympy = symbolic()

    plain = _plain(model.sbml)
    acted = {item.acts_on for item in inputs.values()}
    fixed = {
        name: f"{plain.constants[name]:g}"
        for name in sorted(model.inputs - acted)
        if name in plain.constants
    }
    fixed |= {name: f"{level:g}" for name, level in SETTINGS.items()}
    swaps = {item.acts_on: item.formula for item in inputs.values()}
    network = read_network(model.sbml, {**fixed, **swaps})
    shares = {
        name: sympy.sympify(item.share, locals=_symbols_of(item.share, network, inputs))
        for name, item in outputs.items()
    }
    wanted = sorted({s.name for item in shares.values() for s in item.free_symbols})
    blocks = tuple(_rest_block(network, block) for block in blocks_for(network, wanted))
    return Rest(network=network, inputs=inputs, outputs=outputs, blocks=blocks, shares=shares)


def _symbols_of(text: str, network: Network, inputs: Mapping[str, ResponseInput]) -> dict[str, Any]:
    sympy = symbolic()

    names = set(re.findall(r"[A-Za-z_]\w*", text))
    known = {*network.rates, *network.rules, *network.constants, *inputs}
    if unknown := names - known:
        msg = f"the bench has no {', '.join(sorted(unknown))}, which an output names: {text}."
        raise ReductionError(msg)
    return {name: sympy.Symbol(name) for name in names}


def _rest_block(network: Network, block: Block) -> RestBlock:
    sympy = symbolic()

    parts = split(block)
    program = Program(network)
    if parts.pivot is None:
        found = eliminate(program, parts, {})
        return RestBlock(
            pivot=None, rules=program.rules(), left=None, states=found, block=block, parts=parts
        )
    trial = sympy.Symbol(TRIAL + parts.pivot)
    left, found = residual(program, parts, {sympy.Symbol(parts.pivot): trial})
    return RestBlock(
        pivot=parts.pivot,
        rules=program.rules(),
        left=left,
        states={parts.pivot: trial, **found},
        block=block,
        parts=parts,
    )


@dataclass(frozen=True, kw_only=True)
class RestStates:
    """A bench at rest at many points.

    Attributes
    ----------
    values
        Every constant, input and state, each state of shape ``(n,)``.
    shares
        Outputs, shape ``(n, n_output)``.
    most_rests
        Largest number of rests of any block at any point.
    """

    values: Mapping[str, Any] = field(repr=False)
    shares: FloatArray = field(repr=False)
    most_rests: int


def rest_states(
    rest: Rest, constants: Mapping[str, float], points: Mapping[str, FloatArray]
) -> RestStates:
    """Return the bench at rest at many points.

    Parameters
    ----------
    rest
        The algebra.
    constants
        Every constant of the bench, in its own units.
    points
        Input -> values, shape ``(n,)``.

    Raises
    ------
    ReductionError
        If a block has no rest.
    """
    values: dict[str, Any] = {**constants, **points}
    size = len(next(iter(points.values())))
    rules: dict[str, Any] = dict(rest.network.rules)
    most = 1
    for block in rest.blocks:
        if block.pivot is not None:
            root, n_root = _roots(block, rules, values, size)
            most = max(most, n_root)
            values[TRIAL + block.pivot] = root
        ready = Values({**rules, **block.rules}, values)
        values |= {name: ready.of(formula) for name, formula in block.states.items()}
    ready = Values(rules, values)
    columns = [np.broadcast_to(ready.of(item), (size,)) for item in rest.shares.values()]
    return RestStates(values=values, shares=np.stack(columns, axis=-1), most_rests=most)


def _roots(
    block: RestBlock, rules: Mapping[str, Any], values: Mapping[str, Any], size: int
) -> tuple[FloatArray, int]:
    """Return the lowest root of a pivot's equation at every point, and the most roots seen."""
    left = pivot_equation(block, rules, values)
    grid = np.geomspace(*PIVOT_RANGE, _N_GRID)
    signs = np.array([np.sign(left(np.full(size, level))) for level in grid])
    turns = np.diff(signs, axis=0) != 0
    n_root = turns.sum(axis=0)
    if n_root.min() < 1:
        msg = f"{block.pivot} has no rest between {grid[0]:g} and {grid[-1]:g} nM."
        raise ReductionError(msg)
    first = np.argmax(turns, axis=0)
    low, high, sign = grid[first], grid[first + 1], signs[first, np.arange(size)]
    for _ in range(_N_HALVING):
        middle = np.sqrt(low * high)
        same = np.sign(left(middle)) == sign
        low, high = np.where(same, middle, low), np.where(same, high, middle)
    return np.sqrt(low * high), int(n_root.max())


def pivot_equation(
    block: RestBlock, rules: Mapping[str, Any], values: Mapping[str, Any]
) -> Callable[[FloatArray], FloatArray]:
    """Return what is left of a pivot's equation as a function of the pivot."""
    trial = TRIAL + str(block.pivot)
    moving = {trial}
    for name, formula in block.rules.items():
        if any(symbol.name in moving for symbol in formula.free_symbols):
            moving.add(name)
    everything = {**rules, **block.rules}
    ready = Values(everything, values)
    still = {name: ready[name] for name in block.rules if name not in moving}

    def left(level: FloatArray) -> FloatArray:
        found = Values(everything, {**values, **still, trial: level}).of(block.left)
        return np.broadcast_to(found, level.shape)

    return left


def constants_of(
    model: Model, values: Mapping[str, float] | None = None, wiring: Wiring | None = None
) -> dict[str, float]:
    """Return every constant of a bench, with parameters (in table units) put in.

    Parameters
    ----------
    model
        The bench.
    values
        Parameter row -> value in the unit of the table, such as a draw of a posterior.
    wiring
        Rival mechanisms; None leaves those of the model.
    """
    constants = dict(_plain(model.sbml).constants)
    for row, value in (values or {}).items():
        for constant in model.constants_of(row):
            constants[constant] = value * model.factors[constant]
    if wiring is not None:
        constants |= {k: v for k, v in wiring.switches().items() if k in constants}
    return constants


@lru_cache(maxsize=4)
def _plain(sbml: str) -> Network:
    """Return the equations of a bench before any input takes the place of a constant."""
    return read_network(sbml)
