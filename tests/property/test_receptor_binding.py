"""Order relations of binding that hold for any dose."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from cxaxis.patient.readouts import occupancy
from science_support import bench_model, in_model_units, run, table

doses = st.floats(-2, 4).map(lambda power: 10.0**power)
factors = st.floats(1.05, 100)
FEW = settings(max_examples=20)


def held(**changes):
    states = ["antagonist_cxcr4", "cxcr4", "cxcl12_cxcr4", "cxcl12"]
    found = run(bench_model(), table(cxcl12_production=2e-4, **changes), [86_400.0], states).values[
        :, 0
    ]
    return occupancy(*found[:, :3].T), found[:, 2], found[:, 3]


@FEW
@given(dose=doses, factor=factors)
def test_more_antagonist_holds_more_receptor_and_leaves_less_to_the_ligand(dose, factor):
    share, bound, free = held(antagonist=[dose, dose * factor])
    assert 0 < share[0] < share[1] < 1
    assert bound[1] < bound[0]
    # Ligand rebounds when its receptor is blocked.
    assert free[1] > free[0] * (1 - 1e-9)


@FEW
@given(dose=doses, kd=st.floats(1, 1000), factor=factors)
def test_a_weaker_antagonist_holds_less(dose, kd, factor):
    share, _, _ = held(antagonist=dose, kd_antagonist_cxcr4=[kd, kd * factor])
    assert share[1] < share[0]


@FEW
@given(trap=st.floats(0.1, 1000), factor=factors)
def test_more_neutraliser_leaves_less_free_ligand(trap, factor):
    _, bound, free = held(neutraliser=[trap, trap * factor])
    assert free[1] < free[0]
    assert bound[1] < bound[0]


@FEW
@given(
    antagonist=doses,
    density=st.floats(0, 100),
    ackr3=st.floats(0, 100),
    made=st.floats(0, 1e-2),
    allosteric=st.sampled_from([0.0, 1.0]),
    digested=st.sampled_from([0.0, 1.0]),
    uptake=st.floats(0, 1e-2),
)
def test_concentrations_stay_non_negative(
    antagonist, density, ackr3, made, allosteric, digested, uptake
):
    states = ["cxcl12", "cxcr4", "ackr3", "cxcl12_cxcr4", "cxcl12_ackr3", "antagonist_cxcr4"]
    states += ["antagonist_cxcl12_cxcr4", "antagonist", "antagonist_degraded"]
    found = run(
        bench_model(),
        table(
            antagonist=[antagonist],
            cxcr4_density=density,
            ackr3_density=ackr3,
            cxcl12_production=made,
            allosteric_antagonist=allosteric,
            degraded_antagonist=digested,
            loss_antagonist_cxcr4=uptake,
        ),
        np.geomspace(1.0, 1e5, 20),
        states,
    )
    assert found.values.min() > -1e-9


@FEW
@given(dose=doses, factor=factors, ligand=st.floats(0.01, 100))
def test_an_allosteric_drug_loosens_the_ligand_but_never_drives_it_out(dose, factor, ligand):
    """More of it leaves less ligand on receptor, yet at least what binds at the weakened Kd."""
    found = run(
        bench_model(),
        table(
            cxcl12=ligand,
            antagonist=[dose, dose * factor],
            allosteric_antagonist=1.0,
            cxcr4_density=1e-6,
            ackr3_density=0.0,
            k_loss_cxcl12=0.0,
            k_turnover_cxcr4=0.0,
            k_loss_cxcl12_cxcr4=0.0,
        ),
        [1e6],
        ["cxcl12_cxcr4", "antagonist_cxcl12_cxcr4"],
    ).values[:, 0]
    bound = found.sum(axis=1) / 1e-6
    weakest = in_model_units(bench_model(), "kd_cxcl12_cxcr4") * in_model_units(
        bench_model(), "allosteric_kd_ratio"
    )
    assert bound[1] <= bound[0] * (1 + 1e-6)
    assert bound[1] >= ligand / (ligand + weakest) * (1 - 1e-3)
