"""Designs that act on patients: enrichment, baskets, crossover, events while on treatment."""

import numpy as np
import pytest

from cxaxis.core.errors import UserInputError
from cxaxis.knowledge.drugs import load_drugs
from cxaxis.report.page import report
from cxaxis.trial.biomarkers import enters
from cxaxis.trial.conduct import (
    END_OF_TREATMENT,
    conducted_pool,
    crossed_arm,
    crossover_plan,
    end_of_treatment_day,
    simulate_switches,
    switched_doses,
    would_switch,
)
from cxaxis.trial.flow import flow_of
from cxaxis.trial.jobs import set_up
from cxaxis.trial.pool import doses_of, simulate_arm
from cxaxis.trial.populations import entrances_of, joined, populations_of
from cxaxis.trial.protocol import Protocol, read_protocol
from cxaxis.trial.run import check_cohort, run_trial
from science_support import eligible, small_protocol

FIRST_LINE = read_protocol("first_line_pembrolizumab").canonical()
ARMS = {"chemotherapy": "Chemotherapy", "pembrolizumab": "+ pembrolizumab"}
CROSSOVER = {"to": "pembrolizumab_plerixafor", "at": "progression", "share": 1.0}


def first_line(**changes):
    small = {
        "population": {"setting": "metastatic_escc", "patients_per_ratio_unit": 2},
        "uncertainty": {"draws": 0},
        "horizon_day": 300.0,
    }
    return Protocol.model_validate({**FIRST_LINE, **small, **changes})


@pytest.fixture(scope="module")
def switched(tmp_path_factory):
    protocol = first_line(crossover=CROSSOVER)
    return run_trial(protocol, out=tmp_path_factory.mktemp("switched") / "run")


def test_up_to_the_switch_a_course_is_the_same_bit_for_bit():
    protocol = first_line(crossover=CROSSOVER)
    setup = set_up(protocol, {}, None)
    from cxaxis.cohort.sample import sample_cohort

    cohort = sample_cohort(5, 3, setting="metastatic_escc")
    course = simulate_arm(setup.model, cohort, setup.control, setup.schedule)
    plan = crossover_plan(protocol, setup.plans)
    after, day = simulate_switches(setup.model, cohort, setup.control, course, plan, setup.schedule)
    times = setup.schedule.times_day
    assert np.isfinite(day).any()
    for patient, switch in enumerate(day):
        early = times <= switch
        assert np.array_equal(
            course.result.values[patient][early], after.result.values[patient][early]
        )
        # Progression has been seen by then, and does not move.
        assert after.event_day["PFS"][patient] == course.event_day["PFS"][patient]
        if np.isfinite(switch):
            drug = after.result.of("antagonist_central")[patient]
            assert (drug[early] == 0).all()
            later = times > switch
            if later.any():
                assert drug[later].max() > 0


def test_the_pool_keeps_both_courses_and_the_trial_counts_the_second(switched):
    protocol = first_line(crossover=CROSSOVER)
    pool = switched.table("pool")
    crossed = crossed_arm("chemotherapy", "pembrolizumab_plerixafor")
    assert set(pool["ARM"]) == {*protocol.arm_ids, crossed}
    conduct = switched.table("conduct").set_index("USUBJID")
    # With a share of 1 everybody who progresses switches, and nobody else.
    assert conduct["CROSSDY"].equals(conduct["PROGDY"])
    assert conduct["CROSSDY"].notna().any()
    assert set(conduct.loc[conduct["CROSSDY"].notna(), "TRT01P"]) == {"chemotherapy"}
    both = pool[pool["PARAMCD"] == "OS"].pivot(index="USUBJID", columns="ARM", values="AVAL")
    stayed = ~both.index.isin(conduct.index[conduct["CROSSDY"].notna()])
    in_control = conduct["TRT01P"].reindex(both.index) == "chemotherapy"
    alike = both["chemotherapy"] == both[crossed]
    assert alike[stayed & in_control].all()
    told = switched.read_summary()["design"]["crossover"]
    assert told["to"] == "pembrolizumab_plerixafor"


def test_the_control_arm_of_the_allocated_trial_is_the_one_with_switches(switched):
    protocol = first_line(crossover=CROSSOVER)
    setup = set_up(protocol, {}, None)
    counted = conducted_pool(switched.table("pool"), protocol, setup.plans)
    assert set(counted["ARM"]) == set(protocol.arm_ids)
    rows = switched.adtte.query("PARAMCD == 'OS' and TRT01P == 'chemotherapy' and EVENT")
    crossed = counted[(counted["ARM"] == "chemotherapy") & (counted["PARAMCD"] == "OS")]
    days = crossed.set_index("USUBJID")["AVAL"]
    assert np.array_equal(rows["AVAL"].to_numpy(), days.loc[rows["USUBJID"]].to_numpy())


