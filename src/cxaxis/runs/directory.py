"""A run directory from opened to complete: refused, resumed or started, never overwritten."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any

from cxaxis.core.errors import Finding, UserInputError, error
from cxaxis.core.hashing import canonical_json
from cxaxis.runs.damage import HASH_SUFFIX, Damage, damaged_blocks, tell, torn_log_lines
from cxaxis.runs.files import (
    remove_leftovers,
    temporary_target,
    write_json_durably,
    write_text_durably,
)
from cxaxis.runs.lock import DirectoryLock
from cxaxis.runs.log import LOG_NAME, append_host, append_log
from cxaxis.runs.manifest import (
    MANIFEST_NAME,
    Manifest,
    check_tables,
    is_manifest,
    read_manifest,
    run_key,
    table_records,
    write_manifest,
)

if TYPE_CHECKING:
    from cxaxis.runs.blocks import BlockStore
    from cxaxis.runs.tables import TableSchema

RUN_NAME = "run.json"
BLOCKS_NAME = "blocks"

_ABSENT = "nothing"
_SHOWN = 80


class RunState(Enum):
    """What stands at a path where a run is to be written."""

    ABSENT = "absent"
    EMPTY = "empty"
    INCOMPLETE = "incomplete"
    COMPLETE = "complete"
    FOREIGN = "foreign"


@dataclass(frozen=True, kw_only=True)
class RunStatus:
    """State of a path; ``key_parts`` only for an incomplete run, else empty."""

    state: RunState
    key_parts: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class RunDirectory:
    """An open, incomplete run. A context manager that gives its lock back on leaving.

    Attributes
    ----------
    path
        The directory; it exists.
    key_parts
        Everything that decides the content of the run, as in ``run.json``.
    run_key
        Hash of ``key_parts``.
    resumed
        Whether an earlier, interrupted run is continued.
    lock
        Keeps other processes out.
    """

    path: Path
    key_parts: Mapping[str, Any]
    run_key: str
    resumed: bool
    lock: DirectoryLock = field(repr=False, compare=False)

    def __enter__(self) -> RunDirectory:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    @property
    def log_path(self) -> Path:
        """File of wall times and host, for `append_log` and `timed`."""
        return self.path / LOG_NAME

    def block_store(self, schemas: Iterable[TableSchema]) -> BlockStore:
        """Return the store of this run's finished blocks."""
        from cxaxis.runs.blocks import BlockStore

        directory = self.path / BLOCKS_NAME
        directory.mkdir(exist_ok=True)
        return BlockStore(directory=directory, schemas=tuple(schemas))

    def write_json(self, name: str, value: object) -> Path:
        """Write a JSON file of the run, whole or not at all; return its path."""
        path = self.path / name
        write_json_durably(path, value)
        return path

    def write_text(self, name: str, text: str) -> Path:
        """Write a text file of the run, whole or not at all; return its path."""
        path = self.path / name
        write_text_durably(path, text)
        return path

    def finish(
        self, *, kind: str, title: str, seed: int, counts: Mapping[str, int], tables: Iterable[str]
    ) -> Manifest:
        """Hash the tables, write the manifest last, drop the blocks and close the directory.

        Parameters
        ----------
        kind, title, seed, counts
            As in `Manifest`.
        tables
            Names of the tables, already written as ``<name>.parquet``.

        Raises
        ------
        UserInputError
            If a table is absent; the run then stays incomplete.
        """
        manifest = Manifest(
            kind=kind,
            title=title,
            seed=seed,
            run_key=self.run_key,
            key_parts=self.key_parts,
            counts=counts,
            tables=table_records(self.path, tables),
        )
        append_log(self.log_path, "finished")
        write_manifest(self.path, manifest)
        # From here on the run is complete: what follows only tidies, and may be cut short.
        _tidy(self.path)
        self.close()
        return manifest

    def close(self) -> None:
        """Let other processes in. What is on disk stays, and resumes."""
        self.lock.release()


