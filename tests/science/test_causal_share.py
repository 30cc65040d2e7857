"""What blockade may change and what it may not: null world, dose 0, knock-outs, harms."""

from functools import cache

import numpy as np
import pytest

from cxaxis.core.outcomes import require_success
from cxaxis.engine.protocol import Tolerances
from cxaxis.models.wiring import Wiring
from cxaxis.trial.pool import doses_of, schedule_of, simulate_arm
from science_support import (
    bolus,
    daily_plerixafor,
    eligible,
    in_model_units,
    infused_plerixafor,
    patient_model,
    plan_of,
    run,
    table,
)

N = 24
SCHEDULE = schedule_of(
    horizon_day=730.0, first_visit_day=84.0, visit_every_day=84.0, pharmacology_until_day=0.0
)
# Days by which an event may move when only the solver's steps differ; the largest found is 0.03.
SOLVER_DAYS = 0.1
# What the solver leaves of a state that starts at nothing.
ROUNDING = 1e-12

NO_TUMOUR_CXCR4 = ("cxcr4_per_tumour_cell", 0.0)
NO_HOST_CXCR4 = ("cxcr4_per_host_cell", 0.0)


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


@pytest.mark.parametrize("dose", ["daily_0", "infusion_0"])
def test_a_dose_of_nothing_is_control_patient_by_patient(dose):
    control, treated = course("control"), course(dose)
    for code, days in control.event_day.items():
        assert np.array_equal(treated.event_day[code], days), code
    assert np.array_equal(treated.result.values, control.result.values)
    assert np.array_equal(treated.assessment.response, control.assessment.response)


@pytest.mark.parametrize("dose", ["daily", "infusion"])
def test_in_the_null_world_no_arm_changes_an_event(dose):
    control, treated = course("control", phi=0.0), course(dose, phi=0.0)
    for code, days in control.event_day.items():
        seen = np.isfinite(days)
        assert np.array_equal(np.isfinite(treated.event_day[code]), seen), code
        assert treated.event_day[code][seen] == pytest.approx(days[seen], abs=SOLVER_DAYS), code


@pytest.mark.parametrize("wiring", [Wiring(niche_release="on"), Wiring(ackr3_survival="on")])
def test_harms_are_zero_in_the_null_world(wiring):
    control = course("control", phi=0.0, wiring=wiring)
    treated = course("infusion", phi=0.0, wiring=wiring)
    for code, days in control.event_day.items():
        seen = np.isfinite(days)
        assert np.array_equal(np.isfinite(treated.event_day[code]), seen), code
        assert treated.event_day[code][seen] == pytest.approx(days[seen], abs=SOLVER_DAYS), code


def test_the_drug_does_reach_its_receptor_in_the_null_world():
    outputs = ["tumour_antagonist_cxcr4", "tumour_signal", "cd34_blood", "tumour_drive"]
    null = (("phi", 0.0),)
    control, treated = (read(dose, outputs, *null) for dose in ("control", "infusion"))
    assert (treated["tumour_antagonist_cxcr4"][:, 1:] > 0).all()
    assert np.abs(control["tumour_antagonist_cxcr4"]).max() < ROUNDING
    assert (treated["tumour_signal"][:, 1:] < 0.95 * control["tumour_signal"][:, 1:]).all()
    # Mobilisation is a read-out of the drug, not of the causal share.
    assert (treated["cd34_blood"][:, 1:] > 2 * control["cd34_blood"][:, 1:]).all()
    assert treated["tumour_drive"] == pytest.approx(control["tumour_drive"], rel=1e-9)


def test_with_the_whole_effect_causal_arms_do_differ():
    control, treated = course("control", phi=1.0), course("infusion", phi=1.0)
    days = [np.minimum(arm.event_day["OS"], 730.0) for arm in (control, treated)]
    assert np.abs(days[1] - days[0]).max() > 10 * SOLVER_DAYS


_TUMOUR_PATHS = [
    *(f"{name}_signal" for name in ("tumour", "node", "liver", "lung", "bone")),
    *(f"{name}_drive" for name in ("tumour", "node", "liver", "lung", "bone")),
    *(f"{name}_outgrowth" for name in ("node", "liver", "lung", "bone")),
    "growth_drive",
]
_HOST_PATHS = ["marrow_signal", "marrow_drive", "cd34_blood", "host_repair", "vessels"]


def test_without_cxcr4_on_tumour_cells_host_effects_alone_remain():
    control, treated = (
        read(dose, [*_TUMOUR_PATHS, *_HOST_PATHS], NO_TUMOUR_CXCR4)
        for dose in ("control", "infusion")
    )
    for name in _TUMOUR_PATHS:
        assert treated[name] == pytest.approx(control[name], rel=1e-9, abs=1e-12), name
    for name in ("tumour_signal", "liver_signal"):
        assert np.abs(control[name]).max() < ROUNDING
    assert (treated["cd34_blood"][:, 1:] > 2 * control["cd34_blood"][:, 1:]).all()
    assert (treated["marrow_signal"][:, 1:] < 0.9 * control["marrow_signal"][:, 1:]).all()
    assert (treated["host_repair"][:, 1:] < 0.99 * control["host_repair"][:, 1:]).all()
    assert (treated["vessels"][:, 1:] < control["vessels"][:, 1:]).all()


