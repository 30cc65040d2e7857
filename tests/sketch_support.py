"""Small systems written down in a test: names become leaves, operators become nodes."""

from __future__ import annotations

import numpy as np

from cxaxis.engine.doses import ALL_PATIENTS, Dose, DoseTable
from cxaxis.engine.expressions import Graph
from cxaxis.engine.population import PopulationEngine
from cxaxis.engine.protocol import ParameterTable, Tolerances
from cxaxis.engine.system import Event, Held, State, System, Target


class Sketch:
    """A system written down in a test: names become leaves, rates follow."""

    def __init__(self, states, held):
        self.graph = Graph()
        self.state_names, self.held_values = list(states), dict(held)
        self.starts, self.rates, self.events, self.more = dict(states), {}, [], {}
        self.infused = {}

    def __getitem__(self, name):
        graph = self.graph
        if name == "time":
            return Formula(graph, graph.time())
        if name in self.state_names:
            return Formula(graph, graph.state(self.state_names.index(name)))
        return Formula(graph, graph.held(list(self.held_values).index(name)))

    def system(self):
        graph = self.graph
        held, settable = [], {}
        for k, (name, value) in enumerate(self.held_values.items()):
            start = value.node if isinstance(value, Formula) else None
            held.append(Held(name=name, value=0.0 if start else value, start=start))
            settable[name] = k
        states = tuple(
            State(
                name=name,
                rate=as_node(graph, self.rates.get(name, 0.0)),
                start=as_node(graph, self.starts[name]),
            )
            for name in self.state_names
        )
        readable = {name: self[name].node for name in (*self.state_names, *self.held_values)}
        readable |= {name: as_node(graph, formula) for name, formula in self.more.items()}
        return System(
            graph=graph,
            states=states,
            held=tuple(held),
            events=tuple(self.events),
            readable=readable,
            doseable={name: i for i, name in enumerate(self.state_names)},
            infused={
                name: list(self.held_values).index(rate) for name, rate in self.infused.items()
            },
            settable=settable,
        )

    def event(self, name, trigger, *, ends=False, delay=None, priority=None, **options):
        """Add an event; options that name a state or held value are assignments."""
        graph = self.graph
        settings = {
            k: options.pop(k)
            for k in ("starts_true", "persistent", "values_at_trigger")
            if k in options
        }
        assignments = []
        for target, formula in options.items():
            term = graph.term(self[target].node)
            assignments.append(
                (Target(kind=term.op, index=int(term.value)), as_node(graph, formula))
            )
        self.events.append(
            Event(
                name=name,
                trigger=trigger.node,
                assignments=tuple(assignments),
                ends=ends,
                delay=None if delay is None else as_node(graph, delay),
                priority=None if priority is None else as_node(graph, priority),
                **settings,
            )
        )


def as_node(graph, value):
    return value.node if isinstance(value, Formula) else graph.constant(value)


class Formula:
    """A node with Python's operators."""

    def __init__(self, graph, node):
        self.graph, self.node = graph, node

    def _with(self, name, other, *, swap=False, **_):
        nodes = (self.node, as_node(self.graph, other))
        return Formula(self.graph, getattr(self.graph, name)(*(nodes[::-1] if swap else nodes)))

    def __add__(self, other):
        return self._with("add", other)

    __radd__ = __add__

    def __sub__(self, other):
        return self._with("subtract", other)

    def __rsub__(self, other):
        return self._with("subtract", other, swap=True)

    def __mul__(self, other):
        return self._with("multiply", other)

    __rmul__ = __mul__

    def __truediv__(self, other):
        return self._with("divide", other)

    def __rtruediv__(self, other):
        return self._with("divide", other, swap=True)

    def __pow__(self, other):
        return self._with("power", other)

    def __neg__(self):
        return Formula(self.graph, self.graph.negate(self.node))

    def __lt__(self, other):
        return Formula(
            self.graph, self.graph.compare("less", self.node, as_node(self.graph, other))
        )

    def __gt__(self, other):
        return Formula(
            self.graph, self.graph.compare("less", as_node(self.graph, other), self.node)
        )

    def __le__(self, other):
        return ~(self > other)

    def __ge__(self, other):
        return ~(self < other)

    def __and__(self, other):
        return self._with("both", other)

    def __or__(self, other):
        return self._with("either", other)

    def __invert__(self):
        return Formula(self.graph, self.graph.negation(self.node))

    def of(self, name):
        return Formula(self.graph, self.graph.unary(name, self.node))

    def choose(self, a, b):
        graph = self.graph
        return Formula(graph, graph.select(self.node, as_node(graph, a), as_node(graph, b)))


TIGHT = Tolerances(relative=1e-11, absolute=1e-14)
NOBODY_SPECIAL = ParameterTable((), np.empty((1, 0)))


def columns(**given):
    """Return a table of patients; a number stands for all of them."""
    arrays = np.broadcast_arrays(*(np.atleast_1d(c).astype(float) for c in given.values()))
    return ParameterTable(tuple(given), np.column_stack(arrays))


def dose(time, amount, duration=0.0, target="gut", patient=ALL_PATIENTS):
    """Return a dose, into the gut of everybody unless said otherwise."""
    return Dose(patient=patient, time=time, target=target, amount=amount, duration=duration)


def simulate(
    system,
    times,
    outputs,
    *,
    doses=(),
    table=NOBODY_SPECIAL,
    tolerances=TIGHT,
    endings=(),
    **options,
):
    """Return what the population engine, made with ``options``, gives for a system."""
    return PopulationEngine(**options).simulate_system(
        system,
        table,
        DoseTable(tuple(doses)),
        np.asarray(times, dtype=float),
        outputs,
        tolerances=tolerances,
        endings=endings,
    )
