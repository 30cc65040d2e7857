"""Studies pooled: fixed and random effects and heterogeneity, thin over statsmodels.

All computations are on the log hazard ratio. The random-effects interval is that of Hartung
and Knapp, never narrower than the usual variance would make it: with few studies that happen
to agree, the plain version claims more than the studies can know.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal

import numpy as np
from scipy.stats import chi2
from scipy.stats import t as student
from statsmodels.stats.meta_analysis import combine_effects

from cxaxis.core.errors import ModelValueError
from cxaxis.stats.study_effects import StudyEffect, normal_quantile

TauMethod = Literal["paule_mandel", "dersimonian_laird"]
IntervalMethod = Literal["normal", "hartung_knapp"]

_STATSMODELS_NAME: Final[dict[TauMethod, str]] = {"paule_mandel": "pm", "dersimonian_laird": "dl"}


@dataclass(frozen=True, kw_only=True)
class Pooled:
    """A pooled hazard ratio.

    Attributes
    ----------
    ratio, low, high
        Hazard ratio and limits.
    log_ratio, se
        The same on the log scale; `se` is the one the interval was made with.
    tau2
        Variance between studies on the log scale, 0 for a fixed effect.
    weights
        Share of each study in the pooled value, in the order given; they add up to 1.
    interval
        ``normal`` or ``hartung_knapp`` (Student's t on one degree less than studies).
    level
        Confidence level.
    """

    ratio: float
    low: float
    high: float
    log_ratio: float
    se: float
    tau2: float
    weights: tuple[float, ...]
    interval: IntervalMethod
    level: float


@dataclass(frozen=True, kw_only=True)
class Heterogeneity:
    """How far the studies disagree beyond chance.

    Attributes
    ----------
    q
        Cochran's statistic.
    df
        Its degrees of freedom, one less than studies.
    p_value
        Of `q` if all studies shared one effect; 1 for a single study.
    i2
        Share of the variation that is not chance, in [0, 1).
    tau2
        Variance between studies by Paule and Mandel.
    tau2_dersimonian_laird
        The same by DerSimonian and Laird.
    """

    q: float
    df: int
    p_value: float
    i2: float
    tau2: float
    tau2_dersimonian_laird: float


@dataclass(frozen=True, kw_only=True)
class MetaAnalysis:
    """Studies pooled both ways.

    Attributes
    ----------
    studies
        What was pooled.
    fixed
        One common effect, normal interval.
    random
        Effects that differ, Paule-Mandel variance, Hartung-Knapp interval (normal for a single
        study).
    random_dersimonian_laird
        The older version with a normal interval, for comparison with published pools.
    heterogeneity
        How far the studies disagree.
    prediction
        Limits for the hazard ratio of a further study (Higgins 2009), None below three studies.
    """

    studies: tuple[StudyEffect, ...]
    fixed: Pooled
    random: Pooled
    random_dersimonian_laird: Pooled
    heterogeneity: Heterogeneity
    prediction: tuple[float, float] | None


def pool(studies: Sequence[StudyEffect], *, level: float = 0.95) -> MetaAnalysis:
    """Return the fixed and the random-effects pool of the studies.

    Parameters
    ----------
    studies
        At least one; labels differ. Pooled values of others do not belong here: they share
        patients with the studies and with each other.
    level
        Confidence level, in (0, 1).

    Raises
    ------
    ModelValueError
        If there is no study, a label stands twice, or the level is no level.
    """
    _require_distinct(studies)
    reach = normal_quantile(level)
    if len(studies) == 1:
        alone = _pooled(studies[0].log_ratio, studies[0].se, reach, 0.0, (1.0,), "normal", level)
        return MetaAnalysis(
            studies=tuple(studies),
            fixed=alone,
            random=alone,
            random_dersimonian_laird=alone,
            heterogeneity=Heterogeneity(
                q=0.0, df=0, p_value=1.0, i2=0.0, tau2=0.0, tau2_dersimonian_laird=0.0
            ),
            prediction=None,
        )
    by_method = {method: _combined(studies, method) for method in _STATSMODELS_NAME}
    modern, older = by_method["paule_mandel"], by_method["dersimonian_laird"]
    fixed = _pooled(
        modern.mean_effect_fe, modern.sd_eff_w_fe, reach, 0.0, modern.weights_rel_fe,
        "normal", level,
    )  # fmt: skip
    df = len(studies) - 1
    modern_tau2, older_tau2 = _tau2(modern), _tau2(older)
    mean, se, weights = _random_mean(studies, modern_tau2)
    spread = math.sqrt(
        sum(
            weight * (study.log_ratio - mean) ** 2
            for weight, study in zip(weights, studies, strict=True)
        )
        / df
    )
    random = _pooled(
        mean, max(spread, se), float(student.ppf(0.5 + level / 2.0, df)), modern_tau2, weights,
        "hartung_knapp", level,
    )  # fmt: skip
    older_mean, older_se, older_weights = _random_mean(studies, older_tau2)
    q = max(float(modern.q), 0.0)
    return MetaAnalysis(
        studies=tuple(studies),
        fixed=fixed,
        random=random,
        random_dersimonian_laird=_pooled(
            older_mean, older_se, reach, older_tau2, older_weights, "normal", level
        ),
        heterogeneity=Heterogeneity(
            q=q,
            df=df,
            p_value=float(chi2.sf(q, df)),
            i2=max(0.0, (q - df) / q) if q > 0 else 0.0,
            tau2=modern_tau2,
            tau2_dersimonian_laird=older_tau2,
        ),
        prediction=_prediction(random, len(studies), level),
    )


def leave_one_out(
    studies: Sequence[StudyEffect], *, level: float = 0.95
) -> tuple[tuple[str, MetaAnalysis], ...]:
    """Return the pool without each study in turn, under the label of the study left out.

    Raises
    ------
    ModelValueError
        If there are fewer than two studies, or for the reasons of `pool`.
    """
    if len(studies) < 2:
        msg = f"leaving one out needs two studies, got {len(studies)}."
        raise ModelValueError(msg)
    return tuple(
        (left.label, pool([study for study in studies if study is not left], level=level))
        for left in studies
    )


def _combined(studies: Sequence[StudyEffect], method: TauMethod) -> Any:
    effect = np.array([study.log_ratio for study in studies])
    variance = np.array([study.se**2 for study in studies])
    # Studies that agree to the last digits have a statistic near 0, which the library divides by.
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        return combine_effects(effect, variance, method_re=_STATSMODELS_NAME[method])


def _tau2(result: Any) -> float:
    # The library leaves the moment estimate negative where the studies agree too well.
    return max(float(result.tau2), 0.0)


def _random_mean(
    studies: Sequence[StudyEffect], tau2: float
) -> tuple[float, float, tuple[float, ...]]:
    raw = [1.0 / (study.se**2 + tau2) for study in studies]
    total = sum(raw)
    weights = tuple(weight / total for weight in raw)
    mean = sum(weight * study.log_ratio for weight, study in zip(weights, studies, strict=True))
    return mean, 1.0 / math.sqrt(total), weights


def _pooled(
    log_ratio: float,
    se: float,
    reach: float,
    tau2: float,
    weights: Sequence[float],
    interval: IntervalMethod,
    level: float,
) -> Pooled:
    return Pooled(
        ratio=math.exp(log_ratio),
        low=math.exp(log_ratio - reach * se),
        high=math.exp(log_ratio + reach * se),
        log_ratio=float(log_ratio),
        se=float(se),
        tau2=tau2,
        weights=tuple(float(weight) for weight in weights),
        interval=interval,
        level=level,
    )


def _prediction(random: Pooled, n_study: int, level: float) -> tuple[float, float] | None:
    if n_study < 3:
        return None
    reach = float(student.ppf(0.5 + level / 2.0, n_study - 2)) * math.hypot(
        math.sqrt(random.tau2), random.se
    )
    return math.exp(random.log_ratio - reach), math.exp(random.log_ratio + reach)


def _require_distinct(studies: Sequence[StudyEffect]) -> None:
    if not studies:
        msg = "a meta-analysis needs at least one study."
        raise ModelValueError(msg)
    labels = [study.label for study in studies]
    twice = sorted({label for label in labels if labels.count(label) > 1})
    if twice:
        msg = f"studies stand twice: {', '.join(twice)}. The same patients count once."
        raise ModelValueError(msg)
