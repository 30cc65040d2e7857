"""The rule that turns measurements into a verdict."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cxaxis.claims.breaks import held_at, multiplied, together
from cxaxis.claims.judge import SHARE, holds, outcome
from cxaxis.claims.records import Check, Measured
from cxaxis.core.errors import ModelValueError
from cxaxis.knowledge.expectations import Expectation

finite = st.floats(-1e6, 1e6)


def expecting(low=None, high=None, unit="1"):
    return Expectation(
        id="x",
        kind="data",
        grade="",
        quantity="a thing",
        low=low,
        high=high,
        unit=unit,
        source=("somewhere read",),
        path=(),
        note="",
        where="here:1",
    )


@pytest.mark.parametrize(
    ("measured", "low", "high", "verdict"),
    [
        (Measured(7.0, "1"), 6, 9, "reproduced"),
        (Measured(6.0, "1"), 6, 9, "reproduced"),
        (Measured(5.0, "1"), 6, 9, "contradicted"),
        (Measured(9.5, "1"), 6, 9, "contradicted"),
        (Measured(8.0, "1", 7.0, 10.0), 6, 9, "undetermined"),
        (Measured(1.5, "1", 1.2, 1.8), 1, None, "reproduced"),
        (Measured(1.1, "1", 0.9, 1.3), 1, None, "undetermined"),
        (Measured(0.6, "1", 0.4, 0.9), 1, None, "contradicted"),
        (Measured(math.nan, "1"), 1, None, "not_testable"),
    ],
)
def test_one_world_is_judged_by_its_interval(measured, low, high, verdict):
    assert outcome([measured], expecting(low, high)).verdict == verdict


@pytest.mark.parametrize(
    ("good", "bad", "verdict"),
    [
        (40, 0, "reproduced"),
        (38, 2, "reproduced"),
        (37, 3, "undetermined"),
        (3, 37, "undetermined"),
        (2, 38, "contradicted"),
        (0, 40, "contradicted"),
    ],
)
def test_many_worlds_are_judged_by_the_share_that_holds(good, bad, verdict):
    worlds = [Measured(1.0, "1")] * good + [Measured(-1.0, "1")] * bad
    found = outcome(worlds, expecting(low=0.0))
    assert found.verdict == verdict
    assert found.share == pytest.approx(good / (good + bad))


def test_a_failed_model_is_told_and_a_few_failed_worlds_are_left_out():
    good = [Measured(1.0, "1")] * 9
    assert outcome([*good, None], expecting(low=0.0)).verdict == "reproduced"
    assert outcome([*good[:7], None, None, None], expecting(low=0.0)).verdict == "model_failed"
    assert outcome([None] * 10, expecting(low=0.0)).verdict == "model_failed"


def test_a_measurement_in_another_unit_is_refused():
    with pytest.raises(ModelValueError, match="expected in 'hour', measured in 'day'"):
        outcome([Measured(1.0, "day")], expecting(low=0.0, unit="hour"))


def test_an_interval_upside_down_is_refused():
    with pytest.raises(ModelValueError, match="lies above"):
        Measured(1.0, "1", 2.0, 0.0)


def test_forty_of_forty_is_clear_and_a_share_near_the_bound_is_not():
    worlds = [Measured(1.0, "1")] * 40
    assert outcome(worlds, expecting(low=0.0)).is_clear
    near = [Measured(1.0, "1")] * 38 + [Measured(-1.0, "1")] * 2
    assert not outcome(near, expecting(low=0.0)).is_clear


@given(st.lists(finite, min_size=2, max_size=60), finite)
def test_the_verdict_is_that_of_the_shares(values, bound):
    found = outcome([Measured(value, "1") for value in values], expecting(low=bound))
    held = [holds(Measured(value, "1"), expecting(low=bound)) for value in values]
    share = held.count(True) / len(held)
    assert (found.verdict == "reproduced") == (share >= SHARE)
    assert (found.verdict == "contradicted") == (1 - share >= SHARE)
    assert found.margin >= 0
    assert found.low <= found.value <= found.high


@given(finite, finite, finite)
def test_turning_bound_and_value_round_keeps_the_verdict(value, low, width):
    high = low + abs(width)
    there = outcome([Measured(value, "1")], expecting(low, high)).verdict
    back = outcome([Measured(-value, "1")], expecting(-high, -low)).verdict
    assert there == back


def breaking(ctx):
    return ctx


def strengthening(ctx):
    return ctx


def checking(**changes):
    return Check(
        id="x",
        claims=("C001",),
        role="held_out",
        cost="fast",
        needs=("patient",),
        measure=lambda ctx: Measured(1.0, "1"),
        control=breaking,
        expectation="x",
        **changes,
    )


@pytest.mark.parametrize(
    ("verdict", "control"),
    [
        ("reproduced", breaking),
        ("undetermined", breaking),
        ("model_failed", breaking),
        ("contradicted", strengthening),
    ],
)
def test_what_does_too_little_is_held_against_more_of_it(verdict, control):
    assert checking(strengthened=strengthening).control_for(verdict) is control


def test_a_check_that_cannot_be_strengthened_has_one_control():
    assert checking().control_for("contradicted") is breaking


def test_controls_done_together_are_done_in_turn_and_told():
    first, second = held_at(a=2.0), multiplied(a=3.0)
    context = Values({"a": 1.0})
    assert together(first, second)(context).values == {"a": 6.0}
    assert together(second, first)(context).values == {"a": 2.0}
    assert together(first, second).__doc__ == "Set a to 2. Multiply a by 3."


class Values:
    """As much of a context as a control changes."""

    def __init__(self, values):
        self.values = values

    def changed(self, **values):
        return Values({**self.values, **values})

    def scaled(self, **factors):
        return Values({k: v * factors.get(k, 1.0) for k, v in self.values.items()})
