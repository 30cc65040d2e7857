"""The guard of tests/conftest.py itself: unseeded randomness is an error, seeded is not."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

UNSEEDED = "UnseededRandomnessError"


@pytest.mark.parametrize(
    "draw",
    [
        lambda: np.random.rand(2),  # noqa: NPY002
        lambda: np.random.normal(),  # noqa: NPY002
        lambda: np.random.default_rng(),
        lambda: stats.norm.rvs(size=2),
        lambda: stats.norm.rvs(size=2, random_state=None),
        lambda: pd.DataFrame({"a": range(5)}).sample(2),
    ],
    ids=["rand", "normal", "default_rng", "scipy", "scipy-none", "pandas"],
)
def test_a_draw_without_a_seed_is_an_error(draw):
    with pytest.raises(AssertionError) as caught:
        draw()
    assert type(caught.value).__name__ == UNSEEDED


@given(st.integers(0, 3))
def test_the_guard_holds_inside_a_property_test(n):
    with pytest.raises(AssertionError, match="global random state"):
        np.random.rand(n)  # noqa: NPY002


def test_seeded_draws_are_allowed_and_equal():
    one, other = (stats.norm.rvs(size=3, random_state=np.random.default_rng(5)) for _ in range(2))
    assert one.tolist() == other.tolist()
