"""The verdict in words: what the allocated trial shows, what the pool says, why they differ."""

from __future__ import annotations

import math
from collections.abc import Sequence

from cxaxis.report.readings import Luck, PoolReading
from cxaxis.report.source import AllocatedRatio, ArmSummary, PoolRatio, Summary
from cxaxis.report.words import NO_ESTIMATE, p_value, ratio

_Z_SUM_80_PERCENT_POWER = 1.959964 + 0.841621
_SMALL_CHANGE = 0.05
# More deaths than any trial of this disease will see.
_MANY_DEATHS = 10_000


def findings_of(summary: Summary) -> list[str]:
    """Return what the allocated trial shows, one sentence or two per comparison, and its limits.

    The sentences follow from the intervals alone; an interval that includes 1 reads as no
    difference established, which is not the same as no difference.
    """
    treated = [arm for arm in summary.arms if arm.arm != summary.control]
    if not treated:
        return ["The trial has one arm, so that nothing is compared."]
    control = summary.control_arm
    sentences = [_comparison(arm, control) for arm in treated]
    if len(treated) > 1:
        sentences.append(
            f"The {len(treated)} comparisons share one control arm. Neither they nor the end "
            "points are adjusted for their number."
        )
    return sentences


def in_short(summary: Summary) -> str:
    """Return the answer in two sentences: the trial, then the model."""
    tested = [arm.hr_os for arm in summary.arms if arm.hr_os is not None]
    implied = [item for item in summary.pool if item.hr_os is not None]
    if not tested:
        first = "The allocated trial compares no arms."
    elif all(item.low <= 1.0 <= item.high for item in tested):
        first = "The trial establishes no difference in overall survival."
    else:
        first = "The trial finds a difference in overall survival; read below what it rests on."
    if not implied:
        return first
    changes = " and ".join(
        f"{change_words(item.hr_os)} ({summary.labels.get(item.arm, item.arm)})" for item in implied
    )
    second = f"The model itself implies a change of the death rate by {changes}"
    if all(item.hr_os is not None and abs(item.hr_os - 1) < _SMALL_CHANGE for item in implied):
        return f"{first} {second}: practically none at the central values of its parameters."
    return f"{first} {second}."


def change_words(hr: float | None) -> str:
    """Return a ratio as a change in percent with its sign."""
    if hr is None:
        return NO_ESTIMATE
    change = 100 * (hr - 1)
    sign = "−" if change < 0 else "+"
    return f"{sign}{abs(change):.1f} %"


def smallest_detectable_ratio(events: int, *, share_treated: float) -> float | None:
    """Return the hazard ratio below 1 that a log-rank test finds with 80 % power.

    Schoenfeld's formula, two-sided 5 %.

    Parameters
    ----------
    events
        Events in the two arms together.
    share_treated
        Share of their patients in the treated arm, in (0, 1).

    Returns
    -------
    The ratio, or ``None`` without events or without a second arm.
    """
    if events < 1 or not 0.0 < share_treated < 1.0:
        return None
    spread = math.sqrt(events * share_treated * (1.0 - share_treated))
    return math.exp(-_Z_SUM_80_PERCENT_POWER / spread)


def deaths_needed(hr: float) -> float | None:
    """Return the deaths at which a 1:1 log-rank test finds a ratio with 80 % power.

    Schoenfeld's formula, two-sided 5 %; ``None`` for a ratio of exactly 1.
    """
    effect = math.log(hr)
    return None if effect == 0.0 else 4.0 * (_Z_SUM_80_PERCENT_POWER / effect) ** 2


def two_answers(
    summary: Summary, readings: Sequence[PoolReading], lucks: Sequence[Luck]
) -> list[tuple[str, str]]:
    """Return, per arm, its label and why the allocated trial and the pool say what they say."""
    sentences = []
    for item in summary.pool:
        arm = next((arm for arm in summary.arms if arm.arm == item.arm), None)
        reading = next((r for r in readings if r.arm == item.arm), None)
        luck = next((entry for entry in lucks if entry.arm == item.arm), None)
        if item.hr_os is not None and arm is not None:
            sentences.append((arm.label, _two_answers(arm, item, reading, luck)))
    return sentences


def _two_answers(
    arm: ArmSummary, item: PoolRatio, reading: PoolReading | None, luck: Luck | None
) -> str:
    words = f"Pool: ratio {ratio(item.hr_os, item.low, item.high, digits=3)}"
    if reading is not None:
        gained = reading.days_gained
        words += (
            f"; of the same {reading.n} patients {reading.deaths_control} die under control and "
            f"{reading.deaths_treated} under this arm (averted: {reading.averted}, "
            f"caused: {reading.caused}), a mean gain of {gained.estimate:.1f} days alive "
            f"({gained.low:.1f} to {gained.high:.1f})"
        )
    words += "."
    if arm.hr_os is None or item.hr_os is None:
        return words
    words += f" Allocated trial: hazard ratio {tested(arm.hr_os)}."
    if (arm.hr_os.hr - 1) * (item.hr_os - 1) < 0:
        words += " The two point in opposite directions, by chance."
    if luck is not None and luck.hr is not None:
        words += (
            f" Had all been treated as control, {luck.deaths_arm} of the {luck.n_arm} patients "
            f"allocated to this arm and {luck.deaths_control} of the {luck.n_control} allocated "
            f"to control would have died, a ratio of {luck.hr:.2f} that is the luck of "
            "allocation alone."
        )
    needed = deaths_needed(item.hr_os)
    if needed is None:
        words += " No trial can find a ratio of 1."
    elif needed > _MANY_DEATHS:
        digits = f"{float(f'{needed:.2g}'):,.0f}".replace(",", "\u00a0")
        words += f" A trial would need about {digits} deaths to find the pool's ratio."
    return words


def tested(result: AllocatedRatio) -> str:
    """Return the hazard ratio of an allocated comparison with its limits."""
    return ratio(result.hr, result.low, result.high)


def _comparison(arm: ArmSummary, control: ArmSummary) -> str:
    name = f"{arm.label} against {control.label}"
    deaths = arm.os.events + control.os.events
    if arm.hr_os is None:
        return (
            f"{name}: overall survival cannot be compared; {deaths} deaths do not determine a "
            "hazard ratio."
        )
    interval = (
        f"hazard ratio of death {arm.hr_os.hr:.2f}, 95 % CI "
        f"{arm.hr_os.low:.2f} to {arm.hr_os.high:.2f}, log-rank p {_p_clause(arm.hr_os)}"
    )
    if arm.hr_os.low <= 1.0 <= arm.hr_os.high:
        sentence = f"{name}: no difference in overall survival established ({interval})."
    elif arm.hr_os.high < 1.0:
        sentence = (
            f"{name}: fewer deaths in this virtual trial ({interval}), given the assumptions "
            "listed below."
        )
    else:
        sentence = (
            f"{name}: more deaths in this virtual trial ({interval}), given the assumptions "
            "listed below."
        )
    detectable = smallest_detectable_ratio(deaths, share_treated=arm.n / (arm.n + control.n))
    if detectable is not None:
        sentence += (
            f" With {deaths} deaths in the two arms, a trial of this size finds a true ratio of "
            f"{detectable:.2f} with 80 % power, and a weaker effect less often."
        )
    return sentence


def _p_clause(result: AllocatedRatio) -> str:
    text = p_value(result.p_logrank)
    return text if text.startswith("<") else f"= {text}"
