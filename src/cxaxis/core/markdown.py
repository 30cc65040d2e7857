"""Tables in Markdown."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Final

_RULES: Final = {"l": "---", "r": "---:"}


def markdown_table(
    header: Sequence[str], rows: Iterable[Sequence[object]], align: str = "l"
) -> Iterator[str]:
    """Yield the lines of a table.

    Parameters
    ----------
    header
        Name of each column.
    rows
        Cells of each row, as many as there are columns; written as `str` does.
    align
        ``l`` or ``r`` for each column; the last letter holds for those that follow.
    """
    yield _line(header)
    yield "|" + "|".join(_RULES[side] for side in align.ljust(len(header), align[-1])) + "|"
    for row in rows:
        yield _line(row)


def _line(cells: Iterable[object]) -> str:
    return f"| {' | '.join(map(str, cells))} |"
