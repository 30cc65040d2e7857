"""What the page reads out of the tables, against counts by hand."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from cxaxis.report.readings import (
    axis_drugs,
    best_responses,
    day_zero,
    event_counts,
    lucks,
    marrow_occupancy,
    operations,
    pool_readings,
    values_not_packaged,
)
from cxaxis.report.source import read_trial_run
from synthetic_run import ARMS, write_run


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    return read_trial_run(write_run(tmp_path_factory.mktemp("readings") / "run", n_per_arm=30))


def test_deaths_averted_and_caused_add_up_to_the_difference(run):
    for reading in pool_readings(run):
        assert reading.deaths_control - reading.deaths_treated == reading.averted - reading.caused
        assert reading.n == 90


def test_days_gained_are_the_mean_difference_of_twins(run):
    pool = run.tables["pool"].pivot(index="USUBJID", columns="ARM", values="AVAL")
    (first, _) = pool_readings(run)
    gained = first.days_gained
    assert gained.estimate == pytest.approx((pool[first.arm] - pool["crt"]).mean())
    assert gained.low < gained.estimate < gained.high


def test_luck_counts_deaths_under_control_in_the_allocated_groups(run):
    pool, adsl = run.tables["pool"], run.tables["adsl"].set_index("USUBJID")
    control = pool[pool["ARM"] == "crt"]
    groups = control["USUBJID"].map(adsl["TRT01P"])
    for luck in lucks(run):
        assert luck.deaths_arm == control.loc[groups == luck.arm, "EVENT"].sum()
        assert luck.deaths_control == control.loc[groups == "crt", "EVENT"].sum()
        # Nobody is treated: the ratio holds chance alone, whatever the drug does.
        assert luck.hr is not None
        assert 0.4 < luck.hr < 2.5


def test_founders_on_day_0_are_counted_by_stage():
    adsl = pd.DataFrame({"STAGE": ["II", "II", "III", "III"], "OCCMETS": [0, 0, 3, 0]})
    rows = {row.stage: row for row in day_zero(adsl)}
    assert list(rows) == ["II", "III", "all"]
    assert rows["II"].seeded.share == 0
    assert rows["III"].seeded.share == 0.5
    assert rows["III"].mean_founders == 1.5
    assert rows["all"].seeded.share == 0.25


def test_best_responses_are_counted_and_the_rest_is_not_assessed():
    adrs = pd.DataFrame(
        [
            ("a", "t", "OVRLRESP", "PD"),
            ("a", "t", "BESTRESP", "CR"),
            ("b", "t", "BESTRESP", "NE"),
            ("c", "t", "BESTRESP", "PD"),
            ("e", "t", "BESTRESP", "NED"),
        ],
        columns=["USUBJID", "TRT01P", "PARAMCD", "AVALC"],
    )
    found = best_responses(adrs, {"t": 5, "empty": 1})
    counted = {"CR": 1, "PR": 0, "SD": 0, "NED": 1, "PD": 1, "not assessed": 2}
    assert dict(found["t"]) == counted
    assert dict(found["empty"])["not assessed"] == 1


def test_operations_are_shares_of_the_operated_and_arms_without_one_are_left_out():
    adpath = pd.DataFrame(
        {
            "TRT01P": "t",
            "MARGIN": ["R0", "R0", "R1", "R0"],
            "PCR": [True, False, False, False],
            "MPR": [True, True, False, False],
            "YPN": [0, 0, 1, 2],
            "NODEEXAM": [20, 20, 20, 20],
        }
    )
    ((label, texts),) = operations(adpath, {"c": "Control", "t": "Treated"}, {"c": 5, "t": 5})
    assert label == "Treated"
    plain = [text.replace("\u00a0", " ") for text in texts]
    assert plain == ["4 (80 %)", "3 (75 %)", "1 (25 %)", "2 (50 %)", "2 (50 %)", "20 (20–20)"]


def test_the_drugs_of_the_arms_that_act_on_the_axis_are_named(run):
    assert axis_drugs(run.protocol) == "plerixafor"
    two = {"backbone": [{"drug": "cisplatin"}], "arms": [{"regimens": [{"drug": "olaptesed"}]}]}
    assert axis_drugs(two) == "olaptesed pegol"
    assert axis_drugs({"backbone": [], "arms": []}) == "the drug"


def test_causes_of_death_are_told_for_overall_survival_alone():
    adtte = pd.DataFrame(
        {
            "PARAMCD": ["OS", "OS", "PFS", "PFS"],
            "PARAM": ["Overall", "Overall", "Progression-free", "Progression-free"],
            "TRT01P": "t",
            "EVENT": True,
            "EVNTDESC": ["Death: disease", "Death: other", "Death: disease", "Death: other"],
        }
    )
    assert event_counts(adtte, ["t"]) == [
        ("Overall", "Death: disease", [1]),
        ("Overall", "Death: other", [1]),
        ("Progression-free", "Death", [2]),
    ]


def test_every_end_point_is_counted_by_what_happened(run):
    adtte = run.tables["adtte"]
    for name, what, counts in event_counts(adtte, list(ARMS)):
        rows = adtte[(adtte["PARAM"] == name) & adtte["EVENT"] & (adtte["EVNTDESC"] == what)]
        assert sum(counts) == len(rows)


def test_marrow_occupancy_is_read_from_the_marrow_rows():
    days = 14.0 + np.arange(0, 49) / 48
    rows = [
        pd.DataFrame({"USUBJID": "p", "TRT01P": "t", "PARAMCD": code, "ADY": days, "AVAL": level})
        for code, level in (("OCCTUM", 0.9), ("OCCHOST", 0.25))
    ]
    found = marrow_occupancy(pd.concat(rows), "t")
    assert found.mean == pytest.approx(0.25)
    assert found.hours_above_half_per_day == 0


def test_only_values_that_differ_from_the_packaged_ones_are_returned():
    table = pd.DataFrame({"ID": ["a", "b", "c"], "VALUE": [1.0, 2.5, 9.0]})
    assert values_not_packaged(table, {"a": 1.0, "b": 2.0}) == {"b": 2.5}
