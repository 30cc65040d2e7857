"""What the cell model is calibrated on: read-outs, points measured with them, priors.

Three tables. ``cell_readouts.tsv`` says what an assay reads of the model and how its error is
distributed; ``cell_points.tsv`` holds one line a reading, with a standard deviation that spans
what the dossier gives as the range; ``cell_priors.tsv`` names the parameters that are set free,
each with the median it had before the calibration. Their spread, unit and status stay in
``parameters.tsv``, where the calibration writes what it finds: the prior does not follow the
result. No held-out row of evidence may stand behind a point.
"""

from __future__ import annotations

import math
import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Final, Literal, cast, get_args

from cxaxis.core.errors import Finding, error, raise_on_errors
from cxaxis.core.ids import did_you_mean
from cxaxis.knowledge.cell_contexts import load_cell_contexts
from cxaxis.knowledge.evidence import Evidence, citation_findings, load_evidence
from cxaxis.knowledge.parameters import Parameters, load_parameters
from cxaxis.knowledge.tables import (
    Row,
    bad_cell,
    choice_findings,
    parse_number,
    read_table,
    sound_rows,
    split_ids,
)

Noise = Literal["normal", "log-normal"]

NOISES: Final[tuple[Noise, ...]] = get_args(Noise)
READOUT_COLUMNS: Final = ("id", "formula", "noise", "scaled", "note")
POINT_COLUMNS: Final = (
    *("id", "readout", "context", "setting", "cxcl12_nM", "time_min", "value", "sd"),
    *("source", "role", "note"),
)
PRIOR_COLUMNS: Final = ("id", "median", "note")
_FORMULA = re.compile(r"[A-Za-z]\w*( [-+*/] [A-Za-z]\w*)*\Z")


@dataclass(frozen=True, kw_only=True)
class Readout:
    """What one assay reads of a cell.

    Attributes
    ----------
    id
        Short name.
    formula
        Quantities of the cell model with ``+ - * /`` between, in the model's units.
    noise
        ``normal``: the standard deviation of a point is in the unit of its value;
        ``log-normal``: of its logarithm.
    scaled
        Whether the assay's unit is arbitrary: one free factor then links all its points.
    note
        What the value is.
    where
        ``file:line`` of the row.
    """

    id: str
    formula: str
    noise: Noise
    scaled: bool
    note: str
    where: str


@dataclass(frozen=True, kw_only=True)
class Point:
    """One reading of one kind of cell.

    Attributes
    ----------
    id
        Short name.
    readout
        Id of the read-out, which gives unit and noise.
    context
        Id of the kind of cell.
    setting
        Inputs of the model, in its units, that hold since rest; low oxygen and a block of
        synthesis begin at time 0.
    cxcl12_nM
        Ligand added at time 0, nM of medium, non-negative.
    time_min
        Minutes from time 0, positive.
    value
        What was read.
    sd
        Standard deviation, positive, on the scale of the noise.
    source, role
        Ids of evidence rows, and the role they have there: ``fitted`` or ``parameter``.
    note
        How the value follows from the source.
    where
        ``file:line`` of the row.
    """

    id: str
    readout: str
    context: str
    setting: Mapping[str, float]
    cxcl12_nM: float
    time_min: float
    value: float
    sd: float
    source: tuple[str, ...]
    role: str
    note: str
    where: str


@dataclass(frozen=True, kw_only=True)
class Prior:
    """One parameter that the calibration moves.

    Attributes
    ----------
    id
        Row of ``parameters.tsv``, on the log scale.
    median
        What is expected of it without the points, in the unit of that row.
    note
        Where the median comes from.
    where
        ``file:line`` of the row.
    """

    id: str
    median: float
    note: str
    where: str


@dataclass(frozen=True, kw_only=True)
class CellFit:
    """The three tables, each by id in file order."""

    readouts: Mapping[str, Readout]
    points: Mapping[str, Point]
    priors: Mapping[str, Prior]


def load_cell_fit(
    *,
    readouts: Path | None = None,
    points: Path | None = None,
    priors: Path | None = None,
) -> CellFit:
    """Return what the cell model is calibrated on.

    Parameters
    ----------
    readouts, points, priors
        Tables to read; None reads the one that ships with the package.

    Raises
    ------
    UserInputError
        With every finding at once: a malformed table or cell, an unknown read-out, kind of cell,
        parameter or evidence row, a held-out source, a source of another role.
    """
    fit, findings = read_cell_fit(
        readouts=readouts,
        points=points,
        priors=priors,
        evidence=load_evidence(),
        parameters=load_parameters(),
        contexts=load_cell_contexts(),
    )
    raise_on_errors(findings)
    return fit


def read_cell_fit(
    *,
    readouts: Path | None = None,
    points: Path | None = None,
    priors: Path | None = None,
    evidence: Mapping[str, Evidence],
    parameters: Parameters,
    contexts: Collection[str],
) -> tuple[CellFit, tuple[Finding, ...]]:
    """Return the rows without an error and every finding; arguments as in `load_cell_fit`."""
    known_readouts, on_readouts = read_readouts(readouts)
    known_points, on_points = read_points(
        points, readouts=known_readouts, contexts=contexts, evidence=evidence
    )
    known_priors, on_priors = read_priors(priors, parameters=parameters)
    fit = CellFit(readouts=known_readouts, points=known_points, priors=known_priors)
    return fit, (*on_readouts, *on_points, *on_priors)


