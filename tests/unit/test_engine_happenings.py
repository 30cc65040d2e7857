"""Events of the population engine: exact times, order at one time, delays, storms, endings."""

import math

import numpy as np
import pytest

from cxaxis.core.outcomes import Outcome
from cxaxis.engine.doses import ALL_PATIENTS, Dose, DoseTable
from cxaxis.engine.population import PopulationEngine
from cxaxis.engine.protocol import ParameterTable, Tolerances
from sketch_support import Sketch

TIGHT = Tolerances(relative=1e-10, absolute=1e-12)


def run(sketch, times, outputs, *, doses=(), tolerances=TIGHT, max_steps=20_000, **columns):
    """Return the result of a batch; columns are per-patient values."""
    arrays = np.broadcast_arrays(*(np.atleast_1d(c).astype(float) for c in columns.values()))
    values = np.column_stack(arrays) if columns else np.empty((1, 0))
    return PopulationEngine(max_steps=max_steps, threads=1).simulate_system(
        sketch.system(),
        ParameterTable(tuple(columns), values),
        DoseTable(tuple(doses)),
        np.asarray(times, dtype=float),
        outputs,
        tolerances=tolerances,
    )


def course(sketch, times, output, **options):
    """Return one output of one patient, who must complete."""
    result = run(sketch, times, [output], **options)
    assert result.outcomes[0].outcome is Outcome.COMPLETED, result.outcomes[0]
    return result.values[0, :, 0]


def clock(**held):
    """A sketch that counts in ``n`` and does nothing by itself; ``x`` rises at rate 1."""
    sketch = Sketch({"n": 0.0, "x": 0.0}, {"unused": 0.0, **held})
    sketch.rates["x"] = sketch["unused"] + 1.0
    return sketch


# A ball on a table: a new arc begins whenever it meets the table, so times are known exactly.
GRAVITY, BOUNCE, HEIGHT = 9.81, 0.8, 5.0


def ball(*, resets_height):
    s = Sketch({"y": HEIGHT, "v": 0.0, "bounces": 0.0}, {"g": GRAVITY, "e": BOUNCE})
    s.rates["y"], s.rates["v"] = s["v"], -s["g"]
    change = {"v": -s["e"] * s["v"], "bounces": s["bounces"] + 1.0}
    if resets_height:
        change["y"] = 0.0 * s["g"]
    s.event("meets", (s["y"] < 0.0) & (s["v"] < 0.0), **change)
    return s


def exact_ball(t):
    """Height, velocity and bounces of the ball at ``t``."""
    begin, speed, count = math.sqrt(2 * HEIGHT / GRAVITY), 0.0, 0
    if t <= begin:
        return HEIGHT - GRAVITY * t * t / 2, -GRAVITY * t, 0
    speed = GRAVITY * begin
    while True:
        speed *= BOUNCE
        count += 1
        arc = 2 * speed / GRAVITY
        if t <= begin + arc:
            late = t - begin
            return speed * late - GRAVITY * late * late / 2, speed - GRAVITY * late, count
        begin += arc


@pytest.mark.parametrize("resets_height", [True, False])
@pytest.mark.parametrize("n_time", [2, 200])
def test_a_bouncing_ball_meets_the_table_at_its_exact_times(resets_height, n_time):
    times = np.linspace(0.0, 7.3, n_time)
    result = run(ball(resets_height=resets_height), times, ["y", "v", "bounces"])
    exact = np.array([exact_ball(t) for t in times])
    assert exact[-1, 2] >= 5
    np.testing.assert_array_equal(result.values[0, :, 2], exact[:, 2])
    np.testing.assert_allclose(result.values[0, :, :2], exact[:, :2], atol=1e-9)