def test_doses_end_with_the_switch_and_others_start_there():
    protocol = first_line(crossover=CROSSOVER)
    setup = set_up(protocol, {}, None)
    cohort = eligible(3, 3)
    plan = crossover_plan(protocol, setup.plans)
    day = np.array([63.0, np.inf, 2.0])
    table = switched_doses(setup.control, plan.added, cohort, day)
    control = {d.target for d in doses_of(setup.control, cohort).rows}
    for patient, switch in enumerate(day):
        own = [d for d in table.rows if d.patient == patient]
        old = [d for d in own if d.target in control]
        new = [d for d in own if d.target not in control]
        assert all(d.time + d.duration <= switch + 1e-9 for d in old)
        assert all(d.time >= switch for d in new)
        assert bool(new) == np.isfinite(switch)
    whole = [d for d in doses_of(setup.control, cohort).rows if d.patient == 1]
    assert [d for d in table.rows if d.patient == 1] == whole
    # An infusion cut short has been given at its own rate.
    full = {(d.target, d.time): d for d in doses_of(setup.control, cohort).rows if d.patient == 2}
    cut = [
        d for d in table.rows if (d.target, d.time) in full and d.patient == 2 and d.duration > 1
    ]
    assert cut
    for dose in cut:
        whole_dose = full[dose.target, dose.time]
        rate = whole_dose.amount / whole_dose.duration
        assert dose.amount / dose.duration == pytest.approx(rate)


def test_a_share_of_those_who_progress_switch_by_their_own_draw():
    chosen = would_switch(range(2000), share=0.3, seed=1)
    assert abs(chosen.mean() - 0.3) < 4 * np.sqrt(0.3 * 0.7 / 2000)
    assert np.array_equal(would_switch([7, 1999], share=0.3, seed=1), chosen[[7, 1999]])
    assert would_switch(range(50), share=1.0, seed=1).all()


def test_enriched_trials_screen_on_until_enough_have_the_biomarker(tmp_path):
    cut = {"biomarker": "CXCR4H", "above": 150.0}
    protocol = small_protocol(enrichment=cut, uncertainty={"draws": 0})
    trial = run_trial(protocol, out=tmp_path / "enriched")
    assert len(trial.adsl) == protocol.n_patient
    assert (trial.adsl["CXCR4H"] > 150.0).all()
    (screening,) = trial.read_summary()["design"]["screening"]
    assert screening["entered"] == protocol.n_patient
    assert screening["excluded"]["biomarker"] > 0
    assert screening["screened"] == screening["entered"] + sum(screening["excluded"].values())


def test_an_enriched_cohort_is_the_unselected_series_without_the_others():
    from cxaxis.cohort.sample import sample_cohort
    from cxaxis.trial.protocol_parts import Enrichment

    wanted = Enrichment(biomarker="CXCR4GR", call="high")
    everybody = sample_cohort(40, 4)
    chosen = sample_cohort(6, 4, entry=lambda covariates: enters(wanted, covariates))
    assert set(chosen.covariates["cxcr4_ihc"]) == {"high"}
    shared = sorted(set(everybody.indices) & set(chosen.indices))
    assert shared
    for index in shared:
        one, other = everybody.indices.index(index), chosen.indices.index(index)
        assert np.array_equal(everybody.table.values[one], chosen.table.values[other])


def test_a_given_cohort_must_have_the_biomarker_and_fill_each_basket():
    cohort = eligible(9, 5)
    protocol = small_protocol(enrichment={"biomarker": "CXCR4H", "above": 299.0})
    with pytest.raises(UserInputError, match="CXCR4H"):
        check_cohort(protocol, cohort, {})
    check_cohort(small_protocol(), cohort, {})


def test_baskets_are_screened_allocated_and_compared_on_their_own(tmp_path):
    protocol = first_line(
        baskets=[{"id": "local", "setting": "locally_advanced_escc", "patients_per_ratio_unit": 2}],
    )
    trial = run_trial(protocol, out=tmp_path / "baskets")
    conduct, adsl = trial.table("conduct"), trial.adsl
    assert adsl["USUBJID"].is_unique
    counts = conduct.groupby(["BASKET", "TRT01P"]).size()
    assert (counts == 2).all()
    assert len(counts) == 6
    stages = {"stage": adsl["STAGE"].to_numpy()}
    assert np.array_equal(populations_of(protocol, stages), conduct["BASKET"].to_numpy())
    design = trial.read_summary()["design"]
    assert [item["id"] for item in design["screening"]] == ["population", "local"]
    assert [item["arm"] for item in design["baskets"]] == list(protocol.arm_ids[1:])
    for item in design["baskets"]:
        assert [entry["n"] for entry in item["baskets"]] == [4, 4]


def test_joined_cohorts_keep_every_patient_as_it_was():
    one, other = eligible(4, 5), eligible(4, 5).rows([2, 0])
    both = joined([one, other])
    assert both.indices == (*one.indices, *other.indices)
    assert np.array_equal(both.table.values[:4], one.table.values)
    assert both.rows([4]).indices == (one.indices[2],)
    assert sum(entrance.n_patient for entrance in entrances_of(first_line())) == 6


