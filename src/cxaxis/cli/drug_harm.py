"""``cxaxis drug harm``: how likely each agent is to cost lives, before any trial."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final, Optional

import typer

from cxaxis.cli.options import (
    Engine,
    InterruptedRunError,
    Scheduler,
    Workers,
    all_of,
    checked_scheduler,
    whole_number,
)

if TYPE_CHECKING:
    from cxaxis.core.errors import Finding
    from cxaxis.trial.harm import HarmSummary
    from cxaxis.trial.harm_plan import Backbone, HarmPlan

Words = Optional[list[str]]  # noqa: UP045 - typer reads it at run time on every Python

DEFAULT_DRAWS: Final = 40
DEFAULT_PATIENTS: Final = 12
SEED: Final = 20
MOST_DRAWS: Final = 10_000
MOST_PATIENTS: Final = 1000
BACKBONE_WORDS: Final = {
    "crt": "beside definitive chemoradiotherapy",
    "none": "alone, against no treatment",
}
AGENT, CHANCE = "Agent\nregimen", "P(HR > 1)\n95 %"
ASIDE, NEAR_ONE = "the same,\nno deaths of\ntreatment", "P(HR within\n1 % of 1)"
RATIO, FEW = "HR: median\n80 %\n95 %", "Variance\nfrom few\npatients"
HEADS: Final = {
    "niche_release": "niche\nrelease",
    "ackr3_survival": "ACKR3\nsurvival",
    "ligand_rebound": "ligand\nrebound",
    "freed_ligand_vessels": "freed\nligand",
    "leukocyte_field": "leuko-\ncytes in\nfield",
}
ALL_DRAWS: Final = "on in all draws"
#: With fewer draws an end of the range lies beyond the least or the largest of them.
LEAST_FOR_80, LEAST_FOR_95 = 10, 40
NONE: Final = "-"


def drug_harm(
    names: Annotated[
        Words,
        typer.Argument(
            metavar="[DRUG ...]", help="Ids, names or synonyms; every drug at CXCR4 or CXCL12."
        ),
    ] = None,
    backbone: Annotated[
        str, typer.Option(metavar="crt|none", help="What is given besides; none: nothing.")
    ] = "crt",
    draws: Annotated[
        int,
        typer.Option(
            parser=whole_number, metavar="NUMBER", help="Populations drawn from what is not known."
        ),
    ] = DEFAULT_DRAWS,
    patients: Annotated[
        int, typer.Option(parser=whole_number, metavar="NUMBER", help="Patients of each.")
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
    engine: Engine = "population",
    scheduler: Scheduler = None,
) -> None:
    """Print the prior-predictive chance that each drug raises the death rate.

    Parameters and harm mechanisms are drawn from what is not known; in each draw the same
    patients are followed under control and under every drug. Counterfactual, from the model.
    """
    from cxaxis.core.errors import raise_on_errors
    from cxaxis.runs.progress import ProgressBar
    from cxaxis.trial.harm import summarised
    from cxaxis.trial.harm_plan import harm_plan
    from cxaxis.trial.harm_run import planned_courses, run_harm

    agents, chosen, *_ = all_of(
        lambda: checked_agents(names or []),
        lambda: checked_backbone(backbone),
        lambda: raise_on_errors(
            [*size_findings(draws=draws, patients=patients, seed=seed, workers=workers)]
        ),
        lambda: checked_output(output),
        lambda: checked_scheduler(scheduler, workers),
    )
    plan = harm_plan(
        agents, backbone=chosen, draws=draws, patients=patients, seed=seed, engine=engine
    )
    try:
        with ProgressBar("Simulating patients", total=planned_courses(plan)) as bar:
            rows = run_harm(plan, out=output, workers=workers, progress=bar, scheduler=scheduler)
    except KeyboardInterrupt:
        if output is None:
            raise
        msg = f"Interrupted. Finished draws are kept in {output}: the same command resumes."
        raise InterruptedRunError(msg) from None
    print_harm(plan, summarised(rows))
    if output is not None:
        typer.echo(output)


def checked_agents(names: Sequence[str]) -> list[str] | None:
    """Return the ids of the drugs asked for; None for every one.

    Raises
    ------
    UserInputError
        For an unknown drug, one that acts on neither CXCR4 nor CXCL12, and one named twice.
    """
    from cxaxis.cli.drug_request import named_drugs
    from cxaxis.knowledge.drugs import load_drugs
    from cxaxis.trial.harm_plan import harm_agents

    found = named_drugs(
        names,
        load_drugs(),
        harm_agents(),
        command="drug harm",
        code="HARM",
        unable="acts on neither CXCR4 nor CXCL12 in the model",
    )
    return [drug.id for drug in found] or None


def checked_backbone(name: str) -> Backbone:
    """Return the backbone of that name; `UserInputError` if there is none."""
    from cxaxis.core.errors import UserInputError, error
    from cxaxis.trial.harm_plan import BACKBONES

    for known in BACKBONES:
        if name == known:
            return known
    message = f"is {name!r}. Give {' or '.join(BACKBONES)}."
    raise UserInputError([error("HARM004", "--backbone", message)])


def size_findings(
    *, draws: int, patients: int, seed: int, workers: int | None
) -> Iterator[Finding]:
    """Yield what is wrong with the numbers of a request."""
    from cxaxis.core.errors import error
    from cxaxis.core.streams import SEED_LIMIT

    for option, value, most in (
        ("--draws", draws, MOST_DRAWS),
        ("--patients", patients, MOST_PATIENTS),
    ):
        if not 1 <= value <= most:
            yield error("HARM005", option, f"is {value}. Give 1 to {most}.")
    if not 0 <= seed < SEED_LIMIT:
        yield error("HARM005", "--seed", f"is {seed}. Give 0 or more, below 2**63.")
    if workers is not None and workers < 1:
        message = f"is {workers}. Give at least 1, or leave it out to use every processor."
        yield error("HARM005", "--workers", message)


def checked_output(directory: Path | None) -> None:
    """Raise `UserInputError` if a directory holds a complete run, or what is no run."""
    from cxaxis.runs.directory import RunState, inspect_run, open_run

    if directory is not None and inspect_run(directory).state in (
        RunState.COMPLETE,
        RunState.FOREIGN,
    ):
        open_run(directory, {})


def print_harm(plan: HarmPlan, summaries: Sequence[HarmSummary]) -> None:
    """Print the table and what a reader must know of it."""
    from cxaxis.cli.tables import print_table

    columns = (AGENT, CHANCE, ASIDE, RATIO, NEAR_ONE, FEW, *HEADS.values())
    cells = [*(harm_cells(plan, item) for item in summaries), *_weights(summaries)]
    print_table(
        f"Chance of harm {BACKBONE_WORDS[plan.backbone]} (counterfactual, prior predictive)",
        columns,
        cells,
        numbers=columns[1:],
        notes=[*_dash_note(cells), *harm_notes(plan, summaries)],
    )


def _dash_note(rows: Sequence[Sequence[str]]) -> Iterator[str]:
    """Yield what a dash means, where there is one."""
    if any(NONE in cell.split("\n") for row in rows for cell in row):
        yield (
            f"{NONE} cannot be told from so few populations: a range of HR needs a ratio in "
            f"{LEAST_FOR_80} (80 %) or {LEAST_FOR_95} (95 %) of them."
        )


def harm_cells(plan: HarmPlan, item: HarmSummary) -> list[str]:
    """Return the cells of one agent."""
    low95, low80, median, high80, high95 = item.quantiles
    ratio = [
        number(median),
        span(low80, high80) if item.n >= LEAST_FOR_80 else NONE,
        span(low95, high95) if item.n >= LEAST_FOR_95 else NONE,
    ]
    return [
        agent_cell(plan, item.agent),
        f"{number(item.p_harm)}\n{span(item.p_low, item.p_high)}",
        number(item.p_aside),
        "\n".join(ratio),
        number(item.near),
        number(item.patients_share),
        *(number(item.on_if_harmful[name]) for name in HEADS),
    ]


def _weights(summaries: Sequence[HarmSummary]) -> Iterator[list[str]]:
    """Yield the row that says how often each mechanism is on, harmful or not."""
    if summaries:
        widest = max(summaries, key=lambda item: item.n)
        yield [ALL_DRAWS, *[""] * 5, *(number(widest.on[name]) for name in HEADS)]


def agent_cell(plan: HarmPlan, agent: str) -> str:
    """Return the agent, its regimen, the dose and when it is given, a line each."""
    from cxaxis.report.agent_words import schedule
    from cxaxis.trial.harm_plan import course_days, is_sustained

    drug, regimen = next(arm for arm in plan.arms if arm.id == agent).regimens[-1]
    given = f"{regimen.dose.value:g} {regimen.dose.unit}, {schedule(regimen)}"
    lines = [drug.id, plan.regimens[agent], given]
    if not is_sustained(regimen):
        lines.append(f"NOT SUSTAINED: {course_days(regimen):g} d is the longest known")
    return "\n".join(lines)


def harm_notes(plan: HarmPlan, summaries: Sequence[HarmSummary]) -> list[str]:
    """Return what stands below the table."""
    days = float(plan.schedule.times_day[-1])
    notes = [
        "From the model, not measured. HR: expected deaths per person-time over "
        f"{days:g} days, with the drug over without, of the same {plan.n_patient} patients in each "
        f"of {plan.draws} populations. It is counterfactual: no trial could see it.",
        "P(HR > 1): share of the populations, with the exact 95 % interval that their number "
        "leaves. Parameters, harm mechanisms (by their prior weights) and the causal share are "
        "drawn anew in each.",
        "Variance from few patients: share of that of log HR which more patients in each draw "
        "would take away.",
        "Last columns: share of the harmful populations in which the mechanism is on; last row: "
        "of all populations.",
    ]
    short = [item.agent for item in summaries if not _sustained(plan, item.agent)]
    if short:
        notes.append(
            f"Not sustained: no regimen longer than a mobilisation course is known of "
            f"{', '.join(short)}; the ratio is of that one short course."
        )
    lost = max((item.undefined for item in summaries), default=0)
    if lost:
        notes.append(
            f"Up to {lost} populations gave no ratio: too few eligible patients, or none who "
            "could be simulated."
        )
    return notes


def _sustained(plan: HarmPlan, agent: str) -> bool:
    from cxaxis.trial.harm_plan import is_sustained

    return is_sustained(next(arm for arm in plan.arms if arm.id == agent).regimens[-1][1])


def number(value: float) -> str:
    """Return a number with two decimals, a dash where there is none."""
    return f"{value:.2f}" if math.isfinite(value) else NONE


def span(low: float, high: float) -> str:
    """Return a range with two decimals, a dash where there is none."""
    known = math.isfinite(low) and math.isfinite(high)
    return f"{number(low)} to {number(high)}" if known else NONE
