"""The report of a trial: one self-contained page built from a run directory.

The room and its verb share a name, so the room is callable: ``cxaxis.report(run_dir)`` is
`cxaxis.report.page.report`.
"""

import sys
from pathlib import Path
from types import ModuleType


class _Room(ModuleType):
    def __call__(self, run_dir: Path | str, out: Path | str | None = None) -> Path:
        """Write the report of a trial run; see `cxaxis.report.page.report`."""
        from cxaxis.report.page import report

        return report(run_dir, out)


sys.modules[__name__].__class__ = _Room
