"""Where the review is loose, contradicted or overtaken, and both sides of what is disputed."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal, cast, get_args

from cxaxis.core.errors import Finding, ModelValueError, error, raise_on_errors
from cxaxis.core.ids import did_you_mean, is_sbml_id
from cxaxis.core.units import conversion_factor
from cxaxis.knowledge.claims import known_claim_findings, load_claims
from cxaxis.knowledge.evidence import (
    EVIDENCE_STATUS,
    Evidence,
    EvidenceStatus,
    Reference,
    load_evidence,
    load_references,
)
from cxaxis.knowledge.tables import (
    Row,
    bad_cell,
    choice_findings,
    parse_number,
    read_table,
    sound_rows,
    split_ids,
)

CaveatType = Literal[
    "loose",
    "contradicted",
    "overtaken",
    "misattributed",
    "borrowed",
    "thin",
    "regulatory",
    "nomenclature",
    "typographical",
]
Direction = Literal["adverse", "favourable", "none", "higher", "lower", "level"]

CAVEAT_TYPES: Final[tuple[str, ...]] = get_args(CaveatType)
DIRECTIONS: Final[tuple[str, ...]] = get_args(Direction)
CAVEAT_COLUMNS: Final = ("id", "claims", "type", "caveat", "correction", "basis", "status")
CONTRADICTION_COLUMNS: Final = (
    "id",
    "topic",
    "claims",
    "side",
    "study",
    "n",
    "assay",
    "cut_off",
    "measure",
    "effect",
    "low",
    "high",
    "unit",
    "direction",
    "evidence",
    "status",
    "note",
)

_CAVEAT_ID = re.compile(r"CAV[0-9]{3}\Z")
_CONTRADICTION_ID = re.compile(r"CON[0-9]{3}\Z")
_COUNT = re.compile(r"[1-9][0-9]{0,6}\Z")
# Names and quotients of names alone: a unit of a table needs no arithmetic.
_UNIT = re.compile(r"(1|%|[A-Za-z_]+(/[A-Za-z_]+)?)\Z")


@dataclass(frozen=True, kw_only=True)
class Caveat:
    """What a reader of a claim must know.

    Attributes
    ----------
    id
        ``CAV001`` and so on.
    claims
        Ids of the claims it bears on.
    type
        ``loose`` (wider or vaguer than the source), ``contradicted`` (other work disagrees),
        ``overtaken`` (later events), ``misattributed`` (the cited work does not say it),
        ``borrowed`` (shown in another tissue, tumour or species), ``thin`` (few patients or one
        assay), ``regulatory`` (a designation shown as an approval), ``nomenclature``,
        ``typographical``.
    caveat
        What is amiss.
    correction
        The corrected statement, empty where there is none to give.
    basis
        Ids of evidence and references, or words; see `basis_findings`.
    status
        How well the basis is known, as for evidence.
    where
        ``file:line`` of the row.
    """

    id: str
    claims: tuple[str, ...]
    type: CaveatType
    caveat: str
    correction: str
    basis: tuple[str, ...]
    status: EvidenceStatus
    where: str


@dataclass(frozen=True, kw_only=True)
class Contradiction:
    """One study's reading on a question where studies disagree.

    Attributes
    ----------
    id
        ``CON001`` and so on.
    topic
        The question, the same word in every row on it.
    claims
        Ids of the claims it bears on.
    side
        The answer this reading supports; a topic has at least two sides.
    study
        Id of the `Reference`.
    n
        Patients or tumours behind the reading, None when the source read gives no number.
    assay
        What was measured, and with what.
    cut_off
        What counted as positive or high, empty if not known.
    measure
        What `effect` is.
    effect, low, high
        Size and interval in `unit`, None when the source gives only a direction.
    unit
        Unit that the registry reads; ``1`` for ratios and p-values, empty without `effect`.
    direction
        ``adverse``, ``favourable`` or ``none`` for outcome, ``higher``, ``lower`` or ``none`` for a
        comparison, ``level`` for a reading that compares nothing.
    evidence
        Ids of evidence rows of any role; none enters a parameter from here.
    status
        How well the reading is known, as for evidence.
    note
        What a reader should know.
    where
        ``file:line`` of the row.
    """

    id: str
    topic: str
    claims: tuple[str, ...]
    side: str
    study: str
    n: int | None
    assay: str
    cut_off: str
    measure: str
    effect: float | None
    low: float | None
    high: float | None
    unit: str
    direction: Direction
    evidence: tuple[str, ...]
    status: EvidenceStatus
    note: str
    where: str


def basis_findings(
    row: Row,
    column: str,
    *,
    evidence: Collection[str],
    references: Collection[str],
    code: str,
) -> Iterator[Finding]:
    """Yield a finding on a cell that says what a statement rests on.

    The cell lists parts with ``;`` between. A part with a space in it is words and stands as it
    is; a part without one is the id of an evidence row or a reference and must be known. Rows of
    every role may be named: a caveat shows them, and no number of the model rests on a caveat.
    """
    parts = split_ids(row[column])
    if not any(parts):
        cure = "Name evidence or references by id, or say in words where it is known from."
        yield bad_cell(code, row, column, cure)
        return
    for item in parts:
        if not item:
            yield bad_cell(code, row, column, "Remove the semicolon with nothing beside it.")
        elif " " not in item and item not in evidence and item not in references:
            message = (
                f"{row['id']}: {column} names unknown evidence or reference {item!r}. "
                f"{did_you_mean(item, {*evidence, *references})}"
            )
            yield error(code, row.where, message)


def load_caveats(path: Path | None = None) -> Mapping[str, Caveat]:
    """Return the caveats by id, in file order, against the shipped claims and evidence.

    Parameters
    ----------
    path
        Table to read; None reads the one that ships with the package.

    Raises
    ------
    UserInputError
        With every finding at once: a malformed table or id, an unknown claim, evidence or
        reference, a word outside a closed vocabulary.
    """
    references = load_references()
    caveats, findings = read_caveats(
        path,
        claims=load_claims(),
        evidence=load_evidence(references=references),
        references=references,
    )
    raise_on_errors(findings)
    return caveats


def read_caveats(
    path: Path | None = None,
    *,
    claims: Collection[str],
    evidence: Mapping[str, Evidence],
    references: Mapping[str, Reference],
) -> tuple[Mapping[str, Caveat], tuple[Finding, ...]]:
    """Return the caveats that could be read and every finding on the table."""
    table = read_table(path, "caveats.tsv", CAVEAT_COLUMNS)

    def findings_of(row: Row) -> Iterator[Finding]:
        yield from _caveat_findings(row, claims)
        yield from basis_findings(
            row, "basis", evidence=evidence, references=references, code="CAVE005"
        )

    return sound_rows(table, findings_of, _caveat)


def _caveat(row: Row) -> Caveat:
    return Caveat(
        id=row["id"],
        claims=split_ids(row["claims"]),
        type=cast("CaveatType", row["type"]),
        caveat=row["caveat"],
        correction=row["correction"],
        basis=split_ids(row["basis"]),
        status=cast("EvidenceStatus", row["status"]),
        where=row.where,
    )


def _caveat_findings(row: Row, claims: Collection[str]) -> Iterator[Finding]:
    if _CAVEAT_ID.match(row["id"]) is None:
        yield bad_cell("CAVE001", row, "id", "Use CAV and three digits, such as CAV012.")
    yield from known_claim_findings(split_ids(row["claims"]), claims, row, code="CAVE002")
    yield from choice_findings("CAVE003", row, "type", CAVEAT_TYPES)
    if not row["caveat"]:
        yield bad_cell("CAVE004", row, "caveat", "Say what is amiss.")
    yield from choice_findings("CAVE006", row, "status", EVIDENCE_STATUS)


def load_contradictions(path: Path | None = None) -> Mapping[str, Contradiction]:
    """Return the readings on disputed questions by id, in file order.

    Parameters
    ----------
    path
        Table to read; None reads the one that ships with the package.

    Raises
    ------
    UserInputError
        With every finding at once: a malformed table, id, number, interval or unit, an unknown
        claim, study or evidence, a word outside a closed vocabulary.
    """
    references = load_references()
    contradictions, findings = read_contradictions(
        path,
        claims=load_claims(),
        evidence=load_evidence(references=references),
        references=references,
    )
    raise_on_errors(findings)
    return contradictions


def read_contradictions(
    path: Path | None = None,
    *,
    claims: Collection[str],
    evidence: Mapping[str, Evidence],
    references: Mapping[str, Reference],
) -> tuple[Mapping[str, Contradiction], tuple[Finding, ...]]:
    """Return the readings that could be read and every finding on the table."""
    table = read_table(path, "contradictions.tsv", CONTRADICTION_COLUMNS)

    def findings_of(row: Row) -> Iterator[Finding]:
        yield from _reading_findings(row, claims, evidence, references)
        yield from _size_findings(row)

    return sound_rows(table, findings_of, _contradiction)


def _contradiction(row: Row) -> Contradiction:
    return Contradiction(
        id=row["id"],
        topic=row["topic"],
        claims=split_ids(row["claims"]),
        side=row["side"],
        study=row["study"],
        n=int(row["n"]) if row["n"] else None,
        assay=row["assay"],
        cut_off=row["cut_off"],
        measure=row["measure"],
        effect=parse_number(row["effect"]),
        low=parse_number(row["low"]),
        high=parse_number(row["high"]),
        unit=row["unit"],
        direction=cast("Direction", row["direction"]),
        evidence=split_ids(row["evidence"]),
        status=cast("EvidenceStatus", row["status"]),
        note=row["note"],
        where=row.where,
    )


def _reading_findings(
    row: Row,
    claims: Collection[str],
    evidence: Mapping[str, Evidence],
    references: Mapping[str, Reference],
) -> Iterator[Finding]:
    if _CONTRADICTION_ID.match(row["id"]) is None:
        yield bad_cell("CONT001", row, "id", "Use CON and three digits, such as CON012.")
    if not is_sbml_id(row["topic"]):
        cure = "Use lower-case letters, digits and underscores, the same in every row on it."
        yield bad_cell("CONT002", row, "topic", cure)
    yield from known_claim_findings(split_ids(row["claims"]), claims, row, code="CONT003")
    for column in ("side", "assay", "measure"):
        if not row[column]:
            yield bad_cell("CONT004", row, column, "Say it in words.")
    if row["study"] not in references:
        hint = did_you_mean(row["study"], references) if row["study"] else ""
        cure = f"{hint} Every reading points to a row of references.tsv.".strip()
        yield bad_cell("CONT005", row, "study", cure)
    yield from choice_findings("CONT006", row, "direction", DIRECTIONS)
    yield from choice_findings("CONT007", row, "status", EVIDENCE_STATUS)
    for item in split_ids(row["evidence"]):
        if item not in evidence:
            message = f"{row['id']}: unknown evidence {item!r}. {did_you_mean(item, evidence)}"
            yield error("CONT008", row.where, message)


def _size_findings(row: Row) -> Iterator[Finding]:
    """Yield what is wrong with the numbers of a reading and their unit."""
    if row["n"] and _COUNT.match(row["n"]) is None:
        yield bad_cell("CONT009", row, "n", "Give a whole number of patients, or leave it empty.")
    sizes = {column: parse_number(row[column]) for column in ("effect", "low", "high")}
    for column, size in sizes.items():
        if row[column] and size is None:
            yield bad_cell("CONT010", row, column, "Give a number, or leave it empty.")
    low, high, effect = sizes["low"], sizes["high"], sizes["effect"]
    if low is not None and high is not None and low > high:
        yield bad_cell("CONT011", row, "low", f"high is {row['high']!r}. Give the lower end first.")
    elif effect is not None and (
        (low is not None and effect < low) or (high is not None and effect > high)
    ):
        cure = f"It lies outside {row['low'] or '-'} to {row['high'] or '-'}. Mend one of them."
        yield bad_cell("CONT011", row, "effect", cure)
    if any(row[column] for column in sizes):
        if not _is_unit(row["unit"]):
            cure = "Use 1, %, a unit such as month, or a quotient of two."
            yield bad_cell("CONT012", row, "unit", cure)
    elif row["unit"]:
        yield bad_cell("CONT012", row, "unit", "Without a number, leave it empty.")


def _is_unit(text: str) -> bool:
    if _UNIT.match(text) is None:
        return False
    try:
        conversion_factor(text, text)
    except ModelValueError:
        return False
    return True
