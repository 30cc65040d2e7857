"""What sets how much CXCR4, CXCL12 and ACKR3 a cell makes: three groups of causes, and loops."""

from functools import cache

import numpy as np
import pytest

from cxaxis.engine.protocol import Tolerances
from cxaxis.knowledge.evidence import load_evidence
from cxaxis.models.build import build
from science_support import in_model_units, parameters_with, run, table

MODEL = build("cell_expression_bench", parameters_with())
EVIDENCE = load_evidence()
HOUR = 3600.0
# A cell holds 1e-14 nmol of a message: the absolute tolerance is in those amounts.
CELL_SIZED = Tolerances(relative=1e-9, absolute=1e-24)
CELL_VOLUME = in_model_units(MODEL, "cell_volume")
ITEMS_PER_NM = 6.02214076e14 * CELL_VOLUME

AIR = in_model_units(MODEL, "oxygen")
ONE_PERCENT = 9.3e3
# Dissolved oxygen, nM, for each per cent in the gas.
PER_PERCENT = 9.3e3

GENES = ("cxcr4_synthesis", "cxcl12_secretion", "ackr3_synthesis")
GROUPS = {
    "epigenetic": ("epigenetic_cxcr4", "epigenetic_cxcl12"),
    "transcriptional": ("transcriptional_cxcr4", "transcriptional_cxcl12"),
    "post_transcriptional": (
        "post_transcriptional_cxcr4",
        "post_transcriptional_cxcl12",
        "post_transcriptional_cxcl12_beta",
        "post_transcriptional_ackr3",
    ),
}
OUTPUTS = (
    *GENES,
    *(name for names in GROUPS.values() for name in names),
    *("hif1a", "hre_occupancy", "loss_hif1a", "nfkb_nuclear", "macrophage_cytokine"),
    *("cxcr4_message", "cxcl12_alpha_secretion", "cxcl12_beta_secretion", "cxcr4_held"),
    *("mmp10", "methyl_marks", "fgfr2", "cxcr4_driver_share", "cxcr4_nuclear"),
    *("mir622_active", "mir370_active"),
)


def at_rest(**settings):
    """Outputs after 60 days at constant settings, by name, one value per cell."""
    result = run(
        MODEL, table(**settings or {"vegf": 0.0}), [60 * 24 * HOUR], OUTPUTS, tolerances=CELL_SIZED
    )
    return {name: result.of(name)[:, 0] for name in OUTPUTS}


@cache
def states_of(settings):
    """States of one cell at rest, as starting values (species as amounts)."""
    values = run(
        MODEL, table(**dict(settings)), [60 * 24 * HOUR], MODEL.states, tolerances=CELL_SIZED
    ).values[0, 0]
    return {
        name: value * (CELL_VOLUME if name in MODEL.species else 1.0)
        for name, value in zip(MODEL.states, values, strict=True)
    }


def step(hours, before, after, outputs=OUTPUTS):
    """Time courses of a cell at rest under `before` that meets `after` at time 0."""
    start = states_of(tuple(sorted({"vegf": 0.0, **before}.items())))
    result = run(
        MODEL,
        table(**start, **{**before, **after}),
        np.asarray(hours) * HOUR,
        outputs,
        tolerances=CELL_SIZED,
    )
    return {name: result.of(name)[0] for name in outputs}


def folds(change, reference=None):
    """Fold of each gene's product at rest on a change of settings."""
    base, now = at_rest(**(reference or {})), at_rest(**{**(reference or {}), **change})
    return {name: (now[name] / base[name]).item() for name in GENES}


REST = at_rest()


# ---- The reference cell


