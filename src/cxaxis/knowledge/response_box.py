"""Inputs and outputs of the response functions: what they are, in which box, on which scale."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Final, Literal, cast, get_args

from cxaxis.core.errors import Finding, raise_on_errors
from cxaxis.core.units import is_unit
from cxaxis.knowledge.tables import (
    Row,
    bad_cell,
    choice_findings,
    parse_number,
    read_table,
    sound_rows,
    split_ids,
)

BoxScale = Literal["log", "log_free"]

BOX_SCALES: Final[tuple[BoxScale, ...]] = get_args(BoxScale)
INPUT_COLUMNS: Final = (
    "id",
    "unit",
    "low",
    "high",
    "scale",
    "acts_on",
    "formula",
    "name",
    "note",
)
#: Terms without which a function is a constant.
MIN_TERM: Final = 2
OUTPUT_COLUMNS: Final = ("id", "quantity", "full_scale", "via", "terms", "name", "note")


@dataclass(frozen=True, kw_only=True)
class ResponseInput:
    """One input of the response functions.

    Attributes
    ----------
    id
        Name, with its unit.
    unit
        Unit of ``low`` and ``high``.
    low, high
        The box; beyond it the functions take the value at its edge.
    scale
        ``log``: the box is filled log-uniformly. ``log_free``: log-uniformly in what a share
        leaves of 1.
    acts_on
        Constant or starting value of the bench that the input sets.
    formula
        What it is set to, in the input and constants of the bench.
    name, note
        What it is, and why this box.
    where
        ``file:line`` of the row.
    """

    id: str
    unit: str
    low: float
    high: float
    scale: BoxScale
    acts_on: str
    formula: str
    name: str
    note: str
    where: str


@dataclass(frozen=True, kw_only=True)
class ResponseOutput:
    """One output of the response functions.

    Attributes
    ----------
    id
        Name of the share.
    quantity
        Formula in quantities of the bench.
    full_scale
        Formula of what counts as 1.
    via
        Positive formulas, in inputs and outputs that stand before it, on which the output depends;
        or one formula after ``=`` that gives it.
    n_term
        Terms of its function: as few as keep its error within bounds. 0 where a formula gives it.
    name, note
        What it is and what the scale means.
    where
        ``file:line`` of the row.
    """

    id: str
    quantity: str
    full_scale: str
    via: tuple[str, ...]
    n_term: int
    name: str
    note: str
    where: str

    @property
    def is_given(self) -> bool:
        """Whether the output follows from others by a formula."""
        return len(self.via) == 1 and self.via[0].startswith("=")

    @property
    def given(self) -> str:
        """The formula by which it follows from others."""
        return self.via[0].removeprefix("=").strip()

    @property
    def share(self) -> str:
        """Formula of the output as a share of its full scale."""
        return f"({self.quantity}) / ({self.full_scale})"


def load_response_box(path: Path | None = None) -> Mapping[str, ResponseInput]:
    """Return the inputs by id, in file order.

    Parameters
    ----------
    path
        Table to read; None reads the one that ships with the package.

    Raises
    ------
    UserInputError
        With every finding at once.
    """
    table = read_table(path, "response_box.tsv", INPUT_COLUMNS)
    inputs, findings = sound_rows(table, _input_findings, _input)
    raise_on_errors(list(findings))
    return MappingProxyType(dict(inputs))


def load_response_outputs(path: Path | None = None) -> Mapping[str, ResponseOutput]:
    """Return the outputs by id, in file order.

    Parameters
    ----------
    path
        Table to read; None reads the one that ships with the package.

    Raises
    ------
    UserInputError
        With every finding at once.
    """
    table = read_table(path, "response_outputs.tsv", OUTPUT_COLUMNS)
    outputs, findings = sound_rows(table, _output_findings, _output)
    raise_on_errors(list(findings))
    return MappingProxyType(dict(outputs))


def _input(row: Row) -> ResponseInput:
    return ResponseInput(
        id=row["id"],
        unit=row["unit"],
        low=float(row["low"]),
        high=float(row["high"]),
        scale=cast("BoxScale", row["scale"]),
        acts_on=row["acts_on"],
        formula=row["formula"],
        name=row["name"],
        note=row["note"],
        where=row.where,
    )


def _output(row: Row) -> ResponseOutput:
    return ResponseOutput(
        id=row["id"],
        quantity=row["quantity"],
        full_scale=row["full_scale"],
        via=split_ids(row["via"]),
        n_term=int(row["terms"] or 0),
        name=row["name"],
        note=row["note"],
        where=row.where,
    )


def _input_findings(row: Row) -> Iterator[Finding]:
    if not is_unit(row["unit"]):
        yield bad_cell("RBOX001", row, "unit", "Give a unit, 1 for none.")
    yield from choice_findings("RBOX002", row, "scale", BOX_SCALES)
    low, high = parse_number(row["low"]), parse_number(row["high"])
    free = row["scale"] == "log_free"
    if low is None or low < 0 or (low == 0 and not free):
        yield bad_cell("RBOX003", row, "low", "Give a number above 0, or 0 for a share.")
    elif high is None or high <= low or (free and high >= 1):
        yield bad_cell("RBOX003", row, "high", "Give a number above low, below 1 for a share.")
    for column in ("acts_on", "formula", "name", "note"):
        if not row[column]:
            yield bad_cell("RBOX004", row, column, "Fill it in.")


def _output_findings(row: Row) -> Iterator[Finding]:
    for column in ("quantity", "full_scale", "via", "name", "note"):
        if not row[column]:
            yield bad_cell("ROUT001", row, column, "Fill it in.")
    given = row["via"].startswith("=")
    if not (row["terms"] == "" if given else _is_count(row["terms"])):
        cure = "A formula has none; leave it empty." if given else "Give a whole number, 2 or more."
        yield bad_cell("ROUT002", row, "terms", cure)


def _is_count(text: str) -> bool:
    return text.isdecimal() and int(text) >= MIN_TERM
