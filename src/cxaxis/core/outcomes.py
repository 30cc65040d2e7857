"""How the simulation of one virtual patient ended. Failure is data, raising is a choice."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum

from cxaxis.core.errors import SimulationFailedError


class Outcome(Enum):
    """Why one virtual patient's simulation stopped."""

    COMPLETED = "completed"
    EVENT = "event"
    STEP_TOO_SMALL = "step_too_small"
    NON_FINITE = "non_finite"
    NEGATIVE_STATE = "negative_state"
    STEP_LIMIT = "step_limit"
    UNSETTLED = "unsettled"

    @property
    def is_failure(self) -> bool:
        """Whether the trajectory after `PatientOutcome.time` is missing."""
        return self not in (Outcome.COMPLETED, Outcome.EVENT)


ADVICE = {
    Outcome.COMPLETED: "",
    Outcome.EVENT: "",
    Outcome.STEP_TOO_SMALL: "Loosen the relative tolerance, or look for an extreme rate.",
    Outcome.NON_FINITE: "Check this patient: a parameter is no number, or a state overflows.",
    Outcome.NEGATIVE_STATE: "An amount fell below zero: tighten the absolute tolerance.",
    Outcome.STEP_LIMIT: "Raise max_steps, or look for an oscillating state.",
    Outcome.UNSETTLED: "Nothing comes to rest: weaken the feedback of counts on their makers.",
}


@dataclass(frozen=True, kw_only=True)
class PatientOutcome:
    """Outcome of one row of a batch.

    Attributes
    ----------
    outcome
        Why the simulation stopped.
    time
        Time reached, in the model's time unit.
    state
        Name of the state that moved fastest relative to its size when the solver gave up, or
        of the event that ended the course; empty on completion.
    message
        The solver's own words, empty on success.
    """

    outcome: Outcome
    time: float
    state: str = ""
    message: str = ""

    @property
    def advice(self) -> str:
        """What to try next."""
        return ADVICE[self.outcome]


def _told(item: PatientOutcome) -> str:
    """Return what the solver said of a failure, and where."""
    message = f" ({item.message})" if item.message else ""
    return message + (f". Stiffest state: {item.state}" if item.state else "")


def require_success(
    labels: Sequence[str], outcomes: Sequence[PatientOutcome], *, max_failed: int = 0
) -> None:
    """Raise `SimulationFailedError` naming failed patients if more than ``max_failed`` failed."""
    failed = [
        (label, item)
        for label, item in zip(labels, outcomes, strict=True)
        if item.outcome.is_failure
    ]
    if len(failed) <= max_failed:
        return
    lines = [f"{len(failed)} of {len(outcomes)} virtual patients failed:"]
    lines += [
        f"  {label}: {item.outcome.value} at {item.time:g}{_told(item)}. {item.advice}"
        for label, item in failed[:10]
    ]
    raise SimulationFailedError("\n".join(lines))
