"""What the ledger page shows, drawn from a ledger run: tallies, claims, corrections, sources."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final, Literal

from markupsafe import Markup

from cxaxis.claims.check import all_checks
from cxaxis.claims.ledger import REPRODUCED_BY, Entry, telling
from cxaxis.claims.records import JUDGED, VERDICTS, Judgement, Role
from cxaxis.claims.registry_checks import PREFIX as REGISTRY_PREFIX
from cxaxis.claims.run import LedgerRun
from cxaxis.core.errors import ModelValueError
from cxaxis.core.ids import did_you_mean
from cxaxis.knowledge.audits import Audit, by_claim, support
from cxaxis.knowledge.caveats import Caveat, Contradiction
from cxaxis.knowledge.claims import (
    CLAIM_KINDS,
    CLAIM_SCALES,
    CLAIM_SECTIONS,
    Claim,
    ReviewReference,
)
from cxaxis.knowledge.evidence import Evidence, Reference
from cxaxis.knowledge.expectations import CHECK_KINDS, GRADES, Expectation
from cxaxis.knowledge.registry import RegistryEntry
from cxaxis.knowledge.waits import PARTS, Wait
from cxaxis.report import ledger_words as words
from cxaxis.report.ledger_words import Sources

TallyKey = Literal["section", "scale", "kind"]

TALLY_KEYS: Final[tuple[TallyKey, ...]] = ("section", "scale", "kind")
TALLY_COLUMNS: Final = (*REPRODUCED_BY, *VERDICTS[1:])
MISPRINT: Final = "typographical"
_ORDER: Final[Mapping[TallyKey, tuple[str, ...]]] = {
    "section": CLAIM_SECTIONS,
    "scale": CLAIM_SCALES,
    "kind": CLAIM_KINDS,
}


@dataclass(frozen=True, kw_only=True)
class TallyRow:
    """Claims of one section, scale or kind, counted; one number for each of `TALLY_COLUMNS`."""

    name: str
    counts: tuple[int, ...]

    @property
    def total(self) -> int:
        """Claims of the row."""
        return sum(self.counts)


@dataclass(frozen=True, kw_only=True)
class CheckView:
    """One check of a claim, in words.

    Attributes
    ----------
    judgement, expectation
        The records it is made from.
    is_stale
        Whether a committed result is of other inputs than today's.
    is_telling
        Whether the claim's verdict follows from it; see `cxaxis.claims.ledger.telling`.
    """

    judgement: Judgement
    expectation: Expectation
    is_stale: bool
    is_telling: bool

    @property
    def measured(self) -> str:
        """What was measured."""
        return words.measured(self.judgement.outcome, self.expectation)

    @property
    def expected(self) -> str:
        """What must be measured for the claim to hold."""
        return words.expected(self.expectation)

    @property
    def certainty(self) -> tuple[str, ...]:
        """In how many worlds it holds, and how far the verdict is from turning."""
        outcome = self.judgement.outcome
        return tuple(text for text in (words.held_in(outcome), words.margin(outcome)) if text)

    @property
    def control(self) -> str:
        """What the control found."""
        return words.control(self.judgement, self.expectation)


@dataclass(frozen=True, kw_only=True)
class ClaimView:
    """One claim with everything the tables hold on it."""

    entry: Entry
    checks: tuple[CheckView, ...]
    audits: tuple[Audit, ...]
    caveats: tuple[Caveat, ...]
    registry: tuple[RegistryEntry, ...]
    topics: tuple[str, ...]
    wait: Wait | None

    @property
    def claim(self) -> Claim:
        """The claim itself."""
        return self.entry.claim

    @property
    def corrections(self) -> tuple[Caveat, ...]:
        """Caveats that give a corrected statement."""
        return tuple(item for item in self.caveats if item.correction)

    @property
    def how(self) -> str:
        """Kinds of the checks that looked at it, in words."""
        kinds = {item.judgement.kind for item in self.checks}
        return ", ".join(kind for kind in CHECK_KINDS if kind in kinds)

    @property
    def grade(self) -> str:
        """How a reproduced claim was reproduced, empty otherwise."""
        return words.GRADE_NAMES[self.entry.grade] if self.entry.grade else ""

    @property
    def role(self) -> Role | None:
        """Whether the simulation that reproduced it was held out or fitted; None without one.

        Held out if one of the simulation checks of the claim's grade was.
        """
        roles = {
            item.judgement.role
            for item in self.checks
            if item.judgement.grade and item.judgement.grade == self.entry.grade
        }
        if not roles:
            return None
        return "held_out" if "held_out" in roles else "fitted"


@dataclass(frozen=True, kw_only=True)
class Topic:
    """A disputed question with its readings, in the order of the table."""

    id: str
    readings: tuple[Contradiction, ...]

    @property
    def title(self) -> str:
        """The question in words."""
        return words.topic_title(self.id)

    @property
    def sides(self) -> tuple[tuple[str, tuple[Contradiction, ...]], ...]:
        """The answers that were given, each with its readings."""
        return tuple(
            (side, tuple(item for item in self.readings if item.side == side))
            for side in dict.fromkeys(item.side for item in self.readings)
        )

    @property
    def claims(self) -> tuple[str, ...]:
        """Claims that any of its readings bears on."""
        return tuple(sorted({claim for item in self.readings for claim in item.claims}))


@dataclass(frozen=True, kw_only=True)
class Gap:
    """A part of the model, the claims that are gaps for want of it, and those judged without it."""

    part: str
    waiting: tuple[tuple[ClaimView, Wait], ...]
    judged: tuple[ClaimView, ...]

    @property
    def title(self) -> str:
        """The part in words."""
        return words.PART_NAMES[self.part]


@dataclass(frozen=True, kw_only=True)
class SourceTables:
    """Every source that the page names: readings, the review's list, other works."""

    evidence: tuple[Evidence, ...]
    review: tuple[tuple[ReviewReference, Reference], ...]
    other: tuple[Reference, ...]


