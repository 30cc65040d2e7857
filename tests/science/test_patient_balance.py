"""The patient's books: drug, ligand and receptor kept; harms, T cells, vessels, operations."""

from functools import cache

import numpy as np
import pytest

from cxaxis.cohort.overrides import with_values
from cxaxis.core.errors import ModelValueError, SimulationFailedError, UserInputError
from cxaxis.engine.doses import Dose
from cxaxis.knowledge.parameters import load_parameters
from cxaxis.models.wiring import PATIENT_WIRINGS, switches_of
from cxaxis.patient.course import PATIENT_TOLERANCES, SLOTS
from cxaxis.patient.regimen import Body, dose_rows
from cxaxis.trial.pool import ArmPlan
from science_support import (
    NO_HARM,
    bolus,
    daily_plerixafor,
    diagnosed,
    found_patient,
    in_model_units,
    infusion,
    patient_model,
    plan_of,
    run,
)

MODEL = patient_model()
FLUIDS = ("tumour", "marrow", "blood")
DAYS = np.array([0.0, 0.3, 2.0, 7.0, 40.0])

# Where every molecule of a drug can be.
PLACES = {
    "antagonist": (
        *(f"antagonist_{where}" for where in ("depot", "unabsorbed", "cleared", "degraded")),
        *(f"antagonist_{where}" for where in ("central", "peripheral", "tumour")),
        *(f"{fluid}_antagonist_cxcr4" for fluid in FLUIDS),
        *(f"{fluid}_antagonist_cxcl12_cxcr4" for fluid in FLUIDS),
    ),
    "neutraliser": (
        *(f"neutraliser_{where}" for where in ("central", "tumour", "cleared")),
        *(f"{fluid}_cxcl12_neutraliser" for fluid in FLUIDS),
    ),
    "checkpoint": tuple(
        f"checkpoint_{where}" for where in ("central", "peripheral", "deep", "cleared")
    ),
    "cisplatin": tuple(
        f"cisplatin_{where}"
        for where in ("pump", "withheld", "central", "peripheral", "bound", "cleared")
    ),
    "carboplatin": tuple(
        f"carboplatin_{where}" for where in ("pump", "withheld", "central", "cleared")
    ),
    "fluorouracil": tuple(
        f"fluorouracil_{where}" for where in ("pump", "withheld", "central", "cleared")
    ),
    "paclitaxel": tuple(
        f"paclitaxel_{where}"
        for where in ("pump", "withheld", "central", "tissue", "deep", "cleared")
    ),
    "chloroquine": tuple(
        f"chloroquine_{where}"
        for where in ("depot", "unabsorbed", "central", "peripheral", "cleared")
    ),
    "filgrastim": tuple(
        f"filgrastim_{where}" for where in ("depot", "unabsorbed", "central", "cleared")
    ),
}
# A neutraliser bound to its ligand is lost with it, which nothing counts.
KEPT = {
    "k_loss_neutraliser_complex": 0.0,
    "allosteric_antagonist": [0.0, 1.0, 0.0],
    "degraded_antagonist": [0.0, 0.5, 1.0],
}


@cache
def dosed():
    """Every drug at once, in bodies whose antagonist binds and is digested in several ways."""
    doses = [bolus(places[0], 2e4) for places in PLACES.values()]
    outputs = [f"amount({place})" for places in PLACES.values() for place in places]
    return run(MODEL, found_patient(**KEPT), [1e-6, *DAYS[1:]], outputs, doses)


@pytest.mark.parametrize("drug", PLACES)
def test_every_molecule_of_a_drug_is_somewhere(drug):
    amounts = np.stack([dosed().of(f"amount({place})") for place in PLACES[drug]])
    assert amounts.sum(axis=0) == pytest.approx(np.full((3, len(DAYS)), 2e4), rel=1e-5)
    assert (amounts >= -1e-3).all()
    # It moved: the books are not closed because nothing happened.
    assert (amounts[0, :, -1] < 0.9 * 2e4).all()


def test_every_slot_and_every_drug_with_states_is_in_the_books():
    booked = {place for places in PLACES.values() for place in places}
    drugs = {name for name in MODEL.species if any(drug in name for drug in PLACES)}
    assert drugs == booked


