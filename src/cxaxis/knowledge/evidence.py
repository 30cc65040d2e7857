"""References and evidence: where each number was read, and what it may be used for."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import Final, Literal, cast, get_args

from cxaxis.core.errors import Finding, error, raise_on_errors
from cxaxis.core.ids import did_you_mean, is_sbml_id
from cxaxis.knowledge.tables import (
    Row,
    Table,
    bad_cell,
    choice_findings,
    parse_number,
    read_table,
)

EvidenceStatus = Literal["seen", "recalled", "derived"]
EvidenceRole = Literal["parameter", "fitted", "held_out", "context"]
Species = Literal["human", "several", "other_mammal", "rat", "mouse", "none"]
Tissue = Literal[
    "escc",
    "oesophagus",
    "whole_body",
    "squamous_other",
    "other_tumour",
    "normal_other",
    "blood_or_marrow",
    "cell_free",
    "none",
]
Assay = Literal[
    "physical_constant",
    "protocol",
    "pharmacokinetics",
    "pharmacodynamics",
    "clinical_outcome",
    "registry",
    "pathology",
    "imaging",
    "binding",
    "signalling",
    "trafficking",
    "expression",
    "biochemistry",
    "cell_culture",
    "estimate",
    "animal_model",
]
Setting = Literal["in_vivo_human", "physical", "ex_vivo", "in_vitro", "in_silico", "in_vivo_animal"]
Directness = Literal["direct", "indirect", "analogy"]

REFERENCE_COLUMNS: Final = ("id", "citation", "year", "identifier", "note")
EVIDENCE_COLUMNS: Final = (
    "id",
    "quantity",
    "value",
    "low",
    "high",
    "unit",
    "system",
    "species",
    "tissue",
    "assay",
    "setting",
    "directness",
    "reference",
    "seen",
    "status",
    "role",
    "note",
)
EVIDENCE_STATUS: Final = ("seen", "recalled", "derived")
EVIDENCE_ROLES: Final = ("parameter", "fitted", "held_out", "context")
# What tells how far a reading is from a patient with ESCC, with the words each may use.
DIMENSIONS: Final[Mapping[str, tuple[str, ...]]] = MappingProxyType(
    {
        "species": get_args(Species),
        "tissue": get_args(Tissue),
        "assay": get_args(Assay),
        "setting": get_args(Setting),
        "directness": get_args(Directness),
    }
)

_EVIDENCE_ID = re.compile(r"(DRG|MOL|TIS|CLI|IMG|ANN)\d{3}\Z")
_YEAR = re.compile(r"(19|20)\d{2}\Z")
_IDENTIFIER = re.compile(r"(doi:10\.\d{4,9}/\S+|pmid:\d+|pmc:PMC\d+|nct:NCT\d{8}|biomodels:\S+)\Z")
_IDENTIFIER_FORMS = "doi:10..., pmid:123, pmc:PMC123, nct:NCT01234567, biomodels:BIOMD..."


@dataclass(frozen=True, kw_only=True)
class Reference:
    """A publication, label, registry entry or web page.

    Attributes
    ----------
    id
        House id such as ``peled_2014``.
    citation
        Authors or body, journal or publisher, volume and page, as far as known.
    year
        Year of publication, None when the source carries none.
    identifier
        ``doi:``, ``pmid:``, ``pmc:``, ``nct:`` or ``biomodels:`` identifier, else empty.
    note
        What a reader should know about the source.
    where
        ``file:line`` of the row.
    """

    id: str
    citation: str
    year: int | None
    identifier: str
    note: str
    where: str


@dataclass(frozen=True, kw_only=True)
class Evidence:
    """One reading: a quantity, its value as printed, and where it was read.

    Attributes
    ----------
    id
        House id; the prefix names the field (``DRG`` drugs, ``MOL`` molecules, ``TIS`` tissue,
        ``CLI`` clinic, ``IMG`` imaging, ``ANN`` annotation: what is on record of a gene, a
        molecule or a disease).
    quantity
        What was measured.
    value
        As printed: a number, a list such as ``1500 / 1000``, words, or empty.
    low, high
        Range, interval or spread as the note says; text like `value`.
    unit
        Unit of `value`, in the source's words.
    system
        Species, cells, patients or assay, in words.
    species
        Whose molecules, cells or bodies were read: human cells grafted into a mouse are
        ``human``. ``several`` mixes them, ``none`` has no organism in it.
    tissue
        Where the reading was made; ``whole_body`` is a person as a whole (drug handling, blood
        levels and counts, body measures), ``cell_free`` has no living cell in it, ``none`` is
        for quantities that a tissue does not enter.
    assay
        How it was read; ``estimate`` marks a number that was chosen, not measured.
    setting
        Where it took place: ``in_vivo_human`` covers tissue fixed as it came from the body,
        ``physical`` constants and written records.
    directness
        ``direct`` (the quantity itself was read), ``indirect`` (inferred through a model or a
        proxy) or ``analogy`` (another molecule or process).
    reference
        Id of the `Reference`.
    seen
        Page where the value was read; empty unless `status` is ``seen``.
    status
        ``seen`` (read at the source), ``recalled`` (unverified) or ``derived`` (computed here).
    role
        ``parameter`` may enter a prior, ``fitted`` may be calibrated to, ``held_out`` may only
        be predicted, ``context`` is background.
    note
        Caveats and how a derived value was made.
    where
        ``file:line`` of the row.
    """

    id: str
    quantity: str
    value: str
    low: str
    high: str
    unit: str
    system: str
    species: Species
    tissue: Tissue
    assay: Assay
    setting: Setting
    directness: Directness
    reference: str
    seen: str
    status: EvidenceStatus
    role: EvidenceRole
    note: str
    where: str

    @property
    def number(self) -> float | None:
        """The value as a number, None when it is a list, words or empty."""
        return parse_number(self.value)


def load_references(path: Path | None = None) -> Mapping[str, Reference]:
    """Return the references by id, in file order.

    Parameters
    ----------
    path
        Table to read; None reads the one that ships with the package.

    Raises
    ------
    UserInputError
        With every finding at once: a malformed table, id, year or identifier.
    """
    references, findings = read_references(path)
    raise_on_errors(findings)
    return references


def read_references(
    path: Path | None = None,
) -> tuple[Mapping[str, Reference], tuple[Finding, ...]]:
    """Return the references, faulty ones included, and every finding on the table."""
    table = read_table(path, "references.tsv", REFERENCE_COLUMNS)
    findings = list(table.findings)
    references: dict[str, Reference] = {}
    for row in table.rows:
        findings += _reference_findings(row)
        # A faulty row stays known, so that the rows that point to it are not blamed as well.
        references[row["id"]] = Reference(
            id=row["id"],
            citation=row["citation"],
            year=int(row["year"]) if _YEAR.match(row["year"]) else None,
            identifier=row["identifier"],
            note=row["note"],
            where=row.where,
        )
    return MappingProxyType(references), tuple(findings)


def _reference_findings(row: Row) -> Iterator[Finding]:
    if not is_sbml_id(row["id"]):
        cure = "Use lower-case letters, digits and underscores, such as peled_2014."
        yield bad_cell("REF001", row, "id", cure)
    if not row["citation"]:
        yield bad_cell("REF002", row, "citation", "Say who published it and where.")
    if row["year"] and _YEAR.match(row["year"]) is None:
        yield bad_cell("REF003", row, "year", "Give four digits, or leave it empty if unknown.")
    if row["identifier"] and _IDENTIFIER.match(row["identifier"]) is None:
        cure = f"Use one of {_IDENTIFIER_FORMS}, or leave it empty."
        yield bad_cell("REF004", row, "identifier", cure)


def load_evidence(
    path: Path | None = None, *, references: Mapping[str, Reference] | None = None
) -> Mapping[str, Evidence]:
    """Return the evidence rows by id, in file order.

    Parameters
    ----------
    path
        Table to read; None reads the one that ships with the package.
    references
        References that rows may point to; None loads those that ship with the package.

    Raises
    ------
    UserInputError
        With every finding at once.
    """
    if path is None and references is None:
        return _shipped()
    known = load_references() if references is None else references
    evidence, findings = read_evidence(path, references=known)
    raise_on_errors(findings)
    return evidence


@cache
def _shipped() -> Mapping[str, Evidence]:
    """Return the packaged rows: they cannot change, and every loader asks for them."""
    evidence, findings = read_evidence(None, references=load_references())
    raise_on_errors(findings)
    return evidence


def read_evidence(
    path: Path | None = None, *, references: Mapping[str, Reference]
) -> tuple[Mapping[str, Evidence], tuple[Finding, ...]]:
    """Return the evidence rows, faulty ones included, and every finding on the table."""
    table: Table = read_table(path, "evidence.tsv", EVIDENCE_COLUMNS)
    findings = list(table.findings)
    evidence: dict[str, Evidence] = {}
    for row in table.rows:
        findings += _evidence_findings(row, references)
        # Kept for the same reason as a faulty reference.
        evidence[row["id"]] = _evidence(row)
    return MappingProxyType(evidence), tuple(findings)


def _evidence(row: Row) -> Evidence:
    return Evidence(
        id=row["id"],
        quantity=row["quantity"],
        value=row["value"],
        low=row["low"],
        high=row["high"],
        unit=row["unit"],
        system=row["system"],
        species=cast("Species", row["species"]),
        tissue=cast("Tissue", row["tissue"]),
        assay=cast("Assay", row["assay"]),
        setting=cast("Setting", row["setting"]),
        directness=cast("Directness", row["directness"]),
        reference=row["reference"],
        seen=row["seen"],
        status=cast("EvidenceStatus", row["status"]),
        role=cast("EvidenceRole", row["role"]),
        note=row["note"],
        where=row.where,
    )


def _evidence_findings(row: Row, references: Mapping[str, Reference]) -> Iterator[Finding]:
    if _EVIDENCE_ID.match(row["id"]) is None:
        cure = "Use DRG, MOL, TIS, CLI, IMG or ANN and three digits."
        yield bad_cell("EVID001", row, "id", cure)
    if not row["quantity"]:
        yield bad_cell("EVID002", row, "quantity", "Say what was measured.")
    if row["reference"] not in references:
        hint = did_you_mean(row["reference"], references) if row["reference"] else ""
        cure = f"{hint} Every row points to a row of references.tsv.".strip()
        yield bad_cell("EVID003", row, "reference", cure)
    yield from choice_findings("EVID004", row, "status", EVIDENCE_STATUS)
    yield from choice_findings("EVID005", row, "role", EVIDENCE_ROLES)
    if row["status"] == "seen" and not row["seen"]:
        cure = "Give the page where it was read, or set status to recalled."
        yield bad_cell("EVID006", row, "seen", cure)
    if row["status"] == "recalled" and row["seen"]:
        cure = "A page that was read makes the status seen; else leave the cell empty."
        yield bad_cell("EVID006", row, "seen", cure)
    yield from _range_findings(row)
    yield from _distance_findings(row)


def _distance_findings(row: Row) -> Iterator[Finding]:
    """Yield what is wrong with the words on how far the reading is from a patient with ESCC."""
    unknown = [
        finding
        for dimension, words in DIMENSIONS.items()
        for finding in choice_findings("EVID008", row, dimension, words)
    ]
    yield from unknown
    if unknown:
        return
    setting, assay = row["setting"], row["assay"]
    if setting == "in_vivo_human" and row["species"] not in {"human", "several"}:
        yield bad_cell("EVID009", row, "species", "In people it is human or several.")
    if setting.startswith("in_vivo") and row["tissue"] in {"cell_free", "none"}:
        yield bad_cell("EVID009", row, "tissue", "In a living body name where it was read.")
    if assay == "animal_model" and setting != "in_vivo_animal":
        yield bad_cell("EVID009", row, "setting", "An animal model is in_vivo_animal.")
    if assay == "physical_constant" and setting != "physical":
        yield bad_cell("EVID009", row, "setting", "A physical constant is physical.")
    if setting == "physical" and assay not in {"physical_constant", "protocol"}:
        cure = "With setting physical it is physical_constant or protocol."
        yield bad_cell("EVID009", row, "assay", cure)


def _range_findings(row: Row) -> Iterator[Finding]:
    """Yield a finding on a range that runs backwards.

    The value may lie outside its range: some sources print a fit beside the range of others.
    """
    low, high = parse_number(row["low"]), parse_number(row["high"])
    if low is not None and high is not None and low > high:
        yield bad_cell("EVID007", row, "low", f"high is {row['high']!r}. Give the lower end first.")


def citation_findings(
    cited: Iterable[str], evidence: Mapping[str, Evidence], *, where: str, citer: str, code: str
) -> Iterator[Finding]:
    """Yield a finding for each cited row that is unknown, repeated or held out.

    Held-out rows may only be predicted: a number of the model that rests on one would turn the
    later comparison into a fit.

    Parameters
    ----------
    cited
        Evidence ids as listed by the citing row.
    evidence
        Known rows.
    where
        ``file:line`` of the citing row.
    citer
        Id of the citing row or key, for the message.
    code
        Code of the findings.
    """
    done: set[str] = set()
    for item in cited:
        if item in done:
            yield error(code, where, f"{citer}: evidence {item!r} is listed twice. Keep one.")
        elif item not in evidence:
            message = f"{citer}: unknown evidence {item!r}. {did_you_mean(item, evidence)}"
            yield error(code, where, message)
        elif evidence[item].role == "held_out":
            message = (
                f"{citer}: evidence {item!r} is held_out and may only be predicted. "
                "Cite a row of role parameter, fitted or context."
            )
            yield error(code, where, message)
        done.add(item)
