"""Simulation checks of spread: who founds metastases, and in which organs."""

from __future__ import annotations

import math
from collections.abc import Mapping
from itertools import product
from typing import Final

from cxaxis.claims.breaks import misread, multiplied, together, unbound, without
from cxaxis.claims.check import check, data_check
from cxaxis.claims.context import CheckContext
from cxaxis.claims.experiments import DISTANT, at_diagnosis, untreated
from cxaxis.claims.records import Measured
from cxaxis.claims.tumour_checks import heeded_homing
from cxaxis.knowledge.tables import parse_number

# Parameter that says how much CXCL12 an organ has.
ORGAN_CXCL12: Final = {
    "node": "cxcl12_node",
    "liver": "cxcl12_liver",
    "lung": "cxcl12_lung",
    "bone": "cxcl12_marrow_stroma",
    "elsewhere": "cxcl12_elsewhere",
}
RICH: Final = ("liver", "lung", "bone")
# Shares in patients whose cancer is squamous: where most are adenocarcinomas, the liver leads.
SQUAMOUS_SHARES: Final = {"lung": "TIS123", "liver": "TIS124", "bone": "TIS125"}
# More CXCL12 where such cancers spread more often than blood flow says.
ranked_as_seen: Final = multiplied(cxcl12_lung=0.2, cxcl12_marrow_stroma=5.0)


def flattened(ctx: CheckContext) -> CheckContext:
    """Give every organ the CXCL12 of the liver."""
    level = ctx.theta[ORGAN_CXCL12["liver"]]
    return ctx.changed(**dict.fromkeys(ORGAN_CXCL12.values(), level))


def _flows(ctx: CheckContext) -> Mapping[str, float]:
    return {organ: ctx.theta[f"{organ}_flow"] for organ in DISTANT}


def _among(organs: tuple[str, ...], amounts: Mapping[str, float]) -> Mapping[str, float]:
    """Return the share of each organ in the amounts of these organs."""
    total = sum(amounts[organ] for organ in organs)
    return {organ: amounts[organ] / total for organ in organs}


@check(
    claims=["C045"],
    role="fitted",
    cost="slow",
    needs=["patient"],
    # Cells that hear neither their own ligand around them nor any on CXCR4.
    control=together(without("autocrine_depth"), unbound("kd_cxcl12_cxcr4")),
    strengthened=multiplied(autocrine_depth=30.0),
)
def cells_without_own_cxcl12_are_led_better(ctx: CheckContext) -> Measured:
    """Bias up the gradient of the liver when tumour cells make no CXCL12, relative."""
    silent = ctx.changed(cxcl12_secretion_tumour_cell=0.0)
    return Measured(_led(silent) / _led(ctx), "1")


def _led(ctx: CheckContext) -> float:
    return at_diagnosis(ctx, "liver_heading_drive")


@check(
    claims=["C107"],
    role="fitted",
    cost="slow",
    needs=["patient"],
    control=flattened,
    strengthened=heeded_homing,
)
def organs_rich_in_cxcl12_get_more_than_flow_brings(ctx: CheckContext) -> Measured:
    """Founders a unit of flow, the poorest of liver, lung and marrow over organs elsewhere."""
    hazard, flow = untreated(ctx).hazard, _flows(ctx)
    rate = {organ: hazard[organ] / flow[organ] for organ in DISTANT}
    return Measured(min(rate[organ] for organ in RICH) / rate["elsewhere"], "1")


