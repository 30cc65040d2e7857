"""Simulation checks of CXCL12 and CXCR4 in serum: which explanation can make the pair."""

from __future__ import annotations

from typing import Final

from cxaxis.claims.breaks import multiplied, unbound
from cxaxis.claims.check import check
from cxaxis.claims.context import CheckContext
from cxaxis.claims.experiments import resting
from cxaxis.claims.records import Measured
from cxaxis.patient.assays import SOLUBLE_RECEPTOR_MECHANISMS, soluble_cxcr4

MORE_CXCL12: Final = 2.0
_SURFACE: Final = ("blood_cxcr4", "blood_cxcl12_cxcr4")

unbinding = unbound("kd_cxcl12_cxcr4")
# Binding so tight that the ligand of plasma fills most of the receptors.
tighter = multiplied(kd_cxcl12_cxcr4=1e-3)


def _soluble(ctx: CheckContext, mechanism: str) -> float:
    """Return serum CXCR4 by one explanation, with twice the CXCL12 production, over as it is."""
    healthy, raised = resting(ctx), resting(ctx.scaled(blood_cxcl12_production=MORE_CXCL12))
    volume = ctx.theta["plasma_fluid"]
    surface = [sum(person.column(name)[0] for name in _SURFACE) for person in (healthy, raised)]
    free = [person.column("blood_cxcl12") / volume for person in (healthy, raised)]
    found = soluble_cxcr4(
        mechanism,
        plasma_cxcl12_nM=free[1],
        healthy_cxcl12_nM=float(free[0][0]),
        kd_nM=ctx.theta["kd_cxcl12_cxcr4"],
        host_surface_ratio=float(surface[1] / surface[0]),
        tumour_surface_ratio=0.0,
    )
    return float(found[0])


@check(
    claims=["C104"],
    role="held_out",
    cost="slow",
    needs=["patient"],
    control=unbinding,
    strengthened=tighter,
)
def serum_cxcr4_falls_as_cxcl12_rises(ctx: CheckContext) -> Measured:
    """Lowest serum CXCR4 that shedding, masking or uptake give with twice the CXCL12, relative."""
    return Measured(min(_soluble(ctx, name) for name in SOLUBLE_RECEPTOR_MECHANISMS), "1")


@check(
    claims=["C105"],
    role="held_out",
    cost="slow",
    needs=["patient"],
    control=unbinding,
    strengthened=tighter,
)
def binding_explains_the_serum_pair(ctx: CheckContext) -> Measured:
    """Serum CXCR4 that ligand does not mask with twice the CXCL12 production, relative."""
    return Measured(_soluble(ctx, "masking"), "1")
