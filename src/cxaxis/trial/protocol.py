"""The protocol of a virtual trial: a YAML file, read strictly, all findings at once.

A number carries its unit in its key (``horizon_day``) or is a ``{value, unit}`` pair, never
both. Day 0 is randomisation, a Monday. Its parts are in `cxaxis.trial.protocol_parts`, what can
be wrong with it in `cxaxis.trial.protocol_findings` and `cxaxis.trial.design_findings`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from importlib import resources
from pathlib import Path
from typing import Annotated, Any, Final, Literal

from pydantic import Field, ValidationError

from cxaxis.core.errors import (
    Finding,
    ModelValueError,
    UserInputError,
    error,
    raise_on_errors,
)
from cxaxis.core.hashing import sha256_of
from cxaxis.core.ids import did_you_mean, nearest
from cxaxis.knowledge.drug_records import Drug, Regimen, SbmlId
from cxaxis.knowledge.drugs import load_drugs
from cxaxis.knowledge.located_yaml import (
    KEYS_CURE,
    LocatedDocument,
    read_located_yaml,
    validation_findings,
)
from cxaxis.trial.conduct_findings import conduct_findings
from cxaxis.trial.design_findings import design_findings, replay_findings
from cxaxis.trial.document_parts import LONGEST_HORIZON_DAY
from cxaxis.trial.protocol_findings import protocol_findings
from cxaxis.trial.protocol_parts import (
    Arm,
    Basket,
    BiomarkerBands,
    Crossover,
    EndPoint,
    Enrichment,
    Enrolment,
    Interim,
    Population,
    Prescription,
    Published,
    Stratum,
    Strict,
    Uncertainty,
    Visits,
    resolve,
    whole_parts,
)

EXAMPLE_FOLDER: Final = "examples"
SEAL_SUFFIX: Final = ".seal.json"


class Protocol(Strict):
    """A virtual trial, fixed before it is run.

    Attributes
    ----------
    backbone
        What every arm gets.
    arms
        At least two; ids differ.
    control
        Id of the arm the others are compared with.
    allocation
        Share of each arm, together 1, in place of the arms' ratios.
    strata, biomarker_strata
        Covariates, and bands of biomarkers, within which allocation is balanced.
    baskets
        Further populations under the same arms.
    enrichment
        A biomarker that patients must have to enter.
    crossover
        What patients of the control arm may be given after progression.
    endpoints
        The primary one first; DFS and EFS need an operation in every arm.
    estimand
        How what happens after randomisation counts: ``treatment_policy`` counts all events,
        ``while_on_treatment`` those before the planned drugs end.
    on_treatment_window_day
        Days after the end of the planned drugs in which events still count; 0 if omitted. For
        ``while_on_treatment`` alone.
    interim
        Looks at the data before the end, at which the trial may stop.
    replay
        Whether this trial was run with patients and its result is predicted here; such a protocol
        must be sealed.
    published
        Results of the replayed trial, the one that counts for its verdict first.
    wiring
        Options that differ from the default.
    """

    schema_version: Literal[1] = Field(alias="schema")
    title: Annotated[str, Field(min_length=1)]
    population: Population
    backbone: tuple[Prescription, ...] = Field(strict=False)
    arms: tuple[Arm, ...] = Field(strict=False)
    control: SbmlId
    allocation: dict[str, float] | None = None
    strata: tuple[Stratum, ...] = Field(default=(), strict=False)
    biomarker_strata: tuple[BiomarkerBands, ...] | None = Field(default=None, strict=False)
    baskets: tuple[Basket, ...] | None = Field(default=None, strict=False)
    enrichment: Enrichment | None = None
    crossover: Crossover | None = None
    enrolment: Enrolment = Enrolment()
    visits: Visits
    endpoints: tuple[EndPoint, ...] = Field(strict=False)
    estimand: Literal["treatment_policy", "while_on_treatment"] = "treatment_policy"
    on_treatment_window_day: Annotated[float, Field(ge=0)] | None = None
    interim: Interim | None = None
    replay: bool = False
    published: tuple[Published, ...] | None = Field(default=None, strict=False)
    wiring: dict[str, str] = Field(default_factory=dict)
    uncertainty: Uncertainty = Uncertainty()
    seed: Annotated[int, Field(ge=0, lt=2**63)]
    horizon_day: Annotated[float, Field(gt=0, le=LONGEST_HORIZON_DAY)]

    @property
    def arm_ids(self) -> tuple[str, ...]:
        """Ids of the arms, in file order."""
        return tuple(arm.id for arm in self.arms)

    @property
    def ratios(self) -> tuple[int, ...]:
        """Allocation ratio of each arm, in whole parts.

        Raises
        ------
        ModelValueError
            If `allocation` does not give every arm its share.
        """
        if self.allocation is None:
            return tuple(arm.ratio for arm in self.arms)
        parts = whole_parts(self.allocation)
        if parts is None or set(parts) != set(self.arm_ids):
            msg = f"allocation {self.allocation} does not give every arm a share, together 1."
            raise ModelValueError(msg)
        return tuple(parts[arm] for arm in self.arm_ids)

    @property
    def n_patient(self) -> int:
        """Patients in the trial, those of all baskets together."""
        units = self.population.patients_per_ratio_unit
        units += sum(basket.patients_per_ratio_unit for basket in self.baskets or ())
        return units * sum(self.ratios)

    def canonical(self) -> dict[str, Any]:
        """Return the protocol after defaults, ready for canonical JSON and readable again."""
        content = self.model_dump(mode="json", by_alias=True, exclude_none=True)
        # Keys that came after the first protocols: those that do without keep their hash.
        if self.uncertainty.populations == "prior":
            del content["uncertainty"]["populations"]
        return content if self.replay else {k: v for k, v in content.items() if k != "replay"}

    @property
    def sha256(self) -> str:
        """Hash of the canonical protocol."""
        return sha256_of(self.canonical())


def example_names() -> tuple[str, ...]:
    """Return the names of the protocols that ship with the package."""
    folder = resources.files("cxaxis").joinpath(EXAMPLE_FOLDER)
    return tuple(
        sorted(Path(item.name).stem for item in folder.iterdir() if item.name.endswith(".yaml"))
    )


def read_protocol(
    source: str | Path, *, drugs: Mapping[str, Drug] | None = None, sealing: bool = False
) -> Protocol:
    """Read a protocol file, or a packaged example by its name.

    Parameters
    ----------
    source
        Path of a YAML file, or a name such as ``crt_plerixafor``.
    drugs
        Known drugs; the packaged ones if omitted.
    sealing
        Whether it is read to be sealed: a replay then needs no seal yet.

    Raises
    ------
    UserInputError
        With every finding, each naming file, line, key, value and cure.
    """
    label, content = protocol_file(source)
    document, findings = read_located_yaml(label, content, code="PROT002")
    if document is None:
        raise UserInputError(findings)
    known = load_drugs() if drugs is None else drugs
    every = [
        *findings,
        *protocol_findings(document, known),
        *design_findings(document),
        *conduct_findings(document, known),
        *replay_findings(document, sealed=sealing or seal_content(source) is not None),
    ]
    try:
        protocol = Protocol.model_validate(document.data)
    except ValidationError as failure:
        raise UserInputError(_in_line_order([*every, *_refusals(failure, document)])) from None
    raise_on_errors(_in_line_order(every))
    return protocol


def protocol_file(source: str | Path) -> tuple[str, bytes]:
    """Return how messages name a protocol file or example, and its bytes.

    Raises
    ------
    UserInputError
        If there is no such file or example, or it is not text.
    """
    path = Path(source)
    if path.is_file():
        content = path.read_bytes()
        if b"\0" in content and not content.startswith((b"\xff\xfe", b"\xfe\xff")):
            message = "this is no text file. Give a protocol: YAML text in UTF-8."
            raise UserInputError([error("PROT001", str(source), message)])
        return str(source), content
    names = example_names()
    by_name = path.suffix == "" and str(source) in names
    in_examples = path.parent.name == EXAMPLE_FOLDER and path.suffix == ".yaml"
    if by_name or (in_examples and path.stem in names):
        folder = resources.files("cxaxis").joinpath(EXAMPLE_FOLDER)
        return f"{path.stem}.yaml", folder.joinpath(f"{path.stem}.yaml").read_bytes()
    if path.is_dir() and str(source):
        message = "this is a directory. Give a protocol file, or the name of an example: "
        raise UserInputError([error("PROT001", str(source), f"{message}{', '.join(names)}.")])
    hint = did_you_mean(path.stem, names) if nearest(path.stem, names) else ""
    shipped = f"Examples that ship: {', '.join(names)}."
    message = f"there is no such protocol file or example. {hint or shipped}"
    raise UserInputError([error("PROT001", str(source) or "protocol", message)])


def seal_content(source: str | Path) -> bytes | None:
    """Return the bytes of the seal beside a protocol file or example, None if there is none."""
    path = Path(source)
    if path.is_file():
        seal = path.with_name(path.name + SEAL_SUFFIX)
        return seal.read_bytes() if seal.is_file() else None
    folder = resources.files("cxaxis").joinpath(EXAMPLE_FOLDER)
    packaged = folder.joinpath(f"{path.stem}.yaml{SEAL_SUFFIX}")
    return packaged.read_bytes() if path.stem and packaged.is_file() else None


def _refusals(failure: ValidationError, document: LocatedDocument) -> Iterator[Finding]:
    """Yield what the types refused, with a cure in plain words."""
    found = validation_findings(failure, document, Protocol, code="PROT003")
    for item, finding in zip(failure.errors(include_url=False), found, strict=True):
        if item["loc"][-1:] == ("dose",) and item["type"] == "model_type":
            cure = "A dose needs its unit: write {value: 240, unit: ug/kg}"
            yield replace(finding, message=finding.message.replace(KEYS_CURE, cure))
        else:
            yield finding


def _in_line_order(findings: Iterable[Finding]) -> list[Finding]:
    def line(finding: Finding) -> int:
        text = finding.where.rpartition(":")[2]
        return int(text) if text.isdecimal() else 0

    return sorted(findings, key=line)


def arm_regimens(
    protocol: Protocol, arm: Arm, drugs: Mapping[str, Drug]
) -> tuple[tuple[Drug, Regimen], ...]:
    """Return everything an arm is given: the backbone, then what the arm adds."""
    return tuple(resolve(item, drugs) for item in (*protocol.backbone, *arm.regimens))
