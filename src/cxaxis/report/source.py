"""What the report reads: a complete run directory of a trial, checked before use."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
from pydantic import BaseModel, ConfigDict, Field, FiniteFloat, ValidationError

from cxaxis.core.errors import Finding, UserInputError, error, raise_on_errors
from cxaxis.core.ids import did_you_mean
from cxaxis.report.design_summary import Design
from cxaxis.runs.manifest import Manifest, check_tables, read_manifest
from cxaxis.runs.tables import read_table

TABLES = (
    "adsl",
    "adtte",
    "adtr",
    "adrs",
    "adpath",
    "adpd",
    "outcome",
    "pool",
    "phi",
    "uncertainty",
    "parameters",
)


class _Row(BaseModel):
    # A later writer may add keys; what the report reads is checked all the same.
    model_config = ConfigDict(frozen=True, extra="ignore")


class EndPoint(_Row):
    """Events and median of one end point in one arm; ``None`` where not reached."""

    events: int
    median_month: FiniteFloat | None
    median_low_month: FiniteFloat | None
    median_high_month: FiniteFloat | None


class AllocatedRatio(_Row):
    """Hazard ratio against control from allocated patients."""

    hr: FiniteFloat
    low: FiniteFloat
    high: FiniteFloat
    p_logrank: FiniteFloat | None


class Occupancy(_Row):
    """Receptor occupancy while treated; fractions, hours per day above one half."""

    trough_mean: FiniteFloat
    trough_low: FiniteFloat
    trough_high: FiniteFloat
    mean: FiniteFloat
    hours_above_half_per_day: FiniteFloat


class ArmSummary(_Row):
    """The headline row of one arm."""

    arm: str
    label: str
    n: int
    median_follow_up_month: FiniteFloat | None
    os: EndPoint
    pfs: EndPoint
    hr_os: AllocatedRatio | None
    hr_pfs: AllocatedRatio | None
    occupancy: Occupancy | None
    cd34_peak_per_uL: FiniteFloat | None


class PoolRatio(_Row):
    """Counterfactual death-rate ratio of the pool with its paired bootstrap interval."""

    arm: str
    hr_os: FiniteFloat | None
    low: FiniteFloat | None
    high: FiniteFloat | None
    n: int


class PhiRatio(_Row):
    """Counterfactual death-rate ratio at one causal share."""

    phi: FiniteFloat
    arm: str
    hr_os: FiniteFloat | None
    low: FiniteFloat | None
    high: FiniteFloat | None


class PriorPredictive(_Row):
    """Death-rate ratio over draws of the prior; limits are the 5th and 95th percentile."""

    arm: str
    p_harm: FiniteFloat
    hr_median: FiniteFloat
    hr_low: FiniteFloat
    hr_high: FiniteFloat
    n_draws: int


class ChangedKey(_Row):
    """A key of the protocol that is not as sealed."""

    key: str
    sealed: str
    present: str


class ReplacedSeal(_Row):
    """A seal of the same protocol before the one it carried."""

    sha256: str
    sealed_on: str


class SealEntry(_Row):
    """The seal that the protocol carried, and what was changed after it."""

    sha256: str
    sealed_on: str
    changed: bool
    differences: tuple[ChangedKey, ...] = ()
    basis_changed: tuple[str, ...] = ()
    replaces: tuple[ReplacedSeal, ...] = ()


class LookEntry(_Row):
    """One interim look, as `cxaxis.trial.interims.Look`."""

    number: int
    day: FiniteFloat
    patients: int
    events: int
    fraction: FiniteFloat
    z: FiniteFloat
    boundary: FiniteFloat | None
    futility_z: FiniteFloat | None
    alpha_spent: FiniteFloat
    decision: str


class Summary(_Row):
    """Content of ``summary.json``."""

    title: str
    control: str
    horizon_day: FiniteFloat = Field(gt=0)
    arms: tuple[ArmSummary, ...] = Field(min_length=1)
    pool: tuple[PoolRatio, ...] = ()
    phi: tuple[PhiRatio, ...] = ()
    prior_predictive: tuple[PriorPredictive, ...] = ()
    seal: SealEntry | None = None
    interim_looks: tuple[LookEntry, ...] = ()
    design: Design | None = None

    @property
    def control_arm(self) -> ArmSummary:
        """The arm the others are compared with."""
        return next(arm for arm in self.arms if arm.arm == self.control)

    @property
    def labels(self) -> dict[str, str]:
        """Arm id to the name shown to readers, in protocol order."""
        return {arm.arm: arm.label for arm in self.arms}


@dataclass(frozen=True, kw_only=True)
class TrialRun:
    """A complete trial run, read and checked."""

    manifest: Manifest
    protocol: Mapping[str, Any]
    summary: Summary
    tables: Mapping[str, pd.DataFrame]


def read_trial_run(directory: Path) -> TrialRun:
    """Read the run directory of a trial.

    Raises
    ------
    UserInputError
        With every finding: no such directory, no complete run, a run of another kind, a
        table changed or missing, a summary that cannot be used.
    """
    if not directory.is_dir():
        siblings = (
            [path.name for path in directory.parent.iterdir() if path.is_dir()]
            if directory.parent.is_dir()
            else []
        )
        hint = did_you_mean(directory.name, siblings) if siblings else ""
        message = (
            f"there is no such directory. Give the directory that `cxaxis trial run` wrote. {hint}"
        ).strip()
        raise UserInputError([error("REPT001", str(directory), message)])
    manifest = read_manifest(directory)
    if manifest.kind != "trial":
        message = f"this is a run of kind {manifest.kind!r}; the report is made of a trial run."
        raise UserInputError([error("REPT002", str(directory), message)])
    findings = check_tables(directory, manifest)
    findings += [
        error(
            "REPT003",
            str(directory),
            f"the run holds no table {name!r}. Run the trial again into a new directory.",
        )
        for name in TABLES
        if name not in manifest.tables
    ]
    protocol = _read_json(directory / "protocol.json", findings)
    summary = _read_summary(directory / "summary.json", findings)
    raise_on_errors(findings)
    if summary is None:
        raise UserInputError(findings)
    return TrialRun(
        manifest=manifest,
        protocol=protocol,
        summary=summary,
        tables={name: read_table(directory / f"{name}.parquet") for name in TABLES},
    )


def _read_json(path: Path, findings: list[Finding]) -> dict[str, Any]:
    try:
        payload = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        message = "the file is missing. Run the trial again into a new directory."
        findings.append(error("REPT004", str(path), message))
        return {}
    except (OSError, ValueError) as err:
        message = f"the file cannot be read ({err}). Run the trial again into a new directory."
        findings.append(error("REPT004", str(path), message))
        return {}
    if not isinstance(payload, dict):
        message = "the file should hold a JSON object. Run the trial again into a new directory."
        findings.append(error("REPT004", str(path), message))
        return {}
    return payload


def _read_summary(path: Path, findings: list[Finding]) -> Summary | None:
    before = len(findings)
    payload = _read_json(path, findings)
    if len(findings) > before:
        return None
    try:
        summary = Summary.model_validate(payload)
    except ValidationError as err:
        for item in err.errors():
            key = ".".join(str(part) for part in item["loc"])
            message = (
                f"{key}: {item['msg']}, found {item['input']!r}. The summary was changed or "
                "comes from another version: run the trial again into a new directory."
            )
            findings.append(error("REPT005", str(path), message))
        return None
    if summary.control not in summary.labels:
        message = f"control {summary.control!r} is not one of the arms {', '.join(summary.labels)}."
        findings.append(error("REPT005", str(path), message))
        return None
    return summary
