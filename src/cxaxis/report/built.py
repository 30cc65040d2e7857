"""The models as a page shows them: units, chains, and which parameters enter what."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from cxaxis.claims.check import path_models
from cxaxis.claims.records import Judgement
from cxaxis.knowledge.checks import Knowledge
from cxaxis.knowledge.expectations import Expectation
from cxaxis.knowledge.parameters import Parameter
from cxaxis.models.build import TIME_UNIT, Model, build
from cxaxis.models.graph import (
    dependencies,
    dependents,
    governing_constants,
    path_constants,
)
from cxaxis.report.outline import Line, Part, told

PATIENT: Final = "patient"
# The models in which simulation checks run.
SIMULATED: Final = (PATIENT, "cell")
# A factor with its exponent, as in "(86400.0 second)**-1".
_UNIT_FACTOR = re.compile(r"(?:\((\S+) (\w+)\)|(\w+))\*\*(-?[\d.]+)")
_UNIT_NAMES: Final[Mapping[tuple[float, str], str]] = {
    (1e-9, "mole"): "nmol",
    (86400.0, "second"): "day",
    (1.0, "second"): "s",
    (1.0, "litre"): "L",
    (1.0, "gray"): "Gy",
    (1.0, "kilogram"): "kg",
}


@dataclass(frozen=True, kw_only=True)
class Built:
    """A model with what acts on what in it.

    Attributes
    ----------
    model
        The model in its default wiring.
    uses
        What each quantity depends on directly.
    acts_on
        What each quantity acts on directly.
    constants
        Constants that enter each quantity.
    """

    model: Model
    uses: Mapping[str, frozenset[str]]
    acts_on: Mapping[str, frozenset[str]]
    constants: Mapping[str, frozenset[str]]

    def with_unit(self, name: str) -> str:
        """Return a quantity with its unit in brackets."""
        return f"{name} [{short_unit(self.model.units[name])}]"

    def listed(self, names: Iterable[str]) -> str:
        """Return quantities with their units, by name."""
        return ", ".join(self.with_unit(name) for name in sorted(names))


def built_models(knowledge: Knowledge) -> tuple[Built, ...]:
    """Return every model in its default wiring, the patient's first."""
    return tuple(_built(name, knowledge) for name in TIME_UNIT)


def built_patient(knowledge: Knowledge) -> Built:
    """Return the patient model in its default wiring."""
    return _built(PATIENT, knowledge)


def built_for(expectations: Iterable[Expectation], knowledge: Knowledge) -> Mapping[str, Built]:
    """Return the model in which the path of each expectation lies, by id.

    Expectations without a path are left out; each model is built once.
    """
    models = path_models(knowledge)
    names = {row.id: models.get(row.id, PATIENT) for row in expectations if row.path}
    built = {name: _built(name, knowledge) for name in sorted(set(names.values()))}
    return {row: built[name] for row, name in names.items()}


def _built(name: str, knowledge: Knowledge) -> Built:
    model = build(name, knowledge.parameters)
    uses = dependencies(model)
    return Built(
        model=model,
        uses=uses,
        acts_on=dependents(uses),
        constants=governing_constants(model),
    )


def short_unit(text: str) -> str:
    """Return a unit of a model as it is commonly written: ``nM/day``, ``1/Gy``, ``1``."""
    powers: dict[str, float] = {}
    for scale, scaled, plain, power in _UNIT_FACTOR.findall(text):
        name = scaled or plain
        if name != "dimensionless":
            size = float(scale) if scale else 1.0
            shown = _UNIT_NAMES.get((size, name), name if size == 1.0 else f"({size:g} {name})")
            powers[shown] = powers.get(shown, 0.0) + float(power)
    if powers.get("nmol", 0.0) == -powers.get("L", 0.0) != 0.0:
        powers = {"nM": powers.pop("nmol"), **powers}
        del powers["L"]
    above = [_power(name, power) for name, power in powers.items() if power > 0]
    below = [_power(name, -power) for name, power in powers.items() if power < 0]
    upper, lower = " ".join(above) or "1", " ".join(below)
    if not below:
        return upper
    return f"{upper}/({lower})" if len(below) > 1 else f"{upper}/{lower}"


def _power(name: str, power: float) -> str:
    return name if power == 1 else f"{name}^{power:g}"


def reach_part(
    names_in: Mapping[str, set[str]],
    knowledge: Knowledge,
    judgements: Mapping[str, Judgement],
    models: Iterable[Built],
) -> Part:
    """Return the claim checks on whose path quantities stand, or whose steps they enter.

    Parameters
    ----------
    names_in
        The quantities, by the name of the model they belong to.
    knowledge, judgements
        Every table, and the verdicts by check.
    models
        Those in which checks may run; only the paths in these are looked at.
    """
    lines = []
    by_name = {item.model.name: item.model for item in models}
    runs_in = path_models(knowledge)
    for expectation in knowledge.expectations.values():
        model = by_name.get(runs_in.get(expectation.id, PATIENT))
        if model is None or not expectation.path:
            continue
        names = names_in.get(model.name, set())
        entering = path_constants(model, expectation.path)
        at = [node for node in expectation.path if node in names or names & entering[node]]
        if at:
            lines.append(Line(text=f"{expectation.id}: {judged_words(expectation.id, judgements)}"))
        if at and set(at) != names:
            lines.append(told("enters at", ", ".join(at), depth=1))
    title = "Claim checks with it on their path" + ("" if lines else ": none")
    return Part(title=title, lines=tuple(lines))


def judged_words(check: str, judgements: Mapping[str, Judgement]) -> str:
    """Return the claims that a check judges and its committed verdict."""
    judgement = judgements.get(check)
    if judgement is None:
        return "no committed result"
    return f"{', '.join(judgement.claims)} {judgement.outcome.verdict.replace('_', ' ')}"


def path_words(path: Iterable[str], model: Built) -> str:
    """Return a path through a model as a chain, each quantity with its unit."""
    return " > ".join(model.with_unit(name) for name in path)


def least_known(
    paths: Iterable[tuple[tuple[str, ...], Built]], knowledge: Knowledge
) -> tuple[Parameter, ...]:
    """Return up to three parameters with the widest spread among those that enter some paths.

    Each path comes with the model it lies in. Spreads on the linear scale are compared by their
    size relative to the value, as on the log scale.
    """
    rows = {
        built.model.bindings[constant]
        for path, built in paths
        for constants in path_constants(built.model, path).values()
        for constant in constants
        if constant in built.model.bindings
    }
    ranked = sorted(
        (knowledge.parameters[row] for row in rows), key=lambda row: (-relative_spread(row), row.id)
    )
    return tuple(row for row in ranked[:3] if row.spread > 0)


def relative_spread(row: Parameter) -> float:
    """Return the widened spread of a parameter, relative to its value on the linear scale."""
    if row.scale != "linear":
        return row.widened_spread
    return row.widened_spread / abs(row.value) if row.value else math.inf
