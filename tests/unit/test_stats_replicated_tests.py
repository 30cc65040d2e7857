"""Log-rank and Cox on many replicates agree with the libraries on each of them."""

import numpy as np
import pytest

from cxaxis.core.errors import ModelValueError
from cxaxis.stats.replicated_tests import replicated_tests
from cxaxis.stats.survival import cox_hazard_ratio, log_rank


def made_up(n_replicate=6, n=80, *, step_day=0.0, seed=1):
    """Exponential times under a hazard ratio of 0.6, rounded up to visits of ``step_day``."""
    rng = np.random.default_rng(seed)
    shape = (n_replicate, n)
    treated = rng.random(shape) < 0.4
    day = rng.exponential(300.0, shape) / np.where(treated, 0.6, 1.0)
    if step_day:
        day = step_day * np.ceil(day / step_day)
    last = rng.uniform(100.0, 700.0, shape)
    return np.minimum(day, last), day <= last, treated, rng.random(shape) < 0.8


@pytest.mark.parametrize("step_day", [0.0, 30.0, 200.0])
def test_each_replicate_equals_the_library(step_day):
    duration, event, treated, included = made_up(step_day=step_day)
    found = replicated_tests(duration, event, treated, included)
    for k, here in enumerate(included):
        one = duration[k, here], event[k, here], treated[k, here]
        test, ratio = log_rank(*one), cox_hazard_ratio(*one)
        assert found.z[k] ** 2 == pytest.approx(test.chi2, rel=1e-8)
        assert found.log_hr[k] == pytest.approx(np.log(ratio.hr), abs=1e-6)
        assert found.events[k] == one[1].sum()


def test_sign_says_who_does_better():
    day = np.array([[10.0, 20.0, 30.0, 40.0, 50.0, 60.0]])
    late = np.array([[False, False, True, False, True, True]])
    everyone = np.ones_like(late)
    better = replicated_tests(day, everyone, late, everyone)
    worse = replicated_tests(day, everyone, ~late, everyone)
    assert better.z[0] > 0 > better.log_hr[0]
    assert worse.z[0] == pytest.approx(-better.z[0])
    assert worse.log_hr[0] == pytest.approx(-better.log_hr[0])


def test_without_information_there_is_no_ratio():
    day = np.array([[1.0, 2.0, 3.0, 4.0]] * 3)
    treated = np.array([[False, False, True, True]] * 3)
    event = np.array([[False] * 4, [True, True, False, False], [True] * 4])
    included = np.array([[True] * 4, [True] * 4, [True, True, False, False]])
    found = replicated_tests(day, event, treated, included)
    assert np.isnan(found.log_hr).all()
    assert found.z[[0, 2]].tolist() == [0.0, 0.0]
    assert found.z[1] > 0
    assert found.events.tolist() == [0, 2, 2]


def test_unusable_numbers_are_refused():
    duration, event, treated, included = made_up()
    with pytest.raises(ModelValueError, match="one shape"):
        replicated_tests(duration[0], event[0], treated[0], included[0])
    with pytest.raises(ModelValueError, match="boolean"):
        replicated_tests(duration, event.astype(int), treated, included)
    with pytest.raises(ModelValueError, match="non-negative"):
        replicated_tests(np.where(included, np.nan, 1.0), event, treated, included)
    # What is left out may be anything.
    replicated_tests(np.where(included, duration, np.nan), event, treated, included)