def inspect_run(path: Path) -> RunStatus:
    """Return what stands at ``path``, reading only."""
    if not path.exists():
        return RunStatus(state=RunState.ABSENT)
    if not path.is_dir():
        return RunStatus(state=RunState.FOREIGN)
    if is_manifest(path / MANIFEST_NAME):
        return RunStatus(state=RunState.COMPLETE)
    key_parts = _read_key_parts(path / RUN_NAME)
    if key_parts is None and (path / RUN_NAME).is_file():
        # A damaged file: the log knows the key too.
        key_parts = _logged_key_parts(path / LOG_NAME)
    if key_parts is not None:
        return RunStatus(state=RunState.INCOMPLETE, key_parts=key_parts)
    # A process killed while it wrote the very first file leaves only that temporary file.
    if all(temporary_target(entry.name) == RUN_NAME for entry in path.iterdir()):
        return RunStatus(state=RunState.EMPTY)
    return RunStatus(state=RunState.FOREIGN)


def open_run(path: Path, key_parts: Mapping[str, Any]) -> RunDirectory:
    """Start a run at ``path``, or resume the interrupted run of the same key.

    Parameters
    ----------
    path
        Directory to write; it and its parents are made if absent.
    key_parts
        JSON content that decides the result: hashes of protocol, model and parameters,
        wiring, seed, tolerances, package version.

    What an interrupted run left is checked first: each file that no longer has the hash it was
    written with is named in the log, and its block counts as not done.

    Returns
    -------
    The open directory, locked until it is finished or closed; use it with ``with``.

    Raises
    ------
    UserInputError
        If ``path`` holds a complete run, an incomplete run of another key (the first field
        that differs is named), files that are no run, or is in use by another process. What
        is there stays untouched.
    """
    parts: dict[str, Any] = json.loads(json.dumps(dict(key_parts), allow_nan=False))
    try:
        status = inspect_run(path)
    except OSError as err:
        raise _unwritable(path, err) from err
    _refuse(path, status, parts)
    lock = _lock(path)
    try:
        # Another process may have come first between the look and the lock.
        status = inspect_run(path)
        _refuse(path, status, parts)
        resumed = status.state is RunState.INCOMPLETE
        remove_leftovers(path)
        blocks = path / BLOCKS_NAME
        if blocks.is_dir():
            remove_leftovers(blocks)
        key = run_key(parts)
        keyed = {"run_key": key, "key_parts": parts}
        damages = _set_damage_aside(path) if resumed else []
        if not resumed or _read_key_parts(path / RUN_NAME) is None:
            write_json_durably(path / RUN_NAME, {"schema_version": 1, **keyed})
        if resumed:
            append_host(path / LOG_NAME, "resumed", run_key=key)
        else:
            append_host(path / LOG_NAME, "started", **keyed)
        tell(damages, path / LOG_NAME)
    except OSError as err:
        lock.release()
        raise _unwritable(path, err) from err
    except BaseException:
        lock.release()
        raise
    return RunDirectory(path=path, key_parts=parts, run_key=key, resumed=resumed, lock=lock)


def first_difference(
    stored: Mapping[str, Any], wanted: Mapping[str, Any]
) -> tuple[str, str, str] | None:
    """Return the first field that differs: its dotted name and both values as JSON.

    Fields are compared in the order of ``wanted``, then those that only ``stored`` has.
    """
    for name in [*wanted, *(name for name in stored if name not in wanted)]:
        old, new = stored.get(name, _ABSENT), wanted.get(name, _ABSENT)
        if name in stored and name in wanted:
            if canonical_json(old) == canonical_json(new):
                continue
            if isinstance(old, dict) and isinstance(new, dict):
                inner = first_difference(old, new)
                if inner is not None:
                    return f"{name}.{inner[0]}", inner[1], inner[2]
        old_text = _shown(old) if name in stored else _ABSENT
        new_text = _shown(new) if name in wanted else _ABSENT
        return name, old_text, new_text
    return None


