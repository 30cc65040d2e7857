"""Replays: published trials of these drugs, written down and sealed before they are predicted.

An antitumour replay is a `cxaxis.trial.protocol.Protocol` with ``replay: true`` and what was
published. A mobilisation replay has no tumour and is a file of its own, with
``replay: mobilisation``. Both ship in ``examples/replays``, each with its seal.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from importlib import resources
from pathlib import Path
from typing import Annotated, Any, Final, Literal, Self

import numpy as np
from pydantic import Field, ValidationError, model_validator

from cxaxis._version import __version__
from cxaxis.core.arrays import FloatArray
from cxaxis.core.errors import Finding, UserInputError, error, raise_on_errors
from cxaxis.core.hashing import sha256_of
from cxaxis.core.ids import did_you_mean
from cxaxis.knowledge.drug_records import Drug, Regimen
from cxaxis.knowledge.drugs import load_drugs
from cxaxis.knowledge.evidence import Evidence, load_evidence
from cxaxis.knowledge.located_yaml import LocatedDocument, read_located_yaml, validation_findings
from cxaxis.knowledge.parameters import load_parameters
from cxaxis.models.build import build
from cxaxis.runs.files import write_json_durably
from cxaxis.trial.protocol import SEAL_SUFFIX, Protocol, read_protocol
from cxaxis.trial.protocol_parts import Prescription, Strict, resolve
from cxaxis.trial.seals import Seal, SealState, differences, read_seal, state_of

FOLDER: Final = "examples/replays"
MOBILISATION: Final = "mobilisation"
#: Model in which people without a tumour are mobilised.
BENCH: Final = "marrow_bench"
FILGRASTIM: Final = Prescription.model_validate(
    {"drug": "filgrastim", "dose": {"value": 10.0, "unit": "ug/kg"}, "route": "subcutaneous"}
)
MobilisationQuantity = Literal[
    "share_at_target", "fold_between", "peak_per_microlitre", "peak_fold", "days_raised"
]


def filgrastim(mornings: int) -> tuple[Drug, Regimen]:
    """Return G-CSF 10 ug/kg on some mornings from day 0."""
    update = {"n_doses": mornings, "every_day": 1.0}
    return resolve(FILGRASTIM.model_copy(update=update), load_drugs())


class PublishedCount(Strict):
    """A published result of mobilisation, beside which its prediction is put.

    Attributes
    ----------
    row
        Evidence row; none where nothing was found, and the prediction stands alone.
    arm
        ``active`` with the drug, ``control`` without.
    quantity
        ``share_at_target``: share of patients with the target within `sessions`, from a row in
        per cent. ``fold_between``: CD34+ at the second of `between_day` over that at the first.
        ``peak_per_microlitre``, ``peak_fold``: highest count, and over the rest.
        ``days_raised``: days until the count is back within a tenth of the rest.
    average
        Over patients.
    sessions
        Aphereses that count.
    between_day
        Days from the start, two.
    below_per_microlitre
        Only patients with fewer CD34+ cells than this at the first of `between_day`.
    patients
        Of the published arm; the chance of having drawn these is part of the interval. Left out
        of it where not known.
    """

    row: Annotated[str, Field(min_length=1)] | None = None
    arm: Literal["active", "control"]
    quantity: MobilisationQuantity
    average: Literal["median", "mean"] = "median"
    sessions: Annotated[int, Field(ge=1)] | None = None
    between_day: Annotated[tuple[float, float], Field(strict=False)] | None = None
    below_per_microlitre: Annotated[float, Field(gt=0)] | None = None
    patients: Annotated[int, Field(ge=1)] | None = None

    @model_validator(mode="after")
    def _says_what_it_needs(self) -> Self:
        share, fold = self.quantity == "share_at_target", self.quantity == "fold_between"
        if share != (self.sessions is not None) or (share and self.patients is None):
            msg = "sessions and patients belong to share_at_target, which needs both."
            raise ValueError(msg)
        if fold != (self.between_day is not None):
            msg = "between_day belongs to fold_between, which needs it."
            raise ValueError(msg)
        if self.between_day is not None and self.between_day[0] >= self.between_day[1]:
            msg = f"between_day {self.between_day} must rise."
            raise ValueError(msg)
        return self


class MobilisationReplay(Strict):
    """A trial of stem-cell mobilisation, fixed before it is predicted.

    Attributes
    ----------
    people
        Whose marrow: volunteers, or patients with lymphoma or myeloma.
    filgrastim_days
        Mornings of G-CSF 10 ug/kg in both arms, from day 0.
    drug
        What the active arm adds.
    sessions_day
        Days of the aphereses, rising.
    target_per_kg
        CD34+ cells per kg that count as success.
    published
        Results to predict.
    horizon_day
        End of what is read; the last session if omitted.
    """

    schema_version: Literal[1] = Field(alias="schema")
    replay: Literal["mobilisation"]
    title: Annotated[str, Field(min_length=1)]
    people: Literal["volunteers", "lymphoma", "myeloma"]
    filgrastim_days: Annotated[int, Field(ge=0, le=14)]
    drug: Prescription
    sessions_day: tuple[Annotated[float, Field(gt=0)], ...] = Field(default=(), strict=False)
    target_per_kg: Annotated[float, Field(gt=0)] | None = None
    published: Annotated[tuple[PublishedCount, ...], Field(strict=False, min_length=1)]
    horizon_day: Annotated[float, Field(gt=0, le=60)] | None = None
    seed: Annotated[int, Field(ge=0, lt=2**63)]

    @model_validator(mode="after")
    def _ends_and_has_a_target(self) -> Self:
        if list(self.sessions_day) != sorted(set(self.sessions_day)):
            msg = f"sessions_day {list(self.sessions_day)} must rise."
            raise ValueError(msg)
        asked = max((item.sessions or 0 for item in self.published), default=0)
        if asked and (self.target_per_kg is None or asked > len(self.sessions_day)):
            msg = f"{asked} sessions with a target are compared: give target_per_kg and the days."
            raise ValueError(msg)
        if self.horizon_day is None and not self.sessions_day:
            msg = "needs horizon_day where nothing is collected."
            raise ValueError(msg)
        return self

    @property
    def times_day(self) -> FloatArray:
        """Days at which the count is read: every hour, sessions and named days."""
        last = self.horizon_day or self.sessions_day[-1]
        named = [day for item in self.published for day in item.between_day or ()]
        hourly = np.arange(0.0, last + 1e-9, 1.0 / 24.0) if self.horizon_day else np.array([0.0])
        return np.union1d(hourly, [*self.sessions_day, *named])

    def regimens(self, arm: str) -> tuple[tuple[Drug, Regimen], ...]:
        """Return what an arm is given."""
        given = []
        if self.filgrastim_days:
            given.append(filgrastim(self.filgrastim_days))
        if arm == "active":
            given.append(resolve(self.drug, load_drugs()))
        return tuple(given)

    def canonical(self) -> dict[str, Any]:
        """Return the replay after defaults, ready for canonical JSON and readable again."""
        return self.model_dump(mode="json", by_alias=True, exclude_none=True)

    @property
    def sha256(self) -> str:
        """Hash of the canonical replay."""
        return sha256_of(self.canonical())


@dataclass(frozen=True, kw_only=True)
class Replay:
    """A replay that was read, and its seal.

    Attributes
    ----------
    name
        Of the file, without its ending.
    content
        What is predicted.
    seal
        Its seal, and what changed since.
    """

    name: str
    content: Protocol | MobilisationReplay
    seal: SealState

    @property
    def is_mobilisation(self) -> bool:
        """Whether stem cells are mobilised; else a tumour is treated."""
        return isinstance(self.content, MobilisationReplay)


def replay_names() -> tuple[str, ...]:
    """Return the names of the replays that ship with the package."""
    return tuple(sorted(path.stem for path in _folder().glob("*.yaml")))


def replay_path(source: str | Path) -> Path:
    """Return the file of a replay, given as a path or by the name of one that ships.

    Raises
    ------
    UserInputError
        If there is none.
    """
    path = Path(source)
    if path.is_file():
        return path
    shipped = _folder() / f"{source}.yaml"
    if str(source) in replay_names():
        return shipped
    message = f"there is no such replay. {did_you_mean(path.stem, replay_names())}"
    raise UserInputError([error("REPLAY001", str(source) or "replay", message)])


def read_replay(source: str | Path) -> Replay:
    """Read a replay with its seal.

    Raises
    ------
    UserInputError
        With every finding: what is wrong with the file, an evidence row that is not there, and
        that it has no seal.
    """
    path = replay_path(source)
    content: Protocol | MobilisationReplay
    if is_mobilisation(path):
        content = read_mobilisation(path)
        state = mobilisation_state(content, path)
    else:
        content = read_protocol(path)
        raise_on_errors([*_protocol_findings(content, str(path))])
        state = state_of(content, path)
    if state is None:
        raise UserInputError([error("PROT032", str(path), _UNSEALED)])
    return Replay(name=path.stem, content=content, seal=state)


_UNSEALED: Final = (
    "it is a replay, but it is not sealed: nobody could tell that it stood before its result was "
    "known. Seal it: `cxaxis trial seal FILE`."
)


def is_mobilisation(path: Path) -> bool:
    """Whether a file says of itself that it is a mobilisation replay."""
    document, _ = read_located_yaml(str(path), path.read_bytes(), code="PROT002")
    return document is not None and document.value(("replay",)) == MOBILISATION


def read_mobilisation(path: Path) -> MobilisationReplay:
    """Read a mobilisation replay, sealed or not.

    Raises
    ------
    UserInputError
        With every finding, each naming file, line, key, value and cure.
    """
    document, findings = read_located_yaml(str(path), path.read_bytes(), code="PROT002")
    if document is None:
        raise UserInputError(findings)
    try:
        content = MobilisationReplay.model_validate(document.data)
    except ValidationError as failure:
        refused = validation_findings(failure, document, MobilisationReplay, code="REPLAY002")
        raise UserInputError([*findings, *refused]) from None
    raise_on_errors([*findings, *_mobilisation_findings(content, document)])
    return content


def _mobilisation_findings(
    content: MobilisationReplay, document: LocatedDocument
) -> Iterator[Finding]:
    drugs, evidence = load_drugs(), load_evidence()
    item = content.drug
    if item.drug not in drugs:
        message = f"no drug {item.drug!r}. {did_you_mean(item.drug, drugs)}"
        yield error("REPLAY003", document.where(("drug", "drug")), message)
    elif item.regimen is not None and item.regimen not in drugs[item.drug].regimens:
        known = drugs[item.drug].regimens
        message = (
            f"{item.drug} has no regimen {item.regimen!r}. {did_you_mean(item.regimen, known)}"
        )
        yield error("REPLAY003", document.where(("drug", "regimen")), message)
    for position, published in enumerate(content.published):
        where = document.where(("published", position))
        yield from row_findings(published.row, where, evidence)


def _protocol_findings(content: Protocol, where: str) -> Iterator[Finding]:
    evidence = load_evidence()
    if not content.replay or not content.published or len(content.arms) != 2:
        message = (
            "a replay needs replay: true, two arms and published results. Add them, or use "
            "`cxaxis trial run`."
        )
        yield error("REPLAY004", where, message)
    for item in content.published or ():
        for row in (item.row, item.minus):
            yield from row_findings(row, where, evidence)


def row_findings(
    row: str | None, where: str, evidence: Mapping[str, Evidence]
) -> Iterator[Finding]:
    """Yield that there is no such evidence row."""
    if row is not None and row not in evidence:
        message = f"no evidence row {row!r}. {did_you_mean(row, evidence)}"
        yield error("REPLAY005", where, message)


def mobilisation_state(content: MobilisationReplay, path: Path) -> SealState | None:
    """Return the seal of a mobilisation replay and what changed since, None without one."""
    seal = read_seal(path)
    if seal is None:
        return None
    return SealState(seal=seal, differences=differences(seal.protocol, content.canonical()))


def seal_mobilisation(path: Path, *, today: date) -> Path:
    """Seal a mobilisation replay; a seal of the same content is left as it is.

    Raises
    ------
    UserInputError
        If it has findings, or a seal of other content.
    """
    content = read_mobilisation(path)
    target = path.with_name(path.name + SEAL_SUFFIX)
    before = mobilisation_state(content, path)
    if before is not None and before.changed:
        told = "; ".join(map(str, before.differences))
        message = (
            f"sealed on {before.seal.sealed_on} with other content: {told}. Change the replay "
            "back, or copy it under another name."
        )
        raise UserInputError([error("PROT034", str(target), message)])
    if before is None:
        parameters = {
            name: [row.value, row.widened_spread, row.omega]
            for name, row in load_parameters().items()
        }
        seal = Seal(
            sha256=content.sha256,
            sealed_on=today.isoformat(),
            cxaxis_version=__version__,
            basis={
                "sbml_sha256": build(BENCH).sha256,
                "parameters_sha256": sha256_of(parameters),
            },
            protocol=content.canonical(),
        )
        write_json_durably(target, seal.model_dump(mode="json"))
    return target


def _folder() -> Path:
    return Path(str(resources.files("cxaxis"))) / FOLDER