def test_a_hazard_crosses_each_patients_own_draw_at_its_exact_time():
    rng = np.random.default_rng(11)
    rates, draws = rng.uniform(0.02, 3.0, 300), rng.exponential(1.0, 300)
    s = Sketch({"hazard": 0.0, "other": 1.0}, {"rate": 1.0, "draw": 1.0, "when": -1.0})
    s.rates["hazard"] = s["rate"] * (1.0 + 0.0 * s["other"])
    s.rates["other"] = -50.0 * s["other"]
    s.event("death", s["hazard"] >= s["draw"], ends=True, when=s["time"])
    horizon = 2.0
    result = run(s, [0.0, 0.5, horizon], ["hazard", "when"], rate=rates, draw=draws)
    exact = draws / rates
    dies = exact < horizon
    assert 50 < dies.sum() < 280
    for row, item in enumerate(result.outcomes):
        assert item.outcome is (Outcome.EVENT if dies[row] else Outcome.COMPLETED)
        assert item.state == ("death" if dies[row] else "")
        assert item.time == pytest.approx(min(exact[row], horizon), rel=1e-9)
    seen = np.isfinite(result.values[:, :, 0])
    np.testing.assert_array_equal(seen, result.times <= np.where(dies, exact, np.inf)[:, None])


def test_a_gompertz_hazard_gives_the_exact_survival_time():
    a, b = 0.01, 0.8
    draws = np.array([0.003, 0.1, 1.0, 5.0])
    s = Sketch({"hazard": 0.0}, {"a": a, "b": b, "draw": 0.0})
    s.rates["hazard"] = s["a"] * (s["b"] * s["time"]).of("exp")
    s.event("death", s["hazard"] > s["draw"], ends=True)
    result = run(s, [20.0], ["hazard"], draw=draws)
    exact = np.log1p(draws * b / a) / b
    assert [o.time for o in result.outcomes] == pytest.approx(exact.tolist(), rel=1e-8)


def test_an_ending_given_by_name_ends_and_others_do_not():
    s = clock()
    s.event("passes", s["x"] > 1.0, n=s["n"] + 1.0)
    s.event("stops", s["x"] > 2.0, n=s["n"] + 10.0)
    system = s.system()
    engine = PopulationEngine()
    one = ParameterTable((), np.empty((1, 0)))
    times = np.array([0.5, 1.5, 2.5])
    plain = engine.simulate_system(system, one, DoseTable(), times, ["n"], tolerances=TIGHT)
    assert plain.values[0, :, 0].tolist() == [0.0, 1.0, 11.0]
    ended = engine.simulate_system(
        system, one, DoseTable(), times, ["n"], tolerances=TIGHT, endings=["stops"]
    )
    assert ended.values[0, :2, 0].tolist() == [0.0, 1.0]
    assert np.isnan(ended.values[0, 2, 0])
    assert (ended.outcomes[0].outcome, ended.outcomes[0].state) == (Outcome.EVENT, "stops")
    assert ended.outcomes[0].time == pytest.approx(2.0, rel=1e-10)


def test_the_first_of_two_endings_names_the_end():
    s = clock(limit=3.0)
    s.event("late", s["x"] > 2.0, ends=True)
    s.event("early", s["x"] > s["limit"], ends=True)
    result = run(s, [10.0], ["x"], limit=[1.0, 3.0])
    assert [o.state for o in result.outcomes] == ["early", "late"]
    assert [o.time for o in result.outcomes] == pytest.approx([1.0, 2.0], rel=1e-10)


# Order at one time


def test_the_larger_priority_goes_first_and_is_computed_then():
    s = clock(swing=1.0)
    s.event("adds", s["x"] >= 1.0, priority=2.0, n=s["n"] + 3.0, values_at_trigger=False)
    s.event("doubles", s["x"] >= 1.0, priority=s["swing"], n=s["n"] * 2.0, values_at_trigger=False)
    result = run(s, [2.0], ["n"], swing=[1.0, 3.0])
    assert result.values[:, 0, 0].tolist() == [6.0, 3.0]


