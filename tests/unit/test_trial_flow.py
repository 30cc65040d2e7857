"""The flow of patients: nobody is lost between two steps, and every loss has its reason."""

from __future__ import annotations

import pandas as pd
import pytest

from cxaxis.trial.flow import LOST, OTHER, flow_of, last_dose_days
from cxaxis.trial.protocol import read_protocol

ARMS = {"a": "Arm A", "b": "Arm B"}
SCREENED = {"screened": 12, "distant": 3, "stage_full": 2, "failed": 1, "other_stage": 0}


def _tables():
    """Six patients, three an arm: b loses one to the solver; one death, one loss in a."""
    names = [f"VP{k:05d}" for k in range(6)]
    arms = ["a", "b"] * 3
    adsl = pd.DataFrame({"USUBJID": names, "TRT01P": arms})
    adtte = pd.DataFrame(
        {
            "USUBJID": names,
            "TRT01P": arms,
            "PARAMCD": "OS",
            "AVAL": [10.0, 90.0, 60.0, 90.0, 90.0, 90.0],
            "EVENT": [True, False, False, True, False, False],
            "EVNTDESC": ["Death", "End of follow-up", LOST, "Death", *2 * ["End of follow-up"]],
        }
    ).iloc[:5]
    outcome = pd.DataFrame(
        [(n, arm, "completed") for n in names for arm in ARMS],
        columns=["USUBJID", "ARM", "OUTCOME"],
    )
    failed = (outcome["USUBJID"] == names[5]) & (outcome["ARM"] == "b")
    outcome.loc[failed, "OUTCOME"] = "step_too_small"
    # A failure under an arm that the patient is not in is no loss to the trial.
    elsewhere = (outcome["USUBJID"] == names[0]) & (outcome["ARM"] == "b")
    outcome.loc[elsewhere, "OUTCOME"] = "step_too_small"
    adpath = pd.DataFrame({"USUBJID": names[1:2], "TRT01P": ["b"]})
    return adsl, adtte, outcome, adpath


def _count(flow, step, arm=None):
    rows = flow[
        (flow["STEP"] == step) & (flow["ARM"].isna() if arm is None else flow["ARM"] == arm)
    ]
    return int(rows["N"].item())


@pytest.fixture
def flow():
    return flow_of(SCREENED, *_tables(), arms=ARMS, last_dose_day={"a": 30.0, "b": 30.0})


def test_screened_are_excluded_or_randomised(flow):
    left_out = flow[flow["STEP"].str.startswith("excluded_")]
    assert _count(flow, "screened") == left_out["N"].sum() + _count(flow, "randomised") == 12
    assert "excluded_other_stage" not in set(flow["STEP"])


def test_what_no_reason_explains_is_said(flow):
    assert "excluded_other" not in set(flow["STEP"])
    more = flow_of({**SCREENED, "screened": 15}, *_tables(), arms=ARMS)
    assert _count(more, "excluded_other") == 3
    assert more.loc[more["STEP"] == "excluded_other", "LABEL"].item() == OTHER


def test_allocated_are_analysed_or_failed_and_each_has_one_end(flow):
    for arm in ARMS:
        analysed = _count(flow, "analysed", arm)
        assert _count(flow, "allocated", arm) == analysed + _count(flow, "failed", arm)
        ends = sum(_count(flow, step, arm) for step in ("died", "lost", "followed"))
        assert ends == analysed
    assert sum(_count(flow, "allocated", arm) for arm in ARMS) == _count(flow, "randomised")
    assert (_count(flow, "failed", "a"), _count(flow, "failed", "b")) == (0, 1)
    assert (_count(flow, "died", "a"), _count(flow, "lost", "a")) == (1, 1)
    assert _count(flow, "operated", "b") == 1


def test_those_whose_follow_up_ends_before_the_last_dose_do_not_complete_it(flow):
    assert _count(flow, "completed_treatment", "a") == 2
    assert _count(flow, "completed_treatment", "b") == 2


def test_a_given_cohort_starts_at_randomisation():
    found = flow_of({}, *_tables(), arms=ARMS)
    assert found["STEP"].iloc[0] == "randomised"


def test_the_last_dose_of_the_backbone_and_of_the_arm_count():
    plan = read_protocol("neoadjuvant_cross")
    ends = last_dose_days(plan)
    # The operation is the last thing after chemoradiotherapy, and early without it.
    assert ends["chemoradiotherapy_surgery"] == 77.0
    assert ends["surgery_alone"] < 77.0
