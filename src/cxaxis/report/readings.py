"""What the page reads out of the tables beyond the summary: patients, pool, end points."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from cxaxis.knowledge.drugs import load_drugs
from cxaxis.models.agents import slot_of
from cxaxis.report.source import Occupancy, Summary, TrialRun
from cxaxis.report.words import count_of
from cxaxis.stats.bootstrap import BootstrapInterval, paired_bootstrap
from cxaxis.stats.proportions import Proportion, exact_proportion
from cxaxis.stats.survival import cox_hazard_ratio
from cxaxis.trial.analysis import occupancy_summary
from cxaxis.trial.events import DEATH
from cxaxis.trial.pool import AXIS_SLOTS

_BOOTSTRAPS = 1000
_RESPONSES = ("CR", "PR", "SD", "NED", "PD")


@dataclass(frozen=True, kw_only=True)
class PoolReading:
    """What the pool says about one arm, beyond its ratio.

    Attributes
    ----------
    arm
        Arm id.
    n
        Patients simulated under control and under this arm.
    deaths_control, deaths_treated
        Deaths of these patients within the horizon.
    averted, caused
        Patients who die under control alone, and under this arm alone.
    days_gained
        Mean days alive within the horizon, this arm less control, with its paired bootstrap
        interval.
    """

    arm: str
    n: int
    deaths_control: int
    deaths_treated: int
    averted: int
    caused: int
    days_gained: BootstrapInterval


@dataclass(frozen=True, kw_only=True)
class Luck:
    """How the patients allocated to an arm would have fared without its treatment.

    Attributes
    ----------
    arm
        Arm id.
    n_control, n_arm
        Patients allocated to control and to this arm.
    deaths_control, deaths_arm
        Deaths within the horizon, had every one of them received control.
    hr
        Hazard ratio of the two groups under control, by Cox regression; ``None`` where there
        is no estimate.
    """

    arm: str
    n_control: int
    n_arm: int
    deaths_control: int
    deaths_arm: int
    hr: float | None


@dataclass(frozen=True, kw_only=True)
class DayZero:
    """Distant founders of the patients of one stage that had arrived before day 0."""

    stage: str
    n: int
    seeded: Proportion
    mean_founders: float


def pool_readings(run: TrialRun) -> tuple[PoolReading, ...]:
    """Return the pool's reading of every arm but control; arms without twins are left out."""
    control = run.summary.control
    sides = _overall_survival(run.tables["pool"])
    found = []
    for arm in run.summary.labels:
        if arm == control or arm not in sides or control not in sides:
            continue
        shared = sides[control].index.intersection(sides[arm].index, sort=False)
        if len(shared) == 0:
            continue
        left, right = sides[control].loc[shared], sides[arm].loc[shared]
        gained = (right["AVAL"] - left["AVAL"]).to_numpy(dtype=np.float64)
        found.append(
            PoolReading(
                arm=arm,
                n=len(shared),
                deaths_control=int(left["EVENT"].sum()),
                deaths_treated=int(right["EVENT"].sum()),
                averted=int((left["EVENT"] & ~right["EVENT"]).sum()),
                caused=int((~left["EVENT"] & right["EVENT"]).sum()),
                days_gained=paired_bootstrap(
                    _mean_of(gained),
                    len(gained),
                    n_boot=_BOOTSTRAPS,
                    seed=run.manifest.seed,
                    purpose=f"{arm}/days",
                ),
            )
        )
    return tuple(found)


