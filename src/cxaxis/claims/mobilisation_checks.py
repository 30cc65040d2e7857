"""Simulation checks of stem cells leaving the marrow."""

from __future__ import annotations

from typing import Final

import numpy as np

from cxaxis.claims.breaks import multiplied, without
from cxaxis.claims.check import check
from cxaxis.claims.context import CheckContext, WorldFailedError
from cxaxis.claims.experiments import volunteer
from cxaxis.claims.records import Measured
from cxaxis.core.arrays import FloatArray
from cxaxis.knowledge.drug_records import Dose

HOURS: Final[FloatArray] = np.arange(0.0, 97.0, 0.25)
PLERIXAFOR: Final = Dose(value=240.0, unit="ug/kg")
OLAPTESED: Final = Dose(value=4.0, unit="mg/kg")
# A count that has not moved has no peak.
LEAST_RISE: Final = 1.1


def _cd34(ctx: CheckContext, drug: str, dose: Dose, route: str) -> FloatArray:
    result = volunteer(ctx, drug, dose=dose, route=route, hours=HOURS, outputs=("cd34_blood",))
    return np.asarray(result.of("cd34_blood")[0])


def _hours_above_half_rise(count: FloatArray) -> float:
    rise = count - count[0]
    if count.max() < LEAST_RISE * count[0]:
        return 0.0
    return float((rise >= rise.max() / 2.0).sum() * (HOURS[1] - HOURS[0]))


@check(
    claims=["C146"],
    role="fitted",
    cost="fast",
    needs=["patient"],
    control=without("cxcr4_per_host_cell"),
)
def cd34_peak_time(ctx: CheckContext) -> Measured:
    """Time of the CD34+ peak in blood after one 240 ug/kg plerixafor injection."""
    count = _cd34(ctx, "plerixafor", PLERIXAFOR, "subcutaneous")
    if count.max() < LEAST_RISE * count[0]:
        return Measured(0.0, "hour")
    return Measured(float(HOURS[int(np.argmax(count))]), "hour")


@check(
    claims=["C155"],
    role="fitted",
    cost="fast",
    needs=["patient"],
    control=multiplied(k_elimination_neutraliser=100.0),
)
def olaptesed_mobilises_longer(ctx: CheckContext) -> Measured:
    """Hours above half the CD34+ rise, olaptesed 4 mg/kg over plerixafor 240 ug/kg."""
    short = _hours_above_half_rise(_cd34(ctx, "plerixafor", PLERIXAFOR, "subcutaneous"))
    long = _hours_above_half_rise(_cd34(ctx, "olaptesed", OLAPTESED, "intravenous"))
    if short == 0.0:
        msg = "plerixafor moves no CD34+ cells in this world."
        raise WorldFailedError(msg)
    return Measured(long / short, "1")
