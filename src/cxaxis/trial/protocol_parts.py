"""What a protocol is made of: prescriptions, arms, who enters, visits, and the design's options.

A number carries its unit in its key (``horizon_day``) or is a ``{value, unit}`` pair, never both.
"""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction
from math import lcm
from typing import Annotated, Final, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from cxaxis.cohort.settings import Setting
from cxaxis.cohort.virtual import ALL_STUDIES
from cxaxis.knowledge.drug_records import Dose, Drug, Regimen, Route, SbmlId

EndPoint = Literal["OS", "PFS", "LRC", "DMFS", "DFS", "EFS"]
#: Covariates within whose levels patients can be allocated; those of stains are its published
#: cut-offs, see `cxaxis.trial.schemas.STAIN_CALLS`.
Stratum = Literal[
    "stage",
    "sex",
    "cxcr4_ihc",
    "ihc_kaifi_2005_cxcr4",
    "ihc_gockel_2006_cxcr4_any",
    "ihc_gockel_2006_cxcr4_strong",
    "ihc_uchi_2016_cxcr4",
    "ihc_aacr_2012_cxcr4",
    "ihc_sasaki_2009_cxcr4",
    "ihc_uchi_2016_cxcl12",
    "ihc_aacr_2012_cxcl12",
    "ihc_sasaki_2009_cxcl12",
    "ihc_chen_2020_cxcl12",
    "ihc_cxcr7_2013_ackr3",
]
#: Names the protocol's own population beside its baskets.
OWN_POPULATION: Final = "population"
#: Where the populations of an uncertainty analysis are drawn: the prior of every parameter, or the
#: posterior that the outcomes of published control arms left.
Populations = Literal["prior", "control_arms"]
#: Parts into which a trial can be shared out.
MOST_PARTS: Final = 100
_EXPLICIT = ("dose", "route", "every_day", "n_doses", "duration_day", "weekdays_only")


class Strict(BaseModel):
    """A part of a protocol file: unknown keys, and numbers in quotes, are refused."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)


class Prescription(Strict):
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


class Arm(Strict):
    """One arm: what it adds to the backbone."""

    id: SbmlId
    label: Annotated[str, Field(min_length=1)]
    ratio: Annotated[int, Field(ge=1, le=100)] = 1
    regimens: tuple[Prescription, ...] = Field(default=(), strict=False)


class Population(Strict):
    """Who is enrolled.

    Attributes
    ----------
    setting
        Clinical setting.
    patients_per_ratio_unit
        Patients of an arm for each unit of its ratio.
    margins
        Whether plausible patients are selected to published margins of the setting: true for
        those of every study, or the name of one; null takes patients as they come.
    """

    setting: Setting
    patients_per_ratio_unit: Annotated[int, Field(ge=1, le=100_000)]
    margins: Literal[True] | SbmlId | None = None

    @property
    def margins_of(self) -> str | None:
        """Name of the margins as `cxaxis.cohort.virtual.sample_virtual` takes it, or None."""
        return ALL_STUDIES if self.margins is True else self.margins


class Enrolment(Strict):
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


class Visits(Strict):
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


class Uncertainty(Strict):
    """Draws of what is not known: parameters, wirings and the causal share phi.

    Attributes
    ----------
    draws
        Populations drawn from `populations`, simulated under control and `arms`; 0 for none.
    populations
        ``prior`` draws every parameter from what its sources leave open; ``control_arms`` from
        the fit to the outcomes of published control arms, see ``docs/control_arms.md``.
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
    populations: Populations = "prior"
    patients_per_draw: Annotated[int, Field(ge=4)] = 16
    arms: tuple[SbmlId, ...] = Field(default=(), strict=False)
    phi_values: tuple[Annotated[float, Field(ge=0, le=1)], ...] = Field(default=(), strict=False)
    phi_patients: Annotated[int, Field(ge=4)] = 64


class BiomarkerBands(Strict):
    """Strata by a biomarker that is a number.

    Attributes
    ----------
    biomarker
        Column of ``adsl``; see `cxaxis.trial.biomarkers`.
    bands
        From and below, in the column's unit; null as the end of a band without one. The last band
        holds its upper end. Together they cover the range of the biomarker, each value once.
    """

    biomarker: Annotated[str, Field(min_length=1)]
    bands: tuple[Annotated[tuple[float, float | None], Field(strict=False)], ...] = Field(
        strict=False
    )


