"""One unit of machine code in the making: its functions, and formulas written into them."""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from llvmlite import ir

from cxaxis.engine.emit import POINTER, REAL, WHOLE, Code, Row, Rows, Value
from cxaxis.engine.expressions import Graph, Node
from cxaxis.engine.outline import slopes_by_argument

_OPERATORS: Final[Mapping[str, Callable[..., Value]]] = {
    "add": operator.add,
    "subtract": operator.sub,
    "multiply": operator.mul,
    "divide": operator.truediv,
    "negate": operator.neg,
    "less": operator.lt,
    "less_equal": operator.le,
    "equal": Value.equals,
    "not_equal": Value.differs,
    "and": operator.and_,
    "not": operator.invert,
}
# Operations in one function; beyond, the code generator's time grows faster than the code.
LARGEST_FUNCTION = 300


@dataclass(frozen=True)
class Target:
    """What the code is for.

    Attributes
    ----------
    width
        Patients ("lanes") that one instruction handles: 1, 2, 4 or 8.
    pitch
        Distance between the rows of a lane's memory; None if it is known only at run time.
    """

    width: int
    pitch: int | None


@dataclass(frozen=True, kw_only=True)
class Places:
    """Where formulas find their leaves.

    Attributes
    ----------
    time, states, held
        Rows of the time, of the state vector and of the held values.
    known
        Rows of nodes whose value has been computed before.
    """

    time: Row
    states: Row
    held: Row
    known: Mapping[Node, Row]


@dataclass(frozen=True)
class Assignment:
    """A formula and the row that takes its value, added to what stands there or not."""

    row: Row
    node: Node
    adds: bool = False


class Unit:
    """A module of machine code for one target."""

    def __init__(self, name: str, target: Target) -> None:
        # A context of its own: names of one unit never leak into another.
        self.module = ir.Module(name=name, context=ir.Context())
        self.target = target

    def function(
        self, name: str, *, scalar: bool = False, extra: Sequence[Any] = (), result: Any = None
    ) -> tuple[Any, Code, tuple[Any, ...]]:
        """Start a function of a lane's memory (and pitch) and ``extra`` arguments.

        Returns
        -------
        The function, the code of its body, and its extra arguments.
        """
        function = self.module.globals.get(name)
        if function is None:
            function = self.declare(name, extra, result)
        builder = ir.IRBuilder(function.append_basic_block("entry"))
        pitch = self.target.pitch if self.target.pitch is not None else function.args[1]
        width = 1 if scalar else self.target.width
        code = Code(builder, width, function.args[0], pitch)
        return function, code, tuple(function.args[1 + len(self._pitch_kinds()) :])

    def declare(self, name: str, extra: Sequence[Any] = (), result: Any = None) -> Any:
        """Name a function that is written later, or in another unit."""
        kinds = [POINTER, *self._pitch_kinds(), *extra]
        return ir.Function(self.module, ir.FunctionType(result or ir.VoidType(), kinds), name)

    def _pitch_kinds(self) -> list[Any]:
        return [] if self.target.pitch is not None else [WHOLE]

    def call(self, code: Code, function: Any, *extra: Any) -> Any:
        """Call a function of this unit on the memory that ``code`` works on."""
        pitched = [code.pitch] if self._pitch_kinds() else []
        return code.builder.call(function, [code.memory, *pitched, *extra])

    def formulas(
        self,
        name: str,
        graph: Graph,
        assignments: Sequence[Assignment],
        places: Places,
        scratch: Scratch,
        *,
        scalar: bool = False,
        elsewhere: bool = False,
    ) -> Any:
        """Write a function that evaluates formulas; a long one becomes several.

        Rows that are written must not be leaves of the same formulas.

        Parameters
        ----------
        scalar
            For one lane rather than for all.
        elsewhere
            The rows are counted from a pointer that the function takes as an argument.
        """
        extra = [POINTER] if elsewhere else []
        calls = Calls(self, graph, places, [a.node for a in assignments], scratch)
        order = evaluation_order(calls.needs, [a.node for a in assignments], places.known)
        pieces = _pieces(order, LARGEST_FUNCTION)
        if len(pieces) <= 1:
            function, code, args = self.function(name, scalar=scalar, extra=extra)
            into = Code(code.builder, code.width, args[0], code.pitch) if elsewhere else code
            _write(code, into, graph, order, assignments, places, {}, (), calls)
            code.builder.ret_void()
            return function
        home = {node: k for k, piece in enumerate(pieces) for node in piece}
        shared = _shared(calls, pieces, home)
        rows = {node: scratch.row(k) for k, node in enumerate(shared)}
        parts = []
        for k, piece in enumerate(pieces):
            here = [a for a in assignments if home.get(a.node, 0) == k]
            part, code, args = self.function(f"{name}.{k}", scalar=scalar, extra=extra)
            into = Code(code.builder, code.width, args[0], code.pitch) if elsewhere else code
            kept = [node for node in piece if node in rows]
            _write(code, into, graph, piece, here, places, rows, kept, calls)
            code.builder.ret_void()
            parts.append(part)
        function, code, args = self.function(name, scalar=scalar, extra=extra)
        for part in parts:
            self.call(code, part, *args)
        code.builder.ret_void()
        return function


