"""The observations of the cell, read over many sets of parameters."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from cxaxis.cell.course import Dish, dish
from cxaxis.cell.observations import is_inside, measure
from cxaxis.knowledge.cell_contexts import cell_context
from cxaxis.knowledge.cell_observations import load_cell_observations
from cxaxis.runs.executor import run_blocks
from cxaxis.runs.progress import Progress


@dataclass(frozen=True, kw_only=True)
class FeatureSeries:
    """One observation over sets of parameters.

    Attributes
    ----------
    id, role
        Of the observation.
    values
        In its unit, NaN where nothing could be read; one for each set.
    inside
        Whether each lies in the observed range.
    """

    id: str
    role: str
    values: tuple[float, ...]
    inside: tuple[bool, ...]


@dataclass(frozen=True, kw_only=True)
class _Task:
    index: int
    values: Mapping[str, float]


def features_over(
    sets: Sequence[Mapping[str, float]],
    *,
    workers: int | None = None,
    progress: Progress | None = None,
) -> tuple[FeatureSeries, ...]:
    """Return every observation over sets of parameters, held-out ones included.

    Parameters
    ----------
    sets
        Parameter -> value, in the units of the parameter table.
    workers, progress
        As in `cxaxis.runs.executor.run_blocks`.
    """
    tasks = [_Task(index=k, values=dict(values)) for k, values in enumerate(sets)]
    found = dict(run_blocks(tasks, _work, workers=workers, progress=progress))
    series = []
    for row in load_cell_observations().values():
        values = tuple(found[k].get(row.id, math.nan) for k in range(len(sets)))
        series.append(
            FeatureSeries(
                id=row.id,
                role=row.role,
                values=values,
                inside=tuple(is_inside(row, value) for value in values),
            )
        )
    return tuple(series)


def _work(task: _Task) -> tuple[int, dict[str, float]]:
    def of(context: str) -> Dish:
        return dish(cell_context(context), values=task.values)

    return task.index, measure(of, load_cell_observations().values())