@check(
    claims=["C107"],
    role="fitted",
    cost="slow",
    needs=["patient"],
    control=flattened,
    strengthened=ranked_as_seen,
)
def organ_cxcl12_beats_flow_alone(ctx: CheckContext) -> Measured:
    """Gain in log score per patient with ESCC over what flow alone predicts.

    Among liver, lung and bone alone, each side's shares summing to one; low and high are the least
    and the largest gain over the ranges of the shares observed.
    """
    axis, flow = _among(RICH, untreated(ctx).hazard), _among(RICH, _flows(ctx))
    per_patient = {organ: math.log(axis[organ] / flow[organ]) for organ in RICH}

    def gain(seen: Mapping[str, float]) -> float:
        shares = _among(RICH, seen)
        return sum(shares[organ] * per_patient[organ] for organ in RICH)

    rows = {organ: ctx.reading(SQUAMOUS_SHARES[organ]) for organ in RICH}
    ends = [(parse_number(row.low) or 0.0, parse_number(row.high) or 0.0) for row in rows.values()]
    # The gain is a mean weighted by the amounts seen: its extremes lie at the ends of their ranges.
    extremes = [gain(dict(zip(RICH, corner, strict=True))) for corner in product(*ends)]
    middle = gain({organ: row.number or 0.0 for organ, row in rows.items()})
    return Measured(middle, "1", min(extremes), max(extremes))


@check(
    claims=["C110"],
    role="fitted",
    cost="slow",
    needs=["patient"],
    control=multiplied(seeding_rate_lymph=1e-3, bone_flow=100.0),
)
def four_sites_are_seeded_in_the_order_of_registries(ctx: CheckContext) -> Measured:
    """Least ratio along the order node, then lung and liver, then marrow, of founders expected."""
    hazard = untreated(ctx).hazard
    ratios = (
        hazard["node"] / max(hazard["lung"], hazard["liver"]),
        min(hazard["lung"], hazard["liver"]) / hazard["bone"],
    )
    return Measured(min(ratios), "1")


@check(
    claims=["C112"],
    role="held_out",
    cost="slow",
    needs=["patient"],
    control=without("cxcr4_seeding_effect"),
    strengthened=heeded_homing,
)
def cxcr4_positive_cells_seed_nodes_more(ctx: CheckContext) -> Measured:
    """Arrivals in nodes for each cell with CXCR4, relative to one without."""
    ratio = at_diagnosis(ctx, "node_homing") / at_diagnosis(ctx, "node_homing_negative")
    return Measured(ratio, "1")


@check(
    claims=["C037"],
    role="fitted",
    cost="slow",
    needs=["patient"],
    control=without("cxcr4_seeding_effect"),
    strengthened=heeded_homing,
)
def stem_like_cells_with_cxcr4_seed_more(ctx: CheckContext) -> Measured:
    """Arrivals in the liver for each stem-like cell with CXCR4, relative to one without."""
    ratio = at_diagnosis(ctx, "liver_homing") / at_diagnosis(ctx, "liver_homing_negative")
    return Measured(ratio, "1")


@check(
    claims=["C205"],
    role="held_out",
    cost="slow",
    needs=["patient"],
    # Without either, homing and the stem-like share are those of any cell.
    control=without("cxcr4_per_tumour_cell", "cxcr4_seeding_effect"),
    strengthened=heeded_homing,
)
def founders_are_richer_in_cxcr4_than_the_primary(ctx: CheckContext) -> Measured:
    """Share of founders in the liver that carry CXCR4 over that of the primary's cells."""
    share = at_diagnosis(ctx, "liver_positive_arriving")
    return Measured(share / at_diagnosis(ctx, "positive_share"), "1")


@check(
    claims=["C141"],
    role="fitted",
    cost="slow",
    needs=["patient"],
    # A tumour of which few cells carry CXCR4, and those find organs no better than others.
    control=together(multiplied(positive_odds=0.02), without("cxcr4_seeding_effect")),
)
def double_positive_cells_found_most_metastases(ctx: CheckContext) -> Measured:
    """Share of the founders in the liver that carry CD133 and CXCR4."""
    return Measured(at_diagnosis(ctx, "liver_positive_arriving"), "1")


@data_check(claims=["C178"], control=misread("TIS022", factor=20.0))
def cxcl12_is_high_where_metastases_go(ctx: CheckContext) -> Measured:
    """CXCL12 message of other organs over that of node, lung, liver and marrow."""
    row = ctx.reading("TIS022")
    low, value, high = (parse_number(text) for text in (row.low, row.value, row.high))
    return Measured(float(value or 0.0), "1", low, high)
