"""Units in which a dose is prescribed: ``mg/kg``, ``mg.min/mL``, ``Gy``, ``resection``."""

from __future__ import annotations

import re
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final, Literal, cast

from cxaxis.core.errors import ModelValueError

_DOSE_UNIT = re.compile(r"(?P<amount>g|mg|ug)(/(?P<per>kg|m2))?(/(?P<time>h|day|week))?\Z")
_EXAMPLES = "mg, mg/kg, ug/kg, mg/m2, mg/m2/day, ug/kg/h, mg/week, mg.min/mL, Gy or resection"

AREA: Final = "mg.min/mL"
"""Unit of an area under the concentration, which the dose shall reach."""
PROCEDURE_UNITS: Final = MappingProxyType({"radiotherapy": "Gy", "surgery": "resection"})
"""Unit by class of procedure: given as it is, neither weighed nor scaled by the body."""


@dataclass(frozen=True, kw_only=True)
class DoseUnit:
    """A dose unit taken apart.

    Attributes
    ----------
    text
        As written.
    amount_unit
        ``g``, ``mg``, ``ug``, or the unit of a procedure: ``Gy``, ``resection``.
    per
        Body measure that multiplies the dose: ``kg`` (weight), ``m2`` (surface), ``area`` (the
        clearance by which an area under the concentration is reached) or empty.
    per_time
        ``h``, ``day`` or ``week`` for a rate of infusion, empty for an amount.
    """

    text: str
    amount_unit: Literal["g", "mg", "ug", "Gy", "resection"]
    per: Literal["", "kg", "m2", "area"]
    per_time: Literal["", "h", "day", "week"]

    @property
    def is_rate(self) -> bool:
        """Whether the number is an amount per time, to be given over a duration."""
        return self.per_time != ""


def parse_dose_unit(text: str) -> DoseUnit:
    """Return a dose unit taken apart.

    Raises
    ------
    ModelValueError
        If the text is neither an amount, per body measure or not, per time or not, nor an area.
    """
    if text in PROCEDURE_UNITS.values():
        unit = cast("Literal['Gy', 'resection']", text)
        return DoseUnit(text=text, amount_unit=unit, per="", per_time="")
    if text == AREA:
        return DoseUnit(text=text, amount_unit="mg", per="area", per_time="")
    match = _DOSE_UNIT.match(text)
    if match is None:
        msg = f"unknown dose unit {text!r}. Use {_EXAMPLES}."
        raise ModelValueError(msg)
    return DoseUnit(
        text=text,
        amount_unit=cast("Literal['g', 'mg', 'ug']", match["amount"]),
        per=cast("Literal['', 'kg', 'm2']", match["per"] or ""),
        per_time=cast("Literal['', 'h', 'day', 'week']", match["time"] or ""),
    )
