"""``cxaxis explain``: what an id stands for, what it rests on and what rests on it."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

from cxaxis.cli.options import Workers

if TYPE_CHECKING:
    from collections.abc import Mapping

    from cxaxis.claims.records import Judgement
    from cxaxis.knowledge.checks import Knowledge


class Form(StrEnum):
    """How the answer is written."""

    TEXT = "text"
    MARKDOWN = "md"


def explain(
    name: Annotated[
        str,
        typer.Argument(
            metavar="ID",
            help="A claim (C127), parameter, drug, tracer, evidence row (DRG016), reference, "
            "quantity of a model, check, wiring or virtual patient (VP00017).",
        ),
    ],
    run: Annotated[
        bool, typer.Option("--run", help="Measure the fast checks of a claim or check afresh.")
    ] = False,
    to: Annotated[
        str,
        typer.Option(
            "--to", metavar="QUANTITY", help="Where the walk through a virtual patient ends."
        ),
    ] = "",
    form: Annotated[Form, typer.Option("--format", help="Text, or Markdown.")] = Form.TEXT,
    workers: Workers = None,
) -> None:
    """Explain an id: what it says, rests on and acts on.

    For a claim: statement, verdict, evidence, path through the model, caveats, and what would
    change the verdict. Verdicts are the committed ones; --run measures fast checks again.
    For a virtual patient: each link from methylation of CXCR4 to death, untreated and treated.
    """
    from cxaxis.cli.options import checked_workers
    from cxaxis.core.errors import UserInputError, error, raise_on_errors
    from cxaxis.knowledge.checks import read_knowledge
    from cxaxis.report.explain import explain as explained
    from cxaxis.report.explain import kind_of
    from cxaxis.report.explain_patient import OUTCOME
    from cxaxis.report.outline import markdown, plain_text

    checked_workers(workers)
    knowledge, findings = read_knowledge()
    raise_on_errors(findings)
    now = _measured_now(name, knowledge, workers) if run else {}
    if to and kind_of(name, knowledge)[0] != "patient":
        message = f"a virtual patient alone is walked through; {name} is none. Leave it out."
        raise UserInputError([error("EXPL004", f"explain {name} --to", message)])
    outline = explained(name, knowledge=knowledge, measured=now, to=to or OUTCOME)
    typer.echo(markdown(outline) if form is Form.MARKDOWN else plain_text(outline))


def _measured_now(name: str, knowledge: Knowledge, workers: int | None) -> Mapping[str, Judgement]:
    """Return what the fast checks of a claim, or one fast check, find now."""
    from cxaxis.claims.check import all_checks
    from cxaxis.claims.ledger import judge_checks, work_of
    from cxaxis.core.errors import UserInputError, error
    from cxaxis.report.explain import kind_of
    from cxaxis.runs.progress import ProgressBar

    kind, known = kind_of(name, knowledge)
    if kind not in {"claim", "check"}:
        message = f"claims and checks alone are measured; {known} is of kind {kind}. Leave it out."
        raise UserInputError([error("EXPL002", f"explain {name} --run", message)])
    checks = [
        item
        for item in all_checks(knowledge)
        if (item.id == known or known in item.claims) and item.cost == "fast"
    ]
    with ProgressBar("Judging claims", total=work_of(checks, knowledge)) as progress:
        found = judge_checks(checks, knowledge, workers=workers, progress=progress)
    return {item.check: item for item in found}
