"""Stratified Cox models and the stratified log-rank test: exact cases and refusals."""

from __future__ import annotations

import numpy as np
import pytest

from cxaxis.core.errors import ModelValueError
from cxaxis.core.streams import rng_for
from cxaxis.stats.stratified import crossed, stratified_cox, stratified_log_rank
from cxaxis.stats.survival import cox_hazard_ratio, log_rank


@pytest.fixture
def trial():
    """Two strata whose baselines differ tenfold, a true hazard ratio of one half."""
    rng = rng_for(3, "stratified")
    n = 400
    treated = np.arange(n) % 2 == 0
    sick = np.arange(n) % 4 < 2
    hazard = np.where(sick, 0.01, 0.001) * np.where(treated, 0.5, 1.0)
    death = rng.exponential(size=n) / hazard
    return np.minimum(death, 1000.0), death < 1000.0, treated, sick


def test_one_covariate_gives_the_ratio_of_the_two_arm_model(trial):
    duration, event, treated, sick = trial
    arm = stratified_cox(duration, event, {"treated": treated}, strata=sick).of("treated")
    ratio = cox_hazard_ratio(duration, event, treated, strata=sick)
    assert (arm.hr, arm.low, arm.high) == pytest.approx((ratio.hr, ratio.low, ratio.high))


def test_strata_recover_an_effect_that_mixing_them_dilutes(trial):
    duration, event, treated, sick = trial
    within = stratified_cox(duration, event, {"treated": treated}, strata=sick).of("treated")
    mixed = stratified_cox(duration, event, {"treated": treated}).of("treated")
    assert within.low < 0.5 < within.high
    assert within.hr < mixed.hr < 1.0


def test_a_covariate_is_adjusted_for(trial):
    duration, event, treated, sick = trial
    model = stratified_cox(duration, event, {"treated": treated, "sick": sick})
    assert model.of("sick").low < 10.0 < model.of("sick").high
    assert model.of("treated").low < 0.5 < model.of("treated").high
    assert (model.n, model.events, model.n_strata) == (400, int(event.sum()), 1)
    assert model.ties == "efron"


def test_scaling_a_covariate_scales_its_log_ratio(trial):
    duration, event, treated, sick = trial
    one = stratified_cox(duration, event, {"x": 1.0 * treated}, strata=sick).of("x")
    ten = stratified_cox(duration, event, {"x": 10.0 * treated}, strata=sick).of("x")
    assert 10 * ten.log_hr == pytest.approx(one.log_hr)
    assert ten.p == pytest.approx(one.p)


def test_the_linear_predictor_weighs_the_covariates(trial):
    duration, event, treated, sick = trial
    covariates = {"treated": treated, "sick": sick}
    model = stratified_cox(duration, event, covariates)
    found = model.linear_predictor(covariates)
    expected = model.of("treated").log_hr * treated + model.of("sick").log_hr * sick
    assert found == pytest.approx(expected)


@pytest.mark.parametrize("ties", ["breslow", "exact", "Efron"])
def test_other_rules_for_ties_are_refused_by_name(trial, ties):
    duration, event, treated, _ = trial
    with pytest.raises(ModelValueError, match=f"ties='{ties}' is not available.*Efron"):
        stratified_cox(duration, event, {"treated": treated}, ties=ties)


def test_events_that_are_not_boolean_are_refused(trial):
    duration, event, treated, sick = trial
    for flags in (event.astype(int), event.astype(float), (~event).astype(np.int8)):
        with pytest.raises(ModelValueError, match="event must be boolean"):
            stratified_cox(duration, flags, {"treated": treated})
        with pytest.raises(ModelValueError, match="event must be boolean"):
            stratified_log_rank(duration, flags, treated, sick)


def test_covariates_without_information_are_refused_by_name(trial):
    duration, event, treated, _ = trial
    gap = np.where(treated, np.nan, 1.0)
    for values, words in (
        (np.ones(400), "'x' is 1 for every patient"),
        (gap, "'x' is not finite for 200 of 400"),
        (np.repeat("II", 400), "'x' must be numbers"),
        (np.ones(3), "'x' has shape"),
    ):
        with pytest.raises(ModelValueError, match=words):
            stratified_cox(duration, event, {"x": values})
    with pytest.raises(ModelValueError, match="at least one covariate"):
        stratified_cox(duration, event, {})


@pytest.mark.parametrize("kind", ["separated", "repeated", "no event"])
def test_likelihoods_without_a_maximum_are_refused(trial, kind):
    duration, event, treated, _ = trial
    covariates = {"treated": treated}
    if kind == "separated":
        event = event & treated
    elif kind == "repeated":
        covariates["again"] = treated.copy()
    else:
        event = np.zeros(400, dtype=bool)
    with pytest.raises(ModelValueError, match=r"no finite maximum|needs events"):
        stratified_cox(duration, event, covariates)


def test_stratified_log_rank_sees_what_a_plain_one_dilutes(trial):
    duration, event, treated, sick = trial
    within = stratified_log_rank(duration, event, treated, sick)
    assert within.chi2 > log_rank(duration, event, treated).chi2
    assert within.df == 1


def test_strata_of_one_arm_say_nothing(trial):
    duration, event, treated, _ = trial
    assert stratified_log_rank(duration, event, treated, treated) is None


def test_a_group_alone_in_its_stratum_is_refused_beside_others(trial):
    duration, event, treated, _ = trial
    group = np.where(treated, "a", "b")
    group[:50] = "c"
    strata = np.arange(400) < 50
    with pytest.raises(ModelValueError, match="never at risk beside another"):
        stratified_log_rank(duration, event, group, strata)


def test_a_group_needs_another(trial):
    duration, event, _, sick = trial
    with pytest.raises(ModelValueError, match="two groups or more"):
        stratified_log_rank(duration, event, np.zeros(400), sick)


def test_crossing_factors_gives_one_code_per_combination():
    codes = crossed(["II", "III", "II", "III"], [0, 0, 1, 0])
    assert codes.tolist() == [0, 2, 1, 2]
    with pytest.raises(ModelValueError, match="one label per patient"):
        crossed([1, 2], [1, 2, 3])
