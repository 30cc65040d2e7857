"""Simulation checks of what CXCR4 does inside the cell: G protein, messengers, kinases."""

from __future__ import annotations

from typing import Final

import numpy as np

from cxaxis.cell.course import CellCourse, Phase
from cxaxis.claims.breaks import multiplied, unbound, without
from cxaxis.claims.cell_experiments import (
    HOUR_S,
    MINUTE_S,
    SATURATING_NM,
    TRACE,
    at,
    course,
    half_dose_nM,
    lost_share,
    panel,
    peak_fall,
    peak_rise,
    peak_time_s,
    rise,
)
from cxaxis.claims.check import check
from cxaxis.claims.context import CheckContext
from cxaxis.claims.records import Measured

LINE: Final = "cxcr4_only"
DOSES_NM: Final = (0.1, 0.3, 1.0, 3.0, 10.0, 30.0, 100.0)
# Below these no answer is called one: 2 % of a pool, 10 % of resting calcium, 5 % of cAMP.
LEAST_SHARE: Final = 0.02
LEAST_OF_REST: Final = 0.1
LEAST_CAMP_FALL: Final = 0.05
CAMP_READ_S: Final = 10 * MINUTE_S
_CATENIN_TIMES_S: Final = tuple(float(t) for t in np.linspace(0.0, 6 * HOUR_S, 73))


@check(
    claims=["C006"],
    role="fitted",
    cost="fast",
    needs=["cell"],
    control=multiplied(kd_cxcl12_cxcr4_inactive=1e9, kd_cxcl12_cxcr4_active=1e9),
)
def g_protein_answer_needs_cxcr4(ctx: CheckContext) -> Measured:
    """Share of the rise in free beta-gamma after CXCL12 that is lost without CXCR4."""
    whole = peak_rise(panel(ctx, LINE), "gbg")
    left = peak_rise(panel(ctx, LINE, cxcr4_gene=0.0, cxcr4_per_tumour_cell=TRACE), "gbg")
    total = float(panel(ctx, LINE).of("gi")[0])
    return Measured(lost_share(whole, left, least=LEAST_SHARE * total), "1")


@check(
    claims=["C065"],
    role="fitted",
    cost="fast",
    needs=["cell"],
    control=without("k_activate_gi"),
)
def beta_gamma_is_free_within_seconds(ctx: CheckContext) -> Measured:
    """Share of the peak rise of free beta-gamma that is there 30 s after CXCL12."""
    found = panel(ctx, LINE)
    highest = peak_rise(found, "gbg")
    if highest < LEAST_SHARE * found.of("gi")[0]:
        return Measured(0.0, "1")
    return Measured(float(rise(found, "gbg")[found.times_s == 30.0][0]) / highest, "1")


@check(
    claims=["C065"],
    role="fitted",
    cost="fast",
    needs=["cell"],
    control=without("k_rgs_gi"),
)
def rgs_ends_the_g_protein_signal(ctx: CheckContext) -> Measured:
    """Gi with GTP 10 min after CXCL12 without RGS, relative to with."""
    with_rgs = at(panel(ctx, LINE), "gi_gtp", 10 * MINUTE_S)
    without_rgs = at(panel(ctx.changed(rgs_concentration=0.0), LINE), "gi_gtp", 10 * MINUTE_S)
    return Measured(without_rgs / with_rgs, "1")


def _camp_fall(ctx: CheckContext, ligand_nM: float, **settings: float) -> float:
    """Return the share of cAMP raised by forskolin that is lost 10 min after CXCL12."""
    phase = Phase(times_s=(0.0, CAMP_READ_S), add_nM={"cxcl12": ligand_nM})
    before, after = course(ctx, LINE, [phase], ("camp",), forskolin=1.0, **settings).of("camp")
    return float(1.0 - after / before)


@check(
    claims=["C066"],
    role="fitted",
    cost="fast",
    needs=["cell"],
    control=without("most_cyclase_inhibition"),
)
def cxcl12_lowers_raised_camp(ctx: CheckContext) -> Measured:
    """Share of the cAMP raised by forskolin that is lost 10 min after 100 nM CXCL12."""
    return Measured(_camp_fall(ctx, SATURATING_NM), "1")


@check(
    claims=["C066"],
    role="fitted",
    cost="fast",
    needs=["cell"],
    control=multiplied(kd_cxcl12_cxcr4_inactive=100.0, kd_cxcl12_cxcr4_active=100.0),
)
def camp_falls_at_nanomolar_cxcl12(ctx: CheckContext) -> Measured:
    """Dose of CXCL12 that gives half of the fall in the cAMP raised by forskolin."""
    falls = [_camp_fall(ctx, dose) for dose in DOSES_NM]
    return Measured(half_dose_nM(DOSES_NM, falls, least=LEAST_CAMP_FALL), "nM")


