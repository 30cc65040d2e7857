"""Findings on the operations that the arms of a protocol plan."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Final

from cxaxis.core.errors import Finding, error
from cxaxis.knowledge.drug_records import Drug
from cxaxis.knowledge.located_yaml import LocatedDocument

if TYPE_CHECKING:
    from cxaxis.trial.protocol import Protocol

SURGERY: Final = "surgery"
#: End points that say nothing without an operation.
OF_THE_OPERATED: Final = ("DFS", "EFS")


def operation_findings(
    protocol: Protocol, document: LocatedDocument, drugs: Mapping[str, Drug]
) -> Iterator[Finding]:
    """Yield arms with more than one operation, and end points that want one in every arm."""
    surgical = {name for name, drug in drugs.items() if drug.drug_class == SURGERY}
    planned = {
        arm.id: sum(
            item.n_doses or 1
            for item in (*protocol.backbone, *arm.regimens)
            if item.drug in surgical
        )
        for arm in protocol.arms
    }
    for index, (arm, number) in enumerate(planned.items()):
        if number > 1:
            message = f"arm {arm!r} plans {number} operations. A patient has one: keep one."
            yield error("PROT021", document.where(("arms", index)), message)
    asked = [code for code in protocol.endpoints if code in OF_THE_OPERATED]
    without = [arm for arm, number in planned.items() if number == 0]
    if asked and without:
        message = (
            f"endpoints name {' and '.join(asked)}, but {', '.join(without)} plans no operation. "
            f"Remove {' and '.join(asked)}, or add an operation to every arm."
        )
        yield error("PROT022", document.where(("endpoints",)), message)
