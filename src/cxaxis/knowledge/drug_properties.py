"""What is known of a drug in numbers: a closed set of names, each with its dimension and source.

A property is a reading about the agent, to be shown and compared. The models take their numbers
from ``parameters.tsv`` alone.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Annotated, Final, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from cxaxis.core.errors import ModelValueError
from cxaxis.core.units import conversion_factor, is_unit
from cxaxis.knowledge.evidence import Evidence
from cxaxis.knowledge.readings import basis_faults

PropertyName = Literal[
    "kd_cxcr4",
    "kd_cxcl12",
    "koff_cxcr4",
    "ic50_cxcr4",
    "ic50_cxcl12_binding",
    "ic50_chemotaxis",
    "ic50_calcium",
    "ic50_g_protein",
    "ackr3_agonism_threshold",
    "half_life",
    "time_to_peak",
    "clearance",
    "intercompartmental_clearance",
    "volume",
    "volume_central",
    "volume_peripheral",
    "bioavailability",
    "fraction_bound",
    "fraction_renal",
    "vmax",
    "km",
    "target_auc",
    "polymer_mass",
    "ec50_release",
    "emax_release",
    "hill_release",
]
PropertyStatus = Literal["seen", "recalled", "derived", "assumed"]

_CONCENTRATION: Final = ("nM",)
_FLOW: Final = ("L/h", "L/h/kg", "L/h/m**2")
_VOLUME: Final = ("L", "L/kg", "L/m**2")
PROPERTY_UNITS: Final[Mapping[PropertyName, tuple[str, ...]]] = MappingProxyType(
    {
        "kd_cxcr4": _CONCENTRATION,
        "kd_cxcl12": _CONCENTRATION,
        "koff_cxcr4": ("1/s",),
        "ic50_cxcr4": _CONCENTRATION,
        "ic50_cxcl12_binding": _CONCENTRATION,
        "ic50_chemotaxis": _CONCENTRATION,
        "ic50_calcium": _CONCENTRATION,
        "ic50_g_protein": _CONCENTRATION,
        "ackr3_agonism_threshold": _CONCENTRATION,
        "half_life": ("h",),
        "time_to_peak": ("h",),
        "clearance": _FLOW,
        "intercompartmental_clearance": _FLOW,
        "volume": _VOLUME,
        "volume_central": _VOLUME,
        "volume_peripheral": _VOLUME,
        "bioavailability": ("1",),
        "fraction_bound": ("1",),
        "fraction_renal": ("1",),
        "vmax": ("mg/h",),
        "km": ("mg/L",),
        "target_auc": ("mg*min/mL",),
        "polymer_mass": ("g/mol",),
        "ec50_release": ("ng/mL",),
        "emax_release": ("1",),
        "hill_release": ("1",),
    }
)
"""One unit of each dimension in which a property may be given; any multiple of it will do."""

FRACTIONS: Final = ("bioavailability", "fraction_bound", "fraction_renal")

_PLAIN = r"[A-Za-z%][A-Za-z0-9%]{0,15}(\*\*[23])?"
# The unit parser would also work out powers of powers, without end.
_UNIT = re.compile(rf"(1|{_PLAIN})([*/]{_PLAIN}){{0,3}}\Z")


def _unit(text: str) -> str:
    if _UNIT.match(text) is None or not is_unit(text):
        msg = f"{text!r} is no unit. Write one such as nM, 1/s, h, L/h or L/kg."
        raise ValueError(msg)
    return text


class Property(BaseModel):
    """A number about a drug; rests on evidence, or is assumed with a reason.

    Attributes
    ----------
    value
        Positive number.
    unit
        Its unit.
    evidence
        Ids of evidence rows.
    status
        How well it is known: ``seen``, ``recalled`` or ``derived`` as for evidence, or ``assumed``.
    note
        What a reader should know; the derivation of a derived, the reason of an assumed number.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)

    value: Annotated[float, Field(gt=0)]
    unit: Annotated[str, AfterValidator(_unit)]
    evidence: Annotated[tuple[Annotated[str, Field(min_length=1)], ...], Field(strict=False)] = ()
    status: PropertyStatus
    note: str = ""


def property_faults(
    name: PropertyName, item: Property, evidence: Mapping[str, Evidence]
) -> Iterator[tuple[str, str, str]]:
    """Yield code, key and words of each fault of a property: its dimension, then its ground.

    Parameters
    ----------
    name
        Name of the property.
    item
        The property.
    evidence
        Known rows; an unknown one is left to `cxaxis.knowledge.evidence.citation_findings`.
    """
    allowed = PROPERTY_UNITS[name]
    factors = [factor for unit in allowed if (factor := _factor(item.unit, unit)) is not None]
    if not factors:
        words = f"has unit {item.unit!r}. Use {' or '.join(allowed)}, or a multiple of it."
        yield "DRUG010", "unit", words
    elif name in FRACTIONS and item.value * factors[0] > 1:
        words = f"is {item.value:g} {item.unit}, a fraction above 1. Mend value or unit."
        yield "DRUG010", "value", words
    for words in basis_faults(
        item.value, item.unit, item.status, item.note, item.evidence, evidence
    ):
        yield "DRUG011", "value", words


def _factor(from_unit: str, to_unit: str) -> float | None:
    """Return the factor between two units, None where they do not convert."""
    try:
        return conversion_factor(from_unit, to_unit)
    except ModelValueError:
        return None
