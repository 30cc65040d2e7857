"""What cells of each type are made of and how they live, as tables; their start; division."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from cxaxis.core.arrays import FloatArray, IntArray
from cxaxis.tissue import life_kernels as kernels
from cxaxis.tissue.cells import Cells, radius_of_um
from cxaxis.tissue.records import CellType, DeathKind, Phase, Tissue
from cxaxis.tissue.signals import Grammar

#: Kinds of death, in the order of their rates.
KINDS: Final[tuple[DeathKind, DeathKind]] = ("apoptosis", "necrosis")

# Parts that are halved between daughters.
_SHARED: Final = (
    "fluid_um3",
    "nuclear_fluid_um3",
    "nuclear_solid_um3",
    "cytoplasmic_solid_um3",
    "internal",
)


@dataclass(frozen=True, eq=False)
class LifeTables:
    """Numbers of types that loops look up.

    Attributes
    ----------
    body
        How a body changes, ``(n_row, 7)``, in the columns of `cxaxis.tissue.life_kernels`.
    first_body
        Row of a living cell of each type; each death has two more, before and after bursting.
    death_place
        1 + place of apoptosis and necrosis among the deaths of a type, 0 if absent.
    death_kind
        Kind (place in `KINDS`) by type and death.
    rupture_ratio
        By type.
    n_phase, fixed, ends, grows, bursts, dead_rates
        By type, course (0 the cycle, then deaths) and phase.
    normalised
        Whether gradients count as directions, by type.
    """

    body: FloatArray
    first_body: IntArray
    death_place: IntArray
    death_kind: IntArray
    rupture_ratio: FloatArray
    n_phase: IntArray
    fixed: IntArray
    ends: IntArray
    grows: IntArray
    bursts: IntArray
    dead_rates: FloatArray
    normalised: IntArray

    def body_rows(self, cells: Cells) -> IntArray:
        """Return the row of `body` that each cell follows, ``(n,)``."""
        dying = np.where(cells["death"] > 0, 2 * cells["death"] - 1 + cells["ruptured"], 0)
        rows: IntArray = self.first_body[cells["type"]] + dying
        return rows

    def kind_of(self, cells: Cells) -> IntArray:
        """Return the kind of death of each cell, -1 while it lives, ``(n,)``."""
        kind: IntArray = np.where(
            cells["death"] > 0, self.death_kind[cells["type"], cells["death"] - 1], -1
        )
        return kind


def life_tables(types: Sequence[CellType]) -> LifeTables:
    """Return the tables of cell types."""
    n_type = len(types)
    n_course = 1 + max((len(t.deaths) for t in types), default=0)
    longest = max((len(phases) for t in types for phases in _courses(t)), default=0)
    shape = (n_type, n_course, max(longest, 1))
    flags = {name: np.zeros(shape, np.int64) for name in ("fixed", "ends", "grows", "bursts")}
    dead_rates = np.zeros(shape)
    n_phase = np.zeros(shape[:2], np.int64)
    death_place = np.zeros((n_type, 2), np.int64)
    death_kind = np.full((n_type, max(n_course - 1, 1)), -1)
    body: list[list[float]] = []
    first_body = []
    for own, cell_type in enumerate(types):
        first_body.append(len(body))
        body += _bodies(cell_type)
        for place, death in enumerate(cell_type.deaths):
            death_place[own, KINDS.index(death.kind)] = place + 1
            death_kind[own, place] = KINDS.index(death.kind)
            if death.kind == "necrosis" and len(death.phases) > 1:
                flags["bursts"][own, place + 1, 0] = 1
        for course, phases in enumerate(_courses(cell_type)):
            n_phase[own, course] = len(phases)
            says = any(phase.grows for phase in phases)
            for at, phase in enumerate(phases):
                flags["fixed"][own, course, at] = phase.is_fixed
                flags["ends"][own, course, at] = phase.divides
                flags["grows"][own, course, at] = phase.grows if says else phase.divides
                dead_rates[own, course, at] = (
                    1.0 / phase.duration_min if phase.duration_min > 0 else np.inf
                )
    return LifeTables(
        body=np.array(body).reshape(-1, kernels.N_BODY),
        first_body=np.array(first_body, np.int64),
        death_place=death_place,
        death_kind=death_kind,
        rupture_ratio=np.array([t.volume.rupture_ratio for t in types]),
        n_phase=n_phase,
        dead_rates=dead_rates,
        normalised=np.array([t.motility.normalised for t in types], np.int64),
        **flags,
    )


def start_cells(tissue: Tissue, grammar: Grammar, *, n_internal: int, n_ruled: int) -> Cells:
    """Return the cells of a tissue at its start: at rest, in the first phase, fully grown."""
    start = tissue.start
    kind = np.array([grammar.types.index(name) for name in start["type"]], np.int64)
    volume = np.array([_parts(t) for t in tissue.cell_types]).reshape(-1, 5)[kind]
    tables = life_tables(tissue.cell_types)
    growing = (tables.grows[kind, 0, 0] == 1) & (tables.n_phase[kind, 0] > 1)
    cells = Cells(
        n_custom=len(grammar.customs),
        n_substrate=n_internal,
        n_ruled=n_ruled,
        capacity=max(64, len(start)),
    )
    cells.add(
        {
            "parent": np.full(len(start), -1),
            "type": kind,
            "active": np.ones(len(start)),
            "position_um": start[["x_um", "y_um", "z_um"]].to_numpy(np.float64),
            "fluid_um3": volume[:, 0],
            "nuclear_fluid_um3": volume[:, 1],
            "nuclear_solid_um3": volume[:, 2],
            "cytoplasmic_solid_um3": volume[:, 3],
            "calcified_fraction": volume[:, 4],
            "growth": np.where(growing, 2.0, 1.0),
            "ruled": np.full((len(start), n_ruled), np.nan),
        }
    )
    for column, name in enumerate(grammar.customs):
        given = np.array([t.custom.get(name, 0.0) for t in tissue.cell_types])[kind]
        if name in start.columns:
            own = start[name].to_numpy(np.float64)
            given = np.where(np.isnan(own), given, own)
        cells["custom"][:, column] = given
    if tissue.grid.is_flat:
        cells["position_um"][:, 2] = (tissue.grid.origin_um[2] + tissue.grid.upper_um[2]) / 2
    return cells


def divide(cells: Cells, rows: IntArray, *, seed: int, step: int, flat: bool) -> None:
    """Divide some cells: each daughter gets half, half a radius to either side of the mother.

    The first daughter keeps the mother's place and id, the second comes last with a new one. The
    centre of mass stays where it was.
    """
    if not len(rows):
        return
    offset = 0.5 * radius_of_um(cells.volume_um3[rows])[:, None]
    axis = kernels.axes_of_division(cells["id"][rows], seed, step, flat)
    for name in _SHARED:
        cells[name][rows] *= 0.5
    cells["moved"][rows] = 0
    daughters = cells.copy_rows(rows)
    daughters["parent"] = cells["id"][rows].copy()
    daughters["heading"][:] = 0.0
    daughters["position_um"] += offset * axis
    cells["position_um"][rows] -= offset * axis
    cells.add(daughters)


def phase_names(types: Sequence[CellType]) -> list[list[list[str]]]:
    """Return names of phases by type, course and phase."""
    return [[[phase.id for phase in phases] for phases in _courses(t)] for t in types]


def _courses(cell_type: CellType) -> list[tuple[Phase, ...]]:
    return [cell_type.cycle, *(death.phases for death in cell_type.deaths)]


def _parts(cell_type: CellType) -> tuple[float, float, float, float, float]:
    volume = cell_type.volume
    fluid, solid = volume.fluid_fraction, 1.0 - volume.fluid_fraction
    return (
        fluid * volume.total_um3,
        fluid * volume.nuclear_um3,
        solid * volume.nuclear_um3,
        solid * (volume.total_um3 - volume.nuclear_um3),
        volume.calcified_fraction,
    )


def _bodies(cell_type: CellType) -> list[list[float]]:
    volume = cell_type.volume
    _, _, nuclear, cytoplasm, _ = _parts(cell_type)
    rows = [
        [
            volume.fluid_rate_per_min,
            volume.cytoplasm_rate_per_min,
            volume.nuclear_rate_per_min,
            volume.calcification_rate_per_min,
            volume.fluid_fraction,
            nuclear,
            cytoplasm,
        ]
    ]
    for death in cell_type.deaths:
        swells = 1.0 if death.kind == "necrosis" else 0.0
        for rate, target in (
            (death.unlysed_fluid_rate_per_min, swells),
            (death.lysed_fluid_rate_per_min, 0.0),
        ):
            rows.append(
                [
                    rate,
                    death.cytoplasm_rate_per_min,
                    death.nuclear_rate_per_min,
                    death.calcification_rate_per_min,
                    target,
                    0.0,
                    0.0,
                ]
            )
    return rows
