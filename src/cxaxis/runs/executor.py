"""Blocks of work on one or many processes: same results, clean interruption."""

from __future__ import annotations

import logging
import math
import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, TypeVar

from cxaxis.core.errors import CxaxisError, UserInputError, error
from cxaxis.runs.progress import NullProgress, Progress

TaskT = TypeVar("TaskT")
ResultT = TypeVar("ResultT")

_QUOTA_FILE = Path("/sys/fs/cgroup/cpu.max")

logger = logging.getLogger(__name__)


class WorkerDiedError(CxaxisError):
    """A worker process ended without a result: killed, out of memory, or unable to start."""


def available_cpus(quota_file: Path = _QUOTA_FILE) -> int:
    """Return the number of processors this process may use, at least 1.

    Counts the processors it may be scheduled on, and the share that a container grants.

    Parameters
    ----------
    quota_file
        ``cpu.max`` of the control group: quota and period in us, or ``max``.
    """
    if hasattr(os, "sched_getaffinity"):
        usable = len(os.sched_getaffinity(0))
    else:
        usable = os.cpu_count() or 1
    try:
        quota, period = quota_file.read_text().split()
        granted = math.ceil(int(quota) / int(period))
    except (OSError, ValueError, ZeroDivisionError):
        return usable
    return max(1, min(usable, granted))


def check_workers(workers: int | None) -> int:
    """Return the number of workers to use; None means every processor available.

    Raises
    ------
    UserInputError
        If ``workers`` is below 1.
    """
    if workers is None:
        return available_cpus()
    if workers < 1:
        message = f"needs at least 1, got {workers}. Leave it out to use every processor."
        raise UserInputError([error("RUN013", "workers", message)])
    return workers


def run_blocks(
    tasks: Sequence[TaskT],
    work: Callable[[TaskT], ResultT],
    *,
    workers: int | None = None,
    progress: Progress | None = None,
    size: Callable[[TaskT], int] | None = None,
    initializer: Callable[..., object] | None = None,
    initargs: tuple[Any, ...] = (),
    scheduler: str | None = None,
) -> Iterator[ResultT]:
    """Run ``work`` on every task and yield the results in order of completion.

    A result may depend on its task alone, so the number of workers changes the order and
    nothing else. Work that must survive an interruption writes its own block before it
    returns. When the caller stops early, by Ctrl-C or any other exception, running work is
    abandoned at once and blocks already written stay.

    Parameters
    ----------
    tasks
        Picklable descriptions of work, such as `Block`.
    work
        Top-level (picklable) function.
    workers
        Number of processes, at least 1; 1 works in this process; None takes every processor
        available.
    progress
        Told after each task; None is silent. The caller enters and leaves it.
    size
        Number of items a task counts in ``progress``; None counts tasks.
    initializer, initargs
        Called once in each process before its first task, such as to load a model.
    scheduler
        Of a Dask cluster, see `cxaxis.runs.dask_executor`: ``tcp://host:port``, or ``local``;
        None works on this machine without Dask.

    Raises
    ------
    UserInputError
        If ``workers`` is below 1, or the scheduler cannot be used.
    WorkerDiedError
        If a worker process dies.
    """
    count = min(check_workers(workers), len(tasks))
    report = NullProgress() if progress is None else progress
    measure = size if size is not None else _one
    if scheduler is not None:
        from cxaxis.runs.dask_executor import run_on_cluster

        return run_on_cluster(
            tasks,
            work,
            scheduler=scheduler,
            workers=count,
            progress=report,
            size=measure,
            initializer=initializer,
            initargs=initargs,
        )
    if count <= 1:
        return _run_here(tasks, work, report, measure, initializer, initargs)
    return _run_pool(tasks, work, count, report, measure, initializer, initargs)


def _run_here(
    tasks: Sequence[TaskT],
    work: Callable[[TaskT], ResultT],
    progress: Progress,
    size: Callable[[TaskT], int],
    initializer: Callable[..., object] | None,
    initargs: tuple[Any, ...],
) -> Iterator[ResultT]:
    if tasks and initializer is not None:
        initializer(*initargs)
    for task in tasks:
        result = work(task)
        progress.advance(size(task))
        yield result


def _run_pool(
    tasks: Sequence[TaskT],
    work: Callable[[TaskT], ResultT],
    workers: int,
    progress: Progress,
    size: Callable[[TaskT], int],
    initializer: Callable[..., object] | None,
    initargs: tuple[Any, ...],
) -> Iterator[ResultT]:
    # Spawned, not forked: the same on every system, and safe beside threads.
    context = multiprocessing.get_context("spawn")
    watched, lifeline = context.Pipe(duplex=False)
    pool = ProcessPoolExecutor(
        workers,
        mp_context=context,
        initializer=_start_worker,
        initargs=(watched, initializer, initargs),
    )
    finished = 0
    try:
        sizes = {pool.submit(work, task): size(task) for task in tasks}
        for future in as_completed(list(sizes)):
            result = future.result()
            finished += 1
            progress.advance(sizes.pop(future))
            yield result
        pool.shutdown(wait=True)
    except BrokenProcessPool as err:
        msg = (
            f"a worker process died after {finished} of {len(tasks)} blocks; finished blocks are "
            "kept, and the same command resumes. Often the memory ran out: use fewer workers. "
            'In a script, the call must stand under `if __name__ == "__main__":`.'
        )
        raise WorkerDiedError(msg) from err
    finally:
        lifeline.close()
        pool.shutdown(wait=True, cancel_futures=True)
        watched.close()


def _start_worker(
    watched: Connection, initializer: Callable[..., object] | None, initargs: tuple[Any, ...]
) -> None:
    # Ctrl-C reaches every process of the terminal: the parent alone decides what it means.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_die_with_parent, args=[watched], daemon=True).start()
    if initializer is not None:
        initializer(*initargs)


def _die_with_parent(watched: Connection) -> None:
    # Nobody ever writes: the read returns when the parent closes its end or is killed, and
    # then neither a running block nor an orphaned process outlives it.
    try:
        watched.recv_bytes()
    except (EOFError, OSError):
        os._exit(1)


def _one(task: object) -> int:
    return 1
