"""A class of drug in the wells of an assay: at which doses, and what goes ill with it."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from types import MappingProxyType
from typing import Final

from cxaxis.cell.assay_wells import Experiment
from cxaxis.cell.assays import Assay
from cxaxis.cell.wells import MEDIUM_SETTINGS
from cxaxis.core.errors import Finding, error
from cxaxis.knowledge.antagonist_classes import (
    AntagonistClass,
    load_antagonist_classes,
    unknown_class,
)

DOSE_SETTING: Final[Mapping[str, str]] = MappingProxyType(
    {species: setting for setting, species in MEDIUM_SETTINGS.items()}
)
"""Species of the medium -> the setting that raises it."""
_DRUG: Final = "--drug"
_DOSES: Final = "--drug-nM"


def with_drug(
    wells: Iterable[Experiment], kind: AntagonistClass, doses_nM: Sequence[float]
) -> list[Experiment]:
    """Return each well at each dose of a drug, which comes an hour before CXCL12.

    Wells that have a drug of their own are left out.

    Parameters
    ----------
    wells
        Wells of an assay.
    kind
        The class of drug.
    doses_nM
        Concentrations in the medium, nM, non-negative.
    """
    setting = DOSE_SETTING[kind.species]
    return [
        replace(well, drug_nM=dose, settings={**well.settings, setting: dose})
        for well in wells
        if not _has_drug(well)
        for dose in doses_nM
    ]


def conditions_with_drug(assay: Assay) -> tuple[str, ...]:
    """Return the conditions of an assay that give a drug of their own."""
    wells = assay.wells(assay.cxcl12_nM[:1], assay.times_s, {})
    return tuple(dict.fromkeys(well.condition for well in wells if _has_drug(well)))


def _has_drug(well: Experiment) -> bool:
    given = [well.settings, *(phase.settings for phase in well.phases)]
    return any(set(settings) & set(MEDIUM_SETTINGS) for settings in given)


def drug_findings(
    drug: str | None,
    doses_nM: Sequence[float] | None,
    *,
    settings: Iterable[str],
    conditions: Sequence[str] | None,
    assay: Assay | None,
) -> Iterator[Finding]:
    """Yield everything that is wrong with a drug and its doses.

    Parameters
    ----------
    drug
        Class of drug asked for, or None.
    doses_nM
        Its concentrations, nM, or None.
    settings
        Names of the inputs that the user set.
    conditions
        Conditions asked for, or None for all that go with the drug.
    assay
        The assay, or None if there is none of the name given.
    """
    if drug is None:
        if doses_nM is not None:
            message = "is the dose of no drug. Name its class with --drug."
            yield error("CELL015", _DOSES, message)
        return
    classes = load_antagonist_classes()
    if drug not in classes:
        yield unknown_class(drug, classes)
    if doses_nM is None:
        message = f"{drug} needs its concentrations. Give nM with --drug-nM, such as 0,1,10,100."
        yield error("CELL015", _DRUG, message)
    else:
        yield from _dose_findings(doses_nM)
    for name in sorted(set(settings) & set(MEDIUM_SETTINGS)):
        message = f"is given beside --drug {drug}. Keep one of the two."
        yield error("CELL015", f"--set {name}", message)
    own = conditions_with_drug(assay) if assay else ()
    for name in conditions or ():
        if name in own:
            message = f"{name} gives a drug of its own. Leave it out, or leave out --drug {drug}."
            yield error("CELL015", "--condition", message)


def _dose_findings(doses_nM: Sequence[float]) -> Iterator[Finding]:
    if not len(doses_nM):
        yield error("CELL015", _DOSES, "is empty. Give concentrations in nM, such as 0,1,10,100.")
    for dose in doses_nM:
        if not math.isfinite(dose) or dose < 0:
            yield error("CELL015", _DOSES, f"{dose:g} is no concentration. Give nM, 0 or more.")
    if len(set(doses_nM)) < len(doses_nM):
        yield error("CELL015", _DOSES, "names a concentration twice. Give each once.")
