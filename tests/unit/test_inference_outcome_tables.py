"""From a synthetic pool to the committed tables and back."""

from dataclasses import replace
from importlib.util import find_spec

import pytest

from cxaxis.cohort.population import draw_theta
from cxaxis.inference.outcome_records import from_z
from cxaxis.inference.outcome_results import observed_of, other_deviations
from cxaxis.inference.outcome_tables import input_hash, load_tables, stale_reasons
from cxaxis.knowledge import posteriors
from cxaxis.knowledge.landmarks import load_landmarks
from cxaxis.knowledge.posteriors import OUTCOME_SEED, load_outcome_posterior
from outcome_support import in_a_process, landmark_pool, whole_fit

FITTED = ("share_stage_ii", "share_stage_iii", "diameter_t3")
needs_sampler = pytest.mark.skipif(
    find_spec("blackjax") is None, reason="needs the extra 'fit': jax and blackjax"
)


@pytest.fixture(scope="module")
def kept(tmp_path_factory):
    folder = tmp_path_factory.mktemp("outcome_tables")
    return folder, *in_a_process(whole_fit, folder, FITTED)


@needs_sampler
def test_the_tables_read_back(kept, monkeypatch):
    folder, key, n_simulated, n_compared = kept
    tables = load_tables(folder)
    assert [item.id for item in tables.parameters] == list(FITTED)
    assert len(tables.landmarks) == len(tables.emulated) == n_compared == len(load_landmarks())
    assert {item.study for item in tables.studies} >= {"CROSS", "ESCORT-1st"}
    assert sum(tables.ranks[0].counts) == 24
    assert tables.summary["input_hash"] == key
    assert n_simulated == 24
    monkeypatch.setattr(posteriors, "_ids_of", lambda *_: FITTED)
    draws = load_outcome_posterior(folder / posteriors.OUTCOME_POSTERIOR_FILE)
    assert set(draws) == set(range(24))
    for item in tables.parameters:
        assert item.low < item.median < item.high
        assert item.prior_low < item.prior_median < item.prior_high
        assert item.ratio < 0.9


@needs_sampler
def test_the_tables_are_stale_when_an_input_changes(kept):
    folder, key, *_ = kept
    assert list(stale_reasons(key, folder)) == []
    _, rows, landmarks = landmark_pool(20, FITTED)
    moved = {**rows, "phi": replace(rows["phi"], value=0.4)}
    other = input_hash(landmarks, moved, tuple(moved), FITTED)
    assert other != key
    assert "have changed" in next(stale_reasons(other, folder))


def test_a_held_out_landmark_does_not_make_the_fit_stale():
    _, rows, landmarks = landmark_pool(20, FITTED)
    seen = [replace(item, value=1.0) if item.use == "predict" else item for item in landmarks]
    fitted = [replace(item, value=1.0) if item.use == "fit" else item for item in landmarks]
    key, same, other = (
        input_hash(items, rows, tuple(rows), FITTED) for items in (landmarks, seen, fitted)
    )
    assert key == same != other


def test_missing_tables_are_named(tmp_path):
    assert "outcome_parameters.tsv" in next(stale_reasons("", tmp_path))


def test_the_others_are_those_of_the_drawn_population():
    _, rows, _ = landmark_pool(20, FITTED)
    z = other_deviations(rows, ("share_male", "phi"), range(3), seed=OUTCOME_SEED)
    for draw in range(3):
        theta = draw_theta(rows, seed=OUTCOME_SEED, draw=draw)
        assert float(from_z(rows["phi"], z[draw, 1])) == pytest.approx(theta["phi"])


def test_a_bad_outcome_turns_and_a_late_stage_is_told():
    seen = {item.id: item for item in observed_of(load_landmarks().values())}
    assert seen["neocrtec_surgery_recurrence"].way == -1
    assert seen["neocrtec_crt_pcr"].family == "response"
    assert seen["hiroshima_5_year"].covariates[1] == 1
    assert all(item.n >= 1 for item in seen.values())
    assert seen["rtog_8501_5_year"].covariates[0] < 0
