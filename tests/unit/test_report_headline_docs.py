"""The headline page: what it says of known rows, and that it is told when it is stale."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from cxaxis.report import headline_docs
from cxaxis.report.headline_docs import headline_of, is_current, main, page_key, write_page
from cxaxis.report.headline_words import interval, percent
from cxaxis.trial.headline import COLUMNS
from cxaxis.trial.headline_files import input_key, write_rows
from cxaxis.trial.headline_plan import headline_plan, population

N_DRAW = 16


def made_up(plan, *, benefit):
    """Log hazard ratios that fall with the causal share for one agent and are noise for others."""
    rng = np.random.default_rng(4)
    cells = []
    for here in plan.backbones:
        for draw in range(plan.draws):
            phi = population("prior", seed=plan.seed, draw=draw)["phi"]
            for arm in here.arms:
                effect = -benefit * phi if arm.agent == "olaptesed" else 0.0
                log_hr = effect + rng.normal(0.0, 0.02)
                numbers = (log_hr, 0.01, 0.4, log_hr, 0.01, 0.5)
                cells.append((here.id, draw, arm.plan.id, phi, "default", *numbers, 12))
    return pd.DataFrame(cells, columns=list(COLUMNS))


@pytest.fixture(scope="module")
def plan():
    whole = headline_plan(backbones=["crt"], draws=N_DRAW)
    (here,) = whole.backbones
    arms = tuple(arm for arm in here.arms if arm.agent in ("olaptesed", "ulocuplumab"))
    return replace(whole, backbones=(replace(here, arms=arms),))


@pytest.fixture(scope="module")
def written(plan, tmp_path_factory):
    folder = tmp_path_factory.mktemp("headline")
    rows = folder / "rows.tsv"
    write_rows(made_up(plan, benefit=0.8), rows, plan, input_key(plan))
    found = headline_of(plan, rows)
    paths = write_page(folder, found, page_key(input_key(plan), rows, "not run"))
    return folder, rows, paths


def test_the_page_tells_every_arm_both_end_points_and_its_figures(plan, written):
    folder, _, paths = written
    text = paths[0].read_text("utf-8")
    for arm in plan.backbones[0].arms:
        assert text.count(f"| {arm.label} |") == 3
    for words in ("Overall survival", "Distant-metastasis-free survival", "prior-dominated"):
        assert words in text
    assert "No row is ranked." in text
    assert "nan" not in text
    for path in paths[1:]:
        assert path.read_text("utf-8").startswith("<?xml")
        assert f"]({path.name})" in text
    assert {path.parent for path in paths} == {folder}


def test_an_effect_that_grows_with_the_causal_share_is_seen(plan, written):
    _, rows, _ = written
    found = {item.arm.plan.id: item for item in headline_of(plan, rows).answers}
    moved = found["olaptesed_sustained"].endpoints["OS"]
    assert moved.slope_high < -0.6
    assert found["olaptesed_sustained"].rests_on[0].name == "phi"
    still = found["ulocuplumab_sustained"].endpoints["OS"]
    assert still.low < 1.0 < still.high


def test_a_page_is_stale_with_other_rows_or_inputs(plan, written, monkeypatch):
    folder, rows, _ = written
    monkeypatch.setattr(headline_docs, "committed_plan", lambda path: plan)
    monkeypatch.setattr(headline_docs, "class_state", lambda: ("not run", "not run"))
    assert is_current(folder, rows) == []
    text = rows.read_text("utf-8")
    rows.write_text(text.replace("\t12\n", "\t11\n", 1), encoding="utf-8")
    assert "headline.md is stale" in is_current(folder, rows)[0]
    rows.write_text(text, encoding="utf-8")
    monkeypatch.setattr(headline_docs, "committed_plan", lambda path: replace(plan, seed=1))
    assert is_current(folder, rows)[0].startswith(str(rows))


def test_the_slice_computes_two_draws_and_tells_differences(plan, written, monkeypatch):
    _, rows, _ = written
    asked = []

    def again(one, *, draws):
        asked.extend(draws)
        every = made_up(plan, benefit=0.8)
        return every[every["DRAW"].isin(draws)]

    monkeypatch.setattr(headline_docs, "committed_plan", lambda path: plan)
    monkeypatch.setattr(headline_docs, "run_headline", again)
    assert headline_docs.slice_differences(rows) == []
    assert asked == list(headline_docs.SLICE_DRAWS)
    monkeypatch.setattr(
        headline_docs, "run_headline", lambda one, draws: made_up(plan, benefit=0.7).head(4)
    )
    assert headline_docs.slice_differences(rows)


def test_an_unknown_source_is_refused_before_any_work(capsys, tmp_path):
    assert main([str(tmp_path), "--source=priro"]) == 2
    told = capsys.readouterr().err
    assert "HEAD004" in told
    assert "Did you mean prior" in told
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("share", "words"),
    [(0.0, "0 %"), (0.0251, "2.5 %"), (0.0994, "9.9 %"), (0.0996, "10 %"), (1.0, "100 %")],
)
def test_shares_are_told_with_sense(share, words):
    assert percent(share) == words


def test_what_is_no_number_is_a_dash():
    assert percent(np.nan) == "-"
    assert interval(1.0, np.nan, 2.0) == "-"
    assert interval(1.0, 0.5, 2.0) == "1.00 (0.50-2.00)"
