"""The committed results: verdicts expected of every claim, and the judgements of every check.

Fast checks are measured again on every run and compared with these; slow ones are taken from here
while the hash of everything they depend on holds.
"""

from __future__ import annotations

import ast
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Any, Final, cast

from cxaxis.claims.ledger import Ledger
from cxaxis.claims.records import Cost, Judgement, Outcome, Role, Verdict
from cxaxis.core.errors import Finding, error, raise_on_errors, warning
from cxaxis.core.hashing import sha256_text
from cxaxis.knowledge.expectations import CheckKind, Grade
from cxaxis.knowledge.tables import Row, read_table, split_ids

COMMAND: Final = "make ledger"
JUDGEMENTS_FILE: Final = "judgements.tsv"
VERDICTS_FILE: Final = "verdicts.tsv"
JUDGEMENT_COLUMNS: Final = (
    "check",
    "claims",
    "kind",
    "grade",
    "role",
    "cost",
    "unit",
    "verdict",
    "value",
    "low",
    "high",
    "share",
    "n_world",
    "margin",
    "mc_error",
    "control_verdict",
    "control_value",
    "control_low",
    "control_high",
    "control_share",
    "input_hash",
)
VERDICT_COLUMNS: Final = ("claim", "verdict", "grade")

# What the series of the slow checks are made of, below the package's root.
_HASHED_CODE: Final = (
    "claims/breaks.py",
    "claims/context.py",
    "claims/experiments.py",
    "claims/judge.py",
    "claims/mobilisation_checks.py",
    "claims/records.py",
    "claims/series.py",
    "claims/series_checks.py",
    "claims/serum_checks.py",
    "claims/spread_checks.py",
    "claims/surroundings_checks.py",
    "claims/treatment_checks.py",
    "claims/tumour_checks.py",
    "claims/xenograft_checks.py",
    "cohort/laboratory.py",
    "cohort/population.py",
    "cohort/sample.py",
    "cohort/settings.py",
    "core/streams.py",
    # What is simulated and how exactly; how the engine is made does not move a verdict.
    "engine/doses.py",
    "engine/protocol.py",
    "engine/rodas5p.py",
    "patient/assays.py",
    "patient/course.py",
    "patient/grafts.py",
    "patient/pathology.py",
    "patient/readouts.py",
    "patient/recist.py",
    "patient/regimen.py",
    "patient/xenograft.py",
    "stats/survival.py",
    "trial/pool.py",
    "trial/uncertainty.py",
)
_HASHED_DATA: Final = (
    "knowledge/data/drugs/cisplatin.yaml",
    "knowledge/data/drugs/fluorouracil.yaml",
    "knowledge/data/drugs/radiotherapy.yaml",
)


@dataclass(frozen=True, kw_only=True)
class ExpectedVerdict:
    """The committed verdict of one claim."""

    claim: str
    verdict: Verdict
    grade: str


def generated_folder() -> Path:
    """Return the folder of the committed results."""
    return Path(str(resources.files("cxaxis.claims"))) / "generated"


def slow_input_hash(lines: Iterable[str]) -> str:
    """Return the hash of everything the slow checks depend on.

    Code enters by its syntax without docstrings: a comment or a line break changes nothing.

    Parameters
    ----------
    lines
        What is not a file of its own: the bounds of the checks, the model, its parameters.
    """
    root = resources.files("cxaxis")
    parts = [*lines]
    for name in _HASHED_CODE:
        parts.append(_syntax(root.joinpath(*name.split("/")).read_text("utf-8")))
    for name in _HASHED_DATA:
        parts.append(root.joinpath(*name.split("/")).read_text("utf-8"))
    return sha256_text("\n".join(parts))


def _syntax(source: str) -> str:
    tree = ast.parse(source)
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef):
            first = node.body[0] if node.body else None
            if isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant):
                node.body = node.body[1:] or [ast.Pass()]
    return ast.dump(tree)


def _number(value: float) -> str:
    return "" if math.isnan(value) else f"{value:.6g}"


def judgement_rows(judgements: Sequence[Judgement]) -> Iterator[tuple[str, ...]]:
    """Yield the cells of each judgement, in the order of `JUDGEMENT_COLUMNS`."""
    for item in judgements:
        found, broken = item.outcome, item.control
        control = ("", "", "", "", "")
        if broken is not None:
            numbers = (broken.value, broken.low, broken.high, broken.share)
            control = (broken.verdict, *map(_number, numbers))  # type: ignore[assignment]
        yield (
            item.check,
            ";".join(item.claims),
            item.kind,
            item.grade,
            item.role,
            item.cost,
            item.unit,
            found.verdict,
            *map(_number, (found.value, found.low, found.high, found.share)),
            str(found.n_world),
            _number(found.margin),
            _number(found.mc_error),
            *control,
            item.input_hash,
        )


