"""What a pathologist finds in a resected specimen: rests, margins, nodes.

Pathological response is what was found, not what was there: slides show a small share of a
specimen, so few cells left are missed (a Poisson chance), and a node is hit by a section or not
(geometry). Whether the disease is gone is another quantity, `durable_control`.

All sizes are of the moment before the operation, and of the operated alone: what is said of
patients who were not operated on has no meaning.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from cxaxis.core.arrays import BoolArray, FloatArray, IntArray
from cxaxis.core.errors import ModelValueError
from cxaxis.core.streams import rng_for

# Regression by the share of the former tumour bed that is still viable tumour (Becker 2003):
# none, below a tenth, up to a half, more. Up to a tenth is a major response.
REGRESSION_EDGES: Final = (0.1, 0.5)
MAJOR_SHARE: Final = 0.1


@dataclass(frozen=True, kw_only=True)
class SpecimenDraws:
    """A patient's own chances in the laboratory; the same in all arms.

    Attributes
    ----------
    primary
        Exponential; the expected finds above which the primary's rest is found,
        shape ``(n_patient,)``.
    nodes
        Uniform, shape ``(n_patient, n_node)``.
    examined
        Uniform; places the patient in the distribution of nodes examined, ``(n_patient,)``.
    """

    primary: FloatArray
    nodes: FloatArray
    examined: FloatArray


@dataclass(frozen=True, kw_only=True)
class Specimen:
    """Report on the resected specimens of patients.

    Attributes
    ----------
    residual_found
        Whether viable tumour was found in the primary's bed, shape ``(n_patient,)``.
    positive_nodes
        Nodes in which tumour was found, shape ``(n_patient,)``.
    nodes_examined
        Nodes the specimen held, shape ``(n_patient,)``.
    residual_share
        Viable tumour as a share of the former bed, 0 where none was found, same shape.
    involved_margin
        Whether tumour was left at the margin (R1), same shape.
    """

    residual_found: BoolArray
    positive_nodes: IntArray
    nodes_examined: IntArray
    residual_share: FloatArray
    involved_margin: BoolArray

    @property
    def yp_t0(self) -> BoolArray:
        """No viable tumour found in the primary's bed."""
        return ~self.residual_found

    @property
    def yp_n0(self) -> BoolArray:
        """No tumour found in any node examined."""
        return np.asarray(self.positive_nodes == 0)

    @property
    def complete_response(self) -> BoolArray:
        """Pathological complete response, ypT0 ypN0."""
        return self.yp_t0 & self.yp_n0

    @property
    def major_response(self) -> BoolArray:
        """Major pathological response: at most a tenth of the bed is viable tumour."""
        return self.residual_share <= MAJOR_SHARE

    @property
    def regression_grade(self) -> np.ndarray:
        """Becker's grade: ``1a`` none viable, ``1b`` below 10 %, ``2`` to 50 %, ``3`` more."""
        tenth, half = REGRESSION_EDGES
        share = self.residual_share
        return np.select(
            [self.yp_t0, share < tenth, share <= half],
            ["1a", "1b", "2"],
            "3",
        )

    @property
    def yp_n(self) -> IntArray:
        """The ypN category, 0 to 3, by the number of positive nodes: 1-2, 3-6, 7 or more."""
        return np.searchsorted([1, 3, 7], self.positive_nodes, side="right").astype(np.int64)

    @property
    def margin(self) -> np.ndarray:
        """``R0`` or ``R1``."""
        return np.where(self.involved_margin, "R1", "R0")


def specimen_draws(patients: Sequence[int], nodes: Sequence[str], *, seed: int) -> SpecimenDraws:
    """Return the patients' chances in the laboratory, keyed by patient and node.

    Parameters
    ----------
    patients
        Indices.
    nodes
        Names of the node slots.
    """

    def uniform(i: int, *what: str) -> float:
        return float(rng_for(seed, "patient", i, "pathology", *what).uniform())

    found = [[uniform(i, "node", name) for name in nodes] for i in patients]
    return SpecimenDraws(
        primary=np.array(
            [
                rng_for(seed, "patient", i, "pathology", "primary").standard_exponential()
                for i in patients
            ]
        ),
        nodes=np.array(found, dtype=float).reshape(len(patients), len(nodes)),
        examined=np.array([uniform(i, "examined") for i in patients]),
    )


