"""The table of observations: every row that was used is inside its range, every control brings
it out, and what was held out comes out as recorded."""

import math
from dataclasses import replace
from functools import cache
from itertools import pairwise

import pytest

from cxaxis.cell.course import dish
from cxaxis.cell.observations import FEATURES, is_inside, measure, tabled_dish
from cxaxis.knowledge.cell_contexts import cell_context
from cxaxis.knowledge.cell_observations import FEATURE_NEEDS, load_cell_observations

ROWS = load_cell_observations()
USED = [name for name, row in ROWS.items() if row.role != "held_out"]
HELD_OUT = [name for name, row in ROWS.items() if row.role == "held_out"]


@cache
def values(control=False):
    return measure(tabled_dish, ROWS.values(), control=control)


@pytest.mark.parametrize("name", USED)
def test_a_used_observation_is_inside_its_range(name):
    row = ROWS[name]
    assert row.low <= values()[name] <= row.high


@pytest.mark.parametrize("name", HELD_OUT)
def test_a_held_out_observation_comes_out_as_recorded(name):
    """Hits and misses both: a change of either has to be looked at."""
    row = ROWS[name]
    assert ("inside" if is_inside(row, values()[name]) else "outside") == row.outcome


@pytest.mark.parametrize("name", [n for n, row in ROWS.items() if row.outcome == "inside"])
def test_a_control_brings_the_observation_out_of_its_range(name):
    row = ROWS[name]
    assert row.control
    assert not is_inside(row, values(control=True)[name])


def test_a_control_changes_what_is_measured():
    """No control passes because it does nothing or because the cell could not be simulated."""
    plain, control = values(), values(control=True)
    lost = [name for name in ROWS if math.isnan(control[name])]
    assert len(lost) < len(ROWS) / 2
    for name in ROWS:
        assert not math.isnan(plain[name]), name
        if name not in lost and ROWS[name].outcome == "inside":
            assert control[name] != pytest.approx(plain[name], rel=1e-3), name


def test_every_feature_of_the_table_can_be_read_and_the_other_way_round():
    assert set(FEATURES) == set(FEATURE_NEEDS)


def test_five_and_more_observations_are_held_out_and_none_is_used_as_well():
    assert len(HELD_OUT) >= 5
    assert not {s for n in USED for s in ROWS[n].source} & {
        s for n in HELD_OUT for s in ROWS[n].source
    }


def test_measuring_follows_the_parameters_it_is_given():
    row = ROWS["arrestin_cxcr4_threshold"]
    weak = measure(
        lambda name: dish(cell_context(name), values={"kd_cxcl12_cxcr4_inactive": 330.0}), [row]
    )
    assert weak[row.id] > 2 * values()[row.id]


def test_ligand_lives_shorter_with_every_step_of_ackr3():
    """The row has one step; the fall is monotone over the whole range of receptor numbers."""
    row = ROWS["clearance_0p5nM"]
    line = cell_context("calibration_line_ackr3")
    left = [
        measure(lambda _, n=number: dish(replace(line, ackr3_per_cell=n)), [row])[row.id]
        for number in (0.0, 3e3, 3e4, 3e5, 1.5e6)
    ]
    assert left[0] > 0.999
    assert all(b < a for a, b in pairwise(left))
