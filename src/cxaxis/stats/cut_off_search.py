"""What searching for the best cut-off, and printing what comes out significant, does to a pool.

A series of patients has a continuous marker. Whoever dichotomises it at the cut-off with the
largest adverse statistic prints a log hazard ratio that is too large on average; whoever is
then more likely to print it if P < 0.05 makes the printed ones larger still. Both are simulated
here and taken off again.

The statistics at the candidate cut-offs are drawn from their limiting distribution (Lausen and
Schumacher 1992): with ``d`` events, the score at a cut-off that leaves the share ``p`` high has
variance ``d p (1 - p)``, two scores have covariance ``d min(p, q) (1 - max(p, q))``, and a true
effect ``b`` at the middle cut-off ``m`` shifts the score at ``p`` by ``b`` times its covariance
with the one at ``m``.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from cxaxis.core.arrays import FloatArray
from cxaxis.core.errors import ModelValueError
from cxaxis.core.streams import rng_for
from cxaxis.stats.small_study import SIGNIFICANT_Z
from cxaxis.stats.study_effects import StudyEffect, events_behind

N_SIMULATION: Final = 40_000
_GRID: Final = 41
_SPAN: Final = 2.0


@dataclass(frozen=True, kw_only=True)
class Reporting:
    """How a series comes to be printed.

    Attributes
    ----------
    n_cut_offs
        Cut-offs tried, odd; they leave evenly spaced shares of the patients high, and the
        middle one is where the marker truly acts. 1 is a cut-off fixed beforehand.
    least_share_high, most_share_high
        Range of the shares high over the cut-offs tried, in (0, 1). The defaults surround the
        58 % of tumours that are CXCR4-positive by immunohistochemistry.
    share_searching
        Share of the series that choose the cut-off with the largest adverse statistic; the
        others use the middle one. In [0, 1].
    weight_not_significant
        How likely a series without an adverse result at two-sided P < 0.05 is to be printed,
        relative to one with it. In (0, 1]; 1 is no selection.
    """

    n_cut_offs: int = 1
    least_share_high: float = 0.35
    most_share_high: float = 0.80
    share_searching: float = 1.0
    weight_not_significant: float = 1.0

    def __post_init__(self) -> None:
        if self.n_cut_offs < 1 or self.n_cut_offs % 2 == 0:
            msg = f"n_cut_offs must be a positive odd number, got {self.n_cut_offs!r}."
            raise ModelValueError(msg)
        if not 0.0 < self.least_share_high <= self.most_share_high < 1.0:
            msg = (
                "the shares high must rise within (0, 1), got "
                f"{self.least_share_high!r} to {self.most_share_high!r}."
            )
            raise ModelValueError(msg)
        if not 0.0 <= self.share_searching <= 1.0:
            msg = f"share_searching must lie in [0, 1], got {self.share_searching!r}."
            raise ModelValueError(msg)
        if not 0.0 < self.weight_not_significant <= 1.0:
            msg = f"weight_not_significant must lie in (0, 1], got {self.weight_not_significant!r}."
            raise ModelValueError(msg)

    @property
    def middle_share_high(self) -> float:
        """Share of the patients above the middle cut-off."""
        return (self.least_share_high + self.most_share_high) / 2.0


@dataclass(frozen=True, kw_only=True)
class Printed:
    """What the printed series say on average.

    Attributes
    ----------
    log_ratio
        Log hazard ratio that a fixed-effect pool of the printed series tends to.
    share_significant
        Share of all series made that show an adverse result at two-sided P < 0.05, before
        selection.
    share_printed
        Share of all series made that are printed, relative to a world where all with an
        adverse result are.
    """

    log_ratio: float
    share_significant: float
    share_printed: float


def printed_effect(
    true_log_ratio: float,
    *,
    events: float,
    reporting: Reporting,
    seed: int,
    n_simulation: int = N_SIMULATION,
) -> Printed:
    """Return what series of a given size print when the true effect is known.

    Parameters
    ----------
    true_log_ratio
        Log hazard ratio at the middle cut-off.
    events
        Events in one series, positive.
    reporting
        How many cut-offs are tried, by how many, and what is printed.
    seed
        Random stream; the draws do not depend on the other arguments, so that two calls differ
        by what was asked, not by chance.
    n_simulation
        Series simulated, at least 2.

    Raises
    ------
    ModelValueError
        If ``events`` is not positive or ``n_simulation`` below 2.
    """
    return _printed(true_log_ratio, events, reporting, _draws(reporting, seed, n_simulation))


def true_effect_behind(
    printed_log_ratio: float,
    *,
    events: float,
    reporting: Reporting,
    seed: int,
    n_simulation: int = N_SIMULATION,
) -> float:
    """Return the true log hazard ratio that would, on average, be printed as the one given.

    Parameters
    ----------
    printed_log_ratio
        Pooled log hazard ratio of the printed series, or that of one of them.
    events, reporting, seed, n_simulation
        As for `printed_effect`.

    Returns
    -------
    The value on a grid of 0.05, interpolated; it may be negative, where chance and reporting
    alone would print more than was printed.

    Raises
    ------
    ModelValueError
        As `printed_effect`, or if what was printed is out of reach of any effect within 2 below
        it on the log scale.
    """
    draws = _draws(reporting, seed, n_simulation)
    # Reporting only ever adds, so the truth lies at or below what was printed.
    grid = printed_log_ratio + np.linspace(-_SPAN, 0.05, _GRID)
    values = np.array([_printed(value, events, reporting, draws).log_ratio for value in grid])
    values = np.maximum.accumulate(values)
    if printed_log_ratio < values[0]:
        msg = (
            f"no effect within {_SPAN} of {printed_log_ratio:.3f} is printed that small with "
            f"{events:.0f} events: search and selection alone would print {values[0]:.3f} or "
            "more. Assume fewer cut-offs or weaker selection."
        )
        raise ModelValueError(msg)
    return float(np.interp(printed_log_ratio, values, grid))


def corrected_study(
    study: StudyEffect, *, reporting: Reporting, seed: int, n_simulation: int = N_SIMULATION
) -> StudyEffect:
    """Return a study with the average gain from searching the cut-off taken off.

    Selection is left to a model that sees all studies, so the publication weight is ignored
    here. The events are those that the study's standard error implies.

    Parameters
    ----------
    study
        As printed.
    reporting, seed, n_simulation
        As for `printed_effect`.

    Raises
    ------
    ModelValueError
        As `true_effect_behind`.
    """
    events = events_behind(study.se, share_high=reporting.middle_share_high)
    return replace(
        study,
        log_ratio=true_effect_behind(
            study.log_ratio,
            events=events,
            reporting=replace(reporting, weight_not_significant=1.0),
            seed=seed,
            n_simulation=n_simulation,
        ),
    )


def _shares(reporting: Reporting) -> FloatArray:
    if reporting.n_cut_offs == 1:
        return np.array([reporting.middle_share_high])
    return np.linspace(reporting.least_share_high, reporting.most_share_high, reporting.n_cut_offs)


def _draws(reporting: Reporting, seed: int, n_simulation: int) -> FloatArray:
    """Return scores of one event under no effect, shape ``(n_simulation, n_cut_offs)``."""
    if n_simulation < 2:
        msg = f"n_simulation must be at least 2, got {n_simulation!r}."
        raise ModelValueError(msg)
    share = _shares(reporting)
    rng = rng_for(seed, "cut_off_search", reporting.n_cut_offs)
    # The scores at rising shares are a Brownian bridge, whose steps are independent draws.
    steps = np.diff(np.concatenate([[0.0], share, [1.0]]))
    half = rng.standard_normal((n_simulation // 2, len(steps)))
    # Each draw with its mirror image: a cut-off fixed beforehand then adds nothing, exactly.
    walk = np.cumsum(np.concatenate([half, -half]) * np.sqrt(steps), axis=1)
    bridge: FloatArray = walk[:, :-1] - walk[:, -1:] * share
    return bridge


def _printed(
    true_log_ratio: float, events: float, reporting: Reporting, draws: FloatArray
) -> Printed:
    if not (events > 0 and math.isfinite(events)):
        msg = f"events must be positive, got {events!r}."
        raise ModelValueError(msg)
    share = _shares(reporting)
    middle = reporting.middle_share_high
    variance = events * share * (1.0 - share)
    with_middle = events * np.minimum(share, middle) * (1.0 - np.maximum(share, middle))
    score = true_log_ratio * with_middle + draws * math.sqrt(events)
    z = score / np.sqrt(variance)
    every = np.arange(len(z))
    totals = np.zeros(4)
    for chosen, part in (
        (np.argmax(z, axis=1), reporting.share_searching),
        (np.full(len(z), len(share) // 2), 1.0 - reporting.share_searching),
    ):
        significant = z[every, chosen] >= SIGNIFICANT_Z
        kept = part * np.where(significant, 1.0, reporting.weight_not_significant)
        # Inverse-variance weights, as the pool of the printed series has them: the weighted
        # log ratio of a series is then its score.
        totals += [
            np.sum(kept * score[every, chosen]),
            np.sum(kept * variance[chosen]),
            part * np.sum(significant),
            np.sum(kept),
        ]
    return Printed(
        log_ratio=float(totals[0] / totals[1]),
        share_significant=float(totals[2] / len(z)),
        share_printed=float(totals[3] / len(z)),
    )
