"""The pathologist's report: rests found by chance, nodes hit by geometry, response and control."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cxaxis.core.errors import ModelValueError
from cxaxis.patient.pathology import (
    SpecimenDraws,
    durable_control,
    examine,
    nodes_examined,
    residual_found,
    section_hit_chance,
    specimen_draws,
)

N = 4000


def report(viable, *, bed=1e9, left=0.0, deposits=((0.0, 0.0),), dissected=True, draws=None):
    """Examine patients with the given viable cells; finds are certain unless draws are given."""
    viable = np.asarray(viable, dtype=float)
    deposit_mm = np.broadcast_to(np.asarray(deposits, dtype=float), (len(viable), 2))
    sure = SpecimenDraws(
        primary=np.full(len(viable), 1e-9),
        nodes=np.zeros((len(viable), 2)),
        examined=np.full(len(viable), 0.5),
    )
    return examine(
        viable_cells=viable,
        bed_cells=np.full(len(viable), bed),
        cells_left=np.broadcast_to(np.asarray(left, dtype=float), viable.shape),
        node_deposit_mm=deposit_mm,
        node_mm=np.maximum(deposit_mm, 5.0),
        dissected=np.full(deposit_mm.shape, dissected),
        draws=draws or sure,
        sampled_share=1e-4,
        node_sections=1,
        examined_nodes=20.0,
        examined_spread=0.35,
    )


def test_cells_are_missed_with_the_chance_of_a_poisson_number_being_zero():
    draw = specimen_draws(range(N), [], seed=1).primary
    for viable in (1e3, 1e4, 5e4):
        found = residual_found(np.full(N, viable), sampled_share=1e-4, draw=draw)
        missed = np.exp(-viable * 1e-4)
        assert 1 - found.mean() == pytest.approx(missed, abs=4 * np.sqrt(missed / N) + 1e-3)


def test_where_there_is_nothing_nothing_is_found():
    draws = specimen_draws(range(50), ["node_1", "node_2"], seed=2)
    seen = report(np.zeros(50), draws=draws)
    assert seen.complete_response.all()
    assert (seen.residual_share == 0).all()
    assert set(seen.regression_grade) == {"1a"}


def test_a_share_of_cells_looked_at_is_a_share():
    for share in (0.0, 1.1, float("nan")):
        with pytest.raises(ModelValueError, match="lies in"):
            residual_found(np.ones(1), sampled_share=share, draw=np.ones(1))


def test_response_can_be_complete_while_clonogens_remain():
    """What was found and what is there differ: a few hundred cells are missed nearly always."""
    draws = specimen_draws(range(N), ["node_1", "node_2"], seed=3)
    seen = report(np.full(N, 300.0), draws=draws)
    assert seen.complete_response.mean() == pytest.approx(np.exp(-0.03), abs=0.012)
    assert not durable_control(np.ones(N), {}).any()


def test_regression_is_graded_by_the_viable_share_of_the_former_bed():
    seen = report([0.0, 9e7, 1e8, 4e8, 6e8], bed=1e9)
    assert seen.regression_grade.tolist() == ["1a", "1b", "2", "2", "3"]
    assert seen.major_response.tolist() == [True, True, True, False, False]
    assert seen.yp_t0.tolist() == [True, False, False, False, False]


def test_a_positive_node_spoils_complete_response_and_counts_towards_yp_n():
    seen = report([0.0, 0.0], deposits=(8.0, 0.0))
    assert seen.yp_t0.all()
    assert not seen.complete_response.any()
    assert seen.positive_nodes.tolist() == [1, 1]
    assert seen.yp_n.tolist() == [1, 1]


def test_a_node_left_behind_is_not_seen():
    seen = report([0.0], deposits=(8.0, 8.0), dissected=False)
    assert seen.complete_response.all()


def test_cells_left_at_the_margin_are_r1():
    seen = report([1e8, 1e8], left=[0.0, 1e4])
    assert seen.margin.tolist() == ["R0", "R1"]


@given(deposit=st.floats(0, 30), rest=st.floats(0.1, 20), sections=st.integers(1, 50))
def test_the_chance_of_a_section_to_meet_a_deposit_is_a_chance_and_grows(deposit, rest, sections):
    few = section_hit_chance(np.array([deposit]), deposit + rest, sections=sections)[0]
    more = section_hit_chance(np.array([deposit]), deposit + rest, sections=sections + 1)[0]
    assert 0.0 <= few <= more <= 1.0


def test_one_section_meets_half_of_the_deposits_half_as_thick_as_their_node():
    draws = specimen_draws(range(N), ["node_1", "node_2"], seed=4)
    seen = report(np.zeros(N), deposits=(2.5, 0.0), draws=draws)
    assert seen.positive_nodes.mean() == pytest.approx(0.5, abs=0.035)
    with pytest.raises(ModelValueError, match="at least one section"):
        section_hit_chance(np.ones(1), 5.0, sections=0.5)


def test_specimens_hold_about_the_stated_number_of_nodes():
    draw = specimen_draws(range(N), [], seed=5).examined
    held = nodes_examined(draw, mean=20.0, spread=0.35)
    assert np.median(held) == pytest.approx(20, abs=1)
    assert np.log(held).std() == pytest.approx(0.35, rel=0.06)
    assert held.min() >= 1
    assert nodes_examined(np.array([0.0]), mean=20.0, spread=0.35)[0] >= 1


def test_draws_belong_to_the_patient_and_the_node():
    both = specimen_draws([5, 6], ["node_1", "node_2"], seed=1)
    alone = specimen_draws([6], ["node_2"], seed=1)
    assert alone.nodes[0, 0] == both.nodes[1, 1]
    assert (alone.primary[0], alone.examined[0]) == (both.primary[1], both.examined[1])


def test_control_needs_every_clonogen_gone():
    primary = np.array([0.0, 0.0, 1.0])
    deposits = {"node_1": np.array([0.0, 1.0, 0.0]), "liver_1": np.zeros(3)}
    assert durable_control(primary, deposits).tolist() == [True, False, False]
