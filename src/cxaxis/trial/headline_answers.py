"""What the headline grid answers: for each agent beside each backbone, and how sure that is.

The spread over draws holds all that is not known: parameters, wiring, causal share, and the few
patients that each draw was given. Nothing here is corrected for the number of agents.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
from scipy.special import logit
from scipy.stats import rankdata

from cxaxis.cohort.population import Theta, agent_rows
from cxaxis.core.arrays import FloatArray
from cxaxis.core.errors import ModelValueError
from cxaxis.knowledge.drugs import load_drugs
from cxaxis.knowledge.parameters import Parameter, load_parameters
from cxaxis.models.build import build
from cxaxis.stats.bootstrap import resampled_patients
from cxaxis.stats.information_value import InputValue, information_value
from cxaxis.stats.nested_variance import NestedVariance, nested_variance, shrunk_draws
from cxaxis.trial.assurance import TrialSize, wiring_switches
from cxaxis.trial.headline import ENDPOINTS
from cxaxis.trial.headline_plan import (
    AgentArm,
    BackbonePlan,
    HeadlinePlan,
    Source,
    population,
    posterior_values,
)

if TYPE_CHECKING:
    import pandas as pd

PHI_SHOWN: Final = (0.0, 0.25, 0.5, 1.0)
TRIAL_PATIENTS: Final = 400
LEAST_DRAWS: Final = 12
#: A posterior wider than this share of the prior has learnt nothing.
NOT_LEARNED: Final = 0.9
#: An input counts as found if one of all would explain as much by chance this rarely.
FOUND_LEVEL: Final = 0.05
MOST_INPUTS: Final = 5
PRIOR_DOMINATED: Final = "prior-dominated"
CLASS_INCONSISTENT: Final = "class-inconsistent"
TOO_FEW: Final = "too few draws"
#: What `cxaxis.trial.replay_class` stamps the class with where its replays fail.
INCONSISTENT: Final = "inconsistent"
#: What decides who enters and what visits show, of the rows that no model has.
SCREENING: Final = (
    *("share_male", "body_height", "share_t2", "share_t3", "node_visible_diameter"),
    *("diameter_t2", "diameter_t3", "diameter_t4"),
    *("recist_reading_noise", "node_short_axis_at_rest"),
)
_PERMUTATIONS: Final = 500
_BOOTSTRAPS: Final = 300
_LIMITS: Final = (0.025, 0.975)
#: No trial plans for fewer events than this share of its control arm.
_LEAST_SHARE: Final = 1e-6


@dataclass(frozen=True, kw_only=True)
class AtPhi:
    """Hazard ratio of populations with one causal share.

    Attributes
    ----------
    phi
        Causal share.
    hr
        Median over populations.
    low, high
        95 % limits of populations.
    mean_low, mean_high
        95 % limits of the median, which draws without end would close.
    """

    phi: float
    hr: float
    low: float
    high: float
    mean_low: float
    mean_high: float


@dataclass(frozen=True, kw_only=True)
class TrialChance:
    """Chance that a trial finds a benefit, and its standard error from the number of draws."""

    probability: float
    error: float


@dataclass(frozen=True, kw_only=True)
class EndpointAnswer:
    """The answer for one end point.

    Attributes
    ----------
    code
        ``OS`` or ``DMFS``.
    n, undefined
        Draws with a ratio, and without one.
    hr, low, high
        Median and 95 % limits of the hazard ratio over draws, the sampling of their few patients
        included; not a number with too few draws.
    benefit
        Share of draws with a ratio below 1.
    by_phi
        At `PHI_SHOWN`; empty with too few draws.
    slope, slope_low, slope_high
        Change of log HR from causal share 0 to 1, with 95 % limits.
    split
        Variance of log HR; None with too few draws.
    assurance
        Chance that a trial of `TRIAL_PATIENTS` finds a benefit; None with too few draws.
    event_share
        Share of control patients expected to have the event, mean over draws.
    """

    code: str
    n: int
    undefined: int
    hr: float
    low: float
    high: float
    benefit: float
    by_phi: tuple[AtPhi, ...]
    slope: float
    slope_low: float
    slope_high: float
    split: NestedVariance | None
    assurance: TrialChance | None
    event_share: float


@dataclass(frozen=True, kw_only=True)
class Answer:
    """One agent on one regimen beside one backbone.

    Attributes
    ----------
    backbone
        Id.
    arm
        Agent and regimen.
    endpoints
        By code.
    rests_on
        Inputs that explain most of the rank of log HR of OS over draws, at most `MOST_INPUTS`.
    found
        Whether those stand out of what chance finds among so many inputs; else they are the
        highest, and may be chance.
    flags
        Why the row is not ranked; empty where it is.
    """

    backbone: str
    arm: AgentArm
    endpoints: Mapping[str, EndpointAnswer]
    rests_on: tuple[InputValue, ...]
    found: bool
    flags: tuple[str, ...]


def answers(
    rows: pd.DataFrame, plan: HeadlinePlan, *, class_stamp: str = "not run"
) -> tuple[Answer, ...]:
    """Return the answer of every arm, by backbone in the order of the plan.

    Parameters
    ----------
    rows
        Of every cell of the grid.
    plan
        The grid.
    class_stamp
        What replays of published trials say of the class: ``consistent``, ``inconsistent`` or
        ``not run``.
    """
    draws = sorted({int(draw) for draw in rows["DRAW"]})
    thetas = {draw: population(plan.source, seed=plan.seed, draw=draw) for draw in draws}
    learnt = learnt_parameters(plan.source)
    found = []
    for here in plan.backbones:
        for arm in here.arms:
            part = rows[(rows["BACKBONE"] == here.id) & (rows["ARM"] == arm.plan.id)]
            found.append(
                _answer(part, here, arm, thetas, learnt, class_stamp=class_stamp, seed=plan.seed)
            )
    return tuple(found)


def ranked(items: Iterable[Answer]) -> tuple[Answer, ...]:
    """Return the answers without a flag, lowest hazard ratio of OS first."""
    return tuple(
        sorted((item for item in items if not item.flags), key=lambda item: item.endpoints["OS"].hr)
    )


def sd_ratios(source: Source) -> dict[str, float]:
    """Return how wide each fitted parameter still is, as a share of its prior's spread.

    Standard deviations on the row's own scale. Empty for the prior: nothing was fitted.
    """
    values, rows = posterior_values(source), load_parameters()
    names = sorted(set().union(*values.values())) if values else []
    return {
        name: float(
            np.std([_on_scale(rows[name], draw[name]) for draw in values.values()], ddof=1)
            / rows[name].widened_spread
        )
        for name in names
        if rows[name].widened_spread > 0
    }


def learnt_parameters(source: Source) -> frozenset[str]:
    """Return the parameters of which the source knows more than the prior did."""
    return frozenset(name for name, ratio in sd_ratios(source).items() if ratio <= NOT_LEARNED)


def flags_of(
    rests_on: Sequence[InputValue], learnt: frozenset[str], *, class_stamp: str
) -> tuple[str, ...]:
    """Return why an answer is not ranked.

    Parameters
    ----------
    rests_on
        What explains most of its spread.
    learnt
        Parameters that data narrowed. A mechanism and the causal share never are.
    class_stamp
        See `answers`.

    Returns
    -------
    `PRIOR_DOMINATED` unless more than half of what these explain belongs to ``learnt``;
    `CLASS_INCONSISTENT` if the class failed its replays.
    """
    whole = sum(item.share for item in rests_on)
    known = sum(item.share for item in rests_on if item.name in learnt)
    flags = [] if whole > 0 and known > whole / 2.0 else [PRIOR_DOMINATED]
    return (*flags, CLASS_INCONSISTENT) if class_stamp == INCONSISTENT else tuple(flags)


def _on_scale(row: Parameter, value: float) -> float:
    if row.scale == "log":
        return float(np.log(value))
    return float(logit(value)) if row.scale == "logit" else value


def _answer(
    part: pd.DataFrame,
    here: BackbonePlan,
    arm: AgentArm,
    thetas: Mapping[int, Theta],
    learnt: frozenset[str],
    *,
    class_stamp: str,
    seed: int,
) -> Answer:
    endpoints = {code: endpoint_answer(part, code, seed=seed) for code in ENDPOINTS}
    known = part[np.isfinite(part["OS_LOGHR"].to_numpy(dtype=np.float64))]
    inputs: tuple[InputValue, ...] = ()
    if len(known) >= LEAST_DRAWS:
        chosen = [thetas[int(draw)] for draw in known["DRAW"]]
        value = information_value(
            # Ranks: a few populations in which hardly anyone dies would decide alone.
            rankdata(known["OS_LOGHR"]),
            {name: [theta[name] for theta in chosen] for name in inputs_of(here, arm)},
            wiring_switches(known["WIRING"]),
            target=0.0,
            within_variance=0.0,
            seed=seed,
            n_permutation=_PERMUTATIONS,
        )
        inputs = tuple(item for item in value.inputs if item.share > 0)
    found = tuple(item for item in inputs if item.p_any < FOUND_LEVEL)
    rests_on = (found or inputs)[:MOST_INPUTS]
    flags = flags_of(rests_on, learnt, class_stamp=class_stamp)
    if len(known) < LEAST_DRAWS:
        flags = (TOO_FEW, *flags)
    return Answer(
        backbone=here.id,
        arm=arm,
        endpoints=endpoints,
        rests_on=rests_on,
        found=bool(found),
        flags=flags,
    )


def inputs_of(here: BackbonePlan, arm: AgentArm) -> tuple[str, ...]:
    """Return the uncertain parameters that can reach an answer: of patients, sizes and drugs.

    What other drugs or assays alone depend on is drawn as well, and would stand among the highest
    by chance.
    """
    rows, model = load_parameters(), build("patient")
    given = [*here.control.drugs, *arm.plan.drugs]
    names = {*model.bindings.values(), *SCREENING, *agent_rows(model, rows, given).values()}
    absent = tuple(f"_{name}" for name in set(load_drugs()) - {drug.id for drug in given})
    return tuple(sorted(name for name in names if name in rows and not name.endswith(absent)))


def endpoint_answer(part: pd.DataFrame, code: str, *, seed: int) -> EndpointAnswer:
    """Return the answer for one end point from the rows of one arm beside one backbone.

    Parameters
    ----------
    part
        One row a draw.
    code
        One of `cxaxis.trial.headline.ENDPOINTS`.
    seed
        Of the bootstrap over draws.
    """
    every = part[f"{code}_LOGHR"].to_numpy(dtype=np.float64)
    known = part[np.isfinite(every)]
    log_hr = every[np.isfinite(every)]
    n = len(log_hr)
    limits = np.full(3, np.nan)
    by_phi: tuple[AtPhi, ...] = ()
    slope = (np.nan, np.nan, np.nan)
    split = chance = None
    share = float(known[f"{code}_EVENTS"].mean()) if n else np.nan
    if n >= LEAST_DRAWS:
        limits = np.exp(np.quantile(log_hr, [0.5, 0.025, 0.975]))
        by_phi, slope = on_phi(known["PHI"].to_numpy(dtype=np.float64), log_hr, seed=seed)
        within = known[f"{code}_SE"].to_numpy(dtype=np.float64) ** 2
        split = nested_variance(log_hr, known["WIRING"], within_variance=np.nan_to_num(within))
        chance = chance_of(
            log_hr,
            known[f"{code}_EVENTS"].to_numpy(dtype=np.float64),
            within_variance=_within(known, code),
        )
    return EndpointAnswer(
        code=code,
        n=n,
        undefined=len(every) - n,
        hr=float(limits[0]),
        low=float(limits[1]),
        high=float(limits[2]),
        benefit=float((log_hr < 0).mean()) if n else np.nan,
        by_phi=by_phi,
        slope=slope[0],
        slope_low=slope[1],
        slope_high=slope[2],
        split=split,
        assurance=chance,
        event_share=share,
    )


def _within(known: pd.DataFrame, code: str) -> float:
    errors = known[f"{code}_SE"].to_numpy(dtype=np.float64)
    return float(np.nanmean(errors**2)) if np.isfinite(errors).any() else 0.0


def on_phi(
    phi: FloatArray, log_hr: FloatArray, *, seed: int
) -> tuple[tuple[AtPhi, ...], tuple[float, float, float]]:
    """Return hazard ratios at `PHI_SHOWN` and the slope with its limits.

    Median of the slopes between draws (Theil and Sen), since a few populations in which hardly
    anyone dies have ratios far from 1. Limits of populations are those of what the line leaves
    over; those of the line are percentiles of a bootstrap over draws.

    Parameters
    ----------
    phi, log_hr
        Of each draw, shape ``(n_draw,)``.
    seed
        Of the bootstrap.

    Raises
    ------
    ModelValueError
        With fewer than three draws.
    """
    from scipy.stats import theilslopes

    if len(phi) < 3:
        msg = f"a regression needs three draws, got {len(phi)}."
        raise ModelValueError(msg)
    places = np.array(PHI_SHOWN)

    def line(chosen: slice | np.ndarray) -> tuple[float, FloatArray]:
        # Its own limits, which are not used, have no meaning where many values are equal.
        with np.errstate(invalid="ignore"):
            slope = float(theilslopes(log_hr[chosen], phi[chosen]).slope)
        return slope, np.median(log_hr[chosen] - slope * phi[chosen]) + slope * places

    slope, middle = line(slice(None))
    left = log_hr - (middle[0] + slope * phi)
    low, high = np.quantile(left, _LIMITS)
    copies = resampled_patients(len(phi), n_boot=_BOOTSTRAPS, seed=seed, purpose="headline_phi")
    again = [line(chosen) for chosen in copies]
    steep_low, steep_high = np.quantile([item for item, _ in again], _LIMITS)
    mean_low, mean_high = np.quantile([item for _, item in again], _LIMITS, axis=0)
    found = tuple(
        AtPhi(
            phi=share,
            hr=float(np.exp(middle[k])),
            low=float(np.exp(middle[k] + low)),
            high=float(np.exp(middle[k] + high)),
            mean_low=float(np.exp(mean_low[k])),
            mean_high=float(np.exp(mean_high[k])),
        )
        for k, share in enumerate(PHI_SHOWN)
    )
    return found, (slope, float(steep_low), float(steep_high))


def chance_of(
    log_hr: FloatArray, event_share: FloatArray, *, within_variance: float
) -> TrialChance:
    """Return the chance that a trial of `TRIAL_PATIENTS` finds a benefit.

    Schoenfeld's power in each population, with the events of its own control arm; draws are
    pulled towards their mean until the sampling of their patients adds nothing to their spread.

    Parameters
    ----------
    log_hr, event_share
        Of each draw, and the share of its control patients with the event, in [0, 1]; shape
        ``(n_draw,)``.
    within_variance
        Sampling variance of the former, at least 0.
    """
    effects = shrunk_draws(log_hr, within_variance=within_variance)
    sizes = [
        TrialSize(
            n_patient=TRIAL_PATIENTS,
            treated_share=0.5,
            control_event_share=float(np.clip(share, _LEAST_SHARE, 1.0)),
        )
        for share in event_share
    ]
    power = np.array([float(size.power(x)) for size, x in zip(sizes, effects, strict=True)])
    return TrialChance(
        probability=float(power.mean()),
        error=float(power.std(ddof=1) / np.sqrt(len(power))),
    )
