"""Simulation checks of the microRNAs that the review names, on one cell at rest.

A mimic is ten times the cell's own level; an antagomir blocks all of it.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from cxaxis.cell.course import Phase
from cxaxis.claims.cell_experiments import HOUR_S, course, given, lost_share
from cxaxis.claims.check import check
from cxaxis.claims.context import CheckContext
from cxaxis.claims.expression_checks import CELL, KEPT, TUMOUR_CXCL12_NM, fold
from cxaxis.claims.records import Measured

MIMIC: Final = 10.0
PANEL: Final = ("mir9", "mir101", "mir149", "mir200", "mir370", "mir622")
# EZH2 of a carcinoma that over-expresses it, relative to the reference cell.
RAISED_EZH2: Final = 5.0
CIRCULAR_RNA: Final = 10.0
# CXCL12 of medium that fibroblasts have conditioned: some 8 ng/mL.
CONDITIONED_NM: Final = 1.0
# Against this much neutral antagonist little CXCL12 is bound.
ANTAGONIST_NM: Final = 1000.0
LEAST_GAIN: Final = 0.01
HEARD: Final = "cxcl12_cxcr4_on"
STROMA: Final = {"stromal": 1.0}
_DAY_TIMES_S: Final = tuple(float(t) for t in np.linspace(0.0, 24 * HOUR_S, 25))


def _mean_birth(
    ctx: CheckContext, *, cxcl12_nM: float, antagonist_nM: float = 0.0, **settings: float
) -> float:
    """Return the mean rate of division over 24 h of what is added to the medium."""
    added = {"cxcl12": cxcl12_nM, "antagonist": antagonist_nM}
    phase = Phase(times_s=_DAY_TIMES_S, add_nM={k: v for k, v in added.items() if v > 0})
    found = course(ctx, CELL, [phase], ("birth_rate",), **settings)
    return float(np.trapezoid(found.of("birth_rate"), found.times_s) / found.times_s[-1])


@check(
    claims=["C055"],
    role="fitted",
    cost="fast",
    needs=["cell"],
    control=given(antagomir_mir9=1.0),
)
def microrna_lowers_message_not_transcription(ctx: CheckContext) -> Measured:
    """Message of CXCR4 under a miR-9 mimic, relative to without, over that of transcription."""
    mimic = {"mimic_mir9": MIMIC}
    message, made = (fold(ctx, name, mimic) for name in ("cxcr4_message", "transcription_cxcr4"))
    return Measured(message / made, "1")


@check(
    claims=["C056"],
    role="fitted",
    cost="fast",
    needs=["cell"],
    control=given(**{f"antagomir_{name}": 1.0 for name in PANEL}),
)
def each_microrna_lowers_the_axis(ctx: CheckContext) -> Measured:
    """CXCL12 on CXCR4 at rest under the weakest of six mimics, relative to without."""
    return Measured(max(fold(ctx, HEARD, {f"mimic_{name}": MIMIC}) for name in PANEL), "1")


@check(
    claims=["C056"],
    role="fitted",
    cost="fast",
    needs=["cell"],
    control=given(**{f"antagomir_{name}": 1.0 for name in PANEL}),
)
def all_microrna_together_slow_growth(ctx: CheckContext) -> Measured:
    """Division at rest under all six mimics, relative to without."""
    return Measured(fold(ctx, "birth_rate", {f"mimic_{name}": MIMIC for name in PANEL}), "1")


@check(
    claims=["C057"],
    role="fitted",
    cost="fast",
    needs=["cell"],
    control=given(mir200_gene=0.0),
)
def mir200_loss_raises_cxcl12_beta(ctx: CheckContext) -> Measured:
    """Secretion of CXCL12 beta by a stromal cell with miR-200 blocked, relative to not."""
    blocked = {**STROMA, "antagomir_mir200": 1.0}
    return Measured(fold(ctx, "cxcl12_beta_secretion", blocked, STROMA), "1")


@check(
    claims=["C058"],
    role="fitted",
    cost="fast",
    needs=["cell"],
    control=given(antagomir_mir622=1.0),
)
def ezh2_loss_lowers_cxcr4(ctx: CheckContext) -> Measured:
    """CXCR4 of a cell without EZH2, relative to one that over-expresses it."""
    return Measured(fold(ctx, "cxcr4_total", {"ezh2": 0.0}, {"ezh2": RAISED_EZH2}), "1")


@check(
    claims=["C059"],
    role="fitted",
    cost="fast",
    needs=["cell"],
    control=given(antagomir_mir370=1.0),
)
def circular_rna_raises_cxcl12(ctx: CheckContext) -> Measured:
    """Secretion of CXCL12 with circ_0020710, relative to without."""
    return Measured(fold(ctx, "cxcl12_secretion", {"circ_0020710": CIRCULAR_RNA}), "1")


@check(
    claims=["C059"],
    role="fitted",
    cost="fast",
    needs=["cell"],
    control=given(antagomir_mir370=1.0),
)
def mir370_undoes_the_circular_rna(ctx: CheckContext) -> Measured:
    """Share of the rise of CXCL12 by circ_0020710 that a miR-370-3p mimic takes back."""
    sponge = {"circ_0020710": CIRCULAR_RNA}
    whole = fold(ctx, "cxcl12_secretion", sponge) - 1.0
    left = fold(ctx, "cxcl12_secretion", {**sponge, "mimic_mir370": MIMIC}) - 1.0
    return Measured(lost_share(whole, left, least=LEAST_GAIN), "1")


@check(
    claims=["C060"],
    role="fitted",
    cost="fast",
    needs=["cell"],
    control=given(antagomir_mir149=1.0),
)
def methylated_mir149_raises_cxcl12(ctx: CheckContext) -> Measured:
    """Secretion of CXCL12 by a stromal cell with the gene of miR-149 methylated."""
    silent = {**STROMA, "methylation_mir149": 1.0}
    return Measured(fold(ctx, "cxcl12_secretion", silent, STROMA), "1")


def _fibroblast_output(ctx: CheckContext) -> float:
    """Return the CXCL12 a stromal cell secretes under a miR-101 mimic, relative to without."""
    return fold(ctx, "cxcl12_secretion", {**STROMA, "mimic_mir101": MIMIC}, STROMA)


@check(
    claims=["C061"],
    role="fitted",
    cost="fast",
    needs=["cell"],
    control=given(antagomir_mir101=1.0),
)
def mir101_lowers_fibroblast_cxcl12(ctx: CheckContext) -> Measured:
    """Secretion of CXCL12 by a stromal cell under a miR-101 mimic, relative to without."""
    return Measured(_fibroblast_output(ctx), "1")


@check(
    claims=["C061"],
    role="fitted",
    cost="fast",
    needs=["cell"],
    control=given(antagomir_mir101=1.0),
)
def mir101_in_fibroblasts_slows_tumour_cells(ctx: CheckContext) -> Measured:
    """Share of the division gained in medium of fibroblasts that miR-101 in them takes away."""
    output = _fibroblast_output(ctx)
    alone, full, less = (
        _mean_birth(ctx, cxcl12_nM=CONDITIONED_NM * share) for share in (0.0, 1.0, output)
    )
    return Measured(lost_share(full / alone - 1.0, less / alone - 1.0, least=LEAST_GAIN), "1")


@check(
    claims=["C062"],
    role="fitted",
    cost="fast",
    needs=["cell"],
    control=given(antagomir_mir9=1.0),
)
def mir9_lowers_cxcr4(ctx: CheckContext) -> Measured:
    """CXCR4 of a cell under a miR-9 mimic, relative to without."""
    return Measured(fold(ctx, "cxcr4_total", {"mimic_mir9": MIMIC}), "1")


@check(
    claims=["C062"],
    role="fitted",
    cost="fast",
    needs=["cell"],
    control=given(antagomir_mir9=1.0),
)
def mir9_lowers_the_effect_of_an_antagonist(ctx: CheckContext) -> Measured:
    """Share of division that a CXCR4 antagonist takes under a miR-9 mimic, relative to without."""

    def taken(mimic: float) -> float:
        free, held = (
            _mean_birth(
                ctx, cxcl12_nM=TUMOUR_CXCL12_NM, antagonist_nM=dose, mimic_mir9=mimic, **KEPT
            )
            for dose in (0.0, ANTAGONIST_NM)
        )
        return 1.0 - held / free

    whole = taken(0.0)
    return Measured(taken(MIMIC) / whole if whole >= LEAST_GAIN else 1.0, "1")
