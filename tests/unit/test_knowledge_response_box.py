"""The table of response functions: terms by output, and what it says of mistakes."""

from importlib import resources

import pytest

from cxaxis.core.errors import UserInputError
from cxaxis.knowledge.response_box import MIN_TERM, load_response_outputs

SHIPPED = resources.files("cxaxis.knowledge") / "data" / "response_outputs.tsv"


def test_a_formula_has_no_terms_and_a_function_has_several():
    for item in load_response_outputs().values():
        assert item.n_term == 0 if item.is_given else item.n_term >= MIN_TERM


@pytest.mark.parametrize(
    ("output", "terms", "words"),
    [
        ("birth_rate", "1", "2 or more"),
        ("birth_rate", "", "2 or more"),
        ("birth_rate", "five", "2 or more"),
        ("chemotactic_bias", "5", "leave it empty"),
    ],
)
def test_terms_that_make_no_function_are_refused(tmp_path, output, terms, words):
    header, *rows = SHIPPED.read_text("utf-8").splitlines()
    place = header.split("\t").index("terms")
    path = tmp_path / "response_outputs.tsv"
    cells = [row.split("\t") for row in rows]
    for row in cells:
        if row[0] == output:
            row[place] = terms
    path.write_text("\n".join([header, *("\t".join(row) for row in cells)]) + "\n", "utf-8")
    with pytest.raises(UserInputError, match=words) as refusal:
        load_response_outputs(path)
    assert all(part in str(refusal.value) for part in ("ROUT002", "terms"))
