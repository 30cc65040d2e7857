"""The page of Figure 1: the drawing, and beside it a table of every arrow with what it rests on.

The figure is drawn only if the cell model bears out every glyph and arrow of it. The same tables,
model and verdicts give the same bytes: no date, no host, nothing requested from elsewhere.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from importlib.resources import files
from typing import Any, Final

from jinja2 import Environment, FunctionLoader, StrictUndefined
from markupsafe import Markup

from cxaxis._version import __version__
from cxaxis.claims.committed import ExpectedVerdict, load_verdicts
from cxaxis.claims.ledger import shipped_knowledge
from cxaxis.core.errors import ModelValueError
from cxaxis.knowledge.checks import Knowledge
from cxaxis.knowledge.evidence import Evidence
from cxaxis.knowledge.parameters import Parameter
from cxaxis.models.build import Model, build
from cxaxis.models.graph import path_constants
from cxaxis.models.wiring import switches_of, wiring_options
from cxaxis.report.ledger_words import (
    VERDICT_NAMES,
    VERDICT_SIGNS,
    address,
    link,
    short_name,
)
from cxaxis.report.pathway_svg import pathway_svg
from cxaxis.report.pathway_tables import (
    Absent,
    Arrow,
    Node,
    Pathway,
    missing_from,
    read_pathway,
)
from cxaxis.report.words import number

STATUSES: Final = ("measured", "derived", "borrowed", "assumed")
PARTS: Final[Mapping[str, str]] = {
    "receptors": "Ligand, receptors and arrestin",
    "signals": "From G protein and receptor to the pathways of the cell",
    "genes": "Control of the genes",
    "fates": "What the cell does",
}
SAID_OF_FIGURE_1: Final = tuple(f"C{i:03d}" for i in range(65, 90))
"""Claims of the section in which the review tells its Figure 1."""
_NO_SOURCE: Final = "no_single_source"
_VERBS: Final = {
    "conversion": "becomes or moves to",
    "stimulation": "raises",
    "inhibition": "lowers",
}
_READ: Final = {
    "seen": "read",
    "recalled": "recalled, not checked at the source",
    "derived": "derived from others",
}


@dataclass(frozen=True, kw_only=True)
class ArrowView:
    """An arrow as the table shows it.

    Attributes
    ----------
    arrow
        The arrow.
    start, end
        Its glyphs.
    verb
        What the one does to the other.
    wiring
        Where it acts: in every wiring, or in which.
    parameters
        Parameters that enter its steps, best known first.
    counts
        How many of them are measured, derived, borrowed and assumed, in words.
    settings
        What an experiment sets in its steps: inputs and switches.
    evidence
        Evidence rows of the arrow, then those of its parameters.
    verdicts
        Claims that say it, each with its committed verdict.
    """

    arrow: Arrow
    start: Node
    end: Node
    verb: str
    wiring: str
    parameters: tuple[Parameter, ...]
    counts: str
    settings: tuple[str, ...]
    evidence: tuple[Evidence, ...]
    verdicts: tuple[ExpectedVerdict, ...]


@dataclass(frozen=True, kw_only=True)
class PathwayPage:
    """All that the page of Figure 1 shows.

    Attributes
    ----------
    pathway
        The tables of the figure.
    model
        The cell model that bears them out.
    knowledge
        Every table.
    views
        The arrows in the order of their table.
    """

    pathway: Pathway
    model: Model
    knowledge: Knowledge
    views: tuple[ArrowView, ...]


def pathway_page(
    knowledge: Knowledge | None = None,
    *,
    model: Model | None = None,
    verdicts: Mapping[str, ExpectedVerdict] | None = None,
) -> PathwayPage:
    """Return the content of the page.

    Parameters
    ----------
    knowledge
        Every table; None reads those that ship with the package.
    model
        The cell model; None builds it in its default wiring.
    verdicts
        Verdicts by claim; None reads the committed ones.

    Raises
    ------
    ModelValueError
        If the model lacks a quantity or an effect that the figure would draw.
    UserInputError
        If a table of the figure is malformed.
    """
    tables = shipped_knowledge() if knowledge is None else knowledge
    cell = build("cell", tables.parameters) if model is None else model
    pathway = read_pathway(tables.claims, tables.evidence)
    if missing := missing_from(cell, pathway):
        told = "; ".join(f"{name}: {why}" for name, why in missing.items())
        msg = f"the cell model does not bear out Figure 1. {told}"
        raise ModelValueError(msg)
    judged = load_verdicts() if verdicts is None else verdicts
    views = [_view(arrow, pathway, cell, tables, judged) for arrow in pathway.arrows.values()]
    return PathwayPage(pathway=pathway, model=cell, knowledge=tables, views=tuple(views))


def _view(
    arrow: Arrow,
    pathway: Pathway,
    model: Model,
    knowledge: Knowledge,
    verdicts: Mapping[str, ExpectedVerdict],
) -> ArrowView:
    start, end = pathway.nodes[arrow.start], pathway.nodes[arrow.end]
    constants = sorted(set().union(*path_constants(model, arrow.path).values()))
    rows = {model.bindings[name] for name in constants if name in model.bindings}
    found = (knowledge.parameters[row] for row in rows)
    parameters = sorted(found, key=lambda row: (STATUSES.index(row.status), row.id))
    cited = dict.fromkeys((*arrow.evidence, *(item for row in parameters for item in row.evidence)))
    return ArrowView(
        arrow=arrow,
        start=start,
        end=end,
        verb=_VERBS[arrow.kind],
        wiring=_wiring_words(arrow),
        parameters=tuple(parameters),
        counts=_counts(parameters),
        settings=tuple(
            name
            for name in constants
            if name in model.inputs or (name.startswith("switch_") and _belongs(name, arrow))
        ),
        evidence=tuple(knowledge.evidence[item] for item in cited),
        verdicts=tuple(verdicts[claim] for claim in arrow.claims if claim in verdicts),
    )


def _belongs(switch: str, arrow: Arrow) -> bool:
    return any(switch in switches_of(name) for name, _ in arrow.wirings)


def _wiring_words(arrow: Arrow) -> str:
    if not arrow.wirings:
        return "every wiring"
    named = " or ".join(f"{name}: {option}" for name, option in arrow.wirings)
    options = wiring_options()
    is_default = any(options[name][0] == option for name, option in arrow.wirings)
    return f"{named} ({'the default' if is_default else 'a rival, off by default'})"


def _counts(parameters: Iterable[Parameter]) -> str:
    counts = Counter(row.status for row in parameters)
    told = [f"{counts[status]} {status}" for status in STATUSES if counts[status]]
    return ", ".join(told) or "no number of its own"


def evidence_words(row: Evidence, knowledge: Knowledge) -> Markup:
    """Return what was read, where, and whether it was read at the source, with a link to it."""
    value = f" {row.value}" if row.value else ""
    unit = "" if row.unit in {"", "1", "qualitative", "text"} else f" {row.unit}"
    reference = knowledge.references.get(row.reference)
    if reference is None or reference.id == _NO_SOURCE:
        source = _NO_SOURCE.replace("_", " ")
    else:
        source = short_name(reference)
    told = f"{row.quantity}:{value}{unit}. "
    named = link(row.seen, shown=source) if address(row.seen) else source
    return Markup("{}{}; {}").format(told, named, _READ.get(row.status, row.status))


def counts_of(page: PathwayPage) -> list[tuple[str, int]]:
    """Return how many arrows rest on what, in words, each with its number."""
    arrows = page.views
    weakest = Counter(
        max((STATUSES.index(row.status) for row in view.parameters), default=-1) for view in arrows
    )
    rivals = sum(view.arrow.is_rival for view in arrows)
    return [
        ("arrows", len(arrows)),
        ("of rival wirings, off by default", rivals),
        ("every number measured or derived", weakest[0] + weakest[1]),
        ("least known number borrowed", weakest[2]),
        ("least known number assumed", weakest[3]),
        ("without a number of their own", weakest[-1]),
        ("arrows of the review's Figure 1 not in the model", len(page.pathway.absent)),
    ]


def said_by(page: PathwayPage) -> Iterator[tuple[str, str, list[str], list[Absent]]]:
    """Yield each claim of the section on Figure 1 with the arrows that stand for it.

    Yields
    ------
    The claim's id and statement, ids of its arrows, and what of it is not in the model.
    """
    for claim in SAID_OF_FIGURE_1:
        drawn = [view.arrow.id for view in page.views if claim in view.arrow.claims]
        absent = [item for item in page.pathway.absent.values() if claim in item.claims]
        yield claim, page.knowledge.claims[claim].statement, drawn, absent


def pathway_html(page: PathwayPage) -> str:
    """Return the page as one self-contained HTML file."""
    style = _template("report.css") + _template("pathway.css")
    return (
        _environment(autoescape=True)
        .get_template("pathway.html")
        .render(_content(page), svg=pathway_svg(page.pathway), style=Markup(style))
    )


def pathway_markdown(page: PathwayPage) -> str:
    """Return the tables of the page as Markdown."""
    return _environment(autoescape=False).get_template("pathway.md").render(_content(page))


def _content(page: PathwayPage) -> dict[str, Any]:
    groups = [
        (key, title, [view for view in page.views if view.arrow.part == key])
        for key, title in PARTS.items()
    ]
    verdicts = load_verdicts()
    return {
        "version": __version__,
        "sbml_hash": page.model.sha256,
        "n_state": len(page.model.states),
        "n_parameter": len(page.model.bindings),
        "counts": counts_of(page),
        "groups": [group for group in groups if group[2]],
        "said": [(*row, verdicts.get(row[0])) for row in said_by(page)],
        "told": lambda row: evidence_words(row, page.knowledge),
        "names": VERDICT_NAMES,
        "signs": VERDICT_SIGNS,
        "verbs": _VERBS,
    }


def _environment(*, autoescape: bool) -> Environment:
    environment = Environment(
        loader=FunctionLoader(_template),
        autoescape=autoescape,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters |= {"cell": _markdown_cell, "number": number}
    return environment


def _template(name: str) -> str:
    return files("cxaxis.report").joinpath("templates", name).read_text(encoding="utf-8")


def _markdown_cell(text: object) -> str:
    """Return text that neither ends a cell of a Markdown table nor opens a tag."""
    plain = str(text)
    for sign, escaped in (("&", "&amp;"), ("<", "&lt;"), (">", "&gt;")):
        plain = plain.replace(sign, escaped)
    for sign in "\\|*_[]`~":
        plain = plain.replace(sign, f"\\{sign}")
    return " ".join(plain.split())
