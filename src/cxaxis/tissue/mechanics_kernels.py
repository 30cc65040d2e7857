"""Forces between cells that touch, and where the cells go: loops over a cell list.

Motion is overdamped: velocity is the sum of repulsion, adhesion and the cell's own migration. With
``d`` the distance, ``R`` the sum of radii and ``S`` the sum of reaches, two cells push each other
apart at ``repulsion (1 - d/R)^2`` where ``d < R`` and pull at ``adhesion (1 - d/S)^2`` where
``d < S``; the strengths are geometric means of those of both. These are PhysiCell's potentials
(Ghaffarizadeh and others 2018). Positions advance by the second-order rule of Adams and Bashforth.

Every cell sums over its own neighbours in the order of the list and writes its own numbers alone,
so that the bytes do not depend on the number of threads.
"""

from __future__ import annotations

import math
from typing import Final

import numba
import numpy as np

from cxaxis.core.arrays import FloatArray, IntArray
from cxaxis.tissue.counter_random import SEPARATION, unit_vector
from cxaxis.tissue.jit import compiled, compiled_for_threads

#: Sum of ``(1 - d/R)^2`` over the neighbours in a dense packing, which has pressure 1 (PhysiCell).
PRESSURE_SCALE: Final = 0.027288820670331

#: Cells handled by one turn of the shared loop.
CHUNK: Final = 512

# Columns of a row of packed cells: one cache line each.
_X, _Y, _Z, _RADIUS, _REACH, _REPULSION, _ADHESION, _TYPE = range(8)


@compiled
def pack(
    order: IntArray,
    position_um: FloatArray,
    radius_um: FloatArray,
    reach_um: FloatArray,
    repulsion_root: FloatArray,
    adhesion_root: FloatArray,
    type_of: IntArray,
) -> FloatArray:
    """Return what neighbours must know of each cell, in the order of the list, ``(n, 8)``.

    Parameters
    ----------
    repulsion_root, adhesion_root
        Square roots of the strengths.
    """
    packed = np.empty((order.shape[0], 8))
    for place in range(order.shape[0]):
        cell = order[place]
        packed[place, _X] = position_um[cell, 0]
        packed[place, _Y] = position_um[cell, 1]
        packed[place, _Z] = position_um[cell, 2]
        packed[place, _RADIUS] = radius_um[cell]
        packed[place, _REACH] = reach_um[cell]
        packed[place, _REPULSION] = repulsion_root[cell]
        packed[place, _ADHESION] = adhesion_root[cell]
        packed[place, _TYPE] = type_of[cell]
    return packed


@compiled
def _push_chunk(
    first: int,
    last: int,
    packed: FloatArray,
    order: IntArray,
    start: IntArray,
    shape: IntArray,
    bin_of: IntArray,
    cell_id: IntArray,
    affinity: FloatArray,
    affinity_by_cell: bool,
    affinity_matters: bool,
    seed: int,
    flat: bool,
    force: FloatArray,
    pressure: FloatArray,
) -> None:
    nx, ny, nz = shape
    for place in range(first, last):
        cell = order[place]
        x, y, z = packed[place, _X], packed[place, _Y], packed[place, _Z]
        radius, reach = packed[place, _RADIUS], packed[place, _REACH]
        repulsion, adhesion = packed[place, _REPULSION], packed[place, _ADHESION]
        own_type = int(packed[place, _TYPE])
        fx = fy = fz = squeezed = 0.0
        bx, by, bz = bin_of[place]
        for kz in range(max(bz - 1, 0), min(bz + 2, nz)):
            for ky in range(max(by - 1, 0), min(by + 2, ny)):
                row = nx * (ky + ny * kz)
                # Bins along x lie one after the other: one stretch holds all three.
                begin = start[row + max(bx - 1, 0)]
                end = start[row + min(bx + 2, nx)]
                for other in range(begin, end):
                    dx = x - packed[other, _X]
                    dy = y - packed[other, _Y]
                    dz = z - packed[other, _Z]
                    contact = reach + packed[other, _REACH]
                    squared = dx * dx + dy * dy + dz * dz
                    if squared >= contact * contact or other == place:
                        continue
                    distance = math.sqrt(squared)
                    strength = 0.0
                    touch = radius + packed[other, _RADIUS]
                    if distance < touch:
                        overlap = (1.0 - distance / touch) ** 2
                        strength = repulsion * packed[other, _REPULSION] * overlap
                        squeezed += overlap
                    pull = adhesion * packed[other, _ADHESION]
                    if pull > 0.0:
                        if affinity_matters:
                            other_type = int(packed[other, _TYPE])
                            own_row = cell if affinity_by_cell else own_type
                            other_row = order[other] if affinity_by_cell else other_type
                            pull *= math.sqrt(
                                affinity[own_row, other_type] * affinity[other_row, own_type]
                            )
                        strength -= pull * (1.0 - distance / contact) ** 2
                    if distance > 1e-9:
                        scale = strength / distance
                        fx += scale * dx
                        fy += scale * dy
                        fz += scale * dz
                    else:
                        # Cells on one spot part along a direction that both agree on.
                        mine, yours = cell_id[cell], cell_id[order[other]]
                        ux, uy, uz = unit_vector(
                            seed, min(mine, yours), SEPARATION, max(mine, yours), flat
                        )
                        if mine > yours:
                            strength = -strength
                        fx += strength * ux
                        fy += strength * uy
                        fz += strength * uz
        force[cell, 0] = fx
        force[cell, 1] = fy
        force[cell, 2] = 0.0 if flat else fz
        pressure[cell] = squeezed / PRESSURE_SCALE


