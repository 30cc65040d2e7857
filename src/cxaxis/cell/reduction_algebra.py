"""Blocks of a network solved by elimination, written as straight-line assignments.

A block that is linear in its states is solved by elimination. One that is not is made linear by
taking one of its states, the pivot, as known: the elimination then leaves one equation for the
pivot.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from cxaxis.cell.reduction_blocks import Block
from cxaxis.cell.reduction_network import Network, ReductionError, symbolic


@dataclass(frozen=True, kw_only=True)
class Split:
    """Equations of a block, ready for elimination.

    Attributes
    ----------
    pivot
        The state taken as known, or None.
    unknown
        The other states.
    matrix
        Row of an unknown -> unknown -> coefficient.
    constant
        Row of an unknown -> what does not multiply an unknown.
    residual
        Of the equation left for the pivot: unknown -> coefficient, and under None the rest.
    """

    pivot: str | None
    unknown: tuple[str, ...]
    matrix: Mapping[str, Mapping[str, Any]] = field(repr=False)
    constant: Mapping[str, Any] = field(repr=False)
    residual: Any = field(repr=False)


class Program:
    """Assignments in order; equal formulas share one name.

    Attributes
    ----------
    statements
        Name and formula of each assignment.
    stage
        The block that is being written; set by whoever writes.
    stages
        Assignment -> the block that it was written for.
    """

    def __init__(self, network: Network) -> None:
        self.network = network
        self.statements: list[tuple[str, Any]] = []
        self.stage = 0
        self.stages: dict[str, int] = {}
        self._names: dict[Any, Any] = {}
        self._defined: set[str] = set()
        self._count = 0

    def define(self, name: str, formula: Any) -> Any:
        """Give a formula a name; return its symbol."""
        sympy = symbolic()

        ready = self.ready(formula)
        if name not in self._defined:
            self._defined.add(name)
            self.stages[name] = self.stage
            self.statements.append((name, ready))
        return sympy.Symbol(name)

    def named(self, formula: Any) -> Any:
        """Return a symbol or number that stands for a formula."""
        ready = self.ready(formula)
        if ready.is_Atom:
            return ready
        if ready.could_extract_minus_sign():
            return -self.named(-ready)
        if ready not in self._names:
            self._count += 1
            self._names[ready] = self.define(f"part_{self._count}", ready)
        return self._names[ready]

    def ready(self, formula: Any) -> Any:
        """Return the formula once every rule that it uses has its assignment."""
        sympy = symbolic()

        found = sympy.sympify(formula)
        for symbol in sorted(found.free_symbols, key=str):
            if symbol.name in self.network.rules and symbol.name not in self._defined:
                self.define(symbol.name, self.network.rules[symbol.name])
        return found

    def rules(self) -> dict[str, Any]:
        """Return the formula of everything assigned so far."""
        return dict(self.statements)


def split(block: Block) -> Split:
    """Return the equations of a block as linear ones, with a pivot where they are not.

    Raises
    ------
    ReductionError
        If no single state makes the block linear.
    """
    for pivot in (None, *block.states):
        found = _split_at(block, pivot)
        if found is not None:
            return found
    msg = (
        f"{', '.join(block.states)} depend on each other through more than one product or "
        "saturation, and no one of them makes the rest linear. The reduction has no form for this."
    )
    raise ReductionError(msg)


def _split_at(block: Block, pivot: str | None) -> Split | None:
    sympy = symbolic()

    unknown = [name for name in block.states if name != pivot]
    symbols = {name: sympy.Symbol(name) for name in unknown}
    rows = dict(block.equations)
    owned: dict[str, Any] = {}
    for weights, total in block.laws:
        law = sum(w * sympy.Symbol(name) for name, w in weights.items()) - total
        free = [name for name in weights if name not in owned]
        owner = pivot if pivot in free else free[0]
        owned[str(owner)] = law
    rows |= owned
    matrix: dict[str, dict[str, Any]] = {}
    constant: dict[str, Any] = {}
    for name in unknown:
        entries, rest = _linear(rows[name], symbols)
        if entries is None:
            return None
        matrix[name], constant[name] = entries, rest
    # The equation of the pivot may be of any form; where it is linear, that is kept apart.
    residual = None if pivot is None else rows[pivot]
    return Split(
        pivot=pivot,
        unknown=tuple(unknown),
        matrix=matrix,
        constant=constant,
        residual=residual,
    )


def _linear(equation: Any, symbols: Mapping[str, Any]) -> tuple[dict[str, Any] | None, Any]:
    """Return the coefficient of each symbol and the rest, or None if not linear in them."""
    every = set(symbols.values())
    entries = {}
    for name, symbol in symbols.items():
        if symbol in equation.free_symbols:
            slope = equation.diff(symbol)
            if slope.free_symbols & every:
                return None, equation
            entries[name] = slope
    rest = equation.xreplace(dict.fromkeys(every, 0))
    return entries, rest


def eliminate(program: Program, parts: Split, known: Mapping[Any, Any]) -> dict[str, Any]:
    """Write the elimination of a block's unknowns; return the formula of each.

    Parameters
    ----------
    program
        Receives the assignments.
    parts
        The equations.
    known
        The symbol of the pivot -> the symbol of its present value.
    """
    sympy = symbolic()

    matrix = {
        row: {col: program.named(item.xreplace(known)) for col, item in entries.items()}
        for row, entries in parts.matrix.items()
    }
    rest = {row: program.named(item.xreplace(known)) for row, item in parts.constant.items()}
    tainted = _tainted(parts)
    order: list[str] = []
    while len(order) < len(parts.unknown):
        here = min(
            (name for name in parts.unknown if name not in order),
            key=lambda name: (name in tainted, _fill(matrix, name, order), name),
        )
        order.append(here)
        row = matrix[here]
        if row.get(here, 0) == 0:
            msg = f"{here} has no way to rest: nothing takes it away."
            raise ReductionError(msg)
        for other in (name for name in parts.unknown if name not in order):
            if here not in matrix[other]:
                continue
            factor = program.named(matrix[other].pop(here) / row[here])
            for col, item in row.items():
                if col != here:
                    matrix[other][col] = program.named(
                        matrix[other].get(col, sympy.S(0)) - factor * item
                    )
            rest[other] = program.named(rest[other] - factor * rest[here])
    found: dict[str, Any] = {}
    for here in reversed(order):
        total = rest[here] + sum(
            item * found[col] for col, item in matrix[here].items() if col != here
        )
        found[here] = program.named(-total / matrix[here][here])
    return found


def _tainted(parts: Split) -> set[str]:
    """Return the unknowns whose elimination must be written anew for every value of the pivot."""
    sympy = symbolic()

    if parts.pivot is None:
        return set()
    pivot = sympy.Symbol(parts.pivot)
    return {
        row
        for row, entries in parts.matrix.items()
        if any(pivot in item.free_symbols for item in entries.values())
        or pivot in parts.constant[row].free_symbols
    }


def _fill(matrix: Mapping[str, Mapping[str, Any]], name: str, done: Sequence[str]) -> int:
    """Return how many entries the elimination of an unknown touches."""
    users = sum(1 for row, entries in matrix.items() if row not in done and name in entries)
    return (users - 1) * (len(matrix[name]) - 1)


def residual(
    program: Program, parts: Split, known: Mapping[Any, Any]
) -> tuple[Any, dict[str, Any]]:
    """Write what is left of the pivot's equation at a value of it; return it and the unknowns."""
    sympy = symbolic()

    found = eliminate(program, parts, known)
    swap = {sympy.Symbol(name): formula for name, formula in found.items()}
    return program.named(parts.residual.xreplace({**swap, **known})), found
