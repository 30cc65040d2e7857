"""The trials and regulatory standings that the review lists, as printed and as they are.

A designation is not an approval: a standing is one of four words, and `STANDING_WORDS` is how each
is shown.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Final, Literal, cast, get_args

from cxaxis.core.errors import Finding, raise_on_errors, warning
from cxaxis.core.ids import is_sbml_id
from cxaxis.knowledge.caveats import basis_findings
from cxaxis.knowledge.claims import known_claim_findings, load_claims
from cxaxis.knowledge.drug_records import Standing
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
    read_table,
    sound_rows,
    split_ids,
)

Place = Literal["Table 1", "text"]
Agreement = Literal["yes", "no", "unread"]
Phase = Literal["", "1", "1/2", "2", "2a", "2b", "3", "4"]
TrialState = Literal["", "recruiting", "completed", "suspended", "terminated", "unknown"]

PLACES: Final[tuple[str, ...]] = get_args(Place)
AGREEMENTS: Final[tuple[str, ...]] = get_args(Agreement)
PHASES: Final[tuple[str, ...]] = get_args(Phase)
TRIAL_STATES: Final[tuple[str, ...]] = get_args(TrialState)
STANDINGS: Final[tuple[str, ...]] = get_args(Standing)
STANDING_WORDS: Final[Mapping[Standing, str]] = MappingProxyType(
    {
        "none": "no standing with a regulator",
        "orphan": "orphan designation, which is not an approval",
        "in_trial": "in trial, not approved",
        "approved": "approved",
    }
)
REGISTRY_COLUMNS: Final = (
    "id",
    "claims",
    "place",
    "drug",
    "nct_printed",
    "nct",
    "condition_printed",
    "condition",
    "condition_agrees",
    "phase_printed",
    "phase",
    "trial_state",
    "trial_date",
    "standing_printed",
    "standing",
    "standing_date",
    "evidence",
    "status",
    "note",
)

_ENTRY_ID = re.compile(r"REG[0-9]{3}\Z")
_NCT = re.compile(r"NCT[0-9]{8}\Z")
_DATE = re.compile(r"[0-9]{4}(-(0[1-9]|1[0-2])(-(0[1-9]|[12][0-9]|3[01]))?)?\Z")


@dataclass(frozen=True, kw_only=True)
class RegistryEntry:
    """One trial, or one word of a regulator, as the review gives it and as it is.

    Attributes
    ----------
    id
        ``REG001`` and so on.
    claims
        Ids of the claims it bears on.
    place
        Where the review gives it: ``Table 1`` or ``text``.
    drug
        Id of the drug, as in ``drugs/`` where the drug has a file.
    nct_printed, nct
        Trial number as printed, and the well-formed number; empty where there is none.
    condition_printed, condition
        Indication in the review, and in the registry.
    condition_agrees
        Whether the two name the same condition, as the reader judged; ``unread`` where the
        registry's word was not read.
    phase_printed, phase
        Phase in the review, and in the registry.
    trial_state, trial_date
        How the trial stands and since when, empty if not known.
    standing_printed
        What the review says of a regulator, empty where it says nothing.
    standing, standing_date
        What a regulator has said of the drug in this condition, and when. A designation is
        ``orphan``, never ``approved``.
    evidence
        Ids of evidence and references, or words.
    status
        How well the row is known, as for evidence.
    note
        What a reader should know.
    where
        ``file:line`` of the row.
    """

    id: str
    claims: tuple[str, ...]
    place: Place
    drug: str
    nct_printed: str
    nct: str
    condition_printed: str
    condition: str
    condition_agrees: Agreement
    phase_printed: str
    phase: Phase
    trial_state: TrialState
    trial_date: str
    standing_printed: Standing | Literal[""]
    standing: Standing
    standing_date: str
    evidence: tuple[str, ...]
    status: EvidenceStatus
    note: str
    where: str

    @property
    def standing_words(self) -> str:
        """The standing with its date, in words that cannot be read as more than it is."""
        words = STANDING_WORDS[self.standing]
        return f"{words} ({self.standing_date})" if self.standing_date else words


def is_nct_number(text: str) -> bool:
    """Return whether ``text`` is ``NCT`` and eight digits."""
    return _NCT.match(text) is not None


def load_registry(path: Path | None = None) -> Mapping[str, RegistryEntry]:
    """Return the entries by id, in file order, against the shipped claims and evidence.

    Parameters
    ----------
    path
        Table to read; None reads the one that ships with the package.

    Raises
    ------
    UserInputError
        With every finding at once: a malformed table, id, date or corrected trial number, an
        unknown claim, evidence or reference, a word outside a closed vocabulary, an orphan
        designation or approval without a date.
    """
    references = load_references()
    entries, findings = read_registry(
        path,
        claims=load_claims(),
        evidence=load_evidence(references=references),
        references=references,
    )
    raise_on_errors(findings)
    return entries


def read_registry(
    path: Path | None = None,
    *,
    claims: Collection[str],
    evidence: Mapping[str, Evidence],
    references: Mapping[str, Reference],
) -> tuple[Mapping[str, RegistryEntry], tuple[Finding, ...]]:
    """Return the entries without an error and every finding on the table.

    A malformed number in the printed column is the review's and a warning; in the corrected column
    it is ours and an error.
    """
    table = read_table(path, "registry.tsv", REGISTRY_COLUMNS)

    def findings_of(row: Row) -> Iterator[Finding]:
        yield from _form_findings(row, claims)
        yield from _number_findings(row)
        yield from _standing_findings(row)
        yield from basis_findings(
            row, "evidence", evidence=evidence, references=references, code="REGI008"
        )
        # What the review misprints is told, and the entry kept.
        yield from _printed_findings(row)

    return sound_rows(table, findings_of, _entry)


def _entry(row: Row) -> RegistryEntry:
    return RegistryEntry(
        id=row["id"],
        claims=split_ids(row["claims"]),
        place=cast("Place", row["place"]),
        drug=row["drug"],
        nct_printed=row["nct_printed"],
        nct=row["nct"],
        condition_printed=row["condition_printed"],
        condition=row["condition"],
        condition_agrees=cast("Agreement", row["condition_agrees"]),
        phase_printed=row["phase_printed"],
        phase=cast("Phase", row["phase"]),
        trial_state=cast("TrialState", row["trial_state"]),
        trial_date=row["trial_date"],
        standing_printed=cast("Standing", row["standing_printed"]),
        standing=cast("Standing", row["standing"]),
        standing_date=row["standing_date"],
        evidence=split_ids(row["evidence"]),
        status=cast("EvidenceStatus", row["status"]),
        note=row["note"],
        where=row.where,
    )


def _form_findings(row: Row, claims: Collection[str]) -> Iterator[Finding]:
    """Yield what is wrong with the cells of a row, each taken alone."""
    if _ENTRY_ID.match(row["id"]) is None:
        yield bad_cell("REGI001", row, "id", "Use REG and three digits, such as REG012.")
    yield from known_claim_findings(split_ids(row["claims"]), claims, row, code="REGI002")
    yield from choice_findings("REGI003", row, "place", PLACES)
    if not is_sbml_id(row["drug"]):
        cure = "Use the id of the drug: lower-case letters, digits and underscores."
        yield bad_cell("REGI004", row, "drug", cure)
    for column in ("condition_printed", "condition"):
        if not row[column]:
            yield bad_cell("REGI005", row, column, "Name the condition.")
    yield from choice_findings("REGI006", row, "condition_agrees", AGREEMENTS)
    yield from choice_findings("REGI006", row, "standing_printed", ("", *STANDINGS))
    yield from choice_findings("REGI006", row, "phase", PHASES)
    yield from choice_findings("REGI006", row, "trial_state", TRIAL_STATES)
    for column in ("trial_date", "standing_date"):
        if row[column] and _DATE.match(row[column]) is None:
            cure = "Write a year, year-month or year-month-day, or leave it empty."
            yield bad_cell("REGI007", row, column, cure)
    yield from choice_findings("REGI009", row, "status", EVIDENCE_STATUS)


def _number_findings(row: Row) -> Iterator[Finding]:
    if row["nct"] and not is_nct_number(row["nct"]):
        cure = f"A trial number is NCT and eight digits; this has {_digits(row['nct'])}."
        yield bad_cell("REGI010", row, "nct", cure)
    if row["nct_printed"] and not row["nct"]:
        cure = f"The review prints {row['nct_printed']!r}. Give the well-formed number."
        yield bad_cell("REGI010", row, "nct", cure)


def _printed_findings(row: Row) -> Iterator[Finding]:
    if row["nct_printed"] and not is_nct_number(row["nct_printed"]):
        message = (
            f"{row['id']}: the review prints nct_printed {row['nct_printed']!r}, which has "
            f"{_digits(row['nct_printed'])}; a trial number is NCT and eight digits. "
            f"Read it as {row['nct'] or 'unknown'}."
        )
        yield warning("REGI011", row.where, message)


def _digits(text: str) -> str:
    count = sum(character.isdecimal() for character in text)
    return f"{count} digit{'' if count == 1 else 's'}"


def _standing_findings(row: Row) -> Iterator[Finding]:
    """Yield a finding on a standing that a reader could take for another one."""
    yield from choice_findings("REGI012", row, "standing", STANDINGS)
    if row["standing"] in {"orphan", "approved"} and not row["standing_date"]:
        cure = f"Say when the drug became {row['standing']!r}: a standing has a date."
        yield bad_cell("REGI012", row, "standing_date", cure)
    if row["standing"] == "none" and row["standing_date"]:
        cure = "Without a standing there is no date. Leave it empty, or give the standing."
        yield bad_cell("REGI012", row, "standing_date", cure)
