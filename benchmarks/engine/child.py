"""Measurements that need a process of their own: compile time, peak memory, streamed runs.

Each prints one line of JSON on standard output.
"""

from __future__ import annotations

import argparse
import json
import resource
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import numpy as np

from benchmarks.engine.problems import (
    PROBLEMS,
    TUMOUR_HORIZON_DAY,
    TUMOUR_REPEAT,
    Problem,
    stack,
    tumour_cohort,
)
from cxaxis.engine.doses import DoseTable
from cxaxis.engine.protocol import ParameterTable, Tolerances

#: The quantities of the tumour model that a streamed run writes at 24 monthly readings.
STREAM_OUTPUTS: Final = ("mass", "central", "neutrophils")
PATIENT_OUTPUTS: Final = ("death_hazard", "tumour_log", "cd34_blood_ratio")
STREAM_RTOL: Final = 1e-4
N_READING: Final = 24


def peak_mib() -> float:
    """Return the largest resident memory of this process so far, MiB."""
    status = Path("/proc/self/status")
    if status.is_file():
        # The other count starts from what the parent process had when it forked.
        line = next(each for each in status.read_text().splitlines() if each.startswith("VmHWM"))
        return int(line.split()[1]) / 1024.0
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024.0


def _problem(name: str, n_patient: int) -> Problem:
    if name.startswith("stack_"):
        return stack(int(name.removeprefix("stack_")), n_patient)
    return PROBLEMS[name](n_patient)


def compile_time(name: str) -> dict[str, Any]:
    """Return the seconds from SBML to the first answer, less those of the second."""
    from benchmarks.engine.solvers import PopulationSolver

    problem = _problem(name, 8)
    solver = PopulationSolver(1)
    first = solver.run(problem, 0, 8, 1e-3)
    again = solver.run(problem, 0, 8, 1e-3)
    return {"compile_s": first.wall_s - again.wall_s, "peak_mib": peak_mib()}


def memory(name: str, solver_name: str, n_patient: int) -> dict[str, Any]:
    """Return the peak memory of one solver on some patients."""
    from benchmarks.engine.precision import PEERS
    from benchmarks.engine.solvers import OURS, PopulationSolver

    problem = _problem(name, n_patient)
    before = peak_mib()
    solver = PopulationSolver(1) if solver_name == OURS else PEERS[solver_name]()
    solver.run(problem, 0, n_patient, 1e-6)
    return {"before_mib": before, "peak_mib": peak_mib(), "n_patient": n_patient}


def stream(
    name: str, n_patient: int, directory: Path, block_size: int | None = None
) -> dict[str, Any]:
    """Stream a population to disk and return time, memory and size."""
    from cxaxis.engine.population import PopulationEngine
    from cxaxis.engine.stream import simulate_to_disk

    clock, start = time.process_time(), time.perf_counter()
    months = np.linspace(TUMOUR_HORIZON_DAY / N_READING, TUMOUR_HORIZON_DAY, N_READING)
    if name == "tumour":
        sbml, cohort = tumour_cohort()
        stored = simulate_to_disk(
            PopulationEngine(),
            sbml,
            cohort,
            TUMOUR_REPEAT.table(),
            months,
            STREAM_OUTPUTS,
            directory,
            n_patient=n_patient,
            block_size=block_size,
            tolerances=Tolerances(relative=STREAM_RTOL, absolute=STREAM_RTOL * 1e-3),
        )
    else:
        stored = _stream_patients(n_patient, directory, block_size or 2048)
    files = list((directory / "parts").glob("*.parquet"))
    return {
        "name": name,
        "n_patient": n_patient,
        "wall_s": time.perf_counter() - start,
        "cpu_s": time.process_time() - clock,
        "peak_mib": peak_mib(),
        "disk_mib": sum(file.stat().st_size for file in files) / 2**20,
        "counts": dict(stored.manifest.counts),
    }


def _stream_patients(n_patient: int, directory: Path, block_size: int) -> Any:
    """Stream the project's patients: a cohort of 256, again and again with other growth."""
    from cxaxis.engine.population import PopulationEngine
    from cxaxis.engine.stream import simulate_to_disk

    problem = PROBLEMS["patient"](min(n_patient, 256))
    base = problem.parameters.values
    growth = problem.parameters.names.index("birth_rate")
    by_patient = [problem.rows(k, 1)[1].rows for k in range(problem.n_patient)]

    def cohort(first: int, count: int) -> ParameterTable:
        index = np.arange(first, first + count)
        values = base[index % problem.n_patient].copy()
        # A little other growth in every turn, so that no two patients are the same.
        values[:, growth] *= 1.0 + 1e-3 * np.sin(index)
        return ParameterTable(problem.parameters.names, values)

    def doses(first: int, count: int) -> DoseTable:
        return DoseTable(
            tuple(
                replace(dose, patient=k)
                for k in range(count)
                for dose in by_patient[(first + k) % problem.n_patient]
            )
        )

    horizon = float(problem.times[-1])
    return simulate_to_disk(
        PopulationEngine(),
        problem.sbml,
        cohort,
        doses,
        np.linspace(horizon / N_READING, horizon, N_READING),
        PATIENT_OUTPUTS,
        directory,
        n_patient=n_patient,
        block_size=block_size,
        tolerances=problem.tolerances(STREAM_RTOL),
    )


def main() -> int:
    """Do one measurement and print it."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("kind", choices=("compile", "memory", "stream"))
    parser.add_argument("problem")
    parser.add_argument("--solver", default="cxaxis")
    parser.add_argument("--patients", type=int, default=8)
    parser.add_argument("--block", type=int)
    parser.add_argument("--directory", type=Path)
    given = parser.parse_args()
    if given.kind == "compile":
        found = compile_time(given.problem)
    elif given.kind == "memory":
        found = memory(given.problem, given.solver, given.patients)
    else:
        found = stream(given.problem, given.patients, given.directory, given.block)
    sys.stdout.write(json.dumps(found) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
