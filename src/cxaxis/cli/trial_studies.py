"""``cxaxis trial prognosis | screening | histology``: studies beside a trial."""

from __future__ import annotations

import math
from collections.abc import Hashable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Optional

import typer

from cxaxis.cli.options import whole_number

if TYPE_CHECKING:
    import pandas as pd

    from cxaxis.runs.tables import TableSchema

Folder = Annotated[
    Optional[Path],  # noqa: UP045 - typer reads this at run time on every Python
    typer.Option("--output", "-o", metavar="FOLDER", help="New folder for the tables."),
]
Number = Annotated[
    int, typer.Option("--n", parser=whole_number, metavar="NUMBER", help="Virtual people.")
]
Seed = Annotated[
    int, typer.Option("--seed", parser=whole_number, metavar="NUMBER", help="Seed, 0 to 2**63 - 1.")
]
_MODELS = {
    "marker": "CXCR4 stain alone",
    "stage": "stage alone",
    "both": "CXCR4 stain and stage",
    "gain": "gain over stage alone",
}


def prognosis(
    source: Annotated[
        Optional[Path],  # noqa: UP045
        typer.Argument(metavar="[RUN | COHORT]", help="Trial run or cohort; sampled if omitted."),
    ] = None,
    n: Number = 200,
    seed: Seed = 1,
    output: Folder = None,
) -> None:
    """Survival by stage, and the C-index of CXCR4 alone, of stage alone and of both.

    Of unselected patients given the care of their stage, of a cohort's patients, or of the control
    arm of a trial run.
    """
    from cxaxis.report.export import check_new_folder

    if output is not None:
        check_new_folder(output)
    found = _prognosis(source, n, seed)
    if "stage_survival" in found:
        _print_survival(found["stage_survival"], found["stage_mix"])
    _print_concordance(found["concordance"])
    from cxaxis.trial.study_tables import PROGNOSIS_SCHEMAS

    _write(output, found, PROGNOSIS_SCHEMAS)


def screening(
    n: Number = 200,
    seed: Seed = 1,
    every_day: Annotated[
        float, typer.Option("--every", metavar="DAYS", min=1.0, help="Days between tests.")
    ] = 365.25,
    pet_mm: Annotated[
        Optional[float],  # noqa: UP045
        typer.Option("--pet", metavar="MM", min=0.1, help="Smallest primary that PET shows."),
    ] = None,
    output: Folder = None,
) -> None:
    """Sensitivity, specificity and lead time of CXCL12 in serum and of PET."""
    from cxaxis.cli.tables import print_table
    from cxaxis.core.errors import UserInputError, error
    from cxaxis.report.export import check_new_folder
    from cxaxis.trial.screening_study import screening_tables
    from cxaxis.trial.study_tables import SCREENING_SCHEMAS

    if n < 20:
        message = f"{n} people are too few for a threshold. Give 20 or more."
        raise UserInputError([error("STUD001", "--n", message)])
    if output is not None:
        check_new_folder(output)
    size = {} if pet_mm is None else {"pet_mm": pet_mm}
    found = screening_tables(n, seed=seed, every_day=every_day, **size)
    frame = found["screening"]
    print_table(
        "Screening of virtual people",
        (
            "Test",
            "From",
            "Sensitivity at\ndiagnosis",
            "Specificity",
            "Found\nearlier",
            "Lead, days",
        ),
        [
            [
                row["TEST"],
                f"{row['THRESHOLD']:.3g} {row['UNIT']}",
                _percent(row["SENS"], row["SENSLOW"], row["SENSHIGH"]),
                _percent(row["SPEC"], row["SPECLOW"], row["SPECHIGH"]),
                f"{100 * row['FOUND']:.0f} %",
                _lead(row),
            ]
            for row in frame.to_dict("records")
        ],
        numbers=("Lead, days",),
        notes=[
            f"{frame['NILL'].iloc[0]} people from the first focus to diagnosis, "
            f"{frame['NFREE'].iloc[0]} without the disease; a test every {every_day:g} days.",
            *(f"{row['TEST']}: {row['NOTE']}." for row in frame.to_dict("records")),
            "Found earlier includes chance: a test with 95 % specificity, given often, flags many. "
            f"Of those without the disease the serum test flags {100 * frame['FALSE'].iloc[0]:.0f}"
            " % at least once.",
        ],
    )
    _write(output, found, SCREENING_SCHEMAS)


