"""Files of an interrupted run that are no longer what was written: named, then made again."""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from cxaxis.core.hashing import sha256_file
from cxaxis.runs.log import append_log

HASH_SUFFIX: Final = ".sha256"

_HASH_LINE = re.compile(r"(?P<sha256>[0-9a-f]{64})  (?P<file>\S+)\Z")

logger = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class Damage:
    """One file of a run that cannot be trusted.

    Attributes
    ----------
    file
        The damaged file.
    block
        Name of the block it belongs to, empty for none.
    what
        What is wrong with it.
    cure
        What is done about it.
    """

    file: Path
    what: str
    cure: str
    block: str = ""


def read_hashes(path: Path) -> dict[str, str] | None:
    """Return the sha256 of each file that a hash file lists; None if any of it is unreadable."""
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError):
        return None
    matches = [_HASH_LINE.match(line) for line in lines]
    found = {match["file"]: match["sha256"] for match in matches if match}
    return found if found and len(found) == len(lines) else None


def damaged_blocks(directory: Path) -> Iterator[Damage]:
    """Yield what no longer has the hash it was written with, by block.

    A table without a hash file is no damage: its block was being written when the run ended.

    Parameters
    ----------
    directory
        Folder of a `cxaxis.runs.blocks.BlockStore`.
    """
    for path in sorted(directory.glob(f"*{HASH_SUFFIX}")):
        listed = read_hashes(path)
        if listed is None:
            yield _in_block(path.stem, path, "the list of hashes is damaged")
            continue
        present = {file.name for file in directory.glob(f"{path.stem}.*")} - {path.name}
        for name in sorted(present - set(listed)):
            yield _in_block(path.stem, path, f"the list of hashes lacks {name}")
        for name, expected in listed.items():
            file = directory / name
            if not file.is_file():
                yield _in_block(path.stem, file, "the file is missing")
            elif (found := sha256_file(file)) != expected:
                what = f"sha256 is {found[:12]}..., that written {expected[:12]}..."
                yield _in_block(path.stem, file, what)


def torn_log_lines(path: Path) -> int:
    """Return how many lines of a log cannot be read."""
    try:
        lines = path.read_bytes().splitlines()
    except OSError:
        return 0
    return sum(not _is_json(line) for line in lines)


def tell(damages: Sequence[Damage], log_path: Path) -> None:
    """Name each damaged file in the run's log and to the user."""
    for item in damages:
        file = item.file.relative_to(log_path.parent).as_posix()
        append_log(log_path, "damaged", file=file, what=item.what, cure=item.cure)
        logger.warning("%s: %s; %s.", item.file, item.what, item.cure)


def _in_block(block: str, file: Path, what: str) -> Damage:
    return Damage(file=file, block=block, what=what, cure="its block is computed again")


def _is_json(line: bytes) -> bool:
    try:
        json.loads(line)
    except ValueError:
        return False
    return True
