"""The figures of the report, each with a title, a text for those who do not see it, a caption."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from cxaxis.figures.kaplan_meier import kaplan_meier
from cxaxis.figures.output import to_svg
from cxaxis.figures.ratios import ForestRow, forest, hazard_ratio_against_phi
from cxaxis.figures.style import ArmStyle, arm_styles, figure_of
from cxaxis.figures.time_courses import occupancy_over_time, tumour_burden
from cxaxis.report.source import AllocatedRatio, ArmSummary, EndPoint, Summary, TrialRun
from cxaxis.report.words import NOT_REACHED, median, ratio, tested_ratio

_CLOSE_UP_DAYS = 3.0
_DENSE_STEP_DAY = 0.26
_SHORT_WINDOW_DAYS = 14.0
_FEWEST_VISIT_SHARE = 20


@dataclass(frozen=True, kw_only=True)
class Drawing:
    """One figure of the page."""

    name: str
    svg: str
    caption: str


def styles_of(summary: Summary) -> tuple[ArmStyle, ...]:
    """Return the style of each arm, control first."""
    return arm_styles(summary.labels, control=summary.control)


def survival_drawing(run: TrialRun, *, paramcd: str, end_point: str) -> Drawing:
    """Draw one end point with numbers at risk."""
    axes = kaplan_meier(
        run.tables["adtte"],
        styles_of(run.summary),
        paramcd=paramcd,
        y_label=end_point,
        horizon_day=run.summary.horizon_day,
    )
    told = "; ".join(
        f"{arm.label}: {_end_point(arm, paramcd).events} events in {arm.n} patients, median "
        f"{_median_words(_end_point(arm, paramcd))}"
        + (
            f", hazard ratio against control {tested_ratio(_tested(arm, paramcd))}"
            if arm.arm != run.summary.control
            else ""
        )
        for arm in run.summary.arms
    )
    return _drawing(
        axes,
        name=f"km-{paramcd.lower()}",
        title=f"{end_point} by arm",
        description=f"Kaplan-Meier curves. {told}.",
        caption=(
            f"{end_point} of the allocated patients. Band: pointwise 95 % interval (Greenwood, "
            "log-log). Ticks: patients censored. Dotted line: one half."
        ),
    )


def occupancy_drawings(run: TrialRun) -> list[Drawing]:
    """Draw tumour receptor occupancy: the course close up, and over the whole window."""
    adpd = run.tables["adpd"]
    rows = adpd[adpd["PARAMCD"] == "OCCTUM"]
    if rows["ADY"].nunique() < 2:
        return []
    summary = run.summary
    told = "; ".join(
        f"{arm.label}: trough {100 * arm.occupancy.trough_mean:.0f} %, mean "
        f"{100 * arm.occupancy.mean:.0f} %, {arm.occupancy.hours_above_half_per_day:.1f} hours "
        "per day above one half"
        for arm in summary.arms
        if arm.occupancy is not None
    )
    told = told or "No arm blocks the receptor."
    days = np.unique(rows["ADY"].to_numpy(dtype=np.float64))
    whole = (float(days[0]), float(days[-1]))
    band = "Line: median of patients; band: 5th to 95th percentile; dashed line: one half."
    close_up = _close_up(days)
    if close_up is None or whole[1] - whole[0] <= _SHORT_WINDOW_DAYS:
        axes = occupancy_over_time(rows, styles_of(summary), window_day=whole)
        return [
            _drawing(
                axes,
                name="occupancy",
                title="Receptor occupancy in the tumour over the treatment window",
                description=told,
                caption=f"Share of tumour CXCR4 blocked. {band} Triangles: troughs.",
            )
        ]
    evenly = bool(np.all(np.diff(days) <= _DENSE_STEP_DAY))
    first = (close_up[0], min(close_up[1], close_up[0] + _CLOSE_UP_DAYS))
    caption = f"Share of tumour CXCR4 blocked, first days of the window. {band} Triangles: troughs."
    if not evenly:
        caption += " Later days were sampled too sparsely to draw the course between doses."
    drawings = [
        _drawing(
            occupancy_over_time(rows, styles_of(summary), window_day=first),
            name="occupancy-close-up",
            title="Receptor occupancy in the tumour over the first days",
            description=told,
            caption=caption,
        )
    ]
    # A lowest value means the same on every day only where every day was sampled alike.
    if evenly:
        axes = occupancy_over_time(
            daily_lowest(rows),
            styles_of(summary),
            window_day=whole,
            y_label="Lowest occupancy of the day",
        )
        drawings.append(
            _drawing(
                axes,
                name="occupancy",
                title="Lowest receptor occupancy of each day over the treatment window",
                description=told,
                caption=f"Lowest sampled occupancy of each day over the whole window. {band}",
            )
        )
    return drawings


def daily_lowest(adpd: pd.DataFrame) -> pd.DataFrame:
    """Return the lowest value of each patient on each day, at the start of the day."""
    by = ["USUBJID", "TRT01P", "PARAMCD", "ADY"]
    whole_days = adpd.assign(ADY=np.floor(adpd["ADY"]))
    return whole_days.groupby(by, as_index=False).agg({"AVAL": "min"})


def burden_drawing(run: TrialRun) -> Drawing | None:
    """Draw the sum of diameters, or nothing when no visit has enough patients."""
    adtr = run.tables["adtr"]
    if adtr.empty or adtr.groupby(["TRT01P", "ADY"]).size().max() < 5:
        return None
    # A late visit of a few survivors would draw a line of its own.
    least = max(5, min(arm.n for arm in run.summary.arms) // _FEWEST_VISIT_SHARE)
    if adtr.groupby(["TRT01P", "ADY"]).size().max() < least:
        least = 5
    axes = tumour_burden(adtr, styles_of(run.summary), least_patients=least)
    return _drawing(
        axes,
        name="burden",
        title="Tumour burden over time by arm",
        description="Median and quartiles of the sum of target-lesion diameters at each visit.",
        caption=(
            "Sum of target-lesion diameters at the visits: median and quartiles of the patients "
            f"alive and assessed, visits with fewer than {least} left out. Those who died are "
            "missing, so that the curves speak of survivors."
        ),
    )


def pool_drawing(run: TrialRun) -> Drawing | None:
    """Draw the counterfactual hazard ratios beside those of the allocated trial."""
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
            )
        )
        told.append(f"{label}, pool: {ratio(item.hr_os, item.low, item.high)}")
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
    return _drawing(
        forest(rows, x_label="Hazard ratio of death against control"),
        name="pool",
        title="Hazard ratios of death against control, pool and allocated trial",
        description=". ".join(told) + ".",
        caption=(
            "Counterfactual: every virtual patient lives once under each arm, with the same "
            "chance. Pool intervals are 95 % percentiles of a paired bootstrap over patients; "
            "they hold the model's parameters fixed and are no p-value. Allocated intervals are "
            "those of the trial above."
        ),
    )


def phi_drawing(run: TrialRun) -> Drawing | None:
    """Draw the headline as a function of the causal share."""
    table = phi_table(run.summary)
    if table.empty or table["hr_os"].notna().sum() == 0:
        return None
    told = ". ".join(
        f"{run.summary.labels.get(item.arm, item.arm)}, share {item.phi:g}: "
        f"{ratio(item.hr_os, item.low, item.high)}"
        for item in run.summary.phi
    )
    return _drawing(
        hazard_ratio_against_phi(table, styles_of(run.summary)),
        name="phi",
        title="Hazard ratio of death as a function of the causal share",
        description=f"{told}.",
        caption=(
            "Counterfactual hazard ratio in the pool for each causal share φ, with paired "
            "bootstrap 95 % intervals."
        ),
    )


def phi_table(summary: Summary) -> pd.DataFrame:
    """Return the ratios by causal share as a table; missing estimates are not a number."""
    return pd.DataFrame(
        [item.model_dump() for item in summary.phi],
        columns=["phi", "arm", "hr_os", "low", "high"],
    ).astype({"phi": float, "hr_os": float, "low": float, "high": float})


def _close_up(days: np.ndarray) -> tuple[float, float] | None:
    """Return the first stretch sampled several times a day, if it lasts a day or longer."""
    dense = np.diff(days) <= _DENSE_STEP_DAY
    if not dense.any():
        return None
    first = int(np.argmax(dense))
    rest = dense[first:]
    stop = first + (len(rest) if rest.all() else int(np.argmin(rest)))
    start, end = float(days[first]), float(days[stop])
    return (start, end) if end - start >= 1.0 else None


def _end_point(arm: ArmSummary, paramcd: str) -> EndPoint:
    return arm.os if paramcd == "OS" else arm.pfs


def _tested(arm: ArmSummary, paramcd: str) -> AllocatedRatio | None:
    return arm.hr_os if paramcd == "OS" else arm.hr_pfs


def _median_words(end_point: EndPoint) -> str:
    words = median(end_point)
    return words if words == NOT_REACHED else f"{words} months"


def _drawing(axes: Axes, *, name: str, title: str, description: str, caption: str) -> Drawing:
    svg = to_svg(figure_of(axes), name=name, title=title, description=description)
    return Drawing(name=name, svg=svg, caption=caption)
