"""What blockade may change and what it may not: null world, dose 0, knock-outs, mirrored twins."""

from dataclasses import replace
from functools import cache

import numpy as np
import pytest

from cxaxis.cohort.population import central_theta, draw_patients
from cxaxis.cohort.sample import screen
from cxaxis.core.outcomes import require_success
from cxaxis.engine.population import PopulationEngine
from cxaxis.engine.protocol import Tolerances
from cxaxis.models.wiring import Wiring
from cxaxis.patient.course import DEPOSITS, SLOTS
from cxaxis.trial.pool import doses_of, schedule_of, simulate_arm
from science_support import (
    daily_plerixafor,
    eligible,
    in_model_units,
    infused_plerixafor,
    parameters_with,
    patient_model,
    plan_of,
    run,
)

N = 24
ROWS = parameters_with()
SCHEDULE = schedule_of(
    horizon_day=730.0, first_visit_day=84.0, visit_every_day=84.0, pharmacology_until_day=0.0
)
# Tighter than runs are: what differs between arms shall be the model's doing.
TIGHT = Tolerances(relative=1e-6, absolute=1e-6)
# Days by which an event may move when only the solver takes other steps; 0.7 at the tolerance of
# runs.
SOLVER_DAYS = 0.1
# What the solver leaves of a state that starts at nothing.
ROUNDING = 1e-12

# Without CXCR4 on tumour cells a bulk sample has no reference to be told by: it is not a number.
pytestmark = pytest.mark.filterwarnings("ignore:invalid value encountered in divide:RuntimeWarning")

NO_TUMOUR_CXCR4 = ("cxcr4_per_tumour_cell", 0.0)
NO_HOST_CXCR4 = ("cxcr4_per_host_cell", 0.0)
# Blockade moves cells of the blood whatever the causal share: nothing hangs on their counts.
COUNTS_DO_NOT_MATTER = (
    ("neutropenic_infection_rate", 0.0),
    ("lymphopenic_infection_rate", 0.0),
    ("b_niche_infection_rate", 0.0),
    ("dose_floor", 1.0 - 1e-12),
)


@cache
def course(dose: str, *changes, phi=None, wiring=None):
    """The course of the same patients under one arm, in a population with values changed."""
    prescriptions = {
        "control": (),
        "daily": (daily_plerixafor(240),),
        "daily_0": (daily_plerixafor(0),),
        "infusion": (infused_plerixafor(400),),
        "infusion_0": (infused_plerixafor(0),),
    }[dose]
    cohort = eligible(N, 5, *changes, wiring=wiring)
    found = simulate_arm(
        patient_model(*changes, wiring=wiring),
        cohort,
        plan_of(dose, *prescriptions),
        SCHEDULE,
        phi=phi,
        tolerances=TIGHT,
    )
    require_success(cohort.labels, found.result.outcomes)
    return found


def read(dose, outputs, *changes, days=(0.05, 10.0, 30.0, 51.0), wiring=None):
    """Named outputs of the first six of these patients on days of treatment."""
    cohort = eligible(N, 5, *changes, wiring=wiring).rows(range(6))
    plan = plan_of(dose, *(() if dose == "control" else (infused_plerixafor(400),)))
    result = run(
        patient_model(*changes, wiring=wiring),
        cohort.table,
        days,
        outputs,
        doses_of(plan, cohort).rows,
        tolerances=Tolerances(),
    )
    return {name: result.of(name) for name in outputs}


def test_patients_die_and_progress_in_this_sample():
    """Equal event days below mean something only if events happen."""
    for code in ("OS", "PFS"):
        assert np.isfinite(course("control").event_day[code]).sum() >= 6


def same_events(control, treated, *, within=SOLVER_DAYS):
    for code, days in control.event_day.items():
        seen = np.isfinite(days)
        assert np.array_equal(np.isfinite(treated.event_day[code]), seen), code
        assert treated.event_day[code][seen] == pytest.approx(days[seen], abs=within), code


