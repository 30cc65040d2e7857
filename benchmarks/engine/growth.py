"""How cost grows with patients and with states, and whether a killed run ends the same."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.engine.problems import stack
from benchmarks.engine.solvers import LeanRoadRunner, PopulationSolver

ROOT = Path(__file__).resolve().parents[2]


def child(kind: str, problem: str, *more: str, cache: Path | None = None) -> dict[str, Any]:
    """Run one measurement in a process of its own and return its record."""
    environment = dict(os.environ)
    if cache is not None:
        environment["CXAXIS_CACHE_DIR"] = str(cache)
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.engine.child", kind, problem, *more],
        check=True,
        cwd=ROOT,
        env=environment,
        stdout=subprocess.PIPE,
        text=True,
    )
    record: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return record


def compile_times(problem: str, repeats: int = 3) -> dict[str, Any]:
    """Return the time to compile a model with an empty cache, and with the model in it."""
    cold, cached, peak = [], [], 0.0
    for _ in range(repeats):
        with tempfile.TemporaryDirectory() as folder:
            first = child("compile", problem, cache=Path(folder))
            again = child("compile", problem, cache=Path(folder))
        cold.append(first["compile_s"])
        cached.append(again["compile_s"])
        peak = max(peak, first["peak_mib"])
    return {
        "name": problem,
        "cold_s": float(np.median(cold)),
        "cached_s": float(np.median(cached)),
        "peak_mib": peak,
    }


def with_states(
    sizes: Sequence[int], n_patient: int = 64, rtol: float = 1e-6, repeats: int = 3
) -> list[dict[str, Any]]:
    """Measure rings of cells of growing size, libroadrunner beside us."""
    records = []
    for size in sizes:
        problem = stack(size, n_patient)
        ours, peer = PopulationSolver(1), LeanRoadRunner()
        few = max(2, min(16, 1600 // size))
        ours.run(problem, 0, n_patient, 1e-3)
        peer.run(problem, 0, 1, 1e-3)
        mine, theirs = [], []
        for _ in range(repeats):
            mine.append(ours.run(problem, 0, n_patient, rtol))
            theirs.append(peer.run(problem, 0, few, rtol))
        steps = float(mine[0].steps.mean())
        us = 1e6 * float(np.median([run.cpu_s for run in mine])) / n_patient
        peer_us = 1e6 * float(np.median([run.cpu_s for run in theirs])) / few
        records.append(
            {
                "n_state": size,
                **{k: v for k, v in compile_times(problem.name, 1).items() if k != "name"},
                "us_per_patient": us,
                "steps_per_patient": steps,
                "us_per_step": us / steps,
                "libroadrunner_us_per_patient": peer_us,
                "rtol": rtol,
            }
        )
    return records


def with_patients(name: str, sizes: Sequence[int], folder: Path) -> list[dict[str, Any]]:
    """Stream populations of growing size to disk, each in a process of its own."""
    records = []
    for size in sizes:
        directory = folder / f"{name}-{size}"
        shutil.rmtree(directory, ignore_errors=True)
        record = child("stream", name, "--patients", str(size), "--directory", str(directory))
        records.append(record)
        shutil.rmtree(directory)
    return records


def killed_and_resumed(name: str, n_patient: int, folder: Path, block_size: int) -> dict[str, Any]:
    """Kill a streamed run half way, resume it, and compare with a run left alone."""
    whole, cut = folder / "whole", folder / "cut"
    for directory in (whole, cut):
        shutil.rmtree(directory, ignore_errors=True)
    arguments = ["--patients", str(n_patient), "--block", str(block_size), "--directory"]
    child("stream", name, *arguments, str(whole))
    parts = len(list((whole / "parts").glob("*.sha256")))
    process = subprocess.Popen(
        [sys.executable, "-m", "benchmarks.engine.child", "stream", name, *arguments, str(cut)],
        cwd=ROOT,
        stdout=subprocess.DEVNULL,
    )
    while len(list((cut / "parts").glob("*.sha256"))) < parts // 2 and process.poll() is None:
        time.sleep(0.02)
    process.send_signal(signal.SIGKILL)
    killed = process.wait() == -signal.SIGKILL
    done = len(list((cut / "parts").glob("*.sha256")))
    child("stream", name, *arguments, str(cut))
    same = _hashes(whole) == _hashes(cut)
    for directory in (whole, cut):
        shutil.rmtree(directory)
    return {
        "name": name,
        "n_patient": n_patient,
        "killed": killed,
        "parts": parts,
        "parts_before_kill": done,
        "same_bytes": same,
    }


def _hashes(directory: Path) -> dict[str, str]:
    return {
        str(path.relative_to(directory)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(directory.rglob("*"))
        if path.is_file() and path.name != "log.jsonl"
    }
