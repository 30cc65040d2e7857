"""Arrays and names shared by the stages of the calibration to control arms."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from scipy.special import expit, logit, ndtr, ndtri

from cxaxis.core.arrays import FloatArray, IntArray
from cxaxis.core.errors import CxaxisError, Finding, ModelValueError, raise_on_errors
from cxaxis.knowledge.landmarks import Landmark, load_landmarks
from cxaxis.knowledge.parameters import UNIFORM_SHARES, Parameter, load_parameters
from cxaxis.knowledge.tables import Row, bad_cell, parse_number, read_table, sound_rows

__all__ = [
    "FittedChoice",
    "Landmark",
    "PoolArrays",
    "fitted_ids",
    "from_z",
    "load_landmarks",
    "load_pool",
    "save_pool",
    "to_z",
]

MOST_FITTED: Final = 15
#: Shares are kept this far from 0 and 1, so that their logits stay finite.
FLOOR: Final = 0.005
FITTED_COLUMNS: Final = ("id", "rank", "influence", "why")
#: A share is not known better than one uniform draw in some millions.
_EDGE: Final = 1e-12


class PoolFileError(CxaxisError):
    """A pool file is missing or malformed; the message names it."""


@dataclass(frozen=True, kw_only=True)
class PoolArrays:
    """Populations drawn from what is not known, and what the model says of each landmark.

    Attributes
    ----------
    parameter_ids
        Length P.
    unit_theta
        Standard normal scores of the population parameters under the prior, shape ``(N, P)``;
        see `to_z`.
    landmark_ids
        Length L.
    share
        Share the model expects, in (0, 1), not a number where the population failed, shape
        ``(N, L)``.
    share_se
        Standard error of `share` from having few patients, same shape.
    population_draw
        Number of each draw, shape ``(N,)``.
    wiring
        Options that differ from the default, or ``default``, shape ``(N,)``.
    """

    parameter_ids: tuple[str, ...]
    unit_theta: FloatArray
    landmark_ids: tuple[str, ...]
    share: FloatArray
    share_se: FloatArray
    population_draw: IntArray
    wiring: np.ndarray

    def __post_init__(self) -> None:
        n, p, length = len(self.population_draw), len(self.parameter_ids), len(self.landmark_ids)
        shapes = {
            "unit_theta": (self.unit_theta.shape, (n, p)),
            "share": (self.share.shape, (n, length)),
            "share_se": (self.share_se.shape, (n, length)),
            "wiring": (self.wiring.shape, (n,)),
        }
        wrong = [f"{k} {got} for {want}" for k, (got, want) in shapes.items() if got != want]
        if wrong:
            msg = f"shapes of a pool disagree: {'; '.join(wrong)}."
            raise ModelValueError(msg)

    def __len__(self) -> int:
        return len(self.population_draw)

    def column(self, parameter: str) -> FloatArray:
        """Return the scores of one parameter, shape ``(N,)``."""
        return np.asarray(self.unit_theta[:, self.parameter_ids.index(parameter)])

    def joined(self, other: PoolArrays) -> PoolArrays:
        """Return the populations of both, of the same parameters and landmarks."""
        same = (self.parameter_ids, self.landmark_ids) == (other.parameter_ids, other.landmark_ids)
        if not same:
            msg = "two pools of different parameters or landmarks cannot be joined."
            raise ModelValueError(msg)
        return PoolArrays(
            parameter_ids=self.parameter_ids,
            landmark_ids=self.landmark_ids,
            unit_theta=np.concatenate([self.unit_theta, other.unit_theta]),
            share=np.concatenate([self.share, other.share]),
            share_se=np.concatenate([self.share_se, other.share_se]),
            population_draw=np.concatenate([self.population_draw, other.population_draw]),
            wiring=np.concatenate([self.wiring, other.wiring]),
        )


def to_z(row: Parameter, value: FloatArray | float) -> FloatArray:
    """Return the standard normal score of a population value under the row's prior.

    Parameters
    ----------
    row
        With a positive spread, or a causal share.
    value
        In the row's unit.

    Raises
    ------
    ModelValueError
        If the row is fixed.
    """
    number = np.asarray(value, dtype=float)
    if row.id in UNIFORM_SHARES:
        return np.asarray(ndtri(np.clip(number, _EDGE, 1.0 - _EDGE)))
    if row.widened_spread == 0:
        msg = f"{row.id} is fixed: its spread is 0, so that it has no score."
        raise ModelValueError(msg)
    if row.scale == "log":
        deviation = np.log(number) - np.log(row.value)
    elif row.scale == "logit":
        deviation = logit(number) - logit(row.value)
    else:
        deviation = number - row.value
    return np.asarray(deviation / row.widened_spread)


def from_z(row: Parameter, z: FloatArray | float) -> FloatArray:
    """Return the population value, in the row's unit, of a standard normal score.

    The inverse of `to_z`.
    """
    score = np.asarray(z, dtype=float)
    if row.id in UNIFORM_SHARES:
        return np.asarray(ndtr(score))
    deviation = row.widened_spread * score
    if row.scale == "log":
        return np.asarray(row.value * np.exp(deviation))
    if row.scale == "logit":
        return np.asarray(expit(logit(row.value) + deviation))
    return np.asarray(row.value + deviation)


def save_pool(pool: PoolArrays, path: Path) -> None:
    """Write a pool as one ``.npz`` file, whole or not at all."""
    from cxaxis.runs.files import write_durably

    def write(temporary: Path) -> None:
        with temporary.open("wb") as handle:
            np.savez_compressed(
                handle,
                parameter_ids=np.array(pool.parameter_ids),
                unit_theta=pool.unit_theta,
                landmark_ids=np.array(pool.landmark_ids),
                share=pool.share,
                share_se=pool.share_se,
                population_draw=pool.population_draw,
                wiring=np.asarray(pool.wiring, dtype=str),
            )

    write_durably(path, write)


def load_pool(path: Path) -> PoolArrays:
    """Read a pool that `save_pool` wrote.

    Raises
    ------
    PoolFileError
        If it is missing or no such file.
    """
    try:
        with np.load(path, allow_pickle=False) as kept:
            return PoolArrays(
                parameter_ids=tuple(str(name) for name in kept["parameter_ids"]),
                unit_theta=kept["unit_theta"],
                landmark_ids=tuple(str(name) for name in kept["landmark_ids"]),
                share=kept["share"],
                share_se=kept["share_se"],
                population_draw=kept["population_draw"],
                wiring=kept["wiring"],
            )
    except (OSError, ValueError, KeyError, EOFError) as err:
        msg = f"{path} is no pool of populations ({err}). Write it again with outcome_fit."
        raise PoolFileError(msg) from err


@dataclass(frozen=True, kw_only=True)
class FittedChoice:
    """A population parameter that is fitted to control arms, and why it was chosen.

    Attributes
    ----------
    id
        Parameter.
    rank
        Place by influence, 1 the greatest.
    influence
        Mean share of the variance of the fitted landmarks that it explains.
    why
        What it moves most.
    where
        ``file:line`` of the row.
    """

    id: str
    rank: int
    influence: float
    why: str
    where: str


def load_fitted(path: Path | None = None) -> Mapping[str, FittedChoice]:
    """Return the fitted population parameters by id, by rank.

    Raises
    ------
    UserInputError
        With every finding: more than `MOST_FITTED`, a fixed or unknown parameter, a bad number.
    """
    rows = load_parameters()

    def findings_of(row: Row) -> Iterator[Finding]:
        if row["id"] not in rows or rows[row["id"]].widened_spread == 0:
            cure = "Name a row of parameters.tsv with a spread."
            yield bad_cell("FITPOP001", row, "id", cure)
        if not row["rank"].isdecimal() or not 1 <= int(row["rank"]) <= MOST_FITTED:
            cure = f"Give a place from 1 to {MOST_FITTED}: no more than that are fitted."
            yield bad_cell("FITPOP002", row, "rank", cure)
        if parse_number(row["influence"]) is None:
            yield bad_cell("FITPOP003", row, "influence", "Give a number.")

    def record(row: Row) -> FittedChoice:
        return FittedChoice(
            id=row["id"],
            rank=int(row["rank"]),
            influence=float(row["influence"]),
            why=row["why"],
            where=row.where,
        )

    table = read_table(path, "fitted_population.tsv", FITTED_COLUMNS)
    chosen, findings = sound_rows(table, findings_of, record)
    raise_on_errors(findings)
    return chosen


def fitted_ids(path: Path | None = None) -> tuple[str, ...]:
    """Return the ids of the fitted population parameters, by rank."""
    return tuple(load_fitted(path))


def row_positions(ids: Sequence[str], wanted: Sequence[str]) -> IntArray:
    """Return where each of ``wanted`` stands in ``ids``, shape ``(len(wanted),)``."""
    return np.array([ids.index(name) for name in wanted], dtype=np.int64)
