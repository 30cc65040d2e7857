"""Simulation checks of spread: who founds metastases, and in which organs."""

from __future__ import annotations

import math
from collections.abc import Mapping
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
# The registry counts the brain alone of all other organs.
SITE_SHARES: Final = {
    "liver": "CLI172",
    "lung": "CLI174",
    "bone": "CLI175",
    "elsewhere": "CLI176",
}


def flattened(ctx: CheckContext) -> CheckContext:
    """Give every organ the CXCL12 of the liver."""
    level = ctx.theta[ORGAN_CXCL12["liver"]]
    return ctx.changed(**dict.fromkeys(ORGAN_CXCL12.values(), level))


def _flows(ctx: CheckContext) -> Mapping[str, float]:
    return {organ: ctx.theta[f"{organ}_flow"] for organ in DISTANT}


def _shares(amounts: Mapping[str, float]) -> Mapping[str, float]:
    total = sum(amounts.values())
    return {organ: amount / total for organ, amount in amounts.items()}


def _founder_shares(ctx: CheckContext) -> Mapping[str, float]:
    """Return the share of each organ in the distant founders to expect at diagnosis."""
    hazard = untreated(ctx).hazard
    return _shares({organ: hazard[organ] for organ in DISTANT})


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
    role="held_out",
    cost="slow",
    needs=["patient"],
    control=flattened,
)
def organ_cxcl12_beats_flow_alone(ctx: CheckContext) -> Measured:
    """Gain in log score per metastatic site of a registry over what flow alone predicts."""
    observed = _shares(
        {organ: parse_number(ctx.reading(row).value) or 0.0 for organ, row in SITE_SHARES.items()}
    )
    axis, flow = _founder_shares(ctx), _shares(_flows(ctx))
    gain = sum(share * math.log(axis[organ] / flow[organ]) for organ, share in observed.items())
    return Measured(gain, "1")


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
