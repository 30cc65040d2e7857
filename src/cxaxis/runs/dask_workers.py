"""What runs on the workers of a Dask cluster: a task, and who the worker is.

Imported by client, scheduler and workers alike; nothing here needs Dask to be imported first.
"""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import lru_cache
from importlib import import_module, metadata
from pathlib import Path
from platform import python_version_tuple
from typing import Any, Final

from cxaxis.core.errors import Finding, UserInputError, error

#: Their versions reach the numbers, or the bytes of the tables, or how a task travels.
PACKAGES: Final = ("distributed", "llvmlite", "numpy", "pandas", "pyarrow", "scipy")
PROCESSOR: Final = "processor"
ABSENT: Final = "none"


@dataclass(frozen=True, kw_only=True)
class Start:
    """What a worker process calls once before its first task of a run.

    Attributes
    ----------
    token
        Of this run; two starts of one token are one.
    initializer, initargs
        As in `cxaxis.runs.executor.run_blocks`.
    """

    token: str
    initializer: Callable[..., object] | None = field(default=None, compare=False)
    initargs: tuple[Any, ...] = field(default=(), compare=False)


@dataclass(frozen=True, kw_only=True)
class Errand:
    """What all tasks of a run share.

    Attributes
    ----------
    work
        Top-level function of a task.
    start
        What comes before it.
    environment
        The client's, see `environment`.
    """

    work: Callable[[Any], Any]
    start: Start
    environment: Mapping[str, str]


@dataclass(frozen=True, kw_only=True)
class Parcel:
    """What a worker sends back.

    Attributes
    ----------
    result
        What the work returned.
    files
        The finished block by file name; None if the task stores none.
    """

    result: Any
    files: Mapping[str, bytes] | None


@lru_cache(maxsize=1)
def source_digest() -> str:
    """Return a short hash of every file of the package that runs here."""
    digest = hashlib.sha256()
    root = Path(__file__).parents[1]
    for path in sorted(root.rglob("*")):
        if path.is_file() and path.suffix != ".pyc":
            digest.update(path.relative_to(root).as_posix().encode() + b"\0")
            digest.update(path.read_bytes())
    return digest.hexdigest()[:16]


@lru_cache(maxsize=1)
def environment() -> dict[str, str]:
    """Return what decides whether this process gives the bytes of another, by name."""
    from llvmlite import binding

    from cxaxis._version import __version__

    features = hashlib.sha256(binding.get_host_cpu_features().flatten().encode())
    return {
        "Python": ".".join(python_version_tuple()[:2]),
        "cxaxis": __version__,
        "cxaxis source": source_digest(),
        **{name: _version(name) for name in PACKAGES},
        PROCESSOR: f"{binding.get_host_cpu_name()}/{features.hexdigest()[:8]}",
    }


def differences(wanted: Mapping[str, str], found: Mapping[str, str]) -> list[str]:
    """Return each entry that another process has otherwise, in words; the processor aside."""
    names = [name for name in wanted if name != PROCESSOR]
    return [
        f"{name} {found.get(name, ABSENT)} there, {wanted[name]} here"
        for name in names
        if found.get(name, ABSENT) != wanted[name]
    ]


def stranger(who: str, found: list[str]) -> Finding:
    """Return the finding that a process of a cluster is not as the client is."""
    message = (
        f"has {'; '.join(found)}, so its results would not be the same. Install on both sides "
        "what one lock file says, restart the cluster, and run the same command again."
    )
    return error("RUN018", who, message)


def crowded(who: str, threads: int) -> Finding:
    """Return the finding that a worker would do several tasks at once in one process."""
    message = (
        f"has {threads} threads, and the model libraries are not safe beside themselves. Start "
        f"it with --nthreads 1, and with --nworkers {threads} for as many tasks at once."
    )
    return error("RUN019", who, message)


def perform(errand: Errand, task: Any) -> Parcel:
    """Do one task on a worker and return its result with the block it would have stored.

    The worker may be on a machine that has no such folder, or has another one of that name:
    the block is written to a folder of the worker and sent to the client.

    Raises
    ------
    UserInputError
        If this worker is not as the client is.
    """
    from cxaxis.runs.blocks import BlockStore

    worker = import_module("distributed").get_worker()
    foreign = differences(errand.environment, environment())
    if foreign:
        raise UserInputError([stranger(f"worker {worker.address}", foreign)])
    if worker.state.nthreads > 1:
        raise UserInputError([crowded(f"worker {worker.address}", worker.state.nthreads)])
    _begin(errand.start)
    store = getattr(task, "store", None)
    if not isinstance(store, BlockStore):
        return Parcel(result=errand.work(task), files=None)
    with tempfile.TemporaryDirectory(dir=worker.local_directory) as folder:
        own = replace(store, directory=Path(folder))
        result = errand.work(replace(task, store=own))
        return Parcel(result=result, files=own.take(task.block))


@lru_cache(maxsize=8)
def _begin(start: Start) -> None:
    if start.initializer is not None:
        start.initializer(*start.initargs)


def _version(name: str) -> str:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return ABSENT
