"""Simulation checks of the marrow, what leaves it, and what blockade does to healthy cells."""

from __future__ import annotations

from typing import Final

import numpy as np

from cxaxis.claims.breaks import multiplied, unbound, without
from cxaxis.claims.check import check
from cxaxis.claims.context import CheckContext, WorldFailedError
from cxaxis.claims.experiments import Gift, resting, treated, volunteer
from cxaxis.claims.records import Measured
from cxaxis.core.arrays import FloatArray
from cxaxis.knowledge.drug_records import Dose

HOURS: Final[FloatArray] = np.arange(0.0, 97.0, 0.25)
DAYS_OF_COURSE: Final[FloatArray] = np.arange(0.0, 24.0 * 7.0, 1.0)
PLERIXAFOR: Final = Gift(
    drug="plerixafor", dose=Dose(value=240.0, unit="ug/kg"), route="subcutaneous"
)
OLAPTESED: Final = Gift(drug="olaptesed", dose=Dose(value=4.0, unit="mg/kg"), route="intravenous")
FILGRASTIM: Final = Gift(
    drug="filgrastim", dose=Dose(value=10.0, unit="ug/kg"), route="subcutaneous", n_doses=5
)
# The evening of the fourth day of G-CSF, eleven hours before the first apheresis.
EVENING_DAY: Final = 3.5
PLERIXAFOR_LATER: Final = Gift(
    drug="plerixafor",
    dose=PLERIXAFOR.dose,
    route=PLERIXAFOR.route,
    start_day=EVENING_DAY,
)
OLAPTESED_LATER: Final = Gift(
    drug="olaptesed", dose=OLAPTESED.dose, route=OLAPTESED.route, start_day=EVENING_DAY
)
SUSTAINED: Final = Gift(
    drug="plerixafor",
    dose=Dose(value=400.0, unit="ug/kg/day"),
    route="intravenous",
    duration_day=28.0,
)
CTCE_9908: Final = Gift(drug="ctce_9908", dose=Dose(value=5.0, unit="mg/kg"), route="intravenous")
_COUNTS: Final = ("cd34_blood", "leukocyte_ratio", "treg_ratio")
# A count that has not moved has no peak.
LEAST_RISE: Final = 1.1


def _course(ctx: CheckContext, gift: Gift, quantity: str) -> FloatArray:
    result = volunteer(ctx, [gift], HOURS, _COUNTS)
    return np.asarray(result.of(quantity)[0])


def _peak_of_cd34(ctx: CheckContext, *gifts: Gift) -> float:
    result = volunteer(ctx, gifts, DAYS_OF_COURSE, ("cd34_blood",))
    return float(result.of("cd34_blood")[0].max())


def _hours_above_half_rise(count: FloatArray) -> float:
    rise = count - count[0]
    if count.max() < LEAST_RISE * count[0]:
        return 0.0
    return float((rise >= rise.max() / 2.0).sum() * (HOURS[1] - HOURS[0]))


@check(
    claims=["C146"],
    role="fitted",
    cost="slow",
    needs=["patient"],
    control=without("cxcr4_per_host_cell"),
)
def cd34_peak_time(ctx: CheckContext) -> Measured:
    """Time of the CD34+ peak in blood after one 240 ug/kg plerixafor injection."""
    count = _course(ctx, PLERIXAFOR, "cd34_blood")
    if count.max() < LEAST_RISE * count[0]:
        return Measured(0.0, "hour")
    return Measured(float(HOURS[int(np.argmax(count))]), "hour")


@check(
    claims=["C155"],
    role="fitted",
    cost="slow",
    needs=["patient"],
    control=multiplied(k_elimination_neutraliser=100.0),
)
def olaptesed_mobilises_longer(ctx: CheckContext) -> Measured:
    """Hours above half the CD34+ rise, olaptesed 4 mg/kg over plerixafor 240 ug/kg."""
    short = _hours_above_half_rise(_course(ctx, PLERIXAFOR, "cd34_blood"))
    long = _hours_above_half_rise(_course(ctx, OLAPTESED, "cd34_blood"))
    if short == 0.0:
        msg = "plerixafor moves no CD34+ cells in this world."
        raise WorldFailedError(msg)
    return Measured(long / short, "1")


@check(
    claims=["C145"],
    role="held_out",
    cost="slow",
    needs=["patient"],
    control=unbound("kd_antagonist_cxcr4"),
    # Cells that heed the retention they lose four times as closely.
    strengthened=multiplied(neutrophil_release_gain=4.0, lymphocyte_release_gain=4.0),
)
def plerixafor_raises_leukocytes(ctx: CheckContext) -> Measured:
    """Highest leukocyte count after one 240 ug/kg plerixafor injection, relative to rest."""
    return Measured(float(_course(ctx, PLERIXAFOR, "leukocyte_ratio").max()), "1")


@check(
    claims=["C147"],
    role="fitted",
    cost="slow",
    needs=["patient"],
    control=unbound("kd_antagonist_cxcr4"),
)
def plerixafor_adds_to_filgrastim(ctx: CheckContext) -> Measured:
    """CD34+ peak on five days of G-CSF with plerixafor on the fourth evening, over G-CSF alone."""
    both = _peak_of_cd34(ctx, FILGRASTIM, PLERIXAFOR_LATER)
    return Measured(both / _peak_of_cd34(ctx, FILGRASTIM), "1")


