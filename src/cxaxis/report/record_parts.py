"""Rows of the knowledge tables as parts of a page: what a claim, a number or a drug rests on."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from cxaxis.knowledge.caveats import Caveat, Contradiction
from cxaxis.knowledge.checks import QUALITATIVE, Knowledge
from cxaxis.knowledge.claims import Claim
from cxaxis.knowledge.evidence import Evidence, Reference
from cxaxis.knowledge.registry import RegistryEntry
from cxaxis.report.outline import Line, Outline, Part, told


def claim_outline(claim: Claim, knowledge: Knowledge) -> Outline:
    """Return what the tables say of a claim, without a verdict.

    Parameters
    ----------
    claim
        The claim to show.
    knowledge
        The tables that bear on it.
    """
    return Outline(
        id=claim.id,
        heading=claim.statement,
        parts=(
            Part(lines=claim_facts(claim)),
            references_part(claim, knowledge),
            caveats_part(claim, knowledge),
            *contradiction_parts(claim, knowledge),
            *registry_parts(claim, knowledge),
        ),
    )


def claim_facts(claim: Claim) -> tuple[Line, ...]:
    """Return what sort of statement a claim is and how it could be tested."""
    return (
        told("section", claim.section),
        told("kind", claim.kind),
        told("scale", claim.scale),
        told("quantity", claim.quantity),
        told("about", ", ".join(claim.entities)),
        told("tested by", claim.test),
    )


def caveats_of(claim: Claim, knowledge: Knowledge) -> tuple[Caveat, ...]:
    """Return the caveats that bear on a claim, in file order."""
    return tuple(item for item in knowledge.caveats.values() if claim.id in item.claims)


def references_part(claim: Claim, knowledge: Knowledge) -> Part:
    """Return the works that the review cites for a claim."""
    lines = [Line(text=cited_work(number, knowledge), hang=5) for number in claim.references]
    nothing = [Line(text="none cited")]
    return Part(title="References of the review", lines=tuple(lines or nothing))


def cited_work(number: int, knowledge: Knowledge) -> str:
    """Return a work of the review's list: number, title, citation, identifier and id."""
    item = knowledge.review_references[number]
    source = knowledge.references[item.reference]
    text = f"{number}. {item.title}. {source.citation}. {source.identifier} [{source.id}]"
    return " ".join(text.split())


def caveats_part(claim: Claim, knowledge: Knowledge) -> Part:
    """Return what a reader of a claim must know."""
    caveats = caveats_of(claim, knowledge)
    lines = tuple(line for caveat in caveats for line in _caveat_lines(caveat, knowledge))
    return Part(title="Caveats" if caveats else "Caveats: none recorded", lines=lines)


def _caveat_lines(caveat: Caveat, knowledge: Knowledge) -> Iterator[Line]:
    yield Line(text=f"{caveat.id}  {caveat.type}: {caveat.caveat}")
    yield told("corrected", caveat.correction, depth=1)
    yield told("basis", f"{named_all(caveat.basis, knowledge)} ({caveat.status})", depth=1)


def contradiction_parts(claim: Claim, knowledge: Knowledge) -> tuple[Part, ...]:
    """Return both sides of each question on which studies behind a claim disagree."""
    bearing = [item for item in knowledge.contradictions.values() if claim.id in item.claims]
    return tuple(
        Part(
            title=f"Contradiction: {topic.replace('_', ' ')}",
            lines=tuple(_sides([item for item in bearing if item.topic == topic], knowledge)),
        )
        for topic in dict.fromkeys(item.topic for item in bearing)
    )


def _sides(readings: list[Contradiction], knowledge: Knowledge) -> Iterator[Line]:
    for side in dict.fromkeys(item.side for item in readings):
        yield Line(text=f"{side}:", hang=0)
        for reading in readings:
            if reading.side == side:
                yield from _reading_lines(reading, knowledge)


