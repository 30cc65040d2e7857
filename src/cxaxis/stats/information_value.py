"""Which uncertain input drives a decision: expected value of partial perfect information.

The decision is go or stop. Going is worth the margin by which the answer lies below a target,
stopping nothing. What an input is worth knowing is the gain from deciding after the regression of
the answer on it (Strong, Oakley and Brennan 2014): a quadratic spline with one knot in the rank of
the input, or group means for a label. Regression on many inputs and few draws finds something by
chance alone; that level is taken off by permutation, and p-values hold for all inputs together.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import ArrayLike

from cxaxis.core.arrays import FloatArray, IntArray
from cxaxis.core.errors import ModelValueError
from cxaxis.core.streams import rng_for
from cxaxis.stats.nested_variance import shrunk_draws

LEAST_DRAWS: Final = 10
#: An input that explains this share of the variance should be found, with this power.
RELEVANT_SHARE: Final = 0.1
POWER: Final = 0.8
LEVEL: Final = 0.05
_SPLINE_DF: Final = 3
_MOST_DRAWS: Final = 1_000_000


@dataclass(frozen=True, kw_only=True)
class InputValue:
    """What one input is worth.

    Attributes
    ----------
    name
        Of the input.
    share
        Share of the answer's variance over draws that it explains, the chance level taken off,
        at least 0.
    value
        Gain of the decision from knowing it, the chance level taken off, at least 0; in the unit
        of the answer.
    p
        Chance that an input without influence explains as much.
    p_any
        Chance that any of all inputs would, had none an influence.
    """

    name: str
    share: float
    value: float
    p: float
    p_any: float


@dataclass(frozen=True, kw_only=True)
class InformationValue:
    """What is worth knowing before a decision.

    Attributes
    ----------
    inputs
        The one that explains most first.
    go
        Whether the decision by what is known is to go.
    p_wrong
        Share of draws in which the other decision would be right.
    perfect
        Gain from knowing everything, in the unit of the answer.
    n_draw
        Draws used.
    n_needed
        Draws with which an input that explains a tenth of the variance would be found in 80 % of
        cases among so many inputs.
    reliable
        Whether there were as many; the ranking of others is chance for the most part.
    """

    inputs: tuple[InputValue, ...]
    go: bool
    p_wrong: float
    perfect: float
    n_draw: int
    n_needed: int
    reliable: bool


def needed_draws(n_input: int, *, share: float = RELEVANT_SHARE) -> int:
    """Return how many draws find an input that explains ``share`` of the variance.

    With power 0.8 at level 0.05 for all ``n_input`` inputs together (Bonferroni), by the
    noncentral F distribution of the spline regression.

    Raises
    ------
    ModelValueError
        If there is no input or the share does not lie in (0, 1).
    """
    if n_input < 1 or not 0.0 < share < 1.0:
        msg = f"needs an input and a share in (0, 1), got {n_input} and {share:g}."
        raise ModelValueError(msg)
    from scipy.stats import f, ncf

    low, high = _SPLINE_DF + 2, _MOST_DRAWS
    while low < high:
        n = (low + high) // 2
        free = n - _SPLINE_DF - 1
        limit = f.isf(LEVEL / n_input, _SPLINE_DF, free)
        if ncf.sf(limit, _SPLINE_DF, free, n * share / (1.0 - share)) >= POWER:
            high = n
        else:
            low = n + 1
    return low


def information_value(
    answer: ArrayLike,
    numbers: Mapping[str, ArrayLike],
    labels: Mapping[str, ArrayLike],
    *,
    target: float,
    within_variance: float,
    seed: int,
    n_permutation: int = 1000,
) -> InformationValue:
    """Return what each input is worth knowing before deciding.

    Parameters
    ----------
    answer
        Estimate of each draw, lower is better, such as a log hazard ratio; shape ``(n_draw,)``.
    numbers, labels
        Inputs by name, each of shape ``(n_draw,)``: numbers all different, or labels. Inputs that
        do not vary are left out.
    target
        Going is right where the answer lies below it.
    within_variance
        Sampling variance of the answers, at least 0; it makes draws look more different than they
        are, and no input explains it.
    seed
        Stream of the permutations.
    n_permutation
        Permutations, positive.

    Raises
    ------
    ModelValueError
        If there are fewer draws than `LEAST_DRAWS`, no input, or a number is unusable.
    """
    values = np.asarray(answer, dtype=np.float64)
    if values.ndim != 1 or len(values) < LEAST_DRAWS or not np.isfinite(values).all():
        msg = f"needs {LEAST_DRAWS} finite answers or more, got shape {values.shape}."
        raise ModelValueError(msg)
    bases = _bases(numbers, labels, len(values))
    if not bases or n_permutation < 1:
        msg = "needs an input that varies and a permutation."
        raise ModelValueError(msg)
    rng = rng_for(seed, "information_value")
    shuffled = np.stack([rng.permutation(values) for _ in range(n_permutation)])
    chance: dict[int, tuple[FloatArray, FloatArray]] = {}
    highest = np.zeros(n_permutation)
    for _, order, basis in bases:
        # Inputs of one basis differ in the order of draws alone: under the null they share one
        # distribution, though the highest of all needs each order.
        share, value = _explained(shuffled[:, order], basis, target)
        chance.setdefault(id(basis), (share, value))
        highest = np.maximum(highest, share)
    inputs = []
    for name, order, basis in bases:
        share, value = _explained(values[None, order], basis, target)
        by_chance, worth = chance[id(basis)]
        usual = float(by_chance.mean())
        inputs.append(
            InputValue(
                name=name,
                share=max(0.0, (float(share[0]) - usual) / (1.0 - usual)),
                value=max(0.0, float(value[0]) - float(worth.mean())),
                p=_tail(by_chance, float(share[0])),
                p_any=_tail(highest, float(share[0])),
            )
        )
    margin = target - shrunk_draws(values, within_variance=within_variance)
    go = bool(margin.mean() > 0)
    needed = needed_draws(len(bases))
    return InformationValue(
        inputs=tuple(sorted(inputs, key=lambda item: (-item.share, item.name))),
        go=go,
        p_wrong=float((margin <= 0).mean() if go else (margin > 0).mean()),
        perfect=float(np.maximum(margin, 0.0).mean() - max(0.0, margin.mean())),
        n_draw=len(values),
        n_needed=needed,
        reliable=len(values) >= needed,
    )


def _bases(
    numbers: Mapping[str, ArrayLike], labels: Mapping[str, ArrayLike], n: int
) -> list[tuple[str, IntArray, FloatArray]]:
    """Return each input's order of draws and orthonormal basis of its regression."""
    spline = _spline_basis(n)
    found: list[tuple[str, IntArray, FloatArray]] = []
    for name, given in numbers.items():
        column = np.asarray(given, dtype=np.float64)
        if column.shape != (n,) or not np.isfinite(column).all():
            msg = f"input {name!r} needs {n} finite numbers."
            raise ModelValueError(msg)
        if np.ptp(column) > 0:
            found.append((name, np.argsort(column, kind="stable"), spline))
    for name, given in labels.items():
        text = np.asarray(given).astype(str)
        if text.shape != (n,):
            msg = f"input {name!r} needs {n} labels."
            raise ModelValueError(msg)
        _, code = np.unique(text, return_inverse=True)
        size = np.bincount(code)
        # As many groups as draws explain everything and say nothing.
        if 1 < len(size) <= n // 2:
            basis = np.eye(len(size))[code] / np.sqrt(size)
            found.append((name, np.arange(n), basis))
    return found


