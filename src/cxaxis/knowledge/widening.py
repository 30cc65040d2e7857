"""Keep the column ``relevance`` of ``parameters.tsv`` in step with the rules, and say why.

``python -m cxaxis.knowledge.widening --write`` rewrites the column, ``--check`` names the rows
that differ and exits 1. A row that cites evidence has the combined score of what it cites
(`cxaxis.knowledge.relevance`), to two decimals. A row that cites none keeps what it states, at
most the tabled ceiling, unless its spread is 0: a definition or a constant has no distance.

What tau is
-----------
``relevance_calibration.tsv`` lists the constants that were read in more than one system, with
the readings. For each, ``sd`` is the standard deviation of the logarithm of its readings, ``d``
the root mean square of their distances and ``spread`` the parameter's own. An ESCC would be one
more system, so its value should be expected ``sd`` away, of which the table already grants
``spread``: ::

    tau^2 = sum(sd^2 - spread^2) / sum(d^2)        one term each per constant

One constant has one vote, however many readings it has, since readings of one constant share
ligand batches, tags and authors. `calibrated_tau` does this arithmetic; the tabled tau is its
rounded result. The scatter grows with distance as the rule says: about 0.2 for half-lives in
people (d = 0.1) and 1.4 to 2.3 for dissociation constants in cells and on particles (d = 0.6).
It is a rough figure all the same: the readings are few, and leaving one constant out moves it
(the reason in the table says how far).
"""

from __future__ import annotations

import argparse
import math
import sys
from collections.abc import Iterator, Mapping, Sequence
from importlib import resources
from pathlib import Path
from statistics import fmean, variance
from typing import Final

from cxaxis.core.errors import Finding, UserInputError, error, raise_on_errors
from cxaxis.core.ids import did_you_mean
from cxaxis.knowledge.evidence import Evidence, citation_findings, load_evidence
from cxaxis.knowledge.parameters import PARAMETER_COLUMNS, Parameter, load_parameters
from cxaxis.knowledge.relevance import (
    RelevanceRules,
    combined_relevance,
    load_relevance_rules,
    relevance_factors,
    relevance_of,
)
from cxaxis.knowledge.tables import Row, bad_cell, read_table, split_ids

COMMAND: Final = "python -m cxaxis.knowledge.widening"
CALIBRATION_COLUMNS: Final = ("id", "evidence", "note")
DECIMALS: Final = 2


def expected_relevance(
    parameter: Parameter, evidence: Mapping[str, Evidence], rules: RelevanceRules
) -> float:
    """Return the relevance that ``parameter`` should state, to two decimals.

    Parameters
    ----------
    parameter
        Row of the parameter table.
    evidence
        Rows it may cite, all it cites among them.
    rules
        Rules of relevance.
    """
    if parameter.evidence:
        scores = [relevance_of(evidence[item], rules) for item in parameter.evidence]
        return round(combined_relevance(scores), DECIMALS)
    if parameter.spread == 0:
        return parameter.relevance
    return min(parameter.relevance, rules.ceiling)


def relevance_words(row: Evidence, rules: RelevanceRules) -> str:
    """Return the score of an evidence row with its factors.

    Such as ``0.38 (human 1 x cell free 0.6 x binding 0.9 x in vitro 0.7 x direct 1)``.
    """
    factors = " x ".join(
        f"{getattr(row, name).replace('_', ' ')} {factor:g}"
        for name, factor in relevance_factors(row, rules).items()
    )
    return f"{relevance_of(row, rules):.2f} ({factors})"


def widening_words(
    parameter: Parameter, evidence: Mapping[str, Evidence], rules: RelevanceRules
) -> str:
    """Return one line on what a parameter's relevance does to its spread, for display.

    Arguments as in `expected_relevance`.
    """
    spread = f"spread {parameter.spread:.2f}"
    if parameter.spread == 0:
        return "spread 0: fixed, nothing to widen"
    if parameter.tau == 0:
        return f"{spread} not widened: uniform over its whole range"
    words = f"{spread} widened to {parameter.widened_spread:.2f}: "
    words += f"relevance {parameter.relevance:.2f}"
    rows = [evidence[item] for item in parameter.evidence if item in evidence]
    if not rows:
        return f"{words}, stated: no evidence is cited"
    if len(rows) == 1:
        return f"{words}, {rows[0].id} {relevance_words(rows[0], rules)}"
    scores = ", ".join(f"{row.id} {relevance_of(row, rules):.2f}" for row in rows)
    farthest = min(rows, key=lambda row: relevance_of(row, rules))
    return f"{words} from {scores}; farthest {farthest.id} {relevance_words(farthest, rules)}"


