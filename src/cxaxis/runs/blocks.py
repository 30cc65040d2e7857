"""Fixed blocks of work, each stored whole with its sha256 beside it, so that a run can resume."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from cxaxis.core.errors import ModelValueError
from cxaxis.core.hashing import sha256_file
from cxaxis.runs.damage import HASH_SUFFIX, read_hashes
from cxaxis.runs.files import write_bytes_durably, write_text_durably
from cxaxis.runs.tables import TableSchema, empty_frame, read_table, write_table

BLOCK_SIZE = 64

_GROUP = re.compile(r"[A-Za-z0-9_-]+\Z")


@dataclass(frozen=True, kw_only=True)
class Block:
    """A fixed share of the work of one group, such as one arm.

    Attributes
    ----------
    group
        Letters, digits, ``_`` and ``-``.
    index
        Place among the blocks of the group, 0 first.
    start, stop
        Half-open range of item indices.
    """

    group: str
    index: int
    start: int
    stop: int

    def __post_init__(self) -> None:
        if not _GROUP.match(self.group):
            msg = f"group {self.group!r} may hold letters, digits, '_' and '-' only."
            raise ModelValueError(msg)
        if self.index < 0 or not 0 <= self.start < self.stop:
            msg = (
                f"block {self.index} of {self.group!r} has no items in [{self.start}, {self.stop})."
            )
            raise ModelValueError(msg)

    @property
    def name(self) -> str:
        """Stem of the block's files."""
        return f"{self.group}-{self.index:05d}"

    @property
    def size(self) -> int:
        """Number of items."""
        return self.stop - self.start


def block_ranges(n: int, size: int = BLOCK_SIZE) -> tuple[range, ...]:
    """Cut ``n`` items into consecutive ranges of ``size``; the last one may be shorter.

    The cut depends on ``n`` and ``size`` alone, never on the number of workers.

    Raises
    ------
    ModelValueError
        If ``n`` is negative or ``size`` is below 1.
    """
    if n < 0 or size < 1:
        msg = f"n must be at least 0 and size at least 1, got n={n!r}, size={size!r}."
        raise ModelValueError(msg)
    return tuple(range(start, min(start + size, n)) for start in range(0, n, size))


def blocks_of(group: str, n: int, size: int = BLOCK_SIZE) -> tuple[Block, ...]:
    """Return the blocks of a group of ``n`` items, in order."""
    return tuple(
        Block(group=group, index=index, start=items.start, stop=items.stop)
        for index, items in enumerate(block_ranges(n, size))
    )


@dataclass(frozen=True, kw_only=True)
class BlockStore:
    """The finished blocks of a run on disk. Picklable: workers write their own blocks.

    A block is one Parquet file per schema and a ``.sha256`` file in the form of ``sha256sum``,
    written last. A block whose hashes are absent or do not match counts as not done.

    Attributes
    ----------
    directory
        Existing directory.
    schemas
        The tables that every block holds.
    """

    directory: Path
    schemas: tuple[TableSchema, ...]

    def __post_init__(self) -> None:
        names = [schema.name for schema in self.schemas]
        if not names or len(set(names)) < len(names):
            msg = f"a block needs at least one table and no name twice, got {names}."
            raise ModelValueError(msg)

    def write(self, block: Block, frames: Mapping[str, pd.DataFrame]) -> None:
        """Store a finished block, one frame per schema (keyed by table name).

        Raises
        ------
        ModelValueError
            If a table is missing or unknown, or a frame does not fit its schema.
        """
        names = [schema.name for schema in self.schemas]
        if set(frames) != set(names):
            msg = f"block {block.name}: got tables {sorted(frames)}, expected {sorted(names)}."
            raise ModelValueError(msg)
        # The hashes of an earlier attempt go first: they must never vouch for new files.
        self._hash_path(block).unlink(missing_ok=True)
        lines = []
        for schema in self.schemas:
            path = self._table_path(block, schema)
            write_table(frames[schema.name], path, schema)
            lines.append(f"{sha256_file(path)}  {path.name}\n")
        write_text_durably(self._hash_path(block), "".join(lines))

    def take(self, block: Block) -> dict[str, bytes]:
        """Return the files of a finished block by name, to be put into another store.

        Raises
        ------
        ModelValueError
            If the block is not finished.
        """
        if not self.is_finished(block):
            msg = f"block {block.name} is not finished."
            raise ModelValueError(msg)
        return {path.name: path.read_bytes() for path in self._paths(block)}

    def put(self, block: Block, files: Mapping[str, bytes]) -> None:
        """Store a block that `take` returned elsewhere, byte for byte.

        Raises
        ------
        ModelValueError
            If a file is missing or unknown, or was changed on its way. The block then counts as
            not done.
        """
        paths = self._paths(block)
        if set(files) != {path.name for path in paths}:
            msg = f"block {block.name}: got files {sorted(files)}."
            raise ModelValueError(msg)
        self._hash_path(block).unlink(missing_ok=True)
        for path in paths:
            write_bytes_durably(path, files[path.name])
        if not self.is_finished(block):
            self._hash_path(block).unlink()
            msg = f"block {block.name} was changed on its way here."
            raise ModelValueError(msg)

    def is_finished(self, block: Block) -> bool:
        """Return whether every file of the block is there with the hash beside it."""
        expected = self._hashes(block)
        paths = [self._table_path(block, schema) for schema in self.schemas]
        if set(expected) != {path.name for path in paths}:
            return False
        return all(path.is_file() and sha256_file(path) == expected[path.name] for path in paths)

    def missing(self, blocks: Iterable[Block]) -> tuple[Block, ...]:
        """Return the blocks still to be computed, in the order given."""
        return tuple(block for block in blocks if not self.is_finished(block))

    def load_blocks(self, blocks: Iterable[Block]) -> dict[str, pd.DataFrame]:
        """Return each table, concatenated in the order of ``blocks``, keyed by table name.

        Raises
        ------
        ModelValueError
            If a block is not finished.
        """
        order = tuple(blocks)
        missing = self.missing(order)
        if missing:
            names = ", ".join(block.name for block in missing[:5])
            msg = f"{len(missing)} of {len(order)} blocks are not finished, first {names}."
            raise ModelValueError(msg)
        return {
            schema.name: _concatenate(
                schema, [read_table(self._table_path(block, schema), schema) for block in order]
            )
            for schema in self.schemas
        }

    def _paths(self, block: Block) -> list[Path]:
        # The hashes last: they make the block finished.
        tables = [self._table_path(block, schema) for schema in self.schemas]
        return [*tables, self._hash_path(block)]

    def _table_path(self, block: Block, schema: TableSchema) -> Path:
        return self.directory / f"{block.name}.{schema.file_name}"

    def _hash_path(self, block: Block) -> Path:
        return self.directory / f"{block.name}{HASH_SUFFIX}"

    def _hashes(self, block: Block) -> dict[str, str]:
        return read_hashes(self._hash_path(block)) or {}


def _concatenate(schema: TableSchema, frames: list[pd.DataFrame]) -> pd.DataFrame:
    # Empty parts carry no rows but would take part in pandas' choice of the common type.
    parts = [frame for frame in frames if len(frame)]
    return pd.concat(parts, ignore_index=True) if parts else empty_frame(schema)
