"""Exact intervals of shares."""

from __future__ import annotations

import pytest
from scipy.stats import binom

from cxaxis.core.errors import ModelValueError
from cxaxis.stats.proportions import exact_proportion


@pytest.mark.parametrize(("count", "n"), [(2, 12), (1, 1000), (7, 8)])
def test_each_limit_leaves_a_fortieth_in_its_binomial_tail(count, n):
    found = exact_proportion(count, n)
    assert binom.sf(count - 1, n, found.low) == pytest.approx(0.025)
    assert binom.cdf(count, n, found.high) == pytest.approx(0.025)
    assert found.share == pytest.approx(count / n)


def test_none_of_twelve_gives_the_rule_of_three_in_its_exact_form():
    found = exact_proportion(0, 12)
    assert (found.share, found.low) == (0.0, 0.0)
    assert found.high == pytest.approx(1 - 0.025 ** (1 / 12))
    assert exact_proportion(12, 12).low == pytest.approx(0.025 ** (1 / 12))


def test_a_wider_level_gives_a_wider_interval():
    narrow, wide = (exact_proportion(5, 20, level=level) for level in (0.5, 0.99))
    assert wide.low < narrow.low < 0.25 < narrow.high < wide.high


@pytest.mark.parametrize(("count", "n", "level"), [(3, 2, 0.95), (-1, 2, 0.95), (0, 0, 0.95)])
def test_counts_that_are_no_counts_are_refused(count, n, level):
    with pytest.raises(ModelValueError, match="between 0 and a positive n"):
        exact_proportion(count, n, level=level)


def test_a_level_outside_its_range_is_refused():
    with pytest.raises(ModelValueError, match="strictly between"):
        exact_proportion(1, 2, level=1.0)
