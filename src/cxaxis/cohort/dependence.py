"""How the covariates of a cohort go together: rank correlations of expression and stage."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from cxaxis.core.arrays import FloatArray

_SHOWN: Final = {
    "CXCR4": "cxcr4_h_score",
    "CXCL12": "cxcl12_h_score",
    "ACKR3": "ackr3_h_score",
    "PD-L1": "pdl1_cps",
    "T": "t",
    "N": "n",
    "Stage": "stage",
}
_STAGES: Final = ("II", "III", "IVA", "IVB")
LEAST_PATIENTS: Final = 4


@dataclass(frozen=True, kw_only=True)
class Dependence:
    """Rank correlations.

    Attributes
    ----------
    names
        What is correlated.
    values
        Spearman's coefficients, shape ``(n_name, n_name)``; not a number beside what is the same
        in every patient.
    """

    names: tuple[str, ...]
    values: FloatArray


def spearman_table(covariates: Mapping[str, Any]) -> Dependence | None:
    """Return Spearman's correlations of the stains, T, N and stage.

    Parameters
    ----------
    covariates
        Of a cohort, shape ``(n_patient,)`` each.

    Returns
    -------
    None for fewer than `LEAST_PATIENTS` patients, or if all but one are constant. What is the
    same in every patient is left out.
    """
    from scipy.stats import spearmanr

    stage = np.asarray(covariates["stage"])
    columns = {name: np.asarray(covariates[key]) for name, key in _SHOWN.items() if name != "Stage"}
    columns["Stage"] = np.array([_STAGES.index(item) for item in stage.tolist()])
    varying = {name: v.astype(float) for name, v in columns.items() if len(np.unique(v)) > 1}
    if len(stage) < LEAST_PATIENTS or len(varying) < 2:
        return None
    names = tuple(varying)
    values = np.eye(len(names))
    for i, first in enumerate(names):
        for k, second in enumerate(names[:i]):
            found = float(spearmanr(varying[first], varying[second]).statistic)
            values[i, k] = values[k, i] = found
    return Dependence(names=names, values=values)