def test_the_reference_cell_holds_its_receptors_and_secretes_its_ligand():
    assert REST["cxcr4_held"] * ITEMS_PER_NM == pytest.approx([2e4], rel=0.05)
    assert REST["cxcl12_secretion"] * ITEMS_PER_NM == pytest.approx([0.4], rel=0.05)
    assert REST["ackr3_synthesis"] * ITEMS_PER_NM == pytest.approx(
        [3000 * np.log(2) / (12 * HOUR)], rel=0.05
    )
    assert 1 < (REST["cxcr4_message"] * ITEMS_PER_NM).item() < 100


def test_a_cell_starts_at_rest():
    course = step([0.0, 1.0, 100.0], {}, {})
    for name in (*GENES, "hif1a", "mmp10", "fgfr2"):
        assert course[name] == pytest.approx(np.full(3, course[name][0]), rel=1e-6), name
    fresh = run(MODEL, table(vegf=0.0), [0.0], [*GENES, "hif1a"], tolerances=CELL_SIZED)
    for name in (*GENES, "hif1a"):
        assert fresh.of(name)[0] == pytest.approx(REST[name], rel=1e-6), name


@pytest.mark.parametrize("gene", ["cxcr4", "cxcl12", "ackr3"])
def test_without_the_gene_there_is_no_product_and_the_others_stay(gene):
    gone = at_rest(**{f"{gene}_gene": 0.0})
    for name in GENES:
        if name.startswith(gene):
            assert abs(gone[name].item()) < 1e-12 * REST[name].item()
        else:
            assert gone[name] == pytest.approx(REST[name], rel=1e-9)


def test_a_message_decays_with_its_half_life_when_transcription_stops():
    decay = in_model_units(MODEL, "k_decay_cxcr4_message") / REST["post_transcriptional_cxcr4"]
    hours = np.array([0.0, 1.0, 2.0, 8.0])
    found = step(hours, {}, {"cxcr4_gene": 0.0})["cxcr4_message"]
    assert found / found[0] == pytest.approx(np.exp(-decay * hours * HOUR), rel=1e-5)
    assert 1.0 < (np.log(2) / decay / HOUR).item() < 4.0


# ---- Oxygen and HIF-1


def test_low_oxygen_raises_cxcr4_as_measured_and_the_element_is_needed():
    """1 % O2 for 24 h: 1.5 to 8-fold message (MOL147)."""
    row = EVIDENCE["MOL147"]
    low, high = float(row.low), float(row.high)
    course = step([0.0, 24.0], {}, {"oxygen": ONE_PERCENT})
    for name in ("cxcr4_message", "cxcr4_held"):
        assert low < course[name][1] / course[name][0] < high, name
    mutant = step([0.0, 24.0], {"hre_mutation_cxcr4": 1.0}, {"oxygen": ONE_PERCENT})
    for name in ("cxcr4_message", "cxcr4_held"):
        assert mutant[name][1] / mutant[name][0] == pytest.approx(1.0, abs=1e-6), name
    assert mutant["hif1a"][1] / mutant["hif1a"][0] > 3


def test_without_hif1a_low_oxygen_does_nothing_to_cxcr4():
    """Predicted: MOL152 is held out."""
    assert EVIDENCE["MOL152"].role == "held_out"
    silenced = step([0.0, 24.0], {"hif1a_gene": 0.0}, {"oxygen": ONE_PERCENT})
    assert silenced["cxcr4_message"][1] / silenced["cxcr4_message"][0] == pytest.approx(1, abs=1e-6)


def test_hif1a_is_short_lived_in_air_and_builds_up_over_hours_without_it():
    half_life = np.log(2) / REST["loss_hif1a"].item() / 60
    assert 3 < half_life < 8
    hours = np.linspace(0, 24, 289)
    level = step(hours, {}, {"oxygen": ONE_PERCENT}, ["hif1a"])["hif1a"]
    reached = hours[np.argmax(level - level[0] > 0.9 * (level[-1] - level[0]))]
    assert 0.5 < reached < 6


