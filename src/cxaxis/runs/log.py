"""Wall times and host of a run, one JSON object a line; never part of a hash."""

from __future__ import annotations

import json
import os
import platform
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from cxaxis.core.errors import ModelValueError

LOG_NAME = "log.jsonl"

_OWN_KEYS = ("time_utc", "event", "pid")


def append_log(path: Path, event: str, **fields: object) -> None:
    """Append one line with the event, the time in UTC, the process id and ``fields``.

    A line torn by a crash is closed first, so that the lines after it stay readable.

    Raises
    ------
    ModelValueError
        If a field has the name of one that every line carries.
    """
    clash = sorted(set(fields) & set(_OWN_KEYS))
    if clash:
        msg = f"log fields {clash} are written by the log itself."
        raise ModelValueError(msg)
    record = {
        "time_utc": datetime.now(UTC).isoformat(timespec="milliseconds"),
        "event": event,
        "pid": os.getpid(),
        **fields,
    }
    line = json.dumps(record, ensure_ascii=False, default=str) + "\n"
    with path.open("ab+") as handle:
        if _ends_torn(path):
            line = "\n" + line
        handle.write(line.encode())


def append_host(path: Path, event: str, **fields: object) -> None:
    """Append a line that also names the host, operating system, Python and processors."""
    append_log(
        path,
        event,
        host=platform.node(),
        system=platform.platform(),
        python=platform.python_version(),
        processors=os.cpu_count(),
        **fields,
    )


@contextmanager
def timed(path: Path, event: str, **fields: object) -> Iterator[None]:
    """Append a line with the wall time of the body, ``wall_s``, and whether it ``succeeded``."""
    start_s = time.perf_counter()
    succeeded = False
    try:
        yield
        succeeded = True
    finally:
        wall_s = round(time.perf_counter() - start_s, 3)
        append_log(path, event, wall_s=wall_s, succeeded=succeeded, **fields)


def _ends_torn(path: Path) -> bool:
    with path.open("rb") as handle:
        if handle.seek(0, os.SEEK_END) == 0:
            return False
        handle.seek(-1, os.SEEK_END)
        return handle.read(1) != b"\n"
