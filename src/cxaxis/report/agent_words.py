"""Drugs and tracers in words: classes, standings, schedules, labels, use in people."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from cxaxis.knowledge.drug_records import Drug, Regimen, Regulatory
from cxaxis.knowledge.isotopes import Isotope
from cxaxis.knowledge.registry import STANDING_WORDS
from cxaxis.knowledge.tracer_records import HUMAN_USE_WORDS, Tracer

MINUTES_PER_DAY: Final = 1440.0
ROUNDED: Final = 0.01


def spelt(text: str) -> str:
    """Return a class or action as words: ``cxcr4_antibody`` as ``CXCR4 antibody``."""
    return text.replace("_", " ").replace("cxcr4", "CXCR4").replace("cxcl12", "CXCL12")


def standing(item: Regulatory) -> str:
    """Return what a regulator has said, with its date; a designation is never an approval."""
    words = STANDING_WORDS[item.status]
    return f"{words} ({item.date})" if item.date else words


def schedule(item: Regimen) -> str:
    """Return when a regimen is given, such as ``38 x every 1 d``."""
    times = f"{item.n_doses} x every {item.every_day:g} d" if item.n_doses > 1 else "once"
    weekdays = ", not at weekends" if item.weekdays_only else ""
    length = f", over {_length(item.duration_day)}" if item.duration_day else ""
    return f"{times}{weekdays}{length}"


def _length(duration_day: float) -> str:
    """Return the length of a dose in the unit a reader thinks in."""
    for unit, per_day in (("d", 1.0), ("h", 24.0)):
        if duration_day * per_day >= 1 - ROUNDED:
            return f"{duration_day * per_day:.2g} {unit}"
    return f"{duration_day * MINUTES_PER_DAY:.2g} min"


def place_in_models(drug: Drug) -> str:
    """Return where the doses of a drug enter a model, or what the drug waits for."""
    if not drug.target:
        return f"no model takes it: waits for {drug.waits_for}"
    return ", ".join(f"{spelt(route)} into {target}" for route, target in drug.target.items())


def carrier(tracer: Tracer, isotopes: Mapping[str, Isotope]) -> str:
    """Return what makes a tracer visible, such as ``68Ga (67.83 min)``, or its dye."""
    if tracer.isotope is None:
        return tracer.label
    isotope = isotopes[tracer.isotope]
    half_life = isotope.readings["half_life", 0]
    return f"{isotope.symbol} ({half_life.value:g} {half_life.unit})"


def human_use(tracer: Tracer, *, date_digits: int = 10) -> str:
    """Return how far a tracer has come in people, with the date or its beginning."""
    item = tracer.human_use
    date = (item.date or "")[:date_digits]
    return f"{HUMAN_USE_WORDS[item.stage]} {date}".strip()
