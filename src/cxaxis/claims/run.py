"""Run the ledger: fast checks measured, slow ones measured or taken from the committed results."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from cxaxis.claims.check import all_checks
from cxaxis.claims.committed import (
    change_findings,
    load_judgements,
    load_verdicts,
    slow_input_hash,
    stale_findings,
)
from cxaxis.claims.ledger import (
    Entry,
    Ledger,
    judge_checks,
    ledger_of,
    shipped_knowledge,
    work_of,
)
from cxaxis.claims.records import Check, Judgement
from cxaxis.cohort.parameter_rows import COHORT_PARAMETERS, DESCRIBING_PARAMETERS
from cxaxis.core.errors import Finding, ModelValueError
from cxaxis.core.ids import did_you_mean
from cxaxis.engine.choice import POPULATION
from cxaxis.knowledge.checks import Knowledge
from cxaxis.knowledge.claims import Claim
from cxaxis.models.build import build
from cxaxis.runs.progress import Progress


@dataclass(frozen=True, kw_only=True)
class LedgerRun:
    """A ledger, what it was made from, and how it differs from the committed one.

    Attributes
    ----------
    knowledge
        Every table.
    ledger
        The verdict of every claim asked for.
    judgements
        Of every check that bears on them.
    slow_hash
        Hash of what the slow checks depend on.
    findings
        Changed verdicts, and slow results of other inputs.
    """

    knowledge: Knowledge
    ledger: Ledger
    judgements: tuple[Judgement, ...]
    slow_hash: str
    findings: tuple[Finding, ...]


@dataclass(frozen=True, kw_only=True)
class LedgerPlan:
    """What a run will measure.

    Attributes
    ----------
    claims
        The claims to judge.
    checks
        Every check that bears on them.
    measured
        Those to be measured; the others are slow and taken from the committed results.
    """

    knowledge: Knowledge
    claims: tuple[Claim, ...]
    checks: tuple[Check, ...]
    measured: tuple[Check, ...]

    @property
    def work(self) -> int:
        """Checks times worlds, for a progress bar."""
        return work_of(self.measured, self.knowledge)


def plan_ledger(
    knowledge: Knowledge, claims: Iterable[Claim] | None = None, *, slow: bool = False
) -> LedgerPlan:
    """Return what has to be measured for some claims, all by default.

    Parameters
    ----------
    slow
        Whether slow checks are measured too.
    """
    chosen = tuple(knowledge.claims.values() if claims is None else claims)
    wanted = {claim.id for claim in chosen}
    checks = tuple(item for item in all_checks(knowledge) if wanted & set(item.claims))
    return LedgerPlan(
        knowledge=knowledge,
        claims=chosen,
        checks=checks,
        measured=tuple(item for item in checks if slow or item.cost == "fast"),
    )


def run_ledger(
    plan: LedgerPlan,
    *,
    workers: int | None = None,
    progress: Progress | None = None,
    engine: str = POPULATION,
) -> LedgerRun:
    """Judge the claims of a plan.

    Parameters
    ----------
    workers
        Processes; None takes every processor. The result does not depend on it.
    progress
        Advanced as the plan's `work` is done.
    engine
        Name of the engine, see `cxaxis.engine.choice`.

    Raises
    ------
    UserInputError
        If a table of committed results is malformed or absent.
    ModelValueError
        If a check was not seen to fail.
    """
    knowledge = plan.knowledge
    input_hash = slow_hash(knowledge)
    found = judge_checks(
        plan.measured, knowledge, workers=workers, progress=progress, engine=engine
    )
    measured = {item.check: item for item in stamped(found, knowledge)}
    committed = load_judgements()
    taken = {
        item.id: committed[item.id]
        for item in plan.checks
        if item.id not in measured and item.id in committed
    }
    everything = {**measured, **taken}
    judgements = tuple(everything[item.id] for item in plan.checks if item.id in everything)
    ledger = ledger_of(plan.claims, judgements, knowledge)
    findings = (
        *stale_findings(taken.values(), input_hash),
        *change_findings(ledger, load_verdicts(), committed),
    )
    return LedgerRun(
        knowledge=knowledge,
        ledger=ledger,
        judgements=judgements,
        slow_hash=input_hash,
        findings=findings,
    )


def committed_ledger(knowledge: Knowledge | None = None) -> LedgerRun:
    """Return the ledger of the committed results; nothing is measured.

    Raises
    ------
    UserInputError
        If a table of committed results is malformed or absent.
    """
    tables = shipped_knowledge() if knowledge is None else knowledge
    judgements = tuple(load_judgements().values())
    slow = [item for item in judgements if item.cost == "slow"]
    input_hash = slow_hash(tables)
    return LedgerRun(
        knowledge=tables,
        ledger=ledger_of(tables.claims.values(), judgements, tables),
        judgements=judgements,
        slow_hash=input_hash,
        findings=tuple(stale_findings(slow, input_hash)),
    )


def slow_hash(knowledge: Knowledge) -> str:
    """Return the hash of everything the slow checks depend on.

    Of parameters and rival mechanisms those count that the patient model or the cohort uses, but
    for those that only describe a patient.
    """
    slow = [item for item in all_checks(knowledge) if item.cost == "slow"]
    bounds = [knowledge.expectations[item.expectation] for item in slow]
    model = build("patient", knowledge.parameters)
    used = {*model.bindings.values(), *COHORT_PARAMETERS} - set(DESCRIBING_PARAMETERS)
    rows = [row for name, row in knowledge.parameters.items() if name in used]
    rivals = [
        option
        for name, options in knowledge.wirings.items()
        for option in options
        if f"switch_{name}" in model.units
    ]
    return slow_input_hash(
        (
            *(f"{row.id}\t{row.low}\t{row.high}\t{row.unit}" for row in bounds),
            *(f"{r.id}\t{r.value!r}\t{r.scale}\t{r.widened_spread!r}\t{r.omega!r}" for r in rows),
            *(f"{o.wiring}\t{o.option}\t{o.is_default}\t{o.prior_weight!r}" for o in rivals),
            model.sbml,
        )
    )


def stamped(judgements: Sequence[Judgement], knowledge: Knowledge) -> tuple[Judgement, ...]:
    """Return the judgements with the hash of their inputs on the slow ones."""
    input_hash = slow_hash(knowledge)
    return tuple(
        replace(item, input_hash=input_hash) if item.cost == "slow" else item for item in judgements
    )


def judge(claim: str) -> Entry:
    """Return the ledger entry of one claim, such as ``judge("C146")``, its fast checks run here.

    Raises
    ------
    ModelValueError
        For an unknown claim, naming the nearest.
    """
    knowledge = shipped_knowledge()
    if claim not in knowledge.claims:
        msg = f"unknown claim {claim!r}. {did_you_mean(claim, knowledge.claims)}"
        raise ModelValueError(msg)
    plan = plan_ledger(knowledge, [knowledge.claims[claim]])
    return run_ledger(plan, workers=1).ledger.entries[claim]
