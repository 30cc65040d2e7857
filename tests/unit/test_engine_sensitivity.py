"""The tangent system as a system, refusals, and how batches are laid out for it."""

from dataclasses import replace

import numpy as np
import pytest

from cxaxis.core.errors import ModelValueError
from cxaxis.core.outcomes import Outcome, PatientOutcome
from cxaxis.engine.doses import ALL_PATIENTS, Dose, DoseTable
from cxaxis.engine.protocol import ParameterTable, SimulationResult, Tolerances
from cxaxis.engine.sensitivity import simulate_with_sensitivities
from cxaxis.engine.tangent import DOSE_CLOCK, FIRST, LAST, tangent_system
from sketch_support import Sketch
from tangent_support import SlowEngine, compiled

NO_VALUES = ParameterTable((), np.empty((1, 0)))


def chain():
    """Return two chains that do not touch: a -> b with rate k, u -> w with rate q."""
    s = Sketch({"a": 1.0, "b": 0.0, "u": 1.0, "w": 0.0}, {"k": 0.5, "q": 2.0, "size": 3.0})
    s.rates = {"a": -s["k"] * s["a"], "b": s["k"] * s["a"]}
    s.rates |= {"u": -s["q"] * s["u"] ** 2, "w": s["q"] * s["u"] ** 2}
    s.more = {"level": s["b"] / s["size"]}
    return s


def growth(**options):
    """Return exponential growth that an event halves at a threshold."""
    s = Sketch({"x": 1.0, "y": 0.0}, {"k": 0.5, "c": 2.0, "far": 1.0})
    s.rates = {"x": s["k"] * s["x"], "y": s["far"] - s["y"]}
    s.event("half", s["x"] > s["c"], x=0.5 * s["x"], **options)
    return s


# The system


def test_states_that_no_chosen_parameter_reaches_have_no_derivative():
    tangent = tangent_system(chain().system(), ["k"])
    assert [s.name for s in tangent.states] == ["a", "b", "u", "w", "d(a)", "d(b)"]
    assert tangent.graph.term(tangent.readable["d(w)"]).value == 0.0


def test_derivatives_of_states_are_no_amounts_and_start_at_the_derivative_of_the_start():
    s = chain()
    s.starts["a"] = s["k"] * s["k"]
    given = s.system()
    amounts = tuple(replace(state, is_amount=True) for state in given.states)
    tangent = tangent_system(replace(given, states=amounts), ["k"])
    d_a = tangent.states[4]
    assert not d_a.is_amount
    held = [h.value for h in tangent.held]
    held[tangent.settable["seed(k)"]] = 1.0
    assert compiled(tangent.graph, [d_a.start])(0.0, [], held) == [pytest.approx(2 * 0.5)]


def test_the_derivative_of_a_start_runs_through_values_computed_at_time_0():
    s = Sketch({"x": 0.0}, {"p": 3.0, "first": 0.0, "second": 0.0})
    s.held_values["first"] = s["p"] * s["p"]
    s.held_values["second"] = s["first"] * 2.0
    s.starts["x"] = s["second"] + s["p"]
    s.rates["x"] = 0.0 * s["x"]
    found = simulate_with_sensitivities(
        SlowEngine(),
        inlined(s.system()),
        NO_VALUES,
        ["p"],
        DoseTable(),
        np.array([0.0]),
        ["x", "second"],
    )
    assert found.derivatives[0, 0, :, 0] == pytest.approx([4 * 3.0 + 1, 4 * 3.0])


def inlined(system):
    """Return a system whose starting formulas depend on plain values alone, as readers leave it."""
    graph = system.graph
    first = system.held[1].start
    by = {graph.held(1): first}
    second = graph.substituted([system.held[2].start], by)[0]
    by |= {graph.held(2): second}
    start = graph.substituted([system.states[0].start], by)[0]
    return replace(
        system,
        held=(*system.held[:2], replace(system.held[2], start=second)),
        states=(replace(system.states[0], start=start),),
    )


def test_rates_of_derivatives_are_those_of_the_linearised_model():
    s = Sketch({"x": 1.0, "y": 2.0}, {"k": 0.5, "n": 1.7, "m": 0.3})
    x, y, k, n, m = (s[name] for name in ("x", "y", "k", "n", "m"))
    s.rates["x"] = k * x**n / (m + y) - s["time"].of("sin") * x
    s.rates["y"] = (k * y).of("exp") * m - (x * y).of("sqrt")
    tangent = tangent_system(s.system(), ["k", "n", "m"])
    run = compiled(tangent.graph, [state.rate for state in tangent.states])
    point, held = np.array([0.7, 1.9]), np.array([0.5, 1.7, 0.3])
    direction, seeds = np.array([0.4, -1.1]), np.array([0.3, 0.2, -0.7])
    found = run(0.9, [*point, *direction], [*held, *seeds])[2:]
    h = 1e-6
    ahead, behind = (
        run(0.9, [*(point + e * direction), 0, 0], [*(held + e * seeds), 0, 0, 0])[:2]
        for e in (h, -h)
    )
    assert found == pytest.approx((np.array(ahead) - np.array(behind)) / (2 * h), rel=1e-8)


