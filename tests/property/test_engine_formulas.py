"""Formulas read from SBML mean what Python means by them."""

import math

import libsbml
import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from cxaxis.engine.expressions import Graph
from cxaxis.engine.formulas import Formulas
from cxaxis.engine.special import (
    arc_cosine_hyperbolic,
    arc_sine_hyperbolic,
    arc_tangent_hyperbolic,
    factorial,
    root,
    truncated_quotient,
)
from engine_support import evaluate

NAMES = ("a", "b", "d")
NUMBERS = st.floats(-4, 4, allow_nan=False).map(lambda x: round(x, 3))


def leaves():
    return st.sampled_from(NAMES) | st.floats(0, 3).map(lambda x: f"{x:.3f}")


def grown(inner):
    pair = st.tuples(inner, inner)
    return st.one_of(
        pair.map(lambda p: f"({p[0]} + {p[1]})"),
        pair.map(lambda p: f"({p[0]} - {p[1]})"),
        pair.map(lambda p: f"({p[0]} * {p[1]})"),
        pair.map(lambda p: f"max({p[0]}, {p[1]})"),
        pair.map(lambda p: f"min({p[0]}, {p[1]})"),
        inner.map(lambda x: f"(-{x})"),
        inner.map(lambda x: f"sin({x})"),
        inner.map(lambda x: f"tanh({x})"),
        inner.map(lambda x: f"abs({x})"),
        inner.map(lambda x: f"exp(-abs({x}))"),
        st.tuples(inner, inner, inner).map(lambda p: f"choose({p[0]} < {p[1]}, {p[2]}, {p[0]})"),
    )


FORMULAS = st.recursive(leaves(), grown, max_leaves=12)
SPACE = {
    "sin": math.sin,
    "tanh": math.tanh,
    "exp": math.exp,
    "abs": abs,
    "max": max,
    "min": min,
    "choose": lambda condition, a, b: a if condition else b,
}


def translated(text):
    graph = Graph()
    complaints = []
    formulas = Formulas(
        graph, {}, lambda _: graph.zero, lambda code, what: complaints.append((code, what))
    )
    sbml = text.replace("choose(", "reorder(")
    tree = libsbml.parseL3Formula(sbml)
    assert tree is not None, libsbml.getLastParseL3Error()
    # choose(c, x, y) is piecewise(x, c, y).
    _to_piecewise(tree)
    scope = {name: graph.state(i) for i, name in enumerate(NAMES)}
    node = formulas.number(tree, scope.__getitem__)
    assert complaints == []
    return graph, node


def _to_piecewise(tree):
    for i in range(tree.getNumChildren()):
        _to_piecewise(tree.getChild(i))
    if tree.getType() == libsbml.AST_FUNCTION and tree.getName() == "reorder":
        condition, value = tree.getChild(0).deepCopy(), tree.getChild(1).deepCopy()
        tree.replaceChild(0, value, True)
        tree.replaceChild(1, condition, True)
        tree.setType(libsbml.AST_FUNCTION_PIECEWISE)


@given(FORMULAS, st.tuples(NUMBERS, NUMBERS, NUMBERS))
def test_a_formula_has_the_value_that_python_gives_it(text, values):
    graph, node = translated(text)
    wanted = eval(text, dict(SPACE), dict(zip(NAMES, values, strict=True)))
    (got,) = evaluate(graph, [node], states=values)
    assert math.isclose(got, wanted, rel_tol=1e-9, abs_tol=1e-9)


@given(st.floats(-1e6, 1e6), st.floats(-1e6, 1e6).filter(lambda b: abs(b) > 1e-3))
def test_a_quotient_is_rounded_towards_zero(a, b):
    graph = Graph()
    node = truncated_quotient(graph, graph.state(0), graph.state(1))
    assert evaluate(graph, [node], states=[a, b]) == [math.trunc(a / b)]


@given(st.floats(-1e8, 1e8))
def test_inverse_hyperbolic_functions_invert(x):
    graph = Graph()
    node = arc_sine_hyperbolic(graph, graph.state(0))
    np.testing.assert_allclose(evaluate(graph, [node], states=[x]), np.arcsinh(x), atol=1e-15)
    inside = math.tanh(x / 1e8)
    node = arc_tangent_hyperbolic(graph, graph.state(0))
    np.testing.assert_allclose(
        evaluate(graph, [node], states=[inside]), np.arctanh(inside), atol=1e-15
    )
    node = arc_cosine_hyperbolic(graph, graph.state(0))
    above = 1.0 + abs(x)
    np.testing.assert_allclose(
        evaluate(graph, [node], states=[above]), np.arccosh(above), rtol=1e-7, atol=1e-7
    )


@given(st.integers(0, 100))
def test_a_factorial_of_a_formula_is_that_of_a_number(n):
    graph = Graph()
    node = factorial(graph, graph.state(0))
    np.testing.assert_allclose(
        evaluate(graph, [node], states=[n]), float(math.factorial(n)), rtol=1e-12
    )


@given(st.floats(-100, 100), st.sampled_from([1.0, 3.0, 5.0, 7.0]))
def test_an_odd_root_undoes_its_power(x, degree):
    graph = Graph()
    node = root(graph, graph.constant(degree), graph.state(0))
    np.testing.assert_allclose(evaluate(graph, [node], states=[x**degree]), x, atol=1e-12)
