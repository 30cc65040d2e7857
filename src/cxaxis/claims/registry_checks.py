"""Data checks of trials and regulators: whether the review prints what the registry says.

One check for each claim that the registry table bears on.
"""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import Final

from cxaxis.claims.context import CheckContext
from cxaxis.claims.records import Check, Measured
from cxaxis.knowledge.checks import Knowledge
from cxaxis.knowledge.registry import RegistryEntry, is_nct_number

EXPECTATION: Final = "registry_agrees"
PREFIX: Final = "registry_"
OTHER_NUMBER: Final = "NCT00000000"

_PHASE_WORDS: Final = {"1,2": "1/2", "I/II": "1/2", "IIa": "2a"}


def registry_checks(knowledge: Knowledge) -> tuple[Check, ...]:
    """Return one check for each claim with entries, in the order of the claims."""
    told = {claim for entry in knowledge.registry.values() for claim in entry.claims}
    return tuple(_registry_check(claim) for claim in knowledge.claims if claim in told)


def _registry_check(claim: str) -> Check:
    return Check(
        id=f"{PREFIX}{claim}",
        claims=(claim,),
        role="context",
        cost="fast",
        needs=("knowledge",),
        measure=partial(printed_as_registered, claim=claim),
        control=partial(another_registration, claim=claim),
        expectation=EXPECTATION,
    )


def printed_as_registered(ctx: CheckContext, *, claim: str) -> Measured:
    """Share of what the review prints (number, condition, phase, standing) that was found so.

    Not known if a registration was not read.
    """
    entries = _entries(ctx.knowledge, claim)
    if any(entry.condition_agrees == "unread" for entry in entries):
        return Measured(float("nan"), "1")
    told = [agrees for entry in entries for agrees in agreements(entry)]
    return Measured(sum(told) / len(told), "1")


def another_registration(ctx: CheckContext, *, claim: str) -> CheckContext:
    """Replace what was found by another trial, or mend the print where it departs."""
    rows = dict(ctx.knowledge.registry)
    mine = _entries(ctx.knowledge, claim)
    agree = all(all(agreements(entry)) for entry in mine)
    for entry in mine:
        rows[entry.id] = _of_another_trial(entry) if agree else _mended(entry)
    return ctx.with_knowledge(registry=rows)


def agreements(entry: RegistryEntry) -> list[bool]:
    """Return whether each thing the review prints of an entry is what was found.

    A trial number is compared where the registration itself was read, and is wrong where it is no
    number at all. A drug approved after the review printed ``in trial`` does not disagree: standing
    is compared where the review speaks of a regulator.
    """
    told = [entry.condition_agrees == "yes"]
    if not is_nct_number(entry.nct_printed) and entry.nct_printed:
        told.append(False)
    elif entry.nct_printed and entry.nct.casefold() in entry.evidence:
        told.append(entry.nct_printed == entry.nct)
    if entry.phase_printed and entry.phase:
        told.append(_PHASE_WORDS.get(entry.phase_printed, entry.phase_printed) == entry.phase)
    if entry.standing_printed:
        told.append(entry.standing_printed == entry.standing)
    return told


def _entries(knowledge: Knowledge, claim: str) -> tuple[RegistryEntry, ...]:
    return tuple(entry for entry in knowledge.registry.values() if claim in entry.claims)


def _of_another_trial(entry: RegistryEntry) -> RegistryEntry:
    printed = OTHER_NUMBER if entry.nct_printed else ""
    return replace(entry, condition_agrees="no", nct_printed=printed)


def _mended(entry: RegistryEntry) -> RegistryEntry:
    return replace(
        entry,
        nct_printed=entry.nct if entry.nct_printed else "",
        condition_agrees="yes",
        phase_printed=entry.phase if entry.phase_printed else "",
        standing_printed=entry.standing if entry.standing_printed else "",
    )
