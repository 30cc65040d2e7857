"""Options that several commands share, and what several of them have wrong at once."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Optional

import typer

from cxaxis.core.errors import CxaxisError, Finding, UserInputError, error

if TYPE_CHECKING:
    from cxaxis.cohort.sample import Cohort


class InterruptedRunError(CxaxisError):
    """Ctrl-C stopped a run that can go on; the message says how."""


def whole_number(text: str) -> int:
    """Return the whole number that an option was given."""
    try:
        return int(text)
    except ValueError:
        msg = f"{text!r} is no whole number."
        raise typer.BadParameter(msg) from None


def engine_name(text: str) -> str:
    """Return the name of the engine that an option was given."""
    from cxaxis.core.errors import ModelValueError
    from cxaxis.engine.choice import check_engine

    try:
        check_engine(text)
    except ModelValueError as err:
        raise typer.BadParameter(str(err)) from None
    return text


Engine = Annotated[
    str,
    typer.Option(
        "--engine",
        parser=engine_name,
        metavar="population|reference",
        help="What simulates; the reference engine is slow and for cross-checks.",
    ),
]
Workers = Annotated[
    Optional[int],  # noqa: UP045 - typer reads this at run time on every Python
    typer.Option(
        "--workers",
        "-j",
        parser=whole_number,
        metavar="NUMBER",
        help="Processes; as many as are worth starting if omitted. Never changes results.",
    ),
]
Scheduler = Annotated[
    Optional[str],  # noqa: UP045
    typer.Option(
        "--scheduler",
        metavar="tcp://HOST:PORT|local",
        help="Dask cluster that works; none if omitted. Never changes results.",
    ),
]
Assignments = Annotated[
    Optional[list[str]],  # noqa: UP045
    typer.Option(
        "--set", metavar="ID=VALUE", help="Set a parameter, in the unit of its row. Repeatable."
    ),
]
Output = Annotated[
    Optional[Path],  # noqa: UP045
    typer.Option(
        "--output", "-o", metavar="DIRECTORY", help="Run directory to write; never overwritten."
    ),
]


def all_of(*steps: Callable[[], Any]) -> list[Any]:
    """Return what each step returns, or raise `UserInputError` with the findings of all."""
    results: list[Any] = []
    findings: list[Finding] = []
    for step in steps:
        try:
            results.append(step())
        except UserInputError as err:
            findings += err.findings
    if findings:
        raise UserInputError(findings)
    return results


def checked_workers(workers: int | None) -> None:
    """Raise `UserInputError` if no work can be done with so many processes."""
    if workers is not None and workers < 1:
        message = f"is {workers}. Give at least 1, or leave it out to use every processor."
        raise UserInputError([error("CLI001", "--workers", message)])


def checked_scheduler(scheduler: str | None, workers: int | None) -> None:
    """Raise `UserInputError` if the cluster asked for cannot do the work; it is asked."""
    if scheduler is None:
        return
    from cxaxis.runs.dask_executor import LOCAL, check_scheduler

    if scheduler != LOCAL and workers is not None:
        message = (
            f"is {workers}, and --scheduler {scheduler} brings its own workers. Leave --workers "
            f"out, or give --scheduler {LOCAL} for so many on this machine."
        )
        raise UserInputError([error("CLI003", "--workers", message)])
    check_scheduler(scheduler)


def assigned_values(texts: list[str] | None) -> dict[str, float]:
    """Return the parameter values of ``--set``, checked against the packaged table."""
    from cxaxis.cohort.overrides import parse_assignments
    from cxaxis.knowledge.parameters import load_parameters

    return parse_assignments(texts, load_parameters()) if texts else {}


def given_cohort(directory: Path | None, assignments: list[str] | None) -> Cohort | None:
    """Return the cohort of ``--cohort``, None if there is none.

    A cohort holds every parameter of its patients, so that a value set beside it would be
    shown in the report and used nowhere in the trial: the two together are refused.
    """
    from cxaxis.cohort.store import read_cohort

    if directory is None:
        return None
    if assignments:
        message = (
            f"has no effect on the patients of {directory}, who bring their own values. Give "
            "--set to `cxaxis cohort sample` instead, or leave --cohort out."
        )
        raise UserInputError([error("CLI002", f"--set {assignments[0]}", message)])
    return read_cohort(directory)
