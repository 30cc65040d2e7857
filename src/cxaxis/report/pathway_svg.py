"""Figure 1 drawn: the glyphs and arrows of its tables as one inline SVG.

Shapes follow the Systems Biology Graphical Notation: rounded boxes for macromolecules, cut corners
for complexes, circles for simple chemicals, concave hexagons for what an experiment adds, hexagons
for what a cell does, pointed boxes for what is drawn elsewhere. A square marks a process.
"""

from __future__ import annotations

import math
from itertools import pairwise
from typing import Final

from markupsafe import Markup, escape

from cxaxis.report.pathway_geometry import (
    CUT,
    INFO_SIZE,
    SQUARE,
    label_size,
    label_width,
    process_of,
    route,
)
from cxaxis.report.pathway_tables import Arrow, ArrowKind, Node, Pathway, Point

WIDTH: Final = 1456
HEIGHT: Final = 1010
TITLE: Final = "CXCL12, CXCR4 and ACKR3 in one cell, as the model has it"
_FONT: Final = "Inter, 'Helvetica Neue', Arial, 'DejaVu Sans', sans-serif"
_INK: Final = "#1d2226"
_INHIBITS: Final = "#a63a00"
_RIVAL: Final = "#6b2f8a"
_FILLS: Final = {
    "macromolecule": "#e3eef7",
    "complex": "#dceadb",
    "simple_chemical": "#fff1cf",
    "gene_group": "#e9e4f3",
    "perturbation": "#f6e2ea",
    "phenotype": "#fde6d8",
    "tag": "#f1f3f4",
}
_HEAD: Final = 8.0
_LINE_STEP: Final = 11.5
_LABEL_SIZE: Final = 8.3


def pathway_svg(pathway: Pathway) -> Markup:
    """Return the figure as SVG, each arrow a link to its row of the table.

    Parameters
    ----------
    pathway
        The tables of the figure.
    """
    told = _description(pathway)
    parts = [
        f'<svg class="pathway" xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" '
        f'role="img" aria-labelledby="pathway-title pathway-desc" font-family="{_FONT}">',
        f'<title id="pathway-title">{escape(TITLE)}</title>',
        f'<desc id="pathway-desc">{escape(told)}</desc>',
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="#ffffff"/>',
        *_compartments(),
        # Rivals lie below, so that what every wiring has is not covered.
        *(
            _arrow(arrow, pathway)
            for arrow in sorted(pathway.arrows.values(), key=lambda item: not item.is_rival)
        ),
        *(_glyph(node) for node in pathway.nodes.values()),
        *(_rival_name(arrow) for arrow in pathway.arrows.values()),
        *_legend(),
        "</svg>",
    ]
    return Markup("\n".join(part for part in parts if part))


def _description(pathway: Pathway) -> str:
    rivals = sum(arrow.is_rival for arrow in pathway.arrows.values())
    return (
        f"{len(pathway.nodes)} glyphs and {len(pathway.arrows)} arrows, {rivals} of them dashed: "
        "rival mechanisms that are off unless chosen. From top to bottom: ligand, trap and "
        "antagonist in the medium; ACKR3, the pair and CXCR4 in the membrane; arrestin and uptake "
        "on the left; Gi, cyclase, phospholipase C, calcium, PI3K, AKT, ERK, stress kinases, Rho "
        "family and STAT3 in the cytosol; control of the genes in the nucleus. The table below "
        "tells every arrow in words."
    )


def _compartments() -> list[str]:
    def box(x: float, y: float, width: float, height: float, radius: float, line: str) -> str:
        return (
            f'<rect x="{x:g}" y="{y:g}" width="{width:g}" height="{height:g}" rx="{radius:g}" '
            f"{line}/>"
        )

    membrane, envelope = "#7d8d99", "#8c80a8"
    return [
        box(24, 190, 1222, 812, 30, 'fill="#fbfaf6" stroke="none"'),
        box(24, 190, 1222, 812, 30, f'fill="none" stroke="{membrane}" stroke-width="11"'),
        box(24, 190, 1222, 812, 30, 'fill="none" stroke="#e9eef1" stroke-width="7.5"'),
        box(36, 738, 1188, 249, 22, f'fill="#f6f3fa" stroke="{envelope}" stroke-width="6"'),
        box(36, 738, 1188, 249, 22, 'fill="none" stroke="#f6f3fa" stroke-width="3.2"'),
        box(850, 583, 110, 68, 14, 'fill="#f1ece0" stroke="#9a8c6a" stroke-width="1.4"'),
        _place_name(134, 84, "MEDIUM AND MATRIX"),
        _place_name(1130, 177, "MEMBRANE"),
        _place_name(1256, 322, "WHAT THE CELL DOES"),
        _place_name(46, 226, "CYTOSOL"),
        _place_name(52, 762, "NUCLEUS"),
        _text(907, 594.5, "endoplasmic reticulum", 7.5, fill="#55492b"),
    ]


