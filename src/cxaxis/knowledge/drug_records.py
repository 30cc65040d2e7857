"""Records of drugs, radiotherapy and surgery, strict enough to read a user's file into."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping
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

from cxaxis.core.errors import ModelValueError
from cxaxis.core.ids import is_sbml_id
from cxaxis.core.units import conversion_factor
from cxaxis.knowledge.dose_units import parse_dose_unit
from cxaxis.knowledge.drug_properties import Property, PropertyName
from cxaxis.knowledge.evidence import Evidence
from cxaxis.knowledge.readings import basis_faults

DrugClass = Literal[
    "cxcr4_antagonist_small_molecule",
    "cxcr4_antagonist_peptide",
    "cxcr4_antibody",
    "cxcr4_nanobody",
    "cxcl12_neutraliser",
    "cxcl12_analogue",
    "platinum",
    "antimetabolite",
    "taxane",
    "growth_factor",
    "checkpoint_antibody",
    "antimalarial",
    "radiotherapy",
    "surgery",
]
ReviewClass = Literal["non_peptide", "small_peptide", "antibody", "modified_cxcl12", "other"]
"""The review's four classes of CXCR4 antagonist, and what falls outside them."""
Action = Literal[
    "competitive",
    "allosteric",
    "biased",
    "inverse_agonist",
    "receptor_loss",
    "cell_killing",
    "ligand_trap",
    "ligand_analogue",
]
"""What an agent does to the receptor or its ligand."""
Route = Literal["subcutaneous", "intravenous", "oral", "external_beam", "operation"]
Standing = Literal["none", "orphan", "in_trial", "approved"]

WEEKDAYS: Final = 5
"""Treatment days of a week; day 0 of a protocol is a Monday."""

_DATE = re.compile(r"\d{4}(-\d{2}(-\d{2})?)?\Z")
_GENE = re.compile(r"[A-Z][A-Z0-9-]*\Z")


def _sbml_id(text: str) -> str:
    if not is_sbml_id(text):
        msg = f"{text!r} is no id. Use a lower-case letter, then letters, digits and underscores."
        raise ValueError(msg)
    return text


def _gene(text: str) -> str:
    if _GENE.match(text) is None:
        msg = f"{text!r} is no gene symbol. Write the HGNC symbol, such as CXCR4 or PDCD1."
        raise ValueError(msg)
    return text


def _dose_unit(text: str) -> str:
    try:
        return parse_dose_unit(text).text
    except ModelValueError as err:
        raise ValueError(str(err)) from err


def _molar_mass_unit(text: str) -> str:
    try:
        conversion_factor(text, "g/mol")
    except ModelValueError as err:
        msg = f"{err} Use g/mol or kg/mol."
        raise ValueError(msg) from err
    return text


def _year_as_text(value: Any) -> Any:
    """Return a bare year, which YAML reads as a number, as the text it was."""
    return str(value) if type(value) is int else value


def _date(text: str | None) -> str | None:
    if text is not None and _DATE.match(text) is None:
        msg = f"{text!r} is no date. Write a year, year-month or year-month-day."
        raise ValueError(msg)
    return text


def _not_empty(items: Any) -> Any:
    # A bound on the length would also fire when an item is refused: two findings for one fault.
    if not items:
        msg = "is empty. Give at least one entry."
        raise ValueError(msg)
    return items


SbmlId = Annotated[str, AfterValidator(_sbml_id)]
Word = Annotated[str, Field(min_length=1)]
Words = Annotated[tuple[Word, ...], Field(strict=False)]
Genes = Annotated[tuple[Annotated[str, AfterValidator(_gene)], ...], Field(strict=False)]


class _Record(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)


class MolarMass(_Record):
    """Mass of one mole of what is dosed; rests on evidence or on a note."""

    value: Annotated[float, Field(gt=0)]
    unit: Annotated[str, AfterValidator(_molar_mass_unit)]
    evidence: Words = ()
    note: str = ""

    @property
    def g_per_mol(self) -> float:
        """The molar mass in g/mol."""
        return self.value * conversion_factor(self.unit, "g/mol")

    def faults(self, evidence: Mapping[str, Evidence]) -> Iterator[str]:
        """Yield the words on a mass that differs from the rows it cites.

        Parameters
        ----------
        evidence
            Known rows.
        """
        if self.evidence:
            yield from basis_faults(
                self.value, self.unit, "recalled", self.note, self.evidence, evidence
            )

    @model_validator(mode="after")
    def _rests_on_something(self) -> Self:
        if not self.evidence and not self.note:
            msg = "has neither evidence nor note. Cite a row, or say where the number comes from."
            raise ValueError(msg)
        return self


class Dose(_Record):
    """One dose as prescribed: an amount, or a rate that runs for the regimen's duration."""

    value: Annotated[float, Field(ge=0)]
    unit: Annotated[str, AfterValidator(_dose_unit)]


