"""Weights to margins: exact where they can be, nearest to equal, and honest about what is left."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cxaxis.cohort.dependence import spearman_table
from cxaxis.cohort.plausible import doubling_day, implausible
from cxaxis.cohort.sample import sample_cohort
from cxaxis.cohort.settings import SETTINGS
from cxaxis.cohort.virtual import (
    margins_record,
    sample_enrolled,
    sample_virtual,
    select_virtual,
)
from cxaxis.cohort.weights import (
    LEAST_EFFECTIVE_SHARE,
    Target,
    effective_sample_size,
    margin_table,
    select,
    targets_of,
    weigh,
)
from cxaxis.core.errors import ModelValueError
from cxaxis.core.streams import rng_for
from cxaxis.knowledge.plausible import PlausibleRange
from science_support import eligible, parameters_with, patient_model


def target(covariate, statistic, value, level="", n=10**8):
    return Target(
        covariate=covariate, statistic=statistic, level=level, value=value, n=n, studies=("a",)
    )


def pool(n=4000, seed=1):
    rng = rng_for(seed, "test", "pool")
    return {
        "sex": np.where(rng.uniform(size=n) < 0.7, "M", "F"),
        "age_year": rng.normal(60.0, 8.0, n),
        "pdl1_cps": rng.lognormal(2.0, 1.0, n),
    }


def test_one_share_has_the_weights_of_post_stratification():
    covariates = pool()
    found = weigh(covariates, [target("sex", "share", 0.9, "M")])
    male = covariates["sex"] == "M"
    assert found.weights[male] == pytest.approx(0.9 / male.sum(), rel=1e-3)
    assert found.weights[~male] == pytest.approx(0.1 / (~male).sum(), rel=1e-2)
    assert found.rows[0].before == pytest.approx(male.mean())
    assert found.rows[0].after == pytest.approx(0.9, abs=1e-4)


def test_a_mean_and_standard_deviation_tilt_one_normal_into_another():
    covariates = pool(60_000)
    aims = [target("age_year", "mean", 56.0), target("age_year", "sd", 7.0)]
    found = weigh(covariates, aims)
    assert [row.after for row in found.rows] == pytest.approx([56.0, 7.0], rel=1e-3)
    age, weights = covariates["age_year"], found.weights
    # The tilt of a normal by a line and a parabola is the normal of that mean and deviation.
    for edge in (49.0, 56.0, 63.0):
        expected = {49.0: 0.1587, 56.0: 0.5, 63.0: 0.8413}[edge]
        assert weights[age < edge].sum() == pytest.approx(expected, abs=0.01)


def test_a_median_and_a_threshold_are_reached():
    found = weigh(
        pool(),
        [target("age_year", "median", 63.0), target("pdl1_cps", "share_at_least", 0.6, "10")],
    )
    assert [row.after for row in found.rows] == pytest.approx([63.0, 0.6], abs=0.05)


def test_margins_that_hold_already_leave_everybody_alike():
    covariates = pool()
    share = float((covariates["sex"] == "M").mean())
    found = weigh(covariates, [target("sex", "share", share, "M")])
    assert found.effective_share == pytest.approx(1.0, abs=1e-6)


def test_margins_that_contradict_each_other_meet_between():
    aims = [target("sex", "share", 0.9, "M", n=100), target("sex", "share", 0.5, "M", n=100)]
    found = weigh(pool(), aims)
    assert 0.6 < found.rows[0].after < 0.8


@settings(max_examples=25)
@given(share=st.floats(0.3, 0.95), age=st.floats(55.0, 65.0))
def test_weights_are_a_distribution_and_the_effective_size_is_between_one_and_all(share, age):
    found = weigh(
        pool(400), [target("sex", "share", share, "M"), target("age_year", "median", age)]
    )
    assert found.weights.sum() == pytest.approx(1.0)
    assert (found.weights >= 0).all()
    assert 1.0 <= found.effective_n <= 400.0 + 1e-6


def test_the_effective_size_is_kishs():
    assert effective_sample_size(np.ones(7)) == pytest.approx(7.0)
    assert effective_sample_size(np.array([1.0, 0.0, 0.0])) == pytest.approx(1.0)


def test_what_no_patient_has_is_named_and_not_matched():
    found = weigh(pool(), [target("pdl1_tps", "share_at_least", 0.5, "1")])
    assert [item.covariate for item in found.unmatched] == ["pdl1_tps"]
    assert found.effective_share == pytest.approx(1.0)


def test_patients_are_selected_once_each_in_proportion_to_their_weights():
    weights = np.array([4.0, 2.0, 1.0, 1.0]) / 8
    counts = np.zeros(4)
    draws = 3000
    for seed in range(draws):
        chosen = select(weights, 2, seed=seed)
        assert len(set(chosen.tolist())) == 2
        counts[chosen] += 1
    # The first enters surely; the other place goes to the rest by their weights.
    assert counts / draws == pytest.approx([1.0, 0.5, 0.25, 0.25], abs=3.5 * np.sqrt(0.25 / draws))


def test_more_patients_than_the_pool_holds_are_refused():
    with pytest.raises(ModelValueError, match="larger pool"):
        select(np.ones(3) / 3, 4, seed=1)
    with pytest.raises(ModelValueError, match="cannot give"):
        sample_virtual(10, 1, pool=9)


@pytest.mark.parametrize("setting", list(SETTINGS))
def test_studies_of_a_setting_are_pooled_by_their_patients(setting):
    found = targets_of(setting)
    keys = [(item.covariate, item.statistic, item.level) for item in found]
    assert len(set(keys)) == len(keys)
    with pytest.raises(ModelValueError, match="no study"):
        targets_of(setting, "nobody_2020")


def test_the_share_of_high_scores_is_the_mean_of_two_studies_by_their_patients():
    found = {item.covariate: item for item in targets_of("metastatic_escc")}["pdl1_cps"]
    assert found.value == pytest.approx((749 * 0.511 + 482 * 0.429) / (749 + 482))
    one = {item.covariate: item for item in targets_of("metastatic_escc", "keynote_590")}
    assert one["pdl1_cps"].value == 0.511
    assert set(one) == {"pdl1_cps"}


def test_a_virtual_population_comes_nearer_to_its_margins_and_is_made_of_its_pool():
    options = {"parameters": parameters_with(), "model": patient_model(), "workers": 1}
    found = sample_virtual(40, 31, setting="resectable_escc", pool=160, **options)
    assert len(found.cohort) == 40
    assert len(set(found.cohort.indices)) == 40
    assert found.cohort.screened["not_selected"] == 120
    assert found.weighting.effective_share > LEAST_EFFECTIVE_SHARE
    age = next(row for row in found.rows if row.target.label == "age_year: mean")
    assert abs(age.after - age.target.value) < abs(age.before - age.target.value)
    shown = margin_table(found.cohort.covariates, "resectable_escc", margins_record(found))
    assert shown.columns == ("Weighted", "Selected")
    assert shown.pool == 160
    again = margin_table(found.cohort.covariates, "resectable_escc", None)
    for row, other in zip(shown.rows, again.rows, strict=True):
        assert row.label == other.label
        assert row.values[3] == pytest.approx(other.values[1])


def test_implausible_patients_are_left_out_and_counted():
    cohort = eligible(12, 21)
    age = np.sort(cohort.covariates["age_year"])
    cut = PlausibleRange(
        id="cut", quantity="age_year", low=float(age[3]), high=200.0, unit="year",
        evidence=(), note="", where="",
    )  # fmt: skip
    assert implausible(cohort, {"cut": cut})["cut"].sum() == 3
    assert not np.any(list(implausible(cohort).values()))
    odd = cohort.rows(range(12))
    odd.covariates["weight_kg"][:2] = [5.0, np.nan]
    found = select_virtual(odd, 4, targets_of("locally_advanced_escc"))
    assert found.cohort.screened["implausible"] == 2
    assert len(found.weighting.weights) == 10
    assert (found.cohort.covariates["weight_kg"] > 30).all()


def test_the_doubling_time_is_that_of_births_less_losses():
    cohort = eligible(12, 21)
    births = cohort.table.column("birth_rate")
    left = 1 - cohort.table.column("loss_factor_at_diagnosis")
    assert np.exp(births * left * doubling_day(cohort)) == pytest.approx(2.0)


def test_rank_correlations_are_those_of_another_package():
    rng = rng_for(4, "test", "dependence")
    names = ("cxcr4_h_score", "cxcl12_h_score", "ackr3_h_score", "pdl1_cps")
    covariates = {name: rng.normal(size=60) for name in names}
    covariates["t"] = np.full(60, 3)
    covariates["n"] = rng.integers(0, 3, 60)
    covariates["stage"] = np.where(rng.uniform(size=60) < 0.5, "II", "III")
    found = spearman_table(covariates)
    assert found.names == ("CXCR4", "CXCL12", "ACKR3", "PD-L1", "N", "Stage")
    frame = pd.DataFrame({**covariates, "stage": covariates["stage"] == "III"})
    expected = frame[[*names, "n", "stage"]].rank().corr()
    assert found.values == pytest.approx(expected.to_numpy())
    assert spearman_table({k: v[:3] for k, v in covariates.items()}) is None


def test_without_margins_patients_are_those_that_come():
    options = {"parameters": parameters_with(), "model": patient_model(), "workers": 1}
    setting = "locally_advanced_escc"
    plain = sample_cohort(5, 31, setting=setting, **options)
    assert sample_enrolled(5, 31, setting=setting, margins=None, **options).indices == plain.indices
    matched = sample_enrolled(5, 31, setting=setting, margins="all", **options)
    assert len(matched) == 5
    assert matched.screened["not_selected"] == 10
