"""The tree of commands. Nothing heavy is imported until a command runs."""

from __future__ import annotations

import typer

from cxaxis.cli import (
    cell,
    cell_compare,
    cite,
    claims,
    cohort,
    cohort_own,
    demo,
    doctor,
    drug_compare,
    drug_harm,
    explain,
    ledger,
    library,
    tracers,
    trial,
)

# The root of the parser's own complaints has no public name.
USAGE_PROBLEM: type[Exception] = next(
    kind
    for kind in typer.BadParameter.__mro__
    if kind.__name__ == "ClickException" and issubclass(kind, Exception)
)

app = typer.Typer(
    name="cxaxis",
    help="Virtual trials of CXCR4/CXCL12 drugs in oesophageal squamous cell carcinoma. "
    "Research software: it predicts what its assumptions imply, never what a patient will do.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    # Drawn help takes as long to load as all the rest together.
    rich_markup_mode=None,
)
app.command("demo")(demo.demo)
app.command("doctor")(doctor.doctor)
app.add_typer(trial.app, name="trial")
cohort.app.command("new-map")(cohort_own.write_map)
cohort.app.command("import")(cohort_own.import_patients)
cohort.app.command("predict")(cohort_own.predict_patients)
app.add_typer(cohort.app, name="cohort")
library.drug_app.command("compare", cls=drug_compare.GridCommand)(drug_compare.drug_compare)
library.drug_app.command("harm")(drug_harm.drug_harm)
app.add_typer(library.drug_app, name="drug")
app.add_typer(tracers.app, name="tracer")
cell.app.command("compare")(cell_compare.cell_compare)
app.add_typer(cell.app, name="cell")
app.add_typer(library.model_app, name="model")
app.add_typer(library.check_app, name="check")
claims.app.command("run")(ledger.claims_run)
app.add_typer(claims.app, name="claims")
app.command("explain")(explain.explain)
app.command("cite")(cite.cite)


def _version(wanted: bool) -> None:
    if wanted:
        from cxaxis._version import __version__

        typer.echo(f"cxaxis {__version__}")
        raise typer.Exit


@app.callback()
def _root(
    version: bool = typer.Option(
        False, "--version", callback=_version, is_eager=True, help="Show the version."
    ),
) -> None:
    """Virtual trials of CXCR4/CXCL12 drugs in oesophageal squamous cell carcinoma."""
