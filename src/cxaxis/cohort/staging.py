"""What a clinic says of a patient at diagnosis: the stage group, and CXCR4 high or low."""

from __future__ import annotations

from functools import cache
from typing import Final

import numpy as np

from cxaxis.core.arrays import FloatArray
from cxaxis.knowledge.ihc_cutoffs import load_ihc_cutoffs
from cxaxis.patient.assays import cutoff_for_share

#: The series whose share of CXCR4-positive tumours places the cut-off: squamous cases alone, with a
#: share printed in the paper.
IHC_SERIES: Final = "uchi_2016_cxcr4"


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
def ihc_positive_share() -> float:
    """Return the share of tumours that `IHC_SERIES` calls positive."""
    return load_ihc_cutoffs()[IHC_SERIES].positive_share


def ihc_status(h_score: FloatArray, series: FloatArray) -> np.ndarray:
    """Return ``high`` or ``low`` for each score by the cut-off of a series.

    Parameters
    ----------
    h_score
        Scores to tell, shape ``(n_patient,)``.
    series
        Scores of unselected tumours, of which the published share is high; those that are not
        numbers are left out, and without any other all tumours are low.
    """
    known = series[np.isfinite(series)]
    if len(known) == 0:
        return np.full(len(h_score), "low", dtype="U4")
    return np.where(h_score > cutoff_for_share(known, ihc_positive_share()), "high", "low")
