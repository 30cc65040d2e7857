"""The committed result of the calibration: its records, and the tables they are kept in."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Final, cast

from cxaxis.core.errors import CxaxisError
from cxaxis.core.hashing import sha256_text
from cxaxis.inference.uncertainty import NOT_LEARNED, Identifiable
from cxaxis.knowledge.posteriors import CELL_POSTERIOR_FILE, COMMAND
from cxaxis.knowledge.tables import Row, read_table

PARAMETERS_FILE: Final = "cell_fit_parameters.tsv"
POINTS_FILE: Final = "cell_fit_points.tsv"
STARTS_FILE: Final = "cell_fit_starts.tsv"
FEATURES_FILE: Final = "cell_fit_features.tsv"
SUMMARY_FILE: Final = "cell_fit_summary.tsv"
_PARAMETER_COLUMNS: Final = (
    *("id", "unit", "prior_median", "prior_sd", "value", "laplace_sd", "draw_sd"),
    *("profile_low", "profile_high", "rise_low", "rise_high", "identifiable"),
)
_POINT_COLUMNS: Final = ("id", "measured", "sd", "model", "residual")
_START_COLUMNS: Final = ("start", "misfit_at_start", "misfit", "evaluations", "largest_shift_sd")
_FEATURE_COLUMNS: Final = (
    "id",
    "role",
    "value",
    "draw_low",
    "draw_high",
    "share_read",
    "share_inside",
)
_SUMMARY_COLUMNS: Final = ("key", "value")


class StaleFitError(CxaxisError):
    """The committed calibration is missing or malformed; the message names the command."""


@dataclass(frozen=True, kw_only=True)
class FittedParameter:
    """One row of the fit report.

    Attributes
    ----------
    id, unit
        Parameter and unit of its table.
    prior_median, value
        Before and after, in `unit`.
    prior_sd, laplace_sd, draw_sd
        Standard deviations of the logarithm: of the prior, of the posterior near its best place,
        of the draws.
    profile_low, profile_high
        Ends of the 95 % profile of the points, in `unit`; NaN where it stays open.
    rise_low, rise_high
        Largest rise of the misfit seen on each side.
    identifiable
        Whether the points hold it on both sides, one side or neither.
    """

    id: str
    unit: str
    prior_median: float
    prior_sd: float
    value: float
    laplace_sd: float
    draw_sd: float
    profile_low: float
    profile_high: float
    rise_low: float
    rise_high: float
    identifiable: Identifiable

    @property
    def ratio(self) -> float:
        """Standard deviation of the posterior over that of the prior."""
        return self.laplace_sd / self.prior_sd

    @property
    def is_learned(self) -> bool:
        """Whether the posterior is narrower than nine tenths of the prior."""
        return self.ratio <= NOT_LEARNED


@dataclass(frozen=True, kw_only=True)
class FittedPoint:
    """One point beside what the model says; residual in standard deviations."""

    id: str
    measured: float
    sd: float
    model: float
    residual: float


@dataclass(frozen=True, kw_only=True)
class FittedStart:
    """One search: misfit before and after, and how far its end lies from the best."""

    start: str
    misfit_at_start: float
    misfit: float
    evaluations: int
    largest_shift_sd: float


@dataclass(frozen=True, kw_only=True)
class FittedFeature:
    """One observation at the best place and over the draws (5 to 95 %).

    Of the draws, `share_read` gave a value and `share_inside` one within the observed range.
    """

    id: str
    role: str
    value: float
    draw_low: float
    draw_high: float
    share_read: float
    share_inside: float


@dataclass(frozen=True, kw_only=True)
class CellCalibration:
    """Everything that the calibration found.

    Attributes
    ----------
    parameters, points, starts, features
        The tables of the report.
    draws
        Draw -> parameter -> value in the unit of the parameter table.
    summary
        ``input_hash, misfit_points, misfit_priors, seed``.
    """

    parameters: tuple[FittedParameter, ...]
    points: tuple[FittedPoint, ...]
    starts: tuple[FittedStart, ...]
    features: tuple[FittedFeature, ...]
    draws: tuple[Mapping[str, float], ...]
    summary: Mapping[str, str]


def problem_hash(texts: Mapping[str, str]) -> str:
    """Return the hash of a problem without its nominal values.

    Parameters
    ----------
    texts
        Files of the problem by name, written with the nominal values at the prior.
    """
    return sha256_text("\n".join(f"{name}\n{texts[name]}" for name in sorted(texts)))


def calibration_texts(fit: CellCalibration) -> dict[str, str]:
    """Return the text of every table of a calibration by its name."""
    names = [item.id for item in fit.parameters]
    return {
        PARAMETERS_FILE: _text(
            _PARAMETER_COLUMNS, (_cells(item, _PARAMETER_COLUMNS) for item in fit.parameters)
        ),
        POINTS_FILE: _text(_POINT_COLUMNS, (_cells(item, _POINT_COLUMNS) for item in fit.points)),
        STARTS_FILE: _text(_START_COLUMNS, (_cells(item, _START_COLUMNS) for item in fit.starts)),
        FEATURES_FILE: _text(
            _FEATURE_COLUMNS, (_cells(item, _FEATURE_COLUMNS) for item in fit.features)
        ),
        SUMMARY_FILE: _text(_SUMMARY_COLUMNS, fit.summary.items()),
        CELL_POSTERIOR_FILE: _text(
            ("draw", *names),
            ((str(k), *(_number(row[name]) for name in names)) for k, row in enumerate(fit.draws)),
        ),
    }


def load_calibration(folder: Path) -> CellCalibration:
    """Return the calibration kept in a folder.

    Parameters
    ----------
    folder
        Where the tables are.

    Raises
    ------
    StaleFitError
        If a table is missing or malformed.
    UserInputError
        If the draws are.
    """
    from cxaxis.knowledge.posteriors import load_cell_posterior

    return CellCalibration(
        parameters=tuple(
            FittedParameter(
                id=row["id"],
                unit=row["unit"],
                identifiable=cast("Identifiable", row["identifiable"]),
                **{name: float(row[name]) for name in _PARAMETER_COLUMNS[2:-1]},
            )
            for row in _rows(folder, PARAMETERS_FILE, _PARAMETER_COLUMNS)
        ),
        points=tuple(
            FittedPoint(id=row["id"], **{name: float(row[name]) for name in _POINT_COLUMNS[1:]})
            for row in _rows(folder, POINTS_FILE, _POINT_COLUMNS)
        ),
        starts=tuple(
            FittedStart(
                start=row["start"],
                misfit_at_start=float(row["misfit_at_start"]),
                misfit=float(row["misfit"]),
                evaluations=int(row["evaluations"]),
                largest_shift_sd=float(row["largest_shift_sd"]),
            )
            for row in _rows(folder, STARTS_FILE, _START_COLUMNS)
        ),
        features=tuple(
            FittedFeature(
                id=row["id"],
                role=row["role"],
                **{name: float(row[name]) for name in _FEATURE_COLUMNS[2:]},
            )
            for row in _rows(folder, FEATURES_FILE, _FEATURE_COLUMNS)
        ),
        draws=tuple(load_cell_posterior(folder / CELL_POSTERIOR_FILE).values()),
        summary=MappingProxyType(
            {row["key"]: row["value"] for row in _rows(folder, SUMMARY_FILE, _SUMMARY_COLUMNS)}
        ),
    )


def _rows(folder: Path, name: str, columns: Sequence[str]) -> tuple[Row, ...]:
    table = read_table(folder / name, name, columns, key=(columns[0],))
    if table.findings:
        msg = f"{'; '.join(str(item) for item in table.findings)} Run: {COMMAND}"
        raise StaleFitError(msg)
    return table.rows


def _cells(record: object, columns: Sequence[str]) -> list[str]:
    values = [getattr(record, name) for name in columns]
    return [_number(value) if isinstance(value, float) else str(value) for value in values]


def _number(value: float) -> str:
    return "nan" if math.isnan(value) else f"{value:.6g}"


def _text(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    return "".join("\t".join(cells) + "\n" for cells in (columns, *rows))
