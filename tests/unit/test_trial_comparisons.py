"""Comparisons read from the tables of a trial: the right rows, the right patients."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from cxaxis.core.errors import ModelValueError
from cxaxis.core.streams import rng_for
from cxaxis.stats.survival import cox_hazard_ratio, kaplan_meier
from cxaxis.trial.comparisons import (
    landmark_comparison,
    marker_concordance,
    response_comparison,
    stratified_comparison,
)


@pytest.fixture(scope="module")
def tables():
    rng = rng_for(19, "comparisons")
    n = 360
    arm = np.array(["c", "t", "x"])[np.arange(n) % 3]
    stage = np.array(["II", "III", "IVA"])[np.arange(n) // 3 % 3]
    marker = rng.uniform(0, 300, n)
    log_hr = -0.7 * (arm == "t") + 0.6 * (np.arange(n) // 3 % 3) + 0.9 * (marker - 150) / 87
    death = rng.exponential(size=n) * 700 / np.exp(log_hr)
    who = [f"VP{k:03}" for k in range(n)]
    adsl = pd.DataFrame({"USUBJID": who, "TRT01P": arm, "STAGE": stage, "CXCR4H": marker})
    os = pd.DataFrame(
        {
            "USUBJID": who,
            "TRT01P": arm,
            "PARAMCD": "OS",
            "AVAL": np.minimum(death, 1500.0),
            "EVENT": death < 1500.0,
        }
    )
    pfs = os.assign(PARAMCD="PFS", AVAL=1.0, EVENT=True)
    # Some patients have no best response at all.
    adrs = pd.DataFrame(
        {
            "USUBJID": who[:300],
            "TRT01P": arm[:300],
            "PARAMCD": "BESTRESP",
            "AVALC": np.where(np.arange(300) % 5 < 3, "PR", "SD"),
        }
    )
    return {"adsl": adsl, "adtte": pd.concat([pfs, os.iloc[::-1]]), "adrs": adrs}


def _arm(tables, arm: str) -> pd.DataFrame:
    adtte = tables["adtte"]
    return adtte[(adtte["TRT01P"] == arm) & (adtte["PARAMCD"] == "OS")]


def test_whoever_has_no_best_response_has_not_responded(tables):
    found = response_comparison(tables["adsl"], tables["adrs"], control="c", arm="t")
    assert (found.n_control, found.n_treated) == (120, 120)
    assert found.treated.share == pytest.approx(60 / 120)
    with pytest.raises(ModelValueError, match="arm 'y' has no patient"):
        response_comparison(tables["adsl"], tables["adrs"], control="c", arm="y")


def test_the_landmark_is_read_from_the_arms_own_curves(tables):
    found = landmark_comparison(
        tables["adtte"], control="c", arm="t", landmark_day=365.0, seed=1, n_boot=100
    )
    rows = _arm(tables, "t")
    share = kaplan_meier(rows["AVAL"], rows["EVENT"], times=[365.0]).survival[0]
    assert found.treated == pytest.approx(share)
    assert found.treated > found.control
    with pytest.raises(ModelValueError, match="no DFS of 'c'"):
        landmark_comparison(
            tables["adtte"], control="c", arm="t", landmark_day=9.0, seed=1, paramcd="DFS"
        )


def test_strata_and_covariates_are_found_by_patient(tables):
    found = stratified_comparison(
        tables["adsl"], tables["adtte"], control="c", arm="t", strata=["STAGE"]
    )
    both = pd.concat([_arm(tables, "c"), _arm(tables, "t")]).merge(
        tables["adsl"][["USUBJID", "STAGE"]], on="USUBJID"
    )
    ratio = cox_hazard_ratio(
        both["AVAL"], both["EVENT"], both["TRT01P"] == "t", strata=both["STAGE"]
    )
    assert found.cox.of("treated").hr == pytest.approx(ratio.hr)
    assert found.cox.n_strata == 3
    assert found.log_rank.p < 0.01
    adjusted = stratified_comparison(
        tables["adsl"],
        tables["adtte"],
        control="c",
        arm="t",
        strata=["STAGE"],
        covariates=["CXCR4H"],
    )
    marker = adjusted.cox.of("CXCR4H")
    assert np.log(marker.low) < 0.9 / 87 < np.log(marker.high)


def test_columns_that_are_not_there_are_named(tables):
    for strata, words in (([], "name the strata"), (["CENTRE"], "no column CENTRE")):
        with pytest.raises(ModelValueError, match=words):
            stratified_comparison(
                tables["adsl"], tables["adtte"], control="c", arm="t", strata=strata
            )
    with pytest.raises(ModelValueError, match="no column 'SUVMAX'"):
        marker_concordance(tables["adsl"], tables["adtte"], arm="c", seed=1, marker="SUVMAX")


def test_a_marker_of_prognosis_adds_to_stage(tables):
    found = marker_concordance(tables["adsl"], tables["adtte"], arm="c", seed=1, n_boot=50)
    assert found.model.n == 120
    assert found.score.low > 0.5
    assert found.gain.low > 0
