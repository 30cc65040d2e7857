"""The ledger: verdicts of claims from those of checks, the committed results, and changes."""

import math
from dataclasses import replace

import pytest

from cxaxis.claims.audit_checks import another_work_cited, cited_work_supports_it
from cxaxis.claims.check import all_checks, check, check_findings, checks_in
from cxaxis.claims.committed import (
    ExpectedVerdict,
    change_findings,
    generated_folder,
    judgements_text,
    load_judgements,
    load_verdicts,
    slow_input_hash,
    stale_findings,
    verdicts_text,
)
from cxaxis.claims.context import CheckContext, tabled_world
from cxaxis.claims.judge import outcome
from cxaxis.claims.ledger import combined, judge_checks, ledger_of, shipped_knowledge
from cxaxis.claims.records import JUDGED, Judgement, Measured, Outcome
from cxaxis.claims.registry_checks import another_registration, printed_as_registered
from cxaxis.claims.run import committed_ledger, plan_ledger, run_ledger
from cxaxis.core.errors import ModelValueError, Severity
from cxaxis.knowledge.audits import Audit, Statement

KNOWLEDGE = shipped_knowledge()
CONTEXT = CheckContext(knowledge=KNOWLEDGE, world=tabled_world(KNOWLEDGE))
CLAIMED = Statement(subject="CXCL12", relation="raises", object="migration", context="ESCC")


def found_outcome(verdict="reproduced", *, margin=1.0, mc_error=0.0, n_world=1):
    return Outcome(
        verdict=verdict,
        value=1.0,
        low=1.0,
        high=1.0,
        share=1.0,
        n_world=n_world,
        margin=margin,
        mc_error=mc_error,
    )


def judgement(verdict="reproduced", *, check="x", claims=("C001",), **changes):
    made = Judgement(
        check=check,
        claims=claims,
        kind="data",
        grade="",
        role="held_out",
        cost="fast",
        unit="1",
        outcome=found_outcome(verdict),
        control=found_outcome("contradicted" if verdict == "reproduced" else "reproduced"),
    )
    return replace(made, **changes)


@pytest.mark.parametrize(
    ("verdicts", "waits", "expected"),
    [
        (["reproduced", "reproduced"], False, "reproduced"),
        (["reproduced", "contradicted"], False, "undetermined"),
        (["reproduced", "undetermined"], False, "undetermined"),
        (["contradicted"], True, "contradicted"),
        (["reproduced", "not_testable"], True, "reproduced"),
        (["reproduced", "model_failed"], False, "model_failed"),
        (["not_testable"], True, "gap"),
        (["not_testable"], False, "not_testable"),
        ([], True, "gap"),
        ([], False, "not_testable"),
    ],
)
def test_a_claim_has_the_verdict_its_checks_agree_on(verdicts, waits, expected):
    assert combined(verdicts, waits=waits) == expected


def test_an_audit_that_cannot_decide_says_nothing_against_what_was_measured():
    audit = judgement("undetermined", check="a", kind="audit", control=found_outcome("reproduced"))
    claims = [KNOWLEDGE.claims["C001"]]
    assert ledger_of(claims, [judgement(), audit], KNOWLEDGE).entries["C001"].grade == "data"
    alone = ledger_of(claims, [audit], KNOWLEDGE).entries["C001"]
    assert alone.verdict == "undetermined"
    against = replace(audit, outcome=found_outcome("contradicted"))
    both = ledger_of(claims, [judgement(), against], KNOWLEDGE).entries["C001"]
    assert both.verdict == "undetermined"


def test_a_check_that_was_not_seen_to_fail_judges_nothing():
    idle = judgement("reproduced", control=found_outcome("reproduced"))
    with pytest.raises(ModelValueError, match="not seen to fail"):
        ledger_of([KNOWLEDGE.claims["C001"]], [idle], KNOWLEDGE)


def test_the_grades_are_counted_apart():
    claims = [KNOWLEDGE.claims[name] for name in ("C001", "C002", "C003", "C004")]
    judged = [
        judgement(check="a", claims=("C001",), kind="simulation", grade="encoded"),
        judgement(check="b", claims=("C001", "C002"), kind="simulation", grade="quantitative"),
        judgement(check="c", claims=("C003",)),
        judgement(check="d", claims=("C004",), kind="audit"),
    ]
    ledger = ledger_of(claims, judged, KNOWLEDGE)
    assert [ledger.entries[c.id].grade for c in claims] == [
        "quantitative",
        "quantitative",
        "data",
        "audit",
    ]
    counts = ledger.reproduced_by("section")
    assert sum(sum(row.values()) for row in counts.values()) == 4
    assert counts["Abstract"]["encoded"] == 0


