"""Dose tables: what is given to whom, when, where and for how long."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from cxaxis.core.errors import ModelValueError

ALL_PATIENTS = -1


@dataclass(frozen=True, kw_only=True)
class Dose:
    """One dose.

    Attributes
    ----------
    patient
        Row of the parameter table, or ``ALL_PATIENTS``.
    time
        When it starts, in the model's time unit, non-negative.
    target
        State that receives it: a species (amount) or a rate-rule quantity (value).
    amount
        Amount in the unit of the target (nmol for a species), non-negative.
    duration
        Length of the infusion in the model's time unit; 0 is a bolus.
    """

    patient: int
    time: float
    target: str
    amount: float
    duration: float = 0.0


@dataclass(frozen=True)
class DoseTable:
    """Dose rows, in the order in which equal times are applied.

    Rules: at equal time outputs are recorded, then doses are applied in row order, then
    events fire; a dose at or after the last output time is not applied.
    """

    rows: tuple[Dose, ...] = ()

    def __post_init__(self) -> None:
        for index, dose in enumerate(self.rows):
            numbers = (dose.time, dose.amount, dose.duration)
            if not all(np.isfinite(n) and n >= 0 for n in numbers):
                msg = (
                    f"dose row {index} ({dose.target}): time, amount and duration must be "
                    f"finite and non-negative, got {numbers}."
                )
                raise ModelValueError(msg)

    def of_patient(self, patient: int) -> tuple[Dose, ...]:
        """Return the rows of one patient, those of everybody included, in row order."""
        return tuple(d for d in self.rows if d.patient in (patient, ALL_PATIENTS))


@dataclass(frozen=True, kw_only=True)
class Stop:
    """A moment at which the solver stops to apply doses.

    Attributes
    ----------
    time
        In the model's time unit.
    boluses
        ``(target, amount)`` in row order.
    rates
        Infusion rate of every infused target from this moment on.
    """

    time: float
    boluses: tuple[tuple[str, float], ...]
    rates: tuple[tuple[str, float], ...]


def stops_of(doses: Sequence[Dose], horizon: float) -> tuple[Stop, ...]:
    """Return the stops that a patient's doses need, in time order, before ``horizon``.

    A dose of nothing needs no stop: it leaves the course bit for bit as without it. The rate
    of an infusion is its amount over the time between its stops, as the clock tells it; one
    too short for the clock is a bolus.
    """
    given = [(d, d.time + d.duration) for d in doses if d.amount > 0]
    boluses: dict[float, list[tuple[str, float]]] = {}
    starting: dict[float, list[tuple[Dose, float]]] = {}
    for dose, end in given:
        if end == dose.time:
            boluses.setdefault(dose.time, []).append((dose.target, dose.amount))
        else:
            starting.setdefault(dose.time, []).append((dose, end))
    targets = sorted({dose.target for each in starting.values() for dose, _ in each})
    times = {d.time for d, _ in given} | {end for _, end in given}
    running: list[tuple[Dose, float]] = []
    stops = []
    for time in sorted(t for t in times if t < horizon):
        running = [(d, end) for d, end in running if end > time] + starting.get(time, [])
        rates = dict.fromkeys(targets, 0.0)
        for dose, end in running:
            rates[dose.target] += dose.amount / (end - dose.time)
        at = tuple(boluses.get(time, ()))
        stops.append(Stop(time=time, boluses=at, rates=tuple(rates.items())))
    return tuple(stops)