@check(
    claims=["C066"],
    role="fitted",
    cost="fast",
    needs=["cell"],
    control=without("k_activate_gi"),
)
def camp_fall_needs_gi(ctx: CheckContext) -> Measured:
    """Share of the fall in cAMP after CXCL12 that pertussis toxin takes away."""
    left = _camp_fall(ctx, SATURATING_NM, pertussis_toxin=1.0)
    return Measured(
        lost_share(_camp_fall(ctx, SATURATING_NM), left, least=LEAST_CAMP_FALL),
        "1",
    )


def _lost_to_toxin(ctx: CheckContext, name: str) -> Measured:
    whole = peak_rise(panel(ctx, LINE), name)
    left = peak_rise(panel(ctx, LINE, pertussis_toxin=1.0), name)
    return Measured(lost_share(whole, left, least=LEAST_SHARE), "1")


@check(
    claims=["C067"],
    role="fitted",
    cost="fast",
    needs=["cell"],
    control=without("k_pi3k"),
)
def akt_peak_needs_gi(ctx: CheckContext) -> Measured:
    """Share of the peak rise of active AKT that pertussis toxin takes away."""
    return _lost_to_toxin(ctx, "akt_share")


@check(
    claims=["C067"],
    role="fitted",
    cost="fast",
    needs=["cell"],
    control=without("k_activate_ras"),
)
def erk_peak_needs_gi(ctx: CheckContext) -> Measured:
    """Share of the peak rise of active ERK, both arms, that pertussis toxin takes away."""
    return _lost_to_toxin(ctx, "erk_share")


@check(
    claims=["C069"],
    role="held_out",
    cost="fast",
    needs=["cell"],
    control=unbound("half_gbg_plc"),
)
def phospholipase_follows_beta_gamma(ctx: CheckContext) -> Measured:
    """Highest rate of phospholipase C after CXCL12, relative to rest."""
    rate = panel(ctx, LINE).of("plc_rate")
    return Measured(float(rate.max() / rate[0]), "1")


@check(
    claims=["C070"],
    role="held_out",
    cost="fast",
    needs=["cell"],
    control=without("k_plc"),
)
def cleaved_pip2_gives_both_messengers(ctx: CheckContext) -> Measured:
    """Smaller of the rises of diacylglycerol and IP3, relative to rest; 1 unless PIP2 falls."""
    found = panel(ctx, LINE)
    if peak_fall(found, "pip2") < 0.01 * found.of("pip2")[0]:
        return Measured(1.0, "1")
    folds = [found.of(name).max() / found.of(name)[0] for name in ("dag", "ip3")]
    return Measured(float(min(folds)), "1")


def _calcium_least(found: CellCourse) -> float:
    return LEAST_OF_REST * float(found.of("calcium")[0])


@check(
    claims=["C071"],
    role="fitted",
    cost="fast",
    needs=["cell"],
    control=without("k_release_er"),
)
def calcium_peaks_within_a_minute(ctx: CheckContext) -> Measured:
    """Time of the calcium peak after CXCL12; 0 if there is none."""
    found = panel(ctx, LINE)
    return Measured(peak_time_s(found, "calcium", least=_calcium_least(found)), "second")


@check(
    claims=["C071"],
    role="fitted",
    cost="fast",
    needs=["cell"],
    control=without(
        "k_close_ip3_receptor", "k_grk_cxcr4", "k_phosphorylate_inactive_cxcr4", "k_rgs_gi"
    ),
)
def calcium_returns_under_lasting_ligand(ctx: CheckContext) -> Measured:
    """Share of the calcium rise that is left 2 min after CXCL12, which stays; 1 if none rose."""
    found = panel(ctx, LINE)
    highest = peak_rise(found, "calcium")
    if highest < _calcium_least(found):
        return Measured(1.0, "1")
    return Measured((at(found, "calcium", 120.0) - float(found.of("calcium")[0])) / highest, "1")


@check(
    claims=["C072"],
    role="fitted",
    cost="fast",
    needs=["cell"],
    control=without("k_pi3k"),
)
def akt_peaks_in_minutes(ctx: CheckContext) -> Measured:
    """Time of the peak of active AKT after CXCL12; 0 if there is none."""
    seconds = peak_time_s(panel(ctx, LINE), "akt_share", least=LEAST_SHARE)
    return Measured(seconds / MINUTE_S, "minute")


@check(
    claims=["C072"],
    role="fitted",
    cost="fast",
    needs=["cell"],
    control=multiplied(kd_cxcl12_cxcr4_inactive=100.0, kd_cxcl12_cxcr4_active=100.0),
)
def akt_answers_to_nanomolar_cxcl12(ctx: CheckContext) -> Measured:
    """Dose of CXCL12 that gives half of the peak rise of active AKT."""
    rises = [peak_rise(panel(ctx, LINE, ligand_nM=dose), "akt_share") for dose in DOSES_NM]
    return Measured(half_dose_nM(DOSES_NM, rises, least=LEAST_SHARE), "nM")