def test_every_claim_is_in_the_ledger_once_judged_or_not():
    ledger = ledger_of(KNOWLEDGE.claims.values(), [], KNOWLEDGE)
    assert list(ledger.entries) == list(KNOWLEDGE.claims)
    assert {entry.verdict for entry in ledger.entries.values()} == {"gap", "not_testable"}
    assert all(entry.waits_for for entry in ledger.entries.values() if entry.verdict == "gap")


def test_checks_as_records_are_sound():
    assert [*check_findings(all_checks(KNOWLEDGE), KNOWLEDGE)] == []


def test_every_check_says_what_it_measures():
    from cxaxis.claims import receptor_checks

    assert all(item.summary.endswith(".") for item in checks_in(receptor_checks))


def test_bad_checks_are_found():
    @check(claims=["C999"], role="held_out", cost="fast", needs=["knowledge"], control=lambda c: c)
    def rank_by_death(ctx):
        """Nothing."""
        return Measured(1.0, "1")

    first, second, *others = check_findings([rank_by_death], KNOWLEDGE)
    assert (first.code, first.where) == ("CHECK002", "check rank_by_death")
    assert "'C999'" in first.message
    assert second.code == "CHECK003"
    assert "Did you mean rank_by_deaths" in second.message
    assert {item.code for item in others} == {"CHECK004"}


def test_the_role_follows_what_a_check_is_compared_with():
    wrong = [
        replace(item, role="held_out") if item.id == "cd34_peak_time" else item
        for item in all_checks(KNOWLEDGE)
    ]
    (finding,) = check_findings(wrong, KNOWLEDGE)
    assert finding.code == "CHECK005"
    assert "DRG016" in finding.message


def audit(number, found, *, read="abstract"):
    return Audit(
        id=f"AUD9{number:02d}",
        claim="C900",
        number=number,
        sentence="a sentence",
        place="somewhere",
        claimed=CLAIMED,
        found=found,
        read=read if found else "not_read",
        source="a page",
        locator="abstract",
        reason="a reason",
        where="here:1",
    )


SAME = CLAIMED
ELSEWHERE = replace(CLAIMED, context="fish")
OPPOSITE = replace(CLAIMED, relation="lowers")
OTHER = replace(CLAIMED, object="calcium", subject="VEGF")


@pytest.mark.parametrize(
    ("works", "verdict"),
    [
        ([(SAME, "abstract")], "reproduced"),
        ([(SAME, "abstract"), (OTHER, "full_text")], "reproduced"),
        ([(SAME, "abstract"), (ELSEWHERE, "abstract")], "reproduced"),
        ([(SAME, "abstract"), (OPPOSITE, "abstract")], "undetermined"),
        ([(OPPOSITE, "abstract")], "contradicted"),
        ([(ELSEWHERE, "abstract")], "undetermined"),
        ([(OTHER, "abstract")], "undetermined"),
        ([(OTHER, "full_text")], "contradicted"),
        ([(None, "")], "not_testable"),
    ],
)
def test_an_audit_follows_from_what_the_works_show(works, verdict):
    rows = [audit(i, found, read=read) for i, (found, read) in enumerate(works)]
    audits = {**KNOWLEDGE.audits, **{row.id: row for row in rows}}
    context = CONTEXT.with_knowledge(audits=audits)
    expectation = KNOWLEDGE.expectations["cited_work_supports_it"]
    measured = cited_work_supports_it(context, claim="C900")
    assert outcome([measured], expectation).verdict == verdict
    if verdict != "not_testable":
        broken = cited_work_supports_it(another_work_cited(context, claim="C900"), claim="C900")
        assert outcome([broken], expectation).verdict != verdict


def test_the_malformed_number_contradicts_what_is_printed_and_mending_it_does_not():
    expectation = KNOWLEDGE.expectations["registry_agrees"]
    printed = printed_as_registered(CONTEXT, claim="C172")
    assert outcome([printed], expectation).verdict == "contradicted"
    mended = printed_as_registered(another_registration(CONTEXT, claim="C172"), claim="C172")
    assert outcome([mended], expectation).verdict == "reproduced"


def test_a_registration_that_was_not_read_is_not_testable():
    measured = printed_as_registered(CONTEXT, claim="C166")
    assert math.isnan(measured.value)