def _reading_lines(reading: Contradiction, knowledge: Knowledge) -> Iterator[Line]:
    size = "" if reading.effect is None else f" {reading.effect:g}{_unit(reading.unit)}"
    if reading.low is not None and reading.high is not None:
        size += f" ({reading.low:g} to {reading.high:g})"
    parts = [
        f"n = {reading.n}" if reading.n is not None else "n not given",
        reading.assay,
        f"cut-off: {reading.cut_off}" if reading.cut_off else "cut-off not given",
        f"{reading.measure}{':' if size else ''}{size}",
        reading.direction,
        *([reading.note] if reading.note else []),
    ]
    basis = named_all((reading.study, *reading.evidence), knowledge)
    yield Line(text=f"{reading.id}  {'; '.join(parts)}", depth=1)
    yield told("source", f"{basis} ({reading.status})", depth=2)


def registry_parts(claim: Claim, knowledge: Knowledge) -> tuple[Part, ...]:
    """Return the trials and standings that a claim speaks of, as printed and as found."""
    entries = [item for item in knowledge.registry.values() if claim.id in item.claims]
    lines = tuple(line for entry in entries for line in _entry_lines(entry, knowledge))
    return (Part(title="Registry", lines=lines),) if entries else ()


def _entry_lines(entry: RegistryEntry, knowledge: Knowledge) -> Iterator[Line]:
    printed = (
        entry.nct_printed,
        entry.condition_printed,
        f"phase {entry.phase_printed}" if entry.phase_printed else "",
    )
    found = (
        entry.nct,
        entry.condition,
        f"phase {entry.phase}" if entry.phase else "",
        f"{entry.trial_state} {entry.trial_date}".strip(),
    )
    yield Line(text=f"{entry.id}  {entry.drug}, {entry.place}")
    yield told("printed", ", ".join(part for part in printed if part), depth=1)
    yield told("found", ", ".join(part for part in found if part), depth=1)
    yield told("standing", entry.standing_words, depth=1)
    yield told("note", entry.note, depth=1)
    yield told("basis", f"{named_all(entry.evidence, knowledge)} ({entry.status})", depth=1)


def _unit(unit: str) -> str:
    return {"1": "", "%": " %"}.get(unit, f" {unit}")


def named_all(parts: Iterable[str], knowledge: Knowledge) -> str:
    """Return what a statement rests on: ids with what they stand for, words as they are."""
    return "; ".join(named(part, knowledge) for part in parts)


def named(part: str, knowledge: Knowledge) -> str:
    """Return an id with what it stands for; words stand as they are."""
    if part in knowledge.evidence:
        row = knowledge.evidence[part]
        return f"{part} ({row.quantity}: {printed_value(row)}, {row.reference})"
    if part in knowledge.references:
        return f"{part} ({knowledge.references[part].citation})"
    return part


def printed_value(row: Evidence) -> str:
    """Return the value of an evidence row with its unit, or its range if it has no value."""
    value = row.value or " to ".join(part for part in (row.low, row.high) if part)
    if row.unit == QUALITATIVE:
        return {"1": "yes", "0": "no"}.get(value, value)
    return value if row.unit in {"text", "direction"} else f"{value} {row.unit}".strip()


def evidence_lines(row: Evidence, knowledge: Knowledge, *, relevance: str = "") -> Iterator[Line]:
    """Yield what was read, in which system, where, and how well it is known.

    Parameters
    ----------
    row
        The evidence row.
    knowledge
        Gives its reference.
    relevance
        Its score with the factors, where it is asked for.
    """
    span = f" ({row.low} to {row.high})" if row.value and row.low and row.high else ""
    first = f"{row.id}  {row.quantity}: {printed_value(row)}{span}"
    yield Line(text=first)
    yield told("system", row.system, depth=1)
    yield told("source", source_of(knowledge.references[row.reference]), depth=1)
    yield told("page", row.seen or f"none: {row.status}", depth=1)
    yield told("relevance", relevance, depth=1)
    yield told("role", row.role.replace("_", " "), depth=1)
    yield told("note", row.note, depth=1)


def source_of(reference: Reference) -> str:
    """Return a reference in full: citation, identifier, id and what to know about it."""
    note = f"; {reference.note}" if reference.note else ""
    identifier = f". {reference.identifier}" if reference.identifier else ""
    return f"{reference.citation}{identifier} [{reference.id}]{note}"
