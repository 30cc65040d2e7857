"""Options that several commands share."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Optional

import typer

Workers = Annotated[
    Optional[int],  # noqa: UP045 - typer reads this at run time on every Python
    typer.Option(
        "--workers", "-j", help="Processes; all processors if omitted. Never changes results."
    ),
]
Assignments = Annotated[
    Optional[list[str]],  # noqa: UP045
    typer.Option(
        "--set", metavar="ID=VALUE", help="Set a parameter, in the unit of its row. Repeatable."
    ),
]
Output = Annotated[
    Optional[Path],  # noqa: UP045
    typer.Option("--output", "-o", help="Run directory to write; never overwritten."),
]
