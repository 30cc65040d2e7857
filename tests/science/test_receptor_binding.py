"""The receptor model in a dish against binding equilibria and conservation laws."""

import numpy as np
import pytest

from science_support import bench_model, in_model_units, run, table

MODEL = bench_model()
KD = in_model_units(MODEL, "kd_cxcl12_cxcr4")
KI = in_model_units(MODEL, "kd_antagonist_cxcr4")
KD_ACKR3 = in_model_units(MODEL, "kd_cxcl12_ackr3")
KD_TRAP = in_model_units(MODEL, "kd_neutraliser_cxcl12")
HOUR = 3600.0
# Binding alone: nothing is made, lost, taken up or replaced.
NO_TURNOVER = {
    "k_turnover_cxcr4": 0.0,
    "k_loss_cxcl12_cxcr4": 0.0,
    "k_loss_cxcl12": 0.0,
    "k_scavenge_ackr3": 0.0,
    "k_loss_neutraliser_complex": 0.0,
}
SPECIES = (
    "cxcl12",
    "cxcr4",
    "ackr3",
    "cxcl12_cxcr4",
    "cxcl12_ackr3",
    "antagonist_cxcr4",
    "antagonist_cxcl12_cxcr4",
    "cxcl12_neutraliser",
    "antagonist",
    "neutraliser",
    "antagonist_degraded",
)


def state_at(hours, *, turnover=False, **changes):
    """Concentrations after some time in a dish of 1 litre, by species, one row per dish."""
    fixed = {} if turnover else NO_TURNOVER
    result = run(MODEL, table(**{**fixed, **changes}), [hours * HOUR], SPECIES)
    return {name: result.of(name)[:, 0] for name in SPECIES}


# A trace of receptor leaves the ligand as it was: ligand in excess.
TRACE = {"cxcr4_density": 1e-6, "ackr3_density": 0.0}


def bound_share(state):
    held = state["cxcl12_cxcr4"]
    return held / (held + state["cxcr4"] + state["antagonist_cxcr4"])


def test_bound_fraction_at_equilibrium_is_ligand_over_ligand_plus_kd():
    ligand = KD * np.array([0.01, 0.1, 0.5, 1.0, 3.0, 30.0])
    found = bound_share(state_at(24, cxcl12=ligand, **TRACE))
    assert found == pytest.approx(ligand / (ligand + KD), rel=1e-4)
    assert found[3] == pytest.approx(0.5, rel=1e-4)


def test_a_competitor_raises_the_apparent_kd():
    """Cheng-Prusoff: Kd (1 + B / Ki); half bound at the apparent Kd for every dose of B."""
    blocker = KI * np.array([0.0, 0.5, 1.0, 10.0])
    apparent = KD * (1 + blocker / KI)
    found = bound_share(state_at(24, cxcl12=apparent, antagonist=blocker, **TRACE))
    assert found == pytest.approx(np.full(4, 0.5), rel=1e-4)


def test_antagonist_occupancy_falls_with_ligand_as_the_closed_form_says():
    blocker, ligand = 2 * KI, KD * np.array([0.0, 1.0, 5.0])
    state = state_at(24, cxcl12=ligand, antagonist=blocker, **TRACE)
    share = state["antagonist_cxcr4"] / (
        state["antagonist_cxcr4"] + state["cxcr4"] + state["cxcl12_cxcr4"]
    )
    assert share == pytest.approx(2 / (1 + 2 + ligand / KD), rel=1e-4)


def test_only_the_free_antagonist_binds():
    share = [
        state_at(24, antagonist=dose, antagonist_free_fraction=fraction, **TRACE)
        for dose, fraction in ((KI, 1.0), (KI / 0.42, 0.42))
    ]
    first, second = (s["antagonist_cxcr4"] for s in share)
    assert first == pytest.approx(second, rel=1e-6)
    assert first == pytest.approx(0.5 * 1e-6, rel=1e-4)


def test_a_receptor_that_depletes_its_ligand_follows_the_quadratic():
    receptor, ligand = 5.0, 4.0
    held = state_at(48, cxcl12=ligand, cxcr4_density=receptor, ackr3_density=0.0)["cxcl12_cxcr4"]
    total = receptor + ligand + KD
    exact = (total - np.sqrt(total**2 - 4 * receptor * ligand)) / 2
    assert held == pytest.approx([exact], rel=1e-5)


def test_binding_relaxes_with_the_sum_of_its_rates():
    """Ligand in excess: bound approaches equilibrium as exp(-(kon L + koff) t)."""
    koff = in_model_units(MODEL, "koff_cxcl12_cxcr4")
    seconds = np.array([10.0, 60.0, 200.0])
    result = run(
        MODEL,
        table(cxcl12=[2 * KD], cxcr4_density=1e-4, ackr3_density=0.0, **NO_TURNOVER),
        seconds,
        ["cxcl12_cxcr4"],
    ).of("cxcl12_cxcr4")[0]
    exact = 1e-4 * 2 / 3 * (1 - np.exp(-koff * 3 * seconds))
    assert result == pytest.approx(exact, rel=1e-4)


