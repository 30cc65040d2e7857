"""The figures of ratios: pool beside trial, against the causal share, over prior draws."""

from __future__ import annotations

import numpy as np
import pandas as pd

from cxaxis.figures.ratios import (
    ForestRow,
    forest,
    hazard_ratio_against_phi,
    prior_predictive_histogram,
)
from cxaxis.report.drawings import Drawing, drawing, styles_of
from cxaxis.report.source import Summary, TrialRun
from cxaxis.report.words import ratio, tested_ratio


def pool_drawing(run: TrialRun) -> Drawing | None:
    """Draw the counterfactual ratios beside those of the allocated trial."""
    summary = run.summary
    colours = {style.arm: style.colour for style in styles_of(summary)}
    rows, told = [], []
    for item in summary.pool:
        label = summary.labels.get(item.arm, item.arm)
        arm = next((arm for arm in summary.arms if arm.arm == item.arm), None)
        colour = colours.get(item.arm, "#22262a")
        rows.append(ForestRow(label=label, heading=True))
        rows.append(
            ForestRow(
                label=f"pool, {item.n} patients",
                hr=item.hr_os,
                low=item.low,
                high=item.high,
                colour=colour,
                digits=3,
            )
        )
        told.append(f"{label}, pool: {ratio(item.hr_os, item.low, item.high, digits=3)}")
        if arm is not None and arm.hr_os is not None:
            rows.append(
                ForestRow(
                    label="allocated trial",
                    hr=arm.hr_os.hr,
                    low=arm.hr_os.low,
                    high=arm.hr_os.high,
                    colour=colour,
                )
            )
            told.append(f"{label}, allocated: {tested_ratio(arm.hr_os)}")
    if not rows:
        return None
    return drawing(
        forest(rows, x_label="Ratio against control"),
        name="pool",
        title="Ratios of death against control, pool and allocated trial",
        description=". ".join(told) + ".",
        caption=(
            "Pool: ratio of deaths per person-time, counterfactual: every virtual patient lives "
            "once under each arm, with the same chance. Its intervals are 95 % percentiles of a "
            "paired bootstrap over patients; they hold the model's parameters fixed and are no "
            "p-value. Allocated trial: hazard ratio by Cox regression with its 95 % interval."
        ),
    )


def phi_drawing(run: TrialRun) -> Drawing | None:
    """Draw the headline as a function of the causal share."""
    table = phi_table(run.summary)
    if table.empty or table["hr_os"].notna().sum() == 0:
        return None
    told = ". ".join(
        f"{run.summary.labels.get(item.arm, item.arm)}, share {item.phi:g}: "
        f"{ratio(item.hr_os, item.low, item.high, digits=3)}"
        for item in run.summary.phi
    )
    return drawing(
        hazard_ratio_against_phi(table, styles_of(run.summary)),
        name="phi",
        title="Death-rate ratio as a function of the causal share",
        description=f"{told}.",
        caption=(
            "Ratio of deaths per person-time for each causal share φ, counterfactual, with "
            f"paired bootstrap 95 % intervals{_patients(run)}. Other parameters at their "
            "central values; lines join the shares that were simulated."
        ),
    )


def phi_table(summary: Summary) -> pd.DataFrame:
    """Return the ratios by causal share as a table; missing estimates are not a number."""
    return pd.DataFrame(
        [item.model_dump() for item in summary.phi],
        columns=["phi", "arm", "hr_os", "low", "high"],
    ).astype({"phi": float, "hr_os": float, "low": float, "high": float})


def prior_drawings(run: TrialRun) -> list[Drawing]:
    """Draw the death-rate ratios over prior draws, one figure per arm that was drawn."""
    drawn = []
    for rank, (arm, ratios) in enumerate(prior_ratios(run.tables["uncertainty"]).items()):
        label = run.summary.labels.get(arm, arm)
        harm = int(np.sum(ratios > 1.0))
        drawn.append(
            drawing(
                prior_predictive_histogram(ratios, label=label),
                name=f"prior-{rank}",
                title=f"Death-rate ratios over prior draws, {label}",
                description=(
                    f"{harm} of {len(ratios)} draws above 1; smallest {ratios.min():.3f}, "
                    f"largest {ratios.max():.3f}."
                ),
                caption=(
                    "Ratio of deaths per person-time in each draw, counterfactual. Bars left of "
                    "1: benefit; right of 1: harm. The axis spans at least 0.8 to 1.25, so that "
                    "noise does not look like an effect."
                ),
            )
        )
    return drawn


def prior_ratios(uncertainty: pd.DataFrame) -> dict[str, np.ndarray]:
    """Return the death-rate ratios of the draws that gave one, by arm id."""
    known = uncertainty[uncertainty["LOGHR"].notna()]
    return {
        str(arm): np.exp(rows["LOGHR"].to_numpy(dtype=np.float64))
        for arm, rows in known.groupby("ARM", sort=False)
    }


def _patients(run: TrialRun) -> str:
    counts = sorted({int(n) for n in run.tables["phi"]["NPAT"]})
    return f", {' or '.join(map(str, counts))} patients under each arm" if counts else ""
