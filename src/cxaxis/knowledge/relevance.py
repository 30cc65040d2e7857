"""How near a reading is to a patient with ESCC: one score a row, from tabled factors.

The score of an evidence row is the product of five factors of ``relevance_rules.tsv``, one for
each of species, tissue, assay, setting and directness; a dimension that does not enter (the
tissue of a molar mass) has the option ``none`` or ``physical`` and the factor 1. The sizes of
the factors are assumed and each row says so; their order is what they are meant to carry.

A parameter that cites several rows rests on all of them, and the table does not say how much on
which. With *distance* = 1 - score, its distance is the root mean square of its rows' distances.
That is what a mean of the variances which each row alone would add comes to, so far rows weigh
more than near ones and a single near reading cannot hide them. The rows are not combined as
independent measurements, which would let many far readings add up to a near one: the same few
cell lines, and the same step from a dish to a patient, stand behind them all.

What a score does to a parameter's spread stands in `cxaxis.knowledge.parameters`.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Final

from cxaxis.core.errors import Finding, ModelValueError, Severity, error, raise_on_errors
from cxaxis.knowledge.evidence import DIMENSIONS, Evidence
from cxaxis.knowledge.tables import Row, bad_cell, choice_findings, parse_number, read_table

RULE_COLUMNS: Final = ("dimension", "option", "factor", "reason")
CEILING: Final = ("ceiling", "no_evidence")
TAU: Final = ("widening", "tau")

_OPTIONS: Final = MappingProxyType({**DIMENSIONS, CEILING[0]: CEILING[1:], TAU[0]: TAU[1:]})


@dataclass(frozen=True, kw_only=True)
class RelevanceRules:
    """The tabled factors.

    Attributes
    ----------
    factors
        Factor in (0, 1] by dimension and option.
    ceiling
        Largest relevance of a parameter that is not fixed and cites no evidence, in (0, 1].
    tau
        Standard deviation that a relevance of 0 would add on the log or logit scale, positive.
    """

    factors: Mapping[tuple[str, str], float]
    ceiling: float
    tau: float


def has_score(row: Evidence, rules: RelevanceRules) -> bool:
    """Return whether the rules know every word of ``row``; only a faulty row has others."""
    return all((name, getattr(row, name)) in rules.factors for name in DIMENSIONS)


def relevance_factors(row: Evidence, rules: RelevanceRules) -> dict[str, float]:
    """Return the factor of each dimension of ``row``, in the order of `DIMENSIONS`."""
    return {name: rules.factors[name, getattr(row, name)] for name in DIMENSIONS}


def relevance_of(row: Evidence, rules: RelevanceRules) -> float:
    """Return how near the system of ``row`` is to a patient with ESCC, in (0, 1]."""
    return math.prod(relevance_factors(row, rules).values())


def combined_relevance(scores: Iterable[float]) -> float:
    """Return the relevance of a number that rests on rows with these scores.

    Parameters
    ----------
    scores
        Scores in [0, 1], at least one.

    Returns
    -------
    One minus the root mean square of the distances ``1 - score``: between the lowest and the
    highest score.

    Raises
    ------
    ModelValueError
        If there is no score.
    """
    distances = [1.0 - score for score in scores]
    if not distances:
        msg = "the relevance of no row at all is not defined: give at least one score."
        raise ModelValueError(msg)
    mean_square = sum(distance * distance for distance in distances) / len(distances)
    return 1.0 - math.sqrt(mean_square)


def load_relevance_rules(path: Path | None = None) -> RelevanceRules:
    """Return the rules.

    Parameters
    ----------
    path
        Table to read; None reads the one that ships with the package.

    Raises
    ------
    UserInputError
        With every finding at once: a malformed table, an unknown or missing option, a factor
        outside its range, a reason left out.
    """
    rules, findings = read_relevance_rules(path)
    raise_on_errors(findings)
    if rules is None:
        msg = "rules without a finding are complete."
        raise AssertionError(msg)
    return rules


def read_relevance_rules(
    path: Path | None = None,
) -> tuple[RelevanceRules | None, tuple[Finding, ...]]:
    """Return the rules, None if any is faulty, and every finding on the table."""
    table = read_table(path, "relevance_rules.tsv", RULE_COLUMNS, key=("dimension", "option"))
    findings = [*table.findings, *(item for row in table.rows for item in _row_findings(row))]
    if not any(item.severity is Severity.ERROR for item in findings):
        findings += _missing_findings(table.rows, table.label)
    if any(item.severity is Severity.ERROR for item in findings):
        return None, tuple(findings)
    factors = {(row["dimension"], row["option"]): float(row["factor"]) for row in table.rows}
    ceiling, tau = factors.pop(CEILING), factors.pop(TAU)
    rules = RelevanceRules(factors=MappingProxyType(factors), ceiling=ceiling, tau=tau)
    return rules, tuple(findings)


def _row_findings(row: Row) -> Iterator[Finding]:
    known = {"key": "dimension"}
    unknown = list(choice_findings("RELV001", row, "dimension", tuple(_OPTIONS), key="option"))
    yield from unknown
    if not unknown:
        yield from choice_findings("RELV002", row, "option", _OPTIONS[row["dimension"]], **known)
    factor = parse_number(row["factor"])
    most = math.inf if (row["dimension"], row["option"]) == TAU else 1.0
    if factor is None or not 0 < factor <= most:
        cure = "Give a positive number" + (", at most 1." if most == 1.0 else ".")
        yield bad_cell("RELV003", row, "factor", cure, key="option")
    if not row["reason"]:
        yield bad_cell("RELV004", row, "reason", "Say why it has this size.", key="option")


def _missing_findings(rows: Iterable[Row], label: str) -> Iterator[Finding]:
    have = {(row["dimension"], row["option"]) for row in rows}
    for dimension, options in _OPTIONS.items():
        for option in options:
            if (dimension, option) not in have:
                message = f"{dimension} {option!r} has no row. Add its factor and the reason."
                yield error("RELV005", f"{label}:1", message)
