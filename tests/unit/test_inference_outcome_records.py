from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from cxaxis.cohort.population import draw_theta
from cxaxis.core.errors import ModelValueError
from cxaxis.core.streams import rng_for
from cxaxis.inference.outcome_records import (
    PoolArrays,
    PoolFileError,
    from_z,
    load_pool,
    save_pool,
    to_z,
)
from cxaxis.knowledge.parameters import load_parameters


def pool(n: int = 3) -> PoolArrays:
    values = rng_for(1, "pool").standard_normal((n, 2))
    return PoolArrays(
        parameter_ids=("a", "b"),
        unit_theta=values,
        landmark_ids=("x",),
        share=np.full((n, 1), 0.5),
        share_se=np.full((n, 1), np.nan),
        population_draw=np.arange(n),
        wiring=np.array(["default"] * n),
    )


def test_the_score_of_a_drawn_population_is_the_normal_number_it_was_drawn_with() -> None:
    parameters = load_parameters()
    theta = draw_theta(parameters, seed=3, draw=7)
    for name, row in parameters.items():
        if row.widened_spread == 0 or name == "phi":
            continue
        z = rng_for(3, "theta", 7, name).standard_normal()
        assert to_z(row, theta[name]) == pytest.approx(z, abs=1e-6), name


def test_scores_turn_back_into_values_on_every_scale() -> None:
    parameters = load_parameters()
    first = {row.scale: row for row in parameters.values() if row.spread > 0}
    z = np.array([-1.5, 0.0, 2.0])
    for row in (*first.values(), parameters["phi"]):
        assert to_z(row, from_z(row, z)) == pytest.approx(z, abs=1e-9)


def test_a_share_drawn_evenly_has_normal_scores() -> None:
    phi = load_parameters()["phi"]
    assert to_z(phi, np.array([0.025, 0.5])) == pytest.approx([-1.959964, 0.0], abs=1e-6)


def test_a_fixed_parameter_has_no_score() -> None:
    row = next(row for row in load_parameters().values() if row.spread == 0)
    with pytest.raises(ModelValueError, match="fixed"):
        to_z(row, row.value)


def test_a_pool_comes_back_from_its_file(tmp_path: Path) -> None:
    save_pool(pool(), tmp_path / "pool.npz")
    again = load_pool(tmp_path / "pool.npz")
    assert again.parameter_ids == ("a", "b")
    np.testing.assert_array_equal(again.unit_theta, pool().unit_theta)
    np.testing.assert_array_equal(again.share_se, pool().share_se)
    assert again.wiring.tolist() == ["default"] * 3


def test_a_file_that_is_no_pool_is_named(tmp_path: Path) -> None:
    path = tmp_path / "pool.npz"
    with pytest.raises(PoolFileError, match=r"pool\.npz"):
        load_pool(path)
    path.write_bytes(b"no zip")
    with pytest.raises(PoolFileError, match=r"pool\.npz"):
        load_pool(path)


def test_pools_of_the_same_columns_join_and_others_do_not() -> None:
    assert len(pool(2).joined(pool(3))) == 5
    with pytest.raises(ModelValueError, match="joined"):
        pool().joined(replace(pool(), parameter_ids=("a", "c")))
    with pytest.raises(ModelValueError, match="shapes"):
        replace(pool(), landmark_ids=("x", "y"))
