"""``cxaxis drug compare``: drugs at CXCL12 and CXCR4 side by side, from dose to blood."""

from __future__ import annotations

import math
import re
import shutil
from collections.abc import Iterator, Mapping, Sequence
from itertools import zip_longest
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final, Optional

import typer
from typer.core import TyperCommand

from cxaxis.cli.drug_request import (
    AROUND,
    FILES,
    GRID_OPTION,
    Request,
    checked_request,
    output_findings,
    size_findings,
)
from cxaxis.cli.options import Engine, all_of, whole_number

if TYPE_CHECKING:
    import pandas as pd

    from cxaxis.cohort.drug_panels import Ground
    from cxaxis.patient.compare import Compared, Spread
    from cxaxis.patient.drug_readings import Reading

Text = Optional[str]  # noqa: UP045 - typer reads it at run time on every Python
Words = Optional[list[str]]  # noqa: UP045

SEED: Final = 20
DEFAULT_DRAWS: Final = 40
_SIGNIFICANT: Final = 3
NO_NUMBER: Final = "-"
_GRID_LIKE: Final = re.compile(r"[-+.\d]|[^=]*,")
_GROUPS: Final = {
    "exposure": "Drug in plasma",
    "receptor": "CXCR4 held by the drug",
    "ligand": "CXCL12 and surface CXCR4, mean under treatment",
    "blood": "Cells of the blood",
}


class GridCommand(TyperCommand):
    """A command whose ``--dose-grid`` may stand alone or before a name."""

    def parse_args(self, ctx: typer.Context, args: list[str]) -> list[str]:  # type: ignore[override]
        """Give a bare ``--dose-grid`` its value, then parse as usual."""
        filled: list[str] = []
        for word, following in zip_longest(args, args[1:], fillvalue="--"):
            filled.append(word)
            given = _GRID_LIKE.match(following) and not following.startswith("--")
            if word == GRID_OPTION and not given and following != AROUND:
                filled.append(AROUND)
        return super().parse_args(ctx, filled)


def drug_compare(
    names: Annotated[
        list[str], typer.Argument(metavar="DRUG", help="Ids, names or synonyms of drugs.")
    ],
    regimen: Annotated[
        Words,
        typer.Option(
            metavar="DRUG=NAME",
            help="Regimen of a drug: `cxaxis drug show`. Repeatable; its label's if omitted.",
        ),
    ] = None,
    dose_grid: Annotated[
        Text,
        typer.Option(
            GRID_OPTION,
            metavar="[NUMBERS]",
            help="Doses such as 80,160,240 in the unit of the regimen; alone, a tenth to ten "
            "times its dose.",
        ),
    ] = None,
    with_: Annotated[
        Text, typer.Option("--with", metavar="filgrastim", help="G-CSF, from four days before.")
    ] = None,
    days: Annotated[
        float, typer.Option(metavar="NUMBER", help="Length of the course from the first dose.")
    ] = 7.0,
    draws: Annotated[
        int,
        typer.Option(
            parser=whole_number, metavar="NUMBER", help="Draws of what is not known, for intervals."
        ),
    ] = DEFAULT_DRAWS,
    patients: Annotated[
        int,
        typer.Option(
            parser=whole_number, metavar="NUMBER", help="Patients, for how they differ; 0: none."
        ),
    ] = 0,
    seed: Annotated[
        int, typer.Option(parser=whole_number, metavar="NUMBER", help="Seed of the draws.")
    ] = SEED,
    output: Annotated[
        Optional[Path],  # noqa: UP045
        typer.Option(
            "--output", "--out", "-o", metavar="DIRECTORY", help="Write tables and figure there."
        ),
    ] = None,
    engine: Engine = "population",
) -> None:
    """Compare drugs at CXCL12 and CXCR4: plasma, receptors, ligand, mobilised cells.

    In a reference volunteer of 70 kg with a creatinine clearance of 100 mL/min, at the tabled
    values, with intervals over draws of what is not known. With -o the numbers, the courses and
    a figure are written; nothing is overwritten.
    """
    from cxaxis.cohort.drug_panels import ground_of, patient_panel, volunteer_panel
    from cxaxis.core.errors import raise_on_errors
    from cxaxis.engine.choice import engine_named
    from cxaxis.knowledge.parameters import load_parameters
    from cxaxis.models.build import build
    from cxaxis.patient.compare import MODEL, compared
    from cxaxis.runs.progress import ProgressBar

    request, *_ = all_of(
        lambda: checked_request(names, regimen, dose_grid, with_),
        lambda: raise_on_errors(
            [*size_findings(days=days, draws=draws, patients=patients, seed=seed)]
        ),
        lambda: raise_on_errors([*output_findings(output)]),
    )
    parameters = load_parameters()
    n_panel = 2 if patients else 1
    total = draws + n_panel * len(request.treatments)
    results: list[Compared] = []
    with ProgressBar("Comparing drugs", total=total) as bar:
        model, chosen = build(MODEL, parameters), engine_named(engine)
        drugs = request.drugs
        panels = [
            volunteer_panel(
                model, parameters, drugs, chosen, draws=draws, seed=seed, progress=bar.advance
            )
        ]
        if patients:
            panels.append(
                patient_panel(model, parameters, drugs, chosen, patients=patients, seed=seed)
            )
        for treatment in request.treatments:
            for panel in panels:
                results.append(compared(model, panel, treatment, chosen, days=days))
                bar.advance()
    grounds = {drug.id: ground_of(drug, model, parameters) for drug in request.drugs}
    # Written first: a reader of the tables who goes away does not take the files along.
    paths = [] if output is None else write_compared(results, request, grounds, output)
    print_grounds(request, grounds)
    print_compared(results, notes_of(results, days=days, draws=draws, patients=patients))
    for path in paths:
        typer.echo(path)