def test_hif1a_is_half_of_its_largest_between_one_and_a_half_and_two_percent():
    percent = np.array([1e-3, 1.5, 2.0, 19.0])
    level = at_rest(oxygen=percent * PER_PERCENT)["hif1a"]
    share = level / level[0]
    assert share[1] > 0.5 > share[2]
    assert share[3] < 0.2
    assert (np.diff(level) < 0).all()


def test_loss_of_vhl_does_in_air_what_low_oxygen_does():
    lost = folds({"vhl_activity": 0.0})
    assert lost["cxcr4_synthesis"] > 1.5
    assert lost["cxcl12_secretion"] > 1.3
    assert folds({"vhl_activity": 0.0, "hre_mutation_cxcr4": 1.0}, {"hre_mutation_cxcr4": 1.0})[
        "cxcr4_synthesis"
    ] == pytest.approx(1, abs=1e-6)


def test_a_message_that_low_oxygen_stabilises_rises_without_the_element():
    """The rival mechanism, off by default: a twofold rise needs no HIF-1."""
    on = {"switch_message_stabilised": 1.0, "hre_mutation_cxcr4": 1.0}
    course = step([0.0, 24.0], on, {"oxygen": ONE_PERCENT})
    assert 1.5 < course["cxcr4_message"][1] / course["cxcr4_message"][0] < 3.5


def test_heregulin_acts_through_hif1_and_the_element():
    raised = folds({"heregulin": 10.0})
    assert raised["cxcr4_synthesis"] > 1.2
    mutant = {"hre_mutation_cxcr4": 1.0, "hre_mutation_cxcl12": 1.0}
    assert list(folds({"heregulin": 10.0}, mutant).values()) == pytest.approx([1, 1, 1], abs=1e-9)


# ---- Directions: what is said of each cause holds for the stated genes alone

