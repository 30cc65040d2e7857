"""Virtual populations: sampled patients weighted, or selected, to published margins.

Of all weights that reproduce the margins those nearest to equal ones are taken (least
Kullback-Leibler divergence: exponential tilting, in the manner of Allen and of Rieger). A margin
read off ``n`` patients is known to its standard error and matched to that, which also settles
margins that contradict each other. Weights cannot make patients that were never sampled: the
effective sample size says how many equal patients the weighted ones are worth.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from cxaxis.core.arrays import FloatArray, IntArray
from cxaxis.core.errors import ModelValueError
from cxaxis.core.ids import did_you_mean
from cxaxis.core.streams import rng_for
from cxaxis.knowledge.margins import Margin, load_margins

#: A weighted population is trusted from this share of the pool on.
LEAST_EFFECTIVE_SHARE: Final = 0.25
LEAST_STANDARD_ERROR: Final = 1e-3


@dataclass(frozen=True, kw_only=True)
class Target:
    """Margins of several studies taken together.

    Attributes
    ----------
    covariate, statistic, level
        As in `cxaxis.knowledge.margins.Margin`.
    value
        Mean of the studies' values, each counted by its patients.
    n
        Patients of all studies.
    studies
        House names.
    """

    covariate: str
    statistic: str
    level: str
    value: float
    n: int
    studies: tuple[str, ...]

    @property
    def label(self) -> str:
        """The target in words, such as ``sex M, share``."""
        asked = {"share": f"share {self.level}", "share_at_least": f"share from {self.level}"}
        return f"{self.covariate}: {asked.get(self.statistic, self.statistic)}"


@dataclass(frozen=True, kw_only=True)
class MarginRow:
    """One margin of a pool before and after weighting.

    Attributes
    ----------
    target
        What was published.
    before, after
        The same of the pool as sampled and as weighted.
    """

    target: Target
    before: float
    after: float


@dataclass(frozen=True, kw_only=True)
class Weighting:
    """Weights of a pool.

    Attributes
    ----------
    weights
        Sum to 1, non-negative, shape ``(n_patient,)``.
    rows
        Margins before and after.
    unmatched
        Targets of covariates that the pool does not have.
    """

    weights: FloatArray
    rows: tuple[MarginRow, ...]
    unmatched: tuple[Target, ...]

    @property
    def effective_n(self) -> float:
        """Kish's effective sample size, 1 to the number of patients."""
        return effective_sample_size(self.weights)

    @property
    def effective_share(self) -> float:
        """Effective sample size as a share of the patients, in (0, 1]."""
        return self.effective_n / len(self.weights)


def effective_sample_size(weights: FloatArray) -> float:
    """Return Kish's effective sample size ``(sum w)^2 / sum w^2``."""
    return float(weights.sum() ** 2 / np.square(weights).sum())


def targets_of(
    setting: str, study: str | None = None, margins: Iterable[Margin] | None = None
) -> tuple[Target, ...]:
    """Return the targets of a setting, margins of several studies taken together.

    Parameters
    ----------
    setting
        Clinical setting.
    study
        House name of the one study to match; all of the setting if omitted.
    margins
        The packaged ones if omitted.

    Raises
    ------
    ModelValueError
        If the setting has no margins, or no such study.
    """
    chosen = tuple(load_margins().values() if margins is None else margins)
    here = [item for item in chosen if item.setting == setting]
    if not here:
        msg = f"no margins of {setting!r}. {did_you_mean(setting, {m.setting for m in chosen})}"
        raise ModelValueError(msg)
    if study is not None:
        studies = sorted({item.study for item in here})
        here = [item for item in here if item.study == study]
        if not here:
            hint = did_you_mean(study, studies)
            msg = f"no study {study!r} among the margins of {setting}. {hint}"
            raise ModelValueError(msg)
    groups: dict[tuple[str, str, str], list[Margin]] = {}
    for item in here:
        groups.setdefault((item.covariate, item.statistic, item.level), []).append(item)
    return tuple(
        Target(
            covariate=covariate,
            statistic=statistic,
            level=level,
            value=float(np.average([m.value for m in items], weights=[m.n for m in items])),
            n=sum(m.n for m in items),
            studies=tuple(m.study for m in items),
        )
        for (covariate, statistic, level), items in groups.items()
    )


