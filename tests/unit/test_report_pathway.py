"""Figure 1: drawn from the model, readable, and gone when the model has not the mechanism."""

import re
from dataclasses import replace
from xml.etree import ElementTree

import pytest

from cxaxis.claims.ledger import shipped_knowledge
from cxaxis.core.errors import ModelValueError, UserInputError
from cxaxis.models import build as build_module
from cxaxis.models import compose as compose_module
from cxaxis.models.build import build, load_model
from cxaxis.models.graph import path_constants
from cxaxis.models.wiring import switches_of, wiring_options
from cxaxis.report import pathway_docs
from cxaxis.report.pathway_geometry import collisions, route
from cxaxis.report.pathway_page import (
    SAID_OF_FIGURE_1,
    pathway_html,
    pathway_markdown,
    pathway_page,
    said_by,
)
from cxaxis.report.pathway_svg import HEIGHT, WIDTH, pathway_svg
from cxaxis.report.pathway_tables import (
    ARROW_COLUMNS,
    NODE_COLUMNS,
    acts_on,
    missing_from,
    read_pathway,
)

KNOWLEDGE = shipped_knowledge()
CELL = load_model("cell")
PATHWAY = read_pathway(KNOWLEDGE.claims, KNOWLEDGE.evidence)
PAGE = pathway_page(KNOWLEDGE, model=CELL)
SVG = "{http://www.w3.org/2000/svg}"


def arrow_between(start, end):
    return next(item for item in PATHWAY.arrows.values() if (item.start, item.end) == (start, end))


def test_the_model_bears_out_every_glyph_and_arrow():
    assert missing_from(CELL, PATHWAY) == {}


@pytest.mark.parametrize(
    ("file", "statement", "start", "end"),
    [
        ("cell_signalling.ant", r"J_activate_pyk2:[^;]*;[^;]*;", "calcium", "pyk2"),
        ("cell_receptor.ant", r"J_arrest_cxcl12_cxcr4:[^;]*;[^;]*;", "cxcr4_p", "arrestin_cxcr4"),
        ("cell_signalling.ant", r"J_activate_gi:[^;]*;[^;]*;", "pertussis", "gi"),
    ],
)
def test_an_arrow_is_lost_with_its_mechanism(monkeypatch, file, statement, start, end):
    real = compose_module.read_source

    def without(name):
        text = real(name)
        if name != file:
            return text
        changed, n = re.subn(statement, "", text)
        assert n == 1
        label = statement.partition(":")[0]
        return re.sub(rf"{label}(\.sboTerm = \d+| isVersionOf \"[^\"]*\");", "", changed)

    monkeypatch.setattr(compose_module, "read_source", without)
    build_module._antimony_to_sbml.cache_clear()
    broken = build("cell")
    found = missing_from(broken, PATHWAY)
    assert arrow_between(start, end).id in found
    with pytest.raises(ModelValueError, match="does not bear out Figure 1"):
        pathway_page(KNOWLEDGE, model=broken)


def test_starting_values_are_no_arrows():
    """GSK3-beta starts where AKT of a cell at rest holds it; rest does not act on it later."""
    assert ("k_mtorc2_akt", "gsk3b") not in acts_on(CELL)
    assert ("rest_gsk3b_share", "gsk3b") not in acts_on(CELL)


def test_rival_arrows_hang_on_the_switch_they_name():
    for arrow in PATHWAY.arrows.values():
        entering = set().union(*path_constants(CELL, arrow.path).values())
        for wiring, option in arrow.wirings:
            assert option in wiring_options()[wiring]
            # The pair itself is there in every wiring; what it does is not.
            if arrow.end != "pair":
                assert entering & set(switches_of(wiring)), arrow.id
        if arrow.is_rival and arrow.end != "pair":
            assert arrow.label_at is not None, f"{arrow.id}: a dashed arrow without its name"
    switched = {name for name in CELL.units if name.startswith("switch_")}
    named = {
        switch
        for arrow in PATHWAY.arrows.values()
        for wiring, _ in arrow.wirings
        for switch in switches_of(wiring)
    }
    assert switched == named, "a rival mechanism of the cell that the figure does not show"


def test_nothing_runs_into_anything():
    assert collisions(PATHWAY) == []


def test_collisions_are_seen():
    moved = dict(PATHWAY.nodes)
    moved["ras"] = replace(moved["ras"], y=moved["src"].y + 5)
    moved["dag"] = replace(moved["dag"], x=724.0, y=548.0)
    moved["plc"] = replace(moved["plc"], lines=("phospholipase C-beta",))
    told = " | ".join(collisions(replace(PATHWAY, nodes=moved)))
    assert "src and ras overlap" in told
    assert "runs through dag" in told
    assert "the label of plc" in told


