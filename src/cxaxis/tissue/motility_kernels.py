"""Biased persistent walks: when a cell turns, and where to.

In each step a cell turns with chance ``dt / persistence``. Its new heading is
``(1 - bias) u + bias g`` brought to length 1, with ``u`` any direction and ``g`` the direction of
chemotaxis: the sum of gradients times sensitivities, brought to length 1.
"""

from __future__ import annotations

import math

from cxaxis.core.arrays import FloatArray, IntArray
from cxaxis.tissue.counter_random import DIRECTION, TURN, uniform, unit_vector
from cxaxis.tissue.jit import compiled


@compiled
def _difference(low: float, here: float, high: float, at: int, n: int, step: float) -> float:
    if n == 1:
        return 0.0
    if at == 0:
        return (high - here) / step
    if at == n - 1:
        return (here - low) / step
    return (high - low) / (2.0 * step)


@compiled
def gradient_at(
    field: FloatArray, i: int, j: int, k: int, spacing_um: FloatArray
) -> tuple[float, float, float]:
    """Return the gradient in one voxel: centred differences, one-sided at walls."""
    nx, ny, nz = field.shape
    here = field[i, j, k]
    return (
        _difference(
            field[max(i - 1, 0), j, k], here, field[min(i + 1, nx - 1), j, k], i, nx, spacing_um[0]
        ),
        _difference(
            field[i, max(j - 1, 0), k], here, field[i, min(j + 1, ny - 1), k], j, ny, spacing_um[1]
        ),
        _difference(
            field[i, j, max(k - 1, 0)], here, field[i, j, min(k + 1, nz - 1)], k, nz, spacing_um[2]
        ),
    )


@compiled
def turn(
    cell_id: IntArray,
    active: FloatArray,
    speed_um_per_min: FloatArray,
    persistence_min: FloatArray,
    bias: FloatArray,
    sensitivity: FloatArray,
    sensitivity_row: IntArray,
    normalised: IntArray,
    voxel: IntArray,
    density: FloatArray,
    spacing_um: FloatArray,
    flat: bool,
    seed: int,
    step: int,
    dt_min: float,
    heading: FloatArray,
) -> None:
    """Give new headings to the cells that turn in this step.

    Parameters
    ----------
    speed_um_per_min, persistence_min, bias
        Shape ``(n,)``. Cells without speed are left alone.
    sensitivity, sensitivity_row
        Sensitivity to each substrate, and the row of it that each cell uses.
    normalised
        Whether gradients count as directions alone, ``(n,)``.
    voxel
        Shape ``(n, 3)``, -1 where outside.
    density
        Shape ``(n_substrate, nx, ny, nz)``.
    step
        Number of this step.
    heading
        Overwritten, ``(n, 3)``.
    """
    n_substrate = density.shape[0]
    for cell in range(cell_id.shape[0]):
        if active[cell] == 0 or speed_um_per_min[cell] <= 0.0:
            continue
        never = heading[cell, 0] == 0.0 and heading[cell, 1] == 0.0 and heading[cell, 2] == 0.0
        if (
            not never
            and persistence_min[cell] > dt_min
            and uniform(seed, cell_id[cell], TURN, step) * persistence_min[cell] >= dt_min
        ):
            continue
        share = bias[cell]
        gx = gy = gz = 0.0
        if share > 0.0 and voxel[cell, 0] >= 0:
            row = sensitivity_row[cell]
            for s in range(n_substrate):
                weight = sensitivity[row, s]
                if weight == 0.0:
                    continue
                sx, sy, sz = gradient_at(
                    density[s], voxel[cell, 0], voxel[cell, 1], voxel[cell, 2], spacing_um
                )
                if normalised[cell] != 0:
                    size = math.sqrt(sx * sx + sy * sy + sz * sz)
                    weight = weight / size if size > 0.0 else 0.0
                gx += weight * sx
                gy += weight * sy
                gz += weight * sz
            size = math.sqrt(gx * gx + gy * gy + gz * gz)
            if size > 0.0:
                gx, gy, gz = gx / size, gy / size, gz / size
        ux, uy, uz = unit_vector(seed, cell_id[cell], DIRECTION, step, flat)
        hx = (1.0 - share) * ux + share * gx
        hy = (1.0 - share) * uy + share * gy
        hz = 0.0 if flat else (1.0 - share) * uz + share * gz
        size = math.sqrt(hx * hx + hy * hy + hz * hz)
        if size > 0.0:
            hx, hy, hz = hx / size, hy / size, hz / size
        heading[cell, 0] = hx
        heading[cell, 1] = hy
        heading[cell, 2] = hz
