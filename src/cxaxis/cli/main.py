"""Entry point of the ``cxaxis`` command and the one place where errors become exit codes.

Exit codes: 0 clean, 1 findings (failed patients, a check that found something), 2 wrong use.
Nothing heavy is imported until a command runs.
"""

from __future__ import annotations

import sys

import typer

from cxaxis.cli import cohort, demo, doctor, library, trial
from cxaxis.core.errors import CxaxisError, UserInputError

# The root of the parser's own complaints has no public name.
_USAGE_PROBLEM: type[Exception] = next(
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
)
app.command("demo")(demo.demo)
app.command("doctor")(doctor.doctor)
app.add_typer(trial.app, name="trial")
app.add_typer(cohort.app, name="cohort")
app.add_typer(library.drug_app, name="drug")
app.add_typer(library.model_app, name="model")
app.add_typer(library.check_app, name="check")


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


def main() -> None:
    """Run the command line; never shows a traceback for a user's mistake."""
    try:
        code = app(standalone_mode=False)
    except typer.Exit as stop:
        code = stop.exit_code
    except typer.Abort:
        code = 130
    except _USAGE_PROBLEM as err:
        err.show()  # type: ignore[attr-defined]
        code = 2
    except UserInputError as err:
        for finding in err.findings:
            typer.echo(str(finding), err=True)
        code = 2
    except CxaxisError as err:
        typer.echo(f"cxaxis: {err}", err=True)
        code = 2
    except KeyboardInterrupt:
        typer.echo("Interrupted. Finished blocks are kept: the same command resumes.", err=True)
        code = 130
    except OSError as err:
        where = err.filename or "cxaxis"
        typer.echo(f"{where}  error  FILE001  {err.strerror or err}.", err=True)
        code = 2
    sys.exit(code if isinstance(code, int) else 0)


if __name__ == "__main__":
    main()
