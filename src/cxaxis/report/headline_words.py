"""The headline page in Markdown: what each agent does beside each backbone, and how sure it is."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from cxaxis.core.markdown import markdown_table
from cxaxis.report.page_key import marker
from cxaxis.trial.events import END_POINTS
from cxaxis.trial.headline import ENDPOINTS
from cxaxis.trial.headline_answers import (
    FOUND_LEVEL,
    NOT_LEARNED,
    TRIAL_PATIENTS,
    Answer,
    EndpointAnswer,
    ranked,
)
from cxaxis.trial.headline_plan import EXAMPLES, HeadlinePlan

BACKBONES: Final[Mapping[str, str]] = {
    "crt": "Definitive chemoradiotherapy",
    "neoadjuvant": "Neoadjuvant chemoradiotherapy and surgery",
    "first_line": "First-line chemotherapy and pembrolizumab",
}
SOURCE_WORDS: Final = {
    "prior": "the prior: no outcome of a trial has narrowed it",
    "control_arms": "the posterior given published control arms",
}
_CHANCE_TOLD: Final = 2
FOREST: Final = "headline_forest.svg"
SHARES: Final = "headline_phi.svg"


@dataclass(frozen=True, kw_only=True)
class Headline:
    """Everything that the page says.

    Attributes
    ----------
    plan
        The grid.
    answers
        Of every arm.
    ratios
        Posterior standard deviation of each fitted parameter over that of its prior.
    class_words
        What replays of published trials say of the class.
    """

    plan: HeadlinePlan
    answers: tuple[Answer, ...]
    ratios: Mapping[str, float]
    class_words: str

    def beside(self, backbone: str) -> tuple[Answer, ...]:
        """Return the answers beside one backbone."""
        return tuple(item for item in self.answers if item.backbone == backbone)


def page(found: Headline, command: str, key: str) -> str:
    """Return the page; ``key`` is the hash of what it was made from."""
    return "\n".join(_lines(found, command, key)) + "\n"


def _lines(found: Headline, command: str, key: str) -> Iterator[str]:
    plan = found.plan
    yield from (
        "# The headline: eight agents beside three backbones",
        "",
        *marker(command, key),
        "",
        "No antagonist of CXCR4 or CXCL12 has been tried as a treatment of ESCC. What would such",
        "trials find, as far as the review's mechanisms and what is known of them can tell?",
        "",
        *in_short(found),
        "",
        f"{plan.draws} populations were drawn from {SOURCE_WORDS[plan.source]}; each has its own",
        "harm mechanisms, by their prior weights, and a causal share φ, evenly from 0 to 1: the",
        "share of the association of CXCR4 with outcome that blockade could undo. In each",
        f"population, {plan.n_patient} new patients a backbone were followed under the one control",
        "and under every arm, the same patients with the same chances. A hazard ratio is expected",
        "events per expected person-time, arm over control, the moment of death averaged out. It",
        "is counterfactual: no trial could see it.",
        "",
        "```",
        "make headline                                  # the grid, this page; goes on if stopped",
        f"cxaxis trial run {EXAMPLES['crt']:<30}# the protocol of a backbone as one trial",
        "```",
        "",
        f"![Hazard ratios of death]({FOREST})",
        "",
        f"![Hazard ratios of death against the causal share]({SHARES})",
        "",
    )
    for backbone in plan.backbones:
        yield from _backbone(found, backbone.id)
    yield from _reading(found)


def in_short(found: Headline) -> tuple[str, ...]:
    """Return the answer in a paragraph, as the numbers have it."""
    told = [item.endpoints["OS"] for item in found.answers if np.isfinite(item.endpoints["OS"].hr)]
    below = sum(item.high < 1.0 for item in told)
    above = sum(item.low > 1.0 for item in told)
    chances = [item.assurance.probability for item in told if item.assurance is not None]
    order = ranked(found.answers)
    words = [
        f"**In short.** For {len(told)} rows (agent, regimen, backbone), the 95 % interval of the",
        f"hazard ratio of death lies below 1 in {below}, above 1 in {above} and holds 1 in",
        f"{len(told) - below - above}.",
    ]
    if chances:
        words += [
            f"The chance that a trial of {TRIAL_PATIENTS} patients finds a benefit is at most",
            f"{percent(max(chances))}; with no effect it would be 2.5 %.",
        ]
    words += [
        f"{len(order)} of {len(found.answers)} rows are ranked; for the others the answer rests",
        "on what nobody has measured, or the class has failed elsewhere.",
        f"Replays of the class: {found.class_words}.",
    ]
    return tuple(words)


def _backbone(found: Headline, backbone: str) -> Iterator[str]:
    items, plan = found.beside(backbone), found.plan.backbone(backbone)
    yield from (
        f"## {BACKBONES[backbone]}",
        "",
        f"Protocol `{EXAMPLES[backbone]}`, followed for {plan.horizon_day:g} days. Median and",
        "95 % interval over populations, the sampling of their few patients included; `< 1`: share",
        f"of populations with a ratio below 1; `{TRIAL_PATIENTS}`: chance that a trial of so many",
        "patients, half of them treated, finds a benefit at the two-sided level of 5 %, with its",
        "standard error over populations.",
        "",
    )
    for code in ENDPOINTS:
        yield from _ratios(items, code)
    yield from (
        "What the spread of log HR of OS comes from, and what explains most of its rank over",
        "draws:",
        "",
    )
    heads = ("Agent", "SD", "Patients", "Parameters", "Wiring (95 %)", "Rests on", "Not ranked")
    rows = (
        (
            item.arm.label,
            *split_cells(item.endpoints["OS"]),
            rests_on_words(item, found.ratios),
            ", ".join(item.flags) or "-",
        )
        for item in items
    )
    yield from markdown_table(heads, rows, "lrrrrll")
    yield from ("", *_ranking(items), "")


def _ratios(items: Sequence[Answer], code: str) -> Iterator[str]:
    told = [item.endpoints[code] for item in items]
    shares = told[0].by_phi if told else ()
    defined = [item.event_share for item in told if np.isfinite(item.event_share)]
    events = percent(float(np.mean(defined))) if defined else "-"
    undefined = max((item.undefined for item in told), default=0)
    yield f"{END_POINTS[code]} ({events} of control patients have the event; populations without"
    yield f"enough eligible patients or without events: {undefined}):"
    yield ""
    heads = (
        *("Agent", "HR (95 %)", "< 1", str(TRIAL_PATIENTS)),
        *(f"φ = {point.phi:g}" for point in shares),
        "φ 0 to 1",
    )
    rows = (
        (
            item.arm.label,
            interval(one.hr, one.low, one.high),
            percent(one.benefit),
            _chance(one),
            *(interval(point.hr, point.low, point.high) for point in one.by_phi),
            interval(*(float(np.exp(x)) for x in (one.slope, one.slope_low, one.slope_high))),
        )
        for item, one in zip(items, told, strict=True)
    )
    yield from markdown_table(heads, rows, "lr")
    yield ""


def _chance(item: EndpointAnswer) -> str:
    if item.assurance is None:
        return "-"
    return f"{percent(item.assurance.probability)} ± {100 * item.assurance.error:.1f}"


def split_cells(item: EndpointAnswer) -> tuple[str, str, str, str]:
    """Return the standard deviation of log HR and the shares of its variance."""
    split = item.split
    if split is None or not split.total > 0:
        return "-", "-", "-", "-"
    patients = percent(min(1.0, split.patients / split.total))
    deviation = f"{np.sqrt(split.total):.3f}"
    if split.parameters is None or split.wiring is None:
        return deviation, patients, "-", "-"
    wiring = percent(min(1.0, split.wiring / split.total))
    limits = (split.wiring_low, split.wiring_high)
    low, high = ("-" if x is None else percent(x) for x in limits)
    return (
        deviation,
        patients,
        percent(min(1.0, split.parameters / split.total)),
        f"{wiring} ({low} to {high})",
    )


def rests_on_words(item: Answer, ratios: Mapping[str, float]) -> str:
    """Return what an answer rests on, with the share explained and the SD ratio if fitted."""
    if not item.rests_on:
        return "-"
    # What chance has brought up needs no long list.
    told = item.rests_on if item.found else item.rests_on[:_CHANCE_TOLD]
    parts = [
        f"{one.name} {percent(one.share)}"
        + (f" (SD ratio {ratios[one.name]:.2f})" if one.name in ratios else "")
        for one in told
    ]
    text = ", ".join(parts)
    return text if item.found else f"none stands out: {text}"


def _ranking(items: Sequence[Answer]) -> tuple[str, ...]:
    order = ranked(items)
    if not order:
        return ("No row is ranked.",)
    names = [f"{item.arm.label} ({item.endpoints['OS'].hr:.2f})" for item in order]
    return (f"Ranked by hazard ratio of death: {', '.join(names)}.",)


def _reading(found: Headline) -> Iterator[str]:
    yield from (
        "## How to read it",
        "",
        "- Columns φ: median and 95 % interval of populations with that causal share, by the",
        "  median slope between populations. `φ 0 to 1`: the factor by which HR changes, with 95 %",
        "  limits by bootstrap over populations.",
        "- `SD`: of log HR over populations. Every population has parameters and a wiring of its",
        "  own; wirings come back, since there are few, so that an analysis of variance with",
        "  random groups tells them from parameters. `Patients` is the sampling of",
        f"  {found.plan.n_patient} patients, by paired bootstrap; a larger number would shrink it,",
        "  and the chance of a trial leaves it out.",
        "- `Rests on`: inputs found beyond what chance finds among all, with the share of the",
        f"  spread that each explains (p < {FOUND_LEVEL:g} for all together); where none is, the",
        "  highest.",
        "- `prior-dominated`: no more than half of that belongs to parameters which control arms",
        f"  narrowed (posterior SD at most {NOT_LEARNED:g} of the prior's). `class-inconsistent`:",
        "  replays of published trials of these drugs missed. Such rows are not ranked.",
        "- Populations that yield too few eligible patients in a hundred screened for each give no",
        "  number; the answer is of the others.",
        "- Beside first-line treatment all patients have distant disease at entry:",
        "  distant-metastasis-free survival then ends with its progression.",
        "- In a population in which hardly anyone dies, small differences are large ratios; such",
        "  populations carry much of `SD` and of its split. The chance of a trial takes the events",
        "  of each population, hazards as proportional, and nobody as lost. Nothing is",
        f"  corrected for the {len(found.answers)} rows.",
        "- Doses of MSX-122 and ALX-0651 are assumed, as the protocols say; their rows say nothing",
        "  of these agents.",
        "- The model has mechanisms of harm that nobody has measured in ESCC, and one of benefit",
        "  that rests on φ: a null answer says what is known, not that the axis is without effect.",
    )


def percent(share: float) -> str:
    """Return a share as per cent without decimals, below ten with one; a dash for none."""
    if not np.isfinite(share):
        return "-"
    return f"{100 * share:.1f} %" if 0 < share < 0.0995 else f"{100 * share:.0f} %"


def interval(value: float, low: float, high: float) -> str:
    """Return a ratio with its limits, a dash where there is none."""
    if not np.isfinite([value, low, high]).all():
        return "-"
    return f"{value:.2f} ({low:.2f}-{high:.2f})"
