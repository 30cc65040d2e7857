"""Radionuclides of the tracers and of their therapy partners: half-life and emissions.

One row is one reading of one nuclide. Energies and yields of photons come in numbered lines,
each line with both.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Final, Literal, cast, get_args

from cxaxis.core.errors import Finding, error, raise_on_errors
from cxaxis.core.ids import did_you_mean
from cxaxis.core.units import conversion_factor
from cxaxis.knowledge.evidence import Evidence, citation_findings, load_evidence
from cxaxis.knowledge.readings import (
    READING_STATUS,
    ReadingStatus,
    basis_faults,
    interval_faults,
    unit_factor,
)
from cxaxis.knowledge.tables import (
    Row,
    bad_cell,
    choice_findings,
    parse_number,
    read_table,
    split_ids,
)

Emission = Literal["positron", "photon", "beta"]

EMISSIONS: Final[tuple[Emission, ...]] = get_args(Emission)
QUANTITY_UNITS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "half_life": "h",
        "positron_yield": "1",
        "positron_mean_energy": "keV",
        "positron_endpoint_energy": "keV",
        "positron_mean_range": "mm",
        "photon_energy": "keV",
        "photon_yield": "1",
        "beta_yield": "1",
        "beta_mean_energy": "keV",
    }
)
"""Quantities of a nuclide, each with a unit of its dimension; yields are per decay."""
MOST_PER_DECAY: Final[Mapping[str, float]] = MappingProxyType(
    {"positron_yield": 1.0, "beta_yield": 1.0, "photon_yield": 2.0}
)
"""Largest possible yields; electron capture and conversion together give up to two K x-rays."""
ISOTOPE_COLUMNS: Final = (
    "id",
    "quantity",
    "line",
    "value",
    "low",
    "high",
    "unit",
    "status",
    "evidence",
    "note",
)

_ID = re.compile(r"([a-z]{1,2})([1-9][0-9]{0,2})\Z")
_LINE = re.compile(r"[1-9]\Z")


@dataclass(frozen=True, kw_only=True)
class IsotopeReading:
    """One number of a nuclide.

    Attributes
    ----------
    quantity
        One of `QUANTITY_UNITS`.
    line
        Number of the photon line, 0 for what is no photon.
    value
        The number, positive.
    low, high
        Interval around it, None where it has none.
    unit
        Unit of the three.
    status
        ``seen``, ``recalled``, ``derived``, ``assumed`` or ``disputed``.
    evidence
        Ids of evidence rows.
    note
        What a reader should know.
    where
        ``file:line`` of the row.
    """

    quantity: str
    line: int
    value: float
    low: float | None
    high: float | None
    unit: str
    status: ReadingStatus
    evidence: tuple[str, ...]
    note: str
    where: str

    def value_in(self, unit: str) -> float:
        """Return the number in another unit of its dimension."""
        return self.value * conversion_factor(self.unit, unit)


@dataclass(frozen=True, kw_only=True)
class Isotope:
    """A radionuclide.

    Attributes
    ----------
    id
        House id, such as ``f18``.
    readings
        What is known of it, by quantity and photon line.
    sound
        Whether every row of it could be used; a loader that raises yields sound ones alone.
    where
        ``file:line`` of its first row.
    """

    id: str
    readings: Mapping[tuple[str, int], IsotopeReading]
    sound: bool
    where: str

    @property
    def symbol(self) -> str:
        """Mass number and element, such as ``18F``."""
        match = _ID.match(self.id)
        return self.id if match is None else f"{match[2]}{match[1].title()}"

    @property
    def half_life_h(self) -> float:
        """Physical half-life, hours."""
        return self.readings["half_life", 0].value_in("h")

    @property
    def emissions(self) -> tuple[Emission, ...]:
        """What it emits, as far as a yield is given."""
        given = {quantity for quantity, _ in self.readings}
        return tuple(kind for kind in EMISSIONS if f"{kind}_yield" in given)

    @property
    def positron_yield(self) -> float:
        """Positrons per decay, 0 for a nuclide that emits none."""
        reading = self.readings.get(("positron_yield", 0))
        return 0.0 if reading is None else reading.value

    @property
    def photon_lines(self) -> tuple[tuple[float, float], ...]:
        """Energy (keV) and yield per decay of each photon line, in order of line."""
        lines = sorted(line for quantity, line in self.readings if quantity == "photon_energy")
        return tuple(
            (
                self.readings["photon_energy", line].value_in("keV"),
                self.readings["photon_yield", line].value,
            )
            for line in lines
        )


def load_isotopes(
    path: Path | None = None, *, evidence: Mapping[str, Evidence] | None = None
) -> Mapping[str, Isotope]:
    """Return the radionuclides by id, in file order.

    Parameters
    ----------
    path
        Table to read; None reads the one that ships with the package.
    evidence
        Evidence that rows may cite; None loads the rows that ship with the package.

    Raises
    ------
    UserInputError
        With every finding at once.
    """
    known = load_evidence() if evidence is None else evidence
    isotopes, findings = read_isotopes(path, evidence=known)
    raise_on_errors(findings)
    return isotopes


def read_isotopes(
    path: Path | None = None, *, evidence: Mapping[str, Evidence]
) -> tuple[Mapping[str, Isotope], tuple[Finding, ...]]:
    """Return the radionuclides, faulty ones included, and every finding on the table."""
    table = read_table(path, "isotopes.tsv", ISOTOPE_COLUMNS, key=("id", "quantity", "line"))
    findings = list(table.findings)
    rows: dict[str, list[Row]] = {}
    for row in table.rows:
        if _ID.match(row["id"]) is None:
            cure = "Write element and mass number, such as f18."
            findings.append(bad_cell("ISOT001", row, "id", cure))
            continue
        rows.setdefault(row["id"], []).append(row)
    isotopes: dict[str, Isotope] = {}
    for identity, its_rows in rows.items():
        found = [item for row in its_rows for item in _row_findings(row, evidence)]
        readings = {} if found else {_key(row): _reading(row) for row in its_rows}
        if not found:
            found += _isotope_findings(identity, readings, its_rows[0].where)
        findings += found
        # A faulty nuclide stays known, so that the tracers that carry it are not blamed as well.
        isotopes[identity] = Isotope(
            id=identity,
            readings=MappingProxyType(readings),
            sound=not found,
            where=its_rows[0].where,
        )
    return MappingProxyType(isotopes), tuple(findings)


def cited_evidence(isotope: Isotope) -> frozenset[str]:
    """Return the ids of every evidence row that a nuclide cites."""
    return frozenset(item for row in isotope.readings.values() for item in row.evidence)


def _key(row: Row) -> tuple[str, int]:
    return row["quantity"], int(row["line"] or 0)


def _reading(row: Row) -> IsotopeReading:
    return IsotopeReading(
        quantity=row["quantity"],
        line=int(row["line"] or 0),
        value=float(row["value"]),
        low=parse_number(row["low"]),
        high=parse_number(row["high"]),
        unit=row["unit"],
        status=cast("ReadingStatus", row["status"]),
        evidence=split_ids(row["evidence"]),
        note=row["note"],
        where=row.where,
    )


def _row_findings(row: Row, evidence: Mapping[str, Evidence]) -> Iterator[Finding]:
    name = f"{row['id']}.{row['quantity']}"
    if row["quantity"] not in QUANTITY_UNITS:
        hint = did_you_mean(row["quantity"], QUANTITY_UNITS)
        yield bad_cell("ISOT002", row, "quantity", hint)
        return
    line = _LINE.match(row["line"]) is not None
    if line != row["quantity"].startswith("photon_") or (row["line"] and not line):
        cure = "Number the lines of photons from 1 to 9; leave the cell empty for all else."
        yield bad_cell("ISOT003", row, "line", cure)
    yield from choice_findings("ISOT006", row, "status", READING_STATUS)
    cited = split_ids(row["evidence"])
    yield from citation_findings(cited, evidence, where=row.where, citer=name, code="ISOT007")
    faults = list(_number_findings(row))
    yield from faults
    if not faults and row["status"] in READING_STATUS:
        status = cast("ReadingStatus", row["status"])
        value = float(row["value"])
        for fault in basis_faults(value, row["unit"], status, row["note"], cited, evidence):
            yield error("ISOT008", row.where, f"{name}: {fault}")


def _number_findings(row: Row) -> Iterator[Finding]:
    """Yield what is wrong with value, interval and unit."""
    like = QUANTITY_UNITS[row["quantity"]]
    factor = unit_factor(row["unit"], like)
    if factor is None:
        yield bad_cell("ISOT005", row, "unit", f"Give a unit such as {like}.")
    value = parse_number(row["value"])
    if value is None or value <= 0:
        yield bad_cell("ISOT004", row, "value", "Give a positive number.")
        return
    for column in ("low", "high"):
        if row[column] and parse_number(row[column]) is None:
            yield bad_cell("ISOT004", row, column, "Give a number, or leave the cell empty.")
    most = MOST_PER_DECAY.get(row["quantity"])
    if most is not None and factor is not None and value * factor > most:
        cure = f"A yield is a number per decay, here at most {most:g}."
        yield bad_cell("ISOT004", row, "value", cure)
    for fault in interval_faults(value, parse_number(row["low"]), parse_number(row["high"])):
        yield error("ISOT004", row.where, f"{row['id']}.{row['quantity']}: {fault}")


def _isotope_findings(
    identity: str, readings: Mapping[tuple[str, int], IsotopeReading], where: str
) -> Iterator[Finding]:
    """Yield what a nuclide lacks."""
    given = {quantity for quantity, _ in readings}
    if "half_life" not in given:
        yield error("ISOT009", where, f"{identity}: half_life is missing. Add the row.")
    if not given & {"photon_energy", *(f"{kind}_yield" for kind in EMISSIONS)}:
        kinds = ", ".join(f"{kind}_yield" for kind in EMISSIONS)
        yield error("ISOT009", where, f"{identity}: no yield is given. Add one of {kinds}.")
    for quantity, other in (("photon_energy", "photon_yield"), ("photon_yield", "photon_energy")):
        for key, reading in readings.items():
            if key[0] == quantity and (other, key[1]) not in readings:
                message = f"{identity}: photon line {key[1]} has no {other}. Add the row."
                yield error("ISOT009", reading.where, message)
