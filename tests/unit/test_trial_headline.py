"""The headline grid: outlooks of both end points, one control a backbone, files and resumption."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from cxaxis.core.errors import ModelValueError, UserInputError
from cxaxis.trial.harm import log_ratio, outlook_of
from cxaxis.trial.headline import COLUMNS, free_outlook, headline_rows
from cxaxis.trial.headline_files import differences, input_key, read_rows, rounded, write_rows
from cxaxis.trial.headline_plan import (
    EXAMPLES,
    PUBLISHED,
    SUSTAINED,
    headline_plan,
    key_parts,
    population,
)
from cxaxis.trial.headline_run import headline_jobs, planned_courses, run_headline

TIMES_DAY = np.linspace(0.0, 1000.0, 41)


def hazards(*rates_per_day):
    return np.array([rate * TIMES_DAY for rate in rates_per_day])


def test_without_an_event_the_outlook_is_that_of_death():
    hazard = hazards(1e-3, 0.0)
    never = np.full(2, np.inf)
    free, death = free_outlook(TIMES_DAY, hazard, never), outlook_of(TIMES_DAY, hazard)
    assert np.array_equal(free.deaths, death.deaths)
    assert np.array_equal(free.person_days, death.person_days)


def test_an_event_ends_the_days_and_is_certain():
    rate = 2e-3
    found = free_outlook(TIMES_DAY, hazards(rate, 0.0, 0.0), np.array([500.0, 0.0, 1000.0]))
    assert found.deaths == pytest.approx([1.0, 1.0, 1.0])
    assert found.person_days == pytest.approx([(1 - np.exp(-1.0)) / rate, 0.0, 1000.0])


def test_an_earlier_event_raises_the_rate():
    hazard = hazards(1e-3, 1e-3)
    late, early = (
        free_outlook(TIMES_DAY, hazard, np.array([day, np.inf])) for day in (800.0, 200.0)
    )
    assert log_ratio(late, early)[0] > 0.0


def test_every_table_1_agent_stands_beside_every_backbone():
    plan = headline_plan()
    assert [item.id for item in plan.backbones] == list(EXAMPLES)
    for item in plan.backbones:
        kinds = {(arm.agent, arm.kind) for arm in item.arms}
        assert {kind for _, kind in kinds} == {PUBLISHED, SUSTAINED}
        assert len({agent for agent, _ in kinds}) == 8
        assert len({agent for agent, kind in kinds if kind == SUSTAINED}) == 8
        assert item.control.axis_slot is None
        assert len(item.schedule.pharmacology_day) == 0
    # One control a backbone, whatever the number of arms.
    assert planned_courses(plan) == sum(13 * plan.n_patient * plan.draws for _ in EXAMPLES)


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ({"source": "priors"}, "Did you mean prior"),
        ({"backbones": ["crd"]}, "Did you mean crt"),
        ({"draws": 0}, "positive"),
        ({"patients": 0}, "positive"),
    ],
)
def test_a_wrong_grid_is_refused(words, told):
    with pytest.raises(ModelValueError, match=told):
        headline_plan(**words)


def test_what_decides_the_numbers_decides_the_key():
    plan = headline_plan(backbones=["crt"], draws=2, patients=3)
    keys = {
        input_key(item)
        for item in (
            plan,
            replace(plan, seed=plan.seed + 1),
            replace(plan, draws=3),
            replace(plan, n_patient=4),
            headline_plan(backbones=["first_line"], draws=2, patients=3),
        )
    }
    assert len(keys) == 5
    assert input_key(headline_plan(backbones=["crt"], draws=2, patients=3)) == input_key(plan)
    assert key_parts(plan)["source"] == "prior"


def test_populations_of_the_prior_differ_by_draw_alone():
    first, again, other = (population("prior", seed=5, draw=draw) for draw in (0, 0, 1))
    assert first == again
    assert first["phi"] != other["phi"]


@pytest.fixture(scope="module")
def tiny():
    """One population, one backbone, three patients, two arms."""
    plan = headline_plan(backbones=["crt"], draws=2, patients=3)
    (here,) = plan.backbones
    arms = tuple(arm for arm in here.arms if arm.agent == "olaptesed")
    # A control that is called an arm: nothing may come of nothing.
    idle = replace(arms[0], plan=replace(here.control, id="idle"))
    return replace(plan, backbones=(replace(here, arms=(*arms, idle)),))


def test_a_grid_runs_and_is_kept(tiny, tmp_path):
    rows = run_headline(tiny, out=tmp_path / "run")
    assert tuple(rows.columns) == COLUMNS
    assert list(zip(rows["DRAW"], rows["ARM"], strict=True))[:3] == [
        (0, "olaptesed_published"),
        (0, "olaptesed_sustained"),
        (0, "idle"),
    ]
    idle = rows[rows["ARM"] == "idle"].dropna()
    assert len(idle) >= 1
    assert (idle[["OS_LOGHR", "DMFS_LOGHR", "OS_SE", "DMFS_SE"]] == 0.0).all().all()
    known = rows.dropna()
    # Distant metastasis or death comes no later than death.
    assert len(known) >= 3
    assert (known["DMFS_EVENTS"] >= known["OS_EVENTS"] - 1e-12).all()
    assert (rows[rows["ARM"] == "olaptesed_sustained"]["OS_LOGHR"].dropna() != 0.0).any()

    alone = headline_rows(tiny, "crt", 1)
    pd.testing.assert_frame_equal(
        alone, rows[rows["DRAW"] == 1].reset_index(drop=True), check_dtype=False
    )

    path = tmp_path / "headline.tsv"
    write_rows(rows, path, tiny, "abc")
    head, read = read_rows(path)
    assert (head["inputs_sha256"], head["source"], head["draws"]) == ("abc", "prior", "2")
    assert differences(read, rows) == []
    changed = rows.copy()
    changed.loc[1, "OS_LOGHR"] = float(np.nan_to_num(changed.loc[1, "OS_LOGHR"])) + 1e-4
    (told,) = differences(read, changed)
    assert told.startswith("crt/0/olaptesed_sustained OS_LOGHR")
    assert differences(read.iloc[1:], rows[rows["DRAW"] == 0])[0].endswith("not on file")


def test_a_stopped_grid_goes_on_from_the_cells_that_are_whole(tiny, tmp_path, monkeypatch):
    calls: list[int] = []
    stops: set[int] = set()

    def fake(plan, backbone, draw):
        calls.append(draw)
        if draw in stops:
            raise KeyboardInterrupt
        cells = [(backbone, draw, "idle", 0.5, "default", *([0.1] * 6), 3)]
        return pd.DataFrame(cells, columns=list(COLUMNS))

    monkeypatch.setattr("cxaxis.trial.headline_run.headline_rows", fake)
    undisturbed = run_headline(tiny, out=tmp_path / "whole")
    calls.clear()
    stops.add(1)
    with pytest.raises(KeyboardInterrupt):
        run_headline(tiny, out=tmp_path / "run")
    assert calls == [0, 1]
    stops.clear()
    again = run_headline(tiny, out=tmp_path / "run")
    assert calls == [0, 1, 1]
    pd.testing.assert_frame_equal(undisturbed, again)


def test_jobs_are_one_for_each_population_and_backbone():
    plan = headline_plan(draws=3, patients=2)
    assert len({job.block.name for job in headline_jobs(plan)}) == 9
    assert len(headline_jobs(plan, draws=(0,))) == 3


def test_a_table_that_is_none_is_refused(tmp_path):
    with pytest.raises(UserInputError, match="is missing"):
        read_rows(tmp_path / "no.tsv")
    (tmp_path / "odd.tsv").write_text("a\tb\n1\t2\n")
    with pytest.raises(UserInputError, match="no table of the headline grid"):
        read_rows(tmp_path / "odd.tsv")


def test_rounding_leaves_no_negative_zero():
    cells = [("crt", 0, "a", 0.5, "default", -1e-12, 0.1, 0.2, -1e-12, 0.1, 0.2, 3)]
    found = rounded(pd.DataFrame(cells, columns=list(COLUMNS)))
    assert not np.signbit(found["OS_LOGHR"].to_numpy()).any()
