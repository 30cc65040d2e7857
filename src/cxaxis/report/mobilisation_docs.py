"""Write the page on what each agent mobilises, or check that the one in a folder is fresh.

``python -m cxaxis.report.mobilisation_docs docs`` writes ``mobilisation.md`` (half a minute); with
``--check`` it compares the hash of what the page depends on and exits 1 if it is stale.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import numpy as np

from cxaxis.cohort.population import Theta, central_theta, draw_theta, typical_agents
from cxaxis.core.arrays import FloatArray
from cxaxis.core.markdown import markdown_table
from cxaxis.core.outcomes import Outcome, require_success
from cxaxis.engine.doses import ALL_PATIENTS, Dose
from cxaxis.engine.population import PopulationEngine
from cxaxis.engine.protocol import Engine, ParameterTable
from cxaxis.inference.marrow_fit import (
    BENCH,
    DISEASES,
    FILGRASTIM_UG_PER_KG,
    N_PATIENT,
    PLERIXAFOR_UG_PER_KG,
    VOLUNTEER,
    VOLUNTEER_HOUR,
    Disease,
    anchors,
    repeated_by_weight,
    simulated_arm,
    volunteer_course,
)
from cxaxis.knowledge.drug_records import Drug
from cxaxis.knowledge.drugs import load_drugs
from cxaxis.knowledge.evidence import Evidence
from cxaxis.knowledge.parameters import Parameters, load_parameters
from cxaxis.models.agents import rows_of_agent, slot_of
from cxaxis.models.build import Model, build
from cxaxis.patient.course import at_rest
from cxaxis.patient.mobilisation import (
    MobilisationPlan,
    MobilisationRow,
    MobilisingAgent,
    cd34_at,
    doses_for_everybody,
    first_dose,
    mobilisation_table,
)
from cxaxis.report.page_key import evidence_of, is_fresh, marker, simulated_key
from cxaxis.stats.proportions import exact_proportion

COMMAND: Final = "python -m cxaxis.report.mobilisation_docs docs"
PAGE: Final = "mobilisation.md"
SEED: Final = 17
#: Evidence that the page reads.
READ: Final = (
    *("DRG020", "DRG021", "DRG026", "DRG027"),
    *(row for disease in DISEASES for row in (disease.placebo, disease.active)),
)
N_DRAW: Final = 200
HOURS: Final[FloatArray] = np.arange(0.0, 241.0)
# The trap's own mobilisation was read after single doses: its bolus, not its weekly infusion.
REGIMENS: Final[Mapping[str, str]] = {"olaptesed": "bolus_300_mg_twice_weekly"}
# Log standard deviations of the stem-cell reserve between patients that the page compares.
OTHER_SCATTER: Final = (0.5, 1.1)


def drawn_people(model: Model, parameters: Parameters, thetas: Sequence[Theta]) -> ParameterTable:
    """Return one volunteer per draw of the parameters, not yet at rest."""
    values = np.array(
        [
            [theta[row] * model.factors[constant] for constant, row in model.bindings.items()]
            for theta in thetas
        ]
    )
    return ParameterTable(tuple(model.bindings), values).with_columns(
        body_weight=VOLUNTEER.weight_kg
    )


def people_at_rest(
    model: Model, parameters: Parameters, thetas: Sequence[Theta], engine: Engine
) -> tuple[list[Theta], ParameterTable]:
    """Return the draws whose marrow comes to rest, and one volunteer at rest of each.

    Raises
    ------
    SimulationFailedError
        If a draw fails in any other way.
    """
    rest = at_rest(model, drawn_people(model, parameters, thetas), engine)
    kept = [k for k, item in enumerate(rest.outcomes) if item.outcome is not Outcome.UNSETTLED]
    require_success([str(k) for k in kept], [rest.outcomes[k] for k in kept])
    return [thetas[k] for k in kept], rest.patients.rows(kept)


def agent_of(
    drug: Drug, model: Model, parameters: Parameters, thetas: Sequence[Theta]
) -> MobilisingAgent:
    """Return the first dose of an agent's first regimen, with its values in each draw."""
    name = REGIMENS.get(drug.id, next(iter(drug.regimens)))
    values = [typical_agents(model, parameters, theta, [drug]) for theta in thetas]
    return MobilisingAgent(
        agent=drug.id,
        regimen=name,
        columns={constant: np.array([item[constant] for item in values]) for constant in values[0]},
        doses=doses_for_everybody(drug, first_dose(drug.regimens[name]), VOLUNTEER),
    )