def _spline_basis(n: int) -> FloatArray:
    """Return an orthonormal basis of the spline in the rank, shape ``(n, 1 + df)``."""
    from scipy.interpolate import BSpline

    knots = np.array([0.0, 0.0, 0.0, 0.5, 1.0, 1.0, 1.0])
    places = (np.arange(n) + 0.5) / n
    return np.asarray(np.linalg.qr(BSpline.design_matrix(places, knots, 2).toarray())[0])


def _explained(
    values: FloatArray, basis: FloatArray, target: float
) -> tuple[FloatArray, FloatArray]:
    """Return the share of variance explained and the gain, of each row of ``values``."""
    mean = values.mean(axis=1, keepdims=True)
    fitted = mean + ((values - mean) @ basis) @ basis.T
    total = ((values - mean) ** 2).sum(axis=1)
    inside = ((fitted - mean) ** 2).sum(axis=1)
    share = np.divide(inside, total, out=np.zeros_like(total), where=total > 0)
    gain = np.maximum(target - fitted, 0.0).mean(axis=1) - np.maximum(target - mean[:, 0], 0.0)
    return share, gain


def _tail(by_chance: FloatArray, found: float) -> float:
    """Return the permutation p-value, the data counted among the permutations."""
    return float((1 + (by_chance >= found - 1e-12).sum()) / (1 + len(by_chance)))
