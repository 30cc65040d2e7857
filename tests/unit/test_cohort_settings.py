"""Clinical settings: who is enrolled, and how the stages share a cohort."""

from dataclasses import replace
from typing import get_args

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cxaxis.cohort import sample
from cxaxis.cohort.population import central_theta
from cxaxis.cohort.sample import screen
from cxaxis.cohort.settings import (
    LEAST_LIFE_EXPECTANCY_DAY,
    SETTINGS,
    STAGES,
    Setting,
    stage_quotas,
)
from cxaxis.engine.population import PopulationEngine
from cxaxis.knowledge.parameters import load_parameters
from science_support import parameters_with, patient_model

SHARES = {name: load_parameters()[name].value for name in ("share_stage_ii", "share_stage_iii")}


def test_every_setting_a_protocol_may_name_has_stages():
    assert set(SETTINGS) == set(get_args(Setting))
    assert STAGES == ("II", "III", "IVA")


def test_metastatic_patients_are_those_with_visible_distant_disease():
    assert stage_quotas(50, SHARES, "metastatic_escc") == {"IVB": 50}


@given(n=st.integers(1, 2000))
def test_resectable_patients_keep_the_ratio_of_their_stages(n):
    quotas = stage_quotas(n, SHARES, "resectable_escc")
    assert list(quotas) == ["II", "III"]
    assert sum(quotas.values()) == n
    ratio = SHARES["share_stage_ii"] / (SHARES["share_stage_ii"] + SHARES["share_stage_iii"])
    assert abs(quotas["II"] - n * ratio) < 1


def relabelled(*args, **options):
    """Screen patients, then call them II, III, IVA, IVB in turn."""
    found = screen(*args, **options)
    stage = np.resize(["II", "III", "IVA", "IVB"], len(found.indices))
    told = {"stage": stage, "life_expectancy_day": np.full(len(stage), 100.0)}
    return replace(found, stage=stage, covariates={**found.covariates, **told})


@pytest.mark.parametrize("setting", list(SETTINGS))
def test_a_cohort_holds_the_stages_of_its_setting_alone(setting, monkeypatch):
    monkeypatch.setattr(sample, "screen", relabelled)
    rows = parameters_with()
    theta = central_theta(rows)
    some = sample.sample_eligible(patient_model(), rows, theta, 8, seed=5, setting=setting)
    assert set(some.covariates["stage"]) == set(SETTINGS[setting])
    whole = sample.sample_cohort(
        8, 5, setting=setting, parameters=rows, model=patient_model(), workers=1
    )
    quotas = stage_quotas(8, theta, setting)
    stages, counts = np.unique(whole.covariates["stage"], return_counts=True)
    assert dict(zip(stages.tolist(), counts.tolist(), strict=True)) == {
        stage: count for stage, count in quotas.items() if count
    }


@pytest.mark.parametrize("setting", list(SETTINGS))
def test_only_a_setting_that_asks_for_it_knows_how_long_its_patients_would_live(setting):
    rows = parameters_with()
    found = screen(
        patient_model(), rows, central_theta(rows), range(64), PopulationEngine(),
        seed=5, setting=setting,
    )  # fmt: skip
    plain = screen(
        patient_model(), rows, central_theta(rows), range(64), PopulationEngine(), seed=5
    )
    outlook = found.covariates["life_expectancy_day"]
    asked = np.isin(found.stage, SETTINGS[setting]) & (setting in LEAST_LIFE_EXPECTANCY_DAY)
    assert np.array_equal(np.isfinite(outlook), asked)
    assert not found.unfit(setting)[~asked].any() or setting in LEAST_LIFE_EXPECTANCY_DAY
    assert np.array_equal(found.diagnosis.patients.values, plain.diagnosis.patients.values)
    for name, values in plain.covariates.items():
        if name != "life_expectancy_day":
            assert np.array_equal(values, found.covariates[name]), name


def test_metastatic_patients_who_would_not_live_twelve_weeks_are_screen_failures():
    rows = parameters_with()
    theta = central_theta(rows)
    setting = "metastatic_escc"
    chosen = sample.sample_cohort(
        4, 5, setting=setting, parameters=rows, model=patient_model(), workers=1
    )
    some = sample.sample_eligible(patient_model(), rows, theta, 4, seed=5, setting=setting)
    assert chosen.indices == some.indices
    for cohort in (chosen, some):
        assert (cohort.covariates["life_expectancy_day"] >= 84.0).all()
        assert cohort.screened["unfit"] > 0
    seen = chosen.screened
    assert seen["screened"] == 4 + seen["unfit"] + seen["other_stage"] + seen["failed"]
    block = screen(
        patient_model(), rows, theta, range(some.indices[-1] + 1), PopulationEngine(),
        seed=5, setting=setting,
    )  # fmt: skip
    distant = block.stage == "IVB"
    assert (distant & ~block.unfit(setting)).sum() == 4
    assert (distant & block.unfit(setting)).sum() == seen["unfit"]
