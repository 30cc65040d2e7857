"""Write the page on the chance of harm, or check that the one in a folder is fresh.

``python -m cxaxis.report.harm_docs docs`` simulates every agent and writes ``harm.md`` (many
minutes; ``--run=DIRECTORY`` keeps finished draws there and goes on from them); with ``--check``
it compares the hash of what the page depends on and exits 1 if it is stale.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

import numpy as np

from cxaxis.core.hashing import sha256_of
from cxaxis.core.markdown import markdown_table
from cxaxis.knowledge.drug_records import Regimen
from cxaxis.models.wiring import PATIENT_WIRINGS
from cxaxis.report.agent_words import schedule
from cxaxis.report.page_key import is_fresh, marker
from cxaxis.runs.progress import ProgressBar
from cxaxis.trial.harm import HarmSummary, summarised
from cxaxis.trial.harm_plan import HarmPlan, course_days, harm_plan, is_sustained, key_parts
from cxaxis.trial.harm_run import planned_courses, run_harm

COMMAND: Final = "python -m cxaxis.report.harm_docs docs"
PAGE: Final = "harm.md"
DRAWS: Final = 40
PATIENTS: Final = 12
SEED: Final = 20
MECHANISMS: Final = {
    "niche_release": "niche release",
    "ackr3_survival": "ACKR3 survival",
    "ligand_rebound": "ligand rebound",
    "freed_ligand_vessels": "freed ligand",
    "leukocyte_field": "leukocytes in field",
}


def page_plan() -> HarmPlan:
    """Return what the page shows: every agent beside definitive chemoradiotherapy."""
    return harm_plan(draws=DRAWS, patients=PATIENTS, seed=SEED)


def input_key(plan: HarmPlan) -> str:
    """Return the hash of the model, parameters, regimens and settings behind the page."""
    return sha256_of(key_parts(plan))


def page(plan: HarmPlan, summaries: Sequence[HarmSummary], key: str) -> str:
    """Return the page as Markdown; ``key`` is the hash of what was simulated."""
    return "\n".join(_lines(plan, summaries, key)) + "\n"


def _lines(plan: HarmPlan, summaries: Sequence[HarmSummary], key: str) -> Iterator[str]:
    days = float(plan.schedule.times_day[-1])
    yield from (
        "# The chance of harm",
        "",
        *marker(COMMAND, key),
        "",
        "How likely each agent is to raise the death rate beside definitive chemoradiotherapy,",
        "before any trial of it: what the assumptions of the model imply, measured in nobody.",
        "",
        f"{plan.draws} populations were drawn: parameters from their spreads, harm mechanisms by",
        f"their prior weights, the causal share evenly from 0 to 1. In each, {plan.n_patient} new",
        "patients were followed under control and under every agent, the same patients with the",
        f"same chances, for {days:g} days. HR is expected deaths per expected person-time with the",
        "agent over without it. It is counterfactual: nobody lives twice, and no trial could see",
        "it. Nothing in the model makes an agent help.",
        "",
        "```",
        "cxaxis drug harm                                    # every agent, as on this page",
        "cxaxis drug harm plerixafor --backbone none --draws 100 -o out",
        "```",
        "",
        "## Death-rate ratio",
        "",
        "`P(HR > 1)` with its standard error over populations and exact 95 % interval. `Aside`:",
        "the same if nobody died of treatment in either arm. `Near`: share of populations with a",
        "ratio within 1 % of 1. `Few`: share of the variance of log HR that more patients in each",
        "population would take away.",
        "",
    )
    chance = ("P(HR > 1)", "MC error", "95 %", "Aside", "Near")
    ratios = ("Agent", *chance, "Median HR", "80 %", "95 %", "Few", "n")
    yield from markdown_table(ratios, map(_ratio_cells, summaries), "lr")
    yield from (
        "",
        "## Which mechanism is on where an agent harms",
        "",
        "Share of the populations with a ratio above 1 in which each harm mechanism is on; the",
        "last row is of all populations. A share above the last row's says that the mechanism",
        "goes with harm.",
        "",
    )
    mechanisms = ("Agent", "Harmful", *(MECHANISMS[name] for name in PATIENT_WIRINGS))
    rows = [
        (item.agent, item.harmful, *(number(item.on_if_harmful[name]) for name in PATIENT_WIRINGS))
        for item in summaries
    ]
    if summaries:
        widest = max(summaries, key=lambda item: item.n)
        shares = (number(widest.on[name]) for name in PATIENT_WIRINGS)
        rows.append(("all populations", widest.n, *shares))
    yield from markdown_table(mechanisms, rows, "lr")
    yield from (
        "",
        "## What is given",
        "",
        "Each agent on the longest regimen of its record, from the first fraction. One to four",
        "days empty the marrow and are no treatment of a tumour: where nothing longer is known,",
        "the row says so and its ratio is of that short course.",
        "",
    )
    doses = ("Agent", "Regimen", "Dose", "Given", "Days", "Sustained")
    given = ((arm.id, plan.regimens[arm.id], arm.regimens[-1][1]) for arm in plan.arms)
    cells = ((agent, name, *_regimen_cells(regimen)) for agent, name, regimen in given)
    yield from markdown_table(doses, cells, "llrlrl")


def _ratio_cells(item: HarmSummary) -> tuple[str, ...]:
    low95, low80, median, high80, high95 = (number(value) for value in item.quantiles)
    return (
        item.agent,
        number(item.p_harm),
        number(item.error),
        f"{number(item.p_low)} to {number(item.p_high)}",
        number(item.p_aside),
        number(item.near),
        median,
        f"{low80} to {high80}",
        f"{low95} to {high95}",
        number(item.patients_share),
        str(item.n),
    )


def _regimen_cells(regimen: Regimen) -> tuple[str, ...]:
    return (
        f"{regimen.dose.value:g} {regimen.dose.unit}",
        schedule(regimen),
        f"{course_days(regimen):g}",
        _kind(regimen),
    )


def _kind(regimen: Regimen) -> str:
    return "yes" if is_sustained(regimen) else "no: nothing longer than a mobilisation is known"


def number(value: float) -> str:
    """Return a number with two decimals, a dash where there is none."""
    return f"{value:.2f}" if np.isfinite(value) else "-"


def main(arguments: list[str]) -> int:
    """Write or check the page; return the exit code."""
    folder = Path(next((item for item in arguments if not item.startswith("--")), "docs"))
    path, plan = folder / PAGE, page_plan()
    if "--check" in arguments:
        fresh = is_fresh(path, input_key(plan))
        if not fresh:
            sys.stderr.write(f"{path} is stale. Run: {COMMAND}\n")
        return 0 if fresh else 1
    # Taken before the work: inputs that change meanwhile must leave the page stale.
    key = input_key(plan)
    kept = [Path(item.partition("=")[2]) for item in arguments if item.startswith("--run=")]
    with ProgressBar("Simulating patients", total=planned_courses(plan)) as bar:
        rows = run_harm(plan, out=kept[0] if kept else None, workers=None, progress=bar)
    folder.mkdir(parents=True, exist_ok=True)
    path.write_text(page(plan, summarised(rows), key), encoding="utf-8")
    sys.stdout.write(f"{path}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
