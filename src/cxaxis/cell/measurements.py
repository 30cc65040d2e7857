"""A laboratory's own measurements: each line of its file as a reading of the virtual bench.

Every line says what was read, when, after how much CXCL12 and under which condition. Units are
converted once, here; readings on a scale of their own (arbitrary units) are marked, and a factor
is fitted to them later.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Final

from cxaxis.cell.assays import ASSAYS, CONTROL
from cxaxis.cell.laboratory_csv import TextRow, TextTable, is_missing, number, read_laboratory_csv
from cxaxis.cell.measured_conditions import Condition, condition_of
from cxaxis.cell.measured_units import UnitReading, cxcl12_factor, reading_of, readout_named
from cxaxis.core.errors import Finding, error, raise_on_errors
from cxaxis.core.ids import did_you_mean, nearest
from cxaxis.core.units import conversion_factor
from cxaxis.knowledge.cell_contexts import load_cell_contexts

TIME_UNITS: Final[Mapping[str, str]] = MappingProxyType(
    {
        **dict.fromkeys(("s", "sec", "second", "seconds"), "second"),
        **dict.fromkeys(("min", "minute", "minutes"), "minute"),
        **dict.fromkeys(("h", "hr", "hour", "hours"), "hour"),
        **dict.fromkeys(("d", "day", "days"), "day"),
    }
)
CXCL12_UNITS: Final[Mapping[str, str]] = MappingProxyType(
    {"nm": "nM", "pm": "pM", "um": "uM", "ng_ml": "ng/mL", "ug_ml": "ug/mL"}
)
TIME_COLUMNS: Final = tuple(f"time_{unit}" for unit in TIME_UNITS)
CXCL12_COLUMNS: Final = tuple(f"cxcl12_{unit}" for unit in CXCL12_UNITS)
KNOWN_COLUMNS: Final = (
    *("readout", "value", "unit", "time", "time_unit", *TIME_COLUMNS),
    *("cxcl12", "cxcl12_unit", *CXCL12_COLUMNS),
    *("condition", "sd", "sem", "n", "replicate", "context", "assay", "source", "note"),
)
NUMERIC_COLUMNS: Final = (
    *("value", "time", *TIME_COLUMNS, "cxcl12", *CXCL12_COLUMNS, "sd", "sem", "n"),
)
MOST_DAYS: Final = 30.0
MOST_CXCL12_NM: Final = 1e6
MOST_ROWS: Final = 20_000


@dataclass(frozen=True, kw_only=True)
class Measurement:
    """One reading of a laboratory.

    Attributes
    ----------
    where
        ``file:line``.
    assay, context
        The assay that it is a reading of, and the kind of cell.
    readout
        What was read, a key of `READOUTS`.
    value
        The reading, in `unit`.
    unit
        Unit of the readout, or the laboratory's own word where `scaled`.
    scaled
        Whether the reading is on a scale of its own, which a factor relates to the model.
    time_s
        Seconds after CXCL12.
    cxcl12_nM
        CXCL12 added, nM.
    condition
        What else was done.
    sd
        Standard deviation of the reading (of the mean where it is one), in `unit`; None if not
        said.
    replicate, source
        As in the file.
    """

    where: str
    assay: str
    context: str
    readout: str
    value: float
    unit: str
    scaled: bool
    time_s: float
    cxcl12_nM: float
    condition: Condition
    sd: float | None
    replicate: str
    source: str


@dataclass(frozen=True, kw_only=True)
class Measurements:
    """The readings of a file.

    Attributes
    ----------
    label
        The file.
    rows
        The readings in file order, at least one.
    notes
        How the file was read: separators, rows left out, units that were taken to mean something.
    """

    label: str
    rows: tuple[Measurement, ...]
    notes: tuple[str, ...]


def read_measurements(
    path: Path, *, context: str | None = None, assay: str | None = None
) -> Measurements:
    """Return the readings of a laboratory's file.

    Parameters
    ----------
    path
        CSV file with the columns ``readout``, ``value``, ``unit``, a time (``time_s``,
        ``time_min``, ``time_h``, ``time_day``, or ``time`` and ``time_unit``) and CXCL12
        (``cxcl12_nM``, ``cxcl12_pM``, ``cxcl12_ng_mL`` and so on, or ``cxcl12`` and
        ``cxcl12_unit``); optional ``condition``, ``sd`` or ``sem``, ``n``, ``replicate``,
        ``context``, ``assay`` and ``source``.
    context, assay
        Kind of cell and assay of lines that do not say; by default those of the assay, and the
        assay that reads such a readout.

    Raises
    ------
    UserInputError
        With every finding at once, each with its line and its cure.
    """
    table, findings = read_laboratory_csv(path, known=KNOWN_COLUMNS, numeric=NUMERIC_COLUMNS)
    problems = [*_column_findings(table), *findings]
    raise_on_errors([item for item in problems if item.code == "DATA010"] and problems)
    if len(table.rows) > MOST_ROWS:
        message = f"has {len(table.rows)} measurements; {MOST_ROWS} are the most. Thin it out."
        raise_on_errors([error("DATA003", table.label, message)])
    reader = _Reader(table, context, assay)
    rows = [found for row in table.rows if (found := reader.read(row)) is not None]
    problems += reader.findings
    if not rows and not problems:
        message = "has no line with a value. Fill in the column value."
        problems.append(error("DATA002", table.label, message))
    raise_on_errors(problems)
    return Measurements(label=table.label, rows=tuple(rows), notes=(*table.notes, *reader.told()))


def _column_findings(table: TextTable) -> Iterator[Finding]:
    """Yield what the header lacks or has twice in two forms."""
    where, columns = table.header_where, table.columns
    unknown = [name for name in columns if name and name not in KNOWN_COLUMNS]
    for name in ("readout", "value", "unit"):
        if name not in columns:
            close = nearest(name, unknown, most=1)
            hint = f"Is it {close[0]!r}? Rename that." if close else "Add it."
            unknown = [item for item in unknown if item not in close]
            message = f"the column {name} is missing. {hint}"
            yield error("DATA010", where, message)
    for name, suffixed, units in (
        ("time", TIME_COLUMNS, "s, min, h or day"),
        ("cxcl12", CXCL12_COLUMNS, "nM, pM, uM, ng/mL or ug/mL"),
    ):
        given = [item for item in columns if item == name or item in suffixed]
        printed = "time_min" if name == "time" else "cxcl12_nM"
        if not given:
            message = (
                f"the column of {name} is missing. Add {printed}, or {name} and {name}_unit "
                f"({units})."
            )
            yield error("DATA010", where, message)
        elif len(given) > 1:
            message = f"gives {name} more than once: {', '.join(given)}. Keep one column."
            yield error("DATA010", where, message)
        elif given == [name] and f"{name}_unit" not in columns:
            message = (
                f"{name} has no unit. Add the column {name}_unit ({units}), or rename {name} to "
                f"one with its unit, such as {printed}."
            )
            yield error("DATA010", where, message)
    for item in unknown:
        # A misspelt optional column would else be left out in silence.
        if nearest(item, KNOWN_COLUMNS, most=1):
            message = f"unknown column {item!r}. {did_you_mean(item, KNOWN_COLUMNS)}"
            yield error("DATA008", where, message)
    if "sd" in columns and "sem" in columns:
        message = "gives sd and sem. Keep one: sem is of the mean, sd of single readings."
        yield error("DATA010", where, message)


class _Reader:
    """Lines to readings, one after the other; findings and what is to be said pile up."""

    def __init__(self, table: TextTable, context: str | None, assay: str | None) -> None:
        self.findings: list[Finding] = []
        self._contexts = load_cell_contexts()
        self._context, self._assay = context, assay
        self._dropped: list[str] = []
        self._without_sd: list[str] = []
        self._said: dict[str, None] = {}
        self._time = next(name for name in table.columns if name in ("time", *TIME_COLUMNS))
        self._cxcl12 = next(name for name in table.columns if name in ("cxcl12", *CXCL12_COLUMNS))

    def told(self) -> Iterator[str]:
        """Yield what a reader of the results should know of how the lines were read."""
        if self._dropped:
            count = len(self._dropped)
            lines = _some([where.rpartition(":")[2] for where in self._dropped])
            yield f"{count} line{'s' * (count > 1)} without a value left out: {lines}."
        if self._without_sd:
            lines = _some([where.rpartition(":")[2] for where in self._without_sd])
            yield f"an sd of 0 was taken as not known: line {lines}."
        yield from self._said

    def read(self, row: TextRow) -> Measurement | None:
        """Return the reading of a line; None if it holds none, or something is wrong with it."""
        if is_missing(row.get("value")):
            self._dropped.append(row.where)
            return None
        before = len(self.findings)
        value = self._number(row, "value")
        assay, readout, reading = self._what(row)
        time_s = self._time_s(row)
        dose_nM = self._cxcl12_nM(row)
        context = self._one_of(row, "context", self._context, self._contexts)
        condition = self._condition(row, assay, context)
        sd = self._sd(row)
        if len(self.findings) > before or None in (value, reading, time_s, dose_nM, condition):
            return None
        assert value is not None
        assert reading is not None
        assert time_s is not None
        assert dose_nM is not None
        assert condition is not None
        return Measurement(
            where=row.where,
            assay=assay,
            context=context or ASSAYS[assay].context,
            readout=reading.readout or readout,
            value=value * reading.factor,
            unit=reading.unit,
            scaled=reading.scaled,
            time_s=time_s,
            cxcl12_nM=dose_nM,
            condition=condition,
            sd=None if sd is None else sd * reading.factor,
            replicate=row.get("replicate"),
            source=row.get("source"),
        )

    def _what(self, row: TextRow) -> tuple[str, str, UnitReading | None]:
        """Return assay and readout of a line, and how its unit is read."""
        readout, findings = readout_named(row.get("readout"), row.where)
        self.findings += findings
        assay = self._one_of(row, "assay", self._assay, ASSAYS)
        if readout is None:
            return assay or "phospho", "", None
        reading, findings = reading_of(readout, row.get("unit"), row.where)
        self.findings += findings
        if reading is not None and reading.said:
            self._said.setdefault(reading.said)
        return assay or assay_reading(readout, row.get("condition")), readout, reading

    def _one_of(
        self, row: TextRow, column: str, usual: str | None, known: Mapping[str, object]
    ) -> str | None:
        text = row.get(column).lower()
        if is_missing(text):
            return usual
        if text not in known:
            message = f"there is no {column} {text!r}. {did_you_mean(text, known)}"
            self.findings.append(error("DATA011", row.where, message))
            return usual
        return text

    def _condition(self, row: TextRow, assay: str, context: str | None) -> Condition | None:
        condition, findings = condition_of(
            row.get("condition"), row.where, assay=ASSAYS[assay], context=context
        )
        self.findings += findings
        return condition

    def _number(self, row: TextRow, column: str, *, least: float | None = None) -> float | None:
        text = row.get(column)
        name = column.partition("_")[0]
        value = number(text)
        if value is None:
            what = "is empty" if not text else f"is {text!r}, which is no number"
            cure = "Write a number with a decimal point."
            self.findings.append(error("DATA012", row.where, f"{name} {what}. {cure}"))
        elif least is not None and value < least:
            message = f"{name} is {text}. Give {least:g} or more."
            self.findings.append(error("DATA013", row.where, message))
            return None
        return value

    def _time_s(self, row: TextRow) -> float | None:
        value = self._number(row, self._time, least=0.0)
        unit = row.get("time_unit") if self._time == "time" else self._time.partition("_")[2]
        if unit.lower().rstrip(".") not in TIME_UNITS:
            message = f"time_unit is {unit!r}. Give s, min, h or day."
            self.findings.append(error("DATA014", row.where, message))
            return None
        if value is None:
            return None
        time_s = value * conversion_factor(TIME_UNITS[unit.lower().rstrip(".")], "second")
        if time_s > MOST_DAYS * conversion_factor("day", "second"):
            message = f"{self._time} is later than {MOST_DAYS:g} days. Check the unit of time."
            self.findings.append(error("DATA013", row.where, message))
            return None
        return time_s

    def _cxcl12_nM(self, row: TextRow) -> float | None:
        value = self._number(row, self._cxcl12, least=0.0)
        if self._cxcl12 == "cxcl12":
            unit = row.get("cxcl12_unit")
        else:
            unit = CXCL12_UNITS[self._cxcl12.partition("_")[2]]
        if value == 0 and not unit:
            return 0.0
        factor, findings = cxcl12_factor(unit, row.where)
        self.findings += findings
        if value is None or factor is None:
            return None
        if value * factor > MOST_CXCL12_NM:
            message = f"CXCL12 is above {MOST_CXCL12_NM:g} nM. Check its unit."
            self.findings.append(error("DATA013", row.where, message))
            return None
        return value * factor

    def _sd(self, row: TextRow) -> float | None:
        """Return the standard deviation of the reading as it stands in the file."""
        column = "sem" if row.get("sem") else "sd"
        n = 1.0
        if not is_missing(row.get("n")):
            counted = self._number(row, "n", least=1.0)
            if counted is not None and not counted.is_integer():
                message = f"n is {row.get('n')}. Give how many readings the value is the mean of."
                self.findings.append(error("DATA013", row.where, message))
            n = counted or 1.0
        if is_missing(row.get(column)):
            return None
        sd = self._number(row, column, least=0.0)
        if sd == 0:
            self._without_sd.append(row.where)
            return None
        return sd if sd is None or column == "sem" else sd / math.sqrt(n)


def assay_reading(readout: str, condition: str = "") -> str:
    """Return the assay that a reading is most likely of.

    Among the assays that show the readout, the first that knows the condition by name, else the
    first that reads over time, else any.
    """
    stem = _stem(readout)
    showing = [item for item in ASSAYS.values() if stem in {_stem(name) for name in item.readouts}]
    over_time = [item for item in showing if item.reading == "every"]
    done = {part.partition("=")[0].strip().lower() for part in condition.split("+")} - {CONTROL}
    knowing = [item for item in over_time if done & set(item.conditions)]
    return next((item.id for item in (*knowing, *over_time, *showing)), "phospho")


def _stem(readout: str) -> str:
    return re.sub(r"_(nM|fold|share)\Z", "", readout)


def _some(lines: Sequence[str], most: int = 8) -> str:
    told = ", ".join(lines[:most])
    return told if len(lines) <= most else f"{told} and {len(lines) - most} more"
