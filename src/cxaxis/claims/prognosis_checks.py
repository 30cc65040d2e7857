"""Data checks of prognosis: what studies and published pools say of the axis and survival.

Published pools share studies: each is looked at alone, and none is pooled with anything.
"""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Final

from cxaxis.claims.breaks import misread
from cxaxis.claims.check import data_check
from cxaxis.claims.context import CheckContext
from cxaxis.claims.records import Control, Measured
from cxaxis.core.errors import ModelValueError
from cxaxis.knowledge.hazard_ratios import HazardRatio
from cxaxis.knowledge.pooling import DEATH_ENDPOINTS, poolable
from cxaxis.knowledge.tables import parse_number
from cxaxis.stats.crude_decomposition import StageLink, Step, decompose_published
from cxaxis.stats.meta_analysis import pool

POOL_OF_THE_REVIEW: Final = "HRT026"
POOL_OF_ESCC: Final = "HRT028"
POOL_OF_CXCL12: Final = "HRT030"
STAGE_AND_MARKER: Final = "CLI051"
STAGE_AND_DEATH: Final = "ANN038"
ADVANCED_AMONG_LOW: Final = "ANN041"
DECOMPOSITION_SEED: Final = 210


def _turned_round(row: HazardRatio) -> HazardRatio:
    turned = {"adverse": "favourable", "favourable": "adverse"}
    if row.hr is None or row.low is None or row.high is None:
        return replace(row, direction=turned.get(row.direction, row.direction))  # type: ignore[arg-type]
    return replace(
        row,
        hr=1.0 / row.hr,
        low=1.0 / row.high,
        high=1.0 / row.low,
        direction=turned.get(row.direction, row.direction),  # type: ignore[arg-type]
    )


def sign_swapped(*ids: str) -> Control:
    """Return a control in which hazard ratios, all or some, point the other way."""

    def broken(ctx: CheckContext) -> CheckContext:
        rows = {
            name: _turned_round(row) if name in ids or not ids else row
            for name, row in ctx.knowledge.hazard_ratios.items()
        }
        return ctx.with_knowledge(hazard_ratios=rows)

    broken.__doc__ = f"Turn {' and '.join(ids) or 'every hazard ratio'} round."
    return broken


def half_the_patients(ctx: CheckContext) -> CheckContext:
    """Halve the patients of every study."""
    rows = {
        name: replace(row, n=None if row.n is None else row.n // 2)
        for name, row in ctx.knowledge.hazard_ratios.items()
    }
    return ctx.with_knowledge(hazard_ratios=rows)


def _interval(row: HazardRatio) -> Measured:
    if row.hr is None:
        return Measured(math.nan, "1")
    return Measured(row.hr, "1", row.low, row.high)


def stage_link(ctx: CheckContext) -> StageLink:
    """Return how CXCR4 goes with stage, and stage with death, from the evidence rows."""
    odds, death = ctx.reading(STAGE_AND_MARKER), ctx.reading(STAGE_AND_DEATH)
    advanced = ctx.reading(ADVANCED_AMONG_LOW).number
    numbers = [
        parse_number(text) for row in (odds, death) for text in (row.value, row.low, row.high)
    ]
    known = [number for number in numbers if number is not None]
    if len(known) != len(numbers) or advanced is None:
        msg = (
            f"{STAGE_AND_MARKER} and {STAGE_AND_DEATH} need a value with an interval, "
            f"{ADVANCED_AMONG_LOW} a value."
        )
        raise ModelValueError(msg)
    return StageLink(
        odds_ratio=known[0],
        odds_ratio_low=known[1],
        odds_ratio_high=known[2],
        stage_hr=known[3],
        stage_hr_low=known[4],
        stage_hr_high=known[5],
        share_advanced_low=advanced,
    )


def decomposition(ctx: CheckContext, pool_id: str) -> tuple[Step, ...]:
    """Return what is left of a published pool after search, selection and stage, step by step."""
    published = ctx.knowledge.hazard_ratios[pool_id].published_pool
    if published is None:
        msg = f"{pool_id} is no pool with an interval and a number of studies."
        raise ModelValueError(msg)
    return decompose_published(published, stage_link(ctx), seed=DECOMPOSITION_SEED)


@data_check(claims=["C202"], control=sign_swapped())
def pooled_series_on_cxcr4(ctx: CheckContext) -> Measured:
    """Hazard ratio of death pooled here over the series whose interval was found; none so far."""
    effects = poolable(
        ctx.knowledge.hazard_ratios.values(), marker="CXCR4", endpoints=DEATH_ENDPOINTS
    )
    if not effects:
        return Measured(math.nan, "1")
    pooled = pool(effects).random
    return Measured(pooled.ratio, "1", pooled.low, pooled.high)


@data_check(claims=["C128"], control=half_the_patients)
def patients_in_the_pool(ctx: CheckContext) -> Measured:
    """Patients in the meta-analysis the review cites."""
    n = ctx.knowledge.hazard_ratios[POOL_OF_THE_REVIEW].n
    return Measured(math.nan if n is None else float(n), "1")


@data_check(claims=["C133"], control=sign_swapped(POOL_OF_THE_REVIEW))
def published_hazard_ratio_of_cxcr4(ctx: CheckContext) -> Measured:
    """Hazard ratio of death in the meta-analysis the review cites, CXCR4-high against low."""
    return _interval(ctx.knowledge.hazard_ratios[POOL_OF_THE_REVIEW])


@data_check(claims=["C134"], control=sign_swapped(POOL_OF_THE_REVIEW))
def hazard_ratio_left_for_cxcr4(ctx: CheckContext) -> Measured:
    """Hazard ratio left of that pool without cut-off search, selection and stage."""
    left = decomposition(ctx, POOL_OF_THE_REVIEW)[-1]
    return Measured(left.ratio, "1", left.low, left.high)


@data_check(claims=["C203"], control=sign_swapped(POOL_OF_CXCL12))
def published_hazard_ratio_of_cxcl12(ctx: CheckContext) -> Measured:
    """Hazard ratio of death in a meta-analysis of CXCL12 staining, both histologies."""
    return _interval(ctx.knowledge.hazard_ratios[POOL_OF_CXCL12])


@data_check(claims=["C207"], control=misread("CLI054", swap_sign=True))
def published_hazard_ratio_in_gastrointestinal_cancer(ctx: CheckContext) -> Measured:
    """Hazard ratio of death in a meta-analysis of CXCR4 over gastrointestinal cancers."""
    row = ctx.reading("CLI054")
    low, high = parse_number(row.low), parse_number(row.high)
    return Measured(math.nan if row.number is None else row.number, "1", low, high)
