"""Formulas as one shared graph: every sub-expression stands once, derivatives included.

A node is an integer. The arguments of a node always have smaller numbers than the node, so
numbers in increasing order are an order of evaluation. Equal sub-expressions are the same
node, which makes common-subexpression elimination a property of the graph.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import NamedTuple

Node = int
#: What a derivative may be taken of: a leaf node.
Leaf = Node


class Term(NamedTuple):
    """What a node is: an operation on earlier nodes, or a leaf with a number."""

    op: str
    args: tuple[Node, ...] = ()
    value: float = 0.0


LEAVES = ("constant", "time", "state", "held", "slot", "argument")
CONDITIONS = ("true", "false", "less", "less_equal", "equal", "not_equal", "and", "or", "not")
# A call of a shared function, one that gives its slopes too, and what is read from that one.
CALLS = ("call", "bundle", "part")
#: Functions of one number, by the name that the emitter and numpy know.
UNARY = {
    "negate": lambda x: -x,
    "exp": math.exp,
    "log": math.log,
    "sqrt": math.sqrt,
    "absolute": abs,
    "floor": math.floor,
    "ceil": math.ceil,
    "sin": math.sin,
    "cos": math.cos,
    "tan": math.tan,
    "arcsin": math.asin,
    "arccos": math.acos,
    "arctan": math.atan,
    "sinh": math.sinh,
    "cosh": math.cosh,
    "tanh": math.tanh,
}
# A base this close to zero stands for zero in x**n / x, whose limit is finite for n >= 1.
BASE_FLOOR = 1e-30
# Whole powers up to this one are products.
LARGEST_PRODUCT = 16


class Graph:
    """Expressions over time, states and held values (constants and what events change)."""

    def __init__(self) -> None:
        self._terms: list[Term] = []
        self._index: dict[Term, Node] = {}
        # By whether derivatives by held values are among them.
        self._gradients: dict[bool, dict[Node, dict[Leaf, Node]]] = {False: {}, True: {}}
        #: What nodes that the model's functions gave were made of: only a hint to
        #: `cxaxis.engine.outline`, for the nodes say all.
        self.has_calls = False
        self.made_of: dict[Node, tuple[Node, ...]] = {}
        self.zero = self.constant(0.0)
        self.one = self.constant(1.0)

    def __len__(self) -> int:
        return len(self._terms)

    def term(self, node: Node) -> Term:
        """Return what ``node`` is."""
        return self._terms[node]

    # Leaves

    def constant(self, value: float) -> Node:
        """Return the node of a number."""
        return self._intern(Term("constant", (), float(value)))

    def time(self) -> Node:
        """Return the node of time, in the model's unit."""
        return self._intern(Term("time"))

    def state(self, index: int) -> Node:
        """Return the node of the state with this place in the state vector."""
        return self._intern(Term("state", (), float(index)))

    def held(self, index: int) -> Node:
        """Return the node of the held value with this place in the vector of held values."""
        return self._intern(Term("held", (), float(index)))

    def slot(self, index: int) -> Node:
        """Return the node of a number that the kernels keep in this row of a lane's memory."""
        return self._intern(Term("slot", (), float(index)))

    def argument(self, index: int) -> Node:
        """Return the node of an argument of a function that calls share."""
        return self._intern(Term("argument", (), float(index)))

    # Functions that calls share

    def call(self, body: Node, base: Node, arguments: Sequence[Node]) -> Node:
        """Return the value of ``body`` with its arguments put in.

        Held value 0 of the body means the held value ``base``, 1 the one after, and so on.
        """
        self.has_calls = True
        return self._intern(Term("call", (base, *arguments), float(body)))

    def slope_of_call(self, call: Node, index: int) -> Node:
        """Return the derivative of a call by its argument with this index."""
        both = self._intern(self._terms[call]._replace(op="bundle"))
        return self._intern(Term("part", (both,), float(1 + index)))

    def value_with_slopes(self, call: Node) -> tuple[Node, Node]:
        """Return the node that makes a call's value and slopes, and that value as a part."""
        both = self._intern(self._terms[call]._replace(op="bundle"))
        return both, self._intern(Term("part", (both,)))

    # Arithmetic

    def add(self, a: Node, b: Node) -> Node:
        """Return ``a + b``."""
        if self._both_numbers(a, b):
            return self.constant(self._number(a) + self._number(b))
        if a == self.zero:
            return b
        if b == self.zero:
            return a
        if self._terms[b].op == "negate":
            return self.subtract(a, self._terms[b].args[0])
        if self._terms[a].op == "negate":
            return self.subtract(b, self._terms[a].args[0])
        return self._intern(Term("add", (min(a, b), max(a, b))))

    def subtract(self, a: Node, b: Node) -> Node:
        """Return ``a - b``."""
        if self._both_numbers(a, b):
            return self.constant(self._number(a) - self._number(b))
        if b == self.zero:
            return a
        if a == b:
            return self.zero
        if a == self.zero:
            return self.negate(b)
        if self._terms[b].op == "negate":
            return self.add(a, self._terms[b].args[0])
        return self._intern(Term("subtract", (a, b)))

    def multiply(self, a: Node, b: Node) -> Node:
        """Return ``a * b``."""
        if self._both_numbers(a, b):
            return self.constant(self._number(a) * self._number(b))
        if self.zero in (a, b):
            return self.zero
        if a == self.one:
            return b
        if b == self.one:
            return a
        for x, y in ((a, b), (b, a)):
            if self._is_number(x) and self._number(x) == -1.0:
                return self.negate(y)
            if self._terms[x].op == "negate":
                return self.negate(self.multiply(self._terms[x].args[0], y))
        return self._intern(Term("multiply", (min(a, b), max(a, b))))

    def divide(self, a: Node, b: Node) -> Node:
        """Return ``a / b``; division by the number zero is infinite or NaN, as in C."""
        if b == self.one:
            return a
        if self._both_numbers(a, b) and self._number(b) != 0:
            return self.constant(self._number(a) / self._number(b))
        if self._is_number(b) and 1e-300 < abs(self._number(b)) < 1e300:
            return self.multiply(a, self.constant(1.0 / self._number(b)))
        if a == self.zero and not self._is_number(b):
            return self.zero
        if self._terms[a].op == "negate":
            return self.negate(self.divide(self._terms[a].args[0], b))
        return self._intern(Term("divide", (a, b)))

    def negate(self, a: Node) -> Node:
        """Return ``-a``."""
        if self._is_number(a):
            return self.constant(-self._number(a))
        if self._terms[a].op == "negate":
            return self._terms[a].args[0]
        if self._terms[a].op == "subtract":
            x, y = self._terms[a].args
            return self.subtract(y, x)
        return self._intern(Term("negate", (a,)))

    def power(self, base: Node, exponent: Node) -> Node:
        """Return ``base ** exponent``; a whole number as exponent becomes products."""
        if self._is_number(exponent):
            n = self._number(exponent)
            if abs(n) <= LARGEST_PRODUCT and n == int(n):
                whole = self._product(base, abs(int(n)))
                return whole if n >= 0 else self.divide(self.one, whole)
        if self._both_numbers(base, exponent):
            folded = _folded(math.pow, self._number(base), self._number(exponent))
            if folded is not None:
                return self.constant(folded)
        return self._intern(Term("power", (base, exponent)))

    def unary(self, name: str, a: Node) -> Node:
        """Return the function ``name`` (a key of `UNARY`) of ``a``."""
        if name == "negate":
            return self.negate(a)
        if self._is_number(a):
            folded = _folded(UNARY[name], self._number(a))
            if folded is not None:
                return self.constant(folded)
        return self._intern(Term(name, (a,)))

    def minimum(self, a: Node, b: Node) -> Node:
        """Return the smaller of two numbers."""
        if self._both_numbers(a, b):
            return self.constant(min(self._number(a), self._number(b)))
        return a if a == b else self._intern(Term("minimum", (min(a, b), max(a, b))))

    def maximum(self, a: Node, b: Node) -> Node:
        """Return the larger of two numbers."""
        if self._both_numbers(a, b):
            return self.constant(max(self._number(a), self._number(b)))
        return a if a == b else self._intern(Term("maximum", (min(a, b), max(a, b))))

    def total(self, nodes: Iterable[Node]) -> Node:
        """Return the sum of ``nodes``, zero for none."""
        result = self.zero
        for node in nodes:
            result = self.add(result, node)
        return result

    def select(self, condition: Node, a: Node, b: Node) -> Node:
        """Return ``a`` where the condition holds, else ``b``; both may be conditions."""
        op = self._terms[condition].op
        if op == "true" or a == b:
            return a
        if op == "false":
            return b
        if self.is_condition(a) and self.is_condition(b):
            return self.either(self.both(condition, a), self.both(self.negation(condition), b))
        return self._intern(Term("select", (condition, a, b)))

    # Conditions

    def truth(self, value: bool) -> Node:
        """Return the condition that always, or never, holds."""
        return self._intern(Term("true" if value else "false"))

    def compare(self, op: str, a: Node, b: Node) -> Node:
        """Return the condition ``a op b``; op is less, less_equal, equal or not_equal."""
        if self._both_numbers(a, b):
            x, y = self._number(a), self._number(b)
            return self.truth(
                {"less": x < y, "less_equal": x <= y, "equal": x == y, "not_equal": x != y}[op]
            )
        return self._intern(Term(op, (a, b)))

    def both(self, a: Node, b: Node) -> Node:
        """Return the condition that ``a`` and ``b`` hold."""
        ops = {self._terms[a].op: a, self._terms[b].op: b}
        if "false" in ops:
            return self.truth(False)
        if self._terms[a].op == "true" or a == b:
            return b
        return a if self._terms[b].op == "true" else self._intern(Term("and", (a, b)))

    def either(self, a: Node, b: Node) -> Node:
        """Return the condition that ``a`` or ``b`` holds."""
        return self.negation(self.both(self.negation(a), self.negation(b)))

    def negation(self, a: Node) -> Node:
        """Return the condition that ``a`` does not hold (a comparison with NaN never holds)."""
        term = self._terms[a]
        if term.op in ("true", "false"):
            return self.truth(term.op == "false")
        if term.op == "not":
            return term.args[0]
        if term.op in ("equal", "not_equal"):
            return self._intern(term._replace(op=_OPPOSITE[term.op]))
        return self._intern(Term("not", (a,)))

    def is_condition(self, node: Node) -> bool:
        """Whether a node is true or false rather than a number."""
        return self._terms[node].op in CONDITIONS

    # Calculus and reading

    def derivative(self, node: Node, leaf: Leaf) -> Node:
        """Return the derivative of ``node`` with respect to a state, a held value or time."""
        by_held = self._terms[leaf].op == "held"
        return self.gradient(node, by_held=by_held).get(leaf, self.zero)

    def gradient(self, node: Node, *, by_held: bool = True) -> Mapping[Leaf, Node]:
        """Return the non-zero derivatives of ``node`` by leaf.

        The derivative of a choice is that of the branch chosen; rounding has none.

        Parameters
        ----------
        by_held
            Whether derivatives by held values are wanted too; there may be very many.
        """
        known = self._gradients[by_held]
        for each in self._unknown([node], known):
            known[each] = self._gradient_of_term(each, by_held)
        return known[node]

    def _unknown(self, roots: Iterable[Node], known: Collection[Node]) -> list[Node]:
        """Return the nodes that ``roots`` need beside known ones, in order of evaluation."""
        seen: set[Node] = set()
        waiting = list(roots)
        while waiting:
            node = waiting.pop()
            if node not in seen and node not in known:
                seen.add(node)
                waiting.extend(self._terms[node].args)
        return sorted(seen)

    def reachable(self, roots: Iterable[Node]) -> list[Node]:
        """Return the nodes that ``roots`` need, themselves included, in order of evaluation."""
        seen: set[Node] = set()
        waiting = list(roots)
        while waiting:
            node = waiting.pop()
            if node not in seen:
                seen.add(node)
                waiting.extend(self._terms[node].args)
        return sorted(seen)

    def leaves(self, roots: Iterable[Node]) -> set[Leaf]:
        """Return the time, state and held leaves that ``roots`` depend on."""
        return {n for n in self.reachable(roots) if self._terms[n].op in ("time", "state", "held")}

    def substituted(self, roots: Iterable[Node], by: Mapping[Node, Node]) -> list[Node]:
        """Return ``roots`` with every node that is a key of ``by`` replaced."""
        roots = list(roots)
        new: dict[Node, Node] = {}
        for node in self.reachable(roots):
            if node in by:
                new[node] = by[node]
                continue
            term = self._terms[node]
            new[node] = self.rebuilt(node, tuple(new[a] for a in term.args))
        return [new[root] for root in roots]

    def rebuilt(self, node: Node, args: tuple[Node, ...]) -> Node:
        """Return a node with other arguments in the place of its own."""
        term = self._terms[node]
        if args == term.args:
            return node
        build: dict[str, Callable[..., Node]] = {
            "add": self.add,
            "subtract": self.subtract,
            "multiply": self.multiply,
            "divide": self.divide,
            "power": self.power,
            "minimum": self.minimum,
            "maximum": self.maximum,
            "select": self.select,
            "and": self.both,
            "not": self.negation,
        }
        if term.op in build:
            return build[term.op](*args)
        if term.op in UNARY:
            return self.unary(term.op, *args)
        if term.op in CALLS:
            return self._intern(term._replace(args=args))
        return self.compare(term.op, *args)

    def _gradient_of_term(self, node: Node, by_held: bool) -> dict[Leaf, Node]:
        op, args, _ = self._terms[node]
        known = self._gradients[by_held]
        if op in ("state", "time") or (by_held and op == "held"):
            return {node: self.one}
        if op in ("constant", "held", "slot", "argument", "floor", "ceil", *CONDITIONS):
            return {}
        if not any(known[arg] for arg in args):
            return {}
        slopes = self.slopes(node)
        result: dict[Leaf, Node] = {}
        for arg, slope in slopes:
            for leaf, inner in known[arg].items():
                result[leaf] = self.add(result.get(leaf, self.zero), self.multiply(slope, inner))
        if op == "select":
            condition, a, b = args
            result = {
                leaf: self.select(
                    condition, known[a].get(leaf, self.zero), known[b].get(leaf, self.zero)
                )
                for leaf in sorted({*known[a], *known[b]})
            }
        return {leaf: value for leaf, value in result.items() if value != self.zero}

    def slopes(self, node: Node) -> list[tuple[Node, Node]]:
        """Return the partial derivatives of an operation by its arguments."""
        op, args, _ = self._terms[node]
        one, two = self.one, self.constant(2.0)
        if op == "add":
            return [(args[0], one), (args[1], one)]
        if op == "subtract":
            return [(args[0], one), (args[1], self.constant(-1.0))]
        if op == "multiply":
            return [(args[0], args[1]), (args[1], args[0])]
        if op == "divide":
            inverse = self.divide(one, args[1])
            return [(args[0], inverse), (args[1], self.negate(self.multiply(node, inverse)))]
        if op == "power":
            return self._power_slopes(node)
        if op in ("minimum", "maximum"):
            first = self.compare("less_equal", *(args if op == "minimum" else args[::-1]))
            return [
                (args[0], self.select(first, one, self.zero)),
                (args[1], self.select(first, self.zero, one)),
            ]
        if op == "select":
            return []
        if op == "call":
            return [(arg, self.slope_of_call(node, k)) for k, arg in enumerate(args[1:])]
        (x,) = args
        squared = self.multiply(x, x)
        slope = {
            "negate": lambda: self.constant(-1.0),
            "exp": lambda: node,
            "log": lambda: self.divide(one, x),
            "sqrt": lambda: self.divide(one, self.multiply(two, node)),
            "absolute": lambda: self.select(
                self.compare("less", x, self.zero), self.constant(-1.0), one
            ),
            "sin": lambda: self.unary("cos", x),
            "cos": lambda: self.negate(self.unary("sin", x)),
            "tan": lambda: self.add(one, self.multiply(node, node)),
            "arcsin": lambda: self.divide(one, self.unary("sqrt", self.subtract(one, squared))),
            "arccos": lambda: self.negate(
                self.divide(one, self.unary("sqrt", self.subtract(one, squared)))
            ),
            "arctan": lambda: self.divide(one, self.add(one, squared)),
            "sinh": lambda: self.unary("cosh", x),
            "cosh": lambda: self.unary("sinh", x),
            "tanh": lambda: self.subtract(one, self.multiply(node, node)),
        }[op]()
        return [(x, slope)]

    def _power_slopes(self, node: Node) -> list[tuple[Node, Node]]:
        base, exponent = self._terms[node].args
        floor = self.constant(BASE_FLOOR)
        # x**n / x instead of a second power; the floor keeps 0 / 0 out at a base of zero.
        safe = self.select(self.compare("less", self.unary("absolute", base), floor), floor, base)
        by_base = self.multiply(exponent, self.divide(node, safe))
        if self._is_number(exponent):
            return [(base, by_base)]
        by_exponent = self.multiply(node, self.unary("log", self.maximum(base, floor)))
        return [(base, by_base), (exponent, by_exponent)]

    def _product(self, base: Node, n: int) -> Node:
        if n == 0:
            return self.one
        half = self._product(base, n // 2)
        whole = self.multiply(half, half)
        return self.multiply(whole, base) if n % 2 else whole

    def _intern(self, term: Term) -> Node:
        # -0.0 == 0.0 and hashes alike, which is what is wanted; NaN is never equal to itself.
        node = self._index.get(term)
        if node is None:
            node = len(self._terms)
            self._terms.append(term)
            self._index[term] = node
        return node

    def _is_number(self, node: Node) -> bool:
        return self._terms[node].op == "constant"

    def _both_numbers(self, a: Node, b: Node) -> bool:
        return self._is_number(a) and self._is_number(b)

    def _number(self, node: Node) -> float:
        return self._terms[node].value


_OPPOSITE = {"equal": "not_equal", "not_equal": "equal"}


def _folded(function: Callable[..., float], *values: float) -> float | None:
    """Return the value, or None where it is not a finite real number."""
    try:
        result = float(function(*values))
    except (ValueError, OverflowError, ZeroDivisionError):
        return None
    return result if math.isfinite(result) else None
