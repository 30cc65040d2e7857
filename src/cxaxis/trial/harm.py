"""The chance that an agent beside a backbone costs lives, before any trial has been seen.

Populations are drawn from what is not known: parameters from their spreads, harm mechanisms by
their prior weights. In each, the same patients are followed under control and under every agent;
what comes of it is counterfactual. Nothing makes an agent help.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
from scipy.special import exprel

from cxaxis.cohort.population import draw_theta
from cxaxis.cohort.sample import ScreeningError, sample_eligible
from cxaxis.cohort.settings import LOCALLY_ADVANCED
from cxaxis.core.arrays import BoolArray, FloatArray
from cxaxis.core.streams import SEED_LIMIT, rng_for
from cxaxis.knowledge.parameters import load_parameters
from cxaxis.models.wiring import PATIENT_WIRINGS
from cxaxis.stats.bootstrap import resampled_patients
from cxaxis.stats.proportions import exact_proportion
from cxaxis.trial.harm_plan import HarmPlan
from cxaxis.trial.pool import ArmCourse, ArmPlan, simulate_arm
from cxaxis.trial.rival_mechanisms import (
    patient_wiring,
    switch_rows,
    switch_values,
    switched_model,
)
from cxaxis.trial.sightings import HAZARDS
from cxaxis.trial.uncertainty import options_text

if TYPE_CHECKING:
    import pandas as pd

TREATMENT: Final = "treatment"
#: A ratio this close to 1 is read as no difference.
NEAR: Final = 0.01
BOOTSTRAPS: Final = 200
LEVELS: Final = (0.025, 0.1, 0.5, 0.9, 0.975)


@dataclass(frozen=True, kw_only=True)
class Outlook:
    """What awaits patients under one arm, the chance of the moment of death averaged out.

    Attributes
    ----------
    deaths
        Chance to die before the end of follow-up, shape ``(n_patient,)``; not a number where the
        simulation failed.
    person_days
        Days expected alive until then, same shape.
    """

    deaths: FloatArray
    person_days: FloatArray


def outlook_of(times_day: FloatArray, hazard: FloatArray) -> Outlook:
    """Return the outlook of patients with these accumulated hazards.

    A patient dies when the hazard passes an exponential draw of mean 1, so that ``exp(-hazard)``
    is the chance to be alive. Between readings the hazard is taken to rise evenly.

    Parameters
    ----------
    times_day
        Ascending, shape ``(n_time,)``.
    hazard
        Shape ``(n_patient, n_time)``, non-decreasing.
    """
    steps = np.diff(times_day)
    alive = np.exp(-hazard)
    days = alive[:, :-1] * exprel(-np.diff(hazard, axis=1)) * steps
    return Outlook(deaths=1.0 - alive[:, -1], person_days=np.asarray(days.sum(axis=1)))


def log_ratio(control: Outlook, treated: Outlook, copies: np.ndarray | None = None) -> FloatArray:
    """Return the log ratio of death rates, treated over control, of the same patients.

    The rate is expected deaths per expected person-time: what
    `cxaxis.stats.bootstrap.log_rate_ratios` comes to over many draws of the day of death.

    Parameters
    ----------
    copies
        Positions of the patients of each replicate, shape ``(n_replicate, n)``; everyone once if
        omitted.

    Returns
    -------
    Shape ``(n_replicate,)``; not a number where an arm has no chance of death. Equal arms give
    exactly 0.
    """
    chosen = np.arange(len(control.deaths))[np.newaxis] if copies is None else copies
    with np.errstate(divide="ignore", invalid="ignore"):
        first, second = (
            np.log(arm.deaths[chosen].sum(axis=1)) - np.log(arm.person_days[chosen].sum(axis=1))
            for arm in (control, treated)
        )
        ratio = second - first
    return np.where(np.isfinite(ratio), ratio, np.nan)


def harm_rows(plan: HarmPlan, draw: int) -> pd.DataFrame:
    """Return the log death-rate ratio of every agent in one drawn population.

    Columns as in `cxaxis.trial.harm_run.HARM`. A population without enough eligible patients
    gives no number; patients whose simulation failed are left out of the pair of arms.
    """
    import pandas as pd

    wiring = patient_wiring(seed=plan.seed, draw=draw, options=plan.options)
    model, rows = switched_model(), load_parameters()
    drawn = draw_theta(rows, seed=plan.seed, draw=draw)
    theta = {**drawn, **plan.fixed, **switch_values(wiring)}
    found: dict[str, tuple[float, float, float, float, int]] = {}
    try:
        cohort = sample_eligible(
            model,
            {**rows, **switch_rows()},
            theta,
            plan.n_patient,
            # New patients in every draw: else all draws would share the luck of a dozen.
            seed=int(rng_for(plan.seed, "harm_patients", draw).integers(SEED_LIMIT)),
            setting=LOCALLY_ADVANCED,
            tolerances=plan.tolerances,
            engine=plan.engine,
        )
    except ScreeningError:
        cohort = None
    if cohort is not None:

        def under(arm: ArmPlan) -> _Followed:
            return _followed(
                simulate_arm(
                    model,
                    cohort,
                    arm,
                    plan.schedule,
                    tolerances=plan.tolerances,
                    engine=plan.engine,
                )
            )

        control = under(plan.control)
        for arm in plan.arms:
            found[arm.id] = _compared(control, under(arm), seed=plan.seed, draw=draw)
    nothing = (np.nan, np.nan, np.nan, np.nan, 0)
    about = (theta["phi"], options_text(wiring))
    return pd.DataFrame(
        [(draw, arm.id, *about, *found.get(arm.id, nothing)) for arm in plan.arms],
        columns=["DRAW", "ARM", "PHI", "WIRING", "LOGHR", "SE", "LOGHR_ASIDE", "DEATHS", "NPAT"],
    )


@dataclass(frozen=True, kw_only=True)
class _Followed:
    """Outlook of patients, the same if nobody died of treatment, and who was simulated."""

    whole: Outlook
    aside: Outlook
    sound: BoolArray


def _followed(course: ArmCourse) -> _Followed:
    times = course.schedule.times_day

    def outlook(causes: Iterable[str]) -> Outlook:
        names = [name for cause in causes for name in HAZARDS[cause]]
        parts = (course.result.of(name) for name in names)
        return outlook_of(times, np.asarray(sum(parts), dtype=float))

    return _Followed(
        whole=outlook(HAZARDS),
        aside=outlook([cause for cause in HAZARDS if cause != TREATMENT]),
        sound=np.array([not item.outcome.is_failure for item in course.result.outcomes]),
    )


def _compared(
    control: _Followed, treated: _Followed, *, seed: int, draw: int
) -> tuple[float, float, float, float, int]:
    """Return what stands in columns LOGHR, SE, LOGHR_ASIDE, DEATHS and NPAT."""
    patients = np.flatnonzero(control.sound & treated.sound)
    n = len(patients)
    if n == 0:
        return np.nan, np.nan, np.nan, np.nan, 0
    everyone = patients[np.newaxis]
    error = np.nan
    if n > 1:
        # The same for every agent, so that agents differ by what they do.
        copies = resampled_patients(n, n_boot=BOOTSTRAPS, seed=seed, purpose=f"harm/{draw}")
        error = float(np.std(log_ratio(control.whole, treated.whole, patients[copies]), ddof=1))
    return (
        float(log_ratio(control.whole, treated.whole, everyone)[0]),
        error,
        float(log_ratio(control.aside, treated.aside, everyone)[0]),
        float(control.whole.deaths[patients].mean()),
        n,
    )


@dataclass(frozen=True, kw_only=True)
class HarmSummary:
    """The prior-predictive death-rate ratio of one agent.

    Attributes
    ----------
    agent
        Id.
    n, undefined
        Draws with a ratio, and without one.
    harmful
        Draws with a ratio above 1.
    p_harm, error
        Their share, and its standard error over draws; not a number without draws.
    p_low, p_high
        Exact 95 % interval of the share.
    p_aside
        Share of draws with a ratio above 1 if nobody died of treatment in either arm.
    near
        Share of draws whose ratio is within `NEAR` of 1.
    quantiles
        Ratio at `LEVELS`.
    patients_share
        Share of the variance of the log ratio that comes from having few patients in each draw.
    on_if_harmful
        Share of the harmful draws in which each harm mechanism is on; not a number without any.
    on
        The same among all draws with a ratio.
    """

    agent: str
    n: int
    undefined: int
    harmful: int
    p_harm: float
    error: float
    p_low: float
    p_high: float
    p_aside: float
    near: float
    quantiles: FloatArray
    patients_share: float
    on_if_harmful: Mapping[str, float]
    on: Mapping[str, float]


def summarised(rows: pd.DataFrame) -> tuple[HarmSummary, ...]:
    """Return one summary an agent, in the order of the rows."""
    return tuple(_summary(str(arm), part) for arm, part in rows.groupby("ARM", sort=False))


def _summary(agent: str, part: pd.DataFrame) -> HarmSummary:
    ratios = part["LOGHR"].to_numpy(dtype=np.float64)
    defined = np.isfinite(ratios)
    log_hr, n = ratios[defined], int(defined.sum())
    harmful = log_hr > 0.0
    wirings = [set(text.split(", ")) for text in part["WIRING"][defined]]
    on = {
        name: np.array([f"{name}=on" in chosen for chosen in wirings], dtype=bool)
        for name in PATIENT_WIRINGS
    }
    spread = float(np.var(log_hr, ddof=1)) if n > 1 else np.nan
    within = part["SE"].to_numpy(dtype=np.float64)[defined]
    known = np.isfinite(within)
    few = np.nan
    if spread > 0 and known.any():
        few = min(1.0, float(np.mean(within[known] ** 2)) / spread)
    p_harm, limits = np.nan, (np.nan, np.nan)
    if n:
        found = exact_proportion(int(harmful.sum()), n)
        p_harm, limits = found.share, (found.low, found.high)
    return HarmSummary(
        agent=agent,
        n=n,
        undefined=len(ratios) - n,
        harmful=int(harmful.sum()),
        p_harm=p_harm,
        error=float(np.sqrt(p_harm * (1.0 - p_harm) / n)) if n else np.nan,
        p_low=limits[0],
        p_high=limits[1],
        p_aside=_share(part["LOGHR_ASIDE"].to_numpy(dtype=np.float64)[defined] > 0.0),
        near=_share(np.abs(np.expm1(log_hr)) <= NEAR),
        quantiles=np.exp(np.quantile(log_hr, LEVELS)) if n else np.full(len(LEVELS), np.nan),
        patients_share=few,
        on_if_harmful={name: _share(flags[harmful]) for name, flags in on.items()},
        on={name: _share(flags) for name, flags in on.items()},
    )


def _share(flags: BoolArray | np.ndarray) -> float:
    return float(np.mean(flags)) if len(flags) else float("nan")
