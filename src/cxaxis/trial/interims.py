"""Interim looks at an allocated trial: when each comes, what it shows, whether the trial stops.

A look sees what had happened by a calendar day: who had entered, and the events up to then.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal

import numpy as np
from numpy.typing import ArrayLike

from cxaxis.core.arrays import BoolArray, FloatArray
from cxaxis.core.errors import ModelValueError
from cxaxis.stats.group_sequential import alpha_spent, spending_boundaries
from cxaxis.trial.protocol_parts import Interim

if TYPE_CHECKING:
    import pandas as pd

    from cxaxis.trial.protocol import Protocol

Decision = Literal["continue", "benefit", "harm", "futility", "no difference"]
#: Days that differ by less are the same: entry and follow-up are added up.
_DAY: Final = 1e-9


@dataclass(frozen=True, kw_only=True)
class Look:
    """One look at a trial.

    Attributes
    ----------
    number
        1 for the first.
    day
        Calendar day, counted from the first possible entry.
    patients, events
        Entered by then, and seen by then; both arms together.
    fraction
        Events as a share of those planned for the final look.
    z
        Log-rank statistic, positive when the arm does better than control; 0 where the data hold
        no information.
    boundary
        What it is compared with; None where no event was seen, and nothing can be told.
    futility_z
        Below it the trial may stop as hopeless; None for no such rule.
    alpha_spent
        Cumulative chance of a false rejection up to here.
    decision
        What follows; ``no difference`` ends a trial that never crossed.
    """

    number: int
    day: float
    patients: int
    events: int
    fraction: float
    z: float
    boundary: float | None
    futility_z: float | None
    alpha_spent: float
    decision: Decision


@dataclass(frozen=True, kw_only=True)
class Times:
    """What interim looks read of two arms, each array of shape ``(n_patient,)``.

    Attributes
    ----------
    entry_day
        Calendar day of entry.
    duration_day
        Days from entry to the event or to the end of follow-up.
    event
        Whether it ended with the event.
    treated
        True for the arm, false for control.
    """

    entry_day: FloatArray
    duration_day: FloatArray
    event: BoolArray
    treated: BoolArray

    @property
    def event_day(self) -> FloatArray:
        """Calendar days of the events, in order."""
        return np.sort((self.entry_day + self.duration_day)[self.event])


def times_of(
    entry_day: ArrayLike, duration_day: ArrayLike, event: ArrayLike, treated: ArrayLike
) -> Times:
    """Return the times of two arms, checked.

    Raises
    ------
    ModelValueError
        If lengths differ, a time is negative or not finite, ``event`` or ``treated`` is not
        boolean, or an arm is empty.
    """
    entry, duration = (np.asarray(x, dtype=float) for x in (entry_day, duration_day))
    happened, arm = np.asarray(event), np.asarray(treated)
    if {x.shape for x in (entry, duration, happened, arm)} != {(len(arm),)}:
        msg = "entry_day, duration_day, event and treated must have one value for each patient."
        raise ModelValueError(msg)
    if happened.dtype != bool or arm.dtype != bool:
        msg = "event and treated must be boolean."
        raise ModelValueError(msg)
    if not all(np.isfinite(x).all() and (x >= 0).all() for x in (entry, duration)):
        msg = "entry_day and duration_day must be finite and at least 0."
        raise ModelValueError(msg)
    if not 0 < arm.sum() < len(arm):
        msg = "interim looks compare two arms; one of them has no patient."
        raise ModelValueError(msg)
    return Times(entry_day=entry, duration_day=duration, event=happened, treated=arm)


def looks_at(times: Times, design: Interim, *, horizon_day: float) -> tuple[Look, ...]:
    """Return the looks at a trial, up to the one that stops it.

    The final look comes with the planned number of events, or at the end of the trial if fewer
    have come; it then spends what is left of alpha. Earlier looks spend by the events seen as a
    share of those planned, and a look that adds no event is not taken. Stopping for futility is
    optional for those who run the trial (here it is done) and buys nothing for the other
    boundaries.

    Parameters
    ----------
    times
        Of the two arms compared; see `times_of`.
    design
        The plan.
    horizon_day
        Calendar day on which the data are cut, from the first possible entry.

    Raises
    ------
    ModelValueError
        If ``horizon_day`` is not positive.
    """
    if not horizon_day > 0:
        msg = f"horizon_day must be positive, got {horizon_day!r}."
        raise ModelValueError(msg)
    days = _look_days(times, design, horizon_day)
    counts = [_events_by(times, day) for day in days]
    spent = _spent(counts, design)
    boundaries = _boundaries(counts, spent, design)
    looks: list[Look] = []
    for k, day in enumerate(days):
        last = k == len(days) - 1
        z = _log_rank_z(times, day)
        futility = None if last or not design.futility_z else design.futility_z[k]
        decision = _decision(z, boundaries[k], futility, last=last, sides=design.sides)
        looks.append(
            Look(
                number=k + 1,
                day=day,
                patients=int(_seen_by(times, day)[0].sum()),
                events=counts[k],
                fraction=counts[k] / design.events,
                z=z,
                boundary=boundaries[k],
                futility_z=futility,
                alpha_spent=spent[k],
                decision=decision,
            )
        )
        if decision != "continue":
            break
    return tuple(looks)


def trial_looks(
    adtte: pd.DataFrame, adsl: pd.DataFrame, protocol: Protocol
) -> tuple[Look, ...] | None:
    """Return the looks at an allocated trial as its protocol plans them, None if it plans none.

    None as well for a trial in which one of the two arms has no patient of the end point.

    Parameters
    ----------
    adtte, adsl
        Tables of the run; see `cxaxis.trial.schemas`.
    """
    design = protocol.interim
    if design is None:
        return None
    arm = design.arm or next(name for name in protocol.arm_ids if name != protocol.control)
    code = design.end_point or protocol.endpoints[0]
    rows = adtte[(adtte["PARAMCD"] == code) & adtte["TRT01P"].isin([arm, protocol.control])]
    rows = rows.merge(adsl[["USUBJID", "ENTRYDY"]], on="USUBJID")
    treated = (rows["TRT01P"] == arm).to_numpy(dtype=bool)
    if not 0 < treated.sum() < len(treated):
        return None
    times = times_of(
        rows["ENTRYDY"].to_numpy(dtype=float),
        rows["AVAL"].to_numpy(dtype=float),
        rows["EVENT"].to_numpy(dtype=bool),
        treated,
    )
    return looks_at(times, design, horizon_day=protocol.horizon_day)


def _look_days(times: Times, design: Interim, horizon_day: float) -> list[float]:
    """Return the days of looks that add events, the final one last."""
    happened = times.event_day
    final = float(happened[design.events - 1]) if len(happened) >= design.events else horizon_day
    final = min(final, horizon_day)
    if design.look_days:
        planned = [day for day in design.look_days if day < final]
    else:
        wanted = [
            int(np.ceil(share * design.events - _DAY)) for share in design.information_fractions
        ]
        planned = [float(happened[n - 1]) for n in wanted if 0 < n <= len(happened)]
    days: list[float] = []
    seen = 0
    most = _events_by(times, final)
    for day in planned:
        count = _events_by(times, day)
        if day < final and seen < count < most:
            days.append(day)
            seen = count
    return [*days, final]


def _spent(counts: Sequence[int], design: Interim) -> list[float]:
    """Return the alpha spent up to each look, all of it at the last."""
    shares = np.array(counts, dtype=float) / design.events
    spent = alpha_spent(
        shares, alpha=design.alpha, spending=design.spending, sides=design.sides
    ).tolist()
    return [*spent[:-1], design.alpha]


def _boundaries(
    counts: Sequence[int], spent: Sequence[float], design: Interim
) -> tuple[float | None, ...]:
    """Return the critical value of each look, by the events that it and those before it saw.

    That the final count stands in the fractions tells an early look nothing: its boundary rests
    on ratios of earlier counts alone.
    """
    if counts[-1] == 0:
        return (None,)
    fractions = (np.array(counts, dtype=float) / counts[-1]).tolist()
    return spending_boundaries(fractions, alpha=design.alpha, sides=design.sides, spent=spent).z


def _decision(
    z: float, boundary: float | None, futility_z: float | None, *, last: bool, sides: int
) -> Decision:
    if boundary is not None and z >= boundary:
        return "benefit"
    if boundary is not None and sides == 2 and z <= -boundary:
        return "harm"
    if futility_z is not None and z <= futility_z:
        return "futility"
    return "no difference" if last else "continue"


def _seen_by(times: Times, day: float) -> tuple[BoolArray, FloatArray, BoolArray]:
    """Return who had entered by a day, how long they were followed, and whose event was seen."""
    entered = times.entry_day < day
    followed = np.minimum(times.duration_day, day - times.entry_day)[entered]
    seen = times.event & (times.entry_day + times.duration_day <= day + _DAY)
    return entered, followed, seen[entered]


def _events_by(times: Times, day: float) -> int:
    return int(_seen_by(times, day)[2].sum())


def _log_rank_z(times: Times, day: float) -> float:
    from scipy.stats import CensoredData, logrank

    entered, followed, seen = _seen_by(times, day)
    treated = times.treated[entered]
    if not seen.any() or not 0 < treated.sum() < len(treated):
        return 0.0

    def sample(arm: BoolArray) -> CensoredData:
        return CensoredData(uncensored=followed[arm & seen], right=followed[arm & ~seen])

    with np.errstate(divide="ignore", invalid="ignore"):
        statistic = float(logrank(sample(~treated), sample(treated)).statistic)
    # Control first: more events there than expected speak for the arm.
    return statistic if np.isfinite(statistic) else 0.0
