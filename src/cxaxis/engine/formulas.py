"""Formulas of SBML, translated into nodes of an expression graph.

Function definitions are inlined. Numbers and truth values stand for each other where SBML
lets them: true is 1, false is 0, and a number is true unless it is zero.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise
from typing import Any

from cxaxis.engine.expressions import Graph, Node
from cxaxis.engine.special import (
    arc_cosine_hyperbolic,
    arc_sine_hyperbolic,
    arc_tangent_hyperbolic,
    factorial,
    root,
    truncated_quotient,
)

# The value that SBML fixes for its csymbol, not the latest one of metrology.
AVOGADRO = 6.02214179e23

#: What a name stands for where a formula is read.
Scope = Callable[[str], Node]
#: Told what cannot be translated: a stable code and a clause that follows "uses".
Complaint = Callable[[str, str], None]
#: The rate of change of a node along the course of the model.
RateOf = Callable[[Node], Node]


class Formulas:
    """Translator of the formulas of one model.

    Parameters
    ----------
    graph
        Owner of the nodes.
    functions
        Function definitions by id, as libsbml's lambda nodes; None where one has no formula.
    rate_of
        Gives the rate of change of a node, for the csymbol ``rateOf``.
    complain
        Called for every construct that has no translation; the node is then NaN.
    """

    def __init__(
        self,
        graph: Graph,
        functions: Mapping[str, Any],
        rate_of: RateOf,
        complain: Complaint,
    ) -> None:
        import libsbml

        self._graph = graph
        self._functions = functions
        self._rate_of = rate_of
        self._complain = complain
        self._open_functions: list[str] = []
        self.nan = graph.constant(math.nan)
        self._names = {
            getattr(libsbml, name): name.removeprefix("AST_")
            for name in dir(libsbml)
            if name.startswith("AST_") and isinstance(getattr(libsbml, name), int)
        }

    def number(self, tree: Any, scope: Scope) -> Node:
        """Return the node of a formula as a number."""
        return self.as_number(self._translate(tree, scope))

    def condition(self, tree: Any, scope: Scope) -> Node:
        """Return the node of a formula as a truth value."""
        return self.as_condition(self._translate(tree, scope))

    def as_number(self, node: Node) -> Node:
        """Return a node as a number: 1 for true, 0 for false."""
        graph = self._graph
        return graph.select(node, graph.one, graph.zero) if graph.is_condition(node) else node

    def as_condition(self, node: Node) -> Node:
        """Return a node as a truth value: true unless it is the number 0."""
        graph = self._graph
        return node if graph.is_condition(node) else graph.compare("not_equal", node, graph.zero)

    def _translate(self, tree: Any, scope: Scope) -> Node:
        kind = self._names.get(tree.getType(), "UNKNOWN")
        if kind in ("PLUS", "TIMES"):
            operands = [self.number(child, scope) for child in _operands(tree)]
            return self._folded(kind, operands)
        leaf = self._leaf(kind, tree, scope)
        if leaf is not None:
            return leaf
        children = [tree.getChild(i) for i in range(tree.getNumChildren())]
        if kind == "FUNCTION_RATE_OF":
            return self._rate_of(scope(children[0].getName()))
        if kind == "FUNCTION_PIECEWISE":
            return self._piecewise([self._translate(child, scope) for child in children])
        if kind == "FUNCTION_DELAY":
            self._complain("SBML106", "the value of a quantity at an earlier time (delay)")
            return self.nan
        if kind == "FUNCTION":
            return self._call(tree.getName(), [self._translate(c, scope) for c in children])
        if kind.startswith("LOGICAL_"):
            truths = [self.condition(child, scope) for child in children]
            return self._logical(kind.removeprefix("LOGICAL_"), truths)
        numbers = [self.number(child, scope) for child in children]
        if kind.startswith("RELATIONAL_"):
            return self._relation(kind.removeprefix("RELATIONAL_"), numbers)
        return self._function(kind.removeprefix("FUNCTION_"), numbers, tree)

    def _leaf(self, kind: str, tree: Any, scope: Scope) -> Node | None:
        graph = self._graph
        if kind in ("INTEGER", "REAL", "REAL_E"):
            value = float(tree.getValue())
            return self.nan if math.isnan(value) else graph.constant(value)
        if kind == "RATIONAL":
            return graph.constant(tree.getNumerator() / tree.getDenominator())
        if kind == "NAME":
            return scope(tree.getName())
        if kind == "NAME_TIME":
            return graph.time()
        if kind in ("CONSTANT_TRUE", "CONSTANT_FALSE"):
            return graph.truth(kind == "CONSTANT_TRUE")
        constants = {"CONSTANT_E": math.e, "CONSTANT_PI": math.pi, "NAME_AVOGADRO": AVOGADRO}
        return graph.constant(constants[kind]) if kind in constants else None

    def _folded(self, kind: str, operands: Sequence[Node]) -> Node:
        graph = self._graph
        if kind == "PLUS":
            return graph.total(operands)
        result = graph.one
        for operand in operands:
            result = graph.multiply(result, operand)
        return result

    def _piecewise(self, parts: list[Node]) -> Node:
        graph = self._graph
        otherwise = parts.pop() if len(parts) % 2 else self.nan
        values, conditions = parts[::2], parts[1::2]
        if not all(graph.is_condition(node) for node in (*values, otherwise)):
            values = [self.as_number(value) for value in values]
            otherwise = self.as_number(otherwise)
        for value, condition in zip(values[::-1], conditions[::-1], strict=True):
            otherwise = graph.select(self.as_condition(condition), value, otherwise)
        return otherwise

    def _call(self, name: str, arguments: Sequence[Node]) -> Node:
        definition = self._functions.get(name)
        if name not in self._functions:
            self._complain("SBML107", f"the function {name!r}, which the model does not define")
            return self.nan
        if definition is None:
            self._complain("SBML107", f"the function {name!r}, whose definition has no formula")
            return self.nan
        if name in self._open_functions:
            self._complain("SBML109", f"the function {name!r}, which calls itself")
            return self.nan
        n_argument = definition.getNumChildren() - 1
        if n_argument != len(arguments):
            self._complain(
                "SBML107",
                f"the function {name!r} with {len(arguments)} arguments instead of {n_argument}",
            )
            return self.nan
        bound = {definition.getChild(i).getName(): node for i, node in enumerate(arguments)}

        def scope(argument: str) -> Node:
            if argument not in bound:
                self._complain(
                    "SBML107",
                    f"the function {name!r}, whose formula names {argument!r}, not an argument",
                )
            return bound.get(argument, self.nan)

        self._open_functions.append(name)
        try:
            result = self._translate(definition.getChild(n_argument), scope)
        finally:
            self._open_functions.pop()
        if result not in arguments:
            self._graph.made_of[result] = tuple(arguments)
        return result

    def _logical(self, kind: str, truths: list[Node]) -> Node:
        graph = self._graph
        if kind == "NOT":
            return graph.negation(truths[0])
        if kind == "IMPLIES":
            return graph.either(graph.negation(truths[0]), truths[1])
        result = graph.truth(kind == "AND")
        for each in truths:
            if kind == "AND":
                result = graph.both(result, each)
            elif kind == "OR":
                result = graph.either(result, each)
            else:
                result = graph.either(
                    graph.both(result, graph.negation(each)),
                    graph.both(graph.negation(result), each),
                )
        return result

    def _relation(self, kind: str, numbers: list[Node]) -> Node:
        graph = self._graph
        op = {"LT": "less", "GT": "less", "LEQ": "less_equal", "GEQ": "less_equal"}.get(
            kind, "equal" if kind == "EQ" else "not_equal"
        )
        result = graph.truth(True)
        for a, b in pairwise(numbers):
            pair = (b, a) if kind in ("GT", "GEQ") else (a, b)
            result = graph.both(result, graph.compare(op, *pair))
        return result

    def _function(self, name: str, x: list[Node], tree: Any) -> Node:
        graph = self._graph
        if name in _UNARY and len(x) == 1:
            return graph.unary(_UNARY[name], x[0])
        if name in _RECIPROCAL and len(x) == 1:
            return graph.divide(graph.one, graph.unary(_RECIPROCAL[name], x[0]))
        if name in _INVERSE and len(x) == 1:
            return _INVERSE[name](graph, x[0])
        if name in ("MAX", "MIN") and x:
            result = x[0]
            for each in x[1:]:
                result = (graph.maximum if name == "MAX" else graph.minimum)(result, each)
            return result
        if name in _OF_TWO and len(x) == 2:
            return _OF_TWO[name](graph, *x)
        if name == "MINUS" and x:
            return graph.negate(x[0]) if len(x) == 1 else graph.subtract(*x)
        # Base and degree come first and may be left out.
        if name == "LOG" and x:
            return _logarithm(graph, x[0] if len(x) == 2 else graph.constant(10.0), x[-1])
        if name == "ROOT" and x:
            return root(graph, x[0] if len(x) == 2 else graph.constant(2.0), x[-1])
        if name.startswith("DISTRIB_"):
            self._complain("SBML108", f"a random draw ({tree.getName()})")
        else:
            called = tree.getName() or name.lower()
            self._complain("SBML107", f"the operation {called!r}")
        return self.nan


def _operands(tree: Any) -> list[Any]:
    """Return the operands of a sum or product, those of operands of its kind in their place.

    Long sums come as one nested pair after another, deeper than recursion may go.
    """
    kind = tree.getType()
    waiting = [tree]
    result: list[Any] = []
    while waiting:
        each = waiting.pop()
        if each.getType() == kind:
            waiting.extend(each.getChild(i) for i in reversed(range(each.getNumChildren())))
        else:
            result.append(each)
    return result


def names_in(tree: Any) -> set[str]:
    """Return the names that a formula mentions, those of functions not included."""
    import libsbml

    waiting = [tree]
    names: set[str] = set()
    while waiting:
        each = waiting.pop()
        if each.getType() == libsbml.AST_NAME:
            names.add(each.getName())
        waiting.extend(each.getChild(i) for i in range(each.getNumChildren()))
    return names


def _logarithm(graph: Graph, base: Node, x: Node) -> Node:
    return graph.divide(graph.unary("log", x), graph.unary("log", base))


def _remainder(graph: Graph, a: Node, b: Node) -> Node:
    return graph.subtract(a, graph.multiply(b, truncated_quotient(graph, a, b)))


def _of_reciprocal(
    function: Callable[[Graph, Node], Node],
) -> Callable[[Graph, Node], Node]:
    return lambda graph, x: function(graph, graph.divide(graph.one, x))


def _arc(name: str) -> Callable[[Graph, Node], Node]:
    return lambda graph, x: graph.unary(name, x)


_UNARY = {
    "ABS": "absolute",
    "ARCCOS": "arccos",
    "ARCSIN": "arcsin",
    "ARCTAN": "arctan",
    "CEILING": "ceil",
    "COS": "cos",
    "COSH": "cosh",
    "EXP": "exp",
    "FLOOR": "floor",
    "LN": "log",
    "SIN": "sin",
    "SINH": "sinh",
    "TAN": "tan",
    "TANH": "tanh",
}
_RECIPROCAL = {
    "SEC": "cos",
    "CSC": "sin",
    "COT": "tan",
    "SECH": "cosh",
    "CSCH": "sinh",
    "COTH": "tanh",
}
_INVERSE: Mapping[str, Callable[[Graph, Node], Node]] = {
    "ARCSEC": _of_reciprocal(_arc("arccos")),
    "ARCCSC": _of_reciprocal(_arc("arcsin")),
    "ARCCOT": _of_reciprocal(_arc("arctan")),
    "ARCSINH": arc_sine_hyperbolic,
    "ARCCOSH": arc_cosine_hyperbolic,
    "ARCTANH": arc_tangent_hyperbolic,
    "ARCSECH": _of_reciprocal(arc_cosine_hyperbolic),
    "ARCCSCH": _of_reciprocal(arc_sine_hyperbolic),
    "ARCCOTH": _of_reciprocal(arc_tangent_hyperbolic),
    "FACTORIAL": factorial,
}
_OF_TWO: Mapping[str, Callable[[Graph, Node, Node], Node]] = {
    "DIVIDE": Graph.divide,
    "POWER": Graph.power,
    "QUOTIENT": truncated_quotient,
    "REM": _remainder,
}
