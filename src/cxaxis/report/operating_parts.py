"""Operating characteristics in words: the tables that the terminal and the page show."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from cxaxis.figures.style import days_per_month

if TYPE_CHECKING:
    import pandas as pd

    from cxaxis.trial.operating_tables import Answers, Question
    from cxaxis.trial.protocol import Protocol

_TOP: Final = 10
_WORDS: Final = ("Arm", "Source", "Input", "Reason")


@dataclass(frozen=True, kw_only=True)
class TablePart:
    """One table in words.

    Attributes
    ----------
    title
        What it shows.
    columns
        Headers; a line break in one is where a narrow table breaks it.
    rows
        A text a column; none where the run says nothing of it.
    numbers
        Headers of the columns that hold numbers.
    notes
        What a reader must know of it.
    """

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    numbers: tuple[str, ...]
    notes: tuple[str, ...]


def parts_of(
    found: Answers, question: Question, protocol: Protocol, *, n_pool: int
) -> tuple[TablePart, ...]:
    """Return the operating characteristics of a run as tables in words.

    Parameters
    ----------
    found, question
        Answers, and what was asked.
    protocol
        Of the run.
    n_pool
        Patients of the run's pool.
    """
    tables = found.tables
    return (
        _operating(tables["operating"], question, protocol, n_pool),
        _phi(tables["power_by_phi"], question),
        _assurance(tables["assurance"]),
        _spread(tables["spread"]),
        _information(tables["information"], question),
    )


def _part(title: str, rows: list[dict[str, str]], notes: list[str]) -> TablePart:
    columns = tuple(rows[0]) if rows else ()
    return TablePart(
        title=title,
        columns=columns,
        rows=tuple(tuple(row[name] for name in columns) for row in rows),
        numbers=tuple(name for name in columns if name not in _WORDS),
        notes=tuple(notes),
    )


def _share(value: float) -> str:
    return "-" if value != value else f"{100.0 * value:.1f} %"


def _range(low: float, high: float) -> str:
    return f"{_share(low)} to {_share(high)}"


def _ratio(value: float) -> str:
    return "-" if value != value else f"{value:.3f}"


def _operating(
    table: pd.DataFrame, question: Question, protocol: Protocol, n_pool: int
) -> TablePart:
    rows = [
        {
            "Arm": row["ARM"],
            "Rejects": f"{_share(row['REJECT'])}\n± {_share(row['REJSE'])}",
            "95 % interval": _range(row["REJLOW"], row["REJHIGH"]),
            "In favour": _share(row["BENEFIT"]),
            "Type I error": f"{_share(row['NULLREJ'])}\n± {_share(row['NULLSE'])}",
            "Events": f"{row['EVENTS']:.1f}",
            "Patients": f"{row['NPAT']:.1f}",
            "Duration\n(month)": f"{row['DURDAY'] / days_per_month():.1f}",
            "Hazard ratio\n(95 % of trials)": f"{_ratio(row['HRMED'])}\n"
            f"{_ratio(row['HRLOW'])} to {_ratio(row['HRHIGH'])}",
        }
        for row in table.to_dict("records")
    ]
    notes = [
        f"{question.n_patient} patients in all arms, drawn without replacement from {n_pool}; the "
        f"protocol plans {protocol.n_patient}. Log-rank, two-sided, alpha {question.alpha:g}. "
        "Rejects: either side, ± Monte Carlo standard error. Type I error: the same where no arm "
        "changes anybody's course. Events and patients: of both arms.",
    ]
    undefined = int(table["NOHR"].sum())
    if undefined:
        notes.append(f"Replicates without a finite hazard ratio, left out of it: {undefined}.")
    return _part(f"{question.end_point}: {question.n_replicate} trials", rows, notes)


def _phi(table: pd.DataFrame, question: Question) -> TablePart:
    rows = [
        {
            "Arm": row["ARM"],
            "Causal share": f"{row['PHI']:g}",
            "Hazard ratio": _ratio(row["HR"]),
            "Power": _share(row["POWER"]),
            "95 % interval": _range(row["LOW"], row["HIGH"]),
        }
        for row in table.to_dict("records")
    ]
    title = f"OS: power of a trial of {question.n_planned} patients by causal share"
    return _part(title, rows, ["By Schoenfeld's formula at the ratio of death rates in the pool."])


def _assurance(table: pd.DataFrame) -> TablePart:
    rows = [
        {
            "Arm": row["ARM"],
            "Patients": str(row["NPLAN"]),
            "Deaths": f"{row['EVENTS']:.0f}",
            "Assurance": f"{_share(row['ASSUR'])}\n± {_share(row['MCSE'])}",
            "95 % interval": _range(row["LOW"], row["HIGH"]),
            "Power at\nthe mean": _share(row["ATMEAN"]),
            "Not corrected": _share(row["ASDRAWN"]),
            "Draws": f"{row['NDRAW']} of {row['NDRAW'] + row['NUNDEF']}",
        }
        for row in table.to_dict("records")
    ]
    return _part(
        "OS: chance of success over what is not known",
        rows,
        [
            "The interval counts the number of draws as well as the Monte Carlo error. Corrected: "
            "patients of a draw are few, and their chance is not taken for an effect."
        ],
    )


def _spread(table: pd.DataFrame) -> TablePart:
    rows = [
        {
            "Arm": row["ARM"],
            "Source": row["MEANING"],
            "SD of log HR": _ratio(_number(row["SD"])),
            "Variance": _ratio(_number(row["VARIANCE"])),
            "95 % interval": (
                "-"
                if _number(row["LOW"]) != _number(row["LOW"])
                else f"{row['LOW']:.3f} to {row['HIGH']:.3f}"
            ),
            "Reason": row["NOTE"],
        }
        for row in table.to_dict("records")
    ]
    return _part("OS: where the spread of the log hazard ratio comes from", rows, [])


def _number(value: float | None) -> float:
    return float("nan") if value is None else float(value)


def _information(table: pd.DataFrame, question: Question) -> TablePart:
    rows = [
        {
            "Arm": row["ARM"],
            "Input": row["INPUT"],
            "Share of variance": _share(row["SHARE"]),
            "Gain (log HR)": f"{row['VALUE']:.4f}",
            "p": f"{row['P']:.3f}",
            "p of any": f"{row['PANY']:.3f}",
        }
        for row in table.to_dict("records")
        if row["RANK"] <= _TOP
    ]
    notes = ["Chance level taken off. p of any: that some input explains as much by chance."]
    for row in table[table["RANK"] == 1].to_dict("records"):
        notes.append(
            f"{row['ARM']}: by the mean of the draws {'go on' if row['GO'] else 'stop'}; wrong in "
            f"{_share(row['PWRONG'])} of draws, and knowing everything would gain "
            f"{row['PERFECT']:.4f} of log hazard ratio."
        )
        if not row["RELIABLE"]:
            notes.append(
                f"{row['ARM']}: unreliable. {row['NDRAW']} draws; to find what explains a tenth of "
                f"the variance among so many inputs takes {row['NNEED']}."
            )
    title = (
        f"OS: what to know before deciding whether the hazard ratio is below {question.target_hr:g}"
    )
    return _part(title, rows, notes)
