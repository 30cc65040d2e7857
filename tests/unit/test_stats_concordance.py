"""Concordance, subgroups and screening: exact cases, limits and refusals."""

from __future__ import annotations

from dataclasses import astuple

import numpy as np
import pytest
from scipy.stats import chi2

from cxaxis.core.errors import ModelValueError
from cxaxis.core.streams import rng_for
from cxaxis.stats.concordance import concordance, concordance_with_stage
from cxaxis.stats.screening import diagnostic_accuracy, screening_programme
from cxaxis.stats.subgroups import subgroup_ratios
from cxaxis.stats.survival import cox_hazard_ratio

NEVER = np.inf


def test_a_perfect_score_a_reversed_one_and_none():
    duration, event = np.arange(1.0, 21.0), np.ones(20, dtype=bool)
    assert concordance(duration, event, -duration) == 1.0
    assert concordance(duration, event, duration) == 0.0
    assert concordance(duration, event, np.zeros(20)) == 0.5


def test_pairs_that_censoring_leaves_unknown_do_not_count():
    # Known order: 1 before 2, 1 before 3. The score ranks the first pair rightly alone.
    assert concordance([1.0, 2.0, 3.0], [True, False, False], [2.0, 1.0, 3.0]) == 0.5
    with pytest.raises(ModelValueError, match="no two patients"):
        concordance([1.0, 2.0], [False, False], [1.0, 2.0])


def test_concordance_refuses_events_that_are_not_boolean_and_scores_with_gaps():
    with pytest.raises(ModelValueError, match="event must be boolean"):
        concordance([1.0, 2.0], [1, 1], [1.0, 2.0])
    with pytest.raises(ModelValueError, match="one finite number per patient"):
        concordance([1.0, 2.0], [True, True], [1.0, np.nan])


def _series(log_hr_score: float, log_hr_stage: float, n: int = 300):
    rng = rng_for(11, "concordance")
    score = rng.standard_normal(n)
    stage = np.array(["II", "III", "IVA"])[np.arange(n) % 3]
    hazard = np.exp(log_hr_score * score + log_hr_stage * (np.arange(n) % 3)) / 700
    death = rng.exponential(size=n) / hazard
    return np.minimum(death, 1500.0), death < 1500.0, score, stage


def test_a_score_that_matters_adds_to_stage_and_noise_does_not():
    useful = concordance_with_stage(*_series(0.8, 0.5), seed=1, purpose="useful", n_boot=60)
    assert 0.6 < useful.score.estimate < useful.score_with_stage.estimate
    assert useful.gain.low > 0
    assert useful.gain.estimate == pytest.approx(
        useful.score_with_stage.estimate - useful.stage.estimate
    )
    noise = concordance_with_stage(*_series(0.0, 0.5), seed=1, purpose="noise", n_boot=60)
    assert noise.score.low < 0.5 < noise.score.high
    assert noise.gain.low < 0.01
    assert abs(noise.gain.estimate) < 0.02 < useful.gain.estimate
    assert noise.stage.low > 0.5


def test_the_model_beside_stage_recovers_the_score_s_effect():
    found = concordance_with_stage(*_series(0.8, 0.5), seed=1, purpose="model", n_boot=20)
    score = found.model.of("score")
    assert np.log(score.low) < 0.8 < np.log(score.high)
    assert [term.name for term in found.model.terms] == ["score", "stage III", "stage IVA"]


def test_one_stage_is_no_stage():
    duration, event, score, _ = _series(0.8, 0.5)
    with pytest.raises(ModelValueError, match="two stages or more"):
        concordance_with_stage(
            duration, event, score, np.repeat("II", 300), seed=1, purpose="x", n_boot=5
        )


