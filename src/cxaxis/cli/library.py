"""``cxaxis drug``, ``model`` and ``check``: what the package knows."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Optional

import typer

if TYPE_CHECKING:
    from cxaxis.knowledge.checks import Knowledge
    from cxaxis.knowledge.drug_records import Drug, Regimen


drug_app = typer.Typer(no_args_is_help=True, help="Drugs and radiotherapy.")
model_app = typer.Typer(no_args_is_help=True, help="Models.")
check_app = typer.Typer(no_args_is_help=True, help="Checks on the package's own tables.")


@drug_app.command("list")
def drug_list() -> None:
    """List the drugs with class, targets, place in the models and regulatory standing."""
    from cxaxis.cli.tables import print_table
    from cxaxis.knowledge.drugs import load_drugs
    from cxaxis.report.agent_words import spelt, standing

    drugs = load_drugs().values()
    rows = [
        [
            drug.id,
            spelt(drug.drug_class),
            ", ".join(drug.binds) or "-",
            "yes" if drug.target else "no",
            "\n".join(standing(item) for item in drug.regulatory),
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
    from cxaxis.report.agent_words import schedule, spelt

    drugs = load_drugs()
    name = next((d.id for d in drugs.values() if name.casefold() in _names(d)), name)
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
                spelt(item.route),
                schedule(item),
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
    from cxaxis.report.agent_words import place_in_models, spelt, standing

    mass = drug.molar_mass
    return [
        ["Class", spelt(drug.drug_class)],
        ["Class of the review", spelt(drug.review_class)],
        ["Binds", ", ".join(drug.binds) or "no gene product"],
        *([["Action", ", ".join(map(spelt, drug.action))]] if drug.action else []),
        *([["Molar mass", f"{mass.value:g} {mass.unit}"]] if mass is not None else []),
        ["Dose", place_in_models(drug)],
        *(
            ["Standing", f"{standing(item)}: {item.indication} {item.note}".strip()]
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
def check_knowledge_command(
    directory: Annotated[
        Optional[Path],  # noqa: UP045 - typer reads this at run time on every Python
        typer.Argument(help="Folder of tables; those that ship with the package if omitted."),
    ] = None,
) -> None:
    """Check every table of the knowledge base against the others, and the claim checks.

    Prints one line for each finding: file and line, severity, code, what is wrong and the cure.
    Exits 1 if there is an error.
    """
    from cxaxis.claims.check import all_checks, check_findings
    from cxaxis.core.errors import Severity, UserInputError, error
    from cxaxis.knowledge.checks import check_knowledge, read_knowledge

    if directory is not None and not directory.is_dir():
        message = "there is no such folder. Give a folder with the tables of the knowledge base."
        raise UserInputError([error("KNOW012", str(directory), message)])
    knowledge, _ = read_knowledge(directory)
    findings = check_knowledge(directory)
    refused = any(item.severity is Severity.ERROR for item in findings)
    findings += [
        item
        for item in check_findings(all_checks(knowledge), knowledge)
        # What was refused above is not missed a second time.
        if not (refused and item.code in {"CHECK003", "CHECK004"})
    ]
    for finding in findings:
        typer.echo(str(finding))
    errors = sum(finding.severity is Severity.ERROR for finding in findings)
    warnings = len(findings) - errors
    typer.echo(knowledge_words(knowledge))
    typer.echo(f"{_count(errors, 'error')}, {_count(warnings, 'warning')}")
    if errors:
        raise typer.Exit(1)


def _names(drug: Drug) -> set[str]:
    return {word.casefold() for word in (drug.id, drug.name, *drug.synonyms)}


def knowledge_words(knowledge: Knowledge) -> str:
    """Return what the tables hold and what their numbers rest on, in one sentence or two."""
    parameters = knowledge.parameters.values()
    assumed = sum(row.status == "assumed" for row in parameters)
    statuses = [
        *(item.status for drug in knowledge.drugs.values() for item in drug.properties.values()),
        *(
            reading.status
            for tracer in knowledge.tracers.values()
            for item in tracer.properties.values()
            for reading in item.readings
        ),
        *(
            row.status
            for isotope in knowledge.isotopes.values()
            for row in isotope.readings.values()
        ),
    ]
    return (
        f"{len(knowledge.claims)} claims, {len(knowledge.evidence)} evidence rows from "
        f"{len(knowledge.references)} references. Parameters: {len(knowledge.parameters)}, of "
        f"which {assumed} assumed with a reason. Numbers of {len(knowledge.drugs)} drugs, "
        f"{len(knowledge.tracers)} tracers and {len(knowledge.isotopes)} radionuclides: "
        f"{len(statuses)}, of which {statuses.count('assumed')} assumed with a reason."
    )


def _count(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"
