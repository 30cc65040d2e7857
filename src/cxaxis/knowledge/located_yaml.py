"""YAML whose every value remembers its line, and messages that use it.

The YAML read here is a plain subset: mappings, lists and scalars. ``on``, ``off``, ``yes`` and
``no`` are words, a date is text, ``1e3`` is a number; anchors and aliases are refused.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, get_args

import yaml

from cxaxis.core.errors import Finding, error
from cxaxis.core.ids import did_you_mean, nearest
from cxaxis.knowledge.tables import decode, parse_number

if TYPE_CHECKING:
    from pydantic import BaseModel, ValidationError

Location = tuple[str | int, ...]

KEYS_CURE: Final = "Write 'key: value' pairs here"

_BOOLEANS = {"true": True, "false": False}
_LIST_CURE = "Write a list: [a, b], or one '- item' a line"
# What a reader can do about each kind of refusal, in words without a programmer's types.
_CURES = {
    "int_type": "Write a whole number, without point or unit",
    "int_from_float": "Write a whole number, without point or unit",
    "float_type": "Write a finite number alone, without its unit",
    "finite_number": "Write a finite number alone, without its unit",
    "string_type": "Write text; put a number or true in quotes",
    "string_too_short": "Write some text",
    "tuple_type": _LIST_CURE,
    "list_type": _LIST_CURE,
    "dict_type": KEYS_CURE,
    "model_type": KEYS_CURE,
    "bool_type": "Write true or false",
    "greater_than": "Give a number above {gt:g}",
    "greater_than_equal": "Give {ge:g} or more",
    "less_than": "Give a number below {lt:g}",
    "less_than_equal": "Give at most {le:g}",
}
# How the validator marks a fault of a key itself, not of what stands under it.
_KEY_MARK = "[key]"
_QUOTED = re.compile(r"'([^']*)'")


@dataclass(frozen=True, kw_only=True)
class LocatedDocument:
    """A YAML document as plain Python values, with the line of every key and list item.

    Attributes
    ----------
    label
        How messages name the file.
    data
        The document's mapping.
    lines
        Line by location, such as ``("regimens", "daily", "dose")``; the first line is 1.
    """

    label: str
    data: dict[str, Any]
    lines: Mapping[Location, int]

    def where(self, location: Location = ()) -> str:
        """Return ``file:line`` of a location, or of its nearest parent that has a line."""
        for end in range(len(location), -1, -1):
            if location[:end] in self.lines:
                return f"{self.label}:{self.lines[location[:end]]}"
        return f"{self.label}:1"

    def value(self, location: Location) -> Any:
        """Return the value at a location, None if there is none."""
        current: Any = self.data
        for part in location:
            try:
                current = current[part]
            except (KeyError, IndexError, TypeError):
                return None
        return current


def read_located_yaml(
    label: str, content: bytes, *, code: str
) -> tuple[LocatedDocument | None, tuple[Finding, ...]]:
    """Return the document of a YAML file, or None and the findings that say why not.

    Parameters
    ----------
    label
        How messages name the file.
    content
        Bytes of the file.
    code
        Code of the findings.

    Returns
    -------
    The document and no finding, or None (or a document without the repeated keys) and at least
    one.
    """
    text, findings = decode(label, content)
    if text is None:
        return None, tuple(findings)
    try:
        # The text is read twice only if it could hold an alias: reading is slow.
        for event in yaml.parse(text, Loader=yaml.SafeLoader) if "*" in text else ():
            if isinstance(event, yaml.AliasEvent):
                line = event.start_mark.line + 1 if event.start_mark is not None else 1
                message = f"alias *{event.anchor} is not read here. Write the value out."
                return None, (error(code, f"{label}:{line}", message),)
        root = yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.MarkedYAMLError as err:
        mark = err.problem_mark or err.context_mark
        line = mark.line + 1 if mark is not None else 1
        message = f"not YAML: {err.problem or err.context}. Check indentation, colons and quotes."
        return None, (error(code, f"{label}:{line}", message),)
    except yaml.YAMLError as err:
        message = f"not YAML: {err}. Save the file as plain YAML text."
        return None, (error(code, f"{label}:1", message),)
    if not isinstance(root, yaml.MappingNode):
        message = "holds no keys. Write 'key: value' lines at the left margin."
        return None, (error(code, f"{label}:1", message),)
    lines: dict[Location, int] = {(): root.start_mark.line + 1}
    data = _plain(root, (), lines, findings, label=label, code=code)
    return LocatedDocument(label=label, data=data, lines=lines), tuple(findings)


def _plain(
    node: yaml.Node,
    at: Location,
    lines: dict[Location, int],
    findings: list[Finding],
    *,
    label: str,
    code: str,
) -> Any:
    """Return the Python value of ``node``, noting lines and repeated keys on the way."""
    if isinstance(node, yaml.MappingNode):
        mapping: dict[str, Any] = {}
        for key_node, value_node in node.value:
            line = key_node.start_mark.line + 1
            if not isinstance(key_node, yaml.ScalarNode):
                message = "a key must be a word. Quote it or write it without brackets."
                findings.append(error(code, f"{label}:{line}", message))
                continue
            key = str(key_node.value)
            if key in mapping:
                message = f"key {key!r} stands at line {lines[(*at, key)]} already. Remove one."
                findings.append(error(code, f"{label}:{line}", message))
                continue
            lines[(*at, key)] = line
            mapping[key] = _plain(value_node, (*at, key), lines, findings, label=label, code=code)
        return mapping
    if isinstance(node, yaml.SequenceNode):
        for index, item in enumerate(node.value):
            lines[(*at, index)] = item.start_mark.line + 1
        return [
            _plain(item, (*at, index), lines, findings, label=label, code=code)
            for index, item in enumerate(node.value)
        ]
    return _scalar(node)


def _scalar(node: yaml.Node) -> str | int | float | bool | None:
    text = str(node.value)
    if not isinstance(node, yaml.ScalarNode) or node.style is not None:
        return text
    if text in {"", "~", "null"}:
        return None
    if text in _BOOLEANS:
        return _BOOLEANS[text]
    number = parse_number(text)
    if number is None:
        return text
    return int(text) if text.lstrip("+-").isdecimal() else number


def validation_findings(
    failure: ValidationError, document: LocatedDocument, model: type[BaseModel], *, code: str
) -> Iterator[Finding]:
    """Yield one finding for each thing a pydantic model refused: key, line, value, cure.

    Parameters
    ----------
    failure
        What the model raised on ``document.data``.
    document
        The file that was read.
    model
        The model, for the nearest known keys to an unknown one.
    code
        Code of the findings.
    """
    for item in failure.errors(include_url=False):
        location: Location = tuple(item["loc"])
        of_key = location[-1:] == (_KEY_MARK,)
        if of_key:
            location = location[:-1]
        key = ".".join(map(str, location)) or "(document)"
        known = _known_keys(model, location[:-1])
        if item["type"] == "extra_forbidden":
            message = f"unknown key {key!r}. {did_you_mean(str(location[-1]), known)}"
        elif item["type"] == "missing":
            message = f"key {key!r} is missing. Add it."
        elif of_key and item["type"] == "literal_error":
            message = f"unknown key {key!r}. {_choice(item, str(location[-1]))}."
        elif item["type"] == "value_error":
            message = f"{key}: {_cause(item)}"
        else:
            value = document.value(location)
            shown = "" if isinstance(value, dict | list) else f" is {value!r}"
            message = f"{key}{shown}. {_cure(item, value)}."
        yield error(code, document.where(location), message)


def _cure(item: Any, value: Any) -> str:
    """Return what to do about a refused value, without full stop."""
    if item["type"] == "literal_error":
        return _choice(item, value)
    cure = _CURES.get(item["type"])
    return str(item["msg"]) if cure is None else cure.format(**item.get("ctx", {}))


def _choice(item: Any, value: Any) -> str:
    """Return the words that are allowed, the nearest one first."""
    expected = str(item["ctx"]["expected"])
    options = _QUOTED.findall(expected) or [expected]
    close = nearest(value, options) if isinstance(value, str) else ()
    hint = f"Did you mean {' or '.join(close)}? " if close else ""
    return f"{hint}Use {' | '.join(options)}"


def _cause(item: Any) -> str:
    """Return the words of the exception that a validator raised."""
    return str(item.get("ctx", {}).get("error", item["msg"]))


def _known_keys(model: type[BaseModel], location: Location) -> list[str]:
    """Return the keys that the part of the model at ``location`` accepts."""
    current = model
    for part in location:
        for name, info in current.model_fields.items():
            if part in (name, info.alias):
                current = _inner_model(info.annotation) or current
                break
    return [info.alias or name for name, info in current.model_fields.items()]


def _inner_model(annotation: Any) -> type[BaseModel] | None:
    """Return the first pydantic model inside a type such as ``Mapping[str, Model] | None``."""
    from pydantic import BaseModel

    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    return next((found for part in get_args(annotation) if (found := _inner_model(part))), None)
