"""What to cite for a run: BibTeX of the references behind the numbers that it used."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from cxaxis._version import __version__
from cxaxis.core.errors import Finding, UserInputError, error, raise_on_errors
from cxaxis.knowledge.checks import Knowledge, read_knowledge
from cxaxis.knowledge.drug_records import Drug
from cxaxis.models.build import build
from cxaxis.models.wiring import PATIENT_WIRINGS, wiring_from
from cxaxis.report.bibtex import entry, escaped, formatted
from cxaxis.runs.files import write_text_durably
from cxaxis.runs.manifest import check_tables, read_manifest
from cxaxis.trial.protocol import Protocol, read_protocol
from cxaxis.trial.run import Trial

if TYPE_CHECKING:
    import pandas as pd

REVIEW: Final = "wu_x_2021"
REVIEW_TITLE: Final = (
    "The biological role of the CXCL12/CXCR4 axis in esophageal squamous cell carcinoma"
)
DEMONSTRATION: Final = "crt_plerixafor"
COLUMNS: Final = ("ID", "VALUE", "EVIDENCE")
# Rows of the references that say where a number comes from, but are no work to cite.
NO_WORKS: Final = ("derived_here", "no_single_source")
MOST_NAMED: Final = 12


@dataclass(frozen=True, kw_only=True)
class Used:
    """What a run used, as far as it has sources.

    Attributes
    ----------
    title
        What was run.
    version
        Version of the package that ran it.
    evidence
        What rests on each evidence row, by row: parameters, drugs, wirings, in words.
    unsourced
        Parameters that cite no evidence.
    own
        Parameters whose values were set by the user, so that no source stands behind them.
    """

    title: str
    version: str
    evidence: Mapping[str, tuple[str, ...]]
    unsourced: tuple[str, ...]
    own: tuple[str, ...]


def cite(run: Trial | Path | str | None = None) -> str:
    """Return the BibTeX of what a run used.

    That is the review, the sources of every parameter that the patient model binds, of the molar
    masses and named regimens of the protocol's drugs, and of the wirings that the run chose or
    drew from.

    Parameters
    ----------
    run
        A finished trial, or the directory of a complete run; None stands for the packaged
        demonstration.

    Returns
    -------
    One entry a reference, sorted by key; the field ``note`` says what rests on it. The same
    input gives the same text.

    Raises
    ------
    UserInputError
        With every finding: the directory is no complete trial run, a table was changed, or the
        run rests on evidence that this version does not have.
    """
    knowledge, findings = read_knowledge()
    raise_on_errors(findings)
    if run is None:
        used = _used_by_demonstration(knowledge)
    else:
        used = _used_by_run(run.path if isinstance(run, Trial) else Path(run), knowledge)
    return bibliography(used, knowledge)


def write_citations(text: str, path: Path) -> None:
    """Write BibTeX to a file that must not exist.

    Raises
    ------
    UserInputError
        If there is a file already, or no directory to write it into.
    """
    if path.exists():
        message = "this exists already and is not overwritten. Give another name with -o."
        raise UserInputError([error("CITE001", str(path), message)])
    if not path.parent.is_dir():
        message = f"there is no directory {path.parent}. Make it, or give another name with -o."
        raise UserInputError([error("CITE001", str(path), message)])
    write_text_durably(path, text)


def bibliography(used: Used, knowledge: Knowledge) -> str:
    """Return the BibTeX of what was used, with what has no source told above the entries."""
    titles = {item.reference: item.title for item in knowledge.review_references.values()}
    titles.setdefault(REVIEW, REVIEW_TITLE)
    supported: dict[str, list[str]] = {REVIEW: []}
    for name, users in used.evidence.items():
        supported.setdefault(knowledge.evidence[name].reference, []).extend(users)
    entries = [
        entry(
            knowledge.references[name],
            title=titles.get(name, ""),
            supports=tuple(dict.fromkeys(users)),
            note="the review that the model follows" if name == REVIEW else "",
        )
        for name, users in sorted(supported.items())
        if name not in NO_WORKS
    ]
    loose = tuple(dict.fromkeys(user for name in NO_WORKS for user in supported.get(name, ())))
    return "\n".join([_head(used, loose), _software(used), *entries])


def _head(used: Used, loose: tuple[str, ...]) -> str:
    # Outside entries BibTeX reads nothing but the sign that opens one.
    lines = [
        f"% What this run used: {used.title.replace('@', ' at ')}",
        "% The note of an entry says what rests on it. First authors alone are recorded.",
        *_listed("parameters rest on no source: assumed, or set by definition", used.unsourced),
        *_listed("rest, in part at least, on no single work", loose),
        *_listed("parameters were set by the user", used.own),
    ]
    return "".join(f"{line}\n" for line in lines)


def _listed(what: str, names: tuple[str, ...]) -> Iterator[str]:
    if names:
        more = f" and {len(names) - MOST_NAMED} more" if len(names) > MOST_NAMED else ""
        yield f"% {len(names)} {what}: {', '.join(names[:MOST_NAMED])}{more}."


def _software(used: Used) -> str:
    fields = {
        "author": "{The cxaxis authors}",
        "title": "{cxaxis: an executable, evidence-linked model of the CXCL12/CXCR4 axis in "
        "oesophageal squamous cell carcinoma}",
        "howpublished": "Research software",
        "note": escaped(f"version {used.version}"),
    }
    return formatted("misc", "cxaxis", fields)


def _used_by_demonstration(knowledge: Knowledge) -> Used:
    rows = {name: (row.value, row.evidence) for name, row in knowledge.parameters.items()}
    protocol = read_protocol(DEMONSTRATION, drugs=knowledge.drugs)
    return _used(protocol, rows, knowledge, __version__)


def _used_by_run(directory: Path, knowledge: Knowledge) -> Used:
    manifest = read_manifest(directory)
    if manifest.kind != "trial":
        message = f"this is a run of kind {manifest.kind!r}; citations are made of a trial run."
        raise UserInputError([error("CITE002", str(directory), message)])
    table = directory / "parameters.parquet"
    changed = [item for item in check_tables(directory, manifest) if item.where == str(table)]
    raise_on_errors(changed)
    if not table.is_file():
        message = "the table is missing. Run the trial again into a new directory."
        raise UserInputError([error("CITE003", str(table), message)])
    rows = _rows_of(table)
    version = str(manifest.key_parts.get("package_version", "not recorded"))
    raise_on_errors([*_unknown_evidence(rows, knowledge, str(table), version)])
    protocol = read_protocol(directory / "protocol.json", drugs=knowledge.drugs)
    return _used(protocol, rows, knowledge, version)


def _rows_of(table: Path) -> dict[str, tuple[float, tuple[str, ...]]]:
    from cxaxis.runs.tables import read_table

    frame: pd.DataFrame = read_table(table)
    absent = [name for name in COLUMNS if name not in frame.columns]
    if absent:
        message = f"column {', '.join(absent)} is missing. Run the trial again."
        raise UserInputError([error("CITE003", str(table), message)])
    cells: Any = frame[list(COLUMNS)].itertuples(index=False, name=None)
    return {
        name: (float(value), tuple(part for part in str(evidence or "").split(";") if part))
        for name, value, evidence in cells
    }


def _unknown_evidence(
    rows: Mapping[str, tuple[float, tuple[str, ...]]],
    knowledge: Knowledge,
    where: str,
    version: str,
) -> Iterator[Finding]:
    for name, (_, evidence) in rows.items():
        for part in evidence:
            if part not in knowledge.evidence:
                message = (
                    f"{name} rests on evidence {part!r}, which version {__version__} does not "
                    f"have. Cite the run with the version that wrote it: {version}."
                )
                yield error("CITE004", where, message)


def _used(
    protocol: Protocol,
    rows: Mapping[str, tuple[float, tuple[str, ...]]],
    knowledge: Knowledge,
    version: str,
) -> Used:
    model = build("patient", knowledge.parameters, wiring_from(protocol.wiring))
    bound = [name for name in rows if name in set(model.bindings.values())]
    own = [name for name in bound if version == __version__ and _is_own(name, rows, knowledge)]
    sourced = [name for name in bound if name not in own]
    pairs = [
        *((part, name) for name in sourced for part in rows[name][1]),
        *_drug_evidence(protocol, knowledge.drugs),
        *_wiring_evidence(protocol, knowledge),
    ]
    evidence: dict[str, list[str]] = {}
    for part, user in pairs:
        evidence.setdefault(part, []).append(user)
    return Used(
        title=protocol.title,
        version=version,
        evidence={part: tuple(users) for part, users in evidence.items()},
        unsourced=tuple(name for name in sourced if not rows[name][1]),
        own=tuple(own),
    )


def _is_own(
    name: str, rows: Mapping[str, tuple[float, tuple[str, ...]]], knowledge: Knowledge
) -> bool:
    return name not in knowledge.parameters or rows[name][0] != knowledge.parameters[name].value


def _drug_evidence(protocol: Protocol, drugs: Mapping[str, Drug]) -> Iterator[tuple[str, str]]:
    prescribed = [*protocol.backbone, *(item for arm in protocol.arms for item in arm.regimens)]
    for item in prescribed:
        drug = drugs[item.drug]
        mass: Iterable[str] = () if drug.molar_mass is None else drug.molar_mass.evidence
        for part in mass:
            yield part, f"molar mass of {drug.id}"
        if item.regimen is not None:
            for part in drug.regimens[item.regimen].evidence:
                yield part, f"regimen {item.regimen} of {drug.id}"


def _wiring_evidence(protocol: Protocol, knowledge: Knowledge) -> Iterator[tuple[str, str]]:
    """Yield the ground of each option that the run chose, or of all if it drew among them."""
    chosen = {**knowledge.wirings.defaults(), **protocol.wiring}
    for name in PATIENT_WIRINGS:
        options = knowledge.wirings[name]
        for option in options:
            if protocol.uncertainty.draws > 0 or option.option == chosen[name]:
                for part in option.evidence:
                    yield part, f"wiring {name} {option.option}"
