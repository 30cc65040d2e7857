"""Results as tables: each agrees with what is worked out elsewhere, none is made up."""

from __future__ import annotations

import numpy as np
import pytest

from cxaxis.core.streams import rng_for
from cxaxis.report.run_results import results_of
from cxaxis.report.source import read_trial_run
from cxaxis.runs.tables import write_table
from cxaxis.stats.survival import log_rank
from cxaxis.trial.result_schemas import RESULT_SCHEMAS
from cxaxis.trial.results import strata_columns, trial_results
from synthetic_run import ARMS, write_run

CONTROL, DAILY, INFUSION = ARMS


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    return read_trial_run(write_run(tmp_path_factory.mktemp("runs") / "run"))


@pytest.fixture(scope="module")
def results(run):
    return results_of(run)


def test_every_table_fits_its_schema(results, tmp_path):
    assert set(results.tables) == {schema.name for schema in RESULT_SCHEMAS}
    for schema in RESULT_SCHEMAS:
        write_table(results.tables[schema.name], tmp_path / schema.file_name, schema)


def test_the_unadjusted_ratio_is_that_of_the_summary(run, results):
    frame = results.tables["hazard_ratios"]
    for arm in run.summary.arms[1:]:
        row = frame.query("ARM == @arm.arm and PARAMCD == 'OS' and STRATA == ''").iloc[0]
        assert row["HR"] == pytest.approx(arm.hr_os.hr, rel=1e-12)
        assert row["PLOGRANK"] == pytest.approx(arm.hr_os.p_logrank, rel=1e-12)
        assert row["TIES"] == "efron"


def test_strata_of_one_level_change_nothing_and_more_have_a_row_of_their_own(run, results):
    assert set(results.tables["hazard_ratios"]["STRATA"]) == {""}
    layered = trial_results(
        run.tables,
        arms=ARMS,
        control=CONTROL,
        protocol={"strata": ["stage", "sex"]},
        seed=1,
        screened={},
    ).tables["hazard_ratios"]
    assert set(layered["STRATA"]) == {"", "STAGE, SEX"}
    plain = layered[layered["STRATA"] == ""]["HR"].to_numpy()
    assert np.array_equal(plain, results.tables["hazard_ratios"]["HR"].to_numpy())


def test_bands_of_a_biomarker_become_strata(run):
    adsl = run.tables["adsl"].assign(CXCR4H=np.linspace(0, 300, len(run.tables["adsl"])))
    bands = {"biomarker": "CXCR4H", "bands": [[0, 100], [100, None]]}
    table, strata = strata_columns(adsl, {"strata": ["stage"], "biomarker_strata": [bands]})
    assert strata == ("STAGE", "CXCR4HBAND")
    assert np.array_equal(table["CXCR4HBAND"], (adsl["CXCR4H"] >= 100).astype(int))


def test_curves_start_at_one_fall_and_count_everybody(run, results):
    adtte = run.tables["adtte"]
    for (code, arm), curve in results.tables["survival_curves"].groupby(["PARAMCD", "ARM"]):
        mine = adtte[(adtte["PARAMCD"] == code) & (adtte["TRT01P"] == arm)]
        assert np.all(np.diff(curve["SURVIVAL"]) <= 0)
        assert curve["NEVENT"].sum() == mine["EVENT"].sum()
        assert curve["NEVENT"].sum() + curve["NCENSOR"].sum() == len(mine)


def test_an_arm_against_itself_has_no_effect(run):
    swap = {CONTROL: DAILY}
    tables = dict(run.tables)
    for name, column in (("adsl", "TRT01P"), ("adtte", "TRT01P"), ("adrs", "TRT01P")):
        frame = tables[name]
        control = frame[frame[column] == CONTROL]
        twin = control.assign(**{column: DAILY}, USUBJID=control["USUBJID"] + "t")
        tables[name] = type(frame)(
            data={
                key: np.concatenate([control[key].to_numpy(), twin[key].to_numpy()])
                for key in frame.columns
            }
        )
    tables["adpath"] = tables["adpath"].iloc[:0]
    found = trial_results(
        tables,
        arms={CONTROL: "c", DAILY: swap[CONTROL]},
        control=CONTROL,
        protocol={},
        seed=3,
        screened={},
    ).tables
    assert found["hazard_ratios"]["HR"].to_numpy() == pytest.approx(1.0)
    assert found["restricted_means"]["DIFF"].to_numpy() == pytest.approx(0.0)
    assert found["response_rates"]["DIFF"].dropna().to_numpy() == pytest.approx(0.0)
    assert found["number_needed"]["NEEDED"].isna().all()


