"""What a check measures, and what follows from it for a claim."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal, get_args

from cxaxis.core.errors import ModelValueError
from cxaxis.knowledge.expectations import CheckKind, Grade

if TYPE_CHECKING:
    from cxaxis.claims.context import CheckContext

Verdict = Literal[
    "reproduced", "contradicted", "undetermined", "not_testable", "model_failed", "gap"
]
Role = Literal["fitted", "held_out", "context"]
Cost = Literal["fast", "slow"]
Need = Literal["knowledge", "stats", "models", "cell", "patient", "cohort", "trial"]

VERDICTS: Final[tuple[str, ...]] = get_args(Verdict)
JUDGED: Final = frozenset({"reproduced", "contradicted", "undetermined", "model_failed"})
MEASURED: Final = frozenset({"reproduced", "contradicted", "undetermined"})
VERDICT_WORDS: Final[dict[str, str]] = {
    "reproduced": "holds in at least 95 % of the worlds, or in the data",
    "contradicted": "fails in at least 95 % of the worlds, or in the data",
    "undetermined": "neither: worlds or checks disagree, or the interval straddles the bound",
    "not_testable": "the source could not be read, or nothing in it can be tested",
    "model_failed": "the simulation failed",
    "gap": "the part of the model it needs is not built",
}


@dataclass(frozen=True)
class Measured:
    """What a check measured in one world.

    Attributes
    ----------
    value
        In `unit`; not a number if the thing could not be measured in this world.
    unit
        Unit as the expectation gives it.
    low, high
        Interval of the measurement itself (sampling of patients, a source's own interval); equal
        to `value` where there is none.
    """

    value: float
    unit: str
    low: float | None = None
    high: float | None = None

    def __post_init__(self) -> None:
        if self.low is not None and self.high is not None and self.low > self.high:
            msg = f"low {self.low!r} lies above high {self.high!r}."
            raise ModelValueError(msg)

    @property
    def interval(self) -> tuple[float, float]:
        """Low and high, the value itself where there is no interval."""
        return (
            self.value if self.low is None else self.low,
            self.value if self.high is None else self.high,
        )

    @property
    def is_known(self) -> bool:
        """Whether there is a value at all."""
        return not math.isnan(self.value)


Measure = Callable[["CheckContext"], Measured]
Control = Callable[["CheckContext"], "CheckContext"]


@dataclass(frozen=True, kw_only=True)
class Check:
    """One check of the ledger.

    Attributes
    ----------
    id
        Name of the function, or of the family with the claim behind it.
    claims
        Ids of the claims it judges.
    role
        For a simulation ``fitted`` if what it is compared with, or a parameter on its path, was
        used to set the model, else ``held_out``; ``context`` for data and audits, which compare
        nothing of the model.
    cost
        ``slow`` checks run in ``make ledger`` alone; their results are committed.
    needs
        Rooms it uses.
    measure
        The experiment.
    control
        Breaks the context: the mechanism, the sign, the study or the cited work. The same
        experiment there must get another verdict.
    expectation
        Row of ``expectations.tsv``.
    strengthened
        Makes the mechanism stronger, or turns it to the side that is claimed. Where a check is
        contradicted, taking away what does too little can change nothing, and this is its control;
        None where there is no such thing.
    """

    id: str
    claims: tuple[str, ...]
    role: Role
    cost: Cost
    needs: tuple[Need, ...]
    measure: Measure
    control: Control
    expectation: str
    strengthened: Control | None = None

    def control_for(self, verdict: Verdict) -> Control:
        """Return the control that a verdict is held against: see `strengthened`."""
        if verdict == "contradicted" and self.strengthened is not None:
            return self.strengthened
        return self.control

    @property
    def summary(self) -> str:
        """First line of the function's docstring."""
        # A family's check is a partial, whose own docstring is that of partials at large.
        function = getattr(self.measure, "func", self.measure)
        return (function.__doc__ or "").strip().partition("\n")[0]


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What the worlds say about one expectation.

    Attributes
    ----------
    verdict
        ``reproduced``, ``contradicted``, ``undetermined``, ``model_failed`` or ``not_testable``.
    value, low, high
        Median over the worlds and the range of 95 % of them; for a single world its measurement
        and interval.
    share
        Share of the worlds in which the expectation holds.
    n_world
        Worlds measured.
    margin
        Distance to where the verdict would turn: in share of worlds for many worlds; for one, in
        parts of the bound.
    mc_error
        Standard error of `share` from the finite number of worlds; 0 for a single world.
    """

    verdict: Verdict
    value: float
    low: float
    high: float
    share: float
    n_world: int
    margin: float
    mc_error: float

    @property
    def is_clear(self) -> bool:
        """Whether the margin exceeds twice the Monte Carlo error; one world has no such error."""
        return self.n_world == 1 or self.margin > 2.0 * self.mc_error


@dataclass(frozen=True, kw_only=True)
class Judgement:
    """The verdict of one check, and that of its control.

    Attributes
    ----------
    check
        Id of the check.
    claims
        Claims it judges.
    kind, grade, role, cost
        From the expectation and the check.
    unit
        Unit of the measurement.
    outcome
        What was found.
    control
        What was found with the mechanism broken, or strengthened (see `Check.control_for`); None
        where nothing was judged.
    input_hash
        Hash of everything a slow check depends on, empty for a fast one.
    """

    check: str
    claims: tuple[str, ...]
    kind: CheckKind
    grade: Grade
    role: Role
    cost: Cost
    unit: str
    outcome: Outcome
    control: Outcome | None
    input_hash: str = ""

    @property
    def seen_to_fail(self) -> bool:
        """Whether the control got another verdict, by a measurement and not by a failure."""
        return (
            self.control is not None
            and self.control.verdict in MEASURED
            and self.control.verdict != self.outcome.verdict
        )
