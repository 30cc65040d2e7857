"""Predictions for a user's own patients: virtual patients conditioned on what is known of them.

A pool of virtual patients is followed under one arm. For each given patient the pool is weighted
by how alike it is in what is known (`cxaxis.cohort.similarity`); the weighted pool is the
predictive distribution. The bandwidth is chosen on one half of the pool, and the other half says
how well its members' own fates are predicted: in a world that is the model's, the best case.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from cxaxis.cohort.sample import Cohort, sample_cohort
from cxaxis.cohort.settings import SETTINGS
from cxaxis.cohort.similarity import BANDWIDTHS, similarity_weights, squared_distances
from cxaxis.cohort.user_patients import OwnPatients, known
from cxaxis.cohort.weights import effective_sample_size
from cxaxis.core.arrays import BoolArray, FloatArray, IntArray
from cxaxis.core.errors import ModelValueError
from cxaxis.core.ids import did_you_mean
from cxaxis.trial.jobs import set_up
from cxaxis.trial.pool import schedule_of, simulate_arm
from cxaxis.trial.protocol import Protocol
from cxaxis.trial.sightings import HAZARD_OUTPUTS

if TYPE_CHECKING:
    import pandas as pd

YEARS: Final = (1, 2, 3)
DAYS_PER_YEAR: Final = 365.25
HORIZON_DAY: Final = 1096.0
LOW: Final = 0.1
HIGH: Final = 0.9
#: Fewer patients of the pool than this worth say little of a patient.
FEW_ALIKE: Final = 10.0
LEAST_POOL: Final = 20
_CHECKED_YEAR: Final = 2


@dataclass(frozen=True, kw_only=True)
class FollowedPool:
    """Virtual patients followed under one arm.

    Attributes
    ----------
    cohort
        The patients.
    times_day
        Shape ``(n_time,)``, from 0 to `HORIZON_DAY`.
    alive
        Chance of each to be alive, shape ``(n_patient, n_time)``.
    dies_day
        The day on which each dies by its own draw, infinite beyond the horizon.
    """

    cohort: Cohort
    times_day: FloatArray
    alive: FloatArray
    dies_day: FloatArray

    def rows(self, positions: IntArray) -> FollowedPool:
        """Return the patients at positions."""
        chosen = np.asarray(positions, dtype=int)
        return FollowedPool(
            cohort=self.cohort.rows(chosen),
            times_day=self.times_day,
            alive=self.alive[chosen],
            dies_day=self.dies_day[chosen],
        )

    def alive_at(self, years: tuple[int, ...] = YEARS) -> FloatArray:
        """Return the chances to be alive after years, shape ``(n_patient, n_year)``."""
        days = [min(year * DAYS_PER_YEAR, HORIZON_DAY) for year in years]
        return np.array([np.interp(days, self.times_day, row) for row in self.alive])


@dataclass(frozen=True, kw_only=True)
class PredictionCheck:
    """How virtual patients that were left out fared against their predictions.

    Attributes
    ----------
    bandwidth
        Chosen on the other half.
    n
        Patients left out.
    below, inside, above
        Share that died before the 80 % interval of its survival, within it (or beyond what is
        followed), and after it.
    brier, brier_marginal
        Mean squared error of the chance to be alive after two years, and that of the pool's share.
    """

    bandwidth: float
    n: int
    below: float
    inside: float
    above: float
    brier: float
    brier_marginal: float


@dataclass(frozen=True, kw_only=True)
class Predictions:
    """Predictions of own patients.

    Attributes
    ----------
    table
        One row a patient, see `predict`.
    check
        On virtual patients.
    used, unused
        Covariates that entered, and those given that did not.
    """

    table: pd.DataFrame
    check: PredictionCheck
    used: tuple[str, ...]
    unused: tuple[str, ...]


def follow(protocol: Protocol, arm: str, n: int, *, seed: int, workers: int = 1) -> FollowedPool:
    """Sample a pool of a protocol's setting and follow it under one of its arms.

    Parameters
    ----------
    protocol
        Says the setting and what the arms are.
    arm
        Id of an arm.
    n
        Patients, at least `LEAST_POOL`.
    seed
        Of the pool.
    workers
        Processes of the screening.

    Raises
    ------
    ModelValueError
        If there is no such arm, or the pool is too small.
    """
    if arm not in protocol.arm_ids:
        msg = f"the protocol has no arm {arm!r}. {did_you_mean(arm, protocol.arm_ids)}"
        raise ModelValueError(msg)
    if n < LEAST_POOL:
        msg = f"a pool of {n} says little of anybody. Give at least {LEAST_POOL}."
        raise ModelValueError(msg)
    setup = set_up(protocol, {}, None)
    plan = next(item for item in setup.plans if item.id == arm)
    cohort = sample_cohort(
        n,
        seed,
        setting=protocol.population.setting,
        parameters=setup.parameters,
        model=setup.model,
        workers=workers,
    )
    schedule = schedule_of(
        horizon_day=HORIZON_DAY,
        first_visit_day=HORIZON_DAY / 2,
        visit_every_day=HORIZON_DAY / 2,
        pharmacology_until_day=0.0,
        surgery_days=() if plan.surgery_day is None else (plan.surgery_day,),
    )
    course = simulate_arm(setup.model, cohort, plan, schedule)
    hazard = np.sum([course.result.of(name) for name in HAZARD_OUTPUTS], axis=0)
    sound = np.flatnonzero(np.isfinite(hazard).all(axis=1))
    return FollowedPool(
        cohort=cohort.rows(sound),
        times_day=schedule.times_day,
        alive=np.exp(-hazard[sound]),
        dies_day=np.asarray(course.event_day["OS"])[sound],
    )


def _interval(alive: FloatArray, times: FloatArray) -> tuple[float, float]:
    """Return the days by which a tenth and nine tenths have died, infinite beyond the end."""
    dead = 1.0 - np.minimum.accumulate(alive)
    low, high = (
        float(np.interp(level, dead, times)) if dead[-1] >= level else np.inf
        for level in (LOW, HIGH)
    )
    return low, high


def _alike(
    patients: OwnPatients, pool: FollowedPool, names: tuple[str, ...], bandwidth: float
) -> FloatArray:
    squared = squared_distances(patients.covariates, pool.cohort.covariates, names)
    return similarity_weights(squared, bandwidth)


def _as_given(pool: FollowedPool, patients: OwnPatients, names: tuple[str, ...]) -> OwnPatients:
    """Return virtual patients of whom as much is known as a user's table holds."""
    about = pool.cohort.covariates
    covariates = {
        name: np.asarray(about[name]).astype(
            float if patients.covariates[name].dtype.kind == "f" else str
        )
        for name in names
    }
    return OwnPatients(subjects=pool.cohort.labels, covariates=covariates)


