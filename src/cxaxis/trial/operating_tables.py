"""Operating characteristics of a finished run, as tables."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from cxaxis.core.errors import ModelValueError
from cxaxis.runs.tables import TableSchema
from cxaxis.trial.operating import (
    CounterfactualPool,
    Replicates,
    design_of,
    event_share,
    interim_of,
    null_pool,
    operate,
    pool_of,
)
from cxaxis.trial.operating_schemas import SCHEMAS

if TYPE_CHECKING:
    import pandas as pd

    from cxaxis.trial.assurance import TrialSize
    from cxaxis.trial.protocol import Protocol

#: End point of the draws of what is not known.
DEATHS: Final = "OS"
_Z95: Final = 1.959963984540054


@dataclass(frozen=True, kw_only=True)
class Question:
    """What is asked of a finished run.

    Attributes
    ----------
    end_point
        Of the replicates; the draws of what is not known are about deaths.
    n_patient
        Patients of one replicate, all arms.
    n_replicate
        Replicates, and nested trials of the assurance at least.
    n_planned
        Patients of both arms of the trial whose assurance is asked.
    alpha
        Two-sided level.
    target_hr
        The trial is worth going on with if the hazard ratio lies below it.
    """

    end_point: str
    n_patient: int
    n_replicate: int
    n_planned: int
    alpha: float
    target_hr: float


@dataclass(frozen=True, kw_only=True)
class Answers:
    """Tables by name, see `SCHEMAS`, and what else a reader must know."""

    tables: Mapping[str, pd.DataFrame]
    notes: tuple[str, ...]


def answers(
    tables: Mapping[str, pd.DataFrame],
    protocol: Protocol,
    question: Question,
    *,
    strata: Mapping[str, str] | None = None,
    advance: Callable[[int], None] | None = None,
) -> Answers:
    """Return the operating characteristics that the tables of a run give.

    Parameters
    ----------
    tables
        ``pool``, ``phi``, ``uncertainty`` and ``parameters`` of the run.
    protocol
        Of the run.
    question
        What is asked.
    strata
        Stratum by patient; none if omitted.
    advance
        Called with the number of replicates done.

    Raises
    ------
    UserInputError
        If the pool is too small, or the draws cannot be drawn again.
    """
    pool = pool_of(tables["pool"], protocol.arm_ids, question.end_point, strata)
    design = design_of(
        protocol, n_patient=question.n_patient, end_point=question.end_point, alpha=question.alpha
    )
    found, null = (
        operate(
            drawn, design, n_replicate=question.n_replicate, seed=protocol.seed, advance=advance
        )
        for drawn in (pool, null_pool(pool, design.control))
    )
    deaths = pool_of(tables["pool"], protocol.arm_ids, DEATHS)
    rows: dict[str, list[tuple[Any, ...]]] = {schema.name: [] for schema in SCHEMAS}
    notes: list[str] = []
    if protocol.strata or protocol.biomarker_strata:
        notes.append(
            "Allocation is balanced within strata and the log-rank test is not stratified: without "
            "effect it rejects at most as often as alpha."
        )
    for arm in pool.arms:
        plan = interim_of(design, pool.arms, arm)
        if plan is not None and arm != protocol.control:
            notes.append(
                f"{arm}: {plan.n_interim} interim looks and a final one at {plan.events} events, "
                f"alpha {plan.alpha:g} over all of them. Assurance and power by causal share are "
                "for a final look alone."
            )
    control_share = event_share(deaths, design, protocol.control)
    if control_share == 0.0:
        notes.append("No death is seen under control: nothing is said of the assurance.")
    for one, without in zip(found, null, strict=True):
        plan = interim_of(design, pool.arms, one.arm)
        level = design.alpha if plan is None else plan.alpha
        rows["operating"].append(_summary_row(one, without, pool, question, level))
        rows["replicates"] += _replicate_rows(one)
        if control_share > 0.0:
            size = _size(protocol, one.arm, question, control_share)
            rows["power_by_phi"] += _phi_rows(tables["phi"], one.arm, size)
            _add_uncertain(rows, notes, tables, deaths, protocol, one.arm, question, size)
    return Answers(tables={s.name: _frame(s, rows[s.name]) for s in SCHEMAS}, notes=tuple(notes))


def _frame(schema: TableSchema, rows: Sequence[tuple[Any, ...]]) -> pd.DataFrame:
    import pandas as pd

    from cxaxis.runs.tables import empty_frame

    if not rows:
        return empty_frame(schema)
    return pd.DataFrame(rows, columns=list(schema.column_names))


def _size(protocol: Protocol, arm: str, question: Question, control_share: float) -> TrialSize:
    from cxaxis.trial.assurance import TrialSize

    parts = dict(zip(protocol.arm_ids, protocol.ratios, strict=True))
    return TrialSize(
        n_patient=question.n_planned,
        treated_share=parts[arm] / (parts[arm] + parts[protocol.control]),
        control_event_share=control_share,
        alpha=question.alpha,
    )


def _summary_row(
    one: Replicates,
    without: Replicates,
    pool: CounterfactualPool,
    question: Question,
    alpha: float,
) -> tuple[Any, ...]:
    n = len(one.rejected)
    known = one.log_hr[np.isfinite(one.log_hr)]
    quantiles = np.exp(np.quantile(known, [0.025, 0.5, 0.975])) if len(known) else [np.nan] * 3
    return (
        one.arm,
        question.end_point,
        question.n_patient,
        pool.n_patient,
        n,
        alpha,
        *_rejections(one),
        float(one.benefit.mean()),
        *_rejections(without),
        float(one.events.mean()),
        float(one.patients.mean()),
        float(one.duration_day.mean()),
        *map(float, quantiles),
        n - len(known),
    )


def _rejections(one: Replicates) -> tuple[float, float, float, float]:
    """Return the share of replicates that reject, its Monte Carlo error and its limits."""
    from cxaxis.stats.proportions import exact_proportion

    n = len(one.rejected)
    found = exact_proportion(int(one.rejected.sum()), n)
    return found.share, (found.share * (1.0 - found.share) / n) ** 0.5, found.low, found.high


def _replicate_rows(one: Replicates) -> list[tuple[Any, ...]]:
    return [
        (one.arm, k, *row)
        for k, row in enumerate(
            zip(
                one.rejected.tolist(),
                one.benefit.tolist(),
                one.log_hr.tolist(),
                one.events.tolist(),
                one.patients.tolist(),
                one.duration_day.tolist(),
                strict=True,
            )
        )
    ]


def _phi_rows(phi: pd.DataFrame, arm: str, size: TrialSize) -> list[tuple[Any, ...]]:
    rows = []
    for share, hr, low, high in phi.loc[
        phi["ARM"] == arm, ["PHI", "HR", "LOW", "HIGH"]
    ].values.tolist():
        power, least, most = (
            float(size.power(np.log(x))) if x > 0 else np.nan for x in (hr, high, low)
        )
        rows.append((share, arm, size.n_patient, hr, power, least, most))
    return rows


def _add_uncertain(
    rows: dict[str, list[tuple[Any, ...]]],
    notes: list[str],
    tables: Mapping[str, pd.DataFrame],
    deaths: CounterfactualPool,
    protocol: Protocol,
    arm: str,
    question: Question,
    size: TrialSize,
) -> None:
    """Add what the draws say of an arm, or a note why they say nothing."""
    from cxaxis.trial.assurance import assurance, sampling_variance

    drawn = tables["uncertainty"]
    drawn = drawn[drawn["ARM"] == arm].reset_index(drop=True)
    known = drawn[np.isfinite(drawn["LOGHR"].to_numpy(dtype=np.float64))].reset_index(drop=True)
    if len(known) < 2:
        notes.append(
            f"{arm}: {len(known)} of {len(drawn)} draws of what is not known have a ratio, so that "
            "neither assurance nor sources of its spread are given."
        )
        return
    try:
        within = sampling_variance(
            deaths,
            control=protocol.control,
            arm=arm,
            n_patient=int(known["NPAT"].median()),
            seed=protocol.seed,
        )
    except ModelValueError as err:
        notes.append(f"{arm}: {err}")
        return
    log_hr = known["LOGHR"].to_numpy(dtype=np.float64)
    chance = assurance(
        drawn["LOGHR"].to_numpy(dtype=np.float64),
        within_variance=within,
        size=size,
        n_replicate=question.n_replicate,
        seed=protocol.seed,
    )
    half = _Z95 * float(np.hypot(chance.monte_carlo_se, chance.draws_se))
    events = float(size.expected_events(log_hr.mean()))
    rows["assurance"].append(
        (
            arm,
            size.n_patient,
            events,
            size.alpha,
            chance.probability,
            chance.monte_carlo_se,
            chance.draws_se,
            max(0.0, chance.probability - half),
            min(1.0, chance.probability + half),
            chance.as_drawn,
            chance.at_mean,
            chance.n_draw,
            chance.n_undefined,
        )
    )
    rows["spread"] += _spread_rows(arm, known, within, events, size)
    told = _information_rows(arm, known, tables["parameters"], protocol, question, within)
    if isinstance(told, str):
        notes.append(told)
    else:
        rows["information"] += told


def _spread_rows(
    arm: str, known: pd.DataFrame, within: float, events: float, size: TrialSize
) -> list[tuple[Any, ...]]:
    from cxaxis.stats.nested_variance import nested_variance

    split = nested_variance(
        known["LOGHR"].to_numpy(dtype=np.float64),
        known["WIRING"].to_numpy(),
        within_variance=within,
    )
    trial = 1.0 / (events * size.treated_share * (1.0 - size.treated_share))
    limits: tuple[float | None, float | None] = (None, None)
    if split.wiring_low is not None and split.wiring_high is not None:
        limits = (split.wiring_low * split.total, split.wiring_high * split.total)
    n = int(known["NPAT"].median())

    def row(
        source: str,
        meaning: str,
        variance: float | None,
        low: float | None = None,
        high: float | None = None,
        note: str = "",
    ) -> tuple[Any, ...]:
        return arm, source, meaning, variance, _root(variance), low, high, note

    return [
        row("trial", f"patients of a trial of {size.n_patient}", trial),
        row(
            "both",
            "parameters and wiring together",
            split.population,
            split.population_low,
            split.population_high,
        ),
        row("parameters", "parameters alone", split.parameters, note=split.reason),
        row("wiring", "wiring alone", split.wiring, *limits, note=split.reason),
        row("draw", f"patients of a draw, {n} an arm; taken off the above", split.patients),
    ]


def _root(variance: float | None) -> float | None:
    return None if variance is None else float(np.sqrt(variance))


def _information_rows(
    arm: str,
    known: pd.DataFrame,
    parameters: pd.DataFrame,
    protocol: Protocol,
    question: Question,
    within: float,
) -> list[tuple[Any, ...]] | str:
    """Return the ranking of inputs, or why there is none."""
    from cxaxis.stats.information_value import LEAST_DRAWS, information_value
    from cxaxis.trial.assurance import drawn_parameters, wiring_switches

    if len(known) < LEAST_DRAWS:
        return (
            f"{arm}: {len(known)} draws have a ratio; what is worth knowing is ranked from "
            f"{LEAST_DRAWS} on."
        )
    found = information_value(
        known["LOGHR"].to_numpy(dtype=np.float64),
        drawn_parameters(
            parameters,
            known,
            seed=protocol.seed,
            populations=protocol.uncertainty.populations,
        ),
        {**wiring_switches(known["WIRING"].to_numpy()), "wiring": known["WIRING"].to_numpy()},
        target=float(np.log(question.target_hr)),
        within_variance=within,
        seed=protocol.seed,
    )
    return [
        (
            arm,
            rank,
            item.name,
            item.share,
            item.value,
            item.p,
            item.p_any,
            found.n_draw,
            found.n_needed,
            found.reliable,
            found.go,
            found.p_wrong,
            found.perfect,
        )
        for rank, item in enumerate(found.inputs, start=1)
    ]
