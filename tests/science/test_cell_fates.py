"""What a cell does with its signals: directions, limits, order and knock-outs.

Sizes are tested only where one is known; whatever is said of a direction must hold with the
receptor half or twice as ready to be active and to turn over G protein.
"""

from functools import cache

import numpy as np
import pytest

from cxaxis.cell.course import Phase, dish, run_phases
from cxaxis.core.units import conversion_factor
from cxaxis.knowledge.cell_contexts import cell_context
from cxaxis.models.build import build
from cxaxis.models.wiring import Wiring

MINUTE, HOUR, DAY = 60.0, 3600.0, 86400.0
OUTPUTS = (
    *("birth_rate", "death_rate", "migration_speed", "chemotactic_bias", "invasion"),
    *("stemness", "vegf_secretion", "foxm1", "chemosensitivity", "akt_share", "quiet_akt_share"),
    *("compass_open", "heading"),
)
KNOCK_DOWN = 0.2
# Eca109 carries 25 times the CXCR4 of a normal cell.
FORCED = 25.0
GRADIENT = 0.1
UPSTREAM = {
    "as tabled": {},
    "quieter receptor": {"cxcr4_basal_equilibrium": 0.5},
    "busier receptor": {"cxcr4_basal_equilibrium": 2.0},
    "weaker coupling": {"k_activate_gi": 0.5},
    "stronger coupling": {"k_activate_gi": 2.0},
}
upstream = pytest.mark.parametrize("factors", UPSTREAM.values(), ids=UPSTREAM)


@cache
def wells(context, wiring, changes):
    plain = dish(cell_context(context), wiring=wiring)
    gene = {"cxcr4_gene", "cxcl12_gene", "ackr3_gene"}
    given = {k: v * plain.values[k] if k in gene else v for k, v in changes}
    return plain.changed(**given)


def well(context="eca109", *, wiring=None, factors=None, **changes):
    """Cells of one kind; a gene is given as a multiple of its level in that kind."""
    cells = wells(context, wiring or Wiring(), tuple(sorted(changes.items())))
    return cells.scaled(**factors) if factors else cells


def fate(cells, name, *, hours=(1.0,), **phase):
    """One output at the hours after the start of a phase."""
    times = tuple(h * HOUR for h in hours)
    return run_phases(cells, [Phase(times_s=times, **phase)], OUTPUTS).of(name)


def at_rest(cells, name):
    return fate(cells, name)[0]


def ligand(nM=12.0, **settings):
    return {"add_nM": {"cxcl12": nM}, "settings": {"cxcl12_gradient": GRADIENT, **settings}}


EARLY = (0.1, 0.25, 0.5, 1.0)


def early(cells, name, **phase):
    """Mean over the first hour."""
    return fate(cells, name, hours=EARLY, **phase).mean()


@cache
def drift(context, doses=(0.01, 0.1, 1.0, 3.0, 10.0, 30.0, 100.0, 300.0, 3000.0), **changes):
    """Speed times bias (um/h), mean over two hours, in gradients around each dose."""
    cells = well(context, **changes)
    found = []
    for dose in doses:
        hours = tuple(np.arange(1, 13) / 6)
        both = run_phases(
            cells,
            [Phase(times_s=tuple(h * HOUR for h in hours), **ligand(dose))],
            ("migration_speed", "chemotactic_bias"),
        )
        found.append((both.of("migration_speed") * both.of("chemotactic_bias")).mean())
    return np.array(doses), np.array(found) * 1e6 * HOUR


# ---- Division and death.


def test_a_quiet_cell_has_the_tabled_rates():
    """No CXCR4 and no ACKR3: nothing is added to the quiet cell but its own AKT."""
    quiet = well("eca109", cxcr4_gene=0.0, ackr3_gene=0.0)
    assert at_rest(quiet, "birth_rate") == pytest.approx(quiet.value_of("k_divide_quiet"), rel=0.01)
    assert at_rest(quiet, "death_rate") == pytest.approx(quiet.value_of("k_die_quiet"), rel=0.01)
    assert at_rest(quiet, "foxm1") == pytest.approx(1.0, abs=0.01)
    assert at_rest(quiet, "chemosensitivity") == pytest.approx(1.0, abs=0.01)
    assert at_rest(quiet, "akt_share") == pytest.approx(at_rest(quiet, "quiet_akt_share"), rel=1e-3)
    odds = quiet.value_of("stemness_odds_quiet")
    assert at_rest(quiet, "stemness") == pytest.approx(odds / (1 + odds), rel=0.02)


