"""A page of titled parts, shown as plain text for a terminal or as Markdown."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

WIDTH: Final = 100
LABEL_WIDTH: Final = 12
# Where a text starts by its depth; a labelled one stands under the text it belongs to.
_TEXT_AT: Final = (2, 4, 6)
_LABEL_AT: Final = (2, 10, 12)
_MARKED = re.compile(r"([*<`\\])")


@dataclass(frozen=True, kw_only=True)
class Line:
    """One statement of a part.

    Attributes
    ----------
    text
        The statement; nothing is shown of an empty one.
    label
        What it tells, empty for a statement that stands by itself.
    depth
        0 to 2: how far it is set in, under the statement it belongs to.
    hang
        How much further in its second and later lines start, where it has no label.
    """

    text: str
    label: str = ""
    depth: int = 0
    hang: int = 8


@dataclass(frozen=True, kw_only=True)
class Part:
    """Statements under one title; the title is empty right below the heading."""

    title: str = ""
    lines: tuple[Line, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Outline:
    """A page: an id, what it stands for, and the parts that follow."""

    id: str
    heading: str
    parts: tuple[Part, ...]


def told(label: str, text: str, *, depth: int = 0) -> Line:
    """Return a labelled statement."""
    return Line(text=text, label=label, depth=depth)


def plain_text(outline: Outline) -> str:
    """Return a page as text of at most 100 columns, unless a single word is longer."""
    lines = [*_wrapped(f"{outline.id}  {outline.heading}", by=len(outline.id) + 2)]
    for part in outline.parts:
        lines += ["", part.title] if part.title else []
        for line in part.lines:
            lines += _plain(line)
    # Wrapping is over: what had to stay together stands together.
    return "\n".join(lines).replace("\u00a0", " ")


def _plain(line: Line) -> Iterator[str]:
    if not line.text:
        return
    if line.label:
        # A label that fills its column would run into the text.
        label = (
            f"{line.label:<{LABEL_WIDTH}}" if len(line.label) < LABEL_WIDTH else f"{line.label}  "
        )
        yield from _wrapped(f"{label}{line.text}", at=_LABEL_AT[line.depth], by=LABEL_WIDTH)
    else:
        yield from _wrapped(line.text, at=_TEXT_AT[line.depth], by=line.hang)


def _wrapped(text: str, *, at: int = 0, by: int = 0) -> Iterator[str]:
    """Yield the lines of a text: the first starts at ``at``, the others ``by`` further in."""
    yield from textwrap.wrap(
        text,
        WIDTH,
        initial_indent=" " * at,
        subsequent_indent=" " * (at + by),
        break_long_words=False,
        break_on_hyphens=False,
    )


def markdown(outline: Outline) -> str:
    """Return a page as Markdown: titles as headings, statements as nested lists."""
    lines = [f"# {_escaped(outline.id)}", "", _escaped(outline.heading)]
    for part in outline.parts:
        lines += ["", f"## {_escaped(part.title)}"] if part.title else []
        lines += [""] if part.lines else []
        lines += [_bullet(line) for line in part.lines if line.text]
    return "\n".join(lines)


def _bullet(line: Line) -> str:
    label = f"**{_escaped(line.label)}**: " if line.label else ""
    return f"{'  ' * line.depth}- {label}{_escaped(line.text)}"


def _escaped(text: str) -> str:
    return _MARKED.sub(r"\\\1", text)
