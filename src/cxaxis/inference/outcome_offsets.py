"""What the emulator misses at each draw of the other parameters, learned by simulating there.

An emulator follows the fitted parameters and a dozen of the others. What the rest of the others do
stays in its error, and would be taken for ignorance at every draw. But a draw of the posterior has
one set of others for good, so that what was simulated at that draw tells its own error: residual
``r`` of round ``s`` at draw ``d`` is ::

    r[s, d] = offset[d] + local[s, d] + noise[s, d]
    offset ~ N(0, A),   local ~ N(0, B),   noise ~ N(0, diag(se**2))

over landmarks. ``A`` comes from products of different rounds at the same draw, ``B`` from what is
left; offsets are normal given the residuals. Published values play no part.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from cxaxis.core.arrays import FloatArray
from cxaxis.core.errors import ModelValueError
from cxaxis.inference.outcome_emulator import LEAST_ERROR_SD

#: Pairs of residuals below which a covariance is not read.
LEAST_PAIRS = 8


@dataclass(frozen=True, kw_only=True)
class Offsets:
    """Error of the emulator at each draw, logit units.

    Attributes
    ----------
    mean
        What is known of it, shape ``(n_draw, n_landmark)``.
    covariance
        Of what is not, at a place nearby, shape ``(n_draw, n_landmark, n_landmark)``.
    """

    mean: FloatArray
    covariance: FloatArray

    def __len__(self) -> int:
        return len(self.mean)

    def rows(self, chosen: np.ndarray) -> Offsets:
        """Return those of some draws."""
        return Offsets(mean=self.mean[chosen], covariance=self.covariance[chosen])


def unknown_offsets(covariance: FloatArray, n: int) -> Offsets:
    """Return those of ``n`` draws of which nothing was simulated.

    Parameters
    ----------
    covariance
        Of the emulator's error, shape ``(n_landmark, n_landmark)``.
    n
        Draws.
    """
    return Offsets(
        mean=np.zeros((n, len(covariance))),
        covariance=np.broadcast_to(covariance, (n, *covariance.shape)),
    )


def learned_offsets(residual: FloatArray, noise_sd: FloatArray) -> Offsets:
    """Return the offsets given the residuals of one or more rounds.

    Parameters
    ----------
    residual
        Simulated less emulated, logit units, shape ``(n_round, n_draw, n_landmark)``; not a number
        where a population says nothing of a landmark.
    noise_sd
        Monte-Carlo error of each, same shape.

    Raises
    ------
    ModelValueError
        If shapes differ, or a landmark has residuals in fewer than `LEAST_PAIRS` draws.
    """
    if residual.shape != noise_sd.shape or residual.ndim != 3:
        msg = f"residuals {residual.shape} and their noise {noise_sd.shape} need one shape."
        raise ModelValueError(msg)
    known = np.isfinite(residual) & np.isfinite(noise_sd)
    fewest = int(known.any(axis=0).sum(axis=0).min())
    if fewest < LEAST_PAIRS:
        msg = f"a landmark has residuals in only {fewest} draws, {LEAST_PAIRS} are needed."
        raise ModelValueError(msg)
    shared, local = covariances(residual, noise_sd)
    n_draw, n_landmark = residual.shape[1:]
    mean = np.zeros((n_draw, n_landmark))
    covariance = np.empty((n_draw, n_landmark, n_landmark))
    prior = np.linalg.inv(shared)
    for draw in range(n_draw):
        precision, pull = prior.copy(), np.zeros(n_landmark)
        for s in range(len(residual)):
            seen = np.flatnonzero(known[s, draw])
            if not seen.size:
                continue
            noise = local[np.ix_(seen, seen)] + np.diag(noise_sd[s, draw, seen] ** 2)
            weight = np.linalg.inv(noise)
            precision[np.ix_(seen, seen)] += weight
            pull[seen] += weight @ residual[s, draw, seen]
        left = np.linalg.inv(precision)
        mean[draw] = left @ pull
        covariance[draw] = (left + left.T) / 2.0 + local
    return Offsets(mean=mean, covariance=covariance)


def covariances(residual: FloatArray, noise_sd: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return the covariances of offsets and of what is local, ``(n_landmark, n_landmark)`` each.

    With one round nothing tells them apart, and each is half. Both are positive definite, no
    landmark's standard deviation below `cxaxis.inference.outcome_emulator.LEAST_ERROR_SD`.
    """
    n_round = len(residual)
    known = np.isfinite(residual) & np.isfinite(noise_sd)
    value = np.where(known, residual, 0.0)
    own = [_moment(value[s], value[s], known[s], known[s]) for s in range(n_round)]
    whole = np.mean(own, axis=0)
    noise = np.where(known, noise_sd, 0.0) ** 2
    whole = whole - np.diag(noise.sum(axis=(0, 1)) / known.sum(axis=(0, 1)))
    if n_round == 1:
        return positive(whole / 2.0), positive(whole / 2.0)
    pairs = [(s, t) for s in range(n_round) for t in range(s)]
    across = np.mean([_moment(value[s], value[t], known[s], known[t]) for s, t in pairs], axis=0)
    across = (across + across.T) / 2.0
    return positive(across), positive(whole - across)


def positive(covariance: FloatArray) -> FloatArray:
    """Return the nearest covariance without variance below `LEAST_ERROR_SD` squared anywhere."""
    size, axes = np.linalg.eigh((covariance + covariance.T) / 2.0)
    return np.asarray((axes * np.maximum(size, LEAST_ERROR_SD**2)) @ axes.T)


def _moment(
    first: FloatArray, second: FloatArray, known: np.ndarray, also_known: np.ndarray
) -> FloatArray:
    pairs = known.astype(np.float64).T @ also_known
    return np.asarray(np.where(pairs >= LEAST_PAIRS, first.T @ second / pairs.clip(1.0), 0.0))
