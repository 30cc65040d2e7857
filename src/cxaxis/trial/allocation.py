"""Allocate each patient to exactly one arm."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from cxaxis.core.arrays import IntArray
from cxaxis.core.streams import rng_for


def allocate(
    strata: Sequence[str], ratios: Sequence[int], *, seed: int, replicate: int = 0
) -> IntArray:
    """Return the arm of each patient, as an index into ``ratios``.

    Permuted blocks of ``sum(ratios)`` run through the strata one after another, so that arms
    are exactly in ratio over the trial when the number of patients is a multiple of
    ``sum(ratios)``, and within one block in each stratum.

    Parameters
    ----------
    strata
        Stratum of each patient, shape ``(n_patient,)``.
    ratios
        Positive integers, one per arm.
    seed, replicate
        The random stream is keyed ``("allocation", replicate)``.
    """
    rng = rng_for(seed, "allocation", replicate)
    block = np.repeat(np.arange(len(ratios)), ratios)
    order = np.concatenate(
        [
            rng.permutation(np.flatnonzero(np.asarray(strata) == stratum))
            for stratum in sorted(set(strata))
        ]
    )
    n_block = -(-len(order) // len(block))
    dealt = np.concatenate([rng.permutation(block) for _ in range(n_block)])
    arms = np.empty(len(order), dtype=np.int64)
    arms[order] = dealt[: len(order)]
    return arms
