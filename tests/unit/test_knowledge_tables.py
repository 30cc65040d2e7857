"""The strict table reader: every departure from the form is named with its line."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cxaxis.knowledge.tables import parse_number, read_table, split_ids

COLUMNS = ("id", "value", "note")


def read(tmp_path, text, key=("id",)):
    path = tmp_path / "t.tsv"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path, read_table(path, "t.tsv", COLUMNS, key=key)


def only_finding(table):
    assert len(table.findings) == 1, [str(item) for item in table.findings]
    return table.findings[0]


def test_rows_carry_their_line_and_cells(tmp_path):
    path, table = read(tmp_path, "id\tvalue\tnote\na\t1\t\nb\t2\tsome words\n")
    assert table.findings == ()
    assert [row.where for row in table.rows] == [f"{path}:2", f"{path}:3"]
    assert table.rows[1]["note"] == "some words"
    assert table.rows[0]["note"] == ""


@pytest.mark.parametrize(
    ("text", "code", "line", "words"),
    [
        ("id\tvalue\tnotes\n", "TABLE003", 1, ["unknown column 'notes'", "Did you mean note?"]),
        ("id\tnote\n", "TABLE003", 1, ["column 'value' is missing", "id, value, note"]),
        ("id\tvalue\tnote\tnote\n", "TABLE003", 1, ["'note' stands 2 times"]),
        ("value\tid\tnote\n", "TABLE003", 1, ["another order", "id, value, note"]),
        ("id\tvalue\tnote\na\t1\n", "TABLE004", 2, ["'a'", "2 cells", "3 columns"]),
        ("id\tvalue\tnote\na\t1\t\t\n", "TABLE004", 2, ["'a'", "4 cells"]),
        ("id\tvalue\tnote\na\t1\t\n\nb\t1\t\n", "TABLE005", 3, ["blank line", "Remove"]),
        ("id\tvalue\tnote\na\t1 \tx\n", "TABLE006", 2, ["value '1 '", "space", "Remove"]),
        ("id\tvalue\tnote\na\t1\tx \n", "TABLE006", 2, ["note 'x '"]),
        ("id\tvalue\tnote\na\t1\t\nb\t1\t\na\t2\t\n", "TABLE007", 4, ["'a'", ":2", "rename"]),
        ("id\tvalue\tnote\r\na\t1\t\r\n", "TABLE008", 1, ["carriage return"]),
        (b"id\tvalue\tnote\na\t1\t\nb\t\xb5\t\n", "TABLE002", 3, ["UTF-8", "xb5"]),
        ("\ufeffid\tvalue\tnote\n", "TABLE002", 1, ["byte order mark"]),
        ("", "TABLE003", 1, ["column 'id' is missing"]),
    ],
)
def test_each_fault_is_named_with_its_line(tmp_path, text, code, line, words):
    path, table = read(tmp_path, text)
    finding = next(item for item in table.findings if item.code == code)
    assert finding.where == f"{path}:{line}"
    for word in words:
        assert any(word in item.message for item in table.findings)


def test_all_faults_are_reported_and_good_rows_still_read(tmp_path):
    _, table = read(tmp_path, "id\tvalue\tnote\na\t1\n\nb\t2\tx \nc\t3\t\nc\t4\t\n")
    codes = [item.code for item in table.findings]
    assert codes == ["TABLE004", "TABLE005", "TABLE006", "TABLE007"]
    assert [row["id"] for row in table.rows] == ["b", "c"]


def test_a_key_of_two_columns_repeats_only_when_both_do(tmp_path):
    text = "id\tvalue\tnote\na\t1\t\na\t2\t\na\t1\tx\n"
    _, table = read(tmp_path, text, key=("id", "value"))
    finding = only_finding(table)
    assert finding.code == "TABLE007"
    assert "'a' + '1'" in finding.message


def test_a_missing_file_is_one_finding_with_its_path(tmp_path):
    finding = only_finding(read_table(tmp_path / "none.tsv", "t.tsv", COLUMNS))
    assert finding.code == "TABLE001"
    assert finding.where == str(tmp_path / "none.tsv")
    assert "No such file" in finding.message


@pytest.mark.parametrize("text", ["", "nan", "inf", "1_000", " 1", "1,5", "0x10", "1e999", "1 / 2"])
def test_what_is_no_finite_number_is_refused(text):
    assert parse_number(text) is None


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_every_finite_float_is_read_back(value):
    assert parse_number(repr(value)) == value


def test_ids_of_a_cell_are_split_at_semicolons():
    assert split_ids("") == ()
    assert split_ids("MOL001;DRG002") == ("MOL001", "DRG002")