def test_a_designation_printed_as_an_approval_is_contradicted():
    (item,) = [c for c in all_checks(KNOWLEDGE) if c.id == "registry_C156"]
    (found,) = judge_checks([item], KNOWLEDGE)
    assert found.outcome.verdict == "contradicted"
    assert found.seen_to_fail


def test_committed_tables_come_back_as_they_went(tmp_path):
    judged = [judgement(), judgement("contradicted", check="y", claims=("C002", "C003"))]
    (tmp_path / "judgements.tsv").write_text(judgements_text(judged), encoding="utf-8")
    again = load_judgements(tmp_path)
    assert list(again) == ["x", "y"]
    assert again["y"].claims == ("C002", "C003")
    assert judgements_text(list(again.values())) == judgements_text(judged)
    ledger = ledger_of([KNOWLEDGE.claims["C001"]], judged, KNOWLEDGE)
    (tmp_path / "verdicts.tsv").write_text(verdicts_text(ledger), encoding="utf-8")
    assert load_verdicts(tmp_path)["C001"].verdict == "reproduced"


@pytest.mark.parametrize(
    ("before", "now", "severity"),
    [
        (0.05, 0.05, Severity.ERROR),
        (0.0, 0.05, Severity.ERROR),
        (0.05, 0.0, Severity.ERROR),
        (0.0, 0.0, Severity.WARNING),
    ],
)
def test_a_changed_verdict_is_an_error_if_it_is_clear_and_else_a_warning(before, now, severity):
    old = judgement(outcome=found_outcome("contradicted", margin=before, mc_error=0.02, n_world=40))
    new = judgement(outcome=found_outcome("reproduced", margin=now, mc_error=0.02, n_world=40))
    ledger = ledger_of([KNOWLEDGE.claims["C001"]], [new], KNOWLEDGE)
    expected = {"C001": ExpectedVerdict(claim="C001", verdict="contradicted", grade="")}
    (finding,) = change_findings(ledger, expected, {"x": old})
    assert (finding.code, finding.severity) == ("LEDG002", severity)
    assert "committed is contradicted" in finding.message


def test_an_audit_that_turns_is_always_clear():
    assert found_outcome("undetermined", margin=0.0).is_clear


def test_the_same_verdict_is_no_finding_and_a_missing_one_is():
    ledger = ledger_of([KNOWLEDGE.claims["C001"]], [judgement()], KNOWLEDGE)
    same = {"C001": ExpectedVerdict(claim="C001", verdict="reproduced", grade="data")}
    assert [*change_findings(ledger, same, {})] == []
    (finding,) = change_findings(ledger, {}, {})
    assert finding.code == "LEDG001"


def test_a_slow_result_of_other_inputs_is_an_error():
    (finding,) = stale_findings([judgement(input_hash="a" * 64)], "b" * 64)
    assert (finding.code, finding.severity) == ("LEDG003", Severity.ERROR)
    assert "aaaaaaaaaaaa" in finding.message
    assert [*stale_findings([judgement(input_hash="a")], "a")] == []


def test_the_hash_of_slow_inputs_knows_their_bounds():
    assert slow_input_hash(["x\t1\t2\t1"]) != slow_input_hash(["x\t1\t3\t1"])


def test_a_run_of_data_claims_gives_a_verdict_for_each():
    claims = [KNOWLEDGE.claims[name] for name in ("C027", "C172", "C128")]
    run = run_ledger(plan_ledger(KNOWLEDGE, claims), workers=1)
    verdicts = [entry.verdict for entry in run.ledger.entries.values()]
    assert verdicts == ["reproduced", "contradicted", "reproduced"]
    assert all(item.seen_to_fail or item.control is None for item in run.judgements)


def test_the_committed_ledger_judges_every_claim_by_checks_seen_to_fail():
    run = committed_ledger()
    assert list(run.ledger.entries) == list(KNOWLEDGE.claims)
    judged = [item for item in run.judgements if item.outcome.verdict in JUDGED]
    assert all(item.seen_to_fail for item in judged)
    assert run.findings == ()


def test_the_committed_verdicts_follow_from_the_committed_judgements():
    run = committed_ledger()
    assert (generated_folder() / "verdicts.tsv").read_text("utf-8") == verdicts_text(run.ledger)
    committed = [item.check for item in run.judgements]
    assert committed == [item.id for item in all_checks(KNOWLEDGE)]
