"""Where work is kept that any run can do again: compiled models, checks that passed."""

from __future__ import annotations

import hashlib
import os
import tempfile
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Final

_DIGEST_SIZE: Final = 20


def cache_directory() -> Path:
    """Return where such work is kept: ``CXAXIS_CACHE_DIR`` or the user's cache."""
    given = os.environ.get("CXAXIS_CACHE_DIR")
    if given:
        return Path(given)
    base = os.environ.get("XDG_CACHE_HOME")
    return (Path(base) if base else Path.home() / ".cache") / "cxaxis"


def kept(folder: str, name: str, make: Callable[[], bytes]) -> bytes:
    """Return what ``make`` gives, from the cache if it is there.

    Parameters
    ----------
    folder
        Of the cache, one for each kind of work.
    name
        Of the file: a hash of everything that the work depends on, its code included.
    make
        Does the work; what it raises is passed on, and nothing is kept then.

    Notes
    -----
    A damaged file is made anew, and a cache that cannot be written is done without.
    """
    path = cache_directory() / folder / name
    with suppress(OSError):
        content = path.read_bytes()
        if _digest(content[_DIGEST_SIZE:]) == content[:_DIGEST_SIZE]:
            return content[_DIGEST_SIZE:]
    body = make()
    with suppress(OSError):
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=path.parent, delete=False) as file:
            file.write(_digest(body) + body)
        Path(file.name).replace(path)
    return body


def _digest(body: bytes) -> bytes:
    return hashlib.blake2b(body, digest_size=_DIGEST_SIZE).digest()
