"""Individual treatment effects, which only the counterfactual pool can show.

In the pool every virtual patient lives once under each arm, with the same chance. The difference
between two of these lives is an effect on one patient; no trial ever sees one, and none of these
numbers is a result of the allocated trial. Every column made from two lives says COUNTERFACTUAL.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from cxaxis.core.arrays import IntArray
from cxaxis.core.errors import ModelValueError
from cxaxis.runs.tables import Column, TableSchema
from cxaxis.trial.events import END_POINTS
from cxaxis.trial.schemas import ANY_ARM, PARAMCD, SUBJECT

if TYPE_CHECKING:
    import pandas as pd

    from cxaxis.stats.bootstrap import BootstrapInterval

EXACT: Final = "exact"
AT_LEAST: Final = "at least"
AT_MOST: Final = "at most"
BEYOND: Final = "beyond follow-up"

#: Death ends the follow-up of these without being their event: two lives cannot be compared.
_CUT_BY_DEATH: Final = ("LRC",)


def _day(name: str, meaning: str) -> Column:
    return Column(name=f"COUNTERFACTUAL_{name}_DAY", type="float64", unit="day", meaning=meaning)


def _event(name: str, meaning: str) -> Column:
    return Column(name=f"COUNTERFACTUAL_{name}_EVENT", type="bool", unit="", meaning=meaning)


EFFECTS: Final = TableSchema(
    name="individual_effects",
    meaning="Every patient under one arm and under control (counterfactual: no trial sees both)",
    columns=(
        SUBJECT,
        ANY_ARM,
        PARAMCD,
        _day("CONTROL", "Days to event or end of follow-up, had the arm been control"),
        _event("CONTROL", "Whether that was the event"),
        _day("TREATED", "Days to event or end of follow-up under the arm"),
        _event("TREATED", "Whether that was the event"),
        _day("GAIN", "Event-free days within follow-up, the arm less control"),
        Column(
            name="COUNTERFACTUAL_BOUND",
            type="string",
            unit="",
            meaning=(
                "What the gain says of the time without end of follow-up: exact, at least (event "
                "under control alone), at most (event under the arm alone) or beyond follow-up"
            ),
        ),
    ),
)


@dataclass(frozen=True, kw_only=True)
class CounterfactualSummary:
    """The individual effects of an arm in short; counterfactual.

    Attributes
    ----------
    n
        Patients with both lives.
    gained, lost, unchanged
        Patients with a longer, a shorter and the same event-free time within follow-up.
    mean_gain_day
        Mean gain in days with its paired bootstrap interval, no result of the allocated trial.
    """

    n: int
    gained: int
    lost: int
    unchanged: int
    mean_gain_day: BootstrapInterval


def individual_effects(
    pool: pd.DataFrame, *, control: str, arm: str, paramcd: str = "OS"
) -> pd.DataFrame:
    """Return the paired differences of every patient between an arm and control; counterfactual.

    Parameters
    ----------
    pool
        The table `cxaxis.trial.schemas.POOL`: every patient under every arm.
    control, arm
        Arm ids.
    paramcd
        End point that counts death, such as ``OS`` or ``PFS``.

    Returns
    -------
    The table `EFFECTS`, patients in the order of the control arm. Left out are patients whose
    simulation failed under either arm, and those outside the analysis set of the end point
    under either: the others were not chosen by chance.

    Raises
    ------
    ModelValueError
        If the end point does not count death, an arm has no rows, or a patient stands twice
        under one arm.
    """
    import pandas as pd

    if paramcd not in END_POINTS or paramcd in _CUT_BY_DEATH:
        known = ", ".join(code for code in END_POINTS if code not in _CUT_BY_DEATH)
        msg = f"individual effects need an end point that counts death, {known}; got {paramcd!r}."
        raise ModelValueError(msg)
    one, other = (_lives(pool, name, paramcd) for name in (control, arm))
    both = one.join(other, how="inner", lsuffix="_C", rsuffix="_T")
    before, after = (both[f"AVAL_{side}"].to_numpy(dtype=np.float64) for side in "CT")
    hit, hit_treated = (both[f"EVENT_{side}"].to_numpy(dtype=bool) for side in "CT")
    bound = np.select(
        [hit & hit_treated, hit, hit_treated], [EXACT, AT_LEAST, AT_MOST], default=BEYOND
    )
    return pd.DataFrame(
        {
            "USUBJID": both.index.to_numpy(),
            "ARM": arm,
            "PARAMCD": paramcd,
            "COUNTERFACTUAL_CONTROL_DAY": before,
            "COUNTERFACTUAL_CONTROL_EVENT": hit,
            "COUNTERFACTUAL_TREATED_DAY": after,
            "COUNTERFACTUAL_TREATED_EVENT": hit_treated,
            "COUNTERFACTUAL_GAIN_DAY": after - before,
            "COUNTERFACTUAL_BOUND": bound,
        }
    )


def counterfactual_summary(
    effects: pd.DataFrame, *, seed: int, n_boot: int = 1000, least_day: float = 1.0
) -> CounterfactualSummary:
    """Return how many patients an arm helps and harms, and the mean gain; counterfactual.

    Parameters
    ----------
    effects
        What `individual_effects` returned, at least one row.
    seed
        Seed of the bootstrap, which resamples patients with both their lives.
    n_boot
        Replicates, positive.
    least_day
        Differences below it count as unchanged, days, non-negative.

    Raises
    ------
    ModelValueError
        If the table is empty.
    """
    from cxaxis.stats.bootstrap import paired_bootstrap

    gain = effects["COUNTERFACTUAL_GAIN_DAY"].to_numpy(dtype=np.float64)
    if len(gain) == 0:
        msg = "no patient has both lives; there is no individual effect to sum up."
        raise ModelValueError(msg)
    which = "/".join(map(str, effects[["ARM", "PARAMCD"]].iloc[0]))

    def mean(rows: IntArray) -> float:
        return float(gain[rows].mean())

    return CounterfactualSummary(
        n=len(gain),
        gained=int((gain >= least_day).sum()),
        lost=int((gain <= -least_day).sum()),
        unchanged=int((np.abs(gain) < least_day).sum()),
        mean_gain_day=paired_bootstrap(
            mean, len(gain), n_boot=n_boot, seed=seed, purpose=f"individual_effects/{which}"
        ),
    )


def _lives(pool: pd.DataFrame, arm: str, paramcd: str) -> pd.DataFrame:
    rows = pool[(pool["ARM"] == arm) & (pool["PARAMCD"] == paramcd)]
    if rows.empty:
        arms = ", ".join(map(str, pool["ARM"].unique()))
        msg = f"the pool has no {paramcd} of arm {arm!r}. Its arms: {arms}."
        raise ModelValueError(msg)
    if rows["USUBJID"].duplicated().any():
        twice = rows.loc[rows["USUBJID"].duplicated(), "USUBJID"].iloc[0]
        msg = f"patient {twice} stands twice under arm {arm!r}; give the pool of one run."
        raise ModelValueError(msg)
    return rows[rows["AVAL"].notna()].set_index("USUBJID")[["AVAL", "EVENT"]]