class Scratch:
    """Rows that hold intermediate values while one long kernel runs; all kernels share them."""

    def __init__(self, rows: Rows) -> None:
        self._rows = rows
        self._taken: list[Row] = []
        self._block = Row(0, 0)

    def block(self, size: int) -> Row:
        """Return rows that follow one another, other than the numbered ones."""
        if size > self._block.size:
            self._block = self._rows.take(size)
        return self._block

    def row(self, index: int) -> Row:
        """Return the scratch row with this number."""
        while len(self._taken) <= index:
            self._taken.append(self._rows.take())
        return self._taken[index]


def evaluation_order(
    needs: Callable[[Node], Sequence[Node]], roots: Sequence[Node], known: Mapping[Node, Row]
) -> list[Node]:
    """Return what has to be computed, each root right after what it alone needs.

    ``needs`` gives the arguments of a node; one without any is a leaf.
    """
    order: list[Node] = []
    seen: set[Node] = set()
    for root in roots:
        waiting: list[tuple[Node, bool]] = [(root, False)]
        while waiting:
            node, ready = waiting.pop()
            if ready:
                order.append(node)
            elif node not in seen:
                seen.add(node)
                args = needs(node)
                if args and node not in known:
                    waiting.append((node, True))
                    waiting.extend((arg, False) for arg in reversed(args))
    return order


def _pieces(order: Sequence[Node], size: int) -> list[list[Node]]:
    return [list(order[k : k + size]) for k in range(0, len(order), size)]


def _shared(calls: Calls, pieces: list[list[Node]], home: Mapping[Node, int]) -> list[Node]:
    """Return the nodes that a later piece than their own needs and cannot read anyhow."""
    return sorted(
        {
            arg
            for k, piece in enumerate(pieces)
            for node in piece
            for arg in calls.needs(node)
            if home.get(arg, k) != k and not calls.is_stored(arg)
        }
    )


def _write(
    code: Code,
    into: Code,
    graph: Graph,
    nodes: Sequence[Node],
    assignments: Sequence[Assignment],
    places: Places,
    stored: Mapping[Node, Row],
    kept: Sequence[Node],
    calls: Calls,
) -> None:
    values = Values(code, graph, places, stored, calls)
    targets: dict[Node, list[Assignment]] = {}
    for each in assignments:
        targets.setdefault(each.node, []).append(each)
    keep = set(kept)
    for node in [*_leaf_roots(nodes, targets), *nodes]:
        values.computed(node)
        if node in keep:
            code.store(stored[node], values.number(node))
        for each in targets.get(node, ()):
            number = values.number(node)
            into.store(each.row, into.load(each.row) + number if each.adds else number)


def _leaf_roots(nodes: Sequence[Node], targets: Mapping[Node, object]) -> Iterator[Node]:
    computed = set(nodes)
    return (node for node in targets if node not in computed)


class Values:
    """The values of nodes within one function; each is computed once."""

    def __init__(
        self,
        code: Code,
        graph: Graph,
        places: Places,
        stored: Mapping[Node, Row],
        calls: Calls,
    ) -> None:
        self._code = code
        self._graph = graph
        self._places = places
        self._stored = stored
        self._calls = calls
        self._made: dict[Node, Value] = {}

    def of(self, node: Node) -> Value:
        """Return the value of a node, computing what it needs first."""
        for each in evaluation_order(self._calls.needs, [node], self._places.known):
            self.computed(each)
        return self.number(node)

    def number(self, node: Node) -> Value:
        """Return the value of a node as a number; conditions are 1 or 0."""
        value = self.computed(node)
        return self._code.to_real(value) if self._graph.is_condition(node) else value

    def computed(self, node: Node) -> Value:
        """Return the value of a node whose arguments this function has, or can load."""
        if node not in self._made:
            self._made[node] = self._leaf(node) or self._operation(node)
        return self._made[node]

    def give(self, node: Node, value: Value) -> None:
        """Take a value for a node as it is."""
        self._made[node] = value

    def _leaf(self, node: Node) -> Value | None:
        code, places = self._code, self._places
        term = self._graph.term(node)
        if node in places.known:
            return code.load(places.known[node])
        if term.op == "constant":
            return code.number(term.value)
        if term.op == "time":
            return code.load(places.time)
        if term.op == "state":
            return code.load(places.states[int(term.value)])
        if term.op == "held":
            return code.load(places.held[int(term.value)])
        if term.op == "slot":
            return code.load(Row(int(term.value)))
        return None

    def _argument(self, node: Node) -> Value:
        if node not in self._made and node in self._stored:
            number = self._code.load(self._stored[node])
            is_condition = self._graph.is_condition(node)
            self._made[node] = number.differs(0.0) if is_condition else number
        return self.computed(node)

    def _operation(self, node: Node) -> Value:
        op, args, _ = self._graph.term(node)
        code = self._code
        if op in ("true", "false"):
            return code.truth(op == "true")
        if op == "part":
            return self._calls.part(code, node)
        if op == "call" and self._calls.has_slopes(node):
            return self._argument(self._calls.needs(node)[0])
        if op in ("call", "bundle"):
            return self._calls.write(code, node, [self._argument(arg) for arg in args[1:]])
        values = [self._argument(arg) for arg in args]
        if op in _OPERATORS:
            return _OPERATORS[op](*values)
        if op == "select":
            return code.select(*values)
        return code.function(op, *values)


