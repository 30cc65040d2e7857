"""Screening: a test finds what is above its threshold, and earlier the lower that is."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from cxaxis.core.errors import ModelValueError
from cxaxis.trial import screening_study
from cxaxis.trial.screening_study import Growth, screening_tables

YEAR = 365.25


@pytest.fixture
def grown():
    """Tumours that double their diameter evenly; serum of the ill as that of the others."""
    share = np.linspace(0.0, 1.0, 33)
    level = np.linspace(1.0, 3.0, 200)
    return Growth(
        diagnosis_day=np.full(200, 4 * YEAR),
        share=share,
        serum=np.tile(level[:, None], (1, 33)),
        diameter_mm=np.tile(40.0 * 2.0 ** (8 * (share - 1.0)), (200, 1)),
        serum_free=level,
        noise=0.15,
    )


def _row(monkeypatch, grown, test, **options):
    monkeypatch.setattr(screening_study, "growth", lambda *_args, **_more: grown)
    frame = screening_tables(200, seed=1, **options)["screening"].set_index("TEST")
    return frame.loc[test]


def test_serum_that_does_not_change_flags_as_many_of_the_ill_as_of_the_others(monkeypatch, grown):
    row = _row(monkeypatch, grown, "CXCL12 in serum")
    # The threshold is the 95 % quantile: one in twenty, with chance of 200 readings.
    assert row["SPEC"] == pytest.approx(0.95, abs=0.05)
    assert row["SENS"] == pytest.approx(1.0 - row["SPEC"], abs=0.07)
    assert "CLI065 (held_out)" in row["NOTE"]


def test_serum_of_which_tumours_make_much_finds_everybody(monkeypatch, grown):
    rising = replace(grown, serum=grown.serum * (1.0 + 50.0 * grown.share))
    row = _row(monkeypatch, rising, "CXCL12 in serum")
    assert row["SENS"] == row["FOUND"] == 1.0
    assert row["SPEC"] == pytest.approx(0.95, abs=0.05)


def test_lead_time_is_the_growth_from_the_threshold_to_diagnosis(monkeypatch, grown):
    # From 20 to 40 mm is one of eight doublings in four years: half a year, less half an interval.
    row = _row(monkeypatch, grown, "PET", every_day=10.0, pet_mm=20.0)
    assert row["SENS"] == row["SPEC"] == row["FOUND"] == 1.0
    assert row["LEAD"] == pytest.approx(YEAR / 2 - 5.0, abs=5.0)
    later = _row(monkeypatch, grown, "PET", every_day=10.0, pet_mm=30.0)
    assert later["LEAD"] < row["LEAD"]


def test_rare_tests_find_fewer(monkeypatch, grown):
    often = _row(monkeypatch, grown, "PET", every_day=90.0, pet_mm=20.0)
    rarely = _row(monkeypatch, grown, "PET", every_day=2 * YEAR, pet_mm=20.0)
    assert rarely["FOUND"] < often["FOUND"]
    # Half a year out of two.
    assert rarely["FOUND"] == pytest.approx(0.25, abs=0.1)


def test_too_small_to_be_diagnosed_by_it_is_found_by_nobody(monkeypatch, grown):
    row = _row(monkeypatch, grown, "PET", pet_mm=41.0)
    assert row["SENS"] == row["FOUND"] == 0.0
    assert np.isnan(row["LEAD"])


def test_few_people_are_refused():
    with pytest.raises(ModelValueError, match="20 people"):
        screening_tables(19, seed=1)


def test_virtual_people_start_healthy_and_end_at_diagnosis():
    found = screening_study.growth(6, seed=2)
    assert np.all(np.diff(found.diameter_mm, axis=1) > -1e-6)
    # The course starts with a first focus of some millimetres, the same in everybody.
    assert np.ptp(found.diameter_mm[:, 0]) < 2.0
    assert np.all(found.diameter_mm[:, 0] < 5.0)
    assert np.all(found.diameter_mm[:, -1] > 10.0)
    assert np.all(found.diagnosis_day > 30.0)
    # The first focus makes nothing that blood could show: the ill start as the others are.
    assert np.median(found.serum[:, 0]) == pytest.approx(np.median(found.serum_free), rel=0.35)