def lucks(run: TrialRun) -> tuple[Luck, ...]:
    """Return, for every arm but control, how its patients would have fared under control.

    Allocation cannot touch the outcome under control, so that any difference between the
    groups is chance.
    """
    control = run.summary.control
    sides = _overall_survival(run.tables["pool"])
    if control not in sides:
        return ()
    rows = run.tables["adsl"].set_index("USUBJID")[["TRT01P"]].join(sides[control], how="inner")
    groups = {str(arm): rows[rows["TRT01P"] == arm] for arm in rows["TRT01P"].unique()}
    found = []
    for arm in run.summary.labels:
        if arm == control or arm not in groups or control not in groups:
            continue
        both = pd.concat([groups[control], groups[arm]])
        ratio = cox_hazard_ratio(
            both["AVAL"].to_numpy(dtype=np.float64),
            both["EVENT"].to_numpy(dtype=bool),
            (both["TRT01P"] == arm).to_numpy(),
        )
        found.append(
            Luck(
                arm=arm,
                n_control=len(groups[control]),
                n_arm=len(groups[arm]),
                deaths_control=int(groups[control]["EVENT"].sum()),
                deaths_arm=int(groups[arm]["EVENT"].sum()),
                hr=None if ratio is None else ratio.hr,
            )
        )
    return tuple(found)


def day_zero(adsl: pd.DataFrame) -> tuple[DayZero, ...]:
    """Return the share of patients with distant founders on day 0, by stage and for all."""
    stages = [(str(stage), adsl[adsl["STAGE"] == stage]) for stage in sorted(set(adsl["STAGE"]))]
    return tuple(
        DayZero(
            stage=stage,
            n=len(rows),
            seeded=exact_proportion(int((rows["OCCMETS"] > 0).sum()), len(rows)),
            mean_founders=float(rows["OCCMETS"].mean()),
        )
        for stage, rows in [*stages, ("all", adsl)]
        if len(rows)
    )


def baseline(adsl: pd.DataFrame, arms: Sequence[str]) -> tuple[tuple[str, tuple[str, ...]], ...]:
    """Return the characteristics at diagnosis: a name and a text per arm."""
    groups = [adsl[adsl["TRT01P"] == arm] for arm in arms]
    found: list[tuple[str, tuple[str, ...]]] = [
        ("Age, years", tuple(_middle(rows["AGE"], 0) for rows in groups)),
        ("Weight, kg", tuple(_middle(rows["WEIGHT"], 0) for rows in groups)),
        ("Diameter of the primary, mm", tuple(_middle(rows["TUMDIAM"], 0) for rows in groups)),
        ("Male", tuple(_share(rows["SEX"] == "M") for rows in groups)),
    ]
    found += [
        (f"Stage {stage}", tuple(_share(rows["STAGE"] == stage) for rows in groups))
        for stage in sorted(set(adsl["STAGE"]))
    ]
    found += [
        (
            "CXCR4 high by immunohistochemistry",
            tuple(_share(rows["CXCR4GR"] == "high") for rows in groups),
        ),
        (
            "Distant founders on day 0",
            tuple(_share(rows["OCCMETS"] > 0) for rows in groups),
        ),
    ]
    return tuple(found)


def best_responses(
    adrs: pd.DataFrame, n_of: Mapping[str, int]
) -> dict[str, tuple[tuple[str, int], ...]]:
    """Return the best response of the patients of each arm, as the trial wrote it down."""
    best = adrs[adrs["PARAMCD"] == "BESTRESP"]
    found = {}
    for arm, n in n_of.items():
        mine = best[best["TRT01P"] == arm]["AVALC"]
        counts = [(name, int((mine == name).sum())) for name in _RESPONSES]
        found[arm] = (*counts, ("not assessed", n - sum(count for _, count in counts)))
    return found


def operations(
    adpath: pd.DataFrame, labels: Mapping[str, str], n_of: Mapping[str, int]
) -> list[tuple[str, tuple[str, ...]]]:
    """Return label and texts of the arms in which patients were operated on.

    The texts are: operated, R0, ypT0 ypN0, major response, ypN0, and nodes examined.
    """
    found = []
    for arm, label in labels.items():
        rows = adpath[adpath["TRT01P"] == arm]
        if rows.empty:
            continue
        shares = (rows["MARGIN"] == "R0", rows["PCR"], rows["MPR"], rows["YPN"] == 0)
        texts = [count_of(len(rows), n_of[arm]), *map(_share, shares)]
        found.append((label, (*texts, _middle(rows["NODEEXAM"], 0))))
    return found


