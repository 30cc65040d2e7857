"""Cells sorted into bins as wide as the farthest reach of a force.

Cells that touch lie in the same bin or in bins side by side. Sorting by counting keeps cells of one
bin in the order of their ids. Memory grows with the number of cells alone: a box much larger than
its cells gets wider bins.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from cxaxis.core.arrays import FloatArray, IntArray
from cxaxis.core.errors import CxaxisError
from cxaxis.tissue.jit import compiled

#: Pairs looked at per cell above which cells are too crowded to be simulated in any useful time.
MAX_PAIRS_PER_CELL: Final = 4_000

# Below this many pairs in all, crowding costs nothing worth a refusal.
_FREE_PAIRS: Final = 50_000_000


class CrowdedCellsError(CxaxisError):
    """So many cells lie on one spot that their forces cannot be summed in useful time."""


@dataclass(frozen=True, eq=False)
class CellList:
    """Cells by bin.

    Attributes
    ----------
    order
        Row of each active cell, by bin and then by row, ``(n_active,)``.
    start
        First place in ``order`` of each bin, and the end, ``(n_bin + 1,)``.
    shape
        Bins along x, y, z.
    bin_of
        Bin of each place of ``order``, as three numbers, ``(n_active, 3)``.
    """

    order: IntArray
    start: IntArray
    shape: IntArray
    bin_of: IntArray


def build_cell_list(position_um: FloatArray, active: FloatArray, reach_um: float) -> CellList:
    """Return active cells by bins of at least ``reach_um``.

    Parameters
    ----------
    position_um
        Shape ``(n, 3)``, finite where active.
    active
        Cells that take part, ``(n,)``, not 0.
    reach_um
        Farthest distance at which two cells feel each other; at least 0.

    Raises
    ------
    CrowdedCellsError
        If more than `MAX_PAIRS_PER_CELL` pairs per cell would have to be looked at.
    """
    low, width, shape = _bins(position_um, active, reach_um)
    order, start, bin_of, pairs, crowd, spot = _sort(position_um, active, low, width, shape)
    n = len(order)
    if pairs > _FREE_PAIRS and pairs > MAX_PAIRS_PER_CELL * n:
        where = ", ".join(f"{value:.1f}" for value in low + (spot + 0.5) * width)
        msg = (
            f"{crowd} of {n} cells lie within {width:.1f} um of ({where}) um, too many for cells "
            f"whose forces reach {reach_um:.1f} um: place them apart or make them smaller."
        )
        raise CrowdedCellsError(msg)
    return CellList(order, start, shape, bin_of)


@compiled
def _bins(
    position_um: FloatArray, active: FloatArray, reach_um: float
) -> tuple[FloatArray, float, IntArray]:
    low = np.full(3, np.inf)
    high = np.full(3, -np.inf)
    n = 0
    for cell in range(position_um.shape[0]):
        if active[cell] != 0:
            n += 1
            for axis in range(3):
                low[axis] = min(low[axis], position_um[cell, axis])
                high[axis] = max(high[axis], position_um[cell, axis])
    shape = np.ones(3, np.int64)
    if n == 0:
        return np.zeros(3), 1.0, shape
    extent = high - low
    # A whole number of bins only if it covers the extent: never a bin narrower than the reach.
    width = max(reach_um * (1.0 + 1e-12), extent.max() / 1e6, 1e-9)
    limit = 2.0 * n + 64.0
    while True:
        bins = 1.0
        for axis in range(3):
            bins *= np.floor(extent[axis] / width) + 1.0
        if bins <= limit:
            break
        width *= 1.25
    for axis in range(3):
        shape[axis] = int(extent[axis] / width) + 1
    return low, width, shape


@compiled
def _sort(
    position_um: FloatArray,
    active: FloatArray,
    low: FloatArray,
    width: float,
    shape: IntArray,
) -> tuple[IntArray, IntArray, IntArray, float, int, IntArray]:
    n_cell = position_um.shape[0]
    n_bin = shape[0] * shape[1] * shape[2]
    bin_of_cell = np.empty(n_cell, np.int64)
    start = np.zeros(n_bin + 1, np.int64)
    n = 0
    for cell in range(n_cell):
        if active[cell] == 0:
            continue
        n += 1
        place = 0
        for axis in range(2, -1, -1):
            index = int((position_um[cell, axis] - low[axis]) / width)
            place = place * shape[axis] + min(max(index, 0), shape[axis] - 1)
        bin_of_cell[cell] = place
        start[place + 1] += 1
    crowd = 0
    spot = np.zeros(3, np.int64)
    pairs = 0.0
    for place in range(n_bin):
        here = start[place + 1]
        pairs += float(here) * float(here)
        if here > crowd:
            crowd = here
            spot[0] = place % shape[0]
            spot[1] = (place // shape[0]) % shape[1]
            spot[2] = place // (shape[0] * shape[1])
        start[place + 1] += start[place]
    filled = start[:-1].copy()
    order = np.empty(n, np.int64)
    bin_of = np.empty((n, 3), np.int64)
    for cell in range(n_cell):
        if active[cell] == 0:
            continue
        place = bin_of_cell[cell]
        to = filled[place]
        filled[place] += 1
        order[to] = cell
        bin_of[to, 0] = place % shape[0]
        bin_of[to, 1] = (place // shape[0]) % shape[1]
        bin_of[to, 2] = place // (shape[0] * shape[1])
    return order, start, bin_of, pairs, crowd, spot
