"""The rounds of the fit to control arms, once populations of the prior are simulated.

Round one fits an emulator to the prior's populations. Its posterior draws are simulated, so that
the emulator of round two knows the region that matters and says how far it errs there. The draws
of round two are the posterior; they are simulated as well, and what the model itself says of each
landmark there is what is compared with trials.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

import numpy as np

from cxaxis.inference.outcome_courses import patient_model, population_parameters
from cxaxis.inference.outcome_pool import N_PATIENT, PoolPlan, run_pool
from cxaxis.inference.outcome_records import PoolArrays, fitted_ids
from cxaxis.inference.outcome_results import (
    N_DRAW,
    OutcomeFit,
    OutcomePosterior,
    checked,
    posterior_of,
)
from cxaxis.inference.outcome_tables import input_hash, tables_of, texts_of
from cxaxis.knowledge.landmarks import load_landmarks
from cxaxis.knowledge.parameters import load_parameters
from cxaxis.knowledge.posteriors import OUTCOME_SEED
from cxaxis.runs.progress import ProgressBar

#: Draws of round one that are simulated.
N_NEARBY: Final = 300
NEARBY, CONFIRMED = "nearby", "confirmed"

_log = logging.getLogger(__name__)


def present_key() -> str:
    """Return the hash of what a fit made now would rest on."""
    rows = load_parameters()
    used = population_parameters(patient_model(), rows)
    return input_hash(load_landmarks().values(), rows, used, fitted_ids())


def plan_at(values: Sequence[Mapping[str, float]], *, n_patient: int | None = None) -> PoolPlan:
    """Return the plan of populations at draws of a posterior, draw ``d`` being population ``d``.

    Parameters
    ----------
    values
        Fitted parameters of each draw, in the units of their rows.
    n_patient
        Patients of each setting; those of the pool if omitted.
    """
    patients = N_PATIENT if n_patient is None else n_patient
    return PoolPlan(
        draws=tuple(range(len(values))),
        fixed=dict(enumerate(values)),
        seed=OUTCOME_SEED,
        n_patient=patients,
    )


def run_rounds(
    prior: PoolArrays,
    runs: Path,
    *,
    workers: int | None = None,
    n_nearby: int = N_NEARBY,
    n_draw: int = N_DRAW,
) -> OutcomeFit:
    """Return the fit with its checks.

    Parameters
    ----------
    prior
        Populations of the prior.
    runs
        Folder for the runs of populations at posterior draws; they resume.
    workers
        Processes that simulate; the result does not depend on it.
    n_nearby, n_draw
        Draws of round one that are simulated, and draws of the posterior.

    Raises
    ------
    UserInputError
        If a run cannot go on in its folder.
    SamplerMissingError
        If the extra ``fit`` is not installed.
    """
    landmarks, rows, fitted = tuple(load_landmarks().values()), load_parameters(), fitted_ids()
    first = posterior_of(prior, landmarks, rows, fitted, n_draw=n_nearby)
    _told("Round one", first)
    nearby = _simulated(first, runs / NEARBY, workers)
    both = prior.joined(nearby)
    is_near = np.arange(len(both)) >= len(prior)
    last = posterior_of(both, landmarks, rows, fitted, n_draw=n_draw, nearby=is_near)
    _told("Round two", last)
    simulated = _simulated(last, runs / CONFIRMED, workers)
    return checked(last, landmarks, rows, simulated=simulated)


def write_fit(fit: OutcomeFit, folder: Path) -> tuple[Path, ...]:
    """Write the tables of a fit into a folder; return their paths."""
    tables = tables_of(fit, load_parameters(), present_key())
    paths = []
    for name, text in texts_of(tables, fit.posterior.values).items():
        path = folder / name
        path.write_text(text, encoding="utf-8")
        paths.append(path)
    return tuple(paths)


def _simulated(posterior: OutcomePosterior, out: Path, workers: int | None) -> PoolArrays:
    plan = plan_at(posterior.values)
    with ProgressBar(f"Populations of {out.name}", total=len(plan.draws)) as progress:
        return run_pool(plan, out, workers=workers, progress=progress)


def _told(name: str, posterior: OutcomePosterior) -> None:
    chains, emulator = posterior.chains, posterior.emulator
    _log.info(
        "%s: %d populations, R2 of landmarks %.2f to %.2f, acceptance %.2f, %d divergent steps.",
        name,
        emulator.n_population,
        emulator.r2.min(),
        emulator.r2.max(),
        chains.acceptance.mean(),
        chains.divergent.sum(),
    )