def test_a_digested_antagonist_is_lost_with_the_receptor():
    lost = dosed().of("amount(antagonist_degraded)")[:, -1]
    assert lost[0] == 0
    assert lost[1] > 0
    assert lost[2] > 0


# Ligand and receptor

LIGAND = ("cxcl12", "cxcl12_cxcr4", "cxcl12_ackr3", "cxcl12_neutraliser", "antagonist_cxcl12_cxcr4")
RECEPTOR = ("cxcr4", "cxcl12_cxcr4", "antagonist_cxcr4", "antagonist_cxcl12_cxcr4")
SCAVENGER = ("ackr3", "cxcl12_ackr3")
CLOSED = {
    "cxcl12_secretion_fibroblast": 0.0,
    "cxcl12_secretion_tumour_cell": 0.0,
    "marrow_cxcl12_secretion": 0.0,
    "blood_cxcl12_production": 0.0,
    "loss_antagonist_cxcr4": 0.0,
    "k_loss_neutraliser_complex": 0.0,
    "allosteric_antagonist": 1.0,
    **{
        f"{fluid}_{rate}": 0.0
        for fluid in FLUIDS
        for rate in (
            "k_loss_cxcl12",
            "k_loss_cxcl12_cxcr4",
            "k_scavenge_ackr3",
            "k_turnover_cxcr4",
        )
    },
}


@cache
def closed():
    """No molecule of ligand or receptor is made or lost, while two drugs push them about."""
    outputs = [
        f"amount({fluid}_{name})" for fluid in FLUIDS for name in {*LIGAND, *RECEPTOR, *SCAVENGER}
    ]
    doses = [bolus("antagonist_depot", 3e4), bolus("neutraliser_central", 3e3)]
    return run(MODEL, found_patient(**CLOSED), DAYS, outputs, doses)


def held(fluid, names):
    return np.sum([closed().of(f"amount({fluid}_{name})")[0] for name in names], axis=0)


def test_ligand_is_kept_where_none_is_made_or_lost():
    """In the tumour, and in marrow and blood together: ligand leaks from one to the other."""
    for total in (held("tumour", LIGAND), held("marrow", LIGAND) + held("blood", LIGAND)):
        assert total == pytest.approx(np.full(len(DAYS), total[0]), rel=1e-6)
    assert held("marrow", LIGAND)[-1] < held("marrow", LIGAND)[0]
    moved = closed().of("amount(tumour_cxcl12)")[0]
    assert moved.min() < 0.7 * moved[0]


@pytest.mark.parametrize("fluid", FLUIDS)
@pytest.mark.parametrize("names", [RECEPTOR, SCAVENGER], ids=["CXCR4", "ACKR3"])
def test_receptors_are_kept_where_none_is_made_or_lost(fluid, names):
    total = held(fluid, names)
    assert total == pytest.approx(np.full(len(DAYS), total[0]), rel=1e-6)
    assert total[0] > 0


@pytest.mark.parametrize("fluid", FLUIDS)
def test_at_rest_as_much_ligand_and_receptor_is_lost_as_made(fluid):
    outputs = [f"{fluid}_{name}" for name in (*LIGAND, *RECEPTOR, "cxcl12_production")]
    outputs += ["marrow_cxcl12", f"{fluid}_cxcr4_density"]
    found = run(MODEL, found_patient(), [0.0], list(dict.fromkeys(outputs)))

    def level(name):
        return found.of(name)[0, 0]

    def rate(name):
        return in_model_units(MODEL, f"{fluid}_{name}")

    made = level(f"{fluid}_cxcl12_production")
    spill = in_model_units(MODEL, "k_marrow_spill") * level("marrow_cxcl12")
    if fluid == "blood":
        made += (
            spill * in_model_units(MODEL, "marrow_fluid") / in_model_units(MODEL, "plasma_fluid")
        )
    lost = (
        rate("k_loss_cxcl12") * level(f"{fluid}_cxcl12")
        + rate("k_loss_cxcl12_cxcr4") * level(f"{fluid}_cxcl12_cxcr4")
        + rate("k_scavenge_ackr3") * level(f"{fluid}_cxcl12_ackr3")
        + (spill if fluid == "marrow" else 0.0)
    )
    assert lost == pytest.approx(made, rel=1e-2)
    turnover = rate("k_turnover_cxcr4")
    gone = turnover * level(f"{fluid}_cxcr4") + rate("k_loss_cxcl12_cxcr4") * level(
        f"{fluid}_cxcl12_cxcr4"
    )
    assert gone == pytest.approx(turnover * level(f"{fluid}_cxcr4_density"), rel=1e-2)


