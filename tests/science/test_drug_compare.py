"""Drugs side by side: order of doses, closed forms, what each class does, width of templates."""

from functools import cache

import numpy as np
import pytest

from cxaxis.cohort.drug_panels import VOLUNTEER, ground_of, patient_panel, volunteer_panel
from cxaxis.core.units import conversion_factor
from cxaxis.engine.population import PopulationEngine
from cxaxis.knowledge.drug_records import Regimen
from cxaxis.knowledge.drugs import load_drugs
from cxaxis.knowledge.parameters import load_parameters
from cxaxis.models.agents import slot_of
from cxaxis.models.build import build
from cxaxis.patient.compare import (
    COMPARED_SLOTS,
    MODEL,
    Treatment,
    compared,
    drug_course,
    treated_hours,
)
from cxaxis.patient.drug_readings import SERIES
from cxaxis.patient.regimen import dose_amount

ENGINE = PopulationEngine()
ALL = tuple(drug.id for drug in load_drugs().values() if slot_of(drug) in COMPARED_SLOTS)
DAYS = 7.0


@cache
def bench():
    return build(MODEL, load_parameters())


@cache
def volunteers(draws=0):
    drugs = [load_drugs()[name] for name in ALL]
    return volunteer_panel(bench(), load_parameters(), drugs, ENGINE, draws=draws, seed=3)


def treatment(drug, regimen=None, **dose):
    record = load_drugs()[drug]
    name = regimen or next(iter(record.regimens))
    plan = record.regimens[name].model_dump()
    return Treatment(
        drug=record,
        regimen=name,
        plan=Regimen.model_validate({**plan, "dose": {**plan["dose"], **dose}}),
    )


@cache
def found(drug, regimen=None, value=None, draws=0):
    dose = {} if value is None else {"value": value}
    given = treatment(drug, regimen, **dose)
    return compared(bench(), volunteers(draws), given, ENGINE, days=DAYS)


def reading(name, drug, regimen=None, value=None):
    return found(drug, regimen, value).readings[name].typical


def row(name, unit):
    """A tabled value in a unit."""
    parameter = load_parameters()[name]
    return parameter.value * conversion_factor(parameter.unit, unit)


def closed_form_nM(hours, amount_nmol):
    """Two compartments after one dose under the skin of 70 kg, by Laplace transform."""
    volume, other = (70.0 * row(f"{name}_plerixafor", "litre/kg") for name in ("v", "v_peripheral"))
    clearance, exchange = (row(f"{name}_plerixafor", "litre/hour") for name in ("cl", "q"))
    uptake = row("ka_plerixafor", "1/hour")
    k10, k12, k21 = clearance / volume, exchange / volume, exchange / other
    fast, slow = np.roots([1.0, -(k10 + k12 + k21), k10 * k21])
    rates = np.array([uptake, fast, slow])
    scale = row("f_plerixafor", "1") * amount_nmol * uptake / volume
    parts = [
        (k21 - rate) / np.prod([each - rate for each in rates if each != rate]) for rate in rates
    ]
    return scale * sum(
        part * np.exp(-rate * hours) for part, rate in zip(parts, rates, strict=True)
    )


def test_plerixafor_follows_the_closed_form():
    course = drug_course(bench(), volunteers(), treatment("plerixafor"), ENGINE, days=1.0)
    record = load_drugs()["plerixafor"]
    amount = dose_amount(record, 240.0, "ug/kg", VOLUNTEER, duration_day=0.0)
    hours = course.hours[1:]
    assert course.values["plasma_nM"][0, 1:] == pytest.approx(
        closed_form_nM(hours, amount), rel=0.02
    )
    mass = course.values["plasma_ng_per_mL"][0, 1:] / course.values["plasma_nM"][0, 1:]
    assert mass == pytest.approx(record.molar_mass.g_per_mol / 1e3)


def equilibrium_percent(nanomolar, fu, kd):
    """What a competitor holds where binding keeps pace: C / (C + Kd (1 + ligand per receptor))."""
    rest = volunteers().people
    beside = rest.column("marrow_cxcl12_cxcr4")[0] / rest.column("marrow_cxcr4")[0]
    free = row(fu, "1") * nanomolar
    return 100 * free / (free + row(kd, "nM") * (1 + beside))


def test_plerixafor_holds_what_binding_at_equilibrium_says():
    course = drug_course(bench(), volunteers(), treatment("plerixafor"), ENGINE, days=1.0)
    level = course.values["plasma_nM"][0]
    expected = equilibrium_percent(level, "fu_plerixafor", "kd_antagonist_cxcr4")
    late = course.hours >= 1
    assert course.values["marrow_occupancy"][0, late] == pytest.approx(expected[late], rel=0.02)


@pytest.mark.parametrize("drug", ALL)
def test_without_a_dose_nothing_moves(drug):
    none = found(drug, value=0.0)
    for series in SERIES:
        course = none.typical[series.id]
        if series.relative:
            assert course == pytest.approx(np.ones_like(course), abs=1e-3)
        elif series.id != "cd34":
            assert not course.any()
    assert none.readings["cd34_fold"].typical == pytest.approx(1.0, abs=1e-3)
    assert np.isnan(none.readings["cd34_peak_hour"].typical)


