"""Figures as text and files: the same bytes, ids of their own, nothing from outside."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET

import matplotlib as mpl
import pytest

from cxaxis.core.errors import ModelValueError
from cxaxis.figures.output import save, to_svg
from cxaxis.figures.style import (
    CONTROL_COLOUR,
    arm_styles,
    figure_of,
    house_style,
    month_ticks,
    new_axes,
)


@pytest.fixture
def figure():
    with house_style():
        axes = new_axes()
        axes.plot([0, 1], [0, 1], label="costs $5 & <more>", marker="o")
        axes.fill_between([0, 1], [0, 1], [1, 2], alpha=0.2)
        axes.legend()
    return figure_of(axes)


def _svg(figure, name="one"):
    return to_svg(figure, name=name, title="A < B", description="two & three")


def test_the_same_figure_gives_the_same_text(figure):
    assert _svg(figure) == _svg(figure)


def test_svg_is_well_formed_and_described(figure):
    root = ET.fromstring(_svg(figure))
    names = {"s": "http://www.w3.org/2000/svg"}
    assert root.findtext("s:title", namespaces=names) == "A < B"
    assert root.findtext("s:desc", namespaces=names) == "two & three"
    assert root.get("role") == "img"
    assert root.find(".//s:metadata", names) is None
    assert root.find(".//s:style", names) is None


def test_every_id_carries_the_name_and_every_reference_is_met(figure):
    text = _svg(figure, "km-os")
    ids = re.findall(r'\bid="([^"]+)"', text)
    assert len(ids) == len(set(ids))
    assert all(item.startswith("km-os-") for item in ids)
    references = re.findall(r'(?:xlink:href="#|url\(#)([^")]+)', text)
    assert references
    assert set(references) <= set(ids)


def test_svg_refers_to_nothing_outside(figure):
    text = _svg(figure)
    assert set(re.findall(r"https?://[^\"\s]+", text)) <= {
        "http://www.w3.org/2000/svg",
        "http://www.w3.org/1999/xlink",
    }


def test_labels_are_text_taken_literally(figure):
    assert "costs $5 &amp; &lt;more&gt;" in _svg(figure)


def test_a_name_that_is_no_id_is_refused(figure):
    with pytest.raises(ModelValueError, match="'1 figure'"):
        _svg(figure, "1 figure")


@pytest.mark.parametrize(
    ("ending", "magic"), [("png", b"\x89PNG"), ("svg", b"<?xml"), ("pdf", b"%PDF")]
)
def test_files_are_written_twice_alike(figure, tmp_path, ending, magic):
    first = save(figure, tmp_path / f"a.{ending}").read_bytes()
    second = save(figure, tmp_path / f"b.{ending}").read_bytes()
    assert first.startswith(magic)
    assert first == second


def test_another_ending_is_refused(figure, tmp_path):
    with pytest.raises(ModelValueError, match=r"\.png, \.svg or \.pdf"):
        save(figure, tmp_path / "a.jpg")


def test_the_readers_own_settings_neither_change_nor_matter():
    before = dict(mpl.rcParams)
    with mpl.rc_context({"font.size": 31}), house_style():
        assert mpl.rcParams["font.size"] == 9.5
    assert dict(mpl.rcParams) == before


def test_control_comes_first_and_grey_and_arms_differ():
    styles = arm_styles({"b": "B", "control": "C", "a": "A"}, control="control")
    assert [style.arm for style in styles] == ["control", "b", "a"]
    assert styles[0].colour == CONTROL_COLOUR
    assert len({(style.colour, style.dashes) for style in styles}) == 3


def test_many_arms_still_differ():
    labels = {f"a{k}": f"A{k}" for k in range(12)}
    styles = arm_styles(labels, control="a0")
    assert len({(style.colour, style.dashes) for style in styles}) == 12


def test_an_unknown_control_is_refused():
    with pytest.raises(ModelValueError, match="'x' is not one of the arms a, b"):
        arm_styles({"a": "A", "b": "B"}, control="x")


@pytest.mark.parametrize(
    ("last", "ticks"), [(6, [0, 1, 2, 3, 4, 5, 6]), (36.01, [0, 6, 12, 18, 24, 30, 36]), (0.5, [0])]
)
def test_month_ticks_stand_on_a_clinical_grid(last, ticks):
    assert month_ticks(last) == ticks
