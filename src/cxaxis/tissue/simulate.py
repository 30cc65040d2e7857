"""A tissue through time: fields, then movement, then life, each at its own step."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Final

import numba
import numpy as np

from cxaxis._version import __version__
from cxaxis.core.arrays import BoolArray, FloatArray
from cxaxis.core.errors import CxaxisError, UserInputError, error, raise_on_errors
from cxaxis.core.streams import SEED_LIMIT
from cxaxis.tissue import life_kernels, mechanics_kernels
from cxaxis.tissue.checkpoint import Checkpoint, read_checkpoint, write_checkpoint
from cxaxis.tissue.checks import check_tissue, multiple, shortest_min
from cxaxis.tissue.field_solver import advance
from cxaxis.tissue.fields import (
    cell_coefficients,
    densities_at_cells,
    initial_density,
    voxels_of_cells,
)
from cxaxis.tissue.life import divide, phase_names, start_cells
from cxaxis.tissue.motility_kernels import turn
from cxaxis.tissue.phenotype import Phenotype
from cxaxis.tissue.records import Snapshot, Tissue

#: Name of the checkpoint in the directory of a run.
CHECKPOINT: Final = "checkpoint.cxtissue"


class StepTooLongError(CxaxisError):
    """In one step a cell went farther than any cell is wide: its way would mean nothing."""


def simulate(
    tissue: Tissue,
    *,
    seed: int,
    threads: int = 1,
    progress: Callable[[float], None] | None = None,
    run: Path | None = None,
) -> Iterator[Snapshot]:
    """Yield what is seen of a tissue at its start and at every time of saving.

    The same tissue and seed give the same bytes, with any number of threads, and whether or not the
    run was broken off and taken up again.

    Parameters
    ----------
    seed
        In [0, 2**63).
    threads
        For forces between cells; at least 1.
    progress
        Called with the time in minutes after each step of life.
    run
        Directory that keeps the state at the last snapshot. If it holds one, the run goes on from
        there and yields the snapshots after it.

    Raises
    ------
    UserInputError
        If the tissue, its rules, ``seed`` or ``threads`` cannot be used, or ``run`` holds a
        checkpoint that is damaged or of another tissue or seed.
    StepTooLongError
        If the step of movement is too long for the forces.
    cxaxis.tissue.cell_list.CrowdedCellsError
        If too many cells lie on one spot.
    """
    check_tissue(tissue)
    _check_call(seed, threads)
    return _snapshots(Simulation(tissue, seed=seed, threads=threads), progress, run)


def _check_call(seed: int, threads: int) -> None:
    found = []
    if not 0 <= seed < SEED_LIMIT:
        found.append(error("TISSUE028", "seed", f"is {seed!r}; it must lie in [0, 2**63)."))
    most = int(numba.config.NUMBA_NUM_THREADS)  # type: ignore[attr-defined]
    if not 1 <= threads <= most:
        found.append(
            error("TISSUE029", "threads", f"is {threads!r}; from 1 to {most} are to be had here.")
        )
    raise_on_errors(found)


def _snapshots(
    simulation: Simulation, progress: Callable[[float], None] | None, run: Path | None
) -> Iterator[Snapshot]:
    path = None if run is None else run / CHECKPOINT
    if path is not None and path.exists():
        simulation.restore(read_checkpoint(path), path)
    else:
        if path is not None:
            path.parent.mkdir(parents=True, exist_ok=True)
            write_checkpoint(path, simulation.checkpoint())
        yield simulation.snapshot()
    while simulation.step < simulation.n_step:
        simulation.advance()
        if progress is not None and simulation.step % simulation.per_phenotype == 0:
            progress(simulation.time_min)
        if simulation.step % simulation.per_save == 0 or simulation.step == simulation.n_step:
            if path is not None:
                write_checkpoint(path, simulation.checkpoint())
            yield simulation.snapshot()


class Simulation:
    """A tissue at one moment, which can be moved on.

    Attributes
    ----------
    step
        Shortest steps done so far.
    n_step
        Of the whole horizon.
    cells, density, phenotype
        Its state: cells, densities ``(n_substrate, nx, ny, nz)``, and what is derived from them.
    """

    def __init__(self, tissue: Tissue, *, seed: int, threads: int = 1) -> None:
        self.tissue = tissue
        self.seed = seed
        self.threads = threads
        self._dt_min = shortest_min(tissue.steps)
        self.per_field = self._steps(tissue.steps.field_min)
        self.per_mechanics = self._steps(tissue.steps.mechanics_min)
        self.per_phenotype = self._steps(tissue.steps.phenotype_min)
        self.per_save = self._steps(tissue.save_every_min)
        self.n_step = self._steps(tissue.horizon_min)
        self.step = 0
        self.phenotype = Phenotype(tissue)
        self._n_internal = len(tissue.substrates) if self.phenotype.uses_internal else 0
        self._phase_names = phase_names(tissue.cell_types)
        self.cells = start_cells(
            tissue,
            self.phenotype.grammar,
            n_internal=self._n_internal,
            n_ruled=len(self.phenotype.rules.columns),
        )
        self.density = initial_density(tissue.grid, tissue.substrates)
        self._low = np.array(tissue.grid.origin_um)
        self._high = np.array(tissue.grid.upper_um)
        self.phenotype.follow_rules(self.cells, self.density, 0.0)

    @property
    def time_min(self) -> float:
        """Time since the start."""
        return self.step * self._dt_min

    def advance(self) -> None:
        """Move on by the shortest step."""
        self.step += 1
        if self.density.shape[0] and self.step % self.per_field == 0:
            self._fields()
        if self.step % self.per_mechanics == 0:
            self._mechanics()
        if self.step % self.per_phenotype == 0:
            self._life()

    def snapshot(self) -> Snapshot:
        """Return what is seen of the tissue now."""
        import pandas as pd

        cells, volume = self.cells, self.cells.volume_um3
        solids = cells["nuclear_solid_um3"] + cells["nuclear_fluid_um3"]
        types = self.phenotype.grammar.types
        columns = {
            "id": cells["id"].copy(),
            "parent": cells["parent"].copy(),
            "type": np.array(types, dtype=object)[cells["type"]],
            "x_um": cells["position_um"][:, 0].copy(),
            "y_um": cells["position_um"][:, 1].copy(),
            "z_um": cells["position_um"][:, 2].copy(),
            "volume_um3": volume,
            "nuclear_um3": solids,
            "fluid_fraction": np.divide(
                cells["fluid_um3"], volume, out=np.zeros(cells.n), where=volume > 0
            ),
            "calcified_fraction": cells["calcified_fraction"].copy(),
            "radius_um": cells.radius_um,
            "nuclear_radius_um": np.cbrt(solids * (0.75 / math.pi)),
            "phase": self._phases(),
            "phase_elapsed_min": cells["elapsed_min"].copy(),
            "dead": cells["death"] > 0,
            "vx_um_per_min": cells["velocity_um_per_min"][:, 0].copy(),
            "vy_um_per_min": cells["velocity_um_per_min"][:, 1].copy(),
            "vz_um_per_min": cells["velocity_um_per_min"][:, 2].copy(),
            "pressure": cells["pressure"].copy(),
            "damage": cells["damage"].copy(),
        }
        for column, name in enumerate(self.phenotype.grammar.customs):
            columns[name] = cells["custom"][:, column].copy()
        return Snapshot(
            time_min=self.time_min,
            cells=pd.DataFrame(columns),
            fields={
                substrate.id: field.copy()
                for substrate, field in zip(self.tissue.substrates, self.density, strict=True)
            },
            grid=self.tissue.grid,
        )

    def checkpoint(self) -> Checkpoint:
        """Return all of the state."""
        return Checkpoint(
            fingerprint=_fingerprint(self.tissue, self.seed),
            numbers={"step": self.step, "next_id": self.cells.next_id},
            arrays={"density": self.density, **self.cells.state()},
        )

    def restore(self, checkpoint: Checkpoint, path: Path) -> None:
        """Take over a state.

        Raises
        ------
        UserInputError
            If it belongs to another tissue, seed or version.
        """
        if checkpoint.fingerprint != _fingerprint(self.tissue, self.seed):
            message = (
                "belongs to another tissue, seed or version of the software; give the same again, "
                "or another directory."
            )
            raise UserInputError([error("TISSUE031", str(path), message)])
        self.step = checkpoint.numbers["step"]
        self.density = np.array(checkpoint.arrays["density"])
        self.cells.restore(checkpoint.arrays, checkpoint.numbers["next_id"])
        self.phenotype.refresh(self.cells)

    def _steps(self, time_min: float) -> int:
        count = multiple(time_min, self._dt_min)
        assert count is not None
        return count

    def _fields(self) -> None:
        grid, cells, dt_min = self.tissue.grid, self.cells, self.tissue.steps.field_min
        voxel = voxels_of_cells(grid, cells["position_um"])
        voxel[cells["active"] == 0] = -1
        volume, exchange = cells.volume_um3, self.phenotype.exchange
        solved = advance(
            self.density,
            cell_coefficients(grid, voxel, volume, exchange),
            grid,
            self.tissue.substrates,
            dt_min,
        )
        self.density = solved.density
        if self._n_internal:
            # What the field lost to a cell in the solve, to rounding: rates at the new density.
            here = densities_at_cells(self.density, voxel)
            gain = exchange.uptake_per_min * here
            gain -= exchange.secretion_per_min * (exchange.target - here)
            gain = volume[:, None] * gain - exchange.net_export_per_min
            gain[voxel[:, 0] < 0] = 0.0
            cells["internal"][...] = np.maximum(cells["internal"] + dt_min * gain, 0.0)

    def _mechanics(self) -> None:
        cells, phenotype, tissue = self.cells, self.phenotype, self.tissue
        grid, dt_min = tissue.grid, tissue.steps.mechanics_min
        active = cells["active"]
        if phenotype.speed_um_per_min.any():
            turn(
                cells["id"],
                active,
                phenotype.speed_um_per_min,
                phenotype.persistence_min,
                phenotype.bias,
                phenotype.sensitivity,
                phenotype.sensitivity_row,
                phenotype.normalised,
                voxels_of_cells(grid, cells["position_um"]),
                self.density,
                np.array(grid.spacing_um),
                grid.is_flat,
                self.seed,
                self.step,
                dt_min,
                cells["heading"],
            )
        listed, packed = phenotype.list_cells(cells)
        force = np.zeros((cells.n, 3))
        arguments = (
            packed,
            listed.order,
            listed.start,
            listed.shape,
            listed.bin_of,
            cells["id"],
            phenotype.affinity,
            phenotype.affinity_by_cell,
            phenotype.affinity_matters,
            self.seed,
            grid.is_flat,
            force,
            cells["pressure"],
        )
        if phenotype.repulsion_root.any() or phenotype.adhesion_root.any():
            if self.threads > 1:
                numba.set_num_threads(self.threads)
                mechanics_kernels.push_threads(*arguments)
            else:
                mechanics_kernels.push_serial(*arguments)
        farthest, who = mechanics_kernels.move(
            active,
            cells["moved"],
            cells["position_um"],
            cells["velocity_um_per_min"],
            force,
            cells["heading"],
            phenotype.speed_um_per_min,
            dt_min,
            self._low,
            self._high,
            tissue.closed,
        )
        self._check_way(farthest, who)
        if phenotype.acts.any():
            eaten = np.zeros(cells.n, np.int64)
            if life_kernels.interact(
                packed, listed.order, listed.start, listed.shape, listed.bin_of, cells["id"],
                cells["death"], active, phenotype.acts.astype(np.uint8), phenotype.attack,
                phenotype.engulf, phenotype.engulf_dead, phenotype.damage_rate, self.seed,
                self.step, dt_min, cells["damage"], cells["attack_min"], cells["fluid_um3"],
                cells["nuclear_solid_um3"], cells["cytoplasmic_solid_um3"], cells["internal"],
                eaten,
            ):  # fmt: skip
                cells.keep(eaten == 0)
                phenotype.refresh(cells)

    def _check_way(self, farthest_um: float, who: int) -> None:
        if who < 0:
            return
        widest = float(self.phenotype.radius_um.max(initial=0.0))
        limit = widest if widest > 0 else min(self.tissue.grid.spacing_um)
        if farthest_um > limit:
            msg = (
                f"at {self.time_min:g} min cell {self.cells['id'][who]} moved {farthest_um:.3g} um "
                f"in one step of {self.tissue.steps.mechanics_min:g} min, above the largest radius "
                f"of {limit:.3g} um: shorten mechanics_min, or part cells that overlap much."
            )
            raise StepTooLongError(msg)

    def _life(self) -> None:
        cells, phenotype = self.cells, self.phenotype
        tables, dt_min = phenotype.tables, self.tissue.steps.phenotype_min
        phenotype.follow_rules(cells, self.density, self.time_min)
        life_kernels.regulate_volume(
            cells["active"],
            tables.body_rows(cells),
            tables.body,
            cells["growth"],
            dt_min,
            cells["fluid_um3"],
            cells["nuclear_fluid_um3"],
            cells["nuclear_solid_um3"],
            cells["cytoplasmic_solid_um3"],
            cells["calcified_fraction"],
        )
        self._transform(dt_min)
        fate = np.zeros(cells.n, np.int64)
        life_kernels.live_on(
            cells["id"],
            cells["type"],
            cells["active"],
            cells.volume_um3,
            np.column_stack(
                [phenotype.behaviour(cells, "apoptosis"), phenotype.behaviour(cells, "necrosis")]
            ),
            tables.death_place,
            tables.rupture_ratio,
            phenotype.behaviours(cells, "exit from cycle phase {}"),
            tables.n_phase,
            tables.fixed,
            tables.ends,
            tables.grows,
            tables.bursts,
            tables.dead_rates,
            self.seed,
            self.step,
            dt_min,
            cells["death"],
            cells["phase"],
            cells["elapsed_min"],
            cells["growth"],
            cells["rupture_um3"],
            cells["ruptured"],
            cells["heading"],
            fate,
        )
        dividing = np.flatnonzero(fate == life_kernels.DIVIDES)
        divide(cells, dividing, seed=self.seed, step=self.step, flat=self.tissue.grid.is_flat)
        kept: BoolArray = np.ones(cells.n, np.bool_)
        kept[: len(fate)] = fate != life_kernels.ENDS
        cells.keep(kept)
        if self.tissue.closed:
            np.clip(cells["position_um"], self._low, self._high, out=cells["position_um"])
        phenotype.refresh(cells)

    def _transform(self, dt_min: float) -> None:
        cells = self.cells
        rates: FloatArray = self.phenotype.behaviours(cells, "transform to {}")
        if not rates.any():
            return
        able = ((cells["active"] != 0) & (cells["death"] == 0)).astype(np.uint8)
        chosen = life_kernels.transform(cells["id"], able, rates, self.seed, self.step, dt_min)
        changed = (chosen >= 0) & (chosen != cells["type"])
        if changed.any():
            cells["type"][changed] = chosen[changed]
            cells["phase"][changed] = 0
            cells["elapsed_min"][changed] = 0.0
            cells["growth"][changed] = 1.0
            # Rules of the old type say nothing of the new one before it senses for itself.
            cells["ruled"][changed] = np.nan

    def _phases(self) -> list[str]:
        names = []
        for own, course, at in zip(
            self.cells["type"].tolist(),
            self.cells["death"].tolist(),
            self.cells["phase"].tolist(),
            strict=True,
        ):
            phases = self._phase_names[own][course]
            names.append(phases[at] if phases else "")
        return names


def _fingerprint(tissue: Tissue, seed: int) -> str:
    # The horizon is left out: a run may be prolonged.
    parts = replace(tissue, start=tissue.start.iloc[:0], horizon_min=1.0)
    digest = hashlib.sha256(f"{__version__}/{seed}/{parts!r}".encode())
    digest.update(tissue.start.to_csv(float_format="%.17g").encode())
    return digest.hexdigest()
