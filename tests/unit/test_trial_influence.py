"""Influence: the parameter that moves the answer comes first, chance is told as chance."""

from __future__ import annotations

import numpy as np
import pytest

from cxaxis.cohort.parameter_rows import COHORT_PARAMETERS
from cxaxis.core.errors import ModelValueError
from cxaxis.core.streams import rng_for
from cxaxis.knowledge.parameters import load_parameters
from cxaxis.knowledge.wirings import load_wirings
from cxaxis.models.build import build
from cxaxis.models.wiring import wiring_from
from cxaxis.trial.influence import ENROLLING, patient_parameters, rank_influence


def _inputs(n_draw, n_input, seed=1):
    rng = rng_for(seed, "influence")
    return {f"p{k}": rng.standard_normal(n_draw) for k in range(n_input)}


def test_what_moves_the_answer_comes_first_with_its_sign():
    inputs = _inputs(60, 30)
    answer = -2.0 * inputs["p7"] + 0.3 * inputs["p3"]
    first, *_ = rank_influence(answer, inputs)
    assert (first.parameter, first.rho < -0.9, first.p_any < 1e-6) == ("p7", True, True)
    assert first.partial < -0.9


def test_any_increasing_scale_gives_the_same_ranking():
    inputs = _inputs(40, 8)
    answer = inputs["p2"] + inputs["p5"]
    found = rank_influence(answer, inputs)
    other = rank_influence(np.exp(answer), {name: np.exp(3 * x) for name, x in inputs.items()})
    assert [(a.parameter, a.rho) for a in found] == [(b.parameter, b.rho) for b in other]


def test_a_shadow_of_another_parameter_loses_its_partial_correlation():
    rng = rng_for(2, "shadow")
    cause = rng.standard_normal(400)
    shadow = cause + 0.3 * rng.standard_normal(400)
    answer = cause + 0.1 * rng.standard_normal(400)
    found = {one.parameter: one for one in rank_influence(answer, {"c": cause, "s": shadow})}
    assert found["s"].rho > 0.9
    assert abs(found["s"].partial) < 0.2
    assert found["c"].partial > 0.9


def test_chance_among_many_parameters_is_told_as_chance():
    rejected = 0
    for seed in range(40):
        answer = rng_for(seed, "answer").standard_normal(50)
        rejected += rank_influence(answer, _inputs(50, 60, seed))[0].p_any < 0.05
    # Two are expected of forty; seven or more have a chance of one in two hundred.
    assert rejected < 7


def test_what_never_varies_is_left_out_and_few_draws_are_refused():
    inputs = {**_inputs(20, 3), "fixed": np.ones(20)}
    assert "fixed" not in {one.parameter for one in rank_influence(inputs["p0"], inputs)}
    with pytest.raises(ModelValueError, match="from 10 draws"):
        rank_influence(np.arange(9.0), _inputs(9, 2))


def test_parameters_of_dishes_of_assays_and_of_other_drugs_are_left_out():
    rows = load_parameters()
    used = patient_parameters(["plerixafor"])
    constants = set(build("patient", rows).bindings.values())
    assert set(ENROLLING) <= set(COHORT_PARAMETERS) & used
    assert set(COHORT_PARAMETERS) & used - constants == set(ENROLLING)
    assert {"cl_plerixafor", "phi", "alpha_beta_ratio"} <= used
    assert {"cl_pembrolizumab", "kd_nivolumab_pd1", "slope_paclitaxel"} & used == set()
    everything = patient_parameters()
    assert constants <= everything < set(rows)
    assert used < everything


def test_no_wiring_has_a_parameter_that_the_default_lacks():
    rows, wirings = load_parameters(), load_wirings()
    rivals = {name: options[-1].option for name, options in wirings.items()}
    assert rivals != {name: options[0].option for name, options in wirings.items()}
    rewired = build("patient", rows, wiring_from(rivals))
    assert set(rewired.bindings.values()) == set(build("patient", rows).bindings.values())


def test_an_unknown_drug_is_named():
    with pytest.raises(ModelValueError, match="aspirin"):
        patient_parameters(["aspirin"])
