"""Units of a laboratory's readings against those of the virtual bench."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from typing import Final

from cxaxis.cell.readouts import READOUTS
from cxaxis.core.errors import Finding, ModelValueError, error
from cxaxis.core.ids import nearest
from cxaxis.core.units import conversion_factor, is_unit
from cxaxis.knowledge.evidence import load_evidence

CXCL12_MASS_EVIDENCE: Final = "ANN043"
_PLAIN_UNIT: Final = re.compile(
    r"[A-Za-z\u00b5\u03bc]+(\^?-?\d)?(\s?[/*· ]\s?[A-Za-z\u00b5\u03bc]+(\^?-?\d)?)*"
)
_ARBITRARY: Final = frozenset(
    (
        *("au", "a.u.", "a.u", "arbitrary", "arbitrary units", "rfu", "rlu", "mfi", "ratio"),
        *("raw", "od", "counts", "intensity", "% of max", "% of maximum", "% max"),
    )
)
_FOLD: Final = frozenset(("fold", "x", "fold of start", "fold of rest", "fold over rest"))
_PERCENT: Final = frozenset(("%", "percent", "per cent"))
_PERCENT_OF_START: Final = frozenset(("% of start", "% of rest", "% of baseline"))
_SHARE: Final = frozenset(("", "1", "share", "fraction"))
_PERCENT_OF_ALL: Final = frozenset(("% of total", "% of all"))
_ITEMS: Final = frozenset(
    (
        *("item", "items", "molecules", "molecule", "receptors", "copies", "sites", "per cell"),
        *("molecules/cell", "receptors/cell", "copies/cell", "sites/cell", "items/cell"),
    )
)
# Readouts that stand in nM of CXCL12, for which a mass concentration means the same.
_CXCL12_READOUTS: Final = frozenset(("cxcl12_medium_nM",))


@dataclass(frozen=True, kw_only=True)
class UnitReading:
    """How readings in some unit become readings of the bench.

    Attributes
    ----------
    readout
        The readout that they are of; a fold is a readout of its own.
    factor
        What a reading is multiplied by.
    unit
        The unit that it then has.
    scaled
        Whether a factor has to be fitted.
    said
        What a reader of the results should know; empty for nothing.
    """

    readout: str
    factor: float
    unit: str
    scaled: bool = False
    said: str = ""


def readout_named(text: str, where: str) -> tuple[str | None, list[Finding]]:
    """Return the readout that a text names, whatever its capitals and with or without ``_nM``."""
    plain = re.sub(r"[\s\-]+", "_", text.strip().lower())
    by_lower = {name.lower(): name for name in READOUTS}
    for name in (plain, f"{plain}_nm", plain.replace("phospho_", "p")):
        if name in by_lower:
            return by_lower[name], []
    if not plain:
        return None, [error("DATA015", where, "readout is empty. Name one, such as pERK.")]
    close = [by_lower[name] for name in nearest(plain, by_lower)]
    hint = f"Did you mean {' or '.join(close)}?" if close else "`cxaxis cell list` shows them all."
    return None, [error("DATA015", where, f"there is no readout {text.strip()[:60]!r}. {hint}")]


def reading_of(readout: str, text: str, where: str) -> tuple[UnitReading | None, list[Finding]]:
    """Return how a unit is read for a readout.

    Parameters
    ----------
    readout
        Key of `READOUTS`.
    text
        The unit as the laboratory wrote it.
    where
        ``file:line``.

    Returns
    -------
    The reading, or None and what is wrong with the unit.
    """
    item = READOUTS[readout]
    unit = " ".join(text.strip().split())
    plain = unit.lower()
    related = bool(item.relative) or item.growth
    fold = readout if related else f"{readout.removesuffix('_nM')}_fold"
    if plain in _ARBITRARY:
        return UnitReading(readout=readout, factor=1.0, unit=unit, scaled=True), []
    if plain in _FOLD and (related or fold in READOUTS):
        return UnitReading(readout=fold, factor=1.0, unit="1"), []
    if plain in _PERCENT_OF_START and (related or fold in READOUTS):
        return UnitReading(readout=fold, factor=0.01, unit="1"), []
    if plain in _PERCENT and related:
        return UnitReading(readout=readout, factor=0.01, unit="1"), []
    if plain in _PERCENT:
        said = (
            f"{readout} in %: of what is not said, so a factor is fitted. Write `% of start`"
            f"{', `% of total`' if item.unit == '1' else ''} or fold if it is that."
        )
        return UnitReading(readout=readout, factor=1.0, unit="%", scaled=True, said=said), []
    if plain in _PERCENT_OF_ALL and item.unit == "1":
        return UnitReading(readout=readout, factor=0.01, unit="1"), []
    if item.unit == "1" and plain in _SHARE:
        return UnitReading(readout=readout, factor=1.0, unit="1"), []
    if item.unit == "item" and plain in _ITEMS:
        return UnitReading(readout=readout, factor=1.0, unit="item"), []
    factor = None
    if item.unit not in ("1", "item"):
        factor = _factor(unit, item.unit)
        if factor is None and readout in _CXCL12_READOUTS:
            factor = cxcl12_per_unit(unit)
    if factor is None:
        message = f"unit {unit!r} does not convert for {readout}. Give {_wanted(readout)}."
        return None, [error("DATA016", where, message)]
    return UnitReading(readout=readout, factor=factor, unit=item.unit), []


def _wanted(readout: str) -> str:
    """Return the units that a readout may have, in words."""
    item = READOUTS[readout]
    if item.relative or item.growth:
        return "fold, % or au"
    own = {"1": "share (of all of it)", "item": "molecules/cell"}.get(item.unit, item.unit)
    mass = ", ng/mL" if readout in _CXCL12_READOUTS else ""
    return f"{own}{mass}, fold (over rest), % of start, or au (a factor is fitted)"


def cxcl12_factor(unit: str, where: str) -> tuple[float | None, list[Finding]]:
    """Return the factor from a unit of CXCL12, of amount or of mass per volume, to nM."""
    factor = _factor(unit, "nM")
    if factor is None:
        factor = cxcl12_per_unit(unit)
    if factor is None:
        message = f"cxcl12 in {unit!r} does not convert. Give nM, pM, uM, ng/mL or ug/mL."
        return None, [error("DATA017", where, message)]
    return factor, []


def cxcl12_per_unit(unit: str) -> float | None:
    """Return nM of CXCL12 in one unit of its mass per volume; None for any other unit."""
    mass = _factor(unit, "g/L")
    if mass is None:
        return None
    row = load_evidence()[CXCL12_MASS_EVIDENCE]
    return mass / (float(row.value) * conversion_factor(row.unit, "g/mol")) * 1e9


@cache
def _factor(unit: str, to_unit: str) -> float | None:
    # Free text reaches the unit parser only where it looks like a unit: powers of powers
    # would keep it busy for ever.
    if len(unit) > 40 or not _PLAIN_UNIT.fullmatch(unit) or not is_unit(unit):
        return None
    try:
        return conversion_factor(unit, to_unit)
    except ModelValueError:
        return None