def check_predictions(
    pool: FollowedPool, patients: OwnPatients, names: tuple[str, ...]
) -> PredictionCheck:
    """Choose the bandwidth on one half of a pool and predict the other half.

    Parameters
    ----------
    pool
        At least two patients.
    patients, names
        The covariates that are looked at are those that the user's patients have.
    """
    half = np.arange(len(pool.cohort)) % 2 == 0
    learning, left_out = (pool.rows(np.flatnonzero(part)) for part in (half, ~half))
    quarter = np.arange(len(learning.cohort)) % 2 == 0
    first, second = (learning.rows(np.flatnonzero(part)) for part in (quarter, ~quarter))
    errors = [_brier(second, first, patients, names, bandwidth) for bandwidth in BANDWIDTHS]
    bandwidth = BANDWIDTHS[int(np.argmin(errors))]
    given = _as_given(left_out, patients, names)
    mixed = _alike(given, learning, names, bandwidth) @ learning.alive
    ends = np.array([_interval(row, learning.times_day) for row in mixed])
    below, above = left_out.dies_day < ends[:, 0], left_out.dies_day > ends[:, 1]
    lived = _lived(left_out)
    share = learning.alive_at((_CHECKED_YEAR,)).mean()
    return PredictionCheck(
        bandwidth=bandwidth,
        n=len(left_out.cohort),
        below=float(below.mean()),
        inside=float((~below & ~above).mean()),
        above=float(above.mean()),
        brier=_brier(left_out, learning, patients, names, bandwidth),
        brier_marginal=float(np.mean((share - lived) ** 2)),
    )


