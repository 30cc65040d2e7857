"""Random numbers of cells against the published vectors and against chance."""

import numpy as np
import pytest
from scipy import stats

from cxaxis.tissue import counter_random
from cxaxis.tissue.jit import compiled


# Known answers of Random123 (kat_vectors, philox4x32 10).
@pytest.mark.parametrize(
    ("counter", "key", "answer"),
    [
        (
            (0, 0, 0, 0),
            (0, 0),
            (0x6627E8D5, 0xE169C58D, 0xBC57AC4C, 0x9B00DBD8),
        ),
        (
            (0xFFFFFFFF,) * 4,
            (0xFFFFFFFF,) * 2,
            (0x408F276D, 0x41C83B0E, 0xA20BC7C6, 0x6D5451FD),
        ),
        (
            (0x243F6A88, 0x85A308D3, 0x13198A2E, 0x03707344),
            (0xA4093822, 0x299F31D0),
            (0xD16CFE09, 0x94FDCCEB, 0x5001E420, 0x24126EA1),
        ),
    ],
)
def test_the_generator_gives_the_known_answers(counter, key, answer):
    words = [np.uint64(word) for word in (*counter, *key)]
    assert tuple(int(word) for word in counter_random.philox4x32(*words)) == answer


@compiled
def _many(n, seed, purpose):
    first = np.empty(n)
    second = np.empty(n)
    for cell in range(n):
        first[cell], second[cell] = counter_random.uniform_pair(seed, cell, purpose, cell % 7)
    return first, second


@compiled
def _directions(n, flat):
    out = np.empty((n, 3))
    for cell in range(n):
        out[cell] = counter_random.unit_vector(5, cell, 2, 11, flat)
    return out


def test_numbers_are_uniform_and_independent_of_their_pair_neighbour_purpose_and_seed():
    first, second = _many(100_000, 3, 1)
    other = _many(100_000, 3, 2)[0]
    seeded = _many(100_000, 4, 1)[0]
    assert stats.kstest(first, "uniform").pvalue > 1e-4
    assert stats.kstest(second, "uniform").pvalue > 1e-4
    for left, right in ((first, second), (first[:-1], first[1:]), (first, other), (first, seeded)):
        assert abs(stats.pearsonr(left, right).statistic) < 4.5 / np.sqrt(len(left))


@pytest.mark.parametrize(("flat", "dimensions"), [(True, 2), (False, 3)])
def test_directions_have_length_one_and_favour_none(flat, dimensions):
    directions = _directions(50_000, flat)
    np.testing.assert_allclose((directions**2).sum(axis=1), 1.0, rtol=1e-12)
    spread = np.zeros(3)
    spread[:dimensions] = 1 / dimensions
    np.testing.assert_allclose(directions.mean(axis=0), 0.0, atol=0.02)
    np.testing.assert_allclose(np.cov(directions.T), np.diag(spread), atol=0.01)


def test_high_words_of_cell_seed_and_step_count():
    numbers = {
        counter_random.uniform(seed, cell, 1, step)
        for seed in (1, 1 + 2**40)
        for cell in (1, 1 + 2**33)
        for step in (1, 1 + 2**35)
    }
    assert len(numbers) == 8
