"""``cxaxis claims``: what the review says, what stands behind it, and what to beware of."""

from __future__ import annotations

from typing import Annotated, Optional

import typer

app = typer.Typer(no_args_is_help=True, help="Claims of the review.")

Words = Optional[list[str]]  # noqa: UP045 - typer reads it at run time on every Python


@app.command("list")
def claims_list(
    section: Annotated[
        Words, typer.Option(help="Section, or the beginning of its name. Repeatable.")
    ] = None,
    kind: Annotated[Words, typer.Option(help="Kind of statement. Repeatable.")] = None,
    scale: Annotated[Words, typer.Option(help="Level it is tested at. Repeatable.")] = None,
    id_: Annotated[Words, typer.Option("--id", help="Id of a claim. Repeatable.")] = None,
) -> None:
    """List the claims, all or those that meet every condition given."""
    from cxaxis.cli.tables import print_table
    from cxaxis.knowledge.claims import load_claims, select_claims

    claims = load_claims()
    chosen = select_claims(
        claims, sections=section or (), kinds=kind or (), scales=scale or (), ids=id_ or ()
    )
    rows = [[item.id, item.section, item.kind, item.scale, item.statement] for item in chosen]
    print_table(
        "Claims of the review",
        ("Claim", "Section", "Kind", "Scale", "Statement"),
        rows,
        notes=[f"{len(chosen)} of {len(claims)} claims"],
    )


@app.command("show")
def claims_show(name: Annotated[str, typer.Argument(help="Id of a claim, such as C127.")]) -> None:
    """Show one claim: statement, test, references, caveats, corrections, contradictions."""
    from cxaxis.core.errors import UserInputError, error, raise_on_errors
    from cxaxis.core.ids import did_you_mean
    from cxaxis.knowledge.checks import read_knowledge
    from cxaxis.report.outline import plain_text
    from cxaxis.report.record_parts import claim_outline

    knowledge, findings = read_knowledge()
    raise_on_errors(findings)
    claim = knowledge.claims.get(name.upper())
    if claim is None:
        message = f"no claim {name!r}. {did_you_mean(name.upper(), knowledge.claims)}"
        raise UserInputError([error("CLAIM008", f"claims show {name}", message)])
    typer.echo(plain_text(claim_outline(claim, knowledge)))
