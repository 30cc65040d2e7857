"""What is read from the course of a drug: levels, receptors held, ligand, cells of the blood."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Final, Literal

import numpy as np

from cxaxis.core.arrays import FloatArray
from cxaxis.patient.mobilisation import HOURS_PER_DAY, PER_MICROLITRE, count_summary
from cxaxis.patient.readouts import hours_above

#: Where receptors are read; and fluid -> the receptors that share its ligand.
PLACES: Final = ("tumour", "marrow")
FLUIDS: Final = {"plasma": "blood", "tumour": "tumour"}
_HALF: Final = 50.0
#: Unit of a multiple of what was there before anything was given.
RELATIVE_UNIT: Final = "x rest"

Group = Literal["exposure", "receptor", "ligand", "blood"]


@dataclass(frozen=True, kw_only=True)
class DrugCourse:
    """Courses of everybody under one treatment.

    Attributes
    ----------
    hours
        Time from the first dose of the drug, h, ascending, shape ``(n_time,)``; the first is
        before anything was given.
    treated_hours
        End of the last full interval between doses in the course, or of the course, h.
    values
        Series of `SERIES` -> its course, shape ``(n_person, n_time)``; not numbers where the
        simulation failed.
    failed
        People who could not be simulated to the end.
    """

    hours: FloatArray
    treated_hours: float
    values: Mapping[str, FloatArray] = field(repr=False)
    failed: int

    def treated(self) -> tuple[FloatArray, slice]:
        """Return the days of the treated window, and where it lies in the course."""
        first = int(np.searchsorted(self.hours, 0.0))
        last = int(np.searchsorted(self.hours, self.treated_hours, side="right"))
        return self.hours[first:last] / HOURS_PER_DAY, slice(first, last)


@dataclass(frozen=True, kw_only=True)
class Series:
    """A course that is shown: id, words for an axis, unit, and whether it is relative to rest."""

    id: str
    words: str
    unit: str
    relative: bool = False

    @property
    def shown_unit(self) -> str:
        """Unit in which it is shown: a multiple of rest, or its own."""
        return RELATIVE_UNIT if self.relative else self.unit


SERIES: Final = (
    Series(id="plasma_nM", words="Drug in plasma", unit="nM"),
    Series(id="plasma_ng_per_mL", words="Drug in plasma", unit="ng/mL"),
    Series(id="tumour_occupancy", words="CXCR4 held, tumour", unit="%"),
    Series(id="marrow_occupancy", words="CXCR4 held, marrow", unit="%"),
    Series(id="tumour_cxcr4", words="Surface CXCR4, tumour", unit="nM", relative=True),
    Series(id="marrow_cxcr4", words="Surface CXCR4, marrow", unit="nM", relative=True),
    Series(id="plasma_cxcl12_free", words="Free CXCL12, plasma", unit="nM", relative=True),
    Series(id="plasma_cxcl12_total", words="Total CXCL12, plasma", unit="nM", relative=True),
    Series(id="tumour_cxcl12_free", words="Free CXCL12, tumour", unit="nM", relative=True),
    Series(id="tumour_cxcl12_total", words="Total CXCL12, tumour", unit="nM", relative=True),
    Series(id="cd34", words="CD34+ cells in blood", unit="per uL"),
    Series(id="leukocytes", words="Leukocytes in blood", unit="per uL", relative=True),
)


@dataclass(frozen=True, kw_only=True)
class Reading:
    """One number read from a course.

    Attributes
    ----------
    id
        Name in tables.
    words
        What it is, with the place.
    unit
        Its unit; ``x rest`` for a multiple of what was there before anything was given.
    group
        Table it stands in.
    of
        Reads it from a course, shape ``(n_person,)``.
    """

    id: str
    words: str
    unit: str
    group: Group
    of: Callable[[DrugCourse], FloatArray] = field(repr=False)


def _highest(series: str) -> Callable[[DrugCourse], FloatArray]:
    return lambda course: np.asarray(course.values[series][:, course.treated()[1]].max(axis=1))


def _trough(series: str) -> Callable[[DrugCourse], FloatArray]:
    return lambda course: np.asarray(course.values[series][:, course.treated()[1]][:, -1])


def _mean(series: str, *, relative: bool = False) -> Callable[[DrugCourse], FloatArray]:
    def mean(course: DrugCourse) -> FloatArray:
        days, window = course.treated()
        level = course.values[series]
        found = np.trapezoid(level[:, window], days, axis=1) / (days[-1] - days[0])
        return np.asarray(found / level[:, 0] if relative else found)

    return mean


def _hours_above_half(series: str) -> Callable[[DrugCourse], FloatArray]:
    def hours(course: DrugCourse) -> FloatArray:
        days, window = course.treated()
        level = course.values[series][:, window]
        found = hours_above(days, level, _HALF)
        return np.where(np.isfinite(level).all(axis=1), found, np.nan)

    return hours


def _count(series: str, name: str) -> Callable[[DrugCourse], FloatArray]:
    def count(course: DrugCourse) -> FloatArray:
        full = np.isclose(course.hours % 1.0, 0.0)
        level = course.values[series][:, full]
        found = getattr(count_summary(course.hours[full], level / PER_MICROLITRE), name)
        return np.where(np.isfinite(level).all(axis=1), found, np.nan)

    return count


READINGS: Final = (
    *(
        Reading(
            id=f"{what}_{unit.replace('/', '_per_')}",
            words=words,
            unit=unit,
            group="exposure",
            of=read(f"plasma_{unit.replace('/', '_per_')}"),
        )
        for what, words, read in (("cmax", "Cmax", _highest), ("trough", "trough", _trough))
        for unit in ("nM", "ng/mL")
    ),
    *(
        Reading(
            id=f"{place}_occupancy_{what}",
            words=f"{place}, {words}",
            unit=unit,
            group="receptor",
            of=read(f"{place}_occupancy"),
        )
        for place in PLACES
        for what, words, unit, read in (
            ("mean", "mean", "%", _mean),
            ("trough", "trough", "%", _trough),
            ("hours_above_half", "above half", "h/day", _hours_above_half),
        )
    ),
    *(
        Reading(
            id=f"{place}_{what}_fold",
            words=f"{place}, {words}",
            unit=RELATIVE_UNIT,
            group="ligand",
            of=_mean(f"{place}_{what}", relative=True),
        )
        for what, words, places in (
            ("cxcl12_free", "free CXCL12", tuple(FLUIDS)),
            ("cxcl12_total", "total CXCL12", tuple(FLUIDS)),
            ("cxcr4", "surface CXCR4", PLACES),
        )
        for place in places
    ),
    *(
        Reading(id=id_, words=words, unit=unit, group="blood", of=_count(series, name))
        for id_, words, unit, series, name in (
            ("cd34_peak", "CD34+ peak", "per uL", "cd34", "peak"),
            ("cd34_fold", "CD34+ peak", RELATIVE_UNIT, "cd34", "fold"),
            ("cd34_peak_hour", "CD34+ peak at", "h", "cd34", "peak_hour"),
            ("cd34_hours_above_half", "CD34+ above half rise", "h", "cd34", "hours_above_half"),
            ("leukocyte_fold", "leukocyte peak", RELATIVE_UNIT, "leukocytes", "fold"),
        )
    ),
)
