"""What assays see of a patient: stains, messages, serum, cell counts and scattered cells.

Immunohistochemistry sees tumour cells; bulk RNA sees tumour cells and, mostly, leukocytes; both
are read-outs of one patient and need not agree. A reader's or an instrument's error enters as a
standard normal draw that belongs to the patient and the assay.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from cxaxis.core.arrays import BoolArray, FloatArray, IntArray
from cxaxis.core.errors import ModelValueError
from cxaxis.core.ids import did_you_mean
from cxaxis.core.streams import rng_for
from cxaxis.patient.readouts import VISIBLE_MM

INTENSITIES: Final = 3
"""Grades of staining: weak, moderate, strong."""

SOLUBLE_RECEPTOR_MECHANISMS: Final = ("shedding", "masking", "internalisation")
"""Rival explanations of the level of CXCR4 in serum, see `soluble_cxcr4`."""


@dataclass(frozen=True, kw_only=True)
class Stain:
    """How an antibody stains tumour cells.

    Attributes
    ----------
    weak_per_cell
        What a cell must hold to stain at all: receptors, or for a secreted protein molecules
        made a second; positive.
    grade_factor
        By how much more a cell must hold for the next grade, above 1.
    cell_scatter
        Log standard deviation of the content between the positive cells of a tumour, positive.
    noise
        Log standard deviation of staining and reading between slides, non-negative.
    """

    weak_per_cell: float
    grade_factor: float
    cell_scatter: float
    noise: float

    def __post_init__(self) -> None:
        if self.weak_per_cell <= 0 or self.grade_factor <= 1 or self.cell_scatter <= 0:
            msg = (
                f"a stain needs weak_per_cell above 0, grade_factor above 1 and cell_scatter above "
                f"0, got {self.weak_per_cell:g}, {self.grade_factor:g} and {self.cell_scatter:g}."
            )
            raise ModelValueError(msg)


def assay_draws(patients: Sequence[int], assay: str, *, seed: int) -> FloatArray:
    """Return each patient's standard normal error in an assay, shape ``(n_patient,)``."""
    return np.array(
        [rng_for(seed, "patient", i, "assay", assay).standard_normal() for i in patients]
    )


def grade_shares(
    per_positive_cell: FloatArray, positive_share: FloatArray, stain: Stain, error: FloatArray
) -> FloatArray:
    """Return the share of tumour cells that stain at least weakly, moderately and strongly.

    Parameters
    ----------
    per_positive_cell
        Median content of the cells that have it, shape ``(n_patient,)``; nothing stains at 0.
    positive_share
        Share of tumour cells that have it, 0 to 1, same shape.
    stain
        The antibody.
    error
        Standard normal, same shape; see `assay_draws`.

    Returns
    -------
    Shape ``(n_patient, 3)``, non-increasing along the grades.
    """
    from scipy.special import ndtr

    seen = np.log(np.maximum(per_positive_cell, np.finfo(float).tiny)) + stain.noise * error
    bounds = np.log(stain.weak_per_cell) + np.arange(INTENSITIES) * np.log(stain.grade_factor)
    above = ndtr((seen[:, None] - bounds) / stain.cell_scatter)
    return np.asarray(positive_share[:, None] * above)


def h_score(
    per_positive_cell: FloatArray, positive_share: FloatArray, stain: Stain, error: FloatArray
) -> FloatArray:
    """Return the H-score: intensity 1 to 3 times the per cent of cells, 0 to 300.

    Parameters are those of `grade_shares`.
    """
    shares = grade_shares(per_positive_cell, positive_share, stain, error)
    return np.asarray(100.0 * shares.sum(axis=1))


def cutoff_for_share(scores: FloatArray, positive_share: float) -> float:
    """Return the score above which the stated share of a series is positive.

    A series that prints its share of positive tumours has told its cut-off on any scale that
    orders tumours alike.

    Parameters
    ----------
    scores
        Scores of a series like the one the share comes from, at least one.
    positive_share
        In (0, 1).

    Raises
    ------
    ModelValueError
        If the share lies outside (0, 1) or there is no score.
    """
    if not 0.0 < positive_share < 1.0 or len(scores) == 0:
        msg = (
            f"a cut-off needs a share of positive tumours in (0, 1) and scores, got "
            f"{positive_share:g} and {len(scores)} scores."
        )
        raise ModelValueError(msg)
    return float(np.quantile(scores, 1.0 - positive_share))


