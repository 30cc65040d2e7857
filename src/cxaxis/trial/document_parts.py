"""Parts of a protocol file as far as each can be read: a fault in one must not hide another."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TypeVar

from pydantic import BaseModel, ValidationError

from cxaxis.knowledge.located_yaml import LocatedDocument, Location
from cxaxis.trial.protocol_parts import Prescription

LONGEST_HORIZON_DAY = 36_525

_Part = TypeVar("_Part", bound=BaseModel)


def part_at(document: LocatedDocument, location: Location, kind: type[_Part]) -> _Part | None:
    """Return the part of a file at a location, None if it is absent or not sound in itself."""
    value = document.value(location)
    if value is None:
        return None
    try:
        return kind.model_validate(value)
    except ValidationError:
        return None


def parts_at(
    document: LocatedDocument, location: Location, kind: type[_Part]
) -> Iterator[tuple[Location, _Part]]:
    """Yield the sound items of a list, each with its place."""
    for index in range(length_at(document, location)):
        found = part_at(document, (*location, index), kind)
        if found is not None:
            yield (*location, index), found


def length_at(document: LocatedDocument, location: Location) -> int:
    """Return how many items the list at a location has, 0 if there is none."""
    value = document.value(location)
    return len(value) if isinstance(value, list) else 0


def words_at(document: LocatedDocument, location: Location) -> list[str]:
    """Return the words of a list, other items left out."""
    value = document.value(location)
    return [item for item in value if isinstance(item, str)] if isinstance(value, list) else []


def horizon_of(document: LocatedDocument) -> float | None:
    """Return ``horizon_day``, None if it cannot be used."""
    value = document.value(("horizon_day",))
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return float(value) if 0 < value <= LONGEST_HORIZON_DAY else None


def arms_of(document: LocatedDocument) -> list[str]:
    """Return the ids of the arms, in file order."""
    places = range(length_at(document, ("arms",)))
    names = [document.value(("arms", index, "id")) for index in places]
    return [name for name in names if isinstance(name, str)]


def prescriptions_of(document: LocatedDocument) -> Iterator[tuple[Location, Prescription]]:
    """Yield the prescriptions that can be read, the backbone first, each with its place."""
    yield from parts_at(document, ("backbone",), Prescription)
    for index in range(length_at(document, ("arms",))):
        yield from parts_at(document, ("arms", index, "regimens"), Prescription)