def read_readouts(
    path: Path | None = None,
) -> tuple[Mapping[str, Readout], tuple[Finding, ...]]:
    """Return the read-outs without an error, by id, and every finding on their table."""
    table = read_table(path, "cell_readouts.tsv", READOUT_COLUMNS)
    return sound_rows(table, _readout_findings, _readout)


def read_points(
    path: Path | None = None,
    *,
    readouts: Mapping[str, Readout],
    contexts: Collection[str],
    evidence: Mapping[str, Evidence],
) -> tuple[Mapping[str, Point], tuple[Finding, ...]]:
    """Return the points without an error, by id, and every finding on their table."""
    table = read_table(path, "cell_points.tsv", POINT_COLUMNS)
    return sound_rows(table, lambda row: _point_findings(row, readouts, contexts, evidence), _point)


def read_priors(
    path: Path | None = None, *, parameters: Parameters
) -> tuple[Mapping[str, Prior], tuple[Finding, ...]]:
    """Return the priors without an error, by id, and every finding on their table."""
    table = read_table(path, "cell_priors.tsv", PRIOR_COLUMNS)
    return sound_rows(table, lambda row: _prior_findings(row, parameters), _prior)


def _readout(row: Row) -> Readout:
    return Readout(
        id=row["id"],
        formula=row["formula"],
        noise=cast("Noise", row["noise"]),
        scaled=row["scaled"] == "yes",
        note=row["note"],
        where=row.where,
    )


def _point(row: Row) -> Point:
    return Point(
        id=row["id"],
        readout=row["readout"],
        context=row["context"],
        setting=MappingProxyType(_values(row["setting"])),
        cxcl12_nM=float(row["cxcl12_nM"]),
        time_min=float(row["time_min"]),
        value=float(row["value"]),
        sd=float(row["sd"]),
        source=split_ids(row["source"]),
        role=row["role"],
        note=row["note"],
        where=row.where,
    )


def _prior(row: Row) -> Prior:
    return Prior(id=row["id"], median=float(row["median"]), note=row["note"], where=row.where)


def _values(text: str) -> dict[str, float]:
    found = {}
    for part in split_ids(text):
        name, _, value = part.partition("=")
        number = parse_number(value)
        found[name] = math.nan if number is None else number
    return found


def _readout_findings(row: Row) -> Iterator[Finding]:
    if _FORMULA.match(row["formula"]) is None:
        cure = "Write quantities of the model with + - * / between, spaces around."
        yield bad_cell("CELLFIT001", row, "formula", cure)
    yield from choice_findings("CELLFIT002", row, "noise", NOISES)
    yield from choice_findings("CELLFIT002", row, "scaled", ("yes", "no"))
    if not row["note"]:
        yield bad_cell("CELLFIT003", row, "note", "Say what the value is.")


def _point_findings(
    row: Row,
    readouts: Mapping[str, Readout],
    contexts: Collection[str],
    evidence: Mapping[str, Evidence],
) -> Iterator[Finding]:
    if row["readout"] not in readouts:
        yield bad_cell("CELLFIT004", row, "readout", did_you_mean(row["readout"], readouts))
    if row["context"] not in contexts:
        yield bad_cell("CELLFIT004", row, "context", did_you_mean(row["context"], contexts))
    if any(not name or math.isnan(value) for name, value in _values(row["setting"]).items()):
        yield bad_cell("CELLFIT005", row, "setting", "Write input=number, with ; between.")
    dose = parse_number(row["cxcl12_nM"])
    if dose is None or dose < 0:
        yield bad_cell("CELLFIT006", row, "cxcl12_nM", "Give a number, 0 or more.")
    for name in ("time_min", "sd"):
        number = parse_number(row[name])
        if number is None or not number > 0:
            yield bad_cell("CELLFIT006", row, name, "Give a number above 0.")
    value = parse_number(row["value"])
    positive = row["readout"] in readouts and readouts[row["readout"]].noise == "log-normal"
    if value is None or (positive and not value > 0):
        cure = "Give a number, above 0 where the noise is log-normal."
        yield bad_cell("CELLFIT006", row, "value", cure)
    cited = split_ids(row["source"])
    if not cited:
        yield bad_cell("CELLFIT007", row, "source", "Name the evidence rows it rests on.")
    yield from citation_findings(
        cited, evidence, where=row.where, citer=row["id"], code="CELLFIT007"
    )
    for item in cited:
        if item in evidence and evidence[item].role not in {row["role"], "held_out"}:
            message = (
                f"{row['id']}: role is {row['role']!r}, its source {item} is "
                f"{evidence[item].role!r}. Give the point the role of its source."
            )
            yield error("CELLFIT008", row.where, message)


def _prior_findings(row: Row, parameters: Parameters) -> Iterator[Finding]:
    median = parse_number(row["median"])
    if median is None or not median > 0:
        yield bad_cell("CELLFIT009", row, "median", "Give a number above 0.")
    if row["id"] not in parameters:
        yield bad_cell("CELLFIT010", row, "id", did_you_mean(row["id"], parameters))
    elif parameters[row["id"]].scale != "log" or parameters[row["id"]].spread == 0:
        cure = "Only a parameter on the log scale with a spread above 0 can be set free."
        yield bad_cell("CELLFIT010", row, "id", cure)
    if not row["note"]:
        yield bad_cell("CELLFIT003", row, "note", "Say where the median comes from.")
