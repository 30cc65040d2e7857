"""The method of the population engine: order, exact solutions, stiff standards."""

import math

import numpy as np
import pytest

from cxaxis.core.outcomes import Outcome
from cxaxis.engine.doses import DoseTable
from cxaxis.engine.population import PopulationEngine
from cxaxis.engine.protocol import ParameterTable, Tolerances
from sketch_support import Sketch

NOBODY_SPECIAL = ParameterTable((), np.empty((1, 0)))


def simulate(sketch, times, *, relative=1e-9, absolute=1e-12, outputs=None, **options):
    """Return the result of one patient, who must complete."""
    result = PopulationEngine(**options).simulate_system(
        sketch.system(),
        NOBODY_SPECIAL,
        DoseTable(),
        np.asarray(times, dtype=float),
        outputs or list(sketch.state_names),
        tolerances=Tolerances(relative=relative, absolute=absolute),
    )
    assert result.outcomes[0].outcome is Outcome.COMPLETED, result.outcomes[0]
    return result


# Error against tolerance on exact solutions, through the engine


def driven_sketch():
    s = Sketch({"x": 1.0, "z": 1.0}, {"k": 3.0})
    t = s["time"]
    s.rates["x"] = -s["k"] * (s["x"] - t.of("cos")) - t.of("sin") + s["z"] - 1.0 / (t + 1.0)
    s.rates["z"] = -s["z"] * s["z"]
    return s


def lotka_sketch():
    """A closed orbit with a conserved quantity."""
    s = Sketch({"x": 1.0, "y": 2.0}, {"a": 1.5})
    s.rates["x"] = s["a"] * s["x"] - s["x"] * s["y"]
    s.rates["y"] = s["x"] * s["y"] - s["y"]
    return s


TOLERANCES = 10.0 ** -np.arange(4, 12, 1.0)


def test_the_error_follows_the_tolerance_and_the_steps_follow_order_five():
    times = np.linspace(0.0, 6.0, 61)
    exact = np.stack([np.cos(times), 1 / (1 + times)], axis=1)
    errors, steps = [], []
    for tolerance in TOLERANCES:
        result = simulate(driven_sketch(), times, relative=tolerance, absolute=tolerance)
        errors.append(np.abs(result.values[0] - exact).max())
        steps.append(int(result.steps[0]))
    errors = np.array(errors)
    assert (errors < 5 * TOLERANCES + 1e-13).all(), errors
    slope = np.polyfit(np.log10(TOLERANCES), np.log10(errors), 1)[0]
    assert slope == pytest.approx(1.0, abs=0.2)
    # Local error of order h**5: a hundred times tighter takes 2.5 times the steps.
    growth = np.polyfit(np.log10(TOLERANCES), np.log10(steps), 1)[0]
    assert growth == pytest.approx(-0.2, abs=0.05)


def test_a_conserved_quantity_is_kept():
    for relative in (1e-6, 1e-9, 1e-12):
        values = simulate(
            lotka_sketch(), np.linspace(0, 30, 31), relative=relative, absolute=relative
        ).values[0]
        x, y = values.T
        kept = x - np.log(x) + y - 1.5 * np.log(y)
        assert np.abs(kept - kept[0]).max() < 200 * relative + 1e-12


# Stiff linear systems with exact solutions


def forced(stiffness):
    """x' = -L (x - cos t) - sin t, whose solution is cos t however large L is."""
    s = Sketch({"x": 1.0}, {"L": stiffness})
    t = s["time"]
    s.rates["x"] = -s["L"] * (s["x"] - t.of("cos")) - t.of("sin")
    return s


STIFFNESS = [1e2, 1e5, 1e9, 1e13]


@pytest.mark.parametrize("stiffness", STIFFNESS)
def test_prothero_and_robinson_at_the_ends_of_steps(stiffness):
    for end in (1.0, 3.3, 10.0):
        values = simulate(forced(stiffness), [end], relative=1e-8, absolute=1e-10).values
        assert values[0, 0, 0] == pytest.approx(math.cos(end), abs=2e-8)


@pytest.mark.parametrize("stiffness", STIFFNESS)
def test_prothero_and_robinson_between_the_ends_of_steps(stiffness):
    times = np.linspace(0.1, 10.0, 100)
    result = simulate(forced(stiffness), times, relative=1e-8, absolute=1e-10, max_steps=3_000)
    np.testing.assert_allclose(result.values[0, :, 0], np.cos(times), rtol=0, atol=2e-7)


