"""End points and causes of death on hand-made courses."""

import numpy as np
import pytest

from cxaxis.core.errors import ModelValueError
from cxaxis.patient.recist import Lesions, assess
from cxaxis.trial.events import (
    CAUSES,
    END_POINTS,
    Course,
    Surgery,
    cause_draws,
    causes_of_death,
    descriptions,
    event_days,
)

VISITS = np.array([0.0, 84.0, 168.0, 252.0])
AFTER = np.array([77.0, 168.0, 259.0])
NEVER = np.inf
ORGANS = ("primary", "node", "liver")


def seen(*patients):
    """Assess patients given as rows of primary, node and liver sizes by visit."""
    return assess(Lesions(size_mm=np.array(patients, dtype=float), organs=ORGANS))


def steady(n_visit, primary=40.0):
    return [[primary] * n_visit, [5.0] * n_visit, [0.0] * n_visit]


def with_surgery(*, before, after, death, operated=True, complete=True):
    """One patient with an operation planned for day 77."""
    return Course(
        visits_day=np.array([0.0, 70.0]),
        seen=seen(before),
        death_day=np.array([death]),
        surgery=Surgery(
            day=77.0, operated=np.array([operated]), complete=np.array([complete and operated])
        ),
        after_surgery=seen(after),
        after_surgery_day=AFTER,
    )


CLEAN = steady(3, primary=0.0)


def test_progression_is_dated_by_the_visit_that_shows_it():
    course = Course(
        visits_day=VISITS,
        seen=seen([[40, 40, 40, 60], [5] * 4, [0] * 4]),
        death_day=np.array([NEVER]),
    )
    found = event_days(course)
    assert (found["PFS"][0], found["LRC"][0]) == (252.0, 252.0)
    assert found["DMFS"][0] == found["OS"][0] == NEVER


def test_death_ends_survival_without_progression_but_is_no_locoregional_event():
    course = Course(visits_day=VISITS, seen=seen(steady(4)), death_day=np.array([100.0]))
    found = event_days(course)
    assert [found[code][0] for code in ("OS", "PFS", "DMFS", "LRC")] == [100, 100, 100, NEVER]


def test_what_would_have_been_seen_after_death_is_not_seen():
    course = Course(
        visits_day=VISITS,
        seen=seen([[40, 40, 40, 40], [5] * 4, [0, 0, 0, 30]]),
        death_day=np.array([200.0]),
    )
    found = event_days(course)
    assert (found["PFS"][0], found["DMFS"][0]) == (200.0, 200.0)


def test_distant_and_local_events_are_told_apart():
    course = Course(
        visits_day=VISITS,
        seen=seen(
            [[40, 40, 60, 60], [5] * 4, [0] * 4],
            [[40] * 4, [5] * 4, [0, 0, 12, 20]],
            [[40] * 4, [5, 5, 12, 20], [0] * 4],
        ),
        death_day=np.full(3, NEVER),
    )
    found = event_days(course)
    assert found["LRC"].tolist() == [168.0, NEVER, 168.0]
    assert found["DMFS"].tolist() == [NEVER, 168.0, NEVER]
    assert found["PFS"].tolist() == [168.0] * 3


def test_events_after_the_horizon_are_not_seen():
    course = Course(visits_day=VISITS, seen=seen(steady(4)), death_day=np.array([400.0]))
    assert event_days(course, horizon_day=365.0)["OS"][0] == NEVER


def test_an_operation_in_time_leaves_only_recurrence_and_death():
    course = with_surgery(before=steady(2), after=CLEAN, death=500.0)
    found = event_days(course)
    assert [found[code][0] for code in ("EFS", "DFS", "PFS", "OS")] == [500.0] * 4


def test_recurrence_after_surgery_is_a_new_lesion():
    node = [[0] * 3, [5, 5, 14], [0] * 3]
    found = event_days(with_surgery(before=steady(2), after=node, death=NEVER))
    assert [found[code][0] for code in ("DFS", "EFS", "PFS", "LRC")] == [259.0] * 4
    assert found["DMFS"][0] == NEVER