TENFOLD = 9.0
STROMA = {"stromal": 1.0}
DIRECTIONS = {
    "CXCR4 promoter methylated": ({}, {"methylation_cxcr4": 0.99}, (0.2, 1), (1, 1), (1, 1)),
    "CXCR4 promoter bare": ({}, {"methylation_cxcr4": 0.0}, (1, 3), (1, 1), (1, 1)),
    "CXCL12 promoter methylated": ({}, {"methylation_cxcl12": 0.99}, (1, 1), (0.02, 0.6), (1, 1)),
    "CXCL12 promoter bare": ({}, {"methylation_cxcl12": 0.0}, (1, 1), (1, 5), (1, 1)),
    "methyltransferase blocked": ({}, {"dnmt_inhibition": 1.0}, (1, 3), (1, 5), (1, 1)),
    "NF-kB, tumour cell": ({}, {"nfkb_stimulus": 1.0}, (1.5, 5), (1, 1), (1, 1)),
    "NF-kB, stroma": (STROMA, {"nfkb_stimulus": 1.0}, (1, 1), (1.5, 5), (1, 1)),
    "TGF-beta, on CXCR4": ({}, {"tgf_beta": 4.0}, (1, 4), (1, 1), (1, 1)),
    "TGF-beta, on stromal CXCL12": (
        {**STROMA, "switch_tgf_beta_stromal_cxcl12_down": 1.0},
        {"tgf_beta": 4.0},
        *((1, 1), (0.1, 0.6), (1, 1)),
    ),
    "TGF-beta, that wiring, tumour cell": (
        {"switch_tgf_beta_stromal_cxcl12_down": 1.0},
        {"tgf_beta": 4.0},
        *((1, 1), (1, 1), (1, 1)),
    ),
    "TCF12 over-expressed": ({}, {"tcf12": 10.0}, (1.5, 5), (1, 1), (1, 1)),
    "TCF12 knocked down": ({}, {"tcf12": 0.0}, (0.2, 1), (1, 1), (1, 1)),
    "VEGF, endothelium": ({"endothelial": 1.0}, {"vegf": 5.0}, (2, 8), (1, 1), (1, 1)),
    "VEGF, tumour cell": ({}, {"vegf": 5.0}, (1, 1), (1, 1), (1, 1)),
    "PTEN lost": ({}, {"pten_activity": 0.0}, (1.3, 5), (1.3, 5), (1, 1)),
    "PTEN lost, AKT inhibited": (
        {"akt_available": 0.0},
        {"pten_activity": 0.0},
        *((1, 1), (1, 1), (1, 1)),
    ),
    "MMP10 over-expressed": ({}, {"mmp10_gene": 2.0}, (1, 2), (1, 1), (1, 1)),
    "MMP10 knocked out": ({}, {"mmp10_gene": 0.0}, (0.5, 1), (1, 1), (1, 1)),
    "STAT3 active": ({}, {"held_stat3": 1.0}, (1, 1), (1, 3), (1, 1)),
    "miR-9 mimic": ({}, {"mimic_mir9": TENFOLD}, (0.3, 0.8), (1, 1), (1, 1)),
    "miR-9 blocked": ({}, {"antagomir_mir9": 1.0}, (1, 1.5), (1, 1), (1, 1)),
    "miR-622 mimic": ({}, {"mimic_mir622": TENFOLD}, (0.3, 0.8), (1, 1), (1, 1)),
    "miR-622 blocked": ({}, {"antagomir_mir622": 1.0}, (1, 1.5), (1, 1), (1, 1)),
    "EZH2 inhibited": ({}, {"ezh2": 0.0}, (0.5, 1), (1, 1), (1, 1)),
    "EZH2 over-expressed": ({}, {"ezh2": 10.0}, (1, 1.5), (1, 1), (1, 1)),
    "miR-101 mimic": ({}, {"mimic_mir101": TENFOLD}, (1, 1), (0.3, 0.8), (0.3, 0.8)),
    "miR-101 blocked": ({}, {"antagomir_mir101": 1.0}, (1, 1), (1, 1.5), (1, 1.5)),
    "miR-149 mimic": ({}, {"mimic_mir149": TENFOLD}, (1, 1), (0.3, 0.8), (1, 1)),
    "miR-149 blocked": ({}, {"antagomir_mir149": 1.0}, (1, 1), (1, 1.5), (1, 1)),
    "miR-149 gene methylated": ({}, {"methylation_mir149": 1.0}, (1, 1), (1, 1.5), (1, 1)),
    "miR-200 mimic": ({}, {"mimic_mir200": TENFOLD}, (1, 1), (0.8, 1), (1, 1)),
    "miR-200 blocked": ({}, {"antagomir_mir200": 1.0}, (1, 1), (1, 1.1), (1, 1)),
    "miR-370-3p mimic": ({}, {"mimic_mir370": TENFOLD}, (1, 1), (0.3, 0.8), (1, 1)),
    "miR-370-3p blocked": ({}, {"antagomir_mir370": 1.0}, (1, 1), (1, 1.5), (1, 1)),
    "circ_0020710": ({}, {"circ_0020710": 10.0}, (1, 1), (1, 1.5), (1, 1)),
}


@pytest.mark.parametrize("case", DIRECTIONS)
def test_a_cause_acts_in_the_stated_direction_on_the_stated_gene_alone(case):
    reference, change, *expected = DIRECTIONS[case]
    for (name, fold), (low, high) in zip(folds(change, reference).items(), expected, strict=True):
        if low == high:
            assert fold == pytest.approx(1, abs=1e-9), name
        else:
            assert low < fold < high, name
            assert abs(fold - 1) > 0.01, name


