"""What a design adds to the summary of a run: screening, switches, baskets, end of treatment."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from cxaxis.trial.conduct import last_counted_days
from cxaxis.trial.pool import ArmPlan
from cxaxis.trial.populations import Screening, entrances_of
from cxaxis.trial.protocol import Protocol

if TYPE_CHECKING:
    import pandas as pd

    from cxaxis.stats.study_effects import StudyEffect
    from cxaxis.stats.survival import HazardRatio

DEATHS: Final = "OS"
#: Columns of ``adsl`` on which the chance to switch is regressed, in this order.
SWITCH_COVARIATES: Final = ("CXCR4H", "TUMDIAM", "AGE")


def design_summary(
    protocol: Protocol,
    plans: Sequence[ArmPlan],
    screenings: Sequence[Screening],
    tables: Mapping[str, pd.DataFrame],
) -> dict[str, Any]:
    """Return ``design`` of ``summary.json``.

    Parameters
    ----------
    screenings
        As `cxaxis.trial.populations.sample_entrants` tells them; none of a given cohort with
        baskets.
    tables
        Of the run: ``adsl``, ``adtte``, ``conduct``, ``pool``.
    """
    return {
        "screening": [asdict(item) for item in screenings],
        "flow": _flow(protocol, tables["conduct"], tables["adtte"]),
        "crossover": None
        if protocol.crossover is None
        else crossover_result(protocol, tables["adsl"], tables["adtte"], tables["conduct"]),
        "baskets": basket_results(protocol, tables["adtte"], tables["conduct"])
        if protocol.baskets
        else [],
        "on_treatment": _on_treatment(protocol, plans, tables["adtte"]),
    }


def _flow(protocol: Protocol, conduct: pd.DataFrame, adtte: pd.DataFrame) -> list[dict[str, Any]]:
    """Return how many of each arm were allocated, lost, switched and analysed."""
    deaths = adtte[adtte["PARAMCD"] == DEATHS]
    lost = set(deaths.loc[deaths["EVNTDESC"] == "Lost to follow-up", "USUBJID"])
    found = []
    for arm in protocol.arms:
        rows = conduct[conduct["TRT01P"] == arm.id]
        found.append(
            {
                "arm": arm.id,
                "allocated": len(rows),
                "lost": int(rows["USUBJID"].isin(lost).sum()),
                "switched": int(rows["CROSSDY"].notna().sum()),
                "analysed": int((deaths["TRT01P"] == arm.id).sum()),
            }
        )
    return found


def crossover_result(
    protocol: Protocol, adsl: pd.DataFrame, adtte: pd.DataFrame, conduct: pd.DataFrame
) -> dict[str, Any]:
    """Return the answers to the two questions of a trial with crossover, for overall survival.

    ``policy`` is the Cox hazard ratio as the trial went, switches and all. ``switch_free`` is that
    had nobody switched, by `cxaxis.stats.switching`; beside it stands the naive one, which merely
    censors at the switch and is biased where those who switch fare differently.
    """
    from cxaxis.stats.survival import cox_hazard_ratio
    from cxaxis.stats.switching import switch_free_hazard_ratio

    assert protocol.crossover is not None
    control, to = protocol.control, protocol.crossover.to
    rows = adtte[(adtte["PARAMCD"] == DEATHS) & adtte["TRT01P"].isin([control, to])]
    rows = rows.merge(conduct[["USUBJID", "PROGDY", "CROSSDY"]], on="USUBJID")
    rows = rows.merge(adsl[["USUBJID", *SWITCH_COVARIATES]], on="USUBJID")
    duration = rows["AVAL"].to_numpy(dtype=float)
    event = rows["EVENT"].to_numpy(dtype=bool)
    treated = (rows["TRT01P"] == to).to_numpy()
    found: dict[str, Any] = {"to": to, "share": protocol.crossover.share, "control": control}
    if not len(rows) or treated.all() or not treated.any():
        return {**found, "policy": None, "censored": None, "switch_free": None}
    switch = rows["CROSSDY"].to_numpy(dtype=float)
    result = switch_free_hazard_ratio(
        duration,
        event,
        treated,
        progression_day=rows["PROGDY"].to_numpy(dtype=float),
        switch_day=switch,
        covariates={name: rows[name].to_numpy(dtype=float) for name in SWITCH_COVARIATES},
    )
    # Whoever switches is dead or alive later; neither is seen by a trial that stops there.
    left = np.where(np.isfinite(switch), switch, np.inf) < duration
    return {
        **found,
        "policy": _limits(cox_hazard_ratio(duration, event, treated)),
        "censored": _limits(
            cox_hazard_ratio(np.where(left, switch, duration), event & ~left, treated)
        ),
        "switch_free": {**asdict(result), "ratio": _limits(result.ratio)},
    }


def basket_results(
    protocol: Protocol, adtte: pd.DataFrame, conduct: pd.DataFrame
) -> list[dict[str, Any]]:
    """Return one entry for each arm but control: overall survival by basket and together.

    Each basket has its own Cox hazard ratio; ``stratified`` is that of all patients, each basket
    with its own baseline; ``shrunken`` draws the baskets towards their mean.
    """
    from cxaxis.stats.meta_analysis import pool
    from cxaxis.stats.shrinkage import shrunken
    from cxaxis.stats.survival import cox_hazard_ratio

    deaths = adtte[adtte["PARAMCD"] == DEATHS].merge(conduct[["USUBJID", "BASKET"]], on="USUBJID")
    found = []
    for arm in protocol.arm_ids:
        if arm == protocol.control:
            continue
        rows = deaths[deaths["TRT01P"].isin([protocol.control, arm])]
        entries, effects = [], []
        for entrance in entrances_of(protocol):
            here = rows[rows["BASKET"] == entrance.id]
            ratio = _ratio(here, arm)
            effect = _effect(entrance.id, ratio)
            effects += [] if effect is None else [effect]
            entries.append(
                {
                    "basket": entrance.id,
                    "setting": entrance.setting,
                    "n": len(here),
                    "events": int(here["EVENT"].sum()),
                    "ratio": _limits(ratio),
                }
            )
        drawn = {item.label: item for item in shrunken(effects)} if effects else {}
        for entry in entries:
            entry["shrunken"] = _told(drawn.get(str(entry["basket"])))
        together = pool(effects) if effects else None
        found.append(
            {
                "arm": arm,
                "baskets": entries,
                "stratified": _limits(
                    cox_hazard_ratio(
                        rows["AVAL"].to_numpy(dtype=float),
                        rows["EVENT"].to_numpy(dtype=bool),
                        (rows["TRT01P"] == arm).to_numpy(),
                        strata=rows["BASKET"].to_numpy(),
                    )
                    if len(rows)
                    else None
                ),
                "random_effects": None
                if together is None
                else {
                    "hr": together.random.ratio,
                    "low": together.random.low,
                    "high": together.random.high,
                },
                "tau2": None if together is None else together.heterogeneity.tau2,
            }
        )
    return found


def _on_treatment(
    protocol: Protocol, plans: Sequence[ArmPlan], adtte: pd.DataFrame
) -> dict[str, Any] | None:
    from cxaxis.trial.conduct import END_OF_TREATMENT

    if protocol.estimand != "while_on_treatment":
        return None
    rows = adtte[(adtte["PARAMCD"] == DEATHS) & (adtte["EVNTDESC"] == END_OF_TREATMENT)]
    return {
        "window_day": protocol.on_treatment_window_day or 0.0,
        "arms": [
            {
                "arm": arm,
                "last_counted_day": day,
                "ended": int((rows["TRT01P"] == arm).sum()),
            }
            for arm, day in last_counted_days(protocol, plans).items()
        ],
    }


def _ratio(rows: pd.DataFrame, arm: str) -> HazardRatio | None:
    from cxaxis.stats.survival import cox_hazard_ratio

    treated = (rows["TRT01P"] == arm).to_numpy()
    if not len(rows) or treated.all() or not treated.any():
        return None
    return cox_hazard_ratio(
        rows["AVAL"].to_numpy(dtype=float), rows["EVENT"].to_numpy(dtype=bool), treated
    )


def _effect(label: str, ratio: HazardRatio | None) -> StudyEffect | None:
    from cxaxis.stats.study_effects import effect_from_interval

    if ratio is None or not (0 < ratio.low < ratio.high < math.inf):
        return None
    return effect_from_interval(label, ratio=ratio.hr, low=ratio.low, high=ratio.high)


def _told(effect: StudyEffect | None) -> dict[str, float] | None:
    if effect is None:
        return None
    low, high = effect.limits()
    return {"hr": effect.ratio, "low": low, "high": high}


def _limits(ratio: HazardRatio | None) -> dict[str, float] | None:
    return None if ratio is None else {"hr": ratio.hr, "low": ratio.low, "high": ratio.high}
