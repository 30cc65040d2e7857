"""The ledger page: every claim once, sums that add up, nothing surer than what was found."""

from __future__ import annotations

import math
import re
from collections import Counter
from dataclasses import replace
from html.parser import HTMLParser
from itertools import pairwise

import pytest
from markupsafe import escape

from cxaxis.claims.ledger import ledger_of
from cxaxis.claims.records import VERDICTS, Judgement, Outcome
from cxaxis.claims.run import LedgerRun
from cxaxis.core.errors import ModelValueError, error
from cxaxis.figures.ledger import StackPart, stacked_counts
from cxaxis.knowledge.audits import RELATIONS, Audit, Statement, support
from cxaxis.knowledge.checks import read_knowledge
from cxaxis.knowledge.evidence import Reference
from cxaxis.knowledge.expectations import Expectation
from cxaxis.knowledge.registry import STANDING_WORDS
from cxaxis.knowledge.waits import PARTS
from cxaxis.report import ledger_content as content
from cxaxis.report import ledger_words as words
from cxaxis.report.ledger_page import ledger_html, ledger_markdown

VOID = {"meta", "br", "wbr", "col", "input", "img", "link"}
SLOW_HASH = "ab" * 32
OTHER_HASH = "cd" * 32


class Outline(HTMLParser):
    """Tags, ids, headings and links of a page; complains about tags that do not close."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: Counter[str] = Counter()
        self.ids: Counter[str] = Counter()
        self.targets: set[str] = set()
        self.levels: list[int] = []
        self.attributes: list[tuple[str, dict]] = []

    def handle_starttag(self, tag, attrs):
        found = dict(attrs)
        self.tags[tag] += 1
        self.attributes.append((tag, found))
        if "id" in found:
            self.ids[found["id"]] += 1
        for key in ("href", "xlink:href"):
            if (found.get(key) or "").startswith("#"):
                self.targets.add(found[key][1:])
        self.targets |= set(found.get("aria-labelledby", "").split())
        if re.fullmatch("h[1-6]", tag):
            self.levels.append(int(tag[1]))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.handle_starttag(tag, attrs)
        if tag not in VOID:
            self.open.pop()

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


def _outcome(verdict, value=1.0, low=None, high=None, *, n_world=1):
    share = {"reproduced": 1.0, "contradicted": 0.0}.get(verdict, 0.5)
    return Outcome(
        verdict=verdict,
        value=value,
        low=value if low is None else low,
        high=value if high is None else high,
        share=share,
        n_world=n_world,
        margin=0.05,
        mc_error=0.02,
    )


def _judgement(check, claims, kind, outcome, control, **other):
    settings = {"grade": "", "role": "held_out", "cost": "fast", "unit": "1", "input_hash": ""}
    return Judgement(
        check=check,
        claims=claims,
        kind=kind,
        outcome=outcome,
        control=control,
        **(settings | other),
    )


def _judgements():
    yes, no = _outcome("reproduced"), _outcome("contradicted", 0.0)
    worlds = _outcome("reproduced", 7.25, 6.5, 8.0, n_world=40)
    broken = _outcome("contradicted", 0.0, n_world=40)
    late = _outcome("contradicted", 3.0, 2.5, 3.5, n_world=20)
    turned = _outcome("reproduced", 1.0, n_world=20)
    return (
        _judgement(
            "cd34_peak_time",
            ("C146",),
            "simulation",
            worlds,
            broken,
            grade="quantitative",
            role="fitted",
            unit="hour",
        ),
        _judgement(
            "growth_without_cxcr4", ("C116",), "simulation", worlds, broken, grade="encoded"
        ),
        _judgement(
            "growth_without_stromal_cxcl12",
            ("C035",),
            "simulation",
            worlds,
            broken,
            grade="emergent",
        ),
        _judgement(
            "cxcr4_high_die_sooner",
            ("C102",),
            "simulation",
            late,
            turned,
            grade="emergent",
            cost="slow",
            input_hash=SLOW_HASH,
        ),
        _judgement(
            "cxcr4_high_and_nodes",
            ("C130",),
            "simulation",
            late,
            turned,
            grade="quantitative",
            role="fitted",
            cost="slow",
            input_hash=OTHER_HASH,
        ),
        _judgement("registry_C156", ("C156",), "data", no, yes),
        _judgement("isoforms_of_cxcl12", ("C022",), "data", _outcome("reproduced", 6.0), no),
        _judgement("audit_C127", ("C127",), "audit", _outcome("contradicted", -1.0), yes),
        _judgement("audit_C146", ("C146",), "audit", _outcome("undetermined", 0.5, 0.0, 1.0), yes),
        _judgement(
            "audit_C001",
            ("C001",),
            "audit",
            replace(_outcome("not_testable", math.nan), share=math.nan, margin=0.0),
            None,
        ),
    )


@pytest.fixture(scope="module")
def knowledge():
    found, _ = read_knowledge()
    return found


@pytest.fixture(scope="module")
def run(knowledge):
    claims = {
        **knowledge.claims,
        "C001": replace(knowledge.claims["C001"], statement="p < 0.05 & <b>bold</b> | more"),
    }
    judgements = _judgements()
    return LedgerRun(
        knowledge=replace(knowledge, claims=claims),
        ledger=ledger_of(claims.values(), judgements, knowledge),
        judgements=judgements,
        slow_hash=SLOW_HASH,
        findings=(),
    )


@pytest.fixture(scope="module")
def page(run):
    return ledger_html(run)


@pytest.fixture(scope="module")
def markdown(run):
    return ledger_markdown(run)


@pytest.fixture(scope="module")
def outline(page):
    parser = Outline()
    parser.feed(page)
    assert parser.open == []
    return parser


def _card(page, claim):
    start = page.index(f'id="{claim}"')
    return page[start : page.index("</article>", start)]


def _row(page, name):
    start = page.index(f'<tr id="{name}">')
    return page[start : page.index("</tr>", start)]


def _text(html):
    return " ".join(re.sub(r"<[^>]*>", "", html).split())


def _section(page, name):
    start = page.index(f'<section aria-labelledby="{name}">')
    return page[start : page.index("</section>", start)]


def test_every_claim_stands_on_the_page_once(run, outline, markdown):
    cards = [found["id"] for tag, found in outline.attributes if tag == "article"]
    assert cards == list(run.ledger.entries)
    assert all(outline.ids[claim] == 1 for claim in run.ledger.entries)
    table = markdown[markdown.index("## Every claim") :]
    assert re.findall(r"^\| (C\d{3}) \|", table, re.MULTILINE) == list(run.ledger.entries)


def test_the_same_run_gives_the_same_bytes(run, page, markdown):
    assert ledger_html(run) == page
    assert ledger_markdown(run) == markdown
    assert len(page.encode()) < 1_500_000


def test_text_of_the_tables_is_escaped(page, markdown):
    card = _card(page, "C001")
    assert "p &lt; 0.05 &amp; &lt;b&gt;bold&lt;/b&gt; | more" in card
    assert "<b>bold" not in page
    assert r"p &lt; 0.05 &amp; &lt;b&gt;bold&lt;/b&gt; \| more" in markdown
    rows = [line for line in markdown.splitlines() if re.match(r"\| C\d{3} \|", line)]
    widths = Counter(len(re.findall(r"(?<!\\)\|", line)) for line in rows)
    assert set(widths) == {5, 7}


@pytest.mark.parametrize("key", content.TALLY_KEYS)
def test_tables_add_up_to_the_number_of_claims(run, page, key):
    rows = content.tally(run, key)
    total = content.sum_row(rows)
    assert total.total == sum(row.total for row in rows) == len(run.ledger.entries) == 210
    assert len(total.counts) == len(content.TALLY_COLUMNS)
    start = page.index(f'aria-label="Claims by {key}"')
    table = page[start : page.index("</table>", start)]
    told = [
        [int(cell) for cell in re.findall(r'<td class="num[^"]*">(\d+)</td>', line)]
        for line in table.splitlines()
        if 'scope="row"' in line
    ]
    assert told == [[*row.counts, row.total] for row in (*rows, total)]
    verdicts = Counter(entry.verdict for entry in run.ledger.entries.values())
    for verdict, count in zip(content.TALLY_COLUMNS[5:], total.counts[5:], strict=True):
        assert count == verdicts[verdict]
    assert sum(total.counts[:5]) == verdicts["reproduced"] == 4


def test_grades_are_counted_apart_and_encoded_is_no_success(run, page):
    views = content.claim_views(run)
    assert content.by_grade_and_role(views) == (
        ("encoded", 1, 0),
        ("emergent", 1, 0),
        ("quantitative", 0, 1),
    )
    summary = _text(_section(page, "summary"))
    assert "4 of 210 claims are reproduced" in summary
    assert "(1 emergent, 1 quantitative)" in summary
    assert "Successful predictions: 1." in summary
    assert "An encoded direction is no success of prediction" in summary


def test_nothing_is_requested(page, outline):
    assert outline.tags["link"] == outline.tags["img"] == outline.tags["iframe"] == 0
    assert all("src" not in found for _, found in outline.attributes)
    assert outline.tags["script"] == 1
    assert not re.search(r"fetch|XMLHttpRequest|import\(", page[page.index("<script>") :])
    assert "@import" not in page
    assert not re.search(r"url\((?!#)", page)
    links = {found.get("href") for tag, found in outline.attributes if tag == "a"}
    spaces = {"http://www.w3.org/2000/svg", "http://www.w3.org/1999/xlink"}
    for text in re.findall(r'"(https?://[^"]*)"', page):
        assert text.replace("&amp;", "&").replace("&#39;", "'") in links | spaces


def test_the_page_is_whole_without_its_script(outline):
    forms = [found for tag, found in outline.attributes if tag == "form"]
    assert [("hidden" in found) for found in forms] == [True]
    cards = [found for tag, found in outline.attributes if tag == "article"]
    assert not any("hidden" in found for found in cards)


def test_ids_are_unique_and_every_link_and_label_is_met(outline):
    assert [name for name, count in outline.ids.items() if count > 1] == []
    assert outline.targets <= set(outline.ids)


def test_headings_captions_and_texts_for_the_drawing_are_there(outline):
    assert outline.levels.count(1) == 1
    assert all(after <= before + 1 for before, after in pairwise(outline.levels))
    assert outline.tags["caption"] == outline.tags["table"]
    assert all("scope" in found for tag, found in outline.attributes if tag == "th")
    drawings = [found for tag, found in outline.attributes if tag == "svg"]
    assert len(drawings) == outline.tags["figcaption"] == 2
    assert drawings[0]["role"] == "img"


def test_the_page_says_what_it_is_not(page, markdown):
    for told in ("not for clinical use", "no proof that the statement is true"):
        assert told in page
        assert told in markdown


def test_an_orphan_designation_never_reads_as_an_approval(knowledge, page):
    orphans = [item for item in knowledge.registry.values() if item.standing == "orphan"]
    assert len(orphans) >= 2
    for item in orphans:
        row = _row(page, item.id)
        cell = re.search(r'class="standing">(.*?)</td>', row, re.DOTALL)
        told = _text(cell[1])
        assert told.startswith("orphan designation, which is not an approval")
        assert re.sub(r"\(the review says “approved”\)", "", told).count("approved") == 0
        for claim in item.claims:
            assert STANDING_WORDS["orphan"] in _card(page, claim)


def test_a_standing_that_the_review_misstates_is_named(page):
    assert "(the review says “approved”)" in _row(page, "REG015")
    assert "the review says" not in _row(page, "REG008")
    row = _text(_row(page, "REG012"))
    assert "NCT0135965;" in row
    assert "NCT01359657 (printed otherwise)" in row


def test_the_corrected_statement_stands_beside_the_reviews(knowledge, page, markdown):
    caveat = knowledge.caveats["CAV027"]
    card = _text(_card(page, "C127"))
    said, corrected = card.index("In one series, credited to Gockel"), card.index("Kaifi 2005:")
    assert said < corrected < card.index("Would show it")
    contradicted = _text(_section(page, "contradicted"))
    assert str(escape(caveat.correction)) in contradicted
    for item in knowledge.caveats.values():
        corrected = item.correction or "no corrected statement is given"
        assert str(escape(corrected)) in _row(page, item.id)
    table = markdown[markdown.index("## Contradicted") : markdown.index("## Gaps")]
    assert "(CAV027)" in table


def test_every_contradicted_claim_is_listed_and_no_other(run, page):
    section = _section(page, "contradicted")
    first = section[: section.index("</table>")]
    named = re.findall(r'<th scope="row"><a href="#(C\d{3})">', first)
    assert named == [n for n, e in run.ledger.entries.items() if e.verdict == "contradicted"]
    assert named == ["C102", "C127", "C130", "C156"]


def test_a_gap_names_its_part_and_what_the_part_must_do(run, page):
    gaps = [n for n, entry in run.ledger.entries.items() if entry.verdict == "gap"]
    assert gaps
    told = re.findall(r'<tr><th scope="row"><a href="#(C\d{3})">', _section(page, "gaps"))
    assert sorted(told) == sorted(gaps)
    for name in gaps:
        wait = run.knowledge.waits[name]
        card = _card(page, name)
        assert f'<a href="#part-{wait.part}">' in card
        assert "Waits for" in card


def test_a_slow_check_shows_the_hash_of_its_inputs_and_whether_they_are_todays(page):
    assert SLOW_HASH in page
    fresh, stale = _card(page, "C102"), _card(page, "C130")
    assert SLOW_HASH[:12] in fresh
    assert "not those of today" not in fresh
    assert OTHER_HASH[:12] in stale
    assert "(not those of today)" in stale


def test_a_card_shows_measurement_expectation_margin_control_and_role(page):
    card = _text(_card(page, "C146"))
    assert "7.25 (6.50 to 8.00) h" in card
    assert "6 to 9 h" in card
    assert "holds in 40 of 40 worlds" in card
    assert "mechanism broken: contradicted" in card
    assert "simulation, quantitative, fitted" in card
    assert "says nothing against the checks that could judge" in card


def test_citations_are_told_no_surer_than_they_were_read(knowledge, page):
    section = _section(page, "citations")
    outcomes = [support(item.claimed, item.found) for item in knowledge.audits.values()]
    listed = [item for item in outcomes if item in {"opposes", "other_context", "silent"}]
    assert section.count('data-name="Why"') == len(listed) > 0
    assert "does not say it in its abstract" in page


def test_both_sides_of_a_disputed_question_are_rows(knowledge, page):
    section = _section(page, "disagree")
    assert section.count('data-name="Direction"') == len(knowledge.contradictions)
    text = _text(section)
    for item in knowledge.contradictions.values():
        assert item.side in text


def test_changed_verdicts_are_told(run):
    finding = error("LEDG002", "C127", "the verdict <is> another")
    changed = replace(run, findings=(finding,))
    assert "the verdict &lt;is&gt; another" in ledger_html(changed)
    assert "the verdict &lt;is&gt; another" in ledger_markdown(changed)


def test_a_ledger_of_one_claim_is_a_whole_page(run, knowledge):
    one = [knowledge.claims["C065"]]
    small = replace(run, ledger=ledger_of(one, (), knowledge), judgements=())
    page = ledger_html(small)
    parser = Outline()
    parser.feed(page)
    assert parser.open == []
    assert parser.targets <= set(parser.ids)
    assert "No claim is contradicted." in page
    assert "1 of 210" in page
    assert "No claim is contradicted." in ledger_markdown(small)


def test_a_judgement_of_no_known_check_is_refused(run, knowledge):
    odd = _judgement("no_such", ("C146",), "data", _outcome("reproduced"), _outcome("contradicted"))
    claims = [knowledge.claims["C146"]]
    broken = replace(run, ledger=ledger_of(claims, (odd,), knowledge))
    with pytest.raises(ModelValueError, match="no check 'no_such'"):
        ledger_html(broken)


def test_every_verdict_part_and_relation_has_its_words():
    assert set(words.VERDICT_NAMES) == set(words.VERDICT_SIGNS) == set(VERDICTS)
    assert len(set(words.VERDICT_SIGNS.values())) == len(VERDICTS)
    assert set(words.PART_NAMES) == set(PARTS)
    for relation in RELATIONS:
        claimed = Statement(subject="A", relation=relation, object="B", context="any")
        assert words.statement(claimed).startswith("A ")


@pytest.mark.parametrize(
    ("numbers", "unit", "told"),
    [
        ((1.49, 1.24, 1.8), "1", "1.49 (1.24 to 1.80)"),
        ((7.0, 6.5, 9.0), "hour", "7.0 (6.5 to 9.0)\u00a0h"),
        ((-1.0, -1.0, -1.0), "1", "−1"),
        ((94.1, None, None), "%", "94.1\u00a0%"),
        ((None, None, None), "%", ""),
        ((math.nan, math.nan, math.nan), "1", ""),
    ],
)
def test_numbers_are_told_to_the_same_place_with_their_unit(numbers, unit, told):
    assert words.sized(*numbers, unit) == told


def _expectation(low, high, *, quantity="share", unit="1"):
    return Expectation(
        id="x",
        kind="data",
        grade="",
        quantity=quantity,
        low=low,
        high=high,
        unit=unit,
        source=("words of ours",),
        path=(),
        note="",
        where="here",
    )


@pytest.mark.parametrize(
    ("low", "high", "told"),
    [
        (6.0, 9.0, "6 to 9"),
        (352.0, 352.0, "352"),
        (1e-6, None, "at least 1 × 10⁻⁶"),
        (None, 0.95, "at most 0.95"),
    ],
)
def test_expectations_are_told_as_ranges(low, high, told):
    assert words.expected(_expectation(low, high)).startswith(told)


def test_a_question_of_whether_is_answered_yes_or_no():
    question = _expectation(1.0, None, quantity="whether the locus is recorded")
    assert words.expected(question) == "yes"
    assert words.measured(_outcome("contradicted", 0.0), question) == "no"
    assert words.measured(_outcome("not_testable", math.nan), question) == "not measured"


@pytest.mark.parametrize("read", ["abstract", "full_text"])
def test_a_silent_abstract_is_not_a_silent_work(read):
    claimed = Statement(subject="A", relation="raises", object="B", context="any")
    audit = Audit(
        id="AUD001",
        claim="C001",
        number=1,
        sentence="s",
        place="p",
        claimed=claimed,
        found=replace(claimed, object="C"),
        read=read,
        source="https://example.org/a",
        locator="abstract",
        reason="r",
        where="w",
    )
    told = words.support_words(audit)
    assert told == ("does not say it in its abstract" if read == "abstract" else "does not say it")


def test_only_web_addresses_become_links():
    assert words.link("javascript:alert(1)") == "javascript:alert(1)"
    assert words.link("a page & more") == "a page &amp; more"
    assert 'href="https://example.org/a?b=1&amp;c"' in words.link("https://example.org/a?b=1&c")
    assert 'href="https://doi.org/10.1000/x"' in words.identifier_link("doi:10.1000/x")
    assert words.identifier_link("nct:NCT01359657").endswith(">NCT01359657</a>")
    assert words.identifier_link("") == ""


def test_a_long_citation_is_named_by_its_id():
    row = Reference(
        id="x_2020", citation="X 2020. J Y", year=2020, identifier="", note="", where=""
    )
    assert words.short_name(row) == "X 2020"
    assert words.short_name(replace(row, citation="A body: " + "long " * 20)) == "x_2020"


def test_bars_are_as_long_as_their_counts():
    parts = [
        StackPart(key="a", label="A", colour="#000000", ink="#ffffff"),
        StackPart(key="b", label="B", colour="#ffffff", ink="#000000", hatch="//"),
    ]
    axes = stacked_counts({"one": {"a": 3, "b": 4}, "two": {"b": 2}}, parts, x_label="Claims")
    bars = [(bar.get_x(), bar.get_width()) for bar in axes.patches]
    assert bars == [(0, 3), (3, 4), (0, 2)]
    assert {text.get_text() for text in axes.texts} == {"3", "4", "7", "2"}
    with pytest.raises(ModelValueError, match="no part shows"):
        stacked_counts({"one": {"c": 1}}, parts, x_label="Claims")
    with pytest.raises(ModelValueError, match="at least one group"):
        stacked_counts({}, parts, x_label="Claims")
