"""From a prescription to dose rows: body measures, molar mass and days, converted once."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

from cxaxis.core.errors import ModelValueError
from cxaxis.core.units import conversion_factor
from cxaxis.engine.doses import Dose
from cxaxis.knowledge.dose_units import PROCEDURE_UNITS, parse_dose_unit
from cxaxis.knowledge.drug_records import Drug, Regimen

DAYS_PER_WEEK = 7.0
HOURS_PER_DAY = 24.0
CALVERT_NONRENAL_ML_MIN = 25.0
"""The constant of Calvert's formula, dose = area x (filtration + 25 mL/min) (source DRG172)."""


@dataclass(frozen=True, kw_only=True)
class Body:
    """Body measures that doses are scaled by.

    Attributes
    ----------
    weight_kg
        Body weight, positive.
    height_cm
        Height, positive.
    creatinine_clearance_mL_min
        Creatinine clearance, positive; None where no dose is prescribed by area.
    """

    weight_kg: float
    height_cm: float
    creatinine_clearance_mL_min: float | None = None

    @property
    def surface_m2(self) -> float:
        """Body surface by Mosteller's formula."""
        return math.sqrt(self.weight_kg * self.height_cm / 3600.0)

    @property
    def calvert_mL_min(self) -> float:
        """Clearance by which Calvert's formula turns an area into a dose.

        Raises
        ------
        ModelValueError
            If the creatinine clearance is not known.
        """
        if self.creatinine_clearance_mL_min is None:
            msg = (
                "a dose by area (mg.min/mL) needs the creatinine clearance of the patient. "
                "Give creatinine_clearance_mL_min, or prescribe in mg."
            )
            raise ModelValueError(msg)
        return self.creatinine_clearance_mL_min + CALVERT_NONRENAL_ML_MIN

    def multiplier(self, per: str) -> float:
        """Return what a dose ``per`` kg, m2 or area is multiplied by; 1 for an empty word."""
        if per == "kg":
            return self.weight_kg
        if per == "m2":
            return self.surface_m2
        # mg.min/mL times mL/min is mg.
        return self.calvert_mL_min if per == "area" else 1.0


def dose_amount(drug: Drug, value: float, unit: str, body: Body, *, duration_day: float) -> float:
    """Return one dose in the unit of its target: nmol, Gy or resections.

    Parameters
    ----------
    drug
        Gives the molar mass.
    value, unit
        As prescribed, such as ``240`` and ``ug/kg``; a rate is multiplied by the duration.
    body
        Scales doses per kg, per m2 or by area.
    duration_day
        Length of the dose in days.

    Raises
    ------
    ModelValueError
        If the unit is no dose unit, or asks for a body measure that is not known.
    """
    parsed = parse_dose_unit(unit)
    if parsed.amount_unit in PROCEDURE_UNITS.values():
        return value
    if drug.molar_mass is None:
        msg = f"{drug.id} has no molar mass, so {unit} cannot become nmol."
        raise ModelValueError(msg)
    amount = value * body.multiplier(parsed.per)
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