def test_values_at_the_trigger_do_not_see_what_another_event_of_that_moment_did():
    s = clock()
    s.event("adds", s["x"] >= 1.0, priority=2.0, n=s["n"] + 3.0)
    s.event("doubles", s["x"] >= 1.0, priority=1.0, n=s["n"] * 2.0 + 1.0)
    assert course(s, [2.0], "n").tolist() == [1.0]


def test_assignments_of_one_event_are_simultaneous():
    s = Sketch({"a": 1.0, "b": 2.0}, {"c": 5.0})
    s.event("swap", s["time"] >= 1.0, a=s["b"], b=s["c"], c=s["a"])
    result = run(s, [0.5, 1.5], ["a", "b", "c"])
    assert result.values[0].tolist() == [[1.0, 2.0, 5.0], [2.0, 5.0, 1.0]]


def test_a_cascade_happens_at_one_time():
    s = clock(stage=0.0, seen=0.0)
    s.event("first", s["x"] >= 1.0, stage=1.0)
    for k in range(1, 20):
        s.event(f"next{k}", s["stage"] >= float(k), stage=s["stage"] + 1.0, seen=s["time"])
    result = run(s, [0.9, 1.1], ["stage", "seen"])
    assert result.values[0, :, 0].tolist() == [0.0, 20.0]
    assert result.values[0, 1, 1] == pytest.approx(1.0, rel=1e-10)


def test_outputs_stand_before_doses_and_doses_before_events():
    s = clock(level=0.0)
    s.event("dosed", s["n"] >= 1.0, level=s["n"])
    dose = Dose(patient=ALL_PATIENTS, time=1.0, target="n", amount=4.0)
    result = run(s, [0.0, 1.0, 1.5], ["n", "level"], doses=[dose])
    assert result.values[0].tolist() == [[0.0, 0.0], [0.0, 0.0], [4.0, 4.0]]


# Triggers and time 0


@pytest.mark.parametrize(("starts_true", "count"), [(True, 0.0), (False, 1.0)])
def test_what_holds_at_time_zero_fires_only_if_it_counts_as_false_before(starts_true, count):
    s = clock()
    s.event("from the start", s["x"] >= 0.0, starts_true=starts_true, n=s["n"] + 1.0)
    values = course(s, [0.0, 1e-6, 3.0], "n")
    assert values.tolist() == [0.0, count, count]


def test_an_ending_at_time_zero_ends_at_time_zero():
    s = clock()
    s.event("at once", s["x"] >= 0.0, starts_true=False, ends=True)
    result = run(s, [0.0, 1.0], ["x"])
    assert (result.outcomes[0].outcome, result.outcomes[0].time) == (Outcome.EVENT, 0.0)
    assert result.values[0, 0, 0] == 0.0
    assert np.isnan(result.values[0, 1, 0])


def test_an_event_fires_again_only_after_its_trigger_was_false():
    s = Sketch({"a": 0.0, "b": 1.0, "n": 0.0}, {"w": 2 * math.pi})
    s.rates["a"], s.rates["b"] = s["w"] * s["b"], -s["w"] * s["a"]
    s.event("upward", s["a"] > 0.5, n=s["n"] + 1.0)
    assert course(s, [0.05, 0.2, 0.9, 1.2, 9.5], "n").tolist() == [0.0, 1.0, 1.0, 2.0, 10.0]


def test_an_event_at_the_horizon_fires_there_after_the_outputs():
    s = clock()
    s.event("last", s["time"] >= 2.0, ends=True, n=5.0)
    result = run(s, [1.0, 2.0], ["n"])
    assert result.values[0, :, 0].tolist() == [0.0, 0.0]
    assert (result.outcomes[0].outcome, result.outcomes[0].time) == (Outcome.EVENT, 2.0)


def test_a_trigger_of_time_alone_is_not_stepped_over():
    """Nothing moves, so steps grow; a window of time must be noticed all the same."""
    s = Sketch({"n": 0.0}, {"from": 40.0, "length": 0.5})
    s.event(
        "window",
        (s["time"] >= s["from"]) & (s["time"] < s["from"] + s["length"]),
        n=s["n"] + 1.0,
    )
    result = run(s, [1000.0], ["n"], length=[100.0, 0.5])
    assert result.values[:, 0, 0].tolist() == [1.0, 1.0]


