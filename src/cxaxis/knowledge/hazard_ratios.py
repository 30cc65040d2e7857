"""Hazard ratios of the axis in oesophageal cancer: what each study and each pool printed.

A study whose interval nobody could find is a row without numbers: it shows what is missing. A
pool of others is a row with the analysis ``pooled``; pools share patients with the studies and
with each other and are never pooled again.
"""

from __future__ import annotations

import math
import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal, cast, get_args

from cxaxis.core.errors import Finding, error, raise_on_errors, warning
from cxaxis.core.ids import did_you_mean
from cxaxis.knowledge.evidence import (
    EVIDENCE_STATUS,
    Evidence,
    EvidenceStatus,
    Reference,
    load_evidence,
    load_references,
)
from cxaxis.knowledge.tables import (
    Row,
    bad_cell,
    choice_findings,
    parse_number,
    read_table,
    sound_rows,
    split_ids,
)
from cxaxis.stats.study_effects import (
    PublishedPool,
    StudyEffect,
    effect_from_interval,
    effect_from_p_value,
)

Marker = Literal["CXCR4", "CXCL12", "ACKR3"]
Measured = Literal["ihc", "rna", "serum"]
Histology = Literal["escc", "adenocarcinoma", "mixed"]
Endpoint = Literal["OS", "CSS", "DFS", "RFS"]
Analysis = Literal["univariable", "multivariable", "pooled", "unstated"]
OutcomeDirection = Literal["adverse", "favourable", "none", "unknown"]
How = Literal["reported", "from_p_value", "from_events", "digitised_curve"]
HazardRatioRole = Literal["fitted", "held_out"]

HAZARD_RATIO_COLUMNS: Final = (
    "id",
    "marker",
    "measured",
    "study",
    "year",
    "histology",
    "n",
    "n_high",
    "n_study",
    "assay",
    "cut_off",
    "endpoint",
    "analysis",
    "direction",
    "hr",
    "low",
    "high",
    "p_value",
    "events",
    "how",
    "included_in",
    "evidence",
    "seen",
    "status",
    "role",
    "note",
)
_CHOICES: Final = (
    ("HAZR002", "marker", get_args(Marker)),
    ("HAZR023", "measured", get_args(Measured)),
    ("HAZR005", "histology", get_args(Histology)),
    ("HAZR007", "endpoint", get_args(Endpoint)),
    ("HAZR008", "analysis", get_args(Analysis)),
    ("HAZR009", "direction", get_args(OutcomeDirection)),
    ("HAZR016", "status", EVIDENCE_STATUS),
    ("HAZR017", "role", get_args(HazardRatioRole)),
)
_ID = re.compile(r"HRT[0-9]{3}\Z")
_COUNT = re.compile(r"[1-9][0-9]{0,6}\Z")
_YEAR = re.compile(r"(19|20)[0-9]{2}\Z")
_P_VALUE = re.compile(r"(<?)(0\.[0-9]{1,8})\Z")
# Printed to two decimals, an interval is seldom skewer than this on the log scale.
_MOST_SKEW: Final = 0.25
_MOST_DEPARTURE: Final = 0.02


