"""The evidence behind the parameters that the answer follows most."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from typing import Any

import pandas as pd

from cxaxis.report.result_tables import PageTable
from cxaxis.report.words import number, p_value
from cxaxis.trial.influence import MOST_INFLUENTIAL
from cxaxis.trial.results import TrialResults

_ASSUMED = "no source: a choice"


def influence_tables(
    results: TrialResults, parameters: pd.DataFrame, labels: Mapping[str, str]
) -> list[PageTable]:
    """Return one table per arm: its ten most influential parameters and what each rests on.

    Parameters
    ----------
    results
        Of the run.
    parameters
        Table of the run.
    labels
        Arm id to the name shown.
    """
    ranking = results.tables["influence"]
    rows = {row["ID"]: row for row in parameters.to_dict("records")}
    tables = []
    for arm, mine in ranking.groupby("ARM", sort=False):
        label = labels.get(str(arm), str(arm))
        top = mine.sort_values("RANK").head(MOST_INFLUENTIAL)
        n_draw, n_parameter = int(top["NDRAW"].iloc[0]), int(top["NPAR"].iloc[0])
        tables.append(
            PageTable(
                title=f"Ten most influential parameters, {label}",
                caption=(
                    "Spearman's rank correlation of the log ratio of death rates with the drawn "
                    f"parameter over {n_draw} draws; positive: a larger value makes the arm look "
                    "worse. Partial: the same given the other nine. p: for the largest of all "
                    f"{n_parameter} parameters that a patient depends on, Holm's rule; "
                    f"{_chance(top)} Evidence: citation, how it was read, and rows."
                ),
                columns=(
                    *("Parameter", "Value", "Correlation", "Partial", "p of all"),
                    *("Status", "Evidence"),
                ),
                rows=tuple(_row(item, rows.get(item["ID"], {})) for item in top.to_dict("records")),
            )
        )
    return tables


def evidence_words(parameter: Mapping[Hashable, Any]) -> str:
    """Return the references of a parameter with how each was read, and the rows of evidence."""
    source, rows = (str(parameter.get(key) or "") for key in ("SOURCE", "EVIDENCE"))
    if not rows:
        note = str(parameter.get("NOTE") or "")
        return f"{_ASSUMED}; {note}" if note else _ASSUMED
    listed = rows.replace(";", ", ")
    return f"{source} ({listed})" if source else listed


def _row(told: Mapping[Hashable, Any], parameter: Mapping[Hashable, Any]) -> tuple[str, ...]:
    value = parameter.get("VALUE")
    shown = number(float(value)) if isinstance(value, float) else ""
    unit = str(parameter.get("UNIT") or "")
    return (
        told["ID"],
        f"{shown} {'' if unit == '1' else unit}".strip(),
        f"{told['RHO']:+.2f}",
        "–" if pd.isna(told["PARTIAL"]) else f"{told['PARTIAL']:+.2f}",
        p_value(told["PANY"]),
        told["STATUS"],
        evidence_words(parameter),
    )


def _chance(top: pd.DataFrame) -> str:
    sure = int((top["PANY"] < 0.05).sum())
    if sure == 0:
        return "none is told from chance with so few draws, and the order says little."
    return f"{sure} of these ten {'is' if sure == 1 else 'are'} told from chance."
