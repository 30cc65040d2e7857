"""How far response functions are from the cell: errors, elasticities, dependence on the past."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np

from cxaxis.cell.reduction_fit import misfit
from cxaxis.cell.reduction_form import Points, ResponseFit
from cxaxis.cell.reduction_rest import Rest, rest_states
from cxaxis.cell.reduction_sampling import Bench, box_points, daily_shares, ladder_shares
from cxaxis.core.arrays import BoolArray, FloatArray
from cxaxis.knowledge.response_box import ResponseInput

# The committed check: a Sobol set that no fit has seen.
CHECK_SEED: Final = 2026
N_CHECK: Final = 1024
# Of the check, how many points are simulated where the algebra serves for the others.
N_SIMULATED_FEW: Final = 64
N_ELASTICITY: Final = 512
N_LADDER_CELL: Final = 6
N_RUNG: Final = 13

MOST_ABSOLUTE: Final = 0.05
MOST_RELATIVE: Final = 0.15
# An elasticity may miss by this share of itself, or by this much where it is near zero.
MOST_ELASTICITY_SHARE: Final = 0.2
MOST_ELASTICITY: Final = 0.05
# Outputs count where they exceed this share of full scale.
COUNTS: Final = 0.02
LIGAND: Final = "cxcl12_nM"
OCCUPANCY: Final = "competitive_occupancy"
_STEP: Final = 0.01


@dataclass(frozen=True, kw_only=True)
class SetErrors:
    """Errors of one set, by output in the order of the table.

    Attributes
    ----------
    n_simulated
        Points at which the full model was simulated.
    absolute, relative
        Largest misfits on the check.
    ligand, occupancy
        Largest error of the elasticity to ligand and to what the drug leaves free, as a share of
        what is allowed.
    algebra
        Largest difference of the algebra from the simulation, as a share of full scale.
    hysteresis
        Largest difference between ligand going up and going down; NaN where not simulated.
    most_rests
        Largest number of rests of any part of the cell at any point.
    """

    n_simulated: int
    absolute: FloatArray
    relative: FloatArray
    ligand: FloatArray
    occupancy: FloatArray
    algebra: FloatArray
    hysteresis: FloatArray
    most_rests: int


def check_points(inputs: Mapping[str, ResponseInput]) -> dict[str, FloatArray]:
    """Return the points of the committed check."""
    return box_points(inputs, N_CHECK, seed=CHECK_SEED)


def errors_of(
    fit: ResponseFit, rest: Rest, bench: Bench, *, n_simulated: int, ladder: bool
) -> SetErrors:
    """Return the errors of one set.

    Parameters
    ----------
    fit
        The response functions.
    rest, bench
        The cell, as algebra and as a simulation, with the same constants.
    n_simulated
        How many points of the check are simulated; the algebra serves for the others.
    ladder
        Whether ligand is moved up and down through the box.
    """
    points = check_points(fit.inputs)
    states = rest_states(rest, bench.constants, points)
    truth = states.shares.copy()
    few = {name: column[:n_simulated] for name, column in points.items()}
    simulated = daily_shares(bench, few)
    algebra = np.abs(simulated - truth[:n_simulated]).max(axis=0)
    truth[:n_simulated] = simulated
    found = fit.shares(points)
    misfits = [misfit(found[:, k], truth[:, k]) for k in range(truth.shape[1])]
    return SetErrors(
        n_simulated=n_simulated,
        absolute=np.array([item.absolute for item in misfits]),
        relative=np.array([item.relative for item in misfits]),
        ligand=elasticity_errors(fit, rest, bench.constants, LIGAND),
        occupancy=elasticity_errors(fit, rest, bench.constants, OCCUPANCY),
        algebra=algebra,
        hysteresis=hysteresis(bench) if ladder else np.full(truth.shape[1], np.nan),
        most_rests=states.most_rests,
    )


def elasticities(shares: Callable[[Points], FloatArray], points: Points, name: str) -> FloatArray:
    """Return the slope of the logarithm of every output against that of an input.

    Parameters
    ----------
    shares
        Outputs at points.
    points
        Input -> values, shape ``(n,)``.
    name
        The input; for the competitive occupancy the slope is that against the logarithm of the
        share left free, which is that against the occupancy's but for ``(1 - x) / x``.

    Returns
    -------
    FloatArray
        Shape ``(n, n_output)``.
    """
    up, down = dict(points), dict(points)
    if name == OCCUPANCY:
        free = 1 - points[name]
        up[name], down[name] = 1 - free * np.exp(_STEP), 1 - free * np.exp(-_STEP)
    else:
        up[name], down[name] = points[name] * np.exp(_STEP), points[name] * np.exp(-_STEP)
    slope = (np.log(shares(up)) - np.log(shares(down))) / (2 * _STEP)
    return np.asarray(slope, dtype=np.float64)


def away_from_edges(points: Points, inputs: Mapping[str, ResponseInput]) -> BoolArray:
    """Return where a step of an elasticity stays in the box."""
    ligand, held = points[LIGAND], points[OCCUPANCY]
    low, high = inputs[LIGAND].low, inputs[LIGAND].high
    wide = np.exp(2 * _STEP)
    free_low = (1 - inputs[OCCUPANCY].high) * wide
    inside = (ligand > low * wide) & (ligand < high / wide)
    return np.asarray(inside & (1 - held > free_low) & (1 - held < 1 / wide), dtype=np.bool_)


def elasticity_errors(
    fit: ResponseFit, rest: Rest, constants: Mapping[str, float], name: str
) -> FloatArray:
    """Return the largest error of the elasticity to an input, as a share of what is allowed."""
    points = {key: column[:N_ELASTICITY] for key, column in check_points(fit.inputs).items()}
    inside = away_from_edges(points, fit.inputs)
    points = {key: column[inside] for key, column in points.items()}

    def exact(at: Points) -> FloatArray:
        return rest_states(rest, constants, at).shares

    truth, found = elasticities(exact, points, name), elasticities(fit.shares, points, name)
    allowed = np.maximum(MOST_ELASTICITY_SHARE * np.abs(truth), MOST_ELASTICITY)
    over = np.where(exact(points) > COUNTS, np.abs(found - truth) / allowed, 0.0)
    return np.asarray(over.max(axis=0), dtype=np.float64)


def hysteresis(bench: Bench) -> FloatArray:
    """Return how much outputs differ between ligand going up and going down, states carried over.

    Returns
    -------
    FloatArray
        Largest difference at any step and cell, as a share of full scale, shape ``(n_output,)``.
    """
    points = {name: column[:N_LADDER_CELL] for name, column in check_points(bench.inputs).items()}
    ligand = bench.inputs[LIGAND]
    rungs = np.geomspace(ligand.low, ligand.high, N_RUNG).tolist()
    both = ladder_shares(bench, points, LIGAND, [*rungs, *rungs[-2::-1]])
    up, down = both[:N_RUNG], both[N_RUNG - 1 :][::-1]
    return np.asarray(np.abs(up - down).max(axis=(0, 1)), dtype=np.float64)
