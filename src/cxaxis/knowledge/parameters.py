"""The parameters of the models: the only place where a parameter has a number.

What the columns of ``parameters.tsv`` mean stands in `Parameter`. The house rule on spread: on
the log scale a row that is ``borrowed``, or rests on recalled evidence alone, has a spread of at
least 0.3 (a factor 1.8 either way at 95 %), and an ``assumed`` row one of at least 0.5 (a factor
2.7). A number that nobody has checked may not be held with confidence.

The house rule on widening: what a draw of the population uses is not ``spread`` but ::

    widened spread = sqrt(spread^2 + (tau * (1 - relevance))^2)

on the row's own scale, log or logit. ``spread`` says what the sources leave open, the second
term what they cannot know: the step from their system to a patient with ESCC. On the linear
scale the second term is multiplied by ``|value|``: to first order that is the same relative
error as on the log scale. A row with spread 0 is a definition, a reference point or a physical
constant, and stays fixed; a causal share is uniform on 0 to 1 and cannot be wider.

*Not counted twice.* Many spreads were judged with the distance of their sources in mind, so tau
is not the scatter between systems but the part of it that the stated spreads leave uncovered:
over the constants read in more than one system, the mean of ``sd^2 - spread^2`` divided by the
mean of ``(1 - relevance)^2`` of their readings is ``tau^2`` (`cxaxis.knowledge.widening`, with the
numbers). Had the stated spreads covered the scatter, tau would be 0.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Final, Literal, cast

from cxaxis.core.errors import Finding, error, raise_on_errors
from cxaxis.core.ids import did_you_mean, is_sbml_id
from cxaxis.core.units import is_unit
from cxaxis.knowledge.evidence import Evidence, citation_findings, load_evidence
from cxaxis.knowledge.relevance import RelevanceRules, load_relevance_rules
from cxaxis.knowledge.tables import (
    Row,
    bad_cell,
    choice_findings,
    parse_number,
    read_table,
    sound_rows,
    split_ids,
)

Scale = Literal["log", "linear", "logit"]
Status = Literal["measured", "derived", "borrowed", "assumed"]

PARAMETER_COLUMNS: Final = (
    "id",
    "value",
    "unit",
    "scale",
    "spread",
    "omega",
    "status",
    "species",
    "relevance",
    "evidence",
    "note",
)
SCALES: Final = ("log", "linear", "logit")
STATUSES: Final = ("measured", "derived", "borrowed", "assumed")
LEAST_SPREAD_UNVERIFIED: Final = 0.3
LEAST_SPREAD_ASSUMED: Final = 0.5

# The causal share is uniform on 0 to 1: its row's linear spread only states the width.
UNIFORM_SHARES: Final = frozenset({"phi"})


@dataclass(frozen=True, kw_only=True)
class Parameter:
    """One number of the model, with what it rests on.

    Attributes
    ----------
    id
        SBML id.
    value
        Median when `scale` is ``log`` or ``logit``, mean when ``linear``; in `unit`.
    unit
        Unit as the registry reads it; ``1`` or ``dimensionless`` for a pure number.
    scale
        Scale on which `spread` and `omega` are standard deviations: ``log`` (natural
        logarithm), ``linear`` or ``logit``.
    spread
        Standard deviation of what is not known about the population value, non-negative.
    omega
        Standard deviation between patients, non-negative.
    status
        ``measured`` (read at a source), ``derived`` (computed from evidence), ``borrowed``
        (from another tissue, tumour or species) or ``assumed``.
    species
        Species or system the number comes from.
    relevance
        How near that system is to a patient with ESCC, 0 to 1: what the rules give for the
        cited rows, or as stated where none is cited.
    evidence
        Ids of evidence rows.
    note
        Reasons and caveats.
    where
        ``file:line`` of the row.
    tau
        Standard deviation that a relevance of 0 would add, on the log or logit scale; 0 for a
        row that is never widened.
    """

    id: str
    value: float
    unit: str
    scale: Scale
    spread: float
    omega: float
    status: Status
    species: str
    relevance: float
    evidence: tuple[str, ...]
    note: str
    where: str
    tau: float

    @property
    def widening(self) -> float:
        """Standard deviation added to `spread` for the distance of the sources."""
        if self.spread == 0:
            return 0.0
        size = abs(self.value) if self.scale == "linear" else 1.0
        return self.tau * (1.0 - self.relevance) * size

    @property
    def widened_spread(self) -> float:
        """Standard deviation of what is not known, the step to a patient with ESCC included."""
        return math.hypot(self.spread, self.widening)


class Parameters(Mapping[str, Parameter]):
    """Parameters by id, in file order, read-only."""

    def __init__(self, rows: Mapping[str, Parameter]) -> None:
        self._rows = dict(rows)

    def __getitem__(self, key: str) -> Parameter:
        """Return the row of ``key``; an unknown id raises `KeyError` with the nearest ids."""
        try:
            return self._rows[key]
        except KeyError:
            msg = f"unknown parameter {key!r}. {did_you_mean(key, self._rows)}"
            raise KeyError(msg) from None

    def __contains__(self, key: object) -> bool:
        return key in self._rows

    def __iter__(self) -> Iterator[str]:
        return iter(self._rows)

    def __len__(self) -> int:
        return len(self._rows)

    def __repr__(self) -> str:
        return f"Parameters({len(self)} rows)"


def load_parameters(
    path: Path | None = None,
    *,
    evidence: Mapping[str, Evidence] | None = None,
    rules: RelevanceRules | None = None,
) -> Parameters:
    """Return the parameters by id, in file order.

    Parameters
    ----------
    path
        Table to read; None reads the one that ships with the package.
    evidence
        Evidence that rows may cite; None loads the rows that ship with the package.
    rules
        Rules of relevance; None loads those that ship with the package.

    Raises
    ------
    UserInputError
        With every finding at once: a malformed table, id, number or unit; a value outside its
        scale; a status without the evidence or note it needs; an unknown or held-out evidence
        id; a spread narrower than the house rule allows.
    """
    if path is None and evidence is None and rules is None:
        return _shipped()
    known = load_evidence() if evidence is None else evidence
    parameters, findings = read_parameters(path, evidence=known, rules=rules)
    raise_on_errors(findings)
    return parameters


@cache
def _shipped() -> Parameters:
    """Return the packaged rows: they cannot change, and every arm and draw asks for them."""
    parameters, findings = read_parameters(None, evidence=load_evidence())
    raise_on_errors(findings)
    return parameters


def read_parameters(
    path: Path | None = None,
    *,
    evidence: Mapping[str, Evidence],
    rules: RelevanceRules | None = None,
) -> tuple[Parameters, tuple[Finding, ...]]:
    """Return the parameters that could be read and every finding on the table.

    Arguments as in `load_parameters`.
    """
    tau = (load_relevance_rules() if rules is None else rules).tau
    table = read_table(path, "parameters.tsv", PARAMETER_COLUMNS)
    rows, findings = sound_rows(
        table,
        lambda row: [*_form_findings(row), *_support_findings(row, evidence)],
        lambda row: _parameter(row, tau),
    )
    return Parameters(rows), findings


def value_problem(value: float, scale: Scale) -> str:
    """Return why ``value`` cannot stand on ``scale``, empty if it can."""
    if scale == "log" and not value > 0:
        return "A value on the log scale must be positive."
    if scale == "logit" and not 0 < value < 1:
        return "A value on the logit scale must lie between 0 and 1, both excluded."
    return ""


def _parameter(row: Row, tau: float) -> Parameter:
    return Parameter(
        id=row["id"],
        value=float(row["value"]),
        unit=row["unit"],
        scale=cast("Scale", row["scale"]),
        spread=float(row["spread"]),
        omega=float(row["omega"]),
        status=cast("Status", row["status"]),
        species=row["species"],
        relevance=float(row["relevance"]),
        evidence=split_ids(row["evidence"]),
        note=row["note"],
        where=row.where,
        tau=0.0 if row["id"] in UNIFORM_SHARES else tau,
    )


def _form_findings(row: Row) -> Iterator[Finding]:
    """Yield what is wrong with the cells of a row, each taken alone."""
    if not is_sbml_id(row["id"]):
        cure = "Use a lower-case letter, then letters, digits and underscores."
        yield bad_cell("PARAM001", row, "id", cure)
    yield from choice_findings("PARAM004", row, "scale", SCALES)
    yield from choice_findings("PARAM005", row, "status", STATUSES)
    value = parse_number(row["value"])
    if value is None:
        yield bad_cell("PARAM002", row, "value", "Give a finite number with a decimal point.")
    elif row["scale"] in SCALES and (reason := value_problem(value, cast("Scale", row["scale"]))):
        yield bad_cell("PARAM006", row, "value", f"{reason} Correct it, or choose another scale.")
    if not row["unit"]:
        yield bad_cell("PARAM003", row, "unit", "Give the unit, or 1 for a pure number.")
    elif not is_unit(row["unit"]):
        cure = "Write it as in 'nM', '1/day', 'L/kg' or '1/(nM*s)'."
        yield bad_cell("PARAM003", row, "unit", cure)
    for column in ("spread", "omega"):
        number = parse_number(row[column])
        if number is None or number < 0:
            yield bad_cell("PARAM007", row, column, "Give a standard deviation of 0 or more.")
    relevance = parse_number(row["relevance"])
    if relevance is None or not 0 <= relevance <= 1:
        yield bad_cell("PARAM008", row, "relevance", "Give a number from 0 to 1.")
    if not row["species"]:
        yield bad_cell("PARAM009", row, "species", "Name the species or system it comes from.")


def _support_findings(row: Row, evidence: Mapping[str, Evidence]) -> Iterator[Finding]:
    """Yield what is wrong with what a row rests on."""
    cited = split_ids(row["evidence"])
    yield from citation_findings(cited, evidence, where=row.where, citer=row["id"], code="PARAM010")
    seen = any(item in evidence and evidence[item].status == "seen" for item in cited)
    status = row["status"]
    if status == "measured" and not seen:
        cure = (
            "A measured value cites at least one row that was seen. "
            "Add one, or set status to derived, borrowed or assumed and say why."
        )
        yield bad_cell("PARAM011", row, "evidence", cure)
    if status in {"derived", "borrowed"} and not cited and not row["note"]:
        cure = f"A {status} value needs evidence, or a note that says where it comes from."
        yield bad_cell("PARAM011", row, "evidence", cure)
    if status == "assumed" and not row["note"]:
        yield bad_cell("PARAM011", row, "note", "An assumed value needs a note that says why.")
    yield from _spread_findings(row, [evidence[item] for item in cited if item in evidence])


def _spread_findings(row: Row, cited: list[Evidence]) -> Iterator[Finding]:
    spread = parse_number(row["spread"])
    if row["scale"] != "log" or spread is None or spread < 0:
        return
    recalled_only = bool(cited) and all(item.status == "recalled" for item in cited)
    if row["status"] == "assumed":
        least, why, else_cure = LEAST_SPREAD_ASSUMED, "the value is assumed", "find evidence for it"
    elif row["status"] == "borrowed":
        least, why = LEAST_SPREAD_UNVERIFIED, "the value is borrowed"
        else_cure = "find evidence from the system modelled"
    elif recalled_only:
        least, why = LEAST_SPREAD_UNVERIFIED, "its evidence is recalled, none was read"
        else_cure = "cite evidence that was seen"
    else:
        return
    if spread < least:
        message = (
            f"{row['id']}: spread is {row['spread']!r}, but {why}. "
            f"Widen it to {least:g} or more, or {else_cure}."
        )
        yield error("PARAM012", row.where, message)
