"""``cxaxis drug``, ``model`` and ``check``: what the package knows."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Optional

import typer

if TYPE_CHECKING:
    from cxaxis.knowledge.drug_records import Regimen, Regulatory

drug_app = typer.Typer(no_args_is_help=True, help="Drugs and radiotherapy.")
model_app = typer.Typer(no_args_is_help=True, help="Models.")
check_app = typer.Typer(no_args_is_help=True, help="Checks on the package's own tables.")


@drug_app.command("list")
def drug_list() -> None:
    """List the drugs with class and regulatory status."""
    from cxaxis.cli.tables import print_table
    from cxaxis.knowledge.drugs import load_drugs

    rows = [
        [drug.id, drug.drug_class, "; ".join(_status(item) for item in drug.regulatory)]
        for drug in load_drugs().values()
    ]
    print_table("Drugs", ("Drug", "Class", "Regulatory status"), rows)


def _status(item: Regulatory) -> str:
    return f"{item.status} {item.date}" if item.date else item.status


def _schedule(item: Regimen) -> str:
    """Return when a regimen is given, such as ``38 x every 1 d``."""
    times = f"{item.n_doses} x every {item.every_day:g} d" if item.n_doses > 1 else "once"
    weekdays = ", not at weekends" if item.weekdays_only else ""
    length = f", over {item.duration_day:g} d" if item.duration_day else ""
    return f"{times}{weekdays}{length}"


@drug_app.command("show")
def drug_show(name: Annotated[str, typer.Argument(help="Id of a drug.")]) -> None:
    """Show the regimens, history and evidence of a drug."""
    from cxaxis.cli.tables import print_table
    from cxaxis.core.errors import UserInputError, error
    from cxaxis.core.ids import did_you_mean
    from cxaxis.knowledge.drugs import load_drugs

    drugs = load_drugs()
    if name not in drugs:
        message = f"no drug {name!r}. {did_you_mean(name, drugs)}"
        raise UserInputError([error("DRUG008", f"drug show {name}", message)])
    drug = drugs[name]
    rows = [
        [
            regimen_id,
            f"{item.dose.value:g} {item.dose.unit}",
            item.route,
            _schedule(item),
            ", ".join(item.evidence),
        ]
        for regimen_id, item in drug.regimens.items()
    ]
    known_as = f" ({', '.join(drug.synonyms)})" if drug.synonyms else ""
    notes = [f"{_status(item)}: {item.indication}" for item in drug.regulatory]
    print_table(
        f"{drug.name}{known_as}, {drug.drug_class}",
        ("Regimen", "Dose", "Route", "Schedule", "Evidence"),
        rows,
        numbers=("Dose",),
        notes=[text for text in (*notes, drug.note) if text],
    )


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
