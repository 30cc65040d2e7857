"""Simulation checks of what sets CXCR4 and CXCL12 of a cell: promoters and transcription.

A cell rests for days under a cause and without it; what differs is the effect. Directions count
from 5 % on, unless the reading says more. A check of a tumour cell is of the reference one.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Final

import numpy as np

from cxaxis.cell.course import Phase
from cxaxis.claims.breaks import without
from cxaxis.claims.cell_experiments import (
    HOUR_S,
    course,
    lost_share,
    peak_rise,
    rested,
)
from cxaxis.claims.check import check
from cxaxis.claims.context import CheckContext
from cxaxis.claims.records import Control, Measured

CELL: Final = "tumour_cell"
DAY_S: Final = 24 * HOUR_S
AIR_NM: Final = 185000.0
ONE_PERCENT_OXYGEN_NM: Final = 9300.0
LIGAND_NM: Final = 10.0
# Free CXCL12 of the interstitium of a tumour, kept up: no protease cuts it.
TUMOUR_CXCL12_NM: Final = 5.0
KEPT: Final = {"k_loss_cxcl12": 0.0}
# Rises of a message below this are none to take a share of: 2 %.
LEAST_RISE: Final = 0.02
# What a group of causes must move at least, and what it may move of another group's.
MOVED: Final = 0.1
LEFT_ALONE: Final = 0.05

MEDIATORS_NM: Final = {"heregulin": 10.0, "tgf_beta": 0.4, "vegf": 1.0}
"""Ten times, or for VEGF twice, the dose of half the effect: no experiment would give less."""


def set_to(**parameters: float) -> Control:
    """Return a control with parameters of the population set to values, in the table's units."""

    def broken(ctx: CheckContext) -> CheckContext:
        return ctx.changed(**parameters)

    told = (f"{name} to {value:g}" for name, value in parameters.items())
    broken.__doc__ = f"Set {' and '.join(told)}."
    return broken


def fold(
    ctx: CheckContext,
    output: str,
    under: Mapping[str, float],
    reference: Mapping[str, float] | None = None,
    *,
    context_id: str = CELL,
) -> float:
    """Return a quantity of a resting cell under some settings, relative to under others.

    Parameters
    ----------
    output
        Quantity of the cell model.
    under, reference
        Inputs and constants of the cell model in its own units; the second are none by default.
    context_id
        The kind of cell.
    """
    before = rested(ctx, context_id, output, **(reference or {}))
    return rested(ctx, context_id, output, **under) / before


def without_nuclear_loop(ctx: CheckContext) -> CheckContext:
    """Cut the loop of nuclear CXCR4 and HIF-1alpha, whatever the world's wiring."""
    return ctx.with_wiring(replace(ctx.wiring, nuclear_cxcr4_loop="off"))


@check(
    claims=["C038"],
    role="fitted",
    cost="fast",
    needs=["cell"],
    control=without("effect_pten_loss_cxcr4", "effect_pten_loss_cxcl12"),
)
def three_groups_set_expression(ctx: CheckContext) -> Measured:
    """Groups of causes that move CXCR4 and CXCL12 and leave the other groups alone.

    The loop of nuclear CXCR4 is cut, through which any of them reaches HIF-1.
    """
    world = without_nuclear_loop(ctx)
    levers: dict[str, tuple[dict[str, float], dict[str, float]]] = {
        "epigenetic": (
            {"methylation_cxcr4": 0.0, "methylation_cxcl12": 0.0},
            {"methylation_cxcr4": 1.0, "methylation_cxcl12": 1.0},
        ),
        "transcriptional": ({}, {"pten_activity": 0.0}),
        "post_transcriptional": ({}, {"mimic_mir9": 10.0, "mimic_mir101": 10.0}),
    }
    independent = 0
    for group, (before, after) in levers.items():
        moved = {
            other: [
                abs(fold(world, f"{other}_{gene}", after, before) - 1.0)
                for gene in ("cxcr4", "cxcl12")
            ]
            for other in levers
        }
        own = min(moved.pop(group))
        independent += own >= MOVED and max(map(max, moved.values())) < LEFT_ALONE
    return Measured(float(independent), "1")


@check(
    claims=["C039", "C041"],
    role="fitted",
    cost="fast",
    needs=["cell"],
    control=set_to(methylated_expression_cxcl12=1.0),
)
def methylation_silences_cxcl12(ctx: CheckContext) -> Measured:
    """Secretion of CXCL12 with every promoter methylated, relative to none."""
    value = fold(ctx, "cxcl12_secretion", {"methylation_cxcl12": 1.0}, {"methylation_cxcl12": 0.0})
    return Measured(value, "1")


@check(
    claims=["C042"],
    role="fitted",
    cost="fast",
    needs=["cell"],
    control=set_to(methylated_expression_cxcl12=1.0),
)
def methyltransferase_block_frees_cxcl12(ctx: CheckContext) -> Measured:
    """Secretion of CXCL12 after days without DNA methyltransferase, every promoter methylated."""
    silent = {"methylation_cxcl12": 1.0}
    return Measured(fold(ctx, "cxcl12_secretion", {**silent, "dnmt_inhibition": 1.0}, silent), "1")


