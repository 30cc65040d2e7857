"""What the points leave open: spread of the posterior, profiles, draws.

All of it starts at the best place with the derivatives there. A profile or a draw takes
Gauss-Newton steps with those derivatives and looks at the true misfit after each.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal, get_args

import numpy as np

from cxaxis.core.arrays import FloatArray
from cxaxis.core.streams import rng_for
from cxaxis.inference.objective import Objective
from cxaxis.inference.search import worker_objective
from cxaxis.runs.executor import run_blocks
from cxaxis.runs.progress import Progress

Identifiable = Literal["yes", "one side", "no"]
IDENTIFIABLE: Final[tuple[Identifiable, ...]] = get_args(Identifiable)

PROFILE_RISE: Final = 3.84
"""Rise of the misfit at the ends of a 95 % interval for one parameter (chi-squared, 1 degree)."""
NOT_LEARNED: Final = 0.9
"""A parameter whose posterior is wider than this share of its prior has not been learned."""
PROFILE_STEPS: Final = (0.25, 0.5, 0.75, 1.0, 1.5, 2.0, 2.5, 3.0, 4.0, 5.0, 6.0)
"""Distances from the best place (prior standard deviations) at which a profile is looked at."""
_CORRECTIONS: Final = 2
_DRAW_STEPS: Final = 40
_DRAW_TOLERANCE: Final = 1e-4
_ENOUGH: Final = 1e-3


@dataclass(frozen=True, kw_only=True)
class Profile:
    """How far one parameter can go while all others give way.

    Attributes
    ----------
    low, high
        Where the misfit of everything but the parameter's own prior has risen by `PROFILE_RISE`,
        in standard units of the prior; NaN if it has not within the bounds.
    rise_low, rise_high
        Largest rise seen on each side.
    """

    low: float
    high: float
    rise_low: float
    rise_high: float

    @property
    def identifiable(self) -> Identifiable:
        """Whether the points hold the parameter on both sides, on one or on neither."""
        closed = int(np.isfinite(self.low)) + int(np.isfinite(self.high))
        return ("no", "one side", "yes")[closed]


@dataclass(frozen=True, kw_only=True)
class Draw:
    """One draw of the posterior.

    Attributes
    ----------
    place
        In standard units.
    misfit
        Sum of squared residuals against the points as they are, priors left out.
    """

    place: FloatArray
    misfit: float


@dataclass(frozen=True, kw_only=True)
class _Best:
    """The best place, with the derivatives of the residuals there."""

    problem_file: Path
    place: FloatArray
    jacobian: FloatArray


@dataclass(frozen=True, kw_only=True)
class _ProfileTask:
    best: _Best
    unknown: int


@dataclass(frozen=True, kw_only=True)
class _DrawTask:
    best: _Best
    index: int
    seed: int


def covariance(jacobian: FloatArray) -> FloatArray:
    """Return the covariance of the posterior near its best place (Laplace), standard units.

    Parameters
    ----------
    jacobian
        Derivatives of the residuals, those of priors among them, shape
        ``(n_residual, n_unknown)``.
    """
    return np.asarray(np.linalg.inv(jacobian.T @ jacobian), dtype=np.float64)


def profile(objective: Objective, place: FloatArray, jacobian: FloatArray, unknown: int) -> Profile:
    """Return the profile of one parameter with a prior.

    Parameters
    ----------
    objective
        The problem.
    place
        Its best place.
    jacobian
        Derivatives of the residuals there.
    unknown
        Position of the parameter.
    """
    n_point = len(objective.point_ids)
    own = n_point + objective.with_prior.index(unknown)
    kept = np.array([row for row in range(jacobian.shape[0]) if row != own])
    others = np.array([k for k in range(place.size) if k != unknown])
    # How the others give way to a small step, and how they correct what is left.
    matrix = jacobian[np.ix_(kept, others)]
    solve = np.linalg.pinv(matrix)
    give = -solve @ jacobian[kept, unknown]
    low, high = objective.bounds
    base = float((objective.residuals(place)[kept] ** 2).sum())

    def rise_at(step: float, guess: FloatArray) -> tuple[float, FloatArray]:
        trial = guess.copy()
        trial[unknown] = place[unknown] + step
        best_rise, best_trial = np.inf, trial
        for _ in range(_CORRECTIONS + 1):
            trial = np.clip(trial, low, high)
            residual = objective.residuals(trial)[kept]
            rise = float((residual**2).sum()) - base
            if rise < best_rise:
                best_rise, best_trial = rise, trial.copy()
            if best_rise < PROFILE_RISE * _ENOUGH or rise > best_rise + PROFILE_RISE:
                break
            trial = trial.copy()
            trial[others] -= solve @ residual
        return best_rise, best_trial

    def side(sign: float) -> tuple[float, float]:
        room = (high[unknown] - place[unknown]) if sign > 0 else (place[unknown] - low[unknown])
        before, rise_before, most = 0.0, 0.0, 0.0
        guess = place
        for distance in [step for step in PROFILE_STEPS if step < room] + [room]:
            ahead = guess.copy()
            ahead[others] += give * sign * (distance - before)
            rise, guess = rise_at(sign * distance, ahead)
            most = max(most, rise)
            if rise >= PROFILE_RISE:
                # The misfit is nearly a parabola: its root is nearly a line.
                a, b, c = (np.sqrt(max(v, 0.0)) for v in (rise_before, rise, PROFILE_RISE))
                share = (c - a) / (b - a)
                return float(place[unknown] + sign * (before + share * (distance - before))), most
            before, rise_before = distance, rise
        return float("nan"), most

    (at_low, rise_low), (at_high, rise_high) = side(-1.0), side(1.0)
    return Profile(low=at_low, high=at_high, rise_low=rise_low, rise_high=rise_high)


def draw(
    objective: Objective, place: FloatArray, jacobian: FloatArray, *, index: int, seed: int
) -> Draw:
    """Return one draw by randomised maximum likelihood.

    Points and centres of the priors are moved by their own noise and the problem is solved
    again. For a linear model that is exactly a draw of the posterior.

    Parameters
    ----------
    objective, place, jacobian
        As in `profile`.
    index, seed
        Name the random stream.
    """
    from scipy.optimize import least_squares

    rng = rng_for(seed, "calibration", "draw", index)
    noise = objective.noise_sd * rng.standard_normal(objective.noise_sd.size)
    log = np.array(objective.on_log_scale)
    measured = np.where(log, objective.measured * np.exp(noise), objective.measured + noise)
    centre = rng.standard_normal(len(objective.with_prior))

    def residuals(at: FloatArray) -> FloatArray:
        return objective.residuals(at, measured=measured, prior_centre=centre)

    low, high = objective.bounds
    found = least_squares(
        residuals,
        np.clip(place, low + 1e-9, high - 1e-9),
        jac=_Secants(residuals, jacobian),
        bounds=(low, high),
        ftol=_DRAW_TOLERANCE,
        xtol=_DRAW_TOLERANCE,
        gtol=None,
        max_nfev=_DRAW_STEPS,
    )
    best = np.asarray(found.x, dtype=np.float64)
    n_point = len(objective.point_ids)
    misfit = float((objective.residuals(best)[:n_point] ** 2).sum())
    return Draw(place=best, misfit=misfit)


class _Secants:
    """Derivatives that begin as given and follow the steps taken (Broyden)."""

    def __init__(self, residuals: Callable[[FloatArray], FloatArray], matrix: FloatArray) -> None:
        self._residuals = residuals
        self._matrix = matrix
        self._last: tuple[FloatArray, FloatArray] | None = None

    def __call__(self, place: FloatArray) -> FloatArray:
        """Return the derivatives at a place, shape ``(n_residual, n_unknown)``."""
        here = self._residuals(place)
        if self._last is not None:
            step = place - self._last[0]
            miss = here - self._last[1] - self._matrix @ step
            self._matrix = self._matrix + np.outer(miss, step) / float(step @ step)
        self._last = (place.copy(), here)
        return self._matrix


def profile_all(
    problem_file: Path,
    place: FloatArray,
    jacobian: FloatArray,
    unknowns: Sequence[int],
    *,
    workers: int | None = None,
    progress: Progress | None = None,
) -> Mapping[int, Profile]:
    """Return the profiles of parameters by their position, computed side by side.

    Parameters
    ----------
    problem_file
        YAML file of the problem.
    place, jacobian
        As in `profile`.
    unknowns
        Positions of the parameters.
    workers, progress
        As in `cxaxis.runs.executor.run_blocks`.
    """
    best = _Best(problem_file=problem_file, place=place, jacobian=jacobian)
    tasks = [_ProfileTask(best=best, unknown=k) for k in unknowns]
    return dict(run_blocks(tasks, _profile_work, workers=workers, progress=progress))


def draw_all(
    problem_file: Path,
    place: FloatArray,
    jacobian: FloatArray,
    *,
    n_draw: int,
    seed: int,
    workers: int | None = None,
    progress: Progress | None = None,
) -> tuple[Draw, ...]:
    """Return draws of the posterior in the order of their streams; arguments as above.

    Parameters
    ----------
    problem_file, place, jacobian, workers, progress
        As in `profile_all`.
    n_draw
        How many.
    seed
        Of their random streams.
    """
    best = _Best(problem_file=problem_file, place=place, jacobian=jacobian)
    tasks = [_DrawTask(best=best, index=k, seed=seed) for k in range(n_draw)]
    found = dict(run_blocks(tasks, _draw_work, workers=workers, progress=progress))
    return tuple(found[k] for k in range(n_draw))


def _profile_work(task: _ProfileTask) -> tuple[int, Profile]:
    best = task.best
    objective = worker_objective(best.problem_file)
    return task.unknown, profile(objective, best.place, best.jacobian, task.unknown)


def _draw_work(task: _DrawTask) -> tuple[int, Draw]:
    best = task.best
    objective = worker_objective(best.problem_file)
    return task.index, draw(objective, best.place, best.jacobian, index=task.index, seed=task.seed)
