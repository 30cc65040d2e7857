"""The ledger in words: verdicts, grades, measurements, readings, trials, and links to sources."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

from markupsafe import Markup

from cxaxis.claims.context import WORLDS
from cxaxis.claims.records import Judgement, Outcome
from cxaxis.knowledge.audits import ANY_CONTEXT, Audit, Statement, support
from cxaxis.knowledge.caveats import Contradiction
from cxaxis.knowledge.checks import Knowledge
from cxaxis.knowledge.evidence import Evidence, Reference
from cxaxis.knowledge.expectations import Expectation
from cxaxis.knowledge.registry import RegistryEntry
from cxaxis.report.words import number

NOT_MEASURED: Final = "not measured"
VERDICT_NAMES: Final[Mapping[str, str]] = {
    "reproduced": "reproduced",
    "contradicted": "contradicted",
    "undetermined": "undetermined",
    "not_testable": "not testable",
    "model_failed": "model failed",
    "gap": "gap",
}
# A sign beside the word, for those who do not see the colour.
VERDICT_SIGNS: Final[Mapping[str, str]] = {
    "reproduced": "✓",
    "contradicted": "✗",
    "undetermined": "~",
    "not_testable": "?",
    "model_failed": "!",
    "gap": "○",
}
GRADE_NAMES: Final[Mapping[str, str]] = {
    "encoded": "encoded",
    "emergent": "emergent",
    "quantitative": "quantitative",
    "data": "by data",
    "audit": "by audit",
}
PART_NAMES: Final[Mapping[str, str]] = {
    "expression": "Expression: methylation, oxygen, cytokines and microRNA on the axis's genes",
    "signalling": "Signalling: from the receptors to the pathways of the cell",
    "cell": "Cell: birth, death, migration, stemness, secretion",
    "tissue": "Tissue: gradients, vessels, stroma",
    "immunity": "Immunity: immune cells and checkpoints",
    "marrow": "Marrow: stem cells and their release",
    "pharmacology": "Pharmacology: further drugs and their kinetics",
    "spread": "Spread: nodes, niches and metastases",
    "imaging": "Imaging: tracers, scanner and reader",
    "cohort": "Cohort: virtual patients and their read-outs",
    "trial": "Trial: arms, endpoints and comparisons",
    "inference": "Inference: calibration and posterior",
}
READ_NAMES: Final[Mapping[str, str]] = {
    "full_text": "full text",
    "abstract": "abstract",
    "title": "title only",
    "not_read": "not read",
}
_RELATION_NAMES: Final[Mapping[str, str]] = {
    "raises": "raises",
    "lowers": "lowers",
    "unchanged": "leaves unchanged",
    "binds": "binds",
    "not_binds": "does not bind",
    "is": "is",
    "is_not": "is not",
    "present": "is present in",
    "absent": "is absent from",
    "worse": "goes with worse",
    "better": "goes with better",
    "no_link": "has no link with",
    "needs": "needs",
    "not_needs": "does not need",
}
_BROKEN: Final[Mapping[str, str]] = {
    "simulation": "mechanism broken",
    "data": "reading changed or left out",
    "audit": "other works cited",
}
_UNITS: Final[Mapping[str, str]] = {
    "": "",
    "1": "",
    "hour": "h",
    "minute": "min",
    "kilodalton": "kDa",
}
_SPELT: Final[Mapping[str, str]] = {
    "cxcr4": "CXCR4",
    "cxcl12": "CXCL12",
    "ackr3": "ACKR3",
    "cxcr7": "CXCR7",
    "ihc": "immunohistochemistry",
    "rna": "RNA",
    "escc": "ESCC",
}
_TOPICS: Final[Mapping[str, str]] = {
    "survival_20_76_months": "The medians of 20 and 76 months, and whose they are",
    "cxcl12_protein_rna": "CXCL12 in tumours: protein and RNA",
    "cxcr4_bulk_rna": "CXCR4 and outcome: staining of tumour cells and RNA of the whole tumour",
    "cxcr4_ihc_positivity": "Share of tumours positive for CXCR4, by cut-off",
    "cxcr4_prognosis": "CXCR4 and outcome",
    "ackr3_prognosis": "CXCR7 (ACKR3) and outcome",
}
_ADDRESSES: Final[Mapping[str, str]] = {
    "doi": "https://doi.org/{}",
    "pmid": "https://pubmed.ncbi.nlm.nih.gov/{}/",
    "pmc": "https://pmc.ncbi.nlm.nih.gov/articles/{}/",
    "nct": "https://clinicaltrials.gov/study/{}",
    "biomodels": "https://www.ebi.ac.uk/biomodels/{}",
}
_SHORT_NAME = re.compile(r"[^.;:]{3,48}")


def topic_title(topic: str) -> str:
    """Return the question of a topic; its id in words where nothing better is known."""
    words = " ".join(_SPELT.get(word, word) for word in topic.split("_"))
    return _TOPICS.get(topic, words[:1].upper() + words[1:])


def unit_words(unit: str) -> str:
    """Return a unit as it stands behind a number, with the space before it."""
    shown = _UNITS.get(unit, unit)
    return f"\u00a0{shown}" if shown else ""


def sized(
    value: float | None, low: float | None, high: float | None, unit: str, *, digits: int = 3
) -> str:
    """Return a number with its interval, to the same place, and unit; empty without a number."""
    if value is None or math.isnan(value):
        return ""
    ends = [] if low is None or high is None or math.isnan(low + high) else [low, high]
    if ends == [value, value]:
        ends = []
    texts = [_figure(item, digits) for item in (value, *ends)]
    if not any("×" in text for text in texts):
        places = max(len(text.partition(".")[2]) for text in texts)
        texts = [f"{item:.{places}f}".replace("-", "−") for item in (value, *ends)]
    interval = f" ({texts[1]} to {texts[2]})" if ends else ""
    return f"{texts[0]}{interval}{unit_words(unit)}"


def _figure(value: float | None, digits: int = 4) -> str:
    return number(value, digits=digits).replace("-", "−")


def measured(outcome: Outcome, expectation: Expectation) -> str:
    """Return what was measured, with its interval; yes or no for a question of whether."""
    if math.isnan(outcome.value):
        return NOT_MEASURED
    if _is_question(expectation) and outcome.value in {0.0, 1.0}:
        return "yes" if outcome.value else "no"
    # Counts are told whole: 1,055 patients are not 1060.
    digits = 6 if outcome.value == round(outcome.value) else 3
    return sized(outcome.value, outcome.low, outcome.high, expectation.unit, digits=digits)


def expected(expectation: Expectation) -> str:
    """Return the range that the expectation asks for."""
    low, high = expectation.low, expectation.high
    if _is_question(expectation) and low == 1.0:
        return "yes"
    unit = unit_words(expectation.unit)
    if low is not None and high is not None:
        if low == high:
            return f"{_figure(low, 6)}{unit}"
        return f"{_figure(low)} to {_figure(high)}{unit}"
    if low is not None:
        return f"at least {_figure(low)}{unit}"
    return f"at most {_figure(high)}{unit}"


def _is_question(expectation: Expectation) -> bool:
    return expectation.quantity.startswith("whether ")


def held_in(outcome: Outcome) -> str:
    """Return in how many worlds the expectation holds; empty where there is one world."""
    if outcome.n_world < 2 or math.isnan(outcome.share):
        return ""
    told = f"holds in {round(outcome.share * outcome.n_world)} of {outcome.n_world} worlds"
    lost = WORLDS - outcome.n_world
    return f"{told} ({lost} of {WORLDS} could not be simulated)" if lost > 0 else told


def margin(outcome: Outcome) -> str:
    """Return how far the verdict is from turning; empty where nothing was judged."""
    if outcome.verdict in {"not_testable", "model_failed"} or math.isnan(outcome.margin):
        return ""
    if outcome.n_world < 2:
        far = number(outcome.margin, digits=2)
        return f"margin {far} times the bound" if outcome.margin else "at the bound"
    return (
        f"margin {100 * outcome.margin:.0f}\u00a0% of worlds "
        f"(Monte Carlo error {100 * outcome.mc_error:.0f}\u00a0%)"
    )


def control(judgement: Judgement, expectation: Expectation) -> str:
    """Return what the control found."""
    if judgement.control is None:
        return "not run: there was nothing to judge"
    verdict = VERDICT_NAMES[judgement.control.verdict]
    value = measured(judgement.control, expectation)
    return f"{_BROKEN[judgement.kind]}: {verdict}" + (
        "" if value == NOT_MEASURED else f" ({value})"
    )


def statement(item: Statement) -> str:
    """Return a statement of an audit as a clause, with its context."""
    clause = f"{item.subject} {_RELATION_NAMES[item.relation]} {item.object}"
    return clause if item.context == ANY_CONTEXT else f"{clause} [{item.context}]"


def support_words(item: Audit) -> str:
    """Return whether a work says what it is cited for, no surer than what was read of it."""
    found = support(item.claimed, item.found)
    if found == "silent":
        told = "does not say it"
        return told if item.read == "full_text" else f"{told} in its {READ_NAMES[item.read]}"
    return {
        "supports": "says it",
        "other_context": "says it of another system",
        "opposes": "says otherwise",
        "not_read": "could not be read",
    }[found]


def printed_words(entry: RegistryEntry) -> str:
    """Return a trial or standing as the review prints it."""
    parts = [
        entry.nct_printed,
        entry.condition_printed,
        f"phase {entry.phase_printed}" if entry.phase_printed else "",
        f"standing as the review has it: “{entry.standing_printed}”"
        if entry.standing_printed
        else "",
    ]
    return "; ".join(part for part in parts if part)


def found_words(entry: RegistryEntry) -> str:
    """Return a trial as it was found, without its number and the drug's standing."""
    if entry.condition_agrees == "unread":
        return "registration not read"
    parts = [
        entry.condition,
        f"phase {entry.phase}" if entry.phase else "",
        f"{entry.trial_state} {f'({entry.trial_date})' if entry.trial_date else ''}".strip(),
    ]
    return "; ".join(part for part in parts if part)


