"""The meta-analysis of CXCR4 and survival: series, published pools, and what carries the ratio.

Published pools share studies: they stand side by side and are pooled with nothing.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from cxaxis.claims.context import CheckContext, tabled_world
from cxaxis.claims.prognosis_checks import (
    ADVANCED_AMONG_LOW,
    POOL_OF_ESCC,
    POOL_OF_THE_REVIEW,
    STAGE_AND_DEATH,
    STAGE_AND_MARKER,
    decomposition,
)
from cxaxis.figures.forest import ForestLine, ForestSection, meta_analysis_forest
from cxaxis.knowledge.checks import Knowledge
from cxaxis.knowledge.evidence import Reference
from cxaxis.knowledge.hazard_ratios import HazardRatio
from cxaxis.knowledge.pooling import (
    DEATH_ENDPOINTS,
    assumed_effects,
    gaps,
    overlap,
    poolable,
    published_pools,
)
from cxaxis.report.drawings import Drawing, drawing
from cxaxis.stats.crude_decomposition import ASSUMED, Step
from cxaxis.stats.meta_analysis import MetaAnalysis, pool
from cxaxis.stats.study_effects import StudyEffect

STEP_WORDS: Final[Mapping[str, str]] = {
    "crude": "as published",
    "without_cut_off_search": "without the search for the best cut-off",
    "without_selection": "and without the preference for significant results",
    "without_stage": "and without what stage carries",
}
# For a look at the order of size: how many patients died where a series prints no deaths, and
# how many stained high where it prints none.
ASSUMED_EVENT_SHARE: Final = 0.6
ASSUMED_SHARE_HIGH: Final = 0.58
LONGEST_NAME: Final = 24


@dataclass(frozen=True, kw_only=True)
class StepRow:
    """One step from the crude ratio, in words and numbers."""

    words: str
    ratio: str
    factor: str
    range: str


@dataclass(frozen=True, kw_only=True)
class PooledView:
    """What the section shows.

    Attributes
    ----------
    findings
        What follows, one sentence each.
    series
        Cells of each single series: study, n, cut-off, end point, result, why there is no number.
    pools
        Cells of each published pool: study, patients, studies, hazard ratio.
    steps
        By pool, what is left of the crude ratio step by step.
    assumptions
        What the steps assume.
    drawing
        The forest plot.
    """

    findings: tuple[str, ...]
    series: tuple[tuple[str, ...], ...]
    pools: tuple[tuple[str, ...], ...]
    steps: tuple[tuple[str, tuple[StepRow, ...]], ...]
    assumptions: tuple[str, ...]
    drawing: Drawing


def pooled_view(knowledge: Knowledge) -> PooledView:
    """Return the meta-analysis of CXCR4 staining and death as the ledger page shows it."""
    rows = tuple(knowledge.hazard_ratios.values())
    effects = poolable(rows, marker="CXCR4", endpoints=DEATH_ENDPOINTS)
    missing = gaps(rows, marker="CXCR4", endpoints=DEATH_ENDPOINTS)
    pools = published_pools(rows, marker="CXCR4", endpoints=DEATH_ENDPOINTS)
    guessed = assumed_effects(
        rows,
        marker="CXCR4",
        endpoints=DEATH_ENDPOINTS,
        event_share=ASSUMED_EVENT_SHARE,
        share_high=ASSUMED_SHARE_HIGH,
    )
    context = CheckContext(knowledge=knowledge, world=tabled_world(knowledge))
    steps = {name: decomposition(context, name) for name in (POOL_OF_ESCC, POOL_OF_THE_REVIEW)}
    own = pool(effects) if effects else None
    order = pool(guessed) if guessed else None
    return PooledView(
        findings=tuple(_findings(knowledge, own, order, missing, pools, steps)),
        series=tuple(_series_cells(row, knowledge) for row in missing),
        pools=tuple(_pool_cells(row, knowledge) for row in pools),
        steps=tuple(
            (_name(knowledge.hazard_ratios[name], knowledge), tuple(map(_step_row, found)))
            for name, found in steps.items()
        ),
        assumptions=_assumptions(knowledge),
        drawing=_forest(knowledge, effects, missing, guessed, order, pools),
    )


def _name(row: HazardRatio, knowledge: Knowledge) -> str:
    return short_citation(knowledge.references[row.study])


def short_citation(reference: Reference) -> str:
    """Return author and year of a reference, or its id in words where it names no author."""
    short = reference.citation.partition(". ")[0].partition(", ")[0]
    return short if len(short) <= LONGEST_NAME else reference.id.replace("_", " ").capitalize()


def _ratio(ratio: float, low: float, high: float) -> str:
    return f"{ratio:.2f} ({low:.2f} to {high:.2f})"


def _findings(
    knowledge: Knowledge,
    own: MetaAnalysis | None,
    order: MetaAnalysis | None,
    missing: Sequence[HazardRatio],
    pools: Sequence[HazardRatio],
    steps: Mapping[str, tuple[Step, ...]],
) -> list[str]:
    told = []
    if own is None:
        told.append(
            "No hazard ratio with an interval of a single series could be read: all "
            f"{len({row.study for row in missing})} series are gaps, and nothing is pooled here."
        )
    else:
        told.append(
            f"{len(own.studies)} series pooled here: "
            f"{_ratio(own.random.ratio, own.random.low, own.random.high)} (random effects), "
            f"{_ratio(own.fixed.ratio, own.fixed.low, own.fixed.high)} (fixed effect), "
            f"I2 {own.heterogeneity.i2:.0%}."
        )
    if order is not None:
        random = order.random
        told.append(
            f"For the order of size alone: {len(order.studies)} series whose P value or verdict "
            f"was read, with {ASSUMED_EVENT_SHARE:.0%} of patients taken to have died, would pool "
            f"to {_ratio(random.ratio, random.low, random.high)} (random effects, Hartung-Knapp; "
            f"I2 {order.heterogeneity.i2:.0%})."
        )
    escc = steps[POOL_OF_ESCC]
    stage_alone = escc[0].ratio / escc[-1].factor
    told.append(
        f"A crude {escc[0].ratio:.2f} becomes {stage_alone:.2f} by stage alone, and "
        f"{escc[-1].ratio:.2f} ({escc[-1].low:.2f} to {escc[-1].high:.2f}) if cut-offs were "
        f"searched and null results withheld as assumed below; {escc[-1].least:.2f} to "
        f"{escc[-1].most:.2f} over milder and stronger assumptions."
    )
    for index, one in enumerate(pools):
        for other in pools[index + 1 :]:
            common = overlap(knowledge.hazard_ratios.values(), one, other)
            shared = len(common.shared) + len(common.possible)
            told.append(
                f"{_name(one, knowledge)} and {_name(other, knowledge)} share or may share "
                f"{shared} of the series listed; they are not pooled."
            )
    return told


def _series_cells(row: HazardRatio, knowledge: Knowledge) -> tuple[str, ...]:
    p_value = ""
    if row.p_value is not None:
        p_value = f", P {'<' if row.p_value_is_bound else '='} {row.p_value:g}"
    return (
        _name(row, knowledge),
        "" if row.n is None else str(row.n),
        row.cut_off or "not read",
        row.endpoint,
        f"{row.direction}{p_value}",
        row.note,
    )


def _pool_cells(row: HazardRatio, knowledge: Knowledge) -> tuple[str, ...]:
    ratio = ""
    if row.hr is not None and row.low is not None and row.high is not None:
        ratio = _ratio(row.hr, row.low, row.high)
    return (
        _name(row, knowledge),
        "not read" if row.n is None else str(row.n),
        "not read" if row.n_study is None else str(row.n_study),
        ratio,
    )


def _step_row(step: Step) -> StepRow:
    spread = "" if step.name == "crude" else f"{step.least:.2f} to {step.most:.2f}"
    return StepRow(
        words=STEP_WORDS[step.name],
        ratio=_ratio(step.ratio, step.low, step.high),
        factor="" if step.name == "crude" else f"{step.factor:.2f}",
        range=spread,
    )


def _assumptions(knowledge: Knowledge) -> tuple[str, ...]:
    middle, strong = ASSUMED.middle, ASSUMED.strong
    odds, death = knowledge.evidence[STAGE_AND_MARKER], knowledge.evidence[STAGE_AND_DEATH]
    advanced = knowledge.evidence[ADVANCED_AMONG_LOW]
    return (
        f"In the middle, {middle.share_searching:.0%} of the series chose the best of "
        f"{middle.n_cut_offs} cut-offs, and a result that was not significant was published "
        f"{middle.weight_not_significant:.0%} as readily. Mild: neither. Strong: every series the "
        f"best of {strong.n_cut_offs}, and {strong.weight_not_significant:.0%}. Assumed; no "
        "publication says.",
        f"Stage: odds ratio {odds.value} ({odds.low} to {odds.high}) of stage III or IV with the "
        f"marker ({odds.id}); hazard ratio {death.value} ({death.low} to {death.high}) of stage "
        f"III or IV ({death.id}); {float(advanced.value):.0%} of marker-low patients "
        f"advanced ({advanced.id}), assumed.",
        "If the series pooled were adjusted for stage already, the last step takes off too much.",
    )


def _forest(
    knowledge: Knowledge,
    effects: Sequence[StudyEffect],
    missing: Sequence[HazardRatio],
    guessed: Sequence[StudyEffect],
    order: MetaAnalysis | None,
    pools: Sequence[HazardRatio],
) -> Drawing:
    by_study = {row.study: row for row in missing}
    of_guess = {item.label: item for item in guessed}
    with_interval = {item.label for item in effects}
    lines = []
    for study, row in by_study.items():
        if study in with_interval:
            continue
        name = _name(row, knowledge)
        line = ForestLine(label=name, n=row.n, cut_off=row.cut_off, muted=True)
        if study in of_guess:
            line = _with_numbers(replace(line, label=f"{name} (assumed)"), of_guess[study])
        lines.append(line)
    sections = []
    if effects:
        own = pool(effects)
        found = [
            _with_numbers(ForestLine(label=item.label, weight=weight), item)
            for item, weight in zip(effects, own.random.weights, strict=True)
        ]
        found.append(
            ForestLine(
                label="Random effects",
                hr=own.random.ratio,
                low=own.random.low,
                high=own.random.high,
                diamond=True,
            )
        )
        sections.append(ForestSection(title="Series with an interval", lines=found))
    if order is not None:
        for label, pooled in (("Random effects", order.random), ("Fixed effect", order.fixed)):
            lines.append(
                ForestLine(
                    label=f"{label} (order of size)",
                    hr=pooled.ratio,
                    low=pooled.low,
                    high=pooled.high,
                    diamond=True,
                    muted=True,
                )
            )
    if lines:
        title = "Series without an interval; grey numbers assume the deaths"
        sections.append(ForestSection(title=title, lines=lines))
    sections.append(
        ForestSection(
            title="Published pools: overlapping, not pooled",
            lines=[
                ForestLine(
                    label=_name(row, knowledge), hr=row.hr, low=row.low, high=row.high, n=row.n,
                    diamond=True,
                )
                for row in pools
            ],
        )
    )  # fmt: skip
    return drawing(
        meta_analysis_forest(sections),
        name="cxcr4-forest",
        title="CXCR4 staining and death in oesophageal cancer",
        description=f"Forest plot: {len(missing)} single series without an interval and "
        f"{len(pools)} published pools.",
        caption="Hazard ratio of death, CXCR4-high against low, with 95 % intervals. Diamonds "
        "are pools. Grey: what a printed P value or verdict would mean with the deaths assumed.",
    )


def _with_numbers(line: ForestLine, item: StudyEffect) -> ForestLine:
    low, high = item.limits()
    return replace(line, hr=math.exp(item.log_ratio), low=low, high=high)
