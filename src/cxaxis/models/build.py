"""Build a model: composed Antimony, parameter values and a wiring in, checked SBML out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any, Final, Literal

from cxaxis.core.errors import CxaxisError, ModelValueError
from cxaxis.core.hashing import sha256_text
from cxaxis.core.ids import did_you_mean
from cxaxis.core.units import conversion_factor
from cxaxis.knowledge.parameters import Parameter, load_parameters
from cxaxis.models.compose import Composition, compose
from cxaxis.models.wiring import Wiring

ModelName = Literal[
    "patient",
    "receptor_bench",
    "cell",
    "cell_receptor_bench",
    "cell_expression_bench",
    "cell_signalling_bench",
    "cell_response_bench",
]
TIME_UNIT: Final[dict[str, str]] = {
    "patient": "day",
    "receptor_bench": "second",
    "cell": "second",
    "cell_receptor_bench": "second",
    "cell_expression_bench": "second",
    "cell_signalling_bench": "second",
    "cell_response_bench": "second",
}

_KIND_UNIT = {
    "mole": "mole",
    "litre": "litre",
    "second": "second",
    "item": "item",
    "dimensionless": "dimensionless",
    "kilogram": "kilogram",
    "gray": "gray",
    "metre": "metre",
}


class ModelBuildError(CxaxisError):
    """The composed model is not valid SBML; the message holds every complaint."""


@dataclass(frozen=True, kw_only=True)
class Model:
    """A built model.

    Attributes
    ----------
    name
        Name of the top model.
    sbml
        SBML Level 3 Version 2, every constant with its value.
    time_unit
        ``day`` or ``second``.
    wiring
        The rival mechanisms chosen.
    bindings
        Constant of the model -> the parameter row that gives its value.
    factors
        Constant -> factor from the row's unit to the model's unit.
    units
        Unit of every quantity of the model, as text.
    inputs
        Constants set for each patient (draws, untreated signals), not by a row.
    species
        Species that reactions change.
    states
        Everything with a differential equation: species, then rate rules.
    """

    name: str
    sbml: str = field(repr=False)
    time_unit: str
    wiring: Wiring
    bindings: Mapping[str, str] = field(repr=False)
    factors: Mapping[str, float] = field(repr=False)
    units: Mapping[str, str] = field(repr=False)
    inputs: frozenset[str] = field(repr=False)
    species: tuple[str, ...]
    states: tuple[str, ...]

    @property
    def sha256(self) -> str:
        """Hash of the SBML text."""
        return sha256_text(self.sbml)

    def constants_of(self, row: str) -> tuple[str, ...]:
        """Return the model constants that a parameter row binds."""
        return tuple(constant for constant, bound in self.bindings.items() if bound == row)

    def _repr_html_(self) -> str:
        return (
            f"<b>{self.name}</b>: {len(self.states)} states, {len(self.bindings)} parameters, "
            f"time in {self.time_unit}s, wiring {self.wiring}"
        )


def bind_constants(
    composition: Composition, parameters: Mapping[str, Parameter], wiring: Wiring
) -> dict[str, str]:
    """Return the parameter row of each constant; an instance's own row wins over the bare id.

    Raises
    ------
    ModelBuildError
        If a constant that is neither an input nor a switch has no row.
    """
    switches = wiring.switches()
    bindings: dict[str, str] = {}
    orphans: list[str] = []
    for constant, candidates in composition.constants.items():
        if constant in switches:
            continue
        row = next((name for name in candidates if name in parameters), None)
        if row is None:
            orphans.append(constant)
        else:
            bindings[constant] = row
    if orphans:
        hints = "; ".join(f"{name}: {did_you_mean(name, parameters)}" for name in orphans)
        msg = f"{composition.name}: constants without a row in parameters.tsv: {hints}"
        raise ModelBuildError(msg)
    return bindings


def _unit_text(definition: Any) -> str:
    """Return a libSBML unit definition as text that the unit registry reads."""
    import libsbml

    parts = []
    for index in range(definition.getNumUnits()):
        unit = definition.getUnit(index)
        kind = libsbml.UnitKind_toString(unit.getKind())
        scale = unit.getMultiplier() * 10.0 ** unit.getScale()
        base = _KIND_UNIT[kind] if scale == 1 else f"({scale!r} {_KIND_UNIT[kind]})"
        parts.append(f"{base}**{unit.getExponentAsDouble():g}")
    return " * ".join(parts) or "dimensionless"


def _model_units(model: Any) -> dict[str, str]:
    """Return the unit of every species, compartment and parameter of a libSBML model."""
    found = {}
    for collection in (model.getListOfParameters(), model.getListOfCompartments()):
        for index in range(collection.size()):
            item = collection.get(index)
            found[item.getId()] = _unit_text(item.getDerivedUnitDefinition())
    for index in range(model.getNumSpecies()):
        species = model.getSpecies(index)
        found[species.getId()] = _unit_text(species.getDerivedUnitDefinition())
    return found


@cache
def _antimony_to_sbml(text: str) -> str:
    import antimony

    antimony.clearPreviousLoads()
    if antimony.loadAntimonyString(text) < 0:
        raise ModelBuildError(str(antimony.getLastError()))
    return str(antimony.getSBMLString(antimony.getMainModuleName()))


def consistency_messages(sbml: str) -> list[str]:
    """Return every error and warning of libSBML's full check, unit checks included."""
    import libsbml

    document = libsbml.readSBMLFromString(sbml)
    document.setConsistencyChecks(libsbml.LIBSBML_CAT_MODELING_PRACTICE, False)
    document.checkConsistency()
    return [
        f"{document.getError(i).getSeverityAsString()}: {document.getError(i).getMessage()}"
        for i in range(document.getNumErrors())
    ]


