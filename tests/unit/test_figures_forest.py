"""Forest and funnel: what a reader sees of each study, and what is refused."""

import pytest

from cxaxis.core.errors import ModelValueError
from cxaxis.figures.forest import ForestLine, ForestSection, funnel, meta_analysis_forest
from cxaxis.figures.output import to_svg
from cxaxis.figures.style import figure_of


def sections():
    return [
        ForestSection(
            title="Studies",
            lines=[
                ForestLine(label="One 2005", n=136, cut_off="positive", hr=2, low=1.4, high=2.9),
                ForestLine(label="Two 2010", n=79, instead="P < 0.05, no interval"),
                ForestLine(label="random effects", hr=1.8, low=1.2, high=2.7, diamond=True),
            ],
        ),
        ForestSection(
            title="Published, overlapping, not pooled",
            lines=[ForestLine(label="Pool", hr=1.49, low=1.24, high=1.8, diamond=True)],
        ),
    ]


def texts(axes):
    return [item.get_text() for item in axes.texts]


def test_a_forest_shows_every_study_with_its_numbers():
    axes = meta_analysis_forest(sections())
    shown = texts(axes)
    assert {"One 2005", "136", "positive", "2.00 (1.40–2.90)"} <= set(shown)
    assert "P < 0.05, no interval" in shown
    assert "Published, overlapping, not pooled" in shown
    assert len(axes.patches) == 2  # one diamond for each pool, drawn or published
    assert to_svg(figure_of(axes), name="forest", title="a", description="b").startswith("<svg")


def test_the_axis_holds_every_interval():
    low, high = meta_analysis_forest(sections()).get_xlim()
    assert low < 1.0
    assert high > 2.9


def test_weights_are_printed_as_shares():
    lines = [ForestLine(label="a", hr=2, low=1.4, high=2.9, weight=0.375)]
    assert "38 %" in texts(meta_analysis_forest([ForestSection(title="t", lines=lines)]))


@pytest.mark.parametrize(
    "bad",
    [
        [],
        [ForestSection(title="empty", lines=())],
        [ForestSection(title="t", lines=[ForestLine(label="a", hr=-1, low=1, high=2)])],
    ],
)
def test_a_forest_needs_lines_and_positive_ratios(bad):
    with pytest.raises(ModelValueError):
        meta_analysis_forest(bad)


def test_a_funnel_has_large_studies_on_top_and_names():
    axes = funnel([1.2, 2.0], [0.1, 0.4], centre=1.4, labels=["large", "small"])
    bottom, top = axes.get_ylim()
    assert bottom > 0.4
    assert top == 0
    assert texts(axes) == ["large", "small"]


@pytest.mark.parametrize(
    "change",
    [{"standard_error": [0.1]}, {"hazard_ratio": [0, 1]}, {"centre": -1}, {"labels": ["one"]}],
)
def test_a_funnel_refuses_what_does_not_fit(change):
    good = {"hazard_ratio": [1.2, 2.0], "standard_error": [0.1, 0.4], "centre": 1.4}
    with pytest.raises(ModelValueError):
        funnel(**(good | change))
