"""The tangent of a system: a system again, with the derivative of every state as a state.

Beside each state ``x`` stands ``d(x)``, its derivative in the direction given by the held values
``seed(p)``, one for each chosen parameter. One compiled kernel so serves every parameter.

Events that wait for a state happen at a time that depends on the parameters. At such a moment the
derivatives are first taken along with the moving event (``d + f * shift``), then the assignments
are differentiated, and last the derivatives are brought back to a fixed time (``d - f * shift``)
with the rates that hold after the event. The first and last steps are events of their own with
the highest and the lowest priority, so several events at one moment need no special care. Rates
that jump where a condition flips are treated as events without assignments.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from cxaxis.core.errors import ModelValueError
from cxaxis.core.ids import did_you_mean
from cxaxis.engine.conditions import Comparisons, Flip
from cxaxis.engine.direction import Direction
from cxaxis.engine.expressions import Leaf, Node
from cxaxis.engine.system import Event, Held, State, System, Target

DOSE_CLOCK = "last dose"
"""State that holds the time of a patient's last dose, below zero before the first."""

# Priorities before and after those of a model's events, and of its events that have none.
FIRST = 1e300
NONE = -1e299
LAST = -1e300
# A sum of dose intervals misses the time of a dose by rounding, not by more than this share.
SAME_TIME = 1e-10


def seed_name(parameter: str) -> str:
    """Return the id of the held value that gives the direction along a parameter."""
    return f"seed({parameter})"


def tangent_name(name: str) -> str:
    """Return the id of the derivative of a state, held value or readable quantity."""
    return f"d({name})"


def tangent_system(
    system: System, parameters: Sequence[str], outputs: Sequence[str] | None = None
) -> System:
    """Return the system that integrates the derivatives of ``system`` beside its states.

    Parameters
    ----------
    system
        Any system; it is left as it is, though its graph gains nodes.
    parameters
        What derivatives are taken of: ids of ``system.settable``.
    outputs
        Readable ids that derivatives are wanted of; all if omitted.

    Returns
    -------
    System
        States and held values of ``system`` first, in their order, then the derivatives;
        states that no chosen parameter reaches have none. ``settable`` gains ``seed(p)``,
        0 where not given; ``readable`` gains ``d(x)``: the sum over p of dx/dp times
        ``seed(p)``. Where event times depend on parameters, ``doseable`` gains `DOSE_CLOCK`,
        which must be brought to the time of each dose.

    Raises
    ------
    ModelValueError
        If a parameter is unknown, named twice or computed by the model at time 0, or if the
        derivative does not exist: a trigger that waits for a state to equal a value, or
        rounding of a moving value in a rate.
    """
    return _Tangent(system, tuple(parameters)).system(outputs)


@dataclass(frozen=True)
class _Shift:
    """How far the moment of a flip moves with the parameters, and the rates just before it."""

    residual: Node
    shift: Node
    before: tuple[Node, ...]


