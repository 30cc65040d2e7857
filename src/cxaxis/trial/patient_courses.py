"""What the tables of an allocated trial say of each patient: best change, response, events.

Nothing after the end of a patient's follow-up is used: a scan after loss to follow-up was not
seen by the trial.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from cxaxis.core.errors import ModelValueError

if TYPE_CHECKING:
    import pandas as pd

RESPONSES: Final = ("CR", "PR")
BY_PATIENT: Final = "USUBJID"


def best_changes(
    adtr: pd.DataFrame,
    adrs: pd.DataFrame,
    adtte: pd.DataFrame,
    adpath: pd.DataFrame | None = None,
) -> pd.DataFrame:
    """Return the best change of the target lesions of every patient who can have one.

    The smallest sum of a visit after day 0, against the sum on day 0. Visits count up to the
    first progression, the operation and the end of follow-up, whichever comes first.

    Parameters
    ----------
    adtr, adrs, adtte, adpath
        Tables of the run; ``adpath`` for the days of operations, None without any.

    Returns
    -------
    One row per patient in order of arm and change: ``USUBJID``, ``TRT01P``, ``BASE`` (mm),
    ``PCHG`` (best change, %, at least -100) and ``BESTRESP`` (as in ``adrs``, else ``NE``).
    Patients without target lesions on day 0 or without a later visit have no row.
    """
    rows = adtr[adtr["PARAMCD"] == "SUMDIAM"]
    last = _last_looked_at(adrs, adtte, adpath)
    first = rows[rows["ADY"] == 0.0].set_index(BY_PATIENT)["AVAL"].rename("BASE")
    later = rows[(rows["ADY"] > 0.0) & (rows["ADY"] <= rows[BY_PATIENT].map(last))]
    smallest = later.groupby(BY_PATIENT, sort=False).agg(
        TRT01P=("TRT01P", "first"), SMALLEST=("AVAL", "min")
    )
    found = smallest.join(first[first > 0.0], how="inner")
    found["PCHG"] = 100.0 * (found["SMALLEST"] / found["BASE"] - 1.0)
    best = adrs[adrs["PARAMCD"] == "BESTRESP"].set_index(BY_PATIENT)["AVALC"]
    found["BESTRESP"] = best.reindex(found.index).fillna("NE")
    ordered = found.reset_index().sort_values(
        ["TRT01P", "PCHG", BY_PATIENT], ascending=[True, False, True], kind="stable"
    )
    return ordered[[BY_PATIENT, "TRT01P", "BASE", "PCHG", "BESTRESP"]].reset_index(drop=True)


def patient_lanes(
    adtte: pd.DataFrame, adrs: pd.DataFrame, adpath: pd.DataFrame | None = None
) -> pd.DataFrame:
    """Return the days on which something happened to each patient, for a swimmer plot.

    Parameters
    ----------
    adtte, adrs, adpath
        Tables of the run, overall survival among the end points; ``adpath`` for the days of
        operations, None without any.

    Returns
    -------
    One row per patient: ``USUBJID``, ``TRT01P``, ``ENDDY`` (death or end of follow-up, days),
    ``DIED`` (boolean), ``OPERDY`` (operation), ``RESPDY`` (first complete or partial response,
    before any operation), ``RESPENDY`` (the first progression or operation after it, else
    ``ENDDY``) and ``PROGDY`` (first progression); days are not a number where there was none, or
    none within follow-up.

    Raises
    ------
    ModelValueError
        If the tables hold no overall survival.
    """
    rows = adtte[adtte["PARAMCD"] == "OS"]
    if rows.empty:
        msg = "the lanes of a swimmer plot end with overall survival; adtte has no PARAMCD 'OS'."
        raise ModelValueError(msg)
    lanes = rows.set_index(BY_PATIENT)[["TRT01P", "AVAL", "EVENT"]].rename(
        columns={"AVAL": "ENDDY", "EVENT": "DIED"}
    )
    visits = adrs[adrs["PARAMCD"] == "OVRLRESP"]
    visits = visits[visits["ADY"] <= visits[BY_PATIENT].map(lanes["ENDDY"])]
    operated = _operations(adpath).reindex(lanes.index)
    lanes["OPERDY"] = operated.where(operated <= lanes["ENDDY"])
    # An operation takes away what could respond.
    operation_day = visits[BY_PATIENT].map(lanes["OPERDY"]).fillna(np.inf)
    responses = visits[visits["AVALC"].isin(RESPONSES) & (visits["ADY"] <= operation_day)]
    progressions = visits[visits["AVALC"] == "PD"]
    lanes["RESPDY"] = _first_day(responses)
    lanes["PROGDY"] = _first_day(progressions)
    after = progressions[progressions["ADY"] > progressions[BY_PATIENT].map(lanes["RESPDY"])]
    ends = lanes[["ENDDY", "OPERDY"]].assign(PROGDY=_first_day(after))
    lanes["RESPENDY"] = ends.min(axis=1).where(lanes["RESPDY"].notna())
    columns = ["TRT01P", "ENDDY", "DIED", "RESPDY", "RESPENDY", "PROGDY", "OPERDY"]
    return lanes[columns].reset_index()


def _last_looked_at(
    adrs: pd.DataFrame, adtte: pd.DataFrame, adpath: pd.DataFrame | None
) -> pd.Series:
    """Return the last day on which the target lesions of each patient count."""
    import pandas as pd

    followed = adtte[adtte["PARAMCD"] == "OS"].set_index(BY_PATIENT)["AVAL"]
    progressed = adrs[(adrs["PARAMCD"] == "OVRLRESP") & (adrs["AVALC"] == "PD")]
    days = pd.concat([followed, _first_day(progressed), _operations(adpath)], axis=1)
    return days.min(axis=1)


def _first_day(rows: pd.DataFrame) -> pd.Series:
    return rows.groupby(BY_PATIENT, sort=False)["ADY"].min().astype(np.float64)


def _operations(adpath: pd.DataFrame | None) -> pd.Series:
    import pandas as pd

    if adpath is None or adpath.empty:
        return pd.Series(dtype=np.float64, name="ADY")
    return _first_day(adpath)
