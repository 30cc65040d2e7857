"""Simulation checks of what CXCR4 and CXCL12 do to a cell: growth, spread, stemness, resistance.

What is compared are means over a day in the CXCL12 of a tumour, which does not run out there, or
cells at rest in their own medium. Effects count from 5 % on, unless the expectation says more.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from cxaxis.cell.course import CellCourse, Phase
from cxaxis.claims.breaks import multiplied, unbound, without
from cxaxis.claims.cell_experiments import HOUR_S, TRACE, cell_dish, course, given, rested
from cxaxis.claims.check import check
from cxaxis.claims.context import CheckContext
from cxaxis.claims.expression_checks import KEPT, LIGAND_NM, TUMOUR_CXCL12_NM
from cxaxis.claims.records import Measured

CELL: Final = "eca109"
RICH: Final = "cxcr4_only"
SILENCED_LINE: Final = "ec9706"
NORMAL: Final = "normal_oesophageal"
LYMPHOCYTE: Final = "t_cell"
# Change of CXCL12 over the length of a cell, relative to its mean.
GRADIENT: Final = 0.1
DOSES_NM: Final = (0.1, 0.3, 1.0, 3.0, 10.0, 30.0, 100.0, 300.0, 1000.0)
KNOCK_DOWN: Final = 0.2
# From normal epithelium to the number of an Eca109-like cell.
FORCED: Final = 25.0
# Log-normal spread of CXCR4 over the cells of a tumour, and the cells that stand for it.
LOG_SD: Final = 0.7
_NODES, _WEIGHTS = np.polynomial.hermite_e.hermegauss(5)
LEAST_DRIFT: Final = 1e-12
# A colony is counted from so many cells on, after so long.
COLONY_CELLS: Final = 50
COLONY_S: Final = 10 * 24 * HOUR_S
_DAY_TIMES_S: Final = tuple(float(t) for t in np.linspace(0.0, 24 * HOUR_S, 25))
_ASSAY_TIMES_S: Final = tuple(float(t) for t in np.linspace(0.0, 2 * HOUR_S, 13))
OUTPUTS: Final = (
    *("birth_rate", "death_rate", "migration_speed", "chemotactic_bias", "invasion"),
    *("stemness", "vegf_secretion", "chemosensitivity", "macrophage_cytokine"),
    *("cxcr4_surface", "cxcr4_total"),
)
NO_CXCR4: Final = {"cxcr4_gene": 0.0, "cxcr4_per_tumour_cell": TRACE}
GROWTH_ROUTES: Final = (
    *("effect_erk_birth", "effect_akt_birth", "effect_stat3_birth", "k_silence_bad"),
)
INVASION_ROUTES: Final = (
    *("effect_migration", "catenin_part_of_migration"),
    *("effect_mmp10_invasion", "autophagy_part_of_invasion"),
)
STEMNESS_ROUTES: Final = ("effect_stat3_stemness", "k_silence_gsk3b")


def _day(
    ctx: CheckContext, context_id: str, cxcl12_nM: float = TUMOUR_CXCL12_NM, **settings: float
) -> CellCourse:
    """Return the fates of a cell over a day in CXCL12 that stays."""
    phase = Phase(times_s=_DAY_TIMES_S, add_nM={"cxcl12": cxcl12_nM} if cxcl12_nM else {})
    return course(ctx, context_id, [phase], OUTPUTS, **KEPT, **settings)


def _mean(found: CellCourse, name: str) -> float:
    times = found.times_s
    return float(np.trapezoid(found.of(name), times) / (times[-1] - times[0]))


def _drift(
    ctx: CheckContext, context_id: str, cxcl12_nM: float = LIGAND_NM, **settings: float
) -> float:
    """Return the mean speed up a gradient over two hours, in the units of the model."""
    phase = Phase(times_s=_ASSAY_TIMES_S, add_nM={"cxcl12": cxcl12_nM})
    found = course(ctx, context_id, [phase], OUTPUTS, cxcl12_gradient=GRADIENT, **settings)
    speed = found.of("migration_speed") * found.of("chemotactic_bias")
    return float(np.trapezoid(speed, found.times_s) / found.times_s[-1])


def _gene(ctx: CheckContext, context_id: str, factor: float) -> dict[str, float]:
    """Return the setting of the CXCR4 gene that multiplies its level in a kind of cell."""
    return {"cxcr4_gene": cell_dish(ctx, context_id).value_of("cxcr4_gene") * factor}


def _rates(ctx: CheckContext, context_id: str, **settings: float) -> tuple[float, float]:
    """Return the rates of division and death at rest in a cell's own medium."""
    birth, death = (
        rested(ctx, context_id, name, **settings) for name in ("birth_rate", "death_rate")
    )
    return birth, death


