"""Prognosis of unselected patients: survival by stage, and what CXCR4 adds to stage.

Candidates are screened without selection, staged, and given the care of their stage: an operation
after chemoradiotherapy (II, III), definitive chemoradiotherapy (IVA) or chemotherapy (IVB). Early
patients are found at the size of a T1 tumour, without visible nodes or spread, and operated on.
Stages 0 and I as pathologists know them are not modelled: depth of invasion is not.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from cxaxis.cohort.population import central_theta
from cxaxis.cohort.sample import Candidates, Cohort, gather, screen
from cxaxis.core.arrays import FloatArray
from cxaxis.core.errors import ModelValueError
from cxaxis.engine.choice import POPULATION, engine_named
from cxaxis.knowledge.drugs import load_drugs
from cxaxis.knowledge.evidence import load_evidence
from cxaxis.knowledge.parameters import load_parameters
from cxaxis.models.build import Model, build
from cxaxis.runs.progress import NullProgress, Progress
from cxaxis.stats.proportions import exact_proportion
from cxaxis.trial.pool import ArmPlan, schedule_of, simulate_arm
from cxaxis.trial.protocol import arm_regimens, read_protocol
from cxaxis.trial.result_schemas import CONCORDANCE
from cxaxis.trial.study_tables import STAGE_MIX, STAGE_SURVIVAL

if TYPE_CHECKING:
    import pandas as pd

HORIZON_DAY: Final = 5 * 365.25
#: A T1 tumour at the operation: the middle of what is called small.
EARLY_MM: Final = 15.0
EARLY: Final = "early, at the size of T1"
ALL: Final = "all stages, as they come"
WEIGHTED: Final = "all stages, at the registry's mix"
#: Stage -> example and arm whose treatment its patients get; no arm for the backbone alone.
CARE: Final[Mapping[str, tuple[str, str | None]]] = {
    EARLY: ("neoadjuvant_cross", "surgery_alone"),
    "II": ("neoadjuvant_cross", "chemoradiotherapy_surgery"),
    "III": ("neoadjuvant_cross", "chemoradiotherapy_surgery"),
    "IVA": ("crt_plerixafor", "control"),
    "IVB": ("first_line_pembrolizumab", None),
}
#: Rows of a registry with the share of each stage, %.
REGISTRY: Final[Mapping[str, tuple[str, ...]]] = {
    EARLY: ("CLI153", "CLI154"),
    "II": ("CLI155",),
    "III": ("CLI156",),
    "IV": ("CLI157",),
}
#: Group -> row with its published five-year survival, %.
PUBLISHED: Final[Mapping[str, str]] = {EARLY: "CLI159", ALL: "CLI158", WEIGHTED: "CLI158"}
LEAST_DEATHS: Final = 10
_CARE_WORDS: Final[Mapping[str, str]] = {
    EARLY: "operation",
    "II": "chemoradiotherapy, operation",
    "III": "chemoradiotherapy, operation",
    "IVA": "definitive chemoradiotherapy",
    "IVB": "cisplatin and fluorouracil",
}


@dataclass(frozen=True, kw_only=True)
class Series:
    """Treated patients.

    Attributes
    ----------
    group
        Stage, or `EARLY`, of each patient, shape ``(n_patient,)``.
    death_day
        Infinite for those alive at five years, same shape.
    score
        H-score of CXCR4, same shape.
    """

    group: np.ndarray
    death_day: FloatArray
    score: FloatArray

    @property
    def alive(self) -> np.ndarray:
        """Who is alive at five years."""
        return ~np.isfinite(self.death_day)

    def where(self, chosen: np.ndarray) -> Series:
        """Return the chosen patients."""
        return Series(
            group=self.group[chosen], death_day=self.death_day[chosen], score=self.score[chosen]
        )


def treated_by_stage(
    model: Model, cohort: Cohort, group: np.ndarray, *, progress: Progress | None = None
) -> Series:
    """Give patients the care of their group and follow them for five years.

    Parameters
    ----------
    model
        The patient model.
    cohort
        The patients.
    group
        Key of `CARE` for each, shape ``(n_patient,)``.
    progress
        Advanced by patients.

    Raises
    ------
    ModelValueError
        If a group has no care.
    """
    unknown = sorted({*group.tolist()} - set(CARE))
    if unknown:
        msg = f"no care is laid down for {', '.join(unknown)}. Known: {', '.join(CARE)}."
        raise ModelValueError(msg)
    bar = progress or NullProgress()
    death = np.full(len(cohort), np.inf)
    for name in dict.fromkeys(group.tolist()):
        here = np.flatnonzero(group == name)
        plan = care_of(name)
        days = () if plan.surgery_day is None else (plan.surgery_day,)
        schedule = schedule_of(
            horizon_day=HORIZON_DAY,
            first_visit_day=84.0,
            visit_every_day=182.0,
            pharmacology_until_day=0.0,
            surgery_days=days,
        )
        course = simulate_arm(model, cohort.rows(here), plan, schedule)
        death[here] = course.event_day["OS"]
        bar.advance(len(here))
    score = np.asarray(cohort.covariates["cxcr4_h_score"], dtype=np.float64)
    sound = ~np.isnan(death)
    return Series(group=group, death_day=death, score=score).where(sound)


def care_of(group: str) -> ArmPlan:
    """Return what patients of a group are given."""
    example, arm_id = CARE[group]
    protocol, drugs = read_protocol(example), load_drugs()
    arm = next((one for one in protocol.arms if one.id == arm_id), protocol.arms[0])
    if arm_id is None:
        arm = arm.model_copy(update={"regimens": ()})
    return ArmPlan(id=group, regimens=arm_regimens(protocol, arm, drugs))


def prognosis_tables(
    n: int,
    *,
    seed: int,
    cohort: Cohort | None = None,
    progress: Progress | None = None,
    n_boot: int = 200,
) -> dict[str, pd.DataFrame]:
    """Return survival by stage, the stage mix, and the concordance of CXCR4 and stage, by name.

    Parameters
    ----------
    n
        Candidates of all stages, and as many early ones, at least 1; of no meaning with a cohort.
    seed
        Of all streams.
    cohort
        Patients to treat in place of sampled ones; then there are neither early patients nor a
        registry's mix.
    progress
        Advanced by patients treated.
    n_boot
        Replicates of the concordance's intervals.

    Raises
    ------
    ModelValueError
        If ``n`` is below 1.
    """
    if n < 1:
        msg = f"a study needs at least 1 patient, got {n}."
        raise ModelValueError(msg)
    model = build("patient", load_parameters())
    if cohort is not None:
        stage = np.asarray(cohort.covariates["stage"]).astype(object)
        series = treated_by_stage(model, cohort, stage, progress=progress)
        return _tables(series, None, stage, seed=seed, n_boot=n_boot)
    block = _candidates(model, n, seed=seed, early=False)
    found = np.flatnonzero(block.stage != "failed")
    everybody = gather(
        [(block, found.tolist())],
        screened={"screened": n},
        seed=seed,
        theta=central_theta(load_parameters()),
    )
    series = treated_by_stage(
        model, everybody, block.stage[found].astype(object), progress=progress
    )
    small = _candidates(model, n, seed=seed, early=True)
    # T2 without visible nodes or spread is the smallest stage there is.
    chosen = np.flatnonzero((small.stage == "II") & (np.asarray(small.covariates["n"]) == 0))
    early = None
    if progress is not None:
        progress.advance(n - len(chosen))
    if len(chosen):
        cohort_early = gather(
            [(small, chosen.tolist())],
            screened={"screened": n},
            seed=seed,
            theta=central_theta(load_parameters()),
        )
        group = np.full(len(chosen), EARLY, dtype=object)
        early = treated_by_stage(model, cohort_early, group, progress=progress)
    return _tables(series, early, block.stage[found], seed=seed, n_boot=n_boot)


def _candidates(model: Model, n: int, *, seed: int, early: bool) -> Candidates:
    rows = load_parameters()
    theta = central_theta(rows)
    if early:
        theta |= {"share_t2": 1.0, "share_t3": 0.0, "diameter_t2": EARLY_MM}
    return screen(model, rows, theta, range(n), engine_named(POPULATION), seed=seed)


def _tables(
    series: Series, early: Series | None, stages: np.ndarray, *, seed: int, n_boot: int
) -> dict[str, pd.DataFrame]:
    import pandas as pd

    shares = registry_shares()
    found = {
        STAGE_SURVIVAL.name: _survival_rows(series, early, shares),
        STAGE_MIX.name: _mix_rows(stages, shares),
        CONCORDANCE.name: _concordance_rows(series, seed=seed, n_boot=n_boot),
    }
    schemas = (STAGE_SURVIVAL, STAGE_MIX, CONCORDANCE)
    return {
        schema.name: pd.DataFrame(found[schema.name], columns=list(schema.column_names)).astype(
            {c.name: float for c in schema.columns if c.type == "float64"}
        )
        for schema in schemas
    }


def registry_shares() -> dict[str, float]:
    """Return the share of each stage among the staged patients of the registry."""
    rows = load_evidence()
    percent = {group: sum(float(rows[i].value) for i in ids) for group, ids in REGISTRY.items()}
    return {group: value / sum(percent.values()) for group, value in percent.items()}


def _survival_rows(
    series: Series, early: Series | None, shares: Mapping[str, float]
) -> list[tuple[Any, ...]]:
    groups = {} if early is None else {EARLY: early.alive}
    groups[ALL] = series.alive
    for stage in ("II", "III", "IVA", "IVB"):
        here = series.group == stage
        if here.any():
            groups[stage] = series.alive[here]
    rows: list[tuple[Any, ...]] = []
    for name, alive in groups.items():
        share = exact_proportion(int(alive.sum()), len(alive))
        care = _CARE_WORDS.get(name, "by stage")
        rows.append((name, care, len(alive), share.share, share.low, share.high, *_published(name)))
    weighted = _weighted(groups, series.group, shares)
    if weighted is not None:
        rows.append((WEIGHTED, "by stage", 0, *weighted, *_published(WEIGHTED)))
    return rows


def _weighted(
    groups: Mapping[str, np.ndarray], stages: np.ndarray, shares: Mapping[str, float]
) -> tuple[float, float, float] | None:
    """Return the survival at the registry's mix with a normal interval, None if a stage lacks."""
    four = np.isin(stages, ["IVA", "IVB"])
    if not four.any():
        return None
    parts = {name: groups.get(name) for name in (EARLY, "II", "III")}
    parts["IV"] = np.concatenate([groups[s] for s in ("IVA", "IVB") if s in groups])
    mean = variance = 0.0
    for name, alive in parts.items():
        if alive is None:
            return None
        p = float(alive.mean())
        mean += shares[name] * p
        variance += shares[name] ** 2 * p * (1.0 - p) / len(alive)
    half = 1.959963984540054 * variance**0.5
    return mean, max(0.0, mean - half), min(1.0, mean + half)


