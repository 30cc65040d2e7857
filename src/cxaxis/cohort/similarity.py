"""How alike patients are by what is known of them: weights of a pool for each given patient.

A mixed kernel: Gaussian in the normal scores of numbers, and for a category that differs as if it
lay one unit apart. What is not known of a patient is left out. A category's unit and the standard
deviation of a normal score are the same length, the bandwidth scales both.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import numpy as np

from cxaxis.core.arrays import FloatArray
from cxaxis.core.errors import ModelValueError

#: Bandwidths that are tried, from nearly alone to nearly all.
BANDWIDTHS: Final = (0.4, 0.6, 0.9, 1.3, 2.0, 3.0, 5.0)


def normal_scores(values: FloatArray, pool: FloatArray) -> FloatArray:
    """Return the normal scores of ``values`` by their place among those of a pool.

    Parameters
    ----------
    values
        Shape ``(n,)``; NaN stays.
    pool
        Finite, shape ``(n_pool,)``, at least 1.
    """
    from scipy.special import ndtri

    ordered = np.sort(pool)
    below = np.searchsorted(ordered, values, side="left")
    upto = np.searchsorted(ordered, values, side="right")
    place = (0.5 * (below + upto) + 0.5) / (len(pool) + 1.0)
    return np.where(np.isfinite(values), ndtri(place), np.nan)


def squared_distances(
    given: Mapping[str, np.ndarray], pool: Mapping[str, Any], names: tuple[str, ...]
) -> FloatArray:
    """Return squared distances by the covariates known of each patient.

    Parameters
    ----------
    given
        Covariates, shape ``(n,)`` each; NaN or an empty text where nothing is known.
    pool
        Covariates of the pool, shape ``(n_pool,)`` each, all known.
    names
        Covariates to use.

    Returns
    -------
    Shape ``(n, n_pool)``; 0 for a patient of whom nothing is known.

    Raises
    ------
    ModelValueError
        If the pool lacks a covariate.
    """
    lacking = [name for name in names if name not in pool]
    if lacking:
        msg = f"the pool has no {', '.join(lacking)}. Sample it again with this version."
        raise ModelValueError(msg)
    size = len(next(iter(given.values()))) if given else 0
    total = np.zeros((size, len(np.asarray(pool["stage"]))))
    for name in names:
        mine, theirs = np.asarray(given[name]), np.asarray(pool[name])
        if mine.dtype.kind == "f":
            numbers = theirs.astype(float)
            apart = normal_scores(mine, numbers)[:, None] - normal_scores(numbers, numbers)[None, :]
            total += np.where(np.isfinite(apart), apart, 0.0) ** 2
        else:
            words = theirs.astype(str)
            total += (mine[:, None] != words[None, :]) & (mine != "")[:, None]
    return total


def similarity_weights(squared: FloatArray, bandwidth: float) -> FloatArray:
    """Return weights of the pool for each patient, rows summing to 1, same shape.

    Raises
    ------
    ModelValueError
        If the bandwidth is not positive.
    """
    from scipy.special import softmax

    if bandwidth <= 0:
        msg = f"a bandwidth of {bandwidth:g} makes no weights. Give a positive one."
        raise ModelValueError(msg)
    return np.asarray(softmax(-0.5 * squared / bandwidth**2, axis=1))
