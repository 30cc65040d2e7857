"""What the virtual bench shows: dose order, what each treatment takes away, and what is kept."""

from functools import cache

import numpy as np
import pytest

from cxaxis.cell.assays import ASSAYS
from cxaxis.cell.bench import run_assay
from cxaxis.models.wiring import wiring_from


@cache
def _run(assay, items):
    given = {name: dict(v) if name == "settings" else v for name, v in items}
    return run_assay(assay, **given)


def run(assay, **given):
    """The assay, run once for the same arguments."""
    items = tuple(
        (k, tuple(sorted(v.items())) if k == "settings" else v) for k, v in sorted(given.items())
    )
    return _run(assay, items)


def rise(assay, readout, dose, *, condition="control", **given):
    """Largest departure of a readout from its first reading."""
    rows = run(assay, **given).course(readout, condition=condition)
    values = rows[rows["cxcl12_nM"] == dose]["value"].to_numpy()
    away = values - values[0]
    return float(away[np.abs(away).argmax()])


def last(assay, readout, *, condition="control", **given):
    return float(run(assay, **given).course(readout, condition=condition)["value"].iloc[-1])


def once(assay, readout, *, condition="control", **given):
    """Readings of an assay that is read once per dose, by dose."""
    rows = run(assay, **given).course(readout, condition=condition)
    return rows["cxcl12_nM"].to_numpy(), rows["value"].to_numpy()


# --- Calcium


def test_calcium_rises_with_dose_and_pertussis_toxin_silences_it():
    heights = [rise("calcium", "calcium_nM", dose) for dose in (1.0, 10.0, 100.0)]
    assert heights == sorted(heights)
    assert heights[0] > 0
    silent = rise("calcium", "calcium_nM", 100.0, condition="pertussis_toxin")
    assert abs(silent) < 0.01 * heights[-1]


def test_a_second_pulse_gives_less_calcium_and_a_cell_that_rested_longer_would_give_more():
    first = rise("calcium", "calcium_nM", 100.0)
    summary = run("calcium").summary().set_index(["condition", "cxcl12_nM"])
    second = summary.loc[("second_pulse", 100.0)]
    assert 0 < second["peak"] - second["start"] < 0.5 * first
    assert second["peak_time_s"] > 600.0


def test_chelated_calcium_takes_pyk2_along():
    free = rise("phospho", "pPYK2", 100.0)
    bound = rise("phospho", "pPYK2", 100.0, settings={"calcium_chelation": 0.95})
    assert abs(bound) < 0.1 * free


def test_cells_with_ackr3_alone_hold_arrestin_and_have_no_calcium_or_camp_signal():
    kind = {"context": "ackr3_only"}
    assert rise("arrestin", "arrestin_ackr3_fold", 125.0, **kind) > 0.3
    calcium = run("calcium", **kind).course("calcium_nM")["value"]
    assert calcium.max() < 1.02 * calcium.min()
    camp = run("camp", **kind).course("camp_share")["value"]
    assert camp.to_numpy() == pytest.approx(np.ones(len(camp)), abs=0.02)


# --- cAMP


def test_cxcl12_lowers_camp_dose_by_dose_unless_gi_is_poisoned():
    lowest = [rise("camp", "camp_share", dose) for dose in (0.1, 1.0, 10.0)]
    assert lowest == sorted(lowest, reverse=True)
    assert lowest[-1] < -0.2
    rows = run("camp").course("camp_share", condition="pertussis_toxin")
    assert rows["value"].to_numpy() == pytest.approx(np.ones(len(rows)), abs=1e-3)


def test_forskolin_raises_camp():
    run_ = run("camp")
    raised, plain = (
        run_.course("camp_nM", condition=c)["value"].iloc[0] for c in ("control", "no_forskolin")
    )
    assert raised > 5 * plain


# --- Kinases


def test_stat3_needs_jak_and_no_gi_where_akt_needs_gi():
    toxin = {"condition": "pertussis_toxin"}
    stat3 = rise("phospho", "pSTAT3", 100.0)
    assert rise("phospho", "pSTAT3", 100.0, **toxin) == pytest.approx(stat3, rel=0.05)
    assert rise("phospho", "pSTAT3", 100.0, settings={"jak_inhibition": 1.0}) < 0.1 * stat3
    assert abs(rise("phospho", "pAKT", 100.0, **toxin)) < 0.05 * rise("phospho", "pAKT", 100.0)


def test_a_rival_mechanism_makes_stat3_follow_gi():
    rival = {"wiring": wiring_from({"stat3_through_src": "on"})}
    stat3 = rise("phospho", "pSTAT3", 100.0, **rival)
    assert abs(rise("phospho", "pSTAT3", 100.0, condition="pertussis_toxin", **rival)) < 0.1 * stat3


def test_mek_inhibition_silences_erk():
    blocked = rise("phospho", "pERK", 100.0, settings={"mek_inhibition": 1.0})
    assert abs(blocked) < 0.05 * rise("phospho", "pERK", 100.0)


def test_an_antagonist_shifts_the_dose_response_to_the_right():
    free = {fit.readout: fit.hill for fit in run("dose_response").fits}
    blocked = run("dose_response", settings={"antagonist_nM": 1000.0}).fits
    for fit in blocked:
        assert fit.hill.ec50_nM > 1.5 * free[fit.readout].ec50_nM, fit.readout


def test_camp_needs_less_cxcl12_than_arrestin_does():
    half = {fit.readout: fit.hill.ec50_nM for fit in run("dose_response").fits}
    assert half["camp_share"] < half["calcium_nM"]
    assert half["camp_share"] < half["arrestin_cxcr4_fold"]