@check(
    claims=["C170"],
    role="fitted",
    cost="slow",
    needs=["patient"],
    control=unbound("kd_neutraliser_cxcl12"),
)
def olaptesed_mobilises_with_and_without_filgrastim(ctx: CheckContext) -> Measured:
    """Smaller factor of olaptesed on the CD34+ peak: over rest, and over G-CSF alone."""
    alone = _course(ctx, OLAPTESED, "cd34_blood")
    both = _peak_of_cd34(ctx, FILGRASTIM, OLAPTESED_LATER)
    over_filgrastim = both / _peak_of_cd34(ctx, FILGRASTIM)
    return Measured(min(float(alone.max() / alone[0]), over_filgrastim), "1")


@check(
    claims=["C124"],
    role="held_out",
    cost="slow",
    needs=["patient"],
    control=without("treg_release_gain"),
)
def blockade_frees_regulatory_t_cells(ctx: CheckContext) -> Measured:
    """Highest count of regulatory T cells in blood after plerixafor, relative to rest."""
    return Measured(float(_course(ctx, PLERIXAFOR, "treg_ratio").max()), "1")


@check(
    claims=["C149"],
    role="held_out",
    cost="slow",
    needs=["patient"],
    control=unbound("kd_ctce_9908_cxcr4"),
)
def ctce_9908_takes_the_place_of_cxcl12(ctx: CheckContext) -> Measured:
    """CXCL12 on CXCR4 of the marrow an hour after 5 mg/kg CTCE-9908, relative to before."""
    result = volunteer(ctx, [CTCE_9908], np.array([0.0, 1.0]), ("marrow_cxcl12_cxcr4",))
    held = result.of("marrow_cxcl12_cxcr4")[0]
    return Measured(float(held[1] / held[0]), "1")


@check(
    claims=["C025"],
    role="fitted",
    cost="slow",
    needs=["patient"],
    control=without("marrow_cxcl12_secretion"),
)
def marrow_makes_cxcl12_at_rest(ctx: CheckContext) -> Measured:
    """Free CXCL12 in marrow over that in plasma, of a healthy person at rest."""
    free = ("marrow_cxcl12", "blood_cxcl12")
    result = volunteer(ctx, [], np.array([0.0]), free)
    marrow, plasma = (float(result.of(name)[0, 0]) for name in free)
    return Measured(marrow / plasma, "1")


def _without_cxcl12(ctx: CheckContext) -> CheckContext:
    return ctx.changed(marrow_cxcl12_secretion=0.0)


@check(
    claims=["C023"],
    role="held_out",
    cost="slow",
    needs=["patient"],
    # Precursors that take no notice of their niche within a life.
    control=multiplied(k_b_precursor=1e-9),
)
def b_cell_precursors_need_cxcl12(ctx: CheckContext) -> Measured:
    """B-cell precursors in a marrow that makes no CXCL12, relative to one that does."""
    lost = resting(_without_cxcl12(ctx)).column("b_precursor_ratio")[0]
    return Measured(float(lost / resting(ctx).column("b_precursor_ratio")[0]), "1")


@check(
    claims=["C024"],
    role="held_out",
    cost="slow",
    needs=["patient"],
    # Neutrophils that neither come from fewer precursors nor leave sooner.
    control=without("stem_share_of_neutrophils", "neutrophil_release_gain"),
)
def b_and_myeloid_cells_need_cxcl12(ctx: CheckContext) -> Measured:
    """The larger of what is left of B-cell precursors and neutrophils without marrow CXCL12."""
    left = resting(_without_cxcl12(ctx))
    kinds = ("b_precursor_ratio", "neutrophil_ratio")
    ratios = [left.column(name)[0] / resting(ctx).column(name)[0] for name in kinds]
    return Measured(float(max(ratios)), "1")


@check(
    claims=["C030"],
    role="held_out",
    cost="slow",
    needs=["patient"],
    control=unbound("kd_antagonist_cxcr4"),
    strengthened=multiplied(
        cd34_release_gain=4.0, neutrophil_release_gain=4.0, lymphocyte_release_gain=4.0
    ),
)
def blockade_reaches_healthy_roles(ctx: CheckContext) -> Measured:
    """Least factor of blockade on stem cells and leukocytes in blood and B-cell precursors."""
    names = ("cd34_blood", "leukocyte_ratio", "b_precursor_ratio")
    result = volunteer(ctx, [SUSTAINED], np.array([0.0, 24.0 * 28.0]), names)
    stem, leukocytes, precursors = (result.of(name)[0] for name in names)
    factors = (
        stem[1] / stem[0],
        leukocytes[1] / leukocytes[0],
        precursors[0] / precursors[1],
    )
    return Measured(float(min(factors)), "1")


@check(
    claims=["C028"],
    role="held_out",
    cost="slow",
    needs=["patient"],
    control=without("cxcr4_per_host_cell", "cxcr4_per_endothelial_cell"),
)
def healthy_cells_hold_most_of_an_antagonist(ctx: CheckContext) -> Measured:
    """Share of the plerixafor on receptors that marrow, leukocytes and endothelium hold."""
    course = treated(ctx, (("plerixafor", "infusion_400_ug_kg_day"),))
    tumour, marrow, blood = (
        course.on(28.0, f"amount({place}_antagonist_cxcr4)")
        for place in ("tumour", "marrow", "blood")
    )
    return Measured((marrow + blood) / (tumour + marrow + blood), "1")
