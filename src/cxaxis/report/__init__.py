"""The report of a trial: one self-contained page built from a run directory.

The room and its verb share a name, so the room is callable: ``cxaxis.report(run)`` is
`cxaxis.report.page.report`.
"""

import sys
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from cxaxis.trial.run import Trial


class _Room(ModuleType):
    def __call__(self, run: "Trial | Path | str", out: Path | str | None = None) -> Path:
        """Write the report of a trial run; see `cxaxis.report.page.report`."""
        from cxaxis.report.page import report

        return report(run, out)


sys.modules[__name__].__class__ = _Room