def claim_views(run: LedgerRun) -> tuple[ClaimView, ...]:
    """Return the claims of a run in the order of the review.

    Raises
    ------
    ModelValueError
        If a judgement is of a check that does not exist.
    """
    knowledge = run.knowledge
    expectations = {item.id: item.expectation for item in all_checks(knowledge)}
    read = by_claim(knowledge.audits)

    def check_view(judgement: Judgement, *, is_telling: bool) -> CheckView:
        if judgement.check not in expectations:
            hint = did_you_mean(judgement.check, expectations)
            msg = f"there is no check {judgement.check!r}. {hint}"
            raise ModelValueError(msg)
        return CheckView(
            judgement=judgement,
            expectation=knowledge.expectations[expectations[judgement.check]],
            is_stale=judgement.cost == "slow" and judgement.input_hash != run.slow_hash,
            is_telling=is_telling,
        )

    return tuple(
        ClaimView(
            entry=entry,
            checks=tuple(
                check_view(item, is_telling=item in telling(entry.judgements))
                for item in entry.judgements
            ),
            audits=read.get(name, ()),
            caveats=tuple(c for c in knowledge.caveats.values() if name in c.claims),
            registry=tuple(r for r in knowledge.registry.values() if name in r.claims),
            topics=tuple(
                dict.fromkeys(
                    c.topic for c in knowledge.contradictions.values() if name in c.claims
                )
            ),
            wait=knowledge.waits.get(name),
        )
        for name, entry in run.ledger.entries.items()
    )


def tally(run: LedgerRun, key: TallyKey) -> tuple[TallyRow, ...]:
    """Return the claims counted by section, scale or kind; the rows' order is the review's."""
    verdicts, graded = run.ledger.counts(key), run.ledger.reproduced_by(key)
    return tuple(
        TallyRow(
            name=name,
            counts=(
                *(graded[name][how] for how in REPRODUCED_BY),
                *(verdicts[name][verdict] for verdict in VERDICTS[1:]),
            ),
        )
        for name in _ORDER[key]
        if name in verdicts
    )


def sum_row(rows: Iterable[TallyRow]) -> TallyRow:
    """Return the sum of rows, under the name ``All``."""
    return TallyRow(
        name="All", counts=tuple(map(sum, zip(*(row.counts for row in rows), strict=True)))
    )


def by_grade_and_role(views: Iterable[ClaimView]) -> tuple[tuple[str, int, int], ...]:
    """Return, for each grade, the claims that simulation reproduced: held out, and fitted."""
    found = [(item.entry.grade, item.role) for item in views]
    return tuple(
        (grade, found.count((grade, "held_out")), found.count((grade, "fitted")))
        for grade in GRADES
        if grade
    )


def undetermined_by_audit_alone(views: Iterable[ClaimView]) -> int:
    """Return the number of undetermined claims that nothing but their citations speaks on."""
    return sum(
        view.entry.verdict == "undetermined" and _kinds_that_judged(view) == {"audit"}
        for view in views
    )


def _kinds_that_judged(view: ClaimView) -> set[str]:
    return {item.judgement.kind for item in view.checks if item.judgement.outcome.verdict in JUDGED}


