"""Histology: the model is of squamous cancer alone, and what a mixed series would change.

Shares of the two types, and of tumours with CXCR4 among them, are data with their sources. A mixed
series pools hazard ratios of two diseases: nearly, by events, on the log scale.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from cxaxis.core.errors import ModelValueError
from cxaxis.knowledge.evidence import Evidence, load_evidence
from cxaxis.knowledge.hazard_ratios import load_hazard_ratios
from cxaxis.trial.study_tables import HISTOLOGY_EXPRESSION, HISTOLOGY_MIX, HISTOLOGY_RATIOS

if TYPE_CHECKING:
    import pandas as pd

#: Rows with a share of squamous cancer, %; then squamous cases, and all cases they are part of.
SHARES: Final = ("ANN031", "ANN033")
CASES: Final = ("ANN032", "ANN039")
ADENOCARCINOMA_CASES: Final = "ANN036"
#: Rows with a share of tumours that stain for CXCR4, %.
EXPRESSION: Final = (
    ("CLI002", "escc"),
    ("CLI003", "escc"),
    ("CLI008", "escc"),
    ("CLI005", "adenocarcinoma"),
    ("CLI006", "adenocarcinoma"),
)
#: Pooled ratio of death in squamous cancer, CXCR4 high against low.
SQUAMOUS_RATIO: Final = "HRT028"
_MIXES: Final = (1.0, 0.9, 0.75, 0.5, 0.25)
_ADENO: Final = (1.0, 1.5)


def histology_tables(
    evidence: Mapping[str, Evidence] | None = None,
) -> dict[str, pd.DataFrame]:
    """Return the tables of histology, by name.

    Parameters
    ----------
    evidence
        Rows by id; the packaged ones if omitted.

    Raises
    ------
    ModelValueError
        If a row is missing or holds no number.
    """
    import pandas as pd

    rows = load_evidence() if evidence is None else evidence
    mix = [
        (row.id, row.quantity, _number(rows, row.id) / 100.0, row.system, row.role)
        for row in (_row(rows, name) for name in SHARES)
    ]
    squamous, every = (_row(rows, name) for name in CASES)
    both = _number(rows, squamous.id) + _number(rows, ADENOCARCINOMA_CASES)
    mix += [
        (
            ", ".join(CASES),
            "squamous cases of all oesophageal cancers",
            _number(rows, squamous.id) / _number(rows, every.id),
            every.system,
            every.role,
        ),
        (
            f"{squamous.id}, {ADENOCARCINOMA_CASES}",
            "squamous cases of the two types",
            _number(rows, squamous.id) / both,
            squamous.system,
            squamous.role,
        ),
    ]
    stained = [
        (row.id, kind, row.quantity, _number(rows, row.id) / 100.0, row.system, row.role)
        for row, kind in ((_row(rows, name), kind) for name, kind in EXPRESSION)
    ]
    ratio = load_hazard_ratios()[SQUAMOUS_RATIO]
    if ratio.hr is None or ratio.low is None or ratio.high is None:
        msg = f"{SQUAMOUS_RATIO} holds no hazard ratio with its limits."
        raise ModelValueError(msg)
    ratios = [
        (share, other, *mixed_ratio((ratio.hr, ratio.low, ratio.high), other, share), ratio.id)
        for other in _ADENO
        for share in _MIXES
    ]
    return {
        schema.name: pd.DataFrame(found, columns=list(schema.column_names))
        for schema, found in (
            (HISTOLOGY_MIX, mix),
            (HISTOLOGY_EXPRESSION, stained),
            (HISTOLOGY_RATIOS, ratios),
        )
    }


def mixed_ratio(
    squamous: Sequence[float], other: float, share: float
) -> tuple[float, float, float]:
    """Return the hazard ratio, and its limits, of a series of two diseases.

    The mean of the log ratios by events: exact for the information of a stratified Cox model with
    equal allocation, and near it otherwise.

    Parameters
    ----------
    squamous
        Hazard ratio of squamous cancer with its limits, positive.
    other
        Hazard ratio of the other disease, taken as known, positive.
    share
        Share of the events that are of squamous cancer, in [0, 1].

    Raises
    ------
    ModelValueError
        If a ratio is not positive or the share is no share.
    """
    if min(*squamous, other) <= 0 or not 0.0 <= share <= 1.0:
        msg = f"needs positive ratios and a share in [0, 1], got {squamous}, {other}, {share}."
        raise ModelValueError(msg)
    log = share * np.log(np.asarray(squamous)) + (1.0 - share) * np.log(other)
    hr, low, high = np.exp(log).tolist()
    return hr, low, high


def _row(rows: Mapping[str, Evidence], name: str) -> Evidence:
    if name not in rows:
        msg = f"the evidence has no row {name}."
        raise ModelValueError(msg)
    return rows[name]


def _number(rows: Mapping[str, Any], name: str) -> float:
    try:
        return float(_row(rows, name).value)
    except ValueError as err:
        msg = f"{name} holds no number."
        raise ModelValueError(msg) from err
