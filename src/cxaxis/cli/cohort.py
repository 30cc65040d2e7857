"""``cxaxis cohort sample | show | margins``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, cast

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
    from cxaxis.cohort.settings import Setting
    from cxaxis.cohort.store import StoredMargins

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
    setting: Annotated[
        str,
        typer.Option(
            "--setting",
            metavar="SETTING",
            help="resectable_escc, locally_advanced_escc or metastatic_escc.",
        ),
    ] = "locally_advanced_escc",
    margins: Annotated[
        bool, typer.Option("--margins", help="Select plausible patients to published margins.")
    ] = False,
    study: Annotated[
        str | None,
        typer.Option("--study", metavar="NAME", help="Margins of this study alone."),
    ] = None,
    pool: Annotated[
        int | None,
        typer.Option(
            "--pool",
            parser=whole_number,
            metavar="NUMBER",
            help="Patients from whom they are selected; three for each if omitted.",
        ),
    ] = None,
) -> None:
    """Sample patients at diagnosis into a directory.

    The directory defaults to runs/cohort-N-SEED.
    """
    from cxaxis.cohort.store import read_margins, request_findings, sample_to_directory
    from cxaxis.cohort.virtual import ALL_STUDIES, POOL_PER_PATIENT
    from cxaxis.core.errors import raise_on_errors
    from cxaxis.runs.progress import ProgressBar

    out = output or Path("runs") / f"cohort-{n}-{seed}"
    matched = study or (ALL_STUDIES if margins else None)
    values, *_ = all_of(
        lambda: assigned_values(assignments),
        lambda: raise_on_errors(
            [*request_findings(n=n, seed=seed, setting=setting, margins=matched, pool=pool)]
        ),
        lambda: checked_workers(workers),
    )
    size = n if matched is None else pool or POOL_PER_PATIENT * n
    with ProgressBar("Screening patients", total=size * 2) as bar:
        cohort = sample_to_directory(
            out,
            n=n,
            seed=seed,
            values=values,
            setting=cast("Setting", setting),
            margins=matched,
            pool=pool,
            workers=workers,
            progress=bar,
            engine=engine,
        )
    _print(cohort)
    if matched is not None:
        _print_margins(cohort, read_margins(out))
    typer.echo(f"Cohort: {out}")


@app.command("show")
def show(directory: Annotated[Path, typer.Argument(help="A cohort directory.")]) -> None:
    """Show what a cohort looks like."""
    from cxaxis.cohort.store import read_cohort

    _print(read_cohort(directory))


@app.command("margins")
def margins_of_cohort(
    directory: Annotated[Path, typer.Argument(help="A cohort directory.")],
) -> None:
    """Show published margins beside a cohort, before and after it is matched to them.

    Of patients selected to margins, what selecting did; of others, what weights would do.
    """
    from cxaxis.cohort.store import read_cohort, read_margins

    _print_margins(read_cohort(directory), read_margins(directory))


def _print_margins(cohort: Cohort, stored: StoredMargins) -> None:
    from cxaxis.cli.tables import print_table
    from cxaxis.cohort.settings import SETTING_WORDS
    from cxaxis.cohort.weights import LEAST_EFFECTIVE_SHARE, margin_table

    found = margin_table(cohort.covariates, stored.setting, stored.record)
    share = found.effective_n / found.pool
    notes = [
        f"Effective sample size of the weights: {found.effective_n:.0f} of {found.pool} patients "
        f"({share:.0%})."
    ]
    if share < LEAST_EFFECTIVE_SHARE:
        notes.append("Below a quarter: few patients stand for many. Sample a larger pool.")
    if found.unmatched:
        notes.append(f"Not in the model, so never matched: {', '.join(found.unmatched)}.")
    numbers = ("Published", "Before", *found.columns)
    print_table(
        f"Margins of {SETTING_WORDS[stored.setting]} ESCC",
        ("Margin", "Studies", *numbers),
        [[row.label, row.studies, *(f"{value:.3g}" for value in row.values)] for row in found.rows],
        numbers=numbers,
        notes=notes,
    )


def _print(cohort: Cohort) -> None:
    from cxaxis.cli.tables import print_table
    from cxaxis.cohort.dependence import spearman_table
    from cxaxis.cohort.staging import SITES

    frame = cohort.to_frame()
    numbers = ("Median or share", "5 to 95 %")
    rows = []
    for label, column, unit in (
        ("Age", "age_year", "year"),
        ("Weight", "weight_kg", "kg"),
        ("Diameter of the primary", "diameter_mm", "mm"),
        ("CXCR4 per tumour cell", "cxcr4_per_cell", "receptors"),
        ("H-score of CXCR4", "cxcr4_h_score", "0 to 300"),
        ("H-score of CXCL12", "cxcl12_h_score", "0 to 300"),
        ("H-score of ACKR3", "ackr3_h_score", "0 to 300"),
        ("Combined positive score of PD-L1", "pdl1_cps", "0 to 100"),
        ("Days from first focus to diagnosis", "days_from_inception", "day"),
    ):
        low, middle, high = frame[column].quantile([0.05, 0.5, 0.95])
        rows.append([f"{label}, {unit}", f"{middle:.4g}", f"{low:.4g} to {high:.4g}"])
    for label, column, value in (
        ("Male", "sex", "M"),
        ("Stage II", "stage", "II"),
        ("Stage III", "stage", "III"),
        ("Stage IVA", "stage", "IVA"),
        ("Stage IVB", "stage", "IVB"),
        *((f"{site.capitalize()} third", "site", site) for site in SITES),
        ("CXCR4 high by IHC", "cxcr4_ihc", "high"),
    ):
        rows.append([label, f"{(frame[column] == value).mean():.0%}", "-"])
    rows.append(["Occult distant founders", f"{(frame['occult_metastases'] > 0).mean():.0%}", "-"])
    told = {
        "screened": "screened",
        "distant": "with visible distant disease",
        "stage_full": "of a stage that was full",
        "unfit": "not expected to live long enough",
        "other_stage": "of another stage",
        "implausible": "implausible",
        "not_selected": "not selected",
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
    found = spearman_table(cohort.covariates)
    if found is not None:
        print_table(
            "Dependence at diagnosis, Spearman's rank correlation",
            ("", *found.names),
            [
                [name, *("-" if k == i else f"{value:.2f}" for i, value in enumerate(row))]
                for k, (name, row) in enumerate(zip(found.names, found.values, strict=True))
            ],
            numbers=found.names,
        )
