"""The protocol of a virtual trial: a YAML file, read strictly, all findings at once.

A number carries its unit in its key (``horizon_day``) or is a ``{value, unit}`` pair, never
both. Day 0 is randomisation, a Monday.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from importlib import resources
from pathlib import Path
from typing import Annotated, Any, Final, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from cxaxis.cohort.settings import Setting
from cxaxis.core.errors import Finding, UserInputError, error, raise_on_errors
from cxaxis.core.hashing import sha256_of
from cxaxis.core.ids import did_you_mean, nearest
from cxaxis.knowledge.drug_records import Dose, Drug, Regimen, Route, SbmlId
from cxaxis.knowledge.drugs import load_drugs
from cxaxis.knowledge.located_yaml import (
    KEYS_CURE,
    LocatedDocument,
    Location,
    read_located_yaml,
    validation_findings,
)
from cxaxis.trial.operations import operation_findings
from cxaxis.trial.slots import slot_findings

EXAMPLE_FOLDER: Final = "examples"
MOST_VISITS: Final = 10_000
_EXPLICIT = ("dose", "route", "every_day", "n_doses", "duration_day", "weekdays_only")


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)


class Prescription(_Strict):
    """A drug in an arm: one of the drug's named regimens, or a schedule written out.

    Attributes
    ----------
    drug
        Id of a drug.
    regimen
        Name of one of its regimens; the schedule fields then stay out, but for `start_day`.
    dose, route, every_day, n_doses, duration_day, weekdays_only
        The schedule written out; as in `cxaxis.knowledge.drug_records.Regimen`.
    start_day
        Day of the first dose, counted from randomisation.
    """

    drug: SbmlId
    regimen: str | None = None
    dose: Dose | None = None
    route: Route | None = None
    start_day: Annotated[float, Field(ge=0)] | None = None
    every_day: Annotated[float, Field(gt=0)] | None = None
    n_doses: Annotated[int, Field(ge=1, le=10_000)] | None = None
    duration_day: Annotated[float, Field(ge=0)] | None = None
    weekdays_only: bool | None = None

    @model_validator(mode="after")
    def _one_way_to_say_it(self) -> Self:
        written = [name for name in _EXPLICIT if getattr(self, name) is not None]
        if self.regimen is not None and written:
            msg = (
                f"regimen {self.regimen!r} already sets {', '.join(written)}. "
                "Drop those keys, or drop regimen and write the schedule out."
            )
            raise ValueError(msg)
        if self.regimen is None and (self.dose is None or self.route is None):
            msg = "needs a regimen by name, or dose and route written out."
            raise ValueError(msg)
        return self


class Arm(_Strict):
    """One arm: what it adds to the backbone."""

    id: SbmlId
    label: Annotated[str, Field(min_length=1)]
    ratio: Annotated[int, Field(ge=1, le=100)] = 1
    regimens: tuple[Prescription, ...] = Field(default=(), strict=False)


class Population(_Strict):
    """Who is enrolled."""

    setting: Setting
    patients_per_ratio_unit: Annotated[int, Field(ge=1, le=100_000)]


class Enrolment(_Strict):
    """Accrual and loss to follow-up.

    Attributes
    ----------
    accrual_day
        Days over which patients enter, evenly. The data are cut `horizon_day` after the first
        possible entry, so late entrants have shorter follow-up.
    dropout_per_year
        Rate of loss to follow-up.
    """

    accrual_day: Annotated[float, Field(ge=0)] = 0.0
    dropout_per_year: Annotated[float, Field(ge=0)] = 0.0


class Visits(_Strict):
    """Tumour assessments.

    Attributes
    ----------
    first_day, every_day
        The first after day 0, and the distance of the later ones.
    surveillance
        Whether visits after the last operation that an arm plans come every three months for two
        years and then every six, in place of `every_day`.
    """

    first_day: Annotated[float, Field(gt=0)]
    every_day: Annotated[float, Field(gt=0)]
    surveillance: bool = False


class Uncertainty(_Strict):
    """Draws of what is not known: parameters, wirings and the causal share phi.

    Attributes
    ----------
    draws
        Populations drawn from the prior, simulated under control and `arms`; 0 for none.
    patients_per_draw
        Patients of each population.
    arms
        Arms compared with control in every draw; all of them if empty.
    phi_values
        Causal shares at which the pool hazard ratio is computed, with everything else as in
        the trial.
    phi_patients
        Patients used for that, the first ones of the pool.
    """

    draws: Annotated[int, Field(ge=0, le=10_000)] = 0
    patients_per_draw: Annotated[int, Field(ge=4)] = 16
    arms: tuple[SbmlId, ...] = Field(default=(), strict=False)
    phi_values: tuple[Annotated[float, Field(ge=0, le=1)], ...] = Field(default=(), strict=False)
    phi_patients: Annotated[int, Field(ge=4)] = 64


class Protocol(_Strict):
    """A virtual trial, fixed before it is run.

    Attributes
    ----------
    backbone
        What every arm gets.
    arms
        At least two; ids differ.
    control
        Id of the arm the others are compared with.
    strata
        Covariates within which allocation is balanced.
    endpoints
        The primary one first; DFS and EFS need an operation in every arm.
    estimand
        How what happens after randomisation counts: ``treatment_policy`` counts all events.
    wiring
        Options that differ from the default.
    """

    schema_version: Literal[1] = Field(alias="schema")
    title: Annotated[str, Field(min_length=1)]
    population: Population
    backbone: tuple[Prescription, ...] = Field(strict=False)
    arms: tuple[Arm, ...] = Field(strict=False)
    control: SbmlId
    strata: tuple[Literal["stage", "sex", "cxcr4_ihc"], ...] = Field(default=(), strict=False)
    enrolment: Enrolment = Enrolment()
    visits: Visits
    endpoints: tuple[Literal["OS", "PFS", "LRC", "DMFS", "DFS", "EFS"], ...] = Field(strict=False)
    estimand: Literal["treatment_policy"] = "treatment_policy"
    wiring: dict[str, str] = {}
    uncertainty: Uncertainty = Uncertainty()
    seed: Annotated[int, Field(ge=0, lt=2**63)]
    horizon_day: Annotated[float, Field(gt=0, le=36_525)]

    @property
    def arm_ids(self) -> tuple[str, ...]:
        """Ids of the arms, in file order."""
        return tuple(arm.id for arm in self.arms)

    @property
    def ratios(self) -> tuple[int, ...]:
        """Allocation ratio of each arm."""
        return tuple(arm.ratio for arm in self.arms)

    @property
    def n_patient(self) -> int:
        """Patients in the trial."""
        return self.population.patients_per_ratio_unit * sum(self.ratios)

    def canonical(self) -> dict[str, Any]:
        """Return the protocol after defaults, ready for canonical JSON and readable again."""
        return self.model_dump(mode="json", by_alias=True, exclude_none=True)

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


def read_protocol(source: str | Path, *, drugs: Mapping[str, Drug] | None = None) -> Protocol:
    """Read a protocol file, or a packaged example by its name.

    Parameters
    ----------
    source
        Path of a YAML file, or a name such as ``crt_plerixafor``.
    drugs
        Known drugs; the packaged ones if omitted.

    Raises
    ------
    UserInputError
        With every finding, each naming file, line, key, value and cure.
    """
    label, content = _content(source)
    document, findings = read_located_yaml(label, content, code="PROT002")
    if document is None:
        raise UserInputError(findings)
    known = load_drugs() if drugs is None else drugs
    try:
        protocol = Protocol.model_validate(document.data)
    except ValidationError as failure:
        refused = [*findings, *_refusals(failure, document), *_list_findings(document, known)]
        raise UserInputError(_in_line_order(refused)) from None
    every = [
        *findings,
        *_contradictions(protocol, document),
        *operation_findings(protocol, document, known),
        *_list_findings(document, known),
    ]
    raise_on_errors(_in_line_order(every))
    return protocol


def _content(source: str | Path) -> tuple[str, bytes]:
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


def _contradictions(protocol: Protocol, document: LocatedDocument) -> Iterator[Finding]:
    """Yield what the fields of a protocol say against each other."""
    if len(set(protocol.endpoints)) != len(protocol.endpoints):
        message = f"endpoints {', '.join(protocol.endpoints)} name one twice. Remove the second."
        yield error("PROT008", document.where(("endpoints",)), message)
    absent = [name for name in ("OS", "PFS") if name not in protocol.endpoints]
    if absent:
        message = (
            f"endpoints lack {' and '.join(absent)}, which every report shows. "
            "Add what is missing; the primary end point stands first."
        )
        yield error("PROT008", document.where(("endpoints",)), message)
    horizon_day = protocol.horizon_day
    if protocol.enrolment.accrual_day >= horizon_day:
        message = (
            f"enrolment.accrual_day {protocol.enrolment.accrual_day:g} is not below horizon_day "
            f"{horizon_day:g}: the last patients would have no follow-up. Change one."
        )
        yield error("PROT017", document.where(("enrolment", "accrual_day")), message)
    visits = protocol.visits
    if visits.first_day >= horizon_day:
        message = (
            f"visits.first_day {visits.first_day:g} is not before horizon_day "
            f"{horizon_day:g}. Nothing would be assessed; move one of them."
        )
        yield error("PROT009", document.where(("visits", "first_day")), message)
    if horizon_day / visits.every_day > MOST_VISITS:
        message = (
            f"visits.every_day {visits.every_day:g} makes {horizon_day / visits.every_day:.3g} "
            f"visits until horizon_day {horizon_day:g}. At most {MOST_VISITS}: raise it."
        )
        yield error("PROT019", document.where(("visits", "every_day")), message)
    for location, item in _prescriptions(document):
        if item.regimen is None and item.start_day is not None and item.start_day >= horizon_day:
            key = ".".join(map(str, location))
            message = (
                f"{key}.start_day {item.start_day:g} is not before horizon_day {horizon_day:g}: "
                "nothing would be given. Move one of them."
            )
            yield error("PROT018", document.where((*location, "start_day")), message)


def _list_findings(document: LocatedDocument, drugs: Mapping[str, Drug]) -> Iterator[Finding]:
    """Yield what is wrong between arms, control, wiring and drugs.

    Works on what was read, not on the protocol: a fault elsewhere must not hide these.
    """
    control = document.value(("control",))
    arms = document.value(("arms",))
    if isinstance(arms, list):
        yield from _arm_findings(arms, control, document)
    wiring = document.value(("wiring",))
    for name, option in wiring.items() if isinstance(wiring, dict) else ():
        if isinstance(option, str):
            yield from _wiring_findings(name, option, document)
    prescribed = tuple(_prescriptions(document))
    for location, item in prescribed:
        yield from _prescription_findings(item, location, document, drugs)
    yield from slot_findings(((place, item.drug) for place, item in prescribed), document, drugs)


def _arm_findings(arms: list[Any], control: Any, document: LocatedDocument) -> Iterator[Finding]:
    """Yield too few, equal or empty arms, and names of arms that do not exist."""
    if len(arms) < 2:
        count = f"{len(arms)} {'entry' if len(arms) == 1 else 'entries'}"
        message = f"arms has {count}. A trial needs a control and at least one more."
        yield error("PROT004", document.where(("arms",)), message)
    seen: dict[str, int] = {}
    for index, arm in enumerate(arms):
        name = arm.get("id") if isinstance(arm, dict) else None
        if not isinstance(name, str):
            continue
        if name in seen:
            message = f"arms.{index}.id is {name!r}, the id of arms.{seen[name]}. Rename one."
            yield error("PROT005", document.where(("arms", index, "id")), message)
        seen.setdefault(name, index)
    # A control that names no arm says nothing about which arm may be empty.
    for index, arm in enumerate(arms):
        name = arm.get("id") if isinstance(arm, dict) else None
        if control in seen and name in seen and name != control and arm.get("regimens", []) == []:
            message = (
                f"arm {name!r} is empty: it adds nothing to the backbone. "
                "Give it regimens, or make it the control."
            )
            yield error("PROT006", document.where(("arms", index)), message)
    if seen and isinstance(control, str) and control not in seen:
        message = f"control is {control!r}, no arm. {did_you_mean(control, seen)}"
        yield error("PROT007", document.where(("control",)), message)
    compared = document.value(("uncertainty", "arms"))
    for index, name in enumerate(compared if isinstance(compared, list) else ()):
        if not isinstance(name, str) or (name in seen and name != control):
            continue
        what = "the control" if name == control else "no arm"
        others = [arm for arm in seen if arm != control]
        message = f"uncertainty.arms has {name!r}, {what}. {did_you_mean(name, others)}"
        yield error("PROT016", document.where(("uncertainty", "arms", index)), message)


def _wiring_findings(name: str, option: str, document: LocatedDocument) -> Iterator[Finding]:
    from cxaxis.core.errors import ModelValueError
    from cxaxis.models.wiring import PATIENT_WIRINGS, wiring_from

    where = document.where(("wiring", name))
    try:
        wiring_from({name: option})
    except ModelValueError as err:
        yield error("PROT010", where, str(err))
        return
    if name not in PATIENT_WIRINGS:
        message = (
            f"wiring {name!r} is of the cell model alone and would change nothing in a patient. "
            f"Use one of: {', '.join(PATIENT_WIRINGS)}."
        )
        yield error("PROT010", where, message)


def _prescriptions(document: LocatedDocument) -> Iterator[tuple[Location, Prescription]]:
    """Yield the prescriptions that can be read, each with its place in the file."""
    arms = document.value(("arms",))
    lists: list[Location] = [("backbone",)]
    lists += [("arms", i, "regimens") for i in range(len(arms) if isinstance(arms, list) else 0)]
    for location in lists:
        items = document.value(location)
        for index, item in enumerate(items if isinstance(items, list) else ()):
            try:
                yield (*location, index), Prescription.model_validate(item)
            except ValidationError:
                continue


def _prescription_findings(
    item: Prescription, location: Location, document: LocatedDocument, drugs: Mapping[str, Drug]
) -> Iterator[Finding]:
    """Yield what is wrong between a prescription and its drug."""
    key = ".".join(map(str, location))
    if item.drug not in drugs:
        message = f"{key}.drug is {item.drug!r}, no known drug. {did_you_mean(item.drug, drugs)}"
        yield error("PROT011", document.where((*location, "drug")), message)
        return
    drug = drugs[item.drug]
    if not drug.target:
        given = ", ".join(sorted(other.id for other in drugs.values() if other.target))
        message = (
            f"{key}.drug is {drug.id!r}, which no model can be given: "
            f"it waits for {drug.waits_for}. Use one of: {given}."
        )
        yield error("PROT020", document.where((*location, "drug")), message)
        return
    if item.regimen is not None:
        if item.regimen not in drug.regimens:
            hint = did_you_mean(item.regimen, drug.regimens)
            message = f"{key}.regimen is {item.regimen!r}, no regimen of {drug.id}. {hint}"
            yield error("PROT012", document.where((*location, "regimen")), message)
        return
    if item.route is not None and item.route not in drug.target:
        routes = " or ".join(drug.target)
        message = f"{key}.route is {item.route!r}, by which {drug.id} is not given. Use {routes}."
        yield error("PROT013", document.where((*location, "route")), message)
    if item.dose is not None and item.dose.unit not in drug.dose_units:
        message = (
            f"{key}.dose.unit is {item.dose.unit!r}, which is no dose unit of {drug.id}. "
            f"Use one of: {', '.join(drug.dose_units)}."
        )
        yield error("PROT014", document.where((*location, "dose", "unit")), message)
    try:
        resolve(item, drugs)
    except ValidationError as failure:
        for problem in failure.errors():
            cause = str(problem["msg"]).removeprefix("Value error, ")
            yield error("PROT015", document.where(location), f"{key}: {cause}")


def resolve(item: Prescription, drugs: Mapping[str, Drug]) -> tuple[Drug, Regimen]:
    """Return the drug and the full regimen that a prescription means."""
    drug = drugs[item.drug]
    if item.regimen is not None:
        regimen = drug.regimens[item.regimen]
        if item.start_day is not None:
            regimen = regimen.model_copy(update={"start_day": item.start_day})
        return drug, regimen
    fields = item.model_dump(exclude={"drug", "regimen"}, exclude_none=True)
    return drug, Regimen(**fields, note="written out in the protocol")


def arm_regimens(
    protocol: Protocol, arm: Arm, drugs: Mapping[str, Drug]
) -> tuple[tuple[Drug, Regimen], ...]:
    """Return everything an arm is given: the backbone, then what the arm adds."""
    return tuple(resolve(item, drugs) for item in (*protocol.backbone, *arm.regimens))