def test_arrows_end_on_their_glyphs_and_stay_on_the_sheet():
    for arrow in PATHWAY.arrows.values():
        line = route(arrow, PATHWAY)
        assert len(line) >= 2
        for name, (x, y) in ((arrow.start, line[0]), (arrow.end, line[-1])):
            node = PATHWAY.nodes[name]
            assert abs(x - node.x) <= node.width / 2 + 1e-6
            assert abs(y - node.y) <= node.height / 2 + 1e-6
        assert all(0 < x < WIDTH and 0 < y < HEIGHT for x, y in line)


def test_every_claim_of_figure_1_is_drawn_or_listed_as_missing():
    for claim, _, drawn, absent in said_by(PAGE):
        assert drawn or absent, claim
    assert len(SAID_OF_FIGURE_1) == 25


def test_the_drawing_can_be_read_without_seeing_it():
    root = ElementTree.fromstring(str(pathway_svg(PATHWAY)))
    assert root.get("role") == "img"
    title, desc = root.find(f"{SVG}title"), root.find(f"{SVG}desc")
    assert f"{title.get('id')} {desc.get('id')}" == root.get("aria-labelledby")
    assert "arrows" in desc.text
    links = {item.get("href") for item in root.iter(f"{SVG}a")}
    assert links == {f"#{name}" for name in PATHWAY.arrows}
    dashed = [item for item in root.iter(f"{SVG}polyline") if item.get("stroke-dasharray")]
    rivals = [item for item in PATHWAY.arrows.values() if item.is_rival]
    # One more in the legend.
    assert len(dashed) == len(rivals) + 1


def test_the_page_is_whole_and_asks_for_nothing():
    text = pathway_html(PAGE)
    for name in PATHWAY.arrows:
        assert f'<tr id="{name}">' in text
    assert not re.search(r'(src|href)="(?!#|ledger\.html|https?://)', text)
    assert not re.search(r"<(script|img|link)\b|url\(|@import", text)
    assert text.count("<table") == text.count("<caption>") == text.count("<thead>")
    assert text == pathway_html(pathway_page(KNOWLEDGE, model=CELL))
    plain = pathway_markdown(PAGE)
    for name in PATHWAY.arrows:
        assert f"| {name} |" in plain


def test_the_table_tells_what_an_arrow_rests_on():
    view = next(item for item in PAGE.views if item.arrow == arrow_between("calcium", "pyk2"))
    assert {row.id for row in view.parameters} >= {"k_activate_pyk2", "half_calcium_pyk2"}
    assert "MOL133" in {row.id for row in view.evidence}
    assert [item.claim for item in view.verdicts] == ["C073"]
    text = pathway_html(PAGE)
    row = re.search(rf'<tr id="{view.arrow.id}">.*?</tr>', text, re.DOTALL).group()
    assert "k_activate_pyk2" in row
    assert "calcium_free → pyk2_drive → pyk2_active" in row


def test_stale_pages_are_told(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(pathway_docs, "pathway_page", lambda: PAGE)
    assert pathway_docs.main([str(tmp_path), "--check"]) == 1
    assert pathway_docs.main([str(tmp_path)]) == 0
    assert pathway_docs.main([str(tmp_path), "--check"]) == 0
    (tmp_path / "figure1.md").write_text("old", "utf-8")
    capsys.readouterr()
    assert pathway_docs.main([str(tmp_path), "--check"]) == 1
    assert "figure1.md is stale" in capsys.readouterr().err


def test_bad_rows_are_told_all_at_once(tmp_path):
    node = ("a", "A", "macromolecule", "cytosol", "10", "10", "20", "20", "", "akt", "")
    bad_node = ("b", "", "blob", "cytosol", "x", "10", "20", "20", "", "akt", "")
    arrow = dict.fromkeys(ARROW_COLUMNS, "") | {
        "id": "ARW1",
        "from": "a",
        "to": "nowhere",
        "kind": "pushes",
        "part": "signals",
        "path": "akt",
        "wiring": "heterodimer=perhaps;moon=on",
        "points": "1;2",
        "label": "1,2,3",
        "claims": "C999",
        "evidence": "MOL062",
    }
    for name, columns, rows in (
        ("pathway_nodes.tsv", NODE_COLUMNS, [node, bad_node]),
        ("pathway_arrows.tsv", ARROW_COLUMNS, [tuple(arrow[key] for key in ARROW_COLUMNS)]),
        ("pathway_absent.tsv", ("id", "arrow", "claims", "reason"), []),
    ):
        lines = ["\t".join(row) for row in (columns, *rows)]
        (tmp_path / name).write_text("\n".join(lines) + "\n", "utf-8")
    with pytest.raises(UserInputError) as caught:
        read_pathway(KNOWLEDGE.claims, KNOWLEDGE.evidence, tmp_path)
    told = str(caught.value)
    for words in (
        "label is empty",
        "'blob'",
        "'nowhere'",
        "'pushes'",
        "Name two quantities",
        "no option 'perhaps'",
        "unknown wiring 'moon'",
        "Write corners as x,y",
        "Write one place as x,y",
        "'C999'",
        "held_out",
    ):
        assert words in told, words
