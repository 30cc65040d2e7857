"""A cluster gives the bytes of one process, loses nothing with a worker, and says what it lacks."""

from __future__ import annotations

import importlib
import logging
import os
import socket

import pytest
from tests.runs_support import (
    ITEMS,
    KEY_PARTS,
    SEED,
    Share,
    compute_share,
    die,
    die_once_in,
    fail,
    load,
    loaded_and,
    schemas,
    sleep_unless_zero,
    square,
)

from cxaxis.core.errors import ModelValueError, UserInputError
from cxaxis.runs import dask_executor
from cxaxis.runs.blocks import blocks_of
from cxaxis.runs.dask_executor import check_scheduler, scheduler_findings
from cxaxis.runs.directory import open_run
from cxaxis.runs.executor import WorkerDiedError, run_blocks
from cxaxis.runs.tables import write_table

dask = pytest.importorskip("dask")
distributed = pytest.importorskip("distributed")

BLOCKS = (*blocks_of("control", ITEMS), *blocks_of("treated", ITEMS))
OWN = dask_executor.environment()


@pytest.fixture(scope="module", autouse=True)
def _workers_find_the_tests(pytestconfig):
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(pytestconfig.rootpath))
        yield


def local_cluster(**changes):
    options = {
        "n_workers": 2,
        "threads_per_worker": 1,
        "processes": True,
        "host": "127.0.0.1",
        "dashboard_address": "127.0.0.1:0",
        "memory_limit": None,
        "silence_logs": logging.CRITICAL,
    }
    return distributed.LocalCluster(**options | changes)


@pytest.fixture(scope="module")
def address():
    """Scheduler of a cluster that somebody else started."""
    with dask.config.set({"distributed.scheduler.allowed-failures": 0}):
        cluster = local_cluster()
    with cluster:
        yield cluster.scheduler_address


def perform(path, work=compute_share, **options):
    """Run every missing block and finish; return what the work returned."""
    with open_run(path, KEY_PARTS) as run:
        store = run.block_store(schemas())
        tasks = [Share(store, block, path.parent) for block in store.missing(BLOCKS)]
        results = list(run_blocks(tasks, work, **options))
        frames = store.load_blocks(BLOCKS)
        for schema in schemas():
            write_table(frames[schema.name], run.path / schema.file_name, schema)
        run.finish(
            kind="test", title="A test", seed=SEED, counts={"done": ITEMS}, tables=list(frames)
        )
    return results


def content(path):
    return {file.name: file.read_bytes() for file in path.iterdir() if file.name != "log.jsonl"}


@pytest.fixture(scope="module")
def serial(tmp_path_factory):
    path = tmp_path_factory.mktemp("runs") / "serial"
    perform(path, workers=1)
    return content(path)


def test_processes_and_clusters_write_the_bytes_of_one_process(tmp_path, serial, address):
    perform(tmp_path / "pool", workers=2)
    results = perform(tmp_path / "cluster", scheduler=address)
    assert content(tmp_path / "pool") == content(tmp_path / "cluster") == serial
    assert sorted(name for name, _ in results) == [block.name for block in BLOCKS]
    # The workers wrote to folders of their own, as on machines that share none.
    assert not any(folder.is_relative_to(tmp_path) for _, folder in results)
    assert not any(folder.exists() for _, folder in results)


def test_a_worker_killed_at_work_loses_nothing(tmp_path, serial):
    results = perform(tmp_path / "run", die_once_in, scheduler="local", workers=2)
    killed = int((tmp_path / "died").read_text())
    assert killed != os.getpid()
    assert sorted(name for name, _ in results) == [block.name for block in BLOCKS]
    assert content(tmp_path / "run") == serial


def test_blocks_that_came_back_are_kept_when_the_rest_fails(tmp_path, serial, address):
    with open_run(tmp_path / "run", KEY_PARTS) as run:
        store = run.block_store(schemas())
        tasks = [Share(store, block) for block in BLOCKS[:4]]
        for _ in run_blocks(tasks, compute_share, scheduler=address):
            break
        assert len(store.missing(BLOCKS)) == len(BLOCKS) - 1
    assert len(perform(tmp_path / "run", workers=1)) == len(BLOCKS) - 1
    assert content(tmp_path / "run") == serial


def test_a_task_that_ends_its_workers_gives_one_clear_error(address):
    with pytest.raises(WorkerDiedError, match="the same command resumes"):
        list(run_blocks([1], die, scheduler=address))


def test_an_error_in_the_work_reaches_the_caller_as_it_is(address):
    with pytest.raises(ValueError, match="number 5 is not liked"):
        list(run_blocks([5], fail, scheduler=address))


def test_results_progress_and_initializer_are_those_of_the_process_pool(address):
    assert sorted(run_blocks([1, 2, 3], square, scheduler=address)) == [1, 4, 9]
    options = {"initializer": load, "initargs": ("m",)}
    results = run_blocks([1, 2], loaded_and, scheduler=address, **options)
    assert sorted(results) == [("m", 1), ("m", 2)]
    assert list(run_blocks([], square, scheduler="tcp://127.0.0.1:1")) == []


def test_a_caller_that_stops_early_does_not_wait_for_running_work():
    # The other task sleeps for ten minutes: this test ends only if it is abandoned.
    def take_one():
        for result in run_blocks([0, 1], sleep_unless_zero, scheduler="local", workers=2):
            assert result == 0
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        take_one()


