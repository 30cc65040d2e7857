"""Checks on the whole knowledge base: every loader, then what only the tables together show.

A check is one function with one stable code; it takes the `Knowledge` and yields findings.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from cxaxis.core.errors import Finding, error, warning
from cxaxis.knowledge.drug_records import Drug
from cxaxis.knowledge.drugs import cited_evidence, read_drugs
from cxaxis.knowledge.evidence import Evidence, Reference, read_evidence, read_references
from cxaxis.knowledge.parameters import Parameters, read_parameters
from cxaxis.knowledge.wirings import Wirings, read_wirings

MOST_NAMED: Final = 12
QUALITATIVE: Final = "qualitative"


@dataclass(frozen=True, kw_only=True)
class Knowledge:
    """All tables of one folder, read."""

    references: Mapping[str, Reference]
    evidence: Mapping[str, Evidence]
    parameters: Parameters
    wirings: Wirings
    drugs: Mapping[str, Drug]


Check = Callable[[Knowledge], Iterator[Finding]]


def read_knowledge(directory: Path | None = None) -> tuple[Knowledge, tuple[Finding, ...]]:
    """Return what could be read of a knowledge folder and the findings of every loader.

    Parameters
    ----------
    directory
        Folder with ``references.tsv``, ``evidence.tsv``, ``parameters.tsv``, ``wirings.tsv`` and
        ``drugs/``; None reads the folder that ships with the package.
    """

    def path(name: str) -> Path | None:
        return None if directory is None else directory / name

    references, on_references = read_references(path("references.tsv"))
    evidence, on_evidence = read_evidence(path("evidence.tsv"), references=references)
    parameters, on_parameters = read_parameters(path("parameters.tsv"), evidence=evidence)
    wirings, on_wirings = read_wirings(path("wirings.tsv"), evidence=evidence)
    drugs, on_drugs = read_drugs(path("drugs"), evidence=evidence)
    knowledge = Knowledge(
        references=references,
        evidence=evidence,
        parameters=parameters,
        wirings=wirings,
        drugs=drugs,
    )
    return knowledge, (*on_references, *on_evidence, *on_parameters, *on_wirings, *on_drugs)


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
    ]
    for identity, where in wheres:
        if identity in first:
            message = f"id {identity!r} stands at {first[identity]} already. Rename one."
            yield error("KNOW001", where, message)
        first.setdefault(identity, where)


def check_parameter_evidence_is_cited(knowledge: Knowledge, /) -> Iterator[Finding]:
    """Evidence meant for a parameter should be cited by a parameter, a wiring or a drug.

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
            "Cite them in parameters.tsv, wirings.tsv or a drug, or set role to context."
        )
        yield warning("KNOW002", idle[0].where, message)


def check_references_are_used(knowledge: Knowledge, /) -> Iterator[Finding]:
    """A reference should be the source of at least one evidence row."""
    used = {row.reference for row in knowledge.evidence.values()}
    for reference in knowledge.references.values():
        if reference.id not in used:
            message = f"{reference.id}: no evidence row points to it. Remove it, or add the row."
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


CHECKS: Final[tuple[Check, ...]] = (
    check_ids_are_unique_across_tables,
    check_parameter_evidence_is_cited,
    check_references_are_used,
    check_logit_parameters_are_fractions,
    check_no_citation_repeats_a_held_out_reading,
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


def _some(ids: list[str]) -> str:
    shown = ", ".join(ids[:MOST_NAMED])
    return shown if len(ids) <= MOST_NAMED else f"{shown} and {len(ids) - MOST_NAMED} more"


def _place(finding: Finding) -> tuple[str, int]:
    """Return file and line of a finding, for sorting."""
    file, _, line = finding.where.rpartition(":")
    return (file, int(line)) if line.isdecimal() else (finding.where, 0)
