"""A slow engine for systems: plain Python formulas, scipy steps, events by bisection."""

from __future__ import annotations

import math

import numpy as np
from scipy.integrate import DOP853, LSODA

from cxaxis.core.outcomes import Outcome, PatientOutcome
from cxaxis.engine.doses import stops_of
from cxaxis.engine.protocol import SimulationResult, Tolerances
from cxaxis.engine.system import System

_PYTHON = {
    "add": "{0} + {1}",
    "subtract": "{0} - {1}",
    "multiply": "{0} * {1}",
    "divide": "divided({0}, {1})",
    "power": "math.pow({0}, {1})",
    "negate": "-{0}",
    "absolute": "abs({0})",
    "minimum": "min({0}, {1})",
    "maximum": "max({0}, {1})",
    "select": "({1} if {0} else {2})",
    "less": "{0} < {1}",
    "less_equal": "{0} <= {1}",
    "equal": "{0} == {1}",
    "not_equal": "{0} != {1}",
    "and": "({0} and {1})",
    "not": "not {0}",
    "true": "True",
    "false": "False",
    "time": "t",
}
_RENAMED = {"arcsin": "asin", "arccos": "acos", "arctan": "atan"}


def divided(a, b):
    return a / b if b else math.copysign(math.inf, a) if a else math.nan


def compiled(graph, roots):
    """Return the function (t, states, held) -> values of ``roots``."""
    lines = ["def run(t, y, h):"]
    for node in graph.reachable(roots):
        op, args, number = graph.term(node)
        names = [f"v{arg}" for arg in args]
        if op == "constant":
            formula = f"float({str(number)!r})"
        elif op in ("state", "held"):
            formula = f"{op[0].replace('s', 'y')}[{int(number)}]"
        elif op in _PYTHON:
            formula = _PYTHON[op].format(*names)
        else:
            formula = f"math.{_RENAMED.get(op, op)}({names[0]})"
        lines.append(f"    v{node} = {formula}")
    lines.append("    return [" + ", ".join(f"v{root}" for root in roots) + "]")
    scope = {"math": math, "divided": divided}
    exec("\n".join(lines), scope)
    return scope["run"]


class SlowEngine:
    """What `simulate_system` promises, one patient after another."""

    def __init__(self, *, max_step=math.inf, stiff=False):
        self.max_step = max_step
        self.stiff = stiff

    def simulate_system(
        self, system, parameters, doses, times, outputs, *, tolerances=None, endings=()
    ):
        chosen = tolerances or Tolerances(relative=1e-10, absolute=1e-12)
        clock = np.broadcast_to(
            np.atleast_2d(times), (parameters.n_patient, np.shape(times)[-1])
        ).tolist()
        rows = []
        for k, row in enumerate(parameters.values):
            given = dict(zip(parameters.names, row.tolist(), strict=True))
            stops = stops_of(doses.of_patient(k), clock[k][-1])
            rows.append(_Course(system, self, chosen, given).run(stops, clock[k], outputs))
        done = PatientOutcome(outcome=Outcome.COMPLETED, time=float(np.max(times)))
        return SimulationResult(
            times=np.asarray(times),
            names=tuple(outputs),
            values=np.array(rows),
            outcomes=(done,) * len(rows),
            tolerances=chosen,
        )


class _Course:
    def __init__(self, system: System, engine, tolerances, given):
        self.system, self.engine, self.tolerances = system, engine, tolerances
        graph = system.graph
        self.rates = compiled(graph, [s.rate for s in system.states])
        self.triggers = compiled(graph, [e.trigger for e in system.events])
        self.held = [h.value for h in system.held]
        for name, value in given.items():
            self.held[system.settable[name]] = value
        starts = [(k, h.start) for k, h in enumerate(system.held) if h.start is not None]
        found = compiled(graph, [start for _, start in starts])(0.0, [], self.held)
        for (k, _), value in zip(starts, found, strict=True):
            self.held[k] = value
        self.states = compiled(graph, [s.start for s in system.states])(0.0, [], self.held)
        self.fired = []

    def value(self, node, t):
        return compiled(self.system.graph, [node])(t, self.states, self.held)[0]

    def run(self, stops, times, outputs):
        read = compiled(self.system.graph, [self.system.readable[name] for name in outputs])
        self.was = [event.starts_true for event in self.system.events]
        self.waiting = []
        table, stops, t = [], list(stops), 0.0
        for upcoming in times:
            while True:
                if t == upcoming and len(table) < len(times) and times[len(table)] == t:
                    table.append(read(t, self.states, self.held))
                while stops and stops[0].time <= t:
                    self.dose(stops.pop(0))
                self.events_at(t)
                if t >= upcoming:
                    break
                end = min([upcoming, *(s.time for s in stops), *(w[0] for w in self.waiting)])
                t = self.advance(t, end)
        return table

    def dose(self, stop):
        for target, amount in stop.boluses:
            self.states[self.system.doseable[target]] += amount
        for target, rate in stop.rates:
            self.held[self.system.infused[target]] = rate

    def advance(self, t, end):
        """Go on to ``end`` or to where a trigger turns true, whichever comes first."""
        solver = (LSODA if self.engine.stiff else DOP853)(
            lambda t, y: self.rates(t, y.tolist(), self.held),
            t,
            np.array(self.states),
            end,
            rtol=max(self.tolerances.relative, 3e-14),
            atol=self.tolerances.absolute,
            max_step=self.engine.max_step,
        )
        while solver.status == "running":
            assert solver.step() is None
            dense = solver.dense_output()

            def turned(when, dense=dense):
                now = self.triggers(when, dense(when).tolist(), self.held)
                return any(b and not a for a, b in zip(self.was, now, strict=True))

            low, high = solver.t_old, solver.t
            if not turned(high):
                self.was = self.triggers(high, solver.y.tolist(), self.held)
                continue
            while high - low > 4e-16 * max(1.0, abs(high)):
                middle = 0.5 * (low + high)
                if middle in (low, high):
                    break
                low, high = (low, middle) if turned(middle) else (middle, high)
            self.was = self.triggers(low, dense(low).tolist(), self.held)
            self.states = dense(high).tolist()
            return high
        self.states = solver.y.tolist()
        return end

    def events_at(self, t):
        events = self.system.events
        while events:
            now = self.triggers(t, self.states, self.held)
            for event, before, after in zip(events, self.was, now, strict=True):
                if after and not before:
                    due = t + (0.0 if event.delay is None else self.value(event.delay, t))
                    captured = self.assigned(event, t) if event.values_at_trigger else None
                    self.waiting.append((due, event, captured))
            self.was = now
            holds = dict(zip((id(e) for e in events), now, strict=True))
            self.waiting = [w for w in self.waiting if w[1].persistent or holds[id(w[1])]]
            due = [w for w in self.waiting if w[0] <= t]
            if not due:
                return
            chosen = max(
                due,
                key=lambda w: -math.inf if w[1].priority is None else self.value(w[1].priority, t),
            )
            self.waiting = [w for w in self.waiting if w is not chosen]
            self.fired.append((t, chosen[1].name))
            values = self.assigned(chosen[1], t) if chosen[2] is None else chosen[2]
            for (target, _), value in zip(chosen[1].assignments, values, strict=True):
                (self.states if target.kind == "state" else self.held)[target.index] = value

    def assigned(self, event, t):
        formulas = [formula for _, formula in event.assignments]
        return compiled(self.system.graph, formulas)(t, self.states, self.held)
