"""Which claims wait for a part of the model that is not built, and for which part."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Final, Literal, cast, get_args

from cxaxis.core.errors import Finding, error, raise_on_errors
from cxaxis.knowledge.claims import load_claims
from cxaxis.knowledge.tables import Row, bad_cell, choice_findings, read_table

Part = Literal[
    "expression",
    "signalling",
    "cell",
    "tissue",
    "immunity",
    "marrow",
    "pharmacology",
    "spread",
    "imaging",
    "cohort",
    "trial",
    "inference",
]

PARTS: Final[tuple[str, ...]] = get_args(Part)
WAIT_COLUMNS: Final = ("claim", "part", "needs")


@dataclass(frozen=True, kw_only=True)
class Wait:
    """A claim whose simulation needs a part that is not built.

    Attributes
    ----------
    claim
        Id of the claim.
    part
        The part it waits for.
    needs
        What that part must be able to do.
    where
        ``file:line`` of the row.
    """

    claim: str
    part: Part
    needs: str
    where: str


def load_waits(path: Path | None = None) -> Mapping[str, Wait]:
    """Return what each claim waits for, by claim, in file order.

    Parameters
    ----------
    path
        Table to read; None reads the one that ships with the package.

    Raises
    ------
    UserInputError
        With every finding at once: a malformed table, an unknown claim or part.
    """
    waits, findings = read_waits(path, claims=load_claims())
    raise_on_errors(findings)
    return waits


def read_waits(
    path: Path | None = None, *, claims: Collection[str]
) -> tuple[Mapping[str, Wait], tuple[Finding, ...]]:
    """Return the rows without an error, by claim, and every finding on the table."""
    table = read_table(path, "waits.tsv", WAIT_COLUMNS, key=("claim",))
    findings = list(table.findings)
    waits: dict[str, Wait] = {}
    for row in table.rows:
        found = list(_wait_findings(row, claims))
        findings += found
        if not found:
            waits[row["claim"]] = Wait(
                claim=row["claim"],
                part=cast("Part", row["part"]),
                needs=row["needs"],
                where=row.where,
            )
    return MappingProxyType(waits), tuple(findings)


def _wait_findings(row: Row, claims: Collection[str]) -> Iterator[Finding]:
    if row["claim"] not in claims:
        message = f"unknown claim {row['claim']!r}. Name a claim, such as C127."
        yield error("WAIT001", row.where, message)
    yield from choice_findings("WAIT002", row, "part", PARTS, key="claim")
    if not row["needs"]:
        yield bad_cell(
            "WAIT003", row, "needs", "Say what the part must be able to do.", key="claim"
        )
