"""The posterior of the fitted population parameters, by Hamiltonian Monte Carlo.

The likelihood on the emulator is explicit and smooth, so the no-U-turn sampler draws from the
posterior itself; a density learned from simulations would only approach it.

Parameters that are not fitted keep their prior. That is a cut posterior: for each draw of the
others from their prior, one chain draws the fitted ones given it and the landmarks, and no
landmark moves the others. All chains run side by side; JAX and blackjax, of the extra ``fit``,
are imported when a chain is run and nowhere else.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np

from cxaxis.core.arrays import BoolArray, FloatArray, IntArray
from cxaxis.core.errors import CxaxisError
from cxaxis.core.streams import rng_for
from cxaxis.inference.outcome_likelihood import (
    STUDY_SCALE,
    OutcomeProblem,
    Unknowns,
    log_density,
    unpacked,
)
from cxaxis.inference.outcome_offsets import Offsets, unknown_offsets

#: Longest path of the sampler, doublings: chains side by side wait for the longest.
MOST_DOUBLINGS: Final = 7


class SamplerMissingError(CxaxisError):
    """The libraries of the extra ``fit`` are not installed; the message says how."""


@dataclass(frozen=True, kw_only=True)
class Sampling:
    """How long the chains are.

    Attributes
    ----------
    n_adapt
        Steps in which one chain finds the step size and the scales for all.
    n_warm, n_keep
        Steps of each chain that are thrown away, and states of it that are kept.
    thin
        Steps between states that are kept.
    acceptance
        Acceptance aimed at.
    """

    n_adapt: int = 1000
    n_warm: int = 200
    n_keep: int = 50
    thin: int = 4
    acceptance: float = 0.95


@dataclass(frozen=True, kw_only=True)
class Cases:
    """What differs from chain to chain.

    Attributes
    ----------
    intercept, linear
        Of the emulator at the chain's values of the other parameters, shapes
        ``(n_chain, n_landmark)`` and ``(n_chain, n_landmark, n_fitted)``.
    counts
        Patients with the outcome, shape ``(n_chain, n_landmark)``.
    weights
        1 for a landmark that is used, 0 for one left out; same shape.
    error_root
        Lower Cholesky factor of the emulator's error, shape
        ``(n_chain, n_landmark, n_landmark)``.
    """

    intercept: FloatArray
    linear: FloatArray
    counts: FloatArray
    weights: FloatArray
    error_root: FloatArray

    def __len__(self) -> int:
        return len(self.intercept)


@dataclass(frozen=True, kw_only=True)
class Chains:
    """What the chains drew.

    Attributes
    ----------
    places
        Unknowns, shape ``(n_chain, n_keep, size)``; see
        `cxaxis.inference.outcome_likelihood.unpacked`.
    acceptance
        Mean acceptance of each chain, shape ``(n_chain,)``.
    divergent
        Steps that diverged, shape ``(n_chain,)``.
    turned_early
        Share of steps that ended at the longest path, all chains together.
    """

    places: FloatArray
    acceptance: FloatArray
    divergent: FloatArray
    turned_early: float

    def parts(self, problem: OutcomeProblem) -> Unknowns:
        """Return the unknowns by name, each with the shape ``(n_chain, n_keep, ...)``."""
        return unpacked(problem, self.places)

    def rows(self, chosen: IntArray) -> Chains:
        """Return some of the chains."""
        return replace(
            self,
            places=self.places[chosen],
            acceptance=self.acceptance[chosen],
            divergent=self.divergent[chosen],
        )

    def last(self, problem: OutcomeProblem) -> FloatArray:
        """Return the last state's fitted parameters, unit deviations ``(n_chain, n_fitted)``."""
        return np.asarray(self.parts(problem).fitted[:, -1], dtype=np.float64)


def cases_of(
    problem: OutcomeProblem,
    other: FloatArray,
    *,
    counts: FloatArray | None = None,
    left_out: BoolArray | None = None,
    offsets: Offsets | None = None,
) -> Cases:
    """Return one case for each draw of the other parameters.

    Parameters
    ----------
    other
        Unit deviations of the parameters that keep their prior, shape ``(n_chain, n_other)``.
    counts
        Outcomes of each chain, shape ``(n_chain, n_landmark)``; those published if omitted.
    left_out
        Landmarks that a chain does not see, same shape; none if omitted.
    offsets
        What is known of the emulator's error at each of these draws; nothing if omitted.
    """
    intercept, linear, _ = problem.emulator.given_other(other)
    rows = np.asarray(problem.rows)
    known = offsets or unknown_offsets(problem.emulator.error_covariance, len(other))
    here = np.ix_(np.arange(len(other)), rows, rows)
    shape = (len(other), len(rows))
    return Cases(
        intercept=intercept[:, rows] + known.mean[:, rows],
        linear=linear[:, rows],
        counts=np.broadcast_to(problem.counts, shape) if counts is None else counts,
        weights=np.ones(shape) if left_out is None else np.where(left_out, 0.0, 1.0),
        error_root=np.asarray(np.linalg.cholesky(known.covariance[here])),
    )


