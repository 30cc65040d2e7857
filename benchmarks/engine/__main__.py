"""Run the benchmark of the population engine, or write its page from the stored numbers.

``python -m benchmarks.engine --quick`` shows in a few minutes that everything works;
``python -m benchmarks.engine`` measures what the page reports and takes some hours.
"""

from __future__ import annotations

import argparse
import json
import logging
import os
import platform
import shutil
import sys
import tempfile
import time
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final

from benchmarks.engine.precision import PEERS, Effort

ROOT: Final = Path(__file__).resolve().parents[2]
RESULTS: Final = Path(__file__).parent / "results.json"
PAGE: Final = ROOT / "docs" / "engine_benchmark.md"
PARTS: Final = ("precision", "threads", "compile", "memory", "states", "patients", "kill")
LIBRARIES: Final = ("libroadrunner", "copasi-basico", "scipy", "numpy", "llvmlite")

logger = logging.getLogger("benchmarks.engine")


def main() -> int:
    """Measure what is asked for, store it, write the page and return the exit status."""
    given = _arguments()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s", stream=sys.stderr)
    logging.getLogger("cxaxis").setLevel(logging.WARNING)
    results = _read(given.results)
    if not given.page_only:
        effort = _effort(given)
        _tell(given, effort)
        for part in given.parts:
            start = time.perf_counter()
            _measure(part, results, given, effort)
            _store(results, given)
            logger.info("%s done in %.0f s", part, time.perf_counter() - start)
    from benchmarks.engine.page import write_page

    write_page(results, given.page)
    return 0


def _arguments() -> argparse.Namespace:
    from benchmarks.engine.problems import PROBLEMS

    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.engine",
        description=__doc__.splitlines()[0] if __doc__ else None,
    )
    parser.add_argument("--quick", action="store_true", help="a few minutes, for a look")
    parser.add_argument("--patients", type=int, help="patients of each problem (1000; quick 64)")
    parser.add_argument("--problems", nargs="+", choices=PROBLEMS, default=list(PROBLEMS))
    parser.add_argument(
        "--peers", nargs="*", choices=PEERS, help="all; quick: libroadrunner and COPASI"
    )
    parser.add_argument(
        "--peer-s", type=float, help="processor time for libroadrunner on a problem, s (1300)"
    )
    parser.add_argument("--slow-peer-s", type=float, help="the same for every other peer, s (240)")
    parser.add_argument("--rtols", nargs="+", type=float, help="relative tolerances (1e-3 to 1e-9)")
    parser.add_argument(
        "--check-patients", type=int, help="patients whose reference other codes check (3)"
    )
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=list(PARTS))
    parser.add_argument(
        "--most", type=int, help="largest streamed population (1000000; quick 1000)"
    )
    parser.add_argument(
        "--most-own", type=int, help="streamed patients of the project (100000; quick 512)"
    )
    parser.add_argument("--scratch", type=Path, help="where streamed runs go; some GB of room")
    parser.add_argument("--results", type=Path, default=RESULTS)
    parser.add_argument("--page", type=Path, default=PAGE)
    parser.add_argument("--page-only", action="store_true", help="measure nothing")
    given = parser.parse_args()
    if given.quick and (given.results, given.page) == (RESULTS, PAGE):
        # A quick look must not replace what was measured with care.
        folder = Path(tempfile.gettempdir()) / "cxaxis-engine-benchmark"
        folder.mkdir(exist_ok=True)
        given.results, given.page = folder / RESULTS.name, folder / PAGE.name
    if given.peers is None:
        given.peers = list(PEERS)[:2] if given.quick else list(PEERS)
    if given.most is None:
        given.most = 1_000 if given.quick else 1_000_000
    if given.most_own is None:
        given.most_own = 512 if given.quick else 100_000
    return given


def _effort(given: argparse.Namespace) -> Effort:
    if given.quick:
        return Effort(
            patients=given.patients or 64,
            peer_s=6.0,
            slow_peer_s=6.0,
            check_patients=1,
        )
    whole = Effort()
    return Effort(
        patients=given.patients or whole.patients,
        peer_s=given.peer_s or whole.peer_s,
        slow_peer_s=given.slow_peer_s or whole.slow_peer_s,
        rtols=tuple(given.rtols or whole.rtols),
        check_patients=whole.check_patients
        if given.check_patients is None
        else given.check_patients,
    )


