"""Derivatives of random reaction networks against finite differences."""

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from cxaxis.engine.doses import ALL_PATIENTS, Dose, DoseTable
from cxaxis.engine.protocol import ParameterTable, Tolerances
from cxaxis.engine.sensitivity import simulate_with_sensitivities
from sketch_support import Sketch
from tangent_support import SlowEngine

TIGHT = Tolerances(relative=1e-11, absolute=1e-13)
TIMES = np.array([0.3, 0.8, 1.5, 2.4])
SPECIES = ("a", "b", "c")
# Four-point differences of this relative width: neither their error nor rounding shows.
WIDTH = 2e-3

names = st.sampled_from(SPECIES)
reactions = st.one_of(
    st.tuples(st.just("turn"), names, names),
    st.tuples(st.just("bind"), names, names, names),
    st.tuples(st.just("saturate"), names, names),
    st.tuples(st.just("appear"), names),
    st.tuples(st.just("vanish"), names),
)
numbers = st.floats(0.2, 2.0)


def network(steps, constants, starts):
    """Return mass action and saturable steps, and a state that only rises."""
    held = {f"k{i}": constants[i] for i in range(len(steps))} | {
        "half": 0.8,
        "level": 0.9,
        "noted": 0.0,
    }
    s = Sketch({**dict(zip(SPECIES, starts, strict=True)), "rise": 0.0}, held)
    rates = dict.fromkeys(SPECIES, 0.0 * s["half"])
    for i, (kind, *of) in enumerate(steps):
        k = s[f"k{i}"]
        if kind == "appear":
            rates[of[0]] = rates[of[0]] + k
            continue
        speed = k * s[of[0]]
        if kind == "bind":
            speed = speed * s[of[1]]
            rates[of[1]] = rates[of[1]] - speed
        if kind == "saturate":
            speed = speed / (s["half"] + s[of[0]])
        rates[of[0]] = rates[of[0]] - speed
        if kind != "vanish":
            rates[of[-1]] = rates[of[-1]] + speed
    s.rates = rates | {"rise": s["k0"] * (0.5 + s["a"]) / (1.0 + s["b"])}
    return s


def differences(system, wrt, doses):
    """Return derivatives from four neighbours, shape (n_time, n_output, n_wrt), and event times."""
    found, noted = [], []
    for name in wrt:
        value = system.held[system.settable[name]].value
        steps = np.array([1.0, -1.0, 2.0, -2.0]) * WIDTH * value
        table = ParameterTable((name,), (value + steps)[:, np.newaxis])
        values = (
            SlowEngine()
            .simulate_system(
                system, table, DoseTable(doses), TIMES, [*SPECIES, "noted"], tolerances=TIGHT
            )
            .values
        )
        near, far = values[0] - values[1], values[2] - values[3]
        found.append((8 * near - far)[:, :3] / (12 * WIDTH * value))
        noted.extend(values[:, -1, 3])
    return np.stack(found, axis=-1), np.array(noted)


def check(sketch, wrt, doses=()):
    system = sketch.system()
    exact, noted = differences(system, wrt, doses)
    # A reading inside the span of an event's times has no difference quotient.
    assume(all(((noted < t) | (noted == 0)).all() or (noted > t).all() for t in TIMES))
    found = simulate_with_sensitivities(
        SlowEngine(),
        system,
        ParameterTable((), np.empty((1, 0))),
        wrt,
        DoseTable(doses),
        TIMES,
        SPECIES,
        tolerances=TIGHT,
    )
    assert found.derivatives[0] == pytest.approx(exact, rel=1e-5, abs=1e-6)


@settings(max_examples=25)
@given(
    steps=st.lists(reactions, min_size=2, max_size=5),
    constants=st.lists(numbers, min_size=5, max_size=5),
    starts=st.lists(st.floats(0.0, 2.0), min_size=3, max_size=3),
    amount=st.floats(0.0, 2.0),
    duration=st.sampled_from([0.0, 0.5]),
)
def test_networks_with_a_dose(steps, constants, starts, amount, duration):
    s = network(steps, constants, starts)
    s.held_values["inflow"] = 0.0
    s.infused = {"a": "inflow"}
    s.rates["a"] = s.rates["a"] + s["inflow"]
    dose = Dose(patient=ALL_PATIENTS, time=0.5, target="a", amount=amount, duration=duration)
    check(s, ["k0", "k1", "half"], (dose,))


@settings(max_examples=25)
@given(
    steps=st.lists(reactions, min_size=2, max_size=5),
    constants=st.lists(numbers, min_size=5, max_size=5),
    starts=st.lists(st.floats(0.1, 2.0), min_size=3, max_size=3),
    target=names,
    share=st.floats(0.1, 2.0),
    kind=st.sampled_from(["event", "delay", "late values", "jump", "event and jump"]),
)
def test_networks_that_change_at_a_threshold(steps, constants, starts, target, share, kind):
    s = network(steps, constants, starts)
    reached = s["rise"] > s["level"]
    if "jump" in kind:
        s.rates[target] = reached.choose(share * s["k0"], s.rates[target])
    other = SPECIES[SPECIES.index(target) - 1]
    changes = {target: share * s[target] + s["k1"] * s[other], other: s[target] + 0.1 * s["time"]}
    if kind == "jump":
        s.event("note", reached, noted=s["time"])
    elif kind in ("delay", "late values"):
        s.event(
            "late",
            reached,
            delay=0.2 * s["level"] + 0.1 * s[target],
            noted=s["time"],
            values_at_trigger=kind == "delay",
            **changes,
        )
        # Its values are those of the trigger, so another event tells when they are assigned.
        s.event("note", s["noted"] > 0.0, noted=s["time"])
    else:
        s.event("now", reached, noted=s["time"], **changes)
    check(s, ["k0", "k1", "level"])
