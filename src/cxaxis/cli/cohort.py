"""``cxaxis cohort sample | show``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cxaxis.cli.options import (
    Assignments,
    Engine,
    Output,
    Workers,
    all_of,
    assigned_values,
    checked_workers,
    whole_number,
)

if TYPE_CHECKING:
    from cxaxis.cohort.sample import Cohort

app = typer.Typer(no_args_is_help=True, help="Sample and look at virtual patients.")


@app.command("sample")
def sample(
    n: Annotated[
        int, typer.Option("--n", parser=whole_number, metavar="NUMBER", help="Patients.")
    ] = 200,
    seed: Annotated[
        int,
        typer.Option("--seed", parser=whole_number, metavar="NUMBER", help="Seed, 0 to 2**63 - 1."),
    ] = 1,
    output: Output = None,
    workers: Workers = None,
    assignments: Assignments = None,
    engine: Engine = "population",
) -> None:
    """Sample patients at diagnosis into a directory.

    Locally advanced ESCC. The directory defaults to runs/cohort-N-SEED.
    """
    from cxaxis.cohort.store import request_findings, sample_to_directory
    from cxaxis.core.errors import raise_on_errors
    from cxaxis.runs.progress import ProgressBar

    out = output or Path("runs") / f"cohort-{n}-{seed}"
    values, *_ = all_of(
        lambda: assigned_values(assignments),
        lambda: raise_on_errors([*request_findings(n=n, seed=seed)]),
        lambda: checked_workers(workers),
    )
    with ProgressBar("Screening patients", total=n * 2) as bar:
        cohort = sample_to_directory(
            out, n=n, seed=seed, values=values, workers=workers, progress=bar, engine=engine
        )
    _print(cohort)
    typer.echo(f"Cohort: {out}")


@app.command("show")
def show(directory: Annotated[Path, typer.Argument(help="A cohort directory.")]) -> None:
    """Show what a cohort looks like."""
    from cxaxis.cohort.store import read_cohort

    _print(read_cohort(directory))


def _print(cohort: Cohort) -> None:
    from cxaxis.cli.tables import print_table

    frame = cohort.to_frame()
    numbers = ("Median or share", "5 to 95 %")
    rows = []
    for label, column, unit in (
        ("Age", "age_year", "year"),
        ("Weight", "weight_kg", "kg"),
        ("Diameter of the primary", "diameter_mm", "mm"),
        ("CXCR4 per tumour cell", "cxcr4_per_cell", "receptors"),
        ("Days from first focus to diagnosis", "days_from_inception", "day"),
    ):
        low, middle, high = frame[column].quantile([0.05, 0.5, 0.95])
        rows.append([f"{label}, {unit}", f"{middle:.4g}", f"{low:.4g} to {high:.4g}"])
    for label, column, value in (
        ("Male", "sex", "M"),
        ("Stage II", "stage", "II"),
        ("Stage III", "stage", "III"),
        ("Stage IVA", "stage", "IVA"),
        ("CXCR4 high by IHC", "cxcr4_ihc", "high"),
    ):
        rows.append([label, f"{(frame[column] == value).mean():.0%}", "-"])
    rows.append(["Occult distant founders", f"{(frame['occult_metastases'] > 0).mean():.0%}", "-"])
    told = {
        "screened": "screened",
        "distant": "with visible distant disease",
        "stage_full": "of a stage that was full",
        "unfit": "not expected to live long enough",
        "failed": "failed in simulation",
    }
    out = ", ".join(f"{count} {told.get(name, name)}" for name, count in cohort.screened.items())
    print_table(
        f"{len(cohort)} virtual patient{'' if len(cohort) == 1 else 's'}, seed {cohort.seed}",
        ("At diagnosis", *numbers),
        rows,
        numbers=numbers,
        notes=[f"Screening: {out}."],
    )
