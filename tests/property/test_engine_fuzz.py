"""Whatever patients bring, the population engine answers with a status: no crash, hang or error."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cxaxis.core.errors import ModelValueError
from cxaxis.core.outcomes import Outcome
from cxaxis.engine.doses import ALL_PATIENTS, Dose, DoseTable
from cxaxis.engine.population import PopulationEngine
from cxaxis.engine.protocol import ParameterTable, Tolerances
from sketch_support import Sketch

MAX_STEPS = 400
N = 16


def patient_of_everything():
    """Saturation, powers, noise, a hazard, delays, an infusion, a division that may be by zero."""
    s = Sketch(
        {"drug": 0.0, "cells": 1.0, "signal": 0.0, "hazard": 0.0},
        {
            "ka": 1.0,
            "ke": 0.5,
            "half": 1.0,
            "hill": 2.0,
            "grow": 0.1,
            "noise": 0.0,
            "wait": 0.1,
            "draw": 1.0,
            "start": 1.0,
            "drip": 0.0,
            "resting": 0.0,
        },
    )
    s.infused = {"drug": "drip"}
    drug, cells, signal = s["drug"], s["cells"], s["signal"]
    s.starts["cells"] = s["start"]
    taken = drug ** s["hill"] / (s["half"] ** s["hill"] + drug ** s["hill"])
    s.rates["drug"] = s["drip"] - s["ke"] * drug
    s.rates["cells"] = s["grow"] * cells * (1.0 - cells / s["half"]) - s["ka"] * taken * cells
    s.rates["signal"] = s["ka"] * (cells**0.7 - signal) + s["noise"] * (s["time"]).of("sin")
    s.rates["hazard"] = 0.01 * cells + (signal < 0.0).choose(0.0, signal.of("sqrt"))
    s.event("late", drug > s["half"], delay=s["wait"], signal=signal / s["grow"])
    s.event("reset", signal > 5.0, signal=0.1 * signal, resting=1.0, priority=s["ka"])
    s.event("again", signal > 5.0, cells=cells + s["noise"], persistent=False)
    s.event("death", s["hazard"] >= s["draw"], ends=True)
    return s.system()


SYSTEM = patient_of_everything()
NAMES = ("ka", "ke", "half", "hill", "grow", "noise", "wait", "draw", "start", "drug")
OUTPUTS = ["drug", "cells", "signal", "hazard", "resting"]
GIVEN = NAMES[:-1]

decades = st.floats(-6.0, 6.0).map(lambda e: 10.0**e)
numbers = st.one_of(
    decades,
    decades.map(lambda v: -v),
    st.sampled_from([0.0, -0.0, 1.0, math.nan, math.inf, -math.inf, 1e300, -1e300, 5e-324, 1e-310]),
)
usual = st.one_of(decades, decades, decades, decades, numbers)
horizons = st.floats(-9.0, 9.0).map(lambda e: 10.0**e)


@st.composite
def schedules(draw, horizon):
    """Doses at 0, at the horizon, twice at one time, past the end, of nothing."""
    times = st.one_of(
        st.sampled_from([0.0, horizon, horizon / 2, horizon * 2, math.nextafter(horizon, 0.0)]),
        st.floats(0.0, 1.0).map(lambda share: share * horizon),
    )
    rows = []
    for _ in range(draw(st.integers(0, 6))):
        row = Dose(
            patient=draw(st.one_of(st.just(ALL_PATIENTS), st.integers(0, N - 1))),
            time=draw(times),
            target=draw(st.sampled_from(["drug", "drug", "cells"])),
            amount=draw(st.one_of(decades, st.sampled_from([0.0, 1.0, 1e300]))),
            duration=0.0,
        )
        if row.target == "drug" and draw(st.booleans()):
            lasts = draw(st.one_of(st.floats(0.0, 2.0), st.just(1e-12))) * horizon
            row = Dose(**{**vars(row), "duration": lasts})
        rows += [row] * draw(st.integers(1, 2))
    return DoseTable(tuple(rows))


def assert_answered(result, times):
    """Every patient has a status that its numbers bear out."""
    assert len(result.outcomes) == result.values.shape[0]
    for row, item in enumerate(result.outcomes):
        clock = times if times.ndim == 1 else times[row]
        assert isinstance(item.outcome, Outcome)
        assert 0.0 <= item.time <= clock[-1]
        # A step may be tried once more than the limit before it is noticed.
        assert result.steps[row] <= MAX_STEPS + 1
        values = result.values[row]
        if item.outcome is Outcome.COMPLETED:
            assert np.isfinite(values).all()
            assert item.time == clock[-1]
            assert item.state == ""
        elif item.outcome is Outcome.EVENT:
            assert item.state == "death"
            assert np.isnan(values[clock > item.time]).all()
        else:
            assert item.outcome.is_failure
            assert item.message
            if item.outcome is not Outcome.NEGATIVE_STATE:
                # What was not reached is not made up.
                assert np.isnan(values[clock > item.time]).all()


@settings(max_examples=60)
@given(st.data())
def test_every_patient_gets_a_status(data):
    horizon = data.draw(horizons)
    values = np.array(
        data.draw(
            st.lists(
                st.lists(usual, min_size=len(GIVEN), max_size=len(GIVEN)), min_size=N, max_size=N
            )
        )
    )
    doses = data.draw(schedules(horizon))
    shares = np.unique([0.0, *data.draw(st.lists(st.floats(0.0, 1.0), max_size=3)), 1.0])
    times = np.unique(horizon * shares)
    tolerances = data.draw(
        st.sampled_from([Tolerances(), Tolerances(relative=1e-3), Tolerances(absolute=1e-14)])
    )
    asked = (SYSTEM, ParameterTable(GIVEN, values), doses, times, OUTPUTS)
    result = PopulationEngine(max_steps=MAX_STEPS, lanes=8, threads=1).simulate_system(
        *asked, tolerances=tolerances
    )
    assert_answered(result, times)
    # The same patients in single lanes: whatever went wrong beside them does not show.
    single = PopulationEngine(max_steps=MAX_STEPS, lanes=1, threads=2).simulate_system(
        *asked, tolerances=tolerances
    )
    np.testing.assert_array_equal(result.values, single.values)
    assert result.outcomes == single.outcomes


def hill(exponent):
    s = Sketch({"x": 0.0, "y": 0.0}, {"n": exponent, "k": 1.0, "x0": 0.0})
    s.starts["x"] = s["x0"]
    s.rates["x"] = -s["k"] * s["x"] ** s["n"]
    s.rates["y"] = s["x"] ** s["n"] / (1.0 + s["x"] ** s["n"]) - s["y"] ** 1.3
    return s.system()


POWERS = hill(2.0)


@settings(max_examples=60)
@given(
    st.lists(
        st.tuples(
            st.one_of(st.sampled_from([0.0, 1e-300, 1e-30, 1e-12]), decades),
            st.floats(0.05, 12.0),
            decades,
        ),
        min_size=8,
        max_size=8,
    )
)
def test_powers_of_zero_and_of_little_are_no_trouble(rows):
    """Zero stays zero, and what decays by a power stays between its start and zero."""
    start, exponent, rate = np.array(rows).T
    table = ParameterTable(("x0", "n", "k"), np.column_stack([start, exponent, rate]))
    times = np.array([0.0, 0.1, 1.0])
    result = PopulationEngine(max_steps=3_000).simulate_system(
        POWERS, table, DoseTable(), times, ["x", "y"]
    )
    for row, item in enumerate(result.outcomes):
        x = result.values[row, :, 0]
        if start[row] == 0:
            assert item.outcome is Outcome.COMPLETED
            np.testing.assert_array_equal(x, 0.0)
        elif exponent[row] >= 1:
            assert item.outcome is Outcome.COMPLETED, item
            exact = decayed(start[row], exponent[row], rate[row], times)
            np.testing.assert_allclose(x, exact, rtol=1e-3, atol=1e-6)


def decayed(start, n, rate, times):
    """Solution of x' = -k x**n."""
    if abs(n - 1) < 1e-9:
        return start * np.exp(-rate * times)
    with np.errstate(over="ignore"):
        return start * (1 + (n - 1) * rate * start ** (n - 1) * times) ** (-1 / (n - 1))


