import numpy as np
import pytest

pytest.importorskip("numba")

from hypothesis import given, settings
from hypothesis import strategies as st

from cxaxis.core.errors import ModelValueError
from cxaxis.core.streams import rng_for
from cxaxis.tissue.fields import (
    CellExchange,
    Vessels,
    cell_coefficients,
    densities_at_cells,
    exchange_of_types,
    gradients,
    gradients_at_cells,
    initial_density,
    total_amounts,
    vessel_coefficients,
    voxels_of_cells,
)
from cxaxis.tissue.records import CellType, Exchange, Grid, Substrate

BOX = Grid(origin_um=(-50.0, 0.0, 10.0), spacing_um=(20.0, 10.0, 5.0), shape=(5, 4, 3))


@given(
    st.tuples(*(st.floats(0.0, 1.0, exclude_max=True) for _ in range(3))),
)
@settings(max_examples=50, deadline=None)
def test_a_cell_lies_within_its_voxel(share):
    low, high = np.array(BOX.origin_um), np.array(BOX.upper_um)
    place = low + np.array(share) * (high - low)
    voxel = voxels_of_cells(BOX, place[None, :])[0]
    corner = low + voxel * np.array(BOX.spacing_um)
    assert np.all(place >= corner - 1e-9)
    assert np.all(place <= corner + np.array(BOX.spacing_um) + 1e-9)


def test_walls_belong_to_the_box_and_what_lies_beyond_does_not():
    upper = np.array([BOX.upper_um])
    assert voxels_of_cells(BOX, upper)[0].tolist() == [4, 3, 2]
    beyond = np.concatenate([upper + 1e-6, np.full((1, 3), np.nan)])
    assert voxels_of_cells(BOX, beyond).tolist() == [[-1] * 3] * 2


def test_a_flat_grid_takes_cells_at_any_height():
    flat = Grid(origin_um=(0, 0, -10), spacing_um=(20, 20, 20), shape=(3, 3, 1))
    assert voxels_of_cells(flat, np.array([[5.0, 25.0, 400.0]])).tolist() == [[0, 1, 0]]


def test_cells_give_off_and_take_up_what_their_rates_and_volumes_say():
    rng = rng_for(1, "exchange")
    n, places = 40, rng.uniform(BOX.origin_um, BOX.upper_um, (40, 3))
    volume = rng.uniform(100, 900, n)
    rates = [rng.uniform(0, 3, (n, 2)) for _ in range(4)]
    exchange = CellExchange(
        secretion_per_min=rates[0],
        target=rates[1],
        uptake_per_min=rates[2],
        net_export_per_min=rates[3],
    )
    found = cell_coefficients(BOX, voxels_of_cells(BOX, places), volume, exchange)
    w = BOX.voxel_volume_um3
    made = (volume[:, None] * rates[0] * rates[1] + rates[3]).sum(axis=0)
    taken = (volume[:, None] * (rates[0] + rates[2])).sum(axis=0)
    np.testing.assert_allclose(found.source.sum(axis=(1, 2, 3)) * w, made, rtol=1e-12)
    np.testing.assert_allclose(found.sink_per_min.sum(axis=(1, 2, 3)) * w, taken, rtol=1e-12)


def test_a_cell_outside_the_box_does_nothing():
    substrate = Substrate(id="s", diffusion_um2_per_min=1.0)
    types = [CellType(id="a", exchange={"s": Exchange(secretion_per_min=2.0)})]
    exchange = exchange_of_types(types, [substrate], np.zeros(1, np.int64))
    assert exchange.secretion_per_min.tolist() == [[2.0]]
    outside = voxels_of_cells(BOX, np.array([[1e6, 0.0, 0.0]]))
    found = cell_coefficients(BOX, outside, np.ones(1), exchange)
    assert not found.source.any()
    assert not densities_at_cells(found.source, outside).any()
    assert not gradients_at_cells(found.source, outside, BOX).any()


def test_the_gradient_of_a_linear_field_is_its_slope_up_to_the_walls():
    i, j, k = np.indices(BOX.shape)
    slope = np.array([0.3, -0.2, 0.7])
    field = 4 + slope[0] * 20 * i + slope[1] * 10 * j + slope[2] * 5 * k
    found = gradients(field[None], BOX)
    np.testing.assert_allclose(found, np.broadcast_to(slope, found.shape), atol=1e-12)
    voxel = np.array([[0, 0, 0], [2, 3, 1]])
    here = gradients_at_cells(field[None], voxel, BOX)
    np.testing.assert_allclose(here[:, 0], found[0][tuple(voxel.T)], atol=0)
    assert densities_at_cells(field[None], voxel)[1, 0] == field[2, 3, 1]


def test_the_gradient_agrees_with_numpy():
    field = rng_for(2, "field").normal(size=(2, *BOX.shape))
    found = gradients(field, BOX)
    for s in range(2):
        for axis, expected in enumerate(np.gradient(field[s], *BOX.spacing_um)):
            np.testing.assert_allclose(found[s, ..., axis], expected, atol=1e-12)


def test_total_amount_is_density_times_volume():
    density = initial_density(BOX, [Substrate(id="s", diffusion_um2_per_min=1.0, initial=3.0)])
    assert total_amounts(density, BOX)[0] == pytest.approx(3.0 * 100 * 40 * 15)


def test_vessels_pull_towards_plasma_and_may_share_a_voxel():
    vessels = Vessels(
        voxel=np.array([[0, 0, 0], [0, 0, 0], [1, 2, 2]]),
        exchange_per_min=np.array([[1.0], [2.0], [4.0]]),
        plasma=np.array([5.0]),
    )
    found = vessel_coefficients(BOX, vessels)
    assert found.sink_per_min[0, 0, 0, 0] == 3.0
    np.testing.assert_allclose(found.source, 5.0 * found.sink_per_min)
    both = found + found
    assert both.sink_per_min[0, 1, 2, 2] == 8.0


@pytest.mark.parametrize(
    ("voxel", "exchange", "message"), [([9, 0, 0], 1.0, "grid"), ([0, 0, 0], -1.0, "at least 0")]
)
def test_impossible_vessels_are_refused(voxel, exchange, message):
    vessels = Vessels(
        voxel=np.array([voxel]),
        exchange_per_min=np.array([[exchange]]),
        plasma=np.array([1.0]),
    )
    with pytest.raises(ModelValueError, match=message):
        vessel_coefficients(BOX, vessels)
