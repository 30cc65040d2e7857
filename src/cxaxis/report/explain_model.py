"""The pages of a quantity of a model and of a wiring: what sets them and what they act on."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from cxaxis.claims.records import Judgement
from cxaxis.knowledge.checks import Knowledge
from cxaxis.knowledge.wirings import WiringOption
from cxaxis.models.graph import equations_of
from cxaxis.models.wiring import PATIENT_WIRINGS, switches_of
from cxaxis.report.built import PATIENT, SIMULATED, Built, built_models, reach_part, short_unit
from cxaxis.report.outline import Line, Outline, Part, told
from cxaxis.report.record_parts import named_all


def quantity_outline(
    name: str, knowledge: Knowledge, judgements: Mapping[str, Judgement]
) -> Outline:
    """Return everything about a quantity of a model: its equations and what acts on what."""
    models = [item for item in built_models(knowledge) if name in item.model.units]
    first = models[0]
    parts = [part for item in models for part in _quantity_parts(name, item, knowledge)]
    simulated = [item for item in models if item.model.name in SIMULATED]
    if simulated:
        names = {item.model.name: {name} for item in simulated}
        parts.append(reach_part(names, knowledge, judgements, simulated))
    unit = short_unit(first.model.units[name])
    in_unit = "dimensionless" if unit == "1" else f"in {unit}"
    return Outline(
        id=name,
        heading=f"{_sort_of(name, first)} of the {first.model.name} model, {in_unit}",
        parts=tuple(parts),
    )


def _sort_of(name: str, item: Built) -> str:
    model = item.model
    if name in model.species:
        return "species"
    kinds = {equation.kind for equation in equations_of(model, name)}
    if "rate" in kinds:
        return "state with a rate rule"
    if "assignment" in kinds:
        return "assigned quantity"
    if "initial" in kinds:
        return "constant computed at the start"
    return "constant"


def _quantity_parts(name: str, item: Built, knowledge: Knowledge) -> Iterator[Part]:
    model = item.model
    yield Part(lines=tuple(_constant_lines(name, item, knowledge)))
    every = tuple(Line(text=equation.text) for equation in equations_of(model, name))
    if every:
        yield Part(title=f"Equations ({model.name}, time in {model.time_unit}s)", lines=every)
    lines = (
        told("depends on", _direct_causes(name, item) or "nothing: it is a constant"),
        told("acts on", item.listed(item.acts_on[name]) or "nothing else: it is read"),
    )
    yield Part(title=f"Directly ({model.name})", lines=lines)
    entering = [
        _bound_value(constant, item, knowledge)
        for constant in sorted(item.constants[name])
        if constant in model.bindings
    ]
    if entering:
        title = f"Parameters that enter it ({model.name})"
        yield Part(title=title, lines=tuple(Line(text=text) for text in entering))


def _direct_causes(name: str, item: Built) -> str:
    """Return what a quantity depends on, the coefficients of response functions as a number."""
    uses = item.uses[name]
    coefficients = uses & item.model.coefficients
    told_alone = item.listed(uses - coefficients)
    if not coefficients:
        return told_alone
    some = f"{len(coefficients)} coefficients of the cell's response functions"
    return f"{told_alone} and {some}" if told_alone else some


def _bound_value(constant: str, item: Built, knowledge: Knowledge) -> str:
    row = knowledge.parameters[item.model.bindings[constant]]
    own = "" if row.id == constant else f"{constant} = "
    unit = "" if row.unit in {"1", "dimensionless"} else f" {row.unit}"
    return (
        f"{own}{row.id}: {row.value:g}{unit}, {row.status}, widened spread {row.widened_spread:.2g}"
    )


def _constant_lines(name: str, item: Built, knowledge: Knowledge) -> Iterator[Line]:
    if name in item.model.bindings:
        yield told("value", f"set by parameter {_bound_value(name, item, knowledge)}")
    elif name in item.model.inputs:
        yield told("value", "set for each patient: a draw, or a signal of the untreated patient")
    elif name in item.model.coefficients:
        yield told("value", "coefficient of the cell's response functions, from their own table")
    elif name in item.model.wiring.switches():
        yield told("value", f"1 if wiring {name.removeprefix('switch_')} is on, else 0")
    given = [drug.id for drug in knowledge.drugs.values() if name in drug.target.values()]
    if given:
        yield told("doses", f"receives those of {', '.join(given)}")


def wiring_outline(
    name: str,
    options: tuple[WiringOption, ...],
    knowledge: Knowledge,
    judgements: Mapping[str, Judgement],
) -> Outline:
    """Return the options of a wiring, what each rests on, and where it enters the model."""
    models = [item for item in built_models(knowledge) if item.model.name in SIMULATED]
    switched = {
        item.model.name: set(switches_of(name)) & item.model.units.keys() for item in models
    }
    reach = reach_part(switched, knowledge, judgements, models)
    lines = [line for option in options for line in _option_lines(option, knowledge)]
    if name not in PATIENT_WIRINGS:
        switches = ", ".join(switches_of(name))
        place = (
            told("switches", f"{switches}, each 1 for its option and 0 otherwise"),
            told("patients", "the patient model does not have this mechanism yet"),
        )
        return Outline(
            id=name,
            heading="wiring: rival mechanisms, of which one is chosen for a run",
            parts=(
                Part(title="Options", lines=tuple(lines)),
                Part(title="In the cell model", lines=place),
                reach,
            ),
        )
    switch = f"switch_{name}"
    patient = next(item for item in models if item.model.name == PATIENT)
    acts_on = patient.acts_on.get(switch, frozenset())
    target = patient.listed(acts_on) or "nothing"
    return Outline(
        id=name,
        heading="wiring: rival mechanisms, of which one is chosen for a run",
        parts=(
            Part(title="Options", lines=tuple(lines)),
            Part(
                title="In the patient model",
                lines=(
                    told("switch", f"{switch}, 1 if on and 0 if off, acts on {target}"),
                    told(
                        "drawn",
                        "in every draw of what is not known, an option by its prior weight; a "
                        "protocol may choose one",
                    ),
                ),
            ),
            reach,
        ),
    )


def _option_lines(option: WiringOption, knowledge: Knowledge) -> Iterator[Line]:
    default = ", the default" if option.is_default else ""
    yield Line(text=f"{option.option}: prior weight {option.prior_weight:g}{default}")
    yield told("note", option.note, depth=1)
    yield told("evidence", named_all(option.evidence, knowledge), depth=1)
