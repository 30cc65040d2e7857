"""The assays of the virtual bench: for each its question, its defaults and its wells."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Final, Literal

from cxaxis.cell.assay_wells import (
    ANTAGONIST_NM,
    CONTROL,
    DAY_S,
    HOUR_S,
    KNOCKDOWN_LEFT,
    MIRNA_MEANS,
    MIRNAS,
    ONE_PERCENT_OXYGEN_NM,
    SECOND_PULSE_S,
    WASH_S,
    Wells,
    calcium_wells,
    hypoxia_wells,
    knockdown_wells,
    mirna_wells,
    raised_camp,
    surface_wells,
    transwell_wells,
    under,
    until,
)

__all__ = ["ASSAYS", "CONTROL", "KNOCKDOWN_LEFT", "ONE_PERCENT_OXYGEN_NM", "Assay"]

Drawing = Literal["course", "dose", "panel"]
Reading = Literal["every", "extreme", "mean", "last"]
Medium = Literal["serum_free", "serum", "own"]
Colour = Literal["dose", "condition"]


@dataclass(frozen=True, kw_only=True)
class Assay:
    """One experiment that the bench can do.

    Attributes
    ----------
    id, title
        Short name and what it is called.
    question
        What it answers.
    context
        Kind of cell that it is done in by default.
    cxcl12_nM
        Default concentrations, nM.
    times_s
        Default times of reading, s.
    conditions
        Everything that it does beside CXCL12, the control first.
    readouts
        Default readouts.
    claims
        Claims that it speaks to.
    refuted_by
        What seen in a laboratory would speak against the model.
    reading
        What of a course goes into the table: ``every`` time, the ``extreme`` (where it is
        farthest from rest), the ``mean`` over time or the ``last``.
    drawing
        How it is drawn.
    colour
        What the colours of its figure tell apart.
    clock
        What its time is counted from.
    medium
        What cells meet an hour before the start: fresh medium without serum and its proteases,
        fresh medium with serum, or nothing but their own.
    breaks_s
        Condition -> when something new happens in it (a second pulse, a wash), s.
    wells
        Experiments for concentrations, times and the user's settings.
    """

    id: str
    title: str
    question: str
    context: str
    cxcl12_nM: tuple[float, ...]
    times_s: tuple[float, ...]
    conditions: tuple[str, ...]
    readouts: tuple[str, ...]
    claims: tuple[str, ...]
    refuted_by: str
    wells: Wells
    breaks_s: Mapping[str, float] = field(default_factory=dict)
    reading: Reading = "every"
    drawing: Drawing = "course"
    colour: Colour = "dose"
    clock: str = "after CXCL12"
    medium: Medium = "serum_free"


KINASES: Final = ("pERK", "pAKT", "pSTAT3", "pSrc", "pFAK", "pPYK2", "pp38", "pJNK")
HALF_LOG_NM: Final = (0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0, 30.0, 100.0, 300.0, 1000.0)

_ALL: Final = (
    Assay(
        id="calcium",
        title="Calcium, with a second pulse",
        question="Is there a short calcium spike through Gi, and does a second pulse give less?",
        context="cxcr4_only",
        cxcl12_nM=(1.0, 10.0, 100.0),
        times_s=(*until(180.0, 1.0), *range(185, 600, 5), *range(600, 781)),
        conditions=(CONTROL, "pertussis_toxin", "second_pulse"),
        readouts=("calcium_nM",),
        claims=("C069", "C070", "C071", "C079", "C082"),
        refuted_by="a rise that lasts under lasting ligand, or one that pertussis toxin leaves",
        wells=calcium_wells,
        breaks_s={"second_pulse": SECOND_PULSE_S},
    ),
    Assay(
        id="camp",
        title="cAMP raised by forskolin",
        question="How far does CXCL12 lower the cAMP that forskolin has raised, and at which dose?",
        context="cxcr4_only",
        cxcl12_nM=(0.0, 0.1, 0.3, 1.0, 3.0, 10.0, 30.0, 100.0),
        times_s=until(1800.0, 30.0),
        conditions=(CONTROL, "pertussis_toxin", "no_forskolin"),
        readouts=("camp_nM", "camp_share"),
        claims=("C066", "C082"),
        refuted_by="a fall of cAMP under pertussis toxin, or in a cell with ACKR3 alone",
        wells=raised_camp(
            pertussis_toxin={"pertussis_toxin": 1.0}, no_forskolin={"forskolin": 0.0}
        ),
    ),
    Assay(
        id="phospho",
        title="Kinases over time, with and without pertussis toxin",
        question="Which kinases answer, when, and which of them need Gi?",
        context="cxcr4_only",
        cxcl12_nM=(100.0,),
        times_s=until(5400.0, 30.0),
        conditions=(CONTROL, "pertussis_toxin"),
        readouts=KINASES,
        claims=("C067", "C072", "C073", "C074", "C075", "C076", "C077"),
        refuted_by="pSTAT3 lost under pertussis toxin (then it runs through Gi), or pAKT kept",
        wells=under(pertussis_toxin={"pertussis_toxin": 1.0}),
        colour="condition",
    ),
    Assay(
        id="dose_response",
        title="Dose-response to CXCL12",
        question="At which concentration is each answer half of its largest?",
        context="cxcr4_only",
        cxcl12_nM=HALF_LOG_NM,
        times_s=(*until(180.0, 2.0), *until(3600.0, 30.0)[7:]),
        conditions=(CONTROL,),
        readouts=("calcium_nM", "camp_share", "pERK", "pAKT", "pSTAT3", "arrestin_cxcr4_fold"),
        claims=("C066", "C072", "C076"),
        refuted_by="cAMP that needs more CXCL12 than arrestin does",
        wells=raised_camp(),
        reading="extreme",
        drawing="dose",
    ),
    Assay(
        id="arrestin",
        title="Arrestin on CXCR4 and on ACKR3",
        question="When and at which dose does either receptor hold arrestin?",
        context="calibration_line_double",
        cxcl12_nM=(1.0, 10.0, 125.0),
        times_s=until(5400.0, 60.0),
        conditions=(CONTROL,),
        readouts=("arrestin_cxcr4_fold", "arrestin_ackr3_fold"),
        claims=("C079", "C082", "C087", "C088"),
        refuted_by="arrestin of CXCR4 that does not change when ACKR3 takes its share",
        wells=under(),
    ),
    Assay(
        id="surface",
        title="Receptors left at the surface",
        question="How much receptor does CXCL12 take from the surface, and does it return?",
        context="cxcr4_only",
        cxcl12_nM=(10.0, 100.0),
        times_s=until(3 * HOUR_S, 60.0),
        conditions=(CONTROL, "washed"),
        readouts=("surface_cxcr4_fold", "total_cxcr4_fold"),
        claims=("C079", "C097", "C098"),
        refuted_by="surface CXCR4 that stays under 100 nM CXCL12 for an hour",
        wells=surface_wells,
        breaks_s={"washed": WASH_S},
    ),
    Assay(
        id="scavenging",
        title="CXCL12 left in the medium",
        question="How fast do cells with ACKR3 clear CXCL12, beside cells without it?",
        context="calibration_line_ackr3",
        cxcl12_nM=(0.5, 1.5, 4.6),
        times_s=until(3 * HOUR_S, 60.0),
        conditions=(CONTROL, "without_ackr3"),
        readouts=("cxcl12_left",),
        claims=("C081", "C083"),
        refuted_by="a half-life of CXCL12 that does not depend on the number of ACKR3",
        wells=under(without_ackr3={"ackr3_gene": 0.0}),
    ),
    Assay(
        id="transwell",
        title="Chemotaxis through a membrane",
        question="At which CXCL12 in the lower well do cells drift fastest, and is there too much?",
        context="cxcr4_only",
        cxcl12_nM=(0.0, *HALF_LOG_NM),
        times_s=until(4 * HOUR_S, 300.0),
        conditions=(CONTROL, "no_gradient", "pertussis_toxin"),
        readouts=("chemotaxis", "chemotactic_index", "migration_speed"),
        claims=("C027", "C045", "C051", "C068", "C075", "C076", "C091"),
        refuted_by="a drift that rises with CXCL12 to the end, or one without the receptor",
        wells=transwell_wells,
        reading="mean",
        drawing="dose",
    ),
    Assay(
        id="proliferation",
        title="Growth over days",
        question="How much does growth owe to CXCR4, with and without CXCL12 in the medium?",
        context="eca109",
        cxcl12_nM=(0.0, 100.0),
        times_s=until(5 * DAY_S, 2 * HOUR_S),
        conditions=(CONTROL, "antagonist", "inverse_agonist", "knockdown"),
        readouts=("cell_number_fold", "birth_rate", "death_rate"),
        claims=("C109", "C118", "C119", "C120", "C121", "C122", "C123"),
        refuted_by="growth that neither a drug without basal activity nor a knock-down slows",
        wells=under(
            antagonist={"antagonist_nM": ANTAGONIST_NM},
            inverse_agonist={"antagonist_nM": ANTAGONIST_NM, "drug_shape_preference": 0.0},
            knockdown={"cxcr4_gene": KNOCKDOWN_LEFT},
        ),
        colour="condition",
        clock="after the start",
        medium="serum",
    ),
    Assay(
        id="knockdown",
        title="Short hairpin against CXCR4, with a gradient of CXCL12 on day 3",
        question="What do receptor, growth and migration lose when CXCR4 is knocked down?",
        context="eca109",
        cxcl12_nM=(10.0,),
        times_s=(*until(3 * DAY_S, 2 * HOUR_S), *until(3.25 * DAY_S, 900.0)[289:]),
        conditions=(CONTROL, "knockdown"),
        readouts=(
            *("cxcr4_message_fold", "total_cxcr4_fold", "surface_cxcr4_fold"),
            *("cell_number_fold", "migration_speed", "chemotaxis"),
        ),
        claims=("C018", "C031", "C091", "C118"),
        refuted_by="growth and migration unchanged where the receptor is gone",
        wells=knockdown_wells,
        medium="own",
        colour="condition",
        clock="after the hairpin",
    ),
    Assay(
        id="hypoxia",
        title="CXCR4 at 1 % oxygen",
        question="How far and how fast does low oxygen raise CXCR4, and is it through the HRE?",
        context="tumour_cell",
        cxcl12_nM=(0.0,),
        times_s=until(48 * HOUR_S, HOUR_S),
        conditions=(CONTROL, "hypoxia", "hypoxia_hre_mutant"),
        readouts=("cxcr4_message_fold", "total_cxcr4_fold", "surface_cxcr4_fold", "hif1a_fold"),
        claims=("C046", "C063", "C064"),
        refuted_by="a rise of the CXCR4 message that outlives a mutation of the HRE",
        wells=hypoxia_wells,
        medium="own",
        colour="condition",
        clock="after the change",
    ),
    Assay(
        id="mirna",
        title="MicroRNA mimics and antagomirs",
        question="Which microRNA moves which product of the axis, and by how much?",
        context="tumour_cell",
        cxcl12_nM=(0.0,),
        times_s=(72 * HOUR_S,),
        conditions=(CONTROL, *(f"{name}_{what}" for name in MIRNAS for what in MIRNA_MEANS)),
        readouts=(
            *("cxcr4_message_fold", "cxcl12_alpha_message_fold", "cxcl12_beta_message_fold"),
            *("ackr3_message_fold", "total_cxcr4_fold"),
        ),
        claims=("C055", "C056", "C057", "C058", "C059", "C060", "C061", "C062"),
        refuted_by="a mimic that leaves the message which it is said to bind",
        wells=mirna_wells,
        reading="last",
        drawing="panel",
        medium="own",
    ),
)

ASSAYS: Final[Mapping[str, Assay]] = MappingProxyType({item.id: item for item in _ALL})
"""Every assay of the bench by id."""
