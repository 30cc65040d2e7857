"""The page's figures of subgroups and of patients one by one."""

from __future__ import annotations

from dataclasses import replace

import pytest

from cxaxis.report.patient_drawings import (
    subgroup_drawings,
    swimmer_drawing,
    waterfall_drawing,
)
from cxaxis.report.run_results import results_of
from cxaxis.report.source import read_trial_run
from synthetic_run import ARMS, write_run


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    return read_trial_run(write_run(tmp_path_factory.mktemp("runs") / "run"))


def _with(run, **tables):
    return replace(run, tables={**run.tables, **tables})


def test_every_arm_but_control_has_its_subgroups(run):
    drawn = subgroup_drawings(run, results_of(run).subgroups)
    assert [item.name for item in drawn] == ["subgroups-0", "subgroups-1"]
    for item, label in zip(drawn, list(ARMS.values())[1:], strict=True):
        assert label in item.svg
        assert "Interaction by factor" in item.svg
        assert "Efron" in item.caption


def test_a_handful_of_events_has_no_subgroups(run):
    adtte = run.tables["adtte"]
    few = adtte.groupby(["TRT01P", "PARAMCD"]).head(9)
    found = results_of(_with(run, adtte=few))
    assert found.subgroups == {}
    assert sum("subgroups are shown from 20 on" in note for note in found.notes) == 2


def test_factors_without_a_column_are_left_out(run):
    adsl = run.tables["adsl"][["USUBJID", "TRT01P", "SEX"]]
    (first, _) = subgroup_drawings(run, results_of(_with(run, adsl=adsl)).subgroups)
    assert "Stage" not in first.svg
    bare = _with(run, adsl=adsl[["USUBJID", "TRT01P"]])
    assert results_of(bare).subgroups == {}


def test_operations_before_any_second_look_leave_no_waterfall(run):
    assert waterfall_drawing(run) is None
    without = _with(run, adpath=run.tables["adpath"].iloc[:0])
    drawn = waterfall_drawing(without)
    assert "measured again shrank by 30 % or more" in drawn.svg
    assert "−30 %" in drawn.caption


def test_the_swimmer_counts_the_deaths(run):
    os_rows = run.tables["adtte"].query("PARAMCD == 'OS'")
    drawn = swimmer_drawing(run)
    assert f"{int(os_rows['EVENT'].sum())} of {len(os_rows)} patients die" in drawn.svg
    bare = _with(run, adtte=run.tables["adtte"].query("PARAMCD == 'PFS'"))
    assert swimmer_drawing(bare) is None
