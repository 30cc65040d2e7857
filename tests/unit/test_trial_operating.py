"""Operating characteristics of made-up trials: level, power, size, memory."""

import tracemalloc

import numpy as np
import pandas as pd
import pytest
from scipy.stats import norm

from cxaxis.core.errors import ModelValueError, UserInputError
from cxaxis.trial.operating import (
    CounterfactualPool,
    TrialDesign,
    design_of,
    event_share,
    largest_trial,
    null_pool,
    operate,
    pool_of,
)
from cxaxis.trial.protocol import read_protocol
from cxaxis.trial.protocol_parts import Interim

ARMS = ("control", "treated")
MEAN_DAY = 400.0


def made_up(n, *, hazard_ratio=1.0, arms=ARMS, horizon_day=1000.0, step_day=0.0):
    """Exponential deaths; a patient's later day under the arm is his own, stretched."""
    chance = (np.random.default_rng(7).permutation(n) + 0.5) / n
    control = -MEAN_DAY * np.log(chance)
    days = np.stack([control, *[control / hazard_ratio] * (len(arms) - 1)])
    if step_day:
        days = step_day * np.ceil(days / step_day)
    return CounterfactualPool(
        arms=arms,
        duration_day=np.minimum(days, horizon_day),
        event=days <= horizon_day,
        strata=("",) * n,
    )


def design(n, **changes):
    plan = {
        "ratios": (1, 1),
        "control": "control",
        "accrual_day": 300.0,
        "dropout_per_year": 0.05,
        "horizon_day": 1000.0,
    }
    return TrialDesign(n_patient=n, **{**plan, **changes})


def standard_error(share, n):
    return (share * (1.0 - share) / n) ** 0.5


@pytest.mark.parametrize("seed", [1, 20261123, 3_000_000_007])
@pytest.mark.parametrize("step_day", [0.0, 60.0])
def test_without_effect_five_per_cent_of_trials_reject(seed, step_day):
    pool = made_up(1000, step_day=step_day)
    (found,) = operate(pool, design(100), n_replicate=2000, seed=seed)
    assert found.rejected.mean() == pytest.approx(0.05, abs=3.0 * standard_error(0.05, 2000))
    assert np.median(found.log_hr) == pytest.approx(0.0, abs=0.03)


@pytest.mark.parametrize("hazard_ratio", [0.7, 0.8, 0.9])
def test_power_is_that_of_schoenfeld(hazard_ratio):
    pool = made_up(5000, hazard_ratio=hazard_ratio)
    (found,) = operate(pool, design(500), n_replicate=2000, seed=11)
    events = found.events.mean()
    assert events >= 300
    power = norm.cdf(-np.log(hazard_ratio) * np.sqrt(events / 4.0) - norm.isf(0.025))
    error = 3.0 * standard_error(power, 2000) + 0.02
    assert found.benefit.mean() == pytest.approx(power, abs=error)
    assert np.exp(np.median(found.log_hr)) == pytest.approx(hazard_ratio, rel=0.02)


def test_in_the_null_pool_an_arm_that_halves_the_hazard_is_found_no_more_often_than_by_chance():
    pool = made_up(4000, hazard_ratio=0.5)
    plan = design(400)
    (found,) = operate(pool, plan, n_replicate=200, seed=3)
    (without,) = operate(null_pool(pool, plan.control), plan, n_replicate=1000, seed=3)
    assert found.rejected.mean() > 0.9
    assert without.rejected.mean() == pytest.approx(0.05, abs=3 * standard_error(0.05, 1000))


def test_more_of_an_arm_are_allocated_and_each_arm_is_compared_with_control():
    pool = made_up(1200, hazard_ratio=0.5, arms=("a", "control", "b"))
    plan = design(120, ratios=(3, 2, 1))
    first, second = operate(pool, plan, n_replicate=50, seed=1)
    assert (first.arm, second.arm) == ("a", "b")
    assert set(first.patients.tolist()) == {100}
    assert set(second.patients.tolist()) == {60}


def test_expected_events_follow_from_entry_and_loss():
    pool = made_up(1000)
    plan = design(100, dropout_per_year=0.5)
    (found,) = operate(pool, plan, n_replicate=400, seed=5)
    expected = 100 * event_share(pool, plan, "control")
    assert found.events.mean() == pytest.approx(expected, abs=3.0 * 5.0 / 400**0.5)
    # An exponential death in competition with an exponential loss, cut at a uniform day.
    death, loss = 1.0 / MEAN_DAY, 0.5 / 365.25
    late = np.exp(-(death + loss) * np.linspace(700.0, 1000.0, 2001)).mean()
    assert expected == pytest.approx(100 * death / (death + loss) * (1.0 - late), rel=0.01)


def test_a_replicate_depends_on_its_number_alone():
    pool, plan = made_up(400, hazard_ratio=0.6), design(40)
    (few,) = operate(pool, plan, n_replicate=70, seed=3)
    (many,) = operate(pool, plan, n_replicate=150, seed=3)
    np.testing.assert_array_equal(few.log_hr, many.log_hr[:70])
    (other,) = operate(pool, plan, n_replicate=70, seed=4)
    assert not np.array_equal(few.log_hr, other.log_hr)


