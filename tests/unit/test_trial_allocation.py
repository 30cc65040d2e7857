"""Allocation: one arm each, exact ratios, balance within strata, a stream of its own."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cxaxis.trial.allocation import allocate

ratios = st.lists(st.integers(1, 4), min_size=2, max_size=4)
strata = st.lists(st.sampled_from(["II", "III", "IVA"]), min_size=1, max_size=120)


@given(ratios=ratios, blocks=st.integers(1, 20), seed=st.integers(0, 2**31), data=st.data())
def test_arms_are_exactly_in_ratio(ratios, blocks, seed, data):
    n = blocks * sum(ratios)
    names = data.draw(st.lists(st.sampled_from("abc"), min_size=n, max_size=n))
    arms = allocate(names, ratios, seed=seed)
    assert np.bincount(arms, minlength=len(ratios)).tolist() == [blocks * r for r in ratios]


@given(ratios=ratios, strata=strata, seed=st.integers(0, 2**31))
def test_every_patient_has_one_arm_and_strata_are_balanced_within_a_block(ratios, strata, seed):
    arms = allocate(strata, ratios, seed=seed)
    assert arms.shape == (len(strata),)
    assert arms.dtype == np.int64
    assert arms.min() >= 0
    assert arms.max() < len(ratios)
    for stratum in set(strata):
        here = arms[np.array(strata) == stratum]
        for arm, ratio in enumerate(ratios):
            expected = len(here) * ratio / sum(ratios)
            # A stratum may begin and end within a block of another.
            assert abs((here == arm).sum() - expected) <= 2 * ratio


def test_allocation_repeats_with_its_seed_and_differs_by_replicate():
    names = ["II", "III"] * 30
    first = allocate(names, (1, 1), seed=3)
    assert np.array_equal(allocate(names, (1, 1), seed=3), first)
    assert not np.array_equal(allocate(names, (1, 1), seed=4), first)
    assert not np.array_equal(allocate(names, (1, 1), seed=3, replicate=1), first)


def test_every_patient_has_the_same_chance_of_every_arm():
    n, ratio = 12, (2, 1)
    counts = np.zeros((n, 2))
    replicates = 2000
    for k in range(replicates):
        arms = allocate(["a"] * 7 + ["b"] * 5, ratio, seed=1, replicate=k)
        counts[np.arange(n), arms] += 1
    share = counts[:, 0] / replicates
    # Three errors of one patient, widened for looking at twelve.
    assert share == pytest.approx(np.full(n, 2 / 3), abs=4 * np.sqrt(2 / 9 / replicates))