KNOCK_OUTS = {
    "effect_hif1_cxcr4": ({}, {"oxygen": ONE_PERCENT}, "cxcr4_synthesis"),
    "effect_hif1_cxcl12": ({}, {"oxygen": ONE_PERCENT}, "cxcl12_secretion"),
    "effect_erbb3_hif1": ({}, {"heregulin": 10.0}, "cxcr4_synthesis"),
    "effect_nfkb_cxcr4": ({}, {"nfkb_stimulus": 1.0}, "cxcr4_synthesis"),
    "effect_nfkb_cxcl12": (STROMA, {"nfkb_stimulus": 1.0}, "cxcl12_secretion"),
    "effect_tgf_beta_cxcr4": ({}, {"tgf_beta": 4.0}, "cxcr4_synthesis"),
    "effect_tcf12_cxcr4": ({}, {"tcf12": 10.0}, "cxcr4_synthesis"),
    "effect_vegf_cxcr4": ({"endothelial": 1.0}, {"vegf": 5.0}, "cxcr4_synthesis"),
    "effect_pten_loss_cxcr4": ({}, {"pten_activity": 0.0}, "cxcr4_synthesis"),
    "effect_pten_loss_cxcl12": ({}, {"pten_activity": 0.0}, "cxcl12_secretion"),
    "effect_mmp10_cxcr4": ({}, {"mmp10_gene": 2.0}, "cxcr4_synthesis"),
    "effect_stat3_cxcl12": ({}, {"held_stat3": 1.0}, "cxcl12_secretion"),
}


@pytest.mark.parametrize("effect", KNOCK_OUTS)
def test_a_response_is_gone_with_its_mechanism(effect):
    reference, change, gene = KNOCK_OUTS[effect]
    assert folds(change, reference)[gene] > 1.05
    assert folds(change, {**reference, effect: 0.0})[gene] == pytest.approx(1, abs=1e-9)


# ---- MicroRNAs


def test_mir200_spares_every_isoform_but_beta():
    after = at_rest(mimic_mir200=TENFOLD)
    assert after["cxcl12_alpha_secretion"] == pytest.approx(REST["cxcl12_alpha_secretion"])
    assert 0.3 < (after["cxcl12_beta_secretion"] / REST["cxcl12_beta_secretion"]).item() < 0.8


def test_the_circular_rna_works_through_its_microrna_and_undoes_a_mimic():
    assert folds({"circ_0020710": 10.0}, {"mir370_gene": 0.0})["cxcl12_secretion"] == pytest.approx(
        1
    )
    mimic = folds({"mimic_mir370": TENFOLD})["cxcl12_secretion"]
    sponged = folds({"mimic_mir370": TENFOLD, "circ_0020710": 10.0})["cxcl12_secretion"]
    assert mimic < 0.7 < 0.95 < sponged


def test_ezh2_works_through_mir622_and_a_mimic_escapes_it():
    assert folds({"ezh2": 0.0}, {"mir622_gene": 0.0})["cxcr4_synthesis"] == pytest.approx(1)
    escaped = at_rest(ezh2=[0.0, 100.0], mimic_mir622=TENFOLD)["mir622_active"]
    assert escaped[1] > 0.85 * escaped[0]
    silenced = at_rest(ezh2=[0.0, 100.0])["mir622_active"]
    assert silenced[1] < 0.01 * silenced[0]


def test_two_mimics_on_one_target_add_to_its_decay():
    both = folds({"mimic_mir9": TENFOLD, "mimic_mir622": TENFOLD})["cxcr4_synthesis"]
    alone = [folds({f"mimic_{name}": TENFOLD})["cxcr4_synthesis"] for name in ("mir9", "mir622")]
    assert 1 / both - 1 == pytest.approx(sum(1 / fold - 1 for fold in alone), rel=1e-6)


# ---- Three groups

GROUP_CHANGES = {
    "epigenetic": {"methylation_cxcr4": 0.9, "methylation_cxcl12": 0.1, "dnmt_inhibition": 0.5},
    "transcriptional": {
        **{"oxygen": ONE_PERCENT, "nfkb_stimulus": 0.7, "tgf_beta": 1.0, "tcf12": 5.0},
        **{"heregulin": 3.0, "pten_activity": 0.2, "held_stat3": 0.5, "held_signal": 0.5},
    },
    "post_transcriptional": {
        **{"mimic_mir9": 5.0, "antagomir_mir101": 1.0, "mimic_mir149": 3.0, "mimic_mir200": 4.0},
        **{"circ_0020710": 2.0, "ezh2": 0.0},
    },
}


