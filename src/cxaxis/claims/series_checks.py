"""Slow simulation checks: what a retrospective series of virtual patients shows of CXCR4.

A measurement is the point estimate of a series of matched pairs: how it varies is shown by the
worlds, each of which has the same patients' draws.
"""

from __future__ import annotations

from cxaxis.claims.breaks import held_at, multiplied, together, unbound, without
from cxaxis.claims.check import check
from cxaxis.claims.context import CheckContext, WorldFailedError
from cxaxis.claims.records import Measured
from cxaxis.claims.series import Series, Specimens, odds_ratio, series, specimens
from cxaxis.core.arrays import BoolArray
from cxaxis.stats.survival import cox_hazard_ratio

# No way left from CXCR4 or CXCL12 to spread, growth or treatment: none of the effects, no ligand
# on receptors, no protection from drugs, and stem-like cells as easily killed as others.
no_cxcr4_effects = together(
    without(
        "cxcr4_growth_effect",
        "cxcr4_seeding_effect",
        "cxcr4_outgrowth_effect",
        "cxcr4_share_of_lymphatics",
        "stroma_protection",
    ),
    unbound("kd_cxcl12_cxcr4"),
    unbound("half_foxm1_resistance"),
    held_at(stem_chemotherapy_ratio=1.0, stem_radiation_ratio=1.0),
)

# Founders that heed CXCL12 far more, and that CXCR4 does not make outgrow the microscope.
many_founders = together(multiplied(cxcr4_seeding_effect=3.0), without("cxcr4_outgrowth_effect"))

# The other sign: CXCL12 of an organ keeps cells with CXCR4 away.
turned_round = multiplied(cxcr4_seeding_effect=-1.0)


def _hazard_ratio(found: Series) -> float:
    ratio = cox_hazard_ratio(found.follow_up_day, found.died, found.high)
    if ratio is None:
        msg = "no finite hazard ratio: nobody died on one side of the cut-off."
        raise WorldFailedError(msg)
    return ratio.hr


@check(
    claims=["C101", "C111", "C130"],
    role="fitted",
    cost="slow",
    needs=["cohort"],
    control=no_cxcr4_effects,
)
def cxcr4_high_and_nodes(ctx: CheckContext) -> Measured:
    """Odds ratio of nodal disease at diagnosis, CXCR4-high against low."""
    found = series(ctx)
    return Measured(odds_ratio(found.cxcr4_high, found.n > 0)[0], "1")


@check(
    claims=["C131"],
    role="fitted",
    cost="slow",
    needs=["cohort"],
    control=no_cxcr4_effects,
)
def cxcr4_high_and_stage(ctx: CheckContext) -> Measured:
    """Odds ratio of stage III or IV at diagnosis, CXCR4-high against low."""
    found = series(ctx)
    return Measured(odds_ratio(found.cxcr4_high, found.advanced)[0], "1")


@check(
    claims=["C102", "C202"],
    role="fitted",
    cost="slow",
    needs=["trial"],
    control=no_cxcr4_effects,
)
def cxcr4_high_die_sooner(ctx: CheckContext) -> Measured:
    """Hazard ratio of death after chemoradiotherapy, CXCR4-high against low; direction alone."""
    return Measured(_hazard_ratio(series(ctx)), "1")


@check(
    claims=["C133"],
    role="fitted",
    cost="slow",
    needs=["trial"],
    control=no_cxcr4_effects,
)
def hazard_ratio_of_cxcr4_high(ctx: CheckContext) -> Measured:
    """Hazard ratio of death after chemoradiotherapy, CXCR4-high against low, as pooled."""
    return Measured(_hazard_ratio(series(ctx)), "1")


def _odds(found: Specimens, outcome: BoolArray) -> float:
    return odds_ratio(found.high, outcome)[0]


@check(
    claims=["C101"],
    role="held_out",
    cost="slow",
    needs=["cohort"],
    control=no_cxcr4_effects,
    strengthened=many_founders,
)
def cxcr4_high_and_scattered_cells(ctx: CheckContext) -> Measured:
    """Smaller factor on scattered cells in nodes and in marrow, CXCR4-high against low."""
    found = specimens(ctx, ligand=False)
    high, low = (float(found.occult_marrow[who].mean()) for who in (found.high, ~found.high))
    if low == 0.0:
        msg = "no founder ever reaches the marrow of a CXCR4-low patient."
        raise WorldFailedError(msg)
    return Measured(min(_odds(found, found.occult_nodes), high / low), "1")


@check(
    claims=["C099"],
    role="fitted",
    cost="slow",
    needs=["cohort"],
    control=no_cxcr4_effects,
)
def both_stains_go_with_stage(ctx: CheckContext) -> Measured:
    """Smaller factor, up or down, of CXCL12 and CXCR4 stains on the odds of stage III or IV."""
    both = [specimens(ctx, ligand=ligand) for ligand in (False, True)]
    odds = [_odds(found, found.advanced) for found in both]
    return Measured(min(max(ratio, 1.0 / ratio) for ratio in odds), "1")


@check(
    claims=["C100"],
    role="held_out",
    cost="slow",
    needs=["cohort"],
    control=no_cxcr4_effects,
    strengthened=turned_round,
)
def cxcl12_high_and_spread(ctx: CheckContext) -> Measured:
    """Least odds ratio of stage III or IV, nodal and distant disease, CXCL12-high against low."""
    found = specimens(ctx, ligand=True)
    outcomes = (found.advanced, found.nodal, found.distant)
    return Measured(min(_odds(found, outcome) for outcome in outcomes), "1")


@check(
    claims=["C111"],
    role="held_out",
    cost="slow",
    needs=["cohort"],
    control=no_cxcr4_effects,
    strengthened=turned_round,
)
def cxcl12_high_and_nodes(ctx: CheckContext) -> Measured:
    """Odds ratio of nodal disease at diagnosis, CXCL12-high against low."""
    found = specimens(ctx, ligand=True)
    return Measured(_odds(found, found.nodal), "1")
