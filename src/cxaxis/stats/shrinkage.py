"""Effects of several populations drawn towards their mean (normal hierarchy, empirical Bayes)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from cxaxis.stats.meta_analysis import pool
from cxaxis.stats.study_effects import StudyEffect


def shrunken(effects: Sequence[StudyEffect]) -> tuple[StudyEffect, ...]:
    """Return the effects, each drawn towards their mean by how uncertain it is.

    Effects differ between populations with the Paule-Mandel variance tau2 of
    `cxaxis.stats.meta_analysis.pool`; the best linear prediction of each is its own value and the
    mean, weighted by tau2 and its own variance. Without any difference beyond chance all get the
    mean. tau2 counts as known, so that with few populations the intervals are too narrow.

    Parameters
    ----------
    effects
        At least one; labels differ.

    Returns
    -------
    In the order given; the standard errors hold that of the mean.

    Raises
    ------
    ModelValueError
        As `cxaxis.stats.meta_analysis.pool`.
    """
    found = pool(effects)
    if len(effects) == 1:
        return tuple(effects)
    mean, tau2 = found.random.log_ratio, found.random.tau2
    within = np.array([effect.se**2 for effect in effects])
    mean_variance = 1.0 / float(np.sum(1.0 / (within + tau2)))
    own = tau2 / (tau2 + within)
    values = own * np.array([effect.log_ratio for effect in effects]) + (1.0 - own) * mean
    variances = own * within + (1.0 - own) ** 2 * mean_variance
    return tuple(
        StudyEffect(label=effect.label, log_ratio=float(value), se=float(np.sqrt(variance)))
        for effect, value, variance in zip(effects, values, variances, strict=True)
    )
