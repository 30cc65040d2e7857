"""The ledger page: every claim with its verdict, as one HTML file and as Markdown.

The same run gives the same bytes: no date, no host, nothing requested from elsewhere.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from importlib.resources import files
from typing import Any, Final

from jinja2 import Environment, FunctionLoader, StrictUndefined
from markupsafe import Markup

from cxaxis._version import __version__
from cxaxis.claims.committed import judgements_text, verdicts_text
from cxaxis.claims.context import WORLDS
from cxaxis.claims.judge import MOST_FAILED, SHARE
from cxaxis.claims.records import VERDICTS
from cxaxis.claims.run import LedgerRun
from cxaxis.core.hashing import sha256_text
from cxaxis.figures.ledger import StackPart, stacked_counts
from cxaxis.knowledge.claims import CLAIM_KINDS, CLAIM_SCALES
from cxaxis.report import ledger_content as content
from cxaxis.report import ledger_words as words
from cxaxis.report.drawings import Drawing, drawing
from cxaxis.report.ledger_content import TALLY_COLUMNS, ClaimView, TallyRow
from cxaxis.report.ledger_words import Sources
from cxaxis.report.pooling import PooledView, pooled_view

REVIEW: Final = "wu_x_2021"
POOLING: Final[str] = "pooling"
POOLED_CLAIM: Final = "C133"
CONTENTS: Final[tuple[tuple[str, str], ...]] = (
    ("is", "What this is"),
    ("summary", "Summary"),
    ("how", "How to read a verdict"),
    ("contradicted", "Contradicted and misprinted"),
    ("citations", "Citations that do not say it"),
    ("disagree", "Where studies disagree"),
    (POOLING, "CXCR4 and survival, pooled"),
    ("registry", "Trials and regulators"),
    ("gaps", "Gaps"),
    ("claims", "Every claim"),
    ("sources", "Sources"),
)
CITATION_TITLES: Final = {
    "opposes": "Works that say otherwise",
    "other_context": "Works that say it of another system",
    "silent": "Works that do not say it, as far as they were read",
}
# Okabe and Ito's blue in four strengths, vermilion and orange; patterns where hues are close.
PARTS: Final = (
    StackPart(key="simulated", label="reproduced, simulation", colour="#00446b", ink="#ffffff"),
    StackPart(
        key="encoded",
        label="reproduced, but encoded",
        colour="#2f8fc4",
        ink="#ffffff",
        hatch="////",
    ),
    StackPart(key="data", label="reproduced, data", colour="#86c0e3", ink="#22262a"),
    StackPart(
        key="audit", label="reproduced, citations", colour="#cfe6f4", ink="#22262a", hatch="...."
    ),
    StackPart(key="contradicted", label="contradicted", colour="#d55e00", ink="#ffffff"),
    StackPart(
        key="undetermined", label="undetermined", colour="#f2c14e", ink="#22262a", hatch="\\\\\\\\"
    ),
    StackPart(key="not_testable", label="not testable", colour="#b9bec3", ink="#22262a"),
    StackPart(key="model_failed", label="model failed", colour="#22262a", ink="#ffffff"),
    StackPart(key="gap", label="gap", colour="#ffffff", ink="#22262a"),
)


def ledger_html(run: LedgerRun) -> str:
    """Return the ledger as one self-contained HTML page.

    Parameters
    ----------
    run
        A ledger with the tables and judgements it was made from.

    Raises
    ------
    ModelValueError
        If a judgement is of a check that does not exist.
    """
    return _environment(autoescape=True).get_template("ledger.html").render(_html_content(run))


def ledger_markdown(run: LedgerRun) -> str:
    """Return the ledger as Markdown: summary, tables, contradicted claims, a row for each claim.

    Parameters
    ----------
    run
        As for `ledger_html`.

    Raises
    ------
    ModelValueError
        If a judgement is of a check that does not exist.
    """
    views = content.claim_views(run)
    return (
        _environment(autoescape=False)
        .get_template("ledger.md")
        .render(_summary(run, views), contradicted=_contradicted(run, views))
    )


def _environment(*, autoescape: bool) -> Environment:
    environment = Environment(
        loader=FunctionLoader(_template),
        autoescape=autoescape,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters |= {
        "cell": _markdown_cell,
        "differs": words.standing_differs,
        "effect": words.effect_words,
        "found": words.found_words,
        "identifier": words.identifier_link,
        "link": words.link,
        "printed": words.printed_words,
        "reading": words.reading_words,
        "statement": words.statement,
        "support": words.support_words,
        "topic_title": words.topic_title,
    }
    environment.globals |= {
        "names": words.VERDICT_NAMES,
        "read": words.READ_NAMES,
        "signs": words.VERDICT_SIGNS,
    }
    return environment


def _template(name: str) -> str:
    return files("cxaxis.report").joinpath("templates", name).read_text(encoding="utf-8")


def _markdown_cell(text: object) -> str:
    """Return text that neither ends a cell of a Markdown table nor opens a tag."""
    plain = text.striptags() if isinstance(text, Markup) else str(text)
    for sign, escaped in (("&", "&amp;"), ("<", "&lt;"), (">", "&gt;")):
        plain = plain.replace(sign, escaped)
    for sign in "\\|*_[]`~":
        plain = plain.replace(sign, f"\\{sign}")
    return " ".join(plain.split())


def _summary(run: LedgerRun, views: Sequence[ClaimView]) -> dict[str, Any]:
    tallies = {key: content.tally(run, key) for key in content.TALLY_KEYS}
    total = content.sum_row(tallies["section"])
    return {
        "version": __version__,
        "review": _review_name(run),
        "facts": _facts(run),
        "is_and_is_not": _is_and_is_not(run),
        "in_short": _in_short(views, total),
        "findings": [str(item) for item in run.findings],
        "rules": _rules(),
        "grades": content.by_grade_and_role(views),
        "columns": TALLY_COLUMNS,
        "tallies": tallies,
        "total": total,
        "verdict_counts": _verdict_counts(views),
        "pooled": _pooled(run),
        "gaps": content.gaps_of(views),
        "views": views,
    }


def _pooled(run: LedgerRun) -> PooledView | None:
    """Return the meta-analysis where the claim that rests on it is shown."""
    return pooled_view(run.knowledge) if POOLED_CLAIM in run.ledger.entries else None


def _html_content(run: LedgerRun) -> dict[str, Any]:
    views = content.claim_views(run)
    caveats = content.caveats_of(views)
    groups = content.unsupported(views)
    by_section: dict[str, list[ClaimView]] = {}
    for view in views:
        by_section.setdefault(view.claim.section, []).append(view)
    summary = _summary(run, views)
    return {
        **summary,
        "style": Markup(_template("report.css") + _template("ledger.css")),
        "script": Markup(_template("ledger.js")),
        "contents": [item for item in CONTENTS if item[0] != POOLING or summary["pooled"]],
        "sources": Sources(knowledge=run.knowledge),
        "references": run.knowledge.review_references,
        "shown": {view.claim.id for view in views},
        "statements": {view.claim.id: view.claim.statement for view in views},
        "section_ids": {name: f"section-{i}" for i, name in enumerate(by_section, start=1)},
        "drawing": _drawing(summary["tallies"]["section"]),
        "contradicted": _contradicted(run, views),
        "misprints": [item for item in caveats if item.type == content.MISPRINT],
        "caveats": [item for item in caveats if item.type != content.MISPRINT],
        "citations": [(CITATION_TITLES[key], rows) for key, rows in groups.items() if rows],
        "topics": content.topics_of(run, views),
        "registry": content.registry_of(views),
        "sections": list(by_section.items()),
        "filters": (
            ("verdict", VERDICTS),
            ("section", tuple(by_section)),
            ("kind", CLAIM_KINDS),
            ("scale", CLAIM_SCALES),
        ),
        "tables": content.sources_of(run, views),
        "drug_name": lambda drug: _drug_name(run, drug),
    }


def _review_name(run: LedgerRun) -> str:
    review = run.knowledge.references.get(REVIEW)
    return "a review" if review is None else f"a review ({review.citation})"


def _drug_name(run: LedgerRun, drug: str) -> str:
    """Return a drug's name; for one without a file the code that its id spells."""
    if drug in run.knowledge.drugs:
        return run.knowledge.drugs[drug].name
    coded = any(sign.isdigit() for sign in drug)
    return drug.replace("_", "-").upper() if coded else drug.replace("_", " ")


