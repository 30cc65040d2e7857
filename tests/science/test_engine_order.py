"""The method's coefficients: order conditions, and orders measured in plain numpy."""

import math

import numpy as np
import pytest

from cxaxis.core.outcomes import Outcome
from cxaxis.engine.doses import ALL_PATIENTS, Dose, DoseTable
from cxaxis.engine.population import PopulationEngine
from cxaxis.engine.protocol import ParameterTable, Tolerances
from cxaxis.engine.rodas5p import DENSE, GAMMA, N_STAGE, TIME_WEIGHTS, TIMES, A, C
from sketch_support import Sketch

# The coefficients: a step in plain numpy, and the conditions that make its order


def step(rates, jacobian, slope, t, y, h):
    """Return the next value, its error estimate and the dense output of one step."""
    n = len(y)
    matrix = np.eye(n) / (GAMMA * h) - jacobian(t, y)
    stages: list[np.ndarray] = []
    point = y
    for s in range(N_STAGE):
        if s < len(A):
            point = y + sum((a * k for a, k in zip(A[s], stages, strict=True)), np.zeros(n))
        else:
            point = point + stages[-1]
        right = rates(t + TIMES[s] * h, point)
        right = right + sum((c * k for c, k in zip(C[s], stages, strict=True)), np.zeros(n)) / h
        right = right + h * TIME_WEIGHTS[s] * slope(t, y)
        stages.append(np.linalg.solve(matrix, right))
    arrived = point + stages[-1]

    def dense(share):
        d1, d2, d3 = (sum(w * k for w, k in zip(row, stages, strict=True)) for row in DENSE)
        rest = 1 - share
        return rest * y + share * (arrived + rest * (d1 + share * (d2 + share * d3)))

    return arrived, stages[-1], dense


# Two problems with exact solutions: one that time does not enter, one that it drives.
def logistic_pair(t):
    x = 1 / (1 + 4 * np.exp(-t))
    return np.array([x, x * x])


AUTONOMOUS = (
    lambda t, y: np.array([y[0] * (1 - y[0]), 2 * y[1] * (1 - y[0])]),
    lambda t, y: np.array([[1 - 2 * y[0], 0.0], [-2 * y[1], 2 * (1 - y[0])]]),
    lambda t, y: np.zeros(2),
    logistic_pair,
    2.0,
)
DRIVEN = (
    lambda t, y: np.array(
        [-3 * (y[0] - math.cos(t)) - math.sin(t) + y[1] - 1 / (1 + t), -(y[1] ** 2)]
    ),
    lambda t, y: np.array([[-3.0, 1.0], [0.0, -2 * y[1]]]),
    lambda t, y: np.array([-3 * math.sin(t) - math.cos(t) + 1 / (1 + t) ** 2, 0.0]),
    lambda t: np.array([math.cos(t), 1 / (1 + t)]),
    3.0,
)


def global_errors(problem, n_step):
    """Return the errors at the end, within the last step, and of one step's estimate."""
    rates, jacobian, slope, solution, end = problem
    h, y = end / n_step, solution(0.0)
    for k in range(n_step):
        y, estimate, dense = step(rates, jacobian, slope, k * h, y, h)
    within = max(
        np.abs(dense(share) - solution(end - h + share * h)).max()
        for share in np.linspace(0.05, 0.95, 19)
    )
    return np.abs(y - solution(end)).max(), within, np.abs(estimate).max()


@pytest.mark.parametrize("problem", [AUTONOMOUS, DRIVEN], ids=["autonomous", "driven"])
def test_halving_the_step_shows_order_five(problem):
    ends = np.array([global_errors(problem, n)[0] for n in (64, 128, 256)])
    orders = np.log2(ends[:-1] / ends[1:])
    assert orders.min() > 4.7, orders


@pytest.mark.parametrize("problem", [AUTONOMOUS, DRIVEN], ids=["autonomous", "driven"])
def test_the_dense_output_is_of_order_four(problem):
    """One step from the exact solution: an error of order four is h**5 within the step."""
    rates, jacobian, slope, solution, _ = problem
    errors = []
    for h in (0.2, 0.1, 0.05):
        dense = step(rates, jacobian, slope, 0.0, solution(0.0), h)[2]
        errors.append(
            max(np.abs(dense(s) - solution(s * h)).max() for s in np.linspace(0.05, 0.95, 19))
        )
    orders = np.log2(np.array(errors[:-1]) / errors[1:])
    assert orders.min() > 4.6, orders


@pytest.mark.parametrize("problem", [AUTONOMOUS, DRIVEN], ids=["autonomous", "driven"])
def test_the_estimate_is_of_order_four(problem):
    rates, jacobian, slope, solution, _ = problem
    estimates = [
        np.abs(step(rates, jacobian, slope, 0.0, solution(0.0), h)[1]).max()
        for h in (0.2, 0.1, 0.05)
    ]
    orders = np.log2(np.array(estimates[:-1]) / estimates[1:])
    assert orders.min() > 4.5, orders