def axis_drugs(protocol: Mapping[str, Any]) -> str:
    """Return the names of the drugs of the arms that act on CXCR4 or its ligand, or ``the drug``.

    Drugs that the library does not know are left out.
    """
    drugs = load_drugs()
    given = [
        item.get("drug")
        for part in (protocol, *protocol.get("arms", ()))
        for item in part.get("regimens", part.get("backbone", ()))
    ]
    names = [
        drugs[name].name
        for name in dict.fromkeys(given)
        if name in drugs and slot_of(drugs[name]) in AXIS_SLOTS
    ]
    return " or ".join(name[:1].lower() + name[1:] for name in names) or "the drug"


def event_counts(adtte: pd.DataFrame, arms: Sequence[str]) -> list[tuple[str, str, list[int]]]:
    """Return end point, what happened, and how often per arm, for every end point of the run.

    What patients died of is told for overall survival alone.
    """
    events = adtte[adtte["EVENT"]]
    elsewhere = events["PARAMCD"] != "OS"
    of_any_cause = events["EVNTDESC"].where(~elsewhere, events["EVNTDESC"].map(_without_cause))
    events = events.assign(EVNTDESC=of_any_cause)
    found = []
    for code in dict.fromkeys(adtte["PARAMCD"]):
        name = str(adtte.loc[adtte["PARAMCD"] == code, "PARAM"].iloc[0])
        mine = events[events["PARAMCD"] == code]
        for what in sorted(set(mine["EVNTDESC"])):
            rows = mine[mine["EVNTDESC"] == what]
            found.append((name, str(what), [int((rows["TRT01P"] == arm).sum()) for arm in arms]))
    return found


def _without_cause(description: str) -> str:
    return DEATH if description.startswith(DEATH) else description


def marrow_occupancy(adpd: pd.DataFrame, arm: str) -> Occupancy | None:
    """Return the occupancy of CXCR4 on marrow cells, read as that of the tumour is."""
    found = occupancy_summary(adpd, arm, paramcd="OCCHOST")
    return None if found is None else Occupancy.model_validate(found)


def cd34_rise(adpd: pd.DataFrame, summary: Summary) -> list[tuple[str, float, float]]:
    """Return label, median CD34+ cells per microlitre before the first dose, and at their peak."""
    rows = adpd[(adpd["PARAMCD"] == "CD34") & (adpd["ADY"] == 0)]
    return [
        (arm.label, float(before.median()), arm.cd34_peak_per_uL)
        for arm in summary.arms
        if arm.cd34_peak_per_uL is not None
        and len(before := rows.loc[rows["TRT01P"] == arm.arm, "AVAL"])
    ]


def values_not_packaged(
    parameters: pd.DataFrame, packaged: Mapping[str, float]
) -> dict[str, float]:
    """Return the parameters whose value is not the packaged one, with the value used."""
    return {
        str(name): float(value)
        for name, value in zip(parameters["ID"], parameters["VALUE"], strict=True)
        if name in packaged and packaged[name] != value
    }


def _overall_survival(pool: pd.DataFrame) -> dict[str, pd.DataFrame]:
    rows = pool[(pool["PARAMCD"] == "OS") & pool["AVAL"].notna()]
    return {
        str(arm): rows[rows["ARM"] == arm].set_index("USUBJID")[["AVAL", "EVENT"]]
        for arm in rows["ARM"].unique()
    }


def _mean_of(values: np.ndarray) -> Any:
    return lambda chosen: float(values[chosen].mean())


def _middle(values: pd.Series, digits: int) -> str:
    if values.empty:
        return ""
    low, middle, high = values.quantile([0.05, 0.5, 0.95])
    return f"{middle:.{digits}f} ({low:.{digits}f}–{high:.{digits}f})"


def _share(flags: pd.Series) -> str:
    return count_of(int(flags.sum()), len(flags))
