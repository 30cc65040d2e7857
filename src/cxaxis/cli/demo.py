"""``cxaxis demo``: the demonstration trial, from nothing to a report."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from cxaxis.cli.options import Engine, Output, Workers

FULL, SMALL = "crt_plerixafor", "crt_plerixafor_small"


def demo(
    output: Output = None,
    workers: Workers = None,
    small: Annotated[
        bool, typer.Option("--small", help="A dozen patients an arm: seconds, not minutes.")
    ] = False,
    engine: Engine = "population",
) -> None:
    """Run the demonstration trial and report it.

    Chemoradiotherapy with or without plerixafor in ESCC. Writes to ./demo, or shows
    the finished run that is already there.
    """
    from cxaxis.cli.options import checked_workers
    from cxaxis.cli.trial import finish, run_with_progress
    from cxaxis.runs.directory import RunState, inspect_run
    from cxaxis.trial.run import Trial, key_of_run, stored_run_key

    checked_workers(workers)
    name = SMALL if small else FULL
    out = output or Path("demo")
    if output is None and inspect_run(out).state is RunState.COMPLETE:
        if stored_run_key(out) == key_of_run(name, engine=engine):
            typer.echo(f"{out} already holds this run; nothing is computed again.")
            finish(Trial(path=out))
            return
        out = _free_name(out)
    finish(run_with_progress(name, out, workers=workers, engine=engine))


def _free_name(path: Path) -> Path:
    """Return ``path-2``, ``path-3``, ... whichever is free."""
    number = 2
    while path.with_name(f"{path.name}-{number}").exists():
        number += 1
    return path.with_name(f"{path.name}-{number}")
