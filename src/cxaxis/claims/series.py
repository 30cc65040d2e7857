"""A virtual retrospective series: patients drawn, stained, staged, treated and followed.

The patients of a series differ from one another; what is read is what a pathologist and a registry
would have: stain, N, M, and the time of death after definitive chemoradiotherapy. Every patient has
a twin with CXCR4 mirrored about the population's median and all other draws the same, and the
series keeps the pairs of which one is stained high: chance does not set the two sides of the
cut-off apart, and without an effect of CXCR4 they are alike to the patient.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from scipy.stats import norm

from cxaxis.claims.context import CheckContext, WorldFailedError
from cxaxis.cohort.sample import Candidates, gather, screen
from cxaxis.cohort.settings import STAGES
from cxaxis.core.arrays import BoolArray, FloatArray, IntArray
from cxaxis.engine.choice import engine_named
from cxaxis.patient.assays import cutoff_for_share
from cxaxis.trial.pool import ArmPlan, schedule_of, simulate_arm

SCREENED: Final = 200
SERIES_SEED: Final = 100
MIRRORED: Final = ("cxcr4_per_tumour_cell", "positive_odds")
MIRRORED_LIGAND: Final = ("cxcl12_secretion_tumour_cell", "cxcl12_secretion_fibroblast")
LEAST_SOUND: Final = 0.8
LEAST_PAIRS: Final = 10
FOLLOW_UP_DAY: Final = 5 * 365.25
BACKBONE: Final = (
    ("radiotherapy", "definitive_50_4_gy"),
    ("cisplatin", "definitive_75_mg_m2_consolidated"),
    ("fluorouracil", "definitive_1000_mg_m2_day_consolidated"),
)


@dataclass(frozen=True, kw_only=True)
class Series:
    """The patients of one series: those diagnosed, and the eligible pairs under treatment.

    Attributes
    ----------
    cxcr4_high
        Stained above the cut-off, shape ``(n_diagnosed,)``.
    n
        Clinical N category (0 to 2), same shape.
    advanced
        Stage III or IV, same shape.
    high
        Stain of the eligible, shape ``(n_eligible,)``.
    follow_up_day, died
        Follow-up of the eligible and whether it ended with death, same shape.
    """

    cxcr4_high: BoolArray
    n: IntArray
    advanced: BoolArray
    high: BoolArray
    follow_up_day: FloatArray
    died: BoolArray


def series(ctx: CheckContext) -> Series:
    """Return the series of this world, the same patients' draws in every world.

    Raises
    ------
    WorldFailedError
        If a fifth of the pairs fail, or fewer than ten are eligible and differ in stain.
    """
    return ctx.once("series", lambda: _series(ctx))


def _series(ctx: CheckContext) -> Series:
    blocks = [_screened(ctx, ()), _screened(ctx, MIRRORED)]
    sound = np.logical_and(*(block.stage != "failed" for block in blocks))
    if sound.mean() < LEAST_SOUND:
        msg = f"{1.0 - sound.mean():.0%} of the pairs have an untreated course that failed."
        raise WorldFailedError(msg)
    stained = [np.asarray(block.covariates["cxcr4_ihc"] == "high") for block in blocks]
    kept = sound & (stained[0] != stained[1])
    eligible = kept & np.logical_and(*(np.isin(block.stage, STAGES) for block in blocks))
    if eligible.sum() < LEAST_PAIRS:
        msg = f"{eligible.sum()} pairs are eligible and differ in stain: too few."
        raise WorldFailedError(msg)
    follow_up, died = _followed(ctx, blocks, np.flatnonzero(eligible).tolist())
    return Series(
        cxcr4_high=np.concatenate([item[kept] for item in stained]),
        n=np.concatenate([np.asarray(block.covariates["n"])[kept] for block in blocks]),
        advanced=np.concatenate(
            [np.isin(block.stage[kept], ("III", "IVA", "IVB")) for block in blocks]
        ),
        high=np.concatenate([item[eligible] for item in stained]),
        follow_up_day=follow_up,
        died=died,
    )


def _screened(ctx: CheckContext, mirrored: tuple[str, ...]) -> Candidates:
    """Return the patients of the series, or their twins with some parameters mirrored."""

    def make() -> Candidates:
        parameters = dict(ctx.knowledge.parameters)
        for name in mirrored:
            row = parameters[name]
            parameters[name] = replace(row, omega=-row.omega)
        return screen(
            ctx.model,
            parameters,
            ctx.theta,
            range(SCREENED),
            engine_named(ctx.engine),
            seed=SERIES_SEED,
        )

    return ctx.once(("screened", mirrored), make)


@dataclass(frozen=True, kw_only=True)
class Specimens:
    """Patients at diagnosis in pairs of twins that stain differently, and what was found in them.

    Attributes
    ----------
    high
        Stained above the cut-off, shape ``(n_patient,)``.
    nodal, advanced, distant
        Visible disease of nodes, stage III or IV, distant founders seen or not, same shape.
    occult_nodes
        Whether cytokeratin shows scattered cells in a node, same shape.
    occult_marrow
        Chance that marrow holds a founder, same shape: few do, and chance alone says which.
    """

    high: BoolArray
    nodal: BoolArray
    advanced: BoolArray
    distant: BoolArray
    occult_nodes: BoolArray
    occult_marrow: FloatArray


def specimens(ctx: CheckContext, *, ligand: bool) -> Specimens:
    """Return the specimens of the series, stained for CXCL12 (`ligand`) or for CXCR4.

    Raises
    ------
    WorldFailedError
        If a fifth of the pairs fail, or fewer than ten differ in stain.
    """
    return ctx.once(("specimens", ligand), lambda: _specimens(ctx, ligand=ligand))


def _specimens(ctx: CheckContext, *, ligand: bool) -> Specimens:
    blocks = [_screened(ctx, ()), _screened(ctx, MIRRORED_LIGAND if ligand else MIRRORED)]
    sound = np.logical_and(*(block.stage != "failed" for block in blocks))
    if sound.mean() < LEAST_SOUND:
        msg = f"{1.0 - sound.mean():.0%} of the pairs have an untreated course that failed."
        raise WorldFailedError(msg)
    stained = [_cxcl12_high(block) if ligand else _cxcr4_high(block) for block in blocks]
    kept = sound & (stained[0] != stained[1])
    if kept.sum() < LEAST_PAIRS:
        msg = f"{kept.sum()} pairs differ in stain: too few."
        raise WorldFailedError(msg)
    found = [_findings(block) for block in blocks]
    marrow = [_marrow_chance(block)[kept] for block in blocks]

    def joined(values: Sequence[BoolArray]) -> BoolArray:
        return np.concatenate([item[kept] for item in values])

    return Specimens(
        high=joined(stained),
        occult_marrow=np.concatenate(marrow),
        **{name: joined([item[name] for item in found]) for name in found[0]},
    )


def _cxcr4_high(block: Candidates) -> BoolArray:
    return np.asarray(block.covariates["cxcr4_ihc"] == "high")


def _cxcl12_high(block: Candidates) -> BoolArray:
    """Return who stains above the median for CXCL12."""
    score = np.asarray(block.covariates["cxcl12_h_score"])
    return np.asarray(score > cutoff_for_share(score, 0.5))


def _findings(block: Candidates) -> dict[str, BoolArray]:
    about = block.covariates
    return {
        "nodal": np.asarray(about["n"]) > 0,
        "advanced": np.isin(block.stage, ("III", "IVA", "IVB")),
        "distant": (np.asarray(about["occult_metastases"]) > 0) | (block.stage == "IVB"),
        "occult_nodes": np.asarray(about["occult_nodes"]) > 0,
    }


def _marrow_chance(block: Candidates) -> FloatArray:
    # Of whom chance chose there are too few to compare: in many worlds none stains low.
    return np.asarray(-np.expm1(-block.diagnosis.patients.column("bone_hazard")))


def _followed(
    ctx: CheckContext, blocks: Sequence[Candidates], eligible: list[int]
) -> tuple[FloatArray, BoolArray]:
    cohort = gather(
        [(block, eligible) for block in blocks],
        screened={"screened": 2 * SCREENED},
        seed=SERIES_SEED,
        theta=ctx.theta,
    )
    drugs = ctx.knowledge.drugs
    plan = ArmPlan(
        id="chemoradiotherapy",
        regimens=tuple((drugs[drug], drugs[drug].regimens[name]) for drug, name in BACKBONE),
    )
    schedule = schedule_of(
        horizon_day=FOLLOW_UP_DAY,
        first_visit_day=FOLLOW_UP_DAY,
        visit_every_day=FOLLOW_UP_DAY,
        pharmacology_until_day=0.0,
    )
    course = simulate_arm(ctx.model, cohort, plan, schedule, engine=ctx.engine)
    death = course.event_day["OS"]
    return np.minimum(death, FOLLOW_UP_DAY), np.isfinite(death)


def odds_ratio(exposed: BoolArray, outcome: BoolArray) -> tuple[float, float, float]:
    """Return the odds ratio of an outcome with exposure and its 95 % interval.

    Half a patient is added to each cell, so that an empty one still gives a number.

    Parameters
    ----------
    exposed, outcome
        Shape ``(n_patient,)``.
    """
    a, b = (exposed & outcome).sum() + 0.5, (exposed & ~outcome).sum() + 0.5
    c, d = (~exposed & outcome).sum() + 0.5, (~exposed & ~outcome).sum() + 0.5
    centre = np.log(a * d / (b * c))
    half = norm.ppf(0.975) * np.sqrt(1 / a + 1 / b + 1 / c + 1 / d)
    low, high = np.exp(centre - half), np.exp(centre + half)
    return float(np.exp(centre)), float(low), float(high)
