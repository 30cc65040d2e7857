from pathlib import Path

import numpy as np
import pytest

from cxaxis.core.errors import UserInputError
from cxaxis.inference import outcome_pool
from cxaxis.inference.outcome_pool import (
    SHARES,
    PoolJob,
    PoolPlan,
    finished_arrays,
    run_pool,
    run_pool_job,
)
from cxaxis.inference.outcome_records import to_z
from cxaxis.knowledge.landmarks import Landmark
from cxaxis.knowledge.parameters import load_parameters
from cxaxis.runs.blocks import BlockStore


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Replace the simulation by one parameter of the population; count the calls."""
    called: list[int] = []

    def shares(
        theta: dict[str, float], landmarks: tuple[Landmark, ...], *, seed: int, **_: object
    ) -> tuple[np.ndarray, np.ndarray]:
        called.append(seed)
        return np.full(len(landmarks), theta["phi"]), np.full(len(landmarks), 0.1)

    monkeypatch.setattr(outcome_pool, "landmark_shares", shares)
    return called


def test_a_pool_holds_scores_and_shares_of_each_population(
    tmp_path: Path, quick: list[int]
) -> None:
    pool = run_pool(PoolPlan(draws=(0, 1, 2), n_patient=4), tmp_path / "run")
    phi = load_parameters()["phi"]
    np.testing.assert_allclose(to_z(phi, pool.share[:, 0]), pool.column("phi"), rtol=1e-9)
    # Every population has patients of its own.
    assert len(set(quick)) == 3


def test_a_complete_pool_is_read_and_not_simulated_again(tmp_path: Path, quick: list[int]) -> None:
    plan = PoolPlan(draws=(0, 1), n_patient=4)
    first = run_pool(plan, tmp_path / "run")
    again = run_pool(plan, tmp_path / "run")
    np.testing.assert_array_equal(first.share, again.share)
    assert len(quick) == 2


def test_an_interrupted_pool_resumes_to_the_same_bytes(tmp_path: Path, quick: list[int]) -> None:
    plan = PoolPlan(draws=(0, 1, 2), n_patient=4)
    whole = run_pool(plan, tmp_path / "whole")
    quick.clear()
    with outcome_pool.open_run(tmp_path / "cut", outcome_pool.key_parts(plan)) as run:
        store = run.block_store([SHARES])
        run_pool_job(PoolJob(plan=plan, draw=1, store=store))
    partly = finished_arrays(plan, tmp_path / "cut")
    np.testing.assert_array_equal(partly.population_draw, [1])
    np.testing.assert_array_equal(partly.unit_theta[0], whole.unit_theta[1])
    run_pool(plan, tmp_path / "cut")
    assert len(quick) == 3
    for name in ("pool.npz", SHARES.file_name):
        assert (tmp_path / "cut" / name).read_bytes() == (tmp_path / "whole" / name).read_bytes()


def test_another_plan_does_not_overwrite_a_pool(tmp_path: Path, quick: list[int]) -> None:
    run_pool(PoolPlan(draws=(0,), n_patient=4), tmp_path / "run")
    with pytest.raises(UserInputError):
        run_pool(PoolPlan(draws=(0,), n_patient=5), tmp_path / "run")
    assert len(quick) == 1


def test_what_a_posterior_says_takes_the_place_of_what_was_drawn(
    tmp_path: Path, quick: list[int]
) -> None:
    prior = PoolPlan(draws=(0, 1), n_patient=4)
    moved = PoolPlan(draws=(0, 1), n_patient=4, fixed={1: {"alpha_tumour": 0.3}})
    first, second = (run_pool(p, tmp_path / str(k)) for k, p in enumerate((prior, moved)))
    differ = np.argwhere(first.unit_theta != second.unit_theta)
    assert differ.tolist() == [[1, first.parameter_ids.index("alpha_tumour")]]
    row = load_parameters()["alpha_tumour"]
    assert second.column("alpha_tumour")[1] == pytest.approx(float(to_z(row, 0.3)))
    assert len(quick) == 4


def test_one_population_is_simulated(tmp_path: Path) -> None:
    store = BlockStore(directory=tmp_path, schemas=(SHARES,))
    plan = PoolPlan(draws=(4,), n_patient=2)
    run_pool_job(PoolJob(plan=plan, draw=4, store=store))
    rows = store.load_blocks([PoolJob(plan=plan, draw=4, store=store).block])[SHARES.name]
    shares = rows["SHARE"].dropna().astype(float)
    assert len(shares)
    assert shares.between(0.0, 1.0, inclusive="neither").all()
