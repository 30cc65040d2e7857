"""Findings on what a run cannot conduct: switches with operations, slots taken twice, windows."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from cxaxis.core.errors import Finding, error
from cxaxis.knowledge.drug_records import Drug
from cxaxis.knowledge.located_yaml import LocatedDocument
from cxaxis.models.agents import slot_of
from cxaxis.trial.document_parts import arms_of, part_at, parts_at, prescriptions_of
from cxaxis.trial.operations import SURGERY
from cxaxis.trial.protocol_parts import OWN_POPULATION, Basket, Crossover, Prescription


def conduct_findings(document: LocatedDocument, drugs: Mapping[str, Drug]) -> Iterator[Finding]:
    """Yield what is described well, but cannot be conducted."""
    for location, basket in parts_at(document, ("baskets",), Basket):
        if basket.id == OWN_POPULATION:
            message = (
                f"basket id {OWN_POPULATION!r} is that of the protocol's own population in the "
                "tables. Rename the basket."
            )
            yield error("PROT030", document.where((*location, "id")), message)
    yield from _crossover_findings(document, drugs)
    window = document.value(("on_treatment_window_day",))
    if window is not None and document.value(("estimand",)) != "while_on_treatment":
        message = (
            f"on_treatment_window_day is {window}, but the estimand counts events for all time. "
            "Set estimand: while_on_treatment, or remove the window."
        )
        yield error("PROT037", document.where(("on_treatment_window_day",)), message)


def _crossover_findings(document: LocatedDocument, drugs: Mapping[str, Drug]) -> Iterator[Finding]:
    item = part_at(document, ("crossover",), Crossover)
    arms, control = arms_of(document), document.value(("control",))
    if item is None or item.to not in arms or control not in arms or item.to == control:
        return
    where = document.where(("crossover",))
    operations = [
        ".".join(map(str, location))
        for location, given in prescriptions_of(document)
        if given.drug in drugs and drugs[given.drug].drug_class == SURGERY
    ]
    if operations:
        message = (
            f"crossover beside operations ({', '.join(operations)}): a switch would move or cancel "
            "an operation, which a run does not act on. Leave one of the two out."
        )
        yield error("PROT036", where, message)
    added = _own(document, arms.index(item.to))
    if not added:
        message = (
            f"crossover.to {item.to!r} adds nothing to the backbone: patients would switch to no "
            "treatment. Name an arm with drugs of its own."
        )
        yield error("PROT036", document.where(("crossover", "to")), message)
    backbone = [given for _, given in parts_at(document, ("backbone",), Prescription)]
    before = _slots([*backbone, *_own(document, arms.index(control))], drugs)
    for slot, name in _slots(added, drugs).items():
        if before.get(slot, name) != name:
            message = (
                f"crossover.to {item.to!r} gives {name!r} after {before[slot]!r}: both would be "
                f"the {slot} of one patient, who can have one in a lifetime. Switch to another arm."
            )
            yield error("PROT036", document.where(("crossover", "to")), message)


def _own(document: LocatedDocument, index: int) -> list[Prescription]:
    return [item for _, item in parts_at(document, ("arms", index, "regimens"), Prescription)]


def _slots(given: list[Prescription], drugs: Mapping[str, Drug]) -> dict[str, str]:
    known = [drugs[item.drug] for item in given if item.drug in drugs and drugs[item.drug].target]
    return {slot: drug.id for drug in known if (slot := slot_of(drug)) is not None}
