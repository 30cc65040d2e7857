"""From a published pooled hazard ratio to what is left for the marker itself, step by step.

Three things may carry part of a crude pooled ratio: the search for the best cut-off, the
preference for significant results, and the tumour stage that goes with the marker. Each is
taken off in turn. The steps need assumptions that no publication gives; every step says so and
carries, beside the sampling interval, the range of its value over milder and stronger ones.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final, Literal

from cxaxis.core.errors import ModelValueError
from cxaxis.stats.cut_off_search import (
    N_SIMULATION,
    Reporting,
    corrected_study,
    true_effect_behind,
)
from cxaxis.stats.meta_analysis import pool
from cxaxis.stats.small_study import fit_selection
from cxaxis.stats.study_effects import PublishedPool, StudyEffect, events_behind

StepName = Literal["crude", "without_cut_off_search", "without_selection", "without_stage"]


@dataclass(frozen=True, kw_only=True)
class StageLink:
    """How the marker goes with stage, and stage with survival.

    Attributes
    ----------
    odds_ratio, odds_ratio_low, odds_ratio_high
        Odds of advanced stage, marker high against low, with 95 % limits.
    stage_hr, stage_hr_low, stage_hr_high
        Hazard ratio of advanced against early stage, with its limits.
    share_advanced_low
        Share of advanced stage among the patients whose marker is low, in (0, 1).
    """

    odds_ratio: float
    odds_ratio_low: float
    odds_ratio_high: float
    stage_hr: float
    stage_hr_low: float
    stage_hr_high: float
    share_advanced_low: float

    def __post_init__(self) -> None:
        for name, low, middle, high in (
            ("odds_ratio", self.odds_ratio_low, self.odds_ratio, self.odds_ratio_high),
            ("stage_hr", self.stage_hr_low, self.stage_hr, self.stage_hr_high),
        ):
            if not 0.0 < low <= middle <= high < math.inf:
                msg = f"{name}: need 0 < low <= value <= high, got {low!r}, {middle!r}, {high!r}."
                raise ModelValueError(msg)
        if not 0.0 < self.share_advanced_low < 1.0:
            msg = (
                "share_advanced_low must lie strictly between 0 and 1, got "
                f"{self.share_advanced_low!r}."
            )
            raise ModelValueError(msg)

    def factor(self) -> tuple[float, float, float]:
        """Return the hazard ratio that stage alone gives the marker, with 95 % limits.

        The two inputs are taken as independent; their contributions add up as squares on the
        log scale.
        """
        middle = stage_factor(self.odds_ratio, self.stage_hr, self.share_advanced_low)
        ends = []
        for odds, hazard in (
            (self.odds_ratio_low, self.stage_hr_low),
            (self.odds_ratio_high, self.stage_hr_high),
        ):
            by_odds = stage_factor(odds, self.stage_hr, self.share_advanced_low)
            by_hazard = stage_factor(self.odds_ratio, hazard, self.share_advanced_low)
            ends.append(math.hypot(math.log(by_odds / middle), math.log(by_hazard / middle)))
        return middle, middle * math.exp(-ends[0]), middle * math.exp(ends[1])


@dataclass(frozen=True, kw_only=True)
class Step:
    """The hazard ratio after one thing more has been taken off.

    Attributes
    ----------
    name
        Which step.
    ratio, low, high
        Hazard ratio and 95 % limits: the sampling error of the pool, and from the last step on
        that of the stage link.
    factor
        What this step took off: the value before over the value after. 1 for the first.
    least, most
        `ratio` under the strongest and the mildest of the assumptions named.
    """

    name: StepName
    ratio: float
    low: float
    high: float
    factor: float
    least: float
    most: float


@dataclass(frozen=True, kw_only=True)
class Assumptions:
    """Reporting assumed in the middle, and at the mild and the strong end.

    Attributes
    ----------
    middle, mild, strong
        `mild` takes off least, `strong` most.
    """

    middle: Reporting
    mild: Reporting
    strong: Reporting


# No publication says how many cut-offs were tried or what stayed in the drawer: these span
# from nothing of either to a five-fold preference with every series searching.
ASSUMED: Final = Assumptions(
    middle=Reporting(n_cut_offs=5, share_searching=0.5, weight_not_significant=0.5),
    mild=Reporting(),
    strong=Reporting(n_cut_offs=9, share_searching=1.0, weight_not_significant=0.2),
)


def stage_factor(odds_ratio: float, stage_hr: float, share_advanced_low: float) -> float:
    """Return the ratio of mean hazards between marker groups that differ in stage alone.

    Parameters
    ----------
    odds_ratio
        Odds of advanced stage, marker high against low, positive.
    stage_hr
        Hazard ratio of advanced against early stage, positive.
    share_advanced_low
        Share of advanced stage among the patients whose marker is low, in (0, 1).

    Raises
    ------
    ModelValueError
        If an argument lies outside its range.
    """
    if not (odds_ratio > 0 and stage_hr > 0 and 0.0 < share_advanced_low < 1.0):
        msg = (
            "odds_ratio and stage_hr must be positive and share_advanced_low in (0, 1), got "
            f"{odds_ratio!r}, {stage_hr!r}, {share_advanced_low!r}."
        )
        raise ModelValueError(msg)
    odds = odds_ratio * share_advanced_low / (1.0 - share_advanced_low)
    share_advanced_high = odds / (1.0 + odds)
    return (1.0 + share_advanced_high * (stage_hr - 1.0)) / (
        1.0 + share_advanced_low * (stage_hr - 1.0)
    )


def decompose_published(
    published: PublishedPool,
    stage: StageLink,
    *,
    assumed: Assumptions = ASSUMED,
    seed: int = 0,
    n_simulation: int = N_SIMULATION,
) -> tuple[Step, ...]:
    """Return the four steps from a published pool, all of whose studies count as of one size.

    The first correction asks which effect, with the cut-offs searched, would be printed as the
    pool; the second asks the same with the significant series printed more readily on top. The
    limits of the pool go the same way as its value.

    Parameters
    ----------
    published
        The pool.
    stage
        What stage carries. If the studies pooled were already adjusted for stage, this step
        takes off too much.
    assumed
        Search and selection.
    seed, n_simulation
        See `cut_off_search.printed_effect`.

    Raises
    ------
    ModelValueError
        If search and selection as assumed would print more than the pool shows.
    """

    def behind(ratio: float, reporting: Reporting) -> float:
        events = events_behind(published.study_se, share_high=reporting.middle_share_high)
        return math.exp(
            true_effect_behind(
                math.log(ratio),
                events=events,
                reporting=reporting,
                seed=seed,
                n_simulation=n_simulation,
            )
        )

    def step(name: StepName, before: float, select: bool) -> Step:
        mild, middle, strong = (
            reporting if select else replace(reporting, weight_not_significant=1.0)
            for reporting in (assumed.mild, assumed.middle, assumed.strong)
        )
        ratio = behind(published.ratio, middle)
        return Step(
            name=name,
            ratio=ratio,
            low=behind(published.low, middle),
            high=behind(published.high, middle),
            factor=before / ratio,
            least=behind(published.ratio, strong),
            most=behind(published.ratio, mild),
        )

    crude = Step(
        name="crude",
        ratio=published.ratio,
        low=published.low,
        high=published.high,
        factor=1.0,
        least=published.ratio,
        most=published.ratio,
    )
    searched = step("without_cut_off_search", crude.ratio, select=False)
    selected = step("without_selection", searched.ratio, select=True)
    return crude, searched, selected, _without_stage(selected, stage)


def decompose_studies(
    studies: Sequence[StudyEffect],
    stage: StageLink,
    *,
    assumed: Assumptions = ASSUMED,
    seed: int = 0,
    n_simulation: int = N_SIMULATION,
) -> tuple[Step, ...]:
    """Return the four steps from a table of studies.

    Each study is corrected for the search by its own size, and the selection model is fitted
    to the corrected studies with the weight assumed.

    Parameters
    ----------
    studies
        At least three.
    stage, assumed, seed, n_simulation
        As for `decompose_published`.

    Raises
    ------
    ModelValueError
        As `cut_off_search.corrected_study` and `small_study.fit_selection`.
    """

    def corrected(reporting: Reporting) -> list[StudyEffect]:
        return [
            corrected_study(study, reporting=reporting, seed=seed, n_simulation=n_simulation)
            for study in studies
        ]

    crude = pool(studies).random
    mild, middle, strong = (
        corrected(reporting) for reporting in (assumed.mild, assumed.middle, assumed.strong)
    )
    searched = pool(middle).random
    fits = [
        fit_selection(part, weight=reporting.weight_not_significant)
        for part, reporting in (
            (mild, assumed.mild),
            (middle, assumed.middle),
            (strong, assumed.strong),
        )
    ]
    steps = (
        Step(
            name="crude",
            ratio=crude.ratio,
            low=crude.low,
            high=crude.high,
            factor=1.0,
            least=crude.ratio,
            most=crude.ratio,
        ),
        Step(
            name="without_cut_off_search",
            ratio=searched.ratio,
            low=searched.low,
            high=searched.high,
            factor=crude.ratio / searched.ratio,
            least=pool(strong).random.ratio,
            most=pool(mild).random.ratio,
        ),
        Step(
            name="without_selection",
            ratio=fits[1].ratio,
            low=fits[1].low,
            high=fits[1].high,
            factor=searched.ratio / fits[1].ratio,
            least=fits[2].ratio,
            most=fits[0].ratio,
        ),
    )
    return (*steps, _without_stage(steps[-1], stage))


def _without_stage(before: Step, stage: StageLink) -> Step:
    factor, low, high = stage.factor()
    ratio = before.ratio / factor
    down = math.hypot(math.log(before.ratio / before.low), math.log(high / factor))
    up = math.hypot(math.log(before.high / before.ratio), math.log(factor / low))
    return Step(
        name="without_stage",
        ratio=ratio,
        low=ratio * math.exp(-down),
        high=ratio * math.exp(up),
        factor=factor,
        least=before.least / high,
        most=before.most / low,
    )
