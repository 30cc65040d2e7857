"""A virtual population: a pool of plausible patients, of whom some are selected to margins."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from typing import Any, Final

import numpy as np

from cxaxis.cohort.plausible import implausible
from cxaxis.cohort.sample import Cohort, sample_cohort
from cxaxis.cohort.settings import LOCALLY_ADVANCED, Setting
from cxaxis.cohort.weights import (
    MarginRow,
    Target,
    Weighting,
    select,
    statistic_of,
    targets_of,
    weigh,
)
from cxaxis.core.errors import ModelValueError
from cxaxis.core.hashing import sha256_of
from cxaxis.knowledge.plausible import load_plausible

#: Patients of the pool for each one selected, where nobody says how many.
POOL_PER_PATIENT: Final = 3
#: Name of the margins of all studies of a setting.
ALL_STUDIES: Final = "all"


@dataclass(frozen=True, kw_only=True)
class VirtualPopulation:
    """Patients selected to margins.

    Attributes
    ----------
    cohort
        The selected; ``screened`` also counts ``implausible`` and ``not_selected``.
    weighting
        Weights and margins of the plausible patients of the pool.
    rows
        Margins of the pool as sampled (``before``) and of the selected (``after``).
    """

    cohort: Cohort
    weighting: Weighting
    rows: tuple[MarginRow, ...]


def sample_virtual(
    n: int,
    seed: int,
    *,
    setting: Setting = LOCALLY_ADVANCED,
    study: str = ALL_STUDIES,
    pool: int | None = None,
    **options: Any,
) -> VirtualPopulation:
    """Sample a pool, leave out implausible patients and select ``n`` to published margins.

    Parameters
    ----------
    n
        Patients.
    seed
        Seed of the pool and of the selection.
    setting
        Which stages are eligible.
    study
        House name of one study, or `ALL_STUDIES` of the setting.
    pool
        Patients sampled, at least ``n``; `POOL_PER_PATIENT` for each if omitted.
    options
        Of `sample_cohort`.

    Raises
    ------
    ModelValueError
        If the pool is smaller than ``n`` or the study has no margins in the setting.
    ScreeningError
        If the population yields too few patients.
    """
    targets = targets_of(setting, None if study == ALL_STUDIES else study)
    size = POOL_PER_PATIENT * n if pool is None else pool
    if size < n:
        msg = f"a pool of {size} cannot give {n} patients. Give at least {n}."
        raise ModelValueError(msg)
    return select_virtual(sample_cohort(size, seed, setting=setting, **options), n, targets)


def select_virtual(pool: Cohort, n: int, targets: tuple[Target, ...]) -> VirtualPopulation:
    """Select ``n`` plausible patients of a pool to targets; see `sample_virtual`."""
    outside = np.any(list(implausible(pool).values()), axis=0)
    plausible = pool.rows(np.flatnonzero(~outside))
    weighting = weigh(plausible.covariates, targets)
    chosen = plausible.rows(select(weighting.weights, n, seed=pool.seed))
    counts = {
        **pool.screened,
        "implausible": int(outside.sum()),
        "not_selected": len(plausible) - n,
    }
    equal = np.full(n, 1.0 / n)
    rows = tuple(
        replace(row, after=statistic_of(row.target, chosen.covariates, equal))
        for row in weighting.rows
    )
    return VirtualPopulation(
        cohort=replace(chosen, screened=counts), weighting=weighting, rows=rows
    )


def margins_record(population: VirtualPopulation) -> dict[str, Any]:
    """Return the margins and effective sample size as JSON content."""
    weighting = population.weighting
    return {
        "rows": [
            {**asdict(row), "weighted": weighted.after}
            for row, weighted in zip(population.rows, weighting.rows, strict=True)
        ],
        "unmatched": [asdict(target) for target in weighting.unmatched],
        "pool": len(weighting.weights),
        "effective_n": weighting.effective_n,
    }


def margins_sha256(setting: str, study: str) -> str:
    """Return the hash of what patients are selected by: targets and plausible ranges."""
    targets = targets_of(setting, None if study == ALL_STUDIES else study)
    ranges = [[item.quantity, item.low, item.high] for item in load_plausible().values()]
    return sha256_of([study, ranges, *(asdict(target) for target in targets)])


def sample_enrolled(
    n: int, seed: int, *, setting: Setting, margins: str | None, **options: Any
) -> Cohort:
    """Return ``n`` patients as they come, or selected to margins.

    Parameters
    ----------
    margins
        Study, or `ALL_STUDIES`; None for patients as they come.
    n, seed, setting, options
        As of `sample_virtual`.
    """
    if margins is None:
        return sample_cohort(n, seed, setting=setting, **options)
    return sample_virtual(n, seed, setting=setting, study=margins, **options).cohort
