"""``cxaxis trial operate``: what a trial would show, from the pool and draws of a finished run."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Optional

import typer

from cxaxis.cli.options import whole_number

if TYPE_CHECKING:
    import pandas as pd

    from cxaxis.core.errors import Finding
    from cxaxis.report.source import TrialRun
    from cxaxis.trial.operating_tables import Answers, Question
    from cxaxis.trial.protocol import Protocol

_WholeNumber = Optional[int]  # noqa: UP045 - typer reads this at run time on every Python


def operate(
    run_dir: Annotated[
        Path, typer.Argument(metavar="RUN_FOLDER", help="Directory of a finished trial run.")
    ],
    replicates: Annotated[
        int,
        typer.Option(
            "--replicates", parser=whole_number, metavar="NUMBER", help="Trials to allocate."
        ),
    ] = 2000,
    n: Annotated[
        _WholeNumber,
        typer.Option(
            "--n",
            parser=whole_number,
            metavar="NUMBER",
            help="Patients of one trial, all arms; a tenth of the run's patients if omitted, the "
            "most that can be drawn.",
        ),
    ] = None,
    planned: Annotated[
        int,
        typer.Option(
            "--planned",
            parser=whole_number,
            metavar="NUMBER",
            help="Patients of both arms of the trial whose assurance is asked.",
        ),
    ] = 400,
    end_point: Annotated[
        Optional[str],  # noqa: UP045
        typer.Option("--end-point", metavar="CODE", help="The primary one if omitted."),
    ] = None,
    alpha: Annotated[
        float, typer.Option("--alpha", help="Level of the log-rank test, two-sided.")
    ] = 0.05,
    target: Annotated[
        float,
        typer.Option(
            "--target-hr", help="Going on is right if the hazard ratio of death lies below."
        ),
    ] = 0.8,
    out: Annotated[
        Optional[Path],  # noqa: UP045
        typer.Option(
            "--output",
            "-o",
            metavar="DIRECTORY",
            help="Where the tables go; RUN_FOLDER_operating if omitted. Nothing is overwritten.",
        ),
    ] = None,
) -> None:
    """Run a trial thousands of times, with patients drawn from a finished run.

    Prints power and type I error, expected events, patients and duration; the chance of success
    over what is not known; what its spread comes from; and what is worth knowing first. Writes the
    tables as Parquet and CSV, and one page for a browser.
    """
    from cxaxis.core.errors import UserInputError, raise_on_errors
    from cxaxis.report.operating_page import operating_page
    from cxaxis.report.source import read_trial_run
    from cxaxis.runs.progress import ProgressBar
    from cxaxis.trial.conduct import conducted_pool
    from cxaxis.trial.jobs import arm_plans
    from cxaxis.trial.operating import check_pool_size, largest_trial
    from cxaxis.trial.operating_tables import Question, answers

    directory = out or run_dir.parent / f"{run_dir.name}_operating"
    wrong = [
        *_number_findings(replicates=replicates, n=n, planned=planned, alpha=alpha, target=target),
        *_output_findings(directory),
    ]
    try:
        run = read_trial_run(run_dir)
        protocol = _protocol_of(run, run_dir)
    except UserInputError as err:
        raise UserInputError([*wrong, *err.findings]) from None
    code = end_point or protocol.endpoints[0]
    wrong += _end_point_findings(run, protocol, code)
    raise_on_errors(wrong)
    n_pool = int(run.tables["pool"]["USUBJID"].nunique())
    n_trial = n or largest_trial(n_pool, protocol.ratios) or sum(protocol.ratios)
    check_pool_size(n_pool, n_trial, protocol.ratios)
    question = Question(
        end_point=code,
        n_patient=n_trial,
        n_replicate=replicates,
        n_planned=planned,
        alpha=alpha,
        target_hr=target,
    )
    with ProgressBar("Running trials", total=2 * replicates) as bar:
        # Trials are drawn from the pool as the design counts it, switches and all.
        pool = conducted_pool(run.tables["pool"], protocol, arm_plans(protocol))
        tables = {**run.tables, "pool": pool}
        found = answers(
            tables, protocol, question, strata=_strata(run, protocol), advance=bar.advance
        )
    page = operating_page(found, question, protocol, n_pool=n_pool, run_key=run.manifest.run_key)
    _write(found.tables, page, directory)
    _print(found, question, protocol, n_pool)
    typer.echo(f"Tables and page: {directory}")


def _number_findings(
    *, replicates: int, n: int | None, planned: int, alpha: float, target: float
) -> Iterator[Finding]:
    from cxaxis.core.errors import error

    least = {"--replicates": (replicates, 1), "--n": (n, 2), "--planned": (planned, 2)}
    for option, (value, low) in least.items():
        if value is not None and value < low:
            yield error("OPER002", option, f"is {value}. Give at least {low}.")
    if not 0.0 < alpha < 0.5:
        yield error("OPER002", "--alpha", f"is {alpha:g}. Give a level above 0 and below 0.5.")
    if not 0.0 < target < 10.0:
        yield error("OPER002", "--target-hr", f"is {target:g}. Give a hazard ratio such as 0.8.")


def _output_findings(directory: Path) -> Iterator[Finding]:
    from cxaxis.core.errors import error
    from cxaxis.report.operating_page import PAGE
    from cxaxis.trial.operating_schemas import SCHEMAS

    if directory.exists() and not directory.is_dir():
        message = "this is a file. Give the name of a directory with -o."
        yield error("OPER003", str(directory), message)
        return
    names = [schema.name + suffix for schema in SCHEMAS for suffix in (".parquet", ".csv")]
    names.append(PAGE)
    present = [name for name in names if (directory / name).exists()]
    if present:
        message = (
            f"holds {', '.join(present)} already, and nothing is overwritten. Give another "
            "directory with -o."
        )
        yield error("OPER003", str(directory), message)


def _protocol_of(run: TrialRun, run_dir: Path) -> Protocol:
    from pydantic import ValidationError

    from cxaxis.core.errors import UserInputError, error
    from cxaxis.trial.protocol import Protocol

    try:
        return Protocol.model_validate(run.protocol)
    except ValidationError as err:
        item = err.errors()[0]
        key = ".".join(map(str, item["loc"]))
        message = (
            f"{key}: {item['msg']}. The protocol of the run was changed or comes from another "
            "version: run the trial again into a new directory."
        )
        where = str(run_dir / "protocol.json")
        raise UserInputError([error("OPER005", where, message)]) from None


def _end_point_findings(run: TrialRun, protocol: Protocol, code: str) -> Iterator[Finding]:
    from cxaxis.core.errors import error

    pool = run.tables["pool"]
    held = pool.groupby("PARAMCD")["ARM"].unique()
    known = [str(name) for name, arms in held.items() if set(protocol.arm_ids) <= set(arms)]
    if code not in known:
        message = f"the pool has no {code} of every arm. It has {', '.join(known) or 'none'}."
        yield error("OPER002", "--end-point", message)


def _strata(run: TrialRun, protocol: Protocol) -> dict[str, str]:
    """Return the stratum of each patient, from the columns that the run keeps."""
    from cxaxis.cohort.staging import IHC_SERIES
    from cxaxis.trial.biomarkers import BIOMARKERS
    from cxaxis.trial.populations import allocation_strata
    from cxaxis.trial.schemas import STAIN_CALLS

    adsl = run.tables["adsl"]
    columns = {
        "stage": "STAGE",
        "sex": "SEX",
        "cxcr4_ihc": STAIN_CALLS[f"ihc_{IHC_SERIES}"],
        **STAIN_CALLS,
        **{item.covariate: name for name, item in BIOMARKERS.items()},
    }
    about = {key: adsl[name].to_numpy() for key, name in columns.items() if name in adsl}
    return dict(zip(adsl["USUBJID"], allocation_strata(protocol, about), strict=True))


def _write(tables: Mapping[str, pd.DataFrame], page: str, directory: Path) -> None:
    from cxaxis.core.errors import UserInputError, error
    from cxaxis.report.operating_page import PAGE
    from cxaxis.runs.files import write_text_durably
    from cxaxis.runs.tables import write_table
    from cxaxis.trial.operating_schemas import SCHEMAS

    try:
        directory.mkdir(parents=True, exist_ok=True)
        for schema in SCHEMAS:
            frame = tables[schema.name]
            write_table(frame, directory / schema.file_name, schema)
            text = frame.to_csv(index=False, lineterminator="\n", float_format="%.6g")
            write_text_durably(directory / f"{schema.name}.csv", text)
        write_text_durably(directory / PAGE, page)
    except OSError as err:
        message = f"cannot be written ({err.strerror}). Give another directory with -o."
        raise UserInputError([error("OPER003", str(directory), message)]) from err


def _print(found: Answers, question: Question, protocol: Protocol, n_pool: int) -> None:
    from cxaxis.cli.tables import print_table
    from cxaxis.report.operating_parts import parts_of

    for part in parts_of(found, question, protocol, n_pool=n_pool):
        if part.rows:
            print_table(
                part.title, part.columns, part.rows, numbers=part.numbers, notes=[*part.notes, ""]
            )
    for note in found.notes:
        typer.echo(note)
