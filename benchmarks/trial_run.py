"""Time `cxaxis trial run` of 2 arms of 200 patients, with or without drawn populations.

The protocol is the example of definitive chemoradiotherapy with an infusion of plerixafor. Wall
time is what a user waits; processor time tells how much of it other work on the machine took.
Rows for the table of benchmarks/README.md are printed.
"""

from __future__ import annotations

import argparse
import os
import resource
import subprocess
import sys
import tempfile
import time
from importlib import resources
from pathlib import Path
from typing import Any

import yaml

_EXAMPLE = "examples/crt_plerixafor.yaml"
_OTHER_ARM = "plerixafor_daily"


def protocol(draws: int) -> dict[str, Any]:
    """Return the protocol with control and infusion, and a number of drawn populations."""
    text = resources.files("cxaxis").joinpath(*_EXAMPLE.split("/")).read_text("utf-8")
    found: dict[str, Any] = yaml.safe_load(text)
    found["arms"] = [arm for arm in found["arms"] if arm["id"] != _OTHER_ARM]
    found["uncertainty"] = {
        "draws": draws,
        "patients_per_draw": 12,
        "phi_values": [0, 0.5, 1] if draws else [],
        "phi_patients": 48,
    }
    return found


def run_s(file: Path, folder: Path, workers: int | None) -> tuple[float, float]:
    """Return wall and processor time of one run, seconds; raise if it fails."""
    command = [sys.executable, "-m", "cxaxis", "trial", "run", str(file), "-o", str(folder)]
    if workers is not None:
        command += ["--workers", str(workers)]
    before, started = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    wall_s, after = time.perf_counter() - started, resource.getrusage(resource.RUSAGE_CHILDREN)
    return wall_s, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def main() -> int:
    """Measure, print table rows, and return the exit status."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--repeats", type=int, default=3, help="runs (3)")
    parser.add_argument("--draws", type=int, default=0, help="drawn populations (0)")
    parser.add_argument("--workers", type=int, help="processes; as many as are worth it if omitted")
    options = parser.parse_args()
    if options.repeats < 1:
        parser.error(f"--repeats must be at least 1, got {options.repeats}")
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "protocol.yaml"
        file.write_text(yaml.safe_dump(protocol(options.draws), sort_keys=False), "utf-8")
        sys.stdout.write(
            "| cores | draws | processes | wall, s | processor, s | load |\n"
            "|---|---|---|---|---|---|\n"
        )
        for k in range(options.repeats):
            wall_s, processor_s = run_s(file, Path(folder) / str(k), options.workers)
            sys.stdout.write(
                f"| {os.cpu_count()} | {options.draws} | {options.workers or 'own choice'} "
                f"| {wall_s:.1f} | {processor_s:.1f} | {os.getloadavg()[0]:.1f} |\n"
            )
    return 0


if __name__ == "__main__":
    sys.exit(main())
