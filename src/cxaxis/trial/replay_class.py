"""Whether the model agrees with what antitumour trials of its drug class have shown.

Every randomised trial of a CXCR4 antagonist as an antitumour drug was null or adverse. The model
predicts each in its own patients; where the 90 % predictive interval misses more than one of
three, its answers for ESCC are stamped class-inconsistent.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Final, Literal

from cxaxis.knowledge.evidence import load_evidence
from cxaxis.trial.replay_draws import (
    BETWEEN_TRIALS,
    Comparison,
    Predicted,
    comparisons_of,
    predicted,
    read_draws,
)
from cxaxis.trial.replays import read_replay

if TYPE_CHECKING:
    import pandas as pd

#: The trials of the class; the first published result of each counts.
CLASS_REPLAYS: Final = ("ly2510924_sclc", "ly2510924_rcc", "balixafortide_breast")
LEVEL: Final = 0.9
#: Trials that may be missed.
MOST_MISSED: Final = 1
State = Literal["consistent", "inconsistent", "not run"]


@dataclass(frozen=True, kw_only=True)
class ClassStamp:
    """The verdict on the drug class.

    Attributes
    ----------
    state
        ``not run`` where a trial has no prediction.
    missed, of
        Trials outside the 90 % predictive interval with the between-trial effect, and trials
        predicted.
    missed_without_effect
        The same without that effect.
    draws
        Fewest draws behind a prediction.
    """

    state: State
    missed: int
    of: int
    missed_without_effect: int
    draws: int

    @property
    def words(self) -> str:
        """The stamp: ``class-inconsistent``, ``class-consistent`` or ``class replays not run``."""
        if self.state == "not run":
            return "class replays not run"
        return f"class-{self.state}"


@cache
def class_comparisons() -> tuple[Comparison, ...]:
    """Return the result of each trial of the class that counts."""
    evidence = load_evidence()
    return tuple(comparisons_of(read_replay(name), evidence)[0] for name in CLASS_REPLAYS)


def class_predictions(draws: pd.DataFrame, *, between_trials: float) -> tuple[Predicted, ...]:
    """Return the prediction of each trial of the class."""
    return tuple(
        predicted(item, draws, between_trials=between_trials) for item in class_comparisons()
    )


def class_stamp(draws: pd.DataFrame | None = None) -> ClassStamp:
    """Return the verdict on the drug class.

    Parameters
    ----------
    draws
        Rows of `cxaxis.trial.replay_draws.DRAWS`; the committed ones if omitted.

    Raises
    ------
    ModelValueError
        If the committed draws cannot be read.
    """
    rows = read_draws()[0] if draws is None else draws
    found = class_predictions(rows, between_trials=BETWEEN_TRIALS)
    covered = [item.covers(LEVEL) for item in found]
    bare = [item.covers(LEVEL) for item in class_predictions(rows, between_trials=0.0)]
    missed = covered.count(False)
    state: State = "inconsistent" if missed > MOST_MISSED else "consistent"
    return ClassStamp(
        state="not run" if None in covered else state,
        missed=missed,
        of=len(covered) - covered.count(None),
        missed_without_effect=bare.count(False),
        draws=min(item.n_draw for item in found),
    )
