"""Feature cases: events of every kind."""

from __future__ import annotations

import numpy as np

from conformance.feature_case import FeatureCase

exp = np.exp
# None of these is a moment at which something below jumps.
TIMES = tuple(float(t) for t in np.linspace(0.03, 4.03, 17))


def _step(at, before, after):
    return lambda t: np.where(t < at, before, after)


def _case(name, antimony, **exact):
    return FeatureCase(name=name, antimony=antimony, exact=exact, times=TIMES)


CASES = [
    _case(
        "a bolus at a time",
        "species s; s=1; s -> ; s; E: at time >= 1.3: s = s + 2;",
        s=lambda t: exp(-t) + np.where(t < 1.3, 0, 2 * exp(-(t - 1.3))),
    ),
    _case(
        "an event by state, again and again",
        "x = 0; x' = 1; n = 0; E: at x > 1: x = 0, n = n + 1;",
        x=lambda t: t % 1.0,
        n=np.floor,
    ),
    _case(
        "an event by an oscillating trigger",
        "n = 0; x = 0; x' = 1; E: at sin(5*x) > 0.5: n = n + 1;",
        n=lambda t: np.floor((5 * t - np.pi / 6) / (2 * np.pi)) + 1,
    ),
    _case(
        "a delay, with the value at the trigger",
        "x = 0; x' = 1; y = 0; E: at 1 after x > 1.2: y = x;",
        y=_step(2.2, 0.0, 1.2),
    ),
    _case(
        "a delay, with the value after it",
        "x = 0; x' = 1; y = 0; E: at 1 after x > 1.2, fromTrigger=false: y = x;",
        y=_step(2.2, 0.0, 2.2),
    ),
    _case(
        "a delay that is a formula of the trigger's moment",
        "x = 0; x' = 1; y = 0; E: at x/2 after x > 1.2: y = 1;",
        y=_step(1.8, 0.0, 1.0),
    ),
    _case(
        "a waiting event that is called off",
        "x = 0; x' = piecewise(1, time < 1.5, -1); y = 0;"
        "E: at 1 after x > 1, persistent=false: y = 1;",
        y=lambda t: 0.0,
    ),
    _case(
        "a waiting event that outlives its trigger",
        "x = 0; x' = piecewise(1, time < 1.5, -1); y = 0;"
        "E: at 1.1 after x > 1, persistent=true: y = 1;",
        y=_step(2.1, 0.0, 1.0),
    ),
    _case(
        "priorities put events in order",
        "y = 0; x = 0; x' = 1; E1: at x > 1.2, priority=1, fromTrigger=false: y = 2*y;"
        "E2: at x > 1.2, priority=5, fromTrigger=false: y = y + 3;",
        y=_step(1.2, 0.0, 6.0),
    ),
    _case(
        "values at the trigger do not see the event before",
        "y = 1; z = 0; x = 0; x' = 1; E1: at x > 1.2, priority=5: y = 10;"
        "E2: at x > 1.2, priority=1: z = y;",
        z=_step(1.2, 0.0, 1.0),
    ),
    _case(
        "an event called off by the one before it",
        "y = 0; z = 0; x = 0; x' = 1; E1: at x > 1.2, priority=5: x = 0, y = y + 1;"
        "E2: at x > 1.2, priority=1, persistent=false: z = 1;",
        z=lambda t: 0.0,
        y=lambda t: np.floor(t / 1.2),
    ),
    _case(
        "an event that is true from before the start does not fire at it",
        "y = 0; x = 1; x' = 1; E: at x > 0, t0=true: y = 1;",
        y=lambda t: 0.0,
    ),
    _case(
        "an event that counts as false before the start fires at it",
        "y = 0; x = 1; x' = 1; E: at x > 0, t0=false: y = 1;",
        y=lambda t: 1.0,
    ),
    _case(
        "assignments of one event happen at once",
        "a = 1; b = 2; x = 0; x' = 1; E: at x > 1.2: a = b, b = a;",
        a=_step(1.2, 1.0, 2.0),
        b=_step(1.2, 2.0, 1.0),
    ),
    _case(
        "one event sets off another",
        "a = 0; b = 0; x = 0; x' = 1; E1: at x > 1.2: a = 1; E2: at a > 0.5: b = 7;",
        b=_step(1.2, 0.0, 7.0),
    ),
    _case(
        "a concentration is set, in a compartment of size 4",
        "compartment c=4; species s in c; s = 1; E: at time >= 1.3: s = 5;",
        **{"s": _step(1.3, 1.0, 5.0), "amount(s)": _step(1.3, 4.0, 20.0)},
    ),
    _case(
        "an amount is set",
        "compartment c=4; substanceOnly species s in c; s = 8; E: at time >= 1.3: s = 2;",
        **{"s": _step(1.3, 2.0, 0.5), "amount(s)": _step(1.3, 8.0, 2.0)},
    ),
    _case(
        "a compartment changes and keeps the amount",
        "compartment c; c=1; species s in c; s=6; s -> ; 0.5*s*c; E: at time >= 1.3: c = 3;",
        **{
            "amount(s)": lambda t: 6 * exp(-0.5 * t),
            "s": lambda t: 6 * exp(-0.5 * t) / np.where(t < 1.3, 1, 3),
        },
    ),
    _case(
        "a compartment and a concentration in it, by one event",
        "compartment c; c=2; species s in c; s=6; E: at time >= 1.3: c = 4, s = 10;",
        # The concentration is set in the compartment as it was.
        **{"amount(s)": _step(1.3, 12.0, 20.0), "s": _step(1.3, 6.0, 5.0)},
    ),
    _case(
        "a concentration with a rate rule in a compartment that changes",
        "compartment c; c=2; species $s in c; s=3; s' = 1; E: at time >= 1.3: c = 4;",
        s=lambda t: np.where(t < 1.3, 3 + t, (3 + 1.3) / 2 + (t - 1.3)),
    ),
    _case(
        "a boundary species is set",
        "species $s, p; s=1; p=0; -> p; s; E: at time >= 1.3: s = 3;",
        s=_step(1.3, 1.0, 3.0),
        p=lambda t: np.where(t < 1.3, t, 1.3 + 3 * (t - 1.3)),
    ),
    _case(
        "a stoichiometry is set",
        "species s; s=0; -> n s; 1; n = 1; E: at time >= 1.3: n = 4;",
        s=lambda t: np.where(t < 1.3, t, 1.3 + 4 * (t - 1.3)),
    ),
    _case(
        "a constant in a rate is set",
        "x = 1; k = 0.5; x' = -k*x; E: at x < 0.7: k = 0;",
        x=lambda t: np.maximum(exp(-0.5 * t), 0.7),
    ),
    _case(
        "a window narrower than a step",
        "x = 0; x' = 1; y = 0; E: at x > 1.2 && x < 1.21: y = 1;",
        y=_step(1.2, 0.0, 1.0),
    ),
]