def classical():
    """Return alpha, the sum of alpha and gamma, and the weights of the untransformed method."""
    full = np.zeros((N_STAGE, N_STAGE))
    c = np.zeros((N_STAGE, N_STAGE))
    for s in range(N_STAGE):
        c[s, :s] = C[s]
    # The last two stages continue from the value of the stage before.
    for s, row in enumerate([*A, (*A[5], 1.0), (*A[5], 1.0, 1.0)]):
        full[s, :s] = row
    gamma = np.linalg.inv(np.eye(N_STAGE) / GAMMA - c)
    weights = np.array([*A[5], 1.0, 1.0, 1.0]) @ gamma
    return full @ gamma, full @ gamma + gamma, weights, gamma


def test_order_conditions():
    alpha, beta, b, gamma = classical()
    a, s = alpha.sum(axis=1), beta.sum(axis=1)
    np.testing.assert_allclose(a, TIMES, atol=1e-12)
    np.testing.assert_allclose(gamma.sum(axis=1), TIME_WEIGHTS, atol=1e-12)
    conditions = {
        "1": (b.sum(), 1),
        "2": (b @ s, 1 / 2),
        "3a": (b @ a**2, 1 / 3),
        "3b": (b @ beta @ s, 1 / 6),
        "4a": (b @ a**3, 1 / 4),
        "4b": (b @ (a * (alpha @ s)), 1 / 8),
        "4c": (b @ beta @ a**2, 1 / 12),
        "4d": (b @ beta @ beta @ s, 1 / 24),
        "5a": (b @ a**4, 1 / 5),
        "5b": (b @ (a**2 * (alpha @ s)), 1 / 10),
        "5c": (b @ (alpha @ s) ** 2, 1 / 20),
        "5d": (b @ (a * (alpha @ a**2)), 1 / 15),
        "5e": (b @ (a * (alpha @ beta @ s)), 1 / 30),
        "5f": (b @ beta @ a**3, 1 / 20),
        "5g": (b @ beta @ (a * (alpha @ s)), 1 / 40),
        "5h": (b @ beta @ beta @ a**2, 1 / 60),
        "5i": (b @ beta @ beta @ beta @ s, 1 / 120),
    }
    for name, (found, wanted) in conditions.items():
        assert found == pytest.approx(wanted, abs=1e-11), name
    # Stiffly accurate, so that fast states land on their slow manifold.
    np.testing.assert_allclose(b, beta[-1], atol=1e-11)


# The compiled steps. Doses to a state that nothing reads stop the engine where they are given,
# and with a tolerance that accepts everything it takes one step from each to the next.


def driven_sketch():
    s = Sketch({"x": 1.0, "z": 1.0, "ticks": 0.0}, {"k": 3.0})
    t = s["time"]
    s.rates["x"] = -s["k"] * (s["x"] - t.of("cos")) - t.of("sin") + s["z"] - 1.0 / (t + 1.0)
    s.rates["z"] = -s["z"] * s["z"]
    return s


def stepped(n_step, times):
    """Return x and z of the driven problem after steps of equal length, and the attempts."""
    h = DRIVEN[4] / n_step
    ticks = [
        Dose(patient=ALL_PATIENTS, time=k * h, target="ticks", amount=1.0) for k in range(n_step)
    ]
    result = PopulationEngine().simulate_system(
        driven_sketch().system(),
        ParameterTable((), np.empty((1, 0))),
        DoseTable(tuple(ticks)),
        np.asarray(times),
        ["x", "z"],
        tolerances=Tolerances(relative=1.0, absolute=1.0),
    )
    assert result.outcomes[0].outcome is Outcome.COMPLETED
    return result.values[0], int(result.steps[0])


def test_compiled_steps_are_those_of_the_coefficients():
    rates, jacobian, slope, solution, end = DRIVEN
    n_step = 16
    h = end / n_step
    times = np.sort(np.concatenate([(np.arange(n_step) + share) * h for share in (0.3, 0.8)]))
    found, steps = stepped(n_step, np.append(times, end))
    assert steps == n_step
    y, wanted = solution(0.0), []
    for k in range(n_step):
        y, _, dense = step(rates, jacobian, slope, k * h, y, h)
        wanted += [dense(0.3), dense(0.8)]
    np.testing.assert_allclose(found, [*wanted, y], rtol=1e-11)


def test_compiled_steps_are_of_order_five():
    solution, end = DRIVEN[3], DRIVEN[4]
    errors = []
    for n_step in (64, 128, 256):
        found, steps = stepped(n_step, [end])
        assert steps == n_step
        errors.append(np.abs(found[0] - solution(end)).max())
    orders = np.log2(np.array(errors[:-1]) / errors[1:])
    assert orders.min() > 4.7, orders