@check(
    claims=["C043"],
    role="fitted",
    cost="fast",
    needs=["cell"],
    control=set_to(methylated_expression_cxcr4=1.0),
)
def demethylated_promoter_raises_cxcr4(ctx: CheckContext) -> Measured:
    """CXCR4 of a cell with no promoter methylated, relative to every one."""
    value = fold(ctx, "cxcr4_total", {"methylation_cxcr4": 0.0}, {"methylation_cxcr4": 1.0})
    return Measured(value, "1")


def _hypoxic_fold(ctx: CheckContext, **settings: float) -> float:
    """Return the CXCR4 message after 24 h at 1 % oxygen, relative to before."""
    phase = Phase(times_s=(0.0, DAY_S), settings={"oxygen": ONE_PERCENT_OXYGEN_NM})
    message = course(ctx, CELL, [phase], ("cxcr4_message",), oxygen=AIR_NM, **settings).of(
        "cxcr4_message"
    )
    return float(message[-1] / rested(ctx, CELL, "cxcr4_message", oxygen=AIR_NM, **settings))


@check(
    claims=["C046"],
    role="fitted",
    cost="fast",
    needs=["cell"],
    control=without("effect_hif1_cxcr4", "stabilisation_cxcr4_message"),
)
def low_oxygen_raises_cxcr4(ctx: CheckContext) -> Measured:
    """Message of CXCR4 after 24 h at 1 % oxygen, relative to air."""
    return Measured(_hypoxic_fold(ctx), "1")


@check(
    claims=["C046"],
    role="held_out",
    cost="fast",
    needs=["cell"],
    control=without("effect_hif1_cxcr4"),
)
def hypoxic_rise_needs_hif1_and_its_element(ctx: CheckContext) -> Measured:
    """Share of the rise of CXCR4 at 1 % oxygen lost without HIF-1alpha or without its element."""
    rise = _hypoxic_fold(ctx) - 1.0
    left = [_hypoxic_fold(ctx, **b) for b in ({"hif1a_gene": 0.0}, {"hre_mutation_cxcr4": 1.0})]
    return Measured(min(lost_share(rise, f - 1.0, least=MOVED) for f in left), "1")


@check(
    claims=["C047"],
    role="fitted",
    cost="fast",
    needs=["cell"],
    control=without("effect_erbb3_hif1"),
)
def heregulin_raises_rac1_and_motility(ctx: CheckContext) -> Measured:
    """Smaller factor, in air, on the peak rises of Rac1 and of speed by 10 nM CXCL12."""
    phase = Phase(
        times_s=tuple(float(t) for t in np.linspace(0.0, HOUR_S, 61)),
        add_nM={"cxcl12": LIGAND_NM},
    )
    names = ("rac1_share", "migration_speed")
    given_, plain = (
        course(ctx, CELL, [phase], names, oxygen=AIR_NM, heregulin=dose)
        for dose in (MEDIATORS_NM["heregulin"], 0.0)
    )
    factors = [peak_rise(given_, name) / peak_rise(plain, name) for name in names]
    return Measured(min(factors), "1")


@check(
    claims=["C047"],
    role="fitted",
    cost="fast",
    needs=["cell"],
    control=without("effect_erbb3_hif1"),
)
def heregulin_acts_through_hif1(ctx: CheckContext) -> Measured:
    """Share of the rise of CXCR4 on heregulin, in air, that is lost without HIF-1alpha."""
    dose = {"heregulin": MEDIATORS_NM["heregulin"]}
    none = {"hif1a_gene": 0.0}
    whole = fold(ctx, "cxcr4_message", dose) - 1.0
    left = fold(ctx, "cxcr4_message", {**dose, **none}, none) - 1.0
    return Measured(lost_share(whole, left, least=LEAST_RISE), "1")


@check(
    claims=["C048"],
    role="fitted",
    cost="fast",
    needs=["cell"],
    control=without("effect_nfkb_cxcl12"),
)
def nfkb_raises_stromal_cxcl12(ctx: CheckContext) -> Measured:
    """Secretion of CXCL12 by a stromal cell with active NF-kB, relative to without."""
    stroma = {"stromal": 1.0}
    return Measured(fold(ctx, "cxcl12_secretion", {**stroma, "nfkb_stimulus": 1.0}, stroma), "1")


@check(
    claims=["C049"],
    role="fitted",
    cost="fast",
    needs=["cell"],
    control=without("effect_mmp10_cxcr4"),
)
def mmp10_raises_the_axis(ctx: CheckContext) -> Measured:
    """Resting CXCR4 with five times the MMP10, relative to the cell's own."""
    return Measured(fold(ctx, "cxcr4_total", {"mmp10_gene": 5.0}), "1")