@compiled
def push_serial(
    packed: FloatArray,
    order: IntArray,
    start: IntArray,
    shape: IntArray,
    bin_of: IntArray,
    cell_id: IntArray,
    affinity: FloatArray,
    affinity_by_cell: bool,
    affinity_matters: bool,
    seed: int,
    flat: bool,
    force: FloatArray,
    pressure: FloatArray,
) -> None:
    """Write velocity from forces, um/min, and pressure of every listed cell.

    Parameters
    ----------
    packed
        From `pack`.
    order, start, shape, bin_of
        Of a `cxaxis.tissue.cell_list.CellList`.
    cell_id
        By row.
    affinity
        Share of the adhesion by type of the other, one row a type, or one a cell if
        ``affinity_by_cell``.
    affinity_matters
        Whether any share differs from 1.
    force, pressure
        Written by row, ``(n, 3)`` and ``(n,)``.
    """
    _push_chunk(
        0, order.shape[0], packed, order, start, shape, bin_of, cell_id, affinity,
        affinity_by_cell, affinity_matters, seed, flat, force, pressure,
    )  # fmt: skip


@compiled_for_threads
def push_threads(
    packed: FloatArray,
    order: IntArray,
    start: IntArray,
    shape: IntArray,
    bin_of: IntArray,
    cell_id: IntArray,
    affinity: FloatArray,
    affinity_by_cell: bool,
    affinity_matters: bool,
    seed: int,
    flat: bool,
    force: FloatArray,
    pressure: FloatArray,
) -> None:
    """Do what `push_serial` does on several threads, to the same bytes."""
    n = order.shape[0]
    for chunk in numba.prange((n + CHUNK - 1) // CHUNK):
        _push_chunk(
            chunk * CHUNK, min((chunk + 1) * CHUNK, n), packed, order, start, shape, bin_of,
            cell_id, affinity, affinity_by_cell, affinity_matters, seed, flat, force, pressure,
        )  # fmt: skip


@compiled
def move(
    active: FloatArray,
    moved: FloatArray,
    position_um: FloatArray,
    velocity_um_per_min: FloatArray,
    force: FloatArray,
    heading: FloatArray,
    speed_um_per_min: FloatArray,
    dt_min: float,
    low_um: FloatArray,
    high_um: FloatArray,
    closed: bool,
) -> tuple[float, int]:
    """Move every active cell by one step.

    Parameters
    ----------
    velocity_um_per_min
        Of the step before; overwritten.
    force
        Velocity that neighbours give, ``(n, 3)``.
    heading, speed_um_per_min
        Of migration, ``(n, 3)`` of length 1 or 0, and ``(n,)``.
    low_um, high_um
        Corners of the box. Cells stay inside where ``closed``, else become inactive outside.

    Returns
    -------
    Longest way of a cell, um (infinite where it is not a number), and the row of that cell.
    """
    farthest = 0.0
    who = -1
    for cell in range(position_um.shape[0]):
        if active[cell] == 0:
            continue
        way = 0.0
        for axis in range(3):
            now = force[cell, axis] + speed_um_per_min[cell] * heading[cell, axis]
            step = dt_min * now
            if moved[cell] != 0:
                step += 0.5 * dt_min * (now - velocity_um_per_min[cell, axis])
            velocity_um_per_min[cell, axis] = now
            way += step * step
            position_um[cell, axis] += step
        moved[cell] = 1
        if not way < math.inf:
            return math.inf, cell
        if way > farthest:
            farthest = way
            who = cell
        for axis in range(3):
            low, high = low_um[axis], high_um[axis]
            if not low <= position_um[cell, axis] <= high:
                if closed:
                    position_um[cell, axis] = min(max(position_um[cell, axis], low), high)
                else:
                    active[cell] = 0
                    velocity_um_per_min[cell, :] = 0.0
    return math.sqrt(farthest), who
