"""A run on disk: the same bytes for any number of workers, resumed, refused when complete."""

from types import SimpleNamespace

import pytest

from cxaxis.core.errors import UserInputError
from cxaxis.core.hashing import sha256_file
from cxaxis.runs.manifest import read_manifest
from cxaxis.trial import jobs as jobs_module
from cxaxis.trial import run as run_module
from cxaxis.trial.analysis import follow_up
from cxaxis.trial.protocol import Protocol, read_protocol
from cxaxis.trial.run import key_of_run, run_trial, stored_run_key
from cxaxis.trial.schemas import RUN_SCHEMAS
from cxaxis.trial.uncertainty import DrawTask
from science_support import eligible, small_protocol

TABLES = {f"{schema.name}.parquet" for schema in RUN_SCHEMAS}


def hashes(folder):
    return {path.name: sha256_file(path) for path in sorted(folder.iterdir()) if path.is_file()}


def table_hashes(folder):
    return {name: digest for name, digest in hashes(folder).items() if name.endswith(".parquet")}


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    return run_trial(small_protocol(), out=tmp_path_factory.mktemp("trial") / "one", workers=1)


def test_two_workers_write_the_same_bytes_as_one(finished, tmp_path):
    other = run_trial(small_protocol(), out=tmp_path / "two", workers=2)
    assert table_hashes(other.path) == table_hashes(finished.path)
    assert set(table_hashes(finished.path)) == TABLES
    for name in ("summary.json", "protocol.json", "data_dictionary.json"):
        assert sha256_file(other.path / name) == sha256_file(finished.path / name)


def test_another_seed_writes_other_bytes(finished, tmp_path):
    other = run_trial(small_protocol(seed=7), out=tmp_path / "other", workers=1)
    same, different = table_hashes(finished.path), table_hashes(other.path)
    # Parameters have no seed, nobody dies in the few months of the phi sweep, nobody is operated.
    alike = {name for name in same if same[name] == different[name]}
    assert alike <= {"parameters.parquet", "phi.parquet", "adpath.parquet"}


@pytest.mark.parametrize(("courses", "draws", "most"), [(100, 0, 1), (100, 400, 4), (10**6, 0, 4)])
def test_processes_are_started_where_there_is_work_for_them(courses, draws, most, monkeypatch):
    monkeypatch.setattr(jobs_module, "check_workers", lambda _: 4)
    drawn = DrawTask.__new__(DrawTask)
    work = [SimpleNamespace(size=courses, payload=None)]
    work += [SimpleNamespace(size=24, payload=drawn)] * draws
    assert jobs_module.processes_for(work, None) == most
    assert jobs_module.processes_for(work, 3) == 3


class _StopError(Exception):
    pass


def test_an_interrupted_run_resumes_to_the_same_bytes(finished, tmp_path, monkeypatch):
    out = tmp_path / "broken"
    work, done = run_module.run_job, []

    def until_the_fourth(job):
        if len(done) == 3:
            raise _StopError
        done.append(job.block.name)
        return work(job)

    monkeypatch.setattr(run_module, "run_job", until_the_fourth)
    with pytest.raises(_StopError):
        run_trial(small_protocol(), out=out, workers=1)
    assert not (out / "manifest.json").exists()

    with pytest.raises(UserInputError, match="RUN"):
        run_trial(small_protocol(seed=7), out=out, workers=1)

    again = []
    monkeypatch.setattr(
        run_module, "run_job", lambda job: again.append(job.block.name) or work(job)
    )
    resumed = run_trial(small_protocol(), out=out, workers=1)
    assert again
    assert not set(again) & set(done)
    assert table_hashes(resumed.path) == table_hashes(finished.path)


def test_a_complete_directory_is_refused_and_untouched(finished):
    before = hashes(finished.path)
    with pytest.raises(UserInputError, match="complete run"):
        run_trial(small_protocol(), out=finished.path, workers=1)
    assert hashes(finished.path) == before


def test_the_key_of_a_run_is_known_before_it_and_stored_with_it(finished):
    assert stored_run_key(finished.path) == key_of_run(small_protocol())
    assert key_of_run(small_protocol(seed=7)) != key_of_run(small_protocol())


