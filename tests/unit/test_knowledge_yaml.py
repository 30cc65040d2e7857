"""YAML that remembers its lines, read as a plain subset."""

from typing import Annotated, Literal

import pytest
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from cxaxis.knowledge.located_yaml import read_located_yaml, validation_findings


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


class Shape(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, allow_inf_nan=False)

    kind: Literal["round", "square"] = "round"
    name: Annotated[str, Field(min_length=1)] = "a"
    width: Annotated[float, Field(gt=0, le=10)] = 1.0
    sides: Annotated[int, Field(ge=3, lt=9)] = 3
    hollow: bool = False
    tags: Annotated[tuple[str, ...], Field(strict=False)] = ()
    sizes: dict[Literal["small", "large"], float] = Field(default_factory=dict)
    inner: "Shape | None" = None


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("kind: squar", "kind is 'squar'. Did you mean square? Use round | square."),
        ("kind: 3", "kind is 3. Use round | square."),
        ("name: 3", "name is 3. Write text; put a number or true in quotes."),
        ("name: ''", "name is ''. Write some text."),
        ("width: 3 mm", "width is '3 mm'. Write a finite number alone, without its unit."),
        ("width: 0", "width is 0. Give a number above 0."),
        ("width: 11", "width is 11. Give at most 10."),
        ("sides: 3.5", "sides is 3.5. Write a whole number, without point or unit."),
        ("sides: 2", "sides is 2. Give 3 or more."),
        ("sides: 9", "sides is 9. Give a number below 9."),
        ("hollow: 'no'", "hollow is 'no'. Write true or false."),
        ("tags: one", "tags is 'one'. Write a list: [a, b], or one '- item' a line."),
        ("sizes: 3", "sizes is 3. Write 'key: value' pairs here."),
        ("sizes: {smal: 3}", "unknown key 'sizes.smal'. Did you mean small? Use small | large."),
        ("inner: {kind: flat}", "inner.kind is 'flat'. Use round | square."),
        ("inner: [a]", "inner. Write 'key: value' pairs here."),
        ("widht: 3", "unknown key 'widht'. Did you mean width?"),
    ],
)
def test_what_a_model_refuses_is_told_with_a_cure_in_plain_words(text, message):
    document, _ = read(f"# a shape\n{text}\n")
    with pytest.raises(ValidationError) as caught:
        Shape.model_validate(document.data)
    (finding,) = validation_findings(caught.value, document, Shape, code="PROT001")
    assert (finding.where, finding.message) == ("f.yaml:2", message)
