"""What a piece of tissue is made of: a grid, substrates, cell types, rules, and what is seen of it.

Every engine, file format and experiment speaks in these records. Time in minutes, length in um.
The phenotype of a cell type has the parts and the meaning that PhysiCell gives them, so that a
model written for it reads as one of ours and the other way about.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING, Final, Literal

from cxaxis.core.errors import ModelValueError

if TYPE_CHECKING:
    import pandas as pd

    from cxaxis.core.arrays import FloatArray

Face = Literal["xmin", "xmax", "ymin", "ymax", "zmin", "zmax"]
FACES: Final[tuple[Face, ...]] = ("xmin", "xmax", "ymin", "ymax", "zmin", "zmax")
Direction = Literal["increases", "decreases"]
DeathKind = Literal["apoptosis", "necrosis"]


def _nothing() -> Mapping[str, float]:
    return MappingProxyType({})


@dataclass(frozen=True, kw_only=True)
class Grid:
    """Voxels of a box.

    Attributes
    ----------
    origin_um
        Lower corner of the box, x, y, z.
    spacing_um
        Edges of a voxel; positive.
    shape
        Voxels along x, y and z; 1 along z makes the tissue flat.
    """

    origin_um: tuple[float, float, float]
    spacing_um: tuple[float, float, float]
    shape: tuple[int, int, int]

    def __post_init__(self) -> None:
        if min(self.spacing_um) <= 0 or min(self.shape) < 1:
            msg = f"a grid needs voxels of positive size, got {self.spacing_um} um x {self.shape}."
            raise ModelValueError(msg)

    @property
    def is_flat(self) -> bool:
        """Whether cells stay in one plane."""
        return self.shape[2] == 1

    @property
    def voxel_volume_um3(self) -> float:
        """Volume of one voxel."""
        x, y, z = self.spacing_um
        return x * y * z

    @property
    def n_voxel(self) -> int:
        """How many voxels there are."""
        x, y, z = self.shape
        return x * y * z

    @property
    def upper_um(self) -> tuple[float, float, float]:
        """Upper corner of the box."""
        x, y, z = (
            low + step * n
            for low, step, n in zip(self.origin_um, self.spacing_um, self.shape, strict=True)
        )
        return x, y, z


@dataclass(frozen=True, kw_only=True)
class Substrate:
    """Something that diffuses, decays, is made and taken up.

    Attributes
    ----------
    id
        Name.
    unit
        Of its density.
    diffusion_um2_per_min, decay_per_min
        At least 0.
    initial
        Density at the start, everywhere; at least 0.
    faces
        Density held at a face of the box; nothing passes a face that is absent.
    quasi_steady
        Whether it is solved as if diffusion, decay, sources and uptake were always in balance.
    """

    id: str
    unit: str = "dimensionless"
    diffusion_um2_per_min: float
    decay_per_min: float = 0.0
    initial: float = 0.0
    faces: Mapping[Face, float] = field(default_factory=lambda: MappingProxyType({}))
    quasi_steady: bool = False


@dataclass(frozen=True, kw_only=True)
class Exchange:
    """What one cell does with one substrate.

    Density ``c`` of a voxel of volume ``W`` that holds a cell of volume ``V`` changes at
    ``V / W (secretion (target - c) - uptake c) + net_export / W``.

    Attributes
    ----------
    secretion_per_min, uptake_per_min
        Rates; at least 0.
    target
        Density at which secretion ends.
    net_export_per_min
        Amount that a cell gives off, density times um3 a minute; may be negative.
    """

    secretion_per_min: float = 0.0
    target: float = 1.0
    uptake_per_min: float = 0.0
    net_export_per_min: float = 0.0


@dataclass(frozen=True, kw_only=True)
class Volume:
    """Volume of a cell and how fast its parts go to their targets. Defaults are PhysiCell's.

    Attributes
    ----------
    total_um3, nuclear_um3
        Positive, the second at most the first.
    fluid_fraction, calcified_fraction
        In [0, 1].
    fluid_rate_per_min, cytoplasm_rate_per_min, nuclear_rate_per_min, calcification_rate_per_min
        Of change towards the target.
    rupture_ratio
        Times its volume at death at which a swelling dead cell bursts.
    """

    total_um3: float = 2494.0
    nuclear_um3: float = 540.0
    fluid_fraction: float = 0.75
    calcified_fraction: float = 0.0
    fluid_rate_per_min: float = 0.05
    cytoplasm_rate_per_min: float = 0.0045
    nuclear_rate_per_min: float = 0.0055
    calcification_rate_per_min: float = 0.0
    rupture_ratio: float = 2.0


@dataclass(frozen=True, kw_only=True)
class Mechanics:
    """Forces between cells that touch. Defaults are PhysiCell's.

    Attributes
    ----------
    repulsion_um_per_min, adhesion_um_per_min
        Strengths; at least 0.
    reach_radii
        Distance at which adhesion ends, as a multiple of the radius; at least 1.
    affinities
        Share of the adhesion with cells of another type; 1 where absent.
    """

    repulsion_um_per_min: float = 10.0
    adhesion_um_per_min: float = 0.4
    reach_radii: float = 1.25
    affinities: Mapping[str, float] = field(default_factory=_nothing)


@dataclass(frozen=True, kw_only=True)
class Motility:
    """Biased persistent random walk.

    Attributes
    ----------
    speed_um_per_min, persistence_min
        At least 0. A cell chooses a new direction with chance ``dt / persistence_min``.
    bias
        Share of the direction that is chemotaxis, in [0, 1].
    sensitivities
        Of the direction of chemotaxis to the gradient of each substrate; negative repels.
    normalised
        Whether gradients count as directions alone, not by their size.
    """

    speed_um_per_min: float = 0.0
    persistence_min: float = 1.0
    bias: float = 0.0
    sensitivities: Mapping[str, float] = field(default_factory=_nothing)
    normalised: bool = True


@dataclass(frozen=True, kw_only=True)
class Phase:
    """One phase of a cycle or of a death.

    Attributes
    ----------
    id
        Name.
    duration_min
        Mean time spent in it; infinite if it is never left.
    is_fixed
        Whether every cell spends just that time, or leaves it at a constant rate.
    divides
        Whether a cell divides, or a dead one is removed, at its end.
    grows
        Whether the solids that a cell aims at double when it enters. Where no phase of a cycle
        says so, they double on entry to the phase that divides.
    """

    id: str
    duration_min: float
    is_fixed: bool = False
    divides: bool = False
    grows: bool = False


@dataclass(frozen=True, kw_only=True)
class Death:
    """One way to die.

    Attributes
    ----------
    kind
        Apoptosis shrinks a cell, necrosis swells it until it bursts.
    rate_per_min
        At least 0.
    phases
        What follows; the last one's end removes the cell.
    unlysed_fluid_rate_per_min, lysed_fluid_rate_per_min
        Of change of the fluid before and after it bursts.
    cytoplasm_rate_per_min, nuclear_rate_per_min, calcification_rate_per_min
        Of change of the other parts while dead.
    """

    kind: DeathKind
    rate_per_min: float = 0.0
    phases: tuple[Phase, ...] = ()
    unlysed_fluid_rate_per_min: float = 0.05
    lysed_fluid_rate_per_min: float = 0.0
    cytoplasm_rate_per_min: float = 0.0166667
    nuclear_rate_per_min: float = 0.00583333
    calcification_rate_per_min: float = 0.0


@dataclass(frozen=True, kw_only=True)
class Interactions:
    """What living cells do to cells they touch, per minute and by type of the other.

    Attributes
    ----------
    dead_phagocytosis_per_min
        Of cells of any type that are dead.
    phagocytosis_per_min, attack_per_min
        Of living cells.
    damage_rate_per_min
        Damage that an attacked cell takes; its own rules say what damage does.
    transformation_per_min
        Rates at which a cell turns into one of another type.
    """

    dead_phagocytosis_per_min: float = 0.0
    phagocytosis_per_min: Mapping[str, float] = field(default_factory=_nothing)
    attack_per_min: Mapping[str, float] = field(default_factory=_nothing)
    damage_rate_per_min: float = 1.0
    transformation_per_min: Mapping[str, float] = field(default_factory=_nothing)


@dataclass(frozen=True, kw_only=True)
class CellType:
    """What all cells of one type share unless a rule says otherwise.

    Attributes
    ----------
    id
        Name.
    cycle
        Phases in order; after the last comes the first. Empty: never divides.
    deaths
        At most one of each kind.
    exchange
        By substrate.
    custom
        Further numbers that a cell carries, with their values at the start.
    """

    id: str
    volume: Volume = Volume()
    mechanics: Mechanics = Mechanics()
    motility: Motility = Motility()
    cycle: tuple[Phase, ...] = ()
    deaths: tuple[Death, ...] = ()
    exchange: Mapping[str, Exchange] = field(default_factory=lambda: MappingProxyType({}))
    interactions: Interactions = Interactions()
    custom: Mapping[str, float] = field(default_factory=_nothing)


@dataclass(frozen=True, kw_only=True)
class Rule:
    """One line of the cell-behaviour grammar.

    A signal drives a behaviour of a cell type from its base value towards ``saturation`` by a
    Hill function. Signals of one behaviour and direction combine as the sum of
    ``(signal / half_max) ** power``; what increases acts before what decreases.

    Attributes
    ----------
    cell_type, signal, direction, behaviour
        Names of the grammar.
    saturation
        Behaviour at an infinite signal.
    half_max
        Signal of half the effect; positive.
    power
        Hill power; positive.
    applies_to_dead
        Whether dead cells follow it.
    """

    cell_type: str
    signal: str
    direction: Direction
    behaviour: str
    saturation: float
    half_max: float
    power: float
    applies_to_dead: bool = False


@dataclass(frozen=True, kw_only=True)
class Steps:
    """Time steps, minutes; each a whole multiple of the shortest.

    Attributes
    ----------
    field_min, mechanics_min, phenotype_min
        Of substrates, of movement, and of volume, cycle, death and rules.
    """

    field_min: float = 0.1
    mechanics_min: float = 0.1
    phenotype_min: float = 6.0


@dataclass(frozen=True, kw_only=True)
class Tissue:
    """A piece of tissue before it is simulated.

    Attributes
    ----------
    grid, substrates, cell_types, rules
        What it is made of; ids are unique.
    start
        Cells at the start, one a row, in the columns ``x_um``, ``y_um``, ``z_um`` and ``type``
        (id of its cell type); further columns are custom numbers of cells.
    steps
        Time steps.
    horizon_min, save_every_min
        End of the simulation, and time between snapshots; positive.
    closed
        Whether cells are held within the box. A cell that leaves an open box is inactive.
    """

    grid: Grid
    substrates: tuple[Substrate, ...]
    cell_types: tuple[CellType, ...]
    rules: tuple[Rule, ...] = ()
    start: pd.DataFrame
    steps: Steps = Steps()
    horizon_min: float
    save_every_min: float
    closed: bool = True


@dataclass(frozen=True, kw_only=True)
class Snapshot:
    """What is seen of a tissue at one time.

    Attributes
    ----------
    time_min
        Since the start.
    cells
        One a row, in the columns of `SNAPSHOT_COLUMNS`, then custom numbers by their names.
    fields
        Density by substrate, shape of the grid (x, y, z).
    grid
        Its voxels.
    """

    time_min: float
    cells: pd.DataFrame
    fields: Mapping[str, FloatArray]
    grid: Grid


#: Columns of a snapshot's cells with their units and meaning.
SNAPSHOT_COLUMNS: Final[Mapping[str, tuple[str, str]]] = MappingProxyType(
    {
        "id": ("", "Number of the cell, never given twice"),
        "parent": ("", "Number of the cell it came from; -1 at the start"),
        "type": ("", "Id of the cell type"),
        "x_um": ("um", "Position"),
        "y_um": ("um", "Position"),
        "z_um": ("um", "Position"),
        "volume_um3": ("um3", "Total volume"),
        "nuclear_um3": ("um3", "Volume of the nucleus"),
        "fluid_fraction": ("", "Share of the volume that is fluid"),
        "calcified_fraction": ("", "Share of the volume that is calcified"),
        "radius_um": ("um", "Radius of a ball of that volume"),
        "nuclear_radius_um": ("um", "The same of the nucleus"),
        "phase": ("", "Name of the phase of its cycle or death"),
        "phase_elapsed_min": ("min", "Time spent in that phase"),
        "dead": ("", "Whether it is dead"),
        "vx_um_per_min": ("um/min", "Velocity"),
        "vy_um_per_min": ("um/min", "Velocity"),
        "vz_um_per_min": ("um/min", "Velocity"),
        "pressure": ("", "Repulsion felt, in units of that of a dense packing"),
        "damage": ("", "Damage taken"),
    }
)
