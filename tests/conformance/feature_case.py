"""What a feature case is: a small model with an exact solution."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache

import antimony
import numpy as np

from cxaxis.core.arrays import FloatArray

Exact = Callable[[FloatArray], FloatArray | float]
TIMES = tuple(float(t) for t in np.linspace(0.0, 4.0, 17))


@dataclass(frozen=True, kw_only=True)
class FeatureCase:
    """A small model and its exact solution.

    Attributes
    ----------
    name
        What the case shows.
    antimony
        The model in Antimony, the lines between ``model`` and ``end``; else ``sbml``.
    sbml
        The model in SBML, where Antimony has no words for it.
    before
        Antimony in front of the model: functions and other models.
    exact
        Solution of each read-out as a function of time, shape ``(n_time,)``.
    times
        Where it is read. Moments at which an event makes a value jump are left out.
    """

    name: str
    exact: Mapping[str, Exact] = field(repr=False)
    antimony: str = field(default="", repr=False)
    sbml: str = field(default="", repr=False)
    before: str = field(default="", repr=False)
    times: tuple[float, ...] = field(default=TIMES, repr=False)
    submodels: bool = False

    def text(self) -> str:
        """Return the model as SBML."""
        if self.sbml:
            return self.sbml
        return to_sbml(
            f"{self.before}\nmodel main_model()\n{self.antimony}\nend\n", submodels=self.submodels
        )

    def solution(self) -> FloatArray:
        """Return the exact values, shape ``(n_time, n_output)``."""
        clock = np.array(self.times)
        columns = [np.broadcast_to(exact(clock), clock.shape) for exact in self.exact.values()]
        return np.column_stack(columns).astype(np.float64)


@lru_cache(maxsize=256)
def to_sbml(text: str, *, submodels: bool = False) -> str:
    """Return an Antimony text as SBML, its submodels kept apart where asked for."""
    antimony.clearPreviousLoads()
    if antimony.loadAntimonyString(text) < 0:
        raise ValueError(antimony.getLastError())
    made = antimony.getCompSBMLString("main_model") if submodels else antimony.getSBMLString()
    return str(made)


MATH = 'xmlns="http://www.w3.org/1998/Math/MathML"'


def level_2(body: str) -> str:
    """Return a document of Level 2 Version 4 around the lists of a model."""
    return (
        '<?xml version="1.0" encoding="UTF-8"?>'
        '<sbml xmlns="http://www.sbml.org/sbml/level2/version4" level="2" version="4">'
        f'<model id="m">{body}</model></sbml>'
    )


def level_1(body: str) -> str:
    """Return a document of Level 1 Version 2 around the lists of a model."""
    return (
        '<?xml version="1.0" encoding="UTF-8"?>'
        '<sbml xmlns="http://www.sbml.org/sbml/level1" level="1" version="2">'
        f'<model name="m">{body}</model></sbml>'
    )


def level_3(body: str, attributes: str = "") -> str:
    """Return a document of Level 3 Version 2 around the lists of a model."""
    return (
        '<?xml version="1.0" encoding="UTF-8"?>'
        '<sbml xmlns="http://www.sbml.org/sbml/level3/version2/core" level="3" version="2">'
        f'<model id="m" {attributes}>{body}</model></sbml>'
    )
