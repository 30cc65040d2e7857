"""Subgroups of an allocated trial: which factors, and the hazard ratios within them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from cxaxis.core.errors import ModelValueError

if TYPE_CHECKING:
    import pandas as pd

    from cxaxis.stats.subgroups import SubgroupRatio, Subgroups

#: Age that divides the patients.
OLD_YEAR: Final = 65.0


@dataclass(frozen=True, kw_only=True)
class TrialSubgroups:
    """Hazard ratios of one arm against control, among all patients and in subgroups.

    Attributes
    ----------
    everyone
        All patients of the two arms.
    factors
        The subgroups, factor by factor.
    """

    everyone: SubgroupRatio
    factors: tuple[Subgroups, ...]


def baseline_factors(adsl: pd.DataFrame) -> dict[str, np.ndarray]:
    """Return the subgroup of each patient by age, sex, stage, nodes and CXCR4.

    Factors whose column is missing, or that have one level alone among these patients, are left
    out.
    """
    factors = {
        name: labels(adsl[column])
        for name, (column, labels) in _FACTORS.items()
        if column in adsl.columns
    }
    return {name: labels for name, labels in factors.items() if len(np.unique(labels)) > 1}


def _age_groups(age_year: pd.Series) -> np.ndarray:
    return np.where(age_year >= OLD_YEAR, f"≥ {OLD_YEAR:g} years", f"< {OLD_YEAR:g} years")


def _sexes(sex: pd.Series) -> np.ndarray:
    return np.asarray(sex.map({"M": "men", "F": "women"}).fillna("not known"), dtype=str)


def _node_groups(category: pd.Series) -> np.ndarray:
    return np.where(category > 0, "N1 or more", "N0")


def _as_written(labels: pd.Series) -> np.ndarray:
    return np.asarray(labels, dtype=str)


#: Factor -> column of adsl, and how its values become subgroups.
_FACTORS: Final[Mapping[str, tuple[str, Callable[[pd.Series], np.ndarray]]]] = {
    "Age": ("AGE", _age_groups),
    "Sex": ("SEX", _sexes),
    "Stage": ("STAGE", _as_written),
    "Nodes": ("NCAT", _node_groups),
    "CXCR4 stain": ("CXCR4GR", _as_written),
}


def trial_subgroups(
    adsl: pd.DataFrame,
    adtte: pd.DataFrame,
    *,
    control: str,
    arm: str,
    paramcd: str = "OS",
    factors: Mapping[str, np.ndarray] | None = None,
    strata: Sequence[str] = (),
) -> TrialSubgroups:
    """Return the hazard ratios of an arm against control in every subgroup.

    Parameters
    ----------
    adsl, adtte
        Tables of the run.
    control, arm
        Arm ids.
    paramcd
        End point.
    factors
        Name to the subgroup of every row of ``adsl``; `baseline_factors` if omitted.
    strata
        Columns of ``adsl`` by which the trial was stratified.

    Raises
    ------
    ModelValueError
        If an arm has no patient with this end point, a column of ``strata`` is missing, or no
        factor divides the patients.
    """
    from cxaxis.stats.stratified import crossed
    from cxaxis.stats.subgroups import subgroup_ratios

    missing = [name for name in strata if name not in adsl.columns]
    if missing:
        msg = f"adsl has no column {', '.join(missing)} to stratify by."
        raise ModelValueError(msg)
    given = baseline_factors(adsl) if factors is None else factors
    rows = adtte[(adtte["PARAMCD"] == paramcd) & adtte["TRT01P"].isin([control, arm])]
    for name in (control, arm):
        if not (rows["TRT01P"] == name).any():
            msg = f"arm {name!r} has no patient with {paramcd} in adtte."
            raise ModelValueError(msg)
    where = adsl.reset_index(drop=True).reset_index().set_index("USUBJID")["index"]
    position = where.reindex(rows["USUBJID"]).to_numpy(dtype=np.int64)
    layer = crossed(*(adsl[name].to_numpy()[position] for name in strata)) if strata else None
    duration = rows["AVAL"].to_numpy(dtype=np.float64)
    event, treated = rows["EVENT"].to_numpy(), (rows["TRT01P"] == arm).to_numpy()
    everyone = subgroup_ratios(
        duration, event, treated, {"all": np.repeat("All patients", len(rows))}, strata=layer
    )
    return TrialSubgroups(
        everyone=everyone[0].levels[0],
        factors=subgroup_ratios(
            duration,
            event,
            treated,
            {name: np.asarray(labels)[position] for name, labels in given.items()},
            strata=layer,
        ),
    )