def _place_name(x: float, y: float, text: str) -> str:
    return (
        f'<text x="{x:g}" y="{y:g}" font-size="10" letter-spacing="1" fill="#56606a">{text}</text>'
    )


def _text(
    x: float,
    y: float,
    text: str,
    size: float,
    *,
    anchor: str = "middle",
    fill: str = _INK,
    more: str = "",
) -> str:
    return (
        f'<text x="{x:g}" y="{y:g}" font-size="{size:g}" text-anchor="{anchor}" fill="{fill}"'
        f"{more}>{escape(text)}</text>"
    )


def _glyph(node: Node) -> str:
    shape = _shape(node)
    size = label_size(node)
    top = node.y - _LINE_STEP * (len(node.lines) - 1) / 2 + 0.35 * size
    labels = "".join(
        _text(node.x, top + i * _LINE_STEP, line, size) for i, line in enumerate(node.lines)
    )
    told = "; ".join((node.name, f"in the model: {', '.join(node.quantities)}", node.note))
    return f"<g><title>{escape(told.rstrip('; '))}</title>{shape}{labels}{_info(node)}</g>"


def _info(node: Node) -> str:
    """Return the unit of information on the upper border."""
    if not node.info:
        return ""
    width = label_width(node.info, INFO_SIZE) + 6
    x, y = node.x + node.width / 2 - width / 2 - 5, node.y - node.height / 2
    return (
        f'<rect x="{x - width / 2:.1f}" y="{y - 5.5:g}" width="{width:.1f}" height="11" rx="5.5" '
        f'fill="#ffffff" stroke="{_INK}" stroke-width=".8"/>'
        + _text(round(x, 1), y + 3, node.info, INFO_SIZE)
    )


def _shape(node: Node) -> str:
    left, right = node.x - node.width / 2, node.x + node.width / 2
    top, bottom = node.y - node.height / 2, node.y + node.height / 2
    line = f'fill="{_FILLS[node.glyph]}" stroke="{_INK}" stroke-width="1.2"'
    if node.glyph == "simple_chemical":
        return (
            f'<ellipse cx="{node.x:g}" cy="{node.y:g}" rx="{node.width / 2:g}" '
            f'ry="{node.height / 2:g}" {line}/>'
        )
    if node.glyph in {"macromolecule", "gene_group"}:
        radius = 7 if node.glyph == "macromolecule" else 2
        return (
            f'<rect x="{left:g}" y="{top:g}" width="{node.width:g}" height="{node.height:g}" '
            f'rx="{radius}" {line}/>'
        )
    middle, cut = node.y, CUT
    corners: tuple[Point, ...]
    if node.glyph == "complex":
        corners = (
            *((left + cut, top), (right - cut, top), (right, top + cut), (right, bottom - cut)),
            *((right - cut, bottom), (left + cut, bottom), (left, bottom - cut), (left, top + cut)),
        )
    elif node.glyph == "perturbation":
        corners = (
            *((left, top), (right, top), (right - cut, middle)),
            *((right, bottom), (left, bottom), (left + cut, middle)),
        )
    elif node.glyph == "phenotype":
        corners = (
            *((left + cut, top), (right - cut, top), (right, middle)),
            *((right - cut, bottom), (left + cut, bottom), (left, middle)),
        )
    else:
        corners = (
            *((left, top), (right - cut, top), (right, middle)),
            *((right - cut, bottom), (left, bottom)),
        )
    return f'<polygon points="{_joined(corners)}" {line}/>'


def _joined(points: tuple[Point, ...]) -> str:
    return " ".join(f"{x:.1f},{y:.1f}" for x, y in points)


def colour_of(arrow: Arrow) -> str:
    """Return the colour of an arrow."""
    if arrow.is_rival:
        return _RIVAL
    return _INHIBITS if arrow.kind == "inhibition" else _INK


def _arrow(arrow: Arrow, pathway: Pathway) -> str:
    line = route(arrow, pathway)
    colour = colour_of(arrow)
    dash = ' stroke-dasharray="5 3.2"' if arrow.is_rival else ""
    verb = {"conversion": "becomes", "stimulation": "raises", "inhibition": "lowers"}[arrow.kind]
    names = (pathway.nodes[arrow.start].name, verb, pathway.nodes[arrow.end].name)
    told = f"{arrow.id}: {' '.join(names)}"
    return (
        f'<a href="#{arrow.id}"><g stroke="{colour}" stroke-width="1.25" fill="none">'
        f"<title>{escape(told)}</title>"
        f'<polyline points="{_joined(_shortened(line, arrow.kind))}"{dash}/>'
        f"{_process(line, arrow.kind)}{_head(line, arrow.kind, colour)}</g></a>"
    )


