"""``cxaxis trial new | check | seal``: protocol files before they are run."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Optional

import typer

if TYPE_CHECKING:
    from cxaxis.trial.seals import SealState

ProtocolFile = Annotated[str, typer.Argument(metavar="FILE", help="Protocol file.")]


def new(
    template: Annotated[
        str,
        typer.Option(
            "--template",
            metavar="NAME",
            help="definitive_chemoradiotherapy | neoadjuvant_chemoradiotherapy_surgery | "
            "first_line_chemo_immunotherapy",
        ),
    ],
    agent: Annotated[
        str, typer.Option("--agent", metavar="DRUG", help="Drug that one arm adds.")
    ] = "plerixafor",
    regimen: Annotated[
        Optional[str],  # noqa: UP045 - typer reads this at run time on every Python
        typer.Option(
            "--regimen", metavar="NAME", help="How it is given; its longest regimen if omitted."
        ),
    ] = None,
    out: Annotated[
        Optional[Path],  # noqa: UP045
        typer.Option("--out", "-o", metavar="FILE", help="File to write; never overwritten."),
    ] = None,
) -> None:
    """Write a protocol to start from: a backbone, and an arm that adds one agent.

    The file defaults to TEMPLATE_AGENT.yaml.
    """
    from cxaxis.trial.templates import template_text, write_template

    text = template_text(template, agent=agent, regimen=regimen)
    path = out or Path(f"{template}_{agent}.yaml")
    write_template(path, text)
    typer.echo(f"Protocol: {path}")


def check(file: ProtocolFile) -> None:
    """Say what is wrong with a protocol, and whether it is as it was sealed.

    Prints one line for each finding: file and line, code, what is wrong and the cure; then each
    key that was changed after sealing. Exits 1 if there is one.
    """
    from cxaxis.core.errors import UserInputError
    from cxaxis.trial.protocol import protocol_file, read_protocol
    from cxaxis.trial.seals import state_of

    protocol_file(file)
    try:
        plan = read_protocol(file)
        seal = state_of(plan, file)
    except UserInputError as err:
        for finding in err.findings:
            typer.echo(str(finding))
        raise typer.Exit(1) from None
    typer.echo(f"{plan.title}: {plan.n_patient} patients, {len(plan.arms)} arms, no findings.")
    if seal is None:
        typer.echo("Not sealed.")
        return
    typer.echo(seal_words(seal))
    if seal.changed:
        raise typer.Exit(1)


def seal(
    file: ProtocolFile,
    again: Annotated[
        bool,
        typer.Option("--again", help="Replace a seal of other content; the new one names it."),
    ] = False,
) -> None:
    """Seal a protocol before it is run: write its hash and content to FILE.seal.json.

    A run carries the seal, and says if the protocol changed afterwards.
    """
    from datetime import UTC, datetime

    from cxaxis.trial.protocol import read_protocol
    from cxaxis.trial.replays import is_mobilisation, seal_mobilisation

    if Path(file).is_file() and is_mobilisation(Path(file)):
        sealed = seal_mobilisation(Path(file), today=datetime.now(tz=UTC).date())
        typer.echo(f"Sealed: {sealed}")
        return
    plan = read_protocol(file, sealing=True)

    # What is wrong with the file is told before the model is built.
    from cxaxis.trial.run import basis_of
    from cxaxis.trial.seals import seal_protocol

    today = datetime.now(tz=UTC).date()
    path, before = seal_protocol(file, today=today, basis=basis_of(plan), again=again)
    if before is None:
        typer.echo(f"Sealed as {plan.sha256} on {today}: {path}")
    elif before.changed:
        typer.echo(f"Replaced the seal of {before.seal.sealed_on}, {before.seal.sha256}:")
        typer.echo(_differences(before))
        typer.echo(f"Sealed as {plan.sha256} on {today}: {path}")
    else:
        typer.echo(seal_words(before))


def seal_words(state: SealState) -> str:
    """Return whether a protocol is as it was sealed, with every key that is not."""
    earlier = ", ".join(f"{item.sha256[:12]} of {item.sealed_on}" for item in state.seal.replaces)
    about = f"{state.seal.sha256}, {state.seal.sealed_on}"
    if earlier:
        about = f"{about}, in place of {earlier}"
    if not state.changed:
        return f"Sealed and unchanged: {about}"
    return f"Changed after sealing ({about}); these keys differ:\n{_differences(state)}"


def _differences(state: SealState) -> str:
    return "\n".join(f"  {item}" for item in state.differences)
