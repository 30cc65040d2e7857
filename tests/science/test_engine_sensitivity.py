"""Derivatives by parameters against exact ones, through doses and events."""

import numpy as np
import pytest
from scipy.linalg import expm_frechet

from cxaxis.core.errors import ModelValueError
from cxaxis.engine.doses import ALL_PATIENTS, Dose, DoseTable
from cxaxis.engine.population import PopulationEngine, load_system
from cxaxis.engine.protocol import ParameterTable, Tolerances
from cxaxis.engine.sensitivity import simulate_with_sensitivities
from cxaxis.models.build import build
from sketch_support import Sketch
from tangent_support import SlowEngine

TIGHT = Tolerances(relative=1e-11, absolute=1e-13)
NO_VALUES = ParameterTable((), np.empty((1, 0)))


@pytest.fixture(params=[SlowEngine, PopulationEngine], ids=["slow", "population"])
def engine(request):
    return request.param()


def course(engine, sketch, wrt, times, outputs, doses=()):
    """Return values, shape (n_time, n_output), and derivatives by the name of the parameter."""
    found = simulate_with_sensitivities(
        engine,
        sketch.system(),
        NO_VALUES,
        wrt,
        DoseTable(tuple(doses)),
        np.array(times),
        outputs,
        tolerances=TIGHT,
    )
    return found.values[0], {name: found.derivatives[0, :, :, k] for k, name in enumerate(wrt)}


def dose(time, amount, duration=0.0, target="x"):
    return Dose(patient=ALL_PATIENTS, time=time, target=target, amount=amount, duration=duration)


def near(exact):
    return pytest.approx(np.asarray(exact), rel=1e-7, abs=1e-8)


def test_decay_by_its_rate_and_its_start(engine):
    s = Sketch({"x": 0.0}, {"k": 0.7, "x0": 3.0})
    s.starts["x"], s.rates["x"] = s["x0"], -s["k"] * s["x"]
    t = np.linspace(0.0, 5.0, 8)
    values, by = course(engine, s, ["k", "x0"], t, ["x"])
    assert values[:, 0] == near(3.0 * np.exp(-0.7 * t))
    assert by["k"][:, 0] == near(-3.0 * t * np.exp(-0.7 * t))
    assert by["x0"][:, 0] == near(np.exp(-0.7 * t))


def test_logistic_growth_by_rate_capacity_and_start(engine):
    r, cap, x0 = 1.3, 5.0, 0.2
    s = Sketch({"x": 0.0}, {"r": r, "cap": cap, "x0": x0})
    s.starts["x"], s.rates["x"] = s["x0"], s["r"] * s["x"] * (1.0 - s["x"] / s["cap"])
    t = np.linspace(0.0, 6.0, 9)
    values, by = course(engine, s, ["r", "cap", "x0"], t, ["x"])
    e = np.exp(-r * t)
    bottom = x0 + (cap - x0) * e
    x = cap * x0 / bottom
    assert values[:, 0] == near(x)
    assert by["r"][:, 0] == near(t * x * (1 - x / cap))
    assert by["cap"][:, 0] == near(x0**2 * (1 - e) / bottom**2)
    assert by["x0"][:, 0] == near(cap**2 * e / bottom**2)


def test_two_compartments_with_boluses_and_an_infusion(engine):
    """Exact derivatives come from the matrix exponential; doses do not depend on parameters."""
    rates = {"out": 0.6, "there": 0.9, "back": 0.4}
    s = Sketch({"x": 0.0, "y": 0.0}, {**rates, "inflow": 0.0})
    s.infused = {"x": "inflow"}
    s.rates["x"] = s["back"] * s["y"] - (s["out"] + s["there"]) * s["x"] + s["inflow"]
    s.rates["y"] = s["there"] * s["x"] - s["back"] * s["y"]
    t = np.array([0.5, 1.7, 2.5, 3.2, 6.0])
    doses = [dose(0.0, 4.0), dose(1.0, 3.0, duration=1.2), dose(3.0, 2.0, target="y")]
    _, by = course(engine, s, list(rates), t, ["x", "y"], doses)

    # The third row of the matrix is the infusion, constant while it runs.
    matrix = np.zeros((3, 3))
    matrix[:2] = [[-1.5, 0.4, 1.0], [0.9, -0.4, 0.0]]
    directions = {"out": [[-1, 0], [0, 0]], "there": [[-1, 0], [1, 0]], "back": [[0, 1], [0, -1]]}
    for name, direction in directions.items():
        slope = np.zeros((3, 3))
        slope[:2, :2] = direction
        for row, end in enumerate(t):
            z, dz, now = np.zeros(3), np.zeros(3), 0.0
            changes = {0.0: [4, 0, 0], 1.0: [0, 0, 2.5], 2.2: [0, 0, -2.5], 3.0: [0, 2, 0]}
            for stop in [*(c for c in changes if c < end), end]:
                step = stop - now
                moved, bent = expm_frechet(matrix * step, slope * step)
                z, dz, now = moved @ z, moved @ dz + bent @ z, stop
                z = z + np.array(changes.get(stop, [0, 0, 0])) * (stop < end)
            assert by[name][row] == near(dz[:2])