def _shortened(line: tuple[Point, ...], kind: ArrowKind) -> tuple[Point, ...]:
    """Return the line up to where its head begins."""
    back = 3.0 if kind == "inhibition" else _HEAD
    (x0, y0), (x1, y1) = line[-2:]
    length = math.dist((x0, y0), (x1, y1))
    share = max(0.0, 1 - back / length)
    return (*line[:-1], (x0 + share * (x1 - x0), y0 + share * (y1 - y0)))


def _process(line: tuple[Point, ...], kind: ArrowKind) -> str:
    if kind != "conversion":
        return ""
    length = max(math.dist(*pair) for pair in pairwise(line))
    side = SQUARE if length > 4 * SQUARE else 0.75 * SQUARE
    x, y = process_of(line)
    # The square stands in the middle of what the head leaves free.
    if len(line) == 2:
        (x0, y0), (x1, y1) = line
        share = max(0.0, 0.5 - _HEAD / 2 / length)
        x, y = x0 + share * (x1 - x0), y0 + share * (y1 - y0)
    return (
        f'<rect x="{x - side / 2:.1f}" y="{y - side / 2:.1f}" width="{side:g}" height="{side:g}" '
        'fill="#ffffff"/>'
    )


def _head(line: tuple[Point, ...], kind: ArrowKind, colour: str) -> str:
    (x0, y0), (x, y) = line[-2:]
    angle = math.degrees(math.atan2(y - y0, x - x0))
    turned = f'transform="translate({x:.1f} {y:.1f}) rotate({angle:.1f})"'
    if kind == "inhibition":
        return f'<path d="M-3 -5.5V5.5" stroke-width="2.2" {turned}/>'
    fill = colour if kind == "conversion" else "#ffffff"
    return f'<path d="M-{_HEAD:g} -4L0 0L-{_HEAD:g} 4Z" fill="{fill}" {turned}/>'


def _rival_name(arrow: Arrow) -> str:
    if arrow.label_at is None:
        return ""
    x, y = arrow.label_at
    text = "; ".join(f"{name}: {option}" for name, option in arrow.wirings)
    colour = colour_of(arrow)
    if arrow.label_form == "two":
        first, _, second = text.partition(" ")
        return "".join(
            _text(x, y + 9.5 * i, part, _LABEL_SIZE, anchor="start", fill=colour)
            for i, part in enumerate((first, second))
        )
    turned = f' transform="rotate(-90 {x:g} {y:g})"' if arrow.label_form == "up" else ""
    return _text(x, y, text, _LABEL_SIZE, fill=colour, more=turned)


def _legend() -> list[str]:
    x, y = 1264.0, 34.0
    parts = [_place_name(x - 8, y - 12, "HOW TO READ IT")]
    samples = (
        ("macromolecule", "protein"),
        ("complex", "complex"),
        ("simple_chemical", "small molecule"),
        ("gene_group", "gene, message"),
        ("perturbation", "added by hand"),
        ("phenotype", "what the cell does"),
        ("tag", "drawn elsewhere"),
    )
    for glyph, words in samples:
        round_ = glyph == "simple_chemical"
        sample = Node(
            id="",
            lines=("",),
            glyph=glyph,  # type: ignore[arg-type]
            place="outside",
            x=x + 10,
            y=y,
            width=16 if round_ else 30,
            height=16,
            info="",
            quantities=(),
            note="",
        )
        parts += [_shape(sample), _text(x + 34, y + 3.5, words, 10, anchor="start")]
        y += 22
    kinds: tuple[tuple[ArrowKind, str, str, str], ...] = (
        ("conversion", _INK, "", "becomes, moves to"),
        ("stimulation", _INK, "", "raises"),
        ("inhibition", _INHIBITS, "", "lowers"),
        ("stimulation", _RIVAL, ' stroke-dasharray="5 3.2"', "rival wiring"),
    )
    for kind, colour, dash, words in kinds:
        line = ((x - 5, y), (x + 27, y))
        parts.append(
            f'<g stroke="{colour}" stroke-width="1.25" fill="none">'
            f'<polyline points="{_joined(_shortened(line, kind))}"{dash}/>'
            f"{_process(line, kind)}{_head(line, kind, colour)}</g>"
        )
        parts.append(_text(x + 34, y + 3.5, words, 10, anchor="start"))
        y += 20
    parts += [
        _text(x - 8, y + 4, "P phosphorylated, GTP loaded", 9, anchor="start"),
        _text(x - 8, y + 17, "Each arrow leads to its row.", 9, anchor="start"),
    ]
    return parts