def _facts(run: LedgerRun) -> list[tuple[str, str]]:
    return [
        ("Version", f"cxaxis {__version__}"),
        ("Claims", f"{len(run.ledger.entries)} of {len(run.knowledge.claims)}"),
        ("Inputs of slow checks, sha256", run.slow_hash),
        ("judgements.tsv, sha256", sha256_text(judgements_text(run.judgements))),
        ("verdicts.tsv, sha256", sha256_text(verdicts_text(run.ledger))),
    ]


def _is_and_is_not(run: LedgerRun) -> tuple[str, str, str]:
    return (
        f"This page judges {len(run.ledger.entries)} statements of {_review_name(run)}, each by "
        "running the cxaxis model, by looking at published data, or by reading the works cited.",
        "A verdict says whether a statement follows from what the model assumes or agrees with "
        "what was read; it is no proof that the statement is true, and none that it is false.",
        "This is research software and not for clinical use: no treatment may be chosen or "
        "withheld on its account.",
    )


def _verdict_counts(views: Sequence[ClaimView]) -> list[tuple[str, int]]:
    found: list[str] = [view.entry.verdict for view in views]
    return [(verdict, found.count(verdict)) for verdict in VERDICTS]


def _in_short(views: Sequence[ClaimView], total: TallyRow) -> list[str]:
    count = dict(zip(TALLY_COLUMNS, total.counts, strict=True))
    reproduced = sum(count[how] for how in TALLY_COLUMNS[:5])
    roles = content.by_grade_and_role(views)
    held_out = {grade: n for grade, n, _ in roles}
    by_audit = content.undetermined_by_audit_alone(views)
    return [
        f"{reproduced} of {total.total} claims are reproduced: "
        f"{count['emergent'] + count['quantitative']} by a simulation in which the result was not "
        f"put in ({count['emergent']} emergent, {count['quantitative']} quantitative), "
        f"{count['encoded']} by a simulation into which the direction was encoded, "
        f"{count['data']} by published data, and {count['audit']} because the works cited say so.",
        f"Successful predictions: {held_out['emergent'] + held_out['quantitative']}. So many of "
        "the emergent and quantitative ones were held out, that is, compared with nothing that set "
        "the model. An encoded direction is no success of prediction, whatever it was compared "
        "with.",
        f"{count['contradicted']} are contradicted, {count['undetermined']} undetermined; "
        f"of the undetermined, {by_audit} rest on their citations alone, mostly on abstracts that "
        "are silent or speak of another system.",
        f"{count['gap']} are gaps, {count['not_testable']} not testable, and in "
        f"{count['model_failed']} the model failed.",
    ]