def _trial(log_hr: dict[str, float], n: int = 600):
    rng = rng_for(13, "subgroups")
    treated = np.arange(n) % 2 == 0
    names = np.array(list(log_hr))[(np.arange(n) // 2) % len(log_hr)]
    effect = np.array([log_hr[name] for name in names])
    death = rng.exponential(size=n) * 500 / np.exp(effect * treated)
    return np.minimum(death, 1500.0), death < 1500.0, treated, names


def test_subgroup_ratios_are_those_of_their_patients():
    duration, event, treated, names = _trial({"high": -0.9, "low": 0.0})
    (found,) = subgroup_ratios(duration, event, treated, {"CXCR4": names})
    assert [entry.label for entry in found.levels] == ["high", "low"]
    for entry in found.levels:
        here = names == entry.label
        alone = cox_hazard_ratio(duration[here], event[here], treated[here])
        assert astuple(entry.ratio) == pytest.approx(astuple(alone))
        assert entry.n_control + entry.n_treated == here.sum()
        assert entry.events_control + entry.events_treated == (event & here).sum()
    assert found.df == 1
    assert found.p_interaction < 0.001


def test_equal_effects_show_no_interaction():
    duration, event, treated, names = _trial({"a": -0.5, "b": -0.5, "c": -0.5})
    (found,) = subgroup_ratios(duration, event, treated, {"site": names})
    assert found.df == 2
    assert found.p_interaction > 0.05


def test_interaction_is_near_the_difference_of_the_shown_ratios():
    # For two large levels the likelihood ratio is close to the squared difference of the log
    # ratios over the sum of their variances.
    duration, event, treated, names = _trial({"high": -0.4, "low": 0.0}, n=2000)
    (found,) = subgroup_ratios(duration, event, treated, {"CXCR4": names})
    logs = [np.log([e.ratio.hr, e.ratio.low, e.ratio.high]) for e in found.levels]
    variance = sum(((high - low) / (2 * 1.959964)) ** 2 for _, low, high in logs)
    wald = chi2.sf((logs[0][0] - logs[1][0]) ** 2 / variance, 1)
    assert found.p_interaction == pytest.approx(wald, rel=0.1)


def test_a_subgroup_without_an_estimate_leaves_the_test():
    duration, event, treated, names = _trial({"a": -0.5, "b": 0.0})
    names = names.astype("<U5")
    names[:3] = "tiny"
    event[:3] = False
    (found,) = subgroup_ratios(duration, event, treated, {"f": names})
    assert found.levels[2].ratio is None
    assert found.df == 1
    (alone,) = subgroup_ratios(duration, event, treated, {"f": np.repeat("all", 600)})
    assert alone.p_interaction is None
    with pytest.raises(ModelValueError, match="treated must be boolean"):
        subgroup_ratios(duration, event, treated.astype(int), {"f": names})


def test_strata_of_the_trial_apply_within_subgroups():
    duration, event, treated, names = _trial({"a": -0.5, "b": 0.0})
    strata = np.arange(600) % 3
    (found,) = subgroup_ratios(duration, event, treated, {"f": names}, strata=strata)
    here = names == "a"
    alone = cox_hazard_ratio(duration[here], event[here], treated[here], strata=strata[here])
    assert astuple(found.levels[0].ratio) == pytest.approx(astuple(alone))


def test_accuracy_of_a_single_test():
    positive = np.array([True] * 8 + [False] * 2 + [True] * 5 + [False] * 45)
    diseased = np.arange(60) < 10
    found = diagnostic_accuracy(positive, diseased)
    assert (found.sensitivity.share, found.specificity.share) == (0.8, 0.9)
    assert found.sensitivity.low < 0.8 < found.sensitivity.high
    # Bayes at 1 %: 0.008 / (0.008 + 0.099).
    ppv, npv = found.predictive_values(0.01)
    assert ppv == pytest.approx(0.008 / 0.107)
    assert npv == pytest.approx(0.891 / 0.893)
    assert found.predictive_values(1.0)[0] == 1.0
    with pytest.raises(ModelValueError, match="with and without"):
        diagnostic_accuracy(positive[:10], diseased[:10])
    with pytest.raises(ModelValueError, match="positive must be"):
        diagnostic_accuracy(positive.astype(int), diseased)


def test_a_programme_counts_tests_in_the_window_before_symptoms():
    days = [0.0, 365.0, 730.0]
    found = screening_programme(
        days,
        np.array(
            [
                [False, True, True],  # found at 365, symptoms at 800: 435 days ahead
                [True, False, False],  # positive before onset is a false alarm, disease missed
                [False, False, True],  # positive after the diagnosis does not count
                [False, False, False],
                [False, True, False],  # never ill
            ]
        ),
        onset_day=[200.0, 300.0, 100.0, NEVER, NEVER],
        diagnosis_day=[800.0, 700.0, 400.0, NEVER, NEVER],
    )
    assert found.sensitivity.share == pytest.approx(1 / 3)
    assert found.lead_time_day.tolist() == [435.0]
    # Tests before onset: 1 + 1 + 1, and 3 + 3 of those never ill; two of the nine positive.
    assert found.n_free_tests == 9
    assert found.specificity.share == pytest.approx(7 / 9)
    assert found.free_never_flagged.share == 0.5
    assert found.lead_time_quantiles([0.5]).tolist() == [435.0]


def test_a_blind_programme_has_no_lead_time_and_denser_tests_more():
    rng = rng_for(17, "screening")
    onset = rng.uniform(0, 1000, 200)
    diagnosis = onset + rng.exponential(300, 200)
    onset[150:], diagnosis[150:] = NEVER, NEVER

    def programme(every: float, works: bool):
        days = np.arange(0.0, 2000.0, every)
        positive = (days >= onset[:, None]) & works
        return screening_programme(days, positive, onset_day=onset, diagnosis_day=diagnosis)

    blind = programme(100.0, works=False)
    assert blind.sensitivity.share == 0.0
    assert blind.specificity.share == 1.0
    assert blind.lead_time_quantiles() is None
    dense, sparse = programme(50.0, works=True), programme(400.0, works=True)
    assert dense.sensitivity.share > sparse.sensitivity.share
    # With tests all the time lead times are the preclinical phases.
    always = programme(1.0, works=True)
    assert always.lead_time_day.mean() == pytest.approx(300.0, rel=0.25)


@pytest.mark.parametrize("n", [20, 60, 700])
def test_intervals_are_those_of_lifelines_on_every_resample(n, monkeypatch):
    from lifelines.utils import concordance_index

    from cxaxis.stats import concordance as module
    from cxaxis.stats.bootstrap import resampled_patients

    rng = rng_for(18, "concordance", n)
    # Whole days and scores: ties of days, of scores and of deaths with censorings abound.
    duration = rng.integers(1, 12, n).astype(float)
    event = rng.uniform(size=n) < 0.6
    risk = rng.integers(0, 5, n).astype(float)
    draws = resampled_patients(n, n_boot=20, seed=5, purpose="here")
    counts = np.stack([np.bincount(draw, minlength=n) for draw in draws]).astype(float)
    monkeypatch.setattr(module, "_PAIR_BLOCK", 100)
    found = module._resampled_c_index(duration, event, risk, counts)
    theirs = [concordance_index(duration[rows], -risk[rows], event[rows]) for rows in draws]
    assert found.tolist() == theirs
    nobody = module._resampled_c_index(duration, np.zeros(n, dtype=bool), risk, counts)
    assert np.isnan(nobody).all()


def test_unusable_programmes_are_refused():
    good = {"onset_day": [1.0, NEVER], "diagnosis_day": [5.0, NEVER]}
    flags = np.zeros((2, 1), dtype=bool)
    for days, positive, change, words in (
        ([0.0], flags.astype(int), {}, "positive must be boolean"),
        ([0.0, 1.0], flags, {}, "one column per test"),
        ([np.nan], flags, {}, "finite and ascending"),
        ([0.0], flags, {"diagnosis_day": [0.5, NEVER]}, "after its onset"),
        ([0.0], flags, {"diagnosis_day": [NEVER, NEVER]}, "who come to diagnosis"),
    ):
        with pytest.raises(ModelValueError, match=words):
            screening_programme(days, positive, **(good | change))
