"""Simulation checks of growth, spread and treatment in the typical patient."""

from __future__ import annotations

from typing import Final

import numpy as np

from cxaxis.claims.breaks import multiplied, together, without
from cxaxis.claims.check import check
from cxaxis.claims.context import CheckContext
from cxaxis.claims.experiments import DISTANT, treated, untreated
from cxaxis.claims.records import Measured
from cxaxis.claims.series import BACKBONE

BOTH_RAISED: Final = 3.0
HALF_YEAR_DAYS: Final = 180.0
RESPONSE_DAY: Final = 84.0
ANTAGONIST: Final = (("plerixafor", "radiotherapy_infusion_400_ug_kg_day"),)
NODES: Final = ("node",)
# Division, and the way of cells to organs, that heed the axis far more than assumed.
heeded_growth = multiplied(cxcr4_growth_effect=5.0)
heeded_homing = multiplied(cxcr4_seeding_effect=5.0)


def founders_a_day(ctx: CheckContext, organs: tuple[str, ...]) -> float:
    """Return the founders to expect a day, from inception to diagnosis."""
    course = untreated(ctx)
    return sum(course.hazard[organ] for organ in organs) / course.days


@check(
    claims=["C116"],
    role="fitted",
    cost="slow",
    needs=["patient"],
    control=without("cxcr4_growth_effect"),
    strengthened=heeded_growth,
)
def growth_without_cxcr4(ctx: CheckContext) -> Measured:
    """Rate of division of the primary without CXCR4, relative to with; no metastasis takes part."""
    knocked_out = untreated(ctx.changed(cxcr4_per_tumour_cell=0.0)).growth_drive
    return Measured(knocked_out / untreated(ctx).growth_drive, "1")


@check(
    claims=["C035"],
    role="held_out",
    cost="slow",
    needs=["patient"],
    control=without("cxcr4_growth_effect"),
    strengthened=heeded_growth,
)
def growth_without_stromal_cxcl12(ctx: CheckContext) -> Measured:
    """Rate of division when fibroblasts make no CXCL12, relative to when they do."""
    silent = untreated(ctx.changed(cxcl12_secretion_fibroblast=0.0)).growth_drive
    return Measured(silent / untreated(ctx).growth_drive, "1")


@check(
    claims=["C036"],
    role="fitted",
    cost="slow",
    needs=["patient"],
    control=without("cxcr4_seeding_effect"),
    strengthened=heeded_homing,
)
def distant_founders_without_cxcr4(ctx: CheckContext) -> Measured:
    """Founders in distant organs a day without CXCR4, relative to with."""
    without_cxcr4 = ctx.changed(cxcr4_per_tumour_cell=0.0)
    return Measured(founders_a_day(without_cxcr4, DISTANT) / founders_a_day(ctx, DISTANT), "1")


@check(
    claims=["C112"],
    role="fitted",
    cost="slow",
    needs=["patient"],
    # Lymph vessels that CXCL12 brings are another way to the nodes.
    control=without("cxcr4_seeding_effect", "cxcr4_share_of_lymphatics"),
    strengthened=heeded_homing,
)
def nodal_founders_without_cxcr4(ctx: CheckContext) -> Measured:
    """Founders in lymph nodes a day without CXCR4, relative to with."""
    without_cxcr4 = ctx.changed(cxcr4_per_tumour_cell=0.0)
    return Measured(founders_a_day(without_cxcr4, NODES) / founders_a_day(ctx, NODES), "1")


@check(
    claims=["C039"],
    role="fitted",
    cost="slow",
    needs=["patient"],
    control=without("cxcr4_seeding_effect"),
    strengthened=heeded_homing,
)
def spread_with_silenced_tumour_cxcl12(ctx: CheckContext) -> Measured:
    """Distant founders a day when tumour cells make no CXCL12, relative to when they do."""
    silenced = ctx.changed(cxcl12_secretion_tumour_cell=0.0)
    return Measured(founders_a_day(silenced, DISTANT) / founders_a_day(ctx, DISTANT), "1")


@check(
    claims=["C007", "C198"],
    role="fitted",
    cost="slow",
    needs=["patient"],
    control=without("cxcr4_growth_effect", "cxcr4_seeding_effect"),
    strengthened=together(heeded_growth, heeded_homing),
)
def all_outcomes_worsen_with_the_axis(ctx: CheckContext) -> Measured:
    """Least rise among growth, nodal and distant founders a day and death hazard, axis tripled."""
    raised = ctx.scaled(
        cxcr4_per_tumour_cell=BOTH_RAISED,
        cxcl12_secretion_fibroblast=BOTH_RAISED,
        cxcl12_secretion_tumour_cell=BOTH_RAISED,
    )
    low, high = untreated(ctx), untreated(raised)
    ratios = (
        high.growth_drive / low.growth_drive,
        founders_a_day(raised, NODES) / founders_a_day(ctx, NODES),
        founders_a_day(raised, DISTANT) / founders_a_day(ctx, DISTANT),
        treated(raised, ()).on(HALF_YEAR_DAYS, "death_hazard")
        / treated(ctx, ()).on(HALF_YEAR_DAYS, "death_hazard"),
    )
    return Measured(min(ratios), "1")


def _log_size_after(ctx: CheckContext, regimens: tuple[tuple[str, str], ...]) -> float:
    return treated(ctx, regimens).on(RESPONSE_DAY, "tumour_log")


@check(
    claims=["C187"],
    role="fitted",
    cost="slow",
    needs=["patient"],
    control=without("phi"),
)
def blockade_sensitises_to_chemoradiotherapy(ctx: CheckContext) -> Measured:
    """Effect of plerixafor on living tumour cells on day 84, under treatment over without."""
    under_treatment = _log_size_after(ctx, (*BACKBONE, *ANTAGONIST)) - _log_size_after(
        ctx, BACKBONE
    )
    alone = _log_size_after(ctx, ANTAGONIST) - _log_size_after(ctx, ())
    return Measured(float(np.exp(under_treatment - alone)), "1")
