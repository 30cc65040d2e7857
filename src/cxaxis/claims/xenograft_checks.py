"""Simulation checks of grafts in nude mice: CXCR4 knocked down in the cells that are put in."""

from __future__ import annotations

from cxaxis.claims.breaks import multiplied, without
from cxaxis.claims.check import check
from cxaxis.claims.context import CheckContext, WorldFailedError
from cxaxis.claims.records import Measured
from cxaxis.engine.choice import engine_named
from cxaxis.patient.xenograft import drawn_ratios, standard_arms

KNOCK_DOWN = "shrna"


@check(
    claims=["C117"],
    role="held_out",
    cost="slow",
    needs=["patient"],
    # Without vessels, stroma and division that CXCR4 feeds, a graft grows as its control does.
    control=without("cxcr4_growth_effect", "progenitor_effect", "vegf_effect"),
    strengthened=multiplied(cxcr4_growth_effect=5.0, progenitor_effect=2.0, vegf_effect=2.0),
)
def knocked_down_grafts_stay_smaller(ctx: CheckContext) -> Measured:
    """Volume of a graft with CXCR4 knocked down over that of its twin, at the end of the study."""
    drug = ctx.knowledge.drugs["plerixafor"]

    def make() -> float:
        found = drawn_ratios(
            ctx.model,
            [ctx.theta],
            lambda theta: [arm for arm in standard_arms(theta, drug) if arm.drug is None],
            engine=engine_named(ctx.engine),
            parameters=ctx.knowledge.parameters,
        )
        ratio = found.of(KNOCK_DOWN)
        if not len(ratio):
            msg = "the graft or its twin could not be simulated in this world."
            raise WorldFailedError(msg)
        return float(ratio[0])

    return Measured(ctx.once("knock-down graft", make), "1")
