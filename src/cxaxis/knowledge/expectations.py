"""What each check of the ledger must measure for the claim to hold, and on whose word."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal, cast, get_args

from cxaxis.core.errors import Finding, raise_on_errors
from cxaxis.core.ids import is_sbml_id
from cxaxis.core.units import is_unit
from cxaxis.knowledge.caveats import basis_findings
from cxaxis.knowledge.evidence import Evidence, Reference, load_evidence, load_references
from cxaxis.knowledge.tables import (
    Row,
    bad_cell,
    choice_findings,
    parse_number,
    read_table,
    sound_rows,
    split_ids,
)

CheckKind = Literal["simulation", "data", "audit"]
Grade = Literal["", "encoded", "emergent", "quantitative"]

CHECK_KINDS: Final[tuple[str, ...]] = get_args(CheckKind)
GRADES: Final[tuple[str, ...]] = get_args(Grade)
PATH_ARROW: Final = " > "
EXPECTATION_COLUMNS: Final = (
    "id",
    "kind",
    "grade",
    "quantity",
    "low",
    "high",
    "unit",
    "source",
    "path",
    "note",
)


@dataclass(frozen=True, kw_only=True)
class Expectation:
    """The range a check's measurement must lie in.

    Attributes
    ----------
    id
        Name of the check, or of the family of checks, it belongs to.
    kind
        ``simulation`` (the model is run), ``data`` (tables are looked at) or ``audit`` (cited
        works are read).
    grade
        What a reproduced simulation check counts as: ``encoded`` (one edge was put there for
        it), ``emergent`` (it follows from edges put there for other reasons) or ``quantitative``
        (a number within a sourced interval). Empty for data and audit.
    quantity
        What is measured, in words.
    low, high
        Range in `unit`; None on an open side. For a direction, the bound is the smallest effect
        that counts.
    unit
        Unit of the measurement.
    source
        Ids of evidence and references, or words; see `basis_findings`.
    path
        Quantities of the model from what is changed to what is read, each acting directly on
        the next; empty for data and audit.
    note
        Why the bound is where it is.
    where
        ``file:line`` of the row.
    """

    id: str
    kind: CheckKind
    grade: Grade
    quantity: str
    low: float | None
    high: float | None
    unit: str
    source: tuple[str, ...]
    path: tuple[str, ...]
    note: str
    where: str


def load_expectations(path: Path | None = None) -> Mapping[str, Expectation]:
    """Return the expectations by id, in file order.

    Parameters
    ----------
    path
        Table to read; None reads the one that ships with the package.

    Raises
    ------
    UserInputError
        With every finding at once: a malformed table, id, number, range or unit, a word outside
        a closed vocabulary, no source or an unknown one.
    """
    references = load_references()
    expectations, findings = read_expectations(
        path, evidence=load_evidence(references=references), references=references
    )
    raise_on_errors(findings)
    return expectations


def read_expectations(
    path: Path | None = None,
    *,
    evidence: Mapping[str, Evidence],
    references: Mapping[str, Reference],
) -> tuple[Mapping[str, Expectation], tuple[Finding, ...]]:
    """Return the expectations without an error and every finding on the table."""
    table = read_table(path, "expectations.tsv", EXPECTATION_COLUMNS)

    def findings_of(row: Row) -> Iterator[Finding]:
        yield from _expectation_findings(row)
        yield from basis_findings(
            row, "source", evidence=evidence, references=references, code="EXPE006"
        )

    return sound_rows(table, findings_of, _expectation)


def _expectation(row: Row) -> Expectation:
    return Expectation(
        id=row["id"],
        kind=cast("CheckKind", row["kind"]),
        grade=cast("Grade", row["grade"]),
        quantity=row["quantity"],
        low=parse_number(row["low"]),
        high=parse_number(row["high"]),
        unit=row["unit"],
        source=split_ids(row["source"]),
        path=tuple(row["path"].split(PATH_ARROW)) if row["path"] else (),
        note=row["note"],
        where=row.where,
    )


def _expectation_findings(row: Row) -> Iterator[Finding]:
    if not is_sbml_id(row["id"]):
        cure = "Use the name of the check: lower-case letters, digits and underscores."
        yield bad_cell("EXPE001", row, "id", cure)
    yield from choice_findings("EXPE002", row, "kind", CHECK_KINDS)
    yield from choice_findings("EXPE002", row, "grade", GRADES)
    if row["kind"] in CHECK_KINDS:
        yield from _simulation_findings(row)
    if not row["quantity"]:
        yield bad_cell("EXPE004", row, "quantity", "Say what is measured.")
    yield from _range_findings(row)
    if not is_unit(row["unit"]):
        yield bad_cell("EXPE007", row, "unit", "Write it as in 'hour', '1' or 'month'.")


def _simulation_findings(row: Row) -> Iterator[Finding]:
    is_simulation = row["kind"] == "simulation"
    if is_simulation != bool(row["grade"]):
        cure = "A simulation check has a grade; data and audit checks have none."
        yield bad_cell("EXPE003", row, "grade", cure)
    if is_simulation != bool(row["path"]):
        cure = "A simulation check names its path through the model; others have none."
        yield bad_cell("EXPE003", row, "path", cure)


def _range_findings(row: Row) -> Iterator[Finding]:
    bounds = {column: parse_number(row[column]) for column in ("low", "high")}
    for column, bound in bounds.items():
        if row[column] and bound is None:
            yield bad_cell("EXPE005", row, column, "Give a number, or leave it empty.")
    low, high = bounds["low"], bounds["high"]
    if not row["low"] and not row["high"]:
        yield bad_cell(
            "EXPE005", row, "low", "Give at least one bound: a check must be able to fail."
        )
    if low is not None and high is not None and low > high:
        cure = f"high is {row['high']!r}. Give the lower end first."
        yield bad_cell("EXPE005", row, "low", cure)


def unused(expectations: Mapping[str, Expectation], used: Collection[str]) -> tuple[str, ...]:
    """Return the ids that no check uses, in file order."""
    return tuple(item for item in expectations if item not in used)