@check(
    claims=["C049"],
    role="fitted",
    cost="fast",
    needs=["cell"],
    control=without("effect_mmp10_cxcr4", "effect_mmp10_invasion"),
)
def mmp10_raises_growth_vessels_and_invasion(ctx: CheckContext) -> Measured:
    """Smallest factor of division, VEGF and invasion with five times the MMP10."""
    outputs = ("birth_rate", "vegf_secretion", "invasion")
    return Measured(min(fold(ctx, name, {"mmp10_gene": 5.0}) for name in outputs), "1")


@check(
    claims=["C050"],
    role="fitted",
    cost="fast",
    needs=["cell"],
    control=without("pten_share", "effect_pten_loss_cxcr4", "effect_pten_loss_cxcl12"),
)
def pten_loss_raises_akt_the_axis_and_growth(ctx: CheckContext) -> Measured:
    """Smallest factor of active AKT, CXCL12, CXCR4 and division where PTEN is lost."""
    outputs = ("akt_share", "cxcl12_secretion", "cxcr4_total", "birth_rate")
    return Measured(min(fold(ctx, name, {"pten_activity": 0.0}) for name in outputs), "1")


@check(
    claims=["C052"],
    role="fitted",
    cost="fast",
    needs=["cell"],
    control=without("effect_tgf_beta_cxcr4"),
)
def tgf_beta_raises_cxcr4(ctx: CheckContext) -> Measured:
    """CXCR4 of a tumour cell under TGF-beta, relative to without."""
    return Measured(fold(ctx, "cxcr4_total", {"tgf_beta": MEDIATORS_NM["tgf_beta"]}), "1")


@check(
    claims=["C052"],
    role="fitted",
    cost="fast",
    needs=["cell"],
    control=without("repression_tgf_beta_cxcl12"),
)
def tgf_beta_lowers_stromal_cxcl12(ctx: CheckContext) -> Measured:
    """Secretion of CXCL12 by a stromal cell under TGF-beta, relative to without."""
    stroma = {"stromal": 1.0}
    under = {**stroma, "tgf_beta": MEDIATORS_NM["tgf_beta"]}
    return Measured(fold(ctx, "cxcl12_secretion", under, stroma), "1")


@check(
    claims=["C053"],
    role="fitted",
    cost="fast",
    needs=["cell"],
    control=without("effect_tcf12_cxcr4"),
)
def tcf12_raises_cxcr4(ctx: CheckContext) -> Measured:
    """CXCR4 with ten times the TCF12, relative to the cell's own."""
    return Measured(fold(ctx, "cxcr4_total", {"tcf12": 10.0}), "1")


@check(
    claims=["C053"],
    role="fitted",
    cost="fast",
    needs=["cell"],
    control=without("effect_tcf12_cxcr4"),
)
def tcf12_raises_growth(ctx: CheckContext) -> Measured:
    """Division with ten times the TCF12, relative to the cell's own."""
    return Measured(fold(ctx, "birth_rate", {"tcf12": 10.0}), "1")


@check(
    claims=["C054", "C115"],
    role="fitted",
    cost="fast",
    needs=["cell"],
    control=without("effect_vegf_cxcr4"),
)
def vegf_raises_endothelial_cxcr4(ctx: CheckContext) -> Measured:
    """CXCR4 of endothelium under VEGF, relative to without."""
    dose = {"vegf": MEDIATORS_NM["vegf"]}
    return Measured(fold(ctx, "cxcr4_total", dose, context_id="endothelial"), "1")


@check(
    claims=["C063"],
    role="fitted",
    cost="fast",
    needs=["cell"],
    control=without_nuclear_loop,
)
def nuclear_cxcr4_raises_itself(ctx: CheckContext) -> Measured:
    """CXCR4 of a cell without VHL, relative to the same cell with the nuclear loop cut."""
    renal = {"vhl_activity": 0.0}
    whole, cut = (
        rested(world, CELL, "cxcr4_total", **renal) for world in (ctx, without_nuclear_loop(ctx))
    )
    return Measured(whole / cut, "1")


@check(
    claims=["C064"],
    role="fitted",
    cost="fast",
    needs=["cell"],
    control=without("effect_hif1_cxcr4", "effect_hif1_fgfr2", "stabilisation_cxcr4_message"),
)
def low_oxygen_switches_the_driver(ctx: CheckContext) -> Measured:
    """Rise of the share of growth that CXCR4 drives, beside FGFR2, after 72 h at 1 % oxygen."""
    phase = Phase(times_s=(0.0, 3 * DAY_S), settings={"oxygen": ONE_PERCENT_OXYGEN_NM})
    share = course(ctx, CELL, [phase], ("cxcr4_driver_share",), oxygen=AIR_NM).of(
        "cxcr4_driver_share"
    )
    air = rested(ctx, CELL, "cxcr4_driver_share", oxygen=AIR_NM)
    return Measured(min(0.5 - air, float(share[-1]) - 0.5), "1")