# --- Receptors and ligand


def test_cxcl12_takes_cxcr4_from_the_surface_and_a_wash_gives_it_back():
    kept = last("surface", "surface_cxcr4_fold")
    assert kept < 0.7
    assert last("surface", "surface_cxcr4_fold", condition="washed") > kept + 0.2
    weak = run("surface").course("surface_cxcr4_fold")
    assert weak[weak["cxcl12_nM"] == 10.0]["value"].iloc[-1] > kept


def test_ackr3_clears_cxcl12_and_saturates():
    left = {
        dose: 1 + rise("scavenging", "cxcl12_left", dose) for dose in ASSAYS["scavenging"].cxcl12_nM
    }
    assert sorted(left.values()) == list(left.values())
    assert last("scavenging", "cxcl12_left", condition="without_ackr3") > 0.98


def test_receptors_are_counted_per_cell():
    assert last("knockdown", "total_cxcr4", readouts=("total_cxcr4",), cxcl12_nM=(0.0,)) == (
        pytest.approx(50_000, rel=0.05)
    )


# --- Expression


def test_hypoxia_raises_cxcr4_and_a_mutated_response_element_removes_the_rise():
    for readout in ("cxcr4_message_fold", "total_cxcr4_fold", "surface_cxcr4_fold"):
        assert 1.5 < last("hypoxia", readout, condition="hypoxia") < 8, readout
        assert last("hypoxia", readout, condition="hypoxia_hre_mutant") == pytest.approx(
            1, abs=0.05
        )
        assert last("hypoxia", readout) == pytest.approx(1, abs=0.01)
    assert last("hypoxia", "hif1a_fold", condition="hypoxia_hre_mutant") > 2


def test_each_microrna_lowers_its_targets_and_an_antagomir_raises_them():
    targets = {
        "mir9": {"cxcr4_message_fold"},
        "mir622": {"cxcr4_message_fold"},
        "mir101": {"cxcl12_alpha_message_fold", "cxcl12_beta_message_fold", "ackr3_message_fold"},
        "mir149": {"cxcl12_alpha_message_fold", "cxcl12_beta_message_fold"},
        "mir200": {"cxcl12_beta_message_fold"},
        "mir370": {"cxcl12_alpha_message_fold", "cxcl12_beta_message_fold"},
    }
    messages = set().union(*targets.values())
    for name, hit in targets.items():
        for readout in messages:
            mimic = last("mirna", readout, condition=f"{name}_mimic")
            antagomir = last("mirna", readout, condition=f"{name}_antagomir")
            if readout in hit:
                assert mimic < 0.8 < 1.01 < antagomir, (name, readout)
            else:
                assert mimic == pytest.approx(1, abs=0.02), (name, readout)


def test_a_knock_down_leaves_a_fifth_of_the_message_and_of_the_receptor():
    gone = {"condition": "knockdown"}
    assert last("knockdown", "cxcr4_message_fold", **gone) == pytest.approx(0.2, rel=0.1)
    assert last("knockdown", "total_cxcr4_fold", **gone) < 0.4
    assert last("knockdown", "total_cxcr4_fold") > 2 * last("knockdown", "total_cxcr4_fold", **gone)


# --- Movement


def drift(dose=30.0, **given):
    doses, values = once("transwell", "chemotaxis", **given)
    return float(values[doses == dose][0])


def test_drift_over_cxcl12_is_a_bell_with_its_top_between_1_and_100_nM():
    doses, values = once("transwell", "chemotaxis")
    best = doses[values.argmax()]
    assert 1.0 <= best <= 100.0
    assert values[0] == pytest.approx(0.0, abs=1e-6)
    assert values[-1] < 0.5 * values.max()


def test_there_is_no_drift_without_receptor_gradient_or_gi():
    best = once("transwell", "chemotaxis")[1].max()
    for given in (
        {"settings": {"cxcr4_gene": 0.0}},
        {"condition": "no_gradient"},
        {"condition": "pertussis_toxin"},
    ):
        assert np.abs(once("transwell", "chemotaxis", **given)[1]).max() < 0.01 * best, given


def test_a_steeper_gradient_is_followed_better():
    assert drift(settings={"cxcl12_gradient": 0.05}) < drift()


@pytest.mark.parametrize("inhibitor", ["mek_inhibition", "jnk_inhibition", "akt_inhibition"])
def test_each_kinase_that_migration_needs_in_part_slows_it(inhibitor):
    assert drift(settings={inhibitor: 1.0}) < 0.95 * drift()


def test_an_antagonist_takes_most_of_the_drift_at_low_cxcl12():
    assert drift(1.0, settings={"antagonist_nM": 1000.0}) < 0.5 * drift(1.0)


# --- Growth


def grown(condition="control", **given):
    return last("proliferation", "cell_number_fold", condition=condition, **given)


def test_growth_falls_with_a_knock_down_and_with_an_inverse_agonist():
    assert grown("knockdown") < 0.9 * grown()
    assert grown("inverse_agonist") < 0.9 * grown()


def test_forced_cxcr4_makes_a_normal_cell_grow_faster():
    forced = grown(context="normal_oesophageal", settings={"cxcr4_gene": 25.0})
    assert forced > 1.1 * grown(context="normal_oesophageal")


def test_a_cytotoxic_drug_kills():
    assert grown(settings={"cytotoxic": 1.0}) < 0.5 * grown()


def test_cells_with_a_knock_down_follow_a_gradient_worse():
    kept, gone = (
        rise("knockdown", "chemotaxis", 10.0, condition=c) for c in ("control", "knockdown")
    )
    assert gone < 0.5 * kept
