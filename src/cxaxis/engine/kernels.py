"""The kernels of one model: rates, factors, triggers and starting values as machine code."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

from cxaxis.engine.elimination import Entry, factorise, solution
from cxaxis.engine.emit import WHOLE, Code, Row, Rows
from cxaxis.engine.expressions import Graph, Node
from cxaxis.engine.outline import outlined
from cxaxis.engine.rodas5p import N_STAGE
from cxaxis.engine.system import System
from cxaxis.engine.unit import Assignment, Calls, Places, Scratch, Unit, Values
from cxaxis.engine.watching import residual, switches, watched

# A solution that misses an equation by more than the first share of its terms, and by what
# moves a state by more than the second share of its tolerance, has lost digits that a step
# needs: a pivot was too small.
LARGEST_GAP = 1e-10
LARGEST_SHIFT = 0.01


@dataclass(frozen=True)
class Layout:
    """Rows of a lane's memory that the kernels read and write.

    Attributes
    ----------
    time, point, held
        Where formulas are evaluated: time, state vector, held values.
    right
        Right-hand side of the linear system of a stage; rates are added to it.
    relative, absolute
        Tolerances.
    inverse_step
        ``1 / (gamma h)``.
    small_pivot
        1 where a pivot of the last factorisation was too small to solve with, else 0.
    stages
        Stage vectors, one after the other.
    slope
        Change of the rates in time alone; of no rows if no rate depends on time.
    truth, residual
        Watched comparisons as 1 or 0, and numbers that change sign with them.
    triggered
        Triggers as 1 or 0.
    switches
        Next times at which rates or triggers jump.
    assigned, answer
        Values that an event assigns; its delay or priority.
    """

    time: Row
    point: Row
    held: Row
    right: Row
    relative: Row
    absolute: Row
    inverse_step: Row
    small_pivot: Row
    stages: Row
    slope: Row
    truth: Row
    residual: Row
    triggered: Row
    switches: Row
    assigned: Row
    answer: Row

    def stage(self, index: int, n: int) -> Row:
        """Return the rows of one stage vector."""
        return Row(self.stages.start + index * n, n)


def _outlined(system: System) -> System:
    """Return a system whose long functions are calls of shared ones."""
    graph = system.graph
    rates = outlined(graph, [state.rate for state in system.states])
    formulas = [node for event in system.events for _, node in event.assignments]
    values = iter(outlined(graph, formulas))
    return replace(
        system,
        states=tuple(
            replace(state, rate=rate) for state, rate in zip(system.states, rates, strict=True)
        ),
        events=tuple(
            replace(
                event, assignments=tuple((target, next(values)) for target, _ in event.assignments)
            )
            for event in system.events
        ),
    )


class Formulas:
    """What the kernels of a system compute, as nodes."""

    def __init__(self, system: System) -> None:
        self.system = _outlined(system)
        self.graph: Graph = system.graph
        self.n = len(system.states)

    @cached_property
    def rates(self) -> tuple[Node, ...]:
        """Rate of every state."""
        return tuple(state.rate for state in self.system.states)

    @cached_property
    def jacobian(self) -> dict[Entry, Node]:
        """Non-zero entries of the Jacobian."""
        leaf = {self.graph.state(j): j for j in range(self.n)}
        return {
            (i, leaf[node]): slope
            for i, rate in enumerate(self.rates)
            for node, slope in self.graph.gradient(rate, by_held=False).items()
            if node in leaf
        }

    @cached_property
    def slope(self) -> tuple[Node, ...]:
        """Change of every rate in time alone; empty if there is none."""
        time = self.graph.time()
        slopes = tuple(self.graph.derivative(rate, time) for rate in self.rates)
        return slopes if any(s != self.graph.zero for s in slopes) else ()

    @cached_property
    def triggers(self) -> tuple[Node, ...]:
        """Trigger of every event."""
        return tuple(event.trigger for event in self.system.events)

    @cached_property
    def watched(self) -> tuple[Node, ...]:
        """Comparisons that are looked at in every step."""
        return watched(self.system)

    @cached_property
    def residuals(self) -> tuple[Node, ...]:
        """Per watched comparison a number that changes its sign with it."""
        return tuple(residual(self.graph, node) for node in self.watched)

    @cached_property
    def switches(self) -> tuple[Node, ...]:
        """Next time at which each condition on time alone turns, seen from the time now."""
        roots = [*self.rates, *self.triggers]
        return tuple(dict.fromkeys(switches(self.graph, roots)))

    def fixed(self, roots: Sequence[Node]) -> list[Node]:
        """Return what can be computed once per patient: largest parts of held values alone."""
        graph = self.graph
        nodes = graph.reachable(roots)
        moving = {"time", "state", "slot"}
        fixed: dict[Node, bool] = {}
        for node in nodes:
            op, args, _ = graph.term(node)
            fixed[node] = op not in moving and all(fixed[a] for a in args)
        compound = {
            n for n in nodes if fixed[n] and graph.term(n).args and not graph.is_condition(n)
        }
        used = {a for n in nodes if n not in compound for a in graph.term(n).args}
        return sorted(compound & (used | set(roots)))


class Kernels:
    """Machine code of a model in a unit, and the memory it needs."""

    def __init__(
        self, unit: Unit, formulas: Formulas, rows: Rows, *, pivoted: bool = False
    ) -> None:
        self.unit = unit
        self.formulas = formulas
        self.graph = formulas.graph
        self.rows = rows
        n, system = formulas.n, formulas.system
        n_event = len(system.events)
        widest = max((len(e.assignments) for e in system.events), default=0)
        self.layout = Layout(
            time=rows.take(),
            point=rows.take(n),
            held=rows.take(len(system.held)),
            right=rows.take(n),
            relative=rows.take(),
            absolute=rows.take(),
            inverse_step=rows.take(),
            small_pivot=rows.take(),
            stages=rows.take(N_STAGE * n),
            slope=rows.take(len(formulas.slope)),
            truth=rows.take(len(formulas.watched)),
            residual=rows.take(len(formulas.watched)),
            triggered=rows.take(n_event),
            switches=rows.take(len(formulas.switches)),
            assigned=rows.take(widest),
            answer=rows.take(),
        )
        self._scratch = Scratch(rows)
        self._set_fixed()
        self.start_one = self._write_start()
        self.rates = self._write_rates("rates", scalar=False)
        self.rates_one = self._write_rates("rates_one", scalar=True)
        self.switches_one = self._write_switches()
        self.check: Any = None
        self.factor, self.solve = self._write_pivoted() if pivoted else self._write_linear_algebra()
        if system.events or formulas.watched:
            self.watch = self._write_watch("watch", scalar=False)
            self.watch_one = self._write_watch("watch_one", scalar=True)
        if system.events:
            self.values_of_event = self._write_event_values()
            self.assign_event = self._write_event_assignments()
            self.delay_of_event = self._write_event_answer("delay_of_event", "delay", 0.0)
            self.priority_of_event = self._write_event_answer(
                "priority_of_event", "priority", float("-inf")
            )

    def places(self, known: Mapping[Node, Row] | None = None) -> Places:
        """Return where formulas find their leaves."""
        layout = self.layout
        return Places(
            time=layout.time,
            states=layout.point,
            held=layout.held,
            known=self.fixed_rows if known is None else known,
        )

    def _set_fixed(self) -> None:
        formulas = self.formulas
        roots = [
            *formulas.rates,
            *formulas.jacobian.values(),
            *formulas.slope,
            *formulas.triggers,
            *formulas.residuals,
        ]
        nodes = formulas.fixed(roots)
        taken = self.rows.take(len(nodes))
        self.fixed_rows = {node: taken[k] for k, node in enumerate(nodes)}
        assignments = [Assignment(row, node) for node, row in self.fixed_rows.items()]
        self.fix_one = self.unit.formulas(
            "fix_one", self.graph, assignments, self.places({}), self._scratch, scalar=True
        )

    def _write_start(self) -> Any:
        system, layout = self.formulas.system, self.layout
        assignments = [
            Assignment(layout.point[i], state.start) for i, state in enumerate(system.states)
        ] + [
            Assignment(layout.held[i], held.start)
            for i, held in enumerate(system.held)
            if held.start is not None
        ]
        return self.unit.formulas(
            "start_one", self.graph, assignments, self.places({}), self._scratch, scalar=True
        )

    def _write_rates(self, name: str, *, scalar: bool) -> Any:
        assignments = [
            Assignment(self.layout.right[i], rate, adds=True)
            for i, rate in enumerate(self.formulas.rates)
            if rate != self.graph.zero
        ]
        return self.unit.formulas(
            name, self.graph, assignments, self.places(), self._scratch, scalar=scalar
        )

    def _write_switches(self) -> Any:
        assignments = [
            Assignment(self.layout.switches[k], node)
            for k, node in enumerate(self.formulas.switches)
        ]
        return self.unit.formulas(
            "switches_one", self.graph, assignments, self.places({}), self._scratch, scalar=True
        )

    def _matrix(self) -> dict[Entry, Node]:
        graph = self.graph
        matrix = {place: graph.negate(slope) for place, slope in self.formulas.jacobian.items()}
        step = graph.slot(self.layout.inverse_step.start)
        for i in range(self.formulas.n):
            matrix[i, i] = graph.add(step, matrix.get((i, i), graph.zero))
        return matrix

    def _slope_assignments(self) -> list[Assignment]:
        return [
            Assignment(self.layout.slope[i], node) for i, node in enumerate(self.formulas.slope)
        ]

    def _write_linear_algebra(self) -> tuple[Any, Any]:
        graph, layout, n = self.graph, self.layout, self.formulas.n
        matrix = self._matrix()
        factors = factorise(graph, matrix, n)
        kept = {("factor", place): node for place, node in factors.entries.items()}
        # Entries that elimination changed are kept as they were too, to check a solution.
        kept |= {
            ("matrix", place): node
            for place, node in matrix.items()
            if factors.entries[place] != node
        }
        taken = self.rows.take(len(kept))
        row_of = {key: taken[k] for k, key in enumerate(kept)}
        assignments = [
            *(Assignment(row_of[key], node) for key, node in kept.items()),
            *self._slope_assignments(),
        ]
        factor = self.unit.formulas("factor", graph, assignments, self.places(), self._scratch)
        original = {
            place: graph.slot(row_of.get(("matrix", place), row_of["factor", place]).start)
            for place in matrix
        }
        self._write_check(original)
        entry = {place: graph.slot(row_of["factor", place].start) for place in factors.entries}
        right = [graph.slot(layout.right[i].start) for i in range(n)]
        unknowns = solution(graph, factors, entry, right)
        solve = self.unit.formulas(
            "solve",
            graph,
            [Assignment(Row(i), node) for i, node in enumerate(unknowns)],
            self.places(),
            self._scratch,
            elsewhere=True,
        )
        return factor, solve

    def _write_check(self, matrix: Mapping[Entry, Node]) -> None:
        """Write the check whether the first stage fulfils its equations.

        Each equation is judged against its own terms and its own state's tolerance, so that
        units do not matter, nor do states that have died away.
        """
        graph, layout, n = self.graph, self.layout, self.formulas.n
        relative, absolute = (graph.slot(row.start) for row in (layout.relative, layout.absolute))
        left = [graph.zero] * n
        size = [graph.unary("absolute", graph.slot(layout.right[i].start)) for i in range(n)]
        for (i, j), entry in matrix.items():
            term = graph.multiply(entry, graph.slot(layout.stages.start + j))
            left[i] = graph.add(left[i], term)
            size[i] = graph.add(size[i], graph.unary("absolute", term))
        sound = graph.truth(True)
        for i in range(n):
            gap = graph.subtract(left[i], graph.slot(layout.right[i].start))
            state = graph.unary("absolute", graph.state(i))
            tolerance = graph.add(absolute, graph.multiply(relative, state))
            shift = graph.multiply(tolerance, graph.constant(LARGEST_SHIFT))
            limit = graph.maximum(
                graph.multiply(size[i], graph.constant(LARGEST_GAP)),
                graph.multiply(shift, graph.unary("absolute", matrix[i, i])),
            )
            large = graph.compare("less", limit, graph.unary("absolute", gap))
            sound = graph.both(sound, graph.negation(large))
        self.check = self.unit.formulas(
            "check",
            graph,
            [Assignment(layout.small_pivot, graph.negation(sound))],
            self.places(),
            self._scratch,
        )

    def _write_pivoted(self) -> tuple[Any, Any]:
        from cxaxis.engine.pivoting import write_pivoted

        graph, n = self.graph, self.formulas.n
        dense = self.rows.take(n * n)
        matrix = self._matrix()
        assignments = [
            *(
                Assignment(dense[i * n + j], matrix.get((i, j), graph.zero))
                for i in range(n)
                for j in range(n)
            ),
            *self._slope_assignments(),
        ]
        fill = self.unit.formulas("fill", graph, assignments, self.places(), self._scratch)
        order, best = self.rows.take(n), self.rows.take()
        return write_pivoted(self.unit, fill, self.layout, dense, order, best, n)

    def _write_watch(self, name: str, *, scalar: bool) -> Any:
        """Write what is watched at every step and, in the scalar form, the triggers too."""
        layout, formulas = self.layout, self.formulas
        assignments = [
            *(Assignment(layout.truth[k], node) for k, node in enumerate(formulas.watched)),
            *(Assignment(layout.residual[k], node) for k, node in enumerate(formulas.residuals)),
        ]
        if scalar:
            assignments += [
                Assignment(layout.triggered[k], node) for k, node in enumerate(formulas.triggers)
            ]
        # Between events at one moment, what was computed from held values is out of date.
        places = self.places({} if scalar else None)
        return self.unit.formulas(
            name, self.graph, assignments, places, self._scratch, scalar=scalar
        )

    # Events are rare: one scalar function each, that branches to the event asked for. Held
    # values may just have changed, so nothing computed earlier is used.

    def _values(self, code: Code, roots: Sequence[Node]) -> Values:
        places = self.places({})
        return Values(code, self.graph, places, {}, Calls(self.unit, self.graph, places, roots))

    def _by_event(self, name: str, write: Any) -> Any:
        function, code, (event,) = self.unit.function(name, scalar=True, extra=[WHOLE])
        builder = code.builder
        end = builder.append_basic_block("end")
        switch = builder.switch(event, end)
        for k, each in enumerate(self.formulas.system.events):
            block = builder.append_basic_block(f"event{k}")
            switch.add_case(k, block)
            builder.position_at_end(block)
            write(code, each)
            builder.branch(end)
        builder.position_at_end(end)
        builder.ret_void()
        return function

    def _write_event_values(self) -> Any:
        def write(code: Code, event: Any) -> None:
            values = self._values(code, [node for _, node in event.assignments])
            for k, (_, node) in enumerate(event.assignments):
                code.store(self.layout.assigned[k], values.of(node))

        return self._by_event("values_of_event", write)

    def _write_event_assignments(self) -> Any:
        def write(code: Code, event: Any) -> None:
            for k, (target, _) in enumerate(event.assignments):
                home = self.layout.point if target.kind == "state" else self.layout.held
                code.store(home[target.index], code.load(self.layout.assigned[k]))

        return self._by_event("assign_event", write)

    def _write_event_answer(self, name: str, part: str, otherwise: float) -> Any:
        def write(code: Code, event: Any) -> None:
            node = getattr(event, part)
            value = code.number(otherwise) if node is None else self._values(code, [node]).of(node)
            code.store(self.layout.answer, value)

        return self._by_event(name, write)
