"""Under the null an allocated trial rejects as often as it says, and twins tell nothing."""

from functools import cache

import numpy as np
import pytest

from cxaxis.cohort.sample import sample_cohort
from cxaxis.core.streams import rng_for
from cxaxis.stats.survival import log_rank
from cxaxis.trial.allocation import allocate
from cxaxis.trial.pool import Schedule, simulate_arm
from science_support import infused_plerixafor, parameters_with, patient_model, plan_of

SEED = 404
N_POOL, N_TRIAL, REPLICATES = 160, 80, 500
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


def rejected(replicate, *, delay=1.0):
    """Whether one allocated trial of a random half of the pool rejects at 5 %."""
    stage, deaths = null_pool()
    chosen = rng_for(SEED, "subset", replicate).permutation(N_POOL)[:N_TRIAL]
    arms = allocate(stage[chosen].tolist(), (1, 1), seed=SEED, replicate=replicate)
    day = deaths[arms, chosen] * np.where(arms == 1, delay, 1.0)
    test = log_rank(np.minimum(day, HORIZON), day <= HORIZON, arms)
    return test.p < 0.05


def test_enough_patients_die_for_a_log_rank_test():
    _, deaths = null_pool()
    assert 0.3 < np.isfinite(deaths[0]).mean() < 0.95


def test_500_null_trials_reject_at_five_per_cent():
    share = np.mean([rejected(k) for k in range(REPLICATES)])
    error = np.sqrt(0.05 * 0.95 / REPLICATES)
    assert share == pytest.approx(0.05, abs=3 * error)


def test_trials_of_an_arm_that_delays_death_reject_more_often():
    """The test above can fail: it has power."""
    share = np.mean([rejected(k, delay=2.0) for k in range(60)])
    assert share > 0.3


def test_twins_in_both_arms_never_reject():
    """Why p-values come from allocated trials only: the pool compares patients with themselves."""
    _, deaths = null_pool()
    day = deaths.reshape(-1)
    arm = np.repeat([0, 1], N_POOL)
    assert log_rank(np.minimum(day, HORIZON), day <= HORIZON, arm).p > 0.9