# Extremes

COVARIATES = (
    "body_weight",
    "creatinine_clearance",
    "cxcr4_per_tumour_cell",
    "cxcr4_per_host_cell",
    "cells_at_diagnosis",
    "fibroblast_density",
    "neutrophil_baseline",
    "lymphocyte_baseline",
    "cxcl12_secretion_fibroblast",
    "marrow_cxcl12_secretion",
    "kd_antagonist_cxcr4",
    "cl_antagonist",
    "alpha_tumour",
)
READ = ("tumour_cells", "killed_cells", "death_hazard", "cd34_blood", "neutrophils_blood")
READ += ("blood_cxcl12", "cxcr4_occupancy", "distant_burden", "antagonist_central")


def one_at_a_time():
    """Changes of each covariate to a hundredth and to a hundred times, one patient each."""
    n = 2 * len(COVARIATES)
    found = {}
    for k, name in enumerate(COVARIATES):
        values = np.full(n, in_model_units(MODEL, name))
        values[2 * k] /= 100
        values[2 * k + 1] *= 100
        found[name] = values
    return found


def everything(plan: ArmPlan, scale=1.0, patient=0):
    body = Body(weight_kg=62.0, height_cm=168.0, creatinine_clearance_mL_min=81.0)
    for drug, regimen in plan.regimens:
        for dose in dose_rows(drug, regimen, body, patient=patient):
            yield Dose(
                patient=patient,
                time=dose.time,
                target=dose.target,
                amount=dose.amount * scale,
                duration=dose.duration,
            )


def demonstration_arm():
    return plan_of("daily", daily_plerixafor(240.0))


def assert_sound(found):
    for name in READ:
        values = found.of(name)
        assert np.isfinite(values).all(), name
        assert (values >= -1e-4 * np.abs(values).max(axis=1, keepdims=True)).all(), name
    assert (found.of("cxcr4_occupancy") <= 1).all()


def test_bodies_a_hundred_times_off_give_finite_answers_under_treatment():
    patients = diagnosed(**one_at_a_time()).patients
    doses = [
        dose for k in range(patients.n_patient) for dose in everything(demonstration_arm(), 1.0, k)
    ]
    found = run(
        MODEL, patients, [0.0, 20.0, 60.0, 120.0], READ, doses, tolerances=PATIENT_TOLERANCES
    )
    assert_sound(found)


def test_doses_a_hundred_times_off_give_finite_answers():
    scales = (0.01, 0.1, 1.0, 10.0, 100.0)
    patients = found_patient(phi=np.ones(len(scales)))
    doses = [d for k, scale in enumerate(scales) for d in everything(demonstration_arm(), scale, k)]
    found = run(
        MODEL, patients, [0.0, 20.0, 60.0, 365.0], READ, doses, tolerances=PATIENT_TOLERANCES
    )
    assert_sound(found)
    day_20 = found.of("cxcr4_occupancy")[:, 1]
    assert (np.diff(day_20) > 0).all()
    assert found.of("tumour_cells")[-1, -1] == 0


@pytest.mark.parametrize(
    ("changes", "doses", "message"),
    [
        ({}, [("rt", -1.0)], r"dose row 0 \(rt\): .*non-negative"),
        ({}, [("rt", np.inf)], r"dose row 0 \(rt\): .*finite"),
        ({}, [("rtt", 1.0)], r"'rtt'.*Did you mean"),
        ({"body_wieght": 70.0}, [], r"'body_wieght'.*Did you mean body_weight"),
    ],
)
def test_what_is_illegal_is_refused_and_named(changes, doses, message):
    with pytest.raises(ModelValueError, match=message):
        run(
            MODEL,
            found_patient().with_columns(**changes),
            [1.0],
            ["tumour_log"],
            [bolus(target, amount) for target, amount in doses],
        )


