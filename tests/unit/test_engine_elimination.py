"""Elimination as formulas: against dense linear algebra, and how much fill it makes."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cxaxis.engine.elimination import elimination_order, factorise, solution
from cxaxis.engine.expressions import Graph
from engine_support import evaluate


def fill_of(pattern, order):
    """Entries that elimination in this order creates."""
    there = set(pattern) | {(i, i) for i in order}
    before = len(there)
    left = set(order)
    for pivot in order:
        left.discard(pivot)
        rows = [i for i in left if (i, pivot) in there]
        columns = [j for j in left if (pivot, j) in there]
        there |= set(itertools.product(rows, columns))
    return len(there) - before


def solved(matrix, right):
    """Return the solution by formulas over a graph whose states are the entries."""
    n = len(right)
    graph = Graph()
    places = [(i, j) for i in range(n) for j in range(n) if matrix[i, j] != 0 or i == j]
    leaves = {place: graph.state(k) for k, place in enumerate(places)}
    factors = factorise(graph, leaves, n)
    unknowns = solution(graph, factors, factors.entries, [graph.held(i) for i in range(n)])
    values = [float(matrix[place]) for place in places]
    found = evaluate(graph, unknowns, states=values, held=list(right))
    return np.array(found), factors, graph, places


@settings(max_examples=80)
@given(st.integers(1, 12), st.floats(0.0, 0.6), st.integers(0, 10_000))
def test_solutions_are_those_of_dense_algebra(n, density, seed):
    rng = np.random.default_rng(seed)
    matrix = rng.normal(size=(n, n)) * (rng.random((n, n)) < density)
    np.fill_diagonal(matrix, np.abs(matrix).sum(axis=1) + rng.uniform(0.1, 2.0, n))
    matrix *= np.sign(rng.normal(size=n))[:, None]
    right = rng.normal(size=n)
    found, _, _, _ = solved(matrix, right)
    np.testing.assert_allclose(found, np.linalg.solve(matrix, right), rtol=1e-9, atol=1e-11)


@pytest.mark.parametrize("seed", range(3))
def test_a_large_sparse_matrix(seed):
    rng = np.random.default_rng(seed)
    n = 60
    matrix = rng.normal(size=(n, n)) * (rng.random((n, n)) < 0.05)
    np.fill_diagonal(matrix, 10.0 ** rng.uniform(0, 9, n) + np.abs(matrix).sum(axis=1))
    right = rng.normal(size=n)
    found, factors, _, places = solved(matrix, right)
    np.testing.assert_allclose(found, np.linalg.solve(matrix, right), rtol=1e-8)
    assert sorted(factors.order) == list(range(n))
    assert len(factors.entries) - len(places) == fill_of(places, factors.order)
    assert len(factors.entries) < n * n / 2


def test_the_product_of_the_pivots_is_the_determinant():
    rng = np.random.default_rng(4)
    matrix = rng.normal(size=(6, 6)) * (rng.random((6, 6)) < 0.5) + 5 * np.eye(6)
    _, factors, graph, places = solved(matrix, np.ones(6))
    diagonal = [factors.entries[i, i] for i in range(6)]
    inverses = evaluate(graph, diagonal, states=[float(matrix[p]) for p in places])
    assert np.prod(inverses) == pytest.approx(1 / np.linalg.det(matrix), rel=1e-10)


def test_a_singular_pivot_gives_no_number_rather_than_an_answer():
    found, _, _, _ = solved(np.zeros((2, 2)), np.ones(2))
    assert not np.isfinite(found).any()


# Fill


def both_ways(pairs):
    return {place for i, j in pairs for place in ((i, j), (j, i))}


NO_FILL = {
    "diagonal": (6, set()),
    "chain": (8, both_ways((i, i + 1) for i in range(7))),
    "arrow with its point first": (9, both_ways((0, i) for i in range(1, 9))),
    "tree": (15, both_ways((i, (i - 1) // 2) for i in range(1, 15))),
    "triangle": (7, {(i, j) for i in range(7) for j in range(i)}),
    "full": (5, {(i, j) for i in range(5) for j in range(5)}),
}


@pytest.mark.parametrize("name", NO_FILL)
def test_patterns_that_need_no_fill_get_none(name):
    n, pattern = NO_FILL[name]
    assert fill_of(pattern, elimination_order(pattern, n)) == 0


def test_a_ring_fills_as_little_as_it_can():
    """A ring of n needs n - 3 chords, each twice."""
    for n in (4, 5, 9, 20):
        pattern = both_ways((i, (i + 1) % n) for i in range(n))
        assert fill_of(pattern, elimination_order(pattern, n)) == 2 * (n - 3)


def test_a_grid_of_nine_fills_as_little_as_any_order():
    """The least of all orders of a 3 x 3 grid, found by trying."""
    cells = list(itertools.product(range(3), range(3)))
    near = [
        (a, b)
        for a, b in itertools.combinations(range(9), 2)
        if sum(abs(p - q) for p, q in zip(cells[a], cells[b], strict=True)) == 1
    ]
    pattern = both_ways(near)
    # The first four are corners in every best order; what is left is small enough to try.
    corners = [i for i, (r, c) in enumerate(cells) if r != 1 and c != 1]
    rest = [i for i in range(9) if i not in corners]
    least = min(fill_of(pattern, [*corners, *order]) for order in itertools.permutations(rest))
    assert fill_of(pattern, elimination_order(pattern, 9)) <= least


@settings(max_examples=40)
@given(st.integers(2, 6), st.integers(0, 10_000))
def test_fill_is_near_the_least_of_all_orders(n, seed):
    rng = np.random.default_rng(seed)
    pattern = {(i, j) for i in range(n) for j in range(n) if i != j and rng.random() < 0.35}
    least = min(fill_of(pattern, order) for order in itertools.permutations(range(n)))
    assert fill_of(pattern, elimination_order(pattern, n)) <= least + 2


def test_the_order_does_not_depend_on_how_the_pattern_is_listed():
    rng = np.random.default_rng(1)
    entries = [(int(i), int(j)) for i, j in rng.integers(0, 30, (90, 2))]
    shuffled = [entries[i] for i in rng.permutation(len(entries))]
    assert elimination_order(set(entries), 30) == elimination_order(set(shuffled), 30)
