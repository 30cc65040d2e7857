"""``cxaxis trial new | check | seal | run | operate | report`` and studies."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Optional

import typer

from cxaxis.cli import trial_files, trial_operate, trial_replay, trial_studies
from cxaxis.cli.options import (
    Assignments,
    Engine,
    InterruptedRunError,
    Output,
    Scheduler,
    Workers,
    all_of,
    assigned_values,
    checked_scheduler,
    checked_workers,
    given_cohort,
)

if TYPE_CHECKING:
    from cxaxis.cohort.sample import Cohort
    from cxaxis.trial.protocol import Protocol
    from cxaxis.trial.run import Trial

app = typer.Typer(no_args_is_help=True, help="Write, seal, run and report virtual trials.")
app.command("new")(trial_files.new)
app.command("check")(trial_files.check)
app.command("seal")(trial_files.seal)
app.command("operate")(trial_operate.operate)
app.command("prognosis")(trial_studies.prognosis)
app.command("screening")(trial_studies.screening)
app.command("histology")(trial_studies.histology)
app.command("replay")(trial_replay.replay)

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
    engine: Engine = "population",
    scheduler: Scheduler = None,
) -> None:
    """Run a virtual trial and write its tables and report.

    The run directory defaults to runs/NAME. An interrupted run continues where it stopped; a
    complete one is left as it is.
    """
    from cxaxis.trial.protocol import read_protocol
    from cxaxis.trial.seals import state_of

    plan, values, patients, *_ = all_of(
        lambda: read_protocol(protocol),
        lambda: assigned_values(assignments),
        lambda: given_cohort(cohort, assignments),
        lambda: checked_workers(workers),
        lambda: checked_scheduler(scheduler, workers),
    )
    if cohort is not None and patients is not None:
        _check_size(plan, patients, cohort)
    seal = state_of(plan, protocol)
    if seal is not None:
        typer.echo(trial_files.seal_words(seal))
    out = output or Path("runs") / Path(protocol).stem
    trial = run_with_progress(
        plan,
        out,
        workers=workers,
        values=values,
        cohort=patients,
        engine=engine,
        seal=seal,
        scheduler=scheduler,
    )
    finish(trial)


def _check_size(plan: Protocol, patients: Cohort, directory: Path) -> None:
    from cxaxis.core.errors import UserInputError
    from cxaxis.trial.run import check_cohort

    try:
        check_cohort(plan, patients, {})
    except UserInputError as err:
        where = f"--cohort {directory}"
        raise UserInputError([replace(item, where=where) for item in err.findings]) from None


@app.command("report")
def report(
    run_dir: Annotated[Path, typer.Argument(help="A complete run directory.")],
    output: Annotated[
        Optional[Path],  # noqa: UP045
        typer.Option(
            "--output",
            "-o",
            metavar="FOLDER",
            help="New folder for the page and every table; the page alone, in the run directory, "
            "if omitted.",
        ),
    ] = None,
) -> None:
    """Write the report of a finished run: one HTML file, and every table as Parquet and CSV.

    The folder is never overwritten. Columns, units and meanings stand in its data_dictionary.csv.
    """
    from cxaxis.report.export import export_report
    from cxaxis.report.page import report as write_report

    typer.echo(write_report(run_dir) if output is None else export_report(run_dir, output))


def run_with_progress(
    protocol: str | Protocol, out: Path, *, workers: int | None, **options: Any
) -> Trial:
    """Run a trial with a progress bar on the terminal; an interruption says how to go on."""
    from cxaxis.runs.directory import RunState, inspect_run
    from cxaxis.runs.progress import ProgressBar
    from cxaxis.trial.protocol import Protocol, read_protocol
    from cxaxis.trial.run import planned_courses, run_trial

    plan = protocol if isinstance(protocol, Protocol) else read_protocol(protocol)
    try:
        with ProgressBar("Simulating patients", total=planned_courses(plan)) as bar:
            return run_trial(plan, out=out, workers=workers, progress=bar, **options)
    except KeyboardInterrupt:
        if inspect_run(out).state is not RunState.INCOMPLETE:
            raise
        msg = f"Interrupted. Finished blocks are kept in {out}: the same command resumes."
        raise InterruptedRunError(msg) from None


def finish(trial: Trial) -> None:
    """Write the report, print the headline table and the path; exit 1 if patients failed."""
    from cxaxis.cli.tables import headline_notes, print_headline
    from cxaxis.report.page import report as write_report

    page = write_report(trial.path)
    summary = trial.read_summary()
    print_headline(summary, notes=[*headline_notes(summary), NOT_CLINICAL])
    failed = _failures(trial)
    if failed:
        what = "simulation" if failed == 1 else "simulations"
        typer.echo(f"{failed} {what} failed; see the outcome table and the report.", err=True)
    typer.echo(f"Report: {page}")
    if failed:
        raise typer.Exit(1)


def _failures(trial: Trial) -> int:
    from cxaxis.core.outcomes import Outcome

    outcome = trial.table("outcome")["OUTCOME"]
    return int((outcome != Outcome.COMPLETED.value).sum())