def _tell(given: argparse.Namespace, effort: Effort) -> None:
    """Say beforehand about how long it takes."""
    per_problem = 10.0 + effort.patients * 0.4
    for peer in given.peers:
        per_problem += effort.peer_s if peer == "libroadrunner" else effort.slow_peer_s
    seconds = {
        "precision": per_problem * len(given.problems),
        "threads": 120.0 if not given.quick else 30.0,
        "compile": 60.0 if not given.quick else 20.0,
        "memory": 15.0 * len(given.problems) * (1 + len(given.peers)) / (4 if given.quick else 1),
        "states": 180.0 if not given.quick else 25.0,
        "patients": given.most * 1.3e-3 + given.most_own * 6e-3 + 30.0,
        "kill": 120.0 if not given.quick else 15.0,
    }
    total = sum(seconds[part] for part in given.parts)
    logger.info("at most about %.0f minutes; results in %s", total / 60 + 1, given.results)


def _measure(part: str, results: dict[str, Any], given: argparse.Namespace, effort: Effort) -> None:
    from benchmarks.engine import growth, precision
    from benchmarks.engine.problems import PROBLEMS

    quick = given.quick
    if part == "precision":
        for name in given.problems:
            problem = PROBLEMS[name](effort.patients)
            record = precision.work_precision(problem, given.peers, effort)
            results["precision"] = results.get("precision", {}) | {name: record}
            # Hours of work: what is done is kept.
            _store(results, given)
    elif part == "threads":
        batches = {"gpcr": 256, "tumour": 64} if quick else {"gpcr": 4096, "tumour": 512}
        results["threads"] = [
            precision.two_threads(PROBLEMS[name](n), 1e-6, 3 if quick else 7)
            for name, n in batches.items()
        ]
    elif part == "compile":
        new = [growth.compile_times(name, 1 if quick else 3) for name in given.problems]
        results["compile"] = _merged(results.get("compile", []), new)
    elif part == "memory":
        new = _memory(given, 16 if quick else 200)
        results["memory"] = _merged(results.get("memory", []), new)
    elif part == "states":
        states = (25, 50) if quick else (25, 50, 100, 200, 300)
        results["states"] = growth.with_states(states, repeats=1 if quick else 3)
    else:
        folder = Path(tempfile.mkdtemp(prefix="cxaxis-stream-", dir=given.scratch))
        try:
            if part == "kill":
                n = 512 if quick else 16_384
                results["kill"] = growth.killed_and_resumed("tumour", n, folder, n // 8)
            else:
                sizes = [10**k for k in range(2, 7) if 10**k <= given.most]
                results["patients"] = [
                    *growth.with_patients("tumour", sizes, folder),
                    *growth.with_patients("patient", [given.most_own], folder),
                ]
        finally:
            shutil.rmtree(folder, ignore_errors=True)


def _merged(stored: list[dict[str, Any]], new: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return records with those of the problems just measured in place of older ones."""
    names = {record["name"] for record in new}
    return [record for record in stored if record["name"] not in names] + new


def _store(results: dict[str, Any], given: argparse.Namespace) -> None:
    results["machine"] = _machine()
    results["quick"] = given.quick
    given.results.write_text(json.dumps(results, indent=1) + "\n", "utf-8")


def _memory(given: argparse.Namespace, n_patient: int) -> list[dict[str, Any]]:
    from benchmarks.engine.growth import child
    from benchmarks.engine.solvers import OURS

    records = []
    for name in given.problems:
        for solver in (OURS, *given.peers):
            if name == "patient" and solver.startswith("scipy"):
                continue
            few = n_patient if solver == OURS or name == "gpcr" else max(2, n_patient // 50)
            record = child("memory", name, "--solver", solver, "--patients", str(few))
            records.append({"name": name, "solver": solver, **record})
    return records


def _machine() -> dict[str, Any]:
    from cxaxis.engine.machine import this_processor

    processor = this_processor()
    return {
        "processor": processor.name,
        "lanes": processor.lanes,
        "cores": os.cpu_count(),
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        "versions": {name: version(name) for name in LIBRARIES},
    }


def _read(path: Path) -> dict[str, Any]:
    if not path.is_file():
        return {}
    stored: dict[str, Any] = json.loads(path.read_text("utf-8"))
    return stored


if __name__ == "__main__":
    sys.exit(main())
