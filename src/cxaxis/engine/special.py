"""Functions of formulas that are built from the elementary ones of the graph."""

from __future__ import annotations

import math

from cxaxis.engine.expressions import Graph, Node

# Lanczos' series for the gamma function (shift 7, nine terms), accurate to about 1e-15.
_LANCZOS_SHIFT = 7.0
_LANCZOS = (
    0.99999999999980993,
    676.5203681218851,
    -1259.1392167224028,
    771.32342877765313,
    -176.61502916214059,
    12.507343278686905,
    -0.13857109526572012,
    9.9843695780195716e-6,
    1.5056327351493116e-7,
)
_LARGEST_FACTORIAL = 170


def arc_sine_hyperbolic(graph: Graph, x: Node) -> Node:
    """Return the inverse hyperbolic sine; odd, so that a large negative ``x`` loses nothing."""
    size = graph.unary("absolute", x)
    inside = graph.add(size, graph.unary("sqrt", _square_plus(graph, size, 1.0)))
    value = graph.unary("log", inside)
    return graph.select(graph.compare("less", x, graph.zero), graph.negate(value), value)


def arc_cosine_hyperbolic(graph: Graph, x: Node) -> Node:
    """Return the inverse hyperbolic cosine of ``x``, at least 1."""
    return graph.unary("log", graph.add(x, graph.unary("sqrt", _square_plus(graph, x, -1.0))))


def arc_tangent_hyperbolic(graph: Graph, x: Node) -> Node:
    """Return the inverse hyperbolic tangent of ``x``, between -1 and 1."""
    ratio = graph.divide(graph.add(graph.one, x), graph.subtract(graph.one, x))
    return graph.multiply(graph.constant(0.5), graph.unary("log", ratio))


def truncated_quotient(graph: Graph, a: Node, b: Node) -> Node:
    """Return ``a / b`` without its fraction, rounded towards zero."""
    ratio = graph.divide(a, b)
    return graph.select(
        graph.compare("less", ratio, graph.zero),
        graph.unary("ceil", ratio),
        graph.unary("floor", ratio),
    )


def root(graph: Graph, degree: Node, x: Node) -> Node:
    """Return the root of ``x``; an odd whole degree, given as a number, takes negative ``x``."""
    power = graph.divide(graph.one, degree)
    plain = graph.power(x, power)
    term = graph.term(degree)
    if term.op != "constant" or term.value % 2 != 1:
        return plain
    mirrored = graph.negate(graph.power(graph.unary("absolute", x), power))
    return graph.select(graph.compare("less", x, graph.zero), mirrored, plain)


def factorial(graph: Graph, x: Node) -> Node:
    """Return the factorial of ``x``, through the gamma function where ``x`` is no number.

    The formula holds for ``x`` above -1; whole numbers come out whole to about 14 digits.
    """
    term = graph.term(x)
    if term.op == "constant" and term.value in range(_LARGEST_FACTORIAL + 1):
        return graph.constant(float(math.factorial(int(term.value))))
    series = graph.constant(_LANCZOS[0])
    for i, coefficient in enumerate(_LANCZOS[1:], start=1):
        shifted = graph.add(x, graph.constant(float(i)))
        series = graph.add(series, graph.divide(graph.constant(coefficient), shifted))
    base = graph.add(x, graph.constant(_LANCZOS_SHIFT + 0.5))
    exponent = graph.subtract(
        graph.multiply(graph.add(x, graph.constant(0.5)), graph.unary("log", base)), base
    )
    scale = graph.constant(math.sqrt(2.0 * math.pi))
    return graph.multiply(graph.multiply(scale, graph.unary("exp", exponent)), series)


def _square_plus(graph: Graph, x: Node, number: float) -> Node:
    return graph.add(graph.multiply(x, x), graph.constant(number))
