"""Simulation checks of what surrounds tumour cells: vessels, stroma and immune cells."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Final

from cxaxis.claims.breaks import held_at, multiplied, together, unbound, without
from cxaxis.claims.check import check
from cxaxis.claims.context import CheckContext
from cxaxis.claims.experiments import TreatedCourse, at_diagnosis, treated
from cxaxis.claims.records import Measured

MORE: Final = 3.0
LEAST_ADDED: Final = 1e-3
RADIOTHERAPY: Final = (("radiotherapy", "definitive_50_4_gy"),)
ANTAGONIST: Final = (("plerixafor", "radiotherapy_infusion_400_ug_kg_day"),)
ANTI_PD1: Final = (("pembrolizumab", "palliative_200_mg"),)
UNDER_DRUG_DAY: Final = 28.0
RADIATED_DAY: Final = 38.0
RESPONSE_DAY: Final = 84.0

no_drug_binds = unbound("kd_antagonist_cxcr4")
# A signal that ligand does not fill, so that more ligand still adds to it.
unsated = multiplied(half_signal_cxcr4=30.0)
# Vessels that heed CXCL12 and VEGF more than assumed.
more_vessels = multiplied(progenitor_effect=2.0, vegf_effect=2.0)
# A stroma that keeps T cells out more, and a marrow that frees no regulatory ones.
let_in = together(multiplied(exclusion_gain=5.0), without("treg_release_gain"))


def without_cxcl12(ctx: CheckContext) -> CheckContext:
    """Return the world in which nothing in the tumour makes CXCL12."""
    return ctx.changed(cxcl12_secretion_fibroblast=0.0, cxcl12_secretion_tumour_cell=0.0)


def _more_cxcl12(ctx: CheckContext) -> CheckContext:
    return ctx.scaled(cxcl12_secretion_fibroblast=MORE)


def _more_vegf(ctx: CheckContext) -> CheckContext:
    return ctx.scaled(vegf_share_reference=1.0 / MORE)


def _blocked(ctx: CheckContext) -> TreatedCourse:
    # What blockade does to that part of the axis's effects that is causal.
    return treated(ctx, ANTAGONIST, phi=1.0)


def _smaller_factor_of_blockade(ctx: CheckContext, *, falls: str, rises: str) -> Measured:
    course = _blocked(ctx)
    return _smaller_factor(
        lambda name: course.on(0.0, name),
        lambda name: course.on(UNDER_DRUG_DAY, name),
        falls=falls,
        rises=rises,
    )


def _smaller_factor(
    before: Callable[[str], float],
    after: Callable[[str], float],
    *,
    falls: str,
    rises: str,
) -> Measured:
    factors = (before(falls) / after(falls), after(rises) / before(rises))
    return Measured(min(factors), "1")


@check(
    claims=["C120"],
    role="held_out",
    cost="slow",
    needs=["patient"],
    control=without("cxcr4_share_of_progenitors"),
    strengthened=more_vessels,
)
def cxcl12_brings_progenitors_vessels_and_oxygen(ctx: CheckContext) -> Measured:
    """Largest of progenitors, vessels and oxygen without CXCL12 of the tumour, relative to with."""
    names = ("progenitors", "vessels", "oxygen")
    lost = without_cxcl12(ctx)
    return Measured(max(at_diagnosis(lost, name) / at_diagnosis(ctx, name) for name in names), "1")


@check(
    claims=["C033"],
    role="held_out",
    cost="slow",
    needs=["patient"],
    control=without("progenitor_effect", "vegf_effect"),
    strengthened=more_vessels,
)
def vessels_feed_the_tumour_with_oxygen(ctx: CheckContext) -> Measured:
    """Smaller factor of fall in oxygen and rise in hypoxia without CXCL12 of the tumour."""
    lost = without_cxcl12(ctx)
    return _smaller_factor(
        lambda name: at_diagnosis(ctx, name),
        lambda name: at_diagnosis(lost, name),
        falls="oxygen",
        rises="hypoxia",
    )


@check(
    claims=["C032"],
    role="held_out",
    cost="slow",
    needs=["patient"],
    control=without("vegf_effect"),
    strengthened=together(multiplied(half_signal_cxcr4=3.0), more_vessels),
)
def cxcl12_and_vegf_make_vessels_together(ctx: CheckContext) -> Measured:
    """Vessels that three times the CXCL12 and VEGF add together, over the sum of what each adds."""
    base = at_diagnosis(ctx, "vessels")
    both = at_diagnosis(_more_vegf(_more_cxcl12(ctx)), "vessels") - base
    each = [at_diagnosis(more(ctx), "vessels") - base for more in (_more_cxcl12, _more_vegf)]
    # Where receptors are full, more ligand adds nothing to share.
    return Measured(both / sum(each) if sum(each) > LEAST_ADDED else 1.0, "1")


@check(
    claims=["C114"],
    role="held_out",
    cost="slow",
    needs=["patient"],
    control=without("cxcr4_share_of_lymphatics"),
    strengthened=together(unsated, held_at(cxcr4_share_of_lymphatics=1.0)),
)
def cxcl12_brings_lymph_vessels(ctx: CheckContext) -> Measured:
    """Lymph vessels of the tumour with three times the CXCL12 of fibroblasts, relative."""
    more = at_diagnosis(_more_cxcl12(ctx), "lymphatics")
    return Measured(more / at_diagnosis(ctx, "lymphatics"), "1")


@check(
    claims=["C125"],
    role="held_out",
    cost="slow",
    needs=["patient"],
    control=without("cxcr4_share_of_pdc"),
    strengthened=together(unsated, held_at(cxcr4_share_of_pdc=1.0)),
)
def cxcl12_brings_plasmacytoid_dendritic_cells(ctx: CheckContext) -> Measured:
    """Plasmacytoid dendritic cells of the tumour with three times the CXCL12, relative."""
    return Measured(at_diagnosis(_more_cxcl12(ctx), "pdc") / at_diagnosis(ctx, "pdc"), "1")


@check(
    claims=["C196"],
    role="held_out",
    cost="slow",
    needs=["patient"],
    control=without("exclusion_gain"),
)
def cxcl12_keeps_t_cells_out(ctx: CheckContext) -> Measured:
    """CD8 cells of the tumour with three times the CXCL12 of fibroblasts, relative."""
    return Measured(at_diagnosis(_more_cxcl12(ctx), "cd8") / at_diagnosis(ctx, "cd8"), "1")


@check(
    claims=["C048"],
    role="fitted",
    cost="slow",
    needs=["patient"],
    control=without("effect_nfkb_cxcl12"),
)
def nfkb_in_stroma_keeps_t_cells_out(ctx: CheckContext) -> Measured:
    """CD8 cells of the tumour when NF-kB of the stroma is active, relative to when it is not."""
    inflamed = ctx.changed(nfkb_stroma=1.0)
    return Measured(at_diagnosis(inflamed, "cd8") / at_diagnosis(ctx, "cd8"), "1")


@check(
    claims=["C126"],
    role="held_out",
    cost="slow",
    needs=["patient"],
    control=no_drug_binds,
    strengthened=let_in,
)
def blockade_raises_cd8_over_treg_and_killing(ctx: CheckContext) -> Measured:
    """Smaller factor of four weeks of blockade on CD8 to Treg and on what CD8 cells do."""
    course, day = _blocked(ctx), UNDER_DRUG_DAY
    before, under = (course.on(at, "cd8") / course.on(at, "treg") for at in (0.0, day))
    activity = course.on(day, "cd8_activity") / course.on(0.0, "cd8_activity")
    return Measured(min(under / before, activity), "1")


@check(
    claims=["C190"],
    role="held_out",
    cost="slow",
    needs=["patient"],
    control=no_drug_binds,
    strengthened=let_in,
)
def plerixafor_lowers_treg_and_raises_cd8(ctx: CheckContext) -> Measured:
    """Smaller factor of four weeks of plerixafor: fall in Treg, rise in CD8 cells of the tumour."""
    return _smaller_factor_of_blockade(ctx, falls="treg", rises="cd8")


@check(
    claims=["C193"],
    role="held_out",
    cost="slow",
    needs=["patient"],
    control=no_drug_binds,
    strengthened=together(let_in, held_at(cxcr4_share_of_fibroblasts=1.0)),
)
def blockade_eases_matrix_and_lets_cd8_in(ctx: CheckContext) -> Measured:
    """Smaller factor of four weeks of blockade: fall in matrix, rise in CD8 cells of the tumour."""
    return _smaller_factor_of_blockade(ctx, falls="matrix", rises="cd8")


@check(
    claims=["C193"],
    role="held_out",
    cost="slow",
    needs=["patient"],
    control=no_drug_binds,
)
def blockade_adds_to_anti_pd1(ctx: CheckContext) -> Measured:
    """Effect of anti-PD-1 on living tumour cells on day 84, under plerixafor over without."""
    under_blockade = _log_size(ctx, *ANTI_PD1, *ANTAGONIST) - _log_size(ctx, *ANTAGONIST)
    alone = _log_size(ctx, *ANTI_PD1) - _log_size(ctx)
    return Measured(math.exp(under_blockade - alone), "1")


def _log_size(ctx: CheckContext, *regimens: tuple[str, str]) -> float:
    return treated(ctx, regimens, phi=1.0).on(RESPONSE_DAY, "tumour_log")


@check(
    claims=["C195"],
    role="held_out",
    cost="slow",
    needs=["patient"],
    control=no_drug_binds,
)
def blockade_keeps_myeloid_cells_out_after_radiation(ctx: CheckContext) -> Measured:
    """Myeloid cells of the tumour at the end of radiotherapy, with plerixafor over without."""
    both = treated(ctx, (*RADIOTHERAPY, *ANTAGONIST), phi=1.0).on(RADIATED_DAY, "myeloid")
    return Measured(both / treated(ctx, RADIOTHERAPY, phi=1.0).on(RADIATED_DAY, "myeloid"), "1")
