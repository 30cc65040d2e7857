"""RECIST 1.1 on hand-made courses: targets, responses, progression, readers and visits."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cxaxis.core.errors import ModelValueError
from cxaxis.patient.recist import (
    Lesions,
    assess,
    best_overall_response,
    choose_targets,
    node_short_axis_mm,
    read_sizes,
    reading_errors,
    seen_between,
    surveillance_days,
)


def lesions(*rows, organs):
    """One patient's lesions, each a list of visits."""
    return Lesions(size_mm=np.array([rows], dtype=float), organs=tuple(organs))


def one(primary, *others, organs=()):
    """Assess one patient with a primary and other lesions, each a list of visits."""
    return assess(lesions(primary, *others, organs=("primary", *organs)))


def targets(**sizes):
    """Return the names of the targets among lesions written ``organ_number=size``."""
    names = list(sizes)
    found = choose_targets(
        lesions(*[[size] for size in sizes.values()], organs=[n.rsplit("_", 1)[0] for n in names])
    )
    return {name for name, taken in zip(names, found[0], strict=True) if taken}


def test_targets_are_the_largest_two_of_each_organ():
    found = targets(primary_1=40, liver_1=11, liver_2=30, liver_3=20, lung_1=12)
    assert found == {"primary_1", "liver_2", "liver_3", "lung_1"}


def test_there_are_at_most_five_targets():
    found = targets(
        primary_1=40, liver_1=30, liver_2=29, lung_1=28, lung_2=27, bone_1=26, node_1=25
    )
    assert found == {"primary_1", "liver_1", "liver_2", "lung_1", "lung_2"}


def test_a_lesion_is_measurable_from_10_mm_and_a_node_from_15():
    assert targets(primary_1=10, liver_1=9.9, node_1=15, node_2=14.9) == {"primary_1", "node_1"}


def test_a_shrinking_tumour_is_stable_then_partial_then_complete_response():
    seen = one([50, 40, 35, 20, 4])
    assert seen.response[0].tolist() == ["SD", "SD", "PR", "PR", "CR"]
    assert seen.sum_mm[0].tolist() == [50, 40, 35, 20, 0]
    assert not seen.progressed.any()


def test_progression_counts_from_the_smallest_sum_and_stays():
    seen = one([50, 20, 23, 26, 18])
    assert seen.response[0].tolist() == ["SD", "PR", "PR", "PD", "PD"]
    assert seen.locoregional[0].tolist() == [False, False, False, True, True]
    assert not seen.distant.any()


def test_a_fifth_is_not_enough_below_five_millimetres():
    assert not one([15, 12, 16.9]).progressed.any()
    assert one([15, 12, 17]).progressed[0].tolist() == [False, False, True]


def test_five_millimetres_are_not_enough_below_a_fifth():
    assert not one([60, 60, 71.9]).progressed.any()
    assert one([60, 60, 72]).progressed[0, 2]


def test_regrowth_after_complete_response_is_progression():
    assert one([40, 0, 4, 9]).progressed[0].tolist() == [False, False, False, True]


def test_complete_response_needs_nodes_below_10_mm_not_their_absence():
    seen = one([40, 0, 0], [20, 10, 9.9], organs=["node"])
    assert seen.response[0].tolist() == ["SD", "PR", "CR"]


def test_a_node_that_is_no_target_can_hold_up_a_complete_response():
    seen = one([40, 0, 0], [12, 12, 9], organs=["node"])
    assert seen.targets[0].tolist() == [True, False]
    assert seen.response[0].tolist() == ["SD", "PR", "CR"]


def test_other_lesions_progress_only_when_the_whole_burden_has_grown():
    organs = ["liver"] * 3
    responding = one([80, 40], [30, 15], [25, 12], [12, 18], organs=organs)
    assert not responding.progressed.any()
    steady = one([10, 10], [30, 30], [25, 25], [12, 40], organs=organs)
    assert steady.progressed[0].tolist() == [False, True]


def test_a_new_distant_lesion_is_progression_from_ten_millimetres():
    seen = one([40, 20, 0, 0], [0, 4, 9.9, 10], organs=["liver"])
    assert seen.distant[0].tolist() == [False, False, False, True]
    assert seen.response[0].tolist() == ["SD", "PR", "CR", "PD"]
    assert not seen.locoregional.any()


def test_a_lesion_seen_at_baseline_is_not_new():
    seen = one([40, 40, 40], [9, 9.5, 11], organs=["liver"])
    assert not seen.new_lesion.any()
    assert not seen.progressed.any()


def test_a_node_is_new_when_it_has_clearly_swollen():
    assert one([40, 40], [5, 10], organs=["node"]).locoregional[0].tolist() == [False, True]
    # The edge of normal is no new disease: a reader may write 9.8 and then 10.1 of one node.
    assert not one([40, 40], [9.8, 10.1], organs=["node"]).progressed.any()


def test_growth_of_known_metastases_is_distant_progression():
    seen = one([40, 40], [30, 60], organs=["lung"])
    assert seen.distant[0].tolist() == [False, True]
    assert not seen.locoregional.any()


def test_a_patient_without_disease_has_none_until_a_lesion_comes():
    seen = one([0, 0, 0], [5, 5, 12], organs=["node"])
    assert seen.response[0].tolist() == ["NED", "NED", "PD"]
    assert seen.locoregional[0].tolist() == [False, False, True]


