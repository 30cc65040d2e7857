"""Predictions of published trials as the cells of a table, for the page and the terminal."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Final

import numpy as np

from cxaxis.knowledge.evidence import Evidence, load_evidence
from cxaxis.trial.replay_class import LEVEL, ClassStamp
from cxaxis.trial.replay_draws import (
    BETWEEN_TRIALS,
    Comparison,
    Predicted,
    comparisons_of,
    predicted,
)
from cxaxis.trial.replays import MobilisationReplay, Replay

if TYPE_CHECKING:
    import pandas as pd

NOTHING: Final = "-"
MOBILISATION_HEADER: Final = (
    "Replay",
    "Result",
    "Rows",
    "Role",
    "Published",
    "Predicted",
    "80 %",
    "95 %",
    "Verdict",
)
ANTITUMOUR_HEADER: Final = (
    "Replay",
    "Result",
    "Rows",
    "Source",
    "Published",
    "Predicted",
    "90 %, one trial",
    "Verdict",
    "90 %, trials differ",
    "Verdict so",
)
_QUANTITIES: Final = {
    "peak_per_microlitre": "CD34+ per uL at the peak",
    "peak_fold": "fold of CD34+ at the peak",
    "days_raised": "days that CD34+ stay raised",
    "hr_pfs": "HR, progression-free survival",
    "hr_os": "HR, overall survival",
    "response_difference": "response, difference in %",
}


def replay_cells(replay: Replay, draws: pd.DataFrame) -> Iterator[tuple[str, ...]]:
    """Yield a row for each published result of a replay, under the header of its kind."""
    evidence = load_evidence()
    for item in comparisons_of(replay, evidence):
        if isinstance(replay.content, MobilisationReplay):
            yield _mobilisation_cells(replay.content, predicted(item, draws))
        else:
            effect = BETWEEN_TRIALS if item.scale == "log" else 0.0
            found = predicted(item, draws), predicted(item, draws, between_trials=effect)
            yield _antitumour_cells(*found, evidence)


def _mobilisation_cells(content: MobilisationReplay, found: Predicted) -> tuple[str, ...]:
    item = found.comparison
    return (
        item.replay,
        _result(content, item),
        "; ".join(item.rows) or "none found",
        item.role if item.rows else NOTHING,
        published(item),
        value(item, found.median),
        span(item, *found.interval(0.8)),
        span(item, *found.interval(0.95)),
        _two_levels(found),
    )


def _result(content: MobilisationReplay, item: Comparison) -> str:
    asked = content.published[item.item]
    if asked.sessions is not None:
        within = "one apheresis" if asked.sessions == 1 else f"{asked.sessions} aphereses"
        return f"% at target in {within}, {item.arm}"
    if asked.between_day is not None:
        first, second = asked.between_day
        few = asked.below_per_microlitre
        those = "" if few is None else f", below {few:g} per uL"
        return f"fold of CD34+, day {first:.3g} to {second:.3g}{those}, {item.arm}"
    return f"{_QUANTITIES[item.quantity]}, {item.arm}"


def _antitumour_cells(
    bare: Predicted, differing: Predicted, evidence: Mapping[str, Evidence]
) -> tuple[str, ...]:
    item = bare.comparison
    return (
        item.replay,
        _QUANTITIES[item.quantity],
        " - ".join(item.rows),
        item.status,
        published(item),
        value(item, bare.median),
        span(item, *bare.interval(LEVEL)),
        _one_level(bare),
        span(item, *differing.interval(LEVEL)),
        _one_level(differing),
    )


def published(item: Comparison) -> str:
    """Return the published value, with its interval where there is one."""
    if not np.isfinite(item.seen):
        return NOTHING
    told = f"{'>' if item.at_least else ''}{value(item, item.seen)}"
    return f"{told} ({span(item, item.low, item.high)})" if np.isfinite(item.low) else told


def value(item: Comparison, number: float) -> str:
    """Return a value as its quantity is printed: per cent, two decimals or three digits."""
    if not np.isfinite(number):
        return NOTHING
    if item.quantity in ("share_at_target", "response_difference"):
        return f"{100.0 * number:.1f}"
    return f"{number:.2f}" if item.quantity.startswith("hr_") else f"{float(f'{number:.3g}'):g}"


def span(item: Comparison, low: float, high: float) -> str:
    """Return an interval, a dash where there is none."""
    known = np.isfinite(low) and np.isfinite(high)
    return f"{value(item, low)} to {value(item, high)}" if known else NOTHING


def _two_levels(found: Predicted) -> str:
    narrow, wide = found.covers(0.8), found.covers(0.95)
    if narrow is None or wide is None:
        return NOTHING
    if found.comparison.role == "fitted":
        return "fitted" if wide else "fitted, outside"
    return "hit" if narrow else "hit at 95 % alone" if wide else "miss"


def _one_level(found: Predicted) -> str:
    covered = found.covers(LEVEL)
    return NOTHING if covered is None else "hit" if covered else "miss"


def stamp_words(stamp: ClassStamp) -> str:
    """Return the verdict on the drug class as a sentence."""
    if stamp.state == "not run":
        return f"The class is not judged: {stamp.of} of 3 trials have a prediction."
    return (
        f"The model is {stamp.words}: {stamp.missed} of {stamp.of} trials lie outside the 90 % "
        f"predictive interval with the between-trial effect, {stamp.missed_without_effect} "
        "without it. More than one miss with it makes class-inconsistent."
    )


def tally(replays: Sequence[Replay], draws: pd.DataFrame) -> tuple[int, int, int]:
    """Return how many held-out mobilisation results have a prediction, and hits at 80 and 95 %."""
    evidence = load_evidence()
    found = [
        predicted(item, draws)
        for replay in replays
        if replay.is_mobilisation
        for item in comparisons_of(replay, evidence)
        if item.role == "held_out"
    ]
    known = [item for item in found if item.covers(0.8) is not None]
    hits = [sum(item.covers(level) is True for item in known) for level in (0.8, 0.95)]
    return len(known), hits[0], hits[1]
