"""Trajectories per second on a graphics card, with the processor beside it.

``python -m benchmarks.engine.gpu`` measures the two stress models at one tolerance, transfers
included, and how far the two engines differ. Without a card it says so and measures nothing.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np

from benchmarks.engine.problems import PROBLEMS, Problem
from cxaxis.core.markdown import markdown_table
from cxaxis.engine.gpu import GpuEngine, GpuUnavailableError
from cxaxis.engine.population import PopulationEngine
from cxaxis.engine.protocol import SimulationResult

NOT_MEASURED: Final = "no CUDA device: not measured"
MODELS: Final = ("gpcr", "tumour")
# Quantities written; all of them would fill the machine's memory before the card is busy.
N_OUTPUT: Final = 4


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """One model on both engines.

    Attributes
    ----------
    model, card, n_thread_cpu, rtol
        What ran where.
    n_gpu, n_cpu
        Patients of a run of each.
    gpu_per_s, cpu_per_s
        Patients per second, median of the runs.
    gpu_first_s
        Seconds of the first call on the card, which compiles the model.
    difference
        Largest difference between the engines over the peak of the output in that patient.
    n_other_outcome
        Patients of those simulated by both whose outcomes differ.
    """

    model: str
    card: str
    n_thread_cpu: int
    rtol: float
    n_gpu: int
    n_cpu: int
    gpu_per_s: float
    cpu_per_s: float
    gpu_first_s: float
    difference: float
    n_other_outcome: int


def _run(engine: Any, problem: Problem, count: int, rtol: float) -> tuple[SimulationResult, float]:
    table, doses = problem.rows(0, count)
    begun = time.perf_counter()
    result: SimulationResult = engine.simulate(
        problem.sbml,
        table,
        doses,
        problem.times,
        problem.states[:N_OUTPUT],
        tolerances=problem.tolerances(rtol),
    )
    return result, time.perf_counter() - begun


def compare(
    problem: Problem, gpu: GpuEngine, n_gpu: int, n_cpu: int, rtol: float, repeats: int
) -> Comparison:
    """Measure one problem on both engines, run by run in turn."""
    cpu = PopulationEngine()
    _, first_s = _run(gpu, problem, 1, rtol)
    _run(cpu, problem, min(n_cpu, 64), rtol)
    on_gpu, on_cpu = [], []
    for _ in range(repeats):
        found, seconds = _run(gpu, problem, n_gpu, rtol)
        on_gpu.append(seconds)
        expected, seconds = _run(cpu, problem, n_cpu, rtol)
        on_cpu.append(seconds)
    both = min(n_gpu, n_cpu)
    reference = expected.values[:both]
    peak = np.maximum(np.abs(reference).max(axis=1, keepdims=True), problem.least_peak)
    differing = [
        mine.outcome is not yours.outcome
        for mine, yours in zip(found.outcomes[:both], expected.outcomes[:both], strict=True)
    ]
    return Comparison(
        model=problem.name,
        card=gpu.card.name,
        n_thread_cpu=os.cpu_count() or 1,
        rtol=rtol,
        n_gpu=n_gpu,
        n_cpu=n_cpu,
        gpu_per_s=n_gpu / float(np.median(on_gpu)),
        cpu_per_s=n_cpu / float(np.median(on_cpu)),
        gpu_first_s=first_s,
        difference=float(np.nanmax(np.abs(found.values[:both] - reference) / peak)),
        n_other_outcome=sum(differing),
    )


def _table(rows: Sequence[Comparison]) -> str:
    cells = (
        (
            r.model,
            r.card,
            f"{r.gpu_per_s:.0f}",
            f"{r.cpu_per_s:.0f} ({r.n_thread_cpu})",
            f"{r.gpu_per_s / r.cpu_per_s:.1f}",
            f"{r.difference:.1e}",
            r.n_other_outcome,
            f"{r.gpu_first_s:.1f}",
        )
        for r in rows
    )
    header = ("model", "card", "card, patients/s", "processor, patients/s (threads)", "ratio")
    more = ("largest difference", "other outcome", "first call, s")
    return "\n".join(markdown_table((*header, *more), cells))


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, print a table and return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--patients", type=int, default=100_000, help="on the card")
    parser.add_argument("--cpu-patients", type=int, default=4_000, help="on the processor")
    parser.add_argument("--rtol", type=float, default=1e-5)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--device", type=int, default=0)
    parser.add_argument("--models", nargs="+", choices=MODELS, default=list(MODELS))
    parser.add_argument("--out", type=Path, help="a JSON file for the numbers")
    chosen = parser.parse_args(arguments)
    try:
        gpu = GpuEngine(device=chosen.device)
    except GpuUnavailableError as problem:
        sys.stdout.write(f"{NOT_MEASURED}\n{problem}\n")
        return 0
    sizes = (chosen.patients, chosen.cpu_patients, chosen.rtol, chosen.repeats)
    largest = max(chosen.patients, chosen.cpu_patients)
    rows = [compare(PROBLEMS[name](largest), gpu, *sizes) for name in chosen.models]
    sys.stdout.write(_table(rows) + "\n")
    if chosen.out is not None:
        text = json.dumps([asdict(row) for row in rows], indent=1)
        chosen.out.write_text(text + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
