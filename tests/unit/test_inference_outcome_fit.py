from pathlib import Path
from types import SimpleNamespace
from typing import cast

import numpy as np
import pytest

from cxaxis.cohort.population import draw_theta
from cxaxis.inference import outcome_fit
from cxaxis.inference.outcome_fit import current_hash, main, plan_at
from cxaxis.inference.outcome_pool import PoolPlan, prior_plan
from cxaxis.inference.outcome_results import OutcomePosterior
from cxaxis.knowledge.landmarks import load_landmarks
from cxaxis.knowledge.parameters import load_parameters
from cxaxis.knowledge.posteriors import OUTCOME_SEED


def posterior(*values: dict[str, float]) -> OutcomePosterior:
    return cast("OutcomePosterior", SimpleNamespace(values=values))


def test_a_population_of_the_posterior_has_the_rest_from_the_prior_by_its_number() -> None:
    rows = load_parameters()
    plan = plan_at(posterior({"alpha_tumour": 0.2}, {"alpha_tumour": 0.4}), patients_of="near")
    theta = plan.theta(rows, 1)
    assert theta == {**draw_theta(rows, seed=OUTCOME_SEED, draw=1), "alpha_tumour": 0.4}


def test_stages_have_patients_of_their_own() -> None:
    drawn = posterior({"alpha_tumour": 0.2})
    near, confirm = (plan_at(drawn, patients_of=word) for word in ("near", "confirm"))
    seeds = {plan.patient_seed(0) for plan in (near, confirm, prior_plan(1))}
    assert len(seeds) == 3
    assert near.patient_seed(0) == near.patient_seed(0)


def test_the_pool_alone_can_be_asked_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[tuple[PoolPlan, Path]] = []
    monkeypatch.setattr(
        outcome_fit, "run_pool", lambda plan, out, **_: asked.append((plan, out)) or np.array([])
    )
    assert main([str(tmp_path), "--pool-only", "--populations", "3"]) == 0
    assert asked == [(prior_plan(3), tmp_path / "prior")]


def test_the_hash_is_of_what_is_fitted_alone() -> None:
    parameters, landmarks = load_parameters(), tuple(load_landmarks().values())
    key = current_hash(landmarks, parameters)
    held_out = tuple(item for item in landmarks if item.use == "fit")
    assert current_hash(held_out, parameters) == key
    assert current_hash(held_out[1:], parameters) != key
