"""Findings on drugs of one arm that would take the same place of the patient model."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from cxaxis.core.errors import Finding, error
from cxaxis.knowledge.drug_records import Drug
from cxaxis.knowledge.located_yaml import LocatedDocument, Location
from cxaxis.models.agents import slot_of


def slot_findings(
    given: Iterable[tuple[Location, str]], document: LocatedDocument, drugs: Mapping[str, Drug]
) -> Iterator[Finding]:
    """Yield each drug of an arm whose place another drug of that arm has.

    What the backbone holds every arm holds; two of its own drugs are one finding.

    Parameters
    ----------
    given
        Place in the file and id of every drug prescribed, the backbone first; unknown drugs and
        those that no model can be given are left to other findings.
    """
    arms: dict[Location, dict[str, str]] = {}
    backbone: dict[str, str] = {}
    for location, name in given:
        drug = drugs.get(name)
        slot = slot_of(drug) if drug is not None and drug.target else None
        if slot is None:
            continue
        in_backbone = location[0] == "backbone"
        filled = backbone if in_backbone else arms.setdefault(location[:2], dict(backbone))
        first = filled.setdefault(slot, name)
        if first != name:
            whose = "the backbone" if in_backbone else _arm(location, document)
            message = (
                f"{'.'.join(map(str, location))}.drug is {name!r}, but {whose} has {first!r} "
                f"already: both would be the {slot} of one patient. Give one of them."
            )
            yield error("PROT023", document.where((*location, "drug")), message)


def _arm(location: Location, document: LocatedDocument) -> str:
    name = document.value((*location[:2], "id"))
    return f"arm {name!r}" if isinstance(name, str) else ".".join(map(str, location[:2]))
