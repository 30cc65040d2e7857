"""The misfit of a problem, against an evaluation by another way, and its derivatives."""

from dataclasses import replace

import numpy as np
import pytest

from cxaxis.cell.course import Phase, dish, run_phases
from cxaxis.inference.objective import Objective
from cxaxis.inference.search import Start, search
from cxaxis.knowledge.cell_contexts import cell_context
from cxaxis.knowledge.parameters import load_parameters
from inference_support import FREE, READOUT, small_problem, small_tables


@pytest.fixture(scope="module")
def objective(tmp_path_factory) -> Objective:
    return small_problem(tmp_path_factory.mktemp("small"))


def _by_hand(values: dict[str, float], factor: float) -> dict[str, float]:
    """Return each point as the bench gives it, without the problem's files."""
    found = {}
    for point in small_tables().points.values():
        cells = dish(cell_context(point.context), values=values)
        phase = Phase(
            times_s=(point.time_min * 60.0,),
            add_nM={"cxcl12": point.cxcl12_nM},
            settings={"k_loss_cxcl12": 0.0},
        )
        course = run_phases(cells, (phase,), ("arrestin_ackr3",))
        found[point.id] = factor * float(course.of("arrestin_ackr3")[0])
    return found


def test_the_problem_says_what_the_bench_says(objective):
    place = objective.start + np.array([0.3, -0.4, 0.2, 0.0])
    rows = load_parameters()
    values = {name: objective.unknowns[k].value(float(place[k])) for k, name in enumerate(FREE)}
    factor = objective.unknowns[3].value(float(place[3]))
    expected = _by_hand(values, factor)
    assert {rows[name].unit for name in FREE} == {"nM", "1/s"}
    for name, value in zip(objective.point_ids, objective.predicted(place), strict=True):
        assert value == pytest.approx(expected[name], rel=1e-5)


def test_residuals_are_logarithms_over_sd_and_then_the_priors(objective):
    place = objective.scaled_start(objective.start + np.array([0.5, 0.0, -0.5, 0.0]))
    points = small_tables().points
    model = dict(zip(objective.point_ids, objective.predicted(place), strict=True))
    expected = [
        np.log(points[name].value / model[name]) / points[name].sd for name in objective.point_ids
    ]
    residuals = objective.residuals(place)
    assert residuals[: len(expected)] == pytest.approx(expected, rel=1e-6)
    assert residuals[len(expected) :] == pytest.approx(place[:3])


def test_petab_computes_the_same_misfit(objective, tmp_path):
    import pandas as pd
    from petab.v2 import Problem
    from petab.v2.calculate import calculate_llh

    small_problem(tmp_path)
    problem = Problem.from_yaml(tmp_path / "problem.yaml")
    place = objective.scaled_start(objective.start)
    model = dict(zip(objective.point_ids, objective.predicted(place), strict=True))
    simulated = problem.measurement_df.copy()
    simulated["simulation"] = [model[name] for name in simulated["datasetId"]]
    by_petab = calculate_llh(
        problem.measurement_df,
        simulated.drop(columns="measurement"),
        problem.observable_df,
        problem.parameter_df,
    )
    measured = np.array([row.value for row in small_tables().points.values()])
    sd = np.array([row.sd for row in small_tables().points.values()])
    n_point = len(objective.point_ids)
    misfit = float((objective.residuals(place)[:n_point] ** 2).sum())
    # The density of a log-normal reading holds its own value, a constant of the search.
    constant = float(np.log(sd * measured * np.sqrt(2.0 * np.pi)).sum())
    assert isinstance(simulated, pd.DataFrame)
    assert by_petab == pytest.approx(-0.5 * misfit - constant, rel=1e-6)


def test_derivatives_agree_with_wider_differences(objective):
    place = objective.scaled_start(objective.start)
    matrix = objective.jacobian(place, central=True)
    for k in range(place.size):
        step = np.zeros(place.size)
        step[k] = 0.05
        wide = (objective.residuals(place + step) - objective.residuals(place - step)) / 0.1
        assert matrix[:, k] == pytest.approx(wide, abs=0.02 * np.abs(wide).max())


def test_a_free_factor_starts_at_its_best(objective):
    place = objective.scaled_start(objective.start)
    misfit = (objective.residuals(place) ** 2).sum()
    for shift in (-0.01, 0.01):
        moved = place.copy()
        moved[3] += shift
        assert (objective.residuals(moved) ** 2).sum() > misfit
    assert objective.unknowns[3].id == f"scale_{READOUT}"


def test_known_parameters_are_recovered_from_what_they_give(objective):
    truth = objective.start + np.array([0.8, -0.6, 0.5, 0.0])
    truth = replace(objective, noise_sd=objective.noise_sd * 1e-3).scaled_start(truth)
    made = replace(
        objective,
        measured=objective.predicted(truth),
        noise_sd=np.full(objective.noise_sd.size, 1e-3),
    )
    found = search(made, Start(name="table", place=objective.start))
    for k in range(3):
        assert found.place[k] == pytest.approx(truth[k], abs=0.02)
    assert found.misfit < 0.01 * found.misfit_at_start
