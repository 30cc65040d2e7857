"""Each class of drug at the axis does in a body what is special about it."""

from functools import cache

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cxaxis.knowledge.drugs import load_drugs
from cxaxis.models.agents import slot_of
from cxaxis.patient.mobilisation import count_summary
from cxaxis.patient.readouts import occupancy
from marrow_support import body_model, bolus, course, regimen_doses, volunteer

HOURS = np.arange(0.0, 241.0)
CXCR4 = ("cxcr4", "cxcl12_cxcr4", "antagonist_cxcr4", "antagonist_cxcl12_cxcr4")
# The first regimen of each drug in the slot, and of the trap its bolus.
FIRST = {
    drug.id: next(iter(drug.regimens))
    for drug in load_drugs().values()
    if slot_of(drug) == "antagonist"
}
TRAP = ("olaptesed", "bolus_300_mg_twice_weekly")


@cache
def after(drug, *outputs, regimen=None):
    """A volunteer after the first dose of a regimen, hourly for ten days."""
    doses = regimen_doses(drug, regimen or FIRST[drug])
    result = course(volunteer(drug), HOURS / 24, outputs, doses)
    return {name: result.of(name)[0] for name in outputs}


def held_share(drug):
    """Share of marrow CXCR4 that the drug holds, hourly."""
    found = after(drug, *(f"marrow_{name}" for name in CXCR4))
    free, ligand, held, both = (found[f"marrow_{name}"] for name in CXCR4)
    return occupancy(held + both, free, ligand)


def surface(drug):
    found = after(drug, *(f"marrow_{name}" for name in CXCR4))
    return sum(found.values())


def test_the_trap_raises_total_and_lowers_free_cxcl12():
    found = after(TRAP[0], "blood_cxcl12", "blood_cxcl12_total", "marrow_cxcl12", regimen=TRAP[1])
    day = slice(1, 25)
    assert found["blood_cxcl12"][day].max() < 0.1 * found["blood_cxcl12"][0]
    assert found["marrow_cxcl12"][day].max() < 0.1 * found["marrow_cxcl12"][0]
    assert found["blood_cxcl12_total"][24] > 3 * found["blood_cxcl12_total"][0]


def test_a_competitor_raises_free_cxcl12_where_the_trap_lowers_it():
    blocked = after("plerixafor", "marrow_cxcl12")["marrow_cxcl12"]
    assert blocked[1:12].min() > blocked[0]


def test_the_trap_leaves_the_receptor_free():
    found = after(TRAP[0], "marrow_cxcr4", "marrow_antagonist_cxcr4", regimen=TRAP[1])
    assert found["marrow_antagonist_cxcr4"].max() == 0
    assert found["marrow_cxcr4"][24] > found["marrow_cxcr4"][0]


def test_the_trap_mobilises_for_longer_than_plerixafor():
    spans = [
        count_summary(HOURS, after(drug, "cd34_blood", regimen=regimen)["cd34_blood"][None])
        for drug, regimen in (TRAP, ("plerixafor", None))
    ]
    assert spans[0].hours_above_half[0] > 1.5 * spans[1].hours_above_half[0]


def test_an_antibody_loses_receptor_and_a_small_molecule_keeps_it():
    antibody, small = surface("ulocuplumab"), surface("plerixafor")
    assert antibody[72] < 0.25 * antibody[0]
    assert small.min() > 0.95 * small[0]
    nanobody = surface("alx_0651")
    assert nanobody.min() > 0.95 * nanobody[0]


def test_an_antibody_leaves_faster_the_less_of_it_there_is():
    """Receptor is a sink of tens of nmol a day: below 3 mg/kg it empties plasma early."""
    per_mg_kg = 70.0 / 146_000 * 1e6
    days = np.arange(0.0, 15.0)
    share = []
    for dose in (0.1, 0.3, 1.0, 10.0):
        doses = [bolus("antagonist_central", dose * per_mg_kg)]
        level = course(volunteer("ulocuplumab"), days, ["antagonist_central"], doses)
        level = level.of("antagonist_central")[0]
        share.append(level[7] / dose)
    assert (np.diff(share) > 0).all()
    assert share[0] < 0.5 * share[-1]


def test_msx_122_spares_what_the_marrow_holds():
    """Held receptor still gives a share of the signal, so cells stay where others free them."""
    spared = after("msx_122", "cd34_blood")["cd34_blood"]
    as_plain = course(
        volunteer("msx_122").with_columns(retention_antagonist=0.0),
        HOURS / 24,
        ["cd34_blood"],
        regimen_doses("msx_122", FIRST["msx_122"]),
    ).of("cd34_blood")[0]
    assert held_share("msx_122").max() > 0.5
    assert spared.max() < 1.5 * spared[0]
    assert as_plain.max() > 3 * spared.max()