def test_ackr3_binds_tighter_than_cxcr4_at_its_own_kd():
    state = state_at(48, cxcl12=KD_ACKR3, cxcr4_density=0.0, ackr3_density=1e-6)
    share = state["cxcl12_ackr3"] / (state["cxcl12_ackr3"] + state["ackr3"])
    assert share == pytest.approx([0.5], rel=1e-3)


def test_a_neutraliser_removes_free_ligand():
    trap = np.array([0.0, 1.0, 5.0, 50.0])
    state = state_at(72, cxcl12=5.0, neutraliser=trap, cxcr4_density=0.0, ackr3_density=0.0)
    total = 5.0 + trap + KD_TRAP
    complexed = (total - np.sqrt(total**2 - 4 * 5.0 * trap)) / 2
    assert state["cxcl12"] == pytest.approx(5.0 - complexed, rel=1e-4, abs=1e-8)
    assert (np.diff(state["cxcl12"]) < 0).all()


def test_without_cxcr4_nothing_is_bound_to_it():
    state = state_at(
        24, turnover=True, cxcl12=50.0, antagonist=500.0, cxcr4_density=0.0, cxcl12_production=1e-3
    )
    for name in ("cxcr4", "cxcl12_cxcr4", "antagonist_cxcr4"):
        assert np.abs(state[name]).max() < 1e-12, name
    assert state["cxcl12_ackr3"][0] > 0.1


def test_ackr3_lowers_free_ligand():
    receptors = np.array([0.0, 1.0, 10.0])
    made = {"cxcl12_production": 2e-4, "cxcr4_density": 1.0}
    state = state_at(24 * 14, turnover=True, ackr3_density=receptors, **made)
    assert (np.diff(state["cxcl12"]) < 0).all()
    assert state["cxcl12"][2] < 0.5 * state["cxcl12"][0]


def test_ligand_without_receptor_settles_at_production_over_loss():
    lost = in_model_units(MODEL, "k_loss_cxcl12")
    state = state_at(
        24 * 14, turnover=True, cxcl12_production=1e-3, cxcr4_density=0.0, ackr3_density=0.0
    )
    assert state["cxcl12"] == pytest.approx([1e-3 / lost], rel=1e-6)


def test_free_receptor_returns_to_its_density():
    state = state_at(24 * 30, turnover=True, cxcr4=0.0, cxcr4_density=3.0)
    assert state["cxcr4"] == pytest.approx([3.0], rel=1e-6)


def crowded_dish(hours, *, turnover, **drug):
    fixed = {**({} if turnover else NO_TURNOVER), **drug}
    start = {
        "cxcl12": [20.0],
        "antagonist": 150.0,
        "neutraliser": 4.0,
        "cxcr4_density": 6.0,
        "ackr3_density": 2.0,
    }
    times = np.array([0.0, *hours]) * HOUR
    result = run(MODEL, table(**start, **fixed), times, SPECIES)
    return {name: result.of(name)[0] for name in SPECIES}


@pytest.mark.parametrize("allosteric", [0.0, 1.0])
def test_binding_conserves_receptor_ligand_and_drug(allosteric):
    dish = crowded_dish([0.01, 0.1, 1, 10, 100], turnover=False, allosteric_antagonist=allosteric)
    assert (dish["antagonist_cxcl12_cxcr4"][-1] > 0) == (allosteric == 1)
    totals = {
        "CXCR4": dish["cxcr4"]
        + dish["cxcl12_cxcr4"]
        + dish["antagonist_cxcr4"]
        + dish["antagonist_cxcl12_cxcr4"],
        "ACKR3": dish["ackr3"] + dish["cxcl12_ackr3"],
        "CXCL12": dish["cxcl12"]
        + dish["cxcl12_cxcr4"]
        + dish["cxcl12_ackr3"]
        + dish["antagonist_cxcl12_cxcr4"]
        + dish["cxcl12_neutraliser"],
        "antagonist": dish["antagonist"]
        + dish["antagonist_cxcr4"]
        + dish["antagonist_cxcl12_cxcr4"],
        "trap": dish["neutraliser"] + dish["cxcl12_neutraliser"],
    }
    for name, total in totals.items():
        assert total == pytest.approx(np.full(6, total[0]), rel=1e-6), name
    assert dish["cxcl12_cxcr4"][-1] > 0.1


def test_ackr3_returns_to_the_surface_and_drug_outlives_its_receptor():
    """With turnover and scavenging on, ACKR3 and the antagonist are still conserved."""
    dish = crowded_dish([1, 10, 100], turnover=True)
    for total in (
        dish["ackr3"] + dish["cxcl12_ackr3"],
        dish["antagonist"] + dish["antagonist_cxcr4"],
    ):
        assert total == pytest.approx(np.full(4, total[0]), rel=1e-6)


