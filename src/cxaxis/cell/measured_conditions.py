"""What a laboratory did beside adding CXCL12, as conditions and inputs of the virtual bench."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from types import MappingProxyType
from typing import Final

from cxaxis.cell.assays import CONTROL, KNOCKDOWN_LEFT, ONE_PERCENT_OXYGEN_NM, Assay
from cxaxis.cell.bench_checks import Request, cell_model, known_settings, request_findings
from cxaxis.cell.laboratory_csv import is_missing, number
from cxaxis.core.errors import Finding, error
from cxaxis.core.ids import did_you_mean
from cxaxis.models.wiring import Wiring

_NOTHING_DONE: Final = frozenset(("control", "untreated", "vehicle", "dmso", "mock"))
_OTHER_WORDS: Final[Mapping[str, str]] = MappingProxyType(
    {"ptx": "pertussis_toxin", "hypoxic": "hypoxia", "shcxcr4": "knockdown"}
)


@dataclass(frozen=True, kw_only=True)
class Condition:
    """What was done to a well.

    Attributes
    ----------
    name
        A condition of the assay, ``control`` if none.
    settings
        Inputs of the cell beside it.
    """

    name: str = CONTROL
    settings: Mapping[str, float] = field(default_factory=lambda: MappingProxyType({}))

    @property
    def text(self) -> str:
        """The condition in one line, the same for the same treatment."""
        parts = [f"{k}={v:g}" if v != 1 else k for k, v in sorted(self.settings.items())]
        named = [] if self.name == CONTROL else [self.name]
        return " + ".join([*named, *parts]) or CONTROL


def condition_of(
    text: str, where: str, *, assay: Assay, context: str | None
) -> tuple[Condition | None, list[Finding]]:
    """Return what a text such as ``pertussis_toxin + jak_inhibition=0.9`` says was done.

    Parameters
    ----------
    text
        Parts joined by ``+``: a condition of the assay, an input of the cell with its value (1
        if it is a share and none is given), ``hypoxia``, or ``knockdown=0.2`` for what is left
        of CXCR4.
    where
        ``file:line``.
    assay
        The assay, whose own conditions are known by name.
    context
        Kind of cell; None is the assay's own.

    Returns
    -------
    The condition, or None and what is wrong with it.
    """
    if is_missing(text):
        return Condition(), []
    condition, message = _parsed(text, assay)
    if condition is None:
        return None, [error("DATA018", where, message)]
    findings = _setting_findings(condition, assay.id, context or assay.context)
    return condition, [error("DATA018", where, item) for item in findings]


def _parsed(text: str, assay: Assay) -> tuple[Condition | None, str]:
    name = CONTROL
    settings: dict[str, float] = {}
    for part in text.split("+"):
        key, sign, level = (piece.strip() for piece in part.partition("="))
        key = re.sub(r"[\s\-]+", "_", key.lower())
        key = _by_lower().get(key, _OTHER_WORDS.get(key, key))
        value = number(level) if sign else None
        if sign and value is None:
            return None, f"condition {part.strip()!r}: {level!r} is no number."
        if key in _NOTHING_DONE:
            continue
        if key in assay.conditions and value in (None, 1.0):
            if name not in (CONTROL, key):
                return None, f"condition {text!r} joins {name} and {key}, which exclude each other."
            name = key
        elif key == "hypoxia" and value in (None, 0.0, 1.0):
            settings |= {} if value == 0 else {"oxygen": ONE_PERCENT_OXYGEN_NM}
        elif key == "knockdown":
            settings["cxcr4_gene"] = KNOCKDOWN_LEFT if value is None else value
        elif key in _inputs() and (value is not None or _is_share(key)):
            settings[key] = 1.0 if value is None else value
        else:
            return None, _unknown(key, part.strip(), assay)
    return Condition(name=name, settings=MappingProxyType(settings)), ""


def _unknown(key: str, printed: str, assay: Assay) -> str:
    inputs = _inputs()
    if key == "hypoxia":
        return (
            f"condition {printed!r}: hypoxia is 1 % oxygen. Write hypoxia, or oxygen=NUMBER in nM "
            "(air is 185000)."
        )
    if key in inputs:
        return f"condition {printed!r} needs a level. Write it such as {key}=10."
    known = {*inputs, *assay.conditions, "hypoxia", "knockdown"}
    return f"there is no condition {printed[:60]!r}. {did_you_mean(key, known)}"


def _setting_findings(condition: Condition, assay: str, context: str) -> Iterator[str]:
    if condition.settings:
        for item in request_findings(_request(condition.settings, assay, context)):
            yield f"condition {condition.text}: {item.message}"


def _is_share(key: str) -> bool:
    """Return whether an input is a share, for which 1 goes without saying."""
    return bool([*request_findings(_request({key: 2.0}, "phospho", "tumour_cell"))])


def _request(settings: Mapping[str, float], assay: str, context: str) -> Request:
    return Request(
        assay=assay,
        context=context,
        wiring=Wiring(),
        cxcl12_nM=None,
        settings=settings,
        values={},
        times_s=None,
        readouts=None,
        conditions=None,
        draws=0,
    )


@cache
def _inputs() -> tuple[str, ...]:
    return known_settings(cell_model())


@cache
def _by_lower() -> Mapping[str, str]:
    return {name.lower(): name for name in _inputs()}
