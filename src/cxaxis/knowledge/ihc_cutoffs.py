"""Cut-offs of immunohistochemistry: what share of tumours each series calls positive.

Series differ in antibody, score and cut-off, and print none of them on a common scale. What they
do print, the share of positive tumours, places each cut-off on any scale that orders tumours
alike: it is the quantile of that share.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal, cast, get_args

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
)

Marker = Literal["CXCR4", "CXCL12", "ACKR3"]

MARKERS: Final[tuple[str, ...]] = get_args(Marker)
CUTOFF_COLUMNS: Final = ("id", "marker", "scheme", "positive_share", "evidence", "note")
PER_CENT: Final = 100.0


@dataclass(frozen=True, kw_only=True)
class IhcCutoff:
    """The cut-off of one marker in one series.

    Attributes
    ----------
    id
        House id.
    marker
        What is stained on tumour cells.
    scheme
        How the series scored and what it called positive, as far as it says.
    positive_share
        Share of tumours called positive, in (0, 1).
    evidence
        Id of the evidence row with that share in per cent.
    note
        What a reader should know.
    where
        ``file:line`` of the row.
    """

    id: str
    marker: Marker
    scheme: str
    positive_share: float
    evidence: str
    note: str
    where: str


def load_ihc_cutoffs(path: Path | None = None) -> Mapping[str, IhcCutoff]:
    """Return the cut-offs by id, in file order.

    Parameters
    ----------
    path
        Table to read; None reads the one that ships with the package.

    Raises
    ------
    UserInputError
        With every finding at once: a malformed table, id or share, an unknown marker, no scheme,
        evidence that is unknown, held out or says another share.
    """
    cutoffs, findings = read_ihc_cutoffs(path, evidence=load_evidence())
    raise_on_errors(findings)
    return cutoffs


def read_ihc_cutoffs(
    path: Path | None = None, *, evidence: Mapping[str, Evidence]
) -> tuple[Mapping[str, IhcCutoff], tuple[Finding, ...]]:
    """Return the cut-offs without an error and every finding on the table."""
    table = read_table(path, "ihc_cutoffs.tsv", CUTOFF_COLUMNS)

    def findings_of(row: Row) -> Iterator[Finding]:
        return _cutoff_findings(row, evidence)

    return sound_rows(table, findings_of, _cutoff)


def _cutoff(row: Row) -> IhcCutoff:
    return IhcCutoff(
        id=row["id"],
        marker=cast("Marker", row["marker"]),
        scheme=row["scheme"],
        positive_share=float(row["positive_share"]),
        evidence=row["evidence"],
        note=row["note"],
        where=row.where,
    )


def _cutoff_findings(row: Row, evidence: Mapping[str, Evidence]) -> Iterator[Finding]:
    if not is_sbml_id(row["id"]):
        cure = "Use lower-case letters, digits and underscores, such as uchi_2016_cxcr4."
        yield bad_cell("IHCC001", row, "id", cure)
    yield from choice_findings("IHCC002", row, "marker", MARKERS)
    if not row["scheme"]:
        yield bad_cell("IHCC003", row, "scheme", "Say what the series called positive.")
    share = parse_number(row["positive_share"])
    if share is None or not 0.0 < share < 1.0:
        cure = "Give the share of positive tumours, between 0 and 1."
        yield bad_cell("IHCC004", row, "positive_share", cure)
    if row["evidence"] not in evidence:
        cure = "Name the one evidence row with the share in per cent, such as CLI008."
        yield bad_cell("IHCC005", row, "evidence", cure)
        return
    yield from citation_findings(
        (row["evidence"],), evidence, where=row.where, citer=row["id"], code="IHCC005"
    )
    said = evidence[row["evidence"]]
    if share is None:
        return
    agrees = said.number is not None and math.isclose(said.number, PER_CENT * share, rel_tol=1e-6)
    if said.unit != "%" or not agrees:
        cure = f"{said.id} says {said.value} {said.unit}. Make the two agree."
        yield bad_cell("IHCC006", row, "positive_share", cure)
