"""Log-rank and Cox on many replicates of a two-arm trial at once.

The libraries fit one data set a call. Thousands of replicates are needed for operating
characteristics, so here every row of a matrix is a replicate; on one row the numbers equal those
of `cxaxis.stats.survival.log_rank` and `cxaxis.stats.survival.cox_hazard_ratio`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import ArrayLike

from cxaxis.core.arrays import BoolArray, FloatArray, IntArray
from cxaxis.core.errors import ModelValueError

_STEPS: Final = 60
_LONGEST_STEP: Final = 1.0
_CONVERGED: Final = 1e-10
#: Earlier than any follow-up: a patient put there was never at risk.
_NEVER: Final = -1.0


@dataclass(frozen=True, kw_only=True)
class ReplicatedTests:
    """What each replicate shows, every array of shape ``(n_replicate,)``.

    Attributes
    ----------
    z
        Log-rank statistic, positive when the treated do better; 0 where the data hold no
        information.
    log_hr
        Natural logarithm of the Cox hazard ratio, treated over control, ties by Efron's rule;
        not a number where no finite estimate exists.
    events
        Events of both arms.
    """

    z: FloatArray
    log_hr: FloatArray
    events: IntArray


def replicated_tests(
    duration_day: ArrayLike, event: ArrayLike, treated: ArrayLike, included: ArrayLike
) -> ReplicatedTests:
    """Compare treated with control in each replicate.

    Parameters
    ----------
    duration_day
        Follow-up, shape ``(n_replicate, n_patient)``, days, finite and non-negative where
        ``included``.
    event
        Whether it ended with the event, boolean, same shape.
    treated
        True for the arm, false for control, boolean, same shape.
    included
        Whether the patient belongs to the comparison, boolean, same shape; others count nowhere.

    Raises
    ------
    ModelValueError
        If shapes differ, a flag is not boolean, or a time of an included patient is unusable.
    """
    time = np.asarray(duration_day, dtype=np.float64)
    flags = [np.asarray(x) for x in (event, treated, included)]
    if time.ndim != 2 or any(flag.shape != time.shape for flag in flags):
        msg = "duration_day, event, treated and included need one shape, (n_replicate, n_patient)."
        raise ModelValueError(msg)
    if any(flag.dtype != np.bool_ for flag in flags):
        msg = "event, treated and included must be boolean."
        raise ModelValueError(msg)
    happened, arm, here = flags
    if not np.all(np.isfinite(time[here]) & (time[here] >= 0)):
        msg = "durations must be finite and non-negative days."
        raise ModelValueError(msg)
    risk = _at_risk(np.where(here, time, _NEVER), happened & here, arm & here)
    return ReplicatedTests(z=_log_rank_z(risk), log_hr=_cox_log_hr(risk), events=risk.n_event)


@dataclass(frozen=True, kw_only=True)
class _AtRisk:
    """Patients in order of their times, shape ``(n_replicate, n_patient)``.

    ``all_`` and ``treated`` count those at risk at a patient's time, ``tied`` and ``tied_treated``
    the events of that time, ``rank`` those of them that stand before the patient.
    """

    event: BoolArray
    arm: BoolArray
    all_: FloatArray
    treated: FloatArray
    tied: FloatArray
    tied_treated: FloatArray
    rank: FloatArray

    @property
    def n_event(self) -> IntArray:
        return np.asarray(self.event.sum(axis=1), dtype=np.int64)


def _at_risk(time: FloatArray, event: BoolArray, arm: BoolArray) -> _AtRisk:
    order = np.argsort(time, axis=1, kind="stable")
    time = np.take_along_axis(time, order, axis=1)
    event = np.take_along_axis(event, order, axis=1)
    arm = np.take_along_axis(arm, order, axis=1)
    n = time.shape[1]
    place = np.arange(n)
    new = time[:, 1:] != time[:, :-1]
    edge = np.ones((len(time), 1), dtype=bool)
    starts, ends = np.hstack([edge, new]), np.hstack([new, edge])
    first = np.maximum.accumulate(np.where(starts, place, 0), axis=1)
    last = np.minimum.accumulate(np.where(ends, place, n - 1)[:, ::-1], axis=1)[:, ::-1]

    def before(flag: BoolArray, at: IntArray) -> FloatArray:
        count = np.zeros((len(flag), n + 1))
        np.cumsum(flag, axis=1, out=count[:, 1:])
        return np.asarray(np.take_along_axis(count, at, axis=1))

    events_before = before(event, first)
    return _AtRisk(
        event=event,
        arm=arm,
        all_=(n - first).astype(np.float64),
        treated=arm.sum(axis=1, keepdims=True) - before(arm, first),
        tied=before(event, last + 1) - events_before,
        tied_treated=before(event & arm, last + 1) - before(event & arm, first),
        rank=before(event, np.broadcast_to(place, time.shape)) - events_before,
    )


def _log_rank_z(risk: _AtRisk) -> FloatArray:
    share = risk.treated / risk.all_
    expected = np.where(risk.event, share - risk.arm, 0.0).sum(axis=1)
    # Hypergeometric: one of several events at one time, of those who remain.
    spread = (risk.all_ - risk.tied) / np.maximum(risk.all_ - 1.0, 1.0)
    variance = np.where(risk.event, share * (1.0 - share) * spread, 0.0).sum(axis=1)
    known = variance > 0
    z = np.divide(expected, np.sqrt(variance), out=np.zeros_like(expected), where=known)
    return np.asarray(z)


def _cox_log_hr(risk: _AtRisk) -> FloatArray:
    control = risk.all_ - risk.treated
    lowered = (risk.event & ~risk.arm & (risk.treated > 0)).any(axis=1)
    raised = (risk.event & risk.arm & (control > 0)).any(axis=1)
    gone = np.divide(risk.rank, risk.tied, out=np.zeros_like(risk.rank), where=risk.tied > 0)
    treated = risk.treated - gone * risk.tied_treated
    control = control - gone * (risk.tied - risk.tied_treated)
    observed = (risk.event & risk.arm).sum(axis=1)
    log_hr = np.zeros(len(observed))
    finite = np.asarray(lowered & raised)
    active = np.flatnonzero(finite)
    for _ in range(_STEPS):
        if not len(active):
            break
        weight = treated[active] * np.exp(log_hr[active])[:, None]
        share = np.where(risk.event[active], weight / (weight + control[active]), 0.0)
        slope = (share * (1.0 - share)).sum(axis=1)
        step = (observed[active] - share.sum(axis=1)) / slope
        log_hr[active] += np.clip(step, -_LONGEST_STEP, _LONGEST_STEP)
        active = active[np.abs(step) > _CONVERGED]
    finite[active] = False
    return np.where(finite, log_hr, np.nan)
