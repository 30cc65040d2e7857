"""Calibrate populations to control arms: simulate the pool of populations drawn from the prior.

``python -m cxaxis.inference.outcome_fit RUNS`` simulates the populations in ``RUNS/prior``, a
directory that resumes, and writes the arrays to ``RUNS/prior/pool.npz``.
"""

from __future__ import annotations

import argparse
import logging
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from cxaxis.core.errors import CxaxisError
from cxaxis.inference.outcome_pool import PoolPlan, run_pool
from cxaxis.runs.progress import ProgressBar

COMMAND: Final = "python -m cxaxis.inference.outcome_fit"
N_PRIOR: Final = 1400
PRIOR: Final = "prior"


def prior_plan(n: int = N_PRIOR) -> PoolPlan:
    """Return the plan of populations drawn from the prior of every parameter."""
    return PoolPlan(draws=tuple(range(n)))


def main(arguments: Sequence[str]) -> int:
    """Run the stages; return the exit code."""
    parser = argparse.ArgumentParser(prog=COMMAND, description="Calibration to control arms.")
    parser.add_argument("runs", type=Path, help="folder of the runs; resumes")
    parser.add_argument("--populations", type=int, default=N_PRIOR, help="drawn from the prior")
    parser.add_argument("--workers", type=int, default=None, help="processes; default all")
    chosen = parser.parse_args(arguments)
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    try:
        with ProgressBar("Populations of the prior", total=chosen.populations) as progress:
            run_pool(
                prior_plan(chosen.populations),
                chosen.runs / PRIOR,
                workers=chosen.workers,
                progress=progress,
            )
    except CxaxisError as err:
        sys.stderr.write(f"{err}\n")
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