def colony_share(birth: float, death: float) -> float:
    """Return the share of single cells whose descendants make a colony, by birth and death alone.

    Parameters
    ----------
    birth, death
        Rates per second, unequal.
    """
    grown = np.exp((birth - death) * COLONY_S)
    died_out = death * (grown - 1.0) / (birth * grown - death)
    ratio = birth * (grown - 1.0) / (birth * grown - death)
    return float((1.0 - died_out) * ratio ** (COLONY_CELLS - 1))


@check(
    claims=["C018"],
    role="held_out",
    cost="fast",
    needs=["cell"],
    control=without(*GROWTH_ROUTES),
)
def cxcr4_loss_lowers_four_behaviours(ctx: CheckContext) -> Measured:
    """Largest factor on survival, division, VEGF and invasion over a day without CXCR4."""
    normal, none = _day(ctx, CELL), _day(ctx, CELL, **NO_CXCR4)
    factors = [
        _mean(normal, "death_rate") / _mean(none, "death_rate"),
        *(_mean(none, n) / _mean(normal, n) for n in ("birth_rate", "vegf_secretion", "invasion")),
    ]
    return Measured(max(factors), "1")


@check(
    claims=["C031"],
    role="held_out",
    cost="fast",
    needs=["cell"],
    control=without("effect_akt_vegf", "effect_erk_vegf", "effect_nuclear_cxcr4_hif1"),
)
def cxcl12_raises_growth_vessels_and_invasion(ctx: CheckContext) -> Measured:
    """Smallest factor on division, VEGF and invasion over a day in a CXCR4-rich cell."""
    under, plain = _day(ctx, RICH), _day(ctx, RICH, 0.0)
    names = ("birth_rate", "vegf_secretion", "invasion")
    return Measured(min(_mean(under, name) / _mean(plain, name) for name in names), "1")


@check(
    claims=["C026"],
    role="fitted",
    cost="fast",
    needs=["cell"],
    control=given(pertussis_toxin=1.0),
)
def lymphocytes_have_a_best_cxcl12(ctx: CheckContext) -> Measured:
    """Dose of CXCL12 up whose gradient a T cell moves fastest; 0 unless both ends are half."""
    speeds = [_drift(ctx, LYMPHOCYTE, dose) for dose in DOSES_NM]
    best = int(np.argmax(speeds))
    is_bell = speeds[best] > LEAST_DRIFT and max(speeds[0], speeds[-1]) < 0.5 * speeds[best]
    return Measured(DOSES_NM[best] if is_bell else 0.0, "nM")


@check(
    claims=["C037"],
    role="fitted",
    cost="fast",
    needs=["cell"],
    control=without(*STEMNESS_ROUTES),
)
def cxcr4_brings_stemness(ctx: CheckContext) -> Measured:
    """Share of stem-like cells over a day, relative to the same cells without CXCR4."""
    normal, none = _day(ctx, CELL), _day(ctx, CELL, **NO_CXCR4)
    return Measured(_mean(normal, "stemness") / _mean(none, "stemness"), "1")


@check(
    claims=["C045"],
    role="fitted",
    cost="fast",
    needs=["cell"],
    control=multiplied(k_transcribe_cxcl12=1e3),
)
def cells_without_own_cxcl12_keep_direction(ctx: CheckContext) -> Measured:
    """Speed up a gradient around 10 nM without CXCL12 of the cell's own, relative to with."""
    return Measured(_drift(ctx, CELL, cxcl12_gene=0.0) / max(_drift(ctx, CELL), LEAST_DRIFT), "1")


@check(
    claims=["C051"],
    role="held_out",
    cost="fast",
    needs=["cell"],
    control=without("pten_share", "effect_pten_loss_cxcr4", "effect_pten_loss_cxcl12"),
)
def pten_dampens_chemotaxis(ctx: CheckContext) -> Measured:
    """Speed of a PTEN-null T cell up a gradient once PTEN is back, relative to still without."""

    def speed(pten: float) -> float:
        phase = Phase(
            times_s=_ASSAY_TIMES_S, add_nM={"cxcl12": LIGAND_NM}, settings={"pten_activity": pten}
        )
        found = course(
            ctx, LYMPHOCYTE, [phase], OUTPUTS, cxcl12_gradient=GRADIENT, pten_activity=0.0
        )
        product = found.of("migration_speed") * found.of("chemotactic_bias")
        return float(np.trapezoid(product, found.times_s))

    return Measured(speed(1.0) / max(speed(0.0), LEAST_DRIFT), "1")


