"""Run the engine on the time courses of the SBML semantic test suite, and write the page on it.

``python tools/sbml_suite.py PATH`` takes a folder with one folder a case (``00001`` and so on),
each with its models, settings and results. With ``--page FILE`` the outcome is written down,
with ``--suite-version TEXT`` as the version of the suite that the page names.
"""

from __future__ import annotations

import argparse
import csv
import re
import sys
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np

from cxaxis.core.arrays import FloatArray
from cxaxis.core.outcomes import Outcome
from cxaxis.engine.doses import DoseTable
from cxaxis.engine.protocol import Engine, ParameterTable, Tolerances
from cxaxis.engine.refusals import REFUSED, UnsupportedModelError
from cxaxis.engine.sbml import read_system

PASS, REFUSED_CASE, WRONG, FAILED = "pass", "refused", "wrong", "failed"
TIGHT = Tolerances(relative=1e-9, absolute=1e-12)
# The engine records before the events of a moment, the suite after those of time 0: of models
# with events the first reading is this share of the course late.
LATE = 1e-9
# The tags that name a feature of a model, in the text that describes a case.
TAG_LINES = ("componentTags", "testTags", "packagesPresent")


@dataclass(frozen=True, kw_only=True)
class Case:
    """One time course of the suite.

    Attributes
    ----------
    name
        Its number, as text.
    level
        Level and version of the newest model of the case, such as ``3.2``.
    sbml
        That model.
    tags
        What the case says it covers.
    times, variables, wanted
        Output times ``(n_time,)``, names, and results ``(n_time, n_variable)``.
    amounts
        Variables that are meant as amounts.
    absolute, relative
        How far a result may be from the one wanted.
    """

    name: str
    level: str
    sbml: str
    tags: frozenset[str]
    times: FloatArray
    variables: tuple[str, ...]
    amounts: frozenset[str]
    wanted: FloatArray
    absolute: float
    relative: float


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """What became of a case: ``kind`` is pass, refused, wrong or failed."""

    name: str
    level: str
    tags: frozenset[str]
    kind: str
    reason: str = ""


def main() -> int:
    """Run the suite; the exit status is 1 if a case is answered wrongly or fails."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("path", type=Path, help="folder with one folder a case")
    parser.add_argument("--page", type=Path, help="file to write the outcome to, as Markdown")
    parser.add_argument("--suite-version", default="not given", help="named on the page")
    parser.add_argument("--cases", nargs="*", default=None, help="only these numbers")
    parser.add_argument("--processes", type=int, default=2)
    arguments = parser.parse_args()
    folders = case_folders(arguments.path, arguments.cases)
    verdicts = run_suite(folders, n_process=arguments.processes)
    for verdict in verdicts:
        if verdict.kind in (WRONG, FAILED):
            sys.stdout.write(f"{verdict.name}  {verdict.kind}  {verdict.reason}\n")
    counts = Counter(verdict.kind for verdict in verdicts)
    sys.stdout.write(", ".join(f"{counts[k]} {k}" for k in (PASS, REFUSED_CASE, WRONG, FAILED)))
    sys.stdout.write("\n")
    if arguments.page is not None:
        arguments.page.write_text(page(verdicts, arguments.suite_version), encoding="utf-8")
    return 1 if counts[WRONG] or counts[FAILED] else 0


def case_folders(path: Path, names: Sequence[str] | None = None) -> list[Path]:
    """Return the folders of the cases, all or those named, in order."""
    folders = sorted(p for p in path.iterdir() if re.fullmatch(r"\d{5}", p.name))
    return [p for p in folders if names is None or p.name in names]


def run_suite(folders: Sequence[Path], *, n_process: int) -> list[Verdict]:
    """Return the verdict on every time course among the cases."""
    if n_process == 1:
        found: Iterable[Verdict | None] = map(judge_folder, folders)
        return [verdict for verdict in found if verdict is not None]
    with ProcessPoolExecutor(n_process) as pool:
        found = pool.map(judge_folder, folders, chunksize=8)
        return [verdict for verdict in found if verdict is not None]


def judge_folder(folder: Path) -> Verdict | None:
    """Return the verdict on a case; None if it is no time course."""
    from cxaxis.engine.population import PopulationEngine

    case = read_case(folder)
    return None if case is None else judge(case, PopulationEngine())


def read_case(folder: Path) -> Case | None:
    """Return a case in the newest level and version that it comes in; None if no time course."""
    description = _fields((folder / f"{folder.name}-model.m").read_text(encoding="utf-8"))
    if description.get("testType") != "TimeCourse":
        return None
    settings = _fields((folder / f"{folder.name}-settings.txt").read_text(encoding="utf-8"))
    model = max(folder.glob(f"{folder.name}-sbml-l?v?.xml"))
    level, version = re.findall(r"l(\d)v(\d)\.xml", model.name)[0]
    with (folder / f"{folder.name}-results.csv").open(encoding="utf-8", newline="") as file:
        header, *rows = [row for row in csv.reader(file) if row]
    table = np.array([[float(cell) for cell in row] for row in rows])
    return Case(
        name=folder.name,
        level=f"{level}.{version}",
        sbml=model.read_text(encoding="utf-8"),
        tags=frozenset(tag for line in TAG_LINES for tag in _listed(description.get(line, ""))),
        times=table[:, 0],
        variables=tuple(name.strip() for name in header[1:]),
        amounts=frozenset(_listed(settings.get("amount", ""))),
        wanted=table[:, 1:],
        absolute=float(settings["absolute"]),
        relative=float(settings["relative"]),
    )


def judge(case: Case, engine: Engine) -> Verdict:
    """Return the verdict on one case: within its own tolerances, or refused with a reason."""
    verdict = partial(Verdict, name=case.name, level=case.level, tags=case.tags)
    try:
        system = read_system(case.sbml)
        readable = system.readable
        late = LATE * case.times[-1] if system.events else 0.0
        outputs = [
            f"amount({name})" if name in case.amounts and f"amount({name})" in readable else name
            for name in case.variables
        ]
        result = engine.simulate(
            case.sbml,
            ParameterTable((), np.empty((1, 0))),
            DoseTable(),
            np.concatenate([[late], case.times[1:]]),
            outputs,
            tolerances=TIGHT,
        )
    except UnsupportedModelError as refusal:
        return verdict(kind=REFUSED_CASE, reason=" ".join(map(_what, refusal.findings)))
    outcome = result.outcomes[0]
    got = result.values[0]
    missed = ~_close(got, case)
    if not missed.any():
        return verdict(kind=PASS)
    if outcome.outcome not in (Outcome.COMPLETED, Outcome.NEGATIVE_STATE):
        return verdict(kind=FAILED, reason=f"{outcome.outcome.value} at {outcome.time:g}")
    row, column = np.argwhere(missed)[0]
    return verdict(
        kind=WRONG,
        reason=(
            f"{case.variables[column]} at {case.times[row]:g} is {got[row, column]:.9g}, "
            f"should be {case.wanted[row, column]:.9g}"
        ),
    )


def _close(got: FloatArray, case: Case) -> np.ndarray:
    # Infinite and undefined results are right where they are wanted.
    same = (got == case.wanted) | (np.isnan(got) & np.isnan(case.wanted))
    with np.errstate(invalid="ignore"):
        near = np.abs(got - case.wanted) <= case.absolute + case.relative * np.abs(case.wanted)
    return np.asarray(same | near)


def _what(finding: object) -> str:
    """Return what a finding is about, without the way round."""
    message = str(getattr(finding, "message", finding))
    return re.split(r"(?<=\.)\s", message, maxsplit=1)[0]


def _fields(text: str) -> dict[str, str]:
    """Return the ``key: value`` lines of a text."""
    pairs = [line.split(":", 1) for line in text.splitlines() if re.match(r"\s*\w+:", line)]
    return {key.strip(): value.strip() for key, value in pairs[::-1]}


def _listed(text: str) -> list[str]:
    return [item.strip() for item in text.split(",") if item.strip()]


# The page

OPENING = """\
# SBML support

