"""Where conditions flip: the comparisons in rates and triggers, and what a flip does to rates."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from cxaxis.engine.expressions import UNARY, Graph, Leaf, Node
from cxaxis.engine.system import Held

COMPARISONS = ("less", "less_equal", "equal", "not_equal")
# Points at which two branches are compared, and how many of them must give finite numbers.
PROBES = 6
NEEDED_PROBES = 2
# Other comparisons in a rate that are tried both ways.
MOST_FREE = 6
SAME_RATE = 1e-8
GOLDEN = (math.sqrt(5.0) - 1.0) / 2.0


@dataclass(frozen=True)
class Flip:
    """A comparison about to flip.

    Attributes
    ----------
    residual
        Negative before the flip, positive after it.
    condition
        That the residual is positive.
    is_equality
        Whether it is a test for equality, which flips without a sign.
    """

    residual: Node
    condition: Node
    is_equality: bool = False


class Comparisons:
    """The comparisons that choose among the branches of some rates."""

    def __init__(self, graph: Graph, rates: Sequence[Node]) -> None:
        self._graph = graph
        self._rates = tuple(rates)
        self._members = [
            (node, term.op, term.args[0], term.args[1])
            for node, term in ((node, graph.term(node)) for node in graph.reachable(rates))
            if term.op in COMPARISONS
        ]

    def flips(self) -> list[Flip]:
        """Return both flips of every ordering comparison in the rates, each residual once."""
        found: dict[Node, Flip] = {}
        for _, op, a, b in self._members:
            if op in ("less", "less_equal"):
                for x, y in ((a, b), (b, a)):
                    flip = self._flip(x, y)
                    found.setdefault(flip.residual, flip)
        return list(found.values())

    def atoms(self, condition: Node, *, holds: bool = True) -> list[Flip]:
        """Return the flips after which ``condition`` may come to hold, or to hold no more."""
        op, args, _ = self._graph.term(condition)
        if op == "not":
            return self.atoms(args[0], holds=not holds)
        if op == "and":
            return [flip for arg in args for flip in self.atoms(arg, holds=holds)]
        if op in ("equal", "not_equal"):
            return [Flip(self._graph.subtract(*args), condition, is_equality=True)]
        if op in ("less", "less_equal"):
            a, b = args
            return [self._flip(b, a) if holds else self._flip(a, b)]
        return []

    def _flip(self, a: Node, b: Node) -> Flip:
        """Return the flip at which ``a`` overtakes ``b``."""
        return Flip(self._graph.subtract(a, b), self._graph.compare("less", b, a))

    def before(self, flip: Flip) -> tuple[Node, ...]:
        """Return the rates with the branches that hold before a flip."""
        return self._with_sign(flip.residual, -1)

    def _after(self, flip: Flip) -> tuple[Node, ...]:
        return self._with_sign(flip.residual, 1)

    def _with_sign(self, residual: Node, sign: int) -> tuple[Node, ...]:
        """Return the rates with every comparison of a residual decided by its sign."""
        graph = self._graph
        decided: dict[Node, Node] = {}
        for node, op, a, b in self._members:
            if graph.subtract(a, b) == residual:
                difference = sign
            elif graph.subtract(b, a) == residual:
                difference = -sign
            else:
                continue
            # Equality holds at one moment only, so not on either side.
            holds = difference < 0 if op in ("less", "less_equal") else op == "not_equal"
            decided[node] = graph.truth(holds)
        return tuple(graph.substituted(self._rates, decided)) if decided else self._rates

    def is_jump(self, flip: Flip, held: Sequence[Held]) -> bool:
        """Whether a rate may be discontinuous where a comparison flips.

        Both branches are evaluated at points where the residual is zero, with every other
        comparison taken both ways. Where that cannot be done the answer is yes.
        """
        graph = self._graph
        pairs = [
            (a, b) for a, b in zip(self.before(flip), self._after(flip), strict=True) if a != b
        ]
        if not pairs:
            return False
        solvable = [
            (leaf, slope)
            for leaf, slope in graph.gradient(flip.residual).items()
            if leaf not in graph.leaves([slope])
        ]
        if not solvable:
            return True
        # A state rather than a constant is moved onto the surface.
        leaf, slope = min(solvable, key=lambda each: (graph.term(each[0]).op == "held", each[0]))
        free = [
            node
            for node in graph.reachable(itertools.chain.from_iterable(pairs))
            if graph.term(node).op in COMPARISONS and not graph.leaves([node]) <= {leaf}
        ]
        if len(free) > MOST_FREE:
            return True
        surface = _Surface(graph, flip.residual, leaf, slope, tuple(held))
        return any(
            surface.parts(pairs, dict(zip(free, truths, strict=True)))
            for truths in itertools.product((False, True), repeat=len(free))
        )


@dataclass(frozen=True)
class _Surface:
    """Where a residual is zero, reached by moving one leaf."""

    graph: Graph
    residual: Node
    leaf: Leaf
    slope: Node
    held: tuple[Held, ...]

    def parts(self, pairs: Sequence[tuple[Node, Node]], truths: Mapping[Node, float]) -> bool:
        """Whether some pair of formulas differs here, or cannot be compared."""
        graph = self.graph
        roots = [self.residual, self.slope, *itertools.chain.from_iterable(pairs)]
        leaves = graph.leaves(roots)
        n_finite = 0
        for probe in range(1, PROBES + 1):
            away = {**_point(graph, leaves, self.held, probe), **truths}
            there = evaluated(graph, roots, away)
            if there[self.slope] == 0:
                continue
            moved = away[self.leaf] - there[self.residual] / there[self.slope]
            here = evaluated(graph, roots, {**away, self.leaf: moved})
            gaps = [
                abs(here[a] - here[b])
                - SAME_RATE * max(abs(v[n]) for v in (here, there) for n in (a, b))
                for a, b in pairs
            ]
            if not all(map(math.isfinite, gaps)):
                continue
            if max(gaps) > 0:
                return True
            n_finite += 1
        return n_finite < NEEDED_PROBES


def _point(
    graph: Graph, leaves: Iterable[Leaf], held: Sequence[Held], probe: int
) -> dict[Leaf, float]:
    """Return values of the leaves: scattered, and of held values near their own."""
    point = {}
    for leaf in leaves:
        term = graph.term(leaf)
        scattered = (GOLDEN * (probe * 7 + leaf * 3)) % 1.0
        value = 0.5 + 1.5 * scattered
        if term.op == "held":
            own = held[int(term.value)]
            if own.start is None and math.isfinite(own.value) and own.value != 0:
                value = own.value * (0.9 + 0.2 * scattered)
        point[leaf] = value
    return point


_BINARY: Mapping[str, Callable[[float, float], float]] = {
    "add": lambda a, b: a + b,
    "subtract": lambda a, b: a - b,
    "multiply": lambda a, b: a * b,
    "divide": lambda a, b: a / b,
    "power": math.pow,
    "minimum": min,
    "maximum": max,
    "less": lambda a, b: a < b,
    "less_equal": lambda a, b: a <= b,
    "equal": lambda a, b: a == b,
    "not_equal": lambda a, b: a != b,
    "and": lambda a, b: a and b,
}


def evaluated(
    graph: Graph, roots: Iterable[Node], leaves: Mapping[Leaf, float]
) -> dict[Node, float]:
    """Return the value of every node that ``roots`` need; NaN where there is none."""
    values: dict[Node, float] = {}
    for node in graph.reachable(roots):
        op, args, number = graph.term(node)
        given = [values[arg] for arg in args]
        try:
            if node in leaves:
                values[node] = leaves[node]
            elif op == "constant":
                values[node] = number
            elif op in ("true", "false"):
                values[node] = op == "true"
            elif op == "not":
                values[node] = not given[0]
            elif op == "select":
                values[node] = given[1] if given[0] else given[2]
            elif op in _BINARY:
                values[node] = _BINARY[op](*given)
            else:
                values[node] = UNARY[op](*given)
        except (ValueError, OverflowError, ZeroDivisionError):
            values[node] = math.nan
    return values