def test_a_bouncing_ball_between_its_first_two_bounces(engine):
    g, back, high = 9.81, 0.8, 1.3
    s = Sketch({"y": 0.0, "v": 0.0}, {"g": g, "back": back, "high": high})
    s.starts["y"] = s["high"]
    s.rates = {"y": s["v"], "v": 0.0 - s["g"]}
    s.event("bounce", s["y"] < 0.0, v=-s["back"] * s["v"])
    first = np.sqrt(2 * high / g)
    t = np.linspace(1.05 * first, first * (1 + 2 * back) * 0.97, 6)
    values, by = course(engine, s, ["g", "back", "high"], t, ["y", "v"])
    u, speed = t - first, back * g * first
    assert values[:, 0] == near(speed * u - g * u**2 / 2)
    exact = {
        "g": (1.0, 0.5 * speed / g, -first / (2 * g)),
        "back": (0.0, speed / back, 0.0),
        "high": (0.0, 0.5 * speed / high, first / (2 * high)),
    }
    for name, (d_g, d_speed, d_first) in exact.items():
        d_y = d_speed * u - speed * d_first - d_g * u**2 / 2 + g * u * d_first
        d_v = d_speed - d_g * u + g * d_first
        assert by[name] == near(np.column_stack([d_y, d_v]))


def growth_to(threshold):
    s = Sketch({"x": 1.0}, {"k": 0.5, "m": 0.8, "c": threshold, "treated": 0.0})
    s.rates["x"] = (s["treated"] < 0.5).choose(s["k"], -s["m"]) * s["x"]
    return s


def exact_turn(t, k, m, c):
    """Return growth until the threshold and decay after it, and its derivatives."""
    turn = np.log(c) / k
    rising, x = t < turn, np.where(t < turn, np.exp(k * t), c * np.exp(-m * (t - turn)))
    return x, {
        "k": x * np.where(rising, t, -m * turn / k),
        "m": x * np.where(rising, 0.0, -(t - turn)),
        "c": x * np.where(rising, 0.0, 1 / c + m / (k * c)),
    }


def turned_by_event():
    s = growth_to(2.0)
    s.event("treat", s["x"] > s["c"], treated=1.0)
    return s


def turned_by_parts_of_an_and():
    s = growth_to(2.0)
    s.event("treat", (s["time"] > 0.3) & (s["x"] > s["c"]), treated=1.0)
    return s


def turned_by_parts_of_an_or():
    s = growth_to(2.0)
    s.event("treat", (s["x"] > 50.0) | (s["x"] >= s["c"]) | (s["time"] > 9.0), treated=1.0)
    return s


def turned_by_a_chain():
    s = growth_to(2.0)
    s.held_values["seen"] = 0.0
    s.event("see", s["x"] > s["c"], seen=1.0)
    s.event("treat", s["seen"] > 0.5, treated=1.0)
    return s


@pytest.mark.parametrize(
    "build",
    [turned_by_event, turned_by_parts_of_an_and, turned_by_parts_of_an_or, turned_by_a_chain],
)
def test_a_switch_at_a_threshold(engine, build):
    t = np.linspace(0.0, 4.0, 10)
    values, by = course(engine, build(), ["k", "m", "c"], t, ["x"])
    x, exact = exact_turn(t, 0.5, 0.8, 2.0)
    assert values[:, 0] == near(x)
    for name, derivative in exact.items():
        assert by[name][:, 0] == near(derivative)


