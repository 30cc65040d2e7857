"""All response functions of one set, fitted one after the other.

What an output is fitted to is the bench at rest, worked out exactly at many points of the box.
Outputs that follow others take them as fitted, so that a later fit makes good part of what an
earlier one missed.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np

from cxaxis.cell.reduction_fit import FLOOR, PowerRatio, first_guess, fitted, misfit
from cxaxis.cell.reduction_rest import Rest, rest_states
from cxaxis.cell.reduction_sampling import box_points, corner_points, evaluated
from cxaxis.core.arrays import FloatArray
from cxaxis.knowledge.response_box import ResponseInput, ResponseOutput

FIT_SEED: Final = 4096
N_FIT: Final = 2048
# Further points that no fit sees and that choose among fits.
CHOICE_SEED: Final = 1024
N_CHOICE: Final = 1024
_N_START: Final = 4
_FIRST_STEPS: Final = 40
_COLD_STEPS: Final = 150
_WARM_STEPS: Final = 50
_WARM_ROUNDS: Final = 2
# A fit that ends with more than this is begun anew, so many times at most.
_GOOD: Final = 0.06
_MOST_TRIES: Final = 3
_SIGNIFICANT: Final = 7

Points = Mapping[str, FloatArray]


@dataclass(frozen=True, kw_only=True)
class ResponseFit:
    """The response functions of one wiring and draw.

    Attributes
    ----------
    inputs, outputs
        By id.
    ratios
        Output -> its function of the logarithms of its drivers; none for an output that follows
        from others by a formula.
    """

    inputs: Mapping[str, ResponseInput] = field(repr=False)
    outputs: Mapping[str, ResponseOutput] = field(repr=False)
    ratios: Mapping[str, PowerRatio] = field(repr=False)

    def shares(self, points: Points) -> FloatArray:
        """Return the outputs at points, each clamped to the box.

        Parameters
        ----------
        points
            Input -> values, shape ``(n,)``.

        Returns
        -------
        FloatArray
            Shares of full scale, shape ``(n, n_output)``.
        """
        values = self.clamped(points)
        for name, item in self.outputs.items():
            if item.is_given:
                values[name] = evaluated(item.given, values)
            else:
                values[name] = self.ratios[name].at(driver_logs(item, values))
        return np.column_stack([values[name] for name in self.outputs])

    def clamped(self, points: Points) -> dict[str, Any]:
        """Return the points with what lies beyond the box put at its edge."""
        return {
            name: np.clip(points[name], item.low, item.high) for name, item in self.inputs.items()
        }


def driver_logs(item: ResponseOutput, values: Mapping[str, Any]) -> FloatArray:
    """Return the logarithms of what an output depends on, shape ``(n, n_driver)``."""
    logs = np.log(np.column_stack([evaluated(text, values) for text in item.via]))
    return np.asarray(logs, dtype=np.float64)


def fitting_points(inputs: Mapping[str, ResponseInput]) -> dict[str, FloatArray]:
    """Return the points of the fit (a Sobol set and the corners of the box), then of the choice."""
    parts = (
        box_points(inputs, N_FIT, seed=FIT_SEED),
        corner_points(inputs),
        box_points(inputs, N_CHOICE, seed=CHOICE_SEED),
    )
    return {name: np.concatenate([part[name] for part in parts]) for name in inputs}


def fit_responses(
    rest: Rest, constants: Mapping[str, float], start: ResponseFit | None = None
) -> ResponseFit:
    """Return the response functions for one set of constants.

    Parameters
    ----------
    rest
        The bench at rest.
    constants
        Every constant of the bench, in its own units.
    start
        Functions of a set like this one, from which the fit begins.
    """
    points = fitting_points(rest.inputs)
    shares = rest_states(rest, constants, points).shares
    n_fit = len(shares) - N_CHOICE
    values: dict[str, Any] = dict(points)
    ratios: dict[str, PowerRatio] = {}
    for k, (name, item) in enumerate(rest.outputs.items()):
        if item.is_given:
            values[name] = evaluated(item.given, values)
            continue
        logs = driver_logs(item, values)
        low, high = logs.min(axis=0), logs.max(axis=0)
        middle, half = (high + low) / 2, np.maximum((high - low) / 2, 1e-9)
        before = None if start is None else start.ratios[name].unscaled(middle, half)
        found = _fit((logs - middle) / half, shares[:, k], item.n_term, n_fit, before)
        ratios[name] = _rounded(found.rescaled(middle, half))
        values[name] = ratios[name].at(logs)
    return ResponseFit(inputs=rest.inputs, outputs=rest.outputs, ratios=ratios)


def _fit(
    scaled: FloatArray, share: FloatArray, n_term: int, n_fit: int, before: PowerRatio | None
) -> PowerRatio:
    """Return the ratio fitted to the first points, chosen by all of them."""
    near, known = scaled[:n_fit], share[:n_fit]

    def worst(ratio: PowerRatio) -> float:
        return misfit(ratio.at(scaled), share).worst

    found = []
    if before is not None:
        found.append(fitted(near, known, before, n_step=_WARM_STEPS, n_round=_WARM_ROUNDS))
    rng = np.random.default_rng(FIT_SEED)
    for _ in range(_MOST_TRIES):
        if found and worst(found[-1]) < _GOOD:
            break
        starts = [
            fitted(
                near, known, first_guess(near, known, n_term, rng), n_step=_FIRST_STEPS, n_round=1
            )
            for _ in range(_N_START)
        ]
        best = min(starts, key=lambda item: float(np.mean(_relative(item.at(near), known) ** 2)))
        found.append(fitted(near, known, best, n_step=_COLD_STEPS))
    return min(found, key=worst)


def _relative(found: FloatArray, share: FloatArray) -> FloatArray:
    return np.asarray((found - share) / (share + FLOOR), dtype=np.float64)


def _rounded(ratio: PowerRatio) -> PowerRatio:
    """Return the ratio with its numbers as the tables hold them."""
    return PowerRatio(
        offsets=_cut(ratio.offsets), powers=_cut(ratio.powers), levels=_cut(ratio.levels)
    )


def _cut(values: FloatArray) -> FloatArray:
    texts = [f"{value:.{_SIGNIFICANT}g}" for value in values.ravel().tolist()]
    return np.array([float(text) for text in texts]).reshape(values.shape)


def fitted_outputs(outputs: Mapping[str, ResponseOutput]) -> dict[str, ResponseOutput]:
    """Return the outputs that have a function of their own."""
    return {name: item for name, item in outputs.items() if not item.is_given}


def coefficient_names(outputs: Mapping[str, ResponseOutput]) -> tuple[str, ...]:
    """Return the names of all coefficients in order, as tables, text and kernel have them."""
    names: list[str] = []
    for name, item in fitted_outputs(outputs).items():
        n_driver = len(item.via)
        for j in range(item.n_term):
            names.append(f"{name}_offset_{j}")
            names += [f"{name}_power_{j}_{k}" for k in range(n_driver)]
            names.append(f"{name}_level_{j}")
    return tuple(names)


def coefficients_of(fit: ResponseFit) -> FloatArray:
    """Return the coefficients in the order of their names."""
    rows = [
        np.column_stack([ratio.offsets, ratio.powers, ratio.levels]).ravel()
        for ratio in fit.ratios.values()
    ]
    return np.concatenate(rows)


def fit_from(
    coefficients: FloatArray,
    inputs: Mapping[str, ResponseInput],
    outputs: Mapping[str, ResponseOutput],
) -> ResponseFit:
    """Return the response functions that have these coefficients."""
    ratios = {}
    begin = 0
    for name, item in fitted_outputs(outputs).items():
        n_driver = len(item.via)
        end = begin + item.n_term * (n_driver + 2)
        table = coefficients[begin:end].reshape(item.n_term, n_driver + 2)
        ratios[name] = PowerRatio(offsets=table[:, 0], powers=table[:, 1:-1], levels=table[:, -1])
        begin = end
    return ResponseFit(inputs=inputs, outputs=outputs, ratios=ratios)
