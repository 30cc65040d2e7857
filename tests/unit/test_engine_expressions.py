"""The expression graph: derivatives against differences, substitution, folding, no-numbers."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cxaxis.engine.expressions import BASE_FLOOR, LARGEST_PRODUCT, UNARY, Graph
from engine_support import evaluate

POINT = {"time": 0.7, "states": [1.3, 0.4, 2.1], "held": [0.8, 1.9]}


def leaf_nodes(graph):
    return [
        *(graph.state(i) for i in range(3)),
        *(graph.held(i) for i in range(2)),
        graph.time(),
    ]


def value(graph, node, point=POINT):
    return evaluate(graph, [node], **point)[0]


def shifted(index, by):
    """Return the point with its leaf ``index`` moved."""
    flat = [*POINT["states"], *POINT["held"], POINT["time"]]
    flat[index] += by
    return {"states": flat[:3], "held": flat[3:5], "time": flat[5]}


# Random formulas, written as nested tuples so that a failing one can be read.

# Away from poles and branch points at POINT: arguments are squeezed into (0.2, 2.2).
SMOOTH = ["exp", "log", "sqrt", "sin", "cos", "tan", "arctan", "sinh", "cosh", "tanh", "negate"]
BOUNDED = ["arcsin", "arccos"]


def formulas():
    leaves = st.one_of(
        st.integers(0, 5).map(lambda i: ("leaf", i)),
        st.sampled_from([-2.0, -1.0, 0.0, 0.5, 1.0, 2.0, 3.7]).map(lambda v: ("number", v)),
    )

    def extend(inner):
        return st.one_of(
            st.tuples(st.sampled_from(["add", "subtract", "multiply", "divide"]), inner, inner),
            st.tuples(st.sampled_from(SMOOTH + BOUNDED), inner),
            st.tuples(st.just("power"), inner, inner),
            st.tuples(st.just("whole power"), inner, st.integers(-4, 6)),
            st.tuples(st.sampled_from(["minimum", "maximum", "absolute"]), inner, inner),
            st.tuples(st.just("select"), inner, inner, inner),
        )

    return st.recursive(leaves, extend, max_leaves=9)


def squeezed(graph, node):
    """Return a smooth function of ``node`` between 0.2 and 2.2."""
    return graph.add(graph.constant(1.2), graph.unary("tanh", node))


def built(graph, formula):
    op, *rest = formula
    if op == "leaf":
        return leaf_nodes(graph)[rest[0]]
    if op == "number":
        return graph.constant(rest[0])
    if op == "whole power":
        return graph.power(squeezed(graph, built(graph, rest[0])), graph.constant(rest[1]))
    args = [built(graph, part) for part in rest]
    if op == "select":
        condition = graph.compare("less", args[0], graph.constant(0.61803))
        return graph.select(condition, args[1], args[2])
    if op == "absolute":
        return graph.unary("absolute", graph.subtract(args[0], graph.constant(0.141421)))
    if op in ("divide", "power"):
        return getattr(graph, op)(*(squeezed(graph, a) for a in args))
    if op in BOUNDED:
        return graph.unary(op, graph.multiply(graph.constant(0.4), squeezed(graph, args[0])))
    if op in SMOOTH:
        return graph.unary(op, args[0] if op == "negate" else squeezed(graph, args[0]))
    if op in ("minimum", "maximum"):
        return getattr(graph, op)(args[0], graph.add(args[1], graph.constant(0.01234567)))
    return getattr(graph, op)(*args)


@settings(max_examples=150)
@given(formulas())
def test_derivatives_are_central_differences(formula):
    graph = Graph()
    node = built(graph, formula)
    for index, leaf in enumerate(leaf_nodes(graph)):
        exact = value(graph, graph.derivative(node, leaf))
        # Two widths: where they disagree a kink of min, max or a choice lies between.
        wide, narrow = (
            (value(graph, node, shifted(index, h)) - value(graph, node, shifted(index, -h)))
            / (2 * h)
            for h in (2e-5, 1e-5)
        )
        scale = 1.0 + abs(exact) + abs(value(graph, node))
        if abs(wide - narrow) < 1e-6 * scale:
            assert exact == pytest.approx(narrow, abs=3e-5 * scale)


@settings(max_examples=100)
@given(formulas())
def test_the_graph_computes_what_the_formula_says(formula):
    """Folding and rewriting keep the value: a graph of numbers alone gives the same."""
    graph, folded = Graph(), Graph()
    node = built(graph, formula)
    numbers = [*POINT["states"], *POINT["held"], POINT["time"]]
    constants = {
        leaf: folded.constant(number)
        for leaf, number in zip(leaf_nodes(folded), numbers, strict=True)
    }
    (number,) = folded.substituted([built(folded, formula)], constants)
    assert folded.term(number).op == "constant"
    assert folded.term(number).value == pytest.approx(value(graph, node), rel=1e-9, abs=1e-9)


@settings(max_examples=100)
@given(formulas(), st.integers(0, 5), formulas())
def test_substituting_is_evaluating_with_another_value(outer, index, inner):
    graph = Graph()
    node, replacement = built(graph, outer), built(graph, inner)
    leaf = leaf_nodes(graph)[index]
    (changed,) = graph.substituted([node], {leaf: replacement})
    flat = [*POINT["states"], *POINT["held"], POINT["time"]]
    flat[index] = value(graph, replacement)
    moved = {"states": flat[:3], "held": flat[3:5], "time": flat[5]}
    wanted = value(graph, node, moved)
    assert value(graph, changed) == pytest.approx(wanted, rel=1e-9, abs=1e-9, nan_ok=True)


@settings(max_examples=60)
@given(formulas())
def test_arguments_come_before_what_uses_them_and_building_again_adds_nothing(formula):
    graph = Graph()
    node = built(graph, formula)
    size = len(graph)
    assert built(graph, formula) == node
    assert len(graph) == size
    order = graph.reachable([node])
    assert order == sorted(order)
    assert order[-1] == node
    assert all(arg < each for each in order for arg in graph.term(each).args)


def test_derivative_of_a_choice_is_that_of_the_branch_taken():
    graph = Graph()
    x, time = graph.state(0), graph.time()
    switch = graph.compare("less", time, graph.constant(1.0))
    node = graph.select(switch, graph.multiply(x, x), graph.unary("exp", x))
    slope = graph.derivative(node, x)
    assert evaluate(graph, [slope], time=0.5, states=[3.0])[0] == 6.0
    assert evaluate(graph, [slope], time=1.5, states=[3.0])[0] == pytest.approx(math.exp(3.0))
    assert graph.derivative(node, time) == graph.zero


def test_rounding_and_conditions_have_no_derivative():
    graph = Graph()
    x = graph.state(0)
    for name in ("floor", "ceil"):
        assert graph.gradient(graph.unary(name, x)) == {}
    assert graph.gradient(graph.compare("less", x, graph.one)) == {}


@pytest.mark.parametrize("exponent", [1.0, 1.5, 2.7, 0.5])
def test_powers_and_their_slopes_are_finite_at_a_base_of_zero(exponent):
    graph = Graph()
    x, n = graph.state(0), graph.held(0)
    node = graph.power(x, n)
    by_base, by_exponent = graph.derivative(node, x), graph.derivative(node, n)
    at_zero = evaluate(graph, [node, by_base, by_exponent], states=[0.0], held=[exponent])
    assert at_zero[0] == 0.0
    assert all(math.isfinite(v) for v in at_zero)
    if exponent > 1:
        assert at_zero[1] == 0.0


@pytest.mark.parametrize("n", range(-LARGEST_PRODUCT - 2, LARGEST_PRODUCT + 3))
def test_whole_powers_are_products_also_of_negative_bases(n):
    graph = Graph()
    node = graph.power(graph.state(0), graph.constant(float(n)))
    for base in (-1.7, -1.0, 0.3, 2.0):
        assert evaluate(graph, [node], states=[base])[0] == pytest.approx(base**n, rel=1e-13)
    ops = {graph.term(each).op for each in graph.reachable([node])}
    assert ("power" in ops) == (abs(n) > LARGEST_PRODUCT)


def test_the_slope_of_a_power_with_a_negative_base():
    graph = Graph()
    x = graph.state(0)
    node = graph.power(x, graph.constant(20.0))
    slope = graph.derivative(node, x)
    assert evaluate(graph, [slope], states=[-1.1])[0] == pytest.approx(20 * (-1.1) ** 19)
    tiny = -BASE_FLOOR / 10
    assert abs(evaluate(graph, [slope], states=[tiny])[0]) < 1e-100


# Folding


def test_what_is_not_a_finite_real_number_is_left_to_be_computed():
    graph = Graph()
    for name, bad in (("log", -1.0), ("sqrt", -1.0), ("arcsin", 2.0), ("exp", 1e4), ("log", 0.0)):
        assert graph.term(graph.unary(name, graph.constant(bad))).op == name
    assert graph.term(graph.power(graph.constant(-8.0), graph.constant(1 / 3))).op == "power"
    assert graph.term(graph.divide(graph.one, graph.zero)).op == "divide"
    assert math.isinf(value(graph, graph.divide(graph.one, graph.zero)))
    assert math.isnan(value(graph, graph.divide(graph.zero, graph.zero)))


@pytest.mark.parametrize("name", sorted(UNARY))
def test_functions_of_numbers_fold_to_their_value(name):
    graph = Graph()
    node = graph.unary(name, graph.constant(0.4))
    assert graph.term(node).op == "constant"
    assert graph.term(node).value == float(UNARY[name](0.4))


def test_neutral_elements_disappear():
    graph = Graph()
    x, y = graph.state(0), graph.state(1)
    assert graph.add(x, graph.zero) == x
    assert graph.multiply(graph.one, x) == x
    assert graph.multiply(x, graph.zero) == graph.zero
    assert graph.divide(x, graph.one) == x
    assert graph.subtract(x, x) == graph.zero
    assert graph.negate(graph.negate(x)) == x
    assert graph.power(x, graph.one) == x
    assert graph.power(x, graph.zero) == graph.one
    assert graph.add(x, y) == graph.add(y, x)
    assert graph.multiply(x, y) == graph.multiply(y, x)
    assert graph.subtract(x, y) != graph.subtract(y, x)


@pytest.mark.parametrize("divisor", [1e-310, 5e-324, 1e308, 1.7e308, -1e-309, 3.0, 7.0])
def test_dividing_by_a_number_keeps_the_quotient(divisor):
    """A reciprocal may overflow or lose digits where the quotient does not."""
    graph = Graph()
    node = graph.divide(graph.state(0), graph.constant(divisor))
    for numerator in (0.0, 1e-300, 1e-320, divisor, 2.0 * min(abs(divisor), 1e300)):
        with np.errstate(all="ignore"):
            wanted = float(np.float64(numerator) / np.float64(divisor))
        assert evaluate(graph, [node], states=[numerator])[0] == pytest.approx(wanted, rel=1e-12)


# Numbers that are none


def test_no_comparison_with_no_number_holds():
    graph = Graph()
    x = graph.state(0)
    for op in ("less", "less_equal", "equal"):
        condition = graph.compare(op, x, graph.one)
        assert evaluate(graph, [condition], states=[math.nan])[0] == 0.0
        assert evaluate(graph, [graph.negation(condition)], states=[math.nan])[0] == 1.0
        swapped = graph.compare(op, graph.one, x)
        assert evaluate(graph, [swapped], states=[math.nan])[0] == 0.0


def test_folding_treats_no_number_as_computing_does():
    graph = Graph()
    nan = graph.constant(math.nan)
    x, y = graph.state(0), graph.state(1)
    for op in ("less", "less_equal", "equal", "not_equal"):
        node = graph.compare(op, x, y)
        for pair in ((math.nan, 1.0), (1.0, math.nan), (math.nan, math.nan)):
            folded = graph.compare(op, *(graph.constant(v) for v in pair))
            assert value(graph, folded) == evaluate(graph, [node], states=list(pair))[0]
    for build in (graph.add, graph.subtract, graph.divide):
        assert math.isnan(value(graph, build(nan, graph.constant(2.0))))
        assert math.isnan(value(graph, build(graph.constant(2.0), nan)))


def test_a_sum_that_is_infinite_is_infinite():
    graph = Graph()
    big = graph.constant(1e308)
    assert value(graph, graph.add(big, big)) == math.inf
    assert value(graph, graph.multiply(big, big)) == math.inf


# Conditions


@given(st.lists(st.booleans(), min_size=3, max_size=3), st.data())
def test_conditions_are_those_of_logic(truths, data):
    graph = Graph()
    leaves = [graph.compare("less", graph.state(i), graph.zero) for i in range(3)]

    def condition(depth):
        kind = data.draw(st.sampled_from(["leaf", "and", "or", "not", "select", "constant"]))
        if kind == "leaf" or depth == 0:
            i = data.draw(st.integers(0, 2))
            return leaves[i], truths[i]
        if kind == "constant":
            truth = data.draw(st.booleans())
            return graph.truth(truth), truth
        parts = [condition(depth - 1) for _ in range({"not": 1, "select": 3}.get(kind, 2))]
        nodes, values = zip(*parts, strict=True)
        if kind == "and":
            return graph.both(*nodes), values[0] and values[1]
        if kind == "or":
            return graph.either(*nodes), values[0] or values[1]
        if kind == "not":
            return graph.negation(nodes[0]), not values[0]
        return graph.select(*nodes), values[1] if values[0] else values[2]

    node, truth = condition(4)
    assert graph.is_condition(node)
    states = [-1.0 if t else 1.0 for t in truths]
    assert evaluate(graph, [node], states=states)[0] == float(truth)


def test_leaves_are_those_reached():
    graph = Graph()
    node = graph.add(graph.multiply(graph.state(1), graph.held(0)), graph.slot(4))
    graph.unary("exp", graph.time())
    assert graph.leaves([node]) == {graph.state(1), graph.held(0)}


@pytest.mark.parametrize("depth", [5_000])
def test_a_long_formula_needs_no_deep_stack(depth):
    graph = Graph()
    x = graph.state(0)
    node = x
    for k in range(depth):
        node = graph.add(graph.multiply(node, graph.constant(0.5)), graph.constant(float(k % 3)))
    slope = graph.derivative(node, x)
    assert graph.term(slope).value == pytest.approx(0.5**depth)
    (same,) = graph.substituted([node], {})
    assert same == node