def test_an_operation_that_was_not_done_or_left_tumour_behind_is_an_event_of_its_day():
    for fate in ({"operated": False}, {"complete": False}):
        found = event_days(with_surgery(before=steady(2), after=CLEAN, death=400.0, **fate))
        assert found["EFS"][0] == 77.0
        assert np.isnan(found["DFS"][0])
        assert found["OS"][0] == 400.0


def test_progression_before_surgery_is_an_event_of_its_visit():
    spread = [[40.0, 40.0], [5.0, 5.0], [0.0, 30.0]]
    found = event_days(with_surgery(before=spread, after=CLEAN, death=300.0, operated=False))
    assert (found["EFS"][0], found["PFS"][0], found["DMFS"][0]) == (70.0, 70.0, 70.0)


def test_death_before_surgery_is_the_event():
    found = event_days(with_surgery(before=steady(2), after=CLEAN, death=50.0, operated=False))
    assert (found["EFS"][0], found["OS"][0]) == (50.0, 50.0)


def test_composite_end_points_never_come_after_their_parts():
    rng = np.random.default_rng(1)
    n = 200
    sizes = np.abs(rng.normal(20, 20, (n, 3, 4)))
    death = rng.exponential(300, n)
    found = event_days(
        Course(
            visits_day=VISITS,
            seen=assess(Lesions(size_mm=sizes, organs=ORGANS)),
            death_day=death,
        )
    )
    assert (found["PFS"] <= np.minimum(found["LRC"], found["DMFS"])).all()
    assert (found["DMFS"] <= found["OS"]).all()
    assert set(found) < set(END_POINTS)


def test_surgery_and_what_was_seen_after_it_come_together():
    with pytest.raises(ModelValueError, match="surgery"):
        Course(
            visits_day=VISITS,
            seen=seen(steady(4)),
            death_day=np.array([NEVER]),
            after_surgery=seen(steady(4)),
        )


def test_events_are_told_in_words():
    day = np.array([100.0, 84.0, NEVER, NEVER, np.nan])
    death = np.array([100.0, 200.0, 300.0, NEVER, NEVER])
    told = descriptions(
        "DFS", day, death, cause=np.array(["treatment", "disease", "other", "", ""])
    )
    assert told.tolist() == [
        "Death: treatment",
        "Recurrence",
        "Death without the event",
        "End of follow-up",
        "Not in the analysis set",
    ]


def test_causes_share_deaths_as_their_hazards_share_the_step():
    n = 4000
    days = np.array([0.0, 10.0, 20.0])
    hazards = {
        "disease": np.tile([0.0, 0.0, 0.6], (n, 1)),
        "treatment": np.tile([0.0, 0.5, 0.8], (n, 1)),
        "other": np.tile([0.0, 0.0, 0.1], (n, 1)),
    }
    draw = cause_draws(range(n), seed=1)
    late = causes_of_death(days, hazards, np.full(n, 15.0), draw)
    shares = [(late == cause).mean() for cause in CAUSES]
    assert shares == pytest.approx([0.6, 0.3, 0.1], abs=0.03)
    early = causes_of_death(days, hazards, np.full(n, 5.0), draw)
    assert set(early) == {"treatment"}


def test_the_living_have_no_cause_of_death():
    hazards = {"disease": np.array([[0.0, 0.2]]), "other": np.array([[0.0, 0.1]])}
    found = causes_of_death(np.array([0.0, 10.0]), hazards, np.array([NEVER]), np.array([0.5]))
    assert found.tolist() == [""]


def test_a_death_on_the_operating_table_is_of_treatment():
    """A hazard that jumps at the operation counts in full in its step."""
    days = np.array([0.0, 77.0, 77.5, 84.0])
    hazards = {
        "disease": np.array([[0.0, 0.001, 0.0011, 0.002]]),
        "treatment": np.array([[0.0, 0.0, 0.03, 0.03]]),
    }
    draws = np.linspace(0, 0.99, 100)
    repeated = {name: np.repeat(curve, 100, axis=0) for name, curve in hazards.items()}
    found = causes_of_death(days, repeated, np.full(100, 77.2), draws)
    assert (found == "treatment").mean() > 0.98
