"""Random streams that belong to a purpose, not to a worker or an order of drawing."""

from __future__ import annotations

import hashlib

import numpy as np

from cxaxis.core.errors import ModelValueError

SEED_LIMIT = 2**63


def stream_key(*scope: str | int) -> int:
    """Return the 64-bit key of a scope.

    Each part is hashed with its type and length in front, so that ``("a", 1)``,
    ``("a", "1")`` and ``("a1",)`` are three different streams.
    """
    digest = hashlib.blake2b(digest_size=8)
    for part in scope:
        kind = b"i" if isinstance(part, int) else b"s"
        text = str(part).encode()
        digest.update(kind + len(text).to_bytes(4, "little") + text)
    return int.from_bytes(digest.digest(), "little")


def rng_for(seed: int, *scope: str | int) -> np.random.Generator:
    """Return the random stream of one purpose, such as ``("patient", 17, "death_draw")``.

    The stream depends on ``seed`` and ``scope`` alone: neither the number of workers, nor
    the order of patients, nor a draw added elsewhere changes it.

    Raises
    ------
    ModelValueError
        If ``seed`` lies outside [0, 2**63).
    """
    if not 0 <= seed < SEED_LIMIT:
        msg = f"seed must lie in [0, 2**63), got {seed!r}."
        raise ModelValueError(msg)
    key = np.array([seed, stream_key(*scope)], dtype=np.uint64)
    return np.random.Generator(np.random.Philox(key=key))
