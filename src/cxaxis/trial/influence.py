"""What the spread of an answer over draws comes from, and which parameters it follows.

A run writes one log ratio of death rates per draw; the parameters of a draw are drawn again from
its streams. Parameters that no patient depends on, such as those of dishes and mice, are left out:
they are drawn as well, and would take part in the ranking by chance alone.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from cxaxis.core.arrays import FloatArray
from cxaxis.core.errors import ModelValueError, UserInputError
from cxaxis.trial.assurance import drawn_parameters, sampling_variance
from cxaxis.trial.protocol_parts import Populations

if TYPE_CHECKING:
    import pandas as pd

#: Draws with a ratio below which nothing is ranked.
LEAST_DRAWS: Final = 10
#: Of the rows that the cohort alone uses, those that decide who is enrolled; the others are read
#: by assays, and no death hangs on a reading.
ENROLLING: Final = (
    "share_male",
    "body_height",
    "share_t2",
    "share_t3",
    "diameter_t2",
    "diameter_t3",
    "diameter_t4",
    "node_visible_diameter",
)
#: Parameters told of, the most influential first.
MOST_INFLUENTIAL: Final = 10
# Draws beyond the number of leading parameters below which they are not held constant.
_LEAST_FREEDOM: Final = 10


@dataclass(frozen=True, kw_only=True)
class Influence:
    """How the answer follows one parameter over draws.

    Attributes
    ----------
    parameter
        Its id.
    rho
        Spearman's rank correlation, in [-1, 1]; positive where a larger value raises the answer.
    partial
        The same given the other leading parameters; None with too few draws, or if not leading.
    p
        Two-sided p-value of `rho`.
    p_any
        The same for all parameters together, by Holm's rule.
    """

    parameter: str
    rho: float
    partial: float | None
    p: float
    p_any: float


def patient_parameters(drugs: Iterable[str] | None = None) -> frozenset[str]:
    """Return the parameters that the deaths of a trial's patients depend on.

    Those of the patient model in any wiring, those that decide who is enrolled, and those that the
    drugs set. Left out are the parameters of assays and of xenografts, and those named after a drug
    that nobody is given.

    Parameters
    ----------
    drugs
        Ids of the drugs of the trial; every drug if None.

    Raises
    ------
    ModelValueError
        If a drug is unknown.
    """
    from cxaxis.cohort.population import agent_rows
    from cxaxis.knowledge.drugs import load_drugs
    from cxaxis.knowledge.parameters import UNIFORM_SHARES, load_parameters
    from cxaxis.models.build import build

    rows, known = load_parameters(), load_drugs()
    wanted = list(known) if drugs is None else list(dict.fromkeys(drugs))
    unknown = [name for name in wanted if name not in known]
    if unknown:
        msg = f"unknown drugs: {', '.join(unknown)}."
        raise ModelValueError(msg)
    # Every wiring has the same constants: an option that is off multiplies them by 0.
    default = build("patient", rows)
    others = "|".join(sorted(set(known) - set(wanted)))
    of_others = re.compile(rf"(^|_)({others})(_|$)") if others else None
    used = {
        name
        for name in (*default.bindings.values(), *ENROLLING, *UNIFORM_SHARES)
        if of_others is None or of_others.search(name) is None
    }
    for name in wanted:
        used |= set(agent_rows(default, rows, [known[name]]).values())
    return frozenset(used & set(rows))


def rank_influence(answer: FloatArray, inputs: Mapping[str, FloatArray]) -> tuple[Influence, ...]:
    """Rank parameters by the size of their rank correlation with an answer over draws.

    Parameters
    ----------
    answer
        Of each draw, shape ``(n_draw,)``, finite.
    inputs
        Parameter to its value in each draw, same shape; those that never vary are left out.

    Raises
    ------
    ModelValueError
        If there are fewer than `LEAST_DRAWS` draws or no parameter varies.
    """
    from scipy.stats import rankdata, spearmanr
    from statsmodels.stats.multitest import multipletests

    varied = {name: x for name, x in inputs.items() if np.ptp(x) > 0}
    if len(answer) < LEAST_DRAWS or not varied or np.ptp(answer) == 0:
        msg = (
            f"{len(answer)} draws of {len(varied)} varied parameters; influence is ranked from "
            f"{LEAST_DRAWS} draws that differ on."
        )
        raise ModelValueError(msg)
    tests = {name: spearmanr(x, answer) for name, x in varied.items()}
    together = multipletests([float(t.pvalue) for t in tests.values()], method="holm")[1]
    ordered = sorted(
        zip(tests.items(), together, strict=True),
        key=lambda item: -abs(float(item[0][1].statistic)),
    )
    leading = [name for (name, _), _ in ordered[:MOST_INFLUENTIAL]]
    ranks = {name: rankdata(varied[name]) for name in leading}
    free = len(answer) - len(leading)
    partial = (
        _partial(rankdata(answer), ranks) if len(leading) > 1 and free >= _LEAST_FREEDOM else {}
    )
    return tuple(
        Influence(
            parameter=name,
            rho=float(test.statistic),
            partial=partial.get(name),
            p=float(test.pvalue),
            p_any=float(p),
        )
        for (name, test), p in ordered
    )


def _partial(answer: FloatArray, ranks: Mapping[str, FloatArray]) -> dict[str, float]:
    """Return the correlation of residuals of ranks, each given all the others."""
    found = {}
    for name, own in ranks.items():
        rest = [np.ones(len(answer)), *(x for other, x in ranks.items() if other != name)]
        design = np.column_stack(rest)
        left = [y - design @ np.linalg.lstsq(design, y, rcond=None)[0] for y in (own, answer)]
        if min(float(np.ptp(x)) for x in left) > 0:
            found[name] = float(np.corrcoef(*left)[0, 1])
    return found


def influence_rows(
    tables: Mapping[str, pd.DataFrame],
    arms: Sequence[str],
    *,
    seed: int,
    drugs: Sequence[str] | None,
    notes: list[str],
    populations: Populations = "prior",
) -> list[tuple[Any, ...]]:
    """Return the rows of `cxaxis.trial.result_schemas.INFLUENCE`; notes say why there are none."""
    rows: list[tuple[Any, ...]] = []
    about = tables["parameters"]
    status: dict[str, str] = dict(zip(about["ID"], about["STATUS"], strict=True))
    used: frozenset[str] | None = None
    for arm in arms:
        known = _known_draws(tables["uncertainty"], arm)
        if len(known) < LEAST_DRAWS:
            notes.append(
                f"{arm}: {len(known)} draws of what is not known have a ratio; parameters are "
                f"ranked by influence from {LEAST_DRAWS} on."
            )
            continue
        used = patient_parameters(drugs) if used is None else used
        try:
            drawn = drawn_parameters(
                tables["parameters"], known, seed=seed, populations=populations
            )
            found = rank_influence(
                known["LOGHR"].to_numpy(dtype=np.float64),
                {name: x for name, x in drawn.items() if name in used},
            )
        except ModelValueError as err:
            notes.append(f"{arm}: {err}")
            continue
        except UserInputError as err:
            notes += [f"{arm}: {finding.message}" for finding in err.findings]
            continue
        rows += [
            (
                *(arm, rank, one.parameter, one.rho, one.partial, one.p, one.p_any),
                *(len(known), len(found), str(status[one.parameter])),
            )
            for rank, one in enumerate(found, start=1)
        ]
    return rows


def variance_rows(
    tables: Mapping[str, pd.DataFrame],
    arms: Sequence[str],
    *,
    control: str,
    seed: int,
    notes: list[str],
) -> list[tuple[Any, ...]]:
    """Return the rows of `cxaxis.trial.result_schemas.VARIANCE`; notes say why there are none."""
    from cxaxis.stats.nested_variance import nested_variance
    from cxaxis.trial.operating import pool_of

    rows: list[tuple[Any, ...]] = []
    for arm in arms:
        known = _known_draws(tables["uncertainty"], arm)
        if len(known) < 2:
            continue
        n = int(known["NPAT"].median())
        try:
            within = sampling_variance(
                pool_of(tables["pool"], (control, arm), "OS"),
                control=control,
                arm=arm,
                n_patient=n,
                seed=seed,
            )
        except ModelValueError as err:
            notes.append(f"{arm}: {err}")
            continue
        split = nested_variance(
            known["LOGHR"].to_numpy(dtype=np.float64),
            known["WIRING"].to_numpy(),
            within_variance=within,
        )
        wired: tuple[float | None, float | None] = (None, None)
        if split.wiring_low is not None and split.wiring_high is not None:
            wired = (split.wiring_low * split.total, split.wiring_high * split.total)
        parts: list[tuple[str, str, float | None, float | None, float | None, str]] = [
            ("total", "between draws, as estimated", split.total, None, None, ""),
            ("patients", f"sampling of {n} patients an arm", split.patients, None, None, ""),
            (
                "both",
                "parameters and wiring together",
                split.population,
                split.population_low,
                split.population_high,
                "",
            ),
            ("parameters", "parameters alone", split.parameters, None, None, split.reason),
            ("wiring", "wiring alone", split.wiring, *wired, split.reason),
        ]
        rows += [
            (
                *(arm, source, meaning, value, None if value is None else float(np.sqrt(value))),
                *(low, high, split.n_draw, note),
            )
            for source, meaning, value, low, high, note in parts
        ]
    return rows


def _known_draws(uncertainty: pd.DataFrame, arm: str) -> pd.DataFrame:
    mine = uncertainty[uncertainty["ARM"] == arm]
    known = np.isfinite(mine["LOGHR"].to_numpy(dtype=np.float64))
    found: pd.DataFrame = mine[known].reset_index(drop=True)
    return found
