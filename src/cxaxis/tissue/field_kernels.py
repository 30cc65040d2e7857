"""Loops over voxels and over cells that read or write fields. All are serial.

Fields have shape ``(n_substrate, nx, ny, nz)`` and the cells' voxels are given as ``(n_cell, 3)``
whole numbers, with -1 for a cell that is in no voxel.
"""

from __future__ import annotations

import numpy as np

from cxaxis.core.arrays import FloatArray, IntArray
from cxaxis.tissue.jit import compiled


@compiled
def voxels_of(
    position_um: FloatArray,
    origin_um: FloatArray,
    spacing_um: FloatArray,
    shape: IntArray,
) -> IntArray:
    """Return the voxel of each cell, ``(n_cell, 3)``; -1 outside the box.

    The upper walls belong to the last voxel. A flat box takes cells at any height.
    """
    n_cell = position_um.shape[0]
    voxel = np.empty((n_cell, 3), np.int64)
    for cell in range(n_cell):
        inside = True
        for axis in range(3):
            if axis == 2 and shape[2] == 1:
                voxel[cell, 2] = 0
                continue
            place = (position_um[cell, axis] - origin_um[axis]) / spacing_um[axis]
            if not 0.0 <= place <= shape[axis]:
                inside = False
                break
            voxel[cell, axis] = min(int(place), shape[axis] - 1)
        if not inside:
            voxel[cell, :] = -1
    return voxel


@compiled
def add_exchange(
    voxel: IntArray,
    volume_um3: FloatArray,
    secretion_per_min: FloatArray,
    target: FloatArray,
    uptake_per_min: FloatArray,
    net_export_per_min: FloatArray,
    voxel_volume_um3: float,
    source: FloatArray,
    sink_per_min: FloatArray,
) -> None:
    """Add what cells give off and take up to ``source`` and ``sink_per_min``, in cell order."""
    for cell in range(voxel.shape[0]):
        i, j, k = voxel[cell]
        if i < 0:
            continue
        share = volume_um3[cell] / voxel_volume_um3
        for s in range(source.shape[0]):
            secreted = share * secretion_per_min[cell, s]
            sink_per_min[s, i, j, k] += secreted + share * uptake_per_min[cell, s]
            source[s, i, j, k] += (
                secreted * target[cell, s] + net_export_per_min[cell, s] / voxel_volume_um3
            )


@compiled
def slope(low: float, here: float, high: float, at_low: bool, at_high: bool, step: float) -> float:
    """Return a centred difference, or a one-sided one at a wall."""
    if at_low and at_high:
        return 0.0
    if at_low:
        return (high - here) / step
    if at_high:
        return (here - low) / step
    return (high - low) / (2.0 * step)


@compiled
def gradient_in(field: FloatArray, i: int, j: int, k: int, spacing_um: FloatArray, out: FloatArray):  # type: ignore[no-untyped-def]  # noqa: ANN201
    """Write the gradient of one substrate in one voxel into ``out``."""
    nx, ny, nz = field.shape
    out[0] = slope(
        field[max(i - 1, 0), j, k],
        field[i, j, k],
        field[min(i + 1, nx - 1), j, k],
        i == 0,
        i == nx - 1,
        spacing_um[0],
    )
    out[1] = slope(
        field[i, max(j - 1, 0), k],
        field[i, j, k],
        field[i, min(j + 1, ny - 1), k],
        j == 0,
        j == ny - 1,
        spacing_um[1],
    )
    out[2] = slope(
        field[i, j, max(k - 1, 0)],
        field[i, j, k],
        field[i, j, min(k + 1, nz - 1)],
        k == 0,
        k == nz - 1,
        spacing_um[2],
    )