def standing_differs(entry: RegistryEntry) -> str:
    """Return what the review says of a regulator, where it is not so; empty elsewhere."""
    if not entry.standing_printed or entry.standing_printed == entry.standing:
        return ""
    return f"the review says “{entry.standing_printed}”"


def reading_words(row: Evidence) -> str:
    """Return the value of an evidence row with range and unit, as printed."""
    span = " to ".join(part for part in (row.low, row.high) if part)
    value = f"{row.value} ({span})" if row.value and span else row.value or span
    return value if row.unit in {"text", "direction", "1"} else f"{value} {row.unit}".strip()


def address(text: str) -> str:
    """Return a web address that a page may link to, empty for anything else."""
    parts = urlsplit(text)
    return text if parts.scheme in {"http", "https"} and parts.netloc else ""


def link(text: str, *, shown: str = "") -> Markup:
    """Return a source page as a link named by its host; words stand as they are."""
    if not address(text):
        return Markup("{}").format(text)
    host = Markup(".<wbr>").join(urlsplit(text).netloc.removeprefix("www.").split("."))
    return Markup('<a href="{}">{}</a>').format(text, shown or host)


def identifier_link(identifier: str) -> Markup:
    """Return an identifier as a link to where it resolves."""
    kind, _, rest = identifier.partition(":")
    if kind not in _ADDRESSES or not rest:
        return Markup("{}").format(identifier)
    shown = rest if kind == "nct" else identifier
    return link(_ADDRESSES[kind].format(rest), shown=shown)