def print_grounds(request: Request, grounds: Mapping[str, Ground]) -> None:
    """Print what is given, and what each drug's numbers rest on."""
    from cxaxis.cli.tables import print_table
    from cxaxis.report.agent_words import schedule, spelt

    rows = []
    for drug in request.drugs:
        mine = [item for item in request.treatments if item.drug is drug]
        plan = mine[0].plan
        if plan is not None:
            how = f"{spelt(plan.route)}, {schedule(plan)}"
            ground = grounds[drug.id]
            rows.append([drug.id, mine[0].regimen, how, ground.kinetics, ground.words])
    print_table(
        "Drugs compared",
        ("Drug", "Regimen", "Given", "Kinetics", "Rows of the model"),
        rows,
        notes=[
            "template: neither clearance nor volume of this drug is known in people; those of its "
            "class stand in, with wide spreads."
        ]
        if any("template" in ground.kinetics for ground in grounds.values())
        else [],
    )


def print_compared(results: Sequence[Compared], notes: Sequence[str]) -> None:
    """Print a table for each group of readings, in parts where it is too wide; then the notes."""
    from cxaxis.cli.tables import print_table
    from cxaxis.patient.drug_readings import READINGS

    printed = [
        (title if part == 0 else "", columns)
        for group, title in _GROUPS.items()
        for part, columns in enumerate(
            _fitting([item for item in READINGS if item.group == group], results)
        )
    ]
    for title, readings in printed:
        last = readings is printed[-1][1]
        print_table(
            title,
            *_grid(readings, results),
            numbers=[_header(item) for item in readings],
            notes=notes if last else (),
        )


def _fitting(
    readings: Sequence[Reading], results: Sequence[Compared]
) -> Iterator[Sequence[Reading]]:
    """Yield the readings in parts whose tables fit the terminal."""
    from cxaxis.cli.tables import PLAIN_WIDTH, least_width

    width = shutil.get_terminal_size(fallback=(PLAIN_WIDTH, 24)).columns
    part: list[Reading] = []
    for item in readings:
        wider = [*part, item]
        numbers = [_header(each) for each in wider]
        if part and least_width(*_grid(wider, results), numbers) > width:
            yield part
            part = [item]
        else:
            part = wider
    yield part


def _grid(
    readings: Sequence[Reading], results: Sequence[Compared]
) -> tuple[tuple[str, ...], list[list[str]]]:
    """Return headers and rows of a table."""
    columns = ("Drug", "Dose", *(_header(item) for item in readings))
    rows = [
        [*_names(item), *(cell(item.readings[reading.id]) for reading in readings)]
        for item in results
    ]
    return columns, rows


def _header(reading: Reading) -> str:
    return "\n".join([*reading.words.split(", "), reading.unit])


def _names(item: Compared) -> tuple[str, str]:
    """Return the first cells of a row; patients stand below the volunteer."""
    treatment = item.treatment
    name = f"{treatment.name} alone" if treatment.drug is None else treatment.drug.id
    return (name, treatment.dose) if item.kind == "unknown" else (name, "patients")


def cell(spread: Spread) -> str:
    """Return a number with its 80 and 95 % intervals below, a line each."""
    lines = [number(spread.typical)]
    # What is the same in every world, such as the receptors that a trap holds, is told once;
    # what is nowhere there, such as the hour of no peak, has no interval.
    if spread.quantiles is not None and not {*spread.quantiles} <= {spread.typical}:
        low95, low80, _, high80, high95 = map(number, spread.quantiles)
        if low95 != NO_NUMBER:
            lines += [f"{low80} to {high80}", f"{low95} to {high95}"]
    return "\n".join(lines)


def number(value: float) -> str:
    """Return a number with three digits; a dash where there is none."""
    if not math.isfinite(value):
        return NO_NUMBER
    rounded = float(f"{value:.{_SIGNIFICANT}g}")
    return "<0.001" if 0 < abs(rounded) < 0.001 else f"{rounded:,.10g}"