def sample(
    problem: OutcomeProblem, cases: Cases, *, seed: int, settings: Sampling | None = None
) -> Chains:
    """Return one chain for each case.

    The same arguments give the same bytes on the same machine.

    Raises
    ------
    SamplerMissingError
        If JAX or blackjax is not installed.
    """
    how = settings or Sampling()
    jax, blackjax = _libraries()
    jnp = jax.numpy

    def density(place: Any, case: tuple[Any, Any, Any, Any, Any]) -> Any:
        intercept, linear, counts, weights, error_root = case
        return log_density(
            problem,
            place,
            intercept=intercept,
            linear=linear,
            counts=counts,
            weights=weights,
            error_root=error_root,
            xp=jnp,
        )

    parts = (cases.intercept, cases.linear, cases.counts, cases.weights, cases.error_root)
    arrays = tuple(jnp.asarray(item) for item in parts)
    middle = tuple(jnp.mean(item, axis=0) for item in arrays)
    key = jax.random.key(int(rng_for(seed, "outcome", "chains").integers(2**31)))
    adapt_key, start_key, run_key = jax.random.split(key, 3)
    adapted = blackjax.window_adaptation(
        blackjax.nuts,
        lambda place: density(place, middle),
        target_acceptance_rate=how.acceptance,
        max_num_doublings=MOST_DOUBLINGS,
    )
    origin = jnp.zeros(problem.size).at[problem.n_fitted].set(np.log(STUDY_SCALE))
    (_, tuned), _ = adapted.run(adapt_key, origin, num_steps=how.n_adapt)
    tuned = {**tuned, "max_num_doublings": MOST_DOUBLINGS}

    def one_chain(key: Any, start: Any, case: Any) -> Any:
        kernel = blackjax.nuts(lambda place: density(place, case), **tuned)

        def step(state: Any, key: Any) -> Any:
            state, info = kernel.step(key, state)
            long = info.num_trajectory_expansions >= MOST_DOUBLINGS
            told = jnp.stack([info.acceptance_rate, info.is_divergent * 1.0, long * 1.0])
            return state, told

        def kept(state: Any, key: Any) -> Any:
            state, told = jax.lax.scan(step, state, jax.random.split(key, how.thin))
            return state, (state.position, told.mean(axis=0))

        warm_key, keep_key = jax.random.split(key)
        state = kernel.init(start)
        state, _ = jax.lax.scan(step, state, jax.random.split(warm_key, how.n_warm))
        _, drawn = jax.lax.scan(kept, state, jax.random.split(keep_key, how.n_keep))
        return drawn

    starts = origin + 0.3 * jax.random.normal(start_key, (len(cases), problem.size))
    run = jax.jit(jax.vmap(one_chain))
    places, told = run(jax.random.split(run_key, len(cases)), starts, arrays)
    figures = np.asarray(told, dtype=np.float64)
    return Chains(
        places=np.asarray(places, dtype=np.float64),
        acceptance=figures[..., 0].mean(axis=1),
        divergent=np.round(figures[..., 1].sum(axis=1) * how.thin),
        turned_early=float(figures[..., 2].mean()),
    )


def prior_places(problem: OutcomeProblem, n: int, *, seed: int, purpose: str) -> FloatArray:
    """Return draws of the unknowns from their prior, shape ``(n, size)``."""
    rng = rng_for(seed, "outcome", "prior", purpose)
    places = rng.standard_normal((n, problem.size))
    at = problem.n_fitted
    places[:, at] = np.log(STUDY_SCALE * np.abs(places[:, at]))
    return places


def effective_size(values: FloatArray) -> FloatArray:
    """Return the effective number of draws in chains of a cut posterior.

    Chains differ in what they are given, so that chain means scatter by right; what counts
    within each is its own correlation. The answer is the sum over chains of
    ``n_keep / (1 + 2 sum of positive autocorrelations)``.

    Parameters
    ----------
    values
        Shape ``(n_chain, n_keep, n)``.
    """
    n_keep = values.shape[1]
    centred = values - values.mean(axis=1, keepdims=True)
    variance = (centred**2).mean(axis=(0, 1)).clip(np.finfo(float).tiny)
    time = np.ones(values.shape[2])
    going = np.ones(values.shape[2], dtype=bool)
    for lag in range(1, n_keep - 1):
        shared = (centred[:, lag:] * centred[:, :-lag]).sum(axis=(0, 1))
        rho = shared / (values.shape[0] * n_keep) / variance
        going &= rho > 0
        if not going.any():
            break
        time += np.where(going, 2.0 * rho, 0.0)
    return np.asarray(values.shape[0] * n_keep / time)


def _libraries() -> tuple[Any, Any]:
    try:
        import blackjax
        import jax
    except ImportError as err:
        msg = "fitting to outcomes needs jax and blackjax. Install cxaxis with its extra 'fit'."
        raise SamplerMissingError(msg) from err
    jax.config.update("jax_enable_x64", True)
    jax.config.update("jax_platforms", "cpu")
    return jax, blackjax
