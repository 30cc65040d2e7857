"""Hazard ratios in subgroups, and whether the effect differs between them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy.stats import chi2

from cxaxis.core.arrays import BoolArray, FloatArray, IntArray
from cxaxis.core.errors import ModelValueError
from cxaxis.stats.checks import checked_durations, checked_flags, checked_labels
from cxaxis.stats.stratified import CoxModel, crossed, stratified_cox
from cxaxis.stats.survival import HazardRatio, has_finite_hazard_ratio


@dataclass(frozen=True, kw_only=True)
class SubgroupRatio:
    """Treated against control among the patients of one subgroup.

    Attributes
    ----------
    label
        Level of the factor.
    n_control, n_treated, events_control, events_treated
        Patients and events of each arm.
    ratio
        Hazard ratio, ``None`` where there is no finite estimate.
    """

    label: str
    n_control: int
    n_treated: int
    events_control: int
    events_treated: int
    ratio: HazardRatio | None


@dataclass(frozen=True, kw_only=True)
class Subgroups:
    """The levels of one factor.

    Attributes
    ----------
    factor
        Name of the factor.
    levels
        One entry per level, in order of the labels.
    p_interaction
        Likelihood-ratio p-value of one common effect against an effect per level, ``None``
        where fewer than two levels have a finite estimate.
    df
        Levels with a finite estimate less one.
    """

    factor: str
    levels: tuple[SubgroupRatio, ...]
    p_interaction: float | None
    df: int


def subgroup_ratios(
    duration_day: ArrayLike,
    event: ArrayLike,
    treated: ArrayLike,
    factors: Mapping[str, ArrayLike],
    *,
    strata: ArrayLike | None = None,
    level: float = 0.95,
) -> tuple[Subgroups, ...]:
    """Return the hazard ratio in every level of every factor, with a test of interaction.

    Every level has its own baseline hazard, so that the test compares the very ratios shown.
    No p-value is corrected for the number of factors.

    Parameters
    ----------
    duration_day
        Follow-up of each patient, shape ``(n_patient,)``, days, non-negative.
    event
        Whether follow-up ended with the event, boolean, same shape.
    treated
        True for the treated arm, false for control, boolean, same shape.
    factors
        Name to the label of each patient, same shape.
    strata
        Label of each patient's stratum in the trial's own analysis, same shape.
    level
        Confidence level of the Wald intervals, in (0, 1).

    Raises
    ------
    ModelValueError
        If the data are unusable, or there is no factor.
    """
    duration, happened = checked_durations(duration_day, event)
    arm = checked_flags(treated, "treated", len(duration))
    if not factors:
        msg = "subgroups need at least one factor."
        raise ModelValueError(msg)
    layer = np.zeros(len(duration), dtype=np.int64)
    if strata is not None:
        layer = crossed(checked_labels(strata, len(duration), "strata"))
    return tuple(
        _one_factor(
            name,
            checked_labels(labels, len(duration), name),
            duration=duration,
            happened=happened,
            arm=arm,
            layer=layer,
            level=level,
        )
        for name, labels in factors.items()
    )


def _one_factor(
    factor: str,
    labels: np.ndarray,
    *,
    duration: FloatArray,
    happened: BoolArray,
    arm: BoolArray,
    layer: IntArray,
    level: float,
) -> Subgroups:
    levels, known, best = [], np.zeros(len(labels), dtype=bool), 0.0
    for name in np.unique(labels):
        here = labels == name
        model = _effect(duration[here], happened[here], arm[here], layer[here], level=level)
        if model is not None:
            known |= here
            best += model.log_likelihood
        levels.append(
            SubgroupRatio(
                label=str(name),
                n_control=int((here & ~arm).sum()),
                n_treated=int((here & arm).sum()),
                events_control=int((here & ~arm & happened).sum()),
                events_treated=int((here & arm & happened).sum()),
                ratio=None if model is None else _ratio_of(model),
            )
        )
    df = max(sum(entry.ratio is not None for entry in levels) - 1, 0)
    p = None
    if df > 0:
        within = crossed(labels[known], layer[known])
        common = stratified_cox(
            duration[known], happened[known], {"treated": arm[known]}, strata=within
        )
        # The levels share no baseline, so that their likelihoods add up to that of an effect each.
        p = float(chi2.sf(max(2.0 * (best - common.log_likelihood), 0.0), df))
    return Subgroups(factor=factor, levels=tuple(levels), p_interaction=p, df=df)


def _effect(
    duration: FloatArray, happened: BoolArray, arm: BoolArray, layer: IntArray, *, level: float
) -> CoxModel | None:
    """Return the Cox model of treated against control, None without a finite estimate."""
    if not has_finite_hazard_ratio(duration, happened, arm, layer):
        return None
    return stratified_cox(duration, happened, {"treated": arm}, strata=layer, level=level)


def _ratio_of(model: CoxModel) -> HazardRatio:
    term = model.of("treated")
    return HazardRatio(hr=term.hr, low=term.low, high=term.high)
