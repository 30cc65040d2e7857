"""The engines by name: a name can stand in an option, a task and the key of a run."""

from __future__ import annotations

import multiprocessing
from typing import Final

from cxaxis.core.errors import ModelValueError
from cxaxis.core.ids import did_you_mean
from cxaxis.engine.protocol import Engine

POPULATION: Final = "population"
REFERENCE: Final = "reference"
ENGINES: Final = (POPULATION, REFERENCE)


def check_engine(name: str) -> None:
    """Raise `ModelValueError` if there is no engine of that name, naming the nearest."""
    if name not in ENGINES:
        msg = f"there is no engine {name!r}. {did_you_mean(name, ENGINES)}"
        raise ModelValueError(msg)


def engine_named(name: str = POPULATION) -> Engine:
    """Return an engine.

    Parameters
    ----------
    name
        ``population``, or ``reference``: slower and independent of it, for cross-checks.

    Returns
    -------
    Engine
        Within a worker process it uses one thread: the other processors have workers too.

    Raises
    ------
    ModelValueError
        If there is no engine of that name, naming the nearest.
    UserInputError
        If the reference engine is asked for and not installed, with the cure.
    """
    check_engine(name)
    # Either engine brings a compiler, which takes a moment to load.
    if name == REFERENCE:
        from cxaxis.engine.reference import ReferenceEngine

        return ReferenceEngine()
    from cxaxis.engine.population import PopulationEngine

    return PopulationEngine(threads=1 if multiprocessing.parent_process() else None)
