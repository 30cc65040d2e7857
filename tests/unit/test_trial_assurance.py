"""Assurance against its closed form, and what draws are made of."""

import numpy as np
import pandas as pd
import pytest
from scipy.stats import norm

from cxaxis.cohort.population import draw_theta
from cxaxis.core.errors import ModelValueError, UserInputError
from cxaxis.knowledge.parameters import Parameter
from cxaxis.trial.assurance import (
    TrialSize,
    assurance,
    drawn_parameters,
    sampling_variance,
    wiring_switches,
)
from cxaxis.trial.operating import CounterfactualPool

#: Everybody dies, so that the number of events does not depend on the effect.
ALL_DIE = TrialSize(n_patient=400, treated_share=0.5, control_event_share=1.0)


def normal_draws(n, mean, variance, seed=1):
    """Draws at the quantiles of a normal distribution, in a made-up order."""
    places = (np.random.default_rng(seed).permutation(n) + 0.5) / n
    return mean + np.sqrt(variance) * norm.ppf(places)


def closed_form(mean, variance, information):
    """Normal effects: the statistic is normal with the variance of both levels."""
    middle = -mean * np.sqrt(information) - norm.isf(0.025)
    return norm.cdf(middle / np.sqrt(1.0 + variance * information))


@pytest.mark.parametrize(("mean", "variance"), [(-0.2, 0.02), (-0.4, 0.1), (0.1, 0.05)])
def test_assurance_is_that_of_normal_effects(mean, variance):
    found = assurance(
        normal_draws(2000, mean, variance),
        within_variance=0.0,
        size=ALL_DIE,
        n_replicate=20_000,
        seed=1,
    )
    expected = closed_form(mean, variance, 100.0)
    assert found.probability == pytest.approx(expected, abs=4.0 * found.monte_carlo_se + 0.003)
    assert found.as_drawn == pytest.approx(expected, abs=0.005)
    assert found.monte_carlo_se == pytest.approx((expected * (1 - expected) / 20_000) ** 0.5, 0.1)


def test_patients_of_draws_do_not_count_as_effect():
    """The scatter of small draws makes a trial without effect look worth a try."""
    noisy = normal_draws(2000, 0.0, 0.25)
    found = assurance(noisy, within_variance=0.25, size=ALL_DIE, n_replicate=20_000, seed=1)
    assert found.as_drawn > 0.3
    assert found.probability == pytest.approx(0.025, abs=0.01)
    assert found.at_mean == pytest.approx(0.025, abs=0.001)


def test_error_from_few_draws_is_that_of_repeating_them():
    repeats = [
        assurance(
            np.random.default_rng(k).normal(-0.2, 0.2, 30),
            within_variance=0.0,
            size=ALL_DIE,
            n_replicate=4000,
            seed=1,
        )
        for k in range(200)
    ]
    spread = np.std([item.probability for item in repeats])
    assert np.mean([item.draws_se for item in repeats]) == pytest.approx(spread, rel=0.2)


def test_draws_without_ratio_are_counted_and_left_out():
    found = assurance(
        [-0.1, np.nan, -0.3], within_variance=0.0, size=ALL_DIE, n_replicate=10, seed=1
    )
    assert (found.n_draw, found.n_undefined) == (2, 1)
    with pytest.raises(ModelValueError, match="got 1 draws"):
        assurance([-0.1, np.nan], within_variance=0.0, size=ALL_DIE, n_replicate=10, seed=1)


def test_size_gives_events_and_power_by_schoenfeld():
    size = TrialSize(n_patient=300, treated_share=2 / 3, control_event_share=0.6)
    assert size.expected_events(0.0) == pytest.approx(180.0)
    # Hazards in proportion: survival of 0.4 becomes its square.
    assert size.event_shares(np.log(2.0)) == pytest.approx(1.0 - 0.4**2)
    assert ALL_DIE.power(0.0) == pytest.approx(0.025)
    # 380 events give 80 % power at a ratio of 0.75 (Schoenfeld: 4 (1.96 + 0.84)^2 / ln(0.75)^2).
    known = TrialSize(n_patient=380, treated_share=0.5, control_event_share=1.0)
    assert known.power(np.log(0.75)) == pytest.approx(0.80, abs=0.002)
    with pytest.raises(ModelValueError, match="control_event_share"):
        TrialSize(n_patient=300, treated_share=0.5, control_event_share=0.0)


def test_sampling_variance_is_that_of_rates():
    rng = np.random.default_rng(3)
    days = rng.exponential(300.0, (2, 4000))
    pool = CounterfactualPool(
        arms=("control", "arm"),
        duration_day=days,
        event=np.ones(days.shape, dtype=bool),
        strata=("",) * 4000,
    )

    def variance(arm, n):
        return sampling_variance(pool, control="control", arm=arm, n_patient=n, seed=1)

    # Strangers in both arms: the log of each mean of exponential times varies by 1 / n.
    assert variance("arm", 100) == pytest.approx(2.0 / 100, rel=0.15)
    # The same patients, with the same days: nothing is left to chance.
    assert variance("control", 100) == pytest.approx(0.0, abs=1e-20)


def test_sampling_variance_is_not_told_without_events():
    pool = CounterfactualPool(
        arms=("control", "arm"),
        duration_day=np.full((2, 1000), 9.0),
        event=np.tile(np.arange(1000) < 10, (2, 1)),
        strata=("",) * 1000,
    )
    with pytest.raises(ModelValueError, match="more patients a draw"):
        sampling_variance(pool, control="control", arm="arm", n_patient=8, seed=1)


def tables(seed=4, n=6):
    """Return a parameter table and draws from it, as a run writes them."""
    parameters = pd.DataFrame(
        [("phi", 0.5, 0.3), ("rate", 2.0, 0.7), ("fixed", 3.0, 0.0)],
        columns=["ID", "VALUE", "WIDENED"],
    ).assign(
        UNIT="1",
        SCALE=["linear", "log", "log"],
        OMEGA=0.1,
        STATUS="assumed",
        SPECIES="human",
        RELEVANCE=0.5,
        NOTE="",
    )
    rows = {
        name: Parameter(
            id=name,
            value=value,
            unit="1",
            scale=scale,
            spread=spread,
            omega=0.1,
            status="assumed",
            species="human",
            relevance=1.0,
            evidence=(),
            note="",
            where="",
            tau=0.0,
        )
        for name, value, spread, scale in parameters[
            ["ID", "VALUE", "WIDENED", "SCALE"]
        ].itertuples(index=False)
    }
    thetas = [draw_theta(rows, seed=seed, draw=k) for k in range(n)]
    uncertainty = pd.DataFrame({"DRAW": range(n), "PHI": [theta["phi"] for theta in thetas]})
    return parameters, uncertainty, thetas


def test_parameters_of_draws_are_those_of_the_run():
    parameters, uncertainty, thetas = tables()
    found = drawn_parameters(parameters, uncertainty.iloc[2:], seed=4)
    assert set(found) == {"phi", "rate"}
    assert found["rate"].tolist() == [theta["rate"] for theta in thetas[2:]]


def test_draws_of_another_seed_are_refused():
    parameters, uncertainty, _ = tables()
    with pytest.raises(UserInputError, match="cannot be drawn again"):
        drawn_parameters(parameters, uncertainty, seed=5)


def test_switches_are_the_options_that_vary():
    found = wiring_switches(["default", "a=on, b=off", "b=off"])
    assert {name: flags.tolist() for name, flags in found.items()} == {
        "a=on": [False, True, False],
        "b=off": [False, True, True],
    }
    assert wiring_switches(["a=on", "a=on"]) == {}
