"""The pages of a drug and of a tracer: what it is, what is known of it, where it acts."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Final

from cxaxis.claims.records import Judgement
from cxaxis.knowledge.checks import Knowledge
from cxaxis.knowledge.claims import Claim
from cxaxis.knowledge.drug_records import Drug, Regulatory
from cxaxis.knowledge.drugs import cited_evidence as cited_by_drug
from cxaxis.knowledge.tracer_records import Measure, Reading, Tracer
from cxaxis.knowledge.tracers import cited_evidence as cited_by_tracer
from cxaxis.report.agent_words import carrier, human_use, place_in_models, schedule, spelt, standing
from cxaxis.report.built import built_patient
from cxaxis.report.outline import Line, Outline, Part, told
from cxaxis.report.record_parts import evidence_lines, source_of

MEASURES: Final[Mapping[Measure, str]] = {"kd": "Kd", "ki": "Ki", "ic50": "IC50"}


def drug_outline(drug: Drug, knowledge: Knowledge, judgements: Mapping[str, Judgement]) -> Outline:
    """Return everything about a drug: standing, numbers, regimens, place in the models, claims."""
    known_as = f" ({', '.join(drug.synonyms)})" if drug.synonyms else ""
    return Outline(
        id=drug.id,
        heading=f"{drug.name}{known_as}",
        parts=(
            Part(lines=tuple(_drug_facts(drug))),
            _standing_part(drug.regulatory),
            Part(
                title="Properties" if drug.properties else "Properties: none recorded",
                lines=tuple(_property_lines(drug)),
            ),
            Part(title="Regimens", lines=tuple(_regimen_lines(drug))),
            Part(title="In the models", lines=tuple(_place_lines(drug, knowledge))),
            claims_part(claims_naming(drug, knowledge), judgements),
            _evidence_part(cited_by_drug(drug), knowledge),
        ),
    )


def tracer_outline(
    tracer: Tracer, knowledge: Knowledge, judgements: Mapping[str, Judgement]
) -> Outline:
    """Return everything about a tracer: label, standing, numbers, what is held out, claims."""
    known_as = f" ({', '.join(tracer.synonyms)})" if tracer.synonyms else ""
    held_out = Part(
        title="Held out: predictions are compared with these, nothing rests on them",
        lines=tuple(_brief_evidence(tracer.held_out, knowledge)),
    )
    return Outline(
        id=tracer.id,
        heading=f"{tracer.name}{known_as}",
        parts=(
            Part(lines=tuple(_tracer_facts(tracer, knowledge))),
            _standing_part(tracer.regulatory),
            Part(
                title="Properties" if tracer.properties else "Properties: none recorded",
                lines=tuple(_tracer_property_lines(tracer)),
            ),
            *((held_out,) if tracer.held_out else ()),
            claims_part(claims_naming(tracer, knowledge), judgements),
            _evidence_part(cited_by_tracer(tracer), knowledge),
        ),
    )


def _drug_facts(drug: Drug) -> Iterator[Line]:
    yield told("class", spelt(drug.drug_class))
    yield told("in review", f"class {spelt(drug.review_class)}")
    yield told("binds", ", ".join(drug.binds) or "no gene product")
    yield told("action", ", ".join(map(spelt, drug.action)))
    if drug.molar_mass is not None:
        mass = drug.molar_mass
        ground = ", ".join(mass.evidence) or mass.note
        yield told("molar mass", f"{mass.value:g} {mass.unit} ({ground})")
    yield told("note", drug.note)


def _tracer_facts(tracer: Tracer, knowledge: Knowledge) -> Iterator[Line]:
    mouse, use = tracer.sees_mouse_receptor, tracer.human_use
    yield told("class", tracer.tracer_class)
    yield told("seen by", tracer.modality.replace("_", " "))
    yield told("label", carrier(tracer, knowledge.isotopes))
    yield told("made from", tracer.parent_drug or "")
    yield told("binds", ", ".join(tracer.binds))
    yield told("in mouse", _based(mouse.answer, mouse.evidence, mouse.note))
    yield told("human use", _based(human_use(tracer), use.evidence, use.note))
    yield told("waits for", "the imaging part of the model: no model takes a tracer yet")
    yield told("note", tracer.note)


def _standing_part(entries: Iterable[Regulatory]) -> Part:
    lines = [
        Line(text=_based(f"{standing(item)}: {item.indication}", item.evidence, item.note))
        for item in entries
    ]
    return Part(title="Standing with regulators, each for its own indication", lines=tuple(lines))


def _based(text: str, evidence: Iterable[str], note: str) -> str:
    ground = ", ".join(evidence)
    told_with = f"{text.rstrip('.')} ({ground})" if ground else text.rstrip(".")
    return f"{told_with}. {note}" if note else told_with


def _property_lines(drug: Drug) -> Iterator[Line]:
    for name, item in drug.properties.items():
        value = f"{item.value:g} {item.unit}".removesuffix(" 1")
        ground = ", ".join((item.status, *item.evidence))
        yield Line(text=f"{name}: {value} ({ground}){f'. {item.note}' if item.note else ''}")


def _tracer_property_lines(tracer: Tracer) -> Iterator[Line]:
    for name, item in tracer.properties.items():
        yield Line(text=f"{name}: {_reading(item)}")
        for rival in item.rivals:
            yield Line(text=f"or {_reading(rival)}", depth=1)


def _reading(item: Reading) -> str:
    unit = "" if item.unit == "1" else f" {item.unit}"
    span = ""
    if item.low is not None and item.high is not None:
        span = f" ({item.low:g} to {item.high:g})"
    measure = f"{MEASURES[item.measure]} " if item.measure else ""
    ground = ", ".join((item.status, *item.evidence))
    return f"{measure}{item.value:g}{unit}{span} ({ground}){f'. {item.note}' if item.note else ''}"


def _regimen_lines(drug: Drug) -> Iterator[Line]:
    for name, item in drug.regimens.items():
        dose = f"{item.dose.value:g} {item.dose.unit} {spelt(item.route)}, {schedule(item)}"
        yield Line(text=f"{name}: {_based(dose, item.evidence or ('assumed',), item.note)}")


def _place_lines(drug: Drug, knowledge: Knowledge) -> Iterator[Line]:
    yield told("doses", place_in_models(drug))
    if not drug.target:
        return
    patient = built_patient(knowledge)
    for target in dict.fromkeys(drug.target.values()):
        if target in patient.acts_on:
            yield Line(
                text=f"{patient.with_unit(target)} acts on "
                f"{patient.listed(patient.acts_on[target]) or 'nothing else'}"
            )


def claims_naming(agent: Drug | Tracer, knowledge: Knowledge) -> tuple[Claim, ...]:
    """Return the claims about an agent: by id, name or synonym, or by the registry."""
    names = {_plain(name) for name in (agent.id, agent.name, *agent.synonyms)}
    listed = {
        claim
        for entry in knowledge.registry.values()
        if entry.drug == agent.id
        for claim in entry.claims
    }
    return tuple(
        claim
        for claim in knowledge.claims.values()
        if claim.id in listed or names & {_plain(entity) for entity in claim.entities}
    )


def _plain(name: str) -> str:
    return "".join(sign for sign in name.casefold() if sign.isalnum())


def claims_part(claims: Iterable[Claim], judgements: Mapping[str, Judgement]) -> Part:
    """Return claims with what their checks found."""
    lines = tuple(
        line
        for claim in claims
        for line in (
            Line(text=f"{claim.id}  {claim.statement}", hang=6),
            told("checks", _verdicts(claim.id, judgements), depth=1),
        )
    )
    return Part(title="Claims that name it" + ("" if lines else ": none"), lines=lines)


def _verdicts(claim: str, judgements: Mapping[str, Judgement]) -> str:
    found = [
        f"{item.check} {item.outcome.verdict.replace('_', ' ')}"
        for item in judgements.values()
        if claim in item.claims
    ]
    return ", ".join(found) or "none could judge it"


def _evidence_part(cited: Collection[str], knowledge: Knowledge) -> Part:
    title = "Evidence" if cited else "Evidence: none cited"
    return Part(title=title, lines=tuple(_brief_evidence(sorted(cited), knowledge)))


def _brief_evidence(ids: Iterable[str], knowledge: Knowledge) -> Iterator[Line]:
    for name in ids:
        row = knowledge.evidence[name]
        first, *_ = evidence_lines(row, knowledge)
        source = source_of(knowledge.references[row.reference])
        yield Line(text=f"{first.text}; {row.system}; {source}; {row.status}")