def notes_of(results: Sequence[Compared], *, days: float, draws: int, patients: int) -> list[str]:
    """Return what a reader must know of the numbers."""
    notes = [
        f"From the model, not measured. {days:g} days from the first dose; means, troughs and "
        "hours are over the full intervals between doses within them, counts over all.",
        "Plasma: drug that is not on its target. Total CXCL12: free and in the trap. x rest: "
        "multiple of before anything was given.",
    ]
    if draws:
        notes.append(
            "First line: the reference volunteer at the tabled values. Below: 80 % and 95 % "
            f"intervals over {draws} draws of what is not known, kept as they agree with the CD34+ "
            "cells of volunteers after plerixafor."
        )
    if patients:
        notes.append(
            "Rows of patients: the typical patient at the tabled values, and intervals over "
            f"{patients} patients of that one world."
        )
    besides = next((item.treatment.add_on for item in results if item.treatment.add_on), None)
    if besides is not None:
        notes.append(
            f"All with {besides.drug.id}, {besides.plan.dose.value:g} {besides.plan.dose.unit} "
            f"from {besides.lead_in_hours:g} h before the first dose of the drug; hours count from "
            "that dose, folds from before either."
        )
    failed = sum(item.failed for item in results)
    if failed:
        notes.append(f"{failed} simulations failed and are left out.")
    return notes


def reading_table(results: Sequence[Compared], grounds: Mapping[str, Ground]) -> pd.DataFrame:
    """Return every reading, one row for each treatment, panel and reading."""
    import pandas as pd

    from cxaxis.patient.drug_readings import READINGS

    rows = []
    for item in results:
        for reading in READINGS:
            spread = item.readings[reading.id]
            found = [math.nan] * 5 if spread.quantiles is None else spread.quantiles
            rows.append(
                {
                    **_given(item, grounds),
                    "reading": reading.id,
                    "unit": reading.unit,
                    "typical": spread.typical,
                    **dict(zip(_quantile_names(), found, strict=True)),
                }
            )
    return pd.DataFrame(rows)


def course_table(results: Sequence[Compared], grounds: Mapping[str, Ground]) -> pd.DataFrame:
    """Return every course, one row for each treatment, panel, series and time."""
    import pandas as pd

    from cxaxis.patient.drug_readings import SERIES

    parts = []
    for item in results:
        for series in SERIES:
            shares = item.quantiles.get(series.id, [math.nan] * 5)
            columns = {
                **_given(item, grounds),
                "series": series.id,
                "unit": series.shown_unit,
                "hour": item.hours,
                "typical": item.typical[series.id],
                **dict(zip(_quantile_names(), shares, strict=True)),
            }
            parts.append(pd.DataFrame(columns))
    return pd.concat(parts, ignore_index=True)


def _given(item: Compared, grounds: Mapping[str, Ground]) -> dict[str, object]:
    treatment = item.treatment
    drug, plan = treatment.drug, treatment.plan
    return {
        "drug": "" if drug is None else drug.id,
        "with": "" if treatment.add_on is None else treatment.add_on.drug.id,
        "regimen": treatment.regimen,
        "dose": math.nan if plan is None else plan.dose.value,
        "dose_unit": "" if plan is None else plan.dose.unit,
        "kinetics": "" if drug is None else grounds[drug.id].kinetics,
        "interval": item.kind,
    }


def _quantile_names() -> list[str]:
    from cxaxis.patient.mobilisation import LEVELS

    return [f"q{100 * level:g}" for level in LEVELS]


def write_compared(
    results: Sequence[Compared],
    request: Request,
    grounds: Mapping[str, Ground],
    directory: Path,
) -> list[Path]:
    """Write readings, courses and the figure; return their paths."""
    from cxaxis.figures.drug_compare import drug_figure
    from cxaxis.figures.output import save
    from cxaxis.patient.drug_readings import SERIES
    from cxaxis.runs.files import write_text_durably

    directory.mkdir(parents=True, exist_ok=True)
    paths = [directory / name for name in FILES]
    courses = course_table(results, grounds)
    tables = (reading_table(results, grounds), courses)
    for path, table in zip(paths, tables, strict=False):
        write_text_durably(
            path, table.to_csv(index=False, lineterminator="\n", float_format="%.6g")
        )
    figure = drug_figure(
        courses[courses["interval"] == "unknown"],
        labels={
            drug.id: drug.name
            + (f" ({ground.kinetics})" if (ground := grounds[drug.id]).kinetics != "own" else "")
            for drug in request.drugs
        },
        usual=request.usual,
        panels={
            item.id: f"{item.words} ({item.shown_unit.replace('uL', 'µL')})"
            for item in SERIES
            if item.id != "plasma_ng_per_mL"
        },
    )
    return [*paths[:2], *(save(figure, path) for path in paths[2:])]