def against(view: ClaimView, sources: Sources) -> tuple[Markup, ...]:
    """Return what contradicts a claim, one line for each check that does."""
    return tuple(
        line
        for check in view.checks
        if check.judgement.outcome.verdict == "contradicted"
        for line in _against(view, check, sources)
    )


def _against(view: ClaimView, check: CheckView, sources: Sources) -> Iterator[Markup]:
    if check.judgement.kind == "audit":
        for item in view.audits:
            outcome = support(item.claimed, item.found)
            if outcome == "opposes" or (outcome == "silent" and item.read == "full_text"):
                yield Markup("{} {}: {}").format(
                    sources.cited([item.number]), words.support_words(item), item.reason
                )
    elif check.judgement.check.startswith(REGISTRY_PREFIX):
        for entry in view.registry:
            number = f"{entry.nct}; " if entry.nct else ""
            yield Markup("Printed: {}. Found: {}{}; {}.").format(
                words.printed_words(entry), number, words.found_words(entry), entry.standing_words
            )
    else:
        yield Markup("Found for {}: {}. The claim needs {} ({}).").format(
            check.expectation.quantity,
            check.measured,
            check.expected,
            sources.listed(check.expectation.source),
        )


def unsupported(views: Iterable[ClaimView]) -> dict[str, list[tuple[ClaimView, Audit]]]:
    """Return the readings in which a work does not say what it is cited for, by outcome."""
    groups: dict[str, list[tuple[ClaimView, Audit]]] = {
        "opposes": [],
        "other_context": [],
        "silent": [],
    }
    for view in views:
        for item in view.audits:
            outcome = support(item.claimed, item.found)
            if outcome in groups:
                groups[outcome].append((view, item))
    return groups


def caveats_of(views: Iterable[ClaimView]) -> tuple[Caveat, ...]:
    """Return the caveats that bear on any of the claims, each once, by id."""
    found = {item.id: item for view in views for item in view.caveats}
    return tuple(found[name] for name in sorted(found))


def registry_of(views: Iterable[ClaimView]) -> tuple[RegistryEntry, ...]:
    """Return the registry entries that bear on any of the claims, each once, by id."""
    found = {item.id: item for view in views for item in view.registry}
    return tuple(found[name] for name in sorted(found))


def topics_of(run: LedgerRun, views: Iterable[ClaimView]) -> tuple[Topic, ...]:
    """Return the disputed questions that bear on any of the claims."""
    wanted = {topic for view in views for topic in view.topics}
    grouped: dict[str, list[Contradiction]] = {}
    for item in run.knowledge.contradictions.values():
        if item.topic in wanted:
            grouped.setdefault(item.topic, []).append(item)
    return tuple(Topic(id=name, readings=tuple(items)) for name, items in grouped.items())


def gaps_of(views: Iterable[ClaimView]) -> tuple[Gap, ...]:
    """Return the parts of the model that claims wait for, the most wanted first."""
    by_part: dict[str, list[tuple[ClaimView, Wait]]] = {}
    for view in views:
        if view.wait is not None:
            by_part.setdefault(view.wait.part, []).append((view, view.wait))
    gaps = [
        Gap(
            part=part,
            waiting=tuple(item for item in by_part[part] if item[0].entry.verdict == "gap"),
            judged=tuple(view for view, _ in by_part[part] if view.entry.verdict != "gap"),
        )
        for part in PARTS
        if part in by_part
    ]
    return tuple(sorted(gaps, key=lambda gap: -len(gap.waiting)))


def sources_of(run: LedgerRun, views: Iterable[ClaimView]) -> SourceTables:
    """Return every source that the views name."""
    knowledge = run.knowledge
    parts: set[str] = set()
    numbers: set[int] = set()
    for view in views:
        numbers |= {*view.claim.references, *(item.number for item in view.audits)}
        parts |= {part for item in view.checks for part in item.expectation.source}
        parts |= {part for item in view.caveats for part in item.basis}
        parts |= {part for item in view.registry for part in item.evidence}
    for topic in topics_of(run, views):
        for reading in topic.readings:
            parts |= {reading.study, *reading.evidence}
    evidence = tuple(row for name, row in sorted(knowledge.evidence.items()) if name in parts)
    parts |= {row.reference for row in evidence}
    listed = {item.reference for item in knowledge.review_references.values()}
    numbers |= {n for n, item in knowledge.review_references.items() if item.reference in parts}
    review = tuple(
        (item, knowledge.references[item.reference])
        for n, item in sorted(knowledge.review_references.items())
        if n in numbers
    )
    other = tuple(
        row
        for name, row in sorted(knowledge.references.items())
        if name in parts and name not in listed
    )
    return SourceTables(evidence=evidence, review=review, other=other)
