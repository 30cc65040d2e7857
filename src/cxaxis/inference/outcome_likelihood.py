"""How likely control arms of published trials are, given the fitted population parameters.

For landmark ``l`` of a study, with ``n`` patients of whom ``k`` had the outcome ::

    k ~ binomial(n, p),   logit(p) = emulator(z, omega) + error
                                     + way * (spread * effect + drift * covariate)

`z` are the fitted parameters and `omega` those that keep their prior, as unit deviations. ``way``
is 1 for an outcome that is good and -1 for one that is bad, so that a study with fitter patients
does better in all. A study has one effect on survival, shared by its arms, and one on response,
standard normal; their ``spread`` is shared and half-normal with scale `STUDY_SCALE`. The
covariates of a study (`COVARIATES`) drift with slopes of prior standard deviation `DRIFT_SD`. The
error of the emulator is normal with the covariance that cross-validation gave it. Where the share
was read off a Kaplan-Meier curve, ``n`` is the number that gives the curve's own standard error.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from types import ModuleType
from typing import Any, Final, Literal

import numpy as np

from cxaxis.core.arrays import FloatArray
from cxaxis.core.errors import ModelValueError
from cxaxis.inference.outcome_emulator import OutcomeEmulator

#: Scale of the half-normal prior of the spread of study effects, logit units.
STUDY_SCALE: Final = 0.5
#: Decades from `REFERENCE_YEAR` to the report of a study, and by how many steps the stages of its
#: patients are later than those of the model's arm.
COVARIATES: Final = ("era", "stage")
#: Prior standard deviations of their slopes, logit units per unit of the covariate.
DRIFT_SD: Final = (0.2, 0.5)
REFERENCE_YEAR: Final = 2018

Family = Literal["survival", "response"]


@dataclass(frozen=True, kw_only=True)
class Observed:
    """One published landmark of a control arm, as the likelihood sees it.

    Attributes
    ----------
    id, study
        Landmark and trial.
    n
        Patients, or the number that gives the published standard error; positive.
    share
        Those with the outcome, in [0, 1].
    good
        Whether the outcome is one that patients want.
    family
        Which effect of the study it shares.
    covariates
        Of the study, see `COVARIATES`; 0 is the model's own.
    """

    id: str
    study: str
    n: float
    share: float
    good: bool
    family: Family
    covariates: tuple[float, float] = (0.0, 0.0)

    @property
    def way(self) -> float:
        """1 for a good outcome, -1 for a bad one."""
        return 1.0 if self.good else -1.0


@dataclass(frozen=True, kw_only=True)
class OutcomeProblem:
    """The landmarks that are fitted, and what surrounds the emulator.

    Attributes
    ----------
    emulator
        Of every landmark.
    observed
        Landmarks to fit, ``n_landmark``.
    rows
        Where they stand in the emulator.
    effects
        Pairs of study and family, ``n_effect``.
    design
        ``way`` at the effect of each landmark, shape ``(n_landmark, n_effect)``.
    drift
        ``way`` times covariate times its prior standard deviation, shape
        ``(n_landmark, n_covariate)``.
    error_root
        Lower Cholesky factor of the emulator's error, ``(n_landmark, n_landmark)``.
    """

    emulator: OutcomeEmulator
    observed: tuple[Observed, ...]
    rows: tuple[int, ...]
    effects: tuple[tuple[str, Family], ...]
    design: FloatArray
    drift: FloatArray
    error_root: FloatArray

    @property
    def n_fitted(self) -> int:
        """Parameters that are fitted."""
        return len(self.emulator.fitted_ids)

    @property
    def size(self) -> int:
        """Unknowns: parameters, log spread, study effects, drifts and errors."""
        return self.n_fitted + 1 + len(self.effects) + len(COVARIATES) + len(self.observed)

    @property
    def counts(self) -> FloatArray:
        """Patients with the outcome, shape ``(n_landmark,)``, not rounded."""
        return np.array([item.share * item.n for item in self.observed])

    @property
    def numbers(self) -> FloatArray:
        """Patients, shape ``(n_landmark,)``."""
        return np.array([item.n for item in self.observed])


@dataclass(frozen=True, kw_only=True)
class Unknowns:
    """One place in the space of unknowns, each part in its own array."""

    fitted: Any
    log_spread: Any
    effects: Any
    drifts: Any
    errors: Any


def outcome_problem(emulator: OutcomeEmulator, observed: Sequence[Observed]) -> OutcomeProblem:
    """Return the problem of some landmarks.

    Raises
    ------
    ModelValueError
        If there is no landmark, one is not in the emulator, or its numbers are impossible.
    """
    place = {name: k for k, name in enumerate(emulator.landmark_ids)}
    bad = [
        item.id
        for item in observed
        if item.id not in place or not item.n > 0 or not 0 <= item.share <= 1
    ]
    if bad or not observed:
        msg = (
            f"these landmarks cannot be fitted: {', '.join(bad)}." if bad else "nothing to fit to."
        )
        raise ModelValueError(msg)
    rows = tuple(place[item.id] for item in observed)
    effects = tuple(sorted({(item.study, item.family) for item in observed}))
    design = np.zeros((len(observed), len(effects)))
    for k, item in enumerate(observed):
        design[k, effects.index((item.study, item.family))] = item.way
    return OutcomeProblem(
        emulator=emulator,
        observed=tuple(observed),
        rows=rows,
        effects=effects,
        design=design,
        drift=drift_of(observed),
        error_root=np.asarray(
            np.linalg.cholesky(emulator.error_covariance[np.ix_(rows, rows)]), dtype=np.float64
        ),
    )


def drift_of(observed: Sequence[Observed]) -> FloatArray:
    """Return ``way`` times covariate times the slope's prior standard deviation.

    Shape ``(n_landmark, n_covariate)``.
    """
    return np.array([item.way * np.multiply(DRIFT_SD, item.covariates) for item in observed])


def unpacked(problem: OutcomeProblem, place: Any) -> Unknowns:
    """Return the parts of a vector of unknowns, shape ``(..., size)``."""
    ends = np.cumsum([problem.n_fitted, 1, len(problem.effects), len(COVARIATES)])
    a, b, c, d = (int(end) for end in ends)
    return Unknowns(
        fitted=place[..., :a],
        log_spread=place[..., a],
        effects=place[..., b:c],
        drifts=place[..., c:d],
        errors=place[..., d:],
    )


def logits(
    problem: OutcomeProblem,
    place: Any,
    intercept: Any,
    linear: Any,
    *,
    error_root: Any | None = None,
    xp: ModuleType = np,
) -> Any:
    """Return ``logit(p)`` of the landmarks at one vector of unknowns, shape ``(n_landmark,)``.

    Parameters
    ----------
    place
        Unknowns, shape ``(size,)``.
    intercept, linear
        The emulator's, at given values of the other parameters, for the fitted landmarks; see
        `OutcomeEmulator.given_other`.
    error_root
        Lower Cholesky factor of the covariance of its error, shape ``(n_landmark, n_landmark)``;
        that of the problem if omitted.
    xp
        Library of arrays: numpy or one that speaks like it.
    """
    n = problem.n_fitted
    parts = unpacked(problem, place)
    quadratic = xp.asarray(problem.emulator.quadratic[np.asarray(problem.rows)][:, :n, :n])
    z = parts.fitted
    root = problem.error_root if error_root is None else error_root
    return (
        intercept
        + linear @ z
        + (quadratic @ z) @ z
        + xp.exp(parts.log_spread) * (xp.asarray(problem.design) @ parts.effects)
        + xp.asarray(problem.drift) @ parts.drifts
        + xp.asarray(root) @ parts.errors
    )


def log_density(
    problem: OutcomeProblem,
    place: Any,
    *,
    intercept: Any,
    linear: Any,
    counts: Any,
    weights: Any,
    error_root: Any | None = None,
    xp: ModuleType = np,
) -> Any:
    """Return the logarithm of prior times likelihood, up to a constant.

    Parameters
    ----------
    place, intercept, linear, error_root, xp
        As in `logits`.
    counts
        Patients with the outcome, shape ``(n_landmark,)``.
    weights
        1 for a landmark that is used, 0 for one that is left out, shape ``(n_landmark,)``.
    """
    eta = logits(problem, place, intercept, linear, error_root=error_root, xp=xp)
    numbers = xp.asarray(problem.numbers)
    likelihood = counts * eta - numbers * xp.logaddexp(0.0, eta)
    parts = unpacked(problem, place)
    spread = xp.exp(parts.log_spread)
    normal = (
        (parts.fitted**2).sum()
        + (parts.effects**2).sum()
        + (parts.drifts**2).sum()
        + (parts.errors**2).sum()
    )
    # The spread is half-normal; its logarithm is what moves, hence the last term.
    prior = -0.5 * normal - 0.5 * (spread / STUDY_SCALE) ** 2 + parts.log_spread
    return (weights * likelihood).sum() + prior
