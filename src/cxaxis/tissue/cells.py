"""The cells of a tissue: one array for each of their numbers, with room to grow.

Cells stand in the order of their ids, which is the order in which they came to be. New cells go to
the end and removal closes the gaps, so that the order never depends on how the work was shared.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from cxaxis.core.arrays import BoolArray, FloatArray, IntArray
from cxaxis.core.errors import ModelValueError

#: Numbers of one cell: type of array and length of one row (0 for a single number).
CELL_ARRAYS: Final[Mapping[str, tuple[Any, int]]] = MappingProxyType(
    {
        "id": (np.int64, 0),
        "parent": (np.int64, 0),
        "type": (np.int64, 0),
        # Alive 0, dying 1 + place of its death among those of its type.
        "death": (np.int64, 0),
        "phase": (np.int64, 0),
        # 0 once outside an open box.
        "active": (np.uint8, 0),
        # Whether it has a velocity of the step before.
        "moved": (np.uint8, 0),
        "elapsed_min": (np.float64, 0),
        "position_um": (np.float64, 3),
        "velocity_um_per_min": (np.float64, 3),
        "heading": (np.float64, 3),
        "pressure": (np.float64, 0),
        "fluid_um3": (np.float64, 0),
        "nuclear_fluid_um3": (np.float64, 0),
        "nuclear_solid_um3": (np.float64, 0),
        "cytoplasmic_solid_um3": (np.float64, 0),
        "calcified_fraction": (np.float64, 0),
        # Solids aimed at, as a multiple of those of its type: 2 while growing towards division.
        "growth": (np.float64, 0),
        "rupture_um3": (np.float64, 0),
        "ruptured": (np.uint8, 0),
        "damage": (np.float64, 0),
        "attack_min": (np.float64, 0),
    }
)


class Cells:
    """All cells; each array of `CELL_ARRAYS` is an attribute-like view by name.

    Attributes
    ----------
    n
        Number of cells.
    next_id
        Number that the next cell gets.
    """

    def __init__(
        self, *, n_custom: int = 0, n_substrate: int = 0, n_ruled: int = 0, capacity: int = 64
    ) -> None:
        self._spec: dict[str, tuple[Any, int]] = {
            **CELL_ARRAYS,
            "custom": (np.float64, n_custom),
            # Amounts taken up, density times um3.
            "internal": (np.float64, n_substrate),
            # Behaviours that rules drive; NaN where none does.
            "ruled": (np.float64, n_ruled),
        }
        self._matrices = {"custom", "internal", "ruled"}
        self._arrays: dict[str, NDArray[Any]] = {
            name: np.zeros(self._shape(name, capacity), dtype=kind)
            for name, (kind, _) in self._spec.items()
        }
        self.n = 0
        self.next_id = 0

    def __getitem__(self, name: str) -> NDArray[Any]:
        """Return one array, ``(n,)`` or ``(n, width)``; writing to it changes the cells."""
        return self._arrays[name][: self.n]

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the arrays."""
        return tuple(self._spec)

    @property
    def capacity(self) -> int:
        """Cells that fit before arrays grow."""
        return len(self._arrays["id"])

    @property
    def volume_um3(self) -> FloatArray:
        """Total volumes, ``(n,)``."""
        total: FloatArray = (
            self["fluid_um3"] + self["nuclear_solid_um3"] + self["cytoplasmic_solid_um3"]
        )
        return total

    @property
    def radius_um(self) -> FloatArray:
        """Radii of balls of those volumes, ``(n,)``."""
        return radius_of_um(self.volume_um3)

    def add(self, values: Mapping[str, NDArray[Any]]) -> slice:
        """Add cells at the end in the order given; they get the next ids.

        Parameters
        ----------
        values
            Arrays of one length by name, without ``id``; what is absent is 0.

        Returns
        -------
        Where the new cells stand.

        Raises
        ------
        ModelValueError
            If the arrays differ in length or a name is unknown.
        """
        lengths = {len(value) for value in values.values()}
        if len(lengths) != 1 or not values.keys() <= self._spec.keys() - {"id"}:
            msg = f"new cells need arrays of one length under known names, got {sorted(values)}."
            raise ModelValueError(msg)
        count = lengths.pop()
        self._reserve(self.n + count)
        new = slice(self.n, self.n + count)
        for name, array in self._arrays.items():
            array[new] = values.get(name, 0)
        self._arrays["id"][new] = np.arange(self.next_id, self.next_id + count)
        self.n += count
        self.next_id += count
        return new

    def keep(self, kept: BoolArray) -> None:
        """Remove cells that are not ``kept``, ``(n,)``; the others stay in order."""
        left = int(np.count_nonzero(kept))
        if left < self.n:
            for array in self._arrays.values():
                array[:left] = array[: self.n][kept]
            self.n = left

    def copy_rows(self, rows: IntArray) -> dict[str, NDArray[Any]]:
        """Return all numbers of some cells but their ids, as `add` takes them."""
        return {name: self[name][rows].copy() for name in self._spec if name != "id"}

    def state(self) -> dict[str, NDArray[Any]]:
        """Return every array by name, without the spare room."""
        return {name: self[name] for name in self._spec}

    def restore(self, state: Mapping[str, NDArray[Any]], next_id: int) -> None:
        """Take over arrays that `state` gave."""
        count = len(state["id"])
        self.n = 0
        self._reserve(count)
        for name, array in self._arrays.items():
            array[:count] = state[name]
        self.n = count
        self.next_id = next_id

    def _shape(self, name: str, length: int) -> tuple[int, ...]:
        width = self._spec[name][1]
        return (length, width) if width or name in self._matrices else (length,)

    def _reserve(self, needed: int) -> None:
        if needed <= self.capacity:
            return
        capacity = max(needed, self.capacity + self.capacity // 2)
        for name, array in self._arrays.items():
            grown = np.zeros(self._shape(name, capacity), dtype=array.dtype)
            grown[: self.n] = array[: self.n]
            self._arrays[name] = grown


def radius_of_um(volume_um3: FloatArray) -> FloatArray:
    """Return radii of balls of some volumes; 0 for no volume."""
    radius: FloatArray = np.cbrt(np.maximum(volume_um3, 0.0) * (0.75 / math.pi))
    return radius