class _Tangent:
    def __init__(self, system: System, parameters: tuple[str, ...]) -> None:
        self.given = system
        self.graph = graph = system.graph
        self.parameters = parameters
        self.rates = tuple(state.rate for state in system.states)
        self.chosen = self._chosen_leaves()
        self.comparisons = Comparisons(graph, self.rates)
        self._find_active()
        self._lay_out()
        self.along = Direction(graph, self._tangents(graph.zero))

    def _chosen_leaves(self) -> dict[str, Leaf]:
        chosen: dict[str, Leaf] = {}
        for name in self.parameters:
            if name not in self.given.settable:
                hint = did_you_mean(name, self.given.settable)
                msg = (
                    f"no derivative by {name!r}: its value cannot be given. If it is a starting "
                    f"value, or computed at time 0, give it as a column of parameters. {hint}"
                )
                raise ModelValueError(msg)
            if name in chosen:
                msg = f"derivatives by {name!r} are asked for twice."
                raise ModelValueError(msg)
            place = self.given.settable[name]
            if self.given.held[place].start is not None:
                msg = (
                    f"no derivative by {name!r}: the model computes it at time 0. Give it as a "
                    "column of parameters."
                )
                raise ModelValueError(msg)
            chosen[name] = self.graph.held(place)
        return chosen

    def _leaf(self, target: Target) -> Leaf:
        return getattr(self.graph, target.kind)(target.index)  # type: ignore[no-any-return]

    def _find_active(self) -> None:
        """Find the leaves with a derivative, and whether event times have one."""
        graph, system = self.graph, self.given
        self.active: set[Leaf] = set(self.chosen.values())
        self.moving = False
        self.switches: list[Flip] = []
        while True:
            before = (len(self.active), self.moving)
            for k, held in enumerate(system.held):
                if held.start is not None and self._is_active(self._inlined(held.start)):
                    self.active.add(graph.held(k))
            for i, state in enumerate(system.states):
                if self._is_active(state.rate) or self._is_active(self._inlined(state.start)):
                    self.active.add(graph.state(i))
            self.switches = [
                flip
                for flip in self.comparisons.flips()
                if self._is_active(flip.residual) and self.comparisons.is_jump(flip, system.held)
            ]
            self.moving = bool(self.switches) or any(map(self._moves, system.events))
            for flip in self.switches:
                reached = self.comparisons.before(flip)
                self.active |= {
                    graph.state(i) for i, rate in enumerate(self.rates) if reached[i] != rate
                }
            self._spread_over_events()
            if before == (len(self.active), self.moving):
                break
        self._refuse_rounding()

    def _spread_over_events(self) -> None:
        graph = self.graph
        changed = set()
        for event in self.given.events:
            for target, formula in event.assignments:
                leaf = self._leaf(target)
                changed.add(leaf)
                moved = self.moving and (
                    self._flows(formula)
                    or (target.kind == "state" and self.rates[target.index] != graph.zero)
                )
                if self._is_active(formula) or moved:
                    self.active.add(leaf)
        if self.moving:
            self.active |= {
                graph.state(i)
                for i, rate in enumerate(self.rates)
                if changed & graph.leaves([rate])
            }

    def _is_active(self, node: Node) -> bool:
        return not self.active.isdisjoint(self.graph.gradient(node))

    def _flows(self, node: Node) -> bool:
        """Whether a formula can change between events."""
        graph = self.graph
        return any(
            graph.term(leaf).op == "time"
            or (
                graph.term(leaf).op == "state"
                and self.rates[int(graph.term(leaf).value)] != graph.zero
            )
            for leaf in graph.leaves([node])
        )

    def _moves(self, event: Event) -> bool:
        """Whether the moment of an event's assignments depends on a chosen parameter."""
        if not event.assignments:
            return False
        flips = self.comparisons.atoms(event.trigger)
        for flip in flips:
            if flip.is_equality and self._is_active(flip.residual):
                msg = (
                    f"event {event.name!r} waits for a state or parameter to equal a value, so "
                    "its time has no derivative. Write its trigger with < or >."
                )
                raise ModelValueError(msg)
        moved = any(self._flows(f.residual) and self._is_active(f.residual) for f in flips)
        return moved or (event.delay is not None and self._is_active(event.delay))

    def _refuse_rounding(self) -> None:
        graph = self.graph
        roots = [(f"rate of {s.name!r}", s.rate) for s in self.given.states]
        roots += [
            (f"trigger of event {e.name!r}", e.trigger) for e in self.given.events if e.assignments
        ]
        for where, root in roots:
            for node in graph.reachable([root]):
                term = graph.term(node)
                if term.op in ("floor", "ceil") and self._is_active(term.args[0]):
                    msg = (
                        f"the {where} rounds a value that depends on a chosen parameter, so it "
                        "jumps at unknown times. Write the steps as events."
                    )
                    raise ModelValueError(msg)

    # Where derivatives are kept

    def _lay_out(self) -> None:
        graph, system = self.graph, self.given
        self.new_held: list[Held] = []
        n_held, n_state = len(system.held), len(system.states)
        seeds = {leaf: self._held(seed_name(name), 0.0) for name, leaf in self.chosen.items()}
        from_seeds = Direction(graph, seeds)
        assigned = {
            self._leaf(target) for event in system.events for target, _ in event.assignments
        }
        self.place: dict[Leaf, Target] = {}
        self.tangent: dict[Leaf, Node] = {}
        for k in range(n_held):
            leaf, held = graph.held(k), system.held[k]
            if leaf not in self.active:
                continue
            if held.start is None and leaf not in assigned:
                self.tangent[leaf] = seeds[leaf]
                continue
            start = leaf if held.start is None else self._inlined(held.start)
            self.place[leaf] = Target(kind="held", index=n_held + len(self.new_held))
            self.tangent[leaf] = self._held(tangent_name(held.name), 0.0, from_seeds.of(start))
        self.starts: dict[Leaf, Node] = {}
        for i, state in enumerate(system.states):
            leaf = graph.state(i)
            if leaf in self.active:
                index = n_state + len(self.starts)
                self.place[leaf] = Target(kind="state", index=index)
                self.tangent[leaf] = graph.state(index)
                self.starts[leaf] = from_seeds.of(self._inlined(state.start))
        if self.moving:
            self.shift = self._held(tangent_name("time"), 0.0)
            self.is_open = self._held("event is open", 0.0)
            self.event_time = self._held("last event", 0.0)
            self.dose_clock = graph.state(n_state + len(self.starts))

    def _held(self, name: str, value: float, start: Node | None = None) -> Node:
        self.new_held.append(Held(name=name, value=value, start=start))
        return self.graph.held(len(self.given.held) + len(self.new_held) - 1)

    def _inlined(self, formula: Node) -> Node:
        """Return a starting formula with the held values that have one themselves replaced."""
        graph, held = self.graph, self.given.held
        by = {
            leaf: self._inlined(start)
            for leaf in graph.leaves([formula])
            if graph.term(leaf).op == "held"
            and (start := held[int(graph.term(leaf).value)].start) is not None
        }
        return graph.substituted([formula], by)[0] if by else formula

    def _tangents(self, shift: Node, before: Sequence[Node] | None = None) -> dict[Leaf, Node]:
        """Return the derivative of every leaf, ``shift`` further along with a moving event."""
        graph = self.graph
        tangents = dict(self.tangent)
        if not self.moving:
            return tangents
        moved = graph.add(self.shift, shift)
        tangents[graph.time()] = moved
        for i, rate in enumerate(before or self.rates):
            leaf = graph.state(i)
            if leaf in tangents:
                tangents[leaf] = graph.add(tangents[leaf], graph.multiply(rate, shift))
            else:
                tangents[leaf] = graph.multiply(rate, moved)
        return tangents

    # Events

    def _shift_of_flip(self, flip: Flip) -> _Shift:
        """Return what the implicit function theorem says of the moment of a flip."""
        graph = self.graph
        before = self.comparisons.before(flip)
        if flip.is_equality:
            return _Shift(graph.zero, graph.zero, before)
        if not self._is_active(flip.residual):
            return _Shift(flip.residual, graph.zero, before)
        fixed = Direction(graph, self.tangent).of(flip.residual)
        flow = {graph.state(i): rate for i, rate in enumerate(before)}
        speed = Direction(graph, {**flow, graph.time(): graph.one}).of(flip.residual)
        shift = graph.negate(graph.divide(fixed, speed))
        shift = graph.select(graph.compare("equal", fixed, graph.zero), graph.zero, shift)
        # A dose or an earlier event sets the moment of what it causes.
        now = graph.time()
        late = graph.unary("absolute", graph.subtract(now, self.dose_clock))
        dosed = graph.compare("less_equal", late, graph.multiply(graph.constant(SAME_TIME), now))
        caused = graph.either(graph.compare("equal", now, self.event_time), dosed)
        return _Shift(flip.residual, graph.select(caused, graph.zero, shift), before)

    def _shift_of(self, condition: Node, *, holds: bool = True) -> _Shift | None:
        """Return the shift of the moment at which a condition turns, None if it only jumps."""
        graph = self.graph
        op, args, _ = graph.term(condition)
        if op == "not":
            return self._shift_of(args[0], holds=not holds)
        if op != "and":
            flips = self.comparisons.atoms(condition, holds=holds)
            flips = [flip for flip in flips if self._flows(flip.residual)]
            return self._shift_of_flip(flips[0]) if flips else None
        one, two = (self._shift_of(arg, holds=holds) for arg in args)
        if one is None or two is None:
            return one or two
        # The last part of an "and", the first of an "or", is the one that has just turned.
        ordered = (one, two) if holds else (two, one)
        is_first = graph.compare("less_equal", *(each.residual for each in ordered))
        combine = graph.minimum if holds else graph.maximum
        return _Shift(
            combine(one.residual, two.residual),
            graph.select(is_first, one.shift, two.shift),
            tuple(
                graph.select(is_first, a, b) for a, b in zip(one.before, two.before, strict=True)
            ),
        )

    def _opening(self, shift: Node, rates: Sequence[Node]) -> list[tuple[Target, Node]]:
        """Return the assignments that take the derivatives along with a moving event."""
        graph = self.graph
        return [
            *self._carried(shift, rates),
            (self._target(self.shift), graph.add(self.shift, shift)),
            (self._target(self.is_open), graph.one),
            (self._target(self.event_time), graph.time()),
        ]

    def _carried(self, shift: Node, rates: Sequence[Node]) -> list[tuple[Target, Node]]:
        graph = self.graph
        return [
            (
                self.place[graph.state(i)],
                graph.add(self.tangent[graph.state(i)], graph.multiply(rate, shift)),
            )
            for i, rate in enumerate(rates)
            if graph.state(i) in self.place and rate != graph.zero
        ]

    def _target(self, leaf: Leaf) -> Target:
        return Target(kind="held", index=int(self.graph.term(leaf).value))

    def _events(self) -> list[Event]:
        graph = self.graph
        opening: dict[tuple[Node, bool], Event] = {}
        changing: list[Event] = []
        first = graph.constant(FIRST)
        for flip in self.switches:
            shift = self._shift_of_flip(flip)
            opening[flip.condition, True] = Event(
                name=f"jump({flip.condition})",
                trigger=flip.condition,
                priority=first,
                assignments=tuple(self._opening(shift.shift, shift.before)),
            )
        for event in self.given.events:
            if not event.assignments:
                changing.append(event)
                continue
            found = self._shift_of(event.trigger) if self.moving else None
            shift = found or _Shift(graph.zero, graph.zero, self.rates)
            key = (event.trigger, event.starts_true)
            if event.delay is not None and self.moving:
                changing += self._arrival(event, shift)
            elif shift.shift != graph.zero and key not in opening:
                opening[key] = Event(
                    name=f"open({event.name})",
                    trigger=event.trigger,
                    starts_true=event.starts_true,
                    priority=first,
                    assignments=tuple(self._opening(shift.shift, shift.before)),
                )
            changing.append(self._changed(event, shift))
        closing = [self._closing()] if self.moving else []
        return [*opening.values(), *changing, *closing]

    def _changed(self, event: Event, shift: _Shift) -> Event:
        """Return an event that changes the derivatives too."""
        tangents = (
            self._tangents(shift.shift, shift.before)
            if event.values_at_trigger
            else self._tangents(self.graph.zero)
        )
        along = Direction(self.graph, tangents)
        added = [
            (self.place[leaf], along.of(formula))
            for target, formula in event.assignments
            if (leaf := self._leaf(target)) in self.place
        ]
        if self.moving and event.delay is None:
            added.append((self._target(self.event_time), self.graph.time()))
        priority = event.priority
        if self.moving and priority is None:
            priority = self.graph.constant(NONE)
        return replace(event, assignments=(*event.assignments, *added), priority=priority)

    def _arrival(self, event: Event, shift: _Shift) -> list[Event]:
        """Return the events that carry a moving moment through a delay."""
        graph = self.graph
        assert event.delay is not None
        at_trigger = Direction(graph, self._tangents(shift.shift, shift.before))
        arriving = self._held(f"arriving({event.name})", 0.0)
        arrived = self._held(f"arrived({event.name})", 0.0)
        moment = graph.total([self.shift, shift.shift, at_trigger.of(event.delay)])
        first = graph.constant(FIRST)
        carry = replace(
            event,
            name=f"carry({event.name})",
            priority=first,
            values_at_trigger=True,
            assignments=(
                (self._target(arriving), moment),
                (self._target(arrived), graph.one),
            ),
            ends=False,
        )
        arrive = Event(
            name=f"open({event.name})",
            trigger=graph.compare("less", graph.constant(0.5), arrived),
            priority=first,
            values_at_trigger=False,
            assignments=(
                *self._opening(graph.subtract(arriving, self.shift), self.rates),
                (self._target(arrived), graph.zero),
            ),
        )
        return [carry, arrive]

    def _closing(self) -> Event:
        graph = self.graph
        return Event(
            name="close",
            trigger=graph.compare("less", graph.constant(0.5), self.is_open),
            priority=graph.constant(LAST),
            values_at_trigger=False,
            assignments=(
                *self._carried(graph.negate(self.shift), self.rates),
                (self._target(self.shift), graph.zero),
                (self._target(self.is_open), graph.zero),
            ),
        )

    def system(self, outputs: Sequence[str] | None) -> System:
        """Return the system with its tangent."""
        graph, given = self.graph, self.given
        flow = Direction(graph, self.tangent)
        events = self._events()
        states = [
            State(
                name=tangent_name(given.states[int(graph.term(leaf).value)].name),
                rate=flow.of(given.states[int(graph.term(leaf).value)].rate),
                start=start,
            )
            for leaf, start in self.starts.items()
        ]
        doseable = dict(given.doseable)
        if self.moving:
            doseable[DOSE_CLOCK] = len(given.states) + len(states)
            states.append(State(name=DOSE_CLOCK, rate=graph.zero, start=graph.constant(-1.0)))
        wanted = list(given.readable) if outputs is None else list(outputs)
        for name in wanted:
            if name not in given.readable:
                hint = did_you_mean(name, given.readable)
                msg = f"output {name!r} is not in the model. {hint}"
                raise ModelValueError(msg)
        n_held = len(given.held)
        seeds = {seed_name(name): n_held + k for k, name in enumerate(self.parameters)}
        return replace(
            given,
            states=(*given.states, *states),
            held=(*given.held, *self.new_held),
            events=tuple(events),
            readable={
                **given.readable,
                **{tangent_name(name): flow.of(given.readable[name]) for name in wanted},
            },
            doseable=doseable,
            settable={**given.settable, **seeds},
        )