def _moments(
    targets: Sequence[Target], covariates: Mapping[str, Any]
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Return each patient's part in each target, what its mean should be, and to what error."""
    means = {t.covariate: t.value for t in targets if t.statistic == "mean"}
    parts, aims, errors = [], [], []
    for target in targets:
        values = np.asarray(covariates[target.covariate])
        share = target.value
        if target.statistic == "share":
            part = values.astype(str) == target.level
        elif target.statistic == "share_at_least":
            part = values.astype(float) >= float(target.level)
        elif target.statistic == "median":
            part, share = values.astype(float) < target.value, 0.5
        elif target.statistic == "mean":
            scale = max(float(np.std(values.astype(float))), 1e-12)
            # In standard deviations of the pool, so that the search sees all targets alike.
            part, share = (values.astype(float) - target.value) / scale, 0.0
        else:
            centre = means.get(target.covariate, float(np.mean(values.astype(float))))
            part, share = ((values.astype(float) - centre) / target.value) ** 2, 1.0
        parts.append(np.asarray(part, dtype=float))
        aims.append(share)
        spread = {"mean": 1.0, "sd": math.sqrt(2.0)}.get(
            target.statistic, math.sqrt(share * (1 - share))
        )
        errors.append(max(spread / math.sqrt(target.n), LEAST_STANDARD_ERROR))
    return np.column_stack(parts), np.array(aims), np.array(errors)


def statistic_of(target: Target, covariates: Mapping[str, Any], weights: FloatArray) -> float:
    """Return the target's statistic among patients whose weights sum to 1."""
    values = np.asarray(covariates[target.covariate])
    if target.statistic == "share":
        return float(weights[values.astype(str) == target.level].sum())
    numbers = values.astype(float)
    if target.statistic == "share_at_least":
        return float(weights[numbers >= float(target.level)].sum())
    if target.statistic == "median":
        order = np.argsort(numbers, kind="stable")
        middle = int(np.searchsorted(np.cumsum(weights[order]), 0.5))
        return float(numbers[order][min(middle, len(order) - 1)])
    mean = float(weights @ numbers)
    return mean if target.statistic == "mean" else float(np.sqrt(weights @ (numbers - mean) ** 2))


def weigh(covariates: Mapping[str, Any], targets: Sequence[Target]) -> Weighting:
    """Return the weights nearest to equal ones that reproduce the targets.

    Parameters
    ----------
    covariates
        Of a pool, shape ``(n_patient,)`` each.
    targets
        See `targets_of`. Those of covariates that the pool does not have are left out and named.

    Raises
    ------
    ModelValueError
        If there are no patients.
    """
    from scipy.optimize import minimize
    from scipy.special import logsumexp, softmax

    n = len(np.asarray(next(iter(covariates.values()))))
    if n == 0:
        msg = "no patients to weigh. Sample a pool of at least one."
        raise ModelValueError(msg)
    matched = [target for target in targets if target.covariate in covariates]
    unmatched = tuple(target for target in targets if target.covariate not in covariates)
    equal = np.full(n, 1.0 / n)
    weights = equal
    if matched:
        parts, aims, errors = _moments(matched, covariates)
        excess = parts - aims

        def dual(tilt: FloatArray) -> tuple[float, FloatArray]:
            value = logsumexp(excess @ tilt) + 0.5 * np.sum((errors * tilt) ** 2)
            return float(value), softmax(excess @ tilt) @ excess + errors**2 * tilt

        found = minimize(dual, np.zeros(len(matched)), jac=True, method="L-BFGS-B")
        weights = np.asarray(softmax(excess @ found.x))
    rows = tuple(
        MarginRow(
            target=target,
            before=statistic_of(target, covariates, equal),
            after=statistic_of(target, covariates, weights),
        )
        for target in matched
    )
    return Weighting(weights=weights, rows=rows, unmatched=unmatched)


def select(weights: FloatArray, n: int, *, seed: int) -> IntArray:
    """Return the positions of ``n`` patients drawn without replacement, by their weights.

    Each enters with a chance in proportion to its weight (systematic sampling in a random order);
    one whose chance would pass 1 enters surely.

    Parameters
    ----------
    weights
        Non-negative, shape ``(n_patient,)``.
    n
        At most the number of patients with a weight.
    seed
        Seed of the draw.

    Returns
    -------
    Ascending, shape ``(n,)``.

    Raises
    ------
    ModelValueError
        If fewer than ``n`` patients have a weight.
    """
    able = int((weights > 0).sum())
    if not 1 <= n <= able:
        msg = f"{n} patients cannot be drawn from {able} with a weight. Sample a larger pool."
        raise ModelValueError(msg)
    chance = np.zeros(len(weights))
    sure = np.zeros(len(weights), dtype=bool)
    while True:
        free = ~sure
        chance[free] = (n - sure.sum()) * weights[free] / max(weights[free].sum(), 1e-300)
        above = free & (chance >= 1.0)
        if not above.any():
            break
        sure |= above
        chance[above] = 1.0
        if sure.sum() == n:
            chance[~sure] = 0.0
            break
    rng = rng_for(seed, "cohort", "selection")
    order = rng.permutation(len(weights))
    ends = np.cumsum(chance[order])
    # The chances sum to n but for rounding, which must not cost or give a patient.
    ends *= n / ends[-1]
    hits = np.searchsorted(ends, rng.uniform() + np.arange(n), side="right")
    return np.sort(order[np.minimum(hits, len(order) - 1)])


@dataclass(frozen=True, kw_only=True)
class ShownMargin:
    """A margin as a line of a table.

    Attributes
    ----------
    label, studies
        What was published, and by whom.
    values
        Published, before, and what the columns of the table say.
    """

    label: str
    studies: str
    values: tuple[float, ...]


@dataclass(frozen=True, kw_only=True)
class MarginTable:
    """Margins of a cohort as a table.

    Attributes
    ----------
    columns
        Names of the values after the first two.
    rows
        Lines.
    unmatched
        Labels of margins that the model has no covariate for.
    pool
        Patients weighted.
    effective_n
        Effective sample size of their weights.
    """

    columns: tuple[str, ...]
    rows: tuple[ShownMargin, ...]
    unmatched: tuple[str, ...]
    pool: int
    effective_n: float


def margin_table(
    covariates: Mapping[str, Any], setting: str, record: Mapping[str, Any] | None
) -> MarginTable:
    """Return margins before and after.

    Parameters
    ----------
    covariates
        Of a cohort.
    setting
        Its setting.
    record
        What selecting the cohort left, see `cxaxis.cohort.virtual.margins_record`; None to weigh
        the cohort as it is.
    """
    if record is None:
        found = weigh(covariates, targets_of(setting))
        return MarginTable(
            columns=("Weighted",),
            rows=tuple(
                _shown(row.target, row.target.value, row.before, row.after) for row in found.rows
            ),
            unmatched=tuple(target.label for target in found.unmatched),
            pool=len(found.weights),
            effective_n=found.effective_n,
        )
    return MarginTable(
        columns=("Weighted", "Selected"),
        rows=tuple(
            _shown(
                target := _target(row["target"]),
                target.value,
                row["before"],
                row["weighted"],
                row["after"],
            )
            for row in record["rows"]
        ),
        unmatched=tuple(_target(item).label for item in record["unmatched"]),
        pool=int(record["pool"]),
        effective_n=float(record["effective_n"]),
    )


def _target(item: Mapping[str, Any]) -> Target:
    return Target(**{**item, "studies": tuple(item["studies"])})


def _shown(target: Target, *values: float) -> ShownMargin:
    return ShownMargin(label=target.label, studies=", ".join(target.studies), values=values)
