"""Checks on one cell: the dish of a world, what is shared, and that broken cells are noticed."""

from functools import cache

import numpy as np
import pytest

from cxaxis.cell.course import Phase, dish
from cxaxis.claims import route_checks, signalling_checks, trafficking_checks
from cxaxis.claims.breaks import multiplied, without
from cxaxis.claims.cell_experiments import (
    cell_dish,
    course,
    given,
    half_dose_nM,
    lost_share,
    panel,
    peak_rise,
    peak_time_s,
    rested,
    with_inputs,
)
from cxaxis.claims.cell_worlds import held, learned
from cxaxis.claims.check import checks_in, path_models, simulated_model
from cxaxis.claims.context import CheckContext, drawn_world, tabled_world
from cxaxis.claims.judge import holds
from cxaxis.claims.ledger import measured_with_control, shipped_knowledge
from cxaxis.core.errors import ModelValueError
from cxaxis.knowledge.cell_contexts import cell_context
from cxaxis.models.wiring import Wiring
from cxaxis.report.explain import explain
from cxaxis.report.outline import plain_text

KNOWLEDGE = shipped_knowledge()
MODULES = (signalling_checks, trafficking_checks, route_checks)
CHECKS = [item for module in MODULES for item in checks_in(module)]
# Of these the default wiring has no mechanism: its rivals have.
RIVALS = {
    "pairs_change_cxcr4_output",
    "pairs_blunt_gi",
    "pairs_hold_arrestin_without_ligand",
    "pairs_raise_migration",
}
# At the tabled values the effect lies below the smallest that counts.
TOO_SMALL = {
    "jnk_carries_chemotaxis",
    "ackr3_lowers_death",
    "akt_carries_growth",
    "stat3_and_cxcr4_hold_each_other_up",
}
# The model says the opposite of the claim.
OPPOSED = {"ackr3_drives_phospholipase"}
# What stands against the effect is broken, not the effect.
TURNED = {"pairs_raise_migration", "stat3_and_cxcr4_hold_each_other_up"}


@cache
def tabled():
    return CheckContext(knowledge=KNOWLEDGE, world=tabled_world(KNOWLEDGE))


@cache
def drawn(draw=3):
    return CheckContext(knowledge=KNOWLEDGE, world=drawn_world(KNOWLEDGE, draw))


def named(check):
    return next(item for item in CHECKS if item.id == check)


@pytest.mark.parametrize("item", CHECKS, ids=lambda item: item.id)
def test_a_check_holds_at_the_tabled_values_and_fails_when_broken(item):
    expectation = KNOWLEDGE.expectations[item.expectation]
    found, broken = measured_with_control(item, tabled())
    assert holds(found, expectation) is (item.id not in RIVALS | TOO_SMALL | OPPOSED)
    assert holds(broken, expectation) is (item.id in OPPOSED | TURNED)


@pytest.mark.parametrize(
    ("check", "option", "held"),
    [
        ("pairs_blunt_gi", "blunts_gi", True),
        ("pairs_hold_arrestin_without_ligand", "blunts_gi", False),
        ("pairs_change_cxcr4_output", "blunts_gi", True),
        ("pairs_change_cxcr4_output", "drives_arrestin", True),
    ],
)
def test_what_pairs_do_follows_the_rival_mechanism(check, option, held):
    world = tabled().with_wiring(Wiring(heterodimer=option))
    expectation = KNOWLEDGE.expectations[check]
    found, broken = measured_with_control(named(check), world)
    assert holds(found, expectation) is held
    assert holds(broken, expectation) is False


def test_stat3_follows_the_g_protein_where_src_drives_it():
    world = tabled().with_wiring(Wiring(stat3_through_src="on"))
    measured = named("stat3_without_g_protein").measure(world)
    assert measured.value == pytest.approx(0.0, abs=1e-6)


def test_cell_checks_run_in_the_cell_model():
    runs_in = path_models(KNOWLEDGE)
    assert {simulated_model(item) for item in CHECKS} == {"cell"}
    assert runs_in["akt_peaks_in_minutes"] == "cell"
    assert runs_in["signal_needs_cxcr4"] == "patient"


def test_the_tabled_world_is_the_bare_dish():
    plain = dish(cell_context("double")).rest()
    made = cell_dish(tabled(), "double").rest()
    assert dict(made) == pytest.approx(dict(plain), rel=1e-9)


def test_a_drawn_world_sets_the_rival_mechanisms_of_the_cell():
    ctx = drawn()
    made = cell_dish(ctx, "cxcr4_only")
    for name, value in ctx.wiring.switches().items():
        if name in made.model.units:
            assert made.values[name] == value


