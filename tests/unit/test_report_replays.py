"""The page and the command of replays: what they print is what the draws say."""

import dataclasses
import shutil

import numpy as np
import pandas as pd
import pytest

from cli_support import command_of
from cxaxis.knowledge.evidence import load_evidence
from cxaxis.report import replays_docs
from cxaxis.report.replay_words import replay_cells, stamp_words, tally
from cxaxis.trial import replay_draws
from cxaxis.trial.replay_class import ClassStamp
from cxaxis.trial.replay_draws import COLUMNS, comparisons_of, draws_text, read_draws
from cxaxis.trial.replays import read_replay, replay_names, replay_path


@pytest.fixture(scope="module")
def replays():
    return [read_replay(name) for name in replay_names()]


def draws_at_what_was_seen(replays):
    """Draws whose centre is the published value, 1 or 0 where nothing was published."""
    rows = []
    for replay in replays:
        for item in comparisons_of(replay, load_evidence()):
            seen = item.seen if np.isfinite(item.seen) else 1.0
            centre = np.log(seen) if item.scale == "log" else seen
            rows += [(item.replay, item.item, draw, centre, 0.05, 48) for draw in range(3)]
    return pd.DataFrame(rows, columns=COLUMNS)


def test_a_model_that_says_what_was_seen_hits_every_time(replays):
    draws = draws_at_what_was_seen(replays)
    known, narrow, wide = tally(replays, draws)
    assert known == narrow == wide
    assert known > 8
    cells = [row for replay in replays for row in replay_cells(replay, draws)]
    assert not any("miss" in row or "hit at 95 % alone" in row for row in cells)


def test_a_model_that_says_something_else_misses(replays):
    draws = draws_at_what_was_seen(replays)
    genesis = draws["REPLAY"] == "genesis"
    wrong = draws.assign(CENTRE=draws["CENTRE"].where(~genesis, 0.01))
    cells = [row for replay in replays for row in replay_cells(replay, wrong)]
    assert {row[-1] for row in cells if row[0] == "genesis" and "active" in row[1]} == {"miss"}


def test_the_page_is_of_its_draws_and_says_when_it_is_not(replays, tmp_path, monkeypatch):
    plan = replays_docs.page_plan()
    file = tmp_path / "draws.tsv"
    monkeypatch.setattr(replays_docs, "read_draws", lambda: read_draws(file))
    text = draws_text(
        draws_at_what_was_seen(replays), command="x", key=replays_docs.input_key(plan)
    )
    file.write_text(text)
    assert replays_docs.main([str(tmp_path), "--page"]) == 0
    page = (tmp_path / replays_docs.PAGE).read_text("utf-8")
    assert "The model is class-consistent: 0 of 3 trials" in page
    for replay in replays:
        assert replay.content.sha256[:16] in page
    assert replays_docs.main([str(tmp_path), "--check"]) == 0
    # Another draw, and another input.
    file.write_text(text.replace("genesis\t0\t0\t0.925", "genesis\t0\t0\t0.325"))
    assert replays_docs.main([str(tmp_path), "--check"]) == 1
    file.write_text(text)
    monkeypatch.setattr(replays_docs, "DRAWS", 25)
    assert replays_docs.main([str(tmp_path), "--check"]) == 1


def test_absent_draws_are_no_draws(tmp_path):
    draws, key = read_draws(tmp_path / "none.tsv")
    assert (len(draws), key) == (0, "")


def test_a_file_that_holds_no_draws_is_refused(tmp_path):
    (tmp_path / "bad.tsv").write_text("a\tb\n1\t2\n")
    with pytest.raises(replay_draws.ModelValueError, match="no table of replay draws"):
        read_draws(tmp_path / "bad.tsv")


def test_a_class_without_all_trials_is_not_judged():
    stamp = ClassStamp(state="not run", missed=0, of=2, missed_without_effect=0, draws=0)
    assert stamp_words(stamp) == "The class is not judged: 2 of 3 trials have a prediction."
    assert "inconsistent" in stamp_words(dataclasses.replace(stamp, state="inconsistent", of=3))


@pytest.fixture
def cli(monkeypatch, capsys):
    return command_of(monkeypatch, capsys)


def test_without_a_name_the_replays_are_listed(cli):
    told = cli("trial", "replay")
    assert told.code == 0
    assert all(name in told.out for name in replay_names())


def test_all_that_is_wrong_with_a_request_is_told_at_once(cli, tmp_path):
    shutil.copy(replay_path("genesis"), tmp_path / "genesis.yaml")
    file = str(tmp_path / "genesis.yaml")
    told = cli("trial", "replay", "gensis", file, "--draws", "0", "--patients", "2")
    assert told.code == 2
    text = told.out + told.err
    assert "REPLAY001" in text
    assert "PROT032" in text
    assert text.count("REPLAY007") == 2


def test_one_replay_prints_its_prediction_beside_what_was_published(cli):
    told = cli(
        *("trial", "replay", "volunteers_balixafortide"),
        *("--draws", "1", "--patients", "4", "--workers", "1"),
    )
    assert told.code == 0
    assert "DRG539" in told.out
    assert "38.2 (35.4 to 41)" in told.out
