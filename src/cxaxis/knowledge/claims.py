"""The review's claims, one row each, and the references that its numbers stand for."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Final, Literal, cast, get_args

from cxaxis.core.errors import Finding, error, raise_on_errors
from cxaxis.core.ids import did_you_mean
from cxaxis.knowledge.evidence import Reference, load_references
from cxaxis.knowledge.tables import Row, bad_cell, choice_findings, read_table, split_ids

ClaimKind = Literal[
    "epidemiology",
    "expression",
    "mechanism",
    "phenotype",
    "regulation",
    "prognosis",
    "therapy",
    "drug",
    "trial",
    "tracer",
]
ClaimScale = Literal["molecule", "cell", "tissue", "organism", "patient", "population"]
ClaimSection = Literal[
    "Abstract",
    "Introduction",
    "Axis structure and function",
    "Regulation",
    "Signalling (Figure 1)",
    "CXCR4 expression in ESCC",
    "Metastasis",
    "Proliferation",
    "Prognosis",
    "Future therapy",
    "Table 1",
    "Imaging and combination",
    "Conclusions",
    "Further cited evidence",
]

CLAIM_KINDS: Final[tuple[str, ...]] = get_args(ClaimKind)
CLAIM_SCALES: Final[tuple[str, ...]] = get_args(ClaimScale)
CLAIM_SECTIONS: Final[tuple[str, ...]] = get_args(ClaimSection)
CLAIM_COLUMNS: Final = (
    "id",
    "section",
    "kind",
    "statement",
    "quantity",
    "references",
    "entities",
    "test",
    "scale",
)
REVIEW_REFERENCE_COLUMNS: Final = ("number", "reference", "title")

_CLAIM_ID = re.compile(r"C[0-9]{3}\Z")
_REVIEW_NUMBER = re.compile(r"[1-9][0-9]{0,3}\Z")


@dataclass(frozen=True, kw_only=True)
class ReviewReference:
    """What one number of the review's reference list stands for.

    Attributes
    ----------
    number
        Number in the review, 1 or more.
    reference
        Id of the `Reference`.
    title
        Title of the work, misprints of the list mended.
    where
        ``file:line`` of the row.
    """

    number: int
    reference: str
    title: str
    where: str


@dataclass(frozen=True, kw_only=True)
class Claim:
    """One thing that the review says.

    Attributes
    ----------
    id
        ``C001`` and so on, in the order of the review.
    section
        Part of the review it stands in; ``Further cited evidence`` is for works whose title alone
        carries the claim.
    kind
        What sort of statement it is.
    statement
        The statement in the project's words; a correction stands in the caveats, not here.
    quantity
        The numbers as the review prints them, empty if it prints none.
    references
        Numbers of the review's reference list, in its order.
    entities
        Molecules, cells, drugs and diseases it is about.
    test
        What a simulation or a look at data would have to show.
    scale
        Level at which it can be tested.
    where
        ``file:line`` of the row.
    """

    id: str
    section: ClaimSection
    kind: ClaimKind
    statement: str
    quantity: str
    references: tuple[int, ...]
    entities: tuple[str, ...]
    test: str
    scale: ClaimScale
    where: str


def load_review_references(
    path: Path | None = None, *, references: Mapping[str, Reference] | None = None
) -> Mapping[int, ReviewReference]:
    """Return the review's reference list by number.

    Parameters
    ----------
    path
        Table to read; None reads the one that ships with the package.
    references
        References that rows may point to; None loads those that ship with the package.

    Raises
    ------
    UserInputError
        With every finding at once: a malformed table or number, an unknown reference, one
        reference under two numbers.
    """
    known = load_references() if references is None else references
    numbered, findings = read_review_references(path, references=known)
    raise_on_errors(findings)
    return numbered


def read_review_references(
    path: Path | None = None, *, references: Mapping[str, Reference]
) -> tuple[Mapping[int, ReviewReference], tuple[Finding, ...]]:
    """Return the rows whose number could be read and every finding on the table."""
    table = read_table(path, "review_references.tsv", REVIEW_REFERENCE_COLUMNS, key=("number",))
    findings = list(table.findings)
    numbered: dict[int, ReviewReference] = {}
    taken: dict[str, str] = {}
    for row in table.rows:
        findings += _review_reference_findings(row, references, taken)
        taken.setdefault(row["reference"], row.where)
        if _REVIEW_NUMBER.match(row["number"]):
            number = int(row["number"])
            numbered[number] = ReviewReference(
                number=number, reference=row["reference"], title=row["title"], where=row.where
            )
    return MappingProxyType(numbered), tuple(findings)


def _review_reference_findings(
    row: Row, references: Mapping[str, Reference], taken: Mapping[str, str]
) -> Iterator[Finding]:
    if _REVIEW_NUMBER.match(row["number"]) is None:
        cure = "Give the number of the review's reference list, 1 or more."
        yield bad_cell("REVW001", row, "number", cure, key="number")
    if row["reference"] not in references:
        hint = did_you_mean(row["reference"], references) if row["reference"] else ""
        cure = f"{hint} Every number points to a row of references.tsv.".strip()
        yield bad_cell("REVW002", row, "reference", cure, key="number")
    elif row["reference"] in taken:
        cure = f"It stands at {taken[row['reference']]} already. Keep one number."
        yield bad_cell("REVW002", row, "reference", cure, key="number")
    if not row["title"]:
        yield bad_cell("REVW003", row, "title", "Give the title of the work.", key="number")


def load_claims(
    path: Path | None = None, *, review_references: Collection[int] | None = None
) -> Mapping[str, Claim]:
    """Return the claims by id, in file order.

    Parameters
    ----------
    path
        Table to read; None reads the one that ships with the package.
    review_references
        Numbers that claims may cite; None loads the list that ships with the package.

    Raises
    ------
    UserInputError
        With every finding at once: a malformed table or id, a word outside a closed vocabulary,
        an empty statement or test, an unknown or repeated reference number.
    """
    known = load_review_references() if review_references is None else review_references
    claims, findings = read_claims(path, review_references=known)
    raise_on_errors(findings)
    return claims


def read_claims(
    path: Path | None = None, *, review_references: Collection[int]
) -> tuple[Mapping[str, Claim], tuple[Finding, ...]]:
    """Return the claims, faulty ones included, and every finding on the table.

    A faulty row stays known, so that the rows that point to it are not blamed as well.
    """
    table = read_table(path, "claims.tsv", CLAIM_COLUMNS)
    findings = list(table.findings)
    claims: dict[str, Claim] = {}
    for row in table.rows:
        findings += _claim_findings(row, review_references)
        claims[row["id"]] = _claim(row)
    return MappingProxyType(claims), tuple(findings)


def _claim(row: Row) -> Claim:
    return Claim(
        id=row["id"],
        section=cast("ClaimSection", row["section"]),
        kind=cast("ClaimKind", row["kind"]),
        statement=row["statement"],
        quantity=row["quantity"],
        references=tuple(
            int(item) for item in split_ids(row["references"]) if _REVIEW_NUMBER.match(item)
        ),
        entities=split_ids(row["entities"]),
        test=row["test"],
        scale=cast("ClaimScale", row["scale"]),
        where=row.where,
    )


def _claim_findings(row: Row, review_references: Collection[int]) -> Iterator[Finding]:
    if _CLAIM_ID.match(row["id"]) is None:
        yield bad_cell("CLAIM001", row, "id", "Use C and three digits, such as C127.")
    yield from choice_findings("CLAIM002", row, "section", CLAIM_SECTIONS)
    yield from choice_findings("CLAIM003", row, "kind", CLAIM_KINDS)
    yield from choice_findings("CLAIM004", row, "scale", CLAIM_SCALES)
    if not row["statement"]:
        yield bad_cell("CLAIM005", row, "statement", "Say what the review says.")
    if not row["test"]:
        yield bad_cell("CLAIM006", row, "test", "Say what would have to be shown.")
    known = [str(number) for number in review_references]
    done: set[str] = set()
    for item in split_ids(row["references"]):
        if item in done:
            message = f"{row['id']}: reference {item!r} is listed twice. Keep one."
            yield error("CLAIM007", row.where, message)
        elif item not in known:
            message = (
                f"{row['id']}: unknown review reference {item!r}. "
                f"{did_you_mean(item, known)} Numbers stand in review_references.tsv."
            )
            yield error("CLAIM007", row.where, message)
        done.add(item)


def known_claim_findings(
    cited: Sequence[str], claims: Collection[str], row: Row, *, code: str
) -> Iterator[Finding]:
    """Yield a finding on a cell ``claims`` that is empty or names an unknown or repeated claim.

    Parameters
    ----------
    cited
        Claim ids of the cell.
    claims
        Known claim ids.
    row
        The citing row.
    code
        Code of the findings.
    """
    if not cited:
        yield bad_cell(code, row, "claims", "Name at least one claim, such as C127.")
    done: set[str] = set()
    for item in cited:
        if item in done:
            yield error(code, row.where, f"{row['id']}: claim {item!r} is listed twice. Keep one.")
        elif item not in claims:
            message = f"{row['id']}: unknown claim {item!r}. {did_you_mean(item, claims)}"
            yield error(code, row.where, message)
        done.add(item)


def select_claims(
    claims: Mapping[str, Claim],
    *,
    sections: Iterable[str] = (),
    kinds: Iterable[str] = (),
    scales: Iterable[str] = (),
    ids: Iterable[str] = (),
) -> tuple[Claim, ...]:
    """Return the claims that meet every condition given, in file order.

    Parameters
    ----------
    claims
        Claims to choose from.
    sections
        Sections, in any case; the beginning of a name is enough. None given: all.
    kinds, scales, ids
        Words of the vocabularies and claim ids, in any case. None given: all.

    Raises
    ------
    UserInputError
        With a finding for each word that names nothing, and the nearest ones that do.
    """
    findings: list[Finding] = []

    def chosen(option: str, words: Iterable[str], known: Collection[str], begin: bool) -> set[str]:
        wanted: set[str] = set()
        for word in words:
            low = word.strip().lower()
            hits = {item for item in known if item.lower() == low}
            if not hits and begin and low:
                hits = {item for item in known if item.lower().startswith(low)}
            if not hits:
                message = f"{word!r} names no {option}. {did_you_mean(word, known)}"
                findings.append(error("CLAIM008", f"--{option}", message))
            wanted |= hits
        return wanted or set(known)

    in_sections = chosen("section", sections, CLAIM_SECTIONS, begin=True)
    of_kinds = chosen("kind", kinds, CLAIM_KINDS, begin=False)
    of_scales = chosen("scale", scales, CLAIM_SCALES, begin=False)
    of_ids = chosen("id", ids, claims, begin=False)
    raise_on_errors(findings)
    return tuple(
        claim
        for claim in claims.values()
        if claim.section in in_sections
        and claim.kind in of_kinds
        and claim.scale in of_scales
        and claim.id in of_ids
    )