def test_a_system_without_moving_events_gains_no_event_and_no_clock():
    s = chain()
    s.event("later", s["time"] > 2.0, a=s["a"] + s["k"])
    tangent = tangent_system(s.system(), ["k"])
    assert [event.name for event in tangent.events] == ["later"]
    assert DOSE_CLOCK not in tangent.doseable


def test_moving_events_are_opened_first_and_closed_last():
    given = growth().system()
    tangent = tangent_system(given, ["c"])
    value = {event.name: tangent.graph.term(event.priority).value for event in tangent.events}
    assert value["open(half)"] == FIRST
    assert value["close"] == LAST
    assert LAST < value["half"] < -1e298
    assert DOSE_CLOCK in tangent.doseable
    assert "d(y)" not in [state.name for state in tangent.states]
    assert given.events[0].priority is None


def test_an_event_that_the_parameter_cannot_move_needs_no_opening():
    tangent = tangent_system(growth().system(), ["far"])
    assert [event.name for event in tangent.events] == ["half"]


def test_only_branches_that_differ_where_they_meet_become_jumps():
    s = Sketch({"x": 1.0, "y": 0.0, "z": 0.0}, {"k": 0.5, "c": 2.0})
    excess = s["x"] - s["c"]
    s.rates["x"] = s["k"] * s["x"]
    s.rates["y"] = (excess < 0.0).choose(0.0, excess**1.5)
    assert tangent_system(s.system(), ["k"]).events == ()
    s.rates["z"] = (s["x"] < s["c"]).choose(0.0, excess + 1.0)
    names = [event.name.split("(")[0] for event in tangent_system(s.system(), ["k"]).events]
    assert names == ["jump", "jump", "close"]


@pytest.mark.parametrize(
    ("names", "words"),
    [
        (["kk"], r"no derivative by 'kk'.*Did you mean k\?"),
        (["k", "k"], "'k' are asked for twice"),
        (["double"], "'double': the model computes it at time 0"),
    ],
)
def test_a_parameter_without_a_derivative_is_refused(names, words):
    s = Sketch({"x": 1.0}, {"k": 0.5, "double": 0.0})
    s.held_values["double"] = s["k"] * 2.0
    s.rates["x"] = -s["k"] * s["x"]
    with pytest.raises(ModelValueError, match=words):
        tangent_system(s.system(), names)


def test_an_unknown_output_is_refused():
    with pytest.raises(ModelValueError, match=r"output 'leve' is not in the model.*level"):
        tangent_system(chain().system(), ["k"], ["leve"])


def test_an_event_that_waits_for_equality_is_refused_by_name():
    s = growth()
    equality = s.graph.compare("equal", s["x"].node, s["c"].node)
    s.events[0] = replace(s.events[0], trigger=equality)
    with pytest.raises(ModelValueError, match="event 'half' waits for"):
        tangent_system(s.system(), ["k"])


@pytest.mark.parametrize("where", ["rate of 'y'", "trigger of event 'late'"])
def test_rounding_of_a_moving_value_is_refused_with_its_place(where):
    s = growth()
    steps = s["x"].of("floor")
    if where.startswith("rate"):
        s.rates["y"] = steps
    else:
        s.event("late", steps > 3.5, y=0.0)
    with pytest.raises(ModelValueError, match=where):
        tangent_system(s.system(), ["k"])


# The batch


class Recorder:
    """An engine that keeps what it was asked and answers with numbered values."""

    def __init__(self, failed=()):
        self.failed = failed

    def simulate_system(
        self, system, parameters, doses, times, outputs, *, tolerances=None, endings=()
    ):
        self.system, self.parameters, self.doses, self.times = system, parameters, doses, times
        n, n_time = parameters.n_patient, np.shape(times)[-1]
        rows = np.arange(n)[:, np.newaxis, np.newaxis]
        columns = np.arange(len(outputs))[np.newaxis, np.newaxis, :]
        values = np.broadcast_to(rows + 100.0 * columns, (n, n_time, len(outputs)))
        outcomes = [PatientOutcome(outcome=Outcome.COMPLETED, time=1.0)] * n
        for row in self.failed:
            outcomes[row] = PatientOutcome(outcome=Outcome.STEP_LIMIT, time=0.5, state=f"s{row}")
        return SimulationResult(
            times=times,
            names=tuple(outputs),
            values=values,
            outcomes=tuple(outcomes),
            tolerances=tolerances,
        )


