"""Checks on the whole knowledge base: every loader, then what only the tables together show.

A check is one function with one stable code; it takes the `Knowledge` and yields findings.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from cxaxis.core.errors import Finding, error, warning
from cxaxis.knowledge.antagonist_classes import AntagonistClass, read_antagonist_classes
from cxaxis.knowledge.audits import Audit, read_audits
from cxaxis.knowledge.caveats import Caveat, Contradiction, read_caveats, read_contradictions
from cxaxis.knowledge.cell_contexts import CellContext, read_cell_contexts
from cxaxis.knowledge.cell_fit import CellFit, read_cell_fit
from cxaxis.knowledge.cell_observations import CellObservation, read_cell_observations
from cxaxis.knowledge.claims import (
    Claim,
    ReviewReference,
    read_claims,
    read_review_references,
)
from cxaxis.knowledge.drug_records import Drug
from cxaxis.knowledge.drugs import cited_evidence, read_drugs
from cxaxis.knowledge.evidence import Evidence, Reference, read_evidence, read_references
from cxaxis.knowledge.expectations import Expectation, read_expectations
from cxaxis.knowledge.hazard_ratios import HazardRatio, read_hazard_ratios
from cxaxis.knowledge.ihc_cutoffs import IhcCutoff, read_ihc_cutoffs
from cxaxis.knowledge.isotopes import Isotope, read_isotopes
from cxaxis.knowledge.isotopes import cited_evidence as cited_by_isotope
from cxaxis.knowledge.landmarks import Landmark, read_landmarks
from cxaxis.knowledge.margins import Margin, read_margins
from cxaxis.knowledge.parameters import Parameters, read_parameters
from cxaxis.knowledge.plausible import PlausibleRange, read_plausible
from cxaxis.knowledge.registry import RegistryEntry, read_registry
from cxaxis.knowledge.relevance import RelevanceRules, has_score, read_relevance_rules
from cxaxis.knowledge.tracer_records import Tracer
from cxaxis.knowledge.tracers import cited_evidence as cited_by_tracer
from cxaxis.knowledge.tracers import read_tracers
from cxaxis.knowledge.waits import Wait, read_waits
from cxaxis.knowledge.widening import expected_relevance
from cxaxis.knowledge.wirings import Wirings, read_wirings

MOST_NAMED: Final = 12
QUALITATIVE: Final = "qualitative"


@dataclass(frozen=True, kw_only=True)
class Knowledge:
    """All tables of one folder, read."""

    references: Mapping[str, Reference]
    evidence: Mapping[str, Evidence]
    relevance_rules: RelevanceRules | None
    parameters: Parameters
    wirings: Wirings
    drugs: Mapping[str, Drug]
    isotopes: Mapping[str, Isotope]
    tracers: Mapping[str, Tracer]
    review_references: Mapping[int, ReviewReference]
    claims: Mapping[str, Claim]
    caveats: Mapping[str, Caveat]
    contradictions: Mapping[str, Contradiction]
    registry: Mapping[str, RegistryEntry]
    audits: Mapping[str, Audit]
    expectations: Mapping[str, Expectation]
    waits: Mapping[str, Wait]
    antagonist_classes: Mapping[str, AntagonistClass]
    cell_contexts: Mapping[str, CellContext]
    cell_observations: Mapping[str, CellObservation]
    cell_fit: CellFit
    hazard_ratios: Mapping[str, HazardRatio]
    ihc_cutoffs: Mapping[str, IhcCutoff]
    landmarks: Mapping[str, Landmark]
    margins: Mapping[str, Margin]
    plausible: Mapping[str, PlausibleRange]


Check = Callable[[Knowledge], Iterator[Finding]]


def read_knowledge(directory: Path | None = None) -> tuple[Knowledge, tuple[Finding, ...]]:
    """Return what could be read of a knowledge folder and the findings of every loader.

    Parameters
    ----------
    directory
        Folder with ``references.tsv``, ``evidence.tsv``, ``relevance_rules.tsv``,
        ``parameters.tsv``, ``wirings.tsv``,
        ``drugs/``, ``isotopes.tsv``, ``tracers/``, ``review_references.tsv``, ``claims.tsv``,
        ``caveats.tsv``, ``contradictions.tsv``, ``registry.tsv``, ``audits.tsv``,
        ``expectations.tsv``, ``waits.tsv``, ``antagonist_classes.tsv``, ``cell_contexts.tsv``,
        ``cell_observations.tsv``, ``cell_readouts.tsv``, ``cell_points.tsv``,
        ``cell_priors.tsv``, ``hazard_ratios.tsv``, ``ihc_cutoffs.tsv``, ``landmarks.tsv``,
        ``margins.tsv`` and ``plausible.tsv``;
        None reads the folder that ships with the package.
    """

    def path(name: str) -> Path | None:
        return None if directory is None else directory / name

    references, on_references = read_references(path("references.tsv"))
    evidence, on_evidence = read_evidence(path("evidence.tsv"), references=references)
    rules, on_rules = read_relevance_rules(path("relevance_rules.tsv"))
    parameters, on_parameters = read_parameters(
        path("parameters.tsv"), evidence=evidence, rules=rules
    )
    wirings, on_wirings = read_wirings(path("wirings.tsv"), evidence=evidence)
    drugs, on_drugs = read_drugs(path("drugs"), evidence=evidence)
    isotopes, on_isotopes = read_isotopes(path("isotopes.tsv"), evidence=evidence)
    tracers, on_tracers = read_tracers(
        path("tracers"), evidence=evidence, isotopes=isotopes, drugs=drugs
    )
    numbered, on_numbered = read_review_references(
        path("review_references.tsv"), references=references
    )
    claims, on_claims = read_claims(path("claims.tsv"), review_references=numbered)
    caveats, on_caveats = read_caveats(
        path("caveats.tsv"), claims=claims, evidence=evidence, references=references
    )
    contradictions, on_contradictions = read_contradictions(
        path("contradictions.tsv"), claims=claims, evidence=evidence, references=references
    )
    registry, on_registry = read_registry(
        path("registry.tsv"), claims=claims, evidence=evidence, references=references
    )
    audits, on_audits = read_audits(path("audits.tsv"), claims=claims, review_references=numbered)
    expectations, on_expectations = read_expectations(
        path("expectations.tsv"), evidence=evidence, references=references
    )
    waits, on_waits = read_waits(path("waits.tsv"), claims=claims)
    classes, on_classes = read_antagonist_classes(
        path("antagonist_classes.tsv"), evidence=evidence, drugs=drugs, parameters=parameters
    )
    contexts, on_contexts = read_cell_contexts(path("cell_contexts.tsv"), evidence=evidence)
    observations, on_observations = read_cell_observations(
        path("cell_observations.tsv"), evidence=evidence, contexts=contexts
    )
    cell_fit, on_cell_fit = read_cell_fit(
        readouts=path("cell_readouts.tsv"),
        points=path("cell_points.tsv"),
        priors=path("cell_priors.tsv"),
        evidence=evidence,
        parameters=parameters,
        contexts=contexts,
    )
    hazard_ratios, on_hazard_ratios = read_hazard_ratios(
        path("hazard_ratios.tsv"), evidence=evidence, references=references
    )
    ihc_cutoffs, on_ihc_cutoffs = read_ihc_cutoffs(path("ihc_cutoffs.tsv"), evidence=evidence)
    landmarks, on_landmarks = read_landmarks(path("landmarks.tsv"), evidence=evidence)
    margins, on_margins = read_margins(path("margins.tsv"), evidence=evidence)
    plausible, on_plausible = read_plausible(path("plausible.tsv"), evidence=evidence)
    knowledge = Knowledge(
        references=references,
        evidence=evidence,
        relevance_rules=rules,
        parameters=parameters,
        wirings=wirings,
        drugs=drugs,
        isotopes=isotopes,
        tracers=tracers,
        review_references=numbered,
        claims=claims,
        caveats=caveats,
        contradictions=contradictions,
        registry=registry,
        audits=audits,
        expectations=expectations,
        waits=waits,
        antagonist_classes=classes,
        cell_contexts=contexts,
        cell_observations=observations,
        cell_fit=cell_fit,
        hazard_ratios=hazard_ratios,
        ihc_cutoffs=ihc_cutoffs,
        landmarks=landmarks,
        margins=margins,
        plausible=plausible,
    )
    return knowledge, (
        *on_references,
        *on_evidence,
        *on_rules,
        *on_parameters,
        *on_wirings,
        *on_drugs,
        *on_isotopes,
        *on_tracers,
        *on_numbered,
        *on_claims,
        *on_caveats,
        *on_contradictions,
        *on_registry,
        *on_audits,
        *on_expectations,
        *on_waits,
        *on_classes,
        *on_contexts,
        *on_observations,
        *on_cell_fit,
        *on_hazard_ratios,
        *on_ihc_cutoffs,
        *on_landmarks,
        *on_margins,
        *on_plausible,
    )


def check_knowledge(directory: Path | None = None) -> list[Finding]:
    """Return every finding on a knowledge folder, ordered by file and line.

    Parameters
    ----------
    directory
        See `read_knowledge`.
    """
    knowledge, found = read_knowledge(directory)
    findings = [*found, *(item for check in CHECKS for item in check(knowledge))]
    return sorted(findings, key=_place)


def check_ids_are_unique_across_tables(knowledge: Knowledge, /) -> Iterator[Finding]:
    """An id names one thing in the whole knowledge base, whatever table it stands in."""
    first: dict[str, str] = {}
    wheres = [
        *((item.id, item.where) for item in knowledge.references.values()),
        *((item.id, item.where) for item in knowledge.evidence.values()),
        *((item.id, item.where) for item in knowledge.parameters.values()),
        *((name, options[0].where) for name, options in knowledge.wirings.items()),
        *((item.id, item.where) for item in knowledge.drugs.values()),
        *((item.id, item.where) for item in knowledge.isotopes.values()),
        *((item.id, item.where) for item in knowledge.tracers.values()),
        *((item.id, item.where) for item in knowledge.claims.values()),
        *((item.id, item.where) for item in knowledge.caveats.values()),
        *((item.id, item.where) for item in knowledge.contradictions.values()),
        *((item.id, item.where) for item in knowledge.registry.values()),
        *((item.id, item.where) for item in knowledge.audits.values()),
        *((item.id, item.where) for item in knowledge.antagonist_classes.values()),
        *((item.id, item.where) for item in knowledge.cell_contexts.values()),
        *((item.id, item.where) for item in knowledge.cell_observations.values()),
        *((item.id, item.where) for item in knowledge.cell_fit.readouts.values()),
        *((item.id, item.where) for item in knowledge.cell_fit.points.values()),
        *((item.id, item.where) for item in knowledge.hazard_ratios.values()),
        *((item.id, item.where) for item in knowledge.ihc_cutoffs.values()),
        *((item.id, item.where) for item in knowledge.landmarks.values()),
        *((item.id, item.where) for item in knowledge.margins.values()),
        *((item.id, item.where) for item in knowledge.plausible.values()),
    ]
    for identity, where in wheres:
        if identity in first:
            message = f"id {identity!r} stands at {first[identity]} already. Rename one."
            yield error("KNOW001", where, message)
        first.setdefault(identity, where)


def check_parameter_evidence_is_cited(knowledge: Knowledge, /) -> Iterator[Finding]:
    """Evidence meant for a parameter should be cited by one, or by a wiring, drug, class or tracer.

    An observation that the cell model is held against cites it as well.

    Rows of other roles are there to be compared with, or read, and need no citation.
    """
    cited = {item for item, _ in _citations(knowledge)}
    idle = [
        row
        for row in knowledge.evidence.values()
        if row.role == "parameter" and row.id not in cited
    ]
    if idle:
        message = (
            f"{len(idle)} evidence rows of role parameter are cited by nobody: "
            f"{_some([row.id for row in idle])}. "
            "Cite them in parameters.tsv, wirings.tsv, a drug or a tracer, or set role to context."
        )
        yield warning("KNOW002", idle[0].where, message)


def check_references_are_used(knowledge: Knowledge, /) -> Iterator[Finding]:
    """A reference should be the source of evidence, or stand behind the review or a caveat."""
    used = {
        *(row.reference for row in knowledge.evidence.values()),
        *(item.reference for item in knowledge.review_references.values()),
        *(part for item in knowledge.caveats.values() for part in item.basis),
        *(item.study for item in knowledge.contradictions.values()),
        *(part for item in knowledge.registry.values() for part in item.evidence),
        *(item.study for item in knowledge.hazard_ratios.values()),
        *(part for item in knowledge.expectations.values() for part in item.source),
    }
    for reference in knowledge.references.values():
        if reference.id not in used:
            message = (
                f"{reference.id}: no row of any table points to it. Remove it, or add the row."
            )
            yield warning("KNOW003", reference.where, message)


def check_logit_parameters_are_fractions(knowledge: Knowledge, /) -> Iterator[Finding]:
    """The logit scale is for fractions: its parameters are pure numbers."""
    for row in knowledge.parameters.values():
        if row.scale == "logit" and row.unit not in {"1", "dimensionless"}:
            message = (
                f"{row.id}: unit is {row.unit!r} on the logit scale, which is for fractions. "
                "Use unit 1, or another scale."
            )
            yield error("KNOW004", row.where, message)


def check_no_citation_repeats_a_held_out_reading(knowledge: Knowledge, /) -> Iterator[Finding]:
    """A held-out number may not enter the model under another id.

    Two rows tell the same reading when reference, number and unit agree.
    """
    held_out = {
        (row.reference, row.number, row.unit): row.id
        for row in knowledge.evidence.values()
        if row.role == "held_out" and row.number is not None and row.unit != QUALITATIVE
    }
    for item, (citer, where) in _citations(knowledge):
        row = knowledge.evidence.get(item)
        if row is None or row.number is None or row.role == "held_out":
            continue
        twin = held_out.get((row.reference, row.number, row.unit))
        if twin is not None:
            message = (
                f"{citer}: evidence {item!r} repeats {twin!r}, which is held_out "
                f"({row.value} {row.unit} in {row.reference}). Cite another row."
            )
            yield error("KNOW005", where, message)


def check_claims_are_complete(knowledge: Knowledge, /) -> Iterator[Finding]:
    """Claims and review references are numbered without a gap: a missing row is a lost row."""
    claims = {
        int(item.id[1:]): item.where
        for item in knowledge.claims.values()
        if item.id[1:].isdecimal()
    }
    listed = {item.number: item.where for item in knowledge.review_references.values()}
    for places, form in ((claims, "C{:03d}"), (listed, "{}")):
        absent = sorted(set(range(1, max(places, default=0) + 1)) - set(places))
        if absent:
            message = (
                f"{len(absent)} rows are missing: {_some([form.format(item) for item in absent])}. "
                "Put them back; a number is never used again."
            )
            yield error("KNOW006", next(iter(places.values())), message)


def check_review_references_are_cited(knowledge: Knowledge, /) -> Iterator[Finding]:
    """Every work of the review's list should stand behind at least one claim."""
    cited = {number for claim in knowledge.claims.values() for number in claim.references}
    for item in knowledge.review_references.values():
        if item.number not in cited:
            message = f"{item.number}: no claim cites it. Add the claim that rests on it."
            yield warning("KNOW007", item.where, message)


