"""``cxaxis claims run``: judge the claims and print the ledger."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Optional

import typer

from cxaxis.cli.options import Engine, Workers

if TYPE_CHECKING:
    from cxaxis.claims.ledger import Ledger
    from cxaxis.claims.run import LedgerRun

Words = Optional[list[str]]  # noqa: UP045 - typer reads it at run time on every Python

MOST_LISTED = 40
VERDICT_HEADS = {
    "contradicted": "Contra-\ndicted",
    "undetermined": "Undeter-\nmined",
    "not_testable": "Not\ntestable",
    "model_failed": "Model\nfailed",
    "gap": "Gap",
}
GRADE_HEADS = {
    "encoded": "Encoded",
    "emergent": "Emer-\ngent",
    "quantitative": "Quanti-\ntative",
    "data": "By\ndata",
    "audit": "By\naudit",
}
PAGE_FILES = ("ledger.html", "ledger.md", "judgements.tsv", "verdicts.tsv")


def claims_run(
    section: Annotated[
        Words, typer.Option(help="Section, or the beginning of its name. Repeatable.")
    ] = None,
    kind: Annotated[Words, typer.Option(help="Kind of statement. Repeatable.")] = None,
    scale: Annotated[Words, typer.Option(help="Level it is tested at. Repeatable.")] = None,
    id_: Annotated[Words, typer.Option("--id", help="Id of a claim. Repeatable.")] = None,
    slow: Annotated[
        bool, typer.Option("--slow", help="Measure the slow checks too, for many minutes.")
    ] = False,
    output: Annotated[
        Optional[Path],  # noqa: UP045 - typer reads this at run time on every Python
        typer.Option(
            "--output", "-o", metavar="DIRECTORY", help="Write the ledger page and tables there."
        ),
    ] = None,
    workers: Workers = None,
    engine: Engine = "population",
) -> None:
    """Judge the claims, all or those that meet every condition given.

    Fast checks are run; slow ones come from the committed results, whose inputs are checked.
    Exits 1 if a verdict has clearly changed since it was committed.
    """
    from cxaxis.claims.ledger import shipped_knowledge
    from cxaxis.claims.run import plan_ledger, run_ledger
    from cxaxis.core.errors import Severity
    from cxaxis.knowledge.claims import select_claims
    from cxaxis.runs.executor import check_workers
    from cxaxis.runs.progress import ProgressBar

    count = check_workers(workers)
    knowledge = shipped_knowledge()
    chosen = select_claims(
        knowledge.claims,
        sections=section or (),
        kinds=kind or (),
        scales=scale or (),
        ids=id_ or (),
    )
    if output is not None:
        _check_output(output)
    plan = plan_ledger(knowledge, chosen, slow=slow)
    with ProgressBar("Judging claims", total=plan.work) as progress:
        run = run_ledger(plan, workers=count, progress=progress, engine=engine)
    if len(chosen) <= MOST_LISTED:
        print_claims(run.ledger)
    print_summary(run)
    for finding in run.findings:
        typer.echo(str(finding), err=True)
    if output is not None:
        for path in write_pages(run, output):
            typer.echo(path)
    if any(item.severity is Severity.ERROR for item in run.findings):
        raise typer.Exit(1)


def print_summary(run: LedgerRun) -> None:
    """Print how many claims of each section were judged in which way."""
    from cxaxis.cli.tables import print_table

    ledger = run.ledger
    graded, judged = ledger.reproduced_by("section"), ledger.counts("section")
    heads = (*GRADE_HEADS.values(), *VERDICT_HEADS.values())
    rows = []
    for name, verdicts in judged.items():
        numbers = [
            *(graded[name][grade] for grade in GRADE_HEADS),
            *(verdicts[verdict] for verdict in VERDICT_HEADS),
        ]
        rows.append([name, str(sum(verdicts.values())), *(str(n) if n else "" for n in numbers)])
    if len(rows) > 1:
        columns = list(zip(*(row[1:] for row in rows), strict=True))
        rows.append(["All", *(str(sum(int(cell or 0) for cell in column)) for column in columns)])
    slow = sum(item.cost == "slow" for item in run.judgements)
    failing = sum(item.seen_to_fail for item in run.judgements)
    idle = len(run.judgements) - failing
    notes = [
        "Reproduced claims stand in the first five columns, apart: an encoded direction is no "
        "success of prediction.",
        f"{failing} checks judged, each seen to fail when its mechanism, sign, study or source was "
        f"replaced; {idle} could judge nothing.",
    ]
    if slow:
        notes.append(f"Slow checks among them: {slow}; inputs sha256 {run.slow_hash[:12]}.")
    print_table(
        "Verdicts",
        ("Section", "Claims", *heads),
        rows,
        numbers=("Claims", *heads),
        notes=notes,
    )


def print_claims(ledger: Ledger) -> None:
    """Print the verdict of each claim."""
    from cxaxis.cli.tables import print_table

    rows = [
        [
            entry.claim.id,
            entry.verdict.replace("_", " "),
            entry.grade,
            entry.waits_for,
            entry.claim.statement,
        ]
        for entry in ledger.entries.values()
    ]
    print_table("Claims", ("Claim", "Verdict", "By", "Waits for", "Statement"), rows)


def _check_output(directory: Path) -> None:
    """Raise `UserInputError` if something is there already or nothing can be written."""
    from cxaxis.core.errors import error, raise_on_errors

    findings = []
    if directory.exists() and not directory.is_dir():
        message = "this is a file. Give the name of a directory with -o."
        findings.append(error("LEDG004", str(directory), message))
    for name in PAGE_FILES:
        if (directory / name).exists():
            message = "this exists already and is not overwritten. Give another directory with -o."
            findings.append(error("LEDG004", str(directory / name), message))
    raise_on_errors(findings)
    try:
        directory.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=directory):
            pass
    except OSError as err:
        message = f"cannot be written to ({err.strerror or err}). Give another directory with -o."
        raise_on_errors([error("LEDG004", str(directory), message)])


def write_pages(run: LedgerRun, directory: Path) -> list[Path]:
    """Write the ledger page, its Markdown and both tables; return their paths."""
    from cxaxis.claims.committed import judgements_text, verdicts_text
    from cxaxis.report.ledger_page import ledger_html, ledger_markdown
    from cxaxis.runs.files import write_text_durably

    directory.mkdir(parents=True, exist_ok=True)
    texts = (
        ledger_html(run),
        ledger_markdown(run),
        judgements_text(run.judgements),
        verdicts_text(run.ledger),
    )
    paths = [directory / name for name in PAGE_FILES]
    for path, text in zip(paths, texts, strict=True):
        write_text_durably(path, text)
    return paths
