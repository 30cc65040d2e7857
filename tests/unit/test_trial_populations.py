"""Where the populations of an uncertainty analysis come from: the prior, or control arms."""

import json

import pytest

from cxaxis.cohort import calibrated
from cxaxis.cohort.population import draw_theta
from cxaxis.core.errors import UserInputError
from cxaxis.knowledge.parameters import load_parameters
from cxaxis.knowledge.posteriors import OUTCOME_SEED
from cxaxis.runs.manifest import read_manifest
from cxaxis.trial import protocol_findings
from cxaxis.trial import run as trial_run
from cxaxis.trial.protocol import Protocol, read_protocol
from cxaxis.trial.run import run_trial
from cxaxis.trial.uncertainty import drawn_population
from science_support import small_protocol

DRAWS = {0: {"share_t3": 0.61}, 1: {"share_t3": 0.52}}


@pytest.fixture
def known(monkeypatch):
    for module in (calibrated, protocol_findings, trial_run):
        monkeypatch.setattr(module, "load_outcome_posterior", lambda *_: DRAWS)


def fitted_protocol(**changes):
    content = small_protocol().canonical()
    more = {**content["uncertainty"], "populations": "control_arms", **changes}
    return Protocol.model_validate({**content, "uncertainty": more})


def test_the_prior_is_as_before_and_leaves_the_hash_alone():
    plain = small_protocol()
    assert "populations" not in plain.canonical()["uncertainty"]
    assert fitted_protocol().sha256 != plain.sha256
    rows = load_parameters()
    assert drawn_population(rows, seed=4, draw=2, populations="prior") == draw_theta(
        rows, seed=4, draw=2
    )


def test_a_fitted_population_does_not_depend_on_the_seed_of_the_run(known):
    rows = load_parameters()
    first, second = (
        drawn_population(rows, seed=seed, draw=1, populations="control_arms") for seed in (4, 5)
    )
    assert first == second
    assert first["share_t3"] == 0.52
    assert first["phi"] == draw_theta(rows, seed=OUTCOME_SEED, draw=1)["phi"]


def test_a_run_draws_from_control_arms(known, tmp_path):
    trial = run_trial(fitted_protocol(), out=tmp_path / "fitted", workers=1)
    phi = draw_theta(load_parameters(), seed=OUTCOME_SEED, draw=0)["phi"]
    assert set(trial.table("uncertainty")["PHI"]) == {phi}
    assert "posterior_sha256" in read_manifest(tmp_path / "fitted").key_parts


@pytest.mark.parametrize(
    ("draws", "message"),
    [(3, "uncertainty.draws is 3, but the fit to control arms has 2 populations"), (2, None)],
)
def test_more_draws_than_there_are_is_a_finding(known, tmp_path, draws, message):
    path = tmp_path / "protocol.yaml"

    # JSON is YAML.
    path.write_text(json.dumps(fitted_protocol(draws=draws).canonical()))
    if message is None:
        assert read_protocol(path).uncertainty.populations == "control_arms"
        return
    with pytest.raises(UserInputError, match=message):
        read_protocol(path)


def test_a_missing_fit_is_a_finding_with_its_cure(monkeypatch, tmp_path):
    from cxaxis.knowledge.posteriors import load_outcome_posterior

    monkeypatch.setattr(
        protocol_findings,
        "load_outcome_posterior",
        lambda: load_outcome_posterior(tmp_path / "nothing.tsv"),
    )

    path = tmp_path / "protocol.yaml"
    path.write_text(json.dumps(fitted_protocol().canonical()))
    with pytest.raises(UserInputError, match=r"PROT035.*nothing\.tsv is missing"):
        read_protocol(path)
