"""Functions that calls share: the same numbers as inlined ones, derivatives too."""

import math

import numpy as np
import pytest

from cxaxis.engine.doses import DoseTable
from cxaxis.engine.expressions import Graph
from cxaxis.engine.kernels import Formulas
from cxaxis.engine.outline import SMALLEST_BODY, outlined, slopes_by_argument
from cxaxis.engine.population import PopulationEngine, load_system
from cxaxis.engine.protocol import ParameterTable, Tolerances
from cxaxis.engine.sbml import read_system
from engine_support import evaluate

N_TERM = 12
TIMES = np.linspace(0.0, 3.0, 7)


def mean_of_levels(name):
    """Return a function of x and y: a mean of levels under weights that are exponentials."""
    inner = [f"b{k}, a{k}, c{k}, p{k}" for k in range(N_TERM)]
    weights = [f"exp(b{k} + a{k} * x + c{k} * y)" for k in range(N_TERM)]
    above = " + ".join(f"p{k} * {w}" for k, w in enumerate(weights))
    text = f"({above}) / ({' + '.join(weights)})"
    return f"function {name}(x, y, {', '.join(inner)})\n  {text}\nend\n"


def model_text(*, shared: bool) -> str:
    """Return two states that feel each other through one function, with two sets of numbers."""
    rng = np.random.default_rng(5)
    sets = {
        tag: [f"{tag}{kind}{k}" for k in range(N_TERM) for kind in "bacp"] for tag in ("u", "v")
    }
    values = [
        f"  {name} = {rng.uniform(0.0, 1.0):.6f};" for names in sets.values() for name in names
    ]

    def call(name, x, y, tag):
        return f"{name}({x}, {y}, {', '.join(sets[tag])})"

    names = ["f"] if shared else [f"f{k}" for k in range(3)]
    one, two, three = (names * 3)[:3]
    return "".join(
        [
            *(mean_of_levels(name) for name in names),
            "model m()\n  x = 0.3; y = 0.7;\n",
            f"  first := {call(one, 'ln(x)', 'y * y', 'u')};\n",
            f"  second := {call(two, 'first + x', 'ln(y)', 'v')};\n",
            f"  third := {call(three, 'ln(y)', 'x * y', 'u')};\n",
            "  x' = first - x * second;\n  y' = third - 0.5 * y * first;\n",
            *values,
            "\nend\n",
        ]
    )


@pytest.fixture(scope="module")
def sbml():
    import antimony

    antimony.clearPreviousLoads()
    assert antimony.loadAntimonyString(model_text(shared=True)) >= 0, antimony.getLastError()
    return str(antimony.getSBMLString("m"))


@pytest.fixture(scope="module")
def system(sbml):
    return load_system(sbml, frozenset(), frozenset())


def test_calls_of_one_function_share_a_body_even_with_other_numbers(system):
    formulas = Formulas(system)
    graph = formulas.graph
    calls = [n for n in graph.reachable(formulas.rates) if graph.term(n).op == "call"]
    assert len(calls) == 3
    assert len({graph.term(call).value for call in calls}) == 1
    assert len({graph.term(call).args[0] for call in calls}) == 2
    assert not any(graph.term(n).op == "exp" for n in graph.reachable(formulas.rates))


@pytest.mark.parametrize("lanes", [1, 8])
def test_a_course_is_the_one_of_the_plain_formulas(sbml, system, lanes):
    table = ParameterTable(("ub0",), np.array([[0.1], [0.6], [2.0]]))
    tight = Tolerances(relative=1e-10, absolute=1e-12)
    asked = ["x", "y", "first", "third"]
    engine = PopulationEngine(lanes=lanes)
    result = engine.simulate(sbml, table, DoseTable(), TIMES, asked, tolerances=tight)
    plain = read_system(sbml)
    plain.graph.made_of.clear()
    same = engine.simulate_system(plain, table, DoseTable(), TIMES, asked, tolerances=tight)
    np.testing.assert_allclose(result.values, same.values, rtol=1e-9)
    assert np.ptp(result.values[:, -1, 0]) > 1e-3


def test_slopes_gathered_backwards_are_those_of_differences():
    graph = Graph()
    x, y = graph.argument(0), graph.argument(1)
    inside = graph.select(
        graph.compare("less", x, y), graph.multiply(x, y), graph.unary("log", graph.add(x, y))
    )
    body = graph.divide(graph.unary("exp", inside), graph.add(y, graph.power(x, y)))
    slopes = slopes_by_argument(graph, body, 2)
    for point in ((0.4, 1.3), (1.7, 0.6)):

        def at(nodes, values):
            by = dict(zip((x, y), map(graph.constant, values), strict=True))
            return evaluate(graph, graph.substituted(nodes, by))

        for k, slope in enumerate(at(slopes, point)):
            step = np.eye(2)[k] * 1e-6
            (high,), (low,) = at([body], point + step), at([body], point - step)
            assert slope == pytest.approx((high - low) / 2e-6, rel=1e-6)


def test_short_functions_and_functions_of_constants_stay_inlined():
    graph = Graph()
    x, k = graph.state(0), graph.held(0)
    short = graph.add(graph.unary("exp", x), k)
    long = k
    for step in range(SMALLEST_BODY + 5):
        long = graph.unary("sin", graph.add(long, graph.constant(step + 1.0)))
    graph.made_of[short] = (x, k)
    graph.made_of[long] = (k,)
    assert outlined(graph, [short, long]) == [short, long]
    assert math.isfinite(evaluate(graph, [long], held=[0.3])[0])