@compiled
def gradients_of(density: FloatArray, spacing_um: FloatArray) -> FloatArray:
    """Return gradients everywhere, ``(n_substrate, nx, ny, nz, 3)``."""
    n_substrate, nx, ny, nz = density.shape
    out = np.empty((n_substrate, nx, ny, nz, 3))
    for s in range(n_substrate):
        for i in range(nx):
            for j in range(ny):
                for k in range(nz):
                    gradient_in(density[s], i, j, k, spacing_um, out[s, i, j, k])
    return out


@compiled
def gradients_at(density: FloatArray, voxel: IntArray, spacing_um: FloatArray) -> FloatArray:
    """Return gradients in the cells' voxels, ``(n_cell, n_substrate, 3)``; 0 outside the box."""
    n_cell, n_substrate = voxel.shape[0], density.shape[0]
    out = np.zeros((n_cell, n_substrate, 3))
    for cell in range(n_cell):
        i, j, k = voxel[cell]
        if i < 0:
            continue
        for s in range(n_substrate):
            gradient_in(density[s], i, j, k, spacing_um, out[cell, s])
    return out


@compiled
def densities_at(density: FloatArray, voxel: IntArray) -> FloatArray:
    """Return densities in the cells' voxels, ``(n_cell, n_substrate)``; 0 outside the box."""
    n_cell, n_substrate = voxel.shape[0], density.shape[0]
    out = np.zeros((n_cell, n_substrate))
    for cell in range(n_cell):
        i, j, k = voxel[cell]
        if i >= 0:
            for s in range(n_substrate):
                out[cell, s] = density[s, i, j, k]
    return out


@compiled
def apply_operator(
    field: FloatArray, diagonal: FloatArray, coupling: FloatArray, out: FloatArray
) -> float:
    """Write ``diagonal * field - sum of coupled neighbours`` into ``out``.

    Parameters
    ----------
    field, diagonal, out
        Shape ``(nx, ny, nz)``.
    coupling
        Diffusion over squared voxel edge, per minute, by axis.

    Returns
    -------
    Inner product of ``field`` and ``out``.
    """
    nx, ny, nz = field.shape
    cx, cy, cz = coupling
    inner = 0.0
    for i in range(nx):
        for j in range(ny):
            for k in range(nz):
                value = diagonal[i, j, k] * field[i, j, k]
                if i > 0:
                    value -= cx * field[i - 1, j, k]
                if i < nx - 1:
                    value -= cx * field[i + 1, j, k]
                if j > 0:
                    value -= cy * field[i, j - 1, k]
                if j < ny - 1:
                    value -= cy * field[i, j + 1, k]
                if k > 0:
                    value -= cz * field[i, j, k - 1]
                if k < nz - 1:
                    value -= cz * field[i, j, k + 1]
                out[i, j, k] = value
                inner += value * field[i, j, k]
    return inner


@compiled
def inner_product(first: FloatArray, second: FloatArray) -> float:
    """Return the sum of products of two arrays of one shape, in a fixed order."""
    total = 0.0
    nx, ny, nz = first.shape
    for i in range(nx):
        for j in range(ny):
            for k in range(nz):
                total += first[i, j, k] * second[i, j, k]
    return total


@compiled
def step_along(
    field: FloatArray,
    residual: FloatArray,
    direction: FloatArray,
    image: FloatArray,
    length: float,
) -> float:
    """Move ``field`` along ``direction`` and return the squared residual after it."""
    total = 0.0
    nx, ny, nz = field.shape
    for i in range(nx):
        for j in range(ny):
            for k in range(nz):
                field[i, j, k] += length * direction[i, j, k]
                left = residual[i, j, k] - length * image[i, j, k]
                residual[i, j, k] = left
                total += left * left
    return total


@compiled
def turn(direction: FloatArray, towards: FloatArray, keep: float) -> None:
    """Replace ``direction`` by ``towards + keep * direction``."""
    nx, ny, nz = direction.shape
    for i in range(nx):
        for j in range(ny):
            for k in range(nz):
                direction[i, j, k] = towards[i, j, k] + keep * direction[i, j, k]
