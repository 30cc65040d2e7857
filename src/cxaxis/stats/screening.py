"""Sensitivity, specificity and lead time of a screening test, given once or repeated."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from cxaxis.core.arrays import BoolArray, FloatArray
from cxaxis.core.errors import ModelValueError
from cxaxis.stats.proportions import Proportion
from cxaxis.stats.response_rates import checked_flags, response_rate


@dataclass(frozen=True, kw_only=True)
class DiagnosticAccuracy:
    """Accuracy of one test given once.

    Attributes
    ----------
    sensitivity
        Share of the diseased with a positive test.
    specificity
        Share of the others with a negative one.
    n_diseased, n_free
        People of each kind.
    """

    sensitivity: Proportion
    specificity: Proportion
    n_diseased: int
    n_free: int

    def predictive_values(self, prevalence: float) -> tuple[float, float]:
        """Return the positive and the negative predictive value at a prevalence.

        By Bayes' rule from the point estimates; not a number where no such result is possible.

        Parameters
        ----------
        prevalence
            Share of the people tested who have the disease, in [0, 1].

        Raises
        ------
        ModelValueError
            If the prevalence is no share.
        """
        if not 0.0 <= prevalence <= 1.0:
            msg = f"prevalence must lie in [0, 1], got {prevalence!r}."
            raise ModelValueError(msg)
        found = self.sensitivity.share * prevalence
        missed = prevalence - found
        cleared = self.specificity.share * (1.0 - prevalence)
        alarmed = (1.0 - prevalence) - cleared
        return _share(found, found + alarmed), _share(cleared, cleared + missed)


@dataclass(frozen=True, kw_only=True)
class ScreeningProgramme:
    """What repeated tests find in people followed without treatment.

    Attributes
    ----------
    sensitivity
        Share of those who come to diagnosis that some test flags between the onset of the
        disease and its diagnosis by symptoms.
    specificity
        Share of the negative tests among tests of people without disease at the time.
    free_never_flagged
        Share of those who never have the disease that no test flags, ``None`` where there is
        nobody of this kind.
    lead_time_day
        Days by which diagnosis would come earlier, one per person found, shape ``(n_found,)``:
        diagnosis by symptoms less the first positive test after onset.
    n_diseased, n_free, n_free_tests
        People who come to diagnosis, people who never have the disease, tests without disease.
    """

    sensitivity: Proportion
    specificity: Proportion
    free_never_flagged: Proportion | None
    lead_time_day: FloatArray
    n_diseased: int
    n_free: int
    n_free_tests: int

    def lead_time_quantiles(self, shares: ArrayLike = (0.25, 0.5, 0.75)) -> FloatArray | None:
        """Return quantiles of the lead time in days, ``None`` where nobody was found.

        They speak of those found alone. Slow disease is found more often, so that part of a
        longer survival after screening is no gain.
        """
        if len(self.lead_time_day) == 0:
            return None
        return np.asarray(np.quantile(self.lead_time_day, np.asarray(shares)), dtype=np.float64)


def diagnostic_accuracy(
    positive: ArrayLike, diseased: ArrayLike, *, level: float = 0.95
) -> DiagnosticAccuracy:
    """Return the sensitivity and specificity of a test given once.

    Parameters
    ----------
    positive
        Whether the test was positive, boolean, shape ``(n_person,)``.
    diseased
        Whether the disease was there at the time, boolean, same shape.
    level
        Confidence level of the Clopper-Pearson intervals, in (0, 1).

    Raises
    ------
    ModelValueError
        If the values are not boolean, the shapes differ, or one kind of people is missing.
    """
    flags, ill = checked_flags(positive, "positive"), checked_flags(diseased, "diseased")
    if flags.shape != ill.shape or ill.all() or not ill.any():
        msg = (
            f"a test needs results of people with and without the disease, got {len(flags)} "
            f"results for {len(ill)} people, {int(ill.sum())} of them diseased."
        )
        raise ModelValueError(msg)
    return DiagnosticAccuracy(
        sensitivity=response_rate(flags[ill], level=level),
        specificity=response_rate(~flags[~ill], level=level),
        n_diseased=int(ill.sum()),
        n_free=int((~ill).sum()),
    )


def screening_programme(
    screen_day: ArrayLike,
    positive: ArrayLike,
    *,
    onset_day: ArrayLike,
    diagnosis_day: ArrayLike,
    level: float = 0.95,
) -> ScreeningProgramme:
    """Return what tests on fixed days find before symptoms do.

    Parameters
    ----------
    screen_day
        Days of the tests, shape ``(n_screen,)``, ascending.
    positive
        Whether each test would be positive, boolean, shape ``(n_person, n_screen)``; results
        after the diagnosis are not used.
    onset_day
        Day from which the disease is there, shape ``(n_person,)``; infinite for never.
    diagnosis_day
        Day of diagnosis by symptoms without any screening, same shape, not before the onset;
        infinite for never. People with an onset but no diagnosis count as tests with disease
        only, in neither sensitivity nor ``n_free``.
    level
        Confidence level of the Clopper-Pearson intervals, in (0, 1).

    Raises
    ------
    ModelValueError
        If the values are unusable, nobody comes to diagnosis, or no test fell on a person
        without disease.
    """
    days, flags, onset, diagnosis = _checked_programme(
        screen_day, positive, onset_day, diagnosis_day
    )
    with_disease = (days >= onset[:, None]) & (days < diagnosis[:, None])
    found = flags & with_disease
    diseased, never = np.isfinite(diagnosis), np.isinf(onset)
    without = days < onset[:, None]
    if not diseased.any() or not without.any():
        msg = "a programme needs people who come to diagnosis, and tests of people without disease."
        raise ModelValueError(msg)
    caught = found.any(axis=1) & diseased
    first = days[np.argmax(found, axis=1)]
    return ScreeningProgramme(
        sensitivity=response_rate(caught[diseased], level=level),
        specificity=response_rate(~flags[without], level=level),
        free_never_flagged=(
            response_rate(~flags[never].any(axis=1), level=level) if never.any() else None
        ),
        lead_time_day=(diagnosis - first)[caught],
        n_diseased=int(diseased.sum()),
        n_free=int(never.sum()),
        n_free_tests=int(without.sum()),
    )


def _checked_programme(
    screen_day: ArrayLike, positive: ArrayLike, onset_day: ArrayLike, diagnosis_day: ArrayLike
) -> tuple[FloatArray, BoolArray, FloatArray, FloatArray]:
    days, onset, diagnosis = (
        np.asarray(given, dtype=np.float64) for given in (screen_day, onset_day, diagnosis_day)
    )
    flags = np.asarray(positive)
    if flags.dtype != np.bool_:
        msg = f"positive must be boolean, got {flags.dtype}; compare the values with a cut-off."
        raise ModelValueError(msg)
    if flags.shape != (len(onset), len(days)) or onset.shape != diagnosis.shape or not flags.size:
        msg = (
            f"positive has shape {flags.shape} for {onset.shape} people and {days.shape} tests; "
            "one row per person, one column per test."
        )
        raise ModelValueError(msg)
    if not np.all(np.isfinite(days)) or np.any(np.diff(days) <= 0):
        msg = "the days of the tests must be finite and ascending."
        raise ModelValueError(msg)
    if np.any(np.isnan(onset)) or not np.all(diagnosis >= onset):
        msg = "a disease is diagnosed after its onset; use infinity for never, not a gap."
        raise ModelValueError(msg)
    return days, flags, onset, diagnosis


def _share(part: float, whole: float) -> float:
    return part / whole if whole > 0 else float("nan")
