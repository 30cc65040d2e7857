"""Wirings: rival mechanisms as named options, with their defaults and prior weights."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Final

from cxaxis.core.errors import Finding, error, raise_on_errors
from cxaxis.core.ids import did_you_mean, is_sbml_id
from cxaxis.knowledge.evidence import Evidence, citation_findings, load_evidence
from cxaxis.knowledge.tables import (
    Row,
    bad_cell,
    choice_findings,
    parse_number,
    read_table,
    split_ids,
)

WIRING_COLUMNS: Final = ("wiring", "option", "default", "prior_weight", "evidence", "note")


@dataclass(frozen=True, kw_only=True)
class WiringOption:
    """One way in which a mechanism may work.

    Attributes
    ----------
    wiring
        Name of the choice.
    option
        Name of this option.
    is_default
        Whether the default model takes it.
    prior_weight
        Prior probability of the option, 0 to 1; the weights of a wiring sum to 1.
    evidence
        Ids of evidence rows for or against it.
    note
        Reasons.
    where
        ``file:line`` of the row.
    """

    wiring: str
    option: str
    is_default: bool
    prior_weight: float
    evidence: tuple[str, ...]
    note: str
    where: str


class Wirings(Mapping[str, tuple[WiringOption, ...]]):
    """Options by wiring, in file order, read-only."""

    def __init__(self, options: Mapping[str, tuple[WiringOption, ...]]) -> None:
        self._options = dict(options)

    def __getitem__(self, key: str) -> tuple[WiringOption, ...]:
        """Return the options of ``key``; an unknown one raises `KeyError` with the nearest."""
        try:
            return self._options[key]
        except KeyError:
            msg = f"unknown wiring {key!r}. {did_you_mean(key, self._options)}"
            raise KeyError(msg) from None

    def __contains__(self, key: object) -> bool:
        return key in self._options

    def __iter__(self) -> Iterator[str]:
        return iter(self._options)

    def __len__(self) -> int:
        return len(self._options)

    def defaults(self) -> dict[str, str]:
        """Return the default option of each wiring."""
        return {
            name: option.option
            for name, options in self._options.items()
            for option in options
            if option.is_default
        }


def load_wirings(
    path: Path | None = None, *, evidence: Mapping[str, Evidence] | None = None
) -> Wirings:
    """Return the wirings by name, in file order.

    Parameters
    ----------
    path
        Table to read; None reads the one that ships with the package.
    evidence
        Evidence that rows may cite; None loads the rows that ship with the package.

    Raises
    ------
    UserInputError
        With every finding at once: a malformed table, name or weight, not exactly one default,
        weights that do not sum to 1, an unknown or held-out evidence id.
    """
    known = load_evidence() if evidence is None else evidence
    wirings, findings = read_wirings(path, evidence=known)
    raise_on_errors(findings)
    return wirings


def read_wirings(
    path: Path | None = None, *, evidence: Mapping[str, Evidence]
) -> tuple[Wirings, tuple[Finding, ...]]:
    """Return the wirings whose rows could all be read and every finding on the table."""
    table = read_table(path, "wirings.tsv", WIRING_COLUMNS, key=("wiring", "option"))
    findings = list(table.findings)
    wirings: dict[str, tuple[WiringOption, ...]] = {}
    # Python's sort is stable: options keep their file order within a wiring.
    order = {row["wiring"]: index for index, row in reversed(list(enumerate(table.rows)))}
    rows = sorted(table.rows, key=lambda row: order[row["wiring"]])
    for name, group in groupby(rows, key=lambda row: row["wiring"]):
        options = list(group)
        found = [item for row in options for item in _option_findings(row, evidence)]
        if not found:
            found = list(_group_findings(name, options))
        findings += found
        if not found:
            wirings[name] = tuple(_option(row) for row in options)
    return Wirings(wirings), tuple(findings)


def _option(row: Row) -> WiringOption:
    return WiringOption(
        wiring=row["wiring"],
        option=row["option"],
        is_default=row["default"] == "yes",
        prior_weight=float(row["prior_weight"]),
        evidence=split_ids(row["evidence"]),
        note=row["note"],
        where=row.where,
    )


def _option_findings(row: Row, evidence: Mapping[str, Evidence]) -> Iterator[Finding]:
    for column in ("wiring", "option"):
        if not is_sbml_id(row[column]):
            cure = "Use a lower-case letter, then letters, digits and underscores."
            yield bad_cell("WIRE001", row, column, cure, key="wiring")
    yield from choice_findings("WIRE002", row, "default", ("yes", "no"), key="wiring")
    weight = parse_number(row["prior_weight"])
    if weight is None or not 0 <= weight <= 1:
        cure = "Give a probability from 0 to 1."
        yield bad_cell("WIRE003", row, "prior_weight", cure, key="wiring")
    cited = split_ids(row["evidence"])
    if not cited and not row["note"]:
        cure = "Cite evidence, or say in a note why the option stands."
        yield bad_cell("WIRE005", row, "evidence", cure, key="wiring")
    yield from citation_findings(
        cited,
        evidence,
        where=row.where,
        citer=f"{row['wiring']}={row['option']}",
        code="WIRE005",
    )


def _group_findings(name: str, rows: Sequence[Row]) -> Iterator[Finding]:
    defaults = [row["option"] for row in rows if row["default"] == "yes"]
    if len(defaults) != 1:
        shown = f"has defaults {', '.join(defaults)}" if defaults else "has no default"
        message = f"{name} {shown}. Set default to yes for exactly one option."
        yield error("WIRE002", rows[0].where, message)
    total = math.fsum(float(row["prior_weight"]) for row in rows)
    if not math.isclose(total, 1.0, abs_tol=1e-9):
        message = f"{name}: prior_weight sums to {total:g} over {len(rows)} options. Make it 1."
        yield error("WIRE004", rows[0].where, message)
