"""Published margins: who was enrolled where, one share, mean or median of a covariate a row.

A virtual population is weighted, or selected, to have the margins of its setting
(`cxaxis.cohort.weights`). What patients were like when they entered is no outcome; rows that rest
on held-out evidence are refused all the same.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal, cast, get_args

from cxaxis.core.errors import Finding, raise_on_errors
from cxaxis.core.ids import is_sbml_id
from cxaxis.knowledge.evidence import Evidence, citation_findings, load_evidence
from cxaxis.knowledge.tables import (
    Row,
    bad_cell,
    choice_findings,
    parse_number,
    read_table,
    sound_rows,
    split_ids,
)

Statistic = Literal["share", "share_at_least", "mean", "sd", "median"]
MarginStatus = Literal["seen", "recalled", "derived"]
MarginRole = Literal["parameter", "fitted", "context"]

STATISTICS: Final[tuple[str, ...]] = get_args(Statistic)
SHARES: Final = ("share", "share_at_least")
MARGIN_COLUMNS: Final = (
    *("id", "setting", "covariate", "statistic", "level", "value", "study", "n", "evidence"),
    *("status", "role", "source", "note"),
)
MARGIN_SETTINGS: Final = ("resectable_escc", "locally_advanced_escc", "metastatic_escc")
#: Covariates that a margin may be of; no patient of the model has the last.
NUMBERS: Final = ("age_year", "pdl1_cps", "pdl1_tps")
NOT_MODELLED: Final = ("pdl1_tps",)
CATEGORIES: Final = ("sex", "site", "stage", "t", "n")


@dataclass(frozen=True, kw_only=True)
class Margin:
    """One published margin of the patients of a study.

    Attributes
    ----------
    id
        House id.
    setting
        Clinical setting in which the study enrolled.
    covariate
        Name of the covariate of a cohort.
    statistic
        ``share`` with that `level`; ``share_at_least`` the number in `level`; ``mean``, ``sd`` or
        ``median`` of a number.
    level
        Category or number; empty for a mean, standard deviation or median.
    value
        A share in (0, 1), else in the covariate's unit.
    study
        House name of the study.
    n
        Patients, at least 2.
    evidence
        Ids of evidence rows; empty where `source` says where it stands.
    status
        ``seen``, ``recalled`` or ``derived``.
    role
        ``parameter``, ``fitted`` or ``context``, as of the evidence.
    source
        Citation of a row without evidence.
    note
        What a reader should know.
    where
        ``file:line`` of the row.
    """

    id: str
    setting: str
    covariate: str
    statistic: Statistic
    level: str
    value: float
    study: str
    n: int
    evidence: tuple[str, ...]
    status: MarginStatus
    role: MarginRole
    source: str
    note: str
    where: str


def load_margins(path: Path | None = None) -> Mapping[str, Margin]:
    """Return the margins by id, in file order.

    Parameters
    ----------
    path
        Table to read; None reads the one that ships with the package.

    Raises
    ------
    UserInputError
        With every finding at once: a malformed table, id, word or number, a margin without a
        source, or one that rests on evidence that is unknown or held out.
    """
    margins, findings = read_margins(path, evidence=load_evidence())
    raise_on_errors(findings)
    return margins


def read_margins(
    path: Path | None = None, *, evidence: Mapping[str, Evidence]
) -> tuple[Mapping[str, Margin], tuple[Finding, ...]]:
    """Return the margins without an error and every finding on the table."""
    table = read_table(path, "margins.tsv", MARGIN_COLUMNS)

    def findings_of(row: Row) -> Iterator[Finding]:
        yield from _form_findings(row)
        yield from _source_findings(row, evidence)

    return sound_rows(table, findings_of, _margin)


def _margin(row: Row) -> Margin:
    return Margin(
        id=row["id"],
        setting=row["setting"],
        covariate=row["covariate"],
        statistic=cast("Statistic", row["statistic"]),
        level=row["level"],
        value=float(row["value"]),
        study=row["study"],
        n=int(row["n"]),
        evidence=split_ids(row["evidence"]),
        status=cast("MarginStatus", row["status"]),
        role=cast("MarginRole", row["role"]),
        source=row["source"],
        note=row["note"],
        where=row.where,
    )


def _form_findings(row: Row) -> Iterator[Finding]:
    for column in ("id", "study"):
        if not is_sbml_id(row[column]):
            cure = "Use lower-case letters, digits and underscores, such as neocrtec5010."
            yield bad_cell("MARG001", row, column, cure)
    yield from choice_findings("MARG002", row, "setting", MARGIN_SETTINGS)
    yield from choice_findings("MARG002", row, "statistic", STATISTICS)
    yield from choice_findings("MARG002", row, "status", get_args(MarginStatus))
    yield from choice_findings("MARG002", row, "role", get_args(MarginRole))
    stain = row["covariate"] == "cxcr4_ihc" or row["covariate"].startswith("ihc_")
    if not stain:
        yield from choice_findings("MARG003", row, "covariate", (*NUMBERS, *CATEGORIES))
    if (row["statistic"] == "share") == (row["covariate"] in NUMBERS):
        cure = "A category has a share; a number has share_at_least, mean, sd or median."
        yield bad_cell("MARG003", row, "statistic", cure)
    if (row["statistic"] in SHARES) != bool(row["level"]):
        yield bad_cell("MARG004", row, "level", "A share needs a level; nothing else has one.")
    if row["statistic"] == "share_at_least" and parse_number(row["level"]) is None:
        yield bad_cell("MARG004", row, "level", "Give the number from which patients count.")
    value = parse_number(row["value"])
    if value is None or value <= 0 or (row["statistic"] in SHARES and value >= 1):
        cure = "Give a share between 0 and 1, or a positive number in the covariate's unit."
        yield bad_cell("MARG005", row, "value", cure)
    if not row["n"].isdecimal() or int(row["n"]) < 2:
        yield bad_cell("MARG006", row, "n", "Give the number of patients, 2 or more.")


def _source_findings(row: Row, evidence: Mapping[str, Evidence]) -> Iterator[Finding]:
    cited = split_ids(row["evidence"])
    if bool(cited) == bool(row["source"]):
        cure = "Name evidence rows, or the source in words, one of the two."
        yield bad_cell("MARG007", row, "evidence", cure)
    yield from citation_findings(cited, evidence, where=row.where, citer=row["id"], code="MARG008")