def test_a_small_pool_is_refused_with_both_numbers():
    with pytest.raises(UserInputError, match=r"at least 410, this one has 400.*at most 40"):
        operate(made_up(400), design(41), n_replicate=10, seed=1)
    operate(made_up(400), design(40), n_replicate=1, seed=1)
    assert largest_trial(400, (2, 1)) == 39


def test_memory_does_not_grow_with_replicates():
    pool, plan = made_up(2000), design(200)
    operate(pool, plan, n_replicate=70, seed=1)
    peaks = []
    for n in (200, 2000):
        tracemalloc.start()
        operate(pool, plan, n_replicate=n, seed=1)
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] < 1.1 * peaks[0]


def test_balance_within_strata_makes_the_unstratified_test_cautious():
    """Arms alike in what decides the outcome differ less than chance would have them."""
    whole = made_up(1000)
    late = np.arange(1000) % 2 == 0
    day = np.minimum(whole.duration_day * np.where(late, 1.0, 0.1), 1000.0)
    rejected = []
    for strata in (("",) * 1000, tuple(np.where(late, "II", "IVA").tolist())):
        pool = CounterfactualPool(
            arms=ARMS, duration_day=day, event=whole.event | ~late, strata=strata
        )
        (found,) = operate(pool, design(100), n_replicate=1000, seed=9)
        rejected.append(found.rejected.mean())
    assert rejected[0] == pytest.approx(0.05, abs=3.0 * standard_error(0.05, 1000))
    assert rejected[1] < 0.03


def test_interim_looks_stop_early_and_keep_the_level():
    plan = Interim(events=70, information_fractions=(0.5,), spending="pocock")
    (null,) = operate(made_up(1000), design(100, interim=plan), n_replicate=600, seed=2)
    assert null.rejected.mean() == pytest.approx(0.05, abs=3.0 * standard_error(0.05, 600))
    pool = made_up(1000, hazard_ratio=0.5)
    (found,) = operate(pool, design(100, interim=plan), n_replicate=100, seed=2)
    (whole,) = operate(pool, design(100), n_replicate=100, seed=2)
    assert found.benefit.mean() > 0.6
    assert found.duration_day.mean() < whole.duration_day.mean() == 1000.0
    assert found.patients.mean() <= whole.patients.mean() == 100.0
    assert set(np.unique(found.events)) >= {35}
    assert found.events.max() <= 70


def test_looks_are_taken_at_one_comparison_alone():
    plan = Interim(events=60, information_fractions=(0.5,), arm="b")
    pool = made_up(900, hazard_ratio=0.5, arms=("control", "a", "b"))
    trial = design(90, ratios=(1, 1, 1), interim=plan)
    whole, watched = operate(pool, trial, n_replicate=40, seed=2)
    assert set(whole.duration_day.tolist()) == {1000.0}
    assert watched.duration_day.min() < 1000.0


def test_patients_without_end_point_under_their_arm_count_nowhere():
    pool = made_up(400, hazard_ratio=0.7)
    gone = np.arange(400) % 2 == 0
    half = CounterfactualPool(
        arms=pool.arms,
        duration_day=np.where(gone, np.nan, pool.duration_day),
        event=pool.event & ~gone,
        strata=pool.strata,
    )
    (whole,), (found,) = (operate(x, design(40), n_replicate=200, seed=1) for x in (pool, half))
    assert found.events.mean() == pytest.approx(whole.events.mean() / 2, rel=0.1)


def test_pool_table_is_read_by_patient():
    rows = [("a", "x", 5.0, True), ("b", "y", 7.0, False), ("b", "x", 9.0, True)]
    table = pd.DataFrame(rows, columns=["USUBJID", "ARM", "AVAL", "EVENT"]).assign(PARAMCD="OS")
    pool = pool_of(table, ["y", "x"], "OS", {"a": "II", "b": "III"})
    np.testing.assert_array_equal(pool.duration_day, [[np.nan, 7.0], [5.0, 9.0]])
    np.testing.assert_array_equal(pool.event, [[False, False], [True, True]])
    assert pool.strata == ("II", "III")
    with pytest.raises(ModelValueError, match="no PFS of y, x"):
        pool_of(table, ["y", "x"], "PFS")


def test_design_is_that_of_the_protocol():
    protocol = read_protocol("crt_plerixafor")
    interim = Interim(events=100, information_fractions=(0.5,))
    plan = protocol.model_copy(update={"interim": interim})
    small = design_of(plan, n_patient=protocol.n_patient // 2, end_point=plan.endpoints[0])
    assert small.interim.events == 50
    assert small.horizon_day == protocol.horizon_day
    other = next(code for code in ("OS", "PFS") if code != plan.endpoints[0])
    assert design_of(plan, n_patient=60, end_point=other).interim is None