def g_csf_agents() -> Iterator[MobilisingAgent]:
    """Yield G-CSF alone and plerixafor on it, as in the trials, both from day 0."""
    plan = MobilisationPlan(target_per_kg=0.0, sessions=1)
    weight = np.array([VOLUNTEER.weight_kg])
    morning, evening = (
        tuple(repeated_by_weight(drug, amount, weight, days))
        for drug, amount, days in (
            ("filgrastim", FILGRASTIM_UG_PER_KG, plan.morning_days),
            ("plerixafor", PLERIXAFOR_UG_PER_KG, plan.evening_days),
        )
    )
    for name, doses in (("filgrastim", morning), ("filgrastim + plerixafor", morning + evening)):
        yield MobilisingAgent(
            agent=name,
            regimen="10 ug/kg daily, 5 days",
            columns={},
            doses=tuple(replace(dose, patient=ALL_PATIENTS) for dose in doses),
        )


def draw_weights(
    model: Model,
    people: ParameterTable,
    plerixafor: Sequence[Dose],
    parameters: Parameters,
    evidence: Mapping[str, Evidence],
    engine: Engine,
) -> FloatArray:
    """Return how well each draw meets the rise of volunteers after plerixafor.

    Two studies differ by ``mobilisation_study_factor``, so a draw is weighed by the log ratio of
    its rise to the one that was seen, over that scatter; shape ``(n_draw,)``.
    """
    seen = float(evidence["DRG021"].value) - float(evidence["DRG020"].value)
    scatter = parameters["mobilisation_study_factor"].spread
    count = cd34_at(
        model,
        people.with_columns(mobilisation_study_factor=1.0),
        plerixafor,
        np.array([0.0, VOLUNTEER_HOUR]),
        engine,
    )
    rise = np.maximum(count[:, 1] - count[:, 0], np.finfo(np.float64).tiny)
    return np.asarray(np.exp(-0.5 * (np.log(rise / seen) / scatter) ** 2))


@dataclass(frozen=True, kw_only=True)
class PredictedTable:
    """What each agent mobilises.

    Attributes
    ----------
    typical, drawn
        At the tabled parameters, and over weighted draws of them.
    n_swinging
        Draws left out, because their marrow never comes to rest.
    """

    typical: tuple[MobilisationRow, ...]
    drawn: tuple[MobilisationRow, ...]
    n_swinging: int


def predicted_table(
    parameters: Parameters, evidence: Mapping[str, Evidence], engine: Engine, *, n_draw: int
) -> PredictedTable:
    """Return the table of every agent over some draws of the parameters."""
    model = build(BENCH, parameters)
    drugs = [d for d in load_drugs().values() if slot_of(d) in ("antagonist", "neutraliser")]
    # Draws are keyed by row, so that leaving rows out does not change the others.
    used = set(model.bindings.values()).union(
        *(rows_of_agent(drug, model.bindings, parameters).values() for drug in drugs)
    )
    varied = {name: parameters[name] for name in parameters if name in used}
    drawn = [draw_theta(varied, seed=SEED, draw=draw) for draw in range(n_draw)]
    tables = []
    for every in ([central_theta(varied)], drawn):
        thetas, people = people_at_rest(model, parameters, every, engine)
        agents = [agent_of(drug, model, parameters, thetas) for drug in drugs]
        label = next(item for item in agents if item.agent == "plerixafor")
        weights = draw_weights(model, people, label.doses, parameters, evidence, engine)
        tables.append(
            mobilisation_table(
                model, people, [*agents, *g_csf_agents()], engine, hours=HOURS, weights=weights
            )
        )
    return PredictedTable(typical=tables[0], drawn=tables[1], n_swinging=n_draw - len(thetas))


def input_key() -> str:
    """Return the hash of the models, numbers and settings behind the page."""
    return simulated_key(BENCH, evidence=READ, seed=SEED, n_draw=N_DRAW, scatter=OTHER_SCATTER)


