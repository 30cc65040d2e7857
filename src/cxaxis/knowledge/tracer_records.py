"""Records of imaging tracers, strict enough to read a user's file into."""

from __future__ import annotations

import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import Annotated, Any, Final, Literal, Self

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PrivateAttr,
    model_validator,
)

from cxaxis.core.ids import did_you_mean
from cxaxis.core.units import conversion_factor
from cxaxis.knowledge.drug_records import Regulatory, SbmlId, Word, Words
from cxaxis.knowledge.readings import ReadingStatus, interval_faults

TracerClass = Literal["antibody", "peptide", "cyclam", "ligand"]
Modality = Literal["PET", "SPECT", "optical_bioluminescence", "optical_fluorescence"]
Receptor = Literal["CXCR4", "ACKR3"]
Measure = Literal["kd", "ki", "ic50"]
HumanUseStage = Literal["none", "first_in_human", "trial", "registered"]

HUMAN_USE_WORDS: Final[Mapping[HumanUseStage, str]] = MappingProxyType(
    {
        "none": "none",
        "first_in_human": "first in human",
        "trial": "trial",
        "registered": "registered",
    }
)
"""How each stage of use in people is shown."""

PROPERTY_UNITS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "affinity_cxcr4": "nM",
        "affinity_ackr3": "nM",
        "affinity_unlabelled": "nM",
        "molar_activity": "GBq/umol",
        "partition_log10": "1",
        "plasma_half_life": "min",
        "vessel_permeability": "um/s",
        "injected_activity": "MBq",
        "injected_mass": "ug",
        "uptake_time": "min",
        "effective_dose": "mSv/MBq",
        "tumour_uptake": "%/g",
        "liver_uptake": "%/g",
        "intestine_uptake": "%/g",
        "kidney_uptake": "%/g",
        "detection_limit": "item",
        "excitation_wavelength": "nm",
        "emission_wavelength": "nm",
        "tissue_attenuation": "1/mm",
    }
)
"""Properties of a tracer, each with a unit of its dimension; uptake is per cent of the injected
dose per gram, `partition_log10` the octanol to water partition."""
MAY_BE_NEGATIVE: Final = frozenset({"partition_log10"})

_DATE = re.compile(r"[0-9]{4}(-(0[1-9]|1[0-2])(-(0[1-9]|[12][0-9]|3[01]))?)?\Z")


def _property_name(text: str) -> str:
    if text not in PROPERTY_UNITS:
        msg = f"{text!r} is no property. {did_you_mean(text, PROPERTY_UNITS)}"
        raise ValueError(msg)
    return text


def _none_word(value: Any) -> Any:
    return None if value == "none" else value


def _date(value: Any) -> Any:
    text = str(value) if type(value) is int else value
    if isinstance(text, str) and _DATE.match(text) is None:
        msg = f"{text!r} is no date. Write a year, year-month or year-month-day."
        raise ValueError(msg)
    return text


def _not_empty(items: Any) -> Any:
    if not items:
        msg = "is empty. Give at least one entry."
        raise ValueError(msg)
    return items


def _no_repeat(items: tuple[str, ...]) -> tuple[str, ...]:
    if len(set(items)) < len(items):
        msg = f"names {', '.join(items)}, one of them twice. Keep each once."
        raise ValueError(msg)
    return items


class _Record(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)


class Reading(_Record):
    """A number with its unit, interval, standing and ground.

    Attributes
    ----------
    value
        The number.
    unit
        Its unit.
    low, high
        Interval around it, in `unit`; None where it has none.
    measure
        What an affinity is: ``kd``, ``ki`` or ``ic50``.
    status
        ``seen``, ``recalled``, ``derived``, ``assumed`` or ``disputed``.
    evidence
        Ids of evidence rows.
    note
        Caveats; begins with ``assumed:`` and a reason when the number is assumed.
    """

    value: float
    unit: Word
    low: float | None = None
    high: float | None = None
    measure: Measure | None = None
    status: ReadingStatus
    evidence: Words = ()
    note: str = ""

    def value_in(self, unit: str) -> float:
        """Return the number in another unit of its dimension."""
        return self.value * conversion_factor(self.unit, unit)

    @model_validator(mode="after")
    def _interval_holds_the_value(self) -> Self:
        for fault in interval_faults(self.value, self.low, self.high):
            raise ValueError(fault)
        return self


