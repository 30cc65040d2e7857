"""Switch-free hazard ratios and effects drawn towards their mean."""

import numpy as np
import pytest

from cxaxis.core.errors import ModelValueError
from cxaxis.core.streams import rng_for
from cxaxis.stats.meta_analysis import pool
from cxaxis.stats.shrinkage import shrunken
from cxaxis.stats.study_effects import StudyEffect
from cxaxis.stats.survival import cox_hazard_ratio
from cxaxis.stats.switching import switch_free_hazard_ratio

TRUE_LOG_HR = np.log(0.6)


def trial(n, *, seed, share):
    """A trial in which the frail progress early, switch more often and then live on."""
    rng = rng_for(seed, "switching")
    treated = np.arange(n) % 2 == 1
    frailty = rng.standard_normal(n)
    # Progression at visits; death comes after it at a rate that frailty and the arm set.
    progression = np.ceil(rng.exponential(200.0, n) / 60.0) * 60.0
    hazard = np.exp(0.8 * frailty + TRUE_LOG_HR * treated) / 500.0
    free = rng.exponential(1.0, n) / hazard
    chance = share / (1.0 + np.exp(-1.5 * frailty))
    switched = ~treated & (progression < free) & (rng.random(n) < chance)
    longer = np.where(switched, progression + 2.5 * (free - progression), free)
    day, end = np.minimum(longer, 1500.0), longer <= 1500.0
    seen = np.where(~treated & (progression < day), progression, np.nan)
    return {
        "free": (np.minimum(free, 1500.0), free <= 1500.0),
        "duration_day": day,
        "event": end,
        "treated": treated,
        "progression_day": seen,
        "switch_day": np.where(switched & (progression < day), seen, np.nan),
        "frailty": frailty,
    }


def analysed(data, **more):
    names = ("duration_day", "event", "treated", "progression_day", "switch_day")
    return switch_free_hazard_ratio(
        *(data[n] for n in names[:3]), **{n: data[n] for n in names[3:]}, **more
    )


def test_weights_give_the_ratio_that_nobody_saw():
    data = trial(6000, seed=1, share=0.9)
    truth = np.log(cox_hazard_ratio(*data["free"], data["treated"]).hr)
    policy = np.log(cox_hazard_ratio(data["duration_day"], data["event"], data["treated"]).hr)
    found = analysed(data, covariates={"frailty": data["frailty"]})
    weighted = np.log(found.ratio.hr)
    left = np.where(np.isfinite(data["switch_day"]), data["switch_day"], data["duration_day"])
    stays = data["event"] & ~np.isfinite(data["switch_day"])
    naive = np.log(cox_hazard_ratio(left, stays, data["treated"]).hr)
    # Switching hides the effect; censoring those who switch takes the frail out of control.
    assert policy > truth + 0.1
    assert naive > truth + 0.1
    assert abs(weighted - truth) < 0.08
    assert found.ratio.low < np.exp(truth) < found.ratio.high
    assert found.covariates == ("progression_day", "frailty")
    assert 1.0 < found.effective_stayers < found.progressed - found.switched


def test_without_a_switch_it_is_the_plain_cox_ratio():
    data = trial(400, seed=2, share=0.0)
    plain = cox_hazard_ratio(data["duration_day"], data["event"], data["treated"])
    found = analysed(data)
    assert found.switched == 0
    assert found.largest_weight == 1.0
    assert found.ratio.hr == pytest.approx(plain.hr, rel=1e-6)


def test_if_everybody_switches_nobody_stands_for_them_and_it_says_so():
    data = trial(200, seed=3, share=0.5)
    data["switch_day"] = data["progression_day"]
    found = analysed(data)
    assert found.ratio is None
    assert "everybody who progressed switched" in found.reason


def test_a_switch_without_progression_is_refused():
    data = trial(200, seed=3, share=0.5)
    data["switch_day"] = np.where(data["treated"], np.nan, 5.0)
    with pytest.raises(ModelValueError, match="progression"):
        analysed(data)


def test_few_patients_get_the_plain_share_as_their_weight():
    data = trial(40, seed=4, share=0.9)
    found = analysed(data, covariates={"frailty": data["frailty"]})
    assert found.covariates == ()
    stayed = found.progressed - found.switched
    assert found.largest_weight == pytest.approx(found.progressed / stayed)


def effects(values, se):
    return [StudyEffect(label=f"b{k}", log_ratio=v, se=se) for k, v in enumerate(values)]


def test_alike_baskets_all_get_the_mean():
    given = effects([0.10, 0.12, 0.11], 0.3)
    mean = pool(given).fixed.log_ratio
    for item in shrunken(given):
        assert item.log_ratio == pytest.approx(mean)
        assert item.se == pytest.approx(0.3 / np.sqrt(3))


def test_baskets_that_differ_far_beyond_chance_stay_where_they_are():
    given = effects([-2.0, 0.0, 2.0], 0.01)
    for before, after in zip(given, shrunken(given), strict=True):
        assert after.log_ratio == pytest.approx(before.log_ratio, abs=1e-3)
        assert after.se == pytest.approx(before.se, rel=1e-2)


def test_shrinkage_lies_between_the_basket_and_the_mean_and_is_surer():
    given = effects([-0.8, 0.1, 0.7], 0.35)
    mean = pool(given).random.log_ratio
    for before, after in zip(given, shrunken(given), strict=True):
        low, high = sorted((before.log_ratio, mean))
        assert low < after.log_ratio < high
        assert after.se < before.se
    assert shrunken(given[:1]) == tuple(given[:1])
