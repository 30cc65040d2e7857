"""The figures of a trial from its tables, each a pure function from tables to a figure.

Every number comes from the allocated trial: ``adsl``, ``adtte``, ``adtr``, ``adrs``, ``adpath``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from cxaxis.core.errors import ModelValueError
from cxaxis.figures.kaplan_meier import kaplan_meier
from cxaxis.figures.responses import LANES_SHOWN, swimmer, waterfall
from cxaxis.figures.style import arm_styles, figure_of
from cxaxis.figures.subgroups import subgroup_forest
from cxaxis.trial.events import END_POINTS
from cxaxis.trial.patient_courses import best_changes, patient_lanes
from cxaxis.trial.subgroup_effects import trial_subgroups

#: What the event of an end point is called in a sentence.
EVENT_WORDS: Final = {
    "OS": "death",
    "PFS": "progression or death",
    "LRC": "locoregional progression",
    "DMFS": "distant metastasis or death",
    "DFS": "recurrence or death",
    "EFS": "progression, no resection, recurrence or death",
}


def survival_figure(
    adtte: pd.DataFrame,
    labels: Mapping[str, str],
    *,
    control: str,
    horizon_day: float,
    paramcd: str = "OS",
) -> Figure:
    """Draw Kaplan-Meier curves with 95 % bands and the numbers at risk.

    Parameters
    ----------
    adtte
        Table of the run.
    labels
        Arm id to the name shown, in protocol order.
    control
        Id of the control arm.
    horizon_day
        End of the time axis, days, positive.
    paramcd
        End point.

    Raises
    ------
    ModelValueError
        If the end point is not in the table, or the control is not among the arms.
    """
    axes = kaplan_meier(
        adtte,
        arm_styles(labels, control=control),
        paramcd=paramcd,
        y_label=_end_point(paramcd),
        horizon_day=horizon_day,
    )
    return figure_of(axes)


def subgroup_figure(
    adsl: pd.DataFrame,
    adtte: pd.DataFrame,
    labels: Mapping[str, str],
    *,
    control: str,
    arm: str,
    paramcd: str = "OS",
    factors: Mapping[str, np.ndarray] | None = None,
    strata: Sequence[str] = (),
) -> Figure:
    """Draw the hazard ratios of one arm against control in every subgroup.

    Parameters
    ----------
    adsl, adtte
        Tables of the run.
    labels
        Arm id to the name shown.
    control, arm
        Arm ids.
    paramcd
        End point.
    factors
        Name to the subgroup of every row of ``adsl``;
        `cxaxis.trial.subgroup_effects.baseline_factors` if omitted.
    strata
        Columns of ``adsl`` by which the trial was stratified.

    Raises
    ------
    ModelValueError
        As `cxaxis.trial.subgroup_effects.trial_subgroups`.
    """
    _end_point(paramcd)
    found = trial_subgroups(
        adsl, adtte, control=control, arm=arm, paramcd=paramcd, factors=factors, strata=strata
    )
    axes = subgroup_forest(
        found.everyone,
        found.factors,
        treated=labels[arm],
        control=labels[control],
        end_point=EVENT_WORDS[paramcd],
    )
    return figure_of(axes)


def waterfall_figure(
    adsl: pd.DataFrame,
    adtte: pd.DataFrame,
    adtr: pd.DataFrame,
    adrs: pd.DataFrame,
    labels: Mapping[str, str],
    *,
    control: str,
    adpath: pd.DataFrame | None = None,
) -> Figure:
    """Draw the best change of the target lesions of every patient, coloured by best response.

    Parameters
    ----------
    adsl, adtte, adtr, adrs, adpath
        Tables of the run; ``adpath`` where patients were operated on.
    labels
        Arm id to the name shown, in protocol order.
    control
        Id of the control arm.

    Raises
    ------
    ModelValueError
        If no patient has target lesions and a visit after day 0.
    """
    return waterfall(
        best_changes(adtr, adrs, adtte, adpath),
        arm_styles(labels, control=control),
        n_allocated={arm: int((adsl["TRT01P"] == arm).sum()) for arm in labels},
    )


def swimmer_figure(
    adtte: pd.DataFrame,
    adrs: pd.DataFrame,
    labels: Mapping[str, str],
    *,
    control: str,
    horizon_day: float,
    adpath: pd.DataFrame | None = None,
    most_lanes: int = LANES_SHOWN,
) -> Figure:
    """Draw the course of patients: response, progression, operation, death or end of follow-up.

    Parameters
    ----------
    adtte, adrs, adpath
        Tables of the run, overall survival among the end points; ``adpath`` where patients
        were operated on.
    labels
        Arm id to the name shown, in protocol order.
    control
        Id of the control arm.
    horizon_day
        End of the time axis, days, positive.
    most_lanes
        Patients shown of each arm, evenly spaced by length of follow-up.

    Raises
    ------
    ModelValueError
        If the table holds no overall survival.
    """
    return swimmer(
        patient_lanes(adtte, adrs, adpath),
        arm_styles(labels, control=control),
        horizon_day=horizon_day,
        most_lanes=most_lanes,
    )


def _end_point(paramcd: str) -> str:
    if paramcd not in END_POINTS:
        msg = f"no end point is called {paramcd!r}. Known: {', '.join(END_POINTS)}."
        raise ModelValueError(msg)
    return END_POINTS[paramcd]