@pytest.mark.parametrize(
    ("row", "value"), [("body_weight", -70.0), ("loss_factor_at_diagnosis", 1.5), ("phi", np.nan)]
)
def test_an_illegal_body_is_refused_with_the_name_of_its_row(row, value):
    with pytest.raises(UserInputError, match=row):
        with_values(load_parameters(), {row: value})


def test_a_body_of_no_weight_fails_alone_and_is_named():
    with pytest.raises(SimulationFailedError, match=r"(?s)1 of 2 virtual patients failed.*1:"):
        run(MODEL, found_patient(body_weight=[62.0, 0.0]), [1.0], ["antagonist_central"], ANY_DOSE)


ANY_DOSE = [bolus("antagonist_central", 1e4)]


# Harms

FIRST, LAST, END = 0.0, 40.0, 120.0
HARM_DAYS = np.array([0.0, 1.0, 10.0, 40.0, 50.0, 80.0, END])
SWITCHES = {name: switches_of(name)[0] for name in PATIENT_WIRINGS}
GAIN = {
    "niche_release": "niche_release_gain",
    "ackr3_survival": "ackr3_growth_effect",
    "ligand_rebound": "rebound_gain",
    "freed_ligand_vessels": "freed_ligand_gain",
}
HARMED = {
    "niche_release": ("liver_hazard", END),
    "ackr3_survival": ("tumour_log", LAST),
    "ligand_rebound": ("tumour_cxcl12", 50.0),
    "freed_ligand_vessels": ("progenitors", LAST),
    "leukocyte_field": ("treatment_hazard", END),
}


@cache
def harms(phi, treated):
    """The typical patient with no harm, no harm of a large gain, and each harm in turn.

    Fibroblasts hear nothing of CXCR4, so that blockade frees ligand and does not starve it.
    """
    n = 2 + len(SWITCHES)
    changes = {switch: np.zeros(n) for switch in NO_HARM}
    for k, switch in enumerate(SWITCHES.values()):
        changes[switch][2 + k] = 1.0
    for gain in GAIN.values():
        changes[gain] = np.full(n, in_model_units(MODEL, gain))
        changes[gain][1] *= 10.0
    patients = found_patient(phi=np.full(n, phi), cxcr4_share_of_fibroblasts=0.0, **changes)
    # Too little radiation to move anything but the counter of injuries.
    doses = [bolus("rt", 1e-3, day) for day in range(38) if day % 7 < 5]
    if treated:
        doses += [infusion("antagonist_central", 4.9e4 * LAST, LAST)]
    outputs = [f"amount({s})" if s in MODEL.species else s for s in MODEL.states]
    outputs += ["tumour_cxcl12"]
    return run(MODEL, patients, HARM_DAYS, outputs, doses)


def gained(name, phi, treated):
    """What a harm adds to its own output, and that output without it."""
    output, day = HARMED[name]
    row, at = 2 + list(SWITCHES).index(name), int(np.argmax(day <= HARM_DAYS))
    values = harms(phi, treated).of(output)[:, at]
    return values[row] - values[0], values[0]


def test_a_harm_that_is_off_leaves_every_state_as_it_was():
    found = harms(1.0, True)
    assert np.array_equal(found.values[0], found.values[1])


@pytest.mark.parametrize("name", HARMED)
def test_a_harm_that_is_on_does_its_harm_and_does_it_under_blockade(name):
    under, without = gained(name, 1.0, True), gained(name, 1.0, False)
    # More than the solver can make of it.
    assert under[0] > 1e-5 * abs(under[1])
    assert abs(without[0]) < 0.5 * under[0]


@pytest.mark.parametrize("name", HARMED)
def test_no_harm_reaches_a_tumour_whose_cxcr4_is_a_bystander(name):
    gain, level = gained(name, 0.0, True)
    assert abs(gain) <= 1e-6 * abs(level)


# T cells


PD1 = [bolus("checkpoint_central", 1300.0, 21.0 * k) for k in range(6)]
BLOCKADE = [infusion("antagonist_central", 4.9e4 * 90.0, 90.0)]
MONTHS = np.array([0.0, 10.0, 30.0, 60.0, 90.0])
T_CELLS = ["cd8", "treg", "kill_immune", "tumour_log", "pd1_blockade", "exclusion", "stroma_ratio"]


