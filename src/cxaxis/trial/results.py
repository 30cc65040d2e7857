"""Every result of a trial as tables, worked out once from the tables of a run.

The allocated trial gives curves, tests, ratios, response rates and subgroups; the pool gives
effects on single patients, which say that they are counterfactual; the draws give what the spread
of the answer comes from. What cannot be worked out is told in `TrialResults.notes`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from cxaxis.core.errors import ModelValueError
from cxaxis.runs.tables import TableSchema, empty_frame
from cxaxis.trial.comparisons import (
    MARKER,
    OBJECTIVE,
    landmark_comparison,
    marker_concordance,
    stratified_comparison,
)
from cxaxis.trial.flow import flow_of
from cxaxis.trial.individual_effects import EFFECTS, counterfactual_summary, individual_effects
from cxaxis.trial.influence import influence_rows, variance_rows
from cxaxis.trial.result_schemas import (
    CONCORDANCE,
    COUNTERFACTUAL,
    FLOW,
    HAZARD_RATIOS,
    INFLUENCE,
    INTERIM_LOOKS,
    NUMBER_NEEDED,
    RESPONSE_RATES,
    RESTRICTED_MEANS,
    SUBGROUPS,
    SURVIVAL_CURVES,
    VARIANCE,
)
from cxaxis.trial.schemas import STAIN_CALLS
from cxaxis.trial.subgroup_effects import baseline_factors, trial_subgroups

if TYPE_CHECKING:
    import pandas as pd

    from cxaxis.stats.subgroups import SubgroupRatio
    from cxaxis.trial.subgroup_effects import TrialSubgroups

DAYS_PER_MONTH: Final = 365.25 / 12.0
LANDMARK_MONTHS: Final = (12, 24, 36, 60)
#: Events of both arms below which subgroups would hold a handful each.
LEAST_EVENTS: Final = 20
#: Replicates of the bootstraps of landmarks and of concordance.
BOOTSTRAPS: Final = 300
_Z95: Final = 1.959963984540054
_STRATUM_COLUMNS: Final[Mapping[str, str]] = {
    "stage": "STAGE",
    "sex": "SEX",
    "cxcr4_ihc": "CXCR4GR",
    **STAIN_CALLS,
}


@dataclass(frozen=True, kw_only=True)
class TrialResults:
    """The results of a trial.

    Attributes
    ----------
    tables
        By name, each of `cxaxis.trial.result_schemas.RESULT_SCHEMAS`; of no row where nothing
        could be worked out.
    subgroups
        Subgroups of overall survival by arm, those that hold enough events.
    notes
        What could not be worked out, and why, one sentence each.
    """

    tables: Mapping[str, pd.DataFrame]
    subgroups: Mapping[str, TrialSubgroups]
    notes: tuple[str, ...]


def trial_results(
    tables: Mapping[str, pd.DataFrame],
    *,
    arms: Mapping[str, str],
    control: str,
    protocol: Mapping[str, Any],
    seed: int,
    screened: Mapping[str, int],
    looks: Sequence[Mapping[str, Any]] = (),
    last_dose_day: Mapping[str, float] | None = None,
    drugs: Sequence[str] | None = None,
) -> TrialResults:
    """Work out every result of a run.

    Parameters
    ----------
    tables
        Of the run, by name.
    arms
        Arm id to the name shown, in protocol order.
    control
        Id of the control arm.
    protocol
        Content of ``protocol.json``; its strata are used.
    seed
        Of the run; bootstraps have streams of their own.
    screened
        See `cxaxis.trial.flow.flow_of`.
    looks
        Interim looks as ``summary.json`` has them.
    last_dose_day
        See `cxaxis.trial.flow.flow_of`.
    drugs
        Ids of the drugs of the arms, whose parameters may matter; None for all parameters.
    """
    adsl, adtte = tables["adsl"], tables["adtte"]
    notes: list[str] = []
    others = [arm for arm in arms if arm != control]
    layered, strata = strata_columns(adsl, protocol)
    found = _subgroups(adsl, adtte, control, others, notes)
    rows: dict[str, list[tuple[Any, ...]]] = {
        HAZARD_RATIOS.name: [],
        RESTRICTED_MEANS.name: [],
        NUMBER_NEEDED.name: [],
        COUNTERFACTUAL.name: [],
    }
    effects = []
    for arm in others:
        for code in _codes(adtte):
            rows[HAZARD_RATIOS.name] += _ratio_rows(layered, adtte, code, control, arm, strata)
            rows[RESTRICTED_MEANS.name] += _mean_rows(adtte, code, control, arm)
        rows[NUMBER_NEEDED.name] += _needed_rows(adtte, control, arm, seed)
        given = _tried(partial(individual_effects, tables["pool"], control=control, arm=arm), notes)
        if given is not None and len(given):
            effects.append(given)
            rows[COUNTERFACTUAL.name].append(_counterfactual_row(given, seed))
    rows[SUBGROUPS.name] = [
        row for arm, one in found.items() for row in _subgroup_rows(control, arm, one)
    ]
    rows[SURVIVAL_CURVES.name] = _curve_rows(adtte, list(arms))
    rows[RESPONSE_RATES.name] = _response_rows(tables, list(arms), control)
    rows[CONCORDANCE.name] = _concordance_rows(adsl, adtte, control, seed, notes)
    rows[INTERIM_LOOKS.name] = [_look_row(look) for look in looks]
    rows[VARIANCE.name] = variance_rows(tables, others, control=control, seed=seed, notes=notes)
    rows[INFLUENCE.name] = influence_rows(
        tables,
        others,
        seed=seed,
        drugs=drugs,
        notes=notes,
        populations=protocol.get("uncertainty", {}).get("populations", "prior"),
    )
    made = {
        schema.name: _frame(schema, rows[schema.name])
        for schema in (
            SURVIVAL_CURVES,
            HAZARD_RATIOS,
            RESTRICTED_MEANS,
            RESPONSE_RATES,
            SUBGROUPS,
            NUMBER_NEEDED,
            COUNTERFACTUAL,
            CONCORDANCE,
            INTERIM_LOOKS,
            VARIANCE,
            INFLUENCE,
        )
    }
    made[FLOW.name] = flow_of(
        screened,
        adsl,
        adtte,
        tables["outcome"],
        tables["adpath"],
        arms=arms,
        last_dose_day=last_dose_day,
    )
    made[EFFECTS.name] = _joined(effects)
    return TrialResults(tables=made, subgroups=found, notes=tuple(dict.fromkeys(notes)))


def strata_columns(
    adsl: pd.DataFrame, protocol: Mapping[str, Any]
) -> tuple[pd.DataFrame, tuple[str, ...]]:
    """Return ``adsl`` and the columns that hold the strata of the protocol's allocation.

    Bands of a biomarker become a column of their own, ``<biomarker>BAND``, numbered from 0.
    Columns with one level alone, or that ``adsl`` lacks, are left out.
    """
    named = [_STRATUM_COLUMNS[name] for name in protocol.get("strata") or ()]
    table = adsl
    for item in protocol.get("biomarker_strata") or ():
        name = f"{item['biomarker']}BAND"
        starts = np.sort([band[0] for band in item["bands"]])
        band = np.searchsorted(starts, table[item["biomarker"]].to_numpy(float), side="right") - 1
        table = table.assign(**{name: np.maximum(band, 0)})
        named.append(name)
    kept = [name for name in dict.fromkeys(named) if name in table and table[name].nunique() > 1]
    return table, tuple(kept)


def _codes(adtte: pd.DataFrame) -> list[str]:
    return [str(code) for code in adtte["PARAMCD"].unique()]


def _tried(work: Callable[[], Any], notes: list[str]) -> Any:
    """Return what is worked out, or None with its reason noted."""
    try:
        return work()
    except ModelValueError as err:
        notes.append(str(err))
        return None


def _frame(schema: TableSchema, rows: Sequence[tuple[Any, ...]]) -> pd.DataFrame:
    import pandas as pd

    if not rows:
        return empty_frame(schema)
    frame = pd.DataFrame(rows, columns=list(schema.column_names))
    floats = [column.name for column in schema.columns if column.type == "float64"]
    return frame.astype(dict.fromkeys(floats, float))


def _joined(frames: Sequence[pd.DataFrame]) -> pd.DataFrame:
    import pandas as pd

    return pd.concat(frames, ignore_index=True) if frames else empty_frame(EFFECTS)


def _side(adtte: pd.DataFrame, code: str, arm: str) -> tuple[Any, Any]:
    rows = adtte[(adtte["PARAMCD"] == code) & (adtte["TRT01P"] == arm)]
    return rows["AVAL"].to_numpy(dtype=np.float64), rows["EVENT"].to_numpy(dtype=bool)


def _curve_rows(adtte: pd.DataFrame, arms: Sequence[str]) -> list[tuple[Any, ...]]:
    from cxaxis.stats.survival import kaplan_meier

    rows: list[tuple[Any, ...]] = []
    for code in _codes(adtte):
        for arm in arms:
            day, event = _side(adtte, code, arm)
            if len(day) == 0:
                continue
            curve = kaplan_meier(day, event)
            columns = (curve.time_day, curve.survival, curve.low, curve.high, curve.at_risk)
            counts = (curve.n_event, curve.n_censored)
            rows += [
                (code, arm, *(float(x) for x in values[:4]), *(int(x) for x in values[4:]))
                for values in zip(*columns, *counts, strict=True)
            ]
    return rows


def _ratio_rows(
    adsl: pd.DataFrame,
    adtte: pd.DataFrame,
    code: str,
    control: str,
    arm: str,
    strata: Sequence[str],
) -> list[tuple[Any, ...]]:
    from cxaxis.stats.stratified import EFRON
    from cxaxis.stats.survival import cox_hazard_ratio, log_rank

    sides = [_side(adtte, code, name) for name in (control, arm)]
    if not all(len(day) for day, _ in sides):
        return []
    day, event = (np.concatenate(parts) for parts in zip(*sides, strict=True))
    treated = np.repeat([False, True], [len(side[0]) for side in sides])
    about = (EFRON, len(day), int(event.sum()))
    ratio, test = cox_hazard_ratio(day, event, treated), log_rank(day, event, treated)
    limits = (None,) * 3 if ratio is None else (ratio.hr, ratio.low, ratio.high)
    wald = None if ratio is None else _wald(ratio.hr, ratio.low, ratio.high)
    note = "" if ratio is not None else "the events do not determine a hazard ratio"
    p = None if test is None else test.p
    rows: list[tuple[Any, ...]] = [(code, arm, control, "", *limits, wald, p, *about, note)]
    if not strata:
        return rows
    layers = ", ".join(strata)
    try:
        found = stratified_comparison(
            adsl, adtte, control=control, arm=arm, strata=strata, paramcd=code
        )
    except ModelValueError as err:
        return [*rows, (code, arm, control, layers, *(None,) * 5, *about, str(err))]
    term = found.cox.of("treated")
    p = None if found.log_rank is None else found.log_rank.p
    return [
        *rows,
        (code, arm, control, layers, term.hr, term.low, term.high, term.p, p, *about, ""),
    ]


def _wald(hr: float, low: float, high: float) -> float:
    """Return the two-sided p-value that belongs to a Wald interval."""
    from scipy.stats import norm

    error = (np.log(high) - np.log(low)) / (2.0 * _Z95)
    return float(2.0 * norm.sf(abs(np.log(hr)) / error))


def _mean_rows(adtte: pd.DataFrame, code: str, control: str, arm: str) -> list[tuple[Any, ...]]:
    from cxaxis.stats.survival import restricted_mean_survival

    sides = [_side(adtte, code, name) for name in (control, arm)]
    if not all(len(day) for day, _ in sides):
        return []
    horizon = float(min(day.max() for day, _ in sides))
    if horizon <= 0:
        return []
    one, other = (restricted_mean_survival(*side, horizon_day=horizon) for side in sides)
    difference = other.mean_day - one.mean_day
    half = float(np.hypot(one.high_day - one.mean_day, other.high_day - other.mean_day))
    return [
        (
            *(code, arm, control, horizon, other.mean_day, one.mean_day),
            *(difference, difference - half, difference + half),
        )
    ]


def _needed_rows(adtte: pd.DataFrame, control: str, arm: str, seed: int) -> list[tuple[Any, ...]]:
    rows: list[tuple[Any, ...]] = []
    for month in LANDMARK_MONTHS:
        try:
            found = landmark_comparison(
                adtte,
                control=control,
                arm=arm,
                landmark_day=month * DAYS_PER_MONTH,
                seed=seed,
                n_boot=BOOTSTRAPS,
            )
        except ModelValueError:
            # A landmark beyond the follow-up of an arm has no number.
            continue
        rows.append(
            (
                *("OS", arm, control, found.landmark_day, found.control, found.treated),
                *(found.difference, found.low_difference, found.high_difference),
                *(found.needed, found.low, found.high, found.told()),
            )
        )
    return rows


def _response_rows(
    tables: Mapping[str, pd.DataFrame], arms: Sequence[str], control: str
) -> list[tuple[Any, ...]]:
    adsl, adrs, adpath = tables["adsl"], tables["adrs"], tables["adpath"]
    best = adrs[adrs["PARAMCD"] == "BESTRESP"]
    who = {
        "ORR": best.loc[best["AVALC"].isin(OBJECTIVE), "USUBJID"],
        "CR": best.loc[best["AVALC"] == "CR", "USUBJID"],
    }
    if not adpath.empty:
        who["R0"] = adpath.loc[adpath["MARGIN"] == "R0", "USUBJID"]
        who["PCR"] = adpath.loc[adpath["PCR"].astype(bool), "USUBJID"]
        who["MPR"] = adpath.loc[adpath["MPR"].astype(bool), "USUBJID"]
    sets = {"allocated": adsl, "operated": adpath}
    rows: list[tuple[Any, ...]] = []
    for name, patients in who.items():
        for of, table in sets.items():
            if table.empty or (of == "operated" and name in ("ORR", "CR")):
                continue
            flags = {
                arm: table.loc[table["TRT01P"] == arm, "USUBJID"].isin(patients).to_numpy(bool)
                for arm in arms
            }
            rows += [
                _response_row(name, of, arm, flags[arm], None if arm == control else flags[control])
                for arm in arms
                if len(flags[arm])
            ]
    return rows


def _response_row(name: str, of: str, arm: str, flags: Any, control: Any) -> tuple[Any, ...]:
    from cxaxis.stats.response_rates import response_rate, response_rate_difference

    rate = response_rate(flags)
    gap: tuple[float | None, ...] = (None, None, None)
    if control is not None and len(control):
        found = response_rate_difference(control, flags)
        gap = (found.difference, found.low, found.high)
    return (name, of, arm, len(flags), int(flags.sum()), rate.share, rate.low, rate.high, *gap)


def _subgroups(
    adsl: pd.DataFrame, adtte: pd.DataFrame, control: str, others: Sequence[str], notes: list[str]
) -> dict[str, TrialSubgroups]:
    factors = baseline_factors(adsl)
    rows = adtte[(adtte["PARAMCD"] == "OS") & adtte["EVENT"]]
    events = rows["TRT01P"].value_counts()
    found = {}
    for arm in others:
        counts = [int(events.get(name, 0)) for name in (control, arm)]
        if not factors or min(counts) == 0 or sum(counts) < LEAST_EVENTS:
            notes.append(
                f"{arm}: {sum(counts)} deaths in the two arms; subgroups are shown from "
                f"{LEAST_EVENTS} on."
            )
            continue
        found[arm] = trial_subgroups(adsl, adtte, control=control, arm=arm, factors=factors)
    return found


def _subgroup_rows(control: str, arm: str, found: TrialSubgroups) -> list[tuple[Any, ...]]:
    def row(factor: str, one: SubgroupRatio, p: float | None) -> tuple[Any, ...]:
        ratio = one.ratio
        limits = (None,) * 3 if ratio is None else (ratio.hr, ratio.low, ratio.high)
        counts = (one.n_control, one.n_treated, one.events_control, one.events_treated)
        return ("OS", arm, control, factor, one.label, *counts, *limits, p)

    return [
        row("All patients", found.everyone, None),
        *(
            row(item.factor, level, item.p_interaction)
            for item in found.factors
            for level in item.levels
        ),
    ]


def _counterfactual_row(effects: pd.DataFrame, seed: int) -> tuple[Any, ...]:
    told = counterfactual_summary(effects, seed=seed)
    mean = told.mean_gain_day
    arm, code = effects[["ARM", "PARAMCD"]].iloc[0]
    counts = (told.n, told.gained, told.lost, told.unchanged)
    return (arm, code, *counts, mean.estimate, mean.low, mean.high)


def _concordance_rows(
    adsl: pd.DataFrame, adtte: pd.DataFrame, control: str, seed: int, notes: list[str]
) -> list[tuple[Any, ...]]:
    day, event = _side(adtte, "OS", control)
    if int(event.sum()) < LEAST_EVENTS:
        notes.append(
            f"{control}: {int(event.sum())} deaths; the concordance of a marker is given from "
            f"{LEAST_EVENTS} on."
        )
        return []
    found = _tried(
        lambda: marker_concordance(adsl, adtte, arm=control, seed=seed, n_boot=BOOTSTRAPS), notes
    )
    if found is None:
        return []
    models = {
        "marker": found.score,
        "stage": found.stage,
        "both": found.score_with_stage,
        "gain": found.gain,
    }
    about = (len(day), int(event.sum()))
    return [
        ("OS", control, MARKER, model, one.estimate, one.low, one.high, *about)
        for model, one in models.items()
    ]


def _look_row(look: Mapping[str, Any]) -> tuple[Any, ...]:
    keys = ("number", "day", "patients", "events", "fraction", "z", "boundary", "futility_z")
    return (*(look[key] for key in keys), look["alpha_spent"], look["decision"])
