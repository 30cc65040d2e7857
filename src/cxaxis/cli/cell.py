"""``cxaxis cell list | assay``: the virtual bench."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Optional

import typer

from cxaxis.cli.options import Engine

if TYPE_CHECKING:
    from cxaxis.cell.bench import AssayRun
    from cxaxis.core.errors import Finding

Words = Optional[list[str]]  # noqa: UP045 - typer reads it at run time on every Python
Text = Optional[str]  # noqa: UP045

app = typer.Typer(no_args_is_help=True, help="Experiments on one cell: the virtual bench.")

UNMEASURED = "From the model, not measured in a laboratory."
MOST_LISTED = 60
LISTS = ("assays", "contexts", "readouts", "inputs", "mechanisms", "drugs")


@app.command("list")
def cell_list(
    what: Annotated[
        str, typer.Argument(help=f"One of {', '.join(LISTS)}; else the first two.")
    ] = "",
) -> None:
    """List the assays and kinds of cell, or readouts, inputs, rival mechanisms or drugs."""
    from cxaxis.core.errors import UserInputError, error
    from cxaxis.core.ids import did_you_mean

    tables: dict[str, Callable[[], None]] = {
        "assays": _list_assays,
        "contexts": _list_contexts,
        "readouts": _list_readouts,
        "inputs": _list_inputs,
        "mechanisms": _list_mechanisms,
        "drugs": _list_drugs,
    }
    if what and what not in tables:
        message = f"there is no list of {what!r}. {did_you_mean(what, tables)}"
        raise UserInputError([error("CELL012", f"cell list {what}", message)])
    for name in [what] if what else LISTS[:2]:
        tables[name]()


@app.command("assay")
def cell_assay(
    assay: Annotated[str, typer.Argument(help="Id of an assay: see `cxaxis cell list`.")],
    context: Annotated[Text, typer.Option(help="Kind of cell; the assay's own if omitted.")] = None,
    cxcl12_nM: Annotated[
        Text,
        typer.Option("--cxcl12-nM", metavar="NUMBERS", help="CXCL12 added, nM, such as 1,10,100."),
    ] = None,
    times_s: Annotated[
        Text,
        typer.Option("--times-s", metavar="NUMBERS", help="Times of reading, s after CXCL12."),
    ] = None,
    readout: Annotated[Words, typer.Option(help="What is read. Repeatable.")] = None,
    condition: Annotated[
        Words, typer.Option(help="Which of the assay's conditions to do. Repeatable.")
    ] = None,
    wiring: Annotated[
        Words, typer.Option(metavar="NAME=OPTION", help="Rival mechanism. Repeatable.")
    ] = None,
    assignments: Annotated[
        Words,
        typer.Option(
            "--set",
            metavar="ID=VALUE",
            help="Input of the cell, or parameter in the unit of its row. Repeatable.",
        ),
    ] = None,
    drug: Annotated[
        Text,
        typer.Option(
            metavar="CLASS", help="Class of a drug, given an hour before CXCL12: `list drugs`."
        ),
    ] = None,
    drug_nM: Annotated[
        Text,
        typer.Option("--drug-nM", metavar="NUMBERS", help="The drug's concentrations, nM."),
    ] = None,
    draws: Annotated[
        str,
        typer.Option(metavar="NUMBER", help="Draws of the calibrated parameters, for the spread."),
    ] = "0",
    data: Annotated[
        Optional[Path],  # noqa: UP045
        typer.Option(metavar="FILE", help="Your own readings (CSV), to set beside the model."),
    ] = None,
    output: Annotated[
        Optional[Path],  # noqa: UP045
        typer.Option(
            "--output", "-o", metavar="DIRECTORY", help="Write the tables and the figure there."
        ),
    ] = None,
    engine: Engine = "population",
) -> None:
    """Do an assay on one kind of cell and print what was seen.

    With -o the readings go to a CSV table and the figure to PNG and SVG; nothing is overwritten.
    """
    from cxaxis.cell.bench import planned_wells, run_assay
    from cxaxis.cli.cell_compare import checked_measurements, output_findings, overlay_data
    from cxaxis.core.errors import UserInputError, raise_on_errors
    from cxaxis.runs.progress import ProgressBar

    findings: list[Finding] = []
    request = _request(
        findings,
        assay=assay,
        context=context,
        cxcl12_nM=cxcl12_nM,
        times_s=times_s,
        readouts=readout,
        conditions=condition,
        wiring=wiring,
        assignments=assignments,
        draws=draws,
        drug=drug,
        drug_nM=drug_nM,
    )
    stem = "_".join(filter(None, (assay, request["context"], drug)))
    if output is not None:
        findings += _output_findings(output, stem)
    readings = None
    if data is not None:
        findings += [*output_findings(output, stem), *_one_drug_dose(request)]
        known = not findings
        try:
            # Of a request that cannot be done, nothing more is asked of the file than to be sound.
            readings = checked_measurements(
                data, context=request["context"] if known else None, assay=assay if known else None
            )
        except UserInputError as err:
            findings += err.findings
    raise_on_errors(findings)
    wells = {key: request[key] for key in ("cxcl12_nM", "conditions", "draws", "drug_nM")}
    with ProgressBar("Simulating cells", total=planned_wells(assay, **wells)) as bar:
        run = run_assay(assay, **request, progress=bar, engine=engine)
    print_run(run)
    paths = [] if output is None else write_run(run, output, stem)
    if readings is not None:
        paths += overlay_data(run, readings, output=output, stem=stem, draws=request["draws"])
    for path in paths:
        typer.echo(path)


def _request(findings: list[Finding], **given: Any) -> dict[str, Any]:
    """Return the arguments of `run_assay`, and add every finding on them."""
    from cxaxis.cell.bench import ASSAYS, parted, request_findings_of, wiring_given
    from cxaxis.core.errors import UserInputError

    def step(do: Callable[[], Any], otherwise: Any = None) -> Any:
        try:
            return do()
        except UserInputError as err:
            findings.extend(err.findings)
            return otherwise

    context = given["context"]
    if context is None and given["assay"] in ASSAYS:
        context = ASSAYS[given["assay"]].context
    named = step(lambda: _assigned(given["assignments"] or []), {})
    settings, values = parted(named)
    request = {
        "context": context,
        "wiring": step(lambda: wiring_given(given["wiring"] or [])),
        "cxcl12_nM": step(lambda: _numbers(given["cxcl12_nM"], "--cxcl12-nM")),
        "times_s": step(lambda: _numbers(given["times_s"], "--times-s")),
        "readouts": given["readouts"] or None,
        "conditions": given["conditions"] or None,
        "settings": settings,
        "values": values,
        "draws": step(lambda: _whole(given["draws"], "--draws"), 0),
        "drug": given["drug"],
        "drug_nM": step(lambda: _numbers(given["drug_nM"], "--drug-nM"), [0.0]),
    }
    findings += request_findings_of(given["assay"], **request)
    return request


def _numbers(text: str | None, where: str) -> list[float] | None:
    """Return the numbers of a text such as ``1,10,100``; None for none given."""
    from cxaxis.core.errors import UserInputError, error

    if text is None:
        return None
    values, bad = [], []
    for part in text.split(",") if text.strip() else []:
        try:
            values.append(float(part))
        except ValueError:
            message = f"{part.strip()!r} is no number. Write numbers with commas, such as 1,10."
            bad.append(error("CELL011", where, message))
    if bad:
        raise UserInputError(bad)
    return values


def _one_drug_dose(request: Mapping[str, Any]) -> Iterator[Finding]:
    """Yield a finding if measurements would stand beside several doses of a drug."""
    from cxaxis.core.errors import error

    if len(request["drug_nM"] or ()) > 1:
        message = "readings of a file stand beside one dose. Give one, or leave out --data."
        yield error("CELL015", "--drug-nM", message)


def _whole(text: str, where: str) -> int:
    from cxaxis.core.errors import UserInputError, error

    try:
        return int(text)
    except ValueError:
        message = f"{text!r} is no whole number."
        raise UserInputError([error("CELL011", where, message)]) from None


def _assigned(texts: Sequence[str]) -> dict[str, float]:
    """Return the values of texts of the form ``id=value``."""
    from cxaxis.core.errors import error, raise_on_errors

    values: dict[str, float] = {}
    bad = []
    for text in texts:
        name, sign, number = (part.strip() for part in text.partition("="))
        try:
            value = float(number)
        except ValueError:
            sign = ""
        if not sign or not name:
            message = f"{text!r} is not ID=NUMBER. Write it such as --set cxcr4_gene=0.2."
        elif name in values:
            message = f"{name} is set to {values[name]:g} already. Keep one of the two."
        else:
            values[name] = value
            continue
        bad.append(error("CELL011", f"--set {text}", message))
    raise_on_errors(bad)
    return values


def _output_findings(directory: Path, stem: str) -> Iterator[Finding]:
    from cxaxis.core.errors import error

    if directory.exists() and not directory.is_dir():
        message = "this is a file. Give the name of a directory with -o."
        yield error("CELL013", str(directory), message)
    for name in _file_names(stem):
        if (directory / name).exists():
            message = "this exists already and is not overwritten. Give another directory with -o."
            yield error("CELL013", str(directory / name), message)


def _file_names(stem: str) -> tuple[str, ...]:
    return tuple(f"{stem}{end}" for end in (".csv", "_doses.csv", ".png", ".svg"))


def write_run(run: AssayRun, directory: Path, stem: str) -> list[Path]:
    """Write the readings, the dose-responses if there are any, and the figure; return the paths."""
    from cxaxis.cell.bench_drawing import draw_assay
    from cxaxis.figures.output import save
    from cxaxis.runs.files import write_text_durably

    directory.mkdir(parents=True, exist_ok=True)
    readings, doses, png, svg = (directory / name for name in _file_names(stem))
    write_text_durably(readings, run.table.to_csv(index=False, lineterminator="\n"))
    paths = [readings]
    if run.fits:
        write_text_durably(doses, run.dose_table().to_csv(index=False, lineterminator="\n"))
        paths.append(doses)
    figure = draw_assay(run)
    return [*paths, save(figure, png), save(figure, svg)]


def print_run(run: AssayRun) -> None:
    """Print what an assay shows in short, the claims it speaks to and what would refute it."""
    from cxaxis.cell.assays import ASSAYS
    from cxaxis.cell.bench_drawing import caption_of
    from cxaxis.cli.tables import print_table

    assay = ASSAYS[run.assay]
    show = {"dose": _doses, "panel": _panel, "course": _courses}[assay.drawing]
    columns, rows, numbers = show(run)
    notes = [
        f"{len(rows) - MOST_LISTED} more rows with -o." if len(rows) > MOST_LISTED else "",
        f"Speaks to {', '.join(assay.claims)}. It would be refuted by {assay.refuted_by}.",
        UNMEASURED,
    ]
    print_table(
        caption_of(run),
        columns,
        rows[:MOST_LISTED],
        numbers=numbers,
        notes=[note for note in notes if note],
    )


_Grid = tuple[tuple[str, ...], list[list[str]], tuple[str, ...]]


def _courses(run: AssayRun) -> _Grid:
    rows = []
    keys = ["readout", "condition", "cxcl12_nM", "drug_nM"]
    once = bool((run.table.groupby(keys).size() == 1).all())
    drug = () if run.drug is None else ("Drug, nM",)
    row: Any
    for row in run.summary().itertuples(index=False):
        unit = "" if row.unit == "1" else str(row.unit)
        head = [str(row.readout), str(row.condition), f"{row.cxcl12_nM:g}"]
        head += [f"{row.drug_nM:g}"] if drug else []
        tail = [_number(row.end), unit]
        if not once:
            tail = [
                _number(row.start),
                _number(row.peak),
                _time(row.peak_time_s),
                _time(row.half_time_s),
                *tail,
            ]
        rows.append([*head, *tail])
    middle = () if once else ("Start", "Peak", "At", "Half-way at")
    last = "Value" if once else "End"
    columns = ("Readout", "Condition", "CXCL12, nM", *drug, *middle, last, "Unit")
    return columns, rows, ("CXCL12, nM", *drug, *middle, last)


def _doses(run: AssayRun) -> _Grid:
    from cxaxis.cell.dose_fits import CXCL12

    rows = []
    item: Any
    for item in run.dose_table().itertuples(index=False):
        interval = f"{_number(item.low_nM)} to {_number(item.high_nM)}"
        beside = item.drug_nM if item.along == CXCL12 else item.cxcl12_nM
        rows.append(
            [
                str(item.readout),
                str(item.condition),
                *([] if run.drug is None else [f"{beside:g}"]),
                _number(item.ec50_nM),
                "-" if math.isnan(item.low_nM) else interval,
                _number(item.optimum_nM),
                _number(item.least),
                _number(item.most),
                "" if item.unit == "1" else str(item.unit),
                str(item.note),
            ]
        )
    along = next((item.along for item in run.fits), CXCL12)
    half = "EC50, nM" if along == CXCL12 else "Half at drug, nM"
    drug = () if run.drug is None else ("Drug, nM" if along == CXCL12 else "CXCL12, nM",)
    numbers = (*drug, half, "Interval", "Optimum, nM", "Least", "Most")
    return ("Readout", "Condition", *numbers, "Unit", "Note"), rows, numbers


def _panel(run: AssayRun) -> _Grid:
    folds = run.table.pivot_table(
        index=["condition", "drug_nM"],
        columns="readout",
        values="value",
        sort=False,
        dropna=False,
    )
    readouts = tuple(map(str, folds.columns))
    drug = () if run.drug is None else ("Drug, nM",)
    rows = [
        [str(name), *([f"{dose:g}"] if drug else []), *(_number(value) for value in row)]
        for (name, dose), row in zip(folds.index, folds.to_numpy(), strict=True)
    ]
    return ("Condition", *drug, *readouts), rows, (*drug, *readouts)


def _number(value: float) -> str:
    if math.isnan(value):
        return "-"
    # Less than this is rounding of the solver.
    shown = 0.0 if abs(value) < 1e-9 else value
    return f"{shown:.3g}" if abs(shown) < 1000 else f"{shown:.0f}"


def _time(seconds: float) -> str:
    if math.isnan(seconds):
        return "-"
    for scale, unit in ((86_400.0, "d"), (3600.0, "h"), (60.0, "min")):
        if seconds >= 2 * scale:
            return f"{seconds / scale:.3g} {unit}"
    return f"{seconds:.3g} s"


def _list_assays() -> None:
    from cxaxis.cell.assays import ASSAYS
    from cxaxis.cli.tables import print_table

    rows = [
        [
            item.id,
            item.question,
            item.context,
            ", ".join(f"{dose:g}" for dose in item.cxcl12_nM),
            ", ".join(item.claims),
        ]
        for item in ASSAYS.values()
    ]
    print_table("Assays", ("Assay", "Question", "Usual cell", "CXCL12, nM", "Claims"), rows)


def _list_contexts() -> None:
    from cxaxis.cli.tables import print_table
    from cxaxis.knowledge.cell_contexts import load_cell_contexts

    rows = [
        [
            item.id,
            item.name,
            f"{item.cxcr4_per_cell:g}",
            f"{item.ackr3_per_cell:g}",
            f"{item.arrestin_per_cell:g}",
            item.status,
            item.note,
        ]
        for item in load_cell_contexts().values()
    ]
    numbers = ("CXCR4", "ACKR3", "Arrestin")
    print_table(
        "Kinds of cell, molecules per cell",
        ("Context", "Name", *numbers, "Status", "Note"),
        rows,
        numbers=numbers,
    )


def _list_readouts() -> None:
    from cxaxis.cell.readouts import READOUTS
    from cxaxis.cli.tables import print_table

    rows = [[item.id, item.words, item.unit] for item in READOUTS.values()]
    print_table("Readouts", ("Readout", "What it is", "Unit"), rows)


def _list_inputs() -> None:
    from cxaxis.cell.bench_checks import cell_model, known_settings
    from cxaxis.cell.wells import GENES, LEADS_S
    from cxaxis.cli.tables import print_table

    rows = []
    for name in known_settings(cell_model()):
        lead_s = LEADS_S.get(name)
        since = "rest" if lead_s is None else f"{_time(lead_s)} before" if lead_s else "the start"
        rows.append([name, since, "relative to the kind of cell" if name in GENES else ""])
    print_table("Inputs of --set", ("Input", "Holds from", "Note"), rows)


def _list_mechanisms() -> None:
    from cxaxis.cell.bench_checks import PATIENT_ONLY
    from cxaxis.cli.tables import print_table
    from cxaxis.knowledge.wirings import load_wirings

    rows = [
        [f"{item.wiring}={item.option}", "yes" if item.is_default else "", item.note]
        for name, options in load_wirings().items()
        if name != PATIENT_ONLY
        for item in options
    ]
    print_table("Rival mechanisms of --wiring", ("Mechanism", "Default", "Why"), rows)


def _list_drugs() -> None:
    from cxaxis.cli.tables import print_table
    from cxaxis.knowledge.antagonist_classes import load_antagonist_classes

    rows = [
        [
            item.id,
            item.name,
            ", ".join(item.agents),
            "; ".join(f"{k} = {v:g}" for k, v in {**item.settings, **item.values}.items()),
            item.status,
        ]
        for item in load_antagonist_classes().values()
    ]
    columns = ("Class", "What it is", "Drugs", "What it sets", "Status")
    print_table("Classes of drug of --drug", columns, rows)