@cache
def immune(*, pd1=False, blockade=False, **changes):
    doses = [*(PD1 if pd1 else []), *(BLOCKADE if blockade else [])]
    return run(
        MODEL,
        found_patient(**{"phi": 1.0, **changes}),
        MONTHS,
        T_CELLS,
        doses,
        tolerances=PATIENT_TOLERANCES,
    )


def test_anti_pd1_makes_t_cells_kill_and_slows_growth():
    control, treated = immune(), immune(pd1=True)
    assert (treated.of("pd1_blockade")[0, 1:] > 0.8).all()
    assert (treated.of("kill_immune")[0, 1:] > control.of("kill_immune")[0, 1:]).all()
    assert treated.of("kill_immune")[0, 1] > 1e-4
    assert treated.of("tumour_log")[0, -1] < control.of("tumour_log")[0, -1]


def test_anti_pd1_does_more_where_pdl1_is_higher():
    patients = diagnosed(pdl1_score=[0.5, 10.0, 100.0]).patients
    kill = run(MODEL, patients, [30.0], T_CELLS, PD1, tolerances=PATIENT_TOLERANCES)
    assert (np.diff(kill.of("kill_immune")[:, 0]) > 0).all()


def test_a_host_without_t_cells_ignores_anti_pd1():
    control = immune(host_lacks_t_cells=1.0)
    treated = immune(pd1=True, host_lacks_t_cells=1.0)
    assert (treated.of("kill_immune") == 0).all()
    assert treated.of("tumour_log") == pytest.approx(control.of("tumour_log"), rel=1e-3, abs=1e-4)
    assert treated.of("pd1_blockade")[0, 1] > 0.8


def test_blockade_lets_t_cells_in_that_cxcl12_kept_out():
    control, treated = immune(), immune(blockade=True)
    assert (treated.of("exclusion")[0, 1:] < control.of("exclusion")[0, 1:]).all()
    assert (treated.of("cd8")[0, 2:] > 1.01 * control.of("cd8")[0, 2:]).all()
    # Without exclusion there is nothing to let in.
    open_wide = [immune(blockade=b, exclusion_gain=0.0).of("cd8")[0] for b in (False, True)]
    assert open_wide[1] == pytest.approx(open_wide[0], rel=1e-3)


def test_more_cxcl12_keeps_more_t_cells_out():
    usual = in_model_units(MODEL, "cxcl12_secretion_fibroblast")
    found = diagnosed(cxcl12_secretion_fibroblast=[0.1 * usual, usual, 10.0 * usual])
    assert (np.diff(found.patients.column("cd8")) < 0).all()


def test_a_bystander_axis_lets_no_t_cells_in():
    control, treated = (immune(blockade=b, phi=0.0).of("cd8") for b in (False, True))
    assert treated == pytest.approx(control, rel=1e-3)


# Vessels


def test_vessels_lost_to_radiation_come_back_slower_under_blockade():
    days = np.array([0.0, 10.0, 40.0, 80.0, 120.0])
    fractions = [bolus("rt", 2.0, 0.1 * k) for k in range(20)]
    patient = found_patient(phi=1.0, vessel_damage=0.05)
    control, treated = (
        run(
            MODEL,
            patient,
            days,
            ["vessels", "myeloid", "repair", "vessel_aim"],
            [*fractions, *given],
            tolerances=PATIENT_TOLERANCES,
        )
        for given in ([], [infusion("antagonist_central", 4.9e4 * 120.0, 120.0)])
    )
    assert control.of("vessels")[0, 1] < 0.6 * control.of("vessels")[0, 0]
    assert control.of("vessels")[0, -1] > 1.1 * control.of("vessels")[0, 1]
    assert (treated.of("repair")[0, 1:] < control.of("repair")[0, 1:]).all()
    assert (treated.of("myeloid")[0, 1:] < control.of("myeloid")[0, 1:]).all()
    assert (treated.of("vessels")[0, 2:] < control.of("vessels")[0, 2:]).all()


# Founders


