"""Kaplan-Meier, log-rank and Cox against a second, independent package on public data sets.

The house statistics stand on lifelines; statsmodels is the second package, where the house test
itself stands on statsmodels lifelines is. The data sets come with lifelines: rearrest of 432
released convicts (weeks, hence heavy ties), 228 patients with advanced lung cancer, 686 women
with node-positive breast cancer (days, few ties).

Both packages state the same estimator each time (product limit with Greenwood's variance;
hypergeometric variance of the log-rank; Efron's rule for ties), so that nothing but rounding may
differ: 1e-9 relative. The Cox estimates come from two Newton iterations that stop by rules of
their own; 1e-8 is far below anything printed and above what was seen (2e-10).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest
from lifelines import datasets
from scipy.stats import chi2, norm
from statsmodels.duration.hazard_regression import PHReg
from statsmodels.duration.survfunc import SurvfuncRight, survdiff

from cxaxis.stats.stratified import stratified_cox, stratified_log_rank
from cxaxis.stats.survival import (
    cox_hazard_ratio,
    kaplan_meier,
    log_rank,
    median_survival,
)

ROUNDING = 1e-9
ITERATION = 1e-8


@dataclass(frozen=True)
class DataSet:
    """A public data set; durations keep the unit they come in."""

    duration: np.ndarray
    event: np.ndarray
    group: np.ndarray
    strata: np.ndarray
    covariates: dict[str, np.ndarray]

    @property
    def matrix(self) -> np.ndarray:
        return np.column_stack(list(self.covariates.values()))


def _rossi() -> DataSet:
    rows = datasets.load_rossi()
    return DataSet(
        duration=rows["week"].to_numpy(float),
        event=rows["arrest"].to_numpy() == 1,
        group=rows["fin"].to_numpy() == 1,
        strata=rows["wexp"].to_numpy(),
        covariates={name: rows[name].to_numpy(float) for name in ("fin", "age", "prio", "mar")},
    )


def _lung() -> DataSet:
    rows = datasets.load_lung().dropna(subset=["ph.ecog"])
    return DataSet(
        duration=rows["time"].to_numpy(float),
        event=rows["status"].to_numpy() == 1,
        group=rows["sex"].to_numpy() == 2,
        strata=np.minimum(rows["ph.ecog"].to_numpy(int), 2),
        covariates={"female": rows["sex"].to_numpy(float) - 1, "age": rows["age"].to_numpy(float)},
    )


def _breast() -> DataSet:
    rows = datasets.load_gbsg2()
    return DataSet(
        duration=rows["time"].to_numpy(float),
        event=rows["cens"].to_numpy() == 1,
        group=rows["horTh"].to_numpy() == "yes",
        strata=rows["tgrade"].to_numpy(),
        covariates={
            "hormone": (rows["horTh"] == "yes").to_numpy(float),
            "age": rows["age"].to_numpy(float),
            "nodes": rows["pnodes"].to_numpy(float),
        },
    )


@pytest.fixture(scope="module", params=[_rossi, _lung, _breast], ids=["rossi", "lung", "breast"])
def data(request) -> DataSet:
    return request.param()


def _second_cox(data: DataSet, *, ties: str, stratified: bool):
    return PHReg(
        data.duration,
        data.matrix,
        status=data.event.astype(int),
        strata=data.strata if stratified else None,
        ties=ties,
    ).fit(disp=0)


@pytest.mark.crosscheck(engine="statsmodels")
def test_survival_curves_agree(data):
    other = SurvfuncRight(data.duration, data.event.astype(int))
    ours = kaplan_meier(data.duration, data.event, times=other.surv_times)
    assert ours.survival == pytest.approx(other.surv_prob, rel=ROUNDING)
    assert ours.at_risk.tolist() == other.n_risk.tolist()
    # Greenwood's variance of the second package, carried to the log(-log) scale of the band.
    half_width = norm.ppf(0.975) * other.surv_prob_se / other.surv_prob
    shift = np.exp(half_width / np.abs(np.log(other.surv_prob)))
    assert ours.low == pytest.approx(other.surv_prob**shift, rel=ROUNDING)
    assert ours.high == pytest.approx(other.surv_prob ** (1 / shift), rel=ROUNDING)


@pytest.mark.crosscheck(engine="statsmodels")
def test_medians_agree(data):
    other = SurvfuncRight(data.duration, data.event.astype(int))
    ours = median_survival(data.duration, data.event)
    middle = other.quantile(0.5)
    if np.isnan(middle):
        assert ours.median_day is None
    else:
        low, high = other.quantile_ci(0.5, method="cloglog")
        assert ours.median_day == middle
        assert ours.low_day == low
        assert ours.high_day == (None if np.isnan(high) else high)


@pytest.mark.crosscheck(engine="statsmodels")
def test_log_rank_agrees(data):
    statistic, p = survdiff(data.duration, data.event.astype(int), data.group)
    ours = log_rank(data.duration, data.event, data.group)
    assert ours.chi2 == pytest.approx(statistic, rel=ROUNDING)
    assert ours.p == pytest.approx(p, rel=ROUNDING)


@pytest.mark.crosscheck(engine="statsmodels")
def test_log_rank_of_several_groups_agrees(data):
    statistic, p = survdiff(data.duration, data.event.astype(int), data.strata)
    ours = log_rank(data.duration, data.event, data.strata)
    assert ours.df == len(np.unique(data.strata)) - 1
    assert ours.chi2 == pytest.approx(statistic, rel=ROUNDING)
    # The second package takes 1 - F, which leaves an absolute error.
    assert ours.p == pytest.approx(p, rel=ROUNDING, abs=1e-14)


@pytest.mark.crosscheck(engine="lifelines")
def test_stratified_log_rank_with_one_stratum_is_the_other_package_s_plain_one(data):
    ours = stratified_log_rank(
        data.duration, data.event, data.group, np.zeros(len(data.duration), dtype=int)
    )
    other = log_rank(data.duration, data.event, data.group)
    assert ours.chi2 == pytest.approx(other.chi2, rel=ROUNDING)
    assert ours.p == pytest.approx(other.p, rel=ROUNDING)


def test_stratified_log_rank_without_ties_is_the_score_test_of_the_stratified_cox_model(data):
    # Ties are broken first, deaths before losses: with ties the score test has another variance.
    order = np.lexsort((~data.event, data.duration))
    untied = np.empty(len(order))
    untied[order] = np.arange(1.0, len(order) + 1)
    ours = stratified_log_rank(untied, data.event, data.group, data.strata)
    model = PHReg(
        untied, data.group[:, None].astype(float), status=data.event.astype(int), strata=data.strata
    )
    nothing = np.zeros(1)
    score, information = model.score(nothing)[0], -model.hessian(nothing)[0, 0]
    assert ours.chi2 == pytest.approx(score**2 / information, rel=ROUNDING)
    assert ours.p == pytest.approx(chi2.sf(score**2 / information, 1), rel=ROUNDING)
    # Strata do something in these data.
    assert ours.chi2 != pytest.approx(log_rank(untied, data.event, data.group).chi2, rel=1e-3)


@pytest.mark.crosscheck(engine="statsmodels")
@pytest.mark.parametrize("stratified", [False, True], ids=["one baseline", "stratified"])
def test_cox_models_agree_under_efron_s_rule(data, stratified):
    other = _second_cox(data, ties="efron", stratified=stratified)
    ours = stratified_cox(
        data.duration,
        data.event,
        data.covariates,
        strata=data.strata if stratified else None,
        ties="efron",
    )
    assert [t.log_hr for t in ours.terms] == pytest.approx(other.params, rel=ITERATION)
    assert [t.standard_error for t in ours.terms] == pytest.approx(other.bse, rel=ITERATION)
    assert [t.p for t in ours.terms] == pytest.approx(other.pvalues, rel=1e-5, abs=1e-12)
    bounds = np.exp(other.conf_int())
    assert [t.low for t in ours.terms] == pytest.approx(bounds[:, 0], rel=ITERATION)
    assert [t.high for t in ours.terms] == pytest.approx(bounds[:, 1], rel=ITERATION)
    assert ours.log_likelihood == pytest.approx(other.llf, rel=ROUNDING)
    assert ours.n_strata == (len(np.unique(data.strata)) if stratified else 1)


@pytest.mark.crosscheck(engine="statsmodels")
@pytest.mark.parametrize("stratified", [False, True], ids=["one baseline", "stratified"])
def test_hazard_ratios_of_two_arms_agree(data, stratified):
    other = PHReg(
        data.duration,
        data.group[:, None].astype(float),
        status=data.event.astype(int),
        strata=data.strata if stratified else None,
        ties="efron",
    ).fit(disp=0)
    ours = cox_hazard_ratio(
        data.duration, data.event, data.group, strata=data.strata if stratified else None
    )
    assert np.log(ours.hr) == pytest.approx(other.params[0], rel=ITERATION)
    low, high = np.exp(other.conf_int())[0]
    assert (ours.low, ours.high) == pytest.approx((low, high), rel=ITERATION)


def test_the_comparison_would_notice_another_rule_for_ties():
    # Arrests are known to the week, up to five in one: Breslow's rule gives another estimate.
    data = _rossi()
    breslow = _second_cox(data, ties="breslow", stratified=True).params
    ours = stratified_cox(data.duration, data.event, data.covariates, strata=data.strata)
    assert np.max(np.abs([t.log_hr for t in ours.terms] / breslow - 1)) > 100 * ITERATION