The population engine reads SBML of Levels 1 to 3 with the package `comp`, whose submodels are
written out first. `layout`, `render` and `groups` are passed over, as are units. What is not
simulated is refused before anything runs, with every reason at once, the element named and a way
round.

## Read

- Species in amounts or concentrations, constant, at the boundary or changed by reactions; several
  compartments, also of changing size: what is in them is kept as amounts.
- Reactions with any kinetic law, local parameters, conversion factors, and stoichiometries that
  are numbers, formulas, or changed by rules and events.
- Assignment rules in any order, rate rules, initial assignments, function definitions, rates of
  reactions and `rateOf` in formulas, time, Avogadro's number.
- All functions, comparisons and connectives of SBML's MathML, `piecewise` among them; truth
  values and numbers stand for each other.
- Events with delays, priorities, triggers that persist or not, that start true or false, and
  values from the trigger or from the assignment.

A species without a starting value starts absent. Read-outs at the moment of an event are those
before it.

## Refused

| code | what |
|---|---|
"""


def page(verdicts: Sequence[Verdict], suite_version: str) -> str:
    """Return the page: what is refused, counts by tag, and every case that does not pass."""
    lines = [f"| `{code}` | {what} |" for code, what in sorted(REFUSED.items())]
    counts = Counter(verdict.kind for verdict in verdicts)
    lines += [
        "",
        "## The semantic test suite",
        "",
        f"Version of the suite: `{suite_version}`. Time courses: {len(verdicts)}, each in the "
        "newest level and version that it comes in, at relative tolerance "
        f"{TIGHT.relative:g} and absolute tolerance {TIGHT.absolute:g}; a case passes if every "
        "value is within the case's own tolerances.",
        "",
        "| passed | refused | wrong | failed |",
        "|---|---|---|---|",
        f"| {counts[PASS]} | {counts[REFUSED_CASE]} | {counts[WRONG]} | {counts[FAILED]} |",
        "",
        "This page is written by `python tools/sbml_suite.py PATH --page docs/sbml_support.md`.",
        "",
        "### By tag",
        "",
        "| tag | cases | passed | refused | wrong or failed |",
        "|---|---|---|---|---|",
        *_tag_rows(verdicts),
        "",
        "### Cases that do not pass",
        "",
        "| case | level | outcome | reason |",
        "|---|---|---|---|",
        *_case_rows(verdicts),
    ]
    return OPENING + "\n".join(lines) + "\n"


def _tag_rows(verdicts: Sequence[Verdict]) -> Iterator[str]:
    for tag in sorted({tag for verdict in verdicts for tag in verdict.tags}, key=str.lower):
        kinds = Counter(verdict.kind for verdict in verdicts if tag in verdict.tags)
        numbers = (kinds.total(), kinds[PASS], kinds[REFUSED_CASE], kinds[WRONG] + kinds[FAILED])
        yield f"| {tag} | {' | '.join(map(str, numbers))} |"


def _case_rows(verdicts: Sequence[Verdict]) -> Iterator[str]:
    for verdict in verdicts:
        if verdict.kind != PASS:
            reason = verdict.reason.replace("|", "\\|")
            yield f"| {verdict.name} | {verdict.level} | {verdict.kind} | {reason} |"


if __name__ == "__main__":
    sys.exit(main())