def effect_words(item: Contradiction) -> str:
    """Return what a study of a disputed question found, in size or in words."""
    size = sized(item.effect, item.low, item.high, item.unit)
    return f"{item.measure}: {size}" if size else item.measure


def short_name(reference: Reference) -> str:
    """Return the author and year that open a citation, or its id where they are long."""
    name = reference.citation.partition(". ")[0]
    return name if _SHORT_NAME.fullmatch(name) else reference.id


@dataclass(frozen=True, kw_only=True)
class Sources:
    """Names of sources as links to their rows on the page."""

    knowledge: Knowledge

    def anchor(self, reference: str) -> str:
        """Return the id of a reference's row on the page."""
        number_ = self._numbers().get(reference)
        return f"src-{reference}" if number_ is None else f"ref-{number_}"

    def named(self, part: str) -> Markup:
        """Return an evidence or reference id as a link, words as they are."""
        if part in self.knowledge.evidence:
            return Markup('<a href="#{}">{}</a>').format(part, part)
        if part in self.knowledge.references:
            name = short_name(self.knowledge.references[part])
            return Markup('<a href="#{}">{}</a>').format(self.anchor(part), name)
        return Markup("{}").format(part)

    def listed(self, parts: Iterable[str]) -> Markup:
        """Return several sources with semicolons between."""
        return Markup("; ").join(self.named(part) for part in parts)

    def cited(self, numbers: Iterable[int]) -> Markup:
        """Return numbers of the review's list as links in brackets."""
        links = [Markup('<a href="#ref-{}">{}</a>').format(n, n) for n in numbers]
        return Markup("[{}]").format(Markup(", ").join(links)) if links else Markup("")

    def _numbers(self) -> Mapping[str, int]:
        return {item.reference: n for n, item in self.knowledge.review_references.items()}
