"""Tables for the terminal: text left, numbers right, wrapped where narrow, never cut."""

from __future__ import annotations

import errno
import io
import os
import sys
from collections.abc import Collection, Mapping, Sequence
from typing import TYPE_CHECKING, Any, TextIO

if TYPE_CHECKING:
    from rich.console import Console

PLAIN_WIDTH = 132
COLUMN_GAP = 2
NOT_ESTIMABLE = "not estimable"


def print_table(
    title: str,
    columns: Sequence[str],
    rows: Sequence[Sequence[str]],
    *,
    numbers: Collection[str] = (),
    notes: Sequence[str] = (),
    stream: TextIO | None = None,
) -> None:
    """Print a table that fits the terminal; plain text when the output is no terminal.

    Parameters
    ----------
    title
        Printed above; may be empty.
    columns
        Headers.
    rows
        A text a column.
    numbers
        Headers of the columns that are aligned to the right.
    notes
        Lines printed below.
    stream
        Where to; None is standard output, and nothing is printed if that is closed.
    """
    out = sys.stdout if stream is None else stream
    if out is None:
        return
    try:
        console = _console(out)
    except ImportError:
        _print_plain(out, title, columns, rows, notes)
        return
    if title:
        console.print(title, style="bold")
    _print_grid(console, columns, rows, numbers)
    for note in notes:
        console.print(note, style="dim")


def _console(out: TextIO) -> Console:
    from rich.console import Console

    class Terminal(Console):
        """A console that leaves a reader gone away to the caller."""

        def on_broken_pipe(self) -> None:
            raise BrokenPipeError(errno.EPIPE, os.strerror(errno.EPIPE))

    # A pipe has no width: give it enough that no cell wraps needlessly.
    width = None if out.isatty() or "COLUMNS" in os.environ else PLAIN_WIDTH
    # Labels are the user's: brackets and colons in them are text, not markup.
    return Terminal(file=out, width=width, highlight=False, markup=False, emoji=False)


def _print_grid(
    console: Console,
    columns: Sequence[str],
    rows: Sequence[Sequence[str]],
    numbers: Collection[str],
) -> None:
    from rich import box
    from rich.table import Table

    # Where there is room for them, numbers stay on one line and text alone is wrapped.
    whole = least_width(columns, rows, numbers) <= console.width
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, collapse_padding=True)
    for name in columns:
        number = name in numbers
        table.add_column(
            name,
            justify="right" if number else "left",
            overflow="fold",
            no_wrap=number and whole,
        )
    for row in rows:
        table.add_row(*row)
    console.print(table)


def least_width(
    columns: Sequence[str], rows: Sequence[Sequence[str]], numbers: Collection[str]
) -> int:
    """Return the width at which no number is wrapped and no word is broken."""
    width = 2
    for name, *cells in zip(columns, columns, *rows, strict=True):
        lines = [line for cell in cells for line in cell.split("\n")]
        parts = lines if name in numbers else [word for line in lines for word in line.split()]
        width += max(map(len, parts), default=0) + COLUMN_GAP
    return width


