"""Biomarkers that a protocol may select or allocate by: their columns, ranges and calls."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from cxaxis.core.arrays import BoolArray
from cxaxis.trial.protocol_parts import BiomarkerBands, Enrichment
from cxaxis.trial.schemas import STAIN_CALLS

if TYPE_CHECKING:
    from cxaxis.trial.protocol import Protocol


@dataclass(frozen=True, kw_only=True)
class Biomarker:
    """A biomarker that is a number.

    Attributes
    ----------
    covariate
        Its name among the covariates of a cohort.
    low, high
        Ends of its range, in `unit`; ``high`` may be infinite.
    unit
        Empty for a number without unit.
    """

    covariate: str
    low: float
    high: float
    unit: str = ""

    @property
    def range_text(self) -> str:
        """The range in words."""
        unit = f" {self.unit}" if self.unit else ""
        if math.isinf(self.high):
            return f"{self.low:g}{unit} and more"
        return f"{self.low:g} to {self.high:g}{unit}"


#: Column of ``adsl`` -> biomarker.
BIOMARKERS: Final[Mapping[str, Biomarker]] = MappingProxyType(
    {
        "CXCR4H": Biomarker(covariate="cxcr4_h_score", low=0.0, high=300.0),
        "CXCL12H": Biomarker(covariate="cxcl12_h_score", low=0.0, high=300.0),
        "ACKR3H": Biomarker(covariate="ackr3_h_score", low=0.0, high=300.0),
        "PDL1CPS": Biomarker(covariate="pdl1_cps", low=0.0, high=100.0),
        "BULKX4": Biomarker(covariate="bulk_cxcr4", low=0.0, high=math.inf),
        "SCX4": Biomarker(covariate="single_cell_cxcr4", low=0.0, high=1.0),
        "SERUMX12": Biomarker(
            covariate="serum_cxcl12_ng_per_mL", low=0.0, high=math.inf, unit="ng/mL"
        ),
    }
)
#: Column of ``adsl`` -> covariate: stains called high or low by a published cut-off.
CALLS: Final[Mapping[str, str]] = MappingProxyType(
    {column: covariate for covariate, column in STAIN_CALLS.items()}
)


def enters(enrichment: Enrichment | None, covariates: Mapping[str, Any]) -> BoolArray:
    """Return who may enter.

    Parameters
    ----------
    enrichment
        What is asked for; None for nothing.
    covariates
        Of a cohort, each of shape ``(n_patient,)``; see `cxaxis.cohort.sample.Cohort`.
    """
    if enrichment is None:
        return np.ones(len(np.asarray(covariates["stage"])), dtype=bool)
    if enrichment.call is not None:
        calls = np.asarray(covariates[CALLS[enrichment.biomarker]])
        return np.asarray(calls == enrichment.call)
    values = np.asarray(covariates[BIOMARKERS[enrichment.biomarker].covariate], dtype=float)
    return np.asarray(values > (-math.inf if enrichment.above is None else enrichment.above))


def strata_of(protocol: Protocol, covariates: Mapping[str, Any]) -> list[str]:
    """Return the stratum of each patient, such as ``III/high``; empty text without strata."""
    columns = [np.asarray(covariates[name]).astype(str) for name in protocol.strata]
    columns += [_bands(item, covariates) for item in protocol.biomarker_strata or ()]
    if not columns:
        return [""] * len(np.asarray(covariates["stage"]))
    return ["/".join(parts) for parts in zip(*columns, strict=True)]


def _bands(item: BiomarkerBands, covariates: Mapping[str, Any]) -> np.ndarray:
    values = np.asarray(covariates[BIOMARKERS[item.biomarker].covariate], dtype=float)
    starts = np.sort([low for low, _ in item.bands])
    return np.maximum(np.searchsorted(starts, values, side="right") - 1, 0).astype(str)


def band_faults(bands: Sequence[tuple[float, float | None]], biomarker: Biomarker) -> list[str]:
    """Return what is wrong with bands, in words without full stop: each overlap and each gap."""
    faults = []
    ends = [(low, math.inf if high is None else high) for low, high in bands]
    for low, high in ends:
        outside = low < biomarker.low or (low >= biomarker.high and high > low)
        if low >= high:
            faults.append(f"{_text(low, high)} ends before it begins")
        elif outside or (not math.isinf(high) and high > biomarker.high):
            faults.append(f"{_text(low, high)} is outside its range, {biomarker.range_text}")
    if faults or not ends:
        return faults or ["there is none"]
    ordered = sorted(ends)
    for (low, high), (next_low, next_high) in pairwise(ordered):
        if next_low < high:
            faults.append(f"{_text(low, high)} and {_text(next_low, next_high)} overlap")
        elif next_low > high:
            faults.append(f"from {high:g} to {next_low:g} there is none")
    if ordered[0][0] > biomarker.low:
        faults.append(f"below {ordered[0][0]:g} there is none")
    if max(high for _, high in ordered) < biomarker.high:
        faults.append(f"above {max(high for _, high in ordered):g} there is none")
    return faults


def _text(low: float, high: float) -> str:
    return f"[{low:g}, {'null' if math.isinf(high) else f'{high:g}'}]"
