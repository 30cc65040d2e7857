"""Where a check is run: the knowledge base, and one world of the model.

A world is a population (its parameters drawn from what is not known, or the tabled ones) with a
wiring. A check never changes its context; it asks for a changed one, and so does its control.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any, Final, TypeVar

from cxaxis.cohort.population import Theta, central_theta, draw_theta
from cxaxis.core.errors import CxaxisError, ModelValueError
from cxaxis.core.ids import did_you_mean
from cxaxis.engine.choice import POPULATION
from cxaxis.knowledge.checks import Knowledge
from cxaxis.knowledge.evidence import Evidence
from cxaxis.models.build import Model, build
from cxaxis.models.wiring import Wiring
from cxaxis.trial.uncertainty import draw_wiring

LEDGER_SEED: Final = 210
WORLDS: Final = 40

ResultT = TypeVar("ResultT")


class WorldFailedError(CxaxisError):
    """A world that cannot be measured: its patients failed, or too few are eligible."""


@dataclass(frozen=True, kw_only=True)
class World:
    """One population and one wiring.

    Attributes
    ----------
    draw
        Number of the draw; None for the tabled values and default wiring.
    theta
        The population, in the units of ``parameters.tsv``.
    wiring
        The rival mechanisms chosen.
    """

    draw: int | None
    theta: Theta
    wiring: Wiring


@dataclass(frozen=True, kw_only=True)
class CheckContext:
    """What a check may use.

    Attributes
    ----------
    knowledge
        Every table.
    world
        The population and wiring.
    changes
        Parameters of the population that stand changed, as set by `changed`.
    engine
        Name of the engine that simulates this world.
    """

    knowledge: Knowledge
    world: World
    changes: tuple[tuple[str, float], ...] = ()
    engine: str = POPULATION
    _memo: dict[Any, Any] = field(default_factory=dict, repr=False, compare=False)

    @property
    def theta(self) -> Theta:
        """The population with its changes."""
        return {**self.world.theta, **dict(self.changes)}

    @property
    def wiring(self) -> Wiring:
        """The rival mechanisms chosen."""
        return self.world.wiring

    @property
    def model(self) -> Model:
        """The patient model in this world's wiring."""
        # A population that stands changed has its values in the table of patients.
        return replace(self, changes=()).once(
            "model", lambda: build("patient", self.knowledge.parameters, self.wiring)
        )

    def changed(self, **values: float) -> CheckContext:
        """Return this context with parameters of the population set to other values.

        Raises
        ------
        ModelValueError
            For an unknown parameter, naming the nearest.
        """
        for name in values:
            if name not in self.world.theta:
                msg = f"unknown parameter {name!r}. {did_you_mean(name, self.world.theta)}"
                raise ModelValueError(msg)
        merged = {**dict(self.changes), **values}
        return replace(self, changes=tuple(sorted(merged.items())))

    def scaled(self, **factors: float) -> CheckContext:
        """Return this context with parameters of the population multiplied."""
        theta = self.theta
        return self.changed(
            **{name: theta.get(name, 0.0) * factor for name, factor in factors.items()}
        )

    def with_wiring(self, wiring: Wiring) -> CheckContext:
        """Return this context with another wiring."""
        return replace(self, world=replace(self.world, wiring=wiring))

    def with_knowledge(self, **tables: Any) -> CheckContext:
        """Return this context with some tables replaced."""
        return replace(self, knowledge=replace(self.knowledge, **tables), _memo={})

    def without(self, table: str, *ids: str) -> CheckContext:
        """Return this context with rows of a table left out, such as a study."""
        rows = {k: v for k, v in getattr(self.knowledge, table).items() if k not in ids}
        return self.with_knowledge(**{table: rows})

    def reading(self, evidence: str) -> Evidence:
        """Return an evidence row.

        Raises
        ------
        WorldFailedError
            If it is not there, as when a control has left it out.
        """
        row = self.knowledge.evidence.get(evidence)
        if row is None:
            msg = f"there is no evidence row {evidence!r} here."
            raise WorldFailedError(msg)
        return row

    def once(self, key: Any, make: Callable[[], ResultT]) -> ResultT:
        """Return ``make()``, computed once for this world and these changes."""
        full = (key, self.changes, self.wiring)
        if full not in self._memo:
            self._memo[full] = make()
        return self._memo[full]  # type: ignore[no-any-return]


def tabled_world(knowledge: Knowledge) -> World:
    """Return the world of the tabled values and the default wiring."""
    return World(draw=None, theta=central_theta(knowledge.parameters), wiring=Wiring())


def drawn_world(knowledge: Knowledge, draw: int) -> World:
    """Return a world drawn from what is not known, wiring included."""
    return World(
        draw=draw,
        theta=draw_theta(knowledge.parameters, seed=LEDGER_SEED, draw=draw),
        wiring=draw_wiring(knowledge.wirings, seed=LEDGER_SEED, draw=draw),
    )


def worlds(knowledge: Knowledge, n: int) -> tuple[World, ...]:
    """Return the first ``n`` drawn worlds."""
    return tuple(drawn_world(knowledge, draw) for draw in range(n))
