"""The tables that Figure 1 is drawn from: what stands where, and which arrow is which mechanism.

Positions are laid out by hand; what an arrow says is not. Each names a chain of quantities of the
cell model, and the figure is drawn only while each of them acts directly on the next.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Final, Literal, cast, get_args

from cxaxis.core.errors import Finding, error, raise_on_errors
from cxaxis.core.ids import did_you_mean
from cxaxis.knowledge.claims import known_claim_findings
from cxaxis.knowledge.evidence import Evidence, citation_findings
from cxaxis.knowledge.tables import (
    Row,
    bad_cell,
    choice_findings,
    parse_number,
    read_table,
    sound_rows,
    split_ids,
)
from cxaxis.models.build import Model
from cxaxis.models.graph import equations
from cxaxis.models.wiring import wiring_options

Glyph = Literal[
    "macromolecule",
    "complex",
    "simple_chemical",
    "gene_group",
    "perturbation",
    "phenotype",
    "tag",
]
Place = Literal["outside", "membrane", "cytosol", "reticulum", "nucleus", "fates"]
LabelForm = Literal["level", "up", "two"]
_BESIDE: Final[tuple[LabelForm, ...]] = ("up", "two")
Part = Literal["receptors", "signals", "genes", "fates"]
ArrowKind = Literal["conversion", "stimulation", "inhibition"]
Point = tuple[float, float]

NODE_COLUMNS: Final = (
    *("id", "label", "glyph", "place", "x", "y", "width", "height"),
    *("info", "quantities", "note"),
)
ARROW_COLUMNS: Final = (
    *("id", "from", "to", "kind", "part", "path", "wiring", "points", "label"),
    *("claims", "evidence", "note"),
)
ABSENT_COLUMNS: Final = ("id", "arrow", "claims", "reason")


@dataclass(frozen=True, kw_only=True)
class Node:
    """One glyph of the figure.

    Attributes
    ----------
    id
        Name of the glyph.
    lines
        Label, a line each.
    glyph
        Its shape after the Systems Biology Graphical Notation; a ``tag`` stands for a glyph
        drawn elsewhere.
    place
        Compartment it is drawn in.
    x, y, width, height
        Centre and size in units of the drawing.
    info
        Unit of information on the border, such as P for phosphorylated; empty without one.
    quantities
        Quantities of the cell model that the glyph stands for.
    note
        What a reader should know.
    """

    id: str
    lines: tuple[str, ...]
    glyph: Glyph
    place: Place
    x: float
    y: float
    width: float
    height: float
    info: str
    quantities: tuple[str, ...]
    note: str

    @property
    def name(self) -> str:
        """Label in one line, with its unit of information."""
        label = " ".join(self.lines)
        return f"{label} ({self.info})" if self.info else label


@dataclass(frozen=True, kw_only=True)
class Arrow:
    """One arrow of the figure: a mechanism of the cell model.

    Attributes
    ----------
    id
        House id.
    start, end
        Glyphs it joins.
    kind
        ``conversion`` (amounts move), ``stimulation`` or ``inhibition``.
    part
        Part of the figure, and of its table.
    path
        Quantities of the cell model, each acting directly on the next.
    wirings
        Rival mechanisms it belongs to, as (wiring, option); it acts under any of them. Empty
        for an arrow of every wiring.
    points
        Corners between the two glyphs.
    label_at
        Where the name of its rival mechanism stands, None for nowhere.
    label_form
        How that name runs: level, ``up``, or in ``two`` lines to the right of its place.
    claims
        Claims of the review that say it.
    evidence
        Evidence rows behind it, besides those of its parameters.
    note
        What a reader should know.
    """

    id: str
    start: str
    end: str
    kind: ArrowKind
    part: Part
    path: tuple[str, ...]
    wirings: tuple[tuple[str, str], ...]
    points: tuple[Point, ...]
    label_at: Point | None
    label_form: LabelForm
    claims: tuple[str, ...]
    evidence: tuple[str, ...]
    note: str

    @property
    def is_rival(self) -> bool:
        """Whether it is absent from the default wiring."""
        options = wiring_options()
        return bool(self.wirings) and all(options[name][0] != how for name, how in self.wirings)


@dataclass(frozen=True, kw_only=True)
class Absent:
    """An arrow of the review's Figure 1 that the cell model does not have.

    Attributes
    ----------
    id
        House id.
    arrow
        What the review says, in words.
    claims
        Claims that say it.
    reason
        Why it is not in the model.
    """

    id: str
    arrow: str
    claims: tuple[str, ...]
    reason: str


@dataclass(frozen=True, kw_only=True)
class Pathway:
    """The tables of the figure."""

    nodes: Mapping[str, Node]
    arrows: Mapping[str, Arrow]
    absent: Mapping[str, Absent]


def read_pathway(
    claims: Collection[str], evidence: Mapping[str, Evidence], directory: Path | None = None
) -> Pathway:
    """Return the tables of the figure.

    Parameters
    ----------
    claims
        Known claim ids.
    evidence
        Known evidence; held-out rows may not be cited.
    directory
        Folder of the tables; None reads those that ship with the package.

    Raises
    ------
    UserInputError
        With every finding at once.
    """

    def at(name: str) -> Path | None:
        return None if directory is None else directory / name

    nodes, node_findings = sound_rows(
        read_table(at("pathway_nodes.tsv"), "pathway_nodes.tsv", NODE_COLUMNS),
        _node_findings,
        _node,
    )
    arrows, arrow_findings = sound_rows(
        read_table(at("pathway_arrows.tsv"), "pathway_arrows.tsv", ARROW_COLUMNS),
        lambda row: _arrow_findings(row, nodes, claims, evidence),
        _arrow,
    )
    absent, absent_findings = sound_rows(
        read_table(at("pathway_absent.tsv"), "pathway_absent.tsv", ABSENT_COLUMNS),
        lambda row: known_claim_findings(split_ids(row["claims"]), claims, row, code="PATHWAY005"),
        lambda row: Absent(
            id=row["id"],
            arrow=row["arrow"],
            claims=split_ids(row["claims"]),
            reason=row["reason"],
        ),
    )
    raise_on_errors((*node_findings, *arrow_findings, *absent_findings))
    return Pathway(nodes=nodes, arrows=arrows, absent=absent)


def acts_on(model: Model) -> frozenset[tuple[str, str]]:
    """Return every pair of quantities of which the first acts directly on the second.

    What only sets a starting value does not act.
    """
    return frozenset(
        (use, target)
        for item in equations(model)
        if item.kind != "initial"
        for use in item.uses
        for target in item.targets
        if use != target
    )


def missing_from(model: Model, pathway: Pathway) -> dict[str, str]:
    """Return the arrows and glyphs that the model does not bear out, each with the reason.

    Parameters
    ----------
    model
        The cell model in any wiring.
    pathway
        The tables of the figure.

    Returns
    -------
    By id of arrow or glyph; empty when the figure is the model's.
    """
    direct = acts_on(model)
    found: dict[str, str] = {}
    for node in pathway.nodes.values():
        for name in node.quantities:
            if name not in model.units:
                found[node.id] = f"the cell has no {name!r}. {did_you_mean(name, model.units)}"
    for arrow in pathway.arrows.values():
        start, end = pathway.nodes[arrow.start], pathway.nodes[arrow.end]
        for node, name in ((start, arrow.path[0]), (end, arrow.path[-1])):
            if name not in node.quantities:
                found[arrow.id] = f"{name!r} is not among the quantities of {node.id}."
        for one, other in pairwise(arrow.path):
            if (one, other) not in direct:
                found[arrow.id] = f"{one!r} does not act directly on {other!r}."
    return found


def _node_findings(row: Row) -> Iterator[Finding]:
    code = "PATHWAY001"
    yield from choice_findings(code, row, "glyph", get_args(Glyph))
    yield from choice_findings(code, row, "place", get_args(Place))
    for column in ("x", "y", "width", "height"):
        number = parse_number(row[column])
        if number is None or number <= 0:
            yield bad_cell(code, row, column, "Give a positive number.")
    for column in ("label", "quantities"):
        if not row[column]:
            yield bad_cell(code, row, column, "Fill it in.")


def _node(row: Row) -> Node:
    def number(column: str) -> float:
        return float(row[column])

    return Node(
        id=row["id"],
        lines=tuple(row["label"].split("|")),
        glyph=cast("Glyph", row["glyph"]),
        place=cast("Place", row["place"]),
        x=number("x"),
        y=number("y"),
        width=number("width"),
        height=number("height"),
        info=row["info"],
        quantities=split_ids(row["quantities"]),
        note=row["note"],
    )


def _arrow_findings(
    row: Row,
    nodes: Mapping[str, Node],
    claims: Collection[str],
    evidence: Mapping[str, Evidence],
) -> Iterator[Finding]:
    code = "PATHWAY002"
    yield from choice_findings(code, row, "kind", get_args(ArrowKind))
    yield from choice_findings(code, row, "part", get_args(Part))
    for column in ("from", "to"):
        if row[column] not in nodes:
            yield bad_cell(code, row, column, did_you_mean(row[column], nodes))
    if len(split_ids(row["path"])) < 2:
        yield bad_cell(code, row, "path", "Name two quantities of the cell at least.")
    yield from _wiring_findings(row)
    if _points(row["points"]) is None:
        yield bad_cell(code, row, "points", "Write corners as x,y with spaces between.")
    if len(_label(row)[0] or ()) != bool(row["label"]):
        yield bad_cell(code, row, "label", "Write one place as x,y or x,y,up or x,y,two.")
    if row["claims"]:
        yield from known_claim_findings(split_ids(row["claims"]), claims, row, code="PATHWAY003")
    cited = split_ids(row["evidence"])
    yield from citation_findings(
        cited, evidence, where=row.where, citer=row["id"], code="PATHWAY004"
    )


def _wiring_findings(row: Row) -> Iterator[Finding]:
    options = wiring_options()
    for part in split_ids(row["wiring"]):
        name, _, option = part.partition("=")
        if name not in options:
            message = f"{row['id']}: unknown wiring {name!r}. {did_you_mean(name, options)}"
            yield error("PATHWAY002", row.where, message)
        elif option not in options[name]:
            allowed = ", ".join(options[name])
            message = f"{row['id']}: wiring {name} has no option {option!r}. Options: {allowed}."
            yield error("PATHWAY002", row.where, message)


def _points(text: str) -> tuple[Point, ...] | None:
    found: list[Point] = []
    for part in text.split():
        numbers = [parse_number(item) for item in part.split(",")]
        if len(numbers) != 2 or numbers[0] is None or numbers[1] is None:
            return None
        found.append((numbers[0], numbers[1]))
    return tuple(found)


def _label(row: Row) -> tuple[tuple[Point, ...] | None, LabelForm]:
    for form in _BESIDE:
        if row["label"].endswith(f",{form}"):
            return _points(row["label"].removesuffix(f",{form}")), form
    return _points(row["label"]), "level"


def _arrow(row: Row) -> Arrow:
    places, form = _label(row)
    return Arrow(
        id=row["id"],
        start=row["from"],
        end=row["to"],
        kind=cast("ArrowKind", row["kind"]),
        part=cast("Part", row["part"]),
        path=split_ids(row["path"]),
        wirings=_wirings(split_ids(row["wiring"])),
        points=_points(row["points"]) or (),
        label_at=places[0] if places else None,
        label_form=form,
        claims=split_ids(row["claims"]),
        evidence=split_ids(row["evidence"]),
        note=row["note"],
    )


def _wirings(parts: Sequence[str]) -> tuple[tuple[str, str], ...]:
    return tuple((name, option) for name, _, option in (part.partition("=") for part in parts))
