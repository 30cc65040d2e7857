"""What is known of one id, whatever table, model or check it names.

The page of a claim shows its verdict with all that stands behind it; those of a parameter, a drug,
a tracer, an evidence row, a reference, a quantity of a model, a check and a wiring show what each
rests on and what rests on it, and any other row with an id shows its cells.
Verdicts are the committed ones, unless others are handed in.
The page of a virtual patient alone is simulated.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Literal

from cxaxis.claims.check import all_checks
from cxaxis.claims.committed import load_judgements
from cxaxis.claims.records import Judgement
from cxaxis.core.errors import UserInputError, error, raise_on_errors
from cxaxis.core.ids import nearest
from cxaxis.knowledge.checks import Knowledge, read_knowledge
from cxaxis.models.build import TIME_UNIT, build
from cxaxis.report.explain_agent import drug_outline, tracer_outline
from cxaxis.report.explain_claim import check_page, claim_page
from cxaxis.report.explain_model import quantity_outline, wiring_outline
from cxaxis.report.explain_parameter import parameter_outline
from cxaxis.report.explain_patient import OUTCOME, patient_index, patient_outline
from cxaxis.report.explain_record import RECORD_TABLES, record_outline
from cxaxis.report.explain_source import evidence_outline, reference_outline
from cxaxis.report.outline import Outline

Kind = Literal[
    "claim",
    "parameter",
    "drug",
    "tracer",
    "evidence",
    "reference",
    "wiring",
    "check",
    "record",
    "quantity",
    "patient",
]

_SHORT_CLAIM = re.compile(r"[Cc]([0-9]{1,2})\Z")


def kind_of(name: str, knowledge: Knowledge) -> tuple[Kind, str]:
    """Return what an id names, and the id as it is spelt.

    Parameters
    ----------
    name
        The id; claims and evidence rows are known in lower case too.
    knowledge
        Every table.

    Raises
    ------
    UserInputError
        If nothing has this id, with the nearest of every kind.
    """
    if patient_index(name) is not None:
        return "patient", name
    known: list[tuple[Kind, str]] = []
    given = by_another_name(name, knowledge)
    for kind, ids in _ids(knowledge):
        for spelling in (given, given.upper(), given.lower()):
            if spelling in ids:
                return kind, spelling
        known += [(kind, item) for item in ids]
    by_name = {item.casefold(): f"{item} ({kind})" for kind, item in reversed(known)}
    close = nearest(name.casefold(), by_name)
    if close:
        hint = f"Did you mean {' or '.join(by_name[item] for item in close)}?"
    else:
        hint = (
            "Give a claim (C127), a parameter, a drug, a tracer, an evidence row (DRG016), a "
            "reference, a wiring, a check, a quantity of a model or a virtual patient (VP00017)."
        )
    message = f"nothing has the id {name!r}. {hint}"
    raise UserInputError([error("EXPL001", f"explain {name}", message)])


def by_another_name(name: str, knowledge: Knowledge) -> str:
    """Return the id behind another name: ``C1``, a drug's or tracer's synonym, a trial number.

    What has no other name is returned as it is.
    """
    short = _SHORT_CLAIM.match(name)
    if short is not None:
        return f"C{int(short[1]):03d}"
    folded = name.casefold()
    agents = [
        *((item.id, item.name, *item.synonyms) for item in knowledge.drugs.values()),
        *((item.id, item.name, *item.synonyms) for item in knowledge.tracers.values()),
    ]
    for identity, *names in agents:
        if folded in {word.casefold() for word in names}:
            return identity
    for entry in knowledge.registry.values():
        if folded in {entry.nct.casefold(), entry.nct_printed.casefold()} - {""}:
            return entry.id
    return name


def _ids(knowledge: Knowledge) -> Iterator[tuple[Kind, frozenset[str]]]:
    """Yield the ids of each kind, the quick ones first; a parameter wins over its constant."""
    yield "claim", frozenset(knowledge.claims)
    yield "parameter", frozenset(knowledge.parameters)
    yield "drug", frozenset(knowledge.drugs)
    yield "tracer", frozenset(knowledge.tracers)
    yield "evidence", frozenset(knowledge.evidence)
    yield "reference", frozenset(knowledge.references)
    yield "wiring", frozenset(knowledge.wirings)
    yield "check", frozenset(item.id for item in all_checks(knowledge))
    yield "record", frozenset(name for table in RECORD_TABLES for name in getattr(knowledge, table))
    models = (build(name, knowledge.parameters) for name in TIME_UNIT)
    yield "quantity", frozenset(name for model in models for name in model.units)


def explain(
    name: str,
    *,
    knowledge: Knowledge | None = None,
    judgements: Mapping[str, Judgement] | None = None,
    measured: Mapping[str, Judgement] = MappingProxyType({}),
    to: str = OUTCOME,
) -> Outline:
    """Return everything that is known of an id, as a page of titled parts.

    Parameters
    ----------
    name
        Id of a claim, a parameter, a drug, a tracer, an evidence row, a reference, a wiring, a
        check or a quantity of a model, or the label of a virtual patient.
    knowledge
        Every table; None reads those that ship with the package.
    judgements
        Verdicts of the checks by check; None reads the committed ones.
    measured
        What checks found now, by check; it stands before the committed verdicts.
    to
        Quantity of the patient model at which the walk through a patient ends.

    Returns
    -------
    The page; `cxaxis.report.outline.plain_text` and `markdown` show it.

    Raises
    ------
    UserInputError
        If nothing has this id, naming the nearest; or if a table cannot be used.
    """
    tables = _shipped() if knowledge is None else knowledge
    kind, known = kind_of(name, tables)
    index = patient_index(known) if kind == "patient" else None
    if index is not None:
        return patient_outline(index, tables, to=to)
    if kind == "evidence":
        return evidence_outline(tables.evidence[known], tables)
    if kind == "reference":
        return reference_outline(tables.references[known], tables)
    if kind == "record":
        table = next(item for item in RECORD_TABLES if known in getattr(tables, item))
        return record_outline(table, known, tables)
    committed = load_judgements() if judgements is None else judgements
    found = {**committed, **measured}
    if kind == "claim":
        return claim_page(tables.claims[known], tables, found, afresh=frozenset(measured))
    if kind == "check":
        check = next(item for item in all_checks(tables) if item.id == known)
        return check_page(check, tables, found, afresh=frozenset(measured))
    if kind == "parameter":
        return parameter_outline(tables.parameters[known], tables, found)
    if kind == "drug":
        return drug_outline(tables.drugs[known], tables, found)
    if kind == "tracer":
        return tracer_outline(tables.tracers[known], tables, found)
    if kind == "wiring":
        return wiring_outline(known, tables.wirings[known], tables, found)
    return quantity_outline(known, tables, found)


def _shipped() -> Knowledge:
    knowledge, findings = read_knowledge()
    raise_on_errors(findings)
    return knowledge
