"""Operating characteristics: what a trial would show if it were run thousands of times.

Each replicate draws its patients without replacement from the counterfactual pool, allocates each
to one arm and censors as `cxaxis.trial.analysis` does. Replicates are worked off in blocks, so that
memory does not grow with their number.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from cxaxis.core.arrays import BoolArray, FloatArray, IntArray
from cxaxis.core.errors import ModelValueError, UserInputError, error
from cxaxis.core.streams import rng_for
from cxaxis.stats.replicated_tests import ReplicatedTests, replicated_tests
from cxaxis.trial.allocation import allocate
from cxaxis.trial.analysis import DAYS_PER_YEAR
from cxaxis.trial.interims import Look, looks_at, times_of
from cxaxis.trial.protocol_parts import Interim

if TYPE_CHECKING:
    import pandas as pd

    from cxaxis.trial.protocol import Protocol

#: The pool holds at least so many times the patients of the trial: with fewer, replicates share
#: too many patients to be replicates.
LEAST_POOL: Final = 10
#: Replicates, and patients of them, worked on at once.
_MOST_TRIALS: Final = 64
_MOST_PATIENTS: Final = 60_000
_DAY: Final = 1e-9


@dataclass(frozen=True, kw_only=True)
class CounterfactualPool:
    """Every patient under every arm, for one end point.

    Attributes
    ----------
    arms
        Ids of the arms, control among them.
    duration_day, event
        Shape ``(n_arm, n_patient)``: days from randomisation, and whether they ended with the
        event; not a number where a patient has no row or no end point under that arm.
    strata
        Stratum of each patient, within which allocation is balanced.
    """

    arms: tuple[str, ...]
    duration_day: FloatArray
    event: BoolArray
    strata: tuple[str, ...]

    @property
    def n_patient(self) -> int:
        """Patients in the pool."""
        return int(self.duration_day.shape[1])


@dataclass(frozen=True, kw_only=True)
class TrialDesign:
    """What is done to the patients of each replicate.

    Attributes
    ----------
    n_patient
        Patients of one trial, all arms together.
    ratios
        Allocation, whole parts in the order of the pool's arms.
    control
        Arm the others are compared with.
    accrual_day, dropout_per_year, horizon_day
        As in the protocol: patients enter evenly, are lost at a rate, and the data are cut at the
        horizon, counted from the first possible entry.
    alpha
        Two-sided level of the log-rank test, in (0, 1).
    interim
        Looks at one comparison, None for none.
    """

    n_patient: int
    ratios: tuple[int, ...]
    control: str
    accrual_day: float
    dropout_per_year: float
    horizon_day: float
    alpha: float = 0.05
    interim: Interim | None = None


@dataclass(frozen=True, kw_only=True)
class Replicates:
    """Each replicate of one comparison with control, arrays of shape ``(n_replicate,)``.

    Attributes
    ----------
    arm
        Compared with control.
    rejected
        Whether the test rejected, on either side.
    benefit
        Whether it rejected in favour of the arm.
    log_hr
        Cox log hazard ratio at the end of the trial; not a number where none exists.
    events
        Events of both arms by then.
    patients
        Patients of both arms who had entered by then.
    duration_day
        Calendar day of the end.
    """

    arm: str
    rejected: BoolArray
    benefit: BoolArray
    log_hr: FloatArray
    events: IntArray
    patients: IntArray
    duration_day: FloatArray


def pool_of(
    pool: pd.DataFrame, arms: Sequence[str], end_point: str, strata: Mapping[str, str] | None = None
) -> CounterfactualPool:
    """Return one end point of the pool table of a run.

    Parameters
    ----------
    pool
        See `cxaxis.trial.schemas.POOL`.
    arms
        Ids of the arms.
    end_point
        Code such as ``OS``.
    strata
        Stratum by patient; none if omitted.

    Raises
    ------
    ModelValueError
        If the table lacks the end point or an arm.
    """
    rows = pool[pool["PARAMCD"] == end_point]
    missing = [arm for arm in arms if not (rows["ARM"] == arm).any()]
    if missing:
        msg = f"the pool has no {end_point} of {', '.join(missing)}."
        raise ModelValueError(msg)
    wide = rows.pivot(index="USUBJID", columns="ARM", values="AVAL").loc[:, list(arms)]
    happened = (
        rows.assign(EVENT=rows["EVENT"].astype(np.float64))
        .pivot(index="USUBJID", columns="ARM", values="EVENT")
        .loc[:, list(arms)]
    )
    return CounterfactualPool(
        arms=tuple(arms),
        duration_day=wide.to_numpy(dtype=np.float64).T,
        event=happened.to_numpy().T > 0,
        strata=tuple("" if strata is None else strata[name] for name in wide.index),
    )


def null_pool(pool: CounterfactualPool, control: str) -> CounterfactualPool:
    """Return the pool as it would be if no arm changed anybody's course.

    Every patient has the course under control in every arm: the sharp null, under which a trial
    rejects as often as its level says, whatever the rest of its design.
    """
    row = pool.arms.index(control)
    return CounterfactualPool(
        arms=pool.arms,
        duration_day=np.broadcast_to(pool.duration_day[row], pool.duration_day.shape),
        event=np.broadcast_to(pool.event[row], pool.event.shape),
        strata=pool.strata,
    )


def design_of(
    protocol: Protocol, *, n_patient: int, end_point: str, alpha: float = 0.05
) -> TrialDesign:
    """Return the design that a protocol plans, for a trial of ``n_patient``.

    The events of interim looks are scaled with the size of the trial; looks at another end point
    are left out.
    """
    interim = protocol.interim
    if interim is not None and (interim.end_point or protocol.endpoints[0]) != end_point:
        interim = None
    if interim is not None and n_patient != protocol.n_patient:
        events = max(2, round(interim.events * n_patient / protocol.n_patient))
        interim = interim.model_copy(update={"events": events})
    return TrialDesign(
        n_patient=n_patient,
        ratios=protocol.ratios,
        control=protocol.control,
        accrual_day=protocol.enrolment.accrual_day,
        dropout_per_year=protocol.enrolment.dropout_per_year,
        horizon_day=protocol.horizon_day,
        alpha=alpha,
        interim=interim,
    )


def interim_of(design: TrialDesign, arms: Sequence[str], arm: str) -> Interim | None:
    """Return the looks at the comparison of an arm with control, None if there are none."""
    plan = design.interim
    if plan is None:
        return None
    watched = plan.arm or next(name for name in arms if name != design.control)
    return plan if arm == watched else None


def event_share(pool: CounterfactualPool, design: TrialDesign, arm: str) -> float:
    """Return the share of an arm's patients whose event is expected to be seen.

    The mean over the pool of the chance to be neither lost nor cut off before the event.
    """
    row = pool.arms.index(arm)
    known = np.isfinite(pool.duration_day[row])
    day, happened = pool.duration_day[row, known], pool.event[row, known]
    left = design.horizon_day - day
    open_ = (
        np.clip(left / design.accrual_day, 0.0, 1.0)
        if design.accrual_day > 0
        else (left >= 0).astype(np.float64)
    )
    stays = np.exp(-design.dropout_per_year / DAYS_PER_YEAR * day)
    return float(np.where(happened, open_ * stays, 0.0).mean()) if len(day) else 0.0


def largest_trial(pool_patients: int, ratios: Sequence[int]) -> int:
    """Return how many patients a trial may have, in whole parts of the ratio; 0 for none."""
    unit = sum(ratios)
    return pool_patients // LEAST_POOL // unit * unit


def operate(
    pool: CounterfactualPool,
    design: TrialDesign,
    *,
    n_replicate: int,
    seed: int,
    advance: Callable[[int], None] | None = None,
) -> tuple[Replicates, ...]:
    """Run a trial many times; return each comparison with control.

    Parameters
    ----------
    pool
        Where patients come from.
    design
        What is done to them.
    n_replicate
        Trials, positive.
    seed
        Replicate ``k`` draws from streams keyed by it, whatever the number of replicates.
    advance
        Called with the number of replicates done, for a progress bar.

    Raises
    ------
    UserInputError
        If the pool is too small for the trial.
    ModelValueError
        If another number lies outside its range.
    """
    _check(pool, design, n_replicate)
    treated = [arm for arm in pool.arms if arm != design.control]
    found = {arm: _empty(arm, n_replicate) for arm in treated}
    for numbers in _blocks(n_replicate, design.n_patient):
        trials = _draw(pool, design, numbers, seed)
        for arm in treated:
            part = _compare(trials, pool, design, arm)
            for name, values in part.items():
                getattr(found[arm], name)[numbers.start : numbers.stop] = values
        if advance is not None:
            advance(len(numbers))
    return tuple(found.values())


@dataclass(frozen=True, kw_only=True)
class _Trials:
    """A block of allocated trials, arrays of shape ``(n_replicate, n_patient)``."""

    arm: IntArray
    entry_day: FloatArray
    duration_day: FloatArray
    event: BoolArray
    outside: BoolArray


def _check(pool: CounterfactualPool, design: TrialDesign, n_replicate: int) -> None:
    shape = (len(pool.arms), len(pool.strata))
    if pool.duration_day.shape != shape or pool.event.shape != shape:
        msg = f"the pool's times must have shape {shape}, one row an arm, one column a patient."
        raise ModelValueError(msg)
    if design.control not in pool.arms or len(design.ratios) != len(pool.arms):
        msg = f"the pool's arms {pool.arms} need {design.control!r} among them and a ratio each."
        raise ModelValueError(msg)
    if n_replicate < 1 or design.n_patient < 2 or not 0 < design.alpha < 1:
        msg = (
            "needs a replicate, two patients and alpha in (0, 1), got "
            f"{n_replicate}, {design.n_patient} and {design.alpha:g}."
        )
        raise ModelValueError(msg)
    check_pool_size(pool.n_patient, design.n_patient, design.ratios)


def check_pool_size(pool_patients: int, n_patient: int, ratios: Sequence[int]) -> None:
    """Raise `UserInputError` unless the pool is large enough for the trial."""
    if pool_patients >= LEAST_POOL * n_patient:
        return
    most = largest_trial(pool_patients, ratios)
    cure = f"Ask for at most {most}, or run" if most else "Run"
    message = (
        f"a trial of {n_patient} patients needs a pool of at least {LEAST_POOL * n_patient}, "
        f"this one has {pool_patients}. {cure} the protocol with more patients."
    )
    raise UserInputError([error("OPER001", "--n", message)])


def _blocks(n_replicate: int, n_patient: int) -> Iterator[range]:
    size = min(_MOST_TRIALS, max(1, _MOST_PATIENTS // n_patient))
    for start in range(0, n_replicate, size):
        yield range(start, min(start + size, n_replicate))


def _empty(arm: str, n: int) -> Replicates:
    return Replicates(
        arm=arm,
        rejected=np.zeros(n, dtype=bool),
        benefit=np.zeros(n, dtype=bool),
        log_hr=np.zeros(n),
        events=np.zeros(n, dtype=np.int64),
        patients=np.zeros(n, dtype=np.int64),
        duration_day=np.zeros(n),
    )


def _draw(pool: CounterfactualPool, design: TrialDesign, numbers: range, seed: int) -> _Trials:
    shape = (len(numbers), design.n_patient)
    who, arm = np.empty(shape, dtype=np.int64), np.empty(shape, dtype=np.int64)
    entry, lost = np.empty(shape), np.empty(shape)
    strata = np.array(pool.strata)
    rate = design.dropout_per_year / DAYS_PER_YEAR
    for row, k in enumerate(numbers):
        rng = rng_for(seed, "replicate", k, "patients")
        who[row] = rng.choice(pool.n_patient, design.n_patient, replace=False)
        # Replicate 0 of the allocation stream is the run's own.
        arm[row] = allocate(strata[who[row]].tolist(), design.ratios, seed=seed, replicate=k + 1)
        entry[row] = rng_for(seed, "replicate", k, "entry").uniform(0.0, 1.0, design.n_patient)
        dropout = rng_for(seed, "replicate", k, "dropout")
        lost[row] = dropout.standard_exponential(design.n_patient)
    entry *= design.accrual_day
    lost = lost / rate if rate > 0 else np.full(shape, np.inf)
    last = np.minimum(lost, design.horizon_day - entry)
    day = pool.duration_day[arm, who]
    outside = np.isnan(day) | (last < 0)
    seen = pool.event[arm, who] & (day <= last)
    return _Trials(
        arm=arm,
        entry_day=entry,
        duration_day=np.where(outside, 0.0, np.minimum(day, last)),
        event=seen & ~outside,
        outside=outside,
    )


def _compare(
    trials: _Trials, pool: CounterfactualPool, design: TrialDesign, arm: str
) -> dict[str, BoolArray | FloatArray | IntArray]:
    from scipy.special import ndtri

    treated = trials.arm == pool.arms.index(arm)
    pair = treated | (trials.arm == pool.arms.index(design.control))
    plan = interim_of(design, pool.arms, arm)
    if plan is None:
        test = replicated_tests(trials.duration_day, trials.event, treated, pair & ~trials.outside)
        bound = float(-ndtri(design.alpha / 2.0))
        return {
            "rejected": np.abs(test.z) >= bound,
            "benefit": test.z >= bound,
            "log_hr": test.log_hr,
            "events": test.events,
            "patients": (pair & (trials.entry_day <= design.horizon_day)).sum(axis=1),
            "duration_day": np.full(len(test.z), design.horizon_day),
        }
    ends = [
        _last_look(trials, row, treated[row], pair[row] & ~trials.outside[row], design, plan)
        for row in range(len(treated))
    ]
    day = np.array([design.horizon_day if look is None else look.day for look in ends])
    said = np.array(["no difference" if look is None else look.decision for look in ends])
    test = _at_end(trials, treated, pair, day)
    return {
        "rejected": np.isin(said, ["benefit", "harm"]),
        "benefit": said == "benefit",
        "log_hr": test.log_hr,
        "events": test.events,
        "patients": (pair & (trials.entry_day < day[:, None])).sum(axis=1),
        "duration_day": day,
    }


def _last_look(
    trials: _Trials,
    row: int,
    treated: BoolArray,
    here: BoolArray,
    design: TrialDesign,
    plan: Interim,
) -> Look | None:
    """Return the look at which a replicate stops, None where an arm has no patient."""
    if not 0 < (treated & here).sum() < here.sum():
        return None
    times = times_of(
        trials.entry_day[row, here],
        trials.duration_day[row, here],
        trials.event[row, here],
        treated[here],
    )
    return looks_at(times, plan, horizon_day=design.horizon_day)[-1]


def _at_end(
    trials: _Trials, treated: BoolArray, pair: BoolArray, day: FloatArray
) -> ReplicatedTests:
    """Return the comparison in each replicate as seen on the day it ended."""
    open_day = day[:, None] - trials.entry_day
    seen = trials.event & (trials.duration_day <= open_day + _DAY)
    entered = open_day > 0
    followed = np.where(entered, np.minimum(trials.duration_day, open_day), 0.0)
    return replicated_tests(followed, seen & entered, treated, pair & entered & ~trials.outside)
