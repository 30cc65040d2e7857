"""Identifiers: their form, and the nearest known one to a misspelt one."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable

_SBML_ID = re.compile(r"[a-z][a-z0-9_]*\Z")


def is_sbml_id(text: str) -> bool:
    """Return whether ``text`` is a lower-case SBML identifier of the house form."""
    return _SBML_ID.match(text) is not None


def nearest(text: str, known: Iterable[str], *, most: int = 3) -> tuple[str, ...]:
    """Return up to ``most`` known ids that resemble ``text``, best first."""
    return tuple(difflib.get_close_matches(text, list(known), n=most, cutoff=0.5))


def did_you_mean(text: str, known: Iterable[str]) -> str:
    """Return a hint sentence naming the nearest known ids, or all of a short list."""
    pool = sorted(known)
    if not pool:
        return "None is known here."
    close = nearest(text, pool)
    if close:
        return f"Did you mean {' or '.join(close)}?"
    if len(pool) <= 12:
        return f"Known: {', '.join(pool)}."
    return f"None of the {len(pool)} known ids resembles it."


def patient_id(index: int) -> str:
    """Return the label of the virtual patient with this zero-based index, ``VP00001`` first."""
    return f"VP{index + 1:05d}"


def patient_index(label: str) -> int:
    """Return the zero-based index of the virtual patient with this label, as `patient_id`."""
    return int(label.removeprefix("VP")) - 1
