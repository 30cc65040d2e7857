"""From the pool to an allocated trial, and from tables to the headline summary."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from cxaxis.cohort.sample import Cohort
from cxaxis.core.arrays import FloatArray, IntArray
from cxaxis.core.streams import rng_for
from cxaxis.patient.readouts import hours_above
from cxaxis.trial.events import CAUSES, DEATH, END_POINTS
from cxaxis.trial.pool import INTENSIVE_DAY
from cxaxis.trial.protocol import Protocol
from cxaxis.trial.schemas import STAIN_CALLS

if TYPE_CHECKING:
    import pandas as pd

    from cxaxis.stats.survival import HazardRatio

DAYS_PER_MONTH: Final = 365.25 / 12.0
DAYS_PER_YEAR: Final = 365.25
HALF_OCCUPANCY: Final = 0.5
BOOTSTRAPS: Final = 1000


def follow_up(protocol: Protocol, cohort: Cohort) -> tuple[FloatArray, FloatArray, np.ndarray]:
    """Return entry day, last day of follow-up and whether drop-out ended it, per patient."""
    entry = (
        np.array(
            [
                rng_for(protocol.seed, "patient", i, "entry").uniform(0.0, 1.0)
                for i in cohort.indices
            ]
        )
        * protocol.enrolment.accrual_day
    )
    draws = np.array(
        [
            rng_for(protocol.seed, "patient", i, "dropout").standard_exponential()
            for i in cohort.indices
        ]
    )
    rate = protocol.enrolment.dropout_per_year / DAYS_PER_YEAR
    lost = draws / rate if rate > 0 else np.full(len(draws), np.inf)
    cut = protocol.horizon_day - entry
    return entry, np.minimum(lost, cut), lost < cut


def allocated_adtte(
    pool: pd.DataFrame, protocol: Protocol, cohort: Cohort, arms: IntArray
) -> pd.DataFrame:
    """Return the times to event of the allocated trial: one arm of each patient, censored.

    Patients whose simulation failed under their arm have no row; the outcome table has them. Nor
    have patients outside the analysis set of an end point, such as those without a complete
    resection for disease-free survival.
    """
    import pandas as pd

    _, last_day, dropped = follow_up(protocol, cohort)
    about = pd.DataFrame(
        {
            "USUBJID": cohort.labels,
            "TRT01P": np.array(protocol.arm_ids)[arms],
            "last_day": last_day,
            "dropped": dropped,
        }
    )
    rows = pool.merge(about, left_on=["USUBJID", "ARM"], right_on=["USUBJID", "TRT01P"])
    rows = rows[rows["AVAL"].notna()]
    # Progression is seen at a visit; a loss before it hides the event.
    seen = rows["EVENT"] & (rows["AVAL"] <= rows["last_day"])
    cut = np.where(rows["dropped"], "Lost to follow-up", "End of follow-up")
    reason = np.where(rows["AVAL"] < rows["last_day"], rows["EVNTDESC"], cut)
    frame = pd.DataFrame(
        {
            "STUDYID": protocol.sha256[:12],
            "USUBJID": rows["USUBJID"],
            "TRT01P": rows["TRT01P"],
            "PARAMCD": rows["PARAMCD"],
            "PARAM": rows["PARAMCD"].map(END_POINTS),
            "AVAL": np.minimum(rows["AVAL"], rows["last_day"]),
            "CNSR": (~seen).astype(np.int8),
            "EVENT": seen,
            "EVNTDESC": np.where(seen, rows["EVNTDESC"], reason),
        }
    )
    order = {code: rank for rank, code in enumerate(END_POINTS)}
    frame["rank"] = frame["PARAMCD"].map(order)
    kept = frame[frame["PARAMCD"].isin(protocol.endpoints)]
    return kept.sort_values(["rank", "USUBJID"], kind="stable").drop(columns="rank")


def adsl_of(protocol: Protocol, cohort: Cohort, arms: IntArray) -> pd.DataFrame:
    """Return one row per patient of the allocated trial."""
    import pandas as pd

    about = cohort.covariates
    entry, _, _ = follow_up(protocol, cohort)
    labels = [protocol.arms[arm].label for arm in arms]
    return pd.DataFrame(
        {
            "STUDYID": protocol.sha256[:12],
            "USUBJID": cohort.labels,
            "TRT01P": np.array(protocol.arm_ids)[arms],
            "ARM": labels,
            "AGE": about["age_year"],
            "SEX": about["sex"],
            "STAGE": about["stage"],
            "SITE": about["site"],
            "TCAT": np.asarray(about["t"]).astype(np.int8),
            "NCAT": np.asarray(about["n"]).astype(np.int8),
            "WEIGHT": about["weight_kg"],
            "HEIGHT": about["height_cm"],
            "CRCL": about["crcl_mL_min"],
            "CXCR4H": about["cxcr4_h_score"],
            "CXCL12H": about["cxcl12_h_score"],
            "ACKR3H": about["ackr3_h_score"],
            "PDL1CPS": about["pdl1_cps"],
            **{column: about[name] for name, column in STAIN_CALLS.items()},
            "BULKX4": about["bulk_cxcr4"],
            "SCX4": about["single_cell_cxcr4"],
            "SERUMX12": about["serum_cxcl12_ng_per_mL"],
            "CYTNODE": np.asarray(about["occult_nodes"]).astype(np.int32),
            "CYTMARR": about["marrow_cells_found"],
            "TUMDIAM": about["diameter_mm"],
            "OCCMETS": np.asarray(about["occult_metastases"]).astype(np.int32),
            "ENTRYDY": entry,
        }
    )


def _months(day: float | None) -> float | None:
    return None if day is None else day / DAYS_PER_MONTH


def _end_point(rows: pd.DataFrame) -> dict[str, Any]:
    from cxaxis.stats.survival import median_survival

    duration, event = rows["AVAL"].to_numpy(), rows["EVENT"].to_numpy(dtype=bool)
    if len(rows) == 0:
        return dict.fromkeys(("median_month", "median_low_month", "median_high_month")) | {
            "events": 0
        }
    middle = median_survival(duration, event)
    return {
        "events": int(event.sum()),
        "median_month": _months(middle.median_day),
        "median_low_month": _months(middle.low_day),
        "median_high_month": _months(middle.high_day),
    }


def _ratio(control: pd.DataFrame, treated: pd.DataFrame) -> dict[str, Any] | None:
    import pandas as pd

    from cxaxis.stats.survival import cox_hazard_ratio, log_rank

    both = pd.concat([control, treated])
    group = np.repeat([False, True], [len(control), len(treated)])
    duration, event = both["AVAL"].to_numpy(), both["EVENT"].to_numpy(dtype=bool)
    if len(control) == 0 or len(treated) == 0:
        return None
    ratio = cox_hazard_ratio(duration, event, group)
    if ratio is None:
        return None
    test = log_rank(duration, event, group)
    return {
        "hr": ratio.hr,
        "low": ratio.low,
        "high": ratio.high,
        "p_logrank": None if test is None else test.p,
    }


def occupancy_summary(
    adpd: pd.DataFrame, arm: str, *, paramcd: str = "OCCTUM"
) -> dict[str, float] | None:
    """Return occupancy of CXCR4 in one arm: troughs, mean and hours above one half.

    Troughs are readings just before a dose (whole days after the first); the mean and the
    hours come from the intensive day, or from all readings if the course is shorter.
    """
    rows = adpd[(adpd["TRT01P"] == arm) & (adpd["PARAMCD"] == paramcd)]
    if rows.empty:
        return None
    wide = rows.pivot(index="USUBJID", columns="ADY", values="AVAL").dropna()
    days = wide.columns.to_numpy(dtype=float)
    window = (days >= INTENSIVE_DAY) & (days <= INTENSIVE_DAY + 1.0)
    if window.sum() < 3:
        window = np.ones(len(days), dtype=bool)
    last = days[window][-1]
    trough = wide.loc[:, wide.columns == last].to_numpy()[:, 0]
    level = wide.loc[:, window].to_numpy()
    if len(trough) == 0 or last == days[window][0]:
        return None
    mean = np.trapezoid(level, days[window], axis=1) / (last - days[window][0])
    return {
        "trough_mean": float(trough.mean()),
        "trough_low": float(np.quantile(trough, 0.05)),
        "trough_high": float(np.quantile(trough, 0.95)),
        "mean": float(mean.mean()),
        "hours_above_half_per_day": float(hours_above(days[window], level, HALF_OCCUPANCY).mean()),
    }


def _cd34_peak(adpd: pd.DataFrame, arm: str) -> float | None:
    rows = adpd[(adpd["TRT01P"] == arm) & (adpd["PARAMCD"] == "CD34") & (adpd["ADY"] <= 1.0)]
    return None if rows.empty else float(rows.groupby("USUBJID")["AVAL"].max().median())


def pool_ratio(
    pool: pd.DataFrame, control: str, arm: str, *, seed: int, code: str = "OS"
) -> tuple[HazardRatio | None, int]:
    """Return the counterfactual death-rate ratio of an arm and the patients it rests on."""
    from cxaxis.stats.bootstrap import pool_rate_ratio

    rows = pool[(pool["PARAMCD"] == code) & pool["AVAL"].notna()]
    sides = {name: rows[rows["ARM"] == name].set_index("USUBJID") for name in (control, arm)}
    shared = sides[control].index.intersection(sides[arm].index, sort=False)
    left, right = sides[control].loc[shared], sides[arm].loc[shared]
    if len(shared) == 0:
        return None, 0
    days = [side["AVAL"].to_numpy(dtype=float) for side in (left, right)]
    events = [side["EVENT"].to_numpy(dtype=bool) for side in (left, right)]
    ratio = pool_rate_ratio(
        days[0],
        events[0],
        days[1],
        events[1],
        n_boot=BOOTSTRAPS,
        seed=seed,
        purpose=f"{arm}/{code}",
    )
    return ratio, len(shared)


def _prior_predictive(draws: pd.DataFrame) -> list[dict[str, Any]]:
    found = []
    for arm, rows in draws.groupby("ARM", sort=False):
        log_hr = rows["LOGHR"].dropna().to_numpy(dtype=float)
        if len(log_hr) == 0:
            continue
        low, middle, high = np.exp(np.quantile(log_hr, [0.05, 0.5, 0.95]))
        found.append(
            {
                "arm": str(arm),
                "p_harm": float((log_hr > 0).mean()),
                "hr_median": float(middle),
                "hr_low": float(low),
                "hr_high": float(high),
                "n_draws": len(log_hr),
            }
        )
    return found


def deaths_by_cause(os_rows: pd.DataFrame) -> dict[str, int]:
    """Return how many died of each cause."""
    told = os_rows.loc[os_rows["EVENT"], "EVNTDESC"]
    return {cause: int((told == f"{DEATH}: {cause}").sum()) for cause in CAUSES}


def _responders(adrs: pd.DataFrame, arm: str) -> int:
    """Return how many had a complete or partial response as their best."""
    rows = adrs[(adrs["TRT01P"] == arm) & (adrs["PARAMCD"] == "BESTRESP")]
    return int(rows["AVALC"].isin(["CR", "PR"]).sum())


def _resection(adpath: pd.DataFrame, arm: str) -> dict[str, Any] | None:
    """Return how many were operated on and with what result; None where nobody was."""
    rows = adpath[adpath["TRT01P"] == arm]
    if rows.empty:
        return None
    return {
        "operated": len(rows),
        "r0": int((rows["MARGIN"] == "R0").sum()),
        "complete_response": int(rows["PCR"].sum()),
        "major_response": int(rows["MPR"].sum()),
        "node_negative": int((rows["YPN"] == 0).sum()),
        "nodes_examined_median": float(rows["NODEEXAM"].median()),
    }


def summarise(protocol: Protocol, tables: Mapping[str, pd.DataFrame]) -> dict[str, Any]:
    """Return the content of ``summary.json`` from the tables of a run."""
    from cxaxis.stats.survival import median_follow_up

    adtte, adpd = tables["adtte"], tables["adpd"]
    by_arm = {
        (arm, code): adtte[(adtte["TRT01P"] == arm) & (adtte["PARAMCD"] == code)]
        for arm in protocol.arm_ids
        for code in ("OS", "PFS")
    }
    arms = []
    for arm in protocol.arms:
        os_rows, pfs_rows = by_arm[arm.id, "OS"], by_arm[arm.id, "PFS"]
        treated = arm.id != protocol.control
        followed = (
            median_follow_up(os_rows["AVAL"].to_numpy(), os_rows["EVENT"].to_numpy(dtype=bool))
            if len(os_rows)
            else None
        )
        arms.append(
            {
                "arm": arm.id,
                "label": arm.label,
                "n": int((tables["adsl"]["TRT01P"] == arm.id).sum()),
                "median_follow_up_month": _months(followed),
                "os": _end_point(os_rows),
                "pfs": _end_point(pfs_rows),
                "hr_os": _ratio(by_arm[protocol.control, "OS"], os_rows) if treated else None,
                "hr_pfs": _ratio(by_arm[protocol.control, "PFS"], pfs_rows) if treated else None,
                "deaths": deaths_by_cause(os_rows),
                "responders": _responders(tables["adrs"], arm.id),
                "resection": _resection(tables["adpath"], arm.id),
                "occupancy": occupancy_summary(adpd, arm.id),
                "cd34_peak_per_uL": _cd34_peak(adpd, arm.id),
            }
        )
    pool = []
    for arm in protocol.arms:
        if arm.id != protocol.control:
            ratio, n = pool_ratio(tables["pool"], protocol.control, arm.id, seed=protocol.seed)
            pool.append({"arm": arm.id, **_limits(ratio), "n": n})
    phi = [
        {
            "phi": phi,
            "arm": arm,
            **{
                key: None if np.isnan(value) else value
                for key, value in zip(("hr_os", "low", "high"), limits, strict=True)
            },
        }
        for phi, arm, *limits in tables["phi"][["PHI", "ARM", "HR", "LOW", "HIGH"]].values.tolist()
    ]
    return {
        "schema_version": 2,
        "title": protocol.title,
        "control": protocol.control,
        "horizon_day": protocol.horizon_day,
        "arms": arms,
        "pool": pool,
        "phi": phi,
        "prior_predictive": _prior_predictive(tables["uncertainty"]),
    }


def _limits(ratio: HazardRatio | None) -> dict[str, float | None]:
    if ratio is None:
        return {"hr_os": None, "low": None, "high": None}
    return {"hr_os": ratio.hr, "low": ratio.low, "high": ratio.high}
