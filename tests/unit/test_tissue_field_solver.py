import math
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from scipy.stats import gamma

pytest.importorskip("numba")

from hypothesis import given, settings
from hypothesis import strategies as st

from cxaxis.core.errors import ModelValueError
from cxaxis.core.streams import rng_for
from cxaxis.tissue.field_solver import FieldNotSolvedError, advance
from cxaxis.tissue.fields import Coefficients, no_exchange
from cxaxis.tissue.records import FACES, Grid, Substrate


def box(shape, step=20.0):
    return Grid(origin_um=(0, 0, 0), spacing_um=(step, step, step), shape=shape)


def random_coefficients(grid, seed, n=1, scale=20.0):
    rng = rng_for(seed, "coefficients")
    source, sink = np.zeros((2, n, *grid.shape))
    few = rng.random(source.shape) < 0.1
    source[few] = rng.uniform(0, scale, few.sum())
    sink[rng.random(sink.shape) < 0.3] = scale / 5
    return Coefficients(source=source, sink_per_min=sink)


def dense_operator(grid, substrate, loss, hold):
    """The same problem written voxel by voxel, with held densities as equations of their own."""
    shape, n = grid.shape, grid.n_voxel
    matrix, right = np.zeros((n, n)), np.zeros(n)
    number = np.arange(n).reshape(shape)
    held = {}
    for place, face in enumerate(FACES):
        axis, end = divmod(place, 2)
        if hold == "voxel" and face in substrate.faces:
            for row in np.take(number, -end, axis).ravel():
                held[row] = substrate.faces[face]
    for index in np.ndindex(*shape):
        row = number[index]
        if row in held:
            matrix[row, row], right[row] = 1.0, held[row]
            continue
        matrix[row, row] += loss[index]
        for axis in range(3):
            c = substrate.diffusion_um2_per_min / grid.spacing_um[axis] ** 2
            for end, way in enumerate((-1, 1)):
                other = list(index)
                other[axis] += way
                if 0 <= other[axis] < shape[axis]:
                    matrix[row, row] += c
                    matrix[row, number[tuple(other)]] -= c
                elif hold == "face" and FACES[2 * axis + end] in substrate.faces:
                    matrix[row, row] += 2 * c
                    right[row] += 2 * c * substrate.faces[FACES[2 * axis + end]]
    return matrix, right, held


@pytest.mark.parametrize("hold", ["face", "voxel"])
@pytest.mark.parametrize(
    "faces",
    [
        {},
        {"xmin": 3.0},
        {"xmax": 2.0, "ymin": 1.0},
        {"xmin": 1.0, "xmax": 5.0},
        dict.fromkeys(FACES, 4.0),
    ],
)
def test_a_step_agrees_with_a_dense_solve(faces, hold):
    grid = Grid(origin_um=(0, 0, 0), spacing_um=(20, 15, 10), shape=(5, 4, 3))
    substrate = Substrate(id="s", diffusion_um2_per_min=900.0, decay_per_min=0.2, faces=faces)
    coefficients = random_coefficients(grid, 3)
    before = rng_for(4, "before").uniform(0, 2, (1, *grid.shape))
    loss = 1 / 0.5 + 0.2 + coefficients.sink_per_min[0]
    matrix, right, held = dense_operator(grid, substrate, loss, hold)
    known = (before[0] / 0.5 + coefficients.source[0]).ravel()
    free = np.array([row not in held for row in range(grid.n_voxel)])
    right[free] += known[free]
    expected = np.linalg.solve(matrix, right).reshape(grid.shape)
    found = advance(before, coefficients, grid, [substrate], 0.5, hold=hold, tolerance=1e-13)
    np.testing.assert_allclose(found.density[0], expected, rtol=1e-10)


@given(st.integers(0, 1000), st.floats(0.01, 100.0), st.floats(0.0, 1e5), st.floats(0.0, 1.0))
@settings(max_examples=25, deadline=None)
def test_what_is_made_lost_and_there_adds_up_and_nothing_is_negative(seed, dt, diffusion, decay):
    grid = box((7, 6, 5))
    substrate = Substrate(id="s", diffusion_um2_per_min=diffusion, decay_per_min=decay)
    coefficients = random_coefficients(grid, seed)
    before = rng_for(seed, "before").uniform(0, 2, (1, *grid.shape))
    after = advance(before, coefficients, grid, [substrate], dt).density
    change = (after - before).sum() / dt
    made = coefficients.source.sum()
    lost = ((decay + coefficients.sink_per_min) * after).sum()
    assert abs(change - made + lost) <= 1e-8 * max(made, lost, before.sum() / dt)
    assert after.min() >= 0.0


