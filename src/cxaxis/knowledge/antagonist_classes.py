"""Classes of drug that act on CXCR4 or its ligand: what each is to the cell model.

A class is a set of inputs of the cell (which shape of the receptor the drug prefers, what G
protein and arrestin see of it, whether it sits beside the ligand or takes the receptor in) and of
parameter values (affinity, rate of leaving) that stand in for those of the table.
"""

from __future__ import annotations

import math
from collections.abc import Container, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from types import MappingProxyType
from typing import Final, Literal, cast, get_args

from cxaxis.core.errors import Finding, error, raise_on_errors
from cxaxis.core.ids import did_you_mean
from cxaxis.knowledge.drugs import load_drugs
from cxaxis.knowledge.evidence import Evidence, citation_findings, load_evidence
from cxaxis.knowledge.parameters import Status, load_parameters
from cxaxis.knowledge.tables import (
    Row,
    bad_cell,
    choice_findings,
    parse_number,
    read_table,
    sound_rows,
    split_ids,
)

DrugSpecies = Literal["antagonist", "neutraliser"]

CLASS_STATUS: Final[tuple[Status, ...]] = get_args(Status)
DRUG_SPECIES: Final[tuple[DrugSpecies, ...]] = get_args(DrugSpecies)
ANTAGONIST_CLASS_COLUMNS: Final = (
    "id",
    "name",
    "species",
    "settings",
    "values",
    "agents",
    "status",
    "evidence",
    "note",
)
DRUG_INPUTS: Final = (
    "drug_is_allosteric",
    "drug_shape_preference",
    "drug_gi_coupling",
    "drug_arrestin_coupling",
    "drug_is_bivalent",
)
"""Inputs of the cell model that say what a drug on CXCR4 is."""
_NO_SHARE: Final = "drug_shape_preference"


@dataclass(frozen=True, kw_only=True)
class AntagonistClass:
    """One class of drug.

    Attributes
    ----------
    id, name
        Short name and what it is called.
    species
        What of the medium it raises: ``antagonist`` binds CXCR4, ``neutraliser`` binds CXCL12.
    settings
        Inputs of the cell model (`DRUG_INPUTS`) that differ from a neutral competitive drug,
        dimensionless.
    values
        Parameters by id, in the units of the table, that stand in for those of the table.
    agents
        Ids of drugs of this class.
    status
        ``measured``, ``derived``, ``borrowed`` or ``assumed``.
    evidence
        Ids of evidence rows.
    note
        Why these numbers.
    where
        ``file:line`` of the row.
    """

    id: str
    name: str
    species: DrugSpecies
    settings: Mapping[str, float]
    values: Mapping[str, float]
    agents: tuple[str, ...]
    status: Status
    evidence: tuple[str, ...]
    note: str
    where: str


def load_antagonist_classes(path: Path | None = None) -> Mapping[str, AntagonistClass]:
    """Return the classes by id, in file order.

    Parameters
    ----------
    path
        Table to read; None reads the one that ships with the package.

    Raises
    ------
    UserInputError
        With every finding at once.
    """
    return _shipped() if path is None else _loaded(path)


def _loaded(path: Path | None) -> Mapping[str, AntagonistClass]:
    evidence = load_evidence()
    classes, findings = read_antagonist_classes(
        path,
        evidence=evidence,
        drugs=load_drugs(evidence=evidence),
        parameters=load_parameters(evidence=evidence),
    )
    raise_on_errors(findings)
    return classes


@lru_cache(maxsize=1)
def _shipped() -> Mapping[str, AntagonistClass]:
    """Return the shipped table, read once: every drug is read to know its agents."""
    return _loaded(None)


def antagonist_class(name: str) -> AntagonistClass:
    """Return a class by id.

    Raises
    ------
    UserInputError
        If there is none of that name, naming the nearest.
    """
    classes = load_antagonist_classes()
    if name not in classes:
        raise_on_errors([unknown_class(name, classes)])
    return classes[name]


def unknown_class(name: str, classes: Mapping[str, AntagonistClass]) -> Finding:
    """Return the finding on a name that no class has; that of an agent leads to its class."""
    of_agent = [item.id for item in classes.values() if name in item.agents]
    cure = f"{name} is of class {of_agent[0]}." if of_agent else did_you_mean(name, classes)
    message = f"there is no class of drug {name!r}. {cure} All: {', '.join(classes)}."
    return error("CELL014", "--drug", message)


def read_antagonist_classes(
    path: Path | None = None,
    *,
    evidence: Mapping[str, Evidence],
    drugs: Container[str],
    parameters: Container[str],
) -> tuple[Mapping[str, AntagonistClass], tuple[Finding, ...]]:
    """Return the rows without an error, by id, and every finding on the table.

    Parameters
    ----------
    path
        Table to read; None reads the one that ships with the package.
    evidence
        Evidence that a class may cite.
    drugs
        Ids of the drugs that may be agents.
    parameters
        Ids of the parameters that may have a value.
    """
    table = read_table(path, "antagonist_classes.tsv", ANTAGONIST_CLASS_COLUMNS)
    return sound_rows(table, lambda row: _findings(row, evidence, drugs, parameters), _class)


def _class(row: Row) -> AntagonistClass:
    return AntagonistClass(
        id=row["id"],
        name=row["name"],
        species=cast("DrugSpecies", row["species"]),
        settings=MappingProxyType(dict(_numbers(row["settings"]))),
        values=MappingProxyType(dict(_numbers(row["values"]))),
        agents=split_ids(row["agents"]),
        status=cast("Status", row["status"]),
        evidence=split_ids(row["evidence"]),
        note=row["note"],
        where=row.where,
    )


def _numbers(text: str) -> Iterator[tuple[str, float]]:
    for part in split_ids(text):
        name, _, value = part.partition("=")
        number = parse_number(value)
        yield name, math.nan if number is None else number


def _findings(
    row: Row,
    evidence: Mapping[str, Evidence],
    drugs: Container[str],
    parameters: Container[str],
) -> Iterator[Finding]:
    yield from choice_findings("ANTC001", row, "species", DRUG_SPECIES)
    for name, value in _numbers(row["settings"]):
        most = math.inf if name == _NO_SHARE else 1.0
        if name not in DRUG_INPUTS or not 0 <= value <= most:
            cure = f"Write input=number with ; between; inputs: {', '.join(DRUG_INPUTS)}."
            yield bad_cell("ANTC002", row, "settings", cure)
            break
    for name, value in _numbers(row["values"]):
        if name not in parameters or not 0 < value < math.inf:
            cure = "Write parameter=number above 0, in the unit of the parameter, with ; between."
            yield bad_cell("ANTC003", row, "values", cure)
            break
    for name in split_ids(row["agents"]):
        if name not in drugs:
            yield bad_cell("ANTC004", row, "agents", f"{name!r} is no drug. Give ids of drugs.")
    yield from choice_findings("ANTC005", row, "status", CLASS_STATUS)
    for name in ("name", "note"):
        if not row[name]:
            yield bad_cell("ANTC006", row, name, "Say what the class is and why these numbers.")
    yield from citation_findings(
        split_ids(row["evidence"]), evidence, where=row.where, citer=row["id"], code="ANTC007"
    )
