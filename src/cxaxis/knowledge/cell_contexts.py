"""Cells of the virtual bench: how many receptors and how much arrestin each kind holds.

A context is a cell line or cell type. Everything else of the cell model is common to all of them,
so what one context shows where another was measured is an extrapolation.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Final, Literal, cast, get_args

from cxaxis.core.errors import Finding, error, raise_on_errors
from cxaxis.core.ids import did_you_mean
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

ContextStatus = Literal["measured", "derived", "borrowed", "assumed"]

CONTEXT_STATUS: Final[tuple[ContextStatus, ...]] = get_args(ContextStatus)
CELL_CONTEXT_COLUMNS: Final = (
    "id",
    "name",
    "cxcr4_per_cell",
    "ackr3_per_cell",
    "arrestin_per_cell",
    "cxcl12_gene",
    "settings",
    "status",
    "evidence",
    "note",
)
_NUMBERS: Final = ("cxcr4_per_cell", "ackr3_per_cell", "arrestin_per_cell", "cxcl12_gene")


@dataclass(frozen=True, kw_only=True)
class CellContext:
    """One kind of cell.

    Attributes
    ----------
    id, name
        Short name and what it is called.
    cxcr4_per_cell, ackr3_per_cell
        Receptors per cell at rest in air, surface and inside together, non-negative.
    arrestin_per_cell
        Molecules of arrestin per cell, probe included, positive.
    cxcl12_gene
        CXCL12 that the cell makes, relative to the reference tumour cell, non-negative.
    settings
        Inputs of the cell model that differ from their rest value, in the unit of the model.
    status
        ``measured``, ``derived``, ``borrowed`` or ``assumed``.
    evidence
        Ids of evidence rows.
    note
        Why these numbers.
    where
        ``file:line`` of the row.
    """

    id: str
    name: str
    cxcr4_per_cell: float
    ackr3_per_cell: float
    arrestin_per_cell: float
    cxcl12_gene: float
    settings: Mapping[str, float]
    status: ContextStatus
    evidence: tuple[str, ...]
    note: str
    where: str


def load_cell_contexts(path: Path | None = None) -> Mapping[str, CellContext]:
    """Return the contexts by id, in file order.

    Parameters
    ----------
    path
        Table to read; None reads the one that ships with the package.

    Raises
    ------
    UserInputError
        With every finding at once.
    """
    contexts, findings = read_cell_contexts(path, evidence=load_evidence())
    raise_on_errors(findings)
    return contexts


def cell_context(name: str) -> CellContext:
    """Return a context by id.

    Raises
    ------
    UserInputError
        If there is none of that name, naming the nearest.
    """
    contexts = load_cell_contexts()
    if name not in contexts:
        message = (
            f"there is no cell context {name!r}. {did_you_mean(name, contexts)} "
            f"All: {', '.join(contexts)}."
        )
        raise_on_errors([error("CELL001", "--context", message)])
    return contexts[name]


def read_cell_contexts(
    path: Path | None = None, *, evidence: Mapping[str, Evidence]
) -> tuple[Mapping[str, CellContext], tuple[Finding, ...]]:
    """Return the rows without an error, by id, and every finding on the table."""
    table = read_table(path, "cell_contexts.tsv", CELL_CONTEXT_COLUMNS)
    return sound_rows(table, lambda row: _findings(row, evidence), _context)


def _context(row: Row) -> CellContext:
    return CellContext(
        id=row["id"],
        name=row["name"],
        cxcr4_per_cell=float(row["cxcr4_per_cell"]),
        ackr3_per_cell=float(row["ackr3_per_cell"]),
        arrestin_per_cell=float(row["arrestin_per_cell"]),
        cxcl12_gene=float(row["cxcl12_gene"]),
        settings=MappingProxyType(dict(_settings(row["settings"]))),
        status=cast("ContextStatus", row["status"]),
        evidence=split_ids(row["evidence"]),
        note=row["note"],
        where=row.where,
    )


def _settings(text: str) -> Iterator[tuple[str, float]]:
    for part in split_ids(text):
        name, _, value = part.partition("=")
        number = parse_number(value)
        yield name, math.nan if number is None else number


def _findings(row: Row, evidence: Mapping[str, Evidence]) -> Iterator[Finding]:
    for name in _NUMBERS:
        value = parse_number(row[name])
        if value is None or value < 0:
            yield bad_cell("CCTX001", row, name, "Give a number, 0 or more.")
    if any(math.isnan(value) for _, value in _settings(row["settings"])):
        yield bad_cell("CCTX002", row, "settings", "Write input=number, with ; between.")
    yield from choice_findings("CCTX003", row, "status", CONTEXT_STATUS)
    for name in ("name", "note"):
        if not row[name]:
            yield bad_cell("CCTX004", row, name, "Say what the cell is and why these numbers.")
    yield from citation_findings(
        split_ids(row["evidence"]), evidence, where=row.where, citer=row["id"], code="CCTX005"
    )