def test_without_loss_the_total_stays_over_many_steps():
    grid = box((8, 8, 8))
    substrate = Substrate(id="s", diffusion_um2_per_min=6000.0)
    density = np.zeros((1, *grid.shape))
    density[0, 3, 4, 2] = 1000.0
    for _ in range(200):
        density = advance(density, no_exchange(grid, 1), grid, [substrate], 0.01).density
    assert density.sum() == pytest.approx(1000.0, rel=1e-8)
    assert density.min() >= 0


def steady_error(n):
    # One source layer held at x = 0, no flux at the far wall: c = cosh((L - x)/l) / cosh(L/l).
    length, diffusion, decay = 400.0, 1000.0, 0.1
    grid = Grid(origin_um=(0, 0, 0), spacing_um=(length / n, 20, 20), shape=(n, 1, 1))
    substrate = Substrate(
        id="s",
        diffusion_um2_per_min=diffusion,
        decay_per_min=decay,
        faces={"xmin": 1.0},
        quasi_steady=True,
    )
    found = advance(np.zeros((1, n, 1, 1)), no_exchange(grid, 1), grid, [substrate], 1.0)
    x = (np.arange(n) + 0.5) * length / n
    reach = math.sqrt(diffusion / decay)
    exact = np.cosh((length - x) / reach) / math.cosh(length / reach)
    return np.abs(found.density[0, :, 0, 0] - exact).max()


def test_the_steady_profile_is_the_hyperbolic_cosine_to_second_order():
    errors = [steady_error(n) for n in (20, 40, 80)]
    assert errors[1] < 2e-3
    for coarse, fine in pairwise(errors):
        assert 1.8 < math.log2(coarse / fine) < 2.2


def test_between_two_held_faces_the_profile_is_linear():
    grid = box((10, 3, 2))
    substrate = Substrate(
        id="s", diffusion_um2_per_min=50.0, faces={"xmin": 2.0, "xmax": 12.0}, quasi_steady=True
    )
    found = advance(np.zeros((1, *grid.shape)), no_exchange(grid, 1), grid, [substrate], 1.0)
    expected = 2.0 + 10.0 * (np.arange(10) + 0.5) / 10
    np.testing.assert_allclose(found.density[0, :, 1, 1], expected, rtol=1e-8)
    held = advance(
        np.zeros((1, *grid.shape)), no_exchange(grid, 1), grid, [substrate], 1.0, hold="voxel"
    )
    np.testing.assert_allclose(held.density[0, :, 2, 0], np.linspace(2, 12, 10), rtol=1e-8)


def test_decay_is_first_order_in_the_step():
    grid = box((3, 3, 3))
    substrate = Substrate(id="s", diffusion_um2_per_min=600.0, decay_per_min=0.7)
    errors = []
    for n in (10, 20, 40):
        density = np.ones((1, *grid.shape))
        for _ in range(n):
            density = advance(density, no_exchange(grid, 1), grid, [substrate], 2.0 / n).density
        errors.append(density[0, 1, 1, 1] - math.exp(-1.4))
    for coarse, fine in pairwise(errors):
        assert 0.9 < math.log2(coarse / fine) < 1.1


def test_a_point_source_spreads_as_a_normal_distribution():
    # Whatever the step, the variance of the discrete scheme grows by exactly 2 D dt; the walls
    # are more than five standard deviations away.
    grid, diffusion, dt = box((61, 61, 61), step=10.0), 500.0, 0.1
    substrate = Substrate(id="s", diffusion_um2_per_min=diffusion)
    density = np.zeros((1, *grid.shape))
    density[0, 30, 30, 30] = 1.0 / grid.voxel_volume_um3
    for _ in range(30):
        density = advance(density, no_exchange(grid, 1), grid, [substrate], dt).density
    x = 10.0 * (np.arange(61) - 30)
    weight = density[0].sum(axis=(1, 2)) * grid.voxel_volume_um3
    assert (weight * x**2).sum() == pytest.approx(2 * diffusion * 30 * dt, rel=1e-3)
    # Backward Euler is the heat kernel at a time that has the gamma distribution of its n steps.
    times = gamma(30, scale=dt)
    for distance, found in ((0.0, density.max()), (60.0, density[0, 36, 30, 30])):
        kernel = times.expect(
            lambda u, r=distance: (
                (4 * math.pi * diffusion * u) ** -1.5 * math.exp(-(r**2) / (4 * diffusion * u))
            ),
            lb=times.ppf(1e-12),
            ub=times.isf(1e-12),
        )
        assert found == pytest.approx(kernel, rel=0.03)