def check_contradictions_have_two_sides(knowledge: Knowledge, /) -> Iterator[Finding]:
    """A contradiction shows who disagrees: one side alone is an assertion."""
    topics: dict[str, list[Contradiction]] = {}
    for item in knowledge.contradictions.values():
        topics.setdefault(item.topic, []).append(item)
    for topic, items in topics.items():
        if len({item.side for item in items}) == 1:
            message = f"topic {topic!r} has the side {items[0].side!r} alone. Add the other side."
            yield error("KNOW008", items[0].where, message)


def check_statements_are_no_surer_than_their_evidence(knowledge: Knowledge, /) -> Iterator[Finding]:
    """What rests on recalled evidence alone is recalled, not seen."""
    resting = [
        *((item.id, item.status, item.basis, item.where) for item in knowledge.caveats.values()),
        *(
            (item.id, item.status, item.evidence, item.where)
            for item in knowledge.contradictions.values()
        ),
        *(
            (item.id, item.status, item.evidence, item.where)
            for item in knowledge.registry.values()
        ),
    ]
    for identity, status, basis, where in resting:
        rows = [knowledge.evidence[part] for part in basis if part in knowledge.evidence]
        only_rows = bool(rows) and len(rows) == len(basis)
        if status == "seen" and only_rows and all(row.status == "recalled" for row in rows):
            message = (
                f"{identity}: status is 'seen', but {', '.join(row.id for row in rows)} "
                "are recalled. Set status to recalled, or name a source that was read."
            )
            yield error("KNOW009", where, message)