@settings(max_examples=40)
@given(st.floats(-9, 9), st.integers(0, 5), st.booleans())
def test_the_length_of_time_is_a_unit(exponent, doses, with_event):
    """A model in other units of time is the same model: horizons from 1e-9 to 1e9."""
    unit = 10.0**exponent
    s = Sketch({"x": 1.0, "n": 0.0}, {"k": 1.0 / unit, "draw": 1.0, "drip": 0.0})
    s.infused = {"x": "drip"}
    s.rates["x"] = s["drip"] - s["k"] * s["x"]
    s.rates["n"] = s["k"] + 0.0 * s["x"]
    if with_event:
        s.event("at the end", s["n"] >= s["draw"], x=100.0 * s["draw"])
    rows = [
        Dose(patient=ALL_PATIENTS, time=0.1 * k * unit, target="x", amount=1.0)
        for k in range(doses)
    ]
    times = unit * np.array([0.0, 0.05, 0.45, 0.9])
    result = PopulationEngine(max_steps=2_000).simulate_system(
        s.system(),
        ParameterTable((), np.empty((1, 0))),
        DoseTable(tuple(rows)),
        times,
        ["x"],
        tolerances=Tolerances(relative=1e-8, absolute=1e-10),
    )
    assert result.outcomes[0].outcome is Outcome.COMPLETED
    tau = times / unit
    exact = np.exp(-tau) + sum(
        (np.exp(-(tau - 0.1 * k)) * (tau > 0.1 * k) for k in range(doses)), np.zeros(4)
    )
    np.testing.assert_allclose(result.values[0, :, 0], exact, rtol=1e-6)


def with_tolerances(tolerances):
    values = np.array([[1.0, 1.0, 1.0], [1e5, 1.5, 0.0]])
    return PopulationEngine(max_steps=MAX_STEPS).simulate_system(
        SYSTEM,
        ParameterTable(("ka", "hill", "start"), values),
        DoseTable(),
        np.array([0.0, 1.0]),
        OUTPUTS,
        tolerances=tolerances,
    )


@pytest.mark.parametrize(("relative", "absolute"), [(0.0, 1e-8), (1e-6, 0.0), (1e-20, 1e-300)])
def test_odd_tolerances_end_with_a_status(relative, absolute):
    result = with_tolerances(Tolerances(relative=relative, absolute=absolute))
    assert_answered(result, np.array([0.0, 1.0]))


@pytest.mark.parametrize(
    ("relative", "absolute"), [(0.0, 0.0), (math.nan, 1e-8), (math.inf, 1e-8), (-1e-6, 1e-8)]
)
def test_tolerances_that_mean_nothing_are_refused(relative, absolute):
    with pytest.raises(ModelValueError, match="tolerances must be"):
        with_tolerances(Tolerances(relative=relative, absolute=absolute))
