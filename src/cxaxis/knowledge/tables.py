"""The one strict reader of tab-separated tables, and the helpers that read their cells.

A table is UTF-8 text with line feeds, one header line that names its columns in a fixed
order, and one line a row. Nothing is guessed: whatever departs from that is a finding that
names file and line, and the reader goes on, so that one run shows all of them.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from importlib import resources
from pathlib import Path
from types import MappingProxyType
from typing import TypeVar

from cxaxis.core.errors import Finding, Severity, error
from cxaxis.core.ids import did_you_mean

_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?\Z")
_BYTE_ORDER_MARK = "\ufeff"

RecordT = TypeVar("RecordT")


@dataclass(frozen=True, kw_only=True)
class Row:
    """One line of a table.

    Attributes
    ----------
    where
        ``file:line``, the first line of a file being 1.
    cells
        Text of each cell by column name.
    """

    where: str
    cells: MappingProxyType[str, str]

    def __getitem__(self, column: str) -> str:
        return self.cells[column]


@dataclass(frozen=True, kw_only=True)
class Table:
    """The rows of a table that could be read, and the findings on those that could not."""

    label: str
    rows: tuple[Row, ...] = ()
    findings: tuple[Finding, ...] = field(default=())


def read_bytes(path: Path | None, shipped: str) -> tuple[str, bytes]:
    """Return the label and the bytes of ``path``, or of a file that ships with the package.

    Parameters
    ----------
    path
        File to read; None reads ``shipped`` from the package's ``knowledge/data`` folder.
    shipped
        Name below ``knowledge/data``, with ``/`` between parts.

    Raises
    ------
    OSError
        If the file cannot be read.
    """
    if path is not None:
        return str(path), path.read_bytes()
    source = resources.files("cxaxis.knowledge").joinpath("data", *shipped.split("/"))
    return shipped_label(shipped), source.read_bytes()


def shipped_label(shipped: str) -> str:
    """Return how messages name a file that ships with the package."""
    return f"cxaxis/knowledge/data/{shipped}"


def decode(label: str, content: bytes) -> tuple[str | None, list[Finding]]:
    """Return UTF-8 text, or None and a finding that names the offending line."""
    try:
        text = content.decode("utf-8")
    except UnicodeDecodeError as err:
        line = content[: err.start].count(b"\n") + 1
        value = content[err.start : err.start + 1]
        message = f"byte {value!r} is not UTF-8. Save the file as UTF-8 text."
        return None, [error("TABLE002", f"{label}:{line}", message)]
    if text.startswith(_BYTE_ORDER_MARK):
        message = "the file starts with a byte order mark. Save it as UTF-8 without a mark."
        return None, [error("TABLE002", f"{label}:1", message)]
    return text, []


def read_table(
    path: Path | None, shipped: str, columns: Sequence[str], *, key: Sequence[str] = ("id",)
) -> Table:
    """Read a tab-separated table.

    Parameters
    ----------
    path
        File to read; None reads the one that ships with the package.
    shipped
        Name of the shipped table below ``knowledge/data``.
    columns
        Names the header must have, in this order.
    key
        Columns that together identify a row; a second row with the same key is a finding.

    Returns
    -------
    The well-formed rows in file order, with every finding on the others. A table whose header
    is wrong has no rows.
    """
    try:
        label, content = read_bytes(path, shipped)
    except OSError as err:
        where = shipped_label(shipped) if path is None else str(path)
        message = f"cannot be read ({err.strerror or err}). Give the path of a {shipped} table."
        return Table(label=where, findings=(error("TABLE001", where, message),))
    text, findings = decode(label, content)
    if text is None:
        return Table(label=label, findings=tuple(findings))
    if "\r" in text:
        line = text[: text.index("\r")].count("\n") + 1
        message = "the line ends in a carriage return. Save the file with line feeds only."
        findings.append(error("TABLE008", f"{label}:{line}", message))
        text = text.replace("\r\n", "\n").replace("\r", "\n")
    lines = text.removesuffix("\n").split("\n")
    header = list(_header_findings(lines[0], f"{label}:1", columns))
    if header:
        return Table(label=label, findings=(*findings, *header))
    rows: list[Row] = []
    first_seen: dict[tuple[str, ...], str] = {}
    for number, content_line in enumerate(lines[1:], start=2):
        row, found = _read_row(content_line, f"{label}:{number}", columns)
        findings += found
        if row is None:
            continue
        identity = tuple(row[column] for column in key)
        if identity in first_seen:
            message = (
                f"{' + '.join(key)} {' + '.join(map(repr, identity))} stands at "
                f"{first_seen[identity]} already. Remove one row or rename it."
            )
            findings.append(error("TABLE007", row.where, message))
            continue
        first_seen[identity] = row.where
        rows.append(row)
    return Table(label=label, rows=tuple(rows), findings=tuple(findings))


def sound_rows(
    table: Table,
    findings_of: Callable[[Row], Iterable[Finding]],
    record_of: Callable[[Row], RecordT],
) -> tuple[Mapping[str, RecordT], tuple[Finding, ...]]:
    """Return the records of the rows without an error, by id, and every finding on the table.

    Parameters
    ----------
    table
        A table with a column ``id``.
    findings_of
        What is wrong with a row; a warning leaves the row in.
    record_of
        Makes the record of a sound row.
    """
    findings = list(table.findings)
    records: dict[str, RecordT] = {}
    for row in table.rows:
        found = list(findings_of(row))
        findings += found
        if not any(item.severity is Severity.ERROR for item in found):
            records[row["id"]] = record_of(row)
    return MappingProxyType(records), tuple(findings)


def _header_findings(line: str, where: str, columns: Sequence[str]) -> Iterator[Finding]:
    found = line.split("\t")
    for name, count in Counter(found).items():
        if count > 1:
            message = f"column {name!r} stands {count} times. Keep one."
            yield error("TABLE003", where, message)
        if name not in columns:
            absent = [column for column in columns if column not in found]
            cure = did_you_mean(name, absent) if absent else "Remove it."
            yield error("TABLE003", where, f"unknown column {name!r}. {cure}")
    for column in columns:
        if column not in found:
            message = f"column {column!r} is missing. The header is: {', '.join(columns)}."
            yield error("TABLE003", where, message)
    if sorted(found) == sorted(columns) and found != list(columns):
        message = f"columns stand in another order. The header is: {', '.join(columns)}."
        yield error("TABLE003", where, message)


def _read_row(line: str, where: str, columns: Sequence[str]) -> tuple[Row | None, list[Finding]]:
    if not line.strip():
        return None, [error("TABLE005", where, "blank line. Remove it.")]
    cells = line.split("\t")
    if len(cells) != len(columns):
        message = (
            f"row {cells[0]!r} has {len(cells)} cells, the header has {len(columns)} columns. "
            "Separate cells by one tab each and leave empty cells in place."
        )
        return None, [error("TABLE004", where, message)]
    findings = [
        error("TABLE006", where, f"{column} {cell!r} has a space at its edge. Remove it.")
        for column, cell in zip(columns, cells, strict=True)
        if cell != cell.strip()
    ]
    stripped = {column: cell.strip() for column, cell in zip(columns, cells, strict=True)}
    return Row(where=where, cells=MappingProxyType(stripped)), findings


def parse_number(text: str) -> float | None:
    """Return the finite number that ``text`` is, or None.

    Stricter than ``float``: no surrounding space, underscore, ``nan`` or ``inf``.
    """
    if _NUMBER.match(text) is None:
        return None
    value = float(text)
    return value if math.isfinite(value) else None


def split_ids(text: str) -> tuple[str, ...]:
    """Return the ids of a cell that lists them with ``;`` between, none for an empty cell."""
    return tuple(part.strip() for part in text.split(";")) if text else ()


def bad_cell(code: str, row: Row, column: str, cure: str, *, key: str = "id") -> Finding:
    """Return the finding on one cell: which row, which column, what stands there, the cure."""
    value = repr(row[column]) if row[column] else "empty"
    return error(code, row.where, f"{row[key] or '(no id)'}: {column} is {value}. {cure}")


def choice_findings(
    code: str, row: Row, column: str, allowed: Sequence[str], *, key: str = "id"
) -> Iterator[Finding]:
    """Yield a finding if the cell is not one of the ``allowed`` words."""
    if row[column] not in allowed:
        hint = did_you_mean(row[column], allowed) if row[column] else ""
        yield bad_cell(code, row, column, f"{hint} Use {' | '.join(allowed)}.".strip(), key=key)
