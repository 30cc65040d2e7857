"""Numbers in words: formats of estimates, a protocol read out."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from cxaxis.report.source import AllocatedRatio, EndPoint, SealEntry

NOT_REACHED = "not reached"
NO_ESTIMATE = "no estimate"

_SUPERSCRIPT = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")
_UNITS = {
    "ug": "µg",
    "mg": "mg",
    "g": "g",
    "kg": "kg",
    "m2": "m²",
    "gy": "Gy",
    "nm": "nM",
    "nmol": "nmol",
    "ml": "mL",
    "l": "L",
    "ul": "µL",
    "mm": "mm",
    "cm": "cm",
    "minute": "min",
    "hour": "h",
    "day": "day",
    "week": "week",
    "month": "month",
    "year": "year",
    "percent": "%",
}
_ACRONYMS = {
    "os": "OS",
    "sbml": "SBML",
    "pfs": "PFS",
    "crt": "CRT",
    "id": "id",
    "rt": "RT",
    "ci": "CI",
    "hr": "HR",
}


@dataclass(frozen=True, kw_only=True)
class Node:
    """A piece of a protocol: a name with a text, or with pieces below it."""

    name: str
    text: str = ""
    parts: tuple[Node, ...] = ()


def seal(entry: SealEntry | None) -> str:
    """Return whether a protocol was sealed, when, as what, and what was changed after it."""
    if entry is None:
        return "none: nothing shows that the protocol stood before the result"
    told = f"{entry.sha256}, {entry.sealed_on}"
    if entry.replaces:
        earlier = [f"{item.sha256[:12]} of {item.sealed_on}" for item in entry.replaces]
        told = f"{told}, in place of {', '.join(earlier)}"
    if entry.changed:
        keys = ", ".join(item.key for item in entry.differences)
        told = f"{told}; the protocol was changed after sealing: {keys}"
    else:
        told = f"{told}; unchanged since"
    if entry.basis_changed:
        parts = [name.removesuffix("_sha256") for name in entry.basis_changed]
        told = f"{told}; not as on that day: {', '.join(parts)}"
    return told


def number(value: float | None, *, digits: int = 4) -> str:
    """Return a number with so many significant digits, empty for a missing one."""
    if value is None or not math.isfinite(value):
        return ""
    text = f"{value:.{digits}g}"
    if "e" not in text:
        return text
    mantissa, exponent = text.split("e")
    return f"{mantissa} × 10{str(int(exponent)).translate(_SUPERSCRIPT)}"


def percent(fraction: float) -> str:
    """Return a fraction in percent without decimals."""
    return f"{100 * fraction:.0f}\u00a0%"


def count_of(count: int, n: int) -> str:
    """Return a count with its share of ``n``; empty where there is nobody."""
    if n == 0:
        return ""
    share = 100 * count / n
    return f"{count} (<\u00a01\u00a0%)" if 0 < share < 1 else f"{count} ({share:.0f}\u00a0%)"


def p_value(p: float | None) -> str:
    """Return a p-value as papers print it."""
    if p is None:
        return NO_ESTIMATE
    if p < 0.001:
        return "< 0.001"
    return f"{p:.2f}" if p >= 0.1 else f"{p:.3f}"


def ratio(hr: float | None, low: float | None, high: float | None, *, digits: int = 2) -> str:
    """Return a hazard ratio with its limits."""
    if hr is None or low is None or high is None:
        return NO_ESTIMATE
    return f"{hr:.{digits}f} ({low:.{digits}f}–{high:.{digits}f})"


def tested_ratio(result: AllocatedRatio | None) -> str:
    """Return the hazard ratio of an allocated comparison with its limits."""
    return NO_ESTIMATE if result is None else ratio(result.hr, result.low, result.high)


def median(end_point: EndPoint) -> str:
    """Return a median in months with its limits."""
    if end_point.median_month is None:
        return NOT_REACHED
    low = "?" if end_point.median_low_month is None else f"{end_point.median_low_month:.1f}"
    high = end_point.median_high_month
    upper = " to not reached" if high is None else f"–{high:.1f}"
    return f"{end_point.median_month:.1f} ({low}{upper})"


def cell_lines(text: str) -> list[str]:
    """Return an estimate and its interval as the two lines of a table cell."""
    estimate, bracket, interval = text.partition(" (")
    return [estimate, f"({interval}"] if bracket else [estimate]


def protocol_nodes(protocol: Mapping[str, Any]) -> tuple[Node, ...]:
    """Return a protocol as nested names and texts, in the order of the file.

    Unit suffixes become units (``dose_ug_per_kg`` reads "Dose (µg/kg)"), a record of value
    and unit becomes one text, and nothing is left out.
    """
    return tuple(_node(str(key), value) for key, value in protocol.items())


def spoken_name(key: str) -> str:
    """Return a key as a name with its unit: ``horizon_day`` gives "Horizon (day)"."""
    words = key.split("_")
    cut = len(words)
    while cut > 1 and _is_unit_word(words, cut - 1):
        cut -= 1
    while cut < len(words) and words[cut] == "per":
        cut += 1
    unit = "/".join(_UNITS[word.lower()] for word in words[cut:] if word != "per")
    name = " ".join(_ACRONYMS.get(word, word) for word in words[:cut])
    name = name[:1].upper() + name[1:]
    return f"{name} ({unit})" if unit else name


def _is_unit_word(words: Sequence[str], position: int) -> bool:
    word = words[position].lower()
    return word in _UNITS or (word == "per" and position < len(words) - 1)


def _node(key: str, value: Any) -> Node:
    name = spoken_name(key)
    if isinstance(value, Mapping):
        if set(value) == {"value", "unit"}:
            return Node(name=name, text=f"{_scalar(value['value'])} {value['unit']}")
        if not value:
            return Node(name=name, text="none")
        return Node(name=name, parts=protocol_nodes(value))
    if isinstance(value, list):
        if not value:
            return Node(name=name, text="none")
        if not any(isinstance(item, (Mapping, list)) for item in value):
            return Node(name=name, text=", ".join(_scalar(item) for item in value))
        return Node(
            name=name,
            parts=tuple(_item(rank, item) for rank, item in enumerate(value, start=1)),
        )
    return Node(name=name, text=_scalar(value))


def _item(rank: int, item: Any) -> Node:
    if not isinstance(item, Mapping):
        return Node(name=str(rank), text=_scalar(item))
    for key in ("label", "id", "name", "drug", "agent"):
        if isinstance(item.get(key), str):
            rest = {other: value for other, value in item.items() if other != key}
            return Node(name=item[key], parts=protocol_nodes(rest))
    return Node(name=str(rank), parts=protocol_nodes(item))


def _scalar(value: Any) -> str:
    if value is None:
        return "none"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return number(value, digits=6)
    return str(value)