def test_without_cxcr4_on_host_cells_tumour_effects_alone_remain():
    control, treated = (
        read(dose, [*_TUMOUR_PATHS, *_HOST_PATHS], NO_HOST_CXCR4)
        for dose in ("control", "infusion")
    )
    for name in _HOST_PATHS:
        assert treated[name] == pytest.approx(control[name], rel=1e-6, abs=1e-12), name
    assert np.abs(control["marrow_signal"]).max() < ROUNDING
    for name in _TUMOUR_PATHS:
        assert (treated[name][:, 1:] < control[name][:, 1:]).all(), name


def test_without_cxcr4_anywhere_the_drug_changes_nothing():
    both = (NO_TUMOUR_CXCR4, NO_HOST_CXCR4)
    control, treated = (
        read(dose, [*_TUMOUR_PATHS, *_HOST_PATHS, "plerixafor_central"], *both)
        for dose in ("control", "infusion")
    )
    for name in (*_TUMOUR_PATHS, *_HOST_PATHS):
        assert treated[name] == pytest.approx(control[name], rel=1e-6, abs=1e-12), name
    assert (control["plerixafor_central"] == 0).all()
    assert (treated["plerixafor_central"][:, 1:] > 100).all()


@pytest.mark.parametrize("dose", ["daily", "infusion"])
def test_without_cxcr4_anywhere_no_event_moves(dose):
    both = (NO_TUMOUR_CXCR4, NO_HOST_CXCR4)
    control, treated = course("control", *both), course(dose, *both)
    assert np.isfinite(control.event_day["PFS"]).any()
    for code, days in control.event_day.items():
        seen = np.isfinite(days)
        assert np.array_equal(np.isfinite(treated.event_day[code]), seen), code
        assert treated.event_day[code][seen] == pytest.approx(days[seen], abs=SOLVER_DAYS), code


def harm_rates(wiring, phi):
    """Distant seeding and growth drive of the tabled patient with and without plerixafor."""
    model = patient_model(wiring=wiring)
    at_rest = run(
        model,
        table(phi=phi),
        [60.0],
        ["marrow_signal", "tumour_signal", "ackr3_signal"],
    ).values[0, 0]
    untreated = dict(
        zip(
            ("untreated_marrow_signal", "untreated_tumour_signal", "untreated_ackr3_signal"),
            at_rest,
            strict=True,
        )
    )
    # A month at rest, then a dose every six hours.
    doses = [bolus("plerixafor_depot", 3e4, 60 + 0.25 * k) for k in range(12)]
    outputs = ["niche_release", "growth_drive", "ackr3_rise", "blood_seeding", "shedding"]
    pair = [
        run(model, table(phi=phi, **untreated), [63.0], outputs, given).values[0, 0]
        for given in ((), doses)
    ]
    return [dict(zip(outputs, values, strict=True)) for values in pair]


def test_niche_release_raises_distant_seeding_by_its_gain():
    without, treated = harm_rates(Wiring(niche_release="on"), 1.0)
    assert without["niche_release"] == pytest.approx(1.0, rel=1e-4)
    assert treated["niche_release"] > 1.2
    assert treated["niche_release"] < 1 + in_model_units(patient_model(), "niche_release_gain")
    seeding = treated["blood_seeding"] / treated["shedding"]
    assert seeding / (without["blood_seeding"] / without["shedding"]) == pytest.approx(
        treated["niche_release"], rel=1e-3
    )


def test_ligand_displaced_to_ackr3_raises_growth():
    _, off = harm_rates(Wiring(), 1.0)
    without, on = harm_rates(Wiring(ackr3_survival="on"), 1.0)
    assert without["ackr3_rise"] == pytest.approx(0.0, abs=1e-4)
    assert on["ackr3_rise"] > 0.001
    gain = in_model_units(patient_model(), "ackr3_growth_effect")
    assert on["growth_drive"] / off["growth_drive"] == pytest.approx(
        np.exp(gain * on["ackr3_rise"]), rel=1e-6
    )


@pytest.mark.parametrize("name", ["niche_release", "ackr3_survival"])
def test_no_harm_at_phi_zero_and_none_when_off(name):
    for wiring, phi in ((Wiring(**{name: "on"}), 0.0), (Wiring(), 1.0)):
        without, treated = harm_rates(wiring, phi)
        assert treated["niche_release"] == pytest.approx(1.0, abs=1e-9)
        if phi == 0.0:
            assert treated["ackr3_rise"] == 0
            assert treated["growth_drive"] == pytest.approx(without["growth_drive"], rel=1e-6)


def test_niche_release_makes_more_distant_hazard_in_patients():
    """The harm reaches the hazard that founders arrive by."""
    wiring = Wiring(niche_release="on")
    outputs = ["liver_hazard", "lung_hazard", "bone_hazard", "niche_release"]
    whole = (("phi", 1.0),)
    start, end = 0.05, 51.0
    on = read("infusion", outputs, *whole, days=(start, end), wiring=wiring)
    off = read("infusion", outputs, *whole, days=(start, end))
    assert (on["niche_release"][:, 1] > 1.05).all()
    for name in outputs[:3]:
        gained_on = on[name][:, 1] - on[name][:, 0]
        gained_off = off[name][:, 1] - off[name][:, 0]
        alive = gained_off > 0
        assert alive.any()
        assert (gained_on[alive] > 1.02 * gained_off[alive]).all(), name