# Delays


@pytest.mark.parametrize(("at_trigger", "value"), [(True, 1.0), (False, 3.0)])
def test_a_delayed_event_assigns_values_of_its_trigger_or_of_its_time(at_trigger, value):
    s = clock(wait=2.0)
    s.event("late", s["x"] >= 1.0, delay=s["wait"], values_at_trigger=at_trigger, n=s["x"])
    values = course(s, [2.9, 3.1, 9.0], "n")
    assert values == pytest.approx([0.0, value, value], rel=1e-9)


@pytest.mark.parametrize(("persistent", "count"), [(True, 1.0), (False, 0.0)])
def test_a_waiting_event_that_is_not_persistent_is_forgotten(persistent, count):
    s = Sketch({"a": 0.0, "b": 1.0, "n": 0.0}, {"w": 2 * math.pi})
    s.rates["a"], s.rates["b"] = s["w"] * s["b"], -s["w"] * s["a"]
    s.event("late", s["a"] > 0.5, delay=0.5, persistent=persistent, n=s["n"] + 1.0)
    assert course(s, [0.99], "n").tolist() == [count]


def test_a_waiting_event_that_is_not_persistent_happens_if_it_still_holds():
    s = clock()
    s.event("late", s["x"] > 1.0, delay=0.5, persistent=False, n=s["n"] + 1.0)
    assert course(s, [1.4, 1.6], "n").tolist() == [0.0, 1.0]


def test_a_delay_of_zero_and_one_below_zero_are_at_once():
    s = clock(wait=0.0)
    s.event("soon", s["x"] >= 1.0, delay=s["wait"], n=s["n"] + 1.0)
    result = run(s, [0.99, 1.01, 2.0], ["n"], wait=[0.0, -5.0])
    assert result.values[:, :, 0].tolist() == [[0.0, 1.0, 1.0]] * 2


def test_a_delay_past_the_horizon_does_nothing_and_one_of_no_number_ends_with_a_status():
    s = clock(wait=0.0)
    s.event("late", s["x"] >= 1.0, delay=s["wait"], n=s["n"] + 1.0)
    result = run(s, [2.0], ["n", "x"], wait=[5.0, math.inf, math.nan], max_steps=2_000)
    assert result.values[:2, 0, 0].tolist() == [0.0, 0.0]
    assert result.values[:2, 0, 1] == pytest.approx([2.0, 2.0])
    assert [o.outcome for o in result.outcomes[:2]] == [Outcome.COMPLETED] * 2
    # Never due, or refused: a status within the steps, and no course beyond the horizon.
    assert result.outcomes[2].time <= 2.0


def test_firings_of_one_event_wait_side_by_side():
    """Ten firings wait at a time, a hundred in all: a place is free again once it is used."""
    s = Sketch({"n": 0.0, "phase": 0.0}, {"wait": 10.5})
    s.rates["phase"] = s["wait"] / 10.5
    s.event("beat", s["phase"] >= 1.0, phase=0.0)
    s.event("late", s["phase"] >= 0.5, delay=s["wait"], n=s["n"] + 1.0, values_at_trigger=False)
    # Triggered at 0.5, 1.5, ...; happening at 11, 12, ...
    values = course(s, [10.5, 20.5, 150.5], "n")
    assert values.tolist() == [0.0, 10.0, 140.0]


def test_too_many_firings_that_wait_are_a_status():
    s = Sketch({"n": 0.0, "phase": 0.0}, {"wait": 1e6})
    s.rates["phase"] = s["wait"] * 1e-6
    s.event("beat", s["phase"] >= 1.0, phase=0.0)
    s.event("late", s["phase"] >= 0.5, delay=s["wait"], n=s["n"] + 1.0)
    result = run(s, [1000.0], ["n"])
    item = result.outcomes[0]
    assert item.outcome is Outcome.STEP_LIMIT
    assert "wait" in item.message
    assert 10 < item.time < 1000


