"""Imaging tracers: one YAML file each, read into frozen records.

A tracer says what it is, which receptors bind it, which radionuclide or dye it carries, which
numbers are known of it and how, and how far it has come in people. Rate constants of a kinetic
model are rows of ``parameters.tsv``.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from importlib import resources
from pathlib import Path
from types import MappingProxyType
from typing import Final

from pydantic import ValidationError

from cxaxis.core.errors import Finding, error, raise_on_errors
from cxaxis.core.ids import did_you_mean
from cxaxis.knowledge.drugs import load_drugs
from cxaxis.knowledge.evidence import Evidence, citation_findings, load_evidence
from cxaxis.knowledge.isotopes import Emission, Isotope, load_isotopes
from cxaxis.knowledge.located_yaml import (
    LocatedDocument,
    Location,
    read_located_yaml,
    validation_findings,
)
from cxaxis.knowledge.readings import ASSUMED, basis_faults, unit_factor
from cxaxis.knowledge.tables import read_bytes, shipped_label
from cxaxis.knowledge.tracer_records import (
    MAY_BE_NEGATIVE,
    PROPERTY_UNITS,
    Property,
    Reading,
    Tracer,
)

NEEDED_EMISSION: Final[Mapping[str, Emission]] = MappingProxyType(
    {"PET": "positron", "SPECT": "photon"}
)
"""What the nuclide of a tracer must emit for a scanner to see it."""


def load_tracers(
    directory: Path | None = None,
    *,
    evidence: Mapping[str, Evidence] | None = None,
    isotopes: Mapping[str, Isotope] | None = None,
    drugs: Collection[str] | None = None,
) -> Mapping[str, Tracer]:
    """Return the tracers by id, in order of file name.

    Parameters
    ----------
    directory
        Folder of ``*.yaml`` files; None reads those that ship with the package.
    evidence, isotopes, drugs
        What tracers may point to; None loads what ships with the package.

    Raises
    ------
    UserInputError
        With every finding on every file at once.
    """
    known = load_evidence() if evidence is None else evidence
    tracers, findings = read_tracers(
        directory,
        evidence=known,
        isotopes=load_isotopes(evidence=known) if isotopes is None else isotopes,
        drugs=load_drugs(evidence=known) if drugs is None else drugs,
    )
    raise_on_errors(findings)
    return tracers


def read_tracers(
    directory: Path | None = None,
    *,
    evidence: Mapping[str, Evidence],
    isotopes: Mapping[str, Isotope],
    drugs: Collection[str],
) -> tuple[Mapping[str, Tracer], tuple[Finding, ...]]:
    """Return the tracers that could be read and every finding on the files."""
    findings: list[Finding] = []
    tracers: dict[str, Tracer] = {}
    names = _file_names(directory)
    if not names:
        where = shipped_label("tracers") if directory is None else str(directory)
        message = "no *.yaml file here. Give a folder with one file per tracer."
        return MappingProxyType({}), (error("TRAC001", where, message),)
    for name in names:
        path = None if directory is None else directory / name
        tracer, found = read_tracer(
            path, f"tracers/{name}", evidence=evidence, isotopes=isotopes, drugs=drugs
        )
        findings += found
        if tracer is not None:
            # The id is that of the file, so no other tracer can have it.
            tracers[tracer.id] = tracer
    return MappingProxyType(tracers), tuple(findings)


def read_tracer(
    path: Path | None,
    shipped: str = "",
    *,
    evidence: Mapping[str, Evidence],
    isotopes: Mapping[str, Isotope],
    drugs: Collection[str],
) -> tuple[Tracer | None, tuple[Finding, ...]]:
    """Return the tracer of one file and every finding on it.

    Parameters
    ----------
    path
        File to read; None reads ``shipped`` below the package's ``knowledge/data``.
    shipped
        Name of the shipped file.
    evidence, isotopes, drugs
        What the tracer may point to.
    """
    try:
        label, content = read_bytes(path, shipped)
    except OSError as err:
        message = f"cannot be read ({err.strerror or err}). Give the path of a tracer file."
        return None, (error("TRAC001", str(path or shipped), message),)
    document, findings = read_located_yaml(label, content, code="TRAC003")
    if document is None:
        return None, findings
    try:
        tracer = Tracer.model_validate(document.data)
    except ValidationError as failure:
        return None, (*findings, *validation_findings(failure, document, Tracer, code="TRAC003"))
    tracer._where = document.where()
    stem = Path(label).stem
    if tracer.id != stem:
        message = f"id is {tracer.id!r} in a file named {stem!r}. Make them equal."
        findings = (*findings, error("TRAC002", document.where(("id",)), message))
    findings = (
        *findings,
        *_label_findings(tracer, document, isotopes),
        *_drug_findings(tracer, document, drugs),
        *_property_findings(tracer, document, evidence),
        *_citation_findings(tracer, document, evidence),
        *_mouse_findings(tracer, document, evidence),
        *_held_out_findings(tracer, document, evidence),
        *_human_use_findings(tracer, document),
    )
    return (None if findings else tracer), findings


def cited_evidence(tracer: Tracer) -> frozenset[str]:
    """Return the ids of every evidence row that a tracer rests on; held-out rows are not among."""
    return frozenset(item for _, cited in _citations(tracer) for item in cited)


def _file_names(directory: Path | None) -> list[str]:
    if directory is None:
        folder = resources.files("cxaxis.knowledge").joinpath("data", "tracers")
        names = [item.name for item in folder.iterdir()] if folder.is_dir() else []
    else:
        names = [item.name for item in directory.iterdir()] if directory.is_dir() else []
    return sorted(name for name in names if name.endswith(".yaml"))


def _label_findings(
    tracer: Tracer, document: LocatedDocument, isotopes: Mapping[str, Isotope]
) -> Iterator[Finding]:
    """Yield what does not fit between modality, radionuclide and dye."""
    where = document.where(("isotope",))
    needed = NEEDED_EMISSION.get(tracer.modality)
    if needed is None:
        if tracer.isotope is not None:
            message = f"{tracer.id}: an optical tracer carries no isotope. Write isotope: none."
            yield error("TRAC004", where, message)
        if not tracer.label:
            message = f"{tracer.id}: label is missing. Name the dye or enzyme that is seen."
            yield error("TRAC004", document.where(), message)
        return
    if tracer.label:
        message = f"{tracer.id}: label is for optical tracers. Remove it."
        yield error("TRAC004", document.where(("label",)), message)
    if tracer.isotope is None:
        message = f"{tracer.id}: {tracer.modality} needs an isotope. Give its id."
        yield error("TRAC004", where, message)
        return
    isotope = isotopes.get(tracer.isotope)
    if isotope is None:
        message = (
            f"{tracer.id}: unknown isotope {tracer.isotope!r}. "
            f"{did_you_mean(tracer.isotope, isotopes)}"
        )
        yield error("TRAC004", where, message)
    elif isotope.sound and needed not in isotope.emissions:
        message = (
            f"{tracer.id}: {tracer.modality} needs a {needed} emitter, {isotope.id} emits "
            f"{' and '.join(isotope.emissions)}. Change isotope or modality."
        )
        yield error("TRAC004", where, message)


def _drug_findings(
    tracer: Tracer, document: LocatedDocument, drugs: Collection[str]
) -> Iterator[Finding]:
    if tracer.parent_drug is not None and tracer.parent_drug not in drugs:
        message = (
            f"{tracer.id}: unknown parent_drug {tracer.parent_drug!r}. "
            f"{did_you_mean(tracer.parent_drug, drugs)}"
        )
        yield error("TRAC005", document.where(("parent_drug",)), message)


def _property_findings(
    tracer: Tracer, document: LocatedDocument, evidence: Mapping[str, Evidence]
) -> Iterator[Finding]:
    """Yield what is wrong with numbers: unit, sign, receptor, ground."""
    for name, item in tracer.properties.items():
        receptor = name.removeprefix("affinity_").upper()
        if receptor in {"CXCR4", "ACKR3"} and receptor not in tracer.binds:
            message = f"{tracer.id}.{name}: binds does not name {receptor}. Add it, or remove this."
            yield error("TRAC006", document.where(("properties", name)), message)
        for at, reading in _readings(name, item):
            yield from _reading_findings(tracer, name, at, reading, document, evidence)


def _readings(name: str, item: Property) -> Iterator[tuple[Location, Reading]]:
    at: Location = ("properties", name)
    yield at, item
    for index, rival in enumerate(item.rivals):
        yield (*at, "rivals", index), rival


def _reading_findings(
    tracer: Tracer,
    name: str,
    at: Location,
    reading: Reading,
    document: LocatedDocument,
    evidence: Mapping[str, Evidence],
) -> Iterator[Finding]:
    who = ".".join(map(str, (tracer.id, *at[1:])))
    like = PROPERTY_UNITS[name]
    if name.startswith("affinity_") != (reading.measure is not None):
        cure = "Add measure: kd, ki or ic50." if reading.measure is None else "Remove measure."
        message = f"{who}: measure is for affinities, and each has one. {cure}"
        yield error("TRAC006", document.where(at), message)
    if unit_factor(reading.unit, like) is None:
        message = f"{who}: unit {reading.unit!r} is none of {name}. Use one such as {like}."
        yield error("TRAC006", document.where((*at, "unit")), message)
        return
    if name not in MAY_BE_NEGATIVE:
        for key, number in (("value", reading.value), ("low", reading.low)):
            if number is not None and number <= 0:
                message = f"{who}: {key} is {number:g}. Give a positive number."
                yield error("TRAC006", document.where((*at, key)), message)
                return
    for fault in basis_faults(
        reading.value, reading.unit, reading.status, reading.note, reading.evidence, evidence
    ):
        yield error("TRAC008", document.where(at), f"{who}: {fault}")


def _citations(tracer: Tracer) -> Iterator[tuple[Location, tuple[str, ...]]]:
    """Yield every list of evidence that a tracer rests on, with its location."""
    yield ("evidence",), tracer.evidence
    yield ("sees_mouse_receptor", "evidence"), tracer.sees_mouse_receptor.evidence
    yield ("human_use", "evidence"), tracer.human_use.evidence
    for index, entry in enumerate(tracer.regulatory):
        yield ("regulatory", index, "evidence"), entry.evidence
    for name, item in tracer.properties.items():
        for at, reading in _readings(name, item):
            yield (*at, "evidence"), reading.evidence


def _citation_findings(
    tracer: Tracer, document: LocatedDocument, evidence: Mapping[str, Evidence]
) -> Iterator[Finding]:
    for location, cited in _citations(tracer):
        yield from citation_findings(
            cited,
            evidence,
            where=document.where(location),
            citer=".".join(map(str, (tracer.id, *location[:-1]))),
            code="TRAC007",
        )


def _mouse_findings(
    tracer: Tracer, document: LocatedDocument, evidence: Mapping[str, Evidence]
) -> Iterator[Finding]:
    """Yield an answer that is surer than what it rests on."""
    item = tracer.sees_mouse_receptor
    rows = [evidence[name] for name in item.evidence if name in evidence]
    where = document.where(("sees_mouse_receptor",))
    if item.status == "assumed" and not item.note.startswith(ASSUMED):
        message = f"is assumed, but its note does not begin with {ASSUMED!r} and a reason. Add it."
    elif item.status in {"seen", "recalled"} and not item.evidence:
        message = f"is {item.status}, but cites no evidence. Cite a row."
    elif item.status == "seen" and rows and all(row.status != "seen" for row in rows):
        message = "is seen, but its evidence is not. Set status to recalled."
    else:
        return
    yield error("TRAC008", where, f"{tracer.id}.sees_mouse_receptor: {message}")


def _held_out_findings(
    tracer: Tracer, document: LocatedDocument, evidence: Mapping[str, Evidence]
) -> Iterator[Finding]:
    """Yield entries of ``held_out`` that are not: they would belong under evidence."""
    for index, item in enumerate(tracer.held_out):
        where = document.where(("held_out", index))
        if item in tracer.held_out[:index]:
            yield error("TRAC009", where, f"{tracer.id}: {item!r} is listed twice. Keep one.")
        elif item not in evidence:
            message = f"{tracer.id}: unknown evidence {item!r}. {did_you_mean(item, evidence)}"
            yield error("TRAC009", where, message)
        elif evidence[item].role != "held_out":
            message = (
                f"{tracer.id}: {item!r} is of role {evidence[item].role}, not held_out. "
                "Cite it under evidence."
            )
            yield error("TRAC009", where, message)


def _human_use_findings(tracer: Tracer, document: LocatedDocument) -> Iterator[Finding]:
    """Yield a registration that no regulator gave, or an approval that use does not show."""
    approved = any(item.status == "approved" for item in tracer.regulatory)
    if approved != (tracer.human_use.stage == "registered"):
        message = (
            f"{tracer.id}: human_use stage is {tracer.human_use.stage!r}, regulatory "
            f"{'holds an' if approved else 'holds no'} approval. Make the two agree."
        )
        yield error("TRAC010", document.where(("human_use",)), message)
