"""``cxaxis trial run | report``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Optional

import typer

from cxaxis.cli.options import Assignments, Output, Workers

if TYPE_CHECKING:
    from cxaxis.trial.run import Trial

app = typer.Typer(no_args_is_help=True, help="Run virtual trials and report them.")

NOT_CLINICAL = (
    "Virtual patients. The result follows from the assumptions listed in the report; it does not "
    "predict what a patient will do."
)


@app.command("run")
def run(
    protocol: Annotated[
        str, typer.Argument(help="Protocol file, or the name of an example such as crt_plerixafor.")
    ],
    output: Output = None,
    workers: Workers = None,
    assignments: Assignments = None,
    cohort: Annotated[
        Optional[Path],  # noqa: UP045
        typer.Option("--cohort", help="Cohort directory to use instead of a fresh sample."),
    ] = None,
) -> None:
    """Run a virtual trial and write its tables and report.

    The run directory defaults to runs/NAME. An interrupted run continues where it stopped; a
    complete one is left as it is.
    """
    from cxaxis.cohort.overrides import parse_assignments
    from cxaxis.cohort.store import read_cohort

    values = parse_assignments(assignments or [])
    patients = None if cohort is None else read_cohort(cohort)
    out = output or Path("runs") / Path(protocol).stem
    trial = run_with_progress(protocol, out, workers=workers, values=values, cohort=patients)
    finish(trial)


@app.command("report")
def report(
    run_dir: Annotated[Path, typer.Argument(help="A complete run directory.")],
    output: Annotated[
        Optional[Path],  # noqa: UP045
        typer.Option("--output", "-o", help="File or directory; the run directory if omitted."),
    ] = None,
) -> None:
    """Write the report of a finished run again."""
    from cxaxis.report.page import report as write_report

    typer.echo(write_report(run_dir, output))


def run_with_progress(protocol: str, out: Path, *, workers: int | None, **options: Any) -> Trial:
    """Run a trial with a progress bar on the terminal."""
    from cxaxis.runs.progress import ProgressBar
    from cxaxis.trial.protocol import read_protocol
    from cxaxis.trial.run import planned_courses, run_trial

    plan = read_protocol(protocol)
    with ProgressBar("Simulating patients", total=planned_courses(plan)) as bar:
        return run_trial(plan, out=out, workers=workers, progress=bar, **options)


def finish(trial: Trial) -> None:
    """Write the report, print the headline table and the path; exit 1 if patients failed."""
    from cxaxis.cli.tables import HEADLINE_COLUMNS, headline_notes, headline_rows, print_table
    from cxaxis.report.page import report as write_report

    page = write_report(trial.path)
    summary = trial.read_summary()
    print_table(
        summary["title"],
        HEADLINE_COLUMNS,
        headline_rows(summary),
        notes=[*headline_notes(summary), NOT_CLINICAL],
    )
    failed = _failures(trial)
    if failed:
        typer.echo(f"{failed} simulations failed; see the outcome table and the report.", err=True)
    typer.echo(f"Report: {page}")
    if failed:
        raise typer.Exit(1)


def _failures(trial: Trial) -> int:
    from cxaxis.core.outcomes import Outcome

    outcome = trial.table("outcome")["OUTCOME"]
    return int((outcome != Outcome.COMPLETED.value).sum())
