"""Build a model: composed Antimony, parameter values and a wiring in, checked SBML out."""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final, Literal

from cxaxis.core.cache import cache_directory, kept
from cxaxis.core.errors import CxaxisError, ModelValueError
from cxaxis.core.hashing import sha256_text
from cxaxis.core.ids import did_you_mean
from cxaxis.core.units import conversion_factor
from cxaxis.knowledge.parameters import Parameter, load_parameters
from cxaxis.models.agents import default_rows
from cxaxis.models.compose import Composition, compose
from cxaxis.models.responses import coefficient_file, response_constants
from cxaxis.models.wiring import Wiring

ModelName = Literal[
    "patient",
    "receptor_bench",
    "marrow_bench",
    "drug_bench",
    "pharmacy_bench",
    "cell",
    "cell_receptor_bench",
    "cell_expression_bench",
    "cell_signalling_bench",
    "cell_response_bench",
]
TIME_UNIT: Final[dict[str, str]] = {
    "patient": "day",
    "receptor_bench": "second",
    "marrow_bench": "day",
    "drug_bench": "day",
    "pharmacy_bench": "day",
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
    coefficients
        Constants of the cell's response functions: values of their own table, the same for
        every patient.
    species
        Species that reactions change.
    states
        Everything with a differential equation: species, then rate rules.
    flags
        What only events change, such as whether a metastasis is there.
    """

    name: str
    sbml: str = field(repr=False)
    time_unit: str
    wiring: Wiring
    bindings: Mapping[str, str] = field(repr=False)
    factors: Mapping[str, float] = field(repr=False)
    units: Mapping[str, str] = field(repr=False)
    inputs: frozenset[str] = field(repr=False)
    coefficients: frozenset[str] = field(repr=False, default=frozenset())
    species: tuple[str, ...]
    states: tuple[str, ...]
    flags: tuple[str, ...] = ()

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

    A constant of a slot takes the row of the slot's own agent (`cxaxis.models.agents`).

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
        rows = (row for name in candidates for row in default_rows(name))
        row = next((name for name in rows if name in parameters), None)
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
    # Deriving a unit walks the whole model: once for each name of a unit is enough.
    known: dict[str, str] = {}
    for collection in (model.getListOfParameters(), model.getListOfCompartments()):
        for index in range(collection.size()):
            item = collection.get(index)
            unit = item.getUnits()
            if not unit or unit not in known:
                known[unit] = _unit_text(item.getDerivedUnitDefinition())
            found[item.getId()] = known[unit]
    for index in range(model.getNumSpecies()):
        species = model.getSpecies(index)
        found[species.getId()] = _unit_text(species.getDerivedUnitDefinition())
    return found


@cache
def _antimony_to_sbml(text: str) -> str:
    def translated() -> bytes:
        import antimony

        antimony.clearPreviousLoads()
        if antimony.loadAntimonyString(text) < 0:
            raise ModelBuildError(str(antimony.getLastError()))
        return str(antimony.getSBMLString(antimony.getMainModuleName())).encode()

    return kept("translated_models", sha256_text(f"{_tools()}\n{text}"), translated).decode()


@cache
def _tools() -> str:
    """Return what a translation and its units depend on beside the text."""
    versions = [f"{name} {version(name)}" for name in ("antimony", "python-libsbml")]
    code = Path(__file__).read_text("utf-8")
    return sha256_text("\n".join([*versions, code]))


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


@cache
def _complaints(sbml: str) -> tuple[str, ...]:
    """Return the messages of one text; values, which differ between builds, do not bear on them.

    Response functions take the unit checks seconds. A text that has passed is therefore not
    checked again: the cache keeps its hash.
    """
    import libsbml

    passed = sha256_text(f"libsbml {libsbml.getLibSBMLDottedVersion()}\n{sbml}")
    mark = cache_directory() / "sound_models" / passed
    if mark.is_file():
        return ()
    messages = tuple(consistency_messages(sbml))
    if not messages:
        # A cache that cannot be written is done without.
        with suppress(OSError):
            mark.parent.mkdir(parents=True, exist_ok=True)
            mark.touch()
    return messages


@cache
def _units(sbml: str) -> Mapping[str, str]:
    """Return the unit of every quantity of an SBML text."""

    def derived() -> bytes:
        import libsbml

        # The document owns the model.
        document = libsbml.readSBMLFromString(sbml)
        return json.dumps(_model_units(document.getModel())).encode()

    found: dict[str, str] = json.loads(kept("units", sha256_text(f"{_tools()}\n{sbml}"), derived))
    return found


def _coefficients(composition: Composition, wiring: Wiring) -> dict[str, float]:
    """Return the values of the constants of the response functions.

    Raises
    ------
    ModelBuildError
        If their table lacks any.
    """
    if not composition.coefficients:
        return {}
    given = response_constants(wiring)
    if missing := sorted(composition.coefficients - given.keys()):
        msg = (
            f"{composition.name}: {coefficient_file()} has no {', '.join(missing[:3])} "
            f"({len(missing)} missing). Run: python -m cxaxis.cell.reduce"
        )
        raise ModelBuildError(msg)
    return {name: given[name] for name in sorted(composition.coefficients)}


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


def _flags(model: Any) -> tuple[str, ...]:
    """Return the ids that events change and nothing else does."""
    changed = {
        event.getEventAssignment(j).getVariable(): None
        for event in (model.getEvent(i) for i in range(model.getNumEvents()))
        for j in range(event.getNumEventAssignments())
    }
    others = {*_species(model), *_rate_rules(model)}
    return tuple(name for name in changed if name not in others)


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

    plain = _antimony_to_sbml(composition.text)
    if complaints := _complaints(plain):
        raise ModelBuildError("\n".join(complaints))
    document = libsbml.readSBMLFromString(plain)
    model = document.getModel()
    units = _units(plain)
    factors = {
        constant: _factor(rows[row], units[constant], constant)
        for constant, row in bindings.items()
    }
    values = {constant: rows[row].value * factors[constant] for constant, row in bindings.items()}
    switches = {k: v for k, v in chosen.switches().items() if model.getParameter(k) is not None}
    responses = _coefficients(composition, chosen)
    for constant, value in {**values, **switches, **responses}.items():
        _set_value(model, constant, value)
    sbml = libsbml.writeSBMLToString(document)
    return Model(
        name=name,
        sbml=sbml,
        time_unit=TIME_UNIT[name],
        wiring=chosen,
        bindings=bindings,
        factors=factors,
        # A copy of one's own; a read-only view could not go to another process.
        units=dict(units),
        inputs=composition.inputs,
        coefficients=composition.coefficients,
        species=_species(model),
        states=_species(model) + _rate_rules(model),
        flags=_flags(model),
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
