"""Observations on single kinds of cell that the cell model is held against.

A row is an experiment and a feature of its course with the range that was seen, where it was
seen, and what must lose it: the part whose removal (`control`) has to bring the feature out of
its range. A row is fitted, a parameter's reading or held out, never two of these.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Final, Literal, cast, get_args

from cxaxis.core.errors import Finding, error, raise_on_errors
from cxaxis.core.ids import did_you_mean
from cxaxis.core.units import is_unit
from cxaxis.knowledge.cell_contexts import CellContext, load_cell_contexts
from cxaxis.knowledge.evidence import EVIDENCE_ROLES, Evidence, load_evidence
from cxaxis.knowledge.tables import (
    Row,
    bad_cell,
    choice_findings,
    parse_number,
    read_table,
    sound_rows,
    split_ids,
)

ObservationRole = Literal["parameter", "fitted", "held_out", "context"]
Outcome = Literal["inside", "outside"]

OUTCOMES: Final[tuple[Outcome, ...]] = get_args(Outcome)
CELL_OBSERVATION_COLUMNS: Final = (
    "id",
    "quantity",
    "output",
    "feature",
    "dose_nM",
    "minutes",
    "setting",
    "context",
    "against",
    "low",
    "high",
    "unit",
    "role",
    "source",
    "control",
    "outcome",
    "note",
)
# What a feature needs beside output and context: a dose, how many minutes, a setting, a second
# kind of cell. `cxaxis.cell.observations` says how each is read.
FEATURE_NEEDS: Final[Mapping[str, tuple[str, ...]]] = MappingProxyType(
    {
        "peak_time": ("dose_nM",),
        "peak_rise": ("dose_nM",),
        "peak_fold": ("dose_nM",),
        "fold_at": ("dose_nM", "minutes"),
        "share_of_peak_at": ("dose_nM", "minutes"),
        "rise_left_at": ("dose_nM", "minutes"),
        "later_over_earlier": ("dose_nM", "minutes"),
        "largest_swing": ("dose_nM",),
        "threshold": (),
        "half_dose": (),
        "fall_at": ("dose_nM", "minutes"),
        "fall_half_dose": ("minutes",),
        "peak_ratio_under": ("dose_nM", "setting"),
        "rise_ratio_at_under": ("dose_nM", "minutes", "setting"),
        "peak_over_context": ("dose_nM", "against"),
        "highest_over_context": ("dose_nM", "against"),
        "level_over_context_at": ("dose_nM", "minutes", "against"),
        "left_in_medium_at": ("dose_nM", "minutes"),
        "half_life_ratio_under": ("dose_nM", "minutes", "setting"),
        "clearance_exponent": ("dose_nM", "minutes"),
        "fold_after": ("minutes",),
        "second_peak_ratio": ("dose_nM", "minutes"),
        "optimum_dose": ("minutes", "setting"),
    }
)


@dataclass(frozen=True, kw_only=True)
class CellObservation:
    """One observation.

    Attributes
    ----------
    id, quantity
        Short name and what was seen, in words.
    output
        Quantity of the cell model, or several, multiplied, with ``*`` between.
    feature
        How the value is read off the course, a key of `FEATURE_NEEDS`.
    dose_nM
        CXCL12 added at time 0; None where the feature has doses of its own or needs none.
    minutes
        When the feature is read, minutes from time 0.
    setting
        Values of the model that hold since rest, in its units; low oxygen and a block of
        synthesis begin at time 0.
    context, against
        Id of the kind of cell, and of the one it is compared with (or empty).
    low, high
        Range that was seen; ``low`` below ``high``, infinite where a side is open.
    unit
        Unit of the range.
    role
        As its source has it: ``fitted``, ``parameter``, ``context``, or ``held_out``, which no
        parameter may rest on.
    source
        Ids of evidence rows.
    control
        Values of the model that hold since rest and must bring the value out of its range.
    outcome
        ``inside`` or ``outside`` the range at the tabled parameters. Only a held-out row may be
        outside.
    note
        How the range was taken from the source.
    where
        ``file:line`` of the row.
    """

    id: str
    quantity: str
    output: str
    feature: str
    dose_nM: float | None
    minutes: tuple[float, ...]
    setting: Mapping[str, float]
    context: str
    against: str
    low: float
    high: float
    unit: str
    role: ObservationRole
    source: tuple[str, ...]
    control: Mapping[str, float]
    outcome: Outcome
    note: str
    where: str


def load_cell_observations(path: Path | None = None) -> Mapping[str, CellObservation]:
    """Return the observations by id, in file order.

    Parameters
    ----------
    path
        Table to read; None reads the one that ships with the package.

    Raises
    ------
    UserInputError
        With every finding at once.
    """
    rows, findings = read_cell_observations(
        path, evidence=load_evidence(), contexts=load_cell_contexts()
    )
    raise_on_errors(findings)
    return rows


def read_cell_observations(
    path: Path | None = None,
    *,
    evidence: Mapping[str, Evidence],
    contexts: Mapping[str, CellContext],
) -> tuple[Mapping[str, CellObservation], tuple[Finding, ...]]:
    """Return the rows without an error, by id, and every finding on the table."""
    table = read_table(path, "cell_observations.tsv", CELL_OBSERVATION_COLUMNS)
    return sound_rows(table, lambda row: _findings(row, evidence, contexts), _observation)


def _observation(row: Row) -> CellObservation:
    return CellObservation(
        id=row["id"],
        quantity=row["quantity"],
        output=row["output"],
        feature=row["feature"],
        dose_nM=float(row["dose_nM"]) if row["dose_nM"] else None,
        minutes=tuple(float(part) for part in split_ids(row["minutes"])),
        setting=MappingProxyType(_values(row["setting"])),
        context=row["context"],
        against=row["against"],
        low=float(row["low"]) if row["low"] else -math.inf,
        high=float(row["high"]) if row["high"] else math.inf,
        unit=row["unit"],
        role=cast("ObservationRole", row["role"]),
        source=split_ids(row["source"]),
        control=MappingProxyType(_values(row["control"])),
        outcome=cast("Outcome", row["outcome"]),
        note=row["note"],
        where=row.where,
    )


def _values(text: str) -> dict[str, float]:
    found = {}
    for part in split_ids(text):
        name, _, value = part.partition("=")
        number = parse_number(value)
        found[name] = math.nan if number is None else number
    return found


def _findings(
    row: Row, evidence: Mapping[str, Evidence], contexts: Collection[str]
) -> Iterator[Finding]:
    for name in ("quantity", "output", "control"):
        if not row[name]:
            yield bad_cell("CELLOBS001", row, name, "Fill it in.")
    yield from choice_findings("CELLOBS002", row, "feature", tuple(FEATURE_NEEDS))
    for name in FEATURE_NEEDS.get(row["feature"], ()):
        if not row[name]:
            yield bad_cell("CELLOBS003", row, name, f"The feature {row['feature']} needs it.")
    dose = parse_number(row["dose_nM"])
    if row["dose_nM"] and (dose is None or dose < 0):
        yield bad_cell("CELLOBS004", row, "dose_nM", "Give a number, 0 or more, or leave it empty.")
    for name in ("low", "high"):
        if row[name] and parse_number(row[name]) is None:
            yield bad_cell("CELLOBS004", row, name, "Give a number, or leave an open end empty.")
    for part in split_ids(row["minutes"]):
        value = parse_number(part)
        if value is None or value < 0:
            yield bad_cell("CELLOBS004", row, "minutes", "Give numbers of 0 or more, ; between.")
    for name in ("setting", "control"):
        if any(not key or math.isnan(value) for key, value in _values(row[name]).items()):
            yield bad_cell("CELLOBS005", row, name, "Write name=number, with ; between.")
    yield from _range_findings(row)
    for name in ("context", "against"):
        if row[name] not in contexts and (row[name] or name == "context"):
            yield bad_cell("CELLOBS007", row, name, did_you_mean(row[name], contexts))
    yield from choice_findings("CELLOBS008", row, "role", EVIDENCE_ROLES)
    yield from choice_findings("CELLOBS009", row, "outcome", OUTCOMES)
    if row["outcome"] == "outside" and row["role"] != "held_out":
        yield bad_cell("CELLOBS009", row, "outcome", "Only a held-out row may be outside.")
    yield from _source_findings(row, evidence)


def _range_findings(row: Row) -> Iterator[Finding]:
    low, high = parse_number(row["low"]), parse_number(row["high"])
    if low is None and high is None:
        yield bad_cell("CELLOBS006", row, "low", "Give at least one end of the range.")
    if low is not None and high is not None and low >= high:
        yield bad_cell("CELLOBS006", row, "high", f"It has to be above low, {low:g}.")
    if not is_unit(row["unit"]):
        yield bad_cell("CELLOBS006", row, "unit", "Give a unit, 1 for a share or a ratio.")


def _source_findings(row: Row, evidence: Mapping[str, Evidence]) -> Iterator[Finding]:
    ids = split_ids(row["source"])
    if not ids:
        yield bad_cell("CELLOBS010", row, "source", "Name the evidence rows it rests on.")
    for item in ids:
        if item not in evidence:
            message = f"{row['id']}: unknown evidence {item!r}. {did_you_mean(item, evidence)}"
            yield error("CELLOBS010", row.where, message)
        elif evidence[item].role != row["role"]:
            message = (
                f"{row['id']}: role is {row['role']!r}, its source {item} is "
                f"{evidence[item].role!r}. Give the row the role of its source."
            )
            yield error("CELLOBS011", row.where, message)
