"""Feature cases: rules, initial assignments, function definitions, choices, time."""

from __future__ import annotations

import numpy as np

from conformance.feature_case import FeatureCase

exp = np.exp

CASES = [
    FeatureCase(
        name="harmonic oscillator of two rate rules",
        antimony="x = 1; y = 0; w = 2; x' = w*y; y' = -w*x;",
        exact={"x": lambda t: np.cos(2 * t), "y": lambda t: -np.sin(2 * t)},
    ),
    FeatureCase(
        name="logistic growth",
        antimony="x = 0.1; x' = x*(1 - x);",
        exact={"x": lambda t: 1 / (1 + 9 * exp(-t))},
    ),
    FeatureCase(
        name="Gompertz growth",
        antimony="x = 0.1; x' = 0.8*x*ln(1/x);",
        exact={"x": lambda t: exp(np.log(0.1) * exp(-0.8 * t))},
    ),
    FeatureCase(
        name="a root as a rate",
        antimony="x = 9; x' = -sqrt(x);",
        exact={"x": lambda t: (3 - t / 2) ** 2},
    ),
    FeatureCase(
        name="a power that is not whole",
        antimony="x = 1; n = 1.5; x' = -x^n;",
        exact={"x": lambda t: (1 + t / 2) ** -2},
    ),
    FeatureCase(
        name="time in a rate",
        antimony="x = 0; x' = cos(time);",
        exact={"x": np.sin},
    ),
    FeatureCase(
        name="time in a rate law",
        antimony="species s; s=0; -> s; exp(-time);",
        exact={"s": lambda t: 1 - exp(-t)},
    ),
    FeatureCase(
        name="assignment rules in any order",
        antimony="z := y + 1; y := 2*x; x = 1; x' = 1; w := z^2;",
        exact={
            "y": lambda t: 2 + 2 * t,
            "z": lambda t: 3 + 2 * t,
            "w": lambda t: (3 + 2 * t) ** 2,
        },
    ),
    FeatureCase(
        name="an assignment rule within a rate law",
        antimony="species s; s=4; k := 1/(1 + time); s -> ; k*s;",
        exact={"s": lambda t: 4 / (1 + t), "k": lambda t: 1 / (1 + t)},
    ),
    FeatureCase(
        name="initial assignments through one another",
        antimony="a = 3; b = 2*a; d = b + e; e := 4; species s; s = d; s -> ; s;",
        exact={"s": lambda t: 10 * exp(-t), "b": lambda t: 6.0, "d": lambda t: 10.0},
    ),
    FeatureCase(
        name="initial assignment of a concentration",
        antimony="compartment c=5; species s in c; p = 2; s = p + 1;",
        exact={"s": lambda t: 3.0, "amount(s)": lambda t: 15.0},
    ),
    FeatureCase(
        name="initial assignment of a size",
        antimony="compartment c; v = 3; c = 2*v; species s in c; s = 4; s -> ; s*c;",
        exact={"amount(s)": lambda t: 24 * exp(-t), "c": lambda t: 6.0},
    ),
    FeatureCase(
        name="initial assignment of a quantity with a rate rule",
        antimony="k = 2; x = k^2; x' = -k*x;",
        exact={"x": lambda t: 4 * exp(-2 * t)},
    ),
    FeatureCase(
        name="initial assignment that reads a rate of reaction",
        antimony="species s; s = 5; J: s -> ; 0.1*s; p = 2*J;",
        exact={"p": lambda t: 1.0},
    ),
    FeatureCase(
        name="functions that call functions",
        before="""function twice(x)
              2*x
            end
            function affine(a, x, b)
              twice(a*x)/2 + b
            end""",
        antimony="y = 0; y' = affine(3, time, 1);",
        exact={"y": lambda t: 1.5 * t**2 + t},
    ),
    FeatureCase(
        name="a function whose argument has the name of a quantity",
        before="""function f(k, x)
              k*x
            end""",
        antimony="k = 7; x = 2; y := f(x, 3) + k;",
        exact={"y": lambda t: 13.0},
    ),
    FeatureCase(
        name="a choice by time: a pulse",
        antimony="x = 0; x' = piecewise(2, time >= 1 && time < 2, 0);",
        exact={"x": lambda t: 2 * np.clip(t - 1, 0, 1)},
    ),
    FeatureCase(
        name="a choice by state: growth up to a ceiling",
        antimony="x = 0; x' = piecewise(1, x < 1.3, 0);",
        exact={"x": lambda t: np.minimum(t, 1.3)},
    ),
    FeatureCase(
        name="a choice of three",
        antimony="x = 0; x' = piecewise(1, time < 1, -1, time < 2, 3);",
        exact={"x": lambda t: np.where(t < 1, t, np.where(t < 2, 2 - t, 3 * (t - 2)))},
    ),
    FeatureCase(
        name="the rate of a state in a formula",
        antimony="x = 2; x' = -0.5*x; y := rateOf(x); z = 0; z' = rateOf(x);",
        exact={"y": lambda t: -exp(-0.5 * t), "z": lambda t: 2 * exp(-0.5 * t) - 2},
    ),
    FeatureCase(
        name="the rate of a concentration in a growing compartment",
        antimony="compartment c; c=1; c'=1; species s in c; s=3; -> s; 2; y := rateOf(s);",
        # (3 + 2t)/(1 + t)
        exact={"s": lambda t: (3 + 2 * t) / (1 + t), "y": lambda t: -1 / (1 + t) ** 2},
    ),
    FeatureCase(
        name="the rate of a constant is zero",
        antimony="k = 4; y := rateOf(k) + 1;",
        exact={"y": lambda t: 1.0},
    ),
    FeatureCase(
        name="true and false as numbers, numbers as true and false",
        antimony="a := (time < 2) + 1; b := piecewise(5, 2, 7); d := piecewise(5, 0, 7);",
        exact={
            "a": lambda t: np.where(t < 2, 2, 1),
            "b": lambda t: 5.0,
            "d": lambda t: 7.0,
        },
    ),
]
