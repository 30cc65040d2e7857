"""The posteriors that calibrations left: of the cell's parameters, and of the population's."""

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
OUTCOME_POSTERIOR_FILE: Final = "outcome_posterior.tsv"
OUTCOME_COMMAND: Final = "python -m cxaxis.inference.outcome_fit RUNS"
FITTED_COLUMNS: Final = ("id", "rank", "influence", "why")
#: Seed of the parameters that were not fitted to control arms: those of draw d of the posterior
#: are drawn with it and d.
OUTCOME_SEED: Final = 202


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
    return _load_draws(
        _present(cell_posterior_file() if path is None else path, COMMAND),
        CELL_POSTERIOR_FILE,
        _ids_of("cell_priors.tsv", PRIOR_COLUMNS),
        command=COMMAND,
        positive=True,
    )


def outcome_posterior_file() -> Path:
    """Return the file of draws of the population's parameters that ships with the package."""
    return cell_posterior_file().with_name(OUTCOME_POSTERIOR_FILE)


def load_outcome_posterior(path: Path | None = None) -> Mapping[int, Mapping[str, float]]:
    """Return the draws of the population parameters fitted to control arms, from 0.

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
    return _load_draws(
        _present(outcome_posterior_file() if path is None else path, OUTCOME_COMMAND),
        OUTCOME_POSTERIOR_FILE,
        _ids_of("fitted_population.tsv", FITTED_COLUMNS),
        command=OUTCOME_COMMAND,
        positive=False,
    )


def _present(source: Path, command: str) -> Path:
    if not source.is_file():
        message = f"is missing. Write it with {command}."
        raise_on_errors([error("POST002", str(source), message)])
    return source


def _load_draws(
    source: Path, name: str, names: tuple[str, ...], *, command: str, positive: bool
) -> Mapping[int, Mapping[str, float]]:
    table = read_table(source, name, ("draw", *names), key=("draw",))
    findings: list[Finding] = list(table.findings)
    draws: dict[int, Mapping[str, float]] = {}
    kind = "a number above 0" if positive else "a number"
    for row in table.rows:
        values = {column: parse_number(row[column]) for column in names}
        bad = [k for k, v in values.items() if v is None or (positive and not v > 0)]
        findings += [
            bad_cell("POST001", row, k, f"Give {kind}; write it with {command}.", key="draw")
            for k in bad
        ]
        if not row["draw"].isdecimal():
            findings.append(bad_cell("POST001", row, "draw", "Number the draws.", key="draw"))
        elif not bad:
            draws[int(row["draw"])] = MappingProxyType(
                {k: v for k, v in values.items() if v is not None}
            )
    if not draws and not findings:
        findings.append(error("POST002", str(source), f"holds no draw. Write it with {command}."))
    raise_on_errors(findings)
    return MappingProxyType(draws)


def _ids_of(shipped: str, columns: tuple[str, ...]) -> tuple[str, ...]:
    table = read_table(None, shipped, columns)
    raise_on_errors(list(table.findings))
    return tuple(row["id"] for row in table.rows)
