"""Where the arrows of Figure 1 run, and whether anything in it runs into anything else.

An arrow leaves and meets its glyphs on their borders, straight up or across wherever the next
corner lies beside or above them.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from itertools import combinations, pairwise
from typing import Final

from cxaxis.report.pathway_tables import Arrow, Node, Pathway, Point

SQUARE: Final = 8.0
"""Side of the square that marks a process."""
CUT: Final = 6.0
"""How far the corners of complexes, hexagons and pointed boxes are cut."""
GAP: Final = 2.0
"""Least room between an arrow and a glyph that it only passes."""
LABEL_SIZE: Final = 11.0
SMALL_LABEL_SIZE: Final = 10.0
INFO_SIZE: Final = 8.5
# Mean width of a letter of the sans-serif fonts named on the page, as a share of its size.
_LETTER: Final = 0.6
ROUND: Final = frozenset({"simple_chemical"})
NOTCHED: Final = frozenset({"perturbation", "phenotype"})


def route(arrow: Arrow, pathway: Pathway) -> tuple[Point, ...]:
    """Return the corners of an arrow from border to border.

    Parameters
    ----------
    arrow
        One arrow of the figure.
    pathway
        The tables of the figure.
    """
    start, end = pathway.nodes[arrow.start], pathway.nodes[arrow.end]
    if not arrow.points:
        return _straight(start, end)
    first = border_towards(start, arrow.points[0])
    last = border_towards(end, arrow.points[-1])
    return tuple(dict.fromkeys((first, *_squared(first, arrow.points, last), last)))


def _squared(first: Point, points: tuple[Point, ...], last: Point) -> Iterator[Point]:
    """Yield the corners, without one that a straight line passes anyway."""
    line = (first, *points, last)
    for before, here, after in zip(line, line[1:], line[2:], strict=False):
        straight_across = before[1] == here[1] == after[1]
        straight_up = before[0] == here[0] == after[0]
        if not (straight_across or straight_up):
            yield here


def _straight(start: Node, end: Node) -> tuple[Point, ...]:
    low, high = _overlap(start.y, start.height, end.y, end.height)
    if low < high:
        y = (low + high) / 2
        return border_towards(start, (end.x, y)), border_towards(end, (start.x, y))
    low, high = _overlap(start.x, start.width, end.x, end.width)
    if low < high:
        x = (low + high) / 2
        return border_towards(start, (x, end.y)), border_towards(end, (x, start.y))
    return border_towards(start, (end.x, end.y)), border_towards(end, (start.x, start.y))


def _overlap(one: float, one_size: float, other: float, other_size: float) -> tuple[float, float]:
    low = max(one - one_size / 2, other - other_size / 2)
    return low, min(one + one_size / 2, other + other_size / 2)


def border_towards(node: Node, point: Point) -> Point:
    """Return where a line from a glyph to a point leaves the glyph.

    A point beside the glyph is reached level, one above or below it upright, any other from its
    centre.
    """
    half_width, half_height = node.width / 2, node.height / 2
    right, down = point[0] - node.x, point[1] - node.y
    if abs(down) < half_height and abs(right) >= half_width:
        reach = half_width * _narrowing(node, down / half_height)
        if node.glyph == "phenotype":
            reach -= CUT * abs(down) / half_height
        return node.x + math.copysign(reach, right), point[1]
    if abs(right) < half_width and abs(down) >= half_height:
        reach = half_height * _narrowing(node, right / half_width)
        return point[0], node.y + math.copysign(reach, down)
    if node.glyph in ROUND:
        share = 1 / math.hypot(right / half_width, down / half_height)
    else:
        share = 1 / max(abs(right) / half_width, abs(down) / half_height)
    return node.x + share * right, node.y + share * down


def _narrowing(node: Node, share: float) -> float:
    return math.sqrt(max(0.0, 1 - share * share)) if node.glyph in ROUND else 1.0


def process_of(line: tuple[Point, ...]) -> Point:
    """Return the middle of the longest stretch of an arrow."""
    (x0, y0), (x1, y1) = max(pairwise(line), key=lambda pair: math.dist(*pair))
    return (x0 + x1) / 2, (y0 + y1) / 2


def label_width(text: str, size: float) -> float:
    """Return about how wide a text is, in units of the drawing."""
    return _LETTER * size * len(text)


def label_size(node: Node) -> float:
    """Return the size of a glyph's label: smaller in tags and where it has two lines."""
    return SMALL_LABEL_SIZE if len(node.lines) > 1 or node.glyph == "tag" else LABEL_SIZE


def collisions(pathway: Pathway) -> list[str]:
    """Return what overlaps: glyphs, labels wider than theirs, arrows through glyphs.

    Parameters
    ----------
    pathway
        The tables of the figure.

    Returns
    -------
    A sentence each; empty for a figure in which nothing runs into anything.
    """
    found = [
        f"{one.id} and {other.id} overlap"
        for one, other in combinations(pathway.nodes.values(), 2)
        if _glyphs_overlap(one, other)
    ]
    for node in pathway.nodes.values():
        wide = max(label_width(line, label_size(node)) for line in node.lines)
        room = node.width - (12 if node.glyph in NOTCHED else 2)
        if wide > room:
            found.append(f"the label of {node.id} is {wide - room:.0f} too wide")
    for arrow in pathway.arrows.values():
        line = route(arrow, pathway)
        for node in pathway.nodes.values():
            if node.id in {arrow.start, arrow.end}:
                continue
            if any(_crosses(start, end, node) for start, end in pairwise(line)):
                found.append(f"{arrow.id} ({arrow.start} to {arrow.end}) runs through {node.id}")
    for one, other in combinations(pathway.arrows.values(), 2):
        if shared := _shared(route(one, pathway), route(other, pathway), one, other):
            found.append(f"{one.id} and {other.id} run on each other for {shared:.0f}")
    return found


def _glyphs_overlap(one: Node, other: Node) -> bool:
    return (
        abs(one.x - other.x) < (one.width + other.width) / 2 + GAP
        and abs(one.y - other.y) < (one.height + other.height) / 2 + GAP
    )


def _crosses(start: Point, end: Point, node: Node) -> bool:
    """Return whether a stretch enters a glyph and the room around it (Liang and Barsky)."""
    half_width, half_height = node.width / 2 + GAP, node.height / 2 + GAP
    enters, leaves = 0.0, 1.0
    for origin, step, centre, half in (
        (start[0], end[0] - start[0], node.x, half_width),
        (start[1], end[1] - start[1], node.y, half_height),
    ):
        low, high = centre - half - origin, centre + half - origin
        if step == 0:
            if low > 0 or high < 0:
                return False
            continue
        first, last = sorted((low / step, high / step))
        enters, leaves = max(enters, first), min(leaves, last)
    return enters < leaves


def _shared(one: tuple[Point, ...], other: tuple[Point, ...], first: Arrow, second: Arrow) -> float:
    """Return how far two arrows run on the same line; a bus from one glyph may."""
    if first.start == second.start and first.kind == second.kind:
        return 0.0
    total = 0.0
    for (a, b), (c, d) in ((p, q) for p in pairwise(one) for q in pairwise(other)):
        for along, across in ((0, 1), (1, 0)):
            level = {a[across], b[across], c[across], d[across]}
            if max(level) - min(level) < 3:
                low = max(min(a[along], b[along]), min(c[along], d[along]))
                high = min(max(a[along], b[along]), max(c[along], d[along]))
                total += max(0.0, high - low - 1)
    return total
