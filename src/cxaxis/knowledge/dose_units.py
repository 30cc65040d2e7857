"""Units in which a dose is prescribed: ``mg/kg``, ``mg/m2/day``, ``Gy``."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal, cast

from cxaxis.core.errors import ModelValueError

_DOSE_UNIT = re.compile(r"(?P<amount>g|mg|ug)(/(?P<per>kg|m2))?(/(?P<time>h|day|week))?\Z")
_EXAMPLES = "mg, mg/kg, ug/kg, mg/m2, mg/m2/day, ug/kg/h, mg/week or Gy"


@dataclass(frozen=True, kw_only=True)
class DoseUnit:
    """A dose unit taken apart.

    Attributes
    ----------
    text
        As written.
    amount_unit
        ``g``, ``mg``, ``ug`` or ``Gy``.
    per
        Body measure that multiplies the dose: ``kg`` (weight), ``m2`` (surface) or empty.
    per_time
        ``h``, ``day`` or ``week`` for a rate of infusion, empty for an amount.
    """

    text: str
    amount_unit: Literal["g", "mg", "ug", "Gy"]
    per: Literal["", "kg", "m2"]
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
        If the text is not an amount, per body measure or not, per time or not.
    """
    if text == "Gy":
        return DoseUnit(text=text, amount_unit="Gy", per="", per_time="")
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