@pytest.mark.parametrize("stiffness", STIFFNESS)
def test_fast_states_follow_slow_ones(stiffness):
    """A fast equilibrium with the square of what decays, and one with an oscillation."""
    s = Sketch({"slow": 1.0, "fast": 1.0, "a": 1.0, "b": 0.0, "lags": 1.0}, {"L": stiffness})
    s.rates["slow"] = -0.5 * s["slow"]
    s.rates["fast"] = s["L"] * (s["slow"] * s["slow"] - s["fast"])
    s.rates["a"], s.rates["b"] = -s["b"], s["a"]
    s.rates["lags"] = s["L"] * (s["a"] - s["lags"])
    times = np.linspace(0.5, 10.0, 100)
    values = simulate(s, times, relative=1e-8, absolute=1e-10).values[0]
    lag = stiffness / (stiffness - 1)
    fast = lag * np.exp(-times) + (1 - lag) * np.exp(-stiffness * times)
    np.testing.assert_allclose(values[:, 1], fast, rtol=0, atol=3e-7)
    part = stiffness / (1 + stiffness**2)
    lags = part * (stiffness * np.cos(times) + np.sin(times))
    lags += (1 - part * stiffness) * np.exp(-stiffness * times)
    np.testing.assert_allclose(values[:, 4], lags, rtol=0, atol=3e-7)


def test_a_chain_of_decays_over_twelve_decades():
    rates = np.random.default_rng(2).permutation(10.0 ** np.arange(-6, 7))
    s = Sketch({f"x{i}": float(i == 0) for i in range(len(rates))}, {"one": 1.0})
    for i, k in enumerate(rates):
        gain = s[f"x{i - 1}"] * float(rates[i - 1]) if i else 0.0 * s["one"]
        s.rates[f"x{i}"] = gain - s["one"] * float(k) * s[f"x{i}"]
    times = 10.0 ** np.linspace(-6, 7, 27)
    values = simulate(s, times, relative=1e-9, absolute=1e-14).values[0]
    for i in range(len(rates)):
        # Bateman's sum; rates a decade and more apart do not cancel.
        shares = [
            np.prod([rates[m] for m in range(i)])
            / np.prod([rates[m] - rates[j] for m in range(i + 1) if m != j])
            for j in range(i + 1)
        ]
        exact = sum(c * np.exp(-k * times) for c, k in zip(shares, rates, strict=False))
        np.testing.assert_allclose(values[:, i], exact, rtol=0, atol=5e-8, err_msg=str(i))


# Standards of stiff solvers. Reference values: E. Hairer, G. Wanner, Solving Ordinary
# Differential Equations II, and the Bari test set for initial value problem solvers.


def robertson():
    s = Sketch({"y1": 1.0, "y2": 0.0, "y3": 0.0}, {"k": 0.04})
    y1, y2, y3 = (s[n] for n in s.state_names)
    s.rates["y1"] = -s["k"] * y1 + 1e4 * y2 * y3
    s.rates["y2"] = s["k"] * y1 - 1e4 * y2 * y3 - 3e7 * y2 * y2
    s.rates["y3"] = 3e7 * y2 * y2
    return s


def hires():
    s = Sketch({"y1": 1.0, **{f"y{i}": 0.0 for i in range(2, 8)}, "y8": 0.0057}, {"k": 280.0})
    y1, y2, y3, y4, y5, y6, y7, y8 = (s[n] for n in s.state_names)
    meets = s["k"] * y6 * y8 - 1.81 * y7
    s.rates |= {
        "y1": -1.71 * y1 + 0.43 * y2 + 8.32 * y3 + 0.0007,
        "y2": 1.71 * y1 - 8.75 * y2,
        "y3": -10.03 * y3 + 0.43 * y4 + 0.035 * y5,
        "y4": 8.32 * y2 + 1.71 * y3 - 1.12 * y4,
        "y5": -1.745 * y5 + 0.43 * y6 + 0.43 * y7,
        "y6": -s["k"] * y6 * y8 + 0.69 * y4 + 1.71 * y5 - 0.43 * y6 + 0.69 * y7,
        "y7": meets,
        "y8": -meets,
    }
    return s


def van_der_pol_scaled():
    s = Sketch({"y": 2.0, "z": -0.66}, {"eps": 1e-6})
    s.rates["y"] = s["z"]
    s.rates["z"] = ((1.0 - s["y"] * s["y"]) * s["z"] - s["y"]) / s["eps"]
    return s


def van_der_pol():
    s = Sketch({"y": 2.0, "z": 0.0}, {"mu": 1e3})
    s.rates["y"] = s["z"]
    s.rates["z"] = s["mu"] * (1.0 - s["y"] * s["y"]) * s["z"] - s["y"]
    return s


