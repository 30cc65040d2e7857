"""Simulation checks of binding, competition and scavenging in the tumour at rest."""

from __future__ import annotations

import numpy as np

from cxaxis.claims.breaks import unbound, without
from cxaxis.claims.check import check
from cxaxis.claims.context import CheckContext
from cxaxis.claims.experiments import Gift, untreated, volunteer
from cxaxis.claims.records import Measured
from cxaxis.knowledge.drug_records import Dose

MORE_ACKR3 = 10.0
# Less than this share of full signal is none.
LEAST_SIGNAL = 1e-4
OLAPTESED_BOLUS = Dose(value=4.0, unit="mg/kg")


@check(
    claims=["C006"],
    role="held_out",
    cost="fast",
    needs=["patient"],
    control=unbound("kd_cxcl12_cxcr4"),
)
def signal_needs_cxcr4(ctx: CheckContext) -> Measured:
    """Share of the CXCL12 signal that is lost when CXCR4 is taken away."""
    with_receptor = untreated(ctx).signal
    without_receptor = untreated(ctx.changed(cxcr4_per_tumour_cell=0.0)).signal
    return Measured((with_receptor - without_receptor) / max(with_receptor, LEAST_SIGNAL), "1")


@check(
    claims=["C081"],
    role="held_out",
    cost="fast",
    needs=["patient"],
    control=unbound("kd_cxcl12_ackr3"),
)
def ackr3_competes_for_cxcl12(ctx: CheckContext) -> Measured:
    """CXCL12 bound to CXCR4 with ten times the ACKR3, relative to the tabled ACKR3."""
    more = untreated(ctx.scaled(ackr3_per_tumour_cell=MORE_ACKR3)).bound_cxcr4_nM
    return Measured(more / untreated(ctx).bound_cxcr4_nM, "1")


@check(
    claims=["C083"],
    role="held_out",
    cost="fast",
    needs=["patient"],
    control=without("k_scavenge_ackr3"),
)
def ackr3_scavenges_cxcl12(ctx: CheckContext) -> Measured:
    """Free CXCL12 with ten times the ACKR3, relative to the tabled ACKR3."""
    more = untreated(ctx.scaled(ackr3_per_tumour_cell=MORE_ACKR3)).free_cxcl12_nM
    return Measured(more / untreated(ctx).free_cxcl12_nM, "1")


@check(
    claims=["C153"],
    role="fitted",
    cost="fast",
    needs=["patient"],
    control=unbound("kd_neutraliser_cxcl12"),
)
def olaptesed_lowers_free_and_raises_total_cxcl12(ctx: CheckContext) -> Measured:
    """Smaller of two factors in marrow a day after olaptesed: free falls by, total rises by."""
    forms = ("marrow_cxcl12", "marrow_cxcl12_cxcr4", "marrow_cxcl12_ackr3")
    result = volunteer(
        ctx,
        [Gift(drug="olaptesed", dose=OLAPTESED_BOLUS, route="intravenous")],
        np.array([0.0, 24.0]),
        (*forms, "marrow_cxcl12_neutraliser"),
    )
    free = result.of("marrow_cxcl12")[0]
    total = sum(result.of(name)[0] for name in result.names)
    return Measured(float(min(free[0] / free[1], total[1] / total[0])), "1")
