"""Simulation checks of treatment: resistance, relapse, and what blockade adds to standard care."""

from __future__ import annotations

import math
from typing import Final

from cxaxis.claims.breaks import held_at, multiplied, together, unbound, without
from cxaxis.claims.check import check, data_check
from cxaxis.claims.context import CheckContext
from cxaxis.claims.experiments import DISTANT, diagnosed, treated
from cxaxis.claims.records import Measured
from cxaxis.claims.series import BACKBONE
from cxaxis.claims.tumour_checks import founders_a_day, heeded_growth, heeded_homing

CHEMOTHERAPY: Final = (
    ("cisplatin", "palliative_80_mg_m2"),
    ("fluorouracil", "palliative_800_mg_m2_day"),
)
IMMUNOTHERAPY: Final = (*CHEMOTHERAPY, ("pembrolizumab", "palliative_200_mg"))
BACKBONES: Final = (CHEMOTHERAPY, BACKBONE, IMMUNOTHERAPY)
ANTAGONIST: Final = (("plerixafor", "radiotherapy_infusion_400_ug_kg_day"),)
RESPONSE_DAY: Final = 84.0
RELAPSE_DAY: Final = 180.0
TWICE: Final = 2.0
MORE_POSITIVE: Final = 3.0
PLATINUM: Final = "platinum"


@check(
    claims=["C137"],
    role="fitted",
    cost="slow",
    needs=["patient"],
    control=lambda ctx: ctx.changed(stem_chemotherapy_ratio=1.0, stem_radiation_ratio=1.0),
    strengthened=multiplied(stem_chemotherapy_ratio=0.1, stem_radiation_ratio=0.1),
)
def stem_like_cells_bring_relapse(ctx: CheckContext) -> Measured:
    """Tumour cells half a year into chemoradiotherapy, twice the stem-like share over as it is."""
    share = float(diagnosed(ctx).patients.column("stem_share")[0])
    more = treated(ctx, BACKBONE, stem_share=min(TWICE * share, 0.99))
    as_it_is = treated(ctx, BACKBONE)
    gain = more.on(RELAPSE_DAY, "tumour_log") - as_it_is.on(RELAPSE_DAY, "tumour_log")
    return Measured(math.exp(gain), "1")


@check(
    claims=["C139"],
    role="fitted",
    cost="slow",
    needs=["patient"],
    control=without("cxcr4_growth_effect", "cxcr4_seeding_effect"),
    strengthened=together(heeded_growth, heeded_homing),
)
def cxcr4_of_stem_like_cells_brings_recurrence_and_metastasis(ctx: CheckContext) -> Measured:
    """Smaller factor on distant founders a day and cells half a year on, with more CXCR4+ cells."""
    richer = ctx.scaled(positive_odds=MORE_POSITIVE)
    founders = founders_a_day(richer, DISTANT) / founders_a_day(ctx, DISTANT)
    return Measured(min(founders, _cells_after(richer) / _cells_after(ctx)), "1")


def _cells_after(ctx: CheckContext) -> float:
    return math.exp(treated(ctx, BACKBONE, phi=1.0).on(RELAPSE_DAY, "tumour_log"))


@check(
    claims=["C186"],
    role="held_out",
    cost="slow",
    needs=["patient"],
    control=without("cxcr4_per_tumour_cell"),
)
def persistent_cxcr4_brings_recurrence(ctx: CheckContext) -> Measured:
    """Regrowth from day 84 to 180 after chemoradiotherapy, CXCR4 on many cells over on few."""
    many = ctx.scaled(positive_odds=MORE_POSITIVE)
    few = ctx.scaled(positive_odds=1.0 / MORE_POSITIVE)
    return Measured(_regrowth(many) / _regrowth(few), "1")


def _regrowth(ctx: CheckContext) -> float:
    course = treated(ctx, BACKBONE, phi=1.0)
    return math.exp(course.on(RELAPSE_DAY, "tumour_log") - course.on(RESPONSE_DAY, "tumour_log"))


def no_protection(ctx: CheckContext) -> CheckContext:
    """Take away what CXCR4 protects cells from drugs with: stroma, and FOXM1."""
    # Where half the effect of FOXM1 lies far above any level, FOXM1 changes nothing.
    return ctx.changed(stroma_protection=0.0, half_foxm1_resistance=1e9)


@check(
    claims=["C175"],
    role="fitted",
    cost="slow",
    needs=["patient"],
    # Vessels answer the antagonist too, and bring more of the drug.
    control=together(no_protection, unbound("kd_antagonist_cxcr4")),
    strengthened=held_at(stroma_protection=0.95),
)
def blockade_sensitises_to_chemotherapy(ctx: CheckContext) -> Measured:
    """Kill a unit of chemotherapy after four weeks of plerixafor, relative to before."""
    course = treated(ctx, ANTAGONIST, phi=1.0)
    before, under = (
        course.on(day, "reach") * course.on(day, "foxm1_sensitivity") for day in (0.0, 28.0)
    )
    return Measured(under / before, "1")


@check(
    claims=["C197"],
    role="held_out",
    cost="slow",
    needs=["patient"],
    control=unbound("kd_antagonist_cxcr4"),
)
def blockade_adds_to_every_backbone(ctx: CheckContext) -> Measured:
    """Living tumour cells on day 84 with plerixafor over without, the worst of three backbones."""
    ratios = [
        math.exp(
            treated(ctx, (*backbone, *ANTAGONIST)).on(RESPONSE_DAY, "tumour_log")
            - treated(ctx, backbone).on(RESPONSE_DAY, "tumour_log")
        )
        for backbone in BACKBONES
    ]
    return Measured(max(ratios), "1")


def _without_fluorouracil(ctx: CheckContext) -> CheckContext:
    return ctx.without("drugs", "fluorouracil")


@data_check(claims=["C185"], control=_without_fluorouracil)
def standard_care_is_a_platinum_and_a_fluoropyrimidine(ctx: CheckContext) -> Measured:
    """Settings, locally advanced and metastatic, for which the library has both with a dose."""
    drugs = ctx.knowledge.drugs
    settings = ("definitive", "palliative")
    found = [
        all(
            any(name.startswith(setting) for name in drugs[drug].regimens)
            for drug in ("cisplatin", "fluorouracil")
            if drug in drugs
        )
        and {"cisplatin", "fluorouracil"} <= drugs.keys()
        for setting in settings
    ]
    return Measured(float(sum(found)), "1")
