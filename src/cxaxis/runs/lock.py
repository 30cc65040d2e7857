"""One process at a time in a run directory; the lock ends with the process, however it ends."""

from __future__ import annotations

import os
import sys
from pathlib import Path


class DirectoryLock:
    """Advisory lock on a directory, held until `release` or the end of the process.

    The lock lives in the operating system and leaves no file behind. Where directories cannot
    be locked (Windows, some network file systems) it always succeeds.
    """

    def __init__(self, descriptor: int | None) -> None:
        self._descriptor = descriptor

    @classmethod
    def acquire(cls, directory: Path) -> DirectoryLock | None:
        """Return the lock on an existing directory, or None if another holder has it."""
        if sys.platform == "win32":
            return cls(None)
        import fcntl

        descriptor = os.open(directory, os.O_RDONLY)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(descriptor)
            return None
        except OSError:
            os.close(descriptor)
            return cls(None)
        return cls(descriptor)

    def release(self) -> None:
        """Give the lock back; a second call does nothing."""
        descriptor, self._descriptor = self._descriptor, None
        if descriptor is not None:
            os.close(descriptor)
