"""Compilation of the loops of a tissue."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar, cast

from cxaxis.core.errors import UserInputError, error

try:
    import numba
except ImportError as absent:
    raise UserInputError(
        [
            error(
                "TISSUE001",
                "numba",
                "the compiler of tissue loops is not installed; "
                "install cxaxis with its extra 'tissue'.",
            )
        ]
    ) from absent

_F = TypeVar("_F", bound=Callable[..., Any])


def compiled(function: _F) -> _F:
    """Compile a function of arrays and numbers; what is compiled is kept on disk.

    Arithmetic stays as written: no reordering of sums, so that the same input gives the same bytes.
    """
    return cast("_F", numba.njit(cache=True, fastmath=False)(function))


def inlined(function: _F) -> _F:
    """Compile a small function into every loop that calls it."""
    return cast("_F", numba.njit(cache=True, fastmath=False, inline="always")(function))


def compiled_for_threads(function: _F) -> _F:
    """Compile a function whose `numba.prange` loops are shared out among threads.

    Each turn of such a loop must write what no other turn reads or writes; then the bytes do not
    depend on the number of threads.
    """
    return cast("_F", numba.njit(cache=True, fastmath=False, parallel=True)(function))
