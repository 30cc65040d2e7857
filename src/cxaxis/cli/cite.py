"""``cxaxis cite``: the BibTeX of what a run used."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Optional

import typer


def cite(
    run_dir: Annotated[
        Optional[Path],  # noqa: UP045 - typer reads this at run time on every Python
        typer.Argument(help="A complete run directory; the packaged demonstration if omitted."),
    ] = None,
    output: Annotated[
        Optional[Path],  # noqa: UP045
        typer.Option("--output", "-o", metavar="FILE", help="File to write; never overwritten."),
    ] = None,
) -> None:
    """Print the BibTeX of what a run used.

    The review, and the sources of its parameters, drugs and rival mechanisms; the note of an
    entry says what rests on it.
    """
    from cxaxis.report.cite import cite as citations
    from cxaxis.report.cite import write_citations

    text = citations(run_dir)
    if output is None:
        typer.echo(text, nl=False)
        return
    write_citations(text, output)
    typer.echo(output)