def check_registry_agrees_with_the_drugs(knowledge: Knowledge, /) -> Iterator[Finding]:
    """An approval or a designation in the registry is also one in the drug's own file."""
    for entry in knowledge.registry.values():
        drug = knowledge.drugs.get(entry.drug)
        if drug is None or entry.standing not in {"orphan", "approved"}:
            continue
        said = {(item.status, item.date) for item in drug.regulatory}
        if (entry.standing, entry.standing_date) not in said:
            message = (
                f"{entry.id}: standing {entry.standing!r} of {entry.standing_date} is not in the "
                f"regulatory list of {entry.drug}. Make the two agree."
            )
            yield error("KNOW010", entry.where, message)


def check_relevance_follows_the_rules(knowledge: Knowledge, /) -> Iterator[Finding]:
    """A parameter is as near to a patient with ESCC as its evidence, or as the ceiling allows."""
    rules = knowledge.relevance_rules
    if rules is None:
        return
    for row in knowledge.parameters.values():
        cited = [knowledge.evidence[item] for item in row.evidence]
        if not all(has_score(item, rules) for item in cited):
            continue
        expected = expected_relevance(row, knowledge.evidence, rules)
        if row.relevance == expected:
            continue
        gives = "its evidence gives" if cited else "without evidence the ceiling is"
        message = (
            f"{row.id}: relevance is {row.relevance:g}, {gives} {expected:g}. "
            f"Set it to {expected:g}, or cite nearer evidence."
        )
        yield error("KNOW011", row.where, message)