def _lived(pool: FollowedPool) -> BoolArray:
    return np.asarray(pool.dies_day > _CHECKED_YEAR * DAYS_PER_YEAR)


def _brier(
    judged: FollowedPool,
    learning: FollowedPool,
    patients: OwnPatients,
    names: tuple[str, ...],
    bandwidth: float,
) -> float:
    weights = _alike(_as_given(judged, patients, names), learning, names, bandwidth)
    chance = weights @ learning.alive_at((_CHECKED_YEAR,))[:, 0]
    return float(np.mean((chance - _lived(judged)) ** 2))


def predict(patients: OwnPatients, pool: FollowedPool, setting: str) -> Predictions:
    """Predict the survival of own patients.

    Parameters
    ----------
    patients
        A user's patients.
    pool
        Virtual patients under the arm in question.
    setting
        Setting of the pool. Patients of other stages have no prediction.

    Returns
    -------
    Predictions
        ``table`` has one row a patient: ``subject``; ``alive_K_year`` with ``_low`` and ``_high``
        for 1, 2 and 3 years, the chance and the range of 80 % of those alike; ``dies_low_day`` and
        ``dies_high_day``, the 80 % interval of survival, infinite beyond three years; ``alike``,
        how many patients of the pool the weights are worth; ``missing``, what is not known of the
        patient; ``note``. Without a prediction numbers are NaN and the note says why.
    """
    import pandas as pd

    names = tuple(n for n in patients.covariates if n in pool.cohort.covariates)
    check = check_predictions(pool, patients, names)
    weights = _alike(patients, pool, names, check.bandwidth)
    chances = pool.alive_at()
    mixed = weights @ pool.alive
    rows = []
    for i, subject in enumerate(patients.subjects):
        about = {name: values[i : i + 1] for name, values in patients.covariates.items()}
        missing = tuple(name for name in names if not known(about[name])[0])
        stage = str(about["stage"][0]) if "stage" in about else ""
        row: dict[str, object] = {"subject": subject}
        alike = effective_sample_size(weights[i])
        low_day, high_day = _interval(mixed[i], pool.times_day)
        outside = bool(stage) and stage not in SETTINGS[setting]
        empty = len(missing) == len(names)
        for k, year in enumerate(YEARS):
            ends = _weighted_quantiles(chances[:, k], weights[i])
            told = (float(weights[i] @ chances[:, k]), *ends)
            for end, value in zip(("", "_low", "_high"), told, strict=True):
                row[f"alive_{year}_year{end}"] = np.nan if outside else value
        row["dies_low_day"] = np.nan if outside else low_day
        row["dies_high_day"] = np.nan if outside else high_day
        row["alike"] = np.nan if outside else alike
        row["missing"] = " ".join(missing)
        row["note"] = (
            f"stage {stage} is not enrolled here"
            if outside
            else "nothing is known: the share of the pool"
            if empty
            else "few are alike"
            if alike < FEW_ALIKE
            else ""
        )
        rows.append(row)
    unused = tuple(name for name in patients.covariates if name not in names)
    return Predictions(table=pd.DataFrame(rows), check=check, used=names, unused=unused)


def _weighted_quantiles(values: FloatArray, weights: FloatArray) -> tuple[float, float]:
    order = np.argsort(values, kind="stable")
    upto = np.cumsum(weights[order])
    low, high = np.searchsorted(upto, (LOW * upto[-1], HIGH * upto[-1]))
    last = len(values) - 1
    return float(values[order][min(low, last)]), float(values[order][min(high, last)])
