"""From the pool to the allocated trial: accrual, drop-out, censoring; occupancy in summary."""

import numpy as np
import pandas as pd
import pytest

from cxaxis.cohort.sample import Cohort
from cxaxis.core.ids import patient_id
from cxaxis.trial.analysis import (
    allocated_adtte,
    deaths_by_cause,
    follow_up,
    occupancy_summary,
    pool_ratio,
)
from cxaxis.trial.pool import schedule_of
from science_support import protocol_with, small_protocol, table

ARMS = ("control", "plerixafor_daily", "plerixafor_infusion")


def cohort_of(n):
    """Patients by number alone."""
    return Cohort(
        indices=tuple(range(n)),
        table=table(phi=np.full(n, 0.5)),
        covariates={},
        screened={},
        seed=1,
        theta={},
    )


def pool_of(n, day, *, event=True, code="OS", text="Death"):
    """The same event in every patient and arm."""
    return pd.DataFrame(
        [
            {
                "USUBJID": patient_id(k),
                "ARM": arm,
                "PARAMCD": code,
                "AVAL": float(day),
                "CNSR": np.int8(not event),
                "EVENT": event,
                "EVNTDESC": text,
            }
            for arm in ARMS
            for k in range(n)
        ]
    )


def arms_of(n):
    return np.arange(n) % 3


def test_without_accrual_or_dropout_everybody_is_followed_to_the_horizon():
    protocol = protocol_with(enrolment={}, horizon_day=366.0)
    entry, last, dropped = follow_up(protocol, cohort_of(50))
    assert (entry == 0).all()
    assert (last == 366).all()
    assert not dropped.any()


def test_entry_is_even_over_accrual_and_ends_follow_up_early():
    protocol = protocol_with(enrolment={"accrual_day": 200.0}, horizon_day=500.0)
    entry, last, dropped = follow_up(protocol, cohort_of(1500))
    assert entry.min() >= 0
    assert entry.max() < 200
    assert entry.mean() == pytest.approx(100, abs=3 * 200 / np.sqrt(12 * 1500))
    assert last == pytest.approx(500 - entry)
    assert not dropped.any()


def test_dropout_has_its_rate_and_does_not_depend_on_the_cohort():
    protocol = protocol_with(enrolment={"dropout_per_year": 0.3}, horizon_day=730.5)
    _, last, dropped = follow_up(protocol, cohort_of(2000))
    lost = 1 - np.exp(-0.6)
    assert dropped.mean() == pytest.approx(lost, abs=3 * np.sqrt(lost * (1 - lost) / 2000))
    assert (last[~dropped] == 730.5).all()
    assert (last[dropped] < 730.5).all()
    assert np.array_equal(follow_up(protocol, cohort_of(20))[1], last[:20])


def test_an_event_before_the_end_of_follow_up_is_observed():
    protocol = protocol_with(enrolment={})
    found = allocated_adtte(pool_of(6, 100.0), protocol, cohort_of(6), arms_of(6))
    assert (found["AVAL"] == 100).all()
    assert found["EVENT"].all()
    assert (found["CNSR"] == 0).all()
    assert (found["EVNTDESC"] == "Death").all()
    assert found["TRT01P"].tolist() == [ARMS[k % 3] for k in range(6)]


def test_an_event_after_loss_to_follow_up_is_censored_there():
    protocol = protocol_with(enrolment={"dropout_per_year": 5.0}, horizon_day=366.0)
    cohort = cohort_of(60)
    _, last, dropped = follow_up(protocol, cohort)
    found = allocated_adtte(pool_of(60, 150.0), protocol, cohort, arms_of(60))
    by_patient = found.set_index("USUBJID").loc[[patient_id(k) for k in range(60)]]
    early = last < 150
    assert early.any()
    assert (~early).any()
    assert by_patient["AVAL"].to_numpy() == pytest.approx(np.minimum(last, 150))
    assert np.array_equal(by_patient["EVENT"].to_numpy(), ~early)
    told = by_patient["EVNTDESC"].to_numpy()
    assert (told[early & dropped] == "Lost to follow-up").all()
    assert (told[~early] == "Death").all()


def test_a_late_entrant_is_censored_at_the_cut():
    protocol = protocol_with(enrolment={"accrual_day": 300.0}, horizon_day=366.0)
    cohort = cohort_of(40)
    entry, _, _ = follow_up(protocol, cohort)
    found = allocated_adtte(pool_of(40, 200.0), protocol, cohort, arms_of(40))
    by_patient = found.set_index("USUBJID").loc[[patient_id(k) for k in range(40)]]
    late = 366 - entry < 200
    assert late.any()
    assert np.array_equal(by_patient["CNSR"].to_numpy() == 1, late)
    assert by_patient["AVAL"].to_numpy()[late] == pytest.approx(366 - entry[late])
    assert (by_patient["EVNTDESC"].to_numpy()[late] == "End of follow-up").all()


def test_death_censors_locoregional_control():
    pool = pool_of(3, 90.0, event=False, code="LRC", text="Death without the event")
    found = allocated_adtte(pool, protocol_with(enrolment={}), cohort_of(3), arms_of(3))
    assert (found["CNSR"] == 1).all()
    assert (found["AVAL"] == 90).all()
    assert (found["EVNTDESC"] == "Death without the event").all()


