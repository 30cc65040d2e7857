"""Audit checks: whether the works that the review cites say what it cites them for.

One check for each claim of which at least one cited work was looked for. What a work shows was read
without regard to the verdict; the verdict is computed from the two statements.
"""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import Final

from cxaxis.claims.context import CheckContext
from cxaxis.claims.records import Check, Measured
from cxaxis.knowledge.audits import Audit, Statement, Support, by_claim, support
from cxaxis.knowledge.checks import Knowledge

EXPECTATION: Final = "cited_work_supports_it"
PREFIX: Final = "audit_"


def audit_checks(knowledge: Knowledge) -> tuple[Check, ...]:
    """Return one audit check for each claim with readings, in the order of the claims."""
    read = by_claim(knowledge.audits)
    return tuple(_audit_check(claim) for claim in knowledge.claims if claim in read)


def _audit_check(claim: str) -> Check:
    return Check(
        id=f"{PREFIX}{claim}",
        claims=(claim,),
        role="context",
        cost="fast",
        needs=("knowledge",),
        measure=partial(cited_work_supports_it, claim=claim),
        control=partial(another_work_cited, claim=claim),
        expectation=EXPECTATION,
    )


def cited_work_supports_it(ctx: CheckContext, *, claim: str) -> Measured:
    """How far the works cited, as far as they were read, support the sentence: -1 to 1.

    A work supports (1), opposes (-1), or supports in another system only (anything from 0 to 1).
    What an abstract does not mention may stand in the full text: 0 to 1 as well. A full text that
    does not say it counts 0. Silent works do not speak against those that support.
    """
    readings = [item for item in by_claim(ctx.knowledge.audits).get(claim, ()) if item.found]
    if not readings:
        return Measured(float("nan"), "1")
    ranges = [_range(item) for item in readings]
    spoken = [r for r, item in zip(ranges, readings, strict=True) if _speaks(item)] or ranges
    if (1.0, 1.0) in spoken and not any(high < 0 for _, high in spoken):
        spoken = [(1.0, 1.0)]
    low, high = min(low for low, _ in spoken), max(high for _, high in spoken)
    return Measured((low + high) / 2.0, "1", low, high)


def _speaks(item: Audit) -> bool:
    return _judged(item) in {"supports", "opposes", "other_context"}


def _judged(item: Audit) -> Support:
    return support(item.claimed, item.found)


def _range(item: Audit) -> tuple[float, float]:
    ranges: dict[Support, tuple[float, float]] = {
        "supports": (1.0, 1.0),
        "other_context": (0.0, 1.0),
        "silent": (0.0, 0.0) if item.read == "full_text" else (0.0, 1.0),
        "opposes": (-1.0, -1.0),
    }
    return ranges[_judged(item)]


def another_work_cited(ctx: CheckContext, *, claim: str) -> CheckContext:
    """Replace the cited works: by one on something else where they support, else by one that does.

    The other work is one that the review cites elsewhere, as it was read there.
    """
    audits = dict(ctx.knowledge.audits)
    mine = [item for item in audits.values() if item.claim == claim and item.found]
    supported = any(_judged(item) == "supports" for item in mine)
    for item in mine:
        found = _other_finding(item, ctx.knowledge) if supported else item.claimed
        audits[item.id] = replace(item, found=found, read="full_text")
    return ctx.with_knowledge(audits=audits)


def _other_finding(item: Audit, knowledge: Knowledge) -> Statement | None:
    others = list(knowledge.audits.values())
    start = next(i for i, other in enumerate(others) if other.id == item.id)
    for other in (*others[start + 1 :], *others[:start]):
        if other.found is not None and support(item.claimed, other.found) == "silent":
            return other.found
    return None