def judgements_text(judgements: Sequence[Judgement]) -> str:
    """Return the table of judgements as text."""
    return _text(JUDGEMENT_COLUMNS, judgement_rows(judgements))


def verdicts_text(ledger: Ledger) -> str:
    """Return the table of verdicts as text."""
    rows = ((item.claim.id, item.verdict, item.grade) for item in ledger.entries.values())
    return _text(VERDICT_COLUMNS, rows)


def _text(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    return "".join("\t".join(cells) + "\n" for cells in (columns, *rows))


def load_judgements(folder: Path | None = None) -> Mapping[str, Judgement]:
    """Return the committed judgements by check.

    Raises
    ------
    UserInputError
        If the table is malformed or absent.
    """
    path = (folder or generated_folder()) / JUDGEMENTS_FILE
    table = read_table(path, JUDGEMENTS_FILE, JUDGEMENT_COLUMNS, key=("check",))
    raise_on_errors(table.findings)
    return {row["check"]: _judgement(row) for row in table.rows}


def _judgement(row: Row) -> Judgement:
    return Judgement(
        check=row["check"],
        claims=split_ids(row["claims"]),
        kind=cast("CheckKind", row["kind"]),
        grade=cast("Grade", row["grade"]),
        role=cast("Role", row["role"]),
        cost=cast("Cost", row["cost"]),
        unit=row["unit"],
        outcome=_outcome(row, ""),
        control=_outcome(row, "control_") if row["control_verdict"] else None,
        input_hash=row["input_hash"],
    )


def _outcome(row: Row, prefix: str) -> Outcome:
    def number(column: str) -> float:
        text: Any = row[f"{prefix}{column}"]
        return float(text) if text else math.nan

    own = not prefix
    return Outcome(
        verdict=cast("Verdict", row[f"{prefix}verdict"]),
        value=number("value"),
        low=number("low"),
        high=number("high"),
        share=number("share"),
        n_world=int(row["n_world"]),
        margin=number("margin") if own else math.nan,
        mc_error=number("mc_error") if own else math.nan,
    )


def load_verdicts(folder: Path | None = None) -> Mapping[str, ExpectedVerdict]:
    """Return the committed verdicts by claim.

    Raises
    ------
    UserInputError
        If the table is malformed or absent.
    """
    path = (folder or generated_folder()) / VERDICTS_FILE
    table = read_table(path, VERDICTS_FILE, VERDICT_COLUMNS, key=("claim",))
    raise_on_errors(table.findings)
    return {
        row["claim"]: ExpectedVerdict(
            claim=row["claim"], verdict=cast("Verdict", row["verdict"]), grade=row["grade"]
        )
        for row in table.rows
    }


def change_findings(
    ledger: Ledger,
    expected: Mapping[str, ExpectedVerdict],
    committed: Mapping[str, Judgement],
) -> Iterator[Finding]:
    """Yield a finding for each claim whose verdict or grade is not the committed one.

    An error if the margin of a check that turned exceeds twice its Monte Carlo error, before or
    now; else a warning: too few worlds to say.
    """
    for name, entry in ledger.entries.items():
        before = expected.get(name)
        if before is None:
            yield error("LEDG001", name, f"no verdict is committed. Run {COMMAND}.")
            continue
        if (entry.verdict, entry.grade) == (before.verdict, before.grade):
            continue
        turned = [
            item
            for item in entry.judgements
            if item.check not in committed
            or committed[item.check].outcome.verdict != item.outcome.verdict
        ]
        clear = not turned or any(
            item.outcome.is_clear
            or item.check not in committed
            or committed[item.check].outcome.is_clear
            for item in turned
        )
        names = ", ".join(item.check for item in turned) or "its checks or what it waits for"
        told = (
            f"the verdict is {_worded(entry.verdict, entry.grade)}, committed is "
            f"{_worded(before.verdict, before.grade)} ({names}). "
            f"If this is right, run {COMMAND} and commit the result."
        )
        make = error if clear else warning
        yield make("LEDG002", name, told)


def _worded(verdict: str, grade: str) -> str:
    return f"{verdict} ({grade})" if grade else verdict


def stale_findings(slow: Iterable[Judgement], input_hash: str) -> Iterator[Finding]:
    """Yield an error for each slow judgement whose inputs have changed since."""
    for item in slow:
        if item.input_hash != input_hash:
            message = (
                f"the committed result is of other inputs ({item.input_hash[:12] or 'none'}, "
                f"now {input_hash[:12]}). Run {COMMAND}."
            )
            yield error("LEDG003", item.check, message)
