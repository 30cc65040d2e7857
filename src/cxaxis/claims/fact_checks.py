"""Data checks of facts and figures: what the review prints against a row that was read."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from cxaxis.claims.breaks import misread
from cxaxis.claims.check import data_check
from cxaxis.claims.context import CheckContext, WorldFailedError
from cxaxis.claims.records import Control, Measured
from cxaxis.knowledge.tables import parse_number

REVIEW_YEAR = 2021


def _number(ctx: CheckContext, evidence: str) -> float:
    number = ctx.reading(evidence).number
    if number is None:
        msg = f"{evidence} has no number."
        raise WorldFailedError(msg)
    return number


def _with_interval(ctx: CheckContext, evidence: str, unit: str) -> Measured:
    row = ctx.reading(evidence)
    low, high = parse_number(row.low), parse_number(row.high)
    return Measured(_number(ctx, evidence), unit, low, high)


def _over(values: Sequence[float], unit: str) -> Measured:
    """Return several readings of one thing: the last one, and the range of all."""
    return Measured(values[-1], unit, min(values), max(values))


def _says(ctx: CheckContext, evidence: str, words: str) -> Measured:
    """Return 1 if a reading says the words, else 0."""
    return Measured(float(words.casefold() in ctx.reading(evidence).value.casefold()), "1")


def reworded(*evidence: str) -> Control:
    """Return a control in which readings say something else."""

    def broken(ctx: CheckContext) -> CheckContext:
        rows = dict(ctx.knowledge.evidence)
        for item in evidence:
            rows[item] = replace(rows[item], value="another thing")
        return ctx.with_knowledge(evidence=rows)

    broken.__doc__ = f"Let {' and '.join(evidence)} say another thing."
    return broken


def _fewer(topic: str) -> Control:
    """Return a control without the studies of a topic."""

    def broken(ctx: CheckContext) -> CheckContext:
        of_topic = [k for k, v in ctx.knowledge.contradictions.items() if v.topic == topic]
        return ctx.without("contradictions", *of_topic)

    broken.__doc__ = f"Leave out the studies on {topic.replace('_', ' ')}."
    return broken


def _as_printed(topic: str, side: str, values: tuple[float, float]) -> Control:
    """Return a control in which every study of a topic reads as the review prints it."""

    def broken(ctx: CheckContext) -> CheckContext:
        rows = dict(ctx.knowledge.contradictions)
        for name, row in rows.items():
            if row.topic == topic and row.effect is not None and row.unit == side:
                inside = min(max(row.effect, values[0]), values[1])
                rows[name] = replace(row, effect=inside, low=None, high=None)
        return ctx.with_knowledge(contradictions=rows)

    broken.__doc__ = "Let every series read as the review prints it."
    return broken


def _shares(ctx: CheckContext, topic: str) -> Measured:
    effects = [
        row.effect
        for row in ctx.knowledge.contradictions.values()
        if row.topic == topic and row.unit == "%" and row.effect is not None
        if "share positive" in row.measure or "share overexpressing" in row.measure
        if "fibroblast" not in row.measure
    ]
    return Measured(sum(effects) / len(effects), "%", min(effects), max(effects))


@data_check(claims=["C001"], control=misread("ANN023", "ANN025", factor=2.0))
def rank_by_incidence(ctx: CheckContext) -> Measured:
    """Rank of oesophageal cancer by new cases, in the years read before the review."""
    return _over([_number(ctx, "ANN023"), _number(ctx, "ANN025")], "1")


@data_check(claims=["C002"], control=misread("ANN024", "ANN026", factor=2.0))
def rank_by_deaths(ctx: CheckContext) -> Measured:
    """Rank of oesophageal cancer by deaths, in the years read before the review."""
    return _over([_number(ctx, "ANN024"), _number(ctx, "ANN026")], "1")


@data_check(claims=["C003"], control=misread("ANN031", "ANN033", factor=0.5))
def share_of_squamous_cancer(ctx: CheckContext) -> Measured:
    """Share of oesophageal cancers that are squamous."""
    return _over([_number(ctx, "ANN033"), _number(ctx, "ANN031")], "%")


@data_check(claims=["C004"], control=misread("CLI158", factor=3.0))
def five_year_survival_in_a_registry(ctx: CheckContext) -> Measured:
    """Five-year overall survival of oesophageal cancer of all stages in a national registry."""
    return Measured(_number(ctx, "CLI158"), "%")


@data_check(claims=["C009"], control=misread("ANN036", factor=0.1))
def share_of_two_histologies(ctx: CheckContext) -> Measured:
    """Squamous cancer and adenocarcinoma together, as a share of new cases in 2018."""
    two = _number(ctx, "ANN032") + _number(ctx, "ANN036")
    return Measured(two / _number(ctx, "ANN039"), "1")


@data_check(claims=["C010"], control=misread("CLI156", "CLI157", factor=0.5))
def share_diagnosed_late(ctx: CheckContext) -> Measured:
    """Share diagnosed in clinical stage III or IV in a national registry."""
    return Measured(_number(ctx, "CLI156") + _number(ctx, "CLI157"), "%")


@data_check(claims=["C012"], control=misread("CLI159", factor=0.2))
def survival_gained_by_early_diagnosis(ctx: CheckContext) -> Measured:
    """Five-year survival of stage IA less that of all stages, in one resected series."""
    return Measured(_number(ctx, "CLI159") - _number(ctx, "ANN042"), "%")


@data_check(claims=["C014"], control=misread("ANN008", factor=0.5))
def chemokines_and_receptors(ctx: CheckContext) -> Measured:
    """Greater departure of the numbers of chemokines and receptors from 50 and 20."""
    departures = (_number(ctx, "ANN008") / 50.0 - 1.0, _number(ctx, "ANN009") / 20.0 - 1.0)
    return Measured(max(abs(item) for item in departures), "1")


@data_check(claims=["C015"], control=misread("ANN014", factor=3.0))
def mass_of_cxcl12(ctx: CheckContext) -> Measured:
    """Mass of mature CXCL12 alpha, from its residues and the mean mass of a residue."""
    return Measured(_number(ctx, "ANN014") * _number(ctx, "ANN040") / 1000.0, "kilodalton")


@data_check(claims=["C016"], control=misread("ANN007", factor=2.0))
def chemokine_families(ctx: CheckContext) -> Measured:
    """Number of chemokine families by cysteine spacing."""
    return Measured(_number(ctx, "ANN007"), "1")


@data_check(claims=["C017"], control=reworded("ANN015"))
def class_of_chemokine_receptors(ctx: CheckContext) -> Measured:
    """Whether chemokine receptors are recorded as seven-transmembrane receptors."""
    return _says(ctx, "ANN015", "seven-transmembrane")


@data_check(claims=["C021"], control=reworded("ANN001"))
def locus_of_cxcl12(ctx: CheckContext) -> Measured:
    """Whether the CXCL12 gene is recorded on 10q11."""
    return _says(ctx, "ANN001", "10q11")


@data_check(claims=["C022"], control=misread("ANN003", factor=0.5))
def isoforms_of_cxcl12(ctx: CheckContext) -> Measured:
    """Number of human CXCL12 splice variants."""
    return Measured(_number(ctx, "ANN003"), "1")


@data_check(claims=["C023"], control=reworded("ANN020"))
def first_name_of_cxcl12(ctx: CheckContext) -> Measured:
    """Whether CXCL12 was first described as a growth factor of pre-B cells."""
    return _says(ctx, "ANN020", "pre-B")


@data_check(claims=["C027"], control=misread("ANN016", factor=1.1))
def residues_of_cxcr4(ctx: CheckContext) -> Measured:
    """Number of residues of human CXCR4."""
    return Measured(_number(ctx, "ANN016"), "1")


@data_check(claims=["C144"], control=reworded("ANN034"))
def first_purpose_of_amd3100(ctx: CheckContext) -> Measured:
    """Whether AMD3100 came from a search for drugs against HIV."""
    return _says(ctx, "ANN034", "HIV")


@data_check(claims=["C090"], control=reworded("CLI016"))
def cxcr4_in_tumour_and_normal_tissue(ctx: CheckContext) -> Measured:
    """Whether CXCR4 stains more in ESCC than in paired normal tissue, in a series of 2024."""
    return _says(ctx, "CLI016", "higher in tumour")


@data_check(claims=["C092"], control=_fewer("ackr3_prognosis"))
def series_on_ackr3_before_the_review(ctx: CheckContext) -> Measured:
    """Number of ESCC series on ACKR3 published before the review."""
    years = [
        ctx.knowledge.references[row.study].year
        for row in ctx.knowledge.contradictions.values()
        if row.topic == "ackr3_prognosis" and row.study in ctx.knowledge.references
    ]
    return Measured(float(sum(year is not None and year < REVIEW_YEAR for year in years)), "1")


@data_check(
    claims=["C094"],
    control=_as_printed("cxcl12_protein_rna", "%", (50.0, 78.0)),
)
def cxcl12_positive_shares(ctx: CheckContext) -> Measured:
    """Share of ESCC positive for CXCL12 by immunohistochemistry: mean and range of the series."""
    return _shares(ctx, "cxcl12_protein_rna")


@data_check(
    claims=["C095"],
    control=_as_printed("cxcr4_ihc_positivity", "%", (61.0, 80.0)),
)
def cxcr4_positive_shares(ctx: CheckContext) -> Measured:
    """Share of ESCC positive for CXCR4 by immunohistochemistry: mean and range of the series."""
    return _shares(ctx, "cxcr4_ihc_positivity")


@data_check(claims=["C103"], control=reworded("CLI065"))
def serum_cxcl12_in_patients(ctx: CheckContext) -> Measured:
    """Whether serum CXCL12 is higher in oesophageal cancer than in controls, in the one series."""
    return _says(ctx, "CLI065", "higher")


@data_check(claims=["C104"], control=reworded("CLI066"))
def serum_cxcr4_in_patients(ctx: CheckContext) -> Measured:
    """Whether serum CXCR4 is lower in oesophageal cancer than in controls, in the one series."""
    return _says(ctx, "CLI066", "lower")


@data_check(claims=["C129"], control=misread("CLI047", swap_sign=True))
def pooled_odds_of_depth(ctx: CheckContext) -> Measured:
    """Pooled odds ratio of deep invasion, CXCR4-high against low."""
    return _with_interval(ctx, "CLI047", "1")


@data_check(claims=["C130"], control=misread("CLI049", swap_sign=True))
def pooled_odds_of_nodes(ctx: CheckContext) -> Measured:
    """Pooled odds ratio of nodal disease, CXCR4-high against low."""
    return _with_interval(ctx, "CLI049", "1")


@data_check(claims=["C131"], control=misread("CLI051", swap_sign=True))
def pooled_odds_of_stage(ctx: CheckContext) -> Measured:
    """Pooled odds ratio of stage III or IV, CXCR4-high against low."""
    return _with_interval(ctx, "CLI051", "1")


@data_check(claims=["C132"], control=misread("CLI052", swap_sign=True))
def pooled_odds_of_histology(ctx: CheckContext) -> Measured:
    """Pooled odds ratio of CXCR4 staining, squamous cancer against adenocarcinoma."""
    return _with_interval(ctx, "CLI052", "1")


@data_check(claims=["C147"], control=misread("DRG029", factor=0.2))
def collected_with_and_without_plerixafor(ctx: CheckContext) -> Measured:
    """Lymphoma patients who reach the target collection, plerixafor with G-CSF over G-CSF alone."""
    return Measured(_number(ctx, "DRG029") / _number(ctx, "DRG030"), "1")
