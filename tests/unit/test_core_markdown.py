"""Tables in Markdown: one line a row, and the last letter of the alignment goes on."""

import pytest

from cxaxis.core.markdown import markdown_table


@pytest.mark.parametrize(
    ("align", "rule"),
    [("l", "|---|---|---|"), ("lr", "|---|---:|---:|"), ("rlr", "|---:|---|---:|")],
)
def test_a_table_has_its_header_its_rule_and_its_rows(align, rule):
    lines = markdown_table(("arm", "n", "ratio"), [("a", 3, "0.50"), ("b", 4, "")], align)
    assert list(lines) == ["| arm | n | ratio |", rule, "| a | 3 | 0.50 |", "| b | 4 |  |"]


def test_a_table_without_rows_is_a_header():
    assert list(markdown_table(("a",), [])) == ["| a |", "|---|"]
