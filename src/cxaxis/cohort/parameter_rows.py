"""Rows of ``parameters.tsv`` that the cohort and its assays use and no model does."""

from __future__ import annotations

from typing import Final

from cxaxis.patient.grafts import XENOGRAFT_PARAMETERS

#: Rows that only describe a patient at diagnosis: nothing that is simulated listens to them, so
#: that what was simulated stays good when they change.
DESCRIBING_PARAMETERS: Final = (
    "share_upper",
    "share_middle",
    "ihc_ackr3_weak",
    "pdl1_reading_noise",
)

COHORT_PARAMETERS: Final = (
    "share_male",
    "body_height",
    "share_t2",
    "share_t3",
    "diameter_t2",
    "diameter_t3",
    "diameter_t4",
    "node_visible_diameter",
    "share_stage_ii",
    "share_stage_iii",
    "ihc_cxcr4_noise",
    "recist_reading_noise",
    "node_short_axis_at_rest",
    "pathology_sampled_share",
    "node_sections_routine",
    "node_sections_cytokeratin",
    "nodes_examined",
    "marrow_sampled_share",
    "ihc_cxcr4_weak",
    "ihc_cxcl12_weak",
    "ihc_grade_step",
    "ihc_cell_scatter",
    "t_cell_share_of_leukocytes",
    "b_cell_share_of_leukocytes",
    "bulk_cxcr4_t_cells",
    "bulk_cxcr4_b_cells",
    "bulk_cxcr4_myeloid",
    "bulk_leukocyte_message",
    "leukocytes_per_tumour_cell",
    "bulk_other_cells",
    "bulk_sampling_noise",
    "bulk_reading_noise",
    "single_cell_reads_cxcr4",
    "cxcl12_molar_mass",
    "serum_assay_noise",
    "captured_cxcl12_recovery",
    "cd34_counted_volume",
    *XENOGRAFT_PARAMETERS,
    "apheresis_blood_volumes",
    "apheresis_efficiency",
    "blood_volume_per_weight",
    "marrow_reserve_lymphoma",
    "marrow_reserve_myeloma",
    *DESCRIBING_PARAMETERS,
)