@dataclass(frozen=True, kw_only=True)
class LeukocyteMessage:
    """CXCR4 message of the leukocytes in a tumour sample.

    Attributes
    ----------
    composition
        Share of each class among the leukocytes; the shares sum to 1.
    positive_share
        Share of each class in which the message is found, 0 to 1, by the same classes.
    per_positive_cell
        Message of such a cell relative to a CXCR4-positive tumour cell of the reference content.
    """

    composition: Mapping[str, float]
    positive_share: Mapping[str, float]
    per_positive_cell: float

    def __post_init__(self) -> None:
        total = sum(self.composition.values())
        if set(self.composition) != set(self.positive_share) or abs(total - 1.0) > 1e-9:
            msg = (
                "composition and positive_share name the same classes, and the composition sums "
                f"to 1; got {sorted(self.composition)}, {sorted(self.positive_share)} and "
                f"{total:g}."
            )
            raise ModelValueError(msg)

    @property
    def per_leukocyte(self) -> float:
        """Message of a mean leukocyte, in positive tumour cells of the reference content."""
        found = sum(self.composition[k] * self.positive_share[k] for k in self.composition)
        return found * self.per_positive_cell


def bulk_cxcr4(
    *,
    positive_share: FloatArray,
    per_positive_cell: FloatArray,
    reference_per_cell: float,
    leukocytes_per_tumour_cell: FloatArray,
    other_cells_per_tumour_cell: FloatArray | float,
    leukocytes: LeukocyteMessage,
    sampling: float = 0.0,
    sampling_error: FloatArray | float = 0.0,
    noise: float = 0.0,
    error: FloatArray | float = 0.0,
) -> FloatArray:
    """Return the CXCR4 message of a bulk sample of tumour tissue, per cell of the sample.

    Parameters
    ----------
    positive_share, per_positive_cell
        Of tumour cells: share with CXCR4 and receptors of such a cell, shape ``(n_patient,)``.
        Message is taken as proportional to receptors.
    reference_per_cell
        Receptors of the tumour cell whose message is 1, positive.
    leukocytes_per_tumour_cell, other_cells_per_tumour_cell
        The sample's other cells, non-negative; those others carry no message.
    leukocytes
        What leukocytes carry.
    sampling, sampling_error
        Log standard deviation of leukocytes between samples of one tumour, and its draw.
    noise, error
        Log standard deviation of the measurement, and its draw.

    Returns
    -------
    Relative to a tissue of reference tumour cells that are all positive, same shape.
    """
    infiltrate = leukocytes_per_tumour_cell * np.exp(sampling * np.asarray(sampling_error))
    tumour = positive_share * per_positive_cell / reference_per_cell
    cells = 1.0 + infiltrate + np.asarray(other_cells_per_tumour_cell)
    message = (tumour + infiltrate * leukocytes.per_leukocyte) / cells
    return np.asarray(message * np.exp(noise * np.asarray(error)))


def leukocyte_part_of_bulk(
    *,
    positive_share: FloatArray,
    per_positive_cell: FloatArray,
    reference_per_cell: float,
    leukocytes_per_tumour_cell: FloatArray,
    leukocytes: LeukocyteMessage,
) -> FloatArray:
    """Return the share of a bulk sample's CXCR4 message that leukocytes carry, 0 to 1.

    Parameters are those of `bulk_cxcr4`; 0 where nothing carries any.
    """
    tumour = positive_share * per_positive_cell / reference_per_cell
    carried = leukocytes_per_tumour_cell * leukocytes.per_leukocyte
    whole = tumour + carried
    return np.divide(carried, whole, out=np.zeros_like(whole), where=whole > 0)


def single_cell_positive_share(
    *,
    positive_share: FloatArray,
    per_positive_cell: FloatArray,
    reference_per_cell: float,
    reads_per_reference_cell: float,
) -> FloatArray:
    """Return the share of tumour cells in which single-cell RNA finds CXCR4, shape as given.

    A positive cell shows it unless all of its few messages are missed, a Poisson chance.

    Parameters
    ----------
    positive_share, per_positive_cell, reference_per_cell
        As in `bulk_cxcr4`.
    reads_per_reference_cell
        Messages read in a tumour cell of the reference content, positive.
    """
    reads = reads_per_reference_cell * per_positive_cell / reference_per_cell
    return np.asarray(positive_share * -np.expm1(-reads))


def serum_cxcl12_ng_per_mL(
    *,
    free_nM: FloatArray,
    captured_nM: FloatArray | float = 0.0,
    captured_recovery: float,
    molar_mass_kg_per_mol: float,
    noise: float = 0.0,
    error: FloatArray | float = 0.0,
) -> tuple[FloatArray, FloatArray]:
    """Return the total and the free CXCL12 of serum, ng/mL.

    Parameters
    ----------
    free_nM
        Free CXCL12 of plasma, nM, shape ``(n_patient,)`` or with times.
    captured_nM
        CXCL12 held by a neutraliser, nM.
    captured_recovery
        Share of captured CXCL12 that the total assay still sees, 0 to 1.
    molar_mass_kg_per_mol
        Of CXCL12, positive; nM times kg/mol is ng/mL.
    noise, error
        Log standard deviation of the assay and its draw, for both readings.
    """
    factor = molar_mass_kg_per_mol * np.exp(noise * np.asarray(error))
    free = np.asarray(free_nM * factor)
    return np.asarray(free + captured_recovery * np.asarray(captured_nM) * factor), free


