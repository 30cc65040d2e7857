"""Random numbers of one cell, one purpose and one step, in any order and on any thread.

Philox4x32-10 of Salmon and others (SC 2011): a counter goes in, 128 random bits come out, and
nothing is kept in between. The key is the seed; the counter is made of cell, purpose and step.
"""

from __future__ import annotations

import math
from typing import Final

import numpy as np

from cxaxis.tissue.jit import compiled

_LOW: Final = np.uint64(0xFFFFFFFF)
_HALF: Final = np.uint64(32)
_MULTIPLIER_0: Final = np.uint64(0xD2511F53)
_MULTIPLIER_1: Final = np.uint64(0xCD9E8D57)
_WEYL_0: Final = np.uint64(0x9E3779B9)
_WEYL_1: Final = np.uint64(0xBB67AE85)
_PURPOSE_SHIFT: Final = np.uint64(16)
_ID_HIGH: Final = np.uint64(0xFFFF)
_TOP_27: Final = np.uint64(5)
_TOP_26: Final = np.uint64(6)
_SCALE: Final = 1.0 / 9007199254740992.0

# What a number is drawn for. A number is never given to a second purpose.
TURN: Final = 1
DIRECTION: Final = 2
DEATH: Final = 3
PHASE: Final = 4
DIVISION: Final = 5
TRANSFORMATION: Final = 6
ENGULFMENT: Final = 7
ATTACK: Final = 8
SEPARATION: Final = 9


@compiled
def philox4x32(
    c0: np.uint64, c1: np.uint64, c2: np.uint64, c3: np.uint64, k0: np.uint64, k1: np.uint64
) -> tuple[np.uint64, np.uint64, np.uint64, np.uint64]:
    """Return four random 32-bit numbers, each in the low half of 64 bits.

    Parameters
    ----------
    c0, c1, c2, c3, k0, k1
        Counter and key; below 2**32.
    """
    for _ in range(10):
        first = _MULTIPLIER_0 * c0
        second = _MULTIPLIER_1 * c2
        c0, c1, c2, c3 = (
            (second >> _HALF) ^ c1 ^ k0,
            second & _LOW,
            (first >> _HALF) ^ c3 ^ k1,
            first & _LOW,
        )
        k0 = (k0 + _WEYL_0) & _LOW
        k1 = (k1 + _WEYL_1) & _LOW
    return c0, c1, c2, c3


@compiled
def uniform_pair(seed: int, cell: int, purpose: int, step: int) -> tuple[float, float]:
    """Return two numbers of [0, 1), of 53 bits each.

    Parameters
    ----------
    seed
        In [0, 2**63).
    cell
        Its number; below 2**48.
    purpose
        Below 2**16.
    step
        In [0, 2**63).
    """
    key, who, when = np.uint64(seed), np.uint64(cell), np.uint64(step)
    a, b, c, d = philox4x32(
        who & _LOW,
        ((who >> _HALF) & _ID_HIGH) | (np.uint64(purpose) << _PURPOSE_SHIFT),
        when & _LOW,
        when >> _HALF,
        key & _LOW,
        key >> _HALF,
    )
    first = (float(a >> _TOP_27) * 67108864.0 + float(b >> _TOP_26)) * _SCALE
    second = (float(c >> _TOP_27) * 67108864.0 + float(d >> _TOP_26)) * _SCALE
    return first, second


@compiled
def uniform(seed: int, cell: int, purpose: int, step: int) -> float:
    """Return the first number of `uniform_pair`."""
    return uniform_pair(seed, cell, purpose, step)[0]


@compiled
def unit_vector(
    seed: int, cell: int, purpose: int, step: int, flat: bool
) -> tuple[float, float, float]:
    """Return a direction, each as likely as any other; within the plane if ``flat``."""
    first, second = uniform_pair(seed, cell, purpose, step)
    angle = 2.0 * math.pi * first
    if flat:
        return math.cos(angle), math.sin(angle), 0.0
    height = 2.0 * second - 1.0
    ring = math.sqrt(max(0.0, 1.0 - height * height))
    return ring * math.cos(angle), ring * math.sin(angle), height
