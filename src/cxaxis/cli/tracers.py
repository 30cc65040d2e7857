"""``cxaxis tracer``: the imaging tracers and what is known of each."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from cxaxis.knowledge.evidence import Evidence
    from cxaxis.knowledge.isotopes import Isotope
    from cxaxis.knowledge.tracer_records import Reading, Tracer

app = typer.Typer(no_args_is_help=True, help="Imaging tracers.")

READING_COLUMNS = ("Value", "Interval", "Unit", "Status", "Evidence", "Note")
MEASURE_WORDS = {"kd": "Kd", "ki": "Ki", "ic50": "IC50"}


@app.command("list")
def tracer_list() -> None:
    """List the tracers with class, label, receptors and use in people."""
    from cxaxis.cli.tables import print_table
    from cxaxis.knowledge.isotopes import load_isotopes
    from cxaxis.knowledge.tracers import load_tracers
    from cxaxis.report.agent_words import carrier, human_use

    isotopes = load_isotopes()
    rows = [
        [
            tracer.id,
            tracer.name,
            tracer.tracer_class,
            carrier(tracer, isotopes),
            ", ".join(tracer.binds),
            human_use(tracer, date_digits=4),
        ]
        for tracer in load_tracers(isotopes=isotopes).values()
    ]
    columns = ("Tracer", "Name", "Class", "Label (half-life)", "Binds", "Human use")
    print_table("Tracers", columns, rows)


@app.command("show")
def tracer_show(name: Annotated[str, typer.Argument(help="Id of a tracer.")]) -> None:
    """Show the properties, isotope, history and evidence of a tracer."""
    from cxaxis.cli.tables import print_table
    from cxaxis.core.errors import UserInputError, error
    from cxaxis.core.ids import did_you_mean
    from cxaxis.knowledge.evidence import load_evidence
    from cxaxis.knowledge.isotopes import load_isotopes
    from cxaxis.knowledge.tracers import load_tracers

    evidence = load_evidence()
    isotopes = load_isotopes(evidence=evidence)
    tracers = load_tracers(evidence=evidence, isotopes=isotopes)
    if name not in tracers:
        message = f"no tracer {name!r}. {did_you_mean(name, tracers)}"
        raise UserInputError([error("TRAC011", f"tracer show {name}", message)])
    tracer = tracers[name]
    known_as = f" ({', '.join(tracer.synonyms)})" if tracer.synonyms else ""
    facts = [list(fact) for fact in _facts(tracer, isotopes)]
    print_table(f"{tracer.name}{known_as}", ("", tracer.id), facts)
    if tracer.properties:
        _print_readings("Properties", ("Property", *READING_COLUMNS), _property_rows(tracer))
    if tracer.isotope is not None:
        isotope = isotopes[tracer.isotope]
        _print_readings(isotope.symbol, ("Quantity", *READING_COLUMNS), _isotope_rows(isotope))
    if tracer.held_out:
        print_table(
            "Held out: predictions are compared with these, nothing rests on them",
            ("Evidence", "Quantity", "Value", "Unit", "System", "Status"),
            [_held_out_row(evidence[item]) for item in tracer.held_out],
            numbers=("Value",),
        )


def _facts(tracer: Tracer, isotopes: Mapping[str, Isotope]) -> Iterator[tuple[str, str]]:
    """Yield label and text of what stands above the properties."""
    from cxaxis.knowledge.registry import STANDING_WORDS
    from cxaxis.report.agent_words import carrier, human_use

    mouse, use = tracer.sees_mouse_receptor, tracer.human_use
    yield "class", tracer.tracer_class
    yield "seen by", tracer.modality.replace("_", " ")
    yield "label", carrier(tracer, isotopes)
    if tracer.parent_drug is not None:
        yield "made from", tracer.parent_drug
    yield "binds", ", ".join(tracer.binds)
    yield "mouse receptor", _based(mouse.answer, mouse.status or "", mouse.evidence, mouse.note)
    yield "human use", _based(human_use(tracer), "", use.evidence, use.note)
    for entry in tracer.regulatory:
        words = ", ".join(part for part in (STANDING_WORDS[entry.status], entry.date) if part)
        about = "" if entry.indication == "none" else f": {entry.indication.rstrip('.')}"
        yield "regulators", _based(f"{words}{about}", "", entry.evidence, entry.note)
    if tracer.evidence:
        yield "evidence", ", ".join(tracer.evidence)
    if tracer.note:
        yield "note", tracer.note


def _based(text: str, status: str, evidence: tuple[str, ...], note: str) -> str:
    ground = ", ".join(part for part in (status, *evidence) if part)
    return f"{text}{f' ({ground})' if ground else ''}{f'. {note}' if note else ''}"


def _print_readings(title: str, columns: tuple[str, ...], rows: Iterator[list[str]]) -> None:
    from cxaxis.cli.tables import print_table

    print_table(title, columns, list(rows), numbers=("Value", "Interval"))


def _property_rows(tracer: Tracer) -> Iterator[list[str]]:
    """Yield the cells of each property, and below a disputed one those of its rivals."""
    for name, item in tracer.properties.items():
        yield [_named(name, item), *_cells(item), item.status, *_ground(item.evidence, item.note)]
        for rival in item.rivals:
            ground = _ground(rival.evidence, rival.note)
            yield [f"or {_named(name, rival)}", *_cells(rival), f"rival, {rival.status}", *ground]


def _named(name: str, item: Reading) -> str:
    measure = f" ({MEASURE_WORDS[item.measure]})" if item.measure else ""
    words = (part.upper() if part in {"cxcr4", "ackr3"} else part for part in name.split("_"))
    return f"{' '.join(words)}{measure}"


def _isotope_rows(isotope: Isotope) -> Iterator[list[str]]:
    for item in isotope.readings.values():
        line = f" {item.line}" if item.line else ""
        text = f"{item.quantity.replace('_', ' ')}{line}"
        value, interval, unit = (f"{item.value:g}", _interval(item.low, item.high), item.unit)
        ground = _ground(item.evidence, item.note)
        yield [text, value, interval, "" if unit == "1" else unit, item.status, *ground]


def _cells(item: Reading) -> tuple[str, str, str]:
    unit = "" if item.unit == "1" else item.unit
    return f"{item.value:g}", _interval(item.low, item.high), unit


def _interval(low: float | None, high: float | None) -> str:
    if low is None and high is None:
        return ""
    if low is None:
        return f"to {high:g}"
    return f"from {low:g}" if high is None else f"{low:g} to {high:g}"


def _ground(evidence: tuple[str, ...], note: str) -> tuple[str, str]:
    return ", ".join(evidence), note


def _held_out_row(row: Evidence) -> list[str]:
    limits = f" ({row.low} to {row.high})" if row.low and row.high else ""
    return [row.id, row.quantity, f"{row.value}{limits}", row.unit, row.system, row.status]
