"""Simulate the headline grid and write its rows and page, or check that they are fresh.

``python -m cxaxis.report.headline_docs docs`` simulates every cell (half an hour on two cores;
``--run=DIRECTORY`` keeps finished cells there and goes on from them) and writes the committed rows
and the page with its figures. ``--source=prior`` draws from the prior instead of the posterior
given control arms. ``--page`` writes the page from the committed rows alone. ``--check`` compares
hashes, and ``--slice`` computes two draws beside one backbone anew; both exit 1 on a difference.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Final

from cxaxis.core.errors import UserInputError, error
from cxaxis.core.hashing import sha256_file, sha256_of
from cxaxis.core.ids import did_you_mean
from cxaxis.knowledge.drugs import load_drugs
from cxaxis.report.headline_words import (
    BACKBONES,
    FOREST,
    SHARES,
    Headline,
    page,
)
from cxaxis.report.page_key import is_fresh
from cxaxis.runs.progress import ProgressBar
from cxaxis.trial.headline_answers import answers, sd_ratios
from cxaxis.trial.headline_files import (
    COMMAND,
    differences,
    headline_file,
    input_key,
    read_rows,
    source_of,
    write_rows,
)
from cxaxis.trial.headline_plan import (
    SOURCES,
    SUSTAINED,
    HeadlinePlan,
    Source,
    headline_plan,
)
from cxaxis.trial.headline_run import planned_courses, run_headline
from cxaxis.trial.replay_class import class_stamp

if TYPE_CHECKING:
    from matplotlib.figure import Figure

PAGE: Final = "headline.md"
SLICE_BACKBONE: Final = "crt"
SLICE_DRAWS: Final = (1, 2)
_DEFAULT: Final[Source] = "control_arms"


def class_state() -> tuple[str, str]:
    """Return what replays say of the class: its state, and in words."""
    stamp = class_stamp()
    if stamp.state == "not run":
        return stamp.state, stamp.state
    return stamp.state, f"{stamp.words}, {stamp.missed} of {stamp.of} trials missed"


def page_key(inputs: str, rows: Path, state: str) -> str:
    """Return the hash of what the page is made from: inputs, committed rows, the class stamp."""
    return sha256_of({"inputs": inputs, "rows": sha256_file(rows), "class": state})


def headline_of(plan: HeadlinePlan, path: Path | None = None) -> Headline:
    """Return what the page says of committed rows."""
    _, rows = read_rows(path)
    state, words = class_state()
    return Headline(
        plan=plan,
        answers=answers(rows, plan, class_stamp=state),
        ratios=sd_ratios(plan.source),
        class_words=words,
    )


def committed_plan(path: Path | None = None) -> HeadlinePlan:
    """Return the grid of the committed rows."""
    head, _ = read_rows(path)
    return headline_plan(
        source_of(head),
        draws=int(head["draws"]),
        patients=int(head["patients"]),
        seed=int(head["seed"]),
    )


def write_page(folder: Path, found: Headline, key: str) -> tuple[Path, ...]:
    """Write the page and its figures; return their paths."""
    from cxaxis.figures.output import save

    folder.mkdir(parents=True, exist_ok=True)
    text = folder / PAGE
    text.write_text(page(found, COMMAND, key), encoding="utf-8")
    return (
        text,
        save(forest_figure(found), folder / FOREST),
        save(phi_figure(found), folder / SHARES),
    )


def forest_figure(found: Headline) -> Figure:
    """Return the forest of hazard ratios of death, by backbone."""
    from cxaxis.figures.ratios import ForestRow, forest
    from cxaxis.figures.style import ARM_COLOURS, CONTROL_COLOUR, figure_of

    rows, names = [], load_drugs()
    for backbone in found.plan.backbones:
        rows.append(ForestRow(label=BACKBONES[backbone.id], heading=True))
        for item in found.beside(backbone.id):
            told, label = item.endpoints["OS"], f"{names[item.arm.agent].name}, {item.arm.kind}"
            if not told.hr > 0:
                rows.append(ForestRow(label=label))
                continue
            colour = ARM_COLOURS[0] if item.arm.kind == SUSTAINED else CONTROL_COLOUR
            rows.append(
                ForestRow(label=label, hr=told.hr, low=told.low, high=told.high, colour=colour)
            )
    return figure_of(forest(rows, x_label="Hazard ratio of death, 95 % of populations"))


def phi_figure(found: Headline) -> Figure:
    """Return the hazard ratios of the sustained arms against the causal share."""
    import pandas as pd

    from cxaxis.figures.headline import shares_figure
    from cxaxis.figures.style import arm_styles

    drugs = load_drugs()
    panels, names = {}, {"control": "control"}
    for backbone in found.plan.backbones:
        cells = []
        for item in found.beside(backbone.id):
            if item.arm.kind != SUSTAINED:
                continue
            names[item.arm.agent] = drugs[item.arm.agent].name
            cells += [
                (item.arm.agent, point.phi, point.hr, point.mean_low, point.mean_high)
                for point in item.endpoints["OS"].by_phi
            ]
        panels[BACKBONES[backbone.id].partition(" and ")[0]] = pd.DataFrame(
            cells, columns=["arm", "phi", "hr_os", "low", "high"]
        )
    return shares_figure(panels, arm_styles(names, control="control"))


def is_current(folder: Path, rows: Path | None = None) -> list[str]:
    """Return in words what is stale of the committed rows and the page in a folder."""
    path = headline_file() if rows is None else rows
    head, _ = read_rows(path)
    key = input_key(committed_plan(path))
    if head["inputs_sha256"] != key:
        return [f"{path} is stale. Run: {COMMAND}"]
    if not is_fresh(folder / PAGE, page_key(key, path, class_state()[0])):
        return [
            f"{folder / PAGE} is stale. Run: python -m cxaxis.report.headline_docs {folder} --page"
        ]
    return []


def slice_differences(rows: Path | None = None) -> list[str]:
    """Compute two draws beside one backbone anew; return where they differ from those on file."""
    plan = committed_plan(rows)
    _, committed = read_rows(rows)
    one = replace(plan, backbones=(plan.backbone(SLICE_BACKBONE),))
    draws = [draw for draw in SLICE_DRAWS if draw < plan.draws]
    return differences(committed, run_headline(one, draws=draws))


def simulate(source: Source, run: Path | None) -> None:
    """Simulate the grid and write its rows to the file that ships with the package."""
    plan = headline_plan(source)
    # Taken before the work: inputs that change meanwhile must leave the rows stale.
    key = input_key(plan)
    with ProgressBar("Simulating patients", total=planned_courses(plan)) as bar:
        rows = run_headline(plan, out=run, workers=None, progress=bar)
    write_rows(rows, headline_file(), plan, key)


def main(arguments: list[str]) -> int:
    """Write or check rows and page; return the exit code."""
    folder = Path(next((item for item in arguments if not item.startswith("--")), "docs"))
    try:
        if "--check" in arguments:
            return _told(is_current(folder))
        if "--slice" in arguments:
            return _told(slice_differences())
        if "--page" not in arguments:
            kept = _value(arguments, "--run")
            simulate(_source(arguments), Path(kept) if kept else None)
        plan = committed_plan()
        key = page_key(input_key(plan), headline_file(), class_state()[0])
        for path in write_page(folder, headline_of(plan), key):
            sys.stdout.write(f"{path}\n")
    except UserInputError as failure:
        sys.stderr.write(f"{failure}\n")
        return 2
    return 0


def _told(problems: Sequence[str]) -> int:
    for line in problems:
        sys.stderr.write(f"{line}\n")
    return 1 if problems else 0


def _value(arguments: Sequence[str], name: str) -> str:
    found = [item.partition("=")[2] for item in arguments if item.startswith(f"{name}=")]
    return found[0] if found else ""


def _source(arguments: Sequence[str]) -> Source:
    wanted = _value(arguments, "--source") or _DEFAULT
    for source in SOURCES:
        if source == wanted:
            return source
    message = f"{wanted!r} is no source of populations. {did_you_mean(wanted, SOURCES)}"
    raise UserInputError([error("HEAD004", "--source", message)])


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
