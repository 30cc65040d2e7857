"""A synthetic pool whose truth is known: logits are quadratic in a few unit deviations."""

from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from multiprocessing import get_context

import numpy as np
from scipy.special import expit, logit

from cxaxis.core.streams import rng_for
from cxaxis.inference.outcome_checks import (
    compared,
    learned,
    left_out_studies,
    predictive,
    rank_tests,
)
from cxaxis.inference.outcome_emulator import fit_emulator
from cxaxis.inference.outcome_likelihood import Observed, outcome_problem
from cxaxis.inference.outcome_posterior import Sampling, cases_of, sample
from cxaxis.inference.outcome_records import PoolArrays
from cxaxis.inference.outcome_results import checked, posterior_of
from cxaxis.inference.outcome_tables import input_hash, tables_of, texts_of
from cxaxis.knowledge.landmarks import load_landmarks
from cxaxis.knowledge.parameters import load_parameters

PARAMETERS = ("a", "b", "c", "d", "e")
FITTED = ("a", "b")
LANDMARKS = ("one", "two", "three")


def true_logits(z):
    """Return the logits behind the synthetic shares, shape (n, 3)."""
    return np.stack(
        [
            0.3 + 0.8 * z[:, 0] + 0.3 * z[:, 0] ** 2 + 0.5 * z[:, 2],
            -0.5 + 0.7 * z[:, 1] - 0.4 * z[:, 0] * z[:, 1],
            0.1 + 0.6 * z[:, 0] - 0.6 * z[:, 1] + 0.2 * z[:, 2] * z[:, 0],
        ],
        axis=1,
    )


def synthetic_pool(n=400, n_patient=0):
    """Return unit deviations, shares and their errors; without patients there is no noise."""
    rng = rng_for(5, "synthetic pool", n, n_patient)
    z = rng.standard_normal((n, len(PARAMETERS)))
    share = expit(true_logits(z))
    error = np.zeros_like(share)
    if n_patient:
        error = np.sqrt(share * (1 - share) / n_patient)
        share = rng.binomial(n_patient, share) / n_patient
    return z, share, error


def synthetic_emulator(n=400, n_patient=0, n_other=1):
    """Return the emulator of that pool."""
    z, share, error = synthetic_pool(n, n_patient)
    return fit_emulator(
        z,
        share,
        error,
        parameter_ids=PARAMETERS,
        landmark_ids=LANDMARKS,
        fitted_ids=FITTED,
        n_other=n_other,
    )


OBSERVED = (
    Observed(
        id="one", study="s1", n=100, share=0.7, good=True, family="survival", covariates=(0.5, 0.0)
    ),
    Observed(
        id="two", study="s1", n=150, share=0.4, good=False, family="survival", covariates=(0.5, 0.0)
    ),
    Observed(
        id="three",
        study="s2",
        n=80,
        share=0.5,
        good=True,
        family="response",
        covariates=(-0.5, 1.0),
    ),
)


def synthetic_problem(observed=OBSERVED):
    """Return the fit of three landmarks of two studies."""
    return outcome_problem(synthetic_emulator(n=800, n_patient=50), observed)


def sampled(n_chain, seed, blind):
    """Return fitted parameters and spreads drawn, and the divergent steps.

    All chains are given the same value of the other parameter.
    """
    problem = synthetic_problem()
    left_out = np.full((n_chain, 3), blind)
    chains = sample(
        problem,
        cases_of(problem, np.full((n_chain, 1), 0.5), left_out=left_out),
        seed=seed,
        settings=Sampling(n_adapt=500, n_warm=100, n_keep=40),
    )
    parts = chains.parts(problem)
    return (
        parts.fitted.reshape(-1, 2),
        np.exp(parts.log_spread).ravel(),
        float(chains.divergent.sum()) / (n_chain * 160),
    )


def in_a_process(function, *arguments):
    """Return what a function of this file gives in a process of its own.

    JAX draws from numpy's global random state when it is imported, which tests forbid.
    """
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        return pool.submit(function, *arguments).result()


def check_results(n_chain, seed):
    """Return what the checks say of the synthetic fit."""
    problem = synthetic_problem()
    other = rng_for(seed, "others").standard_normal((n_chain, 1))
    quick = Sampling(n_adapt=400, n_warm=80, n_keep=31, thin=3)
    chains = sample(problem, cases_of(problem, other), seed=seed, settings=quick)
    return (
        learned(problem, chains),
        rank_tests(problem, other, seed=seed, settings=quick),
        left_out_studies(problem, other[:40], seed=seed, settings=quick),
        compared(OBSERVED, predictive(problem, chains, other, OBSERVED, seed=seed), seed=seed),
    )


def landmark_pool(n, fitted, *, n_patient=200):
    """Return a pool over real landmarks whose logits are linear in a few real parameters."""
    rows = load_parameters()
    landmarks = tuple(load_landmarks().values())
    ids = (*fitted, "phi", "share_male")
    rng = rng_for(8, "landmark pool", n)
    z = rng.standard_normal((n, len(ids)))
    # The middle of the prior is off, each landmark leans on two of the fitted parameters.
    lean = rng_for(9, "leanings").standard_normal((len(landmarks), len(ids)))
    lean[:, -1] = 0.0
    centre = logit(np.array([item.share for item in landmarks])) + 0.3
    share = expit(centre + z @ (0.5 * lean).T)
    error = np.sqrt(share * (1 - share) / n_patient)
    return (
        PoolArrays(
            parameter_ids=ids,
            unit_theta=z,
            landmark_ids=tuple(item.id for item in landmarks),
            share=np.clip(rng.normal(share, error), 0.005, 0.995),
            share_se=error,
            population_draw=np.arange(n),
            wiring=np.full(n, "default"),
        ),
        {name: rows[name] for name in ids},
        landmarks,
    )


def whole_fit(folder, fitted):
    """Fit, check and write tables, all of it small; return the hash of the inputs."""
    pool, rows, landmarks = landmark_pool(300, fitted)
    quick = Sampling(n_adapt=300, n_warm=60, n_keep=15, thin=2)
    posterior = posterior_of(pool, landmarks, rows, fitted, n_draw=24, settings=quick)
    fit = checked(posterior, landmarks, simulated=None, n_data_set=24, n_left_out=8, settings=quick)
    key = input_hash(landmarks, rows, tuple(rows), fitted)
    for name, text in texts_of(tables_of(fit, rows, key), posterior.values).items():
        (folder / name).write_text(text, encoding="utf-8")
    # What the model gives at the draws, were it the emulator.
    shares = expit(
        posterior.emulator.logit_share(posterior.chains.last(posterior.problem), posterior.other)
    )
    again = checked(
        posterior,
        landmarks,
        simulated=replace(
            pool,
            unit_theta=pool.unit_theta[:24],
            share=shares,
            share_se=np.zeros_like(shares),
            population_draw=np.arange(24),
            wiring=pool.wiring[:24],
        ),
        n_data_set=8,
        n_left_out=4,
        settings=quick,
    )
    return key, again.n_simulated, len(again.compared)