def histology(output: Folder = None) -> None:
    """Histological types as published, and what a mixed series does to a hazard ratio."""
    from cxaxis.cli.tables import print_table
    from cxaxis.report.export import check_new_folder
    from cxaxis.trial.histology import histology_tables
    from cxaxis.trial.study_tables import HISTOLOGY_SCHEMAS

    if output is not None:
        check_new_folder(output)
    found = histology_tables()
    print_table(
        "Squamous share of oesophageal cancers",
        ("Squamous", "What", "Whose", "Evidence"),
        [
            [f"{100 * row['ESCC']:.0f} %", row["QUANTITY"], row["SYSTEM"], row["EVIDENCE"]]
            for row in found["histology_mix"].to_dict("records")
        ],
        numbers=("Squamous",),
    )
    print_table(
        "Tumours with CXCR4 by histology",
        ("Share", "Histology", "What", "Whose", "Evidence"),
        [
            [
                f"{100 * row['SHARE']:.0f} %",
                row["HISTOLOGY"],
                row["QUANTITY"],
                row["SYSTEM"],
                row["EVIDENCE"],
            ]
            for row in found["histology_expression"].to_dict("records")
        ],
        numbers=("Share",),
    )
    print_table(
        "Hazard ratio of death, CXCR4 high against low, in a mixed series",
        ("Squamous share\nof events", "Supposed in\nadenocarcinoma", "Mixed series (95 % CI)"),
        [
            [
                f"{100 * row['ESCC']:.0f} %",
                f"{row['ADENO']:.1f}",
                f"{row['HR']:.2f} ({row['LOW']:.2f} to {row['HIGH']:.2f})",
            ]
            for row in found["histology_ratios"].to_dict("records")
        ],
        numbers=("Mixed series (95 % CI)",),
        notes=[
            "The model is of squamous cell carcinoma alone: no adenocarcinoma is simulated, and "
            "the ratio supposed in it is no finding."
        ],
    )
    _write(output, found, HISTOLOGY_SCHEMAS)


def _prognosis(source: Path | None, n: int, seed: int) -> dict[str, pd.DataFrame]:
    from cxaxis.cohort.store import read_cohort, request_findings
    from cxaxis.core.errors import raise_on_errors
    from cxaxis.report.run_results import results_of
    from cxaxis.report.source import read_trial_run
    from cxaxis.runs.manifest import read_manifest
    from cxaxis.runs.progress import ProgressBar
    from cxaxis.trial.prognosis import prognosis_tables

    raise_on_errors([*request_findings(n=n, seed=seed)])
    if source is not None and (not source.is_dir() or read_manifest(source).kind == "trial"):
        results = results_of(read_trial_run(source))
        for note in results.notes:
            if "concordance" in note:
                typer.echo(note, err=True)
        return {"concordance": results.tables["concordance"]}
    cohort = None if source is None else read_cohort(source)
    total = 2 * n if cohort is None else len(cohort)
    with ProgressBar("Following patients", total=total) as bar:
        return prognosis_tables(n, seed=seed, cohort=cohort, progress=bar)


def _print_survival(survival: pd.DataFrame, mix: pd.DataFrame) -> None:
    from cxaxis.cli.tables import print_table

    print_table(
        "Alive at five years",
        ("Patients", "Care", "n", "Model (95 % CI)", "Published"),
        [
            [
                row["GROUP"],
                row["CARE"],
                str(row["N"] or "-"),
                _percent(row["ALIVE"], row["LOW"], row["HIGH"]),
                "-" if math.isnan(row["PUBLISHED"]) else f"{100 * row['PUBLISHED']:.0f} %",
            ]
            for row in survival.to_dict("records")
        ],
        numbers=("n", "Model (95 % CI)"),
        notes=[
            *(source for source in dict.fromkeys(survival["SOURCE"]) if source),
            "Stages of the model's patients, and of the registry: "
            + "; ".join(
                f"{row['STAGE']} {100 * row['SHARE']:.0f} %, {100 * row['REGISTRY']:.0f} %"
                for row in mix.to_dict("records")
            )
            + ".",
        ],
    )


def _print_concordance(frame: pd.DataFrame) -> None:
    from cxaxis.cli.tables import print_table

    if frame.empty:
        typer.echo("Too few deaths, or no stain: no C-index.")
        return
    print_table(
        "C-index for overall survival",
        ("Model", "C-index (95 % CI)"),
        [
            [_MODELS[row["MODEL"]], f"{row['C']:.3f} ({row['LOW']:.3f} to {row['HIGH']:.3f})"]
            for row in frame.to_dict("records")
        ],
        numbers=("C-index (95 % CI)",),
        notes=[f"{frame['N'].iloc[0]} virtual patients, {frame['EVENTS'].iloc[0]} deaths."],
    )


def _lead(row: Mapping[Hashable, Any]) -> str:
    if math.isnan(row["LEAD"]):
        return "nobody found"
    return f"{row['LEAD']:.0f} ({row['LEADLOW']:.0f} to {row['LEADHIGH']:.0f})"


def _percent(share: float, low: float, high: float) -> str:
    return f"{100 * share:.1f} % ({100 * low:.1f} to {100 * high:.1f})"


def _write(output: Path | None, found: dict[str, Any], schemas: tuple[TableSchema, ...]) -> None:
    from cxaxis.report.export import write_tables

    if output is not None:
        write_tables(output, found, {s.name: s for s in schemas if s.name in found})
        typer.echo(f"Tables: {output}")
