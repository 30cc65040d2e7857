"""What must hold of a tissue before it can be simulated."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

import numpy as np

from cxaxis.core.errors import Finding, error, raise_on_errors
from cxaxis.tissue.records import CellType, Steps, Tissue


def check_tissue(tissue: Tissue) -> None:
    """Refuse a tissue that cannot be simulated.

    Raises
    ------
    UserInputError
        With everything that is wrong: names given twice or unknown, steps that do not fit into
        each other, times, rates, volumes or shares out of range, cells outside the box.
    """
    raise_on_errors([*_names(tissue), *_times(tissue), *_types(tissue), *_start(tissue)])


def multiple(long_min: float, short_min: float) -> int | None:
    """Return how many times one step goes into another, None if not a whole number of times."""
    ratio = long_min / short_min
    return round(ratio) if abs(ratio - round(ratio)) < 1e-6 * ratio and round(ratio) >= 1 else None


def shortest_min(steps: Steps) -> float:
    """Return the shortest of the steps."""
    return min(steps.field_min, steps.mechanics_min, steps.phenotype_min)


def _names(tissue: Tissue) -> Iterator[Finding]:
    for kind, ids in (
        ("substrate", [s.id for s in tissue.substrates]),
        ("cell type", [t.id for t in tissue.cell_types]),
    ):
        for twice in sorted({name for name in ids if ids.count(name) > 1}):
            yield error("TISSUE020", kind, f"{kind} {twice!r} is given twice; rename one.")


def _times(tissue: Tissue) -> Iterator[Finding]:
    steps = tissue.steps
    times = {
        "field_min": steps.field_min,
        "mechanics_min": steps.mechanics_min,
        "phenotype_min": steps.phenotype_min,
        "horizon_min": tissue.horizon_min,
        "save_every_min": tissue.save_every_min,
    }
    wrong = {name: value for name, value in times.items() if not 0 < value < math.inf}
    for name, value in wrong.items():
        yield error("TISSUE021", name, f"is {value!r}; it must be positive and finite.")
    if wrong:
        return
    shortest = shortest_min(steps)
    for name, value in times.items():
        if multiple(value, shortest) is None:
            message = f"is {value:g}, not a whole multiple of the shortest step, {shortest:g} min."
            yield error("TISSUE022", name, message)


def _types(tissue: Tissue) -> Iterator[Finding]:
    substrates = {s.id for s in tissue.substrates}
    types = {t.id for t in tissue.cell_types}
    for cell_type in tissue.cell_types:
        where = f"cell type {cell_type.id}"
        for name, value, low, high in _ranges(cell_type):
            if not low <= value <= high:
                message = f"{name} is {value!r}; it must lie within [{low:g}, {high:g}]."
                yield error("TISSUE023", where, message)
        volume = cell_type.volume
        if volume.nuclear_um3 > volume.total_um3:
            yield error("TISSUE023", where, "the nucleus is larger than the cell.")
        kinds = [death.kind for death in cell_type.deaths]
        if len(set(kinds)) < len(kinds):
            yield error("TISSUE024", where, "has two deaths of one kind; keep one.")
        interactions, mechanics = cell_type.interactions, cell_type.mechanics
        for name in {*cell_type.exchange, *cell_type.motility.sensitivities} - substrates:
            yield error("TISSUE025", where, f"substrate {name!r} is not one of the tissue.")
        others: set[str] = set().union(
            mechanics.affinities,
            interactions.attack_per_min,
            interactions.phagocytosis_per_min,
            interactions.transformation_per_min,
        )
        for name in sorted(others - types):
            yield error("TISSUE025", where, f"cell type {name!r} is not one of the tissue.")


def _ranges(cell_type: CellType) -> Iterator[tuple[str, float, float, float]]:
    large = 1e300
    volume, motility, mechanics = cell_type.volume, cell_type.motility, cell_type.mechanics
    yield "total_um3", volume.total_um3, 0.0, large
    yield "nuclear_um3", volume.nuclear_um3, 0.0, large
    # Fluid alone would keep a body from having any volume to aim at.
    yield "fluid_fraction", volume.fluid_fraction, 0.0, 0.999_999
    yield "calcified_fraction", volume.calcified_fraction, 0.0, 1.0
    yield "speed_um_per_min", motility.speed_um_per_min, 0.0, large
    yield "persistence_min", motility.persistence_min, 0.0, math.inf
    yield "bias", motility.bias, 0.0, 1.0
    yield "repulsion_um_per_min", mechanics.repulsion_um_per_min, 0.0, large
    yield "adhesion_um_per_min", mechanics.adhesion_um_per_min, 0.0, large
    yield "reach_radii", mechanics.reach_radii, 1.0, large
    for phase in cell_type.cycle:
        yield f"duration_min of {phase.id}", phase.duration_min, 0.0, math.inf
    for death in cell_type.deaths:
        yield f"rate of {death.kind}", death.rate_per_min, 0.0, large
        for phase in death.phases:
            yield f"duration_min of {phase.id}", phase.duration_min, 0.0, math.inf
    for name, exchange in cell_type.exchange.items():
        yield f"secretion of {name}", exchange.secretion_per_min, 0.0, large
        yield f"uptake of {name}", exchange.uptake_per_min, 0.0, large
        yield f"net export of {name}", exchange.net_export_per_min, -large, large


def _start(tissue: Tissue) -> Iterator[Finding]:
    start = tissue.start
    missing = [name for name in ("x_um", "y_um", "z_um", "type") if name not in start.columns]
    if missing:
        yield error("TISSUE026", "start", f"lacks the columns {missing}.")
        return
    unknown = sorted(set(start["type"]) - {t.id for t in tissue.cell_types}, key=str)
    if unknown:
        yield error("TISSUE025", "start", f"cell types {unknown} are not of the tissue.")
    position = start[["x_um", "y_um", "z_um"]].to_numpy(np.float64)
    low, high = np.array(tissue.grid.origin_um), np.array(tissue.grid.upper_um)
    if tissue.grid.is_flat:
        position, low, high = position[:, :2], low[:2], high[:2]
    outside = ~np.all((position >= low) & (position <= high), axis=1)
    if outside.any():
        rows = _some(np.flatnonzero(outside).tolist())
        message = f"{outside.sum()} cells lie outside the box or nowhere, in rows {rows}."
        yield error("TISSUE027", "start", message)


def _some(rows: Sequence[int]) -> str:
    return ", ".join(map(str, rows[:5])) + (", ..." if len(rows) > 5 else "")
