"""Findings on the operations that the arms of a protocol plan."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

from pydantic import ValidationError

from cxaxis.core.errors import Finding, error
from cxaxis.knowledge.drug_records import Drug
from cxaxis.knowledge.located_yaml import LocatedDocument
from cxaxis.trial.document_parts import (
    horizon_of,
    length_at,
    part_at,
    parts_at,
    prescriptions_of,
    words_at,
)
from cxaxis.trial.protocol_parts import Prescription, Visits, resolve

SURGERY: Final = "surgery"
#: End points that say nothing without an operation.
OF_THE_OPERATED: Final = ("DFS", "EFS")


def operation_findings(document: LocatedDocument, drugs: Mapping[str, Drug]) -> Iterator[Finding]:
    """Yield arms with more than one operation, and end points that no operation or visit shows."""
    surgical = {name for name, drug in drugs.items() if drug.drug_class == SURGERY}
    backbone = [item for _, item in parts_at(document, ("backbone",), Prescription)]
    planned: dict[str, int] = {}
    for index in range(length_at(document, ("arms",))):
        own = [item for _, item in parts_at(document, ("arms", index, "regimens"), Prescription)]
        number = sum(item.n_doses or 1 for item in (*backbone, *own) if item.drug in surgical)
        name = document.value(("arms", index, "id"))
        arm = name if isinstance(name, str) else f"arms.{index}"
        planned[arm] = number
        if number > 1:
            message = f"arm {arm!r} plans {number} operations. A patient has one: keep one."
            yield error("PROT021", document.where(("arms", index)), message)
    asked = [code for code in words_at(document, ("endpoints",)) if code in OF_THE_OPERATED]
    without = [arm for arm, number in planned.items() if number == 0]
    if asked and without:
        message = (
            f"endpoints name {' and '.join(asked)}, but {', '.join(without)} plans no operation. "
            f"Remove {' and '.join(asked)}, or add an operation to every arm."
        )
        yield error("PROT022", document.where(("endpoints",)), message)
    elif asked:
        yield from _unseen(asked, surgical, document, drugs)


def _unseen(
    asked: list[str], surgical: set[str], document: LocatedDocument, drugs: Mapping[str, Drug]
) -> Iterator[Finding]:
    """Yield end points of the operated that come after the last visit."""
    horizon_day = horizon_of(document)
    visits = part_at(document, ("visits",), Visits)
    if horizon_day is None or visits is None or visits.first_day >= horizon_day:
        return
    last_day = horizon_day
    if not visits.surveillance:
        later = (horizon_day - visits.first_day) // visits.every_day
        last_day = visits.first_day + visits.every_day * later
    for location, item in prescriptions_of(document):
        if item.drug not in surgical:
            continue
        try:
            day = resolve(item, drugs)[1].start_day
        except (KeyError, ValidationError):
            continue
        if day >= last_day:
            key = ".".join(map(str, location))
            message = (
                f"{key} operates on day {day:g}, after the last visit on day {last_day:g}: no "
                f"visit could observe {' or '.join(asked)}. Visit later, or remove them."
            )
            yield error("PROT029", document.where(location), message)
