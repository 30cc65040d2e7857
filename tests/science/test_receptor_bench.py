"""Ligand, receptors, antagonist and trap in a dish: equilibrium, conservation, competition."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from science_support import bench_model, in_model_units, run, table

STILL = {
    "k_turnover_cxcr4": 0.0,
    "k_loss_cxcl12_cxcr4": 0.0,
    "k_scavenge_ackr3": 0.0,
    "k_loss_cxcl12": 0.0,
    "k_loss_neutraliser_complex": 0.0,
}
HOUR_S = 3600.0
OUTPUTS = (
    "cxcl12",
    "cxcr4",
    "ackr3",
    "cxcl12_cxcr4",
    "cxcl12_ackr3",
    "antagonist",
    "antagonist_cxcr4",
    "neutraliser",
    "cxcl12_neutraliser",
)


def settled(**values):
    """Concentrations (nM) after a day without synthesis or loss."""
    columns = {**STILL, "ackr3_density": 0.0, **values}
    result = run(bench_model(), table(**columns), [24 * HOUR_S], OUTPUTS)
    return {name: result.of(name)[0, -1] for name in OUTPUTS}


@pytest.mark.parametrize("ligand_nM", [0.5, 12.0, 300.0])
def test_bound_fraction_follows_the_isotherm(ligand_nM):
    kd = in_model_units(bench_model(), "kd_cxcl12_cxcr4")
    end = settled(cxcl12=ligand_nM, cxcr4_density=1e-4)
    assert end["cxcl12_cxcr4"] / 1e-4 == pytest.approx(ligand_nM / (ligand_nM + kd), rel=1e-4)


def test_half_of_the_receptors_are_bound_at_kd():
    kd = in_model_units(bench_model(), "kd_cxcl12_cxcr4")
    assert settled(cxcl12=kd, cxcr4_density=1e-4)["cxcl12_cxcr4"] == pytest.approx(5e-5, rel=1e-4)


def test_ligand_depletion_obeys_the_quadratic():
    kd, ligand, receptor = in_model_units(bench_model(), "kd_cxcl12_cxcr4"), 10.0, 20.0
    total = ligand + receptor + kd
    bound = (total - np.sqrt(total**2 - 4 * ligand * receptor)) / 2
    end = settled(cxcl12=ligand, cxcr4_density=receptor)
    assert end["cxcl12_cxcr4"] == pytest.approx(bound, rel=1e-6)


def test_a_competitive_antagonist_raises_the_apparent_kd():
    kd = in_model_units(bench_model(), "kd_cxcl12_cxcr4")
    ki = in_model_units(bench_model(), "kd_antagonist_cxcr4")
    ligand, drug = 12.0, 200.0
    end = settled(cxcl12=ligand, antagonist=drug, cxcr4_density=1e-4)
    expected = ligand / (ligand + kd * (1 + drug / ki))
    assert end["cxcl12_cxcr4"] / 1e-4 == pytest.approx(expected, rel=1e-4)


def test_bound_drug_does_not_bind_the_receptor():
    free = settled(antagonist=100.0, antagonist_free_fraction=1.0, cxcr4_density=1e-4)
    mostly_bound = settled(antagonist=100.0, antagonist_free_fraction=0.42, cxcr4_density=1e-4)
    at_42 = settled(antagonist=42.0, antagonist_free_fraction=1.0, cxcr4_density=1e-4)
    assert mostly_bound["antagonist_cxcr4"] < free["antagonist_cxcr4"]
    assert mostly_bound["antagonist_cxcr4"] == pytest.approx(at_42["antagonist_cxcr4"], rel=1e-5)


def test_the_trap_leaves_what_its_affinity_allows():
    kd, ligand, trap = in_model_units(bench_model(), "kd_neutraliser_cxcl12"), 5.0, 50.0
    total = ligand + trap + kd
    held = (total - np.sqrt(total**2 - 4 * ligand * trap)) / 2
    end = settled(cxcl12=ligand, neutraliser=trap, cxcr4_density=0.0)
    assert end["cxcl12_neutraliser"] == pytest.approx(held, rel=1e-6)
    assert end["cxcl12"] == pytest.approx(ligand - held, rel=1e-4)


def test_nothing_is_bound_without_cxcr4():
    end = settled(cxcl12=50.0, antagonist=100.0, cxcr4_density=0.0)
    assert end["cxcl12_cxcr4"] == 0
    assert end["antagonist_cxcr4"] == 0


amount_nM = st.floats(0.01, 500.0)


@settings(max_examples=25)
@given(ligand=amount_nM, receptor=amount_nM, sink=amount_nM, drug=amount_nM, trap=amount_nM)
def test_matter_is_conserved_and_never_negative(ligand, receptor, sink, drug, trap):
    columns = {
        **STILL,
        "cxcl12": ligand,
        "cxcr4_density": receptor,
        "ackr3_density": sink,
        "antagonist": drug,
        "neutraliser": trap,
    }
    times = np.geomspace(1.0, 6 * HOUR_S, 12)
    result = run(bench_model(), table(**columns), times, OUTPUTS)
    x = {name: result.of(name)[0] for name in OUTPUTS}
    assert min(values.min() for values in x.values()) > -1e-9
    held = x["cxcl12"] + x["cxcl12_cxcr4"] + x["cxcl12_ackr3"] + x["cxcl12_neutraliser"]
    np.testing.assert_allclose(held, ligand, rtol=1e-6)
    np.testing.assert_allclose(
        x["cxcr4"] + x["cxcl12_cxcr4"] + x["antagonist_cxcr4"], receptor, rtol=1e-6
    )
    np.testing.assert_allclose(x["ackr3"] + x["cxcl12_ackr3"], sink, rtol=1e-6)
    np.testing.assert_allclose(x["antagonist"] + x["antagonist_cxcr4"], drug, rtol=1e-6)
    np.testing.assert_allclose(x["neutraliser"] + x["cxcl12_neutraliser"], trap, rtol=1e-6)


@settings(max_examples=25)
@given(low=st.floats(1.0, 1e4), factor=st.floats(1.05, 50.0), ligand=st.floats(0.0, 100.0))
def test_more_antagonist_holds_more_receptors_and_leaves_fewer_to_the_ligand(low, factor, ligand):
    less = settled(cxcl12=ligand, antagonist=low, cxcr4_density=1.0)
    more = settled(cxcl12=ligand, antagonist=low * factor, cxcr4_density=1.0)
    assert more["antagonist_cxcr4"] > less["antagonist_cxcr4"]
    assert more["cxcl12_cxcr4"] <= less["cxcl12_cxcr4"] + 1e-12


def alive(**values):
    """Concentrations (nM) at rest with production, turnover and loss as tabled."""
    columns = {"cxcl12_production": 1e-3, "cxcr4_density": 1.0, "ackr3_density": 1.0, **values}
    result = run(bench_model(), table(**columns), [30 * 24 * HOUR_S], OUTPUTS)
    return {name: result.of(name)[0, -1] for name in OUTPUTS}


def test_ackr3_lowers_free_ligand_and_returns_to_the_surface():
    without, with_sink = alive(ackr3_density=0.0), alive(ackr3_density=5.0)
    assert with_sink["cxcl12"] < without["cxcl12"]
    assert with_sink["ackr3"] + with_sink["cxcl12_ackr3"] == pytest.approx(5.0, rel=1e-6)


def test_ligand_wears_its_receptor_down_and_blockade_restores_it():
    def surface(end):
        return end["cxcr4"] + end["cxcl12_cxcr4"] + end["antagonist_cxcr4"]

    assert surface(alive(cxcl12_production=0.0)) == pytest.approx(1.0, rel=1e-6)
    worn = surface(alive())
    assert worn < 1.0
    assert worn < surface(alive(antagonist=1e4)) <= 1.0 + 1e-6


def test_production_balances_every_loss_at_rest():
    end = alive(neutraliser=0.0)
    model = bench_model()
    loss = (
        in_model_units(model, "k_loss_cxcl12") * end["cxcl12"]
        + in_model_units(model, "k_loss_cxcl12_cxcr4") * end["cxcl12_cxcr4"]
        + in_model_units(model, "k_scavenge_ackr3") * end["cxcl12_ackr3"]
    )
    assert loss == pytest.approx(1e-3, rel=1e-6)
