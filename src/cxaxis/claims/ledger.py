"""Run the checks and write the ledger: one verdict for every claim.

Fast checks are run; the results of slow ones are committed with a hash of everything they depend
on, and are taken from there while the hash holds. A claim that no check could judge is
``not_testable`` if a source was looked for in vain, else ``gap``, with the part of the model it
waits for.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Final

from cxaxis.claims.check import all_checks, check_findings
from cxaxis.claims.context import (
    WORLDS,
    CheckContext,
    WorldFailedError,
    drawn_world,
    tabled_world,
)
from cxaxis.claims.judge import MOST_BROKEN_FAILED, outcome
from cxaxis.claims.records import (
    JUDGED,
    VERDICTS,
    Check,
    Judgement,
    Measured,
    Verdict,
)
from cxaxis.core.errors import ModelValueError, raise_on_errors
from cxaxis.engine.choice import POPULATION
from cxaxis.knowledge.checks import Knowledge, read_knowledge
from cxaxis.knowledge.claims import Claim
from cxaxis.knowledge.expectations import GRADES
from cxaxis.runs.executor import run_blocks
from cxaxis.runs.progress import Progress

# A check, its control, and its strengthened control if it has one.
Measurements = tuple[Measured | None, Measured | None, Measured | None]

REPRODUCED_BY: Final = ("encoded", "emergent", "quantitative", "data", "audit")


@dataclass(frozen=True, kw_only=True)
class Entry:
    """What the ledger says of one claim.

    Attributes
    ----------
    claim
        The claim.
    verdict
        The verdict of its checks together, see `combined`.
    grade
        How a reproduced claim was reproduced: the best of ``quantitative``, ``emergent``,
        ``encoded`` among its simulation checks, else ``data`` or ``audit``; empty otherwise.
    judgements
        One for each check of the claim.
    waits_for
        Part of the model it waits for, empty if none; a claim judged by data or audit may wait
        for its simulation all the same.
    """

    claim: Claim
    verdict: Verdict
    grade: str
    judgements: tuple[Judgement, ...]
    waits_for: str


@dataclass(frozen=True, kw_only=True)
class Ledger:
    """The verdict of every claim asked for, in the order of the review."""

    entries: Mapping[str, Entry]

    def counts(self, key: str) -> dict[str, dict[str, int]]:
        """Return how many claims have each verdict, by ``section``, ``kind`` or ``scale``."""
        table: dict[str, dict[str, int]] = {}
        for entry in self.entries.values():
            row = table.setdefault(getattr(entry.claim, key), dict.fromkeys(VERDICTS, 0))
            row[entry.verdict] += 1
        return table

    def reproduced_by(self, key: str) -> dict[str, dict[str, int]]:
        """Return how many claims were reproduced in each way, by ``section`` and so on."""
        table: dict[str, dict[str, int]] = {}
        for entry in self.entries.values():
            row = table.setdefault(getattr(entry.claim, key), dict.fromkeys(REPRODUCED_BY, 0))
            if entry.grade:
                row[entry.grade] += 1
        return table


@dataclass(frozen=True, kw_only=True)
class WorldTask:
    """Checks to be measured in one world; a worker reads the tables for itself."""

    checks: tuple[str, ...]
    draw: int
    engine: str = POPULATION


@dataclass(frozen=True, kw_only=True)
class WorldResult:
    """What was measured in one world, by check: the check and its controls."""

    draw: int
    measured: Mapping[str, Measurements]


@cache
def shipped_knowledge() -> Knowledge:
    """Return the tables that ship with the package, read once a process.

    Raises
    ------
    UserInputError
        With every error in them, or in the checks as records.
    """
    knowledge, findings = read_knowledge()
    raise_on_errors([*findings, *check_findings(all_checks(knowledge), knowledge)])
    return knowledge


def measure_world(task: WorldTask) -> WorldResult:
    """Measure checks and controls in one world; top-level so that workers can import it."""
    knowledge = shipped_knowledge()
    world = drawn_world(knowledge, task.draw)
    context = CheckContext(knowledge=knowledge, world=world, engine=task.engine)
    wanted = {item.id: item for item in all_checks(knowledge) if item.id in task.checks}
    return WorldResult(
        draw=task.draw,
        measured={name: measured_with_controls(wanted[name], context) for name in task.checks},
    )


def measured_with_control(
    item: Check, context: CheckContext
) -> tuple[Measured | None, Measured | None]:
    """Return the measurement of a check and of its control, None where the world failed."""
    return _measured(item, context), _measured(item, item.control(context))


def measured_with_controls(item: Check, context: CheckContext) -> Measurements:
    """Return the measurement of a check, of its control and of its strengthened control.

    None where the world failed, or where there is no strengthened control.
    """
    found, broken = measured_with_control(item, context)
    if item.strengthened is None:
        return found, broken, None
    return found, broken, _measured(item, item.strengthened(context))


def _measured(item: Check, context: CheckContext) -> Measured | None:
    try:
        return item.measure(context)
    except (WorldFailedError, ModelValueError):
        return None


def judge_checks(
    checks: Sequence[Check],
    knowledge: Knowledge,
    *,
    workers: int | None = None,
    progress: Progress | None = None,
    engine: str = POPULATION,
) -> tuple[Judgement, ...]:
    """Measure checks in their worlds and judge them.

    Parameters
    ----------
    checks
        Simulation checks are measured in every world, others once.
    knowledge
        Every table, for data and audits; simulations use those that ship.
    workers
        Processes; the result does not depend on it.
    progress
        Advanced by one for each check and world.
    engine
        Name of the engine, see `cxaxis.engine.choice`.
    """
    simulated = [item for item in checks if _kind(item, knowledge) == "simulation"]
    others = [item for item in checks if _kind(item, knowledge) != "simulation"]
    found: list[Judgement] = []
    plain = CheckContext(knowledge=knowledge, world=tabled_world(knowledge), engine=engine)
    for item in others:
        found.append(_judgement(item, [measured_with_controls(item, plain)], knowledge))
        if progress is not None:
            progress.advance()
    if simulated:
        found += _judge_simulated(simulated, knowledge, workers, progress, engine)
    order = {item.id: i for i, item in enumerate(checks)}
    return tuple(sorted(found, key=lambda item: order[item.check]))


def work_of(checks: Sequence[Check], knowledge: Knowledge) -> int:
    """Return the number of checks and worlds to be measured, for a progress bar."""
    return sum(WORLDS if _kind(item, knowledge) == "simulation" else 1 for item in checks)


def _judge_simulated(
    group: Sequence[Check],
    knowledge: Knowledge,
    workers: int | None,
    progress: Progress | None,
    engine: str,
) -> list[Judgement]:
    names = tuple(item.id for item in group)
    tasks = [WorldTask(checks=names, draw=draw, engine=engine) for draw in range(WORLDS)]
    results = sorted(
        run_blocks(
            tasks,
            measure_world,
            workers=workers,
            progress=progress,
            size=lambda task: len(task.checks),
        ),
        key=lambda result: result.draw,
    )
    return [
        _judgement(item, [result.measured[item.id] for result in results], knowledge)
        for item in group
    ]


def _judgement(
    item: Check,
    measured: Sequence[Measurements],
    knowledge: Knowledge,
) -> Judgement:
    expectation = knowledge.expectations[item.expectation]
    found = outcome([three[0] for three in measured], expectation)
    which = 1 if item.control_for(found.verdict) is item.control else 2
    control = outcome(
        [three[which] for three in measured], expectation, most_failed=MOST_BROKEN_FAILED
    )
    return Judgement(
        check=item.id,
        claims=item.claims,
        kind=expectation.kind,
        grade=expectation.grade,
        role=item.role,
        cost=item.cost,
        unit=expectation.unit,
        outcome=found,
        control=control if found.verdict in JUDGED else None,
    )


def _kind(item: Check, knowledge: Knowledge) -> str:
    return knowledge.expectations[item.expectation].kind


def combined(verdicts: Iterable[Verdict], *, waits: bool) -> Verdict:
    """Return the verdict of a claim from those of its checks.

    A failed model is shown as such. Checks that agree give their verdict; checks that do not
    give ``undetermined``. Where no check could judge, a claim that waits for a part of the model
    is a ``gap`` and any other is ``not_testable``.
    """
    judged = {verdict for verdict in verdicts if verdict in JUDGED}
    if "model_failed" in judged:
        return "model_failed"
    if len(judged) == 1:
        return judged.pop()
    if judged:
        return "undetermined"
    return "gap" if waits else "not_testable"


def telling(judgements: Sequence[Judgement]) -> tuple[Judgement, ...]:
    """Return the judgements that a claim's verdict follows from.

    A simulation or a look at data speaks of the claim, an audit of the works cited for it. Where
    the first has judged, an audit that could not decide says nothing against it.
    """
    measured = any(item.kind != "audit" and item.outcome.verdict in JUDGED for item in judgements)
    return tuple(
        item
        for item in judgements
        if not (measured and item.kind == "audit" and item.outcome.verdict == "undetermined")
    )


def ledger_of(
    claims: Iterable[Claim], judgements: Sequence[Judgement], knowledge: Knowledge
) -> Ledger:
    """Return the ledger of claims from the judgements of every check that bears on them.

    Raises
    ------
    ModelValueError
        If a judgement was reached by a check that was not seen to fail.
    """
    unfailing = [item.check for item in judgements if _is_idle(item)]
    if unfailing:
        msg = (
            f"these checks were not seen to fail, their controls get the same verdict: "
            f"{', '.join(unfailing)}."
        )
        raise ModelValueError(msg)
    by_claim: dict[str, list[Judgement]] = {}
    for item in judgements:
        for claim in item.claims:
            by_claim.setdefault(claim, []).append(item)
    return Ledger(
        entries={
            claim.id: _entry(claim, tuple(by_claim.get(claim.id, ())), knowledge)
            for claim in claims
        }
    )


def _is_idle(item: Judgement) -> bool:
    return item.outcome.verdict in JUDGED and not item.seen_to_fail


def _entry(claim: Claim, judgements: tuple[Judgement, ...], knowledge: Knowledge) -> Entry:
    wait = knowledge.waits.get(claim.id)
    verdict = combined(
        (item.outcome.verdict for item in telling(judgements)), waits=wait is not None
    )
    return Entry(
        claim=claim,
        verdict=verdict,
        grade=_grade(judgements) if verdict == "reproduced" else "",
        judgements=judgements,
        waits_for="" if wait is None else wait.part,
    )


def _grade(judgements: Sequence[Judgement]) -> str:
    held = [item for item in judgements if item.outcome.verdict == "reproduced"]
    grades = [item.grade for item in held if item.grade]
    if grades:
        return max(grades, key=GRADES.index)
    kinds = {item.kind for item in held}
    return "data" if "data" in kinds else "audit"
