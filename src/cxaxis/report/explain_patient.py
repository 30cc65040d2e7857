"""One virtual patient, walked link by link from methylation to outcome, treated and not."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Final

import numpy as np

from cxaxis.core.arrays import FloatArray
from cxaxis.core.errors import ModelValueError, UserInputError, error
from cxaxis.core.ids import did_you_mean
from cxaxis.knowledge.checks import Knowledge
from cxaxis.report.built import short_unit
from cxaxis.report.outline import Line, Outline, Part, told

if TYPE_CHECKING:
    from cxaxis.cohort.sample import Cohort
    from cxaxis.engine.protocol import SimulationResult
    from cxaxis.models.build import Model

#: The cohort whose patients are known by name: that of ``cxaxis demo`` and ``sample_cohort``.
SEED: Final = 1
OUTCOME: Final = "death_hazard"
# What a page of the walk passes through; between two of them the shortest way is taken.
LANDMARKS: Final = (
    "methylation_cxcr4",
    "cxcr4_made",
    "tumour_cxcr4",
    "positive_cxcr4",
    "positive_cell_response_akt_activity",
    "positive_birth_drive",
    "births_positive",
    "growth_bulk",
    "tumour_log",
    "disease_death_rate",
    OUTCOME,
)
REGIMENS: Final = (
    ("radiotherapy", "definitive_50_4_gy"),
    ("cisplatin", "definitive_75_mg_m2_consolidated"),
    ("fluorouracil", "definitive_1000_mg_m2_day_consolidated"),
    ("plerixafor", "radiotherapy_infusion_400_ug_kg_day"),
)
# Under treatment, and a year on.
READ_DAYS: Final = (28.0, 365.0)
HORIZON_DAY: Final = 5 * 365.0
STEP_DAY: Final = 7.0
_PATIENT: Final = re.compile(r"[Vv][Pp]0*([1-9][0-9]{0,6})\Z")


def patient_index(name: str) -> int | None:
    """Return the zero-based index of a patient by label, such as ``VP00017``; None for others."""
    found = _PATIENT.match(name)
    return None if found is None else int(found[1]) - 1


@dataclass(frozen=True, kw_only=True)
class Walk:
    """One patient along a path.

    Attributes
    ----------
    path
        Quantities, each acting directly on the next.
    at_diagnosis
        Value of each on day 0, shape ``(n_path,)``.
    untreated, treated
        Values on `READ_DAYS`, shape ``(n_path, n_day)``.
    death_day
        Untreated and treated, days from diagnosis; infinite for one alive at the horizon.
    """

    path: tuple[str, ...]
    at_diagnosis: FloatArray
    untreated: FloatArray
    treated: FloatArray
    death_day: tuple[float, float]


def walk_path(model: Model, to: str = OUTCOME) -> tuple[str, ...]:
    """Return a chain of quantities from methylation of CXCR4 to a quantity of the patient model.

    Raises
    ------
    UserInputError
        For an unknown quantity, naming the nearest, or one that methylation does not act on.
    """
    from cxaxis.models.graph import shortest_path

    if to not in model.units:
        message = f"the patient model has no quantity {to!r}. {did_you_mean(to, model.units)}"
        raise UserInputError([error("EXPL003", "explain --to", message)])
    legs = [shortest_path(model, start, end) for start, end in pairwise(LANDMARKS)]
    chain = (LANDMARKS[0], *(name for leg in legs for name in leg[1:]))
    if to in chain:
        return chain[: chain.index(to) + 1]
    # Off the path to death: as far along it as one has to go, then straight.
    ways = (shortest_path(model, name, to) for name in reversed(LANDMARKS[:-1]))
    for way in ways:
        if way:
            return (*chain[: chain.index(way[0])], *way)
    message = f"{LANDMARKS[0]} does not act on {to}. Give a quantity that it acts on."
    raise UserInputError([error("EXPL003", "explain --to", message)])


def walk(cohort: Cohort, model: Model, path: Sequence[str], knowledge: Knowledge) -> Walk:
    """Simulate the one patient of a cohort from diagnosis on, untreated and treated."""
    from cxaxis.cohort.population import draw_agents
    from cxaxis.core.outcomes import require_success
    from cxaxis.engine.choice import POPULATION, engine_named
    from cxaxis.engine.doses import DoseTable
    from cxaxis.patient.course import PATIENT_TOLERANCES
    from cxaxis.trial.pool import ArmPlan, doses_of

    drugs = knowledge.drugs
    plan = ArmPlan(
        id="walk",
        regimens=tuple((drugs[drug], drugs[drug].regimens[name]) for drug, name in REGIMENS),
    )
    agents = draw_agents(
        model, knowledge.parameters, cohort.theta, plan.drugs, cohort.indices, seed=cohort.seed
    )
    days = np.union1d(np.arange(0.0, HORIZON_DAY + 1.0, STEP_DAY), READ_DAYS)
    outputs = tuple(dict.fromkeys((*path, OUTCOME)))

    def course(doses: DoseTable) -> SimulationResult:
        result = engine_named(POPULATION).simulate(
            model.sbml,
            cohort.table.with_columns(**agents),
            doses,
            days,
            outputs,
            tolerances=PATIENT_TOLERANCES,
        )
        require_success(cohort.labels, result.outcomes)
        return result

    untreated, treated = course(DoseTable()), course(doses_of(plan, cohort))
    read = np.searchsorted(days, READ_DAYS)
    draw = float(cohort.covariates["death_draw"][0])

    def values(result: SimulationResult) -> FloatArray:
        return np.stack([result.of(name)[0, read] for name in path])

    def death(result: SimulationResult) -> float:
        passed = np.flatnonzero(result.of(OUTCOME)[0] >= draw)
        return float(days[passed[0]]) if len(passed) else float("inf")

    return Walk(
        path=tuple(path),
        at_diagnosis=np.array([untreated.of(name)[0, 0] for name in path]),
        untreated=values(untreated),
        treated=values(treated),
        death_day=(death(untreated), death(treated)),
    )


def screened_patient(index: int, model: Model, knowledge: Knowledge) -> Cohort:
    """Return one patient of the cohort with `SEED` at diagnosis, eligible for a trial or not.

    Raises
    ------
    ModelValueError
        If the patient's tumour never grows to the size of diagnosis, or cannot be simulated.
    """
    from cxaxis.cohort.population import central_theta
    from cxaxis.cohort.sample import gather, screen
    from cxaxis.engine.choice import POPULATION, engine_named

    theta = central_theta(knowledge.parameters)
    block = screen(model, knowledge.parameters, theta, [index], engine_named(POPULATION), seed=SEED)
    if not np.isfinite(block.diagnosis.days_from_inception).all() or block.stage[0] == "failed":
        msg = f"the tumour of patient {index + 1} never reaches the size at which it is found."
        raise ModelValueError(msg)
    return gather([(block, [0])], screened={"screened": 1}, seed=SEED, theta=theta)


def patient_outline(index: int, knowledge: Knowledge, *, to: str = OUTCOME) -> Outline:
    """Return the page of one virtual patient: who it is, and each link with its values.

    Parameters
    ----------
    index
        Zero-based index of the patient.
    knowledge
        Every table.
    to
        Quantity of the patient model at which the walk ends.

    Raises
    ------
    UserInputError
        If `to` is no quantity that methylation of CXCR4 acts on.
    ModelValueError
        If the patient cannot be simulated to diagnosis.
    """
    from cxaxis.models.build import build

    model = build("patient", knowledge.parameters)
    path = walk_path(model, to)
    cohort = screened_patient(index, model, knowledge)
    found = walk(cohort, model, path, knowledge)
    return Outline(
        id=cohort.labels[0],
        heading=f"virtual patient of the cohort with seed {SEED}, from methylation to {to}",
        parts=(
            Part(lines=tuple(_who(cohort))),
            Part(title="Treatment", lines=tuple(_treatment(found))),
            Part(
                title=f"Each link, untreated / treated on days {_days()}",
                lines=tuple(_links(found, model)),
            ),
        ),
    )


def _days() -> str:
    return " and ".join(f"{day:g}" for day in READ_DAYS)


def _who(cohort: Cohort) -> Iterator[Line]:
    about = {name: np.asarray(values)[0] for name, values in cohort.covariates.items()}
    sex = {"M": "man", "F": "woman"}[str(about["sex"])]
    yield told(
        "who", f"{sex} of {about['age_year']:.0f} years, {about['weight_kg']:.0f} kg, at diagnosis"
    )
    yield told(
        "tumour",
        f"T{about['t']} N{about['n']}, stage {about['stage']}, {about['diameter_mm']:.0f} mm, "
        f"{about['days_from_inception']:.0f} days after its first focus",
    )
    yield told(
        "CXCR4",
        f"H-score {about['cxcr4_h_score']:.0f} of 300 by immunohistochemistry, found by "
        f"single-cell RNA in {about['single_cell_cxcr4']:.1%} of tumour cells, "
        f"{about['bulk_cxcr4']:.2g} in bulk RNA",
    )
    yield told(
        "CXCL12",
        f"H-score {about['cxcl12_h_score']:.0f} of 300, "
        f"{about['serum_cxcl12_ng_per_mL']:.2g} ng/mL in serum",
    )
    marrow = "cells" if about["marrow_cells_found"] else "none"
    yield told(
        "spread",
        f"{about['occult_metastases']} distant founders already there; cytokeratin shows "
        f"{about['occult_nodes']} nodes with a micrometastasis and {marrow} in marrow",
    )


def _treatment(found: Walk) -> Iterator[Line]:
    given = ", ".join(f"{drug} ({name})" for drug, name in REGIMENS)
    yield told("treated", f"with {given}")
    for label, day in zip(("untreated", "treated"), found.death_day, strict=True):
        outcome = (
            f"dies in the week before day {day:.0f}"
            if np.isfinite(day)
            else f"is alive on day {HORIZON_DAY:.0f}"
        )
        yield told("outcome", f"{label}, the patient {outcome}")


def _links(found: Walk, model: Model) -> Iterator[Line]:
    for k, name in enumerate(found.path):
        unit = short_unit(model.units[name])
        start = found.at_diagnosis[k]
        later = [
            f"{untreated:.3g}\u00a0/\u00a0{treated:.3g}"
            for untreated, treated in zip(found.untreated[k], found.treated[k], strict=True)
        ]
        changes = not np.allclose([found.untreated[k], found.treated[k]], start, rtol=1e-6)
        then = f", then {' and '.join(later)}" if changes else ", and stays so"
        yield Line(text=f"{name} [{unit}]: {start:.3g} at diagnosis{then}")
