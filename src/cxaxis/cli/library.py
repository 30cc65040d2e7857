"""``cxaxis drug``, ``model`` and ``check``: what the package knows."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from cxaxis.cli.options import Output

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


def _status(item: object) -> str:
    status, date = getattr(item, "status", ""), getattr(item, "date", None)
    return f"{status} {date}" if date else str(status)


@drug_app.command("show")
def drug_show(name: Annotated[str, typer.Argument(help="Id of a drug.")]) -> None:
    """Show one drug: regimens, where a dose goes, regulatory history, evidence."""
    from cxaxis.cli.tables import print_table
    from cxaxis.core.errors import UserInputError, error
    from cxaxis.core.ids import did_you_mean
    from cxaxis.knowledge.drugs import load_drugs

    drugs = load_drugs()
    if name not in drugs:
        message = f"no drug {name!r}. {did_you_mean(name, drugs)}"
        raise UserInputError([error("DRUG008", "drug show", message)])
    drug = drugs[name]
    rows = [
        [
            regimen_id,
            f"{item.dose.value:g} {item.dose.unit}",
            item.route,
            f"{item.n_doses} x every {item.every_day:g} d, {item.duration_day:g} d each",
            ", ".join(item.evidence),
        ]
        for regimen_id, item in drug.regimens.items()
    ]
    notes = [f"{item.status} {item.date or ''}: {item.indication}" for item in drug.regulatory]
    print_table(
        f"{drug.name} ({', '.join(drug.synonyms)}), {drug.drug_class}",
        ("Regimen", "Dose", "Route", "Schedule", "Evidence"),
        rows,
        notes=[*notes, drug.note],
    )


@model_app.command("list")
def model_list() -> None:
    """List the models with their size and time unit."""
    from cxaxis.cli.tables import print_table
    from cxaxis.models.build import TIME_UNIT, build

    models = [build(name) for name in TIME_UNIT]
    rows = [[m.name, str(len(m.states)), str(len(m.bindings)), m.time_unit] for m in models]
    print_table("Models", ("Model", "States", "Parameters", "Time unit"), rows)


@model_app.command("export")
def model_export(
    name: Annotated[str, typer.Argument(help="Name of a model.")] = "patient",
    output: Output = None,
) -> None:
    """Write a model as SBML Level 3 Version 2 with the packaged parameters."""
    from cxaxis.core.errors import UserInputError, error
    from cxaxis.models.build import build

    path = output or Path(f"{name}.xml")
    if path.exists():
        message = "exists already and is not overwritten. Give another name with -o."
        raise UserInputError([error("MODEL001", str(path), message)])
    text = build(name).sbml
    path.write_text(text, encoding="utf-8")
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
    typer.echo(f"{errors} errors, {len(findings) - errors} warnings")
    if errors:
        raise typer.Exit(1)