def ask(engine, sketch=None, doses=(), table=None, times=(0.0, 1.0), **options):
    table = table or ParameterTable(("k",), np.array([[2.0], [4.0], [-8.0]]))
    return simulate_with_sensitivities(
        engine,
        (sketch or chain()).system(),
        table,
        options.pop("wrt", ["k", "size"]),
        DoseTable(tuple(doses)),
        np.array(times),
        options.pop("outputs", ["b", "level"]),
        **options,
    )


def test_each_patient_becomes_one_row_per_parameter_with_a_direction_as_long_as_its_value():
    engine = Recorder()
    ask(engine)
    table = engine.parameters
    assert table.names == ("k", "seed(k)", "seed(size)")
    assert table.column("k").tolist() == [2, 2, 4, 4, -8, -8]
    assert table.column("seed(k)").tolist() == [2, 0, 4, 0, 8, 0]
    assert table.column("seed(size)").tolist() == [0, 3, 0, 3, 0, 3]


def test_answers_are_sorted_by_patient_time_output_and_parameter_and_per_unit():
    found = ask(Recorder())
    assert found.values.shape == (3, 2, 2)
    assert found.values[:, 0, 1].tolist() == [100, 102, 104]
    assert found.derivatives.shape == (3, 2, 2, 2)
    assert found.derivatives[1, 0, 1].tolist() == [302 / 4, 303 / 3]
    assert found.of("level", "size")[:, 1] == pytest.approx([301 / 3, 303 / 3, 305 / 3])


def test_relative_derivatives_are_times_the_signed_value():
    found = ask(Recorder(), relative=True)
    assert found.derivatives[2, 0, 0].tolist() == [-204, 205]


def test_a_parameter_of_zero_gets_a_direction_of_length_1():
    engine = Recorder()
    found = ask(engine, table=ParameterTable(("k",), np.zeros((1, 1))))
    assert engine.parameters.column("seed(k)").tolist() == [1, 0]
    assert found.of("b", "k").tolist() == [[200, 200]]


def test_a_failed_row_is_the_outcome_of_its_patient():
    outcomes = ask(Recorder(failed=[3, 4])).outcomes
    assert [o.state for o in outcomes] == ["", "s3", "s4"]


def test_own_times_and_doses_go_to_every_row_of_a_patient():
    engine = Recorder()
    doses = [dose(0.5, target="a"), dose(1.5, patient=1, target="a")]
    ask(engine, doses=doses, times=[[0.0, 2.0], [0.0, 3.0], [0.0, 4.0]])
    assert engine.times[:, 1].tolist() == [2, 2, 3, 3, 4, 4]
    assert [(d.patient, d.time) for d in engine.doses.rows] == [(-1, 0.5), (2, 1.5), (3, 1.5)]


def dose(time, amount=1.0, duration=0.0, patient=ALL_PATIENTS, target="x"):
    return Dose(patient=patient, time=time, target=target, amount=amount, duration=duration)


def readings(doses, patient):
    """Return the times of the clock's boluses and what it shows after each."""
    own = [d for d in doses.of_patient(patient) if d.target == DOSE_CLOCK]
    return [d.time for d in own], (np.cumsum([d.amount for d in own]) - 1.0).tolist()


def test_the_clock_shows_every_start_and_end_of_a_dose():
    engine = Recorder()
    doses = [dose(0.1, duration=0.2), dose(0.0), dose(0.7), dose(0.7, amount=0.0), dose(0.9, 0.0)]
    ask(engine, growth(), doses, wrt=["k"], outputs=["x"])
    times, shown = readings(engine.doses, 0)
    assert times == pytest.approx([0.0, 0.1, 0.3, 0.7])
    assert shown == pytest.approx(times, abs=1e-15)


def test_the_clock_of_each_patient_shows_its_own_doses_and_those_of_everybody():
    engine = Recorder()
    doses = [dose(0.2), dose(0.4, patient=1), dose(0.6)]
    ask(engine, growth(), doses, wrt=["k"], outputs=["x"])
    assert readings(engine.doses, 0)[0] == [0.2, 0.6]
    assert readings(engine.doses, 1) == ([0.2, 0.4, 0.6], pytest.approx([0.2, 0.4, 0.6]))


def test_no_parameter_at_all_is_refused():
    with pytest.raises(ModelValueError, match="Name at least one"):
        ask(Recorder(), wrt=[])


def test_what_was_not_asked_for_is_refused_when_read():
    with pytest.raises(ModelValueError, match=r"'siz' was not asked for.*size"):
        ask(Recorder()).of("b", "siz")


def test_default_tolerances_are_reported():
    assert ask(Recorder()).tolerances == Tolerances()
