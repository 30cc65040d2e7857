"""Which virtual patients are plausible, by the ranges of ``plausible.tsv``."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from cxaxis.cohort.sample import Cohort
from cxaxis.core.arrays import BoolArray, FloatArray
from cxaxis.knowledge.plausible import PlausibleRange, load_plausible


def doubling_day(cohort: Cohort) -> FloatArray:
    """Return the days in which the primary would double at the rates of its diagnosis.

    Births less the share of them that is lost at diagnosis, shape ``(n_patient,)``; infinite for
    a tumour that loses as much as it makes.
    """
    births = cohort.table.column("birth_rate")
    kept = 1.0 - cohort.table.column("loss_factor_at_diagnosis")
    net = births * np.maximum(kept, 0.0)
    days = np.full(len(net), np.inf)
    return np.asarray(np.divide(np.log(2.0), net, out=days, where=net > 0))


def implausible(
    cohort: Cohort, ranges: Mapping[str, PlausibleRange] | None = None
) -> dict[str, BoolArray]:
    """Return, by id of the range, which patients lie outside it, shape ``(n_patient,)`` each.

    Parameters
    ----------
    cohort
        Virtual patients.
    ranges
        The packaged ones if omitted. A value that is not a number lies outside.
    """
    chosen = load_plausible() if ranges is None else ranges
    outside = {}
    for name, item in chosen.items():
        known = item.quantity in cohort.covariates
        values = np.asarray(
            cohort.covariates[item.quantity] if known else doubling_day(cohort), dtype=float
        )
        outside[name] = ~((values >= item.low) & (values <= item.high))
    return outside