def _rules() -> tuple[tuple[str, str], ...]:
    share = f"{100 * SHARE:.0f}\u00a0%"
    failed = f"{100 * MOST_FAILED:.0f}\u00a0%"
    return (
        (
            "Measurement and expectation",
            "A check measures one thing. The range it must lie in stands in a table of its own, "
            "with its source; for a direction, the bound is the smallest effect that counts. Some "
            "bounds and checks were changed after a first look at results; the changelog lists "
            "them.",
        ),
        (
            "Worlds",
            f"A simulation is measured in {WORLDS} worlds: each draws what is not known, every "
            "parameter and the choice between rival mechanisms. Data and citations are looked at "
            "once.",
        ),
        (
            "Verdict of a check",
            "In one world the expectation holds if the whole interval of the measurement lies in "
            "its range, and fails if the whole interval lies outside. Reproduced: it holds in at "
            f"least {share} of the worlds. Contradicted: it fails in at least {share}. "
            "Undetermined: neither, or the interval straddles a bound. Model failed: more than "
            f"{failed} of the worlds could not be simulated. Shown for many worlds is the median "
            f"with the range of {share} of them; for one reading its own interval.",
        ),
        (
            "Control",
            "Every check is run again with the mechanism broken, the reading changed or left out, "
            "or other works cited; where a check is contradicted, with the mechanism made stronger "
            "if breaking what does too little would change nothing. A verdict stands only if the "
            "control gets another one: no claim is judged by a check that was not seen to fail.",
        ),
        (
            "Verdict of a claim",
            "Checks that agree give their verdict, checks that disagree give undetermined; where a "
            "simulation or a look at data has judged, citations that leave the matter open say "
            "nothing against it. Where no check could judge, a claim that waits for a part of the "
            "model is a gap, and any other is not testable, such as one whose sources could not be "
            "read.",
        ),
        (
            "Grade",
            "Encoded: one edge was put into the model for this very direction, so that seeing it "
            "is no success of prediction. Emergent: it follows from edges put there for other "
            "reasons. Quantitative: a number lies within a sourced interval. By data: tables of "
            "published numbers agree. By audit: the works cited say it, as far as they were read.",
        ),
        (
            "Fitted and held out",
            "Fitted: what the check compares with was used to set the model, so that agreement is "
            "expected. Held out: it was not.",
        ),
        (
            "Citations",
            "Support runs from −1 (a work says otherwise) through 0 (its full text does not say "
            "it) to 1 (it says it). A silent abstract leaves anything from 0 to 1, and so does "
            "a work on another system. A title alone is no reading.",
        ),
        (
            "Margin",
            "How far a verdict is from turning: in worlds, beside the Monte Carlo error of a "
            "finite number of them; for one reading, in parts of the bound.",
        ),
    )


def _contradicted(
    run: LedgerRun, views: Sequence[ClaimView]
) -> list[tuple[ClaimView, tuple[Markup, ...]]]:
    sources = Sources(knowledge=run.knowledge)
    return [
        (view, content.against(view, sources))
        for view in views
        if view.entry.verdict == "contradicted"
    ]


def _drawing(rows: Sequence[TallyRow]) -> Drawing:
    counts: dict[str, Mapping[str, int]] = {}
    for row in rows:
        told = dict(zip(TALLY_COLUMNS, row.counts, strict=True))
        told["simulated"] = told.pop("emergent") + told.pop("quantitative")
        counts[row.name] = told
    description = "; ".join(
        f"{name}: " + ", ".join(f"{part.label} {row[part.key]}" for part in PARTS if row[part.key])
        for name, row in counts.items()
    )
    return drawing(
        stacked_counts(counts, PARTS, x_label="Claims"),
        name="verdicts",
        title="Verdicts by section of the review",
        description=f"Stacked bars of the number of claims. {description}.",
        caption=(
            "Verdicts by section of the review; the number of claims stands in each segment, "
            "the section's total behind its bar, the sum of each verdict in the legend. "
            "“Reproduced, simulation” holds emergent and quantitative results."
        ),
    )