def _published(group: str) -> tuple[float | None, str]:
    if group not in PUBLISHED:
        return None, ""
    row = load_evidence()[PUBLISHED[group]]
    return float(row.value) / 100.0, f"{row.id}: {row.quantity}, {row.system} ({row.role})"


def _mix_rows(stages: np.ndarray, shares: Mapping[str, float]) -> list[tuple[Any, ...]]:
    known = stages[stages != "failed"]
    rows: list[tuple[Any, ...]] = []
    for name, share in shares.items():
        n = int(np.isin(known, ["IVA", "IVB"] if name == "IV" else [name]).sum())
        label = "0 and I" if name == EARLY else name
        rows.append((label, n, n / len(known), share, ", ".join(REGISTRY[name])))
    return rows


def _concordance_rows(series: Series, *, seed: int, n_boot: int) -> list[tuple[Any, ...]]:
    from cxaxis.stats.concordance import concordance_with_stage

    event = ~series.alive
    if int(event.sum()) < LEAST_DEATHS or len(np.unique(series.group)) < 2:
        return []
    try:
        found = concordance_with_stage(
            np.minimum(series.death_day, HORIZON_DAY),
            event,
            series.score,
            series.group.astype(str),
            seed=seed,
            purpose="prognosis/CXCR4H",
            n_boot=n_boot,
        )
    except ModelValueError:
        # Too few of a stage for a Cox model; survival is told all the same.
        return []
    models = {
        "marker": found.score,
        "stage": found.stage,
        "both": found.score_with_stage,
        "gain": found.gain,
    }
    about = (len(event), int(event.sum()))
    return [
        ("OS", ALL, "CXCR4H", name, one.estimate, one.low, one.high, *about)
        for name, one in models.items()
    ]
