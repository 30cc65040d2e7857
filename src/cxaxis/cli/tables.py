"""Tables for the terminal."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping, Sequence
from typing import Any, TextIO

PLAIN_WIDTH = 132


def print_table(
    title: str,
    columns: Sequence[str],
    rows: Sequence[Sequence[str]],
    *,
    notes: Sequence[str] = (),
    stream: TextIO | None = None,
) -> None:
    """Print a table that fits the terminal; plain text when the output is no terminal."""
    from rich import box
    from rich.console import Console
    from rich.table import Table

    out = sys.stdout if stream is None else stream
    # A pipe has no width: give it enough that no cell wraps needlessly.
    width = None if out.isatty() or "COLUMNS" in os.environ else PLAIN_WIDTH
    console = Console(file=out, width=width, highlight=False)
    table = Table(title=title, title_justify="left", title_style="bold", box=box.SIMPLE_HEAD)
    for index, name in enumerate(columns):
        table.add_column(name, justify="left" if index == 0 else "right")
    for row in rows:
        table.add_row(*row)
    console.print(table)
    for note in notes:
        console.print(note, style="dim")


def interval(value: float | None, low: float | None, high: float | None, *, digits: int) -> str:
    """Return ``value (low to high)``; ``NR`` for a number that was not reached."""

    def text(number: float | None) -> str:
        return "NR" if number is None else f"{number:.{digits}f}"

    return f"{text(value)} ({text(low)} to {text(high)})"


def p_text(p: float | None) -> str:
    """Return a p-value as text."""
    if p is None:
        return "-"
    return "< 0.001" if p < 0.001 else f"{p:.3f}"


def headline_rows(summary: Mapping[str, Any]) -> list[list[str]]:
    """Return the headline table of a trial: one row per arm."""
    rows = []
    for arm in summary["arms"]:
        ratio, held = arm["hr_os"], arm["occupancy"]
        rows.append(
            [
                arm["label"],
                str(arm["n"]),
                str(arm["os"]["events"]),
                _median(arm["os"]),
                _median(arm["pfs"]),
                "reference" if ratio is None else interval(*_limits(ratio), digits=2),
                "" if ratio is None else p_text(ratio["p_logrank"]),
                "-" if held is None else f"{held['trough_mean']:.2f}",
                "-" if held is None else f"{held['hours_above_half_per_day']:.1f}",
            ]
        )
    return rows


HEADLINE_COLUMNS = (
    "Arm",
    "n",
    "Deaths",
    "Median OS, months (95 % CI)",
    "Median PFS, months (95 % CI)",
    "OS hazard ratio (95 % CI)",
    "Log-rank p",
    "Occupancy at trough",
    "h/day above 50 %",
)


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
                f"Counterfactual pool, {labels[row['arm']]}: OS hazard ratio "
                f"{interval(row['hr_os'], row['low'], row['high'], digits=3)}, "
                f"{row['n']} patients under both arms, paired bootstrap."
            )
    for arm in labels:
        swept = [row for row in summary["phi"] if row["arm"] == arm and row["hr_os"] is not None]
        if swept:
            values = ", ".join(f"{row['hr_os']:.3f} at phi {row['phi']:g}" for row in swept)
            notes.append(f"By causal share phi, {labels[arm]}: {values}.")
    for row in summary["prior_predictive"]:
        notes.append(
            f"Prior predictive, {labels[row['arm']]}: P(HR > 1) = {row['p_harm']:.2f} "
            f"over {row['n_draws']} draws of parameters, wiring and phi."
        )
    return notes
