"""The best place of a problem: bounded least squares from several starts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Final

import numpy as np

from cxaxis.core.arrays import FloatArray
from cxaxis.core.streams import rng_for
from cxaxis.inference.objective import Objective, load_objective
from cxaxis.runs.executor import run_blocks
from cxaxis.runs.progress import Progress

MAX_EVALUATIONS: Final = 40
TOLERANCE: Final = 2e-4
REFRESH: Final = 4
"""Steps after which derivatives are taken anew."""
# A start at three standard deviations in each direction would only measure the solver.
_START_SD: Final = 0.5


@dataclass(frozen=True, kw_only=True)
class Start:
    """Where a search begins.

    Attributes
    ----------
    name
        ``table``, or ``draw_1`` and so on.
    place
        In standard units, shape ``(n_unknown,)``.
    """

    name: str
    place: FloatArray


@dataclass(frozen=True, kw_only=True)
class Search:
    """Where a search ended.

    Attributes
    ----------
    name
        Of the start.
    place
        In standard units.
    misfit, misfit_at_start
        Sum of squared residuals, priors included.
    evaluations
        Number of steps tried.
    message
        Why the search ended.
    """

    name: str
    place: FloatArray
    misfit: float
    misfit_at_start: float
    evaluations: int
    message: str


class _Derivatives:
    """Derivatives along a search: by finite differences now and then, by secants in between.

    One set of differences costs as much as fifty steps. Broyden's update makes the last set
    agree with the last step; the search accepts no step that does not lower the true misfit.
    """

    def __init__(self, objective: Objective, refresh: int) -> None:
        self._objective = objective
        self._refresh = refresh
        self._place: FloatArray | None = None
        self._residuals: FloatArray | None = None
        self._matrix: FloatArray | None = None
        self._age = 0

    def __call__(self, place: FloatArray) -> FloatArray:
        """Return the derivatives at a place, shape ``(n_residual, n_unknown)``."""
        residuals = self._objective.residuals(place)
        if (
            self._matrix is None
            or self._place is None
            or self._residuals is None
            or self._age + 1 >= self._refresh
        ):
            matrix, self._age = self._objective.jacobian(place), 0
        else:
            step = place - self._place
            miss = residuals - self._residuals - self._matrix @ step
            matrix = self._matrix + np.outer(miss, step) / float(step @ step)
            self._age += 1
        self._place, self._residuals, self._matrix = place.copy(), residuals, matrix
        return matrix


@dataclass(frozen=True, kw_only=True)
class _Task:
    problem_file: Path
    start: Start
    max_evaluations: int


def starts_of(objective: Objective, *, n_draw: int, seed: int) -> tuple[Start, ...]:
    """Return the nominal place and draws from the prior, half its standard deviation wide.

    Parameters
    ----------
    objective
        The problem.
    n_draw
        Number of draws.
    seed
        Of their random streams.
    """
    found = [Start(name="table", place=objective.start)]
    for k in range(1, n_draw + 1):
        place = objective.start.copy()
        rng = rng_for(seed, "calibration", "start", k)
        mine = list(objective.with_prior)
        place[mine] = _START_SD * rng.standard_normal(len(mine))
        found.append(Start(name=f"draw_{k}", place=place))
    return tuple(found)


def search(
    objective: Objective,
    start: Start,
    *,
    max_evaluations: int = MAX_EVALUATIONS,
    tolerance: float = TOLERANCE,
    refresh: int = REFRESH,
) -> Search:
    """Return where bounded least squares ends from one start.

    Parameters
    ----------
    objective
        The problem.
    start
        Where to begin; free factors are set to their best there first.
    max_evaluations
        Steps tried at most.
    tolerance
        Relative change of misfit or place at which the search ends.
    refresh
        Steps after which derivatives are taken anew.
    """
    from scipy.optimize import least_squares

    low, high = objective.bounds
    begin = np.clip(objective.scaled_start(start.place), low + 1e-9, high - 1e-9)
    first = float((objective.residuals(begin) ** 2).sum())
    found = least_squares(
        objective.residuals,
        begin,
        jac=_Derivatives(objective, refresh),
        bounds=(low, high),
        method="trf",
        ftol=tolerance,
        xtol=tolerance,
        gtol=None,
        max_nfev=max_evaluations,
    )
    return Search(
        name=start.name,
        place=np.asarray(found.x, dtype=np.float64),
        misfit=float(2.0 * found.cost),
        misfit_at_start=first,
        evaluations=int(found.nfev),
        message=str(found.message),
    )


def search_all(
    problem_file: Path,
    starts: Sequence[Start],
    *,
    max_evaluations: int = MAX_EVALUATIONS,
    workers: int | None = None,
    progress: Progress | None = None,
) -> tuple[Search, ...]:
    """Return the searches in the order of their starts, run side by side.

    Parameters
    ----------
    problem_file
        YAML file of the problem.
    starts
        Where to begin.
    max_evaluations
        Steps tried at most from each.
    workers, progress
        As in `cxaxis.runs.executor.run_blocks`.
    """
    tasks = [
        _Task(problem_file=problem_file, start=start, max_evaluations=max_evaluations)
        for start in starts
    ]
    found: Mapping[str, Search] = {
        item.name: item for item in run_blocks(tasks, _work, workers=workers, progress=progress)
    }
    return tuple(found[start.name] for start in starts)


@lru_cache(maxsize=1)
def worker_objective(problem_file: Path) -> Objective:
    """Return the objective of a problem, loaded once in each process."""
    return load_objective(problem_file)


def _work(task: _Task) -> Search:
    objective = worker_objective(task.problem_file)
    return search(objective, task.start, max_evaluations=task.max_evaluations)
