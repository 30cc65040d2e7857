"""YAML that remembers its lines, read as a plain subset."""

import pytest

from cxaxis.knowledge.located_yaml import read_located_yaml


def read(text):
    content = text if isinstance(text, bytes) else text.encode()
    return read_located_yaml("f.yaml", content, code="PROT001")


def test_values_keep_their_lines():
    document, findings = read("a: 1\nb:\n  c: [x, y]\n  d:\n    - e: 2\n")
    assert findings == ()
    assert document.data == {"a": 1, "b": {"c": ["x", "y"], "d": [{"e": 2}]}}
    assert document.where(("b", "c")) == "f.yaml:3"
    assert document.where(("b", "d", 0, "e")) == "f.yaml:5"
    assert document.where(("b", "absent", "deeper")) == "f.yaml:2"
    assert document.value(("b", "d", 0, "e")) == 2
    assert document.value(("b", "nothing")) is None


def test_words_stay_words_and_numbers_are_numbers():
    text = "a: on\nb: no\nc: 2014-09-23\nd: 1e3\ne: '7'\nf: true\ng:\nh: 0.5\ni: -3\n"
    document, findings = read(text)
    assert findings == ()
    assert document.data == {
        "a": "on",
        "b": "no",
        "c": "2014-09-23",
        "d": 1000.0,
        "e": "7",
        "f": True,
        "g": None,
        "h": 0.5,
        "i": -3,
    }
    assert isinstance(document.data["i"], int)


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        ("a: [1, 2\nb: 3\n", 2, ["not YAML"]),
        ("a: 1\n  b: 2\n", 2, ["not YAML"]),
        ("a: 1\nb: 2\na: 3\n", 3, ["'a'", "line 1", "Remove"]),
        ("- a\n- b\n", 1, ["holds no keys"]),
        ("", 1, ["holds no keys"]),
        ("just words\n", 1, ["holds no keys"]),
        ("a: &x 1\nb: *x\n", 2, ["alias *x", "Write the value out"]),
        ("a: 1\n? [b, c]\n: 2\n", 2, ["key must be a word"]),
        (b"a: 1\nb: \xff\n", 2, ["UTF-8"]),
        ("a: 1\nb: \x00\n", 1, ["not YAML"]),
    ],
)
def test_what_cannot_be_read_is_named_with_its_line(text, line, words):
    _, findings = read(text)
    (finding,) = findings
    assert finding.where == f"f.yaml:{line}"
    for word in words:
        assert word in finding.message