class Calls:
    """The shared functions that some formulas call, and where their results stand.

    Parameters
    ----------
    unit
        Where the functions are written, each when it is first called.
    graph, places, roots
        The formulas, and where they find their leaves.
    scratch
        Gives the rows of results that come with slopes; None if there are none.
    """

    def __init__(
        self,
        unit: Unit,
        graph: Graph,
        places: Places,
        roots: Sequence[Node],
        scratch: Scratch | None = None,
    ) -> None:
        self._unit = unit
        self._graph = graph
        self._places = places
        # Where slopes are computed, the value comes with them.
        self._value_of: dict[Node, Node] = {}
        self._row: dict[Node, Row] = {}
        if not graph.has_calls:
            return
        nodes = graph.reachable(roots)
        bundles = [node for node in nodes if graph.term(node).op == "bundle"]
        sizes = [len(graph.term(node).args) for node in bundles]
        block = scratch.block(sum(sizes)) if scratch and bundles else Row(0, 0)
        start = block.start
        for node, size in zip(bundles, sizes, strict=True):
            self._row[node] = Row(start, size)
            start += size
        for node in nodes:
            if graph.term(node).op == "call":
                both, value = graph.value_with_slopes(node)
                if both in self._row:
                    self._value_of[node] = value

    def needs(self, node: Node) -> tuple[Node, ...]:
        """Return what a node is computed from."""
        if node in self._value_of:
            return (self._value_of[node],)
        return self._graph.term(node).args

    def has_slopes(self, node: Node) -> bool:
        """Whether the value of a call comes with its slopes."""
        return node in self._value_of

    def is_stored(self, node: Node) -> bool:
        """Whether a node is kept in rows in any case."""
        return self._graph.term(node).op in ("bundle", "part")

    def part(self, code: Code, node: Node) -> Value:
        """Return the value or a slope that a function has left in its rows."""
        term = self._graph.term(node)
        return code.load(self._row[term.args[0]][int(term.value)])

    def write(self, code: Code, node: Node, values: Sequence[Value]) -> Value:
        """Write the call that a node stands for and return its value."""
        term = self._graph.term(node)
        base = int(self._graph.term(term.args[0]).value)
        coefficients = code.address(Row(self._places.held.start + base))
        sloped = term.op == "bundle"
        function = self._function(int(term.value), code.width, len(values), sloped)
        extra = [coefficients, *(value.ir for value in values)]
        if sloped:
            extra.append(code.address(self._row[node]))
            self._unit.call(code, function, *extra)
            return values[0]
        return Value(code, self._unit.call(code, function, *extra))

    def _function(self, body: Node, width: int, count: int, sloped: bool) -> Any:
        """Return the function of a body, written if it is not there yet.

        It takes the address of the first coefficient, the arguments and, for slopes, where to
        leave the value and them.
        """
        kind = "slopes" if sloped else "value"
        name = f"shared_{kind}.{body}.{width}"
        function = self._unit.module.globals.get(name)
        if function is not None:
            return function
        real = REAL if width == 1 else ir.VectorType(REAL, width)
        extra = [POINTER, *[real] * count, *([POINTER] if sloped else [])]
        result = None if sloped else real
        function, code, args = self._unit.function(
            name, scalar=width == 1, extra=extra, result=result
        )
        function.linkage = "internal"
        graph = self._graph
        own = Code(code.builder, width, args[0], code.pitch)
        places = Places(time=Row(0), states=Row(0, 0), held=Row(0, 1 << 40), known={})
        roots = [body, *(slopes_by_argument(graph, body, count) if sloped else ())]
        values = Values(own, graph, places, {}, Calls(self._unit, graph, places, roots))
        for k in range(count):
            values.give(graph.argument(k), Value(own, args[1 + k]))
        results = [values.of(root) for root in roots]
        if sloped:
            into = Code(code.builder, width, args[-1], code.pitch)
            for k, each in enumerate(results):
                into.store(Row(k), each)
            code.builder.ret_void()
        else:
            code.builder.ret(results[0].ir)
        return function