def test_what_was_held_in_the_calibration_is_not_drawn_and_what_it_never_saw_is():
    made, plain = cell_dish(drawn(), "cxcr4_only"), cell_dish(tabled(), "cxcr4_only")
    assert {"rgs_concentration", "k_pi3k", "medium"} <= held()
    assert held().isdisjoint({"half_dimer_ackr3", "k_silence_bad", "effect_hif1_cxcl12"})
    for name in ("rgs_concentration", "medium"):
        assert made.value_of(name) == plain.value_of(name)
    for name in ("half_dimer_ackr3", "k_silence_bad", "effect_hif1_cxcl12"):
        expected = drawn().theta[name] * made.model.factors[name]
        assert made.value_of(name) == pytest.approx(expected)
        assert made.value_of(name) != plain.value_of(name)


def test_a_calibrated_parameter_is_that_of_the_draw_of_the_posterior():
    made = cell_dish(drawn(), "cxcr4_only")
    known = learned(3)
    for name, value in known.items():
        assert made.value_of(name) == pytest.approx(value * made.model.factors[name])


def test_a_change_multiplies_what_the_world_has_whatever_was_drawn():
    before = cell_dish(drawn(), "cxcr4_only").value_of("k_pi3k")
    after = cell_dish(drawn().scaled(k_pi3k=2.0), "cxcr4_only").value_of("k_pi3k")
    assert after == pytest.approx(2.0 * before)


@pytest.mark.parametrize("context", ["cxcr4_only", "ackr3_only", "double"])
def test_what_is_not_known_of_expression_leaves_receptor_numbers_alone(context):
    for total in ("cxcr4_total", "ackr3_total"):
        expected = rested(tabled(), context, total)
        assert rested(drawn(), context, total) == pytest.approx(expected, rel=0.3, abs=1e-6)


def test_a_changed_parameter_reaches_the_cell_and_leaves_the_world_alone():
    before = peak_rise(panel(tabled(), "cxcr4_only"), "akt_share")
    broken = without("k_pi3k")(tabled())
    assert peak_rise(panel(broken, "cxcr4_only"), "akt_share") == pytest.approx(0.0, abs=1e-6)
    assert peak_rise(panel(tabled(), "cxcr4_only"), "akt_share") == before


def test_a_changed_receptor_number_multiplies_that_of_the_kind_of_cell():
    before = rested(tabled(), "cxcr4_only", "cxcr4_total")
    doubled = multiplied(cxcr4_per_tumour_cell=2.0)(tabled())
    assert rested(doubled, "cxcr4_only", "cxcr4_total") == pytest.approx(2.0 * before, rel=0.05)


def test_an_input_is_set_by_a_control_and_wins_over_the_kind_of_cell():
    toxin = given(pertussis_toxin=1.0)
    assert peak_rise(panel(toxin(tabled()), "cxcr4_only"), "gbg") == pytest.approx(0.0, abs=1e-6)
    assert "pertussis_toxin to 1" in toxin.__doc__
    raised = with_inputs(tabled(), cxcr4_gene=5.0)
    assert rested(raised, "ackr3_only", "cxcr4_total") > 10.0


def test_an_input_of_a_control_is_one_that_the_cell_has():
    with pytest.raises(ModelValueError, match="Did you mean pertussis_toxin"):
        with_inputs(tabled(), pertusis_toxin=1.0)
    with pytest.raises(ModelValueError, match="is a parameter"):
        with_inputs(tabled(), k_pi3k=0.0)


def test_a_panel_is_simulated_once():
    assert panel(tabled(), "cxcr4_only") is panel(tabled(), "cxcr4_only")
    assert panel(tabled(), "cxcr4_only") is not panel(tabled(), "cxcr4_only", forskolin=1.0)


def test_a_course_keeps_the_readings_of_every_phase():
    phases = [Phase(times_s=(0.0, 60.0)), Phase(times_s=(0.0, 60.0), add_nM={"cxcl12": 10.0})]
    found = course(tabled(), "cxcr4_only", phases, ("cxcl12",))
    assert found.of("cxcl12") == pytest.approx([0.0, 0.0, 10.0, 9.8], abs=0.3)


def test_an_absent_answer_has_no_time_share_or_half_dose():
    quiet = panel(tabled(), "cxcr4_only", ligand_nM=0.0)
    assert peak_time_s(quiet, "akt_share", least=0.02) == 0.0
    assert lost_share(0.01, 0.0, least=0.02) == 0.0
    assert lost_share(0.5, 0.125, least=0.02) == 0.75
    assert half_dose_nM((1.0, 10.0), (0.0, 0.01), least=0.02) == 0.0


def test_a_half_dose_of_a_saturating_answer_is_its_constant():
    doses = np.geomspace(0.01, 1e4, 121)
    assert half_dose_nM(doses, doses / (doses + 3.0), least=0.0) == pytest.approx(3.0, rel=0.01)


def test_what_is_known_of_a_wiring_names_the_cell_checks_that_it_enters():
    page = plain_text(explain("heterodimer", knowledge=KNOWLEDGE, judgements={}))
    assert "pairs_blunt_gi" in page
    assert "enters at   dimer_gi_factor" in page
