"""A laboratory's comma-separated file as text cells: what spreadsheets write, read or refused.

The separator may be a comma, a semicolon or a tab, the decimal sign a point or a comma, the first
bytes a mark of the byte order. What can be read in one way only is read and said in a note; what
could mean two things is refused with its line.
"""

from __future__ import annotations

import csv
import io
import math
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Final

from cxaxis.core.errors import Finding, error, raise_on_errors
from cxaxis.core.ids import nearest

MOST_BYTES: Final = 20_000_000
MISSING: Final = frozenset(
    (
        *("", "-", ".", "na", "n/a", "n.a.", "nan", "nd", "n.d.", "none", "null", "missing"),
        *("#n/a", "#na", "#div/0!", "#value!", "#num!", "#ref!"),
    )
)
_SEPARATORS: Final[Mapping[str, str]] = MappingProxyType(
    {",": "commas", ";": "semicolons", "\t": "tabs"}
)
_POINT: Final = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?", re.ASCII)
_COMMA: Final = re.compile(r"[+-]?(\d+,\d*|,\d+)([eE][+-]?\d+)?", re.ASCII)
_BYTE_ORDERS: Final = ((b"\xef\xbb\xbf", "utf-8"), (b"\xff\xfe", "utf-16"), (b"\xfe\xff", "utf-16"))


@dataclass(frozen=True, kw_only=True)
class TextRow:
    """One line of a file.

    Attributes
    ----------
    where
        ``file:line``, the first line of the file being 1.
    cells
        Text without outer blanks, by column.
    """

    where: str
    cells: Mapping[str, str]

    def get(self, column: str) -> str:
        """Return the text of a cell, empty where the file has no such column."""
        return self.cells.get(column, "")


@dataclass(frozen=True, kw_only=True)
class TextTable:
    """The cells of a file.

    Attributes
    ----------
    label
        The file as messages name it.
    header_where
        ``file:line`` of the header.
    columns
        Columns in the form ``time_min``, in file order.
    rows
        Lines below the header that hold anything.
    notes
        How the file was read where that is not a matter of course.
    """

    label: str
    header_where: str
    columns: tuple[str, ...]
    rows: tuple[TextRow, ...]
    notes: tuple[str, ...]


def read_laboratory_csv(
    path: Path, *, known: Sequence[str], numeric: Sequence[str]
) -> tuple[TextTable, tuple[Finding, ...]]:
    """Return the cells of a file and what is wrong with single lines of it.

    Parameters
    ----------
    path
        The file.
    known
        Columns that have a meaning.
    numeric
        Those among them that hold numbers.

    Raises
    ------
    UserInputError
        With every finding, if the file as a whole cannot be read: it is missing, empty or no
        text, or its header is.
    """
    label = str(path)
    text, notes = _text(path, label)
    # Not splitlines: odd characters that it breaks at would shift the numbers of the lines.
    lines = re.split(r"(?<=\n)", text.replace("\r\n", "\n").replace("\r", "\n"))
    start, separator = _header_line(label, lines, known)
    if separator != ",":
        notes.append(f"{label} is separated by {_SEPARATORS[separator]}.")
    # Remarks are kept as blank lines, so that the numbers of the lines stay right.
    body = ["\n" if line.startswith("#") else line for line in lines[start:]]
    records, findings = _records(label, body, separator, start)
    header_where, header = next(records_with_text(records), (f"{label}:{start + 1}", []))
    columns = tuple(column_name(cell) for cell in header)
    problems = [*findings, *_header_findings(header_where, columns)]
    raise_on_errors(problems)
    rows: list[TextRow] = []
    for where, cells in list(records_with_text(records))[1:]:
        if len(cells) > len(columns):
            message = (
                f"has {len(cells)} cells where the header has {len(columns)}. Put a cell that "
                "holds a separator between double quotes; write decimals with a point."
            )
            problems.append(error("DATA007", where, message))
            continue
        padded = [*cells, *[""] * (len(columns) - len(cells))]
        texts = (cell.strip() for cell in padded)
        rows.append(
            TextRow(where=where, cells=MappingProxyType(dict(zip(columns, texts, strict=True))))
        )
    if not rows and not problems:
        message = "has a header and no measurement below it. Add one line a measurement."
        raise_on_errors([error("DATA002", label, message)])
    rows, more, found = _decimal_points(rows, separator, numeric)
    notes += found
    unused = [name for name in columns if name and name not in known]
    if unused:
        notes.append(f"columns not used: {', '.join(unused)}.")
    table = TextTable(
        label=label,
        header_where=header_where,
        columns=columns,
        rows=tuple(rows),
        notes=tuple(notes),
    )
    return table, (*problems, *more)


def column_name(text: str) -> str:
    """Return a header in house form: ``Time (min)`` becomes ``time_min``."""
    plain = text.strip().lower().replace("µ", "u").replace("\N{GREEK SMALL LETTER MU}", "u")
    return re.sub(r"[\s\-./()\[\]]+", "_", plain).strip("_")


def is_missing(text: str) -> bool:
    """Return whether a cell says that there is no number."""
    return text.lower() in MISSING


