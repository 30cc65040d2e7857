"""Write the page on replays of published trials, or check that the one in a folder is fresh.

``python -m cxaxis.report.replays_docs docs`` simulates every replay, commits the draws and writes
``replays.md`` (many minutes; ``--run=DIRECTORY`` keeps finished draws there and goes on from
them); ``--page`` writes the page alone, from the committed draws; ``--check`` exits 1 if the draws
are of other inputs or the page is not theirs.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final

from cxaxis.core.errors import ModelValueError
from cxaxis.core.markdown import markdown_table
from cxaxis.inference.replay_run import (
    ReplayPlan,
    input_key,
    planned_courses,
    replay_plan,
    run_replays,
)
from cxaxis.report.page_key import marker
from cxaxis.report.replay_words import (
    ANTITUMOUR_HEADER,
    MOBILISATION_HEADER,
    replay_cells,
    stamp_words,
    tally,
)
from cxaxis.runs.progress import ProgressBar
from cxaxis.trial.replay_class import class_stamp
from cxaxis.trial.replay_draws import BETWEEN_TRIALS, committed_path, draws_text, read_draws
from cxaxis.trial.replays import Replay, read_replay, replay_names

if TYPE_CHECKING:
    import pandas as pd

COMMAND: Final = "python -m cxaxis.report.replays_docs docs"
PAGE: Final = "replays.md"
DRAWS: Final = 24
PATIENTS: Final = 48
SEED: Final = 1


def page_plan() -> ReplayPlan:
    """Return what the page shows: every replay that ships."""
    replays = [read_replay(name) for name in replay_names()]
    return replay_plan(replays, draws=DRAWS, patients=PATIENTS, seed=SEED)


def page(plan: ReplayPlan, draws: pd.DataFrame, key: str) -> str:
    """Return the page as Markdown; ``key`` is the hash of the inputs of the draws."""
    return "\n".join(_lines(plan, draws, key)) + "\n"


def _lines(plan: ReplayPlan, draws: pd.DataFrame, key: str) -> Iterator[str]:
    mobilisation = [item for item in plan.replays if item.is_mobilisation]
    antitumour = [item for item in plan.replays if not item.is_mobilisation]
    n, narrow, wide = tally(mobilisation, draws)
    yield from (
        "# Replays of published trials",
        "",
        *marker(COMMAND, key),
        "",
        "What the model predicts of trials of these drugs that were run with people, beside what",
        "they showed, misses included. Each replay is a sealed file in `examples/replays`. The",
        "seals were made before the runs, but after the trials were published, some of which the",
        "makers of the model had read: these are predictions without a fit, not blind ones.",
        "",
        f"{plan.draws} populations were drawn from what is not known, {plan.n_patient} virtual",
        "patients of each replay in each. Intervals mix all of them with the chance of having",
        "drawn these patients, at the size of the published trial.",
        "",
        "```",
        "cxaxis trial replay genesis               # one replay, on fewer draws with --draws",
        "cxaxis trial replay --all -o out",
        "```",
        "",
        "## Mobilisation",
        "",
        "Every draw is fitted anew to volunteers 9 h after plerixafor, to patients on G-CSF, and",
        "to the placebo arms of two phase III trials (rows with role `fitted`). Arms with a drug",
        "enter nowhere. Studies differ by a factor that is drawn; a trial whose own placebo arm is",
        "fitted has the same factor in both arms.",
        f"{_lost(draws, mobilisation)} of {plan.draws} populations cannot be brought to the fitted",
        "numbers, or their marrow never rests; they give no prediction here.",
        "",
        f"Of {n} held-out results the 80 % interval holds {narrow}, the 95 % interval {wide}.",
        "",
    )
    cells = [row for item in mobilisation for row in replay_cells(item, draws)]
    yield from markdown_table(MOBILISATION_HEADER, cells, "llllrrrrl")
    yield from (
        "",
        "A placebo arm of GENESIS is not fitted, so that its patients are those of another trial",
        "in myeloma. Its active arm is printed in two ways: counted locally (DRG522), and as at",
        "approval (DRG526). Nothing on NOX-A12 or balixafortide in people is fitted.",
        "",
        "## Antitumour trials",
        "",
        "What is asked is the answer of the class: does the drug beside chemotherapy change the",
        "course? Patients, tumour and backbone are those of the model, metastatic ESCC on",
        "cisplatin and fluorouracil; dose, schedule, size and allocation are those of the trial.",
        "The first result of each trial counts. `One trial`: parameters, mechanisms, the causal",
        "share and the trial's own patients. `Trials differ`: with a between-trial effect as well,",
        f"on the log ratio, of a scatter that is half-normal with {BETWEEN_TRIALS:g}.",
        "",
        stamp_words(class_stamp(draws)),
        "",
    )
    cells = [row for item in antitumour for row in replay_cells(item, draws)]
    yield from markdown_table(ANTITUMOUR_HEADER, cells, "llllrrrlrl")
    yield from (
        "",
        "- A wide interval forgives much: with the between-trial effect a miss takes a ratio that",
        "  hardly any trial has shown.",
        "- Small-cell lung, renal and breast cancer are not ESCC. Their expression of CXCR4, their",
        "  organs and their chemotherapy, above all sunitinib and eribulin, have no place in the",
        "  model; what stands for them is the scatter between trials.",
        "- The ratios of both trials of LY2510924 are ours, from printed medians as if times were",
        "  exponential; the control median in renal cancer is recalled, not read.",
        f"- {_lost(draws, antitumour)} of {plan.draws} populations have hardly anyone with distant",
        "  disease who is fit for a trial, and give no prediction here.",
        "",
        "## What was sealed",
        "",
    )
    rows = [
        (
            item.name,
            item.content.title,
            item.seal.seal.sealed_on,
            "no" if not item.seal.changed else "yes",
            f"`{item.content.sha256[:16]}`",
        )
        for item in plan.replays
    ]
    yield from markdown_table(("Replay", "Title", "Sealed", "Changed since", "Hash"), rows)


def _lost(draws: pd.DataFrame, replays: Sequence[Replay]) -> int:
    """Return the draws without a single result of these replays."""
    here = draws[draws["REPLAY"].isin([item.name for item in replays])]
    return int((here.groupby("DRAW")["CENTRE"].count() == 0).sum())


def is_checked(folder: Path) -> bool:
    """Whether the committed draws are of these inputs, and the page in a folder is theirs."""
    plan, (draws, key) = page_plan(), read_draws()
    path = folder / PAGE
    return (
        key == input_key(plan)
        and path.is_file()
        and path.read_text("utf-8") == page(plan, draws, key)
    )


def main(arguments: Sequence[str]) -> int:
    """Write or check draws and page; return the exit code."""
    folder = Path(next((item for item in arguments if not item.startswith("--")), "docs"))
    if "--check" in arguments:
        try:
            fresh = is_checked(folder)
        except ModelValueError as err:
            sys.stderr.write(f"{err}\n")
            return 1
        if not fresh:
            sys.stderr.write(f"{folder / PAGE} or its draws are stale. Run: {COMMAND}\n")
        return 0 if fresh else 1
    plan = page_plan()
    if "--page" not in arguments:
        _write_draws(plan, arguments)
    draws, key = read_draws()
    folder.mkdir(parents=True, exist_ok=True)
    (folder / PAGE).write_text(page(plan, draws, key), encoding="utf-8")
    sys.stdout.write(f"{folder / PAGE}\n")
    return 0


def _write_draws(plan: ReplayPlan, arguments: Sequence[str]) -> None:
    # Taken before the work: inputs that change meanwhile must leave the draws stale.
    key = input_key(plan)
    given = dict(item.partition("=")[::2] for item in arguments if item.startswith("--"))
    kept = Path(given["--run"]) if "--run" in given else None
    workers = int(given["--workers"]) if "--workers" in given else None
    with ProgressBar("Simulating patients", total=planned_courses(plan)) as bar:
        rows = run_replays(plan, out=kept, workers=workers, progress=bar)
    path = committed_path()
    path.parent.mkdir(exist_ok=True)
    path.write_text(draws_text(rows, command=COMMAND, key=key), encoding="utf-8")
    sys.stdout.write(f"{path}\n")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