class Property(Reading):
    """A number of a tracer, with the readings that dispute it.

    Attributes
    ----------
    rivals
        Other readings of the same quantity, in the order of their likelihood; there are some if
        and only if `status` is ``disputed``. Whoever uses a disputed number runs all of them.
    """

    rivals: Annotated[tuple[Reading, ...], Field(strict=False)] = ()

    @property
    def readings(self) -> tuple[Reading, ...]:
        """The number and its rivals."""
        return (self, *self.rivals)

    @model_validator(mode="after")
    def _a_dispute_has_two_sides(self) -> Self:
        if self.status == "disputed" and not self.rivals:
            msg = "is disputed, but has no rivals. Give the other reading, or settle it."
            raise ValueError(msg)
        if self.rivals and self.status != "disputed":
            msg = f"has rivals, but status is {self.status!r}. Set it to disputed."
            raise ValueError(msg)
        return self


class MouseReceptor(_Record):
    """Whether a tracer binds the receptor of the mouse that carries a human graft."""

    answer: Literal["yes", "no", "unknown"]
    status: Literal["seen", "recalled", "assumed"] | None = None
    evidence: Words = ()
    note: str = ""

    @model_validator(mode="after")
    def _an_answer_rests_on_something(self) -> Self:
        if self.answer == "unknown":
            if not self.note or self.status is not None or self.evidence:
                msg = "answer is unknown: say in note what is missing, without status or evidence."
                raise ValueError(msg)
        elif self.status is None:
            msg = f"answer is {self.answer!r} without status. Set seen, recalled or assumed."
            raise ValueError(msg)
        return self


class HumanUse(_Record):
    """How far the tracer has come in people; a trial is no registration."""

    stage: HumanUseStage
    date: Annotated[str | None, BeforeValidator(_date)] = None
    evidence: Words = ()
    note: str = ""

    @model_validator(mode="after")
    def _a_stage_has_date_and_ground(self) -> Self:
        if self.stage == "none":
            if self.date is not None or self.evidence or not self.note:
                msg = "stage is none: say in note what was looked for, without date or evidence."
                raise ValueError(msg)
        elif self.date is None or not self.evidence:
            msg = f"stage {self.stage!r} needs date and evidence. Add them."
            raise ValueError(msg)
        return self


class Tracer(_Record):
    """An imaging tracer, as read from its file.

    Attributes
    ----------
    id
        House id, unique across all tables.
    name, synonyms
        What people call it.
    tracer_class
        Kind of molecule (key ``class`` in the file).
    modality
        What sees it.
    isotope
        Id of the radionuclide; None (``none`` in the file) for an optical tracer.
    label
        Dye or enzyme of an optical tracer, else empty.
    parent_drug
        Id of the drug that was labelled, None if there is none.
    binds
        Receptors it binds.
    sees_mouse_receptor
        Whether the receptors of a mouse bind it as well.
    properties
        Its numbers, by a name of `PROPERTY_UNITS`.
    held_out
        Evidence rows that only predictions are compared with; nothing here rests on them.
    human_use
        How far it has come in people.
    regulatory
        What regulators have said of it, at least one entry.
    evidence
        Further evidence rows.
    note
        What a reader should know.
    """

    id: SbmlId
    name: Word
    synonyms: Words = ()
    tracer_class: Annotated[TracerClass, Field(alias="class")]
    modality: Modality
    isotope: Annotated[SbmlId | None, BeforeValidator(_none_word)]
    label: str = ""
    parent_drug: SbmlId | None = None
    binds: Annotated[
        tuple[Receptor, ...],
        Field(strict=False),
        AfterValidator(_no_repeat),
        AfterValidator(_not_empty),
    ]
    sees_mouse_receptor: MouseReceptor
    properties: dict[Annotated[str, AfterValidator(_property_name)], Property]
    held_out: Words = ()
    human_use: HumanUse
    regulatory: Annotated[tuple[Regulatory, ...], Field(strict=False), AfterValidator(_not_empty)]
    evidence: Words = ()
    note: str = ""

    _where: str = PrivateAttr(default="")

    @property
    def where(self) -> str:
        """File of the tracer."""
        return self._where
