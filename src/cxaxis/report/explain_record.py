"""The page of a row without a page of its own: its cells, and the claims it bears on."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import fields
from typing import Any

from cxaxis.knowledge.checks import Knowledge
from cxaxis.knowledge.claims import Claim
from cxaxis.report.outline import Line, Outline, Part, told

# Tables whose rows are shown cell by cell, with what a row is.
RECORD_TABLES: Mapping[str, str] = {
    "caveats": "caveat",
    "contradictions": "reading on a disputed question",
    "registry": "trial or standing",
    "audits": "reading of a cited work",
    "hazard_ratios": "hazard ratio",
}
_LEFT_OUT = frozenset({"id", "where", "claims", "claim"})


def record_outline(table: str, name: str, knowledge: Knowledge) -> Outline:
    """Return the cells of one row of one of `RECORD_TABLES`."""
    row = getattr(knowledge, table)[name]
    cells = tuple(
        told(field.name.replace("_", " "), words)
        for field in fields(row)
        if field.name not in _LEFT_OUT and (words := _words(getattr(row, field.name)))
    )
    claims = tuple(
        Line(text=f"{claim.id}  {claim.statement}") for claim in _claims_of(row, knowledge)
    )
    parts: tuple[Part, ...] = (Part(lines=cells),)
    if claims:
        parts = (*parts, Part(title="Claims it bears on", lines=claims))
    return Outline(id=name, heading=RECORD_TABLES[table], parts=parts)


def _claims_of(row: Any, knowledge: Knowledge) -> Iterator[Claim]:
    named = getattr(row, "claims", ()) or (getattr(row, "claim", ""),)
    for claim in named:
        if claim in knowledge.claims:
            yield knowledge.claims[claim]


def _words(value: Any) -> str:
    if value is None or value == ():
        return ""
    if isinstance(value, tuple):
        return "; ".join(map(_words, value))
    if isinstance(value, Mapping):
        return "; ".join(
            f"{' '.join(map(str, key))}: {_words(item)}" for key, item in value.items()
        )
    if isinstance(value, bool):
        return "yes" if value else "no"
    if hasattr(value, "__dataclass_fields__"):
        told_cells = (_words(getattr(value, item.name)) for item in fields(value))
        return " ".join(text for text in told_cells if text)
    return f"{value:g}" if isinstance(value, float) else str(value)