def test_a_scheduler_that_is_lost_gives_one_clear_error(tmp_path):
    def run_until_it_is_lost():
        with open_run(tmp_path / "run", KEY_PARTS) as run:
            store = run.block_store(schemas())
            tasks = [Share(store, block) for block in BLOCKS]
            for _ in run_blocks(tasks, compute_share, scheduler=cluster.scheduler_address):
                cluster.close()

    with (
        local_cluster(n_workers=1) as cluster,
        pytest.raises(WorkerDiedError, match="the same command resumes"),
    ):
        run_until_it_is_lost()


def test_a_block_changed_on_its_way_is_not_stored(tmp_path):
    with open_run(tmp_path, KEY_PARTS) as run:
        store = run.block_store(schemas())
        compute_share(Share(store, BLOCKS[0]))
        files = store.take(BLOCKS[0])
        changed = files | {"control-00000.sizes.parquet": b"PAR1"}
        with pytest.raises(ModelValueError, match="changed on its way"):
            store.put(BLOCKS[0], changed)
        assert not store.is_finished(BLOCKS[0])
        with pytest.raises(ModelValueError, match="got files"):
            store.put(BLOCKS[0], {})
        store.put(BLOCKS[0], files)
        assert store.is_finished(BLOCKS[0])


@pytest.mark.parametrize("text", ["", "cluster", "tcp://host", "http://host:80", "tcp://h:99999"])
def test_an_address_of_another_form_is_told_with_the_form_that_is_wanted(text):
    with pytest.raises(UserInputError, match=r"RUN015.*tcp://HOST:PORT"):
        check_scheduler(text)


def test_without_dask_the_cure_is_told(monkeypatch):
    monkeypatch.setattr(dask_executor, "find_spec", lambda _: None)
    with pytest.raises(UserInputError, match=r"RUN016.*cxaxis\[cluster\]"):
        check_scheduler("local")
    assert list(scheduler_findings(None)) == []
    check_scheduler(None)


def test_a_scheduler_that_cannot_be_reached_is_told(monkeypatch):
    monkeypatch.setattr(dask_executor, "REACH_S", 0.5)
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
        # Nobody listens; then somebody who never answers.
        for backlog in (None, 1):
            if backlog:
                taken.listen(backlog)
            with pytest.raises(UserInputError, match=rf"127\.0\.0\.1:{port}  error  RUN017"):
                list(run_blocks([1], square, scheduler=f"tcp://127.0.0.1:{port}"))


def test_a_worker_in_the_place_of_the_scheduler_is_told(address):
    with distributed.Client(address, set_as_default=False) as client:
        worker = next(iter(client.nthreads()))
    with pytest.raises(UserInputError, match=r"RUN017.*address of a worker"):
        check_scheduler(worker)


def test_a_cluster_of_another_version_is_told_for_each_of_its_processes(monkeypatch, address):
    newer = {**OWN, "cxaxis": "9.9.9"}
    # The workers answer by the function's name, the client by what stands in its place.
    monkeypatch.setattr(dask_executor, "_own_environment", lambda: newer)
    with pytest.raises(UserInputError, match=r"RUN018") as caught:
        check_scheduler(address)
    assert len(caught.value.findings) == 3
    for finding in caught.value.findings:
        assert f"cxaxis {OWN['cxaxis']} there, 9.9.9 here" in finding.message


def test_a_worker_without_the_package_is_told(monkeypatch, tmp_path, address):
    # Stands for it: a module that no worker can import.
    (tmp_path / "only_here.py").write_text("def environment():\n    return {}\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    question = importlib.import_module("only_here").environment
    monkeypatch.setattr(dask_executor, "_own_environment", lambda: OWN)
    monkeypatch.setattr(dask_executor, "environment", question)
    with pytest.raises(UserInputError, match=r"worker tcp.*RUN018  has no cxaxis that answers"):
        check_scheduler(address)


def test_a_worker_of_another_version_that_comes_late_is_told_by_its_task(monkeypatch, address):
    monkeypatch.setattr(dask_executor, "_own_environment", lambda: {**OWN, "Python": "3.99"})
    monkeypatch.setattr(dask_executor, "_cluster_findings", lambda *_: ())
    with pytest.raises(UserInputError, match=r"RUN018.*Python 3.1\d there, 3.99 here"):
        list(run_blocks([1], square, scheduler=address))


def test_another_processor_is_no_error_and_is_said(monkeypatch, address, caplog):
    monkeypatch.setattr(dask_executor, "_own_environment", lambda: {**OWN, "processor": "z80"})
    check_scheduler(address)
    assert "the last digits may differ" in caplog.text


def test_a_cluster_without_workers_or_with_threads_is_told(monkeypatch):
    monkeypatch.setattr(dask_executor, "REACH_S", 1.0)
    with (
        local_cluster(n_workers=0, processes=False, protocol="tcp") as cluster,
        pytest.raises(UserInputError, match=r"RUN019.*no worker.*dask worker tcp"),
    ):
        check_scheduler(cluster.scheduler_address)
    with (
        local_cluster(
            n_workers=1, threads_per_worker=3, processes=False, protocol="tcp"
        ) as cluster,
        pytest.raises(UserInputError, match=r"RUN019.*3 threads.*--nthreads 1"),
    ):
        check_scheduler(cluster.scheduler_address)