def test_a_patient_whose_simulation_failed_has_no_time():
    pool = pool_of(3, 90.0)
    pool.loc[(pool["USUBJID"] == patient_id(1)) & (pool["ARM"] == ARMS[1]), "AVAL"] = np.nan
    found = allocated_adtte(pool, protocol_with(enrolment={}), cohort_of(3), arms_of(3))
    assert sorted(found["USUBJID"]) == [patient_id(0), patient_id(2)]


def test_end_points_come_in_their_order_and_only_those_asked_for():
    pool = pd.concat([pool_of(2, 90.0, code=code) for code in ("DMFS", "PFS", "OS", "LRC")])
    protocol = protocol_with(enrolment={}, endpoints=["PFS", "OS"])
    found = allocated_adtte(pool, protocol, cohort_of(2), np.array([0, 1]))
    assert found["PARAMCD"].tolist() == ["OS", "OS", "PFS", "PFS"]


def test_occupancy_is_summarised_over_the_intensive_day():
    """A sawtooth from 1 to 0 each day: trough 0, mean and share above one half both a half."""
    days = np.arange(0, 20.0 + 1e-9, 1 / 48)
    level = np.mod(-days, 1.0)
    adpd = pd.DataFrame(
        {
            "USUBJID": "VP00001",
            "TRT01P": "plerixafor_daily",
            "PARAMCD": "OCCTUM",
            "ADY": days,
            "AVAL": level,
        }
    )
    found = occupancy_summary(adpd, "plerixafor_daily")
    assert found["trough_mean"] == pytest.approx(0.0, abs=1e-9)
    assert found["mean"] == pytest.approx(0.5, abs=0.02)
    assert found["hours_above_half_per_day"] == pytest.approx(12.0, abs=0.5)
    assert occupancy_summary(adpd, "control") is None


def test_pool_ratio_pairs_patients_and_leaves_out_those_that_failed():
    rng_days = np.linspace(50, 350, 40)
    pool = pool_of(40, 1.0)
    pool["AVAL"] = np.tile(rng_days, 3)
    pool.loc[pool["ARM"] == ARMS[1], "AVAL"] *= 2
    ratio, n = pool_ratio(pool, ARMS[0], ARMS[1], seed=1)
    assert n == 40
    assert ratio.hr == pytest.approx(0.5, rel=1e-6)
    same, _ = pool_ratio(pool, ARMS[0], ARMS[2], seed=1)
    assert same.hr == pytest.approx(1.0)
    pool.loc[(pool["ARM"] == ARMS[1]) & (pool["USUBJID"] == patient_id(0)), "AVAL"] = np.nan
    assert pool_ratio(pool, ARMS[0], ARMS[1], seed=1)[1] == 39


def test_reading_times_hold_visits_weeks_and_an_intensive_day():
    found = schedule_of(
        horizon_day=100.0, first_visit_day=42.0, visit_every_day=42.0, pharmacology_until_day=20.0
    )
    assert found.visits_day.tolist() == [0, 42, 84]
    assert set(found.visits_day) <= set(found.outcome_day)
    assert found.outcome_day[-1] == 100
    assert np.diff(found.outcome_day).max() <= 7
    intensive = found.pharmacology_day[
        (found.pharmacology_day >= 14) & (found.pharmacology_day <= 15)
    ]
    assert len(intensive) == 49
    assert found.pharmacology_day[-1] == 20
    none = schedule_of(
        horizon_day=100.0, first_visit_day=42.0, visit_every_day=42.0, pharmacology_until_day=0.0
    )
    assert len(none.pharmacology_day) == 0
    assert np.array_equal(none.times_day, none.outcome_day)


def test_an_operation_is_read_on_both_sides_and_followed_by_surveillance():
    about = {"horizon_day": 1500.0, "first_visit_day": 70.0, "visit_every_day": 50.0}
    usual = schedule_of(**about, pharmacology_until_day=0.0, surgery_days=(77.0,))
    assert {76.75, 77.25} <= set(usual.outcome_day)
    assert usual.visits_day[:4].tolist() == [0.0, 70.0, 120.0, 170.0]
    watched = schedule_of(
        **about, pharmacology_until_day=0.0, surgery_days=(14.0, 77.0), surveillance=True
    )
    assert {13.75, 14.25, 76.75, 77.25} <= set(watched.outcome_day)
    gaps = np.diff(watched.visits_day[2:])
    # Three-monthly for two years after the last operation, then six-monthly.
    assert watched.visits_day[:3].tolist() == [0.0, 70.0, 77.0 + 91.0]
    assert gaps.tolist() == [91.0] * 7 + [182.0] * 3
    assert watched.visits_day[-1] <= 1500.0


def test_deaths_are_counted_by_cause():
    rows = pool_of(3, 100.0, text="Death: disease")
    rows.loc[0, "EVNTDESC"] = "Death: treatment"
    counted = deaths_by_cause(rows[rows["ARM"] == ARMS[0]])
    assert counted == {"disease": 2, "treatment": 1, "other": 0}


def test_the_small_protocol_is_valid_and_reads_back():
    protocol = small_protocol()
    again = type(protocol).model_validate(protocol.canonical())
    assert again.sha256 == protocol.sha256
    assert protocol.n_patient == 9