@check(
    claims=["C054"],
    role="fitted",
    cost="fast",
    needs=["cell"],
    control=without("effect_akt_vegf", "effect_erk_vegf", "effect_nuclear_cxcr4_hif1"),
)
def cxcr4_raises_vegf(ctx: CheckContext) -> Measured:
    """VEGF secreted over a day, relative to the same cells without CXCR4."""
    normal, none = _day(ctx, CELL), _day(ctx, CELL, **NO_CXCR4)
    return Measured(_mean(normal, "vegf_secretion") / _mean(none, "vegf_secretion"), "1")


@check(
    claims=["C097"],
    role="held_out",
    cost="fast",
    needs=["cell"],
    control=without("kon_arrestin_cxcr4"),
)
def cxcr4_lies_mostly_inside(ctx: CheckContext) -> Measured:
    """Share of CXCR4 at the surface after 24 h in the CXCL12 of a tumour, kept from proteases."""
    found = _day(ctx, CELL)
    return Measured(float(found.of("cxcr4_surface")[-1] / found.of("cxcr4_total")[-1]), "1")


@check(
    claims=["C109", "C135"],
    role="held_out",
    cost="fast",
    needs=["cell"],
    control=without(*GROWTH_ROUTES),
)
def knock_down_lowers_growth_and_colonies(ctx: CheckContext) -> Measured:
    """Larger factor on net growth and colonies of an EC9706-like cell with a fifth of CXCR4."""
    low = _rates(ctx, SILENCED_LINE, **_gene(ctx, SILENCED_LINE, KNOCK_DOWN))
    full = _rates(ctx, SILENCED_LINE)
    growth = (low[0] - low[1]) / (full[0] - full[1])
    return Measured(max(growth, colony_share(*low) / colony_share(*full)), "1")


@check(
    claims=["C109", "C135"],
    role="held_out",
    cost="fast",
    needs=["cell"],
    control=given(pertussis_toxin=1.0),
)
def knock_down_slows_the_way_to_cxcl12(ctx: CheckContext) -> Measured:
    """Speed up a gradient of an EC9706-like cell with a fifth of CXCR4, relative; 1 if none."""
    low = _drift(ctx, SILENCED_LINE, **_gene(ctx, SILENCED_LINE, KNOCK_DOWN))
    full = _drift(ctx, SILENCED_LINE)
    return Measured(low / full if full > LEAST_DRIFT else 1.0, "1")


@check(
    claims=["C109", "C135"],
    role="held_out",
    cost="fast",
    needs=["cell"],
    control=without(*INVASION_ROUTES),
)
def knock_down_lowers_invasion(ctx: CheckContext) -> Measured:
    """Invasion of an EC9706-like cell over a day with a fifth of its CXCR4, relative."""
    low = _day(ctx, SILENCED_LINE, **_gene(ctx, SILENCED_LINE, KNOCK_DOWN))
    return Measured(_mean(low, "invasion") / _mean(_day(ctx, SILENCED_LINE), "invasion"), "1")


@check(
    claims=["C118"],
    role="held_out",
    cost="fast",
    needs=["cell"],
    control=without(*GROWTH_ROUTES),
)
def knock_down_slows_growth_of_eca109(ctx: CheckContext) -> Measured:
    """Net growth of an Eca109-like cell with a fifth of its CXCR4, in its own medium, relative."""
    low, full = _rates(ctx, CELL, **_gene(ctx, CELL, KNOCK_DOWN)), _rates(ctx, CELL)
    return Measured((low[0] - low[1]) / (full[0] - full[1]), "1")


@check(
    claims=["C119"],
    role="held_out",
    cost="fast",
    needs=["cell"],
    control=without(*GROWTH_ROUTES),
)
def forced_cxcr4_speeds_normal_cells(ctx: CheckContext) -> Measured:
    """Division of normal epithelium with 25 times its CXCR4, in its own medium, relative."""
    forced = _rates(ctx, NORMAL, **_gene(ctx, NORMAL, FORCED))[0]
    return Measured(forced / _rates(ctx, NORMAL)[0], "1")


