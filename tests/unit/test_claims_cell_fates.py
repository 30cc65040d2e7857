"""Checks on expression and fates of one cell: each holds or not as known, and fails if broken."""

from functools import cache

import numpy as np
import pytest

from cxaxis.claims import expression_checks, fate_checks, microrna_checks
from cxaxis.claims.breaks import without
from cxaxis.claims.check import checks_in, simulated_model
from cxaxis.claims.context import CheckContext, tabled_world
from cxaxis.claims.expression_checks import fold, set_to, without_nuclear_loop
from cxaxis.claims.fate_checks import COLONY_CELLS, COLONY_S, colony_share
from cxaxis.claims.judge import holds
from cxaxis.claims.ledger import measured_with_control, shipped_knowledge
from cxaxis.models.wiring import Wiring

KNOWLEDGE = shipped_knowledge()
MODULES = (expression_checks, microrna_checks, fate_checks)
CHECKS = [item for module in MODULES for item in checks_in(module)]
# Of these the default wiring has no mechanism: its rivals have.
RIVALS = {
    "tgf_beta_lowers_stromal_cxcl12",
    "nuclear_cxcr4_raises_itself",
    "chloroquine_lowers_stemness",
}
# At the tabled values the effect lies below the smallest that counts.
TOO_SMALL = {
    "mmp10_raises_growth_vessels_and_invasion",
    "cells_without_own_cxcl12_keep_direction",
    "knock_down_lowers_invasion",
    "macrophage_cytokine_needs_cxcr4",
    "mir9_lowers_the_effect_of_an_antagonist",
}
# What stands against the effect is broken, not the effect.
TURNED = {"cells_without_own_cxcl12_keep_direction", "macrophage_cytokine_needs_cxcr4"}


@cache
def tabled():
    return CheckContext(knowledge=KNOWLEDGE, world=tabled_world(KNOWLEDGE))


def named(check):
    return next(item for item in CHECKS if item.id == check)


@pytest.mark.parametrize("item", CHECKS, ids=lambda item: item.id)
def test_a_check_holds_at_the_tabled_values_and_fails_when_broken(item):
    expectation = KNOWLEDGE.expectations[item.expectation]
    found, broken = measured_with_control(item, tabled())
    assert holds(found, expectation) is (item.id not in RIVALS | TOO_SMALL)
    assert holds(broken, expectation) is (item.id in TURNED)


@pytest.mark.parametrize(
    ("check", "rival", "option", "held"),
    [
        ("tgf_beta_raises_cxcr4", "tgf_beta", "stromal_cxcl12_down", False),
        ("tgf_beta_lowers_stromal_cxcl12", "tgf_beta", "stromal_cxcl12_down", True),
        ("nuclear_cxcr4_raises_itself", "nuclear_cxcr4_loop", "on", True),
        ("chloroquine_lowers_stemness", "chloroquine_stat3", "on", True),
        ("hypoxic_rise_needs_hif1_and_its_element", "message_stabilised", "on", False),
    ],
)
def test_a_rival_mechanism_decides(check, rival, option, held):
    world = tabled().with_wiring(Wiring(**{rival: option}))
    found, broken = measured_with_control(named(check), world)
    expectation = KNOWLEDGE.expectations[check]
    assert holds(found, expectation) is held
    assert holds(broken, expectation) is False


def test_every_check_runs_in_the_cell_model():
    assert {simulated_model(item) for item in CHECKS} == {"cell"}


def test_a_fold_is_relative_to_the_reference_settings():
    once = fold(tabled(), "cxcl12_secretion", {"mimic_mir101": 10.0})
    back = fold(tabled(), "cxcl12_secretion", {}, {"mimic_mir101": 10.0})
    assert once < 0.8
    assert once * back == pytest.approx(1.0)


def test_a_control_sets_a_parameter_to_a_value():
    broken = set_to(methylated_expression_cxcl12=1.0)
    assert broken(tabled()).theta["methylated_expression_cxcl12"] == 1.0
    assert "methylated_expression_cxcl12 to 1" in broken.__doc__


def test_the_nuclear_loop_is_cut_in_any_wiring():
    world = tabled().with_wiring(Wiring(nuclear_cxcr4_loop="on", tgf_beta="stromal_cxcl12_down"))
    assert without_nuclear_loop(world).wiring == Wiring(tgf_beta="stromal_cxcl12_down")


def test_colonies_without_death_follow_the_law_of_pure_birth():
    birth = 0.03 / 3600.0
    expected = (1.0 - np.exp(-birth * COLONY_S)) ** (COLONY_CELLS - 1)
    assert colony_share(birth, 0.0) == pytest.approx(expected)


def test_colonies_of_a_fast_line_are_as_many_as_lines_that_do_not_die_out():
    assert colony_share(1e-4, 2e-5) == pytest.approx(1.0 - 0.2, rel=1e-6)
    assert colony_share(1e-5, 2e-6) < colony_share(2e-5, 2e-6)


def test_cells_are_not_enriched_by_a_fate_that_does_not_hear_cxcr4():
    deaf = without(*fate_checks.INVASION_ROUTES)(tabled())
    value = named("invading_cells_carry_more_cxcr4").measure(deaf).value
    assert value == pytest.approx(1.0, abs=0.01)
