"""Simulation checks of arrestin, internalisation, ACKR3 and the pair of the two receptors."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np

from cxaxis.cell.course import CellCourse, Phase
from cxaxis.claims.breaks import multiplied, unbound, without
from cxaxis.claims.cell_experiments import (
    HOUR_S,
    MINUTE_S,
    SATURATING_NM,
    at,
    course,
    given,
    half_dose_nM,
    lost_share,
    panel,
    peak_rise,
    rise,
)
from cxaxis.claims.check import check
from cxaxis.claims.context import CheckContext
from cxaxis.claims.records import Measured

LINE: Final = "cxcr4_only"
ACKR3_LINE: Final = "ackr3_only"
BOTH: Final = "double"
BINDING_DOSES_NM: Final = (0.1, 0.3, 1.0, 3.0, 10.0, 30.0, 100.0, 300.0)
SCARCE_NM: Final = 1.0
# Below this there is nothing left to compare.
TRACE_NM: Final = 1e-4
AMBIENT_NM: Final = 12.5
CALIBRATION_NM: Final = 125.0
READ_S: Final = 40 * MINUTE_S
# Smallest share of CXCR4 whose loss from the surface is called one.
LEAST_LOSS: Final = 0.05
LEAST_SHARE: Final = 0.02
NO_PAIRS: Final = 1e9
BINDING_S: Final = 10 * MINUTE_S
CXCR4_FORMS: Final = (
    "cxcl12_cxcr4_inactive",
    "cxcl12_cxcr4_on",
    "cxcl12_cxcr4_p",
    "arrestin_cxcr4_cxcl12",
)
ACKR3_FORMS: Final = ("cxcl12_ackr3", "arrestin_ackr3_cxcl12")
_PULSE_TIMES_S: Final = tuple(float(t) for t in np.arange(0.0, 601.0, 2.0))
_WASH_TIMES_S: Final = (0.0, 5 * MINUTE_S)


def without_pairs(ctx: CheckContext) -> CheckContext:
    """Keep the two receptors from pairing."""
    return ctx.scaled(half_dimer_ackr3=NO_PAIRS)


def _surface_left(found: CellCourse, seconds: float) -> float:
    """Return the share of resting surface CXCR4 that is left at a time."""
    return at(found, "cxcr4_surface", seconds) / float(found.of("cxcr4_surface")[0])


@check(
    claims=["C079"],
    role="fitted",
    cost="fast",
    needs=["cell"],
    control=without("kon_arrestin_cxcr4"),
)
def surface_cxcr4_halves(ctx: CheckContext) -> Measured:
    """Share of surface CXCR4 left 40 min after 125 nM CXCL12 in the over-expressing line."""
    found = panel(ctx, "calibration_line", ligand_nM=CALIBRATION_NM)
    return Measured(_surface_left(found, READ_S), "1")


@check(
    claims=["C079"],
    role="held_out",
    cost="fast",
    needs=["cell"],
    control=without("k_uptake_cxcr4", "k_uptake_cxcl12_cxcr4"),
)
def surface_loss_needs_arrestin(ctx: CheckContext) -> Measured:
    """Share of the loss of surface CXCR4 at 40 min that is spared by a tenth of the arrestin."""
    whole = 1.0 - _surface_left(panel(ctx, LINE), READ_S)
    left = 1.0 - _surface_left(panel(ctx.scaled(arrestin_per_cell=0.1), LINE), READ_S)
    return Measured(lost_share(whole, left, least=LEAST_LOSS), "1")


def _second_over_first(ctx: CheckContext) -> float:
    """Return the calcium rise of a second pulse over the first; 1 where the first gives none.

    The first lasts ten minutes; five minutes of wash lie between.
    """
    ligand = {"cxcl12": SATURATING_NM}
    phases = [
        Phase(times_s=_PULSE_TIMES_S, add_nM=ligand),
        Phase(times_s=_WASH_TIMES_S, fresh_medium=True),
        Phase(times_s=_PULSE_TIMES_S, add_nM=ligand),
    ]
    calcium = course(ctx, LINE, phases, ("calcium",)).of("calcium")
    first, second = calcium[: len(_PULSE_TIMES_S)], calcium[-len(_PULSE_TIMES_S) :]
    highest = float(first.max() - first[0])
    if highest < 0.1 * float(first[0]):
        return 1.0
    return float(second.max() - second[0]) / highest


@check(
    claims=["C079"],
    role="held_out",
    cost="fast",
    needs=["cell"],
    control=without("k_grk_cxcr4", "k_phosphorylate_inactive_cxcr4"),
)
def desensitised_cxcr4_gives_less_calcium(ctx: CheckContext) -> Measured:
    """Calcium rise of a second pulse over the first, relative to a receptor without kinases."""
    coupled = ctx.changed(k_grk_cxcr4=0.0, k_phosphorylate_inactive_cxcr4=0.0)
    return Measured(_second_over_first(ctx) / max(_second_over_first(coupled), LEAST_SHARE), "1")


@check(
    claims=["C081"],
    role="held_out",
    cost="fast",
    needs=["cell"],
    control=unbound("kd_cxcl12_ackr3"),
)
def ackr3_takes_scarce_cxcl12(ctx: CheckContext) -> Measured:
    """CXCL12 on active CXCR4 after 90 min of 1 nM beside ACKR3, relative to without it."""
    name = "cxcl12_cxcr4_on"
    world = without_pairs(ctx)
    alone = at(panel(world, "calibration_line", ligand_nM=SCARCE_NM), name, 90 * MINUTE_S)
    both = panel(world, "calibration_line_double", ligand_nM=SCARCE_NM)
    beside = at(both, name, 90 * MINUTE_S)
    return Measured(beside / max(alone, TRACE_NM), "1")


@check(
    claims=["C082"],
    role="fitted",
    cost="fast",
    needs=["cell"],
    control=unbound("kd_cxcl12_ackr3"),
)
def ackr3_engages_arrestin(ctx: CheckContext) -> Measured:
    """Arrestin on ACKR3 40 min after 125 nM CXCL12, relative to rest, in the line that was read."""
    found = panel(ctx, "calibration_line_ackr3", ligand_nM=CALIBRATION_NM)
    return Measured(at(found, "arrestin_ackr3", READ_S) / float(found.of("arrestin_ackr3")[0]), "1")


@check(
    claims=["C082"],
    role="held_out",
    cost="fast",
    needs=["cell"],
    control=given(cxcr4_gene=5.0),
)
def ackr3_leaves_g_protein_signals_alone(ctx: CheckContext) -> Measured:
    """Largest change of calcium or cAMP by CXCL12 in cells with ACKR3 alone, relative to rest."""
    found = panel(ctx, ACKR3_LINE)
    changes = [
        float(np.abs(rise(found, name)).max() / found.of(name)[0]) for name in ("calcium", "camp")
    ]
    return Measured(max(changes), "1")


@check(
    claims=["C083"],
    role="held_out",
    cost="fast",
    needs=["cell"],
    control=unbound("kd_cxcl12_ackr3"),
)
def ackr3_shortens_the_life_of_cxcl12(ctx: CheckContext) -> Measured:
    """CXCL12 of the medium left after 90 min of 1 nM over ACKR3, relative to a tenth of it."""

    def left(share: float) -> float:
        world = ctx.scaled(ackr3_per_tumour_cell=share)
        found = panel(world, "calibration_line_ackr3", ligand_nM=SCARCE_NM)
        return at(found, "cxcl12", 90 * MINUTE_S)

    return Measured(left(1.0) / max(left(0.1), TRACE_NM), "1")


@check(
    claims=["C085"],
    role="held_out",
    cost="fast",
    needs=["cell"],
    control=without("k_activate_erk_arrestin"),
)
def ackr3_raises_erk(ctx: CheckContext) -> Measured:
    """Peak rise of active ERK in cells with ACKR3 alone, relative to cells with CXCR4 alone."""
    ackr3 = peak_rise(panel(ctx, ACKR3_LINE), "erk_share")
    cxcr4 = peak_rise(panel(ctx, LINE), "erk_share")
    return Measured(ackr3 / max(cxcr4, LEAST_SHARE), "1")


@check(
    claims=["C085"],
    role="held_out",
    cost="fast",
    needs=["cell"],
    control=given(cxcr4_gene=5.0),
)
def ackr3_drives_phospholipase(ctx: CheckContext) -> Measured:
    """Highest rate of phospholipase C after CXCL12 in cells with ACKR3 alone, relative to rest."""
    rate = panel(ctx, ACKR3_LINE).of("plc_rate")
    return Measured(float(rate.max() / rate[0]), "1")


def _effect_of_pairs(ctx: CheckContext, name: str, *, at_rest: bool) -> float:
    """Return a reading of cells with both receptors, relative to the same cells without pairs."""

    def reading(world: CheckContext) -> float:
        found = panel(world, BOTH)
        return float(found.of(name)[0]) if at_rest else peak_rise(found, name)

    return reading(ctx) / max(reading(without_pairs(ctx)), 1e-9)


@check(
    claims=["C086"],
    role="held_out",
    cost="fast",
    needs=["cell"],
    control=without_pairs,
)
def pairs_change_cxcr4_output(ctx: CheckContext) -> Measured:
    """Larger change that pairs with ACKR3 bring to Gi or to arrestin of CXCR4, either way."""
    changes = [
        abs(_effect_of_pairs(ctx, "gi_gtp", at_rest=False) - 1.0),
        abs(_effect_of_pairs(ctx, "arrestin_cxcr4", at_rest=True) - 1.0),
    ]
    return Measured(max(changes), "1")


@check(
    claims=["C087"],
    role="held_out",
    cost="fast",
    needs=["cell"],
    control=without_pairs,
)
def pairs_blunt_gi(ctx: CheckContext) -> Measured:
    """Peak rise of Gi with GTP where the receptors pair, relative to where they do not."""
    return Measured(_effect_of_pairs(ctx, "gi_gtp", at_rest=False), "1")


@check(
    claims=["C088"],
    role="held_out",
    cost="fast",
    needs=["cell"],
    control=without_pairs,
)
def pairs_hold_arrestin_without_ligand(ctx: CheckContext) -> Measured:
    """Arrestin on CXCR4 at rest where the receptors pair, relative to where they do not."""
    return Measured(_effect_of_pairs(ctx, "arrestin_cxcr4", at_rest=True), "1")


def _inside_share(found: CellCourse, seconds: float) -> float:
    """Return the share of all CXCR4 that is inside the cell at a time."""
    return 1.0 - at(found, "cxcr4_surface", seconds) / at(found, "cxcr4_total", seconds)


@check(
    claims=["C098"],
    role="held_out",
    cost="fast",
    needs=["cell"],
    control=without("kon_arrestin_cxcr4"),
)
def ambient_cxcl12_moves_cxcr4_inside(ctx: CheckContext) -> Measured:
    """Rise in the share of CXCR4 inside the cell after an hour of 12.5 nM CXCL12."""
    found = panel(ctx, LINE, ligand_nM=AMBIENT_NM)
    return Measured(_inside_share(found, HOUR_S) - _inside_share(found, 0.0), "1")


def _half_bound_nM(ctx: CheckContext, context_id: str, forms: Sequence[str]) -> float:
    """Return the dose of CXCL12 that fills half of the sites that the largest dose fills."""
    bound = []
    for dose in BINDING_DOSES_NM:
        phase = Phase(times_s=(0.0, BINDING_S), add_nM={"cxcl12": dose})
        found = course(ctx, context_id, [phase], forms)
        bound.append(sum(float(found.of(name)[-1]) for name in forms))
    return half_dose_nM(BINDING_DOSES_NM, bound, least=0.0)


@check(
    claims=["C182"],
    role="fitted",
    cost="fast",
    needs=["cell"],
    control=multiplied(kd_cxcl12_ackr3=1e3),
)
def ackr3_binds_cxcl12_tighter(ctx: CheckContext) -> Measured:
    """Dose of CXCL12 that half fills CXCR4 in 10 min, relative to that which half fills ACKR3."""
    cxcr4 = _half_bound_nM(ctx, LINE, CXCR4_FORMS)
    return Measured(cxcr4 / _half_bound_nM(ctx, ACKR3_LINE, ACKR3_FORMS), "1")
