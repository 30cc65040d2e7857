"""Work gives the same results on any number of processes and stops cleanly."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from tests import runs_support
from tests.runs_support import die, fail, load, loaded_and, sleep_unless_zero, square

from cxaxis.core.errors import UserInputError
from cxaxis.runs.executor import WorkerDiedError, available_cpus, check_workers, run_blocks
from cxaxis.runs.progress import NullProgress


@pytest.fixture(autouse=True)
def _workers_find_the_tests(monkeypatch, pytestconfig):
    monkeypatch.syspath_prepend(str(pytestconfig.rootpath))


class Counter(NullProgress):
    """Progress that remembers."""

    def __init__(self):
        self.steps = []

    def advance(self, n=1):
        self.steps.append(n)


@pytest.mark.parametrize("workers", [1, 2])
def test_results_and_progress_do_not_depend_on_the_number_of_workers(workers):
    progress = Counter()
    results = run_blocks(
        [1, 2, 3, 4], square, workers=workers, progress=progress, size=lambda task: 10 * task
    )
    assert sorted(results) == [1, 4, 9, 16]
    assert sorted(progress.steps) == [10, 20, 30, 40]


def test_no_tasks_give_no_results():
    assert list(run_blocks([], square, workers=2)) == []


@pytest.mark.parametrize("workers", [1, 2])
def test_the_initializer_runs_before_the_first_task(workers):
    results = run_blocks([1, 2], loaded_and, workers=workers, initializer=load, initargs=("m",))
    assert sorted(results) == [("m", 1), ("m", 2)]


def test_one_worker_works_in_this_process_with_any_callable():
    assert list(run_blocks([1, 2], lambda task: (task, os.getpid()), workers=1)) == [
        (1, os.getpid()),
        (2, os.getpid()),
    ]


def test_a_worker_that_dies_gives_one_clear_error():
    with pytest.raises(WorkerDiedError, match="the same command resumes"):
        list(run_blocks([1, 1], die, workers=2))


@pytest.mark.parametrize("workers", [1, 2])
def test_an_error_in_the_work_reaches_the_caller_as_it_is(workers):
    with pytest.raises(ValueError, match="number 5 is not liked"):
        list(run_blocks([5, 5], fail, workers=workers))


def test_a_caller_that_stops_early_does_not_wait_for_running_work():
    # The other tasks sleep for ten minutes: this test ends only if they are abandoned.
    def take_one():
        for result in run_blocks([0, 1, 1], sleep_unless_zero, workers=2):
            assert result == 0
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        take_one()


@pytest.mark.skipif(sys.platform == "win32", reason="POSIX signals")
@pytest.mark.parametrize(("sent", "code"), [(signal.SIGINT, 42), (signal.SIGKILL, -9)])
def test_no_worker_outlives_an_interrupted_or_killed_run(tmp_path, sent, code):
    command = [sys.executable, runs_support.__file__, str(tmp_path)]
    with subprocess.Popen(
        command, stderr=subprocess.PIPE, text=True, start_new_session=True
    ) as parent:
        wait_for(lambda: len(list(tmp_path.glob("*.pid"))) == 2)
        workers = [int(path.stem) for path in tmp_path.glob("*.pid")]
        if sent is signal.SIGINT:
            # Ctrl-C reaches every process of the terminal, a kill the parent alone.
            os.killpg(parent.pid, sent)
        else:
            parent.send_signal(sent)
        assert parent.wait(timeout=60) == code
        wait_for(lambda: not any(is_running(pid) for pid in workers))
        assert "Traceback" not in parent.stderr.read()


def wait_for(condition):
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def is_running(pid):
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0]
    except OSError:
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return False
        return not Path("/proc/self").exists()
    return state != "Z"


def test_the_default_is_every_processor_this_process_may_use(tmp_path):
    quota = tmp_path / "cpu.max"
    free = available_cpus(quota)
    assert free == (
        len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    )
    for text, expected in [
        ("max 100000", free),
        ("100000 100000", 1),
        ("50000 100000", 1),
        ("99900000 100000", free),
        ("nonsense", free),
    ]:
        quota.write_text(text)
        assert available_cpus(quota) == expected
    assert check_workers(None) >= 1


@pytest.mark.parametrize("workers", [0, -2])
def test_fewer_than_one_worker_is_refused_before_anything_runs(workers):
    with pytest.raises(UserInputError, match=f"at least 1, got {workers}"):
        run_blocks([1], square, workers=workers)
