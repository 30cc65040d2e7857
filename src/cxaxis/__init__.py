"""cxaxis: an executable, evidence-linked model of the CXCL12/CXCR4 axis in oesophageal cancer.

Research software: it predicts what its assumptions imply, never what a patient will do.

The names below are the whole public surface; each is imported when it is first used, so that
``import cxaxis`` and ``cxaxis --help`` stay quick.
"""

from importlib import import_module
from typing import TYPE_CHECKING

from cxaxis._version import __version__

if TYPE_CHECKING:
    from cxaxis.cell.bench import run_assay
    from cxaxis.claims.run import judge
    from cxaxis.cohort.sample import sample_cohort
    from cxaxis.models.build import load_model
    from cxaxis.report.cite import cite
    from cxaxis.report.page import report
    from cxaxis.trial.run import run_trial

__all__ = [
    "__version__",
    "cite",
    "judge",
    "load_model",
    "report",
    "run_assay",
    "run_trial",
    "sample_cohort",
]

_HOMES = {
    "cite": "cxaxis.report.cite",
    "judge": "cxaxis.claims.run",
    "load_model": "cxaxis.models.build",
    "run_assay": "cxaxis.cell.bench",
    "run_trial": "cxaxis.trial.run",
    "sample_cohort": "cxaxis.cohort.sample",
}


def __getattr__(name: str) -> object:
    if name == "report":
        # The room and the verb share a name, so the room itself is callable: whichever was
        # imported first, `cxaxis.report` is one object.
        return import_module("cxaxis.report")
    home = _HOMES.get(name)
    if home is None:
        msg = f"module 'cxaxis' has no attribute {name!r}. Public names: {', '.join(__all__)}."
        raise AttributeError(msg)
    return getattr(import_module(home), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
