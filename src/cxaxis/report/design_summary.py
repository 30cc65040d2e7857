"""What a report reads of ``design`` in ``summary.json``: screening, switches, baskets, estimand."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, FiniteFloat


class _Row(BaseModel):
    # A later writer may add keys; what the report reads is checked all the same.
    model_config = ConfigDict(frozen=True, extra="ignore")


class Limits(_Row):
    """A hazard ratio with its 95 % interval."""

    hr: FiniteFloat
    low: FiniteFloat
    high: FiniteFloat


class Screened(_Row):
    """How one population was screened."""

    id: str
    setting: str
    screened: int
    entered: int
    excluded: dict[str, int] = {}


class ArmFlow(_Row):
    """Patients of one arm, from allocation to analysis."""

    arm: str
    allocated: int
    lost: int
    switched: int
    analysed: int


class SwitchFree(_Row):
    """The hazard ratio had nobody switched, or why there is none."""

    ratio: Limits | None
    reason: str
    progressed: int
    switched: int
    covariates: tuple[str, ...] = ()
    largest_weight: FiniteFloat
    effective_stayers: FiniteFloat


class CrossoverAnswer(_Row):
    """Answers to the two questions of a trial with crossover, overall survival."""

    control: str
    to: str
    share: FiniteFloat
    policy: Limits | None
    censored: Limits | None
    switch_free: SwitchFree | None


class BasketEntry(_Row):
    """One arm against control in one basket."""

    basket: str
    setting: str
    n: int
    events: int
    ratio: Limits | None
    shrunken: Limits | None


class BasketAnswer(_Row):
    """One arm against control in every basket and together."""

    arm: str
    baskets: tuple[BasketEntry, ...]
    stratified: Limits | None
    random_effects: Limits | None
    tau2: FiniteFloat | None


class ArmEnd(_Row):
    """Up to when the events of one arm count."""

    arm: str
    last_counted_day: FiniteFloat
    ended: int


class OnTreatment(_Row):
    """What an estimand while on treatment left out."""

    window_day: FiniteFloat
    arms: tuple[ArmEnd, ...]


class Design(_Row):
    """``design`` of ``summary.json``; runs of earlier versions have none."""

    screening: tuple[Screened, ...] = ()
    flow: tuple[ArmFlow, ...] = ()
    crossover: CrossoverAnswer | None = None
    baskets: tuple[BasketAnswer, ...] = ()
    on_treatment: OnTreatment | None = None
