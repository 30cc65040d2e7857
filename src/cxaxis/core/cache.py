"""Where work is kept that any run can do again: compiled models, checks that passed."""

from __future__ import annotations

import os
from pathlib import Path


def cache_directory() -> Path:
    """Return where such work is kept: ``CXAXIS_CACHE_DIR`` or the user's cache."""
    given = os.environ.get("CXAXIS_CACHE_DIR")
    if given:
        return Path(given)
    base = os.environ.get("XDG_CACHE_HOME")
    return (Path(base) if base else Path.home() / ".cache") / "cxaxis"
