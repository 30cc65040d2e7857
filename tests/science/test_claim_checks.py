"""Simulation checks at the tabled values: what each measures, and that breaking it is noticed."""

from functools import cache

import pytest

from cxaxis.claims import mobilisation_checks, receptor_checks, tumour_checks
from cxaxis.claims.check import checks_in
from cxaxis.claims.context import CheckContext, drawn_world, tabled_world
from cxaxis.claims.experiments import untreated
from cxaxis.claims.judge import holds
from cxaxis.claims.ledger import shipped_knowledge
from cxaxis.models.wiring import Wiring

CHECKS = [
    item
    for module in (receptor_checks, mobilisation_checks, tumour_checks)
    for item in checks_in(module)
]
# At the tabled values the effect lies below the smallest that counts.
TOO_SMALL = {"spread_with_silenced_tumour_cxcl12"}


@cache
def tabled():
    knowledge = shipped_knowledge()
    return CheckContext(knowledge=knowledge, world=tabled_world(knowledge))


@pytest.mark.parametrize("item", CHECKS, ids=lambda item: item.id)
def test_a_check_holds_at_the_tabled_values_and_fails_when_broken(item):
    expectation = tabled().knowledge.expectations[item.expectation]
    assert holds(item.measure(tabled()), expectation) is (item.id not in TOO_SMALL)
    assert holds(item.measure(item.control(tabled())), expectation) is False


def test_a_knock_out_leaves_no_signal_and_no_bound_receptor():
    course = untreated(tabled().changed(cxcr4_per_tumour_cell=0.0))
    assert course.signal == pytest.approx(0.0, abs=1e-12)
    assert course.bound_cxcr4_nM == pytest.approx(0.0, abs=1e-12)


def test_a_change_leaves_the_context_it_came_from_alone():
    before = untreated(tabled()).signal
    untreated(tabled().scaled(cxcr4_per_tumour_cell=2.0))
    assert untreated(tabled()).signal == before


def test_the_untreated_course_does_not_depend_on_what_displaced_ligand_does():
    other = tabled().with_wiring(Wiring(ackr3_survival="on"))
    assert untreated(other).days == pytest.approx(untreated(tabled()).days, rel=1e-9)
    assert untreated(other).growth_drive == pytest.approx(untreated(tabled()).growth_drive)


def test_a_drawn_world_is_the_same_every_time_and_differs_from_the_next():
    knowledge = shipped_knowledge()
    assert drawn_world(knowledge, 3) == drawn_world(knowledge, 3)
    assert drawn_world(knowledge, 3).theta != drawn_world(knowledge, 4).theta
