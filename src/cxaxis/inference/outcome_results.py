"""From a pool of populations to the posterior of the fitted ones, with its checks.

``posterior_of`` is one round: an emulator of the pool, then one chain for each draw of the other
parameters. ``checked`` adds what the last round must show. Draw ``d`` of the committed posterior
is the last state of chain ``d``, whose other parameters are those of
`cxaxis.cohort.population.draw_theta` with `cxaxis.knowledge.posteriors.OUTCOME_SEED` and ``d``: a
whole population is known from its number.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from scipy.special import logit

from cxaxis.cohort.population import draw_theta
from cxaxis.core.arrays import FloatArray, IntArray
from cxaxis.core.errors import ModelValueError
from cxaxis.inference.outcome_checks import (
    N_LEFT_OUT_CHAIN,
    N_SIMULATED,
    Compared,
    LearnedParameter,
    LeftOutStudy,
    RankTest,
    compared,
    learned,
    left_out_studies,
    predictive,
    rank_tests,
)
from cxaxis.inference.outcome_emulator import LEAST_SHARE, OutcomeEmulator, fit_emulator
from cxaxis.inference.outcome_likelihood import (
    REFERENCE_YEAR,
    Observed,
    OutcomeProblem,
    outcome_problem,
)
from cxaxis.inference.outcome_offsets import Offsets, learned_offsets
from cxaxis.inference.outcome_posterior import Chains, Sampling, cases_of, sample
from cxaxis.inference.outcome_records import PoolArrays, from_z, to_z
from cxaxis.knowledge.evidence import load_evidence, load_references
from cxaxis.knowledge.landmarks import Landmark, effective_n
from cxaxis.knowledge.parameters import Parameter
from cxaxis.knowledge.posteriors import OUTCOME_SEED

N_DRAW: Final = 200
#: Seeds of the chains, of simulated data, of predictions.
CHAIN_SEED: Final = 203
_BAD: Final = ("recurrence_by",)
_RESPONSES: Final = ("pcr", "response")
#: Studies whose patients were at later stages than those of the model's arm.
LATER_STAGES: Final[Mapping[str, float]] = {"Hiroshima": 1.0}


@dataclass(frozen=True, kw_only=True)
class OutcomePosterior:
    """One round of the fit.

    Attributes
    ----------
    problem
        Emulator and landmarks.
    other
        Unit deviations of the emulator's other parameters in each draw, ``(n_draw, n_other)``.
    chains
        One for each draw.
    values
        Fitted parameters of each draw, in the units of their rows.
    offsets
        What is known of the emulator's error at each draw; None before anything was simulated
        at the draws.
    """

    problem: OutcomeProblem
    other: FloatArray
    chains: Chains
    values: tuple[Mapping[str, float], ...]
    offsets: Offsets | None = None

    @property
    def emulator(self) -> OutcomeEmulator:
        """Emulator of every landmark."""
        return self.problem.emulator

    @property
    def error_left_sd(self) -> FloatArray:
        """Standard deviation of its error at the draws, less what is known of it there."""
        if self.offsets is None:
            return self.emulator.error_sd
        spread = np.einsum("dll->dl", self.offsets.covariance)
        return np.asarray(np.sqrt(spread.mean(axis=0)))


@dataclass(frozen=True, kw_only=True)
class OutcomeFit:
    """The last round with its checks.

    Attributes
    ----------
    posterior
        The round.
    learned
        What was learned of each fitted parameter.
    compared, emulated
        Every landmark beside the posterior predictive: with shares that the model gave at the
        draws themselves, and with those of the emulator. The same where nothing was simulated.
    ranks, studies
        Simulation-based calibration, and studies left out.
    n_simulated
        Draws at which the model itself gave the shares; 0 if none.
    """

    posterior: OutcomePosterior
    learned: tuple[LearnedParameter, ...]
    compared: tuple[Compared, ...]
    emulated: tuple[Compared, ...]
    ranks: tuple[RankTest, ...]
    studies: tuple[LeftOutStudy, ...]
    n_simulated: int


def observed_of(landmarks: Iterable[Landmark]) -> tuple[Observed, ...]:
    """Return landmarks as the likelihood sees them.

    A study is as old as the earliest report that its landmarks cite; without a year it counts as
    of the reference year.
    """
    chosen = tuple(landmarks)
    numbers = effective_n(chosen)
    evidence, references = load_evidence(), load_references()
    years: dict[str, int] = {}
    for item in chosen:
        for row in item.evidence:
            year = references[evidence[row].reference].year
            if year is not None:
                years[item.study] = min(year, years.get(item.study, year))
    return tuple(
        Observed(
            id=item.id,
            study=item.study,
            # A binomial counts whole patients.
            n=float(max(1, round(numbers[item.id]))),
            share=item.share,
            good=item.quantity not in _BAD,
            family="response" if item.quantity in _RESPONSES else "survival",
            covariates=(
                (years.get(item.study, REFERENCE_YEAR) - REFERENCE_YEAR) / 10.0,
                LATER_STAGES.get(item.study, 0.0),
            ),
        )
        for item in chosen
    )


def other_deviations(
    parameters: Mapping[str, Parameter], ids: Sequence[str], draws: Sequence[int], *, seed: int
) -> FloatArray:
    """Return unit deviations of parameters that keep their prior, shape ``(n_draw, n)``.

    They are those of `draw_theta` with the same seed and draws.
    """
    rows = {name: parameters[name] for name in ids}
    thetas = [draw_theta(rows, seed=seed, draw=draw) for draw in draws]
    return np.array(
        [[float(to_z(rows[name], theta[name])) for name in ids] for theta in thetas]
    ).reshape(len(draws), len(ids))


def posterior_of(
    pool: PoolArrays,
    landmarks: Sequence[Landmark],
    parameters: Mapping[str, Parameter],
    fitted: Sequence[str],
    *,
    n_draw: int = N_DRAW,
    at_draws: IntArray | None = None,
    seed: int = CHAIN_SEED,
    settings: Sampling | None = None,
) -> OutcomePosterior:
    """Return one round of the fit.

    Parameters
    ----------
    pool
        Populations simulated so far.
    landmarks
        All of them; those of use ``fit`` are fitted.
    parameters
        The rows that the pool was drawn from.
    fitted
        Ids of the fitted parameters.
    n_draw
        Draws of the posterior, one chain each.
    at_draws
        Rows of the pool that were simulated at draws of an earlier round, shape
        ``(n_round, n_draw)``: row ``[s, d]`` has the other parameters of draw ``d``. The error of
        the emulator is then learned at each draw.
    seed
        Of the chains.
    settings
        Their length.

    Raises
    ------
    ModelValueError
        If no landmark is to be fitted, or the pool is too small.
    """
    emulator = fit_emulator(
        pool.unit_theta,
        pool.share,
        pool.share_se,
        parameter_ids=pool.parameter_ids,
        landmark_ids=pool.landmark_ids,
        fitted_ids=fitted,
        nearby=None if at_draws is None else np.isin(np.arange(len(pool)), at_draws),
        # Populations at one draw share what the emulator does not follow: held out together.
        fold=np.asarray(pool.population_draw),
    )
    offsets = None
    if at_draws is not None:
        offsets = learned_offsets(emulator.residual[at_draws], emulator.noise_sd[at_draws])
    used = [item for item in landmarks if item.use == "fit"]
    problem = outcome_problem(emulator, observed_of(used))
    other = other_deviations(parameters, emulator.other_ids, range(n_draw), seed=OUTCOME_SEED)
    cases = cases_of(problem, other, offsets=offsets)
    chains = sample(problem, cases, seed=seed, settings=settings)
    values = tuple(
        {
            name: float(from_z(parameters[name], z))
            for name, z in zip(emulator.fitted_ids, row, strict=True)
        }
        for row in chains.last(problem)
    )
    return OutcomePosterior(
        problem=problem, other=other, chains=chains, values=values, offsets=offsets
    )


def checked(
    posterior: OutcomePosterior,
    landmarks: Sequence[Landmark],
    *,
    simulated: PoolArrays | None = None,
    n_data_set: int = N_SIMULATED,
    n_left_out: int = N_LEFT_OUT_CHAIN,
    seed: int = CHAIN_SEED,
    settings: Sampling | None = None,
) -> OutcomeFit:
    """Return a round of the fit with its checks.

    Parameters
    ----------
    simulated
        What the model itself gives at the draws, population ``d`` being draw ``d``; populations
        that failed are left out of the comparison.
    n_data_set, n_left_out
        Data sets of simulation-based calibration, and chains for each study left out.
    settings
        Length of the chains of both.
    landmarks, seed
        As in `posterior_of`.

    Raises
    ------
    ModelValueError
        If the simulated populations are not draws of this posterior.
    """
    problem, chains, offsets = posterior.problem, posterior.chains, posterior.offsets
    every = observed_of(landmarks)
    emulated = compared(
        every,
        predictive(problem, chains, posterior.other, every, seed=seed, offsets=offsets),
        seed=seed,
    )
    against, n_simulated = emulated, 0
    if simulated is not None:
        whole, told = _simulated_logits(simulated, every, len(posterior.values))
        drawn = predictive(
            problem, chains.rows(whole), posterior.other[whole], every, seed=seed, simulated=told
        )
        against, n_simulated = compared(every, drawn, seed=seed), len(whole)
    again = np.arange(n_data_set) % len(posterior.values)
    first = np.arange(min(n_left_out, len(posterior.values)))
    return OutcomeFit(
        posterior=posterior,
        learned=learned(problem, chains),
        compared=against,
        emulated=emulated,
        ranks=rank_tests(
            problem,
            posterior.other[again],
            seed=seed,
            settings=settings,
            offsets=None if offsets is None else offsets.rows(again),
        ),
        studies=left_out_studies(
            problem,
            posterior.other[first],
            seed=seed,
            settings=settings,
            offsets=None if offsets is None else offsets.rows(first),
        ),
        n_simulated=n_simulated,
    )


def _simulated_logits(
    pool: PoolArrays, landmarks: Sequence[Observed], n_draw: int
) -> tuple[IntArray, FloatArray]:
    columns = [pool.landmark_ids.index(item.id) for item in landmarks]
    share = pool.share[:, columns]
    draws = np.asarray(pool.population_draw)
    if draws.size and not (draws.min() >= 0 and draws.max() < n_draw):
        msg = f"the simulated populations are not among the {n_draw} draws of the posterior."
        raise ModelValueError(msg)
    sound = np.isfinite(share).all(axis=1)
    held = np.clip(share[sound], LEAST_SHARE, 1.0 - LEAST_SHARE)
    return draws[sound], np.asarray(logit(held))
