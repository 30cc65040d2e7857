"""Parameter values that a user sets by hand, checked by name and range."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Final

from cxaxis.core.errors import Finding, error, raise_on_errors
from cxaxis.core.ids import did_you_mean
from cxaxis.knowledge.parameters import UNIFORM_SHARES, Parameter, Parameters

# What two shares leave of 1 is the share of a third group.
_SHARED: Final = (("share_stage_ii", "share_stage_iii"), ("share_t2", "share_t3"))
_EXAMPLE: Final = "kd_antagonist_cxcr4=84"

# Shares on the linear scale, which 0 and 1 belong to, and a share on the log scale.
_SHARES: Final = UNIFORM_SHARES | {"tumour_free_fraction", "interstitial_fraction"}
_SHARE_PREFIXES: Final = (
    "f_",
    "fu_",
    "renal_share_",
    "clearance_fall_",
    "allosteric_",
    "degraded_",
)
# A rate, an effect or an amount made can be knocked out. What a body or a place measures, what
# half an effect takes and what others are counted by cannot: the models divide by it.
_SIZE_UNITS: Final = frozenset(
    {"litre", "millilitre", "microlitre", "litre/kg", "kg", "millimetre", "centimetre", "gray"}
)
_HALF_PREFIXES: Final = ("kd_", "km_", "ec50_", "half_")
_COUNTED_BY: Final = frozenset(
    {
        "age_at_diagnosis",
        "creatinine_clearance",
        "creatinine_clearance_reference",
        "tumour_cell_density",
        "cells_at_diagnosis",
        "cells_at_inception",
        "shedding_reference",
        "metastasis_capacity",
        "clonogenic_fraction",
        "interstitial_fraction",
        "items_per_nmol",
        "cd34_pool_baseline",
        "neutrophil_reserve_baseline",
        "lymphocyte_pool_baseline",
        "treg_pool_baseline",
    }
)


def with_values(parameters: Parameters, values: Mapping[str, float]) -> Parameters:
    """Return the parameters with some values replaced.

    Parameters
    ----------
    parameters
        The table.
    values
        New value by id, in the row's unit. Zero is allowed on the log scale, a knock-out, but not
        for a size or a half-effect, which the models divide by.

    Raises
    ------
    UserInputError
        For an unknown id (with the nearest ones), a value outside the range of its scale, or
        two shares of one whole that exceed it together.
    """
    raise_on_errors([*value_findings(parameters, values)])
    rows = dict(parameters)
    for name, value in values.items():
        rows[name] = replace(rows[name], value=value, note=f"set by hand; {rows[name].note}")
    return Parameters(rows)


def value_findings(parameters: Parameters, values: Mapping[str, float]) -> Iterator[Finding]:
    """Yield what makes values unfit for the table; arguments as in `with_values`."""
    for name, value in values.items():
        where = _where(name, value)
        if name not in parameters:
            yield error("SET001", where, f"no parameter {name!r}. {did_you_mean(name, parameters)}")
        elif problem := _problem(parameters[name], value):
            row = parameters[name]
            message = f"{name} {problem}, got {value:g}. Now it is {row.value:g} {_unit(row)}."
            yield error("SET002", where, message)
    for pair in _SHARED:
        set_here = [name for name in pair if name in values]
        if not set_here or not all(name in parameters for name in pair):
            continue
        together = {name: values.get(name, parameters[name].value) for name in pair}
        if all(map(math.isfinite, together.values())) and sum(together.values()) > 1:
            told = " and ".join(f"{name} {value:g}" for name, value in together.items())
            message = f"{told} exceed 1 together. Lower one: a third group is what they leave."
            yield error("SET005", _where(set_here[0], values[set_here[0]]), message)


def _where(name: str, value: float) -> str:
    return f"--set {name}={value:g}"


def _unit(row: Parameter) -> str:
    return "(a number without unit)" if row.unit == "1" else f"in {row.unit}"


def _problem(row: Parameter, value: float) -> str:
    if not math.isfinite(value):
        return "must be a finite number"
    if row.scale == "logit" and not 0 < value < 1:
        return "must lie between 0 and 1"
    if _is_share(row) and not 0 <= value <= 1:
        return "is a share and must lie from 0 to 1"
    if value < 0 and (row.scale == "log" or row.unit != "1"):
        return "must not be negative"
    if value == 0 and _is_divided_by(row):
        return "must be above 0, be it by little"
    return ""


def _is_share(row: Parameter) -> bool:
    return row.id in _SHARES or (row.scale == "linear" and row.id.startswith(_SHARE_PREFIXES))


def _is_divided_by(row: Parameter) -> bool:
    return row.unit in _SIZE_UNITS or row.id in _COUNTED_BY or row.id.startswith(_HALF_PREFIXES)


def parse_assignments(
    texts: Sequence[str], parameters: Parameters | None = None
) -> dict[str, float]:
    """Return ``{"id": value}`` from texts of the form ``id=value``.

    Parameters
    ----------
    texts
        What was given.
    parameters
        Table that the values must fit; None checks the form alone.

    Raises
    ------
    UserInputError
        For a text of another form, an id given twice, and what `with_values` refuses: all
        findings at once.
    """
    values: dict[str, float] = {}
    findings: list[Finding] = []
    for text in texts:
        name, sign, number = (part.strip() for part in text.partition("="))
        where = f"--set {text}"
        if not sign or not name:
            message = f"{text!r} is not ID=NUMBER. Write it such as --set {_EXAMPLE}."
            findings.append(error("SET003", where, message))
            continue
        try:
            value = float(number)
        except ValueError:
            row = parameters[name] if parameters and name in parameters else None
            unit = "in the unit of its row" if row is None else _unit(row)
            message = f"{number!r} is no number. Write {name}=NUMBER, {unit}."
            findings.append(error("SET003", where, message))
            continue
        if name in values:
            message = f"{name} is set to {values[name]:g} already. Keep one of the two."
            findings.append(error("SET004", where, message))
            continue
        values[name] = value
    if parameters is not None:
        findings += value_findings(parameters, values)
    raise_on_errors(findings)
    return values