@pytest.mark.parametrize("group", GROUPS)
def test_a_group_leaves_the_outputs_of_the_others_alone(group):
    after = at_rest(**GROUP_CHANGES[group])
    for other, names in GROUPS.items():
        for name in names:
            same = after[name] == pytest.approx(REST[name], rel=1e-9)
            assert same == (other != group), name


def test_the_groups_multiply():
    changes = list(GROUP_CHANGES.values())
    product = np.prod([folds(change)["cxcr4_synthesis"] for change in changes])
    together = {key: value for change in changes for key, value in change.items()}
    assert folds(together)["cxcr4_synthesis"] == pytest.approx(product, rel=1e-6)


def test_methylation_fades_as_cells_divide_and_comes_back():
    halved = np.log(2) / in_model_units(MODEL, "k_dilute_methylation") / HOUR
    assert 13.7 < halved < 75.5
    marks = step([halved, 2 * halved], {}, {"dnmt_inhibition": 1.0})["methyl_marks"]
    assert marks == pytest.approx([0.5, 0.25], rel=1e-6)
    back = step([halved], {"dnmt_inhibition": 1.0}, {"dnmt_inhibition": 0.0})["methyl_marks"]
    assert back == pytest.approx([0.5], rel=1e-6)


# ---- Macrophage, driver switch


def test_a_macrophage_without_cxcr4_signal_has_less_nfkb_and_cytokine():
    lps = {"nfkb_stimulus": 1.0, "macrophage": 1.0}
    cell = at_rest(**lps, held_signal=[0.0, 0.8])
    assert cell["nfkb_nuclear"][0] < 0.7 * cell["nfkb_nuclear"][1]
    assert cell["macrophage_cytokine"][0] < 0.7 * cell["macrophage_cytokine"][1]
    other = at_rest(nfkb_stimulus=1.0, held_signal=[0.0, 0.8])
    assert other["nfkb_nuclear"] == pytest.approx([1, 1])
    assert other["macrophage_cytokine"] == pytest.approx([0, 0])
    cut = at_rest(**lps, held_signal=[0.0, 0.8], coupling_cxcr4_nfkb=0.0)["nfkb_nuclear"]
    assert cut == pytest.approx([1, 1])


def test_low_oxygen_hands_growth_from_fgfr2_to_cxcr4():
    cell = at_rest(oxygen=[AIR, ONE_PERCENT])
    assert cell["cxcr4_driver_share"][0] < 0.5 < cell["cxcr4_driver_share"][1]
    assert cell["fgfr2"][1] < 0.7 * cell["fgfr2"][0]
    without_hif = at_rest(oxygen=[AIR, ONE_PERCENT], hif1a_gene=0.0)["cxcr4_driver_share"]
    assert without_hif[0] == pytest.approx(without_hif[1])
    assert without_hif[0] < 0.5


# ---- Loops

CLOSED = {"loop_closed": 1.0, "switch_nuclear_cxcr4_loop": 1.0}


def test_each_loop_raises_cxcr4_and_is_gone_when_cut():
    def held(**settings):
        return at_rest(**settings)["cxcr4_held"].item()

    open_loop = held()
    mmp10_alone = held(loop_closed=1.0)
    both = held(**CLOSED)
    assert open_loop * 1.05 < mmp10_alone < both / 1.05
    assert held(**CLOSED, effect_nuclear_cxcr4_hif1=0.0) == pytest.approx(mmp10_alone, rel=1e-6)
    assert held(**CLOSED, hre_mutation_cxcr4=1.0) == pytest.approx(
        held(loop_closed=1.0, hre_mutation_cxcr4=1.0), rel=1e-6
    )
    assert held(loop_closed=1.0, effect_cxcr4_mmp10=0.0) == pytest.approx(open_loop, rel=1e-6)


