"""Predictions of own patients: the limits of likeness, and the honest check."""

from dataclasses import replace
from functools import cache

import numpy as np
import pytest

from cxaxis.cohort.user_patients import OwnPatients
from cxaxis.core.errors import ModelValueError
from cxaxis.core.streams import rng_for
from cxaxis.trial.own_predictions import (
    HORIZON_DAY,
    FollowedPool,
    check_predictions,
    follow,
    predict,
)
from cxaxis.trial.protocol import read_protocol
from science_support import eligible

SETTING = "locally_advanced_escc"


@cache
def made_pool(n=600, effect=1.5):
    """Exponential lives whose rate depends on age alone."""
    few = eligible(12, 21)
    rng = rng_for(3, "test", "lives")
    cohort = few.rows(np.arange(n) % len(few))
    age = rng.normal(60.0, 8.0, n)
    cohort = replace(cohort, covariates={**cohort.covariates, "age_year": age})
    rate = np.exp(effect * (age - 60.0) / 8.0) / 600.0
    times = np.linspace(0.0, HORIZON_DAY, 300)
    dies = rng.exponential(1.0 / rate)
    return FollowedPool(
        cohort=cohort,
        times_day=times,
        alive=np.exp(-rate[:, None] * times),
        dies_day=np.where(dies < HORIZON_DAY, dies, np.inf),
    )


def own(**covariates):
    values = {name: np.asarray(v) for name, v in covariates.items()}
    n = len(next(iter(values.values())))
    return OwnPatients(subjects=tuple(f"P{k}" for k in range(n)), covariates=values)


def test_of_whom_nothing_is_known_the_pool_is_predicted():
    pool = made_pool()
    found = predict(own(age_year=[np.nan, 60.0]), pool, SETTING)
    first = found.table.iloc[0]
    assert first["alive_1_year"] == pytest.approx(pool.alive_at()[:, 0].mean())
    assert first["alike"] == pytest.approx(len(pool.cohort))
    assert (first["missing"], first["note"][:7]) == ("age_year", "nothing")
    assert found.used == ("age_year",)


def test_those_who_die_sooner_are_told_so_and_intervals_hold_their_middle():
    found = predict(own(age_year=[50.0, 60.0, 70.0]), made_pool(), SETTING).table
    assert (np.diff(found["alive_2_year"]) < -0.1).all()
    for year in (1, 2, 3):
        assert (found[f"alive_{year}_year_low"] <= found[f"alive_{year}_year"]).all()
        assert (found[f"alive_{year}_year"] <= found[f"alive_{year}_year_high"]).all()
    assert (found["alive_1_year"] > found["alive_3_year"]).all()
    assert (found["dies_low_day"] < found["dies_high_day"]).all()


def test_the_check_finds_intervals_that_cover_and_a_gain_where_there_is_one():
    pool = made_pool()
    check = check_predictions(pool, own(age_year=[60.0]), ("age_year",))
    assert check.n == 300
    assert check.below == pytest.approx(0.1, abs=3.5 * np.sqrt(0.09 / check.n))
    assert check.below + check.inside + check.above == pytest.approx(1.0)
    assert check.above < 0.1 + 3.5 * np.sqrt(0.09 / check.n)
    assert check.brier < check.brier_marginal - 0.02


def test_a_covariate_that_says_nothing_gains_nothing():
    pool = made_pool(effect=0.0)
    check = check_predictions(pool, own(age_year=[60.0]), ("age_year",))
    assert check.brier == pytest.approx(check.brier_marginal, abs=0.01)


def test_a_patient_of_another_setting_has_no_prediction():
    found = predict(own(age_year=[60.0, 60.0], stage=["III", "IVB"]), made_pool(), SETTING).table
    assert np.isfinite(found["alive_1_year"][0])
    assert np.isnan(found["alive_1_year"][1])
    assert "IVB is not enrolled" in found["note"][1]


def test_a_pool_is_followed_under_the_arm_asked_for():
    plan = read_protocol("crt_plerixafor_small")
    pool = follow(plan, "control", 20, seed=3)
    assert len(pool.cohort) == 20
    assert (pool.alive[:, 0] == 1.0).all()
    assert (np.diff(pool.alive, axis=1) <= 1e-9).all()
    # Their own draws of death are exponential in the hazard that the chances are made of.
    draw = pool.cohort.covariates["death_draw"]
    died = np.isfinite(pool.dies_day)
    assert (died == (-np.log(pool.alive[:, -1]) > draw)).all()
    with pytest.raises(ModelValueError, match="no arm"):
        follow(plan, "contrl", 20, seed=3)
    with pytest.raises(ModelValueError, match="at least 20"):
        follow(plan, "control", 4, seed=3)