class Published(Strict):
    """A published result of a replayed trial, beside which its prediction is put.

    Attributes
    ----------
    row, minus
        Evidence rows: the result is the value of the first, less that of the second if given.
    quantity
        ``hr_pfs`` or ``hr_os``: hazard ratio, arm over control. ``response_difference``: share
        with an objective response, arm less control, from rows in per cent.
    """

    row: Annotated[str, Field(min_length=1)]
    minus: Annotated[str, Field(min_length=1)] | None = None
    quantity: Literal["hr_pfs", "hr_os", "response_difference"]

    @model_validator(mode="after")
    def _two_rows_make_a_difference(self) -> Self:
        if (self.quantity == "response_difference") != (self.minus is not None):
            msg = "needs minus, the row of the control arm, for response_difference and no other."
            raise ValueError(msg)
        return self


class Enrichment(Strict):
    """A biomarker that a patient must have to enter.

    Attributes
    ----------
    biomarker
        Column of ``adsl``: a number such as ``CXCR4H``, or the call of a stain.
    above
        For a number: only patients above it enter, in the column's unit.
    call
        For a stain: only patients with this call enter.
    """

    biomarker: Annotated[str, Field(min_length=1)]
    above: float | None = None
    call: Literal["high", "low"] | None = None


class Interim(Strict):
    """A group-sequential design for one end point and one comparison.

    Attributes
    ----------
    end_point
        Primary one of the protocol if omitted.
    arm
        Compared with control; may be omitted where there is one such arm alone.
    events
        Planned for the final look, both arms together. A trial that reaches them ends there; one
        that does not has its final look at the horizon.
    information_fractions
        Shares of these events at which interim looks come, increasing, above 0 and below 1.
    look_days
        In their place: calendar days of the looks from the first possible entry, increasing.
    spending
        How alpha is spent: little at first (``obrien_fleming``) or evenly (``pocock``).
    alpha, sides
        Chance of a false rejection over the whole trial, both sides together if there are two.
    futility_z
        One number for each interim look: the log-rank statistic, positive when the arm does
        better, at or below which the trial stops as hopeless. Not binding: the other boundaries
        do not count on it.
    """

    end_point: EndPoint | None = None
    arm: SbmlId | None = None
    events: Annotated[int, Field(ge=2, le=1_000_000)]
    information_fractions: tuple[Annotated[float, Field(gt=0)], ...] = Field(
        default=(), strict=False
    )
    look_days: tuple[Annotated[float, Field(gt=0)], ...] = Field(default=(), strict=False)
    spending: Literal["obrien_fleming", "pocock"] = "obrien_fleming"
    alpha: Annotated[float, Field(gt=0, lt=0.5)] = 0.05
    sides: Literal[1, 2] = 2
    futility_z: tuple[float, ...] = Field(default=(), strict=False)

    @property
    def n_interim(self) -> int:
        """Looks planned before the final one."""
        return len(self.information_fractions or self.look_days)


class Crossover(Strict):
    """What patients of the control arm may be given after an event.

    From the visit that shows it on they are given what the arm adds to the backbone, its days
    counted from that visit, and nothing else.

    Attributes
    ----------
    to
        Arm whose drugs they may be given.
    at
        The event.
    share
        Share of those patients who then are, 0 to 1.
    """

    to: SbmlId
    at: Literal["progression"] = "progression"
    share: Annotated[float, Field(gt=0, le=1)] = 1.0


class Basket(Strict):
    """A population that enters beside the protocol's own, under the same arms.

    Patients of each are allocated, and compared, on their own.
    """

    id: SbmlId
    setting: Setting
    patients_per_ratio_unit: Annotated[int, Field(ge=1, le=100_000)]
    enrichment: Enrichment | None = None


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


def whole_parts(shares: Mapping[str, float]) -> dict[str, int] | None:
    """Return shares as whole parts in the same ratio, None unless all are positive and sum to 1.

    A share is read as the nearest fraction with at most `MOST_PARTS` parts, so that 0.333 is a
    third.
    """
    if not shares or any(share <= 0 for share in shares.values()):
        return None
    exact = {name: Fraction(share).limit_denominator(MOST_PARTS) for name, share in shares.items()}
    if sum(exact.values()) != 1 or any(share <= 0 for share in exact.values()):
        return None
    unit = lcm(*(share.denominator for share in exact.values()))
    return {name: int(share * unit) for name, share in exact.items()}
