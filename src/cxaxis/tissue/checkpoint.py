"""The exact state of a tissue in one file, and back.

The file is a mark, the length of a header, the header (JSON: what the state belongs to, its
numbers, and the name, type, shape, place and checksum of each array) with a checksum, then the
arrays, little-endian, in that order. All of it is checked before any of it is believed.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from cxaxis.core.errors import UserInputError, error
from cxaxis.runs.files import write_bytes_durably

_MARK: Final = b"CXTISSUE1\n"
_LENGTH: Final = 8
_DIGEST: Final = 32


@dataclass(frozen=True, kw_only=True)
class Checkpoint:
    """State of a tissue.

    Attributes
    ----------
    fingerprint
        Of the tissue, seed and software that it belongs to.
    numbers
        Counters.
    arrays
        By name.
    """

    fingerprint: str
    numbers: Mapping[str, int]
    arrays: Mapping[str, NDArray[Any]]


def write_checkpoint(path: Path, checkpoint: Checkpoint) -> None:
    """Write a state to ``path``, whole or not at all."""
    entries, parts, offset = [], [], 0
    for name, array in checkpoint.arrays.items():
        stored = np.ascontiguousarray(array)
        content = stored.astype(stored.dtype.newbyteorder("<")).tobytes()
        entries.append(
            {
                "name": name,
                "dtype": stored.dtype.newbyteorder("<").str,
                "shape": list(stored.shape),
                "offset": offset,
                "bytes": len(content),
                "sha256": hashlib.sha256(content).hexdigest(),
            }
        )
        parts.append(content)
        offset += len(content)
    document = {
        "fingerprint": checkpoint.fingerprint,
        "numbers": dict(checkpoint.numbers),
        "arrays": entries,
    }
    header = json.dumps(document, separators=(",", ":")).encode()
    length = len(header).to_bytes(_LENGTH, "little")
    digest = hashlib.sha256(length + header).digest()
    write_bytes_durably(path, b"".join([_MARK, length, header, digest, *parts]))


def read_checkpoint(path: Path) -> Checkpoint:
    """Return the state that `write_checkpoint` wrote.

    Raises
    ------
    UserInputError
        If the file is not a checkpoint, or is damaged; names the first byte that cannot be
        believed and, among arrays, the array.
    """
    content = path.read_bytes()
    at = len(_MARK)
    if content[:at] != _MARK:
        raise _damaged(path, 0, "it does not begin as a checkpoint of a tissue does")
    length = int.from_bytes(content[at : at + _LENGTH], "little")
    begin = at + _LENGTH
    end = begin + length
    if len(content) < end + _DIGEST:
        raise _damaged(path, at, f"the header does not end within the {len(content)} bytes")
    if hashlib.sha256(content[at:end]).digest() != content[end : end + _DIGEST]:
        raise _damaged(path, at, "the header was changed")
    header = json.loads(content[begin:end])
    first = end + _DIGEST
    arrays = {}
    for entry in header["arrays"]:
        place = first + entry["offset"]
        part = content[place : place + entry["bytes"]]
        if len(part) < entry["bytes"]:
            raise _damaged(path, place, f"array {entry['name']!r} is cut off", entry["bytes"])
        if hashlib.sha256(part).hexdigest() != entry["sha256"]:
            raise _damaged(path, place, f"array {entry['name']!r} was changed", entry["bytes"])
        shape = tuple(entry["shape"])
        arrays[entry["name"]] = np.frombuffer(part, dtype=entry["dtype"]).reshape(shape)
        first_free = place + entry["bytes"]
    if header["arrays"] and len(content) != first_free:
        raise _damaged(path, first_free, "something follows the last array")
    return Checkpoint(fingerprint=header["fingerprint"], numbers=header["numbers"], arrays=arrays)


def _damaged(path: Path, offset: int, what: str, length: int | None = None) -> UserInputError:
    where = f"byte {offset}" if length is None else f"bytes {offset} to {offset + length}"
    message = f"damaged at {where}: {what}. Delete the file to begin again."
    return UserInputError([error("TISSUE030", str(path), message)])
