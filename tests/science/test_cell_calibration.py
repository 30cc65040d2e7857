"""What the calibration of the cell left behind, held against the model as it is."""

import math

import numpy as np
import pytest

from cxaxis.cell.course import dish
from cxaxis.cell.observations import is_inside, measure
from cxaxis.inference.cell_petab import generated_folder, problem_file
from cxaxis.inference.fit_files import CellCalibration, load_calibration
from cxaxis.inference.objective import Objective, load_objective
from cxaxis.inference.uncertainty import NOT_LEARNED
from cxaxis.knowledge.cell_contexts import cell_context
from cxaxis.knowledge.cell_fit import load_cell_fit
from cxaxis.knowledge.cell_observations import load_cell_observations
from cxaxis.knowledge.parameters import load_parameters
from cxaxis.knowledge.posteriors import load_cell_posterior


@pytest.fixture(scope="module")
def fit() -> CellCalibration:
    return load_calibration(generated_folder())


@pytest.fixture(scope="module")
def objective() -> Objective:
    return load_objective(problem_file())


def test_the_table_holds_the_best_values(fit):
    rows = load_parameters()
    for item in fit.parameters:
        assert rows[item.id].value == pytest.approx(item.value, rel=1e-6), item.id
        assert "docs/calibration.md" in rows[item.id].note


def test_the_model_still_says_what_it_said_when_fitted(fit, objective):
    n_point = len(objective.point_ids)
    residuals = objective.residuals(objective.start)[:n_point]
    expected = [item.residual for item in fit.points]
    assert list(objective.point_ids) == [item.id for item in fit.points]
    assert residuals == pytest.approx(expected, abs=0.03)


def test_the_best_place_is_a_best_place(fit, objective):
    # No parameter alone, with the free factors at their best, lowers the misfit noticeably.
    base = float((objective.residuals(objective.start) ** 2).sum())
    for k in objective.with_prior[::7]:
        for step in (-0.2, 0.2):
            moved = objective.start.copy()
            moved[k] += step
            moved = objective.scaled_start(moved)
            assert float((objective.residuals(moved) ** 2).sum()) > base - 0.3, objective.unknowns[
                k
            ]


def test_the_points_are_met_as_well_as_their_errors_allow(fit):
    # Chi-squared: points less what their free factors take up.
    free = sum(readout.scaled for readout in load_cell_fit().readouts.values())
    misfit = sum(item.residual**2 for item in fit.points)
    assert misfit < len(fit.points) - free
    assert max(abs(item.residual) for item in fit.points) < 3.0


def test_the_draws_are_of_the_posterior(fit):
    draws = load_cell_posterior()
    assert len(draws) >= 60
    logs = np.log([[values[item.id] for item in fit.parameters] for values in draws.values()])
    for k, item in enumerate(fit.parameters):
        # Four standard errors of a mean of sixty draws.
        off = (logs[:, k].mean() - math.log(item.value)) / item.draw_sd
        assert abs(off) < 4.0 / math.sqrt(len(draws)) + 0.5, item.id
        assert logs[:, k].std(ddof=1) == pytest.approx(item.draw_sd, rel=1e-3), item.id
    # The draws are known to be narrower than the curvature, and the page says by how much.
    shares = [item.draw_sd / item.laplace_sd for item in fit.parameters]
    assert 0.65 < float(np.median(shares)) < 1.1
    assert min(shares) > 0.4
    assert max(shares) < 1.6


def test_what_was_not_learned_is_said_to_be_so(fit):
    for item in fit.parameters:
        assert item.is_learned == (item.laplace_sd / item.prior_sd <= NOT_LEARNED)
    assert any(item.identifiable == "yes" for item in fit.parameters)
    for item in fit.parameters:
        # The points cannot hold what they taught nothing about.
        if item.identifiable == "yes":
            assert item.is_learned, item.id


def test_every_observation_that_was_not_held_out_is_inside_at_the_best_values(fit):
    rows = load_cell_observations()
    known = {item.id: item for item in fit.features}
    for row in rows.values():
        if row.role != "held_out" and row.id in known:
            assert row.low <= known[row.id].value <= row.high, row.id


def test_migration_has_an_optimum_within_the_doses_in_nearly_every_draw(fit):
    rows = load_cell_observations()
    found = [item for item in fit.features if rows[item.id].feature == "optimum_dose"]
    assert found, "the table of observations has no row on the optimum of migration"
    for item in found:
        # No value is read where the answer rises to the last dose or falls from the first.
        assert item.share_read >= 0.95, item.id


def test_the_first_draws_read_as_they_did(fit):
    rows = [
        row
        for row in load_cell_observations().values()
        if row.feature in {"optimum_dose", "peak_fold", "peak_time"}
    ]
    values = load_cell_posterior()[0]
    found = measure(lambda context: dish(cell_context(context), values=values), rows)
    tables = {item.id: item for item in fit.features}
    read = [row for row in rows if row.id in tables]
    inside = sum(is_inside(row, found[row.id]) for row in read)
    assert inside >= 0.75 * len(read)