def test_what_comes_after_the_planned_drugs_is_not_counted(tmp_path):
    protocol = first_line(estimand="while_on_treatment", on_treatment_window_day=7.0)
    trial = run_trial(protocol, out=tmp_path / "on_treatment")
    plans = set_up(protocol, {}, None).plans
    ends = {plan.id: end_of_treatment_day(plan) for plan in plans}
    # Six courses of three weeks; pembrolizumab for two years.
    assert ends["chemotherapy"] == 126.0
    assert ends["pembrolizumab"] > 700.0
    adtte = trial.adtte
    assert (adtte["AVAL"] <= adtte["TRT01P"].map(ends) + 7.0).all()
    pool = trial.table("pool").set_index(["USUBJID", "ARM", "PARAMCD"])
    for row in adtte.itertuples():
        whole = pool.loc[(row.USUBJID, row.TRT01P, row.PARAMCD)]
        assert whole["AVAL"] >= row.AVAL
        if row.EVNTDESC == END_OF_TREATMENT:
            assert not row.EVENT
            assert ends[row.TRT01P] + 7.0 == row.AVAL
    told = trial.read_summary()["design"]["on_treatment"]
    assert told["window_day"] == 7.0


def test_a_protocol_that_says_nothing_new_keeps_its_hash():
    assert "on_treatment_window_day" not in small_protocol().canonical()


def test_what_cannot_be_conducted_is_told_by_name(tmp_path):
    base = read_protocol("neoadjuvant_cross").canonical()
    arms = [arm["id"] for arm in base["arms"] if arm["id"] != base["control"]]
    import yaml

    path = tmp_path / "bad.yaml"
    text = {
        **base,
        "crossover": {"to": arms[0]},
        "enrichment": {"biomarker": "SUVMAX", "above": 5.0},
        "on_treatment_window_day": 7.0,
    }
    path.write_text(yaml.safe_dump(text), encoding="utf-8")
    with pytest.raises(UserInputError) as refusal:
        read_protocol(path, drugs=load_drugs())
    assert {finding.code for finding in refusal.value.findings} >= {
        "PROT035",
        "PROT036",
        "PROT037",
    }


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("crt_enriched", "biomarker not as asked"),
        ("first_line_crossover", "Had nobody switched"),
        ("first_line_baskets", "Drawn to the mean"),
        ("first_line_on_treatment", "While on treatment"),
    ],
)
def test_each_example_of_a_design_runs_small_and_its_report_tells_it(name, told, tmp_path):
    canonical = read_protocol(name).canonical()
    canonical["population"]["patients_per_ratio_unit"] = 2
    for basket in canonical.get("baskets", ()):
        basket["patients_per_ratio_unit"] = 2
    changes = {"horizon_day": 200.0, "enrolment": {"accrual_day": 20.0}}
    small = Protocol.model_validate({**canonical, **changes})
    trial = run_trial(small, out=tmp_path / name)
    page = report(trial).read_text("utf-8")
    assert 'id="design"' in page
    assert told in page
    flow = trial.read_summary()["design"]["flow"]
    assert sum(arm["allocated"] for arm in flow) == small.n_patient
    seen = trial.read_summary()["design"]["screening"][0]
    assert seen["screened"] == seen["entered"] + sum(seen["excluded"].values())


def test_drawn_populations_are_screened_by_the_same_biomarker():
    from functools import partial

    from cxaxis.cohort.population import central_theta
    from cxaxis.cohort.sample import sample_eligible
    from cxaxis.trial.jobs import draw_jobs
    from cxaxis.trial.protocol_parts import Enrichment

    wanted = Enrichment(biomarker="CXCR4H", above=150.0)
    drawn = {"draws": 1, "patients_per_draw": 4}
    protocol = small_protocol(enrichment=wanted.model_dump(exclude_none=True), uncertainty=drawn)
    setup = set_up(protocol, {}, None)
    (job,) = draw_jobs(setup, None)
    assert job.payload.enrichment == wanted
    theta = central_theta(setup.parameters)
    entry = partial(enters, wanted)
    chosen = sample_eligible(setup.model, setup.parameters, theta, 4, seed=5, entry=entry)
    assert (np.asarray(chosen.covariates["cxcr4_h_score"]) > 150.0).all()
    everybody = sample_eligible(setup.model, setup.parameters, theta, 4, seed=5)
    high = np.asarray(everybody.covariates["cxcr4_h_score"]) > 150.0
    kept = [index for index, high_here in zip(everybody.indices, high, strict=True) if high_here]
    assert set(kept) <= set(chosen.indices)


def test_the_flow_tells_whose_events_ceased_to_count(tmp_path):
    protocol = first_line(estimand="while_on_treatment", arms=FIRST_LINE["arms"][:2])
    trial = run_trial(protocol, out=tmp_path / "flow")
    adtte = trial.adtte.query("PARAMCD == 'OS' and TRT01P == 'chemotherapy'")
    n_ended = int((adtte["EVNTDESC"] == END_OF_TREATMENT).sum())
    steps = flow_of(
        {}, trial.adsl, trial.adtte, trial.table("outcome"), trial.table("adpath"), arms=ARMS
    )
    mine = steps[steps["ARM"] == "chemotherapy"].set_index("STEP")["N"]
    assert n_ended > 0
    assert mine["treated"] == n_ended
    assert mine["died"] + mine["lost"] + mine["treated"] + mine["followed"] == mine["analysed"]