def _set_damage_aside(path: Path) -> list[Damage]:
    """Return what is damaged in an interrupted run; blocks concerned count as not done."""
    blocks = list(damaged_blocks(path / BLOCKS_NAME))
    for item in blocks:
        (path / BLOCKS_NAME / f"{item.block}{HASH_SUFFIX}").unlink(missing_ok=True)
    found = list(blocks)
    if _read_key_parts(path / RUN_NAME) is None:
        what, cure = "the file is damaged", "it is written again from the log"
        found.append(Damage(file=path / RUN_NAME, what=what, cure=cure))
    torn = torn_log_lines(path / LOG_NAME)
    if torn:
        what = f"{torn} unreadable line{'' if torn == 1 else 's'}"
        found.append(Damage(file=path / LOG_NAME, what=what, cure="no result rests on the log"))
    return found


def _damaged_tables(path: Path) -> list[Finding]:
    """Return a finding for each table of a complete run that is not as it was written."""
    try:
        return check_tables(path, read_manifest(path))
    except UserInputError as err:
        return list(err.findings)


def _strangers(path: Path) -> str:
    names = [name for name in (RUN_NAME, MANIFEST_NAME) if (path / name).exists()]
    if not names:
        return ""
    return f"its {' and '.join(names)} cannot be read as that of a run: damaged, or not ours. So "


def _tidy(path: Path) -> None:
    """Remove from a complete run what only an unfinished one needs."""
    shutil.rmtree(path / BLOCKS_NAME, ignore_errors=True)
    (path / RUN_NAME).unlink(missing_ok=True)


def _tidy_after_kill(path: Path) -> None:
    if not (path / BLOCKS_NAME).exists() and not (path / RUN_NAME).exists():
        return
    try:
        lock = DirectoryLock.acquire(path)
    except OSError:
        return
    if lock is not None:
        _tidy(path)
        lock.release()


def _refuse(path: Path, status: RunStatus, parts: Mapping[str, Any]) -> None:
    if status.state is RunState.COMPLETE:
        # A run that was killed after its last write may still hold what it no longer needs.
        _tidy_after_kill(path)
        message = (
            "this directory holds a complete run, which is never overwritten. Choose another "
            "directory with -o, or remove this one yourself."
        )
        raise UserInputError([error("RUN002", str(path), message), *_damaged_tables(path)])
    if status.state is RunState.INCOMPLETE:
        difference = first_difference(status.key_parts, parts)
        if difference is not None:
            name, old, new = difference
            message = (
                f"this directory holds an unfinished run with another {name}: {old} there, "
                f"{new} now. Choose another directory with -o, or set {name} back to resume."
            )
            raise UserInputError([error("RUN003", str(path), message)])
    if status.state is RunState.FOREIGN:
        if path.is_dir():
            message = _strangers(path) + (
                "this directory is not empty and holds no run. Nothing of yours is overwritten: "
                "choose a new or empty directory with -o."
            )
        else:
            message = "this is a file, not a directory. Choose another name with -o."
        raise UserInputError([error("RUN004", str(path), message)])


def _lock(path: Path) -> DirectoryLock:
    try:
        path.mkdir(parents=True, exist_ok=True)
        lock = DirectoryLock.acquire(path)
    except OSError as err:
        raise _unwritable(path, err) from err
    if lock is None:
        message = (
            "another process is writing this run. Wait for it, or choose another directory with -o."
        )
        raise UserInputError([error("RUN005", str(path), message)])
    return lock


def _read_key_parts(path: Path) -> dict[str, Any] | None:
    try:
        payload = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    parts = payload.get("key_parts") if isinstance(payload, dict) else None
    if not isinstance(parts, dict) or payload.get("run_key") != run_key(parts):
        return None
    return parts


def _logged_key_parts(path: Path) -> dict[str, Any] | None:
    try:
        lines = path.read_bytes().splitlines()
    except OSError:
        return None
    for line in lines:
        try:
            record = json.loads(line)
        except ValueError:
            continue
        parts = record.get("key_parts") if isinstance(record, dict) else None
        if isinstance(parts, dict) and record.get("run_key") == run_key(parts):
            return parts
    return None


def _shown(value: object) -> str:
    text = canonical_json(value)
    return text if len(text) <= _SHOWN else text[: _SHOWN - 3] + "..."


def _unwritable(path: Path, err: OSError) -> UserInputError:
    message = f"the directory cannot be written ({err.strerror or err}). Choose another with -o."
    return UserInputError([error("RUN006", str(path), message)])
