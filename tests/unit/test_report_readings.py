"""What the page reads out of the tables, against counts by hand."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from cxaxis.report.readings import (
    best_responses,
    day_zero,
    event_counts,
    lucks,
    marrow_occupancy,
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


def test_the_best_response_is_kept_and_the_baseline_is_none():
    adrs = pd.DataFrame(
        [
            ("a", "t", 0.0, "SD"),
            ("a", "t", 84.0, "PR"),
            ("a", "t", 168.0, "CR"),
            ("a", "t", 252.0, "PD"),
            ("b", "t", 0.0, "SD"),
            ("c", "t", 84.0, "PD"),
        ],
        columns=["USUBJID", "TRT01P", "ADY", "AVALC"],
    )
    found = best_responses(adrs, {"t": 3, "empty": 1})
    assert dict(found["t"]) == {"CR": 1, "PR": 0, "SD": 0, "PD": 1, "not assessed": 1}
    assert dict(found["empty"])["not assessed"] == 1


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
