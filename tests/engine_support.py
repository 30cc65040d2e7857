"""A slow, plain reading of a `System`, to check the reader without the compiled engine."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence

import numpy as np
from scipy.integrate import solve_ivp

from cxaxis.core.arrays import FloatArray
from cxaxis.engine.expressions import UNARY, Graph, Node
from cxaxis.engine.system import System


def evaluate(
    graph: Graph,
    nodes: Sequence[Node],
    *,
    time: float = 0.0,
    states: Sequence[float] = (),
    held: Sequence[float] = (),
) -> list[float]:
    """Return the values of some nodes; conditions come as 0 or 1."""
    with np.errstate(all="ignore"):
        values = compiled(graph, nodes)(
            np.float64(time), np.asarray(states, dtype=float), np.asarray(held, dtype=float)
        )
    return [float(value) for value in values]


_BINARY = {
    "add": "{} + {}",
    "subtract": "{} - {}",
    "multiply": "{} * {}",
    "divide": "divide({}, {})",
    "power": "power({}, {})",
    "minimum": "min({}, {})",
    "maximum": "max({}, {})",
    "less": "{} < {}",
    "less_equal": "{} <= {}",
    "equal": "{} == {}",
    "not_equal": "{} != {}",
    "and": "{} and {}",
}


def compiled(
    graph: Graph, nodes: Sequence[Node]
) -> Callable[[float, FloatArray, FloatArray], list[float]]:
    """Return nodes as one Python function of time, states and held values."""
    lines = ["def f(time, states, held):"]
    for node in graph.reachable(nodes):
        op, args, value = graph.term(node)
        names = [f"n{arg}" for arg in args]
        if op == "constant":
            text = repr(value) if math.isfinite(value) else f"float('{value}')"
        elif op == "time":
            text = "time"
        elif op in ("state", "held"):
            text = f"{'states' if op == 'state' else 'held'}[{int(value)}]"
        elif op in ("true", "false"):
            text = op.capitalize()
        elif op == "not":
            text = f"not {names[0]}"
        elif op == "select":
            text = f"{names[1]} if {names[0]} else {names[2]}"
        elif op in UNARY:
            text = f"unary('{op}', {names[0]})"
        else:
            text = _BINARY[op].format(*names)
        lines.append(f"    n{node} = {text}")
    lines.append(f"    return [{', '.join(f'n{node}' for node in nodes)}]")
    space = {"divide": _divide, "power": _power, "unary": _unary}
    exec("\n".join(lines), space)
    return space["f"]  # type: ignore[return-value]


def _divide(a: float, b: float) -> float:
    return float(np.divide(a, b))


def _power(a: float, b: float) -> float:
    return float(np.power(float(a), float(b)))


def _unary(name: str, x: float) -> float:
    try:
        return float(UNARY[name](x))
    except (ValueError, OverflowError):
        return math.nan


def held_at_start(system: System, given: Mapping[str, float] | None = None) -> list[float]:
    """Return the held values at time 0 of a patient with these values given."""
    values = [held.value for held in system.held]
    for name, value in (given or {}).items():
        values[system.settable[name]] = value
    starts = [(i, held.start) for i, held in enumerate(system.held) if held.start is not None]
    computed = evaluate(system.graph, [start for _, start in starts], held=values)
    for (i, _), value in zip(starts, computed, strict=True):
        values[i] = value
    return values


def course(
    system: System,
    times: Sequence[float],
    outputs: Sequence[str],
    given: Mapping[str, float] | None = None,
) -> FloatArray:
    """Return read-outs of a system without events, shape ``(n_time, n_output)``."""
    if system.events:
        msg = "this interpreter knows no events."
        raise ValueError(msg)
    held = np.array(held_at_start(system, given))
    start = evaluate(system.graph, [state.start for state in system.states], held=held)
    read = compiled(system.graph, [system.readable[name] for name in outputs])
    rates = compiled(system.graph, [state.rate for state in system.states])
    with np.errstate(all="ignore"):
        if not system.states:
            return np.array([read(t, np.array([]), held) for t in times], dtype=float)
        solution = solve_ivp(
            lambda t, y: rates(t, y, held),
            (0.0, max(times[-1], 1e-9)),
            start,
            method="LSODA",
            t_eval=times,
            rtol=1e-9,
            atol=1e-12,
            max_step=max(times[-1], 1e-9) / 50,
        )
        return np.array(
            [read(t, y, held) for t, y in zip(times, solution.y.T, strict=False)], dtype=float
        )