def _species(model: Any) -> tuple[str, ...]:
    """Return the ids of the species that reactions may change."""
    every = (model.getSpecies(index) for index in range(model.getNumSpecies()))
    return tuple(
        item.getId() for item in every if not item.getConstant() and not item.getBoundaryCondition()
    )


def _rate_rules(model: Any) -> tuple[str, ...]:
    """Return the ids that a rate rule changes."""
    rules = (model.getRule(index) for index in range(model.getNumRules()))
    return tuple(rule.getVariable() for rule in rules if rule.isRate())


def build(
    name: str,
    parameters: Mapping[str, Parameter] | None = None,
    wiring: Wiring | None = None,
) -> Model:
    """Build a model.

    Parameters
    ----------
    name
        ``patient`` (days), or one of the benches of `TIME_UNIT` (seconds).
    parameters
        Parameter rows; the packaged table by default.
    wiring
        Rival mechanisms; the defaults if omitted.

    Raises
    ------
    ModelValueError
        For an unknown model name.
    ModelBuildError
        If a constant has no row or libSBML has any complaint about the result.
    """
    import libsbml

    if name not in TIME_UNIT:
        msg = f"unknown model {name!r}. {did_you_mean(name, TIME_UNIT)}"
        raise ModelValueError(msg)
    rows = load_parameters() if parameters is None else parameters
    chosen = wiring or Wiring()
    composition = compose(name, time_unit=TIME_UNIT[name])
    bindings = bind_constants(composition, rows, chosen)

    document = libsbml.readSBMLFromString(_antimony_to_sbml(composition.text))
    model = document.getModel()
    units = _model_units(model)
    factors = {
        constant: _factor(rows[row], units[constant], constant)
        for constant, row in bindings.items()
    }
    values = {constant: rows[row].value * factors[constant] for constant, row in bindings.items()}
    switches = {k: v for k, v in chosen.switches().items() if model.getParameter(k) is not None}
    for constant, value in {**values, **switches}.items():
        _set_value(model, constant, value)
    sbml = libsbml.writeSBMLToString(document)
    if complaints := consistency_messages(sbml):
        raise ModelBuildError("\n".join(complaints))
    return Model(
        name=name,
        sbml=sbml,
        time_unit=TIME_UNIT[name],
        wiring=chosen,
        bindings=bindings,
        factors=factors,
        units=units,
        inputs=composition.inputs,
        species=_species(model),
        states=_species(model) + _rate_rules(model),
    )


def _factor(row: Parameter, unit: str, constant: str) -> float:
    try:
        return conversion_factor(row.unit, unit)
    except ModelValueError as err:
        msg = f"{row.where}: {row.id} cannot give {constant} its value: {err}"
        raise ModelBuildError(msg) from err


def _set_value(model: Any, constant: str, value: float) -> None:
    compartment = model.getCompartment(constant)
    if compartment is not None:
        compartment.setSize(value)
    else:
        model.getParameter(constant).setValue(value)


def load_model(name: ModelName = "patient", wiring: Wiring | None = None) -> Model:
    """Return a model with the packaged parameters, such as ``load_model("patient")``."""
    return build(name, wiring=wiring)
