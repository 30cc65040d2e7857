"""The laboratory of a cohort: assays and specimens of patients by the population's parameters.

Binds the rows of ``parameters.tsv`` that say how assays behave to the read-outs of
`cxaxis.patient.assays` and `cxaxis.patient.pathology`, with each patient's own draws.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from cxaxis.cohort.population import Theta
from cxaxis.core.arrays import BoolArray, FloatArray, IntArray
from cxaxis.core.streams import rng_for
from cxaxis.patient.assays import (
    LeukocyteMessage,
    Stain,
    assay_draws,
    bulk_cxcr4,
    found_by_cytokeratin,
    h_score,
    is_micrometastasis,
    marrow_find_chance,
    serum_cxcl12_ng_per_mL,
    single_cell_positive_share,
)
from cxaxis.patient.course import DEPOSITS, Diagnosis
from cxaxis.patient.pathology import Specimen, examine, section_hit_chance, specimen_draws
from cxaxis.patient.readouts import diameter_mm
from cxaxis.patient.recist import node_short_axis_mm

GRAMS_PER_KILOGRAM: Final = 1e3
SECONDS_PER_DAY: Final = 86400.0
#: A combined positive score is given as 100 where more cells stain than there are tumour cells.
MOST_CPS: Final = 100.0


@dataclass(frozen=True, kw_only=True)
class Laboratory:
    """What assays say of patients.

    Attributes
    ----------
    theta
        The population.
    patients
        Indices; arrays given to the methods have one row per patient.
    seed
        Seed of all streams.
    """

    theta: Theta
    patients: Sequence[int]
    seed: int

    def _error(self, assay: str) -> FloatArray:
        return assay_draws(self.patients, assay, seed=self.seed)

    def _stain(self, weak: str) -> Stain:
        return Stain(
            weak_per_cell=self.theta[weak],
            grade_factor=math.exp(self.theta["ihc_grade_step"]),
            cell_scatter=self.theta["ihc_cell_scatter"],
            noise=self.theta["ihc_cxcr4_noise"],
        )

    @property
    def leukocytes(self) -> LeukocyteMessage:
        """CXCR4 message of the leukocytes in tumour tissue."""
        theta = self.theta
        t_cells = theta["t_cell_share_of_leukocytes"]
        # Shares drawn apart may exceed one together; myeloid cells are what they leave.
        b_cells = min(theta["b_cell_share_of_leukocytes"], 1.0 - t_cells)
        return LeukocyteMessage(
            composition={"t": t_cells, "b": b_cells, "myeloid": 1.0 - t_cells - b_cells},
            positive_share={
                "t": theta["bulk_cxcr4_t_cells"],
                "b": theta["bulk_cxcr4_b_cells"],
                "myeloid": theta["bulk_cxcr4_myeloid"],
            },
            per_positive_cell=theta["bulk_leukocyte_message"],
        )

    def cxcr4_h_score(
        self, receptors_per_positive_cell: FloatArray, positive_share: FloatArray
    ) -> FloatArray:
        """Return the H-score of CXCR4 on tumour cells, 0 to 300, shape ``(n_patient,)``."""
        stain, error = self._stain("ihc_cxcr4_weak"), self._error("ihc_cxcr4")
        return h_score(receptors_per_positive_cell, positive_share, stain, error)

    def cxcl12_h_score(
        self, molecules_per_cell_per_s: FloatArray, positive_share: FloatArray
    ) -> FloatArray:
        """Return the H-score of CXCL12 in tumour cells, 0 to 300, shape ``(n_patient,)``."""
        stain, error = self._stain("ihc_cxcl12_weak"), self._error("ihc_cxcl12")
        return h_score(molecules_per_cell_per_s, positive_share, stain, error)

    def ackr3_h_score(self, receptors_per_cell: FloatArray) -> FloatArray:
        """Return the H-score of ACKR3 on tumour cells, 0 to 300; each cell carries about as many.

        Parameters
        ----------
        receptors_per_cell
            Of the typical tumour cell, shape ``(n_patient,)``.
        """
        stain, error = self._stain("ihc_ackr3_weak"), self._error("ihc_ackr3")
        return h_score(receptors_per_cell, np.ones(len(receptors_per_cell)), stain, error)

    def pdl1_cps(self, score: FloatArray) -> FloatArray:
        """Return a reading of the combined positive score of PD-L1, 0 to 100, ``(n_patient,)``."""
        noise, error = self.theta["pdl1_reading_noise"], self._error("pdl1")
        return np.asarray(np.minimum(score * np.exp(noise * error), MOST_CPS))

    def bulk_cxcr4(
        self,
        receptors_per_positive_cell: FloatArray,
        positive_share: FloatArray,
        leukocytes_per_tumour_cell: FloatArray,
        other_cells_per_tumour_cell: FloatArray | None = None,
    ) -> FloatArray:
        """Return the CXCR4 message of a bulk sample, relative to reference tumour cells.

        Other cells are as many as in the population's median tumour if omitted.
        """
        others = other_cells_per_tumour_cell
        return bulk_cxcr4(
            positive_share=positive_share,
            per_positive_cell=receptors_per_positive_cell,
            reference_per_cell=self.theta["cxcr4_per_tumour_cell"],
            leukocytes_per_tumour_cell=leukocytes_per_tumour_cell,
            other_cells_per_tumour_cell=self.theta["bulk_other_cells"]
            if others is None
            else others,
            leukocytes=self.leukocytes,
            sampling=self.theta["bulk_sampling_noise"],
            sampling_error=self._error("bulk_sampling"),
            noise=self.theta["bulk_reading_noise"],
            error=self._error("bulk_reading"),
        )

    def single_cell_share(
        self, receptors_per_positive_cell: FloatArray, positive_share: FloatArray
    ) -> FloatArray:
        """Return the share of tumour cells in which single-cell RNA finds CXCR4."""
        return single_cell_positive_share(
            positive_share=positive_share,
            per_positive_cell=receptors_per_positive_cell,
            reference_per_cell=self.theta["cxcr4_per_tumour_cell"],
            reads_per_reference_cell=self.theta["single_cell_reads_cxcr4"],
        )

    def serum_cxcl12_ng_per_mL(
        self, free_nM: FloatArray, captured_nM: FloatArray | float = 0.0
    ) -> tuple[FloatArray, FloatArray]:
        """Return total and free serum CXCL12, ng/mL, shape ``(n_patient,)`` each."""
        return serum_cxcl12_ng_per_mL(
            free_nM=free_nM,
            captured_nM=captured_nM,
            captured_recovery=self.theta["captured_cxcl12_recovery"],
            molar_mass_kg_per_mol=self.theta["cxcl12_molar_mass"] / GRAMS_PER_KILOGRAM,
            noise=self.theta["serum_assay_noise"],
            error=self._error("serum_cxcl12"),
        )

    def node_short_axis_mm(self, deposit_mm: FloatArray) -> FloatArray:
        """Return the short axes of nodes that hold deposits of ``deposit_mm``, same shape."""
        at_rest = self.theta["node_short_axis_at_rest"]
        return node_short_axis_mm(deposit_mm, short_axis_at_rest_mm=at_rest)

    def occult_nodes(self, present: FloatArray, deposit_mm: FloatArray) -> IntArray:
        """Return in how many nodes cytokeratin shows a micrometastasis, shape ``(n_patient,)``.

        Parameters
        ----------
        present, deposit_mm
            Whether a node slot holds a deposit, and its diameter, shape ``(n_patient, n_node)``.
        """
        occult_mm = np.where(is_micrometastasis(present, deposit_mm), deposit_mm, 0.0)
        chance = section_hit_chance(
            occult_mm,
            self.node_short_axis_mm(occult_mm),
            sections=max(1.0, self.theta["node_sections_cytokeratin"]),
        )
        draws = [
            rng_for(self.seed, "patient", i, "cytokeratin", "node").uniform(size=present.shape[1])
            for i in self.patients
        ]
        return found_by_cytokeratin(chance, np.array(draws).reshape(present.shape))

    def marrow_cells_found(self, marrow_tumour_cells: FloatArray) -> BoolArray:
        """Return whether an aspirate of marrow shows tumour cells, shape ``(n_patient,)``."""
        chance = marrow_find_chance(
            marrow_tumour_cells, sampled_share=self.theta["marrow_sampled_share"]
        )
        draws = [
            rng_for(self.seed, "patient", i, "cytokeratin", "marrow").uniform()
            for i in self.patients
        ]
        return np.asarray(np.array(draws) < chance)

    def at_diagnosis(
        self,
        diagnosis: Diagnosis,
        *,
        leukocytes_per_tumour_cell: FloatArray,
        other_cells_per_tumour_cell: FloatArray,
    ) -> dict[str, Any]:
        """Return what assays say of patients at diagnosis, by covariate, ``(n_patient,)`` each.

        The H-scores of CXCR4, CXCL12 and ACKR3; the combined positive score of PD-L1; the CXCR4
        message of a bulk sample; the share of tumour cells in which single-cell RNA finds CXCR4;
        CXCL12 of serum; nodes, and whether marrow, in which cytokeratin shows cells that no scan
        does. CXCR4 of serum is not among them: nothing read decides between its three
        explanations (`cxaxis.patient.assays`), and none of the model's tumours reaches the
        ligand of plasma.

        Parameters
        ----------
        diagnosis
            The patients.
        leukocytes_per_tumour_cell, other_cells_per_tumour_cell
            Of a tumour with T and myeloid cells as in the typical untreated patient, shape
            ``(n_patient,)``.
        """
        table, cells = diagnosis.patients, diagnosis.cells
        receptors, positive = (
            diagnosis.biopsy[name] for name in ("cxcr4_per_positive_cell", "positive_share")
        )
        t_cells, myeloid = (self.leukocytes.composition[name] for name in ("t", "myeloid"))
        drawn_in = t_cells * (table.column("cd8") - 1.0) + myeloid * (table.column("myeloid") - 1.0)
        infiltrate = leukocytes_per_tumour_cell * np.maximum(1.0 + drawn_in, 0.0)
        per_second = table.column("cxcl12_secretion_tumour_cell") / SECONDS_PER_DAY
        free_nM = table.column("blood_cxcl12") / table.column("plasma_fluid")
        per_mL = table.column("tumour_cell_density") / 1e3
        nodes = DEPOSITS["node"]
        present = np.stack([table.column(f"{slot}_present") for slot in nodes], axis=1)
        in_nodes = [diameter_mm(cells[slot], cells_per_mL=per_mL) for slot in nodes]
        in_marrow = sum(cells[name] for name in (*DEPOSITS["bone"], "bone_aggregate"))
        return {
            "cxcr4_h_score": self.cxcr4_h_score(receptors, positive),
            # Every cell of a tumour makes as much.
            "cxcl12_h_score": self.cxcl12_h_score(per_second, np.ones(len(per_second))),
            "ackr3_h_score": self.ackr3_h_score(table.column("ackr3_per_tumour_cell")),
            "pdl1_cps": self.pdl1_cps(table.column("pdl1_score")),
            "bulk_cxcr4": self.bulk_cxcr4(
                receptors, positive, infiltrate, other_cells_per_tumour_cell
            ),
            "single_cell_cxcr4": self.single_cell_share(receptors, positive),
            "serum_cxcl12_ng_per_mL": self.serum_cxcl12_ng_per_mL(free_nM)[0],
            "occult_nodes": self.occult_nodes(present, np.stack(in_nodes, axis=1)),
            "marrow_cells_found": self.marrow_cells_found(np.asarray(in_marrow)),
        }

    def specimen(
        self,
        *,
        viable_cells: FloatArray,
        bed_cells: FloatArray,
        cells_left: FloatArray,
        node_deposit_mm: FloatArray,
        dissected: BoolArray,
        nodes: Sequence[str],
        examined_spread: float,
    ) -> Specimen:
        """Return the report on the resected specimens.

        Parameters
        ----------
        viable_cells, bed_cells, cells_left, node_deposit_mm, dissected
            As in `cxaxis.patient.pathology.examine`.
        nodes
            Names of the node slots.
        examined_spread
            Log standard deviation between patients of the nodes a specimen holds.
        """
        return examine(
            viable_cells=viable_cells,
            bed_cells=bed_cells,
            cells_left=cells_left,
            node_deposit_mm=node_deposit_mm,
            node_mm=self.node_short_axis_mm(node_deposit_mm),
            dissected=dissected,
            draws=specimen_draws(self.patients, nodes, seed=self.seed),
            sampled_share=min(1.0, self.theta["pathology_sampled_share"]),
            node_sections=self.theta["node_sections_routine"],
            examined_nodes=self.theta["nodes_examined"],
            examined_spread=examined_spread,
        )
