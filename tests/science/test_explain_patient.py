"""One patient from methylation to outcome: what treatment changes along the way, and what not."""

from functools import cache

import numpy as np

from cxaxis.knowledge.checks import read_knowledge
from cxaxis.models.build import build
from cxaxis.report.explain_patient import HORIZON_DAY, screened_patient, walk, walk_path

PATIENT = 16


@cache
def walked():
    knowledge = read_knowledge()[0]
    model = build("patient", knowledge.parameters)
    cohort = screened_patient(PATIENT, model, knowledge)
    return walk(cohort, model, walk_path(model), knowledge)


def along(name):
    found = walked()
    k = found.path.index(name)
    return found.at_diagnosis[k], found.untreated[k], found.treated[k]


def test_treatment_leaves_the_genes_marks_as_they_are():
    start, untreated, treated = along("methylation_cxcr4")
    assert np.allclose(untreated, start)
    assert np.allclose(treated, start)


def test_the_antagonist_takes_free_receptor_while_it_is_given_and_not_a_year_on():
    start, untreated, treated = along("tumour_cxcr4")
    assert treated[0] < 0.6 * untreated[0]
    assert 0.7 * start < treated[1] < 1.5 * start


def test_a_treated_tumour_is_smaller_and_hazard_only_grows():
    _, untreated, treated = along("tumour_log")
    assert (treated < untreated).all()
    start, untreated, treated = along("death_hazard")
    assert start == 0.0
    assert 0.0 < untreated[0] < untreated[1]
    assert 0.0 < treated[0] < treated[1]


def test_death_comes_within_the_horizon_or_not_at_all():
    assert all(0.0 < day <= HORIZON_DAY or np.isinf(day) for day in walked().death_day)