def test_a_layer_one_voxel_thick_is_a_column_of_equal_layers():
    faces = {"xmin": 3.0, "ymax": 1.0}
    substrate = Substrate(id="s", diffusion_um2_per_min=3000.0, decay_per_min=0.1, faces=faces)
    flat, tall = box((6, 7, 1)), box((6, 7, 4))
    thin = random_coefficients(flat, 8)
    thick = Coefficients(
        source=np.repeat(thin.source, 4, axis=3),
        sink_per_min=np.repeat(thin.sink_per_min, 4, axis=3),
    )
    one = advance(np.ones((1, *flat.shape)), thin, flat, [substrate], 0.5, tolerance=1e-12)
    four = advance(np.ones((1, *tall.shape)), thick, tall, [substrate], 0.5, tolerance=1e-12)
    np.testing.assert_allclose(
        four.density, np.repeat(one.density, 4, axis=3), rtol=1e-9, atol=1e-12
    )


def test_nothing_passes_the_z_faces_of_a_flat_grid():
    flat = box((6, 7, 1))
    held = Substrate(id="s", diffusion_um2_per_min=3000.0, faces={"zmin": 9.0})
    start = np.ones((1, *flat.shape))
    found = advance(start, no_exchange(flat, 1), flat, [held], 1.0)
    np.testing.assert_allclose(found.density, 1.0, rtol=1e-12)


def test_a_mirrored_problem_has_the_mirrored_answer():
    grid = box((6, 5, 4))
    coefficients = random_coefficients(grid, 5)
    substrate = Substrate(id="s", diffusion_um2_per_min=800.0, faces={"xmin": 7.0})
    mirrored = replace(substrate, faces={"xmax": 7.0})
    other = Coefficients(
        source=coefficients.source[:, ::-1].copy(),
        sink_per_min=coefficients.sink_per_min[:, ::-1].copy(),
    )
    start = np.zeros((1, *grid.shape))
    here = advance(start, coefficients, grid, [substrate], 0.5, tolerance=1e-12).density
    there = advance(start, other, grid, [mirrored], 0.5, tolerance=1e-12).density
    np.testing.assert_allclose(here, there[:, ::-1], rtol=1e-9, atol=1e-12)


def test_an_infinite_step_gives_the_steady_state():
    grid = box((6, 6, 6))
    substrate = Substrate(id="s", diffusion_um2_per_min=1e5, decay_per_min=0.1)
    coefficients = random_coefficients(grid, 6)
    start = np.ones((1, *grid.shape))
    steady = replace(substrate, quasi_steady=True)
    far = advance(start, coefficients, grid, [substrate], 1e12, tolerance=1e-12)
    end = advance(start, coefficients, grid, [steady], 1.0, tolerance=1e-12)
    np.testing.assert_allclose(far.density, end.density, rtol=1e-8)


def test_few_iterations_solve_a_tissue_full_of_cells():
    grid = box((25, 25, 25))
    coefficients = random_coefficients(grid, 7)
    substrate = Substrate(id="s", diffusion_um2_per_min=6000.0, decay_per_min=0.1)
    found = advance(np.zeros((1, *grid.shape)), coefficients, grid, [substrate], 0.5)
    assert found.iterations[0] <= 25
    assert found.residual[0] <= 1e-9


def test_a_steady_substrate_that_is_never_lost_is_refused():
    grid = box((3, 3, 3))
    substrate = Substrate(id="s", diffusion_um2_per_min=1.0, quasi_steady=True)
    with pytest.raises(ModelValueError, match="never lost"):
        advance(np.ones((1, *grid.shape)), no_exchange(grid, 1), grid, [substrate], 1.0)


@pytest.mark.parametrize("dt", [0.0, -1.0, math.nan])
def test_a_step_that_is_not_positive_is_refused(dt):
    grid = box((3, 3, 3))
    substrate = Substrate(id="s", diffusion_um2_per_min=1.0)
    with pytest.raises(ModelValueError, match="dt_min"):
        advance(np.ones((1, *grid.shape)), no_exchange(grid, 1), grid, [substrate], dt)


def test_a_density_that_is_no_number_is_named():
    grid = box((3, 3, 3))
    substrate = Substrate(id="oxygen", diffusion_um2_per_min=1.0)
    start = np.full((1, *grid.shape), np.nan)
    with pytest.raises(FieldNotSolvedError, match="oxygen"):
        advance(start, no_exchange(grid, 1), grid, [substrate], 1.0)