def test_the_reference_cell_doubles_within_the_range_of_escc_lines():
    """TIS055: 13.7 to 75.5 h over 21 lines."""
    cells = well("tumour_cell")
    growth = at_rest(cells, "birth_rate") - at_rest(cells, "death_rate")
    assert 13.7 < np.log(2) / growth / HOUR < 75.5


@upstream
def test_silencing_cxcr4_slows_division_and_speeds_death(factors):
    control = well(factors=factors)
    silenced = well(cxcr4_gene=KNOCK_DOWN, factors=factors)
    assert at_rest(silenced, "birth_rate") < 0.97 * at_rest(control, "birth_rate")
    assert at_rest(silenced, "death_rate") > at_rest(control, "death_rate")
    assert at_rest(silenced, "vegf_secretion") < at_rest(control, "vegf_secretion")
    assert at_rest(silenced, "stemness") < at_rest(control, "stemness")
    # Control: a cell whose division hears none of the three routes.
    deaf = {"effect_erk_birth": 0.0, "effect_akt_birth": 0.0, "effect_stat3_birth": 0.0}
    assert at_rest(control.changed(**deaf), "birth_rate") == pytest.approx(
        at_rest(silenced.changed(**deaf), "birth_rate")
    )


@upstream
def test_forced_cxcr4_speeds_division_of_normal_cells(factors):
    plain = at_rest(well("normal_oesophageal", factors=factors), "birth_rate")
    forced = at_rest(well("normal_oesophageal", cxcr4_gene=FORCED, factors=factors), "birth_rate")
    assert forced > 1.03 * plain


@upstream
def test_added_cxcl12_speeds_division_only_where_cxcr4_is(factors):
    cells = well(factors=factors)
    assert early(cells, "birth_rate", **ligand()) > 1.1 * at_rest(cells, "birth_rate")
    bare = well(cxcr4_gene=0.0, ackr3_gene=0.0, factors=factors)
    assert early(bare, "birth_rate", **ligand()) == pytest.approx(
        at_rest(bare, "birth_rate"), rel=1e-3
    )


@upstream
@pytest.mark.parametrize(
    "inhibitor", ["mek_inhibition", "akt_inhibition", "jak_inhibition", "src_inhibition"]
)
def test_each_growth_route_can_be_blocked(inhibitor, factors):
    """Under the inhibitor ligand adds less to division than without it."""
    control = well(factors=factors)
    blocked = well(**{inhibitor: 1.0}, factors=factors)
    gain = early(control, "birth_rate", **ligand()) - at_rest(control, "birth_rate")
    left = early(blocked, "birth_rate", **ligand()) - at_rest(blocked, "birth_rate")
    assert 0 <= left < 0.95 * gain
    assert at_rest(blocked, "birth_rate") < at_rest(control, "birth_rate")


def test_all_routes_blocked_leave_ligand_nothing_to_add():
    every = well(mek_inhibition=1.0, akt_inhibition=1.0, jak_inhibition=1.0)
    assert early(every, "birth_rate", **ligand()) == pytest.approx(
        at_rest(every, "birth_rate"), rel=1e-3
    )


@upstream
def test_a_drug_on_cxcr4_takes_what_ligand_adds_and_an_inverse_agonist_more(factors):
    cells = well(factors=factors)
    dose = {"cxcl12": 12.0}
    gain = early(cells, "birth_rate", add_nM=dose) - at_rest(cells, "birth_rate")
    blocked = early(cells, "birth_rate", add_nM=dose | {"antagonist": 1000.0})
    assert blocked - at_rest(cells, "birth_rate") < 0.5 * gain
    inverse = cells.changed(drug_shape_preference=0.0)
    day = fate(inverse, "birth_rate", hours=(24.0,), add_nM={"antagonist": 1000.0})[0]
    assert day < 0.97 * at_rest(cells, "birth_rate")