def page(parameters: Parameters, evidence: Mapping[str, Evidence], engine: Engine, key: str) -> str:
    """Return the page as Markdown; ``key`` is the hash of what was simulated."""
    predicted = predicted_table(parameters, evidence, engine, n_draw=N_DRAW)
    return "\n".join(
        [
            "# Mobilisation",
            "",
            *marker(COMMAND, key),
            "",
            "Blockade, ligand trap and G-CSF lower one retention signal of the marrow; CD34+",
            "cells, neutrophils, lymphocytes and regulatory T cells leave finite pools by one",
            "saturable law, each kind at its own pace. Numbers are of a volunteer of 70 kg.",
            "",
            *_fitted_part(parameters, evidence, engine),
            *_predicted_part(parameters, evidence, engine),
            *_table_part(predicted),
        ]
    )


def _fitted_part(
    parameters: Parameters, evidence: Mapping[str, Evidence], engine: Engine
) -> Iterator[str]:
    told = (
        ("CD34+ per uL, volunteers 9 h after plerixafor 240 ug/kg", "DRG021"),
        ("CD34+ per uL, patients after four days of G-CSF", "DRG026"),
        ("CD34+ per uL, the same 10.5 h after plerixafor", "DRG027"),
    )
    found = anchors(build(BENCH, parameters), parameters, engine)
    rows = [
        (f"{what} ({row})", f"{float(evidence[row].value):g}", f"{value:.1f}")
        for (what, row), value in zip(told, found, strict=True)
    ]
    course = volunteer_course(build(BENCH, parameters), parameters, engine, HOURS[:37])
    rows += [
        ("Hour of the volunteers' peak (DRG021)", "6 to 10", f"{course.argmax()}"),
        ("Count at 24 h over the peak", "at most 0.5", f"{course[24] / course.max():.2f}"),
        ("Count at 36 h over the rest", "at most 4", f"{course[36] / course[0]:.1f}"),
    ]
    rows += [
        (
            f"Placebo arm, {disease.name}, % at target ({disease.placebo})",
            f"{float(evidence[disease.placebo].value):g}",
            f"{100 * _share(parameters, disease.name, engine, plerixafor=False):.1f}",
        )
        for disease in DISEASES
    ]
    yield from ("## Fitted", "", *markdown_table(("What", "Seen", "Model"), rows, "lr"))
    rest, alone = float(evidence["DRG020"].value), found[0]
    yield from (
        "",
        f"Together less than the product: {found[2]:.0f} per uL, where {found[1]:.0f} times "
        f"{alone / rest:.1f} would be {found[1] * alone / rest:.0f}.",
        "",
    )


def _predicted_part(
    parameters: Parameters, evidence: Mapping[str, Evidence], engine: Engine
) -> Iterator[str]:
    yield from (
        "## Predicted: plerixafor arms of phase III",
        "",
        f"{N_PATIENT} virtual patients each, the same in both arms. The scatter of the stem-cell",
        "reserve between patients is assumed, and 0.8 was taken for it when the active arms were",
        "known: no blind prediction. The reserve is set to the placebo arm for each.",
        "",
    )

    def cells(disease: Disease) -> tuple[str, ...]:
        row = evidence[disease.active]
        count, n = counts_of(row.unit)
        seen = exact_proportion(count, n)
        share = _share(parameters, disease.name, engine, plerixafor=True)
        verdict = "hit" if seen.low <= share <= seen.high else "miss"
        others = (_share_at(parameters, disease.name, value, engine) for value in OTHER_SCATTER)
        return (
            f"{disease.name} ({disease.active})",
            f"{100 * seen.share:.1f}",
            f"{100 * seen.low:.1f}-{100 * seen.high:.1f}",
            f"{100 * share:.1f}",
            verdict,
            *(f"{100 * other:.1f}" for other in others),
        )

    header = ("Disease", "Seen %", "95 % interval", "Predicted %", "Verdict")
    scatter = (f"scatter {value:g}" for value in OTHER_SCATTER)
    yield from markdown_table((*header, *scatter), map(cells, DISEASES), "lrrrlr")
    yield ""


