"""What would change a verdict: sentences computed from the measurement and its bounds.

Nothing is measured here. A sentence says how far the result lies from where the rule of
`cxaxis.claims.judge` would decide otherwise, or what has not been read or built.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator

from cxaxis.claims.judge import SHARE
from cxaxis.claims.ledger import Entry, telling
from cxaxis.claims.records import JUDGED, Judgement, Outcome
from cxaxis.claims.registry_checks import agreements
from cxaxis.knowledge.audits import Audit, by_claim, support, was_read
from cxaxis.knowledge.checks import Knowledge
from cxaxis.knowledge.claims import Claim
from cxaxis.knowledge.expectations import Expectation
from cxaxis.report.ledger_words import VERDICT_NAMES, unit_words
from cxaxis.report.words import number


def check_sentences(judgement: Judgement, expectation: Expectation) -> Iterator[str]:
    """Yield how far the result of one check lies from another verdict.

    Nothing is said of an audit: what turns it is a reading, see `entry_sentences`.

    Parameters
    ----------
    judgement
        The verdict of the check, with what was measured.
    expectation
        The range it was compared with.
    """
    found = judgement.outcome
    if found.verdict == "model_failed":
        yield "Too few worlds could be measured: the simulation has to run in four of five."
    elif judgement.kind == "audit":
        return
    elif found.verdict not in JUDGED:
        yield "Nothing was measured: what the check reads has to be found first."
    elif found.n_world == 1:
        yield from _one_measurement(found, expectation)
    else:
        yield _worlds_that_would_turn(found)
        yield from _worlds_and_bounds(found, expectation)
        if not found.is_clear:
            yield (
                "The margin is within twice its Monte Carlo error: more worlds alone may turn it."
            )


def _worlds_that_would_turn(found: Outcome) -> str:
    n = found.n_world
    holding = round(found.share * n)
    needed = math.ceil(SHARE * n - 1e-9)
    if found.verdict == "reproduced":
        spare = holding - needed + 1
        return (
            f"It holds in {holding} of {n} worlds and has to in {needed}: undetermined if it no "
            f"longer held in {spare} of them."
        )
    if found.verdict == "contradicted":
        failing = round((SHARE + found.margin) * n)
        return (
            f"It fails in {failing} of {n} worlds: undetermined if it no longer failed in "
            f"{failing - needed + 1} of them; reproduced if it held in {_more(needed - holding)}."
        )
    leading = round((SHARE - found.margin) * n)
    told = f"It holds in {holding} of {n} worlds: {_more(needed - holding)} would have to agree"
    if leading > holding:
        return (
            f"{told} for reproduced. It fails in {leading}: {_more(needed - leading)} failing "
            "would make it contradicted."
        )
    return f"{told} for reproduced; {needed} would have to fail for contradicted."


def _more(count: int) -> str:
    return f"{count} more world" + ("" if count == 1 else "s")


def _worlds_and_bounds(found: Outcome, expectation: Expectation) -> Iterator[str]:
    shown = f"The middle 95\u00a0% of the worlds, {number(found.low)} to {number(found.high)}"
    crossed = [*_straddling(f"{shown},", found.low, found.high, expectation)]
    if found.verdict == "undetermined" and crossed:
        yield from crossed
    else:
        yield _median_and_bound(found, expectation)


def _median_and_bound(found: Outcome, expectation: Expectation) -> str:
    value = found.value
    bound = _nearest_bound(value, expectation)
    inside = _is_inside(value, expectation)
    place = "inside" if inside else "outside"
    turn = "to leave it" if inside else "to come into it"
    return (
        f"The median {_sized(value, expectation)} lies {place} the range; the nearest bound is "
        f"{_sized(bound, expectation)}, and the median would have to {_move(value, bound)} {turn}."
    )


def _one_measurement(found: Outcome, expectation: Expectation) -> Iterator[str]:
    low, high = found.low, found.high
    if low == high:
        yield _single_value(found, expectation)
        return
    shown = f"The interval {number(low)} to {number(high)}{unit_words(expectation.unit)}"
    if found.verdict == "undetermined":
        yield from _straddling(shown, low, high, expectation)
        return
    bound = _nearest_bound(found.value, expectation)
    inside = found.verdict == "reproduced"
    nearer = min((low, high), key=lambda end: abs(end - bound))
    yield (
        f"{shown} lies {'inside' if inside else 'outside'} the range; its nearer end would have "
        f"to {_move(nearer, bound)} to reach the bound {_sized(bound, expectation)}, which would "
        "leave it undetermined."
    )


def _straddling(shown: str, low: float, high: float, expectation: Expectation) -> Iterator[str]:
    if expectation.low is not None and low < expectation.low <= high:
        yield (
            f"{shown} straddles the bound {_sized(expectation.low, expectation)}: for reproduced "
            f"its lower end would have to {_move(low, expectation.low)}, for contradicted its "
            f"upper end would have to fall below the bound, by {number(high - expectation.low)}."
        )
    if expectation.high is not None and low <= expectation.high < high:
        yield (
            f"{shown} straddles the bound {_sized(expectation.high, expectation)}: for reproduced "
            f"its upper end would have to {_move(high, expectation.high)}, for contradicted its "
            f"lower end would have to rise above the bound, by {number(expectation.high - low)}."
        )


def _single_value(found: Outcome, expectation: Expectation) -> str:
    value = found.value
    bound = _nearest_bound(value, expectation)
    where = "inside" if found.verdict == "reproduced" else "outside"
    shown = _sized(value, expectation)
    if value == bound:
        return f"The measurement, {shown}, lies on the bound: any step beyond it turns the verdict."
    return (
        f"The measurement, {shown}, lies {where} the range; it would have to {_move(value, bound)} "
        f"to reach the bound {_sized(bound, expectation)}."
    )


def _nearest_bound(value: float, expectation: Expectation) -> float:
    bounds = [bound for bound in (expectation.low, expectation.high) if bound is not None]
    return min(bounds, key=lambda bound: abs(value - bound))


def _is_inside(value: float, expectation: Expectation) -> bool:
    return (expectation.low is None or value >= expectation.low) and (
        expectation.high is None or value <= expectation.high
    )


def _sized(value: float, expectation: Expectation) -> str:
    return f"{number(value)}{unit_words(expectation.unit)}"


def _move(value: float, bound: float) -> str:
    size = abs(bound - value)
    share = ""
    if value:
        percent = 100 * size / abs(value)
        share = f" ({percent:.0f}\u00a0%)" if percent >= 1 else f" ({percent:.1g}\u00a0%)"
    return f"{'rise' if bound > value else 'fall'} by {number(size, digits=3)}{share}"


def entry_sentences(entry: Entry, knowledge: Knowledge) -> Iterator[str]:
    """Yield what else could turn the verdict of a claim: sources, trials, checks, parts.

    Parameters
    ----------
    entry
        The claim with its verdict.
    knowledge
        Every table.
    """
    judged = [item for item in telling(entry.judgements) if item.outcome.verdict in JUDGED]
    if len({item.outcome.verdict for item in judged}) > 1:
        told = ", ".join(f"{item.check} {VERDICT_NAMES[item.outcome.verdict]}" for item in judged)
        yield f"Its checks disagree ({told}): the verdict turns when they agree."
    yield from _unread(entry.claim, knowledge)
    yield from _registrations(entry.claim, knowledge)
    wait = knowledge.waits.get(entry.claim.id)
    if wait is not None:
        yield (
            f"A part of the model that is not built: {wait.part}, with {wait.needs}. "
            "A simulation check would then judge it."
        )
    if not judged and wait is None:
        yield "No check could judge it, and no part of the model is named that would."


def _unread(claim: Claim, knowledge: Knowledge) -> Iterator[str]:
    readings = by_claim(knowledge.audits).get(claim.id, ())
    read = {item.number for item in readings if was_read(item.read)}
    unread = [number_ for number_ in claim.references if number_ not in read]
    if unread:
        yield (
            f"{_works(unread)} of the review's list {_was(unread)} not read: what "
            f"{_it(unread)} shows may support it or speak against it."
        )
    in_part = [item.number for item in readings if _may_say_more(item)]
    if in_part:
        yield (
            f"{_works(in_part)} {_was(in_part)} read in the abstract alone, which does not say it: "
            "the full text may."
        )
    yield from _readings_that_decide(readings)


def _readings_that_decide(readings: Iterable[Audit]) -> Iterator[str]:
    found: dict[str, list[int]] = {}
    for item in readings:
        found.setdefault(support(item.claimed, item.found), []).append(item.number)
    if "supports" in found:
        yield (
            f"The citation stands on {_works(found['supports']).lower()}: found to say something "
            "else, it would fall."
        )
    elif "silent" in found or "other_context" in found:
        yield "A work that says it, of the same system, would have to be cited."
    if "opposes" in found:
        yield f"{_works(found['opposes'])} would have to be found not to say the opposite."


def _may_say_more(item: Audit) -> bool:
    return item.read == "abstract" and support(item.claimed, item.found) == "silent"


def _registrations(claim: Claim, knowledge: Knowledge) -> Iterator[str]:
    entries = [item for item in knowledge.registry.values() if claim.id in item.claims]
    unread = [item.id for item in entries if item.condition_agrees == "unread"]
    if unread:
        yield f"The registration behind {', '.join(unread)} was not read."
    other = [item.id for item in entries if item.id not in unread and not all(agreements(item))]
    if other:
        yield f"What is printed and what was found would have to agree in {', '.join(other)}."


def _works(numbers: Iterable[int]) -> str:
    listed = [str(item) for item in dict.fromkeys(numbers)]
    return f"Work{'' if len(listed) == 1 else 's'} {', '.join(listed)}"


def _was(numbers: list[int]) -> str:
    return "was" if len(set(numbers)) == 1 else "were"


def _it(numbers: list[int]) -> str:
    return "it" if len(set(numbers)) == 1 else "each"
