"""From measurements to a verdict: the rule, the same for every check.

In one world an expectation holds if the whole interval of the measurement lies within its range,
and fails if the whole interval lies outside. Over the worlds it is reproduced if it holds in at
least 95 %, contradicted if it fails in at least 95 %, and undetermined otherwise.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final

import numpy as np

from cxaxis.claims.records import Measured, Outcome, Verdict
from cxaxis.core.errors import ModelValueError
from cxaxis.knowledge.expectations import Expectation

SHARE: Final = 0.95
MOST_FAILED: Final = 0.2
#: A model that was broken on purpose may fail more often: a marrow without CXCL12 hardly rests.
MOST_BROKEN_FAILED: Final = 0.5
# Sums and quotients of tabled numbers meet a bound to within rounding.
ROUNDING: Final = 1e-9


def holds(measured: Measured, expectation: Expectation) -> bool | None:
    """Return whether the expectation holds, None where the interval straddles a bound."""
    low, high = measured.interval
    inside = _at_least(low, expectation.low) and _at_most(high, expectation.high)
    if inside:
        return True
    below = expectation.low is not None and not _at_least(high, expectation.low)
    above = expectation.high is not None and not _at_most(low, expectation.high)
    return False if below or above else None


def _at_least(value: float, bound: float | None) -> bool:
    return bound is None or value >= bound - ROUNDING * max(1.0, abs(bound))


def _at_most(value: float, bound: float | None) -> bool:
    return bound is None or value <= bound + ROUNDING * max(1.0, abs(bound))


def outcome(
    measurements: Sequence[Measured | None],
    expectation: Expectation,
    *,
    most_failed: float = MOST_FAILED,
) -> Outcome:
    """Return what the worlds say about one expectation.

    Parameters
    ----------
    measurements
        One per world; None where the world failed.
    expectation
        What must hold.
    most_failed
        Share of worlds that may fail.

    Raises
    ------
    ModelValueError
        If a measurement has another unit than the expectation, or there is none at all.
    """
    if not measurements:
        msg = f"{expectation.id}: nothing was measured."
        raise ModelValueError(msg)
    known = [item for item in measurements if item is not None and item.is_known]
    for item in known:
        if item.unit != expectation.unit:
            msg = (
                f"{expectation.id} is expected in {expectation.unit!r}, measured in {item.unit!r}."
            )
            raise ModelValueError(msg)
    if not known or len(known) < (1.0 - most_failed) * len(measurements):
        untold: Verdict = "not_testable" if len(measurements) == 1 else "model_failed"
        return _nothing(untold, n_world=len(known))
    if len(measurements) == 1:
        return _single(known[0], expectation)
    return _many(known, expectation)


def _nothing(verdict: Verdict, *, n_world: int) -> Outcome:
    nan = math.nan
    return Outcome(
        verdict=verdict,
        value=nan,
        low=nan,
        high=nan,
        share=nan,
        n_world=n_world,
        margin=0.0,
        mc_error=0.0,
    )


def _single(measured: Measured, expectation: Expectation) -> Outcome:
    held = holds(measured, expectation)
    verdicts: dict[bool | None, Verdict] = {
        True: "reproduced",
        False: "contradicted",
        None: "undetermined",
    }
    low, high = measured.interval
    bounds = [b for b in (expectation.low, expectation.high) if b is not None]
    nearest = min(abs(end - b) / max(abs(b), 1.0) for end in (low, high) for b in bounds)
    return Outcome(
        verdict=verdicts[held],
        value=measured.value,
        low=low,
        high=high,
        share=float(held is True),
        n_world=1,
        margin=nearest,
        mc_error=0.0,
    )


def _many(known: Sequence[Measured], expectation: Expectation) -> Outcome:
    held = [holds(item, expectation) for item in known]
    n = len(held)
    share, failing = held.count(True) / n, held.count(False) / n
    if share >= SHARE:
        verdict: Verdict = "reproduced"
        margin = share - SHARE
        moving = share
    elif failing >= SHARE:
        verdict, margin, moving = "contradicted", failing - SHARE, failing
    else:
        moving = max(share, failing)
        verdict, margin = "undetermined", SHARE - moving
    values = np.array([item.value for item in known])
    low, high = np.quantile(values, (0.025, 0.975))
    # Two more worlds, one each way: a share of one is not known without error.
    smooth = (moving * n + 1.0) / (n + 2.0)
    return Outcome(
        verdict=verdict,
        value=float(np.median(values)),
        low=float(low),
        high=float(high),
        share=share,
        n_world=n,
        margin=margin,
        mc_error=math.sqrt(smooth * (1.0 - smooth) / (n + 2.0)),
    )
