"""Sentences and table rows on the design of a trial: who entered, who switched, what counts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from cxaxis.report import words
from cxaxis.report.design_summary import (
    ArmFlow,
    BasketAnswer,
    CrossoverAnswer,
    Design,
    Limits,
    OnTreatment,
    Screened,
)
from cxaxis.trial.flow import EXCLUSIONS
from cxaxis.trial.protocol_parts import OWN_POPULATION


def design_content(design: Design | None, labels: Mapping[str, str]) -> dict[str, Any] | None:
    """Return what the report tells of a design, None where the flow chart tells all of it.

    Parameters
    ----------
    labels
        Name of each arm as shown.
    """
    if design is None or not (
        design.crossover
        or design.baskets
        or design.on_treatment
        or any("biomarker" in item.excluded for item in design.screening)
    ):
        return None
    return {
        "screening": [_screened(item) for item in design.screening],
        "flow": [_flow(item, labels) for item in design.flow] if design.crossover else [],
        "crossover": None if design.crossover is None else _crossover(design.crossover, labels),
        "baskets": [_basket(item, labels) for item in design.baskets],
        "on_treatment": None
        if design.on_treatment is None
        else _on_treatment(design.on_treatment, labels),
    }


def _name(basket: str) -> str:
    return "The protocol's own" if basket == OWN_POPULATION else basket


def _screened(item: Screened) -> dict[str, str]:
    reasons = (
        f"{EXCLUSIONS.get(name, name)} {count}" for name, count in item.excluded.items() if count
    )
    return {
        "name": _name(item.id),
        "setting": item.setting.replace("_escc", "").replace("_", " "),
        "screened": str(item.screened),
        "excluded": "; ".join(reasons) or "nobody",
        "entered": str(item.entered),
    }


def _flow(item: ArmFlow, labels: Mapping[str, str]) -> dict[str, Any]:
    return {
        "label": labels.get(item.arm, item.arm),
        "allocated": item.allocated,
        "lost": words.count_of(item.lost, item.allocated),
        "switched": words.count_of(item.switched, item.allocated),
        "analysed": item.analysed,
    }


def _ratio(item: Limits | None) -> str:
    return words.NO_ESTIMATE if item is None else words.ratio(item.hr, item.low, item.high)


def _crossover(item: CrossoverAnswer, labels: Mapping[str, str]) -> dict[str, Any]:
    free = item.switch_free
    rows = [
        ("As the trial went, switches and all (treatment policy)", _ratio(item.policy)),
        (
            "Had nobody switched (inverse probability of censoring weights)",
            _ratio(free.ratio) if free is not None else words.NO_ESTIMATE,
        ),
        (
            "Merely censored at the switch (biased where they fare differently)",
            _ratio(item.censored),
        ),
    ]
    note = ""
    if free is not None:
        stayed = free.progressed - free.switched
        note = (
            f"{free.switched} of {free.progressed} patients of control seen to progress switched; "
            f"the {stayed} who stayed are worth {words.number(free.effective_stayers, digits=3)} "
            f"equally weighted ones, the largest weight is "
            f"{words.number(free.largest_weight, digits=3)}. "
        )
        regressed = ", ".join(free.covariates) or "nothing: there are too few patients"
        note += (
            f"No estimate: {free.reason}."
            if free.reason
            else f"The chance to switch was regressed on {regressed}."
        )
    return {
        "to": labels.get(item.to, item.to),
        "control": labels.get(item.control, item.control),
        "share": words.percent(item.share),
        "rows": rows,
        "note": note,
    }


def _basket(item: BasketAnswer, labels: Mapping[str, str]) -> dict[str, Any]:
    return {
        "label": labels.get(item.arm, item.arm),
        "rows": [
            (
                _name(entry.basket),
                entry.n,
                entry.events,
                _ratio(entry.ratio),
                _ratio(entry.shrunken),
            )
            for entry in item.baskets
        ],
        "stratified": _ratio(item.stratified),
        "random_effects": _ratio(item.random_effects),
        "spread": words.number(None if item.tau2 is None else item.tau2**0.5, digits=2),
    }


def _on_treatment(item: OnTreatment, labels: Mapping[str, str]) -> dict[str, Any]:
    return {
        "window": words.number(item.window_day),
        "rows": [
            (labels.get(end.arm, end.arm), words.number(end.last_counted_day), end.ended)
            for end in item.arms
        ],
    }