def _enrichment(ctx: CheckContext, name: str) -> float:
    """Return the mean CXCR4 of cells weighted by a fate, relative to all cells of a tumour."""
    weights = _WEIGHTS / _WEIGHTS.sum()
    cells = [_day(ctx, CELL, **_gene(ctx, CELL, float(np.exp(LOG_SD * z)))) for z in _NODES]
    fates = np.array([_mean(found, name) for found in cells])
    cxcr4 = np.array([float(found.of("cxcr4_total")[0]) for found in cells])
    return float((weights * fates) @ cxcr4 / (weights @ fates) / (weights @ cxcr4))


@check(
    claims=["C138"],
    role="fitted",
    cost="fast",
    needs=["cell"],
    control=without(*STEMNESS_ROUTES),
)
def stem_like_cells_carry_more_cxcr4(ctx: CheckContext) -> Measured:
    """Mean CXCR4 of stem-like cells over that of all, CXCR4 varying between cells."""
    return Measured(_enrichment(ctx, "stemness"), "1")


@check(
    claims=["C205"],
    role="held_out",
    cost="fast",
    needs=["cell"],
    control=without(*INVASION_ROUTES),
)
def invading_cells_carry_more_cxcr4(ctx: CheckContext) -> Measured:
    """Mean CXCR4 of invading cells over that of all, CXCR4 varying between cells."""
    return Measured(_enrichment(ctx, "invasion"), "1")


@check(
    claims=["C140"],
    role="fitted",
    cost="fast",
    needs=["cell"],
    control=without("chloroquine_stat3_effect"),
)
def chloroquine_lowers_stemness(ctx: CheckContext) -> Measured:
    """Share of stem-like cells after 72 h of chloroquine, relative to without."""
    phase = Phase(times_s=(0.0, 72 * HOUR_S), settings={"chloroquine": 1.0})
    treated = course(ctx, CELL, [phase], ("stemness",)).of("stemness")
    return Measured(float(treated[-1]) / rested(ctx, CELL, "stemness"), "1")


@check(
    claims=["C177"],
    role="held_out",
    cost="fast",
    needs=["cell"],
    control=given(pertussis_toxin=1.0),
)
def chemotaxis_rises_with_cxcr4(ctx: CheckContext) -> Measured:
    """Speed up a gradient around 10 nM with five times the CXCR4, relative; 0 if there is none."""
    plain = _drift(ctx, CELL)
    more = _drift(ctx, CELL, **_gene(ctx, CELL, 5.0))
    return Measured(more / plain if plain > LEAST_DRIFT else 0.0, "1")


@check(
    claims=["C177"],
    role="held_out",
    cost="fast",
    needs=["cell"],
    control=multiplied(compass_scatter=1e6, half_gbg_compass=1e2),
)
def chemotaxis_saturates_with_cxcr4(ctx: CheckContext) -> Measured:
    """Relative gain in speed up a gradient by relative gain in CXCR4, from 5 to 25 times."""
    some, many = (_drift(ctx, CELL, **_gene(ctx, CELL, factor)) for factor in (5.0, 25.0))
    return Measured(float(np.log(many / some) / np.log(5.0)), "1")


@check(
    claims=["C189"],
    role="fitted",
    cost="fast",
    needs=["cell"],
    control=unbound("half_foxm1_resistance"),
)
def cxcr4_protects_from_a_drug(ctx: CheckContext) -> Measured:
    """Kill by a cytotoxic drug over a day, relative to the same cells without CXCR4."""
    normal, none = _day(ctx, CELL), _day(ctx, CELL, **NO_CXCR4)
    return Measured(_mean(normal, "chemosensitivity") / _mean(none, "chemosensitivity"), "1")


@check(
    claims=["C209"],
    role="fitted",
    cost="fast",
    needs=["cell"],
    control=multiplied(half_heard_cxcr4=0.02),
)
def macrophage_cytokine_needs_cxcr4(ctx: CheckContext) -> Measured:
    """Cytokine of a stimulated macrophage over a day with a fifth of its CXCR4, relative."""
    stimulated = {"macrophage": 1.0, "nfkb_stimulus": 1.0}
    normal = _day(ctx, LYMPHOCYTE, **stimulated)
    low = _day(ctx, LYMPHOCYTE, **stimulated, **_gene(ctx, LYMPHOCYTE, KNOCK_DOWN))
    return Measured(_mean(low, "macrophage_cytokine") / _mean(normal, "macrophage_cytokine"), "1")