def soluble_cxcr4(
    mechanism: str,
    *,
    plasma_cxcl12_nM: FloatArray,
    healthy_cxcl12_nM: FloatArray | float,
    kd_nM: float,
    host_surface_ratio: FloatArray | float,
    tumour_surface_ratio: FloatArray | float,
) -> FloatArray:
    """Return the CXCR4 that serum assays find, relative to a healthy person.

    Patients with oesophageal cancer were found with more CXCL12 and less CXCR4 in serum. Three
    explanations compete, and nothing read decides between them:

    ``shedding``
        Receptor comes off cell surfaces: the level follows all receptor on host and tumour
        surfaces. It cannot fall while these do not.
    ``masking``
        As much receptor is there, but CXCL12 on it hides it from the assay's antibody: the level
        follows the share without ligand.
    ``internalisation``
        Ligand takes receptor in, so that less is on surfaces to be shed: the level follows what
        is on the host's surfaces.

    Parameters
    ----------
    mechanism
        One of `SOLUBLE_RECEPTOR_MECHANISMS`.
    plasma_cxcl12_nM, healthy_cxcl12_nM
        Free CXCL12 of the patient and of a healthy person, nM, non-negative.
    kd_nM
        Affinity of CXCL12 for CXCR4, nM, positive.
    host_surface_ratio
        CXCR4 on the surfaces of host cells relative to a healthy person.
    tumour_surface_ratio
        CXCR4 on tumour surfaces, relative to all host CXCR4 of a healthy person.

    Raises
    ------
    ModelValueError
        If the mechanism is unknown.
    """
    shape = np.shape(plasma_cxcl12_nM)
    if mechanism == "shedding":
        return np.asarray(np.broadcast_to(host_surface_ratio, shape) + tumour_surface_ratio)
    if mechanism == "masking":
        return np.asarray((kd_nM + healthy_cxcl12_nM) / (kd_nM + plasma_cxcl12_nM))
    if mechanism == "internalisation":
        return np.array(np.broadcast_to(host_surface_ratio, shape), dtype=float)
    hint = did_you_mean(mechanism, SOLUBLE_RECEPTOR_MECHANISMS)
    msg = f"unknown mechanism of soluble CXCR4 {mechanism!r}. {hint}"
    raise ModelValueError(msg)


def counted_cd34_per_uL(
    cd34_per_uL: FloatArray, *, counted_uL: float, rngs: Sequence[np.random.Generator]
) -> FloatArray:
    """Return CD34+ cells per uL as a flow cytometer counts them in a small volume.

    Parameters
    ----------
    cd34_per_uL
        True concentration, shape ``(n_patient, n_time)``, non-negative.
    counted_uL
        Blood that is counted through, positive.
    rngs
        One stream per patient.
    """
    counts = [
        rng.poisson(np.maximum(level, 0.0) * counted_uL)
        for rng, level in zip(rngs, cd34_per_uL, strict=True)
    ]
    return np.array(counts, dtype=float).reshape(cd34_per_uL.shape) / counted_uL


def is_micrometastasis(present: FloatArray, deposit_mm: FloatArray) -> BoolArray:
    """Return where a deposit is there and too small to be seen on a scan, same shape."""
    return np.asarray((np.asarray(present) > 0.5) & (deposit_mm < VISIBLE_MM))


def found_by_cytokeratin(chance: FloatArray, draw: FloatArray) -> IntArray:
    """Return in how many of a patient's samples cytokeratin shows scattered cells.

    Parameters
    ----------
    chance
        Chance of each sample to show them, shape ``(n_patient, n_sample)``: for nodes
        `cxaxis.patient.pathology.section_hit_chance` with the sections stained, for marrow
        `marrow_find_chance`.
    draw
        Uniform in [0, 1), same shape.
    """
    return np.asarray((draw < chance).sum(axis=1), dtype=np.int64)


def marrow_find_chance(marrow_tumour_cells: FloatArray, *, sampled_share: float) -> FloatArray:
    """Return the chance that an aspirate of marrow shows a tumour cell.

    Parameters
    ----------
    marrow_tumour_cells
        Tumour cells in all marrow, non-negative.
    sampled_share
        Share of them that an aspirate holds and the stain shows, in [0, 1].
    """
    return np.asarray(-np.expm1(-marrow_tumour_cells * sampled_share))