def residual_found(
    viable_cells: FloatArray, *, sampled_share: float, draw: FloatArray
) -> BoolArray:
    """Return whether viable tumour cells are found on the slides of a specimen.

    The number found is Poisson with mean ``viable_cells * sampled_share``: none are found with
    probability ``exp(-mean)``, which is where the mean lies below an exponential draw.

    Parameters
    ----------
    viable_cells
        Viable tumour cells in the specimen, 0 where the last clonogen is gone.
    sampled_share
        Chance of one cell to be on a slide and recognised, in (0, 1].
    draw
        Standard exponential, same shape.

    Raises
    ------
    ModelValueError
        If ``sampled_share`` lies outside (0, 1].
    """
    if not 0.0 < sampled_share <= 1.0:
        msg = f"the share of cells looked at lies in (0, 1], got {sampled_share:g}."
        raise ModelValueError(msg)
    return np.asarray(viable_cells * sampled_share > draw)


def section_hit_chance(
    deposit_mm: FloatArray, node_mm: FloatArray | float, *, sections: float
) -> FloatArray:
    """Return the chance that evenly spaced sections through a node meet a deposit.

    Parameters
    ----------
    deposit_mm
        Diameter of the deposit, mm; 0 is no deposit.
    node_mm
        Short axis of the node, deposit included, mm, positive.
    sections
        Sections looked at, at least 1. Each meets a sphere anywhere in a slab of its diameter.

    Raises
    ------
    ModelValueError
        If there is less than one section.
    """
    if sections < 1:
        msg = f"a node is looked at on at least one section, got {sections:g}."
        raise ModelValueError(msg)
    return np.asarray(np.clip(sections * deposit_mm / node_mm, 0.0, 1.0))


def nodes_examined(draw: FloatArray, *, mean: float, spread: float) -> IntArray:
    """Return how many nodes each specimen held: log-normal, rounded, at least 1.

    Parameters
    ----------
    draw
        Uniform in [0, 1).
    mean
        Median number of nodes, positive.
    spread
        Log standard deviation between specimens.
    """
    from scipy.special import ndtri

    # A draw of exactly 0 would be a specimen without an end to its rarity.
    z = ndtri(np.clip(draw, 1e-12, 1.0 - 1e-12))
    return np.maximum(1, np.rint(mean * np.exp(spread * z))).astype(np.int64)


def examine(
    *,
    viable_cells: FloatArray,
    bed_cells: FloatArray,
    cells_left: FloatArray,
    node_deposit_mm: FloatArray,
    node_mm: FloatArray,
    dissected: BoolArray,
    draws: SpecimenDraws,
    sampled_share: float,
    node_sections: float,
    examined_nodes: float,
    examined_spread: float,
) -> Specimen:
    """Examine the specimens of patients.

    Parameters
    ----------
    viable_cells
        Viable cells of the primary at the operation, shape ``(n_patient,)``.
    bed_cells
        Cells of the primary before any treatment: the extent of its bed, positive, same shape.
    cells_left
        Cells of the primary just after the operation; more than 0 is an involved margin.
    node_deposit_mm, node_mm
        Diameter of the deposit in each node slot, and short axis of that node, mm, shape
        ``(n_patient, n_node)``.
    dissected
        Whether the operation took the node, same shape; a node left behind is not examined.
    draws
        See `specimen_draws`.
    sampled_share, node_sections
        See `residual_found` and `section_hit_chance`.
    examined_nodes, examined_spread
        Median and log standard deviation of the nodes a specimen holds.
    """
    found = residual_found(viable_cells, sampled_share=sampled_share, draw=draws.primary)
    chance = section_hit_chance(node_deposit_mm, node_mm, sections=node_sections)
    positive = (dissected & (draws.nodes < chance)).sum(axis=1).astype(np.int64)
    held = nodes_examined(draws.examined, mean=examined_nodes, spread=examined_spread)
    share = np.clip(viable_cells / bed_cells, 0.0, 1.0)
    return Specimen(
        residual_found=found,
        positive_nodes=positive,
        nodes_examined=np.maximum(held, positive),
        residual_share=np.where(found, share, 0.0),
        involved_margin=np.asarray(cells_left > 0),
    )


def durable_control(
    tumour_present: FloatArray, deposits_present: Mapping[str, FloatArray]
) -> BoolArray:
    """Return whether no clonogen is left anywhere: neither in the primary nor in a deposit.

    Parameters
    ----------
    tumour_present
        1 while the primary has a clonogen, else 0, shape ``(n_patient,)``.
    deposits_present
        The same by deposit.
    """
    gone = np.asarray(tumour_present) < 0.5
    for present in deposits_present.values():
        gone = gone & (np.asarray(present) < 0.5)
    return gone