def load_calibration(
    path: Path | None = None,
    *,
    parameters: Mapping[str, Parameter],
    evidence: Mapping[str, Evidence],
) -> Mapping[str, tuple[str, ...]]:
    """Return the readings of each constant that was read in more than one system, by parameter.

    Parameters
    ----------
    path
        Table to read; None reads the one that ships with the package.
    parameters, evidence
        Rows that the table may name.

    Raises
    ------
    UserInputError
        With every finding at once: a malformed table, an unknown id, fewer than two readings,
        a reading that is not a positive number, readings in different units.
    """
    table = read_table(path, "relevance_calibration.tsv", CALIBRATION_COLUMNS)
    found = [
        item for row in table.rows for item in _calibration_findings(row, parameters, evidence)
    ]
    raise_on_errors([*table.findings, *found])
    return {row["id"]: split_ids(row["evidence"]) for row in table.rows}


def _calibration_findings(
    row: Row, parameters: Mapping[str, Parameter], evidence: Mapping[str, Evidence]
) -> Iterator[Finding]:
    if row["id"] not in parameters:
        yield bad_cell("RELV006", row, "id", did_you_mean(row["id"], parameters))
    cited = split_ids(row["evidence"])
    unknown = list(
        citation_findings(cited, evidence, where=row.where, citer=row["id"], code="RELV007")
    )
    yield from unknown
    if unknown:
        return
    if len(cited) < 2:
        yield bad_cell("RELV008", row, "evidence", "Name at least two readings.")
    for item in cited:
        number = evidence[item].number
        if number is None or not number > 0:
            message = f"{row['id']}: {item} has no positive number. Name another reading."
            yield error("RELV009", row.where, message)
    units = {evidence[item].unit for item in cited}
    if len(units) > 1:
        message = f"{row['id']}: readings in {' and '.join(sorted(units))}. Use one unit."
        yield error("RELV009", row.where, message)


def calibrated_tau(
    readings: Mapping[str, Sequence[str]],
    parameters: Mapping[str, Parameter],
    evidence: Mapping[str, Evidence],
    rules: RelevanceRules,
) -> float:
    """Return the tau that the scatter between systems gives; see the head of this module.

    Parameters
    ----------
    readings
        At least two evidence ids by parameter id, one unit a parameter.
    parameters, evidence
        The rows named.
    rules
        Give the distances; their own tau is not used.

    Returns
    -------
    Standard deviation on the log scale at relevance 0; 0 if the spreads cover the scatter.
    """
    uncovered, distance = 0.0, 0.0
    for name, cited in readings.items():
        logs = [math.log(evidence[item].number or math.nan) for item in cited]
        uncovered += variance(logs) - parameters[name].spread ** 2
        distance += fmean((1.0 - relevance_of(evidence[item], rules)) ** 2 for item in cited)
    return math.sqrt(max(uncovered, 0.0) / distance)


def parameter_file() -> Path:
    """Return the parameter table that ships with the package."""
    return Path(str(resources.files("cxaxis.knowledge").joinpath("data", "parameters.tsv")))


def differing(
    path: Path | None = None,
    *,
    evidence: Mapping[str, Evidence] | None = None,
    rules: RelevanceRules | None = None,
) -> dict[str, tuple[float, float]]:
    """Return the stated and the expected relevance of each parameter where they differ.

    Parameters
    ----------
    path
        Parameter table; None reads the one that ships with the package.
    evidence, rules
        None takes those that ship with the package.

    Raises
    ------
    UserInputError
        With every finding at once, if a table cannot be used.
    """
    known = load_evidence() if evidence is None else evidence
    given = load_relevance_rules() if rules is None else rules
    parameters = load_parameters(path, evidence=known, rules=given)
    pairs = {
        name: (row.relevance, expected_relevance(row, known, given))
        for name, row in parameters.items()
    }
    return {name: pair for name, pair in pairs.items() if pair[0] != pair[1]}


def rewritten(text: str, relevance: Mapping[str, float]) -> str:
    """Return the text of a parameter table with the relevance of some rows replaced.

    Parameters
    ----------
    text
        A well-formed parameter table.
    relevance
        New relevance by id; every other byte stays.
    """
    column = PARAMETER_COLUMNS.index("relevance")
    lines = []
    for line in text.split("\n"):
        cells = line.split("\t")
        if cells[0] in relevance:
            cells[column] = f"{relevance[cells[0]]:g}"
        lines.append("\t".join(cells))
    return "\n".join(lines)


def main(arguments: Sequence[str]) -> int:
    """Write or check the column; return the exit code."""
    parser = argparse.ArgumentParser(
        prog=COMMAND, description="Column relevance of a parameter table."
    )
    action = parser.add_mutually_exclusive_group(required=True)
    action.add_argument("--write", action="store_true", help="rewrite the column")
    action.add_argument("--check", action="store_true", help="name rows that differ, exit 1 if any")
    parser.add_argument("--file", type=Path, default=parameter_file(), help="parameter table")
    chosen = parser.parse_args(arguments)
    try:
        found = differing(chosen.file)
    except UserInputError as err:
        sys.stderr.write(f"{err}\n")
        return 2
    for name, (stated, expected) in found.items():
        sys.stdout.write(f"{name}: relevance {stated:g} -> {expected:g}\n")
    if chosen.check:
        return 1 if found else 0
    text = chosen.file.read_text(encoding="utf-8")
    new = {name: expected for name, (_, expected) in found.items()}
    chosen.file.write_text(rewritten(text, new), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