def arrived(**changes):
    """A patient in whom a founder came to the first slot of every organ long ago."""
    columns = {}
    for slot in SLOTS:
        if slot.endswith("_1"):
            columns |= {f"{slot}_draw": 0.5, f"{slot}_present": 1.0, f"{slot}_log_size": 8.0}
            columns |= {f"{slot.removesuffix('_1')}_hazard": 1.0, f"{slot}_positive": 1.0}
    return found_patient(**{**columns, **changes})


def test_metastases_keep_the_type_of_their_founder():
    """The chance of a type moves with every signal; a founder's type is drawn once."""
    firsts = [slot for slot in SLOTS if slot.endswith("_1")]
    columns = {f"{slot}_type_draw": [1e-6, 1 - 1e-6] for slot in firsts}
    columns |= {f"{slot}_draw": 1e-12 for slot in firsts}
    patients = diagnosed(**columns, phi=1.0).patients
    doses = [infusion("antagonist_central", 4.9e4 * 100.0, 100.0)]
    outputs = [f"{slot}_positive" for slot in firsts] + ["liver_positive_arriving"]
    found = run(
        MODEL, patients, np.linspace(0, 300, 7), outputs, doses, tolerances=PATIENT_TOLERANCES
    )
    for slot in firsts:
        assert (found.of(f"{slot}_positive")[0] == 1).all(), slot
        assert (found.of(f"{slot}_positive")[1] == 0).all(), slot
    share = found.of("liver_positive_arriving")
    assert (share.max(axis=1) > 1.001 * share.min(axis=1)).all()


def test_a_founder_with_cxcr4_grows_faster_and_blockade_slows_that_one_alone():
    # T cells, which blockade lets in everywhere, would hide it.
    patients = arrived(phi=1.0, kill_per_cd8=0.0, liver_1_positive=[1.0, 0.0])
    control, treated = (
        run(
            MODEL, patients, [0.0, 60.0], ["liver_1_cells"], given, tolerances=PATIENT_TOLERANCES
        ).of("liver_1_cells")
        for given in ([], [infusion("antagonist_central", 4.9e4 * 60.0, 60.0)])
    )
    growth = np.log(control[:, 1] / control[:, 0])
    slowed = np.log(treated[:, 1] / treated[:, 0])
    assert growth[0] > growth[1] > 0
    assert slowed[0] < growth[0] - 0.05 * abs(growth[0])
    assert growth[1] - slowed[1] < 0.5 * (growth[0] - slowed[0])


def test_an_aggregate_below_its_draw_is_nobody_and_does_not_grow():
    """Without seeding or killing it stays what it is; above the draw it grows."""
    rest = {"liver_aggregate_open": 1.0, "seeding_rate_blood": 0.0, "kill_per_cd8": 0.0}
    patients = found_patient(
        **rest, liver_aggregate_clonogens=0.2, liver_aggregate_extinction_draw=[0.3, 0.1]
    )
    found = run(MODEL, patients, [0.0, 100.0], ["liver_aggregate_clonogens"])
    below, above = found.of("liver_aggregate_clonogens")
    assert below == pytest.approx([0.2, 0.2], rel=1e-6)
    assert above[1] > 1.5 * above[0]


def test_an_aggregate_dies_out_when_less_than_its_draw_is_left():
    """Ten Gray leave an expected few hundredths of five clonogens in the nodes of the field."""
    young = {f"{organ}_aggregate_clonogens": 5.0 for organ in ("node", "liver")}
    young |= {f"{organ}_aggregate_open": 1.0 for organ in ("node", "liver")}
    young |= {f"{organ}_aggregate_extinction_draw": [0.3, 0.0] for organ in ("node", "liver")}
    outputs = ["node_aggregate_clonogens", "liver_aggregate_clonogens"]
    patient = found_patient(**young, seeding_rate_lymph=0.0, seeding_rate_blood=0.0)
    found = run(MODEL, patient, [0.5, 60.0], outputs, [bolus("rt", 10.0)])
    assert found.of("node_aggregate_clonogens")[0].tolist() == [0, 0]
    left = found.of("node_aggregate_clonogens")[1]
    assert 0 < left[0] < 0.3
    assert left[1] > left[0]
    # Radiation does not reach the liver.
    assert (found.of("liver_aggregate_clonogens") > 5).all()


