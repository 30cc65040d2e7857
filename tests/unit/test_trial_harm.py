"""Death-rate ratios with the day of death averaged out, their summary, and regimens."""

import numpy as np
import pandas as pd
import pytest

from cxaxis.core.errors import ModelValueError
from cxaxis.knowledge.drugs import load_drugs
from cxaxis.patient.readouts import crossing_day
from cxaxis.stats.bootstrap import log_rate_ratios
from cxaxis.trial.harm import log_ratio, outlook_of, summarised
from cxaxis.trial.harm_plan import (
    course_days,
    harm_agents,
    harm_plan,
    is_sustained,
    longest_regimen,
)

TIMES_DAY = np.linspace(0.0, 1000.0, 41)


def hazards(*rates_per_day):
    return np.array([rate * TIMES_DAY for rate in rates_per_day])


def test_a_constant_hazard_has_its_exact_outlook():
    rate = 2e-3
    found = outlook_of(TIMES_DAY, hazards(rate, 0.0))
    assert found.deaths == pytest.approx([1 - np.exp(-2.0), 0.0])
    assert found.person_days == pytest.approx([(1 - np.exp(-2.0)) / rate, 1000.0])


def test_the_ratio_of_constant_hazards_is_that_of_the_rates():
    control, treated = (outlook_of(TIMES_DAY, hazards(rate)) for rate in (1e-3, 1.3e-3))
    assert np.exp(log_ratio(control, treated)) == pytest.approx([1.3])
    assert log_ratio(treated, control) == pytest.approx(-log_ratio(control, treated))


def test_control_against_itself_is_exactly_one_in_every_replicate():
    rng = np.random.default_rng(3)
    arm = outlook_of(TIMES_DAY, np.cumsum(rng.exponential(0.05, (7, 41)), axis=1))
    copies = rng.integers(0, 7, (50, 7))
    assert (log_ratio(arm, arm, copies) == 0.0).all()


def test_no_chance_of_death_gives_no_ratio():
    nobody, some = outlook_of(TIMES_DAY, hazards(0.0)), outlook_of(TIMES_DAY, hazards(1e-3))
    assert np.isnan(log_ratio(nobody, some)).all()


def test_it_is_what_the_pool_comes_to_over_many_draws_of_the_day_of_death():
    rng = np.random.default_rng(5)
    steps = rng.exponential(0.04, (6, 41))
    arms = [np.cumsum(steps, axis=1), np.cumsum(steps * rng.uniform(0.6, 1.2, (6, 1)), axis=1)]
    arms = [hazard - hazard[:, :1] for hazard in arms]
    n = 4000
    draws = rng.standard_exponential(6 * n)
    days = [crossing_day(TIMES_DAY, np.repeat(hazard, n, axis=0), draws) for hazard in arms]
    day = np.concatenate(days)
    many = log_rate_ratios(np.minimum(day, 1000.0), np.isfinite(day), np.ones((1, 6 * n)))
    exact = log_ratio(*(outlook_of(TIMES_DAY, hazard) for hazard in arms))
    assert exact == pytest.approx(many, abs=0.01)


def rows_of(*cells):
    return pd.DataFrame(
        [(k, "a", wiring, log_hr, 0.1, 0.0) for k, (log_hr, wiring) in enumerate(cells)],
        columns=["DRAW", "ARM", "WIRING", "LOGHR", "SE", "LOGHR_ASIDE"],
    )


def test_the_summary_counts_what_is_above_one_alone():
    (found,) = summarised(
        rows_of(
            (0.2, "leukocyte_field=on"),
            (0.3, "leukocyte_field=on, niche_release=on"),
            (0.0, "leukocyte_field=on"),
            (-0.4, "default"),
            (np.nan, "niche_release=on"),
        )
    )
    assert (found.n, found.undefined, found.harmful) == (4, 1, 2)
    assert found.p_harm == 0.5
    assert found.error == pytest.approx(0.25)
    assert found.p_low < 0.1 < 0.9 < found.p_high
    assert found.near == 0.25
    assert found.p_aside == 0.0
    assert found.on_if_harmful["leukocyte_field"] == 1.0
    assert found.on_if_harmful["niche_release"] == 0.5
    assert found.on["leukocyte_field"] == 0.75
    assert found.quantiles[2] == pytest.approx(np.exp(0.1))
    assert 0 < found.patients_share < 1


def test_without_harm_the_interval_still_admits_some():
    (found,) = summarised(rows_of(*[(-0.1, "default")] * 10))
    assert (found.p_harm, found.error) == (0.0, 0.0)
    assert found.p_high == pytest.approx(1 - 0.025 ** (1 / 10))
    assert np.isnan(found.on_if_harmful["niche_release"])


def test_each_agent_is_on_its_longest_regimen_and_mobilisation_is_called_so():
    agents = harm_agents()
    assert {"plerixafor", "olaptesed", "ulocuplumab", "msx_122"} <= set(agents)
    assert not {"pembrolizumab", "filgrastim", "cisplatin"} & set(agents)
    chosen = {name: longest_regimen(drug) for name, drug in agents.items()}
    assert chosen["plerixafor"] == "radiotherapy_infusion_400_ug_kg_day"
    assert chosen["olaptesed"] == "infusion_600_mg_week"
    for name, drug in agents.items():
        longest = course_days(drug.regimens[chosen[name]])
        assert longest == max(course_days(item) for item in drug.regimens.values())
    # A label for mobilisation is none for a tumour.
    for name in ("plerixafor", "motixafortide"):
        short = [r for key, r in agents[name].regimens.items() if key.startswith("label_")]
        assert short
        assert not any(is_sustained(regimen) for regimen in short)
        assert is_sustained(agents[name].regimens[chosen[name]])


def test_arms_are_the_backbone_and_one_agent():
    plan = harm_plan(["plerixafor", "burixafor"], backbone="crt")
    backbone = [drug.id for drug, _ in plan.control.regimens]
    assert backbone == ["radiotherapy", "cisplatin", "fluorouracil"]
    assert [arm.regimens[:3] for arm in plan.arms] == [plan.control.regimens] * 2
    assert harm_plan(["plerixafor"], backbone="none").control.regimens == ()
    assert len(harm_plan().arms) == len(harm_agents(load_drugs()))


@pytest.mark.parametrize(
    "wrong",
    [
        {"agents": ["plerixafr"]},
        {"agents": ["cisplatin"]},
        {"draws": 0},
        {"patients": 0},
        {"horizon_day": 0.0},
        {"fixed": {"phii": 0.0}},
        {"options": {"niche_release": "perhaps"}},
    ],
)
def test_a_wrong_plan_is_refused(wrong):
    with pytest.raises(ModelValueError):
        harm_plan(**wrong)
