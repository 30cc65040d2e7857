from dataclasses import replace

import numpy as np
import pytest

from cxaxis.cohort.population import central_theta
from cxaxis.cohort.sample import sample_eligible
from cxaxis.cohort.settings import SETTINGS
from cxaxis.core.errors import ModelValueError
from cxaxis.core.streams import rng_for
from cxaxis.inference.outcome_courses import (
    ARMS,
    DAYS_PER_MONTH,
    Followed,
    follow,
    landmark_share,
    landmark_shares,
    patient_model,
    population_parameters,
    sample_settings,
)
from cxaxis.inference.outcome_records import FLOOR
from cxaxis.knowledge.landmarks import Landmark, Quantity, load_landmarks
from cxaxis.knowledge.parameters import load_parameters
from cxaxis.patient.course import PATIENT_TOLERANCES

LANDMARKS = load_landmarks()
YEAR = 365.25


def landmark(quantity: Quantity, month: float | None) -> Landmark:
    return replace(LANDMARKS["neocrtec_crt_5_year"], quantity=quantity, time_month=month)


def even(rate: float, n: int = 400, **changed: object) -> Followed:
    """Return patients with one constant hazard, resected on day 77, without any event."""
    times = np.linspace(0.0, 10 * YEAR, 200)
    never = np.full(n, np.inf)
    yes = np.ones(n, dtype=bool)
    patients = Followed(
        times_day=times,
        hazard=np.tile(rate * times, (n, 1)),
        progression_day=never,
        response_day=never,
        recurrence_day=never,
        operation_day=77.0,
        operated=yes,
        cleared=yes,
        no_tumour_found=~yes,
    )
    return replace(patients, **changed)


def test_the_share_alive_under_a_constant_hazard_is_its_exponential() -> None:
    share, _ = landmark_share(landmark("alive_at", 60.0), even(0.4 / YEAR))
    assert share == pytest.approx(np.exp(-0.4 * 60 * DAYS_PER_MONTH / YEAR), abs=1e-9)


def test_the_expected_share_is_that_of_many_drawn_deaths() -> None:
    rng = rng_for(5, "rates")
    rates = rng.gamma(2.0, 0.2, size=2000) / YEAR
    patients = even(0.0, n=2000)
    patients = replace(patients, hazard=rates[:, None] * patients.times_day)
    share, error = landmark_share(landmark("alive_at", 36.0), patients)
    died = rng.standard_exponential(2000) / rates
    drawn = float(np.mean(died > 36 * DAYS_PER_MONTH))
    assert abs(share - drawn) < 4 * np.sqrt(drawn * (1 - drawn) / 2000)
    # Chances vary less than coins.
    assert error < np.sqrt(drawn * (1 - drawn) / 2000)


def test_a_patient_is_free_of_disease_or_has_recurred_or_died() -> None:
    n = 400
    recurred = rng_for(6, "recurrence").exponential(2 * YEAR, size=n)
    patients = even(0.2 / YEAR, n=n, recurrence_day=77.0 + recurred)
    free, _ = landmark_share(landmark("dfs_at", 60.0), patients)
    relapse, _ = landmark_share(landmark("recurrence_by", 60.0), patients)
    # Who died free of recurrence is the rest: with even hazards 0.2 and 0.5 a year, by rates.
    rest = 1.0 - free - relapse
    left = 1.0 - np.exp(-0.7 * (60 * DAYS_PER_MONTH - 77) / YEAR)
    assert relapse == pytest.approx(left * 0.5 / 0.7, abs=0.06)
    assert rest == pytest.approx(left * 0.2 / 0.7, abs=0.04)


def test_the_dead_neither_respond_nor_relapse() -> None:
    alive = even(0.0, response_day=np.full(400, 63.0))
    dying = even(np.log(2.0) / 63.0, response_day=np.full(400, 63.0))
    response = landmark("response", None)
    assert landmark_share(response, alive)[0] == pytest.approx(1.0 - FLOOR)
    assert landmark_share(response, dying)[0] == pytest.approx(0.5, abs=0.01)
    assert landmark_share(response, even(0.0))[0] == pytest.approx(FLOOR)


def test_only_the_resected_have_a_pathological_response() -> None:
    operated = np.arange(400) < 100
    found = np.arange(400) >= 40
    patients = even(0.0, operated=operated, no_tumour_found=~found)
    share, _ = landmark_share(landmark("pcr", None), patients)
    assert share == pytest.approx(0.4, abs=0.01)
    nobody = even(0.0, operated=np.zeros(400, dtype=bool))
    assert np.isnan(landmark_share(landmark("pcr", None), nobody)).all()


def test_a_landmark_beyond_follow_up_is_refused() -> None:
    with pytest.raises(ModelValueError, match="end of follow-up"):
        landmark_share(landmark("alive_at", 200.0), even(0.1 / YEAR))


def test_every_landmark_lies_within_the_follow_up_of_its_arm() -> None:
    for item in LANDMARKS.values():
        if item.time_month is not None:
            assert item.time_month * DAYS_PER_MONTH <= ARMS[item.arm].horizon_day
    assert {item.arm for item in LANDMARKS.values()} == set(ARMS)


def test_one_series_gives_each_setting_its_first_eligible_patients() -> None:
    model, rows = patient_model(), load_parameters()
    theta = central_theta(rows)
    cohorts = sample_settings(model, rows, theta, 4, seed=8, tolerances=PATIENT_TOLERANCES)
    for setting, stages in SETTINGS.items():
        assert set(cohorts[setting].covariates["stage"]) <= set(stages)
        alone = sample_eligible(
            model, rows, theta, 4, seed=8, setting=setting, tolerances=PATIENT_TOLERANCES
        )
        assert cohorts[setting].indices == alone.indices


def test_the_parameters_of_a_population_are_uncertain_ones_that_arms_use() -> None:
    rows = load_parameters()
    names = population_parameters(patient_model(), rows)
    assert all(rows[name].spread > 0 for name in names)
    assert {"phi", "alpha_tumour", "diameter_t3"} <= set(names)


def test_followed_patients_die_more_with_time_and_progress_before_they_die() -> None:
    model, rows = patient_model(), load_parameters()
    cohorts = sample_settings(
        model, rows, central_theta(rows), 4, seed=9, tolerances=PATIENT_TOLERANCES
    )
    followed = follow(model, cohorts["resectable_escc"], ARMS["neoadjuvant_crt"])
    assert followed.alive(0.0) == pytest.approx(1.0)
    assert (followed.alive(400.0) >= followed.alive(1200.0)).all()
    assert (followed.alive(np.inf) == 0.0).all()
    assert followed.cleared.sum() <= followed.operated.sum()


def test_a_population_without_metastases_has_no_number_for_them() -> None:
    rows = load_parameters()
    theta = central_theta(rows)
    barren = {**theta, "seeding_rate_lymph": 1e-30, "seeding_rate_blood": 1e-30}
    chosen = [LANDMARKS["neocrtec_surgery_5_year"], LANDMARKS["escort_1st_chemo_1_year"]]
    share, error = landmark_shares(theta, chosen, n_patient=4, seed=9)
    assert np.isfinite(share).all()
    assert (error > 0).all()
    nowhere, _ = landmark_shares(barren, chosen, n_patient=4, seed=9)
    assert np.isfinite(nowhere[0])
    assert np.isnan(nowhere[1])
