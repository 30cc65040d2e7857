"""Substrates on a grid: what cells and vessels do to them, what cells see of them.

Densities of all substrates stand in one array of shape ``(n_substrate, nx, ny, nz)``, in the order
of the tissue's substrates. They change as
``dc/dt = D lap c - decay c + source - sink c``, with the source (density per minute) and the sink
(per minute) of each voxel in `Coefficients`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from cxaxis.core.arrays import FloatArray, IntArray
from cxaxis.core.errors import ModelValueError
from cxaxis.tissue import field_kernels
from cxaxis.tissue.records import CellType, Grid, Substrate


@dataclass(frozen=True, kw_only=True)
class Coefficients:
    """Sources and sinks of every voxel, shape ``(n_substrate, nx, ny, nz)``.

    Attributes
    ----------
    source
        Density per minute; negative only where cells export a negative amount.
    sink_per_min
        At least 0.
    """

    source: FloatArray
    sink_per_min: FloatArray

    def __add__(self, other: Coefficients) -> Coefficients:
        """Return what both do together."""
        return Coefficients(
            source=self.source + other.source,
            sink_per_min=self.sink_per_min + other.sink_per_min,
        )


@dataclass(frozen=True, kw_only=True)
class CellExchange:
    """What each cell does with each substrate, shape ``(n_cell, n_substrate)``.

    The meaning of every rate is that of `cxaxis.tissue.records.Exchange`.
    """

    secretion_per_min: FloatArray
    target: FloatArray
    uptake_per_min: FloatArray
    net_export_per_min: FloatArray


@dataclass(frozen=True, kw_only=True)
class Vessels:
    """Voxels crossed by capillaries, which exchange with plasma at ``P S (plasma - c)``.

    Attributes
    ----------
    voxel
        Their voxels, ``(n_vessel, 3)``; the same voxel may occur more than once.
    exchange_per_min
        Permeability times surface over the volume of a voxel, ``(n_vessel, n_substrate)``; at
        least 0.
    plasma
        Density in plasma, ``(n_substrate,)``; at least 0.
    """

    voxel: IntArray
    exchange_per_min: FloatArray
    plasma: FloatArray


def initial_density(grid: Grid, substrates: Sequence[Substrate]) -> FloatArray:
    """Return densities at the start, ``(n_substrate, nx, ny, nz)``."""
    density = np.empty((len(substrates), *grid.shape))
    for field, substrate in zip(density, substrates, strict=True):
        field[...] = substrate.initial
    return density


def no_exchange(grid: Grid, n_substrate: int) -> Coefficients:
    """Return coefficients of a tissue without cells and vessels."""
    shape = (n_substrate, *grid.shape)
    return Coefficients(source=np.zeros(shape), sink_per_min=np.zeros(shape))


def voxels_of_cells(grid: Grid, position_um: FloatArray) -> IntArray:
    """Return the voxel of each cell, ``(n_cell, 3)``; -1 for a cell outside the box.

    Parameters
    ----------
    position_um
        Shape ``(n_cell, 3)``. A flat grid takes cells at any height.
    """
    return field_kernels.voxels_of(
        np.ascontiguousarray(position_um, dtype=np.float64),
        np.array(grid.origin_um, dtype=np.float64),
        np.array(grid.spacing_um, dtype=np.float64),
        np.array(grid.shape, dtype=np.int64),
    )


def exchange_of_types(
    types: Sequence[CellType], substrates: Sequence[Substrate], type_of_cell: IntArray
) -> CellExchange:
    """Return the exchange of each cell before rules act on it.

    Parameters
    ----------
    type_of_cell
        Place of each cell's type in ``types``, ``(n_cell,)``.
    """
    table = np.zeros((4, len(types), len(substrates)))
    for row, cell_type in enumerate(types):
        for column, substrate in enumerate(substrates):
            exchange = cell_type.exchange.get(substrate.id)
            if exchange is not None:
                table[:, row, column] = (
                    exchange.secretion_per_min,
                    exchange.target,
                    exchange.uptake_per_min,
                    exchange.net_export_per_min,
                )
    secretion, target, uptake, export = table[:, type_of_cell]
    return CellExchange(
        secretion_per_min=secretion,
        target=target,
        uptake_per_min=uptake,
        net_export_per_min=export,
    )


def cell_coefficients(
    grid: Grid, voxel: IntArray, volume_um3: FloatArray, exchange: CellExchange
) -> Coefficients:
    """Return what cells do to the voxels they are in, added up in the order of cells.

    Parameters
    ----------
    voxel
        From `voxels_of_cells`; cells outside the box do nothing.
    volume_um3
        Of each cell, ``(n_cell,)``.
    """
    coefficients = no_exchange(grid, exchange.secretion_per_min.shape[1])
    field_kernels.add_exchange(
        voxel,
        volume_um3,
        exchange.secretion_per_min,
        exchange.target,
        exchange.uptake_per_min,
        exchange.net_export_per_min,
        grid.voxel_volume_um3,
        coefficients.source,
        coefficients.sink_per_min,
    )
    return coefficients


def vessel_coefficients(grid: Grid, vessels: Vessels) -> Coefficients:
    """Return what vessels do to the voxels they cross.

    Raises
    ------
    ModelValueError
        If an exchange or a density in plasma is negative, or a voxel is outside the grid.
    """
    if min(vessels.exchange_per_min.min(initial=0), vessels.plasma.min(initial=0)) < 0:
        msg = "exchange_per_min and plasma of vessels must be at least 0."
        raise ModelValueError(msg)
    if np.any(vessels.voxel < 0) or np.any(vessels.voxel >= np.array(grid.shape)):
        msg = f"every voxel of a vessel must lie within the grid of {grid.shape} voxels."
        raise ModelValueError(msg)
    coefficients = no_exchange(grid, vessels.plasma.size)
    place = tuple(vessels.voxel.T)
    for s, plasma in enumerate(vessels.plasma):
        exchange = vessels.exchange_per_min[:, s]
        np.add.at(coefficients.sink_per_min[s], place, exchange)
        np.add.at(coefficients.source[s], place, exchange * plasma)
    return coefficients


def densities_at_cells(density: FloatArray, voxel: IntArray) -> FloatArray:
    """Return the density around each cell, ``(n_cell, n_substrate)``; 0 outside the box."""
    return field_kernels.densities_at(density, voxel)


def gradients_at_cells(density: FloatArray, voxel: IntArray, grid: Grid) -> FloatArray:
    """Return gradients around each cell, per um, ``(n_cell, n_substrate, 3)``; 0 outside the box.

    Centred differences of the voxels to either side; one-sided at walls.
    """
    return field_kernels.gradients_at(density, voxel, np.array(grid.spacing_um, dtype=np.float64))


def gradients(density: FloatArray, grid: Grid) -> FloatArray:
    """Return gradients in every voxel, per um, ``(n_substrate, nx, ny, nz, 3)``."""
    return field_kernels.gradients_of(density, np.array(grid.spacing_um, dtype=np.float64))


def total_amounts(density: FloatArray, grid: Grid) -> FloatArray:
    """Return the amount of each substrate in the box, density times um3, ``(n_substrate,)``."""
    amounts: FloatArray = density.sum(axis=(1, 2, 3)) * grid.voxel_volume_um3
    return amounts
