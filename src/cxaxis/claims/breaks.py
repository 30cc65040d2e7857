"""Controls: the ways a check's context is broken, so that the check is seen to fail."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from cxaxis.claims.context import CheckContext
from cxaxis.claims.records import Control
from cxaxis.knowledge.evidence import Evidence
from cxaxis.knowledge.tables import parse_number

# Weaker than any concentration here can notice.
NEVER_BINDS: Final = 1e9


def without(*parameters: str) -> Control:
    """Return a control that sets parameters to zero: the mechanism is gone."""

    def broken(ctx: CheckContext) -> CheckContext:
        return ctx.changed(**dict.fromkeys(parameters, 0.0))

    broken.__doc__ = f"Set {' and '.join(parameters)} to zero."
    return broken


def unbound(dissociation_constant: str) -> Control:
    """Return a control in which two molecules no longer bind."""

    def broken(ctx: CheckContext) -> CheckContext:
        return ctx.scaled(**{dissociation_constant: NEVER_BINDS})

    broken.__doc__ = f"Raise {dissociation_constant} until nothing binds."
    return broken


def multiplied(**factors: float) -> Control:
    """Return a control with parameters multiplied."""

    def broken(ctx: CheckContext) -> CheckContext:
        return ctx.scaled(**factors)

    told = (f"{name} by {factor:g}" for name, factor in factors.items())
    broken.__doc__ = f"Multiply {' and '.join(told)}."
    return broken


def held_at(**values: float) -> Control:
    """Return a control with parameters set to other values."""

    def broken(ctx: CheckContext) -> CheckContext:
        return ctx.changed(**values)

    told = (f"{name} to {value:g}" for name, value in values.items())
    broken.__doc__ = f"Set {' and '.join(told)}."
    return broken


def together(*controls: Control) -> Control:
    """Return a control that does what several do, in their order."""

    def broken(ctx: CheckContext) -> CheckContext:
        for control in controls:
            ctx = control(ctx)
        return ctx

    broken.__doc__ = " ".join((control.__doc__ or "").strip() for control in controls)
    return broken


def misread(*evidence: str, factor: float = 1.0, swap_sign: bool = False) -> Control:
    """Return a control in which readings are another source's: multiplied, or of opposite sign.

    Parameters
    ----------
    evidence
        Rows to change.
    factor
        Applied to value, low and high.
    swap_sign
        Whether ratios are turned round (their reciprocals), so that the effect points the other
        way.
    """

    def broken(ctx: CheckContext) -> CheckContext:
        rows = dict(ctx.knowledge.evidence)
        for item in evidence:
            rows[item] = _changed_reading(rows[item], factor, swap_sign)
        return ctx.with_knowledge(evidence=rows)

    how = "turned round" if swap_sign else f"multiplied by {factor:g}"
    broken.__doc__ = f"Read {' and '.join(evidence)} {how}."
    return broken


def _changed_reading(row: Evidence, factor: float, swap_sign: bool) -> Evidence:
    def turned(text: str) -> str:
        number = parse_number(text)
        if number is None:
            return text
        return repr(1.0 / number if swap_sign else number * factor)

    low, high = turned(row.low), turned(row.high)
    if swap_sign:
        low, high = high, low
    return replace(row, value=turned(row.value), low=low, high=high)
