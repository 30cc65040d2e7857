"""The numbers of an SBML text apart from the rest, so that texts that differ in them are read once.

A draw of a population, or of a rival mechanism, changes values of parameters and nothing else.
Such a number stands in one place of a `System`, the held value of its name: the formulas, and the
code made of them, stay.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from dataclasses import dataclass, replace

from cxaxis.engine.system import System

_COMMENT = re.compile(r"<!--.*?-->", re.DOTALL)
_PARAMETER = re.compile(r"<parameter\b[^<>]*>")
_ATTRIBUTE = r'(?<![\w:.-]){name}\s*=\s*"([^"]*)"'
_ID = re.compile(_ATTRIBUTE.format(name="id"))
_VALUE = re.compile(_ATTRIBUTE.format(name="value"))
# Submodels are renamed as they are written out, and quotes of the other kind are not looked for.
_NOT_PLAIN = re.compile(r"xmlns:comp\b|=\s*'|<!\[CDATA\[|<!ENTITY")


@dataclass(frozen=True)
class Written:
    """An SBML text taken apart.

    Attributes
    ----------
    rest
        The text without comments and without the numbers.
    values
        Number of every parameter whose id stands once in the text, by that id, finite.
    """

    rest: str
    values: dict[str, float]


def taken_apart(sbml: str) -> Written:
    """Return a text without the numbers of its parameters, and those numbers.

    Of a text that is not written plainly nothing is taken out.
    """
    if _NOT_PLAIN.search(sbml):
        return Written(sbml, {})
    text = _COMMENT.sub("", sbml)
    once = {name for name, n in Counter(_ID.findall(text)).items() if n == 1}
    values: dict[str, float] = {}

    def blank(match: re.Match[str]) -> str:
        element = match[0]
        name, value = _ID.search(element), _VALUE.search(element)
        if name is None or value is None or name[1] not in once:
            return element
        number = _finite(value[1])
        if number is None:
            return element
        values[name[1]] = number
        return element[: value.start(1)] + element[value.end(1) :]

    return Written(_PARAMETER.sub(blank, text), values)


def with_numbers(system: System, before: Written, after: Written) -> System | None:
    """Return the system of a text that differs from another in numbers alone.

    Parameters
    ----------
    system
        What was read from the other text.
    before, after
        The other text, and the one whose system is asked for.

    Returns
    -------
    None if the text has to be read: it is another one, or a number that changes is part of a
    formula, as the starting value of a state is.
    """
    if before.rest != after.rest or before.values.keys() != after.values.keys():
        return None
    places = {held.name: i for i, held in enumerate(system.held)}
    held = list(system.held)
    for name, value in after.values.items():
        old = before.values[name]
        if value.hex() == old.hex():  # the sign of a zero counts
            continue
        place = places.get(name)
        if place is None or held[place].start is not None or held[place].value != old:
            return None
        held[place] = replace(held[place], value=value)
    return replace(system, held=tuple(held))


def _finite(text: str) -> float | None:
    try:
        number = float(text)
    except ValueError:
        return None
    return number if math.isfinite(number) else None