def test_bad_carries_the_survival_signal():
    cells = well()
    assert early(cells, "death_rate", **ligand()) < at_rest(cells, "death_rate")
    freed = cells.changed(bad_part_of_death=0.0)
    assert early(freed, "death_rate", **ligand()) == pytest.approx(at_rest(freed, "death_rate"))


def test_ackr3_alone_protects_a_cell_more_where_that_wiring_is_on():
    off = at_rest(well("ackr3_only"), "death_rate")
    on = at_rest(well("ackr3_only", wiring=Wiring(ackr3_survival="on")), "death_rate")
    assert on < off < at_rest(well("ackr3_only", ackr3_gene=0.0), "death_rate")


# ---- Movement and direction.


@pytest.mark.parametrize("context", ["eca109", "tumour_cell", "cxcr4_only"])
def test_chemotaxis_has_its_best_ligand_concentration_between_1_and_100_nM(context):
    """TIS031: 12 nM, 1 to 100; both arms of the bell fall below half."""
    doses, speed = drift(context)
    place = int(speed.argmax())
    assert 1.0 <= doses[place] <= 100.0
    assert max(speed[0], speed[-1]) < 0.5 * speed[place]
    assert (np.diff(speed[: place + 1]) > 0).all()
    assert (np.diff(speed[place:]) < 0).all()


@upstream
def test_the_bell_stays_inside_when_the_receptor_is_readier_or_less_ready(factors):
    cells = well(factors=factors, cxcl12_gradient=GRADIENT)
    biases = [
        early(cells, "chemotactic_bias", add_nM={"cxcl12": dose})
        for dose in (0.01, 0.1, 1.0, 10.0, 100.0, 1000.0, 10000.0)
    ]
    assert 1 <= int(np.argmax(biases)) <= 5
    assert max(biases[0], biases[-1]) < 0.5 * max(biases)


def test_chemotaxis_is_lost_without_receptor_gradient_or_gi():
    normal = drift("eca109")[1].max()
    assert normal > 0.5
    assert np.abs(drift("eca109", cxcr4_gene=0.0)[1]).max() < 1e-3 * normal
    assert np.abs(drift("ackr3_only")[1]).max() < 1e-3 * normal
    assert np.abs(drift("eca109", pertussis_toxin=1.0)[1]).max() < 1e-3 * normal
    level = {"add_nM": {"cxcl12": 12.0}}
    assert (fate(well(), "chemotactic_bias", hours=EARLY, **level) == 0).all()


def test_a_steeper_gradient_and_more_receptors_point_better_and_never_beyond_one():
    headings = [
        early(well(cxcl12_gradient=g), "heading", add_nM={"cxcl12": 12.0})
        for g in (0.01, 0.1, 1.0, 2.0)
    ]
    assert (np.diff(headings) > 0).all()
    assert headings[-1] < 1.0
    # A shallow gradient is read in proportion, a steep one is not.
    assert headings[1] == pytest.approx(10 * headings[0], rel=0.3)
    assert headings[2] < 9 * headings[1]
    few = early(well(cxcr4_gene=0.2), "heading", **ligand())
    assert few < 0.7 * early(well(), "heading", **ligand())


def test_a_gradient_the_other_way_turns_the_cell_round():
    up = fate(well(), "chemotactic_bias", hours=EARLY, **ligand())
    down = fate(well(), "chemotactic_bias", hours=EARLY, **ligand(cxcl12_gradient=-GRADIENT))
    assert down == pytest.approx(-up)


def test_a_carcinoma_cell_in_its_best_gradient_keeps_to_the_index_seen():
    """TIS037: 0.05 to 0.4."""
    best = max(early(well(), "chemotactic_bias", **ligand(dose)) for dose in (3.0, 10.0, 30.0))
    assert 0.05 <= best <= 0.4