# Storms


def test_events_that_set_each_other_off_for_ever_are_a_status():
    s = clock(side=0.0)
    s.event("there", (s["x"] >= 1.0) & (s["side"] < 0.5), side=1.0)
    s.event("back", s["side"] > 0.5, side=0.0)
    item = run(s, [0.5, 2.0], ["x"]).outcomes[0]
    assert item.outcome is Outcome.STEP_LIMIT
    assert item.time == pytest.approx(1.0, rel=1e-9)


def test_a_storm_in_one_patient_leaves_its_neighbours_alone():
    s = clock(side=0.0, storms=0.0)
    calm = (s["x"] >= 1.0) & (s["side"] < 0.5) & (s["storms"] > 0.5)
    s.event("there", calm, side=1.0)
    s.event("back", s["side"] > 0.5, side=0.0)
    storms = np.zeros(21)
    storms[[3, 8]] = 1.0
    result = run(s, [2.0], ["x"], storms=storms)
    failed = np.array([o.outcome is Outcome.STEP_LIMIT for o in result.outcomes])
    np.testing.assert_array_equal(failed, storms > 0.5)
    assert result.values[~failed, 0, 0] == pytest.approx(2.0)


def test_ever_shorter_arcs_end_with_a_status():
    """The ball comes to rest after infinitely many bounces: a status, never a hang."""
    result = run(ball(resets_height=True), [60.0], ["y"], max_steps=5_000)
    item = result.outcomes[0]
    rest = math.sqrt(2 * HEIGHT / GRAVITY) * (1 + BOUNCE) / (1 - BOUNCE)
    assert item.outcome is not Outcome.EVENT
    if item.outcome is not Outcome.COMPLETED:
        assert item.time == pytest.approx(rest, rel=1e-3)


# What is short is not stepped over


def window(gap, *, rate):
    """Count, or add up the time of, a window around 50.3 at which ``gap`` is below zero."""
    s = Sketch({"n": 0.0, "x": 0.0}, {"unused": 0.0})
    inside = gap(s["time"]) < 0.0
    if rate:
        s.rates["x"] = inside.choose(1.0, 0.0)
    else:
        s.event("window", inside, n=s["n"] + 1.0)
    return s


PULSES = {
    "a square": lambda t: (t - 50.3) * (t - 50.3) - 0.01,
    "a product": lambda t: (t - 50.2) * (t - 50.4),
    "a distance": lambda t: (t - 50.3).of("absolute") - 0.1,
}


@pytest.mark.parametrize("gap", PULSES.values(), ids=PULSES)
def test_a_pulse_of_time_is_not_stepped_over(gap):
    assert course(window(gap, rate=False), [100.0], "n") == pytest.approx([1.0])
    assert course(window(gap, rate=True), [100.0], "x") == pytest.approx([0.2], rel=1e-6)


@pytest.mark.parametrize(("level", "relative"), [(0.5, 1e-3), (0.99, 1e-4), (0.9999, 1e-9)])
def test_a_threshold_just_below_the_peak_is_crossed_every_time(level, relative):
    s = Sketch({"x": 0.0, "v": 1.0, "n": 0.0}, {"level": level})
    s.rates |= {"x": s["v"], "v": -s["x"]}
    s.event("peak", s["x"] > s["level"], n=s["n"] + 1.0)
    tolerances = Tolerances(relative=relative, absolute=relative)
    assert course(s, [2 * math.pi * 20], "n", tolerances=tolerances) == pytest.approx([20.0])


def test_a_delay_of_no_number_ends_the_course():
    s = clock()
    s.event("late", s["x"] > 2.0, delay=(-s["x"]).of("log"), n=s["n"] + 1.0)
    outcome = run(s, [4.0], ["n"]).outcomes[0]
    assert outcome.outcome is Outcome.NON_FINITE
    assert outcome.time == pytest.approx(2.0)
