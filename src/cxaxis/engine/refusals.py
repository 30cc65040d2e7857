"""What is not simulated: parts of SBML, found before anything is run, and what is no number.

Every finding names the element and a way round. A model is refused with all of them at once.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import numpy as np

from cxaxis.core.errors import Finding, UserInputError, error
from cxaxis.core.outcomes import Outcome, PatientOutcome
from cxaxis.engine.protocol import ParameterTable

_FLATTENED = "comp"
# Packages that describe or draw and leave the numbers alone; of distrib the uncertainties do,
# and its random draws are found in the formulas.
_HARMLESS = frozenset({"layout", "render", "groups", "distrib", "l3v2extendedmath"})
# Units are not read, so that a reference to an unknown one is no obstacle.
_UNIT_REFERENCE_RULES = frozenset({10311, 10313})
_CURES = {
    "fbc": "flux balance analysis is another kind of simulation",
    "qual": "qualitative models are another kind of simulation",
    "multi": "write its species out, one for each kind",
    "spatial": "spatial models are another kind of simulation",
    "arrays": "write its elements out",
    "dyn": "write its components out",
}
#: What every code of a finding stands for.
REFUSED = {
    "SBML101": "text that is not valid SBML",
    "SBML102": "a required package that is not read, or submodels in files not at hand",
    "SBML103": "algebraic rules",
    "SBML104": "fast reactions",
    "SBML105": "a value, kinetic law or stoichiometry that is needed and missing",
    "SBML106": "delays: the value of a quantity at an earlier time",
    "SBML107": "names, functions or operations that have no meaning here",
    "SBML108": "random draws in formulas",
    "SBML109": "quantities that depend on themselves",
    "SBML110": "flux balance models (package fbc)",
    "SBML111": "a delayed event that assigns the concentration of a species, computed at its "
    "trigger, in a compartment whose size may change",
    "SBML112": "events of which chance decides the one that happens",
    "SBML113": "formulas nested hundreds of levels deep",
}
#: The way round, by the code of what a formula or an element uses.
CURES = {
    "SBML105": "Give one in the model, or per patient where it is a constant or a state.",
    "SBML106": "Write the delay as a chain of states, each passing its value on to the next.",
    "SBML107": "Define it in the model or write the formula without it.",
    "SBML108": "Draw the values beforehand and give them per patient.",
    "SBML109": "Break the circle, for instance by a rate rule for one of its members.",
    "SBML111": "Set useValuesFromTriggerTime to false, or assign the amount of the species.",
    "SBML112": "Give them numbers that differ as priorities.",
    "SBML113": "Split it by assignment rules.",
}
# Errors listed in full before the rest is only counted.
_MOST_ERRORS = 20
# Columns of a patient named in full.
_MOST_COLUMNS = 3


class UnsupportedModelError(UserInputError):
    """An SBML model that is invalid or uses what the engine does not simulate.

    ``findings`` has one entry for each reason, with the element's name and a way round.
    """


def place(element: Any) -> str:
    """Return where an element stands in its document, for a finding."""
    line = element.getLine()
    return f"SBML line {line}" if line else "SBML"


def open_model(sbml: str) -> tuple[Any, Any]:
    """Return the libsbml document and model of a text, submodels written out.

    Parameters
    ----------
    sbml
        SBML of any level and version that libsbml reads.

    Raises
    ------
    UnsupportedModelError
        If the text is not valid SBML, or uses a required package other than ``comp``.
    """
    import libsbml

    document = libsbml.readSBMLFromString(sbml)
    findings = list(_package_findings(document)) if document.getModel() is not None else []
    if findings:
        raise UnsupportedModelError(findings)
    _require_valid(document)
    if document.getPlugin(_FLATTENED) is not None:
        _flatten(document)
    for category in (libsbml.LIBSBML_CAT_UNITS_CONSISTENCY, libsbml.LIBSBML_CAT_MODELING_PRACTICE):
        document.setConsistencyChecks(category, False)
    document.checkConsistency()
    _require_valid(document)
    return document, document.getModel()


def element_findings(model: Any) -> Iterator[Finding]:
    """Yield a finding for each element of a model that is not supported as a whole."""
    for rule in model.getListOfRules():
        if rule.isAlgebraic() and rule.getMath() is not None:
            yield error(
                "SBML103",
                place(rule),
                "an algebraic rule: the model is a differential-algebraic one. Solve the rule "
                "for one of its quantities and write that as an assignment rule.",
            )
    for reaction in model.getListOfReactions():
        if reaction.getFast():
            yield error(
                "SBML104",
                place(reaction),
                f"reaction {reaction.getId()!r} is fast, an equilibrium reached at once. Set "
                "fast to false and give it a rate constant well above the others.",
            )


def naming_columns(
    outcomes: Sequence[PatientOutcome], parameters: ParameterTable
) -> tuple[PatientOutcome, ...]:
    """Return outcomes in which a failure for want of a number names the patient's column.

    Parameters
    ----------
    outcomes
        One per patient.
    parameters
        What the patients were given. Infinity is a number here: a threshold never reached.
    """
    named = list(outcomes)
    missing = np.isnan(parameters.values)
    for row in np.flatnonzero(missing.any(axis=1)):
        if named[row].outcome.is_failure:
            names = [parameters.names[k] for k in np.flatnonzero(missing[row])]
            more = f" and {len(names) - _MOST_COLUMNS} more" if len(names) > _MOST_COLUMNS else ""
            message = f"no number in column {', '.join(names[:_MOST_COLUMNS])}{more}"
            named[row] = PatientOutcome(outcome=Outcome.NON_FINITE, time=0.0, message=message)
    return tuple(named)


def _require_valid(document: Any) -> None:
    import libsbml

    broken = [
        document.getError(i)
        for i in range(document.getNumErrors())
        if document.getError(i).getSeverity()
        in (libsbml.LIBSBML_SEV_ERROR, libsbml.LIBSBML_SEV_FATAL)
        and document.getError(i).getErrorId() not in _UNIT_REFERENCE_RULES
    ]
    if broken:
        raise UnsupportedModelError(list(_as_findings(broken)))
    if document.getModel() is None:
        msg = "the text holds no model. Give the whole SBML document."
        raise UnsupportedModelError([error("SBML101", "SBML", msg)])


def _as_findings(errors: list[Any]) -> Iterator[Finding]:
    for each in errors[:_MOST_ERRORS]:
        text = " ".join(each.getMessage().split())
        yield error(
            "SBML101",
            f"SBML line {each.getLine()}",
            f"not valid SBML (rule {each.getErrorId()}): {text}",
        )
    if len(errors) > _MOST_ERRORS:
        yield error(
            "SBML101", "SBML", f"{len(errors) - _MOST_ERRORS} more errors like the ones above."
        )


def _package_findings(document: Any) -> Iterator[Finding]:
    for name, required in _packages(document):
        if name == _FLATTENED or name in _HARMLESS:
            continue
        if name == "fbc" and document.getModel().getPlugin("fbc") is not None:
            # Marked as not required, and yet the model's content.
            yield error(
                "SBML110",
                "SBML",
                f"the model uses package fbc; {_CURES['fbc']}. Remove the package to simulate "
                "the reactions that have kinetic laws.",
            )
        elif required:
            cure = _CURES.get(name, "export the model without it")
            yield error(
                "SBML102", "SBML", f"the model needs package {name}, which is not read; {cure}."
            )


def _packages(document: Any) -> Iterable[tuple[str, bool]]:
    for i in range(document.getNumPlugins()):
        name = document.getPlugin(i).getPackageName()
        yield name, document.getPackageRequired(name)
    for i in range(document.getNumUnknownPackages()):
        name = document.getUnknownPackagePrefix(i)
        yield name, document.getPackageRequired(document.getUnknownPackageURI(i))


def _flatten(document: Any) -> None:
    """Write the submodels of package comp out into one model."""
    import libsbml

    properties = libsbml.ConversionProperties()
    properties.addOption("flatten comp", True)
    properties.addOption("performValidation", True)
    if document.convert(properties) != libsbml.LIBSBML_OPERATION_SUCCESS:
        broken = [
            document.getError(i)
            for i in range(document.getNumErrors())
            if document.getError(i).getSeverity() >= libsbml.LIBSBML_SEV_ERROR
        ]
        reasons = list(_as_findings(broken))
        msg = (
            "the submodels of package comp could not be written out into one model. Flatten it "
            "where all files that it refers to can be found, and give the flat model."
        )
        raise UnsupportedModelError([error("SBML102", "SBML", msg), *reasons])
