"""Populations that control arms of published trials speak for.

About fifteen population parameters were fitted to outcomes; the rest keep their prior, in each
draw those of `draw_theta` with the seed of the calibration.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from cxaxis.cohort.population import Theta, central_theta, draw_theta
from cxaxis.core.errors import error, raise_on_errors
from cxaxis.knowledge.parameters import Parameter
from cxaxis.knowledge.posteriors import OUTCOME_COMMAND, OUTCOME_SEED, load_outcome_posterior


def posterior_draw(
    parameters: Mapping[str, Parameter], draw: int, *, path: Path | None = None
) -> Theta:
    """Return one population of the posterior, in the units of the rows.

    Parameters
    ----------
    parameters
        Rows that the population is drawn from; a row may be left out, and its value then is.
    draw
        Number of the draw, from 0.
    path
        File of the draws; None reads the one that ships with the package.

    Raises
    ------
    UserInputError
        If there are no draws, or there is none of that number.
    """
    draws = load_outcome_posterior(path)
    if draw not in draws:
        message = f"has no draw {draw}; it has {len(draws)}, from 0. Ask for fewer, or write more."
        raise_on_errors([error("POST003", OUTCOME_COMMAND, message)])
    theta = draw_theta(parameters, seed=OUTCOME_SEED, draw=draw)
    return {**theta, **_known(draws[draw], parameters)}


def calibrated_theta(parameters: Mapping[str, Parameter], *, path: Path | None = None) -> Theta:
    """Return the middle of the posterior: medians of what was fitted, tabled values else.

    Raises
    ------
    UserInputError
        If there are no draws.
    """
    draws = list(load_outcome_posterior(path).values())
    middle = {name: float(np.median([draw[name] for draw in draws])) for name in draws[0]}
    return {**central_theta(parameters), **_known(middle, parameters)}


def _known(values: Mapping[str, float], parameters: Mapping[str, Parameter]) -> dict[str, float]:
    return {name: value for name, value in values.items() if name in parameters}