def test_every_patient_is_in_the_pool_under_every_arm_and_in_the_trial_once(finished):
    pool, adsl, adtte = (finished.table(name) for name in ("pool", "adsl", "adtte"))
    arms = small_protocol().arm_ids
    assert sorted(adsl["USUBJID"]) == sorted(set(pool["USUBJID"]))
    assert (pool.groupby("USUBJID")["ARM"].nunique() == len(arms)).all()
    assert len(pool) == len(adsl) * len(arms) * 4
    assert (adtte.groupby("USUBJID")["TRT01P"].nunique() == 1).all()
    assert (adtte.groupby(["USUBJID", "PARAMCD"]).size() == 1).all()
    assert adsl["TRT01P"].value_counts().to_dict() == dict.fromkeys(arms, 3)
    merged = adtte.merge(adsl, on="USUBJID", suffixes=("", "_sl"))
    assert (merged["TRT01P"] == merged["TRT01P_sl"]).all()


def test_trial_times_are_pool_times_cut_at_the_end_of_follow_up(finished):
    pool = finished.table("pool").rename(columns={"ARM": "TRT01P"})
    rows = finished.table("adtte").merge(
        pool, on=["USUBJID", "TRT01P", "PARAMCD"], suffixes=("", "_pool")
    )
    assert len(rows) == len(finished.table("adtte"))
    assert (rows["AVAL"] <= rows["AVAL_pool"]).all()
    assert (rows.loc[rows["EVENT"], "AVAL"] == rows.loc[rows["EVENT"], "AVAL_pool"]).all()
    assert (rows["EVENT"] == (rows["CNSR"] == 0)).all()
    assert rows["AVAL"].max() <= 120.0


def test_visit_tables_hold_the_allocated_arm_only(finished):
    arm_of = finished.adsl.set_index("USUBJID")["TRT01P"]
    for name in ("adtr", "adrs", "adpc", "adpd"):
        table = finished.table(name)
        assert len(table), name
        assert (arm_of.loc[table["USUBJID"]].to_numpy() == table["TRT01P"].to_numpy()).all(), name
    assert "control" not in set(finished.table("adpd")["TRT01P"])


def test_the_manifest_counts_outcomes_of_every_course(finished):
    counts = read_manifest(finished.path).counts
    assert counts["completed"] == 27
    assert counts["cohort_screened"] >= 9


def test_the_summary_has_a_row_per_arm(finished):
    frame = finished.summary()
    assert tuple(frame["arm"]) == small_protocol().arm_ids
    assert frame["n"].tolist() == [3, 3, 3]
    assert frame["occupancy_trough"].iloc[0] != frame["occupancy_trough"].iloc[1]
    assert "<table" in finished._repr_html_()


def test_a_run_without_a_directory_lives_with_its_trial():
    protocol = small_protocol(
        uncertainty={"draws": 0},
        population={"setting": "locally_advanced_escc", "patients_per_ratio_unit": 1},
    )
    trial = run_trial(protocol)
    path = trial.path
    assert len(trial.adsl) == 3
    assert len(trial.table("uncertainty")) == 0
    trial._keep.cleanup()
    assert not path.exists()


@pytest.fixture(scope="module")
def operated(tmp_path_factory):
    canonical = read_protocol("neoadjuvant_cross").canonical()
    changes = {
        "population": {"setting": "resectable_escc", "patients_per_ratio_unit": 4},
        "uncertainty": {"draws": 0},
        "horizon_day": 200.0,
    }
    protocol = Protocol.model_validate({**canonical, **changes})
    return run_trial(protocol, out=tmp_path_factory.mktemp("operated") / "run")


def test_the_operated_have_a_report_of_pathology_and_no_others(operated):
    adpath, adsl = operated.table("adpath"), operated.adsl
    assert 0 < len(adpath) <= len(adsl)
    assert adpath["USUBJID"].is_unique
    planned = {"surgery_alone": 14.0}
    expected = [planned.get(arm, 77.0) for arm in adpath["TRT01P"]]
    assert adpath["ADY"].tolist() == expected
    assert set(adpath["MARGIN"]) <= {"R0", "R1"}
    assert (adpath["NODEEXAM"] >= adpath["NODEPOS"]).all()
    assert (adpath["PCR"] == (adpath["YPT0"] & (adpath["YPN"] == 0))).all()
    # Nobody is cleared who has a rest at the margin.
    assert not adpath.loc[adpath["MARGIN"] == "R1", "CLEARED"].any()
    alone = adpath[adpath["TRT01P"] == "surgery_alone"]
    assert (alone["RESIDUAL"] > 0.5).all()