def _share_of_pool(ctx: CheckContext, name: str, **settings: float) -> float:
    """Return the peak rise of an active kinase after CXCL12, as a share of its pool."""
    found = panel(ctx, LINE, **settings)
    return peak_rise(found, name) / ctx.theta["signalling_protein_total"]


@check(
    claims=["C073"],
    role="held_out",
    cost="fast",
    needs=["cell"],
    control=multiplied(half_calcium_pyk2=1e-3),
)
def pyk2_needs_calcium(ctx: CheckContext) -> Measured:
    """Share of the peak rise of active PYK2 that is lost when calcium is chelated."""
    whole = _share_of_pool(ctx, "pyk2_active")
    left = _share_of_pool(ctx, "pyk2_active", calcium_chelation=1.0)
    return Measured(lost_share(whole, left, least=LEAST_SHARE), "1")


@check(
    claims=["C074"],
    role="held_out",
    cost="fast",
    needs=["cell"],
    control=without("k_activate_p38"),
)
def p38_answers_to_cxcl12(ctx: CheckContext) -> Measured:
    """Peak rise of active p38 after CXCL12, as a share of its pool."""
    return Measured(_share_of_pool(ctx, "p38_active"), "1")


@check(
    claims=["C075"],
    role="held_out",
    cost="fast",
    needs=["cell"],
    control=without("k_activate_jnk"),
)
def jnk_answers_to_cxcl12(ctx: CheckContext) -> Measured:
    """Peak rise of active JNK after CXCL12, as a share of its pool."""
    return Measured(_share_of_pool(ctx, "jnk_active"), "1")


@check(
    claims=["C076"],
    role="fitted",
    cost="fast",
    needs=["cell"],
    control=without("k_activate_ras"),
)
def erk_peaks_in_minutes(ctx: CheckContext) -> Measured:
    """Time of the peak of active ERK after CXCL12; 0 if there is none."""
    seconds = peak_time_s(panel(ctx, LINE), "erk_share", least=LEAST_SHARE)
    return Measured(seconds / MINUTE_S, "minute")


@check(
    claims=["C076"],
    role="fitted",
    cost="fast",
    needs=["cell"],
    control=without(
        "phosphatase_boost", "k_grk_cxcr4", "k_phosphorylate_inactive_cxcr4", "k_rgs_gi"
    ),
)
def erk_falls_back_within_the_hour(ctx: CheckContext) -> Measured:
    """Share of the peak rise of active ERK that is left after an hour of CXCL12."""
    found = panel(ctx, LINE)
    highest = peak_rise(found, "erk_share")
    if highest < LEAST_SHARE:
        return Measured(1.0, "1")
    return Measured(
        (at(found, "erk_share", HOUR_S) - float(found.of("erk_share")[0])) / highest, "1"
    )


@check(
    claims=["C077"],
    role="held_out",
    cost="fast",
    needs=["cell"],
    control=without("k_activate_jak2"),
)
def stat3_without_g_protein(ctx: CheckContext) -> Measured:
    """Peak rise of active STAT3 under pertussis toxin, relative to without; 0 if none rises."""
    whole = peak_rise(panel(ctx, LINE), "stat3_share")
    if whole < LEAST_SHARE:
        return Measured(0.0, "1")
    return Measured(peak_rise(panel(ctx, LINE, pertussis_toxin=1.0), "stat3_share") / whole, "1")


@check(
    claims=["C077"],
    role="held_out",
    cost="fast",
    needs=["cell"],
    control=without("k_activate_jak2"),
)
def stat3_needs_jak(ctx: CheckContext) -> Measured:
    """Share of the peak rise of active STAT3 that JAK inhibition takes away."""
    whole = peak_rise(panel(ctx, LINE), "stat3_share")
    left = peak_rise(panel(ctx, LINE, jak_inhibition=1.0), "stat3_share")
    return Measured(lost_share(whole, left, least=LEAST_SHARE), "1")


def _catenin_rise(ctx: CheckContext) -> float:
    """Return the largest rise of beta-catenin in 6 h of CXCL12, relative to rest."""
    phase = Phase(times_s=_CATENIN_TIMES_S, add_nM={"cxcl12": SATURATING_NM})
    found = course(ctx, LINE, [phase], ("catenin",))
    return peak_rise(found, "catenin") / float(found.of("catenin")[0])


@check(
    claims=["C078"],
    role="held_out",
    cost="fast",
    needs=["cell"],
    control=without("stat3_gsk3b_effect"),
)
def stat3_raises_catenin(ctx: CheckContext) -> Measured:
    """Share of the rise of beta-catenin after CXCL12 that is lost without STAT3."""
    left = _catenin_rise(ctx.changed(k_activate_stat3=0.0))
    return Measured(lost_share(_catenin_rise(ctx), left, least=LEAST_SHARE), "1")
