"""Blocks of work on a Dask cluster: the results, blocks and bytes of one process.

Tasks are those of `cxaxis.runs.executor.run_blocks`. No shared folder is assumed: a worker
writes the block of a task (its ``store`` and ``block``) to a folder of its own, and the files
come back to the client, which alone writes into the run directory. Dask gives the task of a
worker that died to another one.
"""

from __future__ import annotations

import asyncio
import logging
import re
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import CancelledError
from contextlib import ExitStack, contextmanager
from importlib import import_module
from importlib.util import find_spec
from queue import Empty, SimpleQueue
from typing import Any, Final, TypeVar

from cxaxis.core.errors import Finding, UserInputError, error, raise_on_errors
from cxaxis.runs.dask_workers import (
    PROCESSOR,
    Errand,
    Parcel,
    Start,
    crowded,
    differences,
    environment,
    perform,
    stranger,
)
from cxaxis.runs.executor import WorkerDiedError
from cxaxis.runs.progress import Progress

TaskT = TypeVar("TaskT")
ResultT = TypeVar("ResultT")

LOCAL: Final = "local"
REACH_S: Final = 5.0
#: Long enough for a machine to come back, short enough not to wait for nobody all night.
NO_WORKER_S: Final = 300.0
POLL_S: Final = 5.0
_ADDRESS: Final = re.compile(r"tcp://(?:\[[0-9a-fA-F:.]+\]|[^\s:/\[\]]+):(?P<port>\d{1,5})\Z")
_KEPT: Final = "finished blocks are kept, and the same command resumes."

logger = logging.getLogger(__name__)


def scheduler_findings(scheduler: str | None) -> Iterator[Finding]:
    """Yield what is wrong with a scheduler's address, or lacks to use one; nothing is asked."""
    if scheduler is None:
        return
    match = _ADDRESS.match(scheduler)
    if scheduler != LOCAL and (match is None or not 0 < int(match["port"]) < 65536):
        message = (
            f"is {scheduler!r}. Give tcp://HOST:PORT as `dask scheduler` prints it, or "
            f"{LOCAL} for worker processes on this machine."
        )
        yield error("RUN015", "--scheduler", message)
    if find_spec("distributed") is None:
        message = (
            f"is {scheduler!r}, and Dask is not installed here. Install it with "
            "`pip install 'cxaxis[cluster]'`, or leave --scheduler out to use this machine."
        )
        yield error("RUN016", "--scheduler", message)


def check_scheduler(scheduler: str | None) -> None:
    """Ask a cluster whether it can do the work of this process; None and ``local`` always can.

    Raises
    ------
    UserInputError
        If the address has no such form, Dask is not installed, no scheduler answers, there is
        no worker, or scheduler or workers have another Python, package or number of threads.
    """
    raise_on_errors([*scheduler_findings(scheduler)])
    if scheduler is not None and scheduler != LOCAL:
        with _connected(scheduler, 1):
            pass


def run_on_cluster(
    tasks: Sequence[TaskT],
    work: Callable[[TaskT], ResultT],
    *,
    scheduler: str,
    workers: int,
    progress: Progress,
    size: Callable[[TaskT], int],
    initializer: Callable[..., object] | None = None,
    initargs: tuple[Any, ...] = (),
) -> Iterator[ResultT]:
    """Run ``work`` on every task on a cluster; yield the results in order of completion.

    A task that stores a block is a dataclass with the fields ``store`` (a
    `cxaxis.runs.blocks.BlockStore`) and ``block``; its result must not name the folder.

    Parameters
    ----------
    tasks, work, progress, size, initializer, initargs
        As in `cxaxis.runs.executor.run_blocks`; ``initializer`` is called once in each worker
        process.
    scheduler
        ``tcp://host:port``, or ``local`` for a cluster of ``workers`` processes on this machine,
        ended with the work.
    workers
        Number of local processes, at least 1.

    Raises
    ------
    UserInputError
        As `check_scheduler`.
    WorkerDiedError
        If the scheduler is lost, a task ends one worker after another, or none is left.
    """
    raise_on_errors([*scheduler_findings(scheduler)])
    if not tasks:
        return
    start = Start(token=uuid.uuid4().hex, initializer=initializer, initargs=initargs)
    # Processes that this one starts are as it is.
    wanted = {} if scheduler == LOCAL else _own_environment()
    errand = Errand(work=work, start=start, environment=wanted)
    with _connected(scheduler, workers) as client:
        done: SimpleQueue[Any] = SimpleQueue()
        waiting: dict[str, tuple[Any, TaskT]] = {}
        for task in tasks:
            # Not pure: a result may never come from another run's task of the same content.
            future = client.submit(perform, errand, task, pure=False)
            waiting[future.key] = (future, task)
        for future, _ in list(waiting.values()):
            future.add_done_callback(done.put)
        while waiting:
            future, task = waiting.pop(_next(done, client, len(waiting)).key)
            parcel = _parcel(future, len(tasks) - len(waiting) - 1, len(tasks))
            if parcel.files is not None:
                stored: Any = task
                stored.store.put(stored.block, parcel.files)
            progress.advance(size(task))
            result: ResultT = parcel.result
            yield result