def test_a_rate_that_jumps_where_a_state_crosses_a_threshold(engine):
    """The integral of a step: its derivative is missed by whoever differentiates branches alone."""
    s = Sketch({"x": 1.0, "late": 0.0}, {"k": 0.5, "c": 2.0, "w": 3.0})
    s.rates["x"] = s["k"] * s["x"]
    s.rates["late"] = (s["x"] > s["c"]).choose(s["w"], 0.0)
    t = np.array([0.5, 2.0, 3.0])
    _, by = course(engine, s, ["k", "c", "w"], t, ["late"])
    turn = np.log(2.0) / 0.5
    after = t > turn
    assert by["k"][:, 0] == near(after * 3.0 * turn / 0.5)
    assert by["c"][:, 0] == near(after * -3.0 / (0.5 * 2.0))
    assert by["w"][:, 0] == near(after * (t - turn))


def test_a_rate_that_jumps_at_a_time_given_by_a_parameter(engine):
    s = Sketch({"x": 0.0}, {"begin": 1.0, "length": 1.5, "w": 2.0})
    inside = (s["time"] >= s["begin"]) & (s["time"] < s["begin"] + s["length"])
    s.rates["x"] = inside.choose(s["w"], 0.0)
    t = np.array([0.5, 1.4, 4.0])
    _, by = course(engine, s, ["begin", "length", "w"], t, ["x"])
    assert by["begin"][:, 0] == near([0.0, -2.0, 0.0])
    assert by["length"][:, 0] == near([0.0, 0.0, 2.0])
    assert by["w"][:, 0] == near([0.0, 0.4, 1.5])


@pytest.mark.parametrize("values_at_trigger", [True, False])
def test_a_delay_carries_the_moving_moment(engine, values_at_trigger):
    k, c, wait, share = 0.5, 2.0, 0.7, 0.3
    s = Sketch({"x": 1.0}, {"k": k, "c": c, "wait": wait, "share": share})
    s.rates["x"] = s["k"] * s["x"]
    s.event(
        "cut",
        s["x"] > s["c"],
        delay=s["wait"] * s["x"],
        x=s["share"] * s["x"],
        values_at_trigger=values_at_trigger,
    )
    # The threshold is passed at log(c) / k, the wait there is wait * c.
    hit = np.log(c) / k
    moment = hit + wait * c
    t = np.linspace(moment + 0.05, moment + 2.0, 4)
    values, by = course(engine, s, ["k", "c", "wait", "share"], t, ["x"])
    # The second passing of the threshold comes later than the last reading.
    assert share * c * np.exp(k * (t[-1] - moment)) < c
    x = share * (c * np.exp(k * (t - moment)) if values_at_trigger else np.exp(k * t))
    assert values[:, 0] == near(x)
    if values_at_trigger:
        exact = {
            "k": x * (t - moment + hit),
            "c": x * (1 / c - k * (1 / (k * c) + wait)),
            "wait": -x * k * c,
        }
    else:
        exact = {"k": x * t, "c": 0 * x, "wait": 0 * x}
    for name, derivative in {**exact, "share": x / share}.items():
        assert by[name][:, 0] == near(derivative)


def test_a_time_that_a_state_must_pass_is_a_read_out_with_its_own_derivative(engine):
    """An event that notes the time: the implicit function theorem itself."""
    s = Sketch({"x": 1.0}, {"k": 0.5, "c": 2.0, "noted": 0.0})
    s.rates["x"] = s["k"] * s["x"]
    s.event("note", s["x"] > s["c"], noted=s["time"])
    values, by = course(engine, s, ["k", "c"], [1.0, 3.0], ["noted"])
    turn = np.log(2.0) / 0.5
    assert values[:, 0] == near([0.0, turn])
    assert by["k"][:, 0] == near([0.0, -turn / 0.5])
    assert by["c"][:, 0] == near([0.0, 1 / (0.5 * 2.0)])


