"""The posterior of the cell's parameters, as the calibration left it."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import resources
from pathlib import Path
from types import MappingProxyType
from typing import Final

from cxaxis.core.errors import Finding, error, raise_on_errors
from cxaxis.knowledge.cell_fit import PRIOR_COLUMNS
from cxaxis.knowledge.tables import bad_cell, parse_number, read_table

CELL_POSTERIOR_FILE: Final = "cell_posterior.tsv"
COMMAND: Final = "python -m cxaxis.inference.cell_fit"


def cell_posterior_file() -> Path:
    """Return the file of draws that ships with the package."""
    return Path(str(resources.files("cxaxis"))) / "inference" / "generated" / CELL_POSTERIOR_FILE


def load_cell_posterior(path: Path | None = None) -> Mapping[int, Mapping[str, float]]:
    """Return the draws of the calibrated parameters by their number, from 0.

    Parameters
    ----------
    path
        File to read; None reads the one that ships with the package.

    Returns
    -------
    Mapping
        Number of the draw -> parameter id -> value in the unit of the parameter table. At least
        one draw; each has the same parameters.

    Raises
    ------
    UserInputError
        If the file is missing, empty or malformed.
    """
    source = cell_posterior_file() if path is None else path
    if not source.is_file():
        message = f"is missing. Write it with {COMMAND}."
        raise_on_errors([error("POST002", str(source), message)])
    names = _parameter_names()
    table = read_table(source, CELL_POSTERIOR_FILE, ("draw", *names), key=("draw",))
    findings: list[Finding] = list(table.findings)
    draws: dict[int, Mapping[str, float]] = {}
    for row in table.rows:
        values = {name: parse_number(row[name]) for name in names}
        bad = [name for name, value in values.items() if value is None or not value > 0]
        findings += [
            bad_cell(
                "POST001", row, name, f"Give a number above 0; write it with {COMMAND}.", key="draw"
            )
            for name in bad
        ]
        if not row["draw"].isdecimal():
            findings.append(bad_cell("POST001", row, "draw", "Number the draws.", key="draw"))
        elif not bad:
            draws[int(row["draw"])] = MappingProxyType(
                {name: value for name, value in values.items() if value is not None}
            )
    if not draws and not findings:
        findings.append(error("POST002", str(source), f"holds no draw. Write it with {COMMAND}."))
    raise_on_errors(findings)
    return MappingProxyType(draws)


def _parameter_names() -> tuple[str, ...]:
    table = read_table(None, "cell_priors.tsv", PRIOR_COLUMNS)
    raise_on_errors(list(table.findings))
    return tuple(row["id"] for row in table.rows)