def e5():
    s = Sketch({"y1": 1.76e-3, "y2": 0.0, "y3": 0.0, "y4": 0.0}, {"a": 7.89e-10})
    b, c, m = 1.1e7, 1.13e3, 1e6
    y1, y2, y3, y4 = (s[n] for n in s.state_names)
    s.rates |= {
        "y1": -s["a"] * y1 - b * y1 * y3,
        "y2": s["a"] * y1 - m * c * y2 * y3,
        "y3": s["a"] * y1 - b * y1 * y3 - m * c * y2 * y3 + c * y4,
        "y4": b * y1 * y3 - c * y4,
    }
    return s


def oregonator():
    s = Sketch({"y1": 1.0, "y2": 2.0, "y3": 3.0}, {"s": 77.27})
    y1, y2, y3 = (s[n] for n in s.state_names)
    s.rates |= {
        "y1": s["s"] * (y2 + y1 * (1.0 - 8.375e-6 * y1 - y2)),
        "y2": (y3 - (1.0 + y1) * y2) / s["s"],
        "y3": 0.161 * (y1 - y3),
    }
    return s


STANDARDS = {
    "Robertson": (
        robertson,
        {
            0.4: [0.9851721, 3.386395e-5, 0.01479402],
            40.0: [0.7158271, 9.185535e-6, 0.2841637],
            4e5: [4.938274e-3, 1.984994e-8, 0.9950617],
            1e11: [0.2083340149701255e-7, 0.8333360770334713e-13, 0.9999999791665050],
        },
        {"relative": 1e-10, "absolute": 1e-18},
        2e-7,
    ),
    "HIRES": (
        hires,
        {
            321.8122: [
                0.7371312573325668e-3,
                0.1442485726316185e-3,
                0.5888729740967575e-4,
                0.1175651343283149e-2,
                0.2386356198831331e-2,
                0.6238968252742796e-2,
                0.2849998395185769e-2,
                0.2850001604814231e-2,
            ]
        },
        {"relative": 1e-10, "absolute": 1e-13},
        1e-7,
    ),
    "Van der Pol, scaled time": (
        van_der_pol_scaled,
        {
            1.0: [-0.1863646254808130e1, 0.7535430865435460],
            2.0: [0.1706167732170483e1, -0.8928097010247975],
        },
        {"relative": 1e-10, "absolute": 1e-10},
        1e-6,
    ),
    "Van der Pol, mu of a thousand": (
        van_der_pol,
        {2000.0: [0.1706167732170469e1, -0.8928097010248125e-3]},
        {"relative": 1e-10, "absolute": 1e-12},
        1e-6,
    ),
    "E5": (
        e5,
        {
            10.0: [
                1.7599259497677897e-3,
                1.3846281519376516e-11,
                7.6370038530073911e-13,
                1.3082581134075777e-11,
            ],
            1e3: [
                1.6180769999072943e-3,
                1.3822370304983735e-10,
                8.2515735006838336e-12,
                1.2997212954915352e-10,
            ],
            1e5: [
                7.4813208224292220e-6,
                2.3734781561205975e-12,
                2.2123586689581663e-12,
                1.6111948716243113e-13,
            ],
            1e7: [
                4.7150333630401632e-10,
                1.8188895860807021e-14,
                1.8188812376786725e-14,
                8.3484020296321693e-20,
            ],
        },
        {"relative": 1e-12, "absolute": 1e-30},
        1e-6,
    ),
    "Oregonator": (
        oregonator,
        {360.0: [0.1000814870318523e1, 0.1228178521549917e4, 0.1320554942846706e3]},
        {"relative": 1e-10, "absolute": 1e-10},
        1e-6,
    ),
}


@pytest.mark.parametrize("name", STANDARDS)
def test_stiff_standards(name):
    sketch, wanted, tolerances, share = STANDARDS[name]
    result = simulate(sketch(), sorted(wanted), max_steps=20_000, **tolerances)
    for row, time in enumerate(sorted(wanted)):
        np.testing.assert_allclose(
            result.values[0, row], wanted[time], rtol=share, err_msg=str(time)
        )


def test_standards_at_a_usual_tolerance_stay_near():
    """Worth of the result per step asked for: the error stays within a few tolerances."""
    for sketch, wanted, _, _ in (STANDARDS["HIRES"], STANDARDS["Oregonator"]):
        end = max(wanted)
        values = simulate(sketch(), [end], relative=1e-5, absolute=1e-8).values[0, -1]
        np.testing.assert_allclose(values, wanted[end], rtol=2e-3)


def test_robertson_conserves_mass_to_the_end_of_time():
    values = simulate(robertson(), 10.0 ** np.arange(-5, 12.0), absolute=1e-16).values[0]
    np.testing.assert_allclose(values.sum(axis=1), 1.0, atol=1e-12)
    assert (values > 0).all()