def _print_plain(
    out: TextIO,
    title: str,
    columns: Sequence[str],
    rows: Sequence[Sequence[str]],
    notes: Sequence[str],
) -> None:
    """Print what a table says without the library that draws it."""
    text = io.StringIO()
    widths = [max(map(len, cells)) for cells in zip(columns, *rows, strict=True)]
    for row in (columns, *rows):
        cells = (cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        text.write("  ".join(cells).rstrip() + "\n")
    out.write("\n".join([title, "", text.getvalue(), *notes, ""]))


def interval(value: float | None, low: float | None, high: float | None, *, digits: int) -> str:
    """Return ``value (low to high)``; ``NR`` for a number that was not reached."""

    def text(number: float | None) -> str:
        return "NR" if number is None else f"{number:.{digits}f}"

    if value is None and low is None and high is None:
        return "NR"
    return f"{text(value)} ({text(low)} to {text(high)})"


def p_text(p: float | None) -> str:
    """Return a p-value as text."""
    if p is None:
        return "-"
    return "< 0.001" if p < 0.001 else f"{p:.3f}"


ARM, COUNT, DEATHS = "Arm", "n", "Deaths"
OS_MEDIAN, PFS_MEDIAN = "Median OS,\nmonths (95 % CI)", "Median PFS,\nmonths (95 % CI)"
HAZARD_RATIO, LOG_RANK = "OS hazard ratio\n(95 % CI)", "Log-rank\np"
TROUGH, HOURS = "Occupancy\nat trough", "h/day\n> 50 %"
SURVIVAL = (COUNT, DEATHS, OS_MEDIAN, PFS_MEDIAN)
COMPARISON = (HAZARD_RATIO, LOG_RANK, TROUGH, HOURS)


def headline(summary: Mapping[str, Any]) -> list[dict[str, str]]:
    """Return the headline of a trial: for each arm, the text under each header."""
    rows = []
    for arm in summary["arms"]:
        ratio, held = arm["hr_os"], arm["occupancy"]
        if arm["arm"] == summary["control"]:
            compared = "reference"
        else:
            compared = NOT_ESTIMABLE if ratio is None else interval(*_limits(ratio), digits=2)
        rows.append(
            {
                ARM: arm["label"],
                COUNT: str(arm["n"]),
                DEATHS: str(arm["os"]["events"]),
                OS_MEDIAN: _median(arm["os"]),
                PFS_MEDIAN: _median(arm["pfs"]),
                HAZARD_RATIO: compared,
                LOG_RANK: "-" if ratio is None else p_text(ratio["p_logrank"]),
                TROUGH: "-" if held is None else f"{held['trough_mean']:.2f}",
                HOURS: "-" if held is None else f"{held['hours_above_half_per_day']:.1f}",
            }
        )
    return rows


def print_headline(
    summary: Mapping[str, Any], *, notes: Sequence[str] = (), stream: TextIO | None = None
) -> None:
    """Print the headline of a trial: one table if it fits, else two, else one an arm."""
    out = sys.stdout if stream is None else stream
    if out is None:
        return
    width = _console(out).width
    rows = headline(summary)
    numbers = {*SURVIVAL, *COMPARISON}
    title = summary["title"]
    for layout in ([(*SURVIVAL, *COMPARISON)], [SURVIVAL, COMPARISON]):
        grids = [
            ((ARM, *columns), [[row[name] for name in (ARM, *columns)] for row in rows])
            for columns in layout
        ]
        if all(least_width(*grid, numbers) <= width for grid in grids):
            break
    else:
        grids = [
            (
                ("", row[ARM]),
                [[" ".join(key.split()), text] for key, text in row.items() if key != ARM],
            )
            for row in rows
        ]
        numbers = {row[ARM] for row in rows}
    for columns, cells in grids:
        print_table(title, columns, cells, numbers=numbers, stream=out)
        title = ""
    print_notes([*_legend(rows), *notes], stream=out)


def print_notes(notes: Sequence[str], *, stream: TextIO) -> None:
    """Print lines below a table."""
    console = _console(stream)
    for note in notes:
        console.print(note, style="dim")


def _legend(rows: Sequence[Mapping[str, str]]) -> list[str]:
    text = " ".join(row[name] for row in rows for name in (OS_MEDIAN, PFS_MEDIAN))
    return ["NR: not reached."] if "NR" in text else []


def _limits(ratio: Mapping[str, float]) -> tuple[float, float, float]:
    return ratio["hr"], ratio["low"], ratio["high"]


def _median(end_point: Mapping[str, Any]) -> str:
    return interval(
        end_point["median_month"],
        end_point["median_low_month"],
        end_point["median_high_month"],
        digits=1,
    )


def headline_notes(summary: Mapping[str, Any]) -> list[str]:
    """Return what stands under the headline table: pool, causal share, chance of harm."""
    labels = {arm["arm"]: arm["label"] for arm in summary["arms"]}
    notes = []
    for row in summary["pool"]:
        if row["hr_os"] is not None:
            notes.append(
                f"Counterfactual pool, {labels[row['arm']]}: death-rate ratio "
                f"{interval(row['hr_os'], row['low'], row['high'], digits=3)}, "
                f"{row['n']} patients under both arms, paired bootstrap."
            )
    for arm in labels:
        swept = [row for row in summary["phi"] if row["arm"] == arm and row["hr_os"] is not None]
        if swept:
            values = ", ".join(f"{row['hr_os']:.3f} at phi {row['phi']:g}" for row in swept)
            notes.append(f"By causal share phi, {labels[arm]}: {values}.")
    for row in summary["prior_predictive"]:
        harmful = round(row["p_harm"] * row["n_draws"])
        notes.append(
            f"Prior predictive, {labels[row['arm']]}: a ratio above 1 (harm) in {harmful} of "
            f"{row['n_draws']} draws of parameters, wiring and phi."
        )
    return notes