def number(text: str) -> float | None:
    """Return a finite number with a decimal point, None for any other text."""
    if not _POINT.fullmatch(text):
        return None
    value = float(text)
    return value if math.isfinite(value) else None


def records_with_text(records: Sequence[tuple[str, list[str]]]) -> Iterator[tuple[str, list[str]]]:
    """Yield the records that are not blank."""
    return ((where, cells) for where, cells in records if any(cell.strip() for cell in cells))


def _text(path: Path, label: str) -> tuple[str, list[str]]:
    """Return the text of a file and how it was decoded."""
    if not path.is_file():
        near = nearest(path.name, _names_beside(path))
        hint = f" Beside it: {', '.join(near)}." if near else ""
        message = f"there is no such file.{hint} Give the path of a CSV file."
        raise_on_errors([error("DATA001", label, message)])
    content = path.read_bytes()
    if len(content) > MOST_BYTES:
        message = f"holds {len(content) / 1e6:.0f} MB. Give a table of readings, not raw traces."
        raise_on_errors([error("DATA003", label, message)])
    notes = []
    mark = next((name for bytes_, name in _BYTE_ORDERS if content.startswith(bytes_)), None)
    try:
        text = content.decode("utf-8-sig" if mark in (None, "utf-8") else "utf-16")
        if mark is not None:
            notes.append(f"{label} begins with a byte-order mark, which was skipped.")
    except UnicodeDecodeError:
        text = content.decode("cp1252", errors="replace")
        notes.append(f"{label} is not UTF-8; it was read as Windows text.")
    if "\0" in text or content.startswith(b"PK"):
        message = "is no text file. Save the sheet as CSV (UTF-8) and give that."
        raise_on_errors([error("DATA003", label, message)])
    if not text.strip():
        message = "is empty. It needs a header and one line a measurement."
        raise_on_errors([error("DATA002", label, message)])
    return text, notes


def _names_beside(path: Path) -> list[str]:
    try:
        return [item.name for item in path.parent.iterdir() if item.suffix.lower() == ".csv"]
    except OSError:
        return []


def _header_line(label: str, lines: Sequence[str], known: Sequence[str]) -> tuple[int, str]:
    """Return the index of the header and the separator that finds most known columns in it."""
    for index, line in enumerate(lines):
        if line.lower().startswith("sep=") or not line.strip() or line.startswith("#"):
            continue
        found = {
            separator: sum(column_name(cell.strip('" \r\n')) in known for cell in cells)
            for separator in _SEPARATORS
            if (cells := line.split(separator))
        }
        best = max(found, key=lambda separator: found[separator])
        if not found[best]:
            message = (
                f"the first line, {line.strip()[:60]!r}, names no known column. The header must "
                "hold readout, value, unit, a time such as time_min and cxcl12_nM."
            )
            raise_on_errors([error("DATA004", f"{label}:{index + 1}", message)])
        return index, best
    message = "holds remarks alone. It needs a header and one line a measurement."
    raise_on_errors([error("DATA002", label, message)])
    raise AssertionError


def _records(
    label: str, lines: Sequence[str], separator: str, start: int
) -> tuple[list[tuple[str, list[str]]], list[Finding]]:
    reader = csv.reader(io.StringIO("".join(lines), newline=""), delimiter=separator, strict=True)
    records: list[tuple[str, list[str]]] = []
    try:
        for cells in reader:
            records.append((f"{label}:{start + reader.line_num}", cells))
    except csv.Error as err:
        message = f"cannot be split into cells ({err}). Look for a double quote that is not closed."
        return records, [error("DATA005", f"{label}:{start + reader.line_num}", message)]
    return records, []


def _header_findings(where: str, columns: Sequence[str]) -> Iterator[Finding]:
    for name, count in Counter(columns).items():
        if count > 1 and name:
            message = f"the column {name} stands {count} times in the header. Keep one of them."
            yield error("DATA006", where, message)


def _decimal_points(
    rows: Sequence[TextRow], separator: str, numeric: Sequence[str]
) -> tuple[list[TextRow], list[Finding], list[str]]:
    """Return the rows with decimal points, what could mean two things, and what to say."""
    cells = [(row, name, row.get(name)) for row in rows for name in numeric]
    with_comma = [(row, name, text) for row, name, text in cells if _COMMA.fullmatch(text)]
    if not with_comma:
        return list(rows), [], []
    pointed = any("." in text and _POINT.fullmatch(text) for _, _, text in cells)
    if pointed or separator == ",":
        other = "other numbers have a point" if pointed else "cells are separated by commas"
        unclear = {row.where for row, _, _ in with_comma}
        return (
            [row for row in rows if row.where not in unclear],
            [
                error(
                    "DATA009",
                    row.where,
                    f"{name} is {text!r}, and {other}: is the comma a decimal sign or does it "
                    "part thousands? Write decimals with a point and no sign between thousands.",
                )
                for row, name, text in with_comma
            ],
            [],
        )
    changed = [
        TextRow(
            where=row.where,
            cells=MappingProxyType(
                {
                    name: text.replace(",", ".")
                    if name in numeric and _COMMA.fullmatch(text)
                    else text
                    for name, text in row.cells.items()
                }
            ),
        )
        for row in rows
    ]
    return changed, [], ["decimal commas were read as points."]
