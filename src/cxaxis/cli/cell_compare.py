"""``cxaxis cell compare``: a laboratory's own measurements beside the cell model."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Optional

import typer

from cxaxis.cli.options import Engine, all_of, whole_number

if TYPE_CHECKING:
    from cxaxis.cell.bench import AssayRun
    from cxaxis.cell.likelihood import Comparison
    from cxaxis.cell.measurements import Measurements
    from cxaxis.core.errors import Finding
    from cxaxis.models.wiring import Wiring

Text = Optional[str]  # noqa: UP045 - typer reads it at run time on every Python
Words = Optional[list[str]]  # noqa: UP045

FILE_ENDS = ("_residuals.csv", "_wirings.csv", "_curves.csv", "_data.png", "_data.svg")


def cell_compare(
    data: Annotated[
        Path,
        typer.Option(
            "--data",
            metavar="FILE",
            help="CSV file of readings, or an example: blots, camp_doses, hypoxia.",
        ),
    ],
    context: Annotated[
        Text,
        typer.Option(help="Kind of cell of lines that do not say; the assay's own if omitted."),
    ] = None,
    assay: Annotated[
        Text, typer.Option(help="Assay of lines that name none; by their readout if omitted.")
    ] = None,
    wiring: Annotated[
        Words,
        typer.Option(
            metavar="NAME=OPTION",
            help="Compare the default with this alone. Repeatable; every rival if omitted.",
        ),
    ] = None,
    draws: Annotated[
        int,
        typer.Option(
            parser=whole_number,
            metavar="NUMBER",
            help="Draws of the calibrated parameters to average over.",
        ),
    ] = 0,
    output: Annotated[
        Optional[Path],  # noqa: UP045
        typer.Option(
            "--output", "-o", metavar="DIRECTORY", help="Write the tables and the figure there."
        ),
    ] = None,
    engine: Engine = "population",
) -> None:
    """Set measurements beside the model and say which rival mechanisms they favour.

    The file needs the columns readout, value, unit, a time such as time_min, and cxcl12_nM;
    condition, sd, n, replicate and context are optional. With -o the residuals, the likelihoods
    and the figure are written; nothing is overwritten.
    """
    from cxaxis.cell.bench import request_findings_of
    from cxaxis.cell.likelihood import compare, n_sets
    from cxaxis.core.errors import raise_on_errors
    from cxaxis.runs.progress import ProgressBar

    readings, rivals, *_ = all_of(
        lambda: checked_measurements(data, context=context, assay=assay),
        lambda: _rivals(wiring),
        lambda: raise_on_errors([*output_findings(output, data.stem)]),
        lambda: raise_on_errors(request_findings_of("phospho", draws=draws)),
    )
    with ProgressBar("Comparing wirings", total=n_sets(rivals=rivals, draws=draws)) as bar:
        comparison = compare(readings, rivals=rivals, draws=draws, progress=bar, engine=engine)
    print_comparison(comparison)
    if output is not None:
        for path in write_comparison(comparison, output, data.stem, solid=comparison.best):
            typer.echo(path)


def _rivals(texts: list[str] | None) -> list[Wiring] | None:
    """Return a wiring for each text, None for no text; what is wrong with any is raised."""
    from cxaxis.cell.bench import wiring_given

    if not texts:
        return None
    return all_of(*(partial(wiring_given, [text]) for text in texts))


def overlay_data(
    run: AssayRun, readings: Measurements, *, output: Path | None, stem: str, draws: int = 0
) -> list[Path]:
    """Print an assay beside measurements and, with a directory, write tables and figure.

    Parameters
    ----------
    run
        The assay.
    readings
        From `checked_measurements`, with the kind of cell and assay of the run.
    output
        Directory, or None to write nothing; `output_findings` says what stands there already.
    stem
        Beginning of the names of the files.
    draws
        Draws of the calibrated parameters to average over.

    Returns
    -------
    The files written.
    """
    from cxaxis.cell.likelihood import n_sets, overlay
    from cxaxis.runs.progress import ProgressBar

    with ProgressBar("Comparing wirings", total=n_sets(shown=run.wiring, draws=draws)) as bar:
        comparison = overlay(run, readings, draws=draws, progress=bar)
    print_comparison(comparison)
    if output is None:
        return []
    return write_comparison(comparison, output, stem, solid=comparison.shown)


def checked_measurements(
    path: Path, *, context: str | None = None, assay: str | None = None
) -> Measurements:
    """Return the readings of a file, its own findings and those of the options at once.

    Raises
    ------
    UserInputError
        With everything that is wrong.
    """
    from cxaxis.cell.assays import ASSAYS
    from cxaxis.cell.measurements import read_measurements
    from cxaxis.knowledge.cell_contexts import load_cell_contexts

    contexts = load_cell_contexts()
    steps: list[Callable[[], object]] = [
        lambda: _known("--context", context, contexts),
        lambda: _known("--assay", assay, ASSAYS),
        lambda: read_measurements(
            _given_or_shipped(path),
            context=context if context in contexts else None,
            assay=assay if assay in ASSAYS else None,
        ),
    ]
    readings: Measurements = all_of(*steps)[-1]
    return readings


def _given_or_shipped(path: Path) -> Path:
    """Return the path; of a bare name such as ``blots`` without a file, the shipped example."""
    shipped = resources.files("cxaxis") / "examples" / "cell" / f"{path.name}.csv"
    if path.exists() or path.parent != Path() or path.suffix or not shipped.is_file():
        return path
    return Path(str(shipped))


def _known(where: str, name: str | None, known: object) -> None:
    from cxaxis.core.errors import error, raise_on_errors
    from cxaxis.core.ids import did_you_mean

    pool = list(known)  # type: ignore[call-overload]
    if name is not None and name not in pool:
        what = where.lstrip("-")
        message = f"there is no {what} {name!r}. {did_you_mean(name, pool)} All: {', '.join(pool)}."
        raise_on_errors([error("DATA011", where, message)])


def output_findings(directory: Path | None, stem: str) -> Iterator[Finding]:
    """Yield what stands in the way of writing there."""
    from cxaxis.core.errors import error

    if directory is None:
        return
    if directory.exists() and not directory.is_dir():
        message = "this is a file. Give the name of a directory with -o."
        yield error("CELL013", str(directory), message)
    for end in FILE_ENDS:
        if (directory / f"{stem}{end}").exists():
            message = "this exists already and is not overwritten. Give another directory with -o."
            yield error("CELL013", str(directory / f"{stem}{end}"), message)


def print_comparison(comparison: Comparison) -> None:
    """Print how likely each wiring is, and how the readings were compared."""
    from cxaxis.cli.tables import print_table

    numbers = ("Log-likelihood", "Below best", "AIC", "Prior", "Posterior")
    rows = [
        [
            str(row["wiring"]),
            f"{row['log_likelihood']:.2f}",
            f"{abs(row['difference']):.2f}",
            f"{row['aic']:.1f}",
            f"{row['prior']:.3f}",
            _chance(row["posterior"]),
            str(row["verdict"]),
        ]
        for row in comparison.summary.to_dict("records")
    ]
    count, fitted = (int(comparison.summary[name].iloc[0]) for name in ("n_points", "n_fitted"))
    print_table(
        f"{comparison.label}: {count} readings, {fitted} fitted number{'s' * (fitted != 1)}",
        ("Wiring", *numbers, "In words"),
        rows,
        numbers=numbers,
        notes=comparison.notes,
    )


def _chance(share: float) -> str:
    return "< 0.001" if share < 0.001 else f"{share:.3f}"


def write_comparison(
    comparison: Comparison, directory: Path, stem: str, *, solid: str
) -> list[Path]:
    """Write residuals, likelihoods, curves and the figure; return their paths.

    Parameters
    ----------
    comparison
        What to write.
    directory, stem
        Where, and how the names of the files begin.
    solid
        The wiring drawn with solid lines; the best or the shown one is dashed beside it.
    """
    from cxaxis.cell.readouts import READOUTS
    from cxaxis.figures.cell_overlay import overlay_figure
    from cxaxis.figures.output import save
    from cxaxis.runs.files import write_text_durably

    directory.mkdir(parents=True, exist_ok=True)
    paths = [directory / f"{stem}{end}" for end in FILE_ENDS]
    tables = (comparison.points, comparison.summary, comparison.curves)
    for path, table in zip(paths, tables, strict=False):
        write_text_durably(path, table.to_csv(index=False, lineterminator="\n"))
    dashed = comparison.shown if solid == comparison.best else comparison.best
    sources = sorted({text for text in comparison.points["source"] if text})
    told = f" ({'; '.join(sources)})" if sources else ""
    figure = overlay_figure(
        comparison.points,
        comparison.curves,
        comparison.summary,
        solid=solid,
        dashed=dashed,
        words={name: READOUTS[name].words for name in comparison.points["readout"].unique()},
        caption=(
            f"Points: {Path(comparison.label).name}, one standard deviation to either side{told}. "
            "Lines: the model, not measured; other parameters as tabled or set. Scale factors of "
            "readings in arbitrary units are fitted, for each wiring anew. Below: grey, cannot be "
            "told apart from the best; hollow, says the same as the default at these readings."
        ),
    )
    return [*paths[:3], save(figure, paths[3]), save(figure, paths[4])]
