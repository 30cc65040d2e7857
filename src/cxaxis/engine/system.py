"""What the engine simulates: states and their rates, held values, events, read-outs.

A `System` is what is left of a model once its format is forgotten. All formulas are nodes of
one `Graph`. The leaf ``state(i)`` is the value of ``states[i]``; the leaf ``held(i)`` is the
value of ``held[i]``, which stays as it is except when an event changes it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from cxaxis.engine.expressions import Graph, Node


@dataclass(frozen=True, kw_only=True)
class State:
    """A quantity that the solver integrates.

    Attributes
    ----------
    name
        Id in the model. A species that reactions change is held as an amount, one with a
        rate rule as the rule has it.
    rate
        Its rate of change per unit of the model's time.
    start
        Its value at time 0, a formula of held values.
    is_amount
        Whether the state is an amount of a species, which must not become negative.
    """

    name: str
    rate: Node
    start: Node
    is_amount: bool = False


@dataclass(frozen=True, kw_only=True)
class Held:
    """A value that stays as it is between events: a constant, or what only events change.

    Attributes
    ----------
    name
        Id in the model; the starting value of a state given per patient is ``start(name)``.
    value
        Value where a patient's own is not given; NaN where the model gives none.
    start
        Formula of the other held values that replaces ``value`` at time 0, or None.
    """

    name: str
    value: float
    start: Node | None = None


@dataclass(frozen=True, kw_only=True)
class Target:
    """What an event changes: the state or held value with this place."""

    kind: str  # "state" or "held"
    index: int


@dataclass(frozen=True, kw_only=True)
class Event:
    """What happens when a condition becomes true.

    Attributes
    ----------
    name
        Id in the model.
    trigger
        A condition; the event fires when it turns from false to true.
    starts_true
        Whether it counts as true before time 0, so that it cannot fire at time 0.
    persistent
        Whether a firing that waits for its delay survives the trigger turning false.
    delay
        Time from trigger to assignments, a formula evaluated at the trigger, or None.
    priority
        Of events due at one time the largest goes first (evaluated then), or None.
    values_at_trigger
        Whether the assigned values are those at the trigger rather than after the delay.
    assignments
        What is changed, and its new value.
    ends
        Whether the patient's course ends here.
    """

    name: str
    trigger: Node
    starts_true: bool = True
    persistent: bool = True
    delay: Node | None = None
    priority: Node | None = None
    values_at_trigger: bool = True
    assignments: tuple[tuple[Target, Node], ...] = ()
    ends: bool = False


@dataclass(frozen=True, kw_only=True)
class System:
    """A model ready to be compiled.

    Attributes
    ----------
    graph
        Owner of all nodes.
    states, held, events
        In the order of the vectors of the kernels.
    readable
        Node of every quantity that may be asked for: species as concentrations,
        ``amount(x)`` as the amount of species ``x``, states, held values, assigned
        quantities, reaction rates.
    doseable
        Place in ``states`` of every id that a dose may go to.
    infused
        Place in ``held`` of the infusion rate into each target that has one.
    settable
        Place in ``held`` of every id whose value may be given per patient.
    """

    graph: Graph
    states: tuple[State, ...]
    held: tuple[Held, ...]
    events: tuple[Event, ...] = ()
    readable: Mapping[str, Node] = field(default_factory=dict)
    doseable: Mapping[str, int] = field(default_factory=dict)
    infused: Mapping[str, int] = field(default_factory=dict)
    settable: Mapping[str, int] = field(default_factory=dict)
