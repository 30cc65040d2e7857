"""From a prescription to dose rows: body measures, molar mass and days, converted once."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

from cxaxis.core.errors import ModelValueError
from cxaxis.core.units import conversion_factor
from cxaxis.engine.doses import Dose
from cxaxis.knowledge.dose_units import parse_dose_unit
from cxaxis.knowledge.drug_records import Drug, Regimen

DAYS_PER_WEEK = 7.0
HOURS_PER_DAY = 24.0


@dataclass(frozen=True, kw_only=True)
class Body:
    """Body measures that doses are scaled by.

    Attributes
    ----------
    weight_kg
        Body weight, positive.
    height_cm
        Height, positive.
    """

    weight_kg: float
    height_cm: float

    @property
    def surface_m2(self) -> float:
        """Body surface by Mosteller's formula."""
        return math.sqrt(self.weight_kg * self.height_cm / 3600.0)


def dose_amount(drug: Drug, value: float, unit: str, body: Body, *, duration_day: float) -> float:
    """Return one dose in the unit of its target: nmol, or Gy for radiotherapy.

    Parameters
    ----------
    drug
        Gives the molar mass.
    value, unit
        As prescribed, such as ``240`` and ``ug/kg``; a rate is multiplied by the duration.
    body
        Scales doses per kg or per m2.
    duration_day
        Length of the dose in days.

    Raises
    ------
    ModelValueError
        If the unit is no dose unit.
    """
    parsed = parse_dose_unit(unit)
    if parsed.amount_unit == "Gy":
        return value
    if drug.molar_mass is None:
        msg = f"{drug.id} has no molar mass, so {unit} cannot become nmol."
        raise ModelValueError(msg)
    amount = value * {"": 1.0, "kg": body.weight_kg, "m2": body.surface_m2}[parsed.per]
    if parsed.is_rate:
        per_day = {"h": HOURS_PER_DAY, "day": 1.0, "week": 1.0 / DAYS_PER_WEEK}[parsed.per_time]
        amount *= per_day * duration_day
    grams = amount * conversion_factor(parsed.amount_unit, "gram")
    return grams / drug.molar_mass.g_per_mol * 1e9


def dose_rows(drug: Drug, regimen: Regimen, body: Body, *, patient: int) -> Iterator[Dose]:
    """Yield the dose rows of one patient on one regimen; times in days from randomisation.

    Raises
    ------
    ModelValueError
        If no model takes doses of the drug by this route.
    """
    if regimen.route not in drug.target:
        routes = " or ".join(drug.target)
        reason = f"waits for {drug.waits_for}" if not routes else f"is given by {routes}"
        msg = f"no model takes {drug.id} by the {regimen.route} route: it {reason}."
        raise ModelValueError(msg)
    amount = dose_amount(
        drug, regimen.dose.value, regimen.dose.unit, body, duration_day=regimen.duration_day
    )
    for day in regimen.dose_days():
        yield Dose(
            patient=patient,
            time=day,
            target=drug.target[regimen.route],
            amount=amount,
            duration=regimen.duration_day,
        )
