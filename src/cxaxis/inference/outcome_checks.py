"""Whether the fit to control arms may be believed: what it learned, whether its intervals hold.

- Posterior over prior standard deviation of each parameter: above 0.9 nothing was learned.
- Simulation-based calibration: over data made from the prior, the truth's rank among its
  posterior draws is uniform.
- Leave one study out: its landmarks beside what the others predict of a new study.
- Posterior predictive of every landmark, fitted or held out, with the study effect at its mean and
  as of a new study; and how wide that is beside the scatter between studies alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from scipy.special import expit
from scipy.stats import binom, chisquare

from cxaxis.core.arrays import FloatArray, IntArray
from cxaxis.core.streams import rng_for
from cxaxis.inference.outcome_likelihood import Observed, OutcomeProblem, drift_of, logits
from cxaxis.inference.outcome_offsets import Offsets, unknown_offsets
from cxaxis.inference.outcome_posterior import (
    Chains,
    Sampling,
    cases_of,
    effective_size,
    prior_places,
    sample,
)
from cxaxis.inference.uncertainty import NOT_LEARNED

N_SIMULATED: Final = 300
N_RANK_BIN: Final = 8
#: Longer steps between states: ranks want independent draws.
CALIBRATION: Final = Sampling(n_keep=63, thin=6)
N_LEFT_OUT_CHAIN: Final = 60
INNER, OUTER = (0.1, 0.9), (0.025, 0.975)


@dataclass(frozen=True, kw_only=True)
class LearnedParameter:
    """What the landmarks say of one fitted parameter, in unit deviations of its prior.

    Attributes
    ----------
    id
        Parameter.
    mean, sd
        Of the posterior; the prior has 0 and 1.
    effective
        Effective number of draws.
    """

    id: str
    mean: float
    sd: float
    effective: float

    @property
    def is_learned(self) -> bool:
        """Whether the posterior is narrower than nine tenths of the prior."""
        return self.sd <= NOT_LEARNED


@dataclass(frozen=True, kw_only=True)
class RankTest:
    """Ranks of the truth in simulated data sets, for one parameter.

    Attributes
    ----------
    id
        Parameter.
    counts
        Data sets with a rank in each of `N_RANK_BIN` even bins.
    p_value
        Of the chi-squared test of evenness.
    """

    id: str
    counts: tuple[int, ...]
    p_value: float


@dataclass(frozen=True, kw_only=True)
class LeftOutStudy:
    """One study beside what the others say of it.

    Attributes
    ----------
    study
        Its name.
    n_landmark, n_inside_80, n_inside_95
        Its landmarks, and those within the predictive intervals.
    log_score
        Mean log predictive probability of a landmark.
    prior_log_score
        The same of the prior predictive, which has seen no study.
    """

    study: str
    n_landmark: int
    n_inside_80: int
    n_inside_95: int
    log_score: float
    prior_log_score: float


@dataclass(frozen=True, kw_only=True)
class Compared:
    """One landmark beside the posterior predictive; shares in [0, 1].

    Attributes
    ----------
    id, study
        Landmark and study.
    observed
        Published share.
    centre, centre_low, centre_high
        Median and 80 % interval of the model's share, the study effect at its mean.
    low_80, high_80, low_95, high_95
        Predictive intervals of a new study of as many patients.
    reference_width
        Width of an 80 % interval from the scatter between studies and the number of patients
        alone, the population known.
    log_score
        Log predictive probability of what was seen.
    """

    id: str
    study: str
    observed: float
    centre: float
    centre_low: float
    centre_high: float
    low_80: float
    high_80: float
    low_95: float
    high_95: float
    reference_width: float
    log_score: float

    @property
    def is_inside_80(self) -> bool:
        """Whether the published share lies within the 80 % predictive interval."""
        return self.low_80 <= self.observed <= self.high_80

    @property
    def is_inside_95(self) -> bool:
        """Whether it lies within the 95 % predictive interval."""
        return self.low_95 <= self.observed <= self.high_95

    @property
    def width_ratio(self) -> float:
        """Width of the 80 % interval over that of the scatter between studies alone."""
        return (self.high_80 - self.low_80) / self.reference_width


@dataclass(frozen=True, kw_only=True)
class Predictive:
    """Draws of what surrounds a landmark's share.

    Attributes
    ----------
    logit
        Of the share, study effect at its mean, shape ``(n_draw, n_landmark)``; rows in the order
        of the landmarks compared.
    spread
        Of study effects, shape ``(n_draw,)``.
    """

    logit: FloatArray
    spread: FloatArray


def learned(problem: OutcomeProblem, chains: Chains) -> tuple[LearnedParameter, ...]:
    """Return what was learned of each fitted parameter."""
    fitted = np.asarray(chains.parts(problem).fitted)
    size = effective_size(fitted)
    return tuple(
        LearnedParameter(
            id=name,
            mean=float(fitted[..., k].mean()),
            sd=float(fitted[..., k].std()),
            effective=float(size[k]),
        )
        for k, name in enumerate(problem.emulator.fitted_ids)
    )


def predictive(
    problem: OutcomeProblem,
    chains: Chains,
    other: FloatArray,
    landmarks: Sequence[Observed],
    *,
    seed: int,
    simulated: FloatArray | None = None,
    offsets: Offsets | None = None,
) -> Predictive:
    """Return draws of the logit of landmarks, fitted or not, at the last state of each chain.

    Parameters
    ----------
    chains, other
        Chains and the other parameters that each was given.
    landmarks
        What to predict, in the emulator.
    simulated
        Logits that the model itself gives at those states, shape ``(n_chain, n_landmark)``, in
        place of the emulator and its error.
    offsets
        What is known of that error at each draw; nothing if omitted.
    """
    emulator = problem.emulator
    rows = np.array([emulator.landmark_ids.index(item.id) for item in landmarks])
    parts = chains.parts(problem)
    if simulated is None:
        fitted = np.asarray(parts.fitted[:, -1])
        known = offsets or unknown_offsets(emulator.error_covariance, len(other))
        logit = emulator.logit_share(fitted, other)[:, rows] + known.mean[:, rows]
        logit += _errors(
            problem, np.asarray(parts.errors[:, -1]), known.covariance, rows, seed=seed
        )
    else:
        logit = simulated.copy()
    logit += np.asarray(parts.drifts[:, -1]) @ drift_of(landmarks).T
    return Predictive(logit=logit, spread=np.exp(np.asarray(parts.log_spread[:, -1])))


def _errors(
    problem: OutcomeProblem,
    found: FloatArray,
    covariance: FloatArray,
    rows: IntArray,
    *,
    seed: int,
) -> FloatArray:
    """Return errors of the emulator at some landmarks, given those found at the fitted ones.

    Shapes ``(n_draw, n_fit)`` in standard units, ``(n_draw, n_all, n_all)``, and
    ``(n_draw, n_landmark)`` in logit units.
    """
    n_draw, n_all = covariance.shape[:2]
    known = np.asarray(problem.rows)
    unknown = np.setdiff1d(rows, known)
    draws = rng_for(seed, "outcome", "emulator error").standard_normal((n_draw, len(unknown)))
    errors = np.zeros((n_draw, n_all))
    for k, here in enumerate(covariance):
        at_known = here[np.ix_(known, known)]
        errors[k, known] = np.linalg.cholesky(at_known) @ found[k]
        if unknown.size:
            across = here[np.ix_(unknown, known)]
            gain = np.linalg.solve(at_known, across.T).T
            left = here[np.ix_(unknown, unknown)] - gain @ across.T
            root = np.linalg.cholesky(left + 1e-10 * np.eye(len(unknown)))
            errors[k, unknown] = gain @ errors[k, known] + root @ draws[k]
    return np.asarray(errors[:, rows])


def compared(
    landmarks: Sequence[Observed], drawn: Predictive, *, seed: int
) -> tuple[Compared, ...]:
    """Return each landmark beside the posterior predictive of a new study.

    Landmarks of one study and family share a new study effect.
    """
    n_draw = len(drawn.spread)
    records = []
    for k, item in enumerate(landmarks):
        effect = rng_for(seed, "outcome", "new study", item.study, item.family).standard_normal(
            n_draw
        )
        sampling = rng_for(seed, "outcome", "sampling", item.id)
        shift = item.way * drawn.spread * effect
        centre = expit(drawn.logit[:, k])
        share = expit(drawn.logit[:, k] + shift)
        number = max(1, round(item.n))
        seen = sampling.binomial(number, share) / number
        alone = expit(np.median(drawn.logit[:, k]) + shift)
        alone = sampling.binomial(number, alone) / number
        inner, outer = np.quantile(seen, INNER), np.quantile(seen, OUTER)
        reference = np.quantile(alone, INNER)
        count = round(item.share * number)
        centre_ends = np.quantile(centre, INNER)
        records.append(
            Compared(
                id=item.id,
                study=item.study,
                observed=item.share,
                centre=float(np.median(centre)),
                centre_low=float(centre_ends[0]),
                centre_high=float(centre_ends[1]),
                low_80=float(inner[0]),
                high_80=float(inner[1]),
                low_95=float(outer[0]),
                high_95=float(outer[1]),
                reference_width=float(reference[1] - reference[0]),
                log_score=float(np.log(np.mean(binom.pmf(count, number, share)))),
            )
        )
    return tuple(records)


def coverage(records: Sequence[Compared]) -> tuple[float, float]:
    """Return the share of landmarks within their 80 % intervals, and the median width ratio."""
    inside = float(np.mean([item.is_inside_80 for item in records]))
    return inside, float(np.median([item.width_ratio for item in records]))


def rank_tests(
    problem: OutcomeProblem,
    other: FloatArray,
    *,
    seed: int,
    settings: Sampling | None = None,
    offsets: Offsets | None = None,
) -> tuple[RankTest, ...]:
    """Return the ranks of simulation-based calibration, one data set for each row of `other`.

    Each data set is made at a draw of every unknown from its prior, the other parameters being
    those of its row; a chain given the same others (and ``offsets``) then ranks the truth.
    """
    n = len(other)
    truth = prior_places(problem, n, seed=seed, purpose="calibration")
    plain = cases_of(problem, other, offsets=offsets)
    eta = np.stack(
        [
            logits(
                problem,
                truth[k],
                plain.intercept[k],
                plain.linear[k],
                error_root=plain.error_root[k],
            )
            for k in range(n)
        ]
    )
    numbers = np.maximum(1, np.round(problem.numbers)).astype(np.int64)
    rng = rng_for(seed, "outcome", "simulated data")
    counts = rng.binomial(numbers, expit(eta)) * (problem.numbers / numbers)
    how = settings or CALIBRATION
    cases = cases_of(problem, other, counts=counts, offsets=offsets)
    chains = sample(problem, cases, seed=seed, settings=how)
    fitted = np.asarray(chains.parts(problem).fitted)
    below = (fitted < truth[:, None, : problem.n_fitted]).sum(axis=1)
    places = how.n_keep + 1
    tests = []
    for k, name in enumerate(problem.emulator.fitted_ids):
        binned = np.bincount(below[:, k] * N_RANK_BIN // places, minlength=N_RANK_BIN)
        expected = np.bincount(np.arange(places) * N_RANK_BIN // places, minlength=N_RANK_BIN)
        p_value = float(chisquare(binned, expected * n / places).pvalue)
        tests.append(RankTest(id=name, counts=tuple(int(x) for x in binned), p_value=p_value))
    return tuple(tests)


def left_out_studies(
    problem: OutcomeProblem,
    other: FloatArray,
    *,
    seed: int,
    settings: Sampling | None = None,
    offsets: Offsets | None = None,
) -> tuple[LeftOutStudy, ...]:
    """Return each study beside what the fit to the others predicts of it.

    Parameters
    ----------
    other
        Draws of the other parameters, shape ``(n_chain, n_other)``; each study gets a chain for
        each.
    offsets
        What is known of the emulator's error at each draw; nothing if omitted.
    """
    studies = sorted({item.study for item in problem.observed})
    of_study = np.array([[item.study == name for item in problem.observed] for name in studies])
    # The last block has seen no study: the prior predictive.
    blind = np.concatenate([of_study, np.ones((1, len(problem.observed)), dtype=bool)])
    n = len(other)
    again = np.tile(np.arange(n), len(blind))
    chains = sample(
        problem,
        cases_of(
            problem,
            other[again],
            left_out=np.repeat(blind, n, axis=0),
            offsets=None if offsets is None else offsets.rows(again),
        ),
        seed=seed,
        settings=settings,
    )
    answers = []
    nothing = chains.rows(len(studies) * n + np.arange(n))
    for k, name in enumerate(studies):
        own = [item for item in problem.observed if item.study == name]
        told, prior = (
            compared(
                own,
                predictive(problem, part, other, own, seed=seed, offsets=offsets),
                seed=seed,
            )
            for part in (chains.rows(k * n + np.arange(n)), nothing)
        )
        answers.append(
            LeftOutStudy(
                study=name,
                n_landmark=len(own),
                n_inside_80=sum(item.is_inside_80 for item in told),
                n_inside_95=sum(item.is_inside_95 for item in told),
                log_score=float(np.mean([item.log_score for item in told])),
                prior_log_score=float(np.mean([item.log_score for item in prior])),
            )
        )
    return tuple(answers)