def test_a_drug_on_cxcr4_takes_the_direction_away():
    free = early(well(), "chemotactic_bias", **ligand())
    held = ligand()["settings"]
    dose = {"cxcl12": 12.0, "antagonist": 1000.0}
    blocked = early(well(), "chemotactic_bias", add_nM=dose, settings=held)
    assert blocked < 0.5 * free


@upstream
def test_ligand_speeds_cells_through_gi(factors):
    cells = well("cxcr4_only", factors=factors)
    rest = at_rest(cells, "migration_speed")
    assert early(cells, "migration_speed", **ligand()) > 1.2 * rest
    toxin = well("cxcr4_only", pertussis_toxin=1.0, factors=factors)
    assert early(toxin, "migration_speed", **ligand()) == pytest.approx(
        at_rest(toxin, "migration_speed"), rel=0.02
    )


@upstream
@pytest.mark.parametrize(
    "inhibitor", ["mek_inhibition", "jnk_inhibition", "akt_inhibition", "src_inhibition"]
)
def test_each_kinase_gives_a_part_of_movement_and_invasion(inhibitor, factors):
    control = well("cxcr4_only", factors=factors)
    blocked = well("cxcr4_only", **{inhibitor: 1.0}, factors=factors)
    for name in ("migration_speed", "invasion"):
        gain = early(control, name, **ligand()) - at_rest(control, name)
        left = early(blocked, name, **ligand()) - at_rest(blocked, name)
        assert 0 < left < 0.9 * gain, name


def test_jak_is_not_needed_to_move():
    """MOL509: no part of JAK2/STAT3 in movement towards CXCL12; catenin is too slow to matter."""
    free = early(well("cxcr4_only"), "migration_speed", **ligand())
    blocked = early(well("cxcr4_only", jak_inhibition=1.0), "migration_speed", **ligand())
    assert blocked == pytest.approx(free, rel=0.05)


def test_speed_lies_in_the_range_of_carcinoma_cells():
    """TIS036, TIS035: 0.1 to 1.0 um/min; the model's own unit is the metre per second."""
    cells = well()
    factor = conversion_factor(cells.model.units["migration_speed"], "um/minute")
    for speed in (at_rest(cells, "migration_speed"), early(cells, "migration_speed", **ligand())):
        assert 0.1 <= speed * factor <= 1.0


def test_invasion_needs_autophagy_in_part_and_opens_with_mmp10():
    cells = well()
    plain = at_rest(cells, "invasion")
    stopped = fate(cells, "invasion", hours=(1.0,), settings={"chloroquine": 1.0})[0]
    assert 0 < stopped < 0.8 * plain
    assert at_rest(well(mmp10_gene=2.0), "invasion") > 1.2 * plain


# ---- Stemness, VEGF, FOXM1.


@upstream
def test_stemness_follows_stat3_within_a_day(factors):
    cells = well(factors=factors)
    held = cells.changed(k_loss_cxcl12=0.0)
    after = fate(held, "stemness", hours=(1.0, 6.0), **ligand(30.0))
    assert at_rest(cells, "stemness") < after[0] < after[1]
    blocked = fate(held, "stemness", hours=(48.0,), settings={"jak_inhibition": 1.0})[0]
    assert blocked < at_rest(cells, "stemness")


def test_chloroquine_lowers_stemness_where_it_reaches_stat3():
    on, off = Wiring(chloroquine_stat3="on"), Wiring()
    for wiring, low, high in ((on, 0.0, 0.97), (off, 0.999, 1.001)):
        cells = well(wiring=wiring)
        treated = fate(cells, "stemness", hours=(72.0,), settings={"chloroquine": 1.0})[0]
        assert low < treated / at_rest(cells, "stemness") < high


def test_low_oxygen_raises_vegf_through_hif1():
    """MOL514: VEGF rises under 1 % oxygen."""
    low = {"settings": {"oxygen": 9300.0}}
    cells = well("eca109", cxcr4_gene=0.0)
    day = fate(cells, "vegf_secretion", hours=(24.0,), **low)[0]
    assert day > 1.5 * at_rest(cells, "vegf_secretion")
    without = well("eca109", cxcr4_gene=0.0, hif1a_gene=0.0)
    assert fate(without, "vegf_secretion", hours=(24.0,), **low)[0] == pytest.approx(
        at_rest(without, "vegf_secretion"), rel=0.01
    )