def counts_of(unit: str) -> tuple[int, int]:
    """Return the counts that stand in the unit of a share, such as ``% (89/150)``."""
    count, _, n = unit.partition("(")[2].partition(")")[0].partition("/")
    return int(count), int(n)


def _share(parameters: Parameters, name: str, engine: Engine, *, plerixafor: bool) -> float:
    disease = next(item for item in DISEASES if item.name == name)
    model = build(BENCH, parameters)
    return simulated_arm(model, parameters, disease, engine, plerixafor=plerixafor).share_reached


def _share_at(parameters: Parameters, name: str, scatter: float, engine: Engine) -> float:
    """Return the predicted share with another scatter of the reserve, fitted to placebo again."""
    disease = next(item for item in DISEASES if item.name == name)
    rows = dict(parameters)
    rows[disease.reserve] = replace(rows[disease.reserve], omega=scatter)
    changed = Parameters(rows)
    model = build(BENCH, changed)
    control, active = (
        simulated_arm(model, changed, disease, engine, plerixafor=given).collected_per_kg[:, -1]
        for given in (False, True)
    )
    aimed = _share(parameters, name, engine, plerixafor=False)
    factor = disease.target_per_kg / float(np.quantile(control, 1.0 - aimed))
    return float((active * factor >= disease.target_per_kg).mean())


def _table_part(predicted: PredictedTable) -> Iterator[str]:
    yield from (
        "## Predicted: every agent",
        "",
        "The first dose of the regimen. None but plerixafor and G-CSF is fitted to mobilisation.",
        f"`Typical` has every parameter as tabled; the intervals are over {N_DRAW} draws of what",
        "is not known, weighed by how well each meets the volunteers on plerixafor, the scatter",
        "between studies included. Where no human kinetics exist the class template is drawn with",
        "a log standard deviation of about 1. Hours are those above half of the rise. The rise of",
        "all leukocytes rests on sensitivities that are assumed; two- to fourfold was seen after",
        "plerixafor and entered nowhere.",
        f"{predicted.n_swinging} draws are left out: their blood counts swing without end.",
        "",
    )
    counts = ("CD34+ peak per uL, typical", "80 %", "95 %", "Fold, typical", "80 %", "95 %")
    hours = ("Peak h", "80 %", "Hours", "80 %")
    header = ("Agent", "Regimen", *counts, *hours, "Leukocyte fold", "80 %", "Rises in")
    yield from markdown_table(header, map(_agent_cells, predicted.typical, predicted.drawn), "llr")
    yield ""


def _agent_cells(one: MobilisationRow, many: MobilisationRow) -> tuple[str, ...]:
    middle = len(one.cd34_peak) // 2
    return (
        one.agent,
        one.regimen,
        _short(one.cd34_peak[middle]),
        _span(many.cd34_peak, 1),
        _span(many.cd34_peak, 0),
        _short(one.cd34_fold[middle]),
        _span(many.cd34_fold, 1),
        _span(many.cd34_fold, 0),
        _short(one.cd34_peak_hour[middle]),
        _span(many.cd34_peak_hour, 1),
        _short(one.cd34_hours[middle]),
        _span(many.cd34_hours, 1),
        _short(one.leukocyte_fold[middle]),
        _span(many.leukocyte_fold, 1),
        f"{100 * many.risen:.0f} %",
    )


def _short(value: float) -> str:
    """Return a number with two digits, a dash where there is none."""
    return "-" if not np.isfinite(value) else f"{float(f'{value:.2g}'):g}"


def _span(quantiles: FloatArray, end: int) -> str:
    return f"{_short(quantiles[end])} to {_short(quantiles[-1 - end])}"


def main(arguments: list[str]) -> int:
    """Write or check the page; return the exit code."""
    folder = Path(next((item for item in arguments if not item.startswith("--")), "docs"))
    path = folder / PAGE
    key = input_key()
    if "--check" in arguments:
        fresh = is_fresh(path, key)
        if not fresh:
            sys.stderr.write(f"{path} is stale. Run: {COMMAND}\n")
        return 0 if fresh else 1
    text = page(load_parameters(), evidence_of(READ), PopulationEngine(), key)
    folder.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    sys.stdout.write(f"{path}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
