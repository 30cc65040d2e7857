"""The figures of the report, each with a title, a text for those who do not see it, a caption."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from cxaxis.core.units import conversion_factor
from cxaxis.figures.kaplan_meier import kaplan_meier
from cxaxis.figures.output import to_svg
from cxaxis.figures.style import ArmStyle, arm_styles, figure_of
from cxaxis.figures.time_courses import circulating_cd34, occupancy_over_time, tumour_burden
from cxaxis.report.readings import axis_drugs, cd34_rise
from cxaxis.report.source import AllocatedRatio, ArmSummary, EndPoint, Summary, TrialRun
from cxaxis.report.words import NOT_REACHED, median, tested_ratio

_CLOSE_UP_DAYS = 3.0
_DENSE_STEP_DAY = 0.25
_FINE_STEP_DAY = 1.0 / 24.0
_LEAST_WINDOW_DAYS = 7.0
_FEWEST_VISIT_SHARE = 20
_BAND = "Line: median of patients; band: 5th to 95th percentile; dashed line: one half."


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
    return drawing(
        axes,
        name=f"km-{paramcd.lower()}",
        title=f"{end_point} by arm",
        description=f"Kaplan-Meier curves. {told}.",
        caption=(
            f"{end_point} of the allocated patients. Band: pointwise 95 % interval (Greenwood, "
            "log-log). Ticks: patients censored. Dotted line: one half."
            + (" Progression is seen at visits, hence the steps." if paramcd == "PFS" else "")
        ),
    )


def occupancy_drawings(run: TrialRun) -> list[Drawing]:
    """Draw receptor occupancy in tumour and marrow: one day close up, and the whole window."""
    drawings = []
    for paramcd, name, place in (
        ("OCCTUM", "occupancy", "tumour"),
        ("OCCHOST", "marrow-occupancy", "marrow"),
    ):
        adpd = run.tables["adpd"]
        rows = adpd[adpd["PARAMCD"] == paramcd]
        if rows["ADY"].nunique() >= 2:
            drawings.append(_close_up_drawing(run, rows, paramcd, name, place))
            if paramcd == "OCCTUM":
                drawings += _window_drawing(run, rows)
    # The two close-ups stand side by side, the window below them.
    return sorted(drawings, key=lambda item: item.name.endswith("window"))


def _close_up_drawing(
    run: TrialRun, rows: pd.DataFrame, paramcd: str, name: str, place: str
) -> Drawing:
    days = np.unique(rows["ADY"].to_numpy(dtype=np.float64))
    fine = _stretch(days, _FINE_STEP_DAY)
    dense = fine or _stretch(days, _DENSE_STEP_DAY)
    first, last = dense or (float(days[0]), float(days[-1]))
    last = min(last, first + (1.0 if fine else _CLOSE_UP_DAYS)) if dense else last
    shown = np.diff(days[(days >= first) & (days <= last)])
    step_hour = float(shown.max()) * conversion_factor("day", "hour")
    axes = occupancy_over_time(
        rows,
        styles_of(run.summary),
        paramcd=paramcd,
        window_day=(first, last),
        y_label=f"CXCR4 blocked in {place}",
        in_hours=fine is not None,
    )
    when = f"day {first:g} to {last:g}"
    return drawing(
        axes,
        name=name,
        title=f"Receptor occupancy in the {place}, {when}",
        description=_occupancy_told(run.summary, place),
        caption=(
            f"Share of {place} CXCR4 held by {axis_drugs(run.protocol)}, {when}, read every "
            f"{step_hour:.2g} h. "
            f"{_BAND}"
        ),
    )


def _window_drawing(run: TrialRun, rows: pd.DataFrame) -> list[Drawing]:
    days = np.unique(rows["ADY"].to_numpy(dtype=np.float64))
    # A lowest value means the same on every day only where every day was sampled alike.
    if np.any(np.diff(days) > _DENSE_STEP_DAY) or days[-1] - days[0] < _LEAST_WINDOW_DAYS:
        return []
    axes = occupancy_over_time(
        daily_lowest(rows),
        styles_of(run.summary),
        window_day=(float(days[0]), float(days[-1])),
        y_label="Lowest occupancy of the day",
    )
    return [
        drawing(
            axes,
            name="occupancy-window",
            title="Lowest receptor occupancy in the tumour on each day of the treatment window",
            description=_occupancy_told(run.summary, "tumour"),
            caption=(
                "Lowest occupancy of tumour CXCR4 read on each day of the treatment window. "
                f"{_BAND}"
            ),
        )
    ]


def _occupancy_told(summary: Summary, place: str) -> str:
    if place != "tumour":
        return "Course by arm; the numbers stand in the table of this section."
    told = "; ".join(
        f"{arm.label}: trough {100 * arm.occupancy.trough_mean:.0f} %, mean "
        f"{100 * arm.occupancy.mean:.0f} %, {arm.occupancy.hours_above_half_per_day:.1f} hours "
        "per day above one half"
        for arm in summary.arms
        if arm.occupancy is not None
    )
    return told or "No arm blocks the receptor."


def cd34_drawing(run: TrialRun) -> Drawing | None:
    """Draw the CD34+ cells in blood, or nothing without readings."""
    adpd = run.tables["adpd"]
    if adpd.loc[adpd["PARAMCD"] == "CD34", "ADY"].nunique() < 2:
        return None
    told = "; ".join(
        f"{label}: median {before:.1f} per µL before the first dose, {peak:.0f} at the peak of "
        "the first day"
        for label, before, peak in cd34_rise(adpd, run.summary)
    )
    return drawing(
        circulating_cd34(adpd, styles_of(run.summary)),
        name="cd34",
        title="CD34+ cells in blood over the treatment window",
        description=f"{told}.",
        caption=(
            "CD34+ cells in blood. Line: median of patients; band: 5th to 95th percentile. On "
            "the first day read every 6 hours, later once a day: under a daily dose just before "
            "the dose, so that the later peaks are not seen."
        ),
    )


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
    return drawing(
        axes,
        name="burden",
        title="Tumour burden over time by arm",
        description="Median and quartiles of the sum of target lesions at each visit.",
        caption=(
            "Sum of the target lesions by RECIST 1.1, as measured at the visits: median and "
            f"quartiles of the patients alive and assessed, visits with fewer than {least} left "
            "out. A lesion below 5 mm counts as zero, a lymph node by its short axis; after an "
            "operation nothing may be left to measure. Those who died are missing, so that the "
            "curves speak of survivors."
        ),
    )


def _stretch(days: np.ndarray, step_day: float) -> tuple[float, float] | None:
    """Return the first stretch sampled at least so densely, if it lasts a day or longer."""
    # Readings fall on binary fractions of a day, which carry rounding.
    dense = np.diff(days) <= step_day * (1 + 1e-9)
    edges = np.flatnonzero(np.diff(np.concatenate([[False], dense, [False]]).astype(int)))
    for start, stop in zip(edges[::2], edges[1::2], strict=True):
        if days[stop] - days[start] >= 1.0 - 1e-9:
            return float(days[start]), float(days[stop])
    return None


def _end_point(arm: ArmSummary, paramcd: str) -> EndPoint:
    return arm.os if paramcd == "OS" else arm.pfs


def _tested(arm: ArmSummary, paramcd: str) -> AllocatedRatio | None:
    return arm.hr_os if paramcd == "OS" else arm.hr_pfs


def _median_words(end_point: EndPoint) -> str:
    words = median(end_point)
    return words if words == NOT_REACHED else f"{words} months"


def drawing(axes: Axes, *, name: str, title: str, description: str, caption: str) -> Drawing:
    """Return axes as a figure of the page."""
    svg = to_svg(figure_of(axes), name=name, title=title, description=description)
    return Drawing(name=name, svg=svg, caption=caption)