# Operations


def operated(day=10.0, **changes):
    nodes = {
        f"node_{k}_dissection_draw": draw
        for k, draw in zip((1, 2, 3), (0.1, 0.9999, 0.1), strict=True)
    }
    seeded = {f"node_{k}_present": 1.0 for k in (1, 2)}
    seeded |= {f"node_{k}_log_size": 10.0 for k in (1, 2)}
    outputs = ["tumour_cells", "killed_cells", "tumour_present", "operated", "operative_hazard"]
    outputs += [f"node_{k}_present" for k in (1, 2, 3)]
    outputs += ["death_hazard", "node_aggregate_clonogens", "distant_burden"]
    return run(
        MODEL,
        found_patient(**{**nodes, **seeded, "node_aggregate_clonogens": 1e4, **changes}),
        [day - 0.01, day + 1.0, day + 400.0],
        outputs,
        [bolus("resection", 1.0, day)],
        tolerances=PATIENT_TOLERANCES,
    )


def test_a_complete_resection_leaves_no_primary():
    found = operated(margin_draw=1.0)
    assert found.of("tumour_cells")[0, 0] > 1e8
    assert found.of("tumour_cells")[0, 1:].tolist() == [0, 0]
    assert found.of("killed_cells")[0, 1] == pytest.approx(0, abs=1)
    assert found.of("operated")[0].tolist() == [0, 1, 1]


def test_resection_takes_what_a_complete_response_has_left():
    """Where no clonogen lives, killed cells are still there and leave with the organ."""
    found = operated(margin_draw=0.0, tumour_present=0.0, killed_ratio=0.3, k_clear_killed=0.0)
    assert found.of("killed_cells")[0, 0] > 1e8
    assert found.of("killed_cells")[0, 1:] == pytest.approx([0, 0], abs=1)
    assert found.of("tumour_cells")[0].tolist() == [0, 0, 0]


def test_an_incomplete_resection_leaves_the_rest_at_the_margin_which_grows_back():
    found = operated(margin_draw=0.0)
    rest = in_model_units(MODEL, "residual_margin_cells")
    cells = found.of("tumour_cells")[0]
    assert 0.5 * rest < cells[1] < 2 * rest
    assert cells[2] > 3 * cells[1]


def test_the_larger_tumour_is_the_likelier_to_leave_a_rest():
    risk = run(MODEL, found_patient(tumour_log=[-4.0, 0.0, 2.0]), [0.0], ["margin_risk"]).values[
        :, 0, 0
    ]
    assert 0 < risk[0] < risk[1] < risk[2] < 1


def test_dissection_takes_the_stations_it_reaches():
    found = operated(margin_draw=1.0)
    assert found.of("node_1_present")[0].tolist() == [1, 0, 0]
    assert found.of("node_2_present")[0].tolist() == [1, 1, 1]
    left = 1 - in_model_units(MODEL, "dissected_share")
    before, after = found.of("node_aggregate_clonogens")[0, :2]
    assert after / before == pytest.approx(left, rel=0.3)


def test_the_operated_run_the_risk_of_the_operation():
    found = operated(margin_draw=1.0)
    mortality = in_model_units(MODEL, "operative_mortality")
    assert found.of("operative_hazard")[0].tolist() == pytest.approx(
        [0, -np.log(1 - mortality), -np.log(1 - mortality)], abs=1e-12
    )
    risen = found.of("death_hazard")[0, 1] - found.of("death_hazard")[0, 0]
    assert risen > -np.log(1 - mortality)
    assert 0 < mortality < 0.15


def test_no_operation_is_begun_where_distant_disease_is_seen():
    seen = {"liver_1_present": 1.0, "liver_1_log_size": 14.0}
    found = operated(margin_draw=1.0, **seen)
    assert found.of("distant_burden")[0, 0] > in_model_units(MODEL, "visible_cells")
    assert found.of("operated")[0].tolist() == [0, 0, 0]
    assert (found.of("tumour_cells")[0] > 1e8).all()
    assert found.of("operative_hazard")[0].tolist() == [0, 0, 0]
    assert found.of("node_1_present")[0].tolist() == [1, 1, 1]