class Regimen(_Record):
    """A named way to give a drug.

    Attributes
    ----------
    dose
        Each dose; a rate (``mg/m2/day``) is given for `duration_day`.
    route
        Route; one that the drug's ``target`` names, if it has targets.
    start_day
        Day of the first dose; day 0 is the first day of treatment, a Monday.
    every_day
        Days from one dose to the next.
    n_doses
        Number of doses.
    duration_day
        Length of each dose; 0 is a bolus.
    weekdays_only
        Whether Saturdays and Sundays are left out, for daily schedules.
    evidence
        Ids of evidence rows.
    note
        What a reader should know.
    """

    dose: Dose
    route: Route
    start_day: Annotated[float, Field(ge=0)] = 0.0
    every_day: Annotated[float, Field(gt=0)] = 1.0
    n_doses: Annotated[int, Field(ge=1)] = 1
    duration_day: Annotated[float, Field(ge=0)] = 0.0
    weekdays_only: bool = False
    evidence: Words = ()
    note: str = ""

    @model_validator(mode="after")
    def _schedule_is_possible(self) -> Self:
        if parse_dose_unit(self.dose.unit).is_rate and self.duration_day == 0:
            msg = (
                f"dose unit {self.dose.unit!r} is a rate, but duration_day is 0. "
                "Give the length of the infusion, or an amount."
            )
            raise ValueError(msg)
        if self.n_doses > 1 and self.duration_day > self.every_day:
            msg = (
                f"duration_day {self.duration_day:g} is longer than every_day {self.every_day:g}: "
                "doses would overlap. Shorten the one or lengthen the other."
            )
            raise ValueError(msg)
        if self.weekdays_only and self.every_day != 1:
            msg = f"weekdays_only needs every_day 1, got {self.every_day:g}. Change one of them."
            raise ValueError(msg)
        if not self.evidence and not self.note:
            msg = "has neither evidence nor note. Cite a row, or say where the schedule comes from."
            raise ValueError(msg)
        return self

    def dose_days(self) -> tuple[float, ...]:
        """Return the day on which each dose starts, ascending, shape ``(n_doses,)``."""
        return dose_days(
            start_day=self.start_day,
            every_day=self.every_day,
            n_doses=self.n_doses,
            weekdays_only=self.weekdays_only,
        )


class Regulatory(_Record):
    """What a regulator has said: a designation is not an approval."""

    status: Standing
    date: Annotated[str | None, AfterValidator(_date), BeforeValidator(_year_as_text)] = None
    indication: Word
    evidence: Words = ()
    note: str = ""


class Drug(_Record):
    """A drug, radiotherapy or surgery, as read from its file.

    Attributes
    ----------
    id
        House id, unique across all tables.
    name, synonyms
        What people call it.
    drug_class
        Mechanistic class (key ``class`` in the file).
    review_class
        Class in the review's scheme of CXCR4 antagonists; ``other`` outside it.
    binds
        HGNC symbols of the molecules it binds; empty where that is no gene product.
    action
        What it does to CXCR4 or CXCL12; empty for agents that bind neither.
    molar_mass
        None for procedures, and where nothing is known of an agent without targets.
    target
        SBML id that receives the dose, by route; empty for an agent without a place in a model.
    waits_for
        The part of the model that such an agent needs; empty for an agent with targets.
    dose_units
        Units in which a protocol may prescribe it.
    regimens
        Named regimens.
    regulatory
        Regulatory history, at least one entry.
    properties
        Numbers about the agent, by name.
    evidence
        Further evidence rows on the drug.
    note
        What a reader should know.
    """

    id: SbmlId
    name: Word
    synonyms: Words = ()
    drug_class: Annotated[DrugClass, Field(alias="class")]
    review_class: ReviewClass
    binds: Genes
    action: Annotated[tuple[Action, ...], Field(strict=False)] = ()
    molar_mass: MolarMass | None = None
    target: Annotated[dict[Route, SbmlId], AfterValidator(_not_empty)] = Field(default_factory=dict)
    waits_for: Word | None = None
    dose_units: Annotated[
        tuple[Annotated[str, AfterValidator(_dose_unit)], ...],
        Field(strict=False),
        AfterValidator(_not_empty),
    ]
    regimens: dict[SbmlId, Regimen]
    regulatory: Annotated[tuple[Regulatory, ...], Field(strict=False), AfterValidator(_not_empty)]
    properties: dict[PropertyName, Property] = Field(default_factory=dict)
    evidence: Words = ()
    note: str = ""

    _where: str = PrivateAttr(default="")

    @property
    def where(self) -> str:
        """File of the drug."""
        return self._where


def dose_days(
    *, start_day: float, every_day: float, n_doses: int, weekdays_only: bool = False
) -> tuple[float, ...]:
    """Return the day on which each dose of a schedule starts.

    Parameters
    ----------
    start_day
        Day of the first dose, non-negative; day 0 is a Monday.
    every_day
        Days between doses, positive.
    n_doses
        Number of doses, non-negative.
    weekdays_only
        Whether doses that would fall on a Saturday or Sunday wait until Monday.

    Returns
    -------
    Ascending days, shape ``(n_doses,)``.
    """
    if not weekdays_only:
        return tuple(start_day + index * every_day for index in range(n_doses))
    first = math.floor(start_day)
    hour = start_day - first
    days: list[float] = []
    day = first
    while len(days) < n_doses:
        if day % 7 < WEEKDAYS:
            days.append(day + hour)
        day += 1
    return tuple(days)