@pytest.mark.parametrize("turnover", [False, True])
def test_no_concentration_falls_below_zero(turnover):
    dish = crowded_dish(np.geomspace(1e-4, 1e3, 60), turnover=turnover)
    for name, level in dish.items():
        assert level.min() > -1e-9, name


BESIDE = {"allosteric_antagonist": 1.0}
WEAKENING = in_model_units(MODEL, "allosteric_kd_ratio")


def test_an_allosteric_drug_and_the_ligand_share_the_receptor_as_the_closed_cycle_says():
    """Weights 1, l, a and l a / ratio of the four states, whichever way round they were reached."""
    ligand, drug = 3.0, 2.0
    weights = np.array([1.0, ligand, drug, ligand * drug / WEAKENING])
    names = ("cxcr4", "cxcl12_cxcr4", "antagonist_cxcr4", "antagonist_cxcl12_cxcr4")
    state = state_at(24, cxcl12=ligand * KD, antagonist=drug * KI, **BESIDE, **TRACE)
    found = np.array([state[name][0] for name in names]) / 1e-6
    assert found == pytest.approx(weights / weights.sum(), rel=1e-4)


def test_the_effect_of_an_allosteric_drug_has_a_ceiling_and_a_competitors_has_none():
    """Saturated with the drug, the ligand still binds, at ``ratio`` times its Kd."""
    drug = 1e4 * KI
    state = state_at(24, cxcl12=WEAKENING * KD, antagonist=drug, **BESIDE, **TRACE)
    held = state["antagonist_cxcl12_cxcr4"] / 1e-6
    assert held == pytest.approx([0.5], rel=1e-3)
    rival = state_at(24, cxcl12=WEAKENING * KD, antagonist=drug, **TRACE)
    assert rival["cxcl12_cxcr4"][0] / 1e-6 < 0.01
    assert rival["antagonist_cxcl12_cxcr4"] == pytest.approx([0.0])


def test_an_affinity_that_is_worse_for_the_host_shifts_the_dose_by_as_much():
    share = [
        state_at(24, antagonist=dose, host_is_mouse=mouse, mouse_kd_ratio_antagonist=30.0, **TRACE)
        for dose, mouse in ((KI, 0.0), (30 * KI, 1.0), (KI, 1.0))
    ]
    human, mouse, weak = (s["antagonist_cxcr4"][0] for s in share)
    assert mouse == pytest.approx(human, rel=1e-6)
    assert weak == pytest.approx(1e-6 / 31, rel=1e-4)


def test_a_drug_that_is_digested_with_its_receptor_is_counted_to_the_last():
    lost = {"loss_antagonist_cxcr4": 3e-4, "degraded_antagonist": 1.0}
    for allosteric in (0.0, 1.0):
        dish = crowded_dish([1, 10, 100], turnover=True, allosteric_antagonist=allosteric, **lost)
        total = (
            dish["antagonist"]
            + dish["antagonist_cxcr4"]
            + dish["antagonist_cxcl12_cxcr4"]
            + dish["antagonist_degraded"]
        )
        assert total == pytest.approx(np.full(4, total[0]), rel=1e-6)
        assert dish["antagonist_degraded"][-1] > 0.1 * total[0]


def alive(**values):
    """Concentrations (nM) at rest with production, turnover and loss as tabled."""
    columns = {"cxcl12_production": 1e-3, "cxcr4_density": 1.0, "ackr3_density": 1.0, **values}
    result = run(MODEL, table(**columns), [30 * 24 * HOUR], SPECIES)
    return {name: result.of(name)[0, -1] for name in SPECIES}


def test_ligand_wears_its_receptor_down_and_blockade_restores_it():
    def surface(end):
        return end["cxcr4"] + end["cxcl12_cxcr4"] + end["antagonist_cxcr4"]

    assert surface(alive(cxcl12_production=0.0)) == pytest.approx(1.0, rel=1e-6)
    worn = surface(alive())
    assert worn < 1.0
    assert worn < surface(alive(antagonist=1e4)) <= 1.0 + 1e-6


def test_extra_uptake_leaves_the_share_of_receptor_that_turnover_allows():
    """At saturation every receptor is held: synthesis over the sum of both losses."""
    turnover, extra = in_model_units(MODEL, "k_turnover_cxcr4"), 3e-4
    end = alive(
        antagonist=1e7, loss_antagonist_cxcr4=extra, cxcl12_production=0.0, ackr3_density=0.0
    )
    surface = end["cxcr4"] + end["antagonist_cxcr4"]
    assert surface == pytest.approx(turnover / (turnover + extra), rel=1e-3)


def test_production_balances_every_loss_at_rest():
    end = alive(neutraliser=0.0)
    loss = (
        in_model_units(MODEL, "k_loss_cxcl12") * end["cxcl12"]
        + in_model_units(MODEL, "k_loss_cxcl12_cxcr4") * end["cxcl12_cxcr4"]
        + in_model_units(MODEL, "k_scavenge_ackr3") * end["cxcl12_ackr3"]
    )
    assert loss == pytest.approx(1e-3, rel=1e-6)
