"""A small, seeded run directory of a made-up trial, for tests of what reads one."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd

from cxaxis.core.ids import patient_id
from cxaxis.core.outcomes import ADVICE, Outcome
from cxaxis.core.streams import rng_for
from cxaxis.runs.manifest import Manifest, run_key, table_records, write_manifest
from cxaxis.runs.tables import Column, ColumnType, TableSchema, write_table
from cxaxis.stats.bootstrap import pool_rate_ratio
from cxaxis.stats.survival import cox_hazard_ratio, log_rank, median_follow_up, median_survival

ARMS = {
    "crt": "CRT",
    "crt_plerixafor_daily": "CRT + plerixafor 240 µg/kg daily",
    "crt_plerixafor_infusion": "CRT + plerixafor 400 µg/kg/day infusion",
}
EFFECTS = {"crt": 0.0, "crt_plerixafor_daily": -0.05, "crt_plerixafor_infusion": -0.15}
HORIZON_DAY = 1096.0
MONTH = 30.4375
LABELS = {"OS": "Overall survival", "PFS": "Progression-free survival"}

PROTOCOL = {
    "schema": 1,
    "title": "Chemoradiotherapy with and without plerixafor",
    "population": {"n_per_arm": 80, "stage_mix": {"II": 0.2, "III": 0.5, "IVA": 0.3}},
    "backbone": [
        {"id": "radiotherapy", "dose_gy": 50.4, "fractions": 28, "start_day": 0.0},
        {"drug": "cisplatin", "dose_mg_per_m2": 75.0, "days": [1, 29]},
    ],
    "arms": [
        {"id": "crt", "label": ARMS["crt"], "ratio": 1, "regimens": []},
        {
            "id": "crt_plerixafor_daily",
            "label": ARMS["crt_plerixafor_daily"],
            "ratio": 1,
            "regimens": [
                {
                    "drug": "plerixafor",
                    "dose_ug_per_kg": 240.0,
                    "every_hour": 24.0,
                    "from_day": 0.0,
                    "to_day": 38.0,
                }
            ],
        },
        {
            "id": "crt_plerixafor_infusion",
            "label": ARMS["crt_plerixafor_infusion"],
            "ratio": 1,
            "regimens": [
                {"drug": "plerixafor", "rate": {"value": 400, "unit": "ug/kg/day"}, "from_day": 0.0}
            ],
        },
    ],
    "endpoints": ["OS", "PFS"],
    "interim": [],
    "seed": 7,
    "horizon_day": HORIZON_DAY,
}


def write_run(
    directory: Path,
    *,
    n_per_arm: int = 80,
    failed: int = 0,
    dense_day: float = 20.0,
    seed: int = 7,
    change_summary: Callable[[dict], None] | None = None,
) -> Path:
    """Write a complete run directory and return it."""
    directory.mkdir(parents=True)
    allocated, pool = _lives(3 * n_per_arm, seed)
    tables = {
        "adsl": _adsl(allocated),
        "adtte": _adtte(allocated),
        "adtr": _adtr(allocated, seed),
        "adrs": _adrs(allocated),
        "adpath": _adpath(allocated),
        "adpd": _adpd(allocated, seed, dense_day),
        "pool": _pool(pool),
        "phi": _phi_table(),
        "uncertainty": _uncertainty(),
        "outcome": _outcome(allocated, failed),
        "parameters": _parameters(),
    }
    for name, frame in tables.items():
        write_table(frame, directory / f"{name}.parquet", _schema(name, frame))
    summary = _summary(tables["adtte"], pool)
    if change_summary is not None:
        change_summary(summary)
    for name, payload in (("summary", summary), ("protocol", PROTOCOL)):
        text = json.dumps(payload, indent=1, ensure_ascii=False)
        (directory / f"{name}.json").write_text(text, encoding="utf-8")
    parts = {
        "protocol": "3f" * 32,
        "sbml": "a1" * 32,
        "parameters": "0c" * 32,
        "wiring": {"harm_release": "on"},
        "seed": seed,
        "tolerances": {"atol": 1e-9, "rtol": 1e-6},
        "version": "0.1.0",
    }
    write_manifest(
        directory,
        Manifest(
            kind="trial",
            title=summary["title"],
            seed=seed,
            run_key=run_key(parts),
            key_parts=parts,
            counts={"completed": 9 * n_per_arm - failed, "step_too_small": failed},
            tables=table_records(directory, tables),
        ),
    )
    return directory


def _lives(n: int, seed: int) -> tuple[pd.DataFrame, pd.DataFrame]:
    rng = rng_for(seed, "synthetic_lives")
    frailty = np.exp(0.5 * rng.standard_normal(n))
    death, progression = rng.exponential(size=(2, n))
    rows = []
    for arm, log_hr in EFFECTS.items():
        hazard = frailty * np.exp(log_hr)
        os_day = np.maximum(900 * death / hazard, 1.0)
        pfs_day = np.minimum(os_day, 40 + 500 * progression / hazard)
        rows.append(
            pd.DataFrame(
                {
                    "USUBJID": [patient_id(k) for k in range(n)],
                    "index": range(n),
                    "ARM": arm,
                    "OS": os_day,
                    "PFS": pfs_day,
                }
            )
        )
    pool = pd.concat(rows, ignore_index=True)
    arm_of = np.array(list(ARMS))[np.arange(n) % 3]
    allocated = pool[pool["ARM"].to_numpy() == arm_of[pool["index"]]].sort_values("index")
    return allocated.reset_index(drop=True), pool


def _adsl(allocated: pd.DataFrame) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "STUDYID": "SYNTH",
            "USUBJID": allocated["USUBJID"],
            "TRT01P": allocated["ARM"],
            "ARM": allocated["ARM"].map(ARMS),
            "AGE": 62.0,
            "SEX": np.where(allocated["index"] % 4 == 0, "F", "M"),
            "STAGE": np.array(["II", "III", "III", "IVA"])[allocated["index"] % 4],
            "WEIGHT": 60.0,
            "CXCR4GR": np.where(allocated["index"] % 2 == 0, "high", "low"),
            "TUMDIAM": 40.0,
            "OCCMETS": np.where(allocated["index"] % 4 == 3, 2, 0).astype("int32"),
        }
    )


def _adrs(allocated: pd.DataFrame) -> pd.DataFrame:
    parts = [
        pd.DataFrame(
            {
                "USUBJID": allocated["USUBJID"],
                "TRT01P": allocated["ARM"],
                "PARAMCD": code,
                "ADY": day,
                "AVALC": np.where(allocated["index"] % 3 == 0, best, then),
            }
        )[allocated["OS"] > day]
        for code, day, best, then in (
            ("OVRLRESP", 0.0, "SD", "SD"),
            ("OVRLRESP", 84.0, "CR", "PR"),
            ("OVRLRESP", 168.0, "CR", "PD"),
            ("BESTRESP", 0.0, "CR", "PR"),
        )
    ]
    return pd.concat(parts, ignore_index=True)


def _adpath(allocated: pd.DataFrame) -> pd.DataFrame:
    """Everybody is operated on: all R0, one node negative in two, no response."""
    return pd.DataFrame(
        {
            "USUBJID": allocated["USUBJID"],
            "TRT01P": allocated["ARM"],
            "ADY": 77.0,
            "MARGIN": "R0",
            "YPN": np.where(allocated["index"] % 2 == 0, 0, 1).astype("int8"),
            "NODEEXAM": np.int32(20),
            "PCR": False,
            "MPR": False,
        }
    )


def _pool(pool: pd.DataFrame) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "USUBJID": pool["USUBJID"],
            "ARM": pool["ARM"],
            "PARAMCD": "OS",
            "AVAL": np.minimum(pool["OS"], HORIZON_DAY),
            "EVENT": pool["OS"] <= HORIZON_DAY,
        }
    )


def _phi_table() -> pd.DataFrame:
    arms = list(ARMS)[1:]
    return pd.DataFrame({"PHI": 1.0, "ARM": arms, "HR": 0.9, "LOW": 0.8, "HIGH": 1.0, "NPAT": 48})


def _uncertainty() -> pd.DataFrame:
    log_hr = np.where(np.arange(64) < 20, 0.05, -0.1)
    parts = [
        pd.DataFrame(
            {
                "DRAW": np.arange(64),
                "ARM": arm,
                "PHI": 0.5,
                "WIRING": np.where(np.arange(64) % 4 == 0, "niche_release=on", "default"),
                "LOGHR": log_hr,
                "NPAT": 24,
            }
        )
        for arm in list(ARMS)[1:]
    ]
    return pd.concat(parts, ignore_index=True)


def _adtte(allocated: pd.DataFrame) -> pd.DataFrame:
    entry = 200.0 * rng_for(1, "entry").random(len(allocated))
    parts = []
    for code in ("OS", "PFS"):
        end = HORIZON_DAY - entry
        parts.append(
            pd.DataFrame(
                {
                    "STUDYID": "SYNTH",
                    "USUBJID": allocated["USUBJID"],
                    "TRT01P": allocated["ARM"],
                    "PARAMCD": code,
                    "PARAM": LABELS[code],
                    "AVAL": np.minimum(allocated[code], end),
                    "EVENT": allocated[code].to_numpy() <= end,
                }
            )
        )
    table = pd.concat(parts, ignore_index=True)
    table["CNSR"] = (~table["EVENT"]).astype("int8")
    happened = table["PARAMCD"].map({"OS": "Death", "PFS": "Progression"})
    table["EVNTDESC"] = np.where(table["EVENT"], happened, "End of follow-up")
    return table


def _adtr(allocated: pd.DataFrame, seed: int) -> pd.DataFrame:
    rng = rng_for(seed, "synthetic_burden")
    start = 45 * np.exp(0.3 * rng.standard_normal(len(allocated)))
    parts = []
    for day in np.arange(0.0, HORIZON_DAY, 84.0):
        alive = allocated["OS"].to_numpy() > day
        size = start * (0.25 + 0.75 * np.exp(-day / 40) + 0.6 * (day / 900) ** 2)
        parts.append(
            pd.DataFrame(
                {
                    "USUBJID": allocated["USUBJID"][alive],
                    "TRT01P": allocated["ARM"][alive],
                    "PARAMCD": "SUMDIAM",
                    "ADY": day,
                    "AVAL": size[alive],
                }
            )
        )
    return pd.concat(parts, ignore_index=True)


def _adpd(allocated: pd.DataFrame, seed: int, dense_day: float) -> pd.DataFrame:
    days = np.arange(0, dense_day, 1 / 8)
    if dense_day < 20:
        days = np.concatenate([days, np.arange(dense_day, 40.0, 1.0)])
    clearance = np.exp(0.2 * rng_for(seed, "synthetic_pk").standard_normal(len(allocated)))
    parts = []
    for patient, arm, factor in zip(allocated["USUBJID"], allocated["ARM"], clearance, strict=True):
        if arm == "crt":
            free = np.zeros(len(days))
        elif arm == "crt_plerixafor_daily":
            rate = 4.32 * factor
            free = 700 * np.exp(-rate * (days % 1)) / (1 - np.exp(-rate))
        else:
            free = 270 / factor * (1 - np.exp(-4.32 * factor * days))
        quantities = (
            ("OCCTUM", free / (free + 84), "fraction"),
            ("OCCHOST", free / (free + 168), "fraction"),
            ("CD34", 2.0 + 20 * free / (free + 168), "1/uL"),
        )
        parts += [
            pd.DataFrame(
                {
                    "USUBJID": patient,
                    "TRT01P": arm,
                    "PARAMCD": code,
                    "ADY": days,
                    "AVAL": value,
                    "AVALU": unit,
                }
            )
            for code, value, unit in quantities
            if code == "OCCTUM" or arm != "crt"
        ]
    return pd.concat(parts, ignore_index=True)


def _outcome(allocated: pd.DataFrame, failed: int) -> pd.DataFrame:
    table = pd.DataFrame(
        [(patient, arm) for arm in ARMS for patient in allocated["USUBJID"]],
        columns=["USUBJID", "ARM"],
    )
    bad = np.arange(len(table)) < failed
    return table.assign(
        OUTCOME=np.where(bad, "step_too_small", "completed"),
        TIME_DAY=np.where(bad, 12.5, HORIZON_DAY),
        STATE=np.where(bad, "cxcl12_free", ""),
        MESSAGE=np.where(bad, "step below 1e-12 <day>", ""),
        ADVICE=np.where(bad, ADVICE[Outcome.STEP_TOO_SMALL], ""),
    )


def _parameters() -> pd.DataFrame:
    return pd.DataFrame(
        [
            ("kd_plerixafor_cxcr4", 84.0, "nM", "log", 0.9, 0.0, "measured", "DRG010;DRG011", ""),
            (
                "cl_plerixafor",
                3.6,
                "L/h",
                "log",
                0.15,
                0.22,
                "measured",
                "DRG014",
                "apparent, CL/F",
            ),
            (
                "alpha_rt",
                0.3,
                "1/Gy",
                "log",
                0.3,
                0.4,
                "borrowed",
                "CLI031",
                "other squamous sites",
            ),
            ("ke_plerixafor", 4.3e-5, "1/s", "log", 0.2, 0.0, "derived", "DRG014", "CL / V"),
            ("phi", 0.25, "", "linear", 0.29, 0.0, "assumed", "", "causal share, uniform <0, 1>"),
        ],
        columns=["ID", "VALUE", "UNIT", "SCALE", "SPREAD", "OMEGA", "STATUS", "EVIDENCE", "NOTE"],
    ).assign(SPECIES="human", RELEVANCE=1.0, WIDENED=lambda rows: rows["SPREAD"])


def _schema(name: str, frame: pd.DataFrame) -> TableSchema:
    kinds: dict[str, ColumnType] = {"f": "float64", "b": "bool"}
    kinds |= {"int8": "int8", "int32": "int32", "int64": "int64"}

    def kind_of(column: str) -> ColumnType:
        dtype = frame[column].dtype
        return kinds.get(dtype.name, kinds.get(dtype.kind, "string"))

    return TableSchema(
        name=name,
        meaning="synthetic",
        columns=tuple(
            Column(name=column, type=kind_of(column), unit="", meaning="")
            for column in frame.columns
        ),
    )


def _summary(adtte: pd.DataFrame, pool: pd.DataFrame) -> dict:
    arms = []
    for arm, label in ARMS.items():
        item: dict = {"arm": arm, "label": label}
        for code, key in (("OS", "os"), ("PFS", "pfs")):
            rows = adtte[adtte["PARAMCD"] == code]
            mine = rows[rows["TRT01P"] == arm]
            middle = median_survival(mine["AVAL"], mine["EVENT"])
            item["n"] = len(mine)
            item[key] = {
                "events": int(mine["EVENT"].sum()),
                "median_month": _month(middle.median_day),
                "median_low_month": _month(middle.low_day),
                "median_high_month": _month(middle.high_day),
            }
            if code == "OS":
                followed = median_follow_up(mine["AVAL"], mine["EVENT"])
                item["median_follow_up_month"] = _month(followed)
            item[f"hr_{key}"] = None if arm == "crt" else _ratio(rows, arm)
        item["occupancy"] = (
            None
            if arm == "crt"
            else {
                "trough_mean": 0.11 if "daily" in arm else 0.76,
                "trough_low": 0.04,
                "trough_high": 0.8,
                "mean": 0.49 if "daily" in arm else 0.76,
                "hours_above_half_per_day": 11.6 if "daily" in arm else 24.0,
            }
        )
        item["cd34_peak_per_uL"] = {"crt": None}.get(arm, 24.0)
        arms.append(item)
    return {
        "schema_version": 1,
        "title": PROTOCOL["title"],
        "control": "crt",
        "horizon_day": HORIZON_DAY,
        "arms": arms,
        "pool": [_pool_ratio(pool, arm) for arm in list(ARMS)[1:]],
        "phi": [
            {"phi": phi, "arm": arm}
            | {
                key: float(np.exp(phi * EFFECTS[arm] * factor))
                for key, factor in (("hr_os", 1.0), ("low", 1.3), ("high", 0.7))
            }
            for arm in list(ARMS)[1:]
            for phi in (0.0, 0.25, 0.5, 0.75, 1.0)
        ],
        "prior_predictive": [
            {
                "arm": arm,
                "p_harm": 0.31,
                "hr_median": 0.97,
                "hr_low": 0.78,
                "hr_high": 1.14,
                "n_draws": 64,
            }
            for arm in list(ARMS)[1:]
        ],
    }


def _month(day: float | None) -> float | None:
    return None if day is None else day / MONTH


def _ratio(rows: pd.DataFrame, arm: str) -> dict:
    both = rows[rows["TRT01P"].isin(["crt", arm])]
    treated = (both["TRT01P"] == arm).to_numpy()
    found = cox_hazard_ratio(both["AVAL"], both["EVENT"], treated)
    test = log_rank(both["AVAL"], both["EVENT"], treated)
    return {"hr": found.hr, "low": found.low, "high": found.high, "p_logrank": test.p}


def _pool_ratio(pool: pd.DataFrame, arm: str) -> dict:
    sides = []
    for side in ("crt", arm):
        day = pool.loc[pool["ARM"] == side, "OS"].to_numpy()
        sides += [np.minimum(day, HORIZON_DAY), day <= HORIZON_DAY]
    found = pool_rate_ratio(*sides, n_boot=200, seed=1, purpose=arm)
    n = len(sides[0])
    return {"arm": arm, "hr_os": found.hr, "low": found.low, "high": found.high, "n": n}