CHECKS: Final[tuple[Check, ...]] = (
    check_ids_are_unique_across_tables,
    check_parameter_evidence_is_cited,
    check_references_are_used,
    check_logit_parameters_are_fractions,
    check_no_citation_repeats_a_held_out_reading,
    check_claims_are_complete,
    check_review_references_are_cited,
    check_contradictions_have_two_sides,
    check_statements_are_no_surer_than_their_evidence,
    check_registry_agrees_with_the_drugs,
    check_relevance_follows_the_rules,
)


def _citations(knowledge: Knowledge) -> Iterator[tuple[str, tuple[str, str]]]:
    """Yield each evidence id that something cites, with the citing id and its place."""
    for parameter in knowledge.parameters.values():
        for item in parameter.evidence:
            yield item, (parameter.id, parameter.where)
    for options in knowledge.wirings.values():
        for option in options:
            for item in option.evidence:
                yield item, (f"{option.wiring}={option.option}", option.where)
    for drug in knowledge.drugs.values():
        for item in sorted(cited_evidence(drug)):
            yield item, (drug.id, drug.where)
    for kind in knowledge.antagonist_classes.values():
        for item in kind.evidence:
            yield item, (kind.id, kind.where)
    for isotope in knowledge.isotopes.values():
        for item in sorted(cited_by_isotope(isotope)):
            yield item, (isotope.id, isotope.where)
    for tracer in knowledge.tracers.values():
        for item in sorted(cited_by_tracer(tracer)):
            yield item, (tracer.id, tracer.where)
    for observation in knowledge.cell_observations.values():
        for item in observation.source:
            yield item, (observation.id, observation.where)
    for point in knowledge.cell_fit.points.values():
        for item in point.source:
            yield item, (point.id, point.where)
    for cutoff in knowledge.ihc_cutoffs.values():
        yield cutoff.evidence, (cutoff.id, cutoff.where)


def _some(ids: list[str]) -> str:
    shown = ", ".join(ids[:MOST_NAMED])
    return shown if len(ids) <= MOST_NAMED else f"{shown} and {len(ids) - MOST_NAMED} more"


def _place(finding: Finding) -> tuple[str, int]:
    """Return file and line of a finding, for sorting."""
    file, _, line = finding.where.rpartition(":")
    return (file, int(line)) if line.isdecimal() else (finding.where, 0)