def test_patients_are_assessed_apart():
    size = np.zeros((2, 3, 2))
    size[:, 0] = [[50.0, 20.0], [20.0, 50.0]]
    seen = assess(Lesions(size_mm=size, organs=("primary", "node", "liver")))
    assert seen.response.tolist() == [["SD", "PR"], ["SD", "PD"]]


def test_sizes_and_organs_must_match():
    with pytest.raises(ModelValueError, match="2 organs are named"):
        Lesions(size_mm=np.zeros((1, 3, 2)), organs=("primary", "node"))


@given(
    sizes=st.lists(st.lists(st.floats(0, 120), min_size=4, max_size=4), min_size=3, max_size=8),
    factor=st.floats(1.0, 1.5),
)
def test_a_course_that_grows_in_step_never_responds_and_one_that_shrinks_never_progresses(
    sizes, factor
):
    first = np.array([row[0] for row in sizes])
    organs = ("primary", "node", "liver", "lung", "bone", "liver", "node", "lung")
    scale = factor ** np.arange(4)
    grows = Lesions(
        size_mm=first[None, :, None] * scale[None, None, :], organs=organs[: len(first)]
    )
    shrinks = Lesions(
        size_mm=first[None, :, None] / scale[None, None, :], organs=organs[: len(first)]
    )
    assert set(np.unique(assess(grows).response)) <= {"SD", "PD", "NED"}
    assert not assess(shrinks).progressed.any()


def test_the_best_response_comes_before_progression():
    visits = np.array([0.0, 42.0, 84.0, 126.0])
    rows = np.array(
        [
            ["SD", "PR", "CR", "PD"],
            ["SD", "PR", "SD", "SD"],
            ["SD", "SD", "PD", "PD"],
            ["SD", "PD", "PD", "PD"],
            ["NED", "NED", "PD", "PD"],
        ]
    )
    best = best_overall_response(rows, visits)
    assert best.tolist() == ["CR", "PR", "SD", "PD", "NED"]
    confirmed = best_overall_response(rows, visits, confirmed=True)
    assert confirmed.tolist() == ["PR", "SD", "SD", "PD", "NED"]


def test_stable_disease_must_last_and_a_patient_without_a_visit_has_no_response():
    rows = np.array([["SD", "SD", "PD"]])
    visits = np.array([0.0, 28.0, 56.0])
    assert best_overall_response(rows, visits).tolist() == ["PD"]
    dead = np.array([[True, False, False]])
    assert best_overall_response(rows, visits, alive=dead).tolist() == ["NE"]


def test_readings_without_noise_are_the_sizes():
    size = np.array([[[10.0, 20.0]]])
    errors = reading_errors([7], ["primary"], 2, seed=1)
    assert np.array_equal(read_sizes(size, errors, noise=0.0), size)
    with pytest.raises(ModelValueError, match="standard deviation"):
        read_sizes(size, errors, noise=-0.1)


def test_a_reading_belongs_to_patient_lesion_and_visit_alone():
    every = reading_errors([3, 4], ["primary", "node_1"], 5, seed=1)
    assert np.array_equal(reading_errors([4], ["node_1"], 3, seed=1)[0, 0], every[1, 1, :3])
    assert len(np.unique(every)) == every.size


def test_readings_scatter_by_the_stated_error_without_bias():
    errors = reading_errors(range(400), ["primary"], 10, seed=2)
    logs = np.log(read_sizes(np.full(errors.shape, 30.0), errors, noise=0.055) / 30.0)
    assert logs.std() == pytest.approx(0.055, rel=0.05)
    assert abs(logs.mean()) < 4 * 0.055 / np.sqrt(logs.size)


def test_two_readings_of_a_steady_tumour_seldom_differ_by_a_fifth():
    """Readers' error alone should call progression at one later visit in about 1 % of patients."""
    errors = reading_errors(range(4000), ["primary"], 2, seed=3)
    sizes = read_sizes(np.full(errors.shape, 40.0), errors, noise=0.055)
    seen = assess(Lesions(size_mm=sizes, organs=("primary",)))
    # 1 - Phi(ln 1.2 / (0.055 sqrt 2)) = 0.0095
    assert seen.progressed[:, 1].mean() == pytest.approx(0.0095, abs=0.006)


def test_a_node_holds_its_own_volume_and_the_deposits():
    found = node_short_axis_mm(np.array([0.0, 5.0, 50.0]), short_axis_at_rest_mm=5.0)
    assert found[0] == pytest.approx(5.0)
    assert found[1] == pytest.approx(5.0 * 2 ** (1 / 3))
    assert found[2] == pytest.approx(50.0, rel=1e-3)


def test_surveillance_is_every_three_months_for_two_years_then_every_six():
    days = surveillance_days(start_day=77.0, horizon_day=77.0 + 1100.0)
    gaps = np.diff(np.concatenate([[77.0], days]))
    assert gaps.tolist() == [91.0] * 8 + [182.0] * 2
    assert surveillance_days(start_day=100.0, horizon_day=150.0).size == 0
    assert surveillance_days(start_day=0.0, horizon_day=400.0).tolist() == [
        91.0,
        182.0,
        273.0,
        364.0,
    ]


def test_what_is_seen_at_a_visit_came_about_since_the_one_before():
    visits = np.array([0.0, 84.0, 168.0])
    flags = np.array([[False, False, True], [False, True, True], [True, True, True], [False] * 3])
    last_clear, first_seen = seen_between(visits, flags)
    assert last_clear.tolist() == [84.0, 0.0, -np.inf, 168.0]
    assert first_seen.tolist() == [168.0, 84.0, 0.0, np.inf]