@dataclass(frozen=True, kw_only=True)
class HazardRatio:
    """One marker, one study, one end point; or a pool of studies.

    Attributes
    ----------
    id
        ``HRT001`` and so on.
    marker
        ``CXCR4``, ``CXCL12`` or ``ACKR3``.
    measured
        ``ihc`` (staining of tumour cells), ``rna`` (of the whole tumour) or ``serum``: different
        quantities, never pooled with each other.
    study
        Id of the `Reference`.
    year
        Year of publication.
    histology
        ``escc``, ``adenocarcinoma`` or ``mixed``.
    n, n_high
        Patients, and those whose marker is high or positive; None where not found.
    n_study
        Studies behind a pool; None for a single study, or where not found.
    assay, cut_off
        What was stained or measured, and what counted as high; `cut_off` may be empty.
    endpoint
        ``OS`` overall, ``CSS`` cause-specific, ``DFS`` disease-free, ``RFS`` recurrence-free
        survival.
    analysis
        ``univariable``, ``multivariable``, ``pooled``, or ``unstated``.
    direction
        How a high marker goes with outcome: ``adverse``, ``favourable``, ``none`` (no
        association found), ``unknown`` (not read).
    hr, low, high
        Hazard ratio, high against low, with 95 % limits; all three or none.
    p_value
        Two-sided; None where not found.
    p_value_is_bound
        Whether only ``P < p_value`` was printed.
    events
        Deaths or relapses in both groups; None where not found.
    how
        Where `hr` comes from: ``reported``, ``from_p_value`` or ``from_events`` (Parmar and
        Tierney's rule), ``digitised_curve``; empty without `hr`.
    included_in
        Ids of the published pools that are known to hold this study.
    evidence
        Ids of evidence rows.
    seen
        Page where the row was read; empty unless `status` is ``seen``.
    status
        How well the row is known, as for evidence.
    role
        ``fitted`` may be pooled, ``held_out`` may only be shown beside a pool.
    note
        What a reader should know; for a row without `hr`, what was looked for.
    where
        ``file:line`` of the row.
    """

    id: str
    marker: Marker
    measured: Measured
    study: str
    year: int | None
    histology: Histology
    n: int | None
    n_high: int | None
    n_study: int | None
    assay: str
    cut_off: str
    endpoint: Endpoint
    analysis: Analysis
    direction: OutcomeDirection
    hr: float | None
    low: float | None
    high: float | None
    p_value: float | None
    p_value_is_bound: bool
    events: int | None
    how: How | Literal[""]
    included_in: tuple[str, ...]
    evidence: tuple[str, ...]
    seen: str
    status: EvidenceStatus
    role: HazardRatioRole
    note: str
    where: str

    @property
    def published_pool(self) -> PublishedPool | None:
        """The pool as printed, None for a single study or without the number of studies."""
        if self.analysis != "pooled" or self.n_study is None:
            return None
        if self.hr is None or self.low is None or self.high is None:
            return None
        return PublishedPool(
            label=self.study, ratio=self.hr, low=self.low, high=self.high, n_study=self.n_study
        )

    @property
    def effect(self) -> StudyEffect | None:
        """The log hazard ratio and its standard error, None without an interval."""
        if self.hr is None or self.low is None or self.high is None:
            return None
        return effect_from_interval(self.study, ratio=self.hr, low=self.low, high=self.high)


def load_hazard_ratios(path: Path | None = None) -> Mapping[str, HazardRatio]:
    """Return the hazard ratios by id, in file order, against the shipped evidence.

    Parameters
    ----------
    path
        Table to read; None reads the one that ships with the package.

    Raises
    ------
    UserInputError
        With every finding at once: a malformed table, id, number or interval, an unknown
        study, pool or evidence, a word outside a closed vocabulary.
    """
    references = load_references()
    rows, findings = read_hazard_ratios(
        path, evidence=load_evidence(references=references), references=references
    )
    raise_on_errors(findings)
    return rows


def read_hazard_ratios(
    path: Path | None = None,
    *,
    evidence: Mapping[str, Evidence],
    references: Mapping[str, Reference],
) -> tuple[Mapping[str, HazardRatio], tuple[Finding, ...]]:
    """Return the hazard ratios that could be read and every finding on the table."""
    table = read_table(path, "hazard_ratios.tsv", HAZARD_RATIO_COLUMNS)
    pools = {row["study"] for row in table.rows if row["analysis"] == "pooled"}

    def findings_of(row: Row) -> Iterator[Finding]:
        yield from _row_findings(row, references)
        yield from _count_findings(row)
        yield from _interval_findings(row)
        yield from _source_findings(row, evidence, pools)

    return sound_rows(table, findings_of, _hazard_ratio)


