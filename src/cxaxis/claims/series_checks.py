"""Slow simulation checks: what a retrospective series of virtual patients shows of CXCR4.

A measurement is the point estimate of a series of matched pairs: how it varies is shown by the
worlds, each of which has the same patients' draws.
"""

from __future__ import annotations

from cxaxis.claims.breaks import without
from cxaxis.claims.check import check
from cxaxis.claims.context import CheckContext, WorldFailedError
from cxaxis.claims.records import Measured
from cxaxis.claims.series import Series, odds_ratio, series
from cxaxis.stats.survival import cox_hazard_ratio

no_cxcr4_effects = without("cxcr4_growth_effect", "cxcr4_seeding_effect", "cxcr4_outgrowth_effect")


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
