"""What may be asked of any number with a unit, an interval, a status and evidence.

Each function yields what is wrong in words that follow the name of the number; the caller adds
code and place.
"""

from __future__ import annotations

import math
import re
from collections.abc import Collection, Iterator, Mapping
from typing import Final, Literal, get_args

from cxaxis.core.errors import ModelValueError
from cxaxis.core.units import conversion_factor
from cxaxis.knowledge.evidence import Evidence

ReadingStatus = Literal["seen", "recalled", "derived", "assumed", "disputed"]

READING_STATUS: Final[tuple[str, ...]] = get_args(ReadingStatus)
ASSUMED: Final = "assumed: "
"""How the note of an assumed number begins; the reason follows."""
TOLERANCE: Final = 1e-6
"""Relative difference up to which a number and its evidence agree."""

# The unit parser would also work out powers of powers, without end.
_UNIT = re.compile(r"(1|[A-Za-zµ%][A-Za-z0-9µ%]{0,15})(/[A-Za-zµ%][A-Za-z0-9µ%]{0,15}){0,3}\Z")


def unit_factor(unit: str, like: str) -> float | None:
    """Return what a number in ``unit`` is multiplied by to be in ``like``; None if it is not.

    Parameters
    ----------
    unit
        A plain unit or a quotient of plain units, such as ``GBq/umol``.
    like
        A unit of the dimension that is wanted.
    """
    if _UNIT.match(unit) is None:
        return None
    try:
        factor = conversion_factor(unit, like)
    except ModelValueError:
        return None
    return factor if math.isfinite(factor) and factor > 0 else None


def interval_faults(value: float, low: float | None, high: float | None) -> Iterator[str]:
    """Yield a fault for each end of an interval that lies on the wrong side of the value."""
    if low is not None and low > value:
        yield f"low {low:g} is above the value {value:g}. Give the lower end of its interval."
    if high is not None and high < value:
        yield f"high {high:g} is below the value {value:g}. Give the upper end of its interval."


def basis_faults(
    value: float,
    unit: str,
    status: ReadingStatus,
    note: str,
    cited: Collection[str],
    evidence: Mapping[str, Evidence],
) -> Iterator[str]:
    """Yield what is wrong with the ground a number stands on.

    A number that was seen, recalled or is disputed cites evidence, is no surer than it, and
    agrees with one of the rows that it cites, as far as these hold a number in a unit of the same
    dimension. A derived number says how; an assumed one says why.

    Parameters
    ----------
    value, unit
        The number as it is used.
    status
        How it is known.
    note
        What a reader should know.
    cited
        Ids of evidence rows.
    evidence
        Known rows; ids that are not among them, and held-out rows, which nobody may cite, are
        passed over.
    """
    if status == "assumed":
        if not note.startswith(ASSUMED) or note.strip() == ASSUMED.strip():
            yield f"is assumed, but its note does not begin with {ASSUMED!r} and a reason. Add it."
        return
    if not cited:
        cure = "Cite a row, or set status to assumed and say why."
        yield f"is {status}, but cites no evidence. {cure}"
        return
    if status in {"derived", "disputed"} and not note:
        what = "how it was made" if status == "derived" else "what is disputed"
        yield f"is {status}, but has no note. Say {what}."
    rows = [
        evidence[item] for item in cited if item in evidence and evidence[item].role != "held_out"
    ]
    if status == "seen" and rows and all(row.status != "seen" for row in rows):
        names = ", ".join(row.id for row in rows)
        yield f"is seen, but {names} is not. Set status to recalled, or cite a row that was read."
    if status != "derived":
        yield from _disagreement(value, unit, rows)


def _disagreement(value: float, unit: str, rows: Collection[Evidence]) -> Iterator[str]:
    printed: list[str] = []
    for row in rows:
        # Uptake is printed in per cent of the injected dose, which the unit parser calls per cent.
        factor = unit_factor(row.unit.replace("%ID", "%"), unit)
        if row.number is None or factor is None:
            continue
        if math.isclose(row.number * factor, value, rel_tol=TOLERANCE):
            return
        printed.append(f"{row.id} ({_shown(row.value, row.unit)})")
    if printed:
        yield (
            f"is {_shown(f'{value:g}', unit)}, which is not what it cites: {', '.join(printed)}. "
            "Make them equal, or set status to derived and say how."
        )


def _shown(value: str, unit: str) -> str:
    return value if unit == "1" else f"{value} {unit}"
