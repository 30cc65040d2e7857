"""Boundaries of group-sequential tests against published constants, and by simulation."""

import numpy as np
import pytest
from scipy.stats import multivariate_normal

from cxaxis.core.errors import ModelValueError
from cxaxis.stats.group_sequential import (
    alpha_spent,
    crossing_probabilities,
    spending_boundaries,
)


def equal(looks):
    return [(k + 1) / looks for k in range(looks)]


# Jennison and Turnbull (2000), tables 2.1 and 2.3: two-sided, alpha 0.05, equal spacing.
@pytest.mark.parametrize(("looks", "z"), [(2, 2.178), (3, 2.289), (4, 2.361), (5, 2.413)])
def test_the_constants_of_pocock_have_a_size_of_5_percent(looks, z):
    size = crossing_probabilities(equal(looks), [z] * looks).sum()
    assert size == pytest.approx(0.05, abs=1e-4)
    # The third decimal of the constant is told apart.
    assert abs(crossing_probabilities(equal(looks), [z + 0.01] * looks).sum() - 0.05) > 5e-4


@pytest.mark.parametrize(("looks", "z"), [(2, 1.977), (3, 2.004), (4, 2.024), (5, 2.040)])
def test_the_constants_of_obrien_and_fleming_have_a_size_of_5_percent(looks, z):
    shape = [z / share**0.5 for share in equal(looks)]
    assert crossing_probabilities(equal(looks), shape).sum() == pytest.approx(0.05, abs=1e-4)


@pytest.mark.parametrize(
    ("spending", "fractions", "z"),
    [
        ("obrien_fleming", [0.5, 1.0], [2.963, 1.969]),
        ("obrien_fleming", equal(5), [4.877, 3.357, 2.680, 2.290, 2.031]),
        ("pocock", [0.5, 1.0], [2.157, 2.201]),
        ("pocock", equal(5), [2.438, 2.427, 2.410, 2.397, 2.386]),
    ],
)
def test_boundaries_that_spend_alpha_are_the_published_ones(spending, fractions, z):
    """Lan and DeMets (1983), two-sided, alpha 0.05, as printed by the usual programs."""
    found = spending_boundaries(fractions, alpha=0.05, spending=spending)
    assert found.z == pytest.approx(z, abs=1.5e-3)
    assert found.alpha_spent[-1] == pytest.approx(0.05)


@pytest.mark.parametrize("sides", [1, 2])
@pytest.mark.parametrize("spending", ["obrien_fleming", "pocock"])
def test_what_is_crossed_is_what_was_spent(spending, sides):
    fractions = [0.3, 0.55, 0.8, 1.0]
    found = spending_boundaries(fractions, alpha=0.04, spending=spending, sides=sides)
    crossed = crossing_probabilities(fractions, found.z, sides=sides).cumsum()
    assert crossed == pytest.approx(found.alpha_spent, abs=1e-8)


def test_a_second_way_to_integrate_agrees():
    """The chance of never crossing is a box of the multivariate normal."""
    fractions, z = np.array([0.4, 0.7, 1.0]), [2.6, 2.3, 2.0]
    share = np.minimum.outer(fractions, fractions) / np.sqrt(np.outer(fractions, fractions))
    for drift in (0.0, 2.5):
        normal = multivariate_normal(drift * np.sqrt(fractions), share)
        stay = normal.cdf(z, lower_limit=[-value for value in z], rng=np.random.default_rng(1))
        crossed = crossing_probabilities(fractions.tolist(), z, drift=drift).sum()
        assert crossed == pytest.approx(1.0 - stay, abs=2e-5)


def test_simulated_trials_without_effect_reject_as_often_as_alpha():
    fractions = [0.35, 0.7, 1.0]
    found = spending_boundaries(fractions, alpha=0.05, spending="pocock")
    rng = np.random.default_rng(20261123)
    steps = np.sqrt(np.diff([0.0, *fractions]))
    n = 200_000
    score = (rng.standard_normal((n, 3)) * steps).cumsum(axis=1) / np.sqrt(fractions)
    share = (np.abs(score) >= found.z).any(axis=1).mean()
    assert share == pytest.approx(0.05, abs=3.0 * (0.05 * 0.95 / n) ** 0.5)


def test_one_look_is_the_ordinary_test():
    assert spending_boundaries([1.0], alpha=0.05).z == pytest.approx([1.959964], abs=1e-6)
    assert spending_boundaries([1.0], alpha=0.025, sides=1).z == pytest.approx([1.959964], abs=1e-6)


def test_nothing_is_spent_before_there_is_information_and_all_at_the_end():
    for spending in ("obrien_fleming", "pocock"):
        spent = alpha_spent([0.0, 0.25, 0.5, 1.0, 1.2], alpha=0.05, spending=spending)
        assert spent[0] == 0.0
        assert (np.diff(spent[:4]) > 0).all()
        assert spent[3:] == pytest.approx([0.05, 0.05])


@pytest.mark.parametrize(
    "wrong",
    [
        {"fractions": [0.5, 0.9]},
        {"fractions": [0.5, 0.5, 1.0]},
        {"fractions": []},
        {"fractions": [1.0], "alpha": 0.0},
        {"fractions": [1.0], "sides": 3},
        {"fractions": [1.0], "spent": [0.2]},
    ],
)
def test_numbers_outside_their_range_are_refused(wrong):
    with pytest.raises(ModelValueError):
        spending_boundaries(**{"alpha": 0.05, **wrong})