@pytest.mark.parametrize("dose", ["daily_0", "infusion_0"])
def test_a_dose_of_nothing_is_control_patient_by_patient(dose):
    control, treated = course("control"), course(dose)
    for code, days in control.event_day.items():
        assert np.array_equal(treated.event_day[code], days), code
    assert np.array_equal(treated.result.values, control.result.values)
    assert np.array_equal(treated.death_cause, control.death_cause)
    assert np.array_equal(treated.course.seen.response, control.course.seen.response)


@pytest.mark.parametrize("dose", ["daily", "infusion"])
def test_in_the_null_world_no_arm_changes_an_event(dose):
    null = COUNTS_DO_NOT_MATTER
    same_events(course("control", *null, phi=0.0), course(dose, *null, phi=0.0))


HARMS = ("niche_release", "ackr3_survival", "leukocyte_field", "ligand_rebound")


@pytest.mark.parametrize("name", [*HARMS, "freed_ligand_vessels"])
def test_harms_are_zero_in_the_null_world(name):
    wiring = Wiring(**{name: "on"})
    null = COUNTS_DO_NOT_MATTER
    same_events(
        course("control", *null, phi=0.0, wiring=wiring),
        course("infusion", *null, phi=0.0, wiring=wiring),
    )


def test_the_drug_does_reach_its_receptor_in_the_null_world():
    outputs = ["tumour_antagonist_cxcr4", "stroma_signal", "cd34_blood", "stroma_drive"]
    null = (*COUNTS_DO_NOT_MATTER, ("phi", 0.0))
    control, treated = (read(dose, outputs, *null) for dose in ("control", "infusion"))
    assert (treated["tumour_antagonist_cxcr4"][:, 1:] > 0).all()
    assert np.abs(control["tumour_antagonist_cxcr4"]).max() < ROUNDING
    assert (treated["stroma_signal"][:, 1:] < 0.95 * control["stroma_signal"][:, 1:]).all()
    # Mobilisation is a read-out of the drug, not of the causal share.
    assert (treated["cd34_blood"][:, 1:] > 2 * control["cd34_blood"][:, 1:]).all()
    assert treated["stroma_drive"] == pytest.approx(control["stroma_drive"], rel=1e-6)


def test_in_the_null_world_blood_counts_alone_move_what_a_patient_dies_of():
    """With their consequences, hazards of treatment differ between arms; others hardly do."""
    control, treated = course("control", phi=0.0), course("infusion", phi=0.0)

    def change(name):
        before, after = (arm.result.of(name)[:, -1] for arm in (control, treated))
        return np.abs(after / before - 1).max()

    assert change("background_hazard") < 1e-9
    assert change("treatment_hazard") > 0.01
    # By the doses of chemotherapy that are cut after neutropenia.
    assert change("disease_hazard") < 0.1


def test_with_the_whole_effect_causal_arms_do_differ():
    whole = COUNTS_DO_NOT_MATTER
    control, treated = course("control", *whole, phi=1.0), course("infusion", *whole, phi=1.0)
    days = [np.minimum(arm.event_day["OS"], 730.0) for arm in (control, treated)]
    assert np.abs(days[1] - days[0]).max() > 10 * SOLVER_DAYS


_TUMOUR_PATHS = [
    *(f"{name}_drive" for name in ("positive_birth", "positive_death", "positive_stemness")),
    *(f"{name}_drive" for name in ("vegf", "foxm1", "stroma", "node_birth", "liver_birth")),
    *(f"{organ}_outgrowth_positive" for organ in ("node", "liver", "lung", "bone", "elsewhere")),
    "growth_drive",
]
_HOST_PATHS = ["marrow_retention", "marrow_retention_drive", "cd34_blood", "neutrophils_blood"]


def test_without_cxcr4_on_tumour_cells_host_effects_alone_remain():
    control, treated = (
        read(dose, [*_TUMOUR_PATHS, *_HOST_PATHS], NO_TUMOUR_CXCR4)
        for dose in ("control", "infusion")
    )
    for name in ("positive_birth_drive", "stroma_drive", "foxm1_drive"):
        assert treated[name] == pytest.approx(control[name], rel=1e-6, abs=1e-12), name
    assert (treated["cd34_blood"][:, 1:] > 2 * control["cd34_blood"][:, 1:]).all()
    assert (treated["marrow_retention"][:, 1:] < 0.9 * control["marrow_retention"][:, 1:]).all()


