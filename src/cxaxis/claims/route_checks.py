"""Simulation checks of the routes from CXCR4 to migration, division and survival of one cell.

Rates are means over hours of exposure. A route counts by what its block takes from the gain that
CXCR4 brings: the same cell with and without the receptor, blocked and not.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Final

import numpy as np

from cxaxis.cell.course import Phase
from cxaxis.claims.breaks import multiplied, unbound, without
from cxaxis.claims.cell_experiments import (
    HOUR_S,
    TRACE,
    course,
    lost_share,
    panel,
    peak_rise,
    rested,
)
from cxaxis.claims.check import check
from cxaxis.claims.context import CheckContext
from cxaxis.claims.records import Measured
from cxaxis.claims.trafficking_checks import without_pairs

LINE: Final = "cxcr4_only"
ACKR3_LINE: Final = "ackr3_only"
TUMOUR_LINE: Final = "eca109"
# A transwell: some hours at a dose that leaves the receptor a gradient to sense.
LIGAND_NM: Final = 10.0
GRADIENT: Final = 0.1
MIGRATION_TIMES_S: Final = tuple(float(t) for t in np.linspace(0.0, 6 * HOUR_S, 37))
GROWTH_TIMES_S: Final = tuple(float(t) for t in np.linspace(0.0, 24 * HOUR_S, 25))
# A gain by CXCR4 below 1 % is none to take a share of.
LEAST_GAIN: Final = 0.01
# A speed towards the source below this is none, in the units of the model (m/s).
LEAST_SPEED: Final = 1e-12
HEARD: Final = "cxcl12_cxcr4_on"
FATES: Final = ("birth_rate", "death_rate", "migration_speed", "chemotactic_bias", "invasion")


def _mean(
    ctx: CheckContext,
    context_id: str,
    name: str,
    times_s: tuple[float, ...],
    ligand_nM: float,
    **settings: float,
) -> float:
    """Return the mean of a fate over a time of exposure."""
    phase = Phase(times_s=times_s, add_nM={"cxcl12": ligand_nM} if ligand_nM else {})
    found = course(ctx, context_id, [phase], FATES, **settings)
    return float(np.trapezoid(found.of(name), found.times_s) / (times_s[-1] - times_s[0]))


def _driven(ctx: CheckContext, name: str, **block: float) -> float:
    """Return what 6 h of 10 nM CXCL12 add to a fate, relative to the same cell without it."""
    with_it = _mean(ctx, LINE, name, MIGRATION_TIMES_S, LIGAND_NM, **block)
    return with_it / _mean(ctx, LINE, name, MIGRATION_TIMES_S, 0.0, **block) - 1.0


def _chemotaxis(ctx: CheckContext, **block: float) -> float:
    """Return mean speed times mean bias over 6 h in a gradient around 10 nM CXCL12."""
    speed, bias = (
        _mean(ctx, LINE, name, MIGRATION_TIMES_S, LIGAND_NM, cxcl12_gradient=GRADIENT, **block)
        for name in ("migration_speed", "chemotactic_bias")
    )
    return speed * bias


def _by_cxcr4(ctx: CheckContext, name: str, times_s: tuple[float, ...], **block: float) -> float:
    """Return what CXCR4 adds to a fate of an Eca109-like cell, relative to the cell without it."""
    none = {"cxcr4_gene": 0.0, "cxcr4_per_tumour_cell": TRACE}
    with_it = _mean(ctx, TUMOUR_LINE, name, times_s, LIGAND_NM, **block)
    return with_it / _mean(ctx, TUMOUR_LINE, name, times_s, LIGAND_NM, **block, **none) - 1.0


def _lost(whole: float, *left: float) -> Measured:
    """Return the smallest share of a gain that blocks take away."""
    return Measured(min(lost_share(whole, item, least=LEAST_GAIN) for item in left), "1")


@check(
    claims=["C068"],
    role="held_out",
    cost="fast",
    needs=["cell"],
    control=without("fak_part_of_migration", "fak_share_of_pi3k"),
)
def fak_pi3k_and_akt_carry_migration(ctx: CheckContext) -> Measured:
    """Smallest share of the speed gained by CXCL12 that is lost without FAK, PI3K or AKT."""
    blocks = ({"k_activate_fak": 0.0}, {"k_pi3k": 0.0}, {"akt_inhibition": 1.0})
    name = "migration_speed"
    return _lost(_driven(ctx, name), *(_driven(ctx, name, **block) for block in blocks))


@check(
    claims=["C068"],
    role="held_out",
    cost="fast",
    needs=["cell"],
    control=without("catenin_part_of_migration"),
)
def gsk3b_and_catenin_carry_migration(ctx: CheckContext) -> Measured:
    """Share of the speed gained by CXCL12 that is lost when GSK3-beta cannot be silenced."""
    name = "migration_speed"
    return _lost(_driven(ctx, name), _driven(ctx, name, k_silence_gsk3b=0.0))


@check(
    claims=["C075"],
    role="held_out",
    cost="fast",
    needs=["cell"],
    control=without("jnk_part_of_migration"),
)
def jnk_carries_chemotaxis(ctx: CheckContext) -> Measured:
    """Share of the speed towards CXCL12 that JNK inhibition takes away."""
    whole, left = _chemotaxis(ctx), _chemotaxis(ctx, jnk_inhibition=1.0)
    return Measured(lost_share(whole, left, least=LEAST_SPEED), "1")


@check(
    claims=["C076"],
    role="held_out",
    cost="fast",
    needs=["cell"],
    control=without("erk_part_of_migration"),
)
def mek_carries_migration(ctx: CheckContext) -> Measured:
    """Share of the speed gained by CXCL12 that MEK inhibition takes away."""
    name = "migration_speed"
    return _lost(_driven(ctx, name), _driven(ctx, name, mek_inhibition=1.0))


@check(
    claims=["C085"],
    role="held_out",
    cost="fast",
    needs=["cell"],
    control=without("k_silence_bad"),
)
def ackr3_lowers_death(ctx: CheckContext) -> Measured:
    """Rate of death over 24 h of CXCL12 in cells with ACKR3 alone, relative to without ligand."""
    with_it, without_it = (
        _mean(ctx, ACKR3_LINE, "death_rate", GROWTH_TIMES_S, dose) for dose in (LIGAND_NM, 0.0)
    )
    return Measured(with_it / without_it, "1")


def livelier_pairs(ctx: CheckContext) -> CheckContext:
    """Let the pair turn over three times the G protein instead of less."""
    wiring = replace(ctx.wiring, heterodimer="blunts_gi")
    return ctx.with_wiring(wiring).changed(gi_of_dimer=3.0)


@check(
    claims=["C088"],
    role="held_out",
    cost="fast",
    needs=["cell"],
    control=livelier_pairs,
)
def pairs_raise_migration(ctx: CheckContext) -> Measured:
    """Speed over 6 h of CXCL12 where CXCR4 and ACKR3 pair, relative to where they do not."""
    paired, unpaired = (
        _mean(world, "double", "migration_speed", MIGRATION_TIMES_S, LIGAND_NM)
        for world in (ctx, without_pairs(ctx))
    )
    return Measured(paired / unpaired, "1")


@check(
    claims=["C091"],
    role="held_out",
    cost="fast",
    needs=["cell"],
    control=unbound("half_gbg_rho"),
)
def rho_proteins_answer_to_cxcl12(ctx: CheckContext) -> Measured:
    """Smallest peak rise of Rac1, Cdc42 and RhoA after CXCL12, as a share of each pool."""
    found = panel(ctx, TUMOUR_LINE)
    pool = ctx.theta["signalling_protein_total"]
    rises = (
        peak_rise(found, "rac1_share"),
        peak_rise(found, "cdc42_share"),
        peak_rise(found, "rhoa_gtp") / pool,
    )
    return Measured(min(rises), "1")


@check(
    claims=["C091"],
    role="held_out",
    cost="fast",
    needs=["cell"],
    control=without("akt_part_of_migration"),
)
def akt_carries_invasion(ctx: CheckContext) -> Measured:
    """Share of the invasion that CXCR4 brings to an Eca109-like cell lost to AKT inhibition."""
    whole = _by_cxcr4(ctx, "invasion", MIGRATION_TIMES_S)
    return _lost(whole, _by_cxcr4(ctx, "invasion", MIGRATION_TIMES_S, akt_inhibition=1.0))


@check(
    claims=["C121"],
    role="held_out",
    cost="fast",
    needs=["cell"],
    control=without("effect_akt_birth"),
)
def akt_carries_growth(ctx: CheckContext) -> Measured:
    """Share of the division that CXCR4 brings to an Eca109-like cell lost to AKT inhibition."""
    whole = _by_cxcr4(ctx, "birth_rate", GROWTH_TIMES_S)
    return _lost(whole, _by_cxcr4(ctx, "birth_rate", GROWTH_TIMES_S, akt_inhibition=1.0))


@check(
    claims=["C122"],
    role="held_out",
    cost="fast",
    needs=["cell"],
    control=without("effect_erk_birth"),
)
def src_and_mek_carry_growth(ctx: CheckContext) -> Measured:
    """Smaller share of the division that CXCR4 brings lost to inhibition of MEK or of Src."""
    whole = _by_cxcr4(ctx, "birth_rate", GROWTH_TIMES_S)
    blocks = ({"mek_inhibition": 1.0}, {"src_inhibition": 1.0})
    return _lost(whole, *(_by_cxcr4(ctx, "birth_rate", GROWTH_TIMES_S, **b) for b in blocks))


@check(
    claims=["C123"],
    role="held_out",
    cost="fast",
    needs=["cell"],
    control=without("effect_stat3_birth"),
)
def stat3_carries_growth(ctx: CheckContext) -> Measured:
    """Share of the division that CXCR4 brings to an Eca109-like cell lost without STAT3."""
    whole = _by_cxcr4(ctx, "birth_rate", GROWTH_TIMES_S)
    return _lost(whole, _by_cxcr4(ctx, "birth_rate", GROWTH_TIMES_S, k_activate_stat3=0.0))


@check(
    claims=["C123"],
    role="held_out",
    cost="fast",
    needs=["cell"],
    control=multiplied(effect_stat3_cxcl12=1e3),
)
def stat3_and_cxcr4_hold_each_other_up(ctx: CheckContext) -> Measured:
    """Smaller fall at rest: of CXCL12 on CXCR4 without STAT3, of active STAT3 without CXCR4."""
    quiet = ctx.changed(k_activate_stat3=0.0)
    heard, unheard = (rested(world, TUMOUR_LINE, HEARD) for world in (ctx, quiet))
    active = rested(ctx, TUMOUR_LINE, "stat3_share")
    alone = rested(ctx, TUMOUR_LINE, "stat3_share", cxcr4_gene=0.0, cxcr4_per_tumour_cell=TRACE)
    falls = ((heard - unheard) / heard, (active - alone) / active)
    return Measured(min(falls), "1")
