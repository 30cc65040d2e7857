"""Interim looks at made-up trials: when they come, what they see, how often they stop."""

import numpy as np
import pandas as pd
import pytest

from cxaxis.core.errors import ModelValueError
from cxaxis.stats.group_sequential import crossing_probabilities, spending_boundaries
from cxaxis.stats.survival import log_rank
from cxaxis.trial.interims import looks_at, times_of, trial_looks
from cxaxis.trial.protocol import Protocol, read_protocol
from cxaxis.trial.protocol_parts import Interim

HORIZON = 1500.0


def made_up(rng, n=120, hazard_ratio=1.0, accrual=400.0, dropout=0.0):
    """Times of one trial with exponential survival of 400 days, 1:1, cut at the horizon."""
    treated = rng.permutation(np.repeat([False, True], n // 2))
    entry = rng.uniform(0.0, accrual, n)
    death = rng.exponential(400.0, n) / np.where(treated, hazard_ratio, 1.0)
    lost = rng.exponential(1.0 / dropout, n) if dropout else np.full(n, np.inf)
    last = np.minimum(HORIZON - entry, lost)
    return times_of(entry, np.minimum(death, last), death <= last, treated)


def design(**changes):
    return Interim(**{"events": 90, "information_fractions": (0.5, 0.75), **changes})


def rejections(n, seed, plan, **changes):
    rng = np.random.default_rng(seed)
    last = [
        looks_at(made_up(rng, **changes), plan, horizon_day=HORIZON)[-1].decision for _ in range(n)
    ]
    return np.isin(last, ["benefit", "harm"]).mean(), last


@pytest.mark.parametrize(
    ("plan", "alpha", "n"),
    [
        (design(), 0.05, 2000),
        (design(spending="pocock", alpha=0.1), 0.1, 1000),
        # More events are planned than come: the last look spends what is left.
        (design(events=118, sides=1, alpha=0.1, spending="pocock"), 0.1, 1000),
    ],
)
def test_without_effect_trials_reject_as_often_as_alpha(plan, alpha, n):
    share, _ = rejections(n, 20261123, plan)
    assert share == pytest.approx(alpha, abs=3.0 * (alpha * (1.0 - alpha) / n) ** 0.5)


def test_uncorrected_looks_would_reject_more_often():
    """What the boundaries are for: three looks at 5 % each reject in about a tenth of trials."""
    rng = np.random.default_rng(3)
    tested = [looks_at(made_up(rng), design(), horizon_day=HORIZON) for _ in range(500)]
    crossed = sum(any(abs(look.z) > 1.96 for look in looks) for looks in tested)
    assert crossed / 500 > 0.08


def test_power_is_that_of_the_boundaries_at_the_drift_of_schoenfeld():
    plan, hazard_ratio, n = design(), 0.6, 800
    shares = [*plan.information_fractions, 1.0]
    bounds = spending_boundaries([45 / 90, 68 / 90, 1.0], alpha=plan.alpha).z
    drift = -np.log(hazard_ratio) * plan.events**0.5 / 2.0
    expected = crossing_probabilities(shares, bounds, drift=drift).sum()
    share, _ = rejections(n, 7, plan, hazard_ratio=hazard_ratio)
    assert share == pytest.approx(expected, abs=3.0 * (0.25 / n) ** 0.5 + 0.02)


def test_a_strong_effect_stops_early_for_benefit_and_its_mirror_for_harm():
    share, last = rejections(40, 1, design(), hazard_ratio=0.3)
    assert share == 1.0
    assert set(last) == {"benefit"}
    _, last = rejections(40, 1, design(), hazard_ratio=1.0 / 0.3)
    assert set(last) == {"harm"}
    # One-sided: harm is not told, only the want of a benefit.
    _, last = rejections(40, 1, design(sides=1), hazard_ratio=1.0 / 0.3)
    assert set(last) == {"no difference"}


def test_looks_come_with_their_events_and_see_nothing_later():
    times = made_up(np.random.default_rng(5))
    looks = looks_at(times, design(), horizon_day=HORIZON)
    assert [look.events for look in looks] == [45, 68, 90][: len(looks)]
    for look in looks:
        assert look.day == pytest.approx(times.event_day[look.events - 1])
        entered = times.entry_day < look.day
        assert look.patients == entered.sum()
        followed = np.minimum(times.duration_day, look.day - times.entry_day)[entered]
        seen = (times.event & (times.entry_day + times.duration_day <= look.day + 1e-6))[entered]
        test = log_rank(followed, seen, times.treated[entered])
        assert look.z**2 == pytest.approx(test.chi2, rel=1e-9)
    # Scrambling what comes after a look leaves the look as it was.
    day = looks[0].day
    after = times.entry_day + times.duration_day > day
    longer = np.where(after, times.duration_day + 7.0, times.duration_day)
    moved = times_of(times.entry_day, longer, times.event, times.treated)
    assert looks_at(moved, design(), horizon_day=HORIZON + 7.0)[0] == looks[0]


def test_boundaries_are_those_of_the_tables_where_all_events_come():
    looks = looks_at(
        made_up(np.random.default_rng(8)), design(information_fractions=(0.5,)), horizon_day=HORIZON
    )
    assert [round(look.boundary, 3) for look in looks] == [2.963, 1.969]
    assert looks[-1].decision == "no difference"
    assert looks[-1].alpha_spent == 0.05


def test_looks_on_days_are_taken_on_these_days():
    plan = design(information_fractions=(), look_days=(300.0, 310.0, 5000.0), events=119)
    times = made_up(np.random.default_rng(2))
    looks = looks_at(times, plan, horizon_day=HORIZON)
    assert looks[0].day == 300.0
    assert looks[-1].day <= HORIZON
    assert 5000.0 not in [look.day for look in looks]
    assert looks[0].events == (times.event_day <= 300.0).sum()


def test_futility_stops_a_hopeless_trial_and_leaves_the_other_boundaries():
    plan = design(futility_z=(0.0, 0.5))
    rng = np.random.default_rng(4)
    found = [looks_at(made_up(rng), plan, horizon_day=HORIZON) for _ in range(60)]
    stopped = [looks for looks in found if looks[-1].decision == "futility"]
    assert 15 < len(stopped) < 55
    for looks in stopped:
        assert looks[-1].z <= looks[-1].futility_z
    rng = np.random.default_rng(4)
    bare = [looks_at(made_up(rng), design(), horizon_day=HORIZON) for _ in range(60)]
    for looks, other in zip(found, bare, strict=True):
        for mine, theirs in zip(looks, other, strict=False):
            assert mine.boundary == theirs.boundary


def test_a_trial_without_events_has_one_look_that_rejects_nothing():
    times = times_of([0.0, 1.0], [50.0, 50.0], [False, False], [False, True])
    (look,) = looks_at(times, design(), horizon_day=100.0)
    assert (look.events, look.z, look.decision) == (0, 0.0, "no difference")


def test_the_tables_of_a_run_give_the_same_looks():
    times = made_up(np.random.default_rng(9))
    labels = [f"VP{i}" for i in range(len(times.event))]
    content = read_protocol("crt_plerixafor").canonical()
    arm = "plerixafor_infusion"
    plan = {"events": 90, "information_fractions": [0.5, 0.75], "arm": arm}
    content |= {"interim": plan, "horizon_day": HORIZON}
    adtte = pd.DataFrame(
        {
            "USUBJID": labels,
            "TRT01P": np.where(times.treated, arm, "control"),
            "PARAMCD": "OS",
            "AVAL": times.duration_day,
            "EVENT": times.event,
        }
    )
    others = adtte.assign(PARAMCD="PFS", AVAL=1.0), adtte.assign(TRT01P="plerixafor_daily")
    adsl = pd.DataFrame({"USUBJID": labels, "ENTRYDY": times.entry_day})[::-1]
    found = trial_looks(pd.concat([adtte, *others]), adsl, Protocol.model_validate(content))
    assert found == looks_at(times, design(), horizon_day=HORIZON)
    without = Protocol.model_validate({**content, "interim": None})
    assert trial_looks(adtte, adsl, without) is None


@pytest.mark.parametrize(
    "wrong",
    [
        ([0.0], [1.0, 2.0], [True, True], [True, False]),
        ([0.0, -1.0], [1.0, 2.0], [True, True], [True, False]),
        ([0.0, 1.0], [1.0, 2.0], [1, 0], [True, False]),
        ([0.0, 1.0], [1.0, 2.0], [True, True], [True, True]),
    ],
)
def test_times_that_cannot_be_are_refused(wrong):
    with pytest.raises(ModelValueError):
        times_of(*wrong)
