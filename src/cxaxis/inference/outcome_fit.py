"""Calibrate populations to control arms, or check that the committed calibration is fresh.

``python -m cxaxis.inference.outcome_fit RUNS`` works in stages, each a directory that resumes:

1. ``RUNS/prior``: populations drawn from the prior of every parameter, under all control arms;
2. a first posterior of the parameters of ``fitted_population.tsv``, by an emulator of these;
3. ``RUNS/near``: populations at draws of that posterior, where the emulator has to be right;
4. the posterior by an emulator of both, its error learned at each draw;
5. ``RUNS/again_1`` and on: the same at the draws of that one, each round nearer to the answer;
6. ``RUNS/confirm``: the model itself at the draws of the posterior, with new patients;
7. calibration ranks, studies left out, every landmark beside its prediction; the tables.

``--pool-only`` ends after the first stage, for `cxaxis.inference.outcome_influence` to choose
the parameters from. ``--check`` exits 1 if landmarks, parameters or model have changed since.
"""

from __future__ import annotations

import argparse
import logging
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import reduce
from pathlib import Path
from typing import Final

import numpy as np

from cxaxis.core.errors import CxaxisError
from cxaxis.inference.cell_petab import generated_folder
from cxaxis.inference.outcome_courses import patient_model, population_parameters
from cxaxis.inference.outcome_pool import N_PATIENT, N_PRIOR, PoolPlan, prior_plan, run_pool
from cxaxis.inference.outcome_posterior import Sampling
from cxaxis.inference.outcome_records import PoolArrays, fitted_ids
from cxaxis.inference.outcome_results import N_DRAW, OutcomePosterior, checked, posterior_of
from cxaxis.inference.outcome_tables import (
    input_hash,
    stale_reasons,
    tables_of,
    texts_of,
)
from cxaxis.knowledge.landmarks import Landmark, load_landmarks
from cxaxis.knowledge.parameters import Parameter, load_parameters
from cxaxis.knowledge.posteriors import OUTCOME_SEED
from cxaxis.runs.files import write_text_durably
from cxaxis.runs.progress import ProgressBar

COMMAND: Final = "python -m cxaxis.inference.outcome_fit"
#: Rounds of populations at draws of a posterior, after the first.
N_ROUND: Final = 2
#: Patients of each setting in what is confirmed: their luck widens what the model says.
N_CONFIRMING_PATIENT: Final = 48
logger = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class Stages:
    """Sizes of the stages.

    Attributes
    ----------
    prior, draws
        Populations of the prior, and draws of each posterior.
    rounds
        How often populations at the draws are simulated again before the last posterior; at
        least 0.
    n_data_set, n_left_out
        Data sets of simulation-based calibration, and chains for each study left out; as in
        `cxaxis.inference.outcome_results.checked`, None for its own.
    sampling
        Length of the chains, None for the usual one.
    workers
        Processes that simulate; None for every processor.
    """

    prior: int = N_PRIOR
    draws: int = N_DRAW
    rounds: int = N_ROUND
    n_data_set: int | None = None
    n_left_out: int | None = None
    sampling: Sampling | None = None
    workers: int | None = None


def simulated(plan: PoolPlan, out: Path, what: str, *, workers: int | None) -> PoolArrays:
    """Run or read a pool, with a progress bar named ``what``."""
    with ProgressBar(what, total=len(plan.draws)) as progress:
        return run_pool(plan, out, workers=workers, progress=progress)


def plan_at(
    posterior: OutcomePosterior, *, patients_of: str, n_patient: int = N_PATIENT
) -> PoolPlan:
    """Return the plan of the populations at the draws of a posterior.

    Draw ``d`` has what was fitted from the posterior and the rest from the prior, as
    `cxaxis.cohort.calibrated.posterior_draw` has it.
    """
    values = posterior.values
    return PoolPlan(
        draws=tuple(range(len(values))),
        fixed={draw: dict(row) for draw, row in enumerate(values)},
        n_patient=n_patient,
        seed=OUTCOME_SEED,
        patients_of=patients_of,
    )


