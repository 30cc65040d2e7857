"""Files that are either whole or absent: write beside, flush to the disk, rename."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable
from pathlib import Path

_TEMPORARY = re.compile(r"\.(?P<name>.+)\.\d+\.tmp\Z")


def temporary_path(path: Path) -> Path:
    """Return the name under which ``path`` is written before it is renamed.

    The process id is part of the name, so that two processes never share one.
    """
    return path.with_name(f".{path.name}.{os.getpid()}.tmp")


def temporary_target(name: str) -> str | None:
    """Return the final file name of a temporary one, or None if ``name`` is not temporary."""
    match = _TEMPORARY.match(name)
    return match["name"] if match else None


def write_durably(path: Path, write: Callable[[Path], None]) -> None:
    """Let ``write`` fill a temporary file, flush it to the disk and rename it to ``path``.

    After a crash ``path`` holds its old content or the whole new content, nothing between.
    """
    temporary = temporary_path(path)
    try:
        write(temporary)
        _fsync(temporary)
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    _fsync_directory(path.parent)


def write_text_durably(path: Path, text: str) -> None:
    """Write UTF-8 text with Unix line ends to ``path``, whole or not at all."""
    write_durably(path, lambda temporary: _write_text(temporary, text))


def write_bytes_durably(path: Path, content: bytes) -> None:
    """Write bytes to ``path``, whole or not at all."""

    def write(temporary: Path) -> None:
        temporary.write_bytes(content)

    write_durably(path, write)


def write_json_durably(path: Path, value: object) -> None:
    """Write indented JSON to ``path``, keys in the order given, NaN and infinity refused.

    Raises
    ------
    ValueError
        If ``value`` holds NaN or infinity; nothing is written.
    """
    text = json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False)
    write_text_durably(path, text + "\n")


def remove_leftovers(directory: Path) -> None:
    """Remove the temporary files that a killed process left in ``directory``."""
    for entry in directory.iterdir():
        if temporary_target(entry.name) is not None and entry.is_file():
            entry.unlink(missing_ok=True)


def _write_text(path: Path, text: str) -> None:
    with path.open("w", encoding="utf-8", newline="\n") as handle:
        handle.write(text)


def _fsync(path: Path) -> None:
    # Opened for writing because Windows flushes only such handles.
    with path.open("rb+") as handle:
        os.fsync(handle.fileno())


def _fsync_directory(directory: Path) -> None:
    # The rename itself lives in the directory; systems that cannot open one need no flush.
    try:
        descriptor = os.open(directory, os.O_RDONLY)
    except OSError:
        return
    try:
        os.fsync(descriptor)
    except OSError:
        return
    finally:
        os.close(descriptor)