def test_without_cxcr4_on_host_cells_tumour_effects_alone_remain():
    control, treated = (
        read(dose, [*_TUMOUR_PATHS, *_HOST_PATHS], NO_HOST_CXCR4)
        for dose in ("control", "infusion")
    )
    for name in ("marrow_retention", "marrow_retention_drive", "cd34_blood"):
        assert treated[name] == pytest.approx(control[name], rel=1e-6, abs=1e-12), name
    for name in ("positive_birth_drive", "stroma_drive", "growth_drive"):
        assert (treated[name][:, 1:] < control[name][:, 1:]).all(), name


@pytest.mark.parametrize("dose", ["daily", "infusion"])
def test_without_cxcr4_anywhere_no_event_moves(dose):
    both = (NO_TUMOUR_CXCR4, NO_HOST_CXCR4)
    control, treated = course("control", *both), course(dose, *both)
    assert np.isfinite(control.event_day["PFS"]).any()
    same_events(control, treated)


def test_what_had_spread_before_diagnosis_is_the_same_in_every_arm():
    """Day 0 is read before any dose: the states of the patients are those of the cohort."""
    names = [f"{slot}_present" for slot in SLOTS] + [f"{organ}_hazard" for organ in DEPOSITS]
    found = {dose: read(dose, names, days=(0.0, 30.0)) for dose in ("control", "infusion")}
    cohort = eligible(N, 5).rows(range(6))
    for name in names:
        for values in found.values():
            assert values[name][:, 0] == pytest.approx(cohort.table.column(name), rel=1e-12), name


def mirrored(cohort_rows):
    """The rows with CXCR4 of every patient mirrored about the population's median."""
    rows = dict(cohort_rows)
    for name in ("cxcr4_per_tumour_cell", "positive_odds"):
        rows[name] = replace(rows[name], omega=-rows[name].omega)
    return rows


def test_a_mirrored_twin_has_the_other_cxcr4_and_every_other_draw():
    rows, model = parameters_with(), patient_model()
    theta = central_theta(rows)
    one = draw_patients(model, rows, theta, range(8), seed=3)
    twin = draw_patients(model, mirrored(rows), theta, range(8), seed=3)
    differing = {
        name for name in one.names if not np.array_equal(one.column(name), twin.column(name))
    }
    bound = {model.bindings[name] for name in differing}
    assert bound == {"cxcr4_per_tumour_cell", "positive_odds"}
    for name in differing:
        median = in_model_units(model, name)
        assert one.column(name) * twin.column(name) == pytest.approx(np.full(8, median**2))


def test_without_an_effect_of_cxcr4_mirrored_twins_live_alike():
    """What sets twins apart is what cells do with CXCR4 and nothing that staining would see."""
    deaf = (
        ("cxcr4_growth_effect", 0.0),
        ("cxcr4_seeding_effect", 0.0),
        ("cxcr4_outgrowth_effect", 0.0),
        ("vegf_effect", 0.0),
        ("cxcr4_share_of_fibroblasts", 1e-12),
        ("cxcr4_share_of_treg", 1e-12),
        ("cxcr4_share_of_pdc", 1e-12),
        ("cxcr4_share_of_progenitors", 1e-12),
        ("cxcr4_share_of_lymphatics", 1e-12),
        ("exclusion_gain", 0.0),
        ("stroma_protection", 1e-12),
        ("host_share_of_repair", 1e-12),
        ("phi", 1.0),
    )
    rows, model = parameters_with(*deaf), patient_model(*deaf)
    theta = central_theta(rows)
    engine = PopulationEngine()
    twins = [
        screen(model, change, theta, range(6), engine, seed=3)
        for change in (dict(rows), mirrored(rows))
    ]
    own, other = (block.covariates["days_from_inception"] for block in twins)
    heard, unheard = (
        screen(patient_model(), change, central_theta(ROWS), range(6), engine, seed=3).covariates[
            "days_from_inception"
        ]
        for change in (dict(ROWS), mirrored(ROWS))
    )
    # Stemness, which differentiation sets from CXCR4, is what is left of the difference.
    assert np.abs(np.log(own / other)).max() < 0.2 * np.abs(np.log(heard / unheard)).max()
