"""Feature cases: the functions of MathML, read at several times against numpy."""

from __future__ import annotations

import math

import numpy as np

from conformance.feature_case import FeatureCase

# Within the domain of every inverse function below.
INSIDE = "u := 0.1 + 0.2*time;"
OUTSIDE = "v := 1.1 + 0.5*time;"


def _u(t):
    return 0.1 + 0.2 * t


def _v(t):
    return 1.1 + 0.5 * t


def _of(function, argument):
    return lambda t: function(argument(t))


def _case(name, lines, exact, extra=INSIDE + OUTSIDE):
    rules = "".join(f"{key} := {formula};" for key, formula in lines.items())
    # A state, so that there is something to integrate.
    return FeatureCase(name=name, antimony=f"{extra} {rules} x=1; x'=-x;", exact=exact)


CASES = [
    _case(
        "exponential, logarithms and roots",
        {"a": "exp(u)", "b": "ln(u)", "d": "log10(u)", "e": "log(2, u)", "f": "root(3, u)"},
        {
            "a": _of(np.exp, _u),
            "b": _of(np.log, _u),
            "d": _of(np.log10, _u),
            "e": _of(np.log2, _u),
            "f": _of(np.cbrt, _u),
        },
    ),
    _case(
        "odd root of a negative number",
        {"a": "root(3, -u)"},
        {"a": lambda t: -np.cbrt(_u(t))},
    ),
    _case(
        "trigonometric functions",
        {"a": "sin(v)", "b": "cos(v)", "d": "tan(u)", "e": "sec(u)", "f": "csc(u)", "g": "cot(u)"},
        {
            "a": _of(np.sin, _v),
            "b": _of(np.cos, _v),
            "d": _of(np.tan, _u),
            "e": lambda t: 1 / np.cos(_u(t)),
            "f": lambda t: 1 / np.sin(_u(t)),
            "g": lambda t: 1 / np.tan(_u(t)),
        },
    ),
    _case(
        "inverse trigonometric functions",
        {
            "a": "arcsin(u)",
            "b": "arccos(u)",
            "d": "arctan(v)",
            "e": "arcsec(v)",
            "f": "arccsc(v)",
            "g": "arccot(v)",
        },
        {
            "a": _of(np.arcsin, _u),
            "b": _of(np.arccos, _u),
            "d": _of(np.arctan, _v),
            "e": lambda t: np.arccos(1 / _v(t)),
            "f": lambda t: np.arcsin(1 / _v(t)),
            "g": lambda t: np.arctan(1 / _v(t)),
        },
    ),
    _case(
        "hyperbolic functions",
        {
            "a": "sinh(u)",
            "b": "cosh(u)",
            "d": "tanh(v)",
            "e": "sech(v)",
            "f": "csch(v)",
            "g": "coth(v)",
        },
        {
            "a": _of(np.sinh, _u),
            "b": _of(np.cosh, _u),
            "d": _of(np.tanh, _v),
            "e": lambda t: 1 / np.cosh(_v(t)),
            "f": lambda t: 1 / np.sinh(_v(t)),
            "g": lambda t: 1 / np.tanh(_v(t)),
        },
    ),
    _case(
        "inverse hyperbolic functions",
        {
            "a": "arcsinh(-v)",
            "b": "arccosh(v)",
            "d": "arctanh(u)",
            "e": "arcsech(u)",
            "f": "arccsch(v)",
            "g": "arccoth(v)",
        },
        {
            "a": lambda t: np.arcsinh(-_v(t)),
            "b": _of(np.arccosh, _v),
            "d": _of(np.arctanh, _u),
            "e": lambda t: np.arccosh(1 / _u(t)),
            "f": lambda t: np.arcsinh(1 / _v(t)),
            "g": lambda t: np.arctanh(1 / _v(t)),
        },
    ),
    _case(
        "rounding and size",
        {"a": "floor(v)", "b": "ceil(v)", "d": "abs(1 - time)", "e": "floor(-v)"},
        {
            "a": _of(np.floor, _v),
            "b": _of(np.ceil, _v),
            "d": lambda t: np.abs(1 - t),
            "e": lambda t: np.floor(-_v(t)),
        },
    ),
    _case(
        "smallest, largest, remainder and quotient",
        {
            "a": "min(u, v, 0.5)",
            "b": "max(u, v, 0.5)",
            "d": "rem(10.3, v)",
            "e": "quotient(10.3, v)",
            "f": "rem(-10.3, v)",
            "g": "quotient(-10.3, v)",
        },
        {
            "a": lambda t: np.minimum(_u(t), 0.5),
            "b": _v,
            "d": lambda t: np.fmod(10.3, _v(t)),
            "e": lambda t: np.trunc(10.3 / _v(t)),
            "f": lambda t: np.fmod(-10.3, _v(t)),
            "g": lambda t: np.trunc(-10.3 / _v(t)),
        },
    ),
    _case(
        "factorial of a number and of a formula",
        {"a": "factorial(6)", "b": "factorial(floor(v))"},
        {"a": lambda t: 720.0, "b": lambda t: np.array([math.factorial(int(v)) for v in _v(t)])},
    ),
    _case(
        "logic",
        {
            "a": "piecewise(1, time < 2 && v > 0 && u < 1, 0)",
            "b": "piecewise(1, time < 1 || time > 3, 0)",
            "d": "piecewise(1, !(time < 1), 0)",
            "e": "piecewise(1, xor(time < 1, time < 2, true), 0)",
            "f": "piecewise(1, implies(time > 1.9, time > 3.1), 0)",
        },
        {
            "a": lambda t: (t < 2) * 1.0,
            "b": lambda t: ((t < 1) | (t > 3)) * 1.0,
            "d": lambda t: (t >= 1) * 1.0,
            "e": lambda t: ((t < 1) | (t >= 2)) * 1.0,
            "f": lambda t: ((t <= 1.9) | (t > 3.1)) * 1.0,
        },
        "u := 0.1 + 0.2*time; v := 1.1;",
    ),
    _case(
        "comparisons of several numbers at once",
        {
            "a": "piecewise(1, gt(3, time, -1), 0)",
            "b": "piecewise(1, leq(0, time, 2), 0)",
            "d": "piecewise(1, eq(2, 2, 1 + 1), 0)",
            "e": "piecewise(1, neq(2, 3), 0)",
        },
        {
            "a": lambda t: (t < 3) * 1.0,
            "b": lambda t: (t <= 2) * 1.0,
            "d": lambda t: 1.0,
            "e": lambda t: 1.0,
        },
    ),
    _case(
        "named numbers",
        {"a": "pi", "b": "exponentiale", "d": "avogadro*1e-23"},
        {"a": lambda t: math.pi, "b": lambda t: math.e, "d": lambda t: 6.02214179},
    ),
    FeatureCase(
        name="whole powers, negative base and exponent",
        antimony="x = -2; x' = 0.25; a := x^3; b := x^-2; d := x^0; e := x^17;",
        exact={
            "a": lambda t: (t / 4 - 2) ** 3,
            "b": lambda t: (t / 4 - 2) ** -2.0,
            "d": lambda t: 1.0,
            "e": lambda t: (t / 4 - 2) ** 17,
        },
    ),
]