def fit_texts(runs: Path, stages: Stages) -> dict[str, str]:
    """Work through the stages and return the tables of the calibration by name.

    Parameters
    ----------
    runs
        Folder of the stages' runs.
    stages
        Their sizes.

    Raises
    ------
    UserInputError
        If a run directory cannot be used, or `fitted_population.tsv` is malformed.
    ModelValueError
        If too few populations have numbers.
    """
    parameters, landmarks = load_parameters(), tuple(load_landmarks().values())
    fitted = fitted_ids()
    prior = simulated(
        prior_plan(stages.prior), runs / "prior", "Populations of the prior", workers=stages.workers
    )
    logger.info("First posterior of %d parameters from %d populations.", len(fitted), len(prior))
    last = posterior_of(
        prior, landmarks, parameters, fitted, n_draw=stages.draws, settings=stages.sampling
    )
    pools = [prior]
    for name in ("near", *(f"again_{k + 1}" for k in range(stages.rounds))):
        pools.append(
            simulated(
                plan_at(last, patients_of=name),
                runs / name,
                f"Populations of the posterior, {name}",
                workers=stages.workers,
            )
        )
        starts = np.cumsum([len(pool) for pool in pools[:-1]])
        together = reduce(PoolArrays.joined, pools)
        logger.info("Posterior from %d populations.", len(together))
        last = posterior_of(
            together,
            landmarks,
            parameters,
            fitted,
            n_draw=stages.draws,
            at_draws=starts[:, np.newaxis] + np.arange(stages.draws),
            settings=stages.sampling,
        )
    confirmed = simulated(
        plan_at(last, patients_of="confirm", n_patient=N_CONFIRMING_PATIENT),
        runs / "confirm",
        "Populations of the posterior, with new patients",
        workers=stages.workers,
    )
    logger.info("Checks.")
    sizes = {"n_data_set": stages.n_data_set, "n_left_out": stages.n_left_out}
    fit = checked(
        last,
        landmarks,
        simulated=confirmed,
        settings=stages.sampling,
        **{name: size for name, size in sizes.items() if size is not None},
    )
    tables = tables_of(fit, parameters, current_hash(landmarks, parameters))
    return texts_of(tables, last.values)


def current_hash(landmarks: Sequence[Landmark], parameters: Mapping[str, Parameter]) -> str:
    """Return the hash of what the calibration rests on at present."""
    used = population_parameters(patient_model(), parameters)
    return input_hash(landmarks, parameters, used, fitted_ids())


def main(arguments: Sequence[str]) -> int:
    """Calibrate or check; return the exit code."""
    parser = argparse.ArgumentParser(prog=COMMAND, description="Calibration to control arms.")
    parser.add_argument("runs", type=Path, nargs="?", help="folder of the runs; resumes")
    parser.add_argument("--check", action="store_true", help="exit 1 if the result is stale")
    parser.add_argument("--pool-only", action="store_true", help="end after the prior's pool")
    parser.add_argument("--populations", type=int, default=N_PRIOR, help="drawn from the prior")
    parser.add_argument("--workers", type=int, default=None, help="processes; default all")
    chosen = parser.parse_args(arguments)
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    try:
        if chosen.check:
            key = current_hash(tuple(load_landmarks().values()), load_parameters())
            reasons = list(stale_reasons(key))
            for reason in reasons:
                sys.stderr.write(f"The fit to control arms is stale: {reason}. Run: {COMMAND}\n")
            return 1 if reasons else 0
        if chosen.runs is None:
            parser.error("give the folder of the runs, or --check")
        stages = Stages(prior=chosen.populations, workers=chosen.workers)
        if chosen.pool_only:
            plan = prior_plan(stages.prior)
            out = chosen.runs / "prior"
            simulated(plan, out, "Populations of the prior", workers=stages.workers)
            return 0
        texts = fit_texts(chosen.runs, stages)
    except CxaxisError as err:
        sys.stderr.write(f"{err}\n")
        return 2
    for name, text in texts.items():
        write_text_durably(generated_folder() / name, text)
        sys.stdout.write(f"{generated_folder() / name}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
