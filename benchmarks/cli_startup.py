"""Time `cxaxis --help` against an interpreter that does nothing.

The two are interleaved, so that a busy machine burdens both alike; medians are printed as a row
for the table of benchmarks/README.md.
"""

import argparse
import os
import platform
import statistics
import subprocess
import sys
import time
from pathlib import Path


def main() -> int:
    """Measure, print one table row, and return the exit status."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--repeats", type=int, default=21, help="runs of each command (21)")
    repeats = parser.parse_args().repeats
    if repeats < 1:
        parser.error(f"--repeats must be at least 1, got {repeats}")
    commands = {
        "python": [sys.executable, "-c", "pass"],
        "help": [str(Path(sys.executable).parent / "cxaxis"), "--help"],
    }
    seconds: dict[str, list[float]] = {name: [] for name in commands}
    for command in commands.values():
        wall_time_s(command)  # the first run of each writes byte code and fills the disk cache
    for _ in range(repeats):
        for name, command in commands.items():
            seconds[name].append(wall_time_s(command))
    python_s, help_s = (statistics.median(seconds[name]) for name in ("python", "help"))
    sys.stdout.write(
        "| cores | Python | repeats | `python -c pass`, s | `cxaxis --help`, s | range, s |\n"
        "|---|---|---|---|---|---|\n"
        f"| {os.cpu_count()} | {platform.python_version()} | {repeats} | {python_s:.3f} "
        f"| {help_s:.3f} | {min(seconds['help']):.3f} to {max(seconds['help']):.3f} |\n"
    )
    return 0


def wall_time_s(command: list[str]) -> float:
    """Return the wall time of one run of ``command`` in seconds; raise if it fails."""
    started = time.perf_counter()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - started


if __name__ == "__main__":
    sys.exit(main())
