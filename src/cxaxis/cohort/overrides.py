"""Parameter values that a user sets by hand, checked by name and range."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace

from cxaxis.core.errors import Finding, error, raise_on_errors
from cxaxis.core.ids import did_you_mean
from cxaxis.knowledge.parameters import Parameter, Parameters


def with_values(parameters: Parameters, values: Mapping[str, float]) -> Parameters:
    """Return the parameters with some values replaced.

    Parameters
    ----------
    parameters
        The table.
    values
        New value by id, in the row's unit. Zero is allowed on the log scale: a knock-out.

    Raises
    ------
    UserInputError
        For an unknown id (with the nearest ones) or a value outside the range of its scale.
    """
    findings: list[Finding] = []
    rows = dict(parameters)
    for name, value in values.items():
        where = f"--set {name}={value:g}"
        if name not in rows:
            message = f"no parameter {name!r}. {did_you_mean(name, rows)}"
            findings.append(error("SET001", where, message))
        elif problem := _problem(rows[name], value):
            message = f"{name} {problem} (scale {rows[name].scale}, unit {rows[name].unit})."
            findings.append(error("SET002", where, message))
        else:
            rows[name] = replace(rows[name], value=value, note=f"set by hand; {rows[name].note}")
    raise_on_errors(findings)
    return Parameters(rows)


def _problem(row: Parameter, value: float) -> str:
    if not math.isfinite(value):
        return "must be a finite number"
    if row.scale == "log" and value < 0:
        return "must not be negative"
    if row.scale == "logit" and not 0 < value < 1:
        return "must lie between 0 and 1"
    return ""


def parse_assignments(texts: list[str]) -> dict[str, float]:
    """Return ``{"id": value}`` from texts of the form ``id=value``.

    Raises
    ------
    UserInputError
        For a text of another form.
    """
    values: dict[str, float] = {}
    findings: list[Finding] = []
    for text in texts:
        name, _, number = text.partition("=")
        try:
            values[name.strip()] = float(number)
        except ValueError:
            message = f"is not id=number, got {text!r}. Example: --set kd_antagonist_cxcr4=84"
            findings.append(error("SET003", f"--set {text}", message))
    raise_on_errors(findings)
    return values