def test_the_occupancy_of_a_slow_off_peptide_outlasts_its_plasma_level():
    """Motixafortide half gone from plasma long before half of the receptor is free again."""
    level = after("motixafortide", "antagonist_central")["antagonist_central"]
    held = held_share("motixafortide")
    peak = int(level.argmax())
    plasma_half = np.flatnonzero(level[peak:] < level.max() / 2)[0]
    held_half = np.flatnonzero(held[peak:] < held.max() / 2)[0]
    assert held_half > 2 * plasma_half
    # With the off-rate of a small molecule the receptor follows the plasma.
    fast = volunteer("motixafortide").with_columns(koff_antagonist_cxcr4=864.0)
    names = [f"marrow_{name}" for name in CXCR4]
    result = course(fast, HOURS / 24, names, regimen_doses("motixafortide", FIRST["motixafortide"]))
    free, ligand, bound, both = (result.of(name)[0] for name in names)
    quick = occupancy(bound + both, free, ligand)
    assert held[60] > quick[60]


def test_an_allosteric_drug_sits_beside_the_ligand():
    beside = after("mavorixafor", "marrow_antagonist_cxcl12_cxcr4")
    assert beside["marrow_antagonist_cxcl12_cxcr4"].max() > 1e-3
    instead = after("plerixafor", "marrow_antagonist_cxcl12_cxcr4")
    assert instead["marrow_antagonist_cxcl12_cxcr4"].max() == 0


@pytest.mark.parametrize("drug", sorted(FIRST))
def test_every_dose_is_accounted_for(drug):
    """In the depot, in plasma and tissue, on receptor, cleared, wasted or digested: all of it."""
    pools = ("depot", "unabsorbed", "cleared", "central", "peripheral", "tumour", "degraded")
    names = [f"amount(antagonist_{name})" for name in pools]
    held = [
        f"amount({organ}_{name})"
        for organ in ("marrow", "blood")
        for name in ("antagonist_cxcr4", "antagonist_cxcl12_cxcr4")
    ]
    doses = regimen_doses(drug, FIRST[drug])
    result = course(volunteer(drug), [0.0, 0.5, 3.0, 20.0], [*names, *held], doses)
    total = result.values[0].sum(axis=1)
    given = sum(dose.amount for dose in doses)
    assert total[1:] == pytest.approx(np.full(3, given), rel=1e-5)


def test_ligand_made_is_ligand_lost():
    """At rest what marrow and tissue make equals what every route takes away."""
    model, people = body_model(), volunteer()
    assert model.time_unit == "day"
    fluid = {"marrow": "marrow_fluid", "blood": "plasma_fluid"}
    names = [f"{o}_{n}" for o in fluid for n in ("cxcl12", "cxcl12_cxcr4", "cxcl12_ackr3")]
    now = course(people, [0.0], names)
    made = lost = 0.0
    for organ, volume in fluid.items():
        litres = people.column(volume)[0]
        source = "marrow_cxcl12_secretion" if organ == "marrow" else "blood_cxcl12_production"
        made += litres * people.column(source)[0]
        for species, rate in (
            ("cxcl12", "k_loss_cxcl12"),
            ("cxcl12_cxcr4", "k_loss_cxcl12_cxcr4"),
            ("cxcl12_ackr3", "k_scavenge_ackr3"),
        ):
            level = now.of(f"{organ}_{species}")[0, 0]
            lost += litres * people.column(f"{organ}_{rate}")[0] * level
    assert lost == pytest.approx(made, rel=1e-4)


VARIED = (
    "kd_antagonist_cxcr4",
    "koff_antagonist_cxcr4",
    "cl_antagonist",
    "v_antagonist",
    "body_weight",
    "creatinine_clearance",
    "marrow_cells",
    "marrow_cxcl12_secretion",
    "half_retention",
    "cd34_release_gain",
    "neutrophil_release_gain",
    "k_homing_lymphocyte",
    "slope_platinum",
    "filgrastim_neutrophil_gain",
)
powers = st.floats(-2, 2).map(lambda power: 10.0**power)


@settings(max_examples=15)
@given(
    drug=st.sampled_from(sorted(FIRST)),
    factors=st.tuples(*(powers for _ in VARIED)),
    dose=powers,
)
def test_extreme_but_legal_bodies_and_doses_give_finite_counts(drug, factors, dose):
    """A hundredth to a hundredfold of any of them: no overflow, nothing below zero."""
    people = volunteer(drug)
    people = people.with_columns(
        **{name: people.column(name) * factor for name, factor in zip(VARIED, factors, strict=True)}
    )
    doses = [
        *(
            bolus(item.target, item.amount * dose)
            for item in (*regimen_doses(drug, FIRST[drug]), *regimen_doses(*TRAP))
        ),
        bolus("filgrastim_depot", 37.0 * dose),
        *(
            bolus("cisplatin_pump", item.amount * dose)
            for item in regimen_doses("cisplatin", "definitive_75_mg_m2")
        ),
    ]
    outputs = [
        *("cd34_blood", "neutrophils_blood", "lymphocytes_blood", "treg_blood"),
        *("leukocytes_blood", "blood_cxcl12", "blood_cxcl12_total", "infection_rate"),
        *("marrow_retention", "chemo_dose_factor", "antagonist_central"),
        *(f"marrow_{name}" for name in CXCR4),
    ]
    result = course(people, np.array([0.1, 0.5, 1.0, 3.0, 10.0, 30.0]), outputs, doses)
    assert np.isfinite(result.values).all()
    for name in outputs:
        level = result.of(name)
        assert level.min() >= -1e-6 * max(1.0, np.abs(level).max()), name
