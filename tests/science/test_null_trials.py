"""Under the null an allocated trial rejects as often as it says, and twins tell nothing."""

from functools import cache

import numpy as np
import pytest

from cxaxis.cohort.sample import sample_cohort
from cxaxis.stats.survival import log_rank
from cxaxis.trial.operating import CounterfactualPool, TrialDesign, operate
from cxaxis.trial.pool import Schedule, simulate_arm
from science_support import infused_plerixafor, parameters_with, patient_model, plan_of

SEED = 404
N_POOL, N_TRIAL, REPLICATES = 400, 40, 2000
HORIZON = 1096.0
MONTHLY = np.append(np.arange(0.0, HORIZON, 28.0), HORIZON)
SCHEDULE = Schedule(
    visits_day=np.array([0.0, 364.0]), outcome_day=MONTHLY, pharmacology_day=np.array([])
)


@cache
def null_pool():
    """Strata, and days of death under control and under plerixafor when phi is 0."""
    cohort = sample_cohort(N_POOL, SEED, parameters=parameters_with(), model=patient_model())
    plans = (plan_of("control"), plan_of("infusion", infused_plerixafor(400)))
    deaths = [
        simulate_arm(patient_model(), cohort, plan, SCHEDULE, phi=0.0).event_day["OS"]
        for plan in plans
    ]
    return np.asarray(cohort.covariates["stage"]).astype(str), np.array(deaths)


def shares_rejected(*, seed, delay=1.0, n_replicate=REPLICATES):
    """The share of allocated trials of a tenth of the pool that reject at 5 %."""
    _, deaths = null_pool()
    day = deaths * np.array([[1.0], [delay]])
    pool = CounterfactualPool(
        arms=("control", "infusion"),
        duration_day=np.minimum(day, HORIZON),
        event=day <= HORIZON,
        strata=("",) * N_POOL,
    )
    design = TrialDesign(
        n_patient=N_TRIAL,
        ratios=(1, 1),
        control="control",
        accrual_day=365.0,
        dropout_per_year=0.03,
        horizon_day=HORIZON,
    )
    (found,) = operate(pool, design, n_replicate=n_replicate, seed=seed)
    return found.rejected.mean()


def test_enough_patients_die_for_a_log_rank_test():
    _, deaths = null_pool()
    assert 0.3 < np.isfinite(deaths[0]).mean() < 0.95


@pytest.mark.parametrize("seed", [SEED, 20261123, 3_000_000_007])
def test_2000_null_trials_reject_at_five_per_cent(seed):
    error = np.sqrt(0.05 * 0.95 / REPLICATES)
    assert shares_rejected(seed=seed) == pytest.approx(0.05, abs=3 * error)


def test_trials_of_an_arm_that_delays_death_reject_more_often():
    """The test above can fail: it has power."""
    assert shares_rejected(seed=SEED, delay=3.0, n_replicate=100) > 0.3


def test_twins_in_both_arms_never_reject():
    """Why p-values come from allocated trials only: the pool compares patients with themselves."""
    _, deaths = null_pool()
    day = deaths.reshape(-1)
    arm = np.repeat([0, 1], N_POOL)
    assert log_rank(np.minimum(day, HORIZON), day <= HORIZON, arm).p > 0.9