@pytest.mark.parametrize("duration", [0.0, 0.5])
def test_an_event_that_a_dose_causes_stays_at_the_dose(engine, duration):
    """The trigger's slope says otherwise, and is wrong there."""
    s = Sketch({"x": 0.5, "y": 0.0}, {"k": 0.4, "c": 2.0, "inflow": 0.0, "noted": 0.0})
    s.infused = {"x": "inflow"}
    s.rates["x"] = s["inflow"] - s["k"] * s["x"]
    s.rates["y"] = (s["noted"] > 0.0).choose(1.0, 0.0)
    level = s["x"] + s["inflow"] * 10.0
    s.event("note", level > s["c"], noted=s["time"])
    _, by = course(
        engine,
        s,
        ["k", "c"],
        [0.9, 2.5],
        ["noted", "y"],
        [dose(0.2, 0.1), dose(1.0, 4.0, duration)],
    )
    assert by["k"] == near(np.zeros((2, 2)))
    assert by["c"] == near(np.zeros((2, 2)))


def test_two_events_at_one_moving_moment(engine):
    """Both change the rates; together they do what one event with both assignments does."""
    found = []
    for split in (False, True):
        s = Sketch({"x": 1.0, "y": 1.0}, {"k": 0.5, "c": 2.0, "q": 0.7})
        s.rates = {"x": s["k"] * s["x"] - 0.1 * s["y"], "y": s["q"] * s["x"] - s["y"]}
        changes = {"x": s["x"] * 0.4 + s["y"], "q": s["q"] * s["x"], "y": s["x"] * s["c"]}
        if split:
            s.event("one", s["x"] > s["c"], x=changes["x"])
            s.event("two", s["x"] > s["c"], y=changes["y"], q=changes["q"])
        else:
            s.event("both", s["x"] > s["c"], **changes)
        found.append(course(engine, s, ["k", "c", "q"], [1.0, 1.7, 2.4], ["x", "y", "q"]))
    for name, derivative in found[0][1].items():
        assert np.abs(derivative).max() > 0.1
        assert found[1][1][name] == near(derivative)


def test_the_next_event_of_a_chain_leaves_states_as_they_move(engine):
    """A reset sets off a second reset at once: the moment of both is that of the first."""
    k, c = 0.5, 2.0
    s = Sketch({"x": 1.0, "y": 0.0}, {"k": k, "c": c})
    s.rates = {"x": s["k"] * s["x"], "y": s["x"]}
    s.event("one", s["x"] > s["c"], y=10.0 + s["time"])
    s.event("two", s["y"] > 9.0, x=s["y"] * s["k"])
    t = np.array([1.6, 2.0])
    _, by = course(engine, s, ["k", "c"], t, ["x"])
    turn = np.log(c) / k
    x = (10.0 + turn) * k * np.exp(k * (t - turn))
    slope = 1 / (10.0 + turn) - k
    assert by["c"][:, 0] == near(x * slope / (k * c))
    assert by["k"][:, 0] == near(x * (1 / k + (t - turn) - slope * turn / k))


DECAY = """
model decay
  compartment v = 2; species S in v; S = 3
  k = 0.3; fast = 2 * k
  J: S -> ; fast * S
end
"""


def sbml_of(text):
    import antimony

    antimony.clearPreviousLoads()
    assert antimony.loadAntimonyString(text) >= 0, antimony.getLastError()
    return str(antimony.getSBMLString(None))


def of_sbml(text, columns, wrt, times, outputs):
    table = ParameterTable(tuple(columns), np.array([list(columns.values())]))
    return simulate_with_sensitivities(
        PopulationEngine(),
        sbml_of(text),
        table,
        wrt,
        DoseTable(),
        times,
        outputs,
        tolerances=TIGHT,
    )


def test_a_document_with_a_compartment_and_a_constant_computed_at_time_0():
    t = np.array([0.0, 1.0, 4.0])
    found = of_sbml(DECAY, {"k": 0.4}, ["k", "v"], t, ["S", "amount(S)"])
    level = 3 * np.exp(-0.8 * t / 2)
    assert found.values[0] == near(np.column_stack([level, 2 * level]))
    assert found.of("S", "k")[0] == near(-2 * t / 2 * level)
    assert found.of("S", "v")[0] == near(0.8 * t / 4 * level)
    # The starting concentration is the model's, so a larger compartment holds more.
    assert found.of("amount(S)", "v")[0] == near((1 + 0.8 * t / 2) * level)


