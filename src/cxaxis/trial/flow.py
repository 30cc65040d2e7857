"""The flow of patients through a trial, from screening to analysis, as CONSORT asks for it.

Virtual patients differ from others in two ways. Stages are filled by quota, so that candidates of a
stage that is full are turned away; and treatment is given as planned until death, so that none
stops early.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Final

import numpy as np

from cxaxis.core.outcomes import Outcome
from cxaxis.trial.conduct import END_OF_TREATMENT
from cxaxis.trial.result_schemas import FLOW

if TYPE_CHECKING:
    import pandas as pd

    from cxaxis.trial.protocol import Protocol

#: Reasons for which a candidate is not enrolled, as `cxaxis.cohort.sample.Cohort.screened` has
#: them.
EXCLUSIONS: Final[Mapping[str, str]] = {
    "distant": "distant disease at diagnosis",
    "other_stage": "another stage than the trial enrols",
    "stage_full": "places of the stage already taken",
    "failed": "simulation failed before diagnosis",
    "unfit": "not expected to live long enough",
    "biomarker": "biomarker not as asked",
    "implausible": "implausible values",
    "not_selected": "not selected to published margins",
    "no_population": "could enter no population, or its places were taken",
}
OTHER: Final = "reason not recorded, or patients chosen by hand"
LOST: Final = "Lost to follow-up"


def flow_of(
    screened: Mapping[str, int],
    adsl: pd.DataFrame,
    adtte: pd.DataFrame,
    outcome: pd.DataFrame,
    adpath: pd.DataFrame,
    *,
    arms: Mapping[str, str],
    last_dose_day: Mapping[str, float] | None = None,
) -> pd.DataFrame:
    """Return the flow of patients, the table `cxaxis.trial.result_schemas.FLOW`.

    Screened are the excluded and the randomised; allocated to an arm are the analysed and those
    whose simulation failed; analysed are the dead, the lost, those whose events ceased to
    count at the end of treatment, and those followed to the end.

    Parameters
    ----------
    screened
        ``screened`` and how many were excluded by reason; empty where nothing was recorded.
    adsl, adtte, outcome, adpath
        Tables of the run; overall survival among the end points tells who was analysed.
    arms
        Arm id to the name shown, in protocol order.
    last_dose_day
        End of the planned treatment of each arm, days; the step is left out without.
    """
    import pandas as pd

    rows: list[tuple[str, str | None, str, int]] = []
    if screened.get("screened"):
        rows.append(("screened", None, "screened", int(screened["screened"])))
        reasons = {key: n for key, n in screened.items() if key != "screened" and n}
        reasons["other"] = int(screened["screened"]) - sum(reasons.values()) - len(adsl)
        rows += [
            (f"excluded_{key}", None, _reason(key), int(n)) for key, n in reasons.items() if n > 0
        ]
    rows.append(("randomised", None, "randomised", len(adsl)))
    survival = adtte[adtte["PARAMCD"] == "OS"]
    for arm in arms:
        mine = survival[survival["TRT01P"] == arm]
        rows += [
            (step, arm, label, n)
            for step, label, n in _arm_steps(
                int((adsl["TRT01P"] == arm).sum()),
                mine,
                _failures(adsl, outcome, arm),
                None if last_dose_day is None else last_dose_day.get(arm),
                None if adpath.empty else int((adpath["TRT01P"] == arm).sum()),
            )
        ]
    return pd.DataFrame(rows, columns=list(FLOW.column_names))


def last_dose_days(protocol: Protocol) -> dict[str, float]:
    """Return the day on which the planned treatment of each arm ends, operations included."""
    from cxaxis.knowledge.drugs import load_drugs
    from cxaxis.trial.protocol import arm_regimens

    drugs = load_drugs()
    ends = {}
    for arm in protocol.arms:
        given = arm_regimens(protocol, arm, drugs)
        days = [day + plan.duration_day for _, plan in given for day in plan.dose_days()]
        ends[arm.id] = max(days, default=0.0)
    return ends


def _reason(key: str) -> str:
    return OTHER if key == "other" else EXCLUSIONS.get(key, key.replace("_", " "))


def _failures(adsl: pd.DataFrame, outcome: pd.DataFrame, arm: str) -> int:
    """Return how many patients of an arm failed under the arm that they were allocated to."""
    failed = outcome[(outcome["ARM"] == arm) & (outcome["OUTCOME"] != Outcome.COMPLETED.value)]
    mine = adsl.loc[adsl["TRT01P"] == arm, "USUBJID"]
    return int(mine.isin(failed["USUBJID"]).sum())


def _arm_steps(
    allocated: int,
    survival: pd.DataFrame,
    failed: int,
    last_dose_day: float | None,
    operated: int | None,
) -> list[tuple[str, str, int]]:
    died = survival["EVENT"].to_numpy(dtype=bool)
    lost = ~died & (survival["EVNTDESC"] == LOST).to_numpy(dtype=bool)
    ended = ~died & (survival["EVNTDESC"] == END_OF_TREATMENT).to_numpy(dtype=bool)
    n_ended = int(ended.sum())
    day = survival["AVAL"].to_numpy(dtype=np.float64)
    steps = [
        ("allocated", "allocated", allocated),
        ("failed", "simulation failed under this arm", failed),
        ("received", "received treatment from day 0", allocated - failed),
    ]
    if last_dose_day is not None:
        short = int((day < last_dose_day).sum())
        label = f"followed to the last planned dose, day {last_dose_day:g}"
        steps.append(("completed_treatment", label, len(survival) - short))
    if operated is not None:
        steps.append(("operated", "operated on", operated))
    return [
        *steps,
        ("died", "died within follow-up", int(died.sum())),
        ("lost", "lost to follow-up", int(lost.sum())),
        *([("treated", "alive when events ceased to count", n_ended)] if n_ended else []),
        ("followed", "alive at the end of follow-up", int((~died & ~lost & ~ended).sum())),
        ("analysed", "analysed for overall survival", len(survival)),
    ]
