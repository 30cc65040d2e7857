"""Figures to text and files, the same bytes for the same figure."""

from __future__ import annotations

import io
import re
from pathlib import Path
from typing import Any

from markupsafe import escape
from matplotlib.figure import Figure

from cxaxis.core.errors import ModelValueError
from cxaxis.figures.style import house_style

# Metric twins of the font the figures are laid out with; a reader may lack the first.
_FONT_STACK = "'DejaVu Sans', Verdana, sans-serif"
_NO_DATE: dict[str, dict[str, Any]] = {
    "svg": {"Date": None, "Creator": None},
    "pdf": {"CreationDate": None, "ModDate": None, "Producer": None, "Creator": None},
    "png": {"Software": None},
}
_ID = re.compile(r'\b(id|xlink:href|href)="(#?)([^"]+)"')
_REFERENCE = re.compile(r"url\(#([^)]+)\)")
_SVG_TAG = re.compile(r"<svg\b[^>]*>")


def to_svg(figure: Figure, *, name: str, title: str, description: str) -> str:
    """Return a figure as SVG text to stand inside a page.

    Parameters
    ----------
    figure
        Figure to draw.
    name
        Prefix of every id, so that several figures can share a page: a letter, then
        letters, digits or hyphens.
    title, description
        What a reader who does not see the figure is told: its subject, and its content.

    Returns
    -------
    An ``svg`` element with ``title`` and ``desc``, without XML prologue, date or external
    reference; the same text for the same figure.

    Raises
    ------
    ModelValueError
        If ``name`` cannot begin an id.
    """
    if not re.fullmatch(r"[A-Za-z][A-Za-z0-9-]*", name):
        msg = f"name must be letters, digits and hyphens, got {name!r}."
        raise ModelValueError(msg)
    text = _render(figure, "svg").decode()
    text = text[text.index("<svg") :]
    text = re.sub(r"\s*<metadata>.*?</metadata>", "", text, flags=re.DOTALL)
    # The drawing's own style element would reach every drawing of the page.
    text = re.sub(r"\s*<defs>\s*<style.*?</style>\s*</defs>", "", text, count=1, flags=re.DOTALL)
    text = _ID.sub(
        lambda m: m[0] if m[1] != "id" and not m[2] else f'{m[1]}="{m[2]}{name}-{m[3]}"', text
    )
    text = _REFERENCE.sub(rf"url(#{name}-\1)", text)
    text = text.replace("'DejaVu Sans'", _FONT_STACK)
    opening = _SVG_TAG.search(text)
    if opening is None:
        msg = "the drawing has no svg element."
        raise ModelValueError(msg)
    head = opening[0][:-1] + (
        f' role="img" aria-labelledby="{name}-title {name}-desc"'
        ' style="stroke-linejoin: round; stroke-linecap: butt">'
        f'\n <title id="{name}-title">{escape(title)}</title>'
        f'\n <desc id="{name}-desc">{escape(description)}</desc>'
    )
    lines = (head + text[opening.end() :]).splitlines()
    return "\n".join(line.rstrip() for line in lines) + "\n"


def save(figure: Figure, path: Path, *, dpi: float = 200) -> Path:
    """Write a figure as PNG, SVG or PDF, by the ending of ``path``; return the path.

    Raises
    ------
    ModelValueError
        If the ending is another one.
    """
    kind = path.suffix.lower().lstrip(".")
    if kind not in _NO_DATE:
        msg = f"cannot write {path.name!r}: use .png, .svg or .pdf."
        raise ModelValueError(msg)
    path.write_bytes(_render(figure, kind, dpi=dpi))
    return path


def _render(figure: Figure, kind: str, *, dpi: float = 72) -> bytes:
    buffer = io.BytesIO()
    with house_style():
        figure.savefig(buffer, format=kind, dpi=dpi, metadata=_NO_DATE[kind])
    return buffer.getvalue()
