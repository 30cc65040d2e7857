"""The manifest: written last, it makes a run complete and pins its tables by hash."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, TypeVar

from cxaxis.core.errors import Finding, ModelValueError, UserInputError, error
from cxaxis.core.hashing import sha256_file, sha256_of
from cxaxis.runs.files import write_json_durably

MANIFEST_NAME = "manifest.json"

_T = TypeVar("_T")


@dataclass(frozen=True, kw_only=True)
class TableRecord:
    """Number of rows and sha256 of one table file."""

    rows: int
    sha256: str


@dataclass(frozen=True, kw_only=True)
class Manifest:
    """What a complete run is and what it holds.

    Attributes
    ----------
    kind
        What was run, such as ``trial``.
    title
        One line for people.
    seed
        Seed of every random stream.
    run_key
        Hash of ``key_parts``.
    key_parts
        Everything that decides the content of the run.
    counts
        Number of items by outcome.
    tables
        Record of each Parquet table, by table name.
    """

    SCHEMA_VERSION: ClassVar[int] = 1

    kind: str
    title: str
    seed: int
    run_key: str
    key_parts: Mapping[str, Any]
    counts: Mapping[str, int]
    tables: Mapping[str, TableRecord]

    def __post_init__(self) -> None:
        if self.run_key != run_key(self.key_parts):
            msg = "run_key is not the hash of key_parts."
            raise ModelValueError(msg)


def run_key(key_parts: Mapping[str, Any]) -> str:
    """Return the run key: sha256 of the canonical JSON of everything that decides a result."""
    return sha256_of(dict(key_parts))


def table_records(directory: Path, names: Iterable[str]) -> dict[str, TableRecord]:
    """Return the record of each table file ``<name>.parquet`` in ``directory``.

    Raises
    ------
    UserInputError
        If a table is absent or not Parquet.
    """
    # The Parquet library loads in a second; reading a manifest must not wait for it.
    from cxaxis.runs.tables import count_rows

    records = {}
    for name in sorted(names):
        path = directory / f"{name}.parquet"
        records[name] = TableRecord(rows=count_rows(path), sha256=sha256_file(path))
    return records


def write_manifest(directory: Path, manifest: Manifest) -> Path:
    """Write ``manifest.json`` whole or not at all; return its path."""
    path = directory / MANIFEST_NAME
    payload = {
        "schema_version": Manifest.SCHEMA_VERSION,
        "kind": manifest.kind,
        "title": manifest.title,
        "complete": True,
        "seed": manifest.seed,
        "run_key": manifest.run_key,
        "key_parts": dict(manifest.key_parts),
        "counts": dict(sorted(manifest.counts.items())),
        "tables": {
            name: {"rows": record.rows, "sha256": record.sha256}
            for name, record in sorted(manifest.tables.items())
        },
    }
    write_json_durably(path, payload)
    return path


def is_manifest(path: Path) -> bool:
    """Return whether ``path`` is the manifest of a complete run, of any schema version."""
    try:
        payload = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False
    return isinstance(payload, dict) and payload.get("complete") is True and "run_key" in payload


def read_manifest(directory: Path) -> Manifest:
    """Read the manifest of a complete run directory.

    Raises
    ------
    UserInputError
        If there is none (not a run, or an incomplete one), or it cannot be used.
    """
    path = directory / MANIFEST_NAME
    if not path.is_file():
        message = (
            f"there is no {MANIFEST_NAME}, so this is not a complete run. Give the directory of "
            "a finished run; an interrupted one is finished by the command that started it."
        )
        raise UserInputError([error("RUN007", str(directory), message)])
    try:
        payload = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as err:
        message = f"the manifest cannot be read ({err}). Run again into a new directory."
        raise UserInputError([error("RUN008", str(path), message)]) from err
    version = payload.get("schema_version") if isinstance(payload, dict) else None
    if version != Manifest.SCHEMA_VERSION:
        message = (
            f"schema_version is {version!r}, this version reads {Manifest.SCHEMA_VERSION}. "
            "Run again into a new directory, or use the version that wrote the run."
        )
        raise UserInputError([error("RUN008", str(path), message)])
    try:
        return Manifest(
            kind=_typed(payload, "kind", str),
            title=_typed(payload, "title", str),
            seed=_typed(payload, "seed", int),
            run_key=_typed(payload, "run_key", str),
            key_parts=_typed(payload, "key_parts", dict),
            counts={
                name: _typed(payload["counts"], name, int)
                for name in _typed(payload, "counts", dict)
            },
            tables={
                name: TableRecord(
                    rows=_typed(record, "rows", int), sha256=_typed(record, "sha256", str)
                )
                for name, record in _typed(payload, "tables", dict).items()
            },
        )
    except ValueError as err:
        message = f"the manifest has been changed: {err} Run again into a new directory."
        raise UserInputError([error("RUN008", str(path), message)]) from err


def check_tables(directory: Path, manifest: Manifest) -> list[Finding]:
    """Return a finding for each table that is missing or no longer has its hash."""
    findings = []
    for name, record in sorted(manifest.tables.items()):
        path = directory / f"{name}.parquet"
        if not path.is_file():
            message = "the table is missing. Run again into a new directory."
            findings.append(error("RUN009", str(path), message))
        elif sha256_file(path) != record.sha256:
            message = "the table was changed after the run. Run again into a new directory."
            findings.append(error("RUN009", str(path), message))
    return findings


def _typed(payload: object, key: str, kind: type[_T]) -> _T:
    value = payload.get(key) if isinstance(payload, dict) else None
    # JSON true is an int to Python, but never a count.
    if not isinstance(value, kind) or isinstance(value, bool):
        msg = f"{key!r} should be {kind.__name__}, found {value!r}."
        raise ModelValueError(msg)
    return value
