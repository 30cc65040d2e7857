"""``--scheduler``: what it refuses, and a trial on a cluster against one without."""

import pytest

from cli_support import PROTOCOL, command_of, snapshot
from cxaxis.core.errors import UserInputError
from cxaxis.runs import dask_executor
from cxaxis.trial import harm_run, run
from cxaxis.trial.harm_plan import harm_plan

COMMANDS = {
    "trial": ("trial", "run", "crt_plerixafor", "-o", "out"),
    "harm": ("drug", "harm", "plerixafor", "-o", "out"),
}


@pytest.fixture
def cxaxis(monkeypatch, capsys, tmp_path):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(dask_executor, "REACH_S", 0.5)
    return command_of(monkeypatch, capsys)


@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["--scheduler", "cluster"], ["RUN015", "'cluster'", "tcp://HOST:PORT"]),
        (["--scheduler", "tcp://127.0.0.1:1"], ["RUN017", "tcp://127.0.0.1:1", "dask scheduler"]),
        (["--scheduler", "tcp://127.0.0.1:1", "-j", "2"], ["CLI003", "brings its own workers"]),
    ],
)
def test_a_cluster_that_cannot_be_used_is_told_and_nothing_is_written(
    cxaxis, tmp_path, command, words, told
):
    pytest.importorskip("distributed")
    answer = cxaxis(*COMMANDS[command], *words)
    assert (answer.code, answer.out) == (2, "")
    for text in told:
        assert text in answer.err
    assert snapshot(tmp_path) == {}


@pytest.mark.parametrize("command", COMMANDS)
def test_without_dask_the_extra_is_named(cxaxis, tmp_path, monkeypatch, command):
    monkeypatch.setattr(dask_executor, "find_spec", lambda _: None)
    answer = cxaxis(*COMMANDS[command], "--scheduler", "local")
    assert (answer.code, "pip install 'cxaxis[cluster]'" in answer.err) == (2, True)
    assert snapshot(tmp_path) == {}


def test_from_python_a_bad_scheduler_leaves_no_directory(tmp_path):
    plan = harm_plan(["plerixafor"], draws=1, patients=1)
    for attempt in (
        lambda: run.run_trial("crt_plerixafor", out=tmp_path / "run", scheduler="no"),
        lambda: harm_run.run_harm(plan, out=tmp_path / "run", scheduler="no"),
    ):
        with pytest.raises(UserInputError, match="RUN015"):
            attempt()
    assert snapshot(tmp_path) == {}


def test_the_draws_of_harm_go_to_the_cluster(monkeypatch, tmp_path):
    asked = []

    def nobody(*_args, scheduler, **_options):
        asked.append(scheduler)
        raise KeyboardInterrupt

    monkeypatch.setattr(harm_run, "run_blocks", nobody)
    monkeypatch.setattr(harm_run, "check_scheduler", lambda _: None)
    plan = harm_plan(["plerixafor"], draws=1, patients=1)
    for out in (None, tmp_path / "run"):
        with pytest.raises(KeyboardInterrupt):
            harm_run.run_harm(plan, out=out, scheduler="tcp://host:8786")
    assert asked == ["tcp://host:8786"] * 2


def test_a_trial_on_a_cluster_writes_the_bytes_of_one_without(cxaxis, tmp_path):
    pytest.importorskip("distributed")
    (tmp_path / "tiny.yaml").write_text(PROTOCOL)
    for name, words in {"alone": (), "cluster": ("--scheduler", "local")}.items():
        answer = cxaxis("trial", "run", "tiny.yaml", "-j", 1, "-o", name, *words)
        assert answer.code == 0, answer.err
        assert answer.err.count("\n") <= 2
    here, there = snapshot(tmp_path / "alone"), snapshot(tmp_path / "cluster")
    assert set(here) == set(there)
    same = set(here) - {"log.jsonl"}
    assert {name: here[name] for name in same} == {name: there[name] for name in same}
