"""Concordance of a prognostic score with survival, alone and beside stage."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from cxaxis.core.arrays import BoolArray, FloatArray
from cxaxis.core.errors import ModelValueError
from cxaxis.stats.bootstrap import BootstrapInterval, counted_bootstrap
from cxaxis.stats.checks import checked_durations, checked_labels
from cxaxis.stats.stratified import CoxModel, stratified_cox

# Patients whose pairs with all others are held in memory at once.
_PAIR_BLOCK = 512


@dataclass(frozen=True, kw_only=True)
class ScoreConcordance:
    """Harrell's C-index of a score, of stage, and of both together.

    Each is that of the patients the weights were fitted to, and so a little too high. Intervals
    resample patients with the weights kept.

    Attributes
    ----------
    score, stage, score_with_stage
        C-index in [0, 1]; one half is chance, 1 ranks every pair rightly.
    gain
        Score with stage less stage alone.
    model
        Cox model of the score (per standard deviation) and the stages.
    """

    score: BootstrapInterval
    stage: BootstrapInterval
    score_with_stage: BootstrapInterval
    gain: BootstrapInterval
    model: CoxModel


def concordance(duration_day: ArrayLike, event: ArrayLike, risk: ArrayLike) -> float:
    """Return Harrell's C-index of a risk score.

    Parameters
    ----------
    duration_day
        Follow-up of each patient, shape ``(n_patient,)``, days, non-negative.
    event
        Whether follow-up ended with the event, boolean, same shape.
    risk
        Score, higher for a patient expected to have the event earlier, finite, same shape.

    Returns
    -------
    Share of the comparable pairs that the score ranks rightly, ties counting one half.

    Raises
    ------
    ModelValueError
        If the data are unusable or no pair can be compared.
    """
    duration, happened = checked_durations(duration_day, event)
    found = _c_index(duration, happened, _checked_score(risk, len(duration)))
    if np.isnan(found):
        msg = "no two patients can be compared: nobody had the event before another's last day."
        raise ModelValueError(msg)
    return found


def concordance_with_stage(
    duration_day: ArrayLike,
    event: ArrayLike,
    score: ArrayLike,
    stage: ArrayLike,
    *,
    seed: int,
    purpose: str,
    n_boot: int = 200,
    level: float = 0.95,
) -> ScoreConcordance:
    """Compare the concordance of a score, of stage, and of both in one Cox model.

    Parameters
    ----------
    duration_day
        Follow-up of each patient, shape ``(n_patient,)``, days, non-negative.
    event
        Whether follow-up ended with the event, boolean, same shape.
    score
        Score, higher for a patient expected to have the event earlier, finite, same shape.
    stage
        Stage group of each patient, same shape, two groups or more; unordered.
    seed, purpose
        Random stream of the bootstrap.
    n_boot
        Replicates, positive.
    level
        Confidence level, in (0, 1).

    Raises
    ------
    ModelValueError
        If the data are unusable or a Cox model has no maximum.
    """
    duration, happened = checked_durations(duration_day, event)
    values = _checked_score(score, len(duration))
    labels = checked_labels(stage, len(duration), "stage")
    names = np.unique(labels)
    if len(names) < 2 or values.min() == values.max():
        msg = "concordance with stage needs two stages or more, and scores that differ."
        raise ModelValueError(msg)
    stages = {f"stage {name}": labels == name for name in names[1:]}
    both = {"score": (values - values.mean()) / values.std(), **stages}
    model = stratified_cox(duration, happened, both, level=level)
    alone = stratified_cox(duration, happened, stages, level=level).linear_predictor(stages)
    together = model.linear_predictor(both)

    def interval(*risks: FloatArray) -> BootstrapInterval:
        whole = [_c_index(duration, happened, risk) for risk in risks]

        def statistic(counts: FloatArray) -> FloatArray:
            parts = [_resampled_c_index(duration, happened, risk, counts) for risk in risks]
            return parts[0] - parts[1] if len(parts) > 1 else parts[0]

        return counted_bootstrap(
            whole[0] - whole[1] if len(whole) > 1 else whole[0],
            statistic,
            len(duration),
            n_boot=n_boot,
            seed=seed,
            purpose=purpose,
            level=level,
        )

    return ScoreConcordance(
        score=interval(values),
        stage=interval(alone),
        score_with_stage=interval(together),
        gain=interval(together, alone),
        model=model,
    )


def _c_index(duration: FloatArray, happened: BoolArray, risk: FloatArray) -> float:
    from lifelines.utils import concordance_index

    try:
        # The library's score is a survival time: higher for those who live longer.
        return float(concordance_index(duration, -risk, happened))
    except ZeroDivisionError:
        return float("nan")


def _resampled_c_index(
    duration: FloatArray, happened: BoolArray, risk: FloatArray, counts: FloatArray
) -> FloatArray:
    """Return `_c_index` of every resample, shape ``(n_boot,)``; not a number without a pair.

    A resample has the pairs of the patients, each as often as both were drawn: they are compared
    once for all resamples. Counts are whole numbers, so that no digit is lost.
    """
    better, tied, compared = (np.zeros(len(counts)) for _ in range(3))
    died = np.flatnonzero(happened)
    for start in range(0, len(died), _PAIR_BLOCK):
        first = died[start : start + _PAIR_BLOCK, None]
        drawn = counts[:, first[:, 0]]
        # Whoever is censored on the day of a death outlived it; two deaths of one day are no pair.
        later = (duration > duration[first]) | ((duration == duration[first]) & ~happened)
        better += _pairs(drawn, later & (risk[first] > risk), counts)
        tied += _pairs(drawn, later & (risk[first] == risk), counts)
        compared += _pairs(drawn, later, counts)
    with np.errstate(invalid="ignore"):
        return np.asarray((better + tied / 2) / compared)


def _pairs(drawn: FloatArray, related: BoolArray, counts: FloatArray) -> FloatArray:
    """Return how many pairs stand in a relation, for every resample."""
    return np.asarray(((drawn @ related.astype(np.float64)) * counts).sum(axis=1))


def _checked_score(score: ArrayLike, length: int) -> FloatArray:
    values = np.asarray(score, dtype=np.float64)
    if values.shape != (length,) or not np.all(np.isfinite(values)):
        msg = f"a score needs one finite number per patient, {length}; got shape {values.shape}."
        raise ModelValueError(msg)
    return values
