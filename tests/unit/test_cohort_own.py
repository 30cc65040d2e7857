"""A user's own patients: read with everything wrong said at once, and weights by likeness."""

import numpy as np
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from cxaxis.cohort.similarity import normal_scores, similarity_weights, squared_distances
from cxaxis.cohort.user_columns import SUBJECT_NAMES, USER_COLUMNS
from cxaxis.cohort.user_map import new_map, read_map
from cxaxis.cohort.user_patients import import_to_directory, read_imported
from cxaxis.core.errors import UserInputError
from cxaxis.core.streams import rng_for
from science_support import eligible

TEXT = """Patient,Age,Gender,Location,cT,cN,Clinical stage,CXCR4 H-score,CPS,Surgeon
P1,58,male,Middle,T3,N1,III,180,12,A
P2,71,F,lower,T3,N0,II,NA,3,B
P3,64,m,upper,T4,N2,IVA,20,,C
"""


def files(tmp_path, text=TEXT, **changes):
    path = tmp_path / "own.csv"
    path.write_text(text, encoding="utf-8")
    content = yaml.safe_load(new_map(path).text) | changes
    (tmp_path / "map.yaml").write_text(yaml.safe_dump(content), encoding="utf-8")
    return path, tmp_path / "map.yaml"


def codes(tmp_path, text=TEXT, **changes):
    path, chosen = files(tmp_path, text, **changes)
    with pytest.raises(UserInputError) as failure:
        import_to_directory(path, chosen, tmp_path / "out")
    assert not (tmp_path / "out").exists()
    return [item.code for item in failure.value.findings]


def test_no_name_stands_for_two_covariates():
    names = [name for item in USER_COLUMNS.values() for name in item.names]
    assert len(set(names)) == len(names)
    assert not set(names) & set(SUBJECT_NAMES)
    about = eligible(6, 21).covariates
    assert set(USER_COLUMNS) <= set(about)


def test_a_map_is_made_of_the_headers_and_says_what_it_does_not_know(tmp_path):
    path, _ = files(tmp_path)
    made = new_map(path)
    assert made.found["gender"] == "sex"
    assert made.found["cxcr4_h_score"] == "cxcr4_h_score"
    assert made.not_recognised == ("surgeon",)


def test_patients_come_back_as_they_were_and_gaps_are_counted(tmp_path):
    path, chosen = files(tmp_path)
    patients = import_to_directory(path, chosen, tmp_path / "out")
    assert patients.subjects == ("P1", "P2", "P3")
    assert patients.missing() == {
        name: {"cxcr4_h_score": 1, "pdl1_cps": 1}.get(name, 0) for name in patients.covariates
    }
    assert patients.covariates["t"].tolist() == ["3", "3", "4"]
    assert patients.covariates["sex"].tolist() == ["M", "F", "M"]
    again = read_imported(tmp_path / "out")
    assert again.subjects == patients.subjects
    for name, values in patients.covariates.items():
        np.testing.assert_array_equal(again.covariates[name], values, err_msg=name)


def test_every_fault_of_a_file_is_found_at_once(tmp_path):
    text = TEXT.replace("58", "old").replace("71", "171").replace("lower", "left")
    text = text.replace("P3", "P1")
    assert sorted(codes(tmp_path, text)) == ["OWN005", "OWN005", "OWN006", "OWN007"]


def test_a_column_that_is_not_there_is_named(tmp_path):
    assert codes(tmp_path, columns={"sex": {"column": "sexe"}}) == ["OWN004"]


@pytest.mark.parametrize(
    ("columns", "code"),
    [
        ({}, "OWN002"),
        ({"age_years": {"column": "Age"}}, "OWN003"),
        ({"sex": {"column": "Gender", "factor": 2.0}}, "OWN003"),
        ({"sex": {"column": "Gender", "words": {"X": ["x"]}}}, "OWN003"),
        ({"age_year": {"column": "Age", "words": {"old": ["x"]}}}, "OWN003"),
        ({"age_year": {"column": "Age", "factor": -1}}, "OWN002"),
        ({"age_year": {"colum": "Age"}}, "OWN002"),
    ],
)
def test_a_wrong_map_is_refused(tmp_path, columns, code):
    assert code in codes(tmp_path, columns=columns)


def test_own_words_and_factors_are_used(tmp_path):
    text = "id,Age in months,Geschlecht\na,720,Mann\nb,600,Frau\n"
    (tmp_path / "own.csv").write_text(text, encoding="utf-8")
    content = {
        "schema": 1,
        "subject": "id",
        "columns": {
            "age_year": {"column": "Age in months", "factor": 1 / 12},
            "sex": {"column": "Geschlecht", "words": {"M": ["Mann"], "F": ["Frau"]}},
        },
    }
    chosen = tmp_path / "map.yaml"
    chosen.write_text(yaml.safe_dump(content), encoding="utf-8")
    found = import_to_directory(tmp_path / "own.csv", chosen, tmp_path / "out")
    assert found.covariates["age_year"] == pytest.approx([60.0, 50.0])
    assert found.covariates["sex"].tolist() == ["M", "F"]


def test_files_that_are_none_are_refused(tmp_path):
    (tmp_path / "own.csv").write_text("a,b\n1,2\n", encoding="utf-8")
    with pytest.raises(UserInputError, match="OWN001"):
        new_map(tmp_path / "own.csv")
    with pytest.raises(UserInputError, match="new-map"):
        read_map(tmp_path / "nosuch.yaml")


def test_normal_scores_of_a_pool_are_normal_and_keep_order():
    pool = rng_for(1, "test", "scores").lognormal(1.0, 2.0, 999)
    scores = normal_scores(pool, pool)
    assert np.mean(scores) == pytest.approx(0.0, abs=1e-9)
    assert np.std(scores) == pytest.approx(1.0, abs=0.02)
    assert (np.argsort(scores) == np.argsort(pool)).all()
    ends = normal_scores(np.array([-1.0, np.nan, 1e9]), pool)
    assert ends[0] < scores.min()
    assert np.isnan(ends[1])
    assert ends[2] > scores.max()


@given(bandwidth=st.floats(0.2, 5.0))
def test_what_is_not_known_changes_nothing_and_what_is_favours_the_alike(bandwidth):
    pool = {"stage": np.array(["II", "III", "III"]), "age_year": np.array([50.0, 60.0, 70.0])}
    given_ = {
        "stage": np.array(["", "III"]),
        "age_year": np.array([np.nan, 60.0]),
    }
    weights = similarity_weights(squared_distances(given_, pool, ("stage", "age_year")), bandwidth)
    assert weights[0] == pytest.approx([1 / 3] * 3)
    assert weights.sum(axis=1) == pytest.approx([1.0, 1.0])
    assert weights[1, 1] == weights[1].max()