@pytest.mark.parametrize("drug", [name for name in ALL if name != "olaptesed"])
def test_more_drug_holds_more_receptor(drug):
    dose = load_drugs()[drug].regimens[next(iter(load_drugs()[drug].regimens))].dose.value
    for where in ("tumour", "marrow"):
        for what in ("mean", "trough", "hours_above_half"):
            held = [
                reading(f"{where}_occupancy_{what}", drug, value=share * dose)
                for share in (0.1, 1.0, 10.0)
            ]
            assert held == sorted(held)
            assert held[0] >= 0
        assert held[-1] <= 24.0
        assert reading(f"{where}_occupancy_mean", drug, value=10 * dose) < 100.0


def test_the_trap_raises_total_and_lowers_free_cxcl12():
    for fluid in ("plasma", "tumour"):
        assert reading(f"{fluid}_cxcl12_free_fold", "olaptesed") < 0.1
        assert reading(f"{fluid}_cxcl12_total_fold", "olaptesed") > 3.0
    assert reading("tumour_occupancy_mean", "olaptesed") == 0.0
    assert reading("plasma_cxcl12_free_fold", "plerixafor") > 1.0
    total = reading("plasma_cxcl12_total_fold", "plerixafor")
    assert total == pytest.approx(reading("plasma_cxcl12_free_fold", "plerixafor"))


def test_an_antibody_loses_receptor_and_others_keep_it():
    for place in ("tumour", "marrow"):
        assert reading(f"{place}_cxcr4_fold", "ulocuplumab") < 0.25
        for other in ("plerixafor", "motixafortide", "alx_0651"):
            assert reading(f"{place}_cxcr4_fold", other) > 0.95


def test_a_slow_peptide_holds_receptor_beyond_its_plasma_level():
    """A day after the dose it holds far more than its level would; plerixafor does not."""
    for drug, kd, least, most in (
        ("motixafortide", "kd_motixafortide_cxcr4", 2.0, 10.0),
        ("plerixafor", "kd_antagonist_cxcr4", 0.95, 1.05),
    ):
        course = found(drug)
        day = int(np.searchsorted(course.hours, 24.0))
        expected = equilibrium_percent(course.typical["plasma_nM"][day], f"fu_{drug}", kd)
        assert least < course.typical["marrow_occupancy"][day] / expected < most


def log_width(drug, name="trough_nM"):
    """Width of the 80 % interval, in decades."""
    low, high = found(drug, draws=24).readings[name].quantiles[[1, 3]]
    return np.log10(high / low)


def test_intervals_are_wider_where_a_template_stands_in():
    model, rows, drugs = bench(), load_parameters(), load_drugs()
    kinetics = {name: ground_of(drugs[name], model, rows).kinetics for name in ALL}
    assert kinetics["plerixafor"] == "own"
    assert kinetics["motixafortide"] == "in part template"
    for name in ("msx_122", "ctce_9908", "alx_0651", "burixafor", "ulocuplumab"):
        assert kinetics[name] == "template"
    for own, template in (("plerixafor", "burixafor"), ("ly2510924", "ctce_9908")):
        for name in ("cmax_nM", "trough_nM"):
            assert log_width(template, name) > log_width(own, name)


def test_worlds_that_are_kept_rest_and_agree_with_volunteers():
    drawn = found("plerixafor", value=0.0, draws=24)
    assert drawn.quantiles["leukocytes"] == pytest.approx(1.0, abs=0.02)
    low, high = found("plerixafor", draws=24).readings["cd34_peak"].quantiles[[0, -1]]
    assert low < 40.4 < high


def test_patients_are_dosed_by_their_own_weight_and_vary_within_one_world():
    rows, drugs = load_parameters(), load_drugs()
    people = patient_panel(bench(), rows, [drugs["plerixafor"]], ENGINE, patients=8, seed=2)
    assert len(people.bodies) == 9
    weights = {body.weight_kg for body in people.bodies}
    assert people.bodies[0].weight_kg == rows["body_weight"].value
    assert len(weights) == 9
    # What has no between-patient variability is the same in all, but for the stroma's own level.
    for constant, name in bench().bindings.items():
        if constant == "stroma_signal_reference":
            continue
        assert (np.ptp(people.people.column(constant)) > 0) == (rows[name].omega > 0)
    course = drug_course(bench(), people, treatment("plerixafor"), ENGINE, days=1.0)
    assert np.ptp(course.values["plasma_nM"].max(axis=1)) > 0


def test_the_treated_window_ends_with_a_full_interval():
    plan = load_drugs()["motixafortide"].regimens["label_1_25_mg_kg"]
    assert [treated_hours(plan, days) for days in (7.0, 4.0, 3.0, 1.5)] == [96.0, 96.0, 48.0, 36.0]
    infusion = load_drugs()["olaptesed"].regimens["infusion_600_mg_week"]
    assert treated_hours(infusion, 7.0) == 168.0
