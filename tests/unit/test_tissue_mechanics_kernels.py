"""Cells in a list, forces between them, and their ways: against brute force and closed forms."""

import numba
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.integrate import solve_ivp
from scipy.optimize import brentq

from cxaxis.tissue import mechanics_kernels
from cxaxis.tissue.cell_list import CrowdedCellsError, build_cell_list
from cxaxis.tissue.cells import Cells, radius_of_um

BOX = (np.full(3, -1e6), np.full(3, 1e6))


def push(position, radius, *, adhesion=0.4, repulsion=10.0, flat=False, threads=1, affinity=None):
    n = len(position)
    radius = np.broadcast_to(np.asarray(radius, float), n).copy()
    reach = 1.25 * radius
    active = np.ones(n, np.uint8)
    cells = build_cell_list(position, active, 2 * reach.max())
    of_type = np.zeros(n, np.int64) if affinity is None else np.arange(n) % len(affinity)
    packed = mechanics_kernels.pack(
        cells.order,
        position,
        radius,
        reach,
        np.full(n, repulsion**0.5),
        np.full(n, adhesion**0.5),
        of_type,
    )
    force, pressure = np.full((n, 3), np.nan), np.full(n, np.nan)
    numba.set_num_threads(min(threads, numba.config.NUMBA_NUM_THREADS))
    run = mechanics_kernels.push_serial if threads == 1 else mechanics_kernels.push_threads
    run(
        packed,
        cells.order,
        cells.start,
        cells.shape,
        cells.bin_of,
        np.arange(n),
        np.ones((1, 1)) if affinity is None else affinity,
        False,
        affinity is not None,
        7,
        flat,
        force,
        pressure,
    )
    return force, pressure


def brute(position, radius, adhesion=0.4, repulsion=10.0):
    apart = position[:, None] - position[None]
    distance = np.linalg.norm(apart, axis=2)
    np.fill_diagonal(distance, np.inf)
    touch = radius[:, None] + radius[None]
    strength = repulsion * np.clip(1 - distance / touch, 0, None) ** 2
    strength -= adhesion * np.clip(1 - distance / (1.25 * touch), 0, None) ** 2
    return np.sum((strength / distance)[..., None] * apart, axis=1)


@given(
    st.integers(2, 60),
    st.floats(5, 200),
    st.sampled_from([(1, 1, 1), (1, 1, 0), (1, 0, 0), (1, 30, 1)]),
    st.integers(0, 10_000),
)
@settings(max_examples=40, deadline=None)
def test_the_list_finds_just_the_pairs_that_all_pairs_find(n, side, box, seed):
    rng = np.random.default_rng(seed)
    position = rng.uniform(-side, side, (n, 3)) * box
    radius = rng.uniform(0.5, 8, n)
    force, _ = push(position, radius)
    np.testing.assert_allclose(force, brute(position, radius), rtol=1e-9, atol=1e-9)


def test_the_list_holds_each_active_cell_once_in_memory_that_follows_their_number():
    rng = np.random.default_rng(0)
    position = rng.uniform(0, 1e6, (200, 3))
    active = (rng.random(200) < 0.7).astype(np.uint8)
    cells = build_cell_list(position, active, 12.0)
    assert sorted(cells.order) == list(np.flatnonzero(active))
    assert len(cells.start) < 1_000


def test_forces_give_no_momentum_even_where_cells_coincide():
    rng = np.random.default_rng(1)
    position = rng.uniform(0, 40, (200, 3))
    position[50:60] = position[40]
    force, _ = push(position, rng.uniform(2, 8, 200))
    assert np.all(np.isfinite(force))
    np.testing.assert_allclose(force.sum(axis=0), 0.0, atol=1e-9 * np.abs(force).sum())
    affinity = rng.uniform(0, 2, (3, 3))
    force, _ = push(position, rng.uniform(2, 8, 200), affinity=affinity, adhesion=5.0)
    np.testing.assert_allclose(force.sum(axis=0), 0.0, atol=1e-9 * np.abs(force).sum())


def test_two_threads_give_the_bytes_of_one():
    rng = np.random.default_rng(2)
    position = rng.uniform(0, 120, (4_000, 3))
    radius = rng.uniform(3, 6, 4_000)
    one, two = push(position, radius), push(position, radius, threads=2)
    assert one[0].tobytes() == two[0].tobytes()
    assert one[1].tobytes() == two[1].tobytes()


