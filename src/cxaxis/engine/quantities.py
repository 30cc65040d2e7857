"""The quantities of an SBML model: what has a value, and what decides it."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from cxaxis.engine.refusals import place

Kind = Literal["compartment", "species", "parameter", "stoichiometry"]


@dataclass(frozen=True, kw_only=True)
class Quantity:
    """Something with a value, and the formulas that the model gives for it.

    Attributes
    ----------
    name
        Id in the model.
    kind
        What it is; a stoichiometry is the number of a species reference.
    value
        Number written in the model, NaN where there is none; 0 for a species.
    where
        Where it stands in the document.
    assignment, rate, initial
        Formula of its assignment rule, rate rule or initial assignment, or None.
    by_events
        Whether an event assigns it.
    compartment
        Of a species, the compartment it is in.
    in_amounts
        Of a species, whether formulas mean its amount rather than its concentration.
    value_is_amount
        Of a species, whether ``value`` is its amount rather than its concentration.
    fixed
        Of a species, whether reactions leave it as it is.
    constant
        Of a species, whether nothing at all may change it.
    factor
        Of a species, the parameter that converts extents of reactions into its amount.
    """

    name: str
    kind: Kind
    value: float
    where: str
    assignment: Any = None
    rate: Any = None
    initial: Any = None
    by_events: bool = False
    compartment: str = ""
    in_amounts: bool = False
    value_is_amount: bool = True
    fixed: bool = False
    constant: bool = False
    factor: str = ""

    @property
    def role(self) -> Literal["computed", "state", "held"]:
        """Whether it is computed from others, integrated, or stays between events."""
        if self.assignment is not None:
            return "computed"
        changes = self.kind == "species" and not self.fixed
        return "state" if self.rate is not None or changes else "held"


class _Formulas:
    """The formulas of a model by the id of what they decide."""

    def __init__(self, model: Any) -> None:
        rules = [rule for rule in model.getListOfRules() if rule.getMath() is not None]
        self._assignment = {r.getVariable(): r.getMath() for r in rules if r.isAssignment()}
        self._rate = {r.getVariable(): r.getMath() for r in rules if r.isRate()}
        self._initial = {
            each.getSymbol(): each.getMath()
            for each in model.getListOfInitialAssignments()
            if each.getMath() is not None
        }
        self._by_events = {
            assignment.getVariable()
            for event in model.getListOfEvents()
            for assignment in event.getListOfEventAssignments()
            if assignment.getMath() is not None
        }

    def of(self, name: str) -> dict[str, Any]:
        return {
            "assignment": self._assignment.get(name),
            "rate": self._rate.get(name),
            "initial": self._initial.get(name),
            "by_events": name in self._by_events,
        }


def quantities_of(model: Any) -> dict[str, Quantity]:
    """Return the quantities of a libsbml model by id, in the order of the document.

    A species reference without an id, a formula or an event is only a number and no quantity.
    """
    formulas = _Formulas(model)
    found: list[Quantity] = [*_compartments(model, formulas), *_parameters(model, formulas)]
    found += [*_species(model, formulas), *_stoichiometries(model, formulas)]
    return {quantity.name: quantity for quantity in found}


def _compartments(model: Any, formulas: _Formulas) -> Iterator[Quantity]:
    for each in model.getListOfCompartments():
        size = each.getSize() if each.isSetSize() else math.nan
        if each.getLevel() == 1:
            # Level 1 says volume, and 1 where nothing is said.
            size = each.getVolume()
        yield Quantity(
            name=each.getId(),
            kind="compartment",
            value=size,
            where=place(each),
            **formulas.of(each.getId()),
        )


def _parameters(model: Any, formulas: _Formulas) -> Iterator[Quantity]:
    for each in model.getListOfParameters():
        yield Quantity(
            name=each.getId(),
            kind="parameter",
            value=each.getValue() if each.isSetValue() else math.nan,
            where=place(each),
            **formulas.of(each.getId()),
        )


def _species(model: Any, formulas: _Formulas) -> Iterator[Quantity]:
    points = {
        each.getId()
        for each in model.getListOfCompartments()
        if each.getSpatialDimensionsAsDouble() == 0 and not each.isSetSize()
    }
    for each in model.getListOfSpecies():
        # A species of which nothing is said starts absent, as simulators of SBML have it.
        value = 0.0
        if each.isSetInitialAmount():
            value = each.getInitialAmount()
        elif each.isSetInitialConcentration():
            value = each.getInitialConcentration()
        yield Quantity(
            name=each.getId(),
            kind="species",
            value=value,
            where=place(each),
            compartment=each.getCompartment(),
            in_amounts=each.getHasOnlySubstanceUnits() or each.getCompartment() in points,
            value_is_amount=not each.isSetInitialConcentration(),
            fixed=each.getBoundaryCondition() or each.getConstant(),
            constant=each.getConstant(),
            factor=each.getConversionFactor() or model.getConversionFactor(),
            **formulas.of(each.getId()),
        )


def _stoichiometries(model: Any, formulas: _Formulas) -> Iterator[Quantity]:
    for reaction in model.getListOfReactions():
        for reference in (*reaction.getListOfReactants(), *reaction.getListOfProducts()):
            name = reference.getId()
            if name:
                yield Quantity(
                    name=name,
                    kind="stoichiometry",
                    value=written_stoichiometry(reference),
                    where=place(reference),
                    **formulas.of(name),
                )


def written_stoichiometry(reference: Any) -> float:
    """Return the number of a species reference, NaN where the model gives none."""
    if reference.getLevel() > 2 and not reference.isSetStoichiometry():
        return math.nan
    return float(reference.getStoichiometry()) / float(reference.getDenominator())


def infusable(quantities: Mapping[str, Quantity], name: str) -> bool:
    """Whether an infusion may go to ``name``: a species that may change, or a rate rule's."""
    quantity = quantities.get(name)
    if quantity is None or quantity.assignment is not None:
        return False
    return quantity.rate is not None or (quantity.kind == "species" and not quantity.constant)
