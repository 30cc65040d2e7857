"""The spread over draws, split as it was put together."""

import numpy as np
import pytest

from cxaxis.core.errors import ModelValueError
from cxaxis.stats.nested_variance import LEAST_FREEDOM, nested_variance, shrunk_draws

PATIENTS, PARAMETERS, WIRING = 0.04, 0.09, 0.16


def made_up(n_wiring, each, *, seed=1, patients=PATIENTS, parameters=PARAMETERS, wiring=WIRING):
    rng = np.random.default_rng(seed)
    label = np.repeat(np.arange(n_wiring), each)
    answer = (
        np.sqrt(wiring) * rng.standard_normal(n_wiring)[label]
        + np.sqrt(parameters) * rng.standard_normal(len(label))
        + np.sqrt(patients) * rng.standard_normal(len(label))
    )
    return answer, label


def test_components_come_back_from_many_draws():
    answer, label = made_up(400, 10)
    split = nested_variance(answer, label, within_variance=PATIENTS)
    assert split.patients == PATIENTS
    assert split.parameters == pytest.approx(PARAMETERS, rel=0.1)
    assert split.wiring == pytest.approx(WIRING, rel=0.2)
    assert split.population == pytest.approx(PARAMETERS + WIRING, rel=0.1)
    assert split.reason == ""


def test_components_are_right_on_average_for_unequal_groups():
    sizes = np.array([1, 1, 2, 3, 5, 8, 20])
    found = []
    for seed in range(400):
        answer, label = made_up(len(sizes), sizes, seed=seed)
        split = nested_variance(answer, label, within_variance=0.0)
        found.append((split.parameters, split.wiring))
    # Truncation at 0 lifts the wiring a little.
    assert np.mean(found, axis=0) == pytest.approx([PATIENTS + PARAMETERS, WIRING], rel=0.15)


def test_limits_hold_the_truth_as_often_as_they_say():
    total, share = 0, 0
    for seed in range(400):
        answer, label = made_up(8, 6, seed=seed)
        split = nested_variance(answer, label, within_variance=PATIENTS)
        share += split.wiring_low <= WIRING / (WIRING + PARAMETERS + PATIENTS) <= split.wiring_high
        alone, _ = made_up(1, 48, seed=seed, wiring=0.0)
        split = nested_variance(alone, np.zeros(48), within_variance=PATIENTS)
        total += split.population_low <= PARAMETERS <= split.population_high
    assert total / 400 == pytest.approx(0.95, abs=0.04)
    assert share / 400 == pytest.approx(0.95, abs=0.04)


def test_sampling_alone_leaves_nothing_for_the_population():
    answer, label = made_up(1, 2000, parameters=0.0, wiring=0.0)
    split = nested_variance(answer, label, within_variance=PATIENTS)
    assert split.population == pytest.approx(0.0, abs=0.005)
    assert np.ptp(shrunk_draws(answer, within_variance=2 * PATIENTS)) == 0.0


def test_shrunk_draws_have_the_spread_of_what_they_estimate():
    answer, _ = made_up(1, 5000)
    kept = shrunk_draws(answer, within_variance=PATIENTS)
    assert kept.mean() == pytest.approx(answer.mean())
    assert kept.var() == pytest.approx(PARAMETERS, rel=0.1)
    np.testing.assert_array_equal(np.argsort(kept), np.argsort(answer))


@pytest.mark.parametrize(
    ("label", "words"),
    [(np.zeros(12), "same wiring"), (np.arange(12) // 2, "12 draws of 6 wirings leave 6 repeats")],
)
def test_what_cannot_be_told_apart_is_said(label, words):
    answer = np.random.default_rng(1).standard_normal(12)
    split = nested_variance(answer, label, within_variance=0.1)
    assert words in split.reason
    assert LEAST_FREEDOM > 6
    assert split.parameters is split.wiring is split.wiring_low is split.wiring_high is None
    assert split.population > 0


def test_unusable_numbers_are_refused():
    with pytest.raises(ModelValueError, match="two draws"):
        nested_variance([1.0], ["a"], within_variance=0.0)
    with pytest.raises(ModelValueError, match="finite"):
        nested_variance([1.0, np.nan], ["a", "b"], within_variance=0.0)
    with pytest.raises(ModelValueError, match="finite"):
        nested_variance([1.0, 2.0], ["a", "b"], within_variance=-1.0)
