"""Treated patients of the page of outcomes: what must hold whatever the numbers come to."""

from functools import cache

import numpy as np

from cxaxis.report.outcomes import DOSES, outcomes
from cxaxis.runs.progress import NullProgress
from science_support import parameters_with


@cache
def found():
    return outcomes(parameters_with(), 48, NullProgress(), seed=21)


def test_more_radiation_leaves_fewer_patients_with_residual_tumour():
    arms = [found().by_dose[name] for name in DOSES]
    done = np.logical_and.reduce([arm.operated for arm in arms])
    assert done.sum() > 20
    clear = [int(arm.complete_response[done].sum()) for arm in arms]
    assert clear == sorted(clear)
    assert clear[-1] > clear[0]


def test_a_trial_of_operations_enrols_no_distant_disease():
    stages = found().found.stage
    assert len(found().surgery.operated) == np.isin(stages, ("II", "III")).sum()
    assert len(found().palliative.death_day) == (stages == "IVB").sum()


def test_recurrence_is_seen_after_the_operation_and_before_death():
    for arm in (found().surgery, found().by_dose[DOSES[0]]):
        recurred = np.isfinite(arm.recurrence_day)
        assert 0 < recurred.sum() < len(recurred)
        assert (arm.recurrence_day[recurred] > 14).all()
        assert (arm.recurrence_day[recurred] < arm.death_day[recurred]).all()


def test_whoever_has_a_clonogen_left_recurs_far_more_often():
    arm = found().by_dose[DOSES[0]]
    recurred = np.isfinite(arm.recurrence_day)[arm.operated]
    cleared = arm.cleared[arm.operated]
    assert recurred[cleared].mean() < 0.1 * recurred[~cleared].mean()


def test_every_patient_of_the_series_has_a_twin():
    read_outs = found().read_outs
    n = {item.n for item in read_outs.values()}
    assert n == {2 * len(found().definitive.death_day)}
    assert abs(read_outs["bulk"].n_high - n.pop() // 2) <= 1