def from_both_ends(n, **settings):
    """CXCR4 at rest when the cell starts nearly empty and when it starts far too full."""
    nothing, plenty = 1e-12 * CELL_VOLUME, 10 * CELL_VOLUME
    low = at_rest(**settings, cxcr4_message=np.full(n, nothing), mmp10=1.0)
    high = at_rest(
        **settings,
        cxcr4_message=np.full(n, plenty),
        cxcr4_held=1e3 * plenty,
        mmp10=1e2,
        hif1a=10 * plenty,
    )
    return low["cxcr4_held"], high["cxcr4_held"]


@pytest.mark.parametrize("oxygen", [AIR, ONE_PERCENT])
def test_the_loops_have_one_steady_state_over_five_decades_of_gain(oxygen):
    gain = np.geomspace(0.01, 1000, 11)
    effects = ("effect_nuclear_cxcr4_hif1", "effect_cxcr4_mmp10")
    settings = {name: gain * in_model_units(MODEL, name) for name in effects}
    low, high = from_both_ends(len(gain), **CLOSED, **settings, oxygen=oxygen)
    assert (low > 0).all()
    assert low == pytest.approx(high, rel=1e-4)
    assert (np.diff(low) > 0).all()


def test_the_scan_finds_two_states_where_there_are_two():
    """Loops made a thousand times stronger and linear over their range do switch."""
    absurd = {
        **{"effect_nuclear_cxcr4_hif1": 100.0, "half_nuclear_cxcr4": 0.02, "kd_hif1_hre": 1e3},
        **{"effect_hif1_cxcr4": 1e6, "effect_cxcr4_mmp10": 100.0, "half_mmp10": 1e4},
        **{"effect_mmp10_cxcr4": 1e5, "cxcr4_gene": 3e-7},
    }
    low, high = from_both_ends(1, **CLOSED, **absurd)
    assert high[0] > 100 * low[0]


@pytest.mark.parametrize("oxygen", [AIR, ONE_PERCENT])
def test_the_gain_of_the_closed_loop_is_far_below_one(oxygen):
    """Open the loop, tell the cell how much receptor it has, read what it makes."""
    told = np.geomspace(0.05, 200, 25)
    made = at_rest(
        oxygen=oxygen,
        held_signal=told / (told + 2),
        held_internal=told,
        switch_nuclear_cxcr4_loop=1.0,
    )["cxcr4_synthesis"]
    gain = np.gradient(np.log(made), np.log(told))
    assert (gain > 0).all()
    assert gain.max() < 0.3


def test_closing_the_loop_is_what_couples_the_groups():
    far = {"mimic_mir9": 30.0}
    closed = at_rest(**CLOSED), at_rest(**CLOSED, **far)
    moved = closed[1]["transcriptional_cxcr4"] / closed[0]["transcriptional_cxcr4"]
    assert moved.item() < 0.95


def test_no_output_is_negative_whatever_the_inputs():
    extremes = {
        **{"dnmt_inhibition": 1.0, "antagomir_mir9": 1.0, "vhl_activity": 0.0, "oxygen": 1.0},
        **{
            "tgf_beta": 1e3,
            "stromal": 1.0,
            "switch_tgf_beta_stromal_cxcl12_down": 1.0,
            "tcf12": 1e3,
        },
        **{"macrophage": 1.0, "nfkb_stimulus": 1.0, "pten_activity": 0.0, "mmp10_gene": 0.0},
    }
    for settings in ({}, extremes, {**extremes, **CLOSED}):
        for name, level in at_rest(**settings).items():
            assert level.item() > -1e-12, name
