"""Points of the box, and what the full model does there.

The full model is the bench whose surroundings stand still. It settles for days, and an output is
its mean over the day that follows: what a cell does in a state that lasts.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np

from cxaxis.core.arrays import FloatArray
from cxaxis.core.outcomes import require_success
from cxaxis.engine.choice import POPULATION, engine_named
from cxaxis.engine.doses import DoseTable
from cxaxis.engine.protocol import ParameterTable, Tolerances
from cxaxis.knowledge.response_box import ResponseInput, ResponseOutput
from cxaxis.models.build import Model

BENCH: Final = "cell_response_bench"
SETTLE_S: Final = 12 * 86400.0
DAY_S: Final = 86400.0
# Readings within the day over which outputs are averaged.
DAY_READINGS: Final = 9
BENCH_TOLERANCES: Final = Tolerances(relative=1e-8, absolute=1e-20)

# Directions are stated for a ligand that changes by its own mean over the length of the cell.
SETTINGS: Final = {"cxcl12_gradient": 1.0}

Points = Mapping[str, FloatArray]


def box_points(inputs: Mapping[str, ResponseInput], n: int, *, seed: int) -> dict[str, FloatArray]:
    """Return a scrambled Sobol set of the box.

    Parameters
    ----------
    inputs
        The box.
    n
        Number of points, a power of 2.
    seed
        Of the scrambling.

    Returns
    -------
    dict
        Input -> values, shape ``(n,)``.
    """
    from scipy.stats import qmc

    unit = qmc.Sobol(len(inputs), rng=np.random.default_rng(seed)).random(n)
    return {name: from_unit(item, unit[:, k]) for k, (name, item) in enumerate(inputs.items())}


def corner_points(inputs: Mapping[str, ResponseInput]) -> dict[str, FloatArray]:
    """Return the corners of the box, input -> values of shape ``(2 ** n_input,)``."""
    ends = np.meshgrid(*[[0.0, 1.0]] * len(inputs), indexing="ij")
    return {name: from_unit(item, ends[k].ravel()) for k, (name, item) in enumerate(inputs.items())}


def from_unit(item: ResponseInput, unit: FloatArray) -> FloatArray:
    """Return values of an input at shares 0 to 1 of the way through its box."""
    if item.scale == "log_free":
        return 1.0 - (1.0 - item.low) * ((1.0 - item.high) / (1.0 - item.low)) ** unit
    return item.low * (item.high / item.low) ** unit


@dataclass(frozen=True, kw_only=True)
class Bench:
    """The full model with the values of one coefficient set.

    Attributes
    ----------
    model
        The bench, in any wiring.
    inputs, outputs
        Of the response functions.
    constants
        Every constant of the model, in its own units, and the switches of the wiring.
    engine
        Name of the engine that simulates it.
    """

    model: Model
    inputs: Mapping[str, ResponseInput]
    outputs: Mapping[str, ResponseOutput]
    constants: Mapping[str, float] = field(repr=False)
    engine: str = POPULATION

    def columns(self, points: Points) -> ParameterTable:
        """Return what sets the bench to the points, species as amounts."""
        size = len(next(iter(points.values())))
        columns: dict[str, Any] = {
            name: np.full(size, self.constants[name])
            for name in self.constants
            if name in self.model.bindings or name.startswith("switch_")
        }
        columns |= {name: np.full(size, level) for name, level in SETTINGS.items()}
        for item in self.inputs.values():
            value = evaluated(item.formula, {**self.constants, **points})
            if item.acts_on in self.model.species:
                value = value * self.constants["medium"]
            columns[item.acts_on] = np.broadcast_to(value, (size,))
        return ParameterTable(tuple(columns), np.column_stack(list(columns.values())))


def evaluated(formula: str, values: Mapping[str, Any]) -> Any:
    """Return the value of a formula of the tables, which ship with the package."""
    return eval(formula, {"__builtins__": {}}, dict(values))


def daily_shares(bench: Bench, points: Points, *, settle_s: float = SETTLE_S) -> FloatArray:
    """Return the mean of every output over a day at constant inputs.

    Parameters
    ----------
    bench
        The full model.
    points
        Input -> values, shape ``(n,)``.
    settle_s
        Time before the day begins; 0 counts the first day after bare receptors meet the ligand.

    Returns
    -------
    FloatArray
        Shares of full scale, shape ``(n, n_output)``.

    Raises
    ------
    SimulationFailedError
        If the solver fails.
    """
    clock = settle_s + np.linspace(0.0, DAY_S, DAY_READINGS if settle_s else 97)
    shares = _simulated(bench, bench.columns(points), points, clock)[0]
    width = np.diff(clock)[:, None]
    means = ((shares[:, 1:] + shares[:, :-1]) / 2 * width).sum(axis=1) / DAY_S
    return np.asarray(means, dtype=np.float64)


def ladder_shares(
    bench: Bench,
    points: Points,
    rung: str,
    values: Sequence[float],
    *,
    settle_s: float = SETTLE_S,
) -> FloatArray:
    """Return settled outputs as one input climbs or falls, states carried from step to step.

    Parameters
    ----------
    bench
        The full model.
    points
        Where the other inputs stand, shape ``(n,)``.
    rung
        The input that moves, one that acts on a species.
    values
        Its values in order.
    settle_s
        Time at each value.

    Returns
    -------
    FloatArray
        Shares of full scale, shape ``(n_value, n, n_output)``.
    """
    species = bench.model.species
    states = [f"amount({name})" if name in species else name for name in bench.model.states]
    carried: dict[str, FloatArray] = {}
    found = []
    for value in values:
        here = {**points, rung: np.full_like(points[rung], value)}
        table = bench.columns(here)
        kept = {k: v for k, v in carried.items() if k != bench.inputs[rung].acts_on}
        table = table.with_columns(**kept)
        clock = np.array([settle_s])
        shares, ends = _simulated(bench, table, here, clock, states)
        carried = dict(zip(bench.model.states, ends.T, strict=True))
        found.append(shares[:, -1])
    return np.array(found)


def _simulated(
    bench: Bench,
    table: ParameterTable,
    points: Points,
    clock: FloatArray,
    states: Sequence[str] = (),
) -> tuple[FloatArray, FloatArray]:
    """Return shares, shape ``(n, n_time, n_output)``, and the states at the end."""
    text = " ".join(item.share for item in bench.outputs.values())
    words = sorted(set(re.findall(r"[A-Za-z_]\w*", text)))
    read = [name for name in words if name in bench.model.units]
    result = engine_named(bench.engine).simulate(
        bench.model.sbml, table, DoseTable(), clock, [*read, *states], tolerances=BENCH_TOLERANCES
    )
    require_success([f"point {i}" for i in range(table.n_patient)], result.outcomes)
    values: dict[str, Any] = {name: result.values[:, :, k] for k, name in enumerate(read)}
    values |= {name: column[:, None] for name, column in points.items() if name in words}
    shape = result.values.shape[:2]
    shares = [
        np.broadcast_to(evaluated(item.share, values), shape) for item in bench.outputs.values()
    ]
    return np.stack(shares, axis=-1), result.values[:, -1, len(read) :]
