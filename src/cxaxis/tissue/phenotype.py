"""What cells do at present: behaviours of their types, and what rules make of signals."""

from __future__ import annotations

from typing import Final

import numpy as np

from cxaxis.core.arrays import BoolArray, FloatArray, IntArray
from cxaxis.tissue import life_kernels
from cxaxis.tissue.cell_list import CellList, build_cell_list
from cxaxis.tissue.cells import Cells
from cxaxis.tissue.fields import (
    CellExchange,
    densities_at_cells,
    gradients_at_cells,
    voxels_of_cells,
)
from cxaxis.tissue.life import KINDS, life_tables
from cxaxis.tissue.mechanics_kernels import pack
from cxaxis.tissue.records import Tissue
from cxaxis.tissue.rules import compile_rules
from cxaxis.tissue.signals import grammar_of

# Dead cells do none of these unless a rule for dead cells says so.
_ENDS_WITH_LIFE: Final = (
    "migration speed",
    "apoptosis",
    "necrosis",
    "phagocytose dead cell",
)
_ENDS_WITH_LIFE_TOWARDS: Final = (
    "{} secretion",
    "{} uptake",
    "{} export",
    "phagocytose {}",
    "attack {}",
    "transform to {}",
)


class Phenotype:
    """Behaviours of all cells, derived from their state alone.

    Between two calls of `refresh` the arrays stay as they are; each is ``(n,)`` unless said.

    Attributes
    ----------
    radius_um, reach_um
        Radius, and distance from its centre to which a cell adheres.
    repulsion_root, adhesion_root
        Square roots of the strengths.
    speed_um_per_min, persistence_min, bias
        Of migration.
    exchange
        With substrates.
    sensitivity, sensitivity_row
        Sensitivities to gradients, and the row of each cell.
    affinity
        By type of the other; one row a cell where ``affinity_by_cell``, else one a type.
    acts
        Whether a cell attacks or engulfs any others.
    """

    def __init__(self, tissue: Tissue) -> None:
        self.tissue = tissue
        self.grammar = grammar_of(tissue)
        self.rules = compile_rules(tissue.rules, self.grammar, tissue.cell_types)
        self.tables = life_tables(tissue.cell_types)
        self._slot = {int(column): slot for slot, column in enumerate(self.rules.columns)}
        self._silent = np.zeros(len(self.grammar.behaviours), np.bool_)
        for name in _ENDS_WITH_LIFE:
            self._silent[self.grammar.behaviours[name]] = True
        for template in _ENDS_WITH_LIFE_TOWARDS:
            self._silent[self.grammar.columns(template)] = True
        names = list(self.grammar.signals)
        self._signals = [names[column] for column in self.rules.signals]
        self.uses_internal = any(name.startswith("intracellular ") for name in self._signals)
        self._uses_contacts = any(name.startswith("contact with") for name in self._signals)
        affinity = self.grammar.columns("adhesive affinity to {}")
        self.affinity_by_cell = self._is_ruled(affinity)
        self.affinity_matters = self.affinity_by_cell or bool(
            np.any(self.rules.base[:, affinity] != 1.0)
        )
        acting = [
            self.grammar.columns("attack {}"),
            self.grammar.columns("phagocytose {}"),
            slice(*_span(self.grammar.behaviours["phagocytose dead cell"])),
        ]
        self._can_act = any(
            np.any(self.rules.base[:, columns] > 0) or self._is_ruled(columns) for columns in acting
        )

    def behaviour(self, cells: Cells, name: str) -> FloatArray:
        """Return one behaviour of every cell, ``(n,)``, in the units of the records."""
        return self._values(cells, slice(*_span(self.grammar.behaviours[name])))[:, 0]

    def behaviours(self, cells: Cells, template: str) -> FloatArray:
        """Return a behaviour towards every substrate or type, such as ``attack {}``."""
        return self._values(cells, self.grammar.columns(template))

    def follow_rules(self, cells: Cells, density: FloatArray, time_min: float) -> None:
        """Let rules act on what cells sense now; then `refresh`."""
        if len(self.rules.columns):
            signals = self._sense(cells, density, time_min)
            cells["ruled"][...] = self.rules.apply(cells["type"], cells["death"] > 0, signals)
            customs = self.grammar.columns("custom:{}")
            for column in range(customs.start, customs.stop):
                if column in self._slot:
                    value = cells["ruled"][:, self._slot[column]]
                    own = cells["custom"][:, column - customs.start]
                    own[...] = np.where(np.isnan(value), own, value)
        self.refresh(cells)

    def refresh(self, cells: Cells) -> None:
        """Derive all arrays again from the state of the cells."""
        self.radius_um = cells.radius_um
        # Neighbours are looked for within reach: it never ends before cells touch.
        reach = np.maximum(self.behaviour(cells, "relative maximum adhesion distance"), 1.0)
        self.reach_um: FloatArray = reach * self.radius_um
        self.repulsion_root = np.sqrt(self._positive(cells, "cell-cell repulsion"))
        self.adhesion_root = np.sqrt(self._positive(cells, "cell-cell adhesion"))
        self.speed_um_per_min = self._positive(cells, "migration speed")
        self.persistence_min = self._positive(cells, "migration persistence time")
        self.bias: FloatArray = np.clip(self.behaviour(cells, "migration bias"), 0.0, 1.0)
        self.exchange = CellExchange(
            secretion_per_min=np.maximum(self.behaviours(cells, "{} secretion"), 0.0),
            target=self.behaviours(cells, "{} secretion target"),
            uptake_per_min=np.maximum(self.behaviours(cells, "{} uptake"), 0.0),
            net_export_per_min=self.behaviours(cells, "{} export"),
        )
        columns = self.grammar.columns("chemotactic response to {}")
        if self._is_ruled(columns):
            self.sensitivity = self._values(cells, columns)
            self.sensitivity_row: IntArray = np.arange(cells.n)
        else:
            self.sensitivity = np.ascontiguousarray(self.rules.base[:, columns])
            self.sensitivity_row = cells["type"].copy()
        self.normalised: IntArray = self.tables.normalised[cells["type"]]
        columns = self.grammar.columns("adhesive affinity to {}")
        table = (
            self._values(cells, columns) if self.affinity_by_cell else self.rules.base[:, columns]
        )
        self.affinity: FloatArray = np.ascontiguousarray(np.maximum(table, 0.0))
        self.acts: BoolArray = np.zeros(cells.n, np.bool_)
        if self._can_act:
            self.attack = self.behaviours(cells, "attack {}")
            self.engulf = self.behaviours(cells, "phagocytose {}")
            self.engulf_dead = self.behaviour(cells, "phagocytose dead cell")
            self.damage_rate = self.behaviour(cells, "damage rate")
            self.acts = (
                (self.attack > 0).any(axis=1)
                | (self.engulf > 0).any(axis=1)
                | (self.engulf_dead > 0)
            )

    def list_cells(self, cells: Cells) -> tuple[CellList, FloatArray]:
        """Return the list of active cells at their present places, and them packed."""
        active = cells["active"]
        reach = float((self.reach_um * (active != 0)).max(initial=0.0))
        listed = build_cell_list(cells["position_um"], active, 2.0 * reach)
        packed = pack(
            listed.order,
            cells["position_um"],
            self.radius_um,
            self.reach_um,
            self.repulsion_root,
            self.adhesion_root,
            cells["type"],
        )
        return listed, packed

    def _sense(self, cells: Cells, density: FloatArray, time_min: float) -> FloatArray:
        signals = np.zeros((cells.n, len(self._signals)))
        grid = self.tissue.grid
        voxel = voxels_of_cells(grid, cells["position_um"])
        here = densities_at_cells(density, voxel)
        slopes = (
            np.linalg.norm(gradients_at_cells(density, voxel, grid), axis=2)
            if any(name.endswith(" gradient") for name in self._signals)
            else here
        )
        contacts = self._contacts(cells) if self._uses_contacts else np.zeros((cells.n, 0))
        kind = self.tables.kind_of(cells)
        volume = cells.volume_um3
        known: dict[str, FloatArray] = {
            "pressure": cells["pressure"],
            "volume": volume,
            "damage": cells["damage"],
            "dead": (kind >= 0).astype(np.float64),
            "apoptotic": (kind == KINDS.index("apoptosis")).astype(np.float64),
            "necrotic": (kind == KINDS.index("necrosis")).astype(np.float64),
            "total attack time": cells["attack_min"],
            "time": np.full(cells.n, time_min),
        }
        for s, name in enumerate(self.grammar.substrates):
            known[name] = here[:, s]
            known[f"{name} gradient"] = slopes[:, s]
            if self.uses_internal:
                known[f"intracellular {name}"] = np.divide(
                    cells["internal"][:, s], volume, out=np.zeros(cells.n), where=volume > 0
                )
        if self._uses_contacts:
            for t, name in enumerate((*self.grammar.types, "live cell", "dead cell")):
                known[f"contact with {name}"] = contacts[:, t]
        for c, name in enumerate(self.grammar.customs):
            known[f"custom:{name}"] = cells["custom"][:, c]
        for column, name in enumerate(self._signals):
            signals[:, column] = known[name]
        return signals

    def _contacts(self, cells: Cells) -> FloatArray:
        # Rules act after divisions: reaches must be those of the cells as they are now.
        self.refresh(cells)
        listed, packed = self.list_cells(cells)
        counts = np.zeros((cells.n, len(self.grammar.types) + 2))
        life_kernels.count_contacts(
            packed, listed.order, listed.start, listed.shape, listed.bin_of, cells["death"], counts
        )
        return counts

    def _values(self, cells: Cells, columns: slice) -> FloatArray:
        values = self.rules.base[:, columns][cells["type"]]
        dead = cells["death"] > 0
        for place, column in enumerate(range(columns.start, columns.stop)):
            if self._silent[column]:
                values[dead, place] = 0.0
            slot = self._slot.get(column)
            if slot is not None:
                ruled = cells["ruled"][:, slot]
                values[:, place] = np.where(np.isnan(ruled), values[:, place], ruled)
        return np.ascontiguousarray(values)

    def _positive(self, cells: Cells, name: str) -> FloatArray:
        values: FloatArray = np.maximum(self.behaviour(cells, name), 0.0)
        return values

    def _is_ruled(self, columns: slice) -> bool:
        return any(column in self._slot for column in range(columns.start, columns.stop))


def _span(column: int) -> tuple[int, int]:
    return column, column + 1
