"""``cxaxis drug``, ``model`` and ``check``: what the package knows."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Optional

import typer

if TYPE_CHECKING:
    from cxaxis.knowledge.drug_records import Drug, Regimen, Regulatory

MINUTES_PER_DAY = 1440.0
ROUNDED = 0.01

drug_app = typer.Typer(no_args_is_help=True, help="Drugs and radiotherapy.")
model_app = typer.Typer(no_args_is_help=True, help="Models.")
check_app = typer.Typer(no_args_is_help=True, help="Checks on the package's own tables.")


@drug_app.command("list")
def drug_list() -> None:
    """List the drugs with class, targets, place in the models and regulatory standing."""
    from cxaxis.cli.tables import print_table
    from cxaxis.knowledge.drugs import load_drugs

    drugs = load_drugs().values()
    rows = [
        [
            drug.id,
            _words(drug.drug_class),
            ", ".join(drug.binds) or "-",
            "yes" if drug.target else "no",
            "\n".join(_standing(item) for item in drug.regulatory),
        ]
        for drug in drugs
    ]
    print_table(
        "Drugs",
        ("Drug", "Class", "Binds", "In a model", "Regulatory standing"),
        rows,
        notes=[
            "A standing holds for its own indication; cxaxis drug show DRUG names it.",
            "Only drugs in a model can be given in a protocol; the others wait for a part of it.",
        ],
    )


def _words(text: str) -> str:
    """Return a class or action as words: ``cxcr4_antibody`` as ``CXCR4 antibody``."""
    return text.replace("_", " ").replace("cxcr4", "CXCR4").replace("cxcl12", "CXCL12")


def _standing(item: Regulatory) -> str:
    from cxaxis.knowledge.registry import STANDING_WORDS

    words = STANDING_WORDS[item.status]
    return f"{words} ({item.date})" if item.date else words


def _schedule(item: Regimen) -> str:
    """Return when a regimen is given, such as ``38 x every 1 d``."""
    times = f"{item.n_doses} x every {item.every_day:g} d" if item.n_doses > 1 else "once"
    weekdays = ", not at weekends" if item.weekdays_only else ""
    length = f", over {_length(item.duration_day)}" if item.duration_day else ""
    return f"{times}{weekdays}{length}"


def _length(duration_day: float) -> str:
    """Return the length of a dose in the unit a reader thinks in."""
    for unit, per_day in (("d", 1.0), ("h", 24.0)):
        if duration_day * per_day >= 1 - ROUNDED:
            return f"{duration_day * per_day:.2g} {unit}"
    return f"{duration_day * MINUTES_PER_DAY:.2g} min"


def _ground(item: Regimen) -> str:
    """Return the evidence of a regimen, or that it is assumed."""
    return ", ".join(item.evidence) or "assumed"


@drug_app.command("show")
def drug_show(name: Annotated[str, typer.Argument(help="Id of a drug.")]) -> None:
    """Show what a drug binds, its numbers, regimens, history and evidence."""
    from cxaxis.cli.tables import print_table
    from cxaxis.core.errors import UserInputError, error
    from cxaxis.core.ids import did_you_mean
    from cxaxis.knowledge.drugs import load_drugs

    drugs = load_drugs()
    if name not in drugs:
        message = f"no drug {name!r}. {did_you_mean(name, drugs)}"
        raise UserInputError([error("DRUG008", f"drug show {name}", message)])
    drug = drugs[name]
    known_as = f" ({', '.join(drug.synonyms)})" if drug.synonyms else ""
    print_table(f"{drug.name}{known_as}", ("Drug", drug.id), _facts(drug))
    if drug.properties:
        print_table(
            "Properties",
            ("Property", "Value", "Unit", "Status", "Evidence"),
            [
                [key, f"{item.value:g}", item.unit, item.status, ", ".join(item.evidence) or "-"]
                for key, item in drug.properties.items()
            ],
            numbers=("Value",),
            notes=[f"{key}: {item.note}" for key, item in drug.properties.items() if item.note],
        )
    print_table(
        "Regimens",
        ("Regimen", "Dose", "Route", "Schedule", "Evidence"),
        [
            [
                regimen_id,
                f"{item.dose.value:g} {item.dose.unit}",
                _words(item.route),
                _schedule(item),
                _ground(item),
            ]
            for regimen_id, item in drug.regimens.items()
        ],
        numbers=("Dose",),
        notes=[
            *(f"{key}: {item.note}" for key, item in drug.regimens.items() if item.note),
            *([drug.note] if drug.note else []),
        ],
    )


def _facts(drug: Drug) -> list[list[str]]:
    """Return what is not a number: class, targets, action, place in the models, standings."""
    mass = drug.molar_mass
    place = (
        ", ".join(f"{_words(route)} into {target}" for route, target in drug.target.items())
        if drug.target
        else f"no model takes it: waits for {drug.waits_for}"
    )
    return [
        ["Class", _words(drug.drug_class)],
        ["Class of the review", _words(drug.review_class)],
        ["Binds", ", ".join(drug.binds) or "no gene product"],
        *([["Action", ", ".join(map(_words, drug.action))]] if drug.action else []),
        *([["Molar mass", f"{mass.value:g} {mass.unit}"]] if mass is not None else []),
        ["Dose", place],
        *(
            ["Standing", f"{_standing(item)}: {item.indication} {item.note}".strip()]
            for item in drug.regulatory
        ),
    ]


@model_app.command("list")
def model_list() -> None:
    """List the models with their size and time unit."""
    from cxaxis.cli.tables import print_table
    from cxaxis.models.build import TIME_UNIT, build

    models = [build(name) for name in TIME_UNIT]
    rows = [[m.name, str(len(m.states)), str(len(m.bindings)), m.time_unit] for m in models]
    columns = ("Model", "States", "Parameters", "Time unit")
    print_table("Models", columns, rows, numbers=("States", "Parameters"))


@model_app.command("export")
def model_export(
    name: Annotated[str, typer.Argument(help="Name of a model.")] = "patient",
    output: Annotated[
        Optional[Path],  # noqa: UP045 - typer reads this at run time on every Python
        typer.Option("--output", "-o", metavar="FILE", help="File to write; never overwritten."),
    ] = None,
) -> None:
    """Write a model as SBML Level 3 Version 2.

    With the packaged parameters. The file defaults to NAME.xml.
    """
    from cxaxis.core.errors import UserInputError, error
    from cxaxis.core.ids import did_you_mean
    from cxaxis.models.build import TIME_UNIT, build
    from cxaxis.runs.files import write_text_durably

    if name not in TIME_UNIT:
        message = f"no model {name!r}. {did_you_mean(name, TIME_UNIT)}"
        raise UserInputError([error("MODEL002", f"model export {name}", message)])
    path = output or Path(f"{name}.xml")
    if path.exists():
        message = "this exists already and is not overwritten. Give another name with -o."
        raise UserInputError([error("MODEL001", str(path), message)])
    if not path.parent.is_dir():
        message = f"there is no directory {path.parent}. Make it, or give another name with -o."
        raise UserInputError([error("MODEL001", str(path), message)])
    write_text_durably(path, build(name).sbml)
    typer.echo(path)


@check_app.command("knowledge")
def check_knowledge_command() -> None:
    """Check every table of the knowledge base against the others."""
    from cxaxis.core.errors import Severity
    from cxaxis.knowledge.checks import check_knowledge

    findings = check_knowledge()
    for finding in findings:
        typer.echo(str(finding))
    errors = sum(finding.severity is Severity.ERROR for finding in findings)
    warnings = len(findings) - errors
    typer.echo(f"{_count(errors, 'error')}, {_count(warnings, 'warning')}")
    if errors:
        raise typer.Exit(1)


def _count(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"