def test_a_starting_amount_and_a_constant_given_in_place_of_its_formula():
    t = np.array([0.0, 1.0, 4.0])
    found = of_sbml(DECAY, {"S": 5.0, "fast": 0.8}, ["S", "fast", "v"], t, ["S"])
    level = 2.5 * np.exp(-0.8 * t / 2)
    assert found.of("S", "S")[0] == near(level / 5)
    assert found.of("S", "fast")[0] == near(-t / 2 * level)
    assert found.of("S", "v")[0] == near((0.8 * t / 4 - 1 / 2) * level)


@pytest.mark.parametrize("name", ["fast", "S"])
def test_what_the_model_computes_must_be_given_as_a_column(name):
    with pytest.raises(ModelValueError, match="column of parameters"):
        of_sbml(DECAY, {"k": 0.4}, [name], np.array([0.0, 1.0]), ["S"])


@pytest.mark.slow
def test_the_cell_model_against_finite_differences():
    """CXCL12 reaches a cell after six days of rest; derivatives by logarithms, of the peak."""
    model = build("cell")
    rest = 6 * 86400.0
    system = load_system(model.sbml, frozenset(), frozenset())
    own = {name: system.held[place].value for name, place in system.settable.items()}
    wrt = ["medium", "k_break_ip3", "k_inactivate_akt", "koff_cxcl12_ackr3", "k_transcribe_cxcr4"]
    settings = {"isoform_alpha": 1.0, "cxcr4_gene": 5.0, "cxcl12_gene": 0.01, "ackr3_gene": 1.0}
    outputs = ["cxcr4_surface", "ackr3_surface", "calcium_free", "erk_active", "akt_active"]
    times = rest + np.array([0.0, 20.0, 60.0, 300.0, 900.0, 5400.0])
    ligand = Dose(patient=ALL_PATIENTS, time=rest, target="cxcl12", amount=100.0 * own["medium"])
    tolerances = Tolerances(relative=1e-9, absolute=1e-20)
    engine = PopulationEngine()

    table = ParameterTable(tuple(settings), np.array([list(settings.values())]))
    found = simulate_with_sensitivities(
        engine,
        model.sbml,
        table,
        wrt,
        DoseTable((ligand,)),
        times,
        outputs,
        tolerances=tolerances,
        relative=True,
    )
    width = 3e-3
    rows = [
        {**settings, **{name: own[name] for name in wrt}, name: own[name] * (1 + k * width)}
        for name in wrt
        for k in (1, -1, 2, -2)
    ]
    neighbours = ParameterTable(tuple(rows[0]), np.array([list(row.values()) for row in rows]))
    values = engine.simulate(
        model.sbml, neighbours, DoseTable((ligand,)), times, outputs, tolerances=tolerances
    ).values.reshape(len(wrt), 4, len(times), len(outputs))
    near_by, far = values[:, 0] - values[:, 1], values[:, 2] - values[:, 3]
    quotient = np.moveaxis((8 * near_by - far) / (12 * width), 0, -1)
    peak = np.abs(found.values[0]).max(axis=0)[np.newaxis, :, np.newaxis]
    assert np.abs(found.derivatives[0] / peak).max(axis=(0, 1)).min() > 1e-7
    assert np.abs(found.derivatives[0] - quotient) / peak == pytest.approx(0.0, abs=1e-6)


def test_a_rate_that_jumps_only_where_another_condition_holds(engine):
    """The window opens when x is small enough, and only while y is neither small nor large."""
    s = Sketch({"x": 10.0, "y": 0.0, "z": 0.0}, {"k": 1.0, "low": 5.0})
    s.rates = {"x": -s["k"] * s["x"], "y": s["k"] * s["x"]}
    window = (s["y"] > 4.0) & (s["x"] < s["low"]) & (s["y"] < 8.0)
    s.rates["z"] = window.choose(1.5, 0.05)
    t = np.array([0.4, 1.0, 3.0])
    _, by = course(engine, s, ["k", "low"], t, ["z"])
    opened, closed = np.log(2.0), np.log(5.0)
    assert by["k"][:, 0] == near([0.0, 1.45 * opened, 1.45 * (opened - closed)])
    assert by["low"][:, 0] == near([0.0, 1.45 / 5, 1.45 / 5])