def test_vegf_is_secreted_at_a_molecule_in_ten_seconds_or_so():
    """MOL513: 0.007 to 0.1 molecules a second, more in most cultures."""
    cells = well()
    per_second = at_rest(cells, "vegf_secretion") * cells.value_of("cell_volume") * 6.022e14
    assert 0.007 < per_second < 1.0


@upstream
def test_the_axis_raises_foxm1_through_akt_and_lowers_chemosensitivity(factors):
    cells = well(factors=factors)
    rest = at_rest(cells, "foxm1")
    assert fate(cells, "foxm1", hours=(3.0,), **ligand())[0] > 1.03 * rest
    blocked = well(akt_inhibition=1.0, factors=factors)
    assert fate(blocked, "foxm1", hours=(3.0,), **ligand())[0] < rest
    assert at_rest(blocked, "chemosensitivity") > at_rest(cells, "chemosensitivity")
    silenced = well(cxcr4_gene=KNOCK_DOWN, factors=factors)
    assert at_rest(silenced, "chemosensitivity") > at_rest(cells, "chemosensitivity")


def test_foxm1_takes_hours():
    after = fate(well(), "foxm1", hours=(0.05, 3.0), **ligand())
    rest = at_rest(well(), "foxm1")
    assert after[0] - rest < 0.2 * (after[1] - rest)


def test_a_cytotoxic_drug_kills_by_its_share_and_less_where_foxm1_is_up():
    cells = well()
    none, half, full = (
        fate(cells, "death_rate", settings={"cytotoxic": share})[0] for share in (0.0, 0.5, 1.0)
    )
    assert full - none == pytest.approx(2 * (half - none))
    pten_lost = well(pten_activity=0.0)
    assert at_rest(pten_lost, "foxm1") > at_rest(cells, "foxm1")
    drug = {"settings": {"cytotoxic": 1.0}}
    killed = fate(pten_lost, "death_rate", **drug)[0] - at_rest(pten_lost, "death_rate")
    assert killed < full - none
    # Control: with FOXM1 out of the way all are killed alike.
    even = pten_lost.changed(half_foxm1_resistance=1e9)
    freed = fate(even, "death_rate", **drug)[0] - at_rest(even, "death_rate")
    assert freed == pytest.approx(cells.value_of("k_die_cytotoxic"), rel=1e-6)


@pytest.mark.parametrize("context", ["ackr3_only", "calibration_line", "normal_oesophageal"])
def test_fates_are_finite_and_within_their_bounds_in_every_corner(context):
    for changes in ({}, {"cxcr4_gene": 0.0}, {"pten_activity": 0.0}, {"oxygen": 0.0}):
        cells = well(context, **changes)
        found = run_phases(
            cells,
            [Phase(times_s=(MINUTE, HOUR, 2 * DAY), **ligand(1000.0, cxcl12_gradient=1.0))],
            OUTPUTS,
        )
        for name in OUTPUTS:
            assert np.isfinite(found.of(name)).all(), (name, changes)
        for name in ("birth_rate", "death_rate", "migration_speed", "vegf_secretion", "foxm1"):
            assert (found.of(name) > 0).all(), (name, changes)
        for name in ("stemness", "compass_open"):
            assert ((found.of(name) >= 0) & (found.of(name) <= 1)).all(), (name, changes)
        assert (np.abs(found.of("chemotactic_bias")) <= 1).all()


def test_the_fates_act_on_nothing_upstream():
    """They are read-outs: no state of the cell changes with any of their constants."""
    cells = well()
    moved = cells.scaled(effect_migration=3.0, k_divide_quiet=3.0, effect_akt_foxm1=3.0)
    states = [name for name in build("cell").states if name not in ("foxm1", "stemness")]
    for name in states:
        assert moved.rest()[name] == pytest.approx(cells.rest()[name], rel=1e-4, abs=1e-16), name
