"""Drugs, radiotherapy and surgery: one YAML file each, read into frozen records.

A drug says where its dose goes in the models, or for what part of a model it waits, in which
units it is prescribed, which named regimens it has, what regulators have said of it, and what is
known of it in numbers. No model reads those numbers: its own are rows of ``parameters.tsv``.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cache
from importlib import resources
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final, get_args

from pydantic import ValidationError

from cxaxis.core.errors import Finding, error, raise_on_errors
from cxaxis.core.ids import did_you_mean
from cxaxis.knowledge.dose_units import PROCEDURE_UNITS
from cxaxis.knowledge.drug_properties import property_faults
from cxaxis.knowledge.drug_records import Action, Drug, Regimen
from cxaxis.knowledge.evidence import Evidence, citation_findings, load_evidence
from cxaxis.knowledge.located_yaml import (
    LocatedDocument,
    Location,
    read_located_yaml,
    validation_findings,
)
from cxaxis.knowledge.readings import ASSUMED
from cxaxis.knowledge.tables import read_bytes, shipped_label

AXIS: Final = frozenset({"CXCR4", "CXCL12"})


def load_drugs(
    directory: Path | None = None, *, evidence: Mapping[str, Evidence] | None = None
) -> Mapping[str, Drug]:
    """Return the drugs by id, in order of file name.

    Parameters
    ----------
    directory
        Folder of ``*.yaml`` files; None reads those that ship with the package.
    evidence
        Evidence that drugs may cite; None loads the rows that ship with the package.

    Raises
    ------
    UserInputError
        With every finding on every file at once.
    """
    if directory is None and evidence is None:
        return _shipped()
    known = load_evidence() if evidence is None else evidence
    drugs, findings = read_drugs(directory, evidence=known)
    raise_on_errors(findings)
    return drugs


@cache
def _shipped() -> Mapping[str, Drug]:
    """Return the packaged records: they cannot change, and a report asks for them many times."""
    drugs, findings = read_drugs(None, evidence=load_evidence())
    raise_on_errors(findings)
    return drugs


def read_drugs(
    directory: Path | None = None, *, evidence: Mapping[str, Evidence]
) -> tuple[Mapping[str, Drug], tuple[Finding, ...]]:
    """Return the drugs that could be read and every finding on the files."""
    findings: list[Finding] = []
    drugs: dict[str, Drug] = {}
    names = _file_names(directory)
    if not names:
        where = shipped_label("drugs") if directory is None else str(directory)
        message = "no *.yaml file here. Give a folder with one file per drug."
        return MappingProxyType({}), (error("DRUG001", where, message),)
    for name in names:
        path = None if directory is None else directory / name
        drug, found = read_drug(path, f"drugs/{name}", evidence=evidence)
        findings += found
        if drug is None:
            continue
        if drug.id in drugs:
            message = f"drug id {drug.id!r} is that of {drugs[drug.id].where}. Rename one."
            findings.append(error("DRUG002", drug.where, message))
            continue
        drugs[drug.id] = drug
    return MappingProxyType(drugs), tuple(findings)


def read_drug(
    path: Path | None, shipped: str = "", *, evidence: Mapping[str, Evidence]
) -> tuple[Drug | None, tuple[Finding, ...]]:
    """Return the drug of one file and every finding on it.

    Parameters
    ----------
    path
        File to read; None reads ``shipped`` below the package's ``knowledge/data``.
    shipped
        Name of the shipped file.
    evidence
        Evidence that the drug may cite.
    """
    try:
        label, content = read_bytes(path, shipped)
    except OSError as err:
        message = f"cannot be read ({err.strerror or err}). Give the path of a drug file."
        return None, (error("DRUG001", str(path or shipped), message),)
    document, findings = read_located_yaml(label, content, code="DRUG003")
    if document is None:
        return None, findings
    try:
        drug = Drug.model_validate(document.data)
    except ValidationError as failure:
        return None, (*findings, *validation_findings(failure, document, Drug, code="DRUG003"))
    drug._where = document.where()
    findings = (
        *findings,
        *_drug_findings(drug, document, evidence),
        *_citation_findings(drug, document, evidence),
    )
    stem = Path(label).stem
    if drug.id != stem:
        message = f"id is {drug.id!r} in a file named {stem!r}. Make them equal."
        findings = (*findings, error("DRUG002", document.where(("id",)), message))
    return (None if findings else drug), findings


def _file_names(directory: Path | None) -> list[str]:
    if directory is None:
        folder = resources.files("cxaxis.knowledge").joinpath("data", "drugs")
        names = [item.name for item in folder.iterdir()]
    else:
        names = [item.name for item in directory.iterdir()] if directory.is_dir() else []
    return sorted(name for name in names if name.endswith(".yaml"))


def _drug_findings(
    drug: Drug, document: LocatedDocument, evidence: Mapping[str, Evidence]
) -> Iterator[Finding]:
    """Yield contradictions between the parts of one file, and between a number and its source."""
    yield from _place_findings(drug, document)
    yield from _action_findings(drug, document)
    for name, regimen in drug.regimens.items():
        yield from _regimen_findings(drug, name, regimen, document)
    if drug.molar_mass is not None:
        mass = drug.molar_mass
        where = document.where(("molar_mass", "value"))
        for words in mass.faults(evidence):
            yield error("DRUG011", where, f"{drug.id}.molar_mass {words}")
    for name, item in drug.properties.items():
        for code, key, words in property_faults(name, item, evidence):
            where = document.where(("properties", name, key))
            yield error(code, where, f"{drug.id}.properties.{name} {words}")


def _place_findings(drug: Drug, document: LocatedDocument) -> Iterator[Finding]:
    """Yield what is wrong with where and in what unit a dose goes."""
    procedure = PROCEDURE_UNITS.get(drug.drug_class)
    if drug.target and drug.waits_for is not None:
        message = (
            f"{drug.id}: has a target and waits for {drug.waits_for!r}. Keep target if a model "
            "takes its dose, waits_for if none does."
        )
        yield error("DRUG009", document.where(("waits_for",)), message)
    if not drug.target and drug.waits_for is None:
        message = (
            f"{drug.id}: has neither target nor waits_for. Say where its dose goes, "
            "or which part of the model it waits for."
        )
        yield error("DRUG009", document.where(), message)
    if drug.molar_mass is None and drug.target and procedure is None:
        message = f"{drug.id}: molar_mass is missing. Doses in mass need it to become nmol."
        yield error("DRUG004", document.where(), message)
    if drug.molar_mass is not None and procedure is not None:
        message = f"{drug.id}: molar_mass makes no sense for {drug.drug_class}. Remove it."
        yield error("DRUG004", document.where(("molar_mass",)), message)
    for index, unit in enumerate(drug.dose_units):
        fits = unit == procedure if procedure else unit not in PROCEDURE_UNITS.values()
        if not fits:
            message = (
                f"{drug.id}: dose unit {unit!r} does not fit class {drug.drug_class!r}. "
                "Radiotherapy is given in Gy, surgery in resection, drugs in mass."
            )
            yield error("DRUG005", document.where(("dose_units", index)), message)


def _action_findings(drug: Drug, document: LocatedDocument) -> Iterator[Finding]:
    """Yield an action that does not fit what the drug binds."""
    on_axis = not AXIS.isdisjoint(drug.binds)
    if on_axis and not drug.action:
        message = (
            f"{drug.id}: binds {' and '.join(drug.binds)} without an action. "
            f"Add action: one or more of {' | '.join(get_args(Action))}."
        )
        yield error("DRUG013", document.where(("binds",)), message)
    if drug.action and not on_axis:
        message = (
            f"{drug.id}: has an action on the axis, but binds neither {' nor '.join(sorted(AXIS))}."
            " Remove action, or add what it binds."
        )
        yield error("DRUG013", document.where(("action",)), message)


def _regimen_findings(
    drug: Drug, name: str, regimen: Regimen, document: LocatedDocument
) -> Iterator[Finding]:
    """Yield what is wrong between a regimen and its drug."""
    at: Location = ("regimens", name)
    if drug.target and regimen.route not in drug.target:
        message = (
            f"{drug.id}.{name}: route {regimen.route!r} has no target. "
            f"{did_you_mean(regimen.route, drug.target)} Or add it under target."
        )
        yield error("DRUG006", document.where((*at, "route")), message)
    if regimen.dose.unit not in drug.dose_units:
        message = (
            f"{drug.id}.{name}: dose unit {regimen.dose.unit!r} is not among dose_units. "
            f"{did_you_mean(regimen.dose.unit, drug.dose_units)} Or add it there."
        )
        yield error("DRUG005", document.where((*at, "dose", "unit")), message)
    if not regimen.evidence and not regimen.note.startswith(ASSUMED):
        message = (
            f"{drug.id}.{name}: cites no evidence. Cite a row, or start the note with "
            f"{ASSUMED!r} and give the reason."
        )
        yield error("DRUG014", document.where(at), message)


def _citation_findings(
    drug: Drug, document: LocatedDocument, evidence: Mapping[str, Evidence]
) -> Iterator[Finding]:
    """Yield what is wrong with the evidence a drug cites, each at its own line."""
    for location, cited in _citations(document.data):
        yield from citation_findings(
            cited,
            evidence,
            where=document.where(location),
            citer=".".join(map(str, (drug.id, *location[:-1]))),
            code="DRUG007",
        )


def _citations(data: Any, at: Location = ()) -> Iterator[tuple[Location, tuple[str, ...]]]:
    """Yield every ``evidence`` list of a document with its location."""
    if isinstance(data, dict):
        for key, value in data.items():
            if key == "evidence":
                yield (*at, key), tuple(value)
            else:
                yield from _citations(value, (*at, key))
    elif isinstance(data, list | tuple):
        for index, item in enumerate(data):
            yield from _citations(item, (*at, index))


def cited_evidence(drug: Drug) -> frozenset[str]:
    """Return the ids of every evidence row that a drug cites anywhere."""
    return frozenset(
        item for _, cited in _citations(drug.model_dump(by_alias=True)) for item in cited
    )