def test_subgroups_of_a_factor_add_up_to_everybody(results):
    frame = results.tables["subgroups"].query("ARM == @DAILY")
    whole = frame[frame["FACTOR"] == "All patients"].iloc[0]
    for factor, levels in frame.groupby("FACTOR"):
        assert levels[["NCTL", "NTRT", "EVCTL", "EVTRT"]].sum().tolist() == [
            whole[name] for name in ("NCTL", "NTRT", "EVCTL", "EVTRT")
        ], factor


def test_effects_on_single_patients_say_that_they_are_counterfactual(results):
    frame = results.tables["individual_summary"]
    assert list(frame["ARM"]) == [DAILY, INFUSION]
    told = [name for name in frame.columns if name not in ("ARM", "PARAMCD", "N")]
    assert all(name.startswith("COUNTERFACTUAL_") for name in told)
    counts = frame[[f"COUNTERFACTUAL_{x}" for x in ("GAINED", "LOST", "SAME")]].sum(axis=1)
    assert counts.tolist() == frame["N"].tolist()
    effects = results.tables["individual_effects"]
    mean = effects[effects["ARM"] == DAILY]["COUNTERFACTUAL_GAIN_DAY"].mean()
    assert frame["COUNTERFACTUAL_MEAN_DAY"].iloc[0] == pytest.approx(mean)


def test_the_variance_is_split_and_its_parts_add_up(results):
    frame = results.tables["variance_split"].query("ARM == @DAILY").set_index("SOURCE")
    total, patients = (frame.loc[name, "VARIANCE"] for name in ("total", "patients"))
    assert frame.loc["both", "VARIANCE"] == pytest.approx(max(0.0, total - patients))
    assert frame["NDRAW"].unique().tolist() == [64]


def test_without_a_stain_concordance_is_not_given_and_said(run, results):
    assert results.tables["concordance"].empty
    assert any("CXCR4H" in note for note in results.notes)
    adsl = run.tables["adsl"]
    worst = run.tables["adtte"].query("PARAMCD == 'OS'").set_index("USUBJID")["AVAL"]
    noise = 0.3 * rng_for(5, "score").standard_normal(len(adsl))
    scored = adsl.assign(CXCR4H=noise - np.log(worst.reindex(adsl["USUBJID"]).to_numpy()))
    found = trial_results(
        {**run.tables, "adsl": scored},
        arms=ARMS,
        control=CONTROL,
        protocol={},
        seed=3,
        screened={},
    ).tables["concordance"]
    told = found.set_index("MODEL")
    # A score that is nearly the time of death turned round ranks most pairs; stage is made up.
    assert told.loc["marker", "C"] > 0.8
    assert told.loc["gain", "C"] == pytest.approx(told.loc["both", "C"] - told.loc["stage", "C"])
    assert told.loc["stage", "LOW"] < 0.5 < told.loc["stage", "HIGH"] + 0.1


def test_looks_of_the_summary_are_told(run):
    look = {
        "number": 1,
        "day": 400.0,
        "patients": 90,
        "events": 40,
        "fraction": 0.5,
        "z": 1.2,
        "boundary": 2.96,
        "futility_z": None,
        "alpha_spent": 0.003,
        "decision": "continue",
    }
    frame = trial_results(
        run.tables, arms=ARMS, control=CONTROL, protocol={}, seed=1, screened={}, looks=[look]
    ).tables["interim_looks"]
    assert frame.iloc[0]["DECISION"] == "continue"
    assert np.isnan(frame.iloc[0]["FUTILITY"])


def test_the_log_rank_test_is_that_of_the_library(run, results):
    rows = run.tables["adtte"].query("PARAMCD == 'PFS' and TRT01P in [@CONTROL, @INFUSION]")
    test = log_rank(rows["AVAL"], rows["EVENT"], (rows["TRT01P"] == INFUSION).to_numpy())
    told = results.tables["hazard_ratios"].query("ARM == @INFUSION and PARAMCD == 'PFS'")
    assert told["PLOGRANK"].item() == pytest.approx(test.p, rel=1e-12)
