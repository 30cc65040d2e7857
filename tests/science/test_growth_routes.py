"""The four routes by which CXCR4 makes a primary grow: are they all, and what does each do?"""

from __future__ import annotations

from functools import cache
from itertools import chain, combinations

import numpy as np
import pytest
from tests.science_support import parameters_with, patient_model, run

from cxaxis.cohort.population import central_theta, typical_patient
from cxaxis.core.errors import ModelValueError
from cxaxis.engine.population import PopulationEngine
from cxaxis.engine.protocol import ParameterTable
from cxaxis.patient.course import to_diagnosis
from cxaxis.patient.grafts import VOLUME, Line, settled_grafts, volumes_mm3, with_cxcr4
from cxaxis.patient.growth_routes import (
    CHOICES,
    ROUTES,
    RouteFactorial,
    cut_routes,
    hearing,
    route_factorial,
)

ENGINE = PopulationEngine()
HUMAN_DAY = 90.0
MOUSE_DAY = 28.0


@cache
def human() -> ParameterTable:
    patient = typical_patient(patient_model(), central_theta(parameters_with()))
    return to_diagnosis(patient_model(), patient, ENGINE).patients


@cache
def mouse(*, immune_competent: bool = False) -> ParameterTable:
    line = Line(immune_competent=immune_competent)
    theta = central_theta(parameters_with())
    return settled_grafts(patient_model(), [theta], ENGINE, line=line).table


@cache
def in_the_patient() -> RouteFactorial:
    return route_factorial(patient_model(), human(), ENGINE, day=HUMAN_DAY)


@cache
def in_the_mouse(*, immune_competent: bool = False) -> RouteFactorial:
    grafts = mouse(immune_competent=immune_competent)
    return route_factorial(patient_model(), grafts, ENGINE, day=MOUSE_DAY)


@pytest.mark.parametrize("factorial", [in_the_patient, in_the_mouse])
def test_a_tumour_without_cxcr4_grows_as_the_intact_one_if_no_route_hears_of_it(factorial):
    # Else CXCR4 would act by a fifth route.
    np.testing.assert_allclose(factorial().left_over, 1.0, atol=0.01)


@pytest.mark.parametrize(
    ("factorial", "tumour", "day"),
    [(in_the_patient, human, HUMAN_DAY), (in_the_mouse, mouse, MOUSE_DAY)],
)
def test_all_four_routes_cut_is_the_tumour_without_the_axis(factorial, tumour, day):
    intact = tumour().with_columns(phi=1.0, control_draw=1e-300)
    volume = [
        volumes_mm3(run(patient_model(), table, [day], VOLUME), table)[0, -1]
        for table in (intact, with_cxcr4(intact, 0.0))
    ]
    assert factorial().axis_free[0] == pytest.approx(volume[1] / volume[0], rel=0.01)
    assert factorial().axis_free[0] < 0.9


def test_division_vessels_and_immune_cells_each_lose_volume_in_the_patient():
    found = in_the_patient()
    for route in ("division", "vessels", "immunity"):
        assert found.effect(route)[0] < -0.005, route
    # Stem-like cells divide as others do: what they change is treatment and spread.
    assert abs(found.effect("stemness")[0]) < 0.02


def test_a_nude_mouse_has_no_immune_route_and_one_with_t_cells_has():
    nude = in_the_mouse()
    assert all(effect[0] == 0.0 for routes, effect in nude.effects() if "immunity" in routes)
    assert in_the_mouse(immune_competent=True).effect("immunity")[0] < -0.05
    assert nude.effect("division")[0] < -0.3


def test_effects_add_up_to_every_choice_of_routes():
    found = in_the_patient()
    mean = found.log_volume.mean(axis=0)
    every = list(chain.from_iterable(combinations(ROUTES, n) for n in range(1, 5)))
    for k, choice in enumerate(CHOICES):
        cut = dict(zip(ROUTES, choice, strict=True))
        added = sum(
            np.prod([1.0 if cut[name] else -1.0 for name in routes]) * found.effect(*routes) / 2
            for routes in every
        )
        np.testing.assert_allclose(mean + added, found.log_volume[k], atol=1e-12)
    assert len(found.to_frame()) == len(every)


def test_choices_are_named_by_what_is_cut():
    assert hearing(CHOICES[0]) == "none"
    assert hearing(CHOICES[-1]) == " + ".join(ROUTES)
    found = in_the_patient()
    assert found.log_ratio(*ROUTES) == pytest.approx(found.log_volume[-1])
    with pytest.raises(ModelValueError, match="division"):
        cut_routes(human(), {}, ["divison"])
