"""Audit readings: what each cited work was found to show, beside what the review cites it for.

Both sides are a small statement, subject, relation and object in a context, so that whether a
work supports a sentence is computed from the reading and is not the reader's word alone.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Final, Literal, cast, get_args

from cxaxis.core.errors import Finding, error, raise_on_errors
from cxaxis.knowledge.claims import Claim, ReviewReference, load_claims, load_review_references
from cxaxis.knowledge.tables import Row, bad_cell, choice_findings, read_table, sound_rows

Relation = Literal[
    "raises",
    "lowers",
    "unchanged",
    "binds",
    "not_binds",
    "is",
    "is_not",
    "present",
    "absent",
    "worse",
    "better",
    "no_link",
    "needs",
    "not_needs",
]
Reading = Literal["full_text", "abstract", "title", "not_read"]
Support = Literal["supports", "other_context", "silent", "opposes", "not_read"]

# Within a family, another word says the opposite or that there is no effect.
RELATION_FAMILIES: Final[tuple[frozenset[str], ...]] = (
    frozenset({"raises", "lowers", "unchanged"}),
    frozenset({"binds", "not_binds"}),
    frozenset({"is", "is_not"}),
    frozenset({"present", "absent"}),
    frozenset({"worse", "better", "no_link"}),
    frozenset({"needs", "not_needs"}),
)
RELATIONS: Final[tuple[str, ...]] = get_args(Relation)
READINGS: Final[tuple[str, ...]] = get_args(Reading)
ANY_CONTEXT: Final = "any"
AUDIT_COLUMNS: Final = (
    "id",
    "claim",
    "number",
    "sentence",
    "place",
    "subject",
    "relation",
    "object",
    "context",
    "found_subject",
    "found_relation",
    "found_object",
    "found_context",
    "read",
    "source",
    "locator",
    "reason",
)

_AUDIT_ID = re.compile(r"AUD[0-9]{3}\Z")
_FOUND = ("found_subject", "found_relation", "found_object", "found_context")


@dataclass(frozen=True, kw_only=True)
class Statement:
    """Who does what to whom, and in which system.

    Attributes
    ----------
    subject, object
        Molecules, processes or outcomes, in the same term wherever the same thing is meant.
    relation
        A word of `RELATIONS`.
    context
        Species, tissue or disease; ``any`` for a statement that is general.
    """

    subject: str
    relation: str
    object: str
    context: str


@dataclass(frozen=True, kw_only=True)
class Audit:
    """One reading of one work that a claim cites.

    Attributes
    ----------
    id
        ``AUD001`` and so on.
    claim
        Id of the claim.
    number
        Number of the work in the review's reference list.
    sentence
        What the review says with this work, in the project's words.
    place
        Where in the review.
    claimed
        What the sentence needs the work to show.
    found
        What the work shows, None if it could not be read.
    read
        How much of it was read; a title alone is not a reading.
    source
        Page where it was read.
    locator
        Where in the source.
    reason
        Why the reader judged so.
    where
        ``file:line`` of the row.
    """

    id: str
    claim: str
    number: int
    sentence: str
    place: str
    claimed: Statement
    found: Statement | None
    read: Reading
    source: str
    locator: str
    reason: str
    where: str


def support(claimed: Statement, found: Statement | None) -> Support:
    """Return whether a finding supports a statement.

    ``supports``: the same subject, relation and object, in the same context or in general.
    ``other_context``: the same, shown in another system only. ``opposes``: the same subject and
    object in the same context with the opposite relation, or none. ``silent``: about something
    else, or the opposite of another system.
    """
    if found is None:
        return "not_read"
    if not (_same(claimed.subject, found.subject) and _same(claimed.object, found.object)):
        return "silent"
    family = next(words for words in RELATION_FAMILIES if claimed.relation in words)
    if found.relation not in family:
        return "silent"
    general = ANY_CONTEXT in (claimed.context, found.context)
    if not general and not _same(claimed.context, found.context):
        return "other_context" if claimed.relation == found.relation else "silent"
    return "supports" if claimed.relation == found.relation else "opposes"


def _same(left: str, right: str) -> bool:
    return left.casefold() == right.casefold()


def load_audits(path: Path | None = None) -> Mapping[str, Audit]:
    """Return the readings by id, in file order, against the shipped claims.

    Parameters
    ----------
    path
        Table to read; None reads the one that ships with the package.

    Raises
    ------
    UserInputError
        With every finding at once: a malformed table or id, an unknown claim, a work the claim
        does not cite, a word outside a closed vocabulary, a finding without a source, the same
        work read twice for one claim.
    """
    audits, findings = read_audits(
        path, claims=load_claims(), review_references=load_review_references()
    )
    raise_on_errors(findings)
    return audits


def read_audits(
    path: Path | None = None,
    *,
    claims: Mapping[str, Claim],
    review_references: Mapping[int, ReviewReference],
) -> tuple[Mapping[str, Audit], tuple[Finding, ...]]:
    """Return the readings without an error and every finding on the table."""
    table = read_table(path, "audits.tsv", AUDIT_COLUMNS)
    taken: dict[tuple[str, str], str] = {}

    def findings_of(row: Row) -> Iterator[Finding]:
        yield from _audit_findings(row, claims, review_references)
        yield from _reading_findings(row)
        pair = (row["claim"], row["number"])
        if pair in taken:
            message = (
                f"{row['id']}: {row['claim']} and work {row['number']} stand at {taken[pair]} "
                "already. Keep one reading."
            )
            yield error("AUDI007", row.where, message)
        taken.setdefault(pair, row.where)

    return sound_rows(table, findings_of, _audit)


def _audit(row: Row) -> Audit:
    read = cast("Reading", row["read"])
    return Audit(
        id=row["id"],
        claim=row["claim"],
        number=int(row["number"]),
        sentence=row["sentence"],
        place=row["place"],
        claimed=_statement(row, ""),
        found=_statement(row, "found_") if was_read(read) else None,
        read=read,
        source=row["source"],
        locator=row["locator"],
        reason=row["reason"],
        where=row.where,
    )


def _statement(row: Row, prefix: str) -> Statement:
    return Statement(
        subject=row[f"{prefix}subject"],
        relation=row[f"{prefix}relation"],
        object=row[f"{prefix}object"],
        context=row[f"{prefix}context"],
    )


def was_read(reading: Reading | str) -> bool:
    """Return whether a reading is one: the abstract at least."""
    return reading in {"full_text", "abstract"}


def _audit_findings(
    row: Row, claims: Mapping[str, Claim], review_references: Mapping[int, ReviewReference]
) -> Iterator[Finding]:
    """Yield what is wrong with what is judged: the claim, the work and the sentence."""
    if _AUDIT_ID.match(row["id"]) is None:
        yield bad_cell("AUDI001", row, "id", "Use AUD and three digits, such as AUD012.")
    claim = claims.get(row["claim"])
    if claim is None:
        yield bad_cell("AUDI002", row, "claim", "Name a claim, such as C052.")
    number = int(row["number"]) if row["number"].isdecimal() else None
    if number not in review_references:
        cure = "Give a number of the review's reference list."
        yield bad_cell("AUDI003", row, "number", cure)
    elif claim is not None and number not in claim.references:
        cited = ", ".join(map(str, claim.references)) or "nothing"
        cure = f"{claim.id} cites {cited}. Correct one of the two."
        yield bad_cell("AUDI003", row, "number", cure)
    for column in ("sentence", "place", "subject", "object", "context"):
        if not row[column]:
            yield bad_cell("AUDI004", row, column, "Say what the review cites the work for.")
    yield from choice_findings("AUDI005", row, "relation", RELATIONS)


def _reading_findings(row: Row) -> Iterator[Finding]:
    """Yield what is wrong with the reading."""
    yield from choice_findings("AUDI005", row, "read", READINGS)
    if not row["reason"]:
        yield bad_cell("AUDI006", row, "reason", "Say why, or why it could not be read.")
    if was_read(row["read"]):
        yield from choice_findings("AUDI005", row, "found_relation", RELATIONS)
        for column in (*_FOUND, "source", "locator"):
            if not row[column]:
                cure = "A work that was read has a finding, a page and a place on it."
                yield bad_cell("AUDI006", row, column, cure)
    elif row["read"] in READINGS:
        for column in _FOUND:
            if row[column]:
                cure = "A work that was not read has no finding. Read it, or empty the cell."
                yield bad_cell("AUDI006", row, column, cure)


def audits_of(audits: Mapping[str, Audit], claims: Collection[str]) -> tuple[Audit, ...]:
    """Return the readings on any of ``claims``, in file order."""
    return tuple(item for item in audits.values() if item.claim in claims)


def by_claim(audits: Mapping[str, Audit]) -> Mapping[str, tuple[Audit, ...]]:
    """Return the readings of each claim, in file order."""
    grouped: dict[str, list[Audit]] = {}
    for item in audits.values():
        grouped.setdefault(item.claim, []).append(item)
    return MappingProxyType({claim: tuple(items) for claim, items in grouped.items()})
