"""Units at the edges: one registry, one conversion, one clear complaint."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

from cxaxis.core.errors import ModelValueError

if TYPE_CHECKING:
    import pint


@cache
def registry() -> pint.UnitRegistry[float]:
    """Return the unit registry: pint's own units plus ``item`` (cells, receptors) and ``fold``."""
    import pint

    units: pint.UnitRegistry[float] = pint.UnitRegistry(autoconvert_offset_to_baseunit=False)
    units.define("item = [count] = items")
    units.define("nM = nanomolar")
    units.define("uM = micromolar")
    units.define("month_clinical = 30.4375 * day")
    return units


@cache
def conversion_factor(from_unit: str, to_unit: str) -> float:
    """Return the factor that turns a number in ``from_unit`` into one in ``to_unit``.

    Either may be an expression with a scale, such as ``1e-9 mole / litre``.

    Raises
    ------
    ModelValueError
        If a unit is unknown or the two have different dimensions.
    """
    import pint

    try:
        source: Any = registry().Quantity(from_unit)
        target: Any = registry().Quantity(to_unit)
        return float((source / target).to("dimensionless").magnitude)
    except pint.UndefinedUnitError as err:
        msg = f"unknown unit in {from_unit!r} or {to_unit!r}: {err}."
        raise ModelValueError(msg) from err
    except pint.DimensionalityError as err:
        msg = f"{from_unit!r} does not convert to {to_unit!r}: different dimensions."
        raise ModelValueError(msg) from err
    except Exception as err:
        msg = f"cannot read the unit {from_unit!r} or {to_unit!r}: {err}."
        raise ModelValueError(msg) from err


def is_unit(text: str) -> bool:
    """Return whether ``text`` names a unit that the registry can read."""
    try:
        registry().parse_units(text)
    except Exception:  # odd text makes the unit parser raise almost anything
        return False
    # Floor division would read a slip of the pen as a unit and give 0.
    return bool(text.strip()) and "//" not in text
