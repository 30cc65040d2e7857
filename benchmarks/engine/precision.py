"""Time against achieved error, every solver in turn on the same stretches of patients."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np

from benchmarks.engine.accuracy import patient_errors
from benchmarks.engine.problems import Problem
from benchmarks.engine.solvers import (
    OURS,
    BeyondSolverError,
    Copasi,
    LeanRoadRunner,
    PopulationSolver,
    ReferenceSolver,
    Run,
    Scipy,
    Solver,
)
from cxaxis.core.arrays import FloatArray

RTOLS: Final = (1e-3, 1e-4, 1e-5, 1e-6, 1e-7, 1e-8, 1e-9)
#: Tolerances beyond, for solvers whose errors are well above what they are asked for.
FURTHER: Final[dict[str, tuple[float, ...]]] = {"libroadrunner": (1e-10,)}
REFERENCE_RTOL: Final = 1e-11
BLOCKS: Final = 4
# A batch of fewer patients would be judged with lanes standing empty at its end.
FULL_LANES: Final = 128
PEERS: Final[dict[str, Callable[[], Solver]]] = {
    "libroadrunner": ReferenceSolver,
    "COPASI": Copasi,
    "scipy LSODA": lambda: Scipy("LSODA"),
    "scipy BDF": lambda: Scipy("BDF"),
}

logger = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class Effort:
    """How much is measured.

    Attributes
    ----------
    patients
        Patients of our engine, and most of any other.
    peer_s
        Processor time for one peer on one problem, s; decides its number of patients.
    rtols
        Relative tolerances.
    check_patients
        Patients on which the reference solution is checked by other codes; may be none.
    """

    patients: int = 1000
    peer_s: float = 1300.0
    slow_peer_s: float = 240.0
    rtols: tuple[float, ...] = RTOLS
    check_patients: int = 3

    def further(self, solver: str) -> tuple[float, ...]:
        """Return tolerances beyond for a solver, where the whole range is measured."""
        return FURTHER.get(solver, ()) if self.rtols == RTOLS else ()


@dataclass
class _Tally:
    """What one solver did at one tolerance, added up over blocks."""

    cpu_s: float = 0.0
    courses: int = 0
    errors: dict[int, float] = field(default_factory=dict)
    steps: list[FloatArray] = field(default_factory=list)

    def add(self, run: Run, first: int, errors: FloatArray) -> None:
        self.cpu_s += run.cpu_s
        self.courses += len(errors)
        self.errors |= dict(enumerate(errors.tolist(), start=first))
        self.steps.append(run.steps)

    def record(self, rtol: float, beside: Mapping[str, int]) -> dict[str, Any]:
        """Return the numbers; ``beside`` gives the patients of each solver to compare with."""
        errors = np.array([self.errors[k] for k in sorted(self.errors)])
        solved = errors[np.isfinite(errors)]
        steps = np.concatenate(self.steps)
        return {
            "rtol": rtol,
            "us_per_patient": 1e6 * self.cpu_s / self.courses,
            "error_median": float(np.median(solved)) if len(solved) else None,
            "error_p90": float(np.quantile(solved, 0.9)) if len(solved) else None,
            "error_worst": float(solved.max()) if len(solved) else None,
            # The worst of many is worse than the worst of few: like is set beside like.
            "error_worst_of_patients_of": {
                name: float(errors[:count].max())
                for name, count in beside.items()
                if np.isfinite(errors[:count]).all()
            },
            "n": len(errors),
            "failed": len(errors) - len(solved),
            "steps_per_patient": float(steps.mean()) if len(steps) else None,
        }


def calibration_us() -> float:
    """Return the time of a fixed piece of scalar work, us: tells a busy machine from a quiet one.

    The median of many short runs; doubles when another job shares the core.
    """
    from benchmarks.engine.problems import gpcr

    problem = gpcr(8)
    solver = PopulationSolver(1, lanes=1)
    solver.run(problem, 0, 8, 1e-4)
    spent = [solver.run(problem, 0, 8, 1e-4) for _ in range(15)]
    return float(np.median([1e6 * run.wall_s / run.steps.sum() for run in spent]))


def best_roadrunner(problem: Problem) -> Solver:
    """Return libroadrunner in the form that is fastest on this problem.

    Doses are stops, or one recurring event where the regimen is one for all and states start
    at fixed values.
    """
    forms: list[Solver] = [ReferenceSolver()]
    if all(name.startswith("amount(") for name in problem.states) and (
        problem.repeat is not None or not problem.doses.rows
    ):
        forms.append(LeanRoadRunner())
    if len(forms) == 1:
        return forms[0]
    count = min(10, problem.n_patient)
    spent = []
    for form in forms:
        form.run(problem, 0, 1, 1e-6)
        spent.append(min(form.run(problem, 0, count, 1e-6).cpu_s for _ in range(2)))
    return forms[int(np.argmin(spent))]


def work_precision(problem: Problem, peers: Sequence[str], effort: Effort) -> dict[str, Any]:
    """Measure one problem and return the record of it."""
    ours = PopulationSolver(1)
    reference_solver = PopulationSolver(2)
    start = time.perf_counter()
    reference = reference_solver.run(problem, 0, problem.n_patient, REFERENCE_RTOL).values
    logger.info("%s: reference in %.0f s", problem.name, time.perf_counter() - start)
    solvers: list[tuple[Solver, int]] = [(ours, problem.n_patient)]
    ours.run(problem, 0, problem.n_patient, effort.rtols[0])
    for name in peers:
        peer = best_roadrunner(problem) if name == "libroadrunner" else PEERS[name]()
        middle = effort.rtols[len(effort.rtols) // 2]
        try:
            peer.run(problem, 0, 1, effort.rtols[0])
            one_s = peer.run(problem, 0, 1, middle).cpu_s
        except BeyondSolverError as err:
            logger.info("%s on %s: left out, %s", name, problem.name, err)
            continue
        budget = effort.peer_s if name == "libroadrunner" else effort.slow_peer_s
        count = int(budget / (one_s * len(effort.rtols)))
        solvers.append((peer, min(problem.n_patient, max(1, count))))
    tallies: dict[str, dict[float, _Tally]] = {
        s.name: {rtol: _Tally() for rtol in (*effort.rtols, *effort.further(s.name))}
        for s, _ in solvers
    }
    quiet = [calibration_us()]
    for block in range(BLOCKS):
        beyond = {rtol for solver, _ in solvers for rtol in effort.further(solver.name)}
        for rtol in (*effort.rtols, *sorted(beyond)):
            for solver, count in solvers:
                if rtol not in tallies[solver.name]:
                    continue
                first, last = (count * k // BLOCKS for k in (block, block + 1))
                if solver is ours and last - first < FULL_LANES:
                    first, last = 0, count
                if last == first:
                    continue
                run = solver.run(problem, first, last - first, rtol)
                errors = patient_errors(problem, run.values, reference[first:last])
                tallies[solver.name][rtol].add(run, first, errors)
        quiet.append(calibration_us())
        logger.info("%s: block %d of %d", problem.name, block + 1, BLOCKS)
    beside = {solver.name: count for solver, count in solvers if solver is not ours}
    return {
        "name": problem.name,
        "title": problem.title,
        "n_state": len(problem.states),
        "n_parameter": len(problem.parameters.names),
        "n_time": len(problem.times),
        "n_patient": problem.n_patient,
        "atol_per_rtol": problem.atol_per_rtol,
        "reference": _checks(problem, reference, effort),
        "calibration_us_per_step": quiet,
        "roadrunner_form": next(
            (type(s).__name__ for s, _ in solvers if s.name == "libroadrunner"), None
        ),
        "solvers": {
            name: [
                tally.record(rtol, beside if name == OURS else {})
                for rtol, tally in by_rtol.items()
            ]
            for name, by_rtol in tallies.items()
        },
    }


def _checks(problem: Problem, reference: FloatArray, effort: Effort) -> dict[str, Any]:
    """Compare the reference solution with independent codes on a few patients."""
    count = min(effort.check_patients, problem.n_patient)
    checks: list[dict[str, Any]] = []
    if count == 0:
        return {"solver": OURS, "rtol": REFERENCE_RTOL, "checks": checks}
    for solver, rtol in ((best_roadrunner(problem), 1e-10), (Scipy("Radau"), 1e-9)):
        try:
            run = solver.run(problem, 0, count, rtol)
        except BeyondSolverError:
            continue
        errors = patient_errors(problem, run.values, reference[:count])
        checks.append(
            {
                "solver": solver.name,
                "rtol": rtol,
                "n": count,
                "worst": float(errors.max()) if np.isfinite(errors).all() else None,
            }
        )
    return {"solver": OURS, "rtol": REFERENCE_RTOL, "checks": checks}


def two_threads(problem: Problem, rtol: float, repeats: int = 7) -> dict[str, Any]:
    """Measure two threads against one, in turn, by wall time."""
    one, two = PopulationSolver(1), PopulationSolver(2)
    one.run(problem, 0, problem.n_patient, rtol)
    pairs = [
        [solver.run(problem, 0, problem.n_patient, rtol) for solver in (one, two)]
        for _ in range(repeats)
    ]
    ratios = [a.wall_s / b.wall_s for a, b in pairs]
    return {
        "name": problem.name,
        "rtol": rtol,
        "n_patient": problem.n_patient,
        "ratio_median": float(np.median(ratios)),
        "ratio_best": float(max(ratios)),
        "one_wall_s": float(np.median([a.wall_s for a, _ in pairs])),
        # Two when both threads had a core to themselves.
        "cores_used": float(np.median([b.cpu_s / b.wall_s for _, b in pairs])),
    }
