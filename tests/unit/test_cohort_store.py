"""Cohorts on disk come back as they were, and bad directories are refused."""

import json

import numpy as np
import pytest

from cxaxis.cohort.store import read_cohort, sample_to_directory
from cxaxis.core.errors import UserInputError
from cxaxis.core.hashing import sha256_file


@pytest.fixture(scope="module")
def stored(tmp_path_factory):
    path = tmp_path_factory.mktemp("cohort") / "c"
    values = {"cxcr4_per_tumour_cell": 30_000.0}
    return path, sample_to_directory(path, n=6, seed=5, values=values)


def test_a_cohort_is_read_back_as_it_was(stored):
    path, cohort = stored
    again = read_cohort(path)
    assert again.indices == cohort.indices
    assert again.labels == cohort.labels
    assert again.table.names == cohort.table.names
    assert np.array_equal(again.table.values, cohort.table.values)
    assert set(again.covariates) == set(cohort.covariates)
    for name, values in cohort.covariates.items():
        np.testing.assert_array_equal(np.asarray(again.covariates[name]), values, err_msg=name)
    assert again.seed == cohort.seed
    assert dict(again.screened) == dict(cohort.screened)
    assert again.theta == dict(cohort.theta)
    assert again.theta["cxcr4_per_tumour_cell"] == 30_000.0


def test_the_same_seed_writes_the_same_bytes(stored, tmp_path):
    path, _ = stored
    sample_to_directory(tmp_path / "d", n=6, seed=5, values={"cxcr4_per_tumour_cell": 30_000.0})
    assert sha256_file(tmp_path / "d" / "cohort.parquet") == sha256_file(path / "cohort.parquet")


def test_a_complete_directory_is_refused_and_untouched(stored):
    path, _ = stored
    before = {item.name: sha256_file(item) for item in path.iterdir() if item.is_file()}
    with pytest.raises(UserInputError, match="complete run"):
        sample_to_directory(path, n=6, seed=6, values={})
    assert {i.name: sha256_file(i) for i in path.iterdir() if i.is_file()} == before


def test_bad_numbers_are_reported_together_and_nothing_is_written(tmp_path):
    with pytest.raises(UserInputError) as caught:
        sample_to_directory(tmp_path / "x", n=0, seed=-1, values={})
    assert [finding.code for finding in caught.value.findings] == ["COH001", "COH002"]
    with pytest.raises(UserInputError, match="Did you mean"):
        sample_to_directory(tmp_path / "x", n=1, seed=1, values={"birth_rat": 1.0})
    assert not (tmp_path / "x").exists()


def test_a_changed_table_is_refused(stored, tmp_path):
    path, _ = stored
    copy = tmp_path / "copy"
    copy.mkdir()
    for item in path.iterdir():
        if item.is_file():
            (copy / item.name).write_bytes(item.read_bytes())
    assert len(read_cohort(copy)) == 6
    table = copy / "cohort.parquet"
    table.write_bytes(table.read_bytes()[:-1] + b"x")
    with pytest.raises(UserInputError, match=r"cohort\.parquet"):
        read_cohort(copy)


def test_a_run_of_another_kind_is_no_cohort(stored, tmp_path):
    path, _ = stored
    copy = tmp_path / "trial"
    copy.mkdir()
    manifest = json.loads((path / "manifest.json").read_text("utf-8"))
    (copy / "manifest.json").write_text(json.dumps({**manifest, "kind": "trial"}), "utf-8")
    with pytest.raises(UserInputError, match="kind 'trial'"):
        read_cohort(copy)


def test_a_missing_directory_is_refused(tmp_path):
    with pytest.raises(UserInputError):
        read_cohort(tmp_path / "nowhere")