def _hazard_ratio(row: Row) -> HazardRatio:
    printed = _P_VALUE.match(row["p_value"])
    return HazardRatio(
        id=row["id"],
        marker=cast("Marker", row["marker"]),
        measured=cast("Measured", row["measured"]),
        study=row["study"],
        year=int(row["year"]) if row["year"] else None,
        histology=cast("Histology", row["histology"]),
        n=int(row["n"]) if row["n"] else None,
        n_high=int(row["n_high"]) if row["n_high"] else None,
        n_study=int(row["n_study"]) if row["n_study"] else None,
        assay=row["assay"],
        cut_off=row["cut_off"],
        endpoint=cast("Endpoint", row["endpoint"]),
        analysis=cast("Analysis", row["analysis"]),
        direction=cast("OutcomeDirection", row["direction"]),
        hr=parse_number(row["hr"]),
        low=parse_number(row["low"]),
        high=parse_number(row["high"]),
        p_value=float(printed[2]) if printed else None,
        p_value_is_bound=bool(printed and printed[1]),
        events=int(row["events"]) if row["events"] else None,
        how=cast("How", row["how"]),
        included_in=split_ids(row["included_in"]),
        evidence=split_ids(row["evidence"]),
        seen=row["seen"],
        status=cast("EvidenceStatus", row["status"]),
        role=cast("HazardRatioRole", row["role"]),
        note=row["note"],
        where=row.where,
    )


def _row_findings(row: Row, references: Mapping[str, Reference]) -> Iterator[Finding]:
    if _ID.match(row["id"]) is None:
        yield bad_cell("HAZR001", row, "id", "Use HRT and three digits, such as HRT012.")
    for code, column, allowed in _CHOICES:
        yield from choice_findings(code, row, column, allowed)
    study = references.get(row["study"])
    if study is None:
        hint = did_you_mean(row["study"], references) if row["study"] else ""
        cure = f"{hint} Every study is a row of references.tsv.".strip()
        yield bad_cell("HAZR003", row, "study", cure)
    if row["year"] and _YEAR.match(row["year"]) is None:
        yield bad_cell("HAZR004", row, "year", "Give four digits, or leave it empty.")
    elif row["year"] and study is not None and study.year not in (None, int(row["year"])):
        cure = f"The reference {study.id} says {study.year}. Make the two agree."
        yield bad_cell("HAZR004", row, "year", cure)
    if not row["assay"]:
        yield bad_cell("HAZR006", row, "assay", "Say what was measured, and with what.")


def _count_findings(row: Row) -> Iterator[Finding]:
    counts: dict[str, int] = {}
    for column in ("n", "n_high", "n_study", "events"):
        if row[column] and _COUNT.match(row[column]) is None:
            cure = "Give a whole number from 1, or leave it empty."
            yield bad_cell("HAZR010", row, column, cure)
        elif row[column]:
            counts[column] = int(row[column])
    if row["n_study"] and row["analysis"] != "pooled":
        yield bad_cell("HAZR010", row, "n_study", "A single study leaves it empty.")
    for column in ("n_high", "events"):
        if "n" in counts and counts.get(column, 0) > counts["n"]:
            yield bad_cell("HAZR010", row, column, f"It exceeds n, which is {row['n']}.")
    if row["p_value"] and (
        _P_VALUE.match(row["p_value"]) is None or parse_number(row["p_value"].lstrip("<")) == 0
    ):
        cure = "Give a number between 0 and 1 such as 0.012, or a bound such as <0.001."
        yield bad_cell("HAZR011", row, "p_value", cure)


