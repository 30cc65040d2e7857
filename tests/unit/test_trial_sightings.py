"""From outputs to events: hand-made courses of patients who are operated on, relapse and die."""

import numpy as np
import pytest

from cxaxis.cohort.laboratory import Laboratory
from cxaxis.cohort.population import central_theta
from cxaxis.core.errors import ModelValueError
from cxaxis.knowledge.parameters import load_parameters
from cxaxis.patient.readouts import cells_of_diameter
from cxaxis.trial.events import event_days
from cxaxis.trial.sightings import (
    BURDEN,
    HAZARD_OUTPUTS,
    LESION_ORGANS,
    LESIONS,
    NODES,
    OPERATION,
    Sighting,
    assessments,
    controlled,
    course_of,
    death_days,
    operation,
    operation_reading_days,
    specimens,
)

THETA = central_theta(load_parameters())
PER_ML = 1e8
SURGERY_DAY = 77.0
VISITS = np.array([0.0, 70.0, 161.0, 252.0])
TIMES = np.union1d(VISITS, [*operation_reading_days(SURGERY_DAY), 365.0])
NEVER = np.inf


def cells(diameter_mm):
    return cells_of_diameter(np.asarray(diameter_mm, dtype=float), cells_per_mL=PER_ML)


def sighting(n=1, **outputs):
    """Outputs that are 0 but for those given, each broadcast over patients and times."""
    names = (*BURDEN, *HAZARD_OUTPUTS, *OPERATION)
    shape = (n, len(TIMES))
    return Sighting(
        times_day=TIMES,
        outputs={name: np.broadcast_to(outputs.get(name, 0.0), shape) for name in names},
        cells_per_mL=np.full(n, PER_ML),
        laboratory=Laboratory(theta=THETA, patients=range(n), seed=3),
    )


def resected(primary_mm=40.0, left=0.0, **outputs):
    """A patient whose primary goes at the operation, down to ``left`` cells."""
    after = TIMES > SURGERY_DAY
    return sighting(
        tumour_cells=np.where(after, left, cells(primary_mm)),
        operated=np.where(after, 1.0, 0.0),
        **outputs,
    )


def test_every_lesion_has_an_organ():
    assert len(LESIONS) == len(LESION_ORGANS)
    for name, organ in zip(LESIONS[1:], LESION_ORGANS[1:], strict=True):
        assert name.startswith(organ)


def test_sizes_are_diameters_and_a_node_keeps_its_own():
    sizes = sighting(tumour_cells=cells(40.0), liver_1_cells=cells(12.0)).sizes_mm(VISITS)
    by_name = dict(zip(LESIONS, sizes[0, :, 0], strict=True))
    assert by_name["primary"] == pytest.approx(40.0)
    assert by_name["liver_1"] == pytest.approx(12.0)
    assert by_name["node_1"] == pytest.approx(THETA["node_short_axis_at_rest"])


def test_founders_beyond_the_slots_are_seen_but_are_no_target():
    grows = sighting(
        tumour_cells=cells(40.0), node_aggregate_cells=np.where(TIMES >= 161.0, cells(30.0), 0.0)
    )
    _, seen = assessments(grows, VISITS, noise=0.0)
    assert seen.locoregional[0].tolist() == [False, False, True, True]
    large = sighting(tumour_cells=cells(40.0), node_aggregate_cells=cells(60.0))
    _, seen = assessments(large, VISITS, noise=0.0)
    assert np.array(LESIONS)[seen.targets[0]].tolist() == ["primary"]


def test_killed_cells_count_until_they_are_cleared():
    found = sighting(killed_cells=cells(30.0)).sizes_mm(VISITS)
    assert found[0, 0] == pytest.approx(np.full(4, 30.0))


def test_a_day_that_was_not_read_is_refused():
    with pytest.raises(ModelValueError, match="day 71 was not read"):
        sighting().read("tumour_cells", 71.0)


def test_without_noise_readings_are_true_and_with_it_they_scatter():
    steady = sighting(n=200, tumour_cells=cells(40.0))
    _, true = assessments(steady, VISITS, noise=0.0)
    _, read = assessments(steady, VISITS)
    assert true.sum_mm == pytest.approx(np.full((200, 4), 40.0))
    assert np.log(read.sum_mm / 40.0).std() == pytest.approx(THETA["recist_reading_noise"], rel=0.1)


def test_death_is_where_the_hazards_together_pass_the_draw_and_has_a_cause():
    seen = sighting(n=2, disease_hazard=TIMES / 365.0, background_hazard=0.0)
    day, cause = death_days(seen, np.array([0.5, 2.0]))
    assert day[0] == pytest.approx(182.5)
    assert day[1] == NEVER
    assert cause.tolist() == ["disease", ""]


def test_an_operative_death_is_of_treatment():
    seen = sighting(operative_hazard=np.where(TIMES > SURGERY_DAY, 0.03, 0.0))
    day, cause = death_days(seen, np.array([0.01]))
    assert abs(day[0] - SURGERY_DAY) < 0.25
    assert cause.tolist() == ["treatment"]


def test_a_whole_resection_is_event_free_until_recurrence():
    node = np.where(TIMES >= 252.0, cells(14.0), 0.0)
    seen = resected(node_1_cells=node)
    course = course_of(seen, VISITS, np.array([NEVER]), surgery_day=SURGERY_DAY, noise=0.0)
    found = event_days(course)
    assert course.surgery.cleared.all()
    assert [found[code][0] for code in ("EFS", "DFS", "PFS", "LRC")] == [252.0] * 4
    assert found["DMFS"][0] == NEVER


def test_resection_is_no_response_and_no_progression():
    course = course_of(resected(), VISITS, np.array([NEVER]), surgery_day=SURGERY_DAY, noise=0.0)
    assert not course.after_surgery.progressed.any()
    assert set(course.after_surgery.response[0]) == {"NED"}
    assert event_days(course)["EFS"][0] == NEVER


def test_cells_left_behind_are_an_event_and_no_disease_free_survival():
    course = course_of(
        resected(left=1e7), VISITS, np.array([NEVER]), surgery_day=SURGERY_DAY, noise=0.0
    )
    found = event_days(course)
    assert found["EFS"][0] == SURGERY_DAY
    assert np.isnan(found["DFS"][0])


def test_who_dies_before_the_operation_is_not_operated_on():
    done = operation(resected(), SURGERY_DAY, np.array([50.0]))
    assert not done.operated.any()
    assert operation(resected(), SURGERY_DAY, np.array([SURGERY_DAY + 0.1])).operated.all()


def test_the_specimen_is_of_the_tumour_before_the_operation():
    report = specimens(
        resected(left=1e7),
        SURGERY_DAY,
        dissected=np.ones((1, len(NODES)), dtype=bool),
        examined_spread=0.3,
    )
    assert report.residual_found.all()
    assert report.residual_share[0] == pytest.approx(1.0)
    assert report.margin.tolist() == ["R1"]


def test_control_is_read_from_clonogens_not_from_scans():
    gone = sighting()
    assert controlled(gone, 365.0).all()
    assert not controlled(sighting(bone_aggregate_cells=1e6), 365.0).any()
    assert controlled(sighting(bone_aggregate_cells=1.0), 365.0).all()
    hidden = sighting(liver_2_present=1.0)
    assert not controlled(hidden, 365.0).any()
    _, seen = assessments(hidden, VISITS, noise=0.0)
    assert not seen.progressed.any()
