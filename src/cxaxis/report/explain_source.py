"""The pages of an evidence row and of a reference: what was read, and what rests on it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from cxaxis.knowledge.checks import Knowledge
from cxaxis.knowledge.drugs import cited_evidence as cited_by_drug
from cxaxis.knowledge.evidence import Evidence, Reference
from cxaxis.knowledge.isotopes import cited_evidence as cited_by_isotope
from cxaxis.knowledge.tracers import cited_evidence as cited_by_tracer
from cxaxis.report.explain_parameter import scored
from cxaxis.report.outline import Line, Outline, Part, told
from cxaxis.report.record_parts import printed_value, source_of

ROLE_WORDS = {
    "parameter": "parameter: numbers of the model may rest on it",
    "fitted": "fitted: calibration may use it, and a comparison with it is no prediction",
    "held_out": "held out: predictions are compared with it, no number of the model rests on it",
    "context": "context: background, no number of the model rests on it",
}


def evidence_outline(row: Evidence, knowledge: Knowledge) -> Outline:
    """Return everything about an evidence row: reading, system, source, relevance, use."""
    span = f" ({row.low} to {row.high})" if row.value and row.low and row.high else ""
    reference = knowledge.references[row.reference]
    return Outline(
        id=row.id,
        heading=f"evidence: {row.quantity}",
        parts=(
            Part(
                lines=(
                    told("value", f"{printed_value(row)}{span}"),
                    told("system", row.system),
                    told("source", source_of(reference)),
                    told("page", row.seen or f"none: {row.status}"),
                    told("status", row.status),
                    told("role", ROLE_WORDS[row.role]),
                    told("note", row.note),
                )
            ),
            Part(
                title="How near to a patient with ESCC",
                lines=(
                    told("species", row.species.replace("_", " ")),
                    told("tissue", row.tissue.replace("_", " ")),
                    told("assay", row.assay.replace("_", " ")),
                    told("setting", row.setting.replace("_", " ")),
                    told("directness", row.directness),
                    told("relevance", scored(row, knowledge)),
                ),
            ),
            _use_part("What rests on it or is compared with it", _users(row.id, knowledge)),
        ),
    )


def reference_outline(reference: Reference, knowledge: Knowledge) -> Outline:
    """Return everything about a reference: what was read in it, and what names it."""
    numbers = [
        item for item in knowledge.review_references.values() if item.reference == reference.id
    ]
    rows = [row for row in knowledge.evidence.values() if row.reference == reference.id]
    lines = [
        told("citation", reference.citation),
        told("identifier", reference.identifier),
        told("year", "" if reference.year is None else str(reference.year)),
        told("note", reference.note),
        *(told("review", f"number {item.number}, {item.title}") for item in numbers),
    ]
    return Outline(
        id=reference.id,
        heading="reference",
        parts=(
            Part(lines=tuple(lines)),
            Part(
                title="Evidence read in it" if rows else "Evidence read in it: none",
                lines=tuple(
                    Line(text=f"{row.id}  {row.quantity}: {printed_value(row)} [{row.status}]")
                    for row in rows
                ),
            ),
            _use_part(
                "What names it", _users(reference.id, knowledge, [item.number for item in numbers])
            ),
        ),
    )


def _use_part(title: str, uses: Iterable[tuple[str, list[str]]]) -> Part:
    lines = tuple(told(label, ", ".join(names)) for label, names in uses if names)
    return Part(title=title if lines else f"{title}: nothing", lines=lines)


def _users(
    part: str, knowledge: Knowledge, numbers: Iterable[int] = ()
) -> Iterator[tuple[str, list[str]]]:
    """Yield what names an evidence row or a reference, by kind."""
    cited_at = set(numbers)
    yield "parameters", [row.id for row in knowledge.parameters.values() if part in row.evidence]
    yield (
        "wirings",
        [
            f"{option.wiring} = {option.option}"
            for options in knowledge.wirings.values()
            for option in options
            if part in option.evidence
        ],
    )
    yield "drugs", [item.id for item in knowledge.drugs.values() if part in cited_by_drug(item)]
    yield (
        "isotopes",
        [item.id for item in knowledge.isotopes.values() if part in cited_by_isotope(item)],
    )
    yield (
        "tracers",
        [
            f"{item.id} (held out)" if part in item.held_out else item.id
            for item in knowledge.tracers.values()
            if part in item.held_out or part in cited_by_tracer(item)
        ],
    )
    yield "checks", [item.id for item in knowledge.expectations.values() if part in item.source]
    yield "claims", [item.id for item in knowledge.claims.values() if cited_at & {*item.references}]
    yield "caveats", [item.id for item in knowledge.caveats.values() if part in item.basis]
    yield (
        "disputes",
        [
            item.id
            for item in knowledge.contradictions.values()
            if part == item.study or part in item.evidence
        ],
    )
    yield "registry", [item.id for item in knowledge.registry.values() if part in item.evidence]
    yield "audits", [item.id for item in knowledge.audits.values() if item.number in cited_at]
    yield (
        "hazards",
        [
            item.id
            for item in knowledge.hazard_ratios.values()
            if part == item.study or part in item.evidence
        ],
    )
