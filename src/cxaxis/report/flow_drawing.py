"""The flow of patients as the page shows it: a figure and a table."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd

from cxaxis.figures.flow import FlowBox, flow_chart
from cxaxis.figures.output import to_svg
from cxaxis.figures.style import arm_styles
from cxaxis.report.drawings import Drawing
from cxaxis.report.result_tables import PageTable

_ENDS = ("died", "lost", "treated", "followed")


def flow_drawing(flow: pd.DataFrame, labels: Mapping[str, str], *, control: str) -> Drawing:
    """Draw the flow of patients.

    Parameters
    ----------
    flow
        The table `cxaxis.trial.result_schemas.FLOW`.
    labels
        Arm id to the name shown, in protocol order.
    control
        Id of the control arm.
    """
    before = flow[flow["ARM"].isna()].set_index("STEP")
    steps = {arm: flow[flow["ARM"] == arm].set_index("STEP") for arm in labels}
    left_out = before[before.index.str.startswith("excluded_")]
    excluded = None
    if len(left_out):
        total = int(left_out["N"].sum())
        excluded = FlowBox(
            lines=(
                f"Not enrolled: {total}",
                *(f"{r['LABEL']}: {r['N']}" for r in left_out.to_dict("records")),
            )
        )
    trunk = [
        FlowBox(lines=(f"{str(before.loc[step, 'LABEL']).capitalize()}: {before.loc[step, 'N']}",))
        for step in ("screened", "randomised")
        if step in before.index
    ]
    styles = {style.arm: style for style in arm_styles(labels, control=control)}
    told = "; ".join(
        f"{labels[arm]}: {table.loc['allocated', 'N']} allocated, "
        f"{table.loc['analysed', 'N']} analysed"
        for arm, table in steps.items()
    )
    figure = flow_chart(
        trunk, excluded, [(styles[arm], _boxes(labels[arm], table)) for arm, table in steps.items()]
    )
    svg = to_svg(
        figure,
        name="flow",
        title="Flow of patients",
        description=f"{before.loc['randomised', 'N']} randomised. {told}.",
    )
    return Drawing(
        name="flow",
        svg=svg,
        caption=(
            "From screening to analysis. Virtual candidates are screened until every stage has its "
            "places; treatment is given as planned until death."
        ),
    )


def flow_table(flow: pd.DataFrame, labels: Mapping[str, str]) -> PageTable:
    """Return the same numbers as a table."""
    return PageTable(
        title="Flow of patients",
        caption="The numbers of the figure.",
        columns=("Step", "Arm", "Patients"),
        rows=tuple(
            (
                f"not enrolled: {row['LABEL']}" if "excluded" in row["STEP"] else row["LABEL"],
                "" if row["ARM"] is None else labels.get(row["ARM"], row["ARM"]),
                str(row["N"]),
            )
            for row in flow.to_dict("records")
        ),
    )


def _boxes(label: str, table: pd.DataFrame) -> list[FlowBox]:
    rows: dict[str, Any] = {str(row["STEP"]): row for row in table.reset_index().to_dict("records")}

    def line(step: str) -> str:
        return f"{rows[step]['LABEL']}: {rows[step]['N']}"

    given = [
        line(step)
        for step in ("received", "failed", "completed_treatment", "operated")
        if step in rows and (step != "failed" or rows[step]["N"] > 0)
    ]
    return [
        FlowBox(lines=(label, line("allocated"), *given)),
        FlowBox(lines=("Follow-up", *(line(step) for step in _ENDS if step in rows))),
        FlowBox(lines=("Analysis", line("analysed"))),
    ]
