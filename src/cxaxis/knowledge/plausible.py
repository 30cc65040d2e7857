"""Ranges within which a virtual patient is plausible; those outside are left out and counted."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from cxaxis.core.errors import Finding, raise_on_errors
from cxaxis.core.ids import is_sbml_id
from cxaxis.knowledge.evidence import Evidence, citation_findings, load_evidence
from cxaxis.knowledge.tables import (
    Row,
    bad_cell,
    choice_findings,
    parse_number,
    read_table,
    sound_rows,
    split_ids,
)

PLAUSIBLE_COLUMNS: Final = ("id", "quantity", "low", "high", "unit", "evidence", "note")
#: What a range may be of: covariates of a cohort, and the doubling time of the primary.
PLAUSIBLE_QUANTITIES: Final = (
    "doubling_day",
    "diameter_mm",
    "days_from_inception",
    "age_year",
    "weight_kg",
    "crcl_mL_min",
    "serum_cxcl12_ng_per_mL",
    "occult_metastases",
)


@dataclass(frozen=True, kw_only=True)
class PlausibleRange:
    """The range of one quantity, both ends included.

    Attributes
    ----------
    id
        House id.
    quantity
        One of `PLAUSIBLE_QUANTITIES`.
    low, high
        Ends, in `unit`.
    unit
        Unit of the ends.
    evidence
        Ids of evidence rows; none for a range that is assumed, with its reason in `note`.
    note
        Why it ends there.
    where
        ``file:line`` of the row.
    """

    id: str
    quantity: str
    low: float
    high: float
    unit: str
    evidence: tuple[str, ...]
    note: str
    where: str


def load_plausible(path: Path | None = None) -> Mapping[str, PlausibleRange]:
    """Return the ranges by id, in file order.

    Parameters
    ----------
    path
        Table to read; None reads the one that ships with the package.

    Raises
    ------
    UserInputError
        With every finding at once: a malformed table, id, word or number, no reason, evidence
        that is unknown or held out.
    """
    ranges, findings = read_plausible(path, evidence=load_evidence())
    raise_on_errors(findings)
    return ranges


def read_plausible(
    path: Path | None = None, *, evidence: Mapping[str, Evidence]
) -> tuple[Mapping[str, PlausibleRange], tuple[Finding, ...]]:
    """Return the ranges without an error and every finding on the table."""
    table = read_table(path, "plausible.tsv", PLAUSIBLE_COLUMNS)

    def findings_of(row: Row) -> Iterator[Finding]:
        if not is_sbml_id(row["id"]):
            cure = "Use lower-case letters, digits and underscores, such as plausible_age."
            yield bad_cell("PLAU001", row, "id", cure)
        yield from choice_findings("PLAU002", row, "quantity", PLAUSIBLE_QUANTITIES)
        low, high = parse_number(row["low"]), parse_number(row["high"])
        if low is None or high is None or low >= high:
            yield bad_cell("PLAU003", row, "low", "Give two numbers, the lower one first.")
        if not row["note"]:
            yield bad_cell("PLAU004", row, "note", "Say why the range ends there.")
        yield from citation_findings(
            split_ids(row["evidence"]), evidence, where=row.where, citer=row["id"], code="PLAU005"
        )

    return sound_rows(table, findings_of, _range)


def _range(row: Row) -> PlausibleRange:
    return PlausibleRange(
        id=row["id"],
        quantity=row["quantity"],
        low=float(row["low"]),
        high=float(row["high"]),
        unit=row["unit"],
        evidence=split_ids(row["evidence"]),
        note=row["note"],
        where=row.where,
    )
