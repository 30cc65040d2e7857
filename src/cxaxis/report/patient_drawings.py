"""The figures of subgroups and of patients one by one, as the page shows them."""

from __future__ import annotations

from collections.abc import Mapping

from matplotlib.figure import Figure

from cxaxis.figures.output import to_svg
from cxaxis.figures.style import figure_of
from cxaxis.figures.subgroups import subgroup_forest
from cxaxis.report.drawings import Drawing
from cxaxis.report.source import TrialRun
from cxaxis.report.trial_figures import EVENT_WORDS, swimmer_figure, waterfall_figure
from cxaxis.report.words import p_value
from cxaxis.trial.patient_courses import best_changes
from cxaxis.trial.subgroup_effects import TrialSubgroups


def subgroup_drawings(
    run: TrialRun, subgroups: Mapping[str, TrialSubgroups], *, paramcd: str = "OS"
) -> list[Drawing]:
    """Draw the hazard ratios in subgroups, one figure per arm that has them.

    Parameters
    ----------
    run
        The run.
    subgroups
        By arm; those of `cxaxis.trial.results.TrialResults`.
    paramcd
        End point of the subgroups.
    """
    labels, control = run.summary.labels, run.summary.control
    others = [name for name in labels if name != control]
    drawn = []
    for arm, found in subgroups.items():
        rank = others.index(arm)
        axes = subgroup_forest(
            found.everyone,
            found.factors,
            treated=labels[arm],
            control=labels[control],
            end_point=EVENT_WORDS[paramcd],
        )
        tested = "; ".join(
            f"{item.factor}: {p_value(item.p_interaction)}" for item in found.factors
        )
        drawn.append(
            _drawn(
                figure_of(axes),
                name=f"subgroups-{rank}",
                title=f"Hazard ratio of {EVENT_WORDS[paramcd]} in subgroups, {labels[arm]}",
                description=f"Interaction by factor. {tested}.",
                caption=(
                    "Cox regression within each subgroup, ties by Efron's rule; area of a square "
                    "by events, line down from the ratio of all patients. Interaction: likelihood "
                    "ratio of one effect against an effect per level, not corrected for the number "
                    "of factors looked at. A subgroup is small; none was fixed as a comparison of "
                    "the protocol."
                ),
            )
        )
    return drawn


def waterfall_drawing(run: TrialRun) -> Drawing | None:
    """Draw the best change of every patient's target lesions, or nothing without any."""
    tables, summary = run.tables, run.summary
    changes = best_changes(tables["adtr"], tables["adrs"], tables["adtte"], tables["adpath"])
    if changes.empty:
        return None
    told = "; ".join(
        f"{label}: {int((mine['PCHG'] <= -30).sum())} of {len(mine)} measured again shrank by "
        "30 % or more"
        for arm, label in summary.labels.items()
        if len(mine := changes[changes["TRT01P"] == arm])
    )
    return _drawn(
        waterfall_figure(
            tables["adsl"],
            tables["adtte"],
            tables["adtr"],
            tables["adrs"],
            summary.labels,
            control=summary.control,
            adpath=tables["adpath"],
        ),
        name="waterfall",
        title="Best change of the target lesions, patient by patient",
        description=f"{told}.",
        caption=(
            "Smallest sum of the target lesions at a visit against that of day 0, up to the first "
            "progression, an operation or the end of follow-up. Colour: best response, which a "
            "new lesion makes progression whatever the targets do. Dashed lines: −30 % and +20 %. "
            "Patients without target lesions or a second look have no bar."
        ),
    )


def swimmer_drawing(run: TrialRun) -> Drawing | None:
    """Draw the courses of patients, or nothing without overall survival."""
    tables, summary = run.tables, run.summary
    os_rows = tables["adtte"][tables["adtte"]["PARAMCD"] == "OS"]
    if os_rows.empty:
        return None
    died = int(os_rows["EVENT"].sum())
    return _drawn(
        swimmer_figure(
            tables["adtte"],
            tables["adrs"],
            summary.labels,
            control=summary.control,
            horizon_day=summary.horizon_day,
            adpath=tables["adpath"],
        ),
        name="swimmer",
        title="Courses of patients from allocation to death or end of follow-up",
        description=f"{died} of {len(os_rows)} patients die within follow-up.",
        caption=(
            "A lane is a patient. Of many, those evenly spaced by length of follow-up are shown. "
            "Response and progression are seen at visits; a response lasts until progression, "
            "operation or the end of follow-up."
        ),
    )


def _drawn(figure: Figure, *, name: str, title: str, description: str, caption: str) -> Drawing:
    svg = to_svg(figure, name=name, title=title, description=description)
    return Drawing(name=name, svg=svg, caption=caption)
