"""The page of a parameter: its value and ground, how sure it is, how it is drawn, its reach."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Final

import numpy as np

from cxaxis.claims.records import Judgement
from cxaxis.cohort.population import shifted
from cxaxis.knowledge.checks import Knowledge
from cxaxis.knowledge.evidence import Evidence
from cxaxis.knowledge.parameters import UNIFORM_SHARES, Parameter
from cxaxis.knowledge.relevance import has_score
from cxaxis.knowledge.widening import relevance_words, widening_words
from cxaxis.report.built import SIMULATED, Built, built_models, reach_part
from cxaxis.report.outline import Line, Outline, Part, told
from cxaxis.report.record_parts import evidence_lines

TWO_SIDED_95: Final = 1.96
STATUS_WORDS: Final[Mapping[str, str]] = {
    "measured": "read in the named source for this quantity",
    "derived": "computed from evidence",
    "borrowed": "from another tissue, tumour, drug or species",
    "assumed": "no source: a choice, with a wide spread",
}
SCALE_WORDS: Final[Mapping[str, str]] = {
    "log": "spreads are of the natural logarithm, the value is the median",
    "linear": "spreads are in the unit of the value, the value is the mean",
    "logit": "spreads are of ln(x / (1 - x)), the value is the median",
}


def parameter_outline(
    row: Parameter, knowledge: Knowledge, judgements: Mapping[str, Judgement]
) -> Outline:
    """Return everything about a parameter: ground, spread, place in the models, reach."""
    models = built_models(knowledge)
    simulated = [item for item in models if item.model.name in SIMULATED]
    constants = {item.model.name: set(item.model.constants_of(row.id)) for item in simulated}
    unit = "" if row.unit in {"1", "dimensionless"} else f" {row.unit}"
    return Outline(
        id=row.id,
        heading=f"parameter: {row.value:g}{unit}, {row.status}",
        parts=(
            Part(
                lines=(
                    told("value", f"{row.value:g}{unit}"),
                    told("status", f"{row.status}: {STATUS_WORDS[row.status]}"),
                    told("species", row.species),
                    told("note", row.note),
                )
            ),
            Part(title="How sure", lines=tuple(_spread_lines(row, knowledge))),
            Part(title="How it is drawn", lines=tuple(_draw_lines(row))),
            _evidence_part(row, knowledge),
            Part(title="In the models", lines=tuple(_place_lines(row, models))),
            reach_part(constants, knowledge, judgements, simulated),
        ),
    )


def _spread_lines(row: Parameter, knowledge: Knowledge) -> Iterator[Line]:
    yield told("scale", f"{row.scale}: {SCALE_WORDS[row.scale]}")
    yield told("spread", f"{row.spread:g}, of what the sources leave open")
    rules = knowledge.relevance_rules
    if rules is not None:
        yield told("widened", widening_words(row, knowledge.evidence, rules))
    if row.widening > 0:
        size = " x |value|" if row.scale == "linear" else ""
        yield told(
            "rule",
            "widened spread = sqrt(spread^2 + (tau x (1 - relevance)"
            f"{size})^2), with tau {row.tau:g}: what a source of relevance 0 would add. The second "
            "term is the step from the system that was read to a patient with ESCC.",
        )
    yield told(
        "omega", f"{row.omega:g}, between patients" if row.omega else "0: the same in every patient"
    )


def _draw_lines(row: Parameter) -> Iterator[Line]:
    if row.id in UNIFORM_SHARES:
        yield told("population", "uniform on 0 to 1 in every draw of what is not known")
    elif row.spread == 0:
        yield told("population", f"fixed at {row.value:g} in every draw of what is not known")
    else:
        yield told(
            "population",
            f"normal on the {row.scale} scale around {row.value:g}, SD {row.widened_spread:.3g}: "
            f"95 % of draws from {_range_of_95(row, row.widened_spread)}",
        )
    if row.omega:
        yield told(
            "patients",
            f"normal on the {row.scale} scale around the population's value, SD {row.omega:g}: "
            f"95 % of patients from {_range_of_95(row, row.omega)} where that is {row.value:g}",
        )
    else:
        yield told("patients", "every patient has the population's value")
    yield told(
        "streams",
        f"population (theta, draw, {row.id}); patient (patient, index, eta, {row.id}): a draw "
        "depends on the seed and on these words alone",
    )


def _range_of_95(row: Parameter, deviation: float) -> str:
    ends = shifted(row, row.value, np.array([-TWO_SIDED_95, TWO_SIDED_95]) * deviation)
    unit = "" if row.unit in {"1", "dimensionless"} else f" {row.unit}"
    return f"{ends[0]:.3g} to {ends[1]:.3g}{unit}"


def _evidence_part(row: Parameter, knowledge: Knowledge) -> Part:
    cited = [knowledge.evidence[item] for item in row.evidence]
    lines = [
        line
        for item in cited
        for line in evidence_lines(item, knowledge, relevance=scored(item, knowledge))
    ]
    title = "Evidence" if cited else "Evidence: none cited"
    return Part(title=title, lines=tuple(lines))


def scored(row: Evidence, knowledge: Knowledge) -> str:
    """Return the relevance of an evidence row with its factors, empty without rules."""
    rules = knowledge.relevance_rules
    return "" if rules is None or not has_score(row, rules) else relevance_words(row, rules)


def _place_lines(row: Parameter, models: Iterable[Built]) -> Iterator[Line]:
    found = False
    for item in models:
        for constant in item.model.constants_of(row.id):
            found = True
            target = item.listed(item.acts_on[constant]) or "nothing else"
            yield Line(text=f"{item.model.name}: {item.with_unit(constant)} acts on {target}")
    if not found:
        yield Line(text="no constant of a model: used where patients are drawn and staged")
