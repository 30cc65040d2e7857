"""``cxaxis trial replay``: published trials of these drugs, predicted."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final, Optional

import typer

from cxaxis.cli.options import (
    InterruptedRunError,
    Scheduler,
    Workers,
    all_of,
    checked_scheduler,
    whole_number,
)

if TYPE_CHECKING:
    import pandas as pd

    from cxaxis.core.errors import Finding
    from cxaxis.trial.replays import Replay

Words = Optional[list[str]]  # noqa: UP045 - typer reads it at run time on every Python

DEFAULT_DRAWS: Final = 24
DEFAULT_PATIENTS: Final = 48
SEED: Final = 1
MOST_DRAWS: Final = 10_000
MOST_PATIENTS: Final = 1000


def replay(
    names: Annotated[
        Words,
        typer.Argument(metavar="[NAME ...]", help="Replays that ship, or files of your own."),
    ] = None,
    every: Annotated[bool, typer.Option("--all", help="Every replay that ships.")] = False,
    draws: Annotated[
        int,
        typer.Option(
            parser=whole_number, metavar="NUMBER", help="Populations drawn from what is not known."
        ),
    ] = DEFAULT_DRAWS,
    patients: Annotated[
        int, typer.Option(parser=whole_number, metavar="NUMBER", help="Virtual patients of each.")
    ] = DEFAULT_PATIENTS,
    seed: Annotated[
        int, typer.Option(parser=whole_number, metavar="NUMBER", help="Seed of the draws.")
    ] = SEED,
    output: Annotated[
        Optional[Path],  # noqa: UP045
        typer.Option(
            "--output",
            "--out",
            "-o",
            metavar="DIRECTORY",
            help="Run directory; an interrupted run goes on from it.",
        ),
    ] = None,
    workers: Workers = None,
    scheduler: Scheduler = None,
) -> None:
    """Predict published trials of these drugs, and put the prediction beside what they showed.

    A replay must be sealed before it is run. Without a name, the replays that ship are listed.
    """
    from cxaxis.core.errors import raise_on_errors
    from cxaxis.inference.replay_run import planned_courses, replay_plan, run_replays
    from cxaxis.runs.progress import ProgressBar

    replays, *_ = all_of(
        lambda: asked_replays(names or [], every=every),
        lambda: raise_on_errors(
            [*size_findings(draws=draws, patients=patients, seed=seed, workers=workers)]
        ),
        lambda: checked_scheduler(scheduler, workers),
    )
    if not replays:
        list_replays()
        return
    plan = replay_plan(replays, draws=draws, patients=patients, seed=seed)
    try:
        with ProgressBar("Simulating patients", total=planned_courses(plan)) as bar:
            rows = run_replays(plan, out=output, workers=workers, progress=bar, scheduler=scheduler)
    except KeyboardInterrupt:
        if output is None:
            raise
        msg = f"Interrupted. Finished draws are kept in {output}: the same command resumes."
        raise InterruptedRunError(msg) from None
    print_replays(replays, rows, draws=draws, patients=patients)
    if output is not None:
        typer.echo(output)


def asked_replays(names: Sequence[str], *, every: bool) -> list[Replay]:
    """Return the replays asked for, with their seals; none if nothing was asked.

    Raises
    ------
    UserInputError
        With the findings of every replay that cannot be used.
    """
    from cxaxis.core.errors import UserInputError, error, raise_on_errors
    from cxaxis.trial.replays import read_replay, replay_names

    if every and names:
        message = "stands beside names. Give names, or --all alone."
        raise UserInputError([error("REPLAY006", "--all", message)])
    found: list[Replay] = []
    wrong: list[Finding] = []
    for name in replay_names() if every else dict.fromkeys(names):
        try:
            found.append(read_replay(name))
        except UserInputError as err:
            wrong += err.findings
    raise_on_errors(wrong)
    twice = sorted({item.name for item in found if [x.name for x in found].count(item.name) > 1})
    if twice:
        message = "two files have this name, and their results could not be told apart. Rename one."
        raise UserInputError([error("REPLAY006", name, message) for name in twice])
    return found


def size_findings(
    *, draws: int, patients: int, seed: int, workers: int | None
) -> Iterator[Finding]:
    """Yield what is wrong with the numbers of a request."""
    from cxaxis.core.errors import error
    from cxaxis.core.streams import SEED_LIMIT

    for option, value, least, most in (
        ("--draws", draws, 1, MOST_DRAWS),
        ("--patients", patients, 4, MOST_PATIENTS),
    ):
        if not least <= value <= most:
            yield error("REPLAY007", option, f"is {value}. Give {least} to {most}.")
    if not 0 <= seed < SEED_LIMIT:
        yield error("REPLAY007", "--seed", f"is {seed}. Give 0 or more, below 2**63.")
    if workers is not None and workers < 1:
        message = f"is {workers}. Give at least 1, or leave it out to use every processor."
        yield error("REPLAY007", "--workers", message)


def list_replays() -> None:
    """Print the replays that ship, with the day of their seal."""
    from cxaxis.cli.tables import print_table
    from cxaxis.trial.replays import read_replay, replay_names

    rows = [
        (item.name, item.content.title, item.seal.seal.sealed_on)
        for item in map(read_replay, replay_names())
    ]
    print_table("Replays that ship", ("Name", "Title", "Sealed"), rows)


def print_replays(
    replays: Sequence[Replay], rows: pd.DataFrame, *, draws: int, patients: int
) -> None:
    """Print a table of each kind, and what a reader must know of it."""
    from cxaxis.cli.tables import print_table
    from cxaxis.cli.trial_files import seal_words
    from cxaxis.report.replay_words import (
        ANTITUMOUR_HEADER,
        MOBILISATION_HEADER,
        replay_cells,
        stamp_words,
    )
    from cxaxis.trial.replay_class import CLASS_REPLAYS, class_stamp

    for item in replays:
        if item.seal.changed:
            typer.echo(f"{item.name}: {seal_words(item.seal)}")
    for title, header, mobilised in (
        ("Mobilisation", MOBILISATION_HEADER, True),
        ("Antitumour trials, in metastatic ESCC", ANTITUMOUR_HEADER, False),
    ):
        chosen = [item for item in replays if item.is_mobilisation == mobilised]
        cells = [cell for item in chosen for cell in replay_cells(item, rows)]
        if cells:
            notes = [f"{draws} populations, {patients} virtual patients of each replay in each."]
            if set(CLASS_REPLAYS) <= {item.name for item in chosen}:
                notes.append(stamp_words(class_stamp(rows)))
            print_table(title, header, cells, notes=notes)
