"""What the headline answers from rows of which the truth is known."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from cxaxis.stats.information_value import InputValue
from cxaxis.trial.headline import COLUMNS
from cxaxis.trial.headline_answers import (
    CLASS_INCONSISTENT,
    LEAST_DRAWS,
    PHI_SHOWN,
    PRIOR_DOMINATED,
    TOO_FEW,
    answers,
    chance_of,
    endpoint_answer,
    flags_of,
    inputs_of,
    learnt_parameters,
    on_phi,
    ranked,
    sd_ratios,
)
from cxaxis.trial.headline_plan import headline_plan

N_DRAW = 60


def rows_of(log_hr, *, phi, error=0.0, wiring="default", arm="plerixafor_sustained", events=0.5):
    n = len(log_hr)
    labels = [wiring] * n if isinstance(wiring, str) else list(wiring)
    cells = [
        ("crt", k, arm, phi[k], labels[k], *[log_hr[k], error, events] * 2, 12) for k in range(n)
    ]
    return pd.DataFrame(cells, columns=list(COLUMNS))


@pytest.fixture
def rng():
    return np.random.default_rng(8)


def test_a_known_line_in_the_causal_share_is_found():
    phi = np.linspace(0.0, 1.0, N_DRAW)
    points, (slope, low, high) = on_phi(phi, 0.1 - 0.4 * phi, seed=1)
    assert (slope, low, high) == pytest.approx((-0.4, -0.4, -0.4))
    assert [item.phi for item in points] == list(PHI_SHOWN)
    assert [item.hr for item in points] == pytest.approx(
        np.exp([0.1 - 0.4 * share for share in PHI_SHOWN])
    )
    assert [item.low for item in points] == pytest.approx([item.high for item in points])


def test_limits_of_populations_hold_them_and_those_of_the_mean_are_narrower(rng):
    phi = rng.uniform(size=800)
    log_hr = 0.2 * phi + rng.normal(0.0, 0.3, 800)
    points, (_, low, high) = on_phi(phi, log_hr, seed=1)
    assert low < 0.2 < high
    last = points[-1]
    fresh = np.exp(0.2 + rng.normal(0.0, 0.3, 4000))
    assert np.mean((last.low < fresh) & (fresh < last.high)) == pytest.approx(0.95, abs=0.02)
    assert last.mean_high / last.mean_low < last.high / last.low


def test_one_wild_population_does_not_bend_the_line():
    phi = np.linspace(0.0, 1.0, N_DRAW)
    log_hr = -0.2 * phi
    log_hr[-1] = 4.0
    points, (slope, low, high) = on_phi(phi, log_hr, seed=1)
    assert (slope, low, high) == pytest.approx((-0.2, -0.2, -0.2))
    assert points[-1].hr == pytest.approx(np.exp(-0.2))


def test_few_events_make_a_trial_blind_to_a_large_ratio():
    log_hr = np.full(20, np.log(0.5)) + np.linspace(-0.01, 0.01, 20)
    many, few = (
        chance_of(log_hr, np.full(20, share), within_variance=0.0) for share in (0.8, 0.005)
    )
    assert many.probability > 0.95
    assert few.probability < 0.1


def test_no_effect_has_a_narrow_answer_and_almost_no_assurance(rng):
    phi = rng.uniform(size=N_DRAW)
    found = endpoint_answer(rows_of(np.zeros(N_DRAW), phi=phi), "OS", seed=1)
    assert (found.hr, found.low, found.high) == (1.0, 1.0, 1.0)
    assert found.benefit == 0.0
    assert found.assurance is not None
    # One side of a two-sided test at 5 %.
    assert found.assurance.probability == pytest.approx(0.025)


def test_a_sure_and_strong_benefit_is_assured(rng):
    log_hr = np.log(0.5) + rng.normal(0.0, 0.01, N_DRAW)
    found = endpoint_answer(rows_of(log_hr, phi=rng.uniform(size=N_DRAW)), "DMFS", seed=1)
    assert found.assurance is not None
    assert found.assurance.probability > 0.99
    assert found.benefit == 1.0


def test_the_split_tells_wiring_from_parameters(rng):
    labels = np.where(np.arange(N_DRAW) % 2 == 0, "default", "niche_release=on")
    wired = np.where(labels == "default", -0.5, 0.5) + rng.normal(0.0, 0.05, N_DRAW)
    phi = rng.uniform(size=N_DRAW)
    by_wiring = endpoint_answer(rows_of(wired, phi=phi, wiring=labels), "OS", seed=1).split
    drawn = rng.normal(0.0, 0.5, N_DRAW)
    by_draw = endpoint_answer(rows_of(drawn, phi=phi, wiring=labels), "OS", seed=1).split
    assert by_wiring is not None
    assert by_draw is not None
    assert by_wiring.wiring > 10 * by_wiring.parameters
    assert by_draw.parameters > 3 * by_draw.wiring
    noisy = endpoint_answer(rows_of(drawn, phi=phi, wiring=labels, error=0.4), "OS", seed=1).split
    assert noisy is not None
    assert noisy.patients == pytest.approx(0.16)


def test_too_few_draws_give_no_answer():
    n = LEAST_DRAWS - 1
    found = endpoint_answer(rows_of(np.zeros(n), phi=np.linspace(0, 1, n)), "OS", seed=1)
    assert np.isnan(found.hr)
    assert (found.n, found.split, found.assurance, found.by_phi) == (n, None, None, ())


def test_draws_without_a_ratio_are_counted():
    log_hr = np.zeros(N_DRAW)
    log_hr[:5] = np.nan
    found = endpoint_answer(rows_of(log_hr, phi=np.linspace(0, 1, N_DRAW)), "OS", seed=1)
    assert (found.n, found.undefined) == (N_DRAW - 5, 5)


def value(name, share):
    return InputValue(name=name, share=share, value=0.0, p=0.001, p_any=0.01)


@pytest.mark.parametrize(
    ("shares", "stamp", "flags"),
    [
        ({"alpha": 0.4, "beta": 0.1}, "consistent", ()),
        ({"alpha": 0.1, "beta": 0.4}, "consistent", (PRIOR_DOMINATED,)),
        ({"alpha": 0.4}, "inconsistent", (CLASS_INCONSISTENT,)),
        ({"phi": 0.4}, "inconsistent", (PRIOR_DOMINATED, CLASS_INCONSISTENT)),
        ({}, "not run", (PRIOR_DOMINATED,)),
    ],
)
def test_a_row_is_ranked_only_where_data_speak(shares, stamp, flags):
    inputs = [value(name, share) for name, share in shares.items()]
    assert flags_of(inputs, frozenset({"alpha"}), class_stamp=stamp) == flags


def test_the_prior_has_learnt_nothing():
    assert sd_ratios("prior") == {}
    assert learnt_parameters("prior") == frozenset()


def test_what_the_answer_rests_on_is_named_and_nothing_is_ranked_from_the_prior(rng):
    plan = headline_plan(backbones=["crt"], draws=N_DRAW)
    (here,) = plan.backbones
    arm = next(item for item in here.arms if item.plan.id == "plerixafor_sustained")
    plan = replace(plan, backbones=(replace(here, arms=(arm,)),))
    labels = np.where(rng.uniform(size=N_DRAW) < 0.4, "leukocyte_field=on", "default")
    log_hr = np.where(labels == "default", 0.0, 0.4) + rng.normal(0.0, 0.05, N_DRAW)
    rows = rows_of(log_hr, phi=rng.uniform(size=N_DRAW), wiring=labels)
    (found,) = answers(rows, plan)
    assert found.found
    assert found.rests_on[0].name == "leukocyte_field=on"
    assert found.flags == (PRIOR_DOMINATED,)
    assert ranked([found]) == ()
    few = answers(rows[:3], plan)[0]
    assert TOO_FEW in few.flags


def test_ranks_go_by_the_hazard_ratio(rng):
    plan = headline_plan(backbones=["crt"], draws=N_DRAW)
    (here,) = plan.backbones
    plan = replace(plan, backbones=(replace(here, arms=here.arms[:2]),))
    phi = rng.uniform(size=N_DRAW)
    first, second = (arm.plan.id for arm in here.arms[:2])
    rows = pd.concat(
        [
            rows_of(rng.normal(0.1, 0.01, N_DRAW), phi=phi, arm=first),
            rows_of(rng.normal(-0.1, 0.01, N_DRAW), phi=phi, arm=second),
        ]
    )
    clean = [replace(item, flags=()) for item in answers(rows, plan)]
    assert [item.arm.plan.id for item in ranked(clean)] == [second, first]


def test_inputs_are_those_that_can_reach_the_answer():
    (here,) = headline_plan(backbones=["crt"]).backbones
    arm = next(item for item in here.arms if item.agent == "olaptesed")
    inputs = inputs_of(here, arm)
    assert {"phi", "diameter_t3", "cxcr4_growth_effect"} <= set(inputs)
    assert not any(name.endswith(("_plerixafor", "_chloroquine", "_paclitaxel")) for name in inputs)
    assert not any(name.startswith(("xenograft", "bulk_", "ihc_", "apheresis")) for name in inputs)
