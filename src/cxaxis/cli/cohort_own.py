"""``cxaxis cohort new-map | import | predict``: a user's own patients."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cxaxis.cli.options import whole_number

if TYPE_CHECKING:
    from cxaxis.trial.own_predictions import Predictions

SHOWN = 20
File = Annotated[Path, typer.Argument(help="A CSV file, one patient a line.")]


def write_map(
    file: File,
    output: Annotated[Path, typer.Option("-o", "--output", help="The map, a YAML file.")] = Path(
        "map.yaml"
    ),
) -> None:
    """Write a column map for a file of your own patients, by the names of its columns."""
    from cxaxis.cohort.user_map import new_map
    from cxaxis.core.errors import UserInputError, error

    made = new_map(file)
    if output.exists():
        message = "exists already. Name another file with -o, or remove it."
        raise UserInputError([error("OWN009", str(output), message)])
    output.write_text(made.text, encoding="utf-8")
    for header, covariate in made.found.items():
        typer.echo(f"{header} -> {covariate}")
    if made.not_recognised:
        typer.echo(f"Not recognised, add by hand: {', '.join(made.not_recognised)}")
    typer.echo(f"Map: {output}")


def import_patients(
    file: File,
    map_path: Annotated[Path, typer.Option("--map", help="The column map.")],
    output: Annotated[Path, typer.Option("-o", "--output", help="Directory to write.")],
) -> None:
    """Check a file of your own patients and keep them in a directory."""
    from cxaxis.cli.tables import print_table
    from cxaxis.cohort.user_patients import import_to_directory

    patients = import_to_directory(file, map_path, output)
    numbers = ("Known", "Missing")
    print_table(
        f"{len(patients)} patients of {file.name}",
        ("Covariate", *numbers),
        [
            [name, str(len(patients) - lacking), str(lacking)]
            for name, lacking in patients.missing().items()
        ],
        numbers=numbers,
        notes=patients.notes,
    )
    typer.echo(f"Patients: {output}")


def predict_patients(
    directory: Annotated[Path, typer.Argument(help="A directory that `cohort import` wrote.")],
    protocol: Annotated[
        str, typer.Option("--protocol", help="Protocol file or example: setting and treatment.")
    ] = "crt_plerixafor",
    arm: Annotated[
        str | None, typer.Option("--arm", help="Arm of it; the control if omitted.")
    ] = None,
    pool: Annotated[
        int,
        typer.Option(
            "--pool", parser=whole_number, metavar="NUMBER", help="Virtual patients to learn from."
        ),
    ] = 400,
    seed: Annotated[
        int, typer.Option("--seed", parser=whole_number, metavar="NUMBER", help="Seed of the pool.")
    ] = 1,
    output: Annotated[
        Path | None, typer.Option("-o", "--output", help="Also write the table as CSV.")
    ] = None,
) -> None:
    """Predict the survival of your own patients under one arm of a protocol.

    Conditional on the model: virtual patients like each of yours in what is known of it.
    """
    from cxaxis.cohort.user_patients import read_imported
    from cxaxis.core.errors import ModelValueError, UserInputError, error
    from cxaxis.trial.own_predictions import follow, predict
    from cxaxis.trial.protocol import read_protocol

    patients = read_imported(directory)
    plan = read_protocol(protocol)
    try:
        followed = follow(plan, arm or plan.control, pool, seed=seed)
    except ModelValueError as failure:
        raise UserInputError([error("OWN010", "cohort predict", str(failure))]) from failure
    found = predict(patients, followed, plan.population.setting)
    _print(found, arm or plan.control)
    if output is not None:
        found.table.to_csv(output, index=False, float_format="%.6g", lineterminator="\n")
        typer.echo(f"Predictions: {output}")


def _print(found: Predictions, arm: str) -> None:
    from cxaxis.cli.tables import print_table

    check = found.check
    years = ("1 year", "2 years", "3 years")
    numbers = (*(f"Alive at {year}" for year in years), "80 % die between, months", "Alike")
    rows = []
    for _, row in found.table.head(SHOWN).iterrows():
        if row["alike"] != row["alike"]:
            rows.append([str(row["subject"]), *["-"] * len(numbers), row["missing"], row["note"]])
            continue
        chances = [
            f"{row[f'alive_{k}_year']:.0%} ({row[f'alive_{k}_year_low']:.0%} to "
            f"{row[f'alive_{k}_year_high']:.0%})"
            for k in (1, 2, 3)
        ]
        days = f"{_months(row['dies_low_day'])} to {_months(row['dies_high_day'])}"
        rows.append(
            [
                str(row["subject"]),
                *chances,
                days,
                f"{row['alike']:.0f}",
                row["missing"],
                row["note"],
            ]
        )
    notes = [
        f"Used: {', '.join(found.used) or 'nothing'}."
        + (f" Not used: {', '.join(found.unused)}." if found.unused else ""),
        "In brackets: the middle 80 % of the virtual patients alike. Conditional on the model.",
        f"Check on {check.n} virtual patients left out: {check.below:.1%} died before their 80 % "
        f"interval (nominal 10 %), {check.above:.1%} after it; Brier score at two years "
        f"{check.brier:.3f}, against {check.brier_marginal:.3f} without covariates.",
    ]
    if len(found.table) > SHOWN:
        notes.insert(0, f"The first {SHOWN} of {len(found.table)}; -o writes all.")
    print_table(
        f"Predictions under arm {arm}",
        ("Patient", *numbers, "Not known", "Note"),
        rows,
        numbers=numbers,
        notes=notes,
    )


def _months(day: float) -> str:
    return "36+" if day == float("inf") else f"{day / 30.4375:.0f}"