@contextmanager
def _connected(scheduler: str, workers: int) -> Iterator[Any]:
    distributed = import_module("distributed")
    if scheduler != LOCAL:
        _reach(scheduler)
    with ExitStack() as stack:
        # What goes wrong becomes one message of ours; Dask would log tracebacks beside it.
        stack.enter_context(_quiet("distributed"))
        where = scheduler
        if scheduler == LOCAL:
            where = stack.enter_context(
                distributed.LocalCluster(
                    n_workers=workers,
                    threads_per_worker=1,
                    processes=True,
                    host="127.0.0.1",
                    dashboard_address="127.0.0.1:0",
                    memory_limit=None,
                    silence_logs=logging.CRITICAL,
                )
            )
        client = stack.enter_context(
            distributed.Client(where, timeout=REACH_S, set_as_default=False)
        )
        if scheduler != LOCAL:
            raise_on_errors([*_cluster_findings(client, scheduler)])
        yield client


@contextmanager
def _quiet(name: str) -> Iterator[None]:
    known = [item for item in logging.root.manager.loggerDict if f"{item}.".startswith(f"{name}.")]
    levels = {item: logging.getLogger(item).level for item in known}
    for item in known:
        logging.getLogger(item).setLevel(logging.CRITICAL)
    try:
        yield
    finally:
        for item, level in levels.items():
            logging.getLogger(item).setLevel(level)


def _reach(scheduler: str) -> None:
    async def identity() -> Mapping[str, Any]:
        async with import_module("distributed").rpc(scheduler, timeout=REACH_S) as there:
            found: Mapping[str, Any] = await asyncio.wait_for(there.identity(), REACH_S)
            return found

    try:
        kind = asyncio.run(identity()).get("type")
    except (OSError, ValueError) as err:
        message = (
            f"no scheduler answered within {REACH_S:g} s ({err}). Start one with "
            "`dask scheduler`, give the address it prints, and see that the port is open."
        )
        raise UserInputError([error("RUN017", f"--scheduler {scheduler}", message)]) from err
    if kind != "Scheduler":
        message = f"is the address of a {str(kind).lower()}. Give that of the scheduler."
        raise UserInputError([error("RUN017", f"--scheduler {scheduler}", message)])


def _cluster_findings(client: Any, scheduler: str) -> Iterator[Finding]:
    own = _own_environment()
    try:
        client.wait_for_workers(1, timeout=REACH_S)
    except TimeoutError:
        message = f"has no worker. Start one with `dask worker {scheduler} --nthreads 1`."
        yield error("RUN019", f"--scheduler {scheduler}", message)
    for address, threads in sorted(client.nthreads().items()):
        if threads > 1:
            yield crowded(f"worker {address}", threads)
    answers = _answers(client, scheduler)
    for who, said in sorted(answers.items()):
        if isinstance(said, BaseException):
            yield stranger(who, [f"no cxaxis that answers ({said})"])
        elif foreign := differences(own, said):
            yield stranger(who, foreign)
        elif who.startswith("worker") and said[PROCESSOR] != own[PROCESSOR]:
            logger.warning(
                "%s has another processor (%s there, %s here): the last digits may differ.",
                who,
                said[PROCESSOR],
                own[PROCESSOR],
            )


def _own_environment() -> Mapping[str, str]:
    return environment()


def _answers(client: Any, scheduler: str) -> dict[str, Any]:
    """Return the environment of every process of a cluster, or why there is none."""
    # A process that lacks the package cannot even take the question.
    try:
        found = client.run(environment, on_error="return")
    except Exception as err:
        found = dict.fromkeys(client.nthreads(), err)
    answers = {f"worker {address}": said for address, said in found.items()}
    try:
        answers[f"scheduler {scheduler}"] = client.run_on_scheduler(environment)
    except Exception as err:
        answers[f"scheduler {scheduler}"] = err
    return answers


def _next(done: SimpleQueue[Any], client: Any, left: int) -> Any:
    """Return the next future that is done; give up where nobody is left to do one."""
    idle_s = 0.0
    while True:
        try:
            return done.get(timeout=POLL_S)
        except Empty:
            pass
        if _has_workers(client, left):
            idle_s = 0.0
            continue
        idle_s += POLL_S
        if idle_s >= NO_WORKER_S:
            msg = f"the cluster has had no worker for {idle_s:g} s, {left} blocks to go; {_KEPT}"
            raise WorkerDiedError(msg)


def _has_workers(client: Any, left: int) -> bool:
    lost = f"the scheduler was lost with {left} blocks to go; {_KEPT}"
    if client.status != "running":
        raise WorkerDiedError(lost)
    try:
        return bool(client.nthreads())
    except (OSError, CancelledError) as err:
        raise WorkerDiedError(lost) from err


def _parcel(future: Any, finished: int, total: int) -> Parcel:
    killed = import_module("distributed").KilledWorker
    try:
        parcel: Parcel = future.result()
    except killed as err:
        msg = (
            f"a block ended one worker after another, after {finished} of {total} blocks; {_KEPT} "
            "Often the memory ran out: use fewer workers on a machine."
        )
        raise WorkerDiedError(msg) from err
    except CancelledError as err:
        msg = f"the scheduler was lost after {finished} of {total} blocks; {_KEPT}"
        raise WorkerDiedError(msg) from err
    return parcel
