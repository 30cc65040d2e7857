"""The table of immunohistochemistry cut-offs: what ships, and what is refused."""

import pytest

from cxaxis.core.errors import UserInputError
from cxaxis.knowledge.evidence import load_evidence
from cxaxis.knowledge.ihc_cutoffs import CUTOFF_COLUMNS, load_ihc_cutoffs


def refused(tmp_path, **changes):
    """Return the codes of the findings on one row with some cells changed."""
    row = dict(
        zip(
            CUTOFF_COLUMNS,
            ("uchi_2016_cxcr4", "CXCR4", "positive or negative", "0.61", "CLI008", ""),
            strict=True,
        )
    )
    path = tmp_path / "ihc_cutoffs.tsv"
    cells = "\t".join((row | changes).values())
    path.write_text("\t".join(CUTOFF_COLUMNS) + "\n" + cells + "\n", encoding="utf-8")
    try:
        load_ihc_cutoffs(path)
    except UserInputError as failure:
        return [item.code for item in failure.findings]
    return []


def test_every_series_of_the_reviews_stains_is_there():
    cutoffs = load_ihc_cutoffs()
    for start in ("kaifi_2005", "gockel_2006", "uchi_2016", "sasaki_2009", "chen_2020"):
        assert any(name.startswith(start) for name in cutoffs)
    shares = [item.positive_share for item in cutoffs.values() if item.marker == "CXCR4"]
    assert (min(shares), max(shares)) == (0.451, 0.941)


def test_cut_offs_rest_on_rows_that_may_be_used():
    evidence = load_evidence()
    assert all(evidence[item.evidence].role != "held_out" for item in load_ihc_cutoffs().values())


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"id": "Uchi 2016"}, "IHCC001"),
        ({"marker": "CXCR5"}, "IHCC002"),
        ({"scheme": ""}, "IHCC003"),
        ({"positive_share": "61"}, "IHCC004"),
        ({"positive_share": "many"}, "IHCC004"),
        ({"evidence": "CLI999"}, "IHCC005"),
        ({"evidence": "CLI008;CLI001"}, "IHCC005"),
        ({"evidence": "CLI016"}, "IHCC005"),
        ({"positive_share": "0.6"}, "IHCC006"),
    ],
)
def test_a_wrong_cell_is_one_clear_finding(tmp_path, changes, code):
    assert refused(tmp_path, **changes)[:1] == [code]


def test_a_sound_row_has_no_finding(tmp_path):
    assert refused(tmp_path) == []