def _interval_findings(row: Row) -> Iterator[Finding]:
    """Yield what is wrong with hazard ratio, limits, and where they come from."""
    sizes = {column: parse_number(row[column]) for column in ("hr", "low", "high")}
    wrong = [
        column for column, value in sizes.items() if row[column] and (value is None or value <= 0)
    ]
    if wrong:
        for column in wrong:
            yield bad_cell("HAZR012", row, column, "Give a positive number, or leave it empty.")
        return
    absent = [column for column, value in sizes.items() if value is None]
    if len(absent) == len(sizes):
        if row["how"]:
            yield bad_cell("HAZR014", row, "how", "Without a hazard ratio, leave it empty.")
        if not row["note"]:
            cure = "Without a hazard ratio, say what was looked for."
            yield bad_cell("HAZR018", row, "note", cure)
        return
    if absent:
        cure = "A hazard ratio has both limits; without an interval, leave all three empty."
        yield bad_cell("HAZR012", row, absent[0], cure)
        return
    hr, low, high = (sizes[column] or math.nan for column in ("hr", "low", "high"))
    if low > high:
        yield bad_cell("HAZR013", row, "low", f"high is {row['high']!r}. Give the lower end first.")
        return
    if not low <= hr <= high or low == high:
        cure = f"It must lie within {row['low']} to {row['high']}, which must differ."
        yield bad_cell("HAZR013", row, "hr", cure)
        return
    yield from choice_findings("HAZR014", row, "how", get_args(How))
    skew = abs(2.0 * math.log(hr) - math.log(low * high)) / math.log(high / low)
    if skew > _MOST_SKEW:
        message = (
            f"{row['id']}: hr {row['hr']} lies far from the middle of {row['low']} to "
            f"{row['high']} on the log scale. Compare with the source."
        )
        yield warning("HAZR019", row.where, message)
    if row["how"] == "from_p_value":
        yield from _derivation_findings(row, hr, low, high)


def _derivation_findings(row: Row, hr: float, low: float, high: float) -> Iterator[Finding]:
    """Yield a finding if a derived interval does not follow from its P value by the rule."""
    printed = _P_VALUE.match(row["p_value"])
    counts = [row[column] for column in ("n", "n_high", "events")]
    if printed is None or not all(_COUNT.match(count) for count in counts):
        cure = "A hazard ratio from a P value needs p_value, n, n_high and events."
        yield bad_cell("HAZR015", row, "how", cure)
        return
    n, n_high, events = (int(count) for count in counts)
    if not 0 < n_high < n or events > n or float(printed[2]) == 0:
        return
    derived = effect_from_p_value(
        row["id"],
        p_value=float(printed[2]),
        events=events,
        share_high=n_high / n,
        adverse=row["direction"] != "favourable",
    )
    due = (derived.ratio, *derived.limits())
    if any(
        abs(math.log(given / want)) > _MOST_DEPARTURE
        for given, want in zip((hr, low, high), due, strict=True)
    ):
        cure = (
            f"The rule gives {due[0]:.2f} ({due[1]:.2f} to {due[2]:.2f}) for P {row['p_value']}, "
            f"{events} events and {n_high} of {n} high."
        )
        yield bad_cell("HAZR015", row, "hr", cure)


def _source_findings(
    row: Row, evidence: Mapping[str, Evidence], pools: Collection[str]
) -> Iterator[Finding]:
    for item in split_ids(row["evidence"]):
        if item not in evidence:
            message = f"{row['id']}: unknown evidence {item!r}. {did_you_mean(item, evidence)}"
            yield error("HAZR020", row.where, message)
        elif evidence[item].role == "held_out" and row["role"] == "fitted":
            cure = f"Its evidence {item} is held_out and may only be compared with."
            yield bad_cell("HAZR017", row, "role", cure)
    for item in split_ids(row["included_in"]):
        if row["analysis"] == "pooled":
            yield bad_cell("HAZR021", row, "included_in", "A pool is in no pool. Leave it empty.")
        elif item not in pools:
            message = (
                f"{row['id']}: included_in names {item!r}, which has no row with analysis pooled. "
                f"{did_you_mean(item, pools)}"
            )
            yield error("HAZR021", row.where, message)
    if row["status"] == "seen" and not row["seen"]:
        cure = "Give the page where it was read, or set status to recalled."
        yield bad_cell("HAZR022", row, "seen", cure)
    if row["status"] == "recalled" and row["seen"]:
        cure = "A page that was read makes the status seen; else leave the cell empty."
        yield bad_cell("HAZR022", row, "seen", cure)