def test_without_a_whole_resection_there_is_no_disease_free_survival(operated):
    adpath, adtte = operated.table("adpath"), operated.adtte
    whole = set(adpath.loc[adpath["MARGIN"] == "R0", "USUBJID"])
    assert set(adtte.loc[adtte["PARAMCD"] == "DFS", "USUBJID"]) == whole
    efs = adtte[adtte["PARAMCD"] == "EFS"].set_index("USUBJID")
    assert len(efs) == len(operated.adsl)
    assert efs.loc[~efs.index.isin(whole), "EVENT"].all()


def test_every_death_has_a_cause_and_the_summary_counts_it(operated):
    deaths = operated.adtte.query("PARAMCD == 'OS' and EVENT")
    assert deaths["EVNTDESC"].str.fullmatch("Death: (disease|treatment|other)").all()
    for arm in operated.read_summary()["arms"]:
        assert sum(arm["deaths"].values()) == arm["os"]["events"]
        done = operated.table("adpath").query("TRT01P == @arm['arm']")
        assert (arm["resection"] or {"operated": 0})["operated"] == len(done)


def test_every_patient_has_one_best_response(operated):
    best = operated.table("adrs").query("PARAMCD == 'BESTRESP'")
    assert best["USUBJID"].is_unique
    assert set(best["AVALC"]) <= {"CR", "PR", "SD", "PD", "NED", "NE"}


def test_nothing_is_seen_of_a_patient_after_loss_to_follow_up(tmp_path):
    canonical = read_protocol("neoadjuvant_cross").canonical()
    changes = {
        "population": {"setting": "resectable_escc", "patients_per_ratio_unit": 4},
        "uncertainty": {"draws": 0},
        # Half are lost within a season.
        "enrolment": {"dropout_per_year": 3.0},
        "horizon_day": 200.0,
    }
    trial = run_trial(Protocol.model_validate({**canonical, **changes}), out=tmp_path / "lost")
    last_day = trial.adtte.query("PARAMCD == 'OS'").set_index("USUBJID")["AVAL"]
    lost = (trial.adtte.query("PARAMCD == 'OS'")["EVNTDESC"] == "Lost to follow-up").sum()
    assert lost > 2
    for name in ("adtr", "adrs", "adpath"):
        rows = trial.table(name)
        assert (rows["ADY"] <= rows["USUBJID"].map(last_day)).all()
    # Whoever responded best so did at a visit that was seen.
    adrs = trial.table("adrs")
    best = adrs[adrs["PARAMCD"] == "BESTRESP"].set_index("USUBJID")["AVALC"]
    seen = adrs[(adrs["PARAMCD"] == "OVRLRESP") & (adrs["ADY"] > 0)].groupby("USUBJID")["AVALC"]
    for who, response in best[best.isin(["CR", "PR", "PD"])].items():
        assert response in set(seen.get_group(who))
    assert set(best[~best.index.isin(seen.groups)]) <= {"NE"}


def test_a_cohort_of_the_wrong_size_is_refused_and_nothing_is_written(tmp_path):
    cohort = eligible(4, 5)
    with pytest.raises(UserInputError, match="4 patients, the protocol asks for 9"):
        run_trial(small_protocol(), cohort=cohort, out=tmp_path / "x")
    assert not (tmp_path / "x").exists()


def test_a_given_cohort_is_used_as_it_is(tmp_path):
    protocol = small_protocol(uncertainty={"draws": 0})
    cohort = eligible(9, 5)
    trial = run_trial(protocol, cohort=cohort, out=tmp_path / "given")
    assert tuple(trial.adsl["USUBJID"]) == cohort.labels
    entry, _, _ = follow_up(protocol, cohort)
    assert trial.adsl["ENTRYDY"].to_numpy() == pytest.approx(entry)


def test_an_unknown_value_names_the_nearest_parameter_and_writes_nothing(tmp_path):
    with pytest.raises(UserInputError, match="kd_antagonist_cxcr4"):
        run_trial(small_protocol(), values={"kd_antagonist_cxr4": 1.0}, out=tmp_path / "x")
    assert not (tmp_path / "x").exists()
