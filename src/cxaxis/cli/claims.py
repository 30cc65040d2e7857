"""``cxaxis claims``: what the review says, what stands behind it, and what to beware of."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated, Optional

import typer

if TYPE_CHECKING:
    from cxaxis.knowledge.caveats import Caveat, Contradiction
    from cxaxis.knowledge.checks import Knowledge
    from cxaxis.knowledge.claims import Claim
    from cxaxis.knowledge.evidence import Evidence
    from cxaxis.knowledge.registry import RegistryEntry

app = typer.Typer(no_args_is_help=True, help="Claims of the review.")

WIDTH = 100
INDENT = 2
LABEL_WIDTH = 12

Words = Optional[list[str]]  # noqa: UP045 - typer reads it at run time on every Python


@app.command("list")
def claims_list(
    section: Annotated[
        Words, typer.Option(help="Section, or the beginning of its name. Repeatable.")
    ] = None,
    kind: Annotated[Words, typer.Option(help="Kind of statement. Repeatable.")] = None,
    scale: Annotated[Words, typer.Option(help="Level it is tested at. Repeatable.")] = None,
    id_: Annotated[Words, typer.Option("--id", help="Id of a claim. Repeatable.")] = None,
) -> None:
    """List the claims, all or those that meet every condition given."""
    from cxaxis.cli.tables import print_table
    from cxaxis.knowledge.claims import load_claims, select_claims

    claims = load_claims()
    chosen = select_claims(
        claims, sections=section or (), kinds=kind or (), scales=scale or (), ids=id_ or ()
    )
    rows = [[item.id, item.section, item.kind, item.scale, item.statement] for item in chosen]
    print_table(
        "Claims of the review",
        ("Claim", "Section", "Kind", "Scale", "Statement"),
        rows,
        notes=[f"{len(chosen)} of {len(claims)} claims"],
    )


@app.command("show")
def claims_show(name: Annotated[str, typer.Argument(help="Id of a claim, such as C127.")]) -> None:
    """Show one claim: statement, test, references, caveats, corrections, contradictions."""
    from cxaxis.core.errors import UserInputError, error, raise_on_errors
    from cxaxis.core.ids import did_you_mean
    from cxaxis.knowledge.checks import read_knowledge

    knowledge, findings = read_knowledge()
    raise_on_errors(findings)
    claim = knowledge.claims.get(name.upper())
    if claim is None:
        message = f"no claim {name!r}. {did_you_mean(name.upper(), knowledge.claims)}"
        raise UserInputError([error("CLAIM008", f"claims show {name}", message)])
    typer.echo("\n".join(claim_lines(claim, knowledge)))


def claim_lines(claim: Claim, knowledge: Knowledge) -> Iterator[str]:
    """Yield what is known of a claim, line by line.

    Parameters
    ----------
    claim
        The claim to show.
    knowledge
        The tables that bear on it.
    """
    yield from _wrapped(f"{claim.id}  {claim.statement}", by=len(claim.id) + INDENT)
    yield from _field("section", claim.section)
    yield from _field("kind", claim.kind)
    yield from _field("scale", claim.scale)
    yield from _field("quantity", claim.quantity)
    yield from _field("about", ", ".join(claim.entities))
    yield from _field("tested by", claim.test)

    yield from ("", "References of the review")
    if not claim.references:
        yield from _wrapped("none cited", at=INDENT)
    for number in claim.references:
        item = knowledge.review_references[number]
        source = knowledge.references[item.reference]
        text = f"{number}. {item.title}. {source.citation}. {source.identifier} [{source.id}]"
        yield from _wrapped(" ".join(text.split()), at=INDENT, by=5)

    caveats = [item for item in knowledge.caveats.values() if claim.id in item.claims]
    yield from ("", "Caveats" if caveats else "Caveats: none recorded")
    for caveat in caveats:
        yield from _caveat_lines(caveat, knowledge)

    bearing = [item for item in knowledge.contradictions.values() if claim.id in item.claims]
    for topic in dict.fromkeys(item.topic for item in bearing):
        yield from ("", f"Contradiction: {topic.replace('_', ' ')}")
        readings = [item for item in bearing if item.topic == topic]
        for side in dict.fromkeys(item.side for item in readings):
            yield from _wrapped(f"{side}:", at=INDENT)
            for reading in readings:
                if reading.side == side:
                    yield from _reading_lines(reading, knowledge)

    entries = [item for item in knowledge.registry.values() if claim.id in item.claims]
    if entries:
        yield from ("", "Registry")
    for entry in entries:
        yield from _entry_lines(entry, knowledge)


def _caveat_lines(caveat: Caveat, knowledge: Knowledge) -> Iterator[str]:
    yield from _wrapped(f"{caveat.id}  {caveat.type}: {caveat.caveat}", at=INDENT, by=8)
    if caveat.correction:
        yield from _field("corrected", caveat.correction, at=10)
    basis = "; ".join(_named(part, knowledge) for part in caveat.basis)
    yield from _field("basis", f"{basis} ({caveat.status})", at=10)


def _reading_lines(reading: Contradiction, knowledge: Knowledge) -> Iterator[str]:
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
    basis = "; ".join(_named(part, knowledge) for part in (reading.study, *reading.evidence))
    text = f"{reading.id}  {'; '.join(parts)}"
    yield from _wrapped(text, at=2 * INDENT, by=8)
    yield from _field("source", f"{basis} ({reading.status})", at=12)


def _entry_lines(entry: RegistryEntry, knowledge: Knowledge) -> Iterator[str]:
    yield from _wrapped(f"{entry.id}  {entry.drug}, {entry.place}", at=INDENT, by=8)
    printed = ", ".join(
        part
        for part in (
            entry.nct_printed,
            entry.condition_printed,
            f"phase {entry.phase_printed}" if entry.phase_printed else "",
        )
        if part
    )
    found = ", ".join(
        part
        for part in (
            entry.nct,
            entry.condition,
            f"phase {entry.phase}" if entry.phase else "",
            f"{entry.trial_state} {entry.trial_date}".strip(),
        )
        if part
    )
    yield from _field("printed", printed, at=10)
    yield from _field("found", found, at=10)
    yield from _field("standing", entry.standing_words, at=10)
    yield from _field("note", entry.note, at=10)
    basis = "; ".join(_named(part, knowledge) for part in entry.evidence)
    yield from _field("basis", f"{basis} ({entry.status})", at=10)


def _unit(unit: str) -> str:
    return {"1": "", "%": " %"}.get(unit, f" {unit}")


def _named(part: str, knowledge: Knowledge) -> str:
    """Return an id with what it stands for; words stand as they are."""
    if part in knowledge.evidence:
        row = knowledge.evidence[part]
        return f"{part} ({row.quantity}: {_reading(row)}, {row.reference})"
    if part in knowledge.references:
        return f"{part} ({knowledge.references[part].citation})"
    return part


def _reading(row: Evidence) -> str:
    """Return the value of an evidence row with its unit, or its range if it has no value."""
    value = row.value or " to ".join(part for part in (row.low, row.high) if part)
    return value if row.unit in {"text", "direction"} else f"{value} {row.unit}".strip()


def _field(label: str, text: str, *, at: int = INDENT) -> Iterator[str]:
    """Yield a labelled text, wrapped under itself; nothing for an empty text."""
    if text:
        yield from _wrapped(f"{label:<{LABEL_WIDTH}}{text}", at=at, by=LABEL_WIDTH)


def _wrapped(text: str, *, at: int = 0, by: int = 0) -> Iterator[str]:
    """Yield the lines of a text: the first starts at ``at``, the others ``by`` further in."""
    yield from textwrap.wrap(
        text,
        WIDTH,
        initial_indent=" " * at,
        subsequent_indent=" " * (at + by),
        break_long_words=False,
        break_on_hyphens=False,
    )