def walk(distance, steps, dt_min):
    position = np.array([[0.0, 0, 0], [distance, 0, 0]])
    velocity, moved = np.zeros((2, 3)), np.zeros(2, np.uint8)
    for _ in range(steps):
        force, _ = push(position, 5.0)
        mechanics_kernels.move(
            np.ones(2, np.uint8),
            moved,
            position,
            velocity,
            force,
            np.zeros((2, 3)),
            np.zeros(2),
            dt_min,
            *BOX,
            True,
        )
    return position[1, 0] - position[0, 0]


def speed_apart(distance):
    repulsion = 10.0 * max(0.0, 1 - distance / 10) ** 2
    return 2 * (repulsion - 0.4 * max(0.0, 1 - distance / 12.5) ** 2)


@pytest.mark.parametrize("distance", [4.0, 11.5])
def test_two_cells_follow_the_overdamped_equation_to_second_order(distance):
    truth = solve_ivp(
        lambda _, d: [speed_apart(d[0])], (0, 4), [distance], rtol=1e-11, atol=1e-12
    ).y[0, -1]
    coarse, fine = walk(distance, 20, 0.2) - truth, walk(distance, 40, 0.1) - truth
    assert abs(fine) < 5e-3
    assert abs(coarse / fine) > 3


def test_two_cells_rest_where_repulsion_and_adhesion_cancel():
    rest = brentq(speed_apart, 5, 9.99)
    assert walk(6.0, 4_000, 0.2) == pytest.approx(rest, abs=1e-6)
    assert walk(9.9, 4_000, 0.2) == pytest.approx(rest, abs=1e-6)


def test_pressure_is_that_of_overlaps_alone():
    _, pressure = push(np.array([[0.0, 0, 0], [9.0, 0, 0], [-11.0, 0, 0]]), 5.0)
    np.testing.assert_allclose(pressure, np.array([1, 1, 0]) * 0.1**2 / 0.027288820670331)


def test_cells_without_volume_feel_nothing_and_break_nothing():
    force, pressure = push(np.zeros((5, 3)), 0.0)
    assert not force.any()
    assert not pressure.any()


def test_a_million_cells_on_one_spot_are_refused_with_their_number():
    position = np.random.default_rng(3).uniform(0, 1, (1_000_000, 3))
    with pytest.raises(CrowdedCellsError, match="1000000 of 1000000 cells lie within"):
        build_cell_list(position, np.ones(1_000_000, np.uint8), 12.0)


def test_cells_stay_in_a_closed_box_and_leave_an_open_one():
    for closed in (True, False):
        active, moved = np.ones(1, np.uint8), np.zeros(1, np.uint8)
        position, velocity = np.array([[9.5, 0.0, 0.0]]), np.zeros((1, 3))
        way, who = mechanics_kernels.move(
            active,
            moved,
            position,
            velocity,
            np.zeros((1, 3)),
            np.array([[1.0, 0, 0]]),
            np.array([4.0]),
            0.5,
            np.full(3, -10.0),
            np.full(3, 10.0),
            closed,
        )
        assert (way, who) == (2.0, 0)
        assert active[0] == closed
        assert position[0, 0] == (10.0 if closed else 11.5)


def test_cells_keep_their_order_and_ids_through_adding_and_removing():
    cells = Cells(n_custom=1, n_substrate=2, capacity=2)
    for k in range(5):
        cells.add({"elapsed_min": np.full(3, float(k)), "internal": np.full((3, 2), k)})
    cells.keep(cells["id"] % 2 == 0)
    cells.add({"elapsed_min": np.array([9.0])})
    assert cells["id"].tolist() == [0, 2, 4, 6, 8, 10, 12, 14, 15]
    assert cells["elapsed_min"].tolist() == [0, 0, 1, 2, 2, 3, 4, 4, 9]
    assert cells["internal"][-1].tolist() == [0, 0]
    assert cells["custom"].shape == (9, 1)


def test_radius_is_that_of_a_ball():
    assert radius_of_um(np.array([0.0, 4 / 3 * np.pi * 27])) == pytest.approx([0.0, 3.0])
