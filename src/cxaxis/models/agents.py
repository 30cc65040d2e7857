"""Which rows a drug fills a slot of the patient model with.

The model has one place for each kind of agent, such as ``antagonist`` for any drug at CXCR4. The
name of a constant is the binding: ``cl_antagonist`` takes the row ``cl_plerixafor`` when
plerixafor is given, else the row of its class such as ``cl_small_molecule``, else its own.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from types import MappingProxyType
from typing import Final

from cxaxis.core.errors import ModelValueError
from cxaxis.knowledge.drug_records import Drug, DrugClass

#: Slot -> the agent that fills it where none is chosen.
SLOTS: Final[Mapping[str, str]] = MappingProxyType(
    {"antagonist": "plerixafor", "neutraliser": "olaptesed", "checkpoint": "pembrolizumab"}
)
_SLOT_OF_CLASS: Final[Mapping[DrugClass, tuple[str, str]]] = MappingProxyType(
    {
        "cxcr4_antagonist_small_molecule": ("antagonist", "small_molecule"),
        "cxcr4_antagonist_peptide": ("antagonist", "peptide"),
        "cxcl12_analogue": ("antagonist", "peptide"),
        "cxcr4_nanobody": ("antagonist", "nanobody"),
        "cxcr4_antibody": ("antagonist", "igg"),
        "cxcl12_neutraliser": ("neutraliser", ""),
        "checkpoint_antibody": ("checkpoint", ""),
    }
)
_TEMPLATE_OF_DEFAULT: Final[Mapping[str, str]] = MappingProxyType({"antagonist": "small_molecule"})


def slot_of(drug: Drug) -> str | None:
    """Return the slot that a drug fills, None for one with a place of its own."""
    found = _SLOT_OF_CLASS.get(drug.drug_class)
    return found[0] if found else None


def template_of(drug: Drug) -> str:
    """Return the class whose rows stand in for what is not known of a drug; empty for none."""
    return _SLOT_OF_CLASS.get(drug.drug_class, ("", ""))[1]


def default_rows(constant: str) -> Iterator[str]:
    """Yield the rows that may bind a constant with the slots' own agents, best first."""
    for slot, agent in SLOTS.items():
        if _has(constant, slot):
            yield from _rows(constant, slot, agent, _TEMPLATE_OF_DEFAULT.get(slot, ""))
            return
    yield constant


def rows_of_agent(
    drug: Drug, bindings: Mapping[str, str], parameters: Collection[str]
) -> dict[str, str]:
    """Return the rows that a drug binds to the constants of its slot.

    Parameters
    ----------
    drug
        An agent with a slot.
    bindings
        Constant -> row of a built model.
    parameters
        Ids of the rows there are.

    Raises
    ------
    ModelValueError
        If the drug has no slot.
    """
    slot = slot_of(drug)
    if slot is None:
        msg = f"{drug.id} fills no slot of the model. Slots: {', '.join(SLOTS)}."
        raise ModelValueError(msg)
    found = {}
    for constant in bindings:
        if _has(constant, slot):
            names = _rows(constant, slot, drug.id, template_of(drug))
            found[constant] = next(name for name in names if name in parameters)
    return found


def is_agent_row(row: str, drugs: Collection[str]) -> bool:
    """Return whether a row is that of a drug or a class of drugs in some slot."""
    templates = {template for _, template in _SLOT_OF_CLASS.values() if template}
    return any(_has(row, word) for word in {*drugs, *templates, *SLOTS})


def _has(name: str, word: str) -> bool:
    return re.search(rf"(?<![a-z0-9]){word}(?![a-z0-9])", name) is not None


def _rows(constant: str, slot: str, agent: str, template: str) -> Iterator[str]:
    for word in (agent, template):
        if word:
            yield re.sub(rf"(?<![a-z0-9]){slot}(?![a-z0-9])", word, constant)
    yield constant
