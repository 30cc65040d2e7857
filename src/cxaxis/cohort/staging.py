"""What a clinic says of a patient at diagnosis: the stage group, and stains high or low."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any, Final

import numpy as np

from cxaxis.core.arrays import FloatArray
from cxaxis.knowledge.ihc_cutoffs import IhcCutoff, load_ihc_cutoffs
from cxaxis.patient.assays import cutoff_for_share

#: The series whose share of CXCR4-positive tumours places the cut-off: squamous cases alone, with a
#: share printed in the paper.
IHC_SERIES: Final = "uchi_2016_cxcr4"

#: Marker -> the covariate with its virtual stain.
STAINS: Final[Mapping[str, str]] = {
    "CXCR4": "cxcr4_h_score",
    "CXCL12": "cxcl12_h_score",
    "ACKR3": "ackr3_h_score",
}

#: Thirds of the oesophagus in which a primary may lie; nothing in the model depends on it.
SITES: Final = ("upper", "middle", "lower")


def stage_group(t: np.ndarray, n_visible: np.ndarray, m_visible: np.ndarray) -> np.ndarray:
    """Return the clinical stage group of squamous cancer (AJCC/UICC 8).

    Parameters
    ----------
    t
        T category as a number, 2 to 4.
    n_visible
        Visible nodal deposits; 1 to 2 are N1, more are N2.
    m_visible
        Visible distant deposits.
    """
    n = np.where(n_visible == 0, 0, np.where(n_visible <= 2, 1, 2))
    stage = np.where(
        t == 4,
        "IVA",
        np.where((t == 3) & (n == 0), "II", np.where((t == 2) & (n <= 1), "II", "III")),
    )
    return np.where(m_visible > 0, "IVB", stage)


@cache
def stain_cutoffs() -> Mapping[str, IhcCutoff]:
    """Return the published cut-offs of markers with a virtual stain, by covariate of the call."""
    return {f"ihc_{row.id}": row for row in load_ihc_cutoffs().values() if row.marker in STAINS}


def ihc_status(
    h_score: FloatArray, series: FloatArray, positive_share: float | None = None
) -> np.ndarray:
    """Return ``high`` or ``low`` for each score by the cut-off of a series.

    Parameters
    ----------
    h_score
        Scores to tell, shape ``(n_patient,)``.
    series
        Scores of unselected tumours, of which the published share is high; those that are not
        numbers are left out, and without any other all tumours are low.
    positive_share
        The published share, in (0, 1); that of CXCR4 in `IHC_SERIES` if omitted.
    """
    known = series[np.isfinite(series)]
    if len(known) == 0:
        return np.full(len(h_score), "low", dtype="U4")
    share = positive_share or load_ihc_cutoffs()[IHC_SERIES].positive_share
    return np.where(h_score > cutoff_for_share(known, share), "high", "low")


def stain_calls(covariates: Mapping[str, Any], series: Mapping[str, Any]) -> dict[str, np.ndarray]:
    """Return ``high`` or ``low`` by every published cut-off, and ``cxcr4_ihc`` by `IHC_SERIES`.

    Parameters
    ----------
    covariates, series
        Stains (`STAINS`) of those to tell, and of the unselected tumours that place the cut-offs.
    """
    calls = {
        name: ihc_status(
            np.asarray(covariates[STAINS[row.marker]]),
            np.asarray(series[STAINS[row.marker]]),
            row.positive_share,
        )
        for name, row in stain_cutoffs().items()
    }
    return {**calls, "cxcr4_ihc": calls[f"ihc_{IHC_SERIES}"]}
