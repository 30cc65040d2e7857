"""The pages of a claim and of a check: statement, verdict, evidence, path, what would turn it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any, Final

from cxaxis.claims.check import all_checks
from cxaxis.claims.committed import COMMAND, stale_findings
from cxaxis.claims.ledger import Entry, ledger_of
from cxaxis.claims.records import VERDICT_WORDS, Check, Judgement, Verdict
from cxaxis.claims.run import slow_hash
from cxaxis.knowledge.audits import Audit, by_claim
from cxaxis.knowledge.checks import Knowledge
from cxaxis.knowledge.claims import Claim
from cxaxis.knowledge.expectations import Expectation
from cxaxis.report.built import Built, built_for, least_known, path_words
from cxaxis.report.ledger_words import (
    GRADE_NAMES,
    READ_NAMES,
    VERDICT_NAMES,
    expected,
    held_in,
    margin,
    measured,
    statement,
    support_words,
)
from cxaxis.report.outline import Line, Outline, Part, told
from cxaxis.report.record_parts import (
    caveats_of,
    caveats_part,
    cited_work,
    claim_facts,
    contradiction_parts,
    evidence_lines,
    registry_parts,
    source_of,
)
from cxaxis.report.turning import check_sentences, entry_sentences

OPEN = "worlds or checks disagree, an interval straddles its bound, or the works cited are silent"
GRADE_WORDS: Final[Mapping[str, str]] = {
    "encoded": "one edge of the model was put there for it, which is no success of prediction",
    "emergent": "it follows from edges that were put there for other reasons",
    "quantitative": "a number within an interval from a source",
    "data": "the tables agree; nothing was simulated",
    "audit": "the cited works say it, as far as they were read; nothing was simulated",
}
BROKEN_WORDS: Final[Mapping[str, str]] = {
    "simulation": "the same experiment with the mechanism broken",
    "data": "the same comparison with a reading changed or left out",
    "audit": "the same question to other works",
}


def claim_page(
    claim: Claim,
    knowledge: Knowledge,
    judgements: Mapping[str, Judgement],
    *,
    afresh: frozenset[str] = frozenset(),
) -> Outline:
    """Return everything about a claim.

    Parameters
    ----------
    claim
        The claim.
    knowledge
        Every table.
    judgements
        Of every check of the claim, and maybe of others.
    afresh
        Checks that were measured now; the results of the others are the committed ones.
    """
    checks = {item.id: item for item in all_checks(knowledge) if claim.id in item.claims}
    mine = tuple(judgements[name] for name in checks if name in judgements)
    entry = ledger_of([claim], mine, knowledge).entries[claim.id]
    rows = [knowledge.expectations[checks[item.check].expectation] for item in mine]
    models = built_for(rows, knowledge)
    lines = (*_checks_lines(mine, checks, knowledge, models, afresh), *_without(checks, mine))
    turning = (*_turning(entry, rows, models, knowledge), *entry_sentences(entry, knowledge))
    wait = knowledge.waits.get(claim.id)
    waits = (Line(text=f"{wait.part}: {wait.needs}"),) if wait is not None else ()
    return Outline(
        id=claim.id,
        heading=claim.statement,
        parts=(
            Part(lines=(*_corrections(claim, knowledge), *claim_facts(claim))),
            Part(title="Verdict", lines=tuple(_verdict_lines(entry))),
            *((Part(title="Checks", lines=lines),) if lines else ()),
            _audits_part(claim, knowledge),
            *_other_references(claim, knowledge),
            *contradiction_parts(claim, knowledge),
            caveats_part(claim, knowledge),
            *registry_parts(claim, knowledge),
            *((Part(title="Waits for a part of the model", lines=waits),) if waits else ()),
            _turning_part(turning),
        ),
    )


def check_page(
    check: Check,
    knowledge: Knowledge,
    judgements: Mapping[str, Judgement],
    *,
    afresh: frozenset[str] = frozenset(),
) -> Outline:
    """Return everything about a check; arguments as in `claim_page`."""
    mine = tuple(item for item in judgements.values() if item.check == check.id)
    row = knowledge.expectations[check.expectation]
    models = built_for([row], knowledge)
    checks = {check.id: check}
    lines = (*_checks_lines(mine, checks, knowledge, models, afresh), *_without(checks, mine))
    turning = (
        *(text for item in mine for text in check_sentences(item, row)),
        *_model_sentences([row], models, knowledge),
    )
    claims = [knowledge.claims[name] for name in check.claims]
    return Outline(
        id=check.id,
        heading=f"check: {measured_words(check)}",
        parts=(
            Part(
                title="Claims it judges",
                lines=tuple(Line(text=f"{claim.id}  {claim.statement}") for claim in claims),
            ),
            Part(title="Result", lines=lines),
            _turning_part(turning),
        ),
    )


def _turning_part(sentences: tuple[str, ...]) -> Part:
    lines = tuple(Line(text=text, hang=2) for text in sentences)
    title = "What would change the verdict" + ("" if lines else ": nothing that is recorded")
    return Part(title=title, lines=lines)


def _corrections(claim: Claim, knowledge: Knowledge) -> Iterator[Line]:
    for caveat in caveats_of(claim, knowledge):
        if caveat.correction:
            yield told("corrected", f"{caveat.correction} [{caveat.id}, {caveat.type}]")


def _verdict_lines(entry: Entry) -> Iterator[Line]:
    name = VERDICT_NAMES[entry.verdict]
    meaning = OPEN if entry.verdict == "undetermined" else VERDICT_WORDS[entry.verdict]
    yield told("verdict", f"{name}: {meaning}")
    if entry.grade:
        yield told("grade", f"{GRADE_NAMES[entry.grade]}: {GRADE_WORDS[entry.grade]}")


def _checks_lines(
    judgements: tuple[Judgement, ...],
    checks: Mapping[str, Check],
    knowledge: Knowledge,
    models: Mapping[str, Built],
    afresh: frozenset[str],
) -> tuple[Line, ...]:
    stale = _stale(judgements, afresh, knowledge)
    return tuple(
        line
        for item in judgements
        for line in _check_lines(
            item,
            checks[item.check],
            knowledge,
            models,
            "measured now" if item.check in afresh else _committed(item, stale),
        )
    )


def _without(checks: Mapping[str, Check], judgements: tuple[Judgement, ...]) -> Iterator[Line]:
    """Yield the checks that no result is known of."""
    for name in sorted(checks.keys() - {item.check for item in judgements}):
        yield Line(text=f"{name}: no result is committed. Run {COMMAND}.")


def _stale(known: tuple[Judgement, ...], afresh: frozenset[str], knowledge: Knowledge) -> bool:
    slow = [item for item in known if item.cost == "slow" and item.check not in afresh]
    return bool(slow) and any(True for _ in stale_findings(slow, slow_hash(knowledge)))


def _committed(item: Judgement, stale: bool) -> str:
    if item.cost == "fast":
        return "committed; --run measures it afresh"
    held = f"other inputs than today's: run {COMMAND}" if stale else "the inputs hold"
    return f"committed, of inputs sha256 {item.input_hash[:12]}; {held}"


def _check_lines(
    item: Judgement,
    check: Check,
    knowledge: Knowledge,
    models: Mapping[str, Built],
    result: str,
) -> Iterator[Line]:
    found, row = item.outcome, knowledge.expectations[check.expectation]
    held = held_in(found)
    verdict = VERDICT_NAMES[found.verdict]
    spread = ", median and 95 % of worlds" if found.n_world > 1 else ""
    kind = f"{item.kind} check, {item.role.replace('_', ' ')}, {item.cost}"
    yield Line(text=f"{item.check}  {measured_words(check)}")
    yield told("kind", kind if not item.grade else f"{kind}, {item.grade} if reproduced", depth=1)
    yield told("verdict", f"{verdict}{f', {held}' if held else ''}", depth=1)
    yield told("measured", f"{measured(found, row)}{spread}", depth=1)
    yield told("expected", f"{expected(row)} ({row.quantity})", depth=1)
    yield told("because", row.note, depth=1)
    for part in row.source:
        yield told("source", _source(part, knowledge), depth=1)
    clear = "" if not margin(found) or found.is_clear or found.n_world < 2 else ": not clear"
    yield told("margin", f"{margin(found)}{clear}".removeprefix("margin "), depth=1)
    yield told("control", _control(item, check, row), depth=1)
    if row.id in models:
        model = models[row.id]
        yield told("path", path_words(row.path, model), depth=1)
        yield told("model", model.model.name, depth=1)
    yield told("result", result, depth=1)


def _source(part: str, knowledge: Knowledge) -> str:
    if part in knowledge.references:
        return source_of(knowledge.references[part])
    if part not in knowledge.evidence:
        return part
    first, *_ = evidence_lines(knowledge.evidence[part], knowledge)
    row = knowledge.evidence[part]
    return f"{first.text}; {source_of(knowledge.references[row.reference])}; {row.status}"


def _control(item: Judgement, check: Check, row: Expectation) -> str:
    if item.control is None:
        return "not run: there was nothing to judge"
    words = control_words(check, item.kind, item.outcome.verdict)
    broken = f"{words}: {VERDICT_NAMES[item.control.verdict]}"
    return f"{broken} ({measured(item.control, row)})"


def control_words(check: Check, kind: str, verdict: Verdict) -> str:
    """Return what the control of a verdict does: its own words, else what controls of a kind do."""
    return _first_line(check.control_for(verdict)).rstrip(".") or BROKEN_WORDS[kind]


def measured_words(check: Check) -> str:
    """Return what a check measures, in its own words."""
    return _first_line(check.measure)


def _first_line(function: Callable[..., Any]) -> str:
    # A partial has the docstring of its class, not of what it calls.
    own = function.func if isinstance(function, partial) else function
    return (own.__doc__ or "").strip().partition("\n")[0]


def _audits_part(claim: Claim, knowledge: Knowledge) -> Part:
    readings = by_claim(knowledge.audits).get(claim.id, ())
    lines = tuple(line for item in readings for line in _audit_lines(item, knowledge))
    title = "Cited works" if readings else "Cited works: none read"
    return Part(title=title, lines=lines)


def _audit_lines(item: Audit, knowledge: Knowledge) -> Iterator[Line]:
    yield Line(
        text=f"{item.id}  work {item.number} {support_words(item)} ({READ_NAMES[item.read]})"
    )
    yield told("work", cited_work(item.number, knowledge), depth=1)
    yield told("cited for", f"{item.sentence} ({item.place})", depth=1)
    yield told("must show", statement(item.claimed), depth=1)
    if item.found is not None:
        yield told("shows", statement(item.found), depth=1)
    yield told("reason", item.reason, depth=1)
    yield told("page", "; ".join(part for part in (item.source, item.locator) if part), depth=1)


def _other_references(claim: Claim, knowledge: Knowledge) -> tuple[Part, ...]:
    """Return the cited works that nobody looked for; the others stand with their readings."""
    looked_for = {item.number for item in by_claim(knowledge.audits).get(claim.id, ())}
    numbers = [number for number in claim.references if number not in looked_for]
    lines = tuple(Line(text=cited_work(number, knowledge), hang=5) for number in numbers)
    return (Part(title="Cited works, not looked for", lines=lines),) if lines else ()


def _turning(
    entry: Entry, rows: Sequence[Expectation], models: Mapping[str, Built], knowledge: Knowledge
) -> Iterator[str]:
    for item, row in zip(entry.judgements, rows, strict=True):
        for sentence in check_sentences(item, row):
            yield f"{item.check}: {sentence}" if len(rows) > 1 else sentence
    yield from _model_sentences(rows, models, knowledge)


def _model_sentences(
    rows: Sequence[Expectation], models: Mapping[str, Built], knowledge: Knowledge
) -> Iterator[str]:
    """Yield which parameters of the paths are known least: where the model would have to move."""
    paths = [(row.path, models[row.id]) for row in rows if row.id in models]
    known_least = [
        f"{row.id} ({row.value:g}{_unit(row.unit)}, {row.status}, widened spread "
        f"{row.widened_spread:.2g} on the {row.scale} scale)"
        for row in least_known(paths, knowledge)
    ]
    if known_least:
        yield (
            "In the model, the parameters on its path that are known least are "
            f"{'; '.join(known_least)}. A better value of one may turn it."
        )


def _unit(unit: str) -> str:
    return "" if unit in {"1", "dimensionless"} else f" {unit}"
